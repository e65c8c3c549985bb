//! Organisations and their agents: what an organisation signs, and how an agent presents it (protocol section 6.7).
//!
//! An organisation is its signing key, which is made offline; what people call it is the name under which a device pinned
//! that key. The server keeps what is signed here, and can make none of it.

use crate::account::Signed;
use crate::codec::{array, choice, decode, number};
use crate::ids::{AgentId, Bytes, Hash, SessionId, SignatureBytes, SigningKeyBytes, UnixMillis};
use crate::limits::{CLOCK_SLACK_MILLIS, MAX_CREDENTIAL_MILLIS, MAX_MESSAGE, MAX_REVOCATIONS, MAX_TITLE};
use crate::pairing::{Introduction, Terms};
use crate::preimage::{self, StatementKind};
use crate::signature::verify;

/// An organisation's contact card: what a device pins, from a file or a QR that the user got from the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationCard {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// The organisation's Ed25519 key, which signs the card.
    pub key: SigningKeyBytes,
    /// What it calls itself; at most [`MAX_TITLE`] bytes. The user may pin it under another name.
    pub name: String,
    /// Where its agents' portal is: an origin such as `https://glimpse.example`; may be empty.
    pub server: String,
    /// Hash of the X-Wing key to which notes for its audit are sealed.
    pub audit: Hash,
    /// When, by the organisation's clock.
    pub at: UnixMillis,
}

array!(OrganisationCard { suite, key, name, server, audit, at });

impl OrganisationCard {
    /// Whether it is of this suite, with texts within the limits.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.suite == crate::SUITE && (1..=MAX_TITLE).contains(&self.name.len()) && self.server.len() <= MAX_TITLE
    }
}

/// What an agent may do in the portal. On a customer's device both are agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Asks customers for a look.
    Agent,
    /// Sees the sessions and receipts of the organisation as well.
    Supervisor,
}

number!(Role { Agent = 1, Supervisor = 2 });

/// An organisation vouches for an agent, for a short while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Who vouches, and signs.
    pub organisation: SigningKeyBytes,
    /// Which agent.
    pub agent: AgentId,
    /// The name that customers read; at most [`MAX_TITLE`] bytes, not empty.
    pub name: String,
    /// The key that the agent's browser holds: Ed25519.
    pub key: SigningKeyBytes,
    /// What the agent may do.
    pub role: Role,
    /// From when.
    pub not_before: UnixMillis,
    /// Until when; at most [`MAX_CREDENTIAL_MILLIS`] later.
    pub not_after: UnixMillis,
}

array!(Credential { suite, organisation, agent, name, key, role, not_before, not_after });

impl Credential {
    /// Opens a credential that `organisation` signed, if it is one that may exist: of this suite, named, and short-lived.
    ///
    /// # Errors
    /// [`CredentialFault::Forged`].
    pub fn open(signed: &Signed, organisation: &SigningKeyBytes) -> Result<Self, CredentialFault> {
        let credential: Self =
            signed.open(StatementKind::Credential, organisation).map_err(|_| CredentialFault::Forged)?;
        let life = credential.not_after.since(credential.not_before);
        let fits = credential.suite == crate::SUITE
            && credential.organisation == *organisation
            && (1..=MAX_TITLE).contains(&credential.name.len())
            && (1..=MAX_CREDENTIAL_MILLIS).contains(&life);
        if fits { Ok(credential) } else { Err(CredentialFault::Forged) }
    }

    /// Whether it counts at `now`, given what the organisation has revoked.
    ///
    /// # Errors
    /// [`CredentialFault::Early`], [`CredentialFault::Expired`], or [`CredentialFault::Revoked`].
    pub fn check(&self, revoked: Option<&Revocations>, now: UnixMillis) -> Result<(), CredentialFault> {
        if now.plus(CLOCK_SLACK_MILLIS) < self.not_before {
            return Err(CredentialFault::Early);
        }
        if now >= self.not_after {
            return Err(CredentialFault::Expired);
        }
        if revoked.is_some_and(|revoked| revoked.cover(self)) {
            return Err(CredentialFault::Revoked);
        }
        Ok(())
    }
}

/// Why a credential does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// There is none, or it cannot be read.
    Missing,
    /// The user has not pinned the organisation that it names, or the pin does not count yet.
    Unknown,
    /// The organisation did not sign it, or the agent did not sign this pairing with its key.
    Forged,
    /// It does not count yet.
    Early,
    /// It is over.
    Expired,
    /// The organisation took it back.
    Revoked,
}

