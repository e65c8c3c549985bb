//! `glimpse org card`: what customers' devices pin.

use glimpse_device::organisations::PinCard;
use serde_json::json;

use super::state::OrganisationHome;
use crate::args::OrgCard;
use crate::commands::lend::large;
use crate::failure::Failure;
use crate::files::Target;
use crate::out::Out;
use crate::text::clean;

/// Columns that a card's QR code needs.
const QR: usize = 80;

pub(super) async fn run(place: &OrganisationHome, asked: &OrgCard, out: Out) -> Result<u8, Failure> {
    let state = place.state().await?;
    let card: PinCard = state.card()?;
    let text = card.to_string();
    let said = card.card();
    out.event(&json!({ "event": "card", "card": text, "name": said.name, "key": said.key.to_string(), "server": said.server }))?;
    match &asked.output {
        Some(path) => {
            let mut target = Target::begin(path, false)?;
            let line = format!("{text}\n");
            target.write(line.as_bytes()).map_err(|error| Failure::output(path, &error))?;
            target.finish()?;
            out.note(&format!("Written to {}.", clean(&path.display().to_string())));
        }
        None => out.line(&text)?,
    }
    if asked.qr && out.is_coloured() && out.columns().is_none_or(|columns| columns >= QR) {
        for row in large::qr(&text) {
            out.whole(&format!("   {row}"));
        }
    }
    out.note(&format!(
        "A customer pins it with `glimpse chain pin NAME --card CARD`, and compares the key: {}",
        said.key
    ));
    Ok(0)
}
