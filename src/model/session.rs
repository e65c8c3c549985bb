//! The session screen: time, list, and at most one open record.

use glimpse_wire::limits::MAX_ASK;
use glimpse_wire::{ErrorCode, UnitId, UnixMillis};
use serde::Serialize;

use glimpse_page::data;
use glimpse_page::list::{List, ListView, Mark, mark_of};

use super::{Announcement, Command, Intent, MORE_MINUTES, Millis, Unit};

/// How long before the idle end the person is asked.
const IDLE_WARNING: Millis = 60_000;
/// How long a wish for more time waits for an answer before it may be uttered again: longer than it stands on the device.
const SILENCE: Millis = 75_000;

/// What is true of a session as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The name that the owner gave the account, or the beginning of its id.
    pub owner: String,
    /// May copies be saved?
    pub may_save: bool,
    /// When it ends.
    pub until: Millis,
    /// When it ends if the person does nothing.
    pub idle: Millis,
    /// Is the device at the other end of the live channel, and the server there?
    pub connected: bool,
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// More than two minutes.
    Calm,
    /// Two minutes or less.
    Soon,
    /// Thirty seconds or less.
    Last,
}

impl Level {
    const fn of(left: Millis) -> Self {
        match left {
            0..=30_000 => Self::Last,
            30_001..=120_000 => Self::Soon,
            _ => Self::Calm,
        }
    }
}

/// Where the one open record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Preparing,
    Opening { received: u64, total: u64 },
    Shown,
    Failed(ErrorCode),
}

#[derive(Clone, Copy, Debug)]
struct Open {
    unit: UnitId,
    phase: Phase,
}

/// What became of something that the device was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Asked {
    Sent,
    Refused,
}

#[derive(Debug)]
pub(super) struct Session {
    facts: Facts,
    online: bool,
    level: Level,
    idle: bool,
    list: List<UnitId>,
    open: Option<Open>,
    asked: Option<Asked>,
    more_time: Option<Asked>,
    /// When it was asked for.
    more_time_at: Millis,
    /// What the last `Refused` would answer.
    last_asked_time: bool,
}

/// The session, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionView<'a> {
    owner: &'a str,
    view_only: bool,
    seconds_left: u64,
    level: Level,
    /// Set in the last minute before the session ends because nothing happens here.
    idle_seconds: Option<u64>,
    connected: bool,
    more_time: Option<Asked>,
    asked: Option<Asked>,
    list: ListView<'a>,
    record: Option<RecordView<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordView<'a> {
    unit: String,
    title: &'a str,
    kind: &'a str,
    created: UnixMillis,
    size: u64,
    author: Option<&'a str>,
    approved: bool,
    withheld: u32,
    phase: &'static str,
    received: u64,
    total: u64,
    failure: Option<&'static str>,
    retry: bool,
    save: bool,
}

impl Session {
    pub(super) fn new(mut facts: Facts, now: Millis) -> Self {
        facts.owner = data::line(&facts.owner);
        let level = Level::of(facts.until.saturating_sub(now));
        Self {
            facts,
            online: true,
            level,
            idle: false,
            list: List::default(),
            open: None,
            asked: None,
            more_time: None,
            more_time_at: now,
            last_asked_time: false,
        }
    }