/// An agent whose credentials were taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedAgent {
    /// Which agent.
    pub agent: AgentId,
    /// Credentials that began at this time or before do not count.
    pub at: UnixMillis,
}

array!(RevokedAgent { agent, at });

/// What an organisation takes back. An entry can be left out once the longest credential would be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose, and who signs.
    pub organisation: SigningKeyBytes,
    /// Rising with each list: nobody takes one that is older than the newest seen.
    pub seq: u64,
    /// When, by the organisation's clock.
    pub at: UnixMillis,
    /// By rising agent id, each once; at most [`MAX_REVOCATIONS`].
    pub agents: Vec<RevokedAgent>,
}

array!(Revocations { suite, organisation, seq, at, agents });

impl Revocations {
    /// Opens a list that `organisation` signed.
    ///
    /// # Errors
    /// [`CredentialFault::Forged`].
    pub fn open(signed: &Signed, organisation: &SigningKeyBytes) -> Result<Self, CredentialFault> {
        let list: Self = signed.open(StatementKind::Revocations, organisation).map_err(|_| CredentialFault::Forged)?;
        let rising = list.agents.windows(2).all(|pair| matches!(pair, [one, next] if one.agent < next.agent));
        let fits = list.suite == crate::SUITE
            && list.organisation == *organisation
            && list.agents.len() <= MAX_REVOCATIONS
            && rising;
        if fits { Ok(list) } else { Err(CredentialFault::Forged) }
    }

    /// Whether a credential is among what was taken back.
    #[must_use]
    pub fn cover(&self, credential: &Credential) -> bool {
        self.agents.iter().any(|revoked| revoked.agent == credential.agent && credential.not_before <= revoked.at)
    }
}

/// How an agent presents a credential in one pairing: the content of an Introduction's *credential*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// A [`Credential`], as the organisation signed it.
    pub credential: Signed,
    /// By the agent's key, over [`preimage::presentation`].
    pub signature: SignatureBytes,
}

array!(Presented { credential, signature });

impl Presented {
    /// Reads what an Introduction holds, without a check.
    ///
    /// # Errors
    /// [`CredentialFault::Missing`].
    pub fn read(bytes: &[u8]) -> Result<Self, CredentialFault> {
        decode(bytes, MAX_MESSAGE).map_err(|_| CredentialFault::Missing)
    }

    /// Which organisation is said to vouch: to look for its pin. Nothing is known yet.
    ///
    /// # Errors
    /// [`CredentialFault::Missing`].
    pub fn organisation(&self) -> Result<SigningKeyBytes, CredentialFault> {
        let credential: Credential = self.credential.peek().map_err(|_| CredentialFault::Missing)?;
        Ok(credential.organisation)
    }

    /// Checks that `organisation` vouches for the agent and that the agent signed this pairing, whose transcript and viewer
    /// key are given, with this case and reason. Says nothing of the time: [`Credential::check`].
    ///
    /// # Errors
    /// [`CredentialFault::Forged`].
    pub fn open(
        &self,
        organisation: &SigningKeyBytes,
        transcript: &Hash,
        viewer: &SigningKeyBytes,
        case: &str,
        reason: &str,
    ) -> Result<Credential, CredentialFault> {
        let credential = Credential::open(&self.credential, organisation)?;
        let signed = preimage::presentation(transcript, viewer, self.credential.statement.as_slice(), case, reason);
        verify(&credential.key, &signed, &self.signature).map_err(|_| CredentialFault::Forged)?;
        Ok(credential)
    }
}

/// What an agent asked in a pairing, as both ends keep it: with it, a receipt's Terms say who asked, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// H of the pairing's transcript.
    pub transcript: Hash,
    /// The [`Introduction`], as ConfirmA sealed it.
    pub introduction: Bytes,
    /// The first check word.
    pub first: String,
    /// The second.
    pub second: String,
}

array!(Asked { transcript, introduction, first, second });

/// What [`Asked`] proves under Terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom the organisation that it names vouched for. Whether that organisation is known is another question.
    pub credential: Credential,
    /// The case.
    pub case: String,
    /// Why.
    pub reason: String,
    /// The words that both screens showed.
    pub words: [String; 2],
}

