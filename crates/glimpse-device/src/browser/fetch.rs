//! HTTP by `fetch`.

use base64ct::{Base64UrlUnpadded, Encoding};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode,
    RequestRedirect, Url,
};

use super::bodies::{Exchange, SILENCE, arriving, collected};
use super::global::global;
use super::socket;
use super::timer::within;
use crate::Local;
use crate::transport::{Body, Credential, Request, Response, Socket, Transport, Unreachable};

/// A line so slow that a request is given up, in bytes in a millisecond: a browser does not tell how a body goes out.
const SLOWEST: u64 = 16;

/// The browser's network, towards one server.
#[derive(Clone, Debug)]
pub struct Fetch {
    origin: String,
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
}

impl Fetch {
    /// Towards `address`: a scheme, a host, perhaps a port, nothing else. A server on another origin than the page's must
    /// allow it (`allow_origins`), and the page's policy must allow the server.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn new(address: &str) -> Result<Self, BadOrigin> {
        let url = Url::new(address.trim()).map_err(|_| BadOrigin::Malformed)?;
        let origin = url.origin();
        if url.href() != format!("{origin}/") {
            return Err(BadOrigin::Malformed);
        }
        match url.protocol().as_str() {
            "https:" => Ok(Self { origin }),
            "http:" if matches!(url.hostname().as_str(), "localhost" | "127.0.0.1" | "[::1]") => Ok(Self { origin }),
            "http:" => Err(BadOrigin::Plain),
            _ => Err(BadOrigin::Malformed),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, Unreachable> {
        let exchange = Exchange(AbortController::new().map_err(|_| Unreachable)?);
        let init = RequestInit::new();
        init.set_method(request.method.as_str());
        init.set_headers_headers(&headers(&request).map_err(|_| Unreachable)?);
        init.set_mode(RequestMode::Cors);
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        init.set_redirect(RequestRedirect::Error);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        init.set_signal(Some(&exchange.0.signal()));
        let length = match request.body {
            Body::Empty => 0,
            Body::Bytes(bytes) => {
                init.set_body_opt_u8_array(Some(&Uint8Array::from(bytes.as_slice())));
                u64::try_from(bytes.len()).map_err(|_| Unreachable)?
            }
            Body::Chunks { length, chunks } => {
                init.set_body_opt_blob(Some(&collected(length, chunks).await?));
                length
            }
        };
        let url = format!("{}{}", self.origin, request.path);
        let request = web_sys::Request::new_with_str_and_init(&url, &init).map_err(|_| Unreachable)?;
        let sent = JsFuture::from(global().fetch(&request).map_err(|_| Unreachable)?);
        let patience = u64::from(SILENCE).saturating_add(length / SLOWEST);
        let answer = within(u32::try_from(patience).unwrap_or(u32::MAX), sent).await?.map_err(|_| Unreachable)?;
        let answer: web_sys::Response = answer.dyn_into().map_err(|_| Unreachable)?;
        let retry_after = answer.headers().get("retry-after").ok().flatten();
        Ok(Response {
            status: answer.status(),
            retry_after: retry_after.and_then(|value| value.parse().ok()),
            body: arriving(answer.body(), exchange),
        })
    }
}

impl Transport for Fetch {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        Box::pin(self.exchange(request))
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        Box::pin(socket::connect(&self.origin, path))
    }
}

fn headers(request: &Request) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    if let Some(Credential::Token(token)) = request.credential {
        headers.set("authorization", &format!("Bearer {}", Base64UrlUnpadded::encode_string(&token.0)))?;
    }
    if let Some(proof) = &request.proof {
        headers.set("authorization", &format!("Signed {proof}"))?;
    }
    if let Some(content_type) = request.content_type {
        headers.set("content-type", content_type)?;
    }
    if let Some((first, last)) = request.range {
        let last = last.map_or_else(String::new, |last| last.to_string());
        headers.set("range", &format!("bytes={first}-{last}"))?;
    }
    Ok(headers)
}
