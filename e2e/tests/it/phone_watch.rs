//! The whole story in real browsers: a watch that goes through the phone page lends, a computer reads, the watch ends it.

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::Phone;
use e2e::server::Server;
use e2e::wait::until;
use thirtyfour::WindowHandle;

use crate::phone::with_line;

const PIN: &str = "428517";
const TITLE: &str = "zinnia-hollyhock-delphinium";
const SECRET: &str = "The spare key lies under the third flower pot.";

/// A phone page and the watch that it opened, two windows of one browser.
struct Wrist {
    phone: Phone,
    page: WindowHandle,
    face: WindowHandle,
}

impl Wrist {
    /// Both reach the server by this address.
    async fn opened(url: &str) -> Result<Self> {
        let phone = Phone::with_account(url, "Mara Lind").await?;
        phone.add(TITLE, SECRET).await?;
        let driver = &phone.browser.driver;
        let page = driver.window().await?;
        phone.go("more").await?;
        phone.browser.tap("more-watch").await?;
        let other = async || driver.windows().await.ok()?.into_iter().find(|handle| *handle != page);
        let face = until("the watch's window", other).await?;
        Ok(Self { phone, page, face })
    }

    /// Goes to the phone page.
    async fn page(&self) -> Result<&Chromium> {
        self.phone.browser.driver.switch_to_window(self.page.clone()).await?;
        Ok(&self.phone.browser)
    }

    /// Goes to the watch.
    async fn face(&self) -> Result<&Chromium> {
        self.phone.browser.driver.switch_to_window(self.face.clone()).await?;
        Ok(&self.phone.browser)
    }

    /// Brings the watch into the account, by a code that it shows and the phone takes.
    async fn linked(&self) -> Result<()> {
        let face = self.face().await?;
        face.shows("#pin").await?;
        face.write("pin", PIN).await?;
        face.write("pin-again", PIN).await?;
        face.tap("join-show").await?;
        let code = told(face, ".long-code", "dataset.code").await?;
        let page = self.page().await?;
        page.tap("more-devices").await?;
        page.screen("devices").await?;
        page.tap("devices-link").await?;
        page.screen("link").await?;
        page.write("link-code", &code).await?;
        page.tap("link-typed").await?;
        page.shows("#link-approve").await?;
        let words = told(self.face().await?, ".words:not([hidden])", "textContent").await?;
        self.page().await?;
        self.phone.choose_words(&words).await?;
        self.phone.browser.tap("link-approve").await?;
        self.face().await?.shows("#lend-go").await
    }
}

/// What an element says, once it says something.
async fn told(browser: &Chromium, selector: &str, what: &str) -> Result<String> {
    let script = format!("return document.querySelector({selector:?})?.{what} || null");
    let said = async || browser.run(&script).await.ok()?.as_str().map(str::to_owned);
    until(&format!("{selector} says something"), said).await
}

/// Presses the first button that a selector names and that has this text.
async fn press(browser: &Chromium, selector: &str, text: &str) -> Result<()> {
    let script = format!(
        "const e = [...document.querySelectorAll({selector:?})].find(e => e.textContent.includes({text:?})); e?.click(); return !!e"
    );
    let pressed = async || (browser.run(&script).await.ok()? == true).then_some(());
    until(&format!("{text:?} among {selector}"), pressed).await
}

#[tokio::test]
async fn a_watch_lends_a_computer_reads_and_the_watch_ends_it() -> Result<()> {
    let server = Server::start().await?;
    let wrist = Wrist::opened(&server.url()).await?;
    wrist.linked().await?;

    let face = wrist.face().await?;
    press(face, ".row", TITLE).await?;
    face.tap("lend-go").await?;
    let code = told(face, ".big-code", "dataset.code").await?;
    let viewer = Chromium::start().await?;
    viewer.go(&server.url()).await?;
    viewer.type_code(&code).await?;
    let words = viewer.words().await?;
    press(face, ".word-choice button", &words).await?;
    face.tap("approve").await?;
    viewer.lists(TITLE).await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    face.shows("#end").await?;
    face.reads("1 opening").await?;

    // The phone page is loaded anew in the middle: what it carries for comes back by itself.
    wrist.page().await?.driver.refresh().await?;
    wrist.phone.browser.screen("locked").await?;
    let face = wrist.face().await?;
    face.reads("1 opening").await?;
    face.tap("end").await?;
    assert_eq!(viewer.reason().await?, "session-ended");
    face.shows("#over-close").await
}

/// Three of them: the phone lends, a computer reads, the watch ends it. In the middle the phone loses the network.
#[tokio::test]
async fn a_phone_lends_a_computer_reads_and_the_watch_ends_it() -> Result<()> {
    let (server, line) = with_line().await?;
    let wrist = Wrist::opened(&line.url()).await?;
    wrist.linked().await?;

    wrist.page().await?;
    let viewer = Chromium::start().await?;
    wrist.phone.lend_to(&viewer, &server.url(), &[TITLE]).await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    let shown = async || wrist.phone.lent_row(TITLE).await.ok()?.contains("On their screen").then_some(());
    until("the phone mirrors it", shown).await?;
    line.cut();
    wrist.phone.browser.reads("No connection. Time goes on").await?;
    viewer.reads(SECRET).await?;
    line.mend();
    wrist.phone.browser.reads("1 opening").await?;

    let face = wrist.face().await?;
    face.tap("looks").await?;
    face.reads("Lent by").await?;
    face.reads("1 opening").await?;
    press(face, ".looks button", "End").await?;
    assert_eq!(viewer.reason().await?, "session-ended");
    face.reads("Nobody is looking").await?;
    face.tap("looks-back").await?;
    face.shows("#lend-go").await?;

    wrist.page().await?;
    let over = wrist.phone.over().await?;
    // The name stands apart, in its own direction.
    assert!(over.contains("Watch\u{2069} ended it."), "{over}");
    assert!(over.contains("The server has deleted what it held for it."), "{over}");
    Ok(())
}
