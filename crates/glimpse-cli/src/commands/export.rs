//! `glimpse export FOLDER`: everything, in clear, for its owner.

use std::fs;
use std::path::Path;

use glimpse_device::Device;
use glimpse_device::listing::Entry;
use glimpse_wire::record::Meta;
use serde::Serialize;

use super::ls::word;
use super::show::copy;
use crate::args::{Export, Shared};
use crate::failure::Failure;
use crate::files::Target;
use crate::home;
use crate::out::Out;
use crate::text::{count, file_name};

#[derive(Serialize)]
struct Exported<'e> {
    event: &'static str,
    record: String,
    file: &'e str,
}

#[derive(Serialize)]
struct Done {
    event: &'static str,
    records: usize,
    folder: String,
}

/// A line of `records.json`.
#[derive(Serialize)]
struct Described<'m> {
    record: String,
    version: u64,
    file: String,
    title: &'m str,
    kind: &'m str,
    content_type: &'m str,
    file_name: &'m str,
    tags: &'m [String],
    bytes: u64,
    created_at: u64,
    standing: &'static str,
    from: &'m str,
}

pub(super) async fn run(shared: &Shared, export: &Export, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let listing = device.listing().await?;
    make_folder(&export.folder)?;
    let mut described = Vec::new();
    let mut exit = 0;
    for entry in listing.newest_first() {
        let meta = match entry.usable() {
            Ok(meta) => meta,
            Err(code) => {
                let failure = Failure::from(code);
                out.report(&failure, Some(&entry.record.to_string()))?;
                exit = failure.exit;
                continue;
            }
        };
        let file = name(entry, meta);
        // One record that does not open keeps none of the others here.
        if let Err(failure) = one(&device, entry, &export.folder.join(&file), out).await {
            out.report(&failure, Some(&entry.record.to_string()))?;
            exit = failure.exit;
            if failure.is_of_place() {
                break;
            }
            continue;
        }
        out.event(&Exported { event: "exported", record: entry.record.to_string(), file: &file })?;
        out.whole_line(&file)?;
        described.push(Described {
            record: entry.record.to_string(),
            version: entry.version,
            file,
            title: &meta.title,
            kind: &meta.kind,
            content_type: &meta.content_type,
            file_name: &meta.file_name,
            tags: &meta.tags,
            bytes: meta.length,
            created_at: entry.date().0,
            standing: word(entry),
            from: &meta.from,
        });
    }
    let list = serde_json::to_vec_pretty(&described)
        .map_err(|error| Failure::other("The list of records could not be written.", &error.to_string()))?;
    let path = export.folder.join("records.json");
    let mut target = Target::begin(&path, false)?;
    target.write(&list).map_err(|error| Failure::output(&path, &error))?;
    target.finish()?;
    let folder = export.folder.display().to_string();
    out.note(&format!(
        "{} in clear in {}. Anyone who can read that folder can read what is in it.",
        count(described.len(), "record"),
        crate::text::clean(&folder)
    ));
    out.event(&Done { event: "done", records: described.len(), folder })?;
    Ok(exit)
}

async fn one(device: &Device, entry: &Entry, path: &Path, out: Out) -> Result<(), Failure> {
    for version in &device.open_entries(&[entry]).await? {
        let mut target = Target::begin(path, false)?;
        copy(device, version, out, &mut |piece| target.write(piece)).await?;
        target.finish()?;
    }
    Ok(())
}

/// The record's own file name, made safe, with the beginning of its id so that no two are the same.
fn name(entry: &Entry, meta: &Meta) -> String {
    let own = if meta.file_name.is_empty() { &meta.title } else { &meta.file_name };
    let safe = file_name(own);
    let id = entry.record.to_string();
    match safe.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 10 => format!("{stem}-{id}.{extension}"),
        Some(_) | None => format!("{safe}-{id}"),
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(|error| Failure::output(folder, &error))
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir(folder).map_err(|error| Failure::output(folder, &error))
}
