//! The account's chain as this device has seen it, and the seeds that follow from it (protocol section 4).
//!
//! Invariant: the stored chain is only ever extended. What another end says of it is compared, never adopted.

mod acts;
mod mending;
mod second;
mod standing;
mod sync;

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use glimpse_core::OpenError;
use glimpse_core::chain::{adopt, older_seed};
use glimpse_core::kem::{KemPublic, KemSecret};
use glimpse_core::keys::AccountSeed;
use glimpse_core::record::Recipient;
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::{Epoch, Head, SignedLink};
use glimpse_wire::api::DeviceWrap;
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::{DeviceId, ErrorCode, Hash, preimage};
use minicbor::{Decode, Encode};

use crate::account::Device;
use crate::error::DeviceError;
use crate::home::Home;

pub use acts::Rekeying;
pub use second::{Cosigned, Proposal};
pub(crate) use standing::Settling;
pub use standing::{Fork, ForkNamed};
pub use sync::Synced;
pub(crate) use sync::{chain_from, replayed};

/// What a device keeps of the chain on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredChain {
    #[n(0)]
    version: u8,
    /// From genesis on, byte for byte.
    #[n(1)]
    pub(crate) links: Vec<SignedLink>,
    /// The newest epoch's seed, wrapped to each that its link lists: kept for a server that loses them.
    #[n(2)]
    pub(crate) wraps: Vec<KeptWrap>,
    /// The link that this device signed for the next place and does not know the fate of.
    #[n(3)]
    pub(crate) pending: Option<Pending>,
    /// Two links at one place, each named by a device.
    #[n(4)]
    pub(crate) fork: Option<Fork>,
    /// Devices that this one added and that have not said that they hold the seed.
    #[n(5)]
    pub(crate) owed: Vec<DeviceId>,
    /// What waits for a second device.
    #[n(6)]
    pub(crate) waiting: Option<second::Waiting>,
}

/// One wrapped seed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptWrap {
    #[n(0)]
    pub(crate) device: DeviceId,
    #[n(1)]
    pub(crate) wrap: Bytes,
}

impl From<DeviceWrap> for KeptWrap {
    fn from(wrap: DeviceWrap) -> Self {
        Self { device: wrap.device, wrap: wrap.wrap }
    }
}

impl From<KeptWrap> for DeviceWrap {
    fn from(wrap: KeptWrap) -> Self {
        Self { device: wrap.device, wrap: wrap.wrap }
    }
}

/// A link before the server has taken it. It is sent byte for byte until it is known to be in the chain or its place to
/// be another's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pending {
    #[n(0)]
    pub(crate) link: SignedLink,
    #[n(1)]
    pub(crate) wraps: Vec<KeptWrap>,
}

impl StoredChain {
    const VERSION: u8 = 1;

    /// Of links that were checked.
    pub(crate) const fn new(links: Vec<SignedLink>, wraps: Vec<KeptWrap>) -> Self {
        Self { version: Self::VERSION, links, wraps, pending: None, fork: None, owed: Vec::new(), waiting: None }
    }

    pub(crate) const fn is_known_form(&self) -> bool {
        self.version == Self::VERSION
    }
}

/// A chain with the keys of its epochs.
pub struct Known {
    /// As far as this device has seen it.
    pub(crate) chain: Chain,
    /// By epoch. Empty while a device that was added waits for its seed.
    seeds: BTreeMap<u32, Arc<AccountSeed>>,
    keys: BTreeMap<u32, KemSecret>,
    /// The newest epoch's link commits to a wrap for this device that does not give its seed: whoever began it kept that to
    /// itself.
    kept_from_us: bool,
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Known({}, redacted)", self.chain.account())
    }
}

impl Known {
    /// Replays what is stored, and opens every seed that this device can reach.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`] when the file is not what this device wrote.
    pub(crate) fn open(stored: &StoredChain, vault: &DeviceVault) -> Result<Self, DeviceError> {
        let damaged = || DeviceError::Damaged(Home::CHAIN);
        let chain = Chain::replay(&stored.links).map_err(|_| damaged())?;
        let id = vault.keys.id();
        if !chain.members().iter().any(|member| member.id == id) {
            return Err(damaged());
        }
        Ok(Self::with_seeds(chain, &stored.wraps, vault))
    }

