//! The server's HTTP interface as a device calls it: requests out, answers decoded within limits, problems as errors.

use core::fmt;
use std::rc::Rc;

use futures_util::StreamExt;
use glimpse_wire::api::{CBOR, Problem};
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::{ErrorCode, decode};
use minicbor::Decode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Local;
use crate::error::DeviceError;
use crate::transport::{Body, BodyStream, Credential, Method, Request, Response, Transport};

/// The media type of JSON bodies.
pub(crate) const JSON: &str = "application/json";

/// Signs requests of a device that presents no token.
pub(crate) trait Signs {
    /// What goes into the request's `Authorization`.
    fn proof<'a>(&'a self, request: &'a Request) -> Local<'a, Result<String, DeviceError>>;
}

/// Calls one server.
#[derive(Clone)]
pub struct Api {
    transport: Rc<dyn Transport>,
    signer: Option<Rc<dyn Signs>>,
}

impl Api {
    /// Over `transport`.
    #[must_use]
    pub fn new(transport: Rc<dyn Transport>) -> Self {
        Self { transport, signer: None }
    }

    /// As a device that signs each request.
    pub(crate) fn signed_by(self, signer: Rc<dyn Signs>) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// Whether requests of the device are signed, in place of a token.
    pub(crate) const fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// The way to the server.
    #[must_use]
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    pub(crate) fn shared_transport(&self) -> Rc<dyn Transport> {
        Rc::clone(&self.transport)
    }

    /// Sends a request; an answer that is no success becomes an error.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn call(&self, mut request: Request) -> Result<Response, DeviceError> {
        if let (Some(Credential::Own), Some(signer)) = (request.credential, &self.signer) {
            request.proof = Some(signer.proof(&request).await?);
        }
        let response = self.transport.request(request).await?;
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let (status, retry_after) = (response.status, response.retry_after);
        let problem = collect(response.body, MAX_JSON).await.unwrap_or_default();
        Err(DeviceError::Refused { code: refusal(status, &problem), retry_after })
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.transport.origin())
    }
}

/// The code of a problem document; of anything else, what the status tells.
fn refusal(status: u16, body: &[u8]) -> ErrorCode {
    let by_status = match status {
        401 | 403 => ErrorCode::Unauthorised,
        404 => ErrorCode::NotFound,
        413 => ErrorCode::TooLarge,
        429 => ErrorCode::RateLimited,
        503 => ErrorCode::Busy,
        _ => ErrorCode::Internal,
    };
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    problem.and_then(|problem| problem.kind.parse().ok()).unwrap_or(by_status)
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// [`ErrorCode::ServerUnreachable`] when it breaks off, [`ErrorCode::TooLarge`] beyond the limit.
pub async fn collect(mut body: BodyStream, limit: usize) -> Result<Vec<u8>, DeviceError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if bytes.len().saturating_add(piece.len()) > limit {
            return Err(ErrorCode::TooLarge.into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads a JSON answer.
///
/// # Errors
/// [`ErrorCode::Malformed`], or as [`collect`].
pub async fn json<T: DeserializeOwned>(response: Response, limit: usize) -> Result<T, DeviceError> {
    let bytes = collect(response.body, limit).await?;
    serde_json::from_slice(&bytes).map_err(|_| ErrorCode::Malformed.into())
}

/// Reads a CBOR answer.
///
/// # Errors
/// [`ErrorCode::Malformed`], or as [`collect`].
pub async fn cbor<T>(response: Response, limit: usize) -> Result<T, DeviceError>
where
    T: for<'b> Decode<'b, ()>,
{
    let bytes = collect(response.body, limit).await?;
    decode(&bytes, limit).map_err(|_| ErrorCode::Malformed.into())
}

/// A request without a body.
#[must_use]
pub fn bare(method: Method, path: String) -> Request {
    Request { method, path, credential: None, proof: None, content_type: None, range: None, body: Body::Empty }
}

/// A request with a JSON body.
#[must_use]
pub fn with_json<T: Serialize>(method: Method, path: String, body: &T) -> Request {
    // No type of `glimpse_wire::api` has a `Serialize` that fails; an empty body would be refused as malformed.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    Request { content_type: Some(JSON), body: Body::Bytes(bytes), ..bare(method, path) }
}

/// A request with a CBOR body.
#[must_use]
pub fn with_cbor(method: Method, path: String, body: Vec<u8>) -> Request {
    Request { content_type: Some(CBOR), body: Body::Bytes(body), ..bare(method, path) }
}

impl Request {
    /// The same, by somebody.
    #[must_use]
    pub fn by(self, credential: impl Into<Credential>) -> Self {
        Self { credential: Some(credential.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_become_codes() {
        let body = br#"{"type":"crowded","title":"x","status":409,"detail":"y"}"#;
        assert_eq!(refusal(409, body), ErrorCode::Crowded);
        for (status, code) in [(404, ErrorCode::NotFound), (502, ErrorCode::Internal), (413, ErrorCode::TooLarge)] {
            assert_eq!(refusal(status, b"<html>"), code);
        }
        let unknown = br#"{"type":"no-such-slug","title":"","status":404,"detail":""}"#;
        assert_eq!(refusal(404, unknown), ErrorCode::NotFound);
    }
}
