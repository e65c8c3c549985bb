use ed25519_dalek::SigningKey;
use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::{Change, Envelope, Header};
use glimpse_wire::size::{SEALED_CHUNK, sealed};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::{Http, Phone, envelope, noise, public, random, sign};
use crate::leftovers::files_with;

#[tokio::test]
async fn a_record_from_mint_to_deletion() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let first = phone.add(200_000).await;
    let h0 = first.envelope.header.h0();

    let page = phone.list(0).await;
    let [Change::Version { seq: 1, envelope }] = page.changes.as_slice() else { panic!("{page:?}") };
    assert_eq!(Envelope::parse(envelope.as_slice()), Ok(first.envelope.clone()));
    assert_eq!((page.next, page.more), (1, false));

    let path = format!("/v1/contents/{h0}");
    assert_eq!(phone.http.get(&path).await.body, first.content);
    let chunk = usize::try_from(SEALED_CHUNK).expect("small");
    let request = phone.http.request(Method::GET, &path);
    let part = phone.http.send(request.header("range", format!("bytes={chunk}-{}", 2 * chunk - 1))).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers["content-range"], format!("bytes {chunk}-{}/{}", 2 * chunk - 1, first.content.len()));
    assert_eq!(part.body, first.content[chunk..2 * chunk]);

    assert_eq!(phone.release(&first).await.json::<Share>(), first.share, "the share that was minted");

    // The next version replaces it in the listing; publishing it again changes nothing.
    let second = phone.prepare(phone.header(first.envelope.header.record, Some(&first), 50)).await;
    phone.publish(&second).await.ok();
    let again: Published = phone.publish(&second).await.json();
    assert_eq!(again.seq, 2);
    let page = phone.list(0).await;
    let replaced = Change::Replaced {
        seq: 1,
        record: first.envelope.header.record,
        version: 1,
        h1: first.envelope.h1(),
        kind: Change::VERSION,
    };
    assert!(matches!(page.changes.as_slice(), [old, Change::Version { seq: 2, .. }] if *old == replaced), "{page:?}");
    assert_eq!(phone.release(&first).await.code(), ErrorCode::NotFound, "only the newest version opens");
    assert_eq!(phone.release(&second).await.json::<Share>(), second.share);

    // Deletion names what its signer saw; a stale one deletes nothing.
    assert_eq!(phone.delete(&first).await.code(), ErrorCode::Conflict);
    phone.delete(&second).await.ok();
    phone.delete(&second).await.ok();
    let page = phone.list(2).await;
    assert!(matches!(page.changes.as_slice(), [Change::Deleted { seq: 3, .. }]), "{page:?}");
    assert_eq!(phone.release(&second).await.code(), ErrorCode::NotFound);
    for version in [&first, &second] {
        assert_eq!(
            phone.http.get(&format!("/v1/contents/{}", version.envelope.header.h0())).await.code(),
            ErrorCode::NotFound
        );
        assert_eq!(files_with(server.data(), &version.content[..32]), Vec::<String>::new(), "gone from disk");
    }
    // The id stays used: a deleted record does not come back under it.
    let revived = phone.prepare(phone.header(first.envelope.header.record, None, 5)).await;
    assert_eq!(phone.publish(&revived).await.code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn versions_swap_only_with_the_one_they_follow() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let first = phone.add(10).await;
    let record = first.envelope.header.record;
    let ours = phone.prepare(phone.header(record, Some(&first), 20)).await;
    let theirs = phone.prepare(phone.header(record, Some(&first), 30)).await;
    phone.publish(&ours).await.ok();
    assert_eq!(phone.publish(&theirs).await.code(), ErrorCode::Conflict, "lost the race");
    let skips = phone.prepare(Header { version: 4, ..phone.header(record, Some(&ours), 10) }).await;
    assert_eq!(phone.publish(&skips).await.code(), ErrorCode::Conflict);
    let fresh = phone.prepare(Header { version: 1, previous: Hash::ZERO, ..phone.header(record, None, 10) }).await;
    assert_eq!(phone.publish(&fresh).await.code(), ErrorCode::Conflict);
    let changes = phone.list(0).await.changes;
    assert!(matches!(changes.as_slice(), [Change::Replaced { seq: 1, .. }, Change::Version { seq: 2, .. }]));
}

