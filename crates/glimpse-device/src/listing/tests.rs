//! What may come after what was seen. Whole listings are in `tests/it/listings.rs`.

use glimpse_wire::account::Head;
use glimpse_wire::record::Deletion;
use glimpse_wire::{AccountId, SUITE};

use super::judging::follows;
use super::looking::{News, Seen};
use super::*;

pub(super) const RECORD: RecordId = RecordId([2; 16]);

/// A version whose h1 is filled with one number.
pub(super) fn version(version: u64, previous: Hash, h1: u8) -> Seen {
    let h1 = Hash([h1; 32]);
    let created = UnixMillis(5);
    Seen {
        record: RECORD,
        version,
        previous,
        h1,
        created,
        epoch: 1,
        head: 0,
        meta: Some(meta()),
        standing: Standing::Own,
        writer: None,
        kind: Change::VERSION,
    }
}

fn meta() -> Meta {
    Meta {
        title: "Letter".to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 1,
        policy: 0,
        from: String::new(),
        created: UnixMillis(5),
    }
}

fn forged(seen: &Seen) -> [Seen; 2] {
    let does_not_open = Standing::Trouble { code: ErrorCode::RecordTampered };
    [
        Seen { standing: Standing::Unsigned, ..seen.clone() },
        Seen { standing: does_not_open, meta: None, ..seen.clone() },
    ]
}

pub(super) fn written(seen: &Seen) -> Seen {
    Seen { standing: Standing::Pending, kind: Change::PENDING, ..seen.clone() }
}

pub(super) fn deletion(version: u64, h1: Hash) -> News {
    let head = Head { seq: 0, hash: Hash::ZERO };
    let (account, at) = (AccountId([1; 32]), UnixMillis(9));
    News::Deletion(Deletion { suite: SUITE, account, record: RECORD, version, h1, at, head })
}

/// A log of so many changes.
fn replayed(count: u64) -> Log {
    let mut log = Log::default();
    (0..count).for_each(|_| log.push(Hash([7; 32])));
    log
}

/// A listing after these changes, and what it knows of the record.
fn after(changes: impl IntoIterator<Item = News>) -> Entry {
    let mut listing = Listing::default();
    for (seq, news) in (1u64..).zip(changes) {
        listing.take(seq, news);
    }
    listing.entries.get(&RECORD).cloned().unwrap()
}

pub(super) fn trouble(entry: &Entry) -> Option<ErrorCode> {
    match entry.standing {
        Standing::Trouble { code } => Some(code),
        Standing::Own | Standing::Pending | Standing::Approved | Standing::Unsigned | Standing::Deleted => None,
    }
}

#[test]
fn only_the_same_and_what_was_made_from_it_may_follow() {
    let first = version(1, Hash::ZERO, 1);
    let second = version(2, first.h1, 2);
    let known = after([News::Version(second.clone())]);
    let judge = |seen: &Seen| follows(&known, seen);
    assert_eq!(judge(&second), Ok(()));
    assert_eq!(judge(&version(3, second.h1, 3)), Ok(()));
    assert_eq!(judge(&version(5, Hash([9; 32]), 3)), Ok(()), "those between were not seen");
    assert_eq!(judge(&first), Err(ErrorCode::RecordRolledBack));
    assert_eq!(judge(&version(2, first.h1, 4)), Err(ErrorCode::RecordTampered), "another second version");
    assert_eq!(judge(&version(3, first.h1, 3)), Err(ErrorCode::RecordTampered), "made from another second version");
    let deleted = after([News::Version(second.clone()), deletion(2, second.h1)]);
    assert_eq!(deleted.standing, Standing::Deleted);
    assert_eq!(follows(&deleted, &version(3, second.h1, 3)), Err(ErrorCode::RecordRolledBack));
}

#[test]
fn t042_what_nobody_signed_moves_no_measure() {
    let first = version(1, Hash::ZERO, 1);
    let second = version(2, first.h1, 2);
    for forged in forged(&version(u64::MAX, Hash([7; 32]), 7)) {
        let marked = after([News::Version(first.clone()), News::Version(forged.clone())]);
        assert_eq!(trouble(&marked), Some(ErrorCode::RecordTampered));
        assert_eq!((marked.version, marked.h1), (1, first.h1), "what was seen before stays the measure");
        let next = after([News::Version(first.clone()), News::Version(forged.clone()), News::Version(second.clone())]);
        assert_eq!((next.standing, next.version), (Standing::Own, 2), "the true next version is taken");
        // In the place of a record that was not known it is named, and a true one displaces it.
        let unknown = after([News::Version(forged.clone())]);
        assert_eq!(unknown.standing, forged.standing);
        let own = after([News::Version(forged), News::Version(first.clone())]);
        assert_eq!((own.standing, own.version), (Standing::Own, 1));
    }
    // Control: by the number alone, as it stands in the envelope, the true version is an older one.
    let signed = version(u64::MAX, Hash([7; 32]), 7);
    let moved = after([News::Version(first), News::Version(signed), News::Version(second)]);
    assert_eq!(trouble(&moved), Some(ErrorCode::RecordRolledBack));
}

