//! The scanner: finds a code in the frames of a camera, for browsers that do not read codes themselves.
//!
//! Whatever stands before a camera may have been made by anybody, so frames are read in a wasm module of their own, like the
//! content of records: the instance holds no key and has no way to the network, and one that breaks takes nothing with it. The
//! phone page fetches it when a camera is turned on.
#![forbid(unsafe_code)]

mod scan;

pub use scan::scan;

#[cfg(target_arch = "wasm32")]
mod frame;
#[cfg(target_arch = "wasm32")]
pub use frame::scan_frame;
