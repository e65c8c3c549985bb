//! `glimpse inbox`: what happened to the account, and what waits for a decision.

use glimpse_device::chain::Synced;
use glimpse_device::devices::DeviceEntry;
use glimpse_device::inbox::{Noted, Notice};
use glimpse_wire::DeviceId;
use serde::Serialize;

use super::devices::{argument, find_id};
use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean_to, date};

/// Characters of a pin's name that are shown.
const MAX_PIN: usize = 60;

#[derive(Serialize)]
struct NoticeEvent {
    event: &'static str,
    kind: &'static str,
    at: u64,
    happened_at: Option<u64>,
    read: bool,
    alarm: bool,
    devices: Vec<String>,
    by: Option<String>,
    seq: Option<u64>,
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pinned: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unpinned: Vec<String>,
}

pub(super) async fn run(shared: &Shared, all: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    // What is wrong with the account is in the inbox too: it is shown, and then said.
    let synced = device.sync().await;
    if synced.is_ok() {
        // Which agents look is told beside the rest, and is no condition for it.
        let _noted = device.note_looks().await;
    }
    let notices = device.inbox().await?;
    let names = match &synced {
        Ok(synced) => device.devices(synced),
        Err(_) => device.devices(&Synced { last_names: device.last_names().await?, ..Synced::default() }),
    };
    let shown: Vec<&Noted> = notices.iter().filter(|noted| all || !noted.read).collect();
    for noted in &shown {
        out.event(&event(noted))?;
        let style = if noted.notice.is_alarm() { Style::Red } else { Style::Bold };
        let text = sentence(&noted.notice, &names);
        let when = noted.notice.happened_at().unwrap_or(noted.at);
        out.line(&format!("{} UTC  {}", date(when.0), out.styled(style, &text)))?;
    }
    // What is wrong with the list itself is told by `ls`, and is in the notices above.
    let listing = if synced.is_ok() { Some(device.listing().await) } else { None };
    let waits =
        listing.as_ref().is_some_and(|listing| listing.as_ref().is_ok_and(|listing| !listing.waiting().is_empty()));
    match (shown.is_empty() && !waits, notices.is_empty()) {
        (false, _) => {}
        (true, false) => out.note("Nothing new. `glimpse inbox --all` shows what was read before."),
        (true, true) => out.note("Nothing yet. What other devices do is told here; what this one does is not."),
    }
    device.mark_read().await?;
    synced?;
    if let Some(listing) = listing {
        super::decide::waiting(&listing?, out)?;
    }
    Ok(0)
}

fn event(noted: &Noted) -> NoticeEvent {
    let (mut devices, mut by, mut seq, mut until) = (Vec::new(), None, None, None);
    let (mut added, mut gone) = (Vec::new(), Vec::new());
    let (mut session, mut code) = (None, None);
    let kind = match &noted.notice {
        Notice::Linked { seq: place, device, by: adder, at, held } => {
            (devices, by, seq) = (vec![*device], Some(*adder), Some(*place));
            until = (*held > 0).then(|| at.plus(*held).0);
            "linked"
        }
        Notice::Revoked { seq: place, devices: out, by: who } => {
            (devices, by, seq) = (out.clone(), Some(*who), Some(*place));
            "revoked"
        }
        Notice::Rotated { seq: place, by: who } => {
            (by, seq) = (Some(*who), Some(*place));
            "rotated"
        }
        Notice::PolicyChanged { seq: place, by: who, pinned, unpinned, .. } => {
            (by, seq) = (Some(*who), Some(*place));
            (added, gone) = (pinned.clone().unwrap_or_default(), unpinned.clone().unwrap_or_default());
            "rules-changed"
        }
        Notice::KitChanged { seq: place, by: who, there } => {
            (by, seq) = (Some(*who), Some(*place));
            if *there { "kit-made" } else { "kit-given-up" }
        }
        Notice::Recovered { seq: place, device } => {
            (devices, seq) = (vec![*device], Some(*place));
            "recovered"
        }
        Notice::RecoveryAsked { device, due } => {
            (devices, until) = (vec![*device], Some(due.0));
            "recovery-asked"
        }
        Notice::Doubled { device, .. } => {
            devices = vec![*device];
            "doubled"
        }
        Notice::Forked { by: who, .. } => {
            by = *who;
            "forked"
        }
        Notice::RolledBack { .. } => "rolled-back",
        Notice::AgentLooks { session: of, by: who, .. } => {
            (session, by) = (Some(*of), Some(*who));
            "agent-looks"
        }
        Notice::AgentLooked { session: of, by: who, code: why, .. } => {
            (session, by, code) = (Some(*of), Some(*who), Some(why.slug()));
            "agent-looked"
        }
        Notice::LogBroken { .. } => "log-broken",
        Notice::Undone { seq: place, devices: kept } => {
            (devices, seq) = (kept.clone(), Some(*place));
            "undone"
        }
    };
    NoticeEvent {
        event: "notice",
        kind,
        at: noted.at.0,
        happened_at: noted.notice.happened_at().map(|at| at.0),
        read: noted.read,
        alarm: noted.notice.is_alarm(),
        devices: devices.iter().map(ToString::to_string).collect(),
        by: by.map(|by| by.to_string()),
        seq,
        until,
        session: session.map(|session| session.to_string()),
        code,
        pinned: added,
        unpinned: gone,
    }
}

