//! Fields that are withheld from what is lent: chosen on the screen, found by the reader, cut out by the device.

#[cfg(test)]
mod tests;

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use glimpse_core::record::OpenedVersion;
use glimpse_device::lend::{FieldChoice, Withheld};
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_page::list::List;
use glimpse_wire::{ErrorCode, RecordId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::face::Readable;
use crate::phone::Phone;
use crate::state::State;
use crate::trouble::Trouble;

/// The largest content whose fields are looked for, in bytes; the reader has the same limit.
const MAX_CONTENT: u64 = 8 * 1024 * 1024;
/// Records that are offered one by one.
const MAX_ROWS: usize = 20;
/// Fields that are withheld from one record, at most.
const MAX_FIELDS: usize = 256;
/// Kinds of records that have fields.
const FIELDED: [&str; 4] = ["json", "fhir", "table", "series"];

/// A reader that breaks has read something that it could not.
const BROKEN: &str = "withhold-malformed";
/// The trouble of a choice that was made in another version than is to be lent.
const CHANGED: &str = "withhold-changed";

/// The fields to withhold, by record; each chosen in one version of it.
pub(crate) type Chosen = BTreeMap<RecordId, FieldChoice>;

/// What the person does about fields.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum FieldsAct {
    /// Wants to see those of a record.
    Show {
        /// Which.
        unit: String,
    },
    /// Withholds one, or no longer.
    Withhold {
        /// Of which record.
        unit: String,
        /// Which: a JSON pointer.
        pointer: String,
        /// Is it withheld?
        withheld: bool,
    },
    /// Has chosen.
    Done,
}

/// What was chosen, and what stands on the screen.
#[derive(Debug, Default)]
pub(crate) struct Withholding {
    chosen: Chosen,
    /// Records of which another version came since. What was chosen stays, and keeps them from being lent, until their fields
    /// were looked at again.
    stale: BTreeSet<RecordId>,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    record: RecordId,
    found: Found,
}

