//! One ciphertext that ChaCha20-Poly1305 opens under two keys (Albertini, Duong, Gueron, Kölbl, Luykx, Schmieg, "How
//! to abuse and fix authenticated encryption without key commitment", USENIX Security 2022; Dodis, Grubbs, Ristenpart,
//! Woodage, CRYPTO 2018). It takes two free blocks and two linear equations modulo 2^130 - 5.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use num_bigint::BigUint;

/// The one-time key of Poly1305 for a nonce (RFC 8439 section 2.6): the clamped r, and s.
fn one_time_key(key: &[u8; 32], nonce: [u8; 12]) -> (BigUint, BigUint) {
    let mut block = [0; 32];
    ChaCha20::new(key.into(), &nonce.into()).apply_keystream(&mut block);
    let clamp = 0x0FFF_FFFC_0FFF_FFFC_0FFF_FFFC_0FFF_FFFFu128;
    let r = u128::from_le_bytes(block[..16].try_into().unwrap()) & clamp;
    (BigUint::from(r), BigUint::from_bytes_le(&block[16..]))
}

/// Ciphertext of `length` bytes, and its tag, that both keys open under `nonce` and `aad`. Lengths are multiples of 16.
pub(crate) fn opens_under_both(
    one: &[u8; 32],
    other: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    length: usize,
) -> Vec<u8> {
    built(one, other, nonce, aad, vec![0x5A; length], 0)
}

/// The same, where the first key opens it to `plaintext`, all but its last 32 bytes.
pub(crate) fn opens_under_both_to(
    one: &[u8; 32],
    other: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let mut blocks = vec![0; 64 + plaintext.len()];
    blocks[64..].copy_from_slice(plaintext);
    // The first 64 bytes of the key stream are the one-time key of Poly1305.
    ChaCha20::new(one.into(), &nonce.into()).apply_keystream(&mut blocks);
    let ciphertext = blocks.split_off(64);
    let free = ciphertext.len() / 16 - 2;
    built(one, other, nonce, aad, ciphertext, free)
}

/// Solves for two neighbouring blocks of `ciphertext`, from the block `free` on, and appends the tag.
fn built(
    one: &[u8; 32],
    other: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    mut ciphertext: Vec<u8>,
    free: usize,
) -> Vec<u8> {
    let place = free * 16..free * 16 + 32;
    ciphertext[place.clone()].fill(0x5A);
    let length = ciphertext.len();
    let p = (BigUint::from(1u8) << 130u8) - 5u8;
    let top = BigUint::from(1u8) << 128u8;
    let keys = [one_time_key(one, nonce), one_time_key(other, nonce)];
    // Blocks of the authenticated data; what stands in the two free ones does not count.
    let lengths = [u64::try_from(aad.len()).unwrap().to_le_bytes(), u64::try_from(length).unwrap().to_le_bytes()];
    let data: Vec<u8> = [aad, &ciphertext, &lengths.concat()].concat();
    let blocks: Vec<BigUint> = data.chunks(16).map(|block| BigUint::from_bytes_le(block) + &top).collect();
    let free = aad.len() / 16 + free;
    let power = |r: &BigUint, index: usize| r.modpow(&BigUint::from(blocks.len() - index), &p);
    let minus = |a: &BigUint, b: &BigUint| (a + &p - b % &p) % &p;
    let inverse = |a: &BigUint| a.modpow(&(&p - 2u8), &p);
    // What the fixed blocks add up to under each key.
    let fixed = keys.each_ref().map(|(r, _)| {
        let others = blocks.iter().enumerate().filter(|(index, _)| !(free..free + 2).contains(index));
        others.fold(BigUint::ZERO, |sum, (index, block)| (sum + block * power(r, index)) % &p)
    });
    let rows = keys.each_ref().map(|(r, _)| (power(r, free), power(r, free + 1)));
    let determinant = minus(&(&rows[0].0 * &rows[1].1), &(&rows[1].0 * &rows[0].1));
    for attempt in 0..10_000u32 {
        // Any tag will do; a block fits if it is below 2^128 once its own top bit is taken away: about one in sixteen.
        let tag = BigUint::from(attempt) * 0x9E37_79B9_7F4A_7C15u64 + 1u8;
        let wanted = [0, 1].map(|key| {
            let sum: BigUint = (&tag + &top - &keys[key].1) % &top;
            minus(&sum, &fixed[key])
        });
        let x = minus(&(&wanted[0] * &rows[1].1), &(&wanted[1] * &rows[0].1)) * inverse(&determinant) % &p;
        let y = minus(&(&rows[0].0 * &wanted[1]), &(&rows[1].0 * &wanted[0])) * inverse(&determinant) % &p;
        if x.bits() == 129 && y.bits() == 129 {
            for (slot, block) in ciphertext[place].chunks_mut(16).zip([x, y]) {
                slot.copy_from_slice(&(block - &top).to_bytes_le_padded());
            }
            ciphertext.extend_from_slice(&tag.to_bytes_le_padded());
            return ciphertext;
        }
    }
    panic!("one attempt in sixteen succeeds");
}

trait Padded {
    fn to_bytes_le_padded(&self) -> [u8; 16];
}

impl Padded for BigUint {
    fn to_bytes_le_padded(&self) -> [u8; 16] {
        let mut bytes = self.to_bytes_le();
        bytes.resize(16, 0);
        bytes.try_into().unwrap()
    }
}
