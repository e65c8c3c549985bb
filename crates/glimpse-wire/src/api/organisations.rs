//! Organisations, their agents, and the agents' portal.

use serde::{Deserialize, Serialize};

use super::SignedJson;
use crate::ids::{AgentId, Bytes, Hash, SessionId, SigningKeyBytes, UnixMillis};

/// Makes an organisation known to a server whose operator has listed its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterOrganisation {
    /// A [`crate::organisation::OrganisationCard`].
    pub card: SignedJson,
    /// The X-Wing key whose hash the card names, [`crate::account::KEM_KEY_LEN`] bytes.
    pub audit_key: Bytes,
}

/// An organisation, as anyone may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// A [`crate::organisation::OrganisationCard`].
    pub card: SignedJson,
    /// The X-Wing key whose hash the card names.
    pub audit_key: Bytes,
    /// Whether the server enrols nobody without a passkey.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub passkey: bool,
    /// The newest [`crate::organisation::Revocations`]; absent where nothing was ever revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocations: Option<SignedJson>,
}

/// A browser enrols for an agent, by the link that the organisation made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// Whom the link invites.
    pub agent: AgentId,
    /// What the link's secret derives for the server.
    pub token: Hash,
    /// The key that the browser made: Ed25519.
    pub key: SigningKeyBytes,
    /// The passkey by which the agent will sign in; absent where the agent signs in by the browser's key alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Passkey>,
    /// By the link's secret, over [`crate::preimage::enrolment`]: for the organisation.
    pub proof: Hash,
}

/// A passkey of the portal (WebAuthn).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Its credential id, at most 1,023 bytes.
    pub id: Bytes,
    /// Its SubjectPublicKeyInfo, DER.
    pub key: Bytes,
}

/// Enrolments of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolments {
    /// By agent.
    pub enrolments: Vec<Enrolment>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Whom.
    pub agent: AgentId,
    /// The key that the browser made.
    pub key: SigningKeyBytes,
    /// The SubjectPublicKeyInfo of the passkey, DER; empty where there is none.
    pub passkey: Bytes,
    /// For the organisation to check before it vouches for the key.
    pub proof: Hash,
    /// When, by the server's clock.
    pub at: UnixMillis,
}

/// Asks for a challenge to sign in to the portal with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentChallengeRequest {
    /// Whose agent.
    pub organisation: SigningKeyBytes,
    /// Which.
    pub agent: AgentId,
}

/// A challenge; given for agents whom nobody knows, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentChallenge {
    /// 32 random bytes, good once; the challenge of the passkey as well.
    pub challenge: Hash,
    /// The id of the passkey that must answer; absent where none was enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Bytes>,
    /// Where the agent signs in at the organisation's identity provider, for this challenge alone: a URL that lacks its
    /// `redirect_uri`. Absent where the organisation has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The server's clock.
    pub now: UnixMillis,
    /// When it lapses.
    pub expires: UnixMillis,
}

/// Signs an agent in to the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInAgent {
    /// An [`crate::organisation::AgentSignIn`], by the key that was enrolled.
    pub signed: SignedJson,
    /// What the passkey says; needed where one was enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
    /// What the identity provider said; needed where the organisation has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Returned>,
}

/// With what an identity provider sent an agent's browser back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Good once, for the challenge that was its `state`.
    pub code: String,
    /// The path of the page to which it came, `/agent` or `/agent/sign-in`.
    pub back: String,
}

/// What a passkey says (WebAuthn section 5.2.2, AuthenticatorAssertionResponse).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// authenticatorData.
    pub authenticator_data: Bytes,
    /// clientDataJSON.
    pub client_data: Bytes,
    /// signature.
    pub signature: Bytes,
}

/// An agent who is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentToken {
    /// 32 random bytes.
    pub token: Hash,
    /// When it lapses.
    pub expires: UnixMillis,
    /// The newest [`crate::organisation::Credential`] of this agent for this key; absent where there is none that counts: the
    /// agent waits for the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<SignedJson>,
}

impl core::fmt::Debug for AgentToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AgentToken(until {}, credential: {})", self.expires.0, self.credential.is_some())
    }
}

/// Sessions that the agents of an organisation have had, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSessions {
    /// At most [`crate::limits::MAX_PAGE`].
    pub sessions: Vec<AgentSession>,
    /// Whether there are older ones: those before the last of these, whose id the next request names as `before`.
    pub more: bool,
}

/// One of them, as a supervisor reads it: who and when, and nothing of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSession {
    /// Which session.
    pub session: SessionId,
    /// Which agent.
    pub agent: AgentId,
    /// When it was granted.
    pub issued: UnixMillis,
    /// When it ends, or was to end.
    pub expires: UnixMillis,
    /// Units that Terms list.
    pub units: u64,
    /// Openings so far.
    pub opened: u64,
    /// The slug of why it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// What the agent left for the organisation's audit, sealed to its audit key, by number; empty for a supervisor.
    pub notes: Vec<Bytes>,
}
