//! `glimpse org audit`: what the organisation's agents looked at, when and why, as lines for an audit system; and the check of
//! such a file without a network.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use glimpse_core::receipts::audit;
use glimpse_device::api::json as read_json;
use glimpse_device::sessions::{first_terms, lent_by, stopper, told};
use glimpse_wire::account::SignedLink;
use glimpse_wire::api::{AgentSession, AgentSessions, Receipts};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_RECEIPT, MAX_RECEIPTS};
use glimpse_wire::organisation::{Asked, Credential, Note, Outcome, Request};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::Receipt;
use glimpse_wire::{AccountId, AgentId, SessionId, SigningKeyBytes, UnixMillis, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

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

/// One session, as a line of the file. What can be checked is in it byte for byte; the rest is there to be read.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Form of the line.
    version: u8,
    organisation: SigningKeyBytes,
    session: SessionId,
    agent: AgentId,
    issued: UnixMillis,
    expires: UnixMillis,
    /// Why it ended, as the server says.
    ended: Option<String>,
    account: Option<AccountId>,
    /// The account's chain, so that the lender's signatures can be checked.
    chain: Vec<Bytes>,
    receipts: Vec<Bytes>,
    /// What was asked, as the agent left it for this audit.
    asked: Option<Bytes>,
    /// What came of it: a signed outcome.
    outcome: Option<Bytes>,
    /// The same, to be read.
    name: Option<String>,
    case: Option<String>,
    reason: Option<String>,
    words: Option<String>,
}

const VERSION: u8 = 1;

