//! Following the server's log of changes, page by page, and vouching for it (protocol sections 5.5 and 5.6).

use std::collections::BTreeMap;

use glimpse_wire::account::Head;
use glimpse_wire::api::SignedJson;
use glimpse_wire::chain::Standing as HeadStanding;
use glimpse_wire::limits::{MAX_CHANGES, MAX_PAGE};
use glimpse_wire::merkle::leaf_hash;
use glimpse_wire::preimage::{StatementKind, log_leaf};
use glimpse_wire::record::Envelope;
use glimpse_wire::{DeviceId, ErrorCode, Hash, RecordId, SigningKeyBytes};

use super::Listing;
use super::log::{Log, LogAlarm, Word};
use super::looking::{Eyes, Looked};
use crate::account::Device;
use crate::api::with_json;
use crate::chain::Known;
use crate::error::DeviceError;
use crate::transport::Method;

/// Changes after which a look stores what it has taken, at the earliest: what is broken off goes on from there.
const STORE_AFTER: usize = 4_000;
/// Replaced changes of which the later one is still to come: no account has so many.
const MAX_AWAITED: usize = 200_000;
/// Published versions that are remembered until a look has found them.
const MAX_PUBLISHED: usize = 4_096;

/// What a process remembers of the listing, so that it does not read all of it for each record that it publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    /// Changes that were read.
    count: u64,
    /// Whether an alarm stands.
    broken: bool,
}

impl From<&Listing> for Followed {
    fn from(listing: &Listing) -> Self {
        Self { count: listing.log.count(), broken: listing.require_intact().is_err() }
    }
}

/// Versions that this process has published or approved and not yet found in the log, by the numbers that the server gave them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published(BTreeMap<u64, (RecordId, Hash)>);

impl Published {
    /// The server gave a version, or the decision about it, this number.
    fn insert(&mut self, seq: u64, envelope: &Envelope, kind: u8) {
        let header = &envelope.header;
        let leaf = leaf_hash(&log_leaf(&header.record, header.version, &envelope.h1(), kind));
        self.0.insert(seq, (header.record, leaf));
        // Of more than that, the newest say as much.
        if self.0.len() > MAX_PUBLISHED {
            self.0.pop_first();
        }
    }

    /// What is wrong where the server lists a change of another leaf under this number.
    fn compare(&self, seq: u64, leaf: Hash) -> Option<LogAlarm> {
        let (record, published) = self.0.get(&seq)?;
        (*published != leaf).then_some(LogAlarm::NotAsPublished { seq, record: *record })
    }
}

impl Listing {
    /// Takes a page that was asked for after the last change that was taken; says whether there is more to ask for.
    /// `published` is what the server had taken before it was asked.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] when it leaves a number out, repeats one or goes beyond `newest`. Then nothing was taken.
    pub(super) fn take_page(
        &mut self,
        newest: u64,
        word: Word,
        looked: Vec<Looked>,
        published: &Published,
    ) -> Result<bool, ErrorCode> {
        let mut expected = self.log.count();
        if newest < expected {
            // A backup was restored there, or changes are kept from this device: there is nothing to go on from.
            self.log.hear(word, newest);
            self.log.raise(LogAlarm::RolledBack { seen: expected, newest });
            return Ok(false);
        }
        let empty = looked.is_empty() && expected < newest;
        let in_order = looked.iter().all(|looked| {
            expected = expected.saturating_add(1);
            looked.seq == expected && expected <= newest
        });
        if empty || !in_order {
            return Err(ErrorCode::Malformed);
        }
        self.log.hear(word, newest);
        if let Some(seen) = published.0.last_key_value().map(|(seq, _)| *seq).filter(|seq| *seq > newest) {
            self.log.raise(LogAlarm::RolledBack { seen, newest });
        }
        for Looked { seq, leaf, news } in looked {
            if let Some(alarm) = published.compare(seq, leaf) {
                self.log.raise(alarm);
            }
            self.log.push(leaf);
            self.take(seq, news);
        }
        self.log.compare();
        let more = self.log.count() < newest;
        if !more {
            self.name_hidden();
        }
        Ok(more)
    }
}

