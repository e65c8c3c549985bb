//! A viewer outside a browser: pumps [`glimpse_core::viewer`] over a [`Transport`]. It needs no account and no home.

use core::fmt;
use std::collections::VecDeque;
use std::rc::Rc;

use futures_util::future::{Either, pending};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_core::organisation::AgentKey;
use glimpse_core::viewer::{Config, Content, HttpRequest, Input, Output, State, Viewer};
use glimpse_wire::ErrorCode;

use crate::Local;
use crate::api::{bare, collect};
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Body, Method, Response, Socket, Transport, Unreachable};

/// How often the machine is told the time, in milliseconds.
const TICK: u64 = 250;
/// The longest answer that is read, in bytes: a piece of content is about a mebibyte.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// What a viewer has to show.
#[derive(Debug)]
pub enum Shown {
    /// [`Receiver::state`] has changed.
    Changed,
    /// The next piece of a unit's content, in order.
    Content(Content),
    /// It is over. Nothing comes after this.
    Ended(ErrorCode),
}

enum Connection {
    None,
    Opening(Local<'static, Result<Box<dyn Socket>, Unreachable>>),
    Open(Box<dyn Socket>),
}

type Answer = (u64, Result<(u16, Vec<u8>), Unreachable>);

/// A viewer and what it needs to talk.
pub struct Receiver {
    viewer: Viewer,
    transport: Rc<dyn Transport>,
    machine: Rc<dyn Surroundings>,
    requests: FuturesUnordered<Local<'static, Answer>>,
    connection: Connection,
    agent: Option<Rc<AgentKey>>,
    shown: VecDeque<Shown>,
}

/// Something that came in and was not looked at yet.
pub struct Arrived(Happened);

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arrived")
    }
}

enum Happened {
    Answer(Answer),
    Connected(Result<Box<dyn Socket>, Unreachable>),
    Frame(Option<Vec<u8>>),
    Tick,
}

impl Receiver {
    /// A viewer that waits for a code.
    #[must_use]
    pub fn new(transport: Rc<dyn Transport>, machine: Rc<dyn Surroundings>, config: Config) -> Self {
        Self {
            viewer: Viewer::new(config),
            transport,
            machine,
            requests: FuturesUnordered::new(),
            connection: Connection::None,
            agent: None,
            shown: VecDeque::new(),
        }
    }

    /// Presents the credential that the configuration names, by the key that it was given for.
    #[must_use]
    pub fn with_agent(mut self, agent: Rc<AgentKey>) -> Self {
        self.agent = Some(agent);
        self
    }

    /// What to show.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        self.viewer.state()
    }

    /// Takes what the person did.
    pub async fn input(&mut self, input: Input) {
        let now = self.machine.monotonic();
        self.viewer.handle(input, now, &mut SystemRng(&*self.machine));
        let mut lost = false;
        let mut signed = None;
        while let Some(output) = self.viewer.poll() {
            match output {
                Output::Http(request) => self.requests.push(send(Rc::clone(&self.transport), request)),
                Output::SocketOpen { path } => {
                    let transport = Rc::clone(&self.transport);
                    self.connection = Connection::Opening(Box::pin(async move { transport.connect(&path).await }));
                }
                Output::SocketSend(frame) => {
                    if let Connection::Open(socket) = &mut self.connection {
                        lost |= socket.send(frame).await.is_err();
                    }
                }
                Output::SocketClose => self.connection = Connection::None,
                // Without a key there is nothing to present, and the pairing runs into its end.
                Output::Sign(presentation) => signed = self.agent.as_ref().map(|agent| agent.present(&presentation)),
                Output::Content(content) => self.shown.push_back(Shown::Content(content)),
                Output::Changed => self.shown.push_back(Shown::Changed),
                Output::Ended(code) => self.shown.push_back(Shown::Ended(code)),
            }
        }
        if let Some(signature) = signed {
            Box::pin(self.input(Input::Signed(signature))).await;
        }
        if lost {
            self.connection = Connection::None;
            Box::pin(self.input(Input::SocketClosed)).await;
        }
    }

    /// What is there to show and was not shown yet.
    pub fn show(&mut self) -> Option<Shown> {
        self.shown.pop_front()
    }

    /// What is next to show. To wait for something else at the same time, use [`Receiver::wait`].
    pub async fn next(&mut self) -> Shown {
        loop {
            if let Some(shown) = self.show() {
                return shown;
            }
            let arrived = self.wait().await;
            self.take(arrived).await;
        }
    }

    /// Waits for the network or the clock. Dropping the future loses nothing.
    pub async fn wait(&mut self) -> Arrived {
        let connection = match &mut self.connection {
            Connection::None => Either::Left(pending()),
            Connection::Opening(opening) => Either::Right(Either::Left(opening.as_mut().map(Happened::Connected))),
            Connection::Open(socket) => Either::Right(Either::Right(socket.receive().map(Happened::Frame))),
        };
        Arrived(select_biased! {
            answer = self.requests.select_next_some() => Happened::Answer(answer),
            happened = connection.fuse() => happened,
            () = self.machine.sleep(TICK).fuse() => Happened::Tick,
        })
    }

    /// Takes what arrived. Let the future finish: it sends.
    pub async fn take(&mut self, Arrived(happened): Arrived) {
        let input = match happened {
            Happened::Answer((id, Ok((status, body)))) => Input::HttpDone { id, status, body },
            Happened::Answer((id, Err(Unreachable))) => Input::HttpFailed { id },
            Happened::Connected(Ok(socket)) => {
                self.connection = Connection::Open(socket);
                Input::SocketOpened
            }
            Happened::Connected(Err(Unreachable)) | Happened::Frame(None) => {
                self.connection = Connection::None;
                Input::SocketClosed
            }
            Happened::Frame(Some(frame)) => Input::SocketBytes(frame),
            Happened::Tick => Input::Tick,
        };
        self.input(input).await;
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:?})", self.viewer)
    }
}

fn send(transport: Rc<dyn Transport>, request: HttpRequest) -> Local<'static, Answer> {
    Box::pin(async move {
        let id = request.id;
        let method = if request.method == "POST" { Method::Post } else { Method::Get };
        let mut out = bare(method, request.path);
        out.range = request.range.map(|(first, last)| (first, Some(last)));
        if let Some(bearer) = request.bearer {
            out = out.by(bearer);
        }
        if !request.body.is_empty() {
            out.content_type = (!request.content_type.is_empty()).then_some(request.content_type);
            out.body = Body::Bytes(request.body);
        }
        let answer = async {
            let Response { status, body, .. } = transport.request(out).await?;
            let body = collect(body, MAX_ANSWER).await.map_err(|_| Unreachable)?;
            Ok((status, body))
        };
        (id, answer.await)
    })
}
