//! Bytes from outside become typed values here, or a problem document.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use glimpse_wire::ErrorCode;
use glimpse_wire::limits::MAX_JSON;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::{Answer, Problem};

/// A JSON body of at most [`MAX_JSON`] bytes.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Answer<Self> {
        let is_json =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
            });
        if !is_json {
            return Err(ErrorCode::Malformed.into());
        }
        let bytes = collect(request.into_body(), MAX_JSON).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| ErrorCode::Malformed.into())
    }
}

/// A whole body in memory; a longer one is refused before it is read, when it says its length, or as soon as it shows.
pub(crate) async fn collect(body: Body, limit: usize) -> Answer<Bytes> {
    if http_body::Body::size_hint(&body).lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(ErrorCode::TooLarge.into());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ErrorCode::TooLarge.into()),
        Err(_) => Err(ErrorCode::Malformed.into()),
    }
}

/// Path parameters; what does not parse is "not there".
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(ErrorCode::NotFound.into()),
        }
    }
}

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(_) => Err(ErrorCode::Malformed.into()),
        }
    }
}
