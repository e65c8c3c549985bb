//! Who listens for whatever arrives: bytes of any protocol, by UDP or TCP. What is not HTTP gets past no proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// A port that counts; it closes when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    arrived: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Sink {
    /// Counts datagrams.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn udp() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let arrived = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            let mut datagram = [0; 2048];
            while let Ok(length) = socket.recv(&mut datagram).await {
                count.fetch_add(u32::from(length > 0), Ordering::SeqCst);
            }
        });
        Ok(Self { address, arrived, task })
    }

    /// Counts connections that brought at least a byte.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn tcp() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let arrived = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    if connection.read_u8().await.is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Ok(Self { address, arrived, task })
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How often something arrived.
    #[must_use]
    pub fn arrived(&self) -> u32 {
        self.arrived.load(Ordering::SeqCst)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}
