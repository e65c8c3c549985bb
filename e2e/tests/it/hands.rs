//! What persons do and drivers do not: they take the keyboard's way past the heading, hold a key a little long, change the language in
//! the middle, and leave a page open while the server gets a newer one. The same of the phone stands with the phone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::agent::Desk;
use e2e::browser::{Browser, Chromium, Kind};
use e2e::console::Console;
use e2e::phone::Phone;
use e2e::proxy::{Answer, Honest};
use e2e::record::SECRET;
use e2e::server::Server;
use e2e::stage::Stage;
use serde_json::{Value, json};
use thirtyfour::By;

use crate::agents::{CASE, REASON, read};
use crate::altered::{altered, edit_html, is_page};

in_both!(
    the_way_past_the_heading_leaves_an_agent_where_they_are,
    another_language_keeps_what_was_typed_and_where_one_is,
    another_language_keeps_what_was_chosen_to_lend,
    a_page_that_was_left_open_over_a_newer_build_says_so_and_that_nothing_was_altered,
    t059_who_ends_it_without_a_network_is_told_by_the_page_and_not_by_the_browser,
);

const ENTER: &str = "\u{e007}";

async fn the_way_past_the_heading_leaves_an_agent_where_they_are(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let browser = &desk.portal.browser;
    let skip = async || -> Result<()> { Ok(browser.driver.find(By::Css(".skip")).await?.send_keys(ENTER).await?) };
    browser.write("case", CASE).await?;
    skip().await?;
    browser.becomes("the address has it", "location.hash", "#main").await?;
    browser.becomes("an answer of the Worker", "document.activeElement.id", "main").await?;
    assert_eq!(browser.value("document.getElementById('case')?.value ?? null").await?, CASE);
    browser.write("case", "").await?;
    desk.device.add_secret().await?;
    browser.run("history.replaceState(null, '', location.pathname)").await?;
    let _lending = desk.lend(CASE, REASON, &[]).await?;
    skip().await?;
    browser.becomes("the address has it", "location.hash", "#main").await?;
    read(browser).await.context("the look goes on")?;
    // Control: what is no place in the page is taken for a link.
    desk.portal.load("signed-out").await?;
    browser.run("location.hash = 'anything'").await?;
    browser.reads("This link is not whole").await
}

async fn another_language_keeps_what_was_typed_and_where_one_is(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let browser = &desk.portal.browser;
    browser.write("case", CASE).await?;
    browser.write("reason", REASON).await?;
    for (language, direction) in [("de", "ltr"), ("ar", "rtl"), ("en", "ltr")] {
        choose_language(browser, language).await?;
        let there = "[document.documentElement.lang, document.documentElement.dir]";
        browser.becomes("the other language", there, json!([language, direction])).await?;
        let kept = "[document.getElementById('case').value, document.getElementById('reason').value, document.activeElement.id]";
        browser.becomes("what was typed, and the focus", kept, json!([CASE, REASON, "language"])).await?;
    }
    Ok(())
}

async fn another_language_keeps_what_was_chosen_to_lend(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    phone.add("Letter to the clinic", "Dear reader").await?;
    phone.go("lend").await?;
    let browser = &phone.browser;
    browser
        .becomes("the minutes", "document.querySelector('input[name=minutes]:checked')?.value ?? null", "15")
        .await?;
    browser.run("document.querySelector('input[name=minutes][value=\"60\"]').click()").await?;
    browser.run("document.getElementById('save-too').click()").await?;
    let chosen = "[document.documentElement.lang, document.querySelector('input[name=minutes]:checked')?.value, \
         document.getElementById('save-too').checked]";
    browser.becomes("control: what was chosen", chosen, json!(["en", "60", true])).await?;
    choose_language(browser, "de").await?;
    browser.becomes("the same in German", chosen, json!(["de", "60", true])).await
}

async fn choose_language(browser: &Browser, language: &str) -> Result<Value> {
    let choose = "const s = document.getElementById('language'); s.focus(); s.value = LANGUAGE; \
         s.dispatchEvent(new Event('change', { bubbles: true }))";
    browser.run(&choose.replace("LANGUAGE", &json!(language).to_string())).await
}

