use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::actors::*;

/// Every route that takes a body, with a body that it would take.
async fn bodies(phone: &Phone) -> Vec<(Method, String, &'static str, Vec<u8>)> {
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let record = phone.prepare(phone.header(RecordId(random()), None, 10)).await;
    let (json, cbor) = ("application/json", CBOR);
    let word = |value: &SignedJson| serde_json::to_vec(value).expect("JSON");
    let statement = SignedJson::from(phone.end_statement(&visit));
    let request = sign(&visit.key, preimage::StatementKind::Open, &visit.request(id, 1, Hash::ZERO));
    let session = visit.session;
    let name = DeviceName { device: phone.device, epoch: 1, sealed: Bytes(vec![1]) };
    let name = serde_json::to_vec(&name).expect("JSON");
    let append = AppendLink { link: phone.founding.genesis.clone(), wraps: Vec::new() };
    let append = serde_json::to_vec(&append).expect("JSON");
    vec![
        (Method::POST, "/v1/accounts".into(), json, serde_json::to_vec(&phone.founding).expect("JSON")),
        (Method::POST, "/v1/sign-in".into(), json, word(&statement)),
        (Method::POST, "/v1/shares".into(), json, br#"{"shares":[]}"#.to_vec()),
        (Method::POST, "/v1/writes/shares".into(), json, word(&statement)),
        (Method::POST, "/v1/mailboxes".into(), json, br#"{"purpose":"view"}"#.to_vec()),
        (Method::POST, "/v1/claims".into(), json, br#"{"nameplate":"000","purpose":"view"}"#.to_vec()),
        (Method::DELETE, "/v1/account".into(), json, word(&statement)),
        (Method::PUT, "/v1/account/head".into(), json, word(&statement)),
        (Method::POST, "/v1/account/links".into(), json, append.clone()),
        (Method::PUT, format!("/v1/account/names/{}", phone.device), json, name),
        (Method::DELETE, "/v1/account/recovery".into(), json, word(&statement)),
        (Method::POST, "/v1/recoveries".into(), json, word(&statement)),
        (Method::POST, format!("/v1/accounts/{}/recover", phone.account), json, append),
        (Method::POST, "/v1/records".into(), cbor, record.envelope.to_bytes()),
        (Method::POST, "/v1/sessions".into(), cbor, phone.submission(&visit, &visit.terms)),
        (Method::POST, format!("/v1/sessions/{session}/terms"), cbor, phone.submission(&visit, &visit.terms)),
        (Method::POST, format!("/v1/sessions/{session}/open"), cbor, encode(&request)),
        (Method::POST, format!("/v1/sessions/{session}/countersign"), cbor, encode(&phone.end_statement(&visit))),
        (Method::POST, format!("/v1/sessions/{session}/end"), cbor, encode(&phone.end_statement(&visit))),
    ]
}

#[tokio::test]
async fn truncated_mistyped_and_oversized_bodies_get_their_problem() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    for (method, path, media, good) in bodies(&phone).await {
        let send = |media: &'static str, body: Vec<u8>| {
            phone.http.send(phone.http.request(method.clone(), &path).header("content-type", media).body(body))
        };
        for cut in [0, 1, good.len() / 2, good.len() - 1] {
            assert_eq!(send(media, good[..cut].to_vec()).await.code(), ErrorCode::Malformed, "{path} cut at {cut}");
        }
        let longer = [good.as_slice(), &[0x80]].concat();
        assert_eq!(send(media, longer).await.code(), ErrorCode::Malformed, "{path} with a byte more");
        assert_eq!(send(media, b"\xff\xfe[[[".to_vec()).await.code(), ErrorCode::Malformed, "{path} garbage");
        let huge = send(media, vec![b' '; 2 * 1024 * 1024]).await;
        assert_eq!(huge.code(), ErrorCode::TooLarge, "{path} oversized");
        if media == "application/json" {
            assert_eq!(send("text/plain", good.clone()).await.code(), ErrorCode::Malformed, "{path} wrong media type");
            let nested = [vec![b'['; 20_000], vec![b']'; 20_000]].concat();
            assert_eq!(send(media, nested).await.code(), ErrorCode::Malformed, "{path} deeply nested");
        }
    }
    // After all that, the server works.
    phone.add(10).await;
}

#[tokio::test]
async fn another_suite_is_malformed() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mut version = phone.prepare(phone.header(RecordId(random()), None, 10)).await;
    version.envelope.header.suite = 2;
    assert_eq!(phone.publish(&version).await.code(), ErrorCode::Malformed);
    let answer = SignIn {
        suite: 2,
        account: phone.account,
        device: phone.device,
        origin: server.url(),
        challenge: Hash(random()),
        at: UnixMillis(0),
        counter: 1,
    };
    let signed: SignedJson = sign(&phone.key, preimage::StatementKind::SignIn, &answer).into();
    assert_eq!(phone.http.post("/v1/sign-in", &signed).await.code(), ErrorCode::Malformed);
}

