//! One end of a mailbox: one socket after the other, the same bytes again after each break, each message of
//! the other end taken once.

use std::collections::VecDeque;
use std::rc::Rc;

use futures_util::future::{Either, select};
use glimpse_core::Monotonic;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_FRAME, MAX_MESSAGE};
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::Message;
use glimpse_wire::{ErrorCode, Hash, MailboxId, decode, encode};

use crate::Local;
use crate::surroundings::Surroundings;
use crate::transport::{Socket, Transport, Unreachable};

/// The first wait before a reconnect, in milliseconds; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: u64 = 200;
const LONGEST_WAIT: u64 = 5_000;
/// How often a quiet connection is tried.
const PING_EVERY: u64 = 20_000;
/// Silence after which a connection counts as gone.
const GONE: u64 = 60_000;
/// How long a frame may take to leave.
const WRITE: u64 = 20_000;

/// What came in before it was looked at. Waiting for it can be broken off without loss.
pub(crate) enum Raw {
    /// The connection was found to be gone, by whatever looked last.
    Lost,
    Connected(Result<Box<dyn Socket>, Unreachable>),
    Frame(Option<Vec<u8>>),
}

/// What it meant.
#[derive(Debug)]
pub(crate) enum News {
    /// The server is there, and whether the other end is.
    Joined { peer: bool },
    /// The connection is gone; another is being made.
    Lost,
    /// A message of the other end.
    Message(Vec<u8>),
    /// The other end came or went.
    Peer { present: bool },
    /// A receipt was written.
    Receipt(Bytes),
    /// Somebody else tried the code, and was refused.
    Crowded,
    /// The mailbox is over.
    Over(ErrorCode),
}

enum Connection {
    Opening(Local<'static, Result<Box<dyn Socket>, Unreachable>>),
    Open { socket: Box<dyn Socket>, joined: bool },
}

/// One end.
pub(crate) struct Link {
    transport: Rc<dyn Transport>,
    machine: Rc<dyn Surroundings>,
    path: String,
    token: Hash,
    connection: Connection,
    /// That it was lost has not been told yet.
    lost: bool,
    /// Messages of ours that the server may lack, by number from `first_kept`.
    kept: VecDeque<Vec<u8>>,
    first_kept: u64,
    received: u64,
    wait: u64,
    heard: Monotonic,
    pinged: Monotonic,
}

impl Link {
    pub(crate) fn new(
        transport: Rc<dyn Transport>,
        machine: Rc<dyn Surroundings>,
        mailbox: MailboxId,
        token: Hash,
    ) -> Self {
        let path = format!("/v1/mailboxes/{mailbox}/socket");
        let now = machine.monotonic();
        let connection = opening(&transport, &machine, &path, 0);
        Self {
            transport,
            machine,
            path,
            token,
            connection,
            lost: false,
            kept: VecDeque::new(),
            first_kept: 0,
            received: 0,
            wait: FIRST_WAIT,
            heard: now,
            pinged: now,
        }
    }

    /// The next thing to look at. Dropping the future loses nothing.
    pub(crate) async fn wait(&mut self) -> Raw {
        if self.lost {
            return Raw::Lost;
        }
        match &mut self.connection {
            Connection::Opening(opening) => Raw::Connected(opening.as_mut().await),
            Connection::Open { socket, .. } => Raw::Frame(socket.receive().await),
        }
    }

    /// Looks at what came, and answers the server.
    pub(crate) async fn take(&mut self, raw: Raw) -> Option<News> {
        self.heard = self.machine.monotonic();
        match raw {
            Raw::Lost => {
                self.lost = false;
                Some(News::Lost)
            }
            Raw::Connected(Ok(socket)) => {
                self.pinged = self.heard;
                self.connection = Connection::Open { socket, joined: false };
                self.put(&ToServer::Join { token: self.token, received: self.received }).await;
                None
            }
            Raw::Connected(Err(Unreachable)) => {
                self.reconnect();
                None
            }
            Raw::Frame(None) => {
                self.lose();
                None
            }
            Raw::Frame(Some(frame)) => match decode(&frame, MAX_FRAME) {
                Ok(frame) => self.frame(frame).await,
                Err(_) => Some(News::Over(ErrorCode::Malformed)),
            },
        }
    }

