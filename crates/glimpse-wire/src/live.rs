//! What the two ends of a session say to each other, end to end (protocol section 7.4).

use crate::codec::choice;
use crate::error::ErrorCode;
use crate::ids::{Hash, UnitId};

/// One message of the live channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// Viewer: this unit is on the screen. A courtesy; the proof is the receipt.
    Opened {
        /// Which.
        unit: UnitId,
    },
    /// Viewer: please make this unit.
    Want {
        /// Which.
        unit: UnitId,
    },
    /// Device: these units can be opened.
    Ready {
        /// Which.
        units: Vec<UnitId>,
    },
    /// Device: this unit cannot be made.
    Unavailable {
        /// Which.
        unit: UnitId,
        /// Why.
        code: ErrorCode,
    },
    /// Viewer: please give more time.
    AskTime {
        /// How many minutes more.
        minutes: u32,
    },
    /// Viewer: please lend a record that looks like this.
    AskRecord {
        /// In the viewer's words.
        text: String,
    },
    /// Device: no to the last request.
    Refused,
    /// Either: the session is over.
    End {
        /// Why.
        code: ErrorCode,
    },
    /// Either: the newest receipt that this end holds.
    Receipts {
        /// Its number.
        seq: u64,
        /// Its hash.
        head: Hash,
    },
}

choice!(Live {
    1 => Opened { unit },
    2 => Want { unit },
    3 => Ready { units },
    4 => Unavailable { unit, code },
    5 => AskTime { minutes },
    6 => AskRecord { text },
    7 => Refused {},
    8 => End { code },
    9 => Receipts { seq, head },
});
