//! Deterministic CBOR (RFC 8949 section 4.2.1), arrays in fixed order (protocol section 3).
//!
//! Bytes from outside become typed values here, once: too long, cut off, followed by more, or encoded in any but the
//! one canonical way, they are [`Malformed`].

use minicbor::{Decode, Decoder, Encode};

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

/// Reads the head of an array that must have `count` elements.
pub(crate) fn expect_array(decoder: &mut Decoder<'_>, count: u64) -> Result<(), minicbor::decode::Error> {
    if decoder.array()? == Some(count) { Ok(()) } else { Err(refused()) }
}

/// One error for everything: [`decode`] tells none apart.
pub(crate) fn refused() -> minicbor::decode::Error {
    minicbor::decode::Error::end_of_input()
}

/// A struct as the array of its fields, in the order written here.
///
/// In place of minicbor's derive: that keeps a message for every field that may be missing, which is a tenth of the page.
macro_rules! array {
    ($name:ident { $($field:ident),+ }) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.array($crate::codec::elements!($($field),+))?;
                $(self.$field.encode(encoder, context)?;)+
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(decoder: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
                $crate::codec::expect_array(decoder, $crate::codec::elements!($($field),+))?;
                Ok(Self { $($field: minicbor::Decode::decode(decoder, context)?),+ })
            }
        }
    };
}

/// An enum as the array of a number and the fields of the variant that it stands for.
macro_rules! choice {
    ($name:ident { $($number:literal => $variant:ident { $($field:tt $(: $bound:ident)?),* },)+ }) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                let _context = context;
                match self {
                    $(Self::$variant { $($field $(: $bound)?),* } => {
                        encoder.array($crate::codec::elements!(number $(, $field)*))?.u32($number)?;
                        $($crate::codec::bound!($field $($bound)?).encode(encoder, _context)?;)*
                    })+
                }
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(decoder: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
                let _context = context;
                let elements = decoder.array()?;
                match decoder.u32()? {
                    $($number if elements == Some($crate::codec::elements!(number $(, $field)*)) => {
                        Ok(Self::$variant { $($field: minicbor::Decode::decode(decoder, _context)?),* })
                    })+
                    _ => Err($crate::codec::refused()),
                }
            }
        }
    };
}

/// An enum without fields as a number.
macro_rules! number {
    ($name:ident { $($variant:ident = $number:literal),+ }) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.u32(match self { $(Self::$variant => $number),+ })?;
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(decoder: &mut minicbor::Decoder<'b>, _context: &mut C) -> Result<Self, minicbor::decode::Error> {
                match decoder.u32()? {
                    $($number => Ok(Self::$variant),)+
                    _ => Err($crate::codec::refused()),
                }
            }
        }
    };
}

/// How many names there are.
macro_rules! elements {
    ($($name:tt),*) => {{
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $crate::codec::length(NAMES)
    }};
}

/// The name that a pattern bound a field to: its own, unless another is given.
macro_rules! bound {
    ($field:ident) => {
        $field
    };
    ($field:tt $bound:ident) => {
        $bound
    };
}

pub(crate) use {array, bound, choice, elements, number};

/// Length of a list that is known when this is built.
pub(crate) const fn length(names: &[&str]) -> u64 {
    let mut rest = names;
    let mut length = 0u64;
    while let Some((_, tail)) = rest.split_first() {
        rest = tail;
        length = length.saturating_add(1);
    }
    length
}
