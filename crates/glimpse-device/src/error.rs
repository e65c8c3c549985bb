//! What can go wrong on a device.

use glimpse_wire::ErrorCode;

use crate::storage::StorageError;
use crate::transport::Unreachable;

/// Why an operation failed. Nothing is half done after it, but for [`DeviceError::Unsettled`] and where an operation says
/// that it is gone on with.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The server refused, or a check of the protocol failed.
    #[error("{code}")]
    Refused {
        /// The reason.
        code: ErrorCode,
        /// Seconds after which trying again makes sense, where the server says so.
        retry_after: Option<u64>,
    },
    /// A file of the home could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file of the home is not what this device wrote.
    #[error("{0} was changed or damaged")]
    Damaged(&'static str),
    /// The passphrase is wrong, or the file of keys was changed: which, cannot be told.
    #[error("wrong passphrase")]
    Passphrase,
    /// No passkey opens the keys here, or not this one.
    #[error("not the passkey of this device")]
    Passkey,
    /// There is no account in this home.
    #[error("no account here")]
    NoAccount,
    /// There is an account in this home already.
    #[error("an account is here already")]
    AccountExists,
    /// No record has this id.
    #[error("no record {0}")]
    NoRecord(String),
    /// More than one record has an id that begins like this.
    #[error("several records begin with {0}")]
    Ambiguous(String),
    /// The content could not be read, or changed while it was read.
    #[error("the content could not be read: {0}")]
    Content(String),
    /// The content could not be written where it should go.
    #[error("the content could not be written: {0}")]
    Output(std::io::Error),
    /// No device of the account has said within a day that its chain is whole.
    #[error("no device of the account was seen for a day")]
    StaleHead,
    /// A link that the server gave does not fit the chain: no device of the account made it, or it was changed.
    #[error("the server gave a link that does not belong to the account's log of devices: {error}")]
    BadLink {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        error: glimpse_wire::chain::ChainError,
    },
    /// The server gave a wrapped seed that the signed link does not name.
    #[error("the server gave another key than the account's")]
    SeedRefused,
    /// This device is in the account and has no seed of it: its linking broke off.
    #[error("this device has not received the account's key")]
    NoSeed,
    /// The account's rules ask for the signature of a second device.
    #[error("a second device must sign this")]
    NeedsSecond,
    /// The device that is to join is in the chain already, or was.
    #[error("this device was in the account before")]
    KnownDevice,
    /// A link was signed and sent, and it is not known whether the server has it. It is kept, and sent again with whatever
    /// is done next.
    #[error("it is not known whether the server has taken it")]
    Unsettled,
    /// A recovery was begun in this home and waits.
    #[error("a recovery was begun here and waits")]
    RecoveryWaits,
    /// Another command of this home has begun a linking or a recovery, and what this one began gave way to it.
    #[error("another command took over in this home")]
    Overtaken,
    /// The recovery kit is not the account's: it was replaced, or the server named another account.
    #[error("the account has another recovery kit")]
    WrongKit,
    /// Lending is paused after failed pairings.
    #[error("lending is paused")]
    Paused {
        /// Milliseconds left.
        millis: u64,
    },
    /// Ten failed pairings in a day: the owner must give the passphrase.
    #[error("the passphrase is needed")]
    PassphraseNeeded,
}

impl DeviceError {
    /// The code, where there is one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Paused { .. } | Self::PassphraseNeeded => Some(ErrorCode::PausedAfterFailures),
            Self::NoRecord(_) => Some(ErrorCode::NotFound),
            Self::BadLink { .. } => Some(ErrorCode::ChainForked),
            Self::Unsettled => Some(ErrorCode::ServerUnreachable),
            Self::SeedRefused => Some(ErrorCode::RecordTampered),
            Self::Storage(_)
            | Self::NoSeed
            | Self::NeedsSecond
            | Self::KnownDevice
            | Self::WrongKit
            | Self::RecoveryWaits
            | Self::Overtaken
            | Self::Damaged(_)
            | Self::Passphrase
            | Self::Passkey
            | Self::NoAccount
            | Self::AccountExists
            | Self::Ambiguous(_)
            | Self::Content(_)
            | Self::Output(_)
            | Self::StaleHead => None,
        }
    }
}

impl From<ErrorCode> for DeviceError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused { code, retry_after: None }
    }
}

impl From<Unreachable> for DeviceError {
    fn from(Unreachable: Unreachable) -> Self {
        ErrorCode::ServerUnreachable.into()
    }
}

impl From<glimpse_core::OpenError> for DeviceError {
    fn from(glimpse_core::OpenError: glimpse_core::OpenError) -> Self {
        ErrorCode::RecordTampered.into()
    }
}
