//! Time, as an argument.
//!
//! Every rule about expiry, rate and lifetime takes the time from a [`Clock`], so that tests move time instead of sleeping.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use glimpse_wire::UnixMillis;

/// Where the server takes the time from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> UnixMillis;
}

/// The machine's clock, which never runs backwards while the process lives.
///
/// Setting the wall clock back must not lengthen a session or revive a code. The answer is the later of the wall clock and
/// the start of the process plus what a monotonic timer says; a jump forward therefore ends things early, never late.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_start: UnixMillis,
    started: Instant,
}

impl SystemClock {
    /// A clock that starts at the wall clock's present time.
    #[must_use]
    pub fn new() -> Self {
        Self { wall_at_start: wall(), started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        never_back(wall(), self.wall_at_start, elapsed)
    }
}

/// The later of what the wall clock says and of what it must say by now.
fn never_back(wall: UnixMillis, wall_at_start: UnixMillis, elapsed: u64) -> UnixMillis {
    wall.max(wall_at_start.plus(elapsed))
}

fn wall() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn at(start: UnixMillis) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// A clock that stands at the machine's present time.
    #[must_use]
    pub fn at_wall() -> Self {
        Self::at(wall())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the clock back, as somebody may while the server is down.
    pub fn set_back(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_sub(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t015_a_wall_clock_that_is_set_back_lengthens_nothing() {
        let start = UnixMillis(1_000_000);
        let expires = start.plus(120_000);
        assert!(never_back(start.plus(119_999), start, 119_999) < expires, "control: in time");
        assert!(never_back(start, start, 121_000) >= expires, "set back to the start");
        assert!(never_back(UnixMillis(0), start, 121_000) >= expires, "set back to 1970");
        assert!(never_back(start.plus(200_000), start, 1_000) >= expires, "a jump forward ends early, never late");
    }
}
