//! An HTTP client of the server, and what it hears.

use glimpse_server::test_server::TestServer;
use glimpse_wire::api::{PROBLEM, Problem};
use glimpse_wire::{ErrorCode, Hash};
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A client with connections of its own.
pub(crate) fn client() -> reqwest::Client {
    // Built with the whole workspace, `reqwest` has TLS, and wants to be told whose before it does anything.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// What the server said: a status, and the code of the problem document if it is one.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Said {
    async fn hear(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.expect("a body").to_vec() }
    }

    /// The answer, which must be a success.
    pub(crate) fn json<T: DeserializeOwned>(self) -> T {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert!(self.status.is_success(), "{} {text}", self.status);
        serde_json::from_slice(&self.body).expect("the promised JSON")
    }

    pub(crate) fn ok(self) {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
    }

    /// The code of the problem, which must be a whole problem document with the headers of one.
    #[track_caller]
    pub(crate) fn is(&self, code: ErrorCode) {
        assert_eq!(self.code(), code);
    }

    pub(crate) fn code(&self) -> ErrorCode {
        assert!(!self.status.is_success(), "expected a problem, got {}", self.status);
        assert_eq!(self.headers["content-type"], PROBLEM);
        assert_eq!(self.headers["cache-control"], "no-store");
        let problem: Problem = serde_json::from_slice(&self.body).expect("a problem document");
        assert_eq!(problem.status, self.status.as_u16());
        problem.kind.parse().expect("a code of the wire")
    }
}

/// An HTTP client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: Option<Hash>,
}

impl Http {
    pub(crate) fn to(server: &TestServer) -> Self {
        // What goes wrong inside the server is in the output of the test that it fails.
        let _ = tracing_subscriber::fmt().with_env_filter("warn").with_test_writer().try_init();
        Self { client: client(), url: server.url(), token: None }
    }

    pub(crate) fn with(&self, token: Hash) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Said {
        Said::hear(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn json<T: Serialize>(&self, method: Method, path: &str, body: &T) -> Said {
        self.send(self.request(method, path).json(body)).await
    }

    pub(crate) async fn post<T: Serialize>(&self, path: &str, body: &T) -> Said {
        self.json(Method::POST, path, body).await
    }

    pub(crate) async fn bytes(&self, method: Method, path: &str, body: Vec<u8>) -> Said {
        self.send(self.request(method, path).body(body)).await
    }
}
