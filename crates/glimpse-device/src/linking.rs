//! Linking: one more device in the account (protocol section 6.6). Like lending it asks nothing and prints nothing: what the
//! person must see leaves as an [`Event`], what they do comes as a [`Command`].
//!
//! Either end may show the code, and the two may speak through the server's mailbox or over a byte stream of their own
//! ([`Way`]). Whatever the way, the seed goes sealed from end to end.

mod adding;
mod joining;
mod line;
mod meeting;

use core::fmt;

use futures_channel::mpsc;
use glimpse_core::code::PairingCode;
use glimpse_core::linking::{CodeForm, Ended};
use glimpse_core::words::CheckWords;
use glimpse_wire::{DeviceId, ErrorCode};
use zeroize::Zeroizing;

pub use joining::{Join, join, resume};
pub use meeting::parse_code;

use crate::api::Api;
use crate::chain::{Cosigned, Proposal};
use crate::error::DeviceError;
use crate::transport::Socket;

/// How the two ends meet.
pub enum Way {
    /// This end shows a code; the two speak through the server.
    Show(CodeForm),
    /// The other end shows a code, and it was typed or scanned here.
    Type(PairingCode),
    /// This end shows a code; the two speak over a stream of their own.
    ShowLocal(CodeForm, Box<dyn Socket>),
    /// The other end shows a code; the two speak over a stream of their own.
    TypeLocal(PairingCode, Box<dyn Socket>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Show(_) => "Show",
            Self::Type(_) => "Type",
            Self::ShowLocal(..) => "ShowLocal",
            Self::TypeLocal(..) => "TypeLocal",
        })
    }
}

/// What the person must see.
#[derive(Debug)]
pub enum Event {
    /// Show this code; the text for a QR code where it is one for a camera.
    Code {
        /// In groups.
        code: Zeroizing<String>,
        /// What the QR code holds.
        qr: Option<Zeroizing<String>>,
        /// Milliseconds until it ends.
        expires_in: u64,
    },
    /// The other end has the code. It has proved nothing.
    Connecting,
    /// At the joiner: these words are shown on the other device, where they are picked.
    Words {
        /// The words.
        words: CheckWords,
        /// Milliseconds until silence becomes a no.
        expires_in: u64,
    },
    /// At the adder: this device wants to be in the account. Ask.
    Asked {
        /// Its id.
        device: DeviceId,
        /// What it says it is called.
        name: String,
        /// Its serial number, as it claims.
        serial: String,
        /// Devices of the account, present and past, that carry this serial number.
        same_machine: Vec<DeviceId>,
        /// Its words among three decoys.
        words: [CheckWords; 4],
        /// Milliseconds for which the account's rules hold it back.
        held: u64,
        /// Milliseconds until silence becomes a no.
        expires_in: u64,
    },
    /// At the joiner: the person at the other device said yes.
    Invited {
        /// Milliseconds for which this device is held back.
        held: u64,
    },
    /// At the joiner: the server says that it signs by another key than the one by which the account knows it. This device
    /// goes by the account's, so that no deletion counts which the server signs by the other.
    OtherServerKey,
    /// At the adder: the account's rules want a second device to sign. It takes this, and gives a signature back.
    NeedsSecond(Proposal),
    /// The server has the link.
    Accepted,
    /// Somebody tried the code again after it was used, and was refused.
    Crowded,
    /// The connection of this end to the server came or went.
    Connection {
        /// Whether it is there.
        up: bool,
    },
}

/// What the person does.
#[derive(Debug)]
pub enum Command {
    /// Yes, and these are the words on the other screen.
    Approve {
        /// Such as `apple river`.
        words: String,
    },
    /// A second device has signed.
    Second(Cosigned),
    /// No, or no more of this.
    Cancel,
}

/// Where commands come from. That it closes is no command.
pub type Commands = mpsc::UnboundedReceiver<Command>;

/// A device that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Which.
    pub device: DeviceId,
    /// What it says it is called.
    pub name: String,
    /// Milliseconds for which it is held back.
    pub held: u64,
    /// Whether it said that it has the seed. If not, an epoch was begun that is wrapped to it as to all.
    pub told: bool,
}

/// Why a linking is over here, and what the other end is told.
struct Stopped {
    error: DeviceError,
    last: Option<Vec<u8>>,
    /// The other end said it first.
    heard: bool,
}

impl From<Ended> for Stopped {
    fn from(ended: Ended) -> Self {
        Self { error: ended.error.into(), heard: ended.message.is_none(), last: ended.message }
    }
}

impl Stopped {
    /// Tells the other end, where it does not know, and closes the line.
    async fn tell(self, talk: &mut line::Talk<'_>, api: &Api) -> DeviceError {
        if self.heard {
            talk.close(api).await;
        } else {
            talk.abandon(api, self.error.code().unwrap_or(ErrorCode::Internal), self.last).await;
        }
        self.error
    }
}

/// Gives a state up for an error of this end.
fn give_up(error: DeviceError, stop: impl FnOnce(ErrorCode) -> Ended) -> Stopped {
    let last = stop(error.code().unwrap_or(ErrorCode::Internal)).message;
    Stopped { error, last, heard: false }
}
