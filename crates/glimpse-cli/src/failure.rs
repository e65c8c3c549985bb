//! Errors for people: what happened, what to do, and an exit code that README.md documents.

use std::io;
use std::path::Path;

use glimpse_device::DeviceError;
use glimpse_wire::ErrorCode;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The word for programs.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What to do.
    pub(crate) next: String,
    /// The exit code.
    pub(crate) exit: u8,
}

pub(crate) const EXIT_OTHER: u8 = 1;
pub(crate) const EXIT_USAGE: u8 = 2;
const EXIT_LOCKED: u8 = 3;
const EXIT_NOT_THERE: u8 = 4;
const EXIT_UNREACHABLE: u8 = 5;
const EXIT_DECLINED: u8 = 6;
const EXIT_CODE: u8 = 7;
const EXIT_ALARM: u8 = 8;
pub(crate) const EXIT_FILE: u8 = 9;
const EXIT_SESSION: u8 = 10;

impl Failure {
    fn new(exit: u8, code: &str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), next: next.into(), exit }
    }

    /// Something that has no word of its own.
    pub(crate) fn other(message: &str, next: &str) -> Self {
        Self::new(EXIT_OTHER, "internal", message, next)
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXIT_USAGE, "usage", message, next)
    }

    /// The passphrase is missing, unusable or wrong.
    pub(crate) fn passphrase(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXIT_LOCKED, "passphrase", message, next)
    }

    /// Whether the next record would fail in the same way: no room, no server, no right to be there.
    pub(crate) const fn is_of_place(&self) -> bool {
        matches!(self.exit, EXIT_FILE | EXIT_UNREACHABLE | EXIT_LOCKED)
    }

    /// Whether a code came to nothing, and another may do.
    pub(crate) fn is_of_code(&self) -> bool {
        self.exit == EXIT_CODE && self.code != ErrorCode::PausedAfterFailures.slug()
    }

    /// What was to be checked does not hold.
    pub(crate) fn tampered(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXIT_ALARM, ErrorCode::RecordTampered.slug(), message, next)
    }

    /// What a code of the protocol means here, in words of its own.
    pub(crate) fn said(code: ErrorCode, message: &str, next: &str) -> Self {
        Self::new(exit_code(code), code.slug(), message, next)
    }

    /// Shares of a recovery kit that cannot be used.
    pub(crate) fn share(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXIT_CODE, "share", message, next)
    }

    /// Fields that cannot be withheld, for the reason with this word.
    pub(crate) fn withhold(word: &str, message: impl Into<String>, next: impl Into<String>) -> Self {
        let exit = match word {
            "no-such-field" => EXIT_NOT_THERE,
            "large" => EXIT_FILE,
            _ => EXIT_USAGE,
        };
        Self::new(exit, &format!("withhold-{word}"), message, next)
    }

    /// Nobody answered a question for a while.
    pub(crate) fn locked() -> Self {
        Self::new(
            EXIT_LOCKED,
            "locked",
            "Locked: no key was pressed for a while.",
            "The keys are forgotten and nothing was done. Start again when you are back.",
        )
    }

    /// A file that was named cannot be read.
    pub(crate) fn input(path: &Path, cause: &str) -> Self {
        let message = format!("{} cannot be read: {cause}.", crate::text::clean(&path.display().to_string()));
        Self::new(EXIT_FILE, "input", message, "Check the name and its permissions.")
    }

    /// A file cannot be written.
    pub(crate) fn output(path: &Path, error: &io::Error) -> Self {
        let shown = crate::text::clean(&path.display().to_string());
        if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::AddrInUse) {
            let next = "Choose another name, or move away what is there.";
            return Self::new(EXIT_FILE, "output", format!("{shown} is there already."), next);
        }
        let message = format!("{shown} cannot be written: {error}.");
        let next = if error.kind() == io::ErrorKind::NotFound {
            "Make its folder first, or choose another place."
        } else {
            "Choose another place, or make room there."
        };
        Self::new(EXIT_FILE, "output", message, next)
    }

    /// Nothing by this name.
    pub(crate) fn not_there(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(EXIT_NOT_THERE, ErrorCode::NotFound.slug(), message, next)
    }
}

