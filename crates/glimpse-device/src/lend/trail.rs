//! The audit trail of a running session, mirrored receipt by receipt.

use glimpse_core::receipts::{Audit, ReceiptChain, audit, verify_opening};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::session::{Event, OpenRequest, Receipt};
use glimpse_wire::{ErrorCode, Hash, SessionId, SigningKeyBytes, UnixMillis, decode, preimage};

/// What a receipt that is next in the trail tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// The viewer opened a unit.
    Opened { request: OpenRequest, seq: u64, at: UnixMillis },
    /// The server refused a request of the viewer.
    Refused { request: OpenRequest, code: ErrorCode, seq: u64 },
    /// Something that needs no telling: a grant, an end.
    Other,
    /// The same receipt again.
    Known,
    /// Receipts before it are missing: ask the server for them.
    Gap,
}

/// The receipts so far.
#[derive(Debug)]
pub(super) struct Trail {
    session: SessionId,
    viewer: SigningKeyBytes,
    chain: ReceiptChain,
    receipts: Vec<Bytes>,
}

impl Trail {
    pub(super) const fn new(session: SessionId, viewer: SigningKeyBytes) -> Self {
        Self { session, viewer, chain: ReceiptChain::new(session), receipts: Vec::new() }
    }

    /// Takes a receipt as the server gave it.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`] when it contradicts one that was taken, or when the viewer did not sign what it tells.
    pub(super) fn take(&mut self, bytes: &Bytes) -> Result<Noted, ErrorCode> {
        let tampered = |_| ErrorCode::RecordTampered;
        let receipt: Receipt =
            decode(bytes.as_slice(), MAX_RECEIPT).map_err(|glimpse_wire::Malformed| ErrorCode::RecordTampered)?;
        if receipt.seq > self.chain.len() {
            return Ok(Noted::Gap);
        }
        if receipt.seq < self.chain.len() {
            let place = usize::try_from(receipt.seq).unwrap_or(usize::MAX);
            let same = self.receipts.get(place).is_some_and(|taken| taken == bytes);
            return if same { Ok(Noted::Known) } else { Err(ErrorCode::RecordTampered) };
        }
        let receipt = self.chain.push(bytes.as_slice()).map_err(tampered)?;
        self.receipts.push(bytes.clone());
        let (seq, at) = (receipt.seq, receipt.at);
        match receipt.event {
            Event::Opened { request, signature } => {
                let request = verify_opening(&self.viewer, &request, &signature).map_err(tampered)?;
                Ok(Noted::Opened { request, seq, at })
            }
            Event::Refused { code, request, signature } => {
                let request = verify_opening(&self.viewer, &request, &signature).map_err(tampered)?;
                Ok(Noted::Refused { request, code, seq })
            }
            Event::Granted { .. } | Event::Ended { .. } | Event::Deleted | Event::Countersigned { .. } => {
                Ok(Noted::Other)
            }
        }
    }

    /// Compares with what the viewer holds; nothing when this end has not got so far.
    pub(super) fn agrees(&self, seq: u64, head: &Hash) -> Option<bool> {
        let place = usize::try_from(seq).ok()?;
        self.receipts.get(place).map(|taken| preimage::receipt_hash(taken.as_slice()) == *head)
    }

    pub(super) const fn head(&self) -> Hash {
        self.chain.head()
    }

    /// The number of the newest receipt.
    pub(super) const fn newest(&self) -> Option<u64> {
        self.chain.len().checked_sub(1)
    }

    pub(super) fn receipts(&self) -> &[Bytes] {
        &self.receipts
    }

    /// Verifies all of it, with every signature.
    pub(super) fn audit(&self, device: &SigningKeyBytes) -> Option<Audit> {
        audit(self.session, device, &self.receipts).ok()
    }
}
