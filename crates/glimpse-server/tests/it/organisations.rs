//! What the server takes of organisations, and of whom.

use glimpse_server::Clock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::organisation::{Credential, Invitation, OrganisationCard, Role};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::*;
use reqwest::Method;
use std::time::Duration;

use crate::actors::*;
use crate::desk::*;

#[tokio::test]
async fn an_organisation_from_card_to_an_agent_who_signs_out() {
    let (_server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let known: Organisation = house.http.get(&house.path("")).await.json();
    let card: OrganisationCard = decode(known.card.statement.as_slice(), 4_096).expect("a card");
    assert_eq!((card.key, known.revocations), (house.public(), None));

    let mut clerk = house.recruit(now).await;
    let Enrolments { enrolments } = house.ask("/enrolled", now, |_| {}).await.json();
    let [enrolment] = enrolments.as_slice() else { panic!("{enrolments:?}") };
    let told = clerk.enrolment();
    assert_eq!((enrolment.agent, enrolment.key, enrolment.proof, enrolment.at), (clerk.id, told.key, told.proof, now));
    assert_eq!(enrolment.passkey, told.passkey.expect("one").key);

    // Who waits is signed in, and no more.
    let waiting = clerk.sign_in().await;
    assert_eq!((waiting.credential, waiting.expires), (None, now.plus(8 * HOUR)));
    let credential = house.credential(&clerk, Role::Agent, now);
    house.vouch(&credential).await.ok();
    house.vouch(&credential).await.ok();
    let now_vouched: AgentToken = clerk.http.get("/v1/agent").await.json();
    let signed = now_vouched.credential.expect("vouched for");
    assert_eq!(decode::<Credential>(signed.statement.as_slice(), 4_096).expect("a credential"), credential);
    assert_eq!((now_vouched.token, now_vouched.expires), (waiting.token, waiting.expires));

    clerk.http.json(Method::DELETE, "/v1/agent", &()).await.ok();
    assert_eq!(clerk.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised);
    clerk.sign_in().await;
    clerk.http.get("/v1/agent").await.ok();
}

#[tokio::test]
async fn t063_an_organisation_that_the_operator_does_not_list_is_not_there() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let plain = TestServer::start().await;
    let now = clock.now();
    for (server, house, there) in [
        (&server, &houses[0], true),
        (&server, &House::unlisted(Http::to(&server)), false),
        (&plain, &House::unlisted(Http::to(&plain)), false),
    ] {
        let now = if there { now } else { Phone::unboxed(server).now().await };
        let clerk = house.clerk();
        let said = [
            house.register(house.card(now)).await,
            house.http.get(&house.path("")).await,
            house.invite(&house.invitation(&clerk, now.plus(HOUR))).await,
            clerk.enrol(&clerk.enrolment()).await,
            house.vouch(&house.credential(&clerk, Role::Agent, now)).await,
            house.revoke(1, &[]).await,
            house.ask("/enrolled", now, |_| {}).await,
            house.ask("/sessions", now, |_| {}).await,
            clerk
                .http
                .post("/v1/agents/challenge", &AgentChallengeRequest { organisation: clerk.house, agent: clerk.id })
                .await,
        ];
        for (place, said) in said.iter().enumerate() {
            assert!(there == said.status.is_success(), "{place}");
            assert!(there || said.code() == ErrorCode::NotFound, "{place}");
        }
        let receipts = house.ask(&format!("/sessions/{}/receipts", SessionId([1; 16])), now, |_| {}).await;
        assert_eq!(receipts.code(), ErrorCode::NotFound);
        let sign_in = clerk.send(&clerk.answer(&clerk.statement(Hash([1; 32])))).await.code();
        assert_eq!(sign_in, if there { ErrorCode::Unauthorised } else { ErrorCode::NotFound });
    }
    let nobody = Http::to(&plain).with(Hash([1; 32]));
    for path in ["/v1/agent", "/v1/agent/sessions"] {
        assert_eq!(nobody.get(path).await.code(), ErrorCode::NotFound, "{path}");
        assert_eq!(Http::to(&server).with(Hash([1; 32])).get(path).await.code(), ErrorCode::Unauthorised, "{path}");
    }
}

