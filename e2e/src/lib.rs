//! Whole-system tests: real server, real command, real browser; and the hostile server.
//!
//! Each test has a server, a home and a browser profile of its own, and nothing sleeps: what must happen is looked for
//! until it is there or its time is up ([`wait`]). The demo, the measurements and the soak run drive the same parts.
#![forbid(unsafe_code)]

pub mod agent;
pub mod bidi;
pub mod browser;
mod calls;
pub mod code;
pub mod console;
pub mod device;
pub mod devtools;
pub mod frames;
pub mod linking;
pub mod listing;
pub mod page;
pub mod phone;
pub mod program;
pub mod provider;
pub mod proxy;
pub mod record;
pub mod scan;
pub mod server;
pub mod sink;
pub mod stage;
pub mod terminal;
pub mod wait;
pub mod watch;
pub mod worn;

/// Nothing here speaks TLS, but another package of the workspace has reqwest built with it, and then every client wants a
/// provider before it is made.
pub(crate) fn provide_tls() {
    // The second call of a process finds it installed.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}
