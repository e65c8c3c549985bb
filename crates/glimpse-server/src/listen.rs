//! Connections: accept, TLS, HTTP, drain.
//!
//! Over TLS the protocol is what ALPN agreed; in plain text it is HTTP/1.1 alone, so that no connection waits without a
//! time limit for the preface that would tell the two apart.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
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
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Who is at the other end of the connection: the client, or a reverse proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What the listener needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    /// Connections at one time; more wait in the operating system's queue.
    pub(crate) connections: usize,
    /// For the handshake, and for the head of each request.
    pub(crate) head: Duration,
    /// For open requests after the end of accepting.
    pub(crate) drain: Duration,
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
}

/// TLS 1.2 and 1.3 by rustls with ring, offering HTTP/2 and HTTP/1.1.
///
/// # Errors
/// [`TlsError`] names the file or the mismatch.
pub(crate) fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let pem = |path: &Path, error: rustls::pki_types::pem::Error| TlsError::Pem {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem(cert, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
    let open = TaskTracker::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        // Messages are small and both ends wait for them.
        let _ = stream.set_nodelay(true);
        let (router, tls, listening, stop) = (router.clone(), tls.clone(), listening.clone(), stop.clone());
        open.spawn(async move {
            match tls {
                None => connection(stream, address, false, router, &listening, &stop).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(listening.head, tls.accept(stream)).await {
                        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        connection(stream, address, h2, router, &listening, &stop).await;
                    }
                }
            }
            drop(slot);
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
    address: SocketAddr,
    h2: bool,
    router: Router,
    listening: &Listening,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(address.ip().to_canonical()));
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
