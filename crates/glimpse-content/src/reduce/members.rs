//! Members of JSON objects and elements of its lists, FHIR resources among them.

use core::ops::Range;
use std::collections::BTreeMap;

use super::{Fault, Field, Fields, Path, Reduction, cuts_of, escaped};
use crate::json::Fault as JsonFault;
use crate::json::spans::{NoParts, Part, Shape, shape};
use crate::limits::FIELDS_NAMED;

/// Every element of a list.
const EACH: &str = "*";
/// What makes an object a FHIR resource, and the running text in it that says again what its fields say.
const RESOURCE: &str = "resourceType";
const NARRATIVE: &str = "text";
/// What running text has in it, wherever it stands.
const MARKUP: &str = "div";
/// Before the name of the other half of a primitive: FHIR writes `birthDate`, and beside it `_birthDate` for what more there is of it.
const HALF: char = '_';

impl From<NoParts> for Fault {
    fn from(why: NoParts) -> Self {
        match why {
            NoParts::Unread(JsonFault::Syntax(_)) => Self::Malformed,
            NoParts::Unread(JsonFault::TooDeep | JsonFault::TooMany) => Self::TooMuch,
            NoParts::NamedTwice => Self::NamedTwice,
            NoParts::LongName => Self::LongName,
        }
    }
}

pub(super) fn fields(text: &str, lines: bool) -> Result<Fields, Fault> {
    let root = shape(text, lines)?;
    let mut names = Names::default();
    let mut room = FIELDS_NAMED;
    let more = !names.note(&root, &mut room);
    let mut fields = Vec::new();
    names.list("", 0, &mut fields);
    if fields.is_empty() { Err(Fault::NoFields) } else { Ok(Fields { fields, more }) }
}

/// Names as they stand in one another; of the elements of a list together.
#[derive(Default)]
struct Names {
    places: BTreeMap<String, usize>,
    inside: Vec<(String, Self)>,
}

impl Names {
    /// Whether there was room for all.
    fn note(&mut self, shape: &Shape, room: &mut usize) -> bool {
        let (parts, is_list) = match shape {
            Shape::Leaf => return true,
            Shape::Array(parts) => (parts, true),
            Shape::Object(parts) => (parts, false),
        };
        let mut all = true;
        for part in parts {
            let name = if is_list { EACH } else { part.name.as_str() };
            let place = match self.places.get(name) {
                Some(place) => *place,
                None => {
                    let Some(left) = room.checked_sub(1) else {
                        all = false;
                        continue;
                    };
                    *room = left;
                    self.places.insert(name.to_owned(), self.inside.len());
                    self.inside.push((name.to_owned(), Self::default()));
                    self.inside.len().saturating_sub(1)
                }
            };
            if let Some((_, inside)) = self.inside.get_mut(place) {
                all &= inside.note(&part.value, room);
            }
        }
        all
    }

    fn list(&self, above: &str, depth: usize, fields: &mut Vec<Field>) {
        for (name, inside) in &self.inside {
            let pointer = format!("{above}/{}", escaped(name));
            inside_first(&pointer, name, depth, inside, fields);
        }
    }
}

fn inside_first(pointer: &str, name: &str, depth: usize, inside: &Names, fields: &mut Vec<Field>) {
    fields.push(Field { pointer: pointer.to_owned(), name: name.to_owned(), depth });
    inside.list(pointer, depth.saturating_add(1), fields);
}

pub(super) fn reduce(text: &str, lines: bool, paths: &[Path]) -> Result<Reduction, Fault> {
    let mut root = shape(text, lines)?;
    for path in paths {
        if !mark(&mut root, &path.steps) {
            return Err(path.missing());
        }
    }
    let mut again = Again::default();
    again.look(&mut root);
    let parts = match &root {
        Shape::Leaf => return Err(Fault::NoFields),
        Shape::Array(parts) | Shape::Object(parts) => parts,
    };
    if parts.iter().all(|part| part.withheld) {
        return Err(Fault::NothingLeft);
    }
    let mut cuts = Vec::new();
    cut(&root, &mut cuts);
    Ok(Reduction { cuts, fields: paths.len().saturating_add(again.count()) })
}

