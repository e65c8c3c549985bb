//! A line of an organisation's log: whatever somebody changes in it, the first that does not hold is named.

mod world;

use glimpse_device::ledger::{Fault, Line, Log};
use glimpse_device::sessions::first_terms;
use glimpse_wire::account::Signed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::organisation::{Asked, Note, Outcome};
use glimpse_wire::pairing::Terms;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Event, OpenRequest};
use glimpse_wire::{Hash, SUITE, UnixMillis, decode, encode};

use world::*;

/// What does not hold of a line with this change.
fn edited(line: &Line, edit: &dyn Fn(&mut Line)) -> Option<Fault> {
    let mut line = line.clone();
    edit(&mut line);
    line.check(None).err()
}

#[test]
fn a_whole_line_proves_who_asked_what_was_opened_what_came_of_it_and_that_it_was_destroyed() {
    let world = World::new();
    let proved = world.whole().check(Some(&world.organisation.key())).unwrap();
    assert_eq!((proved.audit.openings, proved.audit.ended), (1, true));
    assert_eq!(proved.audit.deleted, Some(world.server.key()));
    let request = proved.request.unwrap();
    assert_eq!((request.case.as_str(), request.words.join(" ").as_str()), ("4711", "apple river"));
    assert_eq!(proved.outcome.unwrap().text, "settled at once");
    let text = serde_json::to_string(&world.whole()).unwrap();
    assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), world.whole());
}

#[test]
fn t065_the_first_link_that_does_not_hold_is_named() {
    let world = World::new();
    let whole = world.whole();
    let broken = |edit: &dyn Fn(&mut Line)| edited(&whole, edit);
    assert_eq!(broken(&|_| {}), None, "control");
    let receipt = |seq| Some(Fault::Receipt { seq });
    // Cut: out of the middle, and at the end.
    assert_eq!(broken(&|line| drop(line.receipts.remove(1))), receipt(1));
    assert_eq!(broken(&|line| line.receipts.truncate(2)), Some(Fault::CutOff { seq: 2 }));
    let mut without = whole.clone();
    without.receipts.truncate(2);
    without.ended = None;
    assert!(
        !without.check(None).unwrap().audit.ended,
        "where the server says nothing of an end, that there is none is told"
    );
    let mut without = whole.clone();
    without.receipts.truncate(3);
    assert_eq!(without.check(None).unwrap().audit.deleted, None, "an end without the server's word is told apart");
    // Reordered, as they are and linked anew.
    assert_eq!(broken(&|line| line.receipts.swap(1, 2)), receipt(1));
    let mut swapped = world.events(world.chain.head());
    swapped.swap(1, 2);
    assert_eq!(world.line(&swapped).check(None).err(), receipt(1));
    // Edited: any receipt, at any place.
    for seq in 0..4u64 {
        let place = usize::try_from(seq).unwrap();
        let length = whole.receipts[place].as_slice().len();
        for at in (0..length).step_by(5) {
            let fault = broken(&|line| line.receipts[place].0[at] ^= 1).unwrap_or_else(|| panic!("{seq} {at}"));
            let named = match fault {
                Fault::Receipt { seq: named } => named == seq || named == seq + 1,
                Fault::NoGrant | Fault::OtherAccount | Fault::Lender => seq == 0,
                _ => false,
            };
            assert!(named, "receipt {seq}, byte {at}: {fault:?}");
        }
    }
    // A foreign signature: another browser opened, another server destroyed, another device countersigned.
    let foreign = |place: usize, edit: &dyn Fn(&World, &[Event]) -> Event| {
        let mut events = world.events(world.chain.head());
        let (before, _) = events.split_at(place);
        events[place] = edit(&world, before);
        events.truncate(place + 1);
        let ended = place > 1;
        Line { ended: ended.then(|| "session-ended".to_owned()), ..world.line(&events) }.check(None).err()
    };
    let opened = |by: &dyn Fn(&World) -> &Someone| {
        foreign(1, &|world, before| {
            let session = World::session();
            let last_receipt = head_of(before);
            let request = OpenRequest { suite: SUITE, session, unit: UNIT, from: 0, to: 1, counter: 1, last_receipt };
            let Signed { statement, signature } = by(world).state(StatementKind::Open, &request);
            Event::Opened { request: statement, signature }
        })
    };
    assert_eq!((opened(&|world| &world.browser), opened(&|world| &world.agent)), (None, receipt(1)));
    let destroyed = |by: &dyn Fn(&World) -> &Someone| foreign(3, &|world, before| world.destroyed(by(world), before));
    assert_eq!((destroyed(&|world| &world.server), destroyed(&|world| &world.phone)), (None, receipt(3)));
    assert_eq!(
        broken(&|line| line.server = Some(world.phone.key())),
        receipt(3),
        "another server than the one that was met"
    );
    // The chain: cut before the lender joined, and with one bit flipped.
    assert_eq!(broken(&|line| line.chain.truncate(1)), receipt(0));
    assert_eq!(broken(&|line| line.chain[1].0[90] ^= 1), Some(Fault::Link { seq: 1 }));
    assert_eq!(broken(&|line| line.organisation = world.phone.key()), Some(Fault::OtherAgent));
    assert_eq!(whole.check(Some(&world.phone.key())).err(), Some(Fault::Other));
    // What came of it, in another's name.
    let forged = Bytes(encode(&world.outcome(&world.watch)));
    assert_eq!(broken(&|line| line.outcome = Some(forged.clone())), Some(Fault::Outcome));
    assert_eq!(broken(&|line| line.asked = None), Some(Fault::OutcomeAlone));
}

