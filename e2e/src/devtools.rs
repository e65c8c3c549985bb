//! The browser's debugger (Chrome DevTools Protocol): what WebDriver cannot see, the Worker and its memory above all.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::wait::PATIENCE;

/// One thing that the debugger looks at: a page or a Worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session(String);

/// A connection to the whole browser.
#[derive(Debug)]
pub struct DevTools {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
    events: VecDeque<Value>,
}

impl DevTools {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn connect(address: &str) -> Result<Self> {
        let version = reqwest::get(format!("http://{address}/json/version")).await?.bytes().await?;
        let version: Value = serde_json::from_slice(&version)?;
        let url = version.get("webSocketDebuggerUrl").and_then(Value::as_str).context("no socket")?;
        // Heap snapshots are large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = connect_async_with_config(url, Some(config), true).await?;
        Ok(Self { socket, last: 0, events: VecDeque::new() })
    }

    /// Calls a method of the browser, or of one page or Worker.
    ///
    /// # Errors
    /// What the browser says, or that it says nothing.
    pub async fn call(&mut self, session: Option<&Session>, method: &str, params: Value) -> Result<Value> {
        let id = self.send(session, method, params).await?;
        loop {
            let message = self.next().await.with_context(|| format!("in {method}"))?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                self.events.push_back(message);
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            }
            return Ok(message.get("result").cloned().unwrap_or_default());
        }
    }

    /// Calls a method without waiting for its answer.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, session: Option<&Session>, method: &str, params: Value) -> Result<u64> {
        self.last = self.last.saturating_add(1);
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let (Some(Session(id)), Some(object)) = (session, call.as_object_mut()) {
            object.insert("sessionId".to_owned(), json!(id));
        }
        self.socket.send(Message::text(call.to_string())).await?;
        Ok(self.last)
    }

    async fn next(&mut self) -> Result<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.context("the debugger is silent")?;
            if let Message::Text(text) = message.context("the debugger is gone")?? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    /// The next event of a name for which `fits` says yes, those that came before included.
    ///
    /// # Errors
    /// When none comes.
    pub async fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let wanted = |message: &Value| {
            message.get("method").and_then(Value::as_str) == Some(name) && message.get("params").is_some_and(&fits)
        };
        if let Some(at) = self.events.iter().position(wanted) {
            return self.events.remove(at).context("it was there");
        }
        loop {
            let message = self.next().await.with_context(|| format!("waiting for {name}"))?;
            if wanted(&message) {
                return Ok(message);
            }
            self.events.push_back(message);
        }
    }

    /// Events of a name that came so far; they stay.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn events(&mut self, name: &str) -> Result<Vec<Value>> {
        // An answer comes after all events before it.
        self.call(None, "Browser.getVersion", json!({})).await?;
        let fits = |message: &&Value| message.get("method").and_then(Value::as_str) == Some(name);
        Ok(self.events.iter().filter(fits).filter_map(|message| message.get("params")).cloned().collect())
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
        Ok(self.events.iter().filter(fits).filter_map(|message| message.get("params")).cloned().collect())
    }

    /// Takes the events of a name that came so far, and leaves none of them.
    pub fn take_events(&mut self, name: &str) -> Vec<Value> {
        let (taken, left) = self
            .events
            .drain(..)
            .partition(|message: &Value| message.get("method").and_then(Value::as_str) == Some(name));
        self.events = left;
        let taken: VecDeque<Value> = taken;
        taken.into_iter().filter_map(|mut message| Some(message.get_mut("params")?.take())).collect()
    }

    /// Attaches to the one page that is open.
    ///
    /// # Errors
    /// When there is none.
    pub async fn page(&mut self) -> Result<Session> {
        let targets = self.targets("page").await?;
        let id = targets.first().context("no page is open")?;
        let attached = self.call(None, "Target.attachToTarget", json!({ "targetId": id, "flatten": true })).await?;
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
