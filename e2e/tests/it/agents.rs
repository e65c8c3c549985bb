//! What an agent does with the portal, from the enrolment link to the end of a look, with a customer who sees who asks.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION, Portal, approve};
use e2e::browser::{Browser, Kind};
use e2e::device::{field, is};
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use serde_json::{Value, json};

use crate::ending::leave_and_come_back;

in_both!(
    an_agent_enrols_asks_looks_and_ends_and_then_does_it_again,
    an_agent_nobody_vouches_for_waits_and_looks_again,
    an_agent_works_with_the_keyboard_alone,
    a_customer_who_declines_leaves_the_case_at_the_desk,
    an_agent_goes_back_to_the_case_and_signs_out,
    an_enrolment_link_enrols_one_browser_once,
    t066_back_to_the_portal_shows_nothing,
);

pub(crate) const CASE: &str = "case-4711-zinnia";
pub(crate) const REASON: &str = "to check the hollyhock of March";

/// Opens the record and waits until it is read; the device is told.
pub(crate) async fn read(browser: &Browser) -> Result<()> {
    browser.open(TITLE).await?;
    browser.reads(SECRET).await
}

/// Nothing that was lent, asked or typed is in the page.
pub(crate) async fn holds_nothing(browser: &Browser, code: &str) -> Result<()> {
    let html = browser.value("document.documentElement.outerHTML + location.href + document.title").await?.to_string();
    for word in [SECRET, TITLE, CASE, REASON, code] {
        ensure!(!html.contains(word), "{word:?} is in {html}");
    }
    Ok(())
}

async fn an_agent_enrols_asks_looks_and_ends_and_then_does_it_again(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.follow(&desk.organisation.invite(AGENT).await?).await?;
    browser.reads(ORGANISATION).await?;
    assert_eq!(browser.value("location.hash").await?, "", "the secret of the link leaves the address at once");
    portal.load("stranger").await?;

    desk.hire().await?;
    // Each is isolated from what stands around it by signs that not every browser counts as text.
    browser.reads(AGENT).await.context("it says who is at the desk")?;
    portal.go_on().await?;
    assert!(portal.problem().await?.contains("both needed"), "control: without case and reason there is no code");

    portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(&[]).await?;
    browser.type_code(&lending.code).await?;
    browser.screen("wait").await?;
    let words = browser.words().await?;
    let asked = approve(&mut lending).await?;
    for (name, value) in
        [("organisation", ORGANISATION), ("name", AGENT), ("case", CASE), ("reason", REASON), ("words", &words)]
    {
        assert_eq!(field(&asked, name)?, value, "the customer sees {name}");
    }
    browser.screen("session").await?;
    browser.reads(CASE).await.context("the case stands above the look")?;
    read(browser).await?;
    let opened = lending.event("opened").await?;
    assert_eq!(field(&opened, "title")?, TITLE, "the customer is told what was opened");

    // The agent ends.
    assert_eq!(portal.end().await?, "session-ended");
    assert!(is(&lending.event_last().await?, "ended"));
    holds_nothing(browser, &lending.code).await?;
    browser.driver.back().await?;
    until("Back brings nothing back", async || {
        let html = browser.value("document.body?.innerText ?? ''").await.ok()?;
        html.as_str().map(|text| !text.contains(SECRET) && !text.contains(TITLE) && !text.contains(CASE))?.then_some(())
    })
    .await?;

    // Again, from the link on the page of the end, and the customer ends.
    browser.go(&format!("{}/ended.html#session-ended;en;agent", desk.url())).await?;
    browser.reason().await?;
    portal.press("#again").await?;
    portal.sign_in("ready").await?;
    assert_eq!(browser.value("document.getElementById('case').value").await?, "", "the case before is gone");
    let mut second = desk.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    second.end().await?;
    browser.shows("#outcome-none").await?;
    holds_nothing(browser, &second.code).await.context("nothing of the look is there while the outcome is asked")?;
    assert_eq!(portal.over(None).await?, "session-ended");
    holds_nothing(browser, &second.code).await?;
    let away = browser.value("document.getElementById('again').href").await?;
    assert!(away.as_str().is_some_and(|href| href.ends_with("/agent")), "{away}");
    Ok(())
}

