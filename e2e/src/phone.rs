//! The phone page as a person holds it: a linked device in a browser of its own.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::browser::{Browser, Chromium, Kind};
use crate::device::Device;
pub use crate::device::PASSPHRASE as TERMINAL_PASSPHRASE;
use crate::devtools::DevTools;
use crate::wait::{until, within};

/// The passphrase that lies under the keys of every phone here.
pub const PASSPHRASE: &str = "seven salted almonds";

/// A phone: a narrow window with the page `/device`.
#[derive(Debug)]
pub struct Phone<B = Chromium> {
    /// Its browser.
    pub browser: B,
    url: String,
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

    /// Gives the browser an authenticator of its own, which says yes to everything, for as long as what is returned is kept.
    ///
    /// # Errors
    /// When its debugger does not answer.
    pub async fn authenticator(&self) -> Result<DevTools> {
        let mut tools = self.browser.devtools().await?;
        let page = tools.page().await?;
        tools.call(Some(&page), "WebAuthn.enable", json!({})).await?;
        let options = json!({
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "hasPrf": true, "automaticPresenceSimulation": true,
        });
        tools.call(Some(&page), "WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await?;
        Ok(tools)
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
        Ok(Self { browser: self.browser.again().await?, url: self.url })
    }
}

impl<B: Borrow<Browser>> Phone<B> {
    /// Opens the page of a server in a browser that the caller started; there is no account on it yet.
    ///
    /// # Errors
    /// When the page does not start.
    pub async fn around(browser: B, server: &str) -> Result<Self> {
        browser.borrow().driver.set_window_rect(0, 0, 390, 780).await?;
        let phone = Self { browser, url: format!("{server}/device") };
        phone.load("start").await?;
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
        self.browser().write("passphrase", PASSPHRASE).await?;
        self.browser().write("again", PASSPHRASE).await?;
        self.browser().tap("gate-go").await?;
        self.browser().screen("records").await?;
        self.browser().reads("There are no records yet.").await
    }

    /// Puts the home of a device of the terminal in the place of this phone's, which is one and the same device from then on:
    /// whoever goes on with both of them gets two that use one set of keys. It is unlocked with [`TERMINAL_PASSPHRASE`].
    ///
    /// # Errors
    /// When its files cannot be read, or the browser does not keep them.
    pub async fn move_in(&self, device: &Device) -> Result<()> {
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
        self.type_passphrase(PASSPHRASE).await?;
        self.browser().screen(screen).await
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
                "const r = [...document.querySelectorAll('.record-row')].find(r => r.querySelector('.row-title').textContent === {}); \
                 return r?.getAttribute('aria-selected') === 'true'",
                json!(title)
            );
            until("the record is ticked", async || {
                (self.browser().run(&ticked).await.ok()? == json!(true)).then_some(())
            })
            .await?;
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
        let pairs =
            self.browser().run("return [...document.querySelectorAll('.word-choice input')].map(i => i.value)").await?;
        Ok(serde_json::from_value(pairs)?)
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

    /// The whole way from ticked records to a session that runs on both screens.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend_to(&self, viewer: &Browser, site: &str, titles: &[&str]) -> Result<()> {
        let code = self.lend(titles).await?;
        viewer.go(site).await?;
        viewer.type_code(&code).await?;
        let words = viewer.words().await?;
        self.pairs().await?;
        self.pick(&words).await?;
        self.browser().shows("#end").await?;
        viewer.screen("session").await
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

/// How long a screen may take to be drawn under somebody's finger.
const DRAWN: Duration = Duration::from_secs(5);

/// Tries again what a person would: between being found and being pressed, a thing can be drawn anew or move.
async fn patiently(what: &str, mut attempt: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let mut last = None;
    let done = within(DRAWN, what, async || attempt().await.map_err(|error| last = Some(error)).ok()).await;
    match (done, last) {
        (Err(error), Some(last)) => Err(error.context(last)),
        (done, _) => done,
    }
}

impl Browser {
    /// Types into the field with this id, in place of what stands there.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn write(&self, id: &str, text: &str) -> Result<()> {
        patiently(&format!("#{id} takes text"), async || {
            let field = self.driver.find(thirtyfour::By::Id(id)).await?;
            field.clear().await?;
            Ok(field.send_keys(text).await?)
        })
        .await
    }

    /// Brings what has this id to the middle of the screen, where nothing covers it, and presses it.
    ///
    /// # Errors
    /// When there is no such thing, or something covers it.
    pub async fn tap(&self, id: &str) -> Result<()> {
        let scroll = format!("document.getElementById({})?.scrollIntoView({{ block: 'center' }})", json!(id));
        patiently(&format!("#{id} is pressed"), async || {
            self.run(&scroll).await?;
            self.press(id).await
        })
        .await
    }

    /// Waits until something that fits a selector can be seen.
    ///
    /// # Errors
    /// When it cannot, with what can be read instead.
    pub async fn shows(&self, selector: &str) -> Result<()> {
        let script = format!("return document.querySelector({})?.checkVisibility() === true", json!(selector));
        let what = format!("{selector} on the screen");
        let shown = until(&what, async || (self.run(&script).await.ok()? == json!(true)).then_some(())).await;
        let Err(error) = shown else { return Ok(()) };
        Err(error.context(format!("the page reads {:?}, its console {:?}", self.text().await, self.console().await)))
    }

    /// What an expression of the page says.
    ///
    /// # Errors
    /// What it throws.
    pub async fn value(&self, expression: &str) -> Result<Value> {
        self.run(&format!("return {expression}")).await
    }
}
