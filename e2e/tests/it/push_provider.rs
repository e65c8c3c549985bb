//! A push provider (RFC 8030): its side to servers, over TLS and with a certificate of its own; its side to Firefox, which is
//! told by a preference to trust it as its own; and for a browser that has no provider, what it would keep of a subscription.
//!
//! What arrives is opened (RFC 8291) and its sender checked (RFC 8292) by other crates than the server's.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes128Gcm, KeyInit as _};
use anyhow::{Context as _, Result, anyhow, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::program::own;
use e2e::wait::until;
use futures_util::{SinkExt as _, StreamExt as _};
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// Whom a provider may write to.
const CONTACT: &str = "mailto:ops@glimpse.example";

/// The largest head or body that is read.
const LARGEST: usize = 64 * 1024;

/// A push as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// Where to.
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    /// Sealed.
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    /// A header that is there once.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn header(&self, name: &str) -> Result<&str> {
        let found: Vec<&str> =
            self.headers.iter().filter(|(there, _)| there == name).map(|(_, value)| value.as_str()).collect();
        let [value] = found.as_slice() else { anyhow::bail!("{name} once in {:?}", self.headers) };
        Ok(value)
    }

    /// Checks who pushes: a token for a provider's origin, signed by the key that the server tells, which is returned.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn sender(&self, origin: &str) -> Result<Vec<u8>> {
        let value = self.header("authorization")?.strip_prefix("vapid ").context("the scheme")?;
        let (token, key) = value.strip_prefix("t=").and_then(|rest| rest.split_once(", k=")).context("both parts")?;
        let key = Base64UrlUnpadded::decode_vec(key).map_err(|error| anyhow!("{error}"))?;
        let (signed, signature) = token.rsplit_once('.').context("a token")?;
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|error| anyhow!("{error}"))?;
        let signature = Signature::from_slice(&signature).context("a signature")?;
        VerifyingKey::from_sec1_bytes(&key).context("a point")?.verify(signed.as_bytes(), &signature)?;
        let (_, claims) = signed.split_once('.').context("two parts")?;
        let claims = Base64UrlUnpadded::decode_vec(claims).map_err(|error| anyhow!("{error}"))?;
        let claims: Value = serde_json::from_slice(&claims)?;
        ensure!(claims.get("aud") == Some(&json!(origin)) && claims.get("sub") == Some(&json!(CONTACT)), "{claims}");
        ensure!(claims.as_object().is_some_and(|claims| claims.len() == 3), "aud, exp, sub and no more: {claims}");
        Ok(key)
    }
}

/// A push provider at ports of 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Where servers push to.
    pub(crate) origin: String,
    /// Where Firefox connects to.
    service: String,
    seen: Arc<Mutex<Vec<Arrived>>>,
    _serving: JoinSet<()>,
    folder: TempDir,
}

