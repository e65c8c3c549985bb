//! `glimpse receipts`: the log of a session, verified.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use glimpse_device::Device;
use glimpse_device::card::ContactCard;
use glimpse_device::evidence::{Evidence, MAX_EVIDENCE, NoEvidence};
use glimpse_device::sessions::{SessionTrail, Verdict, told};
use glimpse_wire::{ErrorCode, SessionId, SigningKeyBytes};
use serde_json::{Value, json};

use super::lend::fault_word;
use super::write::card;
use crate::args::{ReceiptsCommand, ReceiptsOf, Shared};
use crate::failure::{Failure, exit_code};
use crate::files::Target;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, date};

pub(super) async fn run(shared: &Shared, of: &ReceiptsOf, out: Out) -> Result<u8, Failure> {
    if let Some(ReceiptsCommand::Verify(asked)) = &of.command {
        return verify(&asked.file, &card(&asked.card)?, asked.server_key, out);
    }
    let device = home::unlock(shared, out).await?;
    if of.declined {
        return declined(&device, out).await;
    }
    let session = choose(&device, of.session.as_deref()).await?;
    let trail = device.trail(session).await?;
    if let Some(path) = &of.output {
        let mut target = Target::begin(path, false)?;
        target.write(&device.evidence(&trail).await?.to_bytes()).map_err(|error| Failure::output(path, &error))?;
        target.finish()?;
    }
    show(&trail, out)?;
    summary(&trail, out)
}

/// Checks a log that somebody wrote to a file, with nothing but the card of the account that lent.
fn verify(path: &Path, card: &ContactCard, server: Option<SigningKeyBytes>, out: Out) -> Result<u8, Failure> {
    let unreadable = |error: std::io::Error| Failure::input(path, &error.to_string());
    let most = u64::try_from(MAX_EVIDENCE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    let checked = Evidence::parse(&bytes).and_then(|evidence| match server {
        Some(key) => evidence.by_server(key).check(card),
        None => evidence.check(card),
    });
    let trail = checked.map_err(|no| match no {
        NoEvidence::Malformed => Failure::input(path, "it is no log that `glimpse receipts -o` wrote"),
        NoEvidence::OtherAccount => Failure::tampered(
            "This log is not about the account of this card.",
            "Ask its owner for a card of theirs: `glimpse card`. If it is the right one, the log was changed.",
        ),
        NoEvidence::Broken { seq } => Failure::tampered(
            format!("Receipt {seq} does not hold: it, or what comes before it, was changed or left out."),
            "Believe nothing from there on. Ask the lender for the log again.",
        ),
    })?;
    show(&trail, out)?;
    let ended = trail.audit.as_ref().is_some_and(|audit| audit.ended);
    if !ended {
        out.note(
            &out.styled(
                Style::Yellow,
                "The end is not in it: the session ran on, or the last of the log was left out.",
            ),
        );
    }
    if let Some(key) = trail.audit.as_ref().and_then(|audit| audit.deleted).filter(|_| server.is_none()) {
        out.note(&named_by_the_file(&key));
    }
    summary(&trail, out)
}

/// Whose word a deletion is, where nobody named the server's key.
pub(super) fn named_by_the_file(key: &SigningKeyBytes) -> String {
    format!(
        "That it was destroyed is signed by the key {key}, which the file itself names: compare it with the server's, and \
         name it with --server-key."
    )
}

/// From request to decline: what agents asked that came to nothing.
async fn declined(device: &Device, out: Out) -> Result<u8, Failure> {
    let declined = device.declined().await?;
    for request in &declined {
        out.event(&request.event())?;
        let when = date(request.at.0);
        let how = if request.code == ErrorCode::Declined {
            "declined".to_owned()
        } else if request.code == ErrorCode::ApprovalTimedOut {
            "no answer, which means no".to_owned()
        } else {
            format!("came to nothing: {}", request.code.slug())
        };
        match request.request() {
            Ok(asked) => {
                let pinned = device.organisation_name(&asked.credential.organisation);
                let organisation = pinned.unwrap_or_else(|| asked.credential.organisation.to_string());
                let (name, case, reason) = (clean(&asked.credential.name), clean(&asked.case), clean(&asked.reason));
                out.line(&format!("{when} UTC  {how}: {name}, {}", clean(&organisation)))?;
                let [first, second] = asked.words.map(|word| clean(&word));
                out.line(&format!("   case {case}, reason “{reason}”, check words {first} {second}"))?;
            }
            Err(_) => {
                let text = format!("{when} UTC  {how}: who asked is not proved by what is kept here");
                out.line(&out.styled(Style::Yellow, &text))?;
            }
        }
    }
    if declined.is_empty() {
        out.note("No request of an agent was declined on this device.");
    } else {
        out.note("These are kept on this device alone: no session began, and the server has no receipt of them.");
    }
    Ok(0)
}

fn show(trail: &SessionTrail, out: Out) -> Result<(), Failure> {
    match trail.request() {
        Ok(None) => {}
        Ok(Some(request)) => {
            let credential = &request.credential;
            let [first, second] = &request.words;
            out.event(&json!({
                "event": "asked",
                "organisation": credential.organisation.to_string(),
                "agent": credential.agent.to_string(),
                "name": credential.name,
                "case": request.case,
                "reason": request.reason,
                "words": format!("{first} {second}"),
            }))?;
            let (name, case, reason) = (clean(&credential.name), clean(&request.case), clean(&request.reason));
            out.line(&format!(
                "Asked by {name}, for whom the organisation with this key vouched: {}",
                credential.organisation
            ))?;
            out.line(&format!("   case {case}, reason “{reason}”, check words {} {}", clean(first), clean(second)))?;
        }
        Err(fault) => {
            out.event(&json!({ "event": "asked", "fault": fault_word(fault) }))?;
            let text = "An agent asked for this session, and who it was is not proved by what is kept here.";
            out.line(&out.styled(Style::Yellow, text))?;
        }
    }
    for (receipt, event) in trail.decoded()?.iter().zip(trail.events()?) {
        let (what, detail) = told(receipt);
        out.event(&event)?;
        let detail = detail.as_object().map(|detail| {
            detail.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", ")
        });
        let detail = clean(&detail.unwrap_or_default());
        out.line(&format!("{:>4}  {} UTC  {what:<13} {detail}", receipt.seq, date(receipt.at.0)))?;
    }
    Ok(())
}

