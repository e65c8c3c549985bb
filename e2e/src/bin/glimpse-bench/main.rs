//! The figures behind `cargo xtask bench` that need the whole system: a real server, the real command and a real browser.
//!
//! Prints one JSON line a figure; `--only bytes` (or another name of `main`) takes one. What it runs is built without optimisation, except cryptography and the page itself:
//! the figures are for comparing a change with its parent on one machine at rest.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks on its terminal")]

mod agent;
mod phone;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Chromium;
use e2e::device::{Device, Lending, field};
use e2e::devtools::{DevTools, Session};
use e2e::server::Server;
use serde_json::{Value, json};

/// How the parts under test were built.
const BUILD: &str = "dev, cryptography optimised; page wasm-release";

/// Room for one machine that plays everybody.
const ROOMY: [&str; 8] = [
    "--set",
    "limits.requests_per_address=10000000",
    "--set",
    "limits.claims_per_address=1000",
    "--set",
    "limits.mints_per_signer=1000000",
    "--set",
    "limits.releases_per_device=1000000",
];

#[tokio::main]
async fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut outcomes = Vec::new();
    if wanted("bytes") {
        outcomes.push(told_if_failed("bytes to first use and to the first record", bytes_to_first_use()).await);
    }
    if wanted("first-record") {
        let samples = if quick { 3 } else { 7 };
        outcomes.push(told_if_failed("code submitted to first record shown", first_record(samples)).await);
    }
    if wanted("large-record") {
        outcomes.push(told_if_failed("a record of 64 MiB", large_record(if quick { 1 } else { 3 })).await);
    }
    if wanted("long-list") {
        outcomes.push(told_if_failed("a long list", long_list(if quick { 1_000 } else { 10_000 })).await);
    }
    if wanted("phone") {
        let (samples, records) = if quick { (3, 1_000) } else { (5, 10_000) };
        outcomes.push(told_if_failed("the phone page", phone::phone(samples, records)).await);
    }
    if wanted("agent") {
        outcomes.push(told_if_failed("the agents' portal", agent::agent(if quick { 3 } else { 7 })).await);
    }
    ensure!(!outcomes.is_empty(), "no such figure: bytes, first-record, large-record, long-list, phone, agent");
    ensure!(outcomes.iter().all(|taken| *taken), "some figures could not be taken");
    Ok(())
}

/// Whether the figure was taken; the others are taken all the same.
async fn told_if_failed(what: &str, figure: impl Future<Output = Result<()>>) -> bool {
    eprintln!("   {what}");
    let outcome = figure.await;
    if let Err(error) = &outcome {
        eprintln!("   {what}: {error:#}");
    }
    outcome.is_ok()
}

fn tell(figure: &str, value: impl Into<Value>, unit: &str, context: Value) {
    let mut line = json!({ "figure": figure, "value": value.into(), "unit": unit, "build": BUILD });
    if let (Some(line), Value::Object(context)) = (line.as_object_mut(), context) {
        line.extend(context);
    }
    println!("{line}");
}

/// One decimal: two runs agree on no more.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The median; sorts the samples.
fn median(samples: &mut [f64]) -> Result<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().map(rounded).context("no samples")
}

/// Everything that Chromium fetches until a code can be typed, and until the first record is shown: bodies and headers, as
/// they are sent. The reader of records is fetched while the two ends pair, so the second figure holds it and what the look
/// itself says and fetches.
async fn bytes_to_first_use() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::create(&server.url()).await?;
    let record = device.add_bytes("note.txt", "Take the blue one in the morning.\n").await?;
    let browser = Chromium::start().await?;
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "Network.enable", json!({})).await?;
    browser.go(&server.url()).await?;
    ready(&mut tools, &page).await?;
    let mut fetched = Fetched::default();
    fetched.add(&mut tools).await?;
    ensure!(["html", "js", "json", "wasm"].iter().all(|kind| fetched.kinds.contains_key(*kind)), "{:?}", fetched.kinds);
    fetched.tell("bytes_to_first_use", json!({ "aim": 150 }))?;

    // What the Worker fetches it fetches itself.
    let worker = tools.worker(&page).await?;
    tools.call(Some(&worker), "Network.enable", json!({})).await?;
    let mut lending = device.lend(&[&record]).await?;
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    lending.approve(&words).await?;
    browser.open("note").await?;
    fetched.add(&mut tools).await?;
    let wasm = fetched.requests_by_kind.get("wasm").copied().unwrap_or_default();
    ensure!(wasm >= 2, "the reader was not fetched: {:?}", fetched.kinds);
    fetched.tell(
        "bytes_to_first_record",
        json!({ "includes": "reader of records, pairing and the record itself but for sockets" }),
    )?;
    lending.end().await?;
    Ok(())
}

