//! The device's side of a session: what the user decided, sealed and signed.

mod cuts;
mod lent;
mod sealing;

use std::collections::BTreeMap;

use glimpse_wire::account::{Head, Signed};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_SESSION_MILLIS, MAX_UNITS_PER_GRANT, MAX_UNITS_PER_SESSION, MIN_SESSION_MILLIS};
use glimpse_wire::pairing::{Grant, GrantBody, GrantUnit, Message, Rights, Terms};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Countersignature, End, GrantSubmission, Side, Stop};
use glimpse_wire::{
    AccountId, ErrorCode, Hash, MailboxId, SUITE, SessionId, SigningKeyBytes, UnitId, UnixMillis, encode,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::channel::LiveChannel;
use crate::error::OpenError;
use crate::kem::KemPublic;
use crate::keys::{DeviceKeys, Signing};
use crate::secret::{ClientShare, Secret};

pub use cuts::Cuts;
pub use lent::{Decision, LentUnit, split_for_grants};
pub use sealing::UnitSealer;

/// Proof that the user approved these Terms for the browser of this transcript. Seals exactly that.
pub struct Approved {
    session: DeviceSession,
    terms: Terms,
    units: Vec<LentUnit>,
}

impl Approved {
    #[expect(clippy::too_many_arguments, reason = "one call, from the state that holds all of them")]
    pub(crate) fn new(
        decision: Decision,
        session: SessionId,
        transcript: Hash,
        account: AccountId,
        head: Head,
        viewer_kem: KemPublic,
        viewer: SigningKeyBytes,
        psk: Secret<32>,
        asked: Hash,
    ) -> Result<Self, ErrorCode> {
        let terms = Terms {
            suite: SUITE,
            session,
            account,
            viewer,
            units: decision.units.iter().map(LentUnit::in_terms).collect(),
            rights: decision.rights,
            budget: decision.budget,
            rate: decision.rate,
            issued: decision.issued,
            expires: decision.expires,
            head,
            seq: 1,
            asked,
            withheld: lent::withheld(&decision.units),
        };
        check_terms(&terms)?;
        let session = DeviceSession {
            session,
            transcript,
            kem_hash: preimage::viewer_kem_hash(viewer_kem.as_bytes()),
            viewer_kem,
            psk,
            granted: terms.issued,
            ends_by: terms.issued.plus(MAX_SESSION_MILLIS),
            terms: terms.clone(),
            units: BTreeMap::new(),
            live: None,
        };
        Ok(Self { session, terms, units: decision.units })
    }

    /// The session ends by this time, whatever the user allows now or later: who vouches for the viewer does so no longer.
    ///
    /// # Errors
    /// [`ErrorCode::CredentialInvalid`] when less is left than the shortest session lasts.
    pub(crate) fn ends_by(mut self, until: UnixMillis) -> Result<Self, ErrorCode> {
        self.session.ends_by = self.session.ends_by.min(until);
        self.terms.expires = self.terms.expires.min(until);
        self.session.terms.expires = self.terms.expires;
        check_terms(&self.terms).map_err(|_short| ErrorCode::CredentialInvalid)?;
        Ok(self)
    }

    /// What was approved.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Terms that this build never signs, for what a viewer must refuse.
    #[cfg(test)]
    pub(crate) fn with_terms(mut self, edit: impl FnOnce(&mut Terms, &mut Vec<LentUnit>)) -> Self {
        edit(&mut self.terms, &mut self.units);
        self
    }

    /// Seals and signs the grant.
    ///
    /// # Errors
    /// [`OpenError`] if the viewer's key cannot be encapsulated to, which its check rules out.
    pub fn seal(
        self,
        device: &DeviceKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<(DeviceSession, SealedGrant), OpenError> {
        let mut session = self.session;
        let grant = session.seal_grant(self.terms, self.units, device, rng)?;
        Ok((session, grant))
    }
}

impl core::fmt::Debug for Approved {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Approved({:?})", self.terms)
    }
}

fn check_terms(terms: &Terms) -> Result<(), ErrorCode> {
    let life = terms.expires.since(terms.issued);
    // Counted from the first Terms, a session that runs keeps its least length; these may be made shortly before the end.
    let least = if terms.seq == 1 { MIN_SESSION_MILLIS } else { 1 };
    let fits = terms.units.len() <= MAX_UNITS_PER_GRANT
        && (least..=MAX_SESSION_MILLIS).contains(&life)
        && terms.rights & Rights::VIEW != 0
        && terms.rights & !Rights::ALL == 0
        && terms.budget > 0
        && terms.rate > 0;
    if fits { Ok(()) } else { Err(ErrorCode::Malformed) }
}

/// A grant, for the two who get it: the server first, then the viewer.
#[derive(Clone, Debug)]
pub struct SealedGrant {
    /// Terms as the server enforces them.
    pub terms: Terms,
    /// For the viewer, through the mailbox: a [`Message::Grant`].
    pub message: Vec<u8>,
    transcript: Hash,
    kem: Hash,
    grant: Grant,
}

impl SealedGrant {
    /// For the server.
    #[must_use]
    pub fn submission(&self, mailbox: MailboxId) -> GrantSubmission {
        GrantSubmission {
            mailbox,
            transcript: self.transcript,
            kem: self.kem,
            terms: self.grant.terms.clone(),
            sealed: preimage::grant_sealed_hash(self.grant.enc.as_slice(), self.grant.sealed.as_slice()),
            signature: self.grant.signature,
        }
    }
}

/// What changes in a running session, by a further act of the user.
#[derive(Debug, Default)]
pub struct Change {
    /// Records to add, at most 256.
    pub add: Vec<LentUnit>,
    /// A new end, later or earlier.
    pub expires: Option<UnixMillis>,
    /// A new number of openings in all.
    pub budget: Option<u32>,
    /// The newest head that the device knows, where the account's chain has grown since.
    pub head: Option<Head>,
}

struct LentState {
    client: ClientShare,
    terms: Hash,
    length: u64,
    blob: bool,
}

/// A session that was granted, as the device keeps it: in memory only.
pub struct DeviceSession {
    session: SessionId,
    transcript: Hash,
    viewer_kem: KemPublic,
    kem_hash: Hash,
    psk: Secret<32>,
    /// When the first Terms were made: the hard cap counts from there.
    granted: UnixMillis,
    ends_by: UnixMillis,
    terms: Terms,
    units: BTreeMap<UnitId, LentState>,
    live: Option<LiveChannel>,
}

impl DeviceSession {
    fn seal_grant(
        &mut self,
        terms: Terms,
        units: Vec<LentUnit>,
        device: &DeviceKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedGrant, OpenError> {
        let terms_bytes = encode(&terms);
        let terms_hash = preimage::terms_hash(&terms_bytes);
        let mut body = GrantBody { units: Vec::with_capacity(units.len()) };
        for unit in units {
            body.units.push(GrantUnit {
                unit: unit.id,
                share: Bytes(unit.client.0.expose_secret().to_vec()),
                meta: unit.meta.clone(),
                origin: unit.origin,
                withheld: unit.withheld,
            });
            let state = LentState {
                client: unit.client,
                terms: terms_hash,
                length: unit.meta.length,
                blob: unit.blob.is_some(),
            };
            self.units.insert(unit.id, state);
        }
        let plaintext = Zeroizing::new(encode(&body));
        for unit in &mut body.units {
            zeroize::Zeroize::zeroize(&mut unit.share.0);
        }
        let (enc, sealed, exporter) = self.viewer_kem.seal_with_psk(
            &self.psk,
            &self.session.0,
            &self.transcript.0,
            &terms_bytes,
            &plaintext,
            rng,
        )?;
        if self.live.is_none() {
            self.live = Some(LiveChannel::new(self.session, Side::Device, &exporter)?);
        }
        let sealed_hash = preimage::grant_sealed_hash(&enc, &sealed);
        let signature = device.signing().sign(&preimage::grant_signature(
            &self.transcript,
            &self.kem_hash,
            &terms_bytes,
            &sealed_hash,
        ));
        let grant = Grant { terms: Bytes(terms_bytes), enc: Bytes(enc), sealed: Bytes(sealed), signature };
        self.terms = terms.clone();
        Ok(SealedGrant {
            terms,
            message: encode(&Message::Grant(grant.clone())),
            transcript: self.transcript,
            kem: self.kem_hash,
            grant,
        })
    }

    /// The user changed something: new Terms with the next seq, and a grant of what they add.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for a change outside the limits; nothing changes then.
    pub fn amend(
        &mut self,
        change: Change,
        now: UnixMillis,
        device: &DeviceKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedGrant, ErrorCode> {
        let mut terms = self.terms.clone();
        terms.units = change.add.iter().map(LentUnit::in_terms).collect();
        terms.withheld = lent::withheld(&change.add);
        terms.issued = now;
        terms.expires = change.expires.unwrap_or(terms.expires);
        terms.budget = change.budget.unwrap_or(terms.budget);
        terms.head = change.head.filter(|head| head.seq > terms.head.seq).unwrap_or(terms.head);
        terms.seq = terms.seq.checked_add(1).ok_or(ErrorCode::Malformed)?;
        let units = self.units.len().saturating_add(terms.units.len());
        let life = terms.expires.since(self.granted);
        let lasts = life >= MIN_SESSION_MILLIS && terms.expires <= self.ends_by && terms.expires > now;
        if units > MAX_UNITS_PER_SESSION || !lasts {
            return Err(ErrorCode::Malformed);
        }
        check_terms(&terms)?;
        self.seal_grant(terms, change.add, device, rng).map_err(|OpenError| ErrorCode::Internal)
    }

    /// Which session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The Terms in force.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The latest end that this session can have, by the server's clock: two hours after the first Terms, for an agent no later
    /// than the credential.
    #[must_use]
    pub const fn ends_by(&self) -> UnixMillis {
        self.ends_by
    }

    /// Whether this unit was granted.
    #[must_use]
    pub fn lends(&self, unit: &UnitId) -> bool {
        self.units.contains_key(unit)
    }

    /// The live channel.
    #[must_use]
    pub const fn live(&mut self) -> Option<&mut LiveChannel> {
        self.live.as_mut()
    }

    /// The device's end of this session.
    #[must_use]
    pub fn end(&self, device: &Signing, last_receipt: Hash, at: UnixMillis) -> Signed {
        sign_end(device, self.session, Side::Device, last_receipt, at)
    }

    /// The device's word that it saw the audit trail up to a receipt.
    #[must_use]
    pub fn countersign(&self, device: &Signing, head: Hash, seq: u64) -> Signed {
        countersign(device, self.session, head, seq)
    }
}

impl core::fmt::Debug for DeviceSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DeviceSession({}, {} units)", self.session, self.units.len())
    }
}

/// Signs the end of a session; another process of the same device can, with the session's id alone.
#[must_use]
pub fn sign_end(signing: &Signing, session: SessionId, side: Side, last_receipt: Hash, at: UnixMillis) -> Signed {
    signing.sign_statement(StatementKind::End, &End { suite: SUITE, session, side, last_receipt, at })
}

/// Signs the end of a session that another device of the account began.
#[must_use]
pub fn sign_stop(signing: &Signing, stop: &Stop) -> Signed {
    signing.sign_statement(StatementKind::Stop, stop)
}

/// Signs an audit trail up to a receipt.
#[must_use]
pub fn countersign(signing: &Signing, session: SessionId, head: Hash, seq: u64) -> Signed {
    signing.sign_statement(StatementKind::Countersign, &Countersignature { suite: SUITE, session, head, seq })
}

#[cfg(test)]
mod tests;
