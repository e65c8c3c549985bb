//! The viewer's side of a session: what was granted, and how a unit is opened.

use std::collections::BTreeMap;

use glimpse_wire::account::Signed;
use glimpse_wire::limits::{MAX_FRAME, MAX_MESSAGE, MAX_UNIT_ENVELOPE, MAX_UNITS_PER_GRANT, MAX_UNITS_PER_SESSION};
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::{BlobKey, Grant, GrantBody, GrantUnit, Identity, Message, Rights, Terms, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::Meta;
use glimpse_wire::session::{OpenRequest, Opened, Side, UnitEnvelope};
use glimpse_wire::size::padded;
use glimpse_wire::{ErrorCode, Hash, SUITE, SessionId, UnitId, UnixMillis, decode, signature};

use crate::channel::LiveChannel;
use crate::derive;
use crate::error::OpenError;
use crate::kem::{Exporter, KemSecret};
use crate::keys::Signing;
use crate::pairing;
use crate::receipts::ReceiptChain;
use crate::record::{open_blob, within_limits};
use crate::secret::{ClientShare, Secret, ServerShare};
use crate::session::device::sign_end;
use crate::stream::ContentOpener;
use crate::words::CheckWords;

/// Both ends hold the same key; waits for the user's decision on the device.
pub struct ExpectGrant {
    session: SessionId,
    transcript: Hash,
    words: CheckWords,
    identity: Identity,
    kem: KemSecret,
    signing: Signing,
    psk: Secret<32>,
    asked: Option<Asked>,
}

impl ExpectGrant {
    #[expect(clippy::too_many_arguments, reason = "one call, from the state that holds all of them")]
    pub(crate) const fn new(
        session: SessionId,
        transcript: Hash,
        words: CheckWords,
        identity: Identity,
        kem: KemSecret,
        signing: Signing,
        psk: Secret<32>,
        asked: Option<Asked>,
    ) -> Self {
        Self { session, transcript, words, identity, kem, signing, psk, asked }
    }

    /// The words that the device shows too.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.words
    }

    /// Who the device says it is; committed to before the viewer spoke.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes the first grant.
    ///
    /// # Errors
    /// The device's reason ([`ErrorCode::Declined`], …), or [`ErrorCode::RecordTampered`] for a grant that does not open
    /// or is not what the device of this pairing signed for this browser.
    pub fn receive(self, message: &[u8]) -> Result<ViewerSession, ErrorCode> {
        let Message::Grant(grant) = pairing::receive(message)? else {
            return Err(ErrorCode::Malformed);
        };
        let mut session = ViewerSession {
            session: self.session,
            transcript: self.transcript,
            identity: self.identity,
            kem_hash: preimage::viewer_kem_hash(self.kem.public().as_bytes()),
            kem: self.kem,
            signing: self.signing,
            psk: self.psk,
            asked: self.asked,
            terms: None,
            units: Vec::new(),
            places: BTreeMap::new(),
            live: None,
            receipts: ReceiptChain::new(self.session),
            counter: 0,
        };
        session.accept(&grant).map_err(|OpenError| ErrorCode::RecordTampered)?;
        Ok(session)
    }
}

impl core::fmt::Debug for ExpectGrant {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ExpectGrant({}, {})", self.session, self.words)
    }
}

/// Who wrote what is lent, as the device verified it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// The owner.
    Owner,
    /// A writer, whom the meta names; the owner has not approved it.
    Unapproved,
    /// A writer, whom the meta names; the owner has approved it.
    Approved,
}

impl Provenance {
    const fn of(origin: u8) -> Option<Self> {
        match origin {
            GrantUnit::OWN => Some(Self::Owner),
            GrantUnit::WRITTEN => Some(Self::Unapproved),
            GrantUnit::APPROVED => Some(Self::Approved),
            _ => None,
        }
    }

    /// Whether it is not the owner's.
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self, Self::Unapproved | Self::Approved)
    }
}

/// One unit, as the viewer lists it.
#[derive(Debug)]
pub struct Unit {
    /// What it is.
    pub meta: Meta,
    /// Who wrote it, as the device says.
    pub provenance: Provenance,
    /// How many fields of the record the device left out.
    pub withheld: u32,
    /// Where its content is lent by its own key: of which record version.
    blob: Option<Hash>,
    /// Whether the device has prepared it, so that it can be opened.
    pub ready: bool,
    client: ClientShare,
    terms: Hash,
}

/// A session in the browser: in memory only, and nowhere else.
pub struct ViewerSession {
    session: SessionId,
    transcript: Hash,
    identity: Identity,
    kem: KemSecret,
    kem_hash: Hash,
    signing: Signing,
    psk: Secret<32>,
    asked: Option<Asked>,
    terms: Option<Terms>,
    /// In the order in which they were granted.
    units: Vec<(UnitId, Unit)>,
    /// Where in `units` each is.
    places: BTreeMap<UnitId, usize>,
    live: Option<LiveChannel>,
    receipts: ReceiptChain,
    counter: u64,
}

