//! Sessions: grants, units, openings, receipts, ends.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Receipts, SessionSummary, Sessions};
use glimpse_wire::limits::{MAX_FRAME, MAX_RECEIPTS, MAX_SIGNED, MAX_UNIT_ENVELOPE};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::{Countersignature, Event, UnitEnvelope};
use glimpse_wire::size::{MIN_PADDED, padme, sealed};
use glimpse_wire::{ErrorCode, SUITE, SessionId, UnitId, decode, encode};
use serde::Deserialize;

use super::auth::Device;
use super::extract::{Path, Query, collect};
use super::records::cbor;
use super::transfer::{Incoming, UploadLimits, send, to_the_end};
use crate::app::App;
use crate::problem::Answer;
use crate::store::{Session, Unit};

/// Bytes of an upload before the sealed chunks: the length of the envelope, and the envelope.
const FRONT: u64 = 4 + 1024;
const _: () = assert!(MAX_UNIT_ENVELOPE == 1024, "FRONT has room for an envelope");

/// `POST /v1/sessions`
pub(super) async fn grant(State(app): State<Arc<App>>, Device(device): Device, body: Body) -> Answer<StatusCode> {
    let bytes = collect(body, MAX_FRAME).await?;
    to_the_end(&app, async move |app| app.grant(&device, &bytes).await).await?;
    Ok(StatusCode::CREATED)
}

