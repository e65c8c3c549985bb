//! What the person did.

use serde::Deserialize;

/// What the person did, as `www/` reports it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Written")]
pub enum Intent {
    /// Edited the code field.
    Typed {
        /// All that stands in the field.
        text: String,
        /// Where the caret is, in UTF-16 units, as browsers count.
        caret: u32,
        /// Rising number of the edit; comes back, so that the page knows what an answer belongs to.
        edit: u32,
    },
    /// Sent the code.
    Submit {
        /// All that stands in the field.
        text: String,
    },
    /// Edited the search field.
    Search {
        /// All that stands in the field.
        text: String,
    },
    /// Chose a kind of record, or all with an empty word.
    Filter {
        /// One of the kinds of the list.
        kind: String,
    },
    /// Scrolled the list.
    Window {
        /// First row in sight.
        first: u32,
        /// Rows in sight.
        count: u32,
    },
    /// Chose a record, or asked to try again.
    Open {
        /// Which.
        unit: String,
    },
    /// Closed the open record, or stopped its opening.
    Close,
    /// Wants a copy of the open record.
    Save,
    /// Asked for a record that is not in the list.
    Ask {
        /// In the person's words.
        text: String,
    },
    /// Asked for more time.
    MoreTime,
    /// Ended the session, or cancelled the pairing.
    End,
    /// Is still there: moved, scrolled or typed anywhere on the page.
    Touched,
    /// The browser says that the network came or went.
    Network {
        /// Is there one?
        online: bool,
    },
}

/// The same as the page writes it: one flat object, `type` and what that type needs. Reading it needs a twentieth of the
/// wasm that serde's tagged enums take.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Written {
    r#type: String,
    text: String,
    kind: String,
    unit: String,
    caret: u32,
    edit: u32,
    first: u32,
    count: u32,
    online: bool,
}

impl TryFrom<Written> for Intent {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { r#type, text, kind, unit, caret, edit, first, count, online } = written;
        Ok(match r#type.as_str() {
            "typed" => Self::Typed { text, caret, edit },
            "submit" => Self::Submit { text },
            "search" => Self::Search { text },
            "filter" => Self::Filter { kind },
            "window" => Self::Window { first, count },
            "open" => Self::Open { unit },
            "close" => Self::Close,
            "save" => Self::Save,
            "ask" => Self::Ask { text },
            "more-time" => Self::MoreTime,
            "end" => Self::End,
            "touched" => Self::Touched,
            "network" => Self::Network { online },
            _ => return Err("no such intent"),
        })
    }
}
