//! The linked Glimpse device as a library.
//!
//! A [`Device`] is an account's device with its keys unlocked. It publishes, lists and opens records, lends them to a
//! browser, and keeps what it must remember. Network, files, clock and randomness are traits ([`transport`],
//! [`storage`], [`surroundings`]); `native` holds those of a computer, `browser` those of a page. Nothing here prints or
//! asks: a question to the user is an event, the answer a command ([`lend`], [`linking`]).
//!
//! Invariant: what must survive a crash is on disk before the message that depends on it leaves.
#![forbid(unsafe_code)]

mod access;
pub mod account;
pub mod api;
pub mod card;
pub mod chain;
pub mod companion;
pub mod content;
pub mod declined;
pub mod devices;
pub mod error;
pub mod evidence;
pub mod home;
pub mod inbox;
pub mod ledger;
pub mod lend;
pub mod linking;
pub mod listing;
mod looks;
mod mailbox;
pub mod organisations;
pub mod passkey;
pub mod publish;
pub mod push;
pub mod receive;
pub mod recovery;
pub mod rekey;
pub mod sessions;
pub mod storage;
pub mod surroundings;
mod text;
pub mod transport;
pub mod writer;

#[cfg(target_arch = "wasm32")]
pub mod browser;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;

pub use account::{Device, Ground};
pub use error::DeviceError;

use core::future::Future;
use core::pin::Pin;

/// A future that stays on its thread: a page has only one.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
