//! Every type that travels in CBOR has one encoding. What is not that encoding is refused, and nothing panics
//! (RFC 8949 section 4.2.1).
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

#[cfg(test)]
mod draw;
#[cfg(test)]
mod kinds;

use draw::Draw;
use kinds::{KINDS, Kind};
use proptest::prelude::*;

/// Decoding does not panic, and takes canonical bytes only.
fn takes_canonical_only(kind: &Kind, bytes: &[u8]) -> bool {
    match (kind.back)(bytes) {
        Some(back) => {
            assert!(back == bytes, "{} took {} for {}", kind.name, hex::encode(bytes), hex::encode(back));
            true
        }
        None => false,
    }
}

#[test]
fn every_type_round_trips() {
    for kind in KINDS {
        for seed in 0..200 {
            let bytes = (kind.sample)(&mut Draw(seed));
            assert!(takes_canonical_only(kind, &bytes), "{} {}", kind.name, hex::encode(bytes));
        }
    }
}

/// The first item of `bytes`, an array of fewer than 24 elements, with its head written in other ways.
fn other_heads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some((first, rest)) = bytes.split_first() else { return Vec::new() };
    let (major, count) = (first & 0xE0, first & 0x1F);
    if major != 0x80 || count >= 24 {
        return Vec::new();
    }
    let head = |head: &[u8]| [head, rest].concat();
    vec![
        head(&[0x98, count]),
        head(&[0x99, 0, count]),
        head(&[0x9B, 0, 0, 0, 0, 0, 0, 0, count]),
        [&[0x9F], rest, &[0xFF]].concat(),
        [&[0x80 | (count + 1)], rest, &[0x00]].concat(),
        [&[0x80 | (count + 1)], rest, &[0xF6]].concat(),
        head(&[0x80 | count.saturating_sub(1)]),
        [&[0xC0 | 5, *first], rest].concat(),
    ]
}

#[test]
fn no_other_form_of_a_value_is_taken() {
    for kind in KINDS {
        let mut forms = 0;
        for seed in 0..20 {
            let bytes = (kind.sample)(&mut Draw(seed));
            for form in other_heads(&bytes) {
                forms += 1;
                assert!(!takes_canonical_only(kind, &form) || form == bytes, "{}", kind.name);
            }
            for tail in [0x00, 0x80, 0xF6, 0xFF] {
                let longer = [bytes.as_slice(), &[tail]].concat();
                assert!(!takes_canonical_only(kind, &longer), "{} and {tail:02x} behind it", kind.name);
            }
            for length in 0..bytes.len() {
                assert!(!takes_canonical_only(kind, &bytes[..length]), "{} cut to {length}", kind.name);
            }
        }
        let scalar = ["Hash", "UnixMillis", "Bytes", "ErrorCode"].contains(&kind.name);
        assert!(forms > 0 || scalar, "{} is an array", kind.name);
    }
}

#[test]
fn t058_announced_lengths_allocate_nothing_and_depth_is_no_recursion() {
    let huge = [0xFF; 8];
    for kind in KINDS {
        for head in [0x9B, 0x5B, 0x7B, 0xBB] {
            assert!(!takes_canonical_only(kind, &[&[head], huge.as_slice()].concat()), "{}", kind.name);
            // The same in the place of the first element.
            let mut bytes = (kind.sample)(&mut Draw(1));
            bytes.splice(1..bytes.len().min(2), [&[head], huge.as_slice()].concat());
            takes_canonical_only(kind, &bytes);
        }
        for opener in [0x81, 0x9F, 0xC1, 0xBF, 0x5F] {
            assert!(!takes_canonical_only(kind, &vec![opener; 200_000]), "{}", kind.name);
        }
        // Nested surplus elements, which a decoder skips.
        let bytes = (kind.sample)(&mut Draw(2));
        if let [first @ 0x80..0x97, rest @ ..] = bytes.as_slice() {
            let nested = [&[first + 1], rest, &[0x81; 100_000], &[0x00]].concat();
            assert!(!takes_canonical_only(kind, &nested), "{}", kind.name);
        }
    }
}

#[test]
fn a_limit_is_checked_before_anything_is_read() {
    let bytes = glimpse_wire::encode(&glimpse_wire::ids::Bytes(vec![0; 100]));
    let decode = |limit| glimpse_wire::decode::<glimpse_wire::ids::Bytes>(&bytes, limit);
    assert!(decode(bytes.len()).is_ok() && decode(bytes.len() - 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in KINDS {
            takes_canonical_only(kind, &bytes);
        }
    }

    #[test]
    fn mutated_values_never_panic_and_are_taken_in_canonical_form_only(
        kind in 0..KINDS.len(),
        seed: u64,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..4),
    ) {
        let kind = &KINDS[kind];
        let mut bytes = (kind.sample)(&mut Draw(seed));
        for (place, byte, edit) in edits {
            let place = place.index(bytes.len().max(1)).min(bytes.len());
            match edit {
                0 if place < bytes.len() => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ => bytes.truncate(place),
            }
        }
        takes_canonical_only(kind, &bytes);
    }
}
