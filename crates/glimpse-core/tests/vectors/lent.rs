//! A whole pairing, the grant that follows, an opening, the live channel and the audit trail.

use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::attempts::Attempts;
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::keys::WriterKeys;
use glimpse_core::pairing::device::{self, Opened as OpenedPairing, Setup};
use glimpse_core::pairing::viewer::{Asking, Claims, ExpectOffer};
use glimpse_core::receipts::audit;
use glimpse_core::record::Author;
use glimpse_core::secret::ServerShare;
use glimpse_core::session::{Decision, DeviceSession, LentUnit, SealedGrant, ViewerSession};
use glimpse_wire::account::Signed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::pairing::{Grant, GrantBody, HelloCore, Introduction, Message, Offer, Purpose};
use glimpse_wire::preimage::{self, Preimage, StatementKind, label};
use glimpse_wire::session::{Destroyed, Event, Opened, Receipt, Side};
use glimpse_wire::{ErrorCode, Hash, MailboxId, SUITE, Salt, UnitId, UnixMillis, decode, encode};

use crate::by_hand::{self, Schedule};
use crate::hand;
use crate::rest;
use crate::sheet::Sheet;
use crate::tape::Tape;

const NOW: Monotonic = Monotonic(0);
pub(crate) const NAMEPLATE: &str = "417";
/// What the device draws for the six digits: each byte modulo ten, those above 249 passed over.
const DIGIT_BYTES: [u8; 7] = [2, 250, 10, 3, 249, 1, 98];
pub(crate) const DIGITS: &str = "203918";
pub(crate) const ISSUED: UnixMillis = UnixMillis(1_700_000_000_000);

/// Every message of a pairing and its grant, and what the two ends hold after it.
pub(crate) struct Story {
    pub(crate) account: NewAccount,
    pub(crate) offer: Vec<u8>,
    pub(crate) hello: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) confirm_a: Vec<u8>,
    pub(crate) confirm_b: Vec<u8>,
    pub(crate) words: String,
    pub(crate) grant: SealedGrant,
    pub(crate) device: DeviceSession,
    pub(crate) viewer: ViewerSession,
    pub(crate) unit: UnitId,
}

/// The key by which the server of the story signs what it destroyed.
fn server_key() -> WriterKeys {
    WriterKeys::from_bytes(&hand::drawn::<32>("server signing key")).unwrap()
}

pub(crate) fn mailbox() -> MailboxId {
    MailboxId(hand::drawn("mailbox"))
}

/// The device's side, waiting for Hello.
pub(crate) fn opened(account: &NewAccount) -> OpenedPairing {
    opened_for(account, Purpose::View)
}

/// The same for another purpose.
pub(crate) fn opened_for(account: &NewAccount, purpose: Purpose) -> OpenedPairing {
    let tape =
        [&DIGIT_BYTES, hand::drawn::<32>("identity blind").as_slice(), &hand::drawn::<32>("device nonce")].concat();
    let setup = Setup {
        purpose,
        mailbox: mailbox(),
        nameplate: Nameplate::parse(NAMEPLATE).unwrap(),
        server_nonce: Hash(hand::drawn("server nonce")),
        expires: ISSUED.plus(120_000),
        deadline: NOW.plus(120_000),
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: "Ada".to_owned(),
    };
    device::open(setup, &mut Tape::new(&tape)).unwrap()
}

/// The viewer's side, waiting for the Offer.
pub(crate) fn typed(code: &PairingCode) -> ExpectOffer {
    ExpectOffer::new(PairingCode::parse(&code.to_groups(), Purpose::View).unwrap(), Purpose::View)
}

pub(crate) fn claims() -> Claims {
    Claims {
        origin: "https://glimpse.example".to_owned(),
        build: "2c26b46b".to_owned(),
        program: "Firefox 153 on Linux".to_owned(),
    }
}

/// What the viewer draws once it has the Offer.
pub(crate) fn viewer_tape() -> Tape {
    let drawn = [
        hand::drawn::<32>("viewer KEM seed").as_slice(),
        &hand::drawn::<32>("viewer signing seed"),
        &hand::drawn::<32>("words nonce"),
        &hand::drawn::<32>("viewer nonce"),
        &hand::drawn::<64>("x"),
    ]
    .concat();
    Tape::new(&drawn)
}

