//! A recovery kit: its keys, and its shares in every form.

use glimpse_core::recovery::{Plan, RecoveryKit, Share, combine};
use glimpse_wire::preimage::{Preimage, label};
use sha2::{Digest, Sha256};

use crate::hand;
use crate::sheet::Sheet;
use crate::tape::Tape;

const THRESHOLD: u8 = 3;
const COUNT: u8 = 5;

/// Multiplication modulo x⁸ + x⁴ + x³ + x + 1.
fn times(a: u8, b: u8) -> u8 {
    let product = (0..8).filter(|bit| b >> bit & 1 == 1).fold(0u16, |sum, bit| sum ^ (u16::from(a) << bit));
    let reduced =
        (8..16).rev().fold(product, |rest, bit| if rest >> bit & 1 == 1 { rest ^ (0x11B << (bit - 8)) } else { rest });
    u8::try_from(reduced).unwrap()
}

/// `bytes` as digits of so many bits, the last filled up with zeros.
fn digits(bytes: &[u8], width: usize) -> Vec<usize> {
    let mut bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    while !bits.len().is_multiple_of(width) {
        bits.push('0');
    }
    (0..bits.len() / width).map(|place| usize::from_str_radix(&bits[place * width..][..width], 2).unwrap()).collect()
}

pub(crate) fn recovery_sheet() -> Sheet {
    let secret = hand::drawn::<32>("kit secret");
    let draws = hand::drawn::<256>("kit coefficients");
    let tape = [secret.as_slice(), &draws].concat();
    let mut tape = Tape::new(&tape);
    let kit = RecoveryKit::generate(Plan::new(THRESHOLD, COUNT).unwrap(), &mut tape).unwrap();
    assert!(tape.rest().is_empty());
    // Two coefficients for each byte, of four bytes each: the first of a little-endian number is its lowest.
    let coefficients: Vec<u8> = draws.iter().step_by(4).copied().collect();
    let signing = hand::derived::<32>(None, &secret, label::KIT_SIGNING);
    let kem = hand::derived::<32>(None, &secret, label::KIT_KEM);
    assert_eq!(kit.keys.signing.0, ed25519_dalek::SigningKey::from_bytes(&signing).verifying_key().to_bytes());
    let kit_id = &kit.keys.id().0[..4];
    let words: Vec<&str> = include_str!("../../src/words.txt").lines().collect();
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let share = |index: u8| {
        let value: Vec<u8> = secret
            .iter()
            .zip(coefficients.chunks(2))
            .map(|(byte, higher)| byte ^ times(higher[0], index) ^ times(higher[1], times(index, index)))
            .collect();
        let head = [[1, THRESHOLD, COUNT, index].as_slice(), kit_id, &value].concat();
        let check = Sha256::digest(Preimage::new(label::KIT_CHECK).part(&head).into_bytes());
        let bytes = [head.as_slice(), &check[..4]].concat();
        let in_letters: String = digits(&bytes, 5).iter().map(|digit| char::from(letters[*digit])).collect();
        let in_letters = format!("GLIMPSE-KIT-1:{in_letters}");
        let in_words = digits(&bytes, 11).iter().map(|digit| words[*digit]).collect::<Vec<_>>().join(" ");
        let there = &kit.shares[usize::from(index) - 1];
        assert_eq!((there.to_letters().as_str(), there.to_words().join(" ")), (in_letters.as_str(), in_words.clone()));
        Sheet::default()
            .number("index", index.into())
            .bytes("value", &value)
            .bytes("bytes", &bytes)
            .text("letters", &in_letters)
            .text("words", &in_words)
    };
    let shares: Vec<Sheet> = (1..=COUNT).map(share).collect();
    let given: Vec<Share> =
        [5, 1, 4].map(|index: usize| Share::parse(&kit.shares[index - 1].to_letters()).unwrap()).into();
    assert_eq!(combine(&given).unwrap().public(), kit.keys);
    Sheet::about("A recovery kit of 3 of 5: the keys that the chain names, and each share as bytes, as the letters of a QR code, in words.")
        .bytes("kit_secret", secret)
        .bytes("kit_signing_seed", signing)
        .bytes("kit_kem_seed", kem)
        .bytes("kit_signing_key", kit.keys.signing.0)
        .bytes("kit_kem_key", kit.keys.kem.as_slice())
        .bytes("kit_id", kit.keys.id().0)
        .text("kit_words", &kit.shares[0].kit().to_string())
        .number("threshold", THRESHOLD.into())
        .number("count", COUNT.into())
        .bytes("coefficients", &coefficients)
        .list("shares", shares)
}
