//! How a look ends, and that it stays ended: rows 59, 60, 66 and 67.

use std::borrow::Borrow;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::devtools::{DevTools, Session};
use e2e::proxy::{Answer, Asked, Honest, Proxy, SocketId, Tamper, without};
use e2e::record::SECRET;
use e2e::scan::{Needle, scan_processes};
use e2e::stage::Stage;
use e2e::wait::until;
use glimpse_wire::ids::UnixMillis;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::pairing::Offer;
use glimpse_wire::{decode, encode};
use serde_json::{Value, json};

use crate::altered::{Rebuilt, altered, is_page, without_protection};
use crate::memory::{WATCH_RANDOMNESS, drawn, found};

in_both!(
    t059_nothing_is_readable_after_the_time_is_up,
    t066_back_shows_nothing,
    t066_control_what_a_page_that_does_not_wipe_itself_brings_back,
    t066_reloading_ends_the_look,
    t067_revoking_stops_it_within_five_seconds,
    offline_for_a_while_is_told_and_mended,
);

/// The newest request to open a unit that went through the proxy, and its answer.
pub(crate) fn last_opening<B>(stage: &Stage<B>) -> Result<(Asked, Answer)> {
    let proxy = stage.proxy.as_ref().context("no proxy")?;
    proxy.exchanges().into_iter().rfind(|(asked, _)| asked.path.ends_with("/open")).context("nothing was opened")
}

/// Sends a request again, to the real server.
pub(crate) async fn again<B>(stage: &Stage<B>, asked: &Asked) -> Result<(StatusCode, String)> {
    let url = format!("{}{}", stage.server.url(), asked.path);
    let mut request = reqwest::Client::new().request(asked.method.clone(), url).body(asked.body.clone());
    if let Some(kind) = asked.headers.get("content-type") {
        request = request.header("content-type", kind);
    }
    let answer = request.send().await?;
    Ok((answer.status(), String::from_utf8_lossy(&answer.bytes().await?).into_owned()))
}

async fn t059_nothing_is_readable_after_the_time_is_up(kind: Kind) -> Result<()> {
    let stage = Stage::with_behind(kind, Arc::new(Honest)).await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let mut look = stage.lend(&["--everything", "--for", "10s"]).await?;
    stage.browser.open("secret").await?;
    stage.browser.reads(SECRET).await?;
    let (asked, _) = last_opening(&stage)?;
    let content = stage.proxy.as_ref().context("no proxy")?.exchanges().into_iter();
    let (content, _) =
        content.into_iter().rfind(|(asked, _)| asked.path.ends_with("/content")).context("no content")?;
    assert_eq!(again(&stage, &asked).await?.0, StatusCode::OK, "control: the same request again is answered");
    assert!(again(&stage, &content).await?.0.is_success(), "control: the ciphertext is there");

    assert_eq!(stage.browser.reason().await?, "session-expired");
    assert!(!stage.browser.text().await?.contains(SECRET));
    let last = look.lending.event_last().await?;
    assert_eq!(last.get("code"), Some(&json!("session-expired")), "{last}");
    for asked in [asked, content] {
        let (status, problem) = again(&stage, &asked).await?;
        assert_eq!(status, StatusCode::GONE, "{}: {problem}", asked.path);
        assert!(problem.contains("session-expired"), "{problem}");
    }
    Ok(())
}

#[tokio::test]
async fn t059_no_key_outlives_the_time() -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let (mut tools, page, worker) = go_with(&stage.browser, &stage.url(), WATCH_RANDOMNESS).await?;
    let _lending = lend_here(&stage, &["--everything", "--for", "15s"]).await?;
    stage.browser.open("secret").await?;
    let keys = drawn(&mut tools, &worker).await?;
    let texts = [Needle::text("content", SECRET)];
    let processes = tools.renderers().await?;
    let during = scan_processes(&processes, &keys)?;
    assert!(found(&during).contains(&"signing seed"), "control: the process holds keys: {during:?}");
    assert_eq!(found(&tools.scan_heap(&page, &texts).await?), ["content"], "control: and what is shown");

    assert_eq!(stage.browser.reason().await?, "session-expired");
    until("the Worker is gone", async || tools.targets("worker").await.ok()?.is_empty().then_some(())).await?;
    assert_eq!(tools.memories(&page).await?, 0, "no wasm memory");
    assert_eq!(found(&tools.heap_once_settled(&page, &texts).await?), Vec::<&str>::new(), "in the page's heap");
    let after = scan_processes(&processes, &keys)?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the whole memory of the process; before: {during:?}");
    Ok(())
}

