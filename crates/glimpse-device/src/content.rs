//! Opening content as it arrives: one chunk in memory, nothing given out before its tag was checked. The tag tells who had
//! the key, which for a record that was lent by its key is more than the owner; that the whole is the owner's shows at the
//! last chunk, against the signed Merkle root.

use core::fmt;

use futures_util::StreamExt;
use glimpse_core::record::OpenedVersion;
use glimpse_core::secret::{Plaintext, ServerShare};
use glimpse_core::stream::ContentOpener;
use glimpse_wire::ErrorCode;
use glimpse_wire::api::Share;
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::size::SEALED_CHUNK;

use crate::account::Device;
use crate::api::{bare, json};
use crate::error::DeviceError;
use crate::transport::{BodyStream, Method};

/// How often in a row a broken download is taken up again.
const RESUMES: u32 = 4;
/// Wait before that, in milliseconds.
const RESUME_WAIT: u64 = 500;

/// Content on its way from the server.
pub struct Reading<'d> {
    device: &'d Device,
    path: String,
    opener: ContentOpener,
    body: Option<BodyStream>,
    pending: Vec<u8>,
    resumes: u32,
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading({:?})", self.opener)
    }
}

impl Device {
    /// Begins to read the content of a version.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`] for a wrong share; [`DeviceError::Refused`].
    pub async fn reading(&self, version: &OpenedVersion) -> Result<Reading<'_>, DeviceError> {
        let share = self.record_share(version).await?;
        Ok(Reading {
            device: self,
            path: format!("/v1/contents/{}", version.envelope().header.h0()),
            opener: version.open_content(&share)?,
            body: None,
            pending: Vec::new(),
            resumes: 0,
        })
    }

    /// Opens the content of a version; gives each piece to `sink`, in order.
    ///
    /// # Errors
    /// As [`Reading::next`]; whatever `sink` gives. What `sink` took before came from somebody with
    /// the content key; only `Ok` says that all of it is what the author signed.
    pub async fn read(
        &self,
        version: &OpenedVersion,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let mut reading = self.reading(version).await?;
        while let Some(piece) = reading.next().await? {
            sink(&piece)?;
        }
        Ok(())
    }

    /// The server's share of a version. The server counts and logs it before it gives it.
    pub(crate) async fn record_share(&self, version: &OpenedVersion) -> Result<ServerShare, DeviceError> {
        let header = &version.envelope().header;
        let path = format!("/v1/records/{}/versions/{}/share", header.record, header.version);
        let response = self.authorised(|token| bare(Method::Post, path.clone()).by(token)).await?;
        let share: Share = json(response, MAX_JSON).await?;
        Ok(ServerShare::from_wire(&share.share))
    }
}

impl Reading<'_> {
    /// The next piece; nothing after the last. A connection that breaks is taken up again where it stopped.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`]; [`DeviceError::Refused`].
    pub async fn next(&mut self) -> Result<Option<Plaintext>, DeviceError> {
        loop {
            match self.step().await {
                Err(error) if error.code() == Some(ErrorCode::ServerUnreachable) && self.resumes < RESUMES => {
                    self.resumes = self.resumes.saturating_add(1);
                    self.body = None;
                    self.pending.clear();
                    self.device.machine.sleep(RESUME_WAIT).await;
                }
                Ok(piece) => {
                    self.resumes = 0;
                    return Ok(piece);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Plaintext>, DeviceError> {
        if self.opener.is_done() {
            return Ok(None);
        }
        if self.body.is_none() {
            self.body = Some(self.ask().await?);
        }
        let next = usize::try_from(self.opener.next_len()).map_err(|_| ErrorCode::RecordTampered)?;
        while self.pending.len() < next {
            // Cut off by the network or by the server: asked for again, and named if it stays so.
            let body = self.body.as_mut().ok_or(ErrorCode::ServerUnreachable)?;
            let piece = body.next().await.ok_or(ErrorCode::ServerUnreachable)??;
            self.pending.extend_from_slice(&piece);
        }
        let later = self.pending.split_off(next);
        let piece = self.opener.open(core::mem::replace(&mut self.pending, later))?;
        if self.opener.is_done() && !self.pending.is_empty() {
            return Err(ErrorCode::RecordTampered.into());
        }
        Ok(Some(piece))
    }

    /// Everything from the next chunk on.
    async fn ask(&self) -> Result<BodyStream, DeviceError> {
        let from = self.opener.next_chunk().saturating_mul(SEALED_CHUNK);
        let asked = self.device.authorised(|token| {
            let mut request = bare(Method::Get, self.path.clone()).by(token);
            request.range = (from > 0).then_some((from, None));
            request
        });
        Ok(asked.await?.body)
    }
}
