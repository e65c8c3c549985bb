//! What a change says, as far as it can be believed: read, opened and checked by itself, without what was seen before.

use std::collections::BTreeMap;

use glimpse_core::kem::KemSecret;
use glimpse_core::record::{OpenedVersion, Origin};
use glimpse_wire::account::{DevicePublic, Head, Signed};
use glimpse_wire::chain::{Chain, Standing as HeadStanding};
use glimpse_wire::limits::{MAX_ENVELOPE, MAX_SIGNED};
use glimpse_wire::merkle::leaf_hash;
use glimpse_wire::preimage::{StatementKind, log_leaf};
use glimpse_wire::record::{Change, Checkpoint, Decision, Deletion, Envelope, Meta};
use glimpse_wire::{AuthorId, DeviceId, ErrorCode, Hash, RecordId, SUITE, UnixMillis, decode};

use super::Standing;
use super::log::Awaited;

/// Items for which another thread is worth its start.
#[cfg(not(target_arch = "wasm32"))]
const WORTH_A_THREAD: usize = 8;

/// One change of a page.
#[derive(Debug)]
pub(super) struct Looked {
    /// The server's number for it.
    pub(super) seq: u64,
    /// Hash of its leaf of the log.
    pub(super) leaf: Hash,
    pub(super) news: News,
}

/// What one change says.
#[derive(Debug)]
pub(super) enum News {
    /// A version.
    Version(Seen),
    /// A deletion that a device of the account signed.
    Deletion(Deletion),
    /// One that a later change of the same record took the place of, as the server says.
    Replaced {
        record: RecordId,
        version: u64,
        h1: Hash,
        /// [`Change::VERSION`], [`Change::PENDING`], [`Change::DELETED`] or [`Change::APPROVED`].
        kind: u8,
    },
    /// Something that cannot be read or is not signed as it must be; the record that it names, if it names one.
    Unreadable(Option<RecordId>),
}

/// A version as its envelope has it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) record: RecordId,
    pub(super) version: u64,
    pub(super) previous: Hash,
    pub(super) h1: Hash,
    pub(super) created: UnixMillis,
    /// For which it is sealed.
    pub(super) epoch: u32,
    /// Number of the link that it names as the newest; of an approved one, that the decision names.
    pub(super) head: u64,
    /// Nothing when it did not open.
    pub(super) meta: Option<Meta>,
    /// By itself: [`Standing::Own`], [`Standing::Pending`], [`Standing::Approved`], [`Standing::Unsigned`], or
    /// [`Standing::Trouble`] when it did not open.
    pub(super) standing: Standing,
    /// Whose signature it carries, of a writer's.
    pub(super) writer: Option<AuthorId>,
    /// [`Change::VERSION`], [`Change::PENDING`] or [`Change::APPROVED`].
    pub(super) kind: u8,
}

impl News {
    /// About which record.
    pub(super) const fn record(&self) -> Option<RecordId> {
        match self {
            Self::Version(seen) => Some(seen.record),
            Self::Deletion(deletion) => Some(deletion.record),
            Self::Replaced { record, .. } => Some(*record),
            Self::Unreadable(record) => *record,
        }
    }

    /// Whether it may be what took the place of a change of the same record: a higher version, the deletion of that or of
    /// a higher one, or of a writer's the decision that approves it. What cannot be read is named for itself.
    pub(super) const fn may_replace(&self, replaced: &Awaited) -> bool {
        let (version, kind) = match self {
            Self::Version(seen) => (seen.version, seen.kind),
            Self::Deletion(deletion) => (deletion.version, Change::DELETED),
            Self::Replaced { version, kind, .. } => (*version, *kind),
            Self::Unreadable(_) => return true,
        };
        match (replaced.kind, kind) {
            (Change::DELETED, Change::DELETED) => version >= replaced.version,
            // Nothing comes after a deletion.
            (Change::DELETED, _) => false,
            (_, Change::DELETED) | (Change::PENDING, Change::APPROVED) => version >= replaced.version,
            (_, _) => version > replaced.version,
        }
    }
}

/// By what a change is checked.
#[derive(Clone, Copy)]
pub(super) struct Eyes<'d> {
    pub(super) chain: &'d Chain,
    pub(super) keys: &'d BTreeMap<u32, KemSecret>,
}