impl Provider {
    /// Starts one.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        std::fs::write(folder.path().join("ca.pem"), own.cert.pem())?;
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der())
            .map_err(|error| anyhow!("{error}"))?;
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)?;
        let servers = TcpListener::bind(("127.0.0.1", 0)).await?;
        let browsers = TcpListener::bind(("127.0.0.1", 0)).await?;
        let origin = format!("https://{}", servers.local_addr()?);
        let service = format!("ws://{}/", browsers.local_addr()?);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (news, _) = broadcast::channel(64);
        let mut serving = JoinSet::new();
        serving.spawn(hear_servers(servers, TlsAcceptor::from(Arc::new(config)), Arc::clone(&seen), news.clone()));
        serving.spawn(tell_browsers(browsers, origin.clone(), news));
        Ok(Self { origin, service, seen, _serving: serving, folder })
    }

    /// Makes a push key, and gives the settings of a server that pushes to this provider, as arguments of `serve`.
    ///
    /// # Errors
    /// When no key is made.
    pub(crate) async fn settings(&self) -> Result<Vec<String>> {
        let file = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let key = file("push.pem");
        let made = Command::new(own("glimpse-server")?).arg("push-key").arg(&key).output().await?;
        ensure!(made.status.success(), "push-key: {}", String::from_utf8_lossy(&made.stderr));
        let set = [
            format!("push_key_file={}", key.display()),
            format!("push_contact={CONTACT}"),
            format!("push_inside={}", self.origin),
            format!("push_ca={}", file("ca.pem").display()),
        ];
        Ok(set.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect())
    }

    /// Preferences by which Firefox takes this for its own provider, and its person has said yes to notifications.
    #[must_use]
    pub(crate) fn preferences(&self) -> Vec<(&str, Value)> {
        vec![
            ("dom.push.serverURL", json!(self.service)),
            ("dom.push.enabled", json!(true)),
            ("dom.push.connection.enabled", json!(true)),
            // Its own is reached by TLS.
            ("dom.push.testing.allowInsecureServerURL", json!(true)),
            ("permissions.default.desktop-notification", json!(1)),
            // It draws them itself; a system without a desktop has nobody who would.
            ("alerts.useSystemBackend", json!(false)),
        ]
    }

    /// Waits for the next push, and takes it.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) async fn next(&self) -> Result<Arrived> {
        until("a push at the provider", async || {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            (!seen.is_empty()).then(|| seen.remove(0))
        })
        .await
    }
}

async fn hear_servers(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<Vec<Arrived>>>,
    news: broadcast::Sender<Arrived>,
) {
    // Ends what is served with the provider.
    let mut serving = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, seen, news) = (acceptor.clone(), Arc::clone(&seen), news.clone());
        serving.spawn(async move {
            // Whoever hangs up has hung up.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let Ok(arrived) = hear(&mut stream).await else { return };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(arrived.clone());
            let _nobody_listens = news.send(arrived);
            let _ = stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        });
    }
}

/// One request.
async fn hear(stream: &mut TlsStream<TcpStream>) -> Result<Arrived> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
        ensure!(stream.read_buf(&mut bytes).await? > 0 && bytes.len() < LARGEST, "no head");
    };
    let mut body = bytes.split_off(end.saturating_add(4));
    let text = String::from_utf8(bytes)?;
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let request = lines.next().context("a request line")?;
    let path = request.strip_prefix("POST ").and_then(|rest| rest.strip_suffix(" HTTP/1.1")).context("a POST")?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let arrived = Arrived { path: path.to_owned(), headers, body: Vec::new() };
    let length: usize = arrived.header("content-length")?.parse()?;
    ensure!(length < LARGEST, "a push of {length} bytes");
    while body.len() < length {
        ensure!(stream.read_buf(&mut body).await? > 0, "half a body");
    }
    Ok(Arrived { body, ..arrived })
}

async fn tell_browsers(listener: TcpListener, origin: String, news: broadcast::Sender<Arrived>) {
    let mut serving = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (origin, news) = (origin.clone(), news.subscribe());
        serving.spawn(async move {
            let _ = tell(stream, &origin, news).await;
        });
    }
}

