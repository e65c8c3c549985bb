//! Being woken, the whole way: something happens in an account, the server pushes, a provider hands it to a browser, and its
//! person reads a notification that says nothing of what it was.
//!
//! Firefox takes the provider of the test for its own, and all of it is real there. Chromium has no provider in a test: what
//! `PushManager` gives is the test's, so that the test can open what comes; from there the debugger hands it to the page's
//! service worker.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::browser::{Browser, Chromium};
use e2e::device::{Device, NAME, Receiving};
use e2e::devtools::{DevTools, Session};
use e2e::phone::Phone;
use e2e::proxy::{Answer, Asked, Proxy, Tamper};
use e2e::record::TITLE;
use e2e::server::{Server, free_port};
use e2e::wait::until;
use serde_json::{Value, json};

use crate::push_provider::{Provider, Subscription};

const WORDS: &str = "Something happened in your account. Open Glimpse to look.";

/// An account of two devices, the phone one of them; a server that pushes, and to whom.
struct Family<B> {
    provider: Provider,
    server: Server,
    other: Device,
    phone: Phone<B>,
}

impl<B: Borrow<Browser>> Family<B> {
    /// `browser` is what the phone page is opened in.
    async fn with(provider: Provider, browser: B) -> Result<Self> {
        // One push a second for one device, so that nothing is waited for.
        let more = ["--set".to_owned(), "limits.pushes_per_device=60".to_owned()];
        let settings = [provider.settings().await?, more.to_vec()].concat();
        let server = Server::with(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let other = Device::create(&server.url()).await?;
        other.add_secret().await?;
        let phone = Phone::beside(&other, "Innocentia", browser).await?;
        let family = Self { provider, server, other, phone };
        family.unlock().await?;
        Ok(family)
    }

    fn browser(&self) -> &Browser {
        self.phone.browser.borrow()
    }

    async fn unlock(&self) -> Result<()> {
        self.phone.reopen().await?;
        self.browser().lists(TITLE).await
    }

    /// The person turns pushes on.
    async fn subscribes(&self) -> Result<()> {
        subscribes(&self.phone, &self.server, self.provider.origin.as_bytes()).await
    }

    /// The other device lends, and ends it: a session begins.
    async fn lends(&self) -> Result<Value> {
        let mut lending = self.other.lend(&["--everything"]).await?;
        let mut viewer = Receiving::start(&self.server.url(), &lending.code, &[])?;
        let words = viewer.words().await?;
        lending.approve(&words).await
    }

    async fn shown(&self) -> Result<Vec<Value>> {
        shown(self.browser()).await
    }

    async fn told(&self) -> Result<()> {
        notified(self.browser()).await
    }

    async fn puts_away(&self) -> Result<()> {
        puts_away(self.browser()).await
    }

    /// The key by which the server says that it pushes.
    async fn key(&self) -> Result<Vec<u8>> {
        let info = reqwest::get(format!("{}/v1/info", self.server.url())).await?.bytes().await?;
        let info: glimpse_wire::api::Info = serde_json::from_slice(&info)?;
        Ok(info.push_key.context("pushes are on")?.as_slice().to_vec())
    }
}

/// Chromium may show notifications of an origin.
pub(crate) async fn permit(browser: &Browser, origin: &str) -> Result<()> {
    let permit = json!({ "permissions": ["notifications"], "origin": origin });
    browser.driver.cdp().send_raw("Browser.grantPermissions", permit).await?;
    Ok(())
}

/// The person turns pushes on, at a phone page that is unlocked; the server holds the subscription once there is `held` in its data.
pub(crate) async fn subscribes<B: Borrow<Browser>>(phone: &Phone<B>, server: &Server, held: &[u8]) -> Result<()> {
    let browser = phone.browser.borrow();
    browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    phone.more("settings").await?;
    browser.shows("#push-begin").await?;
    browser.tap("push-begin").await?;
    browser.shows("#push-stop").await?;
    // That the browser has it does not say yet that the server has.
    until("the server holds the subscription", async || {
        let kept = |name: &str| std::fs::read(server.data().join(name)).unwrap_or_default();
        let there = [kept("main.db"), kept("main.db-wal")].concat();
        (e2e::scan::occurrences(&there, held) > 0).then_some(())
    })
    .await
}

/// Waits for the one notification, and checks that it says nothing of the account.
pub(crate) async fn notified(browser: &Browser) -> Result<()> {
    let one = until("a notification", async || {
        let shown = shown(browser).await.ok()?;
        (!shown.is_empty()).then_some(shown)
    })
    .await?;
    let expected =
        json!([{ "title": "Glimpse", "body": WORDS, "tag": "glimpse", "data": null, "lang": "en", "icon": "" }]);
    assert_eq!(json!(one), expected);
    Ok(())
}

pub(crate) async fn puts_away(browser: &Browser) -> Result<()> {
    let close = "navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all => \
        { all.forEach(n => n.close()); done(true) })";
    browser.run_async(close).await?;
    until("no notification", async || shown(browser).await.ok()?.is_empty().then_some(())).await
}

/// Notifications that are shown, as a script can list them.
pub(crate) async fn shown(browser: &Browser) -> Result<Vec<Value>> {
    let list = "navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all => \
        done(all.map(n => ({ title: n.title, body: n.body, tag: n.tag, data: n.data, lang: n.lang, icon: n.icon }))))";
    Ok(browser.run_async(list).await?.as_array().context("a list")?.clone())
}

/// Where the phone page of Chromium gets a subscription from.
pub(crate) fn stub(subscription: &Subscription) -> String {
    format!(
        "let held = null; const made = {{ ...{0}, toJSON: () => ({0}), unsubscribe: async () => {{ held = null; return true }} }}; \
         PushManager.prototype.getSubscription = async () => held; \
         PushManager.prototype.subscribe = async ({{ applicationServerKey, userVisibleOnly }}) => {{ \
           window.askedWith = [applicationServerKey, userVisibleOnly]; return held = made }}",
        subscription.told()
    )
}

/// The service worker of the page, as the debugger knows it.
pub(crate) struct Waker {
    tools: DevTools,
    page: Session,
    registration: Value,
    origin: String,
}

impl Waker {
    pub(crate) async fn of(browser: &Chromium, origin: &str) -> Result<Self> {
        let mut tools = browser.devtools().await?;
        let page = tools.page().await?;
        tools.call(Some(&page), "ServiceWorker.enable", json!({})).await?;
        let has = |params: &Value| params.pointer("/registrations/0/registrationId").is_some();
        let event = tools.event("ServiceWorker.workerRegistrationUpdated", has).await?;
        let registration = event.pointer("/params/registrations/0/registrationId").context("an id")?.clone();
        Ok(Self { tools, page, registration, origin: origin.to_owned() })
    }

