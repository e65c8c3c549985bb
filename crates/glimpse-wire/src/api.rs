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
//! | `POST /v1/writes/shares` | writer | [`SignedJson`] of [`WriterMint`] → [`Minted`] with upload token |
//! | `POST /v1/writes` | writer by upload token | an Envelope, CBOR → 202 |
//! | `POST /v1/mailboxes` | device; to link, anyone, throttled | [`OpenMailbox`] → 201 [`Mailbox`] |
//! | `PUT /v1/mailboxes/{mailbox}/offer` | device by mailbox token | an Offer, CBOR → 204 |
//! | `DELETE /v1/mailboxes/{mailbox}` | device by mailbox token | → 204 |
//! | `POST /v1/claims` | anyone, throttled | [`Claim`] → [`Claimed`] |
//! | `GET /v1/mailboxes/{mailbox}/socket` | either end | WebSocket: [`crate::mailbox`] |
//! | `POST /v1/sessions` | device | a [`crate::session::GrantSubmission`], CBOR → 201 |
//! | `POST /v1/sessions/{session}/terms` | device | the same → 204 |
//! | `GET /v1/sessions` | device | → [`Sessions`] |
//! | `PUT /v1/sessions/{session}/units/{unit}` | device | `u32` big-endian length, UnitEnvelope, sealed chunks → 204 |
//! | `POST /v1/sessions/{session}/open` | viewer by signature | [`crate::account::Signed`], CBOR → [`crate::session::Opened`], CBOR |
//! | `GET /v1/sessions/{session}/units/{unit}/content` | whoever knows both ids, once opened | `Range` → sealed chunks |
//! | `GET /v1/sessions/{session}/units/{unit}/blob` | whoever knows both ids, once opened | `Range` → sealed chunks of the record version that Terms name for a blob unit |
//! | `POST /v1/sessions/{session}/end` | device or viewer by signature | [`crate::account::Signed`] of [`crate::session::End`], CBOR → 204 |
//! | `GET /v1/sessions/{session}/receipts?after=` | device | → [`Receipts`] |
//! | `POST /v1/sessions/{session}/countersign` | device | [`crate::account::Signed`] of [`crate::session::Countersignature`], CBOR → 204 |
//!
//! Devices and mailbox ends present tokens as `Authorization: Bearer <base64url>`; a device without one signs each request:
//! `Authorization: Signed <base64url of a [`crate::account::RequestProof`], CBOR>`. Errors are problem documents
//! (RFC 9457), [`Problem`]. What a session that is over answers is in protocol section 8.1.

use crate::codec::array;
use serde::{Deserialize, Serialize};

use crate::account::Head;
use crate::ids::{
    AccountId, Bytes, DeviceId, Hash, MailboxId, RecordId, Salt, SessionId, SignatureBytes, SigningKeyBytes, UnitId,
    UnixMillis,
};
use crate::pairing::Purpose;

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
}

/// Founds an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateAccount {
    /// A [`crate::account::SignedLink`], CBOR.
    pub genesis: Bytes,
    /// The seed of epoch 1, wrapped to the first device; the link commits to it.
    pub wrap: Bytes,
}

/// An account as its devices read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its chain, and what its devices say of it.
    #[serde(flatten)]
    pub chain: Chain,
    /// The seed of the newest epoch, wrapped to each that the chain lists, in its order.
    pub wraps: Vec<DeviceWrap>,
    /// The sealed names of its devices.
    pub names: Vec<DeviceName>,
    /// A recovery that was asked for and has not taken place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<AnnouncedRecovery>,
    /// Devices whose state turned up in two places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubled: Vec<Doubled>,
}

/// A seed wrapped to one device, or to the recovery kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWrap {
    /// For whom.
    pub device: DeviceId,
    /// The wrapped seed.
    pub wrap: Bytes,
}

/// What a device is called, sealed under a key that follows from the seed of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceName {
    /// Which device.
    pub device: DeviceId,
    /// Of which epoch the key is.
    pub epoch: u32,
    /// The sealed name; at most [`crate::limits::MAX_LABEL`] bytes.
    pub sealed: Bytes,
}

/// A recovery that waits, so that a device can stop it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedRecovery {
    /// A signed [`crate::account::RecoveryRequest`].
    pub request: SignedJson,
    /// When it may take place, by the server's clock.
    pub due: UnixMillis,
    /// The server's clock.
    pub now: UnixMillis,
}

/// A device that came with a counter that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubled {
    /// Which device.
    pub device: DeviceId,
    /// When it last did.
    pub at: UnixMillis,
}

/// An account's chain as anyone who knows its id reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Which account.
    pub account: AccountId,
    /// Links in all. There are more to ask for when *from* and those here are fewer.
    pub length: u64,
    /// From the one asked for on, by rising seq, each a [`crate::account::SignedLink`], CBOR; as many as fit into
    /// [`crate::limits::MAX_LINKS_ANSWER`], one at least where there is one.
    pub links: Vec<Bytes>,
    /// The newest [`crate::account::HeadStatement`] of each device that belongs to the account.
    pub statements: Vec<SignedJson>,
}

/// Adds a link to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendLink {
    /// A [`crate::account::SignedLink`], CBOR.
    pub link: Bytes,
    /// One for each commitment in the link, in its order; none where the link begins no epoch.
    pub wraps: Vec<DeviceWrap>,
}

/// Answers a link that was added, now or before by the same bytes: the chain's head after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// That link's place.
    pub head: Head,
}

