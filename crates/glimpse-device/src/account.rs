//! The account on this device: founding it, unlocking its keys, signing in, changing the passphrase, deleting it.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;
use std::sync::Arc;

use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::keys::DeviceKeys;
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::HeadStatement;
use glimpse_wire::api::{Account, AccountDeletion, CreateAccount, Info, SignedJson};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_ACCOUNT_ANSWER, MAX_JSON, MAX_TITLE};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, ErrorCode, SUITE, SigningKeyBytes, UnixMillis, encode};

use crate::access::{KeptToken, RequestSigner, Shared};
use crate::api::{Api, bare, json, with_json};
use crate::chain::{KeptWrap, Known, Settling, StoredChain};
use crate::error::DeviceError;
use crate::home::{Home, Profile};
use crate::listing::{Followed, Published};
use crate::storage::Storage;
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Method, Transport};

/// What a device stands on.
#[derive(Clone)]
pub struct Ground {
    /// Its files.
    pub storage: Rc<dyn Storage>,
    /// Its way to the server.
    pub transport: Rc<dyn Transport>,
    /// Its clock and randomness.
    pub machine: Rc<dyn Surroundings>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ground({})", self.transport.origin())
    }
}

/// A linked device with its keys unlocked.
pub struct Device {
    pub(crate) home: Home,
    pub(crate) api: Api,
    pub(crate) machine: Rc<dyn Surroundings>,
    pub(crate) vault: Rc<DeviceVault>,
    pub(crate) account: AccountId,
    pub(crate) known: Shared<Known>,
    pub(crate) name: String,
    pub(crate) token: Cell<KeptToken>,
    /// When this process last looked at the chain.
    pub(crate) synced: Cell<Option<Monotonic>>,
    pub(crate) settling: RefCell<Settling>,
    /// Whether sensitive records are being sealed anew by this process.
    pub(crate) rekeying: Cell<bool>,
    /// How far this device has read the log of changes, and whether it is intact; nothing before it was asked for.
    pub(crate) followed: Cell<Option<Followed>>,
    pub(crate) published: RefCell<Published>,
    /// The server's signing key, as this device met it first; nothing before it did.
    pub(crate) server_key: Cell<Option<SigningKeyBytes>>,
}

impl Device {
    /// Founds an account on the ground's server, with keys at rest under `passphrase`.
    ///
    /// The keys and the signed link are on disk before they are sent. Where an earlier attempt broke off, the same
    /// bytes are sent again.
    ///
    /// # Errors
    /// [`DeviceError::AccountExists`]; [`DeviceError::Passphrase`] when an earlier attempt used another one;
    /// [`DeviceError::Refused`] by the server.
    pub async fn create(ground: Ground, name: &str, passphrase: &[u8]) -> Result<Self, DeviceError> {
        if name.len() > MAX_TITLE {
            return Err(ErrorCode::TooLarge.into());
        }
        let home = Home::new(Rc::clone(&ground.storage));
        let held = home.lock_account().await?;
        let mut profile = match home.profile().await? {
            Some(profile) if profile.confirmed => return Err(DeviceError::AccountExists),
            Some(profile) if profile.server == ground.transport.origin() && !profile.joining => profile,
            Some(_) | None => Self::draw(&ground, &home, name, passphrase).await?,
        };
        let device = Self::open_vault(&ground, home, &profile, passphrase).await?;
        let stored = device.home.chain().await?;
        let wrap = stored.wraps.first().ok_or(DeviceError::Damaged(Home::CHAIN))?.wrap.clone();
        let body = CreateAccount { genesis: Bytes(encode(stored.genesis()?)), wrap };
        let created = device.again_if_lost(|| with_json(Method::Post, "/v1/accounts".to_owned(), &body)).await;
        match created {
            Ok(response) => {
                let account: Account = json(response, MAX_ACCOUNT_ANSWER).await?;
                if account.chain.account != device.account {
                    return Err(ErrorCode::Malformed.into());
                }
            }
            // The earlier attempt arrived; signing in shows that the account there is this one.
            Err(error) if error.code() == Some(ErrorCode::Conflict) => {}
            Err(error) => return Err(error),
        }
        device.credential().await?;
        profile.confirmed = true;
        device.home.store_profile(&profile).await?;
        device.state_head().await?;
        device.meet_server().await?;
        drop(held);
        if !profile.name.is_empty() {
            // The account is there without it; a name can be given at any time.
            let _named = device.rename(&device.keys().id(), &profile.name).await;
        }
        Ok(device)
    }

