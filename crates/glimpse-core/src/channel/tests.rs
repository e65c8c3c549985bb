//! The live channel against somebody who carries it (attack 107).

use super::*;
use crate::account::NewAccount;
use crate::session::tests::session;
use crate::session::{DeviceSession, ViewerSession};
use crate::testing::rng;
use glimpse_wire::UnitId;
use proptest::prelude::*;

fn ends() -> (DeviceSession, ViewerSession) {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer, _) = session(&account, 20);
    (device, viewer)
}

fn parts(message: &[u8]) -> (u64, Bytes) {
    let Ok(Message::Live { counter, sealed }) = decode(message, MAX_MESSAGE) else { panic!() };
    (counter, sealed)
}

fn take(channel: &mut LiveChannel, message: &[u8]) -> Result<Live, ErrorCode> {
    let (counter, sealed) = parts(message);
    channel.open(counter, &sealed)
}

const MINUTES: Live = Live::AskTime { minutes: 5 };

#[test]
fn messages_pass_both_ways_in_order() {
    let (mut device, mut viewer) = ends();
    let (device, viewer) = (device.live().unwrap(), viewer.live().unwrap());
    for minutes in 1..50 {
        let message = Live::AskTime { minutes };
        let sealed = viewer.seal(&message);
        assert_eq!(take(device, &sealed), Ok(message));
        let sealed = device.seal(&Live::Refused);
        assert_eq!(take(viewer, &sealed), Ok(Live::Refused));
    }
}

#[test]
fn t107_a_reflected_message_breaks_the_channel() {
    let (mut device, mut viewer) = ends();
    let (device, viewer) = (device.live().unwrap(), viewer.live().unwrap());
    let sealed = viewer.seal(&MINUTES);
    assert_eq!(take(viewer, &sealed), Err(ErrorCode::ChannelBroken));
    let honest = device.seal(&Live::Refused);
    assert_eq!(take(viewer, &honest), Err(ErrorCode::ChannelBroken), "for good");
    assert_eq!(take(device, &sealed), Ok(MINUTES), "control: at the other end it opens");
}

/// An end of a channel, with this channel's counters, that may do without one of the two things that tell directions
/// apart: a key for each, and the side in the authenticated data.
struct Twin {
    send: u8,
    receive: u8,
    names_the_side: bool,
    sent: u64,
    received: u64,
}

impl Twin {
    const SESSION: SessionId = SessionId([3; 16]);

    fn aad(&self, side: Side, counter: u64) -> Vec<u8> {
        if self.names_the_side {
            preimage::live_aad(&Self::SESSION, side, counter)
        } else {
            counter.to_be_bytes().into()
        }
    }

    fn seal(&mut self, live: &Live) -> (u64, Vec<u8>) {
        let (counter, mut sealed) = (self.sent, encode(live));
        self.sent += 1;
        let key = Secret::fill_with(|own| own.fill(self.send));
        aead::seal(&key, nonce(counter), &self.aad(Side::Viewer, counter), &mut sealed);
        (counter, sealed)
    }

    fn open(&mut self, counter: u64, mut sealed: Vec<u8>) -> Option<Live> {
        let key = Secret::fill_with(|own| own.fill(self.receive));
        let aad = self.aad(Side::Device, counter);
        (counter == self.received).then_some(())?;
        aead::open(&key, nonce(counter), &aad, &mut sealed).ok()?;
        self.received += 1;
        decode(&sealed, MAX_MESSAGE).ok()
    }
}

#[test]
fn t107_control_a_channel_with_one_key_and_no_side_opens_its_own_echo() {
    let echoed = |send: u8, receive: u8, names_the_side: bool| {
        let mut twin = Twin { send, receive, names_the_side, sent: 0, received: 0 };
        (0..3)
            .map(|_| {
                let (counter, sealed) = twin.seal(&MINUTES);
                twin.open(counter, sealed)
            })
            .collect::<Option<Vec<_>>>()
    };
    assert_eq!(echoed(1, 1, false), Some(vec![MINUTES; 3]), "control: nothing tells the directions apart");
    // Each of the two is enough, and the channel has both.
    assert_eq!(echoed(1, 2, false), None);
    assert_eq!(echoed(1, 1, true), None);
    let (_, mut viewer) = ends();
    let channel = viewer.live().unwrap();
    assert!(!channel.send.matches(channel.receive.expose_secret()));
    // The side alone, in the channel itself: the same key in both directions, and the echo does not open.
    channel.receive = Secret::fill_with(|own| own.copy_from_slice(channel.send.expose_secret()));
    let sealed = channel.seal(&MINUTES);
    assert_eq!(take(channel, &sealed), Err(ErrorCode::ChannelBroken));
    // The keys alone: what this end sealed, under the key that it opens with, names the wrong side; under the other
    // side's name, and its own key, it does not open either.
    let (mut device, mut viewer) = ends();
    let (device, viewer) = (device.live().unwrap(), viewer.live().unwrap());
    let mut forged = encode(&MINUTES);
    aead::seal(&viewer.send, nonce(0), &preimage::live_aad(&viewer.session, Side::Device, 0), &mut forged);
    assert_eq!(viewer.open(0, &Bytes(forged)), Err(ErrorCode::ChannelBroken));
    let honest = device.seal(&Live::Refused);
    let (_, mut fresh) = ends();
    assert_eq!(take(fresh.live().unwrap(), &honest), Ok(Live::Refused), "control");
}

