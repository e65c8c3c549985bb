//! What a device keeps in its home, file by file.
//!
//! | file | holds | protected by |
//! |---|---|---|
//! | `account.cbor` | server, genesis link, name: public | nothing: it is checked when read |
//! | `keys.cbor` | device keys and account seeds | the passphrase ([`glimpse_core::vault`]) |
//! | `listing.sealed` | what each record is, and the highest versions seen | a key that follows from the device's |
//! | `attempts.cbor` | failed pairings | nothing: who can write here can lend anyway |
//! | `receipts/<session>.cbor` | the audit trail of each session | its own signatures |
//! | `locks/` | empty files that processes lock | |

use core::fmt;
use std::rc::Rc;

use glimpse_core::attempts::Attempts;
use glimpse_wire::account::{Genesis, SignedLink};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::{Malformed, decode, encode};
use minicbor::{Decode, Encode};

use crate::error::DeviceError;
use crate::storage::{Guard, Storage, StorageError};

/// A profile is at most this long, in bytes.
const MAX_PROFILE: usize = 2 * MAX_LINK;
const MAX_ATTEMPTS: usize = 4 * 1024;

/// What a device knows of itself before its keys are unlocked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// Form of the file.
    #[n(0)]
    version: u8,
    /// The server's origin.
    #[n(1)]
    pub server: String,
    /// The name that a viewer reads; may be empty.
    #[n(2)]
    pub name: String,
    /// The genesis link, byte for byte as it was sent.
    #[n(3)]
    pub link: SignedLink,
    /// The seed of epoch 1, wrapped to this device.
    #[n(4)]
    pub wrap: Bytes,
    /// Whether the server has confirmed the account.
    #[n(5)]
    pub confirmed: bool,
}

impl Profile {
    /// Of an account that the server does not know yet.
    #[must_use]
    pub const fn new(server: String, name: String, link: SignedLink, wrap: Bytes) -> Self {
        Self { version: 1, server, name, link, wrap, confirmed: false }
    }

    /// The genesis link, checked.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`].
    pub fn genesis(&self) -> Result<Genesis, DeviceError> {
        Genesis::verify(&self.link).map_err(|_| DeviceError::Damaged(Home::PROFILE))
    }
}

/// A device's home.
#[derive(Clone)]
pub struct Home {
    storage: Rc<dyn Storage>,
}

impl Home {
    const PROFILE: &'static str = "account.cbor";
    const KEYS: &'static str = "keys.cbor";
    const LISTING: &'static str = "listing.sealed";
    const ATTEMPTS: &'static str = "attempts.cbor";
    const RECEIPTS: &'static str = "receipts";

    /// In `storage`.
    #[must_use]
    pub fn new(storage: Rc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// Keeps other processes from changing the account.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn lock_account(&self) -> Result<Guard, StorageError> {
        self.storage.lock("account").await
    }

    /// Keeps other processes from changing the listing.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn lock_listing(&self) -> Result<Guard, StorageError> {
        self.storage.lock("listing").await
    }

    /// Keeps other processes from changing the audit trails.
    pub(crate) async fn lock_trails(&self) -> Result<Guard, StorageError> {
        self.storage.lock("receipts").await
    }

    /// The profile, if an account is here.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn profile(&self) -> Result<Option<Profile>, DeviceError> {
        let Some(bytes) = self.storage.read(Self::PROFILE).await? else { return Ok(None) };
        match decode::<Profile>(&bytes, MAX_PROFILE) {
            Ok(profile) if profile.version == 1 => Ok(Some(profile)),
            Ok(_) | Err(Malformed) => Err(DeviceError::Damaged(Self::PROFILE)),
        }
    }

    pub(crate) async fn store_profile(&self, profile: &Profile) -> Result<(), StorageError> {
        self.storage.write(Self::PROFILE, &encode(profile)).await
    }

    pub(crate) async fn keys(&self) -> Result<Vec<u8>, DeviceError> {
        self.storage.read(Self::KEYS).await?.ok_or(DeviceError::Damaged(Self::KEYS))
    }

    pub(crate) async fn store_keys(&self, sealed: &[u8]) -> Result<(), StorageError> {
        self.storage.write(Self::KEYS, sealed).await
    }

    pub(crate) async fn listing(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(Self::LISTING).await
    }

    pub(crate) async fn store_listing(&self, sealed: &[u8]) -> Result<(), StorageError> {
        self.storage.write(Self::LISTING, sealed).await
    }

    pub(crate) const fn damaged_listing() -> DeviceError {
        DeviceError::Damaged(Self::LISTING)
    }

    /// Changes what the device remembers of failed pairings, and gives what `change` gives once it is on disk.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`]; then nothing has changed.
    pub async fn with_attempts<T>(&self, change: impl FnOnce(&mut Attempts) -> T) -> Result<T, DeviceError> {
        let _held = self.storage.lock("attempts").await?;
        let mut attempts = match self.storage.read(Self::ATTEMPTS).await? {
            None => Attempts::default(),
            Some(bytes) => decode(&bytes, MAX_ATTEMPTS).map_err(|_| DeviceError::Damaged(Self::ATTEMPTS))?,
        };
        let before = attempts.clone();
        let given = change(&mut attempts);
        if attempts != before {
            self.storage.write(Self::ATTEMPTS, &encode(&attempts)).await?;
        }
        Ok(given)
    }

    pub(crate) async fn trail(&self, session: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(&format!("{}/{session}.cbor", Self::RECEIPTS)).await
    }

    pub(crate) async fn store_trail(&self, session: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&format!("{}/{session}.cbor", Self::RECEIPTS), bytes).await
    }

    pub(crate) async fn trails(&self) -> Result<Vec<String>, StorageError> {
        let names = self.storage.list(Self::RECEIPTS).await?;
        Ok(names.iter().filter_map(|name| Some(name.strip_suffix(".cbor")?.to_owned())).collect())
    }

    /// Forgets the account; the audit trails stay.
    pub(crate) async fn forget(&self) -> Result<(), StorageError> {
        // The keys first: without them nothing else can be used.
        for name in [Self::KEYS, Self::LISTING, Self::ATTEMPTS, Self::PROFILE] {
            self.storage.remove(name).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Home")
    }
}
