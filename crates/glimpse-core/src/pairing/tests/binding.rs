//! Everything that the two ends rely on is bound: one altered field, and they do not agree.

use glimpse_wire::ids::Bytes;
use glimpse_wire::pairing::{HelloCore, Message, Offer};
use glimpse_wire::session::Side;
use glimpse_wire::{decode, encode, preimage};

use super::*;
use crate::keys::Signing;
use crate::pake;
use crate::secret::Secret;

fn account() -> NewAccount {
    NewAccount::generate(&mut rng(1)).unwrap()
}

fn parse<T>(bytes: &[u8]) -> T
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    decode(bytes, 1 << 20).unwrap()
}

type Alteration<T> = (&'static str, fn(&mut T));

const OFFER_FIELDS: [Alteration<Offer>; 7] = [
    ("suite", |offer| offer.suite = 2),
    ("purpose", |offer| offer.purpose = Purpose::Agent),
    ("mailbox", |offer| offer.mailbox.0[0] ^= 1),
    ("server nonce", |offer| offer.server_nonce.0[0] ^= 1),
    ("device nonce", |offer| offer.device_nonce.0[0] ^= 1),
    ("identity", |offer| offer.identity.0[0] ^= 1),
    ("expires", |offer| offer.expires.0 += 1),
];

const HELLO_FIELDS: [Alteration<HelloCore>; 8] = [
    ("offer", |core| core.offer.0[0] ^= 1),
    ("kem", |core| core.kem.0[0] ^= 1),
    ("signing", |core| core.signing = Signing::generate(&mut rng(66)).public()),
    ("origin", |core| core.origin = "https://glimpse.exampIe".to_owned()),
    ("build", |core| core.build.push('b')),
    ("program", |core| core.program.clear()),
    ("nonce", |core| core.nonce.0[0] ^= 1),
    ("words", |core| core.words.0[0] ^= 1),
];

fn in_hello(message: &mut Vec<u8>, alter: impl FnOnce(&mut HelloCore)) {
    let Message::Hello { core, pake } = parse(message) else { panic!() };
    let mut core: HelloCore = parse(core.as_slice());
    alter(&mut core);
    *message = encode(&Message::Hello { core: Bytes(encode(&core)), pake });
}

fn through(alter: &mut dyn FnMut(Step, &mut Vec<u8>)) -> Outcome {
    let (opened, viewer) = ends(&account(), 61);
    relayed(opened, viewer, alter)
}

#[test]
fn t011_an_altered_field_of_offer_ends_the_pairing() {
    for (name, alter) in OFFER_FIELDS {
        let outcome = through(&mut |step, message| {
            if step == Step::Offer {
                let mut offer = parse(message);
                alter(&mut offer);
                *message = encode(&offer);
            }
        });
        // What the viewer knows by itself it refuses before anything of the code leaves; the rest the device notices.
        let expected = match name {
            "suite" => Outcome { device: None, viewer: Some(Err(ErrorCode::UnsupportedSuite)) },
            "purpose" | "mailbox" => Outcome { device: None, viewer: Some(Err(ErrorCode::Malformed)) },
            _ => Outcome { device: Some(Err(ErrorCode::Malformed)), viewer: None },
        };
        assert_eq!(outcome, expected, "{name}");
    }
    assert_eq!(through(&mut |_, _| {}), AGREED, "control");
}

#[test]
fn t011_an_altered_offer_does_not_pass_even_if_hello_is_made_to_fit() {
    // Somebody in between who shows the viewer one Offer and repairs its hash for the device. Suite, purpose and mailbox
    // are refused by the viewer before that.
    for (name, alter) in &OFFER_FIELDS[3..] {
        let mut genuine = Vec::new();
        let outcome = through(&mut |step, message| match step {
            Step::Offer => {
                genuine.clone_from(message);
                let mut offer = parse(message);
                alter(&mut offer);
                *message = encode(&offer);
            }
            Step::Hello => in_hello(message, |core| core.offer = preimage::offer_hash(&genuine)),
            Step::Answer | Step::ConfirmA | Step::ConfirmB => {}
        });
        assert_eq!(outcome, Outcome { device: Some(Err(ErrorCode::CodeWrong)), viewer: None }, "{name}");
    }
}

#[test]
fn t011_an_altered_field_of_hello_ends_the_pairing() {
    for (name, alter) in HELLO_FIELDS {
        let outcome = through(&mut |step, message| {
            if step == Step::Hello {
                in_hello(message, alter);
            }
        });
        // The hash of the Offer is compared as it comes; the rest shows in the confirmation.
        let code = if name == "offer" { ErrorCode::Malformed } else { ErrorCode::CodeWrong };
        assert_eq!(outcome, Outcome { device: Some(Err(code)), viewer: None }, "{name}");
    }
    assert_eq!(through(&mut |_, _| {}), AGREED, "control");
}

#[test]
fn t011_an_altered_element_confirmation_nonce_or_identity_ends_the_pairing() {
    let another_element = || {
        let (_, message) = pake::ExpectElement::start(
            Side::Viewer,
            &Secret::fill_with(|own| own.fill(1)),
            &Hash::ZERO,
            &Hash::ZERO,
            &mut rng(3),
        );
        message
    };
    type At<'f> = (&'static str, Step, &'f dyn Fn(&mut Message));
    let alterations: [At<'_>; 8] = [
        ("element A", Step::Hello, &|message| {
            if let Message::Hello { pake, .. } = message {
                *pake = Bytes(another_element().to_vec());
            }
        }),
        ("element B", Step::Answer, &|message| {
            if let Message::Answer { pake } = message {
                let mut element = another_element();
                element[0] = b'B';
                *pake = Bytes(element.to_vec());
            }
        }),
        ("cA", Step::ConfirmA, &|message| {
            if let Message::ConfirmA { confirm, .. } = message {
                confirm.0[31] ^= 0x80;
            }
        }),
        ("n_V", Step::ConfirmA, &|message| {
            if let Message::ConfirmA { words, .. } = message {
                words.0[0] ^= 1;
            }
        }),
        ("introduction", Step::ConfirmA, &|message| {
            if let Message::ConfirmA { sealed, .. } = message {
                sealed.0[0] ^= 1;
            }
        }),
        ("cB", Step::ConfirmB, &|message| {
            if let Message::ConfirmB { confirm, .. } = message {
                confirm.0[31] ^= 0x80;
            }
        }),
        ("identity", Step::ConfirmB, &|message| {
            if let Message::ConfirmB { sealed, .. } = message {
                sealed.0[40] ^= 1;
            }
        }),
        ("identity, cut", Step::ConfirmB, &|message| {
            if let Message::ConfirmB { sealed, .. } = message {
                sealed.0.clear();
            }
        }),
    ];
    for (name, at, alter) in alterations {
        let outcome = through(&mut |step, bytes| {
            if step == at {
                let mut message = parse(bytes);
                alter(&mut message);
                let altered = encode(&message);
                assert_ne!(&altered, bytes, "{name}");
                *bytes = altered;
            }
        });
        let expected = if at == Step::ConfirmB {
            Outcome { device: Some(Ok(())), viewer: Some(Err(ErrorCode::CodeWrong)) }
        } else {
            Outcome { device: Some(Err(ErrorCode::CodeWrong)), viewer: None }
        };
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn t011_another_nameplate_on_one_side_ends_the_pairing() {
    let account = account();
    let (opened, _) = ends(&account, 61);
    let digits: String = opened.code.to_groups().split(' ').collect();
    let under = |nameplate: &str| {
        let body = &digits[3..9];
        (0..10).find_map(|check| PairingCode::parse(&format!("{nameplate}{body}{check}"), Purpose::View).ok()).unwrap()
    };
    let outcome = relayed(opened, ExpectOffer::new(under("418"), Purpose::View), &mut |_, _| {});
    assert_eq!(outcome, Outcome { device: Some(Err(ErrorCode::CodeWrong)), viewer: None });
    // Control: with the nameplate of the device the same digits agree.
    let (opened, _) = ends(&account, 61);
    assert_eq!(relayed(opened, ExpectOffer::new(under("417"), Purpose::View), &mut |_, _| {}), AGREED);
}

#[test]
fn t011_one_flipped_bit_anywhere_in_a_message_ends_the_pairing() {
    // Of each message so many first places hit what can be read at once; the others show in the confirmation, but for
    // Offer, whose hash is compared, and Answer, whose element is checked.
    for (at, read, places) in [
        (Step::Offer, 5, [0, 3, 40, 90, 120]),
        (Step::Hello, 2, [0, 5, 700, 1_200, 1_300]),
        (Step::Answer, 5, [0, 1, 4, 20, 36]),
        (Step::ConfirmA, 2, [0, 1, 20, 60, 150]),
        (Step::ConfirmB, 2, [0, 1, 20, 600, 1_400]),
    ] {
        for (index, place) in places.into_iter().enumerate() {
            let mut hit = false;
            let outcome = through(&mut |step, message| {
                if step == at {
                    hit = message.get_mut(place).map(|byte| *byte ^= 0x10).is_some();
                }
            });
            assert!(hit, "{at:?} has a byte {place}");
            let refused = Some(Err(if index < read { ErrorCode::Malformed } else { ErrorCode::CodeWrong }));
            let expected = match at {
                // What the viewer can read by itself, it refuses before Hello leaves.
                Step::Offer if index < 2 => Outcome { device: None, viewer: refused },
                Step::Answer => Outcome { device: None, viewer: refused },
                Step::ConfirmB => Outcome { device: Some(Ok(())), viewer: refused },
                Step::Offer | Step::Hello | Step::ConfirmA => Outcome { device: refused, viewer: None },
            };
            assert_eq!(outcome, expected, "{at:?} byte {place}");
        }
    }
}

#[test]
fn t010_two_pairings_with_one_code_do_not_mix() {
    // Two people, by chance or by a server's doing, under the same nameplate and secret.
    let accounts = [account(), NewAccount::generate(&mut rng(2)).unwrap()];
    let opened = |index: usize| {
        let secret = CodeSecret::generate(Purpose::View, &mut rng(7));
        let setup = Setup { server_nonce: Hash([8 + u8::try_from(index).unwrap(); 32]), ..setup(&accounts[index]) };
        super::super::device::open_with_secret(setup, secret, &mut rng(80 + u64::try_from(index).unwrap())).unwrap()
    };
    let viewer = |opened: &Opened| {
        ExpectOffer::new(PairingCode::parse(&opened.code.to_groups(), Purpose::View).unwrap(), Purpose::View)
    };
    let (one, other) = (opened(0), opened(1));
    assert_eq!(one.code.to_groups(), other.code.to_groups(), "one code");
    let (_, hello_one) = viewer(&one).receive(MAILBOX, &one.offer, claims(), &mut rng(3)).unwrap();
    let (_, hello_other) = viewer(&other).receive(MAILBOX, &other.offer, claims(), &mut rng(4)).unwrap();
    for (state, crossed) in [(one.state, &hello_other), (other.state, &hello_one)] {
        assert_eq!(state.receive(crossed, NOW, counted(), &mut rng(5)).err(), Some(ErrorCode::Malformed));
    }
    // Even where the hash of the Offer is repaired on the way, the confirmation fails, in either direction. Control: where
    // nothing is crossed, the same relay lets them agree.
    for (from, to) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let (theirs, device) = (opened(from), opened(to));
        let (viewer, mut hello) = viewer(&theirs).receive(MAILBOX, &theirs.offer, claims(), &mut rng(3)).unwrap();
        in_hello(&mut hello, |core| core.offer = preimage::offer_hash(&device.offer));
        let (device, answer) = device.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
        let (_viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
        let expected = (from != to).then_some(ErrorCode::CodeWrong);
        assert_eq!(device.receive(&confirm_a, NOW).err(), expected, "the viewer of {from} with the device of {to}");
    }
    // Control: a PAKE that is told only the code agrees across the two.
    let password = Secret::fill_with(|own| own.fill(7));
    let start = |side, seed| pake::ExpectElement::start(side, &password, &Hash::ZERO, &Hash::ZERO, &mut rng(seed));
    let ((viewer, of_viewer), (device, of_device)) = (start(Side::Viewer, 1), start(Side::Device, 2));
    let agreed = viewer.finish(&of_device).unwrap();
    assert!(device.finish(&of_viewer).unwrap().matches(agreed.expose_secret()));
}

#[test]
fn t014_no_message_brings_costs_or_a_salt_of_its_own() {
    // An Offer with three more elements: 4 GiB of memory, no pass, a salt of one byte. Not read, and nothing allocated.
    let outcome = through(&mut |step, message| {
        if step == Step::Offer {
            assert_eq!(message[0], 0x87, "an array of seven");
            message[0] = 0x8A;
            message.extend([0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x41, 0x00]);
        }
    });
    assert_eq!(outcome, Outcome { device: None, viewer: Some(Err(ErrorCode::Malformed)) });
    assert_eq!(through(&mut |_, _| {}), AGREED, "control");
}

#[test]
fn t017_a_code_for_one_purpose_does_not_serve_another() {
    let account = account();
    let all = [Purpose::View, Purpose::Agent, Purpose::Link];
    for shown in all {
        for typed in all {
            let opened = super::super::device::open(Setup { purpose: shown, ..setup(&account) }, &mut rng(5)).unwrap();
            let code = PairingCode::parse(&opened.code.to_groups(), typed);
            let Ok(code) = code else {
                assert_ne!(shown == Purpose::Link, typed == Purpose::Link, "the lengths differ");
                continue;
            };
            let outcome = relayed(opened, ExpectOffer::new(code, typed), &mut |_, _| {});
            // A viewer does not go on with a pairing that is to link a device, even one that agrees.
            let viewer = if typed == Purpose::Link { Err(ErrorCode::Malformed) } else { Ok(()) };
            let agreed = Outcome { device: Some(Ok(())), viewer: Some(viewer) };
            assert_eq!(outcome == agreed, shown == typed, "{shown:?} typed as {typed:?}");
        }
    }
    // A server that tells the viewer what it wants to hear gets no further.
    let opened = super::super::device::open(Setup { purpose: Purpose::View, ..setup(&account) }, &mut rng(5)).unwrap();
    let code = PairingCode::parse(&opened.code.to_groups(), Purpose::Agent).unwrap();
    let mut genuine = Vec::new();
    let outcome = relayed(opened, ExpectOffer::new(code, Purpose::Agent), &mut |step, message| match step {
        Step::Offer => {
            genuine.clone_from(message);
            let mut offer: Offer = parse(message);
            offer.purpose = Purpose::Agent;
            *message = encode(&offer);
        }
        Step::Hello => in_hello(message, |core| core.offer = preimage::offer_hash(&genuine)),
        Step::Answer | Step::ConfirmA | Step::ConfirmB => {}
    });
    assert_eq!(outcome, Outcome { device: Some(Err(ErrorCode::CodeWrong)), viewer: None });
}
