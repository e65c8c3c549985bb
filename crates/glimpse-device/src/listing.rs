//! What the account holds, as this device has seen it: a sealed copy that grows with each look at the server, so that
//! a listing of many records is quick, and that remembers the highest version of each, so that an older one is noticed,
//! and the log of all changes, so that a hidden one is.

mod deciding;
mod following;
mod judging;
mod log;
mod looking;

use std::collections::{BTreeMap, BTreeSet};

use glimpse_core::record::OpenedVersion;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{HEAD_STATEMENT_MILLIS, MAX_ENVELOPE, MAX_PAGE};
use glimpse_wire::record::{Change, Envelope, Meta, Page};
use glimpse_wire::{AuthorId, ErrorCode, Hash, RecordId, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};

use crate::account::Device;
use crate::api::{bare, cbor};
use crate::error::DeviceError;
use crate::home::Home;
use crate::inbox::Notice;
use crate::transport::Method;
pub use deciding::{Taken, Written};
pub(crate) use following::{Followed, Published};
use log::Log;
pub use log::LogAlarm;
use looking::{Eyes, each};

const NAME: &str = "listing";
/// How often a device that is in use states its head for writers, in milliseconds: a quarter of what they rely on.
const STATE_AFTER: u64 = HEAD_STATEMENT_MILLIS / 4;
/// A page as it arrives, in bytes: what the server puts into one, with room for other servers.
const MAX_PAGE_BYTES: usize = MAX_PAGE * MAX_ENVELOPE + 64 * 1024;
/// The sealed copy, in bytes: some hundred thousand records.
const MAX_LISTING: usize = 512 * 1024 * 1024;
/// Changes that could not be read and name no record, as many as are remembered.
const MAX_UNREADABLE: usize = 100;

/// One record, as its newest version says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Which record.
    #[n(0)]
    pub record: RecordId,
    /// Highest version seen that counts against a rollback; of a record that nobody vouches for, its newest.
    #[n(1)]
    pub version: u64,
    /// Its h1.
    #[n(2)]
    pub h1: Hash,
    /// The server's number for its newest change; 0 where the log is read again and has not come to it.
    #[n(3)]
    pub seq: u64,
    /// When its author wrote it.
    #[n(4)]
    pub created: UnixMillis,
    /// What it is; nothing when it did not open or was deleted.
    #[n(5)]
    pub meta: Option<Meta>,
    /// What it may be taken for.
    #[n(6)]
    pub standing: Standing,
    /// What `version` and `h1` are worth.
    #[n(7)]
    measure: Measure,
    /// The epoch for which its newest version is sealed; 0 when it did not open.
    #[n(8)]
    pub epoch: u32,
    /// Who wrote its newest version, of a writer's.
    #[n(9)]
    pub writer: Option<AuthorId>,
    /// The name under which that writer is pinned in the account's chain, as it is when this is read; never stored.
    #[cbor(skip)]
    pub pinned: Option<String>,
}

/// By what a later change of a record is measured. Only what is signed moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
enum Measure {
    /// By nothing: nobody vouches for what was seen.
    #[n(0)]
    Nothing,
    /// By a writer's version.
    #[n(1)]
    Written,
    /// By a version of a device of the account.
    #[n(2)]
    Own,
    /// By its deletion.
    #[n(3)]
    Deletion,
}

impl Measure {
    /// Whether a device of the account signed it.
    const fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::Deletion)
    }
}

/// What a record may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Standing {
    /// Signed by a device of the account.
    #[n(1)]
    Own,
    /// Signed by a writer, and nobody has approved it: shown as from that writer.
    #[n(2)]
    Pending,
    /// Signed by a writer, and approved by a device of the account: shown as from that writer.
    #[n(6)]
    Approved,
    /// Signed by nobody who may: shown as such, never as the user's own, and never lent.
    #[n(3)]
    Unsigned,
    /// Deleted, by a signature of a device. Kept, so that its return is noticed.
    #[n(4)]
    Deleted,
    /// Not usable: it does not open, or is older than what was seen before.
    #[n(5)]
    Trouble {
        /// Why.
        #[n(0)]
        code: ErrorCode,
    },
}