impl Eyes<'_> {
    /// The changes of a page, in their order.
    pub(super) fn look_at(&self, changes: &[Change]) -> Vec<Looked> {
        each(changes, |change| {
            let (seq, news, kind, body) = match change {
                Change::Version { seq, envelope } => {
                    (seq, self.version(envelope.as_slice(), Change::VERSION), Change::VERSION, envelope.as_slice())
                }
                Change::Pending { seq, envelope } => {
                    (seq, self.version(envelope.as_slice(), Change::PENDING), Change::PENDING, envelope.as_slice())
                }
                Change::Decided { seq, envelope, decision } => {
                    let news = self.approved(envelope.as_slice(), decision.as_slice());
                    (seq, news, Change::APPROVED, envelope.as_slice())
                }
                Change::Deleted { seq, deletion } => {
                    (seq, self.deletion(deletion.as_slice()), Change::DELETED, deletion.as_slice())
                }
                Change::Replaced { seq, record, version, h1, kind } => {
                    let leaf = leaf_hash(&log_leaf(record, *version, h1, *kind));
                    return Looked { seq: *seq, leaf, news: replaced(*record, *version, *h1, *kind) };
                }
            };
            let leaf = match &news {
                News::Version(seen) => log_leaf(&seen.record, seen.version, &seen.h1, kind),
                News::Deletion(deletion) => log_leaf(&deletion.record, deletion.version, &deletion.h1, kind),
                // Not a leaf that any device would sign.
                News::Replaced { .. } | News::Unreadable(_) => body.to_vec(),
            };
            Looked { seq: *seq, leaf: leaf_hash(&leaf), news }
        })
    }

    /// Heads that this chain does not have, each named by the signature of a device that belongs: in a version, a deletion or
    /// a checkpoint.
    pub(super) fn elsewhere(&self, changes: &[Change], checkpoint: &[Signed]) -> Vec<(Head, DeviceId)> {
        let strange = |head: &Head| matches!(self.chain.compare(head), HeadStanding::Ahead | HeadStanding::Forked);
        let signed_by = |head: &Head, signed: &dyn Fn(&DevicePublic) -> bool| {
            let mut active = self.chain.members().iter().filter(|member| member.until.is_none());
            active.find(|member| signed(&member.device)).map(|member| (*head, member.id))
        };
        let of_change = |change: &Change| match change {
            Change::Version { envelope, .. } => {
                let envelope = decode::<Envelope>(envelope.as_slice(), MAX_ENVELOPE).ok()?;
                let head = Some(envelope.head).filter(strange)?;
                signed_by(&head, &|device| envelope.verify(&device.signing, device.id().into()).is_ok())
            }
            Change::Deleted { deletion, .. } => {
                let signed: Signed = decode(deletion.as_slice(), MAX_ENVELOPE).ok()?;
                let head = signed.peek::<Deletion>().ok().map(|deletion| deletion.head).filter(strange)?;
                signed_by(&head, &|device| signed.open::<Deletion>(StatementKind::Deletion, &device.signing).is_ok())
            }
            Change::Decided { decision, .. } => {
                let signed: Signed = decode(decision.as_slice(), MAX_SIGNED).ok()?;
                let head = signed.peek::<Decision>().ok().map(|decision| decision.head).filter(strange)?;
                signed_by(&head, &|device| signed.open::<Decision>(StatementKind::Decision, &device.signing).is_ok())
            }
            // The head in a writer's version is the writer's word.
            Change::Pending { .. } | Change::Replaced { .. } => None,
        };
        let of_checkpoint = |signed: &Signed| {
            let head = signed.peek::<Checkpoint>().ok().map(|checkpoint| checkpoint.head).filter(strange)?;
            signed_by(&head, &|device| signed.open::<Checkpoint>(StatementKind::Checkpoint, &device.signing).is_ok())
        };
        changes.iter().filter_map(of_change).chain(checkpoint.iter().filter_map(of_checkpoint)).collect()
    }

    /// Opens an envelope.
    ///
    /// # Errors
    /// [`glimpse_core::OpenError`].
    pub(super) fn open(&self, envelope: Envelope) -> Result<OpenedVersion, glimpse_core::OpenError> {
        let key = self.keys.get(&envelope.header.epoch).ok_or(glimpse_core::OpenError)?;
        let author = self.author(&envelope);
        OpenedVersion::open(envelope, &self.chain.account(), key, author.as_slice())
    }

    /// The device that an envelope names, if it belonged to the account at the head that it names and sealed for the epoch
    /// of that time.
    fn author(&self, envelope: &Envelope) -> Option<DevicePublic> {
        let head = &envelope.head;
        let member = self.chain.active_at(&DeviceId(envelope.header.author.0), head)?;
        let fits = self.chain.epoch_at(head.seq) == Some(envelope.header.epoch);
        fits.then(|| member.device.clone())
    }

    /// A decision about `envelope`, and the device that made it: one that belonged to the account at the head that the
    /// decision names.
    fn decision(&self, bytes: &[u8], envelope: &Envelope) -> Option<(Signed, Decision, DevicePublic)> {
        let signed: Signed = decode(bytes, MAX_SIGNED).ok()?;
        let claimed: Decision = signed.peek().ok()?;
        let member = self.chain.active_at(&claimed.device, &claimed.head)?;
        let decision = Decision::open(&signed, &member.device, envelope).ok()?;
        (decision.account == self.chain.account()).then(|| (signed, decision, member.device.clone()))
    }

    /// Opens an envelope that a decision came with.
    ///
    /// # Errors
    /// [`glimpse_core::OpenError`], also when the decision does not hold.
    pub(super) fn open_approved(
        &self,
        envelope: Envelope,
        decision: &[u8],
    ) -> Result<OpenedVersion, glimpse_core::OpenError> {
        let (signed, _, device) = self.decision(decision, &envelope).ok_or(glimpse_core::OpenError)?;
        self.open(envelope)?.approved(&signed, &device)
    }

    /// A writer's version with the decision that approves it. One whose decision does not hold is nobody's word.
    fn approved(&self, bytes: &[u8], decision: &[u8]) -> News {
        let news = self.version(bytes, Change::APPROVED);
        let News::Version(seen) = news else { return news };
        let held = Envelope::parse(bytes).ok().and_then(|envelope| self.decision(decision, &envelope));
        match held {
            Some((_, decision, _)) => News::Version(Seen { head: decision.head.seq, ..seen }),
            None => News::Unreadable(Some(seen.record)),
        }
    }

    fn version(&self, bytes: &[u8], kind: u8) -> News {
        let Ok(envelope) = Envelope::parse(bytes) else {
            let named = decode::<Envelope>(bytes, MAX_ENVELOPE).ok().map(|envelope| envelope.header.record);
            return News::Unreadable(named);
        };
        let (header, h1, head) = (envelope.header, envelope.h1(), envelope.head.seq);
        let (meta, standing, writer) = match self.open(envelope) {
            Ok(opened) => {
                let (standing, writer) = match opened.origin() {
                    Origin::Own if kind == Change::VERSION => (Standing::Own, None),
                    // A decision that does not hold makes nothing of it: see `approved`.
                    Origin::Writer(writer) if kind == Change::APPROVED => (Standing::Approved, Some(writer)),
                    // A writer's record in the place of a device's is still only a writer's.
                    Origin::Writer(writer) | Origin::Approved(writer) => (Standing::Pending, Some(writer)),
                    Origin::Own | Origin::Unsigned => (Standing::Unsigned, None),
                };
                (Some(opened.meta().clone()), standing, writer)
            }
            Err(glimpse_core::OpenError) => (None, Standing::Trouble { code: ErrorCode::RecordTampered }, None),
        };
        News::Version(Seen {
            record: header.record,
            version: header.version,
            previous: header.previous,
            h1,
            created: header.created,
            epoch: header.epoch,
            head,
            meta,
            standing,
            writer,
            kind,
        })
    }

    fn deletion(&self, bytes: &[u8]) -> News {
        let Ok(signed) = decode::<Signed>(bytes, MAX_ENVELOPE) else { return News::Unreadable(None) };
        let Ok(claimed) = signed.peek::<Deletion>() else { return News::Unreadable(None) };
        // Nothing in it says who signed: it is one of those who belonged at its head.
        let belonged = self.chain.members().iter().filter(|member| member.belonged_at(claimed.head.seq));
        let opened = belonged
            .filter(|member| self.chain.active_at(&member.id, &claimed.head).is_some())
            .find_map(|member| signed.open::<Deletion>(StatementKind::Deletion, &member.device.signing).ok());
        match opened {
            Some(deletion) if deletion.suite == SUITE && deletion.account == self.chain.account() => {
                News::Deletion(deletion)
            }
            Some(_) | None => News::Unreadable(Some(claimed.record)),
        }
    }
}

const fn replaced(record: RecordId, version: u64, h1: Hash, kind: u8) -> News {
    match kind {
        Change::VERSION | Change::PENDING | Change::DELETED | Change::APPROVED => {
            News::Replaced { record, version, h1, kind }
        }
        _ => News::Unreadable(Some(record)),
    }
}

/// Does `work` for each item, on as many threads as there are processors; the results in the items' order. Opening one
/// envelope takes most of a millisecond.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    let part = items.len().div_ceil(threads).max(WORTH_A_THREAD);
    if items.len() <= part {
        return items.iter().map(work).collect();
    }
    std::thread::scope(|scope| {
        let parts = items.chunks(part).map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<R>>()));
        let running: Vec<_> = parts.collect();
        let done = running.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.flatten().collect()
    })
}

/// Does `work` for each item. A page has one thread.
#[cfg(target_arch = "wasm32")]
pub(super) fn each<T, R>(items: &[T], work: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}
