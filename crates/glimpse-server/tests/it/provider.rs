//! A push provider, and a browser behind it that opens what arrives: RFC 8291 by other crates than the server's.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes_gcm::aead::Aead;
use aes_gcm::{Aes128Gcm, KeyInit};
use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{Clock, PushKey, Settings};
use glimpse_wire::api::PushSubscription;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::PUSH_KEY_LEN;
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use reqwest::{Method, StatusCode};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::actors::{Phone, Said, random};

/// Whom providers may write to.
const CONTACT: &str = "mailto:ops@glimpse.example";

/// What a provider does with a push.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, and header lines.
    Says(u16, String),
    /// Nothing, for as long as somebody listens.
    Silence,
    /// A body without an end.
    Endless,
    /// A head without an end.
    EndlessHead,
    /// It hangs up.
    HangsUp,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Says(status, String::new())
    }
}

/// A push as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found: Vec<&str> =
            self.headers.iter().filter(|(there, _)| there == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found.len(), 1, "{name} once in {:?}", self.headers);
        found[0]
    }
}

#[derive(Debug, Default)]
struct Seen {
    arrived: Mutex<Vec<Arrived>>,
    /// Answers to come; when there are none, 201.
    answers: Mutex<VecDeque<Answer>>,
    connections: Mutex<usize>,
}

/// A push provider at a port of 127.0.0.1, with a certificate of its own.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) origin: String,
    pub(crate) ca: PathBuf,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
    _folder: ScratchFolder,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let folder = ScratchFolder::new().expect("a folder");
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, own.cert.pem()).expect("written");
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("https://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Seen::default());
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&seen)));
        Self { origin, ca, seen, accepting, _folder: folder }
    }

    /// A server that knows this provider and no other.
    pub(crate) async fn server(&self, clock: Arc<dyn Clock>, change: impl FnOnce(&mut Settings)) -> TestServer {
        TestServer::start_with(clock, |settings| {
            self.configure(settings);
            change(settings);
        })
        .await
    }

    /// Turns pushes on, to this provider.
    pub(crate) fn configure(&self, settings: &mut Settings) {
        let key = settings.key_file.with_file_name("push.pem");
        PushKey::generate(&key).expect("a push key");
        settings.push_key_file = Some(key);
        settings.push_contact = Some(CONTACT.to_owned());
        settings.push_inside = vec![self.origin.clone()];
        settings.push_ca = Some(self.ca.clone());
    }

    /// What the next pushes are answered.
    pub(crate) fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.seen.answers.lock().expect("nobody panics").extend(answers);
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.lock().expect("nobody panics")
    }

    /// What has arrived since this was asked last.
    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.seen.arrived.lock().expect("nobody panics"))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    // Ends what is served with the provider.
    let mut serving = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        *seen.connections.lock().expect("nobody panics") += 1;
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        serving.spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                // Whoever hangs up has hung up.
                let _ = serve(stream, &seen).await;
            }
        });
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, seen: &Seen) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        assert_ne!(stream.read_buf(&mut bytes).await?, 0, "a whole head");
    };
    let mut body = bytes.split_off(head + 4);
    let text = String::from_utf8(bytes).expect("text");
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let request = lines.next().expect("a request line");
    let path = request.strip_prefix("POST ").and_then(|rest| rest.strip_suffix(" HTTP/1.1")).expect("a POST");
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let arrived = Arrived { path: path.to_owned(), headers, body: Vec::new() };
    let length: usize = arrived.header("content-length").parse().expect("a length");
    while body.len() < length {
        assert_ne!(stream.read_buf(&mut body).await?, 0, "a whole body");
    }
    assert_eq!(body.len(), length, "and nothing after it");
    seen.arrived.lock().expect("nobody panics").push(Arrived { body, ..arrived });
    let answer = seen.answers.lock().expect("nobody panics").pop_front().unwrap_or_else(|| Answer::status(201));
    match answer {
        Answer::Says(status, lines) => {
            stream.write_all(format!("HTTP/1.1 {status} x\r\n{lines}content-length: 0\r\n\r\n").as_bytes()).await?;
        }
        Answer::Silence => {
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).await?;
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 201 x\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"4\r\nmore\r\n").await?;
            }
        }
        Answer::EndlessHead => {
            stream.write_all(b"HTTP/1.1 201 x\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more of it and more\r\n").await?;
            }
        }
        Answer::HangsUp => {}
    }
    stream.shutdown().await
}

