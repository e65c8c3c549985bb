//! Records at rest: sealing a new version, opening one (protocol section 5).

use glimpse_wire::account::{DevicePublic, Head, Signed};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_CONTENT, MAX_META, MAX_TAG, MAX_TAGS, MAX_TITLE};
use glimpse_wire::pairing::BlobKey;
use glimpse_wire::preimage;
use glimpse_wire::record::{Decision, Envelope, Header, Meta, Policy};
use glimpse_wire::signature::BadSignature;
use glimpse_wire::size::padded;
use glimpse_wire::{AccountId, AuthorId, ErrorCode, Hash, RecordId, SUITE, Salt, UnixMillis, decode, encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::derive;
use crate::error::OpenError;
use crate::kem::{KemPublic, KemSecret};
use crate::keys::{DeviceKeys, Signing, WriterKeys};
use crate::secret::{ClientShare, Plaintext, Secret, ServerShare};
use crate::stream::{ContentOpener, ContentSealer, LengthChanged, open_small, seal_small};

/// To whom records are sealed: an account in its current epoch, as its chain says.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Which account.
    pub account: AccountId,
    /// Its current epoch.
    pub epoch: u32,
    /// Its key in that epoch.
    pub key: KemPublic,
    /// The chain head that says so.
    pub head: Head,
}

/// Where a new version belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which record.
    pub record: RecordId,
    /// 1 for a new record.
    pub version: u64,
    /// h1 of the version before; [`Hash::ZERO`] for version 1.
    pub previous: Hash,
}

impl Place {
    /// A new record, under a random id.
    pub fn new_record(rng: &mut impl CryptoRng) -> Self {
        let mut record = [0; RecordId::LEN];
        rng.fill_bytes(&mut record);
        Self { record: RecordId(record), version: 1, previous: Hash::ZERO }
    }

    /// The version after `envelope`.
    #[must_use]
    pub fn after(envelope: &Envelope) -> Self {
        Self {
            record: envelope.header.record,
            version: envelope.header.version.saturating_add(1),
            previous: envelope.h1(),
        }
    }
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub enum Author<'k> {
    /// A device of the account.
    Device(&'k DeviceKeys),
    /// A third party.
    Writer(&'k WriterKeys),
}

impl Author<'_> {
    fn id(&self) -> AuthorId {
        match self {
            Self::Device(keys) => keys.id().into(),
            Self::Writer(keys) => keys.id(),
        }
    }

    const fn signing(&self) -> &Signing {
        match self {
            Self::Device(keys) => keys.signing(),
            Self::Writer(keys) => keys.signing(),
        }
    }

    fn writer_key(&self) -> Bytes {
        match self {
            Self::Device(_) => Bytes(Vec::new()),
            Self::Writer(keys) => Bytes(keys.signing().public().0.to_vec()),
        }
    }
}

/// Why a version cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Content, title, tags or meta are over a limit.
    #[error("too large")]
    TooLarge,
    /// The content's length changed on the way.
    #[error("the content's length changed while it was sealed")]
    LengthChanged,
    /// The recipient's key was refused.
    #[error("the account's key cannot be used")]
    Key,
}

impl From<LengthChanged> for SealError {
    fn from(_: LengthChanged) -> Self {
        Self::LengthChanged
    }
}

/// A version that has its header and client share and waits for the server's.
#[derive(Debug)]
pub struct Draft {
    header: Header,
    client: ClientShare,
    length: u64,
}

impl Draft {
    /// Draws salt and client share. `length` is the true length of the content, in bytes.
    ///
    /// # Errors
    /// [`SealError::TooLarge`].
    pub fn new(
        recipient: &Recipient,
        place: Place,
        author: Author<'_>,
        created: UnixMillis,
        length: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SealError> {
        if length > MAX_CONTENT {
            return Err(SealError::TooLarge);
        }
        let header = Header {
            suite: SUITE,
            account: recipient.account,
            record: place.record,
            version: place.version,
            previous: place.previous,
            epoch: recipient.epoch,
            author: author.id(),
            created,
            salt: Salt(*Secret::generate(rng).expose_secret()),
            size: padded(length),
        };
        Ok(Self { header, client: ClientShare(Secret::generate(rng)), length })
    }

    /// What to have a share minted for.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// With the server's share, everything but the content can be sealed.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        self,
        mut meta: Meta,
        kid: u32,
        server: &ServerShare,
        recipient: &Recipient,
        rng: &mut impl CryptoRng,
    ) -> Result<VersionSealer, SealError> {
        meta.length = self.length;
        if !within_limits(&meta) {
            return Err(SealError::TooLarge);
        }
        let h0 = self.header.h0();
        let wrapped = recipient
            .key
            .seal(&preimage::share_wrap_info(&h0), &[], self.client.0.expose_secret(), rng)
            .map_err(|OpenError| SealError::Key)?;
        let meta_key = derive::meta_key(&self.header.salt, &self.client);
        let content_key = derive::content_key(&self.header.salt, &self.client, server);
        let commit_meta = meta_key.commitment();
        let commit_content = content_key.commitment();
        let sealed_meta = seal_small(meta_key.key, h0, &Zeroizing::new(encode(&meta)))?;
        if sealed_meta.len() > MAX_META {
            return Err(SealError::TooLarge);
        }
        Ok(VersionSealer {
            content: ContentSealer::new(content_key.key, h0, self.length),
            header: self.header,
            kid,
            wrapped,
            commit_meta,
            sealed_meta,
            commit_content,
            head: recipient.head,
        })
    }
}

