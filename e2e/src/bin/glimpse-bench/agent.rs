//! Figures of the agents' portal: what it fetches until an agent can enrol or sign in, and from a code to the first record.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{Desk, approve};
use e2e::browser::Kind;
use serde_json::{Value, json};

use crate::{Fetched, WATCH, median, tell, told};

/// Bytes to first use, and the time from a typed code to the first record on the screen, with a customer who approves at once.
pub(crate) async fn agent(samples: usize) -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_bytes("note.txt", "Take the blue one in the morning.\n").await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let mut tools = browser.connect_devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "Network.enable", json!({})).await?;
    tools.call(Some(&page), "Network.setCacheDisabled", json!({ "cacheDisabled": true })).await?;
    // At the server itself: what stands between everybody and it asks for nothing that is packed.
    browser.go(&format!("{}/agent", desk.server.url())).await?;
    portal.stage("stranger").await?;
    let mut fetched = Fetched::default();
    fetched.add(&mut tools).await?;
    ensure!(["html", "js", "json", "wasm"].iter().all(|kind| fetched.kinds.contains_key(*kind)), "{:?}", fetched.kinds);
    fetched.tell("portal_bytes_to_first_use", json!({}))?;
    tools.call(Some(&page), "Runtime.enable", json!({})).await?;
    tools.call(Some(&page), "Runtime.addBinding", json!({ "name": "told" })).await?;
    let mut whole = Vec::new();
    // The first run fills caches, and is not counted.
    for sample in 0..=samples {
        portal.load("signed-out").await?;
        portal.sign_in("ready").await?;
        portal.look("4711", "to measure").await?;
        let mut lending = desk.show_code(&[]).await?;
        tools.evaluate(&page, WATCH).await?;
        browser.type_code(&lending.code).await?;
        approve(&mut lending).await?;
        let end = told(&mut tools, "at").await?;
        ensure!(end.get("failed") == Some(&Value::Null), "the record did not open: {end}");
        let at =
            |name: &str| end.pointer(&format!("/at/{name}")).and_then(Value::as_f64).with_context(|| name.to_owned());
        if sample > 0 {
            whole.push(at("shown")? - at("submitted")?);
        }
        lending.end().await?;
        portal.over(None).await?;
    }
    let value = median(&mut whole)?;
    let context = json!({ "samples": samples, "through": "a proxy that passes everything on, unpacked" });
    tell("agent_code_submitted_to_first_record_shown", value, "ms", context);
    Ok(())
}
