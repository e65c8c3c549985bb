//! What its owner calls a device: sealed under the seed of an epoch, so that the account's devices read it and the server
//! does not (protocol section 6.6).

use glimpse_wire::limits::MAX_TITLE;
use glimpse_wire::{AccountId, DeviceId, Salt, preimage};
use rand_core::CryptoRng;

use crate::derive;
use crate::error::OpenError;
use crate::keys::AccountSeed;
use crate::secret::Secret;
use crate::stream::{open_small, seal_small};

/// Seals a name under a key of its own: a salt, then one padded chunk. `seed` is that of `epoch`.
///
/// # Errors
/// [`OpenError`] for a name of more than [`MAX_TITLE`] bytes.
pub fn seal(
    name: &str,
    account: &AccountId,
    device: &DeviceId,
    epoch: u32,
    seed: &AccountSeed,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, OpenError> {
    if name.len() > MAX_TITLE {
        return Err(OpenError);
    }
    let salt = Salt(*Secret::generate(rng).expose_secret());
    let aad = preimage::name_aad(account, device, epoch);
    let chunk = seal_small(derive::name_key(&salt, &seed.0), aad, name.as_bytes()).map_err(|_| OpenError)?;
    let mut sealed = salt.0.to_vec();
    sealed.extend(chunk);
    Ok(sealed)
}

/// Opens what [`seal`] sealed for this device of this account in this epoch.
///
/// # Errors
/// [`OpenError`] whatever the cause.
pub fn open(
    sealed: &[u8],
    account: &AccountId,
    device: &DeviceId,
    epoch: u32,
    seed: &AccountSeed,
) -> Result<String, OpenError> {
    let (salt, chunk) = sealed.split_first_chunk::<{ Salt::LEN }>().ok_or(OpenError)?;
    let key = derive::name_key(&Salt(*salt), &seed.0);
    let opened = open_small(key, preimage::name_aad(account, device, epoch), chunk)?;
    let name = core::str::from_utf8(&opened).map_err(|_| OpenError)?;
    if name.len() > MAX_TITLE { Err(OpenError) } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn a_name_opens_for_its_device_in_its_epoch_only_and_does_not_tell_its_length() {
        let rng = &mut rng(1);
        let (seed, other) = (AccountSeed::generate(rng), AccountSeed::generate(rng));
        let (account, device) = (AccountId([1; 32]), DeviceId([2; 32]));
        let sealed = seal("Ada's phone", &account, &device, 3, &seed, rng).unwrap();
        assert_eq!(open(&sealed, &account, &device, 3, &seed).unwrap(), "Ada's phone");
        assert!(open(&sealed, &AccountId([9; 32]), &device, 3, &seed).is_err());
        assert!(open(&sealed, &account, &DeviceId([9; 32]), 3, &seed).is_err());
        assert!(open(&sealed, &account, &device, 4, &seed).is_err());
        assert!(open(&sealed, &account, &device, 3, &other).is_err());
        for place in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[place] ^= 1;
            assert!(open(&flipped, &account, &device, 3, &seed).is_err(), "byte {place}");
        }
        for length in [0, 1, 31, 32, 63, 64, sealed.len() - 1] {
            assert!(open(&sealed[..length], &account, &device, 3, &seed).is_err(), "{length}");
        }
        assert_eq!(seal("", &account, &device, 3, &seed, rng).unwrap().len(), sealed.len());
        assert_ne!(seal("Ada's phone", &account, &device, 3, &seed, rng).unwrap()[32..], sealed[32..], "a fresh key");
        assert!(seal(&"n".repeat(512), &account, &device, 3, &seed, rng).is_ok(), "control");
        assert!(seal(&"n".repeat(513), &account, &device, 3, &seed, rng).is_err());
    }
}
