//! Mailboxes, from either end.

use serde::{Deserialize, Serialize};

use crate::ids::{Bytes, Hash, MailboxId, UnixMillis};
use crate::pairing::Purpose;

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