impl ViewerSession {
    /// What was asked, for the audit of an agent's organisation; nothing for the user's own screen.
    #[must_use]
    pub const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Takes a further grant: new Terms, and the units that they add.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`] as for the first; the session stays as it was.
    pub fn receive_grant(&mut self, grant: &Grant) -> Result<(), ErrorCode> {
        self.accept(grant).map_err(|OpenError| ErrorCode::RecordTampered)
    }

    fn accept(&mut self, grant: &Grant) -> Result<(), OpenError> {
        let sealed_hash = preimage::grant_sealed_hash(grant.enc.as_slice(), grant.sealed.as_slice());
        let signed = preimage::grant_signature(&self.transcript, &self.kem_hash, grant.terms.as_slice(), &sealed_hash);
        signature::verify(&self.identity.signing, &signed, &grant.signature)?;
        let terms: Terms = decode(grant.terms.as_slice(), MAX_MESSAGE)?;
        let next = self.terms.as_ref().map_or(Some(1), |terms| terms.seq.checked_add(1));
        let fits = terms.suite == SUITE
            && terms.session == self.session
            && terms.account == self.identity.account
            && terms.viewer == self.signing.public()
            && Some(terms.seq) == next
            && terms.asked == self.asked.as_ref().map_or(Hash::ZERO, Asked::commitment)
            && terms.head.seq >= self.identity.head.seq
            && terms.rights & Rights::VIEW != 0
            && terms.rights & !Rights::ALL == 0
            && terms.expires > terms.issued
            && terms.units.len() <= MAX_UNITS_PER_GRANT
            && self.units.len().saturating_add(terms.units.len()) <= MAX_UNITS_PER_SESSION;
        if !fits {
            return Err(OpenError);
        }
        let (opened, exporter) = self.kem.open_with_psk(
            &self.psk,
            &self.session.0,
            &self.transcript.0,
            grant.terms.as_slice(),
            grant.enc.as_slice(),
            grant.sealed.as_slice(),
        )?;
        let body: GrantBody = decode(&opened, MAX_FRAME)?;
        self.add_units(&terms, body, preimage::terms_hash(grant.terms.as_slice()))?;
        self.begin_live(&exporter)?;
        self.terms = Some(terms);
        Ok(())
    }

    fn add_units(&mut self, terms: &Terms, body: GrantBody, terms_hash: Hash) -> Result<(), OpenError> {
        if body.units.len() != terms.units.len() {
            return Err(OpenError);
        }
        // What the Terms say, for the log, is what the units say.
        let withheld = body.units.iter().try_fold(0u32, |sum, unit| sum.checked_add(unit.withheld));
        if withheld != Some(terms.withheld) {
            return Err(OpenError);
        }
        let mut added = Vec::with_capacity(body.units.len());
        for (listed, mut granted) in terms.units.iter().zip(body.units) {
            let client = Secret::from_slice(granted.share.as_slice()).map(ClientShare).ok_or(OpenError)?;
            zeroize::Zeroize::zeroize(&mut granted.share.0);
            let known = self.places.contains_key(&granted.unit) || added.iter().any(|(id, _)| *id == granted.unit);
            let provenance = Provenance::of(granted.origin).ok_or(OpenError)?;
            let whole = matches!(listed, TermsUnit::Blob { .. }) && granted.withheld > 0;
            if listed.unit() != granted.unit || known || whole || !within_limits(&granted.meta) {
                return Err(OpenError);
            }
            let unit = Unit {
                meta: granted.meta,
                provenance,
                withheld: granted.withheld,
                blob: match listed {
                    TermsUnit::Sealed { .. } => None,
                    TermsUnit::Blob { h0, .. } => Some(*h0),
                },
                ready: false,
                client,
                terms: terms_hash,
            };
            added.push((granted.unit, unit));
        }
        for (id, unit) in added {
            self.places.insert(id, self.units.len());
            self.units.push((id, unit));
        }
        Ok(())
    }

    fn begin_live(&mut self, exporter: &Exporter) -> Result<(), OpenError> {
        if self.live.is_none() {
            self.live = Some(LiveChannel::new(self.session, Side::Viewer, exporter)?);
        }
        Ok(())
    }

    /// Which session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Who lends.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The Terms in force; always there once the first grant was taken.
    #[must_use]
    pub const fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// The units, in the order in which they were granted.
    pub fn units(&self) -> impl Iterator<Item = (UnitId, &Unit)> {
        self.units.iter().map(|(id, unit)| (*id, unit))
    }

    /// One unit.
    #[must_use]
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.units.get(*self.places.get(id)?).map(|(_, unit)| unit)
    }

    /// Notes whether the device has prepared a unit; nothing for one that was not granted.
    pub(crate) fn set_ready(&mut self, id: &UnitId, ready: bool) {
        if let Some((_, unit)) = self.places.get(id).and_then(|place| self.units.get_mut(*place)) {
            unit.ready = ready;
        }
    }

    /// The live channel; there once the first grant was taken.
    #[must_use]
    pub const fn live(&mut self) -> Option<&mut LiveChannel> {
        self.live.as_mut()
    }

    /// The audit trail as this viewer holds it.
    #[must_use]
    pub const fn receipts(&self) -> &ReceiptChain {
        &self.receipts
    }

    /// Asks the server to open a unit: a signed [`OpenRequest`] with the next counter. A retry sends the same bytes.
    ///
    /// # Errors
    /// [`ErrorCode::NotGranted`] for a unit that was not granted.
    pub fn request(&mut self, unit: &UnitId) -> Result<Signed, ErrorCode> {
        let length = self.unit(unit).ok_or(ErrorCode::NotGranted)?.meta.length;
        self.counter = self.counter.checked_add(1).ok_or(ErrorCode::Internal)?;
        let request = OpenRequest {
            suite: SUITE,
            session: self.session,
            unit: *unit,
            from: 0,
            to: glimpse_wire::size::chunks(padded(length)),
            counter: self.counter,
            last_receipt: self.receipts.head(),
        };
        Ok(self.signing.sign_statement(StatementKind::Open, &request))
    }

    /// The server refused `request`, so its number is free for the next.
    pub(crate) fn take_back(&mut self, request: &Signed) {
        if request.peek::<OpenRequest>().is_ok_and(|asked| asked.counter == self.counter) {
            self.counter = self.counter.saturating_sub(1);
        }
    }

    /// Takes the server's answer to `request`: checks the receipts, and begins to open.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`] whatever does not fit.
    pub fn opened(&mut self, request: &Signed, answer: &[u8]) -> Result<UnitOpener, ErrorCode> {
        self.open_answer(request, answer).map_err(|OpenError| ErrorCode::RecordTampered)
    }

    fn open_answer(&mut self, request: &Signed, answer: &[u8]) -> Result<UnitOpener, OpenError> {
        let asked: OpenRequest = request.peek()?;
        let answer: Opened = decode(answer, MAX_ANSWER)?;
        let place = *self.places.get(&asked.unit).ok_or(OpenError)?;
        let (_, unit) = self.units.get(place).ok_or(OpenError)?;
        let envelope: UnitEnvelope = decode(answer.envelope.as_slice(), MAX_UNIT_ENVELOPE)?;
        let fits = envelope.suite == SUITE
            && envelope.session == self.session
            && envelope.unit == asked.unit
            && envelope.terms == unit.terms
            && (unit.blob.is_some() || envelope.size == padded(unit.meta.length));
        if !fits {
            return Err(OpenError);
        }
        self.receipts.extend_to_opening(&answer.receipts, request, &self.signing.public())?;
        let key = derive::unit_key(&envelope.salt, &unit.client, &ServerShare::from_wire(&answer.share));
        if !key.fits(&envelope.commit) {
            return Err(OpenError);
        }
        let aad = preimage::unit_aad(&self.session, &asked.unit, &envelope.salt, &unit.terms);
        let content = ContentOpener::new(key.key, aad, envelope.size);
        Ok(match unit.blob {
            Some(h0) => UnitOpener { content, blob: Some((h0, unit.meta.length)) },
            None => UnitOpener { content: content.with_length(unit.meta.length), blob: None },
        })
    }

    /// The viewer's end of this session.
    #[must_use]
    pub fn end(&self, at: UnixMillis) -> Signed {
        sign_end(&self.signing, self.session, Side::Viewer, self.receipts.head(), at)
    }
}

