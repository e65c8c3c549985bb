//! `glimpse receive --json`: for programs. README.md has the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64ct::{Base64, Encoding};
use futures_util::{FutureExt, select_biased};
use glimpse_core::session::viewer::Provenance;
use glimpse_core::viewer::{Content, Input, Running, State};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_wire::{ErrorCode, UnitId};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Saving, failure_of, finished, not_to_save};
use crate::commands::lend::{next_line, read_lines};
use crate::failure::{Failure, exit_code};
use crate::out::Out;

/// Content that an event carries, in bytes.
const MAX_IN_EVENT: u64 = 64 * 1024 * 1024;

/// A command as a program writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Line {
    Open { unit: UnitId },
    AskTime { minutes: u32 },
    AskRecord { text: String },
    End,
}

impl From<Line> for Input {
    fn from(line: Line) -> Self {
        match line {
            Line::Open { unit } => Self::Open(unit),
            Line::AskTime { minutes } => Self::AskTime(minutes),
            Line::AskRecord { text } => Self::AskRecord(text),
            Line::End => Self::End,
        }
    }
}

/// What was told so far.
struct Told {
    out: Out,
    saving: Option<Saving>,
    words: bool,
    /// The number of the Terms that were told.
    terms: Option<u32>,
    opening: BTreeMap<UnitId, Zeroizing<Vec<u8>>>,
    failed: BTreeSet<UnitId>,
    /// Units whose whole content came.
    received: usize,
    /// Whether this side ended the session.
    leaving: bool,
    /// Whether this side wanted to save what it may only look at.
    refused: bool,
}

pub(super) async fn run(mut receiver: Receiver, folder: Option<&Path>, out: Out) -> Result<u8, Failure> {
    let mut told = Told {
        out,
        saving: folder.map(Saving::new),
        words: false,
        terms: None,
        opening: BTreeMap::new(),
        failed: BTreeSet::new(),
        received: 0,
        leaving: false,
        refused: false,
    };
    let mut lines = read_lines();
    loop {
        while let Some(shown) = receiver.show() {
            match shown {
                Shown::Ended(_) if told.refused => return Err(not_to_save()),
                Shown::Ended(code) => return told.ended(code),
                Shown::Changed => {
                    told.changed(&receiver.state())?;
                    if told.refused && !told.leaving {
                        // The lender hears that it is over.
                        told.leaving = true;
                        receiver.input(Input::End).await;
                    }
                }
                Shown::Content(piece) => {
                    if let State::Session(running) = receiver.state() {
                        told.content(running, &piece)?;
                    }
                    // Nobody is idle while content comes, however long it takes.
                    receiver.input(Input::Touched).await;
                }
            }
        }
        let line = select_biased! {
            line = next_line(&mut lines).fuse() => Ok(line),
            arrived = receiver.wait().fuse() => Err(arrived),
        };
        match line {
            Err(arrived) => receiver.take(arrived).await,
            Ok(line) => match serde_json::from_str::<Line>(&line) {
                Ok(line) => {
                    if let Line::Open { unit } = &line {
                        told.failed.remove(unit);
                        told.opening.insert(*unit, Zeroizing::new(Vec::new()));
                    }
                    told.leaving |= matches!(line, Line::End);
                    receiver.input(line.into()).await;
                }
                Err(_) if line.trim().is_empty() => {}
                Err(error) => {
                    let failure = Failure::usage(
                        format!("This line is no command: {error}."),
                        "Nothing was done. The table of commands is in README.md.",
                    );
                    out.report(&failure, None)?;
                }
            },
        }
    }
}

impl Told {
    fn ended(&self, code: ErrorCode) -> Result<u8, Failure> {
        let unfinished: Vec<String> = self.opening.keys().map(ToString::to_string).collect();
        // What this side called off is not missed.
        let cut_short = !unfinished.is_empty() && !self.leaving;
        self.out.event(&json!({
            "event": "ended", "code": code.slug(), "message": code.happened(), "received": self.received,
            "unfinished": unfinished,
        }))?;
        Ok(if cut_short { exit_code(code) } else { finished(code) })
    }

