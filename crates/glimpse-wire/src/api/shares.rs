//! The server's shares, for a device and for a writer.

use serde::{Deserialize, Serialize};

use crate::account::Head;
use crate::codec::array;
use crate::ids::{AccountId, Hash, RecordId, Salt, SessionId, SigningKeyBytes, UnitId, UnixMillis};

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
