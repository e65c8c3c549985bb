//! Times as records write them: ISO 8601 as FHIR and Open mHealth use it, and what spreadsheets and watches export.
//!
//! Strict: what is not a time of the proleptic Gregorian calendar between the years 1 and 9999 is not a time.

use crate::view::{Moment, Precision};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A parsed time; [`Moment`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: i64,
    pub(crate) precision: Precision,
    pub(crate) floating: bool,
}

impl Stamp {
    pub(crate) fn moment(self, text: &str) -> Moment {
        Moment { at: self.at, precision: self.precision, floating: self.floating, text: text.to_owned() }
    }
}

/// `2026`, `2026-11`, `2026-11-09`, `2026-11-09T07:30`, `2026-11-09T07:30:15.250+01:00`; a space may stand for the `T`.
pub(crate) fn iso(text: &str) -> Option<Stamp> {
    let mut rest = Cursor(text.as_bytes());
    let year = rest.digits(4)?;
    if rest.is_done() {
        return date(year, 1, 1, Precision::Year);
    }
    let month = rest.byte(b'-').then(|| rest.digits(2))??;
    if rest.is_done() {
        return date(year, month, 1, Precision::Month);
    }
    let day = rest.byte(b'-').then(|| rest.digits(2))??;
    let date = date(year, month, day, Precision::Day)?;
    if rest.is_done() {
        return Some(date);
    }
    if !(rest.byte(b'T') || rest.byte(b't') || rest.byte(b' ')) {
        return None;
    }
    rest.clock(date)
}

