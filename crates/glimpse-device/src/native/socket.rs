//! A WebSocket over tokio-tungstenite.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use glimpse_wire::limits::MAX_FRAME;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config, connect_async_tls_with_config,
};

use crate::Local;
use crate::transport::{Socket, Unreachable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `path` at `origin`: through `phone` where there is one, otherwise straight.
pub(super) async fn connect(
    origin: &str,
    path: &str,
    tls: Arc<ClientConfig>,
    phone: Option<&Path>,
) -> Result<Box<dyn Socket>, Unreachable> {
    // `http` becomes `ws`, `https` becomes `wss`.
    let url = format!("ws{}{path}", origin.strip_prefix("http").ok_or(Unreachable)?);
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    let tls = Some(Connector::Rustls(tls));
    let connecting = async {
        let socket: Box<dyn Socket> = match phone {
            None => Box::new(WebSocket(connect_async_tls_with_config(url, Some(config), true, tls).await?.0)),
            Some(phone) => {
                let stream = UnixStream::connect(phone).await?;
                Box::new(WebSocket(client_async_tls_with_config(url, stream, Some(config), tls).await?.0))
            }
        };
        Ok::<_, tungstenite::Error>(socket)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| Unreachable)?.map_err(|_| Unreachable)
}

struct WebSocket<S>(WebSocketStream<MaybeTlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for WebSocket<S> {
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