/// What the browser fetched.
#[derive(Default)]
struct Fetched {
    urls: BTreeMap<String, String>,
    bodies: u64,
    total: u64,
    requests: u64,
    kinds: BTreeMap<String, u64>,
    requests_by_kind: BTreeMap<String, u64>,
}

impl Fetched {
    /// Adds what DevTools told since the last call.
    async fn add(&mut self, tools: &mut DevTools) -> Result<()> {
        // Until here; what comes later is for the next call.
        tools.events("Network.loadingFinished").await?;
        for event in tools.take_events("Network.responseReceived") {
            let response = event.get("response").context("no response")?;
            let length = response.pointer("/headers/content-length").and_then(Value::as_str).unwrap_or_default();
            self.bodies = self.bodies.saturating_add(length.parse().unwrap_or_default());
            self.urls.insert(field(&event, "requestId")?, field(response, "url")?);
        }
        for event in tools.take_events("Network.loadingFinished") {
            // The Worker is a blob of files that were counted when they were fetched.
            let url = self.urls.remove(&field(&event, "requestId")?).filter(|url| url.starts_with("http"));
            let Some(url) = url else { continue };
            let length = event.get("encodedDataLength").and_then(Value::as_f64).context("no length")?;
            let length: u64 = format!("{length:.0}").parse()?;
            let name = url.rsplit('/').next().unwrap_or_default();
            let kind =
                if url.contains("/v1/") { "api" } else { name.rsplit_once('.').map_or("html", |(_, kind)| kind) };
            let sum = self.kinds.entry(kind.to_owned()).or_default();
            *sum = sum.saturating_add(length);
            let count = self.requests_by_kind.entry(kind.to_owned()).or_default();
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(length);
            self.requests = self.requests.saturating_add(1);
        }
        Ok(())
    }

    fn tell(&self, figure: &str, more: Value) -> Result<()> {
        let kib: f64 = rounded(f64::from(u32::try_from(self.total)?) / 1024.0);
        let mut context = json!({
            "bytes": self.total,
            "bytes_without_headers": self.bodies,
            "requests": self.requests,
            "bytes_by_kind": self.kinds,
        });
        if let (Some(context), Value::Object(more)) = (context.as_object_mut(), more) {
            context.extend(more);
        }
        tell(figure, kib, "KiB", context);
        Ok(())
    }
}

/// Waits until a code can be typed and goes somewhere.
async fn ready(tools: &mut DevTools, page: &Session) -> Result<()> {
    let script = "new Promise((done) => { const look = () => document.documentElement.dataset.screen === 'enter' \
                  ? done(true) : requestAnimationFrame(look); look(); })";
    tools.evaluate(page, script).await?;
    Ok(())
}

/// Looks at the page after each change of it: tells the words, opens the first record, and tells when that is shown. All
/// times are the page's own, so that no driver's are among them.
const WATCH: &str = "(() => {
  const at = {};
  const note = (name) => (at[name] ??= performance.now());
  const watch = () => {
    const words = [...document.querySelectorAll('.words span')].map((word) => word.textContent);
    if (words.length === 2 && !at.words) {
      note('words');
      told(JSON.stringify({ words: words.join(' ') }));
    }
    const row = document.querySelector('.record-row');
    if (row && !at.listed) {
      note('listed');
      row.click();
    }
    const body = document.querySelector('.record-pane .body');
    if (at.listed && !at.shown && body?.firstChild && !body.querySelector('.progress')) {
      note('shown');
      told(JSON.stringify({ at, failed: body.querySelector('.notice.bad')?.innerText ?? null }));
    }
  };
  new MutationObserver(watch).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  document.getElementById('code-form').addEventListener('submit', () => note('submitted'), { capture: true });
})()";

