//! What this device does to the account: each act is one link, on disk before it is sent, and sent byte for byte until
//! its fate is known.

use std::rc::Rc;

use glimpse_core::chain::{DrawnEpoch, Wrap, act};
use glimpse_wire::account::{Act, Head, Link, Policy, SignedLink};
use glimpse_wire::api::{AppendLink, Appended, DeviceWrap};
use glimpse_wire::chain::{ChainError, Standing};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_JSON, MAX_LINK};
use glimpse_wire::{DeviceId, ErrorCode, decode, encode, preimage};

use super::{KeptWrap, Known, Pending, bad_link, grown};
use crate::account::Device;
use crate::api::{json, with_json};
use crate::error::DeviceError;
use crate::transport::Method;

/// How often an act is made anew because another device was quicker.
const TRIES: u32 = 5;

/// How far the re-keying of sensitive records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rekeying {
    /// Records that were sealed anew by this call.
    pub done: usize,
    /// Those, and the ones that are still under an earlier epoch.
    pub all: usize,
}

impl Device {
    /// Takes devices out of the account and begins an epoch without them, in one link. From the moment that the server
    /// has it their shares are refused and their sessions end.
    ///
    /// A device that began the newest epoch and kept its seed to itself is taken out all the same: the next epoch then goes
    /// on from the newest seed that is here.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for none, or for this device itself; [`ErrorCode::NotFound`] for one that does not belong;
    /// [`DeviceError::NeedsSecond`]: [`Device::proposal`] has it then; [`DeviceError::Unsettled`]; [`ErrorCode::Conflict`]
    /// when other devices were quicker, again and again; as [`Device::sync`].
    pub async fn revoke(&self, devices: &[DeviceId]) -> Result<Head, DeviceError> {
        let mut leaving = devices.to_vec();
        leaving.sort_unstable();
        leaving.dedup();
        if leaving.is_empty() || leaving.contains(&self.keys().id()) {
            return Err(ErrorCode::Malformed.into());
        }
        let _settling = self.settle_without(&leaving);
        self.append(|known| {
            if leaving.iter().any(|device| known.chain.active(device).is_none()) {
                return Err(ErrorCode::NotFound.into());
            }
            let (seed, rng) = (known.seed_to_go_on_from()?, &mut self.rng());
            let drawn = match known.lack_of_seed() {
                None => DrawnEpoch::next(&known.chain, seed, &leaving, rng)?,
                Some(_) => DrawnEpoch::next_from_older(&known.chain, seed, &leaving, rng)?,
            };
            Ok((Act::Revoke { devices: leaving.clone(), epoch: drawn.epoch }, drawn.wraps))
        })
        .await
    }

    /// Begins an epoch for the same devices.
    ///
    /// # Errors
    /// [`DeviceError::NoSeed`]; otherwise as [`Device::revoke`].
    pub async fn rotate(&self) -> Result<Head, DeviceError> {
        self.append(|known| {
            let drawn = DrawnEpoch::next(&known.chain, known.present_seed()?, &[], &mut self.rng())?;
            Ok((Act::Rotate { epoch: drawn.epoch }, drawn.wraps))
        })
        .await
    }

    /// Changes the account's rules. What changing them needs is what the rules before ask for. `change` is called again
    /// where another device was quicker.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for rules outside the limits; otherwise as [`Device::revoke`].
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
            self.trusted_chain().await?;
            // Two links of this device for one place must not be: one whose fate is not known goes first.
            self.send_what_waits().await?;
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
    /// [`ErrorCode::Conflict`] when another link has its place: the chain is up to date then, and this link is forgotten.
    /// [`DeviceError::Unsettled`] when it is not known whether the server has it: it is kept, and sent again.
    pub(crate) async fn append_link(
        &self,
        known: &Known,
        link: SignedLink,
        wraps: Vec<KeptWrap>,
    ) -> Result<Head, DeviceError> {
        known.chain.clone().push(&link).map_err(refused_here)?;
        let place = known.chain.next_place();
        let pending = Pending { link, wraps };
        {
            let _held = self.home.lock_account().await?;
            let mut stored = self.home.chain().await?;
            let goes_on = usize::try_from(place.seq).is_ok_and(|seq| stored.links.len() == seq);
            if !goes_on || stored.pending.is_some() {
                self.synced.set(None);
                return Err(ErrorCode::Conflict.into());
            }
            stored.pending = Some(pending.clone());
            self.home.store_chain(&stored).await?;
        }
        self.send_link(&pending).await
    }

