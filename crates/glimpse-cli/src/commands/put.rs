//! `glimpse put ID FILE`

use glimpse_device::publish::NewContent;
use serde::Serialize;

use super::add::progress;
use crate::args::{Put, Shared};
use crate::failure::Failure;
use crate::files::Source;
use crate::home;
use crate::out::Out;
use crate::text::{clean, size};

#[derive(Serialize)]
struct Replaced {
    event: &'static str,
    record: String,
    version: u64,
    bytes: u64,
}

pub(super) async fn run(shared: &Shared, put: &Put, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let limit = device.info().await?.max_content;
    let mut source = Source::open(&put.file, limit)?;
    let listing = device.listing().await?;
    let entry = listing.find(&put.id)?;
    let before = entry.usable()?;
    // What a writer called its record becomes the owner's words only when the owner says them.
    let title = put.title.as_deref().unwrap_or(&before.title);
    let mut meta = source.meta(Some(title), &before.tags, before.policy);
    meta.created = source.meta(None, &[], 0).created;
    let bar = progress(source.length, title, out);
    let content = NewContent {
        meta: meta.clone(),
        length: source.length,
        content: &mut source.content,
        progress: &mut |done| bar.set_position(done),
    };
    let version = device.put(entry, content).await;
    bar.finish_and_clear();
    let version = version?;
    let record = entry.record.to_string();
    out.event(&Replaced { event: "replaced", record: record.clone(), version, bytes: source.length })?;
    out.line(&format!("{record}  version {version}  {:>8}  {}", size(source.length), clean(&meta.title)))?;
    Ok(0)
}
