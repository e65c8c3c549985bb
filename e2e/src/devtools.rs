//! The browser's debugger (Chrome DevTools Protocol): what WebDriver cannot see, the Worker and its memory above all.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::calls::Calls;

/// One thing that the debugger looks at: a page or a Worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session(String);

/// A connection to the whole browser, and the id of the window that WebDriver stood in when it was made.
#[derive(Debug)]
pub struct DevTools(Calls, String);

impl DevTools {
    /// Connects to `host:port`, to look at this window.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn connect(address: &str, window: String) -> Result<Self> {
        let version = reqwest::get(format!("http://{address}/json/version")).await?.bytes().await?;
        let version: Value = serde_json::from_slice(&version)?;
        let url = version.get("webSocketDebuggerUrl").and_then(Value::as_str).context("no socket")?;
        Ok(Self(Calls::connect(url).await?, window))
    }

    /// Calls a method of the browser, or of one page or Worker.
    ///
    /// # Errors
    /// What the browser says, or that it says nothing.
    pub async fn call(&mut self, session: Option<&Session>, method: &str, params: Value) -> Result<Value> {
        self.0.call(session.map(|Session(id)| id.as_str()), method, params).await
    }

    /// Calls a method without waiting for its answer.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, session: Option<&Session>, method: &str, params: Value) -> Result<u64> {
        self.0.send(session.map(|Session(id)| id.as_str()), method, params).await
    }

    /// The next event of a name for which `fits` says yes, those that came before included.
    ///
    /// # Errors
    /// When none comes.
    pub async fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        self.0.event(name, fits).await
    }

    /// Events of a name that came so far; they stay.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn events(&mut self, name: &str) -> Result<Vec<Value>> {
        // An answer comes after all events before it.
        self.call(None, "Browser.getVersion", json!({})).await?;
        let fits = |message: &&Value| message.get("method").and_then(Value::as_str) == Some(name);
        Ok(self.0.events.iter().filter(fits).filter_map(|message| message.get("params")).cloned().collect())
    }

    /// The same of one page or Worker.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn events_of(&mut self, of: &Session, name: &str) -> Result<Vec<Value>> {
        self.call(None, "Browser.getVersion", json!({})).await?;
        let fits = |message: &&Value| {
            message.get("method").and_then(Value::as_str) == Some(name)
                && message.get("sessionId").and_then(Value::as_str) == Some(&of.0)
        };
        Ok(self.0.events.iter().filter(fits).filter_map(|message| message.get("params")).cloned().collect())
    }

    /// Takes the events of a name that came so far, and leaves none of them.
    pub fn take_events(&mut self, name: &str) -> Vec<Value> {
        self.0.take_events(name)
    }

    /// Attaches to the page in the window.
    ///
    /// # Errors
    /// When there is none.
    pub async fn page(&mut self) -> Result<Session> {
        let window = json!({ "targetId": self.1, "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", window).await?;
        Ok(Session(text(&attached, "sessionId")?))
    }

    /// Ids of what is open of one type, `page` or `worker`.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn targets(&mut self, kind: &str) -> Result<Vec<String>> {
        let all = self.call(None, "Target.getTargets", json!({ "filter": [{}] })).await?;
        let all = all.get("targetInfos").and_then(Value::as_array).cloned().unwrap_or_default();
        let fits = |info: &&Value| info.get("type").and_then(Value::as_str) == Some(kind);
        all.iter().filter(fits).map(|info| text(info, "targetId")).collect()
    }

    /// Attaches to the service worker that runs.
    ///
    /// # Errors
    /// When none does.
    pub async fn service_worker(&mut self) -> Result<Session> {
        let targets = self.targets("service_worker").await?;
        let id = targets.first().context("no service worker runs")?;
        let attached = self.call(None, "Target.attachToTarget", json!({ "targetId": id, "flatten": true })).await?;
        Ok(Session(text(&attached, "sessionId")?))
    }

    /// Attaches to the Worker of a page, and to those that it starts later.
    ///
    /// # Errors
    /// When it has none.
    pub async fn worker(&mut self, page: &Session) -> Result<Session> {
        self.follow(page, false).await?;
        self.attached().await
    }

    /// Attaches to every Worker that a page has or starts. With `hold` a Worker waits, before its first line runs, for
    /// `Runtime.runIfWaitingForDebugger`.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn follow(&mut self, page: &Session, hold: bool) -> Result<()> {
        let params = json!({ "autoAttach": true, "waitForDebuggerOnStart": hold, "flatten": true });
        self.call(Some(page), "Target.setAutoAttach", params).await?;
        Ok(())
    }

    /// The next Worker of a page that is followed.
    ///
    /// # Errors
    /// When none starts.
    pub async fn attached(&mut self) -> Result<Session> {
        let is_worker = |params: &Value| {
            params.get("targetInfo").and_then(|info| info.get("type")).and_then(Value::as_str) == Some("worker")
        };
        let event = self.event("Target.attachedToTarget", is_worker).await?;
        Ok(Session(text(event.get("params").context("no params")?, "sessionId")?))
    }

    /// Evaluates an expression; a promise is awaited. Returns its value.
    ///
    /// # Errors
    /// What it throws.
    pub async fn evaluate(&mut self, session: &Session, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call(Some(session), "Runtime.evaluate", params).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{thrown}");
        }
        Ok(answer.get("result").and_then(|result| result.get("value")).cloned().unwrap_or_default())
    }
}

/// A field that is a string.
fn text(of: &Value, name: &str) -> Result<String> {
    Ok(of.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {of}"))?.to_owned())
}
