//! Text that came from elsewhere, made safe to print and safe to name a file by.

use glimpse_wire::limits::MAX_TITLE;

/// Marks of direction, line ends that are no control characters, and what is drawn as nothing or as a blank: the
/// default-ignorable code points of Unicode (DerivedCoreProperties.txt), and the blanks that pass for letters.
const UNSEEN: [core::ops::RangeInclusive<char>; 21] = [
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{61C}'..='\u{61C}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{2028}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFFB}',
    '\u{1BCA0}'..='\u{1BCA3}',
    '\u{1D159}'..='\u{1D159}',
    '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
    // Private use: drawn as the font likes.
    '\u{E000}'..='\u{F8FF}',
    '\u{F0000}'..='\u{10FFFF}',
];

/// What a terminal or a reader could be deceived by: control characters and [`UNSEEN`].
fn deceives(character: char) -> bool {
    character.is_control() || UNSEEN.iter().any(|range| range.contains(&character))
}

/// A kind as it is shown: one that nobody knows is a file (protocol section 5.4).
pub(crate) fn kind(named: &str) -> &'static str {
    KINDS.into_iter().find(|known| *known == named).unwrap_or("file")
}

/// The kinds of the protocol, section 5.4.
pub(crate) const KINDS: [&str; 8] = ["text", "json", "table", "series", "fhir", "image", "pdf", "file"];

/// One line that can be printed: what could deceive becomes U+FFFD.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|character| if deceives(character) { '\u{FFFD}' } else { character }).collect()
}

/// As [`clean`], at most `width` characters long.
pub(crate) fn clean_to(text: &str, width: usize) -> String {
    let cleaned = clean(text);
    if cleaned.chars().count() <= width {
        return cleaned;
    }
    let mut cut: String = cleaned.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Text of several lines for a terminal: line breaks and tabs stay.
pub(crate) fn clean_lines(text: &str) -> String {
    let keep = |character| matches!(character, '\n' | '\t') || !deceives(character);
    text.replace("\r\n", "\n").chars().map(|character| if keep(character) { character } else { '\u{FFFD}' }).collect()
}

/// A name for a file in one folder: no separators, no device names, no leading dot, at most 120 bytes.
pub(crate) fn file_name(wanted: &str) -> String {
    let mut name = String::new();
    for character in wanted.chars() {
        let bad = deceives(character)
            || matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{FFFD}');
        let next = if bad { '_' } else { character };
        if name.len().saturating_add(next.len_utf8()) > 120 {
            break;
        }
        name.push(next);
    }
    let trimmed = name.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    let stem = trimmed.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")));
    if trimmed.is_empty() || is_device { format!("_{trimmed}") } else { trimmed.to_owned() }
}

/// The longest beginning of `text` of at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.split_at_checked(end).map_or("", |(front, _)| front)
}

/// Whether a text can be somebody's name: there is something in it, and not too much.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && cut(text, MAX_TITLE) == text
}

/// The column under which a second one begins, at most.
const MAX_HANG: usize = 30;
/// What follows a row of a table is set in by so many columns, where its own do not fit.
const ROW: usize = 3;
/// The least that is left of a line for its text.
const MIN_TEXT: usize = 20;

/// `text` in lines of at most `columns`, broken between words. Lines that follow begin under the first word, under the
/// second column of a table, or at `hang`. What is shown to be copied stays whole, however long it is: a command, from
/// `glimpse` to the end or to the backtick that closes it. Nothing is broken where there are no `columns`.
pub(crate) fn fitted(text: &str, columns: Option<usize>, hang: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let lines: Vec<String> = text.split('\n').map(|line| fit(line, columns, hang)).collect();
    lines.join("\n")
}

fn fit(line: &str, columns: usize, hang: Option<usize>) -> String {
    if shown_width(line) <= columns {
        return line.to_owned();
    }
    let begins = line.chars().take_while(|character| *character == ' ').count();
    let fits = |hang: &usize| hang.saturating_add(MIN_TEXT) <= columns;
    let hang = match (hang, second_column(line)) {
        (Some(hang), _) => Some(hang).filter(fits),
        // A row stays one to the eye where its columns do not fit.
        (None, Some(column)) => Some(column).filter(fits).or_else(|| Some(begins.saturating_add(ROW)).filter(fits)),
        (None, None) => None,
    };
    let hang = hang.unwrap_or(begins);
    let (mut fitted, mut column) = (String::new(), 0usize);
    for piece in pieces(line) {
        let word = piece.trim_start_matches(' ');
        let (width, whole) = (shown_width(word), shown_width(piece));
        if column > hang && width > 0 && column.saturating_add(whole) > columns {
            fitted.push('\n');
            fitted.push_str(&" ".repeat(hang));
            fitted.push_str(word);
            column = hang.saturating_add(width);
        } else {
            fitted.push_str(piece);
            column = column.saturating_add(whole);
        }
    }
    fitted
}

