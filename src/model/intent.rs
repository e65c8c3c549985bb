//! What the person did.

use serde::Deserialize;
use zeroize::Zeroizing;

/// What the person did, as `www/` reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Looks at a stretch of a chart that was thinned.
    Zoom {
        /// Which block of the open record.
        block: u32,
        /// The earliest time, in milliseconds since 1970.
        from: i64,
        /// The latest time.
        to: i64,
    },
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

impl Intent {
    /// Reads an intent as the page writes it; nothing for what is none.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        // No string is longer without its escapes than with them.
        let mut unescaped = Zeroizing::new(vec![0; json.len()]);
        let (written, _) = serde_json_core::from_str_escaped::<Written>(json, &mut unescaped).ok()?;
        written.read()
    }
}

/// One flat object: `type`, and what that type needs. Reading it needs a twentieth of the wasm that serde's tagged enums
/// take.
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
    block: u32,
    from: i64,
    to: i64,
    online: bool,
}

impl Written {
    fn read(self) -> Option<Intent> {
        let Self { r#type, text, kind, unit, caret, edit, first, count, block, from, to, online } = self;
        Some(match r#type.as_str() {
            "typed" => Intent::Typed { text, caret, edit },
            "submit" => Intent::Submit { text },
            "search" => Intent::Search { text },
            "filter" => Intent::Filter { kind },
            "window" => Intent::Window { first, count },
            "open" => Intent::Open { unit },
            "close" => Intent::Close,
            "save" => Intent::Save,
            "zoom" => Intent::Zoom { block, from, to },
            "ask" => Intent::Ask { text },
            "more-time" => Intent::MoreTime,
            "end" => Intent::End,
            "touched" => Intent::Touched,
            "network" => Intent::Network { online },
            _ => return None,
        })
    }
}
