//! The log of an account's changes: leaves, roots, and what a device signs of them.

use glimpse_wire::account::Signed;
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::preimage::{StatementKind, checkpoint_hash, log_leaf};
use glimpse_wire::record::{Change, Checkpoint};
use glimpse_wire::{Hash, RecordId, SUITE, UnixMillis};
use sha2::{Digest, Sha256};

use crate::sheet::Sheet;
use crate::{hand, rest};

/// RFC 6962 section 2.1, from its definition.
fn root(leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            Sha256::new().chain_update([1]).chain_update(root(left)).chain_update(root(right)).finalize().into()
        }
    }
}

pub(crate) fn checkpoints_sheet() -> Sheet {
    let account = rest::account();
    let record = |name: &str| RecordId(hand::drawn(name));
    let h1 = |name: &str| Hash(hand::drawn(name));
    let changes = [
        (record("log record a"), 1, h1("log a1"), Change::VERSION),
        (record("log record b"), 1, h1("log b1"), Change::PENDING),
        (record("log record a"), 2, h1("log a2"), Change::VERSION),
        (record("log record c"), 1, h1("log c1"), Change::VERSION),
        (record("log record a"), 2, h1("log a2"), Change::DELETED),
        (record("log record b"), 2, h1("log b2"), Change::VERSION),
        (record("log record c"), 2, h1("log c2"), Change::VERSION),
    ];
    let leaves: Vec<Vec<u8>> =
        changes.iter().map(|(record, version, h1, kind)| log_leaf(record, *version, h1, *kind)).collect();
    let mut tree = MerkleTree::new();
    let listed = changes.iter().zip(&leaves).enumerate().map(|(place, ((record, version, h1, kind), leaf))| {
        tree.push(leaf);
        let so_far = root(&leaves[..=place]);
        assert_eq!(tree.root().0, so_far);
        Sheet::default()
            .bytes("record", record.0)
            .number("version", *version)
            .bytes("h1", h1.0)
            .number("kind", u64::from(*kind))
            .bytes("leaf", leaf)
            .bytes("root", so_far)
    });
    let listed = listed.collect();
    let sign = |number: u64, previous: Hash, count: usize| {
        let checkpoint = Checkpoint {
            suite: SUITE,
            account: account.chain.account(),
            number,
            previous,
            head: account.chain.head(),
            count: u64::try_from(count).unwrap(),
            root: Hash(root(&leaves[..count])),
            at: UnixMillis(1_700_000_000_000),
            device: account.device.id(),
        };
        let signed: Signed = account.device.signing().sign_statement(StatementKind::Checkpoint, &checkpoint);
        let hash = checkpoint_hash(signed.statement.as_slice());
        let sheet = Sheet::default()
            .number("number", number)
            .bytes("previous", previous.0)
            .number("count", checkpoint.count)
            .bytes("statement", signed.statement.as_slice())
            .bytes("signature", signed.signature.0)
            .bytes("hash", hash.0);
        (sheet, hash)
    };
    let (first, previous) = sign(1, Hash::ZERO, 4);
    let (second, _) = sign(2, previous, 7);
    Sheet::about(
        "The log of seven changes, the root after each, and two checkpoints by the device of account.json. Records and h1 \
         are stand-ins. Kinds: 1 by a device, 2 by a writer, 3 deletion.",
    )
    .bytes("root_of_none", root(&[]))
    .list("changes", listed)
    .list("checkpoints", vec![first, second])
}