/// Where the second column of a table begins; nothing for a line that has none.
fn second_column(line: &str) -> Option<usize> {
    let begins = line.len().saturating_sub(line.trim_start_matches(' ').len());
    let (_, text) = line.split_at_checked(begins)?;
    let gap = text.find("  ")?;
    let (first, rest) = text.split_at_checked(gap)?;
    let spaces = rest.len().saturating_sub(rest.trim_start_matches(' ').len());
    let column = begins.saturating_add(shown_width(first)).saturating_add(spaces);
    (column <= MAX_HANG).then_some(column)
}

/// A line in pieces that are not broken, each with the spaces before it.
fn pieces(line: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        let begin = rest.len().saturating_sub(rest.trim_start_matches(' ').len());
        let (_, word) = rest.split_at_checked(begin).unwrap_or(("", rest));
        let length = if word.starts_with("glimpse ") {
            // To be copied, up to the end of the line.
            word.len()
        } else if let Some(quoted) = word.strip_prefix('`') {
            let closed = quoted.find('`').map_or(word.len(), |end| end.saturating_add(2));
            let (_, after) = word.split_at_checked(closed).unwrap_or((word, ""));
            closed.saturating_add(after.find(' ').unwrap_or(after.len()))
        } else {
            word.find(' ').unwrap_or(word.len())
        };
        let (piece, next) = rest.split_at_checked(begin.saturating_add(length)).unwrap_or((rest, ""));
        pieces.push(piece);
        rest = next;
    }
    pieces
}

/// Columns that a text takes on a terminal: what sets a style takes none.
fn shown_width(text: &str) -> usize {
    let mut width = 0usize;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            width = width.saturating_add(1);
        }
    }
    width
}

/// Bytes for people: `12 kB`, `3.4 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) / 100;
    let mut unit = UNITS.iter();
    let mut name = unit.next().copied().unwrap_or("B");
    while tenths >= 10_000 {
        let Some(next) = unit.next() else { break };
        tenths /= 1000;
        name = next;
    }
    if tenths < 100 { format!("{}.{} {name}", tenths / 10, tenths % 10) } else { format!("{} {name}", tenths / 10) }
}

/// So many of something: `1 record`, `2 records`.
pub(crate) fn count(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A length of time in words: `30 seconds`, `15 minutes`, `1 hour 30 minutes`.
pub(crate) fn lasting(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let parts = [(seconds / 3600, "hour"), (seconds / 60 % 60, "minute"), (seconds % 60, "second")];
    let said: Vec<String> = parts.iter().filter(|(number, _)| *number > 0).map(|(n, unit)| count(*n, unit)).collect();
    if said.is_empty() { "0 seconds".to_owned() } else { said.join(" ") }
}

/// A time span for people: `1:05`, `1:05:00`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// A date and time, UTC: `2026-11-21 03:20`.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "milliseconds of a u64 are 600 million years: no step comes near an end"
)]
pub(crate) fn date(millis: u64) -> String {
    let minutes = millis / 60_000;
    let (days, of_day) = (minutes / 1440, minutes % 1440);
    // Civil from days (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"), for days since 1970-01-01.
    let shifted = days.saturating_add(719_468);
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era.saturating_add(era * 400).saturating_add(u64::from(month <= 2));
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 60, of_day % 60)
}

