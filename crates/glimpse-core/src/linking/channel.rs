//! The channel of a linking: sealed under keys of the pairing, one key a direction, exactly the next counter.

use glimpse_wire::ids::Bytes;
use glimpse_wire::linking::Linking;
use glimpse_wire::pairing::Message;
use glimpse_wire::{Hash, encode, preimage};
use zeroize::Zeroizing;

use crate::aead;
use crate::channel::nonce;
use crate::error::OpenError;
use crate::secret::{Plaintext, Secret};

/// One end. Whoever holds it drops it with the first message that does not open.
pub(super) struct LinkingChannel {
    transcript: Hash,
    send: Secret<32>,
    receive: Secret<32>,
    sent: u64,
    received: u64,
}

impl LinkingChannel {
    pub(super) const fn new(transcript: Hash, send: Secret<32>, receive: Secret<32>) -> Self {
        Self { transcript, send, receive, sent: 0, received: 0 }
    }

    /// Seals the next message. After a reconnect the same bytes are sent again; nothing is sealed twice.
    pub(super) fn seal(&mut self, message: &Linking) -> Vec<u8> {
        let counter = self.sent;
        self.sent = self.sent.saturating_add(1);
        let mut sealed = encode(message);
        aead::seal(&self.send, nonce(counter), &preimage::linking_aad(&self.transcript, counter), &mut sealed);
        encode(&Message::Live { counter, sealed: Bytes(sealed) })
    }

    /// Opens the next message.
    ///
    /// # Errors
    /// [`OpenError`] for a message that is repeated, skipped, reflected or forged.
    pub(super) fn open(&mut self, counter: u64, sealed: &Bytes) -> Result<Plaintext, OpenError> {
        if counter != self.received {
            return Err(OpenError);
        }
        let mut opened = Zeroizing::new(sealed.0.clone());
        aead::open(&self.receive, nonce(counter), &preimage::linking_aad(&self.transcript, counter), &mut opened)?;
        self.received = self.received.checked_add(1).ok_or(OpenError)?;
        Ok(opened)
    }
}
