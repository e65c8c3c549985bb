//! A device without a network of its own, and the one that carries for it: a watch and a phone, where neither has a byte
//! stream to the server that it could hand on. `native::Relay` carries bytes, and the watch's own TLS in them; a page can open no
//! such stream, so here requests and WebSockets are carried, over any [`Socket`]: a message port between two pages, a
//! stream between two programs.
//!
//! Whoever carries sees what TLS would hide, and that is no more than the server sees: content is sealed, and each request
//! is signed by the watch's own key ([`crate::home::Profile::phone`]). It can drop and delay, neither read nor forge.
//!
//! Each message has the number of its exchange. A piece is answered by [`Message::Took`] before the next one is sent, so
//! that neither end holds more than a piece of each exchange, and none waits for another.

mod far;
mod line;
mod message;
mod near;

pub use far::carry;
pub use near::Companion;

#[cfg(doc)]
use crate::transport::Socket;
#[cfg(doc)]
use message::Message;
