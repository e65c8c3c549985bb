//! What stands in the field for a page: words and rows that no page has, named while it is typed.

use glimpse_core::recovery::{COLUMNS, SHARE_WORDS, Share};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::intent::Secret;

/// What the letters of a share begin with.
const LETTERS: &str = "GLIMPSE-KIT-";
/// A text that is longer is no page.
const MAX_TEXT: usize = 4_096;

/// What stands in the field.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) text: Zeroizing<String>,
    pub(super) words: usize,
    pub(super) wrong: Vec<Wrong>,
    pub(super) rows: Vec<BadRow>,
    pub(super) letters: bool,
}

/// A word that no page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wrong {
    /// The number that stands before it on the page.
    place: usize,
    row: usize,
}

/// A row with another number of words than rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct BadRow {
    row: usize,
    has: usize,
}

impl Typed {
    /// Looks at what stands in the field, while it is typed: the word that is being typed is not judged yet.
    pub(super) fn of(text: &Secret) -> Self {
        let text = text.as_str();
        let text = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        let mut typed = Self { text: Zeroizing::new(text.to_owned()), ..Self::default() };
        if text.trim_start().to_ascii_uppercase().starts_with(LETTERS) {
            typed.letters = true;
            return typed;
        }
        let lines: Vec<&str> = text.split('\n').collect();
        let filled = lines.iter().filter(|line| line.chars().any(char::is_alphabetic)).count();
        let mut row = 0usize;
        for (number, line) in (1usize..).zip(&lines) {
            let words: Vec<&str> =
                line.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
            if words.is_empty() {
                continue;
            }
            row = row.saturating_add(1);
            let open = number == lines.len();
            for (at, word) in (1usize..).zip(&words) {
                typed.words = typed.words.saturating_add(1);
                let being_typed = open && at == words.len() && line.ends_with(char::is_alphabetic);
                let whole = typed.words == SHARE_WORDS;
                if !Share::knows(&Zeroizing::new(word.to_lowercase())) && (!being_typed || whole) {
                    let row = if filled > 1 { row } else { typed.words.div_ceil(COLUMNS) };
                    typed.wrong.push(Wrong { place: typed.words, row });
                }
            }
            // Somebody who types row by row; others type without a break, or as their screen breaks lines.
            if filled > 1 && !open && words.len() != COLUMNS {
                typed.rows.push(BadRow { row, has: words.len() });
            }
        }
        typed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Typed {
        Typed::of(&Secret::from(text.to_owned()))
    }

    #[test]
    fn a_word_that_no_page_has_is_named_once_it_is_typed() {
        assert_eq!(typed("1. apple 2. river wur").wrong, [], "it is being typed");
        assert_eq!(typed("1. apple 2. river wurst ").wrong, [Wrong { place: 3, row: 1 }]);
        assert_eq!(typed("apple river stone lamp wurst ").wrong, [Wrong { place: 5, row: 2 }]);
        assert_eq!(typed("APPLE River\u{a0}stone").words, 3);
    }

    #[test]
    fn a_row_that_is_no_row_is_named_with_its_number() {
        assert_eq!(typed("apple river stone\nlamp").rows, [BadRow { row: 1, has: 3 }]);
        assert_eq!(typed("apple river stone lamp\napple").rows, [], "the row is being typed");
        let five = "apple river stone lamp\n\napple river stone lamp apple\n";
        assert_eq!(typed(five).rows, [BadRow { row: 2, has: 5 }]);
        assert_eq!(typed("apple river stone lamp apple river").rows, [], "no rows were typed");
    }

    #[test]
    fn letters_are_a_page_and_no_words() {
        let pasted = typed(" glimpse-kit-1:ABC");
        assert!(pasted.letters && pasted.wrong.is_empty());
        let long = typed(&"apple ".repeat(10_000));
        assert!(long.text.len() <= MAX_TEXT);
    }
}
