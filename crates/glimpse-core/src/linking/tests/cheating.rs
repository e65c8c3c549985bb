//! A peer that has the code and the words, and lies: what the other end refuses, field by field.

use glimpse_wire::account::Head;
use glimpse_wire::chain::ChainError;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::{AccountId, DeviceId};

use super::*;
use crate::keys::Signing;
use crate::linking::joiner::ExpectInvite;

/// An Invite as an adder makes it, to be altered before it is signed, and by whom it is signed.
pub(super) struct Invite {
    pub(super) account: AccountId,
    pub(super) place: Head,
    pub(super) adder: DeviceId,
    pub(super) serial: Vec<u8>,
    pub(super) at: UnixMillis,
    pub(super) held: u64,
    pub(super) server: SigningKeyBytes,
}

impl Invite {
    pub(super) fn honest(world: &World) -> Self {
        let (account, place, adder) = (world.chain.account(), world.chain.next_place(), world.account.device.id());
        Self { account, place, adder, serial: vec![3; 32], at: AT, held: 0, server: SERVER }
    }

    pub(super) fn signed(self, world: &World, transcript: &Hash, by: &Signing) -> Linking {
        let Self { account, place, adder, serial, at, held, server } = self;
        let joiner = world.keys.id();
        let signed = preimage::invitation(transcript, &joiner, &account, &place, &adder, &serial, at, held, &server);
        Linking::Invite { account, place, adder, serial: Bytes(serial), at, held, server, signature: by.sign(&signed) }
    }
}

/// A joiner that asked, and the channel of an adder that says what it likes.
pub(super) fn cheated(world: &World, shows: Shows) -> (Line, ExpectInvite) {
    let (adder, joiner) = world.paired(shows);
    let (mut line, _) = adder.into_line(Role::Adder);
    let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), SERIAL.to_owned()).unwrap();
    assert!(line.receive(&ask, NOW).is_ok());
    (line, joiner)
}

/// What a joiner says to an Invite: nothing where it signs.
fn refusal(world: &World, shows: Shows, make: &dyn Fn(&Line) -> Linking) -> Option<ErrorCode> {
    let (mut line, joiner) = cheated(world, shows);
    let invite = make(&line);
    let ended = match joiner.receive(&line.say(&invite), NOW) {
        Ok(invited) => match invited.join(&world.chain, &world.keys) {
            Ok((_, join)) => {
                assert!(matches!(line.receive(&join, NOW), Ok(Linking::Join { .. })));
                return None;
            }
            Err(ended) => ended,
        },
        Err(ended) => ended,
    };
    // It says so to the other end, and says nothing else.
    let told = line.receive(&ended.message.unwrap(), NOW).unwrap_err();
    assert_eq!(told, Ended { error: ended.error, message: None });
    Some(ended.error)
}

