//! How a linking ends early: a wrong code, wrong words, a cancel, the end of the time, two ends with one role.

use glimpse_wire::pairing::Identity;

use super::*;
use crate::linking::adder::Asked;
use crate::linking::joiner::ExpectInvite;

/// What an end says when it stops, as the other end reads it through `line`.
fn heard(line: &mut Line, ended: Ended) -> ErrorCode {
    let said = line.receive(&ended.message.unwrap(), NOW).unwrap_err();
    assert_eq!(said, Ended { error: ended.error, message: None });
    said.error
}

fn asked(world: &World, shows: Shows) -> (Asked, ExpectInvite) {
    let (adder, joiner) = world.paired(shows);
    let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), String::new()).unwrap();
    (adder::begin(adder, SERVER).unwrap().receive(&ask, NOW).unwrap(), joiner)
}

#[test]
fn a_wrong_code_does_not_get_as_far_as_a_linking() {
    let world = world();
    for shows in BOTH {
        for form in [CodeForm::Typed, CodeForm::Qr] {
            let opened = open(world.setup(shows), form, &mut rng(5)).unwrap();
            let guess = match form {
                CodeForm::Typed => CodeSecret::generate(Purpose::Link, &mut rng(99)),
                CodeForm::Qr => CodeSecret::generate_for_qr(&mut rng(99)),
            };
            let guess = PairingCode::new(Nameplate::parse("417").unwrap(), guess);
            let typed = ExpectOffer::new(guess, Purpose::Link);
            let (typed, hello) = typed.receive(MAILBOX, &opened.offer, program(), &mut rng(6)).unwrap();
            let (shown, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(7)).unwrap();
            let (_, confirm_a) = typed.receive(&answer, &Asking::default()).unwrap();
            assert_eq!(shown.receive(&confirm_a, NOW).err(), Some(ErrorCode::CodeWrong));
        }
    }
}

#[test]
fn words_that_the_joiner_does_not_show_are_no_yes() {
    let world = world();
    for shows in BOTH {
        let (adder, joiner) = asked(&world, shows);
        let decoys = adder.words().among_decoys(&mut rng(3));
        assert!(decoys.contains(&joiner.words()));
        let decoy = decoys.into_iter().find(|words| *words != joiner.words()).unwrap();
        let ended = adder.approve(decoy, NOW).unwrap_err();
        assert_eq!(ended.error, ErrorCode::CodeWrong);
        let told = joiner.receive(&ended.message.unwrap(), NOW).unwrap_err();
        assert_eq!(told, Ended { error: ErrorCode::CodeWrong, message: None });
        // Control: the joiner's own are.
        let (adder, joiner) = asked(&world, shows);
        assert!(adder.approve(joiner.words(), NOW).is_ok());
    }
}

