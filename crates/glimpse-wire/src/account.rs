//! The account's chain of signed links, and what a writer is given to find it (protocol section 4).

use minicbor::{Decode, Encode};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a link says. Suite 1 has more bodies than this build writes; an unknown one is malformed.
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
}

choice!(LinkBody {
    1 => Genesis { random, device, epoch, recovery },
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

/// Why a genesis link is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not canonical, wrong suite, not a genesis link, or fields that do not fit each other.
    #[error("malformed genesis link")]
    Malformed,
    /// The signature is not by the device that the link names.
    #[error("genesis link is not signed by its device")]
    Signature,
}

impl From<Malformed> for GenesisError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<BadSignature> for GenesisError {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

/// A genesis link that was checked: canonical, of this suite, signed by its own device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The account that it founds.
    pub account: AccountId,
    /// The chain's head while this is its only link.
    pub head: Head,
    /// The device that begins.
    pub device: DevicePublic,
    /// Epoch 1.
    pub epoch: Epoch,
}

impl Genesis {
    /// Checks `signed` as the first link of a chain.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn verify(signed: &SignedLink) -> Result<Self, GenesisError> {
        let link: Link = decode(signed.link.as_slice(), MAX_LINK)?;
        let LinkBody::Genesis { device, epoch, recovery, .. } = link.body;
        let id = device.id();
        let fits = link.suite == crate::SUITE
            && link.seq == 0
            && link.previous == Hash::ZERO
            && link.signer == id
            && device.kem.0.len() == KEM_KEY_LEN
            && matches!(device.serial.0.len(), 0 | Hash::LEN)
            && epoch.number == 1
            && epoch.account_key.0.len() == KEM_KEY_LEN
            && epoch.previous_seed.0.is_empty()
            && matches!(epoch.wraps.as_slice(), [only] if only.device == id)
            && recovery.len() <= 1;
        if !fits {
            return Err(GenesisError::Malformed);
        }
        verify(&device.signing, &preimage::link_signature(signed.link.as_slice()), &signed.signature)?;
        let account = preimage::account_id(signed.link.as_slice());
        let head = Head { seq: 0, hash: preimage::link_hash(signed.link.as_slice()) };
        Ok(Self { account, head, device, epoch })
    }
}

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