    async fn draw(ground: &Ground, home: &Home, name: &str, passphrase: &[u8]) -> Result<Profile, DeviceError> {
        // Asked first, so that no keys are made for a server that is not there or is not ours.
        let info = bare(Method::Get, "/v1/info".to_owned());
        let info: Info = json(Api::new(Rc::clone(&ground.transport)).call(info).await?, MAX_JSON).await?;
        if info.suite != SUITE {
            return Err(ErrorCode::UnsupportedSuite.into());
        }
        let mut rng = SystemRng(&*ground.machine);
        let new = NewAccount::generate(&mut rng)?;
        let wrap = KeptWrap { device: new.device.id(), wrap: Bytes(new.wrap) };
        let vault = DeviceVault { keys: new.device, seeds: vec![(1, Arc::new(new.seed))] };
        home.store_keys(&vault.seal(passphrase, &mut rng)?).await?;
        home.store_chain(&StoredChain::new(vec![new.link], vec![wrap])).await?;
        home.forget_server_key().await?;
        // Last: where there is a profile, there is everything.
        let profile = Profile::new(ground.transport.origin().to_owned(), name.to_owned(), None);
        home.store_profile(&profile).await?;
        Ok(profile)
    }

    /// Unlocks the account in the ground's storage.
    ///
    /// # Errors
    /// [`DeviceError::NoAccount`], [`DeviceError::Passphrase`], [`DeviceError::Damaged`].
    pub async fn unlock(ground: &Ground, passphrase: &[u8]) -> Result<Self, DeviceError> {
        let home = Home::new(Rc::clone(&ground.storage));
        let profile = home.profile().await?.filter(|profile| profile.confirmed).ok_or(DeviceError::NoAccount)?;
        Self::open_vault(ground, home, &profile, passphrase).await
    }

    pub(crate) async fn open_vault(
        ground: &Ground,
        home: Home,
        profile: &Profile,
        passphrase: &[u8],
    ) -> Result<Self, DeviceError> {
        let vault = DeviceVault::open(passphrase, &home.keys().await?).map_err(|_| DeviceError::Passphrase)?;
        Self::with_vault(ground, home, profile, vault).await
    }

    pub(crate) async fn with_vault(
        ground: &Ground,
        home: Home,
        profile: &Profile,
        vault: DeviceVault,
    ) -> Result<Self, DeviceError> {
        let stored = home.chain().await?;
        let server_key = home.server_key().await?;
        let vault = Rc::new(vault);
        let known = Known::open(&stored, &vault)?;
        let mut api = Api::new(Rc::clone(&ground.transport));
        if profile.phone.is_some() {
            let signer = RequestSigner {
                home: home.clone(),
                vault: Rc::clone(&vault),
                account: known.chain.account(),
                origin: ground.transport.origin().to_owned(),
            };
            api = api.signed_by(Rc::new(signer));
        }
        Ok(Self {
            home,
            api,
            machine: Rc::clone(&ground.machine),
            account: known.chain.account(),
            vault,
            known: RefCell::new(Rc::new(known)),
            name: profile.name.clone(),
            token: Cell::new(None),
            synced: Cell::new(None),
            settling: RefCell::default(),
            rekeying: Cell::new(false),
            followed: Cell::new(None),
            published: RefCell::default(),
            server_key: Cell::new(server_key),
        })
    }