impl Entry {
    /// A record of which only the name is known.
    const fn nameless(record: RecordId) -> Self {
        Self {
            record,
            version: 0,
            h1: Hash::ZERO,
            seq: 0,
            created: UnixMillis(0),
            meta: None,
            standing: Standing::Trouble { code: ErrorCode::RecordTampered },
            measure: Measure::Nothing,
            epoch: 0,
            writer: None,
            pinned: None,
        }
    }

    /// Whether it belongs in a list for the user.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        !matches!(self.standing, Standing::Deleted)
    }

    /// The date that a list shows and goes by: that of what it holds, as its author says; otherwise when it was written.
    #[must_use]
    pub fn date(&self) -> UnixMillis {
        self.meta.as_ref().map(|meta| meta.created).filter(|date| date.0 > 0).unwrap_or(self.created)
    }

    /// Its meta, if it can be used.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub fn usable(&self) -> Result<&Meta, ErrorCode> {
        match self.standing {
            Standing::Own | Standing::Pending | Standing::Approved | Standing::Unsigned => {
                self.meta.as_ref().ok_or(ErrorCode::RecordTampered)
            }
            Standing::Deleted => Err(ErrorCode::NotFound),
            Standing::Trouble { code } => Err(code),
        }
    }
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(2)]
    entries: Vec<Entry>,
    #[n(3)]
    stated: UnixMillis,
    #[n(4)]
    unreadable: Vec<u64>,
    #[n(5)]
    writes: u64,
    /// Nothing in version 2, which knew no log.
    #[n(6)]
    log: Option<Log>,
}

/// What the account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The changes up to where they were taken.
    log: Log,
    /// When this device last stated its head for writers.
    stated: UnixMillis,
    entries: BTreeMap<RecordId, Entry>,
    /// Numbers of changes that could not be read and name no record.
    unreadable: BTreeSet<u64>,
    /// How often the sealed copy was written when this was read or written: tells whether another process has since.
    writes: u64,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            log: Log::default(),
            stated: UnixMillis(0),
            entries: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            writes: 0,
        }
    }
}

impl Listing {
    /// What the user has, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<&Entry> {
        let mut listed: Vec<&Entry> = self.entries.values().filter(|entry| entry.is_listed()).collect();
        listed.sort_by_key(|entry| core::cmp::Reverse((entry.date(), entry.seq)));
        listed
    }

    /// The listed record whose id is `prefix`, or else the one whose id begins with it.
    ///
    /// # Errors
    /// [`DeviceError::NoRecord`], [`DeviceError::Ambiguous`].
    pub fn find(&self, prefix: &str) -> Result<&Entry, DeviceError> {
        let mut found = None;
        for entry in self.entries.values().filter(|entry| entry.is_listed()) {
            let id = entry.record.to_string();
            if id == prefix {
                return Ok(entry);
            }
            if !prefix.is_empty() && id.starts_with(prefix) && found.replace(entry).is_some() {
                return Err(DeviceError::Ambiguous(prefix.to_owned()));
            }
        }
        found.ok_or_else(|| DeviceError::NoRecord(prefix.to_owned()))
    }

    /// How many records there are, without the deleted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_listed()).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many changes could not be read and do not say which record they are about.
    #[must_use]
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// What is wrong with the server's list of changes: the first of each kind. They stay until [`Device::accept_log`].
    #[must_use]
    pub fn alarms(&self) -> &[LogAlarm] {
        self.log.alarms()
    }

    /// Whether the list of changes is one that the devices of the account agree on, as far as this one knows.
    ///
    /// # Errors
    /// [`ErrorCode::LogBroken`].
    pub fn require_intact(&self) -> Result<(), ErrorCode> {
        if self.alarms().is_empty() { Ok(()) } else { Err(ErrorCode::LogBroken) }
    }

    fn to_stored(&self) -> Vec<u8> {
        encode(&Stored {
            version: 3,
            entries: self.entries.values().cloned().collect(),
            stated: self.stated,
            unreadable: self.unreadable.iter().copied().collect(),
            writes: self.writes,
            log: Some(self.log.clone()),
        })
    }

    fn from_stored(bytes: &[u8]) -> Result<Self, DeviceError> {
        match decode::<Stored>(bytes, MAX_LISTING) {
            Ok(Stored { version: 2 | 3, entries, stated, unreadable, writes, log }) => {
                let entries = entries.into_iter().map(|entry| (entry.record, entry)).collect();
                let unreadable = unreadable.into_iter().collect();
                let mut listing = Self { log: Log::unread(), entries, stated, unreadable, writes };
                match log {
                    Some(log) => listing.log = log,
                    None => listing.forget_numbers(),
                }
                Ok(listing)
            }
            Ok(_) | Err(_) => Err(Home::damaged_listing()),
        }
    }
}

