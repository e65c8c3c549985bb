//! One share, and its two printed forms (protocol section 4.1): letters for a QR code, words for people.

use core::fmt;

use glimpse_wire::preimage::{Preimage, label};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KitId, Plan};
use crate::secret::Secret;
use crate::words;

/// Bytes of a share: version, threshold, count, index, kit, value, check.
const LEN: usize = 44;
/// Bytes that the check covers.
const CHECKED: usize = 40;
const VERSION: u8 = 1;
/// What the letters of a share begin with, before its version and a colon.
const PREFIX: &str = "GLIMPSE-KIT-";
/// Base32 (RFC 4648 section 6): digits and capitals, which a QR code holds in little room and no reader confuses.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_OF_A_LETTER: usize = 5;
const BITS_OF_A_WORD: usize = 11;

/// Words of a share: 44 bytes are 32 words of eleven bits each, and nothing over.
pub const SHARE_WORDS: usize = 32;

/// Why a text is not taken for a share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It has not as many words as a share has.
    #[error("a share has 32 words, and these are {found}")]
    WordCount {
        /// How many it has.
        found: usize,
    },
    /// Some words are not in the list.
    #[error("not in the list of words: {places:?}")]
    UnknownWords {
        /// Which, counted from 1.
        places: Vec<usize>,
    },
    /// The check does not fit: a word or letter is another than was printed, or two changed places.
    #[error("the share is damaged")]
    Damaged,
    /// It is whole, and of a kind that this program does not know.
    #[error("the share is of a later kind")]
    Version,
    /// It is whole, and says of itself what is true of no share: an index of 0 or above the count, a plan that no kit has.
    #[error("the share's numbers do not fit each other")]
    Impossible,
}

/// One share of a kit.
pub struct Share {
    kit: KitId,
    plan: Plan,
    /// From 1; at 0 is the secret.
    index: u8,
    pub(crate) value: Secret<32>,
}

impl Share {
    pub(super) const fn new(kit: KitId, plan: Plan, index: u8, value: Secret<32>) -> Self {
        Self { kit, plan, index, value }
    }

