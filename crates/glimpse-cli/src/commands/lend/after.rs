//! After a code that led to nothing: where to report an attempt, and whether to show another code.

use futures_util::future::{Either, select};
use glimpse_wire::SessionId;

use super::keys::{Key, Keys};
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

/// Asks whether to show another code. An unlocked device does not wait for long.
pub(super) async fn again(out: Out) -> Result<Again, Failure> {
    // First the keys: what is pressed as soon as the question stands there must not be taken for a line.
    let mut keys = Keys::start()?;
    out.note("n shows a new code, any other key leaves.");
    let _attending = interrupt::attend();
    let pressed = {
        let pressed = select(Box::pin(keys.next()), Box::pin(interrupt::asked()));
        tokio::time::timeout(out.lock_after(), pressed).await.map(|pressed| match pressed {
            Either::Left((key, _)) => Some(key),
            Either::Right(((), _)) => None,
        })
    };
    match pressed {
        Ok(Some(Key::Char('n' | 'N'))) => Ok(Again::NewCode),
        Ok(_) => Ok(Again::Leave),
        Err(_) => {
            drop(keys);
            Err(Failure::locked())
        }
    }
}
