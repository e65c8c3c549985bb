//! What is known of live sessions in memory alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use glimpse_wire::{ErrorCode, SessionId, UnixMillis};
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use crate::problem::Answer;

/// Sessions, or accounts, that take turns together; many more than there are cores.
const TURNS: usize = 64;

/// What is known of live sessions in memory alone.
#[derive(Debug)]
pub(crate) struct Lives {
    pub(super) turns: Turns,
    /// Of accounts, so that of grants at one time each sees what lives by the one before.
    pub(super) grants: Turns,
    lives: Mutex<HashMap<SessionId, Life>>,
}

#[derive(Debug)]
struct Life {
    /// When the viewer last did something. A restart counts as such.
    active: UnixMillis,
    /// Cancelled when the session ends, for what goes on beside its turns: uploads and downloads.
    ended: CancellationToken,
}

/// Locks of which each is shared by the ids that begin alike.
#[derive(Debug)]
pub(super) struct Turns([tokio::sync::Mutex<()>; TURNS]);

impl Turns {
    fn new() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::new(())))
    }

    /// Waits for the turn of the id that begins with this byte.
    ///
    /// # Errors
    /// None in practice: the byte is taken modulo their number.
    pub(super) async fn of(&self, byte: u8) -> Answer<MutexGuard<'_, ()>> {
        let turn = self.0.get(usize::from(byte) % TURNS).ok_or(ErrorCode::Internal)?;
        Ok(turn.lock().await)
    }
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self { turns: Turns::new(), grants: Turns::new(), lives: Mutex::default() }
    }

    /// Notes that the viewer did something, if the session lives.
    pub(crate) fn touch(&self, session: &SessionId, now: UnixMillis) {
        if let Some(life) = self.lives().get_mut(session) {
            life.active = now;
        }
    }

    /// What is cancelled when the session ends; if it has ended, it is cancelled.
    pub(crate) fn ended(&self, session: &SessionId) -> CancellationToken {
        let lives = self.lives();
        lives.get(session).map_or_else(
            || {
                let ended = CancellationToken::new();
                ended.cancel();
                ended
            },
            |life| life.ended.clone(),
        )
    }

    /// The caller knows that the session lives.
    pub(super) fn idle_since(&self, session: &SessionId, now: UnixMillis) -> UnixMillis {
        self.lives().entry(*session).or_insert_with(|| Life { active: now, ended: CancellationToken::new() }).active
    }

    /// How many sessions live.
    pub(crate) fn count(&self) -> usize {
        self.lives().len()
    }

    pub(super) fn idle(&self, now: UnixMillis, limit: u64) -> Vec<SessionId> {
        self.lives().iter().filter(|(_, life)| now.since(life.active) >= limit).map(|(id, _)| *id).collect()
    }

    pub(super) fn forget(&self, session: &SessionId) {
        if let Some(life) = self.lives().remove(session) {
            life.ended.cancel();
        }
    }

    fn lives(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Life>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
