//! Organisations: what they sign for this server, and what they may know of their agents.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use glimpse_wire::account::{KEM_KEY_LEN, Signed};
use glimpse_wire::api::{AgentSessions, Enrol, Enrolments, Organisation, Receipts, RegisterOrganisation, SignedJson};
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, MAX_RECEIPTS};
use glimpse_wire::organisation::{
    Credential, CredentialFault, Invitation, OrganisationCard, OrganisationRequest, Revocations,
};
use glimpse_wire::preimage::{StatementKind, audit_key_hash};
use glimpse_wire::{ErrorCode, SUITE, SessionId, SigningKeyBytes, UnixMillis};
use serde::Deserialize;

use super::accounts::is_recent;
use super::auth::{From, token_hash};
use super::extract::{Json, Path, Query};
use super::sessions::After;
use super::transfer::to_the_end;
use crate::app::App;
use crate::http::guard::Address;
use crate::passkey;
use crate::problem::{Answer, Problem};
use crate::store::{AgentOf, Notes};

/// How far ahead the end of an invitation may lie.
const MAX_INVITATION_MILLIS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Whoever brings something that an organisation signed: the organisation is let in, and the address does not ask too often.
fn admit(app: &App, organisation: &SigningKeyBytes, address: Address) -> Answer<UnixMillis> {
    let now = app.clock.now();
    app.is_let_in(organisation)?;
    app.rates.organisations.admit(address, 1, now)?;
    Ok(now)
}

/// `GET /v1/organisations/{organisation}`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Path(organisation): Path<SigningKeyBytes>,
) -> Answer<JsonAnswer<Organisation>> {
    app.is_let_in(&organisation)?;
    let found = app.store.organisation(&organisation).await?.ok_or(ErrorCode::NotFound)?;
    Ok(JsonAnswer(Organisation { passkey: app.settings.agent_passkeys, ..found }))
}

