//! Trails that somebody edited: the server above all, which writes them and can link them anew (attack 65).

use glimpse_wire::account::Head;
use glimpse_wire::session::Opened;
use glimpse_wire::{ErrorCode, MailboxId, Salt, UnixMillis};

use super::*;
use crate::account::NewAccount;
use crate::keys::Signing;
use crate::pairing::tests::{NOW, confirmed};
use crate::secret::ServerShare;
use crate::session::device::{Change, Decision};
use crate::session::tests::{meta, version};
use crate::session::{DeviceSession, LentUnit, SealedGrant, ViewerSession};
use crate::testing::rng;

mod destroyed;
mod refused;

fn granted(grant: &SealedGrant) -> Event {
    let submission = grant.submission(MailboxId([5; 16]));
    Event::Granted {
        terms: submission.terms,
        transcript: submission.transcript,
        kem: submission.kem,
        sealed: submission.sealed,
        signature: submission.signature,
    }
}

fn opened(signed: Signed) -> Event {
    Event::Opened { request: signed.statement, signature: signed.signature }
}

/// Links events as a server does.
fn link(session: SessionId, events: &[Event]) -> Vec<Bytes> {
    let mut previous = Hash::ZERO;
    let mut receipts = Vec::new();
    for (seq, event) in (0u64..).zip(events) {
        let receipt = Receipt { suite: SUITE, session, seq, previous, at: UnixMillis(seq), event: event.clone() };
        let bytes = encode(&receipt);
        previous = preimage::receipt_hash(&bytes);
        receipts.push(Bytes(bytes));
    }
    receipts
}

/// A server's key.
fn server() -> Signing {
    Signing::generate(&mut rng(77))
}

/// What a server says of itself after these events, as it should; then as `edit` has it.
fn destroyed(session: SessionId, events: &[Event], units: u64, edit: impl FnOnce(&mut Destroyed)) -> Event {
    let head = link(session, events).last().map_or(Hash::ZERO, |last| preimage::receipt_hash(last.as_slice()));
    let at = UnixMillis(u64::try_from(events.len()).unwrap());
    let mut word = Destroyed { suite: SUITE, server: server().public(), session, head, at, units };
    edit(&mut word);
    let signature = server().sign(&Signed::preimage(StatementKind::Destroyed, &word));
    Event::Deleted { statement: Bytes(encode(&word)), signature }
}

/// A session of three openings, an extension between them, an end and its countersignature.
struct Story {
    account: NewAccount,
    session: SessionId,
    device: DeviceSession,
    viewer: ViewerSession,
    events: Vec<Event>,
}

const OPENINGS: [usize; 3] = [1, 2, 4];

fn story() -> Story {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer) = confirmed(&account, 2);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = LentUnit::of(&record, &mut rng(3)).unwrap();
    let id = unit.id();
    let words = device.words();
    let decision = Decision::view(vec![unit], UnixMillis(1), 600_000);
    let (mut device, grant) = device.approve(words, decision, NOW).unwrap().seal(&account.device, &mut rng(4)).unwrap();
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let session = viewer.session();
    let mut events = vec![granted(&grant)];
    // What the viewer holds of the trail follows its openings.
    let share = Hash([8; 32]);
    let sealer = device.seal_unit(&id, Salt([6; 32]), &ServerShare::from_wire(&share)).unwrap();
    let envelope = Bytes(encode(sealer.envelope()));
    let ask = |events: &mut Vec<Event>, viewer: &mut ViewerSession| {
        let request = viewer.request(&id).unwrap();
        events.push(opened(request.clone()));
        let held = usize::try_from(viewer.receipts().len()).unwrap();
        let receipts = link(session, events).split_off(held);
        let answer = encode(&Opened { envelope: envelope.clone(), share, receipts });
        viewer.opened(&request, &answer).unwrap();
    };
    ask(&mut events, &mut viewer);
    ask(&mut events, &mut viewer);
    let change = Change { budget: Some(5), ..Change::default() };
    let more = device.amend(change, UnixMillis(2), &account.device, &mut rng(5)).unwrap();
    events.push(granted(&more));
    ask(&mut events, &mut viewer);
    let end = viewer.end(UnixMillis(9));
    events.push(Event::Ended { code: ErrorCode::SessionEnded, statement: end.statement, signature: end.signature });
    events.push(destroyed(session, &events, 1, |_| {}));
    let head = preimage::receipt_hash(link(session, &events).last().unwrap().as_slice());
    let last = u64::try_from(events.len()).unwrap() - 1;
    let word = device.countersign(account.device.signing(), head, last);
    events.push(Event::Countersigned { head, signature: word.signature });
    Story { account, session, device, viewer, events }
}

