//! Mailboxes and their sockets.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json as JsonAnswer;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt;
use glimpse_wire::api::{Claim, Claimed, Mailbox, OpenMailbox};
use glimpse_wire::limits::{MAX_FRAME, MAX_OFFER};
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, MailboxId, Malformed, decode, encode};
use tokio::time::{Instant, timeout, timeout_at};

use super::agents::Agent;
use super::auth::{Bearer, Device, From};
use super::extract::{Json, Path, collect};
use crate::app::App;
use crate::listen::Room;
use crate::mailbox::{Connection, Next, Owner};
use crate::problem::{Answer, Problem};

/// How long a connection may take to say who it is.
const JOIN: Duration = Duration::from_secs(10);
/// How often the server pings a connection that is silent.
const PING: Duration = Duration::from_secs(25);
/// Silence after which a connection counts as gone.
const GONE: Duration = Duration::from_secs(70);
/// How long a frame may take to leave.
const WRITE: Duration = Duration::from_secs(20);
/// What one frame costs its sender, who may run up a bill before it is waited for: a flood is read slowly, and nothing is lost.
const FRAME: Duration = Duration::from_millis(10);
/// That bill: two thousand frames, far more than a reconnect resends.
const FRAMES: Duration = Duration::from_secs(20);
/// Buffers of a socket: its messages are small, and thousands of sockets live at one time.
const BUFFER: usize = 4 * 1024;
/// WebSocket close codes (RFC 6455 section 7.4.1).
const CLOSE_NORMAL: u16 = 1000;
const CLOSE_AWAY: u16 = 1001;

/// `POST /v1/mailboxes`
pub(super) async fn open(
    State(app): State<Arc<App>>,
    device: Option<Device>,
    From(address): From,
    Json(body): Json<OpenMailbox>,
) -> Answer<(StatusCode, JsonAnswer<Mailbox>)> {
    let now = app.clock.now();
    let purpose = Purpose::from(body.purpose);
    let owner = match &device {
        Some(Device(device)) => {
            app.rates.mailboxes.admit(device.account, 1, now)?;
            Owner::Device { account: device.account, device: device.device }
        }
        // A device that is to be linked is nobody's yet.
        None if purpose == Purpose::Link => {
            app.rates.link_mailboxes.admit(address, 1, now)?;
            app.rates.link_mailboxes_by_network.admit(address.network(), 1, now)?;
            Owner::Address(address)
        }
        None => return Err(ErrorCode::Unauthorised.into()),
    };
    let opened = app.mailboxes.open(owner, purpose, &app.settings.limits, now)?;
    if let Some(Device(device)) = &device
        && app.store.device_key(&device.account, &device.device).await?.is_none()
    {
        // Taken out since it was let in, and its mailboxes may have been ended before there was this one.
        app.mailboxes.finish(&opened.mailbox, ErrorCode::SessionRevoked, now);
        return Err(ErrorCode::DeviceRevoked.into());
    }
    let mailbox = Mailbox {
        mailbox: opened.mailbox,
        nameplate: opened.nameplate,
        server_nonce: opened.server_nonce,
        now,
        expires: opened.expires,
        token: opened.token,
    };
    Ok((StatusCode::CREATED, JsonAnswer(mailbox)))
}

/// `PUT /v1/mailboxes/{mailbox}/offer`
pub(super) async fn put_offer(
    State(app): State<Arc<App>>,
    Bearer(token): Bearer,
    Path(mailbox): Path<MailboxId>,
    body: Body,
) -> Answer<StatusCode> {
    // Whose mailbox it is comes first: nobody else's bytes are taken.
    app.mailboxes.check_device(&mailbox, &token, app.clock.now())?;
    let offer = collect(body, MAX_OFFER).await?;
    app.mailboxes.put_offer(&mailbox, &token, offer.to_vec().into(), app.clock.now())?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/mailboxes/{mailbox}`
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Bearer(token): Bearer,
    Path(mailbox): Path<MailboxId>,
) -> Answer<StatusCode> {
    app.mailboxes.cancel(&mailbox, &token, app.clock.now())?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/claims`
pub(super) async fn claim(
    State(app): State<Arc<App>>,
    From(address): From,
    agent: Result<Agent, Problem>,
    Json(body): Json<Claim>,
) -> Answer<JsonAnswer<Claimed>> {
    let now = app.clock.now();
    app.rates.claims.admit(address, 1, now)?;
    app.rates.claims_by_network.admit(address.network(), 1, now)?;
    let purpose = Purpose::from(body.purpose);
    // Whoever claims for another purpose is nobody in particular, whatever the request presents.
    let agent = if purpose == Purpose::Agent { Some(agent?.agent) } else { None };
    let claimed = app.mailboxes.claim(&body.nameplate, purpose, agent, now)?;
    Ok(JsonAnswer(Claimed { mailbox: claimed.mailbox, token: claimed.token, offer: claimed.offer, now }))
}

/// `GET /v1/mailboxes/{mailbox}/socket`
pub(super) async fn socket(
    State(app): State<Arc<App>>,
    Extension(room): Extension<Room>,
    Path(mailbox): Path<MailboxId>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade.map_err(|_| Problem::new(ErrorCode::Malformed))?;
    // Taken here and not in the task, so that a drain waits for every socket that was promised.
    let token = app.tasks.token();
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_FRAME)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME);
    Ok(upgrade.on_upgrade(async move |socket| {
        app.metrics.sockets.inc();
        serve(&app, &mailbox, socket).await;
        app.metrics.sockets.dec();
        drop((token, room));
    }))
}

