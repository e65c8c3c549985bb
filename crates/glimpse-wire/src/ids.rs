//! Typed, disjoint identifiers, so that a device id is never taken where a hash is expected (protocol section 3).
//!
//! In CBOR an id is a byte string; in JSON, URLs and on screens it is base64url without padding.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{Malformed, refused};

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                encoder.bytes(&self.0)?;
                Ok(())
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                decoder.bytes()?.try_into().map(Self).map_err(|_| refused())
            }
        }

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Takes exactly [`Self::LEN`] bytes.
            ///
            /// # Errors
            /// [`Malformed`] for any other length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, Malformed> {
                bytes.try_into().map(Self).map_err(|_| Malformed)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                let mut bytes = [0u8; $len];
                match Base64UrlUnpadded::decode(text, &mut bytes) {
                    Ok(decoded) if decoded.len() == $len => Ok(Self(bytes)),
                    Ok(_) | Err(_) => Err(Malformed),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_id!(
    /// An account: the hash of its genesis link.
    AccountId, 32
);
byte_id!(
    /// A linked device: the hash of its two public keys. It is never taken for another id:
    ///
    /// ```compile_fail
    /// let device = glimpse_wire::DeviceId([0; 32]);
    /// let account: glimpse_wire::AccountId = device;
    /// ```
    DeviceId, 32
);
byte_id!(
    /// Who signed a record version: a device id, or the hash of a writer's public key.
    AuthorId, 32
);
byte_id!(
    /// An agent of an organisation, drawn at random by the organisation.
    AgentId, 16
);
byte_id!(
    /// A record, drawn at random by its author.
    RecordId, 16
);
byte_id!(
    /// The life of a grant: the first 16 bytes of a hash of the pairing transcript.
    SessionId, 16
);
byte_id!(
    /// One record inside one session, drawn at random by the device that lends.
    UnitId, 16
);
byte_id!(
    /// Where the two ends of a pairing leave messages; drawn at random by the server.
    MailboxId, 16
);
byte_id!(
    /// A SHA-256 output with a meaning given by its label.
    Hash, 32
);
byte_id!(
    /// A public salt, fresh for each sealing.
    Salt, 32
);
byte_id!(
    /// An Ed25519 public key as it travels; nothing is known of it until a signature verifies.
    SigningKeyBytes, 32
);
byte_id!(
    /// An Ed25519 signature as it travels.
    SignatureBytes, 64
);

impl Hash {
    /// "Nothing came before": the previous hash of a first link, version or receipt.
    pub const ZERO: Self = Self([0; 32]);
}

impl From<DeviceId> for AuthorId {
    fn from(device: DeviceId) -> Self {
        Self(device.0)
    }
}

/// Milliseconds since the Unix epoch, UTC, by the server's clock as its owner knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl<C> Encode<C> for UnixMillis {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.u64(self.0)?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for UnixMillis {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        decoder.u64().map(Self)
    }
}

impl UnixMillis {
    /// This time and `millis` more, held at the far end rather than wrapping.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Public bytes of any length: a byte string in CBOR, base64url without padding in JSON.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl<C> Encode<C> for Bytes {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.bytes(&self.0)?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Bytes {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        decoder.bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

impl Bytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Base64UrlUnpadded::decode_vec(&text).map(Self).map_err(|_| serde::de::Error::custom(Malformed))
    }
}

#[cfg(test)]
mod tests {
    use core::any::TypeId;

    use super::*;
    use crate::preimage;

    /// That one id is not taken for another is the compiler's to say: see the example at [`DeviceId`].
    #[test]
    fn t030_ids_of_different_kinds_are_different_types_and_hashes_of_one_key_differ() {
        let types = [
            TypeId::of::<AccountId>(),
            TypeId::of::<DeviceId>(),
            TypeId::of::<AuthorId>(),
            TypeId::of::<Hash>(),
            TypeId::of::<Salt>(),
            TypeId::of::<SigningKeyBytes>(),
            TypeId::of::<RecordId>(),
            TypeId::of::<SessionId>(),
            TypeId::of::<UnitId>(),
            TypeId::of::<MailboxId>(),
            TypeId::of::<AgentId>(),
        ];
        for (place, one) in types.iter().enumerate() {
            assert!(types.iter().skip(place + 1).all(|other| other != one));
        }
        // The same 32 bytes as a device's key, a writer's key and a link: three ids that do not meet.
        let key = SigningKeyBytes([7; 32]);
        let ids = [
            preimage::device_id(&key, &[]).0,
            preimage::writer_id(&key).0,
            preimage::account_id(&key.0).0,
            preimage::link_hash(&key.0).0,
        ];
        for (place, one) in ids.iter().enumerate() {
            assert!(ids.iter().skip(place + 1).all(|other| other != one));
        }
        // An id of another length is refused wherever it is read.
        let short = RecordId([1; 16]).to_string();
        assert_eq!(short.parse::<DeviceId>(), Err(Malformed));
        assert_eq!(crate::decode::<DeviceId>(&crate::encode(&RecordId([1; 16])), 64), Err(Malformed));
        assert!(short.parse::<RecordId>().is_ok(), "control");
    }
}
