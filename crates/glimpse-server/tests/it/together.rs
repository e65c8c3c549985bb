//! Requests to open that come at one time and are written in one transaction: none spoils another.

use futures_util::future::{join, join_all};
use glimpse_server::test_server::TestServer;
use glimpse_wire::session::Event;
use glimpse_wire::*;
use reqwest::StatusCode;
use sqlx::SqlitePool;

use crate::actors::*;
use crate::http::Said;
use crate::trail::chained;

const SESSIONS: usize = 8;

/// A session with the unit that is sealed in it, and the request that opens that.
type Look = (Visit, UnitId, session::OpenRequest);

async fn looks(phone: &Phone) -> Vec<Look> {
    let mut looks = Vec::new();
    for _ in 0..SESSIONS {
        let (id, listed) = unit();
        let visit = phone.lend(vec![listed], |_| {}).await;
        phone.seal_unit(&visit, id, 10).await;
        let request = visit.request(id, 1, Hash::ZERO);
        looks.push((visit, id, request));
    }
    looks
}

async fn database(server: &TestServer) -> SqlitePool {
    let file = server.data().join("main.db");
    SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("opens")
}

/// Has all of it done at one time, while somebody else writes, so that it queues.
async fn while_somebody_writes(
    server: &TestServer,
    phone: &Phone,
    all: impl IntoIterator<Item = impl Future<Output = Said>>,
) -> Vec<Said> {
    let pool = database(server).await;
    let held = pool.begin_with("BEGIN IMMEDIATE").await.expect("held");
    let release = async {
        for _ in 0..20 {
            phone.now().await;
        }
        held.rollback().await.expect("let go");
    };
    join(join_all(all), release).await.0
}

async fn all_at_once(server: &TestServer, phone: &Phone, looks: &[Look]) -> Vec<Said> {
    while_somebody_writes(server, phone, looks.iter().map(|(visit, _, request)| visit.send(request))).await
}

/// How many openings, and how many refusals, each session has on record.
async fn recorded(phone: &Phone, looks: &[Look]) -> Vec<(usize, usize)> {
    let mut recorded = Vec::new();
    for (visit, ..) in looks {
        let receipts = chained(&phone.receipts(&visit.session).await.receipts);
        let count = |wanted: fn(&Event) -> bool| receipts.iter().filter(|receipt| wanted(&receipt.event)).count();
        recorded.push((
            count(|event| matches!(event, Event::Opened { .. })),
            count(|event| matches!(event, Event::Refused { .. })),
        ));
    }
    recorded
}

#[tokio::test]
async fn what_is_asked_for_at_one_time_is_judged_and_written_each_by_itself() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mut looks = looks(&phone).await;
    // One asks for what no Terms list, one skips a number.
    looks[2].2.unit = UnitId(random());
    looks[5].2.counter = 2;
    let said = all_at_once(&server, &phone, &looks).await;
    for (index, said) in said.iter().enumerate() {
        match index {
            2 => assert_eq!(said.code(), ErrorCode::NotGranted),
            5 => assert_eq!(said.code(), ErrorCode::Malformed),
            _ => assert_eq!(opened(said).receipts.len(), 2, "from the grant to this opening"),
        }
    }
    let wanted: Vec<_> =
        (0..SESSIONS).map(|index| (usize::from(index != 2 && index != 5), usize::from(index == 2))).collect();
    assert_eq!(recorded(&phone, &looks).await, wanted);
}

#[tokio::test]
async fn what_the_database_refuses_with_others_is_answered_when_it_is_sent_again() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let looks = looks(&phone).await;
    let pool = database(&server).await;
    let fault = "CREATE TRIGGER fault AFTER INSERT ON requests
                 WHEN (SELECT COUNT(*) FROM requests) > 3 BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    sqlx::query(fault).execute(&pool).await.expect("made");
    let first = all_at_once(&server, &phone, &looks).await;
    let failed = first.iter().filter(|said| said.status == StatusCode::INTERNAL_SERVER_ERROR).count();
    assert!(failed >= SESSIONS - 3, "control: the database refused");
    let written: usize = recorded(&phone, &looks).await.iter().map(|(opened, _)| opened).sum();
    assert_eq!(written, SESSIONS - failed, "what was answered is on record, and nothing else");

    sqlx::query("DROP TRIGGER fault").execute(&pool).await.expect("dropped");
    for (said, (visit, _, request)) in first.iter().zip(&looks) {
        let again = visit.send(request).await;
        opened(&again);
        assert!(said.status != StatusCode::OK || said.body == again.body, "an answer stands");
    }
    assert_eq!(recorded(&phone, &looks).await, [(1, 0); SESSIONS], "once each");
}

#[tokio::test]
async fn of_sessions_that_are_granted_at_one_time_no_more_live_than_an_account_may_have() {
    let clock = std::sync::Arc::new(glimpse_server::ManualClock::at_wall());
    let server = TestServer::start_with(clock, |settings| settings.limits.sessions_per_account = 3).await;
    let phone = Phone::new(&server).await;
    let mut visits = Vec::new();
    for _ in 0..SESSIONS {
        visits.push(phone.unsent_visit(vec![unit().1], |_| {}).await);
    }
    let grants = visits.iter().map(|visit| phone.register(visit));
    let said = while_somebody_writes(&server, &phone, grants).await;
    assert_eq!(said.iter().filter(|said| said.status == StatusCode::CREATED).count(), 3);
    for (said, visit) in said.iter().zip(&visits).filter(|(said, _)| said.status != StatusCode::CREATED) {
        assert_eq!(said.code(), ErrorCode::RateLimited);
        let trail = phone.http.get(&format!("/v1/sessions/{}/receipts", visit.session)).await;
        assert_eq!(trail.code(), ErrorCode::NotFound, "what was refused left no trail");
    }
}
