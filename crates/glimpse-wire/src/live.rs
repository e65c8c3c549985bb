//! What the two ends of a session say to each other, end to end (protocol section 7.4).

use minicbor::{Decode, Encode};

use crate::error::ErrorCode;
use crate::ids::{Hash, UnitId};

/// One message of the live channel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Live {
    /// Viewer: this unit is on the screen. A courtesy; the proof is the receipt.
    #[n(1)]
    Opened {
        /// Which.
        #[n(0)]
        unit: UnitId,
    },
    /// Viewer: please make this unit.
    #[n(2)]
    Want {
        /// Which.
        #[n(0)]
        unit: UnitId,
    },
    /// Device: these units can be opened.
    #[n(3)]
    Ready {
        /// Which.
        #[n(0)]
        units: Vec<UnitId>,
    },
    /// Device: this unit cannot be made.
    #[n(4)]
    Unavailable {
        /// Which.
        #[n(0)]
        unit: UnitId,
        /// Why.
        #[n(1)]
        code: ErrorCode,
    },
    /// Viewer: please give more time.
    #[n(5)]
    AskTime {
        /// How many minutes more.
        #[n(0)]
        minutes: u32,
    },
    /// Viewer: please lend a record that looks like this.
    #[n(6)]
    AskRecord {
        /// In the viewer's words.
        #[n(0)]
        text: String,
    },
    /// Device: no to the last request.
    #[n(7)]
    Refused,
    /// Either: the session is over.
    #[n(8)]
    End {
        /// Why.
        #[n(0)]
        code: ErrorCode,
    },
    /// Either: the newest receipt that this end holds.
    #[n(9)]
    Receipts {
        /// Its number.
        #[n(0)]
        seq: u64,
        /// Its hash.
        #[n(1)]
        head: Hash,
    },
}
