//! The face of this module in the Worker.

use wasm_bindgen::prelude::*;

/// What the first code says that a frame of a camera shows; `grey` has a byte for each pixel.
#[wasm_bindgen]
#[must_use]
pub fn scan_frame(width: u32, grey: &[u8]) -> Option<String> {
    crate::scan(usize::try_from(width).ok()?, grey)
}
