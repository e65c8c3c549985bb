//! Letters and words, as they are typed.

use proptest::prelude::*;

use super::*;

fn share() -> Share {
    super::kit(2, 3, 11).shares.remove(0)
}

/// The same share under another head, with a check that fits.
fn altered(share: &Share, alter: impl Fn(&mut [u8])) -> String {
    use sha2::{Digest, Sha256};
    let letters = share.to_letters();
    let bytes = unpacked(letters.split_once(':').unwrap().1);
    let mut bytes = bytes[..40].to_vec();
    alter(&mut bytes);
    let preimage = glimpse_wire::preimage::Preimage::new("glimpse/v1/recovery/share-check").part(&bytes).into_bytes();
    let check = Sha256::digest(&preimage);
    bytes.extend_from_slice(&check[..4]);
    format!("GLIMPSE-KIT-1:{}", packed(&bytes))
}

const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base32 without padding, by another way than the product's: through one large number.
pub(super) fn packed(bytes: &[u8]) -> String {
    let letters = (bytes.len() * 8).div_ceil(5);
    let mut number = num_bigint::BigUint::from_bytes_be(bytes) << (letters * 5 - bytes.len() * 8);
    let mut text = Vec::new();
    for _ in 0..letters {
        let digit = (&number % 32u8).iter_u32_digits().next().unwrap_or(0);
        text.push(BASE32.chars().nth(usize::try_from(digit).unwrap()).unwrap());
        number >>= 5u8;
    }
    text.iter().rev().collect()
}

pub(super) fn unpacked(letters: &str) -> Vec<u8> {
    let digit = |letter: char| u8::try_from(BASE32.find(letter).unwrap()).unwrap();
    let number = letters.chars().fold(num_bigint::BigUint::ZERO, |number, letter| (number << 5u8) + digit(letter));
    let bytes = letters.len() * 5 / 8;
    let shifted: num_bigint::BigUint = number >> (letters.len() * 5 - bytes * 8);
    let tail = shifted.to_bytes_be();
    [vec![0; bytes - tail.len()], tail].concat()
}