/// A look in which everything that a person does is done at once; times in milliseconds of the page's clock.
struct Run {
    submitted: f64,
    words: f64,
    listed: f64,
    shown: f64,
}

/// Lends one record, opens it in the browser, ends the session.
async fn run(browser: &Chromium, url: &str, device: &Device, record: &str) -> Result<Run> {
    let mut lending: Lending = device.lend(&[record, "--for", "15"]).await?;
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    browser.go(url).await?;
    ready(&mut tools, &page).await?;
    tools.call(Some(&page), "Runtime.enable", json!({})).await?;
    tools.call(Some(&page), "Runtime.addBinding", json!({ "name": "told" })).await?;
    tools.evaluate(&page, WATCH).await?;
    browser.type_code(&lending.code).await?;
    let words = field(&told(&mut tools, "words").await?, "words")?;
    lending.approve(&words).await?;
    let end = told(&mut tools, "at").await?;
    ensure!(end.get("failed") == Some(&Value::Null), "the record did not open: {end}");
    let at = |name: &str| end.pointer(&format!("/at/{name}")).and_then(Value::as_f64).with_context(|| name.to_owned());
    let run = Run { submitted: at("submitted")?, words: at("words")?, listed: at("listed")?, shown: at("shown")? };
    lending.end().await?;
    browser.reason().await?;
    Ok(run)
}

/// What the page told, once it told something of this name.
async fn told(tools: &mut DevTools, name: &str) -> Result<Value> {
    let payload =
        |params: &Value| -> Option<Value> { serde_json::from_str(params.get("payload").and_then(Value::as_str)?).ok() };
    let fits = |params: &Value| payload(params).is_some_and(|told| told.get(name).is_some());
    let event = tools.event("Runtime.bindingCalled", fits).await?;
    event.get("params").and_then(payload).context("no payload")
}

/// From the code's submission to the first record on the screen, with a device that approves by itself.
async fn first_record(samples: usize) -> Result<()> {
    let server = Server::with(&ROOMY).await?;
    let device = Device::create(&server.url()).await?;
    let record = device.add_bytes("note.txt", "Take the blue one in the morning.\n").await?;
    let browser = Chromium::start().await?;
    // The first run fills caches, and is not counted.
    run(&browser, &server.url(), &device, &record).await?;
    let (mut whole, mut pairing, mut granting, mut opening) = (vec![], vec![], vec![], vec![]);
    for _ in 0..samples {
        let run = run(&browser, &server.url(), &device, &record).await?;
        whole.push(run.shown - run.submitted);
        pairing.push(run.words - run.submitted);
        granting.push(run.listed - run.words);
        opening.push(run.shown - run.listed);
    }
    let value = median(&mut whole)?;
    let parts = json!({
        "code_to_words": median(&mut pairing)?,
        "words_to_list": median(&mut granting)?,
        "opening": median(&mut opening)?,
    });
    let (least, most) = (whole.first().copied().map(rounded), whole.last().copied().map(rounded));
    let context = json!({ "aim": 300, "samples": samples, "min": least, "max": most, "parts": parts });
    tell("code_submitted_to_first_record_shown", value, "ms", context);
    Ok(())
}

