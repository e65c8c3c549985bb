//! Which link fits a chain (protocol section 4). It is judged before anything changes.

use super::rules::NewRules;
use super::{Chain, ChainError, Member, OLDER_SEED_LEN};
use crate::account::{
    Act, DevicePublic, Epoch, Head, KEM_KEY_LEN, Link, LinkBody, RecoveryKeys, SignedLink, WrapCommitment,
};
use crate::codec::decode;
use crate::ids::{DeviceId, Hash, SignatureBytes, UnixMillis};
use crate::limits::{LINKS_FOR_RECOVERY, LINKS_FOR_REVOKING, MAX_DEVICES, MAX_HELD_MILLIS, MAX_LINK, MAX_LINKS};
use crate::preimage;
use crate::signature::{BadSignature, verify};

/// What a link that fits changes.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// When, where the link says so.
    pub(super) at: Option<UnixMillis>,
    pub(super) leaving: Vec<DeviceId>,
    pub(super) joining: Option<Member>,
    /// The kit that is there from here on, or that there is none.
    pub(super) kit: Option<Kit>,
    pub(super) epoch: Option<Epoch>,
    pub(super) rules: Option<NewRules>,
}

/// A recovery kit as the chain knows it.
#[derive(Debug)]
pub(super) struct Kit {
    pub(super) keys: Option<RecoveryKeys>,
    /// Of the newest epoch's seed.
    pub(super) wrap: Option<WrapCommitment>,
}

impl Chain {
    /// Judges a link as the next one.
    ///
    /// # Errors
    /// [`ChainError`].
    pub(super) fn fit(&self, signed: &SignedLink) -> Result<Change, ChainError> {
        let bytes = signed.link.as_slice();
        let link: Link = decode(bytes, MAX_LINK)?;
        if link.suite != crate::SUITE {
            return Err(ChainError::Malformed);
        }
        let place = self.next_place();
        if link.seq != place.seq || link.previous != place.hash {
            return Err(ChainError::NotNext);
        }
        if self.hashes.len() >= room_for(&link.body) {
            return Err(ChainError::Full);
        }
        match link.body {
            LinkBody::Genesis { .. } => Err(ChainError::Malformed),
            LinkBody::Act { act, second } => {
                let signer = self.active(&link.signer).ok_or(ChainError::NotAMember)?;
                verify(&signer.device.signing, &preimage::link_signature(bytes), &signed.signature)?;
                self.has_second(&link.signer, &place, &act, &second)?;
                self.fit_act(&link.signer, &place, act)
            }
            LinkBody::Recover { device, reverse, epoch, recovery } => {
                let kit = self.recovery.as_ref().ok_or(ChainError::NotAMember)?;
                verify(&kit.signing, &preimage::link_signature(bytes), &signed.signature)?;
                if link.signer != device.id() {
                    return Err(ChainError::Malformed);
                }
                self.fit_recovery(&place, kit, device, &reverse, epoch, recovery)
            }
        }
    }

    fn fit_act(&self, signer: &DeviceId, place: &Head, act: Act) -> Result<Change, ChainError> {
        Ok(match act {
            Act::Add { device, transcript, reverse, at, held } => {
                if !(self.policy_at(at).adding.held..=MAX_HELD_MILLIS).contains(&held) {
                    return Err(ChainError::Policy);
                }
                if self.present().count() >= MAX_DEVICES {
                    return Err(ChainError::Full);
                }
                let free_at = if held == 0 { UnixMillis(0) } else { at.plus(held) };
                let joining = self.fit_newcomer(place, signer, device, &transcript, &reverse, free_at)?;
                Change { at: Some(at), joining: Some(joining), ..Change::default() }
            }
            Act::Revoke { devices, epoch } => {
                let rising = devices.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
                if devices.is_empty() || !rising || devices.contains(signer) {
                    return Err(ChainError::Malformed);
                }
                if devices.iter().any(|device| self.active(device).is_none()) {
                    return Err(ChainError::NotAMember);
                }
                let staying = self.present().filter(|id| !devices.contains(id)).collect();
                is_next_epoch(&self.epochs, &epoch, staying, self.recovery.as_ref())?;
                Change { leaving: devices, epoch: Some(epoch), ..Change::default() }
            }
            Act::Rotate { epoch } => {
                is_next_epoch(&self.epochs, &epoch, self.present().collect(), self.recovery.as_ref())?;
                Change { epoch: Some(epoch), ..Change::default() }
            }
            Act::Policy { policy, at, held } => {
                Change { at: Some(at), rules: Some(self.fit_policy(policy, at, held)?), ..Change::default() }
            }
            Act::Recovery { keys, wraps } => {
                let keys = kit(keys)?;
                let wrapped: Vec<DeviceId> = wraps.iter().map(|wrap| wrap.device).collect();
                let expected: Vec<DeviceId> = keys.iter().map(RecoveryKeys::id).collect();
                if wrapped != expected {
                    return Err(ChainError::Epoch);
                }
                Change { kit: Some(Kit { keys, wrap: wraps.first().copied() }), ..Change::default() }
            }
        })
    }