/// `POST /v1/sessions/{session}/terms`
pub(super) async fn amend(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(session): Path<SessionId>,
    body: Body,
) -> Answer<StatusCode> {
    let bytes = collect(body, MAX_FRAME).await?;
    to_the_end(&app, async move |app| app.amend(&device, &session, &bytes).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/sessions`
pub(super) async fn list(State(app): State<Arc<App>>, Device(device): Device) -> Answer<JsonAnswer<Sessions>> {
    let mut sessions = Vec::new();
    for session in app.store.sessions_of(&device.account).await? {
        sessions.push(SessionSummary {
            session: session.session,
            issued: session.issued,
            expires: session.expires,
            units: session.units,
            opened: app.store.openings(&session.session).await?,
            ended: session.ended.map(|code| code.slug().to_owned()),
        });
    }
    Ok(JsonAnswer(Sessions { sessions }))
}

/// `PUT /v1/sessions/{session}/units/{unit}`: length of the envelope (u32, big-endian), envelope, sealed chunks.
pub(super) async fn put_unit(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path((session, unit)): Path<(SessionId, UnitId)>,
    body: Body,
) -> Answer<StatusCode> {
    let limits = &app.settings.limits;
    app.session_of(&session, &device).await?;
    let listed = app.store.unit(&session, &unit).await?.ok_or(ErrorCode::NotFound)?;
    let ended = app.lives.ended(&session);
    let most = limits.unit_bytes.saturating_add(FRONT);
    let mut incoming = Incoming::new(body, UploadLimits::new(most, limits, ended))?;
    let length = incoming.take(4).await?.try_into().map(u32::from_be_bytes).map_err(|_| ErrorCode::Malformed)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_UNIT_ENVELOPE);
    let front = incoming.take(length.ok_or(ErrorCode::Malformed)?).await?;
    let envelope: UnitEnvelope = decode(&front, MAX_UNIT_ENVELOPE)?;
    let fits = envelope.suite == SUITE
        && (envelope.session, envelope.unit, envelope.terms) == (session, unit, listed.terms)
        && envelope.size >= MIN_PADDED
        && envelope.size == padme(envelope.size);
    if !fits {
        return Err(ErrorCode::Malformed.into());
    }
    if let Some(there) = listed.sealed {
        // A device may repeat what it could not finish; sealing the unit anew is another thing.
        return if there.envelope == front { Ok(StatusCode::NO_CONTENT) } else { Err(ErrorCode::Conflict.into()) };
    }
    let bytes = sealed(envelope.size);
    if bytes > limits.unit_bytes {
        return Err(ErrorCode::TooLarge.into());
    }
    incoming.limit_rest(bytes)?;
    to_the_end(&app, async move |app| {
        let upload = app.store.begin_unit(&envelope, bytes, app.settings.limits.session_bytes).await?;
        let outcome = async {
            let received = incoming.store(&upload.path).await?;
            if received.bytes != bytes {
                return Err(ErrorCode::Malformed.into());
            }
            app.store.finish_unit(&upload, &envelope, received.bytes).await
        }
        .await;
        if outcome.is_err() {
            app.store.abandon_unit(&upload).await?;
            // If the session ended meanwhile, that is the reason.
            app.live_session(&session).await?;
        }
        outcome.map(|()| StatusCode::NO_CONTENT)
    })
    .await
}

/// `POST /v1/sessions/{session}/open`
pub(super) async fn open(State(app): State<Arc<App>>, Path(session): Path<SessionId>, body: Body) -> Answer<Response> {
    let signed: Signed = decode(&collect(body, MAX_SIGNED).await?, MAX_SIGNED)?;
    let opened = to_the_end(&app, async move |app| app.open(&session, signed).await).await?;
    Ok(cbor(encode(&opened)))
}

/// `GET /v1/sessions/{session}/units/{unit}/content`: what the device sealed for this session.
pub(super) async fn content(
    State(app): State<Arc<App>>,
    Path((session, unit)): Path<(SessionId, UnitId)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (_, unit) = opened_unit(&app, &session, &unit).await?;
    let sealed = unit.sealed.ok_or(ErrorCode::NotFound)?;
    send(&app, (&sealed.path, sealed.bytes), &headers, app.lives.ended(&session)).await
}

/// `GET /v1/sessions/{session}/units/{unit}/blob`: the record version's own ciphertext, where Terms lend that.
pub(super) async fn blob(
    State(app): State<Arc<App>>,
    Path((session, unit)): Path<(SessionId, UnitId)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (live, unit) = opened_unit(&app, &session, &unit).await?;
    let h0 = unit.blob.ok_or(ErrorCode::NotFound)?;
    let (path, bytes) = app.store.published_content(&live.account, &h0).await?;
    send(&app, (&path, bytes), &headers, app.lives.ended(&session)).await
}

/// A unit of a live session that was opened: until then its ciphertext is for nobody. Afterwards it is for whoever knows both
/// ids, as a supervisor does, so that it was asked for is no sign of life of the viewer.
async fn opened_unit(app: &App, session: &SessionId, unit: &UnitId) -> Answer<(Session, Unit)> {
    let live = app.live_session(session).await?;
    let found = app.store.unit(session, unit).await?.ok_or(ErrorCode::NotFound)?;
    if !app.store.was_opened(session, unit).await? {
        return Err(ErrorCode::NotFound.into());
    }
    Ok((live, found))
}

/// `POST /v1/sessions/{session}/end`
pub(super) async fn end(State(app): State<Arc<App>>, Path(session): Path<SessionId>, body: Body) -> Answer<StatusCode> {
    let signed: Signed = decode(&collect(body, MAX_SIGNED).await?, MAX_SIGNED)?;
    to_the_end(&app, async move |app| app.end(&session, &signed).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/sessions/{session}/stop`
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    Path(session): Path<SessionId>,
    body: Body,
) -> Answer<StatusCode> {
    let signed: Signed = decode(&collect(body, MAX_SIGNED).await?, MAX_SIGNED)?;
    to_the_end(&app, async move |app| app.stop(&session, &signed).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Query of receipts.
#[derive(Deserialize)]
pub(super) struct After {
    /// The number of the last receipt that the caller holds; none, to start with the first.
    pub(super) after: Option<u64>,
}

/// `GET /v1/sessions/{session}/receipts?after=`
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(session): Path<SessionId>,
    Query(After { after }): Query<After>,
) -> Answer<JsonAnswer<Receipts>> {
    let limit = u32::try_from(MAX_RECEIPTS).unwrap_or(u32::MAX);
    let mut receipts = app.store.receipts(&device.account, &session, after, limit.saturating_add(1)).await?;
    if receipts.is_empty() && !app.store.has_receipts(&device.account, &session).await? {
        return Err(ErrorCode::NotFound.into());
    }
    let more = receipts.len() > MAX_RECEIPTS;
    receipts.truncate(MAX_RECEIPTS);
    Ok(JsonAnswer(Receipts { receipts, more }))
}

/// `POST /v1/sessions/{session}/countersign`
pub(super) async fn countersign(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(session): Path<SessionId>,
    body: Body,
) -> Answer<StatusCode> {
    let signed: Signed = decode(&collect(body, MAX_SIGNED).await?, MAX_SIGNED)?;
    let word: Countersignature =
        signed.open(StatementKind::Countersign, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    if word.suite != SUITE || word.session != session {
        return Err(ErrorCode::Malformed.into());
    }
    let event = Event::Countersigned { head: word.head, signature: signed.signature };
    app.store.write_countersigned(&session, &device, (word.seq, word.head), event, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
