//! Nameplates: the public digits of a pairing code, drawn at random, short while few are live.
//!
//! At most one nameplate in a hundred of each length is live, so that claiming at random burns few codes. Each purpose is a
//! code space of its own.

use std::collections::HashMap;

use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, MailboxId, UnixMillis};

/// One length of nameplates: the first and last number, how many digits, how many may live.
struct Length {
    first: u32,
    last: u32,
    digits: usize,
    live: usize,
}

/// The first digit tells the length (protocol section 6.1): 0 to 7 three digits, 8 five, 9 seven.
const LENGTHS: [Length; 3] = [
    Length { first: 0, last: 799, digits: 3, live: 8 },
    Length { first: 80_000, last: 89_999, digits: 5, live: 100 },
    Length { first: 9_000_000, last: 9_999_999, digits: 7, live: 10_000 },
];
/// How long a dead nameplate is remembered and not given out again.
const REST_MILLIS: u64 = 10 * 60 * 1000;
/// Draws before a length counts as full. At most one in a hundred is live, and few rest.
const DRAWS: u32 = 64;

/// Which nameplates are live, and which died lately and why.
#[derive(Debug, Default)]
pub(super) struct Nameplates {
    live: HashMap<(Purpose, u32), MailboxId>,
    resting: HashMap<(Purpose, u32), (ErrorCode, UnixMillis)>,
}

impl Nameplates {
    /// Draws a nameplate for a mailbox: the shortest length with room, or a longer one where `longer` asks for it.
    pub(super) fn assign(
        &mut self,
        purpose: Purpose,
        mailbox: MailboxId,
        longer: bool,
        mut random: impl FnMut() -> Option<u32>,
    ) -> Option<u32> {
        for length in LENGTHS.iter().skip(usize::from(longer)) {
            let inside = |number: &u32| (length.first..=length.last).contains(number);
            if self.live.keys().filter(|(live, number)| *live == purpose && inside(number)).count() >= length.live {
                continue;
            }
            for _ in 0..DRAWS {
                let number = length.first + uniform(length.last - length.first + 1, &mut random)?;
                let key = (purpose, number);
                if !self.live.contains_key(&key) && !self.resting.contains_key(&key) {
                    self.live.insert(key, mailbox);
                    return Some(number);
                }
            }
        }
        None
    }

    /// Whose nameplate this is, or what to say of it.
    pub(super) fn find(&self, purpose: Purpose, number: u32) -> Result<MailboxId, ErrorCode> {
        match (self.live.get(&(purpose, number)), self.resting.get(&(purpose, number))) {
            (Some(mailbox), _) => Ok(*mailbox),
            (None, Some((code, _))) => Err(*code),
            (None, None) => Err(ErrorCode::CodeUnknown),
        }
    }

    /// Ends a nameplate; for a while, whoever claims it is told why.
    pub(super) fn rest(&mut self, purpose: Purpose, number: u32, code: ErrorCode, now: UnixMillis) {
        if self.live.remove(&(purpose, number)).is_some() {
            self.resting.insert((purpose, number), (code, now.plus(REST_MILLIS)));
        }
    }

    pub(super) fn sweep(&mut self, now: UnixMillis) {
        self.resting.retain(|_, (_, until)| until.0 > now.0);
    }
}

/// Uniform below `bound`, by rejecting what would favour small numbers.
fn uniform(bound: u32, random: &mut impl FnMut() -> Option<u32>) -> Option<u32> {
    let fair = u32::MAX - u32::MAX % bound;
    for _ in 0..DRAWS {
        let draw = random()?;
        if draw < fair {
            return Some(draw % bound);
        }
    }
    None
}

/// The digits of a nameplate.
pub(super) fn digits(number: u32) -> String {
    let length = LENGTHS.iter().find(|length| (length.first..=length.last).contains(&number));
    let width = length.map_or(0, |length| length.digits);
    format!("{number:0width$}")
}

/// The number of a nameplate, if these are the digits of one.
pub(super) fn parse(text: &str) -> Option<u32> {
    if text.len() > 7 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    LENGTHS
        .iter()
        .any(|length| length.digits == text.len() && (length.first..=length.last).contains(&number))
        .then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws() -> impl FnMut() -> Option<u32> {
        let mut state = 1u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(state.rotate_left(11))
        }
    }

    #[test]
    fn short_while_few_are_live() {
        let mut nameplates = Nameplates::default();
        let mut random = draws();
        let mut lengths = Vec::new();
        for n in 0..120u8 {
            let number = nameplates.assign(Purpose::View, MailboxId([n; 16]), false, &mut random).expect("room");
            assert_eq!(parse(&digits(number)), Some(number));
            lengths.push(digits(number).len());
        }
        assert_eq!(lengths.iter().filter(|length| **length == 3).count(), 8);
        assert_eq!(lengths.iter().filter(|length| **length == 5).count(), 100);
        assert_eq!(lengths.iter().filter(|length| **length == 7).count(), 12);
        let other =
            nameplates.assign(Purpose::Link, MailboxId([0; 16]), false, &mut random).expect("a space of its own");
        assert_eq!(digits(other).len(), 3);
        let longer = nameplates.assign(Purpose::Link, MailboxId([1; 16]), true, &mut random).expect("room");
        assert_eq!(digits(longer).len(), 5);
    }

    #[test]
    fn a_dead_nameplate_tells_why_and_rests() {
        let mut nameplates = Nameplates::default();
        let now = UnixMillis(0);
        let number = nameplates.assign(Purpose::View, MailboxId([1; 16]), false, draws()).expect("room");
        assert_eq!(nameplates.find(Purpose::Link, number), Err(ErrorCode::CodeUnknown), "another code space");
        assert_eq!(nameplates.find(Purpose::View, number), Ok(MailboxId([1; 16])));
        nameplates.rest(Purpose::View, number, ErrorCode::CodeExpired, now);
        assert_eq!(nameplates.find(Purpose::View, number), Err(ErrorCode::CodeExpired));
        let next = nameplates.assign(Purpose::View, MailboxId([2; 16]), false, draws()).expect("room");
        assert_ne!(next, number, "the same draws, but that one rests");
        nameplates.sweep(now.plus(REST_MILLIS));
        assert_eq!(nameplates.find(Purpose::View, number), Err(ErrorCode::CodeUnknown));
    }

    #[test]
    fn only_whole_nameplates_parse() {
        for (text, number) in
            [("007", Some(7)), ("800", None), ("80000", Some(80_000)), ("70000", None), ("9000000", Some(9_000_000))]
        {
            assert_eq!(parse(text), number, "{text}");
        }
        for text in ["", "7", "0007", "+07", "٤١٧", "99999999", "8 000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
