//! Lending one more record while a session runs: chosen from a list, by the beginning of its id, or by words of its title.

use std::collections::BTreeSet;

use glimpse_device::listing::{Entry, Listing};
use glimpse_wire::RecordId;

use super::choose::barred;
use super::keys::Key;
use crate::commands::ls::line;
use crate::out::Out;
use crate::text::clean;

/// Records that a list shows at one time.
const SHOWN: usize = 9;
/// What is typed, in characters at most.
const MAX_TYPED: usize = 60;

struct Record {
    id: RecordId,
    title: String,
    line: String,
}

/// A record on its way into the session.
pub(super) struct Adding {
    lendable: Vec<Record>,
    /// As they are numbered on the screen.
    shown: Vec<RecordId>,
    typed: String,
}

/// What a key led to.
pub(super) enum Step {
    /// Go on typing.
    Typing,
    /// Show these lines.
    Lines(Vec<String>),
    /// This one.
    Chosen(RecordId),
    /// None after all.
    Left,
}

impl Adding {
    /// What may be lent and is not lent yet, newest first; and the lines that show it.
    pub(super) fn new(listing: &Listing, lent: &BTreeSet<RecordId>, out: Out) -> (Self, Vec<String>) {
        let entries = listing.newest_first().into_iter();
        let lendable: Vec<Record> = entries
            .filter(|entry| barred(entry).is_none() && !lent.contains(&entry.record))
            .map(|entry: &Entry| Record {
                id: entry.record,
                title: entry.meta.as_ref().map_or_else(String::new, |meta| meta.title.to_lowercase()),
                line: line(entry, out),
            })
            .collect();
        let mut adding = Self { lendable, shown: Vec::new(), typed: String::new() };
        let all: Vec<usize> = (0..adding.lendable.len()).collect();
        let lines = adding.number(&all);
        (adding, lines)
    }

    /// Whether there is nothing to choose from.
    pub(super) const fn is_empty(&self) -> bool {
        self.lendable.is_empty()
    }

    /// The line in which the person types.
    pub(super) fn prompt(&self) -> String {
        format!("Lend which as well? {}▏  a number, an id, or words of the title; Enter alone leaves", self.typed)
    }

    pub(super) fn key(&mut self, key: Key) -> Step {
        match key {
            Key::Char(character) => {
                if self.typed.len() < MAX_TYPED {
                    self.typed.push(character);
                }
                Step::Typing
            }
            Key::Back => {
                self.typed.pop();
                Step::Typing
            }
            Key::Escape => Step::Left,
            Key::Enter => self.look(),
        }
    }

    fn look(&mut self) -> Step {
        let typed = core::mem::take(&mut self.typed);
        let typed = typed.trim();
        if typed.is_empty() {
            return Step::Left;
        }
        let numbered = typed.parse::<usize>().ok().and_then(|number| self.shown.get(number.checked_sub(1)?));
        if let Some(id) = numbered {
            return Step::Chosen(*id);
        }
        let words = typed.to_lowercase();
        let fitting: Vec<usize> = (0..)
            .zip(&self.lendable)
            .filter(|(_, record)| record.id.to_string().starts_with(typed) || record.title.contains(&words))
            .map(|(place, _)| place)
            .collect();
        match (fitting.as_slice(), fitting.first().and_then(|place| self.lendable.get(*place))) {
            ([_], Some(record)) => Step::Chosen(record.id),
            ([], _) | (_, None) => {
                Step::Lines(vec![format!("Nothing that may be lent, and is not lent yet, fits “{}”.", clean(typed))])
            }
            (several, Some(_)) => {
                let several = several.to_vec();
                Step::Lines(self.number(&several))
            }
        }
    }

    fn number(&mut self, places: &[usize]) -> Vec<String> {
        let records = || places.iter().filter_map(|place| self.lendable.get(*place)).take(SHOWN);
        let mut lines: Vec<String> =
            (1usize..).zip(records()).map(|(number, record)| format!("   {number}  {}", record.line)).collect();
        let more = places.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("      and {more} more: type words of the title"));
        }
        self.shown = records().map(|record| record.id).collect();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adding() -> Adding {
        let record = |number: u8, title: &str| Record {
            id: RecordId([number; 16]),
            title: title.to_lowercase(),
            line: title.to_owned(),
        };
        let lendable = vec![record(1, "Blood count"), record(2, "Blood pressure"), record(3, "Letter 2")];
        let mut adding = Adding { lendable, shown: Vec::new(), typed: String::new() };
        assert_eq!(adding.number(&[0, 1, 2]).len(), 3);
        adding
    }

    fn type_in(adding: &mut Adding, text: &str) -> Step {
        for character in text.chars() {
            assert!(matches!(adding.key(Key::Char(character)), Step::Typing));
        }
        adding.key(Key::Enter)
    }

    #[test]
    fn by_number_by_id_and_by_title() {
        let id = |number: u8| RecordId([number; 16]);
        assert!(matches!(type_in(&mut adding(), "2"), Step::Chosen(chosen) if chosen == id(2)));
        assert!(matches!(type_in(&mut adding(), "letter"), Step::Chosen(chosen) if chosen == id(3)));
        let beginning: String = id(1).to_string().chars().take(8).collect();
        assert!(matches!(type_in(&mut adding(), &beginning), Step::Chosen(chosen) if chosen == id(1)));
        let mut adding = adding();
        assert!(matches!(type_in(&mut adding, "BLOOD"), Step::Lines(lines) if lines.len() == 2));
        // The numbers are those on the screen.
        assert!(matches!(type_in(&mut adding, "3"), Step::Lines(_)));
        assert!(matches!(type_in(&mut adding, "2"), Step::Chosen(chosen) if chosen == id(2)));
        assert!(matches!(type_in(&mut adding, "x-ray"), Step::Lines(lines) if lines.len() == 1));
        assert!(matches!(type_in(&mut adding, "  "), Step::Left));
        adding.key(Key::Char('9'));
        adding.key(Key::Back);
        assert!(matches!(adding.key(Key::Enter), Step::Left));
        assert!(matches!(adding.key(Key::Escape), Step::Left));
    }
}
