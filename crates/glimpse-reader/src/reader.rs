//! The face of this module in the Worker: `www/worker.js` carries calls of the pump to it.

use glimpse_content::ContentView;
use serde::Serialize as _;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::{Opening, Piece};

/// What a file is, by its name and its beginning: a kind (protocol section 5.4) and a media type.
#[wasm_bindgen]
#[must_use]
pub fn look(name: &str, beginning: &[u8]) -> Vec<String> {
    let found = glimpse_content::detect(name, beginning);
    vec![found.kind.as_str().to_owned(), found.content_type.to_owned()]
}

/// The fields of a record, see [`crate::fields`].
#[wasm_bindgen]
#[must_use]
pub fn name_fields(content_type: &str, title: &str, content: &[u8]) -> Vec<String> {
    crate::fields(content_type, title, content)
}

/// Where the fields at these pointers lie, see [`crate::cut`].
#[wasm_bindgen]
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "what crosses from the Worker's script is owned")]
pub fn cut_fields(content_type: &str, title: &str, content: &[u8], pointers: Vec<String>) -> Vec<String> {
    crate::cut(content_type, title, content, &pointers)
}

/// One record that is being opened, or is open.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Reader {
    opening: Opening,
    /// Once it was asked for: charts are zoomed in it.
    view: Option<ContentView>,
}

#[wasm_bindgen]
impl Reader {
    /// Starts for a record with this declared type and this name.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(content_type: &str, title: &str) -> Self {
        Self { opening: Opening::new(content_type, title), view: None }
    }

    /// Takes the next opened bytes, and tells whether the page is to have them.
    ///
    /// # Errors
    ///
    /// Fails when they do not continue what came before.
    pub fn take(&mut self, offset: u64, bytes: &[u8], total: u64) -> Result<bool, JsError> {
        match self.opening.take(offset, bytes, total) {
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
    pub fn view(&mut self) -> Result<Option<JsValue>, JsError> {
        if !self.opening.is_complete() {
            return Ok(None);
        }
        let view = self.view.insert(self.opening.view());
        Ok(Some(view.serialize(&Serializer::json_compatible())?))
    }

    /// The chart at `block` of the view between two times, in milliseconds since 1970, with the points that the whole one has
    /// no room for; nothing where there is none.
    ///
    /// # Errors
    ///
    /// Fails when the browser cannot make the object.
    pub fn zoom(&self, block: u32, from: i64, to: i64) -> Result<Option<JsValue>, JsError> {
        let block = usize::try_from(block).unwrap_or(usize::MAX);
        let Some(chart) = self.view.as_ref().and_then(|view| view.zoom(block, from, to)) else { return Ok(None) };
        Ok(Some(chart.serialize(&Serializer::json_compatible())?))
    }

    /// The content, where it is kept here; otherwise the page has it.
    #[must_use]
    pub fn kept(&self) -> Option<Vec<u8>> {
        self.opening.kept().map(<[u8]>::to_vec)
    }
}
