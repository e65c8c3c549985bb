//! The phone page as a person holds it: a linked device in a browser of its own.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use serde_json::json;

use crate::browser::{Browser, Chromium, Kind};
use crate::device::Device;
pub use crate::device::PASSPHRASE as TERMINAL_PASSPHRASE;

/// The passphrase that lies under the keys of every phone here.
pub const PASSPHRASE: &str = "seven salted almonds";

/// A phone: a narrow window with the page `/device`.
#[derive(Debug)]
pub struct Phone<B = Chromium> {
    /// Its browser.
    pub browser: B,
    url: String,
    /// What lies under its keys.
    passphrase: &'static str,
}

impl Phone {
    /// Opens the page of a server in Chromium; there is no account on it yet.
    ///
    /// # Errors
    /// When the browser or the page does not start.
    pub async fn blank(server: &str) -> Result<Self> {
        Self::around(Chromium::start().await?, server).await
    }

    /// The same with an account.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn with_account(server: &str, name: &str) -> Result<Self> {
        let phone = Self::blank(server).await?;
        phone.found(name).await?;
        Ok(phone)
    }
}

impl Phone<Browser> {
    /// Opens the page of a server in a browser of this kind; there is no account on it yet.
    ///
    /// # Errors
    /// When the browser or the page does not start.
    pub async fn blank_in(kind: Kind, server: &str) -> Result<Self> {
        Self::around(Browser::start(kind).await?, server).await
    }

    /// The same with an account.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn with_account_in(kind: Kind, server: &str, name: &str) -> Result<Self> {
        let phone = Self::blank_in(kind, server).await?;
        phone.found(name).await?;
        Ok(phone)
    }

    /// Closes its browser as its person does, and starts it again.
    ///
    /// # Errors
    /// When it does not close, or does not start.
    pub async fn again(self) -> Result<Self> {
        Ok(Self { browser: self.browser.again().await?, ..self })
    }
}

impl<B: Borrow<Browser>> Phone<B> {
    /// Opens the page of a server in a browser that the caller started; there is no account on it yet.
    ///
    /// # Errors
    /// When the page does not start.
    pub async fn around(browser: B, server: &str) -> Result<Self> {
        browser.borrow().driver.set_window_rect(0, 0, 390, 780).await?;
        let phone = Self { browser, url: format!("{server}/device"), passphrase: PASSPHRASE };
        phone.load("start").await?;
        Ok(phone)
    }

