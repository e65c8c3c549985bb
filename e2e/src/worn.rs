//! The watch's page as a person wears it: a window that the phone page opened, and that goes through it.

use std::borrow::Borrow;

use anyhow::Result;
use serde_json::json;
use thirtyfour::WindowHandle;

use crate::browser::{Browser, Chromium};
use crate::phone::Phone;
use crate::wait::until;

/// What lies under the keys of every watch here.
pub const PIN: &str = "42851790";

/// A phone page and the watch that it opened, two windows of one browser.
#[derive(Debug)]
pub struct Worn<B = Chromium> {
    /// The phone; what it does, it does in the window that was gone to last.
    pub phone: Phone<B>,
    page: WindowHandle,
    face: WindowHandle,
}

impl<B: Borrow<Browser>> Worn<B> {
    /// Opens the watch of an unlocked phone, and goes to it.
    ///
    /// # Errors
    /// When no window opens.
    pub async fn opened(phone: Phone<B>) -> Result<Self> {
        let browser = phone.browser.borrow();
        let page = browser.driver.window().await?;
        phone.go("more").await?;
        browser.tap("more-watch").await?;
        let other = async || browser.driver.windows().await.ok()?.into_iter().find(|handle| *handle != page);
        let face = until("the watch's window", other).await?;
        let worn = Self { phone, page, face };
        worn.face().await?.borrow().shows("#pin").await?;
        Ok(worn)
    }

    /// Goes to the phone page.
    ///
    /// # Errors
    /// When its window is gone.
    pub async fn page(&self) -> Result<&Phone<B>> {
        self.phone.browser.borrow().driver.switch_to_window(self.page.clone()).await?;
        Ok(&self.phone)
    }

    /// Goes to the watch.
    ///
    /// # Errors
    /// When its window is gone.
    pub async fn face(&self) -> Result<&B> {
        self.phone.browser.borrow().driver.switch_to_window(self.face.clone()).await?;
        Ok(&self.phone.browser)
    }

    /// Types the PIN at the watch, twice, as whoever links it does.
    ///
    /// # Errors
    /// When there are no fields for it.
    pub async fn type_pins(&self) -> Result<&B> {
        let face = self.face().await?;
        face.borrow().shows("#pin-again").await?;
        face.borrow().write("pin", PIN).await?;
        face.borrow().write("pin-again", PIN).await?;
        Ok(face)
    }

    /// Brings the watch into the account, by a code that it shows and the phone takes; stays at the watch.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn linked(&self) -> Result<()> {
        let code = self.shows_code().await?;
        self.takes(&code).await?;
        let words = self.face().await?.borrow().told(".words:not([hidden])", "textContent").await?;
        self.page().await?;
        self.phone.choose_words(&words).await?;
        self.phone.browser.borrow().tap("link-approve").await?;
        self.face().await?.borrow().shows("#lend-go").await
    }

    /// The watch shows the code by which it would come into an account.
    ///
    /// # Errors
    /// When it shows none.
    pub async fn shows_code(&self) -> Result<String> {
        let face = self.type_pins().await?.borrow();
        face.tap("join-show").await?;
        face.told(".long-code", "dataset.code").await
    }

    /// The phone takes a code that the watch shows, and asks whether that is it; stays at the phone.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn takes(&self, code: &str) -> Result<&Browser> {
        self.page().await?.take(code).await?;
        Ok(self.phone.browser.borrow())
    }

    /// Unlocks the watch, and waits for its list.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn unlock(&self) -> Result<()> {
        let face = self.face().await?.borrow();
        face.screen("locked").await?;
        face.write("pin", PIN).await?;
        face.tap("unlock").await?;
        face.screen("choose").await
    }

    /// Loads the watch's page anew with something behind its address; whoever opened it stays.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn load(&self, more: &str) -> Result<()> {
        let face = self.face().await?.borrow();
        // A fragment alone loads nothing, so that the page is asked to load as well.
        let script = format!(
            "window.before = true; history.replaceState(null, '', {}); location.reload()",
            json!(format!("/watch{more}"))
        );
        face.run(&script).await?;
        let anew = "!window.before && document.querySelector('#main > *') !== null";
        face.becomes("the watch is loaded anew", anew, true).await
    }

    /// Chooses a record on the watch's list, unless it is chosen, asks for a code, and returns it.
    ///
    /// # Errors
    /// When none comes.
    pub async fn lend(&self, title: &str) -> Result<String> {
        let face = self.face().await?.borrow();
        face.screen("choose").await?;
        let chosen = format!(
            "(row => {{ if (row?.getAttribute('aria-pressed') === 'false') row.click(); return row?.getAttribute('aria-pressed') }})\
             ([...document.querySelectorAll('.row')].find(r => r.querySelector('.row-title').textContent === {}))",
            json!(title)
        );
        face.becomes("the record is chosen", &chosen, "true").await?;
        face.tap("lend-go").await?;
        face.told(".big-code", "dataset.code").await
    }

    /// Picks words on the watch, and is asked whether they are the ones.
    ///
    /// # Errors
    /// When they cannot be picked.
    pub async fn pick(&self, words: &str) -> Result<()> {
        let face = self.face().await?.borrow();
        face.press_text(".word-choice button", words).await?;
        self.is_read().await
    }

    /// The question whether words are the ones stands there for as long as it takes to read it: before, the watch takes a tap
    /// for the one that picked them.
    ///
    /// # Errors
    /// When it is not asked.
    pub async fn is_read(&self) -> Result<()> {
        let face = self.face().await?.borrow();
        face.shows("#approve").await?;
        face.run("window.seen = performance.now()").await?;
        face.becomes("the question is read", "performance.now() - window.seen > 600", true).await
    }

    /// The whole way from the list to a session that runs on both screens.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend_to(&self, viewer: &Browser, site: &str, title: &str) -> Result<String> {
        let code = self.lend(title).await?;
        viewer.enter(site, &code).await?;
        self.pick(&viewer.words().await?).await?;
        let face = self.face().await?.borrow();
        face.tap("approve").await?;
        face.shows("#end").await?;
        viewer.screen("session").await?;
        Ok(code)
    }
}
