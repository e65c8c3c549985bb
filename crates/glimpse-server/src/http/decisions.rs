//! A device approves what a writer brought.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Published, SignedJson};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::Decision;
use glimpse_wire::{ErrorCode, RecordId, SUITE, encode};

use super::auth::Device;
use super::extract::{Json, Path};
use crate::app::App;
use crate::problem::Answer;

/// `PUT /v1/records/{record}/decision`
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(record): Path<RecordId>,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Published>> {
    let signed = Signed::from(body);
    let decision: Decision =
        signed.open(StatementKind::Decision, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    let named = (decision.suite, decision.account, decision.record, decision.device);
    if named != (SUITE, device.account, record, device.device) {
        return Err(ErrorCode::Malformed.into());
    }
    let seq = app.store.approve(&device, &decision, &encode(&signed), &app.settings.limits).await?;
    Ok(JsonAnswer(Published { seq }))
}