#[tokio::test]
async fn t063_what_the_organisation_did_not_sign_is_refused() {
    let (_server, clock, houses) = houses(2, |_| {}).await;
    let now = clock.now();
    let (house, other) = (&houses[0], &houses[1]);
    let clerk = house.recruit(now).await;
    let (card, credential) = (house.card(now.plus(1)), house.credential(&clerk, Role::Supervisor, now));
    let invitation = house.invitation(&house.clerk(), now.plus(HOUR));
    let list = house.revocations(1, &[]);
    // By another organisation's key, at this one's place.
    let by = |kind, statement: Vec<u8>| {
        let signature = ed25519_dalek::Signer::sign(&other.key, &preimage::statement_signature(kind, &statement));
        SignedJson { statement: Bytes(statement), signature: ids::SignatureBytes(signature.to_bytes()) }
    };
    let put = async |path: &str, body: &SignedJson| house.http.json(Method::PUT, &house.path(path), body).await;
    let forged = [
        house.put(by(StatementKind::OrganisationCard, encode(&card)).into()).await,
        put("/credentials", &by(StatementKind::Credential, encode(&credential))).await,
        put("/revocations", &by(StatementKind::Revocations, encode(&list))).await,
        house.http.post(&house.path("/invitations"), &by(StatementKind::AgentInvitation, encode(&invitation))).await,
    ];
    for (place, said) in forged.iter().enumerate() {
        assert_eq!(said.code(), ErrorCode::Unauthorised, "{place}");
    }
    // One kind of statement is not taken for another, and each is about whom it is for.
    let as_list = sign(&house.key, StatementKind::Revocations, &credential).into();
    assert_eq!(put("/credentials", &as_list).await.code(), ErrorCode::Unauthorised);
    for (wrong, code) in [
        (Credential { organisation: other.public(), ..credential.clone() }, ErrorCode::Unauthorised),
        (Credential { suite: 2, ..credential.clone() }, ErrorCode::Unauthorised),
        (Credential { not_after: now.plus(8 * 24 * HOUR), ..credential.clone() }, ErrorCode::Unauthorised),
        (Credential { name: String::new(), ..credential.clone() }, ErrorCode::Unauthorised),
        (Credential { key: public(&other.key), ..credential.clone() }, ErrorCode::Conflict),
        (Credential { agent: AgentId([9; 16]), ..credential.clone() }, ErrorCode::NotFound),
        (
            Credential { not_before: UnixMillis(now.0 - 2), not_after: now, ..credential.clone() },
            ErrorCode::CredentialInvalid,
        ),
        (Credential { not_before: now.plus(HOUR), ..credential.clone() }, ErrorCode::CredentialInvalid),
    ] {
        assert_eq!(house.vouch(&wrong).await.code(), code, "{wrong:?}");
    }
    for wrong in [
        Invitation { organisation: other.public(), ..invitation },
        Invitation { suite: 2, ..invitation },
        Invitation { expires: now, ..invitation },
        Invitation { expires: now.plus(31 * 24 * HOUR), ..invitation },
    ] {
        assert_eq!(house.invite(&wrong).await.code(), ErrorCode::Malformed, "{wrong:?}");
    }
    for wrong in [
        OrganisationCard { key: other.public(), ..card.clone() },
        OrganisationCard { suite: 2, ..card.clone() },
        OrganisationCard { name: String::new(), ..card.clone() },
        OrganisationCard { audit: Hash([1; 32]), ..card.clone() },
        OrganisationCard { at: now.plus(HOUR), ..card.clone() },
    ] {
        assert_eq!(house.register(wrong.clone()).await.code(), ErrorCode::Malformed, "{wrong:?}");
    }
    house.register(card.clone()).await.ok();
    house.register(card.clone()).await.ok();
    assert_eq!(house.register(house.card(now)).await.code(), ErrorCode::Conflict, "an older card");
    house.vouch(&credential).await.ok();
    house.invite(&invitation).await.ok();
    house.revoke(1, &[]).await.ok();
}

