//! Replays a corpus in a test, without a fuzzer, and mutations of it. It stands in each crate that has a target.

use std::path::{Path, PathBuf};

/// Tells `target` every file of `fuzz/corpus/<name>`, of which there are at least `least`, and of each so many mutations.
pub fn replay(name: &str, target: fn(&[u8]), least: usize, mutations: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(paths.len() >= least, "{name} has {} files", paths.len());
    let mut random = Random(58);
    for path in paths {
        let bytes = std::fs::read(&path).expect("a file of the corpus");
        target(&bytes);
        (0..mutations).for_each(|_| target(&mutated(&bytes, &mut random)));
    }
}

/// Changes, drops, doubles or cuts some bytes.
fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len());
        let [byte, ..] = random.next().to_be_bytes();
        match (random.below(4), bytes.get_mut(place)) {
            (0, Some(slot)) => *slot ^= 1 << (byte % 8),
            (1, Some(slot)) => *slot = byte,
            (2, Some(_)) => drop(bytes.drain(place..)),
            (_, _) => bytes.insert(place, byte),
        }
    }
    bytes
}

/// SplitMix64: the same mutations each time, and no dependency for them.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        self.next().checked_rem(end).and_then(|rest| usize::try_from(rest).ok()).unwrap_or(0)
    }
}
