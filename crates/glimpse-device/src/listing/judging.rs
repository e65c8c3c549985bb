//! What a change may do to what was seen before (protocol section 5.5).

use glimpse_wire::record::{Change, Deletion};
use glimpse_wire::{ErrorCode, Hash, RecordId};

use super::log::{Awaited, LogAlarm};
use super::looking::{News, Seen};
use super::{Entry, Listing, MAX_UNREADABLE, Measure, Standing};

impl Listing {
    pub(super) fn take(&mut self, seq: u64, news: News) {
        let awaited = news.record().and_then(|record| self.log.awaited.remove(&record));
        let disordered = awaited.is_some_and(|awaited| !news.may_replace(&awaited));
        if let Some(record) = news.record()
            && (disordered || self.is_doubled(&record, seq, &news))
        {
            self.log.raise(LogAlarm::OutOfOrder { seq, record });
        }
        match news {
            News::Version(seen) => self.take_version(seq, seen),
            News::Deletion(deletion) => self.take_deletion(seq, &deletion),
            News::Replaced { record, version, kind, h1: _ } => {
                self.log.awaited.insert(record, Awaited { record, seq, version, kind });
            }
            News::Unreadable(Some(record)) => self.mark(record, seq, ErrorCode::RecordTampered),
            News::Unreadable(None) => {
                self.log.trouble(seq);
                if self.unreadable.len() < MAX_UNREADABLE {
                    self.unreadable.insert(seq);
                }
            }
        }
    }

    /// At the end of a look. What the server says was replaced, and what of it did not come, is kept from this device; and
    /// so is, after the log was read again, what was known and is not in it.
    pub(super) fn name_hidden(&mut self) {
        for Awaited { record, seq, .. } in core::mem::take(&mut self.log.awaited).into_values() {
            self.mark(record, seq, ErrorCode::RecordRolledBack);
        }
        if core::mem::take(&mut self.log.again) {
            self.name_missing();
        }
    }

    /// Whether a change says what an earlier one of its record said. The versions of a record only rise, and a writer's is
    /// approved once.
    fn is_doubled(&self, record: &RecordId, seq: u64, news: &News) -> bool {
        let Some(known) = self.entries.get(record).filter(|known| known.seq > 0 && known.seq < seq) else {
            return false;
        };
        let approves = |kind: u8, version: u64, h1: Hash| {
            kind == Change::APPROVED && !known.measure.is_own() && (version, h1) == (known.version, known.h1)
        };
        match news {
            News::Version(seen) => {
                known.measure != Measure::Deletion
                    && (seen.version, seen.h1) == (known.version, known.h1)
                    && !approves(seen.kind, seen.version, seen.h1)
            }
            News::Deletion(deletion) => {
                known.measure == Measure::Deletion && (deletion.version, deletion.h1) == (known.version, known.h1)
            }
            News::Replaced { version, h1, kind, .. } => {
                known.measure != Measure::Nothing && *version <= known.version && !approves(*kind, *version, *h1)
            }
            News::Unreadable(_) => false,
        }
    }

    fn take_version(&mut self, seq: u64, seen: Seen) {
        // What a writer names is the writer's word; what a decision names is a device's.
        let by_device = matches!(seen.standing, Standing::Own | Standing::Approved);
        if by_device && !self.log.may_name(seq, seen.head) {
            return self.mark(seen.record, seq, ErrorCode::RecordTampered);
        }
        let judged = self.entries.get(&seen.record).map_or(Ok(()), |known| follows(known, &seen));
        if let Err(code) = judged {
            return self.mark(seen.record, seq, code);
        }
        let measure = match seen.standing {
            Standing::Own | Standing::Approved => Measure::Own,
            Standing::Pending => Measure::Written,
            Standing::Unsigned | Standing::Deleted | Standing::Trouble { .. } => Measure::Nothing,
        };
        let Seen { record, version, h1, created, meta, standing, epoch, writer, head: _, previous: _, kind: _ } = seen;
        let entry = Entry { record, version, h1, seq, created, meta, standing, measure, epoch, writer, pinned: None };
        self.entries.insert(record, entry);
    }

