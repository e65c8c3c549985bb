//! From the bytes of a record to its view: which reading is tried, and what is said where the declared type was wrong.

use crate::charset::{self, Visible};
use crate::detect::{self, Detected, Form, Kind};
use crate::json::{self, Document, Fault};
use crate::limits::{JSON_READ, TEXT_READ, TEXT_SHOWN};
use crate::view::{Block, ContentView, Message, Text, Words};
use crate::{fhir, keys, openmhealth, table, tree};

/// An opened record.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The media type from the record's meta; may be empty, may be wrong.
    pub content_type: &'a str,
    /// The title or file name from the record's meta; decides only where the type is missing.
    pub title: &'a str,
    /// The content, after its authentication.
    pub bytes: &'a [u8],
}

type Read = fn(&str) -> Result<Document<'_>, Fault>;

/// What a declared type lets a text be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// Text as it stands, markup included.
    Text,
    Table,
    Json,
    JsonLines,
    /// Nothing that narrows it down.
    Unknown,
    /// Something that is not text.
    Binary,
}

/// Makes the view of a record. Never fails: what cannot be read is said in a notice and offered in the next simpler form.
#[must_use]
pub fn view(source: &Source<'_>) -> ContentView {
    let (essence, charset) = media_type(source.content_type);
    let declared = declared(&essence);
    let mut view = if let Some(found) = detect::magic(source.bytes) {
        let block = match found.kind {
            Kind::Image => Block::Image,
            Kind::Pdf => Block::Pdf,
            Kind::Text | Kind::Json | Kind::Table | Kind::Series | Kind::Fhir | Kind::File => Block::Download,
        };
        one(found, block)
    } else if charset::is_text(source.bytes) {
        text_view(source, declared, charset)
    } else {
        one(detect::BINARY, Block::Download)
    };
    if disagrees(&essence, declared, &view) {
        let notice = Message::new(keys::NOTICE_TYPE_DISAGREES)
            .with("declared", Words::Data(Visible::default().value(&essence, 100)))
            .with("found", Words::Data(view.content_type.to_owned()));
        view.notices.insert(0, notice);
    }
    if view.blocks.contains(&Block::Download) {
        view.notices.push(Message::new(keys::NOTICE_NOT_SHOWN));
    }
    view
}

fn one(found: Detected, block: Block) -> ContentView {
    ContentView { kind: found.kind, content_type: found.content_type, notices: Vec::new(), blocks: vec![block] }
}

fn text_view(source: &Source<'_>, declared: Declared, charset: Option<&str>) -> ContentView {
    let cut = source.bytes.get(..TEXT_READ).map(charset::whole_characters);
    let decoded = charset::decode(cut.unwrap_or(source.bytes), charset);
    let visible = &mut Visible::default();
    let text = decoded.text.as_ref();
    let json = |read: Read, visible: &mut Visible| {
        // Half a document is no document.
        let document = if cut.is_some() || text.len() > JSON_READ { Err(Fault::TooMany) } else { read(text) };
        match document {
            Ok(document) => of_document(&document, visible),
            Err(fault) => not_json(source.content_type, text, fault, visible),
        }
    };
    let mut view = match declared {
        Declared::Text => plain(text, visible),
        Declared::Json => json(json::read, visible),
        Declared::JsonLines => json(json::read_lines, visible),
        Declared::Table => match table::plan(text, true) {
            Some(plan) => table_view(text, &plan, visible),
            None => plain(text, visible),
        },
        Declared::Unknown | Declared::Binary => match detect::form(source.title, text) {
            Form::Document(document) => of_document(&document, visible),
            Form::LargeJson => not_json(source.content_type, text, Fault::TooMany, visible),
            Form::Table(plan) => table_view(text, &plan, visible),
            Form::Markdown | Form::Plain => plain(text, visible),
        },
    };
    view.notices.extend(decoded.honesty.notice());
    if cut.is_some() && !view.notices.iter().any(|notice| notice.key == keys::NOTICE_TEXT_CUT) {
        view.notices.push(Message::new(keys::NOTICE_TOO_LARGE));
    }
    if visible.shortened > 0 {
        view.notices.push(Message::new(keys::NOTICE_VALUES_CUT).with("count", visible.shortened));
    }
    if visible.replaced > 0 {
        view.notices.push(Message::new(keys::NOTICE_CONTROLS).with("count", visible.replaced));
    }
    view
}

