//! HTTP over reqwest, TLS by rustls with the system's certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::StreamExt;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

use super::socket;
use crate::Local;
use crate::transport::{Body, Credential, Method, Request, Response, Socket, Transport, Unreachable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The network of this computer, towards one server.
#[derive(Clone, Debug)]
pub struct Network {
    origin: String,
    client: reqwest::Client,
    tls: Arc<ClientConfig>,
    phone: Option<PathBuf>,
}

/// An address that a device does not talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// Not `https://host` or `https://host:port`.
    #[error("not an address of a server")]
    Malformed,
    /// Plain HTTP to another machine.
    #[error("plain HTTP is for this machine only")]
    Plain,
    /// The system's certificates could not be read.
    #[error("the system's certificates could not be read")]
    Certificates,
}

impl Network {
    /// Towards `address`: a scheme, a host, perhaps a port, nothing else.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn new(address: &str) -> Result<Self, BadOrigin> {
        Self::by_way_of(address, None)
    }

    /// Towards `address`, over a byte stream that a phone carries to the server ([`super::Relay`]). What goes through it is
    /// the same as on a network of one's own, TLS included.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn through(address: &str, phone: &Path) -> Result<Self, BadOrigin> {
        Self::by_way_of(address, Some(phone))
    }

    fn by_way_of(address: &str, phone: Option<&Path>) -> Result<Self, BadOrigin> {
        let origin = parse_origin(address)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(|_| BadOrigin::Certificates)?
            .with_no_client_auth();
        let builder = match phone {
            Some(phone) => reqwest::Client::builder().unix_socket(phone),
            None => reqwest::Client::builder(),
        };
        let client = builder
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|_| BadOrigin::Certificates)?;
        Ok(Self { origin, client, tls: Arc::new(tls), phone: phone.map(Path::to_owned) })
    }
}

/// Lower case, without a path; plain HTTP only to this machine.
pub(super) fn parse_origin(address: &str) -> Result<String, BadOrigin> {
    let url = reqwest::Url::parse(address.trim()).map_err(|_| BadOrigin::Malformed)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let host = url.host_str().filter(|_| bare).ok_or(BadOrigin::Malformed)?;
    match url.scheme() {
        "https" => {}
        "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => {}
        "http" => return Err(BadOrigin::Plain),
        _ => return Err(BadOrigin::Malformed),
    }
    Ok(url.origin().ascii_serialization())
}

impl Transport for Network {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        Box::pin(async move {
            let method = match request.method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Delete => reqwest::Method::DELETE,
            };
            let mut builder = self.client.request(method, format!("{}{}", self.origin, request.path));
            if let Some(Credential::Token(token)) = request.credential {
                builder = builder.bearer_auth(Base64UrlUnpadded::encode_string(&token.0));
            }
            if let Some(proof) = request.proof {
                builder = builder.header(reqwest::header::AUTHORIZATION, format!("Signed {proof}"));
            }
            if let Some(content_type) = request.content_type {
                builder = builder.header(reqwest::header::CONTENT_TYPE, content_type);
            }
            if let Some((first, last)) = request.range {
                let last = last.map_or_else(String::new, |last| last.to_string());
                builder = builder.header(reqwest::header::RANGE, format!("bytes={first}-{last}"));
            }
            builder = match request.body {
                Body::Empty => builder,
                Body::Bytes(bytes) => builder.body(bytes),
                Body::Chunks { length, chunks } => {
                    builder.header(reqwest::header::CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(chunks))
                }
            };
            let answer = builder.send().await.map_err(|_| Unreachable)?;
            let status = answer.status().as_u16();
            let retry_after = answer.headers().get(reqwest::header::RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
            let body = answer.bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec()).map_err(|_| Unreachable));
            Ok(Response { status, retry_after, body: Box::pin(body) })
        })
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        Box::pin(socket::connect(&self.origin, path, Arc::clone(&self.tls), self.phone.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (address, expected) in [
            ("https://Glimpse.Example/", Ok("https://glimpse.example")),
            ("https://glimpse.example:8443", Ok("https://glimpse.example:8443")),
            ("https://glimpse.example:443", Ok("https://glimpse.example")),
            (" http://127.0.0.1:8080 ", Ok("http://127.0.0.1:8080")),
            ("http://localhost:1", Ok("http://localhost:1")),
            ("http://[::1]:1", Ok("http://[::1]:1")),
            ("http://glimpse.example", Err(BadOrigin::Plain)),
            ("http://127.0.0.1.example", Err(BadOrigin::Plain)),
            ("https://glimpse.example/path", Err(BadOrigin::Malformed)),
            ("https://user@glimpse.example", Err(BadOrigin::Malformed)),
            ("https://glimpse.example/?q", Err(BadOrigin::Malformed)),
            ("ftp://glimpse.example", Err(BadOrigin::Malformed)),
            ("glimpse.example", Err(BadOrigin::Malformed)),
            ("", Err(BadOrigin::Malformed)),
        ] {
            assert_eq!(parse_origin(address).as_deref(), expected.as_ref().copied(), "{address}");
        }
    }
}