/// Speaks with one Firefox as Mozilla's provider does: it says hello, asks for an address, and is told what comes there.
async fn tell(stream: TcpStream, origin: &str, mut news: broadcast::Receiver<Arrived>) -> Result<()> {
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let as_it_asks = |asked: &Request, mut answer: Response| -> Result<Response, ErrorResponse> {
        if asked.headers().contains_key("sec-websocket-protocol") {
            let protocol = HeaderValue::from_static("push-notification");
            answer.headers_mut().insert("sec-websocket-protocol", protocol);
        }
        Ok(answer)
    };
    let mut socket = accept_hdr_async(stream, as_it_asks).await?;
    // A browser drops what has the name of one that it has seen.
    let mut number = 0_u64;
    loop {
        let told = tokio::select! {
            message = socket.next() => {
                let Message::Text(text) = message.context("gone")?? else { continue };
                let asked: Value = serde_json::from_str(&text)?;
                let channel = asked.get("channelID").cloned().unwrap_or_default();
                match asked.get("messageType").and_then(Value::as_str) {
                    Some("hello") => json!({
                        "messageType": "hello", "status": 200, "use_webpush": true, "broadcasts": {},
                        "uaid": "0123456789abcdef0123456789abcdef",
                    }),
                    Some("register") => json!({
                        "messageType": "register", "status": 200, "channelID": channel,
                        "pushEndpoint": format!("{origin}/push/{}", channel.as_str().unwrap_or_default()),
                    }),
                    Some("unregister") => json!({ "messageType": "unregister", "status": 200, "channelID": channel }),
                    // It took one, or asks whether anybody is there.
                    Some(_) => continue,
                    None => json!({}),
                }
            }
            arrived = news.recv() => {
                let arrived = arrived?;
                number = number.saturating_add(1);
                let channel = arrived.path.rsplit('/').next().unwrap_or_default();
                json!({
                    "messageType": "notification", "channelID": channel, "version": number.to_string(), "ttl": 60,
                    "data": Base64UrlUnpadded::encode_string(&arrived.body),
                    "headers": { "encoding": arrived.header("content-encoding")? },
                })
            }
        };
        socket.send(Message::text(told.to_string())).await?;
    }
}

/// What a browser keeps of a subscription, in the hands of a test.
pub(crate) struct Subscription {
    secret: p256::SecretKey,
    auth: Vec<u8>,
    /// Where pushes for it arrive.
    pub(crate) path: String,
    endpoint: String,
}

impl core::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Subscription").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Subscription {
    /// One at a provider. Its keys are the same at each run: they protect nothing.
    ///
    /// # Errors
    /// None, with these keys.
    pub(crate) fn at(provider: &Provider) -> Result<Self> {
        let secret = p256::SecretKey::from_slice(&[7; 32])?;
        let path = "/push/7f3a9c?v=2".to_owned();
        Ok(Self { secret, auth: vec![9; 16], endpoint: format!("{}{path}", provider.origin), path })
    }

    fn point(&self) -> Vec<u8> {
        self.secret.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// As `PushSubscription.toJSON` tells it.
    #[must_use]
    pub(crate) fn told(&self) -> Value {
        let text = Base64UrlUnpadded::encode_string;
        json!({ "endpoint": self.endpoint, "keys": { "p256dh": text(&self.point()), "auth": text(&self.auth) } })
    }

    /// What a push says.
    ///
    /// # Errors
    /// When it was sealed for another, or is not what RFC 8291 says.
    pub(crate) fn open(&self, push: &Arrived) -> Result<Vec<u8>> {
        ensure!(push.header("content-encoding")? == "aes128gcm", "another encoding");
        let (salt, rest) = push.body.split_at_checked(16).context("a salt")?;
        let (_size, rest) = rest.split_at_checked(4).context("a size")?;
        let (length, rest) = rest.split_first().context("a length")?;
        let (theirs, sealed) = rest.split_at_checked((*length).into()).context("a key")?;
        let key = p256::PublicKey::from_sec1_bytes(theirs)?;
        let shared = p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), key.as_affine());
        let info = [b"WebPush: info\0", self.point().as_slice(), theirs].concat();
        let expand = |salt: &[u8], input: &[u8], info: &[u8], out: &mut [u8]| {
            let expanded = Hkdf::<Sha256>::new(Some(salt), input).expand(info, out);
            expanded.map_err(|error| anyhow!("{error}"))
        };
        let (mut input, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        expand(&self.auth, shared.raw_secret_bytes(), &info, &mut input)?;
        expand(salt, &input, b"Content-Encoding: aes128gcm\0", &mut key)?;
        expand(salt, &input, b"Content-Encoding: nonce\0", &mut nonce)?;
        let opened = Aes128Gcm::new(&key.into()).decrypt(&nonce.into(), sealed);
        let mut text = opened.map_err(|error| anyhow!("{error}"))?;
        ensure!(text.pop() == Some(2), "the last record, and no padding");
        Ok(text)
    }
}
