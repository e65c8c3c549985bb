//! Glimpse cryptography and state machines. The specification is `docs/protocol.md`.
//!
//! Invariant: no clock, no network, no storage, no environment, no log. Time and randomness are arguments; what comes
//! out is bytes for somebody else to carry.
//!
//! Read [`code`] and [`pairing`] for the handshake, [`record`] for data at rest, [`session`] for data that is lent, and
//! [`viewer`] for the one machine that the browser and `glimpse receive` both pump. What brings an account back when all its
//! devices are gone is [`recovery`]. [`Clock`] makes the time that all of them take out of a machine's two clocks.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        clippy::wildcard_enum_match_arm,
        reason = "an overflow or a slice out of place in a test is a failed test"
    )
)]

pub mod account;
mod aead;
pub mod attempts;
pub mod chain;
pub mod channel;
mod clock;
pub mod code;
mod derive;
pub mod error;
pub mod kem;
pub mod keys;
pub mod linking;
pub mod organisation;
pub mod pairing;
mod pake;
pub mod receipts;
pub mod record;
pub mod recovery;
pub mod secret;
pub mod session;
pub mod stream;
mod stretch;
pub mod vault;
pub mod viewer;
pub mod words;

pub use clock::{Clock, Monotonic};
pub use error::OpenError;
pub use rand_core::CryptoRng;

#[cfg(test)]
mod known_answers;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod suites;
#[cfg(test)]
mod testing;
