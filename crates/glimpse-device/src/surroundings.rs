//! Clock, timer and randomness of the machine that the device runs on.

use core::convert::Infallible;
use core::fmt;

use glimpse_core::Monotonic;
use glimpse_wire::UnixMillis;
use rand_core::{TryCryptoRng, TryRng};

use crate::Local;

/// What a machine offers.
pub trait Surroundings {
    /// The wall clock, which anyone may set.
    fn now(&self) -> UnixMillis;

    /// The clock that never goes back and counts sleep: [`glimpse_core::Clock`], from readings of the machine's two.
    fn monotonic(&self) -> Monotonic;

    /// Done after so many milliseconds.
    fn sleep(&self, millis: u64) -> Local<'_, ()>;

    /// Fills `bytes` from the operating system's random number generator, and aborts the program if it fails: no key is
    /// made from anything else.
    fn fill_random(&self, bytes: &mut [u8]);
}

/// The machine's randomness as core takes it.
pub struct SystemRng<'s>(pub &'s dyn Surroundings);

impl fmt::Debug for SystemRng<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemRng")
    }
}

impl TryRng for SystemRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill_random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill_random(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_random(bytes);
        Ok(())
    }
}

impl TryCryptoRng for SystemRng<'_> {}
