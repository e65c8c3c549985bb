//! Shares of records, contents, envelopes, listings, deletions; by devices and by writers.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use glimpse_wire::account::Signed;
use glimpse_wire::api::{CBOR, MintRequest, Minted, Published, Share, ShareScope, SignedJson, WriterMint};
use glimpse_wire::limits::{MAX_ENVELOPE, MAX_SHARES_PER_MINT};
use glimpse_wire::preimage::{StatementKind, writer_id};
use glimpse_wire::record::{Deletion, Envelope};
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::{AccountId, ErrorCode, Hash, RecordId, SUITE, encode};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::accounts::is_recent;
use super::auth::{Bearer, Device, From, Sender};
use super::extract::{Json, Path, Query, collect};
use super::transfer::{Incoming, UploadLimits, send, to_the_end};
use crate::app::App;
use crate::problem::Answer;
use crate::store::{SignedIn, State as RecordState, UnitScope, Uploader, VersionScope};
use crate::tickets::WriterUpload;

/// `POST /v1/shares`
pub(super) async fn mint(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Json(body): Json<MintRequest>,
) -> Answer<JsonAnswer<Minted>> {
    let now = app.clock.now();
    if body.shares.len() > MAX_SHARES_PER_MINT {
        return Err(ErrorCode::TooLarge.into());
    }
    // Told before anything is sealed for a link that is not the newest any more.
    if let Some(head) = body.head
        && head != app.store.head(&device.account).await?
    {
        return Err(ErrorCode::Conflict.into());
    }
    let count = u32::try_from(body.shares.len()).unwrap_or(u32::MAX);
    app.rates.mints.admit(device.device, count, now)?;
    let (mut records, mut units, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    for scope in &body.shares {
        match scope {
            ShareScope::Record { record, version, h0 } => {
                records.push(VersionScope { record: *record, version: *version, h0: *h0 });
            }
            ShareScope::Session { session, unit, salt } => {
                units.push(UnitScope { session: *session, unit: *unit, salt: *salt });
                sessions.push(*session);
            }
        }
    }
    sessions.sort_unstable();
    sessions.dedup();
    for session in &sessions {
        app.session_of(session, &device).await?;
    }
    let records = app.store.mint_record_shares(&app.keys, &device.account, &records, now).await?;
    let units = app.store.mint_unit_shares(&app.keys, &units).await?;
    let (mut records, mut units) = (records.into_iter(), units.into_iter());
    let minted = body.shares.iter().map(|scope| match scope {
        ShareScope::Record { .. } => records.next(),
        ShareScope::Session { .. } => units.next(),
    });
    let shares = minted.collect::<Option<Vec<Share>>>().ok_or(ErrorCode::Internal)?;
    app.metrics.shares_minted.inc_by(u64::from(count));
    Ok(JsonAnswer(Minted { shares, upload: None }))
}

/// `PUT /v1/contents/{h0}`
pub(super) async fn put_content(
    State(app): State<Arc<App>>,
    sender: Sender,
    Path(h0): Path<Hash>,
    body: Body,
) -> Answer<StatusCode> {
    let now = app.clock.now();
    let limits = &app.settings.limits;
    let (account, by) = uploader(&app, &sender, &h0)?;
    if !app.store.is_reserved(&account, &h0, now).await? {
        return Err(ErrorCode::NotFound.into());
    }
    let most = match by {
        Uploader::Device => limits.content_bytes,
        Uploader::Writer => limits.content_bytes.min(limits.submission_bytes),
    };
    let most = sealed(padded(most));
    let incoming = Incoming::new(body, UploadLimits::new(most, limits, CancellationToken::new()))?;
    to_the_end(&app, async move |app| {
        let upload = app.store.begin_content(&account, &h0, by, now).await?;
        let outcome = async {
            let received = incoming.store(&upload.path).await?;
            app.store.finish_content(&upload, received.bytes, &received.root, &app.settings.limits).await
        }
        .await;
        if outcome.is_err() {
            app.store.abandon_content(&upload).await?;
        }
        outcome.map(|()| StatusCode::NO_CONTENT)
    })
    .await
}

/// Whose content the sender may upload: a device its account's, a writer the one version that its token names.
fn uploader(app: &App, sender: &Sender, h0: &Hash) -> Answer<(AccountId, Uploader)> {
    let token = match sender {
        Sender::Device(device) => return Ok((device.account, Uploader::Device)),
        Sender::Token(token) => token,
    };
    let upload = app.tickets.upload(token, app.clock.now()).filter(|upload| upload.h0 == *h0);
    upload.map(|upload| (upload.account, Uploader::Writer)).ok_or_else(|| ErrorCode::Unauthorised.into())
}

/// `GET /v1/contents/{h0}`
pub(super) async fn content(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(h0): Path<Hash>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (path, bytes) = app.store.published_content(&device.account, &h0).await?;
    send(&app, (&path, bytes), &headers, CancellationToken::new()).await
}

/// `POST /v1/records`
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    Device(device): Device,
    body: Body,
) -> Answer<(StatusCode, JsonAnswer<Published>)> {
    let bytes = collect(body, MAX_ENVELOPE).await?;
    let envelope = Envelope::parse(&bytes)?;
    if envelope.header.account != device.account || !envelope.writer.0.is_empty() {
        return Err(ErrorCode::NotFound.into());
    }
    envelope.verify(&device.signing, device.device.into()).map_err(|_| ErrorCode::Unauthorised)?;
    let seq = put(&app, Some(&device), &envelope, &bytes).await?;
    Ok((StatusCode::CREATED, JsonAnswer(Published { seq })))
}

