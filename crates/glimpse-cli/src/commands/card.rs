//! `glimpse card`

use serde::Serialize;

use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::Out;

#[derive(Serialize)]
struct CardEvent<'c> {
    event: &'static str,
    card: &'c str,
    account: String,
    server: &'c str,
}

pub(super) async fn run(shared: &Shared, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    // Another device may have extended the chain since, and it is the newest head that is stated.
    device.sync().await?;
    // Who gets the card can write for a day after this.
    device.state_head().await?;
    let card = device.card().to_string();
    out.event(&CardEvent {
        event: "card",
        card: &card,
        account: device.account().to_string(),
        server: device.server(),
    })?;
    out.line(&card)?;
    out.note("Whoever has this line can send you records, which you see as theirs and not approved. It opens nothing.");
    Ok(0)
}
