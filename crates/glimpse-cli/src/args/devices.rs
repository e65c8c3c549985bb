//! What the commands for devices take: linking, taking out, rules, recovery.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use glimpse_wire::SigningKeyBytes;

use super::{plain_id, unmarked};

#[derive(Debug, Args)]
pub(crate) struct Link {
    /// The code that the new device shows (`glimpse join --show`); without it, a code is shown here
    pub(crate) code: Vec<String>,
    /// Ask for the code that the new device shows, which keeps it out of the shell's history
    #[arg(long, conflicts_with = "code")]
    pub(crate) ask: bool,
    /// Show digits to type, in place of a QR code
    #[arg(long, conflicts_with_all = ["code", "ask"])]
    pub(crate) digits: bool,
    /// Speak over a Unix socket in place of the server, so that nothing sealed reaches it: the device that shows the code
    /// makes the socket, so start it first
    #[arg(long, value_name = "PATH")]
    pub(crate) local: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The code that the other device shows (`glimpse link`); asked when left out, which keeps it out of the shell's
    /// history
    pub(crate) code: Vec<String>,
    /// What this device is called
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Its hardware serial number; the server learns a salted hash of it
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) serial: String,
    /// Show a code here, for `glimpse link CODE` on a device of the account
    #[arg(long, conflicts_with_all = ["code", "resume"])]
    pub(crate) show: bool,
    /// With --show: digits to type, in place of a QR code
    #[arg(long, requires = "show")]
    pub(crate) digits: bool,
    /// Speak over a Unix socket in place of the server, as on the other device
    #[arg(long, value_name = "PATH")]
    pub(crate) local: Option<PathBuf>,
    /// This device is a watch: it reaches the server through the phone's socket (`glimpse relay`) and in no other way
    #[arg(long, value_name = "SOCKET")]
    pub(crate) phone: Option<PathBuf>,
    /// Go on where a linking broke off after this device had signed
    #[arg(long, conflicts_with_all = ["code", "local", "name", "serial"])]
    pub(crate) resume: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The devices, by name or by the beginning of their ids
    #[arg(required = true, value_name = "DEVICE", value_parser = plain_id)]
    pub(crate) devices: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The name
    pub(crate) name: String,
    /// The device, by name or by the beginning of its id [default: this one]
    #[arg(long, value_name = "DEVICE", value_parser = plain_id)]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Cosign {
    /// What the other device shows, a file that holds it, or - for standard input
    #[arg(value_name = "PROPOSAL")]
    pub(crate) proposal: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Make a kit of shares, as pages to print; a kit from before is void then
    Create(RecoveryCreate),
    /// Bring the account back on this device, with enough shares of its kit
    Restore(RecoveryRestore),
    /// Stop a recovery that waits
    Veto {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Have no kit any more
    GiveUp {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RecoveryCreate {
    /// Where the pages go: .html to print from a browser, anything else as text [default: asked]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How many shares
    #[arg(long, default_value_t = 3)]
    pub(crate) shares: u8,
    /// How many of them it takes
    #[arg(long, default_value_t = 2)]
    pub(crate) needed: u8,
    /// Do not ask, where there is a kit that this one makes void
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecoveryRestore {
    /// A file with shares: a page's words, its letters, or pages as `create` wrote them; several times for several
    /// [default: asked]
    #[arg(long, value_name = "FILE")]
    pub(crate) share: Vec<PathBuf>,
    /// Where the pages of the kit that follows go: .html to print from a browser, anything else as text [default: asked]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What this device is called
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// How many shares the kit that follows has [default: as many as the kit that is used]
    #[arg(long)]
    pub(crate) shares: Option<u8>,
    /// How many of them it takes [default: as many as of the kit that is used]
    #[arg(long)]
    pub(crate) needed: Option<u8>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// Show the newest link, the rules, and what is wrong
    Show,
    /// After comparing: this device's log is the right one
    Keep {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give the server links back that it lost
    GiveBack,
    /// Begin a new epoch for the same devices
    Rotate,
    /// Change the account's rules
    Rules(Rules),
    /// Pin a writer or an organisation, so that it is known by the name you give it
    Pin(PinKey),
    /// Pin it no more
    Unpin {
        /// The name it was given
        name: String,
    },
    /// After comparing: take the server's list of records as it is
    AcceptRecords {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// This device was put back from a copy, and is the only one that uses it
    UseCopy {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Go on with what waited for a second device
    Complete {
        /// What `glimpse cosign` showed there, a file that holds it, or - for standard input
        #[arg(value_name = "SIGNED")]
        signed: String,
    },
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("whom").required(true).args(["writer", "organisation", "card"])))]
pub(crate) struct PinKey {
    /// What you call it
    pub(crate) name: String,
    /// A writer, by its key: `glimpse write` tells it there
    #[arg(long, value_name = "KEY", value_parser = key, allow_hyphen_values = true)]
    pub(crate) writer: Option<SigningKeyBytes>,
    /// An organisation, by its key
    #[arg(long, value_name = "KEY", value_parser = key, allow_hyphen_values = true)]
    pub(crate) organisation: Option<SigningKeyBytes>,
    /// An organisation, by the card that it gave you, or a file that holds it
    #[arg(long, value_name = "CARD")]
    pub(crate) card: Option<String>,
    /// Do not ask whether a card's key is the right one
    #[arg(long, requires = "card")]
    pub(crate) yes: bool,
}

pub(super) fn key(text: &str) -> Result<SigningKeyBytes, &'static str> {
    unmarked(text).parse().map_err(|_| "a key has 43 letters and digits")
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Hold a new device back for so many days, so that another device can take it out first
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=30))]
    pub(crate) hold_new_devices: Option<u32>,
    /// Let pins, and rules that are less strict, count after so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=30))]
    pub(crate) hold_pins: Option<u32>,
    /// Announce a recovery for so many days, so that a device can stop it
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=30))]
    pub(crate) announce_recovery: Option<u32>,
    /// Whether linking a device takes a second device
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    pub(crate) second_to_link: Option<bool>,
    /// Whether taking a device out takes a second device
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    pub(crate) second_to_revoke: Option<bool>,
    /// Whether changing rules, pins and the recovery kit takes a second device
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    pub(crate) second_to_pin: Option<bool>,
}

impl Rules {
    /// Whether nothing is to change.
    pub(crate) const fn is_empty(&self) -> bool {
        self.hold_new_devices.is_none()
            && self.hold_pins.is_none()
            && self.announce_recovery.is_none()
            && self.second_to_link.is_none()
            && self.second_to_revoke.is_none()
            && self.second_to_pin.is_none()
    }
}