#[test]
fn a_writers_version_displaces_nothing() {
    let own = version(1, Hash::ZERO, 1);
    let theirs = written(&version(2, own.h1, 2));
    let marked = after([News::Version(own.clone()), News::Version(theirs.clone())]);
    assert_eq!((trouble(&marked), marked.version), (Some(ErrorCode::RecordTampered), 1));
    // Of a record that was not known, it is the measure for other writers, and none for a device of the account.
    let kept = after([News::Version(theirs.clone()), News::Version(theirs.clone())]);
    assert_eq!((kept.standing, kept.version), (Standing::Pending, 2));
    let other = Seen { h1: Hash([8; 32]), ..theirs.clone() };
    let displaced = after([News::Version(theirs.clone()), News::Version(other)]);
    assert_eq!((trouble(&displaced), displaced.h1), (Some(ErrorCode::RecordTampered), theirs.h1));
    let own = after([News::Version(theirs), News::Version(own)]);
    assert_eq!((own.standing, own.version), (Standing::Own, 1));
}

#[test]
fn t042_a_deleted_record_does_not_come_back_however_often_it_is_tried() {
    let first = version(1, Hash::ZERO, 1);
    let mut listing = Listing::default();
    listing.take(1, News::Version(first.clone()));
    listing.take(2, deletion(1, first.h1));
    for seq in 3..6 {
        listing.take(seq, News::Version(first.clone()));
        assert_eq!(trouble(&listing.entries[&RECORD]), Some(ErrorCode::RecordRolledBack), "{seq}");
    }
    listing.take(6, deletion(1, first.h1));
    assert_eq!(listing.entries[&RECORD].standing, Standing::Deleted, "the deletion again");
    // An old deletion removes no newer version, and one of another version of that number none either.
    let second = version(2, first.h1, 2);
    let kept = after([News::Version(second.clone()), deletion(1, first.h1)]);
    assert_eq!((trouble(&kept), kept.version), (Some(ErrorCode::RecordRolledBack), 2));
    let other = after([News::Version(second), deletion(2, first.h1)]);
    assert_eq!(trouble(&other), Some(ErrorCode::RecordTampered));
}

#[test]
fn what_cannot_be_read_is_named() {
    let first = version(1, Hash::ZERO, 1);
    let marked = after([News::Version(first.clone()), News::Unreadable(Some(RECORD))]);
    assert_eq!((trouble(&marked), marked.version), (Some(ErrorCode::RecordTampered), 1));
    assert_eq!(trouble(&after([News::Unreadable(Some(RECORD))])), Some(ErrorCode::RecordTampered));
    let mut listing = Listing::default();
    for seq in 0..1_000 {
        listing.take(seq, News::Unreadable(None));
    }
    assert_eq!(listing.unreadable(), MAX_UNREADABLE);
}

#[test]
fn what_is_missing_in_a_look_from_the_beginning_is_named() {
    let first = version(1, Hash::ZERO, 1);
    let look = |changes: Vec<News>, again: Vec<News>| {
        let mut listing = Listing::default();
        for (seq, news) in (1u64..).zip(changes) {
            listing.take(seq, news);
        }
        listing.begin_again();
        for (seq, news) in (1u64..).zip(again) {
            listing.take(seq, news);
        }
        listing.name_hidden();
        listing.entries.get(&RECORD).cloned()
    };
    let own = || vec![News::Version(first.clone())];
    assert_eq!(trouble(&look(own(), Vec::new()).unwrap()), Some(ErrorCode::RecordRolledBack));
    assert_eq!(look(own(), own()).unwrap().standing, Standing::Own, "control");
    let deleted = look(vec![News::Version(first.clone()), deletion(1, first.h1)], Vec::new()).unwrap();
    assert_eq!(deleted.standing, Standing::Deleted);
    let [unsigned, _] = forged(&first);
    assert_eq!(look(vec![News::Version(unsigned)], Vec::new()), None, "nobody vouched for it");
}

#[test]
fn two_processes_forget_nothing_that_one_of_them_saw() {
    let (first, second) = (version(1, Hash::ZERO, 1), version(2, Hash([1; 32]), 2));
    let mut ours = Listing { log: replayed(3), ..Listing::default() };
    ours.take(3, News::Version(second));
    let mut theirs = Listing { log: replayed(1), ..Listing::default() };
    theirs.take(1, News::Version(first));
    for merged in [ours.clone().merged_with(theirs.clone()), theirs.clone().merged_with(ours.clone())] {
        assert_eq!((merged.entries[&RECORD].version, merged.log.count()), (2, 1));
    }
    // One of them begins again meanwhile: the numbers of the other one say nothing of what is listed then.
    theirs.begin_again();
    for merged in [ours.clone().merged_with(theirs.clone()), theirs.merged_with(ours)] {
        let entry = &merged.entries[&RECORD];
        assert_eq!((entry.version, entry.seq, merged.log.count(), merged.log.again), (2, 0, 0, true));
    }
}

