//! What the account holds, as this device has seen it: a sealed copy that grows with each look at the server, so that
//! a listing of many records is quick, and that remembers the highest version of each, so that an older one is noticed.

use std::collections::BTreeMap;

use glimpse_core::record::{OpenedVersion, Origin};
use glimpse_wire::account::Signed;
use glimpse_wire::limits::{HEAD_STATEMENT_MILLIS, MAX_ENVELOPE, MAX_PAGE};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Deletion, Envelope, Meta, Page};
use glimpse_wire::{ErrorCode, Hash, RecordId, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};

use crate::account::Device;
use crate::api::{bare, cbor};
use crate::error::DeviceError;
use crate::home::Home;
use crate::transport::Method;

const NAME: &str = "listing";
/// How often a device that is in use states its head for writers, in milliseconds: a quarter of what they rely on.
const STATE_AFTER: u64 = HEAD_STATEMENT_MILLIS / 4;
/// A page as it arrives, in bytes: what the server puts into one, with room for other servers.
const MAX_PAGE_BYTES: usize = MAX_PAGE * MAX_ENVELOPE + 64 * 1024;
/// The sealed copy, in bytes: some hundred thousand records.
const MAX_LISTING: usize = 512 * 1024 * 1024;

/// One record, as its newest version says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Which record.
    #[n(0)]
    pub record: RecordId,
    /// Highest version seen.
    #[n(1)]
    pub version: u64,
    /// Its h1.
    #[n(2)]
    pub h1: Hash,
    /// The server's number for its newest change.
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
}

/// What a record may be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Standing {
    /// Signed by a device of the account.
    #[n(1)]
    Own,
    /// Signed by a writer whom nobody has approved: shown as from that writer.
    #[n(2)]
    Pending,
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
            Standing::Own | Standing::Pending | Standing::Unsigned => {
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
    #[n(1)]
    cursor: u64,
    #[n(2)]
    entries: Vec<Entry>,
    #[n(3)]
    stated: UnixMillis,
}

/// What the account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    cursor: u64,
    /// When this device last stated its head for writers.
    stated: UnixMillis,
    entries: BTreeMap<RecordId, Entry>,
}

impl Default for Listing {
    fn default() -> Self {
        Self { cursor: 0, stated: UnixMillis(0), entries: BTreeMap::new() }
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

    /// The record whose id begins with `prefix`.
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

    fn take(&mut self, change: &Change, device: &Device) -> Result<u64, ErrorCode> {
        match change {
            Change::Version { seq, envelope } => {
                let envelope = Envelope::parse(envelope.as_slice()).map_err(|_| ErrorCode::Malformed)?;
                self.take_version(*seq, envelope, false, device);
                Ok(*seq)
            }
            Change::Pending { seq, envelope } => {
                let envelope = Envelope::parse(envelope.as_slice()).map_err(|_| ErrorCode::Malformed)?;
                self.take_version(*seq, envelope, true, device);
                Ok(*seq)
            }
            Change::Deleted { seq, deletion } => {
                let signed: Signed = decode(deletion.as_slice(), MAX_ENVELOPE).map_err(|_| ErrorCode::Malformed)?;
                self.take_deletion(*seq, &signed, device)?;
                Ok(*seq)
            }
        }
    }

    fn take_version(&mut self, seq: u64, envelope: Envelope, pending: bool, device: &Device) {
        let header = envelope.header;
        let h1 = envelope.h1();
        let known = self.entries.get(&header.record);
        if let Some(known) = known
            && let Err(code) = follows(known, &envelope, &h1)
        {
            // What was seen before stays the measure; the record is named, the others stay usable.
            let marked = Entry { seq, standing: Standing::Trouble { code }, ..known.clone() };
            self.entries.insert(header.record, marked);
            return;
        }
        let opened = OpenedVersion::open(
            envelope,
            &device.account(),
            &device.account_key,
            core::slice::from_ref(&device.genesis.device),
        );
        let (meta, standing) = match opened {
            Ok(opened) => {
                let standing = match opened.origin() {
                    Origin::Own if !pending => Standing::Own,
                    // A writer's record in the place of an approved one is still only a writer's.
                    Origin::Writer(_) => Standing::Pending,
                    Origin::Own | Origin::Unsigned => Standing::Unsigned,
                };
                (Some(opened.meta().clone()), standing)
            }
            Err(glimpse_core::OpenError) => (None, Standing::Trouble { code: ErrorCode::RecordTampered }),
        };
        let entry =
            Entry { record: header.record, version: header.version, h1, seq, created: header.created, meta, standing };
        self.entries.insert(header.record, entry);
    }

    fn take_deletion(&mut self, seq: u64, signed: &Signed, device: &Device) -> Result<(), ErrorCode> {
        let deletion: Deletion = signed
            .open(StatementKind::Deletion, &device.genesis.device.signing)
            .map_err(|_| ErrorCode::RecordTampered)?;
        if deletion.account != device.account() {
            return Err(ErrorCode::RecordTampered);
        }
        let known = self.entries.get(&deletion.record);
        // A deletion names the version that it removes; an old one does not remove a newer.
        let standing = match known {
            Some(known) if known.version > deletion.version => Standing::Trouble { code: ErrorCode::RecordRolledBack },
            Some(known) if known.version == deletion.version && known.h1 != deletion.h1 => {
                Standing::Trouble { code: ErrorCode::RecordTampered }
            }
            Some(_) | None => Standing::Deleted,
        };
        let entry = Entry {
            record: deletion.record,
            version: known.map_or(deletion.version, |known| known.version.max(deletion.version)),
            h1: known.filter(|known| known.version >= deletion.version).map_or(deletion.h1, |known| known.h1),
            seq,
            created: deletion.at,
            meta: None,
            standing,
        };
        self.entries.insert(deletion.record, entry);
        Ok(())
    }

    fn to_stored(&self) -> Vec<u8> {
        let entries = self.entries.values().cloned().collect();
        encode(&Stored { version: 1, cursor: self.cursor, entries, stated: self.stated })
    }

    fn from_stored(bytes: &[u8]) -> Result<Self, DeviceError> {
        match decode::<Stored>(bytes, MAX_LISTING) {
            Ok(stored) if stored.version == 1 => {
                let entries = stored.entries.into_iter().map(|entry| (entry.record, entry)).collect();
                Ok(Self { cursor: stored.cursor, entries, stated: stored.stated })
            }
            Ok(_) | Err(_) => Err(Home::damaged_listing()),
        }
    }
}

/// Whether `envelope` may come after what is known of its record.
fn follows(known: &Entry, envelope: &Envelope, h1: &Hash) -> Result<(), ErrorCode> {
    let version = envelope.header.version;
    if known.standing == Standing::Deleted || version < known.version {
        return Err(ErrorCode::RecordRolledBack);
    }
    // The same version with other bytes, or a next version that was not made from the one that was seen.
    let forked = (version == known.version && *h1 != known.h1)
        || (Some(version) == known.version.checked_add(1) && envelope.header.previous != known.h1);
    if forked { Err(ErrorCode::RecordTampered) } else { Ok(()) }
}

impl Device {
    /// Brings the listing up to date: asks for what changed since the last look, checks it, and stores it.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`] when the sealed copy does not open; [`DeviceError::Refused`].
    pub async fn listing(&self) -> Result<Listing, DeviceError> {
        self.listing_with(&mut |_| {}).await
    }