#[test]
fn t020_a_cancel_at_any_step_is_told_and_brings_nothing_more() {
    const NO: ErrorCode = ErrorCode::Declined;
    for shows in BOTH {
        // The adder, before and after the joiner asked.
        let mut world = world();
        let (adder, joiner) = world.paired(shows);
        let (mut other, _) = joiner.into_line(Role::Joiner);
        assert_eq!(heard(&mut other, adder::begin(adder, SERVER).unwrap().stop(NO)), NO);
        let (adder, joiner) = asked(&world, shows);
        assert_eq!(joiner.receive(&adder.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        // After the yes, and after Invite: the joiner that was invited does not get a seed.
        let (adder, joiner) = asked(&world, shows);
        let approved = adder.approve(joiner.words(), NOW).unwrap();
        assert_eq!(joiner.receive(&approved.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        let (adder, invited) = world.invited(shows);
        let (joiner, _) = invited.join(&world.chain, &world.keys).unwrap();
        assert_eq!(joiner.receive(&adder.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        // After Join.
        let (adder, invited) = world.invited(shows);
        let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
        let joined = adder.receive(&join, NOW).unwrap();
        assert_eq!(joiner.receive(&joined.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        // The joiner: before it was invited, when it was, after Join, with the sealed seed, and before it is stored.
        let (adder, joiner) = world.paired(shows);
        let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), String::new()).unwrap();
        let (mut other, _) = adder.into_line(Role::Adder);
        assert!(other.receive(&ask, NOW).is_ok());
        assert_eq!(heard(&mut other, joiner.stop(NO)), NO);
        let (adder, invited) = world.invited(shows);
        assert_eq!(adder.receive(&invited.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        let (adder, joiner, seed) = world.seeded(shows);
        let seeded = seeded(joiner.receive(&seed, NOW).unwrap());
        assert_eq!(adder.receive(&seeded.stop(NO).message.unwrap(), NOW).unwrap_err().error, NO);
        // Control: without a cancel the same steps end with a device that is linked, as the test of the whole shows.
    }
}

#[test]
fn silence_ends_a_linking_at_either_end() {
    let late = NOW.plus(120_000);
    for shows in BOTH {
        let mut world = world();
        let (adder, joiner) = asked(&world, shows);
        let words = joiner.words();
        assert_eq!((adder.deadline(), joiner.deadline()), (late, late));
        assert_eq!(adder.approve(words, late).unwrap_err().error, ErrorCode::ApprovalTimedOut);
        let (adder, joiner) = asked(&world, shows);
        let approved = adder.approve(words, NOW.plus(119_999)).unwrap();
        assert_eq!(approved.deadline(), late.plus(119_999), "a yes in time has time of its own for the rest");
        let (device, first) = (&world.account.device, &world.account.seed);
        let (_, invite) = approved.invite(&world.chain, device, first, AT, 0, NOW.plus(200_000)).unwrap();
        assert_eq!(joiner.receive(&invite, late).unwrap_err().error, ErrorCode::ApprovalTimedOut);
        let (adder, invited) = world.invited(shows);
        let (_, join) = invited.join(&world.chain, &world.keys).unwrap();
        assert_eq!(adder.receive(&join, late).unwrap_err().error, ErrorCode::PairingBroken);
        let (_, joiner, seed) = world.seeded(shows);
        assert_eq!(joiner.receive(&seed, late).unwrap_err().error, ErrorCode::PairingBroken);
    }
}

#[test]
fn two_adders_and_two_joiners_are_told_apart_from_a_linking() {
    let world = world();
    let abort = |code| Some(encode(&Message::Abort { code }));
    // Two adders: the one that typed sees whom it met, and tells the one that showed.
    let (shown, typed) = world.paired(Shows::Adder);
    let ended = adder::begin(typed, SERVER).unwrap_err();
    assert_eq!(ended, Ended { error: ErrorCode::Conflict, message: abort(ErrorCode::Conflict) });
    let told = adder::begin(shown, SERVER).unwrap().receive(&ended.message.unwrap(), NOW).unwrap_err();
    assert_eq!(told, Ended { error: ErrorCode::Conflict, message: None });
    // Two joiners.
    let other = DeviceKeys::generate(&mut rng(77));
    let (typed, shown) = world.paired(Shows::Joiner);
    let ended = joiner::begin(typed, &other, String::new(), String::new()).unwrap_err();
    assert_eq!(ended, Ended { error: ErrorCode::Malformed, message: abort(ErrorCode::Malformed) });
    let (shown, _) = joiner::begin(shown, &world.keys, String::new(), String::new()).unwrap();
    let told = shown.receive(&ended.message.unwrap(), NOW).unwrap_err();
    assert_eq!(told, Ended { error: ErrorCode::Malformed, message: None });
    // An end that forgot which it is.
    let (shown, _) = world.paired(Shows::Adder);
    assert_eq!(
        joiner::begin(shown, &world.keys, String::new(), String::new()).unwrap_err().error,
        ErrorCode::Malformed
    );
    let (_, shown) = world.paired(Shows::Joiner);
    assert_eq!(adder::begin(shown, SERVER).unwrap_err().error, ErrorCode::Malformed);
}

#[test]
fn an_identity_that_is_neither_an_adders_nor_a_joiners_is_refused() {
    let world = world();
    let met = |edit: &dyn Fn(&mut Identity)| {
        let (mut adder, _) = world.paired(Shows::Joiner);
        let CodeEnd::Types { identity } = &mut adder.end else { panic!() };
        edit(identity);
        adder::begin(adder, SERVER).map(|_state| ()).map_err(|ended| ended.error)
    };
    assert_eq!(met(&|_| {}), Ok(()), "control");
    assert_eq!(met(&|identity| identity.epoch = 1), Err(ErrorCode::Malformed));
    assert_eq!(met(&|identity| identity.head.seq = 1), Err(ErrorCode::Malformed));
    assert_eq!(met(&|identity| identity.head.hash.0[0] = 1), Err(ErrorCode::Malformed));
    assert_eq!(met(&|identity| identity.account.0[0] = 1), Err(ErrorCode::Conflict));
}

#[test]
fn t006_nothing_but_a_reason_leaves_an_adder_before_the_yes_whatever_comes() {
    let world = world();
    let noise = |line: &mut Line| {
        let hash = Hash([1; 32]);
        [
            line.say(&Linking::Done),
            line.say(&Linking::Join { reverse: glimpse_wire::ids::SignatureBytes([1; 64]) }),
            line.say(&Linking::Seed { link: hash, enc: Bytes(Vec::new()), ciphertext: Bytes(Vec::new()) }),
            encode(&Message::Live { counter: 0, sealed: Bytes(vec![0; 64]) }),
            encode(&Message::ConfirmB { confirm: hash, sealed: Bytes(vec![0; 64]) }),
            Vec::new(),
            vec![0xFF; 300],
        ]
    };
    for shows in BOTH {
        for index in 0..7 {
            let (adder, joiner) = world.paired(shows);
            let (mut other, _) = joiner.into_line(Role::Joiner);
            let ended = adder::begin(adder, SERVER).unwrap().receive(&noise(&mut other)[index], NOW).unwrap_err();
            let wrong = if index == 0 { ErrorCode::Malformed } else { ErrorCode::ChannelBroken };
            assert_eq!(ended.error, wrong, "{index}");
            assert_eq!(heard(&mut other, ended), wrong, "{index}: it says why, and no more");
        }
    }
    // And nothing but Ask leaves a joiner before it is invited: begin gives it, a wrong message brings a reason alone.
    let (adder, joiner) = world.paired(Shows::Adder);
    let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), String::new()).unwrap();
    let (mut other, _) = adder.into_line(Role::Adder);
    assert!(matches!(other.receive(&ask, NOW), Ok(Linking::Ask { .. })));
    let early = Linking::Seed { link: Hash::ZERO, enc: Bytes(Vec::new()), ciphertext: Bytes(Vec::new()) };
    let ended = joiner.receive(&other.say(&early), NOW).unwrap_err();
    assert_eq!(heard(&mut other, ended), ErrorCode::Malformed);
}
