//! The HTTP interface: paths, and JSON bodies with opaque fields in base64url (protocol section 8).
//!
//! | method, path | by | body → answer |
//! |---|---|---|
//! | `GET /v1/info` | anyone | → [`Info`] |
//! | `POST /v1/accounts` | anyone, throttled | [`CreateAccount`] → 201 [`Account`] |
//! | `POST /v1/sign-in/challenge` | anyone, throttled | [`ChallengeRequest`] → [`Challenge`] |
//! | `POST /v1/sign-in` | device | [`SignedJson`] of [`SignIn`] → [`Token`] |
//! | `GET /v1/account?from=` | device | → [`Account`] |
//! | `POST /v1/account/links` | device | [`AppendLink`] → [`Appended`] |
//! | `PUT /v1/account/links/{seq}` | device | [`AppendLink`] that the server has lost → [`Appended`] |
//! | `PUT /v1/account/names/{device}` | device | [`DeviceName`] → 204 |
//! | `DELETE /v1/account/recovery` | device | [`SignedJson`] of [`crate::account::Veto`] → 204 |
//! | `PUT /v1/account/checkpoint` | device | [`SignedJson`] of [`crate::record::Checkpoint`] → 204 |
//! | `PUT /v1/account/push` | device | [`PushSubscription`] → 204 |
//! | `DELETE /v1/account/push` | device | → 204 |
//! | `GET /v1/kits/{kit}` | anyone, throttled | → [`KitAccount`] |
//! | `POST /v1/recoveries` | recovery kit by signature | [`SignedJson`] of [`crate::account::RecoveryRequest`] → [`Recovering`] |
//! | `POST /v1/accounts/{account}/recover` | recovery kit by signature | [`AppendLink`] → [`Appended`] |
//! | `DELETE /v1/account` | device | [`SignedJson`] of [`AccountDeletion`] → 204 |
//! | `GET /v1/chains/{account}?from=` | anyone | → [`Chain`] |
//! | `PUT /v1/account/head` | device | [`SignedJson`] of [`crate::account::HeadStatement`] → 204 |
//! | `POST /v1/shares` | device | [`MintRequest`] → [`Minted`] |
//! | `PUT /v1/contents/{h0}` | device; a writer by upload token | sealed chunks → 204 |
//! | `GET /v1/contents/{h0}` | device | `Range` → sealed chunks |
//! | `POST /v1/records` | device | an Envelope, CBOR → 201 [`Published`] |
//! | `GET /v1/records?after=&limit=` | device | → a [`crate::record::Page`], CBOR |
//! | `POST /v1/records/{record}/versions/{version}/share` | device | → [`Share`] |
//! | `DELETE /v1/records/{record}` | device | [`SignedJson`] of [`crate::record::Deletion`] → 204 |
//! | `PUT /v1/records/{record}/decision` | device | [`SignedJson`] of [`crate::record::Decision`] → [`Published`] |
//! | `POST /v1/writes/shares` | writer | [`SignedJson`] of [`WriterMint`] → [`Minted`] with upload token |
//! | `POST /v1/writes` | writer by upload token | an Envelope, CBOR → 202 |
//! | `POST /v1/mailboxes` | device; to link, anyone, throttled | [`OpenMailbox`] → 201 [`Mailbox`] |
//! | `PUT /v1/mailboxes/{mailbox}/offer` | device by mailbox token | an Offer, CBOR → 204 |
//! | `DELETE /v1/mailboxes/{mailbox}` | device by mailbox token | → 204 |
//! | `POST /v1/claims` | anyone, throttled; for an agent's code, an agent | [`Claim`] → [`Claimed`] |
//! | `GET /v1/mailboxes/{mailbox}/socket` | either end | WebSocket: [`crate::mailbox`] |
//! | `POST /v1/sessions` | device | a [`crate::session::GrantSubmission`], CBOR → 201 |
//! | `POST /v1/sessions/{session}/terms` | device | the same → 204 |
//! | `GET /v1/sessions` | device | → [`Sessions`] |
//! | `PUT /v1/sessions/{session}/units/{unit}` | device | `u32` big-endian length, UnitEnvelope, sealed chunks → 204 |
//! | `POST /v1/sessions/{session}/open` | viewer by signature | [`crate::account::Signed`], CBOR → [`crate::session::Opened`], CBOR |
//! | `GET /v1/sessions/{session}/units/{unit}/content` | whoever knows both ids, once opened | `Range` → sealed chunks |
//! | `GET /v1/sessions/{session}/units/{unit}/blob` | whoever knows both ids, once opened | `Range` → sealed chunks of the record version that Terms name for a blob unit |
//! | `POST /v1/sessions/{session}/end` | device or viewer by signature | [`crate::account::Signed`] of [`crate::session::End`], CBOR → 204 |
//! | `POST /v1/sessions/{session}/stop` | another device by signature | [`crate::account::Signed`] of [`crate::session::Stop`], CBOR → 204 |
//! | `GET /v1/sessions/{session}/receipts?after=` | device | → [`Receipts`] |
//! | `POST /v1/sessions/{session}/countersign` | device | [`crate::account::Signed`] of [`crate::session::Countersignature`], CBOR → 204 |
//! | `GET /v1/organisations/{organisation}` | anyone | → [`Organisation`] |
//! | `PUT /v1/organisations/{organisation}` | organisation by signature | [`RegisterOrganisation`] → 204 |
//! | `PUT /v1/organisations/{organisation}/revocations` | organisation by signature | [`SignedJson`] of [`crate::organisation::Revocations`] → 204 |
//! | `POST /v1/organisations/{organisation}/invitations` | organisation by signature | [`SignedJson`] of [`crate::organisation::Invitation`] → 204 |
//! | `POST /v1/organisations/{organisation}/enrolments` | whoever holds the link, throttled | [`Enrol`] → 204 |
//! | `POST /v1/organisations/{organisation}/enrolled` | organisation by signature | [`SignedJson`] of [`crate::organisation::OrganisationRequest`] → [`Enrolments`] |
//! | `PUT /v1/organisations/{organisation}/credentials` | organisation by signature | [`SignedJson`] of [`crate::organisation::Credential`] → 204 |
//! | `POST /v1/organisations/{organisation}/sessions?before=` | organisation by signature | [`SignedJson`] of [`crate::organisation::OrganisationRequest`] → [`AgentSessions`] |
//! | `POST /v1/organisations/{organisation}/sessions/{session}/receipts?after=` | organisation by signature | [`SignedJson`] of [`crate::organisation::OrganisationRequest`] → [`Receipts`] |
//! | `POST /v1/agents/challenge` | anyone, throttled | [`AgentChallengeRequest`] → [`AgentChallenge`] |
//! | `POST /v1/agents/sign-in` | agent by signature, throttled | [`SignInAgent`] → [`AgentToken`] |
//! | `GET /v1/agent` | agent | → [`AgentToken`] |
//! | `DELETE /v1/agent` | agent | signs out → 204 |
//! | `PUT /v1/agent/sessions/{session}/notes/{n}` | agent of that session | a sealed note, bytes → 204 |
//! | `GET /v1/agent/sessions?before=` | supervisor | → [`AgentSessions`] |
//! | `GET /v1/agent/sessions/{session}/receipts?after=` | supervisor | → [`Receipts`] |
//!
//! Devices, agents and mailbox ends present tokens as `Authorization: Bearer <base64url>`; a device without one signs each request:
//! `Authorization: Signed <base64url of a [`crate::account::RequestProof`], CBOR>`. Errors are problem documents
//! (RFC 9457), [`Problem`]. What a session that is over answers is in protocol section 8.1.

