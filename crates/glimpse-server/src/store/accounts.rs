//! Accounts as they are founded and read: chains, what devices say of them, wraps, names.

use futures_util::TryStreamExt;
use glimpse_wire::account::Head;
use glimpse_wire::api::{Account, Chain as ChainAnswer, DeviceName, DeviceWrap, Doubled, SignedJson};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::MAX_LINKS_ANSWER;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, UnixMillis};
use sqlx::SqliteConnection;

use super::devices::belongs;
use super::{SignedIn, Store, fixed, int, links, nat, recovery};
use crate::problem::Answer;

impl Store {
    /// Founds an account, or finds it founded by the same bytes, so that a device may repeat what it could not finish.
    pub(crate) async fn create_account(&self, chain: &Chain, link: &[u8], wrap: &[u8]) -> Answer<()> {
        let account = chain.account();
        let account = account.0.as_slice();
        // A chain begins with one device.
        let [first] = chain.members() else { return Err(ErrorCode::Malformed.into()) };
        let device = first.id.0.as_slice();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Once another epoch began, the first one's wrap is not there to be compared with.
        let there: Option<(Vec<u8>, Option<Vec<u8>>, i64)> = sqlx::query_as(
            "SELECT link, wrap, deleting FROM accounts JOIN links USING (account)
             LEFT JOIN wraps ON wraps.account = accounts.account AND epoch = 1 AND device = ?
             WHERE accounts.account = ? AND links.seq = 0",
        )
        .bind(device)
        .bind(account)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((old_link, old_wrap, deleting)) = there {
            let same = old_link == link && old_wrap.is_none_or(|old| old == wrap) && deleting == 0;
            return if same { Ok(()) } else { Err(ErrorCode::Conflict.into()) };
        }
        sqlx::query("INSERT INTO accounts (account) VALUES (?)").bind(account).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO links (account, seq, hash, link) VALUES (?, 0, ?, ?)")
            .bind(account)
            .bind(chain.head().hash.0.as_slice())
            .bind(link)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO devices (account, device, signing) VALUES (?, ?, ?)")
            .bind(account)
            .bind(device)
            .bind(first.device.signing.0.as_slice())
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO wraps (account, device, epoch, wrap) VALUES (?, ?, 1, ?)")
            .bind(account)
            .bind(device)
            .bind(wrap)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The account as its devices read it. All that it says is of one moment.
    pub(crate) async fn account(&self, account: &AccountId, from: u64, now: UnixMillis) -> Answer<Account> {
        let mut tx = self.main.begin().await?;
        let chain = chain(&mut tx, account, from).await?;
        let wraps: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT device, wrap FROM wraps WHERE account = ? ORDER BY device")
                .bind(account.0.as_slice())
                .fetch_all(&mut *tx)
                .await?;
        let names: Vec<(Vec<u8>, i64, Vec<u8>)> =
            sqlx::query_as("SELECT device, epoch, sealed FROM names WHERE account = ? ORDER BY device")
                .bind(account.0.as_slice())
                .fetch_all(&mut *tx)
                .await?;
        let doubled: Vec<(Vec<u8>, i64)> = sqlx::query_as(
            "SELECT device, doubled FROM devices
             WHERE account = ? AND until IS NULL AND doubled IS NOT NULL ORDER BY device",
        )
        .bind(account.0.as_slice())
        .fetch_all(&mut *tx)
        .await?;
        let recovery = recovery::announced(&mut tx, account, now).await?;
        tx.rollback().await?;
        let wrap = |(device, wrap): (Vec<u8>, Vec<u8>)| -> Result<_, sqlx::Error> {
            Ok(DeviceWrap { device: DeviceId(fixed(&device)?), wrap: Bytes(wrap) })
        };
        let name = |(device, epoch, sealed): (Vec<u8>, i64, Vec<u8>)| -> Result<_, sqlx::Error> {
            let epoch = u32::try_from(epoch).unwrap_or(0);
            Ok(DeviceName { device: DeviceId(fixed(&device)?), epoch, sealed: Bytes(sealed) })
        };
        let twice = |(device, at): (Vec<u8>, i64)| -> Result<_, sqlx::Error> {
            Ok(Doubled { device: DeviceId(fixed(&device)?), at: UnixMillis(nat(at)) })
        };
        Ok(Account {
            chain,
            wraps: wraps.into_iter().map(wrap).collect::<Result<_, _>>()?,
            names: names.into_iter().map(name).collect::<Result<_, _>>()?,
            recovery,
            doubled: doubled.into_iter().map(twice).collect::<Result<_, _>>()?,
        })
    }

    /// The account's chain from a number on, and the newest word of each of its devices about the head.
    pub(crate) async fn chain(&self, account: &AccountId, from: u64) -> Answer<ChainAnswer> {
        let mut tx = self.main.begin().await?;
        let chain = chain(&mut tx, account, from).await;
        tx.rollback().await?;
        chain
    }

    /// Keeps a device's word about the newest head, unless a later one of that device is there.
    pub(crate) async fn put_head_statement(
        &self,
        device: &SignedIn,
        head: &Head,
        at: UnixMillis,
        signed: &SignedJson,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, device).await?;
        links::is_newest(&mut tx, &device.account, head).await?;
        sqlx::query(
            "INSERT INTO head_statements (account, device, at, statement, signature) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (account, device) DO UPDATE
             SET at = excluded.at, statement = excluded.statement, signature = excluded.signature
             WHERE excluded.at >= head_statements.at",
        )
        .bind(device.account.0.as_slice())
        .bind(device.device.0.as_slice())
        .bind(int(at.0))
        .bind(signed.statement.as_slice())
        .bind(signed.signature.0.as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps what a device of the account is called.
    pub(crate) async fn put_name(&self, by: &SignedIn, name: &DeviceName) -> Answer<()> {
        let account = by.account.0.as_slice();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let named: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM devices WHERE account = ? AND device = ? AND until IS NULL")
                .bind(account)
                .bind(name.device.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        named.ok_or(ErrorCode::NotFound)?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(epoch) FROM wraps WHERE account = ?")
            .bind(account)
            .fetch_one(&mut *tx)
            .await?;
        if name.epoch == 0 || newest.is_none_or(|newest| i64::from(name.epoch) > newest) {
            return Err(ErrorCode::Malformed.into());
        }
        sqlx::query("INSERT OR REPLACE INTO names (account, device, epoch, sealed) VALUES (?, ?, ?, ?)")
            .bind(account)
            .bind(name.device.0.as_slice())
            .bind(name.epoch)
            .bind(name.sealed.as_slice())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn chain(tx: &mut SqliteConnection, account: &AccountId, from: u64) -> Answer<ChainAnswer> {
    let length = links::head(tx, account).await?.seq.saturating_add(1);
    let mut rows = sqlx::query_scalar("SELECT link FROM links WHERE account = ? AND seq >= ? ORDER BY seq")
        .bind(account.0.as_slice())
        .bind(int(from))
        .fetch(&mut *tx);
    let (mut links, mut size): (Vec<Bytes>, usize) = (Vec::new(), 0);
    // Read row by row: of a long chain no more is in memory than what is answered.
    while let Some(link) = rows.try_next().await? {
        let link: Vec<u8> = link;
        size = size.saturating_add(link.len());
        if size > MAX_LINKS_ANSWER && !links.is_empty() {
            break;
        }
        links.push(Bytes(link));
    }
    drop(rows);
    let statements: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT statement, signature FROM head_statements JOIN devices USING (account, device)
         WHERE account = ? AND until IS NULL ORDER BY device",
    )
    .bind(account.0.as_slice())
    .fetch_all(&mut *tx)
    .await?;
    let statement = |(statement, signature): (Vec<u8>, Vec<u8>)| -> Result<_, sqlx::Error> {
        Ok(SignedJson { statement: Bytes(statement), signature: SignatureBytes(fixed(&signature)?) })
    };
    let statements = statements.into_iter().map(statement).collect::<Result<_, _>>()?;
    Ok(ChainAnswer { account: *account, length, links, statements })
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use crate::test_server::ScratchFolder;

    type Word = (Vec<u8>, Vec<u8>, i64, Vec<u8>);
    type Device = (Option<i64>, i64, i64, i64);

    #[tokio::test]
    async fn a_word_on_the_head_becomes_that_of_the_one_device() {
        let folder = ScratchFolder::new().expect("a folder");
        let file = folder.path().join("main.db");
        let older = [include_str!("main.sql"), include_str!("main.log.sql")];
        let before = open(&file, 1, &older).await.expect("opens");
        let rows = "INSERT INTO accounts (account) VALUES (x'aa'), (x'bb');
             INSERT INTO devices (account, device, signing) VALUES (x'aa', x'01', x'11'), (x'bb', x'02', x'12');
             INSERT INTO head_statements (account, at, statement, signature) VALUES (x'aa', 7, x'05', x'06');";
        sqlx::raw_sql(rows).execute(&before).await.expect("written");
        before.close().await;
        let steps = [older[0], older[1], include_str!("main.account.sql")];
        let after = open(&file, 1, &steps).await.expect("migrates");
        let words: Vec<Word> = sqlx::query_as("SELECT account, device, at, statement FROM head_statements")
            .fetch_all(&after)
            .await
            .expect("read");
        assert_eq!(words, [(vec![0xaa], vec![1], 7, vec![5])]);
        let devices: Vec<Device> = sqlx::query_as("SELECT until, free_at, sign_in, leaving FROM devices")
            .fetch_all(&after)
            .await
            .expect("read");
        assert_eq!(devices, [(None, 0, -1, 0); 2], "free, never seen, and there to stay");
    }
}
