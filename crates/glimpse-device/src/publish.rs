//! Publishing record versions, and deleting records.
//!
//! A version is sealed as it streams to the server, under keys drawn for this one attempt: whatever breaks off is
//! forgotten by the server and never continued, so no key seals two different contents. It exists at the moment when
//! the server takes its envelope, whole, and not before.

use std::io::Read;

use futures_channel::mpsc;
use futures_util::SinkExt;
use glimpse_core::record::{Author, Draft, OpenedVersion, Place, Recipient, SealError, VersionSealer, sign_at};
use glimpse_core::secret::{Plaintext, ServerShare};
use glimpse_wire::account::{Head, Signed};
use glimpse_wire::api::{MintRequest, Minted, Published, Share, ShareScope, SignedJson};
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Deletion, Envelope, Meta};
use glimpse_wire::size::sealed;
use glimpse_wire::{ErrorCode, Hash, RecordId, SUITE};

use crate::account::Device;
use crate::api::{Api, bare, json, with_cbor, with_json};
use crate::content::Reading;
use crate::error::DeviceError;
use crate::listing::Entry;
use crate::transport::{Body, Credential, Method, Response, Unreachable};

/// Bytes read from the content at a time.
const PIECE: usize = 64 * 1024;
/// How often a version is signed for another head.
const HEADS: u32 = 4;
/// Sealed chunks that wait for the network.
const CHUNKS_AHEAD: usize = 8;

/// What a version is to hold.
pub struct NewContent<'c> {
    /// What it is; the length is filled in.
    pub meta: Meta,
    /// Its length, in bytes. Reading must give exactly so many.
    pub length: u64,
    /// The content.
    pub content: &'c mut dyn Read,
    /// Is told how many bytes were read so far.
    pub progress: &'c mut dyn FnMut(u64),
}

impl core::fmt::Debug for NewContent<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NewContent({} bytes)", self.length)
    }
}

impl Device {
    /// Publishes a new record.
    ///
    /// # Errors
    /// [`DeviceError::Content`] when the content cannot be read or changes meanwhile; [`DeviceError::Refused`]. The
    /// account is as it was then.
    pub async fn add(&self, content: NewContent<'_>) -> Result<RecordId, DeviceError> {
        let place = Place::new_record(&mut self.rng());
        self.publish(place, content).await?;
        Ok(place.record)
    }

    /// Publishes the next version of a record.
    ///
    /// # Errors
    /// As [`Device::add`]; [`ErrorCode::Conflict`] when there is a newer version than `entry`, or when it is a writer's
    /// that nobody approved.
    pub async fn put(&self, entry: &Entry, content: NewContent<'_>) -> Result<u64, DeviceError> {
        entry.usable()?;
        let version = entry.version.saturating_add(1);
        self.publish(Place { record: entry.record, version, previous: entry.h1 }, content).await?;
        Ok(version)
    }

    /// Publishes the content of a version again as the next one, under the newest epoch: opened and sealed as it streams by,
    /// without a file of it anywhere.
    pub(crate) async fn seal_again(&self, version: &OpenedVersion) -> Result<(), DeviceError> {
        let reading = self.reading(version).await?;
        let meta = version.meta().clone();
        let place = Place::after(version.envelope());
        let (length, progress) = (meta.length, &mut |_| {});
        self.publish_from(place, meta, length, Source::Reading(Box::new(reading)), progress).await
    }

    async fn publish(&self, place: Place, content: NewContent<'_>) -> Result<(), DeviceError> {
        let NewContent { meta, length, content, progress } = content;
        self.publish_from(place, meta, length, Source::Reader(content), progress).await
    }

