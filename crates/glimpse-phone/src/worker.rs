//! The phone in a Worker: a browser's database, network and clock under it, the page above it.

use core::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use futures_util::future::{AbortHandle, abortable};
use glimpse_device::Ground;
use glimpse_device::browser::{Database, Fetch, Machine, Port};
use glimpse_device::companion::carry;
use glimpse_page::reading::{Readers, Reading};
use glimpse_page::report::Reporter;
use glimpse_wire::{ErrorCode, RecordId, UnixMillis};
use js_sys::{Function, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, FileReaderSync, MessagePort};
use zeroize::{Zeroize as _, Zeroizing};

use crate::adding::NewFile;
use crate::face::{Face, Kinds, Readable};
use crate::intent::Intent;
use crate::keeping::Keyed;
use crate::phone::Phone;
use crate::snapshot::Snapshot;

/// The Worker's end of the phone page: `www/device/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PhoneWorker {
    phone: Phone,
    /// Ends what is carried for a watch.
    carrying: RefCell<Option<AbortHandle>>,
}

#[wasm_bindgen]
impl PhoneWorker {
    /// Opens the database `home` and looks whether there is an account in it. `server` is an origin.
    ///
    /// # Errors
    /// The slug of why there is no phone here: the browser forbids a database, or `server` is none.
    pub async fn start(server: String, home: String, report: Function, readers: Readers) -> Result<Self, JsValue> {
        let refused = |slug: &str| JsValue::from_str(slug);
        let storage = Database::open(&home).await.map_err(|_| refused("storage-forbidden"))?;
        let transport = Fetch::new(&server).map_err(|_| refused("internal"))?;
        let ground =
            Ground { storage: Rc::new(storage), transport: Rc::new(transport), machine: Rc::new(Machine::new()) };
        let face = WorkerFace { reporter: Reporter::new(report), readers, reading: RefCell::new(None) };
        let spawn = Box::new(wasm_bindgen_futures::spawn_local);
        Ok(Self { phone: Phone::start(ground, Box::new(face), spawn), carrying: RefCell::default() })
    }

    /// Takes what the person did, as JSON. What is no intent is dropped: the page is not trusted to be well formed.
    pub fn intent(&self, mut json: String) {
        let intent = Intent::from_json(&json);
        // It may hold a passphrase.
        json.zeroize();
        if let Some(intent) = intent {
            self.phone.intent(intent);
        }
    }

    /// Takes what the person did with a passkey: `json` says what, `secret` is what the passkey gave.
    pub fn keyed(&self, mut json: String, mut secret: Vec<u8>) {
        let keyed = Keyed::from_json(&json);
        json.zeroize();
        let bytes = <[u8; 32]>::try_from(secret.as_slice()).ok().map(Zeroizing::new);
        secret.zeroize();
        if let (Some(keyed), Some(secret)) = (keyed, bytes) {
            self.phone.keyed(keyed, secret);
        }
    }

    /// Makes a record of a file; `json` is what the person says of it.
    pub fn add(&self, json: &str, file: Blob) {
        let Ok(told) = serde_json::from_str::<Told>(json) else { return };
        let length = whole(file.size());
        let open = move || -> Box<dyn Read> { Box::new(Source { file: file.clone(), at: 0 }) };
        self.phone.add(NewFile {
            title: told.title,
            file_name: told.file_name,
            modified: UnixMillis(whole(told.modified)),
            tags: told.tags,
            never_lend: told.never_lend,
            sensitive: told.sensitive,
            replaces: told.replaces.and_then(|record| record.parse().ok()),
            length,
            open: Box::new(open),
        });
    }

    /// Carries for a watch at the other end of this port, in place of the one before, until it is gone; needs no key. Without
    /// a port the watch is gone: the server learns it by what was open to it.
    pub fn carry(&self, port: Option<MessagePort>) {
        if let Some(before) = self.carrying.take() {
            before.abort();
        }
        let Some(port) = port else { return };
        let Ground { transport, machine, .. } = self.phone.0.ground.clone();
        let (carrying, ends) = abortable(carry(Box::new(Port::new(port)), transport, machine));
        self.carrying.replace(Some(ends));
        wasm_bindgen_futures::spawn_local(async move {
            let _ended = carrying.await;
        });
    }

    /// The reader's module has come, or could not be had, for the reason with this slug.
    pub fn reader(&self, failure: Option<String>) {
        match failure {
            None => self.phone.reader_came(),
            Some(slug) => self.phone.reader_failed(&slug),
        }
    }
}

/// What the person says of a file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    title: String,
    file_name: String,
    modified: f64,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    never_lend: bool,
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    replaces: Option<String>,
}

fn whole(number: f64) -> u64 {
    // Saturates; sizes and times are far below 2^53.
    #[expect(clippy::as_conversions, reason = "see above")]
    let whole = number as u64;
    whole
}