/// The exit code that goes with a code of the protocol.
#[expect(clippy::wildcard_enum_match_arm, reason = "`ErrorCode` is non-exhaustive")]
pub(crate) const fn exit_code(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::CodeMistyped
        | ErrorCode::CodeUnknown
        | ErrorCode::CodeWrong
        | ErrorCode::CodeUsed
        | ErrorCode::CodeExpired
        | ErrorCode::Crowded
        | ErrorCode::PausedAfterFailures
        | ErrorCode::PairingBroken => EXIT_CODE,
        ErrorCode::Declined | ErrorCode::ApprovalTimedOut | ErrorCode::DeviceOffline => EXIT_DECLINED,
        ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionRevoked | ErrorCode::SessionIdle => {
            EXIT_SESSION
        }
        ErrorCode::RecordTampered
        | ErrorCode::RecordRolledBack
        | ErrorCode::ChainForked
        | ErrorCode::ChainRolledBack
        | ErrorCode::CredentialInvalid
        | ErrorCode::ChannelBroken
        | ErrorCode::DeviceDoubled
        | ErrorCode::LogBroken
        | ErrorCode::CounterReused => EXIT_ALARM,
        ErrorCode::TooLarge => EXIT_FILE,
        ErrorCode::ServerUnreachable | ErrorCode::Busy | ErrorCode::RateLimited => EXIT_UNREACHABLE,
        ErrorCode::NotFound | ErrorCode::Conflict => EXIT_NOT_THERE,
        ErrorCode::RecoveryVetoed => EXIT_DECLINED,
        ErrorCode::Unauthorised | ErrorCode::DeviceRevoked | ErrorCode::DeviceHeld => EXIT_LOCKED,
        _ => EXIT_OTHER,
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        let mut failure = Self::new(exit_code(code), code.slug(), code.happened(), code.next_step());
        // Where this command has the way out.
        if code == ErrorCode::LogBroken {
            "`glimpse ls` says in what. Compare your devices and ask whoever runs the server; then: glimpse chain accept-records"
                .clone_into(&mut failure.next);
        } else if code == ErrorCode::DeviceRevoked {
            "To come back: `glimpse link` on a device of the account, and here `glimpse --home NEW join --server URL`."
                .clone_into(&mut failure.next);
        } else if code == ErrorCode::DeviceHeld {
            "Wait until it is free: `glimpse devices` says until when. Before that, any other device can take it out."
                .clone_into(&mut failure.next);
        } else if code == ErrorCode::DeviceDoubled {
            "If you put this one back from a copy: `glimpse chain use-copy`. If not, take it out on another device: `glimpse revoke`."
                .clone_into(&mut failure.next);
        }
        failure
    }
}

