//! Requests, as they go out and as answers come back, in the place of the browser's own `fetch`.

use futures_channel::mpsc;
use futures_util::{FutureExt, SinkExt, StreamExt};
use glimpse_device::api::bare;
use glimpse_device::browser::{BadOrigin, Fetch};
use glimpse_device::transport::{Body, Method, Request, Transport, Unreachable};
use glimpse_wire::Hash;
use js_sys::Array;
use wasm_bindgen_test::wasm_bindgen_test;

use super::meddling::{Until, aborted, answer, broken_answer, bytes, fetch_answers, field};

const ORIGIN: &str = "https://glimpse.example";

fn get(path: &str) -> Request {
    bare(Method::Get, path.to_owned())
}

#[wasm_bindgen_test]
fn origins() {
    for (address, expected) in [
        ("https://Glimpse.Example/", Ok(ORIGIN)),
        ("https://glimpse.example:8443", Ok("https://glimpse.example:8443")),
        ("https://glimpse.example:443", Ok(ORIGIN)),
        (" http://127.0.0.1:8080 ", Ok("http://127.0.0.1:8080")),
        ("http://localhost:1", Ok("http://localhost:1")),
        ("http://[::1]:1", Ok("http://[::1]:1")),
        ("http://glimpse.example", Err(BadOrigin::Plain)),
        ("http://127.0.0.1.example", Err(BadOrigin::Plain)),
        ("https://glimpse.example/path", Err(BadOrigin::Malformed)),
        ("https://user@glimpse.example", Err(BadOrigin::Malformed)),
        ("https://glimpse.example/?q", Err(BadOrigin::Malformed)),
        ("https://glimpse.example/#f", Err(BadOrigin::Malformed)),
        ("ftp://glimpse.example", Err(BadOrigin::Malformed)),
        ("javascript:0", Err(BadOrigin::Malformed)),
        ("glimpse.example", Err(BadOrigin::Malformed)),
        ("", Err(BadOrigin::Malformed)),
    ] {
        let given = Fetch::new(address);
        assert_eq!(given.as_ref().map(Transport::origin), expected.as_ref().copied(), "{address}");
    }
}

#[wasm_bindgen_test]
async fn a_request_takes_nothing_with_it_that_it_was_not_given() {
    let seen = Array::new();
    let until = Until::dropped(fetch_answers(&seen, &answer(429, "retry-after", "7")));
    let fetch = Fetch::new(ORIGIN).unwrap();
    let request = Request { range: Some((5, Some(9))), ..get("/v1/a?b=c").by(Hash([7; 32])) };
    let response = fetch.request(request).await.unwrap();
    assert_eq!((response.status, response.retry_after), (429, Some(7)));
    assert_eq!(response.body.count().await, 0);
    let body = Body::Bytes(b"body".to_vec());
    let request = Request { content_type: Some("application/cbor"), range: Some((5, None)), body, ..get("/v1/d") };
    let signed = Request { method: Method::Put, proof: Some("cHJvb2Y".to_owned()), ..request };
    fetch.request(signed).await.unwrap();
    drop(until);
    let common =
        r#""mode":"cors","cache":"no-store","credentials":"omit","redirect":"error","referrerPolicy":"no-referrer""#;
    let token = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    assert_eq!(
        field(&seen.get(0), "sent").as_string().unwrap(),
        format!(
            r#"{{"url":"{ORIGIN}/v1/a?b=c","method":"GET",{common},"headers":{{"authorization":"Bearer {token}","range":"bytes=5-9"}}}}"#
        )
    );
    assert_eq!(
        field(&seen.get(1), "sent").as_string().unwrap(),
        format!(
            r#"{{"url":"{ORIGIN}/v1/d","method":"PUT",{common},"headers":{{"authorization":"Signed cHJvb2Y","content-type":"application/cbor","range":"bytes=5-"}}}}"#
        )
    );
    assert_eq!((bytes(&seen.get(0), "body"), bytes(&seen.get(1), "body")), (Vec::new(), b"body".to_vec()));
}

/// Sends pieces as one body of `length` bytes; whether that worked, and what went out.
async fn sent(length: u64, pieces: Vec<Result<Vec<u8>, Unreachable>>) -> (bool, Option<Vec<u8>>) {
    let seen = Array::new();
    let until = Until::dropped(fetch_answers(&seen, &answer(204, "x", "y")));
    let (mut sender, chunks) = mpsc::channel(1);
    let request = Request { method: Method::Put, body: Body::Chunks { length, chunks }, ..get("/v1/a") };
    let fetch = Fetch::new(ORIGIN).unwrap();
    let sending = async {
        for piece in pieces {
            // Refused by a request that has failed.
            let _taken = sender.send(piece).await;
        }
        drop(sender);
    };
    let (answer, ()) = futures_util::future::join(fetch.request(request), sending).await;
    drop(until);
    (answer.is_ok(), (seen.length() > 0).then(|| bytes(&seen.get(0), "body")))
}

#[wasm_bindgen_test]
async fn a_body_that_is_made_in_pieces_goes_out_whole_or_not_at_all() {
    let pieces: Vec<Vec<u8>> = (0..80u8).map(|piece| vec![piece; 65_552]).collect();
    let whole = pieces.concat();
    let length = whole.len() as u64;
    let all = || pieces.iter().cloned().map(Ok).collect::<Vec<_>>();
    let (answered, body) = sent(length, all()).await;
    assert!(answered && body == Some(whole), "five parts and a rest");
    assert_eq!(sent(0, Vec::new()).await, (true, Some(Vec::new())));
    let broken = vec![Ok(vec![1; 10]), Err(Unreachable)];
    for (length, pieces) in [(length + 1, all()), (length - 1, all()), (20, broken)] {
        assert_eq!(sent(length, pieces).await, (false, None));
    }
}

#[wasm_bindgen_test]
async fn an_answer_that_breaks_off_is_an_error_after_what_came() {
    let seen = Array::new();
    let until = Until::dropped(fetch_answers(&seen, &broken_answer()));
    let fetch = Fetch::new(ORIGIN).unwrap();
    let body = fetch.request(get("/v1/a")).await.unwrap().body;
    let pieces: Vec<_> = body.collect().await;
    assert_eq!(pieces, [Ok(vec![1, 2, 3]), Err(Unreachable)]);
    // One that nobody reads is broken off.
    let response = fetch.request(get("/v1/a")).await.unwrap();
    assert!(!aborted(&seen.get(1)));
    drop(response);
    assert!(aborted(&seen.get(1)));
    drop(until);
}

#[wasm_bindgen_test]
async fn nobody_there_is_unreachable() {
    // Nobody listens on port 1; a browser does not even try.
    let fetch = Fetch::new("http://127.0.0.1:1").unwrap();
    assert_eq!(fetch.request(get("/v1/info")).await.map(|response| response.status), Err(Unreachable));
    assert!(matches!(fetch.connect("/v1/a").await, Err(Unreachable)));
    assert!(fetch.request(get("/v1/info")).now_or_never().is_none());
}
