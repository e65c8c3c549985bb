//! What the tests of this crate share.

pub(crate) mod by_hand;
pub(crate) mod tape;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

/// Repeatable randomness.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Fails to compile if the type implements the trait: then two blanket impls fit, and the compiler cannot choose.
macro_rules! assert_not_impl {
    ($type:ty: $($bound:path),+) => {
        $({
            trait Ambiguous<Choice> {
                fn choose() {}
            }
            struct Implements;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<Implements> for T {}
            <$type as Ambiguous<_>>::choose();
        })+
    };
}
pub(crate) use assert_not_impl;