impl Asked {
    /// What these Terms commit to.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        preimage::asked(&self.transcript, self.introduction.as_slice(), [&self.first, &self.second])
    }

    /// Checks that it is what the first Terms of a session commit to, and every signature in it: the viewer's over the
    /// introduction, the agent's over the presentation, the organisation's over the credential, which counted when the session
    /// began. What was revoked is not asked.
    ///
    /// # Errors
    /// [`CredentialFault::Missing`] where it is about something else, [`CredentialFault::Forged`] where a signature does not
    /// hold, [`CredentialFault::Early`] or [`CredentialFault::Expired`] where the credential did not count then.
    pub fn check(&self, terms: &Terms) -> Result<Request, CredentialFault> {
        if self.commitment() != terms.asked || self.session() != terms.session {
            return Err(CredentialFault::Missing);
        }
        let request = self.check_by(&terms.viewer)?;
        request.credential.check(None, terms.issued)?;
        Ok(request)
    }

    /// The session of its pairing, whether or not it began.
    #[must_use]
    pub fn session(&self) -> SessionId {
        preimage::session_id(&self.transcript)
    }

    /// Checks every signature in it, for the browser whose session key is `viewer`: all that there is to check of a request
    /// that no Terms followed. The words are the word of whoever kept them.
    ///
    /// # Errors
    /// As [`Asked::check`].
    pub fn check_by(&self, viewer: &SigningKeyBytes) -> Result<Request, CredentialFault> {
        let said: Introduction =
            decode(self.introduction.as_slice(), MAX_MESSAGE).map_err(|_| CredentialFault::Missing)?;
        let signed = preimage::introduction(&self.transcript, said.credential.as_slice(), &said.case, &said.reason);
        verify(viewer, &signed, &said.signature).map_err(|_| CredentialFault::Forged)?;
        let presented = Presented::read(said.credential.as_slice())?;
        let organisation = presented.organisation()?;
        let credential = presented.open(&organisation, &self.transcript, viewer, &said.case, &said.reason)?;
        let words = [self.first.clone(), self.second.clone()];
        Ok(Request { credential, case: said.case, reason: said.reason, words })
    }
}

/// What an agent leaves for the audit of the organisation, sealed to its audit key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What was asked.
    Asked(Asked),
    /// What came of it, signed by the agent: a signed [`Outcome`].
    Outcome(Signed),
}

choice!(Note {
    1 => Asked { 0: inner },
    2 => Outcome { 0: inner },
});

/// How a session ended for the agent's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// The matter is settled.
    Settled,
    /// It is not.
    Open,
    /// A colleague goes on.
    HandedOver,
    /// The customer broke it off.
    BrokenOff,
}

number!(Settlement { Settled = 1, Open = 2, HandedOver = 3, BrokenOff = 4 });

/// What came of a session, in the agent's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Of which session.
    pub session: SessionId,
    /// Whose agent.
    pub organisation: SigningKeyBytes,
    /// Which.
    pub agent: AgentId,
    /// How.
    pub result: Settlement,
    /// More, in words; at most [`crate::limits::MAX_ASK`] bytes, may be empty.
    pub text: String,
    /// When, by the agent's clock.
    pub at: UnixMillis,
}

array!(Outcome { suite, session, organisation, agent, result, text, at });

/// An agent signs in to the portal; signed by the key in its browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSignIn {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose agent.
    pub organisation: SigningKeyBytes,
    /// Which.
    pub agent: AgentId,
    /// The origin that the page means.
    pub origin: String,
    /// As the server drew it.
    pub challenge: Hash,
}

array!(AgentSignIn { suite, organisation, agent, origin, challenge });

/// An organisation invites an agent to enrol a browser; tells the server, in place of the link's secret, a hash of what the
/// secret derives for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Who invites, and signs.
    pub organisation: SigningKeyBytes,
    /// Whom.
    pub agent: AgentId,
    /// SHA-256 of the token that the link's secret derives: whoever has the link, once, before it expires.
    pub token: Hash,
    /// When the link ends.
    pub expires: UnixMillis,
}

array!(Invitation { suite, organisation, agent, token, expires });

/// An organisation speaks to the server about its agents: asks for enrolments or sessions. Signed by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRequest {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Who asks.
    pub organisation: SigningKeyBytes,
    /// The origin that it means.
    pub origin: String,
    /// The path that it asks for, with its query.
    pub path: String,
    /// When, by its clock.
    pub at: UnixMillis,
}

array!(OrganisationRequest { suite, organisation, origin, path, at });

#[cfg(test)]
mod tests;
