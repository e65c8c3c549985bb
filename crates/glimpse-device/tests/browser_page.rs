//! The device in a page of a real browser.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "an overflow, an index or a value out of place in a test is a failed test"
)]

mod browser;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
