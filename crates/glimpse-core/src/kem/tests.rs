//! X-Wing by the vectors of its draft, HPKE's key schedule by hand, and keys that nobody may seal to.

use std::collections::BTreeMap;

use super::*;
use crate::aead;
use crate::testing::by_hand::Schedule;
use crate::testing::rng;
use crate::testing::tape::Tape;

/// The draft's vectors, each a map from name to bytes.
fn draft() -> Vec<BTreeMap<&'static str, Vec<u8>>> {
    let lines: Vec<(&str, Vec<u8>)> = include_str!("xwing-draft.txt")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name, hex::decode(value).unwrap()))
        .collect();
    lines.chunks(5).map(|vector| vector.iter().cloned().collect()).collect()
}

#[test]
fn keys_and_encapsulations_are_those_of_the_draft() {
    let vectors = draft();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let key = KemSecret::from_seed(&Secret::from_slice(&vector["sk"]).unwrap());
        assert_eq!(key.public().as_bytes(), vector["pk"]);
        let mut tape = Tape::new(&vector["eseed"]);
        let sealed = key.public().seal(b"info", b"aad", b"plaintext", &mut tape).unwrap();
        assert!(sealed.starts_with(&vector["ct"]));
        assert!(tape.rest().is_empty(), "64 bytes are drawn");
        // The shared secret of the draft, through the key schedule by hand, seals the same bytes.
        let schedule = Schedule::new(&vector["ss"], b"info", None);
        let mut by_hand = b"plaintext".to_vec();
        aead::seal(&Secret::fill_with(|own| *own = schedule.key), schedule.base_nonce, b"aad", &mut by_hand);
        assert_eq!(sealed[KEM_ENC_LEN..], by_hand);
        assert_eq!(key.open(b"info", b"aad", &sealed).unwrap().as_slice(), b"plaintext");
    }
}

#[test]
fn a_psk_and_the_exporter_follow_rfc_9180() {
    let vector = draft().remove(0);
    let key = KemSecret::from_seed(&Secret::from_slice(&vector["sk"]).unwrap());
    let psk = Secret::fill_with(|own| own.fill(0x50));
    let mut tape = Tape::new(&vector["eseed"]);
    let (enc, sealed, exporter) =
        key.public().seal_with_psk(&psk, b"id", b"info", b"aad", b"plaintext", &mut tape).unwrap();
    assert_eq!(enc, vector["ct"]);
    let schedule = Schedule::new(&vector["ss"], b"info", Some((psk.expose_secret(), b"id")));
    let mut by_hand = b"plaintext".to_vec();
    aead::seal(&Secret::fill_with(|own| *own = schedule.key), schedule.base_nonce, b"aad", &mut by_hand);
    assert_eq!(sealed, by_hand);
    assert!(exporter.export("a label").unwrap().matches(&schedule.export(b"a label")));
    assert!(!exporter.export("another").unwrap().matches(&schedule.export(b"a label")));
    let (opened, theirs) = key.open_with_psk(&psk, b"id", b"info", b"aad", &enc, &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"plaintext");
    assert!(theirs.export("a label").unwrap().matches(&schedule.export(b"a label")));
    // Another PSK, id, info or associated data opens nothing; nor does no PSK at all.
    let other = Secret::fill_with(|own| own.fill(0x51));
    assert!(key.open_with_psk(&other, b"id", b"info", b"aad", &enc, &sealed).is_err());
    assert!(key.open_with_psk(&psk, b"ie", b"info", b"aad", &enc, &sealed).is_err());
    assert!(key.open_with_psk(&psk, b"id", b"infp", b"aad", &enc, &sealed).is_err());
    assert!(key.open_with_psk(&psk, b"id", b"info", b"aae", &enc, &sealed).is_err());
    assert!(key.open(b"info", b"aad", &[enc, sealed].concat()).is_err());
}

#[test]
fn every_flipped_byte_of_what_was_sealed_is_noticed() {
    let key = KemSecret::generate(&mut rng(1));
    let sealed = key.public().seal(b"info", b"aad", &[9; 32], &mut rng(2)).unwrap();
    for place in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[place] ^= 1 << (place % 8);
        let opened = key.open(b"info", b"aad", &flipped);
        assert!(opened.is_err(), "byte {place}");
    }
    for length in [0, 1, KEM_ENC_LEN - 1, KEM_ENC_LEN, sealed.len() - 1] {
        assert!(key.open(b"info", b"aad", &sealed[..length]).is_err(), "{length} bytes");
    }
    assert!(key.open(b"info", b"aad", &sealed).is_ok(), "control");
}

/// Coordinates that send every scalar to zero: the seven of cr.yp.to/ecdh.html, reduced and not, with the top bit too.
fn small_order() -> Vec<[u8; 32]> {
    let known = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    known
        .iter()
        .flat_map(|point| {
            let point: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
            let mut with_top_bit = point;
            with_top_bit[31] |= 0x80;
            [point, with_top_bit]
        })
        .collect()
}

#[test]
fn t054_a_point_of_small_order_is_refused_in_a_key_and_in_an_encapsulation() {
    let key = KemSecret::generate(&mut rng(1));
    let honest = key.public().as_bytes().to_vec();
    let sealed = key.public().seal(b"", b"", b"x", &mut rng(2)).unwrap();
    for point in small_order() {
        let mut bytes = honest.clone();
        bytes[KEM_KEY_LEN - 32..].copy_from_slice(&point);
        assert!(KemPublic::parse(&bytes).is_err(), "{}", hex::encode(point));
        assert!(PublicKey::from_bytes(&bytes).is_ok(), "control: the crate alone takes {}", hex::encode(point));
        let mut bytes = sealed.clone();
        bytes[KEM_ENC_LEN - 32..KEM_ENC_LEN].copy_from_slice(&point);
        assert!(key.open(b"", b"", &bytes).is_err());
    }
    assert!(KemPublic::parse(&honest).is_ok(), "control");
    for length in [0, 32, KEM_KEY_LEN - 1, KEM_KEY_LEN + 1] {
        let mut bytes = honest.clone();
        bytes.resize(length, 1);
        assert!(KemPublic::parse(&bytes).is_err(), "{length} bytes");
    }
}

#[test]
fn the_same_plaintext_twice_gives_nothing_alike() {
    let key = KemSecret::generate(&mut rng(1));
    let seal = |seed| key.public().seal(b"", b"", &[0; 64], &mut rng(seed)).unwrap();
    assert_ne!(seal(3)[KEM_ENC_LEN..], seal(4)[KEM_ENC_LEN..]);
    assert_eq!(seal(3), seal(3), "control: it is the randomness that tells them apart");
}
