//! Connections: accept, TLS, HTTP, drain.
//!
//! Over TLS the protocol is what ALPN agreed; in plain text it is HTTP/1.1 alone, so that no connection waits without a
//! time limit for the preface that would tell the two apart.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::http::guard::Address;
use crate::pace::Paced;
use crate::settings::Settings;

/// Bytes of a request's head, and of what is read ahead of a body.
const READ_BUFFER: usize = 64 * 1024;

/// Who is at the other end of the connection: the client, or a reverse proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What the listener needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    /// Connections at one time; more wait in the operating system's queue.
    pub(crate) connections: usize,
    /// Connections of one address at one time; more are closed.
    pub(crate) connections_per_address: usize,
    /// Proxies, whose connections are those of many.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// For the handshake, and for the head of each request.
    pub(crate) head: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub(crate) stall: Duration,
    /// For open requests after the end of accepting.
    pub(crate) drain: Duration,
}

impl Listening {
    pub(crate) fn of(settings: &Settings) -> Self {
        let limits = &settings.limits;
        Self {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            trusted_proxies: settings.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            head: Duration::from_secs(limits.head_seconds),
            stall: Duration::from_secs(limits.stall_seconds),
            drain: Duration::from_secs(limits.drain_seconds),
        }
    }
}

/// The room that a connection takes up, until the last who holds this lets go: a socket outlives the HTTP that it began as.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    _room: Arc<(OwnedSemaphorePermit, Option<Place>)>,
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<Address, usize>>);

/// One of the places of an address.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    address: Address,
}

impl Places {
    fn counts(&self) -> MutexGuard<'_, HashMap<Address, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, address: Address, most: usize) -> Option<Place> {
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        // The entry of an address that has none is not left behind: `most` is at least one.
        (*count < most).then(|| {
            *count += 1;
            Place { places: Arc::clone(self), address }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file is missing or is not what it should be.
    #[error("cannot use {path}: {why}")]
    Pem {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key does not fit the certificate, or the like.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
    /// Nobody's certificate could be checked.
    #[error("this machine knows no certificate authorities; install them (ca-certificates), or name a file in push_ca")]
    NoAuthorities,
}

/// TLS 1.2 and 1.3 by rustls with ring, offering HTTP/2 and HTTP/1.1.
///
/// # Errors
/// [`TlsError`] names the file or the mismatch.
pub(crate) fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file, the server's own first.
///
/// # Errors
/// [`TlsError::Pem`].
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    all.map_err(|error| unusable(file, &error))
}

fn unusable(file: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { path: file.to_owned(), why: error.to_string() }
}

/// Serves `router` until `stop`, then lets open requests finish for `listening.drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    listening: Listening,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(listening.connections));
    let places = Arc::new(Places::default());
    let open = TaskTracker::new();
    loop {
        let accepting = async {
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, address)| (slot, stream, address))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepting => accepted,
        };
        let (slot, stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let peer = address.ip().to_canonical();
        let place = places.take(Address::of(peer), listening.connections_per_address);
        if place.is_none() && !listening.trusted_proxies.contains(&peer) {
            continue;
        }
        let room = Room { _room: Arc::new((slot, place)) };
        // Messages are small and both ends wait for them.
        let _ = stream.set_nodelay(true);
        let (router, tls, listening, stop) = (router.clone(), tls.clone(), listening.clone(), stop.clone());
        let stream = Paced::new(stream, listening.stall);
        open.spawn(async move {
            match tls {
                None => connection(stream, Peer(peer), room, false, router, &listening, &stop).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(listening.head, tls.accept(stream)).await {
                        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        connection(stream, Peer(peer), room, h2, router, &listening, &stop).await;
                    }
                }
            }
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(listening.drain, open.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn connection<S>(
    stream: S,
    peer: Peer,
    room: Room,
    h2: bool,
    router: Router,
    listening: &Listening,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(room.clone());
        router.clone().oneshot(request)
    });
    let stream = TokioIo::new(stream);
    // A client that goes away or speaks nonsense is no event of ours.
    if h2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(64)
            .max_header_list_size(16 * 1024)
            .keep_alive_interval(listening.head)
            .keep_alive_timeout(listening.head)
            .serve_connection(stream, service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(listening.head)
            .max_headers(64)
            .max_buf_size(READ_BUFFER)
            .serve_connection(stream, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// Out of file descriptors or the like: waiting is all that helps. A connection that broke before it was ours is nothing.
async fn pause_after(error: &io::Error) {
    let broken = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !broken {
        tracing::error!(kind = ?error.kind(), "accept");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
