//! The account's chain of signed links, and what a writer is given to find it (protocol section 4).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::codec::{Malformed, array, choice, decode, encode};
use crate::ids::{AccountId, Bytes, DeviceId, Hash, SignatureBytes, SigningKeyBytes, UnixMillis};
use crate::limits::MAX_LINK;
use crate::preimage;
use crate::signature::{BadSignature, verify};

/// Bytes of an X-Wing public key.
pub const KEM_KEY_LEN: usize = 1216;
/// Bytes of an X-Wing encapsulated key.
pub const KEM_ENC_LEN: usize = 1120;

/// A place in the chain: the newest link that the one who names it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; genesis is 0.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

array!(Head { seq, hash });

/// The public half of a linked device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePublic {
    /// Ed25519.
    pub signing: SigningKeyBytes,
    /// X-Wing, [`KEM_KEY_LEN`] bytes.
    pub kem: Bytes,
    /// Hash of the hardware serial number, salted with a secret of the account; empty when not given.
    pub serial: Bytes,
}

array!(DevicePublic { signing, kem, serial });

impl DevicePublic {
    /// The id that these keys have.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        preimage::device_id(&self.signing, self.kem.as_slice())
    }
}

/// One generation of the account seed, as the chain commits to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number; genesis starts epoch 1.
    pub number: u32,
    /// The account's X-Wing public key in this epoch, [`KEM_KEY_LEN`] bytes.
    pub account_key: Bytes,
    /// For each device, the hash of the seed wrapped to it; by rising device id.
    pub wraps: Vec<WrapCommitment>,
    /// The previous epoch's seed sealed under this one; empty in epoch 1.
    pub previous_seed: Bytes,
}

array!(Epoch { number, account_key, wraps, previous_seed });

/// Commits the chain to one wrap of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapCommitment {
    /// To whom.
    pub device: DeviceId,
    /// `H(lp(label, wrap))`.
    pub hash: Hash,
}

array!(WrapCommitment { device, hash });

/// Keys that a recovery kit opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryKeys {
    /// Ed25519.
    pub signing: SigningKeyBytes,
    /// X-Wing.
    pub kem: Bytes,
}

array!(RecoveryKeys { signing, kem });

impl RecoveryKeys {
    /// The id under which an epoch's wraps list the kit, made as a device's is.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        preimage::device_id(&self.signing, self.kem.as_slice())
    }
}

/// A key that the user pinned: of an organisation, or of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What the user calls it; at most [`crate::limits::MAX_TITLE`] bytes.
    pub name: String,
    /// Ed25519.
    pub key: SigningKeyBytes,
}

array!(Pin { name, key });

/// What a kind of link needs beside its signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The signature of a second device, where the account has one.
    pub second: bool,
    /// Milliseconds for which what the link brings is held back, so that another device can veto.
    pub held: u64,
}

array!(Need { second, held });

/// The rules and pins of an account. A policy link replaces the one before as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whose agents may ask; at most [`crate::limits::MAX_PINS`].
    pub organisations: Vec<Pin>,
    /// Whose records are accepted without asking; at most [`crate::limits::MAX_PINS`].
    pub writers: Vec<Pin>,
    /// What adding a device needs.
    pub adding: Need,
    /// What revoking a device needs. It is never held back: `held` is zero.
    pub revoking: Need,
    /// What another policy needs.
    pub pinning: Need,
    /// Milliseconds that a recovery is announced before it takes effect.
    pub recovering: u64,
}

array!(Policy { organisations, writers, adding, revoking, pinning, recovering });

/// The signature of a second device over what a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// Whose.
    pub device: DeviceId,
    /// Over `lp(label, account, seq, previous, H(lp(label, act)))`.
    pub signature: SignatureBytes,
}

array!(Second { device, signature });

/// What a link says; an unknown body is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkBody {
    /// The first link; its hash is the account id.
    Genesis {
        /// 32 random bytes, so that two accounts of one device differ.
        random: Hash,
        /// The device that begins.
        device: DevicePublic,
        /// Epoch 1.
        epoch: Epoch,
        /// At most one set; none means that the account has no recovery kit.
        recovery: Vec<RecoveryKeys>,
    },
    /// What a device of the account does.
    Act {
        /// Which.
        act: Act,
        /// At most one; where the policy asks for none, there is none.
        second: Vec<Second>,
    },
    /// The recovery kit speaks: its key signs the link, every device so far is out, and its keys are replaced.
    Recover {
        /// The device that begins anew; the link's signer.
        device: DevicePublic,
        /// By the key of `device`, over what [`Act::Add`] is signed over, with no adder.
        reverse: SignatureBytes,
        /// The next epoch.
        epoch: Epoch,
        /// The keys of the kit that follows; at most one set.
        recovery: Vec<RecoveryKeys>,
    },
}

choice!(LinkBody {
    1 => Genesis { random, device, epoch, recovery },
    2 => Act { act, second },
    3 => Recover { device, reverse, epoch, recovery },
});

impl LinkBody {
    /// The wrapped seeds that a link commits to, and that come with it.
    #[must_use]
    pub fn wraps(&self) -> &[WrapCommitment] {
        match self {
            Self::Genesis { epoch, .. } | Self::Recover { epoch, .. } => &epoch.wraps,
            Self::Act { act, .. } => match act {
                Act::Revoke { epoch, .. } | Act::Rotate { epoch } => &epoch.wraps,
                Act::Recovery { wraps, .. } => wraps,
                Act::Add { .. } | Act::Policy { .. } => &[],
            },
        }
    }
}