/// `PUT /v1/organisations/{organisation}`
pub(super) async fn register(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<RegisterOrganisation>,
) -> Answer<StatusCode> {
    let now = admit(&app, &organisation, address)?;
    let card: OrganisationCard = Signed::from(body.card.clone())
        .open(StatementKind::OrganisationCard, &organisation)
        .map_err(|_| ErrorCode::Unauthorised)?;
    let audit = body.audit_key.as_slice();
    let fits = card.fits()
        && card.key == organisation
        && audit.len() == KEM_KEY_LEN
        && card.audit == audit_key_hash(audit)
        && card.at.0 <= now.plus(CLOCK_SLACK_MILLIS).0;
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.put_organisation(&organisation, card.at, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/organisations/{organisation}/revocations`
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    admit(&app, &organisation, address)?;
    let list = Revocations::open(&Signed::from(body.clone()), &organisation).map_err(|_| ErrorCode::Unauthorised)?;
    if i64::try_from(list.seq).is_err() {
        return Err(ErrorCode::Malformed.into());
    }
    to_the_end(&app, async move |app| app.revoke_agents(&list, &body).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/organisations/{organisation}/invitations`
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let now = admit(&app, &organisation, address)?;
    let invitation: Invitation =
        Signed::from(body).open(StatementKind::AgentInvitation, &organisation).map_err(|_| ErrorCode::Unauthorised)?;
    let fits = invitation.suite == SUITE
        && invitation.organisation == organisation
        && invitation.expires.0 > now.0
        && invitation.expires.since(now) <= MAX_INVITATION_MILLIS;
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    if app.store.invite(&invitation, app.settings.limits.agents_per_organisation).await? {
        app.replace_agent(&AgentOf { organisation, agent: invitation.agent }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/organisations/{organisation}/enrolments`
pub(super) async fn enrol(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<Enrol>,
) -> Answer<StatusCode> {
    let now = app.clock.now();
    app.is_let_in(&organisation)?;
    app.rates.enrolments.admit(address, 1, now)?;
    if !body.passkey.as_ref().is_none_or(passkey::is_usable) {
        return Err(ErrorCode::Malformed.into());
    }
    if app.settings.agent_passkeys && body.passkey.is_none() {
        return Err(ErrorCode::Unauthorised.into());
    }
    app.store.enrol(&organisation, &body, &token_hash(&body.token), now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/organisations/{organisation}/credentials`
pub(super) async fn vouch(
    State(app): State<Arc<App>>,
    From(address): From,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let now = admit(&app, &organisation, address)?;
    let invalid = |_: CredentialFault| Problem::new(ErrorCode::CredentialInvalid);
    let credential =
        Credential::open(&Signed::from(body.clone()), &organisation).map_err(|_| ErrorCode::Unauthorised)?;
    credential.check(None, now).map_err(invalid)?;
    app.store.put_credential(&credential, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks that an organisation signed exactly this question to this server, a moment ago.
fn asked(app: &App, organisation: &SigningKeyBytes, address: Address, uri: &Uri, body: SignedJson) -> Answer<()> {
    let now = admit(app, organisation, address)?;
    let request: OrganisationRequest = Signed::from(body)
        .open(StatementKind::OrganisationRequest, organisation)
        .map_err(|_| ErrorCode::Unauthorised)?;
    let fits = request.suite == SUITE
        && request.organisation == *organisation
        && app.origins.contains(&request.origin)
        && uri.path_and_query().is_some_and(|path| path.as_str() == request.path);
    if !fits {
        return Err(ErrorCode::Unauthorised.into());
    }
    if is_recent(request.at, now) { Ok(()) } else { Err(ErrorCode::Malformed.into()) }
}

/// `POST /v1/organisations/{organisation}/enrolled`
pub(super) async fn enrolled(
    State(app): State<Arc<App>>,
    From(address): From,
    uri: Uri,
    Path(organisation): Path<SigningKeyBytes>,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Enrolments>> {
    asked(&app, &organisation, address, &uri, body)?;
    Ok(JsonAnswer(Enrolments { enrolments: app.store.enrolments(&organisation).await? }))
}

/// Query of the sessions of an organisation.
#[derive(Deserialize)]
pub(super) struct Before {
    /// The last session that the caller holds; none, to start with the newest.
    before: Option<SessionId>,
}

/// `POST /v1/organisations/{organisation}/sessions?before=`
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    From(address): From,
    uri: Uri,
    Path(organisation): Path<SigningKeyBytes>,
    Query(before): Query<Before>,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<AgentSessions>> {
    asked(&app, &organisation, address, &uri, body)?;
    list(&app, &organisation, &before, Notes::All).await
}

/// `POST /v1/organisations/{organisation}/sessions/{session}/receipts?after=`
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    From(address): From,
    uri: Uri,
    Path((organisation, session)): Path<(SigningKeyBytes, SessionId)>,
    Query(after): Query<After>,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Receipts>> {
    asked(&app, &organisation, address, &uri, body)?;
    trail(&app, &organisation, &session, &after).await
}

/// A page of the sessions of an organisation.
pub(super) async fn list(
    app: &App,
    organisation: &SigningKeyBytes,
    Before { before }: &Before,
    notes: Notes,
) -> Answer<JsonAnswer<AgentSessions>> {
    app.store.agent_sessions(organisation, before.as_ref(), notes).await.map(JsonAnswer)
}

/// Receipts of a session of an agent of an organisation.
pub(super) async fn trail(
    app: &App,
    organisation: &SigningKeyBytes,
    session: &SessionId,
    After { after }: &After,
) -> Answer<JsonAnswer<Receipts>> {
    let limit = u32::try_from(MAX_RECEIPTS).unwrap_or(u32::MAX);
    let mut receipts = app.store.agent_receipts(organisation, session, *after, limit.saturating_add(1)).await?;
    let more = receipts.len() > MAX_RECEIPTS;
    receipts.truncate(MAX_RECEIPTS);
    Ok(JsonAnswer(Receipts { receipts, more }))
}
