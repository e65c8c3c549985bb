//! `glimpse lend --json`: one event a line out, one command a line in. README.md has the table.

use core::cell::RefCell;
use std::collections::BTreeSet;

use futures_channel::mpsc;
use futures_util::future::{Either, select};
use glimpse_core::record::OpenedVersion;
use glimpse_device::Device;
use glimpse_device::lend::{Audience, Command, Ending, Event, Lent, Plan, Withheld};
use glimpse_wire::limits::BLOB_BORDER;
use glimpse_wire::{ErrorCode, RecordId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choose::Choice;
use super::fields::{Wishes, wishes};
use super::screen::agent::{fault_word, why};
use super::{finished, interruptible, next_line, read_lines, viewer_left, without};
use crate::failure::Failure;
use crate::out::Out;

const MINUTE: u64 = 60 * 1000;

/// A command as a program writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Line {
    Approve {
        words: String,
        minutes: Option<u64>,
        save: Option<bool>,
    },
    ApproveAgent {
        minutes: Option<u64>,
        save: Option<bool>,
    },
    Decline,
    Cancel,
    Extend {
        minutes: u64,
    },
    Shorten {
        minutes: u64,
    },
    Add {
        records: Vec<RecordId>,
        #[serde(default)]
        withhold: Vec<String>,
    },
    Allow {
        openings: u32,
    },
    Refuse,
    End,
    HandOver,
}

/// What a line leads to.
#[derive(Debug)]
enum Todo {
    Now(Command),
    /// These records, once it is known what to cut out of them.
    Without(Vec<RecordId>, Vec<String>),
    /// The end of this session, and a code for the same.
    HandOver,
}

impl From<Line> for Todo {
    fn from(line: Line) -> Self {
        Self::Now(match line {
            Line::Add { records, withhold } if withhold.is_empty() => Command::Add { records, withheld: Vec::new() },
            Line::Add { records, withhold } => return Self::Without(records, withhold),
            Line::Approve { words, minutes, save } => {
                Command::Approve { words, millis: minutes.map(|minutes| minutes.saturating_mul(MINUTE)), save }
            }
            Line::ApproveAgent { minutes, save } => {
                Command::ApproveAgent { millis: minutes.map(|minutes| minutes.saturating_mul(MINUTE)), save }
            }
            Line::Decline => Command::Decline,
            Line::Cancel => Command::Cancel,
            Line::Extend { minutes } => Command::Extend { millis: minutes.saturating_mul(MINUTE) },
            Line::Shorten { minutes } => Command::Shorten { millis: minutes.saturating_mul(MINUTE) },
            Line::Allow { openings } => Command::Allow { openings },
            Line::Refuse => Command::Refuse,
            Line::End => Command::End,
            Line::HandOver => return Self::HandOver,
        })
    }
}

#[derive(Serialize)]
struct Record<'l> {
    unit: String,
    record: String,
    title: &'l str,
    kind: &'l str,
    bytes: u64,
    by_key: bool,
    withheld: u32,
}

impl<'l> From<&'l Lent> for Record<'l> {
    fn from(lent: &'l Lent) -> Self {
        Self {
            unit: lent.unit.to_string(),
            record: lent.record.to_string(),
            title: &lent.title,
            kind: &lent.kind,
            bytes: lent.bytes,
            by_key: lent.by_key,
            withheld: lent.withheld,
        }
    }
}

fn records(lent: &[Lent]) -> Vec<Record<'_>> {
    lent.iter().map(Record::from).collect()
}

/// What an approval would lend, as events say it before there is one.
struct Offer {
    records: Vec<Value>,
    by_key: u64,
    save: bool,
    millis: u64,
}

