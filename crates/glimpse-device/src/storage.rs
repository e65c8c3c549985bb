//! Where a device keeps what it must remember: a few small files under fixed names.

use core::fmt;

use crate::Local;

/// A file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {cause}")]
pub struct StorageError {
    /// Which file, as the user finds it.
    pub name: String,
    /// What the system says.
    pub cause: String,
}

/// Small files, each replaced as a whole.
pub trait Storage {
    /// Reads a file; nothing when there is none.
    fn read<'a>(&'a self, name: &'a str) -> Local<'a, Result<Option<Vec<u8>>, StorageError>>;

    /// Writes a file. When the future is done the new bytes are on disk; after a crash at any moment the file holds
    /// the old bytes or the new, whole.
    fn write<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> Local<'a, Result<(), StorageError>>;

    /// Removes a file; that it is gone already is no error.
    fn remove<'a>(&'a self, name: &'a str) -> Local<'a, Result<(), StorageError>>;

    /// Names of the files in a folder.
    fn list<'a>(&'a self, folder: &'a str) -> Local<'a, Result<Vec<String>, StorageError>>;

    /// Keeps every other process and task out of `name` until the guard is dropped. Held for one read and write, never
    /// while waiting for a person or the network.
    fn lock<'a>(&'a self, name: &'a str) -> Local<'a, Result<Guard, StorageError>>;
}

/// Holds a lock.
pub struct Guard(#[expect(dead_code, reason = "held for its drop")] Box<dyn core::any::Any>);

impl Guard {
    /// A guard that releases when `held` is dropped.
    #[must_use]
    pub fn new<T: 'static>(held: T) -> Self {
        Self(Box::new(held))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
