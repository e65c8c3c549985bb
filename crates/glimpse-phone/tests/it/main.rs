//! Stories of the phone page against a real server: what the person does goes in, what is on the screen comes out.
#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "a test that meets what it does not expect has failed, and says where"
)]

mod adding;
mod agents;
mod clocks;
mod desk;
mod devices;
mod family;
mod held;
mod inbox;
mod keeping;
mod kit;
mod lending;
mod linking;
mod organisations;
mod own_screen;
mod parting;
mod pushing;
mod second;
mod sessions;
mod watch;
mod withholding;
mod world;
