//! Stories of a device against a real server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]
#![allow(missing_docs, reason = "tests")]

mod lending;
mod records;
mod world;
