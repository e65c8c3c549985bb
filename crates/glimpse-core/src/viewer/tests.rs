//! The machine against a device of core and a server that is played here.

mod agents;
mod code;
mod guessing;
mod transfer;
mod world;

use glimpse_wire::account::Signed;
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::pairing::Message;
use glimpse_wire::session::OpenRequest;
use glimpse_wire::{ErrorCode, decode, encode};

use super::{Input, Stage, State};
use crate::account::NewAccount;
use crate::session::device::Change;
use crate::testing::rng;
use world::{CLAIMED_AT, world};

#[test]
fn a_reconnect_resends_the_same_bytes_once() {
    let mut world = world();
    world.claimed();
    let hello = world.to_device[0].clone();
    world.input(Input::SocketClosed);
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.socket_opens, 2);
    world.input(Input::SocketOpened);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
    assert_eq!(world.to_device, [hello.clone(), hello]);
    world.input(Input::SocketClosed);
    world.now = world.now.plus(5_000);
    world.input(Input::Tick);
    world.input(Input::SocketOpened);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 1, peer: true });
    assert_eq!(world.to_device.len(), 2, "what the server has is not sent again");
}

#[test]
fn t060_the_end_comes_by_our_own_clock() {
    let mut world = world();
    world.session(b"x");
    let State::Session(running) = world.viewer.state() else { panic!() };
    assert_eq!(running.ends_at(), world.now.plus(600_000));
    // Nobody can set this clock; the wall clock is not even an input.
    world.now = world.now.plus(599_000);
    world.input(Input::Touched);
    assert_eq!(world.ended, None);
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.ended, Some(ErrorCode::SessionExpired));
    assert!(matches!(world.viewer.state(), State::Ended { reason: ErrorCode::SessionExpired }));
}

#[test]
fn terms_with_a_later_end_move_it() {
    let mut world = world();
    let (mut device, _) = world.session(b"x");
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let change = Change { expires: Some(CLAIMED_AT.plus(1_200_000)), ..Change::default() };
    let grant = device.amend(change, CLAIMED_AT, &account.device, &mut rng(65)).unwrap();
    let before = world.now;
    world.now = world.now.plus(100_000);
    world.deliver(grant.message);
    let State::Session(running) = world.viewer.state() else { panic!() };
    assert_eq!(running.ends_at(), before.plus(1_200_000));
}

#[test]
fn a_changed_record_is_named_and_the_session_goes_on() {
    let mut world = world();
    let (mut device, id) = world.session(b"Dear reader");
    let mut sealed = world.open(&mut device, id, b"Dear reader");
    sealed[3] ^= 1;
    world.serve(&sealed);
    assert_eq!(world.stage(), Stage::Failed(ErrorCode::RecordTampered));
    assert!(world.content.is_empty(), "nothing of it was shown");
    assert_eq!(world.ended, None);
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    world.input(Input::Open(id));
    let first = world.http.pop().unwrap();
    world.input(Input::HttpFailed { id: first.id });
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.http.last().unwrap().body, first.body);
}

#[test]
fn a_refused_opening_leaves_its_number_free() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    for _ in 0..2 {
        world.input(Input::Open(id));
        let request: Signed = decode(&world.http.last().unwrap().body, 1 << 16).unwrap();
        assert_eq!(request.peek::<OpenRequest>().unwrap().counter, 1);
        world.answer(403, br#"{"type":"budget-spent","title":"","status":403,"detail":""}"#.to_vec());
        assert_eq!(world.stage(), Stage::Failed(ErrorCode::BudgetSpent));
    }
}

#[test]
fn a_unit_that_is_not_ready_is_asked_of_the_device() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    world.input(Input::Open(id));
    assert!(world.http.is_empty());
    let Message::Live { counter, sealed } = decode(world.to_device.last().unwrap(), 1 << 20).unwrap() else { panic!() };
    assert_eq!(device.live().unwrap().open(counter, &sealed), Ok(Live::Want { unit: id }));
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    assert!(world.http.last().unwrap().path.ends_with("/open"));
}

#[test]
fn ending_tells_device_and_server_and_then_forgets() {
    let mut world = world();
    world.session(b"x");
    world.input(Input::End);
    assert!(world.http.last().unwrap().path.ends_with("/end"));
    assert_eq!(world.ended, None, "the server is told first");
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::SessionEnded));
    assert_eq!(world.closed, 1);
}

