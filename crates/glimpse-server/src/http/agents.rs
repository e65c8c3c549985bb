//! Agents: how one signs in, and what one may ask for.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{AgentChallenge, AgentChallengeRequest, AgentSessions, AgentToken, Receipts, SignInAgent};
use glimpse_wire::organisation::{AgentSignIn, Role};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{ErrorCode, Hash, SUITE, SessionId, SigningKeyBytes, UnixMillis};

use super::auth::{Bearer, From, token_hash};
use super::extract::{Json, Path, Query, collect};
use super::organisations::{Before, list, trail};
use super::sessions::After;
use crate::app::App;
use crate::passkey;
use crate::problem::Answer;
use crate::store::{AgentOf, Notes, random};

/// Notes of one session.
const NOTES: u8 = 8;
/// Bytes of one, sealed.
const MAX_NOTE: usize = 8 * 1024;

/// An agent who is signed in, vouched for or not.
pub(crate) struct Waiting {
    agent: AgentOf,
    token: Hash,
    expires: UnixMillis,
}

impl FromRequestParts<Arc<App>> for Waiting {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        if app.settings.organisations.is_empty() {
            return Err(ErrorCode::NotFound.into());
        }
        let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
        let found = app.store.agent_token(&token_hash(&token), app.clock.now()).await?;
        let found = found.filter(|(agent, _)| app.is_let_in(&agent.organisation).is_ok());
        let (agent, expires) = found.ok_or(ErrorCode::Unauthorised)?;
        Ok(Self { agent, token, expires })
    }
}

/// An agent who is signed in and vouched for at this moment.
pub(crate) struct Agent {
    pub(crate) agent: AgentOf,
    role: Role,
}

impl FromRequestParts<Arc<App>> for Agent {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let Waiting { agent, .. } = Waiting::from_request_parts(parts, app).await?;
        let (credential, _) = app.credential(&agent, app.clock.now()).await?;
        Ok(Self { agent, role: credential.role })
    }
}

/// The organisation of a supervisor who is signed in and vouched for at this moment. To others what a supervisor reads is not there.
pub(crate) struct Supervised(SigningKeyBytes);

impl FromRequestParts<Arc<App>> for Supervised {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let Agent { agent, role } = Agent::from_request_parts(parts, app).await?;
        match role {
            Role::Supervisor => Ok(Self(agent.organisation)),
            Role::Agent => Err(ErrorCode::NotFound.into()),
        }
    }
}

/// `POST /v1/agents/challenge`
pub(super) async fn challenge(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<AgentChallengeRequest>,
) -> Answer<JsonAnswer<AgentChallenge>> {
    let now = app.clock.now();
    app.is_let_in(&body.organisation)?;
    app.rates.agent_sign_ins.admit(address, 1, now)?;
    let agent = AgentOf { organisation: body.organisation, agent: body.agent };
    let enrolled = app.store.enrolled(&agent).await?;
    let passkey = enrolled.and_then(|enrolled| enrolled.passkey).map(|(id, _)| id);
    let (challenge, expires) = app.tickets.agent_challenge(&agent, now)?;
    let provider = match app.providers.find(&agent.organisation) {
        Some(provider) => Some(provider.address(&challenge, &app.tickets.verifier(&challenge)?).await?),
        None => None,
    };
    Ok(JsonAnswer(AgentChallenge { challenge, passkey, provider, now, expires }))
}

