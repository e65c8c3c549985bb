//! Keys at rest: a small secret file under a passphrase (protocol section 9).

use std::sync::Arc;

use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::Preimage;
use glimpse_wire::preimage::label::{VAULT as LABEL, VAULT_CACHE};
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::{Hash, Salt, decode, encode};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::derive;
use crate::error::OpenError;
use crate::keys::{AccountSeed, DeviceKeys};
use crate::secret::{Plaintext, Secret};
use crate::stream::{ContentOpener, ContentSealer, open_small, seal_small};
use crate::stretch;

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
    pub seeds: Vec<(u32, Arc<AccountSeed>)>,
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
        seal(passphrase, &Zeroizing::new(encode(&secrets)), rng)
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
            .map(|entry| Some((entry.epoch, Arc::new(AccountSeed(Secret::from_slice(entry.seed.as_slice())?)))))
            .collect::<Option<Vec<_>>>()
            .ok_or(OpenError)?;
        Ok(Self { keys: DeviceKeys::from_seeds(&signing, kem), seeds })
    }

    /// Seals what the device keeps beside its keys (its copy of the listing) under a key that follows from them and a
    /// fresh salt. `name` tells one such file from another.
    ///
    /// # Errors
    /// [`OpenError`] never happens: the length is that of `plaintext`.
    pub fn seal_cache(&self, name: &str, plaintext: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, OpenError> {
        let salt = Salt(*Secret::generate(rng).expose_secret());
        let length = u64::try_from(plaintext.len()).map_err(|_| OpenError)?;
        let size = padded(length);
        let mut sealed = salt.0.to_vec();
        sealed.extend_from_slice(&size.to_be_bytes());
        let (_, kem) = self.keys.seeds();
        let mut sealer = ContentSealer::new(derive::cache_key(&salt, kem), cache_aad(name, &salt, size), length);
        let mut emit = |chunk: Vec<u8>| sealed.extend(chunk);
        sealer.push(plaintext, &mut emit).map_err(|_| OpenError)?;
        sealer.finish(&mut emit).map_err(|_| OpenError)?;
        Ok(sealed)
    }

    /// Opens what [`DeviceVault::seal_cache`] sealed.
    ///
    /// # Errors
    /// [`OpenError`] for another device's file, another name and a changed file alike.
    pub fn open_cache(&self, name: &str, bytes: &[u8]) -> Result<Plaintext, OpenError> {
        let (salt, rest) = bytes.split_first_chunk::<{ Salt::LEN }>().ok_or(OpenError)?;
        let (size, mut rest) = rest.split_first_chunk::<8>().ok_or(OpenError)?;
        let (salt, size) = (Salt(*salt), u64::from_be_bytes(*size));
        if u64::try_from(rest.len()) != Ok(sealed(size)) {
            return Err(OpenError);
        }
        let (_, kem) = self.keys.seeds();
        let mut opener = ContentOpener::new(derive::cache_key(&salt, kem), cache_aad(name, &salt, size), size);
        let mut opened = Zeroizing::new(Vec::with_capacity(rest.len()));
        while !opener.is_done() {
            let next = usize::try_from(opener.next_len()).map_err(|_| OpenError)?;
            let (chunk, later) = rest.split_at_checked(next).ok_or(OpenError)?;
            opened.extend_from_slice(&opener.open(chunk.to_vec())?);
            rest = later;
        }
        Ok(opened)
    }
}

fn cache_aad(name: &str, salt: &Salt, size: u64) -> Hash {
    Preimage::new(VAULT_CACHE).part(&[VERSION]).part(name.as_bytes()).part(&salt.0).number(size).hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn opens_with_its_passphrase_only_and_whole_only() {
        let mut rng = rng(11);
        let vault = DeviceVault {
            keys: DeviceKeys::generate(&mut rng),
            seeds: vec![(1, Arc::new(AccountSeed::generate(&mut rng)))],
        };
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

    #[test]
    fn t053_a_file_cannot_ask_for_a_cheaper_stretching() {
        let mut rng = rng(13);
        let sealed = seal(b"correct horse", b"secret", &mut rng).unwrap();
        let file: File = decode(&sealed, MAX_VAULT).unwrap();
        assert!(open(b"correct horse", &sealed).is_ok(), "control");
        // There is a version, and no cost in it; another version is no way to another cost.
        for version in [0, 2, 255] {
            let other = encode(&File { version, salt: file.salt, sealed: file.sealed.clone() });
            assert!(open(b"correct horse", &other).is_err(), "version {version}");
        }
        // Costs that a file brings along, as other formats do, are not looked at.
        let costs: (u8, Salt, Bytes, u32, u32) = (VERSION, file.salt, file.sealed.clone(), 8, 1);
        assert!(open(b"correct horse", &encode(&costs)).is_ok_and(|opened| *opened == b"secret"));
        // What such a cost would have stretched to does not open it either.
        let cheap = Secret::from_slice(&[0; 32]).unwrap();
        assert!(open_small(cheap, aad(&file.salt), file.sealed.as_slice()).is_err());
    }

    #[test]
    fn what_lies_beside_the_keys_opens_with_them_only() {
        let mut rng = rng(12);
        let vault = |rng: &mut _| DeviceVault { keys: DeviceKeys::generate(rng), seeds: Vec::new() };
        let (ours, theirs) = (vault(&mut rng), vault(&mut rng));
        for length in [0, 1, 600, 200_000] {
            let plaintext: Vec<u8> = (0..length).map(|n: u32| u8::try_from(n % 251).unwrap()).collect();
            let sealed = ours.seal_cache("listing", &plaintext, &mut rng).unwrap();
            assert_eq!(*ours.open_cache("listing", &sealed).unwrap(), plaintext);
            assert!(theirs.open_cache("listing", &sealed).is_err());
            assert!(ours.open_cache("trails", &sealed).is_err());
            for place in [0, 33, 39, 41, sealed.len() - 1] {
                let mut flipped = sealed.clone();
                flipped[place] ^= 1;
                assert!(ours.open_cache("listing", &flipped).is_err(), "byte {place}");
            }
            assert!(ours.open_cache("listing", &sealed[..sealed.len() - 1]).is_err());
        }
    }
}
