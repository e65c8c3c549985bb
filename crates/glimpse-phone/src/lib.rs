//! The phone page: a linked device in a browser.
//!
//! [`Phone`] stands between the person and a [`glimpse_device::Device`]: what the person did comes as an [`Intent`], what is
//! to be seen leaves as a [`Snapshot`] through a [`Face`]. It runs on any host, so that its tests run against a real server
//! without a browser; in wasm, `worker` gives it the network, the database and the clock of a Worker.
//!
//! Invariant: keys are in here and go nowhere else. A snapshot holds what is on the screen.
#![forbid(unsafe_code)]

mod devices;
mod face;
mod intent;
mod lending;
mod linking;
mod phone;
mod records;
mod snapshot;
mod square;
mod state;
mod trouble;

#[cfg(target_arch = "wasm32")]
mod worker;

pub use face::{Face, Kinds};
pub use intent::{Intent, Secret};
pub use linking::Form;
pub use phone::{Phone, Spawn};
pub use records::NewFile;
pub use snapshot::Snapshot;
#[cfg(target_arch = "wasm32")]
pub use worker::PhoneWorker;

/// Wipes every block of memory that is given back: what was a key does not wait in the heap for the next reader.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
