//! After a code that led to nothing: where to report an attempt, and whether to show another code.

use futures_util::future::{Either, select};
use glimpse_wire::SessionId;

use super::keys::{Key, Keys};
use super::report::Report;
use crate::failure::Failure;
use crate::interrupt;
use crate::out::Out;
use crate::text::date;

/// Where to tell of an attempt, and what to say. `server` is clean.
pub(super) fn report(server: &str, session: Option<SessionId>, out: Out) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0);
    let session = session.map_or_else(|| "none was begun".to_owned(), |session| session.to_string());
    out.note("If somebody else was at work, report it to whoever runs the server, and quote:");
    out.note(&format!("   server   {server}"));
    out.note(&format!("   session  {session}"));
    out.note(&format!("   time     {} UTC", date(now)));
    out.note("Nobody needs the code or the words for that. A weakness of Glimpse itself: see its SECURITY.md.");
}

/// What to do after a code that led to nothing.
pub(super) enum Again {
    NewCode,
    Leave,
}

/// Asks whether to show another code, and offers a report where there is something to report. An unlocked device does not wait
/// for long.
pub(super) async fn again(out: Out, about: Option<&Report>) -> Result<Again, Failure> {
    let report = if about.is_some() { "w writes a report about whoever asked, " } else { "" };
    loop {
        return Ok(match (pressed(&format!("n shows a new code, {report}any other key leaves."), out).await?, about) {
            (Some(Key::Char('n' | 'N')), _) => Again::NewCode,
            (Some(Key::Char('w' | 'W')), Some(about)) => {
                out.note(&about.keep());
                continue;
            }
            _ => Again::Leave,
        });
    }
}

/// Asks whether an agent's colleague is to get the same, by a code of their own.
pub(super) async fn colleague(out: Out) -> Result<bool, Failure> {
    let question = "c shows a code for a colleague, who gets the same once you said yes to them; any other key leaves.";
    // What was lent is over, and so is this command where nobody answers.
    Ok(matches!(pressed(question, out).await, Ok(Some(Key::Char('c' | 'C')))))
}

/// The key that answers a question; nothing where the person was interrupted.
async fn pressed(question: &str, out: Out) -> Result<Option<Key>, Failure> {
    // First the keys: what is pressed as soon as the question stands there must not be taken for a line.
    let mut keys = Keys::start()?;
    out.note(question);
    let _attending = interrupt::attend();
    let pressed = {
        let pressed = select(Box::pin(keys.next()), Box::pin(interrupt::asked()));
        tokio::time::timeout(out.lock_after(), pressed).await.map(|pressed| match pressed {
            Either::Left((key, _)) => Some(key),
            Either::Right(((), _)) => None,
        })
    };
    match pressed {
        Ok(key) => Ok(key),
        Err(_) => {
            drop(keys);
            Err(Failure::locked())
        }
    }
}
