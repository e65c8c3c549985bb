//! Mailboxes in which devices are linked: of devices that have an account, and of those that do not yet.

use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::pairing::{Offer, Purpose};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::socket::Socket;

async fn open(http: &Http, purpose: PurposeWord) -> Said {
    http.post("/v1/mailboxes", &OpenMailbox { purpose }).await
}

async fn offer(http: &Http, mailbox: &Mailbox, purpose: Purpose) -> Said {
    let offer = Offer {
        suite: SUITE,
        purpose,
        mailbox: mailbox.mailbox,
        server_nonce: mailbox.server_nonce,
        device_nonce: Hash(random()),
        identity: Hash(random()),
        expires: mailbox.expires,
    };
    let path = format!("/v1/mailboxes/{}/offer", mailbox.mailbox);
    http.with(mailbox.token).bytes(Method::PUT, &path, encode(&offer)).await
}

#[tokio::test]
async fn a_device_without_an_account_shows_a_code_to_be_linked_and_nothing_else() {
    let server = TestServer::start().await;
    let (http, phone) = (Http::to(&server), Phone::new(&server).await);
    assert_eq!(open(&http, PurposeWord::View).await.code(), ErrorCode::Unauthorised);
    assert_eq!(open(&http, PurposeWord::Agent).await.code(), ErrorCode::Unauthorised);
    let nobody = http.with(Hash(random()));
    assert_eq!(open(&nobody, PurposeWord::Link).await.code(), ErrorCode::Unauthorised, "a token must be good");
    for opener in [&http, &phone.http] {
        let mailbox: Mailbox = open(opener, PurposeWord::Link).await.json();
        assert_eq!(offer(&http, &mailbox, Purpose::View).await.code(), ErrorCode::Malformed);
        offer(&http, &mailbox, Purpose::Link).await.ok();
        let claim = |purpose| Claim { nameplate: mailbox.nameplate.clone(), purpose };
        let lent = http.post("/v1/claims", &claim(PurposeWord::View)).await;
        assert_eq!(lent.code(), ErrorCode::CodeUnknown, "a linking code lends nothing");
        let claimed: Claimed = http.post("/v1/claims", &claim(PurposeWord::Link)).await.json();
        let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
        let mut other = Socket::join(&server, &mailbox.mailbox, claimed.token, 0).await;
        assert_eq!((device.joined().await, other.joined().await), (0, 0));
        let path = format!("/v1/mailboxes/{}", mailbox.mailbox);
        http.with(mailbox.token).bytes(Method::DELETE, &path, vec![]).await.ok();
    }
    // Control: a lending code is none for linking.
    let view = phone.show_code().await;
    let claim = Claim { nameplate: view.nameplate, purpose: PurposeWord::Link };
    assert_eq!(http.post("/v1/claims", &claim).await.code(), ErrorCode::CodeUnknown);
}

#[tokio::test]
async fn no_session_begins_where_devices_are_linked() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let by_nobody: Mailbox = open(&Http::to(&server), PurposeWord::Link).await.json();
    let by_phone: Mailbox = open(&phone.http, PurposeWord::Link).await.json();
    let visit = phone.lend(vec![unit().1], |_| {}).await;
    for (mailbox, code) in [(by_nobody, ErrorCode::NotFound), (by_phone, ErrorCode::NotFound)] {
        offer(&phone.http, &mailbox, Purpose::Link).await.ok();
        let claim = Claim { nameplate: mailbox.nameplate, purpose: PurposeWord::Link };
        phone.http.post("/v1/claims", &claim).await.ok();
        let transcript = Hash(random());
        let terms = pairing::Terms { session: preimage::session_id(&transcript), ..visit.terms.clone() };
        let other = Visit {
            http: visit.http.clone(),
            key: visit.key.clone(),
            session: terms.session,
            mailbox: mailbox.mailbox,
            nameplate: String::new(),
            transcript,
            terms,
            ..copy(&visit)
        };
        let submission = phone.submission(&other, &other.terms);
        assert_eq!(phone.http.bytes(Method::POST, "/v1/sessions", submission).await.code(), code);
        assert_eq!(other.open(UnitId(random()), 1).await.code(), ErrorCode::NotFound, "there is none");
    }
}

fn copy(visit: &Visit) -> Visit {
    Visit {
        http: visit.http.clone(),
        key: visit.key.clone(),
        session: visit.session,
        mailbox: visit.mailbox,
        nameplate: visit.nameplate.clone(),
        device_token: visit.device_token,
        viewer_token: visit.viewer_token,
        transcript: visit.transcript,
        terms: visit.terms.clone(),
    }
}

#[tokio::test]
async fn devices_without_an_account_are_counted_by_their_address() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        settings.limits.link_mailboxes_per_address = 2;
        settings.limits.link_mailboxes_per_address_minute = 4;
    })
    .await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let from = async |address: &str| {
        let request = http.request(Method::POST, "/v1/mailboxes").header("x-forwarded-for", address);
        http.send(request.json(&OpenMailbox { purpose: PurposeWord::Link })).await
    };
    let first: Mailbox = from("192.0.2.1").await.json();
    from("192.0.2.1").await.ok();
    let said = from("192.0.2.1").await;
    assert_eq!((said.code(), said.headers.contains_key("retry-after")), (ErrorCode::RateLimited, false), "a count");
    from("192.0.2.2").await.ok();
    // One that ended makes room; the rate stands.
    let path = format!("/v1/mailboxes/{}", first.mailbox);
    http.with(first.token).bytes(Method::DELETE, &path, vec![]).await.ok();
    assert_eq!(from("192.0.2.1").await.status, StatusCode::CREATED);
    let said = from("192.0.2.1").await;
    assert_eq!((said.code(), said.headers.contains_key("retry-after")), (ErrorCode::RateLimited, true), "a rate");
    // Control: an account's codes are counted apart, and time makes room.
    open(&phone.http, PurposeWord::Link).await.ok();
    phone.show_code().await;
    clock.advance(Duration::from_secs(180));
    server.running().sweep().await.expect("swept");
    assert_eq!(from("192.0.2.1").await.status, StatusCode::CREATED);
}
