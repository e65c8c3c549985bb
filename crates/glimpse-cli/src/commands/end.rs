//! `glimpse end`: ends sessions, whichever process runs them.

use serde::Serialize;

use super::sessions::{find, running};
use crate::args::{End, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::Out;

#[derive(Serialize)]
struct Ended {
    event: &'static str,
    session: String,
}

pub(super) async fn run(shared: &Shared, end: &End, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let running = running(&device).await?;
    let chosen = if end.sessions.is_empty() {
        running.iter().collect()
    } else {
        end.sessions.iter().map(|prefix| find(&running, prefix)).collect::<Result<Vec<_>, _>>()?
    };
    for session in &chosen {
        device.end_session(session.session).await?;
        out.event(&Ended { event: "end", session: session.session.to_string() })?;
        out.line(&format!("{} ended", session.session))?;
    }
    if chosen.is_empty() {
        out.note("No session runs.");
    }
    Ok(0)
}
