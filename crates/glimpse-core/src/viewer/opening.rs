//! One unit on its way to the screen: fetched in pieces, opened chunk by chunk, in memory bounded by a few pieces.

use glimpse_wire::size::SEALED_CHUNK;
use glimpse_wire::{ErrorCode, SessionId, UnitId};

use super::{Content, Outbox, Output};
use crate::Monotonic;
use crate::session::viewer::UnitOpener;
use crate::stream::ContentOpener;

/// Chunks in one piece: about a mebibyte.
const PIECE_CHUNKS: u64 = 16;
/// Pieces that may be on their way or waiting for an earlier one.
const PIECES_AHEAD: usize = 3;
/// How often a piece is tried again before the person is asked.
const TRIES: u32 = 6;
const FIRST_WAIT: u64 = 250;

/// How far a unit has come, for the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The device is preparing it.
    Preparing,
    /// The server is asked.
    Asking,
    /// Its content arrives.
    Loading,
    /// All of it is there.
    Done,
    /// It failed; whether going on makes sense depends on the code.
    Failed(ErrorCode),
}

/// One unit that was opened or is being opened.
#[derive(Clone, Copy, Debug)]
pub struct OpeningView {
    /// Which.
    pub unit: UnitId,
    /// How far.
    pub stage: Stage,
    /// Bytes of content so far.
    pub loaded: u64,
}

pub(super) struct Opening {
    pub(super) stage: Stage,
    loaded: u64,
    download: Option<Download>,
}

enum Source {
    /// Content sealed for the session.
    Unit(ContentOpener),
    /// The one chunk with the key of a blob; what follows is the blob.
    BlobKey(Option<UnitOpener>),
    /// A record's own ciphertext.
    Blob(ContentOpener),
}

struct Download {
    source: Source,
    path: String,
    /// The next piece to ask for.
    next_piece: u64,
    /// Requests on their way: id and piece. With the next, at most [`PIECES_AHEAD`].
    asked: Vec<(u64, u64)>,
    /// Pieces that came before their turn.
    early: Vec<(u64, Vec<u8>)>,
    /// Pieces to ask for again, and when.
    again: Vec<(Monotonic, u64)>,
    failures: u32,
    offset: u64,
}

impl Opening {
    pub(super) const fn new(stage: Stage) -> Self {
        Self { stage, loaded: 0, download: None }
    }

    pub(super) const fn view(&self, unit: UnitId) -> OpeningView {
        OpeningView { unit, stage: self.stage, loaded: self.loaded }
    }

    pub(super) fn begin(&mut self, session: SessionId, unit: UnitId, opener: UnitOpener, outbox: &mut Outbox) {
        let path = format!("/v1/sessions/{session}/units/{unit}/content");
        let source = if opener.is_blob() { Source::BlobKey(Some(opener)) } else { Source::Unit(opener.into_content()) };
        let mut download = Download::new(source, path);
        download.ask_more(outbox);
        self.stage = Stage::Loading;
        self.download = Some(download);
    }

    /// Whether the network failed and the pieces that are missing can be asked for again, without a new opening.
    pub(super) fn resume(&mut self, outbox: &mut Outbox) -> bool {
        match (&self.stage, self.download.as_mut()) {
            (Stage::Failed(ErrorCode::ServerUnreachable | ErrorCode::RateLimited), Some(download)) => {
                download.failures = 0;
                for (_, piece) in core::mem::take(&mut download.again) {
                    download.ask(piece, outbox);
                }
                download.ask_more(outbox);
                self.stage = Stage::Loading;
                true
            }
            (_, _) => false,
        }
    }

    pub(super) fn owns(&self, request: u64) -> bool {
        self.download.as_ref().is_some_and(|download| download.asked.iter().any(|(id, _)| *id == request))
    }

    pub(super) fn answered(
        &mut self,
        unit: UnitId,
        request: u64,
        body: Vec<u8>,
        session: SessionId,
        outbox: &mut Outbox,
    ) {
        let Some(download) = self.download.as_mut() else { return };
        let Some(piece) = take(&mut download.asked, request) else { return };
        if !download.fits(piece, &body) {
            return self.fail(ErrorCode::RecordTampered);
        }
        download.failures = 0;
        // A piece that came after all: the others are asked for again.
        self.stage = Stage::Loading;
        download.early.push((piece, body));
        let taken = download.take_in_order(unit, session, outbox);
        self.loaded = download.offset;
        match taken {
            Ok(true) => {
                self.stage = Stage::Done;
                self.download = None;
            }
            Ok(false) => {}
            Err(code) => self.fail(code),
        }
    }

    pub(super) fn failed(&mut self, request: u64, code: ErrorCode, now: Monotonic) {
        let Some(download) = self.download.as_mut() else { return };
        let Some(piece) = take(&mut download.asked, request) else { return };
        download.failures = download.failures.saturating_add(1);
        let wait = FIRST_WAIT.saturating_mul(1u64 << download.failures.min(6));
        download.again.push((now.plus(wait), piece));
        if !code.is_passing() {
            self.fail(code);
        } else if download.failures > TRIES {
            // What was opened stays open, so that the person can go on where it stopped.
            self.stage = Stage::Failed(ErrorCode::ServerUnreachable);
        }
    }