async fn an_agent_nobody_vouches_for_waits_and_looks_again(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    desk.device.add_secret().await?;
    let portal = &desk.portal;
    portal.enrol(&desk.organisation.invite(AGENT).await?).await?;
    portal.sign_in("unvouched").await?;
    portal.browser.reads("has not vouched for you yet").await?;
    let fields = portal.browser.value("document.querySelectorAll('#case, #reason').length").await?;
    assert_eq!(fields, json!(0), "there is no case before that");
    let asked = || desk.line.exchanges().iter().filter(|(asked, _)| asked.path == "/v1/agent").count();
    portal.go_on().await?;
    until("the portal has asked again", async || (asked() == 1).then_some(())).await?;
    portal.stage("unvouched").await?;
    desk.organisation.issue().await?;
    portal.go_on().await?;
    portal.stage("ready").await?;
    let _lending = desk.lend(CASE, REASON, &[]).await?;
    read(&portal.browser).await
}

const TAB: &str = "\u{e004}";
/// With Shift.
const TAB_BACK: &str = "\u{e008}\u{e004}";
const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";

/// Presses keys where the focus is.
async fn keys(browser: &Browser, keys: &str) -> Result<()> {
    Ok(browser.driver.active_element().await?.send_keys(keys).await?)
}

/// Presses Tab until the focus is at what fits a selector.
async fn tab_to(browser: &Browser, selector: &str) -> Result<()> {
    tab(browser, TAB, selector).await
}

async fn tab(browser: &Browser, tab: &str, selector: &str) -> Result<()> {
    let there = format!("document.activeElement?.matches({}) === true", json!(selector));
    for _ in 0..40 {
        if browser.value(&there).await? == json!(true) {
            return Ok(());
        }
        keys(browser, tab).await?;
    }
    let focused = browser.value("document.activeElement.outerHTML.slice(0, 200)").await?;
    anyhow::bail!("Tab does not reach {selector}; the focus is at {focused}")
}

async fn an_agent_works_with_the_keyboard_alone(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.follow(&desk.organisation.invite(AGENT).await?).await?;
    tab_to(browser, if kind == Kind::Chromium { ".desk .primary" } else { ".desk .plain" }).await?;
    keys(browser, ENTER).await?;
    portal.stage("signed-out").await?;
    desk.organisation.issue().await?;
    tab_to(browser, ".desk .primary").await?;
    keys(browser, ENTER).await?;
    portal.stage("ready").await?;
    tab_to(browser, "#case").await?;
    keys(browser, CASE).await?;
    // An empty field takes the focus.
    keys(browser, ENTER).await?;
    assert!(portal.problem().await?.contains("both needed"));
    assert_eq!(browser.value("document.activeElement.id").await?, "reason");
    keys(browser, REASON).await?;
    keys(browser, ENTER).await?;
    browser.screen("enter").await?;
    browser.becomes("the field for the code has the focus", "document.activeElement.id", "code").await?;
    let mut lending = desk.show_code(&[]).await?;
    keys(browser, &lending.code).await?;
    keys(browser, ENTER).await?;
    approve(&mut lending).await?;
    browser.screen("session").await?;
    browser.lists(TITLE).await?;
    tab_to(browser, "#records").await?;
    keys(browser, DOWN).await?;
    keys(browser, ENTER).await?;
    browser.reads(SECRET).await?;
    // Opening a record takes the focus along.
    browser.becomes("the record has the focus", "document.activeElement.id", "record-title").await?;
    // Backwards: beyond its last thing the page gives the focus to the browser.
    tab(browser, TAB_BACK, "#end").await?;
    keys(browser, ENTER).await?;
    browser.shows("#outcome-end").await?;
    tab_to(browser, "#outcome-end").await?;
    keys(browser, ENTER).await?;
    assert_eq!(browser.reason().await?, "session-ended");
    tab_to(browser, "#again").await?;
    keys(browser, ENTER).await?;
    portal.stage("signed-out").await
}

async fn a_customer_who_declines_leaves_the_case_at_the_desk(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(&[]).await?;
    browser.type_code(&lending.code).await?;
    lending.event("agent").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    portal.stage("ready").await?;
    assert!(portal.problem().await?.contains("The person declined."));
    assert_eq!(
        browser.value("[document.getElementById('case').value, document.getElementById('reason').value]").await?,
        json!([CASE, REASON])
    );
    // The next code is one step away.
    portal.go_on().await?;
    browser.screen("enter").await?;
    let mut lending = desk.show_code(&[]).await?;
    browser.type_code(&lending.code).await?;
    approve(&mut lending).await?;
    browser.screen("session").await?;
    read(browser).await
}

