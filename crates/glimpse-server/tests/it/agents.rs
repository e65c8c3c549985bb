//! Agents: who signs in, who gets a code, and what ends when nobody vouches for them any more.

use glimpse_server::Clock;
use glimpse_server::test_server::ScratchFolder;
use glimpse_wire::api::*;
use glimpse_wire::organisation::{AgentSignIn, Role};
use glimpse_wire::pairing::Terms;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::Event;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::time::Duration;

use crate::actors::*;
use crate::backup;
use crate::desk::*;
use crate::trail::chained;

#[tokio::test]
async fn t063_a_sign_in_is_good_once_here_and_for_its_agent() {
    let (_server, clock, houses) = houses(2, |_| {}).await;
    let now = clock.now();
    let (clerk, other) = (houses[0].recruit(now).await, houses[0].recruit(now).await);
    let challenge = clerk.challenge().await.challenge;
    let good = clerk.statement(challenge);
    let sent = async |statement: AgentSignIn| clerk.send(&clerk.answer(&statement)).await;
    for wrong in [
        AgentSignIn { origin: "https://other.example".to_owned(), ..good.clone() },
        AgentSignIn { challenge: Hash([1; 32]), ..good.clone() },
        AgentSignIn { challenge: other.challenge().await.challenge, ..good.clone() },
        AgentSignIn { agent: other.id, ..good.clone() },
        AgentSignIn { agent: AgentId([1; 16]), ..good.clone() },
        AgentSignIn { organisation: houses[1].public(), ..good.clone() },
    ] {
        assert_eq!(sent(wrong.clone()).await.code(), ErrorCode::Unauthorised, "{wrong:?}");
    }
    assert_eq!(sent(AgentSignIn { suite: 2, ..good.clone() }).await.code(), ErrorCode::Malformed);
    let mut stranger = clerk.answer(&good);
    stranger.signed = sign(&other.key, StatementKind::AgentSignIn, &good).into();
    assert_eq!(clerk.send(&stranger).await.code(), ErrorCode::Unauthorised, "by another browser's key");
    sent(good.clone()).await.ok();
    assert_eq!(sent(good).await.code(), ErrorCode::Unauthorised, "again");
    let late = clerk.statement(clerk.challenge().await.challenge);
    clock.advance(Duration::from_secs(300));
    assert_eq!(sent(late).await.code(), ErrorCode::Unauthorised, "it has lapsed");

    // Whom nobody knows is asked as well.
    let unknown = Clerk { id: AgentId([1; 16]), passkey: None, ..houses[0].clerk() };
    let asked = unknown.challenge().await;
    assert_eq!(asked.passkey, None);
    assert_eq!(
        unknown.send(&unknown.answer(&unknown.statement(asked.challenge))).await.code(),
        ErrorCode::Unauthorised
    );
}

#[tokio::test]
async fn t063_where_a_passkey_was_enrolled_it_must_answer() {
    let (_server, clock, houses) = houses(1, |_| {}).await;
    let clerk = houses[0].recruit(clock.now()).await;
    let (key, here) = (clerk.passkey.clone().expect("one"), clerk.http.url.clone());
    let other = p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a key");
    let asked = clerk.challenge().await;
    assert_eq!(asked.passkey, clerk.enrolment().passkey.map(|passkey| passkey.id));
    let challenge = asked.challenge;
    let good = clerk.answer(&clerk.statement(challenge));
    let host = "127.0.0.1";
    for (what, assertion) in [
        ("none", None),
        ("another origin", Some(assertion(&key, host, UP_AND_UV, client_data(&challenge, "https://evil.example")))),
        ("another party", Some(assertion(&key, "evil.example", UP_AND_UV, client_data(&challenge, &here)))),
        ("another challenge", Some(assertion(&key, host, UP_AND_UV, client_data(&Hash([1; 32]), &here)))),
        ("without its user", Some(assertion(&key, host, 1, client_data(&challenge, &here)))),
        ("another passkey", Some(assertion(&other, host, UP_AND_UV, client_data(&challenge, &here)))),
    ] {
        let said = clerk.send(&SignInAgent { assertion, ..good.clone() }).await;
        assert_eq!(said.code(), ErrorCode::Unauthorised, "{what}");
    }
    // All of it for another server, by a page there, whose server hands it on.
    let evil = AgentSignIn { origin: "https://evil.example".to_owned(), ..clerk.statement(challenge) };
    let handed_on = SignInAgent {
        assertion: Some(assertion(&key, "evil.example", UP_AND_UV, client_data(&challenge, &evil.origin))),
        ..clerk.answer(&evil)
    };
    assert_eq!(clerk.send(&handed_on).await.code(), ErrorCode::Unauthorised);
    clerk.send(&good).await.ok();
    // Control: who enrolled none signs in by the browser's key.
    let plain = Clerk { passkey: None, ..houses[0].clerk() };
    houses[0].invite(&houses[0].invitation(&plain, clock.now().plus(HOUR))).await.ok();
    plain.enrol(&plain.enrolment()).await.ok();
    assert_eq!(plain.challenge().await.passkey, None);
    plain.try_sign_in().await.ok();
}

