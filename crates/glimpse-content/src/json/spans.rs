//! Where the parts of a JSON document lie in its text, and nothing of what they say.

use std::collections::BTreeSet;

use super::{Fault, Reader};
use crate::limits::{JSON_DEPTH, JSON_VALUES, NAME_BYTES};

/// What a value is made of.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A string, a number, or a word.
    Leaf,
    /// Elements, without names.
    Array(Vec<Part>),
    /// Members, each with a name of its own.
    Object(Vec<Part>),
}

/// A member of an object, from its name to the end of its value; or an element of an array.
#[derive(Debug)]
pub(crate) struct Part {
    /// Without escapes; empty in an array.
    pub(crate) name: String,
    /// The first byte.
    pub(crate) from: usize,
    /// One past the last byte.
    pub(crate) to: usize,
    pub(crate) value: Shape,
    /// Whether it is left out.
    pub(crate) withheld: bool,
}

/// Why a document has no parts that could be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoParts {
    /// It is not read.
    Unread(Fault),
    /// An object has two members of one name: which of them is meant depends on who reads it.
    NamedTwice,
    /// A name is longer than [`NAME_BYTES`].
    LongName,
}

impl From<Fault> for NoParts {
    fn from(fault: Fault) -> Self {
        Self::Unread(fault)
    }
}

/// The parts of one document; of several on lines of their own, as one array.
///
/// # Errors
/// [`NoParts`].
pub(crate) fn shape(text: &str, lines: bool) -> Result<Shape, NoParts> {
    let mut reader = Reader::new(text);
    if lines {
        let mut documents = Vec::new();
        reader.space();
        while reader.at < text.len() {
            documents.push(reader.part(String::new(), None, 1)?);
            reader.space();
        }
        return Ok(Shape::Array(documents));
    }
    let root = reader.part(String::new(), None, 0)?;
    reader.space();
    if reader.at < text.len() { Err(reader.fault().into()) } else { Ok(root.value) }
}

impl Reader<'_> {
    fn part(&mut self, name: String, from: Option<usize>, depth: usize) -> Result<Part, NoParts> {
        self.space();
        let from = from.unwrap_or(self.at);
        let value = match self.peek() {
            Some(b'{') => self.members(depth)?,
            Some(b'[') => self.elements(depth)?,
            _ => {
                self.value(depth)?;
                Shape::Leaf
            }
        };
        Ok(Part { name, from, to: self.at, value, withheld: false })
    }

    /// A value that has others in it.
    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        self.values = self.values.saturating_add(1);
        if self.values > JSON_VALUES {
            return Err(Fault::TooMany);
        }
        if depth > JSON_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.skip();
        self.space();
        Ok(())
    }

    fn elements(&mut self, depth: usize) -> Result<Shape, NoParts> {
        self.enter(depth)?;
        let mut parts = Vec::new();
        if self.peek() == Some(b']') {
            self.skip();
            return Ok(Shape::Array(parts));
        }
        loop {
            parts.push(self.part(String::new(), None, depth.saturating_add(1))?);
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b']')?;
                return Ok(Shape::Array(parts));
            }
            self.skip();
        }
    }

    fn members(&mut self, depth: usize) -> Result<Shape, NoParts> {
        self.enter(depth)?;
        let mut parts = Vec::new();
        if self.peek() == Some(b'}') {
            self.skip();
            return Ok(Shape::Object(parts));
        }
        loop {
            self.space();
            let from = self.at;
            let name = self.string()?.into_owned();
            if name.len() > NAME_BYTES {
                return Err(NoParts::LongName);
            }
            self.space();
            self.expect(b':')?;
            parts.push(self.part(name, Some(from), depth.saturating_add(1))?);
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b'}')?;
                let mut names = BTreeSet::new();
                return if parts.iter().all(|part| names.insert(part.name.as_str())) {
                    Ok(Shape::Object(parts))
                } else {
                    Err(NoParts::NamedTwice)
                };
            }
            self.skip();
        }
    }
}
