//! A server, a device and a browser, and a look that the one lends the other.

use std::borrow::Borrow;
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use crate::browser::{Browser, Chromium, Kind};
use crate::device::{Device, Lending};
use crate::proxy::{Proxy, Tamper};
use crate::server::{Server, free_port};

/// Everything that a story needs, each of its own.
#[derive(Debug)]
pub struct Stage<B = Chromium> {
    /// The browser.
    pub browser: B,
    /// The linked device.
    pub device: Device,
    /// What stands between them and the server, if anything.
    pub proxy: Option<Proxy>,
    /// The real server.
    pub server: Server,
}

impl Stage {
    /// Device and Chromium at the real server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn new() -> Result<Self> {
        Self::at(Server::start().await?, None, Chromium::start()).await
    }

    /// Device and Chromium at a hostile server: the real one behind a proxy that tampers.
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
        let (server, proxy) = hostile(tamper, settings).await?;
        Self::at(server, Some(proxy), Chromium::start()).await
    }
}

impl Stage<Browser> {
    /// Device and a browser of this kind at the real server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn with(kind: Kind) -> Result<Self> {
        Self::around(Browser::start(kind)).await
    }

    /// Device and a browser that the caller starts at the real server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn around(browser: impl Future<Output = Result<Browser>>) -> Result<Self> {
        Self::at(Server::start().await?, None, browser).await
    }

    /// Device and a browser of this kind at a hostile server: the real one behind a proxy that tampers.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn with_behind(kind: Kind, tamper: Arc<dyn Tamper>) -> Result<Self> {
        let (server, proxy) = hostile(tamper, &[]).await?;
        Self::at(server, Some(proxy), Browser::start(kind)).await
    }
}

impl<B: Borrow<Browser>> Stage<B> {
    async fn at(server: Server, proxy: Option<Proxy>, browser: impl Future<Output = Result<B>>) -> Result<Self> {
        let url = proxy.as_ref().map_or_else(|| server.url(), Proxy::url);
        let (device, browser) = tokio::try_join!(Device::create(&url), browser)?;
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
        let browser = self.browser.borrow();
        let mut lending = self.device.lend(arguments).await?;
        browser.enter(&self.url(), &lending.code).await?;
        let words = browser.words().await?;
        let granted = lending.approve(&words).await?;
        browser.screen("session").await?;
        Ok(Look { lending, granted })
    }
}

/// The real server behind a proxy that tampers.
async fn hostile(tamper: Arc<dyn Tamper>, settings: &[&str]) -> Result<(Server, Proxy)> {
    let port = free_port()?;
    // Devices sign in at the address that they know; the proxy's, here.
    let origin = format!("public_origins=http://127.0.0.1:{port}");
    let arguments: Vec<&str> = settings.iter().chain([&&*origin]).flat_map(|&setting| ["--set", setting]).collect();
    let server = Server::with(&arguments).await?;
    let proxy = Proxy::start(port, &server.url(), tamper).await?;
    Ok((server, proxy))
}

/// A session that runs.
#[derive(Debug)]
pub struct Look {
    /// The device's side.
    pub lending: Lending,
    /// The event `granted`.
    pub granted: Value,
}
