//! A session that runs: units, openings, the live channel, time.

use std::collections::VecDeque;

use glimpse_wire::account::Signed;
use glimpse_wire::api::CBOR;
use glimpse_wire::limits::{IDLE_MILLIS, MAX_ASK, MAX_SESSION_MILLIS};
use glimpse_wire::live::Live;
use glimpse_wire::organisation;
use glimpse_wire::pairing::{Message, Rights, Terms};
use glimpse_wire::{ErrorCode, UnitId, UnixMillis, encode};

use super::mailbox::{Mailbox, Received};
use super::opening::{Opening, OpeningView, Stage};
use super::{Input, Outbox, Output, ServerClock, named_problem, problem_of};
use crate::Monotonic;
use crate::pairing;
use crate::session::viewer::{Unit, ViewerSession};

/// How long the server may take to hear that this end is over.
const ENDING_MILLIS: u64 = 2_000;
/// The first wait before an opening is asked for again.
const FIRST_WAIT: u64 = 500;
const LONGEST_WAIT: u64 = 30_000;

/// A session that runs.
pub struct Running {
    session: ViewerSession,
    mailbox: Mailbox,
    server_clock: ServerClock,
    /// When the first grant came, by our clock, and when it was issued: what the signed end counts from.
    granted: (Monotonic, UnixMillis),
    touched: Monotonic,
    /// Few at a time: an opening is here until it is closed.
    openings: Vec<(UnitId, Opening)>,
    queue: VecDeque<UnitId>,
    asked: Option<Asked>,
    wait: u64,
    ending: Option<Ending>,
    refused: bool,
}

/// The one opening that is being asked for: requests are numbered, so they go one after the other.
struct Asked {
    unit: UnitId,
    request: Signed,
    http: Option<u64>,
    again_at: Option<Monotonic>,
}

struct Ending {
    reason: ErrorCode,
    http: u64,
    until: Monotonic,
}

impl Running {
    pub(super) fn new(session: ViewerSession, mailbox: Mailbox, server_clock: ServerClock, now: Monotonic) -> Self {
        let issued = session.terms().map_or(UnixMillis(0), |terms| terms.issued);
        Self {
            session,
            mailbox,
            server_clock,
            granted: (now, issued),
            touched: now,
            openings: Vec::new(),
            queue: VecDeque::new(),
            asked: None,
            wait: FIRST_WAIT,
            ending: None,
            refused: false,
        }
    }

    /// The units, in the order in which they were granted.
    pub fn units(&self) -> impl Iterator<Item = (UnitId, &Unit)> {
        self.session.units()
    }

