//! The server key file: the secret K from which server shares are derived, in generations that are named by a kid.
//!
//! Whoever holds this file and a copy of the databases has what the server has, so the file lives apart from them: the
//! server refuses to start when it lies inside the data folder, or when anyone but its owner may read it.
//!
//! One line for each generation: `<kid> <64 hex digits>`. The first line is the one that new shares use; to rotate, put a
//! line with a higher kid on top and restart. A line goes once no record names its kid any more.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::secret_file::{self, Fault};

/// Bytes of one generation of K.
const KEY_LEN: usize = 32;

/// All generations of the server key.
pub struct KeyFile {
    current: u32,
    keys: BTreeMap<u32, Zeroizing<[u8; KEY_LEN]>>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("current", &self.current).finish_non_exhaustive()
    }
}

/// Why the key file was refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not there, or not readable.
    #[error("cannot read the server key file {path}: {source} (make one with `glimpse-server keygen {path}`)")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key would be copied together with what it protects.
    #[error(
        "the server key file {0} lies inside the data folder; move it elsewhere, so that no copy of the data holds it"
    )]
    InsideData(PathBuf),
    /// Others may read it.
    #[error("the server key file {0} may be read by others; run: chmod 600 {0}")]
    Exposed(PathBuf),
    /// Not the format of a key file.
    #[error("the server key file {0} holds something other than lines of `<kid> <64 hex digits>` with distinct kids")]
    Malformed(PathBuf),
}

impl KeyFile {
    /// Reads the key file, unless it is where or how it must not be.
    ///
    /// # Errors
    /// [`KeyFileError`] names the fault.
    pub fn read(path: &Path, data: &Path) -> Result<Self, KeyFileError> {
        let text = secret_file::read(path, data).map_err(|fault| match fault {
            Fault::Unreadable(source) => KeyFileError::Unreadable { path: path.to_owned(), source },
            Fault::InsideData => KeyFileError::InsideData(path.to_owned()),
            Fault::Exposed => KeyFileError::Exposed(path.to_owned()),
        })?;
        Self::parse(&text).ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut keys = BTreeMap::new();
        let mut current = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (kid, digits) = line.split_once(' ')?;
            let kid = kid.parse::<u32>().ok()?;
            if keys.insert(kid, from_hex(digits.trim())?).is_some() {
                return None;
            }
            current.get_or_insert(kid);
        }
        Some(Self { current: current?, keys })
    }

    /// Writes a fresh key file with one generation, readable by its owner alone. Never overwrites.
    ///
    /// # Errors
    /// The operating system's, among them "already exists".
    pub fn generate(path: &Path) -> std::io::Result<()> {
        let mut key = Zeroizing::new([0u8; KEY_LEN]);
        getrandom::fill(key.as_mut_slice()).map_err(std::io::Error::other)?;
        let mut text = Zeroizing::new(String::from("1 "));
        for byte in key.iter() {
            write!(text, "{byte:02x}").map_err(std::io::Error::other)?;
        }
        text.push('\n');
        secret_file::write_new(path, &text)
    }

    /// The generation that new shares use.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// The key of a generation. Private to the crate: `share.rs` alone asks.
    pub(crate) fn key(&self, kid: u32) -> Option<&[u8; KEY_LEN]> {
        self.keys.get(&kid).map(|key| &**key)
    }
}

pub(crate) fn from_hex(digits: &str) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let mut key = Zeroizing::new([0u8; KEY_LEN]);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_LEN || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let [high, low] = pair.map(digit);
        *byte = high? << 4 | low?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_is_refused_where_and_how_it_must_not_be() {
        let folder = crate::test_server::ScratchFolder::new().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("data folder");
        let good = folder.path().join("k");
        KeyFile::generate(&good).expect("written");
        let keys = KeyFile::read(&good, &data).expect("accepted");
        assert!(keys.key(keys.current()).is_some_and(|key| *key != [0; KEY_LEN]));
        assert!(KeyFile::generate(&good).is_err(), "never overwritten");

        let inside = data.join("k");
        KeyFile::generate(&inside).expect("written");
        assert!(matches!(KeyFile::read(&inside, &data), Err(KeyFileError::InsideData(_))));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inside, &link).expect("a link");
        assert!(matches!(KeyFile::read(&link, &data), Err(KeyFileError::InsideData(_))), "a link does not hide it");

        std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(KeyFile::read(&good, &data), Err(KeyFileError::Exposed(_))));
        assert!(matches!(KeyFile::read(&data.join("none"), &data), Err(KeyFileError::Unreadable { .. })));
    }

    #[test]
    fn rotation_keeps_older_generations() {
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let keys = KeyFile::parse(&format!("# rotated\n2 {new}\n1 {old}\n")).expect("valid");
        assert_eq!(keys.current(), 2);
        assert_eq!(keys.key(1), Some(&[0x11; 32]));
        assert_eq!(keys.key(3), None);
        for bad in ["", "1", "1 zz", &format!("1 {old}\n1 {new}"), &format!("x {old}"), &format!("1 {old}00")] {
            assert!(KeyFile::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = KeyFile::parse(&format!("7 {}", "ab".repeat(32))).expect("valid");
        assert_eq!(format!("{keys:?}"), "KeyFile { current: 7, .. }");
    }
}
