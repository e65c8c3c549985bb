//! The Glimpse browser client: the viewer, in a Worker, in wasm.
#![forbid(unsafe_code)]

pub use glimpse_content as content;
