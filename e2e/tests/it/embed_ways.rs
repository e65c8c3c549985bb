//! Ways out of the portal's frame and of the window beside it: row 82, with every way that is known of a page, and rows 62, 90 and 95
//! for the window.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::console::Console;
use serde_json::{Value, json};

use crate::exfiltration::{Outside, Stop, WATCH, names, of_page, reported, try_page};
use crate::phone_attacks::HELPED;

in_both!(
    t062_a_console_that_has_not_said_who_it_is_is_handed_nothing,
    t082_a_frame_reaches_nobody_but_its_server,
    t082_nor_does_the_window_that_signs_in_for_it,
    t090_the_window_that_signs_in_keeps_and_asks_for_nothing_to_be_filled_in,
);

/// What no policy covers, where the browser does not know the list of connections.
fn open_to_it(kind: Kind) -> BTreeSet<String> {
    names(&of_page(kind), |stop| kind == Kind::Firefox && stop == Stop::List)
}

async fn t082_a_frame_reaches_nobody_but_its_server(kind: Kind) -> Result<()> {
    let console = Console::around(Browser::unguarded(kind).await?, &[], &[]).await?;
    let browser = console.browser();
    console.sign_in().await?;
    let (ways, outside) = (of_page(kind), Outside::new().await?);
    browser.run(WATCH).await?;
    for (name, _, script) in &ways {
        browser.run_async(&outside.attempt(script)).await.context(*name)?;
    }
    console.inside().await?;
    let violations = browser.run("return violations").await?.as_array().cloned().context("violations")?;
    outside.gets_only(&open_to_it(kind)).await?;
    reported(&ways, &violations);
    // Control: from the console around it, which has no policy, each of them arrives.
    let outside = Outside::new().await?;
    console.outside().await?;
    try_page(browser, &outside).await?;
    outside.gets_only(&names(&ways, |_| true)).await.context("control")
}

async fn t082_nor_does_the_window_that_signs_in_for_it(kind: Kind) -> Result<()> {
    let console = Console::around(Browser::unguarded(kind).await?, &[], &[]).await?;
    let (browser, outside) = (console.browser(), Outside::new().await?);
    console.outside().await?;
    browser.go(&format!("{}/agent/sign-in", console.place.url())).await?;
    console.portal.stage("signed-out").await?;
    let violations = try_page(browser, &outside).await?;
    outside.gets_only(&open_to_it(kind)).await?;
    reported(&of_page(kind), &violations);
    Ok(())
}

async fn t090_the_window_that_signs_in_keeps_and_asks_for_nothing_to_be_filled_in(kind: Kind) -> Result<()> {
    let console = Console::open(kind, &[], &[]).await?;
    let browser = console.browser();
    console.open_window().await?;
    console.portal.stage("signed-out").await?;
    let stored = "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
    assert_eq!(browser.value(stored).await?, json!(r#"["",{},{},null,""]"#));
    let kept = "indexedDB.databases().then(all => done(all.map(d => d.name)))";
    assert_eq!(browser.run_async(kept).await?, json!(["glimpse-agent"]), "the key of this browser alone");
    assert_eq!(browser.run_async("caches.keys().then(done)").await?, json!([]));
    assert_eq!(browser.value(HELPED).await?, json!([]), "no field is left to the browser");
    browser.run("document.getElementById('main').append(document.createElement('textarea'))").await?;
    assert_ne!(browser.value(HELPED).await?, Value::Array(Vec::new()), "control");
    Ok(())
}

/// The window says for which console the agent signs in: for one that has said nothing it could not.
async fn t062_a_console_that_has_not_said_who_it_is_is_handed_nothing(kind: Kind) -> Result<()> {
    let silent = "<!doctype html><title>silent</title><iframe width=400 height=600 src=\"https://glimpse.example/agent/embed\"></iframe>";
    let console = Console::open(kind, &[], &[("/silent.html", silent)]).await?;
    let (browser, portal) = (console.browser(), &console.portal);
    console.outside().await?;
    browser.go(&format!("{}/silent.html", console.host.url())).await?;
    browser.driver.enter_frame(0).await?;
    portal.go_on().await?;
    console.other_window().await?;
    portal.stage("signed-out").await?;
    portal.go_on().await?;
    portal.stage("ready").await.context("the agent is signed in, in that window alone")?;
    browser.reads("opened by no frame of Glimpse").await?;
    browser.run("close()").await?;
    console.outside().await?;
    console.alone().await?;
    // Control: for one that has said who it is the window goes by itself.
    browser.go(&console.host.url()).await?;
    console.sign_in().await
}