    fn with_seeds(chain: Chain, wraps: &[KeptWrap], vault: &DeviceVault) -> Self {
        let mut seeds = BTreeMap::new();
        for (number, seed) in &vault.seeds {
            // A seed counts for an epoch if the account key that the chain names follows from it.
            let fits = epoch_of(&chain, *number).is_some_and(|epoch| fits(seed, epoch));
            if fits {
                seeds.insert(*number, Arc::clone(seed));
            }
        }
        let own = OwnWraps::among(wraps, vault.keys.id());
        for epoch in chain.epochs() {
            if let btree_map::Entry::Vacant(vacant) = seeds.entry(epoch.number)
                && let Some(Ok(seed)) = own.adopt(epoch, vault)
            {
                vacant.insert(Arc::new(seed));
            }
        }
        let mut numbers: Vec<u32> = seeds.keys().copied().collect();
        numbers.sort_unstable_by_key(|number| core::cmp::Reverse(*number));
        for from in numbers {
            let mut number = from;
            while let Some(earlier) = number.checked_sub(1).filter(|earlier| *earlier > 0) {
                if seeds.contains_key(&earlier) {
                    break;
                }
                let opened = seeds.get(&number).and_then(|seed| older_seed(&chain, number, seed).ok());
                let Some((earlier, seed)) = opened.filter(|(earlier, _)| !seeds.contains_key(earlier)) else { break };
                seeds.insert(earlier, Arc::new(seed));
                number = earlier;
            }
        }
        let keys = seeds.iter().map(|(number, seed)| (*number, seed.account_key())).collect();
        let kept_from_us = chain.epoch().is_some_and(|epoch| matches!(own.adopt(epoch, vault), Some(Err(_))));
        Self { chain, seeds, keys, kept_from_us }
    }

    /// Which of this device's wraps it has to keep: of the newest epoch, and of those whose seed no later one gives.
    fn needs(&self, wrap: &KeptWrap) -> bool {
        let hash = preimage::wrap_hash(wrap.wrap.as_slice());
        let newest = self.chain.epoch().map_or(0, |epoch| epoch.number);
        let mut its = self.chain.epochs().iter().filter(|epoch| epoch.wraps.iter().any(|of| of.hash == hash));
        its.any(|Epoch { number, .. }| {
            let later = self.seeds.range(number.saturating_add(1)..).next();
            let given = later.and_then(|(later, seed)| older_seed(&self.chain, *later, seed).ok());
            let lost_without = || given.is_none_or(|(given, _)| given != *number);
            *number == newest || (self.seeds.contains_key(number) && lost_without())
        })
    }

    /// The seed from which a link that takes devices out begins the next epoch: the newest epoch's, or, where whoever began
    /// that kept it from this device, the newest that it holds.
    ///
    /// # Errors
    /// [`DeviceError::NoSeed`].
    pub(crate) fn seed_to_go_on_from(&self) -> Result<&AccountSeed, DeviceError> {
        let newest = self.chain.epoch().map_or(0, |epoch| epoch.number);
        let (number, seed) = self.seeds.last_key_value().ok_or(DeviceError::NoSeed)?;
        if *number == newest || self.kept_from_us { Ok(seed) } else { Err(DeviceError::NoSeed) }
    }

    pub(crate) const fn keys(&self) -> &BTreeMap<u32, KemSecret> {
        &self.keys
    }

    /// Why this device has no seed of the newest epoch, if it has none: it was not given any, or a wrong one.
    pub(crate) fn lack_of_seed(&self) -> Option<DeviceError> {
        let lacks = self.present_seed().is_err();
        lacks.then_some(if self.kept_from_us { DeviceError::SeedRefused } else { DeviceError::NoSeed })
    }

    /// The seed of the newest epoch.
    ///
    /// # Errors
    /// [`DeviceError::NoSeed`].
    pub(crate) fn present_seed(&self) -> Result<&AccountSeed, DeviceError> {
        let newest = self.chain.epoch().map_or(0, |epoch| epoch.number);
        self.seed(newest).ok_or(DeviceError::NoSeed)
    }

    pub(crate) fn seed(&self, epoch: u32) -> Option<&AccountSeed> {
        self.seeds.get(&epoch).map(Arc::as_ref)
    }