#[test]
fn t107_a_repeated_skipped_or_renumbered_message_breaks_the_channel() {
    let messages = || {
        let (device, mut viewer) = ends();
        let sealed: Vec<Vec<u8>> = (0..3).map(|_| viewer.live().unwrap().seal(&MINUTES)).collect();
        (device, sealed)
    };
    let (mut device, sealed) = messages();
    let device = device.live().unwrap();
    assert_eq!(take(device, &sealed[0]), Ok(MINUTES));
    assert_eq!(take(device, &sealed[0]), Err(ErrorCode::ChannelBroken), "repeated");
    assert_eq!(take(device, &sealed[1]), Err(ErrorCode::ChannelBroken), "and over");
    let (mut device, sealed) = messages();
    assert_eq!(take(device.live().unwrap(), &sealed[1]), Err(ErrorCode::ChannelBroken), "skipped");
    let (mut device, sealed) = messages();
    let (_, second) = parts(&sealed[1]);
    assert_eq!(device.live().unwrap().open(0, &second), Err(ErrorCode::ChannelBroken), "renumbered");
    let (mut device, sealed) = messages();
    let device = device.live().unwrap();
    assert!(sealed.iter().all(|message| take(device, message) == Ok(MINUTES)), "control");
}

#[test]
fn t107_a_reconnect_from_zero_breaks_the_channel_and_one_that_resends_stored_bytes_goes_on() {
    let (mut device, mut viewer) = ends();
    let (device, viewer) = (device.live().unwrap(), viewer.live().unwrap());
    let first = viewer.seal(&MINUTES);
    assert_eq!(take(device, &first), Ok(MINUTES));
    // A viewer that lost its state and has the keys begins again at zero.
    let (_, mut amnesiac) = ends();
    let again = amnesiac.live().unwrap().seal(&Live::Refused);
    let (counter, _) = parts(&again);
    assert_eq!(counter, 0);
    // Control first, on a copy of the device: the viewer that kept its state resends what was not taken, and goes on.
    let stored = viewer.seal(&MINUTES);
    let (mut copy, _) = ends();
    let copy = copy.live().unwrap();
    assert_eq!((take(copy, &first), take(copy, &stored)), (Ok(MINUTES), Ok(MINUTES)));
    assert_eq!(take(device, &again), Err(ErrorCode::ChannelBroken));
    assert_eq!(take(device, &stored), Err(ErrorCode::ChannelBroken), "lost state ends the session");
}

#[test]
fn a_message_of_another_session_breaks_the_channel() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (mut device, ..) = session(&account, 20);
    let (_, mut other, _) = session(&account, 30);
    let sealed = other.live().unwrap().seal(&MINUTES);
    assert_eq!(take(device.live().unwrap(), &sealed), Err(ErrorCode::ChannelBroken));
}

#[test]
fn no_flipped_bit_of_a_message_is_taken() {
    let (_, mut viewer) = ends();
    let sealed = viewer.live().unwrap().seal(&Live::Opened { unit: UnitId([7; 16]) });
    let (counter, body) = parts(&sealed);
    let (mut device, _) = ends();
    let device = device.live().unwrap();
    for bit in 0..body.0.len() * 8 {
        let mut flipped = body.clone();
        flipped.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(device.open(counter, &flipped), Err(ErrorCode::ChannelBroken), "bit {bit}");
        device.broken = false;
    }
    assert!(device.open(counter, &body).is_ok(), "control, and nothing was used up");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_text_passes_through(text in ".{0,200}") {
        let (mut device, mut viewer) = ends();
        let message = Live::AskRecord { text };
        let sealed = viewer.live().unwrap().seal(&message);
        prop_assert_eq!(take(device.live().unwrap(), &sealed), Ok(message));
    }
}
