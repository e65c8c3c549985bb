//! What leaves an end, and when.

use std::collections::HashSet;

use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::pairing::{Message, Offer};
use glimpse_wire::preimage::{self, Preimage};
use glimpse_wire::{decode, encode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::*;
use crate::session::device::Decision;
use crate::session::tests::{meta, version};
use crate::stretch;
use crate::testing::volume;

fn kind(message: &[u8]) -> &'static str {
    match decode(message, 1 << 20).unwrap() {
        Message::Hello { .. } => "Hello",
        Message::Answer { .. } => "Answer",
        Message::ConfirmA { .. } => "ConfirmA",
        Message::ConfirmB { .. } => "ConfirmB",
        Message::Grant(_) => "Grant",
        Message::Live { .. } => "Live",
        Message::Abort { .. } => "Abort",
    }
}

/// What may leave the device in answer to a message, by the state it is in.
fn allowed(state: &str) -> &'static [&'static str] {
    match state {
        "ExpectHello" => &["Answer"],
        "ExpectConfirmA" => &["ConfirmB"],
        _ => &[],
    }
}

#[test]
fn t006_nothing_but_its_element_leaves_the_device_before_a_valid_confirmation() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let opened = || ends(&account, 3);
    let hello =
        |opened: &Opened, viewer: ExpectOffer| viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let noise = || {
        let confirm = Hash([1; 32]);
        let sealed = Bytes(vec![0; 64]);
        [
            encode(&Message::Answer { pake: Bytes(vec![b'B'; 33]) }),
            encode(&Message::ConfirmA { confirm, words: confirm, sealed: sealed.clone() }),
            encode(&Message::ConfirmB { confirm, sealed: sealed.clone() }),
            encode(&Message::Live { counter: 0, sealed }),
            encode(&Message::Hello { core: Bytes(vec![0x80]), pake: Bytes(vec![b'A'; 33]) }),
            encode(&Message::Abort { code: ErrorCode::Declined }),
            Vec::new(),
            vec![0xFF; 300],
        ]
    };
    // In ExpectHello: noise brings nothing out, Hello brings Answer, and that is 33 bytes and their frame.
    for message in noise() {
        let (opened, _) = opened();
        assert!(opened.state.receive(&message, NOW, counted(), &mut rng(5)).is_err());
    }
    let (device, viewer) = opened();
    let (viewer, greeting) = hello(&device, viewer);
    let (device, answer) = device.state.receive(&greeting, NOW, counted(), &mut rng(5)).unwrap();
    assert!(allowed("ExpectHello").contains(&kind(&answer)));
    assert_eq!(answer.len(), 33 + 4, "an element, and nothing that would test a guess");
    // In ExpectConfirmA: noise and a wrong cA bring nothing out, a right one brings ConfirmB.
    for message in noise() {
        let (device, viewer) = opened();
        let (_, greeting) = hello(&device, viewer);
        let (device, _) = device.state.receive(&greeting, NOW, counted(), &mut rng(5)).unwrap();
        assert!(device.receive(&message, NOW).is_err());
    }
    let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    assert!(allowed("ExpectConfirmA").contains(&kind(&confirm_b)));
    // Once confirmed, there is no way to bring a message out but the user's act.
    assert_eq!(viewer.receive(&confirm_b).unwrap().words(), device.words());
    // Control: in the order of RFC 9382 B confirms with its element. A device that did so, this one's states run one after
    // the other before it answers, sends what is not allowed there, and who guessed learns whether he was right.
    let eager = |guess: ExpectOffer| {
        let (device, _) = opened();
        let (viewer, greeting) = guess.receive(MAILBOX, &device.offer, claims(), &mut rng(4)).unwrap();
        let (device, answer) = device.state.receive(&greeting, NOW, counted(), &mut rng(5)).unwrap();
        let (_, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
        [Some(answer), device.receive(&confirm_a, NOW).ok().map(|(_, confirm)| confirm)]
    };
    let seen = eager(opened().1).into_iter().flatten().map(|message| kind(&message)).collect::<Vec<_>>();
    assert_eq!(seen, ["Answer", "ConfirmB"]);
    assert!(!seen.iter().all(|kind| allowed("ExpectHello").contains(kind)), "and the list refuses it");
    let wrong = PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::View, &mut rng(99)));
    assert_eq!(eager(ExpectOffer::new(wrong, Purpose::View))[1], None, "a test of a guess");
}

/// Everything that leaves the two ends of a pairing and of the session after it, and the code that they had.
fn everything() -> (Vec<Vec<u8>>, String) {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, viewer) = ends(&account, 13);
    let digits: String = opened.code.to_groups().split(' ').collect();
    let rng = &mut rng(14);
    let claimed = viewer.nameplate().as_str().as_bytes().to_vec();
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), rng).unwrap();
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), rng).unwrap();
    let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    let viewer = viewer.receive(&confirm_b).unwrap();
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = crate::session::LentUnit::of(&record, rng).unwrap();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], UnixMillis(1), 600_000), NOW).unwrap();
    let (mut device, grant) = approved.seal(&account.device, rng).unwrap();
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let live = device.live().unwrap().seal(&Live::Refused);
    let reply = viewer.live().unwrap().seal(&Live::AskTime { minutes: 5 });
    let submission = encode(&grant.submission(MAILBOX));
    let end = encode(&viewer.end(UnixMillis(2)));
    let messages = vec![claimed, opened.offer, hello, answer, confirm_a, confirm_b, grant.message];
    (messages.into_iter().chain([submission, live, reply, end]).collect(), digits)
}

