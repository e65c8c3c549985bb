//! Lending on the screen: the code, who is there, the session as it is used, its end.

use std::collections::BTreeSet;

use futures_channel::mpsc::{UnboundedSender, unbounded};
use glimpse_core::Monotonic;
use glimpse_device::lend::{Command, Ending, Event, Lent, Plan};
use glimpse_device::listing::Entry;
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_page::list::List;
use glimpse_wire::{ErrorCode, RecordId, UnitId};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::phone::Phone;
use crate::state::State;
use crate::trouble::Trouble;

const MINUTE: u64 = 60 * 1_000;

/// What the person does about a code or a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Approve(String),
    Decline,
    Cancel,
    /// Minutes more.
    Extend(u32),
    /// Minutes from now.
    Shorten(u32),
    /// The ticked records on top.
    More,
    Refuse,
    End,
}

/// What the person wants to lend; kept, so that another code can be had for the same.
#[derive(Clone, Debug)]
struct Wish {
    records: Vec<RecordId>,
    save: bool,
    minutes: u32,
}

/// One lending, from the wish to its end.
#[derive(Debug)]
pub(crate) struct Lending {
    wish: Wish,
    commands: UnboundedSender<Command>,
    stage: Stage,
    /// Counts lendings: what an earlier one still says is dropped.
    turn: u32,
    /// Whether the person broke it off here.
    left: bool,
    /// Whether another code for the same is wanted as soon as this one is burnt.
    again: bool,
}

#[derive(Debug)]
enum Stage {
    /// The records are being opened, the server asked for a mailbox.
    Starting,
    Code {
        code: Zeroizing<String>,
        site: String,
        until: Monotonic,
        connecting: bool,
    },
    Asking {
        peer: Peer,
        words: Vec<String>,
        until: Monotonic,
    },
    /// The person said yes, and the session is being made.
    Granting,
    Running(Box<Running>),
    Over {
        /// The reason, by key of the catalogue.
        key: &'static str,
        wait: Option<u64>,
        /// What ran, if anything did.
        ran: Option<Ran>,
        /// Whether the person here broke it off.
        left: bool,
    },
}

/// Who is at the other end, as claimed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    origin: String,
    program: String,
    build: String,
}

#[derive(Debug)]
struct Running {
    until: Monotonic,
    budget: u32,
    rows: Vec<Row>,
    opened: u32,
    connected: bool,
    viewer: bool,
    asked: Option<Asked>,
    trouble: Option<Trouble>,
}

/// What the viewer asks for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    minutes: Option<u32>,
    text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(skip)]
    unit: UnitId,
    title: String,
    kind: String,
    size: u64,
    by_key: bool,
    /// How often it was opened.
    opened: u32,
    /// Whether it stands on the viewer's screen.
    viewing: bool,
    failure: Option<&'static str>,
}

/// What became of a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ran {
    opened: u32,
    /// Whether the audit trail holds; nothing when it could not be had.
    holds: Option<bool>,
    /// Whether the server keeps a receipt from this device that the viewer says it holds.
    missing: bool,
    /// Whether the server has said that it is over.
    told: bool,
}

/// The lending, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LendingView<'a> {
    stage: &'static str,
    minutes: u32,
    save: bool,
    records: usize,
    /// Ticked records that are not lent yet.
    more: usize,
    seconds_left: Option<u64>,
    code: Option<&'a str>,
    site: Option<&'a str>,
    connecting: bool,
    peer: Option<&'a Peer>,
    words: &'a [String],
    rows: &'a [Row],
    budget: u32,
    opened: u32,
    connected: bool,
    viewer: bool,
    asked: Option<&'a Asked>,
    session_trouble: Option<&'a Trouble>,
    reason: Option<&'static str>,
    wait: Option<u64>,
    left: bool,
    ran: Option<&'a Ran>,
}

impl Lending {
    pub(crate) const fn counts_down(&self) -> bool {
        matches!(self.stage, Stage::Code { .. } | Stage::Asking { .. } | Stage::Running(_))
    }

