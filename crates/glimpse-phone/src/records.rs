//! Records on the screen: the list, and the open one.

use std::rc::Rc;

use glimpse_core::record::OpenedVersion;
use glimpse_device::DeviceError;
use glimpse_device::listing::{Entry, Listing, Standing, Taken};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_page::list::{List, Listed, Mark, mark_of};
use glimpse_wire::{ErrorCode, Hash, RecordId, UnixMillis};
use serde::Serialize;

use crate::phone::Phone;
use crate::state::State;
use crate::trouble::Trouble;

/// The record that is open, or on its way.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) record: RecordId,
    /// Of the version that is shown, once it is.
    h1: Option<Hash>,
    /// Counts openings: what an earlier one still brings is dropped.
    turn: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The reader's module has not come yet.
    Waiting,
    Opening {
        received: u64,
    },
    Shown,
    Failed(&'static str),
}

/// The open record, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenedView<'a> {
    unit: String,
    title: &'a str,
    kind: &'a str,
    created: UnixMillis,
    size: u64,
    author: Option<&'a str>,
    approved: bool,
    /// Whether it waits for the person's decision.
    waits: bool,
    phase: &'static str,
    received: u64,
    total: u64,
    failure: Option<&'static str>,
    retry: bool,
    save: bool,
    /// Whether a new version can be made of it.
    replaceable: bool,
}

impl Opened {
    pub(crate) const fn record(&self) -> RecordId {
        self.record
    }

    /// Which version of which record stands on the screen, to its last byte.
    pub(crate) fn shown(&self) -> Option<(RecordId, Hash)> {
        self.h1.filter(|_| self.phase == Phase::Shown).map(|h1| (self.record, h1))
    }

    pub(crate) fn view<'a>(&self, list: &'a List<RecordId>) -> Option<OpenedView<'a>> {
        let record = list.get(self.record)?;
        let (phase, received, failure) = match self.phase {
            Phase::Waiting => ("opening", 0, None),
            Phase::Opening { received } => ("opening", received, None),
            Phase::Shown => ("shown", record.length, None),
            Phase::Failed(key) => ("failed", 0, Some(key)),
        };
        Some(OpenedView {
            unit: record.id.to_string(),
            title: &record.title,
            kind: &record.kind,
            created: record.created,
            size: record.length,
            author: record.author.as_deref(),
            approved: record.approved,
            waits: record.author.is_some() && !record.approved,
            phase,
            received,
            total: record.length,
            failure,
            retry: failure.is_some_and(|key| key != ErrorCode::RecordTampered.slug()),
            save: true,
            replaceable: record.author.is_none(),
        })
    }
}

impl State {
    pub(crate) fn search(&mut self, text: String) {
        self.list.search(text);
        self.announce(Announcement::polite("say.found").count(self.list.matching()));
    }

    pub(crate) fn filter(&mut self, kind: String) {
        self.list.filter(kind);
        self.announce(Announcement::polite("say.found").count(self.list.matching()));
    }

    pub(crate) fn between(&mut self, from: Option<UnixMillis>, to: Option<UnixMillis>) {
        self.list.between(from, to);
        self.announce(Announcement::polite("say.found").count(self.list.matching()));
    }

    fn progress(&mut self, turn: u32, phase: Phase) -> bool {
        match self.opened.as_mut().filter(|opened| opened.turn == turn) {
            Some(opened) => {
                opened.phase = phase;
                true
            }
            None => false,
        }
    }
}

impl Phone {
    /// Takes what the account holds.
    pub(crate) fn list(&self, listing: Listing, fresh: bool) {
        let rows = listing.newest_first().into_iter().map(row).collect();
        let alarm = !listing.alarms().is_empty();
        self.0.listing.replace(Rc::new(listing));
        let small = self.0.face.is_small();
        self.change(|state| {
            state.list.put_waiting_last(small);
            state.list.replace(rows);
            state.fresh = fresh;
            if fresh {
                state.online = true;
            }
            if alarm {
                state.trouble = Some(Trouble::new(ErrorCode::LogBroken.slug()));
            }
        });
    }

    pub(crate) fn entry(&self, record: RecordId) -> Option<Entry> {
        self.0.listing.borrow().find(&record.to_string()).ok().cloned()
    }

