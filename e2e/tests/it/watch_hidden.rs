//! A watch that nobody looks at: it has no timer, and looks for no phone. A watch on a wrist is out of sight nearly always.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Browser, Kind};
use e2e::record::TITLE;
use e2e::wait::{until, within};
use serde_json::json;

use crate::phone::with_line;
use crate::phone_watch::worn;

in_both!(a_watch_that_nobody_sees_wakes_nothing_and_looks_for_its_phone_once_it_is_seen);

/// Behind the address of a page whose timers are counted.
const COUNTED: &str = "?counted";

/// Longer than any pause between two looks, or two questions to the phone.
const QUIET: Duration = Duration::from_secs(8);

/// Puts the watch out of sight and back when it is told to; counts at the root of the page what wakes it or its Worker, and how
/// often it looks for its phone.
const PAGE: &str = "let away = false; Object.defineProperty(Document.prototype, 'hidden', { get: () => away }); \
    const seen = now => () => { away = !now; document.dispatchEvent(new Event('visibilitychange')) }; \
    addEventListener('covered', seen(false)); addEventListener('uncovered', seen(true)); \
    const count = what => { const { dataset } = document.documentElement; dataset[what] = Number(dataset[what] ?? 0) + 1 }; \
    for (const kind of ['setTimeout', 'setInterval']) { const real = window[kind].bind(window); \
      window[kind] = (then, ...rest) => real((...given) => { count('woken'); then(...given) }, ...rest) } \
    new BroadcastChannel('woken').onmessage = () => count('woken'); \
    const Channel = window.MessageChannel; \
    window.MessageChannel = class extends Channel { constructor() { super(); count('looked') } };";

const WORKER: &str = "{ const told = new BroadcastChannel('woken'); \
    for (const kind of ['setTimeout', 'setInterval']) { const real = self[kind].bind(self); \
      self[kind] = (then, ...rest) => real((...given) => { told.postMessage('woken'); then(...given) }, ...rest) } }";

async fn counted(face: &Browser, what: &str) -> Result<u64> {
    let count = format!("Number(document.documentElement.dataset.{what} ?? 0)");
    face.value(&count).await?.as_u64().context("a count")
}

/// Whether something is counted before long.
async fn goes_on(face: &Browser, what: &str) -> Result<bool> {
    let before = counted(face, what).await?;
    let more = async || (counted(face, what).await.ok()? > before).then_some(());
    Ok(within(QUIET, what, more).await.is_ok())
}

/// Out of sight: what was begun before comes to its end, and then nothing wakes it.
async fn sleeps(face: &Browser) -> Result<()> {
    let looked = counted(face, "looked").await?;
    until("nothing wakes the watch", async || (!goes_on(face, "woken").await.ok()?).then_some(())).await?;
    ensure!(counted(face, "looked").await? == looked, "it looks for its phone although nobody sees it");
    Ok(())
}

async fn phone_is(face: &Browser, there: bool) -> Result<()> {
    until(if there { "the phone is there" } else { "the phone is away" }, async || {
        let silent = face.value("document.getElementById('away').textContent === ''").await.ok()?;
        (silent == json!(there)).then_some(())
    })
    .await
}

async fn a_watch_that_nobody_sees_wakes_nothing_and_looks_for_its_phone_once_it_is_seen(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    worn.linked().await?;
    let face = worn.face().await?;
    face.run_first(PAGE).await?;
    face.run_first_in_worker(COUNTED, WORKER).await?;
    worn.load(COUNTED).await?;
    worn.unlock().await?;
    face.reads(TITLE).await?;
    phone_is(face, true).await?;
    ensure!(
        goes_on(face, "woken").await?,
        "control: one that is seen asks its phone now and then, and that is counted"
    );
    ensure!(!goes_on(face, "looked").await?, "a phone that is there is not looked for");

    // Its phone is there, and goes away meanwhile.
    face.run("dispatchEvent(new Event('covered'))").await?;
    sleeps(face).await?;
    worn.page().await?.browser.go(&format!("{}/ended.html", line.url())).await?;
    let face = worn.face().await?;
    sleeps(face).await?;

    // Control: once it is seen it says that the phone is away, and looks for it again and again.
    face.run("dispatchEvent(new Event('uncovered'))").await?;
    phone_is(face, false).await?;
    for _ in 0..2 {
        ensure!(goes_on(face, "looked").await?, "control: a phone that is away is looked for, and that is counted");
    }
    face.run("dispatchEvent(new Event('covered'))").await?;
    sleeps(face).await?;

    // The phone is back, which nobody sees before the watch is looked at.
    worn.page().await?.load("locked").await?;
    let face = worn.face().await?;
    sleeps(face).await?;
    face.run("dispatchEvent(new Event('uncovered'))").await?;
    phone_is(face, true).await?;
    ensure!(!goes_on(face, "looked").await?, "a phone that is there is not looked for");

    // In sight all the while: a phone page that is loaded anew is found by itself.
    let before = counted(face, "looked").await?;
    worn.page().await?.load("locked").await?;
    let face = worn.face().await?;
    until("a port that died is followed by another", async || {
        (counted(face, "looked").await.ok()? > before).then_some(())
    })
    .await?;
    phone_is(face, true).await?;
    worn.lend(TITLE).await.map(drop)
}
