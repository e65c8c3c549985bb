//! `glimpse ls`

use glimpse_device::listing::{Entry, Standing, Taken};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::{Ls, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean_to, date, kind, size};

#[derive(Serialize)]
struct RecordEvent<'e> {
    event: &'static str,
    record: String,
    title: &'e str,
    kind: &'e str,
    content_type: &'e str,
    bytes: u64,
    created_at: u64,
    version: u64,
    standing: &'static str,
    from: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<&'e str>,
    tags: &'e [String],
}

#[derive(Serialize)]
struct Listed {
    event: &'static str,
    records: usize,
}

#[derive(Serialize)]
struct AlarmEvent {
    event: &'static str,
    kind: &'static str,
    message: String,
}

/// The standing in one word.
pub(super) fn word(entry: &Entry) -> &'static str {
    match entry.standing {
        Standing::Own => "own",
        Standing::Pending if entry.waits() => "pending",
        // By a device, or by a pin.
        Standing::Pending | Standing::Approved => "approved",
        Standing::Unsigned => "unsigned",
        Standing::Deleted => "deleted",
        Standing::Trouble { code } => code.slug(),
    }
}

pub(super) async fn run(shared: &Shared, ls: &Ls, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let bar = if out.is_json() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} changes") {
        bar.set_style(style);
    }
    let listing = device.listing_with(&mut |taken| bar.set_position(u64::try_from(taken).unwrap_or(u64::MAX))).await;
    bar.finish_and_clear();
    let listing = listing?;
    let wanted = ls.search.as_deref().map(str::to_lowercase);
    let shown: Vec<&Entry> = listing
        .newest_first()
        .into_iter()
        .filter(|entry| matches(entry, ls.kind.as_deref(), wanted.as_deref()))
        .collect();
    for entry in &shown {
        let meta = entry.meta.as_ref();
        out.event(&RecordEvent {
            event: "record",
            record: entry.record.to_string(),
            title: meta.map_or("", |meta| &meta.title),
            kind: meta.map_or("", |meta| &meta.kind),
            content_type: meta.map_or("", |meta| &meta.content_type),
            bytes: meta.map_or(0, |meta| meta.length),
            created_at: entry.date().0,
            version: entry.version,
            standing: word(entry),
            from: meta.map_or("", |meta| &meta.from),
            pinned: entry.pinned.as_deref(),
            tags: meta.map_or(&[], |meta| &meta.tags),
        })?;
        out.line(&line_from(entry, &from(entry), out))?;
    }
    out.event(&Listed { event: "listed", records: shown.len() })?;
    if listing.unreadable() > 0 {
        let text = format!("{} changes cannot be read. Tell whoever runs the server.", listing.unreadable());
        out.note(&out.styled(Style::Red, &text));
    }
    if shown.is_empty() {
        out.note(if listing.is_empty() {
            "No records yet. Add some with `glimpse add FILE…`."
        } else {
            "Nothing fits."
        });
    }
    for alarm in listing.alarms() {
        out.event(&AlarmEvent { event: "alarm", kind: alarm.word(), message: alarm.to_string() })?;
        out.note(&out.styled(Style::Red, &format!("The list is not what was signed: {alarm}.")));
    }
    // What can be read was listed; that something is wrong with it is how the command ends.
    listing.require_intact()?;
    Ok(0)
}

fn matches(entry: &Entry, wanted_kind: Option<&str>, wanted: Option<&str>) -> bool {
    let Some(meta) = &entry.meta else { return wanted_kind.is_none() && wanted.is_none() };
    let has = |wanted: &str| {
        meta.title.to_lowercase().contains(wanted) || meta.tags.iter().any(|tag| tag.to_lowercase().contains(wanted))
    };
    wanted_kind.is_none_or(|wanted| kind(&meta.kind) == wanted) && wanted.is_none_or(has)
}

/// From whom a writer's record comes: by the name that the owner gave, or by what a stranger says.
pub(super) fn from(entry: &Entry) -> String {
    let claimed = entry.meta.as_ref().map_or("", |meta| &meta.from);
    match &entry.pinned {
        Some(name) => format!("from {}, whom you pinned", clean_to(name, 40)),
        None if claimed.is_empty() => "from a writer whom you have not pinned".to_owned(),
        None => format!("from a writer whom you have not pinned, and who says \"{}\"", clean_to(claimed, 40)),
    }
}

/// What became of a writer's record, after whom it is from.
pub(super) const fn taken(taken: Taken) -> &'static str {
    match taken {
        Taken::Waiting => "; not approved",
        Taken::Approved => "; approved",
        Taken::Pinned => "",
    }
}

/// One record in one line; of a writer, what it says of itself.
pub(super) fn line(entry: &Entry, out: Out) -> String {
    let claimed = entry.meta.as_ref().map_or("", |meta| &meta.from);
    let by = match &entry.pinned {
        Some(name) => format!("by {}", clean_to(name, 40)),
        None if claimed.is_empty() => "by a writer".to_owned(),
        None => format!("by a writer who says \"{}\"", clean_to(claimed, 40)),
    };
    line_from(entry, &by, out)
}

fn line_from(entry: &Entry, by: &str, out: Out) -> String {
    let id = entry.record.to_string();
    let (short, rest) = id.split_at_checked(8).unwrap_or((&id, ""));
    let id = format!("{}{}", out.styled(Style::Bold, short), out.styled(Style::Dim, rest));
    let Some(meta) = &entry.meta else {
        return format!("{id}  {}", trouble(entry, out));
    };
    let title = clean_to(&meta.title, 60);
    let length = size(meta.length);
    let line = format!("{id}  {:<7} {length:>8}  {}  {title}", kind(&meta.kind), date(entry.date().0));
    if let Some(written) = entry.written() {
        let text = format!("{by}{}", taken(written.taken));
        let style = if written.taken == Taken::Waiting { Style::Yellow } else { Style::Dim };
        return format!("{line}  {}", out.styled(style, &text));
    }
    match entry.standing {
        Standing::Own | Standing::Pending | Standing::Approved | Standing::Deleted => line,
        Standing::Unsigned => format!("{line}  {}", out.styled(Style::Red, "unsigned: not from you")),
        Standing::Trouble { .. } => format!("{line}  {}", trouble(entry, out)),
    }
}

fn trouble(entry: &Entry, out: Out) -> String {
    let text = match entry.standing {
        Standing::Trouble { code } => code.happened(),
        Standing::Own | Standing::Pending | Standing::Approved | Standing::Unsigned | Standing::Deleted => {
            "This record does not open."
        }
    };
    out.styled(Style::Red, text)
}
