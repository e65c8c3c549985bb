//! The joiner's end: fresh keys become a device of somebody's account.

use std::rc::Rc;
use std::sync::Arc;

use glimpse_core::keys::DeviceKeys;
use glimpse_core::linking::Paired;
use glimpse_core::linking::joiner::{self, AfterJoin, Invited};
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::SignedLink;
use glimpse_wire::api::Info;
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::SigningKeyBytes;
use glimpse_wire::limits::{MAX_JSON, MAX_TITLE};
use glimpse_wire::{ErrorCode, SUITE};

use super::line::Talk;
use super::meeting::{Party, meet};
use super::{Commands, Event, Stopped, Way, give_up};
use crate::account::{Device, Ground};
use crate::api::{Api, bare, json};
use crate::chain::{StoredChain, replayed};
use crate::error::DeviceError;
use crate::home::{Home, Profile};
use crate::surroundings::SystemRng;
use crate::transport::Method;

/// What a new device brings.
#[derive(Debug)]
pub struct Join<'j> {
    /// What its owner calls it, at most [`MAX_TITLE`] bytes; may be empty.
    pub name: String,
    /// Its hardware serial number; may be empty.
    pub serial: String,
    /// Its keys lie under this.
    pub passphrase: &'j [u8],
    /// Where the phone is through which it reaches the server, for a device without a network of its own.
    pub phone: Option<String>,
}

/// Makes keys for this device, meets a device of an account, and joins it if its person says yes.
///
/// Keys, and the chain that was signed for, are on disk before the signature leaves. Where it breaks off after that,
/// [`resume`] goes on.
///
/// # Errors
/// [`DeviceError::AccountExists`]; [`DeviceError::RecoveryWaits`]; [`DeviceError::Overtaken`] where another command began the
/// same in this home; [`ErrorCode::TooLarge`] for a name that is too long;
/// [`ErrorCode::UnsupportedSuite`]; why nothing came of it.
pub async fn join(
    ground: &Ground,
    plan: Join<'_>,
    way: Way,
    commands: &mut Commands,
    events: &mut dyn FnMut(Event),
) -> Result<Device, DeviceError> {
    if plan.name.len() > MAX_TITLE {
        return Err(ErrorCode::TooLarge.into());
    }
    let home = Home::new(Rc::clone(&ground.storage));
    if home.is_confirmed().await? {
        return Err(DeviceError::AccountExists);
    }
    // Keys that an account has, or that a recovery waits for, are not thrown away.
    if let Some(profile) = home.profile().await?.filter(|profile| profile.joining) {
        if profile.recovering {
            return Err(DeviceError::RecoveryWaits);
        }
        match resume(ground, plan.passphrase).await {
            Ok(device) => return Ok(device),
            // Of another passphrase, or never added: there is nothing to keep.
            Err(DeviceError::NoAccount | DeviceError::Passphrase) => {}
            Err(error) => return Err(error),
        }
    }
    let api = Api::new(Rc::clone(&ground.transport));
    // Asked first, so that no keys are made for a server that is not there or is not ours.
    let info: Info = json(api.call(bare(Method::Get, "/v1/info".to_owned())).await?, MAX_JSON).await?;
    if info.suite != SUITE {
        return Err(ErrorCode::UnsupportedSuite.into());
    }
    let (vault, sealed) = begin(ground, &home, &plan).await?;
    let setup = |place: super::meeting::MailboxPlace| {
        joiner::setup(&vault.keys, place.mailbox, place.nameplate, place.server_nonce, place.expires, place.deadline)
    };
    let party = Party { api: &api, home: &home, machine: &ground.machine, credential: None, setup: &setup };
    let (paired, mut talk) = meet(&party, way, commands, events).await?;
    let named = info.signing_key;
    let mut joining = Joining { ground, home: &home, api: &api, named, vault, sealed, plan: &plan };
    match joining.run(paired, &mut talk).await {
        Ok(device) => {
            talk.close(&api).await;
            Ok(device)
        }
        Err(stopped) => {
            let error = stopped.tell(&mut talk, &api).await;
            if error.code() != Some(ErrorCode::Conflict) {
                return Err(error);
            }
            // An epoch began while the seed was on its way: if this device is in, the newest is wrapped to it as to all.
            resume(ground, plan.passphrase).await.map_err(|_| error)
        }
    }
}

