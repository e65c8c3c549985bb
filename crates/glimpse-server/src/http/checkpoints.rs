//! Checkpoints of the log of changes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use glimpse_wire::account::Signed;
use glimpse_wire::api::SignedJson;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::Checkpoint;
use glimpse_wire::{ErrorCode, SUITE};

use super::auth::Device;
use super::extract::Json;
use crate::app::App;
use crate::problem::Answer;

/// `PUT /v1/account/checkpoint`
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let signed = Signed::from(body);
    let checkpoint: Checkpoint =
        signed.open(StatementKind::Checkpoint, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    let fits = checkpoint.suite == SUITE
        && checkpoint.account == device.account
        && checkpoint.device == device.device
        && checkpoint.number > 0
        && i64::try_from(checkpoint.number).is_ok();
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    if checkpoint.head != app.store.head(&device.account).await? {
        return Err(ErrorCode::Conflict.into());
    }
    app.store.put_checkpoint(&device, &checkpoint, &signed).await?;
    Ok(StatusCode::NO_CONTENT)
}
