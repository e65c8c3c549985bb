//! Sessions from outside: which there are, ending one from any process, and their audit trails.

mod told;

use core::cmp::Reverse;

use glimpse_core::receipts::{Audit, BrokenTrail, audit};
use glimpse_core::session::device::{sign_end, sign_stop};
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Receipts, SessionSummary, Sessions};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_MESSAGE, MAX_RECEIPT, MAX_RECEIPTS, MAX_TRAIL, MAX_TRAIL_RECEIPTS};
use glimpse_wire::organisation::{Asked, CredentialFault, Request};
use glimpse_wire::pairing::Terms;
use glimpse_wire::session::{Event, Receipt, Side, Stop};
use glimpse_wire::{DeviceId, ErrorCode, Hash, SUITE, SessionId, SigningKeyBytes, UnixMillis, decode, encode};

pub use told::told;

use crate::account::Device;
use crate::api::{bare, json, with_cbor};
use crate::error::DeviceError;
use crate::transport::Method;

/// A page of receipts as it arrives, in bytes.
const MAX_PAGE: usize = 2 * MAX_RECEIPTS * MAX_RECEIPT;
/// A list of sessions as it arrives, in bytes.
const MAX_SESSIONS: usize = 16 * 1024 * 1024;
/// A trail that is kept, in bytes: with the length in front of each receipt.
const MAX_KEPT: usize = MAX_TRAIL + 16 * MAX_TRAIL_RECEIPTS;

/// The audit trail of a session.
#[derive(Debug)]
pub struct SessionTrail {
    /// Of which.
    pub session: SessionId,
    /// Each a [`Receipt`], by rising number.
    pub receipts: Vec<Bytes>,
    /// What it shows; nothing unless all of it holds, and the server tells nothing else than what was kept here.
    pub audit: Option<Audit>,
    /// What it may be taken for.
    pub verdict: Verdict,
    /// What the agent asked, where it was one: as it was kept, unchecked.
    pub asked: Option<Asked>,
}

/// What an audit trail may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every link and every signature holds, from the grant to the end.
    Whole,
    /// It holds as far as it goes, and there is no end in it: the session runs, or the rest was cut off.
    NoEnd,
    /// This receipt does not hold. Those before it do.
    Broken {
        /// Its number.
        seq: u64,
    },
    /// The server gives another trail than the one that was kept here, or one that cannot be read. The receipts are those
    /// that were kept.
    Contradicted,
}

impl Verdict {
    /// Of a trail that holds.
    #[must_use]
    pub const fn of(audit: &Audit) -> Self {
        if audit.ended { Self::Whole } else { Self::NoEnd }
    }
}

/// A session as its kept trail tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSession {
    /// Which.
    pub session: SessionId,
    /// When its first receipt was written, by the server's clock.
    pub begun: UnixMillis,
    /// Records that were lent.
    pub units: u64,
    /// Openings.
    pub opened: u64,
    /// Why it ended, if its end is in the trail.
    pub ended: Option<ErrorCode>,
}

impl SessionTrail {
    /// The receipts, decoded.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`].
    pub fn decoded(&self) -> Result<Vec<Receipt>, ErrorCode> {
        let decoded = self.receipts.iter().map(|receipt| decode(receipt.as_slice(), MAX_RECEIPT));
        decoded.collect::<Result<_, _>>().map_err(|_| ErrorCode::Malformed)
    }

    /// Who asked for it and why, where an agent did: what the first Terms commit to, with every signature in it. Whether the
    /// organisation is known is another question.
    ///
    /// # Errors
    /// [`CredentialFault`] where an agent asked and it cannot be shown who.
    pub fn request(&self) -> Result<Option<Request>, CredentialFault> {
        let terms = first_terms(&self.receipts).ok_or(CredentialFault::Missing)?;
        if terms.asked == Hash::ZERO {
            return Ok(None);
        }
        self.asked.as_ref().ok_or(CredentialFault::Missing)?.check(&terms).map(Some)
    }

    /// Whether a device has countersigned it.
    #[must_use]
    pub fn is_countersigned(&self) -> bool {
        self.decoded()
            .is_ok_and(|receipts| receipts.iter().any(|receipt| matches!(receipt.event, Event::Countersigned { .. })))
    }
}

