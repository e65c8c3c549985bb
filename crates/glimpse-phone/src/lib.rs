//! The phone page: a linked device in a browser.
//!
//! [`Phone`] stands between the person and a [`glimpse_device::Device`]: what the person did comes as an [`Intent`], what is
//! to be seen leaves as a [`Snapshot`] through a [`Face`]. It runs on any host, so that its tests run against a real server
//! without a browser; in wasm, `worker` gives it the network, the database and the clock of a Worker.
//!
//! Invariant: keys are in here and go nowhere else. A snapshot holds what is on the screen.
#![forbid(unsafe_code)]

mod adding;
mod declined;
mod devices;
mod face;
mod held;
mod inbox;
mod intent;
mod keeping;
mod kit;
mod lending;
mod linking;
mod locking;
mod measuring;
mod organisations;
mod phone;
mod places;
mod prefs;
mod pushing;
mod records;
mod restoring;
mod sessions;
mod site;
mod snapshot;
mod square;
mod state;
mod tagged;
mod trouble;
mod watch;
mod withholding;

#[cfg(target_arch = "wasm32")]
mod watch_worker;
#[cfg(target_arch = "wasm32")]
mod worker;

pub use adding::NewFile;
pub use face::{Face, Kinds, Readable};
pub use held::HeldAct;
pub use inbox::InboxAct;
pub use intent::{Intent, Secret};
pub use keeping::Keyed;
pub use kit::KitAct;
pub use lending::Whom;
pub use linking::Form;
pub use measuring::Measured;
pub use organisations::OrganisationsAct;
pub use phone::{Phone, Spawn};
pub use pushing::PushAct;
pub use restoring::RestoreAct;
pub use sessions::SessionsAct;
pub use snapshot::Snapshot;
pub use watch::{Draw, Watch, WatchSnapshot};
#[cfg(target_arch = "wasm32")]
pub use watch_worker::WatchWorker;
pub use withholding::FieldsAct;
#[cfg(target_arch = "wasm32")]
pub use worker::PhoneWorker;

/// Wipes every block of memory that is given back: what was a key does not wait in the heap for the next reader.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
