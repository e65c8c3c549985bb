//! What a viewer still holds once its element has left, and what it can do with it.

use super::*;
use crate::account::NewAccount;
use crate::pairing::tests::{MAILBOX, NOW, claims, counted, ends};
use crate::testing::rng;

/// A viewer whose Hello has left, the Hello, and the device's Answer to it.
fn sent() -> (ExpectAnswer, crate::pairing::device::ExpectConfirmA, Vec<u8>) {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, viewer) = ends(&account, 3);
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    (viewer, device, answer)
}

#[test]
fn t009_the_viewers_confirmation_does_not_pass_for_the_devices() {
    // A viewer that waits for ConfirmB, its own ConfirmA, and the device's ConfirmB.
    let run = || {
        let (viewer, device, answer) = sent();
        let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
        let (_, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
        (viewer, confirm_a, confirm_b)
    };
    let (viewer, confirm_a, confirm_b) = run();
    let Ok(Message::ConfirmA { confirm: echoed, words, sealed: introduction }) = receive(&confirm_a) else { panic!() };
    let Ok(Message::ConfirmB { confirm: own, sealed }) = receive(&confirm_b) else { panic!() };
    // The device's own identity, and the viewer's tag above it.
    let echo = encode(&Message::ConfirmB { confirm: echoed, sealed: sealed.clone() });
    // Controls: the same viewer with one label for both roles takes the echo of its own tag; with A's label over what cB
    // authenticates it takes a cB that was derived with A's label, and would not have taken the device's.
    let keys = |prk: &ExpectConfirmB, over: &[u8]| Hash(*prk.keys.confirm_a(over).expose_secret());
    let over_a = preimage::confirm_a(&viewer.transcript, &words, introduction.as_slice());
    let over_b = preimage::confirm_b(&viewer.transcript, &viewer.confirm_a, sealed.as_slice());
    assert!(naive(&viewer, &echo, &over_a));
    let with_label_a = encode(&Message::ConfirmB { confirm: keys(&viewer, &over_b), sealed: sealed.clone() });
    assert!(naive(&viewer, &with_label_a, &over_b));
    assert!(!naive(&viewer, &confirm_b, &over_b));
    // The viewer takes neither, and nothing but the tag is wrong with them.
    assert_eq!(viewer.receive(&echo).err(), Some(ErrorCode::CodeWrong));
    let (viewer, ..) = run();
    assert_eq!(viewer.receive(&with_label_a).err(), Some(ErrorCode::CodeWrong));
    let (viewer, ..) = run();
    assert!(viewer.receive(&encode(&Message::ConfirmB { confirm: own, sealed })).is_ok(), "control");
}

/// [`ExpectConfirmB::receive`] with the label of A's tag where B's belongs, and what it authenticates given.
fn naive(viewer: &ExpectConfirmB, message: &[u8], over: &[u8]) -> bool {
    let Ok(Message::ConfirmB { confirm, sealed }) = receive(message) else { return false };
    let mut opened = sealed.0;
    viewer.keys.confirm_a(over).matches(&confirm.0)
        && aead::open(&viewer.keys.seal_b(), [0; NONCE], &viewer.transcript.0, &mut opened).is_ok()
        && preimage::identity_commitment(&opened) == viewer.identity
}

#[test]
fn t103_once_its_element_has_left_the_viewer_holds_no_code() {
    // Every field by name: whoever adds one must come here and say why it is no way back to the code.
    let ExpectAnswer {
        purpose: _,
        // Public: the server knows it.
        nameplate: _,
        // Consumed by one Answer; of the code it holds only what was stretched under this Offer.
        run: _,
        offer: _,
        identity: _,
        hello,
        kem: _,
        signing: _,
        words: _,
    } = sent().0;
    // The control of what follows: the code is known here, and would be found if it stood in what is kept to be resent.
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let digits: String = ends(&account, 3).0.code.to_groups().split(' ').collect();
    let secret = &digits.as_bytes()[3..9];
    let stands_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
    assert!(stands_in(digits.as_bytes()) && !stands_in(&hello));
}

#[test]
fn t103_every_failure_after_that_ends_the_run() {
    let failures: [(&str, Vec<u8>, ErrorCode); 5] = [
        ("nothing that can be read", vec![0xFF; 9], ErrorCode::Malformed),
        ("another message", encode(&Message::Abort { code: ErrorCode::Crowded }), ErrorCode::Crowded),
        (
            "a lying server",
            encode(&Message::Abort { code: ErrorCode::ServerUnreachable }),
            ErrorCode::ServerUnreachable,
        ),
        ("an element of no use", encode(&Message::Answer { pake: Bytes(vec![b'B'; 33]) }), ErrorCode::Malformed),
        ("no element", encode(&Message::Answer { pake: Bytes(Vec::new()) }), ErrorCode::Malformed),
    ];
    for (name, message, expected) in failures {
        let (viewer, ..) = sent();
        // `receive` takes the state: whatever comes of it, there is none left to run again.
        assert_eq!(viewer.receive(&message, &Asking::default()).err(), Some(expected), "{name}");
    }
    let (viewer, _, answer) = sent();
    assert!(viewer.receive(&answer, &Asking::default()).is_ok(), "control");
    // The code itself was moved into the state before, and cannot be copied out of it.
    crate::testing::assert_not_impl!(PairingCode: Clone, Copy);
    crate::testing::assert_not_impl!(pake::ExpectElement: Clone, Copy);
}

#[test]
fn t104_a_nonce_other_than_the_committed_one_is_refused_even_under_a_right_confirmation() {
    let (mut viewer, device, answer) = sent();
    viewer.words.0[0] ^= 1;
    let (_, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    assert_eq!(device.receive(&confirm_a, NOW).err(), Some(ErrorCode::CodeWrong));
    // Control, and the nonce is not in Hello.
    let (viewer, device, answer) = sent();
    let (nonce, hello) = (viewer.words, viewer.hello.clone());
    let (_, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    let holds = |message: &[u8]| message.windows(32).any(|window| window == nonce.0);
    assert!(holds(&confirm_a) && !holds(&hello));
    assert!(device.receive(&confirm_a, NOW).is_ok());
}

#[test]
fn an_introduction_by_another_key_than_the_one_in_hello_is_refused() {
    let (mut viewer, device, answer) = sent();
    viewer.signing = Signing::generate(&mut rng(9));
    let (_, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    assert_eq!(device.receive(&confirm_a, NOW).err(), Some(ErrorCode::Malformed));
    let (viewer, device, answer) = sent();
    let (_, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    assert!(device.receive(&confirm_a, NOW).is_ok(), "control");
}

#[test]
fn claims_over_their_limit_never_leave() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let with = |origin: usize| {
        let (opened, viewer) = ends(&account, 3);
        let claims = Claims { origin: "x".repeat(origin), ..claims() };
        viewer.receive(MAILBOX, &opened.offer, claims, &mut rng(4)).map(|_sent| ())
    };
    assert_eq!((with(200), with(201)), (Ok(()), Err(ErrorCode::Malformed)));
}
