use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::pairing::{Terms, TermsUnit};
use glimpse_wire::preimage;
use glimpse_wire::session::{Event, Receipt, UnitEnvelope};
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;

/// Files under `folder` that hold `needle`, for tests of what is left behind.
pub(crate) fn files_with(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if std::fs::read(&path).expect("a file").windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Decodes receipts and checks that each names the hash of the one before.
fn chained(receipts: &[Bytes]) -> Vec<Receipt> {
    let mut previous = Hash::ZERO;
    let check = |(seq, bytes): (usize, &Bytes)| {
        let receipt: Receipt = decode(bytes.as_slice(), usize::MAX).expect("a receipt");
        assert_eq!((receipt.seq, receipt.previous), (seq as u64, previous));
        previous = preimage::receipt_hash(bytes.as_slice());
        receipt
    };
    receipts.iter().enumerate().map(check).collect()
}

#[tokio::test]
async fn a_session_from_grant_to_countersignature() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let ((a, unit_a), (b, unit_b)) = (unit(), unit());
    let visit = phone.lend(vec![unit_a, unit_b], |_| {}).await;
    // The grant goes out first; the units follow.
    assert_eq!(visit.open(a, 1).await.code(), ErrorCode::NotReady);
    let (share, content) = phone.seal_unit(&visit, a, 3_000).await;
    assert_eq!(visit.content(&a).await.code(), ErrorCode::NotFound, "nothing before it was opened");

    let first = visit.open(a, 1).await;
    let answer = opened(&first);
    assert_eq!(answer.share, share.share);
    assert_eq!(visit.content(&a).await.body, content);
    let receipts = chained(&answer.receipts);
    assert!(matches!(receipts[0].event, Event::Granted { .. }));
    assert!(matches!(receipts[1].event, Event::Opened { .. }));
    assert_eq!(visit.open(a, 1).await.body, first.body, "an identical retry gets the identical answer");

    // The next request names the newest receipt and gets only what came after it.
    let (share_b, _) = phone.seal_unit(&visit, b, 10).await;
    let newest = preimage::receipt_hash(answer.receipts[1].as_slice());
    let second = opened(&visit.send(&visit.request(b, 2, newest)).await);
    assert_eq!((second.share, second.receipts.len()), (share_b.share, 1));
    assert_eq!(visit.send(&visit.request(b, 3, Hash(random()))).await.code(), ErrorCode::Conflict, "no such receipt");

    let listed: Sessions = phone.http.get("/v1/sessions").await.json();
    let [summary] = listed.sessions.as_slice() else { panic!("{listed:?}") };
    assert_eq!((summary.units, summary.opened, &summary.ended), (2, 2, &None));

    phone.end(&visit).await.ok();
    assert_eq!(phone.end(&visit).await.code(), ErrorCode::SessionEnded);
    let Receipts { receipts, more } = phone.receipts(&visit.session).await;
    let events = chained(&receipts);
    assert!(!more && matches!(events[events.len() - 2].event, Event::Ended { code: ErrorCode::SessionEnded, .. }));
    assert_eq!(events[events.len() - 1].event, Event::Deleted);
    let head = preimage::receipt_hash(receipts[receipts.len() - 1].as_slice());
    let seq = events.len() as u64 - 1;
    assert_eq!(phone.countersign(visit.session, seq, Hash(random())).await.code(), ErrorCode::Conflict);
    phone.countersign(visit.session, seq, head).await.ok();
    phone.countersign(visit.session, seq, head).await.ok();
    assert_eq!(phone.receipts(&visit.session).await.receipts.len(), events.len() + 1);
    let after: Receipts = phone.http.get(&format!("/v1/sessions/{}/receipts?after={seq}", visit.session)).await.json();
    assert_eq!(after.receipts.len(), 1);
    // A session of somebody else is not there, wherever one begins to read.
    let stranger = Phone::new(&server).await;
    for after in ["", "?after=0", "?after=9"] {
        let path = format!("/v1/sessions/{}/receipts{after}", visit.session);
        assert_eq!(stranger.http.get(&path).await.code(), ErrorCode::NotFound, "{after}");
    }
    let beyond: Receipts = phone.http.get(&format!("/v1/sessions/{}/receipts?after=900", visit.session)).await.json();
    assert_eq!(
        (beyond.receipts, beyond.more),
        (vec![], false),
        "control: its owner is told that there is nothing more"
    );
}

