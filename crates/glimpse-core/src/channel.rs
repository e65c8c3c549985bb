//! The live channel of a session: end to end, one key a direction, a counter that runs across reconnects
//! (protocol section 7.4).

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_MESSAGE;
use glimpse_wire::live::Live;
use glimpse_wire::pairing::Message;
use glimpse_wire::preimage::{self, label};
use glimpse_wire::session::Side;
use glimpse_wire::{ErrorCode, SessionId, decode, encode};

use crate::aead::{self, NONCE};
use crate::error::OpenError;
use crate::kem::Exporter;
use crate::secret::Secret;

/// One end of the channel. A message that is repeated, skipped, reflected or forged breaks it for good.
pub struct LiveChannel {
    session: SessionId,
    side: Side,
    send: Secret<32>,
    receive: Secret<32>,
    sent: u64,
    received: u64,
    broken: bool,
}

impl LiveChannel {
    pub(crate) fn new(session: SessionId, side: Side, exporter: &Exporter) -> Result<Self, OpenError> {
        let from_viewer = exporter.export(label::LIVE_A)?;
        let from_device = exporter.export(label::LIVE_B)?;
        let (send, receive) = match side {
            Side::Viewer => (from_viewer, from_device),
            Side::Device => (from_device, from_viewer),
        };
        Ok(Self { session, side, send, receive, sent: 0, received: 0, broken: false })
    }

    /// Seals the next message. After a reconnect the same bytes are sent again; nothing is sealed twice.
    #[must_use]
    pub fn seal(&mut self, live: &Live) -> Vec<u8> {
        let counter = self.sent;
        self.sent = self.sent.saturating_add(1);
        let mut sealed = encode(live);
        aead::seal(&self.send, nonce(counter), &preimage::live_aad(&self.session, self.side, counter), &mut sealed);
        encode(&Message::Live { counter, sealed: Bytes(sealed) })
    }

    /// Opens the next message.
    ///
    /// # Errors
    /// [`ErrorCode::ChannelBroken`]; the session is over then.
    pub fn open(&mut self, counter: u64, sealed: &Bytes) -> Result<Live, ErrorCode> {
        let opened = self.open_next(counter, sealed);
        self.broken |= opened.is_err();
        opened.map_err(|OpenError| ErrorCode::ChannelBroken)
    }

    fn open_next(&mut self, counter: u64, sealed: &Bytes) -> Result<Live, OpenError> {
        if self.broken || counter != self.received {
            return Err(OpenError);
        }
        let mut opened = zeroize::Zeroizing::new(sealed.0.clone());
        let aad = preimage::live_aad(&self.session, self.side.other(), counter);
        aead::open(&self.receive, nonce(counter), &aad, &mut opened)?;
        self.received = self.received.checked_add(1).ok_or(OpenError)?;
        Ok(decode(&opened, MAX_MESSAGE)?)
    }
}

pub(crate) fn nonce(counter: u64) -> [u8; NONCE] {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    [0, 0, 0, 0, a, b, c, d, e, f, g, h]
}

impl core::fmt::Debug for LiveChannel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LiveChannel({}, {} sent, {} received)", self.session, self.sent, self.received)
    }
}

#[cfg(test)]
mod tests;
