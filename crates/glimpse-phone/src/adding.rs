//! New records, and new versions of those that are there.

use std::io::Read;

use glimpse_core::record::OpenedVersion;
use glimpse_device::listing::Entry;
use glimpse_device::publish::NewContent;
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_wire::limits::{MAX_TAG, MAX_TAGS, MAX_TITLE};
use glimpse_wire::record::{Meta, Policy};
use glimpse_wire::{ErrorCode, RecordId, UnixMillis};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::measuring::{self, MEASURES, Measure, Measured};
use crate::phone::Phone;
use crate::state::Place;
use crate::trouble::Trouble;

/// What is looked at of a file to tell what it is, in bytes.
const BEGINNING: u64 = 64 * 1024;
/// The longest text that is offered for editing, and the longest list of measurements that another one is put to, in bytes.
const MAX_TEXT: u64 = 256 * 1024;
/// What such a list is called.
const JSON: &str = "application/json";

/// A file that is to become a record.
pub struct NewFile {
    /// What the person calls it; the file's name without its ending, when empty.
    pub title: String,
    /// The name that the file has; may be empty.
    pub file_name: String,
    /// When it was changed last.
    pub modified: UnixMillis,
    /// For searching; those of the version before, when there are none.
    pub tags: Vec<String>,
    /// May never be lent.
    pub never_lend: bool,
    /// Sealed anew at once when a device is taken out.
    pub sensitive: bool,
    /// The record that this is the next version of, where it is.
    pub replaces: Option<RecordId>,
    /// Its length, in bytes.
    pub length: u64,
    /// Makes a reader that begins at the beginning.
    pub open: Box<dyn Fn() -> Box<dyn Read>>,
}

impl core::fmt::Debug for NewFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NewFile({} bytes)", self.length)
    }
}

/// The record that a new version is being made of.
pub(crate) struct Draft {
    record: RecordId,
    meta: Meta,
    /// Its text, where that can be edited here.
    text: Option<Zeroizing<String>>,
    /// What it measures, where one more measurement can be put to it.
    measure: Option<&'static str>,
}

impl core::fmt::Debug for Draft {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Draft(redacted)")
    }
}

/// What the screen of a new record begins with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DraftView<'a> {
    /// The record that this is the next version of.
    replaces: Option<RecordId>,
    title: &'a str,
    text: &'a str,
    never_lend: bool,
    sensitive: bool,
    measure: Option<&'static str>,
    measures: &'static [Measure],
}

impl<'a> DraftView<'a> {
    pub(crate) fn of(draft: Option<&'a Draft>) -> Self {
        let has = |bit| draft.is_some_and(|draft| draft.meta.policy & bit != 0);
        Self {
            replaces: draft.map(|draft| draft.record),
            title: draft.map_or("", |draft| &draft.meta.title),
            text: draft.and_then(|draft| draft.text.as_ref()).map_or("", |text| text),
            never_lend: has(Policy::NEVER_LEND),
            sensitive: has(Policy::SENSITIVE),
            measure: draft.and_then(|draft| draft.measure),
            measures: &MEASURES,
        }
    }
}

