//! `glimpse approve` and `glimpse reject`: what others wrote, and what waits of it.

use std::io::IsTerminal;

use glimpse_core::record::OpenedVersion;
use glimpse_device::listing::{Entry, Listing, Taken};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::ErrorCode;
use serde::Serialize;
use zeroize::Zeroizing;

use super::confirm;
use super::ls::from;
use super::show::copy;
use crate::args::{Approve, Reject, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, clean_lines, clean_to, cut, date, kind, size};

/// Of a text, so many bytes are shown before it is decided about.
const SHOWN: usize = 4 * 1024;
/// And so many lines.
const LINES: usize = 40;
/// Of what waits, so many are listed one by one.
const LISTED: usize = 20;

#[derive(Serialize)]
struct Decided {
    event: &'static str,
    record: String,
    from: String,
}

#[derive(Serialize)]
struct WaitingEvent<'e> {
    event: &'static str,
    record: String,
    title: &'e str,
    kind: &'e str,
    bytes: u64,
    created_at: u64,
    from: &'e str,
}

pub(super) async fn approve(shared: &Shared, approve: &Approve, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let listing = device.listing().await?;
    // All of them are found before any is decided about.
    let entries = found(&listing, &approve.ids)?;
    for entry in entries {
        let opened = device.open_entries(&[entry]).await?;
        let version = opened.first().ok_or(DeviceError::from(ErrorCode::NotFound))?;
        if !approve.yes {
            show(&device, entry, version, out).await?;
        }
        confirm("Approve? It is kept, and lent as from them", approve.yes, out).await?;
        device.approve(version).await?;
        tell("approved", entry, out)?;
    }
    Ok(0)
}

pub(super) async fn reject(shared: &Shared, reject: &Reject, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let listing = device.listing().await?;
    let entries = if reject.all { listing.waiting() } else { found(&listing, &reject.ids)? };
    if entries.is_empty() {
        return Err(Failure::not_there("Nothing waits for your decision.", "`glimpse ls` shows what there is."));
    }
    for entry in entries.iter().take(LISTED) {
        out.note(&line(entry, out));
    }
    rest(entries.len(), out);
    confirm("Reject? They are deleted, and this cannot be undone", reject.yes, out).await?;
    for entry in entries {
        device.delete(entry).await?;
        tell("rejected", entry, out)?;
    }
    Ok(0)
}

/// What waits for the owner, for the inbox.
pub(super) fn waiting(listing: &Listing, out: Out) -> Result<(), Failure> {
    let waiting = listing.waiting();
    for entry in &waiting {
        let (title, named) = entry.meta.as_ref().map_or(("", "file"), |meta| (meta.title.as_str(), meta.kind.as_str()));
        out.event(&WaitingEvent {
            event: "waiting",
            record: entry.record.to_string(),
            title,
            kind: kind(named),
            bytes: entry.meta.as_ref().map_or(0, |meta| meta.length),
            created_at: entry.date().0,
            from: entry.written().map_or("", |written| written.name),
        })?;
    }
    if waiting.is_empty() {
        return Ok(());
    }
    let text = match waiting.len() {
        1 => "One record that somebody wrote to you waits for your decision:".to_owned(),
        many => format!("{many} records that others wrote to you wait for your decision:"),
    };
    out.line(&out.styled(Style::Bold, &text))?;
    for entry in waiting.iter().take(LISTED) {
        out.line(&line(entry, out))?;
    }
    rest(waiting.len(), out);
    out.note("`glimpse approve ID` shows one and asks; `glimpse reject ID` deletes it.");
    Ok(())
}

/// Those of `ids`, all of which a writer brought.
fn found<'l>(listing: &'l Listing, ids: &[String]) -> Result<Vec<&'l Entry>, Failure> {
    let entries = ids.iter().map(|id| listing.find(id)).collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        entry.usable().map_err(DeviceError::from)?;
        if entry.written().is_none_or(|written| written.taken == Taken::Approved) {
            return Err(Failure::usage(
                format!("{} waits for no decision.", entry.record),
                "`glimpse inbox` shows what waits; `glimpse rm` deletes any record.",
            ));
        }
    }
    Ok(entries)
}

fn tell(event: &'static str, entry: &Entry, out: Out) -> Result<(), Failure> {
    let from = entry.written().map_or("", |written| written.name).to_owned();
    out.event(&Decided { event, record: entry.record.to_string(), from })?;
    out.line(&format!("{} {event}", entry.record))
}

fn rest(all: usize, out: Out) {
    if let Some(more) = all.checked_sub(LISTED).filter(|more| *more > 0) {
        out.note(&format!("and {more} more, which `glimpse ls` shows"));
    }
}

