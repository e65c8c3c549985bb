//! The Worker behind each page: it ends with the page, and with what breaks in it and nobody catches. Rows 66 and 91.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::server::Server;
use serde_json::json;

in_both!(t066_a_page_that_is_left_ends_its_worker, t091_what_nobody_catches_in_a_worker_ends_the_page);

/// The pages, and what can be seen on each when its Worker runs.
const PAGES: [(&str, &str); 4] = [
    ("/", "[data-screen=enter] #code"),
    ("/device", "#gate-go"),
    ("/watch", "[data-screen] #main > *"),
    ("/agent", "[data-stage=stranger] .desk h1"),
];

/// Behind the address of a page whose Worker does what the test says.
const WATCHED: &str = "?watched";

const ENDED: &str = "document.documentElement.dataset.ended ?? null";

/// Loads each page in turn, its Worker with `script` before its first line.
async fn on_each(kind: Kind, script: &str, then: impl AsyncFn(&Browser, &str) -> Result<()>) -> Result<()> {
    let (server, browser) = (Server::start().await?, Browser::start(kind).await?);
    browser.run_first_in_worker(WATCHED, script).await?;
    for (path, seen) in PAGES {
        browser.go(&format!("{}{path}{WATCHED}", server.url())).await?;
        browser.shows(seen).await.context(path)?;
        assert_eq!(browser.value(ENDED).await?, json!(null), "control: {path} has its Worker");
        then(&browser, path).await.context(path)?;
    }
    Ok(())
}

/// A browser may keep the page for its Back button, and whatever runs behind it.
async fn t066_a_page_that_is_left_ends_its_worker(kind: Kind) -> Result<()> {
    on_each(kind, "0", async |browser, path| {
        browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
        assert_eq!(browser.value(ENDED).await?, json!("1"), "{path}");
        Ok(())
    })
    .await
}

/// A Worker tells its page of errors in what the browser calls; a promise that fails and that nobody waits for would be silent,
/// and the page would wait for ever.
async fn t091_what_nobody_catches_in_a_worker_ends_the_page(kind: Kind) -> Result<()> {
    let fails = "addEventListener('message', event => { if (!event.data.fails) return; \
        event.stopImmediatePropagation(); Promise.reject(new Error('injected')) })";
    on_each(kind, fails, async |browser, _| {
        browser.run("postMessage({ toWorker: { fails: true } }, '*')").await?;
        browser.reads("Something went wrong inside Glimpse.").await
    })
    .await
}
