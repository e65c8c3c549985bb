//! Copies of a server's data that can be restored: `backup` while it serves, `restore` into an empty folder.
//!
//! ```text
//! TO/2026-11-25T16-28-00Z/          manifest.json, main.db, blobs/…     keep as long as you like
//! SHARES-TO/2026-11-25T16-28-00Z/   manifest.json, shares.db            keep briefly: this is the lag of every deletion
//! ```
//!
//! The order makes the pair sound: `main.db` first, then the blobs that this copy names, `shares.db` last. What was published
//! before the copy of `main.db` has its blob and its r in the others, unless it was deleted in between; and whoever deletes
//! erases r before the blob, so a blob that is gone when its turn comes has no r in the copy either. Sessions are never
//! copied, and neither is the key file.
//!
//! A copy is written under a name that begins with [`PARTIAL`] and gets its own name when everything in it is on disk, the
//! manifest last. A folder without a manifest is no backup.

mod folders;
mod manifest;
mod restore;

pub use restore::{Lost, RestoreError, Restored, restore};

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::file_name;
use folders::{Making, Parent};
use manifest::{Kind, Manifest};

/// What the name of a copy begins with that is not finished.
const PARTIAL: &str = ".partial-";
/// The folder inside the data folder in which a restore gathers what it will put in place; while it is there, no server starts.
pub(crate) const RESTORING: &str = "restoring";

/// Where copies go, and how many stay.
#[derive(Clone, Debug)]
pub struct BackupPlan {
    /// For `main.db` and `blobs/`.
    pub to: PathBuf,
    /// For `shares.db`: apart, never in or around the other.
    pub shares_to: PathBuf,
    /// Copies that stay in `to`, this one included; at least one does.
    pub keep: usize,
    /// Copies that stay in `shares_to`. A deletion has reached the backups once the copies made before it are gone.
    pub keep_shares: usize,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The folder for `restore --from`.
    pub main: PathBuf,
    /// The folder for `restore --shares-from`.
    pub shares: PathBuf,
    /// Blobs that were copied.
    pub blobs: usize,
    /// Blobs that `main.db` named and that were deleted while it was copied.
    pub deleted: usize,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One folder for both would end the retention of one with that of the other.
    #[error("the two backups must lie apart: {0} and {1}")]
    Together(PathBuf, PathBuf),
    /// A copy inside the data folder is none, and would be copied.
    #[error("{0} and the data folder lie in each other; a backup goes elsewhere")]
    InData(PathBuf),
    /// With the key, a copy of the shares would be all that the server has.
    #[error("the server key file lies inside {0}; keep it apart from every backup")]
    WithKey(PathBuf),
    /// Two at a time would remove each other's unfinished copies.
    #[error("another backup is being written to {0}")]
    InUse(PathBuf),
    /// The operating system's.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A database cannot be read or copied.
    #[error("cannot copy a database: {0}")]
    Database(#[from] sqlx::Error),
}

impl BackupError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Copies the data of a server that may be running.
///
/// # Errors
/// [`BackupError`]. What was begun is no backup, and goes with the next one that is made.
pub async fn backup(settings: &Settings, plan: &BackupPlan, clock: &dyn Clock) -> Result<BackedUp, BackupError> {
    let data = settings.data.canonicalize().map_err(BackupError::io(&settings.data))?;
    let to = Parent::open(&plan.to, &data, &settings.key_file)?;
    let shares_to = Parent::open(&plan.shares_to, &data, &settings.key_file)?;
    if to.path().starts_with(shares_to.path()) || shares_to.path().starts_with(to.path()) {
        return Err(BackupError::Together(plan.to.clone(), plan.shares_to.clone()));
    }
    let (to, shares_to) = (to.locked()?, shares_to.locked()?);
    let now = clock.now();
    let (main, shares) = (to.begin(now)?, shares_to.begin(now)?);

    let files = copy_main(&data, &main).await?;
    let mut manifest = Manifest::new(Kind::Main, now);
    manifest.add(main.path(), "main.db")?;
    let blobs = main.path().join("blobs");
    folders::folder(&blobs)?;
    let mut deleted = 0usize;
    for file in &files {
        let there = manifest.copy(&data, main.path(), &format!("blobs/{}", file_name(file)))?;
        deleted += usize::from(!there);
    }
    folders::sync(&blobs)?;
    copy_database(&data.join("shares.db"), &shares.path().join("shares.db")).await?;
    let mut of_shares = Manifest::new(Kind::Shares, now);
    of_shares.add(shares.path(), "shares.db")?;

    // The shares first: a copy of `main.db` without one of its time would restore records that nobody can open.
    of_shares.write(shares.path())?;
    let shares = shares.finish(plan.keep_shares)?;
    manifest.write(main.path())?;
    let main = main.finish(plan.keep)?;
    Ok(BackedUp { main, shares, blobs: files.len().saturating_sub(deleted), deleted })
}

/// Copies `main.db`, and says which blobs the copy names. Uploads that nobody has published yet are left out: in the copy they
/// are leaving, and the sweep of the first start forgets them.
async fn copy_main(data: &Path, main: &Making<'_>) -> Result<Vec<Vec<u8>>, BackupError> {
    let copy = main.path().join("main.db");
    copy_database(&data.join("main.db"), &copy).await?;
    let mut connection = connect(&copy).await?;
    sqlx::query("UPDATE contents SET state = 0 WHERE state IN (1, 2)").execute(&mut connection).await?;
    let files = sqlx::query_scalar("SELECT file FROM contents WHERE state = 3").fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(files)
}

/// One consistent copy of a database that others write to, without what was deleted from it.
async fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let name = to.to_str().ok_or_else(|| BackupError::Io {
        path: to.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "SQLite takes names in UTF-8 only"),
    })?;
    let mut connection = connect(from).await?;
    sqlx::query("VACUUM INTO ?").bind(name).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Opens a database that is there.
async fn connect(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(crate::store::BUSY)
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY");
    SqliteConnection::connect_with(&options).await
}