    fn fit_recovery(
        &self,
        place: &Head,
        spoke: &RecoveryKeys,
        device: DevicePublic,
        reverse: &SignatureBytes,
        epoch: Epoch,
        recovery: Vec<RecoveryKeys>,
    ) -> Result<Change, ChainError> {
        let joining = self.fit_newcomer(place, &spoke.id(), device, &Hash::ZERO, reverse, UnixMillis(0))?;
        let keys = kit(recovery)?;
        if keys.as_ref() == Some(spoke) {
            // The kit that spoke has been put together in one place.
            return Err(ChainError::Malformed);
        }
        is_next_epoch(&self.epochs, &epoch, vec![joining.id], keys.as_ref())?;
        Ok(Change {
            leaving: self.present().collect(),
            joining: Some(joining),
            kit: Some(Kit { wrap: wrap_for(&epoch, keys.as_ref()), keys }),
            epoch: Some(epoch),
            ..Change::default()
        })
    }

    fn fit_newcomer(
        &self,
        place: &Head,
        adder: &DeviceId,
        device: DevicePublic,
        transcript: &Hash,
        reverse: &SignatureBytes,
        free_at: UnixMillis,
    ) -> Result<Member, ChainError> {
        if !is_device(&device) {
            return Err(ChainError::Malformed);
        }
        let id = device.id();
        let known = |member: &Member| member.id == id || member.device.signing == device.signing;
        if self.members.iter().any(known) {
            return Err(ChainError::Known);
        }
        let signed = preimage::reverse_signature(&self.account, place, &device, adder, transcript);
        verify(&device.signing, &signed, reverse).map_err(|BadSignature| ChainError::Reverse)?;
        Ok(Member { id, device, since: place.seq, until: None, free_at })
    }

    /// Devices that belong.
    fn present(&self) -> impl Iterator<Item = DeviceId> {
        self.members.iter().filter(|member| member.until.is_none()).map(|member| member.id)
    }
}

/// How many links there may be before one of this kind: a device that fills the chain up leaves room for its own
/// revocation, and for the kit.
const fn room_for(body: &LinkBody) -> usize {
    match body {
        LinkBody::Genesis { .. } | LinkBody::Recover { .. } => MAX_LINKS,
        LinkBody::Act { act, .. } => match act {
            Act::Revoke { .. } => MAX_LINKS - LINKS_FOR_RECOVERY,
            Act::Add { .. } | Act::Rotate { .. } | Act::Policy { .. } | Act::Recovery { .. } => {
                MAX_LINKS - LINKS_FOR_REVOKING
            }
        },
    }
}

/// The wrap of an epoch that is for the kit.
pub(super) fn wrap_for(epoch: &Epoch, kit: Option<&RecoveryKeys>) -> Option<WrapCommitment> {
    let id = kit?.id();
    epoch.wraps.iter().find(|wrap| wrap.device == id).copied()
}

/// The one set of recovery keys, or none.
pub(super) fn kit(keys: Vec<RecoveryKeys>) -> Result<Option<RecoveryKeys>, ChainError> {
    let mut keys = keys.into_iter();
    let first = keys.next();
    let fits = first.as_ref().is_none_or(|keys| keys.kem.0.len() == KEM_KEY_LEN) && keys.next().is_none();
    if fits { Ok(first) } else { Err(ChainError::Malformed) }
}

pub(super) fn is_device(device: &DevicePublic) -> bool {
    device.kem.0.len() == KEM_KEY_LEN && matches!(device.serial.0.len(), 0 | Hash::LEN)
}

/// Checks an epoch against those before it and those who belong: devices by rising id, and the recovery kit.
pub(super) fn is_next_epoch(
    before: &[Epoch],
    epoch: &Epoch,
    devices: Vec<DeviceId>,
    recovery: Option<&RecoveryKeys>,
) -> Result<(), ChainError> {
    let number = u32::try_from(before.len()).ok().and_then(|count| count.checked_add(1));
    let older = if before.is_empty() { 0 } else { OLDER_SEED_LEN };
    let mut wrapped = devices;
    wrapped.extend(recovery.map(RecoveryKeys::id));
    wrapped.sort_unstable_by_key(|id| id.0);
    let fits = Some(epoch.number) == number
        && epoch.account_key.0.len() == KEM_KEY_LEN
        && before.iter().all(|earlier| earlier.account_key != epoch.account_key)
        && epoch.previous_seed.0.len() == older
        && epoch.wraps.iter().map(|wrap| wrap.device).eq(wrapped.iter().copied());
    if fits { Ok(()) } else { Err(ChainError::Epoch) }
}