async fn an_agent_goes_back_to_the_case_and_signs_out(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.look(CASE, REASON).await?;
    portal.press("#back").await?;
    portal.stage("ready").await?;
    assert_eq!(browser.value("document.getElementById('case').value").await?, CASE);
    portal.press("#sign-out").await?;
    portal.stage("signed-out").await?;
    holds_nothing(browser, "no code").await?;
    assert_eq!(browser.value("document.getElementById('who').hidden").await?, json!(true));
    let told = || {
        let signs_out = |asked: &e2e::proxy::Asked| asked.method.as_str() == "DELETE" && asked.path == "/v1/agent";
        desk.line.exchanges().into_iter().find(|(asked, _)| signs_out(asked))
    };
    let (asked, answer) = until("the server is told", async || told()).await?;
    assert!(answer.status.is_success(), "{}", answer.status);
    let token = asked.headers.get("authorization").context("a token")?.clone();
    let again = reqwest::Client::new().get(format!("{}/v1/agent", desk.server.url())).header("authorization", token);
    assert_eq!(again.send().await?.status().as_u16(), 401, "the token is none any more");
    // Forgetting takes the key out of the browser.
    browser.run("document.querySelector('.desk details').open = true").await?;
    portal.press(".desk details button.danger").await?;
    portal.stage("stranger").await?;
    portal.load("stranger").await?;
    assert_eq!(kept(browser).await?, json!([]));
    Ok(())
}

/// Everything in the portal's database, but for the key, of which it says what it can do.
pub(crate) async fn kept(browser: &Browser) -> Result<Value> {
    let read = "const open = indexedDB.open('glimpse-agent'); open.onsuccess = () => { \
        const all = open.result.transaction('keys').objectStore('keys').getAll(); \
        all.onsuccess = async () => { open.result.close(); const told = []; \
            for (const { signing, ...rest } of all.result) { const exports = []; \
                for (const form of ['jwk', 'pkcs8', 'raw']) exports.push(await crypto.subtle.exportKey(form, signing).then(() => 'out', e => e.name)); \
                told.push({ ...rest, extractable: signing.extractable, type: signing.type, usages: signing.usages, exports }); } \
            done(told); }; }";
    browser.run_async(read).await
}

async fn an_enrolment_link_enrols_one_browser_once(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    let link = desk.organisation.invite(AGENT).await?;
    let thief = Portal::blank_in(kind, &desk.url()).await?;
    thief.follow(&link).await?;
    desk.portal.enrol(&link).await?;
    thief.press(if kind == Kind::Chromium { ".desk .primary" } else { ".desk .plain" }).await?;
    assert!(thief.problem().await?.contains("used before"));
    thief.stage("stranger").await?;
    assert_eq!(kept(&thief.browser).await?, json!([]), "and keeps nothing");
    for (altered, told) in [
        (link.get(..link.len() - 9).context("a link")?.to_owned(), "not whole"),
        (link.replace('#', "#AAAA"), "not whole"),
    ] {
        thief.browser.go("about:blank").await?;
        thief.browser.go(&altered).await?;
        assert!(thief.problem().await?.contains(told), "{altered}");
    }
    // Control: it is the one who was first that is vouched for.
    desk.organisation.issue().await?;
    desk.portal.sign_in("ready").await
}

/// Counts Workers that the page ends.
const COUNT_ENDED: &str = "window.endedWorkers = 0; const end = Worker.prototype.terminate; \
    Worker.prototype.terminate = function () { window.endedWorkers += 1; return end.call(this) }";

async fn t066_back_to_the_portal_shows_nothing(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let lending = desk.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    let warned = "const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e)";
    assert_eq!(browser.run(warned).await?, json!(true), "the page warns before it is left");
    browser.run_first(COUNT_ENDED).await?;
    leave_and_come_back(browser, &format!("{}/watch", desk.url())).await?;
    portal.stage("signed-out").await?;
    holds_nothing(browser, &lending.code).await?;
    // As a browser that is kept for the Back button sees it.
    portal.sign_in("ready").await?;
    portal.look(CASE, REASON).await?;
    assert!(browser.text().await?.contains(CASE), "control: it is there until the page is left");
    assert_eq!(browser.value("window.endedWorkers").await?, json!(0), "control: desk and viewer have their Workers");
    browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
    assert_eq!(browser.text().await?.trim(), "");
    assert_eq!(browser.value("window.endedWorkers").await?, json!(2), "and neither is kept");
    browser.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await?;
    portal.stage("signed-out").await?;
    holds_nothing(browser, &lending.code).await
}
