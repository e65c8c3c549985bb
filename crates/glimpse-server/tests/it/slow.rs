//! Clients that are slow, greedy or gone.

use glimpse_server::test_server::TestServer;
use glimpse_server::{Settings, SystemClock};
use glimpse_wire::api::*;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Event, Receipt, UnitEnvelope};
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::*;
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::actors::*;
use crate::socket::Socket;

async fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::start_with(Arc::new(SystemClock::new()), change).await
}

pub(crate) async fn connect(server: &TestServer) -> TcpStream {
    let address = server.url().replace("http://", "");
    TcpStream::connect(address).await.expect("connects")
}

/// What comes until the other side closes, within `seconds`.
async fn rest(stream: &mut TcpStream, seconds: u64) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(seconds), stream.read_to_end(&mut rest)).await;
    // A reset is an end as well.
    read.ok().map(|_| rest)
}

#[tokio::test]
async fn sockets_are_connections_and_count_as_such() {
    let server = server(|settings| settings.limits.connections = 2).await;
    let mailbox = MailboxId(random());
    let first = Socket::open(&server, &mailbox).await;
    let second = Socket::open(&server, &mailbox).await;
    let mut third = connect(&server).await;
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("queued");
    let mut byte = [0u8; 1];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read(&mut byte)).await;
    assert!(early.is_err(), "two sockets are open, and a third connection was served");
    drop((first, second));
    let answer = rest(&mut third, 10).await.expect("served once there is room");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = server(|settings| {
        settings.limits.connections_per_address = 3;
        settings.limits.head_seconds = 30;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(&server).await);
    }
    let mut one_more = connect(&server).await;
    assert_eq!(rest(&mut one_more, 5).await.as_deref(), Some(b"".as_slice()), "closed without a word");
    drop(held);
    // Control: the address is welcome again.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if rest(&mut stream, 5).await.is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200")) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "still shut out");
    }
}

#[tokio::test]
async fn a_drain_does_not_wait_for_room() {
    let mut server = server(|settings| {
        settings.limits.connections = 1;
        settings.limits.drain_seconds = 1;
    })
    .await;
    // A request whose body does not come holds the only connection.
    let mut held = connect(&server).await;
    held.write_all(
        b"POST /v1/claims HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    )
    .await
    .expect("sent");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(8), server.stop()).await;
    assert!(stopped.is_ok(), "the drain hangs");
}

#[tokio::test]
async fn an_upload_that_only_trickles_is_given_up() {
    let server = server(|settings| {
        settings.limits.stall_seconds = 1;
        settings.limits.upload_bytes_per_second = 64 * 1024;
    })
    .await;
    let phone = Phone::new(&server).await;
    let header = phone.header(RecordId(random()), None, 300_000);
    phone.mint(&header).await;
    let mut stream = connect(&server).await;
    let (token, length) = (phone.http.token.expect("signed in"), sealed(header.size));
    let head = format!(
        "PUT /v1/contents/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n",
        header.h0()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (mut reading, mut writing) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = [0u8; 12];
    let read = tokio::time::timeout(Duration::from_secs(6), reading.read_exact(&mut answer)).await;
    assert!(matches!(read, Ok(Ok(_))), "never silent for a second, and still waited for");
    assert_eq!(&answer, b"HTTP/1.1 400");
    trickle.abort();
    // Control: the same content at a fair pace.
    let content = noise(length);
    phone.http.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content).await.ok();
}

/// A download that its client does not read, past what the two kernels hold for it.
async fn unread(phone: &Phone, server: &TestServer, path: &str) -> TcpStream {
    let mut stream = connect(server).await;
    let token = phone.http.token.expect("signed in");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut start = [0u8; 1_000];
    stream.read_exact(&mut start).await.expect("it begins");
    assert!(start.starts_with(b"HTTP/1.1 200"));
    stream
}

/// Whether this process has a file open that lies in `folder`, removed or not.
fn has_open(folder: &std::path::Path) -> bool {
    std::fs::read_dir("/proc/self/fd").expect("a list").any(|entry| {
        let target = entry.and_then(|entry| std::fs::read_link(entry.path()));
        target.is_ok_and(|target| target.starts_with(folder))
    })
}

pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(8);
    while !is() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const LARGE: u64 = 24 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_nobody_reads_is_given_up() {
    let server = server(|settings| settings.limits.stall_seconds = 1).await;
    let phone = Phone::new(&server).await;
    let version = phone.add(LARGE).await;
    let blobs = server.data().join("blobs");
    let mut stream = unread(&phone, &server, &format!("/v1/contents/{}", version.envelope.header.h0())).await;
    assert!(has_open(&blobs), "control: the file is open while it is being sent");
    until("the file stays open for a client that does not read", || !has_open(&blobs)).await;
    let got = rest(&mut stream, 10).await.expect("the connection is closed");
    assert!(got.len() < version.content.len(), "it was given up, not finished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_session_ends_its_downloads_and_uploads() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let ((a, unit_a), (b, unit_b)) = (unit(), unit());
    let visit = phone.lend(vec![unit_a, unit_b], |_| {}).await;
    phone.seal_unit(&visit, a, LARGE).await;
    opened(&visit.open(a, 1).await);
    let blobs = server.data().join("session-blobs");
    let mut download = unread(&phone, &server, &format!("{}/content", unit_path(&visit, &a))).await;

    let salt = Salt(random());
    let scope = ShareScope::Session { session: visit.session, unit: b, salt };
    phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.ok();
    let envelope = UnitEnvelope {
        suite: SUITE,
        session: visit.session,
        unit: b,
        salt,
        terms: preimage::terms_hash(&encode(&visit.terms)),
        commit: Hash(random()),
        size: padded(100_000),
    };
    let body = unit_body(&envelope, &noise(sealed(envelope.size)));
    let mut upload = connect(&server).await;
    let (token, length) = (phone.http.token.expect("signed in"), body.len());
    let path = unit_path(&visit, &b);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.expect("sent");
    upload.write_all(&body[..body.len() / 2]).await.expect("sent");
    let files = || std::fs::read_dir(&blobs).expect("a folder").count();
    until("the upload does not begin", || files() == 2).await;

    phone.end(&visit).await.ok();
    until("bytes of an ended session are still open", || !has_open(&blobs)).await;
    assert_eq!(files(), 0);
    let answer = rest(&mut upload, 10).await.expect("the upload is answered before the rest of it comes");
    assert!(answer.starts_with(b"HTTP/1.1 410"), "{}", String::from_utf8_lossy(&answer));
    let got = rest(&mut download, 10).await.expect("the download is cut off");
    assert!(u64::try_from(got.len()).expect("small") < LARGE);
}

#[tokio::test]
async fn an_offer_is_read_from_its_device_alone_and_is_small() {
    let server = server(|_| {}).await;
    let phone = Phone::new(&server).await;
    let mailbox: Mailbox = phone.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await.json();
    let path = format!("/v1/mailboxes/{}/offer", mailbox.mailbox);
    let put = async |token: Hash, length: usize| {
        let mut stream = connect(&server).await;
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream
    };
    // None of its body has come: a stranger is not waited for, and too much is not either.
    for (token, length, slug) in [
        (Hash(random()), 100, ErrorCode::NotFound.slug()),
        (phone.http.token.expect("signed in"), 100, ErrorCode::NotFound.slug()),
        (mailbox.token, limits::MAX_OFFER + 1, ErrorCode::TooLarge.slug()),
    ] {
        let answer = rest(&mut put(token, length).await, 10).await.expect("an answer to the head alone");
        assert!(String::from_utf8_lossy(&answer).contains(slug), "{}", String::from_utf8_lossy(&answer));
    }
    let mut waited_for = put(mailbox.token, 100).await;
    assert_eq!(rest(&mut waited_for, 1).await, None, "control: the device's body is waited for");
    phone.put_offer(&mailbox).await.ok();
}

#[tokio::test]
async fn units_that_are_arriving_have_their_room_before_they_are_there() {
    let server = server(|settings| settings.limits.session_bytes = 250_000).await;
    let phone = Phone::new(&server).await;
    let units: Vec<_> = (0..12).map(|_| unit()).collect();
    let visit = phone.lend(units.iter().map(|(_, listed)| *listed).collect(), |_| {}).await;
    let files = || std::fs::read_dir(server.data().join("session-blobs")).expect("a folder").count();
    // The front of an upload of this many bytes; the rest of it does not come.
    let begin = async |unit: UnitId, length: u64| {
        let salt = Salt(random());
        let scope = ShareScope::Session { session: visit.session, unit, salt };
        phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.ok();
        let terms = preimage::terms_hash(&encode(&visit.terms));
        let (session, commit, size) = (visit.session, Hash(random()), padded(length));
        let envelope = UnitEnvelope { suite: SUITE, session, unit, salt, terms, commit, size };
        let front = unit_body(&envelope, &[]);
        let (token, length) = (phone.http.token.expect("signed in"), front.len() as u64 + sealed(size));
        let head = format!(
            "PUT {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            unit_path(&visit, &unit)
        );
        let mut stream = connect(&server).await;
        stream.write_all(&[head.as_bytes(), &front].concat()).await.expect("sent");
        stream
    };
    let refused = async |mut stream: TcpStream, slug: &str| {
        let answer = rest(&mut stream, 10).await.expect("an answer before the rest of it comes");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains(slug), "{answer}");
    };
    let large = begin(units[0].0, 150_000).await;
    until("the upload does not begin", || files() == 1).await;
    refused(begin(units[1].0, 150_000).await, ErrorCode::TooLarge.slug()).await;
    drop(large);
    until("an upload that broke off stays", || files() == 0).await;
    phone.seal_unit(&visit, units[1].0, 150_000).await;
    refused(begin(units[2].0, 150_000).await, ErrorCode::TooLarge.slug()).await;

    // Nor do small ones come all at once.
    let mut held = Vec::new();
    for (unit, _) in &units[2..10] {
        held.push(begin(*unit, 10).await);
    }
    until("the uploads do not begin", || files() == 9).await;
    refused(begin(units[10].0, 10).await, ErrorCode::RateLimited.slug()).await;
    drop(held);
    until("uploads that broke off stay", || files() == 1).await;
    phone.seal_unit(&visit, units[10].0, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_is_told_to_the_device_even_when_its_viewer_hangs_up() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| (terms.rate, terms.budget) = (10_000, 10_000)).await;
    phone.seal_unit(&visit, id, 10).await;
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    device.joined().await;
    // A viewer that hangs up at any moment: between the receipt and the word to the device as well.
    let mut counter = 1;
    for micros in (0..150).map(|n| n * 40) {
        let signed = encode(&sign(&visit.key, StatementKind::Open, &visit.request(id, counter, Hash::ZERO)));
        let path = format!("/v1/sessions/{}/open", visit.session);
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", signed.len()).into_bytes();
        let mut stream = connect(&server).await;
        stream.write_all(&[head, signed].concat()).await.expect("sent");
        tokio::time::sleep(Duration::from_micros(micros)).await;
        stream.set_zero_linger().expect("a reset");
        drop(stream);
        let listed: Sessions = phone.http.get("/v1/sessions").await.json();
        counter = listed.sessions[0].opened + 1;
    }
    opened(&visit.open(id, counter).await);
    let receipts = phone.receipts(&visit.session).await.receipts;
    let openings = receipts.iter().skip(1).map(|bytes| decode::<Receipt>(bytes.as_slice(), usize::MAX).expect("one"));
    assert!(openings.clone().count() > 10, "control: some were opened");
    for receipt in openings {
        assert!(matches!(receipt.event, Event::Opened { .. }));
        let Some(ToEnd::Receipt { receipt: told }) = device.hear().await else { panic!("not told of {receipt:?}") };
        assert_eq!(told.as_slice(), encode(&receipt), "told of every opening, in order");
    }
}

#[tokio::test]
async fn a_flood_of_frames_is_read_slowly_and_loses_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let shown = phone.show_code().await;
    let mut device = Socket::join(&server, &shown.mailbox, shown.token, 0).await;
    device.joined().await;
    let begun = std::time::Instant::now();
    for _ in 0..21 {
        for _ in 0..100 {
            device.send(&mailbox::ToServer::Ping).await;
        }
        for _ in 0..100 {
            assert_eq!(device.hear().await, Some(ToEnd::Pong));
        }
    }
    assert!(begun.elapsed() >= Duration::from_millis(900), "a hundred frames too many cost ten milliseconds each");
}

#[tokio::test]
async fn a_health_check_does_not_hang() {
    // Somebody who accepts and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_glimpse-server"))
        .args(["healthcheck", "--listen", &address])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("runs");
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if std::time::Instant::now() > deadline {
            let _ = child.kill();
            panic!("the check hangs");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(!status.success());
}
