//! Records at rest (protocol section 5).

use crate::account::{DevicePublic, Head, KEM_ENC_LEN, Signed};
use crate::codec::{Malformed, array, choice, decode, encode};
use crate::ids::{
    AccountId, AuthorId, Bytes, DeviceId, Hash, RecordId, Salt, SignatureBytes, SigningKeyBytes, UnixMillis,
};
use crate::limits::{MAX_ENVELOPE, MAX_META, MAX_PADDED_CONTENT};
use crate::preimage;
use crate::signature::{BadSignature, verify};
use crate::size::{MIN_PADDED, TAG, padme};

/// Bytes of a wrapped client share: encapsulated key, 32 bytes, tag.
pub const WRAPPED_LEN: usize = KEM_ENC_LEN + 32 + 16;

/// What identifies a record version before any key exists; [`preimage::h0`] hashes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose record.
    pub account: AccountId,
    /// Which record.
    pub record: RecordId,
    /// Rising by one from 1.
    pub version: u64,
    /// h1 of the version before; zero for version 1.
    pub previous: Hash,
    /// The epoch whose account key the client share is wrapped to.
    pub epoch: u32,
    /// Who wrote it: a device id, or a writer id.
    pub author: AuthorId,
    /// When, by the author's clock.
    pub created: UnixMillis,
    /// Fresh for each version.
    pub salt: Salt,
    /// Padded size of the content, in bytes.
    pub size: u64,
}

array!(Header { suite, account, record, version, previous, epoch, author, created, salt, size });

impl Header {
    /// `h0`, the associated data of every chunk of this version.
    #[must_use]
    pub fn h0(&self) -> Hash {
        preimage::h0(self)
    }
}

/// Everything about a record version except the chunks of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// See [`Header`].
    pub header: Header,
    /// The key identifier of the server's share.
    pub kid: u32,
    /// The client share, by HPKE to the epoch's account key: encapsulated key ‖ ciphertext, [`WRAPPED_LEN`] bytes.
    pub wrapped: Bytes,
    /// Commits to the meta key.
    pub commit_meta: Hash,
    /// A [`Meta`], sealed as one chunk.
    pub sealed_meta: Bytes,
    /// Commits to the content key.
    pub commit_content: Hash,
    /// Merkle root over the sealed chunks of the content.
    pub content_root: Hash,
    /// The chain head under which the author signed.
    pub head: Head,
    /// The writer's public key; empty when the author is a device of the account.
    pub writer: Bytes,
    /// By the author over `lp(label, h1, head)`.
    pub signature: SignatureBytes,
}

array!(Envelope {
    header,
    kid,
    wrapped,
    commit_meta,
    sealed_meta,
    commit_content,
    content_root,
    head,
    writer,
    signature
});

impl Envelope {
    /// `h1`, which fixes the version's plaintext through its commitments.
    #[must_use]
    pub fn h1(&self) -> Hash {
        preimage::h1(self)
    }

