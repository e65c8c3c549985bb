//! What people do with the phone page, and what must hold while they do: lent, looked at, mirrored, ended.

use std::borrow::Borrow;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::code::wrong;
use e2e::phone::{PASSPHRASE, Phone};
use e2e::proxy::{Honest, Proxy};
use e2e::record::{SECRET, TITLE};
use e2e::server::{Server, free_port};
use e2e::wait::until;
use serde_json::json;

in_both!(
    a_phone_lends_a_look_mirrors_it_adds_to_it_and_ends_it,
    who_declines_or_picks_other_words_shows_nothing,
    a_wrong_code_is_used_up_and_another_is_one_tap_away,
    a_phone_that_loses_the_network_says_so_and_goes_on_with_the_session,
    a_code_that_leaves_the_screen_is_burnt_and_another_stands_there_afterwards,
    a_phone_whose_tab_was_closed_is_locked_and_the_session_goes_on_at_the_server,
    what_was_added_is_there_after_a_restart_and_without_the_network,
);

/// A server, a phone with three records, and a browser that is not its owner's.
pub(crate) struct Pair<B = Chromium> {
    pub(crate) phone: Phone<B>,
    pub(crate) viewer: Chromium,
    /// What stands between the phone and the server.
    pub(crate) line: Proxy,
    pub(crate) server: Server,
}

impl Pair {
    pub(crate) async fn new() -> Result<Self> {
        Self::around(Chromium::start()).await
    }
}

impl Pair<Browser> {
    /// A phone in a browser of this kind; who looks has a Chromium, as somebody else's browser is another one.
    pub(crate) async fn with(kind: Kind) -> Result<Self> {
        Self::around(Browser::start(kind)).await
    }
}

impl<B: Borrow<Browser>> Pair<B> {
    /// The same in a browser that the caller starts.
    pub(crate) async fn around(browser: impl Future<Output = Result<B>>) -> Result<Self> {
        let (server, line) = with_line().await?;
        let url = line.url();
        let phone = async {
            let phone = Phone::around(browser.await?, &url).await?;
            phone.found("Mara Lind").await?;
            Ok(phone)
        };
        let (phone, viewer) = tokio::try_join!(phone, Chromium::start())?;
        phone.add("Shopping", "Milk and thread").await?;
        phone.add("Blood pressure", "120 over 80").await?;
        phone.add(TITLE, SECRET).await?;
        Ok(Self { phone, viewer, line, server })
    }

    /// The viewer's way to the server, which nobody cuts.
    pub(crate) fn site(&self) -> String {
        self.server.url()
    }

    /// A session that runs.
    pub(crate) async fn lend(&self, titles: &[&str]) -> Result<()> {
        self.phone.lend_to(&self.viewer, &self.site(), titles).await
    }

    /// Waits until the phone says something of a record that is lent.
    pub(crate) async fn mirrored(&self, title: &str, words: &str) -> Result<()> {
        until(&format!("{words:?} beside {title:?}"), async || {
            self.phone.lent_row(title).await.ok()?.contains(words).then_some(())
        })
        .await
    }
}

/// A server that a phone reaches by a line of its own.
pub(crate) async fn with_line() -> Result<(Server, Proxy)> {
    with_line_and(&[]).await
}

/// The same with settings of the server: `name=value`.
pub(crate) async fn with_line_and(settings: &[&str]) -> Result<(Server, Proxy)> {
    let port = free_port()?;
    let server = Server::known_as_with(&[&format!("http://127.0.0.1:{port}")], settings).await?;
    let line = Proxy::start(port, &server.url(), Arc::new(Honest)).await?;
    Ok((server, line))
}