    /// As [`Device::listing`]; tells `progress` how many changes were taken so far.
    ///
    /// # Errors
    /// As [`Device::listing`].
    pub async fn listing_with(&self, progress: &mut dyn FnMut(usize)) -> Result<Listing, DeviceError> {
        let mut listing = self.stored_listing().await?;
        let before = (listing.cursor, listing.stated);
        let mut taken = 0usize;
        loop {
            let page = self.page(listing.cursor, MAX_PAGE).await?;
            for change in &page.changes {
                let seq = listing.take(change, self)?;
                if seq <= listing.cursor {
                    return Err(ErrorCode::Malformed.into());
                }
                listing.cursor = seq;
            }
            taken = taken.saturating_add(page.changes.len());
            progress(taken);
            if !page.more || page.changes.is_empty() {
                break;
            }
        }
        let now = self.machine.now();
        // A listing does not fail for this; it is tried again with the next.
        if now.since(listing.stated) > STATE_AFTER && self.state_head().await.is_ok() {
            listing.stated = now;
        }
        if (listing.cursor, listing.stated) != before {
            self.store_listing(&listing).await?;
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
        Listing::from_stored(&opened)
    }

    /// Stores `listing`, unless another process has stored a later one meanwhile.
    async fn store_listing(&self, listing: &Listing) -> Result<(), DeviceError> {
        let _held = self.home.lock_listing().await?;
        let there = self.stored_listing().await?;
        if (there.cursor, there.stated) < (listing.cursor, listing.stated) {
            let stored = zeroize::Zeroizing::new(listing.to_stored());
            let sealed = self.vault.seal_cache(NAME, &stored, &mut self.rng())?;
            self.home.store_listing(&sealed).await?;
        }
        Ok(())
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
            let limit = if wanted.len() == 1 { 1 } else { MAX_PAGE };
            let page = self.page(first.saturating_sub(1), limit).await?;
            let last = page.next;
            for change in page.changes {
                let (Change::Version { seq, envelope } | Change::Pending { seq, envelope }) = change else { continue };
                if let Some((place, entry)) = wanted.remove(&seq) {
                    opened.insert(place, self.open_envelope(envelope.as_slice(), entry)?);
                }
            }
            // Whatever was wanted up to here and did not come was changed or deleted since.
            if wanted.first_key_value().is_some_and(|(seq, _)| *seq <= last || last == 0) {
                return Err(ErrorCode::Conflict.into());
            }
        }
        Ok(opened.into_values().collect())
    }

    fn open_envelope(&self, bytes: &[u8], entry: &Entry) -> Result<OpenedVersion, DeviceError> {
        let envelope = Envelope::parse(bytes).map_err(|_| ErrorCode::RecordTampered)?;
        if envelope.h1() != entry.h1 || envelope.header.record != entry.record {
            return Err(ErrorCode::RecordTampered.into());
        }
        let devices = core::slice::from_ref(&self.genesis.device);
        Ok(OpenedVersion::open(envelope, &self.account(), &self.account_key, devices)?)
    }
}

#[cfg(test)]
mod tests;