    async fn publish_from(
        &self,
        place: Place,
        meta: Meta,
        length: u64,
        source: Source<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), DeviceError> {
        self.require_intact_log().await?;
        let author = Author::Device(self.keys());
        let (recipient, draft, share) = self.drafted(place, author, length).await?;
        let h0 = draft.header().h0();
        let size = draft.header().size;
        let sealer = draft
            .seal(meta, share.kid, &ServerShare::from_wire(&share.share), &recipient, &mut self.rng())
            .map_err(seal_error)?;
        let upload = Upload { api: &self.api, credential: self.credential().await?, h0, size };
        let envelope = upload.run(sealer, author, length, source, progress).await?;
        // Before it is sent for the first time: an answer that is lost may be asked for after another look.
        let before = self.read_so_far().await?;
        let (envelope, published) = self.publish_envelope(envelope, author).await?;
        let published: Published = json(published, MAX_JSON).await?;
        self.compare_number(before, published.seq, &envelope, Change::VERSION).await
    }

    /// A version's header and share, for the newest link: one that this device has not seen yet is taken first, and
    /// nothing was sealed under the one before.
    async fn drafted(
        &self,
        place: Place,
        author: Author<'_>,
        length: u64,
    ) -> Result<(Recipient, Draft, Share), DeviceError> {
        let mut tries = 0u32;
        loop {
            tries = tries.saturating_add(1);
            let recipient = self.trusted_chain().await?.recipient()?;
            let now = self.machine.now();
            let draft = Draft::new(&recipient, place, author, now, length, &mut self.rng()).map_err(seal_error)?;
            let scope = ShareScope::Record { record: place.record, version: place.version, h0: draft.header().h0() };
            match self.mint_under(vec![scope], Some(recipient.head)).await {
                Ok(mut shares) => return Ok((recipient, draft, shares.pop().ok_or(ErrorCode::Malformed)?)),
                Err(error) if error.code() == Some(ErrorCode::Conflict) && tries < HEADS => self.synced.set(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands in a sealed version. Where the chain has grown meanwhile and the epoch has not, the same version is signed
    /// again under the newest head: nothing of it is uploaded twice.
    async fn publish_envelope(
        &self,
        mut envelope: Envelope,
        author: Author<'_>,
    ) -> Result<(Envelope, Response), DeviceError> {
        let mut tries = 0u32;
        loop {
            tries = tries.saturating_add(1);
            let (bytes, credential) = (envelope.to_bytes(), self.credential().await?);
            let request = || with_cbor(Method::Post, "/v1/records".to_owned(), bytes.clone()).by(credential);
            let refused = match self.again_if_lost(request).await {
                Err(error) if error.code() == Some(ErrorCode::Conflict) && tries < HEADS => error,
                answer => return answer.map(|response| (envelope, response)),
            };
            self.sync().await?;
            let recipient = self.trusted_chain().await?.recipient()?;
            if recipient.head == envelope.head || recipient.epoch != envelope.header.epoch {
                return Err(refused);
            }
            sign_at(&mut envelope, author, recipient.head);
        }
    }

    /// Has shares minted, in the order asked.
    pub(crate) async fn mint(&self, shares: Vec<ShareScope>) -> Result<Vec<Share>, DeviceError> {
        self.mint_under(shares, None).await
    }

    async fn mint_under(&self, shares: Vec<ShareScope>, head: Option<Head>) -> Result<Vec<Share>, DeviceError> {
        let asked = shares.len();
        let request = MintRequest { shares, head };
        let response =
            self.authorised(|token| with_json(Method::Post, "/v1/shares".to_owned(), &request).by(token)).await?;
        let minted: Minted = json(response, MAX_JSON).await?;
        if minted.shares.len() == asked { Ok(minted.shares) } else { Err(ErrorCode::Malformed.into()) }
    }

    /// Deletes a record with all its versions.
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`] when there is a newer version than `entry`; [`DeviceError::Refused`].
    pub async fn delete(&self, entry: &Entry) -> Result<(), DeviceError> {
        self.require_intact_log().await?;
        let deletion = Deletion {
            suite: SUITE,
            account: self.account(),
            record: entry.record,
            version: entry.version,
            h1: entry.h1,
            at: self.machine.now(),
            head: self.trusted_chain().await?.chain.head(),
        };
        let signed: Signed = self.keys().signing().sign_statement(StatementKind::Deletion, &deletion);
        let signed = SignedJson::from(signed);
        let path = format!("/v1/records/{}", entry.record);
        self.authorised(|token| with_json(Method::Delete, path.clone(), &signed).by(token)).await?;
        Ok(())
    }
}

/// Where the content of a version comes from.
pub(crate) enum Source<'c> {
    /// A file, or what behaves like one.
    Reader(&'c mut dyn Read),
    /// A version on the server, opened as it arrives.
    Reading(Box<Reading<'c>>),
}

impl Source<'_> {
    /// The next piece; nothing after the last.
    async fn next(&mut self) -> Result<Option<Plaintext>, DeviceError> {
        let reader = match self {
            Self::Reader(reader) => reader,
            Self::Reading(reading) => return reading.next().await,
        };
        let mut piece = zeroize::Zeroizing::new(vec![0; PIECE]);
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    piece.truncate(read);
                    return Ok(Some(piece));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DeviceError::Content(error.to_string())),
            }
        }
    }
}

/// One upload of sealed content.
pub(crate) struct Upload<'a> {
    pub(crate) api: &'a Api,
    pub(crate) credential: Credential,
    pub(crate) h0: Hash,
    pub(crate) size: u64,
}

impl Upload<'_> {
    /// Reads, seals and sends, all at once; then signs.
    pub(crate) async fn run(
        &self,
        sealer: VersionSealer,
        author: Author<'_>,
        length: u64,
        content: Source<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Envelope, DeviceError> {
        let (chunks, arriving) = mpsc::channel(CHUNKS_AHEAD);
        let mut request = bare(Method::Put, format!("/v1/contents/{}", self.h0)).by(self.credential);
        request.content_type = Some(glimpse_wire::api::OCTETS);
        request.body = Body::Chunks { length: sealed(self.size), chunks: arriving };
        let sealing = seal_into(chunks, sealer, author, length, content, progress);
        let (sent, sealed) = futures_util::future::join(self.api.call(request), sealing).await;
        match (sent, sealed) {
            // Content that cannot be read breaks the upload off too; it is the cause to tell.
            (_, Err(Some(error))) | (Err(error), _) => Err(error),
            (Ok(_), Ok(envelope)) => Ok(envelope),
            (Ok(_), Err(None)) => Err(ErrorCode::Malformed.into()),
        }
    }
}

/// Seals content into `chunks`. An error of `None`: nobody takes the chunks any more, and the request knows why.
async fn seal_into(
    mut chunks: mpsc::Sender<Result<Vec<u8>, Unreachable>>,
    mut sealer: VersionSealer,
    author: Author<'_>,
    length: u64,
    mut content: Source<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Envelope, Option<DeviceError>> {
    let mut done = 0u64;
    let mut ready = Vec::new();
    let sealed = loop {
        let piece = match content.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break sealer.finish(author, &mut |chunk| ready.push(chunk)).map_err(seal_error),
            Err(error) => break Err(error),
        };
        done = done.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if let Err(error) = sealer.push(&piece, &mut |chunk| ready.push(chunk)) {
            break Err(seal_error(error));
        }
        for chunk in ready.drain(..) {
            chunks.send(Ok(chunk)).await.map_err(|_| None)?;
        }
        progress(done.min(length));
    };
    match sealed {
        Ok(envelope) => {
            for chunk in ready {
                chunks.send(Ok(chunk)).await.map_err(|_| None)?;
            }
            Ok(envelope)
        }
        Err(error) => {
            let _gone = chunks.send(Err(Unreachable)).await;
            Err(Some(error))
        }
    }
}

pub(crate) fn seal_error(error: SealError) -> DeviceError {
    match error {
        SealError::TooLarge => ErrorCode::TooLarge.into(),
        SealError::LengthChanged => DeviceError::Content("it changed while it was read".to_owned()),
        SealError::Key => ErrorCode::Internal.into(),
    }
}
