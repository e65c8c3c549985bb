//! The audit trail: a hash chain of receipts, verified as it grows (protocol section 7.3).

use glimpse_wire::account::Signed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Event, OpenRequest, Receipt};
use glimpse_wire::{Hash, SUITE, SessionId, SigningKeyBytes, decode, signature};

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

    /// Takes receipts whose last is that of the opening that `request` asked for. An answer to a retry repeats receipts
    /// that the trail already holds; they must be the same.
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
    by: &glimpse_wire::ids::SignatureBytes,
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

/// Verifies a whole trail offline: links, and every signature by device and viewer.
///
/// # Errors
/// [`BrokenTrail`] with the first receipt that does not hold.
pub fn audit(session: SessionId, device: &SigningKeyBytes, receipts: &[Bytes]) -> Result<Audit, BrokenTrail> {
    let mut chain = ReceiptChain::new(session);
    let mut viewer = None;
    let mut audit = Audit::default();
    for bytes in receipts {
        let seq = chain.len();
        check(&mut chain, &mut viewer, &mut audit, device, bytes).map_err(|OpenError| BrokenTrail { seq })?;
    }
    Ok(audit)
}

fn check(
    chain: &mut ReceiptChain,
    viewer: &mut Option<SigningKeyBytes>,
    audit: &mut Audit,
    device: &SigningKeyBytes,
    bytes: &Bytes,
) -> Result<(), OpenError> {
    let before = chain.head();
    let receipt = chain.push(bytes.as_slice())?;
    match receipt.event {
        Event::Granted { terms, transcript, kem, sealed, signature: by } => {
            signature::verify(device, &preimage::grant_signature(&transcript, &kem, terms.as_slice(), &sealed), &by)?;
            let terms: glimpse_wire::pairing::Terms = decode(terms.as_slice(), MAX_RECEIPT)?;
            if terms.session != receipt.session || viewer.is_some_and(|known| known != terms.viewer) {
                return Err(OpenError);
            }
            *viewer = Some(terms.viewer);
        }
        Event::Opened { request, signature: by } => {
            verify_opening(viewer.as_ref().ok_or(OpenError)?, &request, &by)?;
            audit.openings = audit.openings.saturating_add(1);
        }
        Event::Refused { request, signature: by, code: _ } => {
            verify_opening(viewer.as_ref().ok_or(OpenError)?, &request, &by)?;
            audit.refusals = audit.refusals.saturating_add(1);
        }
        Event::Ended { statement, signature: by, code: _ } => {
            if !statement.as_slice().is_empty() {
                let signed = Signed { statement, signature: by };
                let end: glimpse_wire::session::End = signed.peek()?;
                let key = match end.side {
                    glimpse_wire::session::Side::Device => *device,
                    glimpse_wire::session::Side::Viewer => viewer.ok_or(OpenError)?,
                };
                let end: glimpse_wire::session::End = signed.open(StatementKind::End, &key)?;
                if end.session != receipt.session {
                    return Err(OpenError);
                }
            }
            audit.ended = true;
        }
        Event::Deleted => audit.deleted = true,
        Event::Countersigned { head, signature: by } => {
            let seq = receipt.seq.checked_sub(1).ok_or(OpenError)?;
            let statement =
                glimpse_wire::session::Countersignature { suite: SUITE, session: receipt.session, head, seq };
            let signed = Signed { statement: Bytes(glimpse_wire::encode(&statement)), signature: by };
            let _checked: glimpse_wire::session::Countersignature = signed.open(StatementKind::Countersign, device)?;
            if head != before {
                return Err(OpenError);
            }
        }
    }
    Ok(())
}
