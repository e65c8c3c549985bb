//! What this device does to the account: each act is one link, on disk before it is sent, and sent byte for byte until
//! its fate is known.

use std::rc::Rc;

use glimpse_core::chain::{DrawnEpoch, Wrap, act};
use glimpse_wire::account::{Act, Head, Policy, SignedLink};
use glimpse_wire::api::{AppendLink, Appended, DeviceWrap};
use glimpse_wire::chain::ChainError;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::{DeviceId, ErrorCode, encode};

use super::{KeptWrap, Known, Pending, bad_link};
use crate::account::Device;
use crate::api::{json, with_json};
use crate::error::DeviceError;
use crate::transport::Method;

/// How often an act is made anew because another device was quicker.
const TRIES: u32 = 5;

/// How far the re-keying of sensitive records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rekeying {
    /// Records under the newest epoch.
    pub done: usize,
    /// Of so many.
    pub all: usize,
}

impl Device {
    /// Takes devices out of the account and begins an epoch without them, in one link. From the moment that the server
    /// has it their shares are refused and their sessions end.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] for a device that does not belong; [`DeviceError::NeedsSecond`]; as [`Device::sync`].
    pub async fn revoke(&self, devices: &[DeviceId]) -> Result<Head, DeviceError> {
        let mut leaving = devices.to_vec();
        leaving.sort_unstable();
        leaving.dedup();
        if leaving.is_empty() || leaving.contains(&self.keys().id()) {
            return Err(ErrorCode::Malformed.into());
        }
        self.append(|known| {
            if leaving.iter().any(|device| known.chain.active(device).is_none()) {
                return Err(ErrorCode::NotFound.into());
            }
            let drawn = DrawnEpoch::next(&known.chain, known.present_seed()?, &leaving, &mut self.rng())?;
            Ok((Act::Revoke { devices: leaving.clone(), epoch: drawn.epoch }, drawn.wraps))
        })
        .await
    }

    /// Begins an epoch for the same devices.
    ///
    /// # Errors
    /// As [`Device::sync`].
    pub async fn rotate(&self) -> Result<Head, DeviceError> {
        self.append(|known| {
            let drawn = DrawnEpoch::next(&known.chain, known.present_seed()?, &[], &mut self.rng())?;
            Ok((Act::Rotate { epoch: drawn.epoch }, drawn.wraps))
        })
        .await
    }

    /// Changes the account's rules. What a rule asks for is taken from the rules before.
    ///
    /// # Errors
    /// [`DeviceError::NeedsSecond`]; [`ErrorCode::Malformed`] for rules outside the limits; as [`Device::sync`].
    pub async fn set_policy(&self, change: impl Fn(&mut Policy)) -> Result<Head, DeviceError> {
        self.append(|known| {
            let mut policy = known.chain.signed_policy().clone();
            let held = known.chain.policy().pinning.held;
            change(&mut policy);
            Ok((Act::Policy { policy, at: self.machine.now(), held }, Vec::new()))
        })
        .await
    }

    /// Makes an act for the chain as it is, and has it added. Another device that is quicker has it made anew.
    pub(crate) async fn append(
        &self,
        make: impl Fn(&Known) -> Result<(Act, Vec<Wrap>), DeviceError>,
    ) -> Result<Head, DeviceError> {
        let mut tries = 0u32;
        loop {
            tries = tries.saturating_add(1);
            let known = self.trusted_chain().await?;
            let (what, wraps) = make(&known)?;
            // The server asks by its clock for a second device where the chain alone cannot.
            let by_clock = known.chain.needs_second_at(&self.keys().id(), &what, self.machine.now());
            let link = act(&known.chain, self.keys(), what.clone(), None);
            let wraps = wraps.into_iter().map(|wrap| KeptWrap { device: wrap.device, wrap: Bytes(wrap.sealed) });
            let wraps: Vec<KeptWrap> = wraps.collect();
            let appended = if by_clock {
                Err(DeviceError::NeedsSecond)
            } else {
                self.append_link(&known, link, wraps.clone()).await
            };
            match appended {
                Err(DeviceError::NeedsSecond) => {
                    self.keep_waiting(&known, &what, wraps).await?;
                    return Err(DeviceError::NeedsSecond);
                }
                Err(error) if error.code() == Some(ErrorCode::Conflict) && tries < TRIES => {}
                appended => return appended,
            }
        }
    }

