//! Live sessions and tombstones.

use glimpse_wire::limits::TOMBSTONE_MILLIS;
use glimpse_wire::{
    AccountId, DeviceId, ErrorCode, Hash, MailboxId, SessionId, SigningKeyBytes, UnixMillis, account::Signed,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{AgentOf, NewUnit, Store, fixed, int, nat, wipe_log};
use crate::problem::Answer;

/// A session, live or ended.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) session: SessionId,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) mailbox: MailboxId,
    pub(crate) viewer: SigningKeyBytes,
    pub(crate) transcript: Hash,
    /// Number of the newest Terms.
    pub(crate) seq: u32,
    /// Hash of the newest Terms.
    pub(crate) terms: Hash,
    /// Units that all Terms list.
    pub(crate) units: u64,
    pub(crate) budget: u32,
    pub(crate) rate: u32,
    pub(crate) issued: UnixMillis,
    /// When it began, by this server's clock.
    pub(crate) granted: UnixMillis,
    pub(crate) expires: UnixMillis,
    /// What an agent asked; zero where the user's own screen looks.
    pub(crate) asked: Hash,
    /// Which agent looks; none where the user's own screen does.
    pub(crate) agent: Option<AgentOf>,
    /// Why it ended, if it did.
    pub(crate) ended: Option<ErrorCode>,
}

impl Store {
    /// Stores a session with its first Terms, or its next ones.
    pub(crate) async fn put_session(&self, session: &Session, units: &[NewUnit]) -> Answer<()> {
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO sessions (session, account, device, mailbox, viewer, transcript, seq, terms, units, budget, rate,
                                   issued, granted, expires, asked, organisation, agent)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (session) DO UPDATE
             SET seq = excluded.seq, terms = excluded.terms, units = excluded.units, budget = excluded.budget,
                 rate = excluded.rate, expires = excluded.expires",
        )
        .bind(session.session.0.as_slice())
        .bind(session.account.0.as_slice())
        .bind(session.device.0.as_slice())
        .bind(session.mailbox.0.as_slice())
        .bind(session.viewer.0.as_slice())
        .bind(session.transcript.0.as_slice())
        .bind(session.seq)
        .bind(session.terms.0.as_slice())
        .bind(int(session.units))
        .bind(session.budget)
        .bind(session.rate)
        .bind(int(session.issued.0))
        .bind(int(session.granted.0))
        .bind(int(session.expires.0))
        .bind(session.asked.0.as_slice())
        .bind(session.agent.as_ref().map(|agent| agent.organisation.0.as_slice()))
        .bind(session.agent.as_ref().map(|agent| agent.agent.0.as_slice()))
        .execute(&mut *tx)
        .await?;
        for unit in units {
            sqlx::query("INSERT INTO units (session, unit, terms, blob) VALUES (?, ?, ?, ?)")
                .bind(session.session.0.as_slice())
                .bind(unit.unit.0.as_slice())
                .bind(session.terms.0.as_slice())
                .bind(unit.blob.as_ref().map(|h0| h0.0.as_slice()))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A session or its tombstone.
    pub(crate) async fn session(&self, session: &SessionId) -> Answer<Option<Session>> {
        let row = sqlx::query("SELECT * FROM sessions WHERE session = ?")
            .bind(session.0.as_slice())
            .fetch_optional(&self.sessions)
            .await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// The newest sessions of an account, live or ended, newest first.
    pub(crate) async fn sessions_of(&self, account: &AccountId) -> Answer<Vec<Session>> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE account = ? ORDER BY granted DESC LIMIT 500")
            .bind(account.0.as_slice())
            .fetch_all(&self.sessions)
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Live sessions of an account, all of them.
    pub(crate) async fn live_sessions_of(&self, account: &AccountId) -> Answer<Vec<SessionId>> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT session FROM sessions WHERE account = ? AND ended IS NULL")
            .bind(account.0.as_slice())
            .fetch_all(&self.sessions)
            .await?;
        Ok(rows.iter().map(|id| fixed(id).map(SessionId)).collect::<Result<_, _>>()?)
    }

    /// Live sessions of the agents of an organisation, all of them.
    pub(crate) async fn live_sessions_of_agents(&self, organisation: &SigningKeyBytes) -> Answer<Vec<Session>> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE organisation = ? AND ended IS NULL")
            .bind(organisation.0.as_slice())
            .fetch_all(&self.sessions)
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The latest time that an earlier run saw.
    pub(crate) async fn time_seen(&self) -> Answer<Option<UnixMillis>> {
        let seen: Option<i64> = sqlx::query_scalar("SELECT seen FROM clock").fetch_optional(&self.sessions).await?;
        Ok(seen.map(|seen| UnixMillis(nat(seen))))
    }

    /// Notes the time for the next run.
    pub(crate) async fn see_time(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("INSERT OR REPLACE INTO clock (one, seen) VALUES (1, ?)")
            .bind(int(now.0))
            .execute(&self.sessions)
            .await?;
        Ok(())
    }

    /// Live sessions whose time is up.
    pub(crate) async fn overdue(&self, now: UnixMillis) -> Answer<Vec<SessionId>> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT session FROM sessions WHERE ended IS NULL AND expires <= ?")
                .bind(int(now.0))
                .fetch_all(&self.sessions)
                .await?;
        Ok(rows.iter().map(|id| fixed(id).map(SessionId)).collect::<Result<_, _>>()?)
    }

