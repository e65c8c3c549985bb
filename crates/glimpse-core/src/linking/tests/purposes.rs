//! A code is for one thing, and a scan begins nothing.

use super::*;
use crate::code::{QR_PREFIX, QR_SECRET_LENGTH, secret_length};
use crate::pairing::tests::because;
use crate::viewer::{Config, Input, Output, Viewer};

const ALL: [Purpose; 3] = [Purpose::View, Purpose::Agent, Purpose::Link];

#[test]
fn t017_no_code_of_linking_has_the_length_of_one_of_lending() {
    let nameplates = ["417", "81234", "9123456"];
    let shown = |nameplate: &str, secret| PairingCode::new(Nameplate::parse(nameplate).unwrap(), secret).to_groups();
    let rng = &mut rng(17);
    for _ in 0..200 {
        for nameplate in nameplates {
            for purpose in [Purpose::View, Purpose::Agent] {
                let code = shown(nameplate, CodeSecret::generate(purpose, rng));
                assert!(PairingCode::parse(&code, purpose).is_ok(), "control");
                assert!(PairingCode::parse(&code, Purpose::Link).is_err(), "{nameplate}");
            }
            for secret in [CodeSecret::generate(Purpose::Link, rng), CodeSecret::generate_for_qr(rng)] {
                let code = PairingCode::new(Nameplate::parse(nameplate).unwrap(), secret);
                for text in [Some(code.to_groups()), code.to_qr_text()].into_iter().flatten() {
                    let read = PairingCode::parse(&text, Purpose::Link).unwrap();
                    assert_eq!(read.nameplate(), code.nameplate());
                    assert_eq!(read.secret.expose_secret(), code.secret.expose_secret());
                    assert!(PairingCode::parse(&text, Purpose::View).is_err(), "{nameplate}");
                    assert!(PairingCode::parse(&text, Purpose::Agent).is_err(), "{nameplate}");
                }
            }
        }
    }
    // The whole table of lengths, nameplate and check digit included.
    let lengths = |secrets: &[usize]| -> Vec<usize> {
        nameplates.iter().flat_map(|plate| secrets.iter().map(|secret| plate.len() + secret + 1)).collect()
    };
    let lending = lengths(&[secret_length(Purpose::View), secret_length(Purpose::Agent)]);
    let linking = lengths(&[secret_length(Purpose::Link), QR_SECRET_LENGTH]);
    assert!(linking.iter().all(|length| !lending.contains(length)), "{linking:?} {lending:?}");
    let distinct: std::collections::BTreeSet<&usize> = linking.iter().collect();
    assert_eq!(distinct.len(), linking.len(), "the length tells the form, too");
    // Control: with eight digits for linking, two nameplates would have met.
    assert!(lengths(&[8]).iter().any(|length| lending.contains(length)));
}

#[test]
fn t017_an_end_that_was_begun_for_one_purpose_does_not_go_on_with_another() {
    let world = world();
    for shown in ALL {
        for typed in ALL {
            let setup = Setup { purpose: shown, ..setup(&world.account) };
            let opened = crate::pairing::device::open(setup, &mut rng(5)).unwrap();
            let offer = opened.offer.clone();
            // The code is carried over by hand, as if the lengths did not tell.
            let digits = opened.code.secret.expose_secret().to_owned();
            let secret = CodeSecret::for_tests(&digits);
            let code = PairingCode::new(Nameplate::parse("417").unwrap(), secret);
            let viewer = ExpectOffer::new(code, typed);
            let met = viewer.receive(MAILBOX, &offer, program(), &mut rng(6)).map(|_state| ());
            let expected = if shown == typed { Ok(()) } else { Err(ErrorCode::Malformed) };
            assert_eq!(met, expected, "{shown:?} typed as {typed:?}");
        }
    }
    // Two ends that agree on lending do not link, and two that agree on linking do not lend.
    let confirmed = |purpose| {
        let setup = Setup { purpose, ..setup(&world.account) };
        let opened = crate::pairing::device::open(setup, &mut rng(5)).unwrap();
        let code = PairingCode::parse(&opened.code.to_groups(), purpose).unwrap();
        let viewer = ExpectOffer::new(code, purpose);
        let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, program(), &mut rng(6)).unwrap();
        let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(7)).unwrap();
        let (viewer, confirm_a) = viewer.receive(&answer, &because()).unwrap();
        let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
        (device, viewer, confirm_b)
    };
    for purpose in ALL {
        let (device, viewer, confirm_b) = confirmed(purpose);
        let links = purpose == Purpose::Link;
        let linking = viewer.receive_for_linking(&confirm_b, NOW).map(|_paired| ());
        assert_eq!(linking, if links { Ok(()) } else { Err(ErrorCode::Malformed) }, "{purpose:?}");
        assert_eq!(device.for_linking().is_ok(), links, "{purpose:?}");
        let (device, viewer, confirm_b) = confirmed(purpose);
        let lending = viewer.receive(&confirm_b).map(|_state| ());
        assert_eq!(lending, if links { Err(ErrorCode::Malformed) } else { Ok(()) }, "{purpose:?}");
        let decision = crate::session::device::Decision::view(Vec::new(), AT, 600_000);
        let words = device.words();
        let expected = match purpose {
            Purpose::View => None,
            Purpose::Agent => Some(ErrorCode::CredentialInvalid),
            Purpose::Link => Some(ErrorCode::Malformed),
        };
        assert_eq!(device.approve(words, decision, NOW).err(), expected, "{purpose:?}");
    }
    // A pairing for lending is not opened as one that links.
    assert_eq!(open(setup(&world.account), CodeForm::Qr, &mut rng(5)).err(), Some(ErrorCode::Malformed));
}

