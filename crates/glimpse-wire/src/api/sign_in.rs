//! How a device gets a token.

use serde::{Deserialize, Serialize};

use crate::codec::array;
use crate::ids::{AccountId, DeviceId, Hash, UnixMillis};

/// Asks for a sign-in challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeRequest {
    /// Which account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
}

/// A sign-in challenge; given for unknown accounts too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// 32 random bytes, good once.
    pub challenge: Hash,
    /// The server's clock.
    pub now: UnixMillis,
    /// When it lapses.
    pub expires: UnixMillis,
}

/// Answers a challenge; signed by the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// The origin that the device connected to, so that an answer is good at one server only.
    pub origin: String,
    /// As received.
    pub challenge: Hash,
    /// The device's clock.
    pub at: UnixMillis,
    /// Higher than that of any earlier sign-in of this device: a copy of its state is noticed by it.
    pub counter: u64,
}

array!(SignIn { suite, account, device, origin, challenge, at, counter });

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// 32 random bytes.
    pub token: Hash,
    /// When it lapses.
    pub expires: UnixMillis,
}
