//! Messages over a byte stream of this machine: a length of four bytes, big-endian, and so many bytes.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

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

/// One end of a stream whose other end is still to come: what is sent before waits for it.
#[derive(Debug)]
pub struct Awaited {
    /// Until the one other end is there; no second is taken.
    waiting: Option<(UnixListener, Named)>,
    unsent: VecDeque<Vec<u8>>,
    here: Option<Framed>,
}

impl Awaited {
    /// Makes a socket at `path`, for its owner alone, which goes when the other end has come, or with this.
    ///
    /// # Errors
    /// Of the file system.
    pub fn listen(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let named = Named(path.to_owned());
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Self { waiting: Some((listener, named)), unsent: VecDeque::new(), here: None })
    }

    /// The stream, once the other end has come and has what was sent before. Dropping the future loses nothing: a new
    /// stream takes those few frames whole or, where the runtime puts it off, not at all.
    async fn come(&mut self) -> io::Result<&mut Framed> {
        if let Some((listener, _)) = &self.waiting {
            let (stream, _) = listener.accept().await?;
            self.here = Some(Framed::new(stream));
            self.waiting = None;
        }
        let here = self.here.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        while let Some(frame) = self.unsent.front() {
            here.send(frame.clone()).await.map_err(|Unreachable| io::ErrorKind::BrokenPipe)?;
            self.unsent.pop_front();
        }
        Ok(here)
    }
}

impl Socket for Awaited {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            if self.waiting.is_some() {
                self.unsent.push_back(frame);
                return Ok(());
            }
            self.come().await.map_err(|_| Unreachable)?.send(frame).await
        })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move { self.come().await.ok()?.receive().await })
    }
}

/// A socket's name in the file system.
#[derive(Debug)]
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        // One that cannot be removed leads nowhere.
        let _gone = std::fs::remove_file(&self.0);
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
