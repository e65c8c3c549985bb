//! How another's word about the chain stands to what this device has seen, and what follows from it.

use core::cell::RefCell;

use glimpse_wire::account::{Head, HeadStatement, Link, LinkBody, SignedLink};
use glimpse_wire::api::SignedJson;
use glimpse_wire::chain::{Chain, Standing};
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::signature::verify;
use glimpse_wire::{DeviceId, SUITE, decode};
use minicbor::{Decode, Encode};

use super::{Known, forked};
use crate::account::Device;
use crate::error::DeviceError;
use crate::inbox::Notice;

/// Two links at one place. Nothing that depends on the chain goes on until the owner has said which one counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Fork {
    /// The head of this device's chain.
    #[n(0)]
    pub ours: Head,
    /// A place at which the other end has another link than this device.
    #[n(1)]
    pub theirs: Head,
    /// Who named it.
    #[n(2)]
    pub named: ForkNamed,
}

/// Who named the other link.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ForkNamed {
    /// A device of the account, by its signature.
    #[n(0)]
    Device(#[n(0)] DeviceId),
    /// The server gave the link itself, signed as it must be.
    #[n(1)]
    Link(#[n(0)] SignedLink),
}

impl Fork {
    /// The device on whose word the other link rests, where one is known.
    #[must_use]
    pub fn by(&self) -> Option<DeviceId> {
        match &self.named {
            ForkNamed::Device(device) => Some(*device),
            ForkNamed::Link(link) => decoded(link).map(|link| link.signer),
        }
    }

    /// Whether nobody on whose word the other link rests counts any more in `chain`: the device does not belong, or, for a
    /// link of the recovery kit, the kit is another.
    pub(super) fn is_over(&self, chain: &Chain) -> bool {
        if let ForkNamed::Link(signed) = &self.named
            && decoded(signed).is_some_and(|link| matches!(link.body, LinkBody::Recover { .. }))
        {
            let preimage = preimage::link_signature(signed.link.as_slice());
            return chain.recovery().is_none_or(|kit| verify(&kit.signing, &preimage, &signed.signature).is_err());
        }
        self.by().is_some_and(|by| chain.active(&by).is_none())
    }
}

fn decoded(signed: &SignedLink) -> Option<Link> {
    decode(signed.link.as_slice(), MAX_LINK).ok()
}

/// What the owner is settling: words of devices that are about to be taken out do not stop it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settling {
    leaving: Vec<DeviceId>,
    /// The owner has said which log is right.
    pub(super) owner_decided: bool,
    /// What is done needs no seed of the newest epoch.
    pub(super) without_seed: bool,
}

/// Settles until it is dropped.
pub(crate) struct SettlingGuard<'d>(&'d RefCell<Settling>, Settling);

impl Drop for SettlingGuard<'_> {
    fn drop(&mut self) {
        self.0.replace(core::mem::take(&mut self.1));
    }
}

/// What the statements of an answer say.
pub(super) enum Said {
    /// Nothing that this device does not know.
    Nothing,
    /// A device has seen more than the server gave.
    More,
    /// A device has seen something else.
    Fork(Fork),
}

/// Checks what devices say of the chain's head. A statement that no device of the account signed says nothing.
pub(super) fn said(chain: &Chain, statements: &[SignedJson], settling: &Settling) -> Said {
    let mut more = false;
    for signed in statements {
        let signed = glimpse_wire::account::Signed::from(signed.clone());
        let Ok(claimed) = signed.peek::<HeadStatement>() else { continue };
        let Some(member) = chain.active(&claimed.device) else { continue };
        if settling.leaving.contains(&member.id) {
            continue;
        }
        let Ok(stated) = signed.open::<HeadStatement>(StatementKind::Head, &member.device.signing) else { continue };
        if stated.suite != SUITE || stated.account != chain.account() {
            continue;
        }
        match chain.compare(&stated.head) {
            Standing::Same | Standing::Behind => {}
            Standing::Ahead => more = true,
            Standing::Forked => {
                let named = ForkNamed::Device(stated.device);
                return Said::Fork(Fork { ours: chain.head(), theirs: stated.head, named });
            }
        }
    }
    if more { Said::More } else { Said::Nothing }
}

impl Device {
    /// While the guard lives, words of `leaving` stop nothing.
    pub(super) fn settle_without(&self, leaving: &[DeviceId]) -> SettlingGuard<'_> {
        let before = self.settling.borrow().clone();
        let settling = Settling { leaving: leaving.to_vec(), without_seed: true, ..before.clone() };
        self.settling.replace(settling);
        SettlingGuard(&self.settling, before)
    }

    /// While the guard lives, it stops nothing that whoever began the newest epoch kept its seed from this device.
    pub(super) fn settle_without_seed(&self) -> SettlingGuard<'_> {
        let before = self.settling.borrow().clone();
        self.settling.replace(Settling { without_seed: true, ..before.clone() });
        SettlingGuard(&self.settling, before)
    }

    /// While the guard lives, the remembered fork stops nothing: the owner has said which log is right.
    pub(super) fn settle_fork(&self, by: Option<DeviceId>) -> SettlingGuard<'_> {
        let before = self.settling.borrow().clone();
        let settling = Settling { leaving: by.into_iter().collect(), owner_decided: true, ..before.clone() };
        self.settling.replace(settling);
        SettlingGuard(&self.settling, before)
    }

    /// Compares a head that a device of the account named somewhere (in a record, a pairing, a checkpoint) with the
    /// chain; `by` is that device. One that is further ahead has the chain fetched. A fork is kept, and stops this device
    /// until its owner has settled it.
    ///
    /// # Errors
    /// [`glimpse_wire::ErrorCode::ChainForked`]; [`glimpse_wire::ErrorCode::ChainRolledBack`] when the server does not
    /// give the links; as [`Device::sync`].
    pub async fn meet_head(&self, head: &Head, by: DeviceId) -> Result<(), DeviceError> {
        if self.known().chain.compare(head) == Standing::Ahead {
            self.sync().await?;
        }
        let known = self.known();
        match known.chain.compare(head) {
            Standing::Same | Standing::Behind => Ok(()),
            Standing::Ahead => Err(super::rolled_back()),
            Standing::Forked => {
                let fork = Fork { ours: known.chain.head(), theirs: *head, named: ForkNamed::Device(by) };
                self.remember_fork(fork).await?;
                Err(forked())
            }
        }
    }

    /// The fork that stops this device, if there is one.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn fork(&self) -> Result<Option<Fork>, DeviceError> {
        Ok(self.home.chain().await?.fork)
    }

    pub(super) async fn remember_fork(&self, fork: Fork) -> Result<(), DeviceError> {
        let notice = Notice::Forked { ours: fork.ours, theirs: fork.theirs, by: fork.by() };
        {
            let _held = self.home.lock_account().await?;
            let mut stored = self.home.chain().await?;
            if stored.fork.is_some() {
                return Ok(());
            }
            stored.fork = Some(fork);
            self.home.store_chain(&stored).await?;
        }
        self.note(vec![notice]).await
    }

    /// Whether this device belongs to the account, as far as it has seen.
    pub(crate) fn require_member(&self, known: &Known) -> Result<(), DeviceError> {
        if known.chain.active(&self.keys().id()).is_some() {
            Ok(())
        } else {
            Err(glimpse_wire::ErrorCode::DeviceRevoked.into())
        }
    }
}