#[tokio::test]
async fn t059_after_expiry_nothing_opens() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
    phone.seal_unit(&visit, id, 10).await;
    clock.advance(Duration::from_millis(59_999));
    opened(&visit.open(id, 1).await);
    visit.content(&id).await.ok();
    clock.advance(Duration::from_millis(1));
    // The same reason on every route, for everyone, stable for a day.
    for _ in 0..2 {
        assert_eq!(visit.open(id, 2).await.code(), ErrorCode::SessionExpired);
        assert_eq!(visit.open(id, 1).await.code(), ErrorCode::SessionExpired, "not even a retry");
        assert_eq!(visit.content(&id).await.code(), ErrorCode::SessionExpired);
        assert_eq!(phone.end(&visit).await.code(), ErrorCode::SessionExpired);
        let scope = ShareScope::Session { session: visit.session, unit: id, salt: Salt(random()) };
        let minted = phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await;
        assert_eq!(minted.code(), ErrorCode::SessionExpired);
    }
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    server.running().sweep().await.expect("swept");
    assert_eq!(visit.open(id, 2).await.code(), ErrorCode::SessionExpired);
    clock.advance(Duration::from_secs(1));
    server.running().sweep().await.expect("swept");
    assert_eq!(visit.open(id, 2).await.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn t061_what_was_not_lent_does_not_open_and_is_logged() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let other = UnitId(random());
    assert_eq!(visit.open(other, 1).await.code(), ErrorCode::NotGranted);
    assert_eq!(visit.open(other, 1).await.code(), ErrorCode::NotGranted, "and again the same");
    assert_eq!(visit.content(&other).await.code(), ErrorCode::NotFound);
    let events = chained(&phone.receipts(&visit.session).await.receipts);
    let refused = events.iter().filter(|receipt| matches!(receipt.event, Event::Refused { .. }));
    let codes: Vec<_> = refused.map(|receipt| &receipt.event).collect();
    assert!(matches!(codes.as_slice(), [Event::Refused { code: ErrorCode::NotGranted, .. }]), "logged once: {codes:?}");
    // Control: what was lent opens, under the next counter.
    opened(&visit.open(id, 2).await);
}

#[tokio::test]
async fn t067_a_session_that_the_device_ends_stops_at_once() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    // Only its own two ends can end it.
    let stranger = Phone::new(&server).await;
    let path = format!("/v1/sessions/{}/end", visit.session);
    let forged = encode(&stranger.end_statement(&visit));
    assert_eq!(visit.http.bytes(Method::POST, &path, forged).await.code(), ErrorCode::NotFound);
    opened(&visit.open(id, 2).await);
    phone.end(&visit).await.ok();
    assert_eq!(visit.open(id, 3).await.code(), ErrorCode::SessionEnded);
    assert_eq!(visit.content(&id).await.code(), ErrorCode::SessionEnded);
}

#[tokio::test]
async fn t068_a_second_viewer_cannot_use_a_grant() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let second = ed25519_dalek::SigningKey::from_bytes(&random());
    let request = visit.request(id, 1, Hash::ZERO);
    assert_eq!(visit.send_signed_by(&second, &request).await.code(), ErrorCode::NotFound);
    assert_eq!(chained(&phone.receipts(&visit.session).await.receipts).len(), 1, "and it uses nothing up");
    opened(&visit.send(&request).await);
}