/// Loads the page with a script that runs in its Worker before the first line of the Worker's own.
pub(crate) async fn go_with(browser: &Chromium, url: &str, script: &str) -> Result<(DevTools, Session, Session)> {
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    tools.follow(&page, true).await?;
    browser.go(url).await?;
    let worker = tools.attached().await?;
    tools.evaluate(&worker, script).await?;
    tools.call(Some(&worker), "Runtime.runIfWaitingForDebugger", json!({})).await?;
    Ok((tools, page, worker))
}

/// Pairs on a page that is loaded already.
pub(crate) async fn lend_here(stage: &Stage<impl Borrow<Browser>>, arguments: &[&str]) -> Result<e2e::device::Lending> {
    let browser = stage.browser.borrow();
    let mut lending = stage.device.lend(arguments).await?;
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    lending.approve(&words).await?;
    browser.screen("session").await?;
    Ok(lending)
}

const DAY: i64 = 86_400_000;

/// Sets the wall clock of page and Worker a day off, for the whole session.
async fn ends_in_time_whatever_the_clock_says(off: i64) -> Result<()> {
    let stage = Stage::new().await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let shift = format!(
        "{{ const real = Date; const off = {off}; \
         globalThis.Date = class extends real {{ constructor(...a) {{ a.length ? super(...a) : super(real.now() + off) }} \
         static now() {{ return real.now() + off }} }} }} Date.now()"
    );
    let (mut tools, page, worker) = go_with(&stage.browser, &stage.url(), &shift).await?;
    tools.evaluate(&page, &shift).await?;
    let _lending = lend_here(&stage, &["--everything", "--for", "12s"]).await?;
    let begun = Instant::now();
    stage.browser.open("secret").await.context("a clock that is ahead does not end it early")?;
    let told = tools.evaluate(&worker, "Date.now()").await?.as_i64().context("a time")?;
    let real = tools.evaluate(&page, "performance.timeOrigin + performance.now()").await?;
    let real = real.as_f64().context("a time")?;
    #[expect(clippy::as_conversions, reason = "milliseconds of this century")]
    let distance = (told as f64 - real - off as f64).abs();
    assert!(distance < 60_000.0, "control: the Worker's clock is {off} ms off, told {told}");
    assert_eq!(stage.browser.reason().await?, "session-expired");
    assert!(begun.elapsed() < Duration::from_secs(25), "a clock that is behind does not prolong it");
    Ok(())
}

#[tokio::test]
async fn t060_the_wall_clock_of_the_browser_changes_nothing() -> Result<()> {
    tokio::try_join!(ends_in_time_whatever_the_clock_says(DAY), ends_in_time_whatever_the_clock_says(-DAY))?;
    Ok(())
}

#[tokio::test]
async fn t060_sleep_counts_and_a_clock_that_is_set_back_in_a_session_lengthens_nothing() -> Result<()> {
    // A machine that sleeps: in some browsers this clock stands still, and the wall clock has gone on at the next look.
    let stopped = "{ const then = performance.now(); performance.now = () => then }";
    let hours =
        |count: i64| format!("{{ const real = Date.now; Date.now = () => real() + {} }} true", count * 3_600_000);
    let stage = Stage::new().await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    stage.device.add_bytes("other.txt", "The other text.").await?;
    let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), "true").await?;
    let _lending = lend_here(&stage, &["--everything", "--for", "10m"]).await?;
    stage.browser.open("secret").await?;
    tools.evaluate(&worker, &format!("{stopped}; {}", hours(0))).await?;
    stage.browser.open("other").await.context("control: with no hour gone it goes on")?;
    tools.evaluate(&worker, &hours(1)).await?;
    assert_eq!(stage.browser.reason().await?, "session-expired");
    drop(tools);

    let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), "true").await?;
    let _lending = lend_here(&stage, &["--everything", "--for", "12s"]).await?;
    let begun = Instant::now();
    tools.evaluate(&worker, &hours(-24)).await?;
    assert_eq!(stage.browser.reason().await?, "session-expired");
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    Ok(())
}

