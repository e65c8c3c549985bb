//! Messages over a byte stream of this machine: a length of four bytes, big-endian, and so many bytes.

use std::io;
use std::path::Path;

use glimpse_wire::limits::MAX_FRAME;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::Local;
use crate::transport::{Socket, Unreachable};

/// One end of a stream.
#[derive(Debug)]
pub struct Framed {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// What was read of a frame so far: waiting for the rest can be broken off.
    partial: Vec<u8>,
}

impl Framed {
    /// Waits at `path` for the one other end, and takes no second.
    ///
    /// # Errors
    /// Of the file system.
    pub async fn accept(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        // Nobody else is to find it, whatever comes of it, and be it that the waiting is broken off.
        let named = Named(path);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let (stream, _) = listener.accept().await?;
        drop(named);
        Ok(Self::new(stream))
    }

    /// Connects to the other end at `path`.
    ///
    /// # Errors
    /// Of the file system.
    pub async fn connect(path: &Path) -> io::Result<Self> {
        Ok(Self::new(UnixStream::connect(path).await?))
    }

    fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, partial: Vec::new() }
    }

    /// Bytes of a whole frame, its length included, as far as that is known.
    fn wanted(&self) -> Option<usize> {
        let Some((length, _)) = self.partial.split_first_chunk::<4>() else { return Some(4) };
        let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_FRAME)?;
        length.checked_add(4)
    }
}

/// A socket's name in the file system, for as long as it waits.
struct Named<'p>(&'p Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        // One that cannot be removed leads nowhere.
        let _gone = std::fs::remove_file(self.0);
    }
}

impl Socket for Framed {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let length = u32::try_from(frame.len()).map_err(|_| Unreachable)?;
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend_from_slice(&frame);
            self.writer.write_all(&bytes).await.map_err(|_| Unreachable)
        })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            loop {
                // A length beyond the limit ends it.
                let wanted = self.wanted()?;
                if wanted > 4 && self.partial.len() >= wanted {
                    let mut frame = core::mem::take(&mut self.partial);
                    return Some(frame.split_off(4));
                }
                let mut piece = vec![0; wanted.saturating_sub(self.partial.len()).max(1)];
                // Dropping this future loses nothing: what was read stays in the buffer or is in `partial`.
                let read = self.reader.read(&mut piece).await.ok().filter(|read| *read > 0)?;
                piece.truncate(read);
                self.partial.extend_from_slice(&piece);
                if wanted == 4 && self.partial.len() == 4 && self.partial == [0; 4] {
                    self.partial.clear();
                    return Some(Vec::new());
                }
            }
        })
    }
}
