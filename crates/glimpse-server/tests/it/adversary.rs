//! Attacks on the server itself: one account's rights used on another's, floods, faults and clocks.

use glimpse_server::test_server::TestServer;
use glimpse_server::{ManualClock, Settings, SystemClock};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::Header;
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

use crate::actors::*;
use crate::family::Family;
use crate::leftovers::files_with;
use crate::slow::{connect, until};
use crate::socket::Socket;

async fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::start_with(Arc::new(SystemClock::new()), change).await
}

#[tokio::test]
async fn another_account_cannot_write_into_a_sessions_receipts() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let visit = phone.lend(vec![unit().1], |_| {}).await;
    let receipts = phone.receipts(&visit.session).await.receipts;
    let head = preimage::receipt_hash(receipts[0].as_slice());
    // The viewer knows the head, and may well have an account of its own.
    let viewer = Phone::new(&server).await;
    assert_eq!(viewer.countersign(visit.session, 0, head).await.code(), ErrorCode::NotFound);
    assert_eq!(phone.receipts(&visit.session).await.receipts, receipts);
    phone.countersign(visit.session, 0, head).await.ok();
    // Nor learn by repeating it whether it was written.
    assert_eq!(viewer.countersign(visit.session, 0, head).await.code(), ErrorCode::NotFound);
}

/// An audit takes the word of the device that lent alone; another one's would break the trail for good.
#[tokio::test]
async fn t065_another_device_of_the_account_countersigns_nothing() {
    let server = TestServer::start().await;
    let family = Family::new(&server, 2).await;
    let (lender, other) = (&family.phones[0], &family.phones[1]);
    let visit = lender.lend(vec![unit().1], |_| {}).await;
    let receipts = lender.receipts(&visit.session).await.receipts;
    let head = preimage::receipt_hash(receipts[0].as_slice());
    assert_eq!(other.receipts(&visit.session).await.receipts, receipts, "it may read the trail");
    assert_eq!(other.countersign(visit.session, 0, head).await.code(), ErrorCode::NotFound);
    assert_eq!(lender.receipts(&visit.session).await.receipts, receipts);
    lender.countersign(visit.session, 0, head).await.ok();
}

#[tokio::test]
async fn a_page_on_another_origin_can_read_every_refusal() {
    let server = server(|settings| {
        settings.allow_origins = vec!["https://look.example".to_owned()];
        settings.limits.requests_per_address = 6;
    })
    .await;
    let http = Http::to(&server);
    let ask = |method: Method, path: &str| {
        let request = http.request(method, path).header("origin", "https://look.example");
        http.send(request.header("range", "bytes=9-"))
    };
    for (method, path, code) in [
        (Method::GET, "/v1/nothing", ErrorCode::NotFound),
        (Method::PATCH, "/v1/info", ErrorCode::Malformed),
        (Method::POST, "/v1/claims", ErrorCode::Malformed),
        (Method::GET, "/v1/account", ErrorCode::Unauthorised),
    ] {
        let said = ask(method, path).await;
        assert_eq!(said.code(), code, "{path}");
        assert_eq!(said.headers["access-control-allow-origin"], "https://look.example", "{path}");
    }
    let said = loop {
        let said = ask(Method::GET, "/v1/info").await;
        if !said.status.is_success() {
            break said;
        }
    };
    assert_eq!(said.code(), ErrorCode::RateLimited);
    assert_eq!(said.headers["access-control-allow-origin"], "https://look.example", "too many requests");
    assert!(said.headers["access-control-expose-headers"].to_str().expect("text").contains("retry-after"));
    for header in ["content-security-policy", "x-content-type-options", "referrer-policy", "x-request-id"] {
        assert!(said.headers.contains_key(header), "{header}");
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_a_problem_like_any_other() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let version = phone.add(10).await;
    let path = format!("/v1/contents/{}", version.envelope.header.h0());
    let ask = |name: &'static str, value: &'static str| {
        phone.http.request(Method::GET, &path).header("range", "bytes=0-0").header(name, value)
    };
    let beyond = phone.http.send(phone.http.request(Method::GET, &path).header("range", "bytes=528-")).await;
    assert_eq!((beyond.status, beyond.code()), (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::Malformed));
    assert_eq!(beyond.headers["content-range"], "bytes */528");
    // There is nothing to compare a condition with, so it does not hold and the range is not used (RFC 9110 section 13.1.5).
    assert_eq!(phone.http.send(ask("if-range", "\"etag\"")).await.status, StatusCode::OK);
    assert_eq!(phone.http.send(ask("accept", "*/*")).await.body, version.content[..1], "control");
}

#[tokio::test]
async fn what_a_proxy_did_not_write_is_not_believed() {
    let server = server(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        settings.limits.claims_per_address = 1;
    })
    .await;
    let http = Http::to(&server);
    let claim = async |forwarded: &str| {
        let claim = Claim { nameplate: "417".to_owned(), purpose: PurposeWord::View };
        let request = http.request(Method::POST, "/v1/claims").header("x-forwarded-for", forwarded);
        http.send(request.json(&claim)).await.code()
    };
    assert_eq!(claim("192.0.2.1").await, ErrorCode::CodeUnknown);
    assert_eq!(claim("192.0.2.1").await, ErrorCode::RateLimited, "control: rates go by the forwarded address");
    assert_eq!(claim("192.0.2.2").await, ErrorCode::CodeUnknown, "control: another address");
    assert_eq!(
        claim("192.0.2.3, ::ffff:192.0.2.1").await,
        ErrorCode::RateLimited,
        "the same address, written otherwise"
    );
    assert_eq!(claim("::ffff:192.0.2.9").await, ErrorCode::CodeUnknown, "mapped addresses are not all one");
    // The proxy's own word cannot be read: what a client wrote before it counts for nothing.
    assert_eq!(claim("192.0.2.4, not an address").await, ErrorCode::CodeUnknown);
    assert_eq!(claim("192.0.2.5, not an address").await, ErrorCode::RateLimited);
}

