//! Every request of a whole session, as the browser lists them: row 87.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use e2e::browser::Browser;
use e2e::device::field;
use e2e::devtools::{DevTools, Session};
use e2e::program::root;
use e2e::proxy::{Answer, Asked, Honest, Proxy, Tamper};
use e2e::server::Server;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::altered::{altered, edit_html, is_page, without_protection};
use crate::ending::lend_here;

/// A file of each kind that the page draws in its own way.
pub(crate) const SAMPLE: [&str; 8] = [
    "note.txt",
    "heart-rate.csv",
    "expenses.csv",
    "steps.json",
    "patient.json",
    "lab-results.json",
    "photo.jpg",
    "letter.pdf",
];

/// Addresses that a page or a Worker asked for so far, WebSockets included.
pub(crate) async fn asked(tools: &mut DevTools, of: &Session) -> Result<Vec<String>> {
    let requests = tools.events_of(of, "Network.requestWillBeSent").await?;
    let sockets = tools.events_of(of, "Network.webSocketCreated").await?;
    let requests = requests.iter().filter_map(|event| event.pointer("/request/url"));
    let sockets = sockets.iter().filter_map(|event| event.get("url"));
    Ok(requests.chain(sockets).filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Loads a page whose requests, and those of its Worker, are listed from the first one on.
pub(crate) async fn go_listed(browser: &Browser, url: &str) -> Result<(DevTools, Session, Session)> {
    // What a window shows before it shows anything is the browser's own and asks for much.
    browser.go("about:blank").await?;
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "Network.enable", json!({})).await?;
    tools.follow(&page, true).await?;
    browser.go(url).await?;
    let worker = tools.attached().await?;
    tools.call(Some(&worker), "Network.enable", json!({})).await?;
    tools.call(Some(&worker), "Runtime.runIfWaitingForDebugger", json!({})).await?;
    Ok((tools, page, worker))
}

/// The browser's own viewer of PDF, which lies on the disk of whoever runs the browser.
const PDF_VIEWER: &str = "chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/";

/// Addresses that are not the origin's own; a `blob:` is made in the page and leaves nothing on the network.
pub(crate) fn foreign(all: &[String], origin: &str) -> BTreeSet<String> {
    let socket = origin.replacen("http", "ws", 1);
    let own = |url: &&String| {
        let after = |start: &str| url.strip_prefix(start).is_some_and(|rest| rest.starts_with('/'));
        !(after(origin) || after(&socket) || url.starts_with(&format!("blob:{origin}/")) || url.starts_with(PDF_VIEWER))
    };
    all.iter().filter(own).cloned().collect()
}

#[tokio::test]
async fn t087_every_request_of_a_session_goes_to_its_own_origin() -> Result<()> {
    let stage = Stage::behind(Arc::new(Honest)).await?;
    for file in SAMPLE {
        stage.device.add(&root()?.join("examples").join(file)).await?;
    }
    stage.device.add_bytes("plan.json", r#"{ "plan": { "monday": ["walk", "swim"] } }"#).await?;
    stage.device.add_bytes("firmware.bin", [0_u8, 159, 146, 150, 0, 1, 2, 3]).await?;
    let (mut tools, page, worker) = go_listed(&stage.browser, &stage.url()).await?;
    stage.browser.screen("enter").await?;
    stage.browser.press("facts-open").await?;
    let close =
        "const facts = document.getElementById('facts'); if (!facts.open) return false; facts.close(); return true";
    until("the facts are open", async || (stage.browser.run(close).await.ok()? == json!(true)).then_some(())).await?;
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
    let of_worker = asked(&mut tools, &worker).await?;
    lending.end().await?;
    stage.browser.reason().await?;

    let of_page = asked(&mut tools, &page).await?;
    let all = [of_page.clone(), of_worker.clone()].concat();
    assert_eq!(foreign(&all, &stage.url()), BTreeSet::new());
    // What must be in a list that is whole: page and end, an asset, a catalogue, a call of the API, the socket.
    for part in ["/ended.html", "/assets/", "/lang/ar", "/v1/claims", "/open", "/content", "/socket", "blob:"] {
        assert!(all.iter().any(|url| url.contains(part)), "{part} is not in the list: {all:#?}");
    }
    assert!(of_worker.iter().any(|url| url.contains("/v1/claims")), "the Worker's are listed: {of_worker:#?}");
    assert!(all.len() > 20, "{all:#?}");
    // Nor did the real server see what the list does not show.
    for (request, _) in stage.proxy.as_ref().context("no proxy")?.exchanges() {
        let from_browser =
            request.headers.get("user-agent").is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla"));
        let listed = all.iter().any(|url| url.ends_with(&request.path));
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

#[tokio::test]
async fn t087_control_a_page_that_asks_somebody_else_is_seen() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let elsewhere = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Elsewhere)).await?;
    let pixel = format!("{}/pixel.png", elsewhere.url());
    let tag = format!("<img src=\"{pixel}\"></body>");
    let loose = altered(&server, move |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
            edit_html(&mut answer, |html| html.replace("</body>", &tag));
        }
        Some(answer)
    })
    .await?;
    let (mut tools, page, worker) = go_listed(&browser, &loose.url()).await?;
    browser.screen("enter").await?;
    until("the pixel arrives", async || (!elsewhere.exchanges().is_empty()).then_some(())).await?;
    let all = asked(&mut tools, &page).await?;
    assert_eq!(foreign(&all, &loose.url()), BTreeSet::from([pixel]));

    // And what a Worker asks for.
    let beacon = format!("{}/from-the-worker", elsewhere.url());
    tools
        .evaluate(&worker, &format!("fetch({}, {{ mode: 'no-cors' }}).catch(() => 0).then(() => 1)", json!(beacon)))
        .await?;
    let all = asked(&mut tools, &worker).await?;
    assert_eq!(foreign(&all, &loose.url()), BTreeSet::from([beacon]));
    Ok(())
}
