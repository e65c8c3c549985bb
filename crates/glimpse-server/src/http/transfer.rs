//! Sealed chunks on their way to and from a file. Neither way is a whole content ever in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use glimpse_wire::api::OCTETS;
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::size::SEALED_CHUNK;
use glimpse_wire::{ErrorCode, Hash};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::settings::Limits;

/// Bytes that are read from a file at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that are read ahead of what the client has taken.
const AHEAD: usize = 2;

/// Runs `act` to its end even when the client goes away, which drops the handler: an upload that broke off must be cleared up,
/// and an opening that is on record must be told to its device.
pub(super) async fn to_the_end<F, Fut, T>(app: &Arc<App>, act: F) -> Answer<T>
where
    F: FnOnce(Arc<App>) -> Fut,
    Fut: Future<Output = Answer<T>> + Send + 'static,
    T: Send + 'static,
{
    let task = app.tasks.spawn(act(Arc::clone(app)));
    task.await.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))
}

/// What arrived.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: u64,
    /// Merkle root over the sealed chunks (RFC 6962).
    pub(super) root: Hash,
}

/// Limits of one upload.
#[derive(Debug, Clone)]
pub(super) struct UploadLimits {
    pub(super) bytes: u64,
    /// How long the sender may say nothing.
    pub(super) stall: Duration,
    /// Bytes a second that the sender must keep up with after that.
    pub(super) pace: u64,
    /// Cancelled when nobody wants it any more.
    pub(super) ended: CancellationToken,
}

impl UploadLimits {
    /// Of `bytes` at the most, with the server's patience.
    pub(super) fn new(bytes: u64, limits: &Limits, ended: CancellationToken) -> Self {
        let stall = Duration::from_secs(limits.stall_seconds);
        Self { bytes, stall, pace: limits.upload_bytes_per_second, ended }
    }

    /// Until when the next piece must come.
    fn deadline(&self, begun: Instant, received: u64) -> Instant {
        let fair = received.checked_div(self.pace).map(|seconds| begun + self.stall + Duration::from_secs(seconds));
        let soon = Instant::now() + self.stall;
        fair.map_or(soon, |fair| fair.min(soon))
    }
}

/// A body that is read piece by piece, within its limits.
pub(super) struct Incoming {
    body: axum::body::BodyDataStream,
    /// What was read and not yet used.
    rest: Bytes,
    begun: Instant,
    received: u64,
    limits: UploadLimits,
}

impl Incoming {
    /// Refuses a body that says it is too long before any of it is read.
    pub(super) fn new(body: Body, limits: UploadLimits) -> Answer<Self> {
        if http_body::Body::size_hint(&body).lower() > limits.bytes {
            return Err(ErrorCode::TooLarge.into());
        }
        Ok(Self { body: body.into_data_stream(), rest: Bytes::new(), begun: Instant::now(), received: 0, limits })
    }

    /// The next piece, `None` at the end.
    async fn next(&mut self) -> Answer<Option<Bytes>> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        let deadline = self.limits.deadline(self.begun, self.received);
        let next = tokio::select! {
            () = self.limits.ended.cancelled() => return Err(ErrorCode::NotFound.into()),
            next = timeout_at(deadline, self.body.next()) => next,
        };
        match next {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => {
                self.received = self.received.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                if self.received > self.limits.bytes { Err(ErrorCode::TooLarge.into()) } else { Ok(Some(piece)) }
            }
            Ok(Some(Err(_))) | Err(_) => Err(ErrorCode::Malformed.into()),
        }
    }

    /// Takes no more than `bytes` after what was taken so far.
    pub(super) fn limit_rest(&mut self, bytes: u64) -> Answer<()> {
        let ahead = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        self.limits.bytes = self.received.saturating_sub(ahead).saturating_add(bytes);
        if ahead > bytes { Err(ErrorCode::TooLarge.into()) } else { Ok(()) }
    }

    /// Exactly `length` bytes from the front.
    pub(super) async fn take(&mut self, length: usize) -> Answer<Vec<u8>> {
        let mut front = Vec::new();
        while front.len() < length {
            let mut piece = self.next().await?.ok_or(ErrorCode::Malformed)?;
            let wanted = piece.len().min(length.saturating_sub(front.len()));
            front.extend_from_slice(&piece.split_to(wanted));
            self.rest = piece;
        }
        Ok(front)
    }

    /// Writes what is left to a new file, hashing it chunk by chunk, and waits until it is on disk.
    pub(super) async fn store(mut self, path: &Path) -> Answer<Received> {
        let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
        let mut tree = MerkleTree::new();
        let mut chunk = Vec::new();
        let mut bytes = 0u64;
        let full = usize::try_from(SEALED_CHUNK).unwrap_or(usize::MAX);
        while let Some(mut piece) = self.next().await? {
            bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            file.write_all(&piece).await?;
            while !piece.is_empty() {
                let wanted = piece.len().min(full.saturating_sub(chunk.len()));
                chunk.extend_from_slice(&piece.split_to(wanted));
                if chunk.len() == full {
                    tree.push(&chunk);
                    chunk.clear();
                }
            }
        }
        if !chunk.is_empty() {
            tree.push(&chunk);
        }
        file.flush().await?;
        file.sync_all().await?;
        // The name of the file is on disk when its folder is.
        if let Some(folder) = path.parent() {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(Received { bytes, root: tree.root() })
    }
}

