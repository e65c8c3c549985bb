//! What agents have opened: how much, who may read of it, and what they leave for their organisation.

use glimpse_server::Clock;
use glimpse_wire::api::*;
use glimpse_wire::organisation::Role;
use glimpse_wire::session::Event;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::desk::*;
use crate::trail::chained;

fn note_path(visit: &Visit, n: u64) -> String {
    format!("/v1/agent/sessions/{}/notes/{n}", visit.session)
}

#[tokio::test]
async fn t072_a_stolen_agent_session_exports_no_faster_with_more_sessions() {
    const LIMIT: u64 = 120;
    let (server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let (thief, other) =
        (houses[0].hire(Role::Agent, clock.now()).await, houses[0].hire(Role::Agent, clock.now()).await);
    let mut visits = Vec::new();
    for _ in 0..10 {
        visits.push(phone.lend_to(&thief).await);
    }
    let visits = Arc::new(visits);
    // A thousand openings, a hundred in each session, ten at one time.
    let tasks = (0..visits.len()).map(|place| {
        let visits = Arc::clone(&visits);
        tokio::spawn(async move {
            let (visit, unit) = &visits[place];
            let mut given = 0;
            for _ in 0..100 {
                given += u64::from(visit.open(*unit, given + 1).await.status == StatusCode::OK);
            }
            given
        })
    });
    let mut given = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        given.push(task.await.expect("an answer"));
    }
    assert_eq!(given.iter().sum::<u64>(), LIMIT);
    let next = given.iter().map(|given| given + 1).collect::<Vec<_>>();
    let (visit, unit) = &visits[0];
    let refused = visit.open(*unit, next[0]).await;
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    assert!(refused.headers.contains_key("retry-after"));
    // Control: another agent's session has a bill of its own, and so has the user's own screen; and a minute pays this one.
    let (own, of_own) = phone.lend_to(&other).await;
    opened(&own.open(of_own, 1).await);
    let (id, listed) = crate::actors::unit();
    let screen = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&screen, id, 10).await;
    opened(&screen.open(id, 1).await);
    clock.advance(Duration::from_secs(61));
    opened(&visit.open(*unit, next[0]).await);
}

#[tokio::test]
async fn a_refused_opening_costs_nothing_and_a_retry_neither() {
    let (server, clock, houses) = houses(1, |settings| settings.limits.openings_per_agent = 2).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let (visit, unit) = phone.lend_to(&clerk).await;
    for _ in 0..5 {
        opened(&visit.open(unit, 1).await);
        assert_eq!(visit.open(UnitId([1; 16]), 7).await.code(), ErrorCode::Malformed);
    }
    opened(&visit.open(unit, 2).await);
    assert_eq!(visit.open(unit, 3).await.code(), ErrorCode::RateLimited);
    assert_eq!(chained(&phone.receipts(&visit.session).await.receipts).len(), 3, "nothing is written of it");
    clock.advance(Duration::from_secs(31));
    opened(&visit.open(unit, 3).await);
}

