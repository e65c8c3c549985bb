//! The blind Glimpse server: it stores, relays, throttles, logs and deletes, and can read nothing.
//!
//! What it holds is ciphertext, public keys, public statements with their signatures, and the key K that makes server
//! shares ([`KeyFile`]); a server share alone opens nothing. `docs/protocol.md` is the specification.
//!
//! Read it from outside in:
//!
//! ```text
//! server     start, drain, sweep          settings, clock, key_file, secret_file   what it is given
//! listen     connections, TLS             site                        the page, from memory
//! http/      routes and handlers; guard (id, rate, log), auth, extract (bytes become types), transfer (content)
//! mailbox/   nameplates, mailboxes, and the two directions of each, in memory
//! chains     the account's chain: replayed, extended, and what follows from it
//! lifecycle  a session across mailboxes and databases: grant, open, end          session   its rules, as pure functions
//! store/     three SQLite files and two folders of blobs, split by concern       share     the one derivation
//! throttle   rates         tickets   challenges and upload tokens        metrics, problem   what operators and clients see
//! backup/    copies of main.db and blobs/, and of shares.db apart; from those to a data folder
//! passkey    what an agent's passkey says       provider   where agents sign in elsewhere as well (OpenID Connect)
//! lapsing    what is remembered for a while                              pace               connections that stand still
//! push/      tells devices that are asleep to look: whom, when, sealed, sent        health   asks whether a server is ready
//! ```
//!
//! Invariants:
//! - No cipher, no KEM and no PAKE is in the dependency tree, and never `glimpse-core`.
//! - `share.rs` is the one place that uses K.
//! - No rule about time reads a clock of its own: see [`Clock`].
//! - `push/seal.rs` is the one place that seals, towards a push provider's client, and nothing here opens anything.
//! - A log line or a metric holds no id of a user, no address, and no path that contains an id.
#![forbid(unsafe_code)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "relaxed for this crate: it adds up sizes and times that limits bound; protocol arithmetic lives in wire and core"
)]

mod app;
mod backup;
mod chains;
mod clock;
mod framing;
mod health;
mod http;
mod key_file;
mod lapsing;
mod lifecycle;
mod listen;
mod mailbox;
mod metrics;
mod pace;
mod passkey;
mod problem;
mod provider;
mod push;
mod secret_file;
mod server;
mod session;
mod settings;
mod share;
mod signing_key;
mod site;
mod store;
pub mod test_server;
mod throttle;
mod tickets;

pub use backup::{BackedUp, BackupError, BackupPlan, Lost, RestoreError, Restored, backup, restore};
pub use clock::{Clock, ManualClock, SystemClock};
pub use health::{HealthError, healthcheck};
pub use key_file::{KeyFile, KeyFileError};
pub use listen::TlsError;
pub use problem::Problem;
pub use push::{PushKey, PushKeyError};
pub use server::{RunningServer, StartError, check, migrate, start};
pub use settings::{Limits, LogFormat, Provider, Settings, SettingsError};
pub use signing_key::{AcceptedKey, SigningKeyError, accept as accept_signing_key};
pub use site::SiteError;