#[tokio::test]
async fn half_a_record_is_never_visible() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let header = phone.header(RecordId(random()), None, 100);
    let path = format!("/v1/contents/{}", header.h0());
    let content = noise(sealed(header.size));
    assert_eq!(phone.http.bytes(Method::PUT, &path, content.clone()).await.code(), ErrorCode::NotFound, "not minted");

    let share = phone.mint(&header).await;
    assert_eq!(phone.mint(&header).await, share, "asked again, the same share");
    let whole = envelope(header, share.kid, &content, phone.head, Bytes::default(), &phone.key);
    let publish = |envelope: &Envelope| phone.http.bytes(Method::POST, "/v1/records", envelope.to_bytes());
    assert_eq!(publish(&whole).await.code(), ErrorCode::RecordTampered, "no content yet");
    let mut other = content.clone();
    other[77] ^= 1;
    phone.http.bytes(Method::PUT, &path, other).await.ok();
    assert_eq!(publish(&whole).await.code(), ErrorCode::RecordTampered, "one bit of the content differs");
    phone.http.bytes(Method::PUT, &path, content[..content.len() - 1].to_vec()).await.ok();
    assert_eq!(publish(&whole).await.code(), ErrorCode::RecordTampered, "one byte is missing");
    assert_eq!(phone.http.get(&path).await.code(), ErrorCode::NotFound, "nothing of it can be read");
    assert_eq!(phone.list(0).await.changes.len(), 0);

    phone.http.bytes(Method::PUT, &path, content.clone()).await.ok();
    let other_kid = envelope(header, share.kid + 1, &content, phone.head, Bytes::default(), &phone.key);
    assert_eq!(publish(&other_kid).await.code(), ErrorCode::Conflict, "another kid than was minted");
    let stranger = SigningKey::from_bytes(&random());
    let forged = envelope(header, share.kid, &content, phone.head, Bytes::default(), &stranger);
    assert_eq!(publish(&forged).await.code(), ErrorCode::Unauthorised, "signed by nobody of the account");
    let stale = account_head(&phone);
    let unknown_head = envelope(header, share.kid, &content, stale, Bytes::default(), &phone.key);
    assert_eq!(publish(&unknown_head).await.code(), ErrorCode::Conflict, "a head that the chain does not have");
    publish(&whole).await.ok();
    assert_eq!(
        phone.http.bytes(Method::PUT, &path, content).await.code(),
        ErrorCode::Conflict,
        "published is published"
    );
    let scope = ShareScope::Record { record: header.record, version: 1, h0: header.h0() };
    let again = phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await;
    assert_eq!(again.code(), ErrorCode::Conflict, "a published share is released and logged, never minted again");
}

fn account_head(phone: &Phone) -> account::Head {
    account::Head { seq: phone.head.seq, hash: Hash(random()) }
}

#[tokio::test]
async fn t073_a_share_minted_for_one_version_publishes_no_other() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (a, b) = (phone.header(RecordId(random()), None, 10), phone.header(RecordId(random()), None, 10));
    let share = phone.mint(&a).await;
    // The content of B cannot even arrive under A's reservation, nor B be published with A's share.
    let content = noise(sealed(b.size));
    let path = format!("/v1/contents/{}", b.h0());
    assert_eq!(phone.http.bytes(Method::PUT, &path, content.clone()).await.code(), ErrorCode::NotFound);
    let crossed = envelope(b, share.kid, &content, phone.head, Bytes::default(), &phone.key);
    assert_eq!(phone.http.bytes(Method::POST, "/v1/records", crossed.to_bytes()).await.code(), ErrorCode::Conflict);
    // The same h0 under another record or version is another question.
    for scope in [
        ShareScope::Record { record: b.record, version: 1, h0: a.h0() },
        ShareScope::Record { record: a.record, version: 2, h0: a.h0() },
    ] {
        let said = phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await;
        assert_eq!(said.code(), ErrorCode::Conflict);
    }
    // Control: with a share of its own, B is published, and the two shares differ.
    let published = phone.prepare(b).await;
    phone.publish(&published).await.ok();
    assert_ne!(published.share.share, share.share);
}

#[tokio::test]
async fn reservations_and_uploads_that_nobody_uses_die() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.staged_upload_seconds = 900).await;
    let phone = Phone::new(&server).await;
    let kept = phone.add(10).await;
    let unused = phone.prepare(phone.header(RecordId(random()), None, 10)).await;
    let blobs = || std::fs::read_dir(server.data().join("blobs")).expect("a folder").count();
    assert_eq!(blobs(), 2);

    clock.advance(Duration::from_secs(599));
    server.running().sweep().await.expect("swept");
    assert_eq!(phone.mint(&unused.envelope.header).await, unused.share, "control: still reserved, and for longer");
    clock.advance(Duration::from_secs(601));
    server.running().sweep().await.expect("swept");
    assert_eq!(phone.publish(&unused).await.code(), ErrorCode::Conflict, "the reservation died");
    assert_eq!(blobs(), 1, "and so did the upload");
    assert_ne!(phone.mint(&unused.envelope.header).await, unused.share, "a fresh r");
    assert_eq!(phone.release(&kept).await.json::<Share>(), kept.share, "control: what was published stays");
}

