//! The log of a session as a file that anybody checks offline who has the lender's contact card.

use glimpse_core::receipts::{Audit, audit};
use glimpse_wire::account::{Card, Genesis, SignedLink};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::Receipt;
use glimpse_wire::{Malformed, SessionId, decode, encode};
use minicbor::{Decode, Encode};

use crate::account::Device;
use crate::card::ContactCard;
use crate::error::DeviceError;
use crate::sessions::{SessionTrail, Verdict};
use crate::writer::is_about;

/// Form of the file.
const VERSION: u8 = 1;
/// A file, in bytes at most.
pub const MAX_EVIDENCE: usize = 256 * 1024 * 1024;

/// What is in the file: `[1, link, [* receipt: bytes]]`, CBOR, where `link` is the account's genesis link and a receipt is
/// as the server wrote it (protocol sections 4 and 7.3).
#[derive(Clone, Debug, Encode, Decode)]
pub struct Evidence {
    #[n(0)]
    version: u8,
    #[n(1)]
    link: SignedLink,
    #[n(2)]
    receipts: Vec<Bytes>,
}

/// Why a file is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEvidence {
    /// It is no such file.
    #[error("it is no log of a session")]
    Malformed,
    /// The link in it is not that of the card's account, or the device that it names did not sign the card.
    #[error("it is not about the account of this card")]
    OtherAccount,
    /// A receipt does not hold.
    #[error("receipt {seq} does not hold")]
    Broken {
        /// The first that does not, counted from zero.
        seq: u64,
    },
}

impl Evidence {
    /// As a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// From a file. Nothing in it is checked yet.
    ///
    /// # Errors
    /// [`NoEvidence::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoEvidence> {
        let evidence: Self = decode(bytes, MAX_EVIDENCE).map_err(|Malformed| NoEvidence::Malformed)?;
        if evidence.version == VERSION && !evidence.receipts.is_empty() {
            Ok(evidence)
        } else {
            Err(NoEvidence::Malformed)
        }
    }

    /// Checks that the device that signed is the card's, and every link and signature of the log.
    ///
    /// # Errors
    /// [`NoEvidence::OtherAccount`], [`NoEvidence::Broken`].
    pub fn check(&self, card: &ContactCard) -> Result<SessionTrail, NoEvidence> {
        let genesis = Genesis::verify(&self.link).map_err(|_| NoEvidence::OtherAccount)?;
        let device = &genesis.device.signing;
        let signed: Card = card.signed().open(StatementKind::Card, device).map_err(|_| NoEvidence::OtherAccount)?;
        is_about(&signed.statement, &genesis).map_err(|_| NoEvidence::OtherAccount)?;
        let session = self.session().ok_or(NoEvidence::Broken { seq: 0 })?;
        let audit: Audit =
            audit(session, device, &self.receipts).map_err(|broken| NoEvidence::Broken { seq: broken.seq })?;
        let verdict = Verdict::of(&audit);
        Ok(SessionTrail { session, receipts: self.receipts.clone(), audit: Some(audit), verdict })
    }

    /// That of the first receipt; the others must have the same.
    fn session(&self) -> Option<SessionId> {
        let first: Receipt = decode(self.receipts.first()?.as_slice(), MAX_RECEIPT).ok()?;
        Some(first.session)
    }
}

impl Device {
    /// A log with what others need to check it.
    ///
    /// # Errors
    /// [`DeviceError::NoAccount`], [`DeviceError::Storage`], [`DeviceError::Damaged`].
    pub async fn evidence(&self, trail: &SessionTrail) -> Result<Evidence, DeviceError> {
        let link = self.home.profile().await?.ok_or(DeviceError::NoAccount)?.link;
        Ok(Evidence { version: VERSION, link, receipts: trail.receipts.clone() })
    }
}
