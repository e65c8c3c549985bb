//! What outlives a request: three SQLite files and two folders of blobs.
//!
//! ```text
//! data/main.db       accounts, chains, records, receipts, push subscriptions, organisations       back up
//! data/shares.db     r of each record version, and nothing else                back up apart, with a short retention
//! data/sessions.db   live sessions, units and their r, tombstones              never back up
//! data/blobs/        sealed content of record versions                         back up
//! data/session-blobs/  sealed content of units                                 never back up
//! ```
//!
//! The three files are three failure domains and never one transaction. Each operation that touches two of them writes in
//! the order that leaves, after a crash at any point, at most something that nobody can reach and that the sweep removes.

mod accounts;
mod agent_sessions;
mod agent_tokens;
mod contents;
mod decisions;
mod deletion;
mod devices;
mod links;
mod log;
mod openings;
mod organisations;
mod push;
mod receipts;
mod records;
mod recovery;
mod sessions;
mod shares;
mod signing;
mod units;

pub(crate) use agent_sessions::Notes;
pub(crate) use contents::Uploader;
pub(crate) use devices::{Member, SignedIn};
pub(crate) use links::{HeldAnew, NewLink};
pub(crate) use openings::Opening;
pub(crate) use organisations::AgentOf;
pub(crate) use receipts::Entry;
pub(crate) use records::State;
pub(crate) use recovery::{RecoveryAsked, RecoveryStands};
pub(crate) use sessions::Session;
pub(crate) use shares::VersionScope;
pub(crate) use units::{NewUnit, Unit, UnitScope};

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use glimpse_wire::ErrorCode;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::mpsc;

use crate::problem::{Answer, Problem};
use crate::server::StartError;

/// Connections that read the main database beside the one that writes.
const READERS: u32 = 8;
/// Of the data folder and what is in it.
const OWNER_ONLY: u32 = 0o700;
/// How long SQLite waits for another connection.
pub(crate) const BUSY: Duration = Duration::from_secs(10);
/// How long a start waits for an earlier server to let go of the data folder.
const HANDOVER: Duration = Duration::from_secs(10);
/// The file in the data folder that whoever works on it locks.
pub(crate) const LOCK: &str = "lock";

/// The databases and folders of one server.
#[derive(Debug)]
pub(crate) struct Store {
    /// Readers of `main.db`.
    main: SqlitePool,
    /// The one connection that writes to `main.db`: writers queue here, in order, rather than in SQLite's busy loop.
    writer: SqlitePool,
    /// Where requests to open queue, to be written together.
    openings: mpsc::Sender<openings::Waiting>,
    shares: SqlitePool,
    sessions: SqlitePool,
    folder: PathBuf,
    /// Held while the store is open, so that no second server works on the same folder.
    _lock: File,
}

impl Store {
    /// Makes the data folder and what belongs in it, for the owner alone.
    pub(crate) fn make_folder(data: &Path) -> Result<(), StartError> {
        is_whole(data)?;
        for folder in [data.to_owned(), data.join("blobs"), data.join("session-blobs")] {
            Self::make_own_folder(&folder)?;
        }
        Ok(())
    }

    /// Makes a folder for the owner alone. One that was there before is closed to others as well: SQLite makes its files as
    /// the umask says.
    pub(crate) fn make_own_folder(folder: &Path) -> Result<(), StartError> {
        DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY)
            .create(folder)
            .and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(OWNER_ONLY)))
            .map_err(|source| StartError::Data { path: folder.to_owned(), source })
    }

    /// Opens the databases and brings their schemas to this version.
    pub(crate) async fn open(data: &Path) -> Result<Self, StartError> {
        Self::make_folder(data)?;
        let lock = lock(data).await?;
        // Again: whoever held the lock until now may have been a restore.
        is_whole(data)?;
        let steps = [
            include_str!("main.sql"),
            include_str!("main.log.sql"),
            include_str!("main.account.sql"),
            include_str!("main.kits.sql"),
            include_str!("main.push.sql"),
            include_str!("main.decisions.sql"),
            include_str!("main.organisations.sql"),
            include_str!("main.providers.sql"),
            include_str!("main.signing.sql"),
        ];
        let writer = open(&data.join("main.db"), 1, &steps).await?;
        let main = open(&data.join("main.db"), READERS, &[]).await?;
        // One connection each: no reader can then hold up the checkpoint that destroys what was deleted.
        let shares = open(&data.join("shares.db"), 1, &[include_str!("shares.sql")]).await?;
        let steps = [include_str!("sessions.sql"), include_str!("sessions.2.sql"), include_str!("sessions.3.sql")];
        let sessions = open(&data.join("sessions.db"), 1, &steps).await?;
        let openings = openings::start(writer.clone());
        Ok(Self { main, writer, openings, shares, sessions, folder: data.to_owned(), _lock: lock })
    }

    /// Whether every database answers.
    pub(crate) async fn ping(&self) -> Result<(), sqlx::Error> {
        for pool in [&self.main, &self.writer, &self.shares, &self.sessions] {
            sqlx::query("SELECT 1").execute(pool).await?;
        }
        Ok(())
    }

    /// Closes the databases in order.
    pub(crate) async fn close(&self) {
        self.sessions.close().await;
        self.shares.close().await;
        self.main.close().await;
        self.writer.close().await;
    }

    /// Truncates every write-ahead log, so that what was deleted is gone from those as well.
    pub(crate) async fn wipe_logs(&self) -> Answer<()> {
        for pool in [&self.writer, &self.shares, &self.sessions] {
            wipe_log(pool).await?;
        }
        Ok(())
    }
}

/// Refuses a data folder that was not restored to the end.
fn is_whole(data: &Path) -> Result<(), StartError> {
    let restoring = data.join(crate::backup::RESTORING);
    if restoring.exists() {
        let source = std::io::Error::other("a restore is under way here, or was cut off: run it again");
        return Err(StartError::Data { path: restoring, source });
    }
    Ok(())
}

/// Takes the data folder for this process, for as long as the file is open.
pub(crate) async fn lock(data: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Data { path: data.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(data.join(LOCK)).map_err(failed)?;
    let deadline = tokio::time::Instant::now() + HANDOVER;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() >= deadline => {
                return Err(StartError::InUse(data.to_owned()));
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
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
pub(crate) fn random<const N: usize>() -> Answer<[u8; N]> {
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
        .pragma("secure_delete", "ON")
        // What SQLite sorts or keeps aside never lies in the system's temporary folder.
        .pragma("temp_store", "MEMORY");
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
