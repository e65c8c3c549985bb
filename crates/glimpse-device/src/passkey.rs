//! A second way to the keys: a secret that a passkey gives (the PRF extension of WebAuthn), beside the passphrase.
//!
//! What the vault holds is sealed a second time, by the same seal, under the passkey's secret, in a file of its own. The
//! passphrase stays, so that a passkey that is lost is no more than an inconvenience; either opens without the other, and
//! neither file says anything of the other's secret. What the vault holds never changes once the device is in an account:
//! later seeds come from the chain.

use std::rc::Rc;

use glimpse_core::vault::{DeviceVault, MAX_VAULT};
use glimpse_wire::ids::Bytes;
use glimpse_wire::{Malformed, Salt, decode, encode};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::account::{Device, Ground};
use crate::error::DeviceError;
use crate::home::Home;

const VERSION: u8 = 1;
/// What an authenticator calls a key of its own, in bytes, at most (WebAuthn level 3, section 4).
const MAX_CREDENTIAL: usize = 1023;
/// The file is at most this long, in bytes.
const MAX_FILE: usize = MAX_VAULT + 2 * MAX_CREDENTIAL;

/// Which passkey, and what is asked of it. Public: without the authenticator and its owner it opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// What the authenticator calls it.
    pub credential: Vec<u8>,
    /// What its pseudo-random function is given.
    pub salt: Salt,
}

/// What the passkey's pseudo-random function gave. Wiped when it is dropped.
pub type PasskeySecret = Zeroizing<[u8; 32]>;

#[derive(Encode, Decode)]
struct File {
    #[n(0)]
    version: u8,
    #[n(1)]
    credential: Bytes,
    #[n(2)]
    salt: Salt,
    #[n(3)]
    sealed: Bytes,
}

impl File {
    async fn read(home: &Home) -> Result<Option<Self>, DeviceError> {
        let Some(bytes) = home.passkey_file().await? else { return Ok(None) };
        match decode::<Self>(&bytes, MAX_FILE) {
            Ok(file) if file.version == VERSION && file.credential.as_slice().len() <= MAX_CREDENTIAL => Ok(Some(file)),
            Ok(_) | Err(Malformed) => Err(Home::damaged_passkey()),
        }
    }
}

/// The passkey that was added in this home, if one was.
///
/// # Errors
/// [`DeviceError::Damaged`], [`DeviceError::Storage`].
pub async fn passkey(home: &Home) -> Result<Option<Passkey>, DeviceError> {
    let file = File::read(home).await?;
    Ok(file.map(|file| Passkey { credential: file.credential.as_slice().to_vec(), salt: file.salt }))
}

impl Device {
    /// Unlocks the account in the ground's storage with what its passkey gave.
    ///
    /// # Errors
    /// [`DeviceError::NoAccount`]; [`DeviceError::Passkey`] where there is none, or the secret is another's.
    pub async fn unlock_by_passkey(ground: &Ground, secret: &PasskeySecret) -> Result<Self, DeviceError> {
        let home = Home::new(Rc::clone(&ground.storage));
        let profile = home.profile().await?.filter(|profile| profile.confirmed).ok_or(DeviceError::NoAccount)?;
        let file = File::read(&home).await?.ok_or(DeviceError::Passkey)?;
        let vault = DeviceVault::open(&secret[..], file.sealed.as_slice());
        Self::with_vault(ground, home, &profile, vault.map_err(|_| DeviceError::Passkey)?).await
    }

    /// Lets a passkey open the keys as well, in the place of one that did.
    ///
    /// # Errors
    /// [`DeviceError::Passkey`] for what no passkey gives; [`DeviceError::Storage`].
    pub async fn add_passkey(&self, passkey: &Passkey, secret: &PasskeySecret) -> Result<(), DeviceError> {
        // An authenticator that knows no such function must not leave the keys under a secret that everybody knows.
        let constant = secret.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        if constant || passkey.credential.is_empty() || passkey.credential.len() > MAX_CREDENTIAL {
            return Err(DeviceError::Passkey);
        }
        let _held = self.home.lock_account().await?;
        self.require_here().await?;
        let sealed = Bytes(self.vault.seal(&secret[..], &mut self.rng())?);
        let (credential, salt) = (Bytes(passkey.credential.clone()), passkey.salt);
        Ok(self.home.store_passkey_file(&encode(&File { version: VERSION, credential, salt, sealed })).await?)
    }

    /// Lets the passkey open nothing any more. Copies of the home that were made before it was taken away open with it.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn remove_passkey(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        Ok(self.home.remove_passkey_file().await?)
    }

    /// Whether `passphrase` opens the keys of this device.
    ///
    /// # Errors
    /// [`DeviceError::Passphrase`] if not; [`DeviceError::Storage`].
    pub async fn check_passphrase(&self, passphrase: &[u8]) -> Result<(), DeviceError> {
        let opened = DeviceVault::open(passphrase, &self.home.keys().await?).map_err(|_| DeviceError::Passphrase)?;
        if opened.keys.id() == self.keys().id() { Ok(()) } else { Err(DeviceError::Overtaken) }
    }

    /// The home holds this device still: it was not forgotten from elsewhere meanwhile, nor another put in its place.
    pub(crate) async fn require_here(&self) -> Result<(), DeviceError> {
        let here = self.home.profile().await?.is_some_and(|profile| profile.confirmed);
        if here { Ok(()) } else { Err(DeviceError::NoAccount) }
    }

    /// Forgets the account on this machine, with its keys and its audit trails. The account goes on without this device,
    /// which its others can take out.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn forget_here(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        self.home.forget().await?;
        Ok(self.home.forget_trails().await?)
    }
}
