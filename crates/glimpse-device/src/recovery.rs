//! The recovery kit on a device: making one, bringing an account back with one, and stopping somebody who tries to
//! (protocol section 4.1).

use std::rc::Rc;
use std::sync::Arc;

use glimpse_core::chain::{DrawnEpoch, Wrap};
use glimpse_core::keys::DeviceKeys;
use glimpse_core::recovery::{KitKeys, Plan, RecoveryKit};
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::{Act, Head, RecoveryKeys, SignedLink, Veto};
use glimpse_wire::api::{AppendLink, Appended, DeviceWrap, KitAccount, Recovering, SignedJson};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_JSON, MAX_TITLE};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{DeviceId, ErrorCode, SUITE, UnixMillis, encode};

use crate::access::again_if_lost;
use crate::account::{Device, Ground};
use crate::api::{Api, bare, json, with_json};
use crate::chain::{KeptWrap, StoredChain, Synced, replayed};
use crate::error::DeviceError;
use crate::home::{Home, Profile};
use crate::inbox::Notice;
use crate::surroundings::SystemRng;
use crate::transport::Method;

impl Device {
    /// Draws a kit. Print its shares before [`Device::install_kit`] makes it the account's.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] never happens.
    pub fn draw_kit(&self, plan: Plan) -> Result<RecoveryKit, DeviceError> {
        Ok(RecoveryKit::generate(plan, &mut self.rng()).map_err(|_| ErrorCode::Internal)?)
    }

    /// Makes a kit the account's. One from before is void from then on.
    ///
    /// # Errors
    /// [`DeviceError::NeedsSecond`]; as [`Device::sync`].
    pub async fn install_kit(&self, keys: &RecoveryKeys) -> Result<Head, DeviceError> {
        self.append(|known| {
            let wrap = Wrap::for_kit(&known.chain, known.present_seed()?, keys, &mut self.rng())?;
            Ok((Act::Recovery { keys: vec![keys.clone()], wraps: vec![wrap.commitment()] }, vec![wrap]))
        })
        .await
    }

    /// The account has no kit from then on.
    ///
    /// # Errors
    /// As [`Device::install_kit`].
    pub async fn give_up_kit(&self) -> Result<Head, DeviceError> {
        self.append(|_| Ok((Act::Recovery { keys: Vec::new(), wraps: Vec::new() }, Vec::new()))).await
    }

    /// The device that a recovery would begin anew with, if one waits that the account's kit signed for.
    #[must_use]
    pub fn waiting_recovery(&self, synced: &Synced) -> Option<DeviceId> {
        match self.recovery_notice(synced.recovery.as_ref()?)? {
            Notice::RecoveryAsked { device, .. } => Some(device),
            Notice::Linked { .. }
            | Notice::Revoked { .. }
            | Notice::Rotated { .. }
            | Notice::PolicyChanged { .. }
            | Notice::KitChanged { .. }
            | Notice::Recovered { .. }
            | Notice::Doubled { .. }
            | Notice::Forked { .. }
            | Notice::RolledBack { .. }
            | Notice::LogBroken { .. }
            | Notice::Undone { .. }
            | Notice::AgentLooks { .. }
            | Notice::AgentLooked { .. } => None,
        }
    }

    /// Stops a recovery that waits. Whoever asked for it still holds the kit: replace it.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when none waits; [`DeviceError::Refused`].
    pub async fn veto_recovery(&self, device: DeviceId) -> Result<(), DeviceError> {
        let veto = Veto { suite: SUITE, account: self.account(), device, at: self.machine.now() };
        let signed: SignedJson = self.keys().signing().sign_statement(StatementKind::Veto, &veto).into();
        self.authorised(|by| with_json(Method::Delete, "/v1/account/recovery".to_owned(), &signed).by(by)).await?;
        Ok(())
    }
}

impl Profile {
    /// Whether a recovery was begun in this home.
    #[must_use]
    pub const fn recovers(&self) -> bool {
        self.recovering
    }
}

/// Whether a recovery on this server was begun in this home: then the passphrase that was given for it stands.
///
/// # Errors
/// [`DeviceError::Storage`], [`DeviceError::Damaged`].
pub async fn was_begun(ground: &Ground) -> Result<bool, DeviceError> {
    let profile = Home::new(Rc::clone(&ground.storage)).profile().await?;
    Ok(profile.is_some_and(|profile| profile.recovering && profile.server == ground.transport.origin()))
}