/// Another build, as far as a page can tell.
const NEWER: u8 = 1;
/// The same build, of which a file is missing.
const LACKING: u8 = 2;

async fn a_page_that_was_left_open_over_a_newer_build_says_so_and_that_nothing_was_altered(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let state = Arc::new(AtomicU8::new(0));
    let now = Arc::clone(&state);
    let line = altered(&server, move |asked, mut answer| {
        let state = now.load(Ordering::SeqCst);
        if state != 0 && asked.path.starts_with("/assets/") {
            return Some(Answer::own(StatusCode::NOT_FOUND, "text/plain", ""));
        }
        if state == NEWER && is_page(asked) {
            edit_html(&mut answer, |html| {
                let build = "name=\"glimpse-build\" content=\"";
                let Some((before, after)) = html.split_once(build) else { return html.to_owned() };
                format!("{before}{build}0123{}", after.get(4..).unwrap_or_default())
            });
        }
        Some(answer)
    })
    .await?;
    let browser = Browser::start(kind).await?;
    for (then, told) in [(NEWER, "A newer version of this page is there."), (LACKING, "not what its builder published")]
    {
        state.store(0, Ordering::SeqCst);
        browser.go(&line.url()).await?;
        browser.screen("enter").await?;
        browser.becomes("it is at work", "document.getElementById('loading').hidden", true).await?;
        state.store(then, Ordering::SeqCst);
        browser.run("document.getElementById('facts-open').click()").await?;
        browser.reads(told).await.with_context(|| told.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn t083_a_button_that_gets_no_focus_from_a_mouse_is_in_sight_all_the_same() -> Result<()> {
    // As Safari does.
    let browser = Browser::firefox(&[("accessibility.mouse_focuses_formcontrol", json!(0))]).await?;
    let console = Console::around(browser, &[], &[]).await?;
    console.sign_in().await?;
    let browser = console.browser();
    browser.write("case", CASE).await?;
    browser.write("reason", REASON).await?;
    let button = browser.driver.find(By::Css(".case button.primary")).await?;
    button.click().await?;
    browser.screen("enter").await?;
    Ok(())
}

#[tokio::test]
async fn the_key_that_asks_for_the_end_does_not_answer_as_well() -> Result<()> {
    let desk = Desk::around(Chromium::start()).await?;
    desk.hire().await?;
    let browser: &Browser = &desk.portal.browser;
    desk.device.add_secret().await?;
    let _lending = desk.lend(CASE, REASON, &[]).await?;
    let mut tools = desk.portal.browser.devtools().await?;
    let page = tools.page().await?;
    browser.run("document.getElementById('end').focus()").await?;
    let key = |kind: &str, again: bool| -> Value {
        json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r", "autoRepeat": again })
    };
    for again in [false, true] {
        tools.call(Some(&page), "Input.dispatchKeyEvent", key("keyDown", again)).await?;
    }
    tools
        .call(Some(&page), "Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": "Enter", "code": "Enter" }))
        .await?;
    browser.shows("dialog.outcome").await.context("it is still asked")?;
    ensure!(browser.value("document.documentElement.dataset.screen").await? == "session");
    // Control: pressed anew, it answers.
    tools.call(Some(&page), "Input.dispatchKeyEvent", key("keyDown", false)).await?;
    assert_eq!(browser.reason().await?, "session-ended");
    Ok(())
}

async fn t059_who_ends_it_without_a_network_is_told_by_the_page_and_not_by_the_browser(kind: Kind) -> Result<()> {
    let stage = Stage::with_behind(kind, Arc::new(Honest)).await?;
    let line = stage.proxy.as_ref().context("no proxy")?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("secret").await?;
    stage.browser.reads(SECRET).await?;
    line.cut();
    stage.browser.press("end").await?;
    stage.browser.shows("#ended-offline").await?;
    let text = stage.browser.text().await?;
    ensure!(text.contains("The session was ended.") && !text.contains(SECRET), "{text}");
    line.mend();
    stage.browser.press("leave-again").await?;
    assert_eq!(stage.browser.reason().await?, "session-ended");
    assert!(!stage.browser.text().await?.contains(SECRET));
    Ok(())
}
