//! What to lend, for how long, and whether it may be saved: from the command line, or asked.

use std::collections::BTreeSet;

use dialoguer::{Confirm, Input, MultiSelect, Select};
use glimpse_device::Device;
use glimpse_device::lend::{Audience, Plan};
use glimpse_device::listing::{Entry, Listing, Standing, Taken};
use glimpse_wire::limits::{MAX_SESSION_MILLIS, MAX_UNITS_PER_SESSION, MIN_SESSION_MILLIS};
use glimpse_wire::record::Policy;
use glimpse_wire::{ErrorCode, RecordId};
use serde::Serialize;

use super::fields::{self, Wishes, wishes};
use crate::args::Lend;
use crate::commands::ls::line;
use crate::failure::Failure;
use crate::out::Out;
use crate::prompts;
use crate::text::{KINDS, clean, clean_to, count, date, kind, lasting, parse_day, size};

const MINUTE: u64 = 60 * 1000;
const DAY: u64 = 24 * 60 * MINUTE;
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
    to: Audience,
    site: Option<String>,
    records: Vec<RecordId>,
    save: bool,
    millis: u64,
    withhold: Wishes,
}

impl Choice {
    /// Whether an agent is to look.
    pub(super) fn is_for_agent(&self) -> bool {
        self.to == Audience::Agent
    }

    /// What was lent on top belongs to it, for an agent who goes on with the same.
    pub(super) fn extend(&mut self, lent: BTreeSet<RecordId>, less: Wishes) {
        let more: Vec<RecordId> = lent.into_iter().filter(|record| !self.records.contains(record)).collect();
        self.records.extend(more);
        self.withhold.extend(less);
    }

    /// Opens what was chosen. Each code has a plan of its own.
    pub(super) async fn plan(&self, device: &Device, out: Out) -> Result<Plan, Failure> {
        let listing = device.listing().await?;
        let ids: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        let entries = ids.iter().map(|id| listing.find(id)).collect::<Result<Vec<_>, _>>()?;
        if entries.len() > 500 {
            out.note(&format!("Opening {} records…", entries.len()));
        }
        let records = device.open_entries(&entries).await?;
        let withheld = fields::withheld(device, &records, &self.withhold, out).await?;
        let (to, save, millis, site) = (self.to, self.save, self.millis, self.site.clone());
        let plan = Plan { to, records, save, millis, site, withheld };
        plan.check()?;
        Ok(plan)
    }
}

/// Why a record cannot be lent, if it cannot.
pub(super) fn barred(entry: &Entry) -> Option<ErrorCode> {
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
    let to = if lend.agent { Audience::Agent } else { Audience::OwnScreen };
    if lend.agent && device.chain().signed_policy().organisations.is_empty() {
        out.note(
            "No organisation is pinned here: whoever types this code will be shown as unknown, and cannot be approved.",
        );
        out.note("To pin one: glimpse chain pin NAME --card CARD");
    }
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
        let withhold = wishes(&lend.withhold, &listing, &records)?;
        return Ok(Choice { to, site, records, save: lend.save, millis, withhold });
    }
    if lend.everything || !lend.kinds.is_empty() || lend.since.is_some() || lend.until.is_some() {
        let records = by_rule(&listing, lend, out)?;
        let withhold = wishes(&lend.withhold, &listing, &records)?;
        return Ok(Choice { to, site, records, save: lend.save, millis, withhold });
    }
    if !out.can_ask() {
        return Err(Failure::usage(
            "Nothing was chosen to lend.",
            "Name records by id, or give --kind, --since, --until or --everything.",
        ));
    }
    Ok(Choice { to, site, ..ask(&listing, lend, millis, out).await? })
}

