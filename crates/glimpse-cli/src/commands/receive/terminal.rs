//! `glimpse receive` for people: shows the words, opens everything that was lent, and ends the session.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::path::Path;

use glimpse_core::viewer::{Content, Input, Running, State};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_wire::{ErrorCode, UnitId};
use zeroize::Zeroizing;

use super::{Saving, failure_of, finished};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, clean_lines, clean_to, size};

/// Everything that is lent, one after the other.
struct Looking {
    out: Out,
    saving: Option<Saving>,
    told_words: bool,
    waiting: Option<VecDeque<UnitId>>,
    current: Option<UnitId>,
    text: Zeroizing<Vec<u8>>,
    exit: u8,
}

pub(super) async fn run(mut receiver: Receiver, folder: Option<&Path>, out: Out) -> Result<u8, Failure> {
    let mut looking = Looking {
        out,
        saving: folder.map(Saving::new),
        told_words: false,
        waiting: None,
        current: None,
        text: Zeroizing::new(Vec::new()),
        exit: 0,
    };
    loop {
        let input = match receiver.next().await {
            Shown::Ended(ErrorCode::SessionEnded) => return Ok(looking.exit),
            Shown::Ended(code) => return Err(ended(code)),
            Shown::Content(piece) => match receiver.state() {
                State::Session(running) => looking.content(running, &piece)?,
                State::EnterCode { .. } | State::Connecting { .. } | State::Waiting { .. } | State::Ended { .. } => {
                    None
                }
            },
            Shown::Changed => looking.changed(&receiver.state())?,
        };
        if let Some(input) = input {
            receiver.input(input).await;
        }
    }
}

fn ended(code: ErrorCode) -> Failure {
    Failure { exit: finished(code), ..code.into() }
}

impl Looking {
    fn changed(&mut self, state: &State<'_>) -> Result<Option<Input>, Failure> {
        match state {
            State::EnterCode { problem: Some(code) } => Err((*code).into()),
            State::Waiting { words, name, .. } => {
                if !self.told_words {
                    self.told_words = true;
                    let name = if name.is_empty() { "The other side".to_owned() } else { clean_to(name, 60) };
                    self.out.note(&format!("{name} sees two words to pick. Yours are:"));
                    self.out.note(&format!("   {}", self.out.styled(Style::Bold, &words.to_string())));
                }
                Ok(None)
            }
            State::Session(running) => self.session(running),
            State::EnterCode { problem: None } | State::Connecting { .. } | State::Ended { .. } => Ok(None),
        }
    }

    fn session(&mut self, running: &Running) -> Result<Option<Input>, Failure> {
        if self.waiting.is_none() {
            if self.saving.is_some() && !running.may_save() {
                return Err(ErrorCode::NotGranted.into());
            }
            for (_, unit) in running.units() {
                let from = if unit.unapproved {
                    format!("  from {}, not approved", clean(&unit.meta.from))
                } else {
                    String::new()
                };
                let meta = &unit.meta;
                self.out.note(&format!(
                    "{:<7} {:>8}  {}{from}",
                    clean_to(&meta.kind, 7),
                    size(meta.length),
                    clean_to(&meta.title, 60)
                ));
            }
            self.waiting = Some(running.units().map(|(id, _)| id).collect());
            return Ok(Some(self.next()));
        }
        let failed = self.current.and_then(|unit| failure_of(running, unit));
        let Some(code) = failed else { return Ok(None) };
        let failure = Failure::from(code);
        self.exit = failure.exit;
        self.out.report(&failure, None)?;
        self.text.clear();
        Ok(Some(self.next()))
    }

    /// The next unit, or the end.
    fn next(&mut self) -> Input {
        self.current = self.waiting.as_mut().and_then(VecDeque::pop_front);
        self.current.map_or(Input::End, Input::Open)
    }

    fn content(&mut self, running: &Running, piece: &Content) -> Result<Option<Input>, Failure> {
        if self.current != Some(piece.unit) {
            return Ok(None);
        }
        let Some(unit) = running.unit(&piece.unit) else { return Ok(None) };
        let done = match &mut self.saving {
            Some(saving) => {
                if let Some(path) = saving.take(running, piece)? {
                    self.out.line(&clean(&path.display().to_string()))?;
                }
                piece.last
            }
            None => {
                let is_text = matches!(unit.meta.kind.as_str(), "text" | "json" | "table" | "series" | "fhir");
                if is_text {
                    self.text.extend_from_slice(&piece.bytes);
                }
                if piece.last {
                    self.out.note(&format!("\n{}", self.out.styled(Style::Bold, &clean(&unit.meta.title))));
                    if is_text {
                        print(&self.text)?;
                    } else {
                        self.out.note("This is nothing for a terminal. Where saving is allowed, give --out DIR.");
                    }
                    self.text = Zeroizing::new(Vec::new());
                }
                piece.last
            }
        };
        Ok(done.then(|| self.next()))
    }
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() {
        stdout.write_all(clean_lines(&String::from_utf8_lossy(text)).as_bytes())?;
        stdout.write_all(b"\n")?;
    } else {
        stdout.write_all(text)?;
    }
    Ok(stdout.flush()?)
}
