//! Grants, openings and units that somebody moved, altered, replayed or widened.

use glimpse_wire::pairing::{Grant, Rights, Terms, TermsUnit};
use glimpse_wire::session::{OpenRequest, UnitEnvelope};
use glimpse_wire::{Salt, UnitId};
use proptest::prelude::*;

use super::*;
use crate::session::device::Change;
use crate::session::{ExpectGrant, SealedGrant};

const SHARE: Hash = Hash([8; 32]);
const ISSUED: UnixMillis = UnixMillis(1_700_000_000_000);

fn account() -> NewAccount {
    NewAccount::generate(&mut rng(1)).unwrap()
}

pub(super) fn unit(account: &NewAccount, title: &str, content: &[u8], seed: u64) -> LentUnit {
    let (record, _) = version(account, meta(title), content, &Hash([3; 32]));
    LentUnit::of(&record, &mut rng(seed)).unwrap()
}

fn granted(account: &NewAccount, seed: u64) -> (DeviceSession, SealedGrant, ExpectGrant) {
    let (device, viewer) = confirmed(account, seed);
    let units = vec![unit(account, "Letter", b"Dear reader", seed), unit(account, "Photo", b"pixels", seed + 1)];
    let words = device.words();
    let approved = device.approve(words, Decision::view(units, ISSUED, 600_000), NOW).unwrap();
    let (device, grant) = approved.seal(&account.device, &mut rng(seed + 5)).unwrap();
    (device, grant, viewer)
}

fn parse(message: &[u8]) -> Grant {
    let Ok(Message::Grant(grant)) = decode(message, 1 << 20) else { panic!() };
    grant
}

fn tell(grant: Grant) -> Vec<u8> {
    encode(&Message::Grant(grant))
}

/// The server's part: a receipt for the request, and the share.
pub(crate) fn answer(
    viewer: &ViewerSession,
    request: &glimpse_wire::account::Signed,
    envelope: &UnitEnvelope,
    share: Hash,
) -> Vec<u8> {
    let receipt = encode(&Receipt {
        suite: SUITE,
        session: viewer.session(),
        seq: viewer.receipts().len(),
        previous: viewer.receipts().head(),
        at: UnixMillis(1),
        event: Event::Opened { request: request.statement.clone(), signature: request.signature },
    });
    encode(&Opened { envelope: Bytes(encode(envelope)), share, receipts: vec![Bytes(receipt)] })
}

fn sealed(device: &DeviceSession, id: &UnitId, content: &[u8], salt: u8) -> (UnitEnvelope, Vec<Vec<u8>>) {
    let mut sealer = device.seal_unit(id, Salt([salt; 32]), &ServerShare::from_wire(&SHARE)).unwrap();
    let envelope = *sealer.envelope();
    let mut chunks = Vec::new();
    sealer.push(content, &mut |chunk| chunks.push(chunk)).unwrap();
    sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();
    (envelope, chunks)
}

#[test]
fn t061_what_was_not_granted_is_not_asked_for_and_not_opened() {
    let account = account();
    let (device, grant, viewer) = granted(&account, 60);
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let ids: Vec<UnitId> = viewer.units().map(|(id, _)| id).collect();
    assert_eq!(viewer.request(&UnitId([9; 16])).err(), Some(ErrorCode::NotGranted));
    let salt = Salt([1; 32]);
    assert!(device.seal_unit(&UnitId([9; 16]), salt, &ServerShare::from_wire(&SHARE)).is_err());
    // An answer for another unit than the one that was asked for, from a server that would like to see it opened.
    let (other, _) = sealed(&device, &ids[1], b"pixels", 1);
    let request = viewer.request(&ids[0]).unwrap();
    let wrong = answer(&viewer, &request, &other, SHARE);
    assert_eq!(viewer.opened(&request, &wrong).err(), Some(ErrorCode::RecordTampered));
    // Control: its own.
    let (own, chunks) = sealed(&device, &ids[0], b"Dear reader", 1);
    let right = answer(&viewer, &request, &own, SHARE);
    let opener = viewer.opened(&request, &right).unwrap().into_content();
    assert_eq!(open_all(opener, chunks).unwrap().as_slice(), b"Dear reader");
}

