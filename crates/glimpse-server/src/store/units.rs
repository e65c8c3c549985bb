//! Units of live sessions: their r, their envelopes, and their sealed content under `session-blobs/`.

use std::collections::HashSet;
use std::path::PathBuf;

use glimpse_wire::api::Share;
use glimpse_wire::limits::MAX_SEALINGS_PER_UNIT;
use glimpse_wire::session::UnitEnvelope;
use glimpse_wire::{ErrorCode, Hash, Salt, SessionId, UnitId, encode};

use super::contents::{Upload, remove};
use super::{Store, file_name, fixed, int, nat, random, wipe_log};
use crate::key_file::KeyFile;
use crate::problem::{Answer, Problem};
use crate::share::{R, Scope, derive};

/// Uploads for one session that may arrive at one time.
const ARRIVING_PER_SESSION: i64 = 8;

/// One sealing of a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitScope {
    pub(crate) session: SessionId,
    pub(crate) unit: UnitId,
    pub(crate) salt: Salt,
}

/// A unit as Terms list it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewUnit {
    pub(crate) unit: UnitId,
    /// The record version whose own ciphertext is lent, for a blob.
    pub(crate) blob: Option<Hash>,
}

/// A unit of a live session.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Hash of the Terms that listed it.
    pub(crate) terms: Hash,
    pub(crate) blob: Option<Hash>,
    /// What the device uploaded, once it did.
    pub(crate) sealed: Option<SealedUnit>,
}

/// The uploaded sealing of a unit.
#[derive(Clone, Debug)]
pub(crate) struct SealedUnit {
    pub(crate) salt: Salt,
    pub(crate) envelope: Vec<u8>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Store {
    fn session_blob_path(&self, file: &[u8]) -> PathBuf {
        self.folder.join("session-blobs").join(file_name(file))
    }

    /// A unit, if Terms of the session list it.
    pub(crate) async fn unit(&self, session: &SessionId, unit: &UnitId) -> Answer<Option<Unit>> {
        type Row = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);
        let row: Option<Row> =
            sqlx::query_as("SELECT terms, blob, salt, envelope, file, bytes FROM units WHERE session = ? AND unit = ?")
                .bind(session.0.as_slice())
                .bind(unit.0.as_slice())
                .fetch_optional(&self.sessions)
                .await?;
        let Some((terms, blob, salt, envelope, file, bytes)) = row else { return Ok(None) };
        let sealed = match (salt, envelope, file, bytes) {
            (Some(salt), Some(envelope), Some(file), Some(bytes)) => Some(SealedUnit {
                salt: Salt(fixed(&salt)?),
                envelope,
                path: self.session_blob_path(&file),
                bytes: nat(bytes),
            }),
            _ => None,
        };
        let blob = blob.map(|h0| fixed(&h0)).transpose()?.map(Hash);
        Ok(Some(Unit { terms: Hash(fixed(&terms)?), blob, sealed }))
    }

    /// Reserves the shares of sealings of units, or finds them reserved: all of them, or none.
    pub(crate) async fn mint_unit_shares(&self, keys: &KeyFile, scopes: &[UnitScope]) -> Answer<Vec<Share>> {
        let mut shares = Vec::with_capacity(scopes.len());
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        for UnitScope { session, unit, salt } in scopes {
            let live: Option<i64> = sqlx::query_scalar(
                "SELECT 1 FROM units JOIN sessions USING (session) WHERE session = ? AND unit = ? AND ended IS NULL",
            )
            .bind(session.0.as_slice())
            .bind(unit.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
            if live.is_none() {
                return Err(ErrorCode::NotFound.into());
            }
            let fresh: R = random()?;
            sqlx::query(
                "INSERT INTO unit_shares (session, unit, salt, kid, r)
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT COUNT(*) FROM unit_shares WHERE session = ?1 AND unit = ?2) < ?6
                 ON CONFLICT DO NOTHING",
            )
            .bind(session.0.as_slice())
            .bind(unit.0.as_slice())
            .bind(salt.0.as_slice())
            .bind(keys.current())
            .bind(fresh.as_slice())
            .bind(MAX_SEALINGS_PER_UNIT)
            .execute(&mut *tx)
            .await?;
            let row: Option<(i64, Vec<u8>)> =
                sqlx::query_as("SELECT kid, r FROM unit_shares WHERE session = ? AND unit = ? AND salt = ?")
                    .bind(session.0.as_slice())
                    .bind(unit.0.as_slice())
                    .bind(salt.0.as_slice())
                    .fetch_optional(&mut *tx)
                    .await?;
            let (kid, r) = row.ok_or(ErrorCode::RateLimited)?;
            shares.push(unit_share(keys, session, unit, salt, kid, &fixed(&r)?)?);
        }
        tx.commit().await?;
        Ok(shares)
    }

    /// The share of the sealing that was uploaded. The caller has written the receipt.
    pub(crate) async fn unit_share(
        &self,
        keys: &KeyFile,
        session: &SessionId,
        unit: &UnitId,
        salt: &Salt,
    ) -> Answer<Share> {
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT kid, r FROM unit_shares WHERE session = ? AND unit = ? AND salt = ?")
                .bind(session.0.as_slice())
                .bind(unit.0.as_slice())
                .bind(salt.0.as_slice())
                .fetch_optional(&self.sessions)
                .await?;
        let (kid, r) = row.ok_or(ErrorCode::NotFound)?;
        unit_share(keys, session, unit, salt, kid, &fixed(&r)?)
    }