/// Fresh keys, in the home: with the file of them as it was written.
async fn begin(ground: &Ground, home: &Home, plan: &Join<'_>) -> Result<(DeviceVault, Vec<u8>), DeviceError> {
    let _held = home.lock_account().await?;
    if home.is_confirmed().await? {
        return Err(DeviceError::AccountExists);
    }
    let mut rng = SystemRng(&*ground.machine);
    let vault = DeviceVault { keys: DeviceKeys::generate(&mut rng), seeds: Vec::new() };
    let sealed = vault.seal(plan.passphrase, &mut rng)?;
    home.store_keys(&sealed).await?;
    // Of whatever was begun here before: by which key a server is known, an account says, and its own devices take.
    home.forget_server_key().await?;
    let server = ground.transport.origin().to_owned();
    home.store_profile(&Profile::joining(server, plan.name.clone(), plan.phone.clone())).await?;
    Ok((vault, sealed))
}

/// Goes on where a linking broke off after this device had signed: if it is in the account and a device has begun an
/// epoch since, it has the seed by that.
///
/// # Errors
/// [`DeviceError::NoAccount`] when nothing was begun here, or the device was never added: then [`join`] begins anew;
/// [`DeviceError::NoSeed`] while it waits for an epoch; [`DeviceError::Passphrase`]; [`ErrorCode::ChainForked`] when the
/// server's chain does not go on from the one that was signed for; as [`Device::sync`].
pub async fn resume(ground: &Ground, passphrase: &[u8]) -> Result<Device, DeviceError> {
    let home = Home::new(Rc::clone(&ground.storage));
    let profile = home.profile().await?.filter(|profile| profile.joining && !profile.confirmed);
    let mut profile = profile.ok_or(DeviceError::NoAccount)?;
    let stored = match home.chain().await {
        Ok(stored) => stored,
        // It never got as far as to sign.
        Err(DeviceError::Damaged(_)) => return Err(DeviceError::NoAccount),
        Err(error) => return Err(error),
    };
    let signed_for = Chain::replay(&stored.links).map_err(|_| DeviceError::Damaged(Home::CHAIN))?;
    let api = Api::new(Rc::clone(&ground.transport));
    let (links, chain) = replayed(&api, signed_for.account()).await?;
    if !matches!(
        chain.compare(&signed_for.head()),
        glimpse_wire::chain::Standing::Same | glimpse_wire::chain::Standing::Behind
    ) {
        return Err(crate::chain::forked());
    }
    let vault = DeviceVault::open(passphrase, &home.keys().await?).map_err(|_| DeviceError::Passphrase)?;
    if chain.active(&vault.keys.id()).is_none() {
        return Err(DeviceError::NoAccount);
    }
    {
        let _held = home.lock_account().await?;
        home.store_chain(&StoredChain::new(links, stored.wraps)).await?;
    }
    let device = Device::open_vault(ground, home, &profile, passphrase).await?;
    device.sync().await?;
    device.known().present_seed()?;
    profile.confirmed = true;
    device.home.store_profile(&profile).await?;
    let _stated = device.state_head().await;
    Ok(device)
}

struct Joining<'j> {
    ground: &'j Ground,
    home: &'j Home,
    api: &'j Api,
    /// By which key the server says that it signs.
    named: SigningKeyBytes,
    vault: DeviceVault,
    /// The file of the keys, as this attempt wrote it.
    sealed: Vec<u8>,
    plan: &'j Join<'j>,
}

