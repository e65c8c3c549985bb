//! The devices of the account on the screen: which there are, other names, taking one out, a recovery that waits.

use glimpse_device::DeviceError;
use glimpse_device::chain::Synced;
use glimpse_device::devices::DeviceEntry;
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::{DeviceId, UnixMillis};
use serde::Serialize;

use crate::phone::Phone;
use crate::state::Busy;
use crate::trouble::Trouble;

/// Characters of an id that people compare.
const SHORT: usize = 8;

/// What is known of the account's devices.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    rows: Vec<DeviceRow>,
    recovery: Option<Waiting>,
    /// Whether the server was asked since the keys came.
    looked: bool,
}

/// A recovery that waits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    #[serde(skip)]
    id: DeviceId,
    device: String,
    due: UnixMillis,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRow {
    #[serde(skip)]
    id: DeviceId,
    device: String,
    short: String,
    name: String,
    this: bool,
    /// Whether it was taken out.
    gone: bool,
    held_until: Option<UnixMillis>,
    seen: Option<UnixMillis>,
    /// Others that are the same machine, as people know them.
    same_machine: Vec<String>,
}

/// The devices, as the page draws them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DevicesView<'a> {
    rows: &'a [DeviceRow],
    recovery: Option<&'a Waiting>,
    looked: bool,
}

impl Devices {
    pub(crate) fn view(&self) -> DevicesView<'_> {
        DevicesView { rows: &self.rows, recovery: self.recovery.as_ref(), looked: self.looked }
    }

    /// A device as people know it: its name, or the beginning of its id.
    pub(crate) fn called(&self, id: &DeviceId) -> String {
        let named = self.rows.iter().find(|row| row.id == *id).filter(|row| !row.name.is_empty());
        named.map_or_else(|| short(id), |row| row.name.clone())
    }

    fn find(&self, device: &str) -> Option<&DeviceRow> {
        self.rows.iter().find(|row| row.device == device && !row.gone)
    }
}

/// The beginning of an id.
pub(crate) fn short(id: &DeviceId) -> String {
    id.to_string().chars().take(SHORT).collect()
}

fn row(entry: &DeviceEntry, all: &[DeviceEntry]) -> DeviceRow {
    let called = |id: &DeviceId| {
        let named = all.iter().find(|other| other.id == *id).filter(|other| !other.name.is_empty());
        named.map_or_else(|| short(id), |other| data::line(&other.name))
    };
    DeviceRow {
        id: entry.id,
        device: entry.id.to_string(),
        short: short(&entry.id),
        name: data::line(&entry.name),
        this: entry.this,
        gone: entry.until.is_some(),
        held_until: entry.held_until,
        seen: entry.seen,
        same_machine: entry.same_machine.iter().map(called).collect(),
    }
}

impl Phone {
    /// Asks the server which devices there are.
    pub(crate) fn look_at_devices(&self) {
        self.run(|phone| async move {
            if let Err(error) = phone.fetch_devices().await {
                phone.change(|state| state.failed(&error));
            }
        });
    }

    async fn fetch_devices(&self) -> Result<(), DeviceError> {
        let Some(device) = self.device() else { return Ok(()) };
        // A device that keeps the newest key to itself must not keep its owner from taking it out.
        let synced: Synced = device.sync_to_revoke().await?;
        let entries = device.devices(&synced);
        let due = synced.recovery.as_ref().map(|recovery| recovery.due);
        let waiting = device.waiting_recovery(&synced).zip(due);
        // Locked meanwhile: nothing is shown.
        if self.device().is_none() {
            return Ok(());
        }
        self.change(|state| {
            state.devices.rows = entries.iter().map(|entry| row(entry, &entries)).collect();
            state.devices.recovery = waiting.map(|(id, due)| Waiting { id, device: short(&id), due });
            state.devices.looked = true;
            state.online = true;
        });
        device.lack_of_seed().map_or(Ok(()), Err)
    }

    pub(crate) fn rename_device(&self, device: &str, to: String) {
        let Some((id, this)) = self.look(|state| state.devices.find(device).map(|row| (row.id, row.this))) else {
            return;
        };
        self.run_busy("renaming", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.rename(&id, to.trim()).await?;
            phone.change(|state| {
                if this {
                    to.trim().clone_into(&mut state.name);
                }
                state.announce(Announcement::polite("say.renamed"));
            });
            phone.fetch_devices().await
        });
    }

    /// Takes a device out; then what it could open and is sensitive is sealed anew.
    pub(crate) fn revoke_device(&self, device: &str) {
        let id = self.look(|state| state.devices.find(device).filter(|row| !row.this).map(|row| row.id));
        let Some(id) = id else { return };
        self.run_busy("revoking", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.revoke(&[id]).await?;
            phone.change(|state| {
                state.busy = Some(Busy::new("rekeying"));
                state.announce(Announcement::polite("say.revoked"));
            });
            phone.fetch_devices().await?;
            let progress = &mut |rekeying: glimpse_device::chain::Rekeying| {
                let count = |records: usize| u64::try_from(records).unwrap_or(u64::MAX);
                phone.change(|state| {
                    if let Some(busy) = state.busy.as_mut() {
                        (busy.done, busy.total) = (count(rekeying.done), count(rekeying.all));
                    }
                });
            };
            device.rekey_sensitive(progress).await?;
            phone.refresh();
            Ok(())
        });
    }

    /// Stops the recovery that waits.
    pub(crate) fn veto_recovery(&self) {
        let Some(id) = self.look(|state| state.devices.recovery.as_ref().map(|waiting| waiting.id)) else { return };
        self.run_busy("vetoing", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.veto_recovery(id).await?;
            phone.change(|state| {
                state.trouble = Some(Trouble::new("kit-in-other-hands"));
                state.announce(Announcement::polite("say.vetoed"));
            });
            phone.fetch_devices().await
        });
    }
}
