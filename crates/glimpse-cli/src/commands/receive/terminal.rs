//! `glimpse receive` for people: shows the words, opens everything that was lent, and ends the session.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::path::Path;

use futures_util::{FutureExt, select_biased};
use glimpse_core::session::viewer::Provenance;
use glimpse_core::viewer::{Content, Input, Running, State};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_wire::{ErrorCode, UnitId};
use indicatif::ProgressBar;
use zeroize::Zeroizing;

use super::{Saving, failure_of, finished, left, not_to_save};
use crate::commands::add::progress;
use crate::failure::Failure;
use crate::interrupt;
use crate::out::{Out, Style};
use crate::text::{clean, clean_lines, clean_to, count, kind, size};

/// Everything that is lent, one after the other.
struct Looking {
    out: Out,
    saving: Option<Saving>,
    told_words: bool,
    /// The person here asked for the end.
    leaving: bool,
    /// The wish was to save, and looking is all that is allowed.
    refused: bool,
    waiting: Option<VecDeque<UnitId>>,
    current: Option<UnitId>,
    text: Zeroizing<Vec<u8>>,
    bar: ProgressBar,
    lent: usize,
    received: usize,
    exit: u8,
}

pub(super) async fn run(mut receiver: Receiver, folder: Option<&Path>, out: Out) -> Result<u8, Failure> {
    let mut looking = Looking {
        out,
        saving: folder.map(Saving::new),
        told_words: false,
        leaving: false,
        refused: false,
        waiting: None,
        current: None,
        text: Zeroizing::new(Vec::new()),
        bar: ProgressBar::hidden(),
        lent: 0,
        received: 0,
        exit: 0,
    };
    // Listened to all the time: a signal between two looks must not be lost.
    let mut stop = std::pin::pin!(interrupt::asked().fuse());
    let _attending = interrupt::attend();
    loop {
        while let Some(shown) = receiver.show() {
            let input = match shown {
                Shown::Ended(code) => return looking.ended(code),
                Shown::Content(piece) => {
                    let input = match receiver.state() {
                        State::Session(running) => looking.content(running, &piece)?,
                        State::EnterCode { .. }
                        | State::Connecting { .. }
                        | State::Waiting { .. }
                        | State::Ended { .. } => None,
                    };
                    // Nobody is idle while content comes, however long it takes.
                    Some(input.unwrap_or(Input::Touched))
                }
                Shown::Changed => looking.changed(&receiver.state())?,
            };
            if let Some(input) = input {
                receiver.input(input).await;
            }
        }
        let arrived = select_biased! {
            arrived = receiver.wait().fuse() => Some(arrived),
            () = stop => None,
        };
        match arrived {
            Some(arrived) => receiver.take(arrived).await,
            // The lender hears that it is over.
            None => {
                // The terminal has shown what was pressed.
                out.note("");
                looking.leaving = true;
                receiver.input(Input::End).await;
            }
        }
    }
}

/// What came, where the session ended before everything did.
fn cut_short(code: ErrorCode, received: usize, lent: usize) -> Failure {
    let failure = Failure::from(code);
    let message = format!("{} {received} of {} received.", failure.message, count(lent, "record"));
    Failure { message, ..failure }
}

impl Looking {
    /// Success only when everything that was lent has come.
    fn ended(&self, code: ErrorCode) -> Result<u8, Failure> {
        self.bar.finish_and_clear();
        if self.refused {
            return Err(not_to_save());
        }
        if self.waiting.is_none() {
            return Err(if self.leaving { left() } else { code.into() });
        }
        if self.received < self.lent {
            let failure = cut_short(code, self.received, self.lent);
            // What kept a record back says more than the end, which this side asked for then.
            return Err(if self.exit == 0 { failure } else { Failure { exit: self.exit, ..failure } });
        }
        match finished(code) {
            0 => Ok(0),
            _ => Err(code.into()),
        }
    }

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
                // The lender hears that it is over.
                self.refused = true;
                self.waiting = Some(VecDeque::new());
                return Ok(Some(Input::End));
            }
            for (_, unit) in running.units() {
                let from = match unit.provenance {
                    Provenance::Owner => String::new(),
                    Provenance::Unapproved => format!("  from {}, not approved", clean(&unit.meta.from)),
                    Provenance::Approved => format!("  from {}", clean(&unit.meta.from)),
                };
                let withheld = if unit.withheld > 0 {
                    format!("  {} withheld", count(unit.withheld, "field"))
                } else {
                    String::new()
                };
                let meta = &unit.meta;
                self.out.note(&format!(
                    "{:<7} {:>8}  {}{from}{withheld}",
                    kind(&meta.kind),
                    size(meta.length),
                    clean_to(&meta.title, 60)
                ));
            }
            let waiting: VecDeque<UnitId> = running.units().map(|(id, _)| id).collect();
            self.lent = waiting.len();
            self.waiting = Some(waiting);
            return Ok(Some(self.next()));
        }
        let failed = self.current.and_then(|unit| failure_of(running, unit));
        let Some(code) = failed else { return Ok(None) };
        let failure = Failure::from(code);
        self.exit = failure.exit;
        self.bar.finish_and_clear();
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
        if piece.offset == 0 {
            self.bar = progress(piece.total, &unit.meta.title, self.out);
        }
        self.bar.set_position(piece.offset.saturating_add(u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX)));
        if piece.last {
            self.bar.finish_and_clear();
            self.received = self.received.saturating_add(1);
        }
        let done = match &mut self.saving {
            Some(saving) => {
                if let Some(path) = saving.take(running, piece)? {
                    self.out.whole_line(&clean(&path.display().to_string()))?;
                }
                piece.last
            }
            None => {
                let is_text = matches!(kind(&unit.meta.kind), "text" | "json" | "table" | "series" | "fhir");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_ends_a_session_in_the_middle_is_no_success() {
        for code in
            [ErrorCode::SessionEnded, ErrorCode::SessionExpired, ErrorCode::SessionRevoked, ErrorCode::SessionIdle]
        {
            let failure = cut_short(code, 1, 3);
            assert_eq!((failure.exit, failure.code.as_str()), (10, code.slug()));
            assert!(failure.message.ends_with("1 of 3 records received."), "{}", failure.message);
        }
    }
}
