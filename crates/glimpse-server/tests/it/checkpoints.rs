//! The log of changes and its checkpoints, as the server keeps them.

use glimpse_server::test_server::TestServer;
use glimpse_wire::account::Signed;
use glimpse_wire::api::SignedJson;
use glimpse_wire::limits::MAX_CHECKPOINT_JUMP;
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::preimage::{StatementKind, checkpoint_hash, log_leaf};
use glimpse_wire::record::{Change, Checkpoint, Deletion, Envelope};
use glimpse_wire::{ErrorCode, Hash, SUITE, UnixMillis, decode, encode};
use reqwest::{Method, StatusCode};

use crate::actors::{Phone, Said, sign};

const PATH: &str = "/v1/account/checkpoint";

fn checkpoint(phone: &Phone, number: u64, previous: Hash, count: u64) -> Checkpoint {
    Checkpoint {
        suite: SUITE,
        account: phone.account,
        number,
        previous,
        head: phone.head,
        count,
        root: Hash([9; 32]),
        at: UnixMillis(1),
        device: phone.device,
    }
}

async fn put(phone: &Phone, checkpoint: &Checkpoint) -> Said {
    let signed: SignedJson = sign(&phone.key, StatementKind::Checkpoint, checkpoint).into();
    phone.http.json(Method::PUT, PATH, &signed).await
}

fn hash(checkpoint: &Checkpoint) -> Hash {
    checkpoint_hash(&encode(checkpoint))
}

/// The leaf of a change, as a device computes it.
fn leaf(change: &Change) -> Vec<u8> {
    let version = |envelope: &[u8], kind| {
        let envelope = Envelope::parse(envelope).expect("an envelope");
        log_leaf(&envelope.header.record, envelope.header.version, &envelope.h1(), kind)
    };
    match change {
        Change::Version { envelope, .. } => version(envelope.as_slice(), Change::VERSION),
        Change::Pending { envelope, .. } => version(envelope.as_slice(), Change::PENDING),
        Change::Decided { envelope, .. } => version(envelope.as_slice(), Change::APPROVED),
        Change::Deleted { deletion, .. } => {
            let signed: Signed = decode(deletion.as_slice(), usize::MAX).expect("a statement");
            let deletion: Deletion = signed.peek().expect("a deletion");
            log_leaf(&deletion.record, deletion.version, &deletion.h1, Change::DELETED)
        }
        Change::Replaced { record, version, h1, kind, .. } => log_leaf(record, *version, h1, *kind),
    }
}

fn root(changes: &[Change]) -> Hash {
    let mut tree = MerkleTree::new();
    changes.iter().for_each(|change| tree.push(&leaf(change)));
    tree.root()
}

#[tokio::test]
async fn a_change_stays_the_same_leaf_when_another_takes_its_place() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let first = phone.add(10).await;
    let kept = phone.add(10).await;
    let before = phone.list(0).await.changes;
    let second = phone.prepare(phone.header(first.envelope.header.record, Some(&first), 20)).await;
    phone.publish(&second).await.ok();
    phone.delete(&second).await.ok();
    let after = phone.list(0).await;
    assert_eq!(after.changes.len(), 4);
    assert_eq!((after.next, after.newest, after.more, after.head), (4, 4, false, phone.head));
    assert_ne!(before[0], after.changes[0], "its envelope is gone");
    assert_eq!(root(&after.changes[..2]), root(&before), "its leaf is not");
    assert_eq!(before[1], after.changes[1]);
    assert!(matches!(&after.changes[2], Change::Replaced { version: 2, h1, .. } if *h1 == second.envelope.h1()));
    assert!(matches!(after.changes[3], Change::Deleted { seq: 4, .. }));
    assert_eq!(after.checkpoint, []);
    phone.delete(&kept).await.ok();
    let numbers = phone.list(3).await;
    assert_eq!((numbers.changes.len(), numbers.next, numbers.more), (2, 5, false));
}

