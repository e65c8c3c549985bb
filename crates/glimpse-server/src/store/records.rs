//! Records: publish, list, release, delete.

use glimpse_wire::limits::MAX_SESSION_MILLIS;
use glimpse_wire::record::{Change, Deletion, Envelope};
use glimpse_wire::size::sealed;
use glimpse_wire::{ErrorCode, Hash, RecordId, UnixMillis};
use sqlx::SqliteConnection;

use super::devices::belongs;
use super::log::{Leaf, append};
use super::shares::VersionScope;
use super::{SignedIn, Store, fixed, int, links, nat};
use crate::problem::Answer;
use crate::settings::Limits;

/// Releases are kept this long.
const RELEASE_LOG_MILLIS: u64 = 90 * 24 * 60 * 60 * 1000;

/// What the newest entry under a record id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A version by a device of the account.
    Version,
    /// A writer's submission that no device has decided on.
    Pending,
    /// A deletion.
    Deleted,
    /// A writer's submission that a device has approved.
    Approved,
}

impl State {
    /// As the tables and the leaves of the log have it.
    pub(super) fn number(self) -> i64 {
        i64::from(match self {
            Self::Version => Change::VERSION,
            Self::Pending => Change::PENDING,
            Self::Deleted => Change::DELETED,
            Self::Approved => Change::APPROVED,
        })
    }
}

type Row = (i64, i64, i64, Vec<u8>, Vec<u8>);