impl From<&Plan> for Offer {
    fn from(plan: &Plan) -> Self {
        let by_key = |record: &&OpenedVersion| record.meta().length > BLOB_BORDER;
        let records = plan.records.iter().map(|record| {
            let meta = record.meta();
            json!({
                "record": record.envelope().header.record.to_string(),
                "title": meta.title,
                "kind": meta.kind,
                "bytes": meta.length,
                "by_key": by_key(&record),
                "withheld": plan
                    .withheld
                    .iter()
                    .find(|withheld| withheld.record() == record.envelope().header.record)
                    .map_or(0, Withheld::fields),
            })
        });
        Self {
            records: records.collect(),
            by_key: u64::try_from(plan.records.iter().filter(by_key).count()).unwrap_or(u64::MAX),
            save: plan.save,
            millis: plan.millis,
        }
    }
}

impl Offer {
    fn in_event(&self, event: Value) -> Value {
        with(
            event,
            &[
                ("count", json!(self.records.len())),
                ("records", json!(self.records)),
                ("by_key", json!(self.by_key)),
                ("save", json!(self.save)),
                ("millis", json!(self.millis)),
            ],
        )
    }
}

/// Shows a code and lends; after a hand-over once more, the same.
pub(super) async fn run(device: &Device, mut choice: Choice, out: Out) -> Result<u8, Failure> {
    let mut lines = read_lines();
    loop {
        let plan = choice.plan(device, out).await?;
        let (ending, ran) = one_code(device, plan, &mut lines, out).await?;
        out.event(&json!({
            "event": "ended",
            "session": ending.session.to_string(),
            "code": ending.code.slug(),
            "message": ending.code.happened(),
            "openings": ending.audit.as_ref().map_or(0, |audit| audit.openings),
            "refusals": ending.audit.as_ref().map_or(0, |audit| audit.refusals),
            "verified": ending.audit.is_some(),
            "missing_receipt": ending.missing,
            "told": ending.told,
            "ended_by": ending.audit.as_ref().and_then(|audit| audit.stopped_by).map(|device| device.to_string()),
            "handed_over": ran.handed_over,
        }))?;
        if !ran.handed_over {
            return Ok(finished(&ending));
        }
        choice.extend(ran.lent, ran.less);
    }
}

/// What became of one code, beside the end of its session.
#[derive(Default)]
struct Ran {
    granted: bool,
    /// Whether the same is to be lent once more.
    handed_over: bool,
    lent: BTreeSet<RecordId>,
    /// What was withheld of what was lent on top.
    less: Wishes,
}

async fn one_code(
    device: &Device,
    plan: Plan,
    lines: &mut mpsc::UnboundedReceiver<String>,
    out: Out,
) -> Result<(Ending, Ran), Failure> {
    let (todo, mut commands) = mpsc::unbounded();
    let mut broken = None;
    let offer = Offer::from(&plan);
    let to_agent = plan.to == Audience::Agent;
    let ran = RefCell::new(Ran::default());
    let ended = {
        let mut show = |event| {
            if let Event::Granted { records: lent, .. } | Event::Changed { added: lent, .. } = &event {
                let mut ran = ran.borrow_mut();
                ran.granted = true;
                ran.lent.extend(lent.iter().map(|lent| lent.record));
            }
            // An event that nobody reads ends the command, and with it the session.
            if broken.is_none()
                && let Err(failure) = out.event(&described(event, &offer))
            {
                broken = Some(failure);
                drop(todo.unbounded_send(Command::End));
            }
        };
        let lending = device.lend(plan, &mut commands, &mut show);
        let reading = async {
            loop {
                let line = next_line(lines).await;
                match serde_json::from_str::<Line>(&line) {
                    Ok(line) => match line.into() {
                        Todo::Now(command) => drop(todo.unbounded_send(command)),
                        Todo::Without(records, given) => match less(device, &records, &given, out).await {
                            Ok((wishes, withheld)) => {
                                ran.borrow_mut().less.extend(wishes);
                                drop(todo.unbounded_send(Command::Add { records, withheld }));
                            }
                            Err(failure) => drop(out.report(&failure, None)),
                        },
                        Todo::HandOver if to_agent && ran.borrow().granted => {
                            ran.borrow_mut().handed_over = true;
                            drop(todo.unbounded_send(Command::End));
                        }
                        Todo::HandOver => drop(out.report(&no_agent_looks(), None)),
                    },
                    Err(_) if line.trim().is_empty() => {}
                    Err(error) => {
                        let failure = Failure::usage(
                            format!("This line is no command: {error}."),
                            "Nothing was done. The table of commands is in README.md.",
                        );
                        drop(out.report(&failure, None));
                    }
                }
            }
        };
        let attended = async {
            futures_util::pin_mut!(lending, reading);
            match select(lending, reading).await {
                Either::Left((ended, _)) => ended,
                Either::Right((never, _)) => never,
            }
        };
        // Nobody takes it any more: then it is ending already. Who interrupts wants no other code.
        interruptible(attended, || {
            ran.borrow_mut().handed_over = false;
            drop(todo.unbounded_send(Command::End));
        })
        .await
    };
    if let Some(failure) = broken {
        return Err(failure);
    }
    let ran = ran.into_inner();
    let ending = ended.map_err(|error| match error.code() {
        Some(ErrorCode::SessionEnded) if !ran.granted => viewer_left(),
        Some(_) | None => error.into(),
    })?;
    Ok((ending, ran))
}