#[tokio::test]
async fn a_checkpoint_takes_the_place_of_the_one_that_it_names() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    for _ in 0..4 {
        phone.add(10).await;
    }
    let first = checkpoint(&phone, 1, Hash::ZERO, 1);
    assert_eq!(put(&phone, &checkpoint(&phone, 1, Hash([1; 32]), 1)).await.code(), ErrorCode::Conflict);
    assert_eq!(put(&phone, &first).await.status, StatusCode::NO_CONTENT);
    assert_eq!(put(&phone, &first).await.status, StatusCode::NO_CONTENT, "its answer was lost");
    // Another one that follows the same, one that follows nothing, and one that goes back.
    let second = checkpoint(&phone, 2, hash(&first), 3);
    put(&phone, &second).await.ok();
    for late in [
        Checkpoint { root: Hash([8; 32]), ..second },
        Checkpoint { number: 3, previous: hash(&first), ..second },
        Checkpoint { number: 3, previous: hash(&second), count: 3, ..second },
        Checkpoint { number: 3, previous: hash(&second), count: 2, ..second },
        Checkpoint { number: 3, previous: hash(&second), count: 5, ..second },
        first,
    ] {
        assert_eq!(put(&phone, &late).await.code(), ErrorCode::Conflict, "{late:?}");
    }
    let page = phone.list(0).await;
    let [stored] = page.checkpoint.as_slice() else { panic!("{page:?}") };
    assert_eq!(stored.open(StatementKind::Checkpoint, &crate::actors::public(&phone.key)), Ok(second));
    // By a device that knows checkpoints which this server has lost.
    let later = checkpoint(&phone, 9, Hash([7; 32]), 4);
    assert_eq!(put(&phone, &later).await.status, StatusCode::NO_CONTENT);
    assert_eq!(phone.list(0).await.checkpoint[0].statement.as_slice(), encode(&later));
}

#[tokio::test]
async fn a_checkpoint_is_signed_by_the_device_about_its_account_at_the_newest_head() {
    let server = TestServer::start().await;
    let (phone, other) = (Phone::new(&server).await, Phone::new(&server).await);
    phone.add(10).await;
    let good = checkpoint(&phone, 1, Hash::ZERO, 1);
    let malformed = [
        Checkpoint { suite: 2, ..good },
        Checkpoint { account: other.account, ..good },
        Checkpoint { device: other.device, ..good },
        Checkpoint { number: 0, ..good },
        Checkpoint { number: u64::MAX, ..good },
    ];
    for bad in malformed {
        assert_eq!(put(&phone, &bad).await.code(), ErrorCode::Malformed, "{bad:?}");
    }
    let mut head = good.head;
    head.seq += 1;
    assert_eq!(put(&phone, &Checkpoint { head, ..good }).await.code(), ErrorCode::Conflict);
    let signatures = [
        sign(&other.key, StatementKind::Checkpoint, &good),
        sign(&phone.key, StatementKind::Deletion, &good),
        Signed {
            statement: encode(&checkpoint(&phone, 1, Hash::ZERO, 0)).into(),
            ..sign(&phone.key, StatementKind::Checkpoint, &good)
        },
    ];
    for signed in signatures {
        assert_eq!(phone.http.json(Method::PUT, PATH, &SignedJson::from(signed)).await.code(), ErrorCode::Unauthorised);
    }
    assert_eq!(phone.list(0).await.checkpoint, []);
    put(&phone, &good).await.ok();
    assert_eq!(phone.list(0).await.checkpoint.len(), 1, "control");
}

#[tokio::test]
async fn a_checkpoint_cannot_use_all_numbers_up() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    for _ in 0..3 {
        phone.add(10).await;
    }
    let jump = |from: u64, count: u64| checkpoint(&phone, from + MAX_CHECKPOINT_JUMP, Hash([7; 32]), count);
    for (number, count) in [(2, 1), (1 << 62, 1)] {
        let far = jump(number, count);
        assert_eq!(put(&phone, &far).await.code(), ErrorCode::Malformed, "{number}");
    }
    // Control: as far as that it may be ahead, of what is stored or of the count.
    put(&phone, &jump(1, 1)).await.ok();
    assert_eq!(put(&phone, &jump(MAX_CHECKPOINT_JUMP + 2, 2)).await.code(), ErrorCode::Malformed);
    put(&phone, &jump(MAX_CHECKPOINT_JUMP + 1, 2)).await.ok();
}
