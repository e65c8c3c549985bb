//! Keys at rest: a small secret file under a passphrase (protocol section 9).

use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::Preimage;
use glimpse_wire::{Hash, Salt, decode, encode};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::error::OpenError;
use crate::keys::{AccountSeed, DeviceKeys};
use crate::secret::{Plaintext, Secret};
use crate::stream::{open_small, seal_small};
use crate::stretch;

use glimpse_wire::preimage::label::VAULT as LABEL;
const VERSION: u8 = 1;
/// A vault is at most this long, in bytes.
pub const MAX_VAULT: usize = 64 * 1024;

#[derive(Encode, Decode)]
struct File {
    #[n(0)]
    version: u8,
    #[n(1)]
    salt: Salt,
    #[n(2)]
    sealed: Bytes,
}

/// Seals `plaintext` under a passphrase: Argon2id with the constants of this version, then one chunk.
///
/// # Errors
/// [`OpenError`] if memory for the stretching cannot be had or `plaintext` is longer than a chunk.
pub fn seal(passphrase: &[u8], plaintext: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, OpenError> {
    let salt = Salt(*Secret::generate(rng).expose_secret());
    let key = stretch::at_rest(passphrase, &salt.0).ok_or(OpenError)?;
    let sealed = seal_small(key, aad(&salt), plaintext).map_err(|_| OpenError)?;
    Ok(encode(&File { version: VERSION, salt, sealed: Bytes(sealed) }))
}

/// Opens what [`seal`] sealed. The costs are constants of the version: a file cannot lower them.
///
/// # Errors
/// [`OpenError`] for a wrong passphrase and for a changed file alike.
pub fn open(passphrase: &[u8], bytes: &[u8]) -> Result<Plaintext, OpenError> {
    let file: File = decode(bytes, MAX_VAULT)?;
    if file.version != VERSION {
        return Err(OpenError);
    }
    let key = stretch::at_rest(passphrase, &file.salt.0).ok_or(OpenError)?;
    open_small(key, aad(&file.salt), file.sealed.as_slice())
}

fn aad(salt: &Salt) -> Hash {
    Preimage::new(LABEL).part(&[VERSION]).part(&salt.0).hash()
}

#[derive(Encode, Decode)]
struct DeviceSecrets {
    #[n(0)]
    signing: Bytes,
    #[n(1)]
    kem: Bytes,
    #[n(2)]
    seeds: Vec<EpochSeed>,
}

#[derive(Encode, Decode)]
struct EpochSeed {
    #[n(0)]
    epoch: u32,
    #[n(1)]
    seed: Bytes,
}

/// What a device keeps secret: its keys, and the account seed of each epoch that it has.
#[derive(Debug)]
pub struct DeviceVault {
    /// Its keys.
    pub keys: DeviceKeys,
    /// By rising epoch.
    pub seeds: Vec<(u32, AccountSeed)>,
}

impl DeviceVault {
    /// Seals the vault under a passphrase.
    ///
    /// # Errors
    /// As [`seal`].
    pub fn seal(&self, passphrase: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, OpenError> {
        let (signing, kem) = self.keys.seeds();
        let secrets = DeviceSecrets {
            signing: Bytes(signing.expose_secret().to_vec()),
            kem: Bytes(kem.expose_secret().to_vec()),
            seeds: self
                .seeds
                .iter()
                .map(|(epoch, seed)| EpochSeed { epoch: *epoch, seed: Bytes(seed.0.expose_secret().to_vec()) })
                .collect(),
        };
        seal(passphrase, &zeroize::Zeroizing::new(encode(&secrets)), rng)
    }

    /// Opens a vault.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(passphrase: &[u8], bytes: &[u8]) -> Result<Self, OpenError> {
        let opened = open(passphrase, bytes)?;
        let secrets: DeviceSecrets = decode(&opened, MAX_VAULT)?;
        let signing = Secret::from_slice(secrets.signing.as_slice()).ok_or(OpenError)?;
        let kem = Secret::from_slice(secrets.kem.as_slice()).ok_or(OpenError)?;
        let seeds = secrets
            .seeds
            .iter()
            .map(|entry| Some((entry.epoch, AccountSeed(Secret::from_slice(entry.seed.as_slice())?))))
            .collect::<Option<Vec<_>>>()
            .ok_or(OpenError)?;
        Ok(Self { keys: DeviceKeys::from_seeds(&signing, kem), seeds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn opens_with_its_passphrase_only_and_whole_only() {
        let mut rng = rng(11);
        let vault =
            DeviceVault { keys: DeviceKeys::generate(&mut rng), seeds: vec![(1, AccountSeed::generate(&mut rng))] };
        let sealed = vault.seal(b"correct horse", &mut rng).unwrap();
        let opened = DeviceVault::open(b"correct horse", &sealed).unwrap();
        assert_eq!(opened.keys.id(), vault.keys.id());
        assert_eq!(opened.seeds.len(), 1);
        assert!(DeviceVault::open(b"correct horsf", &sealed).is_err());
        for place in [0, 1, 10, sealed.len() / 2, sealed.len() - 1] {
            let mut flipped = sealed.clone();
            flipped[place] ^= 1;
            assert!(DeviceVault::open(b"correct horse", &flipped).is_err(), "byte {place}");
        }
        let (signing, _) = vault.keys.seeds();
        assert!(!sealed.windows(32).any(|window| window == signing.expose_secret()));
    }
}
