//! The writer's side: a third party that holds an account's contact card, and no key of it, appends a record.

use core::fmt;
use std::rc::Rc;

use glimpse_core::kem::KemPublic;
use glimpse_core::keys::WriterKeys;
use glimpse_core::record::{Author, Draft, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_wire::account::{Card, HeadStatement, Signed, SignedLink};
use glimpse_wire::api::{Info, Minted, SignedJson, WriterMint};
use glimpse_wire::chain::{Chain, Standing};
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, HEAD_STATEMENT_MILLIS, MAX_JSON, MAX_LINK};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{ErrorCode, RecordId, SUITE, decode};

use crate::access::again_if_lost;
use crate::api::{Api, bare, json, with_cbor, with_json};
use crate::card::ContactCard;
use crate::chain::chain_from;
use crate::error::DeviceError;
use crate::publish::{NewContent, Source, Upload, seal_error};
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Method, Transport};

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
        let upload = Upload { api: &self.api, credential: token.into(), h0, size };
        let envelope =
            upload.run(sealer, author, content.length, Source::Reader(content.content), content.progress).await?;
        self.submit(&envelope.to_bytes(), token).await?;
        Ok(place.record)
    }

    async fn submit(&self, envelope: &[u8], token: glimpse_wire::Hash) -> Result<(), DeviceError> {
        let request = || with_cbor(Method::Post, "/v1/writes".to_owned(), envelope.to_vec()).by(token);
        again_if_lost(&*self.machine, async || self.api.call(request()).await).await?;
        Ok(())
    }

    /// To whom to seal: what the chain says, if it goes on from the card's and a device has said within a day that its
    /// newest link is the newest.
    async fn recipient(&self, card: &ContactCard) -> Result<Recipient, DeviceError> {
        let claimed = card.card().statement;
        let answer = chain_from(&self.api, claimed.account, 0).await?;
        let mut links = Vec::with_capacity(answer.links.len());
        for link in &answer.links {
            let link: SignedLink = decode(link.as_slice(), 2 * MAX_LINK).map_err(|_| ErrorCode::Malformed)?;
            links.push(link);
        }
        let chain = Chain::replay(&links).map_err(|_| ErrorCode::ChainForked)?;
        check_card(&chain, card)?;
        let head = chain.head();
        // A device that was taken out says nothing about the newest link.
        let by_devices = answer.statements.into_iter().filter_map(|signed| stated(&chain, &Signed::from(signed)));
        let by_card = Some(claimed).filter(|card| chain.active(&card.device).is_some());
        let newest = by_devices.chain(by_card).filter(|stated| stated.head == head).map(|stated| stated.at).max();
        let newest = newest.ok_or(DeviceError::StaleHead)?;
        let now = self.machine.now();
        if now.since(newest) > HEAD_STATEMENT_MILLIS || newest > now.plus(CLOCK_SLACK_MILLIS) {
            return Err(DeviceError::StaleHead);
        }
        let epoch = chain.epoch().ok_or(ErrorCode::Malformed)?;
        Ok(Recipient {
            account: chain.account(),
            epoch: epoch.number,
            key: KemPublic::parse(epoch.account_key.as_slice())?,
            head,
        })
    }
}

/// What a device that belongs to the account says of its head, if it signed it.
fn stated(chain: &Chain, signed: &Signed) -> Option<HeadStatement> {
    let claimed: HeadStatement = signed.peek().ok()?;
    let key = chain.active(&claimed.device)?.device.signing;
    let stated: HeadStatement = signed.open(StatementKind::Head, &key).ok()?;
    (stated.suite == SUITE && stated.account == chain.account()).then_some(stated)
}

/// Whether a card is of the chain's account, by a device that belonged to it at the head that the card names.
pub(crate) fn check_card(chain: &Chain, card: &ContactCard) -> Result<(), ErrorCode> {
    let claimed = card.card().statement;
    if claimed.suite != SUITE || claimed.account != chain.account() {
        return Err(ErrorCode::ChainForked);
    }
    match chain.compare(&claimed.head) {
        Standing::Same | Standing::Behind => {}
        Standing::Ahead => return Err(ErrorCode::ChainRolledBack),
        Standing::Forked => return Err(ErrorCode::ChainForked),
    }
    let member = chain.active_at(&claimed.device, &claimed.head).ok_or(ErrorCode::ChainForked)?;
    let _card: Card =
        card.signed().open(StatementKind::Card, &member.device.signing).map_err(|_| ErrorCode::ChainForked)?;
    Ok(())
}