#[test]
fn an_invitation_that_lies_in_any_field_is_not_signed_for() {
    let mut world = world();
    // So that there is a link before the newest, and a device that was taken out.
    world.overtake(50);
    let leaver = DeviceKeys::generate(&mut rng(50));
    let drawn = chain::DrawnEpoch::next(&world.chain, &world.account.seed, &[leaver.id()], &mut rng(51)).unwrap();
    let revoke = Act::Revoke { devices: vec![leaver.id()], epoch: drawn.epoch };
    let link = chain::act(&world.chain, &world.account.device, revoke, None);
    world.push(&link);
    let genesis = world.account.chain.head();
    type Lie<'f> = (&'static str, &'f dyn Fn(&mut Invite), ErrorCode);
    let lies: [Lie<'_>; 10] = [
        ("another account", &|invite| invite.account.0[0] ^= 1, ErrorCode::Malformed),
        ("a later place", &|invite| invite.place.seq += 1, ErrorCode::ChainRolledBack),
        ("a place after another link", &|invite| invite.place.hash.0[0] ^= 1, ErrorCode::ChainForked),
        ("a place that is taken", &|invite| invite.place = Head { seq: 1, ..genesis }, ErrorCode::Conflict),
        ("the place of genesis", &|invite| invite.place = Head { seq: 0, hash: Hash::ZERO }, ErrorCode::Malformed),
        ("an adder that nobody knows", &|invite| invite.adder.0[0] ^= 1, ErrorCode::Malformed),
        ("an adder that was taken out", &|invite| invite.adder = leaver.id(), ErrorCode::DeviceRevoked),
        ("no serial hash", &|invite| invite.serial.clear(), ErrorCode::Malformed),
        ("half a serial hash", &|invite| invite.serial.truncate(16), ErrorCode::Malformed),
        ("held for ever", &|invite| invite.held = u64::MAX, ErrorCode::Malformed),
    ];
    for shows in BOTH {
        let device = world.account.device.signing();
        for (name, lie, error) in lies {
            let refused = refusal(&world, shows, &|line| {
                let mut invite = Invite::honest(&world);
                lie(&mut invite);
                invite.signed(&world, &line.transcript, device)
            });
            assert_eq!(refused, Some(error), "{shows:?}: {name}");
        }
        let honest = |line: &Line| Invite::honest(&world).signed(&world, &line.transcript, device);
        assert_eq!(refusal(&world, shows, &honest), None, "control");
        // What is altered after it was signed, signed by another key, or for another linking.
        let altered = |edit: fn(&mut UnixMillis, &mut u64, &mut Bytes, &mut SignatureBytes)| {
            refusal(&world, shows, &|line| {
                let mut invite = honest(line);
                if let Linking::Invite { at, held, serial, signature, .. } = &mut invite {
                    edit(at, held, serial, signature);
                }
                invite
            })
        };
        assert_eq!(altered(|_, _, _, _| {}), None, "control");
        assert_eq!(altered(|at, _, _, _| at.0 += 1), Some(ErrorCode::Malformed));
        assert_eq!(altered(|_, held, _, _| *held += 1), Some(ErrorCode::Malformed));
        assert_eq!(altered(|_, _, serial, _| serial.0[0] ^= 1), Some(ErrorCode::Malformed));
        assert_eq!(altered(|_, _, _, signature| signature.0[0] ^= 1), Some(ErrorCode::Malformed));
        let another = refusal(&world, shows, &|line| {
            let mut invite = honest(line);
            if let Linking::Invite { server, .. } = &mut invite {
                server.0[0] ^= 1;
            }
            invite
        });
        assert_eq!(another, Some(ErrorCode::Malformed), "a server's key that the member did not sign");
        let stranger = Signing::generate(&mut rng(60));
        let foreign =
            refusal(&world, shows, &|line| Invite::honest(&world).signed(&world, &line.transcript, &stranger));
        assert_eq!(foreign, Some(ErrorCode::Malformed), "signed by whoever has the code, not by the member");
        let replayed = refusal(&world, shows, &|_| Invite::honest(&world).signed(&world, &Hash([8; 32]), device));
        assert_eq!(replayed, Some(ErrorCode::Malformed), "signed in another linking");
    }
}

#[test]
fn t024_t025_a_chain_other_than_the_adders_is_named() {
    // The adder has two links more than the server shows, or the server shows another second link.
    let genesis = world().chain;
    for shows in BOTH {
        let mut world = world();
        world.overtake(50);
        let mut forked = self::world();
        forked.overtake(51);
        for (shown, error) in [(&genesis, ErrorCode::ChainRolledBack), (&forked.chain, ErrorCode::ChainForked)] {
            let (_, invited) = world.invited(shows);
            assert_eq!(invited.join(shown, &world.keys).unwrap_err().error, error);
        }
        let (_, invited) = world.invited(shows);
        assert!(invited.join(&world.chain, &world.keys).is_ok(), "control");
        // Between Join and Seed the server goes back, or goes another way.
        for (shown, error) in [(&genesis, ErrorCode::ChainRolledBack), (&forked.chain, ErrorCode::ChainForked)] {
            let mut world = self::world();
            world.overtake(50);
            let (_, joiner, seed) = world.seeded(shows);
            let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(shown, &world.keys).unwrap_err();
            assert_eq!(ended.error, error);
        }
    }
}

#[test]
fn keys_that_the_chain_has_already_do_not_join_again() {
    for shows in BOTH {
        let mut world = world();
        world.keys = DeviceKeys::generate(&mut rng(50));
        let honest = |world: &World| {
            let device = world.account.device.signing();
            refusal(world, shows, &|line| Invite::honest(world).signed(world, &line.transcript, device))
        };
        assert_eq!(honest(&world), None, "control");
        // The device of this link has just these keys.
        world.overtake(50);
        assert_eq!(honest(&world), Some(ErrorCode::Conflict));
    }
}

