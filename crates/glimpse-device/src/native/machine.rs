//! Clock, timer and randomness of this computer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use glimpse_core::Monotonic;
use glimpse_wire::UnixMillis;

use crate::Local;
use crate::surroundings::Surroundings;

/// This computer. Timers run on tokio.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    started: Instant,
}

impl Machine {
    /// Its monotonic clock begins at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Surroundings for Machine {
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(millis)))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
