//! The log of changes as this device has replayed it, and what other devices have signed of it (protocol section 5.6).
//!
//! The device keeps the tree over all leaves but the last few, and those one by one: so it knows the root at any recent
//! count, and can check a checkpoint whose signer had read less than it has.

use std::collections::{BTreeMap, VecDeque};

use glimpse_wire::account::{Head, Signed};
use glimpse_wire::limits::MAX_CHECKPOINT_JUMP;
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::preimage::{StatementKind, checkpoint_hash};
use glimpse_wire::record::Checkpoint;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, RecordId, SUITE, SigningKeyBytes, UnixMillis};
use minicbor::{Decode, Encode};

/// Leaves that are kept one by one: more than a page has.
const RECENT: usize = 1_024;

/// What is wrong with the server's list of changes. Nothing is published, lent or vouched for while one stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[cbor(flat)]
pub enum LogAlarm {
    /// Changes are gone: a backup was restored there, or they are kept from this device.
    #[error("the server has {newest} changes, and had {seen}")]
    #[n(1)]
    RolledBack {
        /// How many there were: as this device has read or a device has signed.
        #[n(0)]
        seen: u64,
        /// How many the server says there are.
        #[n(1)]
        newest: u64,
    },
    /// A device signed another list: a change is hidden from one of the two, or differs, or came in another order.
    #[error("of the changes {after} to {count}, what device {device} signed is not what is listed here", after = .agreed.saturating_add(1))]
    #[n(2)]
    Differs {
        /// Up to here the two agreed.
        #[n(0)]
        agreed: u64,
        /// Up to here the other device had read.
        #[n(1)]
        count: u64,
        /// Number of the checkpoint.
        #[n(2)]
        number: u64,
        /// Who signed it.
        #[n(3)]
        device: DeviceId,
    },
    /// The server keeps the newest checkpoint back.
    #[error("the server has checkpoint {number} as the newest, and had {seen}")]
    #[n(3)]
    CheckpointRolledBack {
        /// The highest number that was seen.
        #[n(0)]
        seen: u64,
        /// The one that the server gave; 0 for none.
        #[n(1)]
        number: u64,
    },
    /// There are two checkpoints where there can be one: the server shows one to some devices and one to others.
    #[error("checkpoint {number} does not follow the one before it")]
    #[n(4)]
    CheckpointForked {
        /// Its number.
        #[n(0)]
        number: u64,
    },
    /// The versions of a record only rise, and its deletion is the last of it: one was listed twice, or in another order.
    #[error("change {seq} of record {record} does not come after what was listed before it")]
    #[n(6)]
    OutOfOrder {
        /// Number of the change.
        #[n(0)]
        seq: u64,
        /// Which record.
        #[n(1)]
        record: RecordId,
    },
    /// A version that this device published, and that the server took, is not where it was put.
    #[error("change {seq} is not the version of record {record} that this device published")]
    #[n(7)]
    NotAsPublished {
        /// The number that the server gave it.
        #[n(0)]
        seq: u64,
        /// Which record.
        #[n(1)]
        record: RecordId,
    },
    /// No device that belonged to the account signed the checkpoint.
    #[error("checkpoint {number} is signed by no device of the account")]
    #[n(5)]
    BadSignature {
        /// The number that it claims; 0 where it has none.
        #[n(0)]
        number: u64,
    },
}

impl LogAlarm {
    /// One word for programs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "rolled-back",
            Self::Differs { .. } => "differs",
            Self::CheckpointRolledBack { .. } => "checkpoint-rolled-back",
            Self::CheckpointForked { .. } => "checkpoint-forked",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::NotAsPublished { .. } => "not-as-published",
            Self::BadSignature { .. } => "checkpoint-unsigned",
        }
    }
}

/// A checkpoint as a page has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it moves by value")]
pub(super) enum Word {
    /// There is none.
    None,
    /// One that no device of the account signed.
    Bad {
        /// What it claims.
        number: u64,
    },
    /// One that a device of the account signed, and its hash.
    Signed(Checkpoint, Hash),
}