/// Tells every time a day off. With `all` the device is told so too, and since the real server would refuse Terms of another
/// day, its answer to them is made here: then nothing but the ends keeps the time.
struct OtherDay {
    off: i64,
    all: bool,
    lies: AtomicUsize,
    /// The Offer as the device made it, with the end of the code that it was told.
    offer: Mutex<Option<Vec<u8>>>,
}

impl OtherDay {
    fn moved(&self, time: u64) -> u64 {
        self.lies.fetch_add(1, Ordering::SeqCst);
        time.saturating_add_signed(self.off)
    }
}

impl Tamper for OtherDay {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        if self.all && asked.method == "PUT" && asked.path.ends_with("/offer") {
            // The real server takes only an Offer that ends when it said.
            let mut offer: Offer = decode(&asked.body, 1024).ok()?;
            *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked.body.clone());
            offer.expires = UnixMillis(offer.expires.0.saturating_add_signed(self.off.saturating_neg()));
            asked.body = encode(&offer);
        }
        let registers = self.all && asked.method == "POST" && asked.path == "/v1/sessions";
        registers.then(|| Answer::own(StatusCode::CREATED, "application/json", "{}"))
    }

    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        let names: &[&str] = match asked.path.as_str() {
            "/v1/claims" => &["now"],
            "/v1/mailboxes" if self.all => &["now", "expires"],
            _ => return Some(answer),
        };
        let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
        for name in names {
            let time = body.get(*name)?.as_u64()?;
            *body.get_mut(*name)? = json!(self.moved(time));
        }
        if let (Some(offered), Some(made)) =
            (body.get_mut("offer"), self.offer.lock().unwrap_or_else(PoisonError::into_inner).clone())
        {
            *offered = json!(Base64UrlUnpadded::encode_string(&made));
        }
        answer.body = body.to_string().into_bytes();
        Some(answer)
    }

    fn to_end(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let Ok(ToEnd::Joined { now, sent, peer }) = decode::<ToEnd>(&frame, 1024) else { return vec![frame] };
        vec![encode(&ToEnd::Joined { now: UnixMillis(self.moved(now.0)), sent, peer })]
    }
}

async fn ends_in_time_whatever_the_server_says(off: i64, all: bool) -> Result<()> {
    let lying = Arc::new(OtherDay { off, all, lies: AtomicUsize::new(0), offer: Mutex::default() });
    let stage = Stage::behind(lying.clone()).await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let mut look = stage.lend(&["--everything", "--for", "12s"]).await?;
    let begun = Instant::now();
    stage.browser.lists("secret").await?;
    if !all {
        stage.browser.open("secret").await.context("a clock that is ahead does not end it early")?;
    }
    assert_eq!(stage.browser.reason().await?, "session-expired");
    assert!(begun.elapsed() < Duration::from_secs(25), "a clock that is behind does not prolong it");
    assert!(!stage.browser.text().await?.contains("secret"));
    let last = look.lending.event_last().await?;
    assert_eq!(last.get("code"), Some(&json!("session-expired")), "{last}");
    assert!(lying.lies.load(Ordering::SeqCst) >= 3, "control: the server lied, in the claim and on both sockets");
    Ok(())
}

#[tokio::test]
async fn t060_the_clock_of_the_server_changes_nothing() -> Result<()> {
    for all in [false, true] {
        let ends = |off| ends_in_time_whatever_the_server_says(off, all);
        tokio::try_join!(ends(DAY), ends(-DAY)).with_context(|| format!("to the device as well: {all}"))?;
    }
    Ok(())
}

/// A page that shows a secret and does nothing when it is left.
const CARELESS: &str = "<!doctype html><p id=s></p><script>\
    onpageshow = e => { window.persisted = e.persisted; }; \
    window.show = () => { document.getElementById('s').textContent = 'SECRET'; }</script>";

async fn t066_back_shows_nothing(kind: Kind) -> Result<()> {
    // Twice: as it is, and with the headers taken away that make browsers restore such a page more rarely.
    back_shows_nothing(Stage::with_behind(kind, Arc::new(Honest)).await?).await?;
    back_shows_nothing(Stage::with_behind(kind, Arc::new(Storable)).await?).await
}

/// Takes `no-store` away.
struct Storable;

impl Tamper for Storable {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        if is_page(asked) {
            answer.headers.remove("cache-control");
        }
        Some(answer)
    }
}