    /// Opens the page as one more device of an account that has one in a terminal; it is locked.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn beside(device: &Device, name: &str, browser: B) -> Result<Self> {
        let own = device.another(name).await?;
        let mut phone = Self::around(browser, device.server()).await?;
        phone.move_in(&own).await?;
        Ok(phone)
    }

    fn browser(&self) -> &Browser {
        self.browser.borrow()
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Loads the page and waits for the screen that it begins with: `start`, or `locked`.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn load(&self, screen: &str) -> Result<()> {
        self.browser().go(&self.url).await?;
        self.browser().screen(screen).await
    }

    /// Founds an account.
    ///
    /// # Errors
    /// When it does not come to the list.
    pub async fn found(&self, name: &str) -> Result<()> {
        self.browser().screen("start").await?;
        self.browser().write("name", name).await?;
        self.type_new_passphrase().await?;
        self.browser().tap("gate-go").await?;
        self.browser().screen("records").await?;
        self.browser().reads("There are no records yet.").await
    }

    /// Types the passphrase twice, as whoever chooses one does.
    ///
    /// # Errors
    /// When there are no fields for it.
    pub async fn type_new_passphrase(&self) -> Result<()> {
        self.browser().write("passphrase", PASSPHRASE).await?;
        self.browser().write("again", PASSPHRASE).await
    }

    /// Puts the home of a device of the terminal in the place of this phone's, which is one and the same device from then on:
    /// whoever goes on with both of them gets two that use one set of keys. Its passphrase is [`TERMINAL_PASSPHRASE`].
    ///
    /// # Errors
    /// When its files cannot be read, or the browser does not keep them.
    pub async fn move_in(&mut self, device: &Device) -> Result<()> {
        let mut files = BTreeMap::new();
        let mut folders = vec![device.home()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                let name = path.strip_prefix(device.home())?.to_string_lossy().into_owned();
                if path.is_file() {
                    files.insert(name, Base64::encode_string(&std::fs::read(&path)?));
                } else if name != "locks" {
                    folders.push(path);
                }
            }
        }
        let script = format!(
            "const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)); const opening = indexedDB.open('glimpse'); \
             opening.onsuccess = () => {{ const database = opening.result; const change = database.transaction('files', 'readwrite'); \
               for (const [name, text] of Object.entries({})) change.objectStore('files').put(bytes(text), name); \
               change.oncomplete = () => {{ database.close(); done('kept') }}; change.onabort = () => done('not kept') }}",
            json!(files)
        );
        let kept = self.browser().run_async(&script).await?;
        anyhow::ensure!(kept == json!("kept"), "the browser keeps nothing: {kept}");
        self.passphrase = TERMINAL_PASSPHRASE;
        Ok(())
    }

    /// Types a passphrase where the page is locked.
    ///
    /// # Errors
    /// When there is no field for it.
    pub async fn type_passphrase(&self, passphrase: &str) -> Result<()> {
        self.browser().screen("locked").await?;
        self.browser().write("passphrase", passphrase).await?;
        self.browser().tap("gate-go").await
    }

    /// Unlocks, and waits for the list.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn unlock(&self) -> Result<()> {
        self.unlock_to("records").await
    }

    /// Unlocks, and waits for another screen than the list.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn unlock_to(&self, screen: &str) -> Result<()> {
        self.type_passphrase(self.passphrase).await?;
        self.browser().screen(screen).await
    }

    /// Loads the page anew and unlocks it: then it knows what came meanwhile.
    ///
    /// # Errors
    /// When the list does not come.
    pub async fn reopen(&self) -> Result<()> {
        self.load("locked").await?;
        self.unlock().await
    }

    /// Puts the keys away.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn lock(&self) -> Result<()> {
        self.go("more").await?;
        self.browser().tap("lock").await?;
        self.browser().screen("locked").await
    }

    /// Goes to a place by the ways at the bottom: `records`, `lend`, `add`, `more`.
    ///
    /// # Errors
    /// When it is not reached.
    pub async fn go(&self, place: &str) -> Result<()> {
        self.browser().tap(&format!("nav-{place}")).await?;
        self.browser().screen(place).await
    }

    /// Goes to a place by way of "More": `sessions`, `kit`, `settings`, `devices`.
    ///
    /// # Errors
    /// When it is not reached.
    pub async fn more(&self, place: &str) -> Result<()> {
        self.go("more").await?;
        self.browser().tap(&format!("more-{place}")).await?;
        self.browser().screen(place).await
    }

    /// Goes to where a device is brought into the account.
    ///
    /// # Errors
    /// When it is not reached.
    pub async fn begin_link(&self) -> Result<()> {
        self.more("devices").await?;
        self.browser().shows("#devices-link").await?;
        self.browser().tap("devices-link").await?;
        self.browser().screen("link").await
    }

    /// Takes the code of a device that wants to come into the account, and asks whether that is it.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn take(&self, code: &str) -> Result<()> {
        self.begin_link().await?;
        self.browser().write("link-code", code).await?;
        self.browser().tap("link-typed").await?;
        self.browser().shows("#link-approve").await
    }

    /// Writes a text down and waits until it stands in the list.
    ///
    /// # Errors
    /// When it does not.
    pub async fn add(&self, title: &str, text: &str) -> Result<()> {
        self.go("add").await?;
        self.browser().write("title", title).await?;
        self.browser().write("text", text).await?;
        self.browser().tap("add-go").await?;
        self.browser().screen("records").await?;
        self.browser().lists(title).await
    }

    /// Ticks records where they are chosen from.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn tick(&self, titles: &[&str]) -> Result<()> {
        for title in titles {
            self.browser().choose(title).await?;
            let ticked = format!(
                "[...document.querySelectorAll('.record-row')].find(r => r.querySelector('.row-title').textContent === {})\
                 ?.getAttribute('aria-selected')",
                json!(title)
            );
            self.browser().becomes("the record is ticked", &ticked, "true").await?;
        }
        Ok(())
    }

    /// Chooses records and minutes, asks for a code, and returns its digits.
    ///
    /// # Errors
    /// When none comes.
    pub async fn lend(&self, titles: &[&str]) -> Result<String> {
        self.go("lend").await?;
        self.tick(titles).await?;
        self.browser().tap("lend-go").await?;
        self.code().await
    }

    /// The code on the screen, as digits.
    ///
    /// # Errors
    /// When there is none.
    pub async fn code(&self) -> Result<String> {
        self.browser().shows(".big-code").await?;
        let code =
            self.browser().run("return document.querySelector('.big-code').textContent.replace(/\\D/g, '')").await?;
        Ok(code.as_str().context("a code")?.to_owned())
    }

    /// Waits until somebody has typed the code, and returns the pairs of words to pick from.
    ///
    /// # Errors
    /// When nobody does.
    pub async fn pairs(&self) -> Result<Vec<String>> {
        self.browser().shows("#approve").await?;
        self.words_to_pick().await
    }

    /// The pairs of words to pick from that are on the screen.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn words_to_pick(&self) -> Result<Vec<String>> {
        let pairs = "[...document.querySelectorAll('.word-choice input')].map(i => i.value)";
        Ok(serde_json::from_value(self.browser().value(pairs).await?)?)
    }

    /// Picks words.
    ///
    /// # Errors
    /// When they are not among those to pick from.
    pub async fn choose_words(&self, words: &str) -> Result<()> {
        let script = format!(
            "const i = [...document.querySelectorAll('.word-choice input')].find(i => i.value === {}); i?.click(); return !!i",
            json!(words)
        );
        anyhow::ensure!(self.browser().run(&script).await? == json!(true), "{words:?} cannot be picked");
        Ok(())
    }

    /// Picks words and approves.
    ///
    /// # Errors
    /// When they are not among those to pick from.
    pub async fn pick(&self, words: &str) -> Result<()> {
        self.choose_words(words).await?;
        self.browser().tap("approve").await
    }

    /// Somebody types the code at a screen, and the question stands on the phone. Returns the words on that screen.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn asked_by(&self, viewer: &Browser, site: &str, code: &str) -> Result<String> {
        viewer.enter(site, code).await?;
        let words = viewer.words().await?;
        self.pairs().await?;
        Ok(words)
    }

    /// The way from a code to a session that runs on both screens.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn answer(&self, viewer: &Browser, site: &str, code: &str) -> Result<()> {
        let words = self.asked_by(viewer, site, code).await?;
        self.pick(&words).await?;
        self.browser().shows("#end").await?;
        viewer.screen("session").await
    }

    /// The whole way from ticked records to a session that runs on both screens.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend_to(&self, viewer: &Browser, site: &str, titles: &[&str]) -> Result<()> {
        let code = self.lend(titles).await?;
        self.answer(viewer, site, &code).await
    }

    /// Seconds that stand on the clock of a code, a question or a session.
    ///
    /// # Errors
    /// When there is no clock.
    pub async fn seconds_left(&self) -> Result<u32> {
        let script = "return [...document.querySelector('.clock').textContent.split(':')].reduce((all, part) => all * 60 + Number(part), 0)";
        Ok(self.browser().run(script).await?.as_u64().context("a clock")?.try_into()?)
    }

    /// What stands beside a record that is lent.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn lent_row(&self, title: &str) -> Result<String> {
        let script = format!(
            "return [...document.querySelectorAll('.lent li')].find(r => r.querySelector('.row-title').textContent === {})?.innerText ?? ''",
            json!(title)
        );
        Ok(self.browser().run(&script).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the end of a lending, and returns all that stands there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn over(&self) -> Result<String> {
        self.browser().shows("#over-close").await?;
        self.browser().text().await
    }
}
