//! An account: its chain of links, what its devices say of it, its recovery.

use serde::{Deserialize, Serialize};

use super::SignedJson;
use crate::account::Head;
use crate::codec::array;
use crate::ids::{AccountId, Bytes, DeviceId, UnixMillis};

/// Founds an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateAccount {
    /// A [`crate::account::SignedLink`], CBOR.
    pub genesis: Bytes,
    /// The seed of epoch 1, wrapped to the first device; the link commits to it.
    pub wrap: Bytes,
}

/// An account as its devices read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its chain, and what its devices say of it.
    #[serde(flatten)]
    pub chain: Chain,
    /// The seed of the newest epoch, wrapped to each that the chain lists, in its order.
    pub wraps: Vec<DeviceWrap>,
    /// The sealed names of its devices.
    pub names: Vec<DeviceName>,
    /// A recovery that was asked for and has not taken place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<AnnouncedRecovery>,
    /// Devices whose state turned up in two places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubled: Vec<Doubled>,
}

/// A seed wrapped to one device, or to the recovery kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWrap {
    /// For whom.
    pub device: DeviceId,
    /// The wrapped seed.
    pub wrap: Bytes,
}

/// What a device is called, sealed under a key that follows from the seed of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceName {
    /// Which device.
    pub device: DeviceId,
    /// Of which epoch the key is.
    pub epoch: u32,
    /// The sealed name; at most [`crate::limits::MAX_LABEL`] bytes.
    pub sealed: Bytes,
}

/// A recovery that waits, so that a device can stop it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedRecovery {
    /// A signed [`crate::account::RecoveryRequest`].
    pub request: SignedJson,
    /// When it may take place, by the server's clock.
    pub due: UnixMillis,
    /// The server's clock.
    pub now: UnixMillis,
}

/// A device that came with a counter that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubled {
    /// Which device.
    pub device: DeviceId,
    /// When it last did.
    pub at: UnixMillis,
}

/// An account's chain as anyone who knows its id reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Which account.
    pub account: AccountId,
    /// Links in all. There are more to ask for when *from* and those here are fewer.
    pub length: u64,
    /// From the one asked for on, by rising seq, each a [`crate::account::SignedLink`], CBOR; as many as fit into
    /// [`crate::limits::MAX_LINKS_ANSWER`], one at least where there is one.
    pub links: Vec<Bytes>,
    /// The newest [`crate::account::HeadStatement`] of each device that belongs to the account.
    pub statements: Vec<SignedJson>,
}

/// Adds a link to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendLink {
    /// A [`crate::account::SignedLink`], CBOR.
    pub link: Bytes,
    /// One for each commitment in the link, in its order; none where the link begins no epoch.
    pub wraps: Vec<DeviceWrap>,
}

/// Answers a link that was added, now or before by the same bytes: the chain's head after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// That link's place.
    pub head: Head,
}

/// How a recovery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovering {
    /// When it may take place, by the server's clock.
    pub due: UnixMillis,
    /// The server's clock.
    pub now: UnixMillis,
    /// The seed of the newest epoch, wrapped to the kit: from *due* on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap: Option<Bytes>,
}

/// Whose account a recovery kit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitAccount {
    /// Which.
    pub account: AccountId,
}

/// Deletes an account and everything in it; signed by a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDeletion {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// When, by the device's clock; the server takes it within [`crate::limits::CLOCK_SLACK_MILLIS`].
    pub at: UnixMillis,
}

array!(AccountDeletion { suite, account, at });
