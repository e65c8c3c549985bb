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
            (Phase::Agent | Phase::Sure { .. }, 'n') => {
                self.left = Some(Left::SaidNo);
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Agent | Phase::Pick { .. } | Phase::Sure { .. }, 'q') => {
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use futures_channel::mpsc::{UnboundedReceiver, unbounded};
    use glimpse_device::lend::{Event, Plan};
    use glimpse_wire::UnixMillis;

    use super::*;
    use crate::out::Out;

    /// Every key that a keyboard has for it.
    const ALL: &str = "abcdefghijklmnopqrstuvwxyz0123456789 ?";

    /// A screen that says nothing aloud, and the commands that come of it.
    fn screen(to: Audience, phase: Phase) -> (Screen, UnboundedReceiver<Command>) {
        let (todo, commands) = unbounded();
        let plan = Plan { to, records: Vec::new(), save: false, millis: 10 * MINUTE, site: None, withheld: Vec::new() };
        let mut screen = Screen::new(&plan, "https://glimpse.example", todo, Out::new(true, Duration::MAX));
        screen.phase = phase;
        (screen, commands)
    }

    /// What comes of these keys, one after the other.
    fn does(screen: &mut Screen, commands: &mut UnboundedReceiver<Command>, keys: &str) -> Vec<String> {
        keys.chars().for_each(|key| screen.key(Key::Char(key)));
        core::iter::from_fn(|| commands.try_recv().ok()).map(|command| format!("{command:?}")).collect()
    }

    /// The keys of which something comes on a screen like this.
    fn live(to: Audience, phase: impl Fn() -> Phase) -> String {
        let means = |key: &char| {
            let (mut screen, mut commands) = screen(to, phase());
            let before = core::mem::discriminant(&screen.phase);
            let done = does(&mut screen, &mut commands, &key.to_string());
            !done.is_empty() || core::mem::discriminant(&screen.phase) != before || !matches!(screen.adding, Listed::No)
        };
        ALL.chars().filter(means).collect()
    }

    #[test]
    fn each_key_does_what_the_screen_says_and_no_other_does_anything() {
        for to in [Audience::OwnScreen, Audience::Agent] {
            assert_eq!(live(to, || Phase::Starting), "q", "{to:?}");
            assert_eq!(live(to, || Phase::Code), "nq", "{to:?}");
            assert_eq!(live(to, || Phase::Decided), "", "{to:?}");
        }
        // `w` writes a report where there is somebody to write about.
        assert_eq!(live(Audience::Agent, || Phase::Agent), "nqy");
        assert_eq!(live(Audience::Agent, || Phase::Session), "abehqr");
        assert_eq!(live(Audience::OwnScreen, || Phase::Session), "abeqr", "nothing of one's own is handed over");
    }

    #[test]
    fn an_agent_gets_a_yes_or_a_no_by_one_key_and_once() {
        for (key, done, left) in
            [("y", "ApproveAgent { millis: None, save: None }", None), ("N", "Decline", Some(Left::SaidNo))]
        {
            let (mut screen, mut commands) = screen(Audience::Agent, Phase::Agent);
            assert_eq!(does(&mut screen, &mut commands, key), [done]);
            assert_eq!(screen.left(), left);
            assert!(does(&mut screen, &mut commands, ALL).is_empty(), "it is decided");
        }
        let (mut screen, mut commands) = screen(Audience::Agent, Phase::Agent);
        assert_eq!(does(&mut screen, &mut commands, "q"), ["Decline"]);
    }

    #[test]
    fn while_an_agent_looks_each_key_gives_takes_or_ends() {
        let (mut screen, mut commands) = screen(Audience::Agent, Phase::Session);
        let mut does = |screen: &mut Screen, keys: &str| does(screen, &mut commands, keys);
        assert_eq!(does(&mut screen, "e"), ["Extend { millis: 900000 }"]);
        // What was asked for is what is given, once; and not after a no.
        screen.event(Event::AskedTime { minutes: 7 });
        assert_eq!(does(&mut screen, "ee"), ["Extend { millis: 420000 }", "Extend { millis: 900000 }"]);
        screen.event(Event::AskedTime { minutes: 7 });
        assert_eq!(does(&mut screen, "re"), ["Refuse", "Extend { millis: 900000 }"]);
        assert_eq!(does(&mut screen, "B"), ["Allow { openings: 64 }"]);
        assert!(does(&mut screen, "a").is_empty() && matches!(screen.adding, Listed::Wanted(Errand::List)));
        screen.adding = Listed::No;
        assert_eq!(does(&mut screen, "q"), ["End"]);
        assert_eq!(screen.handed_over().0, Some(Ended::Quit));
        assert_eq!(does(&mut screen, "h"), ["End"]);
        assert_eq!(screen.handed_over().0, Some(Ended::HandedOver));
    }

    #[test]
    fn the_key_for_more_openings_is_named_while_there_are_none() {
        let (mut screen, _commands) = screen(Audience::Agent, Phase::Session);
        let named = |screen: &Screen| screen.status.message().contains("b: 64 openings more");
        let granted = Event::Changed { expires: UnixMillis(0), expires_in: MINUTE, budget: 4, added: Vec::new() };
        screen.event(granted);
        assert!(!named(&screen));
        screen.event(Event::Spent { budget: 4 });
        assert!(named(&screen));
        let longer = Event::Changed { expires: UnixMillis(0), expires_in: 2 * MINUTE, budget: 4, added: Vec::new() };
        screen.event(longer);
        assert!(named(&screen), "time alone is no opening");
        let more = Event::Changed { expires: UnixMillis(0), expires_in: 2 * MINUTE, budget: 68, added: Vec::new() };
        screen.event(more);
        assert!(!named(&screen));
    }
}
