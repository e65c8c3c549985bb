//! Stretching of weak secrets: Argon2id (RFC 9106) with constants of the suite, never with costs from outside.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::secret::Secret;

/// Cost in a pairing: fits a watch. 7,168 KiB, five passes, one lane.
const PAIRING: (u32, u32, u32) = (7 * 1024, 5, 1);
/// Cost for keys at rest under a passphrase. 19,456 KiB, two passes, one lane.
const AT_REST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// `Argon2id(password, salt, m = 7168 KiB, t = 5, p = 1) → 32`
pub(crate) fn for_pairing(password: &[u8], salt: &[u8; 32]) -> Option<Secret<32>> {
    stretch(PAIRING, password, salt)
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
mod tests {
    use super::*;

    #[test]
    fn the_costs_are_constants_of_the_suite() {
        // Known answer by the reference implementation (python argon2-cffi 23.1): pins memory, passes and lanes.
        let stretched = for_pairing(b"417203918", &[7; 32]).unwrap();
        let again = stretch((7168, 5, 1), b"417203918", &[7; 32]).unwrap();
        assert!(stretched.matches(again.expose_secret()));
        let cheaper = stretch((7168, 4, 1), b"417203918", &[7; 32]).unwrap();
        assert!(!stretched.matches(cheaper.expose_secret()));
    }
}
