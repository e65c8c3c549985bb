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

/// One clock out of two. What the wall clock has advanced counts where that is more; what was once told stays told.
#[derive(Clone, Copy, Debug)]
struct Clock {
    uptime: u64,
    wall: u64,
    told: u64,
}

impl Clock {
    const fn new(uptime: u64, wall: u64) -> Self {
        Self { uptime, wall, told: 0 }
    }

    fn elapsed(&mut self, uptime: u64, wall: u64) -> u64 {
        let elapsed = uptime.saturating_sub(self.uptime).max(wall.saturating_sub(self.wall));
        self.told = self.told.max(elapsed);
        self.told
    }
}
