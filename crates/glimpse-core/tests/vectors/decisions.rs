//! A device's word that the owner takes what a writer brought, and what is no such word.

use glimpse_core::keys::{DeviceKeys, WriterKeys};
use glimpse_core::record::{Author, Origin};
use glimpse_wire::account::{Head, Signed};
use glimpse_wire::limits::MAX_SIGNED;
use glimpse_wire::preimage::{StatementKind, log_leaf};
use glimpse_wire::record::{Change, Decision, Envelope};
use glimpse_wire::{AccountId, AuthorId, Hash, RecordId, SUITE, UnixMillis, decode, encode};

use crate::sheet::Sheet;
use crate::tape::Tape;
use crate::{hand, rest};

/// That of record-writer.json.
fn envelope() -> Envelope {
    let writer = WriterKeys::generate(&mut Tape::new(&hand::drawn::<32>("writer signing seed")));
    rest::sealed(&rest::account(), Author::Writer(&writer), "Practice", b"Dear patient").0
}

fn decision() -> Decision {
    let (account, envelope) = (rest::account(), envelope());
    Decision {
        suite: SUITE,
        account: account.chain.account(),
        record: envelope.header.record,
        version: envelope.header.version,
        h1: envelope.h1(),
        writer: envelope.header.author,
        at: UnixMillis(1_700_000_000_000),
        head: account.chain.head(),
        device: account.device.id(),
    }
}

fn signed(decision: &Decision) -> Signed {
    rest::account().device.signing().sign_statement(StatementKind::Decision, decision)
}

pub(crate) fn decision_sheet() -> Sheet {
    let account = rest::account();
    let (decision, envelope) = (decision(), envelope());
    let signed = signed(&decision);
    let opened = rest::opened(&account, &envelope).approved(&signed, &account.device.public()).unwrap();
    assert_eq!(opened.origin(), Origin::Approved(decision.writer));
    let leaf = |kind| log_leaf(&decision.record, decision.version, &decision.h1, kind);
    Sheet::about(
        "The device of account.json approves the version of record-writer.json. The leaves are those of the log: of the \
         version as it came, and of the decision.",
    )
    .bytes("account", decision.account.0)
    .bytes("record", decision.record.0)
    .number("version", decision.version)
    .bytes("h1", decision.h1.0)
    .bytes("writer_id", decision.writer.0)
    .number("at", decision.at.0)
    .bytes("device_id", decision.device.0)
    .bytes("statement", signed.statement.as_slice())
    .bytes("signature", signed.signature.0)
    .bytes("signed", encode(&signed))
    .bytes("leaf_written", leaf(Change::PENDING))
    .bytes("leaf_approved", leaf(Change::APPROVED))
}

/// What is no decision about that version: name, what it shows, bytes.
pub(crate) fn faults() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let honest = decision();
    let edited = |edit: fn(&mut Decision)| {
        let mut decision = honest;
        edit(&mut decision);
        encode(&signed(&decision))
    };
    let stranger = DeviceKeys::generate(&mut Tape::new(&hand::drawn::<64>("stranger")));
    let by_stranger = stranger.signing().sign_statement(StatementKind::Decision, &honest);
    let foreign = Decision { device: stranger.id(), ..honest };
    let foreign = stranger.signing().sign_statement(StatementKind::Decision, &foreign);
    let checkpoint = rest::account().device.signing().sign_statement(StatementKind::Checkpoint, &honest);
    vec![
        ("decision-other-suite", "Suite 2.", edited(|decision| decision.suite = 2)),
        ("decision-other-account", "Another account.", edited(|decision| decision.account = AccountId([1; 32]))),
        ("decision-other-record", "Another record.", edited(|decision| decision.record = RecordId([1; 16]))),
        ("decision-other-version", "The next version.", edited(|decision| decision.version = 2)),
        ("decision-other-h1", "Another content of the same version.", edited(|decision| decision.h1 = Hash([1; 32]))),
        ("decision-other-writer", "Another writer.", edited(|decision| decision.writer = AuthorId([1; 32]))),
        (
            "decision-other-head",
            "A link that the chain does not have.",
            edited(|decision| decision.head = Head { seq: 0, hash: Hash([1; 32]) }),
        ),
        ("decision-other-signature", "Signed by another key than that of the device it names.", encode(&by_stranger)),
        ("decision-foreign-device", "Signed by a device that does not belong.", encode(&foreign)),
        ("decision-other-label", "Signed as a checkpoint.", encode(&checkpoint)),
    ]
}

pub(crate) fn honest() -> Vec<u8> {
    encode(&signed(&decision()))
}

/// What a device does with a decision that came with that version.
pub(crate) fn outcome(bytes: &[u8]) -> String {
    let (account, envelope) = (rest::account(), envelope());
    let taken = || {
        let signed: Signed = decode(bytes, MAX_SIGNED).ok()?;
        let claimed: Decision = signed.peek().ok()?;
        let member = account.chain.active_at(&claimed.device, &claimed.head)?;
        rest::opened(&account, &envelope).approved(&signed, &member.device).ok()
    };
    taken().map_or_else(|| "refused".to_owned(), |_opened| "accepted".to_owned())
}
