//! Every request of a page and its Worker, as the browser lists them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::bidi::BiDi;
use crate::browser::{Browser, Kind};
use crate::devtools::{DevTools, Session};

/// A list that grows while the page is open.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a test")]
pub enum Listing<'a> {
    /// As DevTools tells it, of the page and of its Workers.
    Chromium(DevTools, Vec<Session>),
    /// As WebDriver BiDi tells it, with what was told so far.
    Firefox(&'a BiDi, Vec<String>),
}

impl Browser {
    /// Loads a page whose requests, and those of its Worker, are listed from the first one on.
    ///
    /// # Errors
    /// When the browser could not be told, or the page has no Worker.
    pub async fn go_listed(&self, url: &str) -> Result<Listing<'_>> {
        // What a window shows before it shows anything is the browser's own and asks for much.
        self.go("about:blank").await?;
        if self.kind() == Kind::Firefox {
            let bidi = self.bidi().context("no debugger")?;
            let _before = bidi.requests().await?;
            self.go(url).await?;
            return Ok(Listing::Firefox(bidi, Vec::new()));
        }
        let mut tools = self.connect_devtools().await?;
        let page = tools.page().await?;
        tools.call(Some(&page), "Network.enable", json!({})).await?;
        tools.follow(&page, true).await?;
        self.go(url).await?;
        let worker = listed(&mut tools).await?;
        Ok(Listing::Chromium(tools, vec![page, worker]))
    }

    /// Loads a page by `load` whose requests are listed from the first one on. Its Worker is not held, and says itself what it
    /// asked for before anybody listened: a debugger that holds it would hold the window beside it, which shares its process.
    ///
    /// # Errors
    /// When the browser could not be told, or the page has no Worker.
    pub async fn load_listed(&self, load: impl AsyncFnOnce() -> Result<()>) -> Result<Listing<'_>> {
        if self.kind() == Kind::Firefox {
            let bidi = self.bidi().context("no debugger")?;
            let _before = bidi.requests().await?;
            load().await?;
            return Ok(Listing::Firefox(bidi, Vec::new()));
        }
        let mut tools = self.connect_devtools().await?;
        let page = tools.page().await?;
        tools.call(Some(&page), "Network.enable", json!({})).await?;
        load().await?;
        let worker = tools.worker(&page).await?;
        tools.call(Some(&worker), "Network.enable", json!({})).await?;
        Ok(Listing::Chromium(tools, vec![page, worker]))
    }
}

/// The next Worker, which is held until it is listened to.
async fn listed(tools: &mut DevTools) -> Result<Session> {
    let worker = tools.attached().await?;
    tools.call(Some(&worker), "Network.enable", json!({})).await?;
    tools.call(Some(&worker), "Runtime.runIfWaitingForDebugger", json!({})).await?;
    Ok(worker)
}

/// What a page or a Worker asked for so far, as it knows itself.
const OWN_LIST: &str = "performance.getEntriesByType('resource').map(entry => entry.name)";

impl Listing<'_> {
    /// Lists what another Worker asks for, which starts meanwhile.
    ///
    /// # Errors
    /// When none starts.
    pub async fn another(&mut self) -> Result<()> {
        if let Self::Chromium(tools, sessions) = self {
            sessions.push(listed(tools).await?);
        }
        Ok(())
    }

    /// Addresses so far, in no order, WebSockets included.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn all(&mut self) -> Result<Vec<String>> {
        match self {
            Self::Chromium(tools, sessions) => {
                let mut all = Vec::new();
                for session in &*sessions {
                    let requests = tools.events_of(session, "Network.requestWillBeSent").await?;
                    let sockets = tools.events_of(session, "Network.webSocketCreated").await?;
                    let requests = requests.iter().filter_map(|event| event.pointer("/request/url"));
                    let sockets = sockets.iter().filter_map(|event| event.get("url"));
                    all.extend(requests.chain(sockets).filter_map(Value::as_str).map(str::to_owned));
                }
                for worker in sessions.iter().skip(1) {
                    // One that has ended says nothing.
                    if let Ok(Value::Array(own)) = tools.evaluate(worker, OWN_LIST).await {
                        all.extend(own.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                }
                Ok(all)
            }
            Self::Firefox(bidi, so_far) => {
                so_far.extend(bidi.requests().await?);
                Ok(so_far.clone())
            }
        }
    }
}
