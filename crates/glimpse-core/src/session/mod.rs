//! A session: what is lent, to one browser, for a time (protocol section 7).

pub mod device;
pub mod viewer;

pub use device::{Approved, Decision, DeviceSession, LentUnit, SealedGrant};
pub use viewer::{ExpectGrant, ViewerSession};

use glimpse_wire::Salt;
use rand_core::CryptoRng;

use crate::secret::Secret;

/// A salt for one sealing of a unit.
pub fn fresh_salt(rng: &mut impl CryptoRng) -> Salt {
    Salt(*Secret::generate(rng).expose_secret())
}

#[cfg(test)]
pub(crate) mod tests;
