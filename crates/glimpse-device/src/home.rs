//! What a device keeps in its home, file by file.
//!
//! | file | holds | protected by |
//! |---|---|---|
//! | `account.cbor` | server, name: public | nothing |
//! | `chain.cbor` | the account's chain, seeds wrapped to its devices, a link that waits: public | nothing: it is checked when read |
//! | `keys.cbor` | device keys and account seeds | the passphrase ([`glimpse_core::vault`]) |
//! | `passkey.cbor` | the same once more, and which passkey opens it | that passkey's secret ([`crate::passkey`]) |
//! | `listing.sealed` | what each record is, and the highest versions seen | a key that follows from the device's |
//! | `inbox.sealed` | what happened to the account, and what its devices were called | the same |
//! | `counter.cbor` | a number that each sign-in and each signed request uses up: a copy that is put back is noticed by it | nothing |
//! | `attempts.cbor` | failed pairings | nothing: who can write here can lend anyway |
//! | `organisations/<key>.cbor` | the newest list of what an organisation has revoked: public | its own signature |
//! | `asked/<session>.cbor` | what the agent of a session asked | its own signatures, and the Terms that commit to it |
//! | `server.cbor` | the key by which the server that was met signs what it destroyed: public | nothing |
//! | `declined/<session>.cbor` | what an agent asked that came to nothing, when and why | its own signatures; that it was declined, nothing |
//! | `receipts/<session>.cbor` | the audit trail of each session | its own signatures |
//! | `locks/` | empty files that processes lock | |

use core::fmt;
use std::rc::Rc;

use glimpse_core::attempts::Attempts;
use glimpse_wire::limits::{MAX_LINK, MAX_LINKS};
use glimpse_wire::{Malformed, SigningKeyBytes, decode, encode};
use minicbor::{Decode, Encode};

use crate::chain::StoredChain;
use crate::error::DeviceError;
use crate::storage::{Guard, Storage, StorageError};

/// A profile is at most this long, in bytes.
const MAX_PROFILE: usize = 16 * 1024;
/// A chain as it is stored, in bytes.
const MAX_CHAIN: usize = MAX_LINKS * MAX_LINK;
const MAX_COUNTER: usize = 16;
const MAX_SERVER_KEY: usize = 64;
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
    /// Whether the device is in the account, as the server has confirmed.
    #[n(3)]
    pub confirmed: bool,
    /// Where the phone is through which this device reaches the server; nothing for one with a network of its own.
    #[n(4)]
    pub phone: Option<String>,
    /// Whether it joins an account that is there, or was brought into one.
    #[n(5)]
    pub(crate) joining: bool,
    /// Whether it brings an account back with a recovery kit: its keys are those that the server waits for.
    #[n(6)]
    pub(crate) recovering: bool,
}

impl Profile {
    const VERSION: u8 = 2;

    /// Whether a linking was begun in this home that did not come to its end.
    #[must_use]
    pub const fn joins(&self) -> bool {
        self.joining && !self.confirmed && !self.recovering
    }

    /// Of a device that the server does not know yet.
    #[must_use]
    pub const fn new(server: String, name: String, phone: Option<String>) -> Self {
        Self { version: Self::VERSION, server, name, confirmed: false, phone, joining: false, recovering: false }
    }

    /// Of a device that asks to be in an account.
    #[must_use]
    pub(crate) const fn joining(server: String, name: String, phone: Option<String>) -> Self {
        Self { version: Self::VERSION, server, name, confirmed: false, phone, joining: true, recovering: false }
    }

