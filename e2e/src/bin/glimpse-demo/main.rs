//! The demo behind `cargo xtask demo`: a real server, a real account with the sample record, and a real look at it.
//!
//! Without arguments a person types the code into a browser and approves in the terminal. With `--headless` Chromium
//! types it, everything is opened and photographed, the device ends the session, and the page is checked for what is left.
//! With `--phone` the device is the phone page: a person plays both windows, or Chromium does. With `--agent` the look is one
//! that an agent of an organisation gets.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks on its terminal")]

mod agent;
mod camera;
mod desk;
mod frame;
mod held;
mod joining;
mod lent;
mod phone;
mod places;
mod troubles;
mod views;
mod wrist;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Chromium;
use e2e::device::{Device, field};
use e2e::program::root;
use e2e::scan::Needle;
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Map, Value, json};

use crate::camera::Camera;
use crate::views::{drawn, views_of_the_end, views_of_the_entry, views_of_the_session, views_of_the_words};

#[tokio::main]
async fn main() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = flags.iter().find(|flag| !FLAGS.contains(&flag.as_str())) {
        eprintln!("error: {unknown:?} is none of {}", FLAGS.join(", "));
        return ExitCode::from(2);
    }
    let asked = |flag: &str| flags.iter().any(|given| given == flag);
    let outcome = match (asked("--phone"), asked("--agent"), asked("--headless")) {
        (true, _, false) => phone::attended().await,
        (true, _, true) => phone::unattended().await,
        (false, true, false) => agent::attended().await,
        (false, true, true) => agent::unattended().await,
        (false, false, false) => attended().await,
        (false, false, true) => unattended().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What may stand behind it; `cargo xtask demo` gives them.
const FLAGS: [&str; 3] = ["--phone", "--agent", "--headless"];

/// The sample record: files of `examples/`, and what their owner calls them.
const SAMPLE: [(&str, &str); 14] = [
    ("heart-rate.csv", "Heart rate, 9 to 15 November"),
    ("steps.json", "Steps, 9 to 15 November"),
    ("sleep.json", "Sleep, 9 to 15 November"),
    ("lab-results.json", "Blood tests and pressure, one year"),
    ("prescription.json", "Ramipril"),
    ("vaccination.json", "Flu vaccination 2026"),
    ("allergy.json", "Penicillin allergy"),
    ("patient.json", "About me"),
    ("letter.pdf", "Letter from the cardiologist"),
    ("photo.jpg", "The bay at dawn"),
    ("expenses.csv", "Household, autumn"),
    ("plan.json", "Exercise plan"),
    ("ecg.edf", "ECG, ten seconds"),
    ("note.txt", "For the appointment"),
];

async fn add_sample(device: &Device) -> Result<()> {
    for (file, title) in SAMPLE {
        let path = root()?.join("examples").join(file);
        device.run(&["add", &path.display().to_string(), "--title", title]).await?;
    }
    Ok(())
}

async fn attended() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::named(&server.url(), "Mara Lind").await?;
    add_sample(&device).await?;
    println!("\nOpen {} in a browser, and type the code that follows.\n", server.url());
    lend_on_this_terminal(&device, &[]).await
}

/// Exit codes of `glimpse lend` after a look that the person declined, let lapse, mistyped or ended early.
const ENDINGS: [i32; 3] = [6, 7, 10];

/// A person lends everything, as the command asks them to.
async fn lend_on_this_terminal(device: &Device, more: &[&str]) -> Result<()> {
    let status = device.speaking(&[&["lend", "--everything", "--for", "15"], more].concat())?.status().await?;
    ensure!(status.success() || status.code().is_some_and(|code| ENDINGS.contains(&code)), "glimpse lend: {status}");
    Ok(())
}

