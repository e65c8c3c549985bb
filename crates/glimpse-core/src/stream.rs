//! Content in chunks: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) over
//! ChaCha20-Poly1305 (protocol section 5.3).
//!
//! 64 KiB of plaintext a chunk; nonce = 11-byte big-endian counter ‖ last-chunk flag; the same associated data for
//! every chunk; one key for one stream. Inside: the true length as a `u64`, big-endian, the content, and zeros up to
//! the padded size. How many chunks there are follows from the padded size, which the associated data fixes.

use glimpse_wire::Hash;
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::size::{CHUNK, LENGTH_PREFIX, TAG, chunks, padded, sealed};
use zeroize::Zeroizing;

use crate::aead::{self, NONCE};
use crate::error::OpenError;
use crate::secret::{Plaintext, Secret};

const CHUNK_LEN: usize = 64 * 1024;
const _: () = assert!(CHUNK == 64 * 1024, "CHUNK_LEN is CHUNK");

fn nonce(counter: u64, last: bool) -> [u8; NONCE] {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    [0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)]
}

/// The content did not have the length that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content's length changed while it was sealed")]
pub struct LengthChanged;

/// Seals content of a length that is known ahead, piece by piece; holds one chunk at most.
pub struct ContentSealer {
    key: Secret<32>,
    aad: Hash,
    counter: u64,
    pending: Plaintext,
    content_left: u64,
    padding: u64,
    tree: MerkleTree,
}

impl ContentSealer {
    pub(crate) fn new(key: Secret<32>, aad: Hash, length: u64) -> Self {
        let mut pending = Zeroizing::new(Vec::with_capacity(CHUNK_LEN.saturating_add(aead::TAG)));
        pending.extend_from_slice(&length.to_be_bytes());
        let padding = padded(length).saturating_sub(length).saturating_sub(LENGTH_PREFIX);
        Self { key, aad, counter: 0, pending, content_left: length, padding, tree: MerkleTree::new() }
    }

    /// Takes the next piece; gives each chunk that fills up, sealed, to `emit`.
    ///
    /// # Errors
    /// [`LengthChanged`] if there is more than was announced.
    pub fn push(&mut self, content: &[u8], emit: &mut dyn FnMut(Vec<u8>)) -> Result<(), LengthChanged> {
        let length = u64::try_from(content.len()).map_err(|_| LengthChanged)?;
        self.content_left = self.content_left.checked_sub(length).ok_or(LengthChanged)?;
        self.append(content, emit);
        Ok(())
    }

    /// Pads, seals the last chunk, and gives the Merkle root over all chunks.
    ///
    /// # Errors
    /// [`LengthChanged`] if there was less than was announced.
    pub fn finish(mut self, emit: &mut dyn FnMut(Vec<u8>)) -> Result<Hash, LengthChanged> {
        if self.content_left > 0 {
            return Err(LengthChanged);
        }
        let zeros = [0u8; 4096];
        while self.padding > 0 {
            let step = usize::try_from(self.padding).unwrap_or(usize::MAX).min(zeros.len());
            let (piece, _) = zeros.split_at(step);
            self.append(piece, emit);
            self.padding = self.padding.saturating_sub(u64::try_from(step).unwrap_or(u64::MAX));
        }
        self.seal_pending(true, emit);
        Ok(self.tree.root())
    }

    fn append(&mut self, mut bytes: &[u8], emit: &mut dyn FnMut(Vec<u8>)) {
        while !bytes.is_empty() {
            // A full chunk goes out only when more follows: the last one carries the flag.
            if self.pending.len() == CHUNK_LEN {
                self.seal_pending(false, emit);
            }
            let room = CHUNK_LEN.saturating_sub(self.pending.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.pending.extend_from_slice(now);
            bytes = later;
        }
    }

    fn seal_pending(&mut self, last: bool, emit: &mut dyn FnMut(Vec<u8>)) {
        // In a buffer of its own size, so that the plaintext buffer stays here and is reused.
        let mut chunk = Vec::with_capacity(self.pending.len().saturating_add(aead::TAG));
        chunk.extend_from_slice(&self.pending);
        aead::seal(&self.key, nonce(self.counter, last), &self.aad.0, &mut chunk);
        self.pending.clear();
        self.counter = self.counter.saturating_add(1);
        self.tree.push(&chunk);
        emit(chunk);
    }
}

impl core::fmt::Debug for ContentSealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ContentSealer(chunk {})", self.counter)
    }
}