/// What a device does to the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A device joins.
    Add {
        /// Which.
        device: DevicePublic,
        /// Transcript of the pairing in which it was linked.
        transcript: Hash,
        /// By its own key, over `lp(label, account, seq, previous, keys, adder, transcript)`: nobody adds a key that
        /// they do not hold.
        reverse: SignatureBytes,
        /// When, by the adder's clock.
        at: UnixMillis,
        /// Milliseconds for which it gets nothing yet.
        held: u64,
    },
    /// Devices leave, and an epoch begins that they have no part of.
    Revoke {
        /// Which, by rising id; at least one.
        devices: Vec<DeviceId>,
        /// The next epoch.
        epoch: Epoch,
    },
    /// An epoch begins.
    Rotate {
        /// The next epoch.
        epoch: Epoch,
    },
    /// Rules and pins change.
    Policy {
        /// All of them.
        policy: Policy,
        /// When, by the signer's clock.
        at: UnixMillis,
        /// Milliseconds after which pins that are not in the policy before take effect.
        held: u64,
    },
    /// The recovery kit is replaced, or given up.
    Recovery {
        /// At most one set.
        keys: Vec<RecoveryKeys>,
        /// The present epoch's seed wrapped to them; as many as `keys`.
        wraps: Vec<WrapCommitment>,
    },
}

impl Act {
    /// When, where the act says so.
    #[must_use]
    pub const fn at(&self) -> Option<UnixMillis> {
        match self {
            Self::Add { at, .. } | Self::Policy { at, .. } => Some(*at),
            Self::Revoke { .. } | Self::Rotate { .. } | Self::Recovery { .. } => None,
        }
    }
}

choice!(Act {
    1 => Add { device, transcript, reverse, at, held },
    2 => Revoke { devices, epoch },
    3 => Rotate { epoch },
    4 => Policy { policy, at, held },
    5 => Recovery { keys, wraps },
});

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Rising by one from 0.
    pub seq: u64,
    /// Hash of the link before; zero in genesis.
    pub previous: Hash,
    /// What it says.
    pub body: LinkBody,
    /// The device that signs it.
    pub signer: DeviceId,
}

array!(Link { suite, seq, previous, body, signer });

/// A link with its signature: what is stored and resent byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedLink {
    /// The canonical encoding of a [`Link`].
    pub link: Bytes,
    /// By the signer, over `lp(label, link)`.
    pub signature: SignatureBytes,
}

array!(SignedLink { link, signature });

/// A device's word that a head is the newest at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadStatement {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose chain.
    pub account: AccountId,
    /// The newest link that the device knows.
    pub head: Head,
    /// When it says so.
    pub at: UnixMillis,
    /// Who says so.
    pub device: DeviceId,
}

array!(HeadStatement { suite, account, head, at, device });

/// Asks the server to begin a recovery, and tells the account's devices; signed by the recovery kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRequest {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// The newest link that the kit's holder has seen.
    pub head: Head,
    /// The device that is to begin anew.
    pub device: DevicePublic,
    /// When, by its clock.
    pub at: UnixMillis,
}

array!(RecoveryRequest { suite, account, head, device, at });

/// Stops a recovery; signed by a device of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veto {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which account.
    pub account: AccountId,
    /// The device that the recovery would begin anew with.
    pub device: DeviceId,
    /// When, by the signer's clock.
    pub at: UnixMillis,
}

array!(Veto { suite, account, device, at });

/// With what a device without a token proves that a request is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestProof {
    /// Whose account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// The origin that the device means.
    pub origin: String,
    /// Higher than that of any earlier request of this device.
    pub counter: u64,
    /// By the device, over [`preimage::request_signature`].
    pub signature: SignatureBytes,
}

array!(RequestProof { account, device, origin, counter, signature });

/// A contact card: a writer's root of trust, handed over by the user, never by the server alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The statement of the head at the time of printing.
    pub statement: HeadStatement,
    /// Where the account lives: an origin such as `https://glimpse.example`.
    pub server: String,
}

array!(Card { statement, server });

/// A statement (a [`HeadStatement`], [`Card`], deletion, end or opening) with the signature of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The canonical encoding of what is signed.
    pub statement: Bytes,
    /// Over `lp(label of that kind of statement, statement)`.
    pub signature: SignatureBytes,
}

array!(Signed { statement, signature });

impl Signed {
    /// Checks the signature by `key` under the label that `kind` names, then decodes.
    ///
    /// # Errors
    /// [`BadSignature`] when it does not verify or when the statement is not a canonical `T`.
    pub fn open<T>(&self, kind: preimage::StatementKind, key: &SigningKeyBytes) -> Result<T, BadSignature>
    where
        T: for<'b> Decode<'b, ()>,
    {
        verify(key, &preimage::statement_signature(kind, self.statement.as_slice()), &self.signature)?;
        decode(self.statement.as_slice(), MAX_LINK).map_err(|_| BadSignature)
    }

    /// Decodes the statement without a check, to find out who should have signed it.
    ///
    /// # Errors
    /// [`Malformed`].
    ///
    /// # Security
    /// Nothing that it says may be used before [`Signed::open`].
    pub fn peek<T>(&self) -> Result<T, Malformed>
    where
        T: for<'b> Decode<'b, ()>,
    {
        decode(self.statement.as_slice(), MAX_LINK)
    }

    /// The bytes to sign for `statement`.
    #[must_use]
    pub fn preimage<T: Encode<()>>(kind: preimage::StatementKind, statement: &T) -> Vec<u8> {
        preimage::statement_signature(kind, &encode(statement))
    }
}
