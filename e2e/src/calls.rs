//! Calls and events as JSON over a WebSocket, which is what the debugger of Chromium and that of Firefox have in common.

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

/// A connection to a debugger.
#[derive(Debug)]
pub(crate) struct Calls {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
    /// What came and was not asked for, whole.
    pub(crate) events: VecDeque<Value>,
}

impl Calls {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        // Heap snapshots are large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = connect_async_with_config(url, Some(config), true).await?;
        Ok(Self { socket, last: 0, events: VecDeque::new() })
    }

    /// Calls a method, of one part of the browser where a session names it, and returns its result.
    pub(crate) async fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let id = self.send(session, method, params).await?;
        loop {
            let message = self.next().await.with_context(|| format!("in {method}"))?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                self.events.push_back(message);
                continue;
            }
            if message.get("error").is_some() {
                bail!("{method}: {message}");
            }
            return Ok(message.get("result").cloned().unwrap_or_default());
        }
    }

    /// Calls a method without waiting for its answer.
    pub(crate) async fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        self.last = self.last.saturating_add(1);
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let (Some(id), Some(object)) = (session, call.as_object_mut()) {
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
    pub(crate) async fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
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

    /// Takes what came with the events of a name so far, and leaves none of them.
    pub(crate) fn take_events(&mut self, name: &str) -> Vec<Value> {
        let (taken, left) = self
            .events
            .drain(..)
            .partition(|message: &Value| message.get("method").and_then(Value::as_str) == Some(name));
        self.events = left;
        let taken: VecDeque<Value> = taken;
        taken.into_iter().filter_map(|mut message| Some(message.get_mut("params")?.take())).collect()
    }
}