    /// One unit.
    #[must_use]
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.session.unit(id)
    }

    /// Whether the device has prepared a unit.
    #[must_use]
    pub fn is_ready(&self, id: &UnitId) -> bool {
        self.unit(id).is_some_and(|unit| unit.ready)
    }

    /// Units that were opened or are being opened.
    pub fn openings(&self) -> impl Iterator<Item = OpeningView> {
        self.openings.iter().map(|(unit, opening)| opening.view(*unit))
    }

    /// The name that the lender gave; may be empty.
    #[must_use]
    pub fn lender(&self) -> &str {
        &self.session.identity().name
    }

    /// The Terms in force.
    #[must_use]
    pub const fn terms(&self) -> Option<&Terms> {
        self.session.terms()
    }

    /// Which session.
    #[must_use]
    pub const fn session(&self) -> glimpse_wire::SessionId {
        self.session.session()
    }

    /// What was asked, for the audit of an agent's organisation; nothing for the user's own screen.
    #[must_use]
    pub const fn asked(&self) -> Option<&organisation::Asked> {
        self.session.asked()
    }

    /// Whether a copy may be saved.
    #[must_use]
    pub fn may_save(&self) -> bool {
        self.session.terms().is_some_and(|terms| terms.rights & Rights::SAVE != 0)
    }

    /// When the session ends: the signed length, counted by our own clock from the moment of the grant.
    #[must_use]
    pub fn ends_at(&self) -> Monotonic {
        let (at, issued) = self.granted;
        let life = self.session.terms().map_or(0, |terms| terms.expires.since(issued));
        at.plus(life.min(MAX_SESSION_MILLIS))
    }

    /// When the session ends because nothing happens here.
    #[must_use]
    pub const fn idle_at(&self) -> Monotonic {
        self.touched.plus(IDLE_MILLIS)
    }

    /// Whether the server is connected.
    #[must_use]
    pub const fn connected(&self) -> bool {
        self.mailbox.connected()
    }

    /// Whether the device is connected.
    #[must_use]
    pub const fn device_present(&self) -> bool {
        self.mailbox.peer_present()
    }

    /// Whether the device said no to the last thing that was asked.
    #[must_use]
    pub const fn was_refused(&self) -> bool {
        self.refused
    }

    /// Takes what happened; gives the reason when the session is over.
    pub(super) fn handle(&mut self, input: Input, now: Monotonic, outbox: &mut Outbox) -> Option<ErrorCode> {
        if let Some(ending) = &self.ending {
            let told = matches!(input, Input::HttpDone { id, .. } | Input::HttpFailed { id } if id == ending.http);
            return (told || now >= ending.until).then_some(ending.reason);
        }
        if now >= self.ends_at() {
            return Some(ErrorCode::SessionExpired);
        }
        if now >= self.idle_at() && !matches!(input, Input::Touched) {
            self.end(ErrorCode::SessionIdle, now, outbox);
            return None;
        }
        match self.mailbox.handle(&input, now, outbox) {
            Received::Nothing => {}
            Received::Changed => outbox.push(Output::Changed),
            Received::Over(code) => return self.mailbox_over(code, now, outbox),
            Received::Message(message) => {
                if let Err(code) = self.message(&message, outbox) {
                    return self.broken(code, now, outbox);
                }
            }
        }
        if self.mailbox.is_overfull() {
            return self.broken(ErrorCode::ServerUnreachable, now, outbox);
        }
        self.act(input, now, outbox)
    }

    /// The last word of the server on a mailbox is one on the session, or on this connection alone (protocol section 8.3).
    fn mailbox_over(&mut self, code: ErrorCode, now: Monotonic, outbox: &mut Outbox) -> Option<ErrorCode> {
        let of_session = matches!(
            code,
            ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionIdle | ErrorCode::SessionRevoked
        );
        if of_session {
            Some(code)
        } else if code == ErrorCode::NotFound {
            // A server that was started again after a crash has no mailbox any more, and has ended the session.
            Some(ErrorCode::SessionEnded)
        } else if code == ErrorCode::Busy {
            // More waits for the device than the server holds for it: the connection closes, and another one resends.
            None
        } else {
            self.broken(code, now, outbox)
        }
    }

    /// What cannot go on ends here; the server is told, so that it deletes.
    fn broken(&mut self, code: ErrorCode, now: Monotonic, outbox: &mut Outbox) -> Option<ErrorCode> {
        self.end(code, now, outbox);
        None
    }

    fn act(&mut self, input: Input, now: Monotonic, outbox: &mut Outbox) -> Option<ErrorCode> {
        match input {
            Input::HttpDone { id, status, body } => return self.answered(id, status, body, now, outbox),
            Input::HttpFailed { id } => self.failed(id, ErrorCode::ServerUnreachable, now, outbox),
            Input::Tick => self.tick(now, outbox),
            Input::Touched => self.touched = now,
            Input::Open(unit) => {
                self.touched = now;
                self.open(unit, outbox);
            }
            Input::Close(unit) => {
                self.touched = now;
                self.close(unit, outbox);
            }
            Input::AskTime(minutes) => self.ask(&Live::AskTime { minutes }, now, outbox),
            Input::AskRecord(mut text) => {
                text.truncate(text.floor_char_boundary(MAX_ASK));
                self.ask(&Live::AskRecord { text }, now, outbox);
            }
            Input::End => self.end(ErrorCode::SessionEnded, now, outbox),
            Input::Code(_) | Input::Signed(_) | Input::SocketOpened | Input::SocketBytes(_) | Input::SocketClosed => {}
        }
        None
    }

    fn say(&mut self, live: &Live, outbox: &mut Outbox) {
        if let Some(channel) = self.session.live() {
            let sealed = channel.seal(live);
            self.mailbox.send(sealed, outbox);
        }
    }

    fn ask(&mut self, live: &Live, now: Monotonic, outbox: &mut Outbox) {
        self.touched = now;
        self.refused = false;
        self.say(live, outbox);
        outbox.push(Output::Changed);
    }

    fn message(&mut self, bytes: &[u8], outbox: &mut Outbox) -> Result<(), ErrorCode> {
        outbox.push(Output::Changed);
        // An Abort is not authenticated, and nothing that cannot be read belongs here (protocol section 7.4).
        match pairing::receive(bytes).map_err(|_reason| ErrorCode::ChannelBroken)? {
            Message::Grant(grant) => self.session.receive_grant(&grant),
            Message::Live { counter, sealed } => {
                let live = self.session.live().ok_or(ErrorCode::ChannelBroken)?.open(counter, &sealed)?;
                self.heard(live, outbox)
            }
            Message::Hello { .. }
            | Message::Answer { .. }
            | Message::ConfirmA { .. }
            | Message::ConfirmB { .. }
            | Message::Abort { .. } => Err(ErrorCode::ChannelBroken),
        }
    }

    fn heard(&mut self, live: Live, outbox: &mut Outbox) -> Result<(), ErrorCode> {
        match live {
            Live::Ready { units } => {
                for unit in units {
                    self.session.set_ready(&unit, true);
                    if let Some(opening) = self.opening(&unit)
                        && matches!(opening.stage, Stage::Preparing)
                    {
                        opening.stage = Stage::Asking;
                        self.queue.push_back(unit);
                    }
                }
                self.ask_next(outbox);
            }
            Live::Unavailable { unit, code } => {
                if let Some(opening) = self.opening(&unit) {
                    opening.fail(code);
                }
            }
            Live::Refused => self.refused = true,
            Live::End { code } => return Err(code),
            Live::Receipts { seq, head } => {
                let ours = self.session.receipts();
                if seq.checked_add(1) == Some(ours.len()) && head != ours.head() {
                    return Err(ErrorCode::RecordTampered);
                }
            }
            // What only a viewer says.
            Live::Opened { .. } | Live::Want { .. } | Live::AskTime { .. } | Live::AskRecord { .. } => {
                return Err(ErrorCode::ChannelBroken);
            }
        }
        Ok(())
    }

    fn open(&mut self, unit: UnitId, outbox: &mut Outbox) {
        if self.session.unit(&unit).is_none() {
            return;
        }
        outbox.push(Output::Changed);
        if let Some(opening) = self.opening(&unit)
            && (opening.resume(outbox) || !matches!(opening.stage, Stage::Failed(_) | Stage::Done))
        {
            return;
        }
        if self.is_ready(&unit) {
            self.start(unit, Stage::Asking);
            self.queue.push_back(unit);
            self.ask_next(outbox);
        } else {
            self.start(unit, Stage::Preparing);
            self.say(&Live::Want { unit }, outbox);
        }
    }

    fn opening(&mut self, unit: &UnitId) -> Option<&mut Opening> {
        self.openings.iter_mut().find(|(opened, _)| opened == unit).map(|(_, opening)| opening)
    }

    /// Begins an opening anew.
    fn start(&mut self, unit: UnitId, stage: Stage) {
        self.openings.retain(|(opened, _)| *opened != unit);
        self.openings.push((unit, Opening::new(stage)));
    }

    fn close(&mut self, unit: UnitId, outbox: &mut Outbox) {
        // An opening that is being asked for stays asked: its number is in use until the server answers.
        self.openings.retain(|(opened, _)| *opened != unit);
        self.queue.retain(|waiting| *waiting != unit);
        outbox.push(Output::Changed);
    }

    fn ask_next(&mut self, outbox: &mut Outbox) {
        while self.asked.is_none() {
            let Some(unit) = self.queue.pop_front() else { return };
            match self.session.request(&unit) {
                Ok(request) => {
                    let http = Some(self.post_request(&request, outbox));
                    self.asked = Some(Asked { unit, request, http, again_at: None });
                }
                Err(code) => self.fail(&unit, code),
            }
        }
    }

    fn post_request(&self, request: &Signed, outbox: &mut Outbox) -> u64 {
        let path = format!("/v1/sessions/{}/open", self.session.session());
        outbox.request("POST", path, CBOR, encode(request))
    }

    fn fail(&mut self, unit: &UnitId, code: ErrorCode) {
        if let Some(opening) = self.opening(unit) {
            opening.fail(code);
        }
    }

    fn answered(
        &mut self,
        id: u64,
        status: u16,
        body: Vec<u8>,
        now: Monotonic,
        outbox: &mut Outbox,
    ) -> Option<ErrorCode> {
        let ok = matches!(status, 200 | 206);
        if !ok {
            if status == 410 {
                return Some(problem_of(status, &body));
            }
            let opens = self.asked.as_ref().is_some_and(|asked| asked.http == Some(id));
            let code = if opens {
                named_problem(&body).unwrap_or(ErrorCode::ServerUnreachable)
            } else {
                problem_of(status, &body)
            };
            // Whether the server used the number cannot be told: other bytes under it could be an alarm.
            if opens && !code.is_passing() && !leaves_openings(code) {
                return self.broken(code, now, outbox);
            }
            self.failed(id, code, now, outbox);
            return None;
        }
        outbox.push(Output::Changed);
        if self.asked.as_ref().is_some_and(|asked| asked.http == Some(id)) {
            if let Some(asked) = self.asked.take() {
                self.opened(&asked, &body, outbox);
            }
            self.ask_next(outbox);
            return None;
        }
        let session = self.session.session();
        if let Some((unit, opening)) = self.openings.iter_mut().find(|(_, opening)| opening.owns(id)) {
            opening.answered(*unit, id, body, session, outbox);
            // Who waits for a long record is there.
            self.touched = now;
        }
        None
    }

    fn opened(&mut self, asked: &Asked, body: &[u8], outbox: &mut Outbox) {
        self.wait = FIRST_WAIT;
        match self.session.opened(&asked.request, body) {
            Ok(opener) => {
                let (seq, head) = (self.session.receipts().len().saturating_sub(1), self.session.receipts().head());
                self.say(&Live::Receipts { seq, head }, outbox);
                let session = self.session.session();
                if let Some(opening) = self.opening(&asked.unit) {
                    opening.begin(session, asked.unit, opener, outbox);
                    self.say(&Live::Opened { unit: asked.unit }, outbox);
                }
            }
            Err(code) => self.fail(&asked.unit, code),
        }
    }

    fn failed(&mut self, id: u64, code: ErrorCode, now: Monotonic, outbox: &mut Outbox) {
        outbox.push(Output::Changed);
        if self.asked.as_ref().is_some_and(|asked| asked.http == Some(id)) {
            if let Some(asked) = self.asked.take() {
                self.refused_opening(asked, code, now, outbox);
            }
            return;
        }
        if let Some((_, opening)) = self.openings.iter_mut().find(|(_, opening)| opening.owns(id)) {
            opening.failed(id, code, now);
        }
    }

    fn refused_opening(&mut self, asked: Asked, code: ErrorCode, now: Monotonic, outbox: &mut Outbox) {
        if code.is_passing() {
            // The answer may be on its way back: the same bytes again get the same answer.
            let again_at = Some(now.plus(self.wait));
            self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
            self.asked = Some(Asked { http: None, again_at, ..asked });
            return;
        }
        // A refusal that is written down uses the number up; every other leaves it free (protocol section 7.2).
        if code != ErrorCode::NotGranted {
            self.session.take_back(&asked.request);
        }
        if code == ErrorCode::NotReady {
            self.session.set_ready(&asked.unit, false);
            if let Some(opening) = self.opening(&asked.unit) {
                opening.stage = Stage::Preparing;
                self.say(&Live::Want { unit: asked.unit }, outbox);
            }
        } else {
            self.fail(&asked.unit, code);
        }
        self.ask_next(outbox);
    }

    fn tick(&mut self, now: Monotonic, outbox: &mut Outbox) {
        let due = self.asked.as_ref().is_some_and(|asked| asked.again_at.is_some_and(|at| now >= at));
        if due && let Some(mut asked) = self.asked.take() {
            asked.http = Some(self.post_request(&asked.request, outbox));
            asked.again_at = None;
            self.asked = Some(asked);
        }
        for (_, opening) in &mut self.openings {
            opening.tick(now, outbox);
        }
    }

    fn end(&mut self, reason: ErrorCode, now: Monotonic, outbox: &mut Outbox) {
        self.say(&Live::End { code: reason }, outbox);
        self.openings.clear();
        let statement = self.session.end(self.server_clock.at(now));
        let path = format!("/v1/sessions/{}/end", self.session.session());
        let http = outbox.request("POST", path, CBOR, encode(&statement));
        self.ending = Some(Ending { reason, http, until: now.plus(ENDING_MILLIS) });
    }
}

/// Refusals of an opening after which others may be asked for (protocol section 7.2).
const fn leaves_openings(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotReady | ErrorCode::BudgetSpent | ErrorCode::NotGranted)
}

impl core::fmt::Debug for Running {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Running({:?})", self.session)
    }
}
