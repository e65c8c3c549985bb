//! Stretching of weak secrets: Argon2id (RFC 9106) with constants of the suite, never with costs from outside.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::secret::Secret;

/// Cost in a pairing: fits a watch. 7,168 KiB, five passes, one lane.
const PAIRING: (u32, u32, u32) = (7 * 1024, 5, 1);
/// Cost for keys at rest under a passphrase. 19,456 KiB, two passes, one lane.
const AT_REST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// `Argon2id(password, salt, m = 7168 KiB, t = 5, p = 1) → 32`
pub(crate) fn for_pairing(password: &[u8], salt: &[u8; 32]) -> Option<Secret<32>> {
    stretch(pairing_cost(), password, salt)
}

#[cfg(not(test))]
const fn pairing_cost() -> (u32, u32, u32) {
    PAIRING
}

/// `Argon2id(passphrase, salt, m = 19456 KiB, t = 2, p = 1) → 32`
pub(crate) fn at_rest(passphrase: &[u8], salt: &[u8; 32]) -> Option<Secret<32>> {
    stretch(AT_REST, passphrase, salt)
}

/// Nothing when the parameters are refused (they are constants) or memory cannot be had.
fn stretch((memory, passes, lanes): (u32, u32, u32), password: &[u8], salt: &[u8; 32]) -> Option<Secret<32>> {
    let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut done = false;
    let secret = Secret::fill_with(|out| done = argon2.hash_password_into(password, salt, out).is_ok());
    done.then_some(secret)
}

#[cfg(test)]
use tests::pairing_cost;

#[cfg(test)]
pub(crate) mod tests {
    use core::cell::Cell;

    use super::*;

    std::thread_local! {
        static COST: Cell<(u32, u32, u32)> = const { Cell::new(PAIRING) };
    }

    pub(super) fn pairing_cost() -> (u32, u32, u32) {
        COST.get()
    }

    /// Runs a test of thousands of pairings with the least cost that Argon2 takes.
    pub(crate) fn cheaply<T>(test: impl FnOnce() -> T) -> T {
        COST.set((8, 1, 1));
        let outcome = test();
        COST.set(PAIRING);
        outcome
    }

    #[test]
    fn the_costs_are_constants_of_the_suite() {
        // Known answers by another implementation (python argon2-cffi 25.1): they pin memory, passes and lanes.
        let known = |stretched: Option<Secret<32>>, answer: &str| {
            assert_eq!(hex::encode(stretched.unwrap().expose_secret()), answer);
        };
        known(for_pairing(b"417203918", &[7; 32]), "0a9ea4414513d6c5d298144e5d557df72195cc9049c5ff2009fb055c4544bfb5");
        known(at_rest(b"correct horse", &[7; 32]), "dfceb9fef461168193da7570953b192e399577a55b057abb50e42a4a454d6ba0");
    }
}