fn by_rule(listing: &Listing, lend: &Lend, out: Out) -> Result<Vec<RecordId>, Failure> {
    let mut records = Vec::new();
    for entry in listing.newest_first() {
        let of_kind = lend.kinds.is_empty() || lend.kinds.iter().any(|wanted| wanted == kind_of(entry));
        if !of_kind || !within(entry, lend.since, lend.until) {
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
    few_enough(records)
}

/// How a person chooses.
#[derive(Clone, Copy)]
enum Way {
    OneByOne,
    Kinds,
    Days,
    Everything,
}

/// Nothing is chosen until the person chooses.
async fn ask(listing: &Listing, lend: &Lend, mut millis: u64, out: Out) -> Result<Choice, Failure> {
    let entries: Vec<&Entry> = listing.newest_first().into_iter().filter(|entry| barred(entry).is_none()).collect();
    if entries.is_empty() {
        return Err(Failure::not_there("There is nothing to lend yet.", "Add records with `glimpse add FILE…`."));
    }
    let ways = [Way::OneByOne, Way::Kinds, Way::Days, Way::Everything];
    let named = [
        "Records, one by one".to_owned(),
        "All of one kind or several".to_owned(),
        "All of a range of days".to_owned(),
        format!("Everything: {}", amount(&entries)),
    ];
    let prompt = prompts::fitting(out, "What do you want to lend? (arrows, then Enter)", 2, "Arrows, Enter");
    // No default: Enter alone chooses nothing.
    let way = prompts::ask(out, move || Select::new().with_prompt(prompt).items(named).interact());
    let way = way.await?.and_then(|place| ways.get(place)).ok_or_else(broken_off)?;
    let picked = match way {
        Way::OneByOne => one_by_one(&entries, out).await?,
        Way::Kinds => of_kinds(&entries, out).await?,
        Way::Days => of_days(&entries, out).await?,
        Way::Everything => entries,
    };
    if picked.is_empty() {
        return Err(nothing());
    }
    let records = few_enough(picked.iter().map(|entry| entry.record).collect())?;
    if lend.duration.is_none() {
        let spans = [5, 15, 60, 120].map(|minutes| MINUTE.saturating_mul(minutes));
        let named = spans.map(lasting);
        let span =
            prompts::ask(out, move || Select::new().with_prompt("For how long?").items(named).default(1).interact());
        millis = span.await?.and_then(|place| spans.get(place)).copied().ok_or_else(broken_off)?;
    }
    let save = if lend.save || lend.view_only {
        lend.save
    } else {
        let save = prompts::ask(out, || {
            Confirm::new().with_prompt("May the other side save copies?").default(false).interact()
        });
        save.await?.ok_or_else(broken_off)?
    };
    out.note(&format!("{}, for {}, {}", amount(&picked), lasting(millis), rights(save)));
    let withhold = wishes(&lend.withhold, listing, &records)?;
    Ok(Choice { to: Audience::OwnScreen, site: None, records, save, millis, withhold })
}

fn nothing() -> Failure {
    Failure::usage("Nothing was chosen to lend.", "Start again; space chooses in a list, Enter goes on.")
}

/// The person left a question.
fn broken_off() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was lent.", "Start again when you want to lend.")
}

/// `3 records, 1.2 MB`.
fn amount(entries: &[&Entry]) -> String {
    let bytes = entries.iter().filter_map(|entry| entry.meta.as_ref()).map(|meta| meta.length);
    format!("{}, {}", count(entries.len(), "record"), size(bytes.fold(0, u64::saturating_add)))
}

async fn several(prompt: &'static str, items: Vec<String>, out: Out) -> Result<Vec<usize>, Failure> {
    // Room for the number of the page behind it.
    let prompt = prompts::fitting(out, prompt, 14, "Space, Enter");
    let picked = prompts::ask(out, move || {
        MultiSelect::new().with_prompt(prompt).items(items).max_length(15).report(false).interact()
    });
    picked.await?.ok_or_else(broken_off)
}

/// Columns that a list needs before its items: `> [x] `, and one at the end.
const MARKS: usize = 7;

/// Records to choose from. The list is drawn again with each key, and one with a line that is longer than the terminal
/// leaves half of itself behind: there the ids go, and the title is cut.
fn items(entries: &[&Entry], out: Out) -> Vec<String> {
    // Lines as plain text: the prompt has its own colours.
    let whole: Vec<String> = entries.iter().map(|entry| line(entry, out.plain())).collect();
    let Some(room) = out.columns().map(|columns| columns.saturating_sub(MARKS)) else { return whole };
    if whole.iter().all(|line| line.chars().count() <= room) {
        return whole;
    }
    let short = |entry: &&Entry| {
        let meta = entry.meta.as_ref()?;
        let taken =
            entry.standing == Standing::Own || entry.written().is_some_and(|written| written.taken != Taken::Waiting);
        let mark = if taken { "" } else { "not approved: " };
        let (kind, length, day) = (kind_of(entry), size(meta.length), date(entry.date().0));
        Some(clean_to(&format!("{kind:<7} {length:>8}  {mark}{}  {day}", meta.title), room))
    };
    entries.iter().zip(whole).map(|(entry, whole)| short(entry).unwrap_or_else(|| clean_to(&whole, room))).collect()
}

async fn one_by_one<'e>(entries: &[&'e Entry], out: Out) -> Result<Vec<&'e Entry>, Failure> {
    let picked = several("Which records? (space chooses, Enter goes on)", items(entries, out), out).await?;
    Ok(picked.iter().filter_map(|place| entries.get(*place)).copied().collect())
}

