//! A session that runs: units made as they are needed, openings mirrored, changes by the user, and the end.

mod asking;
mod changing;
mod hearing;
mod spending;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_core::Monotonic;
use glimpse_core::record::OpenedVersion;
use glimpse_core::session::device::Change;
use glimpse_core::session::{DeviceSession, SealedGrant, fresh_salt};
use glimpse_wire::api::Mailbox;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{AHEAD_TOTAL, AHEAD_UNIT, MAX_SESSION_MILLIS, MIN_SESSION_MILLIS};
use glimpse_wire::live::Live;
use glimpse_wire::{ErrorCode, RecordId, UnitId, UnixMillis};

use super::making::{Shares, put_key, reseal, shares};
use super::pairing::{Granted, Planned, ServerClock, units_of};
use super::trail::Trail;
use super::{Command, Commands, Ending, Event, Happened, Lent, Withheld};
use crate::Local;
use crate::account::Device;
use crate::error::DeviceError;
use crate::mailbox::Link;
use asking::Questions;
use hearing::Told;
use spending::Spending;

/// Units that are made at one time.
const MAKING: usize = 4;
/// Units that are made before they are asked for, at most.
const AHEAD_UNITS: usize = 256;
/// How often the making of a unit is tried.
const TRIES: u32 = 3;
/// Wait before something is tried again, in milliseconds.
const AGAIN: u64 = 1_000;
/// After its time, a session has this long to be ended by the server before the device does it, in milliseconds.
const GRACE: u64 = 3_000;

/// A request that was answered.
enum Done {
    Shares(UnitId, Result<Shares, DeviceError>),
    Made(UnitId, Result<(), DeviceError>),
    /// What is to change, under the newest head that could be had.
    Headed(Change),
    Terms(Box<SealedGrant>, Result<(), DeviceError>),
    Found(Result<Vec<OpenedVersion>, DeviceError>, Vec<Withheld>),
    Receipts(Result<Vec<Bytes>, DeviceError>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not asked for.
    Idle,
    Queued,
    Making,
    Ready,
}

struct Unit {
    planned: Planned,
    stage: Stage,
    tries: u32,
}

/// A session that runs.
pub(super) struct Running<'d> {
    device: &'d Device,
    session: DeviceSession,
    link: Link,
    mailbox: Mailbox,
    clock: ServerClock,
    /// When the first Terms were made: the hard cap counts from there.
    issued: UnixMillis,
    ends: Monotonic,
    /// What the first grant lends, in its order, until it was told.
    first: Vec<Lent>,
    units: BTreeMap<UnitId, Unit>,
    /// Newest first, and what the viewer waits for before everything else.
    queue: VecDeque<UnitId>,
    ahead: u64,
    /// Records of units whose Terms are not in force yet.
    pending: BTreeMap<UnitId, Planned>,
    later: VecDeque<Change>,
    /// Terms that are on their way to the server; one at a time.
    terms_under_way: bool,
    trail: Trail,
    questions: Questions<Event>,
    spending: Spending,
    fetching: bool,
    jobs: FuturesUnordered<Local<'d, Done>>,
}

impl<'d> Running<'d> {
    pub(super) fn new(device: &'d Device, granted: Granted) -> Self {
        let Granted { session, link, mailbox, clock, first, later, lent } = granted;
        let now = device.machine.monotonic();
        let terms = session.terms();
        let issued = terms.issued;
        let life = terms.expires.since(issued).min(MAX_SESSION_MILLIS);
        let trail = Trail::new(session.session(), terms.viewer);
        let in_first: BTreeSet<UnitId> = first.iter().map(|planned| planned.lent.unit).collect();
        let pending = lent.into_iter().filter(|planned| !in_first.contains(&planned.lent.unit));
        let pending = pending.map(|planned| (planned.lent.unit, planned)).collect();
        let mut running = Self {
            device,
            session,
            link,
            mailbox,
            clock,
            issued,
            ends: now.plus(life),
            first: first.iter().map(|planned| planned.lent.clone()).collect(),
            units: BTreeMap::new(),
            queue: VecDeque::new(),
            ahead: 0,
            pending,
            later: later.into_iter().map(|add| Change { add, ..Change::default() }).collect(),
            terms_under_way: false,
            trail,
            questions: Questions::new(now),
            spending: Spending::default(),
            fetching: false,
            jobs: FuturesUnordered::new(),
        };
        running.admit(first);
        running
    }