    /// Of a device on which an account is to come back.
    #[must_use]
    pub(crate) fn recovering(server: String, name: String) -> Self {
        Self { recovering: true, ..Self::joining(server, name, None) }
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
    const PASSKEY: &'static str = "passkey.cbor";
    pub(crate) const CHAIN: &'static str = "chain.cbor";
    pub(crate) const INBOX: &'static str = "inbox.sealed";
    const COUNTER: &'static str = "counter.cbor";
    const DOUBLED: &'static str = "doubled";
    const LISTING: &'static str = "listing.sealed";
    const ATTEMPTS: &'static str = "attempts.cbor";
    const RECEIPTS: &'static str = "receipts";
    const ORGANISATIONS: &'static str = "organisations";
    const ASKED: &'static str = "asked";
    const DECLINED: &'static str = "declined";
    const SERVER: &'static str = "server.cbor";

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
            Ok(profile) if profile.version == Profile::VERSION => Ok(Some(profile)),
            Ok(_) | Err(Malformed) => Err(DeviceError::Damaged(Self::PROFILE)),
        }
    }

    pub(crate) async fn store_profile(&self, profile: &Profile) -> Result<(), StorageError> {
        self.storage.write(Self::PROFILE, &encode(profile)).await
    }

    /// The device is in the account from now on: written last of what goes with it, so that where the profile says so everything
    /// is there. Asked under the lock of the account.
    ///
    /// # Errors
    /// [`DeviceError::NoAccount`] where there is no profile.
    pub(crate) async fn confirm(&self) -> Result<Profile, DeviceError> {
        let mut profile = self.profile().await?.ok_or(DeviceError::NoAccount)?;
        profile.confirmed = true;
        self.store_profile(&profile).await?;
        Ok(profile)
    }

    /// Whether the server has confirmed that the device is in the account.
    pub(crate) async fn is_confirmed(&self) -> Result<bool, DeviceError> {
        Ok(self.profile().await?.is_some_and(|profile| profile.confirmed))
    }

    pub(crate) async fn chain(&self) -> Result<StoredChain, DeviceError> {
        let damaged = || DeviceError::Damaged(Self::CHAIN);
        let bytes = self.storage.read(Self::CHAIN).await?.ok_or_else(damaged)?;
        match decode::<StoredChain>(&bytes, MAX_CHAIN) {
            Ok(stored) if stored.is_known_form() => Ok(stored),
            Ok(_) | Err(Malformed) => Err(damaged()),
        }
    }

    pub(crate) async fn store_chain(&self, stored: &StoredChain) -> Result<(), StorageError> {
        self.storage.write(Self::CHAIN, &encode(stored)).await
    }

    pub(crate) async fn inbox(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(Self::INBOX).await
    }

    pub(crate) async fn store_inbox(&self, sealed: &[u8]) -> Result<(), StorageError> {
        self.storage.write(Self::INBOX, sealed).await
    }

    pub(crate) async fn lock_inbox(&self) -> Result<Guard, StorageError> {
        self.storage.lock("inbox").await
    }

    /// Keeps other processes from sending what is counted.
    pub(crate) async fn lock_requests(&self) -> Result<Guard, StorageError> {
        self.storage.lock("requests").await
    }

    /// The next number that no sign-in and no signed request of this device had; on disk before it is given. Under
    /// [`Home::lock_requests`].
    pub(crate) async fn next_counter(&self) -> Result<u64, DeviceError> {
        let damaged = || DeviceError::Damaged(Self::COUNTER);
        let last: u64 = match self.storage.read(Self::COUNTER).await? {
            None => 0,
            Some(bytes) => decode(&bytes, MAX_COUNTER).map_err(|Malformed| damaged())?,
        };
        let next = last.checked_add(1).ok_or_else(damaged)?;
        self.storage.write(Self::COUNTER, &encode(&next)).await?;
        Ok(next)
    }

    /// Lets the counter go on from `at` at least. Under [`Home::lock_requests`].
    pub(crate) async fn raise_counter(&self, at: u64) -> Result<(), DeviceError> {
        let last = self.next_counter().await?;
        Ok(self.storage.write(Self::COUNTER, &encode(&last.max(at))).await?)
    }

    /// Whether this device was told that its keys are in use elsewhere, and its owner has not said that it goes on.
    pub(crate) async fn is_doubled(&self) -> Result<bool, StorageError> {
        Ok(self.storage.read(Self::DOUBLED).await?.is_some())
    }

    pub(crate) async fn store_doubled(&self, doubled: bool) -> Result<(), StorageError> {
        if doubled { self.storage.write(Self::DOUBLED, &[]).await } else { self.storage.remove(Self::DOUBLED).await }
    }

    pub(crate) async fn keys(&self) -> Result<Vec<u8>, DeviceError> {
        self.storage.read(Self::KEYS).await?.ok_or(DeviceError::Damaged(Self::KEYS))
    }

    /// Asked under the lock of the account, before what goes with those keys is written.
    ///
    /// # Errors
    /// [`DeviceError::Overtaken`] where the home has other keys by now, or a device that is in an account.
    pub(crate) async fn require_begun(&self, sealed: &[u8]) -> Result<(), DeviceError> {
        if self.is_confirmed().await? || self.keys().await? != sealed {
            return Err(DeviceError::Overtaken);
        }
        Ok(())
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

    /// The server's signing key, as this device met it first.
    pub(crate) async fn server_key(&self) -> Result<Option<SigningKeyBytes>, DeviceError> {
        let Some(bytes) = self.storage.read(Self::SERVER).await? else { return Ok(None) };
        decode(&bytes, MAX_SERVER_KEY).map(Some).map_err(|Malformed| DeviceError::Damaged(Self::SERVER))
    }

    pub(crate) async fn store_server_key(&self, key: &SigningKeyBytes) -> Result<(), StorageError> {
        self.storage.write(Self::SERVER, &encode(key)).await
    }

    /// Forgets by which key the server is known: where an account begins here, or comes here, that is its own.
    pub(crate) async fn forget_server_key(&self) -> Result<(), StorageError> {
        self.storage.remove(Self::SERVER).await
    }

    /// Keeps other processes from changing what is known of organisations.
    pub(crate) async fn lock_organisations(&self) -> Result<Guard, StorageError> {
        self.storage.lock("organisations").await
    }

    pub(crate) async fn revocations(&self, organisation: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(&format!("{}/{organisation}.cbor", Self::ORGANISATIONS)).await
    }

    pub(crate) async fn store_revocations(&self, organisation: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&format!("{}/{organisation}.cbor", Self::ORGANISATIONS), bytes).await
    }

    pub(crate) async fn trail(&self, session: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(&format!("{}/{session}.cbor", Self::RECEIPTS)).await
    }

    pub(crate) async fn store_trail(&self, session: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&format!("{}/{session}.cbor", Self::RECEIPTS), bytes).await
    }

    pub(crate) async fn asked(&self, session: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(&format!("{}/{session}.cbor", Self::ASKED)).await
    }

    pub(crate) async fn store_asked(&self, session: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&format!("{}/{session}.cbor", Self::ASKED), bytes).await
    }

    pub(crate) async fn declined_request(&self, session: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(&format!("{}/{session}.cbor", Self::DECLINED)).await
    }

    pub(crate) async fn store_declined(&self, session: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&format!("{}/{session}.cbor", Self::DECLINED), bytes).await
    }

    /// The sessions that requests would have begun which came to nothing.
    pub(crate) async fn declined(&self) -> Result<Vec<String>, StorageError> {
        let names = self.storage.list(Self::DECLINED).await?;
        Ok(names.iter().filter_map(|name| Some(name.strip_suffix(".cbor")?.to_owned())).collect())
    }

    pub(crate) async fn trails(&self) -> Result<Vec<String>, StorageError> {
        let names = self.storage.list(Self::RECEIPTS).await?;
        Ok(names.iter().filter_map(|name| Some(name.strip_suffix(".cbor")?.to_owned())).collect())
    }

    /// Forgets the account; the audit trails stay.
    pub(crate) async fn forget(&self) -> Result<(), StorageError> {
        // The keys first: without them nothing else can be used.
        let keys = [Self::KEYS, Self::PASSKEY];
        let rest =
            [Self::LISTING, Self::INBOX, Self::ATTEMPTS, Self::COUNTER, Self::CHAIN, Self::SERVER, Self::PROFILE];
        for name in keys.into_iter().chain(rest) {
            self.storage.remove(name).await?;
        }
        for name in self.storage.list(Self::ORGANISATIONS).await? {
            self.storage.remove(&format!("{}/{name}", Self::ORGANISATIONS)).await?;
        }
        Ok(())
    }

    /// Forgets the audit trails.
    pub(crate) async fn forget_trails(&self) -> Result<(), StorageError> {
        for session in self.trails().await? {
            self.storage.remove(&format!("{}/{session}.cbor", Self::RECEIPTS)).await?;
        }
        for folder in [Self::ASKED, Self::DECLINED] {
            for name in self.storage.list(folder).await? {
                self.storage.remove(&format!("{folder}/{name}")).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn passkey_file(&self) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.read(Self::PASSKEY).await
    }

    pub(crate) async fn store_passkey_file(&self, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(Self::PASSKEY, bytes).await
    }

    pub(crate) async fn remove_passkey_file(&self) -> Result<(), StorageError> {
        self.storage.remove(Self::PASSKEY).await
    }

    pub(crate) const fn damaged_passkey() -> DeviceError {
        DeviceError::Damaged(Self::PASSKEY)
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Home")
    }
}
