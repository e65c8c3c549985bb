//! Frames of a WebSocket, in the place of the browser's own.

use futures_util::FutureExt;
use glimpse_device::browser::Fetch;
use glimpse_device::transport::{Socket, Transport, Unreachable};
use glimpse_wire::limits::MAX_FRAME;
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::meddling::{Until, close_from_afar, deliver, field, frame, sockets_made};

/// A socket as a device has it, and what stands in the browser's place.
async fn connected() -> (Box<dyn Socket>, JsValue) {
    let made = Array::new();
    let until = Until::dropped(sockets_made(&made));
    let socket = Fetch::new("https://glimpse.example").unwrap().connect("/v1/a").await.unwrap();
    drop(until);
    (socket, made.get(0))
}

fn is_closed(fake: &JsValue) -> bool {
    field(fake, "readyState") == 3
}

fn max_frame() -> u32 {
    u32::try_from(MAX_FRAME).unwrap()
}

#[wasm_bindgen_test]
async fn frames_go_and_come_in_order() {
    let (mut socket, fake) = connected().await;
    assert_eq!(field(&fake, "url"), "wss://glimpse.example/v1/a");
    assert_eq!(field(&fake, "binaryType"), "arraybuffer");
    socket.send(vec![1, 2]).await.unwrap();
    socket.send(vec![3]).await.unwrap();
    let sent: Array = field(&fake, "sent").unchecked_into();
    let sent: Vec<Vec<u8>> = sent.iter().map(|frame| frame.unchecked_into::<js_sys::Uint8Array>().to_vec()).collect();
    assert_eq!(sent, [vec![1, 2], vec![3]]);
    assert!(socket.receive().now_or_never().is_none(), "a future that is dropped loses nothing");
    deliver(&fake, &frame(2, 7));
    deliver(&fake, &frame(max_frame(), 8));
    close_from_afar(&fake);
    assert_eq!(socket.receive().await, Some(vec![7, 7]));
    assert_eq!(socket.receive().await, Some(vec![8; MAX_FRAME]));
    assert_eq!(socket.receive().await, None);
    assert_eq!(socket.send(vec![1]).await, Err(Unreachable));
}

#[wasm_bindgen_test]
async fn what_is_not_the_protocol_ends_the_connection() {
    for nonsense in [JsValue::from_str("text"), frame(max_frame() + 1, 0), JsValue::NULL] {
        let (mut socket, fake) = connected().await;
        deliver(&fake, &frame(1, 7));
        assert!(!is_closed(&fake));
        deliver(&fake, &nonsense);
        assert!(is_closed(&fake));
        deliver(&fake, &frame(1, 9));
        assert_eq!(socket.receive().await, Some(vec![7]), "what came before it counts");
        assert_eq!(socket.receive().await, None);
    }
}

#[wasm_bindgen_test]
async fn a_flood_ends_the_connection_and_not_the_page() {
    for length in [0, 1_000, max_frame()] {
        let (mut socket, fake) = connected().await;
        let one = frame(length, 1);
        let flood = (0u32..).find(|_| {
            deliver(&fake, &one);
            is_closed(&fake)
        });
        let delivered = u64::from(flood.unwrap());
        assert!(delivered * (u64::from(length) + 1024) <= 4 * 1024 * 1024, "{delivered} of {length}");
        let mut received = 0;
        while socket.receive().await.is_some() {
            received += 1;
        }
        assert_eq!(received, delivered);
        // Control: so many, taken as they come, are no flood.
        let (mut socket, fake) = connected().await;
        for _ in 0..delivered * 2 {
            deliver(&fake, &one);
            assert!(socket.receive().await.is_some());
        }
        assert!(!is_closed(&fake));
    }
}

#[wasm_bindgen_test]
async fn a_socket_that_is_dropped_is_closed() {
    let (socket, fake) = connected().await;
    assert!(!is_closed(&fake));
    drop(socket);
    assert!(is_closed(&fake));
    deliver(&fake, &frame(1, 9));
}