#[tokio::test]
async fn t072_parallel_requests_get_no_more_than_rate_and_budget() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = Arc::new(phone.lend(vec![listed], |terms| (terms.rate, terms.budget) = (5, 7)).await);
    phone.seal_unit(&visit, id, 10).await;
    let mut counter = 0;
    let mut total = 0;
    for expected in [5, 2, 0] {
        // Each counter is asked for by ten requests at one time, each with a body of its own.
        let mut given = 0;
        for _ in 0..8 {
            counter += 1;
            let asked = (0..10u64).map(|n| {
                let visit = Arc::clone(&visit);
                let request = session::OpenRequest { to: n + 1, ..visit.request(id, counter, Hash::ZERO) };
                tokio::spawn(async move { visit.send(&request).await.status })
            });
            let before = given;
            for answer in asked.collect::<Vec<_>>() {
                given += u32::from(answer.await.expect("an answer") == StatusCode::OK);
            }
            assert!(given - before <= 1, "one counter, one opening");
            if given == before {
                counter -= 1;
            }
        }
        assert_eq!(given, expected);
        total += given;
        clock.advance(Duration::from_secs(61));
    }
    assert_eq!(total, 7);
    let events = chained(&phone.receipts(&visit.session).await.receipts);
    assert_eq!(events.iter().filter(|receipt| matches!(receipt.event, Event::Opened { .. })).count(), 7);
}

#[tokio::test]
async fn another_request_under_one_counter_is_an_alarm() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let first = visit.open(id, 1).await;
    let other = session::OpenRequest { to: 9, ..visit.request(id, 1, Hash::ZERO) };
    assert_eq!(visit.send(&other).await.code(), ErrorCode::CounterReused);
    assert_eq!(visit.open(id, 1).await.body, first.body, "the first answer stands");
    let receipts = phone.receipts(&visit.session).await.receipts;
    let last = chained(&receipts).pop().expect("receipts");
    assert!(matches!(last.event, Event::Refused { code: ErrorCode::CounterReused, .. }), "{last:?}");
    assert_eq!(visit.open(id, 3).await.code(), ErrorCode::Malformed, "a counter that skips");
}

/// The codes of refused requests in a trail.
fn refusals(receipts: &[Bytes]) -> Vec<ErrorCode> {
    let events = chained(receipts).into_iter().map(|receipt| receipt.event);
    events.filter_map(|event| if let Event::Refused { code, .. } = event { Some(code) } else { None }).collect()
}

#[tokio::test]
async fn a_trail_that_is_full_of_refusals_still_takes_the_first_alarm() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.rate = 1_000).await;
    phone.seal_unit(&visit, id, 10).await;
    for counter in 1..=70 {
        assert_eq!(visit.open(UnitId(random()), counter).await.code(), ErrorCode::NotGranted);
    }
    let noted = refusals(&phone.receipts(&visit.session).await.receipts);
    assert_eq!(noted, [ErrorCode::NotGranted; 64], "control: noted up to the limit");
    // What was refused without a receipt used its number up as well: the viewer, which counts it, can go on.
    let first = visit.open(id, 71).await;
    opened(&first);
    // Somebody else has the key, and names a receipt that there is not: the used number is looked at first.
    for n in 0..3 {
        let other = session::OpenRequest { to: n + 9, ..visit.request(id, 71, Hash(random())) };
        assert_eq!(visit.send(&other).await.code(), ErrorCode::CounterReused);
    }
    let noted = refusals(&phone.receipts(&visit.session).await.receipts);
    assert_eq!(noted.len(), 65, "the first alarm has a place of its own");
    assert_eq!(noted.last(), Some(&ErrorCode::CounterReused));
    assert_eq!(visit.send(&visit.request(id, 72, Hash(random()))).await.code(), ErrorCode::Conflict, "a free number");
    assert_eq!(visit.open(id, 71).await.body, first.body, "the first answer stands");
    opened(&visit.open(id, 72).await);
}