    fn take_deletion(&mut self, seq: u64, deletion: &Deletion) {
        if !self.log.may_name(seq, deletion.head.seq) {
            return self.mark(deletion.record, seq, ErrorCode::RecordTampered);
        }
        let known = self.entries.get(&deletion.record);
        // A deletion names the version that it removes; an old one does not remove a newer.
        let judged = match known {
            Some(known) if known.measure.is_own() && known.version > deletion.version => {
                Err(ErrorCode::RecordRolledBack)
            }
            Some(known) if known.measure.is_own() && known.version == deletion.version && known.h1 != deletion.h1 => {
                Err(ErrorCode::RecordTampered)
            }
            Some(_) | None => Ok(()),
        };
        if let Err(code) = judged {
            return self.mark(deletion.record, seq, code);
        }
        let entry = Entry {
            record: deletion.record,
            version: deletion.version,
            h1: deletion.h1,
            seq,
            created: deletion.at,
            meta: None,
            standing: Standing::Deleted,
            measure: Measure::Deletion,
            epoch: 0,
            writer: None,
            pinned: None,
        };
        self.entries.insert(deletion.record, entry);
    }

    /// The record is named, the others stay usable. What was seen before stays the measure.
    fn mark(&mut self, record: RecordId, seq: u64, code: ErrorCode) {
        self.log.trouble(seq);
        let standing = Standing::Trouble { code };
        let marked = match self.entries.get(&record) {
            Some(known) => Entry { seq, standing, ..known.clone() },
            None => Entry { seq, standing, ..Entry::nameless(record) },
        };
        self.entries.insert(record, marked);
    }

    fn name_missing(&mut self) {
        self.entries.retain(|_, known| known.measure != Measure::Nothing || known.seq > 0);
        for known in self.entries.values_mut() {
            match known.standing {
                Standing::Own | Standing::Pending | Standing::Approved if known.seq == 0 => {
                    known.standing = Standing::Trouble { code: ErrorCode::RecordRolledBack };
                }
                Standing::Own
                | Standing::Pending
                | Standing::Approved
                | Standing::Unsigned
                | Standing::Deleted
                | Standing::Trouble { .. } => {}
            }
        }
    }

    /// The log is read from its beginning; what was seen before stays the measure.
    pub(super) fn begin_again(&mut self) {
        self.log.begin_again();
        self.unreadable.clear();
        self.forget_numbers();
    }

    pub(super) fn forget_numbers(&mut self) {
        self.entries.values_mut().for_each(|known| known.seq = 0);
    }

    /// What another process has stored meanwhile, with whatever this one has seen of it later.
    pub(super) fn merged_with(mut self, mut other: Self) -> Self {
        // Numbers of a log that was begun again meanwhile say nothing.
        if self.log.is_later_than(&other.log) {
            other.forget_numbers();
        } else if other.log.is_later_than(&self.log) {
            self.forget_numbers();
            self.log = other.log;
        } else {
            // Read again from the lower number: what is taken twice changes nothing.
            self.log = self.log.merged_with(other.log);
        }
        for (record, seen) in &other.entries {
            let later = self
                .entries
                .get(record)
                .is_none_or(|known| (known.measure, known.version, known.seq) < (seen.measure, seen.version, seen.seq));
            if later {
                self.entries.insert(*record, seen.clone());
            }
        }
        self.stated = self.stated.max(other.stated);
        self.unreadable.extend(other.unreadable.iter().take(MAX_UNREADABLE));
        self
    }
}

/// Whether a version may come after what is known of its record.
pub(super) fn follows(known: &Entry, seen: &Seen) -> Result<(), ErrorCode> {
    let same = seen.version == known.version && seen.h1 == known.h1;
    match (known.measure, seen.standing) {
        // Nothing that anybody vouches for was seen so far.
        (Measure::Nothing, _) => Ok(()),
        (Measure::Deletion, Standing::Own | Standing::Pending | Standing::Approved) => Err(ErrorCode::RecordRolledBack),
        // A device of the account has the last word on what a writer left.
        (Measure::Written, Standing::Own) => Ok(()),
        (Measure::Own, Standing::Own) => {
            if seen.version < known.version {
                return Err(ErrorCode::RecordRolledBack);
            }
            // The same version with other bytes, or a next version that was not made from the one that was seen.
            let forked = (seen.version == known.version && !same)
                || (Some(seen.version) == known.version.checked_add(1) && seen.previous != known.h1);
            if forked { Err(ErrorCode::RecordTampered) } else { Ok(()) }
        }
        (Measure::Written, Standing::Pending | Standing::Approved) if same => Ok(()),
        (Measure::Own, Standing::Approved) if same => Ok(()),
        // What was approved is shown without its decision, or in the place of a later version.
        (Measure::Own, Standing::Pending) if same => Err(ErrorCode::RecordRolledBack),
        (Measure::Own, Standing::Approved) if seen.version < known.version => Err(ErrorCode::RecordRolledBack),
        // Anybody can make these: they are named, and move nothing.
        (Measure::Own | Measure::Written, Standing::Pending | Standing::Approved)
        | (_, Standing::Unsigned | Standing::Deleted | Standing::Trouble { .. }) => Err(ErrorCode::RecordTampered),
    }
}
