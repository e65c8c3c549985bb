//! The writer's side: a third party that holds an account's contact card, and no key of it, appends a record.

use core::fmt;
use std::rc::Rc;

use glimpse_core::kem::KemPublic;
use glimpse_core::keys::WriterKeys;
use glimpse_core::record::{Author, Draft, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_wire::account::{Card, Genesis, HeadStatement, Signed, SignedLink};
use glimpse_wire::api::{Chain, Info, Minted, SignedJson, WriterMint};
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, HEAD_STATEMENT_MILLIS, MAX_JSON, MAX_LINK};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{ErrorCode, RecordId, SUITE, UnixMillis, decode};

use crate::account::LOST_ANSWER_WAITS;
use crate::api::{Api, bare, json, with_cbor, with_json};
use crate::card::ContactCard;
use crate::error::DeviceError;
use crate::publish::{NewContent, Upload, seal_error};
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Method, Transport};

/// A chain as it arrives, in bytes.
const MAX_CHAIN: usize = 1024 * 1024;

/// A writer, and its way to the server of an account.
pub struct Writer {
    api: Api,
    machine: Rc<dyn Surroundings>,
    keys: WriterKeys,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({})", self.keys.id())
    }
}

impl Writer {
    /// Over a transport to the server that the card names.
    #[must_use]
    pub fn new(transport: Rc<dyn Transport>, machine: Rc<dyn Surroundings>, keys: WriterKeys) -> Self {
        Self { api: Api::new(transport), machine, keys }
    }

    /// What the server tells of itself.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn info(&self) -> Result<Info, DeviceError> {
        json(self.api.call(bare(Method::Get, "/v1/info".to_owned())).await?, MAX_JSON).await
    }

    /// Seals a record to the account of `card` and submits it. The owner sees it as from this writer, not approved.
    ///
    /// # Errors
    /// [`ErrorCode::ChainForked`], [`ErrorCode::ChainRolledBack`] when the server's chain is not the card's;
    /// [`DeviceError::StaleHead`]; [`DeviceError::Content`]; [`DeviceError::Refused`]. Nothing was submitted then.
    pub async fn write(&self, card: &ContactCard, content: NewContent<'_>) -> Result<RecordId, DeviceError> {
        let recipient = self.recipient(card).await?;
        let mut rng = SystemRng(&*self.machine);
        let author = Author::Writer(&self.keys);
        let place = Place::new_record(&mut rng);
        let now = self.machine.now();
        let draft = Draft::new(&recipient, place, author, now, content.length, &mut rng).map_err(seal_error)?;
        let (h0, size) = (draft.header().h0(), draft.header().size);
        let mint = WriterMint {
            suite: SUITE,
            account: recipient.account,
            writer: self.keys.signing().public(),
            record: place.record,
            h0,
            at: now,
        };
        let signed: SignedJson = self.keys.signing().sign_statement(StatementKind::WriterMint, &mint).into();
        let request = with_json(Method::Post, "/v1/writes/shares".to_owned(), &signed);
        let minted: Minted = json(self.api.call(request).await?, MAX_JSON).await?;
        let (Some(share), Some(token)) = (minted.shares.first(), minted.upload) else {
            return Err(ErrorCode::Malformed.into());
        };
        let server = ServerShare::from_wire(&share.share);
        let sealer = draft.seal(content.meta, share.kid, &server, &recipient, &mut rng).map_err(seal_error)?;
        let upload = Upload { api: &self.api, token, h0, size };
        let envelope = upload.run(sealer, author, content.length, content.content, content.progress).await?;
        self.submit(&envelope.to_bytes(), token).await?;
        Ok(place.record)
    }

    async fn submit(&self, envelope: &[u8], token: glimpse_wire::Hash) -> Result<(), DeviceError> {
        let mut waits = LOST_ANSWER_WAITS.iter();
        loop {
            let request = with_cbor(Method::Post, "/v1/writes".to_owned(), envelope.to_vec()).by(token);
            match (self.api.call(request).await, waits.next()) {
                (Err(error), Some(wait)) if error.code() == Some(ErrorCode::ServerUnreachable) => {
                    self.machine.sleep(*wait).await;
                }
                (answer, _) => return answer.map(|_| ()),
            }
        }
    }

    /// To whom to seal: what the chain says, if it is the card's and a device has said within a day that it is whole.
    async fn recipient(&self, card: &ContactCard) -> Result<Recipient, DeviceError> {
        let claimed = card.card().statement;
        let path = format!("/v1/chains/{}", claimed.account);
        let chain: Chain = json(self.api.call(bare(Method::Get, path)).await?, MAX_CHAIN).await?;
        // A chain of this build has one link; a longer one was made by a build that knows more.
        let [link] = chain.links.as_slice() else { return Err(ErrorCode::UnsupportedSuite.into()) };
        let link: SignedLink = decode(link.as_slice(), MAX_LINK).map_err(|_| ErrorCode::Malformed)?;
        let genesis = Genesis::verify(&link).map_err(|_| ErrorCode::ChainForked)?;
        let key = &genesis.device.signing;
        let card: Card = card.signed().open(StatementKind::Card, key).map_err(|_| ErrorCode::ChainForked)?;
        is_about(&card.statement, &genesis)?;
        let newest = match chain.statements.into_iter().next() {
            Some(signed) => {
                let stated: HeadStatement =
                    Signed::from(signed).open(StatementKind::Head, key).map_err(|_| ErrorCode::ChainForked)?;
                is_about(&stated, &genesis)?;
                stated.at.max(card.statement.at)
            }
            None => card.statement.at,
        };
        let now = self.machine.now();
        if now.since(newest) > HEAD_STATEMENT_MILLIS || newest > UnixMillis(now.plus(CLOCK_SLACK_MILLIS).0) {
            return Err(DeviceError::StaleHead);
        }
        Ok(Recipient {
            account: genesis.account,
            epoch: genesis.epoch.number,
            key: KemPublic::parse(genesis.epoch.account_key.as_slice())?,
            head: genesis.head,
        })
    }
}

/// Whether a statement is by the chain's device, about the chain's head.
pub(crate) fn is_about(statement: &HeadStatement, genesis: &Genesis) -> Result<(), ErrorCode> {
    let same =
        statement.suite == SUITE && statement.account == genesis.account && statement.device == genesis.device.id();
    if !same {
        return Err(ErrorCode::ChainForked);
    }
    if statement.head.seq > genesis.head.seq {
        return Err(ErrorCode::ChainRolledBack);
    }
    if statement.head == genesis.head { Ok(()) } else { Err(ErrorCode::ChainForked) }
}
