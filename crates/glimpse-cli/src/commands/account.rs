//! `glimpse account create`, `glimpse account delete`

use glimpse_device::Device;
use serde::Serialize;

use super::confirm;
use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::passphrase;

#[derive(Serialize)]
struct AccountEvent<'a> {
    event: &'static str,
    account: String,
    device: String,
    server: &'a str,
    name: &'a str,
}

pub(super) async fn create(shared: &Shared, name: &str, out: Out) -> Result<u8, Failure> {
    let ground = home::new_ground(shared)?;
    home::require_unused(shared).await?;
    home::reach(&ground).await?;
    let passphrase = passphrase::ask_new(shared.passphrase_file.as_deref(), out).await?;
    let device = Device::create(ground, name, &passphrase).await?;
    // The name that viewers read stands on the list of devices as well.
    let own = device.keys().id();
    let unnamed = if name.is_empty() { Ok(()) } else { device.rename(&own, name).await };
    out.event(&AccountEvent {
        event: "account",
        account: device.account().to_string(),
        device: device.keys().id().to_string(),
        server: device.server(),
        name: device.name(),
    })?;
    out.line(&format!("{} on {}", out.styled(Style::Green, "The account is founded"), device.server()))?;
    out.line(&format!("Account  {}", device.account()))?;
    out.line(&format!("Keys     {}, under your passphrase", home::folder(shared)?.display()))?;
    if let Err(error) = unnamed {
        out.report(&error.into(), None)?;
        out.note("The account is founded; only the list of devices has no name for this one: glimpse rename NAME");
    }
    out.note(
        "Keep a copy of that folder, and the passphrase. Until there is a recovery kit or another device, nobody can open \
         your records without both: not the server, not us.",
    );
    out.note("To go on:");
    for (what, command) in [("records", "add FILE"), ("a kit", "recovery create"), ("devices", "link")] {
        out.note(&format!("   {what:<7}  glimpse {command}"));
    }
    Ok(0)
}

pub(super) async fn delete(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    confirm("Delete the account, every record and every key? This cannot be undone", yes, out).await?;
    let server = device.server().to_owned();
    let event = AccountEvent {
        event: "deleted",
        account: device.account().to_string(),
        device: device.keys().id().to_string(),
        server: &server,
        name: "",
    };
    device.delete_account().await?;
    out.event(&event)?;
    out.line("The account is deleted, on the server and here.")?;
    Ok(0)
}
