//! Making units: a record's content opened and sealed again for one session, on its way from the server to the server,
//! in memory bounded by a few chunks.

use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::SinkExt;
use glimpse_core::record::OpenedVersion;
use glimpse_core::secret::ServerShare;
use glimpse_core::session::device::Cuts;
use glimpse_core::session::device::UnitSealer;
use glimpse_wire::api::{OCTETS, ShareScope};
use glimpse_wire::session::UnitEnvelope;
use glimpse_wire::size::sealed;
use glimpse_wire::{ErrorCode, Salt, SessionId, UnitId, encode};

use crate::account::Device;
use crate::api::bare;
use crate::error::DeviceError;
use crate::transport::{Body, Credential, Method, Request, Unreachable};

/// Sealed chunks that wait for the network.
const CHUNKS_AHEAD: usize = 4;

/// What is needed before a unit can be sealed.
pub(super) struct Shares {
    pub(super) salt: Salt,
    /// The unit's.
    pub(super) unit: ServerShare,
    /// The record's, for a unit that lends by key.
    pub(super) record: Option<ServerShare>,
}

/// Fetches what is needed before a unit can be sealed.
pub(super) async fn shares(
    device: &Device,
    session: SessionId,
    unit: UnitId,
    salt: Salt,
    by_key: Option<Rc<OpenedVersion>>,
) -> Result<Shares, DeviceError> {
    let scope = ShareScope::Session { session, unit, salt };
    let minted = device.mint(vec![scope]).await?.pop().ok_or(ErrorCode::Malformed)?;
    let record = match by_key {
        Some(version) => Some(device.record_share(&version).await?),
        None => None,
    };
    Ok(Shares { salt, unit: ServerShare::from_wire(&minted.share), record })
}

/// Opens the record's content and uploads it sealed anew, without what is cut out of it.
pub(super) async fn reseal(
    device: &Device,
    version: Rc<OpenedVersion>,
    cuts: Option<Rc<Cuts>>,
    mut sealer: UnitSealer,
) -> Result<(), DeviceError> {
    let envelope = *sealer.envelope();
    let mut reading = device.reading(&version).await?;
    let (mut chunks, arriving) = mpsc::channel(CHUNKS_AHEAD);
    let request = upload(&envelope, device.credential().await?, arriving)?;
    let front = front(&envelope)?;
    let sealing = async {
        // An error of `None`: nobody takes the chunks any more, and the request knows why.
        let sealed: Result<(), Option<DeviceError>> = async {
            chunks.send(Ok(front)).await.map_err(|_| None)?;
            let (mut ready, mut offset) = (Vec::new(), 0u64);
            while let Some(piece) = reading.next().await.map_err(Some)? {
                let mut push = |kept: &[u8]| {
                    sealer
                        .push(kept, &mut |chunk| ready.push(chunk))
                        .map_err(|_| Some(ErrorCode::RecordTampered.into()))
                };
                match &cuts {
                    Some(cuts) => cuts.keep(offset, &piece).try_for_each(push)?,
                    None => push(&piece)?,
                }
                offset = offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                for chunk in ready.drain(..) {
                    chunks.send(Ok(chunk)).await.map_err(|_| None)?;
                }
            }
            sealer.finish(&mut |chunk| ready.push(chunk)).map_err(|_| Some(ErrorCode::RecordTampered.into()))?;
            for chunk in ready {
                chunks.send(Ok(chunk)).await.map_err(|_| None)?;
            }
            Ok(())
        }
        .await;
        if matches!(sealed, Err(Some(_))) {
            let _gone = chunks.send(Err(Unreachable)).await;
        }
        drop(chunks);
        sealed
    };
    let (sent, sealed) = futures_util::future::join(device.api.call(request), sealing).await;
    match (sent, sealed) {
        (_, Err(Some(error))) | (Err(error), _) => Err(error),
        (Ok(_), Ok(())) => Ok(()),
        (Ok(_), Err(None)) => Err(ErrorCode::Malformed.into()),
    }
}

/// Uploads a unit that is sealed already: the key of a blob.
pub(super) async fn put_key(device: &Device, envelope: UnitEnvelope, sealed: Vec<u8>) -> Result<(), DeviceError> {
    let mut body = front(&envelope)?;
    body.extend_from_slice(&sealed);
    let token = device.credential().await?;
    device
        .again_if_lost(|| {
            let mut request = request(&envelope).by(token);
            request.body = Body::Bytes(body.clone());
            request
        })
        .await?;
    Ok(())
}

fn request(envelope: &UnitEnvelope) -> Request {
    let path = format!("/v1/sessions/{}/units/{}", envelope.session, envelope.unit);
    let mut request = bare(Method::Put, path);
    request.content_type = Some(OCTETS);
    request
}

fn upload(
    envelope: &UnitEnvelope,
    token: Credential,
    chunks: mpsc::Receiver<Result<Vec<u8>, Unreachable>>,
) -> Result<Request, DeviceError> {
    let front = u64::try_from(front(envelope)?.len()).map_err(|_| ErrorCode::Internal)?;
    let mut request = request(envelope).by(token);
    request.body = Body::Chunks { length: front.saturating_add(sealed(envelope.size)), chunks };
    Ok(request)
}

/// Length of the envelope (u32, big-endian), envelope.
fn front(envelope: &UnitEnvelope) -> Result<Vec<u8>, DeviceError> {
    let envelope = encode(envelope);
    let length = u32::try_from(envelope.len()).map_err(|_| ErrorCode::Internal)?;
    let mut front = length.to_be_bytes().to_vec();
    front.extend_from_slice(&envelope);
    Ok(front)
}
