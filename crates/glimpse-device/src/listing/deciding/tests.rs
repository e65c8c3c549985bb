//! What a decision may come after. Whole listings are in `tests/it/deciding.rs`.

use glimpse_wire::record::Change;
use glimpse_wire::{ErrorCode, Hash};

use super::super::judging::follows;
use super::super::log::LogAlarm;
use super::super::looking::{News, Seen};
use super::super::tests::{RECORD, deletion, trouble, version, written};
use super::super::{Listing, Standing};

fn approved(seen: &Seen) -> Seen {
    Seen { standing: Standing::Approved, kind: Change::APPROVED, ..seen.clone() }
}

/// What becomes of the record, and the alarms.
fn after(changes: &[News]) -> (Option<ErrorCode>, Standing, Vec<LogAlarm>) {
    let mut listing = Listing::default();
    for (seq, news) in (1u64..).zip(changes) {
        listing.take(seq, news.copy());
    }
    listing.name_hidden();
    let entry = &listing.entries[&RECORD];
    (trouble(entry), entry.standing, listing.alarms().to_vec())
}

impl News {
    fn copy(&self) -> Self {
        match self {
            Self::Version(seen) => Self::Version(seen.clone()),
            Self::Deletion(deletion) => Self::Deletion(*deletion),
            Self::Replaced { record, version, h1, kind } => {
                Self::Replaced { record: *record, version: *version, h1: *h1, kind: *kind }
            }
            Self::Unreadable(record) => Self::Unreadable(*record),
        }
    }
}

#[test]
fn t056_a_decision_comes_after_its_version_and_before_the_deletion() {
    let brought = written(&version(1, Hash::ZERO, 1));
    let other = written(&version(1, Hash::ZERO, 2));
    let seen = |seen: &Seen| News::Version(seen.clone());
    let replaced = |of: &Seen| News::Replaced { record: RECORD, version: of.version, h1: of.h1, kind: of.kind };
    let gone = || deletion(1, brought.h1);
    let fine = |standing| (None, standing, vec![]);
    // As a server tells it, to one who looked before the decision, and to one who did not.
    assert_eq!(after(&[seen(&brought), seen(&approved(&brought))]), fine(Standing::Approved));
    assert_eq!(after(&[replaced(&brought), seen(&approved(&brought))]), fine(Standing::Approved));
    assert_eq!(after(&[seen(&brought), replaced(&approved(&brought)), gone()]), fine(Standing::Deleted));
    assert_eq!(after(&[replaced(&brought), replaced(&approved(&brought)), gone()]), fine(Standing::Deleted));
    let next = Seen { previous: brought.h1, ..version(2, brought.h1, 3) };
    assert_eq!(after(&[seen(&brought), seen(&approved(&brought)), seen(&next)]), fine(Standing::Own));

    // A decision that returns after the deletion, or that comes for another content.
    let (code, ..) = after(&[seen(&brought), gone(), seen(&approved(&brought))]);
    assert_eq!(code, Some(ErrorCode::RecordRolledBack));
    let (code, ..) = after(&[seen(&brought), seen(&approved(&other))]);
    assert_eq!(code, Some(ErrorCode::RecordTampered));
    // A decision twice, and one that is said to have been replaced by what it decided about.
    let twice = [seen(&brought), seen(&approved(&brought)), seen(&approved(&brought))];
    assert_eq!(after(&twice).2, [LogAlarm::OutOfOrder { seq: 3, record: RECORD }]);
    let (code, _, alarms) = after(&[seen(&brought), replaced(&approved(&brought)), seen(&brought)]);
    assert!(code.is_none() && alarms == [LogAlarm::OutOfOrder { seq: 3, record: RECORD }], "{code:?} {alarms:?}");
    // Said to have been replaced, and nothing came.
    assert_eq!(after(&[seen(&brought), replaced(&approved(&brought))]).0, Some(ErrorCode::RecordRolledBack));
}

#[test]
fn t043_an_approval_that_is_taken_back_by_the_server_is_named() {
    let brought = written(&version(1, Hash::ZERO, 1));
    let mut listing = Listing::default();
    listing.take(1, News::Version(brought.clone()));
    let known = listing.entries[&RECORD].clone();
    assert_eq!(follows(&known, &approved(&brought)), Ok(()));
    listing.take(2, News::Version(approved(&brought)));
    let known = listing.entries[&RECORD].clone();
    assert_eq!(follows(&known, &brought), Err(ErrorCode::RecordRolledBack));
    assert_eq!(follows(&known, &written(&version(1, Hash::ZERO, 2))), Err(ErrorCode::RecordTampered));
    assert_eq!(follows(&known, &approved(&version(1, Hash::ZERO, 2))), Err(ErrorCode::RecordTampered));
    // Control: the same again, as when the log is read from its beginning.
    assert_eq!(follows(&known, &approved(&brought)), Ok(()));
    // One that names an earlier link than a change before it was dated back.
    listing
        .take(3, News::Version(Seen { record: glimpse_wire::RecordId([9; 16]), head: 5, ..version(1, Hash::ZERO, 9) }));
    let late = Seen { record: glimpse_wire::RecordId([8; 16]), head: 4, ..approved(&brought) };
    listing.take(4, News::Version(late));
    assert_eq!(trouble(&listing.entries[&glimpse_wire::RecordId([8; 16])]), Some(ErrorCode::RecordTampered));
}
