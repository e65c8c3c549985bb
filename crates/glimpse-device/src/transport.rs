//! How a device reaches the server. Implementations carry bytes and judge nothing.

use core::fmt;
use core::pin::Pin;

use futures_channel::mpsc;
use futures_util::Stream;
use glimpse_wire::Hash;

use crate::Local;

/// The server could not be reached, or the connection broke. Says no more: what the network did is not to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server cannot be reached")]
pub struct Unreachable;

/// The methods that the interface uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Adds.
    Post,
    /// Stores under a name that the device chose.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// By what a request shows who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token that the server gave.
    Token(Hash),
    /// The device's own signature over the request, which [`crate::api::Api`] makes as it sends.
    Own,
}

impl From<Hash> for Credential {
    fn from(token: Hash) -> Self {
        Self::Token(token)
    }
}

/// A request to the server that the transport was made for.
#[derive(Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Path and query, from the first slash.
    pub path: String,
    /// Who sends it; a token goes out as `Authorization: Bearer <base64url>`.
    pub credential: Option<Credential>,
    /// Goes out as `Authorization: Signed <this>`, in place of a token.
    pub proof: Option<String>,
    /// The media type of the body.
    pub content_type: Option<&'static str>,
    /// First byte wanted of the content, and the last; everything when absent.
    pub range: Option<(u64, Option<u64>)>,
    /// The body.
    pub body: Body,
}

/// The body of a request.
pub enum Body {
    /// None.
    Empty,
    /// All of it.
    Bytes(Vec<u8>),
    /// As it is made. An error in it breaks the request off.
    Chunks {
        /// Bytes in all.
        length: u64,
        /// Where they come from.
        chunks: mpsc::Receiver<Result<Vec<u8>, Unreachable>>,
    },
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Chunks { length, .. } => write!(f, "Chunks({length})"),
        }
    }
}

/// The body of an answer, as it arrives.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Unreachable>>>>;

/// An answer.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Seconds after which trying again makes sense: `Retry-After`.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: BodyStream,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status)
    }
}

/// The way to one server.
pub trait Transport {
    /// The server's origin, such as `https://glimpse.example`.
    fn origin(&self) -> &str;

    /// Sends a request; the answer's body may still be on its way.
    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>>;

    /// Opens a WebSocket.
    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>>;
}

/// An open WebSocket of binary frames.
pub trait Socket {
    /// Sends one frame.
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>>;

    /// The next frame; nothing once the socket is closed. Dropping the future loses no frame.
    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>>;
}
