//! Fields of a record that are withheld from what is lent: which there are, and what is cut out for them.

use core::ops::Range;
use std::collections::BTreeMap;

use glimpse_content::Source;
use glimpse_content::limits::REDUCED;
use glimpse_content::reduce::{self, Fault, Fields};
use glimpse_core::record::OpenedVersion;
use glimpse_device::lend::{FieldChoice, Withheld};
use glimpse_device::listing::Listing;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::{ErrorCode, RecordId};
use zeroize::Zeroizing;

use crate::commands::show::copy;
use crate::failure::Failure;
use crate::out::Out;
use crate::text::{clean_to, count};

/// What a version is named by, in characters: at least as many as this of its h1, as `show --fields` prints them.
const VERSION: usize = 12;

/// The fields to withhold, by record; each chosen in one version of it.
pub(super) type Wishes = BTreeMap<RecordId, FieldChoice>;

/// Reads `RECORD:/pointer` or `RECORD@VERSION:/pointer`, as often as it was given. Each record must be one of those that are to be
/// lent. A choice that names no version is of the one that stands in this list.
pub(super) fn wishes(given: &[String], listing: &Listing, lent: &[RecordId]) -> Result<Wishes, Failure> {
    let mut wishes = Wishes::new();
    for wish in given {
        let (id, version, pointer) = parse(wish).ok_or_else(|| {
            Failure::withhold(
                "no-pointer",
                format!("{} names no field of a record.", clean_to(wish, 80)),
                "Write RECORD:/field, as `glimpse show RECORD --fields` prints it.",
            )
        })?;
        let entry = listing.find(id)?;
        if !lent.contains(&entry.record) {
            return Err(Failure::withhold(
                "not-lent",
                format!("{} is not among the records to lend.", clean_to(id, 40)),
                "Name the record as well, or leave its fields out.",
            ));
        }
        if version.is_some_and(|version| !entry.h1.to_string().starts_with(version)) {
            return Err(changed(entry.meta.as_ref().map_or("", |meta| &meta.title)));
        }
        wishes.entry(entry.record).or_insert_with(|| FieldChoice::new(entry.record, entry.h1)).add(pointer.to_owned());
    }
    Ok(wishes)
}

/// `id:/a/b`, `id@version:/a/b`, and `id:-abc:/a/b` where the id begins with a dash.
fn parse(wish: &str) -> Option<(&str, Option<&str>, &str)> {
    let at = wish.find(":/")?;
    let (id, pointer) = (wish.get(..at)?, wish.get(at.checked_add(1)?..)?);
    let id = id.strip_prefix("id:").unwrap_or(id);
    let (id, version) = id.split_once('@').map_or((id, None), |(id, version)| (id, Some(version)));
    // A beginning that fits too much would name no version.
    let vague = version.is_some_and(|version| version.len() < VERSION);
    if id.is_empty() || vague { None } else { Some((id, version, pointer)) }
}

/// How `show --fields` names a version of a record.
pub(in crate::commands) fn named(version: &OpenedVersion) -> String {
    let envelope = version.envelope();
    let record = envelope.header.record.to_string();
    // As it may be given to a command: one that begins with a dash looks like an option.
    let mark = if record.starts_with('-') { "id:" } else { "" };
    format!("{mark}{record}@{}", envelope.h1().to_string().chars().take(VERSION).collect::<String>())
}

/// Fields were chosen in a version that is not the newest any more.
fn changed(title: &str) -> Failure {
    let title = clean_to(title, 40);
    Failure::said(
        ErrorCode::Conflict,
        &format!("“{title}” is not what it was when its fields were chosen: there is another version."),
        "Nothing was lent. Look at its fields again and choose anew: `glimpse show RECORD --fields`.",
    )
}

/// What to cut out of each of these records for what was wished; nothing out of another version than it was wished for.
pub(super) async fn withheld(
    device: &Device,
    versions: &[OpenedVersion],
    wishes: &Wishes,
    out: Out,
) -> Result<Vec<Withheld>, Failure> {
    let mut withheld = Vec::new();
    for version in versions {
        if let Some(choice) = wishes.get(&version.envelope().header.record) {
            if !choice.is_of(version) {
                return Err(changed(&version.meta().title));
            }
            let pointers: Vec<String> = choice.pointers().iter().cloned().collect();
            let content = content(device, version, out).await?;
            let reduction =
                reduce::reduce(&source(version, &content), &pointers).map_err(|fault| refused(version, &fault))?;
            let wide = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
            let stretches: Vec<Range<u64>> = reduction.cuts.iter().map(|cut| wide(cut.start)..wide(cut.end)).collect();
            let fields = u32::try_from(reduction.fields).map_err(|_| ErrorCode::TooLarge)?;
            withheld.push(choice.cut(version, stretches, fields)?);
        }
    }
    Ok(withheld)
}

/// The fields of a record.
pub(in crate::commands) async fn fields(device: &Device, version: &OpenedVersion, out: Out) -> Result<Fields, Failure> {
    found(device, version, out).await?.map_err(|fault| refused(version, &fault))
}

