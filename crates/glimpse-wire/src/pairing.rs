//! The messages of a pairing, from Offer to Grant (protocol section 6).

use crate::account::Head;
use crate::codec::{array, choice, number};
use crate::error::ErrorCode;
use crate::ids::{AccountId, Bytes, Hash, MailboxId, SessionId, SignatureBytes, SigningKeyBytes, UnitId, UnixMillis};

/// What a pairing is for. Each purpose is a code space of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The user's own screen looks.
    View,
    /// An agent looks.
    Agent,
    /// A device is linked.
    Link,
}

number!(Purpose { View = 1, Agent = 2, Link = 3 });

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// What for.
    pub purpose: Purpose,
    /// As the server assigned it.
    pub mailbox: MailboxId,
    /// 32 bytes by the server.
    pub server_nonce: Hash,
    /// 32 bytes by the device.
    pub device_nonce: Hash,
    /// Commits to the [`Identity`] that ConfirmB reveals.
    pub identity: Hash,
    /// When the code ends.
    pub expires: UnixMillis,
}

array!(Offer { suite, purpose, mailbox, server_nonce, device_nonce, identity, expires });

/// What the viewer is and claims, inside [`Message::Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloCore {
    /// H of the Offer as received.
    pub offer: Hash,
    /// X-Wing, for this session only.
    pub kem: Bytes,
    /// Ed25519, for this session only.
    pub signing: SigningKeyBytes,
    /// The origin that the page says it has; claimed.
    pub origin: String,
    /// The hash of the build that the page says it is; claimed.
    pub build: String,
    /// The browser and system that the page says it runs in; claimed.
    pub program: String,
    /// 32 bytes by the viewer.
    pub nonce: Hash,
    /// `H(lp(label, n_V))`.
    pub words: Hash,
}

array!(HelloCore { offer, kem, signing, origin, build, program, nonce, words });

/// Who the device is, sealed in ConfirmB and committed to in Offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its account.
    pub account: AccountId,
    /// The device's Ed25519 key, which signs the grant.
    pub signing: SigningKeyBytes,
    /// The device's X-Wing key.
    pub kem: Bytes,
    /// The newest link that the device knows.
    pub head: Head,
    /// The current epoch.
    pub epoch: u32,
    /// The name that the owner gave the account for others to read; may be empty.
    pub name: String,
    /// 32 random bytes, so that the commitment cannot be guessed.
    pub blind: Hash,
}

array!(Identity { account, signing, kem, head, epoch, name, blind });

/// Why the viewer asks, sealed in ConfirmA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// A [`crate::organisation::Presented`]; empty for the user's own screen.
    pub credential: Bytes,
    /// A case number; may be empty.
    pub case: String,
    /// A reason in words; may be empty.
    pub reason: String,
    /// By the viewer's session key over `lp(label, H(transcript), credential, case, reason)`.
    pub signature: SignatureBytes,
}

array!(Introduction { credential, case, reason, signature });

/// One message in a mailbox, as both ends write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Viewer to device.
    Hello {
        /// A [`HelloCore`].
        core: Bytes,
        /// The SPAKE2 message of side A: 33 bytes.
        pake: Bytes,
    },
    /// Device to viewer.
    Answer {
        /// The SPAKE2 message of side B: 33 bytes.
        pake: Bytes,
    },
    /// Viewer to device.
    ConfirmA {
        /// `cA`.
        confirm: Hash,
        /// `n_V`: 32 bytes.
        words: Hash,
        /// An [`Introduction`].
        sealed: Bytes,
    },
    /// Device to viewer.
    ConfirmB {
        /// `cB`.
        confirm: Hash,
        /// An [`Identity`].
        sealed: Bytes,
    },
    /// Device to viewer.
    Grant(Grant),
    /// Either way, once there is a grant: see [`crate::live`].
    Live {
        /// Rises by one from 0 in each direction, across reconnects.
        counter: u64,
        /// A [`crate::live::Live`].
        sealed: Bytes,
    },
    /// Either way: this pairing is over. Not authenticated: it can end a pairing, which anyone in between can anyway.
    Abort {
        /// Why.
        code: ErrorCode,
    },
}

