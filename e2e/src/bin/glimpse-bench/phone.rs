//! The phone page: what it fetches, how long a person waits, how it scrolls, what it does while nobody looks; and what a watch does then.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Browser, Chromium};
use e2e::device::Device;
use e2e::devtools::{DevTools, Session};
use e2e::phone::{Phone, TERMINAL_PASSPHRASE};
use e2e::server::Server;
use e2e::wait::{until, within};
use e2e::worn::{PIN, Worn};
use serde_json::{Value, json};

use crate::{Fetched, ROOMY, add_notes, median, rounded, tell};

/// How long a page that nobody looks at is watched.
const HIDDEN: Duration = Duration::from_secs(20);
/// How long what was begun before that may go on: a watch gives a phone that does not answer so much time.
const SETTLED: Duration = Duration::from_secs(8);

/// Counts what wakes a Worker or a page up: timers that fire, and what a Worker says to its page.
const COUNT: &str = "{ globalThis.fired = 0; globalThis.said = 0; const say = self.postMessage.bind(self); \
    for (const kind of ['setTimeout', 'setInterval']) { const later = self[kind].bind(self); \
      self[kind] = (then, ...rest) => later((...given) => { fired += 1; then(...given) }, ...rest) } \
    self.postMessage = (...given) => { said += 1; say(...given) } } true";

pub(crate) async fn phone(samples: usize, records: usize) -> Result<()> {
    let server = Server::with(&ROOMY).await?;
    let device = Device::create(&server.url()).await?;
    add_notes(&device, records).await?;
    // The terminal's copy of the listing moves in with it.
    device.run(&["ls"]).await?;
    let mut phone = Phone::blank(&server.url()).await?;
    phone.move_in(&device).await?;
    let mut tools = phone.browser.devtools().await?;
    let page = tools.page().await?;

    bytes(&phone, &mut tools, &page).await?;
    unlocking(&phone, &mut tools, &page, samples, records).await?;
    scrolling(&phone, &mut tools, &page, records).await?;
    lending(&phone, &mut tools, &page, samples).await?;
    drop(tools);
    hidden(&phone, &server).await?;
    hidden_watch(&server).await
}

/// Everything that the page fetches until the list of records stands; calls of the API are the Worker's own.
async fn bytes(phone: &Phone, tools: &mut DevTools, page: &Session) -> Result<()> {
    // What a service worker keeps from the visit before is no first use.
    let forget = "Promise.all([navigator.serviceWorker.getRegistrations().then(all => Promise.all(all.map(each => each.unregister()))), \
        caches.keys().then(all => Promise.all(all.map(each => caches.delete(each))))]).then(() => done('gone'))";
    phone.browser.run_async(forget).await?;
    phone.browser.go("about:blank").await?;
    tools.call(Some(page), "Network.enable", json!({})).await?;
    tools.call(Some(page), "Network.clearBrowserCache", json!({})).await?;
    phone.load("locked").await?;
    phone.browser.write("passphrase", TERMINAL_PASSPHRASE).await?;
    phone.browser.tap("gate-go").await?;
    phone.browser.shows(".record-row").await?;
    let mut fetched = Fetched::default();
    fetched.add(tools).await?;
    ensure!(
        ["html", "js", "json", "wasm"].iter().all(|kind| fetched.kinds.get(*kind).is_some_and(|bytes| *bytes > 0)),
        "{:?}",
        fetched.kinds
    );
    fetched.tell("phone_bytes_to_list", json!({}))?;
    tools.call(Some(page), "Network.disable", json!({})).await?;
    Ok(())
}

fn at(times: &Value, name: &str) -> Result<f64> {
    times.get(name).and_then(Value::as_f64).with_context(|| format!("{name} in {times}"))
}