    /// Runs until the end, and sees that everything is closed.
    pub(super) async fn run(mut self, commands: &mut Commands, events: &mut dyn FnMut(Event)) -> Ending {
        events(Event::Granted {
            session: self.session.session(),
            expires: self.session.terms().expires,
            expires_in: self.now().until(self.ends),
            budget: self.session.terms().budget,
            records: core::mem::take(&mut self.first),
        });
        let end = loop {
            self.work();
            match self.next(commands).await {
                Some(happened) => match self.take(happened, events).await {
                    Ok(()) => {}
                    Err(code) => break code,
                },
                None => continue,
            }
        };
        self.finish(end, events).await
    }

    fn now(&self) -> Monotonic {
        self.device.machine.monotonic()
    }

    /// Units whose Terms are in force: the small ones are made ahead, newest first.
    fn admit(&mut self, planned: Vec<Planned>) {
        for planned in planned {
            let id = planned.lent.unit;
            // What is lent by key is a hundred bytes to make, however large the record.
            let size = if planned.lent.by_key { 512 } else { planned.lent.bytes };
            let room = self.ahead.saturating_add(size) <= AHEAD_TOTAL && self.units.len() < AHEAD_UNITS;
            let ahead = size <= AHEAD_UNIT && room;
            if ahead {
                self.ahead = self.ahead.saturating_add(size);
                self.queue.push_back(id);
            }
            let stage = if ahead { Stage::Queued } else { Stage::Idle };
            self.units.insert(id, Unit { planned, stage, tries: 0 });
        }
    }

    /// Starts what can be started. While the server is away nothing is made: it would be in vain.
    fn work(&mut self) {
        let making = self.units.values().filter(|unit| unit.stage == Stage::Making).count();
        let room = if self.link.is_joined() { MAKING.saturating_sub(making) } else { 0 };
        for _ in 0..room {
            let Some(id) = self.queue.pop_front() else { break };
            let Some(unit) = self.units.get_mut(&id) else { continue };
            unit.stage = Stage::Making;
            let version = unit.planned.lent.by_key.then(|| std::rc::Rc::clone(&unit.planned.version));
            let salt = fresh_salt(&mut self.device.rng());
            let (device, session) = (self.device, self.session.session());
            let again = unit.tries > 0;
            self.jobs.push(Box::pin(async move {
                if again {
                    device.machine.sleep(AGAIN).await;
                }
                Done::Shares(id, shares(device, session, id, salt, version).await)
            }));
        }
        self.change();
    }

    /// How long nothing is to be done by itself, in milliseconds: a device that is put away sleeps as long.
    fn quiet(&self) -> u64 {
        let now = self.now();
        let ends = now.until(self.ends.plus(GRACE)).saturating_add(1);
        let asks = self.questions.quiet(now).unwrap_or(u64::MAX);
        // Never nothing at all, so that whatever else is there has its turn.
        self.link.quiet().min(ends).min(asks).max(1)
    }

    async fn next(&mut self, commands: &mut Commands) -> Option<Step> {
        let machine = std::rc::Rc::clone(&self.device.machine);
        let quiet = self.quiet();
        let raw = select_biased! {
            command = commands.select_next_some() => return Some(Step::Happened(Happened::Command(command))),
            done = self.jobs.select_next_some() => return Some(Step::Done(done)),
            raw = self.link.wait().fuse() => raw,
            () = machine.sleep(quiet).fuse() => return Some(Step::Happened(Happened::Tick)),
        };
        self.link.take(raw).await.map(|news| Step::Happened(Happened::News(news)))
    }

    async fn take(&mut self, step: Step, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        match step {
            Step::Done(done) => self.done(done, events).await,
            Step::Happened(Happened::Command(command)) => self.command(command, events).await,
            Step::Happened(Happened::News(news)) => self.news(news, events).await,
            Step::Happened(Happened::Tick) => {
                if self.ends.plus(GRACE).until(self.now()) > 0 {
                    return Err(ErrorCode::SessionExpired);
                }
                self.ask_next(events);
                self.link.tick().await;
                Ok(())
            }
        }
    }

