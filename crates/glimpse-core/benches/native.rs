//! The figures behind `cargo xtask bench` that need this crate alone: sealing, opening, X-Wing, a whole handshake.
//! One JSON line a figure.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "it prints figures, and fails where it cannot")]

use std::hint::black_box;
use std::time::Instant;

use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::attempts::Attempts;
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::kem::{KemPublic, KemSecret};
use glimpse_core::keys::WriterKeys;
use glimpse_core::pairing::device::{self, Setup};
use glimpse_core::pairing::viewer::{Asking, Claims, ExpectOffer};
use glimpse_core::receipts::audit;
use glimpse_core::record::{Author, Draft, OpenedVersion, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_wire::account::{Head, Signed};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::pairing::{Purpose, Terms, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::{Envelope, Meta};
use glimpse_wire::session::{Destroyed, Event, OpenRequest, Receipt};
use glimpse_wire::{AccountId, ErrorCode, Hash, MailboxId, SUITE, SessionId, UnitId, UnixMillis, encode};
use rand_core::SeedableRng as _;

type Random = chacha20::ChaCha20Rng;

/// Plaintext that is sealed and opened, in bytes.
const CONTENT: usize = 64 * 1024 * 1024;
/// How the device takes it from a file.
const PIECE: usize = 64 * 1024;
const SHARE: Hash = Hash([3; 32]);
const NOW: Monotonic = Monotonic(1_000);

fn main() {
    let rng = &mut Random::seed_from_u64(1);
    let account = NewAccount::generate(rng).unwrap();
    content(&account, rng);
    kem(rng);
    handshake(&account, rng);
    trail(rng);
}

/// A trail of 1,000 openings, verified as an auditor does: links, places, and every signature.
fn trail(rng: &mut Random) {
    const OPENINGS: u64 = 1_000;
    let (device, viewer, server) = (WriterKeys::generate(rng), WriterKeys::generate(rng), WriterKeys::generate(rng));
    let (session, unit) = (SessionId([1; 16]), UnitId([2; 16]));
    let mut receipts: Vec<Bytes> = Vec::new();
    let mut head = Hash::ZERO;
    let mut write = |event: Event| {
        let (seq, at) = (u64::try_from(receipts.len()).unwrap(), UnixMillis(1));
        let receipt = encode(&Receipt { suite: SUITE, session, seq, previous: head, at, event });
        head = preimage::receipt_hash(&receipt);
        receipts.push(Bytes(receipt));
        head
    };
    // A grant is signed by core alone: an auditor of the openings begins with the one that a device made.
    let terms = encode(&Terms {
        suite: SUITE,
        session,
        account: AccountId([3; 32]),
        viewer: viewer.signing().public(),
        units: vec![TermsUnit::Sealed { unit }],
        rights: 1,
        budget: 2_000,
        rate: 2_000,
        issued: UnixMillis(0),
        expires: UnixMillis(600_000),
        head: Head { seq: 0, hash: Hash::ZERO },
        seq: 1,
        asked: Hash::ZERO,
        withheld: 0,
    });
    let signed = preimage::grant_signature(&Hash([5; 32]), &Hash([6; 32]), &terms, &Hash([7; 32]));
    let key = ed25519_dalek::SigningKey::from_bytes(device.to_bytes().as_slice().try_into().unwrap());
    let signature = SignatureBytes(ed25519_dalek::Signer::sign(&key, &signed).to_bytes());
    let (transcript, kem, sealed) = (Hash([5; 32]), Hash([6; 32]), Hash([7; 32]));
    let mut last_receipt = write(Event::Granted { terms: Bytes(terms), transcript, kem, sealed, signature });
    for counter in 1..=OPENINGS {
        let request = OpenRequest { suite: SUITE, session, unit, from: 0, to: 1, counter, last_receipt };
        let Signed { statement, signature } = viewer.signing().sign_statement(StatementKind::Open, &request);
        last_receipt = write(Event::Opened { request: statement, signature });
    }
    let (code, statement, signature) = (ErrorCode::SessionExpired, Bytes(Vec::new()), SignatureBytes([0; 64]));
    let head = write(Event::Ended { code, statement, signature });
    let server_key = server.signing().public();
    let word = Destroyed { suite: SUITE, server: server_key, session, head, at: UnixMillis(1), units: 1 };
    let Signed { statement, signature } = server.signing().sign_statement(StatementKind::Destroyed, &word);
    write(Event::Deleted { statement, signature });
    let verified =
        |receipts: &[Bytes]| audit(session, &device.signing().public(), &|_| None, Some(&server_key), receipts);
    // What is measured is what finds one altered signature among all of them.
    let mut altered = receipts.clone();
    let last = altered.iter_mut().rev().nth(2).and_then(|receipt| receipt.0.last_mut()).unwrap();
    *last ^= 1;
    assert!(verified(&altered).is_err());
    let samples = 5;
    let seconds = median(samples, || {
        let audited = black_box(verified(&receipts).unwrap());
        assert!(audited.deleted.is_some() && audited.openings == OPENINGS);
    });
    tell("receipts_verified", f64::from(u32::try_from(receipts.len()).unwrap()) / seconds, "1/s", samples);
}

/// Runs `act` so many times; the median, in seconds.
fn median(samples: usize, mut act: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..samples)
        .map(|_| {
            let start = Instant::now();
            act();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(samples / 2).copied().unwrap()
}

fn tell(figure: &str, value: f64, unit: &str, samples: usize) {
    let value = (value * 100.0).round() / 100.0;
    let build = if cfg!(debug_assertions) { "dev" } else { "bench (release)" };
    println!(
        "{}",
        serde_json::json!({ "figure": figure, "value": value, "unit": unit, "samples": samples, "build": build })
    );
}

fn megabytes_per_second(seconds: f64) -> f64 {
    f64::from(u32::try_from(CONTENT).unwrap()) / 1e6 / seconds
}

/// A record of 64 MiB, as its author seals it and its reader opens it, Merkle tree and signature included.
fn content(account: &NewAccount, rng: &mut Random) {
    let recipient = Recipient {
        account: account.chain.account(),
        epoch: 1,
        key: KemPublic::parse(account.epoch.account_key.as_slice()).unwrap(),
        head: account.chain.head(),
    };
    let samples = 5;
    let piece = vec![7; PIECE];
    let mut seal = |keep: &mut Vec<Vec<u8>>| {
        let author = Author::Device(&account.device);
        let length = u64::try_from(CONTENT).unwrap();
        let place = Place::new_record(rng);
        let draft = Draft::new(&recipient, place, author, UnixMillis(5), length, rng).unwrap();
        let mut sealer = draft.seal(meta(), 1, &ServerShare::from_wire(&SHARE), &recipient, rng).unwrap();
        keep.clear();
        for _ in 0..CONTENT / PIECE {
            sealer.push(&piece, &mut |chunk| keep.push(chunk)).unwrap();
        }
        sealer.finish(author, &mut |chunk| keep.push(chunk)).unwrap()
    };
    let mut chunks = Vec::new();
    let mut sealed = None;
    let seconds = median(samples, || sealed = Some(seal(&mut chunks)));
    tell("sealing_natively", megabytes_per_second(seconds), "MB/s", samples);

    let envelope = sealed.unwrap().to_bytes();
    let mut times = Vec::new();
    for _ in 0..samples {
        // Opening is in place, so each round has a copy of its own, made before the clock starts.
        let round = chunks.clone();
        times.push(median(1, || {
            let envelope = Envelope::parse(&envelope).unwrap();
            let key = account.seed.account_key();
            let opened =
                OpenedVersion::open(envelope, &account.chain.account(), &key, &[account.device.public()]).unwrap();
            let mut opener = opened.open_content(&ServerShare::from_wire(&SHARE)).unwrap();
            let mut round = round.iter();
            while !opener.is_done() {
                black_box(opener.open(round.next().unwrap().clone()).unwrap());
            }
        }));
    }
    times.sort_by(f64::total_cmp);
    tell("opening_natively", megabytes_per_second(times.get(samples / 2).copied().unwrap()), "MB/s", samples);
}

fn meta() -> Meta {
    Meta {
        title: "Large".to_owned(),
        kind: "file".to_owned(),
        content_type: "application/octet-stream".to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: UnixMillis(5),
    }
}

/// One key wrapped, as once for each record.
fn kem(rng: &mut Random) {
    let samples = 200;
    let secret = KemSecret::generate(rng);
    let mut sealed = Vec::new();
    let seconds = median(samples, || sealed = secret.public().seal(b"info", b"aad", &[7; 32], rng).unwrap());
    tell("xwing_seal", seconds * 1e6, "µs", samples);
    let seconds = median(samples, || {
        black_box(secret.open(b"info", b"aad", &sealed).unwrap());
    });
    tell("xwing_open", seconds * 1e6, "µs", samples);
}

/// Both ends of a pairing, one after the other, from the code to both confirmations; Argon2 of both included.
fn handshake(account: &NewAccount, rng: &mut Random) {
    let samples = 11;
    let seconds = median(samples, || {
        let setup = Setup {
            purpose: Purpose::View,
            mailbox: MailboxId([5; 16]),
            nameplate: Nameplate::parse("417").unwrap(),
            server_nonce: Hash([9; 32]),
            expires: UnixMillis(1_700_000_120_000),
            deadline: NOW.plus(120_000),
            account: account.chain.account(),
            signing: account.device.signing().public(),
            kem: account.device.kem().public().to_wire(),
            head: account.chain.head(),
            epoch: 1,
            name: "Ada".to_owned(),
        };
        let mailbox = setup.mailbox;
        let opened = device::open(setup, rng).unwrap();
        let typed = PairingCode::parse(&opened.code.to_groups(), Purpose::View).unwrap();
        let counted = Attempts::default().begin(UnixMillis(0));
        let viewer = ExpectOffer::new(typed, Purpose::View);
        let (viewer, hello) = viewer.receive(mailbox, &opened.offer, Claims::default(), rng).unwrap();
        let (device, answer) = opened.state.receive(&hello, NOW, counted, rng).unwrap();
        let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
        let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
        let viewer = viewer.receive(&confirm_b).unwrap();
        assert_eq!(device.words(), viewer.words());
    });
    tell("handshake_both_ends", seconds * 1e3, "ms", samples);
}
