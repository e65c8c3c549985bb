//! Founding an account, and adopting its seed.

use glimpse_wire::Hash;
use glimpse_wire::account::{Epoch, Head, LinkBody, SignedLink};
use glimpse_wire::chain::Chain;
use rand_core::CryptoRng;

use crate::chain::{DrawnEpoch, adopt, sign};
use crate::error::OpenError;
use crate::keys::{AccountSeed, DeviceKeys};
use crate::secret::Secret;

/// A new account, before the server knows it.
#[derive(Debug)]
pub struct NewAccount {
    /// The first device.
    pub device: DeviceKeys,
    /// The seed of epoch 1.
    pub seed: AccountSeed,
    /// Epoch 1.
    pub epoch: Epoch,
    /// The chain that the genesis link begins, checked as others will check it.
    pub chain: Chain,
    /// The genesis link as it is stored and sent, byte for byte.
    pub link: SignedLink,
    /// The seed wrapped to the first device; the link commits to it.
    pub wrap: Vec<u8>,
}

impl NewAccount {
    /// Draws keys and seed and signs the genesis link.
    ///
    /// # Errors
    /// [`OpenError`] never happens: every key involved was made here.
    pub fn generate(rng: &mut impl CryptoRng) -> Result<Self, OpenError> {
        let device = DeviceKeys::generate(rng);
        let public = device.public();
        let id = device.id();
        let DrawnEpoch { seed, epoch, wraps } = DrawnEpoch::first(&public, None, rng)?;
        let wrap = wraps.into_iter().next().ok_or(OpenError)?.sealed;
        let random = Hash(*Secret::<32>::generate(rng).expose_secret());
        let body = LinkBody::Genesis { random, device: public, epoch: epoch.clone(), recovery: Vec::new() };
        let link = sign(device.signing(), &Head { seq: 0, hash: Hash::ZERO }, id, body);
        let chain = Chain::begin(&link).map_err(|_| OpenError)?;
        Ok(Self { device, seed, epoch, chain, link, wrap })
    }
}

/// Opens a wrapped seed, and adopts it only if it is the one that the signed link commits to: same wrap, and the
/// account key that follows from it is the link's.
///
/// # Errors
/// [`OpenError`] whatever the cause.
pub fn adopt_seed(device: &DeviceKeys, epoch: &Epoch, wrap: &[u8]) -> Result<AccountSeed, OpenError> {
    let id = device.id();
    let committed = epoch.wraps.iter().find(|commitment| commitment.device == id).ok_or(OpenError)?;
    adopt(&id, device.kem(), epoch, committed, wrap)
}

#[cfg(test)]
mod tests {
    use glimpse_wire::preimage;

    use super::*;
    use crate::testing::rng;

    #[test]
    fn a_device_adopts_its_own_seed_and_no_other() {
        let mut rng = rng(7);
        let ours = NewAccount::generate(&mut rng).unwrap();
        let theirs = NewAccount::generate(&mut rng).unwrap();
        let seed = adopt_seed(&ours.device, &ours.epoch, &ours.wrap).unwrap();
        assert!(seed.0.matches(ours.seed.0.expose_secret()));
        assert!(adopt_seed(&theirs.device, &ours.epoch, &ours.wrap).is_err());
        assert!(adopt_seed(&ours.device, &theirs.epoch, &theirs.wrap).is_err());
    }

    #[test]
    fn t106_a_wrap_that_the_link_does_not_commit_to_is_refused_even_if_it_opens() {
        let mut rng = rng(8);
        let ours = NewAccount::generate(&mut rng).unwrap();
        let info = preimage::seed_wrap_info(&ours.device.id(), 1, ours.epoch.account_key.as_slice());
        let substituted = ours.device.kem().public().seal(&info, &[], &[9; 32], &mut rng).unwrap();
        assert!(ours.device.kem().open(&info, &[], &substituted).is_ok(), "control: the wrap as such opens");
        assert!(adopt_seed(&ours.device, &ours.epoch, &substituted).is_err());
        // Nor is the right seed in another wrap: the link names this one.
        let seed = ours.seed.0.expose_secret();
        let again = ours.device.kem().public().seal(&info, &[], seed, &mut rng).unwrap();
        assert!(adopt_seed(&ours.device, &ours.epoch, &again).is_err());
        // Even with a link that commits to it, the account key must follow from the seed.
        let mut epoch = ours.epoch.clone();
        epoch.wraps[0].hash = preimage::wrap_hash(&substituted);
        assert!(adopt_seed(&ours.device, &epoch, &substituted).is_err());
    }
}
