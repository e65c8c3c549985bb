//! Which key does what.

use glimpse_device::lend::{Audience, Command};

use super::super::adding::Step;
use super::super::keys::Key;
use super::{Ended, Errand, Left, Listed, MINUTE, MORE_OPENINGS, Phase, Screen};
use crate::out::Style;

/// What the key for more time gives, in milliseconds.
const MORE: u64 = 15 * MINUTE;

impl Screen {
    pub(in super::super) fn key(&mut self, key: Key) {
        if let Listed::Yes(adding) = &mut self.adding {
            match adding.key(key) {
                Step::Typing => {}
                Step::Lines(lines) => lines.iter().for_each(|line| self.line(line)),
                Step::Chosen(record) => self.adding = Listed::Wanted(Errand::Fields(record)),
                Step::Left => self.adding = Listed::No,
            }
            self.tick();
        } else if let Listed::Fields(withholding) = &mut self.adding {
            let chosen = withholding.key(key);
            self.chosen_fields(chosen);
            self.tick();
        } else if let Key::Char(letter) = key {
            self.letter(letter.to_ascii_lowercase());
        }
    }

    fn letter(&mut self, key: char) {
        self.phase = match (core::mem::replace(&mut self.phase, Phase::Decided), key) {
            (Phase::Code | Phase::Starting, 'q') => {
                self.left = Some(Left::BrokeOff);
                self.does(Command::Cancel);
                Phase::Decided
            }
            (Phase::Code, 'n') => {
                self.left = Some(Left::NewCode);
                self.does(Command::Cancel);
                Phase::Decided
            }
            (Phase::Pick { words }, '1'..='4') => {
                let place = usize::try_from(key.to_digit(10).unwrap_or(1).saturating_sub(1)).unwrap_or(0);
                match words.get(place) {
                    Some(words) => {
                        self.line(&format!("You picked {}", self.out.styled(Style::Bold, &words.to_string())));
                        self.line(&self.out.styled(
                            Style::Bold,
                            "Is the screen in front of you, and is nobody on the phone asking for this?",
                        ));
                        self.line("   y  yes, lend      n  no");
                        Phase::Sure { words: *words }
                    }
                    None => Phase::Pick { words },
                }
            }
            (Phase::Pick { .. }, '0') => {
                self.left = Some(Left::NoneOfThese);
                self.suspicious = true;
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Sure { words }, 'y') => {
                self.does(Command::Approve { words: words.to_string(), millis: None, save: None });
                Phase::Decided
            }
            (Phase::Agent, 'y') => {
                self.does(Command::ApproveAgent { millis: None, save: None });
                Phase::Decided
            }
            (Phase::Agent, 'n' | 'q') => {
                self.left = Some(Left::BrokeOff);
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Sure { .. }, 'n') | (Phase::Pick { .. } | Phase::Sure { .. }, 'q') => {
                self.left = Some(Left::BrokeOff);
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Session, 'e') => {
                let millis = self.asked.take().unwrap_or(MORE);
                self.does(Command::Extend { millis });
                Phase::Session
            }
            (Phase::Session, 'a') => {
                if matches!(self.adding, Listed::No) {
                    self.adding = Listed::Wanted(Errand::List);
                }
                Phase::Session
            }
            (Phase::Session, 'b') => {
                self.does(Command::Allow { openings: MORE_OPENINGS });
                Phase::Session
            }
            (Phase::Session, 'r') => {
                self.asked = None;
                self.wanted = None;
                self.does(Command::Refuse);
                Phase::Session
            }
            (Phase::Session, 'q') => {
                self.ended = Some(Ended::Quit);
                self.does(Command::End);
                Phase::Session
            }
            (Phase::Session, 'h') if self.to == Audience::Agent => {
                self.ended = Some(Ended::HandedOver);
                self.does(Command::End);
                Phase::Session
            }
            (phase @ (Phase::Session | Phase::Agent), 'w') => {
                if let Some(report) = &self.about {
                    self.line(&report.keep());
                }
                phase
            }
            (phase, _) => phase,
        };
    }
}
