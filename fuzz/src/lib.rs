//! What is fuzzed. `cargo +nightly fuzz run messages` runs one target; `cargo test -p glimpse-core --test corpus`
//! replays every corpus without a fuzzer.
#![forbid(unsafe_code)]

pub mod targets;
