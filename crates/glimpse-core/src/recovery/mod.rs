//! The recovery kit (protocol section 4.1): 32 secret bytes, printed as shares, that begin an account anew when all its
//! devices are gone.
//!
//! [`RecoveryKit::generate`] draws a kit and cuts it into shares, once: the secret itself is never handed out, so no kit
//! is cut twice and every share of a kit lies on one polynomial. [`Share::parse`] takes what a person types, and
//! [`combine`] puts the kit's keys together again.

mod combine;
mod keys;
mod page;
mod share;
mod splitting;

use core::fmt;

use glimpse_wire::DeviceId;
use glimpse_wire::account::RecoveryKeys;
use rand_core::CryptoRng;

pub use combine::{CombineError, combine};
pub use keys::{KitKeys, WrongKit};
pub use page::{COLUMNS, Page};
pub use share::{SHARE_WORDS, Share, ShareError};

use crate::error::OpenError;
use crate::secret::Secret;
use crate::words;

/// Shares that a kit has at most.
pub const MAX_SHARES: u8 = 16;

/// What a kit's keys follow from. It leaves this module as shares alone.
#[derive(Debug)]
pub(crate) struct KitSecret(pub(crate) Secret<32>);

/// How many shares a kit is printed as, and how many of them it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    threshold: u8,
    count: u8,
}

/// No kit is made that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kit has 1 to 16 shares, of which 2 or more are needed; or it is one share")]
pub struct BadPlan;

impl Plan {
    /// Any `threshold` of `count` shares: 2 to `count`, which is [`MAX_SHARES`] at most; or 1 of 1. One of several is
    /// refused: that would be copies of one page, each worth as much as the account.
    ///
    /// # Errors
    /// [`BadPlan`].
    pub const fn new(threshold: u8, count: u8) -> Result<Self, BadPlan> {
        let several = threshold >= 2 && threshold <= count && count <= MAX_SHARES;
        if several || (threshold == 1 && count == 1) { Ok(Self { threshold, count }) } else { Err(BadPlan) }
    }

    /// How many shares it takes.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many shares there are.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }
}

impl Default for Plan {
    /// Any two of three.
    fn default() -> Self {
        Self { threshold: 2, count: 3 }
    }
}

/// Which kit a share is of: the first four bytes of the kit's id in the chain. Not secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KitId(pub [u8; 4]);

impl KitId {
    /// That of the kit with this id.
    #[must_use]
    pub const fn of(kit: &DeviceId) -> Self {
        let [a, b, c, d, ..] = kit.0;
        Self([a, b, c, d])
    }
}

/// Two words, which people compare: the top 22 bits, eleven for each word.
impl fmt::Display for KitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u32::from_be_bytes(self.0);
        let word = |shifted: u32| words::word(u16::try_from(shifted & 0x7FF).unwrap_or(0));
        write!(f, "{} {}", word(number >> 21), word(number >> 10))
    }
}

impl fmt::Debug for KitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KitId({self})")
    }
}

/// A kit that was drawn, before it is printed.
#[derive(Debug)]
pub struct RecoveryKit {
    /// What the chain names.
    pub keys: RecoveryKeys,
    /// What is printed, each on a page of its own; by rising index.
    pub shares: Vec<Share>,
}

impl RecoveryKit {
    /// Draws a kit's secret, cuts it into shares, and puts them together again before anybody relies on them.
    ///
    /// # Errors
    /// [`OpenError`] never happens: these shares make this kit.
    ///
    /// # Security
    /// The shares are for paper. Whoever holds as many as the plan asks for can take the account over.
    pub fn generate(plan: Plan, rng: &mut impl CryptoRng) -> Result<Self, OpenError> {
        let secret = KitSecret(Secret::generate(rng));
        let keys = KitKeys::of(&secret).public();
        let kit = KitId::of(&keys.id());
        let values = splitting::split(&secret.0, plan, rng)?;
        let shares: Vec<Share> =
            (1u8..).zip(values).map(|(index, value)| Share::new(kit, plan, index, value)).collect();
        let again = combine(&shares).map_err(|_| OpenError)?;
        if again.public() == keys { Ok(Self { keys, shares }) } else { Err(OpenError) }
    }
}

#[cfg(test)]
mod tests;
