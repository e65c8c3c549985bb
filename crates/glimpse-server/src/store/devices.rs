//! Devices as the chain has them, their tokens, and the counters by which a copy of one shows.

use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, SigningKeyBytes, UnixMillis};
use sqlx::SqliteConnection;

use super::{Store, fixed, int, nat};
use crate::problem::Answer;

/// Tokens of one device that are good at one time. Several processes may act for one device.
const TOKENS_PER_DEVICE: i64 = 32;

/// A device that proved who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedIn {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) signing: SigningKeyBytes,
}

/// A device of the chain, present or past.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) device: SignedIn,
    /// It was taken out of the account.
    pub(crate) left: bool,
    /// Until then it is held back; zero when it is not.
    pub(crate) free_at: UnixMillis,
}

type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Option<i64>, i64);

fn member((account, device, signing, until, free_at): Row) -> Result<Member, sqlx::Error> {
    let device = SignedIn {
        account: AccountId(fixed(&account)?),
        device: DeviceId(fixed(&device)?),
        signing: SigningKeyBytes(fixed(&signing)?),
    };
    Ok(Member { device, left: until.is_some(), free_at: UnixMillis(nat(free_at)) })
}

impl Store {
    /// A device of the account's chain, present or past.
    pub(crate) async fn member(&self, account: &AccountId, device: &DeviceId) -> Answer<Option<Member>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT account, device, signing, until, free_at FROM devices JOIN accounts USING (account)
             WHERE account = ? AND device = ? AND deleting = 0",
        )
        .bind(account.0.as_slice())
        .bind(device.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        Ok(row.map(member).transpose()?)
    }

    /// The signing key of a device that belongs to the account.
    pub(crate) async fn device_key(&self, account: &AccountId, device: &DeviceId) -> Answer<Option<SigningKeyBytes>> {
        let member = self.member(account, device).await?;
        Ok(member.filter(|member| !member.left).map(|member| member.device.signing))
    }

    /// Takes the counter of a sign-in and keeps a token, by its hash alone. A device has a few tokens; the oldest goes.
    ///
    /// # Errors
    /// `DeviceDoubled` for a counter that is not higher than the last, which is remembered; `DeviceRevoked`.
    pub(crate) async fn sign_in(
        &self,
        device: &SignedIn,
        counter: u64,
        token: &Hash,
        now: UnixMillis,
        expires: UnixMillis,
    ) -> Answer<()> {
        let (account, id) = (device.account.0.as_slice(), device.device.0.as_slice());
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let taken = sqlx::query(
            "UPDATE devices SET sign_in = ?3 WHERE account = ?1 AND device = ?2 AND until IS NULL AND sign_in < ?3",
        )
        .bind(account)
        .bind(id)
        .bind(int(counter))
        .execute(&mut *tx)
        .await?;
        if taken.rows_affected() != 1 {
            belongs(&mut tx, device).await?;
            sqlx::query("UPDATE devices SET doubled = ? WHERE account = ? AND device = ?")
                .bind(int(now.0))
                .bind(account)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            return Err(ErrorCode::DeviceDoubled.into());
        }
        sqlx::query("INSERT INTO tokens (hash, account, device, expires) VALUES (?, ?, ?, ?)")
            .bind(token.0.as_slice())
            .bind(account)
            .bind(id)
            .bind(int(expires.0))
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM tokens WHERE hash IN
             (SELECT hash FROM tokens WHERE account = ? AND device = ? ORDER BY expires DESC LIMIT -1 OFFSET ?)",
        )
        .bind(account)
        .bind(id)
        .bind(TOKENS_PER_DEVICE)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes the counter of a request that a device signed, once. Requests of one device may overtake one another by a
    /// little: of the [`WINDOW`] counters below the highest, those that were not used are still good.
    ///
    /// # Errors
    /// `DeviceDoubled` for a counter that was used, or is too far behind; `DeviceRevoked`.
    pub(crate) async fn use_request(&self, device: &SignedIn, counter: u64) -> Answer<()> {
        let (account, id) = (device.account.0.as_slice(), device.device.0.as_slice());
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, device).await?;
        let (highest, used): (i64, i64) =
            sqlx::query_as("SELECT request, requests FROM devices WHERE account = ? AND device = ?")
                .bind(account)
                .bind(id)
                .fetch_one(&mut *tx)
                .await?;
        let (highest, used) = taken_once(highest, used, int(counter)).ok_or(ErrorCode::DeviceDoubled)?;
        sqlx::query("UPDATE devices SET request = ?, requests = ? WHERE account = ? AND device = ?")
            .bind(highest)
            .bind(used)
            .bind(account)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether a device that was let in belongs to its account now.
    ///
    /// # Errors
    /// As [`belongs`].
    pub(crate) async fn still_belongs(&self, device: &SignedIn) -> Answer<()> {
        let mut reader = self.main.acquire().await?;
        belongs(&mut reader, device).await
    }

    /// Whose token this is, if it has not lapsed. That of a device that was taken out still tells whose it was, so that the
    /// device can be told what happened.
    pub(crate) async fn token(&self, hash: &Hash, now: UnixMillis) -> Answer<Option<Member>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT tokens.account, tokens.device, signing, until, free_at
             FROM tokens JOIN devices USING (account, device) JOIN accounts USING (account)
             WHERE hash = ? AND expires > ? AND deleting = 0",
        )
        .bind(hash.0.as_slice())
        .bind(int(now.0))
        .fetch_optional(&self.main)
        .await?;
        Ok(row.map(member).transpose()?)
    }

    /// Forgets tokens that have lapsed.
    pub(crate) async fn sweep_tokens(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("DELETE FROM tokens WHERE expires <= ?").bind(int(now.0)).execute(&self.writer).await?;
        Ok(())
    }

    /// Devices that were taken out, and whose sessions may not all have ended.
    pub(crate) async fn leaving(&self) -> Answer<Vec<(AccountId, DeviceId)>> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT account, device FROM devices WHERE leaving = 1").fetch_all(&self.main).await?;
        let ids = |(account, device): &(Vec<u8>, Vec<u8>)| -> Result<_, sqlx::Error> {
            Ok((AccountId(fixed(account)?), DeviceId(fixed(device)?)))
        };
        Ok(rows.iter().map(ids).collect::<Result<_, _>>()?)
    }

    /// Nothing that the device began is left.
    pub(crate) async fn has_left(&self, account: &AccountId, device: &DeviceId) -> Answer<()> {
        sqlx::query("UPDATE devices SET leaving = 0 WHERE account = ? AND device = ?")
            .bind(account.0.as_slice())
            .bind(device.0.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// Asked in the transaction of what the device does: it may have been taken out since its request was let in.
///
/// # Errors
/// `DeviceRevoked`; `NotFound` for a device that the chain does not have.
pub(super) async fn belongs(tx: &mut SqliteConnection, device: &SignedIn) -> Answer<()> {
    let until: Option<Option<i64>> = sqlx::query_scalar("SELECT until FROM devices WHERE account = ? AND device = ?")
        .bind(device.account.0.as_slice())
        .bind(device.device.0.as_slice())
        .fetch_optional(tx)
        .await?;
    match until {
        Some(None) => Ok(()),
        Some(Some(_)) => Err(ErrorCode::DeviceRevoked.into()),
        None => Err(ErrorCode::NotFound.into()),
    }
}

/// Counters below the highest of which it is remembered whether they were used.
const WINDOW: i64 = 62;

/// The highest counter and those that were used below it (the lowest bit is the one just below), once `counter` is used
/// too; nothing where it was used before or is too far behind.
fn taken_once(highest: i64, used: i64, counter: i64) -> Option<(i64, i64)> {
    let mask = (1i64 << WINDOW) - 1;
    if counter > highest {
        let by = counter.saturating_sub(highest);
        let shifted = if by > WINDOW { 0 } else { (used << by | 1i64 << (by - 1)) & mask };
        // There is none below the first.
        return Some((counter, if highest < 0 { 0 } else { shifted }));
    }
    let below = highest - counter;
    let bit = 1i64.checked_shl(u32::try_from(below.checked_sub(1)?).ok()?)?;
    (below <= WINDOW && used & bit == 0).then_some((highest, used | bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_taken_once_in_any_order_within_the_window() {
        let order = [5, 3, 4, 5, 70, 3, 60, 60, 69, 8, 7, 1_000, 999, 938, 937];
        let good = [true, true, true, false, true, false, true, false, true, true, false, true, true, true, false];
        let (mut state, mut taken) = ((-1, 0), Vec::new());
        for counter in order {
            let next = taken_once(state.0, state.1, counter);
            taken.push(next.is_some());
            state = next.unwrap_or(state);
        }
        assert_eq!(taken, good);
        assert_eq!(state.0, 1_000);
    }
}
