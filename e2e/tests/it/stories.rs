//! What people do, from the code to the wiped page.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
pub(crate) use e2e::code::wrong;
use e2e::device::{Receiving, field, is};
use e2e::program::root;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

in_both!(
    a_note_is_lent_read_and_gone,
    every_kind_of_the_sample_record_is_shown,
    a_copy_that_may_be_saved_is_saved_as_it_was,
    a_wrong_code_is_told_on_both_screens_and_is_used_up,
    t019_a_second_browser_with_the_same_code_is_refused,
    declining_shares_nothing_and_says_so,
    zooming_into_a_long_series_brings_what_was_thinned_away,
    a_code_that_is_sent_before_the_page_is_ready_is_not_lost,
    another_language_leaves_what_was_typed,
    what_may_not_be_saved_and_is_too_large_to_show_says_so_and_offers_nothing,
);

async fn a_note_is_lent_read_and_gone(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
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

async fn every_kind_of_the_sample_record_is_shown(browser: Kind) -> Result<()> {
    let stage = Stage::with(browser).await?;
    stage.device.add_every_kind().await?;
    let look = stage.lend(&["--everything"]).await?;
    let records = look.granted.get("records").and_then(Value::as_array).context("records")?.clone();
    assert_eq!(records.len(), 10);
    let mut kinds = Vec::new();
    for record in &records {
        let kind = field(record, "kind")?;
        stage.browser.open(&field(record, "title")?).await?;
        let there = match kind.as_str() {
            "image" => "(i => !!i?.complete && i.naturalWidth > 0)(document.querySelector('.image img'))",
            "pdf" => "document.querySelector('iframe.pdf')?.src.startsWith('blob:') === true",
            "series" => "!!document.querySelector('.plot path, .plot rect') && !!document.querySelector('.body table')",
            "table" => "document.querySelectorAll('.body table tbody tr').length > 3",
            "fhir" => "document.querySelectorAll('.body dl dt').length > 3",
            "json" => "document.querySelectorAll('.body .tree [role=listitem]').length > 2",
            "text" => "document.querySelector('.body pre.text').textContent.length > 20",
            _ => "!!document.querySelector('.body .nothing-open')",
        };
        stage.browser.becomes(&format!("{kind} content of {record}"), there, true).await?;
        let folded =
            stage.browser.run("return document.querySelectorAll('.body details.fields:not([open])').length").await?;
        assert_eq!(folded != json!(0), field(record, "title")? == "lab-results", "what a table has already is folded");
        if kind == "pdf" && browser == Kind::Firefox {
            letter_is_drawn(&stage.browser).await?;
        }
        kinds.push(kind);
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["fhir", "file", "image", "json", "pdf", "series", "table", "text"]);
    Ok(())
}

/// The viewer of PDF that Firefox has is a page, so that one can look into it.
async fn letter_is_drawn(browser: &Browser) -> Result<()> {
    browser.driver.enter_frame(0).await?;
    let text = "return document.querySelector('.textLayer')?.textContent ?? ''";
    let drawn = until("the letter can be read", async || {
        browser.run(text).await.ok()?.as_str()?.contains("Brightwell General Hospital").then_some(())
    });
    drawn.await?;
    Ok(browser.driver.enter_parent_frame().await?)
}

async fn a_copy_that_may_be_saved_is_saved_as_it_was(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    let photo = root()?.join("examples/photo.jpg");
    stage.device.add(&photo).await?;
    let _look = stage.lend(&["--everything", "--save"]).await?;
    stage.browser.open("photo").await?;
    stage.browser.press("save").await?;
    let saved = until("a file is saved", async || {
        let bytes = std::fs::read(stage.browser.downloads().join("photo.jpg")).ok()?;
        (!bytes.is_empty()).then_some(bytes)
    });
    assert_eq!(saved.await?, std::fs::read(photo)?);
    Ok(())
}

async fn a_wrong_code_is_told_on_both_screens_and_is_used_up(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &wrong(&lending.code)).await?;
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

async fn t019_a_second_browser_with_the_same_code_is_refused(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let look = stage.lend(&["--everything"]).await?;
    let second = Browser::start(kind).await?;
    second.enter(&stage.url(), &look.lending.code).await?;
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

async fn declining_shares_nothing_and_says_so(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("note.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    stage.browser.words().await?;
    lending.event("peer").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    assert!(stage.browser.failure().await?.contains("The person declined."));
    Ok(())
}

/// A day of one value a second: far more than a chart has room for.
fn one_day() -> String {
    let rows = (0..86_400_u32).map(|second| {
        let (hour, minute, rest) = (second / 3600, second / 60 % 60, second % 60);
        format!("2026-11-09T{hour:02}:{minute:02}:{rest:02}Z,{}\n", 60 + second % 7)
    });
    std::iter::once("time,Heart rate (bpm)\n".to_owned()).chain(rows).collect()
}

/// How many points the line of the chart has.
const POINTS: &str = "return document.querySelector('.plot path.line').getAttribute('d').match(/[ML]/g).length";

async fn zooming_into_a_long_series_brings_what_was_thinned_away(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("pulse.csv", one_day()).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("pulse").await?;
    let points = async || stage.browser.run(POINTS).await.ok()?.as_u64();
    let whole = until("the chart is drawn", points).await?;
    assert!(whole <= 2_000, "control: the whole day is thinned, to {whole} of 86400 points");
    // Six times nearer: an hour and a half is in sight, of which the whole chart has at most a twelfth of its points.
    for _ in 0..4 {
        stage.browser.run("document.querySelectorAll('.chart-tools button')[2].click()").await?;
    }
    until("points that were thinned away are drawn", async || {
        // What is drawn goes a quarter of the width beyond each edge: of the thinned points, 2000 / 16 * 1.5.
        (points().await? > 2 * 188).then_some(())
    })
    .await?;
    // And back: the whole is there again.
    stage.browser.run("document.querySelectorAll('.chart-tools button')[4].click()").await?;
    until("the whole is drawn", async || (points().await? == whole).then_some(())).await?;
    // A touch that the browser takes away lets go of the chart.
    let dragged = "const p = document.querySelector('.plot'); p.setPointerCapture = () => {}; \
        const fire = (type, x, id = 1) => p.dispatchEvent(new PointerEvent(type, { pointerId: id, isPrimary: id === 1, clientX: x, bubbles: true })); \
        document.querySelectorAll('.chart-tools button')[2].click(); \
        const labels = () => [...p.querySelectorAll('.tick')].map(t => t.textContent).join(); \
        fire('pointerdown', 300); fire('pointermove', 200); const moved = labels(); fire('ARGUMENT', 200); fire('pointermove', 50); \
        return [moved === labels()]";
    let held = stage.browser.run(&dragged.replace("ARGUMENT", "pointerover")).await?;
    assert_eq!(held, json!([false]), "control: while it is held it moves");
    let held = stage.browser.run(&dragged.replace("ARGUMENT", "pointercancel")).await?;
    assert_eq!(held, json!([true]));
    // A second finger takes the chart from nobody.
    let second = dragged.replace(
        "fire('ARGUMENT', 200); fire('pointermove', 50);",
        "fire('pointerdown', 90, 2); fire('pointermove', 50, 2);",
    );
    assert_eq!(stage.browser.run(&second).await?, json!([true]));
    Ok(())
}

/// Holds the viewer's module back until the page's `release()` is called.
const LATE: &str = "const real = fetch; globalThis.fetch = async (...given) => { \
    if (String(given[0]).includes('glimpse-web_bg')) await new Promise(go => { globalThis.release = go }); \
    return real(...given) }";

async fn a_code_that_is_sent_before_the_page_is_ready_is_not_lost(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    stage.browser.run_first(LATE).await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.go(&stage.url()).await?;
    stage.browser.becomes("the module is asked for", "typeof release", "function").await?;
    let field = stage.browser.driver.find(thirtyfour::By::Id("code")).await?;
    field.send_keys(&lending.code).await?;
    field.send_keys("\u{e007}").await?;
    let screen = stage.browser.run("return document.documentElement.dataset.screen ?? null").await?;
    assert_eq!(screen, json!(null), "control: the Worker is not there");
    stage.browser.run("release()").await?;
    let words = stage.browser.words().await?;
    lending.approve(&words).await?;
    stage.browser.screen("session").await?;
    Ok(())
}

async fn another_language_leaves_what_was_typed(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("note.txt", "x").await?;
    stage.device.add_bytes("letter.txt", "x").await?;
    stage.browser.go(&stage.url()).await?;
    stage.browser.screen("enter").await?;
    stage.browser.driver.find(thirtyfour::By::Id("code")).await?.send_keys("41720").await?;
    stage.browser.speak("de").await?;
    stage.browser.reads("Code").await?;
    assert_eq!(stage.browser.run("return document.getElementById('code').value").await?, "417 20");

    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.lists("letter").await?;
    stage.browser.driver.find(thirtyfour::By::Id("search")).await?.send_keys("note").await?;
    let titles = async |expected: &[&str]| {
        let what = format!("the list is {expected:?}");
        until(&what, async || (stage.browser.titles().await.ok()? == expected).then_some(())).await
    };
    titles(&["note"]).await?;
    stage.browser.speak("ar").await?;
    titles(&["note"]).await?;
    assert_eq!(stage.browser.run("return document.getElementById('search').value").await?, "note");
    Ok(())
}

async fn what_may_not_be_saved_and_is_too_large_to_show_says_so_and_offers_nothing(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("log.txt", vec![b'x'; 64 * 1024 * 1024 + 1]).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.choose("log").await?;
    stage.browser.reads("This record is too large to be shown here. Saving a copy was not granted.").await?;
    let buttons = "return document.querySelectorAll('.record-pane .notice.bad button').length";
    assert_eq!(stage.browser.run(buttons).await?, json!(0), "no try that cannot succeed");
    Ok(())
}
