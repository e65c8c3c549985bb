//! Records, searched and filtered here so that the page only draws what is in sight.

use core::fmt;

use glimpse_wire::{ErrorCode, UnixMillis};
use serde::Serialize;

use crate::data;

/// Rows that are in sight before the page says how many there are.
const FIRST_WINDOW: usize = 60;
/// The most rows that one snapshot carries.
const MAX_WINDOW: usize = 400;

/// A record, as what stands over it describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<Id> {
    /// Which: a unit of a session, or a record of the account.
    pub id: Id,
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
    /// A writer, by the name that the owner gave it or by its own; `None` for the owner's records.
    pub author: Option<String>,
    /// Whether the owner has approved what the writer brought.
    pub approved: bool,
    /// How many of its fields the device left out, of what is lent.
    pub withheld: u32,
    /// When the content was made.
    pub created: UnixMillis,
}

/// What is to be said of a record.
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
    /// Nobody who may has signed it.
    Unsigned,
}

/// One row, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    unit: String,
    title: &'a str,
    kind: &'a str,
    created: UnixMillis,
    size: u64,
    author: Option<&'a str>,
    approved: bool,
    withheld: u32,
    mark: Mark,
    chosen: bool,
}

/// The list, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListView<'a> {
    /// Changes whenever a row that is drawn may have changed.
    revision: u32,
    total: usize,
    matching: usize,
    first: usize,
    rows: Vec<Row<'a>>,
    /// How many are ticked.
    chosen: usize,
    /// Whether all that the search and the filter show is ticked.
    all_chosen: bool,
    query: &'a str,
    kind: &'a str,
    /// The first and the last moment of what is shown, where there is one.
    from: Option<UnixMillis>,
    to: Option<UnixMillis>,
    kinds: &'a [Kind],
}

/// A kind of record, and how many there are.
#[derive(Debug, Serialize)]
struct Kind {
    kind: String,
    count: usize,
}

#[derive(Debug)]
struct Item<Id> {
    record: Listed<Id>,
    /// All that a search looks at, in lower case.
    haystack: String,
    mark: Mark,
}

/// The records with the search, the filter and the window.
#[derive(Debug)]
pub struct List<Id> {
    /// Newest first, but for those that wait where they are put last.
    items: Vec<Item<Id>>,
    waiting_last: bool,
    matching: Vec<usize>,
    /// Those that the person has ticked, in order.
    chosen: Vec<Id>,
    kinds: Vec<Kind>,
    query: String,
    kind: String,
    from: Option<UnixMillis>,
    to: Option<UnixMillis>,
    window: (usize, usize),
    revision: u32,
}

impl<Id> Default for List<Id> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            waiting_last: false,
            matching: Vec::new(),
            chosen: Vec::new(),
            kinds: Vec::new(),
            query: String::new(),
            kind: String::new(),
            from: None,
            to: None,
            window: (0, 0),
            revision: 0,
        }
    }
}

impl<Id: Copy + Ord + fmt::Display> List<Id> {
    /// Adds records; one that is there already is replaced, and keeps its mark.
    pub fn add(&mut self, records: Vec<Listed<Id>>) {
        for record in records {
            let item = Item::new(record, Mark::None);
            match self.items.iter_mut().find(|old| old.record.id == item.record.id) {
                Some(old) => *old = Item { mark: old.mark, ..item },
                None => self.items.push(item),
            }
        }
        self.sort();
    }

    /// From the next records on, whether what a writer brought and the owner has not approved comes behind all the rest.
    pub const fn put_waiting_last(&mut self, last: bool) {
        self.waiting_last = last;
    }

    /// Takes these records in place of all that were there.
    pub fn replace(&mut self, records: Vec<(Listed<Id>, Mark)>) {
        self.items = records.into_iter().map(|(record, mark)| Item::new(record, mark)).collect();
        let mut there: Vec<Id> = self.items.iter().map(|item| item.record.id).collect();
        there.sort_unstable();
        self.chosen.retain(|id| there.binary_search(id).is_ok());
        self.sort();
    }

    fn sort(&mut self) {
        self.kinds.clear();
        for Item { record: Listed { kind, .. }, .. } in &self.items {
            if let Some(known) = self.kinds.iter_mut().find(|known| known.kind == *kind) {
                known.count = known.count.saturating_add(1);
            } else {
                self.kinds.push(Kind { kind: kind.clone(), count: 1 });
            }
        }
        let last = self.waiting_last;
        let place = |item: &Item<Id>| last && item.record.author.is_some() && !item.record.approved;
        self.items.sort_by(|a, b| {
            let newest = b.record.created.cmp(&a.record.created);
            place(a).cmp(&place(b)).then(newest).then_with(|| a.record.title.cmp(&b.record.title))
        });
        self.refresh();
    }

    /// Shows what has all the words of `query`.
    pub fn search(&mut self, query: String) {
        self.query = query;
        self.refresh();
    }

    /// Shows what is of this kind; all, for an empty word.
    pub fn filter(&mut self, kind: String) {
        self.kind = kind;
        self.refresh();
    }

    /// Shows what was made at these moments or between them; nothing for no bound.
    pub fn between(&mut self, from: Option<UnixMillis>, to: Option<UnixMillis>) {
        if (self.from, self.to) != (from, to) {
            (self.from, self.to) = (from, to);
            self.refresh();
        }
    }