    /// Ended sessions whose destruction a crash or a fault interrupted.
    pub(crate) async fn half_destroyed(&self) -> Answer<Vec<SessionId>> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT session FROM sessions WHERE ended IS NOT NULL AND destroyed = 0")
                .fetch_all(&self.sessions)
                .await?;
        Ok(rows.iter().map(|id| fixed(id).map(SessionId)).collect::<Result<_, _>>()?)
    }

    /// Live sessions of all accounts.
    pub(crate) async fn live_sessions(&self) -> Answer<Vec<SessionId>> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT session FROM sessions WHERE ended IS NULL").fetch_all(&self.sessions).await?;
        Ok(rows.iter().map(|id| fixed(id).map(SessionId)).collect::<Result<_, _>>()?)
    }

    /// Turns a session into its tombstone. From here on everyone is told `reason`, whatever else happens; the first reason stays.
    /// True when it lived until now.
    pub(crate) async fn mark_ended(
        &self,
        session: &SessionId,
        reason: ErrorCode,
        statement: Option<&Signed>,
        now: UnixMillis,
    ) -> Answer<bool> {
        let ended = sqlx::query(
            "UPDATE sessions SET ended = ?, reason = ?, statement = ?, signature = ? WHERE session = ? AND ended IS NULL",
        )
        .bind(int(now.0))
        .bind(reason.slug())
        .bind(statement.map(|signed| signed.statement.as_slice()))
        .bind(statement.map(|signed| signed.signature.0.as_slice()))
        .bind(session.0.as_slice())
        .execute(&self.sessions)
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// The signed End of a tombstone, if somebody signed one.
    pub(crate) async fn end_statement(&self, session: &SessionId) -> Answer<Option<(Vec<u8>, [u8; 64])>> {
        type Row = (Option<Vec<u8>>, Option<Vec<u8>>);
        let row: Option<Row> = sqlx::query_as("SELECT statement, signature FROM sessions WHERE session = ?")
            .bind(session.0.as_slice())
            .fetch_optional(&self.sessions)
            .await?;
        match row {
            Some((Some(statement), Some(signature))) => Ok(Some((statement, fixed(&signature)?))),
            Some(_) | None => Ok(None),
        }
    }

    /// Notes that nothing of an ended session is left but its tombstone.
    pub(crate) async fn mark_destroyed(&self, session: &SessionId) -> Answer<()> {
        sqlx::query("UPDATE sessions SET destroyed = 1, statement = NULL, signature = NULL WHERE session = ?")
            .bind(session.0.as_slice())
            .execute(&self.sessions)
            .await?;
        Ok(())
    }

    /// Keeps the mailboxes of live sessions for the time of a restart.
    pub(crate) async fn keep_mailboxes(&self, kept: &[(SessionId, Vec<u8>)]) -> Answer<()> {
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        for (session, body) in kept {
            sqlx::query(
                "INSERT OR REPLACE INTO kept_mailboxes (session, body)
                 SELECT session, ? FROM sessions WHERE session = ? AND ended IS NULL",
            )
            .bind(body)
            .bind(session.0.as_slice())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Takes the kept mailboxes back: each is good for one start.
    pub(crate) async fn take_mailboxes(&self) -> Answer<Vec<Vec<u8>>> {
        let kept = sqlx::query_scalar("DELETE FROM kept_mailboxes RETURNING body").fetch_all(&self.sessions).await?;
        wipe_log(&self.sessions).await?;
        Ok(kept)
    }

    /// Blanks who a tombstone belonged to: its account was deleted, and its viewer is still owed a reason.
    pub(crate) async fn blank_owner(&self, account: &AccountId) -> Answer<()> {
        sqlx::query(
            "UPDATE sessions SET account = zeroblob(32), device = zeroblob(32) WHERE account = ? AND destroyed = 1",
        )
        .bind(account.0.as_slice())
        .execute(&self.sessions)
        .await?;
        Ok(wipe_log(&self.sessions).await?)
    }

    /// Forgets tombstones after a day.
    pub(crate) async fn sweep_tombstones(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("DELETE FROM sessions WHERE destroyed = 1 AND ended <= ?")
            .bind(int(now.0.saturating_sub(TOMBSTONE_MILLIS)))
            .execute(&self.sessions)
            .await?;
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<Session, sqlx::Error> {
    let small =
        |column: &str| -> Result<u32, sqlx::Error> { Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0)) };
    let time = |column: &str| -> Result<UnixMillis, sqlx::Error> { Ok(UnixMillis(nat(row.try_get(column)?))) };
    let reason: Option<&str> = row.try_get("reason")?;
    let agent = match (row.try_get::<Option<&[u8]>, _>("organisation")?, row.try_get::<Option<&[u8]>, _>("agent")?) {
        (Some(organisation), Some(agent)) => Some(AgentOf::read(organisation, agent)?),
        (Some(_) | None, Some(_) | None) => None,
    };
    Ok(Session {
        session: SessionId(fixed(row.try_get("session")?)?),
        account: AccountId(fixed(row.try_get("account")?)?),
        device: DeviceId(fixed(row.try_get("device")?)?),
        mailbox: MailboxId(fixed(row.try_get("mailbox")?)?),
        viewer: SigningKeyBytes(fixed(row.try_get("viewer")?)?),
        transcript: Hash(fixed(row.try_get("transcript")?)?),
        seq: small("seq")?,
        terms: Hash(fixed(row.try_get("terms")?)?),
        units: nat(row.try_get("units")?),
        budget: small("budget")?,
        rate: small("rate")?,
        issued: time("issued")?,
        granted: time("granted")?,
        expires: time("expires")?,
        asked: Hash(fixed(row.try_get("asked")?)?),
        agent,
        ended: reason.map(|slug| slug.parse().unwrap_or(ErrorCode::SessionEnded)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::ScratchFolder;

    #[tokio::test]
    async fn every_live_session_is_found_behind_any_number_of_ended_ones() {
        let folder = ScratchFolder::new().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let account = AccountId([1; 32]);
        let mut session = Session {
            session: SessionId([0; 16]),
            account,
            device: DeviceId([2; 32]),
            mailbox: MailboxId([3; 16]),
            viewer: SigningKeyBytes([4; 32]),
            transcript: Hash([5; 32]),
            seq: 1,
            terms: Hash([6; 32]),
            units: 0,
            budget: 1,
            rate: 1,
            issued: UnixMillis(0),
            granted: UnixMillis(0),
            expires: UnixMillis(1_000_000),
            asked: Hash::ZERO,
            agent: None,
            ended: None,
        };
        store.put_session(&session, &[]).await.expect("stored");
        for number in 1..=501u16 {
            let [high, low] = number.to_be_bytes();
            session.session = SessionId([high, low, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
            session.granted = UnixMillis(number.into());
            store.put_session(&session, &[]).await.expect("stored");
            let now = UnixMillis(1_000);
            store.mark_ended(&session.session, ErrorCode::SessionEnded, None, now).await.expect("ended");
        }
        let newest = store.sessions_of(&account).await.expect("read");
        assert!(newest.iter().all(|session| session.ended.is_some()), "control: the newest are all ended");
        assert_eq!(store.live_sessions_of(&account).await.expect("read"), [SessionId([0; 16])]);
    }
}
