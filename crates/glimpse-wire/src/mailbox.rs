//! Frames on the WebSocket of a mailbox (protocol section 8.3).

use minicbor::{Decode, Encode};

use crate::error::ErrorCode;
use crate::ids::{Bytes, Hash, UnixMillis};

/// From an end to the server.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum ToServer {
    /// The first frame on every connection.
    #[n(1)]
    Join {
        /// This end's token: the device's or the viewer's.
        #[n(0)]
        token: Hash,
        /// How many messages of the other end this end has taken; the server resends those after.
        #[n(1)]
        received: u64,
    },
    /// A message for the other end.
    #[n(2)]
    Send {
        /// Rises by one from 0 for each message of this end. A number that the server has is ignored, so resending
        /// after a reconnect is safe; one that skips is an error.
        #[n(0)]
        seq: u64,
        /// A [`crate::pairing::Message`].
        #[n(1)]
        body: Bytes,
    },
    /// This end has taken so many messages of the other; the server forgets them.
    #[n(3)]
    Taken {
        /// How many.
        #[n(0)]
        received: u64,
    },
    /// Keeps the connection open.
    #[n(4)]
    Ping,
}

/// From the server to an end.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum ToEnd {
    /// Answers [`ToServer::Join`].
    #[n(1)]
    Joined {
        /// The server's clock.
        #[n(0)]
        now: UnixMillis,
        /// How many messages of this end the server has.
        #[n(1)]
        sent: u64,
        /// Whether the other end is connected.
        #[n(2)]
        peer: bool,
    },
    /// A message of the other end.
    #[n(2)]
    Deliver {
        /// Its number.
        #[n(0)]
        seq: u64,
        /// A [`crate::pairing::Message`].
        #[n(1)]
        body: Bytes,
    },
    /// The server holds this many messages of this end.
    #[n(3)]
    Stored {
        /// How many.
        #[n(0)]
        sent: u64,
    },
    /// The other end came or went.
    #[n(4)]
    Peer {
        /// Whether it is there.
        #[n(0)]
        present: bool,
    },
    /// To the device: a receipt was written.
    #[n(5)]
    Receipt {
        /// A [`crate::session::Receipt`].
        #[n(0)]
        receipt: Bytes,
    },
    /// The mailbox or its session is over; the server closes the socket after this.
    #[n(6)]
    Over {
        /// Why.
        #[n(0)]
        code: ErrorCode,
    },
    /// Answers [`ToServer::Ping`].
    #[n(7)]
    Pong,
    /// To the device: somebody tried this code after it was claimed, and was refused. May come again after a reconnect.
    #[n(8)]
    Crowded,
}
