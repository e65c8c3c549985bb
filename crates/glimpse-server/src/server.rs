//! The life of a server: start, run, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Rates};
use crate::clock::Clock;
use crate::http;
use crate::key_file::{KeyFile, KeyFileError};
use crate::lifecycle::Lives;
use crate::listen::{self, Listening, TlsError};
use crate::mailbox::Mailboxes;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::provider::Providers;
use crate::push::{self, PushKeyError, Pushes};
use crate::settings::{Settings, SettingsError};
use crate::signing_key::{self, SigningKeyError};
use crate::site::{Site, SiteError};
use crate::store::Store;
use crate::tickets::Tickets;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See [`SettingsError`].
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// See [`KeyFileError`].
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// See [`SigningKeyError`].
    #[error(transparent)]
    Signing(#[from] SigningKeyError),
    /// See [`SiteError`].
    #[error(transparent)]
    Site(#[from] SiteError),
    /// See [`TlsError`].
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// See [`PushKeyError`].
    #[error(transparent)]
    PushKey(#[from] PushKeyError),
    /// The secret by which an identity provider knows this server is not there, lies in the data folder, or others may read it.
    #[error("{0}, a provider's client_secret_file, is missing, lies inside the data folder, or can be read by others")]
    ProviderSecret(PathBuf),
    /// The data folder cannot be made or used.
    #[error("cannot use the data folder {path}: {source}")]
    Data {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server works on the data folder.
    #[error("another server works on the data folder {0}")]
    InUse(PathBuf),
    /// A database cannot be opened or migrated.
    #[error("cannot open the database: {0}")]
    Database(#[from] sqlx::Error),
    /// What an earlier run left behind could not be removed; the log says why.
    #[error("cannot remove what an earlier run left behind; the log says why")]
    Sweep,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A server that accepts connections. Dropping it drains without waiting; [`RunningServer::stop`] waits.
#[derive(Debug)]
pub struct RunningServer {
    app: Arc<App>,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    serving: JoinHandle<()>,
}

impl RunningServer {
    /// Where the API listens; with port 0 in the settings, the port that it got.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics listen.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Does at once what otherwise happens every minute. For tests that move the clock.
    ///
    /// # Errors
    /// The [`Problem`], whose cause is logged.
    pub async fn sweep(&self) -> Result<(), Problem> {
        self.app.mailboxes.sweep(self.app.clock.now());
        self.app.sweep(false).await
    }

    /// Returns when every push that is due by the clock was sent or has failed. For tests, which know then that there is no
    /// other.
    pub async fn pushed(&self) {
        self.app.pushed().await;
    }

    /// Stops accepting, lets open requests finish, closes sockets and databases.
    pub async fn stop(mut self) {
        self.app.stop.cancel();
        // The task only ends early by a panic, which was reported when it happened.
        let _ = (&mut self.serving).await;
    }

    /// Stops as a crash would: nothing is finished and nothing is closed in order.
    pub fn kill(self) {
        self.serving.abort();
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.app.stop.cancel();
    }
}

/// Brings the databases in the data folder to this version's schema, and does nothing else.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(settings: &Settings) -> Result<(), StartError> {
    Store::open(&settings.data).await?.close().await;
    Ok(())
}

/// Reads everything that [`start`] reads, and starts nothing.
///
/// # Errors
/// [`StartError`] names what an operator must mend.
pub fn check(settings: &Settings) -> Result<(), StartError> {
    settings.check()?;
    if let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) {
        listen::tls(cert, key)?;
    }
    settings.site.as_deref().map(|folder| Site::load(folder, settings)).transpose()?;
    KeyFile::read(&settings.key_file, &settings.data)?;
    Pushes::of(settings)?;
    Providers::of(settings)?;
    Ok(())
}

/// Starts a server; when this returns, it accepts connections.
///
/// # Errors
/// [`StartError`] names what an operator must mend.
pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<RunningServer, StartError> {
    settings.check()?;
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => Some(listen::tls(cert, key)?),
        (Some(_) | None, Some(_) | None) => None,
    };
    let site = settings.site.as_deref().map(|folder| Site::load(folder, &settings)).transpose()?;
    // The folder first: whether the key file lies inside it can only be asked of a folder that exists.
    Store::make_folder(&settings.data)?;
    let keys = KeyFile::read(&settings.key_file, &settings.data)?;
    let pushes = Pushes::of(&settings)?;
    let providers = Providers::of(&settings)?;
    let store = Store::open(&settings.data).await?;
    let signing = signing_key::known(&settings.data, &store, clock.now()).await.inspect_err(|error| {
        if let StartError::Signing(_) = error {
            tracing::error!(%error, "alarm: the signing key cannot be used");
        }
    })?;

    let (listener, address) = bind(settings.listen).await?;
    let metrics_listener = match settings.metrics_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let metrics_address = metrics_listener.as_ref().map(|(_, address)| *address);

    let rates = Rates::new(&settings.limits);
    let app = Arc::new(App {
        origins: origins(&settings, address),
        clock,
        keys,
        signing,
        store,
        mailboxes: Mailboxes::default(),
        lives: Lives::new(),
        tickets: Tickets::new().map_err(|_| StartError::Random)?,
        metrics: Metrics::new(),
        rates,
        site,
        pushes,
        providers,
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
        settings,
    });
    app.resume().await.map_err(|_| StartError::Sweep)?;
    app.sweep(true).await.map_err(|_| StartError::Sweep)?;
    let serving = tokio::spawn(run(Arc::clone(&app), listener, tls, metrics_listener.map(|(listener, _)| listener)));
    Ok(RunningServer { app, address, metrics_address, serving })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn run(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    metrics_listener: Option<TcpListener>,
) {
    let listening = Listening::of(&app.settings);
    let api = listen::serve(listener, tls, http::router(&app), listening.clone(), app.stop.clone());
    let metrics = async {
        if let Some(listener) = metrics_listener {
            listen::serve(listener, None, metrics_router(&app), listening.clone(), app.stop.clone()).await;
        }
    };
    let requests_over = CancellationToken::new();
    let serving = async {
        tokio::join!(api, metrics, sweeping(&app));
        requests_over.cancel();
        app.tasks.close();
        if tokio::time::timeout(listening.drain, app.tasks.wait()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
    };
    // Longer than the requests, so that what the last of them did is told as well.
    tokio::join!(serving, push::run(&app, requests_over.clone(), listening.drain));
    // The cause of a failure is logged where it arises; those sessions then end with the next start.
    let _ = app.store.see_time(app.clock.now()).await;
    let _ = app.store.keep_mailboxes(&app.mailboxes.keep()).await;
    app.store.close().await;
}

/// The origins that a sign-in may name: those of the settings, or else those of the address.
fn origins(settings: &Settings, address: SocketAddr) -> Vec<String> {
    if !settings.public_origins.is_empty() {
        return settings.public_origins.clone();
    }
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    let mut origins = vec![format!("{scheme}://{address}")];
    if address.ip().is_loopback() {
        origins.push(format!("{scheme}://localhost:{}", address.port()));
    }
    origins
}

/// Every second, what both ends wait to be told; every minute, what must not be left behind.
async fn sweeping(app: &App) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0u64;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = seconds.tick() => {}
        }
        let now = app.clock.now();
        app.mailboxes.sweep(now);
        app.metrics.mailboxes.set(i64::try_from(app.mailboxes.live()).unwrap_or(i64::MAX));
        app.metrics.sessions.set(i64::try_from(app.lives.count()).unwrap_or(i64::MAX));
        count = count.wrapping_add(1);
        // The cause was logged where it arose; the next round tries again.
        let _ = if count.is_multiple_of(60) { app.sweep(false).await } else { app.sweep_sessions(now).await };
    }
}

fn metrics_router(app: &Arc<App>) -> Router {
    let app = Arc::clone(app);
    Router::new().route(
        "/metrics",
        get(move || async move {
            ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.text())
        }),
    )
}
