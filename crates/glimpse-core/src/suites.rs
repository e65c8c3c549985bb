//! The suite's byte, in everything that core reads: another value is refused, whoever signed or sealed it (attack 12).
//! What the server reads is in its own tests; Terms, which the device of a session seals, are in `session/device/tests.rs`.

use glimpse_wire::account::{Link, SignedLink};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::pairing::{Offer, Purpose, Terms};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::Envelope;
use glimpse_wire::session::{Countersignature, End, Event, OpenRequest, Opened, Receipt, UnitEnvelope};
use glimpse_wire::{ErrorCode, Hash, MailboxId, Malformed, SUITE, Salt, UnixMillis, decode, encode, preimage};

use crate::OpenError;
use crate::account::NewAccount;
use crate::code::PairingCode;
use crate::keys::Signing;
use crate::pairing::tests::{MAILBOX, NOW, claims, confirmed, ends};
use crate::pairing::viewer::ExpectOffer;
use crate::receipts::{BrokenTrail, audit};
use crate::record::{Author, Draft, OpenedVersion, Place};
use crate::secret::ServerShare;
use crate::session::tests::{meta, recipient, version};
use crate::session::{Decision, LentUnit};
use crate::testing::rng;

const SHARE: Hash = Hash([8; 32]);
const ISSUED: UnixMillis = UnixMillis(1_700_000_000_000);

fn account() -> NewAccount {
    NewAccount::generate(&mut rng(1)).unwrap()
}

/// What a viewer makes of an Offer.
fn offer(suite: u8) -> Result<(), ErrorCode> {
    let (opened, _) = ends(&account(), 61);
    let typed = PairingCode::parse(&opened.code.to_groups(), Purpose::View).unwrap();
    let altered = encode(&Offer { suite, ..decode(&opened.offer, 1 << 16).unwrap() });
    ExpectOffer::new(typed, Purpose::View).receive(MAILBOX, &altered, claims(), &mut rng(3)).map(|_sent| ())
}

/// What anybody makes of a genesis link that its device signed.
fn genesis(suite: u8) -> Result<(), ChainError> {
    let account = account();
    let link = encode(&Link { suite, ..decode(account.link.link.as_slice(), 1 << 16).unwrap() });
    let signature = account.device.signing().sign(&preimage::link_signature(&link));
    Chain::begin(&SignedLink { link: Bytes(link), signature }).map(|_chain| ())
}

/// A record version that its author sealed and signed under a suite.
fn sealed(suite: u8) -> Envelope {
    let (account, rng) = (account(), &mut rng(3));
    let (recipient, author) = (recipient(&account), Author::Device(&account.device));
    let mut draft = Draft::new(&recipient, Place::new_record(rng), author, UnixMillis(5), 0, rng).unwrap();
    draft.set_suite(suite);
    let sealer = draft.seal(meta("Letter"), 1, &ServerShare::from_wire(&SHARE), &recipient, rng).unwrap();
    sealer.finish(author, &mut |_chunk| {}).unwrap()
}

fn header(suite: u8) -> Result<(), Malformed> {
    Envelope::parse(&sealed(suite).to_bytes()).map(|_envelope| ())
}

/// The same past the parser.
fn header_opened(suite: u8) -> Result<(), OpenError> {
    let account = account();
    let key = account.seed.account_key();
    OpenedVersion::open(sealed(suite), &account.chain.account(), &key, &[account.device.public()]).map(|_opened| ())
}

/// Suites of what an opening and its trail consist of.
#[derive(Clone, Copy)]
struct Suites {
    terms: u8,
    envelope: u8,
    request: u8,
    receipt: u8,
    end: u8,
    countersignature: u8,
}

const RIGHT: Suites =
    Suites { terms: SUITE, envelope: SUITE, request: SUITE, receipt: SUITE, end: SUITE, countersignature: SUITE };

fn resigned<T>(by: &Signing, kind: StatementKind, statement: &T) -> (Bytes, glimpse_wire::ids::SignatureBytes)
where
    T: minicbor::Encode<()>,
{
    let signed = by.sign_statement(kind, statement);
    (signed.statement, signed.signature)
}

