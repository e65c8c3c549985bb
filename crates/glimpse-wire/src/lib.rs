//! What Glimpse parties say to each other: ids, messages, limits, codec, error codes.
//!
//! The specification is `docs/protocol.md`; each item here names the section it implements.
//!
//! Invariant: no key, no cipher, no clock, no I/O. The one cryptographic act is the check of a signature
//! ([`signature::verify`]), because a server that is blind still refuses what nobody signed.
#![forbid(unsafe_code)]

pub mod account;
pub mod api;
pub mod chain;
pub mod codec;
pub mod error;
pub mod ids;
pub mod limits;
pub mod linking;
pub mod live;
pub mod mailbox;
pub mod merkle;
pub mod organisation;
pub mod pairing;
pub mod preimage;
pub mod record;
pub mod session;
pub mod signature;
pub mod size;

pub use codec::{Malformed, decode, encode};
pub use error::ErrorCode;
pub use ids::{
    AccountId, AgentId, AuthorId, DeviceId, Hash, MailboxId, RecordId, Salt, SessionId, SigningKeyBytes, UnitId,
    UnixMillis,
};

/// The one suite: every algorithm of `docs/protocol.md` section 2. An unknown suite is an error, never a choice.
pub const SUITE: u8 = 1;
