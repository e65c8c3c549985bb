//! `setTimeout` as a future.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::future::Future;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use wasm_bindgen::prelude::*;

use super::global::global;
use crate::transport::Unreachable;

/// The longest that a browser's timer takes, in milliseconds: some 24 days. A longer one would fire at once.
pub(super) const LONGEST: u32 = 0x7fff_ffff;

/// Done once, after so many milliseconds; gone when dropped.
#[derive(Debug)]
pub(super) struct Timer {
    id: i32,
    fired: oneshot::Receiver<()>,
    _fire: Closure<dyn FnMut()>,
}

impl Timer {
    pub(super) fn new(millis: u32) -> Self {
        let (sender, fired) = oneshot::channel();
        let mut sender = Some(sender);
        let fire = Closure::new(move || {
            // Nobody waits for a timer that was dropped; that one is cleared, too.
            let _heard = sender.take().map(|sender| sender.send(()));
        });
        let id = global().set_timeout(fire.as_ref().unchecked_ref(), millis.min(LONGEST));
        Self { id, fired, _fire: fire }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.fired).poll(context).map(|_fired| ())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        global().clear_timeout(self.id);
    }
}

/// What `future` gives, unless it takes longer than so many milliseconds.
pub(super) async fn within<T>(millis: u32, future: impl Future<Output = T>) -> Result<T, Unreachable> {
    let future = core::pin::pin!(future);
    match select(future, Timer::new(millis)).await {
        Either::Left((given, _)) => Ok(given),
        Either::Right(((), _)) => Err(Unreachable),
    }
}