    pub(super) fn intent(&mut self, intent: Intent, now: Millis) -> (Vec<Command>, Option<Announcement>) {
        let mut commands = Vec::new();
        let mut heard = None;
        match intent {
            Intent::Search { text } => {
                self.list.search(text);
                heard = Some(Announcement::polite("say.found").count(self.list.matching()));
            }
            Intent::Filter { kind } => {
                self.list.filter(kind);
                heard = Some(Announcement::polite("say.found").count(self.list.matching()));
            }
            Intent::Window { first, count } => self.list.window(first, count),
            Intent::Open { unit } => commands = self.start(&unit),
            Intent::Close => commands.extend(self.open.take().map(|open| Command::Close(open.unit))),
            Intent::Save => commands.extend(self.save()),
            Intent::Zoom { block, from, to } => commands.extend(self.zoom(block, from, to)),
            Intent::Ask { text } => {
                let mut text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
                text.truncate(text.floor_char_boundary(MAX_ASK));
                self.asked = Some(Asked::Sent);
                self.last_asked_time = false;
                commands.push(Command::Ask(text));
            }
            Intent::MoreTime => {
                self.more_time = Some(Asked::Sent);
                self.more_time_at = now;
                self.last_asked_time = true;
                commands.push(Command::AskTime(MORE_MINUTES));
            }
            Intent::Network { online } => {
                let was = self.connected();
                self.online = online;
                heard = self.heard_of_connection(was);
            }
            Intent::Typed { .. } | Intent::Submit { .. } | Intent::Touched | Intent::End => {}
        }
        (commands, heard)
    }

    /// Takes facts that may have changed.
    pub(super) fn facts(&mut self, mut facts: Facts, now: Millis) -> Option<Announcement> {
        facts.owner = data::line(&facts.owner);
        let was = self.connected();
        let before = std::mem::replace(&mut self.facts, facts);
        if self.facts.until != before.until {
            let longer = self.facts.until > before.until;
            if longer {
                self.more_time = None;
            }
            self.level = Level::of(self.facts.until.saturating_sub(now));
            return Some(Announcement::polite(if longer { "say.extended" } else { "say.shortened" }));
        }
        self.heard_of_connection(was)
    }

    pub(super) fn add(&mut self, units: Vec<Unit>) -> Option<Announcement> {
        let (before, count) = (self.list.len(), units.len());
        self.list.add(units);
        if before > 0 {
            self.asked = None;
        }
        let key = if before == 0 { "say.session" } else { "say.added" };
        (count > 0).then(|| Announcement::polite(key).count(count))
    }

    pub(super) fn preparing(&mut self, unit: UnitId) {
        if let Some(open) = self.open.as_mut().filter(|open| open.unit == unit) {
            open.phase = Phase::Preparing;
        }
    }

    pub(super) fn progress(&mut self, unit: UnitId, received: u64, total: u64) {
        if let Some(open) = self.open.as_mut().filter(|open| open.unit == unit) {
            open.phase = Phase::Opening { received, total };
        }
    }

    pub(super) fn opened(&mut self, unit: UnitId) -> Option<Announcement> {
        self.list.mark(unit, Mark::Opened);
        let open = self.open.as_mut().filter(|open| open.unit == unit)?;
        open.phase = Phase::Shown;
        Some(Announcement::polite("say.opened").titled(&self.list.get(unit)?.title))
    }

    /// Also told when nothing changed: it is said once.
    pub(super) fn failed(&mut self, unit: UnitId, code: ErrorCode) -> Option<Announcement> {
        if mark_of(code) == Mark::Tampered {
            self.list.mark(unit, Mark::Tampered);
        }
        let open = self.open.as_mut().filter(|open| open.unit == unit && open.phase != Phase::Failed(code))?;
        open.phase = Phase::Failed(code);
        Some(Announcement::polite("say.failed").titled(&self.list.get(unit)?.title))
    }

    pub(super) fn refused(&mut self) {
        let answered = if self.last_asked_time { &mut self.more_time } else { &mut self.asked };
        *answered = Some(Asked::Refused);
    }

    pub(super) fn tick(&mut self, now: Millis) -> Option<Announcement> {
        // The device may have been looked at by nobody: one may ask again.
        let silent = now.saturating_sub(self.more_time_at) >= SILENCE;
        self.more_time = self.more_time.filter(|asked| *asked != Asked::Sent || !silent);
        let idle = self.idle_seconds(now).is_some();
        let was_idle = std::mem::replace(&mut self.idle, idle);
        if idle && !was_idle {
            return Some(Announcement::urgent("say.idle"));
        }
        let level = Level::of(self.facts.until.saturating_sub(now));
        if level <= self.level {
            return None;
        }
        self.level = level;
        match level {
            Level::Calm => None,
            Level::Soon => Some(Announcement::polite("say.two-minutes")),
            Level::Last => Some(Announcement::polite("say.half-minute")),
        }
    }