/// A hand-over where there is nothing to hand over.
fn no_agent_looks() -> Failure {
    Failure::usage("Only what an agent looks at is handed over, and none does.", "Nothing was done.")
}

/// What to cut out of records that are lent on top.
async fn less(
    device: &Device,
    records: &[RecordId],
    given: &[String],
    out: Out,
) -> Result<(Wishes, Vec<Withheld>), Failure> {
    let wishes = wishes(given, &device.listing().await?, records)?;
    let withheld = without(device, records.to_vec(), &wishes, out).await?;
    Ok((wishes, withheld))
}

fn described(event: Event, offer: &Offer) -> Value {
    match event {
        Event::Code { code, site, expires_in } => {
            offer.in_event(json!({ "event": "code", "code": code.as_str(), "site": site, "expires_in": expires_in }))
        }
        Event::Connecting => json!({ "event": "connecting" }),
        Event::Peer { session, peer, words, expires_in } => offer.in_event(json!({
            "event": "peer",
            "session": session.to_string(),
            "origin": peer.origin,
            "build": peer.build,
            "program": peer.program,
            "case": peer.case,
            "reason": peer.reason,
            "words": words.map(|words| words.to_string()),
            "expires_in": expires_in,
        })),
        Event::Agent { session, peer, agent, words, expires_in } => offer.in_event(json!({
            "event": "agent",
            "session": session.to_string(),
            "organisation": agent.organisation,
            "key": agent.key.to_string(),
            "name": agent.name,
            "credential_until": agent.until,
            "case": peer.case,
            "reason": peer.reason,
            "origin": peer.origin,
            "program": peer.program,
            "words": words.to_string(),
            "expires_in": expires_in,
        })),
        Event::NoAgent { peer, fault } => json!({
            "event": "no-agent",
            "fault": fault_word(fault),
            "message": why(fault),
            "case": peer.case,
            "reason": peer.reason,
            "origin": peer.origin,
            "program": peer.program,
        }),
        Event::Granted { session, expires, expires_in, budget, records: lent } => json!({
            "event": "granted",
            "session": session.to_string(),
            "expires_at": expires,
            "expires_in": expires_in,
            "budget": budget,
            "records": records(&lent),
        }),
        Event::Changed { expires, expires_in, budget, added } => json!({
            "event": "changed", "expires_at": expires, "expires_in": expires_in, "budget": budget,
            "records": records(&added),
        }),
        Event::Ready(lent) => about("ready", &lent),
        Event::Viewing(lent) => about("viewing", &lent),
        Event::Unavailable { lent, code } => with(about("unavailable", &lent), &[("code", json!(code.slug()))]),
        Event::Opened { lent, seq, at } => with(about("opened", &lent), &[("seq", json!(seq)), ("at", json!(at))]),
        Event::Spent { budget } => json!({ "event": "spent", "budget": budget }),
        Event::Refused { unit, code, seq } => {
            json!({ "event": "refused", "unit": unit.to_string(), "code": code.slug(), "seq": seq })
        }
        Event::AskedTime { minutes } => json!({ "event": "asked", "what": "time", "minutes": minutes }),
        Event::AskedRecord { text } => json!({ "event": "asked", "what": "record", "text": text }),
        Event::NotChanged(error) => {
            let code = error.code().unwrap_or(ErrorCode::Internal);
            let failure = Failure::from(error);
            json!({ "event": "not-changed", "code": code.slug(), "message": failure.message, "next": failure.next })
        }
        Event::Connection { up } => json!({ "event": "connection", "up": up }),
        Event::Viewer { present } => json!({ "event": "viewer", "present": present }),
        Event::Crowded => json!({ "event": "crowded" }),
    }
}

