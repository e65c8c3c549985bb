//! Locks between the tabs and workers of an origin, by the Web Locks API.

use core::cell::RefCell;
use std::rc::Rc;

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
    // The browser holds a lock until the promise that its callback gave is settled.
    let (until, release) = promise()?;
    // From here on: a future that is dropped while it waits leaves a promise that is settled, and so a lock that ends as
    // it is granted.
    let held = Held { release };
    // The callback wakes nobody itself: what fails in it, the browser hands to whoever awaits the request, and a task that
    // cannot be woken would wait for ever, unheard. What fails while a promise is awaited is heard.
    let (granted, grant) = promise()?;
    let callback = Closure::once_into_js(move |_lock: JsValue| {
        // Nobody hears it where the future was dropped. A function of a promise: it does not fail.
        let _heard = grant.call0(&JsValue::UNDEFINED);
        until
    });
    let requested = JsFuture::from(locks.request(name, callback.unchecked_ref())?);
    match select(JsFuture::from(granted), requested).await {
        Either::Left(_) => Ok(held),
        // Settled without a grant: refused.
        Either::Right((outcome, _)) => Err(outcome.map_or_else(Refusal::from, |_| Refusal::NoLocks)),
    }
}

/// A promise, and the function that settles it.
fn promise() -> Result<(Promise, Function), Refusal> {
    let settle = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&settle);
    let promise = Promise::new(&mut |resolve, _| *keep.borrow_mut() = Some(resolve));
    let settle = settle.borrow_mut().take().ok_or(Refusal::NoLocks)?;
    Ok((promise, settle.unchecked_into()))
}
