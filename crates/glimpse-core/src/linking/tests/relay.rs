//! Somebody in between who alters, drops, doubles, reorders or reflects messages.

use super::*;
use crate::testing::volume;

/// The messages of a linking, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Offer,
    Hello,
    Answer,
    ConfirmA,
    ConfirmB,
    Ask,
    Invite,
    Join,
    Seed,
    Done,
}

const CHANNEL: [Step; 5] = [Step::Ask, Step::Invite, Step::Join, Step::Seed, Step::Done];

/// Whether the joiner has a seed, and the adder knows of it.
const LINKED: Result<(), (Step, ErrorCode)> = Ok(());

/// A linking through somebody who may alter each message on its way: where it ended, and with what.
fn relayed(shows: Shows, alter: &mut dyn FnMut(Step, &mut Vec<u8>)) -> Result<(), (Step, ErrorCode)> {
    let mut world = world();
    let mut pass = |step, mut message: Vec<u8>| {
        alter(step, &mut message);
        message
    };
    let opened = open(world.setup(shows), CodeForm::Typed, &mut rng(5)).unwrap();
    let code = PairingCode::parse(&opened.code.to_groups(), Purpose::Link).unwrap();
    let typed = ExpectOffer::new(code, Purpose::Link);
    let rng = &mut rng(6);
    let at = |step| move |error: ErrorCode| (step, error);
    // Whoever gets the reason of the other takes it for his own.
    let told = |step| move |ended: Ended| (step, ended.error);
    let offer = pass(Step::Offer, opened.offer);
    let (typed, hello) = typed.receive(MAILBOX, &offer, program(), rng).map_err(at(Step::Offer))?;
    let hello = pass(Step::Hello, hello);
    let (shown, answer) = opened.state.receive(&hello, NOW, counted(), rng).map_err(at(Step::Hello))?;
    let answer = pass(Step::Answer, answer);
    let (typed, confirm_a) = typed.receive(&answer, &Asking::default()).map_err(at(Step::Answer))?;
    let confirm_a = pass(Step::ConfirmA, confirm_a);
    let (shown, confirm_b) = shown.receive(&confirm_a, NOW).map_err(at(Step::ConfirmA))?;
    let confirm_b = pass(Step::ConfirmB, confirm_b);
    let typed = typed.receive_for_linking(&confirm_b, NOW).map_err(at(Step::ConfirmB))?;
    let shown = shown.for_linking().unwrap();
    let (adder, joiner) = if shows == Shows::Adder { (shown, typed) } else { (typed, shown) };
    let adder = adder::begin(adder, SERVER).unwrap();
    let (joiner, ask) = joiner::begin(joiner, &world.keys, "Watch".to_owned(), String::new()).unwrap();
    let asked = adder.receive(&pass(Step::Ask, ask), NOW).map_err(told(Step::Ask))?;
    let (adder, invite) = world.invite(asked.approve(joiner.words(), NOW).unwrap());
    let invited = joiner.receive(&pass(Step::Invite, invite), NOW).map_err(told(Step::Invite))?;
    let (joiner, join) = invited.join(&world.chain, &world.keys).map_err(told(Step::Invite))?;
    let joined = adder.receive(&pass(Step::Join, join), NOW).map_err(told(Step::Join))?;
    let link = world.append(&joined);
    let (adder, seed) = joined.accepted(link, &world.chain, &world.account.seed, rng).unwrap();
    let after = joiner.receive(&pass(Step::Seed, seed), NOW).map_err(told(Step::Seed))?;
    let adopted = seeded(after).adopt(&world.chain, &world.keys).map_err(told(Step::Seed))?;
    adder.receive(&pass(Step::Done, adopted.stored.done()), NOW).map(|_linked| ()).map_err(told(Step::Done))
}

