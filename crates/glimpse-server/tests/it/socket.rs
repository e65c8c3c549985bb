//! One end of a mailbox, over a real WebSocket.

use futures_util::{SinkExt, StreamExt};
use glimpse_server::test_server::TestServer;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::{Hash, MailboxId, decode, encode};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// One end's connection.
pub(crate) struct Socket(
    pub(crate) tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Socket {
    pub(crate) async fn open(server: &TestServer, mailbox: &MailboxId) -> Self {
        let url = format!("{}/v1/mailboxes/{mailbox}/socket", server.url().replace("http", "ws"));
        Self(tokio_tungstenite::connect_async(url).await.expect("a socket").0)
    }

    pub(crate) async fn join(server: &TestServer, mailbox: &MailboxId, token: Hash, received: u64) -> Self {
        let mut socket = Self::open(server, mailbox).await;
        socket.send(&ToServer::Join { token, received }).await;
        socket
    }

    pub(crate) async fn send(&mut self, frame: &ToServer) {
        self.0.send(Message::Binary(encode(frame).into())).await.expect("sent");
    }

    /// The next frame that is not about who is there; `None` once the server closed.
    pub(crate) async fn hear(&mut self) -> Option<ToEnd> {
        loop {
            match self.hear_any().await {
                Some(ToEnd::Peer { .. }) => {}
                other => return other,
            }
        }
    }

    /// The next frame; `None` once the server closed.
    pub(crate) async fn hear_any(&mut self) -> Option<ToEnd> {
        loop {
            match tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("in time") {
                Some(Ok(Message::Binary(bytes))) => return Some(decode(&bytes, usize::MAX).expect("a frame")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return None,
            }
        }
    }

    pub(crate) async fn joined(&mut self) -> u64 {
        match self.hear().await {
            Some(ToEnd::Joined { sent, .. }) => sent,
            other => panic!("{other:?}"),
        }
    }
}
