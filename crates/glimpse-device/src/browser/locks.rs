//! Locks between the tabs and workers of an origin, by the Web Locks API.

use core::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::global::global;
use super::refusal::Refusal;

/// A lock, or a place in the queue for one; given back when dropped.
#[derive(Debug)]
struct Held {
    release: Function,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A function of a promise: it does not fail.
        let _released = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// Waits for the lock `name` of this origin, and holds it until what it gives is dropped. A tab that goes gives back
/// what it holds.
pub(super) async fn lock(name: &str) -> Result<impl Sized + 'static, Refusal> {
    let locks = global().navigator().locks().ok_or(Refusal::NoLocks)?;
    let release = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&release);
    // The browser holds a lock until the promise that its callback gave is settled.
    let until = Promise::new(&mut |resolve, _| *keep.borrow_mut() = Some(resolve));
    let release = release.borrow_mut().take().ok_or(Refusal::NoLocks)?;
    // From here on: a future that is dropped while it waits leaves a promise that is settled, and so a lock that ends as
    // it is granted.
    let held = Held { release: release.unchecked_into() };
    let (sender, granted) = oneshot::channel();
    let callback = Closure::once_into_js(move |_lock: JsValue| {
        // Nobody hears it where the future was dropped.
        let _heard = sender.send(());
        until
    });
    let requested = JsFuture::from(locks.request(name, callback.unchecked_ref())?);
    match select(granted, requested).await {
        Either::Left((Ok(()), _)) => Ok(held),
        // Settled without a grant: refused.
        Either::Left((Err(oneshot::Canceled), requested)) => Err(refused(requested.await)),
        Either::Right((outcome, _)) => Err(refused(outcome)),
    }
}

fn refused(outcome: Result<JsValue, JsValue>) -> Refusal {
    outcome.map_or_else(Refusal::from, |_| Refusal::NoLocks)
}
