//! Files of the user: read to become records, written when content is asked for.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Chain, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64ct::Encoding;
use glimpse_content::limits::TEXT_READ;
use glimpse_content::{Detected, detect};
use glimpse_wire::UnixMillis;
use glimpse_wire::limits::{MAX_CONTENT, MAX_TITLE};
use glimpse_wire::record::Meta;

use crate::failure::Failure;
use crate::interrupt;
use crate::text::cut;

/// A file that is to become a record.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) detected: Detected,
    pub(crate) content: Chain<Cursor<Vec<u8>>, File>,
    modified: UnixMillis,
}

impl Source {
    /// Opens a file and looks at its beginning.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::input(path, &error.to_string());
        // Asked before it is opened: opening a pipe would wait for somebody to write to it.
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "it is a folder" } else { "it is no plain file" };
            return Err(Failure::input(path, what));
        }
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let length = metadata.len();
        let limit = limit.min(MAX_CONTENT);
        if length > limit {
            let mut failure = Failure::from(glimpse_wire::ErrorCode::TooLarge);
            failure.message = format!(
                "{} has {}; a record holds {} at most.",
                crate::text::clean(&path.display().to_string()),
                crate::text::size(length),
                crate::text::size(limit)
            );
            return Err(failure);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let look = u64::try_from(TEXT_READ).unwrap_or(u64::MAX);
        // Of its size from the start: the wiping heap copies what grows. One byte more shows the end.
        let room = usize::try_from(look.min(length)).unwrap_or(TEXT_READ).saturating_add(1);
        let mut beginning = Vec::with_capacity(room);
        Read::by_ref(&mut file).take(look).read_to_end(&mut beginning).map_err(failed)?;
        let detected = detect(&name, &beginning);
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0);
        Ok(Self { name, length, detected, content: Cursor::new(beginning).chain(file), modified: UnixMillis(modified) })
    }

    /// What the record is to say of itself.
    pub(crate) fn meta(&self, title: Option<&str>, tags: &[String], policy: u32) -> Meta {
        let stem = Path::new(&self.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let title = title.map_or_else(|| stem.unwrap_or_default(), str::to_owned);
        Meta {
            title: cut(&title, MAX_TITLE).to_owned(),
            kind: self.detected.kind.as_str().to_owned(),
            content_type: self.detected.content_type.to_owned(),
            file_name: cut(&self.name, MAX_TITLE).to_owned(),
            tags: tags.to_vec(),
            length: self.length,
            policy,
            from: String::new(),
            created: self.modified,
        }
    }
}

/// Files that are not whole yet.
static BEGUN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn begun() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BEGUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away what an interrupt left half: it may be readable, and its name is one that nobody looks for.
pub(crate) fn forget() {
    for scratch in begun().iter() {
        let _gone = fs::remove_file(scratch);
    }
}

/// A file that appears under its name only when it is whole.
pub(crate) struct Target {
    path: PathBuf,
    scratch: PathBuf,
    file: File,
}

impl Target {
    /// Begins a file, readable by its owner only. From here on an interrupt ends the process in order.
    pub(crate) fn begin(path: &Path, replace: bool) -> Result<Self, Failure> {
        if !replace && path.symlink_metadata().is_ok() {
            let error = io::Error::new(io::ErrorKind::AlreadyExists, "there is something by this name");
            return Err(Failure::output(path, &error));
        }
        interrupt::keep();
        let (scratch, file) = scratch(path).map_err(|error| Failure::output(path, &error))?;
        begun().insert(scratch.clone());
        Ok(Self { path: path.to_owned(), scratch, file })
    }

    /// Writes the next piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)
    }

    /// The file is whole.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let done =
            self.file.flush().and_then(|()| self.file.sync_all()).and_then(|()| fs::rename(&self.scratch, &self.path));
        done.map_err(|error| Failure::output(&self.path, &error))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Renamed already when all went well; otherwise half a file is no use to anybody.
        let _gone = fs::remove_file(&self.scratch);
        begun().remove(&self.scratch);
    }
}

