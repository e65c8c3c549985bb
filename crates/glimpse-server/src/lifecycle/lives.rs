//! What is known of live sessions in memory alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use glimpse_wire::{SessionId, UnixMillis};
use tokio_util::sync::CancellationToken;

/// Sessions that take turns together; many more than there are cores.
pub(super) const TURNS: usize = 64;

/// What is known of live sessions in memory alone.
#[derive(Debug)]
pub(crate) struct Lives {
    pub(super) turns: Vec<tokio::sync::Mutex<()>>,
    lives: Mutex<HashMap<SessionId, Life>>,
}

#[derive(Debug)]
struct Life {
    /// When the viewer last did something. A restart counts as such.
    active: UnixMillis,
    /// Cancelled when the session ends, for what goes on beside its turns: uploads and downloads.
    ended: CancellationToken,
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self { turns: (0..TURNS).map(|_| tokio::sync::Mutex::new(())).collect(), lives: Mutex::default() }
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
