//! Fields that are cut out of a record before it is sealed for a session. Where they lie is found by whoever reads the content:
//! this device does not.

use core::ops::Range;
use std::collections::BTreeSet;

use glimpse_core::record::OpenedVersion;
use glimpse_core::session::device::Cuts;
use glimpse_wire::limits::BLOB_BORDER;
use glimpse_wire::{ErrorCode, Hash, RecordId};

/// Fields that somebody chose in one version of a record. In another version the same names may stand for something else, or for
/// less than was meant: out of that one nothing is cut for this choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChoice {
    record: RecordId,
    h1: Hash,
    pointers: BTreeSet<String>,
}

impl FieldChoice {
    /// None yet, of a version that was read for whoever chooses.
    #[must_use]
    pub fn of(version: &OpenedVersion) -> Self {
        let envelope = version.envelope();
        Self::new(envelope.header.record, envelope.h1())
    }

    /// None yet, of the version with this h1.
    #[must_use]
    pub const fn new(record: RecordId, h1: Hash) -> Self {
        Self { record, h1, pointers: BTreeSet::new() }
    }

    /// Of which record.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.record
    }

    /// In which version: its h1.
    #[must_use]
    pub const fn h1(&self) -> Hash {
        self.h1
    }

    /// Which fields, by pointer.
    #[must_use]
    pub const fn pointers(&self) -> &BTreeSet<String> {
        &self.pointers
    }

    /// This one as well.
    pub fn add(&mut self, pointer: String) {
        self.pointers.insert(pointer);
    }

    /// This one not.
    pub fn remove(&mut self, pointer: &str) {
        self.pointers.remove(pointer);
    }

    /// Whether it was made in this version.
    #[must_use]
    pub fn is_of(&self, version: &OpenedVersion) -> bool {
        let envelope = version.envelope();
        self.record == envelope.header.record && self.h1 == envelope.h1()
    }

    /// These stretches of the content of the version in which it was made, in which lie so many fields.
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`] for another version; [`ErrorCode::TooLarge`] for a record that is lent by its content key;
    /// [`ErrorCode::Malformed`] as [`Cuts::new`].
    pub fn cut(&self, version: &OpenedVersion, stretches: Vec<Range<u64>>, fields: u32) -> Result<Withheld, ErrorCode> {
        if !self.is_of(version) {
            return Err(ErrorCode::Conflict);
        }
        let length = version.meta().length;
        if length > BLOB_BORDER {
            return Err(ErrorCode::TooLarge);
        }
        Ok(Withheld { record: self.record, h1: self.h1, cuts: Cuts::new(stretches, length, fields)? })
    }
}

/// What is cut out of one version of a record, for a [`FieldChoice`] that was made in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    record: RecordId,
    h1: Hash,
    cuts: Cuts,
}

impl Withheld {
    /// Of which record.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.record
    }

    /// How many fields.
    #[must_use]
    pub const fn fields(&self) -> u32 {
        self.cuts.fields()
    }
}

/// Whether each is of a version that is to be lent: of another one, what was to be withheld lies elsewhere.
pub(super) fn fit(withheld: &[Withheld], records: &[OpenedVersion]) -> Result<(), ErrorCode> {
    let fits = |one: &Withheld| {
        let mut of_record = records.iter().filter(|version| version.envelope().header.record == one.record).peekable();
        of_record.peek().is_some() && of_record.all(|version| version.envelope().h1() == one.h1)
    };
    if withheld.iter().all(fits) { Ok(()) } else { Err(ErrorCode::Conflict) }
}

/// What is cut out of this version.
pub(super) fn of(withheld: &[Withheld], version: &OpenedVersion) -> Option<Cuts> {
    let record = version.envelope().header.record;
    withheld.iter().find(|one| one.record == record).map(|one| one.cuts.clone())
}
