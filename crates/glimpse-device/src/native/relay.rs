//! The phone's part for a watch: it carries bytes between a local stream and its server, and knows nothing of them.
//!
//! The far end of the stream is a device of its own: it speaks TLS with the server through this, where the server has it,
//! and signs each request. Whoever carries can drop and delay, neither read what is sealed nor make a request.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener, UnixStream};

use super::http::{BadOrigin, parse_origin};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams that are carried at one time; one more waits.
const STREAMS: usize = 32;

/// A local socket that leads to one server, and nowhere else.
#[derive(Debug)]
pub struct Relay {
    listener: UnixListener,
    path: PathBuf,
    server: (String, u16),
}

impl Relay {
    /// Listens on a Unix socket at `path`, for its owner alone, and leads to the server at `address`. A socket that an
    /// earlier relay left is replaced; one that somebody answers on is not, and neither is any other file.
    ///
    /// # Errors
    /// Of the file system; an address that is no server's.
    pub async fn listen(path: &Path, address: &str) -> io::Result<Self> {
        let server = host_of(address).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if let Ok(there) = std::fs::symlink_metadata(path) {
            let is_socket = std::os::unix::fs::FileTypeExt::is_socket(&there.file_type());
            if !is_socket || UnixStream::connect(path).await.is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another relay answers there, or it is no socket",
                ));
            }
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner_only)?;
        Ok(Self { listener, path: path.to_owned(), server })
    }

    /// Carries until it is dropped. `carried` is told of each stream that begins.
    ///
    /// # Errors
    /// Of the socket that it listens on.
    pub async fn run(&self, mut carried: impl FnMut()) -> io::Result<()> {
        let mut streams = tokio::task::JoinSet::new();
        loop {
            while streams.len() >= STREAMS {
                let _over = streams.join_next().await;
            }
            let (near, _) = self.listener.accept().await?;
            carried();
            streams.spawn(carry(near, self.server.clone()));
            while streams.try_join_next().is_some() {}
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // One that is gone already, or that cannot be removed, is replaced by the next relay.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// Carries one stream until either end closes it. A server that cannot be reached closes it at once.
async fn carry(mut near: UnixStream, (host, port): (String, u16)) {
    let connecting = TcpStream::connect((host.as_str(), port));
    let Ok(Ok(mut far)) = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await else { return };
    // Either end may break off at any time; the two ends notice by themselves.
    let _over = copy_bidirectional(&mut near, &mut far).await;
}

fn host_of(address: &str) -> Result<(String, u16), BadOrigin> {
    let origin = parse_origin(address)?;
    let url = reqwest::Url::parse(&origin).map_err(|_| BadOrigin::Malformed)?;
    let host = url.host_str().ok_or(BadOrigin::Malformed)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or(BadOrigin::Malformed)?;
    Ok((host, port))
}
