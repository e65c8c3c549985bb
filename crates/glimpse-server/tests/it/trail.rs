//! The receipts of a session: each opening, each alarm, and no way to fill them up.

use glimpse_server::test_server::TestServer;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage;
use glimpse_wire::session::{Event, Receipt};
use glimpse_wire::*;
use reqwest::Method;

use crate::actors::*;

/// Decodes receipts and checks that each names the hash of the one before.
pub(crate) fn chained(receipts: &[Bytes]) -> Vec<Receipt> {
    let mut previous = Hash::ZERO;
    let check = |(seq, bytes): (usize, &Bytes)| {
        let receipt: Receipt = decode(bytes.as_slice(), usize::MAX).expect("a receipt");
        assert_eq!((receipt.seq, receipt.previous), (seq as u64, previous));
        previous = preimage::receipt_hash(bytes.as_slice());
        receipt
    };
    receipts.iter().enumerate().map(check).collect()
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
