//! Openings, ends and receipts of a session (protocol section 7).

use crate::account::Head;
use crate::codec::{array, choice, number};
use crate::error::ErrorCode;
use crate::ids::{
    AccountId, Bytes, DeviceId, Hash, Salt, SessionId, SignatureBytes, SigningKeyBytes, UnitId, UnixMillis,
};

/// What a device uploads with a unit's sealed content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitEnvelope {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Which unit.
    pub unit: UnitId,
    /// Fresh for each sealing; a share was minted for it.
    pub salt: Salt,
    /// H of the Terms that listed the unit.
    pub terms: Hash,
    /// Commits to the unit's key.
    pub commit: Hash,
    /// Padded size of the content.
    pub size: u64,
}

array!(UnitEnvelope { suite, session, unit, salt, terms, commit, size });

/// A viewer asks to open a unit; signed by its session key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Which unit.
    pub unit: UnitId,
    /// First chunk wanted.
    pub from: u64,
    /// One past the last chunk wanted.
    pub to: u64,
    /// Rises by one from 1. An answered request uses its number up, and so does one for a unit that no Terms list; any
    /// other refusal leaves it free. The same bytes again get the same answer, other bytes are an alarm.
    pub counter: u64,
    /// Hash of the newest receipt that the viewer holds; zero when it holds none.
    pub last_receipt: Hash,
}

array!(OpenRequest { suite, session, unit, from, to, counter, last_receipt });

/// The server's answer to an [`OpenRequest`]; the same bytes for an identical retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// A [`UnitEnvelope`].
    pub envelope: Bytes,
    /// The server share: 32 bytes.
    pub share: Hash,
    /// Receipts after `last_receipt`, each a [`Receipt`]; the last is that of this opening.
    pub receipts: Vec<Bytes>,
}

array!(Opened { envelope, share, receipts });

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Rising by one from 0.
    pub seq: u64,
    /// Hash of the receipt before; zero for the first.
    pub previous: Hash,
    /// When, by the server's clock.
    pub at: UnixMillis,
    /// What.
    pub event: Event,
}

array!(Receipt { suite, session, seq, previous, at, event });

/// What a receipt tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device granted, or changed what it grants.
    Granted {
        /// Terms.
        terms: Bytes,
        /// With the next two, what the device signed: see [`crate::preimage::grant_signature`].
        transcript: Hash,
        /// Hash of the viewer's X-Wing key.
        kem: Hash,
        /// Hash of the sealed part.
        sealed: Hash,
        /// By the device.
        signature: SignatureBytes,
    },
    /// A share was released.
    Opened {
        /// A signed [`OpenRequest`].
        request: Bytes,
        /// By the viewer.
        signature: SignatureBytes,
    },
    /// A signed request was refused; with [`ErrorCode::CounterReused`] this is an alarm.
    Refused {
        /// Why.
        code: ErrorCode,
        /// A signed [`OpenRequest`].
        request: Bytes,
        /// By the viewer.
        signature: SignatureBytes,
    },
    /// The session ended.
    Ended {
        /// Why.
        code: ErrorCode,
        /// A signed [`End`], or a [`Stop`]; empty when the server ended it by itself.
        statement: Bytes,
        /// By whoever ended it; zeros when the server did by itself.
        signature: SignatureBytes,
    },
    /// The session's bytes and shares were destroyed.
    Deleted {
        /// A signed [`Destroyed`].
        statement: Bytes,
        /// By the server.
        signature: SignatureBytes,
    },
    /// The device saw everything up to the receipt before.
    Countersigned {
        /// Hash of the receipt before.
        head: Hash,
        /// By the device, over a [`Countersignature`].
        signature: SignatureBytes,
    },
}

choice!(Event {
    1 => Granted { terms, transcript, kem, sealed, signature },
    2 => Opened { request, signature },
    3 => Refused { code, request, signature },
    4 => Ended { code, statement, signature },
    5 => Deleted { statement, signature },
    6 => Countersigned { head, signature },
});

/// Who ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that looks: A in the PAKE.
    Viewer,
    /// The side that lends: B in the PAKE.
    Device,
}

number!(Side { Viewer = 1, Device = 2 });

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Who ends it.
    pub side: Side,
    /// Hash of the newest receipt that this side holds; zero when it holds none.
    pub last_receipt: Hash,
    /// When, by this side's clock.
    pub at: UnixMillis,
}

array!(End { suite, session, side, last_receipt, at });

/// Ends a session that another device of the account began; signed by the device that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Whose.
    pub account: AccountId,
    /// Who ends it.
    pub device: DeviceId,
    /// When, by this device's clock.
    pub at: UnixMillis,
    /// The chain head of this device, which belonged to the account under it.
    pub head: Head,
}

array!(Stop { suite, session, account, device, at, head });

/// The device's word that it saw the audit trail up to a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Countersignature {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Hash of the newest receipt.
    pub head: Hash,
    /// Its number.
    pub seq: u64,
}

array!(Countersignature { suite, session, head, seq });

/// The server's word that it destroyed what it held of a session: of each unit the sealed content, the envelope, and what
/// makes its server share. Signed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// The server's key, which signs. Whether it is the one that a device or an organisation met is another question.
    pub server: SigningKeyBytes,
    /// Which session.
    pub session: SessionId,
    /// Hash of the receipt before.
    pub head: Hash,
    /// When, by the server's clock; as the receipt says.
    pub at: UnixMillis,
    /// How many units: all that the session's Terms listed.
    pub units: u64,
}

array!(Destroyed { suite, server, session, head, at, units });

/// Device to server: registers a session, or new Terms of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSubmission {
    /// The mailbox in which the pairing ran.
    pub mailbox: crate::ids::MailboxId,
    /// H of the pairing's transcript.
    pub transcript: Hash,
    /// Hash of the viewer's X-Wing key.
    pub kem: Hash,
    /// Terms.
    pub terms: Bytes,
    /// Hash of the sealed part.
    pub sealed: Hash,
    /// By the device.
    pub signature: SignatureBytes,
}

array!(GrantSubmission { mailbox, transcript, kem, terms, sealed, signature });
