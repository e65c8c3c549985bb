//! The random r of server shares of records, in a database file of its own.
//!
//! A row is written before anything names it: first as a reservation that lapses, then kept once a version that uses it is
//! published. Between the two the reservation is prolonged, so that no sweep can take r from a version that is being
//! published.

use glimpse_wire::api::Share;
use glimpse_wire::limits::RESERVATION_MILLIS;
use glimpse_wire::{AccountId, ErrorCode, Hash, RecordId, UnixMillis};

use super::{Store, fixed, int, nat, random, wipe_log};
use crate::key_file::KeyFile;
use crate::problem::{Answer, Problem};
use crate::share::{R, Scope, derive};

/// The version of a record that a share is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionScope {
    pub(crate) record: RecordId,
    pub(crate) version: u64,
    pub(crate) h0: Hash,
}

impl Store {
    /// Reserves shares, or finds them reserved: asking again for the same version gives the same share.
    pub(crate) async fn mint_record_shares(
        &self,
        keys: &KeyFile,
        account: &AccountId,
        scopes: &[VersionScope],
        now: UnixMillis,
    ) -> Answer<Vec<Share>> {
        type Row = (Vec<u8>, i64, i64, Vec<u8>, Option<i64>);
        let mut shares = Vec::with_capacity(scopes.len());
        let mut tx = self.shares.begin_with("BEGIN IMMEDIATE").await?;
        for scope in scopes {
            let row: Option<Row> = sqlx::query_as(
                "SELECT record, version, kid, r, reserved FROM record_shares WHERE account = ? AND h0 = ?",
            )
            .bind(account.0.as_slice())
            .bind(scope.h0.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
            let fresh = Some(int(now.plus(RESERVATION_MILLIS).0));
            let (kid, r) = match row {
                Some((record, version, kid, r, reserved)) => {
                    let same = record == scope.record.0 && nat(version) == scope.version;
                    // Of a published version the share is released, counted and logged, never minted again.
                    if !same || reserved.is_none() {
                        return Err(ErrorCode::Conflict.into());
                    }
                    (u32::try_from(kid).unwrap_or(0), fixed(&r)?)
                }
                None => (keys.current(), random()?),
            };
            sqlx::query(
                "INSERT INTO record_shares (account, h0, record, version, kid, r, reserved) VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (account, h0) DO UPDATE SET reserved = excluded.reserved",
            )
            .bind(account.0.as_slice())
            .bind(scope.h0.0.as_slice())
            .bind(scope.record.0.as_slice())
            .bind(int(scope.version))
            .bind(i64::from(kid))
            .bind(r.as_slice())
            .bind(fresh)
            .execute(&mut *tx)
            .await?;
            shares.push(record_share(keys, scope, kid, &r)?);
        }
        tx.commit().await?;
        Ok(shares)
    }

    /// Whether a share for this version was minted and may still be used; if so, for ten minutes more from now.
    pub(crate) async fn hold_reservation(
        &self,
        account: &AccountId,
        scope: &VersionScope,
        kid: u32,
        now: UnixMillis,
    ) -> Answer<bool> {
        let held = sqlx::query(
            "UPDATE record_shares SET reserved = CASE WHEN reserved IS NULL THEN NULL ELSE ? END
             WHERE account = ? AND h0 = ? AND record = ? AND version = ? AND kid = ? AND (reserved IS NULL OR reserved > ?)",
        )
        .bind(int(now.plus(RESERVATION_MILLIS).0))
        .bind(account.0.as_slice())
        .bind(scope.h0.0.as_slice())
        .bind(scope.record.0.as_slice())
        .bind(int(scope.version))
        .bind(i64::from(kid))
        .bind(int(now.0))
        .execute(&self.shares)
        .await?;
        Ok(held.rows_affected() == 1)
    }

    /// Whether a share for h0 was minted for this account and has not lapsed: the condition for uploading content.
    pub(crate) async fn is_reserved(&self, account: &AccountId, h0: &Hash, now: UnixMillis) -> Answer<bool> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM record_shares WHERE account = ? AND h0 = ? AND (reserved IS NULL OR reserved > ?)",
        )
        .bind(account.0.as_slice())
        .bind(h0.0.as_slice())
        .bind(int(now.0))
        .fetch_optional(&self.shares)
        .await?;
        Ok(found.is_some())
    }

    /// Keeps r for good: a version that uses it was published.
    pub(crate) async fn settle_share(&self, account: &AccountId, h0: &Hash) -> Answer<()> {
        sqlx::query("UPDATE record_shares SET reserved = NULL WHERE account = ? AND h0 = ?")
            .bind(account.0.as_slice())
            .bind(h0.0.as_slice())
            .execute(&self.shares)
            .await?;
        Ok(())
    }

    /// The share of a published version. The caller has counted, throttled and logged the release.
    pub(crate) async fn record_share(
        &self,
        keys: &KeyFile,
        account: &AccountId,
        scope: &VersionScope,
    ) -> Answer<Share> {
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT kid, r FROM record_shares WHERE account = ? AND h0 = ?")
                .bind(account.0.as_slice())
                .bind(scope.h0.0.as_slice())
                .fetch_optional(&self.shares)
                .await?;
        let (kid, r) = row.ok_or(ErrorCode::NotFound)?;
        record_share(keys, scope, u32::try_from(kid).unwrap_or(0), &fixed(&r)?)
    }

    /// Erases reservations that lapsed; one whose version was published all the same is kept for good.
    pub(crate) async fn sweep_reservations(&self, now: UnixMillis) -> Answer<()> {
        let mut swept = false;
        loop {
            let lapsed: Vec<(Vec<u8>, Vec<u8>)> =
                sqlx::query_as("SELECT account, h0 FROM record_shares WHERE reserved <= ? LIMIT 500")
                    .bind(int(now.0))
                    .fetch_all(&self.shares)
                    .await?;
            if lapsed.is_empty() {
                break;
            }
            let mut used = Vec::with_capacity(lapsed.len());
            for (account, h0) in &lapsed {
                // Any version of this h0 that is reachable, or that is doomed and goes its own way.
                let there: Option<i64> =
                    sqlx::query_scalar("SELECT 1 FROM contents WHERE account = ? AND h0 = ? AND state = 3")
                        .bind(account)
                        .bind(h0)
                        .fetch_optional(&self.main)
                        .await?;
                used.push(there.is_some());
            }
            // One transaction for all of them: each alone would cost a write to disk, and more lapse meanwhile.
            let mut tx = self.shares.begin_with("BEGIN IMMEDIATE").await?;
            for ((account, h0), used) in lapsed.iter().zip(used) {
                // `reserved <= now` again: a publication that began meanwhile has prolonged the reservation.
                let settle = "UPDATE record_shares SET reserved = NULL WHERE account = ? AND h0 = ? AND reserved <= ?";
                let erase = "DELETE FROM record_shares WHERE account = ? AND h0 = ? AND reserved <= ?";
                sqlx::query(if used { settle } else { erase })
                    .bind(account)
                    .bind(h0)
                    .bind(int(now.0))
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            swept = true;
        }
        if swept {
            wipe_log(&self.shares).await?;
        }
        Ok(())
    }
}

fn record_share(keys: &KeyFile, scope: &VersionScope, kid: u32, r: &R) -> Answer<Share> {
    let VersionScope { record, version, h0 } = scope;
    derive(keys, kid, Scope::Record { record, version: *version, h0 }, r).ok_or_else(|| {
        tracing::error!(kid, "the key file lacks a generation that a record needs");
        Problem::new(ErrorCode::Internal)
    })
}