    /// Decodes an envelope and checks what can be checked without a key: sizes, suite, ranges.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let envelope: Self = decode(bytes, MAX_ENVELOPE)?;
        let header = &envelope.header;
        let fits = header.suite == crate::SUITE
            && header.version >= 1
            && (header.version == 1) == (header.previous == Hash::ZERO)
            && header.size >= MIN_PADDED
            && header.size <= MAX_PADDED_CONTENT
            && header.size == padme(header.size)
            && envelope.wrapped.0.len() == WRAPPED_LEN
            && envelope.sealed_meta.0.len() <= MAX_META
            && u64::try_from(envelope.sealed_meta.0.len()).is_ok_and(|sealed| {
                sealed >= MIN_PADDED.saturating_add(TAG)
                    && padme(sealed.saturating_sub(TAG)) == sealed.saturating_sub(TAG)
            })
            && matches!(envelope.writer.0.len(), 0 | SigningKeyBytes::LEN);
        if fits { Ok(envelope) } else { Err(Malformed) }
    }

    /// The encoding that [`Envelope::parse`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Checks that `key` signed h1 and that the header's author is the one whom `key` belongs to.
    ///
    /// # Errors
    /// [`BadSignature`].
    ///
    /// # Security
    /// Who may author is for the caller: `author` must come from the account's chain, or be a writer's id.
    pub fn verify(&self, key: &SigningKeyBytes, author: AuthorId) -> Result<(), BadSignature> {
        if self.header.author != author {
            return Err(BadSignature);
        }
        verify(key, &preimage::record_signature(&self.h1(), &self.head), &self.signature)
    }

    /// For a writer's envelope: checks that it is signed by the very key that it carries.
    ///
    /// # Errors
    /// [`BadSignature`], also when the envelope carries no writer's key.
    pub fn verify_writer(&self) -> Result<AuthorId, BadSignature> {
        let key = SigningKeyBytes::from_slice(self.writer.as_slice()).map_err(|_| BadSignature)?;
        let author = preimage::writer_id(&key);
        self.verify(&key, author)?;
        Ok(author)
    }
}

/// What a record is, known to its owner and to those it is lent to; sealed everywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// For people.
    pub title: String,
    /// One of the words of protocol section 5.4: `text`, `json`, `table`, `series`, `fhir`, `image`, `pdf`, `file`, …
    pub kind: String,
    /// A media type.
    pub content_type: String,
    /// The name that the file had; empty when it had none.
    pub file_name: String,
    /// For searching.
    pub tags: Vec<String>,
    /// True length of the content, in bytes.
    pub length: u64,
    /// Bits of [`Policy`].
    pub policy: u32,
    /// Who a writer says it is; empty in the user's own records.
    pub from: String,
    /// When the content was made, by the author's clock.
    pub created: UnixMillis,
}

array!(Meta { title, kind, content_type, file_name, tags, length, policy, from, created });

/// Policy bits of a record. A bit that this build does not know is refused, never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy;

impl Policy {
    /// May never be sealed into a session.
    pub const NEVER_LEND: u32 = 1;
    /// Re-keyed at once when a device is revoked.
    pub const SENSITIVE: u32 = 2;
    /// Every bit that this build knows.
    pub const KNOWN: u32 = Self::NEVER_LEND | Self::SENSITIVE;
}

/// Says that a record is deleted; a leaf of its own in later checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose record.
    pub account: AccountId,
    /// Which record; all its versions go.
    pub record: RecordId,
    /// The newest version that the device knew.
    pub version: u64,
    /// Its h1.
    pub h1: Hash,
    /// When, by the device's clock.
    pub at: UnixMillis,
    /// The chain head of the signer.
    pub head: Head,
}

array!(Deletion { suite, account, record, version, h1, at, head });

/// Says that a writer's version is taken by its owner: a leaf of its own in later checkpoints. There is none for a no,
/// which is a [`Deletion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose record.
    pub account: AccountId,
    /// Which record.
    pub record: RecordId,
    /// Of the version.
    pub version: u64,
    /// Of the version: it fixes the plaintext that the owner saw.
    pub h1: Hash,
    /// Who wrote it.
    pub writer: AuthorId,
    /// When, by the device's clock.
    pub at: UnixMillis,
    /// The chain head of the signer.
    pub head: Head,
    /// Who signs.
    pub device: DeviceId,
}

array!(Decision { suite, account, record, version, h1, writer, at, head, device });

impl Decision {
    /// Opens the decision about `envelope` that `device` signed.
    ///
    /// # Errors
    /// [`BadSignature`], also when it is about anything else.
    ///
    /// # Security
    /// Whether the device may decide is for the caller: it must have belonged to the account at the decision's head.
    pub fn open(signed: &Signed, device: &DevicePublic, envelope: &Envelope) -> Result<Self, BadSignature> {
        let decision: Self = signed.open(preimage::StatementKind::Decision, &device.signing)?;
        if decision.device == device.id() && decision.is_about(envelope) { Ok(decision) } else { Err(BadSignature) }
    }

