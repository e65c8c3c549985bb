//! A session that runs, as it stands on the screen.

use glimpse_core::Monotonic;
use glimpse_device::lend::{Event, Lent};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::{ErrorCode, RecordId, UnitId};
use serde::Serialize;

use crate::inbox::Named;
use crate::trouble::Trouble;

#[derive(Debug)]
pub(super) struct Running {
    pub(super) until: Monotonic,
    pub(super) budget: u32,
    pub(super) rows: Vec<Row>,
    pub(super) opened: u32,
    /// Whether the other side can open nothing more.
    pub(super) spent: bool,
    pub(super) connected: bool,
    pub(super) viewer: bool,
    pub(super) asked: Option<Asked>,
    pub(super) trouble: Option<Trouble>,
}

/// What the viewer asks for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    pub(super) minutes: Option<u32>,
    pub(super) text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(skip)]
    pub(super) unit: UnitId,
    #[serde(skip)]
    pub(super) record: RecordId,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) size: u64,
    pub(super) by_key: bool,
    /// How many of its fields are not lent.
    pub(super) withheld: u32,
    /// How often it was opened.
    pub(super) opened: u32,
    /// Whether it stands on the viewer's screen.
    pub(super) viewing: bool,
    pub(super) failure: Option<&'static str>,
}

/// What became of a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ran {
    pub(super) opened: u32,
    /// Whether the audit trail holds; nothing when it could not be had.
    pub(super) holds: Option<bool>,
    /// Whether the server keeps a receipt from this device that the viewer says it holds.
    pub(super) missing: bool,
    /// Whether the server has said that it is over.
    pub(super) told: bool,
    /// Another device of the account that ended it.
    pub(super) stopper: Option<Named>,
}

impl Row {
    pub(super) fn of(lent: &Lent) -> Self {
        Self {
            unit: lent.unit,
            record: lent.record,
            title: data::line(&lent.title),
            kind: data::kind(&lent.kind),
            size: lent.bytes,
            by_key: lent.by_key,
            withheld: lent.withheld,
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

    pub(super) fn event(&mut self, event: Event, now: Monotonic) -> Option<Announcement> {
        match event {
            Event::Changed { expires_in, budget, added, .. } => {
                self.until = now.plus(expires_in);
                self.spent &= budget <= self.budget;
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
                row.failure = None;
                let title = row.title.clone();
                Some(Announcement::polite("say.viewer-opened").titled(&title))
            }
            Event::Spent { .. } => {
                self.spent = true;
                Some(Announcement::urgent("say.budget-spent"))
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
                self.asked = Some(Asked { minutes: None, text: Some(data::marked(&text)) });
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
            Event::Code { .. }
            | Event::Connecting
            | Event::Peer { .. }
            | Event::Agent { .. }
            | Event::NoAgent { .. }
            | Event::Granted { .. }
            | Event::Ready(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use glimpse_wire::UnixMillis;

    use super::*;

    #[test]
    fn what_was_used_up_is_not_once_there_is_more() {
        let mut running = Running {
            until: Monotonic(60_000),
            budget: 4,
            rows: Vec::new(),
            opened: 4,
            spent: false,
            connected: true,
            viewer: true,
            asked: None,
            trouble: None,
        };
        let change = |budget| Event::Changed { expires: UnixMillis(0), expires_in: 60_000, budget, added: Vec::new() };
        let heard = running.event(Event::Spent { budget: 4 }, Monotonic(0)).map(|heard| serde_json::to_string(&heard));
        assert!(
            running.spent && heard.is_some_and(|heard| heard.is_ok_and(|heard| heard.contains("say.budget-spent")))
        );
        running.event(change(4), Monotonic(0));
        assert!(running.spent, "time alone is no opening");
        running.event(change(68), Monotonic(0));
        assert!(!running.spent);
    }
}
