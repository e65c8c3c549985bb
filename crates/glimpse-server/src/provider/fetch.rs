//! What a provider answers: JSON of bounded size, in bounded time, from exactly the address that was asked.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::listen::TlsError;
use crate::push::tls;

/// How long a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one answer at most.
const MAX_ANSWER: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it refuses with {0}")]
    Refused(StatusCode),
    #[error("it answers with {0}")]
    Failing(StatusCode),
    #[error("agents would sign in at another origin than that of its issuer, and the portal may go nowhere else")]
    Elsewhere,
    #[error("what it says is not what was asked for")]
    Unreadable,
}

/// Asks providers; follows no redirect.
#[derive(Debug)]
pub(super) struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Fetcher {
    /// # Errors
    /// [`TlsError`].
    pub(super) fn new(more: Option<&Path>) -> Result<Self, TlsError> {
        // The connector says which protocols it speaks.
        let mut config = tls(more)?.as_ref().clone();
        config.alpn_protocols.clear();
        // That addresses are https, or of this machine, is for the settings to say, and for what a provider says of itself below.
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Fault> {
        self.send(Request::get(url), url, Bytes::new()).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        form: String,
        authorization: Option<Zeroizing<String>>,
    ) -> Result<T, Fault> {
        let mut request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.as_str());
        }
        self.send(request, url, form.into()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: hyper::http::request::Builder,
        url: &str,
        body: Bytes,
    ) -> Result<T, Fault> {
        if !crate::settings::is_provider(url) {
            return Err(Fault::Unreadable);
        }
        let request =
            request.header(ACCEPT, "application/json").body(Full::new(body)).map_err(|_| Fault::Unreadable)?;
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|_| Fault::Unreachable)?;
            match answer.status() {
                StatusCode::OK => {}
                status if status.is_client_error() => return Err(Fault::Refused(status)),
                status => return Err(Fault::Failing(status)),
            }
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| {
                // A connection that broke off, or an answer that is too long.
                if error.downcast_ref::<hyper::Error>().is_some() { Fault::Unreachable } else { Fault::Unreadable }
            })?;
            serde_json::from_slice(&body.to_bytes()).map_err(|_| Fault::Unreadable)
        };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(Fault::Unreachable))
    }
}
