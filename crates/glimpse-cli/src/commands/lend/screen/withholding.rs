//! One more record on its way into the session: chosen, and which of its fields are withheld.

use glimpse_content::reduce::Fields;
use glimpse_device::DeviceError;
use glimpse_device::lend::{Command, FieldChoice, Withheld};
use glimpse_device::listing::Listing;
use glimpse_wire::RecordId;

use super::super::adding::Adding;
use super::super::keys::Key;
use super::{Listed, Screen};
use crate::failure::Failure;
use crate::text::clean_to;

/// Fields that are numbered on the screen.
const SHOWN: usize = 40;
/// What is typed, in characters at most.
const MAX_TYPED: usize = 200;

/// What has to be fetched before the person is asked on, or before it is lent.
#[derive(Debug)]
pub(in super::super) enum Errand {
    /// What else may be lent.
    List,
    /// The fields of a record.
    Fields(RecordId),
    /// What to cut out of a record for this choice.
    Without(FieldChoice),
}

/// A record whose fields are asked about.
pub(super) struct Withholding {
    /// None yet, of the version that was read.
    choice: FieldChoice,
    pointers: Vec<String>,
    typed: String,
}

/// What was typed.
pub(super) enum Chosen {
    Typing,
    /// These; none for the whole record.
    Fields(FieldChoice),
    /// There is no field of this number.
    None(String),
    /// It is not lent after all.
    Left,
}

impl Withholding {
    pub(super) fn prompt(&self) -> String {
        format!("Withhold which? {}▏  numbers or /pointers; Enter alone lends it whole, Esc leaves", self.typed)
    }

    pub(super) fn key(&mut self, key: Key) -> Chosen {
        match key {
            Key::Char(character) => {
                if self.typed.len() < MAX_TYPED {
                    self.typed.push(character);
                }
            }
            Key::Back => {
                self.typed.pop();
            }
            Key::Escape => return Chosen::Left,
            Key::Enter => return self.chosen(),
        }
        Chosen::Typing
    }

    fn chosen(&mut self) -> Chosen {
        let typed = core::mem::take(&mut self.typed);
        let mut chosen = self.choice.clone();
        for word in typed.split([' ', ',']).filter(|word| !word.is_empty()) {
            if word.starts_with('/') {
                chosen.add(word.to_owned());
                continue;
            }
            let place = word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            match place.and_then(|place| self.pointers.get(place)) {
                Some(pointer) => chosen.add(pointer.clone()),
                // One wrong number must not lend the rest.
                None => return Chosen::None(word.to_owned()),
            }
        }
        Chosen::Fields(chosen)
    }
}

impl Screen {
    /// What the person waits for, on the way to one more record.
    pub(in super::super) fn errand(&mut self) -> Option<Errand> {
        if !matches!(self.adding, Listed::Wanted(_)) {
            return None;
        }
        let wanted = core::mem::replace(&mut self.adding, Listed::Fetching);
        if let Listed::Wanted(errand) = wanted { Some(errand) } else { None }
    }

    /// Shows what else may be lent.
    pub(in super::super) fn offer(&mut self, listing: Result<Listing, DeviceError>) {
        self.adding = Listed::No;
        match listing {
            Ok(listing) => {
                let (adding, lines) = Adding::new(&listing, &self.lent, self.out);
                if adding.is_empty() {
                    self.line("There is nothing else that may be lent.");
                } else {
                    if let Some(wanted) = &self.wanted {
                        self.line(&format!("The other side asked for “{wanted}”. You can lend:"));
                    }
                    for line in lines {
                        self.line(&line);
                    }
                    self.adding = Listed::Yes(adding);
                }
            }
            Err(error) => {
                let failure = Failure::from(error);
                self.line(&format!("That was not possible: {} {}", failure.message, failure.next));
            }
        }
        self.tick();
    }

    /// Asks which fields of this record are withheld; what has none is lent at once.
    pub(in super::super) fn ask_fields(
        &mut self,
        record: RecordId,
        found: Result<Option<(FieldChoice, Fields)>, Failure>,
    ) {
        self.adding = Listed::No;
        match found {
            Ok(None) => self.does(Command::Add { records: vec![record], withheld: Vec::new() }),
            Ok(Some((choice, found))) => {
                for (number, field) in (1u32..).zip(found.fields.iter().take(SHOWN)) {
                    self.line(&format!("  {number:>2}  {}", clean_to(&field.pointer, 80)));
                }
                let more = found.fields.len().saturating_sub(SHOWN);
                if more > 0 || found.more {
                    self.line("      and more: `glimpse show RECORD --fields` prints them; type their /pointer");
                }
                let pointers = found.fields.into_iter().take(SHOWN).map(|field| field.pointer).collect();
                self.adding = Listed::Fields(Withholding { choice, pointers, typed: String::new() });
            }
            Err(failure) => self.line(&format!("That was not possible: {} {}", failure.message, failure.next)),
        }
        self.tick();
    }

    pub(super) fn chosen_fields(&mut self, chosen: Chosen) {
        match chosen {
            Chosen::Typing => {}
            Chosen::None(word) => self.line(&format!("There is no field {}. Nothing was lent.", clean_to(&word, 40))),
            Chosen::Left => self.adding = Listed::No,
            Chosen::Fields(choice) if choice.pointers().is_empty() => {
                self.adding = Listed::No;
                self.does(Command::Add { records: vec![choice.record()], withheld: Vec::new() });
            }
            Chosen::Fields(choice) => {
                self.less.insert(choice.record(), choice.clone());
                self.adding = Listed::Wanted(Errand::Without(choice));
            }
        }
    }

    /// Lends it without what was cut out.
    pub(in super::super) fn lend_without(&mut self, record: RecordId, withheld: Result<Vec<Withheld>, Failure>) {
        self.adding = Listed::No;
        match withheld {
            Ok(withheld) => self.does(Command::Add { records: vec![record], withheld }),
            Err(failure) => self.line(&format!("That was not possible: {} {}", failure.message, failure.next)),
        }
        self.tick();
    }
}

#[cfg(test)]
mod tests {
    use glimpse_wire::Hash;

    use super::*;

    #[test]
    fn numbers_and_pointers_choose_and_a_wrong_one_chooses_nothing() {
        let record = RecordId([1; 16]);
        let typed = |text: &str| {
            let pointers = ["/a", "/b", "/c"].map(str::to_owned).to_vec();
            let choice = FieldChoice::new(record, Hash([2; 32]));
            let mut asked = Withholding { choice, pointers, typed: String::new() };
            for character in text.chars() {
                assert!(matches!(asked.key(Key::Char(character)), Chosen::Typing));
            }
            asked.key(Key::Enter)
        };
        let chosen = |text: &str| {
            let Chosen::Fields(choice) = typed(text) else { panic!("{text}") };
            assert_eq!((choice.record(), choice.h1()), (record, Hash([2; 32])), "of the version that was read");
            choice.pointers().iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(chosen("1, 3"), ["/a", "/c"]);
        assert_eq!(chosen("/x/*/y 2"), ["/b", "/x/*/y"]);
        assert!(chosen("").is_empty());
        for wrong in ["4", "0", "1 b", "1-2"] {
            assert!(matches!(typed(wrong), Chosen::None(_)), "{wrong}");
        }
    }
}
