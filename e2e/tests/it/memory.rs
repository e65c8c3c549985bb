//! What is left in the browser, and what happens when something in it breaks: rows 89 to 92.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::browser::Kind;
use e2e::device::Lending;
use e2e::devtools::{DevTools, Session};
use e2e::proxy::{Answer, Asked, Honest, Seen, Tamper};
use e2e::record::{SECRET, TITLE};
use e2e::scan::{Hits, Needle, scan_processes};
use e2e::stage::Stage;
use e2e::wait::{PATIENCE, until, within};
use serde_json::{Value, json};

use crate::ending::{go_with, lend_here};

in_both!(t076_a_reader_that_was_altered_on_the_way_is_named_in_its_record_and_the_session_stays,);

/// Writes down, in hexadecimal, everything that the Worker draws from the browser's source of randomness: among it are
/// the seeds of all its keys.
pub(crate) const WATCH_RANDOMNESS: &str = "{ const draw = crypto.getRandomValues.bind(crypto); globalThis.drawn = []; \
    crypto.getRandomValues = a => { draw(a); \
      drawn.push([...new Uint8Array(a.buffer, a.byteOffset, a.byteLength)].map(b => b.toString(16).padStart(2, '0')).join('')); \
      return a } } true";

/// Writes down, in hexadecimal, every file that the Worker puts into its database, those that others take the place of among
/// them: the browser keeps what it passes on to its storage for a while, and shares it with the process that stores it.
pub(crate) const WATCH_STORAGE: &str = "{ const { put } = IDBObjectStore.prototype; globalThis.stored = []; \
    IDBObjectStore.prototype.put = function (value, ...given) { \
      stored.push([...value].map(b => b.toString(16).padStart(2, '0')).join('')); \
      return put.call(this, value, ...given) } } true";

/// All that the Worker ever put into its database, as it lay there.
pub(crate) async fn stored(tools: &mut DevTools, worker: &Session) -> Result<Vec<u8>> {
    let told = tools.evaluate(worker, "stored").await?;
    Ok(told.as_array().context("files")?.iter().filter_map(Value::as_str).flat_map(bytes).collect())
}

/// The secrets among what the Worker drew.
pub(crate) async fn drawn(tools: &mut DevTools, worker: &Session) -> Result<Vec<Needle>> {
    let told = tools.evaluate(worker, "drawn").await?;
    let hex: Vec<&str> = told.as_array().context("draws")?.iter().filter_map(Value::as_str).collect();
    // In the order in which `pairing::viewer` draws them. The two nonces are sent to the device, and are no secrets.
    let names = ["KEM seed", "signing seed", "words nonce", "nonce", "PAKE scalar"];
    anyhow::ensure!(hex.len() == names.len(), "the Worker draws once for each of {names:?}, and drew {}", hex.len());
    let all = names.iter().zip(hex).map(|(name, hex)| Needle { name: (*name).to_owned(), bytes: bytes(hex) });
    Ok(all.filter(|needle| !needle.name.contains("nonce")).collect())
}

