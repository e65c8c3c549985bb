//! The reader: the opened bytes of one record become what the page draws.
//!
//! What a record holds may have been made by anybody, so it is read in a wasm module of its own: `www/worker.js` makes a
//! fresh instance for each record that is opened and drops it with the record. The instance holds no key, no other record and
//! no way to the network; one that breaks takes nothing with it. The page needs none of this to take a code, and
//! fetches it while the ends are pairing.
//!
//! [`Opening`] runs on any host; `Reader` is its face in the Worker.
#![forbid(unsafe_code)]

mod fields;
mod opening;

pub use fields::{cut, fields};
pub use opening::{Opening, Piece};

#[cfg(target_arch = "wasm32")]
mod reader;
#[cfg(target_arch = "wasm32")]
pub use reader::{Reader, cut_fields, look, name_fields};

/// Wipes every block of memory that is given back.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
