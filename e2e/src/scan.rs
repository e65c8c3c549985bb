//! What is left in a browser's memory: looks for byte strings in every wasm memory and buffer, and in the JavaScript heap.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::devtools::{DevTools, Session};

/// How often each thing that was looked for was found, by its name.
pub type Hits = BTreeMap<String, u64>;

/// A byte string to look for, and what it is called in a report.
#[derive(Clone, Debug)]
pub struct Needle {
    /// Its name in [`Hits`].
    pub name: String,
    /// What to look for.
    pub bytes: Vec<u8>,
}

impl Needle {
    /// Looks for text as UTF-8.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }
}

/// Counts in every memory and buffer of a realm. The last element of a needle's bytes must fit for a hit.
const COUNT: &str = "function(needles) {
  const buffers = new Set(this.map(each => each instanceof WebAssembly.Memory ? each.buffer : each));
  const hits = needles.map(() => 0);
  for (const buffer of buffers) {
    if (buffer.byteLength === 0) continue;
    const bytes = new Uint8Array(buffer);
    needles.forEach((needle, at) => {
      for (let from = bytes.indexOf(needle[0]); from >= 0; from = bytes.indexOf(needle[0], from + 1)) {
        if (needle.every((byte, offset) => bytes[from + offset] === byte)) hits[at] += 1;
      }
    });
  }
  return hits;
}";

impl DevTools {
    /// How many wasm memories a realm has.
    ///
    /// # Errors
    /// When the debugger could not be asked.
    pub async fn memories(&mut self, session: &Session) -> Result<u64> {
        let objects = self.instances(session, "WebAssembly.Memory").await?;
        let count = "function() { return this.length }";
        self.call_on(session, &objects, count, Value::Null).await?.as_u64().context("a count")
    }

    /// Looks for needles in every wasm memory and every array buffer of a realm.
    ///
    /// # Errors
    /// When the debugger could not be asked.
    pub async fn scan_memory(&mut self, session: &Session, needles: &[Needle]) -> Result<Hits> {
        let wanted: Vec<&[u8]> = needles.iter().map(|needle| needle.bytes.as_slice()).collect();
        let mut hits = Hits::new();
        for class in ["WebAssembly.Memory", "ArrayBuffer"] {
            let objects = self.instances(session, class).await?;
            let counts = self.call_on(session, &objects, COUNT, json!(wanted)).await?;
            let counts = counts.as_array().context("counts")?;
            for (needle, count) in needles.iter().zip(counts) {
                *hits.entry(needle.name.clone()).or_default() += count.as_u64().unwrap_or_default();
            }
        }
        Ok(hits)
    }

    /// Looks for needles, which are text, in a snapshot of a realm's JavaScript heap.
    ///
    /// # Errors
    /// When the debugger could not be asked.
    pub async fn scan_heap(&mut self, session: &Session, needles: &[Needle]) -> Result<Hits> {
        let params = json!({ "reportProgress": false, "captureNumericValue": false });
        self.call(Some(session), "HeapProfiler.takeHeapSnapshot", params).await?;
        let chunks = self.take_events("HeapProfiler.addHeapSnapshotChunk");
        let text: String = chunks.iter().filter_map(|chunk| chunk.get("chunk")?.as_str()).collect();
        let count = |needle: &Needle| {
            let found = text.matches(&*String::from_utf8_lossy(&needle.bytes)).count();
            (needle.name.clone(), u64::try_from(found).unwrap_or(u64::MAX))
        };
        anyhow::ensure!(text.len() > 10_000, "the snapshot is empty");
        Ok(needles.iter().map(count).collect())
    }

    /// A handle on the array of all live instances of a class.
    async fn instances(&mut self, session: &Session, class: &str) -> Result<String> {
        // What nobody refers to any more is not live.
        self.call(Some(session), "HeapProfiler.collectGarbage", json!({})).await?;
        let prototype = json!({ "expression": format!("{class}.prototype") });
        let prototype = self.call(Some(session), "Runtime.evaluate", prototype).await?;
        let id = prototype.pointer("/result/objectId").context("no prototype")?;
        let found = self.call(Some(session), "Runtime.queryObjects", json!({ "prototypeObjectId": id })).await?;
        Ok(found.pointer("/objects/objectId").and_then(Value::as_str).context("no objects")?.to_owned())
    }

    async fn call_on(&mut self, session: &Session, object: &str, function: &str, argument: Value) -> Result<Value> {
        let params = json!({
            "objectId": object, "functionDeclaration": function,
            "arguments": [{ "value": argument }], "returnByValue": true,
        });
        let answer = self.call(Some(session), "Runtime.callFunctionOn", params).await?;
        anyhow::ensure!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer.pointer("/result/value").cloned().context("no value")
    }
}
