//! What a grant is sealed to: this session's key, and the PSK of this pairing. The signature comes before the seal and
//! is tested elsewhere; here somebody has got past it.

use super::*;
use crate::account::NewAccount;
use crate::pairing::tests::{NOW, confirmed};
use crate::session::tests::{meta, version};
use crate::session::{Decision, LentUnit};
use crate::testing::rng;
use glimpse_wire::encode;

#[test]
fn t062_a_grant_opens_with_the_sessions_key_and_the_pairings_psk_and_with_neither_alone() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer) = confirmed(&account, 40);
    let (_, other) = confirmed(&account, 50);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = LentUnit::of(&record, &mut rng(41)).unwrap();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], UnixMillis(1), 600_000), NOW).unwrap();
    let (_, sealed) = approved.seal(&account.device, &mut rng(42)).unwrap();
    let Message::Grant(grant) = decode(&sealed.message, MAX_MESSAGE).unwrap() else { panic!() };
    let (id, info, terms) = (viewer.session.0, viewer.transcript.0, grant.terms.as_slice());
    let opens = |kem: &KemSecret, psk: &Secret<32>| {
        let opened = kem.open_with_psk(psk, &id, &info, terms, grant.enc.as_slice(), grant.sealed.as_slice());
        opened.is_ok_and(|(body, _)| decode::<GrantBody>(&body, MAX_FRAME).unwrap().units[0].meta.title == "Letter")
    };
    assert!(opens(&viewer.kem, &viewer.psk), "control: both");
    assert!(!opens(&other.kem, &viewer.psk), "another browser that has the PSK");
    assert!(!opens(&viewer.kem, &other.psk), "the browser's key without this pairing's PSK");
    assert!(!opens(&other.kem, &other.psk));
    let whole = [grant.enc.as_slice(), grant.sealed.as_slice()].concat();
    assert!(viewer.kem.open(&info, terms, &whole).is_err(), "nor as if there were no PSK");
    // Control: in base mode whoever has the key opens it, here one whose seed was published.
    let published = || KemSecret::from_seed(&Secret::fill_with(|seed| seed.fill(7)));
    let body = encode(&GrantBody { units: Vec::new() });
    let base = published().public().seal(&info, terms, &body, &mut rng(43)).unwrap();
    assert_eq!(published().open(&info, terms, &base).unwrap().as_slice(), body);
    // The same key with a PSK in the seal: published, and it opens to nobody without the PSK.
    let key = published();
    let (enc, sealed, _) = key.public().seal_with_psk(&viewer.psk, &id, &info, terms, &body, &mut rng(44)).unwrap();
    let with = |psk: &Secret<32>| key.open_with_psk(psk, &id, &info, terms, &enc, &sealed).is_ok();
    assert!(with(&viewer.psk), "control");
    assert!(!with(&other.psk));
    assert!(key.open(&info, terms, &[enc.as_slice(), &sealed].concat()).is_err());
}
