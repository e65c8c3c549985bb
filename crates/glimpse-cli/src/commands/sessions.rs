//! `glimpse sessions`

use glimpse_device::Device;
use glimpse_wire::api::SessionSummary;
use serde::Serialize;

use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, count, date};

#[derive(Serialize)]
struct SessionEvent<'s> {
    event: &'static str,
    session: String,
    issued_at: u64,
    expires_at: u64,
    units: u64,
    opened: u64,
    ended: Option<&'s str>,
}

pub(super) async fn run(shared: &Shared, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let sessions = device.sessions().await?;
    for session in &sessions {
        out.event(&SessionEvent {
            event: "session",
            session: session.session.to_string(),
            issued_at: session.issued.0,
            expires_at: session.expires.0,
            units: session.units,
            opened: session.opened,
            ended: session.ended.as_deref(),
        })?;
        let state = match &session.ended {
            None => out.styled(Style::Green, &format!("runs until {} UTC", date(session.expires.0))),
            Some(code) => clean(code),
        };
        out.line(&format!(
            "{}  {} UTC  {}, {}  {state}",
            session.session,
            date(session.issued.0),
            count(session.units, "record"),
            count(session.opened, "opening")
        ))?;
    }
    if sessions.is_empty() {
        out.note("No session runs, and none ended today.");
    }
    Ok(0)
}

/// The session whose id begins with `prefix`.
pub(super) fn find<'s>(sessions: &'s [SessionSummary], prefix: &str) -> Result<&'s SessionSummary, Failure> {
    let mut found = sessions.iter().filter(|session| session.session.to_string().starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(session), None) => Ok(session),
        (None, _) => Err(Failure::not_there(
            format!("No session has an id that begins with {}.", clean(prefix)),
            "`glimpse sessions` shows which there are.",
        )),
        (Some(_), Some(_)) => Err(Failure::not_there(
            format!("Several sessions have an id that begins with {}.", clean(prefix)),
            "Give more of it.",
        )),
    }
}

/// Those that run.
pub(super) async fn running(device: &Device) -> Result<Vec<SessionSummary>, Failure> {
    let sessions = device.sessions().await?;
    Ok(sessions.into_iter().filter(|session| session.ended.is_none()).collect())
}