impl Word {
    /// Reads what a page brought. `signer` gives the key of a device that belonged to the account at a head.
    pub(super) fn read(
        signed: &[Signed],
        account: &AccountId,
        signer: impl Fn(&DeviceId, &Head) -> Option<SigningKeyBytes>,
    ) -> Result<Self, ErrorCode> {
        let signed = match signed {
            [] => return Ok(Self::None),
            [signed] => signed,
            [_, _, ..] => return Err(ErrorCode::Malformed),
        };
        let Ok(claimed) = signed.peek::<Checkpoint>() else { return Ok(Self::Bad { number: 0 }) };
        let opened = signer(&claimed.device, &claimed.head)
            .and_then(|key| signed.open::<Checkpoint>(StatementKind::Checkpoint, &key).ok())
            .filter(|opened| opened.suite == SUITE && opened.account == *account && opened.number > 0);
        Ok(match opened {
            Some(opened) => Self::Signed(opened, checkpoint_hash(signed.statement.as_slice())),
            None => Self::Bad { number: claimed.number },
        })
    }
}

/// A checkpoint, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Mark {
    #[n(0)]
    number: u64,
    #[n(1)]
    hash: Hash,
    #[n(2)]
    count: u64,
    #[n(3)]
    root: Hash,
    #[n(4)]
    device: DeviceId,
    /// Number of the link that was the newest when its signer had read so far.
    #[n(5)]
    head: u64,
}

impl Mark {
    const fn new(checkpoint: &Checkpoint, hash: Hash) -> Self {
        let Checkpoint { number, count, root, device, head, .. } = *checkpoint;
        Self { number, hash, count, root, device, head: head.seq }
    }
}

/// A change that a later one replaced: the later one is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Awaited {
    #[n(0)]
    pub(super) record: RecordId,
    #[n(1)]
    pub(super) seq: u64,
    #[n(2)]
    pub(super) version: u64,
    /// Of its kind: [`glimpse_wire::record::Change::VERSION`] and so on.
    #[n(3)]
    pub(super) kind: u8,
}

/// As an array: files of ours hold no maps.
mod awaited {
    use std::collections::BTreeMap;

    use glimpse_wire::RecordId;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::Error as EncodeError;
    use minicbor::encode::Write;
    use minicbor::{Decode, Decoder, Encode, Encoder};

    use super::Awaited;

    pub(super) fn encode<C, W: Write>(
        awaited: &BTreeMap<RecordId, Awaited>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        awaited.values().copied().collect::<Vec<_>>().encode(encoder, context)
    }

    pub(super) fn decode<C>(
        decoder: &mut Decoder<'_>,
        context: &mut C,
    ) -> Result<BTreeMap<RecordId, Awaited>, DecodeError> {
        let awaited = Vec::<Awaited>::decode(decoder, context)?;
        Ok(awaited.into_iter().map(|awaited| (awaited.record, awaited)).collect())
    }
}

/// The log up to where this device has replayed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Log {
    /// The tree over all leaves before the recent ones.
    #[n(0)]
    base: MerkleTree,
    /// Hashes of the recent leaves.
    #[n(1)]
    recent: VecDeque<Hash>,
    /// The checkpoint by which later ones are measured.
    #[n(2)]
    newest: Option<Mark>,
    /// The checkpoint in the last page that had a good one.
    #[n(3)]
    presented: Option<Mark>,
    /// The highest checkpoint from before the list was accepted as it is: the next one gets a higher number.
    #[n(4)]
    highest: Option<Mark>,
    /// The newest one, until its root was compared: its count may still be to come.
    #[n(5)]
    due: Option<Mark>,
    /// Up to here a checkpoint of another look or device had the same root.
    #[n(6)]
    agreed: u64,
    #[n(7)]
    alarms: Vec<LogAlarm>,
    /// Replaced changes of which the later one is still to come, by record.
    #[cbor(n(8), with = "awaited")]
    pub(super) awaited: BTreeMap<RecordId, Awaited>,
    /// Whether the log is being read from its beginning, beside what was known.
    #[n(9)]
    pub(super) again: bool,
    /// How often it was begun again.
    #[n(10)]
    begun: u32,
    /// Up to here something was not as it must be: this device vouches for nothing until another has for as much.
    #[n(11)]
    trouble: u64,
    /// The highest link that a device's change has named so far.
    #[n(12)]
    named: u64,
}

