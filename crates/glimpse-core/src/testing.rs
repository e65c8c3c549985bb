//! What the tests of this crate share.

pub(crate) mod by_hand;
pub(crate) mod salamander;
pub(crate) mod tape;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

/// Repeatable randomness.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// How often a test of chance repeats: with `GLIMPSE_SOAK` set, as `cargo xtask soak` does, its full volume.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses how long")]
pub(crate) fn volume(every_time: u32, soak: u32) -> u32 {
    if std::env::var_os("GLIMPSE_SOAK").is_some() { soak } else { every_time }
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
