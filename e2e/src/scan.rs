//! What is left in a browser's memory: looks for byte strings in every wasm memory, in the JavaScript heap, and in the
//! whole memory of the processes that drew the page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

/// How long a browser may take to let go of a document that was replaced.
const SETTLE: Duration = Duration::from_secs(5);

/// Counts in every wasm memory of a realm.
const COUNT: &str = "function(needles) {
  const hits = needles.map(() => 0);
  for (const memory of this) {
    const bytes = new Uint8Array(memory.buffer);
    needles.forEach((needle, at) => {
      for (let from = bytes.indexOf(needle[0]); from >= 0; from = bytes.indexOf(needle[0], from + 1)) {
        if (needle.every((byte, offset) => bytes[from + offset] === byte)) hits[at] += 1;
      }
    });
  }
  return hits;
}";

/// Looks for needles in the whole memory of processes, what was freed and not yet used again included. Linux only, and
/// only where the system lets a process read the memory of one that it started.
///
/// # Errors
/// When a memory cannot be read.
pub fn scan_processes(ids: &[u32], needles: &[Needle]) -> Result<Hits> {
    let mut hits: Hits = needles.iter().map(|needle| (needle.name.clone(), 0)).collect();
    for id in ids {
        let maps = std::fs::read_to_string(format!("/proc/{id}/maps"))?;
        let memory = std::fs::File::open(format!("/proc/{id}/mem"))?;
        for line in maps.lines() {
            let Some((range, rest)) = line.split_once(' ') else { continue };
            let bounds = range
                .split_once('-')
                .and_then(|(from, to)| Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?)));
            // What cannot be written holds code and files; nothing of a session.
            let (Some((from, to)), true) = (bounds, rest.starts_with("rw")) else { continue };
            count_in(&memory, from, to, needles, &mut hits);
        }
    }
    Ok(hits)
}

/// Bytes that are read at a time; neighbours overlap by the longest needle.
const PIECE: u64 = 4 * 1024 * 1024;

fn count_in(memory: &std::fs::File, from: u64, to: u64, needles: &[Needle], hits: &mut Hits) {
    use std::os::unix::fs::FileExt as _;
    let longest = needles.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default();
    let overlap = u64::try_from(longest).unwrap_or_default();
    let mut at = from;
    while at < to {
        let end = to.min(at.saturating_add(PIECE).saturating_add(overlap));
        let mut piece = vec![0; usize::try_from(end.saturating_sub(at)).unwrap_or_default()];
        // Reserved and never touched: the kernel has nothing to read there.
        if memory.read_exact_at(&mut piece, at).is_ok() {
            for needle in needles {
                let found = occurrences(&piece, &needle.bytes);
                if let Some(count) = hits.get_mut(&needle.name) {
                    *count = count.saturating_add(found);
                }
            }
        }
        at = at.saturating_add(PIECE);
    }
}

/// How often `needle` occurs in `hay`.
#[must_use]
pub fn occurrences(hay: &[u8], needle: &[u8]) -> u64 {
    let count = memchr::memmem::find_iter(hay, needle).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

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

    /// Looks for needles in every wasm memory of a realm.
    ///
    /// # Errors
    /// When the debugger could not be asked.
    pub async fn scan_memory(&mut self, session: &Session, needles: &[Needle]) -> Result<Hits> {
        let wanted: Vec<&[u8]> = needles.iter().map(|needle| needle.bytes.as_slice()).collect();
        let objects = self.instances(session, "WebAssembly.Memory").await?;
        let counts = self.call_on(session, &objects, COUNT, json!(wanted)).await?;
        let counts = counts.as_array().context("counts")?.iter().map(|count| count.as_u64().unwrap_or_default());
        Ok(needles.iter().map(|needle| needle.name.clone()).zip(counts).collect())
    }

    /// Ids of the processes that draw pages and run their scripts.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn renderers(&mut self) -> Result<Vec<u32>> {
        let all = self.call(None, "SystemInfo.getProcessInfo", json!({})).await?;
        let all = all.get("processInfo").and_then(Value::as_array).context("no processes")?;
        let renderers = all.iter().filter(|process| process.get("type") == Some(&json!("renderer")));
        let ids = renderers.filter_map(|process| process.get("id")?.as_u64());
        Ok(ids.filter_map(|id| u32::try_from(id).ok()).collect())
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
        let snapshot: Value = serde_json::from_str(&text)?;
        let strings = snapshot.get("strings").and_then(Value::as_array).context("no strings")?;
        // What the driver told a test of the page stays in the console of its debugger.
        let told = r#"{"status":0,"value":"#;
        let own: Vec<&str> = strings.iter().filter_map(Value::as_str).filter(|text| !text.starts_with(told)).collect();
        let count = |needle: &Needle| {
            let text = String::from_utf8_lossy(&needle.bytes);
            let found: usize = own.iter().map(|own| own.matches(&*text).count()).sum();
            (needle.name.clone(), u64::try_from(found).unwrap_or(u64::MAX))
        };
        anyhow::ensure!(text.len() > 10_000, "the snapshot is empty");
        Ok(needles.iter().map(count).collect())
    }

    /// Looks until nothing is found in the heap any more: a document that was left is taken down a moment later. Returns
    /// what is left when the patience is.
    ///
    /// # Errors
    /// When the debugger could not be asked.
    pub async fn heap_once_settled(&mut self, session: &Session, needles: &[Needle]) -> Result<Hits> {
        let start = Instant::now();
        loop {
            let hits = self.scan_heap(session, needles).await?;
            if hits.values().all(|&count| count == 0) || start.elapsed() > SETTLE {
                return Ok(hits);
            }
        }
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
