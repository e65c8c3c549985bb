//! Recovery kits, and recoveries that were asked for.

use glimpse_wire::account::Signed;
use glimpse_wire::api::{AnnouncedRecovery, Recovering, SignedJson};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::{AccountId, DeviceId, ErrorCode, SigningKeyBytes, UnixMillis};
use sqlx::SqliteConnection;

use super::devices::belongs;
use super::{SignedIn, Store, fixed, int, nat};
use crate::problem::Answer;

/// A request for a recovery that the kit has signed.
#[derive(Debug)]
pub(crate) struct RecoveryAsked<'r> {
    pub(crate) account: AccountId,
    /// The kit's id.
    pub(crate) kit: DeviceId,
    /// The device that is to begin anew.
    pub(crate) device: DeviceId,
    pub(crate) signed: &'r Signed,
    /// Milliseconds for which it is announced.
    pub(crate) announced: u64,
}

/// How a recovery that was asked for stands.
#[derive(Debug)]
pub(crate) struct RecoveryStands {
    pub(crate) recovering: Recovering,
    /// Nobody had asked for it before.
    pub(crate) is_new: bool,
}

impl Store {
    /// Whose kit this is.
    pub(crate) async fn kit_account(&self, kit: &DeviceId) -> Answer<AccountId> {
        let account: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT account FROM kits JOIN accounts USING (account) WHERE kit = ? AND deleting = 0 ORDER BY id LIMIT 1",
        )
        .bind(kit.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        Ok(AccountId(fixed(&account.ok_or(ErrorCode::NotFound)?)?))
    }

