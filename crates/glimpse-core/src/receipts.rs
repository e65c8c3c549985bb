//! The audit trail: a hash chain of receipts, verified as it grows (protocol section 7.3).

use std::collections::{BTreeMap, BTreeSet};

use glimpse_wire::account::Signed;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::{MAX_NOTED_REFUSALS, MAX_RECEIPT};
use glimpse_wire::pairing::{Terms, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Countersignature, Destroyed, End, Event, OpenRequest, Receipt, Side, Stop};
use glimpse_wire::{
    AccountId, DeviceId, ErrorCode, Hash, SUITE, SessionId, SigningKeyBytes, UnitId, UnixMillis, decode, encode,
    signature,
};

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
    /// Whether the end is in it. A trail without one holds as far as it goes: its session runs, or the rest was cut off.
    pub ended: bool,
    /// The device of the account that ended it, where it was neither of the two sides.
    pub stopped_by: Option<DeviceId>,
    /// The key of the server that signed that it destroyed the session, if its word is in it.
    pub deleted: Option<SigningKeyBytes>,
    /// Fields that the device withheld from what it lent.
    pub withheld: u64,
}

/// Why a trail does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receipt {seq} does not hold")]
pub struct BrokenTrail {
    /// The first receipt that does not fit.
    pub seq: u64,
}

/// Gives the key of a device that belonged to the account at the head which a [`Stop`] names.
pub type Others<'o> = &'o dyn Fn(&Stop) -> Option<SigningKeyBytes>;