/// Looks for codes, and for what somebody might have computed from them, in everything that was sent.
struct Search<'m> {
    /// Every six bytes in a row, to look for codes, and every sixteen, to look for halves of hashes.
    short: HashSet<&'m [u8]>,
    long: HashSet<&'m [u8]>,
    salts: Vec<Vec<u8>>,
}

impl<'m> Search<'m> {
    fn new(messages: &'m [Vec<u8>]) -> Self {
        let offer: Offer = decode(&messages[1], 1 << 20).unwrap();
        let salts = [
            offer.server_nonce.0.to_vec(),
            offer.device_nonce.0.to_vec(),
            offer.mailbox.0.to_vec(),
            preimage::offer_hash(&messages[1]).0.to_vec(),
            preimage::stretch_salt(&messages[1]).0.to_vec(),
            b"417".to_vec(),
        ];
        let windows = |length| messages.iter().flat_map(move |message| message.windows(length)).collect();
        Self { short: windows(6), long: windows(16), salts: salts.into() }
    }

    /// Whether the first half of `value`, or of a longer one the first sixteen bytes, stands anywhere.
    fn holds(&self, value: &[u8]) -> bool {
        self.long.contains(&value[..16])
    }

    fn finds(&self, nameplate: &str, secret: &str) -> bool {
        let both = format!("{nameplate}{secret}");
        let framed = Preimage::unlabelled().part(nameplate.as_bytes()).part(secret.as_bytes()).into_bytes();
        let hashed = [secret.as_bytes(), both.as_bytes(), &framed].into_iter().any(|form| {
            let keyed = |salt: &Vec<u8>| {
                // Keyed by what is to be seen, and the other way round.
                let macs = [(salt.as_slice(), form), (form, salt.as_slice())];
                macs.into_iter().any(|(key, data)| self.holds(&mac_256(key, data)) || self.holds(&mac_512(key, data)))
            };
            self.holds(&Sha256::digest(form)) || self.holds(&Sha512::digest(form)) || self.salts.iter().any(keyed)
        });
        self.short.contains(secret.as_bytes()) || hashed
    }

    /// The same for the stretching, under every salt that is to be seen: forty milliseconds for each.
    fn finds_stretched(&self, nameplate: &str, secret: &str) -> bool {
        let framed = Preimage::unlabelled().part(nameplate.as_bytes()).part(secret.as_bytes()).into_bytes();
        let full = self.salts.iter().filter_map(|salt| <&[u8; 32]>::try_from(salt.as_slice()).ok());
        full.into_iter().any(|salt| self.holds(stretch::for_pairing(&framed, salt).unwrap().expose_secret()))
    }
}

fn mac_256(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn mac_512(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha512> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn t013_neither_the_code_nor_anything_computed_from_it_leaves_an_end() {
    let (messages, digits) = everything();
    let (nameplate, secret) = (&digits[..3], &digits[3..9]);
    // Codes from the whole space, at equal distances, with the right one among them; in the soak all of them. The
    // searcher does not know which it is.
    let count = volume(1_000, 1_000_000);
    let right: u32 = secret.parse().unwrap();
    let codes =
        |count: u32| (0..count).map(move |place| format!("{:06}", (right + place * (1_000_000 / count)) % 1_000_000));
    let search = Search::new(&messages);
    assert_eq!(codes(count).filter(|code| search.finds(nameplate, code)).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(!search.finds_stretched(nameplate, secret));
    // Controls: a client that routed by a hash of its code, by a keyed hash, by the stretched code, or by the code.
    let offer = &messages[1];
    let salt = preimage::stretch_salt(offer);
    let framed = Preimage::unlabelled().part(nameplate.as_bytes()).part(secret.as_bytes()).into_bytes();
    let leaks = [
        Sha256::digest(secret).to_vec(),
        Sha512::digest(secret).to_vec(),
        mac_256(&salt.0, &framed)[..16].to_vec(),
        mac_512(&salt.0, &framed)[..16].to_vec(),
        mac_256(&digits.as_bytes()[..9], nameplate.as_bytes()),
        format!("GET /v1/mailboxes/{secret}").into_bytes(),
    ];
    for leak in leaks {
        let mut leaking = messages.clone();
        leaking.push(leak);
        let search = Search::new(&leaking);
        assert_eq!(codes(1_000).filter(|code| search.finds(nameplate, code)).collect::<Vec<_>>(), [secret]);
    }
    let mut leaking = messages.clone();
    leaking.push(stretch::for_pairing(&framed, &salt.0).unwrap().expose_secret().to_vec());
    assert!(Search::new(&leaking).finds_stretched(nameplate, secret));
}