#[test]
fn t061_a_grant_that_lists_more_or_other_units_than_it_seals_is_refused() {
    let account = account();
    type Edit = (&'static str, fn(&mut Terms));
    let edits: [Edit; 4] = [
        ("one more", |terms| terms.units.push(terms.units[0])),
        ("one less", |terms| terms.units.truncate(1)),
        ("swapped", |terms| terms.units.swap(0, 1)),
        ("none", |terms| terms.units.clear()),
    ];
    // By somebody on the way, so the signature does not hold; what a device signs and seals itself, so that only the
    // comparison with what is sealed can catch it, is in `session/device/tests.rs`.
    for (name, edit) in edits {
        let (_, grant, viewer) = granted(&account, 60);
        let mut altered = parse(&grant.message);
        let mut terms: Terms = decode(altered.terms.as_slice(), 1 << 16).unwrap();
        edit(&mut terms);
        altered.terms = Bytes(encode(&terms));
        assert_eq!(viewer.receive(&tell(altered)).err(), Some(ErrorCode::RecordTampered), "{name}");
    }
    let (_, grant, viewer) = granted(&account, 60);
    assert!(viewer.receive(&grant.message).is_ok(), "control");
}

#[test]
fn no_part_of_a_grant_can_be_altered_or_signed_by_another() {
    let account = account();
    let (_, template, _) = granted(&account, 60);
    let length = template.message.len();
    for place in (0..length).step_by(67) {
        let (_, grant, viewer) = granted(&account, 60);
        let mut altered = grant.message.clone();
        altered[place] ^= 1;
        assert!(viewer.receive(&altered).is_err(), "byte {place}");
    }
    // By another device of the same account, over the same Terms.
    let (device, viewer) = confirmed(&account, 60);
    let words = device.words();
    let approved = device.approve(words, Decision::view(Vec::new(), ISSUED, 600_000), NOW).unwrap();
    let other = crate::keys::DeviceKeys::generate(&mut rng(9));
    let (_, grant) = approved.seal(&other, &mut rng(10)).unwrap();
    assert_eq!(viewer.receive(&grant.message).err(), Some(ErrorCode::RecordTampered));
    let (_, grant, viewer) = granted(&account, 60);
    assert!(viewer.receive(&grant.message).is_ok(), "control");
}

#[test]
fn further_terms_count_up_and_cannot_be_replayed_or_skipped() {
    let account = account();
    let story = || {
        let (mut device, grant, viewer) = granted(&account, 60);
        let rng = &mut rng(70);
        let mut amend = |expires| {
            let change = Change { expires: Some(ISSUED.plus(expires)), ..Change::default() };
            parse(&device.amend(change, ISSUED, &account.device, rng).unwrap().message)
        };
        let (shorter, longer) = (amend(20_000), amend(900_000));
        (parse(&grant.message), shorter, longer, viewer.receive(&grant.message).unwrap())
    };
    let (first, shorter, longer, mut viewer) = story();
    assert!(viewer.receive_grant(&first).is_err(), "the first again");
    assert!(viewer.receive_grant(&longer).is_err(), "one was left out");
    assert_eq!(viewer.terms().map(|terms| terms.seq), Some(1), "what was refused changed nothing");
    assert!(viewer.receive_grant(&shorter).is_ok());
    assert!(viewer.receive_grant(&shorter).is_err(), "again");
    assert!(viewer.receive_grant(&longer).is_ok());
    assert_eq!(viewer.terms().map(|terms| (terms.seq, terms.expires)), Some((3, ISSUED.plus(900_000))));
    assert_eq!(viewer.units().count(), 2, "the units of the first Terms stay");
}

#[test]
fn t059_terms_outside_the_limits_are_never_signed() {
    let account = account();
    let approve = |alter: fn(&mut Decision)| {
        let (device, _) = confirmed(&account, 60);
        let mut decision = Decision::view(Vec::new(), ISSUED, 600_000);
        alter(&mut decision);
        let words = device.words();
        device.approve(words, decision, NOW).map(|_approved| ())
    };
    assert_eq!(approve(|_| {}), Ok(()), "control");
    assert_eq!(approve(|decision| decision.rights = Rights::ALL), Ok(()), "control");
    let outside: [fn(&mut Decision); 8] = [
        |decision| decision.expires = ISSUED.plus(2 * 60 * 60 * 1000 + 1),
        |decision| decision.expires = ISSUED.plus(9_999),
        |decision| decision.expires = UnixMillis(0),
        |decision| decision.expires = UnixMillis(u64::MAX),
        |decision| decision.rights = 0,
        |decision| decision.rights = Rights::VIEW | 128,
        |decision| decision.budget = 0,
        |decision| decision.rate = 0,
    ];
    for (index, alter) in outside.into_iter().enumerate() {
        assert_eq!(approve(alter), Err(ErrorCode::Malformed), "{index}");
    }
    let (mut device, ..) = granted(&account, 60);
    let longer = |end: UnixMillis| Change { expires: Some(end), ..Change::default() };
    let mut amend = |change, now| device.amend(change, now, &account.device, &mut rng(7)).map(|_grant| ());
    assert_eq!(amend(longer(ISSUED.plus(2 * 60 * 60 * 1000 + 1)), ISSUED), Err(ErrorCode::Malformed));
    assert_eq!(amend(longer(ISSUED.plus(20_000)), ISSUED.plus(20_000)), Err(ErrorCode::Malformed), "over already");
    assert_eq!(amend(longer(ISSUED.plus(20_000)), ISSUED), Ok(()), "control");
    // A server refuses a session of less than ten seconds, however it came to be so short.
    assert_eq!(amend(longer(ISSUED.plus(9_999)), ISSUED.plus(5_000)), Err(ErrorCode::Malformed));
    assert_eq!(amend(longer(ISSUED.plus(10_000)), ISSUED.plus(5_000)), Ok(()), "control");
}

#[test]
fn terms_and_descriptions_outside_the_limits_are_refused_by_the_viewer_too() {
    let account = account();
    // Signed and sealed by the device of this pairing, with its own checks left out.
    let grant = |units: Vec<LentUnit>, edit: fn(&mut Terms)| {
        let (device, viewer) = confirmed(&account, 60);
        let words = device.words();
        let approved = device.approve(words, Decision::view(units, ISSUED, 600_000), NOW).unwrap();
        let (_, grant) = approved.with_terms(|terms, _| edit(terms)).seal(&account.device, &mut rng(65)).unwrap();
        viewer.receive(&grant.message).err()
    };
    let described = |edit: fn(&mut Meta)| grant(vec![unit(&account, "Letter", b"x", 60).with_meta(edit)], |_| {});
    let refused = Some(ErrorCode::RecordTampered);

    assert_eq!(grant(Vec::new(), |terms| terms.rights = Rights::ALL), None, "control");
    assert_eq!(grant(Vec::new(), |terms| terms.rights |= 4), refused, "a right that nobody knows");
    assert_eq!(grant(Vec::new(), |terms| terms.expires = terms.issued.plus(1)), None, "control");
    assert_eq!(grant(Vec::new(), |terms| terms.expires = terms.issued), refused, "over before it began");
    assert_eq!(grant(Vec::new(), |terms| terms.expires = UnixMillis(0)), refused);

    assert_eq!(described(|meta| meta.title = "x".repeat(512)), None, "control");
    let edits: [fn(&mut Meta); 7] = [
        |meta| meta.title = "x".repeat(513),
        |meta| meta.file_name = "x".repeat(513),
        |meta| meta.from = "x".repeat(513),
        |meta| meta.content_type = "x".repeat(513),
        |meta| meta.kind = "x".repeat(65),
        |meta| meta.tags = vec!["x".repeat(65)],
        |meta| meta.tags = vec![String::new(); 33],
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        assert_eq!(described(edit), refused, "{index}");
    }
}

#[test]
fn a_grant_of_more_than_256_units_is_refused_by_the_viewer_too() {
    let account = account();
    let (record, _) = version(&account, meta(""), b"", &Hash([3; 32]));
    let rng = &mut rng(66);
    let units: Vec<LentUnit> = (0..256).map(|_| LentUnit::of(&record, rng).unwrap()).collect();
    let more = LentUnit::of(&record, rng).unwrap();
    let grant = |units: Vec<LentUnit>, more: Option<LentUnit>, rng: &mut _| {
        let (device, viewer) = confirmed(&account, 60);
        let words = device.words();
        let approved = device.approve(words, Decision::view(units, ISSUED, 600_000), NOW).unwrap();
        let approved = approved.with_terms(|terms, units| {
            terms.units.extend(more.iter().map(|unit| TermsUnit::Sealed { unit: unit.id() }));
            units.extend(more);
        });
        let (_, grant) = approved.seal(&account.device, rng).unwrap();
        viewer.receive(&grant.message).err()
    };
    let again = |rng: &mut _| (0..256).map(|_| LentUnit::of(&record, rng).unwrap()).collect();
    assert_eq!(grant(units, None, rng), None, "control");
    let units = again(rng);
    assert_eq!(grant(units, Some(more), rng), Some(ErrorCode::RecordTampered));
}

#[test]
fn t073_a_share_salt_or_content_of_another_unit_opens_nothing() {
    let account = account();
    let (device, grant, viewer) = granted(&account, 60);
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let ids: Vec<UnitId> = viewer.units().map(|(id, _)| id).collect();
    let units = [sealed(&device, &ids[0], b"Dear reader", 1), sealed(&device, &ids[1], b"pixels", 2)];
    type Edit = (&'static str, fn(&mut UnitEnvelope, &UnitEnvelope));
    let edits: [Edit; 7] = [
        ("session", |envelope, _| envelope.session.0[0] ^= 1),
        ("unit", |envelope, other| envelope.unit = other.unit),
        ("salt", |envelope, other| envelope.salt = other.salt),
        ("terms", |envelope, _| envelope.terms.0[0] ^= 1),
        ("commitment", |envelope, other| envelope.commit = other.commit),
        ("size", |envelope, _| envelope.size = 544),
        ("suite", |envelope, _| envelope.suite = 2),
    ];
    for (name, edit) in edits {
        let mut envelope = units[0].0;
        edit(&mut envelope, &units[1].0);
        let request = viewer.request(&ids[0]).unwrap();
        let altered = answer(&viewer, &request, &envelope, SHARE);
        assert_eq!(viewer.opened(&request, &altered).err(), Some(ErrorCode::RecordTampered), "{name}");
        viewer.take_back(&request);
    }
    for (here, there) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (_, grant, viewer) = granted(&account, 60);
        let mut viewer = viewer.receive(&grant.message).unwrap();
        let request = viewer.request(&ids[here]).unwrap();
        let right = answer(&viewer, &request, &units[here].0, SHARE);
        let opener = viewer.opened(&request, &right).unwrap().into_content();
        assert_eq!(open_all(opener, units[there].1.clone()).is_some(), here == there, "{there} as {here}");
    }
    // A wrong share is a clean error, before any chunk.
    let request = viewer.request(&ids[0]).unwrap();
    let wrong = answer(&viewer, &request, &units[0].0, Hash([9; 32]));
    assert_eq!(viewer.opened(&request, &wrong).err(), Some(ErrorCode::RecordTampered));
}

#[test]
fn an_opening_is_believed_only_with_its_own_receipt_on_top_of_the_trail() {
    let account = account();
    let (device, grant, viewer) = granted(&account, 60);
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let id = viewer.units().map(|(id, _)| id).next().unwrap();
    let (envelope, _) = sealed(&device, &id, b"Dear reader", 1);
    let request = viewer.request(&id).unwrap();
    let right: Opened = decode(&answer(&viewer, &request, &envelope, SHARE), 1 << 20).unwrap();
    let receipt: Receipt = decode(right.receipts[0].as_slice(), 1 << 16).unwrap();
    let mut refused = |receipts: Vec<Receipt>| {
        let receipts = receipts.iter().map(|receipt| Bytes(encode(receipt))).collect();
        let altered = encode(&Opened { receipts, ..right.clone() });
        assert_eq!(viewer.opened(&request, &altered).err(), Some(ErrorCode::RecordTampered));
        assert!(viewer.receipts().is_empty());
    };
    refused(Vec::new());
    refused(vec![Receipt { seq: 1, ..receipt.clone() }]);
    refused(vec![Receipt { previous: Hash([1; 32]), ..receipt.clone() }]);
    refused(vec![Receipt { suite: 2, ..receipt.clone() }]);
    refused(vec![Receipt {
        event: Event::Deleted { statement: Bytes(Vec::new()), signature: glimpse_wire::ids::SignatureBytes([0; 64]) },
        ..receipt.clone()
    }]);
    refused(vec![receipt.clone(), receipt.clone()]);
    let Event::Opened { request: noted, mut signature } = receipt.event.clone() else { panic!() };
    let asked: OpenRequest = request.peek().unwrap();
    let other = Bytes(encode(&OpenRequest { counter: 2, ..asked }));
    refused(vec![Receipt { event: Event::Opened { request: other, signature }, ..receipt.clone() }]);
    signature.0[0] ^= 1;
    refused(vec![Receipt { event: Event::Opened { request: noted, signature }, ..receipt }]);
    assert!(viewer.opened(&request, &encode(&right)).is_ok(), "control");
}

#[test]
fn a_blob_is_lent_by_its_content_key_and_opens_under_the_root_its_author_signed() {
    let account = account();
    let content = vec![0x42; usize::try_from(glimpse_wire::limits::BLOB_BORDER).unwrap() + 1];
    let record_share = Hash([3; 32]);
    let (record, chunks) = version(&account, meta("Scan"), &content, &record_share);
    let lent = LentUnit::of(&record, &mut rng(5)).unwrap();
    assert!(lent.is_blob());
    let id = lent.id();
    let (device, viewer) = confirmed(&account, 60);
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![lent], ISSUED, 600_000), NOW).unwrap();
    let (device, grant) = approved.seal(&account.device, &mut rng(6)).unwrap();
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let server = |share: &Hash| ServerShare::from_wire(share);
    let salt = Salt([7; 32]);
    assert!(device.seal_unit(&id, salt, &server(&SHARE)).is_err(), "a blob is not sealed anew");
    let wrong = device.seal_blob_unit(&id, salt, &server(&SHARE), &record, &server(&SHARE));
    assert_eq!(wrong.err(), Some(ErrorCode::RecordTampered), "not with another share than the record's");
    let (envelope, key) = device.seal_blob_unit(&id, salt, &server(&SHARE), &record, &server(&record_share)).unwrap();
    let open = |viewer: &mut ViewerSession| {
        let request = viewer.request(&id).unwrap();
        let right = answer(viewer, &request, &envelope, SHARE);
        viewer.opened(&request, &right).unwrap()
    };
    assert!(open(&mut viewer).into_blob(vec![0; key.len()]).is_err());
    let opener = open(&mut viewer).into_blob(key.clone()).unwrap();
    assert!(open_all(opener, chunks.clone()).is_some_and(|opened| *opened == content));
    let mut swapped = chunks;
    swapped.swap(3, 4);
    assert!(open_all(open(&mut viewer).into_blob(key).unwrap(), swapped).is_none());
}

