//! The way between the two ends of a linking: the server's mailbox, or a byte stream of their own.

use std::rc::Rc;

use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_core::Monotonic;
use glimpse_wire::pairing::Message;
use glimpse_wire::{ErrorCode, Hash, MailboxId, encode};

use super::{Command, Commands, Event};
use crate::api::{Api, bare};
use crate::chain::Cosigned;
use crate::error::DeviceError;
use crate::mailbox::{Link, News};
use crate::surroundings::Surroundings;
use crate::transport::{Method, Socket};

/// How often time is looked at, in milliseconds.
const TICK: u64 = 1_000;
/// How long the other end may take to hear the last word, in milliseconds.
const FAREWELL: u64 = 2_000;

/// One end.
pub(super) enum Line {
    /// Through the server.
    Mailbox {
        /// The mailbox's socket.
        link: Box<Link>,
        /// Which mailbox, and the token of the end that opened it: that end removes it.
        opened: Option<(MailboxId, Hash)>,
    },
    /// Straight.
    Stream {
        /// Frames, each a message.
        socket: Box<dyn Socket>,
        /// Whether the other end is gone.
        closed: bool,
    },
}

/// What comes next.
pub(super) enum Next {
    /// A message of the other end.
    Message(Vec<u8>),
    /// The person's words.
    Approved(String),
    /// A second device's signature.
    Second(Cosigned),
}

/// A line, and what surrounds it.
pub(super) struct Talk<'c> {
    pub(super) line: Line,
    pub(super) machine: Rc<dyn Surroundings>,
    pub(super) commands: &'c mut Commands,
    pub(super) events: &'c mut dyn FnMut(Event),
}

enum Happened {
    Command(Command),
    Message(Vec<u8>),
    News(News),
    Closed,
    Tick,
}

impl Talk<'_> {
    /// The next message of the other end.
    ///
    /// # Errors
    /// `late` at the deadline; [`ErrorCode::Declined`] when the person leaves; the reason of the mailbox.
    pub(super) async fn message(&mut self, deadline: Monotonic, late: ErrorCode) -> Result<Vec<u8>, DeviceError> {
        loop {
            // There is nothing to approve here.
            if let Next::Message(message) = self.next(deadline, late).await? {
                return Ok(message);
            }
        }
    }

    /// The next message of the other end, or the person's words.
    ///
    /// # Errors
    /// As [`Talk::message`].
    pub(super) async fn next(&mut self, deadline: Monotonic, late: ErrorCode) -> Result<Next, DeviceError> {
        loop {
            let left = self.machine.monotonic().until(deadline);
            if left == 0 {
                return Err(late.into());
            }
            match self.happens(left.min(TICK)).await {
                Happened::Command(Command::Approve { words }) => return Ok(Next::Approved(words)),
                Happened::Command(Command::Second(signed)) => return Ok(Next::Second(signed)),
                Happened::Command(Command::Cancel) => return Err(ErrorCode::Declined.into()),
                Happened::Message(message) | Happened::News(News::Message(message)) => {
                    return Ok(Next::Message(message));
                }
                Happened::News(News::Over(code)) => return Err(code.into()),
                Happened::News(News::Crowded) => (self.events)(Event::Crowded),
                Happened::News(News::Joined { .. }) => (self.events)(Event::Connection { up: true }),
                Happened::News(News::Lost) => (self.events)(Event::Connection { up: false }),
                Happened::News(News::Peer { .. } | News::Receipt(_)) => {}
                // A stream has no one who could keep messages for it.
                Happened::Closed => return Err(ErrorCode::PairingBroken.into()),
                Happened::Tick => {
                    if let Line::Mailbox { link, .. } = &mut self.line {
                        link.tick().await;
                    }
                }
            }
        }
    }

    async fn happens(&mut self, most: u64) -> Happened {
        let Self { line, machine, commands, .. } = self;
        match line {
            Line::Mailbox { link, .. } => {
                let raw = select_biased! {
                    command = commands.select_next_some() => return Happened::Command(command),
                    raw = link.wait().fuse() => raw,
                    () = machine.sleep(most).fuse() => return Happened::Tick,
                };
                link.take(raw).await.map_or(Happened::Tick, Happened::News)
            }
            Line::Stream { socket, closed } => select_biased! {
                command = commands.select_next_some() => Happened::Command(command),
                frame = socket.receive().fuse() => frame.map_or_else(|| {
                    *closed = true;
                    Happened::Closed
                }, Happened::Message),
                () = machine.sleep(most).fuse() => Happened::Tick,
            },
        }
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, message: Vec<u8>) {
        match &mut self.line {
            Line::Mailbox { link, .. } => link.send(message).await,
            // That it is gone is noticed where a message is waited for.
            Line::Stream { socket, closed } => *closed |= socket.send(message).await.is_err(),
        }
    }

    /// Waits until the other end's mailbox has every message, for a moment at most.
    pub(super) async fn farewell(&mut self) {
        let until = self.machine.monotonic().plus(FAREWELL);
        loop {
            let delivered = match &self.line {
                Line::Mailbox { link, .. } => link.is_delivered(),
                Line::Stream { .. } => true,
            };
            let left = self.machine.monotonic().until(until);
            if delivered || left == 0 {
                return;
            }
            if let Happened::News(News::Over(_)) = self.happens(left.min(TICK)).await {
                return;
            }
        }
    }

    /// Tells the other end why it is over, with the message that a state has for it, and removes the mailbox.
    pub(super) async fn abandon(&mut self, api: &Api, code: ErrorCode, last: Option<Vec<u8>>) {
        self.send(last.unwrap_or_else(|| encode(&Message::Abort { code }))).await;
        self.close(api).await;
    }

    /// It is done: the mailbox goes.
    pub(super) async fn close(&mut self, api: &Api) {
        self.farewell().await;
        if let Line::Mailbox { opened: Some((mailbox, token)), .. } = &self.line {
            // If this is lost, the server's clock removes it.
            let _gone = api.call(bare(Method::Delete, format!("/v1/mailboxes/{mailbox}")).by(*token)).await;
        }
    }
}
