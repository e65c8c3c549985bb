use glimpse_server::test_server::TestServer;
use glimpse_server::{Clock, ManualClock};
use glimpse_wire::account::{HeadStatement, SignedLink};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::{Phone, random, sign, unit};

#[tokio::test]
async fn an_account_from_genesis_to_deletion() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;

    // Founding again with the same bytes is the answer to a lost answer; with another wrap it is a conflict.
    let again = phone.http.post("/v1/accounts", &phone.founding).await;
    assert_eq!(again.status, StatusCode::CREATED);

    let account: Account = phone.http.get("/v1/account").await.json();
    assert_eq!(account.chain.links, std::slice::from_ref(&phone.founding.genesis));
    assert_eq!(account.wraps, [DeviceWrap { device: phone.device, wrap: phone.founding.wrap.clone() }]);

    let chain_path = format!("/v1/chains/{}", phone.account);
    let chain: Chain = phone.http.get(&chain_path).await.json();
    assert_eq!((chain.links.len(), chain.statements), (1, Vec::new()));
    let statement = HeadStatement {
        suite: SUITE,
        account: phone.account,
        head: phone.head,
        at: phone.now().await,
        device: phone.device,
    };
    let word: SignedJson = sign(&phone.key, StatementKind::Head, &statement).into();
    phone.http.json(Method::PUT, "/v1/account/head", &word).await.ok();
    let chain: Chain = phone.http.get(&chain_path).await.json();
    assert_eq!(chain.statements, [word]);

    let version = phone.add(100).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 100).await;

    let deletion = AccountDeletion { suite: SUITE, account: phone.account, at: phone.now().await };
    let by_another = Phone::new(&server).await;
    let forged: SignedJson = sign(&by_another.key, StatementKind::AccountDeletion, &deletion).into();
    assert_eq!(phone.http.json(Method::DELETE, "/v1/account", &forged).await.code(), ErrorCode::Unauthorised);
    let signed: SignedJson = sign(&phone.key, StatementKind::AccountDeletion, &deletion).into();
    phone.http.json(Method::DELETE, "/v1/account", &signed).await.ok();

    assert_eq!(phone.http.get("/v1/account").await.code(), ErrorCode::Unauthorised);
    assert_eq!(phone.http.get(&chain_path).await.code(), ErrorCode::NotFound);
    assert_eq!(visit.open(id, 1).await.code(), ErrorCode::SessionRevoked, "the viewer is told why");
    // Nothing of it is left in any file: neither ids nor ciphertext.
    let needles: [&[u8]; 4] =
        [&phone.account.0, &phone.device.0, &version.envelope.header.record.0, &version.content[..32]];
    for needle in needles {
        assert_eq!(crate::leftovers::files_with(server.data(), needle), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_sign_in_is_good_once_in_time_for_its_device_at_its_server() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.token_seconds = 600).await;
    let mut phone = Phone::new(&server).await;
    let url = server.url();

    let answer = phone.answer_challenge(&url).await;
    let token: Token = phone.http.post("/v1/sign-in", &answer).await.json();
    assert_eq!(phone.http.post("/v1/sign-in", &answer).await.code(), ErrorCode::Unauthorised, "a replay");
    let elsewhere = phone.answer_challenge("https://phishing.example").await;
    assert_eq!(phone.http.post("/v1/sign-in", &elsewhere).await.code(), ErrorCode::Unauthorised, "relayed");
    let late = phone.answer_challenge(&url).await;
    clock.advance(Duration::from_secs(61));
    assert_eq!(phone.http.post("/v1/sign-in", &late).await.code(), ErrorCode::Unauthorised, "late");
    let stranger = Phone::unboxed(&server);
    let unknown = stranger.answer_challenge(&url).await;
    assert_eq!(phone.http.post("/v1/sign-in", &unknown).await.code(), ErrorCode::Unauthorised, "no such account");
    let mut forged = phone.answer_challenge(&url).await;
    forged.signature.0[0] ^= 1;
    assert_eq!(phone.http.post("/v1/sign-in", &forged).await.code(), ErrorCode::Unauthorised, "not signed");

    phone.http.with(token.token).get("/v1/account").await.ok();
    assert!(token.expires.0 > clock.now().0);
    clock.advance(Duration::from_secs(600));
    assert_eq!(phone.http.with(token.token).get("/v1/account").await.code(), ErrorCode::Unauthorised, "lapsed");
    phone.sign_in().await;
    phone.http.get("/v1/account").await.ok();
    // Tokens are stored hashed.
    let raw = phone.http.token.expect("signed in").0;
    assert_eq!(crate::leftovers::files_with(server.data(), &raw), Vec::<String>::new());
}

#[tokio::test]
async fn a_genesis_link_that_nobody_signed_founds_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::unboxed(&server);
    let mut link: SignedLink = decode(phone.founding.genesis.as_slice(), usize::MAX).expect("a link");
    link.signature.0[5] ^= 1;
    let unsigned = CreateAccount { genesis: Bytes(encode(&link)), ..phone.founding.clone() };
    assert_eq!(phone.http.post("/v1/accounts", &unsigned).await.code(), ErrorCode::Unauthorised);
    let other_wrap = CreateAccount { wrap: Bytes(random::<64>().to_vec()), ..phone.founding.clone() };
    assert_eq!(phone.http.post("/v1/accounts", &other_wrap).await.code(), ErrorCode::Malformed);
    let garbage = CreateAccount { genesis: Bytes(vec![0x80]), ..phone.founding.clone() };
    assert_eq!(phone.http.post("/v1/accounts", &garbage).await.code(), ErrorCode::Malformed);
    assert_eq!(phone.http.get(&format!("/v1/chains/{}", phone.account)).await.code(), ErrorCode::NotFound);
    phone.http.post("/v1/accounts", &phone.founding).await.ok();
}

#[tokio::test]
async fn what_is_not_yours_is_not_there() {
    let server = TestServer::start().await;
    let (owner, other) = (Phone::new(&server).await, Phone::new(&server).await);
    let version = owner.add(10).await;
    let (id, listed) = unit();
    let visit = owner.lend(vec![listed], |_| {}).await;
    owner.seal_unit(&visit, id, 10).await;

    let (h0, session) = (version.envelope.header.h0(), visit.session);
    let record = version.envelope.header.record;
    let (none, no_session, no_record) = (Hash(random()), SessionId(random()), RecordId(random()));
    for (theirs, nobodys) in [
        (format!("/v1/contents/{h0}"), format!("/v1/contents/{none}")),
        (format!("/v1/sessions/{session}/receipts"), format!("/v1/sessions/{no_session}/receipts")),
    ] {
        let (a, b) = (other.http.get(&theirs).await, other.http.get(&nobodys).await);
        assert_eq!((a.code(), &a.body), (ErrorCode::NotFound, &b.body));
        owner.http.get(&theirs).await.ok();
    }
    for record in [record, no_record] {
        let path = format!("/v1/records/{record}/versions/1/share");
        assert_eq!(other.http.bytes(Method::POST, &path, Vec::new()).await.code(), ErrorCode::NotFound);
    }
    for session in [session, no_session] {
        let scope = ShareScope::Session { session, unit: id, salt: Salt(random()) };
        let said = other.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await;
        assert_eq!(said.code(), ErrorCode::NotFound);
    }
    assert_eq!(other.delete(&version).await.code(), ErrorCode::NotFound);
    assert_eq!(owner.list(0).await.changes.len(), 1);
    assert_eq!(other.list(0).await.changes.len(), 0);
}
