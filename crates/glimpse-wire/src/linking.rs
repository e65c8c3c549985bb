//! What two devices say to each other when one of them is linked (protocol section 6.6).
//!
//! The *adder* is in the account, the *joiner* wants to be. Either may be the one that shows the code. Each message goes
//! sealed under the keys of their pairing, in a [`crate::pairing::Message::Live`].

use crate::account::Head;
use crate::codec::{array, choice};
use crate::error::ErrorCode;
use crate::ids::{AccountId, Bytes, DeviceId, Hash, SignatureBytes, SigningKeyBytes, UnixMillis};

/// One message of a linking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linking {
    /// The joiner: these are my keys, and this is what I am called.
    Ask {
        /// Ed25519.
        signing: SigningKeyBytes,
        /// X-Wing.
        kem: Bytes,
        /// What its owner calls it; at most [`crate::limits::MAX_TITLE`] bytes, may be empty.
        name: String,
        /// Its hardware serial number; at most [`crate::limits::MAX_CLAIM`] bytes, may be empty.
        serial: String,
    },
    /// The adder, once its person said yes: sign for this place.
    Invite {
        /// Which account.
        account: AccountId,
        /// Where the link goes: its seq, and the hash of the link before.
        place: Head,
        /// Who adds.
        adder: DeviceId,
        /// What the link says of the serial number; empty where the joiner gave none.
        serial: Bytes,
        /// When, by the adder's clock.
        at: UnixMillis,
        /// Milliseconds for which the device is held back.
        held: u64,
        /// By which key the adder knows the server: its word that a session was destroyed counts by that one alone.
        server: SigningKeyBytes,
        /// By the adder's device key, over [`crate::preimage::invitation`]: whoever invites is that member of the chain.
        signature: SignatureBytes,
    },
    /// The joiner: its reverse signature for that place.
    Join {
        /// Over [`crate::preimage::reverse_signature`].
        reverse: SignatureBytes,
    },
    /// The adder, once the server took the link: the seed.
    Seed {
        /// Hash of the link that brought the joiner.
        link: Hash,
        /// HPKE encapsulated key.
        enc: Bytes,
        /// HPKE ciphertext of a [`SealedSeed`].
        ciphertext: Bytes,
    },
    /// The joiner: it has the seed, on disk.
    Done,
    /// Either: it is over, and why.
    Over {
        /// Why.
        error: ErrorCode,
    },
}

choice!(Linking {
    1 => Ask { signing, kem, name, serial },
    2 => Invite { account, place, adder, serial, at, held, server, signature },
    3 => Join { reverse },
    4 => Seed { link, enc, ciphertext },
    5 => Done {},
    6 => Over { error },
});

/// What is sealed to a device that joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    /// Of which epoch: the chain's newest.
    pub epoch: u32,
    /// 32 bytes.
    pub seed: Bytes,
}

array!(SealedSeed { epoch, seed });
