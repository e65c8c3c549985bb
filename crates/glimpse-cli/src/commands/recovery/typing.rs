//! Shares that a person types from paper, row by row: what is right stays, and what is wrong is typed again.

use glimpse_core::recovery::{COLUMNS, CombineError, KitKeys, Plan, SHARE_WORDS, Share, combine};
use glimpse_wire::ErrorCode;
use zeroize::Zeroizing;

use super::shares::{LETTERS, combine_failure, share_failure};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::prompts;
use crate::text::{count, lasting};

/// The pages, as they are asked for: which number is printed on one is not known before it is typed.
const PAGES: [&str; 16] = [
    "First page",
    "Second page",
    "Third page",
    "Fourth page",
    "Fifth page",
    "Sixth page",
    "Seventh page",
    "Eighth page",
    "Ninth page",
    "Tenth page",
    "Eleventh page",
    "Twelfth page",
    "Thirteenth page",
    "Fourteenth page",
    "Fifteenth page",
    "Sixteenth page",
];
/// Letters that no word has as many of: what is longer is the letters of a share.
const LONGER_THAN_WORDS: usize = 40;

/// Characters of a word and its number, where a page is shown.
const WORD_COLUMN: usize = 16;

/// Somebody is there who can type.
pub(super) fn require_person(out: Out) -> Result<(), Failure> {
    if out.can_ask() {
        return Ok(());
    }
    Err(Failure::usage("No share was given, and there is nobody to ask.", "Name files with --share FILE."))
}

/// Asks for one page after the other until they make a kit; gives its keys, and how it was cut.
pub(super) async fn asked(out: Out) -> Result<(KitKeys, Plan), Failure> {
    require_person(out)?;
    out.note("Type the words of a page, a row at a time and Enter after it, or paste its letters. Pages may come in any order.");
    out.note("To mend a word, type its number and the word, such as: 17 apple. 0 begins the page anew.");
    let idle = lasting(u64::try_from(out.lock_after().as_millis()).unwrap_or(u64::MAX));
    out.note(&format!("Have all pages at hand: after {idle} without a key, what was typed is forgotten."));
    let mut shares: Vec<Share> = Vec::new();
    loop {
        let share = page(PAGES.get(shares.len()).copied().unwrap_or("Next page"), out).await?;
        let plan = share.plan();
        shares.push(share);
        if let Some(keys) = together(&mut shares, out)? {
            return Ok((keys, plan));
        }
    }
}

/// What the pages make: the kit's keys, or nothing yet. A page that does not belong to the others is dropped.
fn together(shares: &mut Vec<Share>, out: Out) -> Result<Option<KitKeys>, Failure> {
    match combine(shares) {
        Ok(keys) => Ok(Some(keys)),
        Err(CombineError::TooFew { missing }) => {
            let taken = shares.last().map_or_else(String::new, |share| {
                format!("Taken: share {} of the kit \"{}\". ", share.index(), share.kit())
            });
            out.note(&format!("{taken}{} to go.", count(missing, "more page")));
            Ok(None)
        }
        Err(error @ (CombineError::Twice { .. } | CombineError::OtherKit { .. })) => {
            shares.pop();
            out.report(&combine_failure(&error), None)?;
            Ok(None)
        }
        Err(CombineError::Stray { indices }) => {
            shares.retain(|share| !indices.contains(&share.index()));
            let named: Vec<String> = indices.iter().map(ToString::to_string).collect();
            out.note(&format!("Left out, as it was not printed so: share {}.", named.join(", ")));
            combine(shares).map(Some).map_err(|error| combine_failure(&error))
        }
        // Another page may show which of these was made up.
        Err(error @ CombineError::Wrong) => {
            let all = shares.first().is_none_or(|share| shares.len() >= usize::from(share.plan().count()));
            if all {
                return Err(combine_failure(&error));
            }
            out.report(&combine_failure(&error), None)?;
            Ok(None)
        }
    }
}

