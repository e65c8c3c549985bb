//! Accounts, devices, tokens, chains.

use glimpse_wire::account::{Genesis, Head};
use glimpse_wire::api::{Account, Chain, DeviceWrap, SignedJson};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, SigningKeyBytes, UnixMillis};

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

impl Store {
    /// Founds an account, or finds it founded by the same bytes, so that a device may repeat what it could not finish.
    pub(crate) async fn create_account(&self, genesis: &Genesis, link: &[u8], wrap: &[u8]) -> Answer<()> {
        let account = genesis.account.0.as_slice();
        let device = genesis.device.id();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let there: Option<(Vec<u8>, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT link, wrap, deleting FROM accounts JOIN links USING (account) JOIN wraps USING (account)
             WHERE account = ? AND links.seq = 0 AND epoch = 1",
        )
        .bind(account)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((old_link, old_wrap, deleting)) = there {
            let same = old_link == link && old_wrap == wrap && deleting == 0;
            return if same { Ok(()) } else { Err(ErrorCode::Conflict.into()) };
        }
        sqlx::query("INSERT INTO accounts (account) VALUES (?)").bind(account).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO links (account, seq, hash, link) VALUES (?, 0, ?, ?)")
            .bind(account)
            .bind(genesis.head.hash.0.as_slice())
            .bind(link)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO devices (account, device, signing) VALUES (?, ?, ?)")
            .bind(account)
            .bind(device.0.as_slice())
            .bind(genesis.device.signing.0.as_slice())
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO wraps (account, device, epoch, wrap) VALUES (?, ?, 1, ?)")
            .bind(account)
            .bind(device.0.as_slice())
            .bind(wrap)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The account as one of its devices reads it.
    pub(crate) async fn account(&self, account: &AccountId, device: &DeviceId) -> Answer<Account> {
        let wraps: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT wrap FROM wraps WHERE account = ? AND device = ? ORDER BY epoch")
                .bind(account.0.as_slice())
                .bind(device.0.as_slice())
                .fetch_all(&self.main)
                .await?;
        let wraps = wraps.into_iter().map(|wrap| DeviceWrap { device: *device, wrap: Bytes(wrap) }).collect();
        let chain = self.chain(account).await?;
        Ok(Account { chain, wraps, names: Vec::new(), recovery: None, doubled: Vec::new() })
    }

    /// The account's chain, and the newest word of a device about its head.
    pub(crate) async fn chain(&self, account: &AccountId) -> Answer<Chain> {
        let links = self.links(account).await?;
        if links.is_empty() {
            return Err(ErrorCode::NotFound.into());
        }
        let statement: Option<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT statement, signature FROM head_statements WHERE account = ?")
                .bind(account.0.as_slice())
                .fetch_optional(&self.main)
                .await?;
        let statement = match statement {
            Some((statement, signature)) => {
                Some(SignedJson { statement: Bytes(statement), signature: SignatureBytes(fixed(&signature)?) })
            }
            None => None,
        };
        let length = u64::try_from(links.len()).unwrap_or(u64::MAX);
        Ok(Chain { account: *account, length, links, statements: statement.into_iter().collect() })
    }

    async fn links(&self, account: &AccountId) -> Answer<Vec<Bytes>> {
        let links: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT link FROM links JOIN accounts USING (account) WHERE account = ? AND deleting = 0 ORDER BY links.seq",
        )
        .bind(account.0.as_slice())
        .fetch_all(&self.main)
        .await?;
        Ok(links.into_iter().map(Bytes).collect())
    }

    /// The chain's newest link. Everything that a device signs names it.
    pub(crate) async fn head(&self, account: &AccountId) -> Answer<Head> {
        let head: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, hash FROM links WHERE account = ? ORDER BY seq DESC LIMIT 1")
                .bind(account.0.as_slice())
                .fetch_optional(&self.main)
                .await?;
        let (seq, hash) = head.ok_or(ErrorCode::NotFound)?;
        Ok(Head { seq: nat(seq), hash: Hash(fixed(&hash)?) })
    }

    /// A device's signing key, as the chain has it.
    pub(crate) async fn device_key(&self, account: &AccountId, device: &DeviceId) -> Answer<Option<SigningKeyBytes>> {
        let key: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT signing FROM devices JOIN accounts USING (account) WHERE account = ? AND device = ? AND deleting = 0",
        )
        .bind(account.0.as_slice())
        .bind(device.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        Ok(key.map(|key| fixed(&key)).transpose()?.map(SigningKeyBytes))
    }

    /// Keeps a device's word about the head, unless a later one is there.
    pub(crate) async fn put_head_statement(
        &self,
        account: &AccountId,
        at: UnixMillis,
        signed: &SignedJson,
    ) -> Answer<()> {
        sqlx::query(
            "INSERT INTO head_statements (account, at, statement, signature) VALUES (?, ?, ?, ?)
             ON CONFLICT (account) DO UPDATE
             SET at = excluded.at, statement = excluded.statement, signature = excluded.signature
             WHERE excluded.at >= head_statements.at",
        )
        .bind(account.0.as_slice())
        .bind(int(at.0))
        .bind(signed.statement.as_slice())
        .bind(signed.signature.0.as_slice())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Keeps a token, by its hash alone. A device has a few at most; the oldest goes.
    pub(crate) async fn put_token(
        &self,
        hash: &Hash,
        account: &AccountId,
        device: &DeviceId,
        expires: UnixMillis,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO tokens (hash, account, device, expires) VALUES (?, ?, ?, ?)")
            .bind(hash.0.as_slice())
            .bind(account.0.as_slice())
            .bind(device.0.as_slice())
            .bind(int(expires.0))
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM tokens WHERE hash IN
             (SELECT hash FROM tokens WHERE account = ? AND device = ? ORDER BY expires DESC LIMIT -1 OFFSET ?)",
        )
        .bind(account.0.as_slice())
        .bind(device.0.as_slice())
        .bind(TOKENS_PER_DEVICE)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whose token this is, if it is still good.
    pub(crate) async fn token(&self, hash: &Hash, now: UnixMillis) -> Answer<Option<SignedIn>> {
        let row: Option<(Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT tokens.account, tokens.device, signing
             FROM tokens JOIN devices USING (account, device) JOIN accounts USING (account)
             WHERE hash = ? AND expires > ? AND deleting = 0",
        )
        .bind(hash.0.as_slice())
        .bind(int(now.0))
        .fetch_optional(&self.main)
        .await?;
        let Some((account, device, signing)) = row else { return Ok(None) };
        Ok(Some(SignedIn {
            account: AccountId(fixed(&account)?),
            device: DeviceId(fixed(&device)?),
            signing: SigningKeyBytes(fixed(&signing)?),
        }))
    }

    /// Forgets tokens that have lapsed.
    pub(crate) async fn sweep_tokens(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("DELETE FROM tokens WHERE expires <= ?").bind(int(now.0)).execute(&self.writer).await?;
        Ok(())
    }
}
