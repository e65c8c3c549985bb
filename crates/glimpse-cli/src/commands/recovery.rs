//! `glimpse recovery`: the kit that brings the account back when every device is gone.

use std::path::{Path, PathBuf};

use glimpse_core::recovery::{CombineError, KitKeys, Page, Plan, RecoveryKit, Share, ShareError, combine};
use glimpse_device::DeviceError;
use glimpse_device::recovery::{Restore, Restored, restore};
use glimpse_wire::AccountId;
use serde_json::json;
use zeroize::Zeroizing;

use super::confirm;
use super::cosign::explained;
use super::devices::rekey;
use crate::args::{RecoveryCommand, RecoveryCreate, RecoveryRestore, Shared};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::date;
use crate::{files, home, kit_page, passphrase, prompts};

/// A file with a share, in bytes at most.
const MAX_SHARE: u64 = 64 * 1024;

pub(super) async fn run(shared: &Shared, command: &RecoveryCommand, out: Out) -> Result<u8, Failure> {
    match command {
        RecoveryCommand::Create(create) => make(shared, create, out).await,
        RecoveryCommand::Restore(from) => bring_back(shared, from, out).await,
        RecoveryCommand::Veto { yes } => veto(shared, *yes, out).await,
        RecoveryCommand::GiveUp { yes } => give_up(shared, *yes, out).await,
    }
}

async fn make(shared: &Shared, create: &RecoveryCreate, out: Out) -> Result<u8, Failure> {
    let plan = plan(create.needed, create.shares)?;
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    let kit = device.draw_kit(plan)?;
    // On paper, or at least on a disk, before the account relies on it.
    print(&kit, device.account(), device.server(), device.now().0, &create.out)?;
    let head = match device.install_kit(&kit.keys).await {
        Ok(head) => head,
        Err(error) => {
            // The pages open nothing, unless a second device signs: nobody should keep them for good ones.
            if !matches!(error, DeviceError::NeedsSecond) {
                let _gone = std::fs::remove_file(&create.out);
            }
            return Err(explained(&device, error, out).await);
        }
    };
    let name = kit.shares.first().map_or_else(String::new, |share| share.kit().to_string());
    out.event(&json!({
        "event": "kit",
        "kit": name,
        "shares": plan.count(),
        "needed": plan.threshold(),
        "file": create.out,
        "seq": head.seq,
    }))?;
    out.line(&format!("{} \"{name}\"", out.styled(Style::Green, "The account has a recovery kit:")))?;
    out.line(&format!("Pages    {}: {} shares, any {} of them", create.out.display(), plan.count(), plan.threshold()))?;
    out.note("Print it, check that you can read every page, and delete the file. Keep the shares in different places.");
    out.note("Kits from before are void.");
    Ok(0)
}

fn plan(needed: u8, shares: u8) -> Result<Plan, Failure> {
    Plan::new(needed, shares)
        .map_err(|error| Failure::usage(format!("Such a kit is not made: {error}."), "Such as --shares 3 --needed 2."))
}

/// Writes the pages to a file that is not there yet, for its owner alone.
fn print(kit: &RecoveryKit, account: AccountId, server: &str, now: u64, to: &Path) -> Result<(), Failure> {
    let day = date(now);
    let day = day.split(' ').next().unwrap_or(&day).to_owned();
    let pages: Vec<Page> = kit.shares.iter().map(|share| Page::new(share, account, server, &day)).collect();
    let as_html = to.extension().is_some_and(|extension| extension == "html" || extension == "htm");
    let document = if as_html {
        kit_page::html(&pages).map_err(|error| Failure::other("The pages cannot be drawn.", &error.to_string()))?
    } else {
        kit_page::text(&pages)
    };
    files::write_private(to, document.as_bytes()).map_err(|error| Failure::output(to, &error))
}

async fn bring_back(shared: &Shared, from: &RecoveryRestore, out: Out) -> Result<u8, Failure> {
    let plan = plan(from.needed, from.shares)?;
    if from.out.exists() {
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Failure::output(&from.out, &taken));
    }
    let ground = home::new_ground(shared)?;
    let kit = if from.share.is_empty() { asked_shares(out).await? } else { named_shares(&from.share)? };
    let passphrase = passphrase::ask_new(shared.passphrase_file.as_deref(), out).await?;
    let server = ground.transport.origin().to_owned();
    let mut failed = None;
    let mut write = |next: &RecoveryKit, chain: &glimpse_wire::chain::Chain| {
        print(next, chain.account(), &server, ground.machine.now().0, &from.out).map_err(|failure| {
            let cause = failure.message.clone();
            failed = Some(failure);
            DeviceError::Output(std::io::Error::other(cause))
        })
    };
    let request = Restore { name: from.name.clone(), passphrase: &passphrase, plan };
    let restored = restore(&ground, &kit, request, &mut write).await;
    if let Some(failure) = failed {
        return Err(failure);
    }
    match restored? {
        Restored::Waiting { due, now } => {
            out.event(&json!({ "event": "recovery-waiting", "due": due.0, "now": now.0 }))?;
            out.line(&format!("Announced to the account's devices. Come again after {} UTC.", date(due.0)))?;
            out.note("Use the same home and passphrase. A device of the account can stop it until then.");
        }
        Restored::Done(device) => {
            out.event(&json!({
                "event": "recovered",
                "account": device.account().to_string(),
                "device": device.keys().id().to_string(),
                "file": from.out,
            }))?;
            out.line(&format!("{} Every other device is out.", out.styled(Style::Green, "The account is back.")))?;
            out.line(&format!("Account  {}", device.account()))?;
            out.line(&format!("New kit  {}", from.out.display()))?;
            out.note("The kit that you used is void. Print the new one, and delete the file.");
            rekey(&device, out).await?;
        }
    }
    Ok(0)
}