#[derive(Debug)]
enum Found {
    /// The content is being read, or the reader has not come.
    Looking,
    Fields {
        pointers: Vec<String>,
        more: bool,
        /// None yet, of the version in which they were found.
        blank: FieldChoice,
        /// Whether something was chosen in another version before.
        changed: bool,
    },
    Refused(&'static str),
}

/// What the page draws of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WithholdingView {
    /// Ticked records that have fields.
    records: Vec<RecordView>,
    /// Whether more are ticked than are offered.
    many: bool,
    /// Whether one is ticked that has no fields.
    plain: bool,
    open: Option<OpenView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordView {
    unit: String,
    title: String,
    withheld: usize,
    /// Whether there is another version than the one in which they were chosen.
    changed: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenView {
    unit: String,
    title: String,
    looking: bool,
    failure: Option<&'static str>,
    fields: Vec<FieldView>,
    more: bool,
    /// Whether something was chosen in another version before.
    changed: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldView {
    pointer: String,
    /// The names on the way to it; empty for every element of a list.
    steps: Vec<String>,
    withheld: bool,
    /// Whether one that it lies in is withheld.
    inside: bool,
}

impl Withholding {
    /// Of these records, what was chosen.
    pub(crate) fn of(&self, records: &[RecordId]) -> Chosen {
        let chosen = records.iter().filter_map(|record| Some((*record, self.chosen.get(record)?.clone())));
        chosen.filter(|(_, choice)| !choice.pointers().is_empty()).collect()
    }

    /// The first of these records of which another version came since its fields were chosen.
    pub(crate) fn changed(&self, records: &[RecordId]) -> Option<RecordId> {
        records.iter().copied().find(|record| self.stale.contains(record))
    }

    /// Goes on with what was chosen before.
    pub(crate) fn resume(&mut self, chosen: Chosen) {
        self.chosen = chosen;
    }

    /// Takes the fields of a version. What was chosen in another one goes on with those of the same name in this one, which stand on
    /// the screen from here on.
    fn found(&mut self, record: RecordId, found: Found) -> Found {
        let before = self.chosen.get(&record).filter(|choice| !choice.pointers().is_empty()).cloned();
        match found {
            Found::Looking => Found::Looking,
            Found::Refused(key) => {
                // Here nothing can be withheld, and that is what the screen says.
                self.chosen.remove(&record);
                self.stale.remove(&record);
                Found::Refused(key)
            }
            Found::Fields { pointers, more, blank, .. } => {
                let changed = before.as_ref().is_some_and(|before| before.h1() != blank.h1());
                let mut choice = blank.clone();
                let names = before.iter().flat_map(FieldChoice::pointers);
                names.filter(|name| pointers.contains(name)).for_each(|name| choice.add(name.clone()));
                self.chosen.insert(record, choice);
                self.stale.remove(&record);
                Found::Fields { pointers, more, blank, changed }
            }
        }
    }

    /// `lent` are those that are lent already.
    pub(crate) fn view(&self, list: &List<RecordId>, lent: &BTreeSet<RecordId>) -> WithholdingView {
        let ticked = list.chosen();
        let many = ticked.len() > MAX_ROWS;
        let withheld = |record: &RecordId| self.chosen.get(record).map_or(0, |choice| choice.pointers().len());
        // Of many, those that lose something stay in sight.
        let offered = ticked.iter().filter(|record| !lent.contains(record) && (!many || withheld(record) > 0));
        let (mut records, mut plain) = (Vec::new(), false);
        for record in offered.take(MAX_ROWS) {
            let Some(listed) = list.get(*record) else { continue };
            if FIELDED.contains(&listed.kind.as_str()) {
                let (unit, title) = (record.to_string(), listed.title.clone());
                let changed = self.stale.contains(record);
                records.push(RecordView { unit, title, withheld: withheld(record), changed });
            } else {
                plain = true;
            }
        }
        let open = self.asked.as_ref().filter(|asked| ticked.binary_search(&asked.record).is_ok());
        WithholdingView { records, many, plain, open: open.and_then(|asked| self.open(asked, list)) }
    }

    fn open(&self, asked: &Asked, list: &List<RecordId>) -> Option<OpenView> {
        let title = list.get(asked.record)?.title.clone();
        let mut view = OpenView {
            unit: asked.record.to_string(),
            title,
            looking: false,
            failure: None,
            fields: Vec::new(),
            more: false,
            changed: false,
        };
        match &asked.found {
            Found::Looking => view.looking = true,
            Found::Refused(key) => view.failure = Some(key),
            Found::Fields { pointers, more, changed, .. } => {
                (view.more, view.changed) = (*more, *changed);
                let none = BTreeSet::new();
                let chosen = self.chosen.get(&asked.record).map_or(&none, FieldChoice::pointers);
                view.fields = pointers.iter().map(|pointer| field(pointer, chosen)).collect();
            }
        }
        Some(view)
    }
}

fn field(pointer: &str, chosen: &BTreeSet<String>) -> FieldView {
    let step = |step: &str| {
        let plain = step.replace("~1", "/").replace("~0", "~");
        if plain == "*" { String::new() } else { data::line(&plain) }
    };
    let inside =
        chosen.iter().any(|outer| pointer.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/')));
    FieldView {
        pointer: pointer.to_owned(),
        steps: pointer.split('/').skip(1).map(step).collect(),
        withheld: inside || chosen.contains(pointer),
        inside,
    }
}

/// Why a reader finds no fields, by key of the catalogue. Its word may be any.
fn key_of(word: &str) -> &'static str {
    match word {
        "no-fields" => "withhold-no-fields",
        "not-utf8" => "withhold-not-utf8",
        "large" => "withhold-large",
        "too-much" => "withhold-too-much",
        "named-twice" => "withhold-named-twice",
        "long-name" => "withhold-long-name",
        "ragged" => "withhold-ragged",
        "no-such-field" => "withhold-no-such-field",
        "too-many" => "withhold-too-many",
        "nothing-left" => "withhold-nothing-left",
        _ => BROKEN,
    }
}

impl Phone {
    pub(crate) fn about_fields(&self, act: FieldsAct) {
        match act {
            FieldsAct::Show { unit } => {
                if let Ok(record) = unit.parse() {
                    self.show_fields(record);
                }
            }
            FieldsAct::Withhold { unit, pointer, withheld } => self.change(|state| {
                let Ok(record) = unit.parse() else { return };
                state.withhold(record, pointer, withheld);
            }),
            FieldsAct::Done => self.change(|state| state.withholding.asked = None),
        }
    }

    pub(crate) fn show_fields(&self, record: RecordId) {
        let Some(device) = self.device() else { return };
        self.change(|state| state.withholding.asked = Some(Asked { record, found: Found::Looking }));
        self.run(|phone| async move {
            let found = match phone.named(&device, record).await {
                Ok(None) => return,
                Ok(Some(found)) => Ok(found),
                // Nobody has looked into it: what was chosen stays.
                Err(trouble) => Err(Found::Refused(trouble.key)),
            };
            phone.change(|state| {
                let withholding = &mut state.withholding;
                if withholding.asked.as_ref().is_none_or(|asked| asked.record != record) {
                    return;
                }
                let found = found.map_or_else(|unseen| unseen, |found| withholding.found(record, found));
                let count = if let Found::Fields { pointers, .. } = &found { pointers.len() } else { 0 };
                withholding.asked = Some(Asked { record, found });
                state.announce(Announcement::polite("say.fields").count(count));
            });
        });
    }

    /// The fields of a record; nothing while the reader has not come.
    async fn named(&self, device: &Device, record: RecordId) -> Result<Option<Found>, Trouble> {
        let entry = self.entry(record).ok_or(Trouble::new(ErrorCode::NotFound.slug()))?;
        let opened = device.open_entries(&[&entry]).await.map_err(|error| Trouble::from(&error))?;
        let version = opened.first().ok_or(Trouble::new(ErrorCode::NotFound.slug()))?;
        if is_large(version) {
            return Ok(Some(Found::Refused(key_of("large"))));
        }
        let content = content(device, version).await?;
        let Ok(said) = self.0.face.fields(&readable(version, &content)) else {
            return Ok(Some(Found::Refused(BROKEN)));
        };
        let blank = FieldChoice::of(version);
        Ok(said.map(|said| {
            let mut words = said.into_iter();
            match (words.next().as_deref(), words.next().as_deref()) {
                (Some("fields"), Some(more)) => {
                    Found::Fields { more: more == "more", pointers: words.collect(), blank, changed: false }
                }
                (_, why) => Found::Refused(key_of(why.unwrap_or_default())),
            }
        }))
    }

    /// The reader has come: fields that were asked for are looked for.
    pub(crate) fn look_for_fields(&self) {
        let waiting = self.look(|state| {
            let asked = state.withholding.asked.as_ref().filter(|asked| matches!(asked.found, Found::Looking));
            asked.map(|asked| asked.record)
        });
        if let Some(record) = waiting {
            self.show_fields(record);
        }
    }

    /// What to cut out of these versions for what was chosen. Where it cannot be found, or was chosen in another version, nothing is
    /// lent.
    pub(crate) async fn withheld(
        &self,
        device: &Device,
        versions: &[OpenedVersion],
        chosen: &Chosen,
    ) -> Result<Vec<Withheld>, Trouble> {
        let chosen_in = |version: &OpenedVersion| chosen.get(&version.envelope().header.record);
        let stale = versions.iter().filter(|version| chosen_in(version).is_some_and(|choice| !choice.is_of(version)));
        let stale: BTreeSet<RecordId> = stale.map(|version| version.envelope().header.record).collect();
        if !stale.is_empty() {
            self.change(|state| state.withholding.stale.extend(stale));
            return Err(Trouble::new(CHANGED));
        }
        let mut withheld = Vec::new();
        for version in versions {
            let Some(choice) = chosen_in(version) else { continue };
            let pointers: Vec<String> = choice.pointers().iter().cloned().collect();
            let content = content(device, version).await?;
            let said = self.0.face.cut(&readable(version, &content), &pointers).map_err(|_| Trouble::new(BROKEN))?;
            // Without a reader nobody knows where the fields lie.
            let said = said.ok_or(Trouble::new(ErrorCode::Internal.slug()))?;
            let (fields, stretches) = stretches(&said).map_err(Trouble::new)?;
            let one = choice.cut(version, stretches, fields);
            withheld.push(one.map_err(|code| Trouble::from(&DeviceError::from(code)))?);
        }
        Ok(withheld)
    }
}

/// How many fields, and where they lie; or why not.
fn stretches(said: &[String]) -> Result<(u32, Vec<Range<u64>>), &'static str> {
    let malformed = || BROKEN;
    let Some(("cut", [fields, places @ ..])) = said.split_first().map(|(word, rest)| (word.as_str(), rest)) else {
        return Err(key_of(said.get(1).map_or("", String::as_str)));
    };
    let place = |word: &String| word.parse::<u64>().map_err(|_| malformed());
    let mut stretches = Vec::with_capacity(places.len() / 2);
    for pair in places.chunks(2) {
        let [from, to] = pair else { return Err(malformed()) };
        stretches.push(place(from)?..place(to)?);
    }
    Ok((fields.parse().map_err(|_| malformed())?, stretches))
}

impl State {
    fn withhold(&mut self, record: RecordId, pointer: String, withheld: bool) {
        let known = self.withholding.asked.as_ref().filter(|asked| asked.record == record);
        let Some(Asked { found: Found::Fields { pointers, blank, .. }, .. }) = known else { return };
        if !pointers.contains(&pointer) {
            return;
        }
        // Bound to the version that stands on the screen, whatever came meanwhile.
        let choice = self.withholding.chosen.entry(record).or_insert_with(|| blank.clone());
        if choice.h1() != blank.h1() {
            return;
        }
        if !withheld {
            choice.remove(&pointer);
        } else if choice.pointers().len() < MAX_FIELDS {
            choice.add(pointer);
        }
    }
}

async fn content(device: &Device, version: &OpenedVersion) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    if is_large(version) {
        return Err(Trouble::new(key_of("large")));
    }
    let read = async {
        let mut content = Zeroizing::new(Vec::new());
        let mut reading = device.reading(version).await?;
        while let Some(piece) = reading.next().await? {
            content.extend_from_slice(&piece);
        }
        Ok::<_, DeviceError>(content)
    };
    read.await.map_err(|error| Trouble::from(&error))
}

fn readable<'c>(version: &'c OpenedVersion, bytes: &'c [u8]) -> Readable<'c> {
    let meta = version.meta();
    let name = if meta.file_name.is_empty() { &meta.title } else { &meta.file_name };
    Readable { content_type: &meta.content_type, name, bytes }
}

fn is_large(version: &OpenedVersion) -> bool {
    version.meta().length > MAX_CONTENT
}