async fn a_phone_lends_a_look_mirrors_it_adds_to_it_and_ends_it(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    pair.lend(&[TITLE, "Shopping"]).await?;
    assert_eq!(viewer.titles().await?.len(), 2, "what is not ticked is not lent");
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    viewer.open("Shopping").await?;
    pair.mirrored(TITLE, "Opened once").await?;
    pair.mirrored("Shopping", "On their screen").await?;

    // More time, by hand and because it was asked for.
    let before = phone.seconds_left().await?;
    phone.browser.tap("extend").await?;
    let later = async || phone.seconds_left().await.ok().filter(|left| *left > before + 14 * 60);
    let before = until("fifteen minutes more", later).await?;
    viewer.press("more-time").await?;
    phone.browser.reads("They ask for").await?;
    phone.browser.tap("give-time").await?;
    until("the minutes that were asked for", async || {
        phone.seconds_left().await.ok().filter(|left| *left > before + 60)
    })
    .await?;

    // One record more, because it was asked for.
    viewer.run("document.querySelector('details.ask').open = true").await?;
    viewer.write("ask", "your blood pressure\u{e007}").await?;
    phone.browser.reads("They ask for: “your blood pressure”").await?;
    phone.browser.tap("give-record").await?;
    phone.tick(&["Blood pressure"]).await?;
    phone.browser.tap("lend-more").await?;
    viewer.lists("Blood pressure").await?;
    viewer.open("Blood pressure").await?;
    pair.mirrored("Blood pressure", "On their screen").await?;
    let question = phone.browser.value("document.getElementById('give-record')").await?;
    assert_eq!(question, json!(null), "what was answered is no question any more");

    phone.browser.tap("end").await?;
    let over = phone.over().await?;
    assert!(over.contains("You ended it.") && over.contains("3 openings"), "{over}");
    assert!(over.contains("The server has deleted what it held for it."), "{over}");
    viewer.reason().await?;
    assert!(!viewer.text().await?.contains("flower pot"));
    phone.browser.tap("over-close").await?;
    phone.browser.shows("#lend-go").await?;
    assert_eq!(phone.browser.value("document.querySelectorAll('[aria-selected=true]').length").await?, json!(0));
    Ok(())
}

async fn who_declines_or_picks_other_words_shows_nothing(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    let code = phone.lend(&[TITLE]).await?;
    viewer.enter(&pair.site(), &code).await?;
    viewer.words().await?;
    phone.pairs().await?;
    assert_eq!(phone.browser.value("document.getElementById('approve').disabled").await?, json!(true));
    phone.browser.tap("decline").await?;
    assert!(phone.over().await?.contains("Nothing was shared"));
    assert!(viewer.failure().await?.contains("declined"));

    // The same again, and the words of somebody else's screen.
    phone.browser.tap("again").await?;
    let other = phone.code().await?;
    assert_ne!(code, other, "no code comes twice");
    viewer.enter(&pair.site(), &other).await?;
    let words = viewer.words().await?;
    let pairs = phone.pairs().await?;
    assert!(pairs.contains(&words), "control: {words:?} is among {pairs:?}");
    phone.pick(pairs.iter().find(|pair| **pair != words).context("another pair")?).await?;
    assert!(phone.over().await?.contains("Nothing was shared"));
    viewer.failure().await?;
    viewer.screen("enter").await?;

    // Control: the right ones.
    phone.browser.tap("over-close").await?;
    phone.browser.shows("#lend-go").await?;
    pair.lend(&[TITLE]).await?;
    viewer.open(TITLE).await
}

async fn a_wrong_code_is_used_up_and_another_is_one_tap_away(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    let code = phone.lend(&[TITLE]).await?;
    viewer.enter(&pair.site(), &wrong(&code)).await?;
    viewer.failure().await?;
    assert!(phone.over().await?.contains("Nothing was shared"));
    viewer.enter(&pair.site(), &code).await?;
    viewer.failure().await.context("the right code is used up too")?;

    phone.browser.tap("again").await?;
    let second = phone.code().await?;
    // Another one while one is shown: the first is burnt.
    phone.browser.tap("code-again").await?;
    let third = until("another code", async || phone.code().await.ok().filter(|code| *code != second)).await?;
    viewer.enter(&pair.site(), &second).await?;
    viewer.failure().await.context("the code that was replaced is no code")?;
    phone.answer(viewer, &pair.site(), &third).await?;
    viewer.open(TITLE).await
}