    async fn frame(&mut self, frame: ToEnd) -> Option<News> {
        match frame {
            ToEnd::Joined { sent, peer, now: _ } => {
                self.wait = FIRST_WAIT;
                self.forget(sent);
                if let Connection::Open { joined, .. } = &mut self.connection {
                    *joined = true;
                }
                let again: Vec<ToServer> = (self.first_kept..)
                    .zip(&self.kept)
                    .map(|(seq, body)| ToServer::Send { seq, body: Bytes(body.clone()) })
                    .collect();
                for message in again {
                    // What is lost here is sent again after the next join.
                    if !self.put(&message).await {
                        return None;
                    }
                }
                Some(News::Joined { peer })
            }
            ToEnd::Deliver { seq, body } if seq == self.received => {
                self.received = self.received.saturating_add(1);
                // If this does not arrive, the server delivers again and the number tells.
                self.put(&ToServer::Taken { received: self.received }).await;
                Some(News::Message(body.0))
            }
            ToEnd::Deliver { seq, .. } if seq < self.received => None,
            ToEnd::Deliver { .. } => Some(News::Over(ErrorCode::ChannelBroken)),
            ToEnd::Stored { sent } => {
                self.forget(sent);
                None
            }
            ToEnd::Peer { present } => Some(News::Peer { present }),
            ToEnd::Receipt { receipt } => Some(News::Receipt(receipt)),
            // More waits for the viewer than the server holds for it: what it lacks is sent again a little later.
            ToEnd::Over { code: ErrorCode::Busy } => {
                self.lose();
                None
            }
            ToEnd::Over { code } => Some(News::Over(code)),
            ToEnd::Pong => None,
            ToEnd::Crowded => Some(News::Crowded),
        }
    }

    /// Sends a message now, or once the server is there again; the same bytes each time.
    pub(crate) async fn send(&mut self, body: Vec<u8>) {
        let seq = self.first_kept.saturating_add(length(&self.kept));
        self.kept.push_back(body.clone());
        if self.is_joined() {
            // What is lost here is sent again after the next join.
            self.put(&ToServer::Send { seq, body: Bytes(body) }).await;
        }
    }

    /// Whether the server is there, as far as is known.
    pub(crate) fn is_joined(&self) -> bool {
        matches!(self.connection, Connection::Open { joined: true, .. })
    }

    /// Whether the server holds every message.
    pub(crate) fn is_delivered(&self) -> bool {
        self.kept.is_empty()
    }

    /// How long [`Link::tick`] has nothing to do, in milliseconds.
    pub(crate) fn quiet(&self) -> u64 {
        if !matches!(self.connection, Connection::Open { .. }) {
            return PING_EVERY;
        }
        let now = self.machine.monotonic();
        now.until(self.pinged.plus(PING_EVERY)).min(now.until(self.heard.plus(GONE)))
    }

    /// Time passed: tries a connection that is quiet, gives up one that is dead.
    pub(crate) async fn tick(&mut self) {
        let now = self.machine.monotonic();
        if !matches!(self.connection, Connection::Open { .. }) {
            return;
        }
        if self.heard.until(now) >= GONE {
            self.lose();
        } else if self.pinged.until(now) >= PING_EVERY {
            self.pinged = now;
            self.put(&ToServer::Ping).await;
        }
    }

    /// Says whether the frame went out.
    async fn put(&mut self, frame: &ToServer) -> bool {
        let Connection::Open { socket, .. } = &mut self.connection else { return false };
        let sent = match select(socket.send(encode(frame)), self.machine.sleep(WRITE)).await {
            Either::Left((sent, _)) => sent.is_ok(),
            Either::Right(((), _)) => false,
        };
        if !sent {
            self.lose();
        }
        sent
    }

    /// The connection is gone. Whoever finds it out, [`Link::wait`] is what tells.
    fn lose(&mut self) {
        self.lost = true;
        self.reconnect();
    }

    fn reconnect(&mut self) {
        self.connection = opening(&self.transport, &self.machine, &self.path, self.wait);
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
    }

    fn forget(&mut self, sent: u64) {
        let done = usize::try_from(sent.saturating_sub(self.first_kept)).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..done);
        self.first_kept = self.first_kept.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
    }
}

/// What a message of the pairing means that nobody waits for: the other end's reason if it is one.
pub(crate) fn reason_of(message: &[u8]) -> Option<ErrorCode> {
    match decode(message, MAX_MESSAGE) {
        Ok(Message::Abort { code }) => Some(code),
        Ok(
            Message::Hello { .. }
            | Message::Answer { .. }
            | Message::ConfirmA { .. }
            | Message::ConfirmB { .. }
            | Message::Grant(_)
            | Message::Live { .. },
        )
        | Err(_) => None,
    }
}

fn length(kept: &VecDeque<Vec<u8>>) -> u64 {
    u64::try_from(kept.len()).unwrap_or(u64::MAX)
}

fn opening(transport: &Rc<dyn Transport>, machine: &Rc<dyn Surroundings>, path: &str, wait: u64) -> Connection {
    let (transport, machine, path) = (Rc::clone(transport), Rc::clone(machine), path.to_owned());
    Connection::Opening(Box::pin(async move {
        if wait > 0 {
            machine.sleep(wait).await;
        }
        transport.connect(&path).await
    }))
}
