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
    /// The wall clock at the same moment: on most systems an `Instant` stands still while the machine sleeps.
    wall: SystemTime,
}

impl Machine {
    /// Its monotonic clock begins at zero. Sleep counts; a wall clock that is set back lengthens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), wall: SystemTime::now() }
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
        let advanced = SystemTime::now().duration_since(self.wall).unwrap_or(Duration::ZERO);
        Monotonic(u64::try_from(self.started.elapsed().max(advanced).as_millis()).unwrap_or(u64::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn t060_sleep_counts_and_a_clock_that_is_set_back_lengthens_nothing() {
        let slept = Machine { started: Instant::now(), wall: SystemTime::now() - HOUR };
        assert!(slept.monotonic() >= Monotonic(3_600_000));
        let set_back = Machine { started: Instant::now(), wall: SystemTime::now() + HOUR };
        assert!(set_back.monotonic() < Monotonic(60_000), "control: only what went by");
    }
}
