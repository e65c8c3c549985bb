//! What may come after what was seen. Whole listings are in `tests/it/records.rs`.

use glimpse_wire::account::Head;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::record::Header;
use glimpse_wire::{AccountId, AuthorId, SUITE, Salt};

use super::*;

fn envelope(version: u64, previous: Hash, salt: u8) -> Envelope {
    let header = Header {
        suite: SUITE,
        account: AccountId([1; 32]),
        record: RecordId([2; 16]),
        version,
        previous,
        epoch: 1,
        author: AuthorId([3; 32]),
        created: UnixMillis(5),
        salt: Salt([salt; 32]),
        size: 512,
    };
    Envelope {
        header,
        kid: 1,
        wrapped: Bytes(Vec::new()),
        commit_meta: Hash::ZERO,
        sealed_meta: Bytes(Vec::new()),
        commit_content: Hash::ZERO,
        content_root: Hash::ZERO,
        head: Head { seq: 0, hash: Hash::ZERO },
        writer: Bytes(Vec::new()),
        signature: SignatureBytes([0; 64]),
    }
}

fn seen(envelope: &Envelope, standing: Standing) -> Entry {
    let header = &envelope.header;
    Entry {
        record: header.record,
        version: header.version,
        h1: envelope.h1(),
        seq: 1,
        created: header.created,
        meta: None,
        standing,
    }
}

#[test]
fn only_the_same_and_what_was_made_from_it_may_follow() {
    let first = envelope(1, Hash::ZERO, 1);
    let second = envelope(2, first.h1(), 2);
    let known = seen(&second, Standing::Own);
    let judge = |envelope: &Envelope| follows(&known, envelope, &envelope.h1());
    assert_eq!(judge(&second), Ok(()));
    assert_eq!(judge(&envelope(3, second.h1(), 3)), Ok(()));
    assert_eq!(judge(&envelope(5, Hash([9; 32]), 3)), Ok(()), "those between were not seen");
    assert_eq!(judge(&first), Err(ErrorCode::RecordRolledBack));
    assert_eq!(judge(&envelope(2, first.h1(), 4)), Err(ErrorCode::RecordTampered), "another second version");
    assert_eq!(judge(&envelope(3, first.h1(), 3)), Err(ErrorCode::RecordTampered), "made from another second version");
    let deleted = seen(&second, Standing::Deleted);
    let third = envelope(3, second.h1(), 3);
    assert_eq!(follows(&deleted, &third, &third.h1()), Err(ErrorCode::RecordRolledBack));
}

#[test]
fn a_stored_listing_is_read_as_it_was_written_and_nothing_else_is() {
    let mut listing = Listing { cursor: 7, ..Listing::default() };
    let entry = seen(&envelope(1, Hash::ZERO, 1), Standing::Trouble { code: ErrorCode::RecordTampered });
    listing.entries.insert(entry.record, entry);
    let stored = listing.to_stored();
    assert_eq!(Listing::from_stored(&stored).unwrap(), listing);
    for cut in 0..stored.len() {
        let (front, _) = stored.split_at(cut);
        assert!(Listing::from_stored(front).is_err());
    }
}
