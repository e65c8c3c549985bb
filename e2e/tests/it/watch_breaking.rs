//! What happens when something in the watch's page breaks: rows 91 and 92.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::browser::Kind;
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use e2e::worn::PIN;
use serde_json::json;

use crate::memory::FAULTS;
use crate::phone::with_line;
use crate::phone_watch::worn;

in_both!(
    t091_a_fault_on_the_watch_is_told_and_leaves_no_broken_instance,
    t092_without_randomness_the_watch_links_nothing,
);

/// Behind the address of a page whose Worker breaks.
const BREAKS: &str = "?breaks";

/// Sets, when it is told to, which call fails from then on.
const WHEN_TOLD: &str = "addEventListener('message', event => { const after = event.data.failAfter; if (!after) return; \
    event.stopImmediatePropagation(); globalThis.failAt = globalThis.calls + after })";

async fn t091_a_fault_on_the_watch_is_told_and_leaves_no_broken_instance(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    worn.linked().await?;
    let face = worn.face().await?;
    face.run_first_in_worker(BREAKS, &format!("{FAULTS}; {WHEN_TOLD}")).await?;
    let mut told = BTreeSet::new();
    for after in [1, 2, 4, 8, 40, 100_000] {
        worn.load(BREAKS).await?;
        worn.unlock().await?;
        face.reads(TITLE).await?;
        face.run(&format!("window.postMessage({{ toWorker: {{ failAfter: {after} }} }}, '*')")).await?;
        // What the Worker does by itself may have met the fault already.
        face.run("document.querySelector('.row')?.click(); document.getElementById('lend-go')?.click()").await?;
        let script = "return document.body.innerText.includes('Something went wrong inside Glimpse.') ? 'refused' \
            : document.querySelector('.row[aria-pressed=true], .big-code, #trouble:not([hidden])') ? 'went on' : null";
        let outcome = until(&format!("the watch says how it went after a fault at call {after}"), async || {
            face.run(script).await.ok()?.as_str().map(str::to_owned)
        })
        .await?;
        let ended = face.value("document.documentElement.dataset.ended ?? null").await?;
        if outcome == "refused" {
            assert!(!face.text().await?.contains(TITLE), "the list is gone");
            assert_eq!(ended, json!("1"), "the broken instance is dropped");
        } else {
            assert_eq!(ended, json!(null), "control: one that goes on is not");
        }
        let console = face.console().await?.join("\n");
        for word in [SECRET, TITLE, PIN] {
            assert!(!console.contains(word), "fault at call {after}: {console}");
        }
        told.insert(outcome);
    }
    assert_eq!(told, BTreeSet::from(["refused".to_owned(), "went on".to_owned()]), "control: a fault is deadly");
    // Nothing is lost by it.
    worn.load("").await?;
    worn.unlock().await?;
    face.reads(TITLE).await
}

async fn t092_without_randomness_the_watch_links_nothing(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    let face = worn.face().await?;
    let broken = "crypto.getRandomValues = () => { throw new Error('no randomness') }; \
        Math.random = () => { throw new Error('never a substitute') }";
    face.run_first_in_worker(BREAKS, broken).await?;
    worn.load(BREAKS).await?;
    let asked = || line.exchanges().iter().filter(|(asked, _)| asked.path.starts_with("/v1/mailboxes")).count();
    let before = asked();
    worn.type_pins().await?.tap("join-show").await?;
    face.reads("Something went wrong inside Glimpse.").await?;
    assert_eq!(asked(), before, "no mailbox was asked for");
    // Control: with randomness it goes on; and what failed left nothing behind.
    worn.load("").await?;
    face.screen("start").await?;
    worn.linked().await?;
    assert!(asked() > before);
    Ok(())
}
