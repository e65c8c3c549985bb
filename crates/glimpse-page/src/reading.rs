//! The record that is being opened, as a Worker sees it: bytes go to the reader that the Worker's script made for it, an
//! instance of another wasm module, and what the page is to draw or to have comes back.

use glimpse_wire::ErrorCode;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Makes readers: an object of the Worker's script.
    #[wasm_bindgen(extends = js_sys::Object)]
    #[derive(Clone, Debug)]
    pub type Readers;

    /// Makes a reader for one record; nothing while the module has not come.
    #[wasm_bindgen(method, catch)]
    fn reader(this: &Readers, content_type: &str, title: &str) -> Result<Option<Reader>, JsValue>;

    /// `Reader` of the crate `glimpse-reader`, in its own instance.
    #[derive(Debug)]
    type Reader;

    #[wasm_bindgen(method, catch)]
    fn take(this: &Reader, offset: u64, bytes: &[u8], total: u64) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn view(this: &Reader) -> Result<Option<JsValue>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn zoom(this: &Reader, block: u32, from: i64, to: i64) -> Result<Option<JsValue>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn kept(this: &Reader) -> Result<Option<Uint8Array>, JsValue>;

    /// Wipes and gives back what the reader holds.
    #[wasm_bindgen(method, catch)]
    fn free(this: &Reader) -> Result<(), JsValue>;
}

/// One record, open or on its way.
#[derive(Debug)]
pub struct Reading<Id> {
    /// Which record.
    pub id: Id,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all.
    pub total: u64,
    reader: Reader,
}

/// What to do with bytes that were taken.
#[derive(Debug)]
pub struct Taken {
    /// The page is to have them.
    pub pass: bool,
    /// Everything has come: this is to be drawn.
    pub view: Option<JsValue>,
}

impl<Id> Reading<Id> {
    /// Starts to read a record; nothing while the reader's module has not come.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    pub fn start(readers: &Readers, id: Id, content_type: &str, title: &str) -> Result<Option<Self>, ErrorCode> {
        let reader = readers.reader(content_type, title).map_err(broken)?;
        Ok(reader.map(|reader| Self { id, received: 0, total: 0, reader }))
    }

    /// Takes the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks: it is not used again.
    pub fn take(&mut self, offset: u64, bytes: &[u8], total: u64) -> Result<Taken, ErrorCode> {
        let pass = self.reader.take(offset, bytes, total).map_err(broken)?;
        let length = u64::try_from(bytes.len()).map_err(|_| ErrorCode::TooLarge)?;
        self.received = self.received.saturating_add(length);
        self.total = total;
        let view = if self.received == total { self.reader.view().map_err(broken)? } else { None };
        Ok(Taken { pass, view })
    }

    /// The chart at `block` between two times; nothing where there is none.
    #[must_use]
    pub fn zoom(&self, block: u32, from: i64, to: i64) -> Option<JsValue> {
        // A reader that breaks here has shown its record: the chart stays as it is.
        self.reader.zoom(block, from, to).ok().flatten()
    }

    /// The content, where the page has not got it already.
    #[must_use]
    pub fn kept(&self) -> Option<Uint8Array> {
        // A reader that broke after it had shown its record: the page saves the bytes that it has.
        self.reader.kept().ok().flatten()
    }
}

impl<Id> Drop for Reading<Id> {
    fn drop(&mut self) {
        // A reader that broke cannot wipe itself; its instance goes as a whole, since nobody refers to it any more.
        let _ = self.reader.free();
    }
}

/// The reader failed: its instance is not used again.
fn broken(_: JsValue) -> ErrorCode {
    ErrorCode::Internal
}
