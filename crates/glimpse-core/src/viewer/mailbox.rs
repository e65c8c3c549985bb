//! The viewer's end of a mailbox: joins, resends what the server lacks, takes each message once, reconnects.

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_FRAME, MAX_MAILBOX_MESSAGES};
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::{ErrorCode, Hash, MailboxId, decode, encode};

use super::{Input, Outbox, Output};
use crate::Monotonic;

/// The first wait before a reconnect; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: u64 = 250;
const LONGEST_WAIT: u64 = 5_000;
/// How often a quiet connection is tried.
const PING_EVERY: u64 = 20_000;

/// What a frame brought.
pub(super) enum Received {
    Nothing,
    /// The peer came or went, or the connection did.
    Changed,
    Message(Vec<u8>),
    Over(ErrorCode),
}

pub(super) struct Mailbox {
    path: String,
    token: Hash,
    /// Messages of ours that the server may lack, by number from `first_kept`.
    kept: Vec<Vec<u8>>,
    first_kept: u64,
    received: u64,
    joined: bool,
    peer: bool,
    wait: u64,
    reconnect_at: Option<Monotonic>,
    ping_at: Monotonic,
}

impl Mailbox {
    pub(super) fn new(mailbox: MailboxId, token: Hash, outbox: &mut Outbox) -> Self {
        let path = format!("/v1/mailboxes/{mailbox}/socket");
        outbox.push(Output::SocketOpen { path: path.clone() });
        Self {
            path,
            token,
            kept: Vec::new(),
            first_kept: 0,
            received: 0,
            joined: false,
            peer: true,
            wait: FIRST_WAIT,
            reconnect_at: None,
            ping_at: Monotonic(0),
        }
    }

    pub(super) const fn peer_present(&self) -> bool {
        self.peer
    }

    pub(super) const fn connected(&self) -> bool {
        self.joined
    }

    /// Sends a message now, or once the server is there again; the same bytes each time.
    pub(super) fn send(&mut self, body: Vec<u8>, outbox: &mut Outbox) {
        let seq = self.first_kept.saturating_add(length(&self.kept));
        if self.joined {
            push_message(seq, &body, outbox);
        }
        self.kept.push(body);
    }

    pub(super) fn handle(&mut self, input: &Input, now: Monotonic, outbox: &mut Outbox) -> Received {
        match input {
            Input::SocketOpened => {
                self.ping_at = now.plus(PING_EVERY);
                outbox.push(Output::SocketSend(encode(&ToServer::Join { token: self.token, received: self.received })));
                Received::Nothing
            }
            Input::SocketClosed => {
                self.joined = false;
                self.reconnect_at = Some(now.plus(self.wait));
                self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
                Received::Changed
            }
            Input::SocketBytes(bytes) => self.frame(bytes, outbox),
            Input::Tick => {
                if self.reconnect_at.is_some_and(|at| now >= at) {
                    self.reconnect_at = None;
                    outbox.push(Output::SocketOpen { path: self.path.clone() });
                } else if self.joined && now >= self.ping_at {
                    self.ping_at = now.plus(PING_EVERY);
                    outbox.push(Output::SocketSend(encode(&ToServer::Ping)));
                }
                Received::Nothing
            }
            Input::Code(_)
            | Input::HttpDone { .. }
            | Input::HttpFailed { .. }
            | Input::Touched
            | Input::Open(_)
            | Input::Close(_)
            | Input::AskTime(_)
            | Input::AskRecord(_)
            | Input::Signed(_)
            | Input::End => Received::Nothing,
        }
    }

    fn frame(&mut self, bytes: &[u8], outbox: &mut Outbox) -> Received {
        let Ok(frame) = decode::<ToEnd>(bytes, MAX_FRAME) else {
            return Received::Over(ErrorCode::Malformed);
        };
        match frame {
            ToEnd::Joined { sent, peer, now: _ } => {
                self.joined = true;
                self.peer = peer;
                self.wait = FIRST_WAIT;
                self.forget(sent);
                for (seq, body) in (self.first_kept..).zip(&self.kept) {
                    push_message(seq, body, outbox);
                }
                Received::Changed
            }
            ToEnd::Deliver { seq, body } if seq == self.received => {
                self.received = self.received.saturating_add(1);
                outbox.push(Output::SocketSend(encode(&ToServer::Taken { received: self.received })));
                Received::Message(body.0)
            }
            // A number that was taken before is a resend; one that skips is a fault of the server.
            ToEnd::Deliver { seq, .. } if seq < self.received => Received::Nothing,
            ToEnd::Deliver { .. } => Received::Over(ErrorCode::ChannelBroken),
            ToEnd::Stored { sent } => {
                self.forget(sent);
                Received::Nothing
            }
            ToEnd::Peer { present } => {
                self.peer = present;
                Received::Changed
            }
            ToEnd::Over { code } => Received::Over(code),
            ToEnd::Receipt { .. } | ToEnd::Pong | ToEnd::Crowded => Received::Nothing,
        }
    }

    /// Forgets messages that the server holds.
    fn forget(&mut self, sent: u64) {
        let done = sent.saturating_sub(self.first_kept);
        let done = usize::try_from(done).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..done);
        self.first_kept = self.first_kept.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// Whether more messages wait for the server than it would hold.
    pub(super) const fn is_overfull(&self) -> bool {
        self.kept.len() > MAX_MAILBOX_MESSAGES
    }
}

fn length(kept: &[Vec<u8>]) -> u64 {
    u64::try_from(kept.len()).unwrap_or(u64::MAX)
}

fn push_message(seq: u64, body: &[u8], outbox: &mut Outbox) {
    outbox.push(Output::SocketSend(encode(&ToServer::Send { seq, body: Bytes(body.to_vec()) })));
}
