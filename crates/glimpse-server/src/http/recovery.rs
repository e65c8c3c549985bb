//! Recovery: by whoever holds the kit, and the veto of a device.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use glimpse_wire::account::{KEM_KEY_LEN, RecoveryRequest, Signed, Veto};
use glimpse_wire::api::{AppendLink, Appended, KitAccount, Recovering, SignedJson};
use glimpse_wire::chain::Standing;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, SUITE, SigningKeyBytes};

use super::auth::{Device, From};
use super::extract::{Json, Path};
use super::transfer::to_the_end;
use crate::app::App;
use crate::chains::{Adder, Offered};
use crate::problem::Answer;
use crate::store::{RecoveryAsked, RecoveryStands};

/// `GET /v1/kits/{kit}`
pub(super) async fn kit(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(kit): Path<DeviceId>,
) -> Answer<JsonAnswer<KitAccount>> {
    app.rates.recoveries.admit(address, 1, app.clock.now())?;
    Ok(JsonAnswer(KitAccount { account: app.store.kit_account(&kit).await? }))
}

/// `POST /v1/recoveries`
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Recovering>> {
    let now = app.clock.now();
    app.rates.recoveries.admit(address, 1, now)?;
    let signed = Signed::from(body);
    let claimed: RecoveryRequest = signed.peek()?;
    let open = |key: &SigningKeyBytes| {
        signed.open::<RecoveryRequest>(StatementKind::Recovery, key).map_err(|_| ErrorCode::Unauthorised)
    };
    if let Some(key) = app.store.kit_key(&claimed.account).await? {
        open(&key)?;
    }
    let chain = app.replay(&claimed.account).await?;
    let kit = chain.recovery().ok_or(ErrorCode::Unauthorised)?;
    let request = open(&kit.signing)?;
    let device = &request.device;
    let id = device.id();
    let fits = request.suite == SUITE
        && device.kem.as_slice().len() == KEM_KEY_LEN
        && matches!(device.serial.as_slice().len(), 0 | Hash::LEN)
        && chain.members().iter().all(|member| member.id != id && member.device.signing != device.signing);
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    if !matches!(chain.compare(&request.head), Standing::Same | Standing::Behind) {
        return Err(ErrorCode::Conflict.into());
    }
    let announced = chain.policy_at(now).recovering;
    let asked = RecoveryAsked { account: request.account, kit: kit.id(), device: id, signed: &signed, announced };
    let RecoveryStands { recovering, is_new } = app.store.ask_recovery(&asked, now).await?;
    if is_new {
        app.wake_others(&request.account, None);
    }
    Ok(JsonAnswer(recovering))
}

/// `DELETE /v1/account/recovery`
pub(super) async fn veto(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let veto: Veto =
        Signed::from(body).open(StatementKind::Veto, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    if veto.suite != SUITE || veto.account != device.account {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.veto_recovery(&device, &veto.device).await?;
    app.wake_others(&device.account, Some(device.device));
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/accounts/{account}/recover`
pub(super) async fn recover(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(account): Path<AccountId>,
    Json(body): Json<AppendLink>,
) -> Answer<JsonAnswer<Appended>> {
    app.rates.recoveries.admit(address, 1, app.clock.now())?;
    let offered = Offered::parse(Adder::Kit, body)?;
    to_the_end(&app, async move |app| app.append(&account, &offered).await).await.map(JsonAnswer)
}
