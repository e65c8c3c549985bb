//! Links that devices add to their account's chain.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use glimpse_wire::api::{AppendLink, Appended};

use super::auth::Device;
use super::extract::{Json, Path};
use super::transfer::to_the_end;
use crate::app::App;
use crate::chains::{Adder, Offered};
use crate::problem::Answer;

/// `POST /v1/account/links`
pub(super) async fn append(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<AppendLink>,
) -> Answer<JsonAnswer<Appended>> {
    let offered = Offered::parse(Adder::Device(device.device), body)?;
    app.rates.links.admit((device.account, device.device), 1, app.clock.now())?;
    to_the_end(&app, async move |app| app.append(&device.account, &offered).await).await.map(JsonAnswer)
}

/// `PUT /v1/account/links/{seq}`
pub(super) async fn give_back(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(seq): Path<u64>,
    Json(body): Json<AppendLink>,
) -> Answer<JsonAnswer<Appended>> {
    let offered = Offered::parse(Adder::Keeper { device: device.device, seq }, body)?;
    app.rates.links.admit((device.account, device.device), 1, app.clock.now())?;
    to_the_end(&app, async move |app| app.append(&device.account, &offered).await).await.map(JsonAnswer)
}
