//! The account on this device: founding it, unlocking its keys, signing in, changing the passphrase, deleting it.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_core::account::{NewAccount, adopt_seed};
use glimpse_core::kem::{KemPublic, KemSecret};
use glimpse_core::keys::DeviceKeys;
use glimpse_core::record::Recipient;
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::{Genesis, HeadStatement};
use glimpse_wire::api::{
    Account, AccountDeletion, Challenge, ChallengeRequest, CreateAccount, Info, SignIn, SignedJson, Token,
};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_JSON, MAX_TITLE};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, ErrorCode, Hash, SUITE, encode};

use crate::api::{Api, bare, json, with_json};
use crate::error::DeviceError;
use crate::home::{Home, Profile};
use crate::storage::Storage;
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Method, Request, Response, Transport};

/// How often a request is sent again that the server was too busy for.
const BUSY_RETRIES: u32 = 6;
/// Longest wait before such a request is sent again, in seconds.
const MAX_BUSY_WAIT: u64 = 15;
/// A token this close to its end is not used any more, in milliseconds.
const TOKEN_MARGIN: u64 = 60 * 1000;
/// Waits before a request is sent again whose answer was lost, in milliseconds.
pub(crate) const LOST_ANSWER_WAITS: [u64; 3] = [200, 1_000, 3_000];

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
    pub(crate) vault: DeviceVault,
    pub(crate) genesis: Genesis,
    pub(crate) account_key: KemSecret,
    pub(crate) name: String,
    token: Cell<Option<(Hash, Monotonic)>>,
    /// The server's number up to which this device has read changes; nothing before it was asked for.
    pub(crate) cursor: Cell<Option<u64>>,
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
        let _held = home.lock_account().await?;
        let mut profile = match home.profile().await? {
            Some(profile) if profile.confirmed => return Err(DeviceError::AccountExists),
            Some(profile) if profile.server == ground.transport.origin() => profile,
            Some(_) | None => Self::draw(&ground, &home, name, passphrase).await?,
        };
        let device = Self::open_vault(&ground, home, &profile, passphrase).await?;
        let body = CreateAccount { genesis: Bytes(encode(&profile.link)), wrap: profile.wrap.clone() };
        let created = device.again_if_lost(|| with_json(Method::Post, "/v1/accounts".to_owned(), &body)).await;
        match created {
            Ok(response) => {
                let account: Account = json(response, MAX_JSON).await?;
                if account.chain.account != device.genesis.account {
                    return Err(ErrorCode::Malformed.into());
                }
            }
            // The earlier attempt arrived; signing in shows that the account there is this one.
            Err(error) if error.code() == Some(ErrorCode::Conflict) => {}
            Err(error) => return Err(error),
        }
        device.token().await?;
        profile.confirmed = true;
        device.home.store_profile(&profile).await?;
        device.state_head().await?;
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
        let vault = DeviceVault { keys: new.device, seeds: vec![(1, new.seed)] };
        home.store_keys(&vault.seal(passphrase, &mut rng)?).await?;
        let server = ground.transport.origin().to_owned();
        let profile = Profile::new(server, name.to_owned(), new.link, Bytes(new.wrap));
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

    async fn open_vault(
        ground: &Ground,
        home: Home,
        profile: &Profile,
        passphrase: &[u8],
    ) -> Result<Self, DeviceError> {
        let genesis = profile.genesis()?;
        let vault = DeviceVault::open(passphrase, &home.keys().await?).map_err(|_| DeviceError::Passphrase)?;
        if vault.keys.id() != genesis.device.id() {
            return Err(DeviceError::Damaged("keys.cbor"));
        }
        // Adopted anew each time: the account key that follows from the seed must be the one that the link names.
        let seed = adopt_seed(&vault.keys, &genesis.epoch, profile.wrap.as_slice())
            .map_err(|_| DeviceError::Damaged("account.cbor"))?;
        Ok(Self {
            home,
            api: Api::new(Rc::clone(&ground.transport)),
            machine: Rc::clone(&ground.machine),
            vault,
            genesis,
            account_key: seed.account_key(),
            name: profile.name.clone(),
            token: Cell::new(None),
            cursor: Cell::new(None),
        })
    }

    /// Puts the keys under another passphrase. The file is replaced as a whole: after a crash one of the two opens it.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn change_passphrase(&self, passphrase: &[u8]) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let sealed = self.vault.seal(passphrase, &mut self.rng())?;
        Ok(self.home.store_keys(&sealed).await?)
    }

    /// Deletes the account on the server, with everything in it, and then here.
    ///
    /// # Errors
    /// [`DeviceError::Refused`]; then nothing was deleted here.
    pub async fn delete_account(self) -> Result<(), DeviceError> {
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
            head: self.genesis.head,
            at: self.machine.now(),
            device: self.keys().id(),
        }
    }

    /// Which account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.genesis.account
    }

    /// The account's genesis link, checked.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The device's keys.
    #[must_use]
    pub const fn keys(&self) -> &DeviceKeys {
        &self.vault.keys
    }

    /// The server's origin.
    #[must_use]
    pub fn server(&self) -> &str {
        self.api.transport().origin()
    }

    /// The name that a viewer reads.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rng(&self) -> SystemRng<'_> {
        SystemRng(&*self.machine)
    }

    pub(crate) fn recipient(&self) -> Result<Recipient, DeviceError> {
        let epoch = &self.genesis.epoch;
        Ok(Recipient {
            account: self.account(),
            epoch: epoch.number,
            key: KemPublic::parse(epoch.account_key.as_slice())?,
            head: self.genesis.head,
        })
    }

    /// A token with some life left; signs in where there is none.
    pub(crate) async fn token(&self) -> Result<Hash, DeviceError> {
        if let Some((token, until)) = self.token.get()
            && self.machine.monotonic() < until
        {
            return Ok(token);
        }
        let (account, device) = (self.account(), self.keys().id());
        let request = ChallengeRequest { account, device };
        let request = with_json(Method::Post, "/v1/sign-in/challenge".to_owned(), &request);
        let challenge: Challenge = json(self.api.call(request).await?, MAX_JSON).await?;
        let answer = SignIn {
            suite: SUITE,
            account,
            device,
            origin: self.server().to_owned(),
            challenge: challenge.challenge,
            at: self.machine.now(),
            counter: self.machine.now().0,
        };
        let signed: SignedJson = self.keys().signing().sign_statement(StatementKind::SignIn, &answer).into();
        let request = with_json(Method::Post, "/v1/sign-in".to_owned(), &signed);
        let token: Token = json(self.api.call(request).await?, MAX_JSON).await?;
        // Its life by the server's clock, counted on ours, which may be set differently.
        let life = token.expires.since(challenge.now).saturating_sub(TOKEN_MARGIN);
        self.token.set(Some((token.token, self.machine.monotonic().plus(life))));
        Ok(token.token)
    }

    /// Sends a request with a token. Signs in again if the server has forgotten it; waits and tries again if the server
    /// has too much to do.
    pub(crate) async fn authorised(&self, request: impl Fn(Hash) -> Request) -> Result<Response, DeviceError> {
        let mut renewed = false;
        let mut waits = 0u32;
        loop {
            let error = match self.api.call(request(self.token().await?)).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let DeviceError::Refused { code, retry_after } = error else { return Err(error) };
            if code == ErrorCode::Unauthorised && !renewed {
                renewed = true;
                self.token.set(None);
            } else if matches!(code, ErrorCode::RateLimited | ErrorCode::Busy) && waits < BUSY_RETRIES {
                waits = waits.saturating_add(1);
                let seconds = retry_after.unwrap_or(1).clamp(1, MAX_BUSY_WAIT);
                self.machine.sleep(seconds.saturating_mul(1000)).await;
            } else {
                return Err(error);
            }
        }
    }

    /// Sends a request that is safe to repeat, again if its answer was lost.
    pub(crate) async fn again_if_lost(&self, request: impl Fn() -> Request) -> Result<Response, DeviceError> {
        let mut waits = LOST_ANSWER_WAITS.iter();
        loop {
            match (self.api.call(request()).await, waits.next()) {
                (Err(error), Some(wait)) if error.code() == Some(ErrorCode::ServerUnreachable) => {
                    self.machine.sleep(*wait).await;
                }
                (answer, _) => return answer,
            }
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}, redacted)", self.account())
    }
}