/// Whether every text of a meta block is as long as it may be (protocol section 10).
pub(crate) fn within_limits(meta: &Meta) -> bool {
    let texts = [&meta.title, &meta.file_name, &meta.from, &meta.content_type];
    texts.iter().all(|text| text.len() <= MAX_TITLE)
        && meta.kind.len() <= MAX_TAG
        && meta.tags.len() <= MAX_TAGS
        && meta.tags.iter().all(|tag| tag.len() <= MAX_TAG)
}

/// Seals the content of a version as it streams by.
#[derive(Debug)]
pub struct VersionSealer {
    content: ContentSealer,
    header: Header,
    kid: u32,
    wrapped: Vec<u8>,
    commit_meta: Hash,
    sealed_meta: Vec<u8>,
    commit_content: Hash,
    head: Head,
}

impl VersionSealer {
    /// Takes the next piece of the content; gives each sealed chunk to `emit`.
    ///
    /// # Errors
    /// [`SealError::LengthChanged`].
    pub fn push(&mut self, content: &[u8], emit: &mut dyn FnMut(Vec<u8>)) -> Result<(), SealError> {
        Ok(self.content.push(content, emit)?)
    }

    /// Seals the last chunk and signs the envelope.
    ///
    /// # Errors
    /// [`SealError::LengthChanged`].
    pub fn finish(self, author: Author<'_>, emit: &mut dyn FnMut(Vec<u8>)) -> Result<Envelope, SealError> {
        let content_root = self.content.finish(emit)?;
        let mut envelope = Envelope {
            header: self.header,
            kid: self.kid,
            wrapped: Bytes(self.wrapped),
            commit_meta: self.commit_meta,
            sealed_meta: Bytes(self.sealed_meta),
            commit_content: self.commit_content,
            content_root,
            head: self.head,
            writer: author.writer_key(),
            signature: glimpse_wire::ids::SignatureBytes([0; 64]),
        };
        let head = envelope.head;
        sign_at(&mut envelope, author, head);
        Ok(envelope)
    }
}

/// Signs a sealed version at a head of the chain: the newest, or the server refuses it. What is sealed does not depend on
/// the head, only on the epoch.
pub fn sign_at(envelope: &mut Envelope, author: Author<'_>, head: Head) {
    envelope.head = head;
    envelope.signature = author.signing().sign(&preimage::record_signature(&envelope.h1(), &head));
}

/// Who a version is from, as far as a signature proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A device of the account.
    Own,
    /// A writer whose key is known by this id, and nobody has approved the version.
    Writer(AuthorId),
    /// The same, and a device of the account has approved the version. Comes from [`OpenedVersion::approved`] alone.
    Approved(AuthorId),
    /// No valid signature: shown as unsigned, never as the user's own.
    Unsigned,
}

impl Origin {
    /// Who signed `envelope`. `devices` are those that the chain authorises at its head.
    #[must_use]
    pub fn of(envelope: &Envelope, devices: &[DevicePublic]) -> Self {
        if !envelope.writer.as_slice().is_empty() {
            return envelope.verify_writer().map_or(Self::Unsigned, Self::Writer);
        }
        let own = devices
            .iter()
            .find(|device| AuthorId::from(device.id()) == envelope.header.author)
            .is_some_and(|device| envelope.verify(&device.signing, device.id().into()).is_ok());
        if own { Self::Own } else { Self::Unsigned }
    }
}

