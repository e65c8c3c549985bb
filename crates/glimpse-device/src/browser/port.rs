//! A message port to another page's worker.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, MessagePort};

use super::socket::{cost, frame};
use crate::Local;
use crate::transport::{Socket, Unreachable};

/// Frames to and from whoever has the other port. A port says nothing of an end that went without a word, in most browsers:
/// who waits for it asks now and then.
pub struct Port {
    inner: MessagePort,
    arrived: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Rc<Cell<usize>>,
    over: Rc<Cell<bool>>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    close: Closure<dyn FnMut()>,
}

impl Port {
    /// Takes the port, and what has waited in it.
    #[must_use]
    pub fn new(inner: MessagePort) -> Self {
        let (frames, arrived) = mpsc::unbounded();
        let (waiting, over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let frames = Rc::new(RefCell::new(Some(frames)));
        let end = {
            let (frames, over) = (Rc::clone(&frames), Rc::clone(&over));
            move || {
                over.set(true);
                drop(frames.borrow_mut().take());
            }
        };
        let message = Closure::<dyn FnMut(MessageEvent)>::new({
            let (waiting, end) = (Rc::clone(&waiting), end.clone());
            move |event: MessageEvent| {
                // Anything but a frame, such as the other end's last word, ends it.
                let taken = frame(&event, &waiting).is_some_and(|frame| {
                    frames.borrow().as_ref().is_some_and(|frames| frames.unbounded_send(frame).is_ok())
                });
                if !taken {
                    end();
                }
            }
        });
        let close = Closure::<dyn FnMut()>::new(end);
        // Some browsers tell that the other end is gone.
        let _told = inner.add_event_listener_with_callback("close", close.as_ref().unchecked_ref());
        inner.set_onmessage(Some(message.as_ref().unchecked_ref()));
        Self { inner, arrived, waiting, over, _message: message, close }
    }
}

impl Socket for Port {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            if self.over.get() {
                return Err(Unreachable);
            }
            let buffer = Uint8Array::from(frame.as_slice()).buffer();
            self.inner.post_message_with_transferable(&buffer, &Array::of1(&buffer)).map_err(|_| Unreachable)
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

impl Drop for Port {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        let _told = self.inner.remove_event_listener_with_callback("close", self.close.as_ref().unchecked_ref());
        // The last word; whoever is gone does not hear it.
        let _said = self.inner.post_message(&JsValue::NULL);
        self.inner.close();
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Port")
    }
}
