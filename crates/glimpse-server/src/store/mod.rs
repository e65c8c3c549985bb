//! What outlives a request: three SQLite files and two folders of blobs.
//!
//! ```text
//! data/main.db       accounts, devices, tokens, chains, records, receipts      back up
//! data/shares.db     r of each record version, and nothing else                back up apart, with a short retention
//! data/sessions.db   live sessions, units and their r, tombstones              never back up
//! data/blobs/        sealed content of record versions                         back up
//! data/session-blobs/  sealed content of units                                 never back up
//! //! ```
//!
//! The three files are three failure domains and never one transaction. Each operation that touches two of them writes in
//! the order that leaves, after a crash at any point, at most something that nobody can reach and that the sweep removes.

mod accounts;
mod contents;
mod deletion;
mod receipts;
mod records;
mod sessions;
mod shares;
mod units;

pub(crate) use accounts::SignedIn;
pub(crate) use receipts::Entry;
pub(crate) use records::State;
pub(crate) use sessions::Session;
pub(crate) use shares::VersionScope;
pub(crate) use units::{NewUnit, Unit};

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glimpse_wire::ErrorCode;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::problem::Problem;
use crate::server::StartError;

/// Connections to the main database: readers run beside the one writer.
const MAIN_CONNECTIONS: u32 = 8;
/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(10);

/// The databases and folders of one server.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) main: SqlitePool,
    pub(crate) shares: SqlitePool,
    pub(crate) sessions: SqlitePool,
    pub(crate) folder: PathBuf,
}

impl Store {
    /// Makes the data folder and what belongs in it, for the owner alone.
    pub(crate) fn make_folder(data: &Path) -> Result<(), StartError> {
        for folder in [data.to_owned(), data.join("blobs"), data.join("session-blobs")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|source| StartError::Data { path: folder, source })?;
        }
        Ok(())
    }

    /// Opens the databases and brings their schemas to this version.
    pub(crate) async fn open(data: &Path) -> Result<Self, StartError> {
        Self::make_folder(data)?;
        let main = open(&data.join("main.db"), MAIN_CONNECTIONS, &[include_str!("main.sql")]).await?;
        // One connection each: no reader can then hold up the checkpoint that destroys what was deleted.
        let shares = open(&data.join("shares.db"), 1, &[include_str!("shares.sql")]).await?;
        let sessions = open(&data.join("sessions.db"), 1, &[include_str!("sessions.sql")]).await?;
        Ok(Self { main, shares, sessions, folder: data.to_owned() })
    }

    /// Whether every database answers.
    pub(crate) async fn ping(&self) -> Result<(), sqlx::Error> {
        for pool in [&self.main, &self.shares, &self.sessions] {
            sqlx::query("SELECT 1").execute(pool).await?;
        }
        Ok(())
    }

    /// Closes the databases in order.
    pub(crate) async fn close(&self) {
        self.sessions.close().await;
        self.shares.close().await;
        self.main.close().await;
    }
}

/// A number for SQLite, whose integers are signed. Nothing that is stored comes near the border.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from SQLite; none that is stored is negative.
pub(crate) fn nat(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A fixed-length value from a column; a row of another shape is a damaged database.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("a stored value has the wrong length".into()))
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|_| Problem::new(ErrorCode::Internal))?;
    Ok(bytes)
}

/// A file name for random bytes: lower-case hex.
pub(crate) fn file_name(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut name, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Truncates the write-ahead log, which otherwise holds pages as they were before a deletion.
pub(crate) async fn wipe_log(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await?;
    Ok(())
}

/// Opens one database file. `steps` are the schema's versions, each applied once, in a transaction of its own.
async fn open(file: &Path, connections: u32, steps: &[&'static str]) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .auto_vacuum(SqliteAutoVacuum::None)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // Deleted content is overwritten with zeros, in the file; `wipe_log` sees to the write-ahead log.
        .pragma("secure_delete", "ON");
    let pool = SqlitePoolOptions::new().max_connections(connections).connect_with(options).await?;
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await?;
    for (index, step) in (1i64..).zip(steps).filter(|(index, _)| *index > done) {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
        let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {index}"));
        sqlx::raw_sql(version).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(pool)
}
