//! Who sends a request: a device or a mailbox end by its token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use glimpse_wire::{ErrorCode, Hash};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::http::guard::Address;
use crate::problem::{Answer, Problem};
use crate::store::SignedIn;

/// `Authorization: Bearer <32 bytes in base64url>`.
pub(crate) struct Bearer(pub(crate) Hash);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| token.trim().parse().ok());
        token.map(Self).ok_or_else(|| ErrorCode::Unauthorised.into())
    }
}

/// A device that signed in.
pub(crate) struct Device(pub(crate) SignedIn);

impl FromRequestParts<Arc<App>> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
        device(app, &token).await?.map(Self).ok_or_else(|| ErrorCode::Unauthorised.into())
    }
}

/// Whose token this is, if it is a device's.
pub(crate) async fn device(app: &App, token: &Hash) -> Answer<Option<SignedIn>> {
    app.store.token(&token_hash(token), app.clock.now()).await
}

/// What is stored of a token.
pub(crate) fn token_hash(token: &Hash) -> Hash {
    Hash(Sha256::digest(token.0).into())
}

/// The address that `guard` found for this request.
pub(crate) struct From(pub(crate) Address);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parts.extensions.get::<Address>().copied().map(Self).ok_or_else(|| ErrorCode::Internal.into())
    }
}