/// What tables have besides: `09.11.2026 07:30`, and numbers of seconds or milliseconds since 1970 where `epoch` says that
/// the column is one of times. `9/11/2026` is two different days on the two sides of an ocean, so it is not read as either.
pub(crate) fn table(text: &str, epoch: bool) -> Option<Stamp> {
    let text = text.trim();
    if let Some(stamp) = iso(text) {
        // A lone number of four digits is more often a number than a year.
        return (stamp.precision != Precision::Year).then_some(stamp);
    }
    if epoch && let Some(stamp) = since_1970(text) {
        return Some(stamp);
    }
    let mut rest = Cursor(text.as_bytes());
    let day = rest.digits(2)?;
    let month = rest.byte(b'.').then(|| rest.digits(2))??;
    let year = rest.byte(b'.').then(|| rest.digits(4))??;
    let date = date(year, month, day, Precision::Day)?;
    if rest.is_done() {
        return Some(date);
    }
    if rest.byte(b',') {
        rest.byte(b' ');
    } else if !rest.byte(b' ') {
        return None;
    }
    rest.clock(date)
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size, between 1990 and 2100.
fn since_1970(text: &str) -> Option<Stamp> {
    let whole = text
        .split_once('.')
        .map_or(text, |(whole, fraction)| if fraction.bytes().all(|byte| byte.is_ascii_digit()) { whole } else { "" });
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let at = match whole.len() {
        9 | 10 => number.checked_mul(SECOND)?,
        12 | 13 => number,
        15 | 16 => number.checked_div(1_000)?,
        18 | 19 => number.checked_div(1_000_000)?,
        _ => return None,
    };
    (631_152_000_000..4_102_444_800_000).contains(&at).then_some(Stamp {
        at,
        precision: Precision::Second,
        floating: false,
    })
}

fn date(year: u32, month: u32, day: u32, precision: Precision) -> Option<Stamp> {
    let days = days_since_1970(i64::from(year), i64::from(month), i64::from(day))?;
    Some(Stamp { at: days.checked_mul(DAY)?, precision, floating: true })
}

/// Howard Hinnant's `days_from_civil` (<https://howardhinnant.github.io/date_algorithms.html>), for years 1 to 9999.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "every operand is at most 9999 or derived from it: nothing can overflow an i64"
)]
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0_u32, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u32::from(digit & 0x0f))?;
            number.checked_mul(10)?.checked_add(digit)
        })
    }

    /// `07:30`, `07:30:15`, `07:30:15.250`, each with or without `Z`, `+01:00` or `+0100`, to the end.
    fn clock(&mut self, date: Stamp) -> Option<Stamp> {
        let hours = self.digits(2)?;
        let minutes = self.byte(b':').then(|| self.digits(2))??;
        let (seconds, millis, precision) = if self.byte(b':') {
            let seconds = self.digits(2)?;
            (seconds, if self.byte(b'.') || self.byte(b',') { self.fraction()? } else { 0 }, Precision::Second)
        } else {
            (0, 0, Precision::Minute)
        };
        // 60 is a leap second (ISO 8601 4.3.3); it falls on the next minute here.
        if hours > 23 || minutes > 59 || seconds > 60 {
            return None;
        }
        let offset = self.offset()?;
        if !self.is_done() {
            return None;
        }
        let clock = i64::from(hours)
            .checked_mul(HOUR)?
            .checked_add(i64::from(minutes).checked_mul(MINUTE)?)?
            .checked_add(i64::from(seconds).checked_mul(SECOND)?)?
            .checked_add(i64::from(millis))?;
        let at = date.at.checked_add(clock)?.checked_sub(offset.unwrap_or(0))?;
        Some(Stamp { at, precision, floating: offset.is_none() })
    }

    /// Milliseconds from one to nine digits behind the point.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let mut millis = Cursor(digits);
        match count {
            1 => millis.digits(1)?.checked_mul(100),
            2 => millis.digits(2)?.checked_mul(10),
            3..=9 => millis.digits(3),
            _ => None,
        }
    }

    /// Milliseconds east of UTC; `Some(None)` where no offset is written.
    #[expect(clippy::option_option, reason = "no offset and a malformed offset are different answers")]
    fn offset(&mut self) -> Option<Option<i64>> {
        if self.byte(b'Z') || self.byte(b'z') {
            return Some(Some(0));
        }
        let east = self.byte(b'+');
        if !east && !self.byte(b'-') {
            return Some(None);
        }
        let hours = self.digits(2)?;
        self.byte(b':');
        let minutes = if self.is_done() { 0 } else { self.digits(2)? };
        if hours > 14 || minutes > 59 {
            return None;
        }
        let size = i64::from(hours).checked_mul(HOUR)?.checked_add(i64::from(minutes).checked_mul(MINUTE)?)?;
        Some(Some(if east { size } else { size.checked_neg()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<(i64, Precision, bool)> {
        iso(text).map(|stamp| (stamp.at, stamp.precision, stamp.floating))
    }

    #[test]
    fn times_are_read() {
        assert_eq!(at("1970"), Some((0, Precision::Year, true)));
        assert_eq!(at("2000-03"), Some((951_868_800_000, Precision::Month, true)));
        assert_eq!(at("2024-02-29"), Some((1_709_164_800_000, Precision::Day, true)));
        assert_eq!(at("2026-11-09T07:30"), Some((1_794_209_400_000, Precision::Minute, true)));
        assert_eq!(at("2026-11-09T07:30:15.25+01:00"), Some((1_794_205_815_250, Precision::Second, false)));
        assert_eq!(at("2026-11-09 07:30:00Z"), Some((1_794_209_400_000, Precision::Second, false)));
        assert_eq!(at("1969-12-31T23:59:59-00:00"), Some((-1_000, Precision::Second, false)));
        assert_eq!(at("9999-12-31").map(|time| time.0), Some(253_402_214_400_000));
        assert_eq!(at("0001-01-01").map(|time| time.0), Some(-62_135_596_800_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20",
            "2026-",
            "2026-13",
            "2026-00-01",
            "2023-02-29",
            "2026-11-31",
            "0000-01-01",
            "2026-11-09T",
            "2026-11-09T24:00",
            "2026-11-09T07:60",
            "2026-11-09T07:30:61",
            "2026-11-09T07:30:15.",
            "2026-11-09T07:30+15:00",
            "2026-11-09T07:30x",
            "2026-1-9",
            "+2026-11-09",
            "２０２６",
            "2026-11-09T07",
            "1900-02-29",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn tables_have_other_times() {
        assert_eq!(table("09.11.2026 07:30", false).map(|time| time.at), Some(1_794_209_400_000));
        assert_eq!(table("09.11.2026, 07:30", false).map(|time| time.at), Some(1_794_209_400_000));
        assert_eq!(table("1794209400", true).map(|time| time.at), Some(1_794_209_400_000));
        assert_eq!(table("1794209400000", true).map(|time| time.at), Some(1_794_209_400_000));
        assert_eq!(table("1794209400.5", true).map(|time| time.at), Some(1_794_209_400_000));
        for text in ["1794209400", "2026", "9/11/2026", "09.11.26"] {
            assert_eq!(table(text, false), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_time_or_not(text in ".{0,40}") {
            let _ = iso(&text);
            let _ = table(&text, true);
        }

        /// Every day has a number one higher than the day before: an oracle that shares no formula with the code.
        #[test]
        fn days_follow_one_another(year in 1_i64..9999, month in 1_i64..=12, day in 1_i64..=31) {
            if let Some(number) = days_since_1970(year, month, day) {
                let next = days_since_1970(year, month, day.saturating_add(1))
                    .or_else(|| days_since_1970(year, month.saturating_add(1), 1))
                    .or_else(|| days_since_1970(year.saturating_add(1), 1, 1));
                proptest::prop_assert_eq!(next, number.checked_add(1));
            }
        }
    }
}
