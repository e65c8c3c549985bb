//! Devices of one account against a server that keeps the rules, and against one that does not: many seeds each. Whole
//! devices against a real server are in `tests/it/checkpoints.rs`.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers; one that overflows fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use glimpse_core::keys::DeviceKeys;
use glimpse_wire::merkle::leaf_hash;
use glimpse_wire::preimage::log_leaf;
use glimpse_wire::record::{Change, Deletion};

use super::super::looking::{Looked, News, Seen};
use super::super::{Listing, Published, Standing};
use super::*;
use crate::native::Machine;
use crate::surroundings::SystemRng;

const ACCOUNT: AccountId = AccountId([1; 32]);
const HEAD: Head = Head { seq: 0, hash: Hash([3; 32]) };

/// SplitMix64: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn hash(&mut self) -> Hash {
        let mut bytes = [0; 32];
        bytes.iter_mut().for_each(|byte| *byte = u8::try_from(self.roll(256)).unwrap());
        Hash(bytes)
    }
}

/// One change as a server keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    record: RecordId,
    version: u64,
    previous: Hash,
    h1: Hash,
    kind: u8,
}

impl Kept {
    fn looked(&self, seq: u64, replaced: bool) -> Looked {
        let Self { record, version, previous, h1, kind } = *self;
        let news = if replaced {
            News::Replaced { record, version, h1, kind }
        } else if kind == Change::DELETED {
            let at = UnixMillis(9);
            News::Deletion(Deletion { suite: SUITE, account: ACCOUNT, record, version, h1, at, head: HEAD })
        } else {
            let created = UnixMillis(5);
            News::Version(Seen {
                record,
                version,
                previous,
                h1,
                created,
                kind,
                meta: None,
                standing: Standing::Own,
                epoch: 1,
                head: 0,
                writer: None,
            })
        };
        Looked { seq, leaf: leaf_hash(&log_leaf(&record, version, &h1, kind)), news }
    }
}

/// What a server says when it is asked for a page.
#[derive(Clone, Debug, Default)]
struct Story {
    changes: Vec<Kept>,
    checkpoint: Option<(Checkpoint, Signed)>,
}

impl Story {
    fn newest(&self) -> u64 {
        u64::try_from(self.changes.len()).unwrap()
    }

    fn page(&self, after: u64, limit: usize) -> Vec<Looked> {
        let after = usize::try_from(after).unwrap();
        let listed = self.changes.iter().enumerate().skip(after).take(limit);
        let looked = listed.map(|(place, kept)| {
            let replaced = self.changes.iter().skip(place + 1).any(|later| later.record == kept.record);
            kept.looked(u64::try_from(place).unwrap() + 1, replaced)
        });
        looked.collect()
    }

    /// The newest change of each record.
    fn truth(&self) -> BTreeMap<RecordId, (u64, Hash, bool)> {
        let newest = |kept: &Kept| (kept.record, (kept.version, kept.h1, kept.kind == Change::DELETED));
        self.changes.iter().map(newest).collect()
    }

    /// A device writes: a record, the next version of one, or the end of one.
    fn write(&mut self, dice: &mut Dice) {
        let record = RecordId([u8::try_from(dice.roll(12)).unwrap(); 16]);
        let before = self.changes.iter().rev().find(|kept| kept.record == record).copied();
        let kept = match before {
            Some(before) if before.kind == Change::DELETED => return,
            Some(before) if dice.roll(4) == 0 => Kept { kind: Change::DELETED, ..before },
            Some(before) => Kept { version: before.version + 1, previous: before.h1, h1: dice.hash(), ..before },
            None => Kept { record, version: 1, previous: Hash::ZERO, h1: dice.hash(), kind: Change::VERSION },
        };
        self.changes.push(kept);
    }

    /// As the server keeps checkpoints.
    fn put(&mut self, checkpoint: &Checkpoint, signed: &Signed) -> bool {
        let (number, previous, count) = self.checkpoint.as_ref().map_or((0, Hash::ZERO, 0), |(kept, signed)| {
            (kept.number, checkpoint_hash(signed.statement.as_slice()), kept.count)
        });
        let follows =
            checkpoint.number > number + 1 || (checkpoint.number == number + 1 && checkpoint.previous == previous);
        let taken = follows && checkpoint.count > count && checkpoint.count <= self.newest();
        if taken {
            self.checkpoint = Some((*checkpoint, signed.clone()));
        }
        taken
    }
}