#[tokio::test]
async fn listings_come_in_pages_by_the_order_of_change() {
    let server = TestServer::start_with(Arc::new(ManualClock::at_wall()), |settings| settings.limits.page = 3).await;
    let phone = Phone::new(&server).await;
    let mut versions = Vec::new();
    for _ in 0..7 {
        versions.push(phone.add(1).await);
    }
    phone.delete(&versions[1]).await.ok();
    let (mut seen, mut replaced) = (Vec::new(), Vec::new());
    let mut after = 0;
    loop {
        let page = phone.list(after).await;
        assert!(page.changes.len() <= 3);
        replaced.extend(page.changes.iter().filter_map(|change| match change {
            Change::Replaced { seq, .. } => Some(*seq),
            _ => None,
        }));
        seen.extend(page.changes.iter().map(|change| match change {
            Change::Version { seq, .. }
            | Change::Pending { seq, .. }
            | Change::Deleted { seq, .. }
            | Change::Decided { seq, .. }
            | Change::Replaced { seq, .. } => *seq,
        }));
        after = page.next;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(replaced, [2], "by 8, a deletion");
    assert_eq!(phone.list(after).await.changes.len(), 0);
}

#[tokio::test]
async fn t072_a_device_is_given_no_more_shares_than_its_rate_however_it_asks() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.releases_per_device = 20).await;
    let phone = Arc::new(Phone::new(&server).await);
    let version = Arc::new(phone.add(10).await);
    let asked = (0..200).map(|_| {
        let (phone, version) = (Arc::clone(&phone), Arc::clone(&version));
        tokio::spawn(async move { phone.release(&version).await.status })
    });
    let mut given = 0;
    for answer in asked.collect::<Vec<_>>() {
        match answer.await.expect("an answer") {
            StatusCode::OK => given += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(given, 20);
    let refused = phone.release(&version).await;
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    assert_eq!(refused.headers["retry-after"], "3");
    clock.advance(Duration::from_secs(3));
    phone.release(&version).await.ok();
}

#[tokio::test]
async fn a_writer_submits_and_a_device_decides() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let key = SigningKey::from_bytes(&random());
    let header = Header { author: preimage::writer_id(&public(&key)), ..phone.header(RecordId(random()), None, 40) };
    let ask = WriterMint {
        suite: SUITE,
        account: phone.account,
        writer: public(&key),
        record: header.record,
        h0: header.h0(),
        at: phone.now().await,
    };
    let signed: SignedJson = sign(&key, StatementKind::WriterMint, &ask).into();
    let stranger = SigningKey::from_bytes(&random());
    let forged: SignedJson = sign(&stranger, StatementKind::WriterMint, &ask).into();
    assert_eq!(http.post("/v1/writes/shares", &forged).await.code(), ErrorCode::Unauthorised);
    let minted: Minted = http.post("/v1/writes/shares", &signed).await.json();
    let again: Minted = http.post("/v1/writes/shares", &signed).await.json();
    assert_eq!(minted.shares, again.shares);
    let writer = http.with(minted.upload.expect("a token"));

    let content = noise(sealed(header.size));
    let elsewhere = format!("/v1/contents/{}", Hash(random()));
    assert_eq!(writer.bytes(Method::PUT, &elsewhere, content.clone()).await.code(), ErrorCode::Unauthorised);
    writer.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content.clone()).await.ok();
    let kid = minted.shares[0].kid;
    let written = envelope(header, kid, &content, phone.head, Bytes(public(&key).0.to_vec()), &key);
    let mut unsigned = written.clone();
    unsigned.signature.0[0] ^= 1;
    assert_eq!(writer.bytes(Method::POST, "/v1/writes", unsigned.to_bytes()).await.code(), ErrorCode::Unauthorised);
    let said = writer.bytes(Method::POST, "/v1/writes", written.to_bytes()).await;
    assert_eq!(said.status, StatusCode::ACCEPTED);
    // A writer reads nothing back: its token is for this upload alone.
    assert_eq!(writer.get(&format!("/v1/contents/{}", header.h0())).await.code(), ErrorCode::Unauthorised);
    assert_eq!(writer.get("/v1/records").await.code(), ErrorCode::Unauthorised);

    let page = phone.list(0).await;
    assert!(matches!(page.changes.as_slice(), [Change::Pending { .. }]), "parked, and never like the user's own");
    assert_eq!(phone.http.get(&format!("/v1/contents/{}", header.h0())).await.body, content);
    let version = crate::actors::Version { envelope: written, content, share: minted.shares[0].clone() };
    assert_eq!(phone.release(&version).await.json::<Share>(), version.share);
    phone.delete(&version).await.ok();
    let changes = phone.list(0).await.changes;
    assert!(matches!(changes.as_slice(), [Change::Replaced { kind: Change::PENDING, .. }, Change::Deleted { .. }]));
}

#[tokio::test]
async fn a_deletion_under_another_head_is_refused() {
    let server = TestServer::start().await;
    let mut phone = Phone::new(&server).await;
    let version = phone.add(10).await;
    let head = std::mem::replace(&mut phone.head, account::Head { seq: 1, hash: Hash(random()) });
    assert_eq!(phone.delete(&version).await.code(), ErrorCode::Conflict);
    phone.release(&version).await.ok();
    phone.head = head;
    phone.delete(&version).await.ok();
    assert_eq!(phone.release(&version).await.code(), ErrorCode::NotFound, "control");
}