async fn back_shows_nothing(stage: Stage<Browser>) -> Result<()> {
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let careless = altered(&stage.server, |asked, answer| {
        let page = || Answer::own(StatusCode::OK, "text/html", CARELESS.replace("SECRET", SECRET));
        Some(if asked.path == "/careless" { page() } else { answer })
    })
    .await?;
    let elsewhere = format!("{}/ended.html", stage.url());

    // Control: a page that does not wipe itself is back with what it showed.
    stage.browser.go(&format!("{}/careless", careless.url())).await?;
    stage.browser.run("window.show()").await?;
    leave_and_come_back(&stage.browser, &elsewhere).await?;
    let restored = stage.browser.run("return [window.persisted, document.body.innerText.trim()]").await?;
    assert_eq!(restored, json!([true, SECRET]), "control");

    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("secret").await?;
    stage.browser.reads(SECRET).await?;
    leave_and_come_back(&stage.browser, &elsewhere).await?;
    stage.browser.screen("enter").await?;
    let html = stage.browser.run("return document.documentElement.outerHTML").await?;
    assert!(!html.to_string().contains("flower pot"), "{html}");
    Ok(())
}

/// The page with a boot script that does not wipe what is shown, and does not start anew when it comes back. It is pinned
/// by its own hash, and no header stands in the way.
async fn careless_build(stage: &Stage<Browser>) -> Result<Proxy> {
    let wipe = "document.body.replaceChildren();";
    let forget = "this.#screen?.forget?.();";
    let anew = "event.persisted && location.reload()";
    let boot = Rebuilt::new("boot-", |boot| {
        let boot = String::from_utf8_lossy(&boot);
        let as_known = [wipe, forget, anew].iter().all(|part| boot.contains(part));
        assert!(as_known, "the boot script is written in another way");
        boot.replace(wipe, "").replace(forget, "").replace(anew, "(window.persisted = event.persisted)").into_bytes()
    })?;
    altered(&stage.server, move |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
            without(&mut answer, "cache-control");
        }
        boot.put(asked, &mut answer);
        Some(answer)
    })
    .await
}

async fn t066_control_what_a_page_that_does_not_wipe_itself_brings_back(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let careless = careless_build(&stage).await?;
    stage.browser.go(&careless.url()).await?;
    let _lending = lend_here(&stage, &["--everything"]).await?;
    stage.browser.open("secret").await?;
    leave_and_come_back(&stage.browser, &format!("{}/ended.html", careless.url())).await?;
    let restored =
        stage.browser.run("return [window.persisted, document.body.innerText.includes('flower pot')]").await?;
    let expected = match kind {
        Kind::Chromium => json!([true, true]),
        // It keeps no page that has a connection open: one with a look is gone, whatever it does.
        Kind::Firefox => json!([false, false]),
    };
    assert_eq!(restored, expected);
    Ok(())
}

/// Goes to another page and presses Back.
pub(crate) async fn leave_and_come_back(browser: &Browser, elsewhere: &str) -> Result<()> {
    let here = browser.value("location.pathname").await?;
    browser.go(elsewhere).await?;
    browser.driver.back().await?;
    browser.becomes("Back arrives", "location.pathname", here).await
}

async fn t066_reloading_ends_the_look(kind: Kind) -> Result<()> {
    let stage = Stage::with(kind).await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("secret").await?;
    let warned = "const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e)";
    assert_eq!(stage.browser.run(warned).await?, json!(true), "the page warns before it is left");
    stage.browser.driver.refresh().await?;
    stage.browser.screen("enter").await?;
    assert!(!stage.browser.text().await?.contains(SECRET));
    Ok(())
}

async fn t067_revoking_stops_it_within_five_seconds(kind: Kind) -> Result<()> {
    let stage = Stage::with_behind(kind, Arc::new(Honest)).await?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    stage.device.add_bytes("other.txt", "never opened").await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open("secret").await?;
    let (asked, _) = last_opening(&stage)?;
    assert_eq!(again(&stage, &asked).await?.0, StatusCode::OK, "control: it runs");

    let begun = Instant::now();
    // Another process in the same home, as from another terminal.
    let session = look.granted.get("session").and_then(Value::as_str).context("session")?.to_owned();
    stage.device.run(&["end", &session]).await?;
    let reason = stage.browser.reason().await?;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(matches!(reason.as_str(), "session-ended" | "session-revoked"), "{reason}");
    assert!(!stage.browser.text().await?.contains(SECRET));
    let (status, problem) = again(&stage, &asked).await?;
    assert_eq!(status, StatusCode::GONE, "{problem}");
    let last = look.lending.event_last().await?;
    assert_eq!(last.get("event"), Some(&json!("ended")), "{last}");
    Ok(())
}

