//! Stories of a device against a real server, with a hostile network in between where the story says so.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it does not expect has failed, and says where"
)]

mod attacks;
mod carrying;
mod chains;
mod checkpoints;
mod converging;
mod deciding;
mod family;
mod hostage;
mod keys;
mod killing;
mod ledger;
mod lending;
mod linking;
mod listings;
mod lost;
mod meddling;
mod pinning;
mod pushing;
mod records;
mod recovering;
mod revoking;
mod settling;
mod trails;
mod withholding;
mod world;
mod writers;