#[test]
fn t065_a_log_by_a_device_that_was_taken_out_since_holds_and_one_that_it_made_afterwards_does_not() {
    let mut world = World::new();
    let lent = world.events(world.chain.head());
    let belonged = world.chain.head();
    world.revoke();
    let proved = world.line(&lent).check(None).unwrap();
    assert!(
        proved.outcome.is_some() && proved.audit.ended,
        "what it signed while it belonged stays, with what came of it"
    );
    let after = world.line(&world.events(world.chain.head()));
    assert_eq!(after.check(None).err(), Some(Fault::Lender), "under a head at which it did not belong");
    // Control: the very Terms, but for the head.
    assert!(world.line(&world.events(belonged)).check(None).is_ok());
    assert_eq!(first_terms(&after.receipts).unwrap().head, world.chain.head());
}

#[test]
fn t065_a_session_that_no_agent_had_is_no_line_of_an_organisation() {
    let world = World::new();
    let head = world.chain.head();
    let lent_to = |asked| Line { asked: None, outcome: None, ..world.line(&world.events_of(head, asked)) };
    let key = world.organisation.key();
    let control = lent_to(world.asked().commitment()).check(Some(&key)).unwrap();
    assert!(control.request.is_none(), "control: an agent's session holds whose note is lost, and proves nobody");
    assert_eq!(lent_to(Hash::ZERO).check(Some(&key)).err(), Some(Fault::NoAgent));
}

#[test]
fn t065_what_a_line_writes_out_is_what_it_proves() {
    let whole = World::new().whole();
    let broken = |edit: &dyn Fn(&mut Line)| edited(&whole, edit);
    let told = |text: &str| Some(text.to_owned());
    let right = |line: &mut Line| {
        line.name = told("Ada");
        line.case = told("4711");
        line.reason = told("to check a letter");
        line.words = told("apple river");
    };
    assert_eq!(broken(&right), None, "control");
    let edits: [&dyn Fn(&mut Line); 5] = [
        &|line| line.name = told("Somebody Else"),
        &|line| line.case = told("4712"),
        &|line| line.reason = told(""),
        &|line| line.words = told("river apple"),
        &|line| line.ended = told("session-expired"),
    ];
    for edit in edits {
        let both = |line: &mut Line| {
            right(line);
            edit(line);
        };
        assert_eq!(broken(&both), Some(Fault::Readable));
    }
    // Nothing is asked: whatever is written out is nobody's.
    let alone = |line: &mut Line| {
        (line.asked, line.outcome) = (None, None);
        line.case = told("4711");
    };
    assert_eq!(broken(&alone), Some(Fault::Readable));
}