/// A version whose client share and meta are open; its content needs the server's share.
#[derive(Debug)]
pub struct OpenedVersion {
    envelope: Envelope,
    client: ClientShare,
    meta: Meta,
    origin: Origin,
}

impl OpenedVersion {
    /// Opens an envelope with the account's key of its epoch. Listing and searching need no more than this.
    ///
    /// # Errors
    /// [`OpenError`] whatever the cause, also for another account's envelope.
    pub fn open(
        envelope: Envelope,
        account: &AccountId,
        key: &KemSecret,
        devices: &[DevicePublic],
    ) -> Result<Self, OpenError> {
        if envelope.header.account != *account || envelope.header.suite != SUITE {
            return Err(OpenError);
        }
        let h0 = envelope.header.h0();
        let share = key.open(&preimage::share_wrap_info(&h0), &[], envelope.wrapped.as_slice())?;
        let client = ClientShare(Secret::from_slice(&share).ok_or(OpenError)?);
        let meta_key = derive::meta_key(&envelope.header.salt, &client);
        if !meta_key.fits(&envelope.commit_meta) {
            return Err(OpenError);
        }
        let meta: Meta = decode(&open_small(meta_key.key, h0, envelope.sealed_meta.as_slice())?, MAX_META)?;
        if padded(meta.length) != envelope.header.size || !within_limits(&meta) {
            return Err(OpenError);
        }
        let origin = Origin::of(&envelope, devices);
        Ok(Self { envelope, client, meta, origin })
    }

    /// Takes the decision by which `device` approved this version: it belonged to the account at the head that the
    /// decision names.
    ///
    /// # Errors
    /// [`OpenError`] when that device did not sign it, when it is about anything else than this version, and for a version
    /// that no writer signed.
    pub fn approved(mut self, decision: &Signed, device: &DevicePublic) -> Result<Self, OpenError> {
        let Origin::Writer(writer) = self.origin else { return Err(OpenError) };
        Decision::open(decision, device, &self.envelope).map_err(|BadSignature| OpenError)?;
        self.origin = Origin::Approved(writer);
        Ok(self)
    }

    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What the record is.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Who it is from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Opens the content, chunk by chunk, with the server's share. A wrong share is noticed here, before any chunk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_content(&self, server: &ServerShare) -> Result<ContentOpener, OpenError> {
        let key = derive::content_key(&self.envelope.header.salt, &self.client, server);
        if !key.fits(&self.envelope.commit_content) {
            return Err(OpenError);
        }
        let header = &self.envelope.header;
        Ok(ContentOpener::new(key.key, header.h0(), header.size).with_root(self.envelope.content_root))
    }

    /// The derived content key, to lend a blob by it. Nothing else of what protects the record at rest leaves here.
    ///
    /// # Errors
    /// [`OpenError`] for a wrong share.
    pub(crate) fn blob_key(&self, server: &ServerShare) -> Result<Plaintext, OpenError> {
        let key = derive::content_key(&self.envelope.header.salt, &self.client, server);
        if !key.fits(&self.envelope.commit_content) {
            return Err(OpenError);
        }
        let blob = BlobKey {
            key: Bytes(key.key.expose_secret().to_vec()),
            h0: self.envelope.header.h0(),
            size: self.envelope.header.size,
            root: self.envelope.content_root,
        };
        Ok(Zeroizing::new(encode(&blob)))
    }

    /// Whether the policy that its author set lets it be lent.
    ///
    /// # Errors
    /// [`ErrorCode::NeverLend`] for a kind that is never lent and for a policy bit that this build does not know;
    /// [`ErrorCode::RecordTampered`] for a version that nobody signed.
    pub fn require_lendable(&self) -> Result<(), ErrorCode> {
        match self.origin {
            Origin::Own | Origin::Writer(_) | Origin::Approved(_) => {}
            Origin::Unsigned => return Err(ErrorCode::RecordTampered),
        }
        let policy = self.meta.policy;
        if policy & Policy::NEVER_LEND != 0 || policy & !Policy::KNOWN != 0 {
            return Err(ErrorCode::NeverLend);
        }
        Ok(())
    }
}

/// Opens a blob that was lent by its content key.
///
/// # Errors
/// [`OpenError`] for a key of another length.
pub(crate) fn open_blob(blob: &BlobKey) -> Result<ContentOpener, OpenError> {
    let key = Secret::from_slice(blob.key.as_slice()).ok_or(OpenError)?;
    Ok(ContentOpener::new(key, blob.h0, blob.size).with_root(blob.root))
}

#[cfg(test)]
mod tests;