impl From<glimpse_device::storage::StorageError> for Failure {
    fn from(error: glimpse_device::storage::StorageError) -> Self {
        DeviceError::from(error).into()
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Refused { code, .. } => code.into(),
            DeviceError::Storage(error) => Self::new(
                EXIT_FILE,
                "storage",
                format!("A file of the home cannot be used: {error}."),
                "Check its permissions and the free space; nothing was half done.",
            ),
            DeviceError::Damaged(name) => Self::new(
                EXIT_ALARM,
                "storage",
                format!("{name} in the home is not what this device wrote."),
                if name == "listing.sealed" {
                    "Remove it to have it made anew; older versions that the server gives are not noticed then."
                } else {
                    "Restore it from a copy; without it this device cannot be used."
                },
            ),
            DeviceError::Passphrase => Self::passphrase(
                "The passphrase is wrong, or the file of keys was changed.",
                "Try again. Nobody can reset it: the keys are under it and nowhere else.",
            ),
            DeviceError::Passkey => Self::passphrase(
                "No passkey opens the keys here, or not this one.",
                "Use the passphrase: a terminal has no passkeys.",
            ),
            DeviceError::NoAccount => Self::new(
                EXIT_LOCKED,
                "no-account",
                "There is no account in this home.",
                "Found one with `glimpse account create --server URL`, bring this device into yours with `glimpse join` or bring \
                 it back with `glimpse recovery restore`, or name another home with --home.",
            ),
            DeviceError::AccountExists => Self::new(
                EXIT_OTHER,
                "account-exists",
                "There is an account in this home already.",
                "Use it, or name another home with --home.",
            ),
            DeviceError::BadLink { seq, error } => Self::new(
                EXIT_ALARM,
                "bad-link",
                format!("Link {seq} of the account's log, as the server gives it, is not one: {error}."),
                "It is not used. Tell whoever runs the server; a device that you did not link is not in the account.",
            ),
            DeviceError::SeedRefused => Self::new(
                EXIT_ALARM,
                "seed-refused",
                "The newest key of the account is not what its link says: the server changed it, or the device that began it kept it from this one.",
                "It is not used. `glimpse inbox` says which device began it; if you did not, take that one out with `glimpse revoke`.",
            ),
            DeviceError::NoSeed => Self::new(
                EXIT_LOCKED,
                "no-seed",
                "This device is in the account and has not received its key: its linking broke off.",
                "Run `glimpse chain rotate` on a device that can read; then this one can.",
            ),
            DeviceError::NeedsSecond => Self::new(
                EXIT_DECLINED,
                "needs-second",
                "The account's rules ask for a second device to sign this.",
                "Use the other device as well.",
            ),
            DeviceError::KnownDevice => Self::new(
                EXIT_OTHER,
                "known-device",
                "This device was in the account before.",
                "Use another home, so that it gets new keys.",
            ),
            DeviceError::Unsettled => Self::new(
                EXIT_UNREACHABLE,
                "unsettled",
                "The connection broke at the last moment: it is not known whether the server took it.",
                "It is sent again with whatever you do next, and happens then. Look with `glimpse devices`.",
            ),
            DeviceError::RecoveryWaits => Self::new(
                EXIT_OTHER,
                "recovery-waits",
                "A recovery was begun in this home, and waits.",
                "Go on with `glimpse recovery restore`, or use another home.",
            ),
            DeviceError::Overtaken => Self::new(
                EXIT_OTHER,
                "overtaken",
                "Another command has begun to set this home up meanwhile, and that one counts.",
                "Go on there. A device that it did not make may be listed: `glimpse devices` shows it.",
            ),
            DeviceError::WrongKit => Self::new(
                EXIT_NOT_THERE,
                "wrong-kit",
                "This kit is not the account's: a later one took its place.",
                "Use the newest kit. Its pages say when it was made.",
            ),
            DeviceError::NoRecord(id) => Self::not_there(
                format!("No record has an id that begins with {}.", crate::text::clean(&id)),
                "`glimpse ls` shows what there is.",
            ),
            DeviceError::Ambiguous(id) => Self::not_there(
                format!("Several records have an id that begins with {}.", crate::text::clean(&id)),
                "Give more of it.",
            ),
            DeviceError::Content(cause) => Self::new(
                EXIT_FILE,
                "input",
                format!("The file could not be read to its end: {}.", crate::text::clean(&cause)),
                "Nothing was added. Try again when nothing writes to it.",
            ),
            DeviceError::Output(error) => Self::new(
                EXIT_FILE,
                "output",
                format!("The content could not be written: {error}."),
                "Choose another place, or make room there.",
            ),
            DeviceError::StaleHead => Self::new(
                EXIT_ALARM,
                "stale-head",
                "No device of this account was seen for a day, or the clocks differ.",
                "Nothing was written. Ask the owner to open Glimpse, then try again.",
            ),
            DeviceError::Paused { millis } => {
                let mut failure = Self::from(ErrorCode::PausedAfterFailures);
                let minutes = crate::text::count(millis.div_ceil(60_000), "minute");
                failure.next = format!("Wait {minutes}. If it was not you, somebody is guessing.");
                failure
            }
            DeviceError::PassphraseNeeded => Self::new(
                EXIT_CODE,
                ErrorCode::PausedAfterFailures.slug(),
                "Ten pairings failed within a day. Somebody may be guessing.",
                "Start `glimpse lend` again and give the passphrase by hand to go on.",
            ),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads, such as `head`, has seen enough: nothing to tell.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(EXIT_FILE, "output", "", "");
        }
        Self::new(EXIT_FILE, "output", format!("The output cannot be written: {error}."), "Check where it goes.")
    }
}
