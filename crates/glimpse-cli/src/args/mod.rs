//! The command line.

mod devices;
mod org;
mod writes;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use glimpse_wire::{DeviceId, RecordId, SigningKeyBytes};

pub(crate) use devices::{
    ChainCommand, Cosign, Join, Link, PinKey, RecoveryCommand, RecoveryCreate, RecoveryRestore, Rename, Revoke, Rules,
};

pub(crate) use org::{
    AgentCommand, AuditCommand, AuditExport, AuditVerify, Invite, Issue, Org, OrgCard, OrgCommand, OrgInit, RevokeAgent,
};
pub(crate) use writes::{Approve, Reject};

use crate::failure::{EXIT_FILE, EXIT_USAGE, Failure};
use crate::out::Out;
use crate::text::KINDS;

/// What an id may be written with, so that one that begins with a dash is no option: `id:-abc`.
const ID_MARK: &str = "id:";
/// Characters of a whole id: of a record or a session, and of a device. No option has so many.
const ID_LENS: [usize; 2] = [22, 43];

/// Whole ids that begin with a dash, as they are copied from a list, are marked as such, with what follows them: `-abc:/field`.
pub(crate) fn marked(argument: OsString) -> OsString {
    let is_id = argument.to_str().is_some_and(|text| {
        let id = text.split([':', '@']).next().unwrap_or_default();
        let of_an_id = id.parse::<RecordId>().is_ok() || id.parse::<DeviceId>().is_ok();
        text.starts_with('-') && ID_LENS.contains(&id.len()) && of_an_id
    });
    if !is_id {
        return argument;
    }
    let mut marked = OsString::from(ID_MARK);
    marked.push(argument);
    marked
}

/// A command line that makes no sense, told as every failure is; or the help that it asks for.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    let shown =
        [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    if shown.contains(&error.kind()) {
        // Whoever reads may have enough of it.
        if error.print().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            return ExitCode::from(EXIT_FILE);
        }
        return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
    }
    // What could not be read may have asked for JSON all the same.
    let json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    let out = Out::new(json, Duration::MAX);
    // A variable of the environment counts as an argument, and keeps clap from showing the help to who typed nothing.
    let nothing = error.kind() == ErrorKind::MissingSubcommand && std::env::args_os().len() <= 1;
    let told = if nothing { Arguments::command().render_help() } else { error.render() };
    if json {
        let told = told.to_string();
        let message = told.split("\n\n").next().unwrap_or(&told).trim_start_matches("error: ");
        let message: Vec<&str> = message.split_whitespace().collect();
        let next = "`glimpse help`, or --help behind the command, shows what it takes.";
        return out.fail(&Failure::usage(format!("{}.", message.join(" ")), next));
    }
    let told = if out.is_coloured() { told.ansi().to_string() } else { told.to_string() };
    out.note(told.trim_end());
    ExitCode::from(EXIT_USAGE)
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn plain_id(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(unmarked(text).to_owned())
}

fn unmarked(text: &str) -> &str {
    text.strip_prefix(ID_MARK).unwrap_or(text)
}

fn day(text: &str) -> Result<u64, &'static str> {
    crate::text::parse_day(text).ok_or("write a day as 2026-01-31")
}

/// Lend a short look at your data to a browser that is not yours, end to end encrypted.
#[derive(Debug, Parser)]
#[command(name = "glimpse", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Shared {
    /// Where keys and state are kept [default: ~/.local/share/glimpse]
    #[arg(long, global = true, value_name = "DIR", env = "GLIMPSE_HOME")]
    pub(crate) home: Option<PathBuf>,
    /// The server, for commands that do not know it from the home
    #[arg(long, global = true, value_name = "URL", env = "GLIMPSE_SERVER")]
    pub(crate) server: Option<String>,
    /// Read the passphrase from a file that only its owner can read
    #[arg(long, global = true, value_name = "FILE", env = "GLIMPSE_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Write one event a line as JSON, read one command a line, ask nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Lock after so many seconds without a key, at a question that a person is to answer; a code and the words to be
    /// picked have a time of their own
    #[arg(long, global = true, value_name = "SECONDS", env = "GLIMPSE_LOCK_AFTER", default_value_t = 180,
        value_parser = clap::value_parser!(u64).range(1..=3600), hide_short_help = true)]
    pub(crate) lock_after: u64,
}