#[test]
fn t065_the_times_of_a_line_are_those_of_its_terms() {
    let world = World::new();
    let whole = world.whole();
    let broken = |edit: &dyn Fn(&mut Line)| edited(&whole, edit);
    assert_eq!(broken(&|_| {}), None, "control");
    assert_eq!(broken(&|line| line.issued = UnixMillis(946_684_800_000)), Some(Fault::Times));
    assert_eq!(broken(&|line| line.expires = line.expires.plus(1)), Some(Fault::Times));

    // Newer Terms last longer, and the session began when it began.
    let mut events = world.events(world.chain.head());
    events.truncate(1);
    let Event::Granted { terms, transcript, kem, sealed, .. } = events[0].clone() else { panic!() };
    let mut more: Terms = decode(terms.as_slice(), 1 << 16).unwrap();
    (more.seq, more.units) = (2, Vec::new());
    (more.issued, more.expires) = (UnixMillis(BEGAN + 9), UnixMillis(BEGAN + 900_000));
    let more = encode(&more);
    let signature = world.watch.sign(&preimage::grant_signature(&transcript, &kem, &more, &sealed));
    events.push(Event::Granted { terms: Bytes(more), transcript, kem, sealed, signature });
    let until = |expires| {
        let expires = UnixMillis(BEGAN + expires);
        Line { ended: None, outcome: None, expires, ..world.line(&events) }.check(None).err()
    };
    assert_eq!((until(900_000), until(600_000)), (None, Some(Fault::Times)));
}

#[test]
fn t065_a_log_has_each_session_once() {
    let world = World::new();
    let (line, mut log) = (world.whole(), Log::default());
    let mut other = line.clone();
    other.issued = UnixMillis(1);
    assert_eq!(log.check(&other, None).err(), Some(Fault::Times), "what does not hold is not in it");
    assert!(log.check(&line, None).is_ok(), "control");
    assert_eq!(log.check(&line, None).err(), Some(Fault::Repeated));
}

#[test]
fn t065_a_credential_counts_when_the_session_begins() {
    let world = World::new();
    let began = |not_before, not_after| {
        let asked = world.asked_by(not_before, not_after);
        let events = world.events_of(world.chain.head(), asked.commitment());
        Line { asked: Some(Bytes(encode(&asked))), ..world.line(&events) }.check(None).err()
    };
    let (slack, hour) = (120_000, 3_600_000);
    assert_eq!(began(1, BEGAN + 1), None, "control");
    assert_eq!(began(1, BEGAN), Some(Fault::Credential), "it was over");
    assert_eq!(began(BEGAN + slack, BEGAN + hour), None, "control: two clocks differ by so much");
    assert_eq!(began(BEGAN + slack + 1, BEGAN + hour), Some(Fault::Credential), "it was to come");
}

#[test]
fn t065_the_first_note_of_each_kind_that_holds_counts() {
    let world = World::new();
    let asked = world.asked();
    let made_up = Note::Asked(Asked { first: "zoo".to_owned(), ..asked.clone() });
    let said = |text: &str| {
        let Signed { statement, .. } = world.outcome(&world.agent);
        let outcome: Outcome = decode(statement.as_slice(), 1 << 16).unwrap();
        world.agent.state(StatementKind::Outcome, &Outcome { text: text.to_owned(), ..outcome })
    };
    let forged = Note::Outcome(world.outcome(&world.watch));
    let [first, second] = ["rang off", "settled"].map(|text| Note::Outcome(said(text)));
    let of = |notes: &[Note]| {
        let bare = Line { asked: None, outcome: None, ..world.whole() };
        let line = bare.with_notes(notes.iter().cloned());
        line.check(None).map(|proved| (line.case, proved.outcome.map(|outcome| outcome.text)))
    };
    let right = Note::Asked(asked);
    let expected = Ok((Some("4711".to_owned()), Some("rang off".to_owned())));
    assert_eq!(of(&[right.clone(), first.clone()]), expected, "control");
    assert_eq!(of(&[right.clone(), first.clone(), second]), expected, "a second word of the agent");
    assert_eq!(of(&[right.clone(), first.clone(), made_up.clone(), forged.clone()]), expected, "made up since");
    assert_eq!(of(&[made_up.clone(), forged.clone(), first, right.clone()]), expected, "and before");
    // Where none holds, what is wrong is named.
    assert_eq!(of(&[made_up]), Err(Fault::Asked));
    assert_eq!(of(&[right, forged]), Err(Fault::Outcome));
    assert_eq!(of(&[]), Ok((None, None)));
}

#[test]
fn a_line_with_a_member_that_no_line_has_is_none() {
    let world = World::new();
    let mut line = serde_json::to_value(world.whole()).unwrap();
    assert!(serde_json::from_value::<Line>(line.clone()).is_ok(), "control");
    line["verified"] = true.into();
    assert!(serde_json::from_value::<Line>(line).is_err());
}
