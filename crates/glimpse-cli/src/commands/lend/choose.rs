//! What to lend, for how long, and whether it may be saved: from the command line, or asked.

use dialoguer::{Confirm, MultiSelect, Select};
use glimpse_device::Device;
use glimpse_device::lend::Plan;
use glimpse_device::listing::{Entry, Listing};
use glimpse_wire::limits::{MAX_SESSION_MILLIS, MAX_UNITS_PER_SESSION, MIN_SESSION_MILLIS};
use glimpse_wire::record::Policy;
use glimpse_wire::{ErrorCode, RecordId};
use serde::Serialize;

use crate::args::Lend;
use crate::commands::ls::line;
use crate::failure::Failure;
use crate::out::Out;
use crate::text::clean;

const MINUTE: u64 = 60 * 1000;
/// How long a session is, unless said otherwise, in milliseconds.
const DEFAULT: u64 = 15 * MINUTE;

#[derive(Serialize)]
struct Skipped {
    event: &'static str,
    record: String,
    code: &'static str,
}

/// What was chosen.
pub(super) struct Choice {
    site: Option<String>,
    records: Vec<RecordId>,
    save: bool,
    millis: u64,
}

impl Choice {
    /// Opens what was chosen. Each code has a plan of its own.
    pub(super) async fn plan(&self, device: &Device, out: Out) -> Result<Plan, Failure> {
        let listing = device.listing().await?;
        let ids: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        let entries = ids.iter().map(|id| listing.find(id)).collect::<Result<Vec<_>, _>>()?;
        if entries.len() > 500 {
            out.note(&format!("Opening {} records…", entries.len()));
        }
        let records = device.open_entries(&entries).await?;
        let plan = Plan { records, save: self.save, millis: self.millis, site: self.site.clone() };
        plan.check()?;
        Ok(plan)
    }
}

/// Why a record cannot be lent, if it cannot.
fn barred(entry: &Entry) -> Option<ErrorCode> {
    match entry.usable() {
        Err(code) => Some(code),
        Ok(_) if entry.standing == glimpse_device::listing::Standing::Unsigned => Some(ErrorCode::RecordTampered),
        Ok(meta) if meta.policy & Policy::NEVER_LEND != 0 || meta.policy & !Policy::KNOWN != 0 => {
            Some(ErrorCode::NeverLend)
        }
        Ok(_) => None,
    }
}

pub(super) async fn choose(device: &Device, lend: &Lend, out: Out) -> Result<Choice, Failure> {
    let listing = device.listing().await?;
    let millis = match &lend.duration {
        Some(text) => parse_duration(text)?,
        None => DEFAULT,
    };
    let site = lend.site.clone();
    if !lend.ids.is_empty() {
        let mut records = Vec::new();
        for id in &lend.ids {
            let entry = listing.find(id)?;
            if let Some(code) = barred(entry) {
                return Err(code.into());
            }
            if !records.contains(&entry.record) {
                records.push(entry.record);
            }
        }
        return Ok(Choice { site, records, save: lend.save, millis });
    }
    if lend.everything || !lend.kinds.is_empty() {
        let records = by_kind(&listing, lend, out)?;
        return Ok(Choice { site, records, save: lend.save, millis });
    }
    if !out.can_ask() {
        return Err(Failure::usage(
            "Nothing was chosen to lend.",
            "Name records by id, or give --kind or --everything.",
        ));
    }
    Ok(Choice { site, ..ask(&listing, lend, millis, out)? })
}

