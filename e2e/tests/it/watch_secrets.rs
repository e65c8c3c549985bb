//! What is left of the watch's page in the browser: rows 89 and 90. In Chromium alone, as the phone's.

use anyhow::Result;
use e2e::browser::{Browser, Chromium};
use e2e::devtools::{DevTools, Session};
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::scan::{Needle, scan_processes};
use e2e::wait::until;
use e2e::worn::{PIN, Worn};
use serde_json::{Value, json};

use crate::memory::{WATCH_RANDOMNESS, WATCH_STORAGE, found, keys_drawn, stored};
use crate::phone::with_line;
use crate::phone_memory::{holds_nothing_of, says_nothing_of};

/// A phone with a record, and its watch.
async fn worn(url: &str) -> Result<Worn> {
    let phone = Phone::with_account(url, "Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    Worn::opened(phone).await
}

/// All that lies in the watch's database, as it lies there.
async fn database(face: &Browser) -> Result<Vec<u8>> {
    let read = "const open = indexedDB.open('glimpse-watch'); open.onsuccess = () => { \
        const values = open.result.transaction('files').objectStore('files').getAll(); \
        values.onsuccess = () => { open.result.close(); done(values.result.flatMap(value => [...value])); }; }";
    Ok(serde_json::from_value(face.run_async(read).await?)?)
}

/// Keeps the Worker's wasm memory where its debugger can ask for it: to ask the debugger itself for all memories would wait
/// for the phone's Worker, which shares the process.
const KEEP_MEMORY: &str = "{ const Real = WebAssembly.Instance; WebAssembly.Instance = function (module, imports) { \
      const made = new Real(module, imports); globalThis.memory = made.exports.memory; return made } } \
    globalThis.holds = text => { const all = new Uint8Array(memory.buffer), sought = new TextEncoder().encode(text); \
      for (let at = all.indexOf(sought[0]); at >= 0; at = all.indexOf(sought[0], at + 1)) \
        if (sought.every((byte, offset) => all[at + offset] === byte)) return true; \
      return false }";

/// Which of the title and the PIN lie in the wasm memory of a Worker.
async fn held_by(tools: &mut DevTools, worker: &Session) -> Result<Value> {
    tools.evaluate(worker, &format!("[{}, {}].filter(holds)", json!(TITLE), json!(PIN))).await
}

#[tokio::test]
async fn t089_a_lock_leaves_no_key_title_or_pin_on_the_watch() -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(&line.url()).await?;
    let face = worn.face().await?;
    face.run_first_in_worker("?drawn", &format!("{WATCH_RANDOMNESS}; {WATCH_STORAGE}; {KEEP_MEMORY}")).await?;
    worn.load("?drawn").await?;
    worn.linked().await?;
    face.reads(TITLE).await?;

    let mut tools = face.devtools().await?;
    let page = tools.page().await?;
    let worker = tools.worker(&page).await?;
    let keys = keys_drawn(&mut tools, &worker).await?;
    let there = held_by(&mut tools, &worker).await?;
    assert_eq!(there, json!([TITLE]), "control: the title is; a PIN is forgotten as soon as the keys are there");
    // What lay in the database or went to the server as it is protects nothing.
    let traffic = line.exchanges().into_iter().flat_map(|(asked, answer)| [asked.body, answer.body]);
    let stored = stored(&mut tools, &worker).await?;
    let open: Vec<u8> = traffic.flatten().chain(stored.iter().copied()).collect();
    let processes = tools.renderers().await?;
    let before = scan_processes(&processes, &keys)?;
    let device: Vec<Needle> = keys.iter().take(2).cloned().collect();
    let lies_in = |bytes: &[u8], key: &Needle| e2e::scan::occurrences(bytes, &key.bytes) > 0;
    let (public, secret): (Vec<Needle>, Vec<Needle>) = keys.into_iter().partition(|key| lies_in(&open, key));
    let held: Vec<Needle> = secret.into_iter().filter(|key| before[&key.name] > 0).collect();
    for key in &device {
        assert!(
            held.iter().any(|held| held.name == key.name),
            "control: both keys of the device are there: {before:?}"
        );
    }
    // The salts of files that others took the place of: the process shares memory with the one that stored them, and they stay
    // in it for as long as it likes.
    let database = database(face).await?;
    let replaced = public.iter().any(|key| lies_in(&stored, key) && !lies_in(&database, key));
    assert!(replaced, "control: some of what was stored is not there any more, and is told apart");
    let old = tools.targets("worker").await?;
    drop(tools);

    face.tap("lock").await?;
    face.screen("locked").await?;
    let mut tools = face.devtools().await?;
    let page = tools.page().await?;
    // The phone's Worker stays, and the watch's gives way to another.
    until("the watch has another Worker", async || {
        let left = tools.targets("worker").await.ok()?;
        (left.len() == 2 && left.iter().any(|id| !old.contains(id))).then_some(())
    })
    .await?;
    let worker = tools.worker(&page).await?;
    assert_eq!(held_by(&mut tools, &worker).await?, json!([]), "in the memory of the Worker that waits for the PIN");
    // The process goes on, since the phone page is in it.
    let after = scan_processes(&processes, &held)?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the whole memory of the process; before: {before:?}");
    let html = face.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains(TITLE), "{html}");
    // Control: with the PIN all of it is back.
    worn.unlock().await?;
    face.reads(TITLE).await
}

#[tokio::test]
async fn t090_nothing_that_the_watch_keeps_or_says_can_be_read_without_the_pin() -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(&line.url()).await?;
    worn.linked().await?;
    let viewer = Chromium::start().await?;
    let code = worn.lend_to(&viewer, &server.url(), TITLE).await?;
    viewer.open(TITLE).await?;
    let face = worn.face().await?;
    face.reads("1 opening").await?;
    face.tap("end").await?;
    face.shows("#over-close").await?;
    let words = [SECRET, TITLE, PIN, &code];

    let stored = "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
    assert_eq!(
        face.value(stored).await?,
        json!(r#"["",{},{},null,"glimpse-watch"]"#),
        "beside the database and the name by which the phone page finds the window again"
    );
    says_nothing_of(face, &line, words).await?;
    face.tap("over-close").await?;
    face.tap("lock").await?;
    face.screen("locked").await?;
    worn.page().await?.lock().await?;
    let database = holds_nothing_of(&worn.phone.browser, words, "glimpse-watch")?;
    assert!(database, "control: the watch's database is on the disk, and its name can be read");
    Ok(())
}
