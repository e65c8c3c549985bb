//! What the person chose on this device, in a small file beside the keys. Nothing in it is secret.

use glimpse_device::storage::{Storage, StorageError};
use serde::{Deserialize, Serialize};

use crate::site::origin;

const FILE: &str = "phone.json";
/// The file is at most this long, in bytes.
const MAX_FILE: usize = 4096;
/// A name of a language is at most this long, in bytes.
const MAX_LANGUAGE: usize = 16;
/// After how many minutes the keys can be put away.
const LOCKS: [u32; 4] = [0, 1, 5, 15];
const DEFAULT_LOCK: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Prefs {
    /// Minutes without a touch after which the keys are put away; none for at once.
    pub(crate) lock: u32,
    /// Empty for that of the browser.
    pub(crate) language: String,
    /// The page that the screen with a code names; empty for the server's own.
    pub(crate) site: String,
}

impl Default for Prefs {
    fn default() -> Self {
        Self { lock: DEFAULT_LOCK, language: String::new(), site: String::new() }
    }
}

impl Prefs {
    /// What was chosen; the defaults where nothing was, or the file is none of ours.
    pub(crate) async fn read(storage: &dyn Storage) -> Self {
        let bytes = storage.read(FILE).await.ok().flatten().filter(|bytes| bytes.len() <= MAX_FILE);
        let read = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok()).unwrap_or_default();
        Self { lock: lock(read.lock), language: language(&read.language), site: origin(&read.site).unwrap_or_default() }
    }

    pub(crate) async fn store(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| StorageError { name: FILE.to_owned(), cause: error.to_string() })?;
        storage.write(FILE, &bytes).await
    }

    pub(crate) async fn forget(storage: &dyn Storage) -> Result<(), StorageError> {
        storage.remove(FILE).await
    }
}

/// One of the times that there are.
pub(crate) fn lock(minutes: u32) -> u32 {
    if LOCKS.contains(&minutes) { minutes } else { DEFAULT_LOCK }
}

/// A language, by its look.
pub(crate) fn language(word: &str) -> String {
    let fits = word.len() <= MAX_LANGUAGE && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if fits { word.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_choice_is_the_default() {
        assert_eq!([0, 1, 2, 5, 15, 16, u32::MAX].map(lock), [0, 1, 5, 5, 15, 5, 5]);
        assert_eq!(["", "de", "zh-Hant", "../x", "a\u{301}"].map(language), ["", "de", "zh-Hant", "", ""]);
        let read = |json: &str| serde_json::from_str::<Prefs>(json).unwrap_or_default();
        assert_eq!(read("{}"), Prefs::default());
        assert_eq!(read("{\"lock\":-1}"), Prefs::default());
        assert_eq!(read("{\"lock\":1}").lock, 1);
    }
}
