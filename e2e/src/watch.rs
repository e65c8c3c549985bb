//! A watch: a device that has nothing but the socket of a phone's `glimpse relay`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::device::{Device, Lending};
use crate::linking::Linked;
use crate::server::Server;

/// An origin that leads nowhere: whoever connects to it is counted and gets nothing.
///
/// The server knows itself under this origin too, so that what a watch signs for it holds; the only way from there to the
/// server is the one that does not go by the address.
#[derive(Debug)]
pub struct Nowhere {
    origin: String,
    reached: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Nowhere {
    /// Takes a port and keeps it.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn new() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let reached = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reached);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Self { origin, reached, task })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How often somebody connected.
    #[must_use]
    pub fn reached(&self) -> u32 {
        self.reached.load(Ordering::SeqCst)
    }
}

impl Drop for Nowhere {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server, a phone with an account, and a home for a watch that knows the server by an origin that leads nowhere.
#[derive(Debug)]
pub struct Wrist {
    /// The watch.
    pub watch: Device,
    /// The phone.
    pub phone: Device,
    /// The address that the watch has.
    pub nowhere: Nowhere,
    /// The real server.
    pub server: Server,
}

impl Wrist {
    /// All but the socket between them.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn new() -> Result<Self> {
        let nowhere = Nowhere::new().await?;
        let server = Server::known_as(&[nowhere.origin()]).await?;
        let phone = Device::create(&server.url()).await?;
        let watch = Device::blank(nowhere.origin()).await?;
        Ok(Self { watch, phone, nowhere, server })
    }

    /// Where the phone's socket is.
    #[must_use]
    pub fn socket(&self) -> String {
        self.phone.folder().join("phone.sock").display().to_string()
    }

    /// Starts `glimpse relay` on the phone.
    ///
    /// # Errors
    /// When it does not come to carry.
    pub async fn relay(&self) -> Result<Lending> {
        let mut relay = self.phone.begin(&["relay", "--socket", &self.socket()])?;
        relay.event("relay").await?;
        Ok(relay)
    }

    /// Links the watch to the account, by way of the socket.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn link(&self) -> Result<Linked> {
        self.phone.link(&self.watch, &["--phone", &self.socket(), "--name", "Wristlet", "--serial", "SN-778-112"]).await
    }
}
