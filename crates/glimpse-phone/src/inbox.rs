//! What happened to the account, and what is wrong with it: notices, and alarms with the ways out of them.

use glimpse_core::receipts::Audit;
use glimpse_device::chain::Synced;
use glimpse_device::devices::DeviceEntry;
use glimpse_device::inbox::{Noted, Notice};
use glimpse_device::listing::LogAlarm;
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::{DeviceId, ErrorCode, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::held::Held;
use crate::phone::Phone;
use crate::state::{Gate, Place};

/// Letters of an id by which people tell devices apart that nobody named.
const SHORT: usize = 8;

/// A way out of an alarm, which the person has read about and wants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum InboxAct {
    /// The log of devices on this one counts; the device with the other one is taken out.
    Keep,
    /// Gives the server the links that it lost.
    GiveBack,
    /// Takes the server's list of records as it is.
    AcceptRecords,
    /// This is the only place where this copy of the device is used.
    UseCopy,
    /// Stops a recovery that waits.
    Veto,
}

/// A device, as the page names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    /// The beginning of its id.
    id: String,
    /// Empty when nobody has named it.
    name: String,
    this: bool,
}

/// One thing that happened. The catalogue has `notice.<kind>`, and what to do about it under `….next`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NoticeView {
    kind: &'static str,
    at: UnixMillis,
    read: bool,
    alarm: bool,
    devices: Vec<Named>,
    by: Option<Named>,
    until: Option<UnixMillis>,
    pinned: Vec<String>,
    unpinned: Vec<String>,
    /// Links that this device has seen, and that the server has.
    seen: Option<u64>,
    has: Option<u64>,
    log: Option<LogView>,
    /// The place where something can be done about it.
    way: Option<&'static str>,
}

/// What is wrong with the list of records; the catalogue has `log.<word>`.
#[derive(Debug, Serialize)]
struct LogView {
    word: &'static str,
    seen: u64,
    has: u64,
    device: Option<Named>,
}

/// Something that is wrong now, what it stops, and the way out. The catalogue has `alarm.<kind>`, `….stops` and `….way`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlarmView {
    kind: &'static str,
    devices: Vec<Named>,
    until: Option<UnixMillis>,
    /// Of two logs: the newest link of each.
    ours: Option<HeadView>,
    theirs: Option<HeadView>,
    log: Vec<LogView>,
}

#[derive(Debug, Serialize)]
struct HeadView {
    seq: u64,
    hash: String,
}

/// The inbox as it was read last.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Alarms first, then the newest.
    notices: Vec<NoticeView>,
    alarms: Vec<AlarmView>,
    held: Held,
    unread: usize,
    /// What was new when the person came here, and stays marked while they are here.
    new: Vec<Notice>,
    read: bool,
}

/// The inbox, as the page draws it; its lines only where the person is.
#[derive(Debug, Serialize)]
pub(crate) struct InboxView<'a> {
    unread: usize,
    alarms: usize,
    /// Records that wait for a decision.
    waiting: usize,
    shown: Option<ShownView<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownView<'a> {
    notices: &'a [NoticeView],
    alarms: &'a [AlarmView],
    held: &'a Held,
    /// Whether it was read at all.
    read: bool,
}

impl Inbox {
    pub(crate) fn view(&self, shown: bool) -> InboxView<'_> {
        let Self { notices, alarms, held, read, .. } = self;
        let shown = shown.then_some(ShownView { notices, alarms, held, read: *read });
        InboxView { unread: self.unread, alarms: alarms.len(), waiting: held.waiting(), shown }
    }

    pub(crate) fn forget_new(&mut self) {
        self.new.clear();
    }
}

/// Names for devices, as the list of them has them.
struct Names(Vec<DeviceEntry>);

impl Names {
    fn of(&self, id: &DeviceId) -> Named {
        let entry = self.0.iter().find(|entry| entry.id == *id);
        Named {
            id: id.to_string().chars().take(SHORT).collect(),
            name: entry.map_or_else(String::new, |entry| data::line(&entry.name)),
            this: entry.is_some_and(|entry| entry.this),
        }
    }

    fn is_out(&self, id: &DeviceId) -> bool {
        self.0.iter().any(|entry| entry.id == *id && entry.until.is_some())
    }