    /// To whom records are sealed.
    pub(crate) fn recipient(&self) -> Result<Recipient, DeviceError> {
        let epoch = self.chain.epoch().ok_or(DeviceError::Damaged(Home::CHAIN))?;
        Ok(Recipient {
            account: self.chain.account(),
            epoch: epoch.number,
            key: KemPublic::parse(epoch.account_key.as_slice())?,
            head: self.chain.head(),
        })
    }
}

fn epoch_of(chain: &Chain, number: u32) -> Option<&Epoch> {
    let place = usize::try_from(number.checked_sub(1)?).ok()?;
    chain.epochs().get(place)
}

fn fits(seed: &AccountSeed, epoch: &Epoch) -> bool {
    seed.account_key().public().to_wire() == epoch.account_key
}

/// The wraps that are for this device, by their hashes.
struct OwnWraps<'w>(DeviceId, Vec<(Hash, &'w [u8])>);

impl<'w> OwnWraps<'w> {
    fn among(wraps: &'w [KeptWrap], id: DeviceId) -> Self {
        let own = wraps.iter().filter(|kept| kept.device == id).map(|kept| kept.wrap.as_slice());
        Self(id, own.map(|wrap| (preimage::wrap_hash(wrap), wrap)).collect())
    }

    /// The seed of `epoch` from the wrap that its signed link commits to, and no other; nothing where that is not kept.
    fn adopt(&self, epoch: &Epoch, vault: &DeviceVault) -> Option<Result<AccountSeed, OpenError>> {
        let committed = epoch.wraps.iter().find(|commitment| commitment.device == self.0)?;
        let (_, wrap) = self.1.iter().find(|(hash, _)| *hash == committed.hash)?;
        Some(adopt(&self.0, vault.keys.kem(), epoch, committed, wrap))
    }
}

/// A chain that has grown, and the wraps to keep beside it: `given`, and those of this device from `before` without which it
/// would lose an earlier epoch's seed, since a later one's link does not give it.
pub(crate) fn grown(
    chain: Chain,
    before: &[KeptWrap],
    given: Vec<KeptWrap>,
    vault: &DeviceVault,
) -> (Known, Vec<KeptWrap>) {
    let id = vault.keys.id();
    let mut wraps = given;
    let own = before.iter().filter(|kept| kept.device == id && !wraps.contains(kept));
    let own: Vec<KeptWrap> = own.cloned().collect();
    wraps.extend(own);
    let known = Known::with_seeds(chain, &wraps, vault);
    wraps.retain(|wrap| wrap.device != id || known.needs(wrap));
    (known, wraps)
}

/// Checks wraps that the server gives against what links commit to for the newest epoch: each is committed to.
fn committed(chain: &Chain, wraps: &[DeviceWrap]) -> bool {
    let Some(epoch) = chain.epoch() else { return false };
    // A kit that took another's place within the epoch has a wrap that its own link commits to.
    let commitments = || epoch.wraps.iter().chain(chain.kit_wrap());
    wraps.iter().all(|wrap| {
        let hash = preimage::wrap_hash(wrap.wrap.as_slice());
        commitments().any(|commitment| commitment.device == wrap.device && commitment.hash == hash)
    })
}

impl Device {
    /// What this device knows of its account.
    pub(crate) fn known(&self) -> std::rc::Rc<Known> {
        std::rc::Rc::clone(&self.known.borrow())
    }

    /// Why this device has no seed of the newest epoch, if it has none.
    #[must_use]
    pub fn lack_of_seed(&self) -> Option<DeviceError> {
        self.known().lack_of_seed()
    }

    /// The newest link that this device has seen.
    #[must_use]
    pub fn head(&self) -> Head {
        self.known().chain.head()
    }

    /// The account's chain, as far as this device has seen it.
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.known().chain.clone()
    }
}

/// What the server gave is no link of this chain.
pub(crate) fn bad_link(seq: u64, error: ChainError) -> DeviceError {
    DeviceError::BadLink { seq, error }
}

pub(crate) const fn forked() -> DeviceError {
    DeviceError::Refused { code: ErrorCode::ChainForked, retry_after: None }
}

pub(crate) const fn rolled_back() -> DeviceError {
    DeviceError::Refused { code: ErrorCode::ChainRolledBack, retry_after: None }
}