#[tokio::test]
async fn a_customer_with_many_addresses_claims_no_more_than_a_network_may() {
    let server = server(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        settings.limits.claims_per_address = 2;
    })
    .await;
    let http = Http::to(&server);
    let claim = async |forwarded: &str| {
        let claim = Claim { nameplate: "417".to_owned(), purpose: PurposeWord::View };
        let request = http.request(Method::POST, "/v1/claims").header("x-forwarded-for", forwarded);
        http.send(request.json(&claim)).await.code()
    };
    let mut admitted = 0;
    for subnet in 0..40 {
        admitted += u32::from(claim(&format!("2001:db8:1:{subnet:x}::1")).await == ErrorCode::CodeUnknown);
    }
    assert!((16..20).contains(&admitted), "{admitted} of 40 addresses of one /48");
    assert_eq!(claim("2001:db8:2::1").await, ErrorCode::CodeUnknown, "control: another network");
}

#[tokio::test]
async fn the_data_folder_is_its_owners_alone() {
    let mut server = TestServer::start().await;
    server.stop().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    for folder in ["", "blobs", "session-blobs"] {
        std::fs::set_permissions(server.data().join(folder), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    server.resume().await.expect("starts");
    for folder in ["", "blobs", "session-blobs"] {
        assert_eq!(mode(&server.data().join(folder)), 0o700, "{folder}");
    }
}

#[tokio::test]
async fn what_an_end_destroys_does_not_wait_for_its_receipt() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
    let (_, content) = phone.seal_unit(&visit, id, 10).await;
    // The main database takes no receipt, as when its disk is full.
    let file = server.data().join("main.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("opens");
    sqlx::query("ALTER TABLE receipts RENAME TO away").execute(&pool).await.expect("renamed");
    assert!(!files_with(server.data(), &content[..48]).is_empty(), "control");
    clock.advance(Duration::from_secs(61));
    assert!(server.running().sweep().await.is_err(), "the fault is reported");
    assert_eq!(files_with(server.data(), &content[..48]), Vec::<String>::new());
    assert_eq!(visit.open(id, 1).await.code(), ErrorCode::SessionExpired);
    // Once it takes receipts again, the end is on record.
    sqlx::query("ALTER TABLE away RENAME TO receipts").execute(&pool).await.expect("renamed");
    pool.close().await;
    server.running().sweep().await.expect("swept");
    assert_eq!(phone.receipts(&visit.session).await.receipts.len(), 3);
}

#[tokio::test]
async fn a_clock_that_went_back_over_a_restart_lengthens_no_session() {
    let clock = Arc::new(ManualClock::at_wall());
    let mut server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let mut visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(600_000)).await;
    phone.seal_unit(&visit, id, 10).await;
    clock.advance(Duration::from_secs(590));
    server.stop().await;
    server.resume().await.expect("starts");
    visit.http.client = crate::http::client();
    opened(&visit.open(id, 1).await);
    server.stop().await;
    clock.set_back(Duration::from_secs(300));
    server.resume().await.expect("starts");
    visit.http.client = crate::http::client();
    assert_eq!(visit.open(id, 2).await.code(), ErrorCode::SessionExpired, "five minutes more");
    // The accounts are there, and new sessions can begin.
    let mut phone = phone;
    phone.http.client = crate::http::client();
    phone.lend(vec![unit().1], |_| {}).await;
}

/// A writer's request for a share, signed, and the header of what it would write.
pub(crate) async fn writer_mint(phone: &Phone, key: &ed25519_dalek::SigningKey, length: u64) -> (Header, Said) {
    let header = Header { author: preimage::writer_id(&public(key)), ..phone.header(RecordId(random()), None, length) };
    let ask = WriterMint {
        suite: SUITE,
        account: phone.account,
        writer: public(key),
        record: header.record,
        h0: header.h0(),
        at: phone.now().await,
    };
    let signed: SignedJson = sign(key, StatementKind::WriterMint, &ask).into();
    (header, phone.http.post("/v1/writes/shares", &signed).await)
}

#[tokio::test]
async fn strangers_who_write_cannot_shut_out_the_owner() {
    let server = server(|settings| {
        let limits = &mut settings.limits;
        (limits.bytes_per_account, limits.pending_bytes_per_account) = (2_000_000, 300_000);
        limits.submission_bytes = 200_000;
    })
    .await;
    let phone = Phone::new(&server).await;
    let put = async |length: u64| {
        let key = ed25519_dalek::SigningKey::from_bytes(&random());
        let (header, minted) = writer_mint(&phone, &key, length).await;
        let minted: Minted = minted.json();
        let http = phone.http.with(minted.upload.expect("a token"));
        let content = noise(sealed(header.size));
        let said = http.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content.clone()).await;
        if said.status.is_success() {
            let writer = Bytes(public(&key).0.to_vec());
            let envelope = envelope(header, minted.shares[0].kid, &content, phone.head, writer, &key);
            http.bytes(Method::POST, "/v1/writes", envelope.to_bytes()).await.ok();
        }
        said
    };
    assert_eq!(put(1_000_000).await.code(), ErrorCode::TooLarge, "one submission is small");
    put(150_000).await.ok();
    assert_eq!(put(190_000).await.code(), ErrorCode::TooLarge, "and all of them together are a part of the account");
    // Uploads that never end take none of the owner's places.
    let mut held = Vec::new();
    for _ in 0..12 {
        let (header, minted) = writer_mint(&phone, &ed25519_dalek::SigningKey::from_bytes(&random()), 10).await;
        let token = minted.json::<Minted>().upload.expect("a token");
        let mut stream = connect(&server).await;
        let head = format!(
            "PUT /v1/contents/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 528\r\n\r\n",
            header.h0()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        held.push(stream);
    }
    let blobs = server.data().join("blobs");
    until("no upload began", || std::fs::read_dir(&blobs).expect("a folder").count() > 3).await;
    phone.add(500_000).await;
    // What the owner deletes is free again for others.
    for change in phone.list(0).await.changes {
        if let record::Change::Pending { envelope, .. } = change {
            let envelope = record::Envelope::parse(envelope.as_slice()).expect("one");
            let share = Share { kid: 1, share: Hash::ZERO };
            phone.delete(&Version { envelope, content: Vec::new(), share }).await.ok();
        }
    }
    drop(held);
    until("uploads that broke off stay", || std::fs::read_dir(&blobs).expect("a folder").count() == 1).await;
    put(190_000).await.ok();
}

#[tokio::test]
async fn shares_of_units_are_minted_all_or_none_and_not_without_end() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let units: Vec<_> = (0..256).map(|_| unit()).collect();
    let visit = phone.lend(units.iter().map(|(_, listed)| *listed).collect(), |_| {}).await;
    let scope = |unit: UnitId| ShareScope::Session { session: visit.session, unit, salt: Salt(random()) };
    let mint = |shares: Vec<ShareScope>| {
        let phone = &phone;
        async move { phone.http.post("/v1/shares", &MintRequest { shares, head: None }).await }
    };
    let all: Vec<ShareScope> = units.iter().map(|(id, _)| scope(*id)).collect();
    let minted: Minted = mint(all.clone()).await.json();
    let again: Minted = mint(all.into_iter().rev().collect()).await.json();
    assert!(minted.shares.iter().eq(again.shares.iter().rev()), "each share belongs to its question");
    let (first, _) = units[0];
    assert_eq!(mint(vec![scope(first), scope(UnitId(random()))]).await.code(), ErrorCode::NotFound);
    let rest: Vec<ShareScope> = (0..15).map(|_| scope(first)).collect();
    mint(rest.clone()).await.ok();
    assert_eq!(
        mint(vec![scope(first)]).await.code(),
        ErrorCode::RateLimited,
        "sixteen sealings of one unit are enough"
    );
    mint(rest).await.ok();
}

