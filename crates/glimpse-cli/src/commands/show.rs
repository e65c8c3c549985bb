//! `glimpse show ID`

use std::io::{IsTerminal, Write};

use base64ct::{Base64, Encoding};
use glimpse_core::record::{OpenedVersion, Origin};
use glimpse_device::listing::Taken;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::ErrorCode;
use glimpse_wire::limits::BLOB_BORDER;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::add::progress;
use super::lend::{fields, named as name_of};
use super::ls::from;
use crate::args::{Shared, Show};
use crate::failure::Failure;
use crate::files::{Spool, Target};
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, clean_lines, kind};

/// Content that `--json` gives in an event, in bytes.
const MAX_IN_EVENT: u64 = 64 * 1024 * 1024;

#[derive(Serialize)]
struct Shown {
    event: &'static str,
    record: String,
    file: String,
    bytes: u64,
}

#[derive(Serialize)]
struct Content<'c> {
    event: &'static str,
    record: String,
    content_type: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<&'c str>,
}

pub(super) async fn run(shared: &Shared, show: &Show, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let listing = device.listing().await?;
    let entry = listing.find(&show.id)?;
    let opened = device.open_entries(&[entry]).await?;
    let version = opened.first().ok_or(DeviceError::from(ErrorCode::NotFound))?;
    match (version.origin(), entry.written().map(|written| written.taken)) {
        (Origin::Own, _) => {}
        (Origin::Writer(_) | Origin::Approved(_), Some(Taken::Pinned)) => {
            out.note(&format!("This record is {}.", from(entry)));
        }
        (Origin::Approved(_), _) => out.note(&format!("This record is {}; you approved it.", from(entry))),
        (Origin::Writer(_), _) => {
            let text = format!("This record is {}; you have not approved it.", from(entry));
            out.note(&out.styled(Style::Yellow, &text));
        }
        (Origin::Unsigned, _) => out.note(&out.styled(Style::Red, "Unsigned: this is not from you.")),
    }
    if show.fields {
        return named(&device, version, out).await;
    }
    match &show.output {
        Some(path) => {
            let mut target = Target::begin(path, show.force)?;
            let bytes = copy(&device, version, out, &mut |piece| target.write(piece)).await?;
            target.finish()?;
            let file = path.display().to_string();
            out.line(&format!("{} written", clean(&file)))?;
            out.event(&Shown { event: "shown", record: entry.record.to_string(), file, bytes })?;
        }
        None if out.is_json() => in_event(&device, version, out).await?,
        None => to_stdout(&device, version, out).await?,
    }
    Ok(0)
}

/// The fields of a record, as `lend --withhold` takes them.
async fn named(device: &Device, version: &OpenedVersion, out: Out) -> Result<u8, Failure> {
    let found = fields(device, version, out).await?;
    let record = version.envelope().header.record.to_string();
    let h1 = version.envelope().h1().to_string();
    let name = name_of(version);
    for field in &found.fields {
        out.event(&json!({ "event": "field", "record": record, "version": h1, "pointer": field.pointer, "name": field.name, "depth": field.depth }))?;
        out.line(&format!("{name}:{}", clean(&field.pointer)))?;
    }
    out.event(&json!({ "event": "fields", "record": record, "version": h1, "fields": found.fields.len(), "more": found.more }))?;
    if found.more {
        out.note(
            "There are more than these. A field that is not named here can be withheld all the same, by its pointer.",
        );
    }
    out.note("`*` stands for every element of a list. Withhold one with: glimpse lend RECORD --withhold RECORD@VERSION:/FIELD");
    Ok(0)
}

/// Reads the content into `sink`, with a bar where it is long.
pub(super) async fn copy(
    device: &Device,
    version: &OpenedVersion,
    out: Out,
    sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<u64, Failure> {
    let bar = progress(version.meta().length, &version.meta().title, out);
    let mut bytes = 0u64;
    let read = device
        .read(version, &mut |piece| {
            bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            bar.set_position(bytes);
            sink(piece).map_err(DeviceError::Output)
        })
        .await;
    bar.finish_and_clear();
    read?;
    Ok(bytes)
}

async fn in_event(device: &Device, version: &OpenedVersion, out: Out) -> Result<(), Failure> {
    let meta = version.meta();
    if meta.length > MAX_IN_EVENT {
        return Err(Failure::usage("This record is too large for an event.", "Write it to a file with -o FILE."));
    }
    let mut content = Zeroizing::new(Vec::new());
    copy(device, version, out, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    let text = core::str::from_utf8(&content).ok();
    let base64 = text.is_none().then(|| Zeroizing::new(Base64::encode_string(&content)));
    out.event(&Content {
        event: "content",
        record: version.envelope().header.record.to_string(),
        content_type: &meta.content_type,
        text,
        base64: base64.as_ref().map(|base64| base64.as_str()),
    })
}

async fn to_stdout(device: &Device, version: &OpenedVersion, out: Out) -> Result<(), Failure> {
    let meta = version.meta();
    let mut stdout = std::io::stdout().lock();
    if !stdout.is_terminal() {
        if meta.length > BLOB_BORDER {
            // Whoever had the key of this version could have made chunks that open. That they are not the owner's shows
            // at the last one only, against the signed root: nothing leaves before that.
            let mut spool = Spool::begin().map_err(DeviceError::Output)?;
            copy(device, version, out, &mut |piece| spool.write(piece)).await?;
            spool.copy_to(&mut stdout)?;
        } else {
            let mut content = Zeroizing::new(Vec::new());
            copy(device, version, out, &mut |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })
            .await?;
            stdout.write_all(&content)?;
        }
        return Ok(stdout.flush()?);
    }
    if !matches!(kind(&meta.kind), "text" | "json" | "table" | "series" | "fhir") {
        return Err(Failure::usage(
            format!("This record is {}, which a terminal cannot show.", clean(&meta.content_type)),
            "Write it to a file with -o FILE.",
        ));
    }
    let mut content = Zeroizing::new(Vec::new());
    copy(device, version, out, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    stdout.write_all(clean_lines(&String::from_utf8_lossy(&content)).as_bytes())?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}