/// A file beside `path` that was not there before, under a name that nobody can guess: neither another unit nor somebody
/// who waits with a symbolic link shares it.
fn scratch(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = format!(".glimpse-{}.part", base64ct::Base64UrlUnpadded::encode_string(&random));
    let scratch = path.with_file_name(name);
    let file = private().create_new(true).read(true).write(true).open(&scratch)?;
    Ok((scratch, file))
}

/// Content that waits here until all of it is known to be whole: in a file without a name, for its owner only.
pub(crate) struct Spool(File);

impl Spool {
    /// In the system's folder for temporary files.
    pub(crate) fn begin() -> io::Result<Self> {
        let (path, file) = scratch(&std::env::temp_dir().join("glimpse"))?;
        // Its name goes at once, so that nothing of it is left whatever happens.
        fs::remove_file(path)?;
        Ok(Self(file))
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.write_all(piece)
    }

    /// Everything that was written, to `sink`.
    pub(crate) fn copy_to(mut self, sink: &mut impl Write) -> io::Result<()> {
        self.0.seek(io::SeekFrom::Start(0))?;
        io::copy(&mut self.0, sink).map(|_| ())
    }
}

/// Nothing is at `path` yet: asked before a person is asked for anything.
pub(crate) fn require_free(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::output(path, &io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    // One that is named without a folder goes where the command runs.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.map(Path::metadata).transpose() {
        Ok(Some(folder)) if !folder.is_dir() => {
            Err(Failure::output(path, &io::Error::from(io::ErrorKind::NotADirectory)))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::output(path, &error)),
    }
}

/// Writes a secret to a file that is not there yet, for its owner alone.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a secret of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<zeroize::Zeroizing<String>> {
    let room = usize::try_from(limit.saturating_add(1)).unwrap_or(0);
    let mut text = zeroize::Zeroizing::new(String::with_capacity(room));
    File::open(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= limit) {
        Ok(text)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"))
    }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Refuses a file of secrets that others can read, or that somebody else made.
#[cfg(unix)]
pub(crate) fn require_private(file: &File, shown: &str) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    let mode = metadata.mode() & 0o777;
    if !metadata.is_file() {
        return Err(Failure::passphrase(format!("{shown} is no file."), "Name a plain file with mode 0600."));
    }
    if owner != rustix::process::geteuid().as_raw() {
        return Err(Failure::passphrase(
            format!("{shown} belongs to somebody else."),
            "Make one of your own, with mode 0600.",
        ));
    }
    if mode & 0o077 != 0 {
        return Err(Failure::passphrase(
            format!("Others may read {shown} (mode {mode:04o})."),
            format!("Close it first: chmod 600 {shown}"),
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn require_private(_file: &File, _shown: &str) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_two_files_share_a_scratch_and_a_planted_link_is_not_followed() {
        let folder = std::env::temp_dir().join(format!("glimpse-scratch-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        // Names whose first hundred and twenty bytes are the same.
        let long = "n".repeat(200);
        let paths = [folder.join(format!("{long}-one")), folder.join(format!("{long}-two"))];
        let mut targets: Vec<Target> = paths.iter().filter_map(|path| Target::begin(path, false).ok()).collect();
        assert_eq!(targets.len(), 2);
        for (target, content) in targets.iter_mut().zip([b"first", b"other"]) {
            target.write(content).expect("room");
        }
        assert!(targets.iter().all(|target| target.scratch.parent() == Some(&*folder)));
        for target in targets {
            assert!(target.finish().is_ok());
        }
        assert_eq!(fs::read(&paths[0]).ok().as_deref(), Some(&b"first"[..]));
        assert_eq!(fs::read(&paths[1]).ok().as_deref(), Some(&b"other"[..]));
        // A file that is not made here is never written to, whatever its name.
        let planted = folder.join("planted");
        fs::write(&planted, b"mine").expect("a file");
        assert!(private().create_new(true).write(true).open(&planted).is_err());
        assert!(fs::read_dir(&folder).is_ok_and(|entries| entries.count() == 3), "no scratch is left");
        fs::remove_dir_all(&folder).expect("gone");
    }
}
