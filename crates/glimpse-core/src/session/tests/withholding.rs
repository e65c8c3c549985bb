//! Records that are lent without some of their fields.

use glimpse_wire::limits::BLOB_BORDER;
use glimpse_wire::record::Policy;

use super::granting::{answer, unit};
use super::*;
use crate::session::device::{Change, Cuts};

const RECORD: &[u8] = b"{\"name\":\"Ada\",\"city\":\"Ulm\"}";
const LEFT: &[u8] = b"{\"city\":\"Ulm\"}";

fn cuts() -> Cuts {
    Cuts::new(std::iter::once(1..14).collect(), 27, 1).unwrap()
}

#[test]
fn t061_a_withheld_field_is_in_nothing_that_opens_and_shows_in_no_size() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let share = Hash([8; 32]);
    for withheld in [true, false] {
        let (device, viewer) = confirmed(&account, 70);
        let lent = unit(&account, "Card", RECORD, 71);
        let lent = if withheld { lent.without(&cuts()).unwrap() } else { lent };
        let id = lent.id();
        let words = device.words();
        let approved = device.approve(words, Decision::view(vec![lent], UnixMillis(1), 600_000), NOW).unwrap();
        let (device, grant) = approved.seal(&account.device, &mut rng(72)).unwrap();
        let mut viewer = viewer.receive(&grant.message).unwrap();
        let (fields, expected) = if withheld { (1, LEFT) } else { (0, RECORD) };
        assert_eq!((grant.terms.withheld, viewer.unit(&id).unwrap().withheld), (fields, fields));
        assert_eq!(viewer.unit(&id).unwrap().meta.length, u64::try_from(expected.len()).unwrap());

        let mut sealer = device.seal_unit(&id, fresh_salt(&mut rng(73)), &ServerShare::from_wire(&share)).unwrap();
        let envelope = *sealer.envelope();
        let mut chunks = Vec::new();
        let mut emit = |chunk| chunks.push(chunk);
        if withheld {
            for kept in cuts().keep(0, RECORD) {
                sealer.push(kept, &mut emit).unwrap();
            }
        } else {
            sealer.push(RECORD, &mut emit).unwrap();
        }
        sealer.finish(&mut emit).unwrap();
        let request = viewer.request(&id).unwrap();
        let answer = answer(&viewer, &request, &envelope, share);
        let content = open_all(viewer.opened(&request, &answer).unwrap().into_content(), chunks).unwrap();
        assert_eq!(content.as_slice(), expected);
        // Positive control: lent whole, the same search finds it.
        assert_eq!(content.windows(3).any(|part| part == b"Ada"), !withheld);
    }
}

#[test]
fn t061_a_record_that_is_lent_by_its_key_is_not_lent_without_a_field() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let large = vec![b'x'; usize::try_from(BLOB_BORDER).unwrap() + 1];
    let length = u64::try_from(large.len()).unwrap();
    let fits = Cuts::new(std::iter::once(1..14).collect(), length, 1).unwrap();
    assert_eq!(unit(&account, "Scan", &large, 5).without(&fits).err(), Some(ErrorCode::TooLarge));
    // Cuts of another content than this.
    assert_eq!(unit(&account, "Card", RECORD, 5).without(&fits).err(), Some(ErrorCode::Malformed));
    assert!(unit(&account, "Card", RECORD, 5).without(&cuts()).is_ok(), "control");
}

#[test]
fn t065_the_log_and_the_units_name_the_same_number() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    for (says, holds) in [(1, true), (0, false), (2, false)] {
        let (device, viewer) = confirmed(&account, 80);
        let lent = unit(&account, "Card", RECORD, 81).without(&cuts()).unwrap();
        let words = device.words();
        let approved = device.approve(words, Decision::view(vec![lent], UnixMillis(1), 600_000), NOW).unwrap();
        let approved = approved.with_terms(|terms, _| terms.withheld = says);
        let (mut device, grant) = approved.seal(&account.device, &mut rng(82)).unwrap();
        assert_eq!(viewer.receive(&grant.message).is_ok(), holds, "{says}");
        // What is added later counts for its own Terms.
        let add =
            vec![unit(&account, "Note", RECORD, 83), unit(&account, "Card", RECORD, 84).without(&cuts()).unwrap()];
        let more = device.amend(Change { add, ..Change::default() }, UnixMillis(2), &account.device, &mut rng(85));
        assert_eq!(more.unwrap().terms.withheld, 1);
        let longer = Change { expires: Some(UnixMillis(700_000)), ..Change::default() };
        assert_eq!(device.amend(longer, UnixMillis(3), &account.device, &mut rng(86)).unwrap().terms.withheld, 0);
    }
}

/// Whoever asks: a record whose kind is never lent does not become a unit, and one that may is lent to the same.
#[test]
fn t061_what_is_never_lent_becomes_no_unit_whoever_asks() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    for (policy, refused) in
        [(Policy::NEVER_LEND, true), (Policy::NEVER_LEND | Policy::SENSITIVE, true), (4, true), (0, false)]
    {
        let meta = Meta { policy, ..meta("Key") };
        let (record, _) = version(&account, meta, b"secret", &Hash([3; 32]));
        let made = LentUnit::of(&record, &mut rng(5));
        assert_eq!(made.err(), refused.then_some(ErrorCode::NeverLend), "{policy}");
    }
}
