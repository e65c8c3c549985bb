//! A computer's network, files, clock and randomness.

mod files;
mod http;
mod machine;
mod relay;
mod socket;
mod stream;

pub use files::Files;
pub use http::{BadOrigin, Network};
pub use machine::Machine;
pub use relay::Relay;
pub use stream::{Awaited, Framed};
