//! The audit trail of a running session, mirrored receipt by receipt.

use glimpse_core::receipts::{ReceiptChain, verify_opening};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_RECEIPT, MAX_TRAIL, MAX_TRAIL_RECEIPTS};
use glimpse_wire::pairing::Terms;
use glimpse_wire::session::{Event, OpenRequest, Receipt};
use glimpse_wire::{ErrorCode, Hash, SessionId, SigningKeyBytes, UnixMillis, decode, preimage};

/// Receipts of a session beside its openings and its Terms, at most: refusals, of which a server writes some tens, and what
/// comes with the end.
const OTHERS: u64 = 256;

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
    viewer: SigningKeyBytes,
    chain: ReceiptChain,
    receipts: Vec<Bytes>,
    /// All of them, in bytes.
    bytes: usize,
    /// The newest receipt that the viewer says it holds and that has not come here: its number and hash.
    claimed: Option<(u64, Hash)>,
}

impl Trail {
    pub(super) const fn new(session: SessionId, viewer: SigningKeyBytes) -> Self {
        Self { viewer, chain: ReceiptChain::new(session), receipts: Vec::new(), bytes: 0, claimed: None }
    }

    /// Takes a receipt as the server gave it.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`] when it contradicts one that was taken, or when the viewer did not sign what it tells;
    /// [`ErrorCode::TooLarge`] beyond what a session can have.
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
        let length = self.bytes.saturating_add(bytes.as_slice().len());
        if self.receipts.len() >= MAX_TRAIL_RECEIPTS || length > MAX_TRAIL {
            return Err(ErrorCode::TooLarge);
        }
        let receipt = self.chain.push(bytes.as_slice()).map_err(tampered)?;
        self.bytes = length;
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
            Event::Granted { .. } | Event::Ended { .. } | Event::Deleted { .. } | Event::Countersigned { .. } => {
                Ok(Noted::Other)
            }
        }
    }

    /// Compares with what the viewer holds. Nothing when this end has not got so far: the receipt must still come, or
    /// somebody keeps it from one of the two. Of a session with these Terms the viewer can hold no more than so many
    /// receipts; what it says beyond is not believed.
    pub(super) fn agrees(&mut self, seq: u64, head: &Hash, terms: &Terms) -> Option<bool> {
        let taken = usize::try_from(seq).ok().and_then(|place| self.receipts.get(place));
        match taken {
            Some(taken) => Some(preimage::receipt_hash(taken.as_slice()) == *head),
            None => {
                let possible = u64::from(terms.budget).saturating_add(u64::from(terms.seq)).saturating_add(OTHERS);
                if seq < possible && self.claimed.is_none_or(|(claimed, _)| claimed < seq) {
                    self.claimed = Some((seq, *head));
                }
                None
            }
        }
    }

    /// The number of the newest receipt that the viewer says it holds and that did not come. Whether the server keeps it
    /// back or the viewer made it up, this end cannot tell.
    pub(super) fn missing(&self) -> Option<u64> {
        self.claimed.map(|(seq, _)| seq)
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
}

#[cfg(test)]
mod tests {
    use glimpse_wire::account::Head;
    use glimpse_wire::ids::SignatureBytes;
    use glimpse_wire::{AccountId, SUITE, encode};

    use super::*;

    const SESSION: SessionId = SessionId([1; 16]);
    const KEY: SigningKeyBytes = SigningKeyBytes([2; 32]);

    fn receipt(seq: u64, previous: Hash, at: u64) -> Bytes {
        let at = UnixMillis(at);
        Bytes(encode(&Receipt {
            suite: SUITE,
            session: SESSION,
            seq,
            previous,
            at,
            event: Event::Countersigned { head: Hash::ZERO, signature: SignatureBytes([0; 64]) },
        }))
    }

    fn terms(budget: u32) -> Terms {
        Terms {
            suite: SUITE,
            session: SESSION,
            account: AccountId([3; 32]),
            viewer: KEY,
            units: Vec::new(),
            rights: 1,
            budget,
            rate: 1,
            issued: UnixMillis(0),
            expires: UnixMillis(1),
            head: Head { seq: 0, hash: Hash::ZERO },
            seq: 1,
            asked: Hash::ZERO,
            withheld: 0,
        }
    }

    #[test]
    fn a_receipt_that_the_viewer_holds_and_that_does_not_come_is_named() {
        let terms = terms(10);
        let first = receipt(0, Hash::ZERO, 1);
        let second = receipt(1, preimage::receipt_hash(first.as_slice()), 2);
        let head = preimage::receipt_hash(second.as_slice());

        let mut trail = Trail::new(SESSION, KEY);
        trail.take(&first).expect("the first");
        assert_eq!(trail.missing(), None, "control: before the viewer speaks");
        assert_eq!(trail.agrees(1, &head, &terms), None);
        assert_eq!(trail.missing(), Some(1));
        trail.take(&second).expect("the second");
        assert_eq!(trail.missing(), None, "the receipt came");
        assert_eq!(trail.agrees(1, &head, &terms), Some(true));

        let mut trail = Trail::new(SESSION, KEY);
        trail.take(&first).expect("the first");
        assert_eq!(trail.agrees(1, &head, &terms), None);
        let other = receipt(1, preimage::receipt_hash(first.as_slice()), 3);
        assert_eq!(trail.take(&other), Err(ErrorCode::RecordTampered), "another one in its place");
    }

    #[test]
    fn what_no_session_with_these_terms_can_have_is_not_believed() {
        let mut trail = Trail::new(SESSION, KEY);
        for beyond in [10 + 1 + OTHERS, u64::MAX - 1, u64::MAX] {
            assert_eq!(trail.agrees(beyond, &Hash([9; 32]), &terms(10)), None);
            assert_eq!(trail.missing(), None, "{beyond}");
        }
        assert_eq!(trail.agrees(10 + OTHERS, &Hash([9; 32]), &terms(10)), None);
        assert_eq!(trail.missing(), Some(10 + OTHERS), "control: the last that it can have");
    }

    #[test]
    fn receipts_without_end_are_not_taken() {
        let mut trail = Trail::new(SESSION, KEY);
        let mut previous = Hash::ZERO;
        let mut taken = 0;
        let refused = loop {
            // As long as a receipt can be, so that the bytes run out before the number does.
            let event = Event::Granted {
                terms: Bytes(vec![0; MAX_RECEIPT - 512]),
                transcript: Hash::ZERO,
                kem: Hash::ZERO,
                sealed: Hash::ZERO,
                signature: SignatureBytes([0; 64]),
            };
            let at = UnixMillis(1);
            let bytes = Bytes(encode(&Receipt { suite: SUITE, session: SESSION, seq: taken, previous, at, event }));
            previous = preimage::receipt_hash(bytes.as_slice());
            match trail.take(&bytes) {
                Ok(Noted::Other) => taken += 1,
                Ok(other) => panic!("{other:?}"),
                Err(code) => break code,
            }
        };
        assert_eq!(refused, ErrorCode::TooLarge);
        assert_eq!(usize::try_from(taken), Ok(MAX_TRAIL / (MAX_RECEIPT - 512 + 200)));
    }
}
