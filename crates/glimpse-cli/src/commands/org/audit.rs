//! `glimpse org audit`: what the organisation's agents looked at, when and why, as lines for an audit system; and the check of
//! such a file without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use glimpse_device::api::json as read_json;
use glimpse_device::ledger::{Line, Log, Proved};
use glimpse_device::sessions::{first_terms, told};
use glimpse_wire::api::{AgentSession, AgentSessions, Receipts};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_RECEIPT, MAX_RECEIPTS};
use glimpse_wire::session::Receipt;
use glimpse_wire::{AccountId, SessionId, SigningKeyBytes, decode};
use serde_json::json;

use super::super::receipts::named_by_the_file;
use super::state::{Desk, OrganisationHome};
use crate::args::{AuditExport, AuditVerify, Shared};
use crate::failure::Failure;
use crate::files::Target;
use crate::out::{Out, Style};
use crate::text::{clean, count, date};

/// A page of sessions with their notes, in bytes at most.
const MAX_SESSIONS: usize = 64 * 1024 * 1024;
/// A page of receipts, in bytes.
const MAX_PAGE: usize = 2 * MAX_RECEIPTS * MAX_RECEIPT;
/// One line of a file, in bytes.
const MAX_LINE: u64 = 256 * 1024 * 1024;

pub(super) async fn export(
    shared: &Shared,
    place: &OrganisationHome,
    asked: &AuditExport,
    out: Out,
) -> Result<u8, Failure> {
    let (_, desk) = place.unlock(shared, out).await?;
    let server = {
        let _held = place.lock().await?;
        let mut state = place.state().await?;
        desk.register(&state).await?;
        place.meet_server(&mut state, &desk).await?
    };
    let mut target = Target::begin(&asked.output, false)?;
    let mut chains = BTreeMap::new();
    let mut before: Option<SessionId> = None;
    let mut sessions = 0usize;
    loop {
        let rest = before.map_or_else(|| "/sessions".to_owned(), |before| format!("/sessions?before={before}"));
        let page: AgentSessions = read_json(desk.ask(&rest).await?, MAX_SESSIONS).await?;
        for session in &page.sessions {
            let line = line_of(&desk, server, session, &mut chains).await?;
            let mut text = serde_json::to_string(&line).map_err(|_| unwritten())?;
            text.push('\n');
            target.write(text.as_bytes()).map_err(|error| Failure::output(&asked.output, &error))?;
            sessions = sessions.saturating_add(1);
        }
        before = page.sessions.last().map(|session| session.session);
        if !page.more || before.is_none() {
            break;
        }
    }
    target.finish()?;
    out.event(&json!({ "event": "exported", "sessions": sessions, "file": asked.output.display().to_string() }))?;
    out.line(&format!("{} written to {}.", count(sessions, "session"), clean(&asked.output.display().to_string())))?;
    out.note("`glimpse org audit verify FILE` checks it, on any machine and without a network.");
    Ok(0)
}

async fn line_of(
    desk: &Desk,
    server: SigningKeyBytes,
    session: &AgentSession,
    chains: &mut BTreeMap<AccountId, Vec<Bytes>>,
) -> Result<Line, Failure> {
    let id = session.session;
    let mut receipts: Vec<Bytes> = Vec::new();
    loop {
        let after = receipts.len().checked_sub(1).map_or_else(String::new, |last| format!("?after={last}"));
        let page: Receipts = read_json(desk.ask(&format!("/sessions/{id}/receipts{after}")).await?, MAX_PAGE).await?;
        let empty = page.receipts.is_empty();
        receipts.extend(page.receipts);
        if !page.more || empty {
            break;
        }
    }
    let chain = match first_terms(&receipts).map(|terms| terms.account) {
        Some(account) => match chains.get(&account) {
            Some(chain) => chain.clone(),
            None => chains.entry(account).or_insert(desk.chain(&account).await?).clone(),
        },
        None => Vec::new(),
    };
    let notes = session.notes.iter().filter_map(|note| desk.keys.open_note(&id, note.as_slice()).ok());
    let line = Line::listed(desk.keys.public(), session, server, chain, receipts);
    Ok(line.with_notes(notes))
}

fn unwritten() -> Failure {
    Failure::other("A session could not be written down.", "Report it.")
}

