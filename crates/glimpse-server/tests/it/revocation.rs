//! Devices that leave, devices that wait, devices that turn up twice.

use glimpse_server::test_server::TestServer;
use glimpse_server::{Clock, ManualClock, SystemClock};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::family::{Family, refusals};
use crate::socket::Socket;

async fn measured(clock: Arc<dyn Clock>) -> TestServer {
    TestServer::start_with(clock, |settings| settings.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await
}

async fn sign_in(phone: &Phone) -> Said {
    let answer = phone.answer_challenge(&phone.http.url.clone()).await;
    phone.http.post("/v1/sign-in", &answer).await
}

/// Everything that a device may ask with its token, and that the server answers with a success while it may.
async fn everything(phone: &Phone, version: &Version) -> Vec<(&'static str, Said)> {
    let header = phone.header(RecordId(random()), None, 10);
    let scope = ShareScope::Record { record: header.record, version: 1, h0: header.h0() };
    let h0 = version.envelope.header.h0();
    let name = DeviceName { device: phone.device, epoch: 1, sealed: Bytes(vec![1]) };
    let http = &phone.http;
    vec![
        ("share of a record", phone.release(version).await),
        ("new share", http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await),
        ("upload", http.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), noise(528)).await),
        ("content", http.get(&format!("/v1/contents/{h0}")).await),
        ("listing", http.get("/v1/records").await),
        ("sessions", http.get("/v1/sessions").await),
        ("a code", http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await),
        ("a name", http.json(Method::PUT, &format!("/v1/account/names/{}", phone.device), &name).await),
    ]
}

/// Row 28 of the catalogue.
#[tokio::test]
async fn t028_a_revoked_device_is_given_nothing() {
    let server = measured(Arc::new(SystemClock::new())).await;
    let mut family = Family::new(&server, 3).await;
    let version = family.phones[0].add(10).await;
    for phone in [0, 1] {
        let phone = &family.phones[phone];
        for (what, said) in everything(phone, &version).await {
            assert!(said.status.is_success(), "control: {what} before the revocation");
        }
    }
    let (id, listed) = unit();
    let visit = family.phones[1].lend(vec![listed], |_| {}).await;
    family.phones[1].seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    let (other, listed) = unit();
    let kept = family.phones[0].lend(vec![listed], |_| {}).await;
    family.phones[0].seal_unit(&kept, other, 10).await;
    let code = family.phones[1].show_code().await;
    let mut device = Socket::join(&server, &code.mailbox, code.token, 0).await;
    device.joined().await;
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    viewer.joined().await;
    let draft = family.phones[1].prepare(family.phones[1].header(RecordId(random()), None, 10)).await;

    family.revoke(0, 1).await;
    let (first, gone) = (&family.phones[0], &family.phones[1]);
    // The server has answered: everything has happened.
    assert_eq!(visit.open(id, 2).await.code(), ErrorCode::SessionRevoked);
    assert_eq!(visit.content(&id).await.code(), ErrorCode::SessionRevoked);
    assert_eq!(viewer.hear().await, Some(ToEnd::Over { code: ErrorCode::SessionRevoked }));
    assert_eq!(device.hear().await, Some(ToEnd::Over { code: ErrorCode::SessionRevoked }));
    let claim = Claim { nameplate: code.nameplate.clone(), purpose: PurposeWord::View };
    assert_eq!(Http::to(&server).post("/v1/claims", &claim).await.code(), ErrorCode::CodeUsed);
    for (what, said) in everything(gone, &version).await {
        assert_eq!((said.code(), said.status), (ErrorCode::DeviceRevoked, StatusCode::FORBIDDEN), "{what}");
    }
    for (what, said) in [
        ("account", gone.http.get("/v1/account").await),
        ("publish", gone.publish(&draft).await),
        ("delete", gone.delete(&version).await),
        ("receipts", gone.http.get(&format!("/v1/sessions/{}/receipts", visit.session)).await),
        ("link", gone.http.post("/v1/account/links", &AppendLink { link: Bytes(vec![]), wraps: vec![] }).await),
    ] {
        assert_eq!(said.code(), ErrorCode::DeviceRevoked, "{what}");
    }
    let route = "/v1/records/{record}/versions/{version}/share";
    assert_eq!(refusals(&server, route, ErrorCode::DeviceRevoked).await, 1, "the operator can see it");
    assert_eq!(refusals(&server, "/v1/shares", ErrorCode::DeviceRevoked).await, 1);
    // It is told why when it proves who it is, and nobody else is told anything.
    assert_eq!(sign_in(gone).await.code(), ErrorCode::DeviceRevoked);
    assert_eq!(refusals(&server, "/v1/sign-in", ErrorCode::DeviceRevoked).await, 1);
    let mut forged = gone.answer_challenge(&server.url()).await;
    forged.signature.0[0] ^= 1;
    assert_eq!(gone.http.post("/v1/sign-in", &forged).await.code(), ErrorCode::Unauthorised);
    // Control: those who belong go on, and their sessions live.
    opened(&kept.open(other, 1).await);
    for phone in [first, &family.phones[2]] {
        assert!(everything(phone, &version).await.iter().all(|(_, said)| said.status.is_success()));
    }
    let account: Account = first.http.get("/v1/account").await.json();
    assert!(account.wraps.iter().all(|wrap| wrap.device != gone.device), "no seed of the new epoch for it");
}

