//! `glimpse add FILE…`

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use glimpse_device::Device;
use glimpse_device::publish::NewContent;
use glimpse_wire::record::{Meta, Policy};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::{Add, Shared};
use crate::failure::Failure;
use crate::files::Source;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, count, size};

/// Content of this size has a progress bar.
const LONG: u64 = 4 * 1024 * 1024;
/// Files that are added at one time.
const SIDE_BY_SIDE: usize = 4;

#[derive(Serialize)]
struct Added<'a> {
    event: &'static str,
    record: String,
    title: &'a str,
    kind: &'a str,
    content_type: &'a str,
    bytes: u64,
    file: &'a str,
}

pub(super) async fn run(shared: &Shared, add: &Add, out: Out) -> Result<u8, Failure> {
    if add.title.is_some() && add.files.len() > 1 {
        return Err(Failure::usage("One title does not fit several files.", "Add them one by one."));
    }
    let device = home::unlock(shared, out).await?;
    let limit = device.info().await?.max_content;
    let all = overall(&add.files, out);
    let (device, bar) = (&device, &all);
    let adding = add.files.iter().map(|file| async move { (file, one(device, file, limit, add, bar, out).await) });
    // Side by side, because most of the time is spent waiting for disks; told in the order of the command line.
    let mut adding = std::pin::pin!(futures_util::stream::iter(adding).buffered(SIDE_BY_SIDE));
    let (mut exit, mut told) = (0, 0u64);
    while let Some((file, added)) = adding.next().await {
        told = told.saturating_add(1);
        all.set_message(format!("{told} of {}", count(add.files.len(), "file")));
        // A file that cannot be added does not keep the others out.
        match added {
            Ok(added) => all.suspend(|| added.tell(file, out))?,
            Err(failure) => {
                all.suspend(|| out.report(&failure, Some(&file.display().to_string())))?;
                exit = failure.exit;
            }
        }
    }
    all.finish_and_clear();
    Ok(exit)
}

struct Done {
    record: String,
    meta: Meta,
}

impl Done {
    fn tell(&self, file: &Path, out: Out) -> Result<(), Failure> {
        let Self { record, meta } = self;
        out.event(&Added {
            event: "added",
            record: record.clone(),
            title: &meta.title,
            kind: &meta.kind,
            content_type: &meta.content_type,
            bytes: meta.length,
            file: &file.display().to_string(),
        })?;
        out.line(&format!(
            "{}  {:<7} {:>8}  {}",
            out.styled(Style::Dim, record),
            meta.kind,
            size(meta.length),
            clean(&meta.title)
        ))
    }
}

async fn one(
    device: &Device,
    path: &Path,
    limit: u64,
    add: &Add,
    all: &ProgressBar,
    out: Out,
) -> Result<Done, Failure> {
    let mut source = Source::open(path, limit)?;
    let bits = [(add.never_lend, Policy::NEVER_LEND), (add.sensitive, Policy::SENSITIVE)];
    let policy = bits.iter().filter(|(set, _)| *set).fold(0, |policy, (_, bit)| policy | bit);
    let meta = source.meta(add.title.as_deref(), &add.tags, policy);
    // One file has a bar of its own; several share one.
    let bar = if add.files.len() == 1 { progress(source.length, &meta.title, out) } else { ProgressBar::hidden() };
    let mut before = 0;
    let content = NewContent {
        meta: meta.clone(),
        length: source.length,
        content: &mut source.content,
        progress: &mut |done| {
            bar.set_position(done);
            all.inc(done.saturating_sub(before));
            before = done;
        },
    };
    let record = device.add(content).await;
    bar.finish_and_clear();
    Ok(Done { record: record?.to_string(), meta })
}

/// A bar of bytes for all of several files.
fn overall(files: &[PathBuf], out: Out) -> ProgressBar {
    if out.is_json() || files.len() < 2 {
        return ProgressBar::hidden();
    }
    // What cannot be read is told when its turn comes.
    let lengths = files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len());
    let bar = ProgressBar::new(lengths.fold(0, u64::saturating_add));
    if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:30}  {bytes} of {total_bytes}  {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(format!("0 of {}", count(files.len(), "file")));
    bar
}

/// A bar for content that takes a while; nothing where nobody watches.
pub(super) fn progress(length: u64, title: &str, out: Out) -> ProgressBar {
    if out.is_json() || length < LONG {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    let template = "{msg:20!}  {bar:30}  {bytes} of {total_bytes}  {binary_bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(clean(title));
    bar
}
