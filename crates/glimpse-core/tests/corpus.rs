//! The corpora of `fuzz/`, replayed without a fuzzer, and some thousand mutations of them.
#![expect(clippy::disallowed_methods, reason = "a test that replays files reads them")]

#[cfg(test)]
#[path = "../../../fuzz/src/targets.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate makes them public")]
mod targets;

use std::path::PathBuf;

use rand_core::{Rng, SeedableRng};

type Random = chacha20::ChaCha20Rng;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(&path).ok().map(|bytes| (path, bytes))).collect()
}

/// Changes, drops, doubles or cuts some bytes.
fn mutated(bytes: &[u8], rng: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let place = usize::try_from(rng.next_u32()).unwrap_or(0).checked_rem(bytes.len()).unwrap_or(0);
        let [byte, ..] = rng.next_u32().to_be_bytes();
        match (rng.next_u32() % 4, bytes.get_mut(place)) {
            (0, Some(slot)) => *slot ^= 1 << (byte % 8),
            (1, Some(slot)) => *slot = byte,
            (2, Some(_)) => drop(bytes.drain(place..)),
            (_, _) => bytes.insert(place, byte),
        }
    }
    bytes
}

fn replay(name: &str, target: fn(&[u8]), least: usize, mutations: usize) {
    let corpus = corpus(name);
    assert!(corpus.len() >= least, "{name} has {} files", corpus.len());
    let rng = &mut Random::seed_from_u64(58);
    for (_path, bytes) in &corpus {
        target(bytes);
        (0..mutations).for_each(|_| target(&mutated(bytes, rng)));
    }
}

#[test]
fn t058_messages() {
    replay("messages", targets::messages, 20, 200);
}

#[test]
fn t058_envelope() {
    replay("envelope", targets::envelope, 4, 200);
}

#[test]
fn t058_code() {
    replay("code", targets::code, 10, 200);
}

#[test]
fn t058_receipts() {
    replay("receipts", targets::receipts, 3, 200);
}

#[test]
fn t058_viewer() {
    // Of a story that gets as far as an Offer, each telling takes a stretching.
    replay("viewer", targets::viewer, 6, 12);
}
