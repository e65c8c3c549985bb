//! The code field: digits in groups as they are typed, and whether they can be a code.

use glimpse_core::code::{Nameplate, PairingCode, group, secret_length};
use glimpse_wire::pairing::Purpose;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// What stands in the code field.
#[derive(Default, Serialize)]
pub struct Entry {
    #[serde(serialize_with = "as_text")]
    text: Zeroizing<String>,
    /// Where the caret belongs; the text is ASCII whenever the page is to use it.
    caret: usize,
    /// Which edit this answers; 0 before the first.
    edit: u32,
    state: EntryState,
}

/// Whether what was typed can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// Nothing, or the beginning of a code.
    #[default]
    Partial,
    /// Not a code: a digit slipped, or one is missing.
    Mistyped,
    /// A code that can be sent.
    Ready,
}

impl Entry {
    /// Takes an edit and groups what is there.
    pub(super) fn typed(&mut self, text: &str, caret: u32, edit: u32) {
        self.edit = edit;
        if let Ok(code) = PairingCode::parse(text, Purpose::View) {
            self.state = EntryState::Ready;
            let grouped = code.to_groups();
            self.caret = if is_plain(text) { caret_in(&grouped, digits_before(text, caret)) } else { grouped.len() };
            self.text = grouped;
        } else if is_plain(text) {
            let digits: Zeroizing<String> = Zeroizing::new(text.chars().filter(char::is_ascii_digit).collect());
            let whole = whole_length(&digits);
            self.state = if whole.is_some_and(|whole| digits.len() >= whole) {
                EntryState::Mistyped
            } else {
                EntryState::Partial
            };
            self.text = group_partial(&digits, whole);
            self.caret = caret_in(&self.text, digits_before(text, caret));
        } else {
            // A sentence without a code in it, or a half-typed one in another script: it stays as it is.
            self.state = EntryState::Partial;
            self.text = Zeroizing::new(text.to_owned());
            self.caret = usize::try_from(caret).unwrap_or(usize::MAX);
        }
    }

    /// Hands the text out if it is a code; nothing is sent for what cannot be one.
    pub(super) fn submit(&mut self, text: &str) -> Option<String> {
        if PairingCode::parse(text, Purpose::View).is_ok() {
            return Some(text.to_owned());
        }
        self.state = EntryState::Mistyped;
        None
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({:?}, redacted)", self.state)
    }
}

/// ASCII digits with spaces and dashes, and nothing else.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '\u{A0}'))
}

/// How long the code that starts with these digits is.
fn whole_length(digits: &str) -> Option<usize> {
    let first = digits.chars().next()?;
    let nameplate = [3_usize, 5, 7].into_iter().find(|length| {
        let filled = Zeroizing::new(format!("{first}{}", "0".repeat(length.saturating_sub(1))));
        Nameplate::parse(&filled).is_ok()
    })?;
    nameplate.checked_add(secret_length(Purpose::View))?.checked_add(1)
}

/// Groups the beginning of a code as the whole code will be grouped.
fn group_partial(digits: &str, whole: Option<usize>) -> Zeroizing<String> {
    let missing = whole.unwrap_or_default().saturating_sub(digits.len());
    let filled = Zeroizing::new(format!("{digits}{}", "0".repeat(missing)));
    let mut grouped = group(&filled);
    grouped.truncate(caret_in(&grouped, digits.len()));
    Zeroizing::new(grouped)
}

/// Digits before the caret of a plain text, whose characters are all one UTF-16 unit.
fn digits_before(text: &str, caret: u32) -> usize {
    text.chars().take(usize::try_from(caret).unwrap_or(usize::MAX)).filter(char::is_ascii_digit).count()
}

/// Where the caret is after so many digits.
fn caret_in(grouped: &str, digits: usize) -> usize {
    if digits == 0 {
        return 0;
    }
    let mut places = grouped.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at);
    places.nth(digits.saturating_sub(1)).map_or(grouped.len(), |at| at.saturating_add(1))
}

fn as_text<S: Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
