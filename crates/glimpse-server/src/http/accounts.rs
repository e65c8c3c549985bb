//! Accounts, sign-in, chains.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use glimpse_wire::account::{HeadStatement, Signed};
use glimpse_wire::api::{
    Account, AccountDeletion, Chain, Challenge, ChallengeRequest, CreateAccount, DeviceName, Info, SignIn, SignedJson,
    Token,
};
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, MAX_LABEL};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, SUITE, UnixMillis};
use serde::Deserialize;

use super::auth::{Device, From, Linked, note_refusal, token_hash};
use super::extract::{Json, Path, Query};
use crate::app::App;
use crate::problem::Answer;
use crate::push::Pushes;
use crate::store::random;

/// `GET /v1/info`
pub(super) async fn info(State(app): State<Arc<App>>) -> JsonAnswer<Info> {
    JsonAnswer(Info {
        suite: SUITE,
        now: app.clock.now(),
        max_content: app.settings.limits.content_bytes,
        signing_key: app.signing.public(),
        push_key: app.pushes.as_ref().map(Pushes::public_key),
    })
}

/// `POST /v1/accounts`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<CreateAccount>,
) -> Answer<(StatusCode, JsonAnswer<Account>)> {
    app.rates.accounts.admit(address, 1, app.clock.now())?;
    let founded = app.found(&body).await?;
    let account = app.store.account(&founded, 0, app.clock.now()).await?;
    Ok((StatusCode::CREATED, JsonAnswer(account)))
}

/// `POST /v1/sign-in/challenge`
pub(super) async fn challenge(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<ChallengeRequest>,
) -> Answer<JsonAnswer<Challenge>> {
    let now = app.clock.now();
    app.rates.sign_ins.admit(address, 1, now)?;
    let (challenge, expires) = app.tickets.challenge(&body.account, &body.device, now)?;
    Ok(JsonAnswer(Challenge { challenge, now, expires }))
}

/// `POST /v1/sign-in`
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Token>> {
    let now = app.clock.now();
    app.rates.sign_ins.admit(address, 1, now)?;
    let signed = Signed::from(body);
    let claimed: SignIn = signed.peek()?;
    if claimed.suite != SUITE {
        return Err(ErrorCode::Malformed.into());
    }
    // Unknown account, wrong device, bad signature and used challenge are one answer.
    let member = app.store.member(&claimed.account, &claimed.device).await?.ok_or(ErrorCode::Unauthorised)?;
    let key = member.device.signing;
    let statement: SignIn = signed.open(StatementKind::SignIn, &key).map_err(|_| ErrorCode::Unauthorised)?;
    if !app.origins.contains(&statement.origin) {
        tracing::warn!("a sign-in named an origin that is not among public_origins");
        return Err(ErrorCode::Unauthorised.into());
    }
    if !app.tickets.answer(&statement.challenge, &statement.account, &statement.device, now) {
        return Err(ErrorCode::Unauthorised.into());
    }
    if i64::try_from(statement.counter).is_err() {
        return Err(ErrorCode::Malformed.into());
    }
    let token = Hash(random()?);
    let expires = now.plus(app.settings.limits.token_seconds.saturating_mul(1_000));
    let signed_in = app.store.sign_in(&member.device, statement.counter, &token_hash(&token), now, expires).await;
    if let Err(problem) = signed_in {
        if matches!(problem.code(), ErrorCode::DeviceRevoked | ErrorCode::DeviceDoubled) {
            note_refusal(&app, "/v1/sign-in", problem.code());
        }
        return Err(problem);
    }
    Ok(JsonAnswer(Token { token, expires }))
}

/// Query of a chain.
#[derive(Deserialize)]
pub(super) struct FromLink {
    /// The number of the first link that is wanted.
    #[serde(default)]
    from: u64,
}

/// `GET /v1/account?from=`
pub(super) async fn account(
    State(app): State<Arc<App>>,
    Linked(device): Linked,
    Query(FromLink { from }): Query<FromLink>,
) -> Answer<JsonAnswer<Account>> {
    Ok(JsonAnswer(app.store.account(&device.account, from, app.clock.now()).await?))
}

/// `DELETE /v1/account`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let deletion: AccountDeletion = Signed::from(body)
        .open(StatementKind::AccountDeletion, &device.signing)
        .map_err(|_| ErrorCode::Unauthorised)?;
    if deletion.suite != SUITE || deletion.account != device.account || !is_recent(deletion.at, app.clock.now()) {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.doom_account(&device).await?;
    app.finish_account(&device.account).await?;
    app.store.sweep_accounts().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/chains/{account}?from=`
pub(super) async fn chain(
    State(app): State<Arc<App>>,
    Path(account): Path<AccountId>,
    Query(FromLink { from }): Query<FromLink>,
) -> Answer<JsonAnswer<Chain>> {
    Ok(JsonAnswer(app.store.chain(&account, from).await?))
}

/// `PUT /v1/account/head`
pub(super) async fn put_head(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let statement: HeadStatement =
        Signed::from(body.clone()).open(StatementKind::Head, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    let now = app.clock.now();
    let fits = statement.suite == SUITE
        && statement.account == device.account
        && statement.device == device.device
        && statement.at.0 <= now.plus(CLOCK_SLACK_MILLIS).0;
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.put_head_statement(&device, &statement.head, statement.at, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/account/names/{device}`
pub(super) async fn put_name(
    State(app): State<Arc<App>>,
    Device(by): Device,
    Path(device): Path<DeviceId>,
    Json(body): Json<DeviceName>,
) -> Answer<StatusCode> {
    if body.device != device {
        return Err(ErrorCode::Malformed.into());
    }
    if body.sealed.as_slice().len() > MAX_LABEL {
        return Err(ErrorCode::TooLarge.into());
    }
    app.store.put_name(&by, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a time by another's clock is now, give or take the slack.
pub(super) fn is_recent(at: UnixMillis, now: UnixMillis) -> bool {
    at.0 <= now.plus(CLOCK_SLACK_MILLIS).0 && now.0 <= at.plus(CLOCK_SLACK_MILLIS).0
}
