//! The real command against a real server, as people and programs use it.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::as_conversions,
    reason = "a test that meets what it does not expect has failed, and says where"
)]

mod deciding;
mod devices;
mod files;
mod lending;
mod linking;
mod mending;
mod organisation;
mod person;
mod receiving;
mod recovering;
mod seconding;
mod terminal;
mod watching;
mod withholding;
mod world;