#[tokio::test]
async fn an_account_keeps_a_bounded_number_of_tokens() {
    let server = TestServer::start().await;
    let mut phone = Phone::new(&server).await;
    let first = phone.http.token.expect("signed in");
    for _ in 0..40 {
        phone.sign_in().await;
    }
    phone.http.get("/v1/account").await.ok();
    assert_eq!(phone.http.with(first).get("/v1/account").await.code(), ErrorCode::Unauthorised, "the oldest went");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t101_a_thousand_bogus_mailboxes_and_claims_and_an_honest_pairing_works() {
    let server = server(|settings| {
        settings.limits.claims_per_address = 100_000;
        settings.limits.mailboxes_per_account = 200;
        settings.limits.mailboxes_per_account_minute = 10_000;
    })
    .await;
    let http = Http::to(&server);
    let mut bogus = Vec::new();
    let flooders = if std::env::var_os("GLIMPSE_SOAK").is_some() { 25 } else { 5 };
    for _ in 0..flooders {
        let flooder = Phone::new(&server).await;
        for _ in 0..200 {
            bogus.push(flooder.show_code().await);
        }
    }
    for mailbox in &bogus {
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
        http.post("/v1/claims", &claim).await.ok();
    }
    assert_eq!(bogus.iter().filter(|mailbox| mailbox.nameplate.len() == 3).count(), 8, "control: codes got longer");
    let honest = async {
        let phone = Phone::new(&server).await;
        let (id, listed) = unit();
        let visit = phone.lend(vec![listed], |_| {}).await;
        phone.seal_unit(&visit, id, 10).await;
        let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
        viewer.joined().await;
        opened(&visit.open(id, 1).await);
    };
    tokio::time::timeout(Duration::from_secs(20), honest).await.expect("an honest pairing goes through");
}

#[tokio::test]
async fn t019_a_second_try_at_a_code_is_refused_and_told_to_the_device() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let shown = phone.show_code().await;
    let claim = Claim { nameplate: shown.nameplate.clone(), purpose: PurposeWord::View };
    let mut device = Socket::join(&server, &shown.mailbox, shown.token, 0).await;
    device.joined().await;
    let claimed: Claimed = http.post("/v1/claims", &claim).await.json();
    let mut viewer = Socket::join(&server, &shown.mailbox, claimed.token, 0).await;
    viewer.joined().await;
    for _ in 0..3 {
        assert_eq!(http.post("/v1/claims", &claim).await.code(), ErrorCode::Crowded);
    }
    assert_eq!(device.hear().await, Some(ToEnd::Crowded));
    // Once: whoever goes on trying does not fill the screen. And the viewer is not concerned.
    for socket in [&mut device, &mut viewer] {
        socket.send(&mailbox::ToServer::Ping).await;
        assert_eq!(socket.hear().await, Some(ToEnd::Pong));
    }
    // Who was away learns it on return.
    let mut device = Socket::join(&server, &shown.mailbox, shown.token, 0).await;
    device.joined().await;
    assert_eq!(device.hear().await, Some(ToEnd::Crowded));

    // After success as well: the session's device is told, and the session goes on.
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    device.joined().await;
    let claim = Claim { nameplate: visit.nameplate.clone(), purpose: PurposeWord::View };
    assert_eq!(http.post("/v1/claims", &claim).await.code(), ErrorCode::CodeUsed);
    assert_eq!(device.hear().await, Some(ToEnd::Crowded));
    opened(&visit.open(id, 1).await);
    assert!(matches!(device.hear().await, Some(ToEnd::Receipt { .. })));
}
