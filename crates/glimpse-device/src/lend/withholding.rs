//! Fields that are cut out of a record before it is sealed for a session. Where they lie is found by whoever reads the content:
//! this device does not.

use core::ops::Range;

use glimpse_core::record::OpenedVersion;
use glimpse_core::session::device::Cuts;
use glimpse_wire::limits::BLOB_BORDER;
use glimpse_wire::{ErrorCode, Hash, RecordId};

/// What is cut out of one version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    record: RecordId,
    h1: Hash,
    cuts: Cuts,
}

impl Withheld {
    /// These stretches of the content of this version, in which lie so many fields.
    ///
    /// # Errors
    /// [`ErrorCode::TooLarge`] for a record that is lent by its content key; [`ErrorCode::Malformed`] as [`Cuts::new`].
    pub fn of(version: &OpenedVersion, stretches: Vec<Range<u64>>, fields: u32) -> Result<Self, ErrorCode> {
        let length = version.meta().length;
        if length > BLOB_BORDER {
            return Err(ErrorCode::TooLarge);
        }
        let envelope = version.envelope();
        Ok(Self { record: envelope.header.record, h1: envelope.h1(), cuts: Cuts::new(stretches, length, fields)? })
    }

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