    /// With what the account's kit signs: asked before anything is replayed for whoever says that they are the kit.
    ///
    /// # Errors
    /// `Unauthorised` for an account without a kit, `NotFound` for none.
    pub(crate) async fn kit_key(&self, account: &AccountId) -> Answer<Option<SigningKeyBytes>> {
        type Row = (Option<Vec<u8>>, Option<Vec<u8>>);
        let row: Option<Row> = sqlx::query_as(
            "SELECT kit, signing FROM accounts LEFT JOIN kits USING (account) WHERE account = ? AND deleting = 0",
        )
        .bind(account.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        let (kit, signing) = row.ok_or(ErrorCode::NotFound)?;
        kit.ok_or(ErrorCode::Unauthorised)?;
        Ok(signing.map(|key| fixed(&key).map(SigningKeyBytes)).transpose()?)
    }

    /// Begins a recovery, or tells how the one of this device stands.
    pub(crate) async fn ask_recovery(&self, asked: &RecoveryAsked<'_>, now: UnixMillis) -> Answer<RecoveryStands> {
        let account = asked.account.0.as_slice();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let kit: Option<i64> = sqlx::query_scalar("SELECT 1 FROM kits WHERE account = ? AND kit = ?")
            .bind(account)
            .bind(asked.kit.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
        // Replaced since its signature was checked.
        kit.ok_or(ErrorCode::Unauthorised)?;
        let (due, is_new) = match find(&mut tx, &asked.account, &asked.device).await? {
            Some(due) => (due, false),
            None => (begin(&mut tx, asked, now).await?, true),
        };
        let wrap: Option<Vec<u8>> = if due.0 <= now.0 {
            sqlx::query_scalar("SELECT wrap FROM wraps WHERE account = ? AND device = ?")
                .bind(account)
                .bind(asked.kit.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?
        } else {
            None
        };
        tx.commit().await?;
        Ok(RecoveryStands { recovering: Recovering { due, now, wrap: wrap.map(Bytes) }, is_new })
    }

    /// Stops the recovery that would begin anew with `device`, for good.
    pub(crate) async fn veto_recovery(&self, by: &SignedIn, device: &DeviceId) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let vetoed = sqlx::query("UPDATE recoveries SET vetoed = 1 WHERE account = ? AND device = ?")
            .bind(by.account.0.as_slice())
            .bind(device.0.as_slice())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        if vetoed.rows_affected() == 1 { Ok(()) } else { Err(ErrorCode::NotFound.into()) }
    }
}

/// Recoveries that were stopped, as many as an account remembers. One that is forgotten waits anew when it is asked for.
const MAX_VETOED: i64 = 64;

/// The first request for another device, unless one waits.
async fn begin(tx: &mut SqliteConnection, asked: &RecoveryAsked<'_>, now: UnixMillis) -> Answer<UnixMillis> {
    let account = asked.account.0.as_slice();
    let waiting: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM recoveries WHERE account = ? AND vetoed = 0 AND due > ?")
            .bind(account)
            .bind(int(now.0))
            .fetch_optional(&mut *tx)
            .await?;
    if waiting.is_some() {
        return Err(ErrorCode::Conflict.into());
    }
    // One that was due and has not taken place: its device may be lost, and must not lock the account's owner out.
    sqlx::query("DELETE FROM recoveries WHERE account = ? AND vetoed = 0").bind(account).execute(&mut *tx).await?;
    // Whoever holds the kit can ask with ever more devices.
    sqlx::query(
        "DELETE FROM recoveries WHERE account = ?1 AND device NOT IN \
         (SELECT device FROM recoveries WHERE account = ?1 ORDER BY due DESC LIMIT ?2)",
    )
    .bind(account)
    .bind(MAX_VETOED)
    .execute(&mut *tx)
    .await?;
    let due = now.plus(asked.announced);
    sqlx::query("INSERT INTO recoveries (account, device, statement, signature, due) VALUES (?, ?, ?, ?, ?)")
        .bind(account)
        .bind(asked.device.0.as_slice())
        .bind(asked.signed.statement.as_slice())
        .bind(asked.signed.signature.0.as_slice())
        .bind(int(due.0))
        .execute(&mut *tx)
        .await?;
    Ok(due)
}

/// When the recovery of this device is due, if it was asked for.
async fn find(tx: &mut SqliteConnection, account: &AccountId, device: &DeviceId) -> Answer<Option<UnixMillis>> {
    let row: Option<(i64, i64)> = sqlx::query_as("SELECT due, vetoed FROM recoveries WHERE account = ? AND device = ?")
        .bind(account.0.as_slice())
        .bind(device.0.as_slice())
        .fetch_optional(tx)
        .await?;
    match row {
        Some((_, vetoed)) if vetoed != 0 => Err(ErrorCode::RecoveryVetoed.into()),
        Some((due, _)) => Ok(Some(UnixMillis(nat(due)))),
        None => Ok(None),
    }
}

/// Whether the recovery of this device may take place.
///
/// # Errors
/// `NotFound` when nobody asked for it, `DeviceHeld` before it is due, `RecoveryVetoed`.
pub(super) async fn is_due(
    tx: &mut SqliteConnection,
    account: &AccountId,
    device: &DeviceId,
    now: UnixMillis,
) -> Answer<()> {
    let due = find(tx, account, device).await?.ok_or(ErrorCode::NotFound)?;
    if due.0 <= now.0 { Ok(()) } else { Err(ErrorCode::DeviceHeld.into()) }
}

/// The recovery that was asked for and was not stopped, for the account's devices.
pub(super) async fn announced(
    tx: &mut SqliteConnection,
    account: &AccountId,
    now: UnixMillis,
) -> Answer<Option<AnnouncedRecovery>> {
    let row: Option<(Vec<u8>, Vec<u8>, i64)> =
        sqlx::query_as("SELECT statement, signature, due FROM recoveries WHERE account = ? AND vetoed = 0")
            .bind(account.0.as_slice())
            .fetch_optional(tx)
            .await?;
    let announced = |(statement, signature, due): (Vec<u8>, Vec<u8>, i64)| -> Answer<_> {
        let request = SignedJson { statement: Bytes(statement), signature: SignatureBytes(fixed(&signature)?) };
        Ok(AnnouncedRecovery { request, due: UnixMillis(nat(due)), now })
    };
    row.map(announced).transpose()
}