#[tokio::test]
async fn t061_nobody_reads_of_sessions_but_the_organisation_and_its_supervisors() {
    let (server, clock, houses) = houses(2, |_| {}).await;
    let now = clock.now();
    let phone = Phone::new(&server).await;
    let (clerk, colleague) = (houses[0].hire(Role::Agent, now).await, houses[0].hire(Role::Agent, now).await);
    let supervisor = houses[0].hire(Role::Supervisor, now).await;
    let elsewhere = houses[1].hire(Role::Supervisor, now).await;
    let (visit, unit) = phone.lend_to(&clerk).await;
    let own = phone.lend(vec![crate::actors::unit().1], |_| {}).await;
    opened(&visit.open(unit, 1).await);
    let list = "/v1/agent/sessions";
    let trail = |visit: &Visit| format!("{list}/{}/receipts", visit.session);

    // Agents read nobody's, their own included; another organisation's supervisor reads of its own.
    for (who, code) in [(&clerk, ErrorCode::NotFound), (&colleague, ErrorCode::NotFound)] {
        assert_eq!(who.http.get(list).await.code(), code);
        assert_eq!(who.http.get(&trail(&visit)).await.code(), code);
    }
    for http in [&phone.http, &Http::to(&server)] {
        assert_eq!(http.get(list).await.code(), ErrorCode::Unauthorised);
    }
    let theirs: AgentSessions = elsewhere.http.get(list).await.json();
    assert_eq!((theirs.sessions, theirs.more), (vec![], false));
    assert_eq!(elsewhere.http.get(&trail(&visit)).await.code(), ErrorCode::NotFound);
    assert_eq!(elsewhere.http.get(&format!("{list}?before={}", visit.session)).await.code(), ErrorCode::NotFound);
    let asked = houses[1].ask(&format!("/sessions/{}/receipts", visit.session), now, |_| {}).await;
    assert_eq!(asked.code(), ErrorCode::NotFound);
    // What the user's own screen does is nobody's.
    assert_eq!(supervisor.http.get(&trail(&own)).await.code(), ErrorCode::NotFound);
    // A supervisor whose credential was taken back is told nothing.
    let former = houses[0].hire(Role::Supervisor, now).await;
    former.http.get(list).await.ok();
    houses[0].revoke(1, &[(former.id, now)]).await.ok();
    assert_eq!(former.http.get(list).await.code(), ErrorCode::Unauthorised);

    // Control: its own supervisor, and the organisation by its signature.
    let AgentSessions { sessions, more } = supervisor.http.get(list).await.json();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    assert_eq!((session.session, session.agent, session.units, session.opened), (visit.session, clerk.id, 1, 1));
    assert_eq!(
        (&session.ended, session.issued, session.expires, more),
        (&None, visit.terms.issued, visit.terms.expires, false)
    );
    let receipts: Receipts = supervisor.http.get(&trail(&visit)).await.json();
    assert_eq!(receipts, phone.receipts(&visit.session).await, "as the device reads them");
    let asked: Receipts =
        houses[0].ask(&format!("/sessions/{}/receipts?after=0", visit.session), now, |_| {}).await.json();
    assert!(matches!(
        decode::<session::Receipt>(asked.receipts[0].as_slice(), usize::MAX).expect("one").event,
        Event::Opened { .. }
    ));
}

