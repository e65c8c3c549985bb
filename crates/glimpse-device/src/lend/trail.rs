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
    /// The newest receipt that the viewer says it holds and that has not come here: its number and hash.
    claimed: Option<(u64, Hash)>,
}

impl Trail {
    pub(super) const fn new(session: SessionId, viewer: SigningKeyBytes) -> Self {
        Self { session, viewer, chain: ReceiptChain::new(session), receipts: Vec::new(), claimed: None }
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
        if let Some((seq, head)) = self.claimed
            && seq == receipt.seq
        {
            self.claimed = None;
            if head != self.chain.head() {
                return Err(ErrorCode::RecordTampered);
            }
        }
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

    /// Compares with what the viewer holds. Nothing when this end has not got so far: the receipt must still come, or the
    /// trail does not hold, because the server keeps it from one of the two.
    pub(super) fn agrees(&mut self, seq: u64, head: &Hash) -> Option<bool> {
        let taken = usize::try_from(seq).ok().and_then(|place| self.receipts.get(place));
        match taken {
            Some(taken) => Some(preimage::receipt_hash(taken.as_slice()) == *head),
            None => {
                if self.claimed.is_none_or(|(claimed, _)| claimed < seq) {
                    self.claimed = Some((seq, *head));
                }
                None
            }
        }
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

    /// Verifies all of it, with every signature; nothing when it does not hold, or when the viewer holds more.
    pub(super) fn audit(&self, device: &SigningKeyBytes) -> Option<Audit> {
        if self.claimed.is_some() {
            return None;
        }
        audit(self.session, device, &self.receipts).ok()
    }
}

#[cfg(test)]
mod tests {
    use glimpse_wire::{SUITE, encode};

    use super::*;

    const SESSION: SessionId = SessionId([1; 16]);
    const KEY: SigningKeyBytes = SigningKeyBytes([2; 32]);

    fn receipt(seq: u64, previous: Hash, at: u64) -> Bytes {
        let at = UnixMillis(at);
        Bytes(encode(&Receipt { suite: SUITE, session: SESSION, seq, previous, at, event: Event::Deleted }))
    }

    #[test]
    fn a_receipt_that_the_viewer_holds_and_the_server_keeps_back_breaks_the_trail() {
        let first = receipt(0, Hash::ZERO, 1);
        let second = receipt(1, preimage::receipt_hash(first.as_slice()), 2);
        let head = preimage::receipt_hash(second.as_slice());

        let mut trail = Trail::new(SESSION, KEY);
        trail.take(&first).expect("the first");
        assert!(trail.audit(&KEY).is_some(), "control: it holds before the viewer speaks");
        assert_eq!(trail.agrees(1, &head), None);
        assert!(trail.audit(&KEY).is_none());
        trail.take(&second).expect("the second");
        assert!(trail.audit(&KEY).is_some(), "the receipt came");
        assert_eq!(trail.agrees(1, &head), Some(true));

        let mut trail = Trail::new(SESSION, KEY);
        trail.take(&first).expect("the first");
        assert_eq!(trail.agrees(1, &head), None);
        let other = receipt(1, preimage::receipt_hash(first.as_slice()), 3);
        assert_eq!(trail.take(&other), Err(ErrorCode::RecordTampered), "another one in its place");
    }
}
