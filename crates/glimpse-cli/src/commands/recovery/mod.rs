//! `glimpse recovery`: the kit that brings the account back when every device is gone.

mod shares;
mod typing;

use std::path::{Path, PathBuf};

use glimpse_core::recovery::{Page, Plan, RecoveryKit};
use glimpse_device::recovery::{Restore, Restored, restore, try_passphrase, was_begun, went_through};
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::chain::Chain;
use glimpse_wire::{AccountId, ErrorCode};
use serde_json::json;
use zeroize::Zeroizing;

use super::confirm;
use super::cosign::explained;
use super::devices::rekey;
use crate::args::{RecoveryCommand, RecoveryCreate, RecoveryRestore, Shared};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, date};
use crate::{files, home, kit_page, passphrase, prompts};

/// Where pages go, unless said otherwise.
const PAGES: &str = "glimpse-kit.html";

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
    require_place(create.out.as_deref(), out)?;
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    let voids = device.chain().recovery().is_some();
    if voids {
        out.note("The account has a kit. Its pages open nothing once there is another.");
        confirm("Make another kit?", create.yes, out).await?;
    }
    let to = place(create.out.as_deref(), out).await?;
    let kit = device.draw_kit(plan)?;
    // On paper, or at least on a disk, before the account relies on it.
    print(&kit, device.account(), device.server(), device.now().0, &to)?;
    let head = match device.install_kit(&kit.keys).await {
        Ok(head) => head,
        Err(error) => {
            // The pages open nothing, unless a second device signs: nobody should keep them for good ones. Whether the
            // server has the link is not known where its answer was lost.
            let pages = clean(&to.display().to_string());
            if matches!(error, DeviceError::NeedsSecond) {
                out.note(&format!(
                    "The pages are in {pages}. They count once a second device has signed, and not before."
                ));
            } else if error.code() == Some(ErrorCode::ServerUnreachable) {
                out.note(&format!("Whether the pages in {pages} count is not known. If in doubt, make another kit."));
            } else {
                std::fs::remove_file(&to).map_err(|gone| Failure::output(&to, &gone))?;
            }
            return Err(explained(&device, error, out).await);
        }
    };
    let name = called(&kit);
    out.event(&json!({
        "event": "kit",
        "kit": name,
        "shares": plan.count(),
        "needed": plan.threshold(),
        "file": to,
        "seq": head.seq,
    }))?;
    out.line(&format!("{} \"{name}\"", out.styled(Style::Green, "The account has a recovery kit:")))?;
    out.line(&format!("Pages    {}", pages(&to, plan)))?;
    out.note("Print it, check that you can read every page, and delete the file. Keep the shares in different places.");
    if voids {
        out.note("The kit from before is void: throw its pages away.");
    }
    Ok(0)
}

/// The two words of a kit.
fn called(kit: &RecoveryKit) -> String {
    kit.shares.first().map_or_else(String::new, |share| share.kit().to_string())
}

/// `kit.html: 3 shares, any 2 of them`.
fn pages(file: &Path, plan: Plan) -> String {
    let file = clean(&file.display().to_string());
    match (plan.threshold(), plan.count()) {
        (_, 1) => format!("{file}: one share"),
        (needed, all) if needed == all => format!("{file}: {all} shares, all of them"),
        (needed, all) => format!("{file}: {all} shares, any {needed} of them"),
    }
}

/// The pages have a place where nothing is yet, or somebody can be asked for one.
fn require_place(named: Option<&Path>, out: Out) -> Result<(), Failure> {
    match named {
        Some(named) => files::require_free(named),
        None if out.can_ask() => Ok(()),
        None => Err(Failure::usage("Where the pages go was not said.", "Give --out FILE, such as --out kit.html.")),
    }
}

/// Where the pages go.
async fn place(named: Option<&Path>, out: Out) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    require_place(named, out)?;
    let free = |file: &String| files::require_free(Path::new(file)).map_err(|failure| failure.message);
    let question = move || {
        let asked = dialoguer::Input::<String>::new().with_prompt("File for the pages");
        let asked = if Path::new(PAGES).exists() { asked } else { asked.default(PAGES.to_owned()) };
        asked.validate_with(free).interact_text()
    };
    let typed = prompts::ask(out, question).await?;
    typed.map(PathBuf::from).ok_or_else(|| {
        Failure::said(ErrorCode::Declined, "You broke it off. Nothing was done.", "Start again, or give --out FILE.")
    })
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