    pub(super) fn view(&self, now: Millis) -> SessionView<'_> {
        SessionView {
            owner: &self.facts.owner,
            view_only: !self.facts.may_save,
            // Rounded up: the last second is shown as one, and zero means over.
            seconds_left: self.facts.until.saturating_sub(now).div_ceil(1000),
            level: self.level,
            idle_seconds: self.idle_seconds(now),
            connected: self.connected(),
            more_time: self.more_time,
            asked: self.asked,
            list: self.list.view(),
            record: self.open.and_then(|open| self.record_view(open)),
        }
    }

    fn record_view(&self, open: Open) -> Option<RecordView<'_>> {
        let unit = self.list.get(open.unit)?;
        let (phase, received, total, failure) = match open.phase {
            Phase::Preparing => ("preparing", 0, 0, None),
            Phase::Opening { received, total } => ("opening", received, total, None),
            Phase::Shown => ("shown", unit.length, unit.length, None),
            Phase::Failed(code) => ("failed", 0, 0, Some(code)),
        };
        Some(RecordView {
            unit: unit.id.to_string(),
            title: &unit.title,
            kind: &unit.kind,
            created: unit.created,
            size: unit.length,
            author: unit.author.as_deref(),
            approved: unit.approved,
            withheld: unit.withheld,
            phase,
            received,
            total,
            failure: failure.map(ErrorCode::slug),
            retry: failure.is_some_and(may_go_otherwise),
            save: self.facts.may_save,
        })
    }

    fn start(&mut self, unit: &str) -> Vec<Command> {
        let known = unit.parse().ok().and_then(|unit| self.list.get(unit)).map(|unit| (unit.id, unit.length));
        let Some((unit, total)) = known else { return Vec::new() };
        let mut commands = Vec::new();
        match self.open {
            Some(before) if before.unit != unit => commands.push(Command::Close(before.unit)),
            // One that failed is not closed before it is tried again: what has come of it stays, and is gone on from.
            None | Some(Open { phase: Phase::Failed(_), .. }) => {}
            Some(_) => return commands,
        }
        self.open = Some(Open { unit, phase: Phase::Opening { received: 0, total } });
        commands.push(Command::Open(unit));
        commands
    }

    fn save(&self) -> Option<Command> {
        let open = self.open.filter(|open| self.facts.may_save && open.phase == Phase::Shown)?;
        let unit = self.list.get(open.unit)?;
        Some(Command::Save(open.unit, data::file_name(&unit.file_name, &unit.title)))
    }

    fn zoom(&self, block: u32, from: i64, to: i64) -> Option<Command> {
        let open = self.open.filter(|open| open.phase == Phase::Shown && from < to)?;
        Some(Command::Zoom { unit: open.unit, block, from, to })
    }

    fn idle_seconds(&self, now: Millis) -> Option<u64> {
        let left = self.facts.idle.saturating_sub(now);
        (left <= IDLE_WARNING && self.facts.idle < self.facts.until).then_some(left.div_ceil(1000))
    }

    const fn connected(&self) -> bool {
        self.facts.connected && self.online
    }

    fn heard_of_connection(&self, was: bool) -> Option<Announcement> {
        match (was, self.connected()) {
            (true, false) => Some(Announcement::polite("say.offline")),
            (false, true) => Some(Announcement::polite("say.online")),
            _ => None,
        }
    }
}

/// Whether trying again can end otherwise.
fn may_go_otherwise(code: ErrorCode) -> bool {
    mark_of(code) == Mark::None
        && !matches!(code, ErrorCode::NotGranted | ErrorCode::TooLarge | ErrorCode::BudgetSpent | ErrorCode::NeverLend)
}
