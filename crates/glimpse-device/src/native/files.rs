//! A home folder: small files, replaced by rename, readable by their owner only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Local;
use crate::storage::{Guard, Storage, StorageError};

/// How often a lock that somebody else holds is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(15);

/// A folder in a file system.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// Uses `root`, which is made with the first file.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn error(&self, name: &str, cause: &io::Error) -> StorageError {
        StorageError { name: self.root.join(name).display().to_string(), cause: cause.to_string() }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        private_folder(folder)?;
        // One name for each process: two that write at once do not write into one another's file.
        let scratch = path.with_extension(format!("new-{}", std::process::id()));
        let written = write_new(&scratch, bytes).and_then(|()| fs::rename(&scratch, &path));
        if written.is_err() {
            let _gone = fs::remove_file(&scratch);
        }
        written?;
        sync_folder(folder)
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<File>> {
        let folder = self.root.join("locks");
        private_folder(&folder)?;
        let file = private_options().create(true).truncate(false).write(true).open(folder.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Storage for Files {
    fn read<'a>(&'a self, name: &'a str) -> Local<'a, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(async move {
            match fs::read(self.root.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(self.error(name, &error)),
            }
        })
    }

    fn write<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> Local<'a, Result<(), StorageError>> {
        Box::pin(async move { self.replace(name, bytes).map_err(|error| self.error(name, &error)) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Local<'a, Result<(), StorageError>> {
        Box::pin(async move {
            match fs::remove_file(self.root.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.error(name, &error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> Local<'a, Result<Vec<String>, StorageError>> {
        Box::pin(async move {
            let entries = match fs::read_dir(self.root.join(folder)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(self.error(folder, &error)),
            };
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut names: Vec<String> = names.filter(|name| !name.contains(".new-")).collect();
            names.sort_unstable();
            Ok(names)
        })
    }

    fn lock<'a>(&'a self, name: &'a str) -> Local<'a, Result<Guard, StorageError>> {
        Box::pin(async move {
            loop {
                // Tried, not waited for: another task of this very thread may hold it.
                match self.try_lock(name) {
                    Ok(Some(file)) => return Ok(Guard::new(file)),
                    Ok(None) => tokio::time::sleep(LOCK_RETRY).await,
                    Err(error) => return Err(self.error(name, &error)),
                }
            }
        })
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_options().create(true).truncate(true).write(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_options() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// A rename is on disk when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use glimpse_server::test_server::ScratchFolder;

    use super::*;

    #[tokio::test]
    async fn a_file_is_replaced_as_a_whole_and_read_by_its_owner_only() {
        let folder = ScratchFolder::new().unwrap();
        let files = Files::new(folder.path().join("home"));
        assert_eq!(files.read("sub/a").await, Ok(None));
        assert_eq!(files.list("sub").await, Ok(Vec::new()));
        files.write("sub/a", b"one").await.unwrap();
        files.write("sub/a", b"two").await.unwrap();
        assert_eq!(files.read("sub/a").await, Ok(Some(b"two".to_vec())));
        // What a crash left beside it is neither listed nor read.
        fs::write(folder.path().join("home/sub/a.new-1"), b"half").unwrap();
        assert_eq!(files.list("sub").await, Ok(vec!["a".to_owned()]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode("home"), mode("home/sub/a")), (0o700, 0o600));
        }
        files.remove("sub/a").await.unwrap();
        files.remove("sub/a").await.unwrap();
        // A folder in the place of a file is an error that names it.
        fs::create_dir(folder.path().join("home/b")).unwrap();
        assert!(files.write("b", b"x").await.unwrap_err().name.ends_with("home/b"));
    }

    #[tokio::test]
    async fn a_lock_keeps_everybody_else_out_until_it_is_dropped() {
        let folder = ScratchFolder::new().unwrap();
        let (ours, theirs) = (Files::new(folder.path().into()), Files::new(folder.path().into()));
        let held = ours.lock("listing").await.unwrap();
        assert!(theirs.try_lock("listing").unwrap().is_none());
        assert!(theirs.try_lock("attempts").unwrap().is_some(), "another lock is another");
        drop(held);
        theirs.lock("listing").await.unwrap();
    }
}