    /// Whether it is about `envelope`, and that is a version which its writer signed.
    #[must_use]
    pub fn is_about(&self, envelope: &Envelope) -> bool {
        let header = &envelope.header;
        let named = (self.suite, self.account, self.record, self.version, self.h1);
        named == (crate::SUITE, header.account, header.record, header.version, envelope.h1())
            && envelope.verify_writer() == Ok(self.writer)
    }
}

/// One entry of a listing, in the order in which the server took them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A version by a device of the account.
    Version {
        /// The server's number for this change.
        seq: u64,
        /// An [`Envelope`].
        envelope: Bytes,
    },
    /// A version that a writer submitted and that no device has approved.
    Pending {
        /// The server's number for this change.
        seq: u64,
        /// An [`Envelope`].
        envelope: Bytes,
    },
    /// A deletion.
    Deleted {
        /// The server's number for this change.
        seq: u64,
        /// A [`Signed`] [`Deletion`].
        deletion: Bytes,
    },
    /// A change that a later one of the same record took the place of: what is left of it in the log.
    Replaced {
        /// The server's number for this change.
        seq: u64,
        /// About which record.
        record: RecordId,
        /// Its version; of a deletion, the version that it removed.
        version: u64,
        /// Its h1; of a deletion, that of the version that it removed.
        h1: Hash,
        /// [`Change::VERSION`], [`Change::PENDING`], [`Change::DELETED`] or [`Change::APPROVED`].
        kind: u8,
    },
    /// A writer's version that a device of the account has approved.
    Decided {
        /// The server's number for this change.
        seq: u64,
        /// An [`Envelope`].
        envelope: Bytes,
        /// A [`Signed`] [`Decision`].
        decision: Bytes,
    },
}

choice!(Change {
    1 => Version { seq, envelope },
    2 => Pending { seq, envelope },
    3 => Deleted { seq, deletion },
    4 => Replaced { seq, record, version, h1, kind },
    5 => Decided { seq, envelope, decision },
});

impl Change {
    /// The kind of a version by a device, in a leaf of the log.
    pub const VERSION: u8 = 1;
    /// The kind of a writer's version.
    pub const PENDING: u8 = 2;
    /// The kind of a deletion.
    pub const DELETED: u8 = 3;
    /// The kind of a decision that approves.
    pub const APPROVED: u8 = 5;
}

/// A device's word on the log of changes up to a place: no change before it is missing, and none was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// [`crate::SUITE`].
    pub suite: u8,
    /// Whose log.
    pub account: AccountId,
    /// Rising from 1.
    pub number: u64,
    /// Hash of the checkpoint that the signer knew as the newest; zero for the first.
    pub previous: Hash,
    /// The chain head of the signer.
    pub head: Head,
    /// Changes that it covers: those numbered 1 to this.
    pub count: u64,
    /// Merkle root (RFC 6962) over the leaves of those changes ([`preimage::log_leaf`]), in their order.
    pub root: Hash,
    /// When, by the signer's clock.
    pub at: UnixMillis,
    /// Who signs.
    pub device: DeviceId,
}

array!(Checkpoint { suite, account, number, previous, head, count, root, at, device });

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// By rising seq, none left out.
    pub changes: Vec<Change>,
    /// Where the next page starts: pass it as `after`.
    pub next: u64,
    /// Whether there is more at this moment.
    pub more: bool,
    /// The number of the account's newest change, listed or replaced. Whoever has seen a higher one is told another
    /// story than before, and lists from the beginning.
    pub newest: u64,
    /// The newest link of the account's chain, as the server has it.
    pub head: Head,
    /// The newest [`Checkpoint`], signed; at most one.
    pub checkpoint: Vec<Signed>,
}

array!(Page { changes, next, more, newest, head, checkpoint });
