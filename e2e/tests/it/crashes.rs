//! A kill at every step of a story: no record is lost, and no code can be used twice.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::browser::Chromium;
use e2e::device::{Lending, field};
use e2e::stage::Stage;
use e2e::wait::{until, within};
use serde_json::json;

use crate::ending::go_with;
use crate::memory::LATER;

/// Where in the story the kill comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    CodeShown,
    WordsShown,
    Granted,
    Opened,
}

const STEPS: [Step; 4] = [Step::CodeShown, Step::WordsShown, Step::Granted, Step::Opened];

/// Plays the story up to a step.
async fn play(stage: &Stage, browser: &Chromium, until: Step) -> Result<Lending> {
    let mut lending = stage.device.lend(&["--everything"]).await?;
    browser.go(&stage.url()).await?;
    browser.screen("enter").await?;
    if until == Step::CodeShown {
        return Ok(lending);
    }
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    if until == Step::WordsShown {
        lending.event("peer").await?;
        return Ok(lending);
    }
    lending.approve(&words).await?;
    browser.screen("session").await?;
    if until == Step::Opened {
        browser.open("note").await?;
    }
    Ok(lending)
}

/// A code that was shown before the kill opens nothing after it, whatever it had come to.
async fn code_is_dead(stage: &Stage, code: &str) -> Result<()> {
    let browser = Chromium::start().await?;
    let (mut tools, page, worker) = go_with(&browser, &stage.url(), "true").await?;
    tools.follow(&page, false).await?;
    browser.type_code(code).await?;
    let reason = "const f = document.getElementById('failure'); return f && !f.hidden ? f.innerText : null";
    let soon = within(Duration::from_secs(4), "a reason", async || {
        browser.run(reason).await.ok()?.as_str().map(str::to_owned)
    });
    let told = match soon.await {
        Ok(told) => told,
        // The server knows the code and the device is gone: the page waits for it as long as the code lives.
        Err(_) => {
            tools.evaluate(&worker, LATER).await?;
            browser.failure().await?
        }
    };
    let reasons = [
        "used before",
        "No device is showing",
        "not connected",
        "Somebody else",
        "Ask for a new",
        "two minutes are over",
    ];
    assert!(reasons.iter().any(|reason| told.contains(reason)), "{told}");
    Ok(())
}

/// The record is there, and can be lent again.
async fn all_is_well(stage: &Stage, record: &str) -> Result<()> {
    let shown = stage.device.run(&["show", record]).await?;
    assert_eq!(field(shown.first().context("content")?, "text")?, "Take the blue pills at seven.");
    let mut lending = play(stage, &stage.browser, Step::Opened).await.context("a new look")?;
    stage.browser.reads("Take the blue pills at seven.").await?;
    lending.end().await?;
    stage.browser.reason().await?;
    Ok(())
}

#[tokio::test]
async fn t096_a_killed_device_loses_no_record_and_its_codes_are_dead() -> Result<()> {
    let stage = Stage::new().await?;
    let record = stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    for step in STEPS {
        let mut lending = play(&stage, &stage.browser, step).await.with_context(|| format!("{step:?}"))?;
        lending.process.kill().await?;
        code_is_dead(&stage, &lending.code).await.with_context(|| format!("{step:?}"))?;
        // What ran goes on until its time is up or somebody ends it: any process of the owner can.
        stage.device.run(&["end"]).await.with_context(|| format!("{step:?}"))?;
        if matches!(step, Step::Granted | Step::Opened) {
            stage.browser.reason().await.with_context(|| format!("{step:?}"))?;
        }
        all_is_well(&stage, &record).await.with_context(|| format!("after a kill at {step:?}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn t096_a_killed_browser_leaves_nothing_to_use() -> Result<()> {
    let stage = Stage::new().await?;
    let record = stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    for step in STEPS {
        let browser = Chromium::start().await?;
        let mut lending = play(&stage, &browser, step).await.with_context(|| format!("{step:?}"))?;
        drop(browser);
        if step != Step::CodeShown {
            code_is_dead(&stage, &lending.code).await.with_context(|| format!("{step:?}"))?;
        }
        lending
            .tell(json!({ "do": if matches!(step, Step::Granted | Step::Opened) { "end" } else { "cancel" } }))
            .await?;
        lending.event_last().await?;
        all_is_well(&stage, &record).await.with_context(|| format!("after a kill at {step:?}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn t096_a_killed_server_loses_no_record_and_revives_no_code() -> Result<()> {
    let mut stage = Stage::new().await?;
    let record = stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    for step in STEPS {
        let mut lending = play(&stage, &stage.browser, step).await.with_context(|| format!("{step:?}"))?;
        stage.server.kill().await?;
        stage.server.resume().await?;
        let code = lending.code.clone();
        code_is_dead(&stage, &code).await.with_context(|| format!("{step:?}"))?;
        until("the device gives up", async || {
            let event = lending.next().await.ok()?;
            (e2e::device::is(&event, "ended") || e2e::device::is(&event, "error")).then_some(())
        })
        .await
        .with_context(|| format!("{step:?}"))?;
        all_is_well(&stage, &record).await.with_context(|| format!("after a kill at {step:?}"))?;
    }
    Ok(())
}
