//! The messages inside the frames of a mailbox's socket, taken out and put in.

use glimpse_wire::ids::Bytes;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::Message;
use glimpse_wire::{decode, encode};

use crate::proxy::{Seen, SocketId};

/// The longest frame that is looked into.
const LONGEST: usize = 1024 * 1024;

/// The message that a frame brings to an end, and its number.
#[must_use]
pub fn delivered(frame: &[u8]) -> Option<(u64, Message)> {
    let Ok(ToEnd::Deliver { seq, body }) = decode::<ToEnd>(frame, LONGEST) else { return None };
    Some((seq, decode(body.as_slice(), LONGEST).ok()?))
}

/// The frame that brings a message to an end.
#[must_use]
pub fn deliver(seq: u64, message: &Message) -> Vec<u8> {
    encode(&ToEnd::Deliver { seq, body: Bytes(encode(message)) })
}

/// The message that an end sends in a frame, and its number.
#[must_use]
pub fn sent(frame: &[u8]) -> Option<(u64, Message)> {
    let Ok(ToServer::Send { seq, body }) = decode::<ToServer>(frame, LONGEST) else { return None };
    Some((seq, decode(body.as_slice(), LONGEST).ok()?))
}

/// Does this frame only say what was received? Without it a server keeps what it has.
#[must_use]
pub fn is_taken(frame: &[u8]) -> bool {
    matches!(decode::<ToServer>(frame, LONGEST), Ok(ToServer::Taken { .. }))
}

/// Names of the messages that ends sent from an entry of the log on, by socket.
#[must_use]
pub fn sent_since(seen: &[Seen], from: usize) -> Vec<(SocketId, &'static str)> {
    let sent_by = |each: &Seen| match each {
        Seen::ToServer(socket, frame) => Some((*socket, name(&sent(frame)?.1))),
        Seen::Http(..) | Seen::Opened(..) | Seen::ToEnd(..) => None,
    };
    seen.iter().skip(from).filter_map(sent_by).collect()
}

/// What a message is called in the protocol.
#[must_use]
pub const fn name(message: &Message) -> &'static str {
    match message {
        Message::Hello { .. } => "Hello",
        Message::Answer { .. } => "Answer",
        Message::ConfirmA { .. } => "ConfirmA",
        Message::ConfirmB { .. } => "ConfirmB",
        Message::Grant(_) => "Grant",
        Message::Live { .. } => "Live",
        Message::Abort { .. } => "Abort",
    }
}