/// One whole page.
async fn page(name: &str, out: Out) -> Result<Share, Failure> {
    let mut grid = Grid::new();
    out.note(&out.styled(Style::Bold, name));
    loop {
        // As the page numbers its words, and short: with a row of long words it fits a narrow terminal.
        let prompt = match grid.0.len() {
            SHARE_WORDS => "Number and word".to_owned(),
            words => format!("{:>2}", words.saturating_add(1)),
        };
        let question = move || dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        let typed = Zeroizing::new(prompts::ask(out, question).await?.ok_or_else(broken_off)?);
        if let Some(letters) = letters(&typed) {
            match Share::parse(&letters) {
                Ok(share) => return Ok(share),
                Err(error) => out.report(&share_failure(&error, "This page"), None)?,
            }
            continue;
        }
        match grid.take(&typed) {
            Ok(()) if grid.0.len() == SHARE_WORDS => match Share::parse(&grid.joined()) {
                Ok(share) => return Ok(share),
                Err(error) => {
                    out.report(&share_failure(&error, "This page"), None)?;
                    grid.show(out);
                }
            },
            Ok(()) => {}
            Err(slip) => out.report(&slip.failure(), None)?,
        }
    }
}

/// The letters of a share, where it is letters that were typed. Printed as text they are two lines, of which the first
/// tells nothing.
fn letters(typed: &str) -> Option<Zeroizing<String>> {
    let typed = typed.trim();
    if typed.to_ascii_uppercase().starts_with(LETTERS) && typed.len() > LETTERS.len() {
        return Some(Zeroizing::new(typed.to_owned()));
    }
    let longer = typed.len() > LONGER_THAN_WORDS && typed.bytes().all(|byte| byte.is_ascii_alphanumeric());
    longer.then(|| Zeroizing::new(format!("{LETTERS}{typed}")))
}

/// The words of a page, as many as were typed, each of the list.
struct Grid(Vec<Zeroizing<String>>);

/// What is wrong with a row. Places are the numbers on the page.
#[derive(Debug, PartialEq, Eq)]
enum Slip {
    /// No page has such a word.
    Unknown { place: usize },
    /// Words before it are missing.
    Ahead { place: usize, next: usize },
    /// There is no such place.
    Beyond,
}

impl Slip {
    fn failure(&self) -> Failure {
        match self {
            Self::Unknown { place } => Failure::share(
                format!("No page has a word such as number {place}."),
                "Compare it with the page, and go on with it. The words before it are kept.",
            ),
            Self::Ahead { place, next } => Failure::share(
                format!("Word {next} comes next, and this is number {place}."),
                "Type the rows in their order. What you typed before is kept.",
            ),
            Self::Beyond => Failure::share(
                format!("A page has {SHARE_WORDS} words, and this is one more."),
                "To mend one, type its number and the word. 0 begins the page anew.",
            ),
        }
    }
}

impl Grid {
    fn new() -> Self {
        Self(Vec::with_capacity(SHARE_WORDS))
    }