async fn a_phone_that_loses_the_network_says_so_and_goes_on_with_the_session(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    pair.lend(&[TITLE, "Shopping"]).await?;
    viewer.open(TITLE).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    pair.line.cut();
    phone.browser.reads("No connection. Time goes on; Glimpse keeps trying.").await?;
    let left = phone.seconds_left().await?;
    until("time goes on", async || phone.seconds_left().await.ok().filter(|now| *now < left)).await?;
    viewer.open("Shopping").await.context("the viewer needs the server, not the phone, for what was granted")?;
    pair.line.mend();
    pair.mirrored("Shopping", "On their screen").await.context("what was opened meanwhile is mirrored")?;
    phone.browser.tap("end").await?;
    assert!(phone.over().await?.contains("You ended it."));
    viewer.reason().await?;
    Ok(())
}

async fn a_code_that_leaves_the_screen_is_burnt_and_another_stands_there_afterwards(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    let code = phone.lend(&[TITLE]).await?;
    // Another tab in front: the page is hidden.
    let own = phone.browser.driver.window().await?;
    let other = phone.browser.driver.new_tab().await?;
    phone.browser.driver.switch_to_window(other).await?;
    viewer.enter(&pair.site(), &code).await?;
    viewer.failure().await?;
    phone.browser.driver.close_window().await?;
    phone.browser.driver.switch_to_window(own).await?;
    let second = until("another code", async || phone.code().await.ok().filter(|second| *second != code)).await?;
    phone.answer(viewer, &pair.site(), &second).await?;
    viewer.open(TITLE).await
}

async fn a_phone_whose_tab_was_closed_is_locked_and_the_session_goes_on_at_the_server(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    pair.lend(&[TITLE, "Shopping"]).await?;
    viewer.open(TITLE).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    let first = phone.browser.driver.window().await?;
    let other = phone.browser.driver.new_tab().await?;
    // The tab goes without a word, as when a system takes its memory.
    phone.browser.driver.switch_to_window(first).await?;
    phone.browser.driver.close_window().await?;
    phone.browser.driver.switch_to_window(other).await?;
    viewer.screen("session").await?;
    viewer.open("Shopping").await.context("what was granted holds until its time")?;

    phone.load("locked").await?;
    let text = phone.browser.text().await?;
    assert!(!text.contains(TITLE) && !text.contains("Shopping"), "nothing is shown before the passphrase: {text}");
    phone.type_passphrase("another one entirely").await?;
    phone.browser.reads("That is not the passphrase of this device.").await?;
    phone.unlock().await?;
    phone.browser.lists(TITLE).await?;
    // And it can lend again.
    viewer.go(&pair.site()).await?;
    pair.lend(&[TITLE]).await?;
    viewer.open(TITLE).await
}

async fn what_was_added_is_there_after_a_restart_and_without_the_network(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let phone = &pair.phone;
    phone.load("locked").await?;
    // The name is isolated from what stands around it by signs that not every browser counts as text.
    phone.browser.reads("Mara Lind").await?;
    phone.unlock().await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    phone.lock().await?;
    pair.line.cut();
    phone.type_passphrase(PASSPHRASE).await?;
    phone.browser.screen("records").await?;
    phone.browser.lists(TITLE).await?;
    phone.browser.reads("No connection to the server.").await?;
    pair.line.mend();
    phone.browser.run("dispatchEvent(new Event('online'))").await?;
    phone.browser.becomes("the banner is gone", "document.getElementById('banner').hidden", true).await?;
    phone.browser.open(TITLE).await
}
