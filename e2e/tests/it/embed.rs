//! The portal in somebody else's console: an agent signs in, asks, looks and ends in its frame, and the console is told when.

use anyhow::Result;
use e2e::agent::{AGENT, approve};
use e2e::browser::{Browser, Kind};
use e2e::console::Console;
use e2e::device::field;
use e2e::record::{SECRET, TITLE};
use serde_json::json;
use thirtyfour::By;

use crate::agents::{CASE, REASON, read};

in_both!(
    an_agent_signs_in_asks_looks_and_ends_in_a_console,
    a_customer_who_declines_leaves_the_case_in_the_frame,
    a_console_chooses_language_colours_and_what_stands_in_the_fields,
    t083_a_passkey_is_asked_for_in_the_window_and_not_in_the_frame,
    t083_a_button_on_which_the_mouse_rests_is_in_sight,
);

async fn an_agent_signs_in_asks_looks_and_ends_in_a_console(kind: Kind) -> Result<()> {
    let console = Console::open(kind, &[], &[]).await?;
    console.place.device.add_secret().await?;
    let browser = console.browser();
    console.open_window().await?;
    console.portal.stage("signed-out").await?;
    browser.reads(console.host.url().trim_start_matches("http://")).await?;
    let _closed = console.portal.go_on().await;
    console.alone().await?;
    console.inside().await?;
    console.portal.stage("ready").await?;
    browser.reads(AGENT).await?;
    let fields = "[document.getElementById('case').value, document.getElementById('reason').value]";
    assert_eq!(browser.value(fields).await?, json!(["4711", "to check the bill of March"]), "as the console says");

    console.portal.look(CASE, REASON).await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.type_code(&lending.code).await?;
    let asked = approve(&mut lending).await?;
    for (name, value) in [("name", AGENT), ("case", CASE), ("reason", REASON)] {
        assert_eq!(field(&asked, name)?, value, "the customer sees {name}");
    }
    browser.screen("session").await?;
    console.tells("session-started").await?;
    console.inside().await?;
    read(browser).await?;
    assert_eq!(field(&lending.event("opened").await?, "title")?, TITLE);

    assert_eq!(console.end().await?, "session-ended");
    assert!(!browser.text().await?.contains(SECRET));
    console.tells("ready").await?;
    assert_eq!(console.log().await?, ["ready", "session-started", "session-ended: session-ended", "ready"]);

    // Again; and the customer ends.
    console.sign_in().await?;
    let mut lending = console.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    lending.end().await?;
    // The console hears of it at once; the agent is asked what came of it, on a page that has nothing of it any more.
    console.tells("session-ended: session-ended").await?;
    console.inside().await?;
    browser.shows("#outcome-none").await?;
    assert!(!browser.text().await?.contains(SECRET));
    browser.tap("outcome-none").await?;
    assert_eq!(console.reason().await?, "session-ended");
    Ok(())
}

async fn a_customer_who_declines_leaves_the_case_in_the_frame(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    console.place.device.add_secret().await?;
    let browser = console.browser();
    console.portal.look(CASE, REASON).await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.type_code(&lending.code).await?;
    lending.event("agent").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    console.portal.stage("ready").await?;
    assert!(console.portal.problem().await?.contains("The person declined."));
    assert_eq!(browser.value("document.getElementById('case').value").await?, CASE);
    console.tells("error: declined").await
}

async fn a_console_chooses_language_colours_and_what_stands_in_the_fields(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    let browser = console.browser();
    let set = async |name: &str, value: &str| {
        let script = format!("document.querySelector('glimpse-agent').setAttribute({}, {})", json!(name), json!(value));
        console.outside().await?;
        browser.run(&script).await?;
        console.inside().await
    };
    set("language", "ar").await?;
    browser.becomes("the frame is in Arabic", "document.documentElement.dir", "rtl").await?;
    set("language", "en").await?;
    for (theme, paper) in [("dark", "rgb(18, 22, 23)"), ("light", "rgb(246, 246, 243)")] {
        set("theme", theme).await?;
        e2e::wait::until("the colours", async || {
            let seen = browser.value("getComputedStyle(document.documentElement).backgroundColor").await.ok()?;
            (seen == paper).then_some(())
        })
        .await?;
    }
    set("case", "4712").await?;
    let case = async || browser.value("document.getElementById('case')?.value ?? null").await.ok();
    e2e::wait::until("the other case", async || (case().await? == "4712").then_some(())).await?;
    // What the agent typed stays.
    browser.write("case", CASE).await?;
    set("case", "4713").await?;
    set("reason", "why not").await?;
    let reason = async || browser.value("document.getElementById('reason').value").await.ok();
    e2e::wait::until("the other reason", async || (reason().await? == "why not").then_some(())).await?;
    assert_eq!(case().await, Some(json!(CASE)));
    set("language", "de").await?;
    browser.becomes("the frame is in German", "document.documentElement.lang", "de").await?;
    browser.becomes("the button is", "document.querySelector('.case button').innerText", "Weiter zum Code").await?;
    assert_eq!(case().await, Some(json!(CASE)));
    Ok(())
}

async fn t083_a_passkey_is_asked_for_in_the_window_and_not_in_the_frame(kind: Kind) -> Result<()> {
    let console = Console::open(kind, &[], &[]).await?;
    let browser = console.browser();
    // The console lets it do whatever it can let.
    console.outside().await?;
    let allow = "document.querySelector('glimpse-agent').shadowRoot.querySelector('iframe')";
    browser.run(&format!("document.getElementById('log').replaceChildren(); const f = {allow}; f.allow = 'publickey-credentials-get *; publickey-credentials-create *'; f.src += '?again'")).await?;
    console.tells("ready").await?;
    console.inside().await?;
    let ask = "navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), timeout: 2000 } }).then(() => done('asked'), e => done(e.name))";
    let refused = browser.run_async(ask).await?;
    assert!(refused == "NotAllowedError" || refused == "SecurityError", "{refused}");
    if kind == Kind::Chromium {
        // Firefox does not tell a page what its policy is.
        let may = "document.featurePolicy.allowsFeature('publickey-credentials-get')";
        assert_eq!(browser.value(may).await?, json!(false));
        console.open_window().await?;
        assert_eq!(browser.value(may).await?, json!(true), "control");
    }
    Ok(())
}

async fn t083_a_button_on_which_the_mouse_rests_is_in_sight(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    console.place.device.add_secret().await?;
    let browser = console.browser();
    browser.write("case", CASE).await?;
    browser.write("reason", REASON).await?;
    rest_and_press(browser, ".case button.primary").await?;
    browser.screen("enter").await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.write("code", &lending.code).await?;
    rest_and_press(browser, "form:has(#code) button.primary").await?;
    approve(&mut lending).await?;
    browser.screen("session").await
}

/// Presses as a hand does, which takes longer over a button than a browser takes to look at it again.
async fn rest_and_press(browser: &Browser, selector: &str) -> Result<()> {
    let button = browser.driver.find(By::Css(selector)).await?;
    browser.driver.action_chain().move_to_element_center(&button).perform().await?;
    browser.run_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)))").await?;
    Ok(button.click().await?)
}
