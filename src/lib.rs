//! The Glimpse browser client: the viewer, in a Worker, in wasm.
//!
//! [`model`] turns the viewer's state and what the person did into the snapshot that `www/` draws, and runs on
//! any host; the pump (wasm only) moves bytes between the viewer, the network, the reader of opened records (the crate
//! `glimpse-reader`, in an instance of its own) and the page; `www/` draws.
#![forbid(unsafe_code)]

pub mod model;

#[cfg(target_arch = "wasm32")]
mod pump;
#[cfg(target_arch = "wasm32")]
pub use pump::{Desk, Pump, Readers};

/// Wipes every block of memory that is given back: what was a key does not wait in the heap for the next reader.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
