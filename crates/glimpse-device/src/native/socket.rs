//! A WebSocket over tokio-tungstenite.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use glimpse_wire::limits::MAX_FRAME;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::Local;
use crate::transport::{Socket, Unreachable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `path` at `origin`.
pub(super) async fn connect(origin: &str, path: &str, tls: Arc<ClientConfig>) -> Result<Box<dyn Socket>, Unreachable> {
    // `http` becomes `ws`, `https` becomes `wss`.
    let url = format!("ws{}{path}", origin.strip_prefix("http").ok_or(Unreachable)?);
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    let connecting = connect_async_tls_with_config(url, Some(config), true, Some(Connector::Rustls(tls)));
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| Unreachable)?;
    let (stream, _answer) = connected.map_err(|_| Unreachable)?;
    Ok(Box::new(WebSocket(stream)))
}

struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket for WebSocket {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.0.send(Message::Binary(frame.into())).await.map_err(|_| Unreachable) })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            loop {
                match self.0.next().await? {
                    Ok(Message::Binary(frame)) => return Some(frame.into()),
                    Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    // The protocol has binary frames only; anything else ends the connection.
                    Ok(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | Err(_) => return None,
                }
            }
        })
    }
}