impl Joining<'_> {
    async fn run(&mut self, paired: Paired, talk: &mut Talk<'_>) -> Result<Device, Stopped> {
        let machine = Rc::clone(&self.ground.machine);
        let (name, serial) = (self.plan.name.clone(), self.plan.serial.clone());
        let (state, ask) = joiner::begin(paired, &self.vault.keys, name, serial)?;
        let expires_in = machine.monotonic().until(state.deadline());
        (talk.events)(Event::Words { words: state.words(), expires_in });
        talk.send(ask).await;
        let mut invited = match talk.message(state.deadline(), ErrorCode::ApprovalTimedOut).await {
            Ok(message) => state.receive(&message, machine.monotonic())?,
            Err(error) => return Err(give_up(error, |code| state.stop(code))),
        };
        (talk.events)(Event::Invited { held: invited.held() });
        let mut warned = false;
        loop {
            let other = invited.server() != self.named;
            let state = self.sign(invited, talk).await?;
            if other && !core::mem::replace(&mut warned, true) {
                (talk.events)(Event::OtherServerKey);
            }
            let after = match talk.message(state.deadline(), ErrorCode::PairingBroken).await {
                Ok(message) => state.receive(&message, machine.monotonic())?,
                Err(error) => return Err(give_up(error, |code| state.stop(code))),
            };
            match after {
                AfterJoin::Again(again) => invited = again,
                AfterJoin::Seeded(seeded) => return self.adopt(seeded, talk).await,
            }
        }
    }

    /// Replays the chain that it is invited to, keeps it, and signs.
    async fn sign(&self, invited: Invited, talk: &mut Talk<'_>) -> Result<joiner::ExpectSeed, Stopped> {
        let (links, chain) = match replayed(self.api, invited.account()).await {
            Ok(replayed) => replayed,
            Err(error) => return Err(give_up(error, |code| invited.stop(code))),
        };
        let server = invited.server();
        let (state, join) = invited.join(&chain, &self.vault.keys)?;
        // Before the signature leaves: whatever breaks off afterwards is gone on with from here.
        if let Err(error) = self.keep(links, server).await {
            return Err(give_up(error, |code| state.stop(code)));
        }
        talk.send(join).await;
        Ok(state)
    }

    /// The account's chain, and the key by which the account knows the server: what the server says of itself counts for
    /// nothing here.
    async fn keep(&self, links: Vec<SignedLink>, server: SigningKeyBytes) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        self.home.require_begun(&self.sealed).await?;
        self.home.store_server_key(&server).await?;
        Ok(self.home.store_chain(&StoredChain::new(links, Vec::new())).await?)
    }

    /// Takes the seed, if it is the account's, and puts it on disk before it says so.
    async fn adopt(&mut self, seeded: joiner::Seeded, talk: &mut Talk<'_>) -> Result<Device, Stopped> {
        let stored = self.home.chain().await;
        let account = stored.and_then(|stored| {
            Chain::replay(&stored.links).map(|chain| chain.account()).map_err(|_| DeviceError::Damaged(Home::CHAIN))
        });
        let replayed = match account {
            Ok(account) => replayed(self.api, account).await,
            Err(error) => Err(error),
        };
        let (links, chain) = match replayed {
            Ok(replayed) => replayed,
            Err(error) => return Err(give_up(error, |code| seeded.stop(code))),
        };
        let adopted = seeded.adopt(&chain, &self.vault.keys)?;
        self.vault.seeds.push((adopted.epoch, Arc::new(adopted.seed)));
        match self.store(links).await {
            Ok(device) => {
                talk.send(adopted.stored.done()).await;
                Ok(device)
            }
            Err(error) => Err(give_up(error, |code| adopted.stored.stop(code))),
        }
    }

    async fn store(&self, links: Vec<SignedLink>) -> Result<Device, DeviceError> {
        let mut rng = SystemRng(&*self.ground.machine);
        let sealed = self.vault.seal(self.plan.passphrase, &mut rng)?;
        let profile = {
            let _held = self.home.lock_account().await?;
            self.home.require_begun(&self.sealed).await?;
            self.home.store_keys(&sealed).await?;
            self.home.store_chain(&StoredChain::new(links, Vec::new())).await?;
            self.home.confirm().await?
        };
        let device = Device::open_vault(self.ground, self.home.clone(), &profile, self.plan.passphrase).await?;
        if !self.plan.name.is_empty() {
            // One that is held back cannot say its name yet: the device that adds it does.
            let _named = device.rename(&device.keys().id(), &self.plan.name).await;
        }
        // Says to the others that it has seen the chain.
        let _stated = device.state_head().await;
        Ok(device)
    }
}