impl Device {
    /// Brings the listing up to date: asks for what changed since the last look, checks it, and stores it. By the way it
    /// does what waits, and does not fail for it: signs a checkpoint, states the head for writers, pays what a linking owes,
    /// goes on with re-keying.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`] when the sealed copy does not open; [`DeviceError::Refused`]; as [`Device::sync`]. What is
    /// wrong with the list of changes is no error: see [`Listing::alarms`].
    pub async fn listing(&self) -> Result<Listing, DeviceError> {
        self.listing_with(&mut |_| {}).await
    }

    /// As [`Device::listing`]; tells `progress` how many changes were taken so far.
    ///
    /// What an interrupted look has taken is kept, and the next one goes on from there.
    ///
    /// # Errors
    /// As [`Device::listing`].
    pub async fn listing_with(&self, progress: &mut dyn FnMut(usize)) -> Result<Listing, DeviceError> {
        let mut listing = self.stored_listing().await?;
        let mut stored = listing.log.clone();
        let looked = self.take_changes(&mut listing, &mut stored, progress).await;
        let mut stated = false;
        if let Ok(head) = looked {
            // What broke off before the server had it is sent with whatever is done next.
            self.settle_pending().await?;
            // A linking that broke off is mended by the way; a listing does not fail for it.
            let _paid = self.pay_what_is_owed().await;
            self.sign_checkpoint(&mut listing.log, head).await;
            let now = self.machine.now();
            // A listing does not fail for this; it is tried again with the next.
            stated = now.since(listing.stated) > STATE_AFTER && self.state_head().await.is_ok();
            if stated {
                listing.stated = now;
            }
        }
        if stated || listing.log != stored {
            listing.writes = self.store_listing(&listing).await?;
        }
        // After the look: it has brought what was pinned elsewhere.
        self.name_writers(&mut listing);
        self.followed.set(Some(Followed::from(&listing)));
        self.note(listing.alarms().iter().map(|alarm| Notice::LogBroken { alarm: *alarm }).collect()).await?;
        looked?;
        if listing.require_intact().is_ok() {
            self.go_on_rekeying(&listing).await;
        }
        Ok(listing)
    }

