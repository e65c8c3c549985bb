//! What Terms and units the server takes of a device.

use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::pairing::{Terms, TermsUnit};
use glimpse_wire::preimage;
use glimpse_wire::session::UnitEnvelope;
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;

#[tokio::test]
async fn terms_are_amended_a_bounded_number_of_times() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let visit = phone.lend(vec![unit().1], |_| {}).await;
    let path = format!("/v1/sessions/{}/terms", visit.session);
    let amend = async |seq: u32| {
        let terms = Terms { seq, units: Vec::new(), ..visit.terms.clone() };
        phone.http.bytes(Method::POST, &path, phone.submission(&visit, &terms)).await
    };
    for seq in 2..=limits::MAX_TERMS_PER_SESSION {
        amend(seq).await.ok();
    }
    assert_eq!(amend(limits::MAX_TERMS_PER_SESSION + 1).await.code(), ErrorCode::TooLarge);
}

#[tokio::test]
async fn terms_are_checked_and_amended_in_order() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let version = phone.add(100_000).await;
    let (_, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
    // Registering it again by the same Terms is the answer to a lost answer.
    let again = phone.http.bytes(Method::POST, "/v1/sessions", phone.submission(&visit, &visit.terms)).await;
    assert_eq!(again.status, StatusCode::CREATED);

    let path = format!("/v1/sessions/{}/terms", visit.session);
    let amend = |terms: Terms| phone.http.bytes(Method::POST, &path, phone.submission(&visit, &terms));
    let blob = UnitId(random());
    let lent = TermsUnit::Blob { unit: blob, h0: version.envelope.header.h0() };
    let next = Terms { seq: 2, units: vec![lent], expires: visit.terms.issued.plus(120_000), ..visit.terms.clone() };
    let unknown = TermsUnit::Blob { unit: UnitId(random()), h0: Hash(random()) };
    for (bad, code) in [
        (Terms { seq: 3, ..next.clone() }, ErrorCode::Conflict),
        (Terms { viewer: public(&phone.key), ..next.clone() }, ErrorCode::Malformed),
        (Terms { expires: visit.terms.issued.plus(2 * 3_600_000 + 1), ..next.clone() }, ErrorCode::Malformed),
        (Terms { issued: UnixMillis(0), ..next.clone() }, ErrorCode::Malformed),
        (Terms { rights: 0, ..next.clone() }, ErrorCode::Malformed),
        (Terms { suite: 9, ..next.clone() }, ErrorCode::Malformed),
        (Terms { units: vec![listed], ..next.clone() }, ErrorCode::Conflict),
        (Terms { units: vec![lent, lent], ..next.clone() }, ErrorCode::Malformed),
        (Terms { units: vec![unknown], ..next.clone() }, ErrorCode::NotFound),
    ] {
        assert_eq!(amend(bad.clone()).await.code(), code, "{bad:?}");
    }
    amend(next.clone()).await.ok();
    amend(next.clone()).await.ok();

    // The blob's own ciphertext is served, once its unit, which holds the key, was opened.
    let later = Visit { terms: next, ..visit };
    let (_, key) = phone.seal_unit(&later, blob, 100).await;
    clock.advance(Duration::from_secs(90));
    let ciphertext = format!("{}/blob", unit_path(&later, &blob));
    assert_eq!(later.http.get(&ciphertext).await.code(), ErrorCode::NotFound);
    opened(&later.open(blob, 1).await);
    assert_eq!(later.http.get(&ciphertext).await.body, version.content, "extended past the first expiry");
    assert_eq!(later.content(&blob).await.body, key);
}

#[tokio::test]
async fn units_are_what_was_minted_and_listed_and_are_sealed_once() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    let salt = Salt(random());
    let good = UnitEnvelope {
        suite: SUITE,
        session: visit.session,
        unit: id,
        salt,
        terms: preimage::terms_hash(&encode(&visit.terms)),
        commit: Hash(random()),
        size: padded(10),
    };
    let content = noise(sealed(good.size));
    let path = unit_path(&visit, &id);
    let put =
        |envelope: UnitEnvelope, content: &[u8]| phone.http.bytes(Method::PUT, &path, unit_body(&envelope, content));
    assert_eq!(put(good, &content).await.code(), ErrorCode::NotFound, "no share was minted for this salt");
    let scope = ShareScope::Session { session: visit.session, unit: id, salt };
    let ask = MintRequest { shares: vec![scope, scope], head: None };
    let minted: Minted = phone.http.post("/v1/shares", &ask).await.json();
    assert_eq!(minted.shares[0], minted.shares[1], "idempotent");
    for bad in [
        UnitEnvelope { unit: UnitId(random()), ..good },
        UnitEnvelope { terms: Hash(random()), ..good },
        UnitEnvelope { suite: 2, ..good },
        UnitEnvelope { size: 513, ..good },
    ] {
        assert_eq!(put(bad, &content).await.code(), ErrorCode::Malformed, "{bad:?}");
    }
    assert_eq!(put(good, &content[1..]).await.code(), ErrorCode::Malformed, "cut off");
    assert_eq!(
        put(good, &[content.as_slice(), &[0]].concat()).await.code(),
        ErrorCode::TooLarge,
        "longer than it says"
    );
    let huge = UnitEnvelope { size: padded(64 * 1024 * 1024), ..good };
    assert_eq!(put(huge, &content).await.code(), ErrorCode::TooLarge, "refused before its content is looked at");
    put(good, &content).await.ok();
    put(good, &content).await.ok();
    assert_eq!(put(UnitEnvelope { commit: Hash(random()), ..good }, &content).await.code(), ErrorCode::Conflict);
    assert_eq!(opened(&visit.open(id, 1).await).envelope.0, encode(&good));
    let files = std::fs::read_dir(server.data().join("session-blobs")).expect("a folder").count();
    assert_eq!(files, 1, "refused uploads leave nothing");
}

#[tokio::test]
async fn a_session_that_ended_is_never_registered_again() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let mut phone = Phone::new(&server).await;
    let visit = phone.lend(vec![unit().1], |_| {}).await;
    phone.end(&visit).await.ok();
    let trail = phone.receipts(&visit.session).await.receipts;
    // Until nothing is left of it but its receipts.
    clock.advance(Duration::from_millis(limits::TOMBSTONE_MILLIS + 1_000));
    server.running().sweep().await.expect("swept");
    phone.sign_in().await;
    let mut again = phone.unsent_visit(vec![unit().1], |terms| terms.session = visit.session).await;
    let register = async |visit: &Visit| {
        phone.http.bytes(Method::POST, "/v1/sessions", phone.submission(visit, &visit.terms)).await
    };
    let mut said = vec![register(&again).await];
    // Nor by the very Terms of the transcript that it began with.
    again.transcript = visit.transcript;
    said.push(register(&again).await);
    let kept = phone.receipts(&visit.session).await.receipts;
    assert_eq!(kept, trail, "the trail ends where it ended");
    assert_eq!(said.pop().expect("two").code(), ErrorCode::Conflict);
    // Control: another session is taken.
    phone.lend(vec![unit().1], |_| {}).await;
}
