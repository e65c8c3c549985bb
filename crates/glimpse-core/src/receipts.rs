//! The audit trail: a hash chain of receipts, verified as it grows (protocol section 7.3).

use std::collections::BTreeSet;

use glimpse_wire::account::Signed;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::pairing::Terms;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Countersignature, End, Event, OpenRequest, Receipt, Side};
use glimpse_wire::{Hash, SUITE, SessionId, SigningKeyBytes, decode, encode, signature};

use crate::error::OpenError;

/// The trail of one session as far as its holder has seen it.
#[derive(Clone, Debug)]
pub struct ReceiptChain {
    session: SessionId,
    head: Hash,
    next: u64,
}

impl ReceiptChain {
    /// An empty trail.
    #[must_use]
    pub const fn new(session: SessionId) -> Self {
        Self { session, head: Hash::ZERO, next: 0 }
    }

    /// Hash of the newest receipt; zero when there is none.
    #[must_use]
    pub const fn head(&self) -> Hash {
        self.head
    }

    /// How many receipts there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.next
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// Takes the next receipt: of this session, with the next number, on top of the newest.
    ///
    /// # Errors
    /// [`OpenError`]; the trail stays as it was.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Receipt, OpenError> {
        let receipt: Receipt = decode(bytes, MAX_RECEIPT)?;
        let fits = receipt.suite == SUITE
            && receipt.session == self.session
            && receipt.seq == self.next
            && receipt.previous == self.head;
        if !fits {
            return Err(OpenError);
        }
        self.head = preimage::receipt_hash(bytes);
        self.next = self.next.saturating_add(1);
        Ok(receipt)
    }

    /// Takes receipts whose last is that of the opening that `request` asked for. The trail stays as it was if one of
    /// them does not fit.
    pub(crate) fn extend_to_opening(
        &mut self,
        receipts: &[Bytes],
        request: &Signed,
        viewer: &SigningKeyBytes,
    ) -> Result<(), OpenError> {
        let mut extended = self.clone();
        let mut last = None;
        for bytes in receipts {
            last = Some(extended.push(bytes.as_slice())?);
        }
        match last.map(|receipt| receipt.event) {
            Some(Event::Opened { request: noted, signature }) if noted == request.statement => {
                verify_opening(viewer, &noted, &signature)?;
                *self = extended;
                Ok(())
            }
            Some(_) | None => Err(OpenError),
        }
    }
}

/// Checks that the viewer signed an opening, and gives what it asked for.
///
/// # Errors
/// [`OpenError`].
pub fn verify_opening(
    viewer: &SigningKeyBytes,
    request: &Bytes,
    by: &SignatureBytes,
) -> Result<OpenRequest, OpenError> {
    let signed = Signed { statement: request.clone(), signature: *by };
    Ok(signed.open(StatementKind::Open, viewer)?)
}

/// What a whole trail shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Openings that the viewer signed.
    pub openings: u64,
    /// Requests that were refused.
    pub refusals: u64,
    /// Whether the end is in it.
    pub ended: bool,
    /// Whether the server's word that it deleted is in it.
    pub deleted: bool,
}

/// Why a trail does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receipt {seq} does not hold")]
pub struct BrokenTrail {
    /// The first receipt that does not fit.
    pub seq: u64,
}

/// Verifies a whole trail offline: links, every signature by device and viewer, and that what they signed fits its
/// place: Terms and openings count up, each names only what came before it, and nothing opens after the end.
///
/// # Errors
/// [`BrokenTrail`] with the first receipt that does not hold.
pub fn audit(session: SessionId, device: &SigningKeyBytes, receipts: &[Bytes]) -> Result<Audit, BrokenTrail> {
    let mut auditor = Auditor {
        device,
        chain: ReceiptChain::new(session),
        earlier: BTreeSet::from([Hash::ZERO]),
        viewer: None,
        terms: 0,
        counter: 0,
        audit: Audit::default(),
    };
    for bytes in receipts {
        let seq = auditor.chain.len();
        auditor.take(bytes).map_err(|OpenError| BrokenTrail { seq })?;
    }
    Ok(auditor.audit)
}

