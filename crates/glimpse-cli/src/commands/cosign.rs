//! `glimpse cosign` on a second device, and going on with what waited for it.

use std::io::Read;
use std::path::Path;

use glimpse_device::chain::Proposal;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::account::{Act, Need, Pin, Policy};
use glimpse_wire::{ErrorCode, Malformed};
use serde_json::json;

use super::chain::span;
use super::confirm;
use super::devices::{find_id, rekey};
use crate::args::{Cosign, Shared};
use crate::failure::Failure;
use crate::out::Out;
use crate::text::clean_to;
use crate::{files, home};

/// A file with a proposal or a signature, in bytes at most.
const MAX_FILE: u64 = 256 * 1024;

/// Shows what another device proposes, and signs it.
pub(super) async fn sign(shared: &Shared, proposed: &Cosign, out: Out) -> Result<u8, Failure> {
    let proposal: Proposal = given(&proposed.proposal)?.parse().map_err(|Malformed| no_proposal())?;
    let act = proposal.act().map_err(|Malformed| no_proposal())?;
    let device = home::unlock(shared, out).await?;
    if proposal.account != device.account() {
        return Err(Failure::usage("This is for another account.", "Run it on a device of that account."));
    }
    if proposal.by == device.keys().id() {
        return Err(Failure::usage("This device proposed it itself.", "Run it on another device of the account."));
    }
    let synced = device.sync_to_revoke().await?;
    let devices = device.devices(&synced);
    if device.chain().next_place() != proposal.place {
        return Err(outrun());
    }
    let by = find_id(&devices, &proposal.by);
    out.note(&format!("{by} proposes: {}", sentence(&act, &|id| find_id(&devices, id))));
    if let Act::Policy { policy, .. } = &act {
        for change in changes(device.chain().signed_policy(), policy) {
            out.note(&format!("  {change}"));
        }
    }
    confirm("Sign it as the second device?", proposed.yes, out).await?;
    let signed = device.cosign(&proposal).await.map_err(|error| match error.code() {
        Some(ErrorCode::Conflict) => outrun(),
        Some(_) | None => error.into(),
    })?;
    out.event(&json!({ "event": "cosigned", "signed": signed.to_string() }))?;
    out.note(
        "Take this back to the device that proposed it. Where it does not wait for it: glimpse chain complete SIGNED",
    );
    out.line(&signed.to_string())?;
    Ok(0)
}

/// Goes on with what waited.
pub(super) async fn complete(shared: &Shared, text: &str, out: Out) -> Result<u8, Failure> {
    let signed = given(text)?.parse().map_err(|Malformed| no_signature())?;
    let device = home::unlock(shared, out).await?;
    let head = device.complete(&signed).await.map_err(|error| match error.code() {
        Some(ErrorCode::NotFound) => Failure::not_there(
            "Nothing waits here for a second device.",
            "Run it on the device that proposed it; what was done already need not be done again.",
        ),
        Some(ErrorCode::Conflict) => outrun(),
        Some(ErrorCode::Malformed) => Failure::usage(
            "This is not another device's signature over what waits here.",
            "Sign what this device proposed last, with `glimpse cosign` on another device.",
        ),
        Some(_) | None => error.into(),
    })?;
    out.event(&json!({ "event": "completed", "seq": head.seq }))?;
    out.line(&format!("Done, as link {} of the account's log.", head.seq))?;
    rekey(&device, out).await?;
    Ok(0)
}

/// Where the rules want a second device, tells how to go on.
pub(super) async fn explained(device: &Device, error: DeviceError, out: Out) -> Failure {
    if !matches!(error, DeviceError::NeedsSecond) {
        return error.into();
    }
    let proposal = match device.proposal().await {
        Ok(Some(proposal)) => proposal,
        Ok(None) => return error.into(),
        Err(unreadable) => return unreadable.into(),
    };
    if let Err(failure) = out.event(&json!({ "event": "needs-second", "proposal": proposal.to_string() })) {
        return failure;
    }
    out.note("Run this on another device of the account. It is long: what stands below may go there in a file as well, and `glimpse cosign FILE` reads it.");
    if let Err(failure) = out.line(&format!("glimpse cosign {proposal}")) {
        return failure;
    }
    let mut failure = Failure::from(error);
    failure.next =
        "Run what stands above on another device; then here, with what it shows: glimpse chain complete SIGNED"
            .to_owned();
    failure
}