    fn notice(&self, noted: Noted, new: bool) -> NoticeView {
        let Noted { notice, at, read } = noted;
        let mut view = NoticeView {
            kind: "",
            at: notice.happened_at().unwrap_or(at),
            read: read && !new,
            alarm: notice.is_alarm(),
            devices: Vec::new(),
            by: None,
            until: None,
            pinned: Vec::new(),
            unpinned: Vec::new(),
            seen: None,
            has: None,
            log: None,
            way: None,
        };
        match notice {
            Notice::Linked { device, by, at, held, .. } => {
                (view.devices, view.by) = (vec![self.of(&device)], Some(self.of(&by)));
                (view.kind, view.way) = match (self.is_out(&device), held > 0) {
                    (true, _) => ("linked-out", None),
                    (false, true) => ("linked-held", Some("devices")),
                    (false, false) => ("linked", Some("devices")),
                };
                view.until = (held > 0).then(|| at.plus(held));
            }
            Notice::Revoked { devices, by, .. } => {
                (view.kind, view.by) = ("revoked", Some(self.of(&by)));
                view.devices = devices.iter().map(|device| self.of(device)).collect();
            }
            Notice::Rotated { by, .. } => (view.kind, view.by) = ("rotated", Some(self.of(&by))),
            Notice::PolicyChanged { by, pinned, unpinned, .. } => {
                let lines = |names: Option<Vec<String>>| -> Vec<String> {
                    names.unwrap_or_default().iter().map(|name| data::line(name)).collect()
                };
                (view.by, view.pinned, view.unpinned) = (Some(self.of(&by)), lines(pinned), lines(unpinned));
                view.kind = match (view.pinned.is_empty(), view.unpinned.is_empty()) {
                    (true, true) => "rules",
                    (false, true) => "pinned",
                    (true, false) => "unpinned",
                    (false, false) => "pinned-unpinned",
                };
            }
            Notice::KitChanged { by, there, .. } => {
                (view.kind, view.by) = (if there { "kit-made" } else { "kit-given-up" }, Some(self.of(&by)));
                view.way = Some("kit");
            }
            Notice::Recovered { device, .. } => (view.kind, view.devices) = ("recovered", vec![self.of(&device)]),
            Notice::RecoveryAsked { due, .. } => (view.kind, view.until) = ("recovery-asked", Some(due)),
            Notice::Doubled { device, .. } => {
                view.devices = vec![self.of(&device)];
                (view.kind, view.way) = match (self.is_out(&device), view.devices.iter().any(|device| device.this)) {
                    (true, _) => ("doubled-out", None),
                    (false, true) => ("doubled-this", None),
                    (false, false) => ("doubled", Some("devices")),
                };
            }
            Notice::Forked { by, .. } => {
                view.kind = if by.is_some() { "forked" } else { "forked-unnamed" };
                view.by = by.map(|by| self.of(&by));
            }
            Notice::RolledBack { ours, length } => {
                (view.kind, view.seen, view.has) = ("rolled-back", Some(ours.seq.saturating_add(1)), Some(length));
            }
            Notice::AgentLooks { by, .. } => {
                (view.kind, view.by, view.way) = ("agent-looks", Some(self.of(&by)), Some("sessions"));
            }
            Notice::AgentLooked { by, .. } => {
                (view.kind, view.by, view.way) = ("agent-looked", Some(self.of(&by)), Some("sessions"));
            }
            Notice::LogBroken { alarm } => (view.kind, view.log) = ("log-broken", Some(self.log(&alarm))),
            Notice::Undone { devices, .. } if devices.is_empty() => view.kind = "undone",
            Notice::Undone { devices, .. } => {
                (view.kind, view.way) = ("undone-devices", Some("devices"));
                view.devices = devices.iter().map(|device| self.of(device)).collect();
            }
        }
        view
    }

    fn log(&self, alarm: &LogAlarm) -> LogView {
        let (seen, has, device) = match alarm {
            LogAlarm::RolledBack { seen, newest } => (*seen, *newest, None),
            LogAlarm::Differs { agreed, count, device, .. } => {
                (agreed.saturating_add(1), *count, Some(self.of(device)))
            }
            LogAlarm::CheckpointRolledBack { seen, number } => (*seen, *number, None),
            LogAlarm::CheckpointForked { number } | LogAlarm::BadSignature { number } => (0, *number, None),
            LogAlarm::OutOfOrder { seq, .. } | LogAlarm::NotAsPublished { seq, .. } => (0, *seq, None),
        };
        LogView { word: alarm.word(), seen, has, device }
    }
}

impl AlarmView {
    const fn new(kind: &'static str) -> Self {
        Self { kind, devices: Vec::new(), until: None, ours: None, theirs: None, log: Vec::new() }
    }
}

