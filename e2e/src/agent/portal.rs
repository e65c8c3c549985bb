//! The portal as an agent works with it.

use std::borrow::Borrow;

use anyhow::{Context as _, Result};

use crate::browser::{Browser, Kind};
use crate::devtools::DevTools;
use crate::wait::until;

/// The portal: a browser with the page `/agent`.
#[derive(Debug)]
pub struct Portal<B = Browser> {
    /// Its browser.
    pub browser: B,
    url: String,
    /// Chromium's authenticator, which is there as long as this is.
    authenticator: Option<DevTools>,
}

impl Portal {
    /// Opens the page of a server in a browser of this kind, which is not enrolled. Chromium has an authenticator that says
    /// yes to everything; Firefox has none.
    ///
    /// # Errors
    /// When the browser or the page does not start.
    pub async fn blank_in(kind: Kind, server: &str) -> Result<Self> {
        Self::around(Browser::start(kind).await?, server).await
    }
}

impl<B: Borrow<Browser>> Portal<B> {
    /// The same in a browser that the caller started.
    ///
    /// # Errors
    /// When the page does not start.
    pub async fn around(browser: B, server: &str) -> Result<Self> {
        let authenticator = match browser.borrow().kind() {
            Kind::Chromium => Some(browser.borrow().authenticator().await?),
            Kind::Firefox => None,
        };
        let portal = Self { browser, url: format!("{server}/agent"), authenticator };
        portal.load("stranger").await?;
        Ok(portal)
    }

    fn browser(&self) -> &Browser {
        self.browser.borrow()
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Loads the page and waits for the stage that it begins with: `stranger`, or `signed-out`.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn load(&self, stage: &str) -> Result<()> {
        self.browser().go(&self.url).await?;
        self.stage(stage).await
    }

    /// Waits until the agent is at this stage.
    ///
    /// # Errors
    /// When that does not come, with what can be read instead.
    pub async fn stage(&self, name: &str) -> Result<()> {
        let stage = "document.documentElement.dataset.stage ?? null";
        self.browser().becomes(&format!("the stage {name}"), stage, name).await
    }

    /// Presses what the screen suggests.
    ///
    /// # Errors
    /// When there is no such button.
    pub async fn go_on(&self) -> Result<()> {
        self.press(".desk button.primary").await
    }

    /// Presses what fits a selector, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn press(&self, selector: &str) -> Result<()> {
        until(&format!("{selector} is pressed"), async || {
            let found = self.browser().driver.find(thirtyfour::By::Css(selector)).await.ok()?;
            found.click().await.ok()
        })
        .await
    }

    /// Opens an enrolment link.
    ///
    /// # Errors
    /// When the portal takes it for none.
    pub async fn follow(&self, link: &str) -> Result<()> {
        self.browser().go("about:blank").await?;
        self.browser().go(link).await?;
        self.stage("invited").await
    }

    /// Enrols this browser by a link: with a passkey where it has an authenticator, otherwise without.
    ///
    /// # Errors
    /// When that fails.
    pub async fn enrol(&self, link: &str) -> Result<()> {
        self.follow(link).await?;
        let how = if self.authenticator.is_some() { ".desk button.primary" } else { ".desk button.plain" };
        self.press(how).await?;
        self.stage("signed-out").await
    }

    /// Signs in, to this stage: `ready`, or `unvouched`.
    ///
    /// # Errors
    /// When it comes to another.
    pub async fn sign_in(&self, stage: &str) -> Result<()> {
        self.stage("signed-out").await?;
        self.go_on().await?;
        self.stage(stage).await
    }

    /// Says which case and why, and waits for the field for the code.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn look(&self, case: &str, reason: &str) -> Result<()> {
        self.stage("ready").await?;
        self.browser().write("case", case).await?;
        self.browser().write("reason", reason).await?;
        self.go_on().await?;
        self.browser().screen("enter").await
    }

    /// What went wrong, as it stands at the desk.
    ///
    /// # Errors
    /// When nothing stands there.
    pub async fn problem(&self) -> Result<String> {
        let browser = self.browser();
        let script =
            "const p = document.querySelector('.desk > .notice.bad'); return p && !p.hidden ? p.innerText : null";
        let told = until("a problem at the desk", async || {
            browser.run(script).await.ok()?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        });
        told.await.with_context(|| format!("at {}", self.url))
    }

    /// Presses End, says what came of it, and returns the reason that the page of the end gives.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn end(&self) -> Result<String> {
        self.browser().tap("end").await?;
        self.browser().shows("#outcome-end").await?;
        self.browser().tap("outcome-end").await?;
        self.browser().reason().await
    }

    /// After somebody else ended the session: says what came of it, or nothing, and returns the reason that the page of the end gives.
    ///
    /// # Errors
    /// When it is not asked, or the page does not come.
    pub async fn over(&self, said: Option<&str>) -> Result<String> {
        let browser = self.browser();
        browser.shows("#outcome-none").await?;
        match said {
            None => browser.tap("outcome-none").await?,
            Some(text) => {
                browser.write("outcome-text", text).await?;
                browser.tap("outcome-end").await?;
            }
        }
        browser.reason().await
    }
}
