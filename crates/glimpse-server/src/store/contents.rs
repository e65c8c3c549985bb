//! Sealed content of record versions, as files under `blobs/`.

use std::path::PathBuf;

use glimpse_wire::{AccountId, ErrorCode, Hash, UnixMillis};

use super::{Store, file_name, fixed, int, nat, random};
use crate::problem::Answer;
use crate::settings::Limits;

/// Uploads of one account that may arrive at one time, from its devices; from writers, as many again.
const ARRIVING_PER_ACCOUNT: i64 = 8;

// The states of a row of `contents` (main.sql): leaving, arriving, complete, published.
const ARRIVING: i64 = 1;
const COMPLETE: i64 = 2;

/// Who uploads. Anyone can be a writer, so what writers take is a part of the account and apart from what its devices need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uploader {
    /// A device of the account.
    Device,
    /// A writer.
    Writer,
}

impl Uploader {
    const fn number(self) -> i64 {
        match self {
            Self::Device => 0,
            Self::Writer => 1,
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) file: [u8; 16],
    pub(crate) path: PathBuf,
}

impl Store {
    pub(super) fn blob_path(&self, file: &[u8]) -> PathBuf {
        self.folder.join("blobs").join(file_name(file))
    }

    /// Makes room for an upload; the file may be written after this.
    pub(crate) async fn begin_content(
        &self,
        account: &AccountId,
        h0: &Hash,
        by: Uploader,
        now: UnixMillis,
    ) -> Answer<Upload> {
        let file: [u8; 16] = random()?;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let (published, arriving): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM contents WHERE account = ?1 AND h0 = ?2 AND state = 3),
                    (SELECT COUNT(*) FROM contents INDEXED BY contents_by_state
                     WHERE account = ?1 AND state = 1 AND writer = ?3)",
        )
        .bind(account.0.as_slice())
        .bind(h0.0.as_slice())
        .bind(by.number())
        .fetch_one(&mut *tx)
        .await?;
        if published > 0 {
            return Err(ErrorCode::Conflict.into());
        }
        if arriving >= ARRIVING_PER_ACCOUNT {
            return Err(ErrorCode::RateLimited.into());
        }
        sqlx::query("INSERT INTO contents (file, account, h0, writer, state, begun) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(file.as_slice())
            .bind(account.0.as_slice())
            .bind(h0.0.as_slice())
            .bind(by.number())
            .bind(ARRIVING)
            .bind(int(now.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Upload { file, path: self.blob_path(&file) })
    }

    /// The file is whole and on disk; an envelope may name it. What an earlier upload for the same version left goes.
    pub(crate) async fn finish_content(&self, upload: &Upload, bytes: u64, root: &Hash, limits: &Limits) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let arriving: Option<(Vec<u8>, Vec<u8>, i64, i64)> = sqlx::query_as(
            "SELECT account, h0, writer, accounts.bytes FROM contents JOIN accounts USING (account)
             WHERE file = ? AND state = 1",
        )
        .bind(upload.file.as_slice())
        .fetch_optional(&mut *tx)
        .await?;
        let (account, h0, writer, used) = arriving.ok_or(ErrorCode::NotFound)?;
        if nat(used).saturating_add(bytes) > limits.bytes_per_account {
            return Err(ErrorCode::TooLarge.into());
        }
        if writer == Uploader::Writer.number() {
            let left: i64 =
                sqlx::query_scalar("SELECT COALESCE(SUM(bytes), 0) FROM contents WHERE account = ? AND writer = 1")
                    .bind(&account)
                    .fetch_one(&mut *tx)
                    .await?;
            if nat(left).saturating_add(bytes) > limits.pending_bytes_per_account {
                return Err(ErrorCode::TooLarge.into());
            }
        }
        let before: Vec<Vec<u8>> = sqlx::query_scalar(
            "UPDATE contents SET state = 0 WHERE account = ? AND h0 = ? AND state = 2 RETURNING file",
        )
        .bind(&account)
        .bind(&h0)
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query("UPDATE contents SET state = ?, bytes = ?, root = ? WHERE file = ?")
            .bind(COMPLETE)
            .bind(int(bytes))
            .bind(root.0.as_slice())
            .bind(upload.file.as_slice())
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE accounts SET bytes = bytes + ? WHERE account = ?")
            .bind(int(bytes))
            .bind(&account)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        for file in before {
            self.drop_leaving(&file).await?;
        }
        Ok(())
    }