/// Publishes under a share that was minted for exactly this version, and holds it while it does: for a device, or for a
/// writer.
async fn put(app: &App, by: Option<&SignedIn>, envelope: &Envelope, bytes: &[u8]) -> Answer<u64> {
    let state = if by.is_some() { RecordState::Version } else { RecordState::Pending };
    let header = &envelope.header;
    let now = app.clock.now();
    let scope = VersionScope { record: header.record, version: header.version, h0: header.h0() };
    if !app.store.hold_reservation(&header.account, &scope, envelope.kid, now).await? {
        return Err(ErrorCode::Conflict.into());
    }
    app.store.publish(by, envelope, bytes, state, &app.settings.limits, now).await
}

/// Query of a listing.
#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// `GET /v1/records?after=&limit=`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Query(listing): Query<Listing>,
) -> Answer<Response> {
    let limit = listing.limit.unwrap_or(app.settings.limits.page).min(app.settings.limits.page);
    let page = app.store.changes(&device.account, listing.after, limit).await?;
    Ok(cbor(encode(&page)))
}

/// `POST /v1/records/{record}/versions/{version}/share`
pub(super) async fn release(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path((record, version)): Path<(RecordId, u64)>,
) -> Answer<JsonAnswer<Share>> {
    let now = app.clock.now();
    app.rates.releases.admit(device.device, 1, now)?;
    let scope = app.store.log_release(&device, &record, version, now).await?;
    let share = app.store.record_share(&app.keys, &device.account, &scope).await?;
    app.metrics.shares_released.inc();
    Ok(JsonAnswer(share))
}

/// `DELETE /v1/records/{record}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Device(device): Device,
    Path(record): Path<RecordId>,
    Json(body): Json<SignedJson>,
) -> Answer<StatusCode> {
    let signed = Signed::from(body);
    let deletion: Deletion =
        signed.open(StatementKind::Deletion, &device.signing).map_err(|_| ErrorCode::Unauthorised)?;
    if deletion.suite != SUITE || deletion.account != device.account || deletion.record != record {
        return Err(ErrorCode::Malformed.into());
    }
    app.store.delete_record(&device, &deletion, &encode(&signed), app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/writes/shares`
pub(super) async fn writer_mint(
    State(app): State<Arc<App>>,
    From(address): From,
    Json(body): Json<SignedJson>,
) -> Answer<JsonAnswer<Minted>> {
    let now = app.clock.now();
    app.rates.submissions_by_address.admit(address, 1, now)?;
    app.rates.submissions_by_network.admit(address.network(), 1, now)?;
    let signed = Signed::from(body);
    let claimed: WriterMint = signed.peek()?;
    let mint: WriterMint =
        signed.open(StatementKind::WriterMint, &claimed.writer).map_err(|_| ErrorCode::Unauthorised)?;
    if mint.suite != SUITE || !is_recent(mint.at, now) {
        return Err(ErrorCode::Malformed.into());
    }
    let writer = writer_id(&mint.writer);
    app.rates.submissions.admit((writer, mint.account), 1, now)?;
    // Whether the account is there; also the answer when it is not.
    app.store.head(&mint.account).await?;
    let scope = VersionScope { record: mint.record, version: 1, h0: mint.h0 };
    let shares = app.store.mint_record_shares(&app.keys, &mint.account, &[scope], now).await?;
    let upload = WriterUpload { account: mint.account, writer, record: mint.record, h0: mint.h0 };
    let upload = app.tickets.admit_upload(upload, now)?;
    app.metrics.shares_minted.inc();
    Ok(JsonAnswer(Minted { shares, upload: Some(upload) }))
}

/// `POST /v1/writes`
pub(super) async fn submit(State(app): State<Arc<App>>, Bearer(token): Bearer, body: Body) -> Answer<StatusCode> {
    let upload = app.tickets.upload(&token, app.clock.now()).ok_or(ErrorCode::Unauthorised)?;
    let bytes = collect(body, MAX_ENVELOPE).await?;
    let envelope = Envelope::parse(&bytes)?;
    let writer = envelope.verify_writer().map_err(|_| ErrorCode::Unauthorised)?;
    let header = &envelope.header;
    let admitted = (header.account, writer, header.record, header.h0(), header.version)
        == (upload.account, upload.writer, upload.record, upload.h0, 1);
    if !admitted {
        return Err(ErrorCode::Unauthorised.into());
    }
    put(&app, None, &envelope, &bytes).await?;
    app.wake_others(&header.account, None);
    Ok(StatusCode::ACCEPTED)
}

/// A CBOR answer.
pub(super) fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, CBOR)], bytes).into_response()
}