#[tokio::test]
async fn t063_an_invitation_enrols_one_browser() {
    let (_server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let clerk = house.clerk();
    let good = clerk.enrolment();
    assert_eq!(clerk.enrol(&good).await.code(), ErrorCode::NotFound, "not invited");
    let invitation = house.invitation(&clerk, now.plus(HOUR));
    house.invite(&invitation).await.ok();
    for (wrong, code) in [
        (Enrol { token: Hash([9; 32]), ..good.clone() }, ErrorCode::NotFound),
        (Enrol { token: invitation.token, ..good.clone() }, ErrorCode::NotFound),
        (Enrol { agent: AgentId([9; 16]), ..good.clone() }, ErrorCode::NotFound),
        (
            Enrol { passkey: Some(Passkey { id: Bytes(vec![1]), key: Bytes(vec![2; 91]) }), ..good.clone() },
            ErrorCode::Malformed,
        ),
    ] {
        assert_eq!(clerk.enrol(&wrong).await.code(), code, "{wrong:?}");
    }
    clerk.enrol(&good).await.ok();
    clerk.enrol(&good).await.ok();
    // Whoever has the link comes too late, in whatever they differ.
    for late in [
        Enrol { key: house.public(), ..good.clone() },
        Enrol { passkey: None, ..good.clone() },
        Enrol { proof: Hash([4; 32]), ..good.clone() },
    ] {
        assert_eq!(clerk.enrol(&late).await.code(), ErrorCode::Conflict, "{late:?}");
    }
    let enrolled = async || {
        let Enrolments { enrolments } = house.ask("/enrolled", clock.now(), |_| {}).await.json();
        enrolments.iter().map(|enrolment| enrolment.key).collect::<Vec<_>>()
    };
    assert_eq!(enrolled().await, [good.key]);

    // A new invitation takes everything away; the old one gives nothing back.
    house.vouch(&house.credential(&clerk, Role::Agent, now)).await.ok();
    let mut clerk = clerk;
    clerk.sign_in().await;
    house.invite(&invitation).await.ok();
    clerk.http.get("/v1/agent").await.ok();
    let old = clerk.link;
    clerk.link = Hash(random());
    house.invite(&house.invitation(&clerk, now.plus(2 * HOUR))).await.ok();
    assert_eq!(clerk.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised);
    assert_eq!(clerk.try_sign_in().await.code(), ErrorCode::Unauthorised);
    assert_eq!(enrolled().await, []);
    assert_eq!(house.invite(&invitation).await.code(), ErrorCode::Conflict, "the old invitation again");
    assert_eq!(clerk.enrol(&Enrol { token: old, ..good.clone() }).await.code(), ErrorCode::NotFound);
    assert_eq!(house.vouch(&house.credential(&clerk, Role::Agent, now)).await.code(), ErrorCode::NotFound);
    clock.advance(Duration::from_millis(2 * HOUR));
    assert_eq!(clerk.enrol(&clerk.enrolment()).await.code(), ErrorCode::NotFound, "the link has ended");
    clerk.link = Hash(random());
    house.invite(&house.invitation(&clerk, clock.now().plus(HOUR))).await.ok();
    clerk.enrol(&clerk.enrolment()).await.ok();
    assert_eq!(clerk.sign_in().await.credential, None, "the old credential is gone");
}

#[tokio::test]
async fn t063_revocations_are_never_rolled_back() {
    let (mut server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let mut clerk = house.hire(Role::Agent, now).await;
    let newest = async || {
        let known: Organisation = house.http.get(&house.path("")).await.json();
        let list = known.revocations.expect("a list");
        decode::<organisation::Revocations>(list.statement.as_slice(), limits::MAX_LINK).expect("a list").seq
    };
    house.revoke(5, &[]).await.ok();
    clerk.http.get("/v1/agent").await.ok();
    house.revoke(7, &[(clerk.id, now)]).await.ok();
    house.revoke(7, &[(clerk.id, now)]).await.ok();
    for (seq, agents) in [(5, vec![]), (6, vec![]), (7, vec![]), (0, vec![(clerk.id, UnixMillis(0))])] {
        assert_eq!(house.revoke(seq, &agents).await.code(), ErrorCode::Conflict, "{seq}");
        assert_eq!(newest().await, 7);
    }
    assert_eq!(house.revoke(u64::MAX, &[]).await.code(), ErrorCode::Malformed, "a number that nothing could follow");
    server.stop().await;
    server.resume().await.expect("it starts");
    assert_eq!(clerk.http.get("/v1/agent").await.code(), ErrorCode::Unauthorised);
    assert_eq!(clerk.try_sign_in().await.code(), ErrorCode::CredentialInvalid);
    assert_eq!(
        house.vouch(&house.credential(&clerk, Role::Agent, now)).await.code(),
        ErrorCode::CredentialInvalid,
        "the old credential again"
    );
    // A newer credential than what was taken back counts.
    clock.advance(Duration::from_secs(1));
    house.vouch(&house.credential(&clerk, Role::Agent, clock.now())).await.ok();
    assert!(clerk.sign_in().await.credential.is_some());
    assert_eq!(
        house.vouch(&house.credential(&clerk, Role::Supervisor, now.plus(1))).await.code(),
        ErrorCode::Conflict,
        "an older credential than the newest"
    );
    // Control: what is newer is taken.
    house.revoke(8, &[]).await.ok();
    assert_eq!(newest().await, 8);
}

#[tokio::test]
async fn t063_a_question_is_answered_where_and_when_it_was_asked() {
    let (_server, clock, houses) = houses(2, |_| {}).await;
    let (house, other, now) = (&houses[0], &houses[1], clock.now());
    for path in ["/enrolled", "/sessions", "/sessions?before=AQEBAQEBAQEBAQEBAQEBAQ"] {
        let refused = async |edit: &dyn Fn(&mut organisation::OrganisationRequest)| {
            house.ask(path, now, |request| edit(request)).await.code()
        };
        assert_eq!(refused(&|request| request.suite = 2).await, ErrorCode::Unauthorised);
        assert_eq!(refused(&|request| request.organisation = other.public()).await, ErrorCode::Unauthorised);
        assert_eq!(refused(&|request| request.origin = "https://other.example".into()).await, ErrorCode::Unauthorised);
        assert_eq!(refused(&|request| request.path = other.path(path)).await, ErrorCode::Unauthorised);
        assert_eq!(refused(&|request| request.path.push_str("?after=1")).await, ErrorCode::Unauthorised);
        for at in [UnixMillis(now.0 - 120_001), now.plus(120_001)] {
            assert_eq!(house.ask(path, at, |_| {}).await.code(), ErrorCode::Malformed);
        }
        for at in [UnixMillis(now.0 - 120_000), now.plus(120_000)] {
            let said = house.ask(path, at, |_| {}).await;
            assert!(said.status.is_success() || path.contains("before") && said.code() == ErrorCode::NotFound);
        }
    }
}

#[tokio::test]
async fn what_is_brought_and_asked_is_throttled() {
    let (_server, clock, houses) = houses(1, |settings| {
        settings.limits.organisation_requests_per_address = 3;
        settings.limits.agent_enrolments_per_address = 2;
        settings.limits.agent_sign_ins_per_address = 2;
        settings.limits.agents_per_organisation = 1;
    })
    .await;
    let (house, now) = (&houses[0], clock.now());
    // Registering was the first.
    house.invite(&house.invitation(&house.clerk(), now.plus(HOUR))).await.ok();
    let more = house.invite(&house.invitation(&house.clerk(), now.plus(HOUR))).await;
    assert_eq!(more.code(), ErrorCode::TooLarge, "one agent");
    assert_eq!(house.revoke(1, &[]).await.code(), ErrorCode::RateLimited);
    let clerk = house.clerk();
    for code in [ErrorCode::NotFound, ErrorCode::NotFound, ErrorCode::RateLimited] {
        assert_eq!(clerk.enrol(&clerk.enrolment()).await.code(), code);
    }
    clerk.challenge().await;
    for code in [ErrorCode::Unauthorised, ErrorCode::RateLimited] {
        assert_eq!(clerk.send(&clerk.answer(&clerk.statement(Hash([1; 32])))).await.code(), code);
    }
    clock.advance(Duration::from_secs(61));
    house.revoke(1, &[]).await.ok();
}

#[tokio::test]
async fn of_two_credentials_of_one_moment_the_older_is_not_put_back() {
    let (_server, clock, houses) = houses(1, |_| {}).await;
    let (house, now) = (&houses[0], clock.now());
    let clerk = house.recruit(now).await;
    let first = house.credential(&clerk, Role::Supervisor, now);
    house.vouch(&first).await.ok();
    let same_moment = house.credential(&clerk, Role::Agent, now);
    assert_eq!(same_moment.not_before, first.not_before);
    assert_eq!(house.vouch(&same_moment).await.code(), ErrorCode::Conflict);
    // Controls: the same bytes again, and what is newer.
    house.vouch(&first).await.ok();
    clock.advance(Duration::from_secs(1));
    house.vouch(&house.credential(&clerk, Role::Agent, clock.now())).await.ok();
    assert_eq!(house.vouch(&first).await.code(), ErrorCode::Conflict);
}
