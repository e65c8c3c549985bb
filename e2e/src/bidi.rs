//! Firefox's debugger (WebDriver BiDi): what WebDriver cannot see there, the console and the list of requests above all.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::calls::Calls;

const CONSOLE: &str = "log.entryAdded";
const REQUEST: &str = "network.beforeRequestSent";

/// A connection to the whole browser. It listens from the start, so that nothing is missed.
#[derive(Debug)]
pub struct BiDi(Mutex<Calls>);

impl BiDi {
    /// Connects to the address that the driver told.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn connect(url: &str) -> Result<Self> {
        let mut calls = Calls::connect(url).await?;
        calls.call(None, "session.subscribe", json!({ "events": [CONSOLE, REQUEST] })).await?;
        Ok(Self(Mutex::new(calls)))
    }

    /// What pages wrote to the console since the last call.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn console(&self) -> Result<Vec<String>> {
        let entries = self.take(CONSOLE).await?;
        Ok(entries.iter().filter_map(|entry| entry.get("text")?.as_str()).map(str::to_owned).collect())
    }

    /// Addresses that pages and their Workers asked for since the last call.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn requests(&self) -> Result<Vec<String>> {
        let requests = self.take(REQUEST).await?;
        Ok(requests.iter().filter_map(|each| each.pointer("/request/url")?.as_str()).map(str::to_owned).collect())
    }

    /// Runs a script in every page that is loaded from here on, before the page's own.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn run_first(&self, script: &str) -> Result<()> {
        let params = json!({ "functionDeclaration": format!("() => {{ {script} }}") });
        self.0.lock().await.call(None, "script.addPreloadScript", params).await?;
        Ok(())
    }

    /// Shows the page in another size.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let mut calls = self.0.lock().await;
        let tree = calls.call(None, "browsingContext.getTree", json!({})).await?;
        let context = tree.pointer("/contexts/0/context").and_then(Value::as_str).context("no page is open")?;
        let params = json!({ "context": context, "viewport": { "width": width, "height": height } });
        calls.call(None, "browsingContext.setViewport", params).await?;
        Ok(())
    }

    async fn take(&self, event: &str) -> Result<Vec<Value>> {
        let mut calls = self.0.lock().await;
        // An answer comes after all events before it.
        calls.call(None, "session.status", json!({})).await?;
        Ok(calls.take_events(event))
    }
}