impl Story {
    fn audit(&self, receipts: &[Bytes]) -> Result<Audit, BrokenTrail> {
        audit(self.session, &self.account.device.signing().public(), &|_| None, None, receipts)
    }

    fn relinked(&self, edit: impl FnOnce(&mut Vec<Event>)) -> Result<Audit, BrokenTrail> {
        let mut events = self.events.clone();
        edit(&mut events);
        self.audit(&link(self.session, &events))
    }

    fn holds(&self) -> Audit {
        self.audit(&link(self.session, &self.events)).unwrap()
    }
}

#[test]
fn a_whole_trail_holds() {
    let story = story();
    let deleted = Some(server().public());
    let expected = Audit { openings: 3, refusals: 0, ended: true, deleted, stopped_by: None, withheld: 0 };
    assert_eq!(story.holds(), expected);
    assert_eq!(story.viewer.receipts().len(), 5, "the viewer holds all up to its last opening");
    assert_eq!(story.device.session(), story.session);
}

#[test]
fn t065_an_edited_trail_does_not_hold() {
    let story = story();
    let receipts = link(story.session, &story.events);
    for index in 0..receipts.len() {
        // Any byte of any receipt but the time, which only the next link fixes; the last one's is nobody's word.
        let length = receipts[index].as_slice().len();
        for place in (0..length).step_by(7) {
            let mut edited = receipts.clone();
            edited[index].0[place] ^= 1;
            assert!(story.audit(&edited).is_err() || index + 1 == receipts.len(), "receipt {index} byte {place}");
        }
        let mut without = receipts.clone();
        without.remove(index);
        assert!(story.audit(&without).is_err() || index + 1 == receipts.len(), "without receipt {index}");
        let mut doubled = receipts.clone();
        doubled.insert(index, receipts[index].clone());
        assert!(story.audit(&doubled).is_err(), "receipt {index} twice");
    }
    assert!(story.audit(&receipts).is_ok(), "control");
}

