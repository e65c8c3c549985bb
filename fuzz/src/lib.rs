//! What is fuzzed. `cargo +nightly fuzz run messages` runs one target. Without a fuzzer, tests replay every corpus: `--test
//! corpus` of glimpse-core, glimpse-content and glimpse-device.
#![forbid(unsafe_code)]

pub mod card;
pub mod content;
pub mod targets;
