//! Files that hold a secret of the server, readable by their owner alone.
//!
//! Whoever copies the data folder must not copy what protects it, so what protects it is refused inside; and whatever others
//! may read is refused anywhere.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

/// Such a file is a few lines; anything longer is another file.
const MAX_FILE: u64 = 64 * 1024;
/// Any permission for the group or for others.
const NOT_OWNER: u32 = 0o077;

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Not there, or not readable.
    Unreadable(io::Error),
    /// It would be copied together with what it protects.
    InsideData,
    /// Others may read it.
    Exposed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads a file, unless it is where or how it must not be.
pub(crate) fn read(path: &Path, data: &Path) -> Result<Zeroizing<String>, Fault> {
    let real = path.canonicalize()?;
    if data.canonicalize().is_ok_and(|data| real.starts_with(data)) {
        return Err(Fault::InsideData);
    }
    read_inside(&real)
}

/// Reads a file wherever it is, unless others may.
pub(crate) fn read_inside(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let file = std::fs::File::open(path)?;
    // Asked of the open file, so that nothing can be swapped between the question and the reading.
    if file.metadata()?.mode() & NOT_OWNER != 0 {
        return Err(Fault::Exposed);
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a new file, readable by its owner alone. Never overwrites.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