/// An answer to an opening: a small envelope, and the receipts since the last.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

impl core::fmt::Debug for ViewerSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ViewerSession({}, {} units)", self.session, self.units.len())
    }
}

/// Opens a unit: its content, or the key of the blob that it stands for.
#[derive(Debug)]
pub struct UnitOpener {
    content: ContentOpener,
    /// The record version that the Terms name, and its true length.
    blob: Option<(Hash, u64)>,
}

impl UnitOpener {
    /// Whether what opens here is the key of a blob.
    #[must_use]
    pub const fn is_blob(&self) -> bool {
        self.blob.is_some()
    }

    /// The content's opener, for a unit that is sealed for this session.
    #[must_use]
    pub fn into_content(self) -> ContentOpener {
        self.content
    }

    /// For a blob: opens the one chunk that holds the content key, and begins to open the blob.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`].
    pub fn into_blob(mut self, sealed: Vec<u8>) -> Result<ContentOpener, ErrorCode> {
        let open = |content: &mut ContentOpener, (h0, length): (Hash, u64)| -> Result<ContentOpener, OpenError> {
            let opened = content.open(sealed)?;
            let blob: BlobKey = decode(&opened, 1024)?;
            let fits = blob.h0 == h0 && blob.size == padded(length);
            if fits { Ok(open_blob(&blob)?.with_length(length)) } else { Err(OpenError) }
        };
        let named = self.blob.ok_or(ErrorCode::RecordTampered)?;
        open(&mut self.content, named).map_err(|OpenError| ErrorCode::RecordTampered)
    }
}

#[cfg(test)]
mod tests;
