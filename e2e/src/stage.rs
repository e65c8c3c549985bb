//! A server, a device and a browser, and a look that the one lends the other.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use crate::browser::Browser;
use crate::device::{Device, Lending};
use crate::proxy::{Proxy, Tamper};
use crate::server::{Server, free_port};

/// Everything that a story needs, each of its own.
#[derive(Debug)]
pub struct Stage {
    /// The browser.
    pub browser: Browser,
    /// The linked device.
    pub device: Device,
    /// What stands between them and the server, if anything.
    pub proxy: Option<Proxy>,
    /// The real server.
    pub server: Server,
}

impl Stage {
    /// Device and browser at the real server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn new() -> Result<Self> {
        let server = Server::start().await?;
        Self::at(server, None).await
    }

    /// Device and browser at a hostile server: the real one behind a proxy that tampers.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn behind(tamper: Arc<dyn Tamper>) -> Result<Self> {
        Self::behind_with(tamper, &[]).await
    }

    /// The same, with settings of the real server: `name=value`.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn behind_with(tamper: Arc<dyn Tamper>, settings: &[&str]) -> Result<Self> {
        let port = free_port()?;
        // Devices sign in at the address that they know; the proxy's, here.
        let origin = format!("public_origins=http://127.0.0.1:{port}");
        let arguments: Vec<&str> = settings.iter().chain([&&*origin]).flat_map(|&setting| ["--set", setting]).collect();
        let server = Server::with(&arguments).await?;
        let proxy = Proxy::start(port, &server.url(), tamper).await?;
        Self::at(server, Some(proxy)).await
    }

    async fn at(server: Server, proxy: Option<Proxy>) -> Result<Self> {
        let url = proxy.as_ref().map_or_else(|| server.url(), Proxy::url);
        let (device, browser) = tokio::try_join!(Device::create(&url), Browser::start())?;
        Ok(Self { browser, device, proxy, server })
    }

    /// The address that device and browser use.
    #[must_use]
    pub fn url(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.server.url(), Proxy::url)
    }

    /// Lends, types the code into the browser, picks the words, and waits until the session is on the screen.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend(&self, arguments: &[&str]) -> Result<Look> {
        let mut lending = self.device.lend(arguments).await?;
        self.browser.go(&self.url()).await?;
        self.browser.type_code(&lending.code).await?;
        let words = self.browser.words().await?;
        let granted = lending.approve(&words).await?;
        self.browser.screen("session").await?;
        Ok(Look { lending, granted })
    }
}

/// A session that runs.
#[derive(Debug)]
pub struct Look {
    /// The device's side.
    pub lending: Lending,
    /// The event `granted`.
    pub granted: Value,
}