#[test]
fn t107_a_live_message_twice_breaks_the_channel() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready.clone());
    world.deliver(ready);
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::ChannelBroken));
}

#[test]
fn t107_an_abort_or_garbage_in_a_session_breaks_the_channel() {
    for message in [encode(&Message::Abort { code: ErrorCode::Declined }), vec![0xFF; 40], Vec::new()] {
        let mut world = world();
        world.session(b"x");
        world.deliver(message);
        world.answer(204, Vec::new());
        assert_eq!(world.ended, Some(ErrorCode::ChannelBroken));
    }
    // Control: a message that belongs here goes on.
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    assert_eq!((world.ended, world.http.len()), (None, 0));
}

#[test]
fn a_request_in_words_is_cut_to_what_the_channel_takes() {
    // A character of four bytes lies across the border.
    for (text, length) in [("x".repeat(600), 500), (format!("{}\u{1F441}{}", "x".repeat(498), "y".repeat(9)), 498)] {
        let mut world = world();
        let (mut device, _) = world.session(b"x");
        world.input(Input::AskRecord(text));
        let Message::Live { counter, sealed } = decode(world.to_device.last().unwrap(), 1 << 20).unwrap() else {
            panic!()
        };
        let Live::AskRecord { text } = device.live().unwrap().open(counter, &sealed).unwrap() else { panic!() };
        assert_eq!(text.len(), length);
    }
}

#[test]
fn a_server_that_takes_no_more_messages_is_sent_them_again_and_no_session_ends() {
    let mut world = world();
    let (mut device, _) = world.session(b"x");
    world.input(Input::AskTime(10));
    let asked = world.to_device.last().unwrap().clone();
    world.frame(&ToEnd::Over { code: ErrorCode::Busy });
    world.input(Input::SocketClosed);
    assert_eq!((world.ended, world.http.len()), (None, 0));
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    world.input(Input::SocketOpened);
    let stored = u64::try_from(world.to_device.len()).unwrap().saturating_sub(1);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: stored, peer: true });
    assert_eq!(world.to_device.last(), Some(&asked));
    let Message::Live { counter, sealed } = decode(&asked, 1 << 20).unwrap() else { panic!() };
    assert_eq!(device.live().unwrap().open(counter, &sealed), Ok(Live::AskTime { minutes: 10 }));
}

#[test]
fn a_mailbox_that_is_over_for_a_fault_of_this_end_ends_the_session_at_the_server_as_well() {
    let mut world = world();
    world.session(b"x");
    world.frame(&ToEnd::Over { code: ErrorCode::Malformed });
    assert!(world.http.last().unwrap().path.ends_with("/end"));
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::Malformed));
}

#[test]
fn a_viewer_whose_number_somebody_else_used_asks_for_nothing_more() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    world.input(Input::Open(id));
    world.answer(409, br#"{"type":"counter-reused","title":"","status":409,"detail":""}"#.to_vec());
    assert!(world.http.last().unwrap().path.ends_with("/end"), "the server deletes what it has of it");
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::CounterReused));
}

#[test]
fn no_refusal_has_a_viewer_sign_other_bytes_under_a_number_that_may_be_used() {
    // Said by a server that wrote the opening down all the same, it would look as if somebody else had the key.
    for slug in ["conflict", "malformed", "unauthorised"] {
        let mut world = world();
        let (mut device, id) = world.session(b"x");
        let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
        world.deliver(ready);
        world.input(Input::Open(id));
        world.answer(400, format!(r#"{{"type":"{slug}","title":"","status":400,"detail":""}}"#).into_bytes());
        assert!(world.http.last().unwrap().path.ends_with("/end"), "{slug}");
    }
    // Control: what is no answer of the server is asked again, with the same bytes.
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    world.input(Input::Open(id));
    let first = world.http.last().unwrap().body.clone();
    world.answer(403, b"<html>".to_vec());
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.http.last().unwrap().body, first);
    assert_eq!(world.ended, None);
}

#[test]
fn a_mailbox_that_a_crashed_server_forgot_is_the_end_of_the_session() {
    for (told, shown) in
        [(ErrorCode::NotFound, ErrorCode::SessionEnded), (ErrorCode::SessionExpired, ErrorCode::SessionExpired)]
    {
        let mut world = world();
        world.session(b"x");
        world.frame(&ToEnd::Over { code: told });
        assert_eq!(world.ended, Some(shown));
    }
}
