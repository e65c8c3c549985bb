//! A network in hostile or clumsy hands: records what passes, changes answers, loses them, and cuts sockets.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::StreamExt;
use glimpse_core::Monotonic;
use glimpse_device::Local;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::{Body, Request, Response, Socket, Transport, Unreachable};
use glimpse_wire::UnixMillis;
use glimpse_wire::mailbox::ToServer;
use tokio::sync::watch;

/// Answers a request in the server's place, which never sees it; nothing for one that goes on.
type Swallow = Box<dyn FnMut(&Request) -> Option<Vec<u8>>>;

/// The body of a request that is sent whole.
pub(crate) fn body_of(request: &Request) -> Vec<u8> {
    match &request.body {
        Body::Bytes(bytes) => bytes.clone(),
        Body::Empty | Body::Chunks { .. } => Vec::new(),
    }
}

type Rewrite = Box<dyn FnMut(&str, Vec<u8>) -> Vec<u8>>;

/// A transport that meddles.
pub(crate) struct Meddling {
    inner: Rc<dyn Transport>,
    /// Method and path of every request.
    pub(crate) requests: RefCell<Vec<String>>,
    /// The body of every request that was sent whole.
    pub(crate) bodies: RefCell<Vec<Vec<u8>>>,
    /// Every message that the device sent through its mailbox.
    pub(crate) sent: Rc<RefCell<Vec<Vec<u8>>>>,
    /// Changes the body of an answer, by the request's path.
    pub(crate) rewrite: RefCell<Option<Rewrite>>,
    /// Answers requests in the server's place.
    pub(crate) swallow: RefCell<Option<Swallow>>,
    /// Cuts every request whose path is this, before it reaches the server.
    pub(crate) refuse: RefCell<Option<String>>,
    /// Loses the answer to the next request whose path begins so.
    pub(crate) lose: RefCell<Option<String>>,
    /// Loses the answer to every `POST` of exactly this path.
    pub(crate) lose_every: RefCell<Option<String>>,
    /// Cuts each socket after so many frames from the server.
    pub(crate) cut_after: Cell<Option<u32>>,
    /// Takes the network down with the next request whose path has this in it.
    pub(crate) fall: RefCell<Option<String>>,
    /// Whether the network is down.
    down: watch::Sender<bool>,
    /// A socket that listens does not hear that the network is down; one that sends does.
    pub(crate) deaf: Cell<bool>,
}

impl Meddling {
    pub(crate) fn new(inner: Rc<dyn Transport>) -> Rc<Self> {
        Rc::new(Self {
            inner,
            requests: RefCell::default(),
            bodies: RefCell::default(),
            sent: Rc::default(),
            rewrite: RefCell::default(),
            swallow: RefCell::default(),
            refuse: RefCell::default(),
            lose: RefCell::default(),
            lose_every: RefCell::default(),
            cut_after: Cell::default(),
            fall: RefCell::default(),
            down: watch::Sender::new(false),
            deaf: Cell::default(),
        })
    }

    /// Takes the network down, or brings it back.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.send_replace(down);
    }
}

impl Transport for Meddling {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        let path = request.path.clone();
        let method = request.method.as_str();
        if let Body::Bytes(bytes) = &request.body {
            self.bodies.borrow_mut().push(bytes.clone());
        }
        self.requests.borrow_mut().push(format!("{method} {path}"));
        if self.fall.borrow_mut().take_if(|fatal| path.contains(fatal.as_str())).is_some() {
            self.set_down(true);
        }
        if *self.down.borrow() || self.refuse.borrow().as_ref() == Some(&path) {
            return Box::pin(async { Err(Unreachable) });
        }
        let swallowed = self.swallow.borrow_mut().as_mut().and_then(|swallow| swallow(&request));
        if let Some(body) = swallowed {
            let body: glimpse_device::transport::BodyStream = Box::pin(futures_util::stream::iter([Ok(body)]));
            return Box::pin(async move { Ok(Response { status: 200, retry_after: None, body }) });
        }
        Box::pin(async move {
            let mut response = self.inner.request(request).await?;
            let lost = self.lose.borrow_mut().take_if(|lost| path.starts_with(lost.as_str())).is_some();
            let every = method == "POST" && self.lose_every.borrow().as_ref() == Some(&path);
            if lost || every {
                return Err(Unreachable);
            }
            if self.rewrite.borrow().is_some() && (200..300).contains(&response.status) {
                let mut whole = Vec::new();
                while let Some(piece) = response.body.next().await {
                    whole.extend_from_slice(&piece?);
                }
                if let Some(rewrite) = self.rewrite.borrow_mut().as_mut() {
                    whole = rewrite(&path, whole);
                }
                response.body = Box::pin(futures_util::stream::iter([Ok(whole)]));
            }
            Ok(response)
        })
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        Box::pin(async move {
            if *self.down.borrow() {
                return Err(Unreachable);
            }
            let inner = self.inner.connect(path).await?;
            let (sent, left) = (Rc::clone(&self.sent), self.cut_after.get());
            let (down, deaf) = (self.down.subscribe(), self.deaf.get());
            let socket: Box<dyn Socket> = Box::new(Watched { inner, sent, left, down, deaf });
            Ok(socket)
        })
    }
}

struct Watched {
    inner: Box<dyn Socket>,
    sent: Rc<RefCell<Vec<Vec<u8>>>>,
    left: Option<u32>,
    down: watch::Receiver<bool>,
    deaf: bool,
}

impl Socket for Watched {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        if let Ok(ToServer::Send { body, .. }) = glimpse_wire::decode(&frame, 1 << 20) {
            self.sent.borrow_mut().push(body.0);
        }
        if *self.down.borrow() {
            return Box::pin(async { Err(Unreachable) });
        }
        self.inner.send(frame)
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            if self.left == Some(0) {
                return None;
            }
            let frame = tokio::select! {
                frame = self.inner.receive() => frame,
                _gone = self.down.wait_for(|down| *down), if !self.deaf => None,
            };
            self.left = self.left.map(|left| left.saturating_sub(1));
            frame
        })
    }
}

/// A machine on which time passes faster, and whose wall clock anyone may set.
pub(crate) struct Hurried {
    machine: Machine,
    /// How many times faster.
    pub(crate) speed: u64,
    /// Added to the wall clock.
    pub(crate) offset: Cell<i64>,
}

impl Hurried {
    pub(crate) fn new(speed: u64) -> Self {
        Self { machine: Machine::new(), speed, offset: Cell::new(0) }
    }
}

impl Surroundings for Hurried {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.machine.now().0.saturating_add_signed(self.offset.get()))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.machine.monotonic().0.saturating_mul(self.speed))
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        self.machine.sleep(millis.div_ceil(self.speed))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.machine.fill_random(bytes);
    }
}
