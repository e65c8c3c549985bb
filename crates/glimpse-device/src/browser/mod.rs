//! A browser's network, database, clock and randomness, in a page or in a worker of one.

mod bodies;
mod database;
mod fetch;
mod global;
mod locks;
mod machine;
mod port;
mod refusal;
mod socket;
mod timer;

pub use database::Database;
pub use fetch::{BadOrigin, Fetch};
pub use machine::Machine;
pub use port::Port;
pub use refusal::Refusal;