impl Store {
    /// Publishes a version whose signature the caller has checked and whose share it holds. Content, envelope and the change
    /// of the listing become visible together. The same envelope again gives the same answer. `by` is the device that
    /// publishes, and none for a writer.
    pub(crate) async fn publish(
        &self,
        by: Option<&SignedIn>,
        envelope: &Envelope,
        bytes: &[u8],
        state: State,
        limits: &Limits,
        now: UnixMillis,
    ) -> Answer<u64> {
        let header = &envelope.header;
        let (account, record) = (header.account.0.as_slice(), header.record.0.as_slice());
        let (h0, h1) = (header.h0(), envelope.h1());
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(by) = by {
            belongs(&mut tx, by).await?;
        }
        let before: Option<Row> =
            sqlx::query_as("SELECT seq, state, version, h0, h1 FROM records WHERE account = ? AND record = ?")
                .bind(account)
                .bind(record)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some((seq, _, _, _, there)) = &before
            && *there == h1.0
        {
            return Ok(nat(*seq));
        }
        let follows = match &before {
            None => header.version == 1,
            Some((_, old, version, _, old_h1)) => {
                *old != State::Deleted.number()
                    && state == State::Version
                    && header.version == nat(*version).saturating_add(1)
                    && *old_h1 == header.previous.0
            }
        };
        if !follows {
            return Err(ErrorCode::Conflict.into());
        }
        // A writer cannot know the newest head, and names the one that it was given.
        if state == State::Version {
            links::is_newest(&mut tx, &header.account, &envelope.head).await?;
        }
        adopt_content(&mut tx, envelope, &h0).await?;
        if let Some((_, _, _, old_h0, _)) = &before {
            // A session that lends the older version may still be reading it.
            doom(&mut tx, account, record, old_h0, now.plus(MAX_SESSION_MILLIS)).await?;
        }
        let was = before.as_ref().map(|(_, old, ..)| *old);
        let seq = count(&mut tx, account, was, Some(state), limits).await?;
        sqlx::query(
            "INSERT OR REPLACE INTO records (account, record, seq, state, version, h0, h1, body)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(account)
        .bind(record)
        .bind(seq)
        .bind(state.number())
        .bind(int(header.version))
        .bind(h0.0.as_slice())
        .bind(h1.0.as_slice())
        .bind(bytes)
        .execute(&mut *tx)
        .await?;
        append(&mut tx, account, seq, Leaf { record, version: int(header.version), h1: &h1.0, kind: state }).await?;
        tx.commit().await?;
        self.settle_share(&header.account, &h0).await?;
        Ok(nat(seq))
    }

    /// Counts and logs the release of a record's share, in a transaction that is on disk before the share leaves.
    pub(crate) async fn log_release(
        &self,
        device: &SignedIn,
        record: &RecordId,
        version: u64,
        now: UnixMillis,
    ) -> Answer<VersionScope> {
        let account = &device.account;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, device).await?;
        let h0: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT h0 FROM records WHERE account = ? AND record = ? AND version = ? AND state IN (1, 2, 5)",
        )
        .bind(account.0.as_slice())
        .bind(record.0.as_slice())
        .bind(int(version))
        .fetch_optional(&mut *tx)
        .await?;
        let h0 = h0.ok_or(ErrorCode::NotFound)?;
        sqlx::query("INSERT INTO releases (account, device, record, version, at) VALUES (?, ?, ?, ?, ?)")
            .bind(account.0.as_slice())
            .bind(device.device.0.as_slice())
            .bind(record.0.as_slice())
            .bind(int(version))
            .bind(int(now.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(VersionScope { record: *record, version, h0: Hash(fixed(&h0)?) })
    }

    /// Deletes a record: its entry turns into the signed deletion, and its content and r are doomed with it.
    pub(crate) async fn delete_record(
        &self,
        by: &SignedIn,
        named: &Deletion,
        deletion: &[u8],
        now: UnixMillis,
    ) -> Answer<()> {
        let (account, record) = (&named.account, &named.record);
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let row: Option<Row> =
            sqlx::query_as("SELECT seq, state, version, h0, h1 FROM records WHERE account = ? AND record = ?")
                .bind(account.0.as_slice())
                .bind(record.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        let (_, state, version, h0, h1) = row.ok_or(ErrorCode::NotFound)?;
        if state == State::Deleted.number() {
            return Ok(());
        }
        // A deletion names the version that its signer saw, so that it cannot remove one that they did not.
        if nat(version) != named.version || h1 != named.h1.0 {
            return Err(ErrorCode::Conflict.into());
        }
        links::is_newest(&mut tx, account, &named.head).await?;
        doom(&mut tx, account.0.as_slice(), record.0.as_slice(), &h0, now).await?;
        // An older version that waits for its readers goes as well.
        sqlx::query("UPDATE doomed SET due = ? WHERE account = ? AND record = ?")
            .bind(int(now.0))
            .bind(account.0.as_slice())
            .bind(record.0.as_slice())
            .execute(&mut *tx)
            .await?;
        let seq = count(&mut tx, account.0.as_slice(), Some(state), None, &Limits::default()).await?;
        sqlx::query(
            "UPDATE records SET state = 3, seq = ?, body = ?, decision = NULL WHERE account = ? AND record = ?",
        )
        .bind(seq)
        .bind(deletion)
        .bind(account.0.as_slice())
        .bind(record.0.as_slice())
        .execute(&mut *tx)
        .await?;
        let leaf = Leaf { record: record.0.as_slice(), version, h1: &h1, kind: State::Deleted };
        append(&mut tx, account.0.as_slice(), seq, leaf).await?;
        tx.commit().await?;
        self.sweep_doomed(now).await
    }

    /// Forgets old entries of the log of releases.
    pub(crate) async fn sweep_releases(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("DELETE FROM releases WHERE at <= ?")
            .bind(int(now.0.saturating_sub(RELEASE_LOG_MILLIS)))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// The uploaded content that the envelope describes becomes the version's content.
async fn adopt_content(tx: &mut SqliteConnection, envelope: &Envelope, h0: &Hash) -> Answer<()> {
    let adopted = sqlx::query(
        "UPDATE contents SET state = 3 WHERE account = ? AND h0 = ? AND state = 2 AND bytes = ? AND root = ?",
    )
    .bind(envelope.header.account.0.as_slice())
    .bind(h0.0.as_slice())
    .bind(int(sealed(envelope.header.size)))
    .bind(envelope.content_root.0.as_slice())
    .execute(tx)
    .await?;
    // Nothing uploaded, or something else than what the author signed.
    if adopted.rows_affected() == 1 { Ok(()) } else { Err(ErrorCode::RecordTampered.into()) }
}

/// Marks content and r of a version for removal. The caller's transaction makes them unreachable.
async fn doom(tx: &mut SqliteConnection, account: &[u8], record: &[u8], h0: &[u8], due: UnixMillis) -> Answer<()> {
    sqlx::query("INSERT OR REPLACE INTO doomed (account, h0, record, due) VALUES (?, ?, ?, ?)")
        .bind(account)
        .bind(h0)
        .bind(record)
        .bind(int(due.0))
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes the next number for a change and keeps the account's counts, from the state before to the state after.
pub(super) async fn count(
    tx: &mut SqliteConnection,
    account: &[u8],
    before: Option<i64>,
    after: Option<State>,
    limits: &Limits,
) -> Answer<i64> {
    let entered = |state: State| i64::from(after == Some(state)) - i64::from(before == Some(state.number()));
    let enters = entered(State::Version) + entered(State::Approved);
    let waits = entered(State::Pending);
    let (seq, records, pending): (i64, i64, i64) = sqlx::query_as(
        "UPDATE accounts SET seq = seq + 1, records = records + ?, pending = pending + ?
         WHERE account = ? AND deleting = 0 RETURNING seq, records, pending",
    )
    .bind(enters)
    .bind(waits)
    .bind(account)
    .fetch_optional(tx)
    .await?
    .ok_or(ErrorCode::NotFound)?;
    let full = (enters > 0 && nat(records) > limits.records_per_account)
        || (waits > 0 && nat(pending) > limits.pending_per_account);
    if full {
        return Err(ErrorCode::TooLarge.into());
    }
    Ok(seq)
}