/// What a camera or a link may bring.
fn scanned() -> Vec<String> {
    let rng = &mut rng(34);
    let mut texts = Vec::new();
    for secret in [CodeSecret::generate_for_qr(rng), CodeSecret::generate(Purpose::Link, rng)] {
        let code = PairingCode::new(Nameplate::parse("417").unwrap(), secret);
        let digits: String = code.to_groups().split(' ').collect();
        for prefix in [
            QR_PREFIX,
            "glimpse:link:",
            "GLIMPSE://LINK/",
            "https://glimpse.example/#",
            "https://evil.example/?link=",
            "",
        ] {
            texts.push(format!("{prefix}{digits}"));
            texts.push(format!("{prefix}{digits}&approve=1"));
        }
        texts.push(code.to_groups().to_string());
    }
    texts
}

/// Whether anything leaves a viewer that is given this for a code.
fn leaves(text: &str) -> bool {
    let mut viewer =
        Viewer::new(Config { claims: program(), purpose: Purpose::View, asking: Asking::default(), bearer: None });
    viewer.handle(Input::Code(text.to_owned()), NOW, &mut rng(1));
    core::iter::from_fn(|| viewer.poll()).any(|output| matches!(output, Output::Http(_) | Output::SocketSend(_)))
}

#[test]
fn t034_a_link_in_a_scan_begins_nothing_where_nobody_asked_to_link() {
    let mut read = 0;
    for text in scanned() {
        // The lending screens, which are the only ones that take a code without being told what for, find none in it,
        // and nothing leaves: no request, no message.
        assert!(PairingCode::parse(&text, Purpose::View).is_err(), "{text}");
        assert!(PairingCode::parse(&text, Purpose::Agent).is_err(), "{text}");
        assert!(!leaves(&text), "{text}");
        read += usize::from(PairingCode::parse(&text, Purpose::Link).is_ok());
    }
    // Control: the same texts are codes to whoever began `join` or `link`: a screen that took the purpose from what it
    // scanned would be on its way.
    assert!(read > 10, "{read}");
    let lending = PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::View, &mut rng(1)));
    assert!(leaves(&lending.to_groups()), "and a code of lending does make the viewer speak");
}

#[test]
fn t034_what_a_scan_alone_gives_cannot_ask_approve_or_sign() {
    // Signal's case: a linked device scans a code that an attacker shows, and the attacker's device is to join. Up to the
    // person's yes the scanning device has sent its half of the pairing and nothing of the account.
    let world = world();
    let attacker = DeviceKeys::generate(&mut rng(35));
    let opened = open(joiner_setup(&attacker), CodeForm::Qr, &mut rng(5)).unwrap();
    let scanned = PairingCode::parse(&opened.code.to_qr_text().unwrap(), Purpose::Link).unwrap();
    let rng = &mut rng(6);
    let (victim, hello) =
        ExpectOffer::new(scanned, Purpose::Link).receive(MAILBOX, &opened.offer, program(), rng).unwrap();
    let (shown, answer) = opened.state.receive(&hello, NOW, counted(), rng).unwrap();
    let (victim, confirm_a) = victim.receive(&answer, &Asking::default()).unwrap();
    let (shown, confirm_b) = shown.receive(&confirm_a, NOW).unwrap();
    let victim = victim.receive_for_linking(&confirm_b, NOW).unwrap();
    let (_, ask) =
        joiner::begin(shown.for_linking().unwrap(), &attacker, "Your tablet".to_owned(), String::new()).unwrap();
    let asked = adder::begin(victim, SERVER).unwrap().receive(&ask, NOW).unwrap();
    let device = &world.account.device;
    let of_account: [&[u8]; 3] =
        [&world.chain.account().0, &device.signing().public().0, &device.kem().public().as_bytes()[..32]];
    let sent = [hello, confirm_a];
    for part in of_account {
        assert!(!sent.iter().any(|message| message.windows(part.len()).any(|window| window == part)));
    }
    // The attacker's screen is not in front of the person: three pairs in four are a no, for good.
    let words = asked.words();
    let picked = words.among_decoys(rng).into_iter().find(|pair| *pair != words).unwrap();
    assert_eq!(asked.approve(picked, NOW).unwrap_err().error, ErrorCode::CodeWrong);
}