/// From the press on the button: until the first record is drawn, which comes from the copy on the device, and until what the
/// server says is drawn.
async fn unlocking(phone: &Phone, tools: &mut DevTools, page: &Session, samples: usize, records: usize) -> Result<()> {
    const PRESS: &str = "new Promise(done => { const at = { start: performance.now() }; \
        const look = () => { const count = document.getElementById('count')?.textContent ?? ''; \
          if (!at.listed && document.querySelector('.record-row')) at.listed = performance.now(); \
          if (at.listed && count && !count.includes('\u{b7}')) { at.fresh = performance.now(); done(at) } \
          else requestAnimationFrame(look) }; \
        document.getElementById('gate-go').click(); look() })";
    let (mut listed, mut fresh) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        phone.load("locked").await?;
        phone.browser.write("passphrase", TERMINAL_PASSPHRASE).await?;
        let times = tools.evaluate(page, PRESS).await?;
        let start = at(&times, "start")?;
        listed.push(at(&times, "listed")? - start);
        fresh.push(at(&times, "fresh")? - start);
    }
    let context = json!({ "records": records, "samples": samples, "includes": "Argon2 of the passphrase" });
    tell("phone_unlock_to_list", median(&mut listed)?, "ms", context.clone());
    tell("phone_unlock_to_fresh_list", median(&mut fresh)?, "ms", context);
    Ok(())
}

/// Times between frames while a list is drawn past, five screens a second.
async fn scrolling(phone: &Phone, tools: &mut DevTools, page: &Session, records: usize) -> Result<()> {
    const SCROLL: &str = "new Promise(done => { const list = document.getElementById('records'); const times = []; let gaps = 0, before = 0; \
        const box = list.getBoundingClientRect(); const x = box.left + box.width / 2, y = box.top + box.height / 2; \
        const step = (now) => { if (before) times.push(now - before); before = now; \
          if (!document.elementFromPoint(x, y)?.closest('.record-row')) gaps += 1; \
          list.scrollTop += 53; \
          if (times.length < 300) requestAnimationFrame(step); \
          else { times.sort((a, b) => a - b); done({ median: times[150], p95: times[285], max: times[299], gaps }) } }; \
        requestAnimationFrame(step) })";
    phone.browser.shows(".record-row").await?;
    let times = tools.evaluate(page, SCROLL).await?;
    let context = json!({
        "records": records, "frames": 300, "median": rounded(at(&times, "median")?), "max": rounded(at(&times, "max")?),
        "frames_without_rows": times.get("gaps"), "aim": 34,
    });
    tell("phone_scroll_frame_p95", rounded(at(&times, "p95")?), "ms", context);
    Ok(())
}

/// From the press on "Show a code" until it stands there, for one ticked record.
async fn lending(phone: &Phone, tools: &mut DevTools, page: &Session, samples: usize) -> Result<()> {
    const PRESS: &str = "new Promise(done => { const start = performance.now(); \
        const look = () => document.querySelector('.big-code')?.textContent ? done(performance.now() - start) : requestAnimationFrame(look); \
        document.getElementById('lend-go').click(); look() })";
    let mut times = Vec::new();
    phone.go("lend").await?;
    phone.browser.shows(".record-row").await?;
    for _ in 0..samples {
        phone.browser.shows("#lend-go").await?;
        phone.browser.run("document.querySelector('.record-row').click()").await?;
        phone.browser.shows("#lend-go:not(:disabled)").await?;
        times.push(tools.evaluate(page, PRESS).await?.as_f64().context("a time")?);
        phone.browser.tap("cancel").await?;
        phone.over().await?;
        phone.browser.tap("over-close").await?;
    }
    tell("phone_lend_to_code", median(&mut times)?, "ms", json!({ "samples": samples, "aim": 300 }));
    Ok(())
}

