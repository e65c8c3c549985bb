//! HTTP: routes, and what surrounds them. Handlers are thin: extract, call, respond.

mod accounts;
mod agents;
mod auth;
mod checkpoints;
mod decisions;
mod extract;
pub(crate) mod guard;
mod links;
mod mailboxes;
mod organisations;
mod push;
mod records;
mod recovery;
mod sessions;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use glimpse_wire::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::problem::Problem;

/// Everything that the public listener serves.
pub(crate) fn router(app: &Arc<App>) -> Router {
    api()
        .layer(from_fn_with_state(Arc::clone(app), in_time))
        .merge(transfers())
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(site)
        .method_not_allowed_fallback(async || {
            Problem::new(ErrorCode::Malformed).with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(CatchPanicLayer::custom(|_| Problem::new(ErrorCode::Internal).into_response()))
        .layer(from_fn_with_state(Arc::clone(app), guard::guard))
        // Around the guard, so that a page on another origin can read that it asked too often.
        .layer(cors(&app.settings.allow_origins))
        .layer(from_fn_with_state(Arc::clone(app), guard::strict))
        .with_state(Arc::clone(app))
}

/// Requests that are small both ways; each has a time limit.
fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/info", get(accounts::info))
        .route("/v1/accounts", post(accounts::create))
        .route("/v1/sign-in/challenge", post(accounts::challenge))
        .route("/v1/sign-in", post(accounts::sign_in))
        .route("/v1/account", get(accounts::account).delete(accounts::delete))
        .route("/v1/account/head", put(accounts::put_head))
        .route("/v1/account/links", post(links::append))
        .route("/v1/account/links/{seq}", put(links::give_back))
        .route("/v1/account/names/{device}", put(accounts::put_name))
        .route("/v1/account/recovery", delete(recovery::veto))
        .route("/v1/account/checkpoint", put(checkpoints::put))
        .route("/v1/account/push", put(push::subscribe).delete(push::unsubscribe))
        .route("/v1/chains/{account}", get(accounts::chain))
        .route("/v1/kits/{kit}", get(recovery::kit))
        .route("/v1/recoveries", post(recovery::ask))
        .route("/v1/accounts/{account}/recover", post(recovery::recover))
        .route("/v1/shares", post(records::mint))
        .route("/v1/records", get(records::list).post(records::publish))
        .route("/v1/records/{record}", delete(records::delete))
        .route("/v1/records/{record}/decision", put(decisions::put))
        .route("/v1/records/{record}/versions/{version}/share", post(records::release))
        .route("/v1/writes/shares", post(records::writer_mint))
        .route("/v1/writes", post(records::submit))
        .route("/v1/mailboxes", post(mailboxes::open))
        .route("/v1/mailboxes/{mailbox}", delete(mailboxes::cancel))
        .route("/v1/mailboxes/{mailbox}/offer", put(mailboxes::put_offer))
        .route("/v1/mailboxes/{mailbox}/socket", get(mailboxes::socket))
        .route("/v1/claims", post(mailboxes::claim))
        .route("/v1/sessions", get(sessions::list).post(sessions::grant))
        .route("/v1/sessions/{session}/terms", post(sessions::amend))
        .route("/v1/sessions/{session}/open", post(sessions::open))
        .route("/v1/sessions/{session}/end", post(sessions::end))
        .route("/v1/sessions/{session}/stop", post(sessions::stop))
        .route("/v1/sessions/{session}/receipts", get(sessions::receipts))
        .route("/v1/sessions/{session}/countersign", post(sessions::countersign))
        .route("/v1/organisations/{organisation}", get(organisations::read).put(organisations::register))
        .route("/v1/organisations/{organisation}/revocations", put(organisations::revoke))
        .route("/v1/organisations/{organisation}/invitations", post(organisations::invite))
        .route("/v1/organisations/{organisation}/enrolments", post(organisations::enrol))
        .route("/v1/organisations/{organisation}/enrolled", post(organisations::enrolled))
        .route("/v1/organisations/{organisation}/credentials", put(organisations::vouch))
        .route("/v1/organisations/{organisation}/sessions", post(organisations::sessions))
        .route("/v1/organisations/{organisation}/sessions/{session}/receipts", post(organisations::receipts))
        .route("/v1/agents/challenge", post(agents::challenge))
        .route("/v1/agents/sign-in", post(agents::sign_in))
        .route("/v1/agent", get(agents::read).delete(agents::sign_out))
        .route("/v1/agent/sessions", get(agents::sessions))
        .route("/v1/agent/sessions/{session}/receipts", get(agents::receipts))
        .route("/v1/agent/sessions/{session}/notes/{n}", put(agents::put_note))
        .layer(from_fn(auth::hash_body))
}

/// Content, as long as it moves.
fn transfers() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/contents/{h0}", get(records::content).put(records::put_content))
        .route("/v1/sessions/{session}/units/{unit}", put(sessions::put_unit))
        .route("/v1/sessions/{session}/units/{unit}/content", get(sessions::content))
        .route("/v1/sessions/{session}/units/{unit}/blob", get(sessions::blob))
}

/// A small request that is not answered in its time is given up.
async fn in_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(app.settings.limits.request_seconds);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(ErrorCode::Busy).into_response(),
    }
}

/// A page on another origin may call the API when the operator listed that origin. There are no cookies to protect.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::RANGE])
        .expose_headers([header::CONTENT_RANGE, header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The server can do its work: the databases answer and it is not draining.
async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.stop.is_cancelled() {
        return Err(ErrorCode::Busy.into());
    }
    app.store.ping().await?;
    Ok("ready\n")
}

async fn site(State(app): State<Arc<App>>, request: Request) -> Response {
    match &app.site {
        Some(site) => site.answer(request.method(), request.uri().path(), request.headers()),
        None => Problem::new(ErrorCode::NotFound).into_response(),
    }
}
