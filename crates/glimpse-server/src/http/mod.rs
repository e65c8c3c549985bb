//! HTTP: routes, and what surrounds them. Handlers are thin: extract, call, respond.

pub(crate) mod extract;
pub(crate) mod guard;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use glimpse_wire::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::problem::Problem;

/// Everything that the public listener serves.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(site)
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(CatchPanicLayer::custom(|_| Problem::new(ErrorCode::Internal).into_response()))
        .layer(cors(&app.settings.allow_origins))
        .layer(from_fn_with_state(Arc::clone(app), guard::guard))
        .with_state(Arc::clone(app))
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