    /// Takes a share in either form: letters after `GLIMPSE-KIT-1:`, or words, in small or capital letters, with any
    /// spaces, line breaks, numbers and signs between them.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let squeezed: Zeroizing<String> = Zeroizing::new(
            text.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_uppercase()).collect(),
        );
        let Some(rest) = squeezed.strip_prefix(PREFIX) else { return Self::from_words(text) };
        match rest.split_once(':') {
            Some(("1", letters)) => Self::from_letters(letters),
            Some((version, _)) if version.bytes().all(|byte| byte.is_ascii_digit()) => Err(ShareError::Version),
            Some(_) | None => Err(ShareError::Damaged),
        }
    }

    /// Whether a word, in small letters, is in the list that shares are written in.
    #[must_use]
    pub fn knows(word: &str) -> bool {
        words::index_of(word).is_some()
    }

    fn from_letters(letters: &str) -> Result<Self, ShareError> {
        let group = |letter: u8| {
            let index = LETTERS.iter().position(|there| *there == letter)?;
            u16::try_from(index).ok()
        };
        let groups: Option<Vec<u16>> = letters.bytes().map(group).collect();
        let groups = Zeroizing::new(groups.ok_or(ShareError::Damaged)?);
        Self::from_bytes(&ungrouped(&groups, BITS_OF_A_LETTER).ok_or(ShareError::Damaged)?)
    }

    fn from_words(text: &str) -> Result<Self, ShareError> {
        let typed: Vec<&str> =
            text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        if typed.len() != SHARE_WORDS {
            return Err(ShareError::WordCount { found: typed.len() });
        }
        let indices: Vec<Option<u16>> =
            typed.iter().map(|word| words::index_of(&Zeroizing::new(word.to_lowercase()))).collect();
        let places: Vec<usize> =
            (1..).zip(&indices).filter(|(_, index)| index.is_none()).map(|(place, _)| place).collect();
        if !places.is_empty() {
            return Err(ShareError::UnknownWords { places });
        }
        let groups: Zeroizing<Vec<u16>> = Zeroizing::new(indices.into_iter().flatten().collect());
        Self::from_bytes(&ungrouped(&groups, BITS_OF_A_WORD).ok_or(ShareError::Damaged)?)
    }

    fn from_bytes(bytes: &Secret<LEN>) -> Result<Self, ShareError> {
        let bytes = bytes.expose_secret();
        let (covered, check) = bytes.split_at(CHECKED);
        if check != check_of(covered) {
            return Err(ShareError::Damaged);
        }
        let [version, threshold, count, index, a, b, c, d, value @ .., _, _, _, _] = bytes;
        if *version != VERSION {
            return Err(ShareError::Version);
        }
        let plan = Plan::new(*threshold, *count).map_err(|_| ShareError::Impossible)?;
        if !(1..=plan.count()).contains(index) {
            return Err(ShareError::Impossible);
        }
        let value = Secret::from_slice(value).ok_or(ShareError::Damaged)?;
        Ok(Self { kit: KitId([*a, *b, *c, *d]), plan, index: *index, value })
    }

    fn to_bytes(&self) -> Secret<LEN> {
        let KitId(kit) = self.kit;
        let head = [VERSION, self.plan.threshold(), self.plan.count(), self.index];
        let covered = Zeroizing::new([head.as_slice(), &kit, self.value.expose_secret()].concat());
        Secret::fill_with(|own| {
            own.iter_mut().zip(covered.iter().chain(&check_of(&covered))).for_each(|(to, from)| *to = *from);
        })
    }

    /// The share in the letters that a QR code holds, all of its alphanumeric kind.
    ///
    /// # Security
    /// For paper. It goes into no log and to no server.
    #[must_use]
    pub fn to_letters(&self) -> Zeroizing<String> {
        let groups = grouped(self.to_bytes().expose_secret(), BITS_OF_A_LETTER);
        let letters = groups.iter().filter_map(|group| LETTERS.get(usize::from(*group)).copied().map(char::from));
        let mut text = Zeroizing::new(String::with_capacity(96));
        text.push_str(PREFIX);
        text.push_str("1:");
        text.extend(letters);
        text
    }

    /// The share in words, [`SHARE_WORDS`] of them.
    ///
    /// # Security
    /// As [`Share::to_letters`].
    #[must_use]
    pub fn to_words(&self) -> Vec<&'static str> {
        grouped(self.to_bytes().expose_secret(), BITS_OF_A_WORD).iter().map(|group| words::word(*group)).collect()
    }

    /// Of which kit.
    #[must_use]
    pub const fn kit(&self) -> KitId {
        self.kit
    }

    /// How many shares the kit has, and how many it takes.
    #[must_use]
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {}, {}, redacted)", self.index, self.plan.count(), self.kit)
    }
}

/// The first four bytes of `H(lp(label, all before))`.
fn check_of(covered: &[u8]) -> [u8; 4] {
    let preimage = Zeroizing::new(Preimage::new(label::KIT_CHECK).part(covered).into_bytes());
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(&*preimage));
    [a, b, c, d]
}

/// Bytes as numbers of so many bits, from the most significant on; the last is filled up with zeros.
fn grouped(bytes: &[u8; LEN], width: usize) -> Zeroizing<Vec<u16>> {
    let bits: Zeroizing<Vec<u16>> = Zeroizing::new(
        bytes.iter().flat_map(|byte| (0..8).rev().map(|place| u16::from(*byte).wrapping_shr(place) & 1)).collect(),
    );
    let group = |bits: &[u16]| (0..width).fold(0, |number, at| (number << 1) | bits.get(at).copied().unwrap_or(0));
    Zeroizing::new(bits.chunks(width).map(group).collect())
}

/// The other way; nothing where there are too many or too few, or what fills the last is not zero.
fn ungrouped(groups: &[u16], width: usize) -> Option<Secret<LEN>> {
    let width_bits = u32::try_from(width).ok()?;
    let of_group = |group: &u16| {
        let group = *group;
        (0..width_bits).rev().map(move |place| group.wrapping_shr(place) & 1)
    };
    let bits: Zeroizing<Vec<u16>> = Zeroizing::new(groups.iter().flat_map(of_group).collect());
    let (bits, filling) = bits.split_at_checked(LEN.saturating_mul(8))?;
    if filling.len() >= width || filling.contains(&1) {
        return None;
    }
    Some(Secret::fill_with(|own| {
        for (byte, bits) in own.iter_mut().zip(bits.chunks(8)) {
            *byte = bits.iter().fold(0, |number, bit| (number << 1) | u8::from(*bit == 1));
        }
    }))
}
