//! Who sends a request: a device by its token or by a signature over the request, a mailbox end by its token.
//!
//! A device that was taken out of its account, or that is held back, is told so, once it has proved which one it is.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::account::RequestProof;
use glimpse_wire::limits::{MAX_FRAME, MAX_SIGNED};
use glimpse_wire::signature::verify;
use glimpse_wire::{ErrorCode, Hash, decode, preimage};
use sha2::{Digest, Sha256};

use super::extract::collect;
use crate::app::App;
use crate::http::guard::Address;
use crate::metrics::RefusalLabels;
use crate::problem::{Answer, Problem};
use crate::store::{Member, SignedIn};

/// The scheme of a request that its device signed.
const SIGNED: &str = "Signed ";

/// `Authorization: Bearer <32 bytes in base64url>`.
pub(crate) struct Bearer(pub(crate) Hash);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let token = authorization(&parts.headers).and_then(|value| value.strip_prefix("Bearer "));
        let token = token.and_then(|token| token.trim().parse().ok());
        token.map(Self).ok_or_else(|| ErrorCode::Unauthorised.into())
    }
}

/// A device of the account that may act: by its token, or by its signature over the request.
pub(crate) struct Device(pub(crate) SignedIn);

impl FromRequestParts<Arc<App>> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let member = prove(parts, app).await?;
        admit(app, parts, &member, Held::Waits).map(Self)
    }
}

impl OptionalFromRequestParts<Arc<App>> for Device {
    type Rejection = Problem;

    /// None where nobody says who they are. Whoever says so must be it.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Option<Self>> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            <Self as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

/// A device of the account, held back or not: for reading the account itself.
pub(crate) struct Linked(pub(crate) SignedIn);

impl FromRequestParts<Arc<App>> for Linked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let member = prove(parts, app).await?;
        admit(app, parts, &member, Held::Reads).map(Self)
    }
}

/// A device, or whoever else holds a token.
pub(crate) enum Sender {
    Device(SignedIn),
    Token(Hash),
}

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let member = if authorization(&parts.headers).is_some_and(|value| value.starts_with(SIGNED)) {
            prove(parts, app).await?
        } else {
            let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
            match of_token(app, &token).await? {
                Some(member) => member,
                None => return Ok(Self::Token(token)),
            }
        };
        admit(app, parts, &member, Held::Waits).map(Self::Device)
    }
}

/// What a device may do while it is held back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Waits,
    Reads,
}

/// Lets a device in that belongs to the account and is not held back, and notes it when it does not let it in.
fn admit(app: &App, parts: &Parts, member: &Member, held: Held) -> Answer<SignedIn> {
    let code = if member.left {
        ErrorCode::DeviceRevoked
    } else if member.free_at.0 > app.clock.now().0 && held == Held::Waits {
        ErrorCode::DeviceHeld
    } else {
        return Ok(member.device);
    };
    Err(refuse(app, parts, code))
}

fn refuse(app: &App, parts: &Parts, code: ErrorCode) -> Problem {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    note_refusal(app, route, code);
    code.into()
}

/// A refusal that an operator can see: the template of the route and the reason, and nothing of who it was.
pub(super) fn note_refusal(app: &App, route: &str, code: ErrorCode) {
    tracing::warn!(route, code = code.slug(), "a device was refused");
    let labels = RefusalLabels { route: route.to_owned(), code: code.slug() };
    app.metrics.refused_devices.get_or_create(&labels).inc();
}

/// Which device sends this, present or past.
async fn prove(parts: &mut Parts, app: &Arc<App>) -> Answer<Member> {
    let proof = authorization(&parts.headers).and_then(|value| value.strip_prefix(SIGNED)).map(str::to_owned);
    match proof {
        Some(proof) => of_proof(app, parts, proof.trim()).await,
        None => {
            let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
            of_token(app, &token).await?.ok_or_else(|| ErrorCode::Unauthorised.into())
        }
    }
}

/// Whose token this is, if it is a device's.
async fn of_token(app: &App, token: &Hash) -> Answer<Option<Member>> {
    app.store.token(&token_hash(token), app.clock.now()).await
}

/// Checks that a device signed exactly this request, and uses its counter up (protocol section 8.1).
async fn of_proof(app: &App, parts: &Parts, proof: &str) -> Answer<Member> {
    let refused = |_| Problem::new(ErrorCode::Unauthorised);
    if proof.len() > MAX_SIGNED {
        return Err(ErrorCode::Unauthorised.into());
    }
    let bytes = Base64UrlUnpadded::decode_vec(proof).map_err(|_| ErrorCode::Unauthorised)?;
    let proof: RequestProof = decode(&bytes, MAX_SIGNED).map_err(|_| ErrorCode::Unauthorised)?;
    let member = app.store.member(&proof.account, &proof.device).await?.ok_or(ErrorCode::Unauthorised)?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let body = match parts.extensions.get::<BodyHash>() {
        Some(BodyHash(hash)) => hash.0.to_vec(),
        // It streams, and is not there yet.
        None if parts.method == Method::PUT => Vec::new(),
        None => Sha256::digest([]).to_vec(),
    };
    let RequestProof { account, device, origin, counter, signature } = &proof;
    let signed = preimage::request_signature(origin, parts.method.as_str(), path, &body, account, device, *counter);
    verify(&member.device.signing, &signed, signature).map_err(refused)?;
    if !app.origins.contains(origin) || i64::try_from(*counter).is_err() {
        return Err(ErrorCode::Unauthorised.into());
    }
    if member.left {
        return Ok(member);
    }
    match app.store.use_request(&member.device, *counter).await {
        Ok(()) => Ok(member),
        Err(problem) if matches!(problem.code(), ErrorCode::DeviceDoubled | ErrorCode::DeviceRevoked) => {
            Err(refuse(app, parts, problem.code()))
        }
        Err(problem) => Err(problem),
    }
}

/// SHA-256 of the request's body.
#[derive(Clone, Copy)]
struct BodyHash(Hash);

/// Around the routes whose bodies are small: reads the body of a request that its device signed, so that the signature can
/// be checked before the handler sees anything.
pub(super) async fn hash_body(request: Request, next: Next) -> Response {
    if !authorization(request.headers()).is_some_and(|value| value.starts_with(SIGNED)) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match collect(body, MAX_FRAME).await {
        Ok(bytes) => {
            parts.extensions.insert(BodyHash(Hash(Sha256::digest(&bytes).into())));
            next.run(Request::from_parts(parts, bytes.into())).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
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