    /// Whether something is under way that needs the keys.
    pub(crate) const fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Over { .. })
    }

    pub(crate) fn view(&self, list: &List<RecordId>, now: Monotonic) -> LendingView<'_> {
        // Rounded up: the last second is shown as one.
        let left = |until: &Monotonic| Some(now.until(*until).div_ceil(1_000));
        let mut view = LendingView {
            stage: "starting",
            minutes: self.wish.minutes,
            save: self.wish.save,
            records: self.wish.records.len(),
            more: 0,
            seconds_left: None,
            code: None,
            site: None,
            connecting: false,
            peer: None,
            words: &[],
            rows: &[],
            budget: 0,
            opened: 0,
            connected: true,
            viewer: true,
            asked: None,
            session_trouble: None,
            reason: None,
            wait: None,
            left: false,
            ran: None,
        };
        match &self.stage {
            Stage::Starting => {}
            Stage::Granting => view.stage = "granting",
            Stage::Code { code, site, until, connecting } => {
                (view.stage, view.seconds_left) = ("code", left(until));
                (view.code, view.site) = (Some(code.as_str()), Some(site.as_str()));
                view.connecting = *connecting;
            }
            Stage::Asking { peer, words, until } => {
                (view.stage, view.seconds_left) = ("asking", left(until));
                (view.peer, view.words) = (Some(peer), words);
            }
            Stage::Running(running) => {
                (view.stage, view.seconds_left) = ("running", left(&running.until));
                (view.rows, view.records) = (&running.rows, running.rows.len());
                view.more = self.not_lent(list).count();
                (view.budget, view.opened) = (running.budget, running.opened);
                (view.connected, view.viewer) = (running.connected, running.viewer);
                (view.asked, view.session_trouble) = (running.asked.as_ref(), running.trouble.as_ref());
            }
            Stage::Over { key, wait, ran, left } => {
                (view.stage, view.reason, view.wait) = ("over", Some(*key), *wait);
                (view.ran, view.left) = (ran.as_ref(), *left);
            }
        }
        view
    }

    /// The ticked records that are not lent yet, in the order of their ids.
    fn not_lent(&self, list: &List<RecordId>) -> impl Iterator<Item = RecordId> {
        let lent: BTreeSet<RecordId> = self.wish.records.iter().copied().collect();
        list.chosen().iter().copied().filter(move |record| !lent.contains(record))
    }

    /// Takes what happened, and gives what a screen reader is to say.
    fn event(&mut self, event: Event, now: Monotonic) -> Option<Announcement> {
        match (event, &mut self.stage) {
            (Event::Code { code, site, expires_in }, _) => {
                self.stage = Stage::Code { code, site, until: now.plus(expires_in), connecting: false };
                Some(Announcement::polite("say.code"))
            }
            (Event::Connecting, Stage::Code { connecting, .. }) => {
                *connecting = true;
                None
            }
            (Event::Peer { peer, words, expires_in, .. }, _) => {
                let peer = Peer {
                    origin: data::line(&peer.origin),
                    program: data::line(&peer.program),
                    build: data::line(&peer.build),
                };
                let words = words.iter().map(ToString::to_string).collect();
                self.stage = Stage::Asking { peer, words, until: now.plus(expires_in) };
                Some(Announcement::urgent("say.asking"))
            }
            (Event::Granted { expires_in, budget, records, .. }, _) => {
                let rows = records.iter().map(Row::of).collect();
                self.stage = Stage::Running(Box::new(Running {
                    until: now.plus(expires_in),
                    budget,
                    rows,
                    opened: 0,
                    connected: true,
                    viewer: true,
                    asked: None,
                    trouble: None,
                }));
                Some(Announcement::polite("say.granted"))
            }
            (event, Stage::Running(running)) => running.event(event, now),
            _ => None,
        }
    }
}

impl Row {
    fn of(lent: &Lent) -> Self {
        Self {
            unit: lent.unit,
            title: data::line(&lent.title),
            kind: data::kind(&lent.kind),
            size: lent.bytes,
            by_key: lent.by_key,
            opened: 0,
            viewing: false,
            failure: None,
        }
    }
}

