//! The hostile server: a reverse proxy in front of the real one that sees and may change everything that a malicious
//! server sees and may change. [`Tamper`] is what it does; without one it only watches.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use crate::wait::until;

/// The most that one request or answer may hold.
const LARGEST: usize = 256 * 1024 * 1024;

/// An HTTP request on its way to the server.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// The server's answer on its way back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer of the proxy's own.
    #[must_use]
    pub fn own(status: StatusCode, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = HeaderMap::new();
        if let Ok(value) = content_type.parse() {
            headers.insert(header::CONTENT_TYPE, value);
        }
        Self { status, headers, body: body.into() }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A WebSocket, counted from 0 in the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What a hostile server does. Each method has the honest behaviour as its default.
pub trait Tamper: Send + Sync + 'static {
    /// Sees a request, may change it, may answer it in the server's place.
    fn request(&self, _asked: &mut Asked) -> Option<Answer> {
        None
    }

    /// Sees an answer and may change it. `None` drops the connection without a word.
    fn answer(&self, _asked: &Asked, answer: Answer) -> Option<Answer> {
        Some(answer)
    }

    /// May refuse a WebSocket under this path.
    fn refuse_socket(&self, _path: &str) -> Option<StatusCode> {
        None
    }

    /// A frame from an end to the server, and what the server gets in its place.
    fn to_server(&self, _socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        vec![frame]
    }

    /// A frame from the server to an end, and what the end gets in its place.
    fn to_end(&self, _socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        vec![frame]
    }
}

/// Watches and changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Honest;

impl Tamper for Honest {}

/// What went through, in order.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "the log of one test")]
pub enum Seen {
    /// A request and its answer.
    Http(Asked, Answer),
    /// A WebSocket was asked for, under this path.
    Opened(SocketId, String),
    /// A frame from an end.
    ToServer(SocketId, Vec<u8>),
    /// A frame to an end.
    ToEnd(SocketId, Vec<u8>),
}

struct Inner {
    upstream: String,
    tamper: Arc<dyn Tamper>,
    seen: Mutex<Vec<Seen>>,
    sockets: AtomicU32,
    open: AtomicU32,
    ends: Mutex<Vec<UnboundedSender<Vec<u8>>>>,
    /// Whether the line is cut.
    cut: watch::Sender<bool>,
    client: reqwest::Client,
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    place: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({} to {})", self.place, self.inner.upstream)
    }
}

