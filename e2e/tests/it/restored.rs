//! A browser that opens again what was open when it was closed: row 66. Neither page comes back with anything that was to
//! be read or typed on it, while an ordinary page does.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use e2e::agent::{Desk, Portal};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::console::{Console, enter};
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::scan::occurrences;
use e2e::stage::Stage;
use e2e::wait::until;
use e2e::worn::{PIN, Worn};
use tokio::net::TcpListener;

use crate::agents::{CASE, REASON, read};
use crate::memory::files_below;
use crate::phone::with_line;
use crate::phone_attacks::begun;

in_both!(
    t066_a_restored_tab_of_the_phone_is_locked_and_empty,
    t066_a_restored_tab_of_the_viewer_has_no_session_and_nothing_to_read,
    t066_a_restored_tab_of_the_portal_begins_signed_out,
    t066_a_restored_tab_of_a_console_begins_signed_out,
);

/// What is typed into an ordinary page.
const ORDINARY: &str = "quixotic-wharf-jamboree";
/// What is typed into a page of Glimpse and not sent.
const DRAFT: &str = "vermilion-gazebo-sphinx";
/// Digits of a code, and no whole one.
const DIGITS: &str = "7350";

/// Serves a page with a field on it, as there are many; it ends with the test.
async fn ordinary() -> Result<String> {
    let page = "<!doctype html><title>Ordinary</title><form><input id=\"field\" name=\"field\"></form>";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let router = Router::new().fallback(get(async move || Html(page)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// Opens a tab in front of the others.
async fn open_tab(browser: &Browser, url: &str) -> Result<()> {
    let tab = browser.driver.new_tab().await?;
    browser.driver.switch_to_window(tab).await?;
    browser.go(url).await
}

/// Types into the ordinary page, goes on to another, and waits until the browser has written down what its tabs hold.
async fn type_elsewhere(browser: &Browser, url: &str) -> Result<()> {
    open_tab(browser, url).await?;
    browser.write("field", ORDINARY).await?;
    open_tab(browser, &format!("{url}last")).await?;
    let written = async || kept(browser, ORDINARY).ok()?.then_some(());
    until("control: what is typed elsewhere lies in the profile", written).await
}

/// Goes through the tabs: the ordinary one must be as it was, and of the others, at `url`, there must be as many as were open.
async fn each_restored(
    browser: &Browser,
    ordinary: &str,
    url: &str,
    count: usize,
    check: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let (mut controls, mut checked) = (0, 0);
    for tab in browser.driver.windows().await? {
        browser.driver.switch_to_window(tab).await?;
        // A tab that was not in front is loaded when somebody looks at it.
        let here = until("the tab is loaded", async || {
            browser.driver.current_url().await.ok().filter(|here| here.scheme().starts_with("http"))
        })
        .await?;
        if here.as_str() == ordinary {
            browser
                .becomes(
                    "control: what was typed elsewhere is back",
                    "document.getElementById('field').value",
                    ORDINARY,
                )
                .await?;
            controls += 1;
        } else if here.as_str().trim_end_matches('/') == url {
            check().await?;
            let fields = "[...document.querySelectorAll('input:not([type=checkbox], [type=radio]), textarea')].map(f => f.value).join('')";
            assert_eq!(browser.value(fields).await?, "", "a field came back filled in");
            let html = browser.value("document.documentElement.outerHTML").await?.to_string();
            for word in [SECRET, TITLE, DRAFT, DIGITS] {
                assert!(!html.contains(word), "{word:?} came back");
            }
            checked += 1;
        }
    }
    ensure!((controls, checked) == (1, count), "{controls} ordinary pages and {checked} of Glimpse came back");
    Ok(())
}

/// Looks for words in everything that the browser keeps, as bytes and as UTF-16.
fn kept(browser: &Browser, word: &str) -> Result<bool> {
    let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(files_below(browser.profile())?.iter().any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        occurrences(&bytes, word.as_bytes()) + occurrences(&bytes, &wide) > 0
    }))
}

async fn t066_a_restored_tab_of_the_phone_is_locked_and_empty(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let phone = Phone::around(Browser::resuming(kind).await?, &line.url()).await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    // Another tab, in which something is written and not yet added.
    open_tab(&phone.browser, phone.url()).await?;
    phone.unlock().await?;
    phone.go("add").await?;
    phone.browser.write("title", DRAFT).await?;
    phone.browser.write("text", DRAFT).await?;
    let elsewhere = ordinary().await?;
    type_elsewhere(&phone.browser, &elsewhere).await?;

    let url = phone.url().to_owned();
    let phone = phone.again().await?;
    each_restored(&phone.browser, &elsewhere, &url, 2, async || phone.browser.screen("locked").await).await?;
    for word in [SECRET, TITLE, DRAFT] {
        assert!(!kept(&phone.browser, word)?, "{word:?} lies in the profile");
    }
    // Control: the account is there, and its passphrase opens it.
    phone.reopen().await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await
}

/// In Chromium alone: Firefox's driver does not come back from opening a tab beside a window that a page has opened.
#[tokio::test]
async fn t066_a_restored_window_of_the_watch_is_locked_and_its_code_is_used_up() -> Result<()> {
    let (server, line) = with_line().await?;
    let viewer = Chromium::start().await?;
    let phone = Phone::around(Browser::resuming(Kind::Chromium).await?, &line.url()).await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    let worn = Worn::opened(phone).await?;
    worn.linked().await?;
    worn.page().await?;
    let elsewhere = ordinary().await?;
    type_elsewhere(&worn.phone.browser, &elsewhere).await?;
    let code = worn.lend(TITLE).await?;

    let Worn { phone, .. } = worn;
    let phone = phone.again().await?;
    // A window that is closed goes out of sight first, which is a no. Whether its code was taken back as well before the
    // browser was gone is the browser's matter.
    viewer.enter(&server.url(), &code).await?;
    let told = viewer.failure().await?;
    let gone = ["The person declined.", "This code was used before.", "The device is not connected."];
    ensure!(gone.iter().any(|gone| told.contains(gone)), "{told}");
    let face = format!("{}/watch", line.url());
    each_restored(&phone.browser, &elsewhere, &face, 1, async || phone.browser.screen("locked").await).await?;
    for word in [TITLE, PIN] {
        assert!(!kept(&phone.browser, word)?, "{word:?} lies in the profile");
    }
    ensure!(begun(&line) == 0, "nothing came of the code");
    // Control: the watch is in the account as it was; the phone page opens it, and it lends.
    let driver = &phone.browser.driver;
    let first = driver.new_tab().await?;
    for window in driver.windows().await?.into_iter().filter(|window| *window != first) {
        driver.switch_to_window(window).await?;
        driver.close_window().await?;
    }
    driver.switch_to_window(first).await?;
    phone.reopen().await?;
    let worn = Worn::opened(phone).await?;
    worn.unlock().await?;
    worn.lend_to(&viewer, &server.url(), TITLE).await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await
}

async fn t066_a_restored_tab_of_the_viewer_has_no_session_and_nothing_to_read(kind: Kind) -> Result<()> {
    let stage = Stage::around(Browser::resuming(kind)).await?;
    stage.device.add_secret().await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open(TITLE).await?;
    stage.browser.reads(SECRET).await?;
    // Another tab, in which somebody has begun to type a code.
    open_tab(&stage.browser, &stage.url()).await?;
    stage.browser.screen("enter").await?;
    stage.browser.write("code", DIGITS).await?;
    let elsewhere = ordinary().await?;
    type_elsewhere(&stage.browser, &elsewhere).await?;

    let url = stage.url();
    let Stage { browser, device: _device, server: _server, .. } = stage;
    let browser = browser.again().await?;
    each_restored(&browser, &elsewhere, &url, 2, async || {
        browser.screen("enter").await?;
        let stored =
            "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
        assert_eq!(browser.value(stored).await?, r#"["",{},{},null,""]"#);
        Ok(())
    })
    .await?;
    for word in [SECRET, TITLE] {
        assert!(!kept(&browser, word)?, "{word:?} lies in the profile");
    }
    browser.go(&url).await.context("control: the page is there")?;
    browser.screen("enter").await
}

/// What the browser kept of an agent's page: neither what was lent, nor the case, nor who is signed in.
fn nothing_kept(browser: &Browser) -> Result<()> {
    for word in [SECRET, TITLE, CASE, REASON, DRAFT] {
        ensure!(!kept(browser, word)?, "{word:?} lies in the profile");
    }
    Ok(())
}

async fn t066_a_restored_tab_of_the_portal_begins_signed_out(kind: Kind) -> Result<()> {
    let desk = Desk::around(Browser::resuming(kind)).await?;
    desk.device.add_secret().await?;
    desk.hire().await?;
    // Another tab of the same agent, in which a case is written and not sent; and in the first one a session.
    open_tab(&desk.portal.browser, desk.portal.url()).await?;
    let _lending = in_front(&desk).await?;
    let elsewhere = ordinary().await?;
    type_elsewhere(&desk.portal.browser, &elsewhere).await?;

    let (url, Desk { portal: Portal { browser, .. }, line: _line, server: _server, .. }) = (desk.url(), desk);
    let browser = browser.again().await?;
    let url = format!("{url}/agent");
    each_restored(&browser, &elsewhere, &url, 2, async || signed_out(&browser).await).await?;
    nothing_kept(&browser)?;
    browser.go(&url).await.context("control: the page is there, and this browser is enrolled")?;
    signed_out(&browser).await
}

/// A session in one tab, and a case that is written in the other.
async fn in_front(desk: &Desk) -> Result<e2e::device::Lending> {
    let browser = &desk.portal.browser;
    desk.portal.stage("signed-out").await?;
    if browser.kind() == Kind::Firefox {
        desk.portal.go_on().await?;
        desk.portal.stage("ready").await?;
        browser.write("case", DRAFT).await?;
    }
    let first = browser.driver.windows().await?.into_iter().next().context("a tab")?;
    browser.driver.switch_to_window(first).await?;
    let lending = desk.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    Ok(lending)
}

async fn signed_out(browser: &Browser) -> Result<()> {
    browser.becomes("the portal is signed out", "document.documentElement.dataset.stage ?? null", "signed-out").await?;
    let who = "[document.getElementById('who').hidden, document.getElementById('case'), JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])]";
    assert_eq!(browser.value(who).await?, serde_json::json!([true, null, r#"["",{},{},null,""]"#]));
    Ok(())
}

async fn t066_a_restored_tab_of_a_console_begins_signed_out(kind: Kind) -> Result<()> {
    let console = Console::around(Browser::resuming(kind).await?, &[], &[]).await?;
    console.place.device.add_secret().await?;
    console.sign_in().await?;
    let _lending = console.lend(CASE, REASON, &[]).await?;
    read(console.browser()).await?;
    console.outside().await?;
    let elsewhere = ordinary().await?;
    type_elsewhere(console.browser(), &elsewhere).await?;

    let url = console.host.url();
    let Console { portal: Portal { browser, .. }, place: _place, host: _host, .. } = console;
    let browser = browser.again().await?;
    each_restored(&browser, &elsewhere, &url, 1, async || {
        until("the frame is there again", async || enter(&browser).await.ok()).await?;
        browser.reads("Sign in in a window of its own").await?;
        let html = browser.value("document.documentElement.outerHTML + location.href").await?.to_string();
        for word in [SECRET, TITLE, CASE, REASON] {
            ensure!(!html.contains(word), "{word:?} came back");
        }
        Ok(browser.driver.enter_default_frame().await?)
    })
    .await?;
    nothing_kept(&browser)
}