async fn offline_for_a_while_is_told_and_mended(kind: Kind) -> Result<()> {
    let stage = Stage::with_behind(kind, Arc::new(Honest)).await?;
    let line = stage.proxy.as_ref().context("no proxy")?;
    stage.device.add_bytes("secret.txt", SECRET).await?;
    stage.device.add_bytes("other.txt", "Read after the tunnel.").await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open("secret").await?;
    let shows = async |wanted: bool| {
        let what = format!("the banner is {}", if wanted { "shown" } else { "gone" });
        stage.browser.becomes(&what, "document.querySelector('.offline')?.hidden === false", wanted).await
    };
    shows(false).await?;
    line.cut();
    shows(true).await?;
    stage.browser.reads(SECRET).await.context("what is open stays open")?;
    line.mend();
    shows(false).await?;
    stage.browser.open("other").await?;
    stage.browser.reads("Read after the tunnel.").await?;
    until("the device hears of the opening", async || {
        let event = look.lending.next().await.ok()?;
        (event.get("event") == Some(&json!("opened")) && event.get("title") == Some(&json!("other"))).then_some(())
    })
    .await
}

/// Drops the connection of whoever asks for a later piece of a record, while the switch is on, and counts how often.
struct DropsLaterPieces {
    on: AtomicBool,
    dropped: AtomicU32,
}

impl Tamper for DropsLaterPieces {
    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        let later = asked.path.ends_with("/content")
            && asked.headers.get("range").is_some_and(|range| !range.as_bytes().starts_with(b"bytes=0-"));
        if later && self.on.load(Ordering::SeqCst) {
            self.dropped.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        Some(answer)
    }
}

#[tokio::test]
async fn a_record_that_stopped_goes_on_where_it_did() -> Result<()> {
    let drops = Arc::new(DropsLaterPieces { on: AtomicBool::new(true), dropped: AtomicU32::new(0) });
    let stage = Stage::behind(drops.clone()).await?;
    stage.device.add_bytes("long.txt", format!("{SECRET}\n{}", "line\n".repeat(600_000))).await?;
    let (mut tools, _, worker) = go_with(&stage.browser, &stage.url(), "true").await?;
    let _lending = lend_here(&stage, &["--everything", "--for", "30m"]).await?;
    stage.browser.choose("long").await?;
    let stopped = "return document.querySelector('.record-pane .notice.bad button') !== null";
    let mut seen = 0;
    loop {
        let state = until("a piece is asked for again, or given up", async || {
            if stage.browser.run(stopped).await.ok()? == json!(true) {
                return Some(None);
            }
            let dropped = drops.dropped.load(Ordering::SeqCst);
            (dropped > seen).then_some(Some(dropped))
        });
        let Some(dropped) = state.await? else { break };
        seen = dropped;
        // The wait before the next try is over at once.
        let later = "{ const now = performance.now.bind(performance); performance.now = () => now() + 20000 } true";
        tools.evaluate(&worker, later).await?;
    }
    stage.browser.reads("The server cannot be reached.").await?;
    let asked = |what: &str, range: &[u8]| -> Result<usize> {
        let exchanges = stage.proxy.as_ref().context("no proxy")?.exchanges();
        let fits = |asked: &Asked| {
            let ranged = asked.headers.get("range").map_or(&b""[..], |range| range.as_bytes());
            asked.path.ends_with(what) && ranged.starts_with(range)
        };
        Ok(exchanges.iter().filter(|(asked, _)| fits(asked)).count())
    };
    assert_eq!((asked("/open", b"")?, asked("/content", b"bytes=0-")?), (1, 1));
    drops.on.store(false, Ordering::SeqCst);
    stage.browser.run("document.querySelector('.record-pane .notice.bad button').click()").await?;
    stage.browser.reads(SECRET).await?;
    assert_eq!((asked("/open", b"")?, asked("/content", b"bytes=0-")?), (1, 1), "nothing of it was asked for twice");
    Ok(())
}
