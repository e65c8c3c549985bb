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
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], limit: usize) -> Result<T, Malformed> {
    if bytes.len() > limit || one_canonical_item(bytes).is_none() {
        return Err(Malformed);
    }
    let mut decoder = Decoder::new(bytes);
    let value = T::decode(&mut decoder, &mut ()).map_err(|_| Malformed)?;
    // A type that reads an item reads all of it: arrays have the length that their reader expects.
    if decoder.position() == bytes.len() { Ok(value) } else { Err(Malformed) }
}

/// Walks over the one item that must fill `bytes`: every head the shortest of its kind, every length definite, and nothing
/// but what this protocol is made of: unsigned integers, byte and text strings, arrays, `false` and `true`. Together with
/// types that read each of these in one way, a value has one encoding. Types that travel are made by [`array`] and
/// [`choice`], which take arrays of their own length only; minicbor's derive skips surplus elements, and reads files of ours.
///
/// A comparison with the value encoded again would say the same, and would leave copies of the secrets that some messages
/// hold in memory that nobody wipes.
fn one_canonical_item(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes;
    // Items that are still to come, over all arrays that are open.
    let mut due: u64 = 1;
    while due > 0 {
        due = due.checked_sub(1)?;
        let (&head, after) = rest.split_first()?;
        let (value, after) = argument(head & 0x1F, after)?;
        rest = match head >> 5 {
            0 => after,
            2 | 3 => after.get(usize::try_from(value).ok()?..)?,
            4 => {
                due = due.checked_add(value)?;
                after
            }
            // `null` stands in files of ours alone, for what is not there: no type that travels reads one.
            7 if matches!(head, 0xF4..=0xF6) => after,
            _ => return None,
        };
    }
    rest.is_empty().then_some(())
}

/// The number that a head carries, in its shortest form, and what follows it.
fn argument(info: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let (value, least, rest) = match info {
        0..=23 => (u64::from(info), 0, rest),
        24 => {
            let (bytes, rest) = rest.split_first_chunk::<1>()?;
            (u64::from(u8::from_be_bytes(*bytes)), 24, rest)
        }
        25 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            (u64::from(u16::from_be_bytes(*bytes)), 0x100, rest)
        }
        26 => {
            let (bytes, rest) = rest.split_first_chunk::<4>()?;
            (u64::from(u32::from_be_bytes(*bytes)), 0x1_0000, rest)
        }
        27 => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*bytes), 0x1_0000_0000, rest)
        }
        _ => return None,
    };
    (value >= least).then_some((value, rest))
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