impl Log {
    /// Changes that were replayed: those numbered 1 to this.
    pub(super) fn count(&self) -> u64 {
        self.base.count().saturating_add(u64::try_from(self.recent.len()).unwrap_or(u64::MAX))
    }

    /// What is wrong, the first of each kind.
    pub(super) fn alarms(&self) -> &[LogAlarm] {
        &self.alarms
    }

    /// Takes the next leaf, by its hash.
    pub(super) fn push(&mut self, leaf: Hash) {
        self.recent.push_back(leaf);
        if self.recent.len() > RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.base.push_hash(oldest);
        }
    }

    /// The root over the leaves 1 to `count`; nothing where that is longer ago than is kept, or not yet reached.
    fn root_at(&self, count: u64) -> Option<Hash> {
        let of_recent = usize::try_from(count.checked_sub(self.base.count())?).ok()?;
        if of_recent > self.recent.len() {
            return None;
        }
        let mut tree = self.base.clone();
        self.recent.iter().take(of_recent).for_each(|leaf| tree.push_hash(*leaf));
        Some(tree.root())
    }

    /// A change up to here is not as it must be. While the log is read again, that is what the user has accepted.
    pub(super) fn trouble(&mut self, seq: u64) {
        if !self.again {
            self.trouble = self.trouble.max(seq);
        }
    }

    /// Whether a device's change numbered `seq` may name the link numbered `head`. The server takes what names the newest
    /// link only, so later changes never name earlier links: what does was signed by a device that has been taken out
    /// since, and put in behind.
    pub(super) fn may_name(&mut self, seq: u64, head: u64) -> bool {
        let vouched = [self.newest, self.presented].into_iter().flatten();
        let floor = vouched.filter(|mark| seq > mark.count).map(|mark| mark.head).max().unwrap_or(0);
        let fits = head >= self.named.max(floor);
        self.named = self.named.max(head);
        fits
    }

    /// Whether there is something for the user to accept.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.alarms.is_empty() || self.trouble > 0
    }

    pub(super) fn raise(&mut self, alarm: LogAlarm) {
        let same = |known: &LogAlarm| core::mem::discriminant(known) == core::mem::discriminant(&alarm);
        if !self.alarms.iter().any(same) {
            self.alarms.push(alarm);
        }
    }

    /// Takes the checkpoint of a page. Its root is compared as soon as its count is reached.
    pub(super) fn hear(&mut self, word: Word, newest: u64) {
        let (checkpoint, hash) = match word {
            Word::None => {
                self.presented = None;
                if let Some(known) = self.newest {
                    self.raise(LogAlarm::CheckpointRolledBack { seen: known.number, number: 0 });
                }
                return;
            }
            Word::Bad { number } => return self.raise(LogAlarm::BadSignature { number }),
            Word::Signed(checkpoint, hash) => (checkpoint, hash),
        };
        let Checkpoint { number, previous, count, .. } = checkpoint;
        let mark = Mark::new(&checkpoint, hash);
        self.presented = Some(mark);
        // Numbers rise by one; one that is far ahead leaves no room for others, and was not reached by signing.
        let far = self.newest.map_or(0, |known| known.number).max(count).saturating_add(MAX_CHECKPOINT_JUMP);
        if number > far {
            self.presented = None;
            return self.raise(LogAlarm::BadSignature { number });
        }
        if let Some(known) = self.newest {
            if number < known.number {
                return self.raise(LogAlarm::CheckpointRolledBack { seen: known.number, number });
            }
            if mark == known {
                return;
            }
            let follows = number > known.number
                && mark.head >= known.head
                && count > known.count
                && (Some(number) != known.number.checked_add(1) || previous == known.hash);
            if !follows {
                return self.raise(LogAlarm::CheckpointForked { number });
            }
        }
        self.newest = Some(mark);
        self.due = Some(mark);
        if count > newest {
            self.raise(LogAlarm::RolledBack { seen: count, newest });
        }
    }

    /// Compares the root of the checkpoint that is due, if its count is reached.
    pub(super) fn compare(&mut self) {
        let reached = self.count();
        let Some(due) = self.due.take_if(|due| due.count <= reached) else { return };
        match self.root_at(due.count) {
            Some(root) if root == due.root => {
                self.agreed = self.agreed.max(due.count);
                if self.trouble <= due.count {
                    self.trouble = 0;
                }
            }
            Some(_) => {
                let Mark { number, count, device, .. } = due;
                self.raise(LogAlarm::Differs { agreed: self.agreed.min(count), count, number, device });
            }
            // Its signer had read so much less than this device that nothing can be said: as if it had not come.
            None => {}
        }
    }

    /// The checkpoint to sign over what was replayed; nothing where a newer one says as much, or where something is wrong.
    pub(super) fn next_checkpoint(
        &self,
        account: AccountId,
        device: DeviceId,
        head: Head,
        at: UnixMillis,
    ) -> Option<Checkpoint> {
        let count = self.count();
        if self.is_in_doubt() || self.again || count <= self.newest.map_or(0, |mark| mark.count) {
            return None;
        }
        let before = match (self.newest, self.highest) {
            (Some(newest), Some(highest)) if highest.number > newest.number => Some(highest),
            (newest, highest) => newest.or(highest),
        };
        let (number, previous) = before.map_or((0, Hash::ZERO), |before| (before.number, before.hash));
        let (number, root) = (number.checked_add(1)?, self.root_at(count)?);
        Some(Checkpoint { suite: SUITE, account, number, previous, head, count, root, at, device })
    }

    /// The server has taken this device's checkpoint.
    pub(super) fn signed(&mut self, checkpoint: &Checkpoint) {
        let mark = Mark::new(checkpoint, checkpoint_hash(&glimpse_wire::encode(checkpoint)));
        (self.newest, self.presented) = (Some(mark), Some(mark));
        self.agreed = mark.count;
    }

    /// Nothing replayed: what was known before comes again.
    pub(super) fn unread() -> Self {
        Self { again: true, ..Self::default() }
    }

    /// The user takes the list as the server has it: the log is read from its beginning, and the checkpoint that the
    /// server showed last is where later ones go on, whatever it says.
    pub(super) fn begin_again(&mut self) {
        let highest = [self.highest, self.newest].into_iter().flatten().max_by_key(|mark| mark.number);
        *self = Self {
            newest: self.presented,
            presented: self.presented,
            highest,
            again: true,
            begun: self.begun.saturating_add(1),
            ..Self::default()
        };
    }

    /// Whether this was begun again after `other` was.
    pub(super) const fn is_later_than(&self, other: &Self) -> bool {
        self.begun > other.begun
    }

    /// Two that were read from the same beginning, by two processes: the one that has read less goes on, and knows of
    /// every checkpoint and alarm that either knows.
    pub(super) fn merged_with(self, other: Self) -> Self {
        let (mut less, more) = if self.count() <= other.count() { (self, other) } else { (other, self) };
        let number = |mark: &Option<Mark>| mark.map_or(0, |mark| mark.number);
        if number(&more.newest) > number(&less.newest) {
            (less.newest, less.presented, less.due) = (more.newest, more.presented, more.newest);
        }
        if number(&more.highest) > number(&less.highest) {
            less.highest = more.highest;
        }
        more.alarms.into_iter().for_each(|alarm| less.raise(alarm));
        less.again |= more.again;
        less.trouble = less.trouble.max(more.trouble);
        less
    }
}

#[cfg(test)]
mod tests;