    pub(super) fn tick(&mut self, now: Monotonic, outbox: &mut Outbox) {
        if !matches!(self.stage, Stage::Loading) {
            return;
        }
        if let Some(download) = self.download.as_mut() {
            let (due, later): (Vec<_>, Vec<_>) = download.again.drain(..).partition(|(at, _)| now >= *at);
            download.again = later;
            for (_, piece) in due {
                download.ask(piece, outbox);
            }
        }
    }

    pub(super) fn fail(&mut self, code: ErrorCode) {
        self.stage = Stage::Failed(code);
        self.download = None;
    }
}

impl Download {
    const fn new(source: Source, path: String) -> Self {
        Self {
            source,
            path,
            next_piece: 0,
            asked: Vec::new(),
            early: Vec::new(),
            again: Vec::new(),
            failures: 0,
            offset: 0,
        }
    }

    fn chunks(&self) -> u64 {
        match &self.source {
            Source::Unit(opener) | Source::Blob(opener) => opener.chunks(),
            Source::BlobKey(_) => 1,
        }
    }

    /// Whether a piece has exactly the bytes that belong to it: one that is empty, short or runs over into the next would
    /// be used up, and what is missing never be asked for.
    fn fits(&self, piece: u64, body: &[u8]) -> bool {
        let length = PIECE_CHUNKS.saturating_mul(SEALED_CHUNK);
        let sealed = match &self.source {
            Source::Unit(opener) | Source::Blob(opener) => opener.sealed_size(),
            // One chunk, whose opener knows its length.
            Source::BlobKey(_) => return true,
        };
        let expected = sealed.saturating_sub(piece.saturating_mul(length)).min(length);
        u64::try_from(body.len()) == Ok(expected)
    }

    fn ask_more(&mut self, outbox: &mut Outbox) {
        while self.asked.len().saturating_add(self.early.len()) < PIECES_AHEAD
            && self.next_piece.saturating_mul(PIECE_CHUNKS) < self.chunks()
        {
            let piece = self.next_piece;
            self.next_piece = self.next_piece.saturating_add(1);
            self.ask(piece, outbox);
        }
    }

    fn ask(&mut self, piece: u64, outbox: &mut Outbox) {
        let length = PIECE_CHUNKS.saturating_mul(SEALED_CHUNK);
        let first = piece.saturating_mul(length);
        let last = first.saturating_add(length).saturating_sub(1);
        let id = outbox.get_range(self.path.clone(), first, last);
        self.asked.push((id, piece));
    }

    /// Opens every piece whose turn has come; gives whether that was all.
    fn take_in_order(&mut self, unit: UnitId, session: SessionId, outbox: &mut Outbox) -> Result<bool, ErrorCode> {
        loop {
            let next = match &self.source {
                Source::Unit(opener) | Source::Blob(opener) => opener.next_chunk() / PIECE_CHUNKS,
                Source::BlobKey(_) => 0,
            };
            let Some(bytes) = take(&mut self.early, next) else { break };
            match &mut self.source {
                Source::Unit(opener) | Source::Blob(opener) => {
                    if open_piece(opener, bytes, unit, &mut self.offset, outbox)? {
                        return Ok(true);
                    }
                }
                Source::BlobKey(opener) => {
                    let opener = opener.take().ok_or(ErrorCode::Internal)?.into_blob(bytes)?;
                    *self = Self::new(Source::Blob(opener), format!("/v1/sessions/{session}/units/{unit}/blob"));
                }
            }
        }
        self.ask_more(outbox);
        Ok(false)
    }
}

/// Takes the value of a key out of a short list.
fn take<T>(list: &mut Vec<(u64, T)>, key: u64) -> Option<T> {
    let place = list.iter().position(|(each, _)| *each == key)?;
    Some(list.swap_remove(place).1)
}

/// Opens the chunks of one piece; gives whether they were the last.
fn open_piece(
    opener: &mut ContentOpener,
    mut bytes: Vec<u8>,
    unit: UnitId,
    offset: &mut u64,
    outbox: &mut Outbox,
) -> Result<bool, ErrorCode> {
    let tampered = |crate::OpenError| ErrorCode::RecordTampered;
    while !bytes.is_empty() {
        let length = usize::try_from(opener.next_len()).map_err(|_| ErrorCode::Internal)?;
        if opener.is_done() || bytes.len() < length {
            return Err(ErrorCode::RecordTampered);
        }
        let rest = bytes.split_off(length);
        let chunk = core::mem::replace(&mut bytes, rest);
        let opened = opener.open(chunk).map_err(tampered)?;
        let length = u64::try_from(opened.len()).map_err(|_| ErrorCode::Internal)?;
        let last = opener.is_done();
        let piece = Content { unit, offset: *offset, total: opener.length(), bytes: opened, last };
        outbox.push(Output::Content(piece));
        *offset = offset.saturating_add(length);
    }
    Ok(opener.is_done())
}