/// Row 27 of the catalogue: what a revoked device signs is worth nothing, whoever brings it.
#[tokio::test]
async fn t027_nothing_that_a_revoked_device_signs_is_taken_from_anyone() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let before = family.phones[0].prepare(family.phones[0].header(RecordId(random()), None, 10)).await;
    family.phones[0].publish(&before).await.ok();
    family.revoke(0, 1).await;
    let (first, gone) = (&family.phones[0], &family.phones[1]);
    let carried = |by: &Phone| Http { token: by.http.token, ..first.http.clone() };
    let (act, wraps) = family.rotation();
    let header = first.header(RecordId(random()), None, 10);
    let version = first.prepare(header).await;
    let forge = envelope(header, version.share.kid, &version.content, first.head, Bytes::default(), &gone.key);
    for (by, code) in [(gone, ErrorCode::DeviceRevoked), (first, ErrorCode::Unauthorised)] {
        let http = carried(by);
        let link = family.act(gone, act.clone(), wraps.clone());
        assert_eq!(http.post("/v1/account/links", &link).await.code(), code);
        assert_eq!(http.bytes(Method::POST, "/v1/records", forge.to_bytes()).await.code(), code);
        let statement = glimpse_wire::account::HeadStatement {
            suite: SUITE,
            account: first.account,
            head: first.head,
            at: UnixMillis(1),
            device: gone.device,
        };
        let word: SignedJson = sign(&gone.key, StatementKind::Head, &statement).into();
        assert_eq!(http.json(Method::PUT, "/v1/account/head", &word).await.code(), code);
    }
    // Control: the same, signed by one who belongs.
    first.publish(&version).await.ok();
    let link = family.act(first, act, wraps);
    first.http.post("/v1/account/links", &link).await.ok();
}

#[tokio::test]
async fn a_revocation_that_a_fault_cut_off_is_finished_by_the_next_sweep_or_start() {
    let mut server = TestServer::start().await;
    for restart in [false, true] {
        let mut family = Family::new(&server, 2).await;
        let visit = family.phones[1].lend(vec![unit().1], |_| {}).await;
        // From here on no session can end.
        let url = format!("sqlite://{}", server.data().join("sessions.db").display());
        let database = sqlx::SqlitePool::connect(&url).await.expect("opens");
        let fault = "CREATE TRIGGER fault BEFORE UPDATE OF ended ON sessions BEGIN SELECT RAISE(ABORT, 'a fault'); END";
        sqlx::query(fault).execute(&database).await.expect("made");
        let (act, wraps) = family.revocation(&[family.phones[1].device]);
        let link = family.act(&family.phones[0], act, wraps);
        let said = family.phones[0].http.post("/v1/account/links", &link).await;
        assert_eq!(said.code(), ErrorCode::Internal);
        // The link stands all the same, and so does what follows from it alone.
        family.take(&link);
        assert_eq!(family.phones[1].http.get("/v1/account").await.code(), ErrorCode::DeviceRevoked);
        let request = visit.request(UnitId(random()), 1, Hash::ZERO);
        assert_eq!(visit.send(&request).await.code(), ErrorCode::NotGranted, "control: the session is still there");

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
        assert_eq!(visit.send(&request).await.code(), ErrorCode::SessionRevoked);
        // And the one who asked gets the answer that was lost.
        let again: Appended = family.phones[0].http.post("/v1/account/links", &link).await.json();
        assert_eq!(again.head, family.chain.head());
    }
}