    /// What a provider hands to the browser. The debugger takes text: a byte is a character here. Waits until the page has
    /// news of it, which is after the notification was shown: who lists notifications while one is on its way to the screen
    /// makes Chromium forget it.
    pub(crate) async fn deliver(&mut self, browser: &Browser, bytes: &[u8]) -> Result<()> {
        let hear = "window.news = false; if (!window.hears) { window.hears = true; \
            navigator.serviceWorker.addEventListener('message', ({ data }) => { if (data.type === 'news') window.news = true }) }";
        browser.run(hear).await?;
        let text: String = bytes.iter().copied().map(char::from).collect();
        let params = json!({ "origin": self.origin, "registrationId": self.registration, "data": text });
        self.tools.call(Some(&self.page), "ServiceWorker.deliverPushMessage", params).await?;
        browser.becomes("the page hears that there is something", "window.news", true).await
    }
}

/// Does to the notification what a tap on it does: the event is the browser's own to send, so script in the service worker
/// stands for it. A browser lets only a person's tap bring a window to the front; what the page is told, and does, is all there.
async fn tap(waker: &mut Waker) -> Result<()> {
    let worker = waker.tools.service_worker().await?;
    let dispatch = "registration.getNotifications().then(([notification]) => { \
        const event = new NotificationEvent('notificationclick', { notification }); \
        return dispatchEvent(event) })";
    waker.tools.evaluate(&worker, dispatch).await.map(drop)
}

/// The browser waits for ever for a service worker that failed.
#[tokio::test]
async fn where_no_service_worker_comes_the_person_is_told_that_nothing_wakes_this_browser() -> Result<()> {
    let provider = Provider::start().await?;
    let port = free_port()?;
    let origins = format!("public_origins=http://127.0.0.1:{port}");
    let settings = [provider.settings().await?, vec!["--set".to_owned(), origins]].concat();
    let server = Server::with(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let line = Proxy::start(port, &server.url(), Arc::new(Workerless)).await?;
    let browser = Chromium::start().await?;
    browser.run_first(&stub(&Subscription::at(&provider)?)).await?;
    let permit = json!({ "permissions": ["notifications"], "origin": line.url() });
    browser.driver.cdp().send_raw("Browser.grantPermissions", permit).await?;
    let phone = Phone::around(browser, &line.url()).await?;
    phone.found(NAME).await?;
    phone.go("more").await?;
    phone.browser.tap("more-settings").await?;
    phone.browser.shows("#push-begin").await?;
    phone.browser.tap("push-begin").await?;
    phone.browser.reads("This browser cannot be woken.").await
}

/// Has no service worker to give.
struct Workerless;

impl Tamper for Workerless {
    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        let gone = || Answer::own(StatusCode::NOT_FOUND, "text/plain", "");
        Some(if asked.path == "/device-sw.js" { gone() } else { answer })
    }
}

#[tokio::test]
async fn what_happens_is_pushed_as_a_random_id_and_read_as_a_notification_that_says_nothing() -> Result<()> {
    let provider = Provider::start().await?;
    let subscription = Subscription::at(&provider)?;
    let browser = Chromium::start().await?;
    browser.run_first(&stub(&subscription)).await?;
    let family = Family::with(provider, browser).await?;
    permit(family.browser(), &family.server.url()).await?;
    family.subscribes().await?;
    let key = family.key().await?;
    let asked = family.browser().value("askedWith").await?;
    assert_eq!(asked, json!([Base64UrlUnpadded::encode_string(&key), true]), "by the server's key, and never unseen");
    let mut waker = Waker::of(&family.phone.browser, &family.server.url()).await?;

    // A session begins; a device is linked.
    let granted = family.lends().await?;
    let first = family.provider.next().await?;
    let _third = family.other.another("Tabletissimo").await?;
    let second = family.provider.next().await?;
    let mut ids = BTreeSet::new();
    for push in [first, second] {
        assert_eq!(push.path, subscription.path);
        assert_eq!(push.sender(&family.provider.origin)?, key, "the server signs for it");
        let said = subscription.open(&push)?;
        assert_eq!(said.len(), 16, "an id, and nothing else");
        let session = granted.get("session").and_then(Value::as_str).context("a session")?;
        let seen = format!("{push:?}");
        for word in [session, "Tabletissimo", "Innocentia", NAME, TITLE] {
            assert!(!seen.contains(word), "{word:?} in {seen}");
        }
        family.puts_away().await?;
        waker.deliver(family.browser(), &said).await?;
        family.told().await?;
        ids.insert(said);
    }
    assert_eq!(ids.len(), 2, "an id stands for nothing but itself");

    // Whatever a provider sends instead, it is not shown.
    for other in [TITLE.as_bytes(), b"", &[0xff; 300]] {
        family.puts_away().await?;
        waker.deliver(family.browser(), other).await?;
        family.told().await?;
    }
    // Control: what is shown is what this test reads.
    let plant = format!(
        "navigator.serviceWorker.ready.then(r => r.showNotification('x', {{ body: {} }})).then(() => done(1))",
        json!(TITLE)
    );
    family.browser().run_async(&plant).await?;
    let planted = async || family.shown().await.ok()?.iter().any(|n| n["body"] == TITLE).then_some(());
    until("control: the planted one", planted).await?;
    Ok(())
}

#[tokio::test]
async fn a_tap_on_the_notification_leads_to_what_happened() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::with_account(&server.url(), NAME).await?;
    permit(&phone.browser, &server.url()).await?;
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    let mut waker = Waker::of(&phone.browser, &server.url()).await?;
    waker.deliver(&phone.browser, &[7; 16]).await?;
    assert_eq!(shown(&phone.browser).await?.len(), 1);
    phone.browser.screen("records").await.context("control: nobody has tapped on it")?;
    tap(&mut waker).await?;
    phone.browser.screen("inbox").await?;
    assert_eq!(shown(&phone.browser).await?, Vec::<Value>::new(), "and it is put away");

