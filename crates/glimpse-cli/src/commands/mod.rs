//! One command a file.

mod account;
mod add;
mod card;
mod chain;
mod completions;
mod cosign;
mod decide;
mod devices;
mod end;
mod export;
mod inbox;
mod lend;
mod link;
mod ls;
mod org;
mod passphrase;
mod pins;
mod put;
mod receipts;
mod receive;
mod recovery;
mod relay;
mod rm;
mod sessions;
mod show;
mod write;

use glimpse_wire::ErrorCode;

use crate::args::{AccountCommand, Arguments, Command, PassphraseCommand};
use crate::failure::Failure;
use crate::out::Out;
use crate::prompts;

/// Runs the command; gives the exit code.
pub(crate) async fn run(arguments: Arguments, out: &Out) -> Result<u8, Failure> {
    let Arguments { shared, command } = arguments;
    let out = *out;
    match command {
        Command::Account(AccountCommand::Create { name }) => account::create(&shared, &name, out).await,
        Command::Account(AccountCommand::Delete { yes }) => account::delete(&shared, yes, out).await,
        Command::Passphrase(PassphraseCommand::Change { new_passphrase_file }) => {
            passphrase::change(&shared, new_passphrase_file.as_deref(), out).await
        }
        Command::Add(add) => add::run(&shared, &add, out).await,
        Command::Put(put) => put::run(&shared, &put, out).await,
        Command::Ls(ls) => ls::run(&shared, &ls, out).await,
        Command::Show(show) => show::run(&shared, &show, out).await,
        Command::Rm(rm) => rm::run(&shared, &rm, out).await,
        Command::Export(export) => export::run(&shared, &export, out).await,
        Command::Lend(lend) => lend::run(&shared, &lend, out).await,
        Command::Sessions => sessions::run(&shared, out).await,
        Command::End(end) => end::run(&shared, &end, out).await,
        Command::Receipts(of) => receipts::run(&shared, &of, out).await,
        Command::Link(link) => link::add(&shared, &link, out).await,
        Command::Join(join) => link::join(&shared, &join, out).await,
        Command::Devices { all } => devices::list(&shared, all, out).await,
        Command::Revoke(revoke) => devices::revoke(&shared, &revoke, out).await,
        Command::Rename(rename) => devices::rename(&shared, &rename, out).await,
        Command::Cosign(proposed) => cosign::sign(&shared, &proposed, out).await,
        Command::Inbox { all } => inbox::run(&shared, all, out).await,
        Command::Approve(approve) => decide::approve(&shared, &approve, out).await,
        Command::Reject(reject) => decide::reject(&shared, &reject, out).await,
        Command::Recovery(command) => recovery::run(&shared, &command, out).await,
        Command::Chain { command } => chain::run(&shared, command.as_ref(), out).await,
        Command::Relay { socket } => relay::run(&shared, &socket, out).await,
        Command::Card => card::run(&shared, out).await,
        Command::Receive(receive) => receive::run(&shared, &receive, out).await,
        Command::Write(write) => write::run(&shared, &write, out).await,
        Command::Org(org) => org::run(&shared, &org, out).await,
        Command::Completions(completions) => completions::run(&completions),
    }
}

/// Columns behind a question: ` [y/N] ` and the cursor.
const YES_OR_NO: usize = 8;

/// Asks for a yes; where nobody can be asked, `--yes` is needed.
async fn confirm(question: &'static str, yes: bool, out: Out) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !out.can_ask() {
        return Err(Failure::usage("This cannot be undone, and there is nobody to ask.", "Give --yes if it is meant."));
    }
    let prompt = prompts::fitting(out, question, YES_OR_NO, "Go on?");
    let sure =
        prompts::ask(out, move || dialoguer::Confirm::new().with_prompt(prompt).default(false).interact()).await?;
    match sure {
        Some(true) => Ok(()),
        Some(false) | None => {
            Err(Failure::said(ErrorCode::Declined, "Nothing was done.", "Start again if it was meant."))
        }
    }
}
