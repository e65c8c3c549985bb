//! Sessions from outside: which there are, ending one from any process, and their audit trails.

use glimpse_core::receipts::{Audit, audit};
use glimpse_core::session::device::sign_end;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Receipts, SessionSummary, Sessions};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_RECEIPT, MAX_RECEIPTS};
use glimpse_wire::session::{Event, Receipt, Side};
use glimpse_wire::{ErrorCode, Hash, SessionId, decode, encode};

use crate::account::Device;
use crate::api::{bare, json, with_cbor};
use crate::error::DeviceError;
use crate::transport::Method;

/// A page of receipts as it arrives, in bytes.
const MAX_PAGE: usize = 2 * MAX_RECEIPTS * MAX_RECEIPT;
/// A list of sessions as it arrives, in bytes.
const MAX_SESSIONS: usize = 16 * 1024 * 1024;
/// A trail that is kept, in bytes.
const MAX_TRAIL: usize = 256 * 1024 * 1024;

/// The audit trail of a session.
#[derive(Debug)]
pub struct SessionTrail {
    /// Of which.
    pub session: SessionId,
    /// Each a [`Receipt`], by rising number.
    pub receipts: Vec<Bytes>,
    /// What it shows, if it holds: links, and every signature.
    pub audit: Option<Audit>,
}

impl SessionTrail {
    /// The receipts, decoded.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`].
    pub fn decoded(&self) -> Result<Vec<Receipt>, ErrorCode> {
        let decoded = self.receipts.iter().map(|receipt| decode(receipt.as_slice(), MAX_RECEIPT));
        decoded.collect::<Result<_, _>>().map_err(|_| ErrorCode::Malformed)
    }

    /// Whether a device has countersigned it.
    #[must_use]
    pub fn is_countersigned(&self) -> bool {
        self.decoded()
            .is_ok_and(|receipts| receipts.iter().any(|receipt| matches!(receipt.event, Event::Countersigned { .. })))
    }
}

impl Device {
    /// The sessions that run, and those that ended within a day; newest first.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn sessions(&self) -> Result<Vec<SessionSummary>, DeviceError> {
        let response = self.authorised(|token| bare(Method::Get, "/v1/sessions".to_owned()).by(token)).await?;
        let sessions: Sessions = json(response, MAX_SESSIONS).await?;
        Ok(sessions.sessions)
    }

    /// Ends a session of this device, whichever process runs it.
    ///
    /// # Errors
    /// [`DeviceError::Refused`]; a session that is over already is no error.
    pub async fn end_session(&self, session: SessionId) -> Result<(), DeviceError> {
        let signed = sign_end(self.keys().signing(), session, Side::Device, Hash::ZERO, self.machine.now());
        self.end_signed(session, &signed).await
    }

    pub(crate) async fn end_signed(&self, session: SessionId, signed: &Signed) -> Result<(), DeviceError> {
        let body = encode(signed);
        let path = format!("/v1/sessions/{session}/end");
        let ended = self.again_if_lost(|| with_cbor(Method::Post, path.clone(), body.clone())).await;
        match ended {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(is_tombstone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The audit trail of a session: from the server while it has it, otherwise as it was kept here.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when neither has it; [`DeviceError::Refused`].
    pub async fn trail(&self, session: SessionId) -> Result<SessionTrail, DeviceError> {
        let receipts = match self.receipts_after(session, None).await {
            Ok(receipts) if !receipts.is_empty() => {
                self.keep_trail(session, &receipts).await?;
                receipts
            }
            Ok(_) => self.kept_trail(session).await?.ok_or(ErrorCode::NotFound)?,
            Err(error) => match self.kept_trail(session).await? {
                Some(kept) => kept,
                None => return Err(error),
            },
        };
        let audit = audit(session, &self.keys().signing().public(), &receipts).ok();
        Ok(SessionTrail { session, receipts, audit })
    }

    /// Sessions whose trails are kept here.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn kept_trails(&self) -> Result<Vec<SessionId>, DeviceError> {
        Ok(self.home.trails().await?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    pub(crate) async fn receipts_after(
        &self,
        session: SessionId,
        after: Option<u64>,
    ) -> Result<Vec<Bytes>, DeviceError> {
        let mut all: Vec<Bytes> = Vec::new();
        let mut after = after;
        loop {
            let query = after.map_or_else(String::new, |after| format!("?after={after}"));
            let path = format!("/v1/sessions/{session}/receipts{query}");
            let response = self.authorised(|token| bare(Method::Get, path.clone()).by(token)).await?;
            let page: Receipts = json(response, MAX_PAGE).await?;
            let Some(last) = page.receipts.last() else { return Ok(all) };
            let last: Receipt = decode(last.as_slice(), MAX_RECEIPT).map_err(|_| ErrorCode::Malformed)?;
            let more = page.more && after.is_none_or(|after| last.seq > after);
            after = Some(last.seq);
            all.extend(page.receipts);
            if !more {
                return Ok(all);
            }
        }
    }

    pub(crate) async fn countersign(&self, session: SessionId, signed: &Signed) -> Result<(), DeviceError> {
        let body = encode(signed);
        let path = format!("/v1/sessions/{session}/countersign");
        self.authorised(|token| with_cbor(Method::Post, path.clone(), body.clone()).by(token)).await?;
        Ok(())
    }

    /// Keeps a trail, unless a longer one is kept already.
    pub(crate) async fn keep_trail(&self, session: SessionId, receipts: &[Bytes]) -> Result<(), DeviceError> {
        let kept = self.kept_trail(session).await?.map_or(0, |kept| kept.len());
        if receipts.len() > kept {
            self.home.store_trail(&session.to_string(), &encode(&receipts.to_vec())).await?;
        }
        Ok(())
    }

    async fn kept_trail(&self, session: SessionId) -> Result<Option<Vec<Bytes>>, DeviceError> {
        let Some(bytes) = self.home.trail(&session.to_string()).await? else { return Ok(None) };
        decode(&bytes, MAX_TRAIL).map(Some).map_err(|_| DeviceError::Damaged("receipts"))
    }
}

/// Whether a code is the reason of a session that is over.
fn is_tombstone(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SessionEnded | ErrorCode::SessionExpired | ErrorCode::SessionRevoked | ErrorCode::SessionIdle
    )
}
