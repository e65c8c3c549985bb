//! Clock, timer and randomness of a browser.

use core::cell::Cell;

use glimpse_core::Monotonic;
use glimpse_wire::UnixMillis;

use super::global::global;
use super::timer::{LONGEST, Timer};
use crate::Local;
use crate::surroundings::Surroundings;

/// Most that a browser gives at one time, in bytes.
const RANDOM_QUOTA: usize = 65_536;

/// The browser, in a page or in a worker.
#[derive(Debug)]
pub struct Machine {
    clock: Cell<Clock>,
}

impl Machine {
    /// Its monotonic clock begins at zero. Sleep counts; a wall clock that is set back lengthens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: Cell::new(Clock::new(uptime(), wall())) }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Surroundings for Machine {
    fn now(&self) -> UnixMillis {
        UnixMillis(wall())
    }

    fn monotonic(&self) -> Monotonic {
        let mut clock = self.clock.get();
        let elapsed = clock.elapsed(uptime(), wall());
        self.clock.set(clock);
        Monotonic(elapsed)
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        Box::pin(async move {
            let mut left = millis;
            loop {
                let part = u32::try_from(left).unwrap_or(LONGEST).min(LONGEST);
                Timer::new(part).await;
                left = left.saturating_sub(part.into());
                if left == 0 {
                    return;
                }
            }
        })
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let crypto = global().crypto();
        for part in bytes.chunks_mut(RANDOM_QUOTA) {
            // Into the memory of this module: what a key is made of is never on the heap of the page.
            if crypto.get_random_values_with_u8_array(part).is_err() {
                std::process::abort();
            }
        }
    }
}

/// `performance.now()`, which in some browsers stands still while the machine sleeps.
fn uptime() -> u64 {
    whole(global().performance().now())
}

fn wall() -> u64 {
    whole(js_sys::Date::now())
}

fn whole(millis: f64) -> u64 {
    // Saturates; a clock before 1970 reads 0.
    #[expect(clippy::as_conversions, reason = "see above")]
    let whole = millis as u64;
    whole
}

/// One clock out of two. From one look to the next, what the wall clock has advanced counts where that is more: a machine that
/// slept, or a clock that was set forward. One that was set back stops nothing, and is gone by from where it stands: time goes
/// on after a clock was wrong for a while as it does after one that was right.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// At the last look.
    uptime: u64,
    /// What the wall clock shows as long as nobody sets it and nothing sleeps.
    wall: u64,
    told: u64,
}

/// Two clocks differ by so many milliseconds without anybody having set one.
const JITTER: u64 = 1_000;

impl Clock {
    const fn new(uptime: u64, wall: u64) -> Self {
        Self { uptime, wall, told: 0 }
    }

    fn elapsed(&mut self, uptime: u64, wall: u64) -> u64 {
        let ran = uptime.saturating_sub(self.uptime);
        let expected = self.wall.saturating_add(ran);
        let ahead = wall.saturating_sub(expected);
        self.uptime = self.uptime.max(uptime);
        self.wall = if expected.saturating_sub(wall) > JITTER { wall } else { expected.max(wall) };
        self.told = self.told.saturating_add(ran).saturating_add(ahead);
        self.told
    }
}
