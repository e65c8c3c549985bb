//! Reads enums whose JSON names the variant in a member: `{"type": "lend", "minutes": 5}`. An enum inside a variant has its
//! name beside it, under `act`.
//!
//! Serde's own way of doing so (`tag = "type"`) copies each object into a tree first, with a second set of readers for
//! trees, and was a tenth of the module. This reads the text twice.

use core::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, IntoDeserializer as _,
    MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;

/// The member that names the variant.
const OUTER: &str = "type";
/// The same, for an enum inside a variant.
const INNER: &str = "act";

/// Reads what a page writes; nothing for what is none.
pub(crate) fn from_str<T: DeserializeOwned>(json: &str) -> Option<T> {
    T::deserialize(Tagged { json, tag: OUTER }).ok()
}

#[derive(Clone, Copy)]
struct Tagged<'de> {
    json: &'de str,
    tag: &'static str,
}

impl<'de> Deserializer<'de> for Tagged<'de> {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.json).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let mut reading = serde_json::Deserializer::from_str(self.json);
        let name = reading.deserialize_map(Name(self.tag))?;
        reading.end()?;
        let name: StringDeserializer<Error> = name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(Tagged { tag: INNER, ..self })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a variant of many"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        // Not as a struct, which could be a list as well: no page writes one.
        serde_json::Deserializer::from_str(self.json).deserialize_map(visitor)
    }
}

/// Finds the member of this name, which stands there once.
struct Name(&'static str);

impl<'de> Visitor<'de> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<String, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name != self.0 {
                members.next_value::<IgnoredAny>()?;
            } else if found.replace(members.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(self.0));
            }
        }
        found.ok_or_else(|| A::Error::missing_field(self.0))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Outer {
        Unit,
        Fields { text: String, number: u32 },
        Inner(Inner),
        Plain(Plain),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Inner {
        Unit,
        Fields { flag: bool },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        flag: bool,
    }

    #[test]
    fn variants_are_named_by_a_member() {
        let read = |json: &str| from_str::<Outer>(json).unwrap();
        assert_eq!(read(r#"{"type":"unit","more":[1]}"#), Outer::Unit);
        let fields = Outer::Fields { text: "a\"b".into(), number: 7 };
        assert_eq!(read(r#"{"text":"a\"b","type":"fields","number":7}"#), fields);
        assert_eq!(read(r#"{"type":"inner","act":"unit"}"#), Outer::Inner(Inner::Unit));
        assert_eq!(read(r#"{"act":"fields","flag":true,"type":"inner"}"#), Outer::Inner(Inner::Fields { flag: true }));
        assert_eq!(read(r#"{"type":"plain","flag":false}"#), Outer::Plain(Plain { flag: false }));
    }

    #[test]
    fn what_is_none_is_none() {
        for json in [
            "",
            "1",
            "\"unit\"",
            "[]",
            "{}",
            r#"{"type":"other"}"#,
            r#"{"type":1}"#,
            r#"{"type":"unit","type":"unit"}"#,
            r#"{"type":"unit"} {}"#,
            r#"{"type":"unit""#,
            r#"{"type":"fields","text":"a"}"#,
            r#"{"type":"fields","text":"a","number":-1}"#,
            r#"{"type":"fields","text":"a","text":"b","number":1}"#,
            r#"{"type":"inner"}"#,
            r#"{"type":"inner","act":"fields"}"#,
        ] {
            assert!(from_str::<Outer>(json).is_none(), "{json}");
        }
    }
}