#[tokio::test]
async fn t063_where_passkeys_are_demanded_nobody_enrols_or_signs_in_without_one() {
    let (mut server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let without = async || {
        let plain = Clerk { passkey: None, ..house.clerk() };
        house.invite(&house.invitation(&plain, now.plus(HOUR))).await.ok();
        plain
    };
    let (plain, clerk) = (without().await, house.recruit(now).await);
    plain.enrol(&plain.enrolment()).await.ok();
    plain.try_sign_in().await.ok();
    let said = async || house.http.get(&house.path("")).await.json::<Organisation>().passkey;
    assert!(!said().await, "control: it is not demanded, and whoever has none signs in");
    server.stop().await;
    server.settings().agent_passkeys = true;
    server.resume().await.expect("it starts");
    assert!(said().await, "the portal is told");
    assert_eq!(plain.try_sign_in().await.code(), ErrorCode::Unauthorised);
    let late = without().await;
    assert_eq!(late.enrol(&late.enrolment()).await.code(), ErrorCode::Unauthorised);
    clerk.try_sign_in().await.ok();
    let with = Clerk { passkey: clerk.passkey.clone(), ..late };
    with.enrol(&with.enrolment()).await.ok();
}

#[tokio::test]
async fn t063_only_who_is_vouched_for_gets_an_agents_code() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let phone = Phone::new(&server).await;
    let mailbox = phone.show_code_to_agents().await;
    let nobody = Clerk { http: Http::to(&server), ..house.clerk() };
    assert_eq!(nobody.claim(&mailbox).await.code(), ErrorCode::Unauthorised);
    let guessed = Clerk { http: nobody.http.with(Hash([1; 32])), ..house.clerk() };
    assert_eq!(guessed.claim(&mailbox).await.code(), ErrorCode::Unauthorised);
    let device = Clerk { http: phone.http.clone(), ..house.clerk() };
    assert_eq!(device.claim(&mailbox).await.code(), ErrorCode::Unauthorised, "a device's token");
    let mut waiting = house.recruit(now).await;
    waiting.sign_in().await;
    assert_eq!(waiting.claim(&mailbox).await.code(), ErrorCode::CredentialInvalid);
    let revoked = house.hire(Role::Agent, now).await;
    house.revoke(1, &[(revoked.id, now)]).await.ok();
    assert_eq!(revoked.claim(&mailbox).await.code(), ErrorCode::Unauthorised, "its token is gone");
    // A code for the user's own screen is none for agents, nor the other way round, whoever asks.
    let hired = house.hire(Role::Agent, now).await;
    let view = phone.show_code().await;
    assert_eq!(hired.claim(&view).await.code(), ErrorCode::CodeUnknown);
    let as_view = |nameplate: &str| Claim { nameplate: nameplate.to_owned(), purpose: PurposeWord::View };
    assert_eq!(nobody.http.post("/v1/claims", &as_view(&mailbox.nameplate)).await.code(), ErrorCode::CodeUnknown);
    nobody.http.with(Hash([1; 32])).post("/v1/claims", &as_view(&view.nameplate)).await.ok();
    // None of that used the code up.
    hired.claim(&mailbox).await.ok();

    // The credential ends, and the token with it.
    let mut brief = house.recruit(now).await;
    let credential =
        organisation::Credential { not_after: now.plus(10_000), ..house.credential(&brief, Role::Agent, now) };
    house.vouch(&credential).await.ok();
    assert_eq!(brief.sign_in().await.expires, now.plus(10_000));
    waiting.http.get("/v1/agent").await.ok();
    house.vouch(&organisation::Credential { agent: waiting.id, key: public(&waiting.key), ..credential }).await.ok();
    clock.advance(Duration::from_secs(10));
    let mailbox = phone.show_code_to_agents().await;
    assert_eq!(brief.claim(&mailbox).await.code(), ErrorCode::Unauthorised);
    assert_eq!(waiting.claim(&mailbox).await.code(), ErrorCode::CredentialInvalid, "a token from before it");
    hired.claim(&mailbox).await.ok();
    clock.advance(Duration::from_millis(8 * HOUR));
    assert_eq!(hired.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised, "eight hours");
}

