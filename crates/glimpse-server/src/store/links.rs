//! The chain grows: one link, and with it everything that follows from it, in one transaction.

use glimpse_wire::account::{Head, RecoveryKeys};
use glimpse_wire::api::DeviceWrap;
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, UnixMillis};
use sqlx::SqliteConnection;

use super::{Store, fixed, int, nat, recovery};
use crate::problem::Answer;

/// A link that the chain took, and what it brings.
#[derive(Debug)]
pub(crate) struct NewLink<'l> {
    /// With the link.
    pub(crate) chain: &'l Chain,
    /// The chain's head without it.
    pub(crate) before: Head,
    /// The signed link, byte for byte as it came.
    pub(crate) bytes: &'l [u8],
    /// The seeds that the link commits to, in its order.
    pub(crate) wraps: &'l [DeviceWrap],
    /// The device whose recovery must be due, for a link of the kit; and the time.
    pub(crate) recovers: Option<(DeviceId, UnixMillis)>,
    pub(crate) held: HeldAnew,
}

/// From when on a device that joins is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldAnew {
    /// As the link says.
    No,
    /// Not before this: nobody but its adder says when the link was made.
    Until(UnixMillis),
}

impl Store {
    /// All links of an account that is there, and its head.
    pub(crate) async fn links(&self, account: &AccountId) -> Answer<Vec<Bytes>> {
        let links: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT link FROM links JOIN accounts USING (account) WHERE account = ? AND deleting = 0 ORDER BY links.seq",
        )
        .bind(account.0.as_slice())
        .fetch_all(&self.main)
        .await?;
        if links.is_empty() {
            return Err(ErrorCode::NotFound.into());
        }
        Ok(links.into_iter().map(Bytes).collect())
    }

    /// The chain's newest link. Everything that a device signs names it.
    pub(crate) async fn head(&self, account: &AccountId) -> Answer<Head> {
        let mut reader = self.main.acquire().await?;
        head(&mut reader, account).await
    }

    /// The stored link with this number.
    pub(crate) async fn link(&self, account: &AccountId, seq: u64) -> Answer<Option<(Vec<u8>, Hash)>> {
        let mut reader = self.main.acquire().await?;
        link(&mut reader, account, seq).await
    }

    /// Adds a link if the chain is still what it was when the link was checked; or finds it added by the same bytes.
    pub(crate) async fn append_link(&self, new: &NewLink<'_>) -> Answer<()> {
        let account = new.chain.account();
        let head_after = new.chain.head();
        let seq = head_after.seq;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if head(&mut tx, &account).await? != new.before {
            let there = link(&mut tx, &account, seq).await?;
            return if there.is_some_and(|(bytes, _)| bytes == new.bytes) {
                Ok(())
            } else {
                Err(ErrorCode::Conflict.into())
            };
        }
        if let Some((device, now)) = &new.recovers {
            recovery::is_due(&mut tx, &account, device, *now).await?;
        }
        sqlx::query("INSERT INTO links (account, seq, hash, link) VALUES (?, ?, ?, ?)")
            .bind(account.0.as_slice())
            .bind(int(seq))
            .bind(head_after.hash.0.as_slice())
            .bind(new.bytes)
            .execute(&mut *tx)
            .await?;
        follow_devices(&mut tx, new.chain, seq, new.held).await?;
        follow_kit(&mut tx, new.chain).await?;
        follow_wraps(&mut tx, new).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Store {
    /// Keeps wraps of the newest epoch that were lost. The caller has found them committed in a chain with this head.
    pub(crate) async fn mend_wraps(&self, chain: &Chain, wraps: &[DeviceWrap]) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        is_newest(&mut tx, &chain.account(), &chain.head()).await?;
        put_wraps(&mut tx, chain, wraps).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The newest link of an account that is there.
pub(super) async fn head(tx: &mut SqliteConnection, account: &AccountId) -> Answer<Head> {
    let head: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT links.seq, hash FROM links JOIN accounts USING (account)
         WHERE account = ? AND deleting = 0 ORDER BY links.seq DESC LIMIT 1",
    )
    .bind(account.0.as_slice())
    .fetch_optional(tx)
    .await?;
    let (seq, hash) = head.ok_or(ErrorCode::NotFound)?;
    Ok(Head { seq: nat(seq), hash: Hash(fixed(&hash)?) })
}

/// Asked in the transaction of what a device signed under a head: no link may come between.
pub(super) async fn is_newest(tx: &mut SqliteConnection, account: &AccountId, named: &Head) -> Answer<()> {
    if head(tx, account).await? == *named { Ok(()) } else { Err(ErrorCode::Conflict.into()) }
}

async fn link(tx: &mut SqliteConnection, account: &AccountId, seq: u64) -> Answer<Option<(Vec<u8>, Hash)>> {
    let row: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as("SELECT link, hash FROM links WHERE account = ? AND seq = ?")
        .bind(account.0.as_slice())
        .bind(int(seq))
        .fetch_optional(tx)
        .await?;
    row.map(|(bytes, hash)| Ok((bytes, Hash(fixed(&hash)?)))).transpose()
}

/// Who joined by the link numbered `seq` is a device from here on; who left by it is none, and its sessions are to end.
async fn follow_devices(tx: &mut SqliteConnection, chain: &Chain, seq: u64, held: HeldAnew) -> Answer<()> {
    let account = chain.account();
    for member in chain.members().iter().filter(|member| member.since == seq) {
        let free_at = match held {
            HeldAnew::No => member.free_at,
            HeldAnew::Until(until) => member.free_at.max(until),
        };
        sqlx::query("INSERT INTO devices (account, device, signing, free_at) VALUES (?, ?, ?, ?)")
            .bind(account.0.as_slice())
            .bind(member.id.0.as_slice())
            .bind(member.device.signing.0.as_slice())
            .bind(int(free_at.0))
            .execute(&mut *tx)
            .await?;
    }
    for member in chain.members().iter().filter(|member| member.until == Some(seq)) {
        sqlx::query("UPDATE devices SET until = ?, leaving = 1, doubled = NULL WHERE account = ? AND device = ?")
            .bind(int(seq))
            .bind(account.0.as_slice())
            .bind(member.id.0.as_slice())
            .execute(&mut *tx)
            .await?;
        for sql in [
            "DELETE FROM names WHERE account = ? AND device = ?",
            "DELETE FROM head_statements WHERE account = ? AND device = ?",
            "DELETE FROM push_subscriptions WHERE account = ? AND device = ?",
        ] {
            sqlx::query(sql).bind(account.0.as_slice()).bind(member.id.0.as_slice()).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

/// A kit that is replaced has nothing left here: not its wrap, and not what it asked for.
async fn follow_kit(tx: &mut SqliteConnection, chain: &Chain) -> Answer<()> {
    let account = chain.account();
    let account = account.0.as_slice();
    let kit = chain.recovery().map(RecoveryKeys::id);
    let signing = chain.recovery().map(|keys| keys.signing.0.to_vec());
    let there: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT kit FROM kits WHERE account = ?").bind(account).fetch_optional(&mut *tx).await?;
    if there.as_deref() == kit.as_ref().map(|kit| kit.0.as_slice()) {
        return Ok(());
    }
    if let Some(there) = there {
        for sql in
            ["DELETE FROM wraps WHERE account = ? AND device = ?", "DELETE FROM kits WHERE account = ? AND kit = ?"]
        {
            sqlx::query(sql).bind(account).bind(&there).execute(&mut *tx).await?;
        }
        sqlx::query("DELETE FROM recoveries WHERE account = ?").bind(account).execute(&mut *tx).await?;
    }
    if let Some(kit) = kit {
        sqlx::query("INSERT INTO kits (account, kit, signing) VALUES (?, ?, ?)")
            .bind(account)
            .bind(kit.0.as_slice())
            .bind(signing)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Wraps of the newest epoch are kept and no others: older seeds are reached through the chain.
async fn follow_wraps(tx: &mut SqliteConnection, new: &NewLink<'_>) -> Answer<()> {
    let account = new.chain.account();
    let epoch = new.chain.epoch().map_or(0, |epoch| epoch.number);
    sqlx::query("DELETE FROM wraps WHERE account = ? AND epoch < ?")
        .bind(account.0.as_slice())
        .bind(epoch)
        .execute(&mut *tx)
        .await?;
    put_wraps(tx, new.chain, new.wraps).await
}

async fn put_wraps(tx: &mut SqliteConnection, chain: &Chain, wraps: &[DeviceWrap]) -> Answer<()> {
    let account = chain.account();
    let epoch = chain.epoch().map_or(0, |epoch| epoch.number);
    for DeviceWrap { device, wrap } in wraps {
        sqlx::query("INSERT OR REPLACE INTO wraps (account, device, epoch, wrap) VALUES (?, ?, ?, ?)")
            .bind(account.0.as_slice())
            .bind(device.0.as_slice())
            .bind(epoch)
            .bind(wrap.as_slice())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
