//! Requests to the server, each with an end: a time limit and a size limit.

use glimpse_core::viewer::{HttpRequest, Input};
use gloo_net::http::{Method, RequestBuilder};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials, RequestMode,
    RequestRedirect,
};

use super::{Shared, feed};

/// How long a request may take, in milliseconds: a mebibyte over a slow line.
const PATIENCE: u32 = 60_000;
/// The largest answer that is read, in bytes: sixteen chunks of content, or the longest list of receipts, with room.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Sends a request and tells the viewer what became of it.
pub(super) async fn run(shared: Shared, server: String, request: HttpRequest) {
    let id = request.id;
    let input = match exchange(&server, request).await {
        Some((status, body)) => Input::HttpDone { id, status, body },
        None => Input::HttpFailed { id },
    };
    feed(&shared, input);
}

/// Status and body; nothing when there is no answer that can be used.
async fn exchange(server: &str, request: HttpRequest) -> Option<(u16, Vec<u8>)> {
    let signal = AbortSignal::timeout_with_u32(PATIENCE);
    let mut builder = RequestBuilder::new(&format!("{server}{}", request.path))
        .method(if request.method == "POST" { Method::POST } else { Method::GET })
        .mode(RequestMode::Cors)
        .cache(RequestCache::NoStore)
        .credentials(RequestCredentials::Omit)
        .redirect(RequestRedirect::Error)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(Some(&signal));
    if let Some((first, last)) = request.range {
        builder = builder.header("range", &format!("bytes={first}-{last}"));
    }
    if let Some(bearer) = request.bearer {
        builder = builder.header("authorization", &format!("Bearer {bearer}"));
    }
    let ready = if request.content_type.is_empty() {
        builder.build()
    } else {
        builder.header("content-type", request.content_type).body(Uint8Array::from(request.body.as_slice()))
    };
    let response = ready.ok()?.send().await.ok()?;
    let body = match response.body() {
        Some(stream) => read(&stream.get_reader().unchecked_into()).await?,
        None => Vec::new(),
    };
    Some((response.status(), body))
}

/// Reads a body to its end, and gives up where it is larger than anything the protocol sends.
async fn read(reader: &ReadableStreamDefaultReader) -> Option<Vec<u8>> {
    let (done, value) = (JsValue::from_str("done"), JsValue::from_str("value"));
    let mut body = Vec::new();
    loop {
        let next = JsFuture::from(reader.read()).await.ok()?;
        if Reflect::get(&next, &done).ok()?.is_truthy() {
            return Some(body);
        }
        let chunk: Uint8Array = Reflect::get(&next, &value).ok()?.dyn_into().ok()?;
        let length = usize::try_from(chunk.length()).ok()?;
        if body.len().checked_add(length)? > MAX_ANSWER {
            let _ = reader.cancel();
            return None;
        }
        body.extend_from_slice(&chunk.to_vec());
    }
}