pub(super) async fn export(
    shared: &Shared,
    place: &OrganisationHome,
    asked: &AuditExport,
    out: Out,
) -> Result<u8, Failure> {
    let (state, desk) = place.unlock(shared, out).await?;
    desk.register(&state).await?;
    let mut target = Target::begin(&asked.output, false)?;
    let mut chains = BTreeMap::new();
    let mut before: Option<SessionId> = None;
    let mut sessions = 0usize;
    loop {
        let rest = before.map_or_else(|| "/sessions".to_owned(), |before| format!("/sessions?before={before}"));
        let page: AgentSessions = read_json(desk.ask(&rest).await?, MAX_SESSIONS).await?;
        for session in &page.sessions {
            let line = line_of(&desk, session, &mut chains).await?;
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
    let account = first_terms(&receipts).map(|terms| terms.account);
    if let Some(account) = account
        && !chains.contains_key(&account)
    {
        chains.insert(account, desk.chain(&account).await?);
    }
    let notes = session.notes.iter().filter_map(|note| desk.keys.open_note(&id, note.as_slice()).ok());
    let (mut asked, mut outcome) = (None, None);
    for note in notes {
        match note {
            Note::Asked(said) => asked = Some(said),
            Note::Outcome(signed) => outcome = Some(signed),
        }
    }
    // Only what the Terms commit to is written out to be read.
    let request = first_terms(&receipts).and_then(|terms| asked.as_ref()?.check(&terms).ok());
    Ok(Line {
        version: VERSION,
        organisation: desk.keys.public(),
        session: id,
        agent: session.agent,
        issued: session.issued,
        expires: session.expires,
        ended: session.ended.clone(),
        chain: account.and_then(|account| chains.get(&account).cloned()).unwrap_or_default(),
        account,
        receipts,
        asked: asked.as_ref().map(|asked| Bytes(encode(asked))),
        outcome: outcome.as_ref().map(|outcome| Bytes(encode(outcome))),
        name: request.as_ref().map(|request| request.credential.name.clone()),
        case: request.as_ref().map(|request| request.case.clone()),
        reason: request.as_ref().map(|request| request.reason.clone()),
        words: request.map(|Request { words: [first, second], .. }| format!("{first} {second}")),
    })
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
        match checked(&text, asked.organisation) {
            Ok(session) => {
                held = held.saturating_add(1);
                show(&session, out)?;
            }
            Err(why) => {
                broken = broken.saturating_add(1);
                out.event(&json!({ "event": "broken", "line": number, "why": why }))?;
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
    Ok(0)
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// A session whose proof holds.
struct Checked {
    line: Line,
    request: Option<Request>,
    outcome: Option<Outcome>,
    openings: u64,
    ended: bool,
}

/// What is wrong with a line, in words; or what it proves.
fn checked(text: &str, organisation: Option<SigningKeyBytes>) -> Result<Checked, String> {
    let line: Line = serde_json::from_str(text).map_err(|_| "it is no line of an export".to_owned())?;
    if line.version != VERSION || organisation.is_some_and(|key| key != line.organisation) {
        return Err("it is of another organisation, or of another version".to_owned());
    }
    let terms = first_terms(&line.receipts).ok_or("its first receipt is no grant")?;
    let links: Vec<SignedLink> = line
        .chain
        .iter()
        .map(|link| decode(link.as_slice(), usize::MAX))
        .collect::<Result<_, _>>()
        .map_err(|_| "a link of the account's chain cannot be read")?;
    let chain = Chain::replay(&links).map_err(|_| "the account's chain does not hold")?;
    if Some(chain.account()) != line.account || chain.account() != terms.account {
        return Err("the chain is not that of the account that lent".to_owned());
    }
    let others = |stop: &glimpse_wire::session::Stop| stopper(&chain, stop);
    let lender = chain.members().iter().find(|member| lent_by(&member.device.signing, line.session, &line.receipts));
    let lender = lender.ok_or("receipt 0 does not hold")?;
    if chain.active_at(&lender.id, &terms.head).is_none() {
        return Err("the device that lent did not belong to the account then".to_owned());
    }
    let audit = audit(line.session, &lender.device.signing, &others, &line.receipts)
        .map_err(|broken| format!("receipt {} does not hold", broken.seq))?;
    let request = match &line.asked {
        Some(bytes) => {
            let asked: Asked = decode(bytes.as_slice(), usize::MAX).map_err(|_| "what was asked cannot be read")?;
            let request = asked.check(&terms).map_err(|_| "what was asked is not what the customer granted")?;
            if request.credential.organisation != line.organisation || request.credential.agent != line.agent {
                return Err("somebody else asked than this agent of this organisation".to_owned());
            }
            Some(request)
        }
        None => None,
    };
    let outcome = match &line.outcome {
        Some(bytes) => Some(outcome_of(bytes, &line, request.as_ref().map(|request| &request.credential))?),
        None => None,
    };
    Ok(Checked { request, outcome, openings: audit.openings, ended: audit.ended, line })
}

fn outcome_of(bytes: &Bytes, line: &Line, credential: Option<&Credential>) -> Result<Outcome, String> {
    let signed: glimpse_wire::account::Signed =
        decode(bytes.as_slice(), usize::MAX).map_err(|_| "the outcome cannot be read")?;
    let key = credential.map(|credential| credential.key).ok_or("the outcome stands without what was asked")?;
    let outcome: Outcome =
        signed.open(StatementKind::Outcome, &key).map_err(|_| "the agent did not sign the outcome")?;
    if (outcome.session, outcome.agent, outcome.organisation) != (line.session, line.agent, line.organisation) {
        return Err("the outcome is of another session".to_owned());
    }
    Ok(outcome)
}

fn show(checked: &Checked, out: Out) -> Result<(), Failure> {
    let Checked { line, request, outcome, openings, ended } = checked;
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
        "receipts": events,
        "outcome": outcome.as_ref().map(|outcome| &outcome.text),
    }))?;
    let who = request.as_ref().map_or_else(
        || out.styled(Style::Yellow, "who asked is not proved: the agent left no note"),
        |request| {
            format!("{}, case {}: {}", clean(&request.credential.name), clean(&request.case), clean(&request.reason))
        },
    );
    let end = if *ended { "" } else { ", no end in it" };
    out.line(&format!("{} UTC  {who}  ({}{end})", date(line.issued.0), count(*openings, "opening")))
}
