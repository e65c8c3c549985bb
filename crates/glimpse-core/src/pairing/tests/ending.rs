//! One code, one run: how a pairing ends, and that nothing begins it again.

use glimpse_wire::encode;
use glimpse_wire::pairing::Message;

use super::target::Target;
use super::*;
use crate::session::device::Decision;
use crate::session::{Approved, DeviceSession, ViewerSession};
use crate::stretch;
use crate::testing::assert_not_impl;

#[test]
fn no_state_can_be_used_twice_or_kept() {
    // A state that cannot be copied, encoded or serialised lives once, in memory, and is consumed by what it waits for.
    assert_not_impl!(ExpectHello: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(ExpectConfirmA: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(KeyConfirmed: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(Approved: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(DeviceSession: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(ExpectOffer: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(super::super::viewer::ExpectAnswer: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(ExpectConfirmB: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(ExpectGrant: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(ViewerSession: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(PairingCode: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(CodeSecret: Clone, minicbor::Encode<()>, serde::Serialize);
    assert_not_impl!(Counted: Clone, minicbor::Encode<()>, serde::Serialize);
}

#[test]
fn t003_of_fifty_who_come_at_once_one_is_answered() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    // Fifty browsers with the right code, each with a Hello of its own, past a server that let all of them claim it.
    let comers = |offer: &[u8]| -> Vec<Vec<u8>> {
        let viewer = || ends(&account, 3).1;
        (0..50).map(|seed| viewer().receive(MAILBOX, offer, claims(), &mut rng(100 + seed)).unwrap().1).collect()
    };
    stretch::tests::cheaply(|| {
        let (opened, _) = ends(&account, 3);
        let hellos = comers(&opened.offer);
        let mut device = Target::Waiting(opened.state);
        let said: Vec<_> = hellos.iter().map(|hello| device.send(hello, &mut rng(5))).collect();
        assert!(matches!(said[0], Some(Ok(_))), "the first is answered");
        assert_eq!(said[1], Some(Err(ErrorCode::Malformed)), "the second ends the run");
        assert!(said[2..].iter().all(Option::is_none), "and the others find nobody");
        // Control: where every comer finds the waiting state again, all fifty are answered, each with a run of its own.
        let answers: std::collections::BTreeSet<Vec<u8>> = hellos
            .iter()
            .zip(200..)
            .map(|(hello, seed)| {
                let mut found_again = Target::Waiting(ends(&account, 3).0.state);
                found_again.send(hello, &mut rng(seed)).unwrap().unwrap()
            })
            .collect();
        assert_eq!(answers.len(), 50);
    });
}

#[test]
fn t019_after_a_success_the_code_opens_nothing_more() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, first) = ends(&account, 3);
    let digits = opened.code.to_groups();
    let (first, hello) = first.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    let (_, confirm) = first.receive(&answer, &Asking::default()).unwrap();
    assert!(device.receive(&confirm, NOW).is_ok(), "control: the first browser is let in");
    // A second browser with the same digits: the device has opened anew, under the same nameplate, with a fresh secret.
    let (opened, _) = ends(&account, 6);
    assert_ne!(opened.code.to_groups(), digits);
    let typed = PairingCode::parse(&digits, Purpose::View).unwrap();
    let outcome = relayed(opened, ExpectOffer::new(typed, Purpose::View), &mut |_, _| {});
    assert_eq!(outcome, Outcome { device: Some(Err(ErrorCode::CodeWrong)), viewer: None });
    // And what the first one sent does not fit the new Offer.
    let (opened, _) = ends(&account, 7);
    let replayed = opened.state.receive(&hello, NOW, counted(), &mut rng(5));
    assert_eq!(replayed.err(), Some(ErrorCode::Malformed));
}

#[test]
fn t020_a_cancelled_pairing_grants_nothing_at_whatever_step() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let cancel = encode(&Message::Abort { code: ErrorCode::Declined });
    let declined = Outcome { device: None, viewer: Some(Err(ErrorCode::Declined)) };
    for at in [Step::Answer, Step::ConfirmB] {
        let (opened, viewer) = ends(&account, 3);
        let outcome = relayed(opened, viewer, &mut |step, message| {
            if step == at {
                message.clone_from(&cancel);
            }
        });
        assert_eq!(outcome.viewer, declined.viewer, "{at:?}");
    }
    for at in [Step::Hello, Step::ConfirmA] {
        let (opened, viewer) = ends(&account, 3);
        let outcome = relayed(opened, viewer, &mut |step, message| {
            if step == at {
                message.clone_from(&cancel);
            }
        });
        assert_eq!(outcome, Outcome { device: Some(Err(ErrorCode::Declined)), viewer: None }, "{at:?}");
    }
    // In place of the grant: the viewer is told why, and a grant that comes later finds nobody waiting.
    let (_, viewer) = confirmed(&account, 8);
    assert_eq!(viewer.receive(&cancel).err(), Some(ErrorCode::Declined));
    let (device, viewer) = confirmed(&account, 8);
    let decision = Decision::view(Vec::new(), UnixMillis(1), 600_000);
    let words = device.words();
    let (_, grant) = device.approve(words, decision, NOW).unwrap().seal(&account.device, &mut rng(9)).unwrap();
    assert!(viewer.receive(&grant.message).is_ok(), "control: without the cancel it is granted");
}

#[test]
fn silence_means_no_and_so_do_other_words() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let decision = || Decision::view(Vec::new(), UnixMillis(1), 600_000);
    let (device, _) = confirmed(&account, 8);
    let (words, deadline) = (device.words(), device.deadline());
    assert_eq!(device.approve(words, decision(), deadline).err(), Some(ErrorCode::ApprovalTimedOut));
    let (device, _) = confirmed(&account, 8);
    let decoy = device.words().among_decoys(&mut rng(9)).into_iter().find(|pair| *pair != device.words()).unwrap();
    assert_eq!(device.approve(decoy, decision(), NOW).err(), Some(ErrorCode::CodeWrong));
    let (device, _) = confirmed(&account, 8);
    assert!(device.approve(words, decision(), NOW).is_ok(), "control");
}

#[test]
fn t015_a_confirmation_after_the_deadline_is_refused() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let run = |now: Monotonic| {
        let (opened, viewer) = ends(&account, 6);
        let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(7)).unwrap();
        let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(8)).unwrap();
        let (_, confirm) = viewer.receive(&answer, &Asking::default()).unwrap();
        device.receive(&confirm, now).map(|_confirmed| ())
    };
    assert_eq!(run(NOW.plus(120_000)), Err(ErrorCode::CodeExpired));
    assert_eq!(run(NOW.plus(119_999)), Ok(()), "control");
}