#[tokio::test]
async fn an_organisation_reads_of_sessions_long_after_they_ended() {
    let (mut server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let mut visits = Vec::new();
    for _ in 0..3 {
        visits.push(phone.lend_to(&clerk).await.0);
        clock.advance(Duration::from_secs(1));
    }
    phone.end(&visits[0]).await.ok();
    clock.advance(Duration::from_secs(3 * 24 * 3_600));
    server.running().sweep().await.expect("swept");
    server.running().sweep().await.expect("swept");
    server.stop().await;
    server.resume().await.expect("it starts");
    assert_eq!(visits[0].open(UnitId([1; 16]), 1).await.code(), ErrorCode::NotFound, "control: the tombstone is gone");
    let AgentSessions { sessions, .. } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
    let listed: Vec<_> = sessions.iter().map(|session| (session.session, session.ended.clone())).collect();
    let ended = |visit: &Visit, code: ErrorCode| (visit.session, Some(code.slug().to_owned()));
    let expected = [
        ended(&visits[2], ErrorCode::SessionExpired),
        ended(&visits[1], ErrorCode::SessionExpired),
        ended(&visits[0], ErrorCode::SessionEnded),
    ];
    assert_eq!(listed, expected, "newest first");
    let path = format!("/sessions?before={}", visits[1].session);
    let AgentSessions { sessions, .. } = houses[0].ask(&path, clock.now(), |_| {}).await.json();
    assert_eq!(sessions.iter().map(|session| session.session).collect::<Vec<_>>(), [visits[0].session]);
}

#[tokio::test]
async fn t061_an_agent_leaves_notes_about_its_own_sessions_alone() {
    let (server, clock, houses) = houses(2, |_| {}).await;
    let now = clock.now();
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, now).await;
    let supervisor = houses[0].hire(Role::Supervisor, now).await;
    let elsewhere = houses[1].hire(Role::Supervisor, now).await;
    let (visit, _) = phone.lend_to(&clerk).await;
    let own = phone.lend(vec![crate::actors::unit().1], |_| {}).await;
    let put = async |who: &Clerk, visit: &Visit, n: u64, note: Vec<u8>| {
        who.http.bytes(Method::PUT, &note_path(visit, n), note).await
    };
    for who in [&supervisor, &elsewhere] {
        assert_eq!(put(who, &visit, 0, vec![1]).await.code(), ErrorCode::NotFound);
    }
    assert_eq!(put(&clerk, &own, 0, vec![1]).await.code(), ErrorCode::NotFound);
    put(&clerk, &visit, 1, vec![2; 8 * 1024]).await.ok();
    put(&clerk, &visit, 0, vec![1]).await.ok();
    put(&clerk, &visit, 0, vec![1]).await.ok();
    assert_eq!(put(&clerk, &visit, 0, vec![3]).await.code(), ErrorCode::Conflict);
    assert_eq!(put(&clerk, &visit, 2, vec![1; 8 * 1024 + 1]).await.code(), ErrorCode::TooLarge);
    assert_eq!(put(&clerk, &visit, 2, Vec::new()).await.code(), ErrorCode::Malformed);
    for n in [8, 256] {
        assert_eq!(put(&clerk, &visit, n, vec![1]).await.code(), ErrorCode::NotFound);
    }
    phone.end(&visit).await.ok();
    clock.advance(Duration::from_secs(3_600));
    put(&clerk, &visit, 7, vec![7]).await.ok();
    clock.advance(Duration::from_secs(23 * 3_600));
    let mut clerk = clerk;
    houses[0].vouch(&houses[0].credential(&clerk, Role::Agent, clock.now())).await.ok();
    clerk.sign_in().await;
    assert_eq!(put(&clerk, &visit, 6, vec![6]).await.code(), ErrorCode::NotFound, "a day is over");
    let AgentSessions { sessions, .. } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
    let notes: Vec<&[u8]> = sessions[0].notes.iter().map(|note| note.as_slice()).collect();
    assert_eq!(notes, [&[1][..], &[2; 8 * 1024], &[7]]);
}

#[tokio::test]
async fn t061_however_much_agents_leave_a_page_of_sessions_stays_small() {
    let (server, clock, houses) = houses(1, |settings| settings.limits.sessions_per_account = 100).await;
    let now = clock.now();
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, now).await;
    let supervisor = houses[0].hire(Role::Supervisor, now).await;
    let mut left = Vec::new();
    for _ in 0..66 {
        let (visit, _) = phone.lend_to(&clerk).await;
        for n in 0..8 {
            clerk.http.bytes(Method::PUT, &note_path(&visit, n), vec![1; 8 * 1024]).await.ok();
        }
        left.push(visit.session);
        // The rates of codes, not of sessions.
        clock.advance(Duration::from_secs(5));
    }
    // A supervisor can open none of it, and is given none.
    let AgentSessions { sessions, more } = supervisor.http.get("/v1/agent/sessions").await.json();
    assert_eq!((sessions.len(), more), (left.len(), false));
    assert!(sessions.iter().all(|session| session.notes.is_empty()));
    // The organisation gets all of it, in two pages.
    let AgentSessions { sessions: first, more } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
    assert_eq!((first.len(), more), (64, true), "4 MiB");
    let path = format!("/sessions?before={}", first[63].session);
    let AgentSessions { sessions: second, more } = houses[0].ask(&path, clock.now(), |_| {}).await.json();
    assert!(!more);
    let listed: Vec<_> = first.iter().chain(&second).inspect(|session| assert_eq!(session.notes.len(), 8)).collect();
    assert_eq!(listed.iter().rev().map(|session| session.session).collect::<Vec<_>>(), left);
}