#[test]
fn a_stored_listing_is_read_as_it_was_written_and_nothing_else_is() {
    let mut listing = Listing { log: replayed(7), unreadable: BTreeSet::from([4]), ..Listing::default() };
    let [_, does_not_open] = forged(&version(1, Hash::ZERO, 1));
    listing.take(5, News::Version(does_not_open));
    listing.log.raise(LogAlarm::RolledBack { seen: 7, newest: 5 });
    listing.take(8, News::Replaced { record: RecordId([3; 16]), version: 1, h1: Hash::ZERO, kind: Change::PENDING });
    let stored = listing.to_stored();
    assert_eq!(Listing::from_stored(&stored).unwrap(), listing);
    for cut in 0..stored.len() {
        let (front, _) = stored.split_at(cut);
        assert!(Listing::from_stored(front).is_err());
    }
}

#[test]
fn a_listing_from_before_there_was_a_log_is_read_again() {
    let first = version(1, Hash::ZERO, 1);
    let mut listing = Listing::default();
    listing.take(4, News::Version(first));
    let entries: Vec<Entry> = listing.entries.values().cloned().collect();
    let before = encode(&(2u8, 9u64, entries, UnixMillis(3), vec![4u64], 6u64));
    let read = Listing::from_stored(&before).unwrap();
    assert_eq!((read.stated, read.writes, read.log.count(), read.log.again), (UnixMillis(3), 6, 0, true));
    assert_eq!((read.entries[&RECORD].version, read.entries[&RECORD].seq), (1, 0));
}

#[test]
fn t044_what_is_said_to_be_replaced_must_come_later() {
    let first = version(1, Hash::ZERO, 1);
    let second = version(2, first.h1, 2);
    let replaced = |version, kind| News::Replaced { record: RECORD, version, h1: Hash::ZERO, kind };
    let look = |changes: Vec<News>| {
        let mut listing = Listing::default();
        for (seq, news) in (1u64..).zip(changes) {
            listing.take(seq, news);
        }
        listing.name_hidden();
        (trouble(&listing.entries[&RECORD]), listing.alarms().to_vec(), listing.log.is_in_doubt())
    };
    let out_of_order = |seq| (None, vec![LogAlarm::OutOfOrder { seq, record: RECORD }], true);
    let (version, deleted) = (Change::VERSION, Change::DELETED);
    assert_eq!(look(vec![replaced(1, version)]), (Some(ErrorCode::RecordRolledBack), vec![], true));
    assert_eq!(look(vec![replaced(2, version), News::Version(second.clone())]), out_of_order(2));
    assert_eq!(look(vec![replaced(2, version), replaced(1, version), News::Version(second.clone())]), out_of_order(2));
    assert_eq!(look(vec![replaced(2, version), deletion(1, first.h1)]), out_of_order(2));
    assert_eq!(
        look(vec![replaced(1, deleted), News::Version(second.clone())]),
        out_of_order(2),
        "nothing comes after a deletion"
    );
    // Control.
    let fine = (None, vec![], false);
    assert_eq!(look(vec![replaced(1, version), News::Version(second.clone())]), fine);
    assert_eq!(look(vec![replaced(1, Change::PENDING), deletion(1, first.h1)]), fine);
    assert_eq!(look(vec![replaced(1, version), replaced(2, version), deletion(2, second.h1)]), fine);
}

#[test]
fn a_change_that_is_listed_twice_is_named() {
    let first = version(1, Hash::ZERO, 1);
    let second = version(2, first.h1, 2);
    let alarms = |changes: Vec<News>| {
        let mut listing = Listing::default();
        for (seq, news) in (1u64..).zip(changes) {
            listing.take(seq, news);
        }
        listing.alarms().to_vec()
    };
    let own = |seen: &Seen| News::Version(seen.clone());
    let replaced = || News::Replaced { record: RECORD, version: 1, h1: Hash::ZERO, kind: Change::VERSION };
    assert_eq!(alarms(vec![own(&first), own(&first)]), [LogAlarm::OutOfOrder { seq: 2, record: RECORD }]);
    let doubled = [LogAlarm::OutOfOrder { seq: 3, record: RECORD }];
    assert_eq!(alarms(vec![own(&first), deletion(1, first.h1), deletion(1, first.h1)]), doubled);
    assert_eq!(alarms(vec![own(&first), own(&second), replaced(), own(&second)]), doubled);
    assert_eq!(alarms(vec![own(&first), own(&second), deletion(2, second.h1)]), [], "control");
}

#[test]
fn the_work_of_many_threads_comes_back_in_order() {
    let items: Vec<u32> = (0..1_000).collect();
    for length in [0, 1, 7, 8, 9, 17, 1_000] {
        let done = each(&items[..length], |item| item + 1);
        assert_eq!(done, items[1..].iter().copied().chain([1_000]).take(length).collect::<Vec<_>>());
    }
}
