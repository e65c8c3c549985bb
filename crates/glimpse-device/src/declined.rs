//! Requests of agents that came to nothing: the user declined, or gave no answer, or the agent broke off.
//!
//! The server has no part in them: it writes receipts of sessions, and there was none. What the agent signed in the pairing is
//! kept on this device alone, and proves by itself who asked and why; that it was declined is this device's own word.

use core::cmp::Reverse;

use glimpse_core::pairing::device::KeyConfirmed;
use glimpse_wire::limits::MAX_MESSAGE;
use glimpse_wire::organisation::{Asked, CredentialFault, Request};
use glimpse_wire::{ErrorCode, SessionId, SigningKeyBytes, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};
use serde_json::{Value, json};

use crate::account::Device;
use crate::error::DeviceError;

/// Form of the file.
const VERSION: u8 = 1;
/// A file, in bytes at most.
const MAX_FILE: usize = 2 * MAX_MESSAGE;

/// A request that came to nothing, as it is kept: `[1, at, error: uint, viewer: bytes(32), asked]`, CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Declined {
    #[n(0)]
    version: u8,
    /// When, by this device's clock.
    #[n(1)]
    pub at: UnixMillis,
    /// Why: [`ErrorCode::Declined`], [`ErrorCode::ApprovalTimedOut`], or what the other end said.
    #[n(2)]
    pub code: ErrorCode,
    /// The session key of the browser that asked.
    #[n(3)]
    viewer: SigningKeyBytes,
    /// What was asked, with its signatures.
    #[n(4)]
    asked: Asked,
}

impl Declined {
    /// The session that would have begun.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.asked.session()
    }

    /// Who asked and why, with every signature in it. Whether the organisation is known is another question.
    ///
    /// # Errors
    /// [`CredentialFault`] where it cannot be shown who.
    pub fn request(&self) -> Result<Request, CredentialFault> {
        self.asked.check_by(&self.viewer)
    }

    /// For programs: from request to decline, one object.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut event = json!({
            "event": "declined",
            "session": self.session().to_string(),
            "at": self.at,
            "code": self.code.slug(),
            "verified": self.request().is_ok(),
        });
        if let (Ok(request), Some(event)) = (self.request(), event.as_object_mut()) {
            let Request { credential, case, reason, words } = request;
            let told = json!({
                "organisation": credential.organisation.to_string(),
                "agent": credential.agent.to_string(),
                "name": credential.name,
                "case": case,
                "reason": reason,
                "words": words.join(" "),
            });
            event.extend(told.as_object().cloned().unwrap_or_default());
        }
        event
    }
}

impl Device {
    /// Keeps what an agent asked that came to nothing.
    pub(crate) async fn keep_declined(&self, confirmed: &KeyConfirmed, code: ErrorCode) -> Result<(), DeviceError> {
        let Some(asked) = confirmed.asked() else { return Ok(()) };
        let (at, viewer, asked) = (self.machine.now(), confirmed.peer().signing, asked.clone());
        let declined = Declined { version: VERSION, at, code, viewer, asked };
        Ok(self.home.store_declined(&confirmed.session().to_string(), &encode(&declined)).await?)
    }

    /// Requests of agents that came to nothing, newest first. What cannot be read is left out: it proves nothing.
    ///
    /// # Errors
    /// [`DeviceError::Storage`].
    pub async fn declined(&self) -> Result<Vec<Declined>, DeviceError> {
        let mut all = Vec::new();
        for session in self.home.declined().await? {
            let Some(bytes) = self.home.declined_request(&session).await? else { continue };
            let declined = decode::<Declined>(&bytes, MAX_FILE).ok();
            all.extend(declined.filter(|declined| declined.version == VERSION));
        }
        all.sort_by_key(|declined| Reverse((declined.at, declined.session())));
        Ok(all)
    }
}