choice!(Message {
    1 => Hello { core, pake },
    2 => Answer { pake },
    3 => ConfirmA { confirm, words, sealed },
    4 => ConfirmB { confirm, sealed },
    5 => Grant { 0: inner },
    6 => Live { counter, sealed },
    7 => Abort { code },
});

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsUnit {
    /// Its content is sealed for this session and uploaded as such.
    Sealed {
        /// Which unit.
        unit: UnitId,
    },
    /// Its sealed content is a [`BlobKey`]; the ciphertext is that of the record version with this h0.
    Blob {
        /// Which unit.
        unit: UnitId,
        /// Which record version.
        h0: Hash,
    },
}

choice!(TermsUnit {
    1 => Sealed { unit },
    2 => Blob { unit, h0 },
});

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Which session.
    pub session: SessionId,
    /// Whose data.
    pub account: AccountId,
    /// The viewer's Ed25519 key, which signs every opening.
    pub viewer: SigningKeyBytes,
    /// What these Terms add: at most 256 units. Units of earlier Terms of the session stay.
    pub units: Vec<TermsUnit>,
    /// Bits of [`Rights`].
    pub rights: u8,
    /// Openings in all.
    pub budget: u32,
    /// Openings in any minute.
    pub rate: u32,
    /// When made.
    pub issued: UnixMillis,
    /// When the session ends.
    pub expires: UnixMillis,
    /// The chain head of the device.
    pub head: Head,
    /// 1 for the first Terms of a session, then rising by one.
    pub seq: u32,
    /// What an agent asked, see [`crate::preimage::asked`]; zero for the user's own screen. The same in all Terms of a session.
    pub asked: Hash,
    /// Fields that were withheld from what these Terms add, in all. Which, and of which unit, the server does not learn.
    pub withheld: u32,
}

array!(Terms {
    suite,
    session,
    account,
    viewer,
    units,
    rights,
    budget,
    rate,
    issued,
    expires,
    head,
    seq,
    asked,
    withheld
});

/// Terms and what is sealed under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The canonical encoding of [`Terms`].
    pub terms: Bytes,
    /// The encapsulated key.
    pub enc: Bytes,
    /// A [`GrantBody`], by HPKE in PSK mode.
    pub sealed: Bytes,
    /// By the device: see [`crate::preimage::grant_signature`].
    pub signature: SignatureBytes,
}

array!(Grant { terms, enc, sealed, signature });

/// What a grant seals.
#[derive(PartialEq, Eq)]
pub struct GrantBody {
    /// One for each unit of the Terms, in their order.
    pub units: Vec<GrantUnit>,
}

array!(GrantBody { units });

impl core::fmt::Debug for GrantBody {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GrantBody({} units)", self.units.len())
    }
}

/// A unit as a grant seals it.
#[derive(PartialEq, Eq)]
pub struct GrantUnit {
    /// Which unit.
    pub unit: UnitId,
    /// The client share of the unit: 32 bytes.
    pub share: Bytes,
    /// What it is, sealed anew as data: a [`crate::record::Meta`].
    pub meta: crate::record::Meta,
    /// Who wrote the record, as the device verified it: [`GrantUnit::OWN`], [`GrantUnit::WRITTEN`] or
    /// [`GrantUnit::APPROVED`].
    pub origin: u8,
    /// Fields of the record that are not in the unit.
    pub withheld: u32,
}

array!(GrantUnit { unit, share, meta, origin, withheld });

impl GrantUnit {
    /// The origin of a record of the owner.
    pub const OWN: u8 = 0;
    /// The origin of a writer's record that the owner has not approved.
    pub const WRITTEN: u8 = 1;
    /// The origin of a writer's record that the owner has approved, or whose writer the owner has pinned.
    pub const APPROVED: u8 = 2;
}

impl core::fmt::Debug for GrantUnit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GrantUnit({})", self.unit)
    }
}

/// The content of a blob unit: how to open the record version's own ciphertext, and nothing else of it.
#[derive(PartialEq, Eq)]
pub struct BlobKey {
    /// The derived content key: 32 bytes.
    pub key: Bytes,
    /// The associated data of its chunks.
    pub h0: Hash,
    /// Padded size.
    pub size: u64,
    /// Merkle root over the sealed chunks, as the author signed it: whoever was lent this key before could seal other
    /// chunks under it.
    pub root: Hash,
}

array!(BlobKey { key, h0, size, root });

impl core::fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlobKey(redacted)")
    }
}
