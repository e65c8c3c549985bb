//! `glimpse rm ID…`

use serde::Serialize;

use super::confirm;
use crate::args::{Rm, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::Out;
use crate::text::clean;

#[derive(Serialize)]
struct Removed {
    event: &'static str,
    record: String,
}

pub(super) async fn run(shared: &Shared, rm: &Rm, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let listing = device.listing().await?;
    // All of them are found before any is deleted.
    let entries = rm.ids.iter().map(|id| listing.find(id)).collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        let title = entry.meta.as_ref().map_or_else(|| entry.record.to_string(), |meta| clean(&meta.title));
        out.note(&format!("{title}, with all its versions"));
    }
    confirm("Delete? This cannot be undone", rm.yes, out).await?;
    for entry in entries {
        device.delete(entry).await?;
        out.event(&Removed { event: "removed", record: entry.record.to_string() })?;
        out.line(&format!("{} deleted", entry.record))?;
    }
    Ok(0)
}
