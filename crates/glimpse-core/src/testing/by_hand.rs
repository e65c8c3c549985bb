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

/// The key schedule of HPKE (RFC 9180 section 5.1) for X-Wing, HKDF-SHA-256 and ChaCha20-Poly1305, from the shared
/// secret of the KEM on.
pub(crate) struct Schedule {
    pub(crate) key: [u8; 32],
    pub(crate) base_nonce: [u8; 12],
    pub(crate) exporter_secret: [u8; 32],
}

/// `"HPKE" ‖ KEM 0x647A ‖ KDF 1 ‖ AEAD 3`
const SUITE_ID: &[u8] = b"HPKE\x64\x7A\x00\x01\x00\x03";

fn labelled_extract(salt: &[u8], label: &str, input: &[u8]) -> Hkdf<Sha256> {
    Hkdf::new(Some(salt), &[b"HPKE-v1", SUITE_ID, label.as_bytes(), input].concat())
}

fn labelled_expand<const N: usize>(prk: &Hkdf<Sha256>, label: &str, info: &[u8]) -> [u8; N] {
    let length = u16::try_from(N).unwrap().to_be_bytes();
    let mut out = [0; N];
    prk.expand(&[&length, b"HPKE-v1".as_slice(), SUITE_ID, label.as_bytes(), info].concat(), &mut out).unwrap();
    out
}

fn labelled_extract_bytes(salt: &[u8], label: &str, input: &[u8]) -> Vec<u8> {
    let labelled = [b"HPKE-v1", SUITE_ID, label.as_bytes(), input].concat();
    Hkdf::<Sha256>::extract(Some(salt), &labelled).0.to_vec()
}

impl Schedule {
    /// Base mode without a PSK, PSK mode with one.
    pub(crate) fn new(shared_secret: &[u8], info: &[u8], psk: Option<(&[u8], &[u8])>) -> Self {
        let (mode, psk, psk_id) = match psk {
            None => (0u8, b"".as_slice(), b"".as_slice()),
            Some((psk, id)) => (1, psk, id),
        };
        let context = [
            [mode].as_slice(),
            &labelled_extract_bytes(b"", "psk_id_hash", psk_id),
            &labelled_extract_bytes(b"", "info_hash", info),
        ]
        .concat();
        let secret = labelled_extract(shared_secret, "secret", psk);
        Self {
            key: labelled_expand(&secret, "key", &context),
            base_nonce: labelled_expand(&secret, "base_nonce", &context),
            exporter_secret: labelled_expand(&secret, "exp", &context),
        }
    }

    /// `Context.Export(exporter context, 32)`
    pub(crate) fn export(&self, context: &[u8]) -> [u8; 32] {
        let prk = Hkdf::<Sha256>::from_prk(&self.exporter_secret).unwrap();
        labelled_expand(&prk, "sec", context)
    }
}