/// Why a socket closes.
enum End {
    /// The other side is gone, or its connection is.
    Gone,
    /// The server is stopping.
    Away,
    /// Both sides know why.
    Told(ErrorCode),
}

async fn serve(app: &App, mailbox: &MailboxId, mut socket: WebSocket) {
    let end = match join(app, mailbox, &mut socket).await {
        Ok(connection) => {
            let end = pump(app, &connection, &mut socket).await;
            app.mailboxes.leave(&connection, app.clock.now());
            end
        }
        Err(end) => end,
    };
    let code = match end {
        End::Gone => return,
        End::Away => CLOSE_AWAY,
        End::Told(code) => {
            if write(&mut socket, &ToEnd::Over { code }).await.is_err() {
                return;
            }
            CLOSE_NORMAL
        }
    };
    let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
    // The peer may be gone by itself, which is as good.
    let _ = timeout(WRITE, socket.send(close)).await;
}

/// The first frame says who connects; nothing is sent before.
async fn join(app: &App, mailbox: &MailboxId, socket: &mut WebSocket) -> Result<Connection, End> {
    let deadline = Instant::now() + JOIN;
    loop {
        let message = tokio::select! {
            () = app.stop.cancelled() => return Err(End::Away),
            message = timeout_at(deadline, socket.next()) => message,
        };
        match message {
            Ok(Some(Ok(Message::Binary(bytes)))) => {
                let frame = decode(&bytes, MAX_FRAME).map_err(|_| End::Told(ErrorCode::Malformed))?;
                return app.mailboxes.join(mailbox, &frame, app.clock.now()).map_err(End::Told);
            }
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Text(_)))) => return Err(End::Told(ErrorCode::Malformed)),
            Ok(None | Some(Err(_) | Ok(Message::Close(_)))) | Err(_) => return Err(End::Gone),
        }
    }
}

/// Carries frames until somebody goes or the mailbox is over.
async fn pump(app: &App, connection: &Connection, socket: &mut WebSocket) -> End {
    let mut heard = Instant::now();
    let mut bill = heard;
    loop {
        loop {
            match app.mailboxes.next(connection) {
                Next::Send(frame) => {
                    if write(socket, &frame).await.is_err() {
                        return End::Gone;
                    }
                }
                Next::Wait => break,
                Next::Over(code) => return End::Told(code),
                Next::Replaced => return End::Gone,
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => return End::Away,
            () = connection.wake.notified() => {}
            message = paced(bill, socket) => match message {
                Ok(Some(Ok(message))) => {
                    heard = Instant::now();
                    bill = bill.max(heard) + FRAME;
                    if let Some(end) = receive(app, connection, message) {
                        return end;
                    }
                }
                Ok(None | Some(Err(_))) => return End::Gone,
                Err(_) if heard.elapsed() > GONE => return End::Gone,
                Err(_) => {
                    if !matches!(timeout(WRITE, socket.send(Message::Ping(bytes::Bytes::new()))).await, Ok(Ok(()))) {
                        return End::Gone;
                    }
                }
            },
        }
    }
}

/// The next message, once its sender has paid enough of its bill. Dropping the future loses nothing.
async fn paced(
    bill: Instant,
    socket: &mut WebSocket,
) -> Result<Option<Result<Message, axum::Error>>, tokio::time::error::Elapsed> {
    if let Some(from) = bill.checked_sub(FRAMES) {
        tokio::time::sleep_until(from).await;
    }
    timeout(PING, socket.next()).await
}

/// Takes one message; says why the socket closes, if it does.
fn receive(app: &App, connection: &Connection, message: Message) -> Option<End> {
    let frame = match message {
        Message::Binary(bytes) => decode::<ToServer>(&bytes, MAX_FRAME),
        Message::Ping(_) | Message::Pong(_) => return None,
        Message::Text(_) => Err(Malformed),
        Message::Close(_) => return Some(End::Gone),
    };
    let now = app.clock.now();
    match app.mailboxes.frame(connection, frame, now) {
        Ok(session) => {
            if let Some(session) = session {
                app.lives.touch(&session, now);
            }
            None
        }
        Err(code) => Some(End::Told(code)),
    }
}

async fn write(socket: &mut WebSocket, frame: &ToEnd) -> Result<(), ()> {
    match timeout(WRITE, socket.send(Message::Binary(encode(frame).into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}