/// How the kit that follows is cut: as the one that is used, where nothing else is said.
fn next_plan(from: &RecoveryRestore, used: Plan) -> Result<Plan, Failure> {
    match (from.needed, from.shares) {
        (None, None) => Ok(used),
        (Some(needed), Some(shares)) => plan(needed, shares),
        (Some(1), None) | (None, Some(1)) => plan(1, 1),
        (Some(needed), None) => plan(needed, used.count().max(needed)),
        (None, Some(shares)) => plan(used.threshold().max(2).min(shares), shares),
    }
}

async fn bring_back(shared: &Shared, from: &RecoveryRestore, out: Out) -> Result<u8, Failure> {
    // Whatever can fail without the shares fails before a person types them.
    next_plan(from, Plan::default())?;
    require_place(from.out.as_deref(), out)?;
    let ground = home::new_ground(shared)?;
    home::require_empty(shared).await?;
    let named = if from.share.is_empty() {
        typing::require_person(out)?;
        None
    } else {
        Some(shares::named(&from.share)?)
    };
    home::reach(&ground).await?;
    let passphrase = restoring_passphrase(shared, &ground, out).await?;
    if let Some(device) = went_through(&ground, &passphrase).await? {
        return back(&device, None, out).await;
    }
    let to = place(from.out.as_deref(), out).await?;
    let (kit, used) = match named {
        Some(named) => named,
        None => typing::asked(out).await?,
    };
    let plan = next_plan(from, used)?;
    let server = ground.transport.origin().to_owned();
    let mut failed = None;
    let mut printed = None;
    let mut write = async |next: &RecoveryKit, chain: &Chain| {
        print(next, chain.account(), &server, ground.machine.now().0, &to).map_err(|failure| {
            let cause = failure.message.clone();
            failed = Some(failure);
            DeviceError::Output(std::io::Error::other(cause))
        })?;
        printed = Some(Printed { name: called(next), file: &to, plan });
        Ok(())
    };
    let request = Restore { name: from.name.clone(), passphrase: &passphrase, plan };
    let restored = restore(&ground, &kit, request, &mut write).await;
    if let Some(failure) = failed {
        return Err(failure);
    }
    match restored.map_err(|error| not_restored(error, &server))? {
        Restored::Done(device) => back(&device, printed, out).await,
        Restored::Waiting { due, now } => {
            out.event(&json!({ "event": "recovery-waiting", "due": due.0, "now": now.0 }))?;
            out.line(&format!("Announced to the account's devices. Come again after {} UTC.", date(due.0)))?;
            out.note("Use the same home, passphrase and shares. A device of the account can stop it until then.");
            Ok(0)
        }
    }
}

/// What was printed of the kit that follows.
struct Printed<'p> {
    name: String,
    file: &'p Path,
    plan: Plan,
}

/// The account is back; with nothing printed, since the time before.
async fn back(device: &Device, printed: Option<Printed<'_>>, out: Out) -> Result<u8, Failure> {
    let mut event = json!({
        "event": "recovered",
        "account": device.account().to_string(),
        "device": device.keys().id().to_string(),
        "file": printed.as_ref().map(|printed| printed.file),
    });
    if let (Some(printed), Some(fields)) = (&printed, event.as_object_mut()) {
        fields.insert("kit".to_owned(), json!(printed.name));
        fields.insert("shares".to_owned(), json!(printed.plan.count()));
        fields.insert("needed".to_owned(), json!(printed.plan.threshold()));
    }
    out.event(&event)?;
    out.line(&format!("{} Every other device is out.", out.styled(Style::Green, "The account is back.")))?;
    out.line(&format!("Account  {}", device.account()))?;
    if let Some(printed) = &printed {
        out.line(&format!("New kit  {}", pages(printed.file, printed.plan)))?;
        out.note("The kit that you used is void. Print the new one, and delete the file.");
    } else {
        out.note(
            "It had broken off after the server took it. The kit that you used is void; the pages of the new one are",
        );
        out.note("in the file that you named then.");
    }
    rekey(device, out).await?;
    Ok(0)
}

/// The passphrase for the account on this device: a new one, or where a recovery was begun here, the one that it was
/// begun with.
async fn restoring_passphrase(shared: &Shared, ground: &Ground, out: Out) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if !was_begun(ground).await? {
        return passphrase::ask_new(shared.passphrase_file.as_deref(), out).await;
    }
    out.note("A recovery was begun in this home. Its passphrase is the one that you chose then.");
    let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
    try_passphrase(ground, &passphrase).await?;
    Ok(passphrase)
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
