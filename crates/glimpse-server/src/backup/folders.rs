//! Folders of copies: unfinished, finished, too old.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use glimpse_wire::UnixMillis;

use super::{BackupError, PARTIAL};
use crate::store::file_name;

/// Of a copy and its folders.
const OWNER_ONLY: u32 = 0o700;
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// A folder in which copies stand side by side.
#[derive(Debug)]
pub(super) struct Parent(PathBuf);

impl Parent {
    /// Makes it where it is missing, and refuses one that must not hold a copy.
    pub(super) fn open(path: &Path, data: &Path, key_file: &Path) -> Result<Self, BackupError> {
        DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(path).map_err(BackupError::io(path))?;
        let real = path.canonicalize().map_err(BackupError::io(path))?;
        if real.starts_with(data) || data.starts_with(&real) {
            return Err(BackupError::InData(path.to_owned()));
        }
        if key_file.canonicalize().is_ok_and(|key_file| key_file.starts_with(&real)) {
            return Err(BackupError::WithKey(path.to_owned()));
        }
        Ok(Self(real))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes it for this process, and removes what earlier ones did not finish.
    pub(super) fn locked(self) -> Result<LockedParent, BackupError> {
        let path = self.0.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(BackupError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::InUse(self.0)),
            Err(TryLockError::Error(source)) => return Err(BackupError::Io { path, source }),
        }
        for name in names(&self.0)?.iter().filter(|name| name.starts_with(PARTIAL)) {
            let unfinished = self.0.join(name);
            std::fs::remove_dir_all(&unfinished).map_err(BackupError::io(&unfinished))?;
        }
        Ok(LockedParent { path: self.0, _lock: file })
    }
}

/// A [`Parent`] that no other backup writes to.
#[derive(Debug)]
pub(super) struct LockedParent {
    path: PathBuf,
    _lock: File,
}

impl LockedParent {
    /// A folder for a copy that is being made.
    pub(super) fn begin(&self, now: UnixMillis) -> Result<Making<'_>, BackupError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| BackupError::io(&self.path)(std::io::Error::other(error.to_string())))?;
        let path = self.path.join(format!("{PARTIAL}{}", file_name(&random)));
        folder(&path)?;
        Ok(Making { parent: self, path, name: name_at(now) })
    }
}

/// A copy that is being made.
#[derive(Debug)]
pub(super) struct Making<'p> {
    parent: &'p LockedParent,
    path: PathBuf,
    name: String,
}

impl Making<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the copy its name, for which everything in it is on disk, and then removes all but the newest `keep`.
    pub(super) fn finish(self, keep: usize) -> Result<PathBuf, BackupError> {
        let parent = &self.parent.path;
        sync(&self.path)?;
        let path = parent.join(&self.name);
        std::fs::rename(&self.path, &path).map_err(BackupError::io(&path))?;
        sync(parent)?;
        let mut copies: Vec<String> = names(parent)?.into_iter().filter(|name| is_name(name)).collect();
        copies.sort_unstable();
        let old = copies.len().saturating_sub(keep.max(1));
        for name in copies.iter().take(old) {
            // Under a name that is no backup's first: one that is cut off while it goes is not taken for one.
            let (there, leaving) = (parent.join(name), parent.join(format!("{PARTIAL}{name}")));
            std::fs::rename(&there, &leaving).map_err(BackupError::io(&there))?;
            std::fs::remove_dir_all(&leaving).map_err(BackupError::io(&leaving))?;
        }
        Ok(path)
    }
}

/// Makes a folder for the owner alone.
pub(super) fn folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().mode(OWNER_ONLY).create(path).map_err(BackupError::io(path))
}

/// Sees to it that the names in a folder are on disk.
pub(super) fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(folder))
}

/// Closes a file to all but its owner, and sees to it that it is on disk.
pub(super) fn settle(path: &Path) -> Result<(), BackupError> {
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
        .and_then(|()| File::open(path))
        .and_then(|file| file.sync_all())
        .map_err(BackupError::io(path))
}

fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let entries = std::fs::read_dir(folder).map_err(BackupError::io(folder))?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(BackupError::io(folder))?.file_name().into_string());
    }
    Ok(names)
}

/// A copy's name: when it was begun, in UTC, so that names sort by time. `2026-11-25T16-28-00.123Z`.
fn name_at(now: UnixMillis) -> String {
    let (days, rest) = (now.0 / DAY_MILLIS, now.0 % DAY_MILLIS);
    let (seconds, millis) = (rest / 1_000, rest % 1_000);
    // Days from the civil calendar, by eras of 400 years that begin with March (H. Hinnant, "chrono-compatible low-level
    // date algorithms").
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{millis:03}Z")
}

/// Whether a name is that of a copy: digits where [`name_at`] has digits, and the same signs between them.
fn is_name(name: &str) -> bool {
    let pattern = "0000-00-00T00-00-00.000Z";
    name.len() == pattern.len()
        && name.bytes().zip(pattern.bytes()).all(|(there, sign)| match sign {
            b'0' => there.is_ascii_digit(),
            sign => there == sign,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_named_by_their_time() {
        for (millis, name) in [
            (0, "1970-01-01T00-00-00.000Z"),
            (951_782_400_000, "2000-02-29T00-00-00.000Z"),
            (1_795_624_081_007, "2026-11-25T16-28-01.007Z"),
            (4_107_542_399_999, "2100-02-28T23-59-59.999Z"),
            (4_107_542_400_000, "2100-03-01T00-00-00.000Z"),
        ] {
            assert_eq!(name_at(UnixMillis(millis)), name);
            assert!(is_name(name));
        }
        for other in ["", "lost+found", ".partial-00", "2026-11-25", "2026-11-25T16-28-01.00xZ"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
