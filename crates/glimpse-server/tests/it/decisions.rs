//! What a writer brings waits until a device of the account decides: a decision, or a deletion.

use ed25519_dalek::SigningKey;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{Act, Head};
use glimpse_wire::api::{Minted, Published, SignedJson, WriterMint};
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::{Change, Decision, Header};
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};

use crate::actors::{Http, Phone, Said, Version, envelope, noise, public, random, sign};
use crate::family::Family;

/// What a new writer has submitted to a phone's account.
pub(crate) async fn written(phone: &Phone) -> Version {
    written_by(&SigningKey::from_bytes(&random()), phone).await
}

/// What the writer with `key` has submitted to a phone's account.
pub(crate) async fn written_by(key: &SigningKey, phone: &Phone) -> Version {
    let http = Http { token: None, ..phone.http.clone() };
    let header = Header { author: preimage::writer_id(&public(key)), ..phone.header(RecordId(random()), None, 40) };
    let ask = WriterMint {
        suite: SUITE,
        account: phone.account,
        writer: public(key),
        record: header.record,
        h0: header.h0(),
        at: phone.now().await,
    };
    let signed: SignedJson = sign(key, StatementKind::WriterMint, &ask).into();
    let minted: Minted = http.post("/v1/writes/shares", &signed).await.json();
    let writer = http.with(minted.upload.expect("a token"));
    let content = noise(sealed(header.size));
    writer.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content.clone()).await.ok();
    let share = minted.shares[0].clone();
    let envelope = envelope(header, share.kid, &content, phone.head, Bytes(public(key).0.to_vec()), key);
    let said = writer.bytes(Method::POST, "/v1/writes", envelope.to_bytes()).await;
    assert_eq!(said.status, StatusCode::ACCEPTED);
    Version { envelope, content, share }
}

/// What `phone` says when it approves `version`.
pub(crate) fn decision(phone: &Phone, version: &Version) -> Decision {
    let header = version.envelope.header;
    Decision {
        suite: SUITE,
        account: phone.account,
        record: header.record,
        version: header.version,
        h1: version.envelope.h1(),
        writer: header.author,
        at: UnixMillis(2),
        head: phone.head,
        device: phone.device,
    }
}

async fn send(phone: &Phone, record: RecordId, signed: &SignedJson) -> Said {
    phone.http.json(Method::PUT, &format!("/v1/records/{record}/decision"), signed).await
}

async fn decide(phone: &Phone, decision: &Decision) -> Said {
    send(phone, decision.record, &sign(&phone.key, StatementKind::Decision, decision).into()).await
}

fn kinds(changes: &[Change]) -> Vec<u8> {
    let kind = |change: &Change| match change {
        Change::Version { .. } => Change::VERSION,
        Change::Pending { .. } => Change::PENDING,
        Change::Deleted { .. } => Change::DELETED,
        Change::Decided { .. } => Change::APPROVED,
        // What it was, and that something came after it.
        Change::Replaced { kind, .. } => 100 + kind,
    };
    changes.iter().map(kind).collect()
}

#[tokio::test]
async fn what_is_approved_is_listed_with_its_decision_and_lives_on_like_any_record() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let version = written(&phone).await;
    let decision = decision(&phone, &version);
    let signed: SignedJson = sign(&phone.key, StatementKind::Decision, &decision).into();
    let first: Published = send(&phone, decision.record, &signed).await.json();
    let again: Published = send(&phone, decision.record, &signed).await.json();
    assert_eq!((first.seq, again.seq), (2, 2), "the same bytes again change nothing");
    let changes = phone.list(0).await.changes;
    assert_eq!(kinds(&changes), [100 + Change::PENDING, Change::APPROVED]);
    let Change::Decided { seq, envelope, decision: listed } = &changes[1] else { panic!() };
    assert_eq!((*seq, envelope.as_slice()), (2, version.envelope.to_bytes().as_slice()));
    assert_eq!(listed.as_slice(), encode(&account::Signed::from(signed)).as_slice());
    phone.release(&version).await.ok();
    let h0 = version.envelope.header.h0();
    assert_eq!(phone.http.get(&format!("/v1/contents/{h0}")).await.body, version.content);
    // A device's next version takes its place, and the decision goes with it.
    let next = phone.prepare(phone.header(decision.record, Some(&version), 10)).await;
    phone.publish(&next).await.ok();
    phone.delete(&next).await.ok();
    let expected = [100 + Change::PENDING, 100 + Change::APPROVED, 100 + Change::VERSION, Change::DELETED];
    assert_eq!(kinds(&phone.list(0).await.changes), expected);
    assert_eq!(decide(&phone, &decision).await.code(), ErrorCode::Conflict, "after the deletion");
}

#[tokio::test]
async fn what_is_rejected_is_gone_at_once_and_stays_so() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (version, other) = (written(&phone).await, written(&phone).await);
    phone.delete(&version).await.ok();
    let h0 = version.envelope.header.h0();
    assert_eq!(phone.http.get(&format!("/v1/contents/{h0}")).await.code(), ErrorCode::NotFound);
    assert_eq!(phone.release(&version).await.code(), ErrorCode::NotFound);
    assert_eq!(decide(&phone, &decision(&phone, &version)).await.code(), ErrorCode::Conflict);
    phone.release(&other).await.ok();
    decide(&phone, &decision(&phone, &other)).await.ok();
}