/// A browser that a device has subscribed with.
pub(crate) struct Browser {
    secret: p256::SecretKey,
    auth: [u8; 16],
    pub(crate) path: String,
    pub(crate) subscription: PushSubscription,
}

impl Browser {
    /// A subscription at a provider.
    pub(crate) fn at(provider: &Provider) -> Self {
        Self::of(&provider.origin)
    }

    pub(crate) fn of(origin: &str) -> Self {
        let secret = p256::SecretKey::from_slice(&random::<32>()).expect("a key");
        let (auth, name) = (random(), Base64UrlUnpadded::encode_string(&random::<16>()));
        let path = format!("/push/{name}?v=2");
        let subscription = PushSubscription {
            endpoint: format!("{origin}{path}"),
            p256dh: Bytes(secret.public_key().to_sec1_point(false).as_bytes().to_vec()),
            auth: Bytes(auth.to_vec()),
        };
        Self { secret, auth, path, subscription }
    }

    /// The same, stored for a device.
    pub(crate) async fn of_phone(phone: &Phone, provider: &Provider) -> Self {
        let browser = Self::at(provider);
        put(phone, &browser.subscription).await.ok();
        browser
    }

    /// What a push says.
    pub(crate) fn open(&self, push: &Arrived) -> Result<Vec<u8>, aes_gcm::Error> {
        assert_eq!(push.header("content-encoding"), "aes128gcm");
        let (salt, rest) = push.body.split_at(16);
        let (size, rest) = rest.split_at(4);
        let (length, rest) = rest.split_at(1);
        let (theirs, sealed) = rest.split_at(usize::from(length[0]));
        assert!(size >= 18u32.to_be_bytes().as_slice() && theirs.len() == PUSH_KEY_LEN);
        let their_key = p256::PublicKey::from_sec1_bytes(theirs).expect("a point");
        let shared = p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), their_key.as_affine());
        let info = [b"WebPush: info\0", self.subscription.p256dh.as_slice(), theirs].concat();
        let (mut input, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        let extracted = Hkdf::<Sha256>::new(Some(&self.auth), shared.raw_secret_bytes());
        extracted.expand(&info, &mut input).expect("short");
        let extracted = Hkdf::<Sha256>::new(Some(salt), &input);
        extracted.expand(b"Content-Encoding: aes128gcm\0", &mut key).expect("short");
        extracted.expand(b"Content-Encoding: nonce\0", &mut nonce).expect("short");
        let cipher = Aes128Gcm::new(&key.into());
        let mut text = cipher.decrypt(&nonce.into(), sealed)?;
        assert_eq!(text.pop(), Some(2), "the last record, and no padding");
        Ok(text)
    }
}

pub(crate) async fn put(phone: &Phone, subscription: &PushSubscription) -> Said {
    phone.http.json(Method::PUT, "/v1/account/push", subscription).await
}

pub(crate) async fn drop_subscription(phone: &Phone) -> StatusCode {
    phone.http.bytes(Method::DELETE, "/v1/account/push", Vec::new()).await.status
}

/// Checks who pushes (RFC 8292): a token for this origin, by the key that the server tells.
pub(crate) fn check_token(push: &Arrived, origin: &str, server_key: &[u8], now: glimpse_wire::UnixMillis) {
    let value = push.header("authorization").strip_prefix("vapid ").expect("the scheme");
    let (token, key) = value.strip_prefix("t=").and_then(|rest| rest.split_once(", k=")).expect("both parts");
    assert_eq!(Base64UrlUnpadded::decode_vec(key).expect("base64url"), server_key);
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let signature = Base64UrlUnpadded::decode_vec(signature).expect("base64url");
    let signature = Signature::from_slice(&signature).expect("a signature");
    let verifier = VerifyingKey::from_sec1_bytes(server_key).expect("a point");
    verifier.verify(signed.as_bytes(), &signature).expect("signed by the server");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let read = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).expect("base64url")).expect("JSON")
    };
    assert_eq!(read(header), serde_json::json!({ "typ": "JWT", "alg": "ES256" }));
    let claims = read(claims);
    let names: Vec<&String> = claims.as_object().expect("claims").keys().collect();
    assert_eq!(names, ["aud", "exp", "sub"]);
    assert_eq!((claims["aud"].as_str(), claims["sub"].as_str()), (Some(origin), Some(CONTACT)));
    let left = Duration::from_secs(claims["exp"].as_u64().expect("a time")).as_millis() as u64 - now.0;
    assert!(left > 60_000 && left <= 12 * 60 * 60 * 1_000, "{left}");
}