/// What the Worker does while the page is hidden: with nothing under way, and with a session that nobody uses.
async fn hidden(phone: &Phone, server: &Server) -> Result<()> {
    phone.browser.go("about:blank").await?;
    let mut tools = phone.browser.devtools().await?;
    let page = tools.page().await?;
    phone.browser.go(phone.url()).await?;
    let worker = tools.worker(&page).await?;
    phone.type_passphrase(TERMINAL_PASSPHRASE).await?;
    phone.browser.screen("records").await?;
    phone.browser.shows(".record-row").await?;
    tools.evaluate(&worker, COUNT).await?;
    counted(&phone.browser, &mut tools, &[&worker], "phone_wakeups_hidden").await?;
    let viewer = Chromium::start().await?;
    phone.go("lend").await?;
    phone.browser.shows(".record-row").await?;
    phone.browser.run("document.querySelector('.record-row').click()").await?;
    phone.browser.shows("#lend-go:not(:disabled)").await?;
    phone.browser.tap("lend-go").await?;
    let code = phone.code().await?;
    phone.answer(&viewer, &server.url(), &code).await?;
    counted(&phone.browser, &mut tools, &[&worker], "phone_wakeups_hidden_in_session").await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    Ok(())
}

/// What page and Worker of a watch do while the watch is hidden: while its phone is there, which is hidden as well, and while
/// it is away.
async fn hidden_watch(server: &Server) -> Result<()> {
    let worn = Worn::opened(Phone::with_account(&server.url(), "Mara Lind").await?).await?;
    worn.linked().await?;
    // Here nothing can stand before a window of its own: it goes on as a tab.
    worn.face().await?.driver.close_window().await?;
    let browser = &worn.page().await?.browser;
    let page = browser.driver.window().await?;
    browser.run("window.open('/watch', 'glimpse-watch')").await?;
    let other = async || browser.driver.windows().await.ok()?.into_iter().find(|handle| *handle != page);
    let face = until("the watch's tab", other).await?;
    browser.driver.switch_to_window(face.clone()).await?;
    browser.screen("locked").await?;
    browser.write("pin", PIN).await?;
    browser.tap("unlock").await?;
    browser.shows("#lend-go").await?;
    let mut tools = browser.devtools().await?;
    let session = tools.page().await?;
    let worker = tools.worker(&session).await?;
    for each in [&session, &worker] {
        tools.evaluate(each, COUNT).await?;
    }
    let away = "document.getElementById('away').textContent !== ''";
    browser.becomes("the phone is there", away, false).await?;
    counted(browser, &mut tools, &[&session, &worker], "watch_wakeups_hidden").await?;
    browser.driver.switch_to_window(page).await?;
    browser.go(&format!("{}/ended.html", server.url())).await?;
    browser.driver.switch_to_window(face).await?;
    browser.becomes("the phone is away", away, true).await?;
    counted(browser, &mut tools, &[&session, &worker], "watch_wakeups_hidden_alone").await
}

/// Lets time go by in which nothing is done.
async fn passed(time: Duration) {
    // What never happens is waited for.
    let _never = within(time, "nothing", async || None::<()>).await;
}

/// How often these woke up while another tab stood before theirs.
async fn counted(browser: &Browser, tools: &mut DevTools, all: &[&Session], figure: &str) -> Result<()> {
    let own = browser.driver.window().await?;
    let other = browser.driver.new_tab().await?;
    browser.driver.switch_to_window(other).await?;
    // What was begun before the page was hidden comes to its end.
    passed(SETTLED).await;
    for each in all {
        tools.evaluate(each, "fired = said = 0").await?;
    }
    passed(HIDDEN).await;
    let (mut fired, mut said) = (0_u64, 0_u64);
    for each in all {
        let count = tools.evaluate(each, "[fired, said]").await?;
        let number = |at: usize| count.get(at).and_then(Value::as_u64).context("a count");
        (fired, said) = (fired.saturating_add(number(0)?), said.saturating_add(number(1)?));
    }
    browser.driver.close_window().await?;
    browser.driver.switch_to_window(own).await?;
    tell(figure, fired, "timers", json!({ "seconds": HIDDEN.as_secs(), "messages_to_page": said }));
    Ok(())
}
