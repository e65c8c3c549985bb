//! The face of this module in the Worker: `www/worker.js` carries calls of the pump to it.

use serde::Serialize as _;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::{Opening, Piece};

/// One record that is being opened, or is open.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Reader(Opening);

#[wasm_bindgen]
impl Reader {
    /// Starts for a record with this declared type and this name.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(content_type: &str, title: &str) -> Self {
        Self(Opening::new(content_type, title))
    }

    /// Takes the next opened bytes, and tells whether the page is to have them.
    ///
    /// # Errors
    ///
    /// Fails when they do not continue what came before.
    pub fn take(&mut self, offset: u64, bytes: &[u8], total: u64) -> Result<bool, JsError> {
        match self.0.take(offset, bytes, total) {
            Piece::Kept => Ok(false),
            Piece::Pass => Ok(true),
            Piece::OutOfOrder => Err(JsError::new("out of order")),
        }
    }

    /// What the page draws, a `ContentView`; nothing before everything has come.
    ///
    /// # Errors
    ///
    /// Fails when the browser cannot make the object.
    pub fn view(&self) -> Result<Option<JsValue>, JsError> {
        if !self.0.is_complete() {
            return Ok(None);
        }
        Ok(Some(self.0.view().serialize(&Serializer::json_compatible())?))
    }

    /// The content, where it is kept here; otherwise the page has it.
    #[must_use]
    pub fn kept(&self) -> Option<Vec<u8>> {
        self.0.kept().map(<[u8]>::to_vec)
    }
}