    /// Sends the link that this device signed and whose fate it does not know, if there is one.
    ///
    /// # Errors
    /// [`DeviceError::Unsettled`] when its fate is still not known.
    async fn send_what_waits(&self) -> Result<(), DeviceError> {
        let Some(pending) = self.home.chain().await?.pending else { return Ok(()) };
        match self.send_link(&pending).await {
            Err(error) if error.code() == Some(ErrorCode::Conflict) => self.tell_undone(&pending).await,
            sent => sent.map(|_| ()),
        }
    }

    /// Sends a link that is on disk, and takes it into the chain once the server has it. Only the chain says what became of
    /// it: an answer that names anything else than this link says nothing.
    pub(super) async fn send_link(&self, pending: &Pending) -> Result<Head, DeviceError> {
        let Some(place) = place_of(&pending.link) else { return Err(ErrorCode::Malformed.into()) };
        let body = AppendLink {
            link: Bytes(encode(&pending.link)),
            wraps: pending.wraps.iter().cloned().map(DeviceWrap::from).collect(),
        };
        let sent = self.persistently(|by| with_json(Method::Post, "/v1/account/links".to_owned(), &body).by(by)).await;
        let answered = match sent {
            // An answer that says it was taken and cannot be read says nothing: the link may be there.
            Ok(response) => {
                let appended = json::<Appended>(response, MAX_JSON).await;
                Ok(appended.is_ok_and(|appended| appended.head == place))
            }
            Err(error) => Err(error),
        };
        match answered {
            Ok(true) => self.take_own(pending, place).await,
            // Refused for what it says: no other end takes it, and it never was in the chain.
            Err(error)
                if matches!(
                    error.code(),
                    Some(ErrorCode::Malformed | ErrorCode::Unauthorised | ErrorCode::TooLarge | ErrorCode::DeviceHeld)
                ) =>
            {
                self.forget_pending(&pending.link).await?;
                Err(error)
            }
            Ok(false) => self.look_for(pending, place, DeviceError::Unsettled).await,
            Err(error) => {
                let unsettled = if error.code() == Some(ErrorCode::Conflict) { error } else { DeviceError::Unsettled };
                self.look_for(pending, place, unsettled).await
            }
        }
    }

    /// Asks the chain what became of a link: it is there, another has its place, or nobody knows.
    async fn look_for(&self, pending: &Pending, place: Head, otherwise: DeviceError) -> Result<Head, DeviceError> {
        self.synced.set(None);
        let from = self.head().seq;
        if let Ok(answer) = self.ask_account(from).await {
            self.take_account(from, &answer).await?;
        }
        match self.known().chain.compare(&place) {
            Standing::Same | Standing::Behind => {
                self.forget_pending(&pending.link).await?;
                Ok(place)
            }
            Standing::Forked => {
                self.forget_pending(&pending.link).await?;
                Err(ErrorCode::Conflict.into())
            }
            // A server that says it is taken, and does not show by what, is not believed.
            Standing::Ahead if otherwise.code() == Some(ErrorCode::Conflict) => Err(DeviceError::Unsettled),
            Standing::Ahead => Err(otherwise),
        }
    }

    /// The server has this link: it is in the chain, or comes with the next look where others were added before it.
    async fn take_own(&self, pending: &Pending, place: Head) -> Result<Head, DeviceError> {
        {
            let _held = self.home.lock_account().await?;
            let mut stored = self.home.chain().await?;
            let mut known = Known::open(&stored, &self.vault)?;
            if known.chain.next_place().seq == place.seq {
                known.chain.push(&pending.link).map_err(|error| bad_link(place.seq, error))?;
                stored.links.push(pending.link.clone());
                if !pending.wraps.is_empty() {
                    let given = replaced(&stored.wraps, &pending.wraps, &known);
                    (known, stored.wraps) = grown(known.chain, &stored.wraps, given, &self.vault);
                }
            }
            if known.chain.compare(&place) != Standing::Ahead {
                stored.pending = stored.pending.filter(|waiting| waiting.link != pending.link);
                self.home.store_chain(&stored).await?;
                self.known.replace(Rc::new(Known::open(&stored, &self.vault)?));
            }
        }
        match self.known().chain.compare(&place) {
            Standing::Same | Standing::Behind => {}
            Standing::Forked => return Err(ErrorCode::Conflict.into()),
            Standing::Ahead => return self.look_for(pending, place, DeviceError::Unsettled).await,
        }
        // Writers and the other devices rely on it; the next listing says it again if this is lost.
        let _stated = self.state_head().await;
        Ok(place)
    }
}

/// Where a link goes, and its hash.
pub(super) fn place_of(link: &SignedLink) -> Option<Head> {
    let decoded: Link = decode(link.link.as_slice(), MAX_LINK).ok()?;
    Some(Head { seq: decoded.seq, hash: preimage::link_hash(link.link.as_slice()) })
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