impl Shared {
    /// How long an unlocked device waits for a key.
    pub(crate) const fn lock_after(&self) -> Duration {
        Duration::from_secs(self.lock_after)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Found or delete the account
    #[command(subcommand)]
    Account(AccountCommand),
    /// Change what unlocks this device
    #[command(subcommand)]
    Passphrase(PassphraseCommand),
    /// Add files as new records
    Add(Add),
    /// Replace what a record holds
    Put(Put),
    /// List the records
    Ls(Ls),
    /// Show what a record holds
    Show(Show),
    /// Delete records
    Rm(Rm),
    /// Write everything to a folder, in clear, for its owner
    Export(Export),
    /// Lend a look: show a code, ask, mirror what is opened
    Lend(Lend),
    /// List the sessions that run, and those that ended today
    Sessions,
    /// End sessions, whichever process runs them
    End(End),
    /// Show and verify the log of a session
    Receipts(ReceiptsOf),
    /// Bring another device into the account: show a code for it, or type the one that it shows
    Link(Link),
    /// Bring this device into an account: type the code that a device of it shows, or show one
    Join(Join),
    /// List the devices of the account
    Devices {
        /// Those that were taken out as well
        #[arg(long)]
        all: bool,
    },
    /// Take devices out of the account, at once
    Revoke(Revoke),
    /// Call a device by another name, on all devices; that of this device is also what viewers read when it lends
    Rename(Rename),
    /// Sign, as the second device, what another one proposes
    Cosign(Cosign),
    /// Show what other devices did to the account, alarms, and what others wrote that waits for a decision
    Inbox {
        /// What was read before as well
        #[arg(long)]
        all: bool,
    },
    /// Take what somebody wrote to the account: shows it, and asks
    Approve(Approve),
    /// Delete what somebody wrote to the account
    Reject(Reject),
    /// Make a recovery kit, bring the account back with one, or stop somebody who tries to
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// Show the account's log of devices and its rules, or mend it
    Chain {
        #[command(subcommand)]
        command: Option<ChainCommand>,
    },
    /// Carry a watch's bytes to the server: what the phone does for it
    Relay {
        /// The Unix socket to listen on
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
    },
    /// Print the account's contact card, for those who are to write to it
    Card,
    /// Look at what somebody lends: a viewer in a terminal, also for programs
    Receive(Receive),
    /// Send a record to somebody's account, holding only their card
    Write(Write),
    /// For an organisation: its key, its card, and its agents
    Org(Org),
    /// Print completions for a shell
    Completions(Completions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Found an account, with this device as its first
    Create {
        /// What this device is called: viewers read it when you lend, and so do your other devices; may be left out
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Delete the account and everything in it
    Delete {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PassphraseCommand {
    /// Change it
    Change {
        /// Read the new one from a file that only its owner can read
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The title, for one file [default: its name]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// A word to find it by; may be given several times
    #[arg(long = "tag", value_name = "WORD")]
    pub(crate) tags: Vec<String>,
    /// These records may never be lent
    #[arg(long)]
    pub(crate) never_lend: bool,
    /// Seal these records anew at once when a device is taken out
    #[arg(long)]
    pub(crate) sensitive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The record, by the beginning of its id
    #[arg(value_parser = plain_id)]
    pub(crate) id: String,
    /// What it holds from now on
    pub(crate) file: PathBuf,
    /// Another title [default: as it was]
    #[arg(long)]
    pub(crate) title: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Records of this kind only
    #[arg(long, value_parser = KINDS)]
    pub(crate) kind: Option<String>,
    /// Records whose title or tags hold this text
    pub(crate) search: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The record, by the beginning of its id
    #[arg(value_parser = plain_id)]
    pub(crate) id: String,
    /// Write it to a file; a file that is there is replaced only with --force
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print its fields, as `lend --withhold` takes them, in place of what it holds
    #[arg(long, conflicts_with_all = ["output", "force"])]
    pub(crate) fields: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The records, by the beginning of their ids
    #[arg(required = true, value_name = "ID", value_parser = plain_id)]
    pub(crate) ids: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A folder that is not there yet
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Lend {
    /// Records, by the beginning of their ids; asked when nothing is chosen
    #[arg(value_name = "ID", value_parser = plain_id, conflicts_with_all = ["kinds", "everything", "since", "until"])]
    pub(crate) ids: Vec<String>,
    /// All records of this kind; may be given several times
    #[arg(long = "kind", value_name = "KIND", conflicts_with = "everything", value_parser = KINDS)]
    pub(crate) kinds: Vec<String>,
    /// Records of this day or later, such as 2026-01-31, as `ls` dates them (UTC); with --kind, those of the kind
    #[arg(long, value_name = "DAY", conflicts_with = "everything", value_parser = day)]
    pub(crate) since: Option<u64>,
    /// Records of this day or earlier
    #[arg(long, value_name = "DAY", conflicts_with = "everything", value_parser = day)]
    pub(crate) until: Option<u64>,
    /// Every record that may be lent
    #[arg(long)]
    pub(crate) everything: bool,
    /// For how long: minutes, or 90s, or 2h [default: 15]
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// Where the page is, when that is not the server
    #[arg(long = "page", value_name = "URL", env = "GLIMPSE_PAGE")]
    pub(crate) site: Option<String>,
    /// To an agent of an organisation that you pinned, in place of a screen of your own
    #[arg(long)]
    pub(crate) agent: bool,
    /// A field to cut out of a record first: a JSON pointer, or a column of a table; `show RECORD --fields` prints them, with the
    /// version in which they are. May be given several times
    #[arg(long = "withhold", value_name = "RECORD[@VERSION]:/FIELD")]
    pub(crate) withhold: Vec<String>,
    /// The other side may look, not save
    #[arg(long, conflicts_with = "save")]
    pub(crate) view_only: bool,
    /// The other side may save copies
    #[arg(long)]
    pub(crate) save: bool,
}

#[derive(Debug, Args)]
pub(crate) struct End {
    /// The sessions, by the beginning of their ids [default: all that run]
    #[arg(value_name = "SESSION", value_parser = plain_id)]
    pub(crate) sessions: Vec<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ReceiptsOf {
    #[command(subcommand)]
    pub(crate) command: Option<ReceiptsCommand>,
    /// The session, by the beginning of its id [default: the newest]
    #[arg(value_name = "SESSION", value_parser = plain_id)]
    pub(crate) session: Option<String>,
    /// Write the log with what verifies it to a file, for others to check with `receipts verify`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
    /// List the requests of agents that were declined, or that nobody answered: they are kept on this device alone
    #[arg(long, conflicts_with_all = ["session", "output"])]
    pub(crate) declined: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptsCommand {
    /// Check a log that somebody wrote with -o: without a network, an account or a passphrase
    Verify(VerifyReceipts),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyReceipts {
    /// The log
    pub(crate) file: std::path::PathBuf,
    /// The contact card of the account that lent, or a file that holds it
    #[arg(long, value_name = "CARD")]
    pub(crate) card: String,
    /// The server's signing key, as you know it from elsewhere; without it the one that the file itself names is taken
    #[arg(long, value_name = "KEY", value_parser = devices::key, allow_hyphen_values = true)]
    pub(crate) server_key: Option<SigningKeyBytes>,
}

#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// The code on the other screen; asked when left out, which keeps it out of the shell's history
    pub(crate) code: Vec<String>,
    /// Save what was lent into this folder, where the lender allows it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Write {
    /// The card, or a file that holds it
    #[arg(long, value_name = "CARD")]
    pub(crate) to: String,
    /// What to send
    pub(crate) file: PathBuf,
    /// The title [default: the file's name]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Who writes, as the owner reads it
    #[arg(long, default_value = "")]
    pub(crate) from: String,
    /// The writer's key: a file for its owner only (mode 0600), in clear, made when it is not there
    /// [default: writer.key in the home]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// Prints completions for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
        let arguments = ["glimpse"].iter().chain(arguments).map(OsString::from).map(marked);
        Arguments::try_parse_from(arguments).map(|arguments| arguments.command)
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_id_that_begins_with_a_dash_is_an_id() {
        let dashed = "-bcdefghijklmnopqrstuQ";
        for id in [dashed, "--cdefghijklmnopqrstuQ"] {
            let parsed = parse(&["rm", "abc", id, "--yes"]);
            assert!(matches!(parsed, Ok(Command::Rm(Rm { ids, yes: true })) if ids == ["abc", id]));
        }
        // With a field, or a version and a field, behind it.
        for wish in [format!("{dashed}:/a"), format!("{dashed}@0123456789ab:/a")] {
            let parsed = parse(&["lend", "abc", "--withhold", &wish]);
            assert!(parsed.is_ok(), "{wish}: {parsed:?}");
        }
        // That of a device, and a key, which has as many characters.
        let dashed = format!("-{}", "A".repeat(42));
        for parsed in [parse(&["revoke", &dashed, "--yes"]), parse(&["revoke", "--yes", "--", &dashed])] {
            assert!(
                matches!(parsed, Ok(Command::Revoke(Revoke { devices, yes: true })) if devices == [dashed.clone()])
            );
        }
        let pinned = parse(&["chain", "pin", "Clinic", "--writer", &dashed]);
        let Ok(Command::Chain { command: Some(ChainCommand::Pin(PinKey { writer: Some(key), .. })) }) = pinned else {
            panic!("{pinned:?}");
        };
        assert_eq!(key.to_string(), dashed);
        assert!(matches!(parse(&["show", "id:-bc"]), Ok(Command::Show(Show { id, .. })) if id == "-bc"));
        assert!(parse(&["show", "-bc"]).is_err(), "control: what is no whole id is an option");
    }
}
