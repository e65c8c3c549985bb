//! What people do, from the code to the wiped page.

use anyhow::{Context as _, Result};
use e2e::browser::Browser;
pub(crate) use e2e::code::wrong;
use e2e::device::{Receiving, field, is};
use e2e::program::root;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

#[tokio::test]
async fn a_note_is_lent_read_and_gone() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open("note").await?;
    stage.browser.reads("Take the blue pills at seven.").await?;
    let opened = look.lending.event("opened").await?;
    assert_eq!(field(&opened, "title")?, "note", "the device is told what was opened");

    let ended = look.lending.end().await?;
    assert!(is(&ended, "ended"), "{ended}");
    stage.browser.reason().await?;
    assert!(!stage.browser.text().await?.contains("blue pills"));
    Ok(())
}

#[tokio::test]
async fn every_kind_of_the_sample_record_is_shown() -> Result<()> {
    let stage = Stage::new().await?;
    for file in [
        "note.txt",
        "heart-rate.csv",
        "expenses.csv",
        "steps.json",
        "patient.json",
        "lab-results.json",
        "photo.jpg",
        "letter.pdf",
    ] {
        stage.device.add(&root()?.join("examples").join(file)).await?;
    }
    stage.device.add_bytes("plan.json", r#"{ "plan": { "monday": ["walk", "swim"] } }"#).await?;
    stage.device.add_bytes("firmware.bin", [0_u8, 159, 146, 150, 0, 1, 2, 3]).await?;
    let look = stage.lend(&["--everything"]).await?;
    let records = look.granted.get("records").and_then(Value::as_array).context("records")?.clone();
    assert_eq!(records.len(), 10);
    let mut kinds = Vec::new();
    for record in &records {
        let kind = field(record, "kind")?;
        stage.browser.open(&field(record, "title")?).await?;
        let there = match kind.as_str() {
            "image" => "const i = document.querySelector('.image img'); return !!i?.complete && i.naturalWidth > 0",
            "pdf" => "return document.querySelector('iframe.pdf')?.src.startsWith('blob:') === true",
            "series" => {
                "return !!document.querySelector('.plot path, .plot rect') && !!document.querySelector('.body table')"
            }
            "table" => "return document.querySelectorAll('.body table tbody tr').length > 3",
            "fhir" => "return document.querySelectorAll('.body dl dt').length > 3",
            "json" => "return document.querySelectorAll('.body .tree [role=listitem]').length > 2",
            "text" => "return document.querySelector('.body pre.text').textContent.length > 20",
            _ => "return !!document.querySelector('.body .nothing-open')",
        };
        let what = format!("{kind} content of {record}");
        let shown = until(&what, async || (stage.browser.run(there).await.ok()? == json!(true)).then_some(()));
        shown.await.context(stage.browser.text().await?)?;
        kinds.push(kind);
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["fhir", "file", "image", "json", "pdf", "series", "table", "text"]);
    Ok(())
}

#[tokio::test]
async fn a_wrong_code_is_told_on_both_screens_and_is_used_up() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.go(&stage.url()).await?;
    stage.browser.type_code(&wrong(&lending.code)).await?;
    assert!(stage.browser.failure().await?.contains("The code was wrong, and is used up."));
    let last = lending.event_last().await?;
    assert_eq!(field(&last, "code")?, "code-wrong");

    stage.browser.type_code(&lending.code).await?;
    until("the right code is used up too", async || {
        let told = stage.browser.failure().await.ok()?;
        (told.contains("used before") || told.contains("No device is showing")).then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn t019_a_second_browser_with_the_same_code_is_refused() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let look = stage.lend(&["--everything"]).await?;
    let second = Browser::start().await?;
    second.go(&stage.url()).await?;
    second.type_code(&look.lending.code).await?;
    let told = second.failure().await?;
    assert!(told.contains("used before") || told.contains("No device is showing"), "{told}");
    stage.browser.open("note").await.context("control: the first goes on")?;
    Ok(())
}

#[tokio::test]
async fn a_terminal_receives_what_was_lent() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    let mut receiving = Receiving::start(&stage.url(), &lending.code, &[])?;
    let words = receiving.words().await?;
    lending.approve(&words).await?;
    let granted = receiving.0.event("granted").await?;
    let unit = field(granted.pointer("/records/0").context("a record")?, "unit")?;
    receiving.0.tell(json!({ "do": "open", "unit": unit })).await?;
    let content = receiving.0.event("content").await?;
    assert_eq!(field(&content, "text")?, "Take the blue pills at seven.");
    receiving.0.tell(json!({ "do": "end" })).await?;
    assert!(is(&receiving.0.event_last().await?, "ended"));
    assert_eq!(field(&lending.event_last().await?, "code")?, "session-ended");
    Ok(())
}

#[tokio::test]
async fn declining_shares_nothing_and_says_so() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.go(&stage.url()).await?;
    stage.browser.type_code(&lending.code).await?;
    stage.browser.words().await?;
    lending.event("peer").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    assert!(stage.browser.failure().await?.contains("The person declined."));
    Ok(())
}
