//! The life of a session across the three databases and the mailboxes: grant, open, end, sweep.
//!
//! Whatever changes one session takes its turn, so that no share is released while the session ends. Each step that touches
//! more than one database is written so that a crash between two of them is finished by the sweep at the next start:
//! what everyone is told comes first, what destroys comes before the receipt that says "destroyed".

mod agents;
mod lives;

use std::sync::Arc;

use glimpse_wire::account::Signed;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::MAX_FRAME;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::{End, Event, OpenRequest, Opened, Side, Stop};
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, SUITE, SessionId, UnixMillis};
use tokio::sync::MutexGuard;

pub(crate) use self::lives::Lives;
use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::session::{SignedTerms, Verdict};
use crate::store::{Entry, Opening, Session, SignedIn};

/// How far a clock may step back over a restart without an alarm: time services correct by less.
const CLOCK_STEP_MILLIS: u64 = 5_000;

/// Why a session ends.
#[derive(Clone, Copy, Debug)]
struct Ending<'e> {
    /// What everyone is told.
    reason: ErrorCode,
    /// The statement that ended it.
    signed: Option<&'e Signed>,
    /// The device of the account that ended it, and needs no telling.
    by: Option<DeviceId>,
}

impl Ending<'_> {
    /// By the clock, or because of something else that happened.
    const fn by_itself(reason: ErrorCode) -> Self {
        Self { reason, signed: None, by: None }
    }

    const fn by_device(reason: ErrorCode, device: DeviceId) -> Self {
        Self { reason, signed: None, by: Some(device) }
    }
}

/// An end, with the statement and the signature of whoever signed it; where nobody did, with zeros in their place.
fn ended(code: ErrorCode, signed: Option<(Vec<u8>, [u8; 64])>) -> Event {
    let (statement, signature) = signed.unwrap_or((Vec::new(), [0; 64]));
    Event::Ended { code, statement: Bytes(statement), signature: SignatureBytes(signature) }
}