mod accounts;
mod mailboxes;
mod organisations;
mod push;
mod sessions;
mod shares;
mod sign_in;

use serde::{Deserialize, Serialize};

use crate::ids::{Bytes, SignatureBytes, SigningKeyBytes, UnixMillis};

pub use accounts::{
    Account, AccountDeletion, AnnouncedRecovery, AppendLink, Appended, Chain, CreateAccount, DeviceName, DeviceWrap,
    Doubled, KitAccount, Recovering,
};
pub use mailboxes::{Claim, Claimed, Mailbox, OpenMailbox, PurposeWord};
pub use organisations::{
    AgentChallenge, AgentChallengeRequest, AgentSession, AgentSessions, AgentToken, Assertion, Enrol, Enrolment,
    Enrolments, Organisation, Passkey, RegisterOrganisation, Returned, SignInAgent,
};
pub use push::PushSubscription;
pub use sessions::{Receipts, SessionSummary, Sessions};
pub use shares::{MintRequest, Minted, Share, ShareScope, WriterMint};
pub use sign_in::{Challenge, ChallengeRequest, SignIn, Token};

/// The media type of CBOR bodies.
pub const CBOR: &str = "application/cbor";
/// The media type of sealed chunks.
pub const OCTETS: &str = "application/octet-stream";
/// The media type of problem documents.
pub const PROBLEM: &str = "application/problem+json";

/// An error, as RFC 9457 writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The slug of an [`crate::ErrorCode`].
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in English.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What to do next, in English.
    pub detail: String,
    /// Seconds after which trying again makes sense, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// What anyone may know of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// The server's clock.
    pub now: UnixMillis,
    /// Largest content of one record, in bytes, as this server sets it.
    pub max_content: u64,
    /// The Ed25519 key by which the server signs that it destroyed a session.
    pub signing_key: SigningKeyBytes,
    /// The key that the server names to push providers, an uncompressed P-256 point of [`crate::limits::PUSH_KEY_LEN`]
    /// bytes (RFC 8292 section 3.2); absent where it pushes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_key: Option<Bytes>,
}

/// A [`crate::account::Signed`] in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedJson {
    /// The canonical encoding of the statement.
    pub statement: Bytes,
    /// Over `lp(label of its kind, statement)`.
    pub signature: SignatureBytes,
}

impl From<SignedJson> for crate::account::Signed {
    fn from(signed: SignedJson) -> Self {
        Self { statement: signed.statement, signature: signed.signature }
    }
}

impl From<crate::account::Signed> for SignedJson {
    fn from(signed: crate::account::Signed) -> Self {
        Self { statement: signed.statement, signature: signed.signature }
    }
}

/// Answers a published version, and a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The server's number for this change.
    pub seq: u64,
}
