//! Fields of a record, and where their bytes lie, so that a copy can be made without them.
//!
//! Nothing is rewritten. What leaves here is a list of stretches to be cut out of the very bytes of the record, so whoever cuts
//! needs to understand none of them, and all else stays as it was, to the byte. Where a field cannot be told from what
//! stands beside it, there is a [`Fault`] and no list.

mod columns;
mod members;
#[cfg(test)]
mod tests;

use core::ops::Range;

use crate::detect;
use crate::limits::{FIELDS_WITHHELD, NAME_BYTES, REDUCED};
use crate::reading::{Declared, Source, declared, media_type};

/// A field that can be withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// A JSON pointer (RFC 6901), with `*` for every element of a list; of a table, one step that names a column.
    pub pointer: String,
    /// Its last step, without escapes.
    pub name: String,
    /// Steps above it.
    pub depth: usize,
}

/// The fields of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// In the order in which they first appear.
    pub fields: Vec<Field>,
    /// Whether there are more than are named: they can be withheld by their pointer all the same.
    pub more: bool,
}

/// How a record becomes one without some of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduction {
    /// Bytes to be cut out: rising, not empty, none at or over another.
    pub cuts: Vec<Range<usize>>,
    /// How many fields are withheld: those that were named, one inside of another left aside, and one more for the running text
    /// of FHIR resources, which repeats what stands in their fields.
    pub fields: usize,
}

/// Why fields of a record cannot be named or withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A text, an image or a file: there are none.
    NoFields,
    /// Not UTF-8: which bytes are a delimiter depends on who reads it.
    NotUtf8,
    /// Larger than [`REDUCED`].
    TooLarge,
    /// JSON or a table, and one that breaks its own rules.
    Malformed,
    /// Nested too deep, or of too many values.
    TooMuch,
    /// Two fields of one name stand beside each other.
    NamedTwice,
    /// A name is longer than [`NAME_BYTES`].
    LongName,
    /// Rows have more or fewer cells than the first.
    Ragged,
    /// This is no pointer.
    NoPointer(String),
    /// There is no such field.
    NoSuchField(String),
    /// More than [`FIELDS_WITHHELD`] were named.
    TooMany,
    /// It would leave nothing.
    NothingLeft,
}

impl Fault {
    /// A stable word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoFields => "no-fields",
            Self::NotUtf8 => "not-utf8",
            Self::TooLarge => "large",
            Self::Malformed => "malformed",
            Self::TooMuch => "too-much",
            Self::NamedTwice => "named-twice",
            Self::LongName => "long-name",
            Self::Ragged => "ragged",
            Self::NoPointer(_) => "no-pointer",
            Self::NoSuchField(_) => "no-such-field",
            Self::TooMany => "too-many",
            Self::NothingLeft => "nothing-left",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.word())
    }
}

/// The fields of a record.
///
/// # Errors
/// [`Fault`].
pub fn fields(source: &Source<'_>) -> Result<Fields, Fault> {
    match form(source)? {
        Form::Json { text, lines } => members::fields(text, lines),
        Form::Table { text } => columns::fields(text),
    }
}