#[tokio::test]
async fn t068_of_two_agents_with_one_code_one_gets_it() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let first = houses[0].hire(Role::Agent, clock.now()).await;
    let second = houses[0].hire(Role::Agent, clock.now()).await;
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = first.claim(&mailbox).await.json();
    assert_eq!(second.claim(&mailbox).await.code(), ErrorCode::Crowded);
    let (id, listed) = unit();
    let visit = phone.visit_of(mailbox, claimed, vec![listed]).await;
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED);
    phone.seal_unit(&visit, id, 10).await;
    // The session is the first one's: by its key, and in what its organisation is told.
    let stolen = visit.send_signed_by(&second.key, &visit.request(id, 1, Hash::ZERO)).await;
    assert_eq!(stolen.code(), ErrorCode::NotFound);
    opened(&visit.open(id, 1).await);
    let AgentSessions { sessions, .. } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
    assert_eq!(sessions.iter().map(|session| session.agent).collect::<Vec<_>>(), [first.id]);
}

#[tokio::test]
async fn t067_what_an_organisation_takes_back_ends_within_the_answer() {
    let (mut server, clock, houses) = houses(2, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let phone = Phone::new(&server).await;
    let (thief, good) = (house.hire(Role::Agent, now).await, house.hire(Role::Agent, now).await);
    let elsewhere = houses[1].hire(Role::Agent, now).await;
    let (stolen, unit_of_stolen) = phone.lend_to(&thief).await;
    let (kept, unit_of_kept) = phone.lend_to(&good).await;
    let (other, unit_of_other) = phone.lend_to(&elsewhere).await;
    // What a session is of is known after a restart.
    server.stop().await;
    server.resume().await.expect("it starts");
    opened(&stolen.open(unit_of_stolen, 1).await);
    let pairing = phone.show_code_to_agents().await;
    let claimed: Claimed = thief.claim(&pairing).await.json();
    let begun = phone.visit_of(pairing, claimed, vec![unit().1]).await;

    // Another organisation's word about that agent is none.
    houses[1].revoke(1, &[(thief.id, now)]).await.ok();
    opened(&stolen.open(unit_of_stolen, 2).await);
    house.revoke(1, &[(thief.id, now)]).await.ok();
    assert_eq!(stolen.open(unit_of_stolen, 3).await.code(), ErrorCode::SessionRevoked);
    assert_eq!(stolen.content(&unit_of_stolen).await.code(), ErrorCode::SessionRevoked);
    assert_eq!(thief.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised);
    assert_eq!(thief.try_sign_in().await.code(), ErrorCode::CredentialInvalid);
    assert_eq!(phone.register(&begun).await.code(), ErrorCode::SessionRevoked, "its pairing ended as well");
    let events = chained(&phone.receipts(&stolen.session).await.receipts);
    assert!(events.iter().any(|receipt| matches!(receipt.event, Event::Ended { code: ErrorCode::SessionRevoked, .. })));
    assert!(matches!(events[events.len() - 1].event, Event::Deleted { .. }));
    // Control: nobody else's ended.
    opened(&kept.open(unit_of_kept, 1).await);
    opened(&other.open(unit_of_other, 1).await);
    good.http.get("/v1/agent").await.ok();
}

#[tokio::test]
async fn t067_a_browser_that_was_lost_goes_on_in_nothing_whatever_its_agent_gets_next() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let house = &houses[0];
    let phone = Phone::new(&server).await;
    let colleague = house.hire(Role::Agent, clock.now()).await;
    let (kept, unit_of_kept) = phone.lend_to(&colleague).await;
    // Invited anew, before anybody enrols by it; the invitation by which it enrolled changes nothing.
    let lost = house.hire(Role::Agent, clock.now()).await;
    let (visit, unit_of_visit) = phone.lend_to(&lost).await;
    opened(&visit.open(unit_of_visit, 1).await);
    let known = house.invitation(&lost, clock.now().plus(HOUR));
    house.invite(&known).await.ok();
    opened(&visit.open(unit_of_visit, 2).await);
    house.invite(&organisation::Invitation { token: Hash([9; 32]), ..known }).await.ok();
    assert_eq!(visit.open(unit_of_visit, 3).await.code(), ErrorCode::SessionRevoked);

    // Vouched for anew, and then taken back as of the moment of the loss.
    let mut found = house.hire(Role::Agent, clock.now()).await;
    let (before, unit_of_before) = phone.lend_to(&found).await;
    opened(&before.open(unit_of_before, 1).await);
    let loss = clock.now();
    clock.advance(Duration::from_secs(60));
    house.vouch(&house.credential(&found, Role::Agent, clock.now())).await.ok();
    found.sign_in().await;
    let (after, unit_of_after) = phone.lend_to(&found).await;
    opened(&before.open(unit_of_before, 2).await);
    house.revoke(1, &[(found.id, loss)]).await.ok();
    assert_eq!(before.open(unit_of_before, 3).await.code(), ErrorCode::SessionRevoked);
    // Control: what began after it goes on, and whoever was not named.
    opened(&after.open(unit_of_after, 1).await);
    opened(&kept.open(unit_of_kept, 1).await);
}

