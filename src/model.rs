//! The view model: what the viewer knows and what the person did, turned into the one thing that `www/` draws.
//!
//! Pure: no clock, no network, no browser. The pump tells it facts ([`Model::status`], [`Model::units`], …) and intents
//! ([`Model::intent`]), carries out the [`Command`]s that come back, and posts [`Model::snapshot`] to the page.

mod entry;
mod intent;
mod session;
mod snapshot;

pub use self::entry::{Entry, EntryState};
pub use self::intent::Intent;
pub use self::session::{Facts, Level};
pub use self::snapshot::Snapshot;
pub use glimpse_page::announce::Announcement;
pub use glimpse_page::list::Mark;

/// A record that was lent, as the grant describes it.
pub type Unit = glimpse_page::list::Listed<UnitId>;

use glimpse_wire::{ErrorCode, UnitId};

use self::session::Session;
use self::snapshot::{OverView, WaitView};

/// Milliseconds by a clock that only goes forward: [`glimpse_core::Clock`].
pub type Millis = u64;

/// How long more a tap on "ask for more time" asks for, in minutes.
pub const MORE_MINUTES: u32 = 15;

/// What the pump must do after an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run this code.
    Submit(String),
    /// Open a unit, or go on with one that stopped.
    Open(UnitId),
    /// Stop opening a unit, and forget what was opened of it.
    Close(UnitId),
    /// Hand the bytes of the open unit to the page as a file of this name.
    Save(UnitId, String),
    /// Draw the chart at `block` of the open unit between two times, in milliseconds since 1970.
    Zoom {
        /// Which unit.
        unit: UnitId,
        /// Which of its blocks.
        block: u32,
        /// The earliest time.
        from: i64,
        /// The latest time.
        to: i64,
    },
    /// Ask the device for a record.
    Ask(String),
    /// Ask the device for this many minutes more.
    AskTime(u32),
    /// End the session, or cancel the pairing.
    End,
}

/// Where the viewer is between the code and the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Finding the device that shows the code.
    Finding,
    /// Stretching the secret, exchanging the messages of the pairing.
    Proving,
    /// Both ends agree; the person decides on the device.
    Approving {
        /// The check words.
        words: [String; 2],
        /// The name that the owner gave the account; may be empty.
        owner: String,
        /// When the device stops waiting.
        until: Millis,
        /// Is the device connected?
        present: bool,
    },
    /// Records are lent. Also told when the facts of a session change.
    Session(Facts),
    /// It is over.
    Over(ErrorCode),
}

/// The view model.
#[derive(Debug, Default)]
pub struct Model {
    screen: Screen,
    announcement: Option<Announcement>,
    announced: u32,
}

#[derive(Debug)]
enum Screen {
    Enter(Entry),
    Wait(Status),
    Session(Box<Session>),
    /// The person ended the session; the server is being told. Nothing of it is drawn any more.
    Ending,
    Over {
        code: ErrorCode,
        session: bool,
    },
}

impl Default for Screen {
    fn default() -> Self {
        Self::Enter(Entry::default())
    }
}

impl Model {
    /// Takes what the person did.
    pub fn intent(&mut self, intent: Intent, now: Millis) -> Vec<Command> {
        if let Intent::End = intent {
            return match self.screen {
                Screen::Enter(_) | Screen::Ending | Screen::Over { .. } => Vec::new(),
                Screen::Wait(_) => vec![Command::End],
                Screen::Session(_) => {
                    self.screen = Screen::Ending;
                    vec![Command::End]
                }
            };
        }
        match &mut self.screen {
            Screen::Enter(entry) => {
                if let Intent::Typed { text, caret, edit } = &intent {
                    entry.typed(text, *caret, *edit);
                }
                let Intent::Submit { text } = intent else { return Vec::new() };
                entry.submit(&text).map(Command::Submit).into_iter().collect()
            }
            Screen::Session(session) => {
                let (commands, heard) = session.intent(intent, now);
                self.announce(heard);
                commands
            }
            Screen::Wait(_) | Screen::Ending | Screen::Over { .. } => Vec::new(),
        }
    }

    /// Takes where the viewer is.
    pub fn status(&mut self, status: Status, now: Millis) {
        match status {
            Status::Over(code) => {
                let session = matches!(self.screen, Screen::Session(_) | Screen::Ending);
                self.screen = Screen::Over { code, session };
            }
            Status::Session(facts) => match &mut self.screen {
                Screen::Session(session) => {
                    let heard = session.facts(facts, now);
                    self.announce(heard);
                }
                Screen::Ending => {}
                Screen::Enter(_) | Screen::Wait(_) | Screen::Over { .. } => {
                    self.screen = Screen::Session(Box::new(Session::new(facts, now)));
                }
            },
            Status::Finding | Status::Proving | Status::Approving { .. } => {
                let waited = matches!(self.screen, Screen::Wait(Status::Approving { .. }));
                let key = if matches!(status, Status::Finding) {
                    "say.finding"
                } else if matches!(status, Status::Proving) {
                    "say.proving"
                } else {
                    "say.approving"
                };
                self.screen = Screen::Wait(status);
                if !waited {
                    self.announce(Some(Announcement::polite(key)));
                }
            }
        }
    }

    /// Takes units that the session was given, on top of those it has.
    pub fn units(&mut self, units: Vec<Unit>) {
        if let Screen::Session(session) = &mut self.screen {
            let heard = session.add(units);
            self.announce(heard);
        }
    }

    /// The device is preparing a unit that the person wants to open.
    pub fn preparing(&mut self, unit: UnitId) {
        if let Screen::Session(session) = &mut self.screen {
            session.preparing(unit);
        }
    }

    /// Takes how far the opening of a unit is, in bytes.
    pub fn progress(&mut self, unit: UnitId, received: u64, total: u64) {
        if let Screen::Session(session) = &mut self.screen {
            session.progress(unit, received, total);
        }
    }

    /// A unit is open and shown.
    pub fn opened(&mut self, unit: UnitId) {
        if let Screen::Session(session) = &mut self.screen {
            let heard = session.opened(unit);
            self.announce(heard);
        }
    }

    /// A unit could not be opened.
    pub fn failed(&mut self, unit: UnitId, code: ErrorCode) {
        if let Screen::Session(session) = &mut self.screen {
            let heard = session.failed(unit, code);
            self.announce(heard);
        }
    }

    /// The device said no to what was asked for.
    pub fn refused(&mut self) {
        if let Screen::Session(session) = &mut self.screen {
            session.refused();
        }
    }

    /// Time went on: warnings fall due.
    pub fn tick(&mut self, now: Millis) {
        if let Screen::Session(session) = &mut self.screen {
            let heard = session.tick(now);
            self.announce(heard);
        }
    }

    /// What the page draws.
    #[must_use]
    pub fn snapshot(&self, now: Millis) -> Snapshot<'_> {
        let mut snapshot = Snapshot::new(self.announcement.as_ref());
        match &self.screen {
            Screen::Enter(entry) => snapshot.entry(entry),
            Screen::Wait(status) => snapshot.wait(WaitView::new(status, now)),
            Screen::Session(session) => snapshot.session(session.view(now)),
            Screen::Ending => snapshot.ending(),
            Screen::Over { code, session } => snapshot.over(OverView { code: code.slug(), session: *session }),
        }
        snapshot
    }

    fn announce(&mut self, heard: Option<Announcement>) {
        if let Some(mut heard) = heard {
            self.announced = self.announced.wrapping_add(1);
            heard.number = self.announced;
            self.announcement = Some(heard);
        }
    }
}

#[cfg(test)]
mod tests;
