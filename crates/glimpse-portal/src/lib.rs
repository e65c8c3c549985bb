//! The agents' portal, up to the viewer: an agent enrols this browser once, signs in, says which case and why, and then has
//! a viewer for one code.
//!
//! [`Portal`] takes [`Intent`]s, keeps where the agent is, and posts [`Snapshot`]s; it runs on any host. In wasm, in its page's
//! Worker, `PortalWorker` puts the browser under it; `begin_look` begins the viewer's pump in another Worker, which ends with the look.
#![forbid(unsafe_code)]

mod intent;
mod portal;
mod snapshot;

#[cfg(target_arch = "wasm32")]
mod look;
#[cfg(target_arch = "wasm32")]
mod worker;

pub use intent::Intent;
#[cfg(target_arch = "wasm32")]
pub use look::begin_look;
pub use portal::{Face, Keeper, Kept, Look, NoKey, Portal, Spawn};
pub use snapshot::{Assert, Snapshot};
#[cfg(target_arch = "wasm32")]
pub use worker::PortalWorker;