    /// Takes a row. A word goes behind the last, or to the place whose number stands before it; those behind it follow.
    /// The number 0 alone forgets the page; a row without anything changes nothing.
    fn take(&mut self, row: &str) -> Result<(), Slip> {
        let row = row.trim();
        if row.eq_ignore_ascii_case(LETTERS) {
            return Ok(());
        }
        if row == "0" {
            self.0.clear();
            return Ok(());
        }
        let mut place = self.0.len();
        for piece in row.split(|letter: char| !letter.is_alphanumeric()) {
            let word = piece.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let digits = piece.strip_suffix(word).unwrap_or_default();
            if !digits.is_empty() {
                let number =
                    digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).ok_or(Slip::Beyond)?;
                let next = self.0.len();
                if number > next {
                    return Err(Slip::Ahead { place: number.saturating_add(1), next: next.saturating_add(1) });
                }
                place = number;
            }
            if !word.is_empty() {
                self.put(place, word)?;
                place = place.saturating_add(1);
            }
        }
        Ok(())
    }

    fn put(&mut self, place: usize, word: &str) -> Result<(), Slip> {
        if place >= SHARE_WORDS {
            return Err(Slip::Beyond);
        }
        let word = Zeroizing::new(word.to_lowercase());
        if !Share::knows(&word) {
            return Err(Slip::Unknown { place: place.saturating_add(1) });
        }
        match self.0.get_mut(place) {
            Some(there) => *there = word,
            None => self.0.push(word),
        }
        Ok(())
    }

    fn joined(&self) -> Zeroizing<String> {
        let mut all = Zeroizing::new(String::with_capacity(SHARE_WORDS.saturating_mul(10)));
        for word in &self.0 {
            all.push_str(word);
            all.push(' ');
        }
        all
    }

    /// As it is on the page, to compare; on a narrow terminal in fewer columns.
    fn show(&self, out: Out) {
        let columns = out.columns().map_or(COLUMNS, |width| (width / WORD_COLUMN).clamp(1, COLUMNS));
        for (row, words) in self.0.chunks(columns).enumerate() {
            let mut line = Zeroizing::new(String::with_capacity(80));
            for (place, word) in (row.saturating_mul(columns).saturating_add(1)..).zip(words) {
                line.push_str(&Zeroizing::new(format!("{place:>4}. {:<10}", **word)));
            }
            out.whole(line.trim_end());
        }
    }
}

fn broken_off() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was begun.", "Start again when you have the pages.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(rows: &[&str]) -> (Vec<String>, Result<(), Slip>) {
        let mut grid = Grid::new();
        let last = rows.iter().map(|row| grid.take(row)).last().unwrap_or(Ok(()));
        (grid.0.iter().map(|word| word.to_string()).collect(), last)
    }

    #[test]
    fn a_slip_costs_no_more_than_what_is_wrong() {
        let (words, slip) = typed(&["1. apple 2. river", "stone wurst lamp"]);
        assert_eq!((words.join(" "), slip), ("apple river stone".into(), Err(Slip::Unknown { place: 4 })));
        let (words, slip) = typed(&["apple river", "", "  ", "5. stone"]);
        assert_eq!((words.join(" "), slip), ("apple river".into(), Err(Slip::Ahead { place: 5, next: 3 })));
        let (words, slip) = typed(&["apple river", "wurst"]);
        assert_eq!((words.join(" "), slip), ("apple river".into(), Err(Slip::Unknown { place: 3 })));
        let full = ["apple"; SHARE_WORDS].join(" ");
        let (words, slip) = typed(&[&full, "river"]);
        assert_eq!((words.join(" "), slip), (full, Err(Slip::Beyond)));
    }

    #[test]
    fn a_number_says_which_word_follows_it() {
        for (rows, words) in [
            (&["apple river stone", "2 lamp", "2.  Lion"][..], "apple lion stone"),
            (&["apple river stone", "2) lamp lion"], "apple lamp lion"),
            (&["apple river", "2lamp", "stone"], "apple lamp stone"),
            (&["apple river", "0", "stone"], "stone"),
            (&["apple river", "GLIMPSE-KIT-1:", "stone"], "apple river stone"),
        ] {
            assert_eq!(typed(rows), (words.split(' ').map(str::to_owned).collect(), Ok(())), "{rows:?}");
        }
    }

    #[test]
    fn letters_are_told_from_words() {
        assert_eq!(letters("apple river"), None);
        assert_eq!(letters("GLIMPSE-KIT-1:"), None);
        assert_eq!(letters(" glimpse-kit-1:AB ").unwrap().as_str(), "glimpse-kit-1:AB");
        let long = "A".repeat(71);
        assert_eq!(*letters(&long).unwrap(), format!("{LETTERS}{long}"));
    }
}
