//! Linking a device: from two ends that have confirmed each other to one more device in the account (protocol section 6.6).
//!
//! The *adder* is in the account, the *joiner* has fresh keys; either may be the end that shows the code. Each state is a
//! struct named for what it waits for and is consumed by it. Before the person's yes an adder says nothing, and a joiner
//! nothing but what it is called and its public keys. [`adder::LinkApproved`] is the yes: it is made by
//! [`adder::Asked::approve`] alone, every later state of the adder holds it, and nothing else seals a seed.

pub mod adder;
mod channel;
pub mod joiner;
pub mod name;

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_MESSAGE, PAIRING_MILLIS};
use glimpse_wire::linking::Linking;
use glimpse_wire::pairing::{Identity, Message, Purpose};
use glimpse_wire::{AccountId, ErrorCode, Hash, Malformed, SessionId, decode, encode, preimage};
use rand_core::CryptoRng;

use crate::Monotonic;
use crate::code::CodeSecret;
use crate::derive::{self, PairingKeys};
use crate::error::OpenError;
use crate::keys::AccountSeed;
use crate::pairing::device::{Opened, Setup, open_with_secret};
use crate::secret::Secret;
use crate::words::CheckWords;
use channel::LinkingChannel;

/// How the code of a linking gets from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeForm {
    /// A person types it: twelve secret digits.
    Typed,
    /// A camera reads it: [`crate::code::QR_SECRET_LENGTH`] secret digits.
    Qr,
}

/// Opens a pairing that links a device, at the end that shows the code: an adder, or a joiner with [`joiner::setup`].
///
/// # Errors
/// [`ErrorCode::Malformed`] for another purpose; as [`crate::pairing::device::open`].
pub fn open(setup: Setup, form: CodeForm, rng: &mut impl CryptoRng) -> Result<Opened, ErrorCode> {
    if setup.purpose != Purpose::Link {
        return Err(ErrorCode::Malformed);
    }
    let secret = match form {
        CodeForm::Typed => CodeSecret::generate(Purpose::Link, rng),
        CodeForm::Qr => CodeSecret::generate_for_qr(rng),
    };
    open_with_secret(setup, secret, rng)
}

/// What the chain says of a serial number, from the seed of epoch 1: 32 bytes that tell whoever has no seed nothing, and
/// the same for one machine however often it is linked. Empty for an empty number.
#[must_use]
pub fn serial_hash(first: &AccountSeed, serial: &str) -> Bytes {
    if serial.is_empty() {
        return Bytes(Vec::new());
    }
    Bytes(derive::serial_hash(&first.0, serial).expose_secret().to_vec())
}

/// A linking that is over without a device that was linked.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Ended {
    /// Why.
    pub error: ErrorCode,
    /// To send; nothing where the other end said it first.
    pub message: Option<Vec<u8>>,
}

/// What this end of the pairing knows that the other does not.
pub(crate) enum CodeEnd {
    /// It showed the code, and named this account in its identity: zeros for a joiner.
    Shows { account: AccountId },
    /// It typed the code, and was told this.
    Types { identity: Box<Identity> },
}

/// Both ends of a pairing to link a device hold the same key. Permits showing the words; nothing is released by it.
pub struct Paired {
    adder: Secret<32>,
    joiner: Secret<32>,
    psk: Secret<32>,
    transcript: Hash,
    words: CheckWords,
    deadline: Monotonic,
    end: CodeEnd,
}

impl Paired {
    pub(crate) fn new(
        keys: &PairingKeys,
        transcript: Hash,
        words: CheckWords,
        deadline: Monotonic,
        end: CodeEnd,
    ) -> Self {
        let (adder, joiner) = (keys.linking_adder(), keys.linking_joiner());
        Self { adder, joiner, psk: keys.psk(), transcript, words, deadline, end }
    }

