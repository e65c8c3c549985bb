//! Bodies of requests and answers.
//!
//! No browser but one sends a body as it is made, and that one only where the server speaks HTTP/2 or later. So a body
//! that is made in pieces is collected, outside of this module's memory: in a `Blob`, which a browser may keep on disk.
//! What is collected is sealed content. It is as long as its request says, which the wire bounds.

use core::cell::Cell;

use futures_channel::mpsc;
use futures_util::{StreamExt, stream};
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Blob, ReadableStream, ReadableStreamDefaultReader};

use super::timer::within;
use crate::transport::{BodyStream, Unreachable};

/// Bytes in arrays before they are put into a blob.
const PART: u64 = 1024 * 1024;
/// Longest silence within an answer, in milliseconds.
pub(super) const SILENCE: u32 = 60_000;

/// Breaks an exchange off when dropped; after its end that does nothing.
#[derive(Debug)]
pub(super) struct Exchange(pub(super) AbortController);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Collects a body of exactly `length` bytes.
pub(super) async fn collected(
    length: u64,
    mut chunks: mpsc::Receiver<Result<Vec<u8>, Unreachable>>,
) -> Result<Blob, Unreachable> {
    let (parts, pieces) = (Array::new(), Array::new());
    let (gathered, total) = (Cell::new(0u64), Cell::new(0u64));
    let gather = || -> Result<(), Unreachable> {
        parts.push(blob(&pieces)?.as_ref());
        pieces.set_length(0);
        gathered.set(0);
        Ok(())
    };
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let more = u64::try_from(chunk.len()).map_err(|_| Unreachable)?;
        total.set(total.get().saturating_add(more));
        if total.get() > length {
            return Err(Unreachable);
        }
        pieces.push(&Uint8Array::from(chunk.as_slice()));
        gathered.set(gathered.get().saturating_add(more));
        if gathered.get() >= PART {
            gather()?;
        }
    }
    gather()?;
    if total.get() == length { blob(&parts) } else { Err(Unreachable) }
}

fn blob(parts: &Array) -> Result<Blob, Unreachable> {
    Blob::new_with_buffer_source_sequence(parts).map_err(|_| Unreachable)
}

/// An answer's body as it arrives.
pub(super) fn arriving(stream: Option<ReadableStream>, exchange: Exchange) -> BodyStream {
    let Some(stream) = stream else { return Box::pin(stream::empty()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    Box::pin(stream::unfold(Some((reader, exchange)), |open| async {
        let (reader, exchange) = open?;
        match piece(&reader).await {
            Ok(Some(piece)) => Some((Ok(piece), Some((reader, exchange)))),
            Ok(None) => None,
            Err(Unreachable) => Some((Err(Unreachable), None)),
        }
    }))
}

async fn piece(reader: &ReadableStreamDefaultReader) -> Result<Option<Vec<u8>>, Unreachable> {
    let read = within(SILENCE, JsFuture::from(reader.read())).await?.map_err(|_| Unreachable)?;
    let field = |name: &str| Reflect::get(&read, &JsValue::from_str(name)).map_err(|_| Unreachable);
    if field("done")?.is_truthy() {
        return Ok(None);
    }
    let piece: Uint8Array = field("value")?.dyn_into().map_err(|_| Unreachable)?;
    Ok(Some(piece.to_vec()))
}