/// What a list says of a record is what is opened: padding hides a length from others, and never from the viewer.
#[test]
fn content_that_is_not_as_long_as_the_grant_says_opens_nothing() {
    let account = account();
    let lend = |lent: LentUnit| {
        let (device, viewer) = confirmed(&account, 60);
        let id = lent.id();
        let words = device.words();
        let approved = device.approve(words, Decision::view(vec![lent], ISSUED, 600_000), NOW).unwrap();
        let (device, grant) = approved.seal(&account.device, &mut rng(65)).unwrap();
        (id, device, viewer.receive(&grant.message).unwrap())
    };
    // All three have the same keys. One byte more takes the same room.
    let letter = || unit(&account, "Letter", b"Dear reader", 60);
    let (id, honest, mut viewer) = lend(letter());
    let (_, longer, _) = lend(letter().with_meta(|meta| meta.length += 1));
    let mut opens = |device: &DeviceSession, content: &[u8]| {
        let (envelope, chunks) = sealed(device, &id, content, 1);
        let request = viewer.request(&id).unwrap();
        let right = answer(&viewer, &request, &envelope, SHARE);
        open_all(viewer.opened(&request, &right).unwrap().into_content(), chunks).is_some()
    };
    assert!(opens(&honest, b"Dear reader"), "control");
    assert!(!opens(&longer, b"Dear reader!"));

    let content = vec![0x42; usize::try_from(glimpse_wire::limits::BLOB_BORDER).unwrap() + 2];
    let record_share = Hash([3; 32]);
    let (record, chunks) = version(&account, meta("Scan"), &content, &record_share);
    let opens = |edit: fn(&mut Meta)| {
        let (id, device, mut viewer) = lend(LentUnit::of(&record, &mut rng(5)).unwrap().with_meta(edit));
        let share = |share: &Hash| ServerShare::from_wire(share);
        let sealed = device.seal_blob_unit(&id, Salt([7; 32]), &share(&SHARE), &record, &share(&record_share));
        let (envelope, key) = sealed.unwrap();
        let request = viewer.request(&id).unwrap();
        let right = answer(&viewer, &request, &envelope, SHARE);
        let opener = viewer.opened(&request, &right).unwrap().into_blob(key).unwrap();
        open_all(opener, chunks.clone()).is_some()
    };
    assert!(opens(|_| {}), "control");
    assert!(!opens(|meta| meta.length -= 1));
}

