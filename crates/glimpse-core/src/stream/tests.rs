//! Chunks that were cut, moved, repeated, extended or forged (attack 41), and what lengths tell (51, 52).

use proptest::prelude::*;
use rand_core::Rng;

use super::*;
use crate::testing::rng;

const AAD: Hash = Hash([0xAD; 32]);

fn key() -> Secret<32> {
    Secret::fill_with(|own| own.fill(0x4B))
}

fn content(length: usize) -> Vec<u8> {
    let mut content = vec![0; length];
    rng(41).fill_bytes(&mut content);
    content
}

fn seal_all(content: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut sealer = ContentSealer::new(key(), AAD, u64::try_from(content.len()).unwrap());
    sealer.push(content, &mut |chunk| chunks.push(chunk)).unwrap();
    sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();
    chunks
}

fn size_of(content: &[u8]) -> u64 {
    padded(u64::try_from(content.len()).unwrap())
}

/// Opens `chunks` in order as content of `size`. What came out before a failure is given along.
fn open_all(size: u64, chunks: &[Vec<u8>]) -> (Vec<u8>, bool) {
    let mut opener = ContentOpener::new(key(), AAD, size);
    let mut released = Vec::new();
    for chunk in chunks {
        match opener.open(chunk.clone()) {
            Ok(opened) => released.extend_from_slice(&opened),
            Err(OpenError) => {
                assert!(
                    chunks.iter().all(|chunk| opener.open(chunk.clone()).is_err()),
                    "nothing opens after a failure"
                );
                return (released, false);
            }
        }
    }
    (released, opener.is_done())
}

/// A chunk as somebody seals it who holds the key and does not keep the rules.
fn forge(counter: u64, last: bool, plaintext: &[u8]) -> Vec<u8> {
    let mut chunk = plaintext.to_vec();
    aead::seal(&key(), nonce(counter, last), &AAD.0, &mut chunk);
    chunk
}

/// Length prefix, content, zeros: what the rules say is inside.
fn framed(content: &[u8]) -> Vec<u8> {
    let mut plaintext = u64::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    plaintext.extend_from_slice(content);
    plaintext.resize(usize::try_from(size_of(content)).unwrap(), 0);
    plaintext
}

fn forge_all(plaintext: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = plaintext.chunks(CHUNK_LEN).collect();
    let last = pieces.len() - 1;
    let forged = pieces.iter().enumerate();
    forged.map(|(index, piece)| forge(u64::try_from(index).unwrap(), index == last, piece)).collect()
}

#[test]
fn sealing_is_what_the_rules_say() {
    for length in [0, 1, 503, 504, 505, 65_527, 65_528, 65_529, 131_064, 150_000] {
        let content = content(length);
        assert!(seal_all(&content) == forge_all(&framed(&content)), "{length} bytes");
        assert!(open_all(size_of(&content), &seal_all(&content)) == (content, true), "{length} bytes");
    }
}

/// Contents of one short chunk, one full chunk, two full chunks, and three of which the last is short.
const SHORT: usize = 100;
const FULL: usize = 65_528;
const TWO_FULL: usize = 131_064;
const THREE: usize = 150_000;

fn swapped(mut chunks: Vec<Vec<u8>>, one: usize, other: usize) -> Vec<Vec<u8>> {
    chunks.swap(one, other);
    chunks
}

fn without(mut chunks: Vec<Vec<u8>>, place: usize) -> Vec<Vec<u8>> {
    chunks.remove(place);
    chunks
}

fn with(mut chunks: Vec<Vec<u8>>, place: usize, chunk: Vec<u8>) -> Vec<Vec<u8>> {
    chunks.insert(place, chunk);
    chunks
}