/// One record in one line.
fn line(entry: &Entry, out: Out) -> String {
    let id = entry.record.to_string();
    let (short, _) = id.split_at_checked(8).unwrap_or((&id, ""));
    let (title, named, length) =
        entry.meta.as_ref().map_or(("", "file", 0), |meta| (meta.title.as_str(), meta.kind.as_str(), meta.length));
    let by = out.styled(Style::Yellow, &from(entry));
    let (day, title) = (date(entry.date().0), clean_to(title, 60));
    format!("{}  {:<7} {:>8}  {day}  {title}  {by}", out.styled(Style::Bold, short), kind(named), size(length))
}

/// Shows what is decided about: what its bytes say once they are opened, all of them, to the last one.
async fn show(device: &Device, entry: &Entry, version: &OpenedVersion, out: Out) -> Result<(), Failure> {
    let meta = version.meta();
    out.note(&line(entry, out));
    let mut front = Zeroizing::new(Vec::new());
    copy(device, version, out, &mut |piece| {
        let room = SHOWN.saturating_sub(front.len()).min(piece.len());
        front.extend_from_slice(piece.split_at_checked(room).map_or(&[], |(piece, _)| piece));
        Ok(())
    })
    .await?;
    if !matches!(kind(&meta.kind), "text" | "json" | "table" | "series" | "fhir") {
        let what = clean(&meta.content_type);
        out.note(&format!("It is {what}, which a terminal cannot show: `glimpse show {} -o FILE`.", entry.record));
        return Ok(());
    }
    let Shown { text, more, altered } = shown(&front, meta.length);
    out.whole("");
    out.whole(&text);
    out.whole("");
    if altered {
        out.note(
            &out.styled(Style::Yellow, "Where � stands there is something that a terminal would not show as it is."),
        );
    }
    if more {
        let text =
            format!("This is the beginning of {}; `glimpse show {}` shows all.", size(meta.length), entry.record);
        out.note(&out.styled(Style::Yellow, &text));
    }
    // A reader by ear, or of a file, knows where the record ends.
    if !std::io::stderr().is_terminal() {
        out.note("End of what it says.");
    }
    Ok(())
}

/// What is shown of a text, and what is to be said about that.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    /// There is more than this.
    more: bool,
    /// It is not what its bytes would draw on a terminal.
    altered: bool,
}

/// The beginning of a text of `length` bytes, as a terminal may show it. `front` is so much of it as fits.
fn shown(front: &[u8], length: u64) -> Shown {
    let longer = u64::try_from(front.len()).is_ok_and(|front| front < length);
    // A letter that the end of the front cuts in two is of what follows.
    let whole = match core::str::from_utf8(front) {
        Err(error) if longer && error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => front.len(),
    };
    let read = String::from_utf8_lossy(front.split_at_checked(whole).map_or(front, |(front, _)| front));
    let fits = cut(&read, SHOWN);
    let text = fits.lines().take(LINES).collect::<Vec<_>>().join("\n");
    let safe = clean_lines(&text);
    Shown {
        more: longer || fits.len() < read.len() || fits.lines().nth(LINES).is_some(),
        // What is no UTF-8 was replaced before.
        altered: safe != text || text.contains('\u{FFFD}'),
        text: safe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Shown {
        let front = &text.as_bytes()[..text.len().min(SHOWN)];
        shown(front, u64::try_from(text.len()).unwrap())
    }

    /// Row 57 of the catalogue: what is decided about is drawn from the opened bytes, and draws nothing but itself.
    #[test]
    fn t057_what_is_shown_says_what_the_bytes_say() {
        for (hostile, shows) in [
            ("pay 10\u{202E}0001 to me", "pay 10\u{FFFD}0001 to me"),
            ("take one\u{200B}\u{2060} pill", "take one\u{FFFD}\u{FFFD} pill"),
            ("yes\r\u{1B}[2K\u{1B}[1Ano", "yes\u{FFFD}\u{FFFD}[2K\u{FFFD}[1Ano"),
        ] {
            let shown = seen(hostile);
            assert_eq!((shown.text.as_str(), shown.altered, shown.more), (shows, true, false));
            // Control: the raw bytes would have drawn something else.
            assert_ne!(hostile, shows);
        }
        // Markup is text in a terminal.
        let html = "<script>alert(1)</script> &lt;b&gt;";
        assert_eq!(seen(html), Shown { text: html.to_owned(), more: false, altered: false });
        // Ten megabytes, and as many lines: the beginning, and a word about the rest.
        for (text, most) in [("0123456789 ".repeat(1_000_000), SHOWN), ("line\n".repeat(2_000_000), 5 * LINES)] {
            let shown = seen(&text);
            assert!(shown.more && !shown.altered && shown.text.len() <= most, "{}", shown.text.len());
        }
        // No text at all, and a letter across the border.
        assert!(shown(&[b'a', 0xFF, b'b'], 3).altered);
        let long = "ä".repeat(SHOWN);
        let beginning = seen(&format!("x{long}"));
        assert!(beginning.more && !beginning.altered && beginning.text.len() == SHOWN - 1);
        // Control: what fits is whole.
        let short = "Take one a day.\nNot more.\n";
        assert_eq!(seen(short), Shown { text: short.trim_end().to_owned(), more: false, altered: false });
    }
}