/// Marks what a path leads to, and tells whether it leads to anything.
fn mark(shape: &mut Shape, steps: &[String]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    let found = |part: &mut Part| {
        if rest.is_empty() {
            part.withheld = true;
            return true;
        }
        mark(&mut part.value, rest)
    };
    match shape {
        Shape::Leaf => false,
        Shape::Array(parts) if step == EACH => {
            // Each of them, and not only the first that has it.
            parts.iter_mut().map(found).fold(false, |one, other| one | other)
        }
        Shape::Array(parts) => place(step).and_then(|place| parts.get_mut(place)).is_some_and(found),
        Shape::Object(parts) => parts.iter_mut().find(|part| part.name == *step).is_some_and(found),
    }
}

/// RFC 6901 section 4: digits, without a leading zero.
fn place(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    if plain { step.parse().ok() } else { None }
}

/// What says again in a FHIR document what is withheld in it, and goes with it though nobody named it.
#[derive(Default)]
struct Again {
    narratives: bool,
    halves: bool,
}

impl Again {
    fn count(&self) -> usize {
        usize::from(self.narratives).saturating_add(usize::from(self.halves))
    }

    /// Looks for documents: for resources that stand in no other.
    fn look(&mut self, shape: &mut Shape) {
        let is_document = matches!(shape, Shape::Object(parts) if parts.iter().any(|part| part.name == RESOURCE));
        if is_document {
            self.halves(shape);
            let (withheld, went) = visit(shape);
            self.narratives |= went;
            if withheld {
                self.everywhere(shape);
            }
            return;
        }
        let (Shape::Array(parts) | Shape::Object(parts)) = shape else { return };
        parts.iter_mut().filter(|part| !part.withheld).for_each(|part| self.look(&mut part.value));
    }

    /// The other half of each primitive that is withheld.
    fn halves(&mut self, shape: &mut Shape) {
        let (Shape::Array(parts) | Shape::Object(parts)) = shape else { return };
        let gone: Vec<String> = parts.iter().filter(|part| part.withheld).map(|part| part.name.clone()).collect();
        for part in parts.iter_mut().filter(|part| !part.withheld) {
            let other = part.name.strip_prefix(HALF).map_or_else(|| format!("{HALF}{}", part.name), str::to_owned);
            if !part.name.is_empty() && gone.contains(&other) {
                part.withheld = true;
                self.halves = true;
            } else {
                self.halves(&mut part.value);
            }
        }
    }

    /// Running text of whatever resource or section: that of one tells of the others.
    fn everywhere(&mut self, shape: &mut Shape) {
        let (Shape::Array(parts) | Shape::Object(parts)) = shape else { return };
        for part in parts.iter_mut().filter(|part| !part.withheld) {
            let has_markup =
                matches!(&part.value, Shape::Object(inside) if inside.iter().any(|part| part.name == MARKUP));
            if part.name == NARRATIVE && has_markup {
                part.withheld = true;
                self.narratives = true;
            } else {
                self.everywhere(&mut part.value);
            }
        }
    }
}

/// Whether something in it is withheld, and whether running text went for it.
fn visit(shape: &mut Shape) -> (bool, bool) {
    let (parts, is_object) = match shape {
        Shape::Leaf => return (false, false),
        Shape::Array(parts) => (parts, false),
        Shape::Object(parts) => (parts, true),
    };
    let (mut withheld, mut went) = (false, false);
    for part in parts.iter_mut() {
        let (inside, gone) = if part.withheld { (true, false) } else { visit(&mut part.value) };
        withheld |= inside;
        went |= gone;
    }
    if withheld && is_object && parts.iter().any(|part| part.name == RESOURCE) {
        for part in parts.iter_mut().filter(|part| part.name == NARRATIVE && !part.withheld) {
            part.withheld = true;
            went = true;
        }
    }
    (withheld, went)
}

fn cut(shape: &Shape, cuts: &mut Vec<Range<usize>>) {
    let (Shape::Array(parts) | Shape::Object(parts)) = shape else { return };
    if parts.iter().any(|part| part.withheld) {
        let spans: Vec<(Range<usize>, bool)> = parts.iter().map(|part| (part.from..part.to, part.withheld)).collect();
        cuts_of(&spans, cuts);
    }
    for part in parts.iter().filter(|part| !part.withheld) {
        cut(&part.value, cuts);
    }
}
