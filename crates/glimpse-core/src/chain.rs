//! Links that a device makes, and the seeds that epochs bring (protocol section 4). Whether a link fits is
//! [`glimpse_wire::chain`]'s to say, for whoever makes it as for whoever reads it.

use glimpse_wire::account::{
    Act, DevicePublic, Epoch, Head, Link, LinkBody, RecoveryKeys, Second, SignedLink, WrapCommitment,
};
use glimpse_wire::chain::{Chain, OLDER_SEED_LEN};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage;
use glimpse_wire::{AccountId, DeviceId, Hash, SUITE, encode};
use rand_core::CryptoRng;

use crate::error::OpenError;
use crate::kem::{KemPublic, KemSecret};
use crate::keys::{AccountSeed, DeviceKeys, Signing};
use crate::secret::Secret;

/// An epoch that was drawn and that no link carries yet.
#[derive(Debug)]
pub struct DrawnEpoch {
    /// Its seed.
    pub seed: AccountSeed,
    /// What the link says of it.
    pub epoch: Epoch,
    /// The seed, wrapped to each that the link lists, in its order. The server keeps them for whoever they are for.
    pub wraps: Vec<Wrap>,
}

/// A seed wrapped to one device, or to the recovery kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// For whom.
    pub device: DeviceId,
    /// Encapsulated key ‖ ciphertext.
    pub sealed: Vec<u8>,
}

impl DrawnEpoch {
    /// Draws epoch 1 for its first device, and a recovery kit where there is one.
    ///
    /// # Errors
    /// [`OpenError`] for keys that cannot be sealed to.
    pub fn first(
        device: &DevicePublic,
        kit: Option<&RecoveryKeys>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        Self::draw(1, core::iter::once(device), kit, |_, _| Ok(Vec::new()), rng)
    }

    /// Draws the epoch after the chain's newest: for its devices without those that are `leaving`, and its kit. `present`
    /// is the seed of the newest epoch, which is sealed under the one that is drawn.
    ///
    /// # Errors
    /// [`OpenError`] where `present` is not the newest epoch's seed, or a key cannot be sealed to.
    pub fn next(
        chain: &Chain,
        present: &AccountSeed,
        leaving: &[DeviceId],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        is_newest(chain, present)?;
        Self::after(chain, present, staying(chain, leaving), chain.recovery(), rng)
    }

    /// As [`DrawnEpoch::next`] for a device that the newest epoch was not wrapped to, by whoever began it: from the seed of
    /// an earlier epoch, which is sealed under the one that is drawn in the place of the newest's.
    ///
    /// # Errors
    /// [`OpenError`] where `older` is no epoch's seed.
    pub fn next_from_older(
        chain: &Chain,
        older: &AccountSeed,
        leaving: &[DeviceId],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        let key = older.account_key().public().to_wire();
        chain.epochs().iter().find(|epoch| epoch.account_key == key).ok_or(OpenError)?;
        Self::after(chain, older, staying(chain, leaving), chain.recovery(), rng)
    }

    /// Draws the epoch with which a recovery kit begins anew: for one device, and the kit that follows.
    ///
    /// # Errors
    /// As [`DrawnEpoch::next`].
    pub fn recovered(
        chain: &Chain,
        present: &AccountSeed,
        device: &DevicePublic,
        kit: Option<&RecoveryKeys>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        is_newest(chain, present)?;
        Self::after(chain, present, core::iter::once(device), kit, rng)
    }

    fn after<'d, R: CryptoRng>(
        chain: &Chain,
        held: &AccountSeed,
        devices: impl Iterator<Item = &'d DevicePublic>,
        kit: Option<&RecoveryKeys>,
        rng: &mut R,
    ) -> Result<Self, OpenError> {
        let newest = chain.epoch().ok_or(OpenError)?;
        let number = newest.number.checked_add(1).ok_or(OpenError)?;
        let account = chain.account();
        let older = |key: &KemPublic, rng: &mut R| {
            let info = preimage::older_seed_info(&account, number, key.as_bytes());
            key.seal(&info, &[], held.0.expose_secret(), rng)
        };
        Self::draw(number, devices, kit, older, rng)
    }

    fn draw<'d, R: CryptoRng>(
        number: u32,
        devices: impl Iterator<Item = &'d DevicePublic>,
        kit: Option<&RecoveryKeys>,
        older: impl FnOnce(&KemPublic, &mut R) -> Result<Vec<u8>, OpenError>,
        rng: &mut R,
    ) -> Result<Self, OpenError> {
        let seed = AccountSeed::generate(rng);
        let account_key = seed.account_key();
        let public = account_key.public();
        let mut whom: Vec<(DeviceId, &Bytes)> = devices.map(|device| (device.id(), &device.kem)).collect();
        whom.extend(kit.map(|kit| (kit.id(), &kit.kem)));
        whom.sort_unstable_by_key(|(id, _)| *id);
        let mut wraps = Vec::with_capacity(whom.len());
        for (device, kem) in whom {
            // A key that nothing can be sealed to stops no epoch: whoever brought it gets bytes that open nothing.
            let sealed = wrap(&seed, number, device, kem, rng).unwrap_or_else(|OpenError| unopenable(rng));
            wraps.push(Wrap { device, sealed });
        }
        let previous_seed = Bytes(older(public, rng)?);
        let commitments = wraps.iter().map(Wrap::commitment).collect();
        let epoch = Epoch { number, account_key: public.to_wire(), wraps: commitments, previous_seed };
        Ok(Self { seed, epoch, wraps })
    }
}