impl Proxy {
    /// Listens on `port` (0: any) and passes on to `upstream`, an origin.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16, upstream: &str, tamper: Arc<dyn Tamper>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let place = format!("http://{}", listener.local_addr()?);
        let (inner, router) = between(upstream, tamper)?;
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { place, inner, task })
    }

    /// Stands where a phone stands: carries what a watch says at a Unix socket to `upstream`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn carry(socket: &Path, upstream: &str, tamper: Arc<dyn Tamper>) -> Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let (inner, router) = between(upstream, tamper)?;
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { place: socket.display().to_string(), inner, task })
    }

    /// `http://127.0.0.1:<port>`; the path of its socket where it has one.
    #[must_use]
    pub fn url(&self) -> String {
        self.place.clone()
    }

    /// Everything that went through so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.inner.seen).clone()
    }

    /// Requests that went through so far, with their answers.
    #[must_use]
    pub fn exchanges(&self) -> Vec<(Asked, Answer)> {
        let only = |seen| match seen {
            Seen::Http(asked, answer) => Some((asked, answer)),
            Seen::Opened(..) | Seen::ToServer(..) | Seen::ToEnd(..) => None,
        };
        self.seen().into_iter().filter_map(only).collect()
    }

    /// Cuts the line: sockets break, and requests get no answer until it is mended.
    pub fn cut(&self) {
        self.inner.cut.send_replace(true);
    }

    /// WebSockets that are open.
    #[must_use]
    pub fn open_sockets(&self) -> u32 {
        self.inner.open.load(Ordering::SeqCst)
    }

    /// Waits until this many WebSockets are open.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn has_sockets(&self, count: u32) -> Result<()> {
        until(&format!("{count} sockets are open"), async || (self.open_sockets() == count).then_some(())).await
    }

    /// Mends the line.
    pub fn mend(&self) {
        self.inner.cut.send_replace(false);
    }

    /// Sends a frame to an end that the server never sent.
    pub fn inject(&self, socket: SocketId, frame: Vec<u8>) {
        let at = usize::try_from(socket.0).unwrap_or(usize::MAX);
        if let Some(end) = locked(&self.inner.ends).get(at) {
            let _ = end.send(frame);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn between(upstream: &str, tamper: Arc<dyn Tamper>) -> Result<(Arc<Inner>, Router)> {
    crate::provide_tls();
    let inner = Arc::new(Inner {
        upstream: upstream.to_owned(),
        tamper,
        seen: Mutex::default(),
        sockets: AtomicU32::new(0),
        open: AtomicU32::new(0),
        ends: Mutex::default(),
        cut: watch::Sender::new(false),
        client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?,
    });
    Ok((Arc::clone(&inner), Router::new().fallback(pass).with_state(inner)))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    if *inner.cut.borrow() {
        return broken();
    }
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if parts.headers.contains_key(header::SEC_WEBSOCKET_KEY) {
        if let Some(refused) = inner.tamper.refuse_socket(&path) {
            return refused.into_response();
        }
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade.on_upgrade(move |socket| counted(inner, path, socket)),
            Err(refused) => refused.into_response(),
        };
    }
    let Ok(body) = to_bytes(body, LARGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let mut asked = Asked { method: parts.method, path, headers: parts.headers, body: body.into() };
    // Answers in plain, so that a tamper need not unpack them.
    asked.headers.remove(header::ACCEPT_ENCODING);
    let answer = match inner.tamper.request(&mut asked) {
        Some(own) => Some(own),
        None => match forward(&inner, &asked).await {
            Ok(answer) => inner.tamper.answer(&asked, answer),
            Err(_) => None,
        },
    };
    let Some(answer) = answer else { return broken() };
    locked(&inner.seen).push(Seen::Http(asked, answer.clone()));
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// An answer whose body breaks off: the client sees a network error.
fn broken() -> Response {
    let cut = futures_util::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
    Response::new(Body::from_stream(cut))
}

async fn forward(inner: &Inner, asked: &Asked) -> reqwest::Result<Answer> {
    let mut headers = asked.headers.clone();
    for own in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let request = inner.client.request(asked.method.clone(), format!("{}{}", inner.upstream, asked.path));
    let answer = request.headers(headers).body(asked.body.clone()).send().await?;
    let status = answer.status();
    let mut headers = answer.headers().clone();
    for own in [header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(own);
    }
    Ok(Answer { status, headers, body: answer.bytes().await?.into() })
}

async fn counted(inner: Arc<Inner>, path: String, near: WebSocket) {
    inner.open.fetch_add(1, Ordering::SeqCst);
    relay(Arc::clone(&inner), path, near).await;
    inner.open.fetch_sub(1, Ordering::SeqCst);
}

async fn relay(inner: Arc<Inner>, path: String, mut near: WebSocket) {
    let id = SocketId(inner.sockets.fetch_add(1, Ordering::SeqCst));
    locked(&inner.seen).push(Seen::Opened(id, path.clone()));
    let (sender, mut injected) = unbounded_channel::<Vec<u8>>();
    locked(&inner.ends).push(sender);
    let url = format!("{}{path}", inner.upstream.replacen("http", "ws", 1));
    let Ok(request) = url.into_client_request() else { return };
    let Ok((mut far, _)) = connect_async(request).await else { return };
    let mut cut = inner.cut.subscribe();
    loop {
        tokio::select! {
            () = is_cut(&mut cut) => return,
            frame = near.recv() => match frame {
                Some(Ok(Message::Binary(bytes))) => {
                    for bytes in inner.tamper.to_server(id, bytes.to_vec()) {
                        locked(&inner.seen).push(Seen::ToServer(id, bytes.clone()));
                        if far.send(Frame::binary(bytes)).await.is_err() { return; }
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => {
                    let _ = far.close(None).await;
                    return;
                }
            },
            frame = far.next() => match frame {
                Some(Ok(Frame::Binary(bytes))) => {
                    for bytes in inner.tamper.to_end(id, bytes.to_vec()) {
                        locked(&inner.seen).push(Seen::ToEnd(id, bytes.clone()));
                        if near.send(Message::Binary(bytes.into())).await.is_err() { return; }
                    }
                }
                Some(Ok(tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_) | tungstenite::Message::Frame(_))) => {}
                Some(Ok(Frame::Text(_) | Frame::Close(_)) | Err(_)) | None => {
                    let _ = near.send(Message::Close(None)).await;
                    return;
                }
            },
            Some(bytes) = injected.recv() => {
                if near.send(Message::Binary(bytes.into())).await.is_err() { return; }
            }
        }
    }
}

/// Removes a header from an answer, whatever its case.
pub fn without(answer: &mut Answer, name: &'static str) {
    answer.headers.remove(HeaderName::from_static(name));
}

/// Waits until the line is cut.
async fn is_cut(line: &mut watch::Receiver<bool>) {
    let _ = line.wait_for(|cut| *cut).await;
}
