//! The account's chain of signed links, and what a writer is given to find it (protocol section 4).

use minicbor::{Decode, Encode};

use crate::codec::{Malformed, decode, encode};
use crate::ids::{AccountId, Bytes, DeviceId, Hash, SignatureBytes, SigningKeyBytes, UnixMillis};
use crate::limits::MAX_LINK;
use crate::preimage;
use crate::signature::{BadSignature, verify};

/// Bytes of an X-Wing public key.
pub const KEM_KEY_LEN: usize = 1216;
/// Bytes of an X-Wing encapsulated key.
pub const KEM_ENC_LEN: usize = 1120;

/// A place in the chain: the newest link that the one who names it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// Its number; genesis is 0.
    #[n(0)]
    pub seq: u64,
    /// Its hash.
    #[n(1)]
    pub hash: Hash,
}

/// The public half of a linked device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DevicePublic {
    /// Ed25519.
    #[n(0)]
    pub signing: SigningKeyBytes,
    /// X-Wing, [`KEM_KEY_LEN`] bytes.
    #[n(1)]
    pub kem: Bytes,
    /// Hash of the hardware serial number, salted with a secret of the account; empty when not given.
    #[n(2)]
    pub serial: Bytes,
}

impl DevicePublic {
    /// The id that these keys have.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        preimage::device_id(&self.signing, self.kem.as_slice())
    }
}

/// One generation of the account seed, as the chain commits to it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Epoch {
    /// Its number; genesis starts epoch 1.
    #[n(0)]
    pub number: u32,
    /// The account's X-Wing public key in this epoch, [`KEM_KEY_LEN`] bytes.
    #[n(1)]
    pub account_key: Bytes,
    /// For each device, the hash of the seed wrapped to it; by rising device id.
    #[n(2)]
    pub wraps: Vec<WrapCommitment>,
    /// The previous epoch's seed sealed under this one; empty in epoch 1.
    #[n(3)]
    pub previous_seed: Bytes,
}

/// Commits the chain to one wrap of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WrapCommitment {
    /// To whom.
    #[n(0)]
    pub device: DeviceId,
    /// `H(lp(label, wrap))`.
    #[n(1)]
    pub hash: Hash,
}

/// Keys that a recovery kit opens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecoveryKeys {
    /// Ed25519.
    #[n(0)]
    pub signing: SigningKeyBytes,
    /// X-Wing.
    #[n(1)]
    pub kem: Bytes,
}

/// What a link says. Suite 1 has more bodies than this build writes; an unknown one is malformed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum LinkBody {
    /// The first link; its hash is the account id.
    #[n(1)]
    Genesis {
        /// 32 random bytes, so that two accounts of one device differ.
        #[n(0)]
        random: Hash,
        /// The device that begins.
        #[n(1)]
        device: DevicePublic,
        /// Epoch 1.
        #[n(2)]
        epoch: Epoch,
        /// At most one set; none means that the account has no recovery kit.
        #[n(3)]
        recovery: Vec<RecoveryKeys>,
    },
}

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Link {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Rising by one from 0.
    #[n(1)]
    pub seq: u64,
    /// Hash of the link before; zero in genesis.
    #[n(2)]
    pub previous: Hash,
    /// What it says.
    #[n(3)]
    pub body: LinkBody,
    /// The device that signs it.
    #[n(4)]
    pub signer: DeviceId,
}

/// A link with its signature: what is stored and resent byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedLink {
    /// The canonical encoding of a [`Link`].
    #[n(0)]
    pub link: Bytes,
    /// By the signer, over `lp(label, link)`.
    #[n(1)]
    pub signature: SignatureBytes,
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeadStatement {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Whose chain.
    #[n(1)]
    pub account: AccountId,
    /// The newest link that the device knows.
    #[n(2)]
    pub head: Head,
    /// When it says so.
    #[n(3)]
    pub at: UnixMillis,
    /// Who says so.
    #[n(4)]
    pub device: DeviceId,
}

/// A contact card: a writer's root of trust, handed over by the user, never by the server alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    /// The statement of the head at the time of printing.
    #[n(0)]
    pub statement: HeadStatement,
    /// Where the account lives: an origin such as `https://glimpse.example`.
    #[n(1)]
    pub server: String,
}

/// A statement (a [`HeadStatement`], [`Card`], deletion, end or opening) with the signature of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    /// The canonical encoding of what is signed.
    #[n(0)]
    pub statement: Bytes,
    /// Over `lp(label of that kind of statement, statement)`.
    #[n(1)]
    pub signature: SignatureBytes,
}

impl Signed {
    /// Checks the signature by `key` under the label that `kind` names, then decodes.
    ///
    /// # Errors
    /// [`BadSignature`] when it does not verify or when the statement is not a canonical `T`.
    pub fn open<T>(&self, kind: preimage::StatementKind, key: &SigningKeyBytes) -> Result<T, BadSignature>
    where
        T: for<'b> Decode<'b, ()> + Encode<()>,
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
        T: for<'b> Decode<'b, ()> + Encode<()>,
    {
        decode(self.statement.as_slice(), MAX_LINK)
    }

    /// The bytes to sign for `statement`.
    #[must_use]
    pub fn preimage<T: Encode<()>>(kind: preimage::StatementKind, statement: &T) -> Vec<u8> {
        preimage::statement_signature(kind, &encode(statement))
    }
}