struct Auditor<'k> {
    device: &'k SigningKeyBytes,
    chain: ReceiptChain,
    /// Hashes of the receipts so far, and zero: what a signed statement may name as the newest that its signer held. A
    /// server that leaves a receipt out and links the rest anew is found out by the next statement that names it.
    earlier: BTreeSet<Hash>,
    viewer: Option<SigningKeyBytes>,
    terms: u32,
    counter: u64,
    audit: Audit,
}

impl Auditor<'_> {
    fn take(&mut self, bytes: &Bytes) -> Result<(), OpenError> {
        let before = self.chain.head();
        let receipt = self.chain.push(bytes.as_slice())?;
        match receipt.event {
            Event::Granted { terms, transcript, kem, sealed, signature: by } => {
                let signed = preimage::grant_signature(&transcript, &kem, terms.as_slice(), &sealed);
                signature::verify(self.device, &signed, &by)?;
                let terms: Terms = decode(terms.as_slice(), MAX_RECEIPT)?;
                let fits = terms.suite == SUITE
                    && terms.session == receipt.session
                    && Some(terms.seq) == self.terms.checked_add(1)
                    && self.viewer.is_none_or(|known| known == terms.viewer)
                    && !self.audit.ended;
                if !fits {
                    return Err(OpenError);
                }
                self.terms = terms.seq;
                self.viewer = Some(terms.viewer);
            }
            Event::Opened { request, signature: by } => {
                let request = self.opening(&receipt.session, &request, &by)?;
                if request.counter <= self.counter || self.audit.ended || !self.earlier.contains(&request.last_receipt)
                {
                    return Err(OpenError);
                }
                self.counter = request.counter;
                self.audit.openings = self.audit.openings.saturating_add(1);
            }
            Event::Refused { request, signature: by, code: _ } => {
                let _checked = self.opening(&receipt.session, &request, &by)?;
                self.audit.refusals = self.audit.refusals.saturating_add(1);
            }
            Event::Ended { statement, signature: by, code: _ } => {
                if !statement.as_slice().is_empty() {
                    self.end(&receipt.session, &Signed { statement, signature: by })?;
                }
                self.audit.ended = true;
            }
            Event::Deleted => self.audit.deleted = true,
            Event::Countersigned { head, signature: by } => {
                let seq = receipt.seq.checked_sub(1).ok_or(OpenError)?;
                let statement = Countersignature { suite: SUITE, session: receipt.session, head, seq };
                let signed = Signed { statement: Bytes(encode(&statement)), signature: by };
                let _checked: Countersignature = signed.open(StatementKind::Countersign, self.device)?;
                if head != before {
                    return Err(OpenError);
                }
            }
        }
        self.earlier.insert(self.chain.head());
        Ok(())
    }

    fn opening(&self, session: &SessionId, request: &Bytes, by: &SignatureBytes) -> Result<OpenRequest, OpenError> {
        let request = verify_opening(self.viewer.as_ref().ok_or(OpenError)?, request, by)?;
        if request.suite == SUITE && request.session == *session { Ok(request) } else { Err(OpenError) }
    }

    fn end(&self, session: &SessionId, signed: &Signed) -> Result<(), OpenError> {
        let claimed: End = signed.peek()?;
        let key = match claimed.side {
            Side::Device => *self.device,
            Side::Viewer => self.viewer.ok_or(OpenError)?,
        };
        let end: End = signed.open(StatementKind::End, &key)?;
        let fits = end.suite == SUITE && end.session == *session && self.earlier.contains(&end.last_receipt);
        if fits { Ok(()) } else { Err(OpenError) }
    }
}

#[cfg(test)]
mod tests;