    // While the keys are away: afterwards, and once.
    phone.lock().await?;
    waker.deliver(&phone.browser, &[8; 16]).await?;
    assert_eq!(shown(&phone.browser).await?.len(), 1);
    tap(&mut waker).await?;
    until("it is put away", async || shown(&phone.browser).await.ok()?.is_empty().then_some(())).await?;
    phone.browser.screen("locked").await?;
    phone.unlock_to("inbox").await?;
    // In a window that the browser opens for it.
    phone.browser.go("about:blank").await?;
    phone.browser.go(&format!("{}#inbox", phone.url())).await?;
    phone.unlock_to("inbox").await?;
    phone.reopen().await.context("control: the address says so no more, and the list comes first")
}

/// Where there is a Firefox.
mod firefox {
    use super::*;

    #[tokio::test]
    async fn what_happens_is_pushed_for_real_and_shows_the_same_also_while_no_page_is_open() -> Result<()> {
        let provider = Provider::start().await?;
        let browser = Browser::firefox(&provider.preferences()).await?;
        let family = Family::with(provider, browser).await?;
        family.subscribes().await?;
        assert_eq!(family.shown().await?, Vec::<Value>::new(), "control: nothing has happened");
        family.lends().await?;
        let push = family.provider.next().await?;
        assert_eq!(push.sender(&family.provider.origin)?, family.key().await?);
        family.told().await.context("what began")?;

        // The page is closed: the service worker alone is woken.
        family.puts_away().await?;
        family.browser().go("about:blank").await?;
        let _third = family.other.another("Tabletissimo").await?;
        family.provider.next().await?;
        family.phone.load("locked").await?;
        family.told().await.context("while no page was open")?;
        family.unlock().await?;

        // And it can be turned off again.
        family.puts_away().await?;
        family.phone.more("settings").await?;
        family.browser().shows("#push-stop").await?;
        family.browser().tap("push-stop").await?;
        family.browser().shows("#push-begin").await
    }
}