    /// Makes room for the sealed content of a unit, if a share was minted for this sealing of it: `bytes`, of the
    /// `session_bytes` that one session may take with what is there and what is arriving.
    pub(crate) async fn begin_unit(&self, envelope: &UnitEnvelope, bytes: u64, session_bytes: u64) -> Answer<Upload> {
        let file: [u8; 16] = random()?;
        let session = envelope.session.0.as_slice();
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        let minted: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM unit_shares JOIN sessions USING (session)
             WHERE session = ? AND unit = ? AND salt = ? AND ended IS NULL",
        )
        .bind(session)
        .bind(envelope.unit.0.as_slice())
        .bind(envelope.salt.0.as_slice())
        .fetch_optional(&mut *tx)
        .await?;
        if minted.is_none() {
            return Err(ErrorCode::NotFound.into());
        }
        let (taken, arriving): (i64, i64) = sqlx::query_as(
            "SELECT COALESCE(SUM(bytes), 0), COUNT(*) - (SELECT COUNT(file) FROM units WHERE session = ?1)
             FROM unit_files WHERE session = ?1",
        )
        .bind(session)
        .fetch_one(&mut *tx)
        .await?;
        if nat(taken).saturating_add(bytes) > session_bytes {
            return Err(ErrorCode::TooLarge.into());
        }
        if arriving >= ARRIVING_PER_SESSION {
            return Err(ErrorCode::RateLimited.into());
        }
        sqlx::query("INSERT INTO unit_files (file, session, unit, bytes) VALUES (?, ?, ?, ?)")
            .bind(file.as_slice())
            .bind(session)
            .bind(envelope.unit.0.as_slice())
            .bind(int(bytes))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Upload { file, path: self.session_blob_path(&file) })
    }

    /// The file is whole, and as long as was said: the unit can be opened. A unit is sealed once; a second sealing is a
    /// conflict.
    pub(crate) async fn finish_unit(&self, upload: &Upload, envelope: &UnitEnvelope, bytes: u64) -> Answer<()> {
        let session = envelope.session.0.as_slice();
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        let sealed = sqlx::query(
            "UPDATE units SET salt = ?, envelope = ?, file = ?, bytes = ?
             WHERE session = ? AND unit = ? AND file IS NULL
               AND EXISTS (SELECT 1 FROM sessions WHERE sessions.session = units.session AND ended IS NULL)",
        )
        .bind(envelope.salt.0.as_slice())
        .bind(encode(envelope))
        .bind(upload.file.as_slice())
        .bind(int(bytes))
        .bind(session)
        .bind(envelope.unit.0.as_slice())
        .execute(&mut *tx)
        .await?;
        if sealed.rows_affected() != 1 {
            return Err(ErrorCode::Conflict.into());
        }
        sqlx::query("DELETE FROM unit_shares WHERE session = ? AND unit = ? AND salt <> ?")
            .bind(session)
            .bind(envelope.unit.0.as_slice())
            .bind(envelope.salt.0.as_slice())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// An upload that broke off or was refused.
    pub(crate) async fn abandon_unit(&self, upload: &Upload) -> Answer<()> {
        remove(upload.path.clone()).await?;
        sqlx::query("DELETE FROM unit_files WHERE file = ?")
            .bind(upload.file.as_slice())
            .execute(&self.sessions)
            .await?;
        Ok(())
    }

    /// At the start: removes files that no unit has, of uploads that were arriving when the server stopped.
    pub(crate) async fn sweep_unit_files(&self) -> Answer<()> {
        sqlx::query("DELETE FROM unit_files WHERE file NOT IN (SELECT file FROM units WHERE file IS NOT NULL)")
            .execute(&self.sessions)
            .await?;
        let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT file FROM unit_files").fetch_all(&self.sessions).await?;
        let kept: HashSet<String> = kept.iter().map(|file| file_name(file)).collect();
        let mut folder = tokio::fs::read_dir(self.folder.join("session-blobs")).await?;
        while let Some(entry) = folder.next_entry().await? {
            if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                remove(entry.path()).await?;
            }
        }
        Ok(())
    }

    /// Destroys r, envelopes and ciphertext of an ended session: r first, then the files, then the log that remembers both.
    pub(crate) async fn destroy_units(&self, session: &SessionId) -> Answer<()> {
        let session = session.0.as_slice();
        let mut tx = self.sessions.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM unit_shares WHERE session = ?").bind(session).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM units WHERE session = ?").bind(session).execute(&mut *tx).await?;
        tx.commit().await?;
        let files: Vec<Vec<u8>> = sqlx::query_scalar("SELECT file FROM unit_files WHERE session = ?")
            .bind(session)
            .fetch_all(&self.sessions)
            .await?;
        for file in files {
            remove(self.session_blob_path(&file)).await?;
        }
        sqlx::query("DELETE FROM unit_files WHERE session = ?").bind(session).execute(&self.sessions).await?;
        Ok(wipe_log(&self.sessions).await?)
    }
}

fn unit_share(keys: &KeyFile, session: &SessionId, unit: &UnitId, salt: &Salt, kid: i64, r: &R) -> Answer<Share> {
    let kid = u32::try_from(kid).unwrap_or(0);
    derive(keys, kid, Scope::Unit { session, unit, salt }, r).ok_or_else(|| {
        tracing::error!(kid, "the key file lacks a generation that a unit needs");
        Problem::new(ErrorCode::Internal)
    })
}
