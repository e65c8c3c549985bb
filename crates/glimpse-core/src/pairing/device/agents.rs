//! An agent at the other end: who vouches for whom, and the approval that takes it.

use glimpse_wire::organisation::{Asked, Credential, CredentialFault, Presented, Revocations};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, SessionId, SigningKeyBytes, UnixMillis};

use super::KeyConfirmed;
use crate::Monotonic;
use crate::session::Approved;
use crate::session::device::Decision;

/// Proof that an organisation whom the user pinned vouches for the agent of one pairing. Permits showing the agent as
/// verified; an approval uses it up.
#[derive(Debug)]
pub struct Vouched {
    session: SessionId,
    credential: Credential,
}

impl Vouched {
    /// Whom the organisation vouches for.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl KeyConfirmed {
    /// Whether an agent asks, rather than the user's own screen.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.purpose == Purpose::Agent
    }

    /// What the agent asked, to be kept with the receipts: the Terms commit to it. Nothing for the user's own screen.
    #[must_use]
    pub const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Which organisation the agent names: to look for the user's pin and for what it has revoked. Nothing is known yet.
    ///
    /// # Errors
    /// [`CredentialFault::Missing`].
    pub fn named_organisation(&self) -> Result<SigningKeyBytes, CredentialFault> {
        Presented::read(self.peer.credential.as_slice())?.organisation()
    }

    /// Checks the agent's credential: signed by `pinned`, an organisation's key that counts in the user's chain; in force at
    /// `now`; not among what the organisation revoked; and presented by the key that it names, in this very pairing, with this
    /// case and reason.
    ///
    /// # Errors
    /// Why it does not count.
    ///
    /// # Security
    /// `pinned` comes from the chain's policy in force, never from a message; `revoked` is the newest list that the device
    /// ever saw of this organisation.
    pub fn vouch(
        &self,
        pinned: &SigningKeyBytes,
        revoked: Option<&Revocations>,
        now: UnixMillis,
    ) -> Result<Vouched, CredentialFault> {
        if !self.is_agent() {
            return Err(CredentialFault::Missing);
        }
        let presented = Presented::read(self.peer.credential.as_slice())?;
        let peer = &self.peer;
        let credential = presented.open(pinned, &self.transcript, &peer.signing, &peer.case, &peer.reason)?;
        credential.check(revoked, now)?;
        Ok(Vouched { session: self.session, credential })
    }

    /// The user saw who asks and why, and said yes to `decision`, which lasts no longer than the credential.
    ///
    /// # Errors
    /// [`ErrorCode::ApprovalTimedOut`] after the deadline; [`ErrorCode::Malformed`] for a decision outside the limits;
    /// [`ErrorCode::CredentialInvalid`] for a proof of another pairing, and for a credential that does not count any more when
    /// the session begins, or ends before the shortest one would.
    ///
    /// # Security
    /// Call it for an act of the user on this device, never for a message.
    #[expect(clippy::needless_pass_by_value, reason = "a proof is used up by what it permits")]
    pub fn approve_agent(self, vouched: Vouched, decision: Decision, now: Monotonic) -> Result<Approved, ErrorCode> {
        if now >= self.deadline {
            return Err(ErrorCode::ApprovalTimedOut);
        }
        if !self.is_agent() || vouched.session != self.session {
            return Err(ErrorCode::CredentialInvalid);
        }
        // The user may have taken two minutes: an audit asks that it counts when the session begins.
        vouched.credential.check(None, decision.issued).map_err(|_| ErrorCode::CredentialInvalid)?;
        self.approved(decision)?.ends_by(vouched.credential.not_after)
    }
}

#[cfg(test)]
mod tests;