/// All that the Worker drew and that is as long as a key, in the order in which it drew them: seeds of keys, and values that
/// others may know.
pub(crate) async fn keys_drawn(tools: &mut DevTools, worker: &Session) -> Result<Vec<Needle>> {
    let told = tools.evaluate(worker, "drawn").await?;
    let long = told.as_array().context("draws")?.iter().filter_map(Value::as_str).filter(|hex| hex.len() == 64);
    Ok(long.map(|hex| Needle { name: hex.to_owned(), bytes: bytes(hex) }).collect())
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// The code in the forms in which it could be left: as shown, as digits, and its secret part alone.
fn code_needles(lending: &Lending) -> Vec<Needle> {
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();
    let secret: String = digits.chars().skip(3).take(6).collect();
    vec![Needle::text("code", &lending.code), Needle::text("digits", &digits), Needle::text("secret digits", &secret)]
}

pub(crate) fn found(hits: &Hits) -> Vec<&str> {
    hits.iter().filter(|(_, count)| **count > 0).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn t089_no_key_code_or_plaintext_outlives_the_session() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_secret().await?;
    let (mut tools, page, worker) = go_with(&stage.browser, &stage.url(), WATCH_RANDOMNESS).await?;
    let mut lending = lend_here(&stage, &["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    stage.browser.reads(SECRET).await?;

    let keys = drawn(&mut tools, &worker).await?;
    let texts = [vec![Needle::text("content", SECRET), Needle::text("title", TITLE)], code_needles(&lending)].concat();
    let before = tools.scan_memory(&worker, &[keys.clone(), texts.clone()].concat()).await?;
    assert!(before.get("title").is_some_and(|&hits| hits > 0), "control: the title is in the wasm memory: {before:?}");
    assert!(found(&before).contains(&"signing seed"), "control: so is a key: {before:?}");
    let processes = tools.renderers().await?;
    let everywhere = scan_processes(&processes, &keys)?;
    assert!(found(&everywhere).contains(&"signing seed"), "control: the process holds keys: {everywhere:?}");

    lending.end().await?;
    stage.browser.reason().await?;
    until("the Worker is gone", async || tools.targets("worker").await.ok()?.is_empty().then_some(())).await?;
    assert_eq!(tools.memories(&page).await?, 0, "no wasm memory");
    let after = tools.heap_once_settled(&page, &texts).await?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the page's heap");
    // Of texts the browser keeps copies of its own, in what its input fields and its layout freed; nobody can wipe those,
    // and the threat model says so. Keys never were anywhere but in the Worker.
    let after = scan_processes(&processes, &keys)?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the whole memory of the process; before: {everywhere:?}");
    Ok(())
}

#[tokio::test]
async fn t089_closing_a_record_and_using_a_code_leave_nothing_in_wasm_memory() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_secret().await?;
    let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), "true").await?;
    let lending = lend_here(&stage, &["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    let content = [Needle::text("content", SECRET)];
    let open = tools.scan_memory(&worker, &content).await?;
    assert_eq!(found(&open), ["content"], "control: it is there while it is open");
    stage.browser.run("document.querySelector('.record-head .close').click()").await?;
    until("the closed record is gone from wasm memory", async || {
        let hits = tools.scan_memory(&worker, &content).await.ok()?;
        found(&hits).is_empty().then_some(())
    })
    .await?;
    let code = tools.scan_memory(&worker, &code_needles(&lending)).await?;
    assert_eq!(found(&code), Vec::<&str>::new(), "the code is gone since the pairing began");
    Ok(())
}

#[tokio::test]
async fn t090_nothing_secret_is_stored_logged_or_put_into_an_address() -> Result<()> {
    let stage = Stage::behind(Arc::new(Honest)).await?;
    stage.device.add_secret().await?;
    let (mut tools, page, _) = go_with(&stage.browser, &stage.url(), "true").await?;
    let mut lending = lend_here(&stage, &["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    stage.browser.reads(SECRET).await?;
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();
    let code = lending.code.clone();
    let words = [SECRET, TITLE, &code, &digits];

    let heap = tools.scan_heap(&page, &[Needle::text("content", SECRET)]).await?;
    assert_eq!(found(&heap), ["content"], "control: what is shown is in the heap");
    let code = tools.scan_heap(&page, &code_needles(&lending)[..2]).await?;
    assert_eq!(found(&code), Vec::<&str>::new(), "the code is not, once it was used");

    lending.end().await?;
    stage.browser.reason().await?;
    let stored = "Promise.all([indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()]) \
        .then(all => done(JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name, ...all])))";
    let stored = stage.browser.run_async(stored).await?;
    assert_eq!(stored, json!(r#"["",{},{},null,"",[],[],[]]"#), "nothing is stored");

    // The whole traffic, addresses included, and the console; with a word planted in each, so that finding works.
    stage.browser.run_async("fetch('/planted-in-an-address').finally(() => done(1))").await?;
    stage.browser.run("console.log('planted in the console')").await?;
    let traffic = traffic(&stage)?;
    let console = stage.browser.console().await?.join("\n");
    assert!(traffic.contains("planted-in-an-address") && console.contains("planted in the console"), "control");
    for word in words {
        assert!(!traffic.contains(word), "{word:?} went over the network");
        assert!(!console.contains(word), "{word:?} is on the console");
    }
    let address = stage.browser.driver.current_url().await?.to_string();
    assert!(address.ends_with("/ended.html#session-ended;en"), "{address}");
    let texts = [Needle::text("content", SECRET), Needle::text("title", TITLE)];
    let heap = tools.heap_once_settled(&page, &texts).await?;
    assert_eq!(found(&heap), Vec::<&str>::new());

    // The profile on disk, a cache and a history among it.
    let mut planted = false;
    for file in files_below(stage.browser.profile())? {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        planted |= holds("ended.html");
        for word in words {
            assert!(!holds(word), "{word:?} is in {}", file.display());
        }
    }
    assert!(planted, "control: the history on disk holds an address that was visited");
    Ok(())
}

pub(crate) fn files_below(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)?.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            files.extend(files_below(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Everything that went over the network, as text where it is text.
fn traffic(stage: &Stage) -> Result<String> {
    let all = stage.proxy.as_ref().context("no proxy")?.seen().into_iter().map(|seen| match seen {
        Seen::Http(asked, answer) => {
            format!("{} {:?}\n{}\n{}", asked.path, asked.headers, String::from_utf8_lossy(&asked.body), answer.text())
        }
        Seen::Opened(_, path) => path,
        Seen::ToServer(_, frame) | Seen::ToEnd(_, frame) => String::from_utf8_lossy(&frame).into_owned(),
    });
    Ok(all.collect::<Vec<_>>().join("\n"))
}

/// Counts the calls that wasm makes to the browser, and lets the one with number `failAt` fail.
pub(crate) const FAULTS: &str = "{ const Real = WebAssembly.Instance; globalThis.calls = 0; globalThis.failAt = 0; \
    WebAssembly.Instance = function (module, imports) { \
      for (const group of Object.values(imports)) for (const [name, call] of Object.entries(group)) \
        if (typeof call === 'function') group[name] = (...given) => { \
          globalThis.calls += 1; if (globalThis.calls === globalThis.failAt) throw new Error('injected'); return call(...given) }; \
      return new Real(module, imports) } } true";

/// Sets the Worker's clock five minutes on.
pub(crate) const LATER: &str =
    "{ const now = performance.now.bind(performance); performance.now = () => now() + 300000 } true";

#[tokio::test]
async fn t091_a_fault_at_any_call_is_told_and_leaves_no_broken_instance() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_secret().await?;
    // Control: without a fault the story goes through; and so it is known how many calls it makes.
    let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), FAULTS).await?;
    let start = tools.evaluate(&worker, "calls").await?.as_u64().unwrap_or_default();
    let mut lending = lend_here(&stage, &["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    stage.browser.reads(SECRET).await?;
    let total = tools.evaluate(&worker, "calls").await?.as_u64().context("calls")?;
    assert!(total > start + 100, "calls are counted: {total}");
    lending.end().await?;
    stage.browser.reason().await?;
    // Otherwise it would hold the Workers that follow, too.
    drop(tools);

    let mut told = BTreeSet::new();
    let parts = if std::env::var_os("GLIMPSE_SOAK").is_some() { 60 } else { 12 };
    for part in 1..parts {
        let at = start + (total - start) * part / parts;
        let script = format!("{FAULTS}; failAt = {at}");
        // A Worker of the page before would be taken for that of the next.
        stage.browser.go("about:blank").await?;
        let (mut tools, page, worker) = go_with(&stage.browser, &stage.url(), &script).await?;
        let held = tools.targets("worker").await?;
        tools.follow(&page, false).await?;
        let mut lending = stage.device.lend(&["--everything"]).await?;
        let code = lending.code.clone();
        let story = async {
            stage.browser.type_code(&code).await?;
            let words = stage.browser.words().await?;
            lending.approve(&words).await?;
            stage.browser.choose(TITLE).await?;
            std::future::pending::<()>().await;
            anyhow::Ok(())
        };
        let outcome = tokio::select! {
            _ = story => None,
            outcome = how_it_went(&stage, Duration::from_secs(8)) => outcome.ok(),
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            // A lost message is told from a slow one when the time for it is up: let it be up.
            None => {
                // A Worker that is gone needs no clock.
                let _ = tools.evaluate(&worker, LATER).await;
                let told = how_it_went(&stage, PATIENCE).await;
                told.with_context(|| format!("silence after a fault at call {at} of {total}"))?
            }
        };
        if outcome != "shown" && outcome != "record" {
            let left = tools.targets("worker").await?;
            assert!(held.iter().all(|id| !left.contains(id)), "the broken instance is dropped: {outcome}");
        }
        let console = stage.browser.console().await?.join("\n");
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        for word in [SECRET, TITLE, &code, &digits] {
            assert!(!console.contains(word), "fault at call {at}: {console}");
        }
        told.insert(outcome);
        lending.process.kill().await?;
    }
    assert!(told.contains("internal"), "control: some faults are deadly: {told:?}");
    Ok(())
}

/// Lets the first reader break in the middle of its work: whatever it asks of the browser throws, which leaves its instance as
/// a trap does. `hold` leaves it whole.
fn breaking_readers(hold: bool) -> String {
    format!(
        "{{ const Real = WebAssembly.Instance; globalThis.instances = 0; \
            WebAssembly.Instance = function (module, imports) {{ \
              globalThis.instances += 1; \
              if (globalThis.instances === 2 && !{hold}) \
                for (const group of Object.values(imports)) for (const [name, call] of Object.entries(group)) \
                  if (typeof call === 'function') group[name] = () => {{ throw new WebAssembly.RuntimeError('injected') }}; \
              return new Real(module, imports) }} }} true"
    )
}

#[tokio::test]
async fn t091_a_reader_that_traps_takes_its_own_record_with_it_and_nothing_else() -> Result<()> {
    for hold in [true, false] {
        let stage = Stage::new().await?;
        stage.device.add_secret().await?;
        stage.device.add_bytes("other.txt", "The other text.").await?;
        let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), &breaking_readers(hold)).await?;
        let mut lending = lend_here(&stage, &["--everything"]).await?;
        stage.browser.open(TITLE).await?;
        // Control: a reader that is left whole shows it.
        stage.browser.reads(if hold { SECRET } else { "Something went wrong inside Glimpse." }).await?;
        assert_eq!(stage.browser.text().await?.contains(SECRET), hold);
        assert_eq!(tools.evaluate(&worker, "instances").await?, json!(2), "the viewer's and one reader's");

        stage.browser.open("other").await?;
        stage.browser.reads("The other text.").await?;
        // The record that failed is tried again, in an instance of its own.
        stage.browser.open(TITLE).await?;
        stage.browser.reads(SECRET).await?;
        assert_eq!(tools.evaluate(&worker, "instances").await?, json!(4));
        lending.end().await.context("the session went on to its end")?;
        stage.browser.reason().await?;
    }
    Ok(())
}

async fn t076_a_reader_that_was_altered_on_the_way_is_named_in_its_record_and_the_session_stays(
    kind: Kind,
) -> Result<()> {
    let altered = Arc::new(AtomicBool::new(true));
    let stage = Stage::with_behind(kind, Arc::new(AltersReader(Arc::clone(&altered)))).await?;
    stage.device.add_secret().await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    stage.browser.reads("This page is not what its builder published.").await?;
    assert!(!stage.browser.text().await?.contains(SECRET));
    stage.browser.screen("session").await?;
    assert_eq!(stage.browser.titles().await?, [TITLE], "the list stays");
    // Control: the reader as it was built, in the same session.
    altered.store(false, Ordering::SeqCst);
    stage.browser.run("document.querySelector('.record-pane .notice.bad button').click()").await?;
    stage.browser.reads(SECRET).await?;
    look.lending.end().await?;
    stage.browser.reason().await?;
    Ok(())
}

/// Changes one byte of the reader's module while the switch is on.
struct AltersReader(Arc<AtomicBool>);

impl Tamper for AltersReader {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        if self.0.load(Ordering::SeqCst)
            && asked.path.contains("glimpse-reader_bg-")
            && let Some(last) = answer.body.last_mut()
        {
            *last ^= 1;
        }
        Some(answer)
    }
}

/// Where a story with a fault ends: dead (`internal`), back at the code field with a reason (`failure`), with a record
/// that says why it does not open (`record`), or well, because what failed was not needed (`shown`).
async fn how_it_went(stage: &Stage, limit: Duration) -> Result<String> {
    let script = "const d = document; const f = d.getElementById('failure'); const b = d.querySelector('.record-pane .body'); \
        return d.documentElement.dataset.reason ?? (f && !f.hidden ? 'failure' : b?.querySelector('.notice.bad') ? 'record' \
        : b?.innerText.includes('flower pot') ? 'shown' : null)";
    within(limit, "the page says how it went", async || {
        stage.browser.run(script).await.ok()?.as_str().map(str::to_owned)
    })
    .await
}

/// Frames that viewers sent: those on sockets that were opened after the device's.
fn viewer_frames(stage: &Stage) -> Result<usize> {
    let seen = stage.proxy.as_ref().context("no proxy")?.seen();
    Ok(seen.iter().filter(|seen| matches!(seen, Seen::ToServer(socket, _) if socket.0 > 0)).count())
}

#[tokio::test]
async fn t092_without_randomness_no_key_is_made() -> Result<()> {
    let stage = Stage::behind(Arc::new(Honest)).await?;
    stage.device.add_secret().await?;
    let broken = "crypto.getRandomValues = () => { throw new Error('no randomness') }; \
        Math.random = () => { throw new Error('never a substitute') }; true";
    let _held = go_with(&stage.browser, &stage.url(), broken).await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.type_code(&lending.code).await?;
    assert_eq!(stage.browser.reason().await?, "internal");
    assert_eq!(viewer_frames(&stage)?, 0, "nothing was sent");
    lending.process.kill().await?;

    let stage = Stage::behind(Arc::new(Honest)).await?;
    stage.device.add_secret().await?;
    let _held = go_with(&stage.browser, &stage.url(), "Math.random = () => { throw new Error() }; true").await?;
    let _lending = lend_here(&stage, &["--everything"]).await?;
    assert!(viewer_frames(&stage)? > 0, "control: with randomness it goes on");
    Ok(())
}