/// What was given: the text itself, or what a file or standard input holds.
fn given(text: &str) -> Result<String, Failure> {
    if text.trim_start().starts_with("glimpse-") {
        return Ok(text.to_owned());
    }
    if text == "-" {
        let mut read = String::new();
        let all = std::io::stdin().take(MAX_FILE).read_to_string(&mut read);
        return all.map(|_| read).map_err(|error| Failure::input(Path::new("standard input"), &error.to_string()));
    }
    let path = Path::new(text);
    if !path.exists() {
        return Err(Failure::usage("This is neither of the two texts, nor a file.", COPY));
    }
    let read = files::read_text(path, MAX_FILE).map_err(|error| Failure::input(path, &error.to_string()))?;
    // A whole command, as it was shown, is as good.
    let read = read.trim();
    let command = ["glimpse cosign ", "glimpse chain complete "].iter().find_map(|command| read.strip_prefix(command));
    Ok(command.unwrap_or(read).trim().to_owned())
}

const COPY: &str = "Copy all of it, from glimpse- to its end.";

fn no_proposal() -> Failure {
    Failure::usage("This is not what a device proposes.", COPY)
}

pub(super) fn no_signature() -> Failure {
    Failure::usage("This is no signature of a second device.", COPY)
}

fn outrun() -> Failure {
    Failure::said(
        ErrorCode::Conflict,
        "The account's log of devices has gone on since this was proposed.",
        "Begin again on the device that proposed it, and sign what it shows then.",
    )
}

fn sentence(act: &Act, called: &dyn Fn(&glimpse_wire::DeviceId) -> String) -> String {
    match act {
        Act::Add { device, .. } => format!("to add the device {}", called(&device.id())),
        Act::Revoke { devices, .. } => {
            let out: Vec<String> = devices.iter().map(called).collect();
            format!("to take out {}", out.join(", "))
        }
        Act::Rotate { .. } => "to begin a new epoch".to_owned(),
        Act::Policy { .. } => "to change the rules".to_owned(),
        Act::Recovery { keys, .. } if keys.is_empty() => "to give up the recovery kit".to_owned(),
        Act::Recovery { .. } => "another recovery kit".to_owned(),
    }
}

/// What is otherwise under `after` than under `before`, in words.
pub(super) fn changes(before: &Policy, after: &Policy) -> Vec<String> {
    let mut changes = Vec::new();
    for (what, before, after) in [
        ("linking", before.adding, after.adding),
        ("taking out", before.revoking, after.revoking),
        ("rules, pins and the kit", before.pinning, after.pinning),
    ] {
        if before != after {
            changes.push(format!("{what}: {}, and so far {}", needs(after), needs(before)));
        }
    }
    if before.recovering != after.recovering {
        let announced = |millis: u64| {
            if millis == 0 { "not announced".to_owned() } else { format!("announced for {}", span(millis)) }
        };
        let text = format!("recovering: {}, and so far {}", announced(after.recovering), announced(before.recovering));
        changes.push(text);
    }
    for (what, before, after) in
        [("organisation", &before.organisations, &after.organisations), ("writer", &before.writers, &after.writers)]
    {
        let named = |pin: &Pin| format!("{} as {what} ({})", clean_to(&pin.name, 40), pin.key);
        changes.extend(after.iter().filter(|pin| !before.contains(pin)).map(|pin| format!("pinned: {}", named(pin))));
        changes.extend(
            before.iter().filter(|pin| !after.contains(pin)).map(|pin| format!("pinned no more: {}", named(pin))),
        );
    }
    if changes.is_empty() {
        changes.push("nothing: the rules stay as they are".to_owned());
    }
    changes
}

/// What a rule asks for, in words.
pub(super) fn needs(need: Need) -> String {
    match (need.second, need.held) {
        (false, 0) => "at once".to_owned(),
        (true, 0) => "with a second device".to_owned(),
        (false, held) => format!("held back for {}", span(held)),
        (true, held) => format!("with a second device, held back for {}", span(held)),
    }
}
