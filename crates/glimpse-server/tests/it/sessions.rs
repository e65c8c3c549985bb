//! Sessions from grant to end: who opens what, how often, and until when.

use glimpse_server::test_server::TestServer;
use glimpse_server::{Clock as _, ManualClock};
use glimpse_wire::api::*;
use glimpse_wire::organisation::Role;
use glimpse_wire::preimage;
use glimpse_wire::session::{Event, Stop};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::desk::houses;
use crate::family::Family;
use crate::trail::chained;

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
    assert!(matches!(events[events.len() - 1].event, Event::Deleted { .. }));
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
async fn a_session_ends_by_its_own_rules_and_not_with_its_mailbox() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let cancel = async |token, mailbox| {
        phone.http.with(token).bytes(Method::DELETE, &format!("/v1/mailboxes/{mailbox}"), Vec::new()).await
    };
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    assert_eq!(cancel(visit.device_token, visit.mailbox).await.code(), ErrorCode::Conflict);
    opened(&visit.open(id, 1).await);
    // Control: a code that no session has is burnt.
    let mailbox = phone.show_code().await;
    cancel(mailbox.token, mailbox.mailbox).await.ok();
    assert_eq!(cancel(mailbox.token, mailbox.mailbox).await.code(), ErrorCode::CodeUsed);
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

/// Any device that is linked ends a session of its account; nobody else does, nor anybody in another's name.
#[tokio::test]
async fn t067_another_device_of_the_account_ends_a_session_at_once() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 3).await;
    family.revoke(0, 2).await;
    let (id, listed) = unit();
    let visit = family.phones[0].lend(vec![listed], |_| {}).await;
    family.phones[0].seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    let [lender, other, gone] = family.phones.as_slice() else { panic!("three devices") };
    let stranger = Phone::new(&server).await;
    let mut refused = vec![
        (stranger.stop(&visit, |_| {}).await, ErrorCode::NotFound),
        (
            stranger.stop(&visit, |stop| (stop.account, stop.device) = (other.account, other.device)).await,
            ErrorCode::NotFound,
        ),
        (gone.stop(&visit, |_| {}).await, ErrorCode::NotFound),
        (lender.stop(&visit, |stop| stop.device = other.device).await, ErrorCode::NotFound),
    ];
    refused.push((other.stop(&visit, |stop| stop.suite = 2).await, ErrorCode::Malformed));
    refused.push((other.stop(&visit, |stop| stop.account = stranger.account).await, ErrorCode::Malformed));
    refused.push((other.stop(&visit, |stop| stop.session = SessionId([9; 16])).await, ErrorCode::Malformed));
    refused.push((other.stop(&visit, |stop| stop.head.seq = 0).await, ErrorCode::Conflict));
    for (place, (said, code)) in refused.iter().enumerate() {
        assert_eq!(said.code(), *code, "attempt {place}");
    }
    opened(&visit.open(id, 2).await);
    other.stop(&visit, |_| {}).await.ok();
    assert_eq!(other.stop(&visit, |_| {}).await.code(), ErrorCode::SessionEnded);
    assert_eq!(visit.open(id, 3).await.code(), ErrorCode::SessionEnded);
    let receipts = lender.receipts(&visit.session).await.receipts;
    let Event::Ended { code: ErrorCode::SessionEnded, statement, .. } = &chained(&receipts)[3].event else { panic!() };
    let stop: Stop = decode(statement.as_slice(), usize::MAX).expect("a statement");
    assert_eq!(stop.device, other.device);
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
async fn nobody_but_the_one_who_looks_puts_off_the_idle_end() {
    let (server, clock, houses) = houses(1, |settings| settings.limits.idle_seconds = 100).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let supervisor = houses[0].hire(Role::Supervisor, clock.now()).await;
    for looks in [true, false] {
        let (visit, unit) = phone.lend_to(&clerk).await;
        let first = visit.request(unit, 1, Hash::ZERO);
        opened(&visit.send(&first).await);
        let (mut counter, mut over) = (1, None);
        for _ in 0..4 {
            clock.advance(Duration::from_secs(60));
            if looks {
                // Control: each of these would be too late without the one before.
                counter += 1;
                opened(&visit.open(unit, counter).await);
            }
            // A supervisor reads both ids and the signed request in the receipts.
            let trail = format!("/v1/agent/sessions/{}/receipts", visit.session);
            let receipts: Receipts = supervisor.http.get(&trail).await.json();
            let events = chained(&receipts.receipts).into_iter().map(|receipt| receipt.event);
            let seen = events.filter_map(|event| match event {
                Event::Opened { request, signature } => Some(account::Signed { statement: request, signature }),
                _ => None,
            });
            let seen = seen.collect::<Vec<_>>();
            let Some(replayed) = seen.first() else { panic!("the opening is in the trail") };
            let open = format!("/v1/sessions/{}/open", visit.session);
            let again = supervisor.http.bytes(Method::POST, &open, encode(replayed)).await;
            let chunks = supervisor.http.get(&format!("{}/content", unit_path(&visit, &unit))).await;
            if !again.status.is_success() {
                assert_eq!((again.code(), chunks.code()), (ErrorCode::SessionIdle, ErrorCode::SessionIdle));
                over = Some(());
                break;
            }
            assert!(chunks.status.is_success(), "what was opened is for whoever knows both ids");
        }
        assert_eq!(over.is_none(), looks);
    }
}