/// A record of 64 MiB: added and shown on the device, opened in the browser. A MB is 10⁶ bytes.
async fn large_record(samples: usize) -> Result<()> {
    const LENGTH: usize = 64 * 1024 * 1024;
    let rate = |time: f64| 67_108.864 / time;
    let server = Server::with(&ROOMY).await?;
    let device = Device::create(&server.url()).await?;
    // No text and no picture: what is measured is fetching and opening, not drawing.
    let content: Vec<u8> = (0u8..=255).cycle().take(LENGTH).collect();
    let start = Instant::now();
    let record = device.add_bytes("large.bin", &content).await?;
    let context = json!({ "samples": 1, "includes": "start of the command, Argon2 of its passphrase, upload" });
    tell("adding_64_mib_on_device", rounded(rate(millis(start.elapsed()))), "MB/s", context);
    let out = device.folder().join("out.bin").display().to_string();
    let start = Instant::now();
    device.run(&["show", &record, "-o", &out]).await?;
    let context = json!({ "samples": 1, "includes": "start of the command, Argon2 of its passphrase, download" });
    tell("showing_64_mib_on_device", rounded(rate(millis(start.elapsed()))), "MB/s", context);
    ensure!(tokio::fs::read(&out).await? == content, "what was opened is not what was sealed");
    let browser = Chromium::start().await?;
    let mut rates = Vec::new();
    for _ in 0..samples {
        let run = run(&browser, &server.url(), &device, &record).await?;
        rates.push(rate(run.shown - run.listed));
    }
    tell("opening_64_mib_in_browser", median(&mut rates)?, "MB/s", json!({ "samples": samples }));
    Ok(())
}

/// Files that one `glimpse add` is given.
const AT_ONCE: usize = 500;

/// Adds so many small notes, as a person would with a folder full of them.
async fn add_notes(device: &Device, records: usize) -> Result<()> {
    let start = Instant::now();
    for first in (0..records).step_by(AT_ONCE) {
        let mut names = Vec::new();
        for number in first..first.saturating_add(AT_ONCE).min(records) {
            let name = format!("note-{number}.txt");
            tokio::fs::write(device.folder().join(&name), format!("The note with the number {number}.\n")).await?;
            names.push(name);
        }
        let arguments: Vec<&str> = ["add"].into_iter().chain(names.iter().map(String::as_str)).collect();
        device.run(&arguments).await?;
        eprintln!("   {} added after {:.0} s", first.saturating_add(names.len()), start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Lists many records on the device, with its copy of the listing and without.
async fn long_list(records: usize) -> Result<()> {
    let server = Server::with(&ROOMY).await?;
    let device = Device::create(&server.url()).await?;
    let start = Instant::now();
    add_notes(&device, records).await?;
    let each = millis(start.elapsed()) / f64::from(u32::try_from(records)?);
    tell("adding_small_record", rounded(each), "ms", json!({ "records": records, "at_once": AT_ONCE }));
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    list(&device, records).await?;
    for _ in 0..3 {
        warm.push(list(&device, records).await?);
    }
    for _ in 0..3 {
        forget_listing(&device).await?;
        cold.push(list(&device, records).await?);
    }
    let context =
        json!({ "records": records, "samples": 3, "includes": "start of the command, Argon2 of its passphrase" });
    tell("listing_warm", median(&mut warm)?, "ms", context.clone());
    tell("listing_cold", median(&mut cold)?, "ms", context);
    Ok(())
}

/// One `glimpse ls`; how long it took, in milliseconds.
async fn list(device: &Device, records: usize) -> Result<f64> {
    let start = Instant::now();
    let events = device.run(&["ls"]).await?;
    let took = millis(start.elapsed());
    let listed = events.iter().filter(|event| event.get("record").is_some()).count();
    ensure!(listed == records, "{listed} of {records} records are listed");
    Ok(took)
}

/// Removes the copy of the listing that the device keeps.
async fn forget_listing(device: &Device) -> Result<()> {
    let mut folders = vec![device.home()];
    let mut found = 0usize;
    while let Some(folder) = folders.pop() {
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            if entry.file_type().await?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with("listing") {
                tokio::fs::remove_file(entry.path()).await?;
                found = found.saturating_add(1);
            }
        }
    }
    ensure!(found > 0, "the device has no listing to forget");
    Ok(())
}
