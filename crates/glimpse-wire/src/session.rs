//! Openings, ends and receipts of a session (protocol section 7).

use minicbor::{Decode, Encode};

use crate::error::ErrorCode;
use crate::ids::{Bytes, Hash, Salt, SessionId, SignatureBytes, UnitId, UnixMillis};

/// What a device uploads with a unit's sealed content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UnitEnvelope {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Which unit.
    #[n(2)]
    pub unit: UnitId,
    /// Fresh for each sealing; a share was minted for it.
    #[n(3)]
    pub salt: Salt,
    /// H of the Terms that listed the unit.
    #[n(4)]
    pub terms: Hash,
    /// Commits to the unit's key.
    #[n(5)]
    pub commit: Hash,
    /// Padded size of the content.
    #[n(6)]
    pub size: u64,
}

/// A viewer asks to open a unit; signed by its session key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenRequest {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Which unit.
    #[n(2)]
    pub unit: UnitId,
    /// First chunk wanted.
    #[n(3)]
    pub from: u64,
    /// One past the last chunk wanted.
    #[n(4)]
    pub to: u64,
    /// Rises by one from 1. An answered request uses its number up, and so does one for a unit that no Terms list; any
    /// other refusal leaves it free. The same bytes again get the same answer, other bytes are an alarm.
    #[n(5)]
    pub counter: u64,
    /// Hash of the newest receipt that the viewer holds; zero when it holds none.
    #[n(6)]
    pub last_receipt: Hash,
}

/// The server's answer to an [`OpenRequest`]; the same bytes for an identical retry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Opened {
    /// A [`UnitEnvelope`].
    #[n(0)]
    pub envelope: Bytes,
    /// The server share: 32 bytes.
    #[n(1)]
    pub share: Hash,
    /// Receipts after `last_receipt`, each a [`Receipt`]; the last is that of this opening.
    #[n(2)]
    pub receipts: Vec<Bytes>,
}

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Rising by one from 0.
    #[n(2)]
    pub seq: u64,
    /// Hash of the receipt before; zero for the first.
    #[n(3)]
    pub previous: Hash,
    /// When, by the server's clock.
    #[n(4)]
    pub at: UnixMillis,
    /// What.
    #[n(5)]
    pub event: Event,
}

/// What a receipt tells.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Event {
    /// The device granted, or changed what it grants.
    #[n(1)]
    Granted {
        /// Terms.
        #[n(0)]
        terms: Bytes,
        /// With the next two, what the device signed: see [`crate::preimage::grant_signature`].
        #[n(1)]
        transcript: Hash,
        /// Hash of the viewer's X-Wing key.
        #[n(2)]
        kem: Hash,
        /// Hash of the sealed part.
        #[n(3)]
        sealed: Hash,
        /// By the device.
        #[n(4)]
        signature: SignatureBytes,
    },
    /// A share was released.
    #[n(2)]
    Opened {
        /// A signed [`OpenRequest`].
        #[n(0)]
        request: Bytes,
        /// By the viewer.
        #[n(1)]
        signature: SignatureBytes,
    },
    /// A signed request was refused; with [`ErrorCode::CounterReused`] this is an alarm.
    #[n(3)]
    Refused {
        /// Why.
        #[n(0)]
        code: ErrorCode,
        /// A signed [`OpenRequest`].
        #[n(1)]
        request: Bytes,
        /// By the viewer.
        #[n(2)]
        signature: SignatureBytes,
    },
    /// The session ended.
    #[n(4)]
    Ended {
        /// Why.
        #[n(0)]
        code: ErrorCode,
        /// A signed [`End`]; empty when the server ended it by itself.
        #[n(1)]
        statement: Bytes,
        /// By the device or the viewer; zeros when the server ended it by itself.
        #[n(2)]
        signature: SignatureBytes,
    },
    /// The session's bytes and shares were destroyed.
    #[n(5)]
    Deleted,
    /// The device saw everything up to the receipt before.
    #[n(6)]
    Countersigned {
        /// Hash of the receipt before.
        #[n(0)]
        head: Hash,
        /// By the device, over a [`Countersignature`].
        #[n(1)]
        signature: SignatureBytes,
    },
}

/// Who ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Side {
    /// The side that looks: A in the PAKE.
    #[n(1)]
    Viewer,
    /// The side that lends: B in the PAKE.
    #[n(2)]
    Device,
}

impl Side {
    /// The byte that stands for it in preimages.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Viewer => 1,
            Self::Device => 2,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Viewer => Self::Device,
            Self::Device => Self::Viewer,
        }
    }
}

/// Ends a session; signed by the side that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct End {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Who ends it.
    #[n(2)]
    pub side: Side,
    /// Hash of the newest receipt that this side holds; zero when it holds none.
    #[n(3)]
    pub last_receipt: Hash,
    /// When, by this side's clock.
    #[n(4)]
    pub at: UnixMillis,
}

/// The device's word that it saw the audit trail up to a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Countersignature {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Hash of the newest receipt.
    #[n(2)]
    pub head: Hash,
    /// Its number.
    #[n(3)]
    pub seq: u64,
}

/// Device to server: registers a session, or new Terms of one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GrantSubmission {
    /// The mailbox in which the pairing ran.
    #[n(0)]
    pub mailbox: crate::ids::MailboxId,
    /// H of the pairing's transcript.
    #[n(1)]
    pub transcript: Hash,
    /// Hash of the viewer's X-Wing key.
    #[n(2)]
    pub kem: Hash,
    /// Terms.
    #[n(3)]
    pub terms: Bytes,
    /// Hash of the sealed part.
    #[n(4)]
    pub sealed: Hash,
    /// By the device.
    #[n(5)]
    pub signature: SignatureBytes,
}