impl Phone {
    /// Goes to the screen of a new record to make the next version of the one that is open.
    pub(crate) fn replace(&self) {
        let Some(record) = self.look(|state| {
            let record = state.opened.as_ref()?.record;
            state.list.get(record).filter(|record| record.author.is_none()).map(|_| record)
        }) else {
            return;
        };
        self.run_busy("opening", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let entry = phone.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()))?;
            let meta = entry.usable()?.clone();
            let is_list = meta.content_type == JSON;
            let text = if meta.content_type.starts_with("text/plain") || is_list {
                text_of(&device, &entry).await?
            } else {
                None
            };
            let measure = text.as_ref().filter(|_| is_list).and_then(|text| measuring::measured_in(text));
            let draft = Draft { record, meta, text: text.filter(|_| !is_list), measure };
            phone.go(Place::Add);
            phone.change(|state| state.draft = Some(draft));
            Ok(())
        });
    }

    /// Makes a record of a file, or the next version of one.
    pub fn add(&self, file: NewFile) {
        self.run_busy("adding", |phone| async move {
            let meta = phone.describe(&file)?;
            phone.publish(file.replaces, meta, file.length, &mut *(file.open)()).await
        });
    }

    /// Makes a record of a measurement, or puts it to the record that a version is being made of.
    pub(crate) fn measure(&self, title: String, measured: &Measured) {
        let mut id = [0; 16];
        self.machine().fill_random(&mut id);
        let point = match measured.point(id) {
            Ok(point) => point,
            Err(key) => return self.change(|state| state.failed(Trouble::new(key))),
        };
        let replaces = self.look(|state| state.draft.as_ref().map(|draft| draft.record));
        self.run_busy("adding", |phone| async move {
            let before = match replaces {
                None => None,
                Some(record) => Some(phone.put_to(record, &point).await?),
            };
            let (meta, text) = match before {
                Some((meta, text)) => (meta, text),
                None => (named(&title), measuring::list(&point)),
            };
            let meta = Meta { created: phone.machine().now(), ..meta };
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            phone.publish(replaces, meta, length, &mut text.as_bytes()).await
        });
    }

    /// The list of measurements that a record is, with one more at its end.
    async fn put_to(&self, record: RecordId, point: &str) -> Result<(Meta, String), DeviceError> {
        let device = self.device().ok_or(DeviceError::NoAccount)?;
        let there = || self.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()));
        let mut entry = there()?;
        let mut list = text_of(&device, &entry).await;
        if list.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::Conflict)) {
            // What another device put there since this screen was opened is kept.
            self.look_again().await;
            entry = there()?;
            list = text_of(&device, &entry).await;
        }
        let list = list?.ok_or(ErrorCode::TooLarge)?;
        let longer = measuring::append(&list, point).ok_or(ErrorCode::Conflict)?;
        Ok((entry.usable()?.clone(), longer))
    }

    async fn publish(
        &self,
        replaces: Option<RecordId>,
        meta: Meta,
        length: u64,
        content: &mut dyn Read,
    ) -> Result<(), DeviceError> {
        let device = self.device().ok_or(DeviceError::NoAccount)?;
        let mut drawn = 0;
        let progress = &mut |done: u64| {
            // Drawn at each hundredth, not at each piece.
            if done == length || done.saturating_sub(drawn) > length / 100 {
                drawn = done;
                self.change(|state| {
                    if let Some(busy) = state.busy.as_mut() {
                        (busy.done, busy.total) = (done, length);
                    }
                });
            }
        };
        let new = NewContent { meta, length, content, progress };
        match replaces {
            None => drop(device.add(new).await?),
            Some(record) => {
                let entry = self.entry(record).ok_or_else(|| DeviceError::NoRecord(record.to_string()))?;
                match device.put(&entry, new).await {
                    Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                        // Another device was faster. The person is told, and may put theirs in its place.
                        self.look_again().await;
                        self.change(|state| state.failed(Trouble::new("draft-overtaken")));
                        return Ok(());
                    }
                    put => drop(put?),
                }
            }
        }
        self.change(|state| {
            state.draft = None;
            state.place = Place::Records;
            state.announce(Announcement::polite("say.kept"));
        });
        self.look_again().await;
        Ok(())
    }

    fn describe(&self, file: &NewFile) -> Result<Meta, DeviceError> {
        let mut beginning = Vec::new();
        (file.open)()
            .take(BEGINNING)
            .read_to_end(&mut beginning)
            .map_err(|error| DeviceError::Content(error.to_string()))?;
        let kinds = self.0.face.look(&file.file_name, &beginning)?.ok_or(ErrorCode::ServerUnreachable)?;
        let stem = file.file_name.rsplit_once('.').map_or(file.file_name.as_str(), |(stem, _)| stem);
        let title = if file.title.trim().is_empty() { stem } else { file.title.trim() };
        let bits = [(file.never_lend, Policy::NEVER_LEND), (file.sensitive, Policy::SENSITIVE)];
        let before = file.replaces.and_then(|record| self.entry(record)).and_then(|entry| entry.meta);
        let tags =
            if file.tags.is_empty() { before.map_or_else(Vec::new, |meta| meta.tags) } else { file.tags.clone() };
        let tags = tags.iter().map(|tag| cut(tag.trim(), MAX_TAG)).filter(|tag| !tag.is_empty());
        Ok(Meta {
            title: cut(title, MAX_TITLE),
            kind: kinds.kind,
            content_type: kinds.content_type,
            file_name: cut(&file.file_name, MAX_TITLE),
            tags: tags.take(MAX_TAGS).collect(),
            length: file.length,
            policy: bits.iter().filter(|(set, _)| *set).fold(0, |policy, (_, bit)| policy | bit),
            from: String::new(),
            created: file.modified,
        })
    }
}

/// The text of a record, unless it is too long or is none.
async fn text_of(device: &Device, entry: &Entry) -> Result<Option<Zeroizing<String>>, DeviceError> {
    if entry.usable()?.length > MAX_TEXT {
        return Ok(None);
    }
    let opened = device.open_entries(&[entry]).await?;
    let version: &OpenedVersion = opened.first().ok_or(ErrorCode::Conflict)?;
    let mut bytes = Zeroizing::new(Vec::new());
    let mut reading = device.reading(version).await?;
    while let Some(piece) = reading.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(core::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned())))
}

/// A list of measurements under this title.
fn named(title: &str) -> Meta {
    Meta {
        title: cut(title.trim(), MAX_TITLE),
        kind: "series".to_owned(),
        content_type: JSON.to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: UnixMillis(0),
    }
}

/// The beginning of a text, so many bytes at most.
fn cut(text: &str, bytes: usize) -> String {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().to_owned()
}
