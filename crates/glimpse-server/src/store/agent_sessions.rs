//! Sessions that agents have had, as their organisation may know of them: who and when, never what.

use glimpse_wire::api::{AgentSession, AgentSessions};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_PAGE, TOMBSTONE_MILLIS};
use glimpse_wire::{AgentId, ErrorCode, SessionId, SigningKeyBytes, UnixMillis};
use sqlx::SqliteConnection;

use super::{AgentOf, Session, Store, fixed, int, nat};
use crate::problem::Answer;

type Row = (Vec<u8>, Vec<u8>, i64, i64, i64, Option<String>, i64);

/// Whether a page of sessions has what the agents left. Only the organisation can open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notes {
    /// All of it; the page ends before it has more than [`MAX_NOTES`].
    All,
    /// None.
    None,
}

/// Notes in one page, in bytes; one session has at most 64 KiB.
const MAX_NOTES: usize = 4 << 20;

impl Store {
    /// A page of the sessions of the agents of an organisation, newest first, from the one after `before`, or from the newest.
    ///
    /// # Errors
    /// `NotFound` where `before` is none of them.
    pub(crate) async fn agent_sessions(
        &self,
        organisation: &SigningKeyBytes,
        before: Option<&SessionId>,
        notes: Notes,
    ) -> Answer<AgentSessions> {
        let mut tx = self.main.begin().await?;
        let before: Option<(i64, Vec<u8>)> = match before {
            None => None,
            Some(session) => {
                let place = sqlx::query_as(
                    "SELECT granted, session FROM agent_sessions WHERE session = ? AND organisation = ?",
                );
                let place =
                    place.bind(session.0.as_slice()).bind(organisation.0.as_slice()).fetch_optional(&mut *tx).await?;
                Some(place.ok_or(ErrorCode::NotFound)?)
            }
        };
        let (granted, session) = before.unwrap_or((i64::MAX, Vec::new()));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT session, agent, issued, expires, units, reason,
                    (SELECT COUNT(*) FROM requests WHERE requests.session = agent_sessions.session AND opened = 1)
             FROM agent_sessions WHERE organisation = ? AND (granted, session) < (?, ?)
             ORDER BY granted DESC, session DESC LIMIT ?",
        )
        .bind(organisation.0.as_slice())
        .bind(granted)
        .bind(session)
        .bind(u32::try_from(MAX_PAGE).unwrap_or(u32::MAX).saturating_add(1))
        .fetch_all(&mut *tx)
        .await?;
        let found = rows.len();
        let mut sessions = Vec::with_capacity(found);
        let mut size = 0_usize;
        for (session, agent, issued, expires, units, ended, opened) in rows.into_iter().take(MAX_PAGE) {
            let notes: Vec<Vec<u8>> = match notes {
                Notes::All => {
                    sqlx::query_scalar("SELECT body FROM agent_notes WHERE session = ? ORDER BY n")
                        .bind(session.as_slice())
                        .fetch_all(&mut *tx)
                        .await?
                }
                Notes::None => Vec::new(),
            };
            size = notes.iter().map(Vec::len).fold(size, usize::saturating_add);
            if size > MAX_NOTES {
                break;
            }
            sessions.push(AgentSession {
                session: SessionId(fixed(&session)?),
                agent: AgentId(fixed(&agent)?),
                issued: UnixMillis(nat(issued)),
                expires: UnixMillis(nat(expires)),
                units: nat(units),
                opened: nat(opened),
                ended,
                notes: notes.into_iter().map(Bytes).collect(),
            });
        }
        let more = found > sessions.len();
        Ok(AgentSessions { sessions, more })
    }

    /// Receipts of a session of an agent of this organisation after number `after`, or from the first.
    ///
    /// # Errors
    /// `NotFound` where its agents had no such session.
    pub(crate) async fn agent_receipts(
        &self,
        organisation: &SigningKeyBytes,
        session: &SessionId,
        after: Option<u64>,
        limit: u32,
    ) -> Answer<Vec<Bytes>> {
        let theirs: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM agent_sessions WHERE session = ? AND organisation = ?")
                .bind(session.0.as_slice())
                .bind(organisation.0.as_slice())
                .fetch_optional(&self.main)
                .await?;
        theirs.ok_or(ErrorCode::NotFound)?;
        let bodies: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?")
                .bind(session.0.as_slice())
                .bind(after.map_or(-1, int))
                .bind(limit)
                .fetch_all(&self.main)
                .await?;
        Ok(bodies.into_iter().map(Bytes).collect())
    }

    /// Takes a note of the agent of that session, once for each number; the same bytes again change nothing.
    ///
    /// # Errors
    /// `NotFound` for a session that was not this agent's, or ended a day ago; `Conflict` for other bytes.
    pub(crate) async fn put_note(
        &self,
        agent: &AgentOf,
        session: &SessionId,
        n: u8,
        body: &[u8],
        now: UnixMillis,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let over: Option<Option<i64>> =
            sqlx::query_scalar("SELECT over FROM agent_sessions WHERE session = ? AND organisation = ? AND agent = ?")
                .bind(session.0.as_slice())
                .bind(agent.organisation.0.as_slice())
                .bind(agent.agent.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        let over = over.ok_or(ErrorCode::NotFound)?;
        if over.is_some_and(|over| now.since(UnixMillis(nat(over))) >= TOMBSTONE_MILLIS) {
            return Err(ErrorCode::NotFound.into());
        }
        let there: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM agent_notes WHERE session = ? AND n = ?")
            .bind(session.0.as_slice())
            .bind(n)
            .fetch_optional(&mut *tx)
            .await?;
        match there {
            Some(there) if there == body => return Ok(()),
            Some(_) => return Err(ErrorCode::Conflict.into()),
            None => {}
        }
        sqlx::query("INSERT INTO agent_notes (session, n, body) VALUES (?, ?, ?)")
            .bind(session.0.as_slice())
            .bind(n)
            .bind(body)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// In the transaction of the receipt that says what was granted: for the organisation whose agent looks, if one does.
pub(super) async fn granted(tx: &mut SqliteConnection, session: &Session) -> Answer<()> {
    let Some(agent) = &session.agent else { return Ok(()) };
    sqlx::query(
        "INSERT INTO agent_sessions (session, account, organisation, agent, granted, issued, expires, units)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (session) DO UPDATE SET expires = excluded.expires, units = excluded.units",
    )
    .bind(session.session.0.as_slice())
    .bind(session.account.0.as_slice())
    .bind(agent.organisation.0.as_slice())
    .bind(agent.agent.0.as_slice())
    .bind(int(session.granted.0))
    .bind(int(session.issued.0))
    .bind(int(session.expires.0))
    .bind(int(session.units))
    .execute(tx)
    .await?;
    Ok(())
}

/// In the transaction of the receipt that says why a session ended.
pub(super) async fn ended(
    tx: &mut SqliteConnection,
    session: &SessionId,
    code: ErrorCode,
    now: UnixMillis,
) -> Answer<()> {
    sqlx::query("UPDATE agent_sessions SET over = ?, reason = ? WHERE session = ? AND over IS NULL")
        .bind(int(now.0))
        .bind(code.slug())
        .bind(session.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}
