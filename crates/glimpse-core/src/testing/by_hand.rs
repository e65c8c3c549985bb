//! SPAKE2 by hand: the group law and three hashes, as python-spake2 defines them, and nothing of the crate that the
//! product uses. What an attacker computes for a guess, and what vectors write down, is computed with this.

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use glimpse_wire::Hash;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// Masks viewer's elements.
const M: &str = "15cfd18e385952982b6a8f8c7854963b58e34388c8e6dae891db756481a02312";
/// Masks the device's elements.
const N: &str = "f04f2e7eb734b2a8f8b472eaf9c3c632576ac64aea650b496a8a20ff00e583c3";

fn point(hex: &str) -> EdwardsPoint {
    CompressedEdwardsY(hex::decode(hex).unwrap().try_into().unwrap()).decompress().unwrap()
}

/// The password as a scalar: 48 bytes of `HKDF[-, "SPAKE2 pw"](password)`, big-endian, modulo the group's order.
pub(crate) fn password_scalar(password: &[u8]) -> Scalar {
    let mut wide = [0; 64];
    Hkdf::<Sha256>::new(Some(b""), password).expand(b"SPAKE2 pw", &mut wide[..48]).unwrap();
    wide[..48].reverse();
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// The elements that two messages carry, with the masks of one password taken off: `X = xB` and `Y = yB` if the guess
/// is right.
pub(crate) fn unmasked(password: &[u8], message_a: &[u8], message_b: &[u8]) -> (EdwardsPoint, EdwardsPoint) {
    let guess = password_scalar(password);
    let element = |message: &[u8]| CompressedEdwardsY::from_slice(&message[1..]).unwrap().decompress().unwrap();
    (element(message_a) - point(M) * guess, element(message_b) - point(N) * guess)
}

/// `H(H(password) ‖ H(idA) ‖ H(idB) ‖ element A ‖ element B ‖ shared point)`
pub(crate) fn output(
    password: &[u8],
    id_a: &Hash,
    id_b: &Hash,
    message_a: &[u8],
    message_b: &[u8],
    shared: &EdwardsPoint,
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [password, &id_a.0, &id_b.0] {
        hasher.update(Sha256::digest(part));
    }
    hasher.update(&message_a[1..]);
    hasher.update(&message_b[1..]);
    hasher.update(shared.compress().as_bytes());
    hasher.finalize().into()
}

/// The scalar that a run draws: 64 bytes, little-endian, modulo the group's order.
pub(crate) fn scalar(drawn: &[u8; 64]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(drawn)
}