fn altered(mut chunks: Vec<Vec<u8>>, place: usize, alter: impl FnOnce(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    alter(&mut chunks[place]);
    chunks
}

fn replaced(chunks: Vec<Vec<u8>>, place: usize, chunk: Vec<u8>) -> Vec<Vec<u8>> {
    altered(chunks, place, |slot| *slot = chunk)
}

/// The 28 cases: a name, the length of the content, and what becomes of its chunks.
fn cases() -> Vec<(&'static str, usize, Vec<Vec<u8>>)> {
    let sealed = |length| seal_all(&content(length));
    let plain = |length| framed(&content(length));
    let three = || sealed(THREE);
    let piece = |length, index: usize| plain(length).chunks(CHUNK_LEN).nth(index).unwrap().to_vec();
    vec![
        ("no chunk at all", SHORT, vec![]),
        ("an empty chunk", SHORT, vec![vec![]]),
        ("a chunk without its tag", SHORT, altered(sealed(SHORT), 0, |chunk| chunk.truncate(chunk.len() - aead::TAG))),
        ("a chunk that is its tag only", SHORT, altered(sealed(SHORT), 0, |chunk| drop(chunk.drain(aead::TAG..)))),
        ("a wrong tag", SHORT, altered(sealed(SHORT), 0, |chunk| *chunk.last_mut().unwrap() ^= 1)),
        ("a wrong tag of the second chunk", THREE, altered(three(), 1, |chunk| *chunk.last_mut().unwrap() ^= 1)),
        ("a wrong tag of the last chunk", THREE, altered(three(), 2, |chunk| *chunk.last_mut().unwrap() ^= 1)),
        ("a short first chunk", THREE, altered(three(), 0, |chunk| chunk.truncate(chunk.len() - 1))),
        ("a short second chunk", THREE, altered(three(), 1, |chunk| chunk.truncate(chunk.len() - 1))),
        ("a short last chunk", THREE, altered(three(), 2, |chunk| chunk.truncate(chunk.len() - 1))),
        ("one byte behind the last chunk", THREE, altered(three(), 2, |chunk| chunk.push(0))),
        ("a long tail behind the last chunk", SHORT, with(sealed(SHORT), 1, vec![0; CHUNK_LEN])),
        ("the last chunk twice", THREE, with(three(), 3, three().remove(2))),
        ("a second last chunk, sealed as the next", FULL, with(sealed(FULL), 1, forge(1, true, &[0; 512]))),
        ("an empty last chunk behind a full one", FULL, {
            vec![forge(0, false, &piece(FULL, 0)), forge(1, true, &[])]
        }),
        ("the first chunk dropped", THREE, without(three(), 0)),
        ("the second chunk dropped", THREE, without(three(), 1)),
        ("the last chunk dropped", THREE, without(three(), 2)),
        ("the last chunk dropped, of two full ones", TWO_FULL, without(sealed(TWO_FULL), 1)),
        ("the first two swapped", THREE, swapped(three(), 0, 1)),
        ("the two full ones swapped", TWO_FULL, swapped(sealed(TWO_FULL), 0, 1)),
        ("the first chunk repeated", THREE, replaced(three(), 1, three().remove(0))),
        ("the last flag on the first chunk", THREE, replaced(three(), 0, forge(0, true, &piece(THREE, 0)))),
        ("no last flag on the only chunk", FULL, vec![forge(0, false, &piece(FULL, 0))]),
        ("no last flag on the last chunk", THREE, replaced(three(), 2, forge(2, false, &piece(THREE, 2)))),
        ("a counter that skips", TWO_FULL, replaced(sealed(TWO_FULL), 1, forge(2, true, &piece(TWO_FULL, 1)))),
        ("the chunks of another content", TWO_FULL, {
            replaced(sealed(TWO_FULL), 1, forge_other(1, true, &piece(TWO_FULL, 1)))
        }),
        ("one chunk of a longer content as the whole of a shorter", FULL, vec![sealed(TWO_FULL).remove(0)]),
    ]
}

/// A chunk that is right in everything but what it is bound to.
fn forge_other(counter: u64, last: bool, plaintext: &[u8]) -> Vec<u8> {
    let mut chunk = plaintext.to_vec();
    aead::seal(&key(), nonce(counter, last), &[0xAE; 32], &mut chunk);
    chunk
}

#[test]
fn t041_chunks_out_of_order_missing_repeated_cut_or_extended_do_not_open() {
    let cases = cases();
    assert_eq!(cases.len(), 28);
    for (name, length, chunks) in cases {
        let whole = content(length);
        let (released, complete) = open_all(size_of(&whole), &chunks);
        assert!(!complete, "{name}");
        assert!(whole.starts_with(&released), "{name}: what came out is a prefix of what was sealed");
        // Controls: untouched it opens; and a reader that opens each chunk by itself, without counter, flag and count,
        // takes some of these (the next test).
        assert!(open_all(size_of(&whole), &seal_all(&whole)) == (whole, true), "{name}");
    }
}

#[test]
fn t041_control_a_reader_without_counter_and_flag_takes_other_orders() {
    // The same chunks, each under a nonce that does not depend on its place.
    let naive = |piece: &[u8]| {
        let mut chunk = piece.to_vec();
        aead::seal(&key(), [0; NONCE], &AAD.0, &mut chunk);
        chunk
    };
    let opens = |chunk: &Vec<u8>| aead::open(&key(), [0; NONCE], &AAD.0, &mut chunk.clone()).is_ok();
    let chunks: Vec<Vec<u8>> = framed(&content(THREE)).chunks(CHUNK_LEN).map(naive).collect();
    assert!(swapped(chunks.clone(), 0, 1).iter().all(opens));
    assert!(without(chunks, 2).iter().all(opens));
}

#[test]
fn what_is_inside_must_follow_the_rules_too() {
    let honest = framed(&content(SHORT));
    let inside = |alter: &dyn Fn(&mut Vec<u8>)| {
        let mut plaintext = honest.clone();
        alter(&mut plaintext);
        open_all(512, &forge_all(&plaintext))
    };
    assert!(inside(&|_| {}) == (content(SHORT), true), "control");
    type Alteration<'f> = (&'static str, &'f dyn Fn(&mut Vec<u8>));
    let wrong: [Alteration<'_>; 7] = [
        ("padding that is not zero", &|plaintext| plaintext[511] = 1),
        ("a first byte of padding that is not zero", &|plaintext| plaintext[8 + SHORT] = 1),
        ("a length of another size", &|plaintext| plaintext[..8].copy_from_slice(&505u64.to_be_bytes())),
        ("a length without end", &|plaintext| plaintext[..8].copy_from_slice(&u64::MAX.to_be_bytes())),
        ("a shorter length than there is content", &|plaintext| plaintext[..8].copy_from_slice(&99u64.to_be_bytes())),
        ("more padding than the size has room for", &|plaintext| plaintext.resize(544, 0)),
        ("less padding than the size says", &|plaintext| plaintext.resize(256, 0)),
    ];
    for (name, alter) in wrong {
        let (released, complete) = inside(alter);
        assert!(released.is_empty() && !complete, "{name}");
    }
}

#[test]
fn the_announced_length_is_kept() {
    let mut nowhere = |_chunk: Vec<u8>| {};
    let mut sealer = ContentSealer::new(key(), AAD, 4);
    assert_eq!(sealer.push(b"five!", &mut nowhere), Err(LengthChanged));
    let mut sealer = ContentSealer::new(key(), AAD, 4);
    sealer.push(b"few", &mut nowhere).unwrap();
    assert_eq!(sealer.finish(&mut nowhere).err(), Some(LengthChanged));
}

#[test]
fn t051_contents_of_one_length_have_one_size_whatever_they_say() {
    let sizes = |content: &[u8]| seal_all(content).iter().map(Vec::len).collect::<Vec<_>>();
    for length in [0, 1, 500, 5_000, 70_000] {
        let (dull, wild) = (vec![b'a'; length], content(length));
        assert_eq!(sizes(&dull), sizes(&wild));
        // Control: a run-length coder in front would tell them apart.
        let runs = |content: &[u8]| content.chunk_by(|one, other| one == other).count();
        assert!(length < 2 || runs(&dull) < runs(&wild));
    }
}

#[test]
fn t052_sizes_have_few_values() {
    let sizes: std::collections::BTreeSet<u64> = (0..20_000).map(padded).collect();
    // Padmé keeps the top five bits here: sixteen values for each doubling above the floor of 512 bytes.
    assert_eq!((sizes.first(), sizes.len()), (Some(&512), 85));
    for size in [0, 40, 400, 504] {
        assert_eq!(seal_all(&content(size)).concat().len(), 528, "everything up to 504 bytes looks the same");
    }
}

#[test]
fn every_flipped_bit_of_a_small_content_is_noticed() {
    let sealed = seal_all(&content(SHORT)).remove(0);
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(open_all(512, &[flipped]) == (Vec::new(), false), "bit {bit}");
    }
    assert!(open_all(512, &[sealed]).1, "control");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_content_in_any_pieces_round_trips(length in 0usize..200_000, piece in 1usize..100_000) {
        let content = content(length);
        let mut chunks = Vec::new();
        let mut sealer = ContentSealer::new(key(), AAD, u64::try_from(length).unwrap());
        for piece in content.chunks(piece) {
            sealer.push(piece, &mut |chunk| chunks.push(chunk)).unwrap();
        }
        sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();
        prop_assert!(chunks == seal_all(&content), "pieces leave no trace");
        prop_assert!(open_all(size_of(&content), &chunks) == (content, true));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed_at_its_chunk(length in 0usize..200_000, place: prop::sample::Index, bit in 0u8..8) {
        let content = content(length);
        let mut chunks = seal_all(&content);
        let total: usize = chunks.iter().map(Vec::len).sum();
        let place = place.index(total);
        let full = CHUNK_LEN + aead::TAG;
        chunks[place / full][place % full] ^= 1 << bit;
        let (released, complete) = open_all(size_of(&content), &chunks);
        prop_assert!(!complete);
        prop_assert!(content.starts_with(&released) && released.len() <= (place / full) * CHUNK_LEN);
    }
}