/// A device that lends another record's key than its Terms say has nothing opened by it.
#[test]
fn t039_the_key_of_another_record_than_the_terms_name_opens_nothing() {
    let account = account();
    let content = vec![0x42; usize::try_from(glimpse_wire::limits::BLOB_BORDER).unwrap() + 1];
    let record_share = Hash([3; 32]);
    let (record, _) = version(&account, meta("Scan"), &content, &record_share);
    let opens = |named: fn(&mut Hash)| {
        let lent = LentUnit::of(&record, &mut rng(5)).unwrap();
        let id = lent.id();
        let (device, viewer) = confirmed(&account, 60);
        let words = device.words();
        let approved = device.approve(words, Decision::view(vec![lent], ISSUED, 600_000), NOW).unwrap();
        let approved = approved.with_terms(|terms, _| {
            let Some(TermsUnit::Blob { h0, .. }) = terms.units.first_mut() else { panic!() };
            named(h0);
        });
        let (device, grant) = approved.seal(&account.device, &mut rng(6)).unwrap();
        let mut viewer = viewer.receive(&grant.message).unwrap();
        let share = |share: &Hash| ServerShare::from_wire(share);
        let sealed = device.seal_blob_unit(&id, Salt([7; 32]), &share(&SHARE), &record, &share(&record_share));
        let (envelope, key) = sealed.unwrap();
        let request = viewer.request(&id).unwrap();
        let right = answer(&viewer, &request, &envelope, SHARE);
        viewer.opened(&request, &right).unwrap().into_blob(key).map(drop)
    };
    assert_eq!(opens(|_| {}), Ok(()), "control");
    assert_eq!(opens(|h0| h0.0[0] ^= 1), Err(ErrorCode::RecordTampered));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_flipped_bit_of_a_grant_is_refused(place: prop::sample::Index, bit in 0u8..8) {
        let account = account();
        let (_, grant, viewer) = granted(&account, 60);
        let mut altered = grant.message;
        let place = place.index(altered.len());
        altered[place] ^= 1 << bit;
        prop_assert!(viewer.receive(&altered).is_err());
    }
}