/// The beginning of a day that is written as `2026-11-21`, UTC, in milliseconds since 1970.
pub(crate) fn parse_day(text: &str) -> Option<u64> {
    let mut parts = text.trim().splitn(3, '-').map(|part| {
        let digits = !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Days before a month, in a year that begins in March.
    let before = match month {
        1..=12 => (month.checked_add(9)? % 12).checked_mul(153)?.checked_add(2)? / 5,
        _ => return None,
    };
    let year_from_march = if month <= 2 { year.checked_sub(1)? } else { year };
    let leaps = (year_from_march / 4).checked_sub(year_from_march / 100)?.checked_add(year_from_march / 400)?;
    let days = year_from_march.checked_mul(365)?.checked_add(leaps)?.checked_add(before)?;
    let millis = days.checked_add(day.checked_sub(1)?)?.checked_sub(719_468)?.checked_mul(86_400_000)?;
    // What is no day of that month comes out as one of the next.
    let padded = format!("{year:04}-{month:02}-{day:02}");
    date(millis).starts_with(&padded).then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_is_made_visible() {
        for (hostile, shown) in [
            ("plain Ünïcode 字", "plain Ünïcode 字"),
            ("\x1b[2J\x1b]0;owned\x07", "\u{FFFD}[2J\u{FFFD}]0;owned\u{FFFD}"),
            ("invoice\u{202E}fdp.exe", "invoice\u{FFFD}fdp.exe"),
            ("a\u{200B}b\r\nc\u{2028}d", "a\u{FFFD}b\u{FFFD}\u{FFFD}c\u{FFFD}d"),
            ("\u{9B}31m", "\u{FFFD}31m"),
            ("a\u{34F}\u{115F}\u{1160}\u{17B4}\u{17B5}b", "a\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}b"),
            ("\u{3164}\u{FFA0}\u{FE0F}\u{E0100}\u{61C}", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("\u{2029}\u{180E}\u{2800}\u{E000}\u{10FFFD}", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ] {
            assert_eq!(clean(hostile), shown);
        }
        assert_eq!(clean_to("abcdef", 4), "abc…");
        assert_eq!(clean_lines("a\r\nb\tc\x1b[1m"), "a\nb\tc\u{FFFD}[1m");
    }

    #[test]
    fn lines_are_broken_between_words_and_commands_are_not() {
        let fits = |text: &str, columns: usize| fitted(text, Some(columns), None);
        assert_eq!(fits("or name another home", 15), "or name another\nhome");
        assert_eq!(fits("   indented text goes on", 16), "   indented text\n   goes on");
        assert_eq!(fitted("error: one two three", Some(14), Some(7)), "error: one two\nthree", "too little is left");
        assert_eq!(
            fitted("error: one two three four five six", Some(27), Some(7)),
            "error: one two three four\n       five six"
        );
        let notice = "2026-11-25 10:00 UTC  Tab (abcdefgh) was linked. If that was not you: glimpse revoke abcdefgh";
        assert_eq!(
            fits(notice, 50),
            "2026-11-25 10:00 UTC  Tab (abcdefgh) was linked.\n                      If that was not you:\n                      \
             glimpse revoke abcdefgh"
        );
        let row = "I3YxdY5Qk7lmPjzKxvAy-g  fhir  1.5 kB  vaccination";
        assert_eq!(
            fits(row, 40),
            "I3YxdY5Qk7lmPjzKxvAy-g  fhir  1.5 kB\n   vaccination",
            "no room under the second column"
        );
        assert_eq!(fits(row, 50), row);
        assert_eq!(fits("Run `glimpse join --resume`, or wait.", 20), "Run\n`glimpse join --resume`,\nor wait.");
        assert_eq!(fits("\u{1b}[1mbold words\u{1b}[0m here", 15), "\u{1b}[1mbold words\u{1b}[0m here", "no width");
        assert_eq!(fits("a-word-that-is-longer-than-a-line b", 20), "a-word-that-is-longer-than-a-line\nb");
        assert_eq!(fits("one\ntwo three", 8), "one\ntwo\nthree");
        let long = "word ".repeat(50);
        assert_eq!(fitted(&long, None, None), long, "control: elsewhere nothing is broken");
    }

    #[test]
    fn a_kind_that_nobody_knows_is_a_file() {
        assert_eq!((kind("series"), kind("spreadsheet"), kind("\u{1b}[2J")), ("series", "file", "file"));
    }

    #[test]
    fn file_names_stay_in_their_folder() {
        for (wanted, name) in [
            ("letter.pdf", "letter.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..", "_"),
            ("", "_"),
            (".bashrc", "bashrc"),
            ("C:\\Windows\\x", "C__Windows_x"),
            ("nul.txt", "_nul.txt"),
            ("COM1", "_COM1"),
            ("a\0b\nc", "a_b_c"),
            ("name. ", "name"),
        ] {
            assert_eq!(file_name(wanted), name, "{wanted:?}");
        }
        assert!(file_name(&"ü".repeat(500)).len() <= 121);
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            (size(999), size(1000), size(1_549_000), size(64 << 20)),
            ("999 B".into(), "1.0 kB".into(), "1.5 MB".into(), "67 MB".into())
        );
        assert_eq!((span(0), span(61_000), span(3_600_001)), ("0:00".into(), "1:01".into(), "1:00:01".into()));
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_400_000), "2000-02-29 00:00");
        assert_eq!(date(1_795_231_205_000), "2026-11-21 03:20");
        assert_eq!((count(0u8, "record"), count(1u8, "record")), ("0 records".into(), "1 record".into()));
        assert_eq!((lasting(30_000), lasting(900_000)), ("30 seconds".into(), "15 minutes".into()));
        assert_eq!(lasting(3_690_000), "1 hour 1 minute 30 seconds");
        for day in ["1970-01-01", "2000-02-29", "2026-11-21", "2100-03-01", "9999-12-31"] {
            assert_eq!(parse_day(day).map(date), Some(format!("{day} 00:00")));
        }
        assert_eq!(parse_day(" 2026-1-2 "), parse_day("2026-01-02"), "control: short numbers are read");
        for no_day in
            ["", "2026", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "1969-12-31", "2026-1-+1", "x"]
        {
            assert_eq!(parse_day(no_day), None, "{no_day}");
        }
        assert_eq!((cut("aüb", 2), cut("aüb", 3), cut("ab", 9)), ("a", "aü", "ab"));
    }
}