pub(crate) fn story() -> Story {
    let account = rest::account();
    let pairing = opened(&account);
    assert_eq!(pairing.code.to_groups().replace(' ', "")[..9], format!("{NAMEPLATE}{DIGITS}"));
    let (viewer, hello) =
        typed(&pairing.code).receive(mailbox(), &pairing.offer, claims(), &mut viewer_tape()).unwrap();
    let counted = Attempts::default().begin(ISSUED);
    let mut tape = Tape::new(&hand::drawn::<64>("y"));
    let (device, answer) = pairing.state.receive(&hello, NOW, counted, &mut tape).unwrap();
    let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    let viewer = viewer.receive(&confirm_b).unwrap();
    let (envelope, _) = rest::sealed(&account, Author::Device(&account.device), "", b"Dear reader");
    let record = rest::opened(&account, &envelope);
    let tape = [hand::drawn::<16>("unit id").as_slice(), &hand::drawn::<32>("unit client share")].concat();
    let unit = LentUnit::of(&record, &mut Tape::new(&tape)).unwrap();
    let id = unit.id();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], ISSUED, 600_000), NOW).unwrap();
    let (device, grant) = approved.seal(&account.device, &mut Tape::new(&hand::drawn::<64>("grant"))).unwrap();
    let viewer = viewer.receive(&grant.message).unwrap();
    Story {
        offer: pairing.offer,
        hello,
        answer,
        confirm_a,
        confirm_b,
        words: words.to_string(),
        grant,
        device,
        viewer,
        unit: id,
        account,
    }
}

fn message(bytes: &[u8]) -> Message {
    decode(bytes, 1 << 20).unwrap()
}

/// The PAKE's output and the pairing key, by hand.
struct Keys {
    salt: Hash,
    password: [u8; 32],
    id_a: Hash,
    id_b: Hash,
    output: [u8; 32],
    transcript: Hash,
    prk: [u8; 32],
}

fn keys(story: &Story) -> Keys {
    let Message::Hello { core, pake: message_a } = message(&story.hello) else { panic!() };
    let Message::Answer { pake: message_b } = message(&story.answer) else { panic!() };
    let salt = preimage::stretch_salt(&story.offer);
    let input = Preimage::unlabelled().part(NAMEPLATE.as_bytes()).part(DIGITS.as_bytes()).into_bytes();
    let password = hand::stretched(&input, &salt.0);
    let id = |side| preimage::side_id(side, Purpose::View, NAMEPLATE, &story.offer, core.as_slice());
    let (id_a, id_b) = (id(Side::Viewer), id(Side::Device));
    let (message_a, message_b) = (message_a.as_slice(), message_b.as_slice());
    let (x_element, y_element) = by_hand::unmasked(&password, message_a, message_b);
    let (x, y) = (by_hand::scalar(&hand::drawn("x")), by_hand::scalar(&hand::drawn("y")));
    assert_eq!(y_element * x, x_element * y);
    let output = by_hand::output(&password, &id_a, &id_b, message_a, message_b, &(y_element * x));
    let transcript = preimage::transcript(Purpose::View, NAMEPLATE, &story.offer, &story.hello, &story.answer);
    Keys { salt, password, id_a, id_b, output, transcript, prk: hand::extracted(&transcript.0, &output) }
}

impl Keys {
    fn expanded<const N: usize>(&self, label: &str) -> [u8; N] {
        hand::expanded(&self.prk, &Preimage::new(label).into_bytes())
    }
}