impl App {
    async fn turn(&self, session: &SessionId) -> Answer<MutexGuard<'_, ()>> {
        let [byte, ..] = session.0;
        self.lives.turns.of(byte).await
    }

    /// A session that lives, or why not: `NotFound`, or the reason of its tombstone. The caller holds its turn.
    async fn living(&self, id: &SessionId, now: UnixMillis) -> Answer<Session> {
        let session = self.store.session(id).await?.ok_or(ErrorCode::NotFound)?;
        if let Some(code) = session.ended {
            return Err(code.into());
        }
        if let Some(code) = self.lapsed(&session, now) {
            self.finish(&session, Ending::by_itself(code), now).await?;
            return Err(code.into());
        }
        Ok(session)
    }

    /// Why the session is over by the clock, if it is.
    fn lapsed(&self, session: &Session, now: UnixMillis) -> Option<ErrorCode> {
        let idle = now.since(self.lives.idle_since(&session.session, now));
        if session.expires.0 <= now.0 {
            Some(ErrorCode::SessionExpired)
        } else if idle >= self.idle_millis() {
            Some(ErrorCode::SessionIdle)
        } else {
            None
        }
    }

    /// A live session that this device granted: the others of its account do not hold its keys.
    pub(crate) async fn session_of(&self, id: &SessionId, device: &SignedIn) -> Answer<Session> {
        let _turn = self.turn(id).await?;
        let session = self.living(id, self.clock.now()).await?;
        let theirs = (session.account, session.device) == (device.account, device.device);
        if theirs { Ok(session) } else { Err(ErrorCode::NotFound.into()) }
    }

    /// A live session, for whoever knows its id.
    pub(crate) async fn live_session(&self, id: &SessionId) -> Answer<Session> {
        let _turn = self.turn(id).await?;
        self.living(id, self.clock.now()).await
    }

    /// Registers a session, or finds it registered by the same Terms.
    pub(crate) async fn grant(&self, device: &SignedIn, body: &[u8]) -> Answer<()> {
        let signed = SignedTerms::parse(body, MAX_FRAME, device)?;
        let id = signed.terms.session;
        // First: whoever waits for it holds up no other session.
        let [byte, ..] = device.account.0;
        let _grant = self.lives.grants.of(byte).await?;
        let _turn = self.turn(&id).await?;
        let now = self.clock.now();
        if let Some(there) = self.store.session(&id).await? {
            return match there.ended {
                Some(code) if there.account == device.account => Err(code.into()),
                // A crash of either side may have come before the mailbox was given to the session.
                None if there.terms == signed.hash => self.mailboxes.bind(&there.mailbox, device, &id, now),
                Some(_) | None => Err(ErrorCode::Conflict.into()),
            };
        }
        let session = signed.first(device, now)?;
        self.check_grant(device, &signed).await?;
        let live = self.store.live_sessions_of(&device.account).await?.len();
        if u64::try_from(live).unwrap_or(u64::MAX) >= self.settings.limits.sessions_per_account {
            return Err(ErrorCode::RateLimited.into());
        }
        let agent = self.mailboxes.check_bind(&session.mailbox, device, &id, now)?;
        let session = Session { agent, ..session };
        // What an agent asked is on record where an agent asked, and nowhere else.
        if session.agent.is_some() != (session.asked != Hash::ZERO) {
            return Err(ErrorCode::Malformed.into());
        }
        self.check_agent(&session, now).await?;
        self.put_terms(&session, &signed, now).await?;
        let bound = self.mailboxes.bind(&session.mailbox, device, &id, now);
        if bound.is_err() {
            // The pairing ended since it was asked, so nobody can be given the grant.
            self.finish(&session, Ending::by_device(ErrorCode::SessionEnded, device.device), now).await?;
        }
        if self.store.device_key(&device.account, &device.device).await?.is_none() {
            // The account was deleted meanwhile, or the device taken out, and the sessions may have been ended before there
            // was this one.
            self.finish(&session, Ending::by_itself(ErrorCode::SessionRevoked), now).await?;
            if self.store.member(&device.account, &device.device).await?.is_some() {
                return Err(ErrorCode::DeviceRevoked.into());
            }
            self.store.blank_owner(&device.account).await?;
        } else if bound.is_ok() {
            self.wake_others(&device.account, Some(device.device));
        }
        if let Err(problem) = self.check_agent(&session, now).await {
            // The same of the agent's organisation, which took its word back.
            self.finish(&session, Ending::by_itself(ErrorCode::SessionRevoked), now).await?;
            return Err(problem);
        }
        bound
    }

    /// Takes the next Terms of a session, or finds them taken.
    pub(crate) async fn amend(&self, device: &SignedIn, id: &SessionId, body: &[u8]) -> Answer<()> {
        let signed = SignedTerms::parse(body, MAX_FRAME, device)?;
        if signed.terms.session != *id {
            return Err(ErrorCode::Malformed.into());
        }
        let _turn = self.turn(id).await?;
        let now = self.clock.now();
        let session = self.living(id, now).await?;
        if session.account != device.account || session.device != device.device {
            return Err(ErrorCode::NotFound.into());
        }
        if session.terms == signed.hash {
            return Ok(());
        }
        let session = signed.next(&session, now)?;
        self.check_grant(device, &signed).await?;
        for unit in signed.units() {
            if self.store.unit(id, &unit.unit).await?.is_some() {
                return Err(ErrorCode::Conflict.into());
            }
        }
        self.put_terms(&session, &signed, now).await
    }

    /// Whose they are must belong, and what Terms name must be there: the head, and the record versions whose own ciphertext they lend.
    async fn check_grant(&self, device: &SignedIn, signed: &SignedTerms) -> Answer<()> {
        // It may have been taken out while the request's body was on its way.
        self.store.still_belongs(device).await?;
        if signed.terms.head != self.store.head(&device.account).await? {
            return Err(ErrorCode::Conflict.into());
        }
        let units = signed.units();
        for h0 in units.iter().filter_map(|unit| unit.blob.as_ref()) {
            self.store.published_content(&device.account, h0).await?;
        }
        let mut ids: Vec<_> = units.iter().map(|unit| unit.unit).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() == units.len() { Ok(()) } else { Err(ErrorCode::Malformed.into()) }
    }

    /// The receipt first: what was granted is on record before anything can be opened under it.
    async fn put_terms(&self, session: &Session, signed: &SignedTerms, now: UnixMillis) -> Answer<()> {
        let event = Event::Granted {
            terms: signed.submission.terms.clone(),
            transcript: signed.submission.transcript,
            kem: signed.submission.kem,
            sealed: signed.submission.sealed,
            signature: signed.submission.signature,
        };
        let written = self.store.write_granted(session, event, now).await?;
        self.store.put_session(session, &signed.units()).await?;
        self.tell(session, written);
        self.lives.idle_since(&session.session, now);
        self.lives.touch(&session.session, now);
        Ok(())
    }

    /// Opens a unit for the viewer: judge, write the receipt, and only then release the share.
    pub(crate) async fn open(self: Arc<Self>, id: &SessionId, signed: Signed) -> Answer<Opened> {
        let _turn = self.turn(id).await?;
        let now = self.clock.now();
        let session = self.living(id, now).await?;
        // Whoever cannot sign for the session learns nothing of it.
        let request: OpenRequest =
            signed.open(StatementKind::Open, &session.viewer).map_err(|_| Problem::new(ErrorCode::NotFound))?;
        if request.suite != SUITE || request.session != *id || request.from >= request.to {
            return Err(ErrorCode::Malformed.into());
        }
        let unit = self.store.unit(id, &request.unit).await?;
        let (app, agent) = (Arc::clone(&self), session.agent);
        let admit = Box::new(move || app.admit_opening(agent, now));
        let opening = Opening { session: session.clone(), request, signed, unit: unit.clone(), now, admit };
        let used = self.store.use_counter(opening).await?;
        // Whoever may read the receipts has the signed requests that were answered, and can send them again.
        if !matches!(used.verdict, Verdict::Again { .. }) {
            self.lives.touch(id, now);
        }
        self.tell(&session, used.written);
        if used.verdict == Verdict::Alarm {
            self.metrics.alarms.inc();
        }
        if let Some(code) = used.verdict.code() {
            return Err(code.into());
        }
        let sealed = unit.and_then(|unit| unit.sealed).ok_or(ErrorCode::Internal)?;
        let share = self.store.unit_share(&self.keys, id, &request.unit, &sealed.salt).await?;
        self.metrics.openings.inc();
        Ok(Opened { envelope: Bytes(sealed.envelope), share: share.share, receipts: used.receipts })
    }

    /// Ends a session by a signed statement of its device or its viewer.
    pub(crate) async fn end(&self, id: &SessionId, signed: &Signed) -> Answer<()> {
        let _turn = self.turn(id).await?;
        let now = self.clock.now();
        let session = self.living(id, now).await?;
        let claimed: End = signed.peek()?;
        let key = match claimed.side {
            Side::Viewer => Some(session.viewer),
            Side::Device => self.store.device_key(&session.account, &session.device).await?,
        };
        let key = key.ok_or(ErrorCode::NotFound)?;
        let end: End = signed.open(StatementKind::End, &key).map_err(|_| Problem::new(ErrorCode::NotFound))?;
        if end.suite != SUITE || end.session != *id {
            return Err(ErrorCode::Malformed.into());
        }
        // A trail that ends with a word about a receipt that is not in it would be taken for one that was cut.
        if !self.store.knows_receipt(id, &end.last_receipt).await? {
            return Err(ErrorCode::Conflict.into());
        }
        let by = match claimed.side {
            Side::Viewer => None,
            Side::Device => Some(session.device),
        };
        self.finish(&session, Ending { reason: ErrorCode::SessionEnded, signed: Some(signed), by }, now).await
    }

    /// Ends a session by the signed statement of another device of its account, under the account's newest head.
    pub(crate) async fn stop(&self, id: &SessionId, signed: &Signed) -> Answer<()> {
        let _turn = self.turn(id).await?;
        let now = self.clock.now();
        let session = self.living(id, now).await?;
        let claimed: Stop = signed.peek()?;
        let member = self.store.member(&session.account, &claimed.device).await?.filter(|member| !member.left);
        let member = member.ok_or(ErrorCode::NotFound)?;
        let stop: Stop =
            signed.open(StatementKind::Stop, &member.device.signing).map_err(|_| Problem::new(ErrorCode::NotFound))?;
        if stop.suite != SUITE || stop.session != *id || stop.account != session.account {
            return Err(ErrorCode::Malformed.into());
        }
        // It may do nothing yet, with a token or without.
        if member.free_at > now {
            return Err(ErrorCode::DeviceHeld.into());
        }
        if self.store.head(&session.account).await? != stop.head {
            return Err(ErrorCode::Conflict.into());
        }
        let by = Some(stop.device);
        self.finish(&session, Ending { reason: ErrorCode::SessionEnded, signed: Some(signed), by }, now).await
    }

    /// Turns a session into a tombstone and destroys what it held. May be interrupted anywhere and repeated.
    async fn finish(&self, session: &Session, ending: Ending<'_>, now: UnixMillis) -> Answer<()> {
        let Ending { reason, signed, by } = ending;
        let (id, account) = (&session.session, &session.account);
        if self.store.mark_ended(id, reason, signed, now).await? {
            self.wake_others(account, by);
        }
        self.lives.forget(id);
        let ended = ended(reason, self.store.end_statement(id).await?);
        let written = self.store.write_once(id, account, ended, now).await;
        // A main database that takes no receipt, because its disk is full, must not hold up what is to be destroyed.
        self.tell(session, written.as_ref().ok().cloned().flatten());
        self.mailboxes.finish_session(&session.mailbox, id, reason, now);
        self.store.destroy_units(id).await?;
        written?;
        self.store.write_deleted(id, account, &self.signing, now).await?;
        self.store.mark_destroyed(id).await
    }

    /// Ends every session of an account that is being deleted.
    pub(crate) async fn finish_account(&self, account: &AccountId) -> Answer<()> {
        let now = self.clock.now();
        for id in self.store.live_sessions_of(account).await? {
            let _turn = self.turn(&id).await?;
            if let Some(session) = self.store.session(&id).await?.filter(|session| session.ended.is_none()) {
                self.finish(&session, Ending::by_itself(ErrorCode::SessionRevoked), now).await?;
            }
        }
        self.store.blank_owner(account).await?;
        self.mailboxes.finish_account(account, now);
        Ok(())
    }

    /// Ends whatever devices that were taken out had begun. Their links are on disk; this may be interrupted and repeated.
    /// `by` took them out, if it was just now and a device.
    pub(crate) async fn finish_revoked(&self, by: Option<DeviceId>) -> Answer<()> {
        let now = self.clock.now();
        let mut outcome = Ok(());
        for (account, device) in self.store.leaving().await? {
            let mut ended = Ok(());
            for id in self.store.live_sessions_of(&account).await? {
                ended = ended.and(self.finish_granted(&id, &device, by, now).await);
            }
            self.mailboxes.finish_device(&account, &device, now);
            if ended.is_ok() {
                self.store.has_left(&account, &device).await?;
            }
            outcome = outcome.and(ended);
        }
        outcome
    }

    async fn finish_granted(
        &self,
        id: &SessionId,
        granter: &DeviceId,
        by: Option<DeviceId>,
        now: UnixMillis,
    ) -> Answer<()> {
        let _turn = self.turn(id).await?;
        let theirs = |session: &Session| session.ended.is_none() && session.device == *granter;
        let ending = Ending { reason: ErrorCode::SessionRevoked, signed: None, by };
        match self.store.session(id).await?.filter(theirs) {
            Some(session) => self.finish(&session, ending, now).await,
            None => Ok(()),
        }
    }

    /// Takes up live sessions at the start. One whose mailbox a crash lost cannot go on, and ends.
    pub(crate) async fn resume(&self) -> Answer<()> {
        let now = self.clock.now();
        // While the server was down somebody set the clock back: nobody knows how long its sessions have lasted.
        let went_back = self.store.time_seen().await?.is_some_and(|seen| now.plus(CLOCK_STEP_MILLIS).0 < seen.0);
        if went_back {
            tracing::warn!("the clock went back since the last run; sessions that were live have ended");
        }
        self.mailboxes.restore(&self.store.take_mailboxes().await?);
        // First, so that these sessions end for the reason that they have.
        self.finish_revoked(None).await?;
        self.finish_agents().await?;
        self.finish_lone_grants(now).await?;
        for id in self.store.live_sessions().await? {
            let Some(session) = self.store.session(&id).await? else { continue };
            let lapsed = if went_back { Some(ErrorCode::SessionExpired) } else { self.lapsed(&session, now) };
            match lapsed {
                Some(code) => self.finish(&session, Ending::by_itself(code), now).await?,
                None if self.mailboxes.is_live(&session.mailbox) => {}
                None => self.finish(&session, Ending::by_itself(ErrorCode::SessionEnded), now).await?,
            }
        }
        self.store.see_time(now).await?;
        self.store.sweep_unit_files().await
    }

    /// Ends on record what was granted on record and never was a session: a crash came between the two. Nothing is said of a
    /// deletion: a backup of such a moment looks the same, and what it does not know of may have been destroyed, and said so.
    async fn finish_lone_grants(&self, now: UnixMillis) -> Answer<()> {
        for (id, account) in self.store.lone_grants().await? {
            if self.store.session(&id).await?.is_some() {
                continue;
            }
            self.store.write_once(&id, &account, ended(ErrorCode::SessionEnded, None), now).await?;
        }
        Ok(())
    }

    /// What must happen at the start and then every minute. `at_start`: nothing else is running yet.
    pub(crate) async fn sweep(&self, at_start: bool) -> Answer<()> {
        let now = self.clock.now();
        self.sweep_sessions(now).await?;
        self.store.see_time(now).await?;
        let stale = UnixMillis(now.0.saturating_sub(self.settings.limits.staged_upload_seconds.saturating_mul(1_000)));
        self.store.sweep_uploads(stale, at_start).await?;
        self.store.sweep_reservations(now).await?;
        self.store.sweep_doomed(now).await?;
        self.finish_revoked(None).await?;
        self.finish_agents().await?;
        for account in self.store.doomed_accounts().await? {
            self.finish_account(&account).await?;
        }
        self.store.sweep_accounts().await?;
        self.store.sweep_tokens(now).await?;
        self.store.sweep_agents(now).await?;
        self.store.sweep_releases(now).await?;
        self.store.sweep_tombstones(now).await?;
        self.store.wipe_logs().await
    }

    /// Ends what has lapsed, which happens every second, so that both ends are told in time, and finishes what was left half
    /// ended. One session that fails does not hold up the others; the next round tries it again.
    pub(crate) async fn sweep_sessions(&self, now: UnixMillis) -> Answer<()> {
        let mut candidates = self.store.half_destroyed().await?;
        candidates.extend(self.store.overdue(now).await?);
        candidates.extend(self.lives.idle(now, self.idle_millis()));
        let mut outcome = Ok(());
        for id in candidates {
            outcome = outcome.and(self.sweep_session(&id, now).await);
        }
        outcome
    }

    /// Asked in its turn: it may have been extended, used or ended since it was found.
    async fn sweep_session(&self, id: &SessionId, now: UnixMillis) -> Answer<()> {
        let _turn = self.turn(id).await?;
        let Some(session) = self.store.session(id).await? else {
            self.lives.forget(id);
            return Ok(());
        };
        match session.ended.or_else(|| self.lapsed(&session, now)) {
            Some(code) => {
                self.finish(&session, Ending::by_itself(code), now).await?;
                self.metrics.swept_sessions.inc();
                Ok(())
            }
            None => Ok(()),
        }
    }

    const fn idle_millis(&self) -> u64 {
        self.settings.limits.idle_seconds.saturating_mul(1_000)
    }

    fn tell(&self, session: &Session, written: Option<Entry>) {
        if let Some(entry) = written {
            self.mailboxes.tell_receipt(&session.mailbox, Bytes(entry.body));
        }
    }
}
