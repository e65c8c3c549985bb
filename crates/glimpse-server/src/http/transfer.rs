//! Sealed chunks on their way to and from a file. Neither way is a whole content ever in memory.

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
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::problem::{Answer, Problem};

/// Runs `act` to its end even when the client goes away, which drops the handler: an upload that broke off must be cleared up.
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
#[derive(Debug, Clone, Copy)]
pub(super) struct UploadLimits {
    pub(super) bytes: u64,
    /// How long the sender may say nothing.
    pub(super) stall: Duration,
}

/// A body that is read piece by piece, within its limits.
pub(super) struct Incoming {
    body: axum::body::BodyDataStream,
    /// What was read and not yet used.
    rest: Bytes,
    left: u64,
    stall: Duration,
}

impl Incoming {
    /// Refuses a body that says it is too long before any of it is read.
    pub(super) fn new(body: Body, limits: UploadLimits) -> Answer<Self> {
        if http_body::Body::size_hint(&body).lower() > limits.bytes {
            return Err(ErrorCode::TooLarge.into());
        }
        Ok(Self { body: body.into_data_stream(), rest: Bytes::new(), left: limits.bytes, stall: limits.stall })
    }

    /// The next piece, `None` at the end.
    async fn next(&mut self) -> Answer<Option<Bytes>> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        match tokio::time::timeout(self.stall, self.body.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                self.left = self.left.checked_sub(length).ok_or(ErrorCode::TooLarge)?;
                Ok(Some(piece))
            }
            Ok(Some(Err(_))) | Err(_) => Err(ErrorCode::Malformed.into()),
        }
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

/// A file, or the part of it that a single `Range: bytes=…` asks for (RFC 9110 section 14).
pub(super) async fn send(path: &Path, total: u64, request: &HeaderMap) -> Answer<Response> {
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
            headers.insert(header::CONTENT_RANGE, header_value(&format!("bytes */{total}"))?);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // A file that a deletion removed between the question and the answer is not there.
    let mut file = tokio::fs::File::open(path).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound { Problem::new(ErrorCode::NotFound) } else { error.into() }
    })?;
    file.seek(std::io::SeekFrom::Start(from)).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), 64 * 1024));
    Ok((status, headers, body).into_response())
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

/// One range is served; several at once, or another unit, get the whole, which RFC 9110 allows.
fn range(request: &HeaderMap, total: u64) -> Range {
    let value = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        value.and_then(|value| value.strip_prefix("bytes=")).and_then(|spec| spec.split_once('-'))
    else {
        return Range::Whole;
    };
    let (from, to) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(from), Ok(last)) if last >= from => (from, last.saturating_add(1).min(total)),
        (Ok(from), Err(_)) if last.trim().is_empty() => (from, total),
        (Err(_), Ok(suffix)) if first.trim().is_empty() => (total.saturating_sub(suffix), total),
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
        for whole in ["bytes=5-4", "bytes=0-1,3-4", "chunks=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(of(whole), Range::Whole, "{whole}");
        }
    }
}