    /// The listing as it was stored last, without asking the server.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn stored_listing(&self) -> Result<Listing, DeviceError> {
        let Some(sealed) = self.home.listing().await? else { return Ok(Listing::default()) };
        let opened = self.vault.open_cache(NAME, &sealed).map_err(|_| Home::damaged_listing())?;
        let mut listing = Listing::from_stored(&opened)?;
        self.name_writers(&mut listing);
        Ok(listing)
    }

    /// Stores `listing`, and gives how often the copy was written. What another process has stored meanwhile is kept
    /// beside it.
    async fn store_listing(&self, listing: &Listing) -> Result<u64, DeviceError> {
        let _held = self.home.lock_listing().await?;
        let there = self.stored_listing().await?;
        let stored = if there.writes == listing.writes { listing.clone() } else { there.merged_with(listing.clone()) };
        self.write_listing(stored).await
    }

    /// Under the lock.
    async fn write_listing(&self, mut listing: Listing) -> Result<u64, DeviceError> {
        listing.writes = listing.writes.wrapping_add(1);
        let stored = zeroize::Zeroizing::new(listing.to_stored());
        let sealed = self.vault.seal_cache(NAME, &stored, &mut self.rng())?;
        self.home.store_listing(&sealed).await?;
        Ok(listing.writes)
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Page, DeviceError> {
        let path = format!("/v1/records?after={after}&limit={limit}");
        let response = self.authorised(|token| bare(Method::Get, path.clone()).by(token)).await?;
        cbor(response, MAX_PAGE_BYTES).await
    }

    /// Fetches and opens the versions that `entries` name, in their order.
    ///
    /// # Errors
    /// The reason of the first entry that cannot be used; [`ErrorCode::Conflict`] when a record changed since it was
    /// listed.
    pub async fn open_entries(&self, entries: &[&Entry]) -> Result<Vec<OpenedVersion>, DeviceError> {
        let mut wanted: BTreeMap<u64, (usize, &Entry)> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            entry.usable()?;
            wanted.insert(entry.seq, (place, entry));
        }
        let mut opened: BTreeMap<usize, OpenedVersion> = BTreeMap::new();
        while let Some((first, _)) = wanted.first_key_value() {
            let first = *first;
            let limit = if wanted.len() == 1 { 1 } else { MAX_PAGE };
            let page = self.page(first.saturating_sub(1), limit).await?;
            if page.next < first && !page.changes.is_empty() {
                return Err(ErrorCode::Malformed.into());
            }
            let mut found: Vec<(usize, &Entry, Bytes, Option<Bytes>)> = Vec::new();
            for change in page.changes {
                let (seq, envelope, decision) = match change {
                    Change::Version { seq, envelope } | Change::Pending { seq, envelope } => (seq, envelope, None),
                    Change::Decided { seq, envelope, decision } => (seq, envelope, Some(decision)),
                    Change::Deleted { .. } | Change::Replaced { .. } => continue,
                };
                if let Some((place, entry)) = wanted.remove(&seq) {
                    found.push((place, entry, envelope, decision));
                }
            }
            let known = self.known();
            let eyes = following::eyes(&known);
            let versions = each(&found, |(_, entry, envelope, decision)| {
                open_envelope(eyes, envelope.as_slice(), decision.as_ref(), entry)
            });
            for ((place, ..), version) in found.iter().zip(versions) {
                opened.insert(*place, version?);
            }
            // Whatever was wanted up to here and did not come was changed or deleted since. The first of them is in every
            // page that begins with it.
            if wanted.first_key_value().is_some_and(|(seq, _)| *seq <= page.next.max(first)) {
                return Err(ErrorCode::Conflict.into());
            }
        }
        Ok(opened.into_values().collect())
    }
}

fn open_envelope(
    eyes: Eyes<'_>,
    bytes: &[u8],
    decision: Option<&Bytes>,
    entry: &Entry,
) -> Result<OpenedVersion, ErrorCode> {
    let envelope = Envelope::parse(bytes).map_err(|_| ErrorCode::RecordTampered)?;
    if envelope.h1() != entry.h1 || envelope.header.record != entry.record {
        return Err(ErrorCode::RecordTampered);
    }
    // What was listed as approved is not taken without its decision.
    let opened = match decision {
        Some(decision) => eyes.open_approved(envelope, decision.as_slice()),
        None if entry.standing == Standing::Approved => Err(glimpse_core::OpenError),
        None => eyes.open(envelope),
    };
    opened.map_err(|glimpse_core::OpenError| ErrorCode::RecordTampered)
}

#[cfg(test)]
mod tests;