struct Sim<'k> {
    keys: &'k DeviceKeys,
    all: &'k [DeviceKeys],
    listing: Listing,
    stored: Listing,
    /// Signed, and on its way.
    sent: Option<(Checkpoint, Signed)>,
    /// What it has known as the user's own: record and version.
    known: BTreeMap<RecordId, u64>,
}

impl<'k> Sim<'k> {
    fn new(keys: &'k DeviceKeys, all: &'k [DeviceKeys]) -> Self {
        let (listing, stored) = (Listing::default(), Listing::default());
        Self { keys, all, listing, stored, sent: None, known: BTreeMap::new() }
    }

    fn look(&mut self, story: &Story, limit: usize) -> Result<bool, ErrorCode> {
        let signed: Vec<Signed> = story.checkpoint.iter().map(|(_, signed)| signed.clone()).collect();
        let signer = |device: &DeviceId, head: &Head| {
            let keys = self.all.iter().find(|keys| keys.id() == *device)?;
            (*head == HEAD).then(|| keys.signing().public())
        };
        let word = Word::read(&signed, &ACCOUNT, signer)?;
        let page = story.page(self.listing.log.count(), limit);
        let more = self.listing.take_page(story.newest(), word, page, &Published::default())?;
        for entry in self.listing.entries.values().filter(|entry| entry.standing == Standing::Own) {
            self.known.insert(entry.record, entry.version);
        }
        Ok(more)
    }

    fn sign(&mut self) {
        let next = self.listing.log.next_checkpoint(ACCOUNT, self.keys.id(), HEAD, UnixMillis(7));
        self.sent = next.map(|next| (next, self.keys.signing().sign_statement(StatementKind::Checkpoint, &next)));
    }

    /// The checkpoint arrives; its answer may be lost.
    fn arrive(&mut self, story: &mut Story, answered: bool) {
        if let Some((checkpoint, signed)) = self.sent.take()
            && story.put(&checkpoint, &signed)
            && answered
        {
            self.listing.log.signed(&checkpoint);
        }
    }

    fn store(&mut self) {
        self.stored = Listing::from_stored(&self.listing.to_stored()).unwrap();
    }

    fn look_to_the_end(&mut self, story: &mut Story) -> Result<(), ErrorCode> {
        self.sent = None;
        while self.look(story, 7)? {}
        self.sign();
        self.arrive(story, true);
        Ok(())
    }

    fn names_something(&self) -> bool {
        let trouble = |standing| matches!(standing, Standing::Trouble { .. });
        !self.listing.alarms().is_empty() || self.listing.entries.values().any(|entry| trouble(entry.standing))
    }

    fn has(&self) -> BTreeMap<RecordId, (u64, Hash, bool)> {
        let of = |entry: &super::super::Entry| (entry.version, entry.h1, entry.standing == Standing::Deleted);
        self.listing.entries.iter().map(|(record, entry)| (*record, of(entry))).collect()
    }
}

fn keys() -> Vec<DeviceKeys> {
    let machine = Machine::new();
    (0..2).map(|_| DeviceKeys::generate(&mut SystemRng(&machine))).collect()
}

#[test]
fn two_devices_that_write_at_once_agree_and_raise_no_alarm() {
    let keys = keys();
    let (mut refused, mut checkpoints) = (0, 0);
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut story = Story::default();
        let mut devices = [Sim::new(&keys[0], &keys), Sim::new(&keys[1], &keys)];
        for _ in 0..200 {
            let device = &mut devices[dice.roll(2)];
            match dice.roll(12) {
                0..=3 => story.write(&mut dice),
                4..=6 => {
                    let limit = 1 + dice.roll(5);
                    if !device.look(&story, limit).unwrap() && device.sent.is_none() {
                        device.sign();
                    }
                }
                7 | 8 => {
                    let before = device.sent.as_ref().map(|(sent, _)| *sent);
                    device.arrive(&mut story, dice.roll(4) > 0);
                    let kept = story.checkpoint.as_ref().map(|(kept, _)| *kept);
                    if before.is_some() {
                        *(if before == kept { &mut checkpoints } else { &mut refused }) += 1;
                    }
                }
                9 => device.store(),
                // It breaks off, and goes on from what it had stored.
                10 => (device.listing, device.sent) = (device.stored.clone(), None),
                // Another process of the same device goes on from what both have stored.
                _ => device.listing = device.stored.clone().merged_with(device.listing.clone()),
            }
            assert_eq!(device.listing.alarms(), [], "seed {seed}");
        }
        for _ in 0..2 {
            for device in &mut devices {
                device.look_to_the_end(&mut story).unwrap();
            }
        }
        for device in &devices {
            assert_eq!(device.listing.alarms(), [], "seed {seed}");
            assert_eq!(device.has(), story.truth(), "seed {seed}");
            assert!(!device.names_something() && !device.listing.log.is_in_doubt(), "seed {seed}");
            let mut whole = MerkleTree::new();
            story.page(0, usize::MAX).iter().for_each(|looked| whole.push_hash(looked.leaf));
            assert_eq!(device.listing.log.root_at(story.newest()), Some(whole.root()));
            assert_eq!(device.listing.log.agreed, story.newest(), "a checkpoint says so");
        }
    }
    assert!(refused > 30 && checkpoints > 300, "both were tried: {refused} refused, {checkpoints} taken");
}

