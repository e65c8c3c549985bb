//! Sessions as their account reads them.

use serde::{Deserialize, Serialize};

use crate::ids::{Bytes, SessionId, UnixMillis};

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