#[tokio::test]
async fn a_device_that_is_held_back_waits() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = measured(clock.clone()).await;
    let mut family = Family::new(&server, 1).await;
    let version = family.phones[0].add(10).await;
    family.link(&server, 60_000).await;
    let waiting = &family.phones[1];
    // It signed in, and reads the account.
    waiting.http.get("/v1/account").await.ok();
    for (what, said) in everything(waiting, &version).await {
        assert_eq!((said.code(), said.status), (ErrorCode::DeviceHeld, StatusCode::FORBIDDEN), "{what}");
    }
    let (act, wraps) = family.rotation();
    let link = family.act(waiting, act, wraps);
    assert_eq!(waiting.http.post("/v1/account/links", &link).await.code(), ErrorCode::DeviceHeld);
    clock.advance(Duration::from_millis(59_000));
    assert_eq!(waiting.release(&version).await.code(), ErrorCode::DeviceHeld);
    clock.advance(Duration::from_millis(1_000));
    for (what, said) in everything(waiting, &version).await {
        assert!(said.status.is_success(), "{what} when it is free");
    }
    waiting.http.post("/v1/account/links", &link).await.ok();
    let route = "/v1/records/{record}/versions/{version}/share";
    assert_eq!(refusals(&server, route, ErrorCode::DeviceHeld).await, 2);
}

#[tokio::test]
async fn a_device_that_is_held_back_can_be_stopped() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 1).await;
    family.link(&server, 60_000).await;
    family.revoke(0, 1).await;
    assert_eq!(family.phones[1].http.get("/v1/account").await.code(), ErrorCode::DeviceRevoked);
}

#[tokio::test]
async fn a_device_that_is_held_back_ends_no_session_of_another() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let mut family = Family::new(&server, 1).await;
    family.link(&server, 60_000).await;
    let (lender, waiting) = (&family.phones[0], &family.phones[1]);
    let (id, listed) = unit();
    let visit = lender.lend(vec![listed], |_| {}).await;
    lender.seal_unit(&visit, id, 10).await;
    assert_eq!(waiting.stop(&visit, |_| {}).await.code(), ErrorCode::DeviceHeld);
    let forged = waiting.stop(&visit, |stop| stop.device = lender.device).await;
    assert_eq!(forged.code(), ErrorCode::NotFound, "it is told so once it has signed");
    opened(&visit.open(id, 1).await);

    clock.advance(Duration::from_secs(60));
    assert!(waiting.stop(&visit, |_| {}).await.status.is_success(), "control: when it is free");
    assert_eq!(visit.open(id, 2).await.code(), ErrorCode::SessionEnded);
}

/// Row 36 of the catalogue: a copy of a device's state comes with a counter that was used.
#[tokio::test]
async fn t036_a_device_that_was_restored_from_a_copy_is_noticed() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let answer = async |phone: &Phone, counter: u64| {
        let ask = ChallengeRequest { account: phone.account, device: phone.device };
        let challenge: Challenge = phone.http.post("/v1/sign-in/challenge", &ask).await.json();
        let statement = SignIn {
            suite: SUITE,
            account: phone.account,
            device: phone.device,
            origin: server.url(),
            challenge: challenge.challenge,
            at: challenge.now,
            counter,
        };
        SignedJson::from(sign(&phone.key, StatementKind::SignIn, &statement))
    };
    let phone = &family.phones[1];
    let with = async |counter: u64| phone.http.post("/v1/sign-in", &answer(phone, counter).await).await;
    let doubled = async |reader: &Phone| reader.http.get("/v1/account").await.json::<Account>().doubled;
    with(10).await.ok();
    with(11).await.ok();
    assert_eq!(doubled(&family.phones[0]).await, [], "control: rising counters raise no alarm");
    // Nobody raises it without the device's key, or with an answer that was heard before.
    let mut forged = answer(phone, 3).await;
    forged.signature.0[0] ^= 1;
    assert_eq!(phone.http.post("/v1/sign-in", &forged).await.code(), ErrorCode::Unauthorised);
    let heard = answer(phone, 12).await;
    phone.http.post("/v1/sign-in", &heard).await.ok();
    assert_eq!(phone.http.post("/v1/sign-in", &heard).await.code(), ErrorCode::Unauthorised, "a replay");
    assert_eq!(with(u64::MAX).await.code(), ErrorCode::Malformed);
    assert_eq!(doubled(&family.phones[0]).await, []);

    let said = with(12).await;
    assert_eq!((said.code(), said.status), (ErrorCode::DeviceDoubled, StatusCode::CONFLICT), "an equal one");
    assert_eq!(with(1).await.code(), ErrorCode::DeviceDoubled, "a lower one");
    let seen = doubled(&family.phones[0]).await;
    assert_eq!(seen.iter().map(|seen| seen.device).collect::<Vec<_>>(), [phone.device], "on every device");
    with(13).await.ok();
    assert_eq!(doubled(&family.phones[0]).await.len(), 1, "it is remembered");
    family.revoke(0, 1).await;
    assert_eq!(doubled(&family.phones[0]).await, [], "until the device is out");
}
