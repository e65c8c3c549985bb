//! What a screen reader says, by key of the catalogue.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// Something that a screen reader says, by key of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// Rises with every announcement, so that the same words can be said again.
    pub number: u32,
    key: &'static str,
    #[serde(serialize_with = "as_map")]
    values: Vec<(&'static str, Value)>,
    /// Interrupts what is being read.
    urgent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Value {
    Count(usize),
    Text(String),
}

impl Announcement {
    /// Waits for a pause in what is being read.
    #[must_use]
    pub const fn polite(key: &'static str) -> Self {
        Self { number: 0, key, values: Vec::new(), urgent: false }
    }

    /// Interrupts what is being read.
    #[must_use]
    pub const fn urgent(key: &'static str) -> Self {
        Self { number: 0, key, values: Vec::new(), urgent: true }
    }

    /// With a number, which chooses the plural.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.values.push(("count", Value::Count(count)));
        self
    }

    /// With the title of a record.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        self.values.push(("title", Value::Text(title.to_owned())));
        self
    }
}

fn as_map<S: Serializer>(values: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(values.len()))?;
    for (name, value) in values {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