/// How to make a copy without the fields at these pointers.
///
/// # Errors
/// [`Fault`]: then there is no copy.
pub fn reduce<S: AsRef<str>>(source: &Source<'_>, pointers: &[S]) -> Result<Reduction, Fault> {
    if pointers.len() > FIELDS_WITHHELD {
        return Err(Fault::TooMany);
    }
    let paths = pointers.iter().map(|pointer| Path::parse(pointer.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let paths = outermost(paths);
    let mut reduction = match form(source)? {
        Form::Json { text, lines } => members::reduce(text, lines, &paths)?,
        Form::Table { text } => columns::reduce(text, &paths)?,
    };
    // Both readings leave out a mark of the byte order, which stays.
    let skipped = if source.bytes.starts_with(MARK) { MARK.len() } else { 0 };
    for cut in &mut reduction.cuts {
        *cut = cut.start.saturating_add(skipped)..cut.end.saturating_add(skipped);
    }
    reduction.cuts = joined(reduction.cuts);
    Ok(reduction)
}

/// The bytes without what is cut out of them.
#[must_use]
pub fn without(bytes: &[u8], cuts: &[Range<usize>]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for cut in cuts {
        kept.extend_from_slice(bytes.get(at..cut.start).unwrap_or_default());
        at = cut.end;
    }
    kept.extend_from_slice(bytes.get(at..).unwrap_or_default());
    kept
}

/// UTF-8's mark of the byte order, which some programs write.
const MARK: &[u8] = b"\xef\xbb\xbf";

enum Form<'t> {
    Json { text: &'t str, lines: bool },
    Table { text: &'t str },
}

/// The same as the viewer shows: by the declared type, and by what the bytes are where that says nothing.
fn form<'t>(source: &Source<'t>) -> Result<Form<'t>, Fault> {
    if source.bytes.len() > REDUCED {
        return Err(Fault::TooLarge);
    }
    if detect::magic(source.bytes).is_some() {
        return Err(Fault::NoFields);
    }
    let text = || {
        let bytes = source.bytes.strip_prefix(MARK).unwrap_or(source.bytes);
        core::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
    };
    let extension = source.title.rsplit_once('.').map_or("", |(_, extension)| extension);
    let lines = ["ndjson", "jsonl"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    match declared(&media_type(source.content_type).0) {
        Declared::Text => Err(Fault::NoFields),
        Declared::Table => Ok(Form::Table { text: text()? }),
        Declared::Json => Ok(Form::Json { text: text()?, lines }),
        Declared::JsonLines => Ok(Form::Json { text: text()?, lines: true }),
        Declared::Unknown | Declared::Binary => {
            let text = text().map_err(|_| Fault::NoFields)?;
            match detect::form(source.title, text) {
                detect::Form::Document(_) => Ok(Form::Json { text, lines }),
                detect::Form::LargeJson => Err(Fault::TooLarge),
                detect::Form::Table(_) => Ok(Form::Table { text }),
                detect::Form::Markdown | detect::Form::Plain => Err(Fault::NoFields),
            }
        }
    }
}

/// A pointer, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    pointer: String,
    steps: Vec<String>,
}

impl Path {
    fn parse(pointer: &str) -> Result<Self, Fault> {
        let wrong = || Fault::NoPointer(pointer.chars().take(200).collect());
        let Some(steps) = pointer.strip_prefix('/') else {
            // The whole record is not withheld: it is not lent.
            return Err(if pointer.is_empty() { Fault::NothingLeft } else { wrong() });
        };
        let steps = steps.split('/').map(|step| unescaped(step).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
        if steps.iter().any(|step| step.len() > NAME_BYTES) {
            return Err(Fault::LongName);
        }
        Ok(Self { pointer: pointer.to_owned(), steps })
    }

    fn missing(&self) -> Fault {
        Fault::NoSuchField(self.pointer.chars().take(200).collect())
    }
}

/// RFC 6901 section 4: `~1` is a slash, `~0` a tilde, and no other is one.
fn unescaped(step: &str) -> Option<String> {
    let mut plain = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                Some(_) | None => return None,
            },
            character => character,
        });
    }
    Some(plain)
}

fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// Each path once, and none that lies in another.
fn outermost(mut paths: Vec<Path>) -> Vec<Path> {
    paths.sort_by(|one, other| one.steps.cmp(&other.steps));
    let mut kept: Vec<Path> = Vec::new();
    for path in paths {
        // Sorted, what lies in a path comes right behind it.
        if !kept.last().is_some_and(|outer| path.steps.starts_with(&outer.steps)) {
            kept.push(path);
        }
    }
    kept
}

/// What is cut out of a row of things with something between them: whatever is kept keeps one of those on each side where it
/// had one, and none is left over.
fn cuts_of(parts: &[(Range<usize>, bool)], cuts: &mut Vec<Range<usize>>) {
    let mut kept_before = false;
    for (place, (part, withheld)) in parts.iter().enumerate() {
        if !withheld {
            kept_before = true;
            continue;
        }
        let neighbour = |place: Option<usize>| place.and_then(|place| parts.get(place)).map(|(part, _)| part);
        let (before, after) = (neighbour(place.checked_sub(1)), neighbour(place.checked_add(1)));
        let from = before.filter(|_| kept_before).map_or(part.start, |before| before.end);
        let to = after.filter(|_| !kept_before).map_or(part.end, |after| after.start);
        cuts.push(from..to);
    }
}

/// Stretches that touch become one; empty ones are none.
fn joined(mut cuts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    cuts.retain(|cut| !cut.is_empty());
    cuts.sort_by_key(|cut| cut.start);
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(cuts.len());
    for cut in cuts {
        match joined.last_mut() {
            Some(last) if cut.start <= last.end => last.end = last.end.max(cut.end),
            Some(_) | None => joined.push(cut),
        }
    }
    joined
}