/// Opens the keys of the recovery that was begun in this home, and drops them: before somebody types shares for it.
///
/// # Errors
/// [`DeviceError::Passphrase`]; [`DeviceError::Storage`], [`DeviceError::Damaged`].
pub async fn try_passphrase(ground: &Ground, passphrase: &[u8]) -> Result<(), DeviceError> {
    let keys = Home::new(Rc::clone(&ground.storage)).keys().await?;
    DeviceVault::open(passphrase, &keys).map(drop).map_err(|_| DeviceError::Passphrase)
}

/// The device that an account came back on in this home, where that broke off after the server had the link: the kit is
/// void, the pages of the next one are written, and no share is needed.
///
/// # Errors
/// As [`crate::linking::resume`]; none where nothing was begun here or the link never arrived.
pub async fn went_through(ground: &Ground, passphrase: &[u8]) -> Result<Option<Device>, DeviceError> {
    if !Home::new(Rc::clone(&ground.storage)).profile().await?.is_some_and(|profile| profile.recovering) {
        return Ok(None);
    }
    match crate::linking::resume(ground, passphrase).await {
        Ok(device) => Ok(Some(device)),
        Err(DeviceError::NoAccount) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the device is to be that an account comes back on.
#[derive(Debug)]
pub struct Restore<'r> {
    /// What its owner calls it, at most [`MAX_TITLE`] bytes; may be empty.
    pub name: String,
    /// Its keys lie under this.
    pub passphrase: &'r [u8],
    /// How the kit that follows is cut.
    pub plan: Plan,
}

/// How far a recovery got.
#[derive(Debug)]
pub enum Restored {
    /// The account's rules announce it for a while: come again with the same home.
    Waiting {
        /// When it may take place, by the server's clock.
        due: UnixMillis,
        /// The server's clock.
        now: UnixMillis,
    },
    /// The account is back on this device, and nowhere else.
    Done(Box<Device>),
}

/// Brings an account back with the keys of its recovery kit: this device begins anew, every other one is out, a new epoch
/// begins and another kit takes this one's place. `print` is given that kit before the link is sent, and may take the time
/// that a person takes: what it cannot keep safe is not begun.
///
/// # Errors
/// [`DeviceError::AccountExists`]; [`ErrorCode::TooLarge`] for a name beyond [`MAX_TITLE`] bytes; [`ErrorCode::NotFound`] for
/// a kit that the server knows no account of; [`DeviceError::WrongKit`]; [`DeviceError::Passphrase`] where an attempt before
/// had another one; [`DeviceError::Overtaken`] where another command began the same in this home; [`ErrorCode::RecoveryVetoed`]; [`DeviceError::SeedRefused`]; whatever `print` gives. What breaks off after
/// the link was sent is gone on with by the next call.
pub async fn restore(
    ground: &Ground,
    kit: &KitKeys,
    plan: Restore<'_>,
    print: &mut impl AsyncFnMut(&RecoveryKit, &Chain) -> Result<(), DeviceError>,
) -> Result<Restored, DeviceError> {
    if plan.name.len() > MAX_TITLE {
        return Err(ErrorCode::TooLarge.into());
    }
    let home = Home::new(Rc::clone(&ground.storage));
    if home.is_confirmed().await? {
        return Err(DeviceError::AccountExists);
    }
    if let Some(device) = went_through(ground, plan.passphrase).await? {
        return Ok(Restored::Done(Box::new(device)));
    }
    let api = Api::new(Rc::clone(&ground.transport));
    let found: KitAccount =
        json(api.call(bare(Method::Get, format!("/v1/kits/{}", kit.id()))).await?, MAX_JSON).await?;
    // The server's word on whose kit it is counts for nothing: the chain must name it.
    let (links, chain) = replayed(&api, found.account).await?;
    kit.is_of(&chain).map_err(|_| DeviceError::WrongKit)?;
    let (vault, sealed) = own_keys(ground, &home, &plan).await?;
    let asked = kit.request(chain.account(), chain.head(), vault.keys.public(), ground.machine.now());
    let asked = with_json(Method::Post, "/v1/recoveries".to_owned(), &SignedJson::from(asked));
    let standing: Recovering = json(api.call(asked).await?, MAX_JSON).await?;
    let Some(wrap) = standing.wrap.filter(|_| standing.now >= standing.due) else {
        return Ok(Restored::Waiting { due: standing.due, now: standing.now });
    };
    let recovery = Recovery { ground, home, api, kit, plan, links, chain, vault, sealed };
    Ok(Restored::Done(Box::new(recovery.begin_anew(wrap.as_slice(), print).await?)))
}

/// The keys of the attempt before, where there was one: the server waits for that device and no other. With the file of
/// them as it lies in the home.
async fn own_keys(ground: &Ground, home: &Home, plan: &Restore<'_>) -> Result<(DeviceVault, Vec<u8>), DeviceError> {
    let _held = home.lock_account().await?;
    if home.is_confirmed().await? {
        return Err(DeviceError::AccountExists);
    }
    let server = ground.transport.origin();
    if was_begun(ground).await? {
        let sealed = home.keys().await?;
        let vault = DeviceVault::open(plan.passphrase, &sealed).map_err(|_| DeviceError::Passphrase)?;
        return Ok((vault, sealed));
    }
    let mut rng = SystemRng(&*ground.machine);
    let vault = DeviceVault { keys: DeviceKeys::generate(&mut rng), seeds: Vec::new() };
    let sealed = vault.seal(plan.passphrase, &mut rng)?;
    home.store_keys(&sealed).await?;
    // A kit does not name it: the device that comes back meets the server for the first time, as the first one did.
    home.forget_server_key().await?;
    home.store_profile(&Profile::recovering(server.to_owned(), plan.name.clone())).await?;
    Ok((vault, sealed))
}

struct Recovery<'r> {
    ground: &'r Ground,
    home: Home,
    api: Api,
    kit: &'r KitKeys,
    plan: Restore<'r>,
    links: Vec<SignedLink>,
    chain: Chain,
    vault: DeviceVault,
    /// The file of the keys, as this attempt found or wrote it.
    sealed: Vec<u8>,
}

