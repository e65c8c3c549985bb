//! What deletion leaves to be done outside the main database: blobs, r, whole accounts.
//!
//! Everything here may be interrupted and repeated.

use glimpse_wire::{AccountId, ErrorCode, UnixMillis};

use super::devices::belongs;
use super::{SignedIn, Store, fixed, int, wipe_log};
use crate::problem::Answer;

impl Store {
    /// Erases r and content of what is doomed and due: r first, because without it the content is noise wherever it was copied.
    pub(crate) async fn sweep_doomed(&self, now: UnixMillis) -> Answer<()> {
        loop {
            let due: Vec<(Vec<u8>, Vec<u8>)> =
                sqlx::query_as("SELECT account, h0 FROM doomed WHERE due <= ? ORDER BY due LIMIT 200")
                    .bind(int(now.0))
                    .fetch_all(&self.main)
                    .await?;
            if due.is_empty() {
                return Ok(());
            }
            for (account, h0) in &due {
                sqlx::query("DELETE FROM record_shares WHERE account = ? AND h0 = ?")
                    .bind(account)
                    .bind(h0)
                    .execute(&self.shares)
                    .await?;
            }
            wipe_log(&self.shares).await?;
            for (account, h0) in &due {
                let files: Vec<Vec<u8>> =
                    sqlx::query_scalar("UPDATE contents SET state = 0 WHERE account = ? AND h0 = ? RETURNING file")
                        .bind(account)
                        .bind(h0)
                        .fetch_all(&self.writer)
                        .await?;
                for file in files {
                    self.drop_leaving(&file).await?;
                }
                sqlx::query("DELETE FROM doomed WHERE account = ? AND h0 = ?")
                    .bind(account)
                    .bind(h0)
                    .execute(&self.writer)
                    .await?;
            }
        }
    }

    /// From here on the account is not there for anyone. [`Store::sweep_accounts`] removes what is left of it.
    pub(crate) async fn doom_account(&self, by: &SignedIn) -> Answer<()> {
        let account = &by.account;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let doomed = sqlx::query("UPDATE accounts SET deleting = 1 WHERE account = ? AND deleting = 0")
            .bind(account.0.as_slice())
            .execute(&mut *tx)
            .await?;
        for sql in ["DELETE FROM tokens WHERE account = ?", "DELETE FROM push_subscriptions WHERE account = ?"] {
            sqlx::query(sql).bind(account.0.as_slice()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        if doomed.rows_affected() == 1 { Ok(()) } else { Err(ErrorCode::NotFound.into()) }
    }

    /// Accounts that were deleted and of which something is left.
    pub(crate) async fn doomed_accounts(&self) -> Answer<Vec<AccountId>> {
        let accounts: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT account FROM accounts WHERE deleting = 1").fetch_all(&self.main).await?;
        Ok(accounts.iter().map(|account| fixed(account).map(AccountId)).collect::<Result<_, _>>()?)
    }

    /// Removes everything of accounts that were deleted, sessions excepted: the caller has ended those.
    pub(crate) async fn sweep_accounts(&self) -> Answer<()> {
        for account in self.doomed_accounts().await? {
            let account = account.0.as_slice();
            sqlx::query("DELETE FROM record_shares WHERE account = ?").bind(account).execute(&self.shares).await?;
            wipe_log(&self.shares).await?;
            let files: Vec<Vec<u8>> =
                sqlx::query_scalar("UPDATE contents SET state = 0 WHERE account = ? RETURNING file")
                    .bind(account)
                    .fetch_all(&self.writer)
                    .await?;
            for file in files {
                self.drop_leaving(&file).await?;
            }
            let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("DELETE FROM doomed WHERE account = ?").bind(account).execute(&mut *tx).await?;
            // Links, devices, wraps, records, receipts and the rest go with their account.
            sqlx::query("DELETE FROM accounts WHERE account = ?").bind(account).execute(&mut *tx).await?;
            tx.commit().await?;
            wipe_log(&self.writer).await?;
        }
        Ok(())
    }
}