impl Running {
    fn row(&mut self, unit: UnitId) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.unit == unit)
    }

    fn event(&mut self, event: Event, now: Monotonic) -> Option<Announcement> {
        match event {
            Event::Changed { expires_in, budget, added, .. } => {
                self.until = now.plus(expires_in);
                self.budget = budget;
                self.rows.extend(added.iter().map(Row::of));
                self.asked = None;
                self.trouble = None;
                Some(Announcement::polite("say.changed"))
            }
            Event::Opened { lent, .. } => {
                self.opened = self.opened.saturating_add(1);
                let row = self.row(lent.unit)?;
                row.opened = row.opened.saturating_add(1);
                let title = row.title.clone();
                Some(Announcement::polite("say.viewer-opened").titled(&title))
            }
            Event::Viewing(lent) => {
                for row in &mut self.rows {
                    row.viewing = row.unit == lent.unit;
                }
                None
            }
            Event::Unavailable { lent, code } => {
                self.row(lent.unit)?.failure = Some(code.slug());
                None
            }
            Event::Refused { unit, code, .. } => {
                self.row(unit)?.failure = Some(code.slug());
                None
            }
            Event::AskedTime { minutes } => {
                self.asked = Some(Asked { minutes: Some(minutes), text: None });
                Some(Announcement::urgent("say.asked-time"))
            }
            Event::AskedRecord { text } => {
                self.asked = Some(Asked { minutes: None, text: Some(data::line(&text)) });
                Some(Announcement::urgent("say.asked-record"))
            }
            Event::NotChanged(error) => {
                self.trouble = Some(Trouble::from(&error));
                None
            }
            Event::Connection { up } => {
                self.connected = up;
                Some(Announcement::polite(if up { "say.online" } else { "say.offline" }))
            }
            Event::Viewer { present } => {
                self.viewer = present;
                None
            }
            Event::Crowded => {
                self.trouble = Some(Trouble::new(ErrorCode::Crowded.slug()));
                None
            }
            Event::Code { .. } | Event::Connecting | Event::Peer { .. } | Event::Granted { .. } | Event::Ready(_) => {
                None
            }
        }
    }
}

impl State {
    fn lending(&mut self, turn: u32) -> Option<&mut Lending> {
        self.lending.as_mut().filter(|lending| lending.turn == turn)
    }
}

impl Phone {
    /// Asks for a code for the ticked records, newest first.
    pub(crate) fn lend(&self, save: bool, minutes: u32) {
        let chosen = self.look(|state| state.list.chosen().to_vec());
        let records = self.in_order(&chosen);
        if !records.is_empty() {
            self.start_lending(Wish { records, save, minutes });
        }
    }

    /// Another code for the same; where one is being burnt, once it is.
    pub(crate) fn lend_again(&self) {
        let wish = self.change(|state| {
            let lending = state.lending.as_mut()?;
            lending.again = lending.is_live() && lending.left;
            (!lending.is_live()).then(|| lending.wish.clone())
        });
        if let Some(wish) = wish {
            self.start_lending(wish);
        }
    }

    /// These records, which come in the order of their ids, in the order of the list.
    fn in_order(&self, chosen: &[RecordId]) -> Vec<RecordId> {
        let listing = self.0.listing.borrow();
        listing
            .newest_first()
            .into_iter()
            .map(|entry| entry.record)
            .filter(|record| chosen.binary_search(record).is_ok())
            .collect()
    }

    fn start_lending(&self, wish: Wish) {
        let Some(device) = self.device() else { return };
        // One at a time: a second would need a second screen.
        if self.look(|state| state.lending.as_ref().is_some_and(Lending::is_live)) {
            return;
        }
        let (commands, mut heard) = unbounded();
        let turn = self.change(|state| {
            let turn = state.lending.as_ref().map_or(0, |lending| lending.turn).wrapping_add(1);
            let stage = Stage::Starting;
            state.lending = Some(Lending { wish: wish.clone(), commands, stage, turn, left: false, again: false });
            turn
        });
        self.run(|phone| async move {
            let plan = phone.plan(&device, &wish).await;
            let ended = match plan {
                Ok(plan) => {
                    let shown = phone.clone();
                    let mut show = move |event| shown.heard(turn, event);
                    device.lend(plan, &mut heard, &mut show).await
                }
                Err(error) => Err(error),
            };
            phone.lent(turn, ended);
        });
    }