impl Device {
    /// Takes all changes since the last look. `stored` is the log as it was stored last.
    /// Gives the newest link at the moment of the last page: later changes name none before it.
    pub(super) async fn take_changes(
        &self,
        listing: &mut Listing,
        stored: &mut Log,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Head, DeviceError> {
        let mut taken = 0usize;
        let mut unstored = 0usize;
        loop {
            // As it was before the server is asked: what it takes meanwhile need not be in its answer.
            let published = self.published.borrow().clone();
            let page = self.page(listing.log.count(), MAX_PAGE).await?;
            if page.head != self.head() {
                // What was signed under a link that this device has not seen cannot be judged before it has.
                self.sync().await?;
            }
            self.require_known(&page.head)?;
            let known = self.known();
            for (head, by) in eyes(&known).elsewhere(&page.changes, &page.checkpoint) {
                self.meet_head(&head, by).await?;
            }
            let word = Word::read(&page.checkpoint, &self.account(), |device, head| signer(&known, device, head))?;
            let more = listing.take_page(page.newest, word, eyes(&known).look_at(&page.changes), &published)?;
            self.published.borrow_mut().0.retain(|seq, _| *seq > listing.log.count());
            taken = taken.saturating_add(page.changes.len());
            unstored = unstored.saturating_add(page.changes.len());
            progress(taken);
            if !more {
                return Ok(page.head);
            }
            if taken > MAX_CHANGES || listing.log.awaited.len() > MAX_AWAITED {
                return Err(ErrorCode::TooLarge.into());
            }
            // By halves of what is there, so that all this storing is never more than the last is.
            if unstored > STORE_AFTER.max(listing.entries.len() / 2) {
                listing.writes = self.store_listing(listing).await?;
                *stored = listing.log.clone();
                unstored = 0;
            }
        }
    }

    /// The head that a page names is one that this device has seen: the server gave its links when it was asked.
    fn require_known(&self, head: &Head) -> Result<(), DeviceError> {
        match self.known().chain.compare(head) {
            HeadStanding::Same | HeadStanding::Behind => Ok(()),
            HeadStanding::Ahead => Err(ErrorCode::ChainRolledBack.into()),
            HeadStanding::Forked => Err(ErrorCode::ChainForked.into()),
        }
    }

    /// Vouches for what was replayed, if nothing is wrong with it and no checkpoint says as much. A listing does not fail
    /// for this: where another device was first, or the server is away, it is tried again with the next.
    ///
    /// It names the link that was the newest when the last page was made, so that it bounds what later changes may name.
    pub(super) async fn sign_checkpoint(&self, log: &mut Log, head: Head) {
        let device = self.keys().id();
        let Some(next) = log.next_checkpoint(self.account(), device, head, self.machine.now()) else { return };
        let signed: SignedJson = self.keys().signing().sign_statement(StatementKind::Checkpoint, &next).into();
        let path = "/v1/account/checkpoint".to_owned();
        if self.authorised(|token| with_json(Method::Put, path.clone(), &signed).by(token)).await.is_ok() {
            log.signed(&next);
        }
    }

    /// The user has compared the devices, and takes the server's list of changes as it is. The next look reads it from the
    /// beginning; records that are missing from it are named. Does nothing where nothing is in doubt.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn accept_log(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_listing().await?;
        let mut listing = self.stored_listing().await?;
        if !listing.log.is_in_doubt() {
            return Ok(());
        }
        listing.begin_again();
        *self.published.borrow_mut() = Published::default();
        self.followed.set(Some(Followed::from(&listing)));
        self.write_listing(listing).await?;
        Ok(())
    }

    /// Nothing is published, deleted or lent while an alarm stands that this process knows of, or that stood when it began.
    ///
    /// # Errors
    /// [`ErrorCode::LogBroken`]; [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub(crate) async fn require_intact_log(&self) -> Result<(), DeviceError> {
        if self.followed().await?.broken { Err(ErrorCode::LogBroken.into()) } else { Ok(()) }
    }

    /// How many changes this device had read when it last looked.
    pub(crate) async fn read_so_far(&self) -> Result<u64, DeviceError> {
        Ok(self.followed().await?.count)
    }

    async fn followed(&self) -> Result<Followed, DeviceError> {
        if let Some(followed) = self.followed.get() {
            return Ok(followed);
        }
        let followed = Followed::from(&self.stored_listing().await?);
        self.followed.set(Some(followed));
        Ok(followed)
    }

    /// The server gave this number to a version that was just published or, as `kind` says, approved, when this device had
    /// read `before` changes. One that is not above those says that it has lost changes; otherwise the change must be there
    /// at the next look.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub(crate) async fn compare_number(
        &self,
        before: u64,
        seq: u64,
        envelope: &Envelope,
        kind: u8,
    ) -> Result<(), DeviceError> {
        if seq > before {
            // Unless another look has come to it meanwhile.
            if seq > self.read_so_far().await? {
                self.published.borrow_mut().insert(seq, envelope, kind);
            }
            return Ok(());
        }
        let _held = self.home.lock_listing().await?;
        let mut listing = self.stored_listing().await?;
        listing.log.raise(LogAlarm::RolledBack { seen: before, newest: seq });
        self.followed.set(Some(Followed::from(&listing)));
        self.write_listing(listing).await?;
        Ok(())
    }
}

/// By what the changes of a page are checked.
pub(super) const fn eyes(known: &Known) -> Eyes<'_> {
    Eyes { chain: &known.chain, keys: known.keys() }
}

/// The key of a device that belonged to the account when `head` was its newest link.
fn signer(known: &Known, device: &DeviceId, head: &Head) -> Option<SigningKeyBytes> {
    known.chain.active_at(device, head).map(|member| member.device.signing)
}