impl Wrap {
    /// Wraps the seed of the chain's newest epoch to a recovery kit that takes the place of another.
    ///
    /// # Errors
    /// [`OpenError`] where `present` is not that seed, or the kit's key cannot be sealed to.
    pub fn for_kit(
        chain: &Chain,
        present: &AccountSeed,
        kit: &RecoveryKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        let newest = is_newest(chain, present)?;
        Ok(Self { device: kit.id(), sealed: wrap(present, newest.number, kit.id(), &kit.kem, rng)? })
    }

    /// What the link says of it.
    #[must_use]
    pub fn commitment(&self) -> WrapCommitment {
        WrapCommitment { device: self.device, hash: preimage::wrap_hash(&self.sealed) }
    }
}

/// The chain's newest epoch, if this is its seed.
fn is_newest<'c>(chain: &'c Chain, seed: &AccountSeed) -> Result<&'c Epoch, OpenError> {
    let newest = chain.epoch().ok_or(OpenError)?;
    if seed.account_key().public().to_wire() == newest.account_key { Ok(newest) } else { Err(OpenError) }
}

/// Devices that belong, without those that are `leaving`.
fn staying<'c>(chain: &'c Chain, leaving: &[DeviceId]) -> impl Iterator<Item = &'c DevicePublic> {
    let stays = |id: &DeviceId| !leaving.contains(id);
    let members = chain.members().iter().filter(move |member| member.until.is_none() && stays(&member.id));
    members.map(|member| &member.device)
}

/// As long as a wrap, and nobody's.
fn unopenable(rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut bytes = vec![0; OLDER_SEED_LEN];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn wrap(
    seed: &AccountSeed,
    epoch: u32,
    device: DeviceId,
    kem: &Bytes,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, OpenError> {
    let info = preimage::seed_wrap_info(&device, epoch, seed.account_key().public().as_bytes());
    KemPublic::parse(kem.as_slice())?.seal(&info, &[], seed.0.expose_secret(), rng)
}

/// Opens a seed that was wrapped to `id`, and adopts it only if it is the one that the signed link commits to: the same
/// wrap, and the account key that follows from it is the link's.
///
/// # Errors
/// [`OpenError`] whatever the cause.
pub fn adopt(
    id: &DeviceId,
    key: &KemSecret,
    epoch: &Epoch,
    committed: &WrapCommitment,
    wrap: &[u8],
) -> Result<AccountSeed, OpenError> {
    if committed.device != *id || preimage::wrap_hash(wrap) != committed.hash {
        return Err(OpenError);
    }
    let info = preimage::seed_wrap_info(id, epoch.number, epoch.account_key.as_slice());
    seed_of(epoch, &key.open(&info, &[], wrap)?)
}

/// Opens the older seed that `epoch` carries, whose own seed is known, and gives it with its number: that of the epoch
/// before, or of an earlier one where whoever began `epoch` could not open that.
///
/// # Errors
/// [`OpenError`] whatever the cause, an epoch 1 included.
pub fn older_seed(chain: &Chain, epoch: u32, seed: &AccountSeed) -> Result<(u32, AccountSeed), OpenError> {
    let place = usize::try_from(epoch.checked_sub(1).ok_or(OpenError)?).map_err(|_| OpenError)?;
    let later = chain.epochs().get(place).ok_or(OpenError)?;
    let info = preimage::older_seed_info(&chain.account(), epoch, later.account_key.as_slice());
    let opened = seed.account_key().open(&info, &[], later.previous_seed.as_slice())?;
    let older = AccountSeed(Secret::from_slice(&opened).ok_or(OpenError)?);
    let key = older.account_key().public().to_wire();
    let its = chain.epochs().iter().take(place).rev().find(|earlier| earlier.account_key == key).ok_or(OpenError)?;
    Ok((its.number, older))
}

/// The seed, if the account key of the epoch follows from it.
fn seed_of(epoch: &Epoch, seed: &[u8]) -> Result<AccountSeed, OpenError> {
    let seed = AccountSeed(Secret::from_slice(seed).ok_or(OpenError)?);
    if seed.account_key().public().to_wire() == epoch.account_key { Ok(seed) } else { Err(OpenError) }
}

/// The signature by which `device` joins at `place`, added by `adder` in the pairing with this transcript.
#[must_use]
pub fn join(
    account: &AccountId,
    place: &Head,
    keys: &DeviceKeys,
    device: &DevicePublic,
    adder: &DeviceId,
    transcript: &Hash,
) -> SignatureBytes {
    keys.signing().sign(&preimage::reverse_signature(account, place, device, adder, transcript))
}

/// The signature of a second device under an act that another is about to sign.
#[must_use]
pub fn second(chain: &Chain, keys: &DeviceKeys, act: &Act) -> Second {
    let signed = preimage::second_signature(&chain.account(), &chain.next_place(), &encode(act));
    Second { device: keys.id(), signature: keys.signing().sign(&signed) }
}

/// The chain's next link, by a device that belongs. It is stored before it is sent, and sent again byte for byte.
#[must_use]
pub fn act(chain: &Chain, keys: &DeviceKeys, act: Act, second: Option<Second>) -> SignedLink {
    let body = LinkBody::Act { act, second: second.into_iter().collect() };
    sign(keys.signing(), &chain.next_place(), keys.id(), body)
}

/// Signs a link.
pub(crate) fn sign(signing: &Signing, place: &Head, signer: DeviceId, body: LinkBody) -> SignedLink {
    let link = encode(&Link { suite: SUITE, seq: place.seq, previous: place.hash, body, signer });
    let signature = signing.sign(&preimage::link_signature(&link));
    SignedLink { link: Bytes(link), signature }
}

#[cfg(test)]
mod tests;