#[test]
fn an_identity_that_is_not_the_inviting_members_is_refused() {
    let mut world = world();
    world.overtake(50);
    let other = DeviceKeys::generate(&mut rng(50));
    // The code was shown by one device of the account and the invitation is by another.
    let by_other = refusal(&world, Shows::Adder, &|line| {
        let invite = Invite { adder: other.id(), ..Invite::honest(&world) };
        invite.signed(&world, &line.transcript, other.signing())
    });
    assert_eq!(by_other, Some(ErrorCode::Malformed));
    // Control: where the adder typed, any member may invite.
    let by_other = refusal(&world, Shows::Joiner, &|line| {
        let invite = Invite { adder: other.id(), ..Invite::honest(&world) };
        invite.signed(&world, &line.transcript, other.signing())
    });
    assert_eq!(by_other, None);
    // A head that the chain does not have.
    let shown = |head: Head| {
        let setup = Setup { head, ..world.setup(Shows::Adder) };
        let (adder, joiner) = crate::stretch::tests::cheaply(|| pair(setup, CodeForm::Typed));
        let (mut line, _) = adder.into_line(Role::Adder);
        let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), SERIAL.to_owned()).unwrap();
        assert!(line.receive(&ask, NOW).is_ok());
        let invite = Invite::honest(&world).signed(&world, &line.transcript, world.account.device.signing());
        let invited = joiner.receive(&line.say(&invite), NOW).unwrap();
        invited.join(&world.chain, &world.keys).map(|_joined| ()).map_err(|ended| ended.error)
    };
    let head = world.chain.head();
    assert_eq!(shown(head), Ok(()), "control");
    assert_eq!(shown(world.account.chain.head()), Ok(()), "an older one of this chain");
    assert_eq!(shown(Head { hash: Hash([1; 32]), ..head }), Err(ErrorCode::ChainForked));
    assert_eq!(shown(Head { seq: head.seq + 1, ..head }), Err(ErrorCode::ChainRolledBack));
}

/// What an adder says to an Ask; nothing where it shows who asks.
fn answer_to_ask(
    world: &World,
    shows: Shows,
    edit: &dyn Fn(&mut SigningBytes, &mut Bytes, &mut String, &mut String),
) -> Option<ErrorCode> {
    let (adder, joiner) = world.paired(shows);
    let (mut line, _) = joiner.into_line(Role::Joiner);
    let own = world.keys.public();
    let (mut signing, mut kem, mut name, mut serial) = (own.signing, own.kem, "Watch".to_owned(), String::new());
    edit(&mut signing, &mut kem, &mut name, &mut serial);
    let ask = line.say(&Linking::Ask { signing, kem, name, serial });
    adder::begin(adder, SERVER).unwrap().receive(&ask, NOW).err().map(|ended| ended.error)
}

type SigningBytes = glimpse_wire::SigningKeyBytes;

#[test]
fn an_ask_that_is_not_the_joiners_or_over_the_limits_is_refused() {
    let world = world();
    let other = DeviceKeys::generate(&mut rng(70)).public();
    let malformed = Some(ErrorCode::Malformed);
    for shows in BOTH {
        assert_eq!(answer_to_ask(&world, shows, &|_, _, _, _| {}), None, "control");
        // Keys other than those in the identity, where there is one. Where there is none, they are simply the joiner's.
        let named = if shows == Shows::Joiner { malformed } else { None };
        assert_eq!(answer_to_ask(&world, shows, &|signing, _, _, _| *signing = other.signing), named);
        assert_eq!(answer_to_ask(&world, shows, &|_, kem, _, _| *kem = other.kem.clone()), named);
        assert_eq!(answer_to_ask(&world, shows, &|_, kem, _, _| kem.0[1184..].fill(0)), malformed, "of low order");
        assert_eq!(answer_to_ask(&world, shows, &|_, kem, _, _| kem.0.truncate(32)), malformed);
        assert_eq!(answer_to_ask(&world, shows, &|_, _, name, _| *name = "n".repeat(512)), None);
        assert_eq!(answer_to_ask(&world, shows, &|_, _, name, _| *name = "n".repeat(513)), malformed);
        assert_eq!(answer_to_ask(&world, shows, &|_, _, _, serial| *serial = "s".repeat(200)), None);
        assert_eq!(answer_to_ask(&world, shows, &|_, _, _, serial| *serial = "s".repeat(201)), malformed);
    }
    // A joiner that would say too much says nothing.
    let (_, joiner) = world.paired(Shows::Adder);
    let ended = joiner::begin(joiner, &world.keys, "n".repeat(513), String::new()).unwrap_err();
    assert_eq!(ended.error, ErrorCode::Malformed);
}