impl Device {
    /// The sessions that run, and those that ended within a day; newest first.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn sessions(&self) -> Result<Vec<SessionSummary>, DeviceError> {
        let response = self.authorised(|token| bare(Method::Get, "/v1/sessions".to_owned()).by(token)).await?;
        let sessions: Sessions = json(response, MAX_SESSIONS).await?;
        Ok(sessions.sessions)
    }

    /// Ends a session of the account, whichever device began it and whichever process runs it.
    ///
    /// # Errors
    /// [`DeviceError::Refused`]; a session that is over already is no error.
    pub async fn end_session(&self, session: SessionId) -> Result<(), DeviceError> {
        let signed = sign_end(self.keys().signing(), session, Side::Device, Hash::ZERO, self.machine.now());
        match self.end_signed(session, &signed).await {
            // Another device began it: its signature was wanted.
            Err(error) if error.code() == Some(ErrorCode::NotFound) => self.stop_session(session).await,
            ended => ended,
        }
    }

    /// Ends one that another device began, under the newest head.
    async fn stop_session(&self, session: SessionId) -> Result<(), DeviceError> {
        let stop = || {
            let (account, device, at) = (self.account(), self.keys().id(), self.machine.now());
            let stop = Stop { suite: SUITE, session, account, device, at, head: self.head() };
            sign_stop(self.keys().signing(), &stop)
        };
        match self.end_by(session, "stop", &stop()).await {
            Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                self.sync().await?;
                self.end_by(session, "stop", &stop()).await
            }
            stopped => stopped,
        }
    }

    pub(crate) async fn end_signed(&self, session: SessionId, signed: &Signed) -> Result<(), DeviceError> {
        self.end_by(session, "end", signed).await
    }

    async fn end_by(&self, session: SessionId, how: &str, signed: &Signed) -> Result<(), DeviceError> {
        let body = encode(signed);
        let path = format!("/v1/sessions/{session}/{how}");
        let ended = self.again_if_lost(|| with_cbor(Method::Post, path.clone(), body.clone())).await;
        match ended {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(is_tombstone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The audit trail of a session: the server's, if it begins with what was kept here, otherwise the kept one. What holds
    /// and is longer than what was kept is kept.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when neither has it; [`DeviceError::Refused`].
    pub async fn trail(&self, session: SessionId) -> Result<SessionTrail, DeviceError> {
        // Before the server is asked: what another process keeps meanwhile, the server has given it.
        let kept = self.kept_trail(session).await?;
        // Where the server cannot be reached, it gives no trail either.
        let _met = self.meet_server().await;
        let given = match (self.receipts_after(session, None).await, &kept) {
            (Ok(given), _) if !given.is_empty() => Given::Receipts(given),
            (Ok(_), None) => return Err(ErrorCode::NotFound.into()),
            (Err(error), None) => return Err(error),
            (Err(error), Some(_)) if matches!(error.code(), Some(ErrorCode::Malformed | ErrorCode::TooLarge)) => {
                Given::Nonsense
            }
            // Not there any more, or not now.
            (Ok(_) | Err(_), Some(_)) => Given::Nothing,
        };
        if let Given::Receipts(receipts) = &given {
            self.meet_stopper(receipts).await;
        }
        let mut trail = self.judged(session, kept, given);
        trail.asked = self.kept_asked(session).await?;
        if trail.audit.is_some() {
            self.keep_trail(session, &trail.receipts).await?;
        }
        Ok(trail)
    }

    /// Looks for whoever ended a session and joined after this device had looked last.
    pub(crate) async fn meet_stopper(&self, receipts: &[Bytes]) {
        let receipt = |bytes: &Bytes| decode::<Receipt>(bytes.as_slice(), MAX_RECEIPT).ok();
        let stop = receipts.iter().rev().filter_map(receipt).find_map(|receipt| stopped(&receipt));
        if stop.is_some_and(|stop| stopper(&self.known().chain, &stop).is_none()) {
            // Without an answer the trail does not hold, which the audit says.
            let _synced = self.sync().await;
        }
    }

    fn judged(&self, session: SessionId, kept: Option<Vec<Bytes>>, given: Given) -> SessionTrail {
        // A file that does not hold by itself is no measure for anybody.
        let held = kept.as_ref().is_some_and(|kept| self.audit(session, kept).is_ok());
        let kept = kept.unwrap_or_default();
        let (receipts, contradicted) = match given {
            Given::Receipts(given) if !held || given.starts_with(&kept) => (given, false),
            Given::Receipts(_) | Given::Nonsense => (kept, true),
            Given::Nothing => (kept, false),
        };
        let (audit, verdict) = match self.audit(session, &receipts) {
            Ok(_) if contradicted => (None, Verdict::Contradicted),
            Ok(audit) => {
                let verdict = Verdict::of(&audit);
                (Some(audit), verdict)
            }
            Err(BrokenTrail { seq }) => (None, Verdict::Broken { seq }),
        };
        SessionTrail { session, receipts, audit, verdict, asked: None }
    }

    pub(crate) fn audit(&self, session: SessionId, receipts: &[Bytes]) -> Result<Audit, BrokenTrail> {
        let known = self.known();
        let lender = self.lender(session, receipts);
        let member = known.chain.members().iter().find(|member| member.id == lender);
        let key = member.map_or_else(|| self.keys().signing().public(), |member| member.device.signing);
        audit(session, &key, &|stop| stopper(&known.chain, stop), self.server_key.get().as_ref(), receipts)
    }

    /// The device of the account that lent: this one, unless the first Terms are by another.
    #[must_use]
    pub fn lender(&self, session: SessionId, receipts: &[Bytes]) -> DeviceId {
        let own = self.keys().id();
        let known = self.known();
        let others = known.chain.members().iter().filter(|member| member.id != own);
        let lent = |key: &SigningKeyBytes| lent_by(key, session, receipts);
        if lent(&self.keys().signing().public()) {
            return own;
        }
        others.into_iter().find(|member| lent(&member.device.signing)).map_or(own, |member| member.id)
    }

    /// Sessions whose trails are kept here, newest first.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn kept_trails(&self) -> Result<Vec<SessionId>, DeviceError> {
        Ok(self.kept_sessions().await?.iter().map(|kept| kept.session).collect())
    }

    /// What the trails that are kept here tell, newest first. They are read, not verified; one that cannot be read comes
    /// last, at time zero.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn kept_sessions(&self) -> Result<Vec<KeptSession>, DeviceError> {
        let mut kept = Vec::new();
        for name in self.home.trails().await? {
            let Ok(session) = name.parse::<SessionId>() else { continue };
            let receipts = match self.kept_trail(session).await {
                Ok(receipts) => receipts.unwrap_or_default(),
                Err(DeviceError::Damaged(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
            kept.push(summed_up(session, &receipts));
        }
        kept.sort_by_key(|kept| Reverse((kept.begun, kept.session)));
        Ok(kept)
    }

    pub(crate) async fn receipts_after(
        &self,
        session: SessionId,
        after: Option<u64>,
    ) -> Result<Vec<Bytes>, DeviceError> {
        let mut all: Vec<Bytes> = Vec::new();
        let mut bytes = 0usize;
        let mut after = after;
        loop {
            let query = after.map_or_else(String::new, |after| format!("?after={after}"));
            let path = format!("/v1/sessions/{session}/receipts{query}");
            let response = self.authorised(|token| bare(Method::Get, path.clone()).by(token)).await?;
            let page: Receipts = json(response, MAX_PAGE).await?;
            let Some(last) = page.receipts.last() else { return Ok(all) };
            let last: Receipt = decode(last.as_slice(), MAX_RECEIPT).map_err(|_| ErrorCode::Malformed)?;
            // Each page gets further than the one before.
            if after.is_some_and(|after| last.seq <= after) {
                return Err(ErrorCode::Malformed.into());
            }
            after = Some(last.seq);
            bytes = page.receipts.iter().fold(bytes, |sum, receipt| sum.saturating_add(receipt.as_slice().len()));
            all.extend(page.receipts);
            if all.len() > MAX_TRAIL_RECEIPTS || bytes > MAX_TRAIL {
                return Err(ErrorCode::TooLarge.into());
            }
            if !page.more {
                return Ok(all);
            }
        }
    }

    pub(crate) async fn countersign(&self, session: SessionId, signed: &Signed) -> Result<(), DeviceError> {
        let body = encode(signed);
        let path = format!("/v1/sessions/{session}/countersign");
        self.authorised(|token| with_cbor(Method::Post, path.clone(), body.clone()).by(token)).await?;
        Ok(())
    }

    /// Keeps as much of a trail as holds, if it goes on from what is kept already.
    pub(crate) async fn keep_trail(&self, session: SessionId, receipts: &[Bytes]) -> Result<(), DeviceError> {
        let holds = match self.audit(session, receipts) {
            Ok(_) => receipts,
            Err(BrokenTrail { seq }) => {
                let (holds, _) = receipts.split_at_checked(usize::try_from(seq).unwrap_or(0)).unwrap_or_default();
                holds
            }
        };
        let _held = self.home.lock_trails().await?;
        let kept = match self.kept_trail(session).await {
            // What does not hold is no trail of this session, and what cannot be read is none at all.
            Ok(Some(kept)) if self.audit(session, &kept).is_ok() => kept,
            Ok(_) | Err(DeviceError::Damaged(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        if holds.len() > kept.len() && holds.starts_with(&kept) {
            self.home.store_trail(&session.to_string(), &encode(&holds.to_vec())).await?;
        }
        Ok(())
    }

    /// Keeps what an agent asked. Before anything is granted: a session whose reason is lost is none.
    pub(crate) async fn keep_asked(&self, session: SessionId, asked: &Asked) -> Result<(), DeviceError> {
        Ok(self.home.store_asked(&session.to_string(), &encode(asked)).await?)
    }

    /// What cannot be read proves nothing, and is as good as lost.
    async fn kept_asked(&self, session: SessionId) -> Result<Option<Asked>, DeviceError> {
        let bytes = self.home.asked(&session.to_string()).await?;
        Ok(bytes.and_then(|bytes| decode(&bytes, MAX_MESSAGE).ok()))
    }

    async fn kept_trail(&self, session: SessionId) -> Result<Option<Vec<Bytes>>, DeviceError> {
        let Some(bytes) = self.home.trail(&session.to_string()).await? else { return Ok(None) };
        decode(&bytes, MAX_KEPT).map(Some).map_err(|_| DeviceError::Damaged("receipts"))
    }
}

/// The Terms under which a session began, if its first receipt holds such.
#[must_use]
pub fn first_terms(receipts: &[Bytes]) -> Option<Terms> {
    let first: Receipt = decode(receipts.first()?.as_slice(), MAX_RECEIPT).ok()?;
    let Event::Granted { terms, .. } = first.event else { return None };
    decode(terms.as_slice(), MAX_RECEIPT).ok()
}

/// Whether the first receipt holds Terms that this key signed.
#[must_use]
pub fn lent_by(key: &SigningKeyBytes, session: SessionId, receipts: &[Bytes]) -> bool {
    audit(session, key, &|_| None, None, receipts.get(..1).unwrap_or_default()).is_ok()
}

/// The key of the device that ended a session which another one began, if it belonged to the account then.
#[must_use]
pub fn stopper(chain: &Chain, stop: &Stop) -> Option<SigningKeyBytes> {
    chain.active_at(&stop.device, &stop.head).map(|member| member.device.signing)
}

/// The statement by which another device than the one that lent ended a session. It is read, not verified.
#[must_use]
pub fn stopped(receipt: &Receipt) -> Option<Stop> {
    let Event::Ended { statement, signature, .. } = &receipt.event else { return None };
    Signed { statement: statement.clone(), signature: *signature }.peek().ok()
}

/// What the server gives when it is asked for a trail.
enum Given {
    Receipts(Vec<Bytes>),
    /// It has none, or cannot be reached.
    Nothing,
    /// What cannot be read, or never ends.
    Nonsense,
}

/// What a trail tells of its session.
fn summed_up(session: SessionId, receipts: &[Bytes]) -> KeptSession {
    let mut told = KeptSession { session, begun: UnixMillis(0), units: 0, opened: 0, ended: None };
    let decoded = receipts.iter().filter_map(|receipt| decode::<Receipt>(receipt.as_slice(), MAX_RECEIPT).ok());
    for receipt in decoded {
        if receipt.seq == 0 {
            told.begun = receipt.at;
        }
        match receipt.event {
            Event::Granted { terms, .. } => {
                let units = decode::<Terms>(terms.as_slice(), MAX_RECEIPT).map_or(0, |terms| terms.units.len());
                told.units = told.units.saturating_add(u64::try_from(units).unwrap_or(u64::MAX));
            }
            Event::Opened { .. } => told.opened = told.opened.saturating_add(1),
            Event::Ended { code, .. } => told.ended = Some(code),
            Event::Refused { .. } | Event::Deleted { .. } | Event::Countersigned { .. } => {}
        }
    }
    told
}

/// Whether a code is the reason of a session that is over.
fn is_tombstone(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionRevoked | ErrorCode::SessionIdle
    )
}
