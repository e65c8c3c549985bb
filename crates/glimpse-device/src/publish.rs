//! Publishing record versions, and deleting records.
//!
//! A version is sealed as it streams to the server, under keys drawn for this one attempt: whatever breaks off is
//! forgotten by the server and never continued, so no key seals two different contents. It exists at the moment when
//! the server takes its envelope, whole, and not before.

use std::io::Read;

use futures_channel::mpsc;
use futures_util::SinkExt;
use glimpse_core::record::{Author, Draft, Place, SealError, VersionSealer};
use glimpse_core::secret::ServerShare;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{MintRequest, Minted, Published, Share, ShareScope, SignedJson};
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Deletion, Envelope, Meta};
use glimpse_wire::size::sealed;
use glimpse_wire::{ErrorCode, Hash, RecordId, SUITE};

use crate::account::Device;
use crate::api::{Api, bare, json, with_cbor, with_json};
use crate::error::DeviceError;
use crate::listing::Entry;
use crate::transport::{Body, Method, Unreachable};

/// Bytes read from the content at a time.
const PIECE: usize = 64 * 1024;
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

    async fn publish(&self, place: Place, content: NewContent<'_>) -> Result<(), DeviceError> {
        self.require_intact_log().await?;
        let author = Author::Device(self.keys());
        let recipient = self.recipient()?;
        let now = self.machine.now();
        let draft = Draft::new(&recipient, place, author, now, content.length, &mut self.rng()).map_err(seal_error)?;
        let h0 = draft.header().h0();
        let scope = ShareScope::Record { record: place.record, version: place.version, h0 };
        let share = self.mint(vec![scope]).await?.pop().ok_or(ErrorCode::Malformed)?;
        let size = draft.header().size;
        let sealer = draft
            .seal(content.meta, share.kid, &ServerShare::from_wire(&share.share), &recipient, &mut self.rng())
            .map_err(seal_error)?;
        let (length, source, progress) = (content.length, content.content, content.progress);
        let upload = Upload { api: &self.api, token: self.token().await?, h0, size };
        let envelope = upload.run(sealer, author, length, source, progress).await?;
        let token = self.token().await?;
        let bytes = envelope.to_bytes();
        // Before it is sent for the first time: an answer that is lost may be asked for after another look.
        let before = self.read_so_far().await?;
        let published =
            self.again_if_lost(|| with_cbor(Method::Post, "/v1/records".to_owned(), bytes.clone()).by(token)).await?;
        let published: Published = json(published, MAX_JSON).await?;
        self.compare_number(before, published.seq, &envelope).await
    }

    /// Has shares minted, in the order asked.
    pub(crate) async fn mint(&self, shares: Vec<ShareScope>) -> Result<Vec<Share>, DeviceError> {
        let asked = shares.len();
        let request = MintRequest { shares };
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
            head: self.genesis.head,
        };
        let signed: Signed = self.keys().signing().sign_statement(StatementKind::Deletion, &deletion);
        let signed = SignedJson::from(signed);
        let path = format!("/v1/records/{}", entry.record);
        self.authorised(|token| with_json(Method::Delete, path.clone(), &signed).by(token)).await?;
        Ok(())
    }
}

/// One upload of sealed content.
pub(crate) struct Upload<'a> {
    pub(crate) api: &'a Api,
    pub(crate) token: Hash,
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
        content: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Envelope, DeviceError> {
        let (chunks, arriving) = mpsc::channel(CHUNKS_AHEAD);
        let mut request = bare(Method::Put, format!("/v1/contents/{}", self.h0)).by(self.token);
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
    content: &mut dyn Read,
    progress: &mut dyn FnMut(u64),
) -> Result<Envelope, Option<DeviceError>> {
    let mut piece = zeroize::Zeroizing::new(vec![0; PIECE]);
    let mut done = 0u64;
    let mut ready = Vec::new();
    let sealed = loop {
        let read = match content.read(&mut piece) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => break Err(DeviceError::Content(error.to_string())),
        };
        if read == 0 {
            break sealer.finish(author, &mut |chunk| ready.push(chunk)).map_err(seal_error);
        }
        done = done.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        let (new, _) = piece.split_at(read.min(PIECE));
        if let Err(error) = sealer.push(new, &mut |chunk| ready.push(chunk)) {
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
