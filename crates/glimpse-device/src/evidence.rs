//! The log of a session as a file that anybody checks offline who has the lender's contact card.

use glimpse_core::receipts::{Audit, audit};
use glimpse_wire::account::SignedLink;
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::organisation::Asked;
use glimpse_wire::session::Receipt;
use glimpse_wire::{DeviceId, Malformed, SessionId, SigningKeyBytes, decode, encode};
use minicbor::{Decode, Decoder, Encode};

use crate::account::Device;
use crate::card::ContactCard;
use crate::error::DeviceError;
use crate::sessions::{SessionTrail, Verdict, first_terms, stopper};
use crate::writer::check_card;

/// Form of the file.
const VERSION: u8 = 4;
/// A file, in bytes at most.
pub const MAX_EVIDENCE: usize = 256 * 1024 * 1024;

/// What is in the file: `[4, [* link], device: bytes(32), [* receipt: bytes], [* asked], [* server: bytes(32)]]`, CBOR: the account's chain, the
/// device that lent, receipts as the server wrote them (protocol sections 4 and 7.3), what an agent asked, at most once
/// (6.7), and the signing key of the server that the device had met, at most once.
#[derive(Clone, Debug, Encode)]
pub struct Evidence {
    #[n(0)]
    version: u8,
    #[n(1)]
    links: Vec<SignedLink>,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    receipts: Vec<Bytes>,
    #[n(4)]
    asked: Vec<Asked>,
    #[n(5)]
    server: Vec<SigningKeyBytes>,
}

/// Of exactly these elements, since it travels: what more there is nobody would have checked.
impl<'b, C> Decode<'b, C> for Evidence {
    fn decode(from: &mut Decoder<'b>, with: &mut C) -> Result<Self, minicbor::decode::Error> {
        if from.array()? != Some(6) {
            return Err(minicbor::decode::Error::end_of_input());
        }
        Ok(Self {
            version: Decode::decode(from, with)?,
            links: Decode::decode(from, with)?,
            device: Decode::decode(from, with)?,
            receipts: Decode::decode(from, with)?,
            asked: Decode::decode(from, with)?,
            server: Decode::decode(from, with)?,
        })
    }
}

/// Why a file is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEvidence {
    /// It is no such file.
    #[error("it is no log of a session")]
    Malformed,
    /// The chain in it is not that of the card's account, or none of its devices signed the card.
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
        if evidence.version == VERSION
            && !evidence.receipts.is_empty()
            && evidence.asked.len() <= 1
            && evidence.server.len() <= 1
        {
            Ok(evidence)
        } else {
            Err(NoEvidence::Malformed)
        }
    }

    /// Takes this key for the server's, whatever the file says.
    #[must_use]
    pub fn by_server(mut self, key: SigningKeyBytes) -> Self {
        self.server = vec![key];
        self
    }

    /// Checks that the device that signed is the card's, and every link and signature of the log.
    ///
    /// # Errors
    /// [`NoEvidence::OtherAccount`], [`NoEvidence::Broken`].
    pub fn check(&self, card: &ContactCard) -> Result<SessionTrail, NoEvidence> {
        let chain = Chain::replay(&self.links).map_err(|_| NoEvidence::OtherAccount)?;
        check_card(&chain, card).map_err(|_| NoEvidence::OtherAccount)?;
        // At the head of the first Terms, the device belonged to the account.
        let lender = first_terms(&self.receipts).and_then(|terms| chain.active_at(&self.device, &terms.head));
        let device = &lender.ok_or(NoEvidence::OtherAccount)?.device.signing;
        let session = self.session().ok_or(NoEvidence::Broken { seq: 0 })?;
        let audit: Audit = audit(session, device, &|stop| stopper(&chain, stop), self.server.first(), &self.receipts)
            .map_err(|broken| NoEvidence::Broken { seq: broken.seq })?;
        let verdict = Verdict::of(&audit);
        let asked = self.asked.first().cloned();
        Ok(SessionTrail { session, receipts: self.receipts.clone(), audit: Some(audit), verdict, asked })
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
        let links = self.home.chain().await?.links;
        let device = self.lender(trail.session, &trail.receipts);
        let asked = trail.asked.iter().cloned().collect();
        let server = self.server_key.get().into_iter().collect();
        Ok(Evidence { version: VERSION, links, device, receipts: trail.receipts.clone(), asked, server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_more_or_fewer_elements_is_no_evidence() {
        let evidence = Evidence {
            version: VERSION,
            links: Vec::new(),
            device: DeviceId([1; 32]),
            receipts: vec![Bytes(vec![2])],
            asked: Vec::new(),
            server: vec![SigningKeyBytes([3; 32])],
        };
        let bytes = evidence.to_bytes();
        assert_eq!(bytes.first(), Some(&0x86));
        let of = |head: u8, rest: &[u8], then: &[u8]| Evidence::parse(&[&[head], rest, then].concat()).map(drop);
        let (_, rest) = bytes.split_first().unwrap();
        assert_eq!(of(0x86, rest, &[]), Ok(()), "control");
        assert_eq!(of(0x87, rest, &[0x00]), Err(NoEvidence::Malformed), "a seventh");
        let (five, _) = rest.split_at(rest.len() - 35);
        assert_eq!(of(0x85, five, &[]), Err(NoEvidence::Malformed), "the server's key left out");
        assert_eq!(of(0x86, five, &[0x80]), Ok(()), "control: none was met");
    }
}
