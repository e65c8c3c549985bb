//! Deterministic CBOR (RFC 8949 section 4.2.1), arrays in fixed order (protocol section 3).
//!
//! Bytes from outside become typed values here, once: too long, cut off, followed by more, or encoded in any but the
//! one canonical way, they are [`Malformed`].

use minicbor::{Decode, Encode};

/// The bytes are not the one canonical encoding of the expected type. Says no more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

/// Encodes `value` canonically.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    match minicbor::encode(value, &mut out) {
        Ok(()) => out,
        // Writing to a `Vec` is infallible, and no type of this crate has an `Encode` that fails by itself.
        Err(_) => Vec::new(),
    }
}

/// Decodes exactly one `T` that fills `bytes`, at most `limit` bytes long and canonically encoded.
///
/// # Errors
/// [`Malformed`] for anything else.
pub fn decode<'b, T>(bytes: &'b [u8], limit: usize) -> Result<T, Malformed>
where
    T: Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > limit {
        return Err(Malformed);
    }
    let value: T = minicbor::decode(bytes).map_err(|_| Malformed)?;
    // Canonical form by comparison: trailing bytes, long integer forms, indefinite lengths and surplus array
    // elements all encode back to something else.
    if encode(&value) == bytes { Ok(value) } else { Err(Malformed) }
}
