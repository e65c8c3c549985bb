//! A device that has the code and does not keep to what it said: what the viewer refuses.

use super::*;
use crate::account::NewAccount;
use crate::code::PairingCode;
use crate::pairing::tests::{MAILBOX, NOW, claims, counted, ends, setup};
use crate::pairing::viewer::{Asking, ExpectOffer};
use crate::session::ExpectGrant;
use crate::testing::rng;

/// A pairing whose device is altered once it has sent Answer.
fn with(
    opened: Opened,
    viewer: ExpectOffer,
    alter: impl FnOnce(&mut ExpectConfirmA),
) -> Result<ExpectGrant, ErrorCode> {
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let (mut device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    alter(&mut device);
    let (_, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    viewer.receive(&confirm_b)
}

#[test]
fn t011_an_identity_other_than_the_one_in_offer_is_refused_whatever_the_field() {
    let (ours, theirs) = (NewAccount::generate(&mut rng(1)).unwrap(), NewAccount::generate(&mut rng(2)).unwrap());
    type Alteration<'f> = (&'static str, &'f dyn Fn(&mut Identity));
    let fields: [Alteration<'_>; 9] = [
        ("account", &|identity| identity.account = theirs.chain.account()),
        ("signing", &|identity| identity.signing = theirs.device.signing().public()),
        ("kem", &|identity| identity.kem = theirs.device.kem().public().to_wire()),
        ("head seq", &|identity| identity.head.seq += 1),
        ("head hash", &|identity| identity.head.hash.0[0] ^= 1),
        ("epoch", &|identity| identity.epoch += 1),
        ("name", &|identity| identity.name = "Eve".to_owned()),
        ("no name", &|identity| identity.name.clear()),
        ("blind", &|identity| identity.blind.0[0] ^= 1),
    ];
    crate::stretch::tests::cheaply(|| {
        for (name, alter) in fields {
            let (opened, viewer) = ends(&ours, 3);
            let outcome = with(opened, viewer, |state| {
                let mut identity: Identity = decode(&state.identity, MAX_MESSAGE).unwrap();
                alter(&mut identity);
                let altered = encode(&identity);
                assert_ne!(altered, state.identity, "{name}");
                state.identity = altered;
            });
            // The device has the code and seals what it likes; it is not what Offer committed to.
            assert_eq!(outcome.err(), Some(ErrorCode::CodeWrong), "{name}");
        }
        let (opened, viewer) = ends(&ours, 3);
        assert!(with(opened, viewer, |_| {}).is_ok(), "control");
    });
}

#[test]
fn an_identity_with_a_key_that_nobody_can_have_is_refused() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let paired = |kem: Bytes| {
        let opened = open(Setup { kem, ..setup(&account) }, &mut rng(3)).unwrap();
        let typed = PairingCode::parse(&opened.code.to_groups(), Purpose::View).unwrap();
        with(opened, ExpectOffer::new(typed, Purpose::View), |_| {}).map(|_state| ())
    };
    let key = account.device.kem().public().to_wire();
    let mut low_order = key.clone();
    low_order.0[1184..].fill(0);
    assert_eq!(paired(low_order), Err(ErrorCode::Malformed));
    assert_eq!(paired(Bytes(vec![1; 32])), Err(ErrorCode::Malformed));
    assert_eq!(paired(key), Ok(()), "control");
}