    async fn plan(&self, device: &Device, wish: &Wish) -> Result<Plan, DeviceError> {
        let entries: Vec<Entry> = wish.records.iter().filter_map(|record| self.entry(*record)).collect();
        if entries.len() != wish.records.len() {
            return Err(ErrorCode::NotFound.into());
        }
        let records = device.open_entries(&entries.iter().collect::<Vec<_>>()).await?;
        Ok(Plan { records, save: wish.save, millis: u64::from(wish.minutes).saturating_mul(MINUTE), site: None })
    }

    fn heard(&self, turn: u32, event: Event) {
        let now = self.machine().monotonic();
        self.change(|state| {
            let heard = state.lending(turn).and_then(|lending| lending.event(event, now));
            if let Some(heard) = heard {
                state.announce(heard);
            }
        });
    }

    fn lent(&self, turn: u32, ended: Result<Ending, DeviceError>) {
        let again = self.change(|state| {
            let lending = state.lending(turn)?;
            let opened = if let Stage::Running(running) = &lending.stage { running.opened } else { 0 };
            let left = lending.left;
            lending.stage = match ended {
                Ok(ending) => {
                    let ran = Ran {
                        opened,
                        holds: ending.audit.as_ref().map(|_| true).or_else(|| ending.told.then_some(false)),
                        missing: ending.missing.is_some(),
                        told: ending.told,
                    };
                    Stage::Over { key: ending.code.slug(), wait: None, ran: Some(ran), left }
                }
                Err(error) => {
                    let Trouble { key, wait } = Trouble::from(&error);
                    Stage::Over { key, wait, ran: None, left }
                }
            };
            let again = lending.again.then(|| lending.wish.clone());
            if again.is_none() {
                state.announce(Announcement::polite("say.lending-over"));
            }
            again
        });
        if let Some(wish) = again {
            self.start_lending(wish);
        }
    }

    /// What the person does about a code or a session. What does not fit the stage is dropped.
    pub(crate) fn act(&self, act: Act) {
        let more = if act == Act::More { self.more() } else { Vec::new() };
        self.change(|state| {
            let Some(lending) = state.lending.as_mut() else { return };
            let millis = |minutes: u32| u64::from(minutes).saturating_mul(MINUTE);
            let command = match (act, &mut lending.stage) {
                (Act::Approve(words), Stage::Asking { .. }) => {
                    lending.stage = Stage::Granting;
                    Command::Approve { words, millis: None, save: None }
                }
                (Act::Decline, Stage::Asking { .. }) => {
                    lending.left = true;
                    Command::Decline
                }
                (Act::Cancel, Stage::Starting | Stage::Code { .. } | Stage::Asking { .. } | Stage::Granting) => {
                    lending.left = true;
                    Command::Cancel
                }
                (Act::Extend(minutes), Stage::Running(_)) => Command::Extend { millis: millis(minutes) },
                (Act::Shorten(minutes), Stage::Running(_)) => Command::Shorten { millis: millis(minutes) },
                (Act::More, Stage::Running(_)) if !more.is_empty() => Command::Add(more),
                (Act::Refuse, Stage::Running(running)) => {
                    running.asked = None;
                    Command::Refuse
                }
                (Act::End, Stage::Running(_)) => {
                    lending.left = true;
                    Command::End
                }
                _ => return,
            };
            // A lending that is over takes none.
            let _taken = lending.commands.unbounded_send(command);
        });
    }

    /// The ticked records that are not lent yet.
    fn more(&self) -> Vec<RecordId> {
        let chosen: Vec<RecordId> = self.look(|state| {
            let lending = state.lending.as_ref().filter(|lending| matches!(lending.stage, Stage::Running(_)));
            lending.map(|lending| lending.not_lent(&state.list).collect()).unwrap_or_default()
        });
        let more = self.in_order(&chosen);
        self.change(|state| {
            if let Some(lending) = state.lending.as_mut() {
                lending.wish.records.extend(&more);
            }
        });
        more
    }

    pub(crate) fn close_lending(&self) {
        self.change(|state| {
            if state.lending.as_ref().is_some_and(|lending| !lending.is_live()) {
                state.lending = None;
                state.list.choose_all(false);
            }
        });
    }
}