fn named_shares(paths: &[PathBuf]) -> Result<KitKeys, Failure> {
    let mut shares = Vec::with_capacity(paths.len());
    for path in paths {
        let text = files::read_text(path, MAX_SHARE).map_err(|error| Failure::input(path, &error.to_string()))?;
        shares.push(Share::parse(&text).map_err(|error| share_failure(&error, &path.display().to_string()))?);
    }
    combine(&shares).map_err(|error| combine_failure(&error))
}

/// Asks for one share after the other until they make a kit.
async fn asked_shares(out: Out) -> Result<KitKeys, Failure> {
    if !out.can_ask() {
        return Err(Failure::usage("No share was given.", "Name files with --share FILE, one for each."));
    }
    out.note("Type the words of a share, or paste its line of letters.");
    let mut shares: Vec<Share> = Vec::new();
    loop {
        let prompt = format!("Share {}", shares.len().saturating_add(1));
        let question = move || dialoguer::Input::<String>::new().with_prompt(prompt).interact_text();
        let typed = Zeroizing::new(prompts::ask(out, question).await?.ok_or(glimpse_wire::ErrorCode::Declined)?);
        match Share::parse(&typed) {
            Ok(share) => shares.push(share),
            Err(error) => {
                out.report(&share_failure(&error, "this share"), None)?;
                continue;
            }
        }
        match combine(&shares) {
            Ok(kit) => return Ok(kit),
            Err(CombineError::TooFew { missing }) => out.note(&format!("Taken. {missing} to go.")),
            Err(error @ (CombineError::Twice { .. } | CombineError::OtherKit { .. })) => {
                shares.pop();
                out.report(&combine_failure(&error), None)?;
            }
            Err(error @ (CombineError::Stray { .. } | CombineError::Wrong)) => return Err(combine_failure(&error)),
        }
    }
}

fn share_failure(error: &ShareError, name: &str) -> Failure {
    let name = crate::text::clean(name);
    let next = match error {
        ShareError::WordCount { .. } => {
            "Type all words of one page, in their order; the numbers before them do not matter."
        }
        ShareError::UnknownWords { .. } => "Compare those words with the page.",
        ShareError::Damaged => {
            "A word or a letter is another than was printed, or two changed places. Compare it with the page."
        }
        ShareError::Version => "Use a later version of this program.",
        ShareError::Impossible => "It was not printed by Glimpse.",
    };
    Failure::share(format!("{name}: {error}."), next)
}

fn combine_failure(error: &CombineError) -> Failure {
    let (message, next) = match error {
        CombineError::TooFew { missing } => {
            (format!("{missing} more of these shares are needed."), "Find another page of the same kit.")
        }
        CombineError::Twice { index } => (format!("Share {index} was given twice."), "Give another page of the kit."),
        CombineError::OtherKit { kit, index } => {
            (format!("Share {index} is of another kit, \"{kit}\"."), "Use pages with the same two words on top.")
        }
        CombineError::Stray { indices } => {
            let indices: Vec<String> = indices.iter().map(ToString::to_string).collect();
            (format!("Not as they were printed: share {}.", indices.join(", ")), "Leave them out, and use the others.")
        }
        CombineError::Wrong => (
            "These shares do not make the kit that they name.".to_owned(),
            "At least one was made up. Try with other pages of the kit.",
        ),
    };
    Failure::share(message, next)
}

async fn veto(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    let synced = device.sync().await?;
    let Some(waiting) = device.waiting_recovery(&synced) else {
        out.note("No recovery waits.");
        return Ok(0);
    };
    confirm("Stop the recovery that waits? Whoever began it holds the kit", yes, out).await?;
    device.veto_recovery(waiting).await?;
    out.event(&json!({ "event": "vetoed", "device": waiting.to_string() }))?;
    out.line("It is stopped.")?;
    out.note("Whoever began it still holds the kit: replace it with `glimpse recovery create`.");
    Ok(0)
}

async fn give_up(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    confirm("Give the recovery kit up? Without a device, nobody can bring the account back then", yes, out).await?;
    let head = match device.give_up_kit().await {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    out.event(&json!({ "event": "kit-given-up", "seq": head.seq }))?;
    out.line("The account has no recovery kit.")?;
    Ok(0)
}