#[tokio::test]
async fn an_end_names_a_receipt_that_there_is_or_none() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    let receipts = phone.receipts(&visit.session).await.receipts;
    let path = format!("/v1/sessions/{}/end", visit.session);
    let end = async |last_receipt: Hash| {
        let end = session::End {
            suite: SUITE,
            session: visit.session,
            side: session::Side::Viewer,
            last_receipt,
            at: UnixMillis(3),
        };
        let signed = sign(&visit.key, preimage::StatementKind::End, &end);
        visit.http.bytes(Method::POST, &path, encode(&signed)).await
    };
    assert_eq!(end(Hash(random())).await.code(), ErrorCode::Conflict);
    // Nor one of another session.
    let other = phone.lend(vec![unit().1], |_| {}).await;
    let elsewhere = phone.receipts(&other.session).await.receipts;
    assert_eq!(end(preimage::receipt_hash(elsewhere[0].as_slice())).await.code(), ErrorCode::Conflict);
    opened(&visit.open(id, 2).await);
    // A side that does not hold the newest may end it with what it holds.
    end(preimage::receipt_hash(receipts[0].as_slice())).await.ok();
    assert_eq!(visit.open(id, 3).await.code(), ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_device_cannot_fill_the_trail_by_signing_its_own_signatures() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let sign_newest = async || {
        let receipts = phone.receipts(&visit.session).await.receipts;
        let newest = receipts.last().expect("receipts");
        let seq = receipts.len() as u64 - 1;
        phone.countersign(visit.session, seq, preimage::receipt_hash(newest.as_slice())).await
    };
    sign_newest().await.ok();
    assert_eq!(sign_newest().await.code(), ErrorCode::Conflict);
    opened(&visit.open(id, 1).await);
    sign_newest().await.ok();
    phone.end(&visit).await.ok();
    sign_newest().await.ok();
    assert_eq!(sign_newest().await.code(), ErrorCode::Conflict, "nor long after the end");
    assert_eq!(phone.receipts(&visit.session).await.receipts.len(), 7);
}

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
async fn an_idle_viewer_loses_the_session() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.idle_seconds = 100).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(3_600_000)).await;
    phone.seal_unit(&visit, id, 10).await;
    for counter in 1..4 {
        clock.advance(Duration::from_secs(99));
        opened(&visit.open(id, counter).await);
    }
    clock.advance(Duration::from_secs(100));
    assert_eq!(visit.open(id, 4).await.code(), ErrorCode::SessionIdle);
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
async fn t102_the_servers_own_timer_sweeps_without_being_asked() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
    let (share, content) = phone.seal_unit(&visit, id, 100_000).await;
    assert_eq!(opened(&visit.open(id, 1).await).share, share.share);
    let left = || files_with(server.data(), &content[..48]);

    // Control: a second before its end the timer leaves it alone, round after round.
    clock.advance(Duration::from_secs(59));
    let mut rounds = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..30 {
        rounds.tick().await;
        assert!(!left().is_empty(), "control: it is there until its end");
    }
    clock.advance(Duration::from_secs(2));
    let swept = async {
        while !left().is_empty() {
            rounds.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.expect("the timer sweeps");
}

#[tokio::test]
async fn t102_after_expiry_no_file_holds_the_session() {
    let clock = Arc::new(ManualClock::at_wall());
    let mut server = TestServer::start_with(clock.clone(), |_| {}).await;
    let mut phone = Phone::new(&server).await;
    let mut lend = async |server: &TestServer| {
        phone.http.url = server.url();
        let (id, listed) = unit();
        let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
        let (share, content) = phone.seal_unit(&visit, id, 100_000).await;
        assert_eq!(opened(&visit.open(id, 1).await).share, share.share);
        content[..48].to_vec()
    };
    let r_of = async |server: &TestServer| {
        let file = server.data().join("sessions.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}?mode=ro", file.display())).await.expect("opens");
        let r: Vec<u8> = sqlx::query_scalar("SELECT r FROM unit_shares").fetch_one(&pool).await.expect("one r");
        pool.close().await;
        r
    };

    // Swept while the server runs. Before that, as the control, both are found.
    let content = lend(&server).await;
    let r = r_of(&server).await;
    assert!(!files_with(server.data(), &content).is_empty() && !files_with(server.data(), &r).is_empty());
    clock.advance(Duration::from_secs(61));
    server.running().sweep().await.expect("swept");
    assert_eq!((files_with(server.data(), &content), files_with(server.data(), &r)), (vec![], vec![]));

    // Left by a server that was killed, and swept at the next start, before anything is served.
    let content = lend(&server).await;
    let r = r_of(&server).await;
    server.kill();
    clock.advance(Duration::from_secs(61));
    assert!(!files_with(server.data(), &content).is_empty() && !files_with(server.data(), &r).is_empty());
    server.resume().await.expect("starts");
    assert_eq!((files_with(server.data(), &content), files_with(server.data(), &r)), (vec![], vec![]));
}
