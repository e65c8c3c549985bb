//! Check words: two of the 2,048 English words of BIP-0039, the same list on every screen whatever its language,
//! because the two people compare sounds and letters, not meanings.

use core::fmt;

use rand_core::CryptoRng;

use crate::secret::Secret;

static WORDS: &str = include_str!("words.txt");

/// The two words that both screens show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckWords {
    first: u16,
    second: u16,
}

impl CheckWords {
    /// The top 22 of 24 derived bits: eleven for each word, big-endian.
    pub(crate) fn from_secret(bits: &Secret<3>) -> Self {
        let [a, b, c] = bits.expose_secret().map(u16::from);
        Self { first: (a << 3) | (b >> 5), second: ((b & 0x1F) << 6) | (c >> 2) }
    }

    /// The first word and the second.
    #[must_use]
    pub fn words(&self) -> (&'static str, &'static str) {
        (word(self.first), word(self.second))
    }

    /// These words among three decoys, in random order; no two pairs share a word in the same place.
    pub fn among_decoys(&self, rng: &mut impl CryptoRng) -> [Self; 4] {
        let mut pairs = [*self; 4];
        let mut filled = 1;
        while filled < pairs.len() {
            let decoy = Self { first: draw(rng), second: draw(rng) };
            let taken = pairs.iter().take(filled).any(|pair| pair.first == decoy.first || pair.second == decoy.second);
            if let (false, Some(slot)) = (taken, pairs.get_mut(filled)) {
                *slot = decoy;
                filled = filled.saturating_add(1);
            }
        }
        let place = usize::from(draw(rng) & 3);
        pairs.swap(0, place);
        pairs
    }
}

/// A uniform number below 2,048.
fn draw(rng: &mut impl CryptoRng) -> u16 {
    let mut bytes = [0; 2];
    rng.fill_bytes(&mut bytes);
    u16::from_be_bytes(bytes) & 0x7FF
}

/// A word of the list, by its index below 2,048.
pub(crate) fn word(index: u16) -> &'static str {
    // The list has 2,048 words and indices have eleven bits, so the fallback is never taken.
    WORDS.lines().nth(index.into()).unwrap_or("zoo")
}

/// The index of a word, in small letters, if it is in the list.
pub(crate) fn index_of(word: &str) -> Option<u16> {
    WORDS.lines().position(|there| there == word).and_then(|index| u16::try_from(index).ok())
}

impl fmt::Display for CheckWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.words();
        write!(f, "{first} {second}")
    }
}

impl fmt::Debug for CheckWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckWords({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn the_list_is_whole() {
        assert_eq!(WORDS.lines().count(), 2048);
        assert_eq!((word(0), word(2047)), ("abandon", "zoo"));
        assert!((0..2048).all(|index| index_of(word(index)) == Some(index)));
        assert_eq!(index_of("abandoned"), None);
    }

    #[test]
    fn all_bits_count() {
        let words = |bytes: [u8; 3]| CheckWords::from_secret(&Secret::fill_with(|own| *own = bytes));
        assert_eq!(words([0xFF, 0xFF, 0xFF]).words(), ("zoo", "zoo"));
        assert_eq!(words([0, 0x20, 0x04]).words(), (word(1), word(1)));
        assert_eq!(words([0, 0, 0x03]).words(), ("abandon", "abandon"), "the last two bits are not used");
    }

    #[test]
    fn decoys_differ_and_the_right_pair_moves() {
        let right = CheckWords { first: 3, second: 4 };
        let mut rng = rng(3);
        let places: std::collections::BTreeSet<usize> = (0..64)
            .map(|_| {
                let pairs = right.among_decoys(&mut rng);
                assert_eq!(pairs.iter().filter(|pair| pair.first == 3 || pair.second == 4).count(), 1);
                pairs.iter().position(|pair| *pair == right).unwrap()
            })
            .collect();
        assert_eq!(places.len(), 4);
    }
}