#[test]
fn t065_a_trail_that_was_linked_anew_does_not_hold_either() {
    let story = story();
    // Leaving out an opening: the viewer's next statement names a receipt that is not there.
    for opening in &OPENINGS[..2] {
        let broken = story.relinked(|events| drop(events.remove(*opening)));
        assert!(broken.is_err(), "without event {opening}");
    }
    type Edit = (&'static str, fn(&mut Vec<Event>));
    let edits: [Edit; 10] = [
        ("an opening twice", |events| events.insert(2, events[1].clone())),
        ("openings swapped", |events| events.swap(1, 2)),
        ("Terms left out", |events| drop(events.remove(3))),
        ("Terms twice", |events| events.insert(4, events[3].clone())),
        ("Terms swapped", |events| events.swap(0, 3)),
        ("an opening after the end", |events| {
            let opening = events.remove(4);
            events.insert(5, opening);
        }),
        ("an opening before the grant", |events| events.swap(0, 1)),
        ("an opening without its signature", |events| {
            if let Event::Opened { signature, .. } = &mut events[2] {
                signature.0[0] ^= 1;
            }
        }),
        ("an end that somebody else signed", |events| {
            if let Event::Ended { signature, .. } = &mut events[5] {
                signature.0[0] ^= 1;
            }
        }),
        ("a countersignature of another head", |events| {
            if let Event::Countersigned { head, .. } = &mut events[7] {
                head.0[0] ^= 1;
            }
        }),
    ];
    for (name, edit) in edits {
        assert!(story.relinked(edit).is_err(), "{name}");
    }
    assert!(story.relinked(|_events| {}).is_ok(), "control: linked anew as it was, it holds");
    // What a trail by itself cannot show is that its end was cut off: the heads that device and viewer hold are for that.
    assert_eq!(story.relinked(|events| events.truncate(2)).unwrap().openings, 1);
    assert_ne!(
        story.viewer.receipts().head(),
        preimage::receipt_hash(link(story.session, &story.events[..2])[1].as_slice())
    );
}

#[test]
fn t065_a_trail_of_another_session_or_device_does_not_hold() {
    let story = story();
    let receipts = link(story.session, &story.events);
    let key = story.account.device.signing().public();
    assert!(audit(SessionId([9; 16]), &key, &|_| None, None, &receipts).is_err());
    assert!(audit(story.session, &Signing::generate(&mut rng(8)).public(), &|_| None, None, &receipts).is_err());
    let elsewhere = link(SessionId([9; 16]), &story.events);
    assert!(audit(SessionId([9; 16]), &key, &|_| None, None, &elsewhere).is_err(), "linked anew under another session");
    assert!(audit(story.session, &key, &|_| None, None, &receipts).is_ok(), "control");
}

/// Whoever signs, and what: to break one rule of an audit at a time, with everything else in order.
struct Signers {
    device: Signing,
    viewer: Signing,
    other: Signing,
    terms: Terms,
}

const SESSION: SessionId = SessionId([1; 16]);
const UNIT: UnitId = UnitId([4; 16]);
const ACCOUNT: AccountId = AccountId([1; 32]);
const OTHER: DeviceId = DeviceId([5; 32]);

impl Signers {
    fn new() -> Self {
        let story = story();
        let viewer = Signing::generate(&mut rng(6));
        let mut terms = story.device.terms().clone();
        (terms.session, terms.account, terms.viewer) = (SESSION, ACCOUNT, viewer.public());
        terms.head = Head { seq: 1, hash: Hash([7; 32]) };
        terms.units = vec![TermsUnit::Sealed { unit: UNIT }];
        Self { device: Signing::generate(&mut rng(7)), viewer, other: Signing::generate(&mut rng(8)), terms }
    }

    fn granted(&self, seq: u32, viewer: SigningKeyBytes) -> Event {
        self.granted_by(|terms| (terms.seq, terms.viewer) = (seq, viewer))
    }

    fn granted_by(&self, edit: impl FnOnce(&mut Terms)) -> Event {
        let mut terms = self.terms.clone();
        edit(&mut terms);
        let terms = encode(&terms);
        let (transcript, kem, sealed) = (Hash([1; 32]), Hash([2; 32]), Hash([3; 32]));
        let signature = self.device.sign(&preimage::grant_signature(&transcript, &kem, &terms, &sealed));
        Event::Granted { terms: Bytes(terms), transcript, kem, sealed, signature }
    }

    fn opened(&self, counter: u64, session: SessionId, last_receipt: Hash) -> Event {
        self.opened_by(|request| {
            (request.counter, request.session, request.last_receipt) = (counter, session, last_receipt);
        })
    }

    /// An opening by the counter 1, before the viewer holds any receipt, unless `edit` says otherwise.
    fn opened_by(&self, edit: impl FnOnce(&mut OpenRequest)) -> Event {
        let (session, last_receipt) = (SESSION, Hash::ZERO);
        let mut request = OpenRequest { suite: SUITE, session, unit: UNIT, from: 0, to: 1, counter: 1, last_receipt };
        edit(&mut request);
        opened(self.viewer.sign_statement(StatementKind::Open, &request))
    }

    fn ended(&self, side: Side, session: SessionId, last_receipt: Hash) -> Event {
        self.ended_by(End { suite: SUITE, session, side, last_receipt, at: UnixMillis(9) })
    }

    fn ended_by(&self, end: End) -> Event {
        let side = end.side;
        let signing = if side == Side::Device { &self.device } else { &self.viewer };
        let signed = signing.sign_statement(StatementKind::End, &end);
        Event::Ended { code: ErrorCode::SessionEnded, statement: signed.statement, signature: signed.signature }
    }

    fn countersigned(&self, head: Hash, seq: u64) -> Event {
        let statement = Countersignature { suite: SUITE, session: SESSION, head, seq };
        let signed = self.device.sign_statement(StatementKind::Countersign, &statement);
        Event::Countersigned { head, signature: signed.signature }
    }

    fn holds(&self, events: &[Event]) -> bool {
        audit(SESSION, &self.device.public(), &|stop| self.other(stop), None, &link(SESSION, events)).is_ok()
    }

    /// The account has one more device.
    fn other(&self, stop: &Stop) -> Option<SigningKeyBytes> {
        (stop.device == OTHER).then(|| self.other.public())
    }

    fn stopped(&self, by: &Signing, edit: fn(&mut Stop)) -> Event {
        let (head, at) = (Head { seq: 1, hash: Hash([7; 32]) }, UnixMillis(9));
        let mut stop = Stop { suite: SUITE, session: SESSION, account: ACCOUNT, device: OTHER, at, head };
        edit(&mut stop);
        let signed = by.sign_statement(StatementKind::Stop, &stop);
        Event::Ended { code: ErrorCode::SessionEnded, statement: signed.statement, signature: signed.signature }
    }
}

/// The hash of the last receipt of `events`.
fn head(events: &[Event]) -> Hash {
    link(SESSION, events).last().map_or(Hash::ZERO, |receipt| preimage::receipt_hash(receipt.as_slice()))
}

/// An end by another device of the account is that device's word, about this session of this account.
#[test]
fn t065_an_end_by_another_device_is_its_own_word() {
    let by = Signers::new();
    let begun = [by.granted(1, by.viewer.public()), by.opened(1, SESSION, Hash::ZERO)];
    let then = |event: Event| [begun.as_slice(), &[event]].concat();
    let stopped = then(by.stopped(&by.other, |_| {}));
    assert!(by.holds(&stopped), "control");
    let audited = audit(SESSION, &by.device.public(), &|stop| by.other(stop), None, &link(SESSION, &stopped)).unwrap();
    assert_eq!(audited.stopped_by, Some(OTHER));
    assert!(!by.holds(&[by.stopped(&by.other, |_| {})]), "of a session that never was granted");
    assert!(!by.holds(&[stopped.as_slice(), &[by.stopped(&by.other, |_| {})]].concat()), "twice");
    for signer in [&by.device, &by.viewer] {
        assert!(!by.holds(&then(by.stopped(signer, |_| {}))), "in another's name");
    }
    let edits: [fn(&mut Stop); 5] = [
        |stop| stop.suite = 2,
        |stop| stop.session = SessionId([2; 16]),
        |stop| stop.account = AccountId([2; 32]),
        |stop| stop.device = DeviceId([2; 32]),
        |stop| stop.head.seq = 0,
    ];
    for edit in edits {
        assert!(!by.holds(&then(by.stopped(&by.other, edit))));
    }
    // Whoever knows no other device takes nobody's word.
    assert!(audit(SESSION, &by.device.public(), &|_| None, None, &link(SESSION, &stopped)).is_err());
}

#[test]
fn t065_each_rule_of_an_audit_holds_by_itself() {
    let by = Signers::new();
    let viewer = by.viewer.public();
    let granted = by.granted(1, viewer);
    let first = by.opened(1, SESSION, Hash::ZERO);
    let begun = [granted.clone(), first.clone()];
    let then = |event: Event| [begun.as_slice(), &[event]].concat();
    let whole = then(by.opened(2, SESSION, head(&begun)));
    assert!(by.holds(&whole), "control");

    // An opening left out, and everything linked anew: the next one names a receipt that is not there.
    assert!(!by.holds(&[granted.clone(), whole[2].clone()]));
    assert!(by.holds(&[granted.clone(), by.opened(2, SESSION, Hash::ZERO)]), "control: it is the name that tells");
    // One opening twice, or an earlier number after a later one.
    assert!(!by.holds(&then(first.clone())));
    assert!(!by.holds(&[granted.clone(), by.opened(2, SESSION, Hash::ZERO), first.clone()]));
    // A request for another session under the same key.
    assert!(!by.holds(&[granted.clone(), by.opened(1, SessionId([2; 16]), Hash::ZERO)]));
    // Terms twice, skipped, or for another browser.
    assert!(!by.holds(&[granted.clone(), granted.clone()]));
    assert!(!by.holds(&[granted.clone(), by.granted(3, viewer)]));
    assert!(!by.holds(&[granted.clone(), by.granted(2, by.device.public())]));
    assert!(by.holds(&[granted.clone(), by.granted(2, viewer)]), "control");
    // An end of another session, or on top of a receipt that is not there; and what comes after the end.
    for side in [Side::Viewer, Side::Device] {
        assert!(by.holds(&then(by.ended(side, SESSION, head(&begun)))), "control");
        assert!(!by.holds(&then(by.ended(side, SessionId([2; 16]), head(&begun)))));
        assert!(!by.holds(&then(by.ended(side, SESSION, Hash([9; 32])))));
    }
    let ended = then(by.ended(Side::Viewer, SESSION, Hash::ZERO));
    for late in [by.opened(2, SESSION, Hash::ZERO), by.granted(2, viewer)] {
        assert!(by.holds(&then(late.clone())), "control");
        assert!(!by.holds(&[ended.as_slice(), &[late]].concat()));
    }
    // A countersignature of another receipt than the one before it; of the end it is none.
    assert!(by.holds(&[ended.as_slice(), &[by.countersigned(head(&ended), 2)]].concat()), "control");
    assert!(by.holds(&then(by.countersigned(head(&begun), 1))), "control");
    assert!(!by.holds(&then(by.countersigned(head(&begun[..1]), 1))));
    assert!(!by.holds(&then(by.countersigned(head(&begun), 0))));
}

#[test]
fn t065_an_opening_that_the_terms_do_not_allow_does_not_hold() {
    let by = Signers::new();
    let viewer = by.viewer.public();
    let first = by.opened(1, SESSION, Hash::ZERO);
    let second = by.opened(2, SESSION, Hash::ZERO);
    let budget = |budget| by.granted_by(|terms| (terms.seq, terms.budget) = (1, budget));
    assert!(by.holds(&[budget(2), first.clone(), second.clone()]), "control");
    assert!(!by.holds(&[budget(1), first.clone(), second.clone()]), "one more than was agreed");
    let more = by.granted_by(|terms| (terms.seq, terms.budget) = (2, 2));
    assert!(by.holds(&[budget(1), first.clone(), more.clone(), second.clone()]), "newer Terms allow it");
    assert!(!by.holds(&[budget(1), first.clone(), second, more]), "but not before they came");

    // A unit that no Terms list, or that only later ones do.
    let other = UnitId([5; 16]);
    let of_other = by.opened_by(|request| request.unit = other);
    let adds = by.granted_by(|terms| (terms.seq, terms.units) = (2, vec![TermsUnit::Sealed { unit: other }]));
    let granted = by.granted(1, viewer);
    assert!(by.holds(&[granted.clone(), adds.clone(), of_other.clone()]), "control");
    assert!(!by.holds(&[granted.clone(), of_other.clone()]));
    assert!(!by.holds(&[granted.clone(), of_other, adds.clone()]));
    assert!(by.holds(&[granted, adds, first.clone()]), "what earlier Terms list stays lent");

    // At the end that the newest Terms set, and before it: the receipt of an opening has the number, and the time, 1.
    let until = |expires| by.granted_by(|terms| (terms.seq, terms.expires) = (1, UnixMillis(expires)));
    assert!(by.holds(&[until(2), first.clone()]), "control");
    assert!(!by.holds(&[until(1), first.clone()]));
    let longer = by.granted_by(|terms| terms.seq = 2);
    assert!(by.holds(&[until(1), longer, first]), "newer Terms last longer");
}

#[test]
fn t065_what_is_of_another_suite_or_out_of_order_does_not_hold() {
    let by = Signers::new();
    let granted = by.granted(1, by.viewer.public());
    let deleted = |events: &[Event]| [events, &[destroyed(SESSION, events, 1, |_| {})]].concat();
    let end = End { suite: SUITE, session: SESSION, side: Side::Viewer, last_receipt: Hash::ZERO, at: UnixMillis(9) };
    let ended = by.ended_by(end);
    let by_server = Event::Ended {
        code: ErrorCode::SessionExpired,
        statement: Bytes(Vec::new()),
        signature: SignatureBytes([0; 64]),
    };
    assert!(by.holds(&deleted(&[granted.clone(), by.opened_by(|_| {}), ended.clone()])), "control");
    assert!(by.holds(&deleted(&[granted.clone(), by_server.clone()])), "control");
    assert!(!by.holds(&[by.granted_by(|terms| (terms.seq, terms.suite) = (1, 2))]));
    assert!(!by.holds(&[granted.clone(), by.opened_by(|request| request.suite = 2)]));
    assert!(!by.holds(&[granted.clone(), by.ended_by(End { suite: 2, ..end })]));
    // Nothing before a grant: a server cannot give an end in the place of a session.
    assert!(!by.holds(&deleted(std::slice::from_ref(&by_server))));
    assert!(!by.holds(&deleted(std::slice::from_ref(&granted))), "deleted before the end");
    for again in [ended.clone(), by_server] {
        assert!(!by.holds(&[granted.clone(), ended.clone(), again]), "a second end");
    }
    assert!(!by.holds(&deleted(&deleted(&[granted, ended]))));
}

#[test]
fn a_trail_that_was_cut_off_holds_and_says_that_no_end_is_in_it() {
    let story = story();
    let receipts = link(story.session, &story.events);
    let ended = |length: usize| story.audit(&receipts[..length]).unwrap().ended;
    assert!(!ended(5), "the session's end was cut off");
    assert!(ended(6), "control");
}
