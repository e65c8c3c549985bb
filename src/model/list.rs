//! The records of a session, searched and filtered here so that the page only draws what is in sight.

use glimpse_wire::{ErrorCode, UnitId, UnixMillis};
use serde::Serialize;

use super::data;

/// Rows that are in sight before the page says how many there are.
const FIRST_WINDOW: usize = 60;
/// The most rows that one snapshot carries.
const MAX_WINDOW: usize = 400;

/// A record that was lent, as the grant describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Which.
    pub unit: UnitId,
    /// For people.
    pub title: String,
    /// `text`, `fhir`, `image`, …
    pub kind: String,
    /// As the record declares it; never trusted alone.
    pub content_type: String,
    /// The name that the file had, or nothing.
    pub file_name: String,
    /// For searching.
    pub tags: Vec<String>,
    /// True length of the content, in bytes.
    pub length: u64,
    /// A writer whom the owner has not approved, by its own name; `None` for the owner's records.
    pub author: Option<String>,
    /// When the content was made.
    pub created: UnixMillis,
}

/// What happened to a record in this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Nothing yet.
    #[default]
    None,
    /// It was opened.
    Opened,
    /// It was changed on the way, and is not shown.
    Tampered,
}

/// One row, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    unit: String,
    title: &'a str,
    kind: &'a str,
    created: UnixMillis,
    size: u64,
    author: Option<&'a str>,
    mark: Mark,
}

/// The list, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListView<'a> {
    /// Changes whenever a row that is drawn may have changed.
    revision: u32,
    total: usize,
    matching: usize,
    first: usize,
    rows: Vec<Row<'a>>,
    query: &'a str,
    kind: &'a str,
    kinds: &'a [Kind],
}

/// A kind of record, and how many there are.
#[derive(Debug, Serialize)]
struct Kind {
    kind: String,
    count: usize,
}

#[derive(Debug)]
struct Item {
    unit: Unit,
    /// All that a search looks at, in lower case.
    haystack: String,
    mark: Mark,
}

/// The records with the search, the filter and the window.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Newest first.
    items: Vec<Item>,
    matching: Vec<usize>,
    kinds: Vec<Kind>,
    query: String,
    kind: String,
    window: (usize, usize),
    revision: u32,
}

impl List {
    /// Adds units; one that is there already is replaced.
    pub(super) fn add(&mut self, units: Vec<Unit>) {
        for unit in units.into_iter().map(shown) {
            let words = [unit.title.as_str(), &unit.kind, &unit.file_name, unit.author.as_deref().unwrap_or_default()];
            let haystack = words
                .into_iter()
                .chain(unit.tags.iter().map(String::as_str))
                .fold(String::new(), |all, word| all + &word.to_lowercase() + "\n");
            let item = Item { unit, haystack, mark: Mark::None };
            match self.items.iter_mut().find(|old| old.unit.unit == item.unit.unit) {
                Some(old) => *old = Item { mark: old.mark, ..item },
                None => self.items.push(item),
            }
        }
        self.kinds.clear();
        for Item { unit: Unit { kind, .. }, .. } in &self.items {
            if let Some(known) = self.kinds.iter_mut().find(|known| known.kind == *kind) {
                known.count = known.count.saturating_add(1);
            } else {
                self.kinds.push(Kind { kind: kind.clone(), count: 1 });
            }
        }
        self.items.sort_by(|a, b| b.unit.created.cmp(&a.unit.created).then_with(|| a.unit.title.cmp(&b.unit.title)));
        self.refresh();
    }

    pub(super) fn search(&mut self, query: String) {
        self.query = query;
        self.refresh();
    }

    pub(super) fn filter(&mut self, kind: String) {
        self.kind = kind;
        self.refresh();
    }

    pub(super) fn window(&mut self, first: u32, count: u32) {
        let count = usize::try_from(count).unwrap_or(MAX_WINDOW).min(MAX_WINDOW);
        self.window = (usize::try_from(first).unwrap_or_default(), count);
    }

    pub(super) fn mark(&mut self, unit: UnitId, mark: Mark) {
        if let Some(item) = self.items.iter_mut().find(|item| item.unit.unit == unit && item.mark != mark) {
            item.mark = mark;
            self.revision = self.revision.wrapping_add(1);
        }
    }

    pub(super) fn get(&self, unit: UnitId) -> Option<&Unit> {
        self.items.iter().find(|item| item.unit.unit == unit).map(|item| &item.unit)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn matching(&self) -> usize {
        self.matching.len()
    }

    pub(super) fn view(&self) -> ListView<'_> {
        let (first, count) = if self.window == (0, 0) { (0, FIRST_WINDOW) } else { self.window };
        let first = first.min(self.matching.len().saturating_sub(1));
        let rows = self.matching.iter().skip(first).take(count).filter_map(|index| self.items.get(*index));
        ListView {
            revision: self.revision,
            total: self.items.len(),
            matching: self.matching.len(),
            first,
            rows: rows.map(row).collect(),
            query: &self.query,
            kind: &self.kind,
            kinds: &self.kinds,
        }
    }

    fn refresh(&mut self) {
        let words: Vec<String> = self.query.split_whitespace().map(str::to_lowercase).collect();
        let fits = |item: &Item| {
            (self.kind.is_empty() || item.unit.kind == self.kind)
                && words.iter().all(|word| item.haystack.contains(word))
        };
        self.matching = self.items.iter().enumerate().filter(|(_, item)| fits(item)).map(|(index, _)| index).collect();
        self.revision = self.revision.wrapping_add(1);
    }
}

/// A unit with its words as they may stand on the page. The file name is made harmless when a copy is saved.
fn shown(unit: Unit) -> Unit {
    Unit {
        title: data::line(&unit.title),
        kind: data::kind(&unit.kind),
        author: unit.author.as_deref().map(data::line),
        ..unit
    }
}

fn row(item: &Item) -> Row<'_> {
    Row {
        unit: item.unit.unit.to_string(),
        title: &item.unit.title,
        kind: &item.unit.kind,
        created: item.unit.created,
        size: item.unit.length,
        author: item.unit.author.as_deref(),
        mark: item.mark,
    }
}

/// The mark that a failed opening leaves in the list.
pub(super) const fn mark_of(code: ErrorCode) -> Mark {
    if matches!(code, ErrorCode::RecordTampered | ErrorCode::RecordRolledBack) { Mark::Tampered } else { Mark::None }
}