/// Opens content chunk by chunk, in order. No byte of a chunk comes out before its tag was checked; after a failure
/// nothing opens any more.
pub struct ContentOpener {
    key: Option<Secret<32>>,
    aad: Hash,
    size: u64,
    next: u64,
    /// Content bytes still to come; known once the first chunk is open.
    content_left: u64,
    length: u64,
    /// What that must be, where it was told.
    told: Option<u64>,
    /// Chunks so far, and the Merkle root that they must have in the end.
    signed: Option<(MerkleTree, Hash)>,
}

impl ContentOpener {
    /// `size` is the padded size that the associated data fixes.
    pub(crate) const fn new(key: Secret<32>, aad: Hash, size: u64) -> Self {
        Self { key: Some(key), aad, size, next: 0, content_left: 0, length: 0, told: None, signed: None }
    }

    /// The last chunk opens only if all chunks together have the Merkle root that the author signed: whoever was lent
    /// the key of a content could seal another one under it.
    pub(crate) fn with_root(self, root: Hash) -> Self {
        Self { signed: Some((MerkleTree::new(), root)), ..self }
    }

    /// The first chunk opens only if the true length in it is this one.
    pub(crate) fn with_length(self, length: u64) -> Self {
        Self { told: Some(length), ..self }
    }

    /// How many chunks there are.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        chunks(self.size)
    }

    /// Bytes of all sealed chunks together.
    #[must_use]
    pub const fn sealed_size(&self) -> u64 {
        sealed(self.size)
    }

    /// Which chunk is expected next.
    #[must_use]
    pub const fn next_chunk(&self) -> u64 {
        self.next
    }

    /// True length of the content, in bytes; zero until the first chunk is open.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether every chunk was opened.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.next >= self.chunks()
    }

    /// Bytes that the next chunk has, sealed.
    #[must_use]
    pub const fn next_len(&self) -> u64 {
        let whole = self.size.saturating_sub(self.next.saturating_mul(CHUNK));
        let plain = if whole < CHUNK { whole } else { CHUNK };
        plain.saturating_add(TAG)
    }

    /// Opens the next chunk, in place, and gives the content in it, without length and padding.
    ///
    /// # Errors
    /// [`OpenError`] whatever the cause; nothing opens after it.
    pub fn open(&mut self, sealed: Vec<u8>) -> Result<Plaintext, OpenError> {
        let opened = self.open_next(sealed);
        if opened.is_err() {
            self.key = None;
        }
        opened
    }

    fn open_next(&mut self, sealed: Vec<u8>) -> Result<Plaintext, OpenError> {
        let key = self.key.as_ref().ok_or(OpenError)?;
        if self.is_done() || u64::try_from(sealed.len()) != Ok(self.next_len()) {
            return Err(OpenError);
        }
        let last = self.next.saturating_add(1) == self.chunks();
        if let Some((tree, root)) = &mut self.signed {
            tree.push(&sealed);
            if last && tree.root() != *root {
                return Err(OpenError);
            }
        }
        let mut opened = Zeroizing::new(sealed);
        aead::open(key, nonce(self.next, last), &self.aad.0, &mut opened)?;
        if self.next == 0 {
            let prefix: [u8; 8] = *opened.first_chunk().ok_or(OpenError)?;
            self.length = u64::from_be_bytes(prefix);
            if padded(self.length) != self.size || self.told.is_some_and(|told| told != self.length) {
                return Err(OpenError);
            }
            self.content_left = self.length;
            opened.drain(..prefix.len());
        }
        self.next = self.next.saturating_add(1);
        let here = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(opened.len());
        let (_, padding) = opened.split_at(here);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(OpenError);
        }
        opened.truncate(here);
        self.content_left = self.content_left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        Ok(opened)
    }
}

impl core::fmt::Debug for ContentOpener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ContentOpener(chunk {} of {})", self.next, self.chunks())
    }
}

/// Seals bytes that fit one chunk, with the same form as content: for meta.
pub(crate) fn seal_small(key: Secret<32>, aad: Hash, plaintext: &[u8]) -> Result<Vec<u8>, LengthChanged> {
    let mut sealed = Vec::new();
    let mut sealer = ContentSealer::new(key, aad, u64::try_from(plaintext.len()).map_err(|_| LengthChanged)?);
    let mut emit = |chunk: Vec<u8>| sealed.extend(chunk);
    sealer.push(plaintext, &mut emit)?;
    sealer.finish(&mut emit)?;
    Ok(sealed)
}

/// Opens what [`seal_small`] sealed.
pub(crate) fn open_small(key: Secret<32>, aad: Hash, sealed: &[u8]) -> Result<Plaintext, OpenError> {
    let size = u64::try_from(sealed.len()).map_err(|_| OpenError)?.checked_sub(TAG).ok_or(OpenError)?;
    if size > CHUNK {
        return Err(OpenError);
    }
    ContentOpener::new(key, aad, size).open(sealed.to_vec())
}

#[cfg(test)]
mod tests;