/// What happened, in a sentence, and what to do where there is something.
fn sentence(notice: &Notice, names: &[DeviceEntry]) -> String {
    let called = |id: &DeviceId| find_id(names, id);
    let is_out = |id: &DeviceId| names.iter().any(|entry| entry.id == *id && entry.until.is_some());
    match notice {
        Notice::Linked { device, by, .. } if is_out(device) => {
            format!("{} was linked by {}. It is out since.", called(device), called(by))
        }
        Notice::Linked { device, by, at, held, .. } if *held > 0 => format!(
            "{} was linked by {} and is held back until {} UTC. If that was not you: glimpse revoke {}",
            called(device),
            called(by),
            date(at.plus(*held).0),
            argument(device)
        ),
        Notice::Linked { device, by, .. } => format!(
            "{} was linked by {}. If that was not you: glimpse revoke {}",
            called(device),
            called(by),
            argument(device)
        ),
        Notice::Revoked { devices, by, .. } => {
            let out: Vec<String> = devices.iter().map(called).collect();
            format!("{} took out {}.", called(by), out.join(", "))
        }
        Notice::Rotated { by, .. } => format!("{} began a new epoch.", called(by)),
        Notice::PolicyChanged { by, pinned, unpinned, .. } => {
            let listed = |names: &Option<Vec<String>>| {
                let names: Vec<String> = names.iter().flatten().map(|name| clean_to(name, MAX_PIN)).collect();
                (!names.is_empty()).then(|| names.join(", "))
            };
            let said = [("pinned", listed(pinned)), ("took away the pin of", listed(unpinned))];
            let said: Vec<String> =
                said.into_iter().filter_map(|(what, names)| Some(format!("{what} {}", names?))).collect();
            let said = if said.is_empty() {
                "changed the account's rules: `glimpse chain` shows them".to_owned()
            } else {
                said.join(" and ")
            };
            format!("{} {said}.", called(by))
        }
        Notice::KitChanged { by, there: true, .. } => {
            format!("{} made a recovery kit. Kits from before are void.", called(by))
        }
        Notice::KitChanged { by, there: false, .. } => format!("{} gave up the recovery kit.", called(by)),
        Notice::Recovered { device, .. } => {
            format!("The recovery kit brought the account back on {}. Every other device is out.", called(device))
        }
        Notice::RecoveryAsked { due, .. } => format!(
            "Somebody holds the recovery kit and can take the account over from {} UTC on. If that is not you: glimpse recovery veto",
            date(due.0)
        ),
        Notice::Doubled { device, .. } if is_out(device) => {
            format!("The state of {} turned up in two places. It is out since.", called(device))
        }
        Notice::Doubled { device, .. } => format!(
            "The state of {} turned up in two places. If you did not put back a copy of it: glimpse revoke {}",
            called(device),
            argument(device)
        ),
        Notice::Forked { by: Some(by), .. } => format!(
            "The account's log of devices has two versions: {} has seen another one. Compare your devices: glimpse chain",
            called(by)
        ),
        Notice::Forked { by: None, .. } => {
            "The account's log of devices has two versions. Compare your devices: glimpse chain".to_owned()
        }
        Notice::RolledBack { ours, length } => format!(
            "The server has {length} links of the account's log; this device has seen {}. See: glimpse chain",
            ours.seq.saturating_add(1)
        ),
        Notice::AgentLooks { session, by, .. } => {
            format!(
                "{} lent to an agent, who looks. To see or end it: glimpse sessions, glimpse end {session}",
                called(by)
            )
        }
        Notice::AgentLooked { session, by, code, .. } => format!(
            "The look of an agent at what {} lent is over ({}). What was opened: glimpse receipts {session}",
            called(by),
            code.slug()
        ),
        Notice::LogBroken { alarm } => format!(
            "The server's list of records is not the one that your devices signed: {alarm}. Nothing is added or lent. \
             Compare your devices: glimpse ls"
        ),
        Notice::Undone { devices, .. } if devices.is_empty() => {
            "What you changed when the connection broke was not done: something else was first. Do it again.".to_owned()
        }
        Notice::Undone { devices, .. } => {
            let kept: Vec<String> =
                devices.iter().map(|id| format!("{}: glimpse revoke {}", called(id), argument(id))).collect();
            format!("Not taken out when the connection broke, as something else was first: {}", kept.join("; "))
        }
    }
}
