//! `glimpse devices`, `glimpse revoke`, `glimpse rename`

use glimpse_device::Device;
use glimpse_device::chain::{Rekeying, Synced};
use glimpse_device::devices::DeviceEntry;
use glimpse_wire::DeviceId;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::confirm;
use super::cosign::explained;
use crate::args::{Rename, Revoke, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean_to, count, date};

/// Characters of an id that people compare and type.
const SHORT: usize = 8;
/// Characters of a name that are shown.
const MAX_NAME: usize = 40;
/// Characters of an id that name a device, at least.
const MIN_PREFIX: usize = 4;
/// Characters of the column with the names; a longer one is shown whole, and its line is not in the column.
const NAMES: usize = 20;
/// So many records take a moment.
const MANY: usize = 8;

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
    let synced = device.sync_to_revoke().await?;
    let devices = device.devices(&synced);
    let shown = || devices.iter().filter(|entry| all || entry.until.is_none());
    let width = shown().map(|entry| shown_name(entry).chars().count()).max().unwrap_or(0).min(NAMES);
    for entry in shown() {
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
        out.line(&line(entry, width, out))?;
    }
    tell(&synced, out);
    device.lack_of_seed().map_or(Ok(0), |lack| Err(lack.into()))
}

fn line(entry: &DeviceEntry, width: usize, out: Out) -> String {
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
    let line = format!("{}  {:<width$}  {}", short(&entry.id.to_string()), shown_name(entry), words.join(", "));
    line.trim_end().to_owned()
}

pub(super) fn shown_name(entry: &DeviceEntry) -> String {
    if entry.name.is_empty() { "(no name)".to_owned() } else { clean_to(&entry.name, MAX_NAME) }
}

pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// A device as a command takes it, to be copied.
pub(super) fn argument(id: &DeviceId) -> String {
    let id = id.to_string();
    let shown = short(&id);
    if shown.starts_with('-') { format!("id:{shown}") } else { shown.to_owned() }
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
        let new = count(synced.notices.len(), "notice");
        out.note(&format!("{new} since the last look: `glimpse inbox` shows them."));
    }
}

/// The one device that is called `named` or whose id begins so. Names are their bearers' to choose: one that is the
/// beginning of another device's id leads to neither.
pub(super) fn find<'d>(devices: &'d [DeviceEntry], named: &str) -> Result<&'d DeviceEntry, Failure> {
    let active = || devices.iter().filter(|entry| entry.until.is_none());
    if let Some(whole) = active().find(|entry| entry.id.to_string() == named) {
        return Ok(whole);
    }
    let is_meant = |entry: &&DeviceEntry| {
        let begins = named.len() >= MIN_PREFIX && entry.id.to_string().starts_with(named);
        !named.is_empty() && (entry.name == named || begins)
    };
    let mut found: Vec<&DeviceEntry> = active().filter(is_meant).collect();
    if found.is_empty() {
        found = active().filter(|entry| entry.name.to_lowercase() == named.to_lowercase()).collect();
    }
    match found.as_slice() {
        [one] if !named.is_empty() => Ok(one),
        [] | [_] if is_too_short(devices, named) => Err(Failure::not_there(
            format!("“{}” is no device's name, and too short for an id.", clean_to(named, MAX_NAME)),
            format!("Give {MIN_PREFIX} or more characters of the id; `glimpse devices` shows which there are."),
        )),
        [] | [_] => Err(Failure::not_there(
            format!(
                "No device of the account is called “{}”, and none has an id that begins so.",
                clean_to(named, MAX_NAME)
            ),
            "`glimpse devices` shows which there are.",
        )),
        several => {
            let ids: Vec<String> = several.iter().map(|entry| short(&entry.id.to_string()).to_owned()).collect();
            Err(Failure::not_there(
                format!("“{}” may be any of {}.", clean_to(named, MAX_NAME), ids.join(", ")),
                "Give the id, or as much of it as it takes; `glimpse --json devices` shows whole ids.",
            ))
        }
    }
}

/// Whether `named` begins an id, and names none because it has too few characters.
fn is_too_short(devices: &[DeviceEntry], named: &str) -> bool {
    let begins = |entry: &DeviceEntry| entry.until.is_none() && entry.id.to_string().starts_with(named);
    !named.is_empty() && named.len() < MIN_PREFIX && devices.iter().any(begins)
}

pub(super) async fn revoke(shared: &Shared, revoke: &Revoke, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync_to_revoke().await?;
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
        if !chosen.contains(&entry.id) {
            out.note(&format!("{}  {}", short(&entry.id.to_string()), shown_name(entry)));
            chosen.push(entry.id);
        }
    }
    out.note("Their sessions end at once, and they open nothing from then on.");
    confirm("Take them out?", revoke.yes, out).await?;
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
    let mut bar = ProgressBar::hidden();
    let done = device
        .rekey_sensitive(&mut |progress: Rekeying| {
            if told.is_ok() {
                told = out.event(&RekeyEvent { event: "rekeyed", done: progress.done, all: progress.all });
            }
            if progress.done == 0 && progress.all >= MANY && !out.is_json() {
                bar = counting("Sensitive records under the new key", progress.all);
            }
            bar.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
        })
        .await;
    bar.finish_and_clear();
    let done = done?;
    told?;
    if done.all > 0 {
        out.line(&format!("{} sealed anew.", count(done.done, "sensitive record")))?;
    }
    Ok(())
}

/// A bar for so many records, one after the other.
fn counting(what: &'static str, all: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(all).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:30}  {pos} of {len}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
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
    let shown = short(&id.to_string()).to_owned();
    out.line(&if rename.name.is_empty() {
        format!("{shown} has no name any more.")
    } else {
        format!("{shown} is called {}.", clean_to(&rename.name, MAX_NAME))
    })?;
    Ok(0)
}
