//! Requests that a device without a token signs, one by one.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::RequestProof;
use glimpse_wire::api::*;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::actors::*;
use crate::family::Family;

/// The value of the header, for a request of this device.
fn proof(phone: &Phone, origin: &str, method: &Method, path: &str, body: &[u8], counter: u64) -> String {
    let (account, device) = (phone.account, phone.device);
    let signed = preimage::request_signature(origin, method.as_str(), path, body, &account, &device, counter);
    let signature = SignatureBytes(phone.key.sign(&signed).to_bytes());
    header(&RequestProof { account, device, origin: origin.to_owned(), counter, signature })
}

fn header(proof: &RequestProof) -> String {
    format!("Signed {}", Base64UrlUnpadded::encode_string(&encode(proof)))
}

fn digest(body: &[u8]) -> Vec<u8> {
    Sha256::digest(body).to_vec()
}

async fn send(phone: &Phone, method: Method, path: &str, header: &str, body: Vec<u8>) -> Said {
    let http = Http { token: None, ..phone.http.clone() };
    let request = http.request(method, path).header("authorization", header);
    http.send(request.header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn a_signed_request_does_what_a_token_does() {
    let server = TestServer::start().await;
    let family = Family::new(&server, 2).await;
    let (phone, url) = (&family.phones[1], server.url());
    let version = family.phones[0].add(10).await;
    let get = Method::GET;
    send(phone, get.clone(), "/v1/account", &proof(phone, &url, &get, "/v1/account", &digest(b""), 5), vec![])
        .await
        .ok();
    let path = "/v1/records?after=0&limit=7";
    send(phone, get.clone(), path, &proof(phone, &url, &get, path, &digest(b""), 6), vec![]).await.ok();
    let path = format!("/v1/contents/{}", version.envelope.header.h0());
    let content = send(phone, get.clone(), &path, &proof(phone, &url, &get, &path, &digest(b""), 7), vec![]).await;
    assert_eq!(content.body, version.content);

    // A record from the share to its publication: JSON, a stream, CBOR.
    let (post, put) = (Method::POST, Method::PUT);
    let new = phone.header(RecordId(random()), None, 10);
    let scope = ShareScope::Record { record: new.record, version: 1, h0: new.h0() };
    let body = serde_json::to_vec(&MintRequest { shares: vec![scope], head: None }).expect("JSON");
    let header = proof(phone, &url, &post, "/v1/shares", &digest(&body), 8);
    let minted: Minted = send(phone, post.clone(), "/v1/shares", &header, body).await.json();
    let share = minted.shares[0].clone();
    let (path, content) = (format!("/v1/contents/{}", new.h0()), noise(sealed(new.size)));
    send(phone, put.clone(), &path, &proof(phone, &url, &put, &path, b"", 9), content.clone()).await.ok();
    let envelope = envelope(new, share.kid, &content, phone.head, Default::default(), &phone.key).to_bytes();
    let path = "/v1/records";
    send(phone, post.clone(), path, &proof(phone, &url, &post, path, &digest(&envelope), 10), envelope).await.ok();
    assert_eq!(phone.list(0).await.changes.len(), 2, "and its token is as good as before");

    // A unit of its session, which streams as well.
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    let scope = ShareScope::Session { session: visit.session, unit: id, salt: Salt([7; 32]) };
    phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.ok();
    let unit = session::UnitEnvelope {
        suite: SUITE,
        session: visit.session,
        unit: id,
        salt: Salt([7; 32]),
        terms: preimage::terms_hash(&encode(&visit.terms)),
        commit: Hash(random()),
        size: size::padded(10),
    };
    let (path, body) = (unit_path(&visit, &id), unit_body(&unit, &noise(sealed(unit.size))));
    send(phone, put.clone(), &path, &proof(phone, &url, &put, &path, b"", 11), body).await.ok();
    opened(&visit.open(id, 1).await);
}

#[tokio::test]
async fn a_request_is_good_once_as_it_was_signed() {
    let server = TestServer::start().await;
    let family = Family::new(&server, 2).await;
    let stranger = Phone::new(&server).await;
    let (phone, url) = (&family.phones[1], server.url());
    let (post, path) = (Method::POST, "/v1/mailboxes");
    let body = br#"{"purpose":"view"}"#.to_vec();
    let link = br#"{"purpose":"link"}"#.to_vec();
    let good = |counter| proof(phone, &url, &post, path, &digest(&body), counter);
    let by = |phone: &Phone, header: String, body: &[u8]| {
        let (http, body) = (phone.http.clone(), body.to_vec());
        let request = Http { token: None, ..http.clone() }.request(Method::POST, path);
        async move {
            http.send(request.header("authorization", header).header("content-type", "application/json").body(body))
                .await
        }
    };
    let first = good(100);
    by(phone, first.clone(), &body).await.ok();
    assert_eq!(by(phone, first, &body).await.code(), ErrorCode::DeviceDoubled, "the same bytes again");
    by(phone, good(99), &body).await.ok();
    assert_eq!(by(phone, good(99), &body).await.code(), ErrorCode::DeviceDoubled, "one that was overtaken, twice");
    assert_eq!(by(phone, good(37), &body).await.code(), ErrorCode::DeviceDoubled, "one that was kept back for long");
    assert_eq!(by(phone, good(100), &body).await.code(), ErrorCode::DeviceDoubled, "another with the same counter");
    // Whoever carries requests can repeat them: that is no word of the device, and raises no alarm.
    let account: Account = phone.http.get("/v1/account").await.json();
    assert_eq!(account.doubled, []);

    let altered = |change: &dyn Fn(&mut RequestProof)| {
        let bytes = Base64UrlUnpadded::decode_vec(good(200).trim_start_matches("Signed ")).expect("base64url");
        let mut proof: RequestProof = decode(&bytes, usize::MAX).expect("a proof");
        change(&mut proof);
        header(&proof)
    };
    let elsewhere = "https://phishing.example";
    let unauthorised: Vec<(&str, String, &[u8])> = vec![
        ("another body", good(200), &link),
        ("no body", good(200), b""),
        ("another method", proof(phone, &url, &Method::PUT, path, &digest(&body), 200), &body),
        ("another path", proof(phone, &url, &post, "/v1/mailboxes?x", &digest(&body), 200), &body),
        ("an empty body part where the body does not stream", proof(phone, &url, &post, path, b"", 200), &body),
        ("another origin", proof(phone, elsewhere, &post, path, &digest(&body), 200), &body),
        ("an origin that was not signed", altered(&|proof| elsewhere.clone_into(&mut proof.origin)), &body),
        ("another counter", altered(&|proof| proof.counter = 201), &body),
        ("a counter beyond all", good(u64::MAX), &body),
        ("another device", altered(&|proof| proof.device = family.phones[0].device), &body),
        ("a device of another account", altered(&|proof| proof.device = stranger.device), &body),
        ("another account", altered(&|proof| proof.account = stranger.account), &body),
        ("another signature", altered(&|proof| proof.signature.0[0] ^= 1), &body),
        ("nothing", "Signed ".to_owned(), &body),
        ("no base64", "Signed ???".to_owned(), &body),
        ("no proof", "Signed AAAA".to_owned(), &body),
        ("far too much", format!("Signed {}", "A".repeat(5_000)), &body),
        ("cut off", good(200).chars().take(60).collect(), &body),
    ];
    for (what, header, body) in unauthorised {
        assert_eq!(by(phone, header, body).await.code(), ErrorCode::Unauthorised, "{what}");
    }
    // Control: none of them has used the counter up.
    by(phone, good(200), &body).await.ok();
    // The path is signed with its query.
    let get = Method::GET;
    let listing = proof(phone, &url, &get, "/v1/records?after=0", &digest(b""), 201);
    assert_eq!(send(phone, get.clone(), "/v1/records?after=1", &listing, vec![]).await.code(), ErrorCode::Unauthorised);
    send(phone, get, "/v1/records?after=0", &listing, vec![]).await.ok();
}

#[tokio::test]
async fn of_one_request_that_is_sent_many_times_at_once_one_is_taken() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (get, path) = (Method::GET, "/v1/account");
    let header = proof(&phone, &server.url(), &get, path, &digest(b""), 1);
    let all = (0..20).map(|_| send(&phone, Method::GET, path, &header, vec![]));
    let said = futures_util::future::join_all(all).await;
    assert_eq!(said.iter().filter(|said| said.status.is_success()).count(), 1);
    assert!(said.iter().filter(|said| !said.status.is_success()).all(|said| said.code() == ErrorCode::DeviceDoubled));
}

#[tokio::test]
async fn a_signature_of_a_device_that_left_or_waits_is_worth_no_more_than_its_token() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    family.link(&server, 60_000).await;
    let (url, get, path) = (server.url(), Method::GET, "/v1/sessions");
    let ask = async |phone: &Phone, counter| {
        let header = proof(phone, &url, &get, path, &digest(b""), counter);
        send(phone, get.clone(), path, &header, vec![]).await
    };
    ask(&family.phones[1], 1).await.ok();
    assert_eq!(ask(&family.phones[2], 1).await.code(), ErrorCode::DeviceHeld);
    family.revoke(0, 1).await;
    assert_eq!(ask(&family.phones[1], 2).await.code(), ErrorCode::DeviceRevoked);
    let mut impostor = Phone::unboxed(&server);
    (impostor.account, impostor.device) = (family.phones[1].account, family.phones[1].device);
    assert_eq!(ask(&impostor, 3).await.code(), ErrorCode::Unauthorised, "who cannot sign is told nothing");
}
