//! Frames on the WebSocket of a mailbox (protocol section 8.3).

use crate::codec::choice;
use crate::error::ErrorCode;
use crate::ids::{Bytes, Hash, UnixMillis};

/// From an end to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer {
    /// The first frame on every connection.
    Join {
        /// This end's token: the device's or the viewer's.
        token: Hash,
        /// How many messages of the other end this end has taken; the server resends those after.
        received: u64,
    },
    /// A message for the other end.
    Send {
        /// Rises by one from 0 for each message of this end. A number that the server has is ignored, so resending
        /// after a reconnect is safe; one that skips is an error.
        seq: u64,
        /// A [`crate::pairing::Message`].
        body: Bytes,
    },
    /// This end has taken so many messages of the other; the server forgets them.
    Taken {
        /// How many.
        received: u64,
    },
    /// Keeps the connection open.
    Ping,
}

choice!(ToServer {
    1 => Join { token, received },
    2 => Send { seq, body },
    3 => Taken { received },
    4 => Ping {},
});

/// From the server to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToEnd {
    /// Answers [`ToServer::Join`].
    Joined {
        /// The server's clock.
        now: UnixMillis,
        /// How many messages of this end the server has.
        sent: u64,
        /// Whether the other end is connected.
        peer: bool,
    },
    /// A message of the other end.
    Deliver {
        /// Its number.
        seq: u64,
        /// A [`crate::pairing::Message`].
        body: Bytes,
    },
    /// The server holds this many messages of this end.
    Stored {
        /// How many.
        sent: u64,
    },
    /// The other end came or went.
    Peer {
        /// Whether it is there.
        present: bool,
    },
    /// To the device: a receipt was written.
    Receipt {
        /// A [`crate::session::Receipt`].
        receipt: Bytes,
    },
    /// The mailbox or its session is over; the server closes the socket after this.
    Over {
        /// Why.
        code: ErrorCode,
    },
    /// Answers [`ToServer::Ping`].
    Pong,
    /// To the device: somebody tried this code after it was claimed, and was refused. May come again after a reconnect.
    Crowded,
}

choice!(ToEnd {
    1 => Joined { now, sent, peer },
    2 => Deliver { seq, body },
    3 => Stored { sent },
    4 => Peer { present },
    5 => Receipt { receipt },
    6 => Over { code },
    7 => Pong {},
    8 => Crowded {},
});