    async fn done(&mut self, done: Done, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        match done {
            Done::Shares(id, Ok(shares)) => self.seal(id, shares, events).await,
            Done::Shares(id, Err(error)) | Done::Made(id, Err(error)) => self.not_made(id, &error, events).await,
            Done::Made(id, Ok(())) => self.ready(id, events).await,
            Done::Headed(change) => {
                self.amend(change, events);
                Ok(())
            }
            Done::Terms(grant, Ok(())) => self.in_force(&grant, events).await,
            Done::Terms(grant, Err(error)) if error.code().is_some_and(is_passing) => {
                self.submit(grant, AGAIN);
                Ok(())
            }
            // The server does not enforce what this device has signed: the two no longer agree on what is lent.
            Done::Terms(_, Err(error)) => Err(error.code().unwrap_or(ErrorCode::Internal)),
            Done::Found(Ok(records), withheld) => {
                match units_of(self.device, records, &withheld) {
                    Ok((units, planned)) => self.add(units, planned),
                    Err(code) => events(Event::NotChanged(code.into())),
                }
                Ok(())
            }
            Done::Found(Err(error), _) => {
                events(Event::NotChanged(error));
                Ok(())
            }
            Done::Receipts(fetched) => {
                self.fetching = false;
                // What cannot be fetched is asked for again with the next receipt, and at the end.
                for receipt in fetched.unwrap_or_default() {
                    // Asked for those after the newest, the server skips one: asking again would lead to no other end.
                    if self.receipt(&receipt, events)? == Told::TooEarly {
                        return Err(ErrorCode::RecordTampered);
                    }
                }
                Ok(())
            }
        }
    }

