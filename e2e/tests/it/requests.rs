//! Every request of a whole session, as the browser lists them: row 87.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use e2e::browser::{Browser, Kind};
use e2e::device::field;
use e2e::proxy::{Answer, Asked, Honest, Proxy, Tamper};
use e2e::server::Server;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::altered::{Rebuilt, altered, edit_html, is_page, without_protection};
use crate::ending::lend_here;

in_both!(t087_every_request_of_a_session_goes_to_its_own_origin, t087_control_a_page_that_asks_somebody_else_is_seen,);

/// The browsers' own viewers of PDF, which lie on the disk of whoever runs the browser, with what they carry in themselves.
const PDF_VIEWERS: [&str; 3] =
    ["chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/", "resource://pdf.js/", "data:font/"];

/// Addresses that are not the origin's own; a `blob:` is made in the page and leaves nothing on the network.
pub(crate) fn foreign(all: &[String], origin: &str) -> BTreeSet<String> {
    let socket = origin.replacen("http", "ws", 1);
    let own = |url: &&String| {
        let after = |start: &str| url.strip_prefix(start).is_some_and(|rest| rest.starts_with('/'));
        !(after(origin)
            || after(&socket)
            || url.starts_with(&format!("blob:{origin}/"))
            || PDF_VIEWERS.iter().any(|own| url.starts_with(own)))
    };
    all.iter().filter(own).cloned().collect()
}

async fn t087_every_request_of_a_session_goes_to_its_own_origin(kind: Kind) -> Result<()> {
    let stage = Stage::with_behind(kind, Arc::new(Honest)).await?;
    stage.device.add_every_kind().await?;
    let mut listing = stage.browser.go_listed(&stage.url()).await?;
    stage.browser.screen("enter").await?;
    stage.browser.show_facts().await?;
    stage.browser.run("document.getElementById('facts').close()").await?;
    stage.browser.speak("de").await?;
    let mut lending = lend_here(&stage, &["--everything"]).await?;
    let granted = lending.events.iter().find(|event| e2e::device::is(event, "granted")).context("granted")?;
    let records = granted.get("records").and_then(Value::as_array).context("records")?.clone();
    let kinds: BTreeSet<String> = records.iter().map(|record| field(record, "kind")).collect::<Result<_>>()?;
    assert_eq!(
        kinds.iter().map(String::as_str).collect::<Vec<_>>(),
        ["fhir", "file", "image", "json", "pdf", "series", "table", "text"]
    );
    for record in &records {
        stage.browser.open(&field(record, "title")?).await?;
    }
    stage.browser.speak("ar").await?;
    lending.end().await?;
    stage.browser.reason().await?;

    let all = listing.all().await?;
    assert_eq!(foreign(&all, &stage.url()), BTreeSet::new());
    // What must be in a list that is whole: page and end, an asset, a catalogue, calls of the Worker's, its socket.
    for part in ["/ended.html", "/assets/", "/lang/ar", "/v1/claims", "/open", "/content", "/socket"] {
        assert!(all.iter().any(|url| url.contains(part)), "{part} is not in the list: {all:#?}");
    }
    assert!(all.len() > 20, "{all:#?}");
    // Nor did the real server see what the list does not show.
    for (request, _) in stage.proxy.as_ref().context("no proxy")?.exchanges() {
        let from_browser =
            request.headers.get("user-agent").is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla"));
        let listed = all.iter().any(|url| url.split('#').next().is_some_and(|url| url.ends_with(&request.path)));
        assert!(listed || !from_browser || request.path == "/favicon.ico", "{} is not in the list", request.path);
    }
    Ok(())
}

/// Somebody else's host.
struct Elsewhere;

impl Tamper for Elsewhere {
    fn request(&self, _: &mut Asked) -> Option<Answer> {
        Some(Answer::own(StatusCode::OK, "image/png", ""))
    }
}

async fn t087_control_a_page_that_asks_somebody_else_is_seen(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let elsewhere = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Elsewhere)).await?;
    let pixel = format!("{}/pixel.png", elsewhere.url());
    let tag = format!("<img src=\"{pixel}\"></body>");
    let beacon = format!("{}/from-the-worker", elsewhere.url());
    let asks = format!("\nfetch({}, {{ mode: 'no-cors' }});", json!(beacon));
    let worker = Rebuilt::new("worker-", |worker| [worker, asks.into_bytes()].concat())?;
    let loose = altered(&server, move |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
            edit_html(&mut answer, |html| html.replace("</body>", &tag));
        }
        worker.put(asked, &mut answer);
        Some(answer)
    })
    .await?;
    let mut listing = browser.go_listed(&loose.url()).await?;
    browser.screen("enter").await?;
    until("what page and Worker ask for arrives", async || (elsewhere.exchanges().len() == 2).then_some(())).await?;
    assert_eq!(foreign(&listing.all().await?, &loose.url()), BTreeSet::from([pixel, beacon]));
    Ok(())
}
