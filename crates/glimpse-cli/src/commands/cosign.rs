//! `glimpse cosign` on a second device, and going on with what waited for it.

use glimpse_device::chain::Proposal;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::account::{Act, Need};
use serde_json::json;

use super::confirm;
use super::devices::{find_id, rekey};
use crate::args::Shared;
use crate::failure::Failure;
use crate::home;
use crate::out::Out;
use crate::text::count;

/// Shows what another device proposes, and signs it.
pub(super) async fn sign(shared: &Shared, text: &str, yes: bool, out: Out) -> Result<u8, Failure> {
    let proposal: Proposal = text.parse().map_err(|_| not_that("no proposal"))?;
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await?;
    let devices = device.devices(&synced);
    let act = proposal.act().map_err(|_| not_that("no proposal"))?;
    let by = find_id(&devices, &proposal.by);
    out.note(&format!("{by} proposes: {}", sentence(&act, &|id| find_id(&devices, id))));
    confirm("Sign it as the second device?", yes, out).await?;
    let signed = device.cosign(&proposal).await?;
    out.event(&json!({ "event": "cosigned", "signed": signed.to_string() }))?;
    out.note("Take this back to the device that proposed it:");
    out.line(&signed.to_string())?;
    Ok(0)
}

/// Goes on with what waited.
pub(super) async fn complete(shared: &Shared, text: &str, out: Out) -> Result<u8, Failure> {
    let signed = text.parse().map_err(|_| not_that("no signature of a second device"))?;
    let device = home::unlock(shared, out).await?;
    let head = device.complete(&signed).await?;
    out.event(&json!({ "event": "completed", "seq": head.seq }))?;
    out.line(&format!("Done, as link {} of the account's log.", head.seq))?;
    rekey(&device, out).await?;
    Ok(0)
}

/// Where the rules want a second device, tells how to go on.
pub(super) async fn explained(device: &Device, error: DeviceError, out: Out) -> Failure {
    if matches!(error, DeviceError::NeedsSecond)
        && let Ok(Some(proposal)) = device.proposal().await
    {
        let _told = out.event(&json!({ "event": "needs-second", "proposal": proposal.to_string() }));
        out.note("Run this on another device of the account:");
        out.note(&format!("glimpse cosign {proposal}"));
        out.note("and then here, with what it shows: glimpse chain complete …");
    }
    error.into()
}

fn not_that(what: &str) -> Failure {
    Failure::usage(format!("This is {what}."), "Copy all of it, from glimpse- to its end.")
}

fn sentence(act: &Act, called: &dyn Fn(&glimpse_wire::DeviceId) -> String) -> String {
    match act {
        Act::Add { device, .. } => format!("to add the device {}", called(&device.id())),
        Act::Revoke { devices, .. } => {
            let out: Vec<String> = devices.iter().map(called).collect();
            format!("to take out {}", out.join(", "))
        }
        Act::Rotate { .. } => "to begin a new epoch".to_owned(),
        Act::Policy { policy, .. } => format!(
            "these rules: linking {}, taking out {}, pinning {}, {} and {} pinned",
            needs(policy.adding),
            needs(policy.revoking),
            needs(policy.pinning),
            count(u64::try_from(policy.organisations.len()).unwrap_or(u64::MAX), "organisation"),
            count(u64::try_from(policy.writers.len()).unwrap_or(u64::MAX), "writer"),
        ),
        Act::Recovery { keys, .. } if keys.is_empty() => "to give up the recovery kit".to_owned(),
        Act::Recovery { .. } => "another recovery kit".to_owned(),
    }
}

/// What a rule asks for, in words.
pub(super) fn needs(need: Need) -> String {
    match (need.second, need.held) {
        (false, 0) => "at once".to_owned(),
        (true, 0) => "with a second device".to_owned(),
        (false, held) => format!("held back for {}", super::chain::span(held)),
        (true, held) => format!("with a second device, held back for {}", super::chain::span(held)),
    }
}
