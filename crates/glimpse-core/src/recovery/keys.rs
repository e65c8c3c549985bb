//! The private half of a kit, and what it signs and opens.

use core::fmt;

use glimpse_wire::account::{DevicePublic, Epoch, Head, LinkBody, RecoveryKeys, RecoveryRequest, Signed, SignedLink};
use glimpse_wire::chain::Chain;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, DeviceId, Hash, SUITE, UnixMillis};

use super::KitSecret;
use crate::error::OpenError;
use crate::kem::KemSecret;
use crate::keys::{AccountSeed, DeviceKeys, Signing};
use crate::{chain, derive};

/// The kit is not the one that the account's chain names: it was replaced, or is of another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account has another recovery kit, or none")]
pub struct WrongKit;

/// A kit's keys, put together again.
pub struct KitKeys {
    signing: Signing,
    kem: KemSecret,
}

impl KitKeys {
    pub(crate) fn of(secret: &KitSecret) -> Self {
        Self {
            signing: Signing::from_seed(&derive::kit_signing(&secret.0)),
            kem: KemSecret::from_seed(&derive::kit_kem(&secret.0)),
        }
    }

    /// What the chain names.
    #[must_use]
    pub fn public(&self) -> RecoveryKeys {
        RecoveryKeys { signing: self.signing.public(), kem: self.kem.public().to_wire() }
    }

    /// The kit's id in the chain.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.public().id()
    }

    /// Checks that this is the account's kit.
    ///
    /// # Errors
    /// [`WrongKit`].
    pub fn is_of(&self, chain: &Chain) -> Result<(), WrongKit> {
        if chain.recovery() == Some(&self.public()) { Ok(()) } else { Err(WrongKit) }
    }

    /// Asks for a recovery in which `device` begins anew.
    #[must_use]
    pub fn request(&self, account: AccountId, head: Head, device: DevicePublic, at: UnixMillis) -> Signed {
        let request = RecoveryRequest { suite: SUITE, account, head, device, at };
        self.signing.sign_statement(StatementKind::Recovery, &request)
    }

    /// Opens the newest epoch's seed as it is wrapped to the kit, and adopts it only if it is the one that the chain
    /// commits to.
    ///
    /// # Errors
    /// [`OpenError`] whatever the cause, another kit than the chain's included.
    pub fn open_seed(&self, chain: &Chain, wrap: &[u8]) -> Result<AccountSeed, OpenError> {
        let committed = chain.kit_wrap().ok_or(OpenError)?;
        chain::adopt(&self.id(), &self.kem, chain.epoch().ok_or(OpenError)?, committed, wrap)
    }

    /// The link with which the account begins anew: every device so far is out, `device` is in, and `next` takes the
    /// place of this kit. `epoch` is drawn by [`crate::chain::DrawnEpoch::recovered`] for the same two.
    #[must_use]
    pub fn recover(
        &self,
        chain: &Chain,
        keys: &DeviceKeys,
        device: DevicePublic,
        epoch: Epoch,
        next: Option<RecoveryKeys>,
    ) -> SignedLink {
        let place = chain.next_place();
        let reverse = chain::join(&chain.account(), &place, keys, &device, &self.id(), &Hash::ZERO);
        let body = LinkBody::Recover { device, reverse, epoch, recovery: next.into_iter().collect() };
        chain::sign(&self.signing, &place, keys.id(), body)
    }
}

impl fmt::Debug for KitKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KitKeys({}, redacted)", self.id())
    }
}