#[test]
fn a_share_is_taken_however_it_is_typed() {
    let share = share();
    let (words, letters) = (share.to_words(), share.to_letters());
    assert_eq!(words.len(), SHARE_WORDS);
    let numbered = |separator: &str| {
        let lines: Vec<String> = (1..).zip(&words).map(|(place, word)| format!("{place}{separator}{word}")).collect();
        lines.join("\n")
    };
    let typed = [
        words.join(" "),
        words.join("\n"),
        words.join(", ").to_uppercase(),
        format!("  {}\r\n", words.join("\t")),
        numbered(". "),
        numbered(" "),
        numbered(") "),
        numbered("."),
        letters.to_string(),
        letters.to_lowercase(),
        format!(" {} \n{} ", &letters[..30], &letters[30..]),
    ];
    for text in typed {
        let read = Share::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((read.index(), read.plan(), read.kit()), (1, Plan::default(), share.kit()));
        assert!(read.value.matches(share.value.expose_secret()), "{text}");
    }
    assert!(letters.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-:".contains(&byte)));
    assert_eq!(unpacked(letters.split_once(':').unwrap().1).len(), 44);
}

#[test]
fn a_word_that_is_not_in_the_list_is_named() {
    let mut words = share().to_words();
    words[6] = "wurst";
    assert_eq!(Share::parse(&words.join(" ")).unwrap_err(), ShareError::UnknownWords { places: vec![7] });
    words[31] = "käse";
    let error = Share::parse(&words.join(" ")).unwrap_err();
    assert_eq!(error, ShareError::UnknownWords { places: vec![7, 32] });
    assert!(!error.to_string().contains("wurst"), "what was typed is not repeated");
}

#[test]
fn words_left_out_or_typed_twice_are_counted() {
    let words = share().to_words();
    let found = |text: &str| Share::parse(text).unwrap_err();
    assert_eq!(found(&words[1..].join(" ")), ShareError::WordCount { found: 31 });
    assert_eq!(found(&[&words[..], &words[..1]].concat().join(" ")), ShareError::WordCount { found: 33 });
    assert_eq!(found(""), ShareError::WordCount { found: 0 });
    assert_eq!(found("12 345"), ShareError::WordCount { found: 0 });
}

#[test]
fn t075_a_damaged_share_is_told_from_everything_else() {
    let share = share();
    let words = share.to_words();
    for place in 0..SHARE_WORDS {
        let mut damaged = words.clone();
        damaged[place] = if words[place] == "zoo" { "abandon" } else { "zoo" };
        assert_eq!(Share::parse(&damaged.join(" ")).unwrap_err(), ShareError::Damaged, "word {place}");
        if place > 0 && words[place] != words[place - 1] {
            let mut swapped = words.clone();
            swapped.swap(place, place - 1);
            assert_eq!(Share::parse(&swapped.join(" ")).unwrap_err(), ShareError::Damaged, "swapped at {place}");
        }
    }
    let letters = share.to_letters();
    assert_eq!(Share::parse(&letters[..letters.len() - 1]).unwrap_err(), ShareError::Damaged, "cut");
    assert_eq!(Share::parse(&format!("{}A", *letters)).unwrap_err(), ShareError::Damaged, "longer");
    assert_eq!(Share::parse(&letters.replace("KIT-1:", "KIT-1:!")).unwrap_err(), ShareError::Damaged);
    assert_eq!(Share::parse("GLIMPSE-KIT-1").unwrap_err(), ShareError::Damaged);
    // The last letter holds three bits that are nothing: they are zero, or there would be eight ways to write a share.
    let last = letters.chars().last().unwrap();
    let above = BASE32.chars().nth(BASE32.find(last).unwrap() + 1).unwrap();
    let other = format!("{}{above}", &letters[..letters.len() - 1]);
    assert_eq!(Share::parse(&other).unwrap_err(), ShareError::Damaged);
}

#[test]
fn t075_index_zero_and_other_impossible_numbers_are_refused() {
    let share = share();
    assert!(Share::parse(&altered(&share, |_| ())).is_ok(), "control: the test makes shares as the product does");
    assert!(Share::parse(&altered(&share, |bytes| bytes[3] = 3)).is_ok(), "control: with another index, too");
    let refused = |alter: fn(&mut [u8])| Share::parse(&altered(&share, alter)).unwrap_err();
    assert_eq!(refused(|bytes| bytes[3] = 0), ShareError::Impossible, "index 0");
    assert_eq!(refused(|bytes| bytes[3] = 4), ShareError::Impossible, "index above the count");
    assert_eq!(refused(|bytes| bytes[1] = 0), ShareError::Impossible, "none needed");
    assert_eq!(refused(|bytes| bytes[1] = 1), ShareError::Impossible, "one of several");
    assert_eq!(refused(|bytes| bytes[1] = 4), ShareError::Impossible, "more needed than there are");
    assert_eq!(refused(|bytes| bytes[2] = 17), ShareError::Impossible, "too many");
    assert_eq!(refused(|bytes| bytes[0] = 2), ShareError::Version);
    let letters = share.to_letters();
    assert_eq!(Share::parse(&letters.replace("KIT-1", "KIT-2")).unwrap_err(), ShareError::Version);
}

proptest! {
    #[test]
    fn both_forms_are_read_back(seed: u64, threshold in 2u8..=16, more in 0u8..=14) {
        let count = threshold.saturating_add(more).min(16);
        for share in super::kit(threshold, count, seed).shares {
            for text in [share.to_letters().to_string(), share.to_words().join(" ")] {
                let read = Share::parse(&text).unwrap();
                prop_assert_eq!((read.index(), read.plan(), read.kit()), (share.index(), share.plan(), share.kit()));
                prop_assert!(read.value.matches(share.value.expose_secret()));
            }
        }
    }

    #[test]
    fn t075_no_flipped_bit_passes(place in 0usize..44, bit in 0u8..8) {
        let letters = share().to_letters();
        let mut bytes = unpacked(letters.split_once(':').unwrap().1);
        prop_assert!(Share::parse(&format!("GLIMPSE-KIT-1:{}", packed(&bytes))).is_ok(), "control");
        bytes[place] ^= 1 << bit;
        prop_assert_eq!(
            Share::parse(&format!("GLIMPSE-KIT-1:{}", packed(&bytes))).unwrap_err(),
            ShareError::Damaged
        );
    }
}
