//! `glimpse passphrase change`

use std::path::Path;

use serde::Serialize;

use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::Out;
use crate::passphrase;

#[derive(Serialize)]
struct Changed {
    event: &'static str,
}

pub(super) async fn change(shared: &Shared, new: Option<&Path>, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let passphrase = passphrase::ask_new(new, out).await?;
    device.change_passphrase(&passphrase).await?;
    out.event(&Changed { event: "passphrase-changed" })?;
    out.line("The passphrase is changed. Copies of the home folder that were made before open with the old one.")?;
    Ok(0)
}