pub(crate) fn pairing() -> Sheet {
    let story = story();
    let keys = keys(&story);
    let Message::Hello { core, pake: message_a } = message(&story.hello) else { panic!() };
    let Message::Answer { pake: message_b } = message(&story.answer) else { panic!() };
    let Message::ConfirmA { confirm: confirm_a, words: nonce, sealed: sealed_a } = message(&story.confirm_a) else {
        panic!()
    };
    let Message::ConfirmB { confirm: confirm_b, sealed: sealed_b } = message(&story.confirm_b) else { panic!() };
    let parsed: HelloCore = decode(core.as_slice(), 1 << 20).unwrap();
    let signing = ed25519_dalek::SigningKey::from_bytes(&hand::drawn("viewer signing seed"));
    let signature = ed25519_dalek::Signer::sign(&signing, &preimage::introduction(&keys.transcript, b"", "", ""));
    let introduction = encode(&Introduction {
        credential: Bytes(Vec::new()),
        case: String::new(),
        reason: String::new(),
        signature: glimpse_wire::ids::SignatureBytes(signature.to_bytes()),
    });
    let (seal_a, seal_b): ([u8; 32], [u8; 32]) = (keys.expanded(label::SEAL_A), keys.expanded(label::SEAL_B));
    assert_eq!(hand::sealed(&seal_a, [0; 12], &keys.transcript.0, &introduction), sealed_a.as_slice());
    let identity = encode(story.viewer.identity());
    assert_eq!(hand::sealed(&seal_b, [0; 12], &keys.transcript.0, &identity), sealed_b.as_slice());
    let (mac_a, mac_b): ([u8; 32], [u8; 32]) = (keys.expanded(label::CONFIRM_A), keys.expanded(label::CONFIRM_B));
    let message = preimage::confirm_a(&keys.transcript, &nonce, sealed_a.as_slice());
    assert_eq!(hand::mac(&mac_a, &message), confirm_a.0);
    let message = preimage::confirm_b(&keys.transcript, &confirm_a, sealed_b.as_slice());
    assert_eq!(hand::mac(&mac_b, &message), confirm_b.0);
    let info = Preimage::new(label::WORDS).part(&nonce.0).into_bytes();
    let bits: [u8; 3] = hand::expanded(&keys.prk, &info);
    assert_eq!(crate::small::two_words(bits), story.words);
    let parsed_offer: Offer = decode(&story.offer, 1 << 20).unwrap();
    Sheet::about("A pairing, from the code to two ends that have confirmed each other. Scalars are 64 bytes, little-endian, modulo the group's order.")
        .text("nameplate", NAMEPLATE)
        .text("secret", DIGITS)
        .number("purpose", 1)
        .bytes("identity_blind", hand::drawn::<32>("identity blind"))
        .bytes("device_nonce", parsed_offer.device_nonce.0)
        .bytes("device_scalar", hand::drawn::<64>("y"))
        .bytes("viewer_kem_seed", hand::drawn::<32>("viewer KEM seed"))
        .bytes("viewer_signing_seed", hand::drawn::<32>("viewer signing seed"))
        .bytes("viewer_nonce", parsed.nonce.0)
        .bytes("words_nonce", nonce.0)
        .bytes("viewer_scalar", hand::drawn::<64>("x"))
        .bytes("identity", &identity)
        .bytes("offer", &story.offer)
        .bytes("stretch_salt", keys.salt.0)
        .bytes("password", keys.password)
        .bytes("hello_core", core.as_slice())
        .bytes("id_a", keys.id_a.0)
        .bytes("id_b", keys.id_b.0)
        .bytes("pake_a", message_a.as_slice())
        .bytes("hello", &story.hello)
        .bytes("pake_b", message_b.as_slice())
        .bytes("answer", &story.answer)
        .bytes("pake_output", keys.output)
        .bytes("transcript", keys.transcript.0)
        .bytes("prk", keys.prk)
        .bytes("key_confirm_a", mac_a)
        .bytes("key_confirm_b", mac_b)
        .bytes("key_seal_a", seal_a)
        .bytes("key_seal_b", seal_b)
        .bytes("introduction", &introduction)
        .bytes("confirm_a", &story.confirm_a)
        .bytes("confirm_b", &story.confirm_b)
        .bytes("words_bits", bits)
        .text("words", &story.words)
        .bytes("session", story.viewer.session().0)
        .bytes("psk", keys.expanded::<32>(label::PSK))
}

fn terms_and_grant(story: &Story) -> Grant {
    let Message::Grant(grant) = message(&story.grant.message) else { panic!() };
    grant
}

/// The unit as the device seals it for the session: its envelope, encoded, and its one chunk.
fn unit(story: &Story) -> (Vec<u8>, Vec<u8>) {
    let share = ServerShare::from_wire(&Hash(hand::drawn("server share of the unit")));
    let mut sealer = story.device.seal_unit(&story.unit, Salt(hand::drawn("unit salt")), &share).unwrap();
    let envelope = encode(sealer.envelope());
    let mut chunk = Vec::new();
    sealer.push(b"Dear reader", &mut |sealed| chunk.extend(sealed)).unwrap();
    sealer.finish(&mut |sealed| chunk.extend(sealed)).unwrap();
    (envelope, chunk)
}

