//! Attacks on what people do with the phone page: rows 20, 34, 35, 66 and 95.

use anyhow::{Context as _, Result};
use e2e::browser::Kind;
use e2e::phone::Phone;
use e2e::proxy::Proxy;
use e2e::record::{SECRET, TITLE};
use e2e::server::Server;
use serde_json::json;

use crate::ending::leave_and_come_back;
use crate::phone::Pair;

in_both!(
    t020_what_is_broken_off_on_the_phone_grants_nothing_later,
    t034_no_address_of_the_phone_page_links_or_lends,
    t066_back_to_the_phone_shows_a_locked_page,
    t095_no_field_of_the_phone_is_filled_in_checked_or_translated_by_the_browser,
);

/// How many sessions were begun by way of this line, by the requests that went through it.
pub(crate) fn begun(line: &Proxy) -> usize {
    let begins = |method: &str, path: &str| method == "POST" && path == "/v1/sessions";
    line.exchanges().iter().filter(|(asked, _)| begins(asked.method.as_str(), &asked.path)).count()
}

async fn t020_what_is_broken_off_on_the_phone_grants_nothing_later(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    // While the code is shown: cancelled, left by a reload.
    for leaves in [false, true] {
        let code = phone.lend(&[TITLE]).await?;
        if leaves {
            phone.reopen().await?;
        } else {
            phone.browser.tap("cancel").await?;
            phone.over().await?;
            phone.browser.tap("over-close").await?;
        }
        viewer.enter(&pair.site(), &code).await?;
        viewer.failure().await?;
    }
    // While the question is shown: declined, left by a reload.
    for leaves in [false, true] {
        let code = phone.lend(&[TITLE]).await?;
        phone.asked_by(viewer, &pair.site(), &code).await?;
        if leaves {
            phone.reopen().await?;
            phone.go("lend").await?;
            phone.browser.shows("#lend-go").await.context("nothing goes on by itself")?;
            phone.go("records").await?;
            viewer.screen("wait").await.context("the viewer waits for an approval that does not come")?;
        } else {
            phone.browser.tap("decline").await?;
            phone.over().await?;
            phone.browser.tap("over-close").await?;
            viewer.failure().await?;
        }
    }
    assert_eq!(begun(&pair.line), 0, "no session was begun");
    // Control: what is not broken off does.
    pair.lend(&[TITLE]).await?;
    assert_eq!(begun(&pair.line), 1);
    Ok(())
}

async fn t066_back_to_the_phone_shows_a_locked_page(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let phone = &pair.phone;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    leave_and_come_back(&phone.browser, &format!("{}/ended.html", pair.line.url())).await?;
    phone.browser.screen("locked").await?;
    let html = phone.browser.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains("flower pot") && !html.contains(TITLE), "{html}");
    // As a browser that is kept for the Back button sees it: the page empties itself before it is left, and begins anew
    // when it comes back.
    phone.unlock().await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    let before = phone.browser.text().await?;
    assert!(before.contains(SECRET), "control: it is there until the page is left");
    phone.browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
    assert_eq!(phone.browser.text().await?.trim(), "");
    let again = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))";
    phone.browser.run(again).await?;
    phone.browser.screen("locked").await
}

/// What an attacker puts into a code that is scanned by the system's camera, or into a link: each tries another way in.
pub(crate) const LINKS: [&str; 8] = [
    "?link=CODE",
    "#link=CODE",
    "?join=CODE",
    "#CODE",
    "#devices/link?code=CODE",
    "?screen=link&code=CODE&approve=1",
    "#link",
    "#inbox",
];

/// Whatever is on the screen that begins or approves something.
const QUESTIONS: &str = "[...document.querySelectorAll('#link-approve, #approve, #link-code')] \
    .filter(e => e.getClientRects().length > 0).map(e => e.id)";

async fn t034_no_address_of_the_phone_page_links_or_lends(kind: Kind) -> Result<()> {
    let (server, line) = crate::phone::with_line().await?;
    let phone = Phone::with_account_in(kind, &line.url(), "Mara Lind").await?;
    // A device that wants to come in, and shows its code.
    let joiner = e2e::device::Device::blank(&server.url()).await?;
    let mut join = joiner.begin(&["join", "--show", "--digits"])?;
    let code = e2e::device::field(&join.event("code").await?, "code")?;
    let plain = code.replace(' ', "");
    let asked = || {
        line.exchanges()
            .iter()
            .filter(|(asked, _)| asked.method.as_str() != "GET" && asked.path.contains("/v1/claims"))
            .count()
    };
    for link in LINKS {
        phone.browser.go("about:blank").await?;
        phone.browser.go(&format!("{}{}", phone.url(), link.replace("CODE", &plain))).await?;
        phone.unlock_to(if link == "#inbox" { "inbox" } else { "records" }).await?;
        assert_eq!(phone.browser.value(QUESTIONS).await?, json!([]), "{link}");
        assert_eq!(asked(), 0, "{link} claimed a nameplate");
    }
    // Control: the person types it, and it asks.
    phone.take(&code).await?;
    assert_ne!(phone.browser.value(QUESTIONS).await?, json!([]), "control");
    assert_eq!(asked(), 1, "control: that is what claims one");
    Ok(())
}

/// Fields of a screen that the browser would help with: what it fills in by itself it has stored, what it checks or translates
/// it may send.
pub(crate) const HELPED: &str = "[...document.querySelectorAll('input, textarea')].filter(f => !['checkbox', 'radio', 'file'].includes(f.type)) \
    .filter(f => !f.hasAttribute('autocomplete') || f.getAttribute('autocomplete') === 'on' || f.spellcheck || (f.type !== 'password' && f.getAttribute('autocomplete').includes('password'))) \
    .map(f => f.id)";

async fn t095_no_field_of_the_phone_is_filled_in_checked_or_translated_by_the_browser(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::blank_in(kind, &server.url()).await?;
    let mut seen = 0;
    let mut look = async |screen: &str| -> Result<()> {
        assert_eq!(phone.browser.value(HELPED).await?, json!([]), "on {screen}");
        seen += phone
            .browser
            .value("document.querySelectorAll('input, textarea').length")
            .await?
            .as_u64()
            .context("fields")?;
        Ok(())
    };
    look("start").await?;
    phone.browser.tap("to-join").await?;
    phone.browser.screen("join").await?;
    look("join").await?;
    phone.load("start").await?;
    phone.browser.tap("restore").await?;
    phone.browser.screen("restore").await?;
    look("restore").await?;
    phone.browser.tap("restore-leave").await?;
    phone.found("Mara Lind").await?;
    phone.go("add").await?;
    look("add").await?;
    phone.add(TITLE, SECRET).await?;
    look("records").await?;
    phone.go("lend").await?;
    look("lend").await?;
    for screen in ["settings", "devices", "kit"] {
        phone.more(screen).await?;
        look(screen).await?;
    }
    phone.begin_link().await?;
    look("link").await?;
    phone.load("locked").await?;
    look("locked").await?;
    assert!(seen >= 14, "control: there were fields: {seen}");
    // Control: one that is left to the browser is found.
    let careless = "document.getElementById('main').append(document.createElement('textarea'))";
    phone.browser.run(careless).await?;
    assert_eq!(phone.browser.value(HELPED).await?, json!([""]));
    Ok(())
}
