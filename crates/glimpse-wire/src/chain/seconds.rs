//! When a second device signs, and which device may. One that is held back neither counts nor signs.
//!
//! Whether it still is held back an act says by its own time, where it carries one. For the others there is only the latest
//! time that the chain carries: a device that was free by then counts. Between the two a second signature may stand or not;
//! the server, which has a clock, says which.

use super::{Chain, ChainError, Member};
use crate::account::{Act, Head, Need, Second};
use crate::codec::encode;
use crate::ids::{DeviceId, UnixMillis};
use crate::preimage;
use crate::signature::verify;

impl Chain {
    /// Whether an act cannot be in the chain without a second device's signature.
    #[must_use]
    pub fn needs_second(&self, signer: &DeviceId, act: &Act) -> bool {
        self.needs_second_at(signer, act, self.dated)
    }

    /// The same by the clock of whoever asks; of an act that carries a time, by that one.
    #[must_use]
    pub fn needs_second_at(&self, signer: &DeviceId, act: &Act, now: UnixMillis) -> bool {
        let at = act.at();
        let policy = at.map_or(&self.policy, |at| self.policy_at(at));
        // Whoever has one other device only may take it out alone, or a lost one could never be.
        let (need, beside) = match act {
            Act::Add { .. } => (policy.adding, 0),
            Act::Revoke { .. } => (policy.revoking, 1),
            Act::Policy { .. } | Act::Recovery { .. } => (policy.pinning, 0),
            Act::Rotate { .. } => (Need::default(), 0),
        };
        need.second && self.others(signer, at.unwrap_or(now)).nth(beside).is_some()
    }

    /// Devices that belong, are not the signer, and are free at this time.
    fn others<'m>(&'m self, signer: &'m DeviceId, at: UnixMillis) -> impl Iterator<Item = &'m Member> {
        let other = move |member: &&Member| member.until.is_none() && member.id != *signer && member.is_free(at);
        self.members.iter().filter(other)
    }

    /// Who may sign an act as the second: one who does not leave by it, unless nobody else is left to ask.
    fn second<'m>(&'m self, signer: &'m DeviceId, act: &Act, device: &DeviceId) -> Option<&'m Member> {
        let leaves = |id: &DeviceId| match act {
            Act::Revoke { devices, .. } => devices.contains(id),
            Act::Add { .. } | Act::Rotate { .. } | Act::Policy { .. } | Act::Recovery { .. } => false,
        };
        let free_by = act.at().unwrap_or(UnixMillis(u64::MAX));
        let member = self.others(signer, free_by).find(|member| member.id == *device)?;
        let left_to_ask = || self.others(signer, self.dated).any(|member| !leaves(&member.id));
        if leaves(device) && left_to_ask() { None } else { Some(member) }
    }

    /// Checks that a second device signed where the policy asks for one and there is one, and that none did elsewhere.
    pub(super) fn has_second(
        &self,
        signer: &DeviceId,
        place: &Head,
        act: &Act,
        second: &[Second],
    ) -> Result<(), ChainError> {
        match second {
            [] if !self.needs_second(signer, act) => Ok(()),
            [one] if self.needs_second_at(signer, act, UnixMillis(u64::MAX)) => {
                let member = self.second(signer, act, &one.device).ok_or(ChainError::Policy)?;
                let signed = preimage::second_signature(&self.account, place, &encode(act));
                Ok(verify(&member.device.signing, &signed, &one.signature)?)
            }
            _ => Err(ChainError::Policy),
        }
    }
}
