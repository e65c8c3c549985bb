//! Clock, timer and randomness of a browser.

use core::cell::RefCell;

use glimpse_core::{Clock, Monotonic};
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
    clock: RefCell<Clock>,
}

impl Machine {
    /// Its monotonic clock begins at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: RefCell::new(Clock::new(uptime(), wall())) }
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
        let (uptime, wall) = (uptime(), wall());
        self.clock.borrow_mut().read(uptime, wall)
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

fn wall() -> UnixMillis {
    UnixMillis(whole(js_sys::Date::now()))
}

fn whole(millis: f64) -> u64 {
    // Saturates; a clock before 1970 reads 0.
    #[expect(clippy::as_conversions, reason = "see above")]
    let whole = millis as u64;
    whole
}
