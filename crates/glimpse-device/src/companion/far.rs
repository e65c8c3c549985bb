//! The phone's end: it carries what the watch sends to its one server, and judges nothing of it.

use core::future::pending;
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use glimpse_wire::limits::MAX_FRAME;

use super::line::{Exchange, Hears, Line, News, pieces};
use super::message::{Asked, Message, WHOLE, carried};
use crate::Local;
use crate::surroundings::Surroundings;
use crate::transport::{Body, Socket, Transport, Unreachable};

/// Silence of the watch after which it counts as gone, in milliseconds: it asks far more often whether somebody is here.
const GONE: u64 = 60_000;
/// Pieces of a body that wait to go out to the server.
const WAITING: usize = 4;

/// Carries between a watch, at the other end of `socket`, and the server of `transport`, until the watch is gone. No key is
/// needed to carry: a phone whose keys are locked away does it as well.
pub async fn carry(mut socket: Box<dyn Socket>, transport: Rc<dyn Transport>, machine: Rc<dyn Surroundings>) {
    let (line, mut out) = Line::new();
    let mut tasks: FuturesUnordered<Local<'static, ()>> = FuturesUnordered::new();
    // The first word: there is somebody here.
    line.tell(Message::Pong);
    loop {
        let heard = futures_util::select! {
            message = out.select_next_some() => {
                if socket.send(message.to_bytes()).await.is_err() {
                    break;
                }
                continue;
            }
            frame = socket.receive().fuse() => frame,
            () = one_done(&mut tasks).fuse() => continue,
            () = machine.sleep(GONE).fuse() => break,
        };
        let Some(Ok(message)) = heard.map(|frame| Message::read(&frame)) else { break };
        match message {
            Message::Ask(id, asked) => match line.begin(id) {
                Some(exchange) => tasks.push(Box::pin(ask(exchange, asked, Rc::clone(&transport)))),
                None => line.tell(Message::Broken(id)),
            },
            Message::Connect(id, path) => match line.begin(id) {
                Some(exchange) => tasks.push(Box::pin(connect(exchange, path, Rc::clone(&transport)))),
                None => line.tell(Message::Broken(id)),
            },
            Message::Ping => line.tell(Message::Pong),
            message @ (Message::Head(..)
            | Message::Piece(..)
            | Message::Took(_)
            | Message::End(_)
            | Message::Broken(_)
            | Message::Pong) => line.deliver(message),
        }
    }
    line.close();
}

async fn one_done(tasks: &mut FuturesUnordered<Local<'static, ()>>) {
    if tasks.is_empty() {
        pending::<()>().await;
    }
    let _one = tasks.next().await;
}

/// One request. That it is broken off here tells the watch that the server cannot be reached.
async fn ask(exchange: Exchange, asked: Asked, transport: Rc<dyn Transport>) {
    let Exchange { mut hears, mut says } = exchange;
    let length = asked.length;
    let (body, feed) = if length <= WHOLE {
        let Ok(bytes) = collected(&mut hears, length).await else { return };
        (if bytes.is_empty() { Body::Empty } else { Body::Bytes(bytes) }, None)
    } else {
        let (feed, chunks) = mpsc::channel(WAITING);
        (Body::Chunks { length, chunks }, Some(feed))
    };
    let Some(request) = asked.request(body) else { return };
    let answering = async {
        let mut response = transport.request(request).await?;
        says.head(response.status, response.retry_after);
        while let Some(piece) = response.body.next().await {
            let piece = piece?;
            if !piece.is_empty() {
                says.put(&piece).await?;
            }
        }
        says.end();
        Ok::<(), Unreachable>(())
    };
    // Ends when the watch breaks off, and the request with it.
    let listening = async {
        if let Some(mut feed) = feed {
            while let Ok(News::Piece { bytes, .. }) = hears.next().await {
                // A server may answer before it has read all: then the rest goes nowhere.
                let _fed = feed.send(Ok(bytes)).await;
            }
            drop(feed);
        }
        while hears.next().await.is_ok() {}
    };
    let (answering, listening) = (core::pin::pin!(answering), core::pin::pin!(listening));
    let _over = select(answering, listening).await;
}

/// A body of exactly this length.
async fn collected(hears: &mut Hears, length: u64) -> Result<Vec<u8>, Unreachable> {
    let mut bytes = Vec::new();
    loop {
        match hears.next().await? {
            News::Piece { bytes: piece, .. } => bytes.extend_from_slice(&piece),
            News::End if u64::try_from(bytes.len()) == Ok(length) => return Ok(bytes),
            News::End | News::Head { .. } => return Err(Unreachable),
        }
        if u64::try_from(bytes.len()).map_or(true, |so_far| so_far > length) {
            return Err(Unreachable);
        }
    }
}

/// One WebSocket. It never waits for the watch to take a frame while the watch waits for it to take one.
async fn connect(exchange: Exchange, path: String, transport: Rc<dyn Transport>) {
    let Exchange { mut hears, mut says } = exchange;
    let Some(path) = carried(path) else { return };
    let connecting = {
        let gone = async { while hears.next().await.is_ok() {} };
        match select(transport.connect(&path), core::pin::pin!(gone)).await {
            Either::Left((connected, _)) => connected,
            Either::Right(((), _)) => return,
        }
    };
    let Ok(mut socket) = connecting else { return };
    says.head(101, None);
    let mut unsent: VecDeque<(Vec<u8>, bool)> = VecDeque::new();
    let mut frame = Vec::new();
    loop {
        let down = async {
            if unsent.is_empty() {
                return Either::Left(socket.receive().await);
            }
            Either::Right(says.taken().await)
        };
        let next = {
            let (down, up) = (core::pin::pin!(down), core::pin::pin!(hears.next()));
            match select(down, up).await {
                Either::Left((down, _)) => Either::Left(down),
                Either::Right((up, _)) => Either::Right(up),
            }
        };
        match next {
            Either::Left(Either::Left(Some(received))) => unsent.extend(pieces(&received)),
            Either::Left(Either::Right(Ok(()))) => drop(unsent.pop_front()),
            Either::Right(Ok(News::Piece { bytes, whole })) => {
                frame.extend_from_slice(&bytes);
                if frame.len() > MAX_FRAME {
                    return;
                }
                if whole && socket.send(core::mem::take(&mut frame)).await.is_err() {
                    return;
                }
                continue;
            }
            Either::Left(Either::Left(None) | Either::Right(Err(Unreachable))) | Either::Right(_) => return,
        }
        if let Some((piece, whole)) = unsent.front() {
            says.piece(piece, *whole);
        }
    }
}
