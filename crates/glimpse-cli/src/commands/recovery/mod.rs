//! `glimpse recovery`: the kit that brings the account back when every device is gone.

use std::path::{Path, PathBuf};

use glimpse_core::recovery::{CombineError, KitKeys, Page, Plan, RecoveryKit, SHARE_WORDS, Share, ShareError, combine};
use glimpse_device::DeviceError;
use glimpse_device::recovery::{Restore, Restored, restore};
use glimpse_wire::{AccountId, ErrorCode};
use serde_json::json;
use zeroize::Zeroizing;

use super::confirm;
use super::cosign::explained;
use super::devices::rekey;
use crate::args::{RecoveryCommand, RecoveryCreate, RecoveryRestore, Shared};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, count, date};
use crate::{files, home, kit_page, passphrase, prompts};

/// A file with shares, in bytes at most: sixteen pages with a QR code each.
const MAX_SHARES: u64 = 2 * 1024 * 1024;
/// What the letters of a share begin with.
const LETTERS: &str = "GLIMPSE-KIT-1:";

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
    files::require_free(&create.out)?;
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    let kit = device.draw_kit(plan)?;
    // On paper, or at least on a disk, before the account relies on it.
    print(&kit, device.account(), device.server(), device.now().0, &create.out)?;
    let head = match device.install_kit(&kit.keys).await {
        Ok(head) => head,
        Err(error) => {
            // The pages open nothing, unless a second device signs: nobody should keep them for good ones. Whether the
            // server has the link is not known where its answer was lost.
            let pages = clean(&create.out.display().to_string());
            if matches!(error, DeviceError::NeedsSecond) {
                out.note(&format!(
                    "The pages are in {pages}. They count once a second device has signed, and not before."
                ));
            } else if error.code() == Some(ErrorCode::ServerUnreachable) {
                out.note(&format!("Whether the pages in {pages} count is not known. If in doubt, make another kit."));
            } else {
                std::fs::remove_file(&create.out).map_err(|gone| Failure::output(&create.out, &gone))?;
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
    out.line(&format!(
        "Pages    {}: {} shares, any {} of them",
        clean(&create.out.display().to_string()),
        plan.count(),
        plan.threshold()
    ))?;
    out.note("Print it, check that you can read every page, and delete the file. Keep the shares in different places.");
    out.note("Kits from before are void.");
    Ok(0)
}

fn plan(needed: u8, shares: u8) -> Result<Plan, Failure> {
    Plan::new(needed, shares).map_err(|error| {
        Failure::usage(format!("No such kit: {error}."), "Give numbers such as --shares 3 --needed 2.")
    })
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
    files::require_free(&from.out)?;
    let ground = home::new_ground(shared)?;
    home::require_empty(shared).await?;
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
    match restored.map_err(|error| not_restored(error, &server))? {
        Restored::Waiting { due, now } => {
            out.event(&json!({ "event": "recovery-waiting", "due": due.0, "now": now.0 }))?;
            out.line(&format!("Announced to the account's devices. Come again after {} UTC.", date(due.0)))?;
            out.note("Use the same home, passphrase and shares. A device of the account can stop it until then.");
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
            out.line(&format!("New kit  {}", clean(&from.out.display().to_string())))?;
            out.note("The kit that you used is void. Print the new one, and delete the file.");
            rekey(&device, out).await?;
        }
    }
    Ok(0)
}

/// What stands between an account and a kit, in words of its own.
fn not_restored(error: DeviceError, server: &str) -> Failure {
    if error.code() == Some(ErrorCode::NotFound) {
        return Failure::not_there(
            format!("No account on {} has this kit.", clean(server)),
            "Compare --server with the pages. A kit that another one replaced is void: use the newest.",
        );
    }
    error.into()
}

fn named_shares(paths: &[PathBuf]) -> Result<KitKeys, Failure> {
    let mut shares = Vec::with_capacity(paths.len());
    for path in paths {
        let text = files::read_text(path, MAX_SHARES).map_err(|error| Failure::input(path, &error.to_string()))?;
        for share in shares_of(&text) {
            let share = Share::parse(share);
            shares.push(share.map_err(|error| share_failure(&error, &path.display().to_string()))?);
        }
    }
    combine(&shares).map_err(|error| combine_failure(&error))
}

/// The shares in a file: the letters on each page, where there are some, or else all of it as words.
fn shares_of(text: &str) -> Vec<&str> {
    let pages = text.match_indices(LETTERS).filter_map(|(place, _)| {
        let (head, rest) = text.get(place..)?.split_at_checked(LETTERS.len())?;
        let blank = rest.len().saturating_sub(rest.trim_start().len());
        let letters = rest.trim_start().bytes().take_while(u8::is_ascii_alphanumeric).count();
        let length = head.len().saturating_add(blank).saturating_add(letters);
        text.get(place..place.saturating_add(length))
    });
    let pages: Vec<&str> = pages.collect();
    if pages.is_empty() { vec![text] } else { pages }
}

/// Asks for one share after the other until they make a kit. The words of a share may come in several lines.
async fn asked_shares(out: Out) -> Result<KitKeys, Failure> {
    if !out.can_ask() {
        return Err(Failure::usage("No share was given, and there is nobody to ask.", "Name files with --share FILE."));
    }
    out.note("Type the words of a share, a row or more at a time, or paste its letters. An empty line begins it anew.");
    let mut shares: Vec<Share> = Vec::new();
    let mut begun = Zeroizing::new(String::new());
    loop {
        let words = begun.split_whitespace().count();
        let prompt = match words {
            0 => format!("Share {}", shares.len().saturating_add(1)),
            words => format!("Share {}, from word {} on", shares.len().saturating_add(1), words.saturating_add(1)),
        };
        let question = move || dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        let typed = Zeroizing::new(prompts::ask(out, question).await?.ok_or_else(broken_off)?);
        if typed.trim().is_empty() {
            if words > 0 {
                out.note("What was typed of this share is forgotten.");
            }
            begun.clear();
            continue;
        }
        let words = typed.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
        let one_more = Zeroizing::new(words.collect::<Vec<_>>().join(" "));
        let whole = if typed.contains(LETTERS) { typed } else { Zeroizing::new(format!("{} {}", *begun, *one_more)) };
        match Share::parse(&whole) {
            Ok(share) => shares.push(share),
            Err(ShareError::WordCount { found }) if found < SHARE_WORDS => {
                begun = Zeroizing::new(whole.trim().to_owned());
                continue;
            }
            Err(error) => {
                begun.clear();
                out.report(&share_failure(&error, "This share"), None)?;
                continue;
            }
        }
        begun.clear();
        match combine(&shares) {
            Ok(kit) => return Ok(kit),
            Err(CombineError::TooFew { missing }) => {
                let kit = shares.last().map_or_else(String::new, |share| share.kit().to_string());
                out.note(&format!("Taken: a share of \"{kit}\". {missing} more to go."));
            }
            Err(error @ (CombineError::Twice { .. } | CombineError::OtherKit { .. })) => {
                shares.pop();
                out.report(&combine_failure(&error), None)?;
            }
            Err(error @ (CombineError::Stray { .. } | CombineError::Wrong)) => return Err(combine_failure(&error)),
        }
    }
}

fn broken_off() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was begun.", "Start again when you have the pages.")
}

fn share_failure(error: &ShareError, name: &str) -> Failure {
    let name = clean(name);
    let (message, next) = match error {
        ShareError::WordCount { found } => (
            format!("{name}: a share has {SHARE_WORDS} words, and these are {found}."),
            "Give all words of one page, in their order; the numbers before them do not matter.",
        ),
        ShareError::UnknownWords { places } => {
            let places: Vec<String> = places.iter().map(ToString::to_string).collect();
            (
                format!("{name}: no share has words such as number {}.", places.join(", ")),
                "Compare those with the page.",
            )
        }
        ShareError::Damaged => (
            format!("{name} is damaged: a word or a letter is another than was printed, or two changed places."),
            "Compare it with the page.",
        ),
        ShareError::Version => (format!("{name} is of a later kind."), "Use a later version of this program."),
        ShareError::Impossible => (format!("{name} contradicts itself."), "It was not printed by Glimpse."),
    };
    Failure::share(message, next)
}

fn combine_failure(error: &CombineError) -> Failure {
    let (message, next) = match error {
        CombineError::TooFew { missing } => (
            format!("{} of this kit {} missing.", count(*missing, "share"), if *missing == 1 { "is" } else { "are" }),
            "Give another page of the same kit as well.",
        ),
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
    confirm("Whoever began it holds the kit. Stop the recovery that waits?", yes, out).await?;
    device.veto_recovery(waiting).await?;
    out.event(&json!({ "event": "vetoed", "device": waiting.to_string() }))?;
    out.line("It is stopped.")?;
    out.note("Whoever began it still holds the kit: replace it with `glimpse recovery create`.");
    Ok(0)
}

async fn give_up(shared: &Shared, yes: bool, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    confirm("Without a device, nobody can bring the account back then. Give the recovery kit up?", yes, out).await?;
    let head = match device.give_up_kit().await {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    out.event(&json!({ "event": "kit-given-up", "seq": head.seq }))?;
    out.line("The account has no recovery kit.")?;
    Ok(0)
}