async fn of_kinds<'e>(entries: &[&'e Entry], out: Out) -> Result<Vec<&'e Entry>, Failure> {
    let of = |wanted: &str| entries.iter().filter(|entry| kind_of(entry) == wanted).copied().collect::<Vec<_>>();
    let kinds: Vec<(&str, Vec<&Entry>)> =
        KINDS.into_iter().map(|kind| (kind, of(kind))).filter(|(_, entries)| !entries.is_empty()).collect();
    let lines = kinds.iter().map(|(kind, entries)| format!("{kind:<7} {}", amount(entries))).collect();
    let picked = several("Which kinds? (space chooses, Enter goes on)", lines, out).await?;
    let wanted: Vec<&str> = picked.iter().filter_map(|place| kinds.get(*place)).map(|(kind, _)| *kind).collect();
    // In the order of the list, whatever the kind.
    Ok(entries.iter().filter(|entry| wanted.contains(&kind_of(entry))).copied().collect())
}

async fn of_days<'e>(entries: &[&'e Entry], out: Out) -> Result<Vec<&'e Entry>, Failure> {
    let since = day("From which day on? (2026-01-31; Enter: from the first)", "From", out).await?;
    let until = day("Up to which day? (Enter: up to the last)", "Up to", out).await?;
    let picked: Vec<&Entry> = entries.iter().filter(|entry| within(entry, since, until)).copied().collect();
    if picked.is_empty() {
        return Err(Failure::not_there("There is nothing of those days to lend.", "`glimpse ls` shows what there is."));
    }
    Ok(picked)
}

/// Columns of `: ` and a day.
const TYPED_DAY: usize = 13;

async fn day(question: &'static str, short: &'static str, out: Out) -> Result<Option<u64>, Failure> {
    let prompt = prompts::fitting(out, question, TYPED_DAY, short);
    let typed = prompts::ask(out, move || {
        Input::<String>::new()
            .with_prompt(prompt)
            .allow_empty(true)
            .validate_with(|text: &String| {
                let good = text.trim().is_empty() || parse_day(text).is_some();
                if good { Ok(()) } else { Err("write a day as 2026-01-31") }
            })
            .interact_text()
    });
    Ok(parse_day(&typed.await?.ok_or_else(broken_off)?))
}

fn kind_of(entry: &Entry) -> &'static str {
    kind(entry.meta.as_ref().map_or("", |meta| meta.kind.as_str()))
}

/// Whether the record's date is of one of these days, both included, each given by its beginning.
fn within(entry: &Entry, since: Option<u64>, until: Option<u64>) -> bool {
    let date = entry.date().0;
    since.is_none_or(|day| date >= day) && until.is_none_or(|day| date < day.saturating_add(DAY))
}

fn few_enough(records: Vec<RecordId>) -> Result<Vec<RecordId>, Failure> {
    if records.len() > MAX_UNITS_PER_SESSION {
        return Err(Failure::usage(
            format!("One session lends {MAX_UNITS_PER_SESSION} records at most; these are {}.", records.len()),
            "Choose by id, by kind or by days.",
        ));
    }
    Ok(records)
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