/// One of the things that a server may say in place of the truth.
fn lie(truth: &Story, old: &[Story], dice: &mut Dice) -> Story {
    let mut told = truth.clone();
    if told.changes.is_empty() {
        return told;
    }
    let place = dice.roll(told.changes.len());
    match dice.roll(7) {
        // Hides a record, or one change.
        0 => {
            let hidden = told.changes[place].record;
            told.changes.retain(|kept| kept.record != hidden);
        }
        1 => drop(told.changes.remove(place)),
        // Is what it was before.
        2 => return old[dice.roll(old.len())].clone(),
        3 => told.changes.truncate(place),
        4 => told.changes.insert(place, told.changes[place]),
        5 => {
            let other = dice.roll(told.changes.len());
            told.changes.swap(place, other);
        }
        // Shows an older checkpoint, or none.
        _ => told.checkpoint = old[dice.roll(old.len())].checkpoint.clone(),
    }
    told
}

#[test]
fn t044_a_server_that_tells_each_device_another_story_is_named_or_has_told_the_truth() {
    let keys = keys();
    let (mut lied_to, mut alarmed, mut agreed, mut by_checkpoint_alone) = (0, 0, 0, 0);
    let mut kinds = BTreeSet::new();
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut story = Story::default();
        let mut old = vec![story.clone()];
        let mut devices = [Sim::new(&keys[0], &keys), Sim::new(&keys[1], &keys)];
        let mut failed = false;
        for _ in 0..100 {
            let device = &mut devices[dice.roll(2)];
            match dice.roll(10) {
                0..=3 => story.write(&mut dice),
                4..=6 => {
                    let told = if dice.roll(8) == 0 { lie(&story, &old, &mut dice) } else { story.clone() };
                    lied_to += usize::from(told.changes != story.changes);
                    match device.look(&told, 1 + dice.roll(9)) {
                        Ok(false) => device.sign(),
                        Ok(true) => {}
                        Err(code) => assert_eq!(code, ErrorCode::Malformed, "seed {seed}"),
                    }
                }
                7 => device.arrive(&mut story, dice.roll(4) > 0),
                8 => device.store(),
                _ => old.push(story.clone()),
            }
        }
        for _ in 0..2 {
            for device in &mut devices {
                failed |= device.look_to_the_end(&mut story).is_err();
            }
        }
        let named = failed || devices.iter().any(Sim::names_something);
        let right = devices.iter().all(|device| device.has() == story.truth());
        assert!(named || right, "seed {seed}: not named, and not the truth");
        alarmed += usize::from(named);
        agreed += usize::from(!named);
        for device in &devices {
            kinds.extend(
                device.listing.alarms().iter().map(|alarm| format!("{alarm:?}").split(' ').next().map(str::to_owned)),
            );
            // Nothing that was known is forgotten, or moves back.
            for (record, version) in &device.known {
                assert!(device.listing.entries[record].version >= *version, "seed {seed}");
            }
            // Control: with the records alone, as they are judged one by one, it would not have been noticed.
            let troubled =
                device.listing.entries.values().any(|entry| matches!(entry.standing, Standing::Trouble { .. }));
            by_checkpoint_alone += usize::from(device.has() != story.truth() && !troubled);
        }
    }
    assert!(lied_to > 500 && alarmed > 100 && agreed > 5, "{lied_to} lies, {alarmed} named, {agreed} without harm");
    assert!(by_checkpoint_alone > 5, "the log is what noticed {by_checkpoint_alone}");
    assert!(kinds.len() >= 4, "{kinds:?}");
}
