//! `glimpse chain`: the account's log of devices, what is wrong with it, and the ways out.

use glimpse_device::DeviceError;
use glimpse_wire::ErrorCode;
use glimpse_wire::account::Policy;
use serde::Serialize;

use super::cosign::{changes, complete, explained, needs};
use super::devices::{rekey, short};
use super::{confirm, pins};
use crate::args::{ChainCommand, Rules, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::{Out, Style};
use crate::text::{clean, count, date};

#[derive(Serialize)]
struct ChainEvent {
    event: &'static str,
    account: String,
    seq: u64,
    head: String,
    epoch: u32,
    devices: usize,
    recovery_kit: bool,
    forked: bool,
}

pub(super) async fn run(shared: &Shared, command: Option<&ChainCommand>, out: Out) -> Result<u8, Failure> {
    match command {
        None | Some(ChainCommand::Show) => show(shared, out).await,
        Some(ChainCommand::Keep { yes }) => keep(shared, *yes, out).await,
        Some(ChainCommand::GiveBack) => give_back(shared, out).await,
        Some(ChainCommand::Rotate) => rotate(shared, out).await,
        Some(ChainCommand::Rules(rules)) => set_rules(shared, rules, out).await,
        Some(ChainCommand::Complete { signed }) => complete(shared, signed, out).await,
        Some(ChainCommand::Pin(key)) => pins::pin(shared, key, out).await,
        Some(ChainCommand::Unpin { name }) => pins::unpin(shared, name, out).await,
        Some(ChainCommand::AcceptRecords { yes }) => accept_records(shared, *yes, out).await,
        Some(ChainCommand::UseCopy { yes }) => use_copy(shared, *yes, out).await,
    }
}

async fn show(shared: &Shared, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await;
    let chain = device.chain();
    let (head, fork) = (chain.head(), device.fork().await?);
    let devices = chain.members().iter().filter(|member| member.until.is_none()).count();
    let epoch = chain.epoch().map_or(0, |epoch| epoch.number);
    out.event(&ChainEvent {
        event: "chain",
        account: device.account().to_string(),
        seq: head.seq,
        head: head.hash.to_string(),
        epoch,
        devices,
        recovery_kit: chain.recovery().is_some(),
        forked: fork.is_some(),
    })?;
    out.line(&format!("Newest link  {}  {}", head.seq, out.styled(Style::Bold, &head.hash.to_string())))?;
    out.line(&format!("Epoch        {epoch}"))?;
    out.line(&format!("Devices      {devices}"))?;
    let kit = if chain.recovery().is_some() { "there is one" } else { "none: glimpse recovery create" };
    out.line(&format!("Recovery kit {kit}"))?;
    let policy = chain.policy_at(device.now());
    for (what, need) in [("Linking", policy.adding), ("Taking out", policy.revoking), ("Pinning", policy.pinning)] {
        out.line(&format!("{what:<12} {}", needs(need)))?;
    }
    if policy.recovering > 0 {
        out.line(&format!("Recovering   is announced for {}", span(policy.recovering)))?;
    }
    if let Some(at) = chain.loosens_at().filter(|at| *at > device.now()) {
        out.line(&format!("Until        {} UTC; less strict rules were asked for and count from then on", date(at.0)))?;
    }
    for (what, pin) in pins::all(&chain) {
        let since = if pins::counts(&chain, pin, device.now()) { "" } else { ", not yet in force" };
        out.line(&format!("Pinned       {}, {what}{since}  {}", clean(&pin.name), pin.key))?;
    }
    if let Some(fork) = fork {
        out.note(&out.styled(Style::Red, "The log has two versions."));
        out.note(&format!("Here:      link {}  {}", fork.ours.seq, fork.ours.hash));
        out.note(&format!("Elsewhere: link {}  {}", fork.theirs.seq, fork.theirs.hash));
        if let Some(by) = fork.by() {
            out.note(&format!("On the word of device {}.", short(&by.to_string())));
        }
        out.note("Look at `glimpse chain` on each device. On one that is right: glimpse chain keep");
    }
    match synced {
        Err(DeviceError::Refused { code: ErrorCode::ChainRolledBack, .. }) => {
            out.note("The server has lost links, as after an old backup. To give them back: glimpse chain give-back");
            Err(ErrorCode::ChainRolledBack.into())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(0),
    }
}

async fn keep(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    if device.fork().await?.is_none() {
        out.note("The log of devices has one version. There is nothing to choose.");
        return Ok(0);
    }
    out.note("The device with the other log is taken out.");
    confirm("Is the log on this device the right one?", yes, out).await?;
    let head = device.keep_this_chain().await?;
    out.event(&serde_json::json!({ "event": "kept", "seq": head.seq }))?;
    out.line("This log counts. A device that was on the other side has to be linked again.")?;
    rekey(&device, out).await?;
    Ok(0)
}

async fn give_back(shared: &Shared, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let given = device.give_back_links().await?;
    out.event(&serde_json::json!({ "event": "given-back", "links": given }))?;
    match given {
        0 => out.note("The server has lost none. Nothing was given back."),
        given => out.line(&format!("{} given back to the server.", count(given, "link")))?,
    }
    Ok(0)
}

async fn accept_records(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    // As far as it is known here: what is wrong may keep the server's list from being read.
    let before = device.stored_listing().await?;
    if before.require_intact().is_ok() {
        out.note("Nothing is wrong with the list of records, as far as this device has seen.");
        return Ok(0);
    }
    for alarm in before.alarms() {
        out.note(&out.styled(Style::Red, &format!("The list is not what was signed: {alarm}.")));
    }
    out.note("Records that are gone from the server's list are gone.");
    confirm("Take it as it is?", yes, out).await?;
    device.accept_log().await?;
    let listing = device.listing().await?;
    out.event(&serde_json::json!({ "event": "accepted-records", "records": listing.len() }))?;
    out.line(&format!("{} in the list as it is. `glimpse ls` shows them.", count(listing.len(), "record")))?;
    listing.require_intact()?;
    Ok(0)
}

async fn use_copy(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    confirm("Is this the only place where this copy of the device is used?", yes, out).await?;
    device.use_copy().await?;
    device.sync().await?;
    out.event(&serde_json::json!({ "event": "copy-used", "device": device.keys().id().to_string() }))?;
    out.line("This device goes on from here. The place that it was copied from is refused from now on.")?;
    Ok(0)
}

async fn rotate(shared: &Shared, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let head = device.rotate().await?;
    out.event(&serde_json::json!({ "event": "rotated", "seq": head.seq }))?;
    out.line("A new epoch has begun. What is written from now on is under its key.")?;
    Ok(0)
}

async fn set_rules(shared: &Shared, rules: &Rules, out: Out) -> Result<u8, Failure> {
    if rules.is_empty() {
        let next = "`glimpse chain` shows those in force, `glimpse chain rules --help` those that can be set.";
        return Err(Failure::usage("No rule was named.", next));
    }
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    let before = device.chain().signed_policy().clone();
    let days = |days: Option<u32>, before: u64| days.map_or(before, |days| u64::from(days).saturating_mul(DAY));
    let change = |policy: &mut Policy| {
        policy.adding.second = rules.second_to_link.unwrap_or(policy.adding.second);
        policy.revoking.second = rules.second_to_revoke.unwrap_or(policy.revoking.second);
        policy.pinning.second = rules.second_to_pin.unwrap_or(policy.pinning.second);
        policy.adding.held = days(rules.hold_new_devices, policy.adding.held);
        policy.pinning.held = days(rules.hold_pins, policy.pinning.held);
        policy.recovering = days(rules.announce_recovery, policy.recovering);
    };
    let mut after = before.clone();
    change(&mut after);
    if after == before {
        out.note("These are the rules already. Nothing was changed.");
        return Ok(0);
    }
    let changed = device.set_policy(change).await;
    let head = match changed {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    out.event(&serde_json::json!({ "event": "rules", "seq": head.seq }))?;
    let chain = device.chain();
    for change in changes(&before, chain.signed_policy()) {
        out.line(&change)?;
    }
    match chain.loosens_at().filter(|at| *at > device.now()) {
        Some(at) => out.line(&format!("What is less strict counts from {} UTC on; the rest at once.", date(at.0)))?,
        None => out.line("The rules are changed.")?,
    }
    Ok(0)
}

/// In milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// A time that a rule asks for, in words.
pub(super) fn span(millis: u64) -> String {
    if millis >= DAY { count(millis / DAY, "day") } else { count(millis.div_ceil(60_000), "minute") }
}