/// Waits until a person presses Enter.
async fn enter() -> Result<()> {
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

/// Milliseconds since the last call, by name.
struct Laps {
    start: Instant,
    last: Instant,
    told: Map<String, Value>,
}

impl Laps {
    fn new() -> Self {
        let now = Instant::now();
        Self { start: now, last: now, told: Map::new() }
    }

    fn lap(&mut self, name: &str) {
        let took = self.last.elapsed();
        println!("  {:>7.2} s  {}", took.as_secs_f64(), name.replace('_', " "));
        self.told.insert(name.to_owned(), millis(took));
        self.last = Instant::now();
    }

    fn total(mut self) -> Map<String, Value> {
        self.told.insert("total".to_owned(), millis(self.start.elapsed()));
        self.told
    }
}

fn millis(time: Duration) -> Value {
    json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

async fn unattended() -> Result<()> {
    let mut laps = Laps::new();
    let server = Server::start().await?;
    laps.lap("server_ready");
    let device = Device::named(&server.url(), "Mara Lind").await?;
    laps.lap("account_created");
    add_sample(&device).await?;
    laps.lap("sample_record_added");
    let browser = Chromium::start().await?;
    let folder = root()?.join("target/demo");
    let mut camera = Camera::new(&browser, &folder).await?;
    laps.lap("browser_started");
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    laps.lap("page_ready");
    views_of_the_entry(&browser, &mut camera).await?;
    laps.lap("entry_photographed");

    let mut lending = device.lend(&["--everything", "--for", "15"]).await?;
    laps.lap("code_shown");
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    laps.lap("code_to_check_words");
    views_of_the_words(&browser, &mut camera).await?;
    laps.last = Instant::now();
    let granted = lending.approve(&words).await?;
    browser.screen("session").await?;
    let mut records = granted.get("records").and_then(Value::as_array).context("records")?.clone();
    records.sort_by_key(|record| ["kind", "title"].map(|name| field(record, name).unwrap_or_default()));
    let first = records.first().context("nothing was granted")?;
    browser.lists(&field(first, "title")?).await?;
    laps.lap("approval_to_list");
    camera.take("session").await?;
    laps.last = Instant::now();
    browser.open(&field(first, "title")?).await?;
    laps.lap("first_record_opened");

    for record in &records {
        let (title, kind) = (field(record, "title")?, field(record, "kind")?);
        browser.open(&title).await.with_context(|| format!("opening {title}"))?;
        drawn(&browser, &kind).await.with_context(|| format!("drawing {title}"))?;
        camera.take(&format!("{kind}-{}", slug(&title))).await?;
    }
    laps.lap("every_record_opened");
    views_of_the_session(&browser, &mut camera, first).await?;
    laps.lap("session_photographed");

    wiped_after_the_end(&browser, &mut camera, &records, async || lending.end().await).await?;
    laps.lap("ended_and_wiped");
    views_of_the_end(&mut camera).await?;
    let troubles = troubles::views_of_trouble(&folder).await?;
    laps.lap("troubles_photographed");

    let pictures = camera.done()?.saturating_add(troubles.len());
    println!("\n{pictures} screenshots in target/demo/\n");
    println!(
        "{}",
        json!({ "demo": "headless", "records": records.len(), "screenshots": pictures, "ms": laps.total() })
    );
    Ok(())
}

/// Sentences of the sample record that stand nowhere else.
const SENTENCES: [&str; 3] = ["is the cough from the ramipril", "Harbour Cinema", "943 476 5919"];

/// Ends from the device, and looks for what the page kept: nothing on the screen, no Worker, no sentence in
/// the heap, nothing stored.
async fn wiped_after_the_end(
    browser: &Chromium,
    camera: &mut Camera,
    records: &[Value],
    end: impl AsyncFnOnce() -> Result<Value>,
) -> Result<()> {
    let titles: Vec<String> = records.iter().map(|record| field(record, "title")).collect::<Result<_>>()?;
    let needles: Vec<Needle> = SENTENCES.iter().map(|sentence| Needle::text(sentence, sentence)).collect();
    browser.open("For the appointment").await?;
    browser.reads(SENTENCES[0]).await?;
    let before = camera.tools.scan_heap(&camera.page.clone(), &needles).await?;
    ensure!(before.get(SENTENCES[0]).is_some_and(|&hits| hits > 0), "the scan does not find what is shown: {before:?}");
    ensure!(!camera.tools.targets("worker").await?.is_empty(), "the Worker is seen while it runs");

    let ended = end().await?;
    ensure!(ended.get("event").and_then(Value::as_str) == Some("ended"), "{ended}");
    let reason = browser.reason().await?;
    ensure!(matches!(reason.as_str(), "session-revoked" | "session-ended"), "the page says {reason}");
    let text = browser.text().await?;
    ensure!(titles.iter().all(|title| !text.contains(title)), "a title is still on the screen: {text}");
    until("the Worker is gone", async || camera.tools.targets("worker").await.ok()?.is_empty().then_some(())).await?;
    let after = camera.tools.heap_once_settled(&camera.page.clone(), &needles).await?;
    ensure!(after.values().all(|&hits| hits == 0), "records are left in the page's heap: {after:?}");
    let stored = "return [document.cookie, localStorage.length, sessionStorage.length]";
    ensure!(browser.run(stored).await? == json!(["", 0, 0]), "something was stored");
    println!(
        "           the page is wiped: {reason}; no sentence of the records in its heap, no Worker, nothing stored"
    );
    Ok(())
}

/// A title as part of a file name.
fn slug(title: &str) -> String {
    let plain: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    plain.split('-').filter(|part| !part.is_empty()).take(4).collect::<Vec<_>>().join("-")
}
