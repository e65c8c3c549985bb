//! What a Worker tells its page: snapshots, views, and bytes that the page shows or saves. No key, ever.

use core::fmt::Display;

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

/// Posts messages through a function of the Worker's script: `report(message, transfer)`.
#[derive(Debug)]
pub struct Reporter {
    post: Function,
}

/// Everything that is on the screen.
#[derive(Serialize)]
struct SnapshotReport<'a, S> {
    kind: &'static str,
    snapshot: &'a S,
}

/// A text that the person keeps as a file.
#[derive(Serialize)]
struct FileReport<'a> {
    kind: &'static str,
    name: &'a str,
    text: &'a str,
}

impl Reporter {
    /// Through this function.
    #[must_use]
    pub const fn new(post: Function) -> Self {
        Self { post }
    }

    /// Hands over everything that is on the screen.
    pub fn snapshot(&self, snapshot: &impl Serialize) {
        self.send(&SnapshotReport { kind: "snapshot", snapshot });
    }

    /// Hands over how an opened record is drawn.
    pub fn view(&self, record: &dyn Display, view: &JsValue) {
        self.transfer("view", record, &[("view", view)], None);
    }

    /// Hands over a stretch of a chart, at its place among the blocks.
    pub fn chart(&self, record: &dyn Display, block: u32, chart: &JsValue) {
        self.transfer("chart", record, &[("block", &JsValue::from(block)), ("chart", chart)], None);
    }

    /// Hands over the bytes of an open record from `offset` on; at 0 it begins, or begins anew.
    pub fn bytes(&self, record: &dyn Display, offset: u64, bytes: &[u8]) {
        // A number, as the page counts; exact up to 2^53, and content has 4 GiB at most.
        #[expect(clippy::as_conversions, reason = "see above")]
        let offset = JsValue::from_f64(offset as f64);
        self.transfer("bytes", record, &[("offset", &offset)], Some(&Uint8Array::from(bytes)));
    }

    /// Lets the page save a record: these bytes, or those that it has.
    pub fn save(&self, record: &dyn Display, name: &str, bytes: Option<&Uint8Array>) {
        self.transfer("save", record, &[("name", &JsValue::from_str(name))], bytes);
    }

    /// Lets the page save a text as a file of this name.
    pub fn file(&self, name: &str, text: &str) {
        self.send(&FileReport { kind: "file", name, text });
    }

    /// Posts any other message; public data only.
    pub fn send(&self, report: &impl Serialize) {
        if let Ok(message) = report.serialize(&Serializer::json_compatible()) {
            // A page that threw an error while drawing is not the Worker's to mend.
            let _ = self.post.call1(&JsValue::NULL, &message);
        }
    }

    fn transfer(&self, kind: &str, record: &dyn Display, more: &[(&str, &JsValue)], bytes: Option<&Uint8Array>) {
        let message = Object::new();
        let set = |name: &str, value: &JsValue| {
            // Fails on frozen objects only, and this one is new.
            let _ = Reflect::set(&message, &JsValue::from_str(name), value);
        };
        set("kind", &JsValue::from_str(kind));
        set("unit", &JsValue::from_str(&record.to_string()));
        for (name, value) in more {
            set(name, value);
        }
        let moved = Array::new();
        if let Some(bytes) = bytes {
            set("bytes", bytes);
            moved.push(&bytes.buffer());
        }
        let _ = self.post.call2(&JsValue::NULL, &message, &moved);
    }
}
