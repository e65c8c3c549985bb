//! Randomness that was written down before: what a scenario draws, in order, and no more.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng, utils};

/// Gives the bytes of a recording, each once.
pub(crate) struct Tape(Vec<u8>);

impl Tape {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// What nobody has drawn yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.0
    }
}

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let drawn = self.0.drain(..bytes.len());
        bytes.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        Ok(())
    }
}

impl TryCryptoRng for Tape {}