fn about(event: &str, lent: &Lent) -> Value {
    json!({
        "event": event,
        "unit": lent.unit.to_string(),
        "record": lent.record.to_string(),
        "title": lent.title,
    })
}

fn with(mut event: Value, fields: &[(&str, Value)]) -> Value {
    if let Some(object) = event.as_object_mut() {
        object.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_the_table_says() {
        let read = |line: &str| {
            serde_json::from_str::<Line>(line).map(|line| match Todo::from(line) {
                Todo::Now(command) => command,
                Todo::Without(..) | Todo::HandOver => panic!("{line}", line = "no command of the library"),
            })
        };
        assert!(matches!(
            read(r#"{"do":"approve","words":"apple river","minutes":5,"save":true,"later":1}"#),
            Ok(Command::Approve { words, millis: Some(300_000), save: Some(true) }) if words == "apple river"
        ));
        assert!(matches!(
            read(r#"{"do":"approve","words":"a b"}"#),
            Ok(Command::Approve { millis: None, save: None, .. })
        ));
        assert!(matches!(read(r#"{"do":"extend","minutes":15}"#), Ok(Command::Extend { millis: 900_000 })));
        assert!(matches!(read(r#"{"do":"shorten","minutes":0}"#), Ok(Command::Shorten { millis: 0 })));
        assert!(
            matches!(read(r#"{"do":"add","records":["AAAAAAAAAAAAAAAAAAAAAA"]}"#), Ok(Command::Add { records, withheld }) if records.len() == 1 && withheld.is_empty())
        );
        assert!(matches!(read(r#"{"do":"allow","openings":64}"#), Ok(Command::Allow { openings: 64 })));
        for (line, expected) in [("decline", "Decline"), ("cancel", "Cancel"), ("refuse", "Refuse"), ("end", "End")] {
            assert_eq!(format!("{:?}", read(&format!(r#"{{"do":"{line}"}}"#)).unwrap()), expected);
        }
        let add = r#"{"do":"add","records":["AAAAAAAAAAAAAAAAAAAAAA"],"withhold":["AAA:/name"]}"#;
        let todo = serde_json::from_str::<Line>(add).map(Todo::from);
        assert!(matches!(todo, Ok(Todo::Without(records, given)) if records.len() == 1 && given == ["AAA:/name"]));
        assert!(matches!(
            serde_json::from_str(r#"{"do":"hand-over"}"#).map(<Line as Into<Todo>>::into),
            Ok(Todo::HandOver)
        ));
        // An approval without words is none.
        for wrong in [
            r#"{"do":"approve"}"#,
            r#"{"do":"add","records":["../x"]}"#,
            r#"{"do":"allow","openings":-1}"#,
            r#"{"do":"explode"}"#,
            "yes",
            "[]",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
