//! Naive twins of a record's sealing: what comes out where a tag, or what it authenticates, is left out (the controls of
//! attacks 38 and 39).

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::*;
use crate::aead::{self, NONCE};

impl Draft {
    /// An author that writes another suite than it speaks.
    pub(crate) const fn set_suite(&mut self, suite: u8) {
        self.header.suite = suite;
    }
}

#[test]
fn t038_control_a_cipher_without_a_tag_lets_a_flipped_byte_out() {
    let sealed = seal(&account(1), 2);
    let key = derive::content_key(&sealed.envelope.header.salt, &sealed.client, &server(SHARE)).key;
    // Two texts that differ in one bit, under the same key: raw ChaCha20, as RFC 8439 section 2.4 has it.
    let cipher = |text: &[u8]| {
        let mut text = text.to_vec();
        ChaCha20::new(key.expose_secret().into(), &[0; NONCE].into()).apply_keystream(&mut text);
        text
    };
    let mut naive = cipher(b"Dear reader");
    for place in 0..naive.len() {
        naive[place] ^= 1;
        let mut expected = b"Dear reader".to_vec();
        expected[place] ^= 1;
        assert_eq!(cipher(&naive), expected, "byte {place}: altered, and it comes out");
        naive[place] ^= 1;
    }
    // The same flips in a chunk with a tag bring nothing out, not even what was before the flip.
    let mut chunk = b"Dear reader".to_vec();
    aead::seal(&key, [0; NONCE], b"", &mut chunk);
    for place in 0..chunk.len() {
        let mut flipped = chunk.clone();
        flipped[place] ^= 1;
        assert_eq!(aead::open(&key, [0; NONCE], b"", &mut flipped), Err(OpenError), "byte {place}");
        assert!(flipped.is_empty());
    }
}

#[test]
fn t039_a_chunk_opens_under_its_own_header_only_even_for_the_same_key() {
    // Two records of one account, by an author that uses one key for both: all that is left is what the tag authenticates.
    let account = account(1);
    let (one, other) = (seal(&account, 10).envelope.header.h0(), seal(&account, 11).envelope.header.h0());
    let key = || Secret::fill_with(|own| own.fill(9));
    let sealed_under = |h0: Hash| {
        let mut chunks = Vec::new();
        let mut sealer = ContentSealer::new(key(), h0, 11);
        sealer.push(b"Dear reader", &mut |chunk| chunks.push(chunk)).unwrap();
        sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();
        chunks
    };
    let opens_under = |h0: Hash, chunks: Vec<Vec<u8>>| open_all(ContentOpener::new(key(), h0, 512), chunks).is_some();
    assert!(!opens_under(other, sealed_under(one)));
    assert!(opens_under(one, sealed_under(one)), "control");
    // Control: an AEAD that authenticates no place opens it in the other record, and a meta as a content.
    let mut naive = b"Dear reader".to_vec();
    aead::seal(&key(), [0; NONCE], b"", &mut naive);
    assert_eq!(aead::open(&key(), [0; NONCE], b"", &mut naive), Ok(()), "moved, and it opens");
}

#[test]
fn t039_meta_and_content_do_not_pass_for_each_other() {
    let account = account(1);
    // A content as long as a meta, so that both are one chunk of one size.
    let sealed = seal(&account, 10);
    let (meta, content) = (sealed.envelope.sealed_meta.0.clone(), sealed.chunks[0].clone());
    assert_eq!(meta.len(), content.len(), "the size tells nothing");
    let mut swapped = sealed.envelope.clone();
    swapped.sealed_meta = Bytes(content.clone());
    assert_eq!(open(&account, &swapped).err(), Some(OpenError), "the content as meta");
    let opener = || open(&account, &sealed.envelope).unwrap().open_content(&server(SHARE)).unwrap();
    assert!(open_all(opener(), vec![meta.clone()]).is_none(), "the meta as content");
    // With its commitment as well, and with the root made to fit.
    swapped.commit_meta = swapped.commit_content;
    assert_eq!(open(&account, &swapped).err(), Some(OpenError));
    let mut tree = glimpse_wire::merkle::MerkleTree::new();
    tree.push(&meta);
    let mut rooted = sealed.envelope.clone();
    rooted.content_root = tree.root();
    let opener = open(&account, &rooted).unwrap().open_content(&server(SHARE)).unwrap();
    assert!(open_all(opener, vec![meta.clone()]).is_none());
    let opener = open(&account, &sealed.envelope).unwrap().open_content(&server(SHARE)).unwrap();
    assert!(open_all(opener, vec![content]).is_some(), "control: each in its own place");
    assert!(open(&account, &sealed.envelope).is_ok(), "control");
    // Control: with one key for both, as its author might have had it, the meta opens where the content belongs.
    let key = || derive::meta_key(&sealed.envelope.header.salt, &sealed.client).key;
    let naive = ContentOpener::new(key(), sealed.envelope.header.h0(), sealed.envelope.header.size);
    assert!(open_all(naive, vec![meta]).is_some());
}

#[test]
fn t045_a_chunk_for_two_keys_comes_to_no_reader_but_the_committed_ones() {
    let account = account(1);
    // A text that fills its one chunk; the last 32 bytes are what it takes to open under a second key as well.
    let text = [b"I owe you nothing.".as_slice(), &[b' '; 504 - 18]].concat();
    let place = Place::new_record(&mut rng(1_002));
    let mut sealed = seal_as(Author::Device(&account.device), &account, place, "Letter", &text, SHARE, 2);
    let (salt, h0) = (sealed.envelope.header.salt, sealed.envelope.header.h0());
    let (one, other) = (SHARE, Hash([4; 32]));
    let key = |share: Hash| derive::content_key(&salt, &sealed.client, &server(share));
    let mut nonce = [0; NONCE];
    nonce[11] = 1;
    let framed = [504u64.to_be_bytes().as_slice(), &text].concat();
    let both = salamander::opens_under_both_to(
        key(one).key.expose_secret(),
        key(other).key.expose_secret(),
        nonce,
        &h0.0,
        &framed,
    );
    // Control: the cipher takes it under either key, and gives two texts.
    let texts = [one, other].map(|share| {
        let mut buffer = both.clone();
        assert_eq!(aead::open(&key(share).key, nonce, &h0.0, &mut buffer), Ok(()), "{share}");
        buffer
    });
    assert!(texts[0].starts_with(&framed[..480]) && !texts[1].starts_with(&framed[..8]));
    // Its writer publishes it, with the root of what it uploads.
    let mut tree = glimpse_wire::merkle::MerkleTree::new();
    tree.push(&both);
    let (commit_one, commit_other) = (key(one).commitment(), key(other).commitment());
    sealed.envelope.content_root = tree.root();
    let opened = open(&account, &sealed.envelope).unwrap();
    // To the key that the envelope commits to it opens; the other gets no opener, and so no chunk.
    assert_eq!(sealed.envelope.commit_content, commit_one);
    let read = opened.open_content(&server(one)).unwrap().open(both).unwrap();
    assert!(read.starts_with(b"I owe you nothing."));
    assert_eq!(opened.open_content(&server(other)).map(|_opener| ()), Err(OpenError));
    // Control: with the other's commitment it is the other way round.
    sealed.envelope.commit_content = commit_other;
    let turned = open(&account, &sealed.envelope).unwrap();
    assert!(turned.open_content(&server(other)).is_ok() && turned.open_content(&server(one)).is_err());
}
