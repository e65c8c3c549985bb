//! What a length tells: sizes of padded content and of its chunks (protocol section 5).

/// Plaintext bytes in one chunk of content.
pub const CHUNK: u64 = 64 * 1024;
/// Bytes that sealing adds to each chunk: the Poly1305 tag.
pub const TAG: u64 = 16;
/// Ciphertext bytes in one full chunk.
pub const SEALED_CHUNK: u64 = CHUNK + TAG;
/// The smallest padded size.
pub const MIN_PADDED: u64 = 512;
/// Bytes of the length prefix inside the plaintext.
pub const LENGTH_PREFIX: u64 = 8;

/// Padmé (Nikitin et al., PETS 2019, section 4.2): rounds `length` up so that at most `O(log log length)` bits of it
/// are told, at a cost of at most 12 %.
///
/// Never below [`MIN_PADDED`]. Lengths above 2^62 are returned unchanged: the limits refuse them long before.
#[must_use]
pub const fn padme(length: u64) -> u64 {
    if length <= MIN_PADDED {
        return MIN_PADDED;
    }
    if length > 1 << 62 {
        return length;
    }
    let exponent = length.ilog2();
    let keep = exponent.ilog2().saturating_add(1);
    let drop = exponent.saturating_sub(keep);
    let mask = (1u64 << drop).saturating_sub(1);
    length.saturating_add(mask) & !mask
}

/// The padded size of content of `length` bytes: length prefix and content, rounded up by [`padme`].
#[must_use]
pub const fn padded(length: u64) -> u64 {
    padme(length.saturating_add(LENGTH_PREFIX))
}

/// How many chunks hold `padded` bytes of plaintext; at least one.
#[must_use]
pub const fn chunks(padded: u64) -> u64 {
    if padded == 0 { 1 } else { padded.div_ceil(CHUNK) }
}

/// Ciphertext bytes for `padded` bytes of plaintext.
#[must_use]
pub const fn sealed(padded: u64) -> u64 {
    padded.saturating_add(chunks(padded).saturating_mul(TAG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padme_matches_the_paper() {
        // Values from the reference implementation of Padmé (github.com/dedis/purb, `padmé`), above our floor.
        for (length, expected) in [(1, 512), (512, 512), (513, 544), (544, 544), (545, 576), (1000, 1024), (9000, 9216)]
        {
            assert_eq!(padme(length), expected, "padme({length})");
        }
    }

    #[test]
    fn padding_never_shrinks_and_costs_little() {
        for length in (1..5_000_000u64).step_by(997) {
            let padded = padme(length);
            assert!(padded >= length);
            assert!(length < 512 || padded * 100 <= length * 112, "{length} -> {padded}");
        }
    }

    #[test]
    fn chunk_counts() {
        assert_eq!((chunks(512), sealed(512)), (1, 528));
        assert_eq!((chunks(CHUNK), chunks(CHUNK + 1)), (1, 2));
    }
}
