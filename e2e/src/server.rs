//! The real server: its own binary, a folder of its own, a port of its own.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Program, dist, own};
use crate::wait::until;

/// Ports below those that systems give to connections that go out: none of these takes one between here and its use.
const FIRST_PORT: u16 = 16_000;
const END_OF_PORTS: u16 = FIRST_PORT + (1 << 14);

/// A port that nobody listens on. Where a search begins is drawn, since tests run side by side.
///
/// # Errors
/// When all are taken.
pub fn free_port() -> Result<u16> {
    let [high, low, ..] = RandomState::new().hash_one(()).to_be_bytes();
    let begin = FIRST_PORT.saturating_add(u16::from_be_bytes([high, low]) >> 2);
    let mut ports = (begin..END_OF_PORTS).chain(FIRST_PORT..begin);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).context("no port is free")
}

/// A running `glimpse-server`.
#[derive(Debug)]
pub struct Server {
    process: Program,
    address: SocketAddr,
    arguments: Vec<String>,
    /// What the server wrote to its log before it was started again.
    earlier: String,
    folder: TempDir,
}

impl Server {
    /// The page and the API on one origin.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// The same, with more arguments for `serve`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with(more: &[&str]) -> Result<Self> {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)), more).await
    }

    /// A server that devices reach under other origins as well.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn known_as(others: &[&str]) -> Result<Self> {
        Self::known_as_with(others, &[]).await
    }

    /// The same, with settings: `name=value`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn known_as_with(others: &[&str], settings: &[&str]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let origins = format!("public_origins=http://{address},{}", others.join(","));
        let all: Vec<&str> = [origins.as_str()].iter().chain(settings).flat_map(|each| ["--set", *each]).collect();
        Self::at(address, &all).await
    }

    /// A server that a browser reaches under a name as well, as passkeys need it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn named() -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let origins = format!("public_origins=http://{address},http://localhost:{}", address.port());
        Self::at(address, &["--set", &origins]).await
    }

    /// `http://localhost:<port>`.
    #[must_use]
    pub fn named_url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    async fn at(address: SocketAddr, more: &[&str]) -> Result<Self> {
        crate::provide_tls();
        let folder = tempfile::tempdir()?;
        let key = key_file(&folder);
        let made = Command::new(own("glimpse-server")?).args(["keygen", &key]).output().await?;
        ensure!(made.status.success(), "keygen: {}", String::from_utf8_lossy(&made.stderr));
        let data = folder.path().join("data").display().to_string();
        let site = dist()?.display().to_string();
        let listen = address.to_string();
        let own = ["serve", "--listen", &listen, "--data", &data, "--key-file", &key, "--site", &site];
        let arguments: Vec<String> = own.iter().chain(more).map(|&word| word.to_owned()).collect();
        let process = launch(&arguments).await?;
        let mut server = Self { process, address, arguments, earlier: String::new(), folder };
        server.ready().await?;
        Ok(server)
    }

    async fn ready(&mut self) -> Result<()> {
        let url = format!("{}/readyz", self.url());
        let ready = until("the server is ready", async || {
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        });
        ready.await.with_context(|| self.process.complaints())
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it holds: data folder and key file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// All that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        format!("{}{}", self.earlier, self.process.complaints())
    }

    /// Kills it without a chance to finish anything.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await
    }

    /// Holds it still: its connections stay, and nobody hears from it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn thaw(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Starts it again on the same port over the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn resume(&mut self) -> Result<()> {
        self.earlier = self.log();
        self.process = launch(&self.arguments).await?;
        self.ready().await
    }

    /// Its operator lost the key that it signs with, and goes on with another one.
    ///
    /// # Errors
    /// When there is none, and what the server says.
    pub async fn sign_with_another_key(&mut self) -> Result<()> {
        self.kill().await?;
        std::fs::remove_file(self.data().join("signing-key"))?;
        let data = self.data().display().to_string();
        let key = key_file(&self.folder);
        let arguments = ["accept-signing-key", "--data", &data, "--key-file", &key];
        let accepted = Command::new(own("glimpse-server")?).args(arguments).output().await?;
        ensure!(accepted.status.success(), "accept-signing-key: {}", String::from_utf8_lossy(&accepted.stderr));
        self.resume().await
    }
}

fn key_file(folder: &TempDir) -> String {
    folder.path().join("glimpse.key").display().to_string()
}

async fn launch(arguments: &[String]) -> Result<Program> {
    Program::start(Command::new(own("glimpse-server")?).args(arguments))
}