/// The word was taken back between the claim and the grant, in a way that the mailbox did not hear of.
#[tokio::test]
async fn t063_a_grant_to_who_is_not_vouched_for_any_more_is_refused() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let phone = Phone::new(&server).await;
    let mut clerk = house.recruit(now).await;
    let credential =
        organisation::Credential { not_after: now.plus(5_000), ..house.credential(&clerk, Role::Agent, now) };
    house.vouch(&credential).await.ok();
    clerk.sign_in().await;
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = clerk.claim(&mailbox).await.json();
    let visit = phone.visit_of(mailbox, claimed, vec![unit().1]).await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(phone.register(&visit).await.code(), ErrorCode::CredentialInvalid);
    let renewed = organisation::Credential { not_before: now.plus(1), not_after: now.plus(HOUR), ..credential };
    house.vouch(&renewed).await.ok();
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED, "control");
}

#[tokio::test]
async fn t063_no_session_is_granted_for_longer_than_its_agent_is_vouched_for() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let phone = Phone::new(&server).await;
    let mut clerk = house.recruit(now).await;
    let until = now.plus(3 * 60_000);
    let credential = organisation::Credential { not_after: until, ..house.credential(&clerk, Role::Agent, now) };
    house.vouch(&credential).await.ok();
    clerk.sign_in().await;
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = clerk.claim(&mailbox).await.json();
    let mut visit = phone.visit_of(mailbox, claimed, vec![unit().1]).await;
    visit.terms.expires = until.plus(1);
    assert_eq!(phone.register(&visit).await.code(), ErrorCode::CredentialInvalid);
    visit.terms.expires = until;
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED, "control");
}