/// What the viewer makes of an answer to its opening, and an auditor of a trail: every statement in both is signed by
/// whoever must sign it, whatever its suite.
fn opening(suites: Suites) -> (Result<(), ErrorCode>, Result<(), BrokenTrail>) {
    let account = account();
    let (device, viewer) = confirmed(&account, 20);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = LentUnit::of(&record, &mut rng(4)).unwrap();
    let id = unit.id();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], ISSUED, 600_000), NOW).unwrap();
    let (device, grant) = approved.seal(&account.device, &mut rng(5)).unwrap();
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let session = viewer.session();
    let mut sealer = device.seal_unit(&id, Salt([7; 32]), &ServerShare::from_wire(&SHARE)).unwrap();
    let envelope = UnitEnvelope { suite: suites.envelope, ..*sealer.envelope() };
    sealer.push(b"Dear reader", &mut |_chunk| {}).unwrap();
    let request = viewer.request(&id).unwrap();
    let at = UnixMillis(1);
    let receipt = |suite, seq, previous, event| encode(&Receipt { suite, session, seq, previous, at, event });
    let opened = Event::Opened { request: request.statement.clone(), signature: request.signature };
    let only = receipt(suites.receipt, 0, Hash::ZERO, opened);
    let answer = Opened { envelope: Bytes(encode(&envelope)), share: SHARE, receipts: vec![Bytes(only)] };
    let taken = viewer.opened(&request, &encode(&answer)).map(|_opener| ());

    // The trail: granted, opened, ended, countersigned.
    let (by_device, by_viewer) = (account.device.signing(), Signing::generate(&mut rng(6)));
    let submission = grant.submission(MailboxId([5; 16]));
    let mut terms: Terms = decode(submission.terms.as_slice(), 1 << 16).unwrap();
    (terms.suite, terms.viewer) = (suites.terms, by_viewer.public());
    let terms = encode(&terms);
    let signed = preimage::grant_signature(&submission.transcript, &submission.kem, &terms, &submission.sealed);
    let (transcript, kem, sealed) = (submission.transcript, submission.kem, submission.sealed);
    let granted = Event::Granted { terms: Bytes(terms), transcript, kem, sealed, signature: by_device.sign(&signed) };
    let asked = OpenRequest { suite: suites.request, ..request.peek().unwrap() };
    let (request, signature) = resigned(&by_viewer, StatementKind::Open, &asked);
    let opened = Event::Opened { request, signature };
    let end: End = device.end(by_device, Hash::ZERO, at).peek().unwrap();
    let (statement, signature) = resigned(by_device, StatementKind::End, &End { suite: suites.end, ..end });
    let ended = Event::Ended { code: ErrorCode::SessionEnded, statement, signature };
    let mut trail = Vec::new();
    let mut head = Hash::ZERO;
    for (seq, event) in (0..).zip([granted, opened, ended]) {
        let bytes = receipt(suites.receipt, seq, head, event);
        head = preimage::receipt_hash(&bytes);
        trail.push(Bytes(bytes));
    }
    let word = Countersignature { suite: suites.countersignature, session, head, seq: 2 };
    let (_, signature) = resigned(by_device, StatementKind::Countersign, &word);
    trail.push(Bytes(receipt(suites.receipt, 3, head, Event::Countersigned { head, signature })));
    (taken, audit(session, &by_device.public(), &|_| None, None, &trail).map(|_audit| ()))
}

#[test]
fn t012_no_suite_byte_can_be_changed() {
    assert_eq!(
        (offer(SUITE), genesis(SUITE), header(SUITE), header_opened(SUITE), opening(RIGHT)),
        (Ok(()), Ok(()), Ok(()), Ok(()), (Ok(()), Ok(()))),
        "control"
    );
    let tampered = Err(ErrorCode::RecordTampered);
    let broken = |seq| Err(BrokenTrail { seq });
    for suite in [0, 2, 255] {
        assert_eq!(offer(suite), Err(ErrorCode::UnsupportedSuite), "Offer {suite}");
        assert_eq!(genesis(suite), Err(ChainError::Malformed), "Genesis {suite}");
        assert_eq!(header(suite), Err(Malformed), "Header {suite}");
        assert_eq!(header_opened(suite), Err(OpenError), "Header {suite}, past the parser");
        assert_eq!(opening(Suites { envelope: suite, ..RIGHT }), (tampered, Ok(())), "UnitEnvelope {suite}");
        assert_eq!(opening(Suites { receipt: suite, ..RIGHT }), (tampered, broken(0)), "Receipt {suite}");
        assert_eq!(opening(Suites { terms: suite, ..RIGHT }), (Ok(()), broken(0)), "Terms {suite}");
        assert_eq!(opening(Suites { request: suite, ..RIGHT }), (Ok(()), broken(1)), "OpenRequest {suite}");
        assert_eq!(opening(Suites { end: suite, ..RIGHT }), (Ok(()), broken(2)), "End {suite}");
        let word = Suites { countersignature: suite, ..RIGHT };
        assert_eq!(opening(word), (Ok(()), broken(3)), "Countersignature {suite}");
    }
}
