//! What the two ends say to one another.

use glimpse_wire::api::{CBOR, OCTETS};
use glimpse_wire::ids::Bytes;
use glimpse_wire::{Hash, Malformed, decode, encode};
use minicbor::{Decode, Encode};

use crate::api::JSON;
use crate::transport::{Body, Credential, Method, Request};

/// The longest piece of a body or of a frame, in bytes.
pub(super) const PIECE: usize = 8 * 1024;
/// Exchanges that are under way at one time: with a piece of each on the way, no stream between two programs is full.
pub(super) const EXCHANGES: usize = 16;
/// A message, in bytes: a piece, or a request with its signature.
const MAX: usize = 2 * PIECE;
/// Bytes of a body that is put together before it goes out.
pub(super) const WHOLE: u64 = 256 * 1024;
/// What a device may ask for; nothing else at the server, such as its pages, is carried.
const PREFIX: &str = "/v1/";

/// One message. The first number is that of the exchange, which the watch chose.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Message {
    /// The watch sends a request; its body follows.
    #[n(0)]
    Ask(#[n(0)] u32, #[n(1)] Asked),
    /// The watch opens a WebSocket at a path.
    #[n(1)]
    Connect(#[n(0)] u32, #[n(1)] String),
    /// The answer begins: its status, and after how many seconds to try again. Of a WebSocket: it is open.
    #[n(2)]
    Head(#[n(0)] u32, #[n(1)] u16, #[n(2)] Option<u64>),
    /// A piece of a body, or of a frame, which is whole with it or not.
    #[n(3)]
    Piece(#[n(0)] u32, #[n(1)] Bytes, #[n(2)] bool),
    /// The piece was taken: the next may come.
    #[n(4)]
    Took(#[n(0)] u32),
    /// The body is over.
    #[n(5)]
    End(#[n(0)] u32),
    /// The exchange is over, whole or not.
    #[n(6)]
    Broken(#[n(0)] u32),
    /// Are you there?
    #[n(7)]
    Ping,
    /// Here.
    #[n(8)]
    Pong,
}

/// A request without its body.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Asked {
    #[n(0)]
    method: u8,
    #[n(1)]
    path: String,
    #[n(2)]
    token: Option<Hash>,
    #[n(3)]
    proof: Option<String>,
    #[n(4)]
    content_type: u8,
    #[n(5)]
    first: Option<u64>,
    #[n(6)]
    last: Option<u64>,
    /// Bytes of the body.
    #[n(7)]
    pub(super) length: u64,
}

impl Message {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        decode(bytes, MAX)
    }
}

impl Asked {
    /// The head of a request; nothing for one that is not carried.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let token = match request.credential {
            Some(Credential::Token(token)) => Some(token),
            Some(Credential::Own) | None => None,
        };
        let length = match &request.body {
            Body::Empty => 0,
            Body::Bytes(bytes) => u64::try_from(bytes.len()).ok()?,
            Body::Chunks { length, .. } => *length,
        };
        Some(Self {
            method: match request.method {
                Method::Get => 0,
                Method::Post => 1,
                Method::Put => 2,
                Method::Delete => 3,
            },
            path: request.path.clone(),
            token,
            proof: request.proof.clone(),
            content_type: match request.content_type {
                None => 0,
                Some(JSON) => 1,
                Some(CBOR) => 2,
                Some(OCTETS) => 3,
                Some(_) => return None,
            },
            first: request.range.map(|(first, _)| first),
            last: request.range.and_then(|(_, last)| last),
            length,
        })
    }

    /// The request, with this body; nothing for one that is not carried.
    pub(super) fn request(self, body: Body) -> Option<Request> {
        Some(Request {
            method: match self.method {
                0 => Method::Get,
                1 => Method::Post,
                2 => Method::Put,
                3 => Method::Delete,
                _ => return None,
            },
            path: carried(self.path)?,
            credential: self.token.map(Credential::Token),
            proof: self.proof,
            content_type: match self.content_type {
                0 => None,
                1 => Some(JSON),
                2 => Some(CBOR),
                3 => Some(OCTETS),
                _ => return None,
            },
            range: self.first.map(|first| (first, self.last)),
            body,
        })
    }
}

/// A path of the interface, of visible characters, and no way out of it.
pub(super) fn carried(path: String) -> Option<String> {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
    (path.starts_with(PREFIX) && plain && !path.contains("..")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{bare, with_json};

    fn again(message: &Message) -> Message {
        Message::read(&message.to_bytes()).unwrap()
    }

    #[test]
    fn what_is_said_is_heard_as_it_was() {
        let mut request = with_json(Method::Put, "/v1/records?after=1".to_owned(), &1).by(Hash([7; 32]));
        request.range = Some((4, Some(9)));
        request.proof = Some("p".repeat(400));
        for message in [
            Message::Ask(3, Asked::of(&request).unwrap()),
            Message::Connect(4, "/v1/mailboxes/x/socket".to_owned()),
            Message::Head(5, 429, Some(3)),
            Message::Head(5, 200, None),
            Message::Piece(6, Bytes(vec![1; PIECE]), true),
            Message::Took(7),
            Message::End(8),
            Message::Broken(u32::MAX),
            Message::Ping,
            Message::Pong,
        ] {
            assert_eq!(again(&message), message);
            let mut longer = message.to_bytes();
            longer.push(0);
            assert!(Message::read(&longer).is_err());
        }
        assert!(Message::read(&Message::Piece(6, Bytes(vec![1; MAX]), true).to_bytes()).is_err());
    }

    /// Protocol section 8.5.
    #[test]
    fn what_is_said_has_its_one_form() {
        let mut ranged = bare(Method::Put, "/v1/a".to_owned());
        (ranged.range, ranged.proof) = (Some((4, None)), Some("p".to_owned()));
        for (message, bytes) in [
            (
                Message::Ask(1, Asked::of(&bare(Method::Get, "/v1/a".to_owned())).unwrap()),
                b"\x82\x00\x82\x01\x88\x00\x65/v1/a\xf6\xf6\x00\xf6\xf6\x00".as_slice(),
            ),
            (
                Message::Ask(1, Asked::of(&ranged).unwrap()),
                b"\x82\x00\x82\x01\x88\x02\x65/v1/a\xf6\x61p\x00\x04\xf6\x00",
            ),
            (Message::Connect(4, "/v1/".to_owned()), b"\x82\x01\x82\x04\x64/v1/"),
            (Message::Head(5, 200, None), b"\x82\x02\x82\x05\x18\xc8"),
            (Message::Head(5, 200, Some(3)), b"\x82\x02\x83\x05\x18\xc8\x03"),
            (Message::Piece(6, Bytes(vec![7]), true), b"\x82\x03\x83\x06\x41\x07\xf5"),
            (Message::Took(7), b"\x82\x04\x81\x07"),
            (Message::End(8), b"\x82\x05\x81\x08"),
            (Message::Broken(9), b"\x82\x06\x81\x09"),
            (Message::Ping, b"\x82\x07\x80"),
            (Message::Pong, b"\x82\x08\x80"),
        ] {
            assert_eq!(message.to_bytes(), bytes, "{message:?}");
        }
    }

    #[test]
    fn only_the_interface_is_carried() {
        for path in ["/v1/records", "/v1/records?after=0&limit=1"] {
            assert!(carried(path.to_owned()).is_some(), "{path}");
        }
        for path in
            ["", "/", "/watch", "@elsewhere.example/v1/", "/v1/../admin", "/v1/a b", "/v1/\r\nx", "/v1/\\x", "/v1/#"]
        {
            assert!(carried(path.to_owned()).is_none(), "{path}");
            let asked = Asked::of(&bare(Method::Get, path.to_owned())).unwrap();
            assert!(asked.request(Body::Empty).is_none(), "{path}");
        }
    }
}