fn plain(text: &str, visible: &mut Visible) -> ContentView {
    let mut notices = Vec::new();
    if text.trim().is_empty() {
        notices.push(Message::new(keys::NOTICE_EMPTY));
    } else if text.trim_start().starts_with('<') {
        notices.push(Message::new(keys::NOTICE_MARKUP));
    }
    let end = text.floor_char_boundary(TEXT_SHOWN);
    let shown = text.get(..end).unwrap_or_default();
    if end < text.len() {
        let notice = Message::new(keys::NOTICE_TEXT_CUT)
            .with("shown", shown.chars().count())
            .with("total", text.chars().count());
        notices.push(notice);
    }
    let block = Block::Text(Text { text: visible.text(shown) });
    ContentView { kind: Kind::Text, content_type: detect::PLAIN.content_type, notices, blocks: vec![block] }
}

fn not_json(declared: &str, text: &str, fault: Fault, visible: &mut Visible) -> ContentView {
    let mut view = plain(text, visible);
    let notice = match fault {
        Fault::Syntax(_) if text.trim().is_empty() => return view,
        Fault::Syntax(at) => Message::new(keys::NOTICE_UNREADABLE)
            .with("declared", Words::Data(visible.value(declared, 100)))
            .with("line", json::line(text, at)),
        Fault::TooDeep => Message::new(keys::NOTICE_TOO_DEEP),
        Fault::TooMany => Message::new(keys::NOTICE_TOO_LARGE),
    };
    view.notices.insert(0, notice);
    view
}

fn of_document(document: &Document<'_>, visible: &mut Visible) -> ContentView {
    let found = detect::of_json(&document.root);
    let mut view =
        ContentView { kind: found.kind, content_type: found.content_type, notices: Vec::new(), blocks: Vec::new() };
    if document.duplicates > 0 {
        view.notices.push(Message::new(keys::NOTICE_DUPLICATES).with("count", document.duplicates));
    }
    match found.kind {
        Kind::Fhir => fhir::view(&document.root, &mut view, visible),
        Kind::Series => openmhealth::view(&document.root, &mut view, visible),
        Kind::Text | Kind::Json | Kind::Table | Kind::Image | Kind::Pdf | Kind::File => {
            let (tree, notice) = tree::tree(&document.root, visible);
            view.blocks.push(Block::Tree(tree));
            view.notices.extend(notice);
        }
    }
    view
}

fn table_view(text: &str, plan: &table::Plan, visible: &mut Visible) -> ContentView {
    let read = table::read(text, plan, visible);
    let found = detect::of_table(plan);
    let mut view =
        ContentView { kind: found.kind, content_type: found.content_type, notices: read.notices, blocks: Vec::new() };
    if read.tracks.dropped > 0 {
        view.notices.push(Message::new(keys::NOTICE_NOT_CHARTED).with("count", read.tracks.dropped));
    }
    view.blocks.extend(read.tracks.charts().into_iter().map(Block::Chart));
    view.blocks.push(Block::Table(read.table));
    view
}

/// The type without parameters in small letters, and its charset.
pub(crate) fn media_type(declared: &str) -> (String, Option<&str>) {
    let mut parts = declared.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    (essence, charset)
}

pub(crate) fn declared(essence: &str) -> Declared {
    match essence {
        "text/csv" | "text/tab-separated-values" | "application/csv" | "text/x-csv" => Declared::Table,
        "application/ndjson" | "application/x-ndjson" | "application/fhir+ndjson" | "application/jsonl" => {
            Declared::JsonLines
        }
        "application/json" | "text/json" | "text/x-json" => Declared::Json,
        _ if essence.ends_with("+json") => Declared::Json,
        "application/xml" | "application/javascript" | "application/yaml" | "application/rtf" => Declared::Text,
        _ if essence.starts_with("text/") || essence.ends_with("+xml") => Declared::Text,
        "" | "application/octet-stream" | "application/vnd.ms-excel" => Declared::Unknown,
        _ => Declared::Binary,
    }
}

/// True where what is shown is another thing than the record says it is. A more exact answer is no disagreement.
fn disagrees(essence: &str, declared: Declared, view: &ContentView) -> bool {
    let text = matches!(view.kind, Kind::Text | Kind::Json | Kind::Table | Kind::Series | Kind::Fhir);
    match declared {
        Declared::Unknown => false,
        Declared::Binary if view.kind == Kind::File && view.content_type == detect::BINARY.content_type => {
            // Bytes without a sign of their own: only types that always have one are contradicted.
            matches!(
                essence,
                "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif" | "application/pdf"
            )
        }
        // An office document is a zip and says so in its own words.
        Declared::Binary if view.content_type == "application/zip" => {
            matches!(view.kind, Kind::File) && is_shown(essence)
        }
        Declared::Binary => {
            text || (essence != view.content_type && !(essence == "image/jpg" && view.content_type == "image/jpeg"))
        }
        Declared::Json | Declared::JsonLines | Declared::Table | Declared::Text => !text,
    }
}

fn is_shown(essence: &str) -> bool {
    essence.starts_with("image/") || essence == "application/pdf"
}
