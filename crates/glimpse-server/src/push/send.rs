//! One push to one endpoint (RFC 8030): a connection of its own, one request, the head of the answer, and no more.
//!
//! Whoever answers is somebody else, and may be hostile: redirects are not followed, the body of the answer is not read, its
//! head is bounded, and all of it has a time limit.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::{Either, select};
use glimpse_wire::UnixMillis;
use glimpse_wire::api::PushSubscription;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::{Endpoint, Unresolved};
use super::seal::{PushId, seal};
use super::vapid::PushKey;
use crate::listen::{TlsError, certificates};

/// How long a provider keeps a push for a browser that is away, in seconds: a day. The same for all, so that it says nothing.
const TTL: &str = "86400";
/// What a sleeping phone wakes for (RFC 8030 section 5.3): a session lasts minutes. The same for all.
const URGENCY: &str = "high";
/// Addresses of one name that are tried, each for an equal part of the time.
const ADDRESSES: u32 = 4;
/// The head of an answer, in bytes and in lines.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The provider has it.
    Taken,
    /// The subscription has ended.
    Gone,
    /// The provider cannot be reached or is busy, and may have said for how many milliseconds.
    Later {
        /// The provider's `Retry-After`.
        after: Option<u64>,
    },
    /// It cannot be sent, now or later.
    Refused,
}

/// What sends.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) key: PushKey,
    /// Whom a provider may write to.
    pub(crate) contact: String,
    /// Origins that need not lie outside.
    pub(crate) inside: Vec<String>,
    pub(crate) tls: Arc<ClientConfig>,
    /// How long one push may take.
    pub(crate) patience: Duration,
}

/// TLS to whom the server calls: the authorities of the machine, and those of a file.
///
/// # Errors
/// [`TlsError`], also when there are no authorities at all.
pub(crate) fn tls(more: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(more) = more {
        for certificate in certificates(more)? {
            roots.add(certificate)?;
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Sender {
    /// Whether a device may store this subscription: whether a push could be sealed to it and sent there.
    #[must_use]
    pub(crate) fn takes(&self, subscription: &PushSubscription) -> bool {
        Endpoint::parse(&subscription.endpoint, &self.inside).is_ok() && seal(subscription, PushId([0; 16])).is_ok()
    }

    /// Sends one push.
    pub(crate) async fn send(&self, to: &PushSubscription, id: PushId, now: UnixMillis) -> Outcome {
        let Ok(endpoint) = Endpoint::parse(&to.endpoint, &self.inside) else { return Outcome::Refused };
        let Some(request) = self.request(&endpoint, to, id, now) else { return Outcome::Refused };
        match timeout(self.patience, self.exchange(&endpoint, request)).await {
            Ok(Ok(answer)) => judge(answer.status(), answer.headers(), now),
            Ok(Err(Unsent::Never)) => Outcome::Refused,
            Ok(Err(Unsent::NotNow)) | Err(_) => Outcome::Later { after: None },
        }
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        to: &PushSubscription,
        id: PushId,
        now: UnixMillis,
    ) -> Option<Request<Full<Bytes>>> {
        let authorization = self.key.authorization(&endpoint.origin(), &self.contact, now).ok()?;
        Request::post(endpoint.target())
            .header(HOST, endpoint.authority())
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("ttl", TTL)
            .header("urgency", URGENCY)
            .body(Full::new(seal(to, id).ok()?.into()))
            .ok()
    }

    /// Until the head of the answer is there. The connection ends with this.
    async fn exchange(&self, endpoint: &Endpoint, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
        let addresses = endpoint.resolve().await?;
        let name = endpoint.server_name().map_err(|_| Unsent::Never)?;
        let stream = connect(&addresses, self.patience / ADDRESSES).await?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await?;
        match select(pin!(sender.send_request(request)), pin!(connection)).await {
            Either::Left((answer, _)) => Ok(answer?),
            Either::Right((_, answer)) => Ok(answer.await?),
        }
    }
}

/// The first address that takes a connection.
async fn connect(addresses: &[SocketAddr], patience: Duration) -> Result<TcpStream, Unsent> {
    for address in addresses.iter().take(usize::try_from(ADDRESSES).unwrap_or(1)) {
        if let Ok(Ok(stream)) = timeout(patience, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    Err(Unsent::NotNow)
}

/// Why there is no answer.
#[derive(Debug)]
enum Unsent {
    /// Not there, at whatever time.
    Never,
    /// Nobody answers, or what answers cannot be understood.
    NotNow,
}

impl From<Unresolved> for Unsent {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Private => Self::Never,
            Unresolved::Unknown => Self::NotNow,
        }
    }
}

impl From<io::Error> for Unsent {
    fn from(_: io::Error) -> Self {
        Self::NotNow
    }
}

impl From<hyper::Error> for Unsent {
    fn from(_: hyper::Error) -> Self {
        Self::NotNow
    }
}

/// RFC 8030 sections 5 and 7.3, and what providers do.
fn judge(status: StatusCode, headers: &HeaderMap, now: UnixMillis) -> Outcome {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Outcome::Later { after: wait(headers, now) },
        _ if status.is_success() => Outcome::Taken,
        _ if status.is_server_error() => Outcome::Later { after: wait(headers, now) },
        _ => {
            // The operator's to mend: the key, the contact, the clock.
            tracing::warn!(status = status.as_u16(), "a push provider refused a push");
            Outcome::Refused
        }
    }
}

/// Milliseconds that an answer says to wait: in seconds, or until a date (RFC 9110 section 10.2.3).
fn wait(headers: &HeaderMap, now: UnixMillis) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let date = UnixMillis(u64::try_from(date.as_millis()).ok()?);
    Some(date.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        judge(StatusCode::from_u16(status).unwrap(), &headers, UnixMillis(784_111_777_000))
    }

    #[test]
    fn an_answer_says_what_becomes_of_the_push() {
        for (status, outcome) in [
            (200, Outcome::Taken),
            (201, Outcome::Taken),
            (202, Outcome::Taken),
            (204, Outcome::Taken),
            (404, Outcome::Gone),
            (410, Outcome::Gone),
            (408, Outcome::Later { after: None }),
            (429, Outcome::Later { after: None }),
            (500, Outcome::Later { after: None }),
            (503, Outcome::Later { after: None }),
            (301, Outcome::Refused),
            (307, Outcome::Refused),
            (308, Outcome::Refused),
            (400, Outcome::Refused),
            (401, Outcome::Refused),
            (403, Outcome::Refused),
            (413, Outcome::Refused),
        ] {
            assert_eq!(judged(status, None), outcome, "{status}");
        }
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date() {
        for (text, millis) in [
            ("7", Some(7_000)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Some(1_000)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("99999999999999999999", None),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(judged(503, Some(text)), Outcome::Later { after: millis }, "{text}");
            assert_eq!(judged(201, Some(text)), Outcome::Taken);
        }
    }
}