/// A crash between the receipt of a grant and the session itself. Of a trail that went on the server says nothing: after a restore
/// it may be one that ended, and was said to be destroyed, behind what the backup has of it.
#[tokio::test]
async fn a_grant_without_its_session_has_ended_on_record_at_the_next_start() {
    let (mut server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let (lost, _) = phone.lend_to(&clerk).await;
    let (ended, _) = phone.lend_to(&clerk).await;
    phone.end(&ended).await.ok();
    let (went_on, unit) = phone.lend_to(&clerk).await;
    opened(&went_on.open(unit, 1).await);
    let (kept, unit) = phone.lend_to(&clerk).await;
    let before = [phone.receipts(&ended.session).await, phone.receipts(&went_on.session).await];
    server.stop().await;
    let url = format!("sqlite://{}", server.data().join("sessions.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.expect("opens");
    for visit in [&lost, &went_on] {
        let gone = sqlx::query("DELETE FROM sessions WHERE session = ?").bind(visit.session.0.as_slice());
        assert_eq!(gone.execute(&database).await.expect("lost").rows_affected(), 1);
    }
    database.close().await;
    server.resume().await.expect("it starts");
    let trail = chained(&phone.receipts(&lost.session).await.receipts);
    let events: Vec<_> = trail.iter().map(|receipt| &receipt.event).collect();
    let [Event::Granted { .. }, Event::Ended { code: ErrorCode::SessionEnded, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(phone.register(&lost).await.code(), ErrorCode::NotFound, "its pairing is gone as well");
    let AgentSessions { sessions, .. } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
    let listed: Vec<_> = sessions.iter().map(|each| (each.session, each.ended.is_some())).collect();
    for (visit, over) in [(&lost, true), (&ended, true), (&went_on, false), (&kept, false)] {
        assert!(listed.contains(&(visit.session, over)), "{listed:?}");
    }
    // Control: what was there goes on, and what ended is not ended twice.
    opened(&kept.open(unit, 1).await);
    assert_eq!([phone.receipts(&ended.session).await, phone.receipts(&went_on.session).await], before);
}

#[tokio::test]
async fn t065_what_an_agent_asked_is_in_all_terms_of_its_session_and_in_no_other() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = clerk.claim(&mailbox).await.json();
    let mut visit = phone.visit_of(mailbox, claimed, vec![unit().1]).await;
    let asked = visit.terms.asked;
    visit.terms.asked = Hash::ZERO;
    assert_eq!(phone.register(&visit).await.code(), ErrorCode::Malformed, "an agent who asked nothing");
    visit.terms.asked = asked;
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED);
    let path = format!("/v1/sessions/{}/terms", visit.session);
    let amend = async |asked| {
        let terms = Terms { seq: 2, units: Vec::new(), asked, ..visit.terms.clone() };
        phone.http.bytes(Method::POST, &path, phone.submission(&visit, &terms)).await
    };
    for other in [Hash::ZERO, Hash([8; 32])] {
        assert_eq!(amend(other).await.code(), ErrorCode::Malformed);
    }
    amend(asked).await.ok();
    let refused = phone.try_lend(vec![unit().1], |terms| terms.asked = asked).await.expect_err("refused");
    assert_eq!(refused.code(), ErrorCode::Malformed, "the user's own screen asks nothing");
    phone.lend(vec![unit().1], |_| {}).await;
}

#[tokio::test]
async fn t063_a_backup_brings_no_agents_token_back() {
    let (mut server, clock, houses) = houses(1, |_| {}).await;
    let mut clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let folder = ScratchFolder::new().expect("a folder");
    let made = backup::backed_up(&server, folder.path()).await;
    clerk.http.get("/v1/agent").await.ok();
    backup::restored(&mut server, &made).await;
    assert_eq!(clerk.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised);
    assert!(clerk.sign_in().await.credential.is_some(), "control: the agent is there");
}

#[tokio::test]
async fn t067_what_was_taken_back_and_a_fault_cut_off_is_finished_by_the_next_sweep_or_start() {
    for restart in [false, true] {
        let (mut server, clock, houses) = houses(1, |_| {}).await;
        let (house, now) = (&houses[0], clock.now());
        let phone = Phone::new(&server).await;
        let clerk = house.hire(Role::Agent, now).await;
        let (visit, unit) = phone.lend_to(&clerk).await;
        // From here on no session can end.
        let url = format!("sqlite://{}", server.data().join("sessions.db").display());
        let database = sqlx::SqlitePool::connect(&url).await.expect("opens");
        let fault = "CREATE TRIGGER fault BEFORE UPDATE OF ended ON sessions BEGIN SELECT RAISE(ABORT, 'a fault'); END";
        sqlx::query(fault).execute(&database).await.expect("made");
        assert_eq!(house.revoke(1, &[(clerk.id, now)]).await.code(), ErrorCode::Internal);
        assert_eq!(clerk.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised, "the list stands");
        opened(&visit.open(unit, 1).await);
        if restart {
            server.stop().await;
        }
        sqlx::query("DROP TRIGGER fault").execute(&database).await.expect("dropped");
        database.close().await;
        if restart {
            server.resume().await.expect("it starts");
        } else {
            server.running().sweep().await.expect("swept");
        }
        assert_eq!(visit.open(unit, 2).await.code(), ErrorCode::SessionRevoked);
        house.revoke(1, &[(clerk.id, now)]).await.ok();
    }
}

/// Bytes of what a deleted account's agents were, in the files that stay.
#[tokio::test]
async fn a_deleted_account_leaves_nothing_of_who_looked() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Agent, clock.now()).await;
    let (visit, _) = phone.lend_to(&clerk).await;
    let listed = async || {
        let AgentSessions { sessions, .. } = houses[0].ask("/sessions", clock.now(), |_| {}).await.json();
        sessions.len()
    };
    assert_eq!(listed().await, 1, "control");
    let deletion = AccountDeletion { suite: SUITE, account: phone.account, at: clock.now() };
    let signed: SignedJson = sign(&phone.key, StatementKind::AccountDeletion, &deletion).into();
    phone.http.json(Method::DELETE, "/v1/account", &signed).await.ok();
    assert_eq!(listed().await, 0);
    assert_eq!(
        visit.open(UnitId([1; 16]), 1).await.code(),
        ErrorCode::SessionRevoked,
        "control: its tombstone is there"
    );
    let url = format!("sqlite://{}", server.data().join("sessions.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.expect("opens");
    let whose = "SELECT COUNT(*) FROM sessions WHERE agent IS NOT NULL OR asked <> zeroblob(32)";
    let left: i64 = sqlx::query_scalar(whose).fetch_one(&database).await.expect("read");
    assert_eq!(left, 0);
}
