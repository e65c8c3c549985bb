//! `glimpse devices`, `glimpse revoke`, `glimpse rename`

use glimpse_device::Device;
use glimpse_device::chain::{Rekeying, Synced};
use glimpse_device::devices::DeviceEntry;
use glimpse_wire::DeviceId;
use serde::Serialize;

use super::confirm;
use super::cosign::explained;
use crate::args::{Rename, Revoke, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, count, date};

/// Characters of an id that people compare and type.
const SHORT: usize = 8;

#[derive(Serialize)]
struct DeviceEvent<'d> {
    event: &'static str,
    device: String,
    name: &'d str,
    this: bool,
    since: u64,
    revoked: Option<u64>,
    held_until: Option<u64>,
    seen_at: Option<u64>,
    same_machine: Vec<String>,
}

#[derive(Serialize)]
struct RevokedEvent {
    event: &'static str,
    devices: Vec<String>,
    seq: u64,
}

#[derive(Serialize)]
struct RekeyEvent {
    event: &'static str,
    done: usize,
    all: usize,
}

pub(super) async fn list(shared: &Shared, all: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await?;
    for entry in device.devices(&synced).iter().filter(|entry| all || entry.until.is_none()) {
        out.event(&DeviceEvent {
            event: "device",
            device: entry.id.to_string(),
            name: &entry.name,
            this: entry.this,
            since: entry.since,
            revoked: entry.until,
            held_until: entry.held_until.map(|until| until.0),
            seen_at: entry.seen.map(|seen| seen.0),
            same_machine: entry.same_machine.iter().map(ToString::to_string).collect(),
        })?;
        out.line(&line(entry, out))?;
    }
    tell(&synced, out);
    Ok(0)
}

fn line(entry: &DeviceEntry, out: Out) -> String {
    let mut words = Vec::new();
    if entry.this {
        words.push(out.styled(Style::Green, "this device"));
    }
    if entry.until.is_some() {
        words.push(out.styled(Style::Dim, "taken out"));
    }
    if let Some(until) = entry.held_until {
        words.push(out.styled(Style::Yellow, &format!("held back until {} UTC", date(until.0))));
    }
    if let Some(seen) = entry.seen {
        words.push(format!("seen {} UTC", date(seen.0)));
    }
    if !entry.same_machine.is_empty() {
        words.push(out.styled(Style::Yellow, "a machine that was linked before"));
    }
    format!("{}  {}  {}", short(&entry.id.to_string()), shown_name(entry), words.join(", "))
}

pub(super) fn shown_name(entry: &DeviceEntry) -> String {
    if entry.name.is_empty() { "(no name)".to_owned() } else { clean(&entry.name) }
}

pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// A device as people know it: its name, and the beginning of its id.
pub(super) fn find_id(devices: &[DeviceEntry], id: &DeviceId) -> String {
    let id_text = id.to_string();
    match devices.iter().find(|entry| entry.id == *id) {
        Some(entry) if !entry.name.is_empty() => format!("{} ({})", shown_name(entry), short(&id_text)),
        Some(_) | None => short(&id_text).to_owned(),
    }
}

/// What is new in the inbox, in one line.
pub(super) fn tell(synced: &Synced, out: Out) {
    if !synced.notices.is_empty() {
        let new = count(u64::try_from(synced.notices.len()).unwrap_or(u64::MAX), "notice");
        out.note(&format!("{new} since the last look: `glimpse inbox` shows them."));
    }
}

/// The device whose id or name begins with `prefix`.
pub(super) fn find<'d>(devices: &'d [DeviceEntry], prefix: &str) -> Result<&'d DeviceEntry, Failure> {
    let active = || devices.iter().filter(|entry| entry.until.is_none());
    let mut found: Vec<&DeviceEntry> = active().filter(|entry| entry.name == prefix).collect();
    if found.is_empty() {
        found = active().filter(|entry| !prefix.is_empty() && entry.id.to_string().starts_with(prefix)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::not_there(
            format!("No device of the account is called {} or has an id that begins so.", clean(prefix)),
            "`glimpse devices` shows which there are.",
        )),
        _ => Err(Failure::not_there(
            format!("Several devices are called {} or have an id that begins so.", clean(prefix)),
            "Give more of the id.",
        )),
    }
}

pub(super) async fn revoke(shared: &Shared, revoke: &Revoke, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await?;
    let devices = device.devices(&synced);
    let mut chosen = Vec::new();
    for prefix in &revoke.devices {
        let entry = find(&devices, prefix)?;
        if entry.this {
            return Err(Failure::usage(
                "A device cannot take itself out.",
                "Do it on another device, or delete the account with `glimpse account delete`.",
            ));
        }
        out.note(&format!("{}  {}", short(&entry.id.to_string()), shown_name(entry)));
        chosen.push(entry.id);
    }
    confirm("Take these devices out? Their sessions end at once, and they open nothing from now on", revoke.yes, out)
        .await?;
    let head = match device.revoke(&chosen).await {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    out.event(&RevokedEvent {
        event: "revoked",
        devices: chosen.iter().map(ToString::to_string).collect(),
        seq: head.seq,
    })?;
    out.line(&format!("{} Link {} of the account's log.", out.styled(Style::Green, "They are out."), head.seq))?;
    out.note("What they copied before, together with its shares, stays readable to them.");
    rekey(&device, out).await?;
    Ok(0)
}

/// Sensitive records go under the new epoch at once.
pub(super) async fn rekey(device: &Device, out: Out) -> Result<(), Failure> {
    let mut told = Ok(());
    let done = device
        .rekey_sensitive(&mut |progress: Rekeying| {
            if told.is_ok() {
                told = out.event(&RekeyEvent { event: "rekeyed", done: progress.done, all: progress.all });
            }
            if progress.done > 0 {
                out.note(&format!("Sensitive records under the new key: {} of {}", progress.done, progress.all));
            }
        })
        .await?;
    told?;
    if done.all > 0 {
        out.line(&format!("{} sealed anew.", count(u64::try_from(done.done).unwrap_or(u64::MAX), "sensitive record")))?;
    }
    Ok(())
}

pub(super) async fn rename(shared: &Shared, rename: &Rename, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await?;
    let devices = device.devices(&synced);
    let id = match &rename.device {
        Some(prefix) => find(&devices, prefix)?.id,
        None => device.keys().id(),
    };
    device.rename(&id, &rename.name).await?;
    out.event(&serde_json::json!({ "event": "renamed", "device": id.to_string(), "name": rename.name }))?;
    out.line(&format!("{} is called {}.", short(&id.to_string()), clean(&rename.name)))?;
    Ok(0)
}
