//! The one socket, to the mailbox.

use std::future::poll_fn;
use std::pin::Pin;

use futures_channel::mpsc::UnboundedReceiver;
use futures_util::future::{Either, select};
use futures_util::{Sink, SinkExt, StreamExt};
use glimpse_core::viewer::Input;
use gloo_net::websocket::Message;
use gloo_net::websocket::State;
use gloo_net::websocket::futures::WebSocket;

use super::{Shared, feed};

/// Opens a socket and carries frames until either side is done. Says nothing once another socket has taken its place.
pub(super) async fn run(shared: Shared, number: u32, url: String, frames: UnboundedReceiver<Vec<u8>>) {
    let say = |input| {
        if shared.borrow().sockets == number {
            feed(&shared, input);
        }
    };
    carry(&url, frames, &say).await;
    say(Input::SocketClosed);
}

async fn carry(url: &str, mut frames: UnboundedReceiver<Vec<u8>>, say: &impl Fn(Input)) {
    let Ok(mut socket) = WebSocket::open(url) else { return };
    // Ready means that it is no longer connecting, not that it is open.
    if poll_fn(|context| Pin::new(&mut socket).poll_ready(context)).await.is_err() {
        return;
    }
    if !matches!(socket.state(), State::Open) {
        return;
    }
    say(Input::SocketOpened);
    loop {
        let sent = match select(frames.next(), socket.next()).await {
            Either::Left((Some(frame), _)) => Some(frame),
            Either::Right((Some(Ok(Message::Bytes(bytes))), _)) => {
                say(Input::SocketBytes(bytes));
                None
            }
            // The viewer is done with this socket, or the server is, or it speaks in text, which is not the protocol.
            Either::Left((None, _)) | Either::Right(_) => return,
        };
        if let Some(frame) = sent
            && socket.send(Message::Bytes(frame)).await.is_err()
        {
            return;
        }
    }
}