/// The same; nothing for what has no fields, or is so large that nothing can be taken from it, and is lent as it is. What cannot
/// be told apart is an error: whoever waits for the question would lend it whole.
pub(super) async fn fields_if_any(
    device: &Device,
    version: &OpenedVersion,
    out: Out,
) -> Result<Option<Fields>, Failure> {
    match found(device, version, out).await? {
        Ok(found) => Ok(Some(found)),
        Err(Fault::NoFields | Fault::TooLarge) => Ok(None),
        Err(fault) => Err(refused(version, &fault)),
    }
}

async fn found(device: &Device, version: &OpenedVersion, out: Out) -> Result<Result<Fields, Fault>, Failure> {
    if is_too_large(version) {
        return Ok(Err(Fault::TooLarge));
    }
    let content = content(device, version, out).await?;
    Ok(reduce::fields(&source(version, &content)))
}

/// The record, as it is in the account at this moment.
pub(super) async fn opened(device: &Device, record: RecordId) -> Result<OpenedVersion, Failure> {
    let listing = device.listing().await?;
    let entry = listing.find(&record.to_string())?;
    let opened = device.open_entries(&[entry]).await?;
    Ok(opened.into_iter().next().ok_or(DeviceError::from(ErrorCode::NotFound))?)
}

fn is_too_large(version: &OpenedVersion) -> bool {
    usize::try_from(version.meta().length).map_or(true, |length| length > REDUCED)
}

async fn content(device: &Device, version: &OpenedVersion, out: Out) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if is_too_large(version) {
        return Err(refused(version, &Fault::TooLarge));
    }
    let mut content = Zeroizing::new(Vec::new());
    copy(device, version, out, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(content)
}

fn source<'c>(version: &'c OpenedVersion, content: &'c [u8]) -> Source<'c> {
    let meta = version.meta();
    let title = if meta.file_name.is_empty() { &meta.title } else { &meta.file_name };
    Source { content_type: &meta.content_type, title, bytes: content }
}

/// Why nothing was withheld, and so nothing is lent.
fn refused(version: &OpenedVersion, fault: &Fault) -> Failure {
    let title = clean_to(&version.meta().title, 40);
    let what = match fault {
        Fault::NoFields => format!("“{title}” has no fields: only JSON, FHIR and tables have."),
        Fault::NotUtf8 => format!("“{title}” is not written in UTF-8, so its fields cannot be told apart."),
        Fault::TooLarge => format!("“{title}” is too large for fields to be withheld: it is lent whole, or not."),
        Fault::Malformed => format!("“{title}” is damaged, so its fields cannot be told apart."),
        Fault::TooMuch => format!("“{title}” is nested too deep, or has too many values."),
        Fault::NamedTwice => format!("“{title}” has two fields of one name beside each other."),
        Fault::LongName => format!("“{title}” has a field whose name is too long."),
        Fault::Ragged => format!("“{title}” has rows that are longer or shorter than its first."),
        Fault::NoPointer(pointer) => format!("{} names no field.", clean_to(pointer, 80)),
        Fault::NoSuchField(pointer) => format!("“{title}” has no field {}.", clean_to(pointer, 80)),
        Fault::TooMany => format!("More than {} fields were named.", glimpse_content::limits::FIELDS_WITHHELD),
        Fault::NothingLeft => format!("Nothing would be left of “{title}”."),
    };
    let next = match fault {
        Fault::NoPointer(_) | Fault::NoSuchField(_) => "`glimpse show RECORD --fields` prints them. Nothing was lent.",
        Fault::NothingLeft => "Do not lend the record, or withhold less of it. Nothing was lent.",
        Fault::TooMany => "Name a field that they all lie in. Nothing was lent.",
        Fault::NoFields
        | Fault::NotUtf8
        | Fault::TooLarge
        | Fault::Malformed
        | Fault::TooMuch
        | Fault::NamedTwice
        | Fault::LongName
        | Fault::Ragged => "Nothing was lent. Lend it whole, or not at all.",
    };
    Failure::withhold(fault.word(), what, next)
}

/// ` (2 fields withheld)`, or nothing.
pub(super) fn note(fields: u32) -> String {
    if fields == 0 { String::new() } else { format!(" ({} withheld)", count(fields, "field")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_a_record_and_a_pointer() {
        assert_eq!(parse("AbC:/name"), Some(("AbC", None, "/name")));
        assert_eq!(parse("id:-bC:/a:/b"), Some(("-bC", None, "/a:/b")));
        assert_eq!(parse("AbC:/"), Some(("AbC", None, "/")));
        assert_eq!(parse("AbC@0123456789ab:/a@b"), Some(("AbC", Some("0123456789ab"), "/a@b")));
        assert_eq!(parse("id:-bC@0123456789ab:/a"), Some(("-bC", Some("0123456789ab"), "/a")));
        for wrong in [
            "",
            "AbC",
            "AbC:",
            "AbC:name",
            ":/name",
            "/name",
            "id::/name",
            "AbC@:/a",
            "AbC@0123456789a:/a",
            "@0123456789ab:/a",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
