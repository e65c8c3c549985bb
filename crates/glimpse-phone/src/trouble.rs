//! What went wrong, by key of the catalogue.

use glimpse_device::DeviceError;
use serde::Serialize;

/// What went wrong with what the person did last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    /// The catalogue has `trouble.<key>` or `error.<key>`, and the next step under `….next`.
    pub(crate) key: &'static str,
    /// Seconds after which trying again makes sense.
    pub(crate) wait: Option<u64>,
}

impl Trouble {
    pub(crate) const fn new(key: &'static str) -> Self {
        Self { key, wait: None }
    }
}

impl From<&DeviceError> for Trouble {
    fn from(error: &DeviceError) -> Self {
        let key = match error {
            DeviceError::Refused { code, retry_after } => {
                return Self { key: code.slug(), wait: *retry_after };
            }
            DeviceError::Paused { millis } => {
                return Self { key: "paused-after-failures", wait: Some(millis.div_ceil(1_000)) };
            }
            DeviceError::PassphraseNeeded => "passphrase-needed",
            DeviceError::Storage(_) => "storage",
            DeviceError::Damaged(_) => "damaged",
            DeviceError::Passphrase => "passphrase",
            DeviceError::Passkey => "passkey",
            DeviceError::NoAccount => "no-account",
            DeviceError::AccountExists => "account-exists",
            DeviceError::NoRecord(_) | DeviceError::Ambiguous(_) => "not-found",
            DeviceError::Content(_) | DeviceError::Output(_) => "content",
            DeviceError::StaleHead => "stale-head",
            DeviceError::BadLink { .. } => "bad-link",
            DeviceError::SeedRefused => "seed-refused",
            DeviceError::NoSeed => "no-seed",
            DeviceError::NeedsSecond => "needs-second",
            DeviceError::KnownDevice => "known-device",
            DeviceError::Unsettled => "unsettled",
            DeviceError::Overtaken => "overtaken",
            DeviceError::RecoveryWaits => "recovery-waits",
            DeviceError::WrongKit => "wrong-kit",
        };
        Self::new(key)
    }
}