/// Checks a file, line by line, with nothing but what is in it; names what does not hold.
pub(super) fn verify(asked: &AuditVerify, out: Out) -> Result<u8, Failure> {
    let path = &asked.file;
    let file = File::open(path).map_err(|error| Failure::input(path, &error.to_string()))?;
    let mut reader = BufReader::new(file);
    let (mut held, mut broken, mut number) = (0usize, 0usize, 0usize);
    let (mut log, mut servers) = (Log::default(), BTreeSet::new());
    loop {
        let mut text = String::new();
        let read = reader.by_ref().take(MAX_LINE).read_line(&mut text);
        if read.map_err(|error| Failure::input(path, &error.to_string()))? == 0 {
            break;
        }
        number = number.saturating_add(1);
        if text.trim().is_empty() {
            continue;
        }
        match checked(&mut log, &text, asked) {
            Ok(session) => {
                held = held.saturating_add(1);
                servers.extend(session.proved.audit.deleted);
                show(&session, out)?;
            }
            Err((fault, why)) => {
                broken = broken.saturating_add(1);
                out.event(&json!({ "event": "broken", "line": number, "fault": fault, "why": why }))?;
                out.line(&out.styled(Style::Red, &format!("line {number}: {why}")))?;
            }
        }
    }
    out.event(&json!({ "event": "verified", "sessions": held, "broken": broken }))?;
    if broken > 0 {
        return Err(Failure::tampered(
            format!("Of {}, so many do not hold: {broken}.", count(held.saturating_add(broken), "session")),
            format!("The lines are named above, each with its first fault. Ask for {} again.", clean(&name_of(path))),
        ));
    }
    out.note(&out.styled(Style::Green, &format!("Everything in {} holds.", count(held, "session"))));
    if asked.server_key.is_none() {
        for server in &servers {
            out.note(&named_by_the_file(server));
        }
    }
    out.note("Of sessions that were left out a file says nothing.");
    Ok(0)
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// A session whose proof holds.
struct Checked {
    line: Line,
    proved: Proved,
}

/// What is wrong with a line, in a word for programs and in words; or what it proves.
fn checked(log: &mut Log, text: &str, asked: &AuditVerify) -> Result<Checked, (&'static str, String)> {
    let mut line: Line =
        serde_json::from_str(text).map_err(|_| ("unreadable", "it is no line of an export".to_owned()))?;
    line.server = asked.server_key.or(line.server);
    let proved = log.check(&line, asked.organisation.as_ref()).map_err(|fault| (fault.word(), fault.to_string()))?;
    Ok(Checked { line, proved })
}

fn show(checked: &Checked, out: Out) -> Result<(), Failure> {
    let Checked { line, proved: Proved { request, outcome, audit } } = checked;
    let (openings, ended, deleted) = (audit.openings, audit.ended, audit.deleted.is_some());
    let events: Vec<_> = line
        .receipts
        .iter()
        .filter_map(|receipt| decode::<Receipt>(receipt.as_slice(), MAX_RECEIPT).ok())
        .map(|receipt| told(&receipt).0)
        .collect();
    out.event(&json!({
        "event": "session",
        "session": line.session.to_string(),
        "agent": line.agent.to_string(),
        "name": request.as_ref().map(|request| &request.credential.name),
        "case": request.as_ref().map(|request| &request.case),
        "reason": request.as_ref().map(|request| &request.reason),
        "words": request.as_ref().map(|request| request.words.join(" ")),
        "openings": openings,
        "ended": ended,
        "deleted": deleted,
        "server": audit.deleted.map(|server| server.to_string()),
        "receipts": events,
        "outcome": outcome.as_ref().map(|outcome| &outcome.text),
    }))?;
    let who = request.as_ref().map_or_else(
        || out.styled(Style::Yellow, "who asked is not proved: the agent left no note"),
        |request| {
            format!("{}, case {}: {}", clean(&request.credential.name), clean(&request.case), clean(&request.reason))
        },
    );
    let end = match (ended, deleted) {
        (false, _) => ", no end in it",
        (true, false) => ", without the server's word that it was destroyed",
        (true, true) => "",
    };
    out.line(&format!("{} UTC  {who}  ({}{end})", date(line.issued.0), count(openings, "opening")))
}
