//! Opening content as it arrives: one chunk in memory, nothing given out before its tag was checked.

use futures_util::StreamExt;
use glimpse_core::record::OpenedVersion;
use glimpse_core::secret::ServerShare;
use glimpse_core::stream::ContentOpener;
use glimpse_wire::ErrorCode;
use glimpse_wire::api::Share;
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::size::SEALED_CHUNK;

use crate::account::Device;
use crate::api::{bare, json};
use crate::error::DeviceError;
use crate::transport::Method;

/// How often a broken download is taken up again.
const RESUMES: u32 = 4;
/// Wait before that, in milliseconds.
const RESUME_WAIT: u64 = 500;

impl Device {
    /// Opens the content of a version; gives each piece to `sink`, in order.
    ///
    /// # Errors
    /// [`ErrorCode::RecordTampered`]; whatever `sink` gives; [`DeviceError::Refused`]. What `sink` took before is
    /// authentic, but not the whole.
    pub async fn read(
        &self,
        version: &OpenedVersion,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let share = self.record_share(version).await?;
        let mut opener = version.open_content(&share)?;
        let path = format!("/v1/contents/{}", version.envelope().header.h0());
        let mut resumes = 0u32;
        loop {
            let arrived = self.read_on(&path, &mut opener, sink).await;
            match arrived {
                Ok(()) => return Ok(()),
                Err(error) if error.code() == Some(ErrorCode::ServerUnreachable) && resumes < RESUMES => {
                    resumes = resumes.saturating_add(1);
                    self.machine.sleep(RESUME_WAIT).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// From the next chunk on, to the end.
    async fn read_on(
        &self,
        path: &str,
        opener: &mut ContentOpener,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let from = opener.next_chunk().saturating_mul(SEALED_CHUNK);
        let response = self
            .authorised(|token| {
                let mut request = bare(Method::Get, path.to_owned()).by(token);
                request.range_from = (from > 0).then_some(from);
                request
            })
            .await?;
        let mut body = response.body;
        let mut pending: Vec<u8> = Vec::new();
        while let Some(piece) = body.next().await {
            pending.extend_from_slice(&piece?);
            while !opener.is_done() {
                let next = usize::try_from(opener.next_len()).map_err(|_| ErrorCode::RecordTampered)?;
                if pending.len() < next {
                    break;
                }
                let later = pending.split_off(next);
                let opened = opener.open(core::mem::replace(&mut pending, later))?;
                sink(&opened)?;
            }
            if opener.is_done() && !pending.is_empty() {
                return Err(ErrorCode::RecordTampered.into());
            }
        }
        // Cut off by the network or by the server: asked for again, and named if it stays so.
        if opener.is_done() { Ok(()) } else { Err(ErrorCode::ServerUnreachable.into()) }
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
