//! Clock, timer and randomness of this computer.

use core::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use glimpse_core::{Clock, Monotonic};
use glimpse_wire::UnixMillis;

use crate::Local;
use crate::surroundings::Surroundings;

/// This computer. Timers run on tokio.
#[derive(Debug)]
pub struct Machine {
    started: Instant,
    clock: RefCell<Clock>,
}

impl Machine {
    /// Its monotonic clock begins at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), clock: RefCell::new(Clock::new(0, wall())) }
    }

    /// Of an `Instant`, which on Linux and macOS stands still while the machine sleeps.
    fn uptime(&self) -> u64 {
        whole(self.started.elapsed())
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Surroundings for Machine {
    fn now(&self) -> UnixMillis {
        wall()
    }

    fn monotonic(&self) -> Monotonic {
        let (uptime, wall) = (self.uptime(), wall());
        self.clock.borrow_mut().read(uptime, wall)
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

fn wall() -> UnixMillis {
    UnixMillis(whole(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)))
}

fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// A machine that read its clocks before, when its uptime was zero.
    fn machine(clock: Clock) -> Machine {
        Machine { started: Instant::now(), clock: RefCell::new(clock) }
    }

    #[test]
    fn t060_sleep_counts_and_a_clock_that_is_set_back_lengthens_nothing() {
        let slept = machine(Clock::new(0, UnixMillis(wall().0 - HOUR)));
        assert!(slept.monotonic() >= Monotonic(HOUR));
        assert!(slept.uptime() < 60_000, "control: no hour by the uptime alone");
        let set_back = machine(Clock::new(0, wall().plus(HOUR)));
        assert!(set_back.monotonic() < Monotonic(60_000), "control: only what went by");
    }

    #[test]
    fn t060_after_a_wall_clock_that_was_ahead_time_goes_on() {
        let mut clock = Clock::new(0, wall());
        let ahead = clock.read(0, wall().plus(HOUR));
        let set_right = machine(clock);
        let begun = set_right.monotonic();
        assert!(begun >= ahead, "what was told stays told");
        assert!(begun < ahead.plus(60_000), "control: only what went by, now that it is right");
        let uptime = set_right.uptime();
        assert!(uptime < 60_000, "control: the longer of both since the start went back by an hour");
        while set_right.uptime() < uptime + 20 {
            std::thread::yield_now();
        }
        assert!(set_right.monotonic() >= begun.plus(20));
    }
}
