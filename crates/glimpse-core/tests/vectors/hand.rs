//! The steps between the messages, computed from the specification with the bare primitives, not with core. Where a
//! file shows such a step, core's own message was made from the same value, or it would not be the one in the file.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use glimpse_wire::preimage::Preimage;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use x_wing::{Decapsulate, DecapsulationKey};

/// The bytes that a scenario draws for `name`, `N` of them: nothing up the sleeve.
pub(crate) fn drawn<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (counter, chunk) in (0u8..).zip(bytes.chunks_mut(32)) {
        let block =
            Sha256::new().chain_update("glimpse vectors ").chain_update(name).chain_update([counter]).finalize();
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    bytes
}

/// `HKDF[salt, lp(label)](input, N)`
pub(crate) fn derived<const N: usize>(salt: Option<&[u8]>, input: &[u8], label: &str) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(salt, input).expand(&Preimage::new(label).into_bytes(), &mut out).unwrap();
    out
}

/// `HKDF-Extract(salt, input)`
pub(crate) fn extracted(salt: &[u8], input: &[u8]) -> [u8; 32] {
    Hkdf::<Sha256>::extract(Some(salt), input).0.into()
}

/// `HKDF-Expand(prk, info, N)`
pub(crate) fn expanded<const N: usize>(prk: &[u8; 32], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(info, &mut out).unwrap();
    out
}

/// `HMAC-SHA-256(key, message)`
pub(crate) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// ChaCha20-Poly1305: ciphertext ‖ tag.
pub(crate) fn sealed(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = plaintext.to_vec();
    ChaCha20Poly1305::new(&Key::from(*key)).encrypt_in_place(&Nonce::from(nonce), aad, &mut buffer).unwrap();
    buffer
}

/// Opens what [`sealed`] sealed.
pub(crate) fn opened(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], sealed: &[u8]) -> Vec<u8> {
    let mut buffer = sealed.to_vec();
    ChaCha20Poly1305::new(&Key::from(*key)).decrypt_in_place(&Nonce::from(nonce), aad, &mut buffer).unwrap();
    buffer
}

/// `Argon2id(password, salt, m = 7168 KiB, t = 5, p = 1) → 32`
pub(crate) fn stretched(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let params = argon2::Params::new(7168, 5, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut out = [0; 32];
    argon2.hash_password_into(password, salt, &mut out).unwrap();
    out
}

/// X-Wing's shared secret for the key that follows from `seed`.
pub(crate) fn decapsulated(seed: [u8; 32], enc: &[u8]) -> [u8; 32] {
    let enc: [u8; 1120] = enc.try_into().unwrap();
    DecapsulationKey::from(seed).decapsulate(&enc.into()).into()
}

/// Content in its frame: length, content, zeros up to the padded size.
pub(crate) fn framed(content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).unwrap();
    let mut plaintext = length.to_be_bytes().to_vec();
    plaintext.extend_from_slice(content);
    plaintext.resize(usize::try_from(glimpse_wire::size::padded(length)).unwrap(), 0);
    plaintext
}

/// The chunks of a content.
pub(crate) fn chunks(key: &[u8; 32], aad: &[u8], content: &[u8]) -> Vec<Vec<u8>> {
    let plaintext = framed(content);
    let pieces: Vec<&[u8]> = plaintext.chunks(65_536).collect();
    (0u64..)
        .zip(&pieces)
        .map(|(counter, piece)| {
            let mut nonce = [0; 12];
            nonce[3..11].copy_from_slice(&counter.to_be_bytes());
            nonce[11] = u8::from(counter + 1 == u64::try_from(pieces.len()).unwrap());
            sealed(key, nonce, aad, piece)
        })
        .collect()
}