#[test]
fn t022_t029_a_ghost_or_somebody_elses_keys_do_not_join() {
    let world = world();
    let victim = DeviceKeys::generate(&mut rng(71));
    let mine = Signing::generate(&mut rng(72));
    // The joiner asks with the public keys of a device that it does not hold, and signs with what it has.
    let joined = |by: &dyn Fn(&Line, &Head, &DeviceId) -> SignatureBytes| {
        let (adder, joiner) = world.paired(Shows::Adder);
        let words = joiner.words();
        let (mut line, _) = joiner.into_line(Role::Joiner);
        let public = victim.public();
        let ask = Linking::Ask { signing: public.signing, kem: public.kem, name: String::new(), serial: String::new() };
        let asked = adder::begin(adder, SERVER).unwrap().receive(&line.say(&ask), NOW).unwrap();
        let (adder, invite) = world.invite(asked.approve(words, NOW).unwrap());
        let Ok(Linking::Invite { place, adder: id, .. }) = line.receive(&invite, NOW) else { panic!() };
        let reverse = by(&line, &place, &id);
        adder.receive(&line.say(&Linking::Join { reverse }), NOW)
    };
    let account = world.chain.account();
    let public = victim.public();
    let over = preimage::reverse_signature;
    type By<'f> = (&'static str, &'f dyn Fn(&Line, &Head, &DeviceId) -> SignatureBytes);
    let forgeries: [By<'_>; 8] = [
        ("by a key of my own", &|line, place, id| mine.sign(&over(&account, place, &public, id, &line.transcript))),
        ("by the adder", &|line, place, id| {
            world.account.device.signing().sign(&over(&account, place, &public, id, &line.transcript))
        }),
        ("none", &|_, _, _| SignatureBytes([0; 64])),
        ("for another account", &|line, place, id| {
            victim.signing().sign(&over(&AccountId([1; 32]), place, &public, id, &line.transcript))
        }),
        ("for another place", &|line, place, id| {
            let place = Head { seq: place.seq + 1, ..*place };
            victim.signing().sign(&over(&account, &place, &public, id, &line.transcript))
        }),
        ("for another adder", &|line, place, _| {
            victim.signing().sign(&over(&account, place, &public, &DeviceId([1; 32]), &line.transcript))
        }),
        ("in another linking", &|_, place, id| {
            victim.signing().sign(&over(&account, place, &public, id, &Hash([1; 32])))
        }),
        ("for another serial hash", &|line, place, id| {
            let device = glimpse_wire::account::DevicePublic { serial: Bytes(vec![1; 32]), ..victim.public() };
            victim.signing().sign(&over(&account, place, &device, id, &line.transcript))
        }),
    ];
    for (name, by) in forgeries {
        let ended = joined(by).unwrap_err();
        assert_eq!(ended.error, ErrorCode::Malformed, "{name}");
    }
    // Control: an adder that took the key to check with from whoever signs would have believed the first.
    let naive = over(&account, &world.chain.next_place(), &public, &world.account.device.id(), &Hash([7; 32]));
    assert!(glimpse_wire::signature::verify(&mine.public(), &naive, &mine.sign(&naive)).is_ok());
    // The device itself joins; and an adder without the check makes a link that the chain refuses, too.
    let genuine =
        joined(&|line, place, id| victim.signing().sign(&over(&account, place, &public, id, &line.transcript)));
    let act = genuine.unwrap().act().clone();
    assert!(world.chain.clone().push(&chain::act(&world.chain, &world.account.device, act.clone(), None)).is_ok());
    let Act::Add { device, transcript, at, held, .. } = act else { panic!() };
    let reverse = SignatureBytes([0; 64]);
    let careless = Act::Add { device, transcript, reverse, at, held };
    let link = chain::act(&world.chain, &world.account.device, careless, None);
    assert_eq!(world.chain.clone().push(&link), Err(ChainError::Reverse));
}