/// How a recovery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovering {
    /// When it may take place, by the server's clock.
    pub due: UnixMillis,
    /// The server's clock.
    pub now: UnixMillis,
    /// The seed of the newest epoch, wrapped to the kit: from *due* on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap: Option<Bytes>,
}

/// Whose account a recovery kit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitAccount {
    /// Which.
    pub account: AccountId,
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

/// Asks for a sign-in challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeRequest {
    /// Which account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
}

/// A sign-in challenge; given for unknown accounts too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// 32 random bytes, good once.
    pub challenge: Hash,
    /// The server's clock.
    pub now: UnixMillis,
    /// When it lapses.
    pub expires: UnixMillis,
}

/// Answers a challenge; signed by the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// The origin that the device connected to, so that an answer is good at one server only.
    pub origin: String,
    /// As received.
    pub challenge: Hash,
    /// The device's clock.
    pub at: UnixMillis,
    /// Higher than that of any earlier sign-in of this device: a copy of its state is noticed by it.
    pub counter: u64,
}

array!(SignIn { suite, account, device, origin, challenge, at, counter });

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// 32 random bytes.
    pub token: Hash,
    /// When it lapses.
    pub expires: UnixMillis,
}

/// Deletes an account and everything in it; signed by a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDeletion {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// When, by the device's clock; the server takes it within [`crate::limits::CLOCK_SLACK_MILLIS`].
    pub at: UnixMillis,
}

array!(AccountDeletion { suite, account, at });

/// Asks for server shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintRequest {
    /// At most [`crate::limits::MAX_SHARES_PER_MINT`].
    pub shares: Vec<ShareScope>,
    /// The head that what is sealed will name: refused as a conflict where it is not the newest, before anything is
    /// sealed and sent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// For what a share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum ShareScope {
    /// For a record version.
    Record {
        /// Which record.
        record: RecordId,
        /// Which version.
        version: u64,
        /// Its h0.
        h0: Hash,
    },
    /// For a unit of a session of this account.
    Session {
        /// Which session.
        session: SessionId,
        /// Which unit.
        unit: UnitId,
        /// The salt of this sealing.
        salt: Salt,
    },
}

/// Minted shares, in the order asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minted {
    /// One for each.
    pub shares: Vec<Share>,
    /// For a writer: the bearer token for its upload and submission. Good for ten minutes, for these h0 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Hash>,
}

impl core::fmt::Debug for Minted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Minted({} shares)", self.shares.len())
    }
}

/// One server share.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which of the server's keys made it.
    pub kid: u32,
    /// 32 bytes.
    pub share: Hash,
}

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Share(kid {}, redacted)", self.kid)
    }
}

/// By which a writer has a share minted; signed by the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterMint {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// For whose account.
    pub account: AccountId,
    /// The writer's public key.
    pub writer: SigningKeyBytes,
    /// A new record.
    pub record: RecordId,
    /// Its h0, as version 1.
    pub h0: Hash,
    /// When, by the writer's clock; taken within [`crate::limits::CLOCK_SLACK_MILLIS`].
    pub at: UnixMillis,
}

array!(WriterMint { suite, account, writer, record, h0, at });

/// Answers a published version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The server's number for this change.
    pub seq: u64,
}

/// Opens a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenMailbox {
    /// `view`, `agent` or `link`.
    pub purpose: PurposeWord,
}

/// A [`Purpose`] in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurposeWord {
    /// [`Purpose::View`].
    View,
    /// [`Purpose::Agent`].
    Agent,
    /// [`Purpose::Link`].
    Link,
}

impl From<PurposeWord> for Purpose {
    fn from(word: PurposeWord) -> Self {
        match word {
            PurposeWord::View => Self::View,
            PurposeWord::Agent => Self::Agent,
            PurposeWord::Link => Self::Link,
        }
    }
}

impl From<Purpose> for PurposeWord {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::View => Self::View,
            Purpose::Agent => Self::Agent,
            Purpose::Link => Self::Link,
        }
    }
}

/// A mailbox as its device gets it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Which.
    pub mailbox: MailboxId,
    /// Three, five or seven digits; its first digit tells the length (0 to 7, 8, 9).
    pub nameplate: String,
    /// 32 random bytes for the Offer.
    pub server_nonce: Hash,
    /// The server's clock.
    pub now: UnixMillis,
    /// When the code ends.
    pub expires: UnixMillis,
    /// The device's token for this mailbox.
    pub token: Hash,
}

impl core::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Mailbox({})", self.mailbox)
    }
}

/// Claims a nameplate, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The digits.
    pub nameplate: String,
    /// As the local screen knows it.
    pub purpose: PurposeWord,
}

/// A mailbox as the viewer gets it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Which.
    pub mailbox: MailboxId,
    /// The viewer's token for this mailbox.
    pub token: Hash,
    /// The device's [`crate::pairing::Offer`], CBOR.
    pub offer: Bytes,
    /// The server's clock.
    pub now: UnixMillis,
}

impl core::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Claimed({})", self.mailbox)
    }
}

/// The sessions of an account that run, and those that ended within a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Newest first.
    pub sessions: Vec<SessionSummary>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Which.
    pub session: SessionId,
    /// When it was granted.
    pub issued: UnixMillis,
    /// When it ends.
    pub expires: UnixMillis,
    /// Units that Terms list.
    pub units: u64,
    /// Openings so far.
    pub opened: u64,
    /// The slug of why it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Receipts of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// By rising seq, each a [`crate::session::Receipt`], CBOR.
    pub receipts: Vec<Bytes>,
    /// Whether there are more.
    pub more: bool,
}
