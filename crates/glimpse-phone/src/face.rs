//! What the phone shows itself through: a page in a browser, a list in a test.

use glimpse_wire::{ErrorCode, RecordId};

use crate::snapshot::Snapshot;

/// What the content of a file is, by its beginning and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// One of the words of protocol section 5.4.
    pub kind: String,
    /// A media type.
    pub content_type: String,
}

/// Where what is to be seen goes. Content is read where no key is: in the reader's module.
pub trait Face {
    /// Whether there is room for a few rows of the list only. What waits for the owner's decision then stands behind what does
    /// not: others could fill the room with it.
    fn is_small(&self) -> bool {
        false
    }

    /// Draws everything that is on the screen.
    fn draw(&self, snapshot: &Snapshot<'_>);

    /// Makes ready for the content of a record, in place of the one before. `false` while the reader has not come.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    fn begin(&self, record: RecordId, content_type: &str, name: &str) -> Result<bool, ErrorCode>;

    /// Takes the bytes of that record from `offset` on, of `total`; with the last it is drawn.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    fn take(&self, offset: u64, bytes: &[u8], total: u64) -> Result<(), ErrorCode>;

    /// Forgets that record.
    fn forget(&self);

    /// Lets the person keep the content that was drawn as a file of this name.
    fn save(&self, name: &str);

    /// Lets the person keep a text as a file of this name. It holds no key and no content of a record.
    fn file(&self, _name: &str, _text: &str) {}

    /// Draws the chart at `block` between two times, in milliseconds since 1970.
    fn zoom(&self, block: u32, from: i64, to: i64);

    /// Looks at the beginning of a file. `None` while the reader has not come.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    fn look(&self, name: &str, beginning: &[u8]) -> Result<Option<Kinds>, ErrorCode>;

    /// Names the fields of a content, in the reader's words: `fields`, then `more` or `all`, then the pointer of each; or
    /// `refused` and why. `None` while the reader has not come.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    fn fields(&self, _content: &Readable<'_>) -> Result<Option<Vec<String>>, ErrorCode> {
        Ok(None)
    }

    /// Finds the fields at these pointers, in the reader's words: `cut`, then how many, then where each stretch to cut begins
    /// and ends; or `refused` and why. `None` while the reader has not come.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a reader that breaks.
    fn cut(&self, _content: &Readable<'_>, _pointers: &[String]) -> Result<Option<Vec<String>>, ErrorCode> {
        Ok(None)
    }
}

/// A whole content, on its way to the reader.
#[derive(Clone, Copy)]
pub struct Readable<'c> {
    /// As the record declares it.
    pub content_type: &'c str,
    /// The name that the file had, or the title.
    pub name: &'c str,
    /// All of it.
    pub bytes: &'c [u8],
}

impl core::fmt::Debug for Readable<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Readable({} bytes)", self.bytes.len())
    }
}