/// Row 55 of the catalogue, at the server: the decision is for one content.
#[tokio::test]
async fn t055_another_content_than_the_one_that_was_approved_takes_no_decision() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (shown, submitted) = (written(&phone).await, written(&phone).await);
    // Signed for the first text, offered for the record under which the second lies.
    let honest = decision(&phone, &submitted);
    let swapped = Decision { h1: shown.envelope.h1(), ..honest };
    assert_eq!(decide(&phone, &swapped).await.code(), ErrorCode::Conflict);
    // Control.
    decide(&phone, &honest).await.ok();
}

/// Row 56 of the catalogue, at the server.
#[tokio::test]
async fn t056_a_decision_for_anything_else_is_refused() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 3).await;
    for phone in &mut family.phones {
        phone.head = family.chain.head();
    }
    let [phone, tablet, lost] = &family.phones[..] else { panic!() };
    let stranger = Phone::new(&server).await;
    let (version, other) = (written(phone).await, written(phone).await);
    let honest = decision(phone, &version);
    let record = honest.record;
    let by = |key: &SigningKey, decision: &Decision| SignedJson::from(sign(key, StatementKind::Decision, decision));
    let elsewhere = Head { seq: 1, hash: Hash(random()) };
    let before = phone.list(0).await;
    for (what, signed, expected) in [
        ("another record's", by(&phone.key, &decision(phone, &other)), ErrorCode::Malformed),
        ("a later version", by(&phone.key, &Decision { version: 2, ..honest }), ErrorCode::Conflict),
        ("another account", by(&phone.key, &Decision { account: stranger.account, ..honest }), ErrorCode::Malformed),
        (
            "another writer",
            by(&phone.key, &Decision { writer: other.envelope.header.author, ..honest }),
            ErrorCode::Malformed,
        ),
        ("another suite", by(&phone.key, &Decision { suite: 2, ..honest }), ErrorCode::Malformed),
        ("another head", by(&phone.key, &Decision { head: elsewhere, ..honest }), ErrorCode::Conflict),
        ("in another's name", by(&phone.key, &Decision { device: tablet.device, ..honest }), ErrorCode::Malformed),
        ("by another", by(&tablet.key, &honest), ErrorCode::Unauthorised),
        ("as a deletion", sign(&phone.key, StatementKind::Deletion, &honest).into(), ErrorCode::Unauthorised),
    ] {
        assert_eq!(send(phone, record, &signed).await.code(), expected, "{what}");
    }
    assert_eq!(send(phone, RecordId(random()), &by(&phone.key, &honest)).await.code(), ErrorCode::Malformed);
    let nowhere = Decision { record: RecordId(random()), ..honest };
    assert_eq!(decide(phone, &nowhere).await.code(), ErrorCode::NotFound);
    // What a device wrote is its own, and needs none.
    let own = phone.add(10).await;
    assert_eq!(decide(phone, &decision(phone, &own)).await.code(), ErrorCode::Conflict);
    // A foreign device, with its own word, with this one's, and without a token.
    let foreign = Decision { device: stranger.device, ..honest };
    assert_eq!(decide(&stranger, &foreign).await.code(), ErrorCode::Malformed);
    assert_eq!(send(&stranger, record, &by(&phone.key, &honest)).await.code(), ErrorCode::Unauthorised);
    let nobody = Http { token: None, ..phone.http.clone() };
    let path = format!("/v1/records/{record}/decision");
    let asked = nobody.json(Method::PUT, &path, &by(&phone.key, &honest)).await;
    assert_eq!(asked.code(), ErrorCode::Unauthorised);
    assert_eq!(phone.list(0).await.changes[..2], before.changes[..], "nothing of it has changed anything");

    // A device that was taken out decides nothing, with a word from before or a new one.
    let lost_word = by(&lost.key, &Decision { device: lost.device, ..honest });
    let (lost_http, lost_id) = (lost.http.clone(), lost.device);
    let (epoch, wraps) = family.epoch([phone.device, tablet.device]);
    family.extend(0, Act::Revoke { devices: vec![lost_id], epoch }, wraps).await;
    assert_eq!(lost_http.json(Method::PUT, &path, &lost_word).await.code(), ErrorCode::DeviceRevoked);
    let phone = &family.phones[0];
    // Signed before the chain grew: its device names the newest link, or signs anew.
    assert_eq!(send(phone, record, &by(&phone.key, &honest)).await.code(), ErrorCode::Conflict);
    // Control.
    let newest = Decision { head: family.chain.head(), ..honest };
    decide(phone, &newest).await.ok();
    // What one device has said another need not say again: it hears that somebody was first.
    let tablet = &family.phones[1];
    let second = Decision { device: tablet.device, ..newest };
    assert_eq!(decide(tablet, &second).await.code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn approved_records_count_as_records_and_make_room_for_other_writers() {
    let clock = std::sync::Arc::new(glimpse_server::SystemClock::new());
    let server = TestServer::start_with(clock, |settings| {
        settings.limits.records_per_account = 1;
        settings.limits.pending_per_account = 1;
    })
    .await;
    let phone = Phone::new(&server).await;
    let first = written(&phone).await;
    decide(&phone, &decision(&phone, &first)).await.ok();
    let second = written(&phone).await;
    assert_eq!(decide(&phone, &decision(&phone, &second)).await.code(), ErrorCode::TooLarge);
    phone.delete(&first).await.ok();
    decide(&phone, &decision(&phone, &second)).await.ok();
}