fn summary(trail: &SessionTrail, out: Out) -> Result<u8, Failure> {
    out.event(&trail.summary())?;
    if trail.audit.as_ref().is_some_and(|audit| audit.ended && audit.deleted.is_none()) {
        let text = "It lacks the server's signed word that what it held of this session was destroyed.";
        out.note(&out.styled(Style::Yellow, text));
    }
    let wrong = match trail.verdict {
        Verdict::Whole => {
            out.note(&out.styled(Style::Green, "Every link and every signature holds."));
            return Ok(0);
        }
        Verdict::NoEnd => {
            let text = "Every link and every signature holds so far. There is no end in it: the session runs, or the rest was cut off.";
            out.note(&out.styled(Style::Yellow, text));
            return Ok(0);
        }
        Verdict::Broken { .. } => "This log does not hold: it was changed, or cut. Tell whoever runs the server.",
        Verdict::Contradicted => {
            "The server gives another log of this session than the one that was kept here, which is shown. Tell whoever runs it."
        }
    };
    out.note(&out.styled(Style::Red, wrong));
    Ok(exit_code(ErrorCode::RecordTampered))
}

/// By the beginning of its id; otherwise the newest.
async fn choose(device: &Device, prefix: Option<&str>) -> Result<SessionId, Failure> {
    let mut known: Vec<SessionId> = device.sessions().await?.iter().map(|session| session.session).collect();
    for kept in device.kept_trails().await? {
        if !known.contains(&kept) {
            known.push(kept);
        }
    }
    let none = || Failure::not_there("There is no log of such a session.", "`glimpse sessions` shows which there are.");
    match prefix {
        None => known.first().copied().ok_or_else(none),
        Some(prefix) => {
            let mut found = known.iter().filter(|session| session.to_string().starts_with(prefix));
            match (found.next(), found.next()) {
                (Some(session), None) => Ok(*session),
                (Some(_), Some(_)) => Err(Failure::not_there("Several sessions have such an id.", "Give more of it.")),
                (None, _) => Err(none()),
            }
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
