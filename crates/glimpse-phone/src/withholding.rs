//! Fields that are withheld from what is lent: chosen on the screen, found by the reader, cut out by the device.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use glimpse_core::record::OpenedVersion;
use glimpse_device::lend::Withheld;
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

/// Pointers of the fields to withhold, by record.
pub(crate) type Chosen = BTreeMap<RecordId, BTreeSet<String>>;

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
        chosen.filter(|(_, pointers)| !pointers.is_empty()).collect()
    }

    /// `lent` are those that are lent already.
    pub(crate) fn view(&self, list: &List<RecordId>, lent: &BTreeSet<RecordId>) -> WithholdingView {
        let ticked = list.chosen();
        let many = ticked.len() > MAX_ROWS;
        let withheld = |record: &RecordId| self.chosen.get(record).map_or(0, BTreeSet::len);
        // Of many, those that lose something stay in sight.
        let offered = ticked.iter().filter(|record| !lent.contains(record) && (!many || withheld(record) > 0));
        let (mut records, mut plain) = (Vec::new(), false);
        for record in offered.take(MAX_ROWS) {
            let Some(listed) = list.get(*record) else { continue };
            if FIELDED.contains(&listed.kind.as_str()) {
                let (unit, title) = (record.to_string(), listed.title.clone());
                records.push(RecordView { unit, title, withheld: withheld(record) });
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
        };
        match &asked.found {
            Found::Looking => view.looking = true,
            Found::Refused(key) => view.failure = Some(key),
            Found::Fields { pointers, more } => {
                view.more = *more;
                let none = BTreeSet::new();
                let chosen = self.chosen.get(&asked.record).unwrap_or(&none);
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
        _ => "withhold-malformed",
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

    fn show_fields(&self, record: RecordId) {
        let Some(device) = self.device() else { return };
        self.change(|state| state.withholding.asked = Some(Asked { record, found: Found::Looking }));
        self.run(|phone| async move {
            let found = match phone.named(&device, record).await {
                Ok(None) => return,
                Ok(Some(found)) => found,
                Err(trouble) => Found::Refused(trouble.key),
            };
            phone.change(|state| {
                let Some(asked) = state.withholding.asked.as_mut().filter(|asked| asked.record == record) else {
                    return;
                };
                let count = if let Found::Fields { pointers, .. } = &found { pointers.len() } else { 0 };
                asked.found = found;
                state.announce(Announcement::polite("say.fields").count(count));
            });
        });
    }

    /// The fields of a record; nothing while the reader has not come.
    async fn named(&self, device: &Device, record: RecordId) -> Result<Option<Found>, Trouble> {
        let entry = self.entry(record).ok_or(Trouble::new(ErrorCode::NotFound.slug()))?;
        let opened = device.open_entries(&[&entry]).await.map_err(|error| Trouble::from(&error))?;
        let version = opened.first().ok_or(Trouble::new(ErrorCode::NotFound.slug()))?;
        let content = content(device, version).await?;
        let said = self.0.face.fields(&readable(version, &content)).map_err(broken)?;
        Ok(said.map(|said| {
            let mut words = said.into_iter();
            match (words.next().as_deref(), words.next().as_deref()) {
                (Some("fields"), Some(more)) => Found::Fields { more: more == "more", pointers: words.collect() },
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

    /// What to cut out of these versions for what was chosen. Where it cannot be found, nothing is lent.
    pub(crate) async fn withheld(
        &self,
        device: &Device,
        versions: &[OpenedVersion],
        chosen: &Chosen,
    ) -> Result<Vec<Withheld>, Trouble> {
        let mut withheld = Vec::new();
        for version in versions {
            let Some(pointers) = chosen.get(&version.envelope().header.record) else { continue };
            let pointers: Vec<String> = pointers.iter().cloned().collect();
            let content = content(device, version).await?;
            let said = self.0.face.cut(&readable(version, &content), &pointers).map_err(broken)?;
            // Without a reader nobody knows where the fields lie.
            let said = said.ok_or(Trouble::new(ErrorCode::Internal.slug()))?;
            let (fields, stretches) = stretches(&said).map_err(Trouble::new)?;
            let one = Withheld::of(version, stretches, fields);
            withheld.push(one.map_err(|code| Trouble::from(&DeviceError::from(code)))?);
        }
        Ok(withheld)
    }
}

/// How many fields, and where they lie; or why not.
fn stretches(said: &[String]) -> Result<(u32, Vec<Range<u64>>), &'static str> {
    let malformed = || key_of("");
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
        let Some(Asked { found: Found::Fields { pointers, .. }, .. }) = known else { return };
        if !pointers.contains(&pointer) {
            return;
        }
        let chosen = self.withholding.chosen.entry(record).or_default();
        if !withheld {
            chosen.remove(&pointer);
        } else if chosen.len() < MAX_FIELDS {
            chosen.insert(pointer);
        }
    }
}

async fn content(device: &Device, version: &OpenedVersion) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    if version.meta().length > MAX_CONTENT {
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

/// A reader that breaks has read something that it could not.
fn broken(_: ErrorCode) -> Trouble {
    Trouble::new(key_of(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_reader_may_say_anything() {
        assert_eq!(stretches(&said(&["cut", "2", "1", "5", "7", "9"])), Ok((2, vec![1..5, 7..9])));
        assert_eq!(stretches(&said(&["refused", "ragged"])), Err("withhold-ragged"));
        for wrong in [
            &[][..],
            &["cut"],
            &["cut", "x"],
            &["cut", "1", "2"],
            &["cut", "1", "-1", "2"],
            &["cut", "99999999999", "1", "2"],
            &["refused"],
            &["refused", "<b>"],
            &["fields", "all"],
        ] {
            assert_eq!(stretches(&said(wrong)), Err("withhold-malformed"), "{wrong:?}");
        }
    }

    #[test]
    fn what_lies_in_a_withheld_field_is_withheld() {
        let chosen = BTreeSet::from(["/name".to_owned()]);
        let shown = |pointer: &str| {
            let field = field(pointer, &chosen);
            (field.withheld, field.inside)
        };
        assert_eq!(shown("/name"), (true, false));
        assert_eq!(shown("/name/*/family"), (true, true));
        assert_eq!(shown("/name2"), (false, false));
        assert_eq!(field("/a~1b/*/c~0d", &chosen).steps, ["a/b", "", "c~d"]);
    }
}