    pub(crate) fn open(&self, unit: &str) {
        let Some(record) = unit.parse().ok().filter(|record| self.look(|state| state.list.get(*record).is_some()))
        else {
            return;
        };
        let turn = self.change(|state| {
            let turn = state.opened.as_ref().map_or(0, |opened| opened.turn).wrapping_add(1);
            state.opened = Some(Opened { record, turn, phase: Phase::Opening { received: 0 }, h1: None });
            turn
        });
        self.run(|phone| async move {
            let mut read = phone.read(record, turn).await;
            if read.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::Conflict)) {
                // There is a newer version than the list knew.
                phone.look_again().await;
                read = phone.read(record, turn).await;
            }
            match read {
                Ok(()) => {}
                Err(error) => phone.change(|state| {
                    let key = Trouble::from(&error).key;
                    if state.progress(turn, Phase::Failed(key)) {
                        if let Some(code) = error.code().filter(|code| mark_of(*code) == Mark::Tampered) {
                            state.list.mark(record, mark_of(code));
                        }
                        if let Some(title) = state.list.get(record).map(|record| record.title.clone()) {
                            state.announce(Announcement::polite("say.failed").titled(&title));
                        }
                    }
                }),
            }
        });
    }

    async fn read(&self, record: RecordId, turn: u32) -> Result<(), DeviceError> {
        let device = self.device().ok_or(DeviceError::NoAccount)?;
        let entry = self.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()))?;
        let meta = entry.usable()?;
        let name = if meta.file_name.is_empty() { &meta.title } else { &meta.file_name };
        if !self.0.face.begin(record, &meta.content_type, name)? {
            self.change(|state| state.progress(turn, Phase::Waiting));
            return Ok(());
        }
        let opened = device.open_entries(&[&entry]).await?;
        let version: &OpenedVersion = opened.first().ok_or(ErrorCode::Conflict)?;
        let (total, h1) = (version.meta().length, version.envelope().h1());
        let mut reading = device.reading(version).await?;
        let mut offset = 0u64;
        while let Some(piece) = reading.next().await? {
            // Closed, or another one was opened: what comes is not wanted.
            if !self.change(|state| state.progress(turn, Phase::Opening { received: offset })) {
                return Ok(());
            }
            self.0.face.take(offset, &piece, total)?;
            offset = offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        if total == 0 {
            self.0.face.take(0, &[], 0)?;
        }
        self.change(|state| {
            if state.progress(turn, Phase::Shown) {
                if let Some(opened) = state.opened.as_mut() {
                    opened.h1 = Some(h1);
                }
                state.list.mark(record, Mark::Opened);
                if let Some(title) = state.list.get(record).map(|record| record.title.clone()) {
                    state.announce(Announcement::polite("say.opened").titled(&title));
                }
            }
        });
        Ok(())
    }

    /// The reader's module has come: a record that waited for it is opened.
    pub fn reader_came(&self) {
        let waiting = self.look(|state| {
            state.opened.as_ref().filter(|opened| opened.phase == Phase::Waiting).map(|opened| opened.record)
        });
        if let Some(record) = waiting {
            self.open(&record.to_string());
        }
        self.look_for_fields();
    }

    /// The reader's module cannot be had, for the reason with this slug.
    pub fn reader_failed(&self, slug: &str) {
        let code: ErrorCode = slug.parse().unwrap_or(ErrorCode::Internal);
        self.change(|state| {
            if let Some(opened) = state.opened.as_mut().filter(|opened| opened.phase == Phase::Waiting) {
                opened.phase = Phase::Failed(code.slug());
            }
        });
    }

    pub(crate) fn close(&self) {
        self.0.face.forget();
        if self.look(|state| state.opened.is_some()) {
            self.change(|state| state.opened = None);
        }
    }

    pub(crate) fn save(&self) {
        let name = self.look(|state| {
            let opened = state.opened.as_ref().filter(|opened| opened.phase == Phase::Shown)?;
            let record = state.list.get(opened.record)?;
            Some(data::file_name(&record.file_name, &record.title))
        });
        if let Some(name) = name {
            self.0.face.save(&name);
        }
    }

    pub(crate) fn delete(&self) {
        let Some(record) = self.look(|state| state.opened.as_ref().map(|opened| opened.record)) else { return };
        self.run_busy("deleting", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let entry = phone.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()))?;
            device.delete(&entry).await?;
            phone.close();
            phone.change(|state| state.announce(Announcement::polite("say.deleted")));
            phone.look_again().await;
            Ok(())
        });
    }
}

fn row(entry: &Entry) -> (Listed<RecordId>, Mark) {
    let mark = match entry.standing {
        Standing::Own | Standing::Pending | Standing::Approved | Standing::Deleted => Mark::None,
        Standing::Unsigned => Mark::Unsigned,
        Standing::Trouble { .. } => Mark::Tampered,
    };
    let written = entry.written();
    let approved = written.is_some_and(|written| written.taken != Taken::Waiting);
    let author = written.map(|written| written.name.to_owned());
    let listed = match entry.meta.clone() {
        Some(meta) => Listed {
            id: entry.record,
            title: meta.title,
            kind: meta.kind,
            content_type: meta.content_type,
            file_name: meta.file_name,
            tags: meta.tags,
            length: meta.length,
            author,
            approved,
            withheld: 0,
            created: entry.date(),
        },
        // It did not open: there is nothing to say of it but when it came.
        None => Listed {
            id: entry.record,
            title: String::new(),
            kind: String::new(),
            content_type: String::new(),
            file_name: String::new(),
            tags: Vec::new(),
            length: 0,
            author: None,
            approved: false,
            withheld: 0,
            created: entry.date(),
        },
    };
    (listed, mark)
}