    /// Adds a link that was made for `known`.
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`] when another link has its place: the chain is up to date then.
    pub(crate) async fn append_link(
        &self,
        known: &Known,
        link: SignedLink,
        wraps: Vec<KeptWrap>,
    ) -> Result<Head, DeviceError> {
        known.chain.clone().push(&link).map_err(refused_here)?;
        {
            let _held = self.home.lock_account().await?;
            let mut stored = self.home.chain().await?;
            if stored.links.len() != usize::try_from(known.chain.next_place().seq).unwrap_or(usize::MAX) {
                self.synced.set(None);
                return Err(ErrorCode::Conflict.into());
            }
            stored.pending = Some(Pending { link: link.clone(), wraps });
            self.home.store_chain(&stored).await?;
        }
        match self.send_pending().await {
            Ok(head) => Ok(head),
            Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                self.forget_pending(&link).await?;
                self.synced.set(None);
                Err(error)
            }
            Err(error) => {
                // What cannot be sent stays; what the server will never take does not.
                if matches!(error.code(), Some(ErrorCode::Malformed | ErrorCode::Unauthorised | ErrorCode::TooLarge)) {
                    self.forget_pending(&link).await?;
                }
                Err(error)
            }
        }
    }

    /// Sends the link that waits, and takes it into the chain once the server has it.
    pub(super) async fn send_pending(&self) -> Result<Head, DeviceError> {
        let Some(pending) = self.home.chain().await?.pending else { return Ok(self.head()) };
        let body = AppendLink {
            link: Bytes(encode(&pending.link)),
            wraps: pending.wraps.iter().cloned().map(DeviceWrap::from).collect(),
        };
        let credential = self.credential().await?;
        let sent = self.again_if_lost(|| with_json(Method::Post, "/v1/account/links".to_owned(), &body).by(credential));
        let appended: Appended = json(sent.await?, MAX_JSON).await?;
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        let mut known = Known::open(&stored, &self.vault)?;
        if known.chain.compare(&appended.head) == glimpse_wire::chain::Standing::Ahead {
            let next = known.chain.next_place();
            if appended.head.seq != next.seq {
                // Others were added between: the next look brings them, this one included.
                drop(_held);
                self.synced.set(None);
                return Ok(appended.head);
            }
            known.chain.push(&pending.link).map_err(|error| bad_link(next.seq, error))?;
            if known.chain.head() != appended.head {
                return Err(ErrorCode::Malformed.into());
            }
            stored.links.push(pending.link.clone());
            if !pending.wraps.is_empty() {
                stored.wraps = replaced(&stored.wraps, &pending.wraps, &known);
            }
        }
        if stored.pending.as_ref().is_some_and(|waiting| waiting.link == pending.link) {
            stored.pending = None;
        }
        self.home.store_chain(&stored).await?;
        self.known.replace(Rc::new(Known::open(&stored, &self.vault)?));
        drop(_held);
        // Writers and the other devices rely on it; the next listing says it again if this is lost.
        let _stated = self.state_head().await;
        Ok(appended.head)
    }
}

/// Wraps of an epoch take the place of all others; those of a kit, of the kit's before.
fn replaced(kept: &[KeptWrap], given: &[KeptWrap], known: &Known) -> Vec<KeptWrap> {
    let whole = known.chain.epoch().is_some_and(|epoch| epoch.wraps.len() == given.len());
    if whole {
        return given.to_vec();
    }
    let devices = kept.iter().filter(|wrap| known.chain.members().iter().any(|member| member.id == wrap.device));
    devices.chain(given).cloned().collect()
}

/// Why a link that this device made does not fit its own chain.
fn refused_here(error: ChainError) -> DeviceError {
    match error {
        ChainError::Policy => DeviceError::NeedsSecond,
        ChainError::Full => ErrorCode::TooLarge.into(),
        ChainError::NotNext => ErrorCode::Conflict.into(),
        ChainError::NotAMember => ErrorCode::DeviceRevoked.into(),
        ChainError::Known => DeviceError::KnownDevice,
        ChainError::Malformed | ChainError::Signature | ChainError::Reverse | ChainError::Epoch => {
            ErrorCode::Malformed.into()
        }
    }
}
