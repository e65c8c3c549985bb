//! What others brought to the account: what waits, and the person's decision about it.

use glimpse_device::DeviceError;
use glimpse_device::listing::{Entry, Listing, Standing};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::{ErrorCode, RecordId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::phone::Phone;

/// Records of others that are told of one by one: of more, the newest.
const MAX_HELD: usize = 100;

/// What the person decided.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum HeldAct {
    /// Takes the record that is open, as it is shown.
    Approve,
    /// Has read what it means, and wants the open record gone.
    Reject,
    /// The same, of all that wait.
    RejectAll,
}

/// A record that somebody else brought, and that nobody has taken for the account.
#[derive(Debug, Serialize)]
struct HeldRow {
    unit: RecordId,
    /// `pending` or `unsigned`.
    kind: &'static str,
    title: String,
    from: String,
    at: UnixMillis,
}

/// What waits, as one entry of the inbox.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Held {
    /// All of those that wait for a decision.
    waiting: usize,
    /// Those that nobody may be named for. They never can be approved.
    unsigned: usize,
    /// The newest of both.
    rows: Vec<HeldRow>,
}

impl Held {
    /// Of what the account holds.
    pub(crate) fn of(listing: &Listing) -> Self {
        let mut held = Self::default();
        for entry in listing.newest_first() {
            let kind = if entry.waits() {
                held.waiting = held.waiting.saturating_add(1);
                "pending"
            } else if entry.standing == Standing::Unsigned {
                held.unsigned = held.unsigned.saturating_add(1);
                "unsigned"
            } else {
                continue;
            };
            if held.rows.len() < MAX_HELD {
                let title = entry.meta.as_ref().map_or("", |meta| &meta.title);
                let from = entry.meta.as_ref().map_or("", |meta| &meta.from);
                let (title, from) = (data::line(title), data::line(from));
                held.rows.push(HeldRow { unit: entry.record, kind, title, from, at: entry.date() });
            }
        }
        held
    }

    /// How many wait for a decision.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }
}

impl Phone {
    /// Does what was decided.
    pub(crate) fn decide(&self, act: HeldAct) {
        match act {
            HeldAct::Approve => self.approve(),
            HeldAct::Reject => self.reject(),
            HeldAct::RejectAll => self.reject_all(),
        }
    }

    /// Only what stands on the screen, to its last byte, is approved: that version, and no other that came since.
    fn approve(&self) {
        let Some((record, h1)) = self.look(|state| state.opened.as_ref()?.shown()) else { return };
        self.run_busy("approving", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let entry = phone.waiting(record)?;
            let opened = device.open_entries(&[&entry]).await?;
            let version = opened.first().ok_or(ErrorCode::Conflict)?;
            if version.envelope().h1() != h1 {
                return Err(ErrorCode::Conflict.into());
            }
            device.approve(version).await?;
            phone.change(|state| state.announce(Announcement::polite("say.approved")));
            phone.refresh();
            Ok(())
        });
    }

    fn reject(&self) {
        let Some(record) = self.look(|state| state.opened.as_ref().map(|opened| opened.record())) else { return };
        self.run_busy("rejecting", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.delete(&phone.waiting(record)?).await?;
            phone.close();
            phone.change(|state| state.announce(Announcement::polite("say.rejected").count(1)));
            phone.refresh();
            Ok(())
        });
    }

    fn reject_all(&self) {
        self.run_busy("rejecting", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let listing = phone.0.listing.borrow().clone();
            let mut gone = 0usize;
            for entry in listing.waiting() {
                device.delete(entry).await?;
                gone = gone.saturating_add(1);
            }
            phone.change(|state| state.announce(Announcement::polite("say.rejected").count(gone)));
            phone.refresh();
            Ok(())
        });
    }

    /// A record about which there is something to decide.
    fn waiting(&self, record: RecordId) -> Result<Entry, DeviceError> {
        let entry = self.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()))?;
        if entry.waits() { Ok(entry) } else { Err(ErrorCode::Conflict.into()) }
    }
}
