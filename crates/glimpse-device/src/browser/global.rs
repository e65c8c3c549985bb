//! What the global object of a page and of a worker have in common. web-sys has a type for each, and none for both.

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{Crypto, IdbFactory, IdbTransaction, Performance, Request};

#[wasm_bindgen]
extern "C" {
    /// A window's or a worker's global object.
    #[derive(Clone, Debug)]
    pub(super) type Global;

    #[wasm_bindgen(method, catch)]
    pub(super) fn fetch(this: &Global, request: &Request) -> Result<Promise, JsValue>;

    /// Missing or refused where the browser stores nothing for this page.
    #[wasm_bindgen(method, getter, js_name = indexedDB, catch)]
    pub(super) fn indexed_db(this: &Global) -> Result<Option<IdbFactory>, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn performance(this: &Global) -> Performance;

    #[wasm_bindgen(method, getter)]
    pub(super) fn crypto(this: &Global) -> Crypto;

    #[wasm_bindgen(method, getter)]
    pub(super) fn navigator(this: &Global) -> Navigator;

    #[wasm_bindgen(method, js_name = setTimeout)]
    pub(super) fn set_timeout(this: &Global, then: &Function, millis: u32) -> i32;

    #[wasm_bindgen(method, js_name = clearTimeout)]
    pub(super) fn clear_timeout(this: &Global, id: i32);

    /// `Navigator` or `WorkerNavigator`.
    #[derive(Clone, Debug)]
    pub(super) type Navigator;

    /// Missing in old browsers, and where the page did not come over a secure connection.
    #[wasm_bindgen(method, getter)]
    pub(super) fn locks(this: &Navigator) -> Option<Locks>;

    /// `LockManager`, which web-sys does not count as stable.
    #[derive(Clone, Debug)]
    pub(super) type Locks;

    #[wasm_bindgen(method, catch)]
    pub(super) fn request(this: &Locks, name: &str, granted: &Function) -> Result<Promise, JsValue>;

    /// `IDBDatabase`, whose transactions take a durability, which web-sys does not count as stable.
    #[derive(Clone, Debug)]
    pub(super) type Transactions;

    #[wasm_bindgen(method, catch)]
    pub(super) fn transaction(
        this: &Transactions,
        store: &str,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}

pub(super) fn global() -> Global {
    js_sys::global().unchecked_into()
}