#[test]
fn any_byte_of_any_message_that_is_altered_ends_the_linking() {
    crate::stretch::tests::cheaply(|| {
        for shows in BOTH {
            let mut lengths = Vec::new();
            assert_eq!(relayed(shows, &mut |step, message| lengths.push((step, message.len()))), LINKED, "control");
            assert_eq!(lengths.len(), 10);
            for (at, length) in lengths {
                // Frames and ends always; what lies between by chance, all of it in the soak.
                let between = usize::try_from(volume(32, u32::MAX)).unwrap().min(length);
                let places = (0..6).chain((0..between).map(|n| n * length / between)).chain(length - 2..length);
                for (n, place) in places.filter(|place| *place < length).enumerate() {
                    let bit = 1u8 << (n % 8);
                    let outcome = relayed(shows, &mut |step, message| {
                        if step == at {
                            message[place] ^= bit;
                        }
                    });
                    if CHANNEL.contains(&at) {
                        assert_eq!(outcome, Err((at, ErrorCode::ChannelBroken)), "{shows:?} {at:?} byte {place}");
                    } else {
                        assert!(outcome.is_err(), "{shows:?} {at:?} byte {place}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_message_that_comes_twice_too_early_or_back_breaks_the_channel() {
    crate::stretch::tests::cheaply(|| {
        for shows in BOTH {
            let mut sent: Vec<(Step, Vec<u8>)> = Vec::new();
            assert_eq!(relayed(shows, &mut |step, message| sent.push((step, message.clone()))), LINKED, "control");
            // Each message of the channel in the place of each other one: doubled, reordered, or reflected.
            for (at, _) in sent.iter().filter(|(step, _)| CHANNEL.contains(step)) {
                for (other, bytes) in &sent {
                    let outcome = relayed(shows, &mut |step, message| {
                        if step == *at {
                            message.clone_from(bytes);
                        }
                    });
                    let expected = if other == at { LINKED } else { Err((*at, ErrorCode::ChannelBroken)) };
                    assert_eq!(outcome, expected, "{shows:?}: {other:?} in the place of {at:?}");
                }
            }
        }
    });
}

#[test]
fn control_one_key_for_both_directions_would_open_what_is_reflected() {
    let key = || Secret::fill_with(|own| own.fill(7));
    let mut careless = LinkingChannel::new(Hash::ZERO, key(), key());
    let sent = careless.seal(&Linking::Done);
    let Message::Live { counter, sealed } = decode(&sent, 1 << 10).unwrap() else { panic!() };
    assert!(careless.open(counter, &sealed).is_ok());
    let mut careful = LinkingChannel::new(Hash::ZERO, key(), Secret::fill_with(|own| own.fill(8)));
    assert_eq!(careful.seal(&Linking::Done), sent);
    assert!(careful.open(counter, &sealed).is_err());
    // Nor does a message of another linking, or one more of the same counter.
    let mut other = LinkingChannel::new(Hash([1; 32]), key(), key());
    assert!(other.open(counter, &sealed).is_err());
    assert!(careless.open(counter, &sealed).is_err());
}

#[test]
fn a_server_that_speaks_for_either_end_is_not_heard() {
    // It knows every byte that travels and has keys and an account of its own, but no code.
    let world = world();
    let (_, joiner) = world.paired(Shows::Adder);
    let (joiner, _) = joiner::begin(joiner, &world.keys, String::new(), String::new()).unwrap();
    let made_up = encode(&Message::Live { counter: 0, sealed: Bytes(encode(&Linking::Done)) });
    assert_eq!(joiner.receive(&made_up, NOW).unwrap_err().error, ErrorCode::ChannelBroken);
    let grant = [0x82, 0x05, 0x80];
    let (adder, _) = world.paired(Shows::Adder);
    let ended = adder::begin(adder, SERVER).unwrap().receive(&grant, NOW).unwrap_err();
    assert_eq!(ended.error, ErrorCode::ChannelBroken);
    // An Abort it can make: it ends the linking and brings nothing out.
    let (adder, _) = world.paired(Shows::Adder);
    let abort = encode(&Message::Abort { code: ErrorCode::Declined });
    let ended = adder::begin(adder, SERVER).unwrap().receive(&abort, NOW).unwrap_err();
    assert_eq!(ended, Ended { error: ErrorCode::Declined, message: None });
}
