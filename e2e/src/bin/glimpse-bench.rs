//! The figures behind `cargo xtask bench` that need a browser: one JSON line each, so that a change can be compared with
//! its parent.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::as_conversions, reason = "figures for people, far below 2^53")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::device::Device;
use e2e::devtools::DevTools;
use e2e::server::Server;
use e2e::stage::Stage;
use e2e::wait::within;
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;
/// The large record.
const LARGE: usize = 64 * MIB;

#[tokio::main]
async fn main() -> Result<()> {
    first_use().await?;
    first_record().await?;
    large_record().await
}

fn tell(figure: &str, unit: &str, value: f64, more: Value) {
    let mut line = json!({ "figure": figure, "unit": unit, "value": (value * 100.0).round() / 100.0 });
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    println!("{line}");
}

fn mib_per_second(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / MIB as f64 / time.as_secs_f64()
}

/// Bytes over the network until the page is ready: everything that the browser fetches, as it is sent.
async fn first_use() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "Network.enable", json!({})).await?;
    let start = Instant::now();
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    let ready = start.elapsed();
    let bytes = fetched(&mut tools).await?;
    ensure!(bytes > 10_000.0, "nothing was counted");
    tell("bytes_to_first_use", "KiB", bytes / 1024.0, json!({ "aim": 150, "ready_ms": ready.as_millis() as u64 }));
    Ok(())
}

async fn fetched(tools: &mut DevTools) -> Result<f64> {
    let finished = tools.events("Network.loadingFinished").await?;
    Ok(finished.iter().filter_map(|event| event.get("encodedDataLength")?.as_f64()).sum())
}

/// From the code's last digit to the first record on the screen; the device approves by itself. Median of five.
async fn first_record() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut lending = stage.device.lend(&["--everything"]).await?;
        stage.browser.go(&stage.url()).await?;
        stage.browser.screen("enter").await?;
        // In the page, so that the time of WebDriver's own requests is not in the figure: the note is opened as soon as
        // it is in the list.
        let script = format!(
            "const field = document.getElementById('code'); field.value = {}; field.dispatchEvent(new Event('input')); \
             window.begun = performance.now(); document.getElementById('code-form').requestSubmit(); \
             new MutationObserver(() => {{ \
               if (window.shown) return; \
               if (document.querySelector('.body pre.text')) window.shown = performance.now(); \
               else if (!document.getElementById('record-title')) document.querySelector('.record-row')?.click(); \
             }}).observe(document.body, {{ childList: true, subtree: true }}); return true",
            json!(lending.code)
        );
        stage.browser.run(&script).await?;
        let peer = lending.event("peer").await?;
        let shown = Instant::now();
        let words = stage.browser.words().await?;
        let looked = shown.elapsed();
        ensure!(peer.get("words").and_then(Value::as_array).is_some_and(|all| all.iter().any(|pair| *pair == words)));
        lending.tell(json!({ "do": "approve", "words": words })).await?;
        lending.event("opened").await?;
        let took = within(Duration::from_secs(30), "the record", async || {
            stage.browser.run("return window.shown ? window.shown - window.begun : null").await.ok()?.as_f64()
        })
        .await?;
        // A person reads the words; here WebDriver does, and its time is not the system's.
        times.push(took - looked.as_secs_f64() * 1000.0);
        lending.end().await?;
        stage.browser.reason().await?;
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().context("no time")?;
    tell("code_to_first_record", "ms", median, json!({ "aim": 300, "runs": times.len() }));
    Ok(())
}

/// Sealing and opening 64 MiB on the device (its server on the same machine included), and opening it in the browser.
async fn large_record() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::create(&server.url()).await?;
    let file = device.folder().join("large.bin");
    let content: Vec<u8> = (0..LARGE).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&file, &content)?;
    let start = Instant::now();
    let record = device.add(&file).await?;
    tell("seal_and_store_64_mib", "MiB/s", mib_per_second(LARGE, start.elapsed()), json!({ "with": "glimpse add" }));
    let out = device.folder().join("out.bin");
    let start = Instant::now();
    device.run(&["show", &record, "-o", &out.display().to_string()]).await?;
    tell("fetch_and_open_64_mib", "MiB/s", mib_per_second(LARGE, start.elapsed()), json!({ "with": "glimpse show" }));
    ensure!(std::fs::read(&out)? == content, "what was opened is not what was sealed");

    let browser = Browser::start().await?;
    let mut lending = device.lend(&["--everything", "--save"]).await?;
    browser.go(&server.url()).await?;
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    lending.approve(&words).await?;
    browser.screen("session").await?;
    let start = Instant::now();
    browser.open("large").await?;
    tell("open_64_mib_in_the_browser", "MiB/s", mib_per_second(LARGE, start.elapsed()), json!({}));
    lending.end().await?;
    Ok(())
}
