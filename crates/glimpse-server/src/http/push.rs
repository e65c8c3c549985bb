//! Where a device's pushes go.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use glimpse_wire::ErrorCode;
use glimpse_wire::api::PushSubscription;

use super::auth::Device;
use super::extract::Json;
use crate::app::App;
use crate::problem::Answer;

/// `PUT /v1/account/push`
pub(super) async fn subscribe(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(subscription): Json<PushSubscription>,
) -> Answer<StatusCode> {
    let pushes = app.pushes.as_ref().ok_or(ErrorCode::NotFound)?;
    subscription.check()?;
    if !pushes.takes(&subscription) {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.put_push(&device, &subscription).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/account/push`
pub(super) async fn unsubscribe(State(app): State<Arc<App>>, Device(device): Device) -> Answer<StatusCode> {
    app.store.drop_push(&device).await?;
    Ok(StatusCode::NO_CONTENT)
}
