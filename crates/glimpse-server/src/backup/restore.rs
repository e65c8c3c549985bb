//! From a backup to a data folder that a server can start on.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use glimpse_wire::{AccountId, RecordId, UnixMillis};
use sqlx::Connection as _;

use super::manifest::{Kind, Manifest, Outcome};
use super::{RESTORING, connect, folders};
use crate::settings::Settings;
use crate::store::{LOCK, Store, fixed, lock, nat};

/// What a restore puts in place; `main.db` last, without which there is no server's data.
const PARTS: [&str; 3] = ["blobs", "shares.db", "main.db"];

/// A record that cannot be opened again: its r is not in the copy of the shares, or its content not in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub record: RecordId,
    /// Its newest version in the copy.
    pub version: u64,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the copy of `main.db` was begun.
    pub main_made: UnixMillis,
    /// When that of `shares.db` was.
    pub shares_made: UnixMillis,
    /// Records that can be opened.
    pub records: u64,
    /// Records that are gone for good. They stay in the listing, since only their owner's device can sign that they go.
    pub lost: Vec<Lost>,
    /// Rows of r that no record of this copy uses; they were erased.
    pub unused: u64,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A restore never replaces anything.
    #[error("the data folder {0} is not empty; move away what is in it, with the server stopped")]
    NotEmpty(PathBuf),
    /// No manifest, or none that can be read: the folder is no backup, or one that was not finished.
    #[error("{0} is no backup: it has no manifest that can be read")]
    NoBackup(PathBuf),
    /// The two folders were mixed up.
    #[error("{0} is a backup of the other part: --from takes that of main.db, --shares-from that of shares.db")]
    OtherPart(PathBuf),
    /// The backup is not what was made.
    #[error("the backup is not whole; missing: [{}], altered: [{}]", .missing.join(", "), .altered.join(", "))]
    Damaged {
        /// Files that are not there.
        missing: Vec<String>,
        /// Files that hold something else.
        altered: Vec<String>,
    },
    /// The operating system's.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A database cannot be read.
    #[error("cannot read a restored database: {0}")]
    Database(#[from] sqlx::Error),
    /// The data folder cannot be made.
    #[error(transparent)]
    Data(#[from] crate::server::StartError),
}

impl RestoreError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Restores a backup into the data folder of the settings, which must be empty or hold a restore that was cut off.
///
/// Everything is gathered and checked in a folder inside it, put in place, and that folder removed. While it is there no server
/// starts; a restore that is cut off at any point begins anew.
///
/// # Errors
/// [`RestoreError`]; where the backup is at fault, the data folder is left empty.
pub async fn restore(settings: &Settings, from: &Path, shares_from: &Path) -> Result<Restored, RestoreError> {
    let main = manifest(from, Kind::Main)?;
    let shares = manifest(shares_from, Kind::Shares)?;
    let data = &settings.data;
    Store::make_own_folder(data)?;
    // No server starts and no other restore works here meanwhile.
    let _lock = lock(data).await?;
    let gathering = begin(data)?;
    let gathered = gather(&gathering, &[(from, &main), (shares_from, &shares)]).and_then(|()| {
        for folder in [gathering.join("blobs"), gathering.clone()] {
            folders::sync(&folder).map_err(|error| RestoreError::io(&folder)(std::io::Error::other(error)))?;
        }
        Ok(())
    });
    if let Err(error) = gathered {
        std::fs::remove_dir_all(&gathering).map_err(RestoreError::io(&gathering))?;
        return Err(error);
    }
    let restored = examine(&gathering, &main, &shares).await?;
    for part in PARTS {
        let (here, there) = (gathering.join(part), data.join(part));
        std::fs::rename(&here, &there).map_err(RestoreError::io(&there))?;
    }
    let sync = || folders::sync(data).map_err(|error| RestoreError::io(data)(std::io::Error::other(error)));
    sync()?;
    std::fs::remove_dir_all(&gathering).map_err(RestoreError::io(&gathering))?;
    sync()?;
    // The folders of sessions, closed to others as a server's own.
    Store::make_folder(data)?;
    Ok(restored)
}

fn manifest(copy: &Path, kind: Kind) -> Result<Manifest, RestoreError> {
    let manifest = Manifest::read(copy).map_err(RestoreError::io(copy))?;
    let manifest = manifest.ok_or_else(|| RestoreError::NoBackup(copy.to_owned()))?;
    if manifest.kind == kind { Ok(manifest) } else { Err(RestoreError::OtherPart(copy.to_owned())) }
}

/// Makes the folder in which everything is gathered. A data folder that holds one was left by a restore that was cut off, and
/// no server has started on it: what is there goes.
fn begin(data: &Path) -> Result<PathBuf, RestoreError> {
    let gathering = data.join(RESTORING);
    let folder =
        |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(RestoreError::io(path));
    if gathering.exists() {
        for part in PARTS.into_iter().chain([RESTORING]) {
            let path = data.join(part);
            let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match gone {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(RestoreError::io(&path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    for entry in std::fs::read_dir(data).map_err(RestoreError::io(data))? {
        if entry.map_err(RestoreError::io(data))?.file_name() != LOCK {
            return Err(RestoreError::NotEmpty(data.to_owned()));
        }
    }
    folder(&gathering.join("blobs"))?;
    Ok(gathering)
}

/// Copies every file, and names all that are not what was backed up.
fn gather(into: &Path, copies: &[(&Path, &Manifest)]) -> Result<(), RestoreError> {
    let (mut missing, mut altered) = (Vec::new(), Vec::new());
    for (copy, manifest) in copies {
        for entry in &manifest.files {
            match entry.copy_out(copy, into).map_err(RestoreError::io(&copy.join(&entry.path)))? {
                Outcome::Whole => {}
                Outcome::Missing => missing.push(entry.path.clone()),
                Outcome::Altered => altered.push(entry.path.clone()),
            }
        }
    }
    if missing.is_empty() && altered.is_empty() { Ok(()) } else { Err(RestoreError::Damaged { missing, altered }) }
}

/// What the two databases have of each other, and which records cannot be opened.
async fn examine(gathering: &Path, main: &Manifest, shares: &Manifest) -> Result<Restored, RestoreError> {
    type Row = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>, bool);
    let mut connection = connect(&gathering.join("main.db")).await?;
    let of_shares = gathering.join("shares.db");
    let name = of_shares.to_str().ok_or_else(|| {
        RestoreError::io(&of_shares)(std::io::Error::new(std::io::ErrorKind::InvalidFilename, "no UTF-8"))
    })?;
    sqlx::query("ATTACH ? AS shares").bind(name).execute(&mut connection).await?;
    sqlx::query("PRAGMA shares.secure_delete = ON").execute(&mut connection).await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT records.account, record, version,
                (SELECT file FROM contents
                 WHERE contents.account = records.account AND contents.h0 = records.h0 AND contents.state = 3),
                EXISTS (SELECT 1 FROM shares.record_shares AS s WHERE s.account = records.account AND s.h0 = records.h0)
         FROM records JOIN accounts USING (account) WHERE state IN (1, 2, 5) AND deleting = 0",
    )
    .fetch_all(&mut connection)
    .await?;
    let mut lost = Vec::new();
    let count = rows.len();
    for (account, record, version, file, has_share) in rows {
        let has_content =
            file.is_some_and(|file| gathering.join("blobs").join(crate::store::file_name(&file)).is_file());
        if !has_share || !has_content {
            let (account, record) = (AccountId(fixed(&account)?), RecordId(fixed(&record)?));
            lost.push(Lost { account, record, version: nat(version) });
        }
    }
    // r of versions that came after the copy of `main.db`: nothing would ever erase it.
    let unused = sqlx::query(
        "DELETE FROM shares.record_shares WHERE reserved IS NULL AND NOT EXISTS
         (SELECT 1 FROM contents WHERE contents.account = record_shares.account AND contents.h0 = record_shares.h0)",
    )
    .execute(&mut connection)
    .await?
    .rows_affected();
    // One that waited when the copy was made may have been stopped since: whoever holds the kit asks again, and waits anew.
    sqlx::query("DELETE FROM recoveries WHERE vetoed = 0").execute(&mut connection).await?;
    // An agent may have been revoked since: all sign in again. A copy of an older version has none.
    let agents: Option<i64> = sqlx::query_scalar("SELECT 1 FROM main.sqlite_master WHERE name = 'agent_tokens'")
        .fetch_optional(&mut connection)
        .await?;
    if agents.is_some() {
        sqlx::query("DELETE FROM agent_tokens").execute(&mut connection).await?;
    }
    connection.close().await?;
    let records = u64::try_from(count.saturating_sub(lost.len())).unwrap_or(u64::MAX);
    Ok(Restored { main_made: main.made, shares_made: shares.made, records, lost, unused })
}