/// Verifies a whole trail offline: links, every signature by device and viewer, and that what they signed fits its
/// place (protocol section 7.3). That it holds does not say that it is whole: see [`Audit::ended`]. `device` lent, `others`
/// knows those that may have ended it. `server` is the key that whoever audits met; without it the word of a server is
/// checked by the key that it names, and [`Audit::deleted`] says which.
///
/// # Errors
/// [`BrokenTrail`] with the first receipt that does not hold. Those before it do.
pub fn audit(
    session: SessionId,
    device: &SigningKeyBytes,
    others: Others<'_>,
    server: Option<&SigningKeyBytes>,
    receipts: &[Bytes],
) -> Result<Audit, BrokenTrail> {
    let mut auditor = Auditor {
        device,
        others,
        server,
        chain: ReceiptChain::new(session),
        earlier: BTreeSet::from([Hash::ZERO]),
        granted: None,
        units: BTreeSet::new(),
        used: BTreeMap::new(),
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
    others: Others<'k>,
    server: Option<&'k SigningKeyBytes>,
    chain: ReceiptChain,
    /// Hashes of the receipts so far, and zero: what a signed statement may name as the newest that its signer held. A
    /// server that leaves a receipt out and links the rest anew is found out by the next statement that names it.
    earlier: BTreeSet<Hash>,
    /// What the newest Terms allow; nothing before the first.
    granted: Option<Granted>,
    /// Units that any Terms so far listed.
    units: BTreeSet<UnitId>,
    /// What the viewer signed under each number that a request used.
    used: BTreeMap<u64, Bytes>,
    audit: Audit,
}

/// What an audit measures by, of the newest Terms.
#[derive(Clone, Copy)]
struct Granted {
    account: AccountId,
    /// The number of the chain's newest link then.
    link: u64,
    viewer: SigningKeyBytes,
    asked: Hash,
    seq: u32,
    budget: u32,
    expires: UnixMillis,
}

impl Auditor<'_> {
    fn take(&mut self, bytes: &Bytes) -> Result<(), OpenError> {
        let before = self.chain.head();
        let receipt = self.chain.push(bytes.as_slice())?;
        match &receipt.event {
            Event::Granted { terms, transcript, kem, sealed, signature: by } => {
                let signed = preimage::grant_signature(transcript, kem, terms.as_slice(), sealed);
                signature::verify(self.device, &signed, by)?;
                self.granted(&receipt.session, &decode(terms.as_slice(), MAX_RECEIPT)?)?;
            }
            Event::Opened { request, signature: by } => self.opened(&receipt, request, by)?,
            Event::Refused { request, signature: by, code } => self.refused(&receipt.session, request, by, *code)?,
            Event::Ended { statement, signature: by, code } => {
                // The server ends a session once, and only one that was granted.
                let fits = self.granted.is_some() && !self.audit.ended;
                fits.then_some(()).ok_or(OpenError)?;
                if statement.as_slice().is_empty() {
                    let fits = *by == SignatureBytes([0; 64]) && is_ending(*code);
                    fits.then_some(()).ok_or(OpenError)?;
                } else {
                    (*code == ErrorCode::SessionEnded).then_some(()).ok_or(OpenError)?;
                    self.end(&receipt.session, &Signed { statement: statement.clone(), signature: *by })?;
                }
                self.audit.ended = true;
            }
            Event::Deleted { statement, signature: by } => {
                self.deleted(&receipt, before, &Signed { statement: statement.clone(), signature: *by })?;
            }
            Event::Countersigned { head, signature: by } => {
                let seq = receipt.seq.checked_sub(1).ok_or(OpenError)?;
                let statement = Countersignature { suite: SUITE, session: receipt.session, head: *head, seq };
                let signed = Signed { statement: Bytes(encode(&statement)), signature: *by };
                let _checked: Countersignature = signed.open(StatementKind::Countersign, self.device)?;
                if *head != before {
                    return Err(OpenError);
                }
            }
        }
        self.earlier.insert(self.chain.head());
        Ok(())
    }

    fn granted(&mut self, session: &SessionId, terms: &Terms) -> Result<(), OpenError> {
        let first = (0, terms.viewer, terms.asked);
        let (seq, viewer, asked) = self.granted.map_or(first, |granted| (granted.seq, granted.viewer, granted.asked));
        let fits = terms.suite == SUITE
            && terms.session == *session
            && Some(terms.seq) == seq.checked_add(1)
            && terms.viewer == viewer
            && terms.asked == asked
            && !self.audit.ended;
        if !fits {
            return Err(OpenError);
        }
        self.granted = Some(Granted {
            account: terms.account,
            link: terms.head.seq,
            viewer,
            asked,
            seq: terms.seq,
            budget: terms.budget,
            expires: terms.expires,
        });
        self.audit.withheld = self.audit.withheld.saturating_add(u64::from(terms.withheld));
        self.units.extend(terms.units.iter().map(TermsUnit::unit));
        Ok(())
    }

    /// A share was released: under the newest Terms, for a unit that was lent before it, by a number that was not used.
    fn opened(&mut self, receipt: &Receipt, request: &Bytes, by: &SignatureBytes) -> Result<(), OpenError> {
        let (statement, request) = (request, self.request(&receipt.session, request, by)?);
        let granted = self.granted.ok_or(OpenError)?;
        let openings = self.audit.openings.saturating_add(1);
        let fits = self.is_next(request.counter)
            && self.earlier.contains(&request.last_receipt)
            && self.units.contains(&request.unit)
            && openings <= u64::from(granted.budget)
            // Both times are of one clock, the server's, which ends a session at this very moment.
            && receipt.at.0 < granted.expires.0;
        if !fits {
            return Err(OpenError);
        }
        self.used.insert(request.counter, statement.clone());
        self.audit.openings = openings;
        Ok(())
    }

    /// A request that opened nothing, of the two kinds that are noted: of a unit that nobody had lent, which uses a number up
    /// as an opening does, or by a number that another request had used. A server that releases a share cannot note it as
    /// one of them.
    fn refused(
        &mut self,
        session: &SessionId,
        statement: &Bytes,
        by: &SignatureBytes,
        code: ErrorCode,
    ) -> Result<(), OpenError> {
        let request = self.request(session, statement, by)?;
        let fits = if code == ErrorCode::NotGranted {
            self.is_next(request.counter)
                && self.earlier.contains(&request.last_receipt)
                && !self.units.contains(&request.unit)
        } else {
            // An alarm is noted before its last receipt is looked at: whoever uses a number twice may have made it up. What
            // used the number first is not noted where many refusals were.
            let full = usize::try_from(self.audit.refusals).is_ok_and(|noted| noted >= MAX_NOTED_REFUSALS);
            code == ErrorCode::CounterReused && self.used.get(&request.counter).map_or(full, |used| used != statement)
        };
        fits.then_some(()).ok_or(OpenError)?;
        if code == ErrorCode::NotGranted {
            self.used.insert(request.counter, statement.clone());
        }
        self.audit.refusals = self.audit.refusals.saturating_add(1);
        Ok(())
    }

    /// Above every number that was used.
    fn is_next(&self, counter: u64) -> bool {
        counter > self.used.last_key_value().map_or(0, |(used, _)| *used)
    }

    /// What the viewer signed: for this session, while it ran.
    fn request(&self, session: &SessionId, request: &Bytes, by: &SignatureBytes) -> Result<OpenRequest, OpenError> {
        let granted = self.granted.ok_or(OpenError)?;
        let request = verify_opening(&granted.viewer, request, by)?;
        let fits = request.suite == SUITE && request.session == *session && !self.audit.ended;
        if fits { Ok(request) } else { Err(OpenError) }
    }

    /// The server destroyed an ended session, once: it signs that under the receipt before, at the time of this one, for as
    /// many units as Terms listed.
    fn deleted(&mut self, receipt: &Receipt, before: Hash, signed: &Signed) -> Result<(), OpenError> {
        let claimed: Destroyed = signed.peek()?;
        let word: Destroyed = signed.open(StatementKind::Destroyed, &claimed.server)?;
        let fits = self.audit.ended
            && self.audit.deleted.is_none()
            && self.server.is_none_or(|server| *server == word.server)
            && word.suite == SUITE
            && word.session == receipt.session
            && word.head == before
            && word.at == receipt.at
            && usize::try_from(word.units) == Ok(self.units.len());
        fits.then_some(()).ok_or(OpenError)?;
        self.audit.deleted = Some(word.server);
        Ok(())
    }

    fn end(&mut self, session: &SessionId, signed: &Signed) -> Result<(), OpenError> {
        if let Ok(claimed) = signed.peek::<Stop>() {
            let key = (self.others)(&claimed).ok_or(OpenError)?;
            let stop: Stop = signed.open(StatementKind::Stop, &key)?;
            let granted = self.granted.ok_or(OpenError)?;
            // Who was taken out before that could otherwise name a head under which it still belonged.
            let fits = stop.suite == SUITE
                && stop.session == *session
                && stop.account == granted.account
                && stop.head.seq >= granted.link;
            self.audit.stopped_by = Some(stop.device);
            return fits.then_some(()).ok_or(OpenError);
        }
        let claimed: End = signed.peek()?;
        let key = match claimed.side {
            Side::Device => *self.device,
            Side::Viewer => self.granted.ok_or(OpenError)?.viewer,
        };
        let end: End = signed.open(StatementKind::End, &key)?;
        let fits = end.suite == SUITE && end.session == *session && self.earlier.contains(&end.last_receipt);
        if fits { Ok(()) } else { Err(OpenError) }
    }
}

/// Whether a session ends for this reason.
const fn is_ending(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionRevoked | ErrorCode::SessionIdle
    )
}

#[cfg(test)]
mod tests;