    /// What is in sight: the first row, and how many.
    pub fn window(&mut self, first: u32, count: u32) {
        let count = usize::try_from(count).unwrap_or(MAX_WINDOW).min(MAX_WINDOW);
        self.window = (usize::try_from(first).unwrap_or_default(), count);
    }

    /// Says something of a record.
    pub fn mark(&mut self, id: Id, mark: Mark) {
        if let Some(item) = self.items.iter_mut().find(|item| item.record.id == id && item.mark != mark) {
            item.mark = mark;
            self.revision = self.revision.wrapping_add(1);
        }
    }

    /// Ticks a record, or takes the tick away.
    pub fn choose(&mut self, id: Id, chosen: bool) {
        match self.chosen.binary_search(&id) {
            Err(place) if chosen && self.get(id).is_some() => self.chosen.insert(place, id),
            Ok(place) if !chosen => drop(self.chosen.remove(place)),
            Ok(_) | Err(_) => return,
        }
        self.revision = self.revision.wrapping_add(1);
    }

    /// Ticks everything that the search and the filter show, or takes all ticks away.
    pub fn choose_all(&mut self, chosen: bool) {
        if chosen {
            let shown = self.matching.iter().filter_map(|index| self.items.get(*index));
            self.chosen.extend(shown.map(|item| item.record.id));
            self.chosen.sort_unstable();
            self.chosen.dedup();
        } else {
            self.chosen.clear();
        }
        self.revision = self.revision.wrapping_add(1);
    }

    /// What is ticked, in the order of ids.
    #[must_use]
    pub fn chosen(&self) -> &[Id] {
        &self.chosen
    }

    /// A record.
    pub fn get(&self, id: Id) -> Option<&Listed<Id>> {
        self.items.iter().find(|item| item.record.id == id).map(|item| &item.record)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many the search and the filter show.
    #[must_use]
    pub const fn matching(&self) -> usize {
        self.matching.len()
    }

    /// As the page draws it.
    #[must_use]
    pub fn view(&self) -> ListView<'_> {
        let (first, count) = if self.window == (0, 0) { (0, FIRST_WINDOW) } else { self.window };
        let first = first.min(self.matching.len().saturating_sub(1));
        let rows = self.matching.iter().skip(first).take(count).filter_map(|index| self.items.get(*index));
        ListView {
            revision: self.revision,
            total: self.items.len(),
            matching: self.matching.len(),
            first,
            rows: rows.map(|item| self.row(item)).collect(),
            chosen: self.chosen.len(),
            all_chosen: self.all_chosen(),
            query: &self.query,
            kind: &self.kind,
            from: self.from,
            to: self.to,
            kinds: &self.kinds,
        }
    }

    fn all_chosen(&self) -> bool {
        let mut shown = self.matching.iter().filter_map(|index| self.items.get(*index));
        // Looked at one by one only where it can be.
        !self.matching.is_empty()
            && self.chosen.len() >= self.matching.len()
            && shown.all(|item| self.chosen.binary_search(&item.record.id).is_ok())
    }

    fn row<'a>(&self, item: &'a Item<Id>) -> Row<'a> {
        Row {
            unit: item.record.id.to_string(),
            title: &item.record.title,
            kind: &item.record.kind,
            created: item.record.created,
            size: item.record.length,
            author: item.record.author.as_deref(),
            approved: item.record.approved,
            withheld: item.record.withheld,
            mark: item.mark,
            chosen: self.chosen.binary_search(&item.record.id).is_ok(),
        }
    }

    fn refresh(&mut self) {
        let words: Vec<String> = self.query.split_whitespace().map(str::to_lowercase).collect();
        let fits = |item: &Item<Id>| {
            (self.kind.is_empty() || item.record.kind == self.kind)
                && self.from.is_none_or(|from| item.record.created >= from)
                && self.to.is_none_or(|to| item.record.created <= to)
                && words.iter().all(|word| item.haystack.contains(word))
        };
        self.matching = self.items.iter().enumerate().filter(|(_, item)| fits(item)).map(|(index, _)| index).collect();
        self.revision = self.revision.wrapping_add(1);
    }
}

impl<Id> Item<Id> {
    /// With the record's words as they may stand on the page. The file name is made harmless when a copy is saved.
    fn new(record: Listed<Id>, mark: Mark) -> Self {
        let record = Listed {
            title: data::line(&record.title),
            kind: data::kind(&record.kind),
            author: record.author.as_deref().map(data::line),
            ..record
        };
        let words =
            [record.title.as_str(), &record.kind, &record.file_name, record.author.as_deref().unwrap_or_default()];
        let haystack = words
            .into_iter()
            .chain(record.tags.iter().map(String::as_str))
            .fold(String::new(), |all, word| all + &word.to_lowercase() + "\n");
        Self { record, haystack, mark }
    }
}

/// The mark that a failed opening leaves in the list.
#[must_use]
pub const fn mark_of(code: ErrorCode) -> Mark {
    if matches!(code, ErrorCode::RecordTampered | ErrorCode::RecordRolledBack) { Mark::Tampered } else { Mark::None }
}