#[tokio::test]
async fn uploads_over_the_limit_leave_nothing() {
    let server = TestServer::start_with(std::sync::Arc::new(glimpse_server::SystemClock::new()), |settings| {
        settings.limits.content_bytes = 100_000;
    })
    .await;
    let phone = Phone::new(&server).await;
    let header = phone.header(RecordId(random()), None, 1_000_000);
    phone.mint(&header).await;
    let path = format!("/v1/contents/{}", header.h0());
    let declared = phone.http.bytes(Method::PUT, &path, noise(sealed(header.size))).await;
    assert_eq!(declared.code(), ErrorCode::TooLarge);
    // Without a declared length it shows only while it arrives.
    let pieces = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(noise(50_000))));
    let request = phone.http.request(Method::PUT, &path).body(reqwest::Body::wrap_stream(pieces));
    // The server may also close the connection while the client is still sending.
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let left = || std::fs::read_dir(server.data().join("blobs")).expect("a folder").count();
    for _ in 0..50 {
        if left() == 0 {
            break;
        }
        tokio::task::yield_now().await;
        phone.now().await;
    }
    assert_eq!(left(), 0);
    phone.add(10).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let header = phone.header(RecordId(random()), None, 100_000);
    phone.mint(&header).await;
    let address = server.url().replace("http://", "");
    let left = || std::fs::read_dir(server.data().join("blobs")).expect("a folder").count();
    for _ in 0..10 {
        // More than may arrive at one time: each must have been cleared away.
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connects");
        let head = format!(
            "PUT /v1/contents/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            header.h0(),
            phone.http.token.expect("signed in"),
            sealed(header.size),
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(&noise(1_000)).await.expect("written");
        while left() == 0 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        while left() > 0 {
            tokio::task::yield_now().await;
        }
    }
    phone.add(100_000).await;
}

#[tokio::test]
async fn strange_requests_get_plain_refusals() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    for path in ["/v1/account", "/v1/records", "/v1/sessions", "/v1/contents/AAAA"] {
        assert!(matches!(http.get(path).await.code(), ErrorCode::Unauthorised | ErrorCode::NotFound), "{path}");
    }
    for path in ["/v1/nothing", "/v1/contents/short", "/../etc/passwd", "/%2e%2e/glimpse.key", "/v1/chains/%00"] {
        assert_eq!(phone.http.get(path).await.code(), ErrorCode::NotFound, "{path}");
    }
    assert_eq!(http.bytes(Method::PATCH, "/v1/info", vec![]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    for query in ["after=-1", "after=x", "limit=99999999999"] {
        assert_eq!(phone.http.get(&format!("/v1/records?{query}")).await.code(), ErrorCode::Malformed, "{query}");
    }
    for token in ["", "x", &"A".repeat(44), "Bearer"] {
        let said = http.send(http.request(Method::GET, "/v1/account").bearer_auth(token)).await;
        assert_eq!(said.code(), ErrorCode::Unauthorised, "{token}");
    }
    let upgrade = http.get(&format!("/v1/mailboxes/{}/socket", MailboxId(random()))).await;
    assert_eq!(upgrade.code(), ErrorCode::Malformed);
    let shares = vec![ShareScope::Record { record: RecordId(random()), version: 1, h0: Hash(random()) }; 257];
    assert_eq!(phone.http.post("/v1/shares", &MintRequest { shares, head: None }).await.code(), ErrorCode::TooLarge);
    let found = async |link: usize| {
        let founding = CreateAccount { genesis: Bytes(vec![0; link]), wrap: Bytes(vec![0; limits::MAX_WRAP]) };
        http.post("/v1/accounts", &founding).await.code()
    };
    assert_eq!(found(limits::MAX_LINK).await, ErrorCode::Malformed, "the longest link and the longest wrap fit a body");
    assert_eq!(found(limits::MAX_JSON).await, ErrorCode::TooLarge, "control: a body has its limit");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let server = TestServer::start_with(std::sync::Arc::new(glimpse_server::SystemClock::new()), |settings| {
        settings.limits.head_seconds = 1;
    })
    .await;
    let address = server.url().replace("http://", "");
    for start in ["", "GET /healthz HTTP/1.1\r\nhost: ", "PRI * HTTP/2.0\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connects");
        stream.write_all(start.as_bytes()).await.expect("written");
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(std::time::Duration::from_secs(8), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "still open after {start:?}");
    }
}

#[tokio::test]
async fn one_account_takes_no_more_than_its_share() {
    let clock = std::sync::Arc::new(glimpse_server::ManualClock::at_wall());
    let server = TestServer::start_with(clock, |settings| {
        let limits = &mut settings.limits;
        (limits.records_per_account, limits.bytes_per_account) = (3, 100_000);
        (limits.sessions_per_account, limits.mailboxes_per_account) = (2, 3);
    })
    .await;
    let phone = Phone::new(&server).await;
    let versions = [phone.add(10).await, phone.add(10).await, phone.add(10).await];
    let fourth = phone.prepare(phone.header(RecordId(random()), None, 10)).await;
    assert_eq!(phone.publish(&fourth).await.code(), ErrorCode::TooLarge);
    phone.delete(&versions[0]).await.ok();
    phone.publish(&fourth).await.ok();

    let header = phone.header(RecordId(random()), None, 99_000);
    phone.mint(&header).await;
    let path = format!("/v1/contents/{}", header.h0());
    let said = phone.http.bytes(Method::PUT, &path, noise(sealed(header.size))).await;
    assert_eq!(said.code(), ErrorCode::TooLarge, "more bytes than the account may have");

    for _ in 0..2 {
        phone.lend(vec![unit().1], |_| {}).await;
    }
    let refused = phone.try_lend(vec![unit().1], |_| {}).await.expect_err("a third session");
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    // That pairing is one of three at a time; sessions do not count.
    phone.show_code().await;
    phone.show_code().await;
    let fourth = phone.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await;
    assert_eq!(fourth.code(), ErrorCode::RateLimited);
    // Another account is not concerned.
    let other = Phone::new(&server).await;
    other.add(10).await;
    other.lend(vec![unit().1], |_| {}).await;
}
