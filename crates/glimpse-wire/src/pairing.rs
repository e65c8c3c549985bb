//! The messages of a pairing, from Offer to Grant (protocol section 6).

use minicbor::{Decode, Encode};

use crate::account::Head;
use crate::error::ErrorCode;
use crate::ids::{AccountId, Bytes, Hash, MailboxId, SessionId, SignatureBytes, SigningKeyBytes, UnitId, UnixMillis};

/// What a pairing is for. Each purpose is a code space of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// The user's own screen looks.
    #[n(1)]
    View,
    /// An agent looks.
    #[n(2)]
    Agent,
    /// A device is linked.
    #[n(3)]
    Link,
}

impl Purpose {
    /// The byte that stands for it in preimages.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::View => 1,
            Self::Agent => 2,
            Self::Link => 3,
        }
    }
}

/// Device to mailbox: opens a pairing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// What for.
    #[n(1)]
    pub purpose: Purpose,
    /// As the server assigned it.
    #[n(2)]
    pub mailbox: MailboxId,
    /// 32 bytes by the server.
    #[n(3)]
    pub server_nonce: Hash,
    /// 32 bytes by the device.
    #[n(4)]
    pub device_nonce: Hash,
    /// Commits to the [`Identity`] that ConfirmB reveals.
    #[n(5)]
    pub identity: Hash,
    /// When the code ends.
    #[n(6)]
    pub expires: UnixMillis,
}

/// What the viewer is and claims, inside [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HelloCore {
    /// H of the Offer as received.
    #[n(0)]
    pub offer: Hash,
    /// X-Wing, for this session only.
    #[n(1)]
    pub kem: Bytes,
    /// Ed25519, for this session only.
    #[n(2)]
    pub signing: SigningKeyBytes,
    /// The origin that the page says it has; claimed.
    #[n(3)]
    pub origin: String,
    /// The hash of the build that the page says it is; claimed.
    #[n(4)]
    pub build: String,
    /// The browser and system that the page says it runs in; claimed.
    #[n(5)]
    pub program: String,
    /// 32 bytes by the viewer.
    #[n(6)]
    pub nonce: Hash,
    /// `H(lp(label, n_V))`.
    #[n(7)]
    pub words: Hash,
}

/// Who the device is, sealed in ConfirmB and committed to in Offer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Identity {
    /// Its account.
    #[n(0)]
    pub account: AccountId,
    /// The device's Ed25519 key, which signs the grant.
    #[n(1)]
    pub signing: SigningKeyBytes,
    /// The device's X-Wing key.
    #[n(2)]
    pub kem: Bytes,
    /// The newest link that the device knows.
    #[n(3)]
    pub head: Head,
    /// The current epoch.
    #[n(4)]
    pub epoch: u32,
    /// The name that the owner gave the account for others to read; may be empty.
    #[n(5)]
    pub name: String,
    /// 32 random bytes, so that the commitment cannot be guessed.
    #[n(6)]
    pub blind: Hash,
}

/// Why the viewer asks, sealed in ConfirmA.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Introduction {
    /// An agent's credential; empty for [`Purpose::View`].
    #[n(0)]
    pub credential: Bytes,
    /// A case number; may be empty.
    #[n(1)]
    pub case: String,
    /// A reason in words; may be empty.
    #[n(2)]
    pub reason: String,
    /// By the viewer's session key over `lp(label, H(transcript), credential, case, reason)`.
    #[n(3)]
    pub signature: SignatureBytes,
}

/// One message in a mailbox, as both ends write it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Message {
    /// Viewer to device.
    #[n(1)]
    Hello {
        /// A [`HelloCore`].
        #[n(0)]
        core: Bytes,
        /// The SPAKE2 message of side A: 33 bytes.
        #[n(1)]
        pake: Bytes,
    },
    /// Device to viewer.
    #[n(2)]
    Answer {
        /// The SPAKE2 message of side B: 33 bytes.
        #[n(0)]
        pake: Bytes,
    },
    /// Viewer to device.
    #[n(3)]
    ConfirmA {
        /// `cA`.
        #[n(0)]
        confirm: Hash,
        /// `n_V`: 32 bytes.
        #[n(1)]
        words: Hash,
        /// An [`Introduction`].
        #[n(2)]
        sealed: Bytes,
    },
    /// Device to viewer.
    #[n(4)]
    ConfirmB {
        /// `cB`.
        #[n(0)]
        confirm: Hash,
        /// An [`Identity`].
        #[n(1)]
        sealed: Bytes,
    },
    /// Device to viewer.
    #[n(5)]
    Grant(#[n(0)] Grant),
    /// Either way, once there is a grant: see [`crate::live`].
    #[n(6)]
    Live {
        /// Rises by one from 0 in each direction, across reconnects.
        #[n(0)]
        counter: u64,
        /// A [`crate::live::Live`].
        #[n(1)]
        sealed: Bytes,
    },
    /// Either way: this pairing is over. Not authenticated: it can end a pairing, which anyone in between can anyway.
    #[n(7)]
    Abort {
        /// Why.
        #[n(0)]
        code: ErrorCode,
    },
}

