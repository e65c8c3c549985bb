//! A WebSocket.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use glimpse_wire::limits::MAX_FRAME;
use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent};

use super::timer::{Timer, within};
use crate::Local;
use crate::transport::{Socket, Unreachable};

/// In milliseconds.
const CONNECT_TIMEOUT: u32 = 10_000;
/// Bytes of frames that wait to be received: a browser reads on, whether or not anybody takes them. One more ends the
/// connection. Several times what a mailbox holds.
const MAX_WAITING: usize = 4 * 1024 * 1024;
/// What a waiting frame costs beside its bytes: so many empty ones fill the queue, too.
const FRAME_COST: usize = 1024;
/// Bytes that wait to go out before sending waits.
const MAX_BUFFERED: u32 = 1024 * 1024;
/// How often is looked whether they have gone out, in milliseconds: there is no event for it.
const BUFFER_LOOK: u32 = 15;

/// Connects to `path` at `origin`.
pub(super) async fn connect(origin: &str, path: &str) -> Result<Box<dyn Socket>, Unreachable> {
    // `http` becomes `ws`, `https` becomes `wss`.
    let url = format!("ws{}{path}", origin.strip_prefix("http").ok_or(Unreachable)?);
    let inner = web_sys::WebSocket::new(&url).map_err(|_| Unreachable)?;
    let (socket, opened) = WebSocket::watch(inner);
    within(CONNECT_TIMEOUT, opened).await?.map_err(|oneshot::Canceled| Unreachable)?;
    Ok(Box::new(socket))
}

struct WebSocket {
    inner: web_sys::WebSocket,
    arrived: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Rc<Cell<usize>>,
    _open: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut()>,
}

/// Where events go, until the connection ends.
struct Ends {
    opened: Option<oneshot::Sender<()>>,
    frames: Option<mpsc::UnboundedSender<Vec<u8>>>,
}

impl WebSocket {
    fn watch(inner: web_sys::WebSocket) -> (Self, oneshot::Receiver<()>) {
        inner.set_binary_type(BinaryType::Arraybuffer);
        let (opening, opened) = oneshot::channel();
        let (frames, arrived) = mpsc::unbounded();
        let waiting = Rc::new(Cell::new(0));
        let ends = Rc::new(RefCell::new(Ends { opened: Some(opening), frames: Some(frames) }));

        let open = Closure::<dyn FnMut()>::new({
            let ends = Rc::clone(&ends);
            move || {
                let opening = ends.borrow_mut().opened.take();
                // Nobody hears it where connecting was given up.
                let _heard = opening.map(|opening| opening.send(()));
            }
        });
        let close = Closure::<dyn FnMut()>::new({
            let ends = Rc::clone(&ends);
            move || *ends.borrow_mut() = Ends { opened: None, frames: None }
        });
        let message = Closure::<dyn FnMut(MessageEvent)>::new({
            let (waiting, inner) = (Rc::clone(&waiting), inner.clone());
            move |event: MessageEvent| {
                let taken = frame(&event, &waiting).is_some_and(|frame| {
                    ends.borrow().frames.as_ref().is_some_and(|frames| frames.unbounded_send(frame).is_ok())
                });
                if !taken {
                    *ends.borrow_mut() = Ends { opened: None, frames: None };
                    // Without a code there is nothing in it that could be wrong.
                    let _closing = inner.close();
                }
            }
        });
        inner.set_onopen(Some(open.as_ref().unchecked_ref()));
        inner.set_onclose(Some(close.as_ref().unchecked_ref()));
        inner.set_onmessage(Some(message.as_ref().unchecked_ref()));
        (Self { inner, arrived, waiting, _open: open, _message: message, _close: close }, opened)
    }
}

/// The bytes of a binary frame, where there is room for them. The protocol has binary frames only.
pub(super) fn frame(event: &MessageEvent, waiting: &Cell<usize>) -> Option<Vec<u8>> {
    let buffer: ArrayBuffer = event.data().dyn_into().ok()?;
    let length = usize::try_from(buffer.byte_length()).ok().filter(|length| *length <= MAX_FRAME)?;
    let more = waiting.get().saturating_add(cost(length));
    if more > MAX_WAITING {
        return None;
    }
    waiting.set(more);
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
}

pub(super) const fn cost(length: usize) -> usize {
    length.saturating_add(FRAME_COST)
}

impl Socket for WebSocket {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            loop {
                if self.inner.ready_state() != web_sys::WebSocket::OPEN {
                    return Err(Unreachable);
                }
                if self.inner.buffered_amount() <= MAX_BUFFERED {
                    return self.inner.send_with_u8_array(&frame).map_err(|_| Unreachable);
                }
                Timer::new(BUFFER_LOOK).await;
            }
        })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let frame = self.arrived.next().await?;
            self.waiting.set(self.waiting.get().saturating_sub(cost(frame.len())));
            Some(frame)
        })
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onclose(None);
        self.inner.set_onmessage(None);
        // Closing what is closed, or still connecting, is no error.
        let _closing = self.inner.close();
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}
