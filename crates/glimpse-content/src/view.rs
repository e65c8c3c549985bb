//! The model that the page draws: blocks of words, numbers and times, never markup.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::detect::Kind;

/// What one record looks like: notices first, then blocks in reading order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentView {
    /// What the bytes were found to be, whatever the record says of itself.
    pub kind: Kind,
    /// The media type that was found. A `Blob` is made with this one, never with the declared one.
    pub content_type: &'static str,
    /// What the reader must know before reading: a type that disagrees, something left out, a character made visible.
    pub notices: Vec<Message>,
    /// What is drawn, from top to bottom.
    pub blocks: Vec<Block>,
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// Running text with its line breaks.
    Text(Text),
    /// A JSON document as an indented list.
    Tree(Tree),
    /// Rows under column headings.
    Table(Table),
    /// Values over time, in one unit.
    Chart(Chart),
    /// Names with values, as for one FHIR resource.
    Fields(Fields),
    /// The record is an image of [`ContentView::content_type`]; the page makes the blob from the bytes that it has.
    Image,
    /// The record is a PDF, for the browser's own viewer.
    Pdf,
    /// Nothing here can be drawn; the page offers a download where the grant allows.
    Download,
}

/// Words on the screen: the user's own, as they are, or the product's, by key.
///
/// Serialised as a string, as `{key, args}`, or as `{at, precision, floating, text}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Words {
    /// From the record, with control characters made visible. Shown as it is, in its own direction (`<bdi>`).
    Data(String),
    /// From the catalogue.
    Message(Message),
    /// A time that the page writes in the reader's way.
    Time(Moment),
}

/// A message of the catalogue, with what goes into it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// One of [`crate::keys`].
    pub key: &'static str,
    /// Named values for the placeholders of the text.
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<(&'static str, Arg)>,
}

/// A value inside a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Arg {
    /// A count, which also chooses the plural form.
    Count(u64),
    /// A measured value.
    Number(f64),
    /// Further words.
    Words(Words),
}

/// A point in time, as exact as the record has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub at: i64,
    /// What the record states; the rest of `at` is zero.
    pub precision: Precision,
    /// True where the record gives no offset: `at` is then wall-clock time, to be written as if in UTC.
    pub floating: bool,
    /// As the record has it; empty where the time was found by comparing.
    pub text: String,
}

/// How much of a time is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-11`
    Month,
    /// `2026-11-09`
    Day,
    /// `2026-11-09T07:30`
    Minute,
    /// `2026-11-09T07:30:15`, fractions included
    Second,
}

/// Plain text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Text {
    /// The text, with control characters made visible, lines ended by `\n`.
    pub text: String,
}

/// A JSON document, flattened: each node with its depth, in the order of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// One value of a JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// 0 for the document itself.
    pub depth: usize,
    /// The member's name, where it is a member of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The type of the value.
    pub shape: Shape,
    /// The value as written, for a string without its quotes; empty for objects and arrays.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How many members or elements follow one level deeper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
}

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// `1.50`, with the digits as written
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// What the table is called, where it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<Words>,
    /// The columns; every row has as many cells.
    pub columns: Vec<Column>,
    /// The rows that are shown.
    pub rows: Vec<Vec<Words>>,
    /// How many rows there are.
    pub total_rows: usize,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// The heading.
    pub title: Words,
    /// True where the cells are numbers, to be set flush with the end of the line.
    pub numeric: bool,
}

/// Series in one unit over one axis of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// The unit of every value, as the record has it; empty where it names none.
    pub unit: String,
    /// The earliest time, in milliseconds since 1970.
    pub from: i64,
    /// The latest time, in milliseconds since 1970.
    pub to: i64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// True where times are wall-clock times without an offset, to be written as if in UTC.
    pub floating: bool,
    /// True where every time is a whole day.
    pub days: bool,
    /// The series.
    pub series: Vec<Series>,
    /// The chart in sentences, one a series: what is read out, and shown where a chart cannot be seen.
    pub summary: Vec<Message>,
}

/// One series of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What was measured.
    pub name: Words,
    /// How it is drawn.
    pub style: Style,
    /// In order of time, at most two for each of [`crate::limits::BUCKETS`].
    pub points: Vec<Point>,
    /// How many values there are.
    pub count: usize,
    /// True where `points` are the lowest and highest of stretches of time, not every value: [`ContentView::zoom`] has more.
    pub thinned: bool,
    /// Every value of a thinned series; stays in the Worker.
    #[serde(skip)]
    pub(crate) every: Vec<Point>,
    /// A line is broken where the next point is further off than this many milliseconds.
    pub gap: i64,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Values at points in time.
    Line,
    /// Values over stretches of time (steps in an hour, sleep in a night).
    Bars,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When, or from when, in milliseconds since 1970.
    pub x: i64,
    /// How much. Always finite.
    pub y: f64,
    /// Until when, for a value over a stretch of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// Names with values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fields {
    /// What this is: "Patient", "Allergy".
    pub heading: Words,
    /// The line that says it all: the person's name, the medicine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<Words>,
    /// The fields in reading order.
    pub rows: Vec<Field>,
    /// True where a table above has the essence already, so that the page folds this block.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub folded: bool,
}

/// One name with its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// 0 for a field of the resource itself; its parts follow one deeper.
    pub depth: usize,
    /// The name.
    pub label: Words,
    /// The values, each on a line of its own; none where only parts follow.
    pub values: Vec<Words>,
    /// True for identifiers, versions and the like, which a page may fold away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub technical: bool,
}

impl ContentView {
    /// The chart at `block` between two times, with as many points as the whole one may have; its summary stays that of the
    /// whole. None where there is no chart at that place.
    #[must_use]
    pub fn zoom(&self, block: usize, from: i64, to: i64) -> Option<Chart> {
        match self.blocks.get(block) {
            Some(Block::Chart(chart)) => Some(crate::series::between(chart, from, to)),
            _ => None,
        }
    }
}

impl Message {
    /// A message without placeholders.
    #[must_use]
    pub fn new(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// Fills one placeholder.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}

impl Words {
    /// Words of the catalogue without placeholders.
    #[must_use]
    pub fn key(key: &'static str) -> Self {
        Self::Message(Message::new(key))
    }
}

impl From<Message> for Words {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Moment> for Words {
    fn from(moment: Moment) -> Self {
        Self::Time(moment)
    }
}

impl From<usize> for Arg {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Arg {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Words> for Arg {
    fn from(words: Words) -> Self {
        Self::Words(words)
    }
}

impl From<Message> for Arg {
    fn from(message: Message) -> Self {
        Self::Words(Words::Message(message))
    }
}

impl From<Moment> for Arg {
    fn from(moment: Moment) -> Self {
        Self::Words(Words::Time(moment))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Words(Words::Data(text))
    }
}

fn as_map<S: Serializer>(args: &[(&'static str, Arg)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(args.len()))?;
    for (name, value) in args {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
