//! Nameplates: the public digits of a pairing code, drawn at random, short while few are live.
//!
//! At most one nameplate in a hundred of each length is live, so that claiming at random burns few codes; of the longest, one
//! in ten before pairing is refused: whoever fills that many fills them with codes of their own, and a claim at random still
//! hits an honest one as rarely. Each purpose is a code space of its own.

use std::collections::{HashMap, VecDeque};

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
    Length { first: 9_000_000, last: 9_999_999, digits: 7, live: 100_000 },
];
/// How long a dead nameplate is remembered and not given out again.
const REST_MILLIS: u64 = 10 * 60 * 1000;
/// Draws before a length counts as full. At most one in a hundred is live, and few rest.
const DRAWS: u32 = 64;

/// Which nameplates are live, and which died lately and why.
#[derive(Debug, Default)]
pub(super) struct Nameplates {
    live: HashMap<(Purpose, u32), MailboxId>,
    /// How many are live, by purpose and length.
    counts: HashMap<(Purpose, usize), usize>,
    resting: HashMap<(Purpose, u32), Rest>,
    /// The resting ones in the order in which they wake.
    wakes: VecDeque<(UnixMillis, Purpose, u32)>,
}

#[derive(Debug)]
struct Rest {
    code: ErrorCode,
    mailbox: MailboxId,
}

/// What stands behind a nameplate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A mailbox that waits for its viewer, or has it.
    Live(MailboxId),
    /// A nameplate that died lately, what to say of it, and the mailbox that it led to.
    Resting(ErrorCode, MailboxId),
    /// Nothing.
    Nothing,
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
            let count = self.counts.entry((purpose, length.digits)).or_default();
            if *count >= length.live {
                continue;
            }
            for _ in 0..DRAWS {
                let number = length.first + uniform(length.last - length.first + 1, &mut random)?;
                let key = (purpose, number);
                if !self.live.contains_key(&key) && !self.resting.contains_key(&key) {
                    self.live.insert(key, mailbox);
                    *count += 1;
                    return Some(number);
                }
            }
        }
        None
    }

    /// Whose nameplate this is, or what to say of it.
    pub(super) fn find(&self, purpose: Purpose, number: u32) -> Found {
        match (self.live.get(&(purpose, number)), self.resting.get(&(purpose, number))) {
            (Some(mailbox), _) => Found::Live(*mailbox),
            (None, Some(rest)) => Found::Resting(rest.code, rest.mailbox),
            (None, None) => Found::Nothing,
        }
    }

    /// Ends a nameplate; for a while, whoever claims it is told why.
    pub(super) fn rest(&mut self, purpose: Purpose, number: u32, code: ErrorCode, now: UnixMillis) {
        let Some(mailbox) = self.live.remove(&(purpose, number)) else { return };
        if let Some(count) = length(number).and_then(|length| self.counts.get_mut(&(purpose, length.digits))) {
            *count = count.saturating_sub(1);
        }
        self.resting.insert((purpose, number), Rest { code, mailbox });
        self.wakes.push_back((now.plus(REST_MILLIS), purpose, number));
    }

    pub(super) fn sweep(&mut self, now: UnixMillis) {
        while let Some((_, purpose, number)) = self.wakes.pop_front_if(|(until, ..)| until.0 <= now.0) {
            self.resting.remove(&(purpose, number));
        }
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

fn length(number: u32) -> Option<&'static Length> {
    LENGTHS.iter().find(|length| (length.first..=length.last).contains(&number))
}

/// The digits of a nameplate.
pub(super) fn digits(number: u32) -> String {
    let width = length(number).map_or(0, |length| length.digits);
    format!("{number:0width$}")
}

/// The number of a nameplate, if these are the digits of one.
pub(super) fn parse(text: &str) -> Option<u32> {
    if text.len() > 7 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    length(number).is_some_and(|length| length.digits == text.len()).then_some(number)
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
        assert_eq!(nameplates.find(Purpose::Link, number), Found::Nothing, "another code space");
        assert_eq!(nameplates.find(Purpose::View, number), Found::Live(MailboxId([1; 16])));
        nameplates.rest(Purpose::View, number, ErrorCode::CodeExpired, now);
        let resting = Found::Resting(ErrorCode::CodeExpired, MailboxId([1; 16]));
        assert_eq!(nameplates.find(Purpose::View, number), resting);
        let next = nameplates.assign(Purpose::View, MailboxId([2; 16]), false, draws()).expect("room");
        assert_ne!(next, number, "the same draws, but that one rests");
        nameplates.sweep(now.plus(REST_MILLIS - 1));
        assert_eq!(nameplates.find(Purpose::View, number), resting);
        nameplates.sweep(now.plus(REST_MILLIS));
        assert_eq!(nameplates.find(Purpose::View, number), Found::Nothing);
    }

    #[test]
    fn t101_a_hundred_thousand_live_codes_leave_room_for_another() {
        let mut nameplates = Nameplates::default();
        let mut random = draws();
        let mut assign =
            |nameplates: &mut Nameplates| nameplates.assign(Purpose::View, MailboxId([1; 16]), false, &mut random);
        let bogus: Vec<u32> = (0..100_000).map(|_| assign(&mut nameplates).expect("room")).collect();
        assert!(assign(&mut nameplates).is_some());
        // Codes that end make room for short ones again.
        for number in bogus {
            nameplates.rest(Purpose::View, number, ErrorCode::CodeExpired, UnixMillis(0));
        }
        nameplates.sweep(UnixMillis(REST_MILLIS));
        assert_eq!(assign(&mut nameplates).map(|number| digits(number).len()), Some(3));
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
