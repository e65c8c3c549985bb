//! A browser that fails where a test wants it to. Each function changes something of the global object and gives back
//! what puts it right again.

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(inline_js = r#"
const replace = (object, name, descriptor) => {
  const own = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { configurable: true, ...descriptor });
  return () => {
    if (own) Object.defineProperty(object, name, own);
    else delete object[name];
  };
};

export const without = (object, name) => replace(object, name, { value: undefined });

export const wall_clock_off = (millis) => {
  const real = Date.now;
  return replace(Date, "now", { value: () => real() + millis });
};

export const database_refused = (name) =>
  replace(IDBFactory.prototype, "open", { value: () => { throw new DOMException("no", name); } });

export const disk_full = () => {
  const put = IDBObjectStore.prototype.put;
  return replace(IDBObjectStore.prototype, "put", {
    value: function (...all) {
      const request = put.apply(this, all);
      Object.defineProperty(this.transaction, "error", { value: new DOMException("full", "QuotaExceededError") });
      this.transaction.abort();
      return request;
    },
  });
};

export const transactions_seen = (seen) => {
  const transaction = IDBDatabase.prototype.transaction;
  return replace(IDBDatabase.prototype, "transaction", {
    value: function (...all) {
      const made = transaction.apply(this, all);
      seen.push(`${made.mode} ${made.durability}`);
      return made;
    },
  });
};

// How many tasks each callback of a lock scheduled before it came back.
export const scheduled_by_locks = (seen) => {
  const request = LockManager.prototype.request;
  return replace(LockManager.prototype, "request", {
    value: function (name, callback) {
      return request.call(this, name, (lock) => {
        let scheduled = 0;
        const undo = replace(globalThis, "queueMicrotask", { value: (task) => { scheduled += 1; Promise.resolve().then(task); } });
        try {
          return callback(lock);
        } finally {
          undo();
          seen.push(scheduled);
        }
      });
    },
  });
};
export const locks_requested = (name, callback) => navigator.locks.request(name, callback);

export const database_open = (name, version) => new Promise((resolve, reject) => {
  const request = indexedDB.open(name, version);
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export const database_deleted = (name) => new Promise((resolve, reject) => {
  const request = indexedDB.deleteDatabase(name);
  request.onsuccess = () => resolve("deleted");
  request.onblocked = () => resolve("blocked");
  request.onerror = () => reject(request.error);
});

export const fetch_answers = (seen, answer) => replace(globalThis, "fetch", {
  value: async (request) => {
    const { url, method, mode, cache, credentials, redirect, referrerPolicy, signal } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    const headers = Object.fromEntries(request.headers);
    seen.push({ sent: JSON.stringify({ url, method, mode, cache, credentials, redirect, referrerPolicy, headers }), body, signal });
    return answer();
  },
});

export const answer = (status, name, value) => () => new Response(null, { status, headers: { [name]: value } });

export const broken_answer = () => () => {
  let first = true;
  return new Response(new ReadableStream({
    pull(controller) {
      if (first) controller.enqueue(new Uint8Array([1, 2, 3]));
      else controller.error(new TypeError("broken"));
      first = false;
    },
  }, { highWaterMark: 0 }));
};

export const sockets_made = (seen) => {
  class Fake {
    constructor(url) {
      Object.assign(this, { url, readyState: 0, bufferedAmount: 0, sent: [] });
      seen.push(this);
      queueMicrotask(() => { this.readyState = 1; this.onopen?.(); });
    }
    send(data) { this.sent.push(new Uint8Array(data)); }
    close() { this.readyState = 3; }
  }
  return replace(globalThis, "WebSocket", { value: Fake });
};

export const deliver = (socket, data) => socket.onmessage?.({ data });
export const close_from_afar = (socket) => { socket.readyState = 3; socket.onclose?.(); };
export const frame = (length, value) => new Uint8Array(length).fill(value).buffer;
export const field = (object, name) => object[name];
export const aborted = (seen) => seen.signal.aborted;
"#)]
extern "C" {
    pub(crate) fn without(object: &JsValue, name: &str) -> Function;
    pub(crate) fn wall_clock_off(millis: f64) -> Function;
    pub(crate) fn database_refused(name: &str) -> Function;
    pub(crate) fn disk_full() -> Function;
    pub(crate) fn transactions_seen(seen: &Array) -> Function;
    pub(crate) fn scheduled_by_locks(seen: &Array) -> Function;
    pub(crate) fn locks_requested(name: &str, callback: &Function) -> JsValue;
    #[wasm_bindgen(catch)]
    pub(crate) async fn database_open(name: &str, version: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) async fn database_deleted(name: &str) -> Result<JsValue, JsValue>;
    pub(crate) fn fetch_answers(seen: &Array, answer: &Function) -> Function;
    pub(crate) fn answer(status: u16, name: &str, value: &str) -> Function;
    pub(crate) fn broken_answer() -> Function;
    pub(crate) fn sockets_made(seen: &Array) -> Function;
    pub(crate) fn deliver(socket: &JsValue, data: &JsValue);
    pub(crate) fn close_from_afar(socket: &JsValue);
    pub(crate) fn frame(length: u32, value: u8) -> JsValue;
    pub(crate) fn field(object: &JsValue, name: &str) -> JsValue;
    pub(crate) fn aborted(seen: &JsValue) -> bool;
}

/// Puts right again, when it is dropped, what was changed.
#[derive(Debug)]
pub(crate) struct Until(Function);

impl Until {
    pub(crate) const fn dropped(undo: Function) -> Self {
        Self(undo)
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        self.0.call0(&JsValue::UNDEFINED).unwrap();
    }
}

/// The bytes of a field.
pub(crate) fn bytes(object: &JsValue, name: &str) -> Vec<u8> {
    field(object, name).unchecked_into::<Uint8Array>().to_vec()
}

/// A part of the global object.
pub(crate) fn part(name: &str) -> JsValue {
    field(&global(), name)
}

pub(crate) fn global() -> JsValue {
    js_sys::global().into()
}