pub(crate) fn session() -> Sheet {
    let mut story = story();
    let keys = keys(&story);
    let grant = terms_and_grant(&story);
    let psk: [u8; 32] = keys.expanded(label::PSK);
    let shared = hand::decapsulated(hand::drawn("viewer KEM seed"), grant.enc.as_slice());
    let session = story.viewer.session();
    let schedule = Schedule::new(&shared, &keys.transcript.0, Some((&psk, &session.0)));
    let (live_a, live_b) = (schedule.export(label::LIVE_A.as_bytes()), schedule.export(label::LIVE_B.as_bytes()));
    let body = encode(&GrantBody {
        units: vec![glimpse_wire::pairing::GrantUnit {
            unit: story.unit,
            share: Bytes(hand::drawn::<32>("unit client share").to_vec()),
            meta: story.viewer.unit(&story.unit).unwrap().meta.clone(),
            origin: 0,
            withheld: 0,
        }],
    });
    let sealed = hand::sealed(&schedule.key, schedule.base_nonce, grant.terms.as_slice(), &body);
    assert_eq!(sealed, grant.sealed.as_slice());
    let (envelope, chunk) = unit(&story);
    let (client, server): ([u8; 32], [u8; 32]) =
        (hand::drawn("unit client share"), hand::drawn("server share of the unit"));
    let salt: [u8; 32] = hand::drawn("unit salt");
    let both = Preimage::unlabelled().part(&client).part(&server).into_bytes();
    let unit_key: [u8; 64] = hand::derived(Some(&salt), &both, label::UNIT_KEY);
    let terms_hash = preimage::terms_hash(grant.terms.as_slice());
    let aad = preimage::unit_aad(&session, &story.unit, &Salt(salt), &terms_hash);
    assert_eq!(hand::chunks(&unit_key[..32].try_into().unwrap(), &aad.0, b"Dear reader").concat(), chunk);

    let live = |key: &[u8; 32], side: Side, counter: u8, message: &Live, sealed: &[u8]| {
        let mut nonce = [0; 12];
        nonce[11] = counter;
        let aad = preimage::live_aad(&session, side, counter.into());
        let by_hand = hand::sealed(key, nonce, &aad, &encode(message));
        assert_eq!(encode(&Message::Live { counter: counter.into(), sealed: Bytes(by_hand) }), sealed);
        Sheet::default()
            .number("from", side.byte().into())
            .number("counter", counter.into())
            .bytes("aad", aad)
            .bytes("plaintext", encode(message))
            .bytes("message", sealed)
    };
    let messages = [Live::AskTime { minutes: 5 }, Live::Opened { unit: story.unit }];
    let mut lives = Vec::new();
    for (counter, message) in (0u8..).zip(&messages) {
        let sealed = story.viewer.live().unwrap().seal(message);
        lives.push(live(&live_a, Side::Viewer, counter, message, &sealed));
    }
    let ready = Live::Ready { units: vec![story.unit] };
    let sealed = story.device.live().unwrap().seal(&ready);
    lives.push(live(&live_b, Side::Device, 0, &ready, &sealed));

    Sheet::about("What follows the pairing of pairing.json: a grant of one record, its unit, and the live channel.")
        .bytes("transcript", keys.transcript.0)
        .bytes("session", session.0)
        .bytes("psk", psk)
        .bytes("viewer_kem_seed", hand::drawn::<32>("viewer KEM seed"))
        .bytes("device_signing_key", story.account.device.public().signing.0)
        .bytes("grant_randomness", hand::drawn::<64>("grant"))
        .bytes("terms", grant.terms.as_slice())
        .bytes("grant_enc", grant.enc.as_slice())
        .bytes("grant_shared_secret", shared)
        .bytes("grant_key", schedule.key)
        .bytes("grant_nonce", schedule.base_nonce)
        .bytes("grant_body", &body)
        .bytes("grant_sealed", grant.sealed.as_slice())
        .bytes("grant_signature", grant.signature.0)
        .bytes("grant", &story.grant.message)
        .bytes("grant_submission", encode(&story.grant.submission(mailbox())))
        .bytes("unit", story.unit.0)
        .bytes("unit_client_share", client)
        .bytes("unit_server_share", server)
        .bytes("unit_salt", salt)
        .bytes("unit_key", &unit_key[..32])
        .bytes("unit_commit", &unit_key[32..])
        .bytes("unit_aad", aad.0)
        .bytes("unit_envelope", &envelope)
        .bytes("unit_content", b"Dear reader")
        .bytes("unit_chunk", &chunk)
        .bytes("live_key_viewer", live_a)
        .bytes("live_key_device", live_b)
        .list("live", lives)
}