impl Phone {
    /// Reads what happened. That it could not be read is no trouble of what the person does.
    pub(crate) async fn look_at_inbox(&self) {
        let Some(device) = self.device() else { return };
        // What is wrong with the account stands in the inbox too.
        let synced = device.sync().await;
        if synced.is_ok() {
            // Which agents look is told beside the rest, and is no condition for it.
            let _noted = device.note_looks().await;
        }
        let Ok((notices, names, alarms)) = self.read_inbox(&device, synced).await else { return };
        let held = Held::of(&self.0.listing.borrow());
        let (there, devices) = {
            let chain = device.chain();
            (chain.recovery().is_some(), chain.members().iter().filter(|member| member.until.is_none()).count())
        };
        let put_away = self.is_card_away().await;
        let reads = self.look(|state| state.gate == Gate::Open && state.place == Place::Inbox && state.visible);
        if reads && device.mark_read().await.is_err() {
            return;
        }
        self.change(|state| {
            if state.gate != Gate::Open {
                return;
            }
            state.kit.learn(there, devices, put_away);
            let inbox = &mut state.inbox;
            inbox.unread = if reads { 0 } else { notices.iter().filter(|noted| !noted.read).count() };
            if reads {
                inbox.new.extend(notices.iter().filter(|noted| !noted.read).map(|noted| noted.notice.clone()));
            }
            let new = &inbox.new;
            let mut views: Vec<NoticeView> = notices
                .into_iter()
                .rev()
                .map(|noted| {
                    let is_new = new.contains(&noted.notice);
                    names.notice(noted, is_new)
                })
                .collect();
            // Stable: among alarms, and among the rest, the newest stays first. What was read is no longer urgent.
            views.sort_by_key(|view| !view.alarm || view.read);
            (inbox.notices, inbox.alarms, inbox.held, inbox.read) = (views, alarms, held, true);
        });
    }

    async fn read_inbox(
        &self,
        device: &Device,
        synced: Result<Synced, DeviceError>,
    ) -> Result<(Vec<Noted>, Names, Vec<AlarmView>), DeviceError> {
        let notices = device.inbox().await?;
        let code = synced.as_ref().err().and_then(DeviceError::code);
        let names = Names(match &synced {
            Ok(synced) => device.devices(synced),
            Err(_) => device.devices(&Synced { last_names: device.last_names().await?, ..Synced::default() }),
        });
        let mut alarms = Vec::new();
        if let Some(fork) = device.fork().await? {
            let head = |head: glimpse_wire::account::Head| HeadView { seq: head.seq, hash: head.hash.to_string() };
            let devices = fork.by().iter().map(|by| names.of(by)).collect();
            let (ours, theirs) = (Some(head(fork.ours)), Some(head(fork.theirs)));
            alarms.push(AlarmView { devices, ours, theirs, ..AlarmView::new("forked") });
        }
        match code {
            Some(ErrorCode::ChainRolledBack) => alarms.push(AlarmView::new("rolled-back")),
            Some(ErrorCode::DeviceDoubled) => alarms.push(AlarmView::new("doubled")),
            Some(_) | None => {}
        }
        let log: Vec<LogView> = self.0.listing.borrow().alarms().iter().map(|alarm| names.log(alarm)).collect();
        if !log.is_empty() {
            alarms.push(AlarmView { log, ..AlarmView::new("log-broken") });
        }
        let waiting = synced.as_ref().ok().and_then(|synced| device.waiting_recovery(synced));
        if waiting.is_some() {
            let due = notices.iter().rev().find_map(|noted| {
                let Notice::RecoveryAsked { device, due } = &noted.notice else { return None };
                (Some(*device) == waiting).then_some(*due)
            });
            alarms.push(AlarmView { until: due, ..AlarmView::new("recovery") });
        }
        Ok((notices, names, alarms))
    }

    /// Takes the way out of an alarm.
    pub(crate) fn settle(&self, act: InboxAct) {
        self.run_busy("settling", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let said = match act {
                InboxAct::Keep => {
                    device.keep_this_chain().await?;
                    Announcement::polite("say.chain-kept")
                }
                InboxAct::GiveBack => {
                    let given = device.give_back_links().await?;
                    Announcement::polite("say.given-back").count(usize::try_from(given).unwrap_or(usize::MAX))
                }
                InboxAct::AcceptRecords => {
                    device.accept_log().await?;
                    Announcement::polite("say.records-accepted")
                }
                InboxAct::UseCopy => {
                    device.use_copy().await?;
                    device.sync().await?;
                    Announcement::polite("say.copy-used")
                }
                InboxAct::Veto => {
                    let synced = device.sync().await?;
                    let waiting = device.waiting_recovery(&synced).ok_or(ErrorCode::NotFound)?;
                    device.veto_recovery(waiting).await?;
                    Announcement::polite("say.vetoed")
                }
            };
            phone.change(|state| state.announce(said));
            phone.refresh();
            Ok(())
        });
    }
}

impl Named {
    /// A device of the account by the names that this one last heard of.
    pub(crate) async fn of(device: &Device, id: &DeviceId) -> Self {
        let last_names = device.last_names().await.unwrap_or_default();
        Names(device.devices(&Synced { last_names, ..Synced::default() })).of(id)
    }

    /// The device that ended a session, where that was neither of its two sides.
    pub(crate) async fn stopper(device: &Device, audit: Option<&Audit>) -> Option<Self> {
        match audit.and_then(|audit| audit.stopped_by) {
            Some(id) => Some(Self::of(device, &id).await),
            None => None,
        }
    }
}