/// A file that is read piece by piece, which a Worker may do while it waits.
struct Source {
    file: Blob,
    at: u64,
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.piece(into.len()).map_err(|_| io::Error::other("the browser could not read the file"))?;
        let taken = piece.length();
        let length = usize::try_from(taken).unwrap_or(0);
        let into = into.get_mut(..length).ok_or_else(|| io::Error::other("a piece that is too long"))?;
        piece.copy_to(into);
        self.at = self.at.saturating_add(u64::from(taken));
        Ok(length)
    }
}

impl Source {
    fn piece(&self, most: usize) -> Result<Uint8Array, JsValue> {
        // Exact up to 2^53, and content has 4 GiB at most.
        #[expect(clippy::as_conversions, reason = "see above")]
        let (from, to) = (self.at as f64, self.at as f64 + most as f64);
        let slice = self.file.slice_with_f64_and_f64(from, to)?;
        let bytes = FileReaderSync::new()?.read_as_array_buffer(&slice)?;
        Ok(Uint8Array::new(&bytes))
    }
}

#[wasm_bindgen]
extern "C" {
    /// The readers' way to look at the beginning of a file.
    #[wasm_bindgen(extends = js_sys::Object)]
    type Looker;

    #[wasm_bindgen(method, catch)]
    fn look(this: &Looker, name: &str, beginning: &[u8]) -> Result<Option<js_sys::Array>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn fields(this: &Looker, content_type: &str, name: &str, content: &[u8]) -> Result<Option<js_sys::Array>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn cut(
        this: &Looker,
        content_type: &str,
        name: &str,
        content: &[u8],
        pointers: Vec<String>,
    ) -> Result<Option<js_sys::Array>, JsValue>;
}

/// The page, seen from the Worker.
struct WorkerFace {
    reporter: Reporter,
    readers: Readers,
    reading: RefCell<Option<Reading<RecordId>>>,
}

impl Face for WorkerFace {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        self.reporter.snapshot(snapshot);
    }

    fn begin(&self, record: RecordId, content_type: &str, name: &str) -> Result<bool, ErrorCode> {
        let reading = Reading::start(&self.readers, record, content_type, name)?;
        let there = reading.is_some();
        self.reading.replace(reading);
        Ok(there)
    }

    fn take(&self, offset: u64, bytes: &[u8], total: u64) -> Result<(), ErrorCode> {
        let mut reading = self.reading.borrow_mut();
        let Some(reading) = reading.as_mut() else { return Ok(()) };
        let taken = reading.take(offset, bytes, total)?;
        if taken.pass {
            self.reporter.bytes(&reading.id, offset, bytes);
        }
        if let Some(view) = taken.view {
            self.reporter.view(&reading.id, &view);
        }
        Ok(())
    }

    fn forget(&self) {
        self.reading.replace(None);
    }

    fn save(&self, name: &str) {
        if let Some(reading) = self.reading.borrow().as_ref() {
            self.reporter.save(&reading.id, name, reading.kept().as_ref());
        }
    }

    fn file(&self, name: &str, text: &str) {
        self.reporter.file(name, text);
    }

    fn zoom(&self, block: u32, from: i64, to: i64) {
        let reading = self.reading.borrow();
        let Some(reading) = reading.as_ref() else { return };
        if let Some(chart) = reading.zoom(block, from, to) {
            self.reporter.chart(&reading.id, block, &chart);
        }
    }

    fn look(&self, name: &str, beginning: &[u8]) -> Result<Option<Kinds>, ErrorCode> {
        let looker: &Looker = self.readers.unchecked_ref();
        let Some(found) = looker.look(name, beginning).map_err(|_| ErrorCode::Internal)? else { return Ok(None) };
        let word = |at: u32| found.get(at).as_string().ok_or(ErrorCode::Internal);
        Ok(Some(Kinds { kind: word(0)?, content_type: word(1)? }))
    }

    fn fields(&self, content: &Readable<'_>) -> Result<Option<Vec<String>>, ErrorCode> {
        let looker: &Looker = self.readers.unchecked_ref();
        let found = looker.fields(content.content_type, content.name, content.bytes);
        words(found.map_err(|_| ErrorCode::Internal)?)
    }

    fn cut(&self, content: &Readable<'_>, pointers: &[String]) -> Result<Option<Vec<String>>, ErrorCode> {
        let looker: &Looker = self.readers.unchecked_ref();
        let found = looker.cut(content.content_type, content.name, content.bytes, pointers.to_vec());
        words(found.map_err(|_| ErrorCode::Internal)?)
    }
}

/// What a reader said, which may be anything.
fn words(said: Option<js_sys::Array>) -> Result<Option<Vec<String>>, ErrorCode> {
    let Some(said) = said else { return Ok(None) };
    said.iter().map(|word| word.as_string().ok_or(ErrorCode::Internal)).collect::<Result<_, _>>().map(Some)
}
