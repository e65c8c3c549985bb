//! The watch's end: a network that somebody else carries, while they are there.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::pending;
use std::rc::Rc;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, stream};
use glimpse_core::Monotonic;
use glimpse_wire::limits::MAX_FRAME;

use super::line::{Exchange, Line, News};
use super::message::{Asked, Message};
use crate::Local;
use crate::surroundings::Surroundings;
use crate::transport::{Body, Request, Response, Socket, Transport, Unreachable};

/// How often the watch asks whether somebody is there, in milliseconds.
const ASK_EVERY: u64 = 2_000;
/// Silence after which the phone counts as away.
const AWAY: u64 = 6_000;
/// Silence within an exchange after which it is given up: longer than a phone waits for the server.
const SILENCE: u64 = 75_000;

/// The way to the server through a phone. While the phone is away, the server cannot be reached.
pub struct Companion {
    origin: String,
    machine: Rc<dyn Surroundings>,
    line: RefCell<Option<Line>>,
    /// Counts phones: one that comes takes the place of the one before.
    turn: Cell<u32>,
    exchange: Cell<u32>,
    rests: Cell<bool>,
}

impl Companion {
    /// The way to the server at `origin`, whom the watch knows by itself: its signatures name it. Nobody carries yet.
    #[must_use]
    pub fn new(origin: String, machine: Rc<dyn Surroundings>) -> Self {
        Self {
            origin,
            machine,
            line: RefCell::default(),
            turn: Cell::new(0),
            exchange: Cell::new(0),
            rests: Cell::new(false),
        }
    }

    /// Whether nobody looks at the watch. While it rests it does not ask whether the phone is there: it has no timer of its
    /// own, and a phone that hears nothing of it for long hangs up.
    pub fn rest(&self, rests: bool) {
        if self.rests.replace(rests)
            && !rests
            && let Some(line) = &*self.line.borrow()
        {
            line.tell(Message::Ping);
        }
    }

    /// Goes by the phone at the other end of `socket`, in place of any other, until it is gone or another takes its place.
    /// `told` hears that it has answered, and that it is away; not when another took its place.
    pub async fn through(self: Rc<Self>, mut socket: Box<dyn Socket>, told: impl Fn(bool)) {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        if let Some(before) = self.line.take() {
            before.close();
            told(false);
        }
        let (line, mut out) = Line::new();
        let mut answered = false;
        let mut heard = self.machine.monotonic();
        let mut asked = heard;
        let mut rested = false;
        line.tell(Message::Ping);
        while self.turn.get() == turn {
            let now = self.machine.monotonic();
            // Whoever has not answered yet is given up in any case.
            let rests = answered && self.rests.get();
            if core::mem::replace(&mut rested, rests) && !rests {
                // It was not asked meanwhile, so that its silence says nothing.
                (heard, asked) = (now, now);
            }
            let time: Local<'_, ()> = if rests {
                Box::pin(pending())
            } else {
                if heard.until(now) > AWAY {
                    break;
                }
                if asked.until(now) >= ASK_EVERY {
                    asked = now;
                    line.tell(Message::Ping);
                }
                self.machine.sleep(now.until(Monotonic(asked.0.saturating_add(ASK_EVERY))))
            };
            let frame = futures_util::select! {
                message = out.select_next_some() => {
                    if socket.send(message.to_bytes()).await.is_err() {
                        break;
                    }
                    continue;
                }
                frame = socket.receive().fuse() => frame,
                () = time.fuse() => continue,
            };
            let Some(Ok(message)) = frame.map(|frame| Message::read(&frame)) else { break };
            if self.turn.get() != turn {
                break;
            }
            heard = self.machine.monotonic();
            if !answered {
                answered = true;
                self.line.replace(Some(line.clone()));
                told(true);
            }
            line.deliver(message);
        }
        line.close();
        if answered && self.turn.get() == turn {
            self.line.replace(None);
            told(false);
        }
    }

    fn begin(&self) -> Result<(Line, u32, Exchange), Unreachable> {
        let line = self.line.borrow().clone().ok_or(Unreachable)?;
        let id = self.exchange.get().wrapping_add(1);
        self.exchange.set(id);
        let exchange = line.begin(id).ok_or(Unreachable)?;
        Ok((line, id, exchange))
    }

    async fn ask(&self, request: Request) -> Result<Response, Unreachable> {
        let asked = Asked::of(&request).ok_or(Unreachable)?;
        let (line, id, mut exchange) = self.begin()?;
        line.tell(Message::Ask(id, asked));
        match request.body {
            Body::Empty => {}
            Body::Bytes(bytes) if bytes.is_empty() => {}
            Body::Bytes(bytes) => self.within(exchange.says.put(&bytes)).await?,
            Body::Chunks { mut chunks, .. } => {
                while let Some(chunk) = chunks.next().await {
                    self.within(exchange.says.put(&chunk?)).await?;
                }
            }
        }
        exchange.says.end();
        let News::Head { status, retry_after } = self.within(exchange.hears.next()).await? else {
            return Err(Unreachable);
        };
        let machine = Rc::clone(&self.machine);
        let body = stream::unfold(Some((exchange, machine)), |open| async {
            let (mut exchange, machine) = open?;
            match within(&*machine, exchange.hears.next()).await {
                Ok(News::Piece { bytes, .. }) => Some((Ok(bytes), Some((exchange, machine)))),
                Ok(News::End) => None,
                Ok(News::Head { .. }) | Err(Unreachable) => Some((Err(Unreachable), None)),
            }
        });
        Ok(Response { status, retry_after, body: Box::pin(body) })
    }

    async fn open(&self, path: &str) -> Result<Box<dyn Socket>, Unreachable> {
        let (line, id, mut exchange) = self.begin()?;
        line.tell(Message::Connect(id, path.to_owned()));
        let News::Head { .. } = self.within(exchange.hears.next()).await? else { return Err(Unreachable) };
        Ok(Box::new(Carried { exchange, frame: Vec::new(), machine: Rc::clone(&self.machine) }))
    }

    async fn within<T>(&self, awaited: impl Future<Output = Result<T, Unreachable>>) -> Result<T, Unreachable> {
        within(&*self.machine, awaited).await
    }
}

async fn within<T>(
    machine: &dyn Surroundings,
    awaited: impl Future<Output = Result<T, Unreachable>>,
) -> Result<T, Unreachable> {
    match select(core::pin::pin!(awaited), machine.sleep(SILENCE)).await {
        Either::Left((given, _)) => given,
        Either::Right(((), _)) => Err(Unreachable),
    }
}

impl Transport for Companion {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        Box::pin(self.ask(request))
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        Box::pin(self.open(path))
    }
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Companion({})", self.origin)
    }
}

/// A WebSocket that the phone carries.
struct Carried {
    exchange: Exchange,
    /// What arrived of a frame so far.
    frame: Vec<u8>,
    machine: Rc<dyn Surroundings>,
}

impl Socket for Carried {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move { within(&*self.machine, self.exchange.says.put(&frame)).await })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            loop {
                let Ok(News::Piece { bytes, whole }) = self.exchange.hears.next().await else { return None };
                self.frame.extend_from_slice(&bytes);
                if self.frame.len() > MAX_FRAME {
                    return None;
                }
                if whole {
                    return Some(core::mem::take(&mut self.frame));
                }
            }
        })
    }
}