/// A server's receipts, linked.
pub(crate) fn linked(story: &Story, events: &[Event]) -> Vec<Vec<u8>> {
    let mut previous = Hash::ZERO;
    let mut receipts = Vec::new();
    for (seq, event) in (0u64..).zip(events) {
        let receipt = encode(&Receipt {
            suite: SUITE,
            session: story.viewer.session(),
            seq,
            previous,
            at: ISSUED.plus(seq * 1_000),
            event: event.clone(),
        });
        previous = preimage::receipt_hash(&receipt);
        receipts.push(receipt);
    }
    receipts
}

/// The events of a session with one opening, its end and its countersignature; and the signed request.
pub(crate) fn events(story: &mut Story) -> (Vec<Event>, Signed) {
    let submission = story.grant.submission(mailbox());
    let mut events = vec![Event::Granted {
        terms: submission.terms,
        transcript: submission.transcript,
        kem: submission.kem,
        sealed: submission.sealed,
        signature: submission.signature,
    }];
    let request = story.viewer.request(&story.unit).unwrap();
    events.push(Event::Opened { request: request.statement.clone(), signature: request.signature });
    let (envelope, _) = unit(story);
    let answer = Opened {
        envelope: Bytes(envelope),
        share: Hash(hand::drawn("server share of the unit")),
        receipts: linked(story, &events).into_iter().map(Bytes).collect(),
    };
    story.viewer.opened(&request, &encode(&answer)).unwrap();
    let end = story.viewer.end(ISSUED.plus(60_000));
    events.push(Event::Ended { code: ErrorCode::SessionEnded, statement: end.statement, signature: end.signature });
    let receipts = linked(story, &events);
    let deleted = destroyed(story, preimage::receipt_hash(receipts.last().unwrap()), 3);
    events.push(deleted);
    let receipts = linked(story, &events);
    let head = preimage::receipt_hash(receipts.last().unwrap());
    let word = story.device.countersign(story.account.device.signing(), head, 3);
    events.push(Event::Countersigned { head, signature: word.signature });
    (events, request)
}

/// What a server signs for the one unit of the story, under the receipt `head`, in the receipt numbered `seq`.
fn destroyed(story: &Story, head: Hash, seq: u64) -> Event {
    let session = story.viewer.session();
    let at = ISSUED.plus(seq * 1_000);
    let word = Destroyed { suite: SUITE, server: server_key().signing().public(), session, head, at, units: 1 };
    let signed = server_key().signing().sign_statement(StatementKind::Destroyed, &word);
    Event::Deleted { statement: signed.statement, signature: signed.signature }
}

pub(crate) fn receipts() -> Sheet {
    let mut story = story();
    let (events, request) = events(&mut story);
    let receipts = linked(&story, &events);
    let as_bytes: Vec<Bytes> = receipts.iter().cloned().map(Bytes).collect();
    let key = story.account.device.public().signing;
    let audit =
        audit(story.viewer.session(), &key, &|_| None, Some(&server_key().signing().public()), &as_bytes).unwrap();
    assert!(audit.ended && audit.deleted.is_some());
    let names = ["granted", "opened", "ended", "deleted", "countersigned"];
    let entry = |(name, receipt): (&&str, &Vec<u8>)| {
        Sheet::default().text("event", name).bytes("receipt", receipt).bytes("hash", preimage::receipt_hash(receipt).0)
    };
    Sheet::about("The audit trail of the session of session.json: one opening, the viewer's end, deletion, and the device's countersignature.")
        .bytes("session", story.viewer.session().0)
        .bytes("device_signing_key", key.0)
        .bytes("server_signing_key", server_key().signing().public().0)
        .bytes("viewer_signing_key", story.grant.terms.viewer.0)
        .bytes("open_request", encode(&request))
        .number("openings", audit.openings)
        .list("receipts", names.iter().zip(&receipts).map(entry).collect())
}