    /// The words that both ends show.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.words
    }

    /// What nobody may print.
    #[cfg(test)]
    pub(crate) fn secrets(&self) -> [[u8; 32]; 3] {
        [&self.adder, &self.joiner, &self.psk].map(|key| *key.expose_secret())
    }

    fn into_line(self, role: Role) -> (Line, CodeEnd) {
        let (send, receive) = match role {
            Role::Adder => (self.adder, self.joiner),
            Role::Joiner => (self.joiner, self.adder),
        };
        let line = Line {
            channel: LinkingChannel::new(self.transcript, send, receive),
            transcript: self.transcript,
            psk: self.psk,
            words: self.words,
            deadline: self.deadline,
            late: ErrorCode::ApprovalTimedOut,
        };
        (line, self.end)
    }
}

impl core::fmt::Debug for Paired {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Paired({}, {})", preimage::session_id(&self.transcript), self.words)
    }
}

/// Which end an end is.
#[derive(Clone, Copy)]
enum Role {
    Adder,
    Joiner,
}

/// Two ends with one role have no channel in common, so this is said as before there was one.
fn same_role(error: ErrorCode) -> Ended {
    Ended { error, message: Some(encode(&Message::Abort { code: error })) }
}

/// One end of a linking: what the pairing left to it.
struct Line {
    channel: LinkingChannel,
    transcript: Hash,
    psk: Secret<32>,
    words: CheckWords,
    deadline: Monotonic,
    /// What a message after the deadline is.
    late: ErrorCode,
}

impl Line {
    fn session(&self) -> SessionId {
        preimage::session_id(&self.transcript)
    }

    fn say(&mut self, message: &Linking) -> Vec<u8> {
        self.channel.seal(message)
    }

    /// Ends it, and says why.
    fn end(&mut self, error: ErrorCode) -> Ended {
        Ended { error, message: Some(self.say(&Linking::Over { error })) }
    }

    fn in_time(&mut self, now: Monotonic) -> Result<(), Ended> {
        if now < self.deadline { Ok(()) } else { Err(self.end(self.late)) }
    }

    /// From the yes on, or from the Invite that tells of it: so long may the rest take.
    fn approved(&mut self, now: Monotonic) {
        self.deadline = now.plus(PAIRING_MILLIS);
        self.late = ErrorCode::PairingBroken;
    }

    /// Takes the next message of the other end.
    fn receive(&mut self, message: &[u8], now: Monotonic) -> Result<Linking, Ended> {
        self.in_time(now)?;
        let (counter, sealed) = match decode(message, MAX_MESSAGE) {
            Ok(Message::Live { counter, sealed }) => (counter, sealed),
            Ok(Message::Abort { code }) => return Err(Ended { error: code, message: None }),
            Ok(
                Message::Hello { .. }
                | Message::Answer { .. }
                | Message::ConfirmA { .. }
                | Message::ConfirmB { .. }
                | Message::Grant(_),
            )
            | Err(Malformed) => return Err(self.end(ErrorCode::ChannelBroken)),
        };
        let opened = match self.channel.open(counter, &sealed) {
            Ok(opened) => opened,
            Err(OpenError) => return Err(self.end(ErrorCode::ChannelBroken)),
        };
        match decode(&opened, MAX_MESSAGE) {
            Ok(Linking::Over { error }) => Err(Ended { error, message: None }),
            Ok(message) => Ok(message),
            Err(Malformed) => Err(self.end(ErrorCode::Malformed)),
        }
    }
}

/// What every state of a linking can do: tell its deadline, end, and be printed without its keys.
macro_rules! states {
    ($($name:ident => $($field:ident).+),+ $(,)?) => {$(
        impl $name {
            /// When silence ends the linking.
            #[must_use]
            pub const fn deadline(&self) -> Monotonic {
                self.$($field).+.deadline
            }

            /// Ends the linking: the person's no, a cancel, the end of the time, or what the caller found wrong.
            pub fn stop(mut self, error: ErrorCode) -> Ended {
                self.$($field).+.end(error)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.$($field).+.session())
            }
        }
    )+};
}
use states;

#[cfg(test)]
pub(crate) mod tests;