fn by_kind(listing: &Listing, lend: &Lend, out: Out) -> Result<Vec<RecordId>, Failure> {
    let mut records = Vec::new();
    for entry in listing.newest_first() {
        let kind = entry.meta.as_ref().map_or("", |meta| meta.kind.as_str());
        if !lend.everything && !lend.kinds.iter().any(|wanted| wanted == kind) {
            continue;
        }
        match barred(entry) {
            None => records.push(entry.record),
            Some(code) => {
                out.event(&Skipped { event: "skipped", record: entry.record.to_string(), code: code.slug() })?;
                out.note(&format!("Left out: {}  {}", line(entry, out), code.happened()));
            }
        }
    }
    if records.is_empty() {
        return Err(Failure::not_there("There is nothing of that to lend.", "`glimpse ls` shows what there is."));
    }
    if records.len() > MAX_UNITS_PER_SESSION {
        return Err(Failure::usage(
            format!("One session lends {MAX_UNITS_PER_SESSION} records at most."),
            "Choose by id or by kind.",
        ));
    }
    Ok(records)
}

/// Nothing is chosen until the person chooses.
fn ask(listing: &Listing, lend: &Lend, mut millis: u64, out: Out) -> Result<Choice, Failure> {
    let entries: Vec<&Entry> = listing.newest_first().into_iter().filter(|entry| barred(entry).is_none()).collect();
    if entries.is_empty() {
        return Err(Failure::not_there("There is nothing to lend yet.", "Add records with `glimpse add FILE…`."));
    }
    let aborted = |_| Failure::usage("Nothing was chosen to lend.", "Start again; space chooses, Enter goes on.");
    // Lines as plain text: the prompt has its own colours.
    let plain: Vec<String> = entries.iter().map(|entry| line(entry, Out::new(true))).collect();
    let picked = MultiSelect::new()
        .with_prompt("What do you want to lend? (space chooses, Enter goes on)")
        .items(&plain)
        .max_length(15)
        .interact()
        .map_err(aborted)?;
    let records: Vec<RecordId> =
        picked.iter().filter_map(|place| entries.get(*place)).map(|entry| entry.record).collect();
    if records.is_empty() {
        return Err(Failure::usage("Nothing was chosen to lend.", "Start again; space chooses, Enter goes on."));
    }
    if lend.duration.is_none() {
        let spans = [5, 15, 60, 120];
        let named: Vec<String> = spans.iter().map(|minutes| format!("{minutes} minutes")).collect();
        let span = Select::new().with_prompt("For how long?").items(&named).default(1).interact().map_err(aborted)?;
        millis = spans.get(span).map_or(DEFAULT, |minutes| MINUTE.saturating_mul(*minutes));
    }
    let save = if lend.save || lend.view_only {
        lend.save
    } else {
        Confirm::new().with_prompt("May the other side save copies?").default(false).interact().map_err(aborted)?
    };
    out.note(&format!("{} records, {} minutes, {}", records.len(), millis / MINUTE, rights(save)));
    Ok(Choice { site: None, records, save, millis })
}

pub(super) const fn rights(save: bool) -> &'static str {
    if save { "to view and save" } else { "to view only" }
}

/// `15` or `15m` is minutes, `90s` seconds, `2h` hours.
pub(super) fn parse_duration(text: &str) -> Result<u64, Failure> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (text.get(..at), 1000),
        Some((at, 'm')) => (text.get(..at), MINUTE),
        Some((at, 'h')) => (text.get(..at), 60 * MINUTE),
        _ => (Some(text), MINUTE),
    };
    let millis = number.and_then(|number| number.parse::<u64>().ok()).and_then(|number| number.checked_mul(unit));
    millis.filter(|millis| (MIN_SESSION_MILLIS..=MAX_SESSION_MILLIS).contains(millis)).ok_or_else(|| {
        Failure::usage(
            format!("{} is no time for a session.", clean(text)),
            "Give minutes, such as --for 15, or 90s or 2h; from 10 seconds to 2 hours.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("15", 900_000), ("15m", 900_000), ("90s", 90_000), ("2h", 7_200_000), (" 10s ", 10_000)]
        {
            assert_eq!(parse_duration(text).ok(), Some(millis), "{text}");
        }
        for wrong in ["", "0", "9s", "121", "3h", "-5", "1.5h", "m", "18446744073709551615h", "15 minutes"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
