//! The PAKE: SPAKE2 on edwards25519, viewer = A, device = B, never symmetric. The one file that names the crate, and
//! its only caller: the crate by itself takes the identity, points of small and mixed order, non-canonical encodings
//! and our own reflected message (measured; see the tests).

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity;
use glimpse_wire::Hash;
use glimpse_wire::session::Side;
use rand_core::CryptoRng;
use spake2::{Ed25519Group, Identity, Password, Spake2};

use crate::secret::Secret;

/// Bytes of a message: the side, and a compressed point.
pub(crate) const MESSAGE: usize = 33;

/// Why a peer's message is refused, before any secret touches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PakeError {
    /// Not 33 bytes.
    #[error("wrong length")]
    Length,
    /// Not the other side's byte.
    #[error("wrong side")]
    Side,
    /// Our own element came back.
    #[error("our own element came back")]
    Reflected,
    /// Not the one encoding of a point.
    #[error("not a canonical point")]
    NotCanonical,
    /// A point of order 1, 2, 4 or 8.
    #[error("a point of small order")]
    SmallOrder,
    /// A point outside the prime-order subgroup.
    #[error("a point of mixed order")]
    MixedOrder,
    /// The crate refused it.
    #[error("refused")]
    Refused,
}

/// One end of a run, waiting for the other's message. Consumed by it: one code, one run.
pub(crate) struct ExpectElement {
    state: Spake2<Ed25519Group>,
    own: [u8; MESSAGE],
    side: Side,
}

impl ExpectElement {
    /// Begins a run and gives the message to send.
    pub(crate) fn start(
        side: Side,
        password: &Secret<32>,
        id_a: &Hash,
        id_b: &Hash,
        rng: &mut impl CryptoRng,
    ) -> (Self, [u8; MESSAGE]) {
        let password = Password::new(password.expose_secret());
        let (id_a, id_b) = (Identity::new(&id_a.0), Identity::new(&id_b.0));
        let (state, message) = match side {
            Side::Viewer => Spake2::start_a_with_rng(&password, &id_a, &id_b, rng),
            Side::Device => Spake2::start_b_with_rng(&password, &id_a, &id_b, rng),
        };
        let mut own = [0; MESSAGE];
        own.iter_mut().zip(&message).for_each(|(to, from)| *to = *from);
        (Self { state, own, side }, own)
    }

    /// Takes the other's message.
    ///
    /// # Errors
    /// [`PakeError`]; the run is over either way.
    pub(crate) fn finish(self, theirs: &[u8]) -> Result<Secret<32>, PakeError> {
        let theirs: &[u8; MESSAGE] = theirs.try_into().map_err(|_| PakeError::Length)?;
        check_element(self.side.other(), theirs, &self.own)?;
        let key = zeroize::Zeroizing::new(self.state.finish(theirs).map_err(|_| PakeError::Refused)?);
        Secret::from_slice(&key).ok_or(PakeError::Refused)
    }
}

fn check_element(from: Side, theirs: &[u8; MESSAGE], own: &[u8; MESSAGE]) -> Result<(), PakeError> {
    let ([side], point) = theirs.split_first_chunk::<1>().ok_or(PakeError::Length)?;
    let (_, own_point) = own.split_first_chunk::<1>().ok_or(PakeError::Length)?;
    if point == own_point {
        return Err(PakeError::Reflected);
    }
    let expected = match from {
        Side::Viewer => b'A',
        Side::Device => b'B',
    };
    if *side != expected {
        return Err(PakeError::Side);
    }
    let compressed = CompressedEdwardsY::from_slice(point).map_err(|_| PakeError::Length)?;
    let decompressed = compressed.decompress().ok_or(PakeError::NotCanonical)?;
    if decompressed.compress() != compressed {
        return Err(PakeError::NotCanonical);
    }
    if decompressed.is_identity() || decompressed.is_small_order() {
        return Err(PakeError::SmallOrder);
    }
    if !decompressed.is_torsion_free() {
        return Err(PakeError::MixedOrder);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
