//! The audit trail: hash-chained receipts.

use std::collections::BTreeSet;

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::pairing::{Terms, TermsUnit};
use glimpse_wire::session::{Destroyed, Event, Receipt};
use glimpse_wire::signature::verify;
use glimpse_wire::{AccountId, ErrorCode, Hash, SUITE, SessionId, UnitId, UnixMillis, decode, encode, preimage};
use sqlx::SqliteConnection;

use super::{Session, SignedIn, Store, agent_sessions, fixed, int, nat};
use crate::problem::Answer;
use crate::signing_key::SigningKey;

/// Numbers of the events that are looked for (protocol section 7.3).
const GRANTED: i64 = 1;
pub(super) const REFUSED: i64 = 3;
const ENDED: i64 = 4;
const DELETED: i64 = 5;
const COUNTERSIGNED: i64 = 6;

/// A receipt as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) body: Vec<u8>,
}

/// The newest receipt of a session.
#[derive(Clone, Copy, Debug)]
struct Head {
    seq: u64,
    hash: Hash,
    kind: i64,
}

impl Store {
    /// Whether a signed statement may name this receipt as the newest that its signer holds: one of the session, or none.
    pub(crate) async fn knows_receipt(&self, session: &SessionId, hash: &Hash) -> Answer<bool> {
        let mut reader = self.main.acquire().await?;
        Ok(seen(&mut reader, session.0.as_slice(), hash).await?.is_some())
    }

    /// Writes that Terms were granted; the same Terms again write nothing.
    ///
    /// # Errors
    /// `Conflict` for a session of another account, one that ended, and one that other Terms began.
    pub(crate) async fn write_granted(
        &self,
        granted: &Session,
        event: Event,
        now: UnixMillis,
    ) -> Answer<Option<Entry>> {
        let (session, account) = (&granted.session, &granted.account);
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if owner(&mut tx, session).await?.is_some_and(|owner| owner != account.0) {
            return Err(ErrorCode::Conflict.into());
        }
        let ended = is_written(&mut tx, session, ENDED).await?;
        let last: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND kind = ? ORDER BY seq DESC LIMIT 1")
                .bind(session.0.as_slice())
                .bind(GRANTED)
                .fetch_optional(&mut *tx)
                .await?;
        let last = last.and_then(|body| glimpse_wire::decode::<Receipt>(&body, usize::MAX).ok());
        if last.is_some_and(|receipt| receipt.event == event) {
            return if ended { Err(ErrorCode::Conflict.into()) } else { Ok(None) };
        }
        // The table of sessions forgets one a day after its end, and a backup may not know it: its receipts do.
        if ended || granted.seq == 1 && head(&mut tx, session).await?.is_some() {
            return Err(ErrorCode::Conflict.into());
        }
        let entry = append(&mut tx, session, account, event, now).await?;
        agent_sessions::granted(&mut tx, granted).await?;
        tx.commit().await?;
        Ok(Some(entry))
    }

    /// Writes, signed, that everything was destroyed, unless it is written.
    pub(crate) async fn write_deleted(
        &self,
        session: &SessionId,
        account: &AccountId,
        signing: &SigningKey,
        now: UnixMillis,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if is_written(&mut tx, session, DELETED).await? || !is_account(&mut tx, account).await? {
            return Ok(());
        }
        // As an audit counts them: all that Terms listed. The tables of units are empty by now.
        let granted: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND kind = ?")
            .bind(session.0.as_slice())
            .bind(GRANTED)
            .fetch_all(&mut *tx)
            .await?;
        let units: BTreeSet<UnitId> = granted.iter().flat_map(|body| units_of(body)).collect();
        let word = Destroyed {
            suite: SUITE,
            server: signing.public(),
            session: *session,
            head: head(&mut tx, session).await?.map_or(Hash::ZERO, |head| head.hash),
            at: now,
            units: u64::try_from(units.len()).unwrap_or(u64::MAX),
        };
        let (statement, signature) = signing.sign(&word);
        append(&mut tx, session, account, Event::Deleted { statement, signature }, now).await?;
        Ok(tx.commit().await?)
    }