impl Recovery<'_> {
    async fn begin_anew(
        mut self,
        wrap: &[u8],
        print: &mut impl AsyncFnMut(&RecoveryKit, &Chain) -> Result<(), DeviceError>,
    ) -> Result<Device, DeviceError> {
        let mut rng = SystemRng(&*self.ground.machine);
        let present = self.kit.open_seed(&self.chain, wrap).map_err(|_| DeviceError::SeedRefused)?;
        let next = RecoveryKit::generate(self.plan.plan, &mut rng).map_err(|_| ErrorCode::Internal)?;
        let own = self.vault.keys.public();
        let drawn = DrawnEpoch::recovered(&self.chain, &present, &own, Some(&next.keys), &mut rng)?;
        let number = drawn.epoch.number;
        let link = self.kit.recover(&self.chain, &self.vault.keys, own, drawn.epoch, Some(next.keys.clone()));
        let mut after = self.chain.clone();
        after.push(&link).map_err(|error| crate::chain::bad_link(self.chain.next_place().seq, error))?;
        // On disk before the link leaves: the seed, and where the chain was. What breaks off after that is gone on with by
        // `linking::resume`.
        self.vault.seeds = vec![(number, Arc::new(drawn.seed))];
        let seeded = self.vault.seal(self.plan.passphrase, &mut rng)?;
        {
            let _held = self.home.lock_account().await?;
            self.home.require_begun(&self.sealed).await?;
            self.home.store_keys(&seeded).await?;
            self.home.store_chain(&StoredChain::new(self.links.clone(), Vec::new())).await?;
        }
        print(&next, &after).await?;
        let wraps: Vec<DeviceWrap> =
            drawn.wraps.into_iter().map(|wrap| DeviceWrap { device: wrap.device, wrap: Bytes(wrap.sealed) }).collect();
        let body = AppendLink { link: Bytes(encode(&link)), wraps: wraps.clone() };
        let path = format!("/v1/accounts/{}/recover", self.chain.account());
        let appended = self.send(&path, &body).await?;
        if appended.head != after.head() {
            return Err(ErrorCode::Malformed.into());
        }
        self.links.push(link);
        let kept = wraps.into_iter().map(KeptWrap::from).collect();
        let profile = {
            let _held = self.home.lock_account().await?;
            self.home.require_begun(&seeded).await?;
            self.home.store_chain(&StoredChain::new(self.links, kept)).await?;
            self.home.confirm().await?
        };
        let device = Device::open_vault(self.ground, self.home, &profile, self.plan.passphrase).await?;
        // The next listing says both again if they are lost.
        let _stated = device.state_head().await;
        if !self.plan.name.is_empty() {
            let _named = device.rename(&device.keys().id(), &self.plan.name).await;
        }
        Ok(device)
    }

    /// Sends the link, the same bytes again if the answer is lost.
    async fn send(&self, path: &str, body: &AppendLink) -> Result<Appended, DeviceError> {
        let request = || with_json(Method::Post, path.to_owned(), body);
        json(again_if_lost(&*self.ground.machine, async || self.api.call(request()).await).await?, MAX_JSON).await
    }
}
