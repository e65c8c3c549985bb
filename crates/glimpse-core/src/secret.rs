//! Secrets that cannot be printed, compared, copied, cloned or serialised by accident.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret bytes on the heap, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Draws fresh bytes.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::fill_with(|bytes| rng.fill_bytes(bytes))
    }

    /// Lets `fill` write the bytes in place, so that no copy stays on the stack.
    pub(crate) fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// Takes exactly `N` bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == N).then(|| Self::fill_with(|own| own.copy_from_slice(bytes)))
    }

    /// The bytes, for the one operation that needs them.
    pub(crate) fn expose_secret(&self) -> &[u8; N] {
        &self.0
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>(redacted)")
    }
}

/// The client's half of a record version's or unit's key: 32 random bytes, fresh for each.
#[derive(Debug)]
pub struct ClientShare(pub(crate) Secret<32>);

/// The server's half. Worth nothing without the client's.
#[derive(Debug)]
pub struct ServerShare(pub(crate) Secret<32>);

impl ServerShare {
    /// Takes a share as the server released it.
    #[must_use]
    pub fn from_wire(share: &glimpse_wire::Hash) -> Self {
        Self(Secret::fill_with(|own| own.copy_from_slice(&share.0)))
    }
}

/// Opened bytes: wiped when dropped.
pub type Plaintext = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        let secret = Secret::<32>::fill_with(|bytes| bytes.fill(0xAB));
        for printed in [
            format!("{secret:?}"),
            format!("{:?}", ClientShare(Secret::fill_with(|own| own.fill(0xAB)))),
            format!("{:?}", ServerShare(Secret::fill_with(|own| own.fill(0xAB)))),
        ] {
            assert!(printed.contains("redacted"), "{printed}");
            assert!(!printed.to_lowercase().contains("ab") && !printed.contains("171"), "{printed}");
        }
    }

    #[test]
    fn wrong_lengths_are_no_secret() {
        assert!(Secret::<32>::from_slice(&[0; 31]).is_none());
        assert!(
            Secret::<32>::from_slice(&[7; 32])
                .is_some_and(|secret| secret.matches(&[7; 32]) && !secret.matches(&[8; 32]))
        );
    }
}
