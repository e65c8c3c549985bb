//! The log of an account's changes: a row for each, numbered without a gap, and the newest checkpoint of it.

use glimpse_wire::account::{Head, Signed};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::{MAX_CHECKPOINT_JUMP, MAX_PAGE};
use glimpse_wire::record::{Change, Checkpoint, Page};
use glimpse_wire::{AccountId, ErrorCode, Hash, RecordId, preimage};
use sqlx::SqliteConnection;

use super::devices::belongs;
use super::{SignedIn, State, Store, fixed, int, nat};
use crate::problem::Answer;

/// Bytes of envelopes after which a page of a listing ends.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A change of a listing, as it is written into the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf<'r> {
    pub(super) record: &'r [u8],
    /// Of a deletion, the version that it removed; h1 likewise.
    pub(super) version: i64,
    pub(super) h1: &'r [u8],
    pub(super) kind: State,
}

/// A leaf, and the body that is still there unless a later change took its place, with the decision about it.
type Row = (i64, Vec<u8>, i64, Vec<u8>, i64, Option<Vec<u8>>, Option<Vec<u8>>);

impl Store {
    /// What changed after `after`, by rising number, none left out. All that a page says is of one moment.
    pub(crate) async fn changes(&self, account: &AccountId, after: u64, limit: u32) -> Answer<Page> {
        let limit = i64::from(limit).clamp(1, i64::try_from(MAX_PAGE).unwrap_or(i64::MAX));
        let mut tx = self.main.begin().await?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT seq FROM accounts WHERE account = ?")
            .bind(account.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
        let newest = nat(newest.ok_or(ErrorCode::NotFound)?);
        let head: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, hash FROM links WHERE account = ? ORDER BY seq DESC LIMIT 1")
                .bind(account.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        let (head_seq, head_hash) = head.ok_or(ErrorCode::NotFound)?;
        let head = Head { seq: nat(head_seq), hash: Hash(fixed(&head_hash)?) };
        let checkpoint: Option<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT statement, signature FROM checkpoints WHERE account = ?")
                .bind(account.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT changes.seq, changes.record, changes.version, changes.h1, kind, body, decision
             FROM changes LEFT JOIN records ON records.account = changes.account AND records.seq = changes.seq
             WHERE changes.account = ? AND changes.seq > ? ORDER BY changes.seq LIMIT ?",
        )
        .bind(account.0.as_slice())
        .bind(int(after))
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
        tx.rollback().await?;
        let checkpoint = match checkpoint {
            Some((statement, signature)) => {
                vec![Signed { statement: Bytes(statement), signature: SignatureBytes(fixed(&signature)?) }]
            }
            None => Vec::new(),
        };
        let mut page = Page { changes: Vec::new(), next: after, more: false, newest, head, checkpoint };
        let mut size = 0usize;
        for row in rows {
            size = size.saturating_add(row.5.as_ref().map_or(0, Vec::len));
            if size > PAGE_BYTES && !page.changes.is_empty() {
                break;
            }
            page.next = nat(row.0);
            page.changes.push(change(row)?);
        }
        page.more = page.next < newest;
        Ok(page)
    }

    /// Keeps a device's newest word on the log. Whether the root is right only devices can say: none is computed here.
    ///
    /// A number that follows the stored one names it as its previous. A higher one than that is by a device that knows
    /// checkpoints which this server has lost.
    pub(crate) async fn put_checkpoint(&self, by: &SignedIn, checkpoint: &Checkpoint, signed: &Signed) -> Answer<()> {
        let account = checkpoint.account.0.as_slice();
        let hash = preimage::checkpoint_hash(signed.statement.as_slice());
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT seq FROM accounts WHERE account = ? AND deleting = 0")
            .bind(account)
            .fetch_optional(&mut *tx)
            .await?;
        if checkpoint.count > nat(newest.ok_or(ErrorCode::NotFound)?) {
            return Err(ErrorCode::Conflict.into());
        }
        let there: Option<(i64, Vec<u8>, i64)> =
            sqlx::query_as("SELECT number, hash, count FROM checkpoints WHERE account = ?")
                .bind(account)
                .fetch_optional(&mut *tx)
                .await?;
        let (number, previous, count) = match there {
            Some((_, stored, _)) if stored == hash.0 => return Ok(()),
            Some((number, stored, count)) => (nat(number), Hash(fixed(&stored)?), nat(count)),
            None => (0, Hash::ZERO, 0),
        };
        // A number near the end of all numbers would leave none for those that follow.
        if checkpoint.number > number.max(checkpoint.count).saturating_add(MAX_CHECKPOINT_JUMP) {
            return Err(ErrorCode::Malformed.into());
        }
        let next = number.saturating_add(1);
        let follows = checkpoint.number > next || (checkpoint.number == next && checkpoint.previous == previous);
        if !follows || checkpoint.count <= count {
            return Err(ErrorCode::Conflict.into());
        }
        sqlx::query(
            "INSERT OR REPLACE INTO checkpoints (account, number, hash, count, statement, signature)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(account)
        .bind(int(checkpoint.number))
        .bind(hash.0.as_slice())
        .bind(int(checkpoint.count))
        .bind(signed.statement.as_slice())
        .bind(signed.signature.0.as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Writes a change into the log, in the transaction that makes it.
pub(super) async fn append(tx: &mut SqliteConnection, account: &[u8], seq: i64, leaf: Leaf<'_>) -> Answer<()> {
    sqlx::query("INSERT INTO changes (account, seq, record, version, h1, kind) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(account)
        .bind(seq)
        .bind(leaf.record)
        .bind(leaf.version)
        .bind(leaf.h1)
        .bind(leaf.kind.number())
        .execute(tx)
        .await?;
    Ok(())
}

fn change((seq, record, version, h1, kind, body, decision): Row) -> Answer<Change> {
    let seq = nat(seq);
    Ok(match (body, kind) {
        (Some(body), 1) => Change::Version { seq, envelope: body.into() },
        (Some(body), 2) => Change::Pending { seq, envelope: body.into() },
        (Some(body), 5) => {
            Change::Decided { seq, envelope: body.into(), decision: decision.unwrap_or_default().into() }
        }
        (Some(body), _) => Change::Deleted { seq, deletion: body.into() },
        (None, kind) => Change::Replaced {
            seq,
            record: RecordId(fixed(&record)?),
            version: nat(version),
            h1: Hash(fixed(&h1)?),
            kind: u8::try_from(kind).unwrap_or(0),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::{SqlitePool, open};
    use crate::test_server::ScratchFolder;

    async fn column(pool: &SqlitePool, sql: &'static str) -> Vec<i64> {
        sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
    }

    #[tokio::test]
    async fn a_log_begins_with_what_is_left_where_there_was_none() {
        let folder = ScratchFolder::new().unwrap();
        let file = folder.path().join("main.db");
        let before = open(&file, 1, &[include_str!("main.sql")]).await.unwrap();
        // Records 1 to 3 and their changes 2, 5 and 9; the others were replaced. An account without a record.
        let rows = "INSERT INTO accounts (account, seq) VALUES (x'aa', 9), (x'bb', 0), (x'cc', 4);
             INSERT INTO records (account, record, seq, state, version, h0, h1, body) VALUES
             (x'aa', x'01', 9, 3, 4, x'00', x'11', x'00'), (x'aa', x'02', 2, 1, 1, x'00', x'12', x'00'),
             (x'aa', x'03', 5, 2, 1, x'00', x'13', x'00'), (x'cc', x'01', 4, 1, 7, x'00', x'14', x'00');";
        sqlx::raw_sql(rows).execute(&before).await.unwrap();
        before.close().await;
        let after = open(&file, 1, &[include_str!("main.sql"), include_str!("main.log.sql")]).await.unwrap();
        assert_eq!(column(&after, "SELECT seq FROM accounts ORDER BY account").await, [3, 0, 1]);
        let records = "SELECT seq FROM records ORDER BY account, record";
        assert_eq!(column(&after, records).await, [3, 1, 2, 1]);
        let changes = "SELECT version * 100 + kind * 10 + seq FROM changes ORDER BY account, seq";
        assert_eq!(column(&after, changes).await, [111, 122, 433, 711], "version, kind, number");
        let same = "SELECT count(*) FROM changes JOIN records USING (account, record, seq, version, h1)";
        assert_eq!(column(&after, same).await, [4]);
    }
}