    /// The published content of a version, if this account has it: its file and its size.
    pub(crate) async fn published_content(&self, account: &AccountId, h0: &Hash) -> Answer<(PathBuf, u64)> {
        let row: Option<(Vec<u8>, i64)> =
            sqlx::query_as("SELECT file, bytes FROM contents WHERE account = ? AND h0 = ? AND state = 3")
                .bind(account.0.as_slice())
                .bind(h0.0.as_slice())
                .fetch_optional(&self.main)
                .await?;
        let (file, bytes) = row.ok_or(ErrorCode::NotFound)?;
        Ok((self.blob_path(&fixed::<16>(&file)?), nat(bytes)))
    }

    /// Removes a file that is marked as leaving, and then its row, so that no file is ever without a row.
    pub(super) async fn drop_leaving(&self, file: &[u8]) -> Answer<()> {
        remove(self.blob_path(file)).await?;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "UPDATE accounts SET bytes = accounts.bytes - contents.bytes FROM contents
             WHERE contents.file = ? AND contents.state = 0 AND accounts.account = contents.account",
        )
        .bind(file)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM contents WHERE file = ? AND state = 0").bind(file).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// An upload that broke off.
    pub(crate) async fn abandon_content(&self, upload: &Upload) -> Answer<()> {
        sqlx::query("UPDATE contents SET state = 0 WHERE file = ? AND state = 1")
            .bind(upload.file.as_slice())
            .execute(&self.writer)
            .await?;
        self.drop_leaving(&upload.file).await
    }

    /// Removes uploads that nobody published, and, at the start, those that were arriving when the server stopped.
    pub(crate) async fn sweep_uploads(&self, begun_before: UnixMillis, at_start: bool) -> Answer<()> {
        sqlx::query(
            "UPDATE contents SET state = 0 WHERE (state = 2 AND begun <= ?1) OR (state = 1 AND (?2 OR begun <= ?1))",
        )
        .bind(int(begun_before.0))
        .bind(at_start)
        .execute(&self.writer)
        .await?;
        loop {
            let leaving: Vec<Vec<u8>> = sqlx::query_scalar("SELECT file FROM contents WHERE state = 0 LIMIT 1000")
                .fetch_all(&self.main)
                .await?;
            if leaving.is_empty() {
                return Ok(());
            }
            for file in leaving {
                self.drop_leaving(&file).await?;
            }
        }
    }
}

/// Removes a file that may be gone already.
pub(super) async fn remove(path: PathBuf) -> std::io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::ScratchFolder;

    #[tokio::test]
    async fn finding_one_content_does_not_look_at_all_others() {
        let folder = ScratchFolder::new().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        for sql in [
            "SELECT file, bytes FROM contents WHERE account = x'' AND h0 = x'' AND state = 3",
            "UPDATE contents SET state = 0 WHERE account = x'' AND h0 = x'' AND state = 2",
            "UPDATE contents SET state = 3 WHERE account = x'' AND h0 = x'' AND state = 2 AND bytes = 1 AND root = x''",
            "UPDATE contents SET state = 0 WHERE account = x'' AND h0 = x''",
        ] {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                    .fetch_all(&store.main)
                    .await
                    .expect("a plan");
            assert!(
                plan.iter().all(|(.., step)| step.contains("contents_by_h0 (account=? AND h0=?")),
                "{sql}: {plan:?}"
            );
        }
    }
}