#[test]
fn an_adder_does_not_invite_for_a_chain_that_it_is_not_in_or_against_its_policy() {
    let world = world();
    let approved = || {
        let (adder, joiner) = world.paired(Shows::Joiner);
        let (joiner, ask) = joiner::begin(joiner, &world.keys, String::new(), SERIAL.to_owned()).unwrap();
        adder::begin(adder, SERVER).unwrap().receive(&ask, NOW).unwrap().approve(joiner.words(), NOW).unwrap()
    };
    let (device, seed) = (&world.account.device, &world.account.seed);
    let error = |invited: Result<(ExpectJoin, Vec<u8>), Ended>| invited.err().map(|ended| ended.error);
    assert_eq!(error(approved().invite(&world.chain, device, seed, AT, 0, NOW)), None, "control");
    let stranger = DeviceKeys::generate(&mut rng(81));
    assert_eq!(error(approved().invite(&world.chain, &stranger, seed, AT, 0, NOW)), Some(ErrorCode::DeviceRevoked));
    let foreign = AccountSeed::generate(&mut rng(80));
    assert_eq!(error(approved().invite(&world.chain, device, &foreign, AT, 0, NOW)), Some(ErrorCode::Internal));
    assert_eq!(error(approved().invite(&world.chain, device, seed, AT, u64::MAX, NOW)), Some(ErrorCode::Malformed));
    // A policy that holds devices back: no shorter, from either end.
    let mut holding = self::world();
    let policy = glimpse_wire::account::Policy {
        adding: glimpse_wire::account::Need { second: false, held: 1_000 },
        ..glimpse_wire::account::Policy::default()
    };
    let link = chain::act(&holding.chain, device, Act::Policy { policy, at: AT, held: 0 }, None);
    holding.push(&link);
    assert_eq!(error(approved().invite(&holding.chain, device, seed, AT, 999, NOW)), Some(ErrorCode::Malformed));
    assert_eq!(error(approved().invite(&holding.chain, device, seed, AT, 1_000, NOW)), None, "control");
    let held = |millis: u64| {
        let make = |line: &Line| {
            Invite { held: millis, ..Invite::honest(&holding) }.signed(&holding, &line.transcript, device.signing())
        };
        refusal(&holding, Shows::Adder, &make)
    };
    assert_eq!((held(999), held(1_000)), (Some(ErrorCode::Malformed), None));
}

#[test]
fn a_joiner_is_not_led_about_the_chain_for_ever() {
    let mut world = world();
    let (mut line, joiner) = cheated(&world, Shows::Adder);
    let invite = |world: &World, line: &Line| {
        Invite::honest(world).signed(world, &line.transcript, world.account.device.signing())
    };
    let first = line.say(&invite(&world, &line));
    let mut invited = joiner.receive(&first, NOW).unwrap();
    for round in 0..3 {
        let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
        assert!(line.receive(&join, NOW).is_ok());
        world.overtake(20 + round);
        let next = line.say(&invite(&world, &line));
        invited = again(joiner.receive(&next, NOW).unwrap());
    }
    let (joiner, _) = invited.join(&world.chain, &world.keys).unwrap();
    world.overtake(30);
    let next = line.say(&invite(&world, &line));
    assert_eq!(joiner.receive(&next, NOW).unwrap_err().error, ErrorCode::Malformed);
    // Nor for the same place twice.
    let world = self::world();
    let (mut line, joiner) = cheated(&world, Shows::Adder);
    let first = line.say(&invite(&world, &line));
    let (joiner, _) = joiner.receive(&first, NOW).unwrap().join(&world.chain, &world.keys).unwrap();
    let second = line.say(&invite(&world, &line));
    let invited = again(joiner.receive(&second, NOW).unwrap());
    assert_eq!(invited.join(&world.chain, &world.keys).unwrap_err().error, ErrorCode::Conflict);
}
