//! A real server for tests: one line, port 0, a folder of its own, stopped and removed when dropped.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = glimpse_server::test_server::TestServer::start().await;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot start its server has failed, and says why")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::key_file::KeyFile;
use crate::server::{RunningServer, StartError, start};
use crate::settings::Settings;

/// A server on a port of its own.
#[derive(Debug)]
pub struct TestServer {
    running: Option<RunningServer>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    folder: ScratchFolder,
}

impl TestServer {
    /// The defaults, and the machine's clock.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start() -> Self {
        Self::start_with(Arc::new(SystemClock::new()), |_| {}).await
    }

    /// With a clock, and settings changed as a test needs them. The address, the data folder and the key file are given.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start_with(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = ScratchFolder::new().expect("a folder for the server's data");
        let mut settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().join("data"),
            key_file: folder.path().join("glimpse.key"),
            ..Settings::default()
        };
        settings.limits.drain_seconds = 2;
        change(&mut settings);
        KeyFile::generate(&settings.key_file).expect("a key file");
        let running = start(settings.clone(), Arc::clone(&clock)).await.expect("the server starts");
        // The same port after a restart, so that clients need not be told.
        settings.listen = running.address();
        Self { running: Some(running), settings, clock, folder }
    }

    /// `http://127.0.0.1:<port>`, or `https` with a certificate; without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls_cert.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.settings.listen)
    }

    /// Where metrics are served, if the settings ask for them.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        let address = self.running.as_ref()?.metrics_address()?;
        Some(format!("http://{address}/metrics"))
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.settings.data
    }

    /// The folder around the data folder and the key file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The running server.
    ///
    /// # Panics
    /// When it was stopped.
    #[must_use]
    pub fn running(&self) -> &RunningServer {
        self.running.as_ref().expect("the server runs")
    }

    /// Drains and stops; [`TestServer::resume`] starts it again over the same data.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Stops without finishing anything.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// The settings, for the next start.
    pub const fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Starts again on the same port over the same data.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn resume(&mut self) -> Result<(), StartError> {
        self.running = Some(start(self.settings.clone(), Arc::clone(&self.clock)).await?);
        Ok(())
    }
}

/// A new folder under the system's temporary one, removed with everything in it when dropped.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes the folder.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> std::io::Result<Self> {
        let name = format!("glimpse-{:016x}", getrandom::u64().map_err(std::io::Error::other)?);
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // A leftover in the temporary folder is no reason to fail a test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