/// What a viewer may do with what it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights;

impl Rights {
    /// Look. Always set.
    pub const VIEW: u8 = 1;
    /// Save a copy.
    pub const SAVE: u8 = 2;
    /// Every right of suite 1.
    pub const ALL: u8 = Self::VIEW | Self::SAVE;
}

/// A unit as Terms name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum TermsUnit {
    /// Its content is sealed for this session and uploaded as such.
    #[n(1)]
    Sealed {
        /// Which unit.
        #[n(0)]
        unit: UnitId,
    },
    /// Its sealed content is a [`BlobKey`]; the ciphertext is that of the record version with this h0.
    #[n(2)]
    Blob {
        /// Which unit.
        #[n(0)]
        unit: UnitId,
        /// Which record version.
        #[n(1)]
        h0: Hash,
    },
}

impl TermsUnit {
    /// Which unit.
    #[must_use]
    pub const fn unit(&self) -> UnitId {
        match self {
            Self::Sealed { unit } | Self::Blob { unit, .. } => *unit,
        }
    }
}

/// What a device grants, in clear and signed; the server enforces it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// [`crate::SUITE`].
    #[n(0)]
    pub suite: u8,
    /// Which session.
    #[n(1)]
    pub session: SessionId,
    /// Whose data.
    #[n(2)]
    pub account: AccountId,
    /// The viewer's Ed25519 key, which signs every opening.
    #[n(3)]
    pub viewer: SigningKeyBytes,
    /// What these Terms add: at most 256 units. Units of earlier Terms of the session stay.
    #[n(4)]
    pub units: Vec<TermsUnit>,
    /// Bits of [`Rights`].
    #[n(5)]
    pub rights: u8,
    /// Openings in all.
    #[n(6)]
    pub budget: u32,
    /// Openings in any minute.
    #[n(7)]
    pub rate: u32,
    /// When made.
    #[n(8)]
    pub issued: UnixMillis,
    /// When the session ends.
    #[n(9)]
    pub expires: UnixMillis,
    /// The chain head of the device.
    #[n(10)]
    pub head: Head,
    /// 1 for the first Terms of a session, then rising by one.
    #[n(11)]
    pub seq: u32,
}

/// Terms and what is sealed under them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// The canonical encoding of [`Terms`].
    #[n(0)]
    pub terms: Bytes,
    /// The encapsulated key.
    #[n(1)]
    pub enc: Bytes,
    /// A [`GrantBody`], by HPKE in PSK mode.
    #[n(2)]
    pub sealed: Bytes,
    /// By the device: see [`crate::preimage::grant_signature`].
    #[n(3)]
    pub signature: SignatureBytes,
}

/// What a grant seals.
#[derive(PartialEq, Eq, Encode, Decode)]
pub struct GrantBody {
    /// One for each unit of the Terms, in their order.
    #[n(0)]
    pub units: Vec<GrantUnit>,
}

impl core::fmt::Debug for GrantBody {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GrantBody({} units)", self.units.len())
    }
}

/// A unit as a grant seals it.
#[derive(PartialEq, Eq, Encode, Decode)]
pub struct GrantUnit {
    /// Which unit.
    #[n(0)]
    pub unit: UnitId,
    /// The client share of the unit: 32 bytes.
    #[n(1)]
    pub share: Bytes,
    /// What it is, sealed anew as data: a [`crate::record::Meta`].
    #[n(2)]
    pub meta: crate::record::Meta,
    /// Who wrote the record, as the device verified it: 0 the owner, 1 a writer whom nobody approved.
    #[n(3)]
    pub origin: u8,
}

impl core::fmt::Debug for GrantUnit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GrantUnit({})", self.unit)
    }
}

/// The content of a blob unit: how to open the record version's own ciphertext, and nothing else of it.
#[derive(PartialEq, Eq, Encode, Decode)]
pub struct BlobKey {
    /// The derived content key: 32 bytes.
    #[n(0)]
    pub key: Bytes,
    /// The associated data of its chunks.
    #[n(1)]
    pub h0: Hash,
    /// Padded size.
    #[n(2)]
    pub size: u64,
    /// Merkle root over the sealed chunks, as the author signed it: whoever was lent this key before could seal other
    /// chunks under it.
    #[n(3)]
    pub root: Hash,
}

impl core::fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlobKey(redacted)")
    }
}