/// A file, or the part of it that a single `Range: bytes=…` asks for (RFC 9110 section 14). It breaks off when `ended` is
/// cancelled, or when the client takes nothing for too long: a file that was removed stays on disk while it is open.
pub(super) async fn send(
    app: &App,
    (path, total): (&Path, u64),
    request: &HeaderMap,
    ended: CancellationToken,
) -> Answer<Response> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OCTETS));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, from, length) = match range(request, total) {
        Range::Whole => (StatusCode::OK, 0, total),
        Range::Part { from, to } => {
            let text = format!("bytes {from}-{}/{total}", to.saturating_sub(1));
            headers.insert(header::CONTENT_RANGE, header_value(&text)?);
            (StatusCode::PARTIAL_CONTENT, from, to.saturating_sub(from))
        }
        Range::Outside => {
            let problem = Problem::new(ErrorCode::Malformed).with_status(StatusCode::RANGE_NOT_SATISFIABLE);
            let size = [(header::CONTENT_RANGE, header_value(&format!("bytes */{total}"))?)];
            return Ok((size, problem).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // A file that a deletion removed between the question and the answer is not there.
    let mut file = tokio::fs::File::open(path).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound { Problem::new(ErrorCode::NotFound) } else { error.into() }
    })?;
    file.seek(std::io::SeekFrom::Start(from)).await?;
    let mut pieces = ReaderStream::with_capacity(file.take(length), PIECE);
    let stall = Duration::from_secs(app.settings.limits.stall_seconds);
    let (sender, receiver) = mpsc::channel(AHEAD);
    // A task of its own, because the body of an answer is not asked for anything while its client takes nothing.
    app.tasks.spawn(async move {
        while let Some(piece) = pieces.next().await {
            let sent = tokio::select! {
                () = ended.cancelled() => return,
                sent = timeout(stall, sender.send(piece)) => sent,
            };
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Ok((status, headers, Body::from_stream(promised(receiver, length))).into_response())
}

/// The pieces of a file, and an error if they end before `left` bytes came.
fn promised(
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    futures_util::stream::unfold((receiver, left), async |(mut receiver, left)| match receiver.recv().await {
        Some(Ok(piece)) => {
            let left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            Some((Ok(piece), (receiver, left)))
        }
        Some(Err(error)) => Some((Err(error), (receiver, 0))),
        None if left > 0 => Some((Err(io::ErrorKind::UnexpectedEof.into()), (receiver, 0))),
        None => None,
    })
}

fn header_value(text: &str) -> Answer<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| ErrorCode::Internal.into())
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the first byte to one past the last.
    Part {
        from: u64,
        to: u64,
    },
    Outside,
}

/// One range is served; several at once, another unit, or a range under a condition get the whole, which RFC 9110 allows.
fn range(request: &HeaderMap, total: u64) -> Range {
    // There is no validator that a condition could name, so none holds (RFC 9110 section 13.1.5).
    if request.contains_key(header::IF_RANGE) {
        return Range::Whole;
    }
    let value = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        value.and_then(|value| value.strip_prefix("bytes=")).and_then(|spec| spec.split_once('-'))
    else {
        return Range::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    // `parse` would take a sign as well.
    if !first.bytes().chain(last.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Range::Whole;
    }
    let (from, to) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(from), Ok(last)) if last >= from => (from, last.saturating_add(1).min(total)),
        (Ok(from), Err(_)) if last.is_empty() => (from, total),
        (Err(_), Ok(suffix)) if first.is_empty() => (total.saturating_sub(suffix), total),
        _ => return Range::Whole,
    };
    if from < to { Range::Part { from, to } } else { Range::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(text));
            range(&headers, 100)
        };
        assert_eq!(range(&HeaderMap::new(), 100), Range::Whole);
        assert_eq!(of("bytes=0-9"), Range::Part { from: 0, to: 10 });
        assert_eq!(of("bytes=90-"), Range::Part { from: 90, to: 100 });
        assert_eq!(of("bytes=-10"), Range::Part { from: 90, to: 100 });
        assert_eq!(of("bytes=-1000"), Range::Part { from: 0, to: 100 });
        assert_eq!(of("bytes=99-18446744073709551615"), Range::Part { from: 99, to: 100 });
        assert_eq!(of("bytes=100-"), Range::Outside);
        assert_eq!(of("bytes=-0"), Range::Outside);
        for whole in ["bytes=5-4", "bytes=0-1,3-4", "chunks=0-1", "bytes=a-b", "bytes=-", "bytes=+5-9"] {
            assert_eq!(of(whole), Range::Whole, "{whole}");
        }
    }
}