    async fn seal(&mut self, id: UnitId, shares: Shares, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        let Some(unit) = self.units.get(&id) else { return Ok(()) };
        let (device, version) = (self.device, std::rc::Rc::clone(&unit.planned.version));
        let cuts = unit.planned.cuts.clone();
        let job: Result<Local<'d, Done>, ErrorCode> = match shares.record {
            None => self.session.seal_unit(&id, shares.salt, &shares.unit).map(|sealer| {
                let job: Local<'d, Done> =
                    Box::pin(async move { Done::Made(id, reseal(device, version, cuts, sealer).await) });
                job
            }),
            Some(record) => self.session.seal_blob_unit(&id, shares.salt, &shares.unit, &version, &record).map(
                |(envelope, sealed)| {
                    let job: Local<'d, Done> =
                        Box::pin(async move { Done::Made(id, put_key(device, envelope, sealed).await) });
                    job
                },
            ),
        };
        match job {
            Ok(job) => {
                self.jobs.push(job);
                Ok(())
            }
            Err(code) => self.not_made(id, &code.into(), events).await,
        }
    }

    async fn ready(&mut self, id: UnitId, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        if let Some(unit) = self.units.get_mut(&id) {
            unit.stage = Stage::Ready;
            events(Event::Ready(unit.planned.lent.clone()));
        }
        self.say(&Live::Ready { units: vec![id] }).await;
        Ok(())
    }

    async fn not_made(
        &mut self,
        id: UnitId,
        error: &DeviceError,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), ErrorCode> {
        let code = error.code().unwrap_or(ErrorCode::Internal);
        let away = !self.link.is_joined();
        let Some(unit) = self.units.get_mut(&id) else { return Ok(()) };
        // While the server is away nothing is tried, so what failed meanwhile does not count.
        unit.tries = if away { 1 } else { unit.tries.saturating_add(1) };
        // An upload whose answer was lost has arrived: the server keeps the first.
        if code == ErrorCode::Conflict && unit.tries > 1 {
            return self.ready(id, events).await;
        }
        if is_over(code) {
            return Err(code);
        }
        // Sealed again from the start, under a fresh salt: nothing that broke off is continued.
        if is_passing(code) && unit.tries < TRIES {
            unit.stage = Stage::Queued;
            self.queue.push_back(id);
            return Ok(());
        }
        unit.stage = Stage::Idle;
        unit.tries = 0;
        events(Event::Unavailable { lent: unit.planned.lent.clone(), code });
        self.say(&Live::Unavailable { unit: id, code }).await;
        Ok(())
    }

    async fn command(&mut self, command: Command, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        match command {
            Command::End | Command::Cancel => return Err(ErrorCode::SessionEnded),
            Command::Extend { millis } => {
                let wanted = self.session.terms().expires.plus(millis);
                self.change_end(wanted.min(self.session.ends_by()));
            }
            Command::Shorten { millis } => {
                // No session is shorter than the least one; a server would refuse it.
                let least = self.issued.plus(MIN_SESSION_MILLIS);
                let wanted = self.clock.at(self.now()).plus(millis.max(1_000)).max(least);
                self.change_end(wanted.min(self.session.terms().expires));
            }
            Command::Add { records, withheld } => self.find(records, withheld),
            Command::Allow { openings } => {
                let budget = self.session.terms().budget.saturating_add(openings);
                self.later.push_back(Change { budget: Some(budget), ..Change::default() });
            }
            Command::Refuse => {
                self.questions.refused(self.now());
                self.say(&Live::Refused).await;
            }
            // A late or repeated answer to a question that is settled.
            Command::Approve { .. } | Command::ApproveAgent { .. } | Command::Decline => {
                events(Event::NotChanged(ErrorCode::Conflict.into()));
            }
        }
        Ok(())
    }

    fn change_end(&mut self, expires: UnixMillis) {
        self.later.push_back(Change { expires: Some(expires), ..Change::default() });
    }

    fn find(&mut self, records: Vec<RecordId>, withheld: Vec<Withheld>) {
        let device = self.device;
        self.jobs.push(Box::pin(async move {
            let found = async {
                let listing = device.listing().await?;
                listing.require_intact()?;
                let ids: Vec<String> = records.iter().map(ToString::to_string).collect();
                let entries = ids.iter().map(|id| listing.find(id)).collect::<Result<Vec<_>, _>>()?;
                device.open_entries(&entries).await
            };
            Done::Found(found.await, withheld)
        }));
    }

    async fn say(&mut self, live: &Live) {
        if let Some(channel) = self.session.live() {
            let sealed = channel.seal(live);
            self.link.send(sealed).await;
        }
    }

    /// Ends the session at the server, collects the rest of the trail, countersigns and keeps it.
    async fn finish(mut self, code: ErrorCode, events: &mut dyn FnMut(Event)) -> Ending {
        let session = self.session.session();
        // What is under way is dropped: after the end nothing more is made.
        self.jobs.clear();
        // An end in order is the server's to tell: said here too, the viewer would race to end it in its own name.
        if !is_over(code) {
            self.say(&Live::End { code }).await;
        }
        let end = self.session.end(self.device.keys().signing(), self.trail.head(), self.clock.at(self.now()));
        let told = self.device.end_signed(session, &end).await.is_ok();
        if let Ok(rest) = self.device.receipts_after(session, self.trail.newest()).await {
            // After the end, nobody can allow more.
            let mut last = |event: Event| {
                if !matches!(event, Event::Spent { .. }) {
                    events(event);
                }
            };
            for receipt in rest {
                // A trail that does not hold is found out by the audit.
                let _told = self.receipt(&receipt, &mut last);
            }
        }
        let receipts = self.trail.receipts();
        self.device.meet_stopper(receipts).await;
        let audit = self.device.audit(session, receipts).ok();
        // Losing the copy or the countersignature changes nothing that was lent; both can be made again.
        let _kept = self.device.keep_trail(session, receipts).await;
        if audit.is_some()
            && let Some(newest) = self.trail.newest()
        {
            let signed = self.session.countersign(self.device.keys().signing(), self.trail.head(), newest);
            let _countersigned = self.device.countersign(session, &signed).await;
        }
        Ending { session, code, audit, missing: self.trail.missing(), told }
    }
}

enum Step {
    Happened(Happened),
    Done(Done),
}

/// Whether the same may succeed a little later.
fn is_passing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ServerUnreachable | ErrorCode::Busy | ErrorCode::RateLimited)
}

/// Whether it says that the session is over.
fn is_over(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionRevoked | ErrorCode::SessionIdle
    )
}

/// For tests and for people: what a session lends.
impl core::fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let lent: Vec<&Lent> = self.units.values().map(|unit| &unit.planned.lent).collect();
        write!(f, "Running({}, {lent:?})", self.session.session())
    }
}
