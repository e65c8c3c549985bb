//! What every request handler shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::http::guard::Address;
use crate::key_file::KeyFile;
use crate::metrics::Metrics;
use crate::settings::{Limits, Settings};
use crate::site::Site;
use crate::store::Store;
use crate::throttle::Throttle;

/// One server: its settings, its clock, and everything that it holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: KeyFile,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Rates,
    pub(crate) site: Option<Site>,
    /// Cancelled when the server drains: sockets close, no connection is accepted.
    pub(crate) stop: CancellationToken,
    /// Sockets and other tasks that outlive their request.
    pub(crate) tasks: TaskTracker,
}

/// The rates of [`Limits`], each with its memory.
#[derive(Debug)]
pub(crate) struct Rates {
    pub(crate) requests: Throttle<Address>,
}

const MINUTE: u64 = 60;

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { requests: Throttle::new(limits.requests_per_address, MINUTE) }
    }
}