    /// The owner put this device back from a copy, and it is the only one that uses these keys: its counter goes on above
    /// whatever the copy's original had used. The other devices were told, and stay told.
    ///
    /// # Errors
    /// [`DeviceError::Storage`], [`DeviceError::Damaged`].
    pub async fn use_copy(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_requests().await?;
        // Above any counter that was counted up by ones.
        self.home.raise_counter(self.machine.now().0).await?;
        Ok(self.home.store_doubled(false).await?)
    }

    /// Puts the keys under another passphrase. The file is replaced as a whole: after a crash one of the two opens it.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn change_passphrase(&self, passphrase: &[u8]) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        self.require_here().await?;
        let sealed = self.vault.seal(passphrase, &mut self.rng())?;
        Ok(self.home.store_keys(&sealed).await?)
    }

    /// Deletes the account on the server, with everything in it, and then here.
    ///
    /// # Errors
    /// [`DeviceError::Refused`]; then nothing was deleted here.
    pub async fn delete_account(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let deletion = AccountDeletion { suite: SUITE, account: self.account(), at: self.machine.now() };
        let signed: SignedJson = self.keys().signing().sign_statement(StatementKind::AccountDeletion, &deletion).into();
        let deleted =
            self.authorised(|token| with_json(Method::Delete, "/v1/account".to_owned(), &signed).by(token)).await;
        match deleted {
            Ok(_) => {}
            // Deleted before; the answer was lost.
            Err(error) if matches!(error.code(), Some(ErrorCode::NotFound | ErrorCode::Unauthorised)) => {}
            Err(error) => return Err(error),
        }
        Ok(self.home.forget().await?)
    }

    /// What the server tells of itself.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn info(&self) -> Result<Info, DeviceError> {
        json(self.api.call(bare(Method::Get, "/v1/info".to_owned())).await?, MAX_JSON).await
    }

    /// Remembers the server's signing key where this device has not met it yet: what it says of a session that it destroyed
    /// counts only by that key. First contact is trusted once, and before anything is lent.
    ///
    /// # Errors
    /// [`DeviceError::Refused`], [`DeviceError::Storage`].
    pub(crate) async fn meet_server(&self) -> Result<(), DeviceError> {
        if self.server_key.get().is_none() {
            // Another process of this home may have met it.
            let key = match self.home.server_key().await? {
                Some(key) => key,
                None => {
                    let response = self.again_if_lost(|| bare(Method::Get, "/v1/info".to_owned())).await?;
                    let info: Info = json(response, MAX_JSON).await?;
                    self.home.store_server_key(&info.signing_key).await?;
                    info.signing_key
                }
            };
            self.server_key.set(Some(key));
        }
        Ok(())
    }

    /// Says to the server, for writers to read, that the head this device knows is the newest.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn state_head(&self) -> Result<(), DeviceError> {
        let signed: SignedJson =
            self.keys().signing().sign_statement(StatementKind::Head, &self.head_statement()).into();
        self.authorised(|token| with_json(Method::Put, "/v1/account/head".to_owned(), &signed).by(token)).await?;
        Ok(())
    }

    pub(crate) fn head_statement(&self) -> HeadStatement {
        HeadStatement {
            suite: SUITE,
            account: self.account(),
            head: self.head(),
            at: self.machine.now(),
            device: self.keys().id(),
        }
    }

    /// Which account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The device's keys.
    #[must_use]
    pub fn keys(&self) -> &DeviceKeys {
        &self.vault.keys
    }

    /// The server's origin.
    #[must_use]
    pub fn server(&self) -> &str {
        self.api.transport().origin()
    }

    /// This machine's clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.machine.now()
    }

    /// The name that a viewer reads.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rng(&self) -> SystemRng<'_> {
        SystemRng(&*self.machine)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}, redacted)", self.account())
    }
}