    /// Writes an end, unless it is written.
    pub(crate) async fn write_once(
        &self,
        session: &SessionId,
        account: &AccountId,
        event: Event,
        now: UnixMillis,
    ) -> Answer<Option<Entry>> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        if is_written(&mut tx, session, number(&event)).await? || !is_account(&mut tx, account).await? {
            return Ok(None);
        }
        if let Event::Ended { code, .. } = &event {
            agent_sessions::ended(&mut tx, session, *code, now).await?;
        }
        let entry = append(&mut tx, session, account, event, now).await?;
        tx.commit().await?;
        Ok(Some(entry))
    }

    /// Sessions whose trail is a grant and nothing else, with their accounts. The index has all that is asked, so that no
    /// body of a receipt is read.
    pub(crate) async fn lone_grants(&self) -> Answer<Vec<(SessionId, AccountId)>> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT session, account FROM receipts AS first INDEXED BY receipts_by_account WHERE seq = 0
             AND NOT EXISTS (SELECT 1 FROM receipts WHERE session = first.session AND seq = 1)",
        )
        .fetch_all(&self.main)
        .await?;
        let ids = rows.iter().map(|(session, account)| Ok((SessionId(fixed(session)?), AccountId(fixed(account)?))));
        ids.collect()
    }

    /// Writes the device's countersignature over the newest receipt; over another one, and over a countersignature, which
    /// says all that another could, `Conflict`. Repeating it writes nothing.
    pub(crate) async fn write_countersigned(
        &self,
        session: &SessionId,
        device: &SignedIn,
        named: (u64, Hash),
        event: Event,
        now: UnixMillis,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // The viewer knows the head as well, and may have an account of its own.
        if owner(&mut tx, session).await?.is_none_or(|owner| owner != device.account.0) {
            return Err(ErrorCode::NotFound.into());
        }
        // So may another device of the account; an audit takes the word of the one that lent alone.
        if !granted_by(&mut tx, session, device).await? {
            return Err(ErrorCode::NotFound.into());
        }
        let head = head(&mut tx, session).await?.ok_or(ErrorCode::NotFound)?;
        if (head.seq, head.hash) != named {
            let repeated: Option<i64> = sqlx::query_scalar(
                "SELECT 1 FROM receipts WHERE session = ? AND seq = ? AND kind = 6 AND EXISTS
                 (SELECT 1 FROM receipts WHERE session = ? AND seq = ? AND hash = ?)",
            )
            .bind(session.0.as_slice())
            .bind(int(named.0.saturating_add(1)))
            .bind(session.0.as_slice())
            .bind(int(named.0))
            .bind(named.1.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
            return if repeated.is_some() { Ok(()) } else { Err(ErrorCode::Conflict.into()) };
        }
        if head.kind == COUNTERSIGNED {
            return Err(ErrorCode::Conflict.into());
        }
        append(&mut tx, session, &device.account, event, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Receipts of a session of this account after number `after`, or from the first.
    pub(crate) async fn receipts(
        &self,
        account: &AccountId,
        session: &SessionId,
        after: Option<u64>,
        limit: u32,
    ) -> Answer<Vec<Bytes>> {
        let bodies: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT body FROM receipts WHERE session = ? AND account = ? AND seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(session.0.as_slice())
        .bind(account.0.as_slice())
        .bind(after.map_or(-1, int))
        .bind(limit)
        .fetch_all(&self.main)
        .await?;
        Ok(bodies.into_iter().map(Bytes).collect())
    }

    /// Whether this account has, or had, such a session.
    pub(crate) async fn has_receipts(&self, account: &AccountId, session: &SessionId) -> Answer<bool> {
        let mut reader = self.main.acquire().await?;
        Ok(owner(&mut reader, session).await?.is_some_and(|owner| owner == account.0))
    }

    /// Whether this unit was opened: the condition for its content.
    pub(crate) async fn was_opened(&self, session: &SessionId, unit: &UnitId) -> Answer<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM requests WHERE session = ? AND unit = ? AND opened = 1 LIMIT 1")
                .bind(session.0.as_slice())
                .bind(unit.0.as_slice())
                .fetch_optional(&self.main)
                .await?;
        Ok(found.is_some())
    }

    /// How many units were opened so far.
    pub(crate) async fn openings(&self, session: &SessionId) -> Answer<u64> {
        let opened: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM requests WHERE session = ? AND opened = 1")
            .bind(session.0.as_slice())
            .fetch_one(&self.main)
            .await?;
        Ok(nat(opened))
    }
}

/// The number after the receipt that a signed statement names; of none, 0. `None` when the session has no such receipt.
pub(super) async fn seen(tx: &mut SqliteConnection, session: &[u8], hash: &Hash) -> Answer<Option<i64>> {
    if *hash == Hash::ZERO {
        return Ok(Some(0));
    }
    let seq: Option<i64> = sqlx::query_scalar("SELECT seq + 1 FROM receipts WHERE session = ? AND hash = ?")
        .bind(session)
        .bind(hash.0.as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(seq)
}

/// Writes the next receipt of a session's chain.
pub(super) async fn append(
    tx: &mut SqliteConnection,
    session: &SessionId,
    account: &AccountId,
    event: Event,
    now: UnixMillis,
) -> Answer<Entry> {
    let (seq, previous) = match head(tx, session).await? {
        Some(head) => (head.seq.saturating_add(1), head.hash),
        None => (0, Hash::ZERO),
    };
    let kind = number(&event);
    let receipt = Receipt { suite: SUITE, session: *session, seq, previous, at: now, event };
    let body = encode(&receipt);
    sqlx::query("INSERT INTO receipts (session, seq, account, hash, kind, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(session.0.as_slice())
        .bind(int(seq))
        .bind(account.0.as_slice())
        .bind(preimage::receipt_hash(&body).0.as_slice())
        .bind(kind)
        .bind(int(now.0))
        .bind(body.as_slice())
        .execute(tx)
        .await?;
    Ok(Entry { seq, body })
}

async fn is_written(tx: &mut SqliteConnection, session: &SessionId, kind: i64) -> Answer<bool> {
    let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM receipts WHERE session = ? AND kind = ?")
        .bind(session.0.as_slice())
        .bind(kind)
        .fetch_optional(tx)
        .await?;
    Ok(there.is_some())
}

async fn is_account(tx: &mut SqliteConnection, account: &AccountId) -> Answer<bool> {
    let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM accounts WHERE account = ?")
        .bind(account.0.as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(there.is_some())
}

/// The units that the Terms in a receipt list.
fn units_of(body: &[u8]) -> Vec<UnitId> {
    let Ok(Receipt { event: Event::Granted { terms, .. }, .. }) = decode(body, MAX_RECEIPT) else { return Vec::new() };
    let terms: Option<Terms> = decode(terms.as_slice(), MAX_RECEIPT).ok();
    terms.map_or_else(Vec::new, |terms| terms.units.iter().map(TermsUnit::unit).collect())
}

/// Whose session the receipts are about.
async fn owner(tx: &mut SqliteConnection, session: &SessionId) -> Answer<Option<Vec<u8>>> {
    let owner = sqlx::query_scalar("SELECT account FROM receipts WHERE session = ? LIMIT 1")
        .bind(session.0.as_slice())
        .fetch_optional(tx)
        .await?;
    Ok(owner)
}

/// Whether the first receipt holds Terms that this device signed.
async fn granted_by(tx: &mut SqliteConnection, session: &SessionId, device: &SignedIn) -> Answer<bool> {
    let first: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND seq = 0")
        .bind(session.0.as_slice())
        .fetch_optional(tx)
        .await?;
    let receipt = first.and_then(|body| decode::<Receipt>(&body, MAX_RECEIPT).ok());
    Ok(receipt.is_some_and(|receipt| {
        let Event::Granted { terms, transcript, kem, sealed, signature } = receipt.event else { return false };
        let signed = preimage::grant_signature(&transcript, &kem, terms.as_slice(), &sealed);
        verify(&device.signing, &signed, &signature).is_ok()
    }))
}

async fn head(tx: &mut SqliteConnection, session: &SessionId) -> Answer<Option<Head>> {
    let row: Option<(i64, Vec<u8>, i64)> =
        sqlx::query_as("SELECT seq, hash, kind FROM receipts WHERE session = ? ORDER BY seq DESC LIMIT 1")
            .bind(session.0.as_slice())
            .fetch_optional(tx)
            .await?;
    match row {
        Some((seq, hash, kind)) => Ok(Some(Head { seq: nat(seq), hash: Hash(fixed(&hash)?), kind })),
        None => Ok(None),
    }
}

pub(super) async fn range(tx: &mut SqliteConnection, session: &[u8], from: i64, to: i64) -> Answer<Vec<Bytes>> {
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND seq BETWEEN ? AND ? ORDER BY seq")
            .bind(session)
            .bind(from)
            .bind(to)
            .fetch_all(tx)
            .await?;
    Ok(bodies.into_iter().map(Bytes).collect())
}

const fn number(event: &Event) -> i64 {
    match event {
        Event::Granted { .. } => GRANTED,
        Event::Opened { .. } => 2,
        Event::Refused { .. } => REFUSED,
        Event::Ended { .. } => ENDED,
        Event::Deleted { .. } => DELETED,
        Event::Countersigned { .. } => COUNTERSIGNED,
    }
}