/// `POST /v1/agents/sign-in`
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<SignInAgent>,
) -> Answer<JsonAnswer<AgentToken>> {
    let now = app.clock.now();
    app.rates.agent_sign_ins.admit(address, 1, now)?;
    let signed = Signed::from(body.signed);
    let claimed: AgentSignIn = signed.peek()?;
    if claimed.suite != SUITE {
        return Err(ErrorCode::Malformed.into());
    }
    app.is_let_in(&claimed.organisation)?;
    // Unknown agent, bad signature, other passkey and used challenge are one answer.
    let agent = AgentOf { organisation: claimed.organisation, agent: claimed.agent };
    let enrolled = app.store.enrolled(&agent).await?.ok_or(ErrorCode::Unauthorised)?;
    let statement: AgentSignIn =
        signed.open(StatementKind::AgentSignIn, &enrolled.key).map_err(|_| ErrorCode::Unauthorised)?;
    if !app.origins.contains(&statement.origin) {
        tracing::warn!("an agent's sign-in named an origin that is not among public_origins");
        return Err(ErrorCode::Unauthorised.into());
    }
    if enrolled.passkey.is_none() && app.settings.agent_passkeys {
        return Err(ErrorCode::Unauthorised.into());
    }
    if let Some((_, key)) = &enrolled.passkey {
        let assertion = body.assertion.as_ref().ok_or(ErrorCode::Unauthorised)?;
        passkey::check(assertion, key.as_slice(), &statement.challenge, &statement.origin)
            .map_err(|_| ErrorCode::Unauthorised)?;
    }
    let expires = app.tickets.agent_answer(&statement.challenge, &agent, now).ok_or(ErrorCode::Unauthorised)?;
    // A code is good once: whoever brings one that is not taken begins anew, and so nobody has the provider asked twice.
    let subject = match app.providers.find(&agent.organisation) {
        Some(provider) => {
            let returned = body.provider.as_ref().ok_or(ErrorCode::Unauthorised)?;
            let verifier = app.tickets.verifier(&statement.challenge)?;
            Some(provider.who(returned, &statement.challenge, &verifier, &statement.origin, expires, now).await?)
        }
        None => None,
    };
    let token = Hash(random()?);
    let vouched = enrolled.vouched(now);
    let expires = now.plus(app.settings.limits.agent_token_seconds.saturating_mul(1_000));
    let expires = vouched.map_or(expires, |(credential, _)| expires.min(credential.not_after));
    app.store.sign_agent_in(&agent, &enrolled.key, subject.as_ref(), &token_hash(&token), expires).await?;
    Ok(JsonAnswer(AgentToken { token, expires, credential: vouched.map(|(_, signed)| signed.clone()) }))
}

/// `GET /v1/agent`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Waiting { agent, token, expires }: Waiting,
) -> Answer<JsonAnswer<AgentToken>> {
    let enrolled = app.store.enrolled(&agent).await?.ok_or(ErrorCode::Unauthorised)?;
    let credential = enrolled.vouched(app.clock.now()).map(|(_, signed)| signed.clone());
    Ok(JsonAnswer(AgentToken { token, expires, credential }))
}

/// `DELETE /v1/agent`
pub(super) async fn sign_out(State(app): State<Arc<App>>, waiting: Waiting) -> Answer<StatusCode> {
    app.store.sign_agent_out(&token_hash(&waiting.token)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/agent/sessions/{session}/notes/{n}`
pub(super) async fn put_note(
    State(app): State<Arc<App>>,
    waiting: Waiting,
    Path((session, n)): Path<(SessionId, u8)>,
    body: Body,
) -> Answer<StatusCode> {
    if n >= NOTES {
        return Err(ErrorCode::NotFound.into());
    }
    let note = collect(body, MAX_NOTE).await?;
    if note.is_empty() {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.put_note(&waiting.agent, &session, n, &note, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/agent/sessions?before=`
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    Supervised(organisation): Supervised,
    Query(before): Query<Before>,
) -> Answer<JsonAnswer<AgentSessions>> {
    list(&app, &organisation, &before, Notes::None).await
}

/// `GET /v1/agent/sessions/{session}/receipts?after=`
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    Supervised(organisation): Supervised,
    Path(session): Path<SessionId>,
    Query(after): Query<After>,
) -> Answer<JsonAnswer<Receipts>> {
    trail(&app, &organisation, &session, &after).await
}