    fn changed(&mut self, state: &State<'_>) -> Result<(), Failure> {
        match state {
            State::EnterCode { problem: Some(code) } => Err((*code).into()),
            State::Waiting { words, name, .. } if !self.words => {
                self.words = true;
                self.out.event(&json!({ "event": "words", "words": words.to_string(), "name": name }))
            }
            State::Session(running) => self.session(running),
            State::EnterCode { problem: None }
            | State::Connecting { .. }
            | State::Waiting { .. }
            | State::Ended { .. } => Ok(()),
        }
    }

    fn session(&mut self, running: &Running) -> Result<(), Failure> {
        let terms = running.terms().map(|terms| terms.seq);
        if terms != self.terms {
            let event = if self.terms.is_none() { "granted" } else { "changed" };
            self.terms = terms;
            self.out.event(&granted(event, running))?;
            self.refused |= self.saving.is_some() && !running.may_save();
        }
        let open: Vec<UnitId> = self.opening.keys().copied().collect();
        for unit in open {
            if let Some(code) = failure_of(running, unit)
                && self.failed.insert(unit)
            {
                self.opening.remove(&unit);
                let failure = Failure::from(code);
                self.out.event(&json!({
                    "event": "failed", "unit": unit.to_string(), "code": failure.code, "message": failure.message,
                    "next": failure.next,
                }))?;
            }
        }
        Ok(())
    }

    fn content(&mut self, running: &Running, piece: &Content) -> Result<(), Failure> {
        let Some(unit) = running.unit(&piece.unit) else { return Ok(()) };
        let about = |rest: Value| {
            let mut event = json!({
                "event": "content",
                "unit": piece.unit.to_string(),
                "title": unit.meta.title,
                "content_type": unit.meta.content_type,
                "bytes": piece.total,
            });
            if let (Some(event), Some(rest)) = (event.as_object_mut(), rest.as_object()) {
                event.extend(rest.clone());
            }
            event
        };
        if let Some(saving) = &mut self.saving {
            return match saving.take(running, piece)? {
                Some(path) => {
                    self.opening.remove(&piece.unit);
                    self.received = self.received.saturating_add(1);
                    self.out.event(&about(json!({ "file": path.display().to_string() })))
                }
                None => Ok(()),
            };
        }
        if piece.total > MAX_IN_EVENT {
            return Err(Failure::usage("This record is too large for an event.", "Save it with --out DIR."));
        }
        let Some(content) = self.opening.get_mut(&piece.unit) else { return Ok(()) };
        content.extend_from_slice(&piece.bytes);
        if !piece.last {
            return Ok(());
        }
        let content = self.opening.remove(&piece.unit).unwrap_or_default();
        self.received = self.received.saturating_add(1);
        match core::str::from_utf8(&content) {
            Ok(text) => self.out.event(&about(json!({ "text": text }))),
            Err(_) => self.out.event(&about(json!({ "base64": Base64::encode_string(&content) }))),
        }
    }
}

fn granted(event: &str, running: &Running) -> Value {
    let records: Vec<Value> = running
        .units()
        .map(|(id, unit)| {
            json!({
                "unit": id.to_string(),
                "title": unit.meta.title,
                "kind": unit.meta.kind,
                "content_type": unit.meta.content_type,
                "bytes": unit.meta.length,
                "from": unit.provenance.is_written().then_some(&unit.meta.from),
                "approved": unit.provenance.is_written().then_some(unit.provenance == Provenance::Approved),
                "withheld": unit.withheld,
            })
        })
        .collect();
    json!({
        "event": event,
        "session": running.session().to_string(),
        "name": running.lender(),
        "expires_at": running.terms().map(|terms| terms.expires),
        "save": running.may_save(),
        "records": records,
    })
}
