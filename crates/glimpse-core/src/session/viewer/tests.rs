//! What a grant is sealed to: this session's key, and the PSK of this pairing. The signature comes before the seal and
//! is tested elsewhere; here somebody has got past it.

use super::*;
use crate::account::NewAccount;
use crate::aead;
use crate::pairing::tests::{NOW, confirmed};
use crate::session::tests::granting::answer;
use crate::session::tests::{meta, session, version};
use crate::session::{Decision, LentUnit};
use crate::testing::{rng, salamander};
use glimpse_wire::{Salt, encode};

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

#[test]
fn t045_a_unit_that_opens_under_two_keys_is_refused_for_all_but_the_committed_one() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, mut viewer, id) = session(&account, 20);
    let (one, other) = (Hash([8; 32]), Hash([9; 32]));
    let salt = Salt([1; 32]);
    let envelope = *device.seal_unit(&id, salt, &ServerShare::from_wire(&one)).unwrap().envelope();
    let key = |viewer: &ViewerSession, share: &Hash| {
        derive::unit_key(&salt, &viewer.unit(&id).unwrap().client, &ServerShare::from_wire(share))
    };
    let aad = preimage::unit_aad(&viewer.session, &id, &salt, &envelope.terms);
    let mut nonce = [0; aead::NONCE];
    nonce[11] = 1;
    let (first, second) = (key(&viewer, &one).key, key(&viewer, &other).key);
    let both = salamander::opens_under_both(first.expose_secret(), second.expose_secret(), nonce, &aad.0, 512);
    for key in [&first, &second] {
        assert!(aead::open(key, nonce, &aad.0, &mut both.clone()).is_ok(), "control: the cipher takes it under both");
    }
    // A server that releases the other share: refused before any chunk. Control: with the one that was minted it begins.
    let request = viewer.request(&id).unwrap();
    let wrong = answer(&viewer, &request, &envelope, other);
    assert_eq!(viewer.opened(&request, &wrong).err(), Some(ErrorCode::RecordTampered));
    viewer.take_back(&request);
    // Control: had the envelope committed to the other key, that one would be taken. The server cannot choose it: it is
    // the device that seals, and a commitment of the server's fits no ciphertext but its own.
    let turned = UnitEnvelope { commit: key(&viewer, &other).commitment(), ..envelope };
    let (_, mut second, _) = session(&account, 20);
    let request = second.request(&id).unwrap();
    let answered = answer(&second, &request, &turned, other);
    assert!(second.opened(&request, &answered).is_ok());
    let request = viewer.request(&id).unwrap();
    let right = answer(&viewer, &request, &envelope, one);
    assert!(viewer.opened(&request, &right).is_ok(), "control");
}
