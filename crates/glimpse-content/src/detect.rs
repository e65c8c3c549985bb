//! What bytes are, by looking at them: the name of a file only decides between readings that its content allows.

use serde::Serialize;

use crate::charset;
use crate::json::{self, Document, Json};
use crate::limits::{JSON_READ, TEXT_READ};
use crate::{fhir, openmhealth, table};

/// What a record is, in one word. The word also goes into a record's meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Running text.
    Text,
    /// JSON of no special form.
    Json,
    /// Rows and columns.
    Table,
    /// Measured values over time.
    Series,
    /// FHIR resources.
    Fhir,
    /// A raster image.
    Image,
    /// A PDF document.
    Pdf,
    /// Anything else.
    File,
}

impl Kind {
    /// The word, as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Table => "table",
            Self::Series => "series",
            Self::Fhir => "fhir",
            Self::Image => "image",
            Self::Pdf => "pdf",
            Self::File => "file",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// A media type that is safe to declare: markup is plain text here, whatever its name.
    pub content_type: &'static str,
    /// What it is.
    pub kind: Kind,
}

pub(crate) const PLAIN: Detected = Detected { content_type: "text/plain", kind: Kind::Text };
const MARKDOWN: Detected = Detected { content_type: "text/markdown", kind: Kind::Text };
const JSON: Detected = Detected { content_type: "application/json", kind: Kind::Json };
const JSON_SERIES: Detected = Detected { content_type: "application/json", kind: Kind::Series };
const FHIR: Detected = Detected { content_type: "application/fhir+json", kind: Kind::Fhir };
const CSV: Detected = Detected { content_type: "text/csv", kind: Kind::Table };
const CSV_SERIES: Detected = Detected { content_type: "text/csv", kind: Kind::Series };
pub(crate) const BINARY: Detected = Detected { content_type: "application/octet-stream", kind: Kind::File };

/// Finds out what a file is before it becomes a record. `bytes` is the whole file; of one that is larger than
/// [`TEXT_READ`], a beginning of that length is enough.
#[must_use]
pub fn detect(file_name: &str, bytes: &[u8]) -> Detected {
    if let Some(found) = magic(bytes) {
        return found;
    }
    if !charset::is_text(bytes) {
        return BINARY;
    }
    let decoded = charset::decode(bytes.get(..TEXT_READ).unwrap_or(bytes), None);
    match form(file_name, &decoded.text) {
        Form::Document(document) => of_json(&document.root),
        Form::LargeJson => JSON,
        Form::Table(plan) => of_table(&plan),
        Form::Markdown => MARKDOWN,
        Form::Plain => PLAIN,
    }
}

/// What a text was found to be, with what finding out has read of it.
pub(crate) enum Form<'a> {
    Document(Document<'a>),
    /// Called JSON, and too large to be read as such.
    LargeJson,
    Table(table::Plan),
    Markdown,
    Plain,
}

/// As [`detect`], for what is text.
pub(crate) fn form<'a>(file_name: &str, text: &'a str) -> Form<'a> {
    let extension = extension(file_name);
    let is = |names: &[&str]| names.iter().any(|name| extension.eq_ignore_ascii_case(name));
    let small = text.len() <= JSON_READ;
    if is(&["ndjson", "jsonl"])
        && small
        && let Ok(document) = json::read_lines(text)
    {
        return Form::Document(document);
    }
    match text.trim_start().bytes().next() {
        Some(b'{' | b'[') if small => {
            if let Ok(document) = json::read(text) {
                return Form::Document(document);
            }
        }
        Some(b'{' | b'[') if is(&["json"]) => return Form::LargeJson,
        Some(b'<') => return Form::Plain,
        _ => {}
    }
    if is(&["md", "markdown"]) {
        return Form::Markdown;
    }
    let named = is(&["csv", "tsv", "tab"]);
    // A text file may hold a table; a source file or a log is not asked.
    if (named || is(&["txt", ""]))
        && let Some(plan) = table::plan(text, named)
    {
        return Form::Table(plan);
    }
    Form::Plain
}

/// What a table is called: a series where values run over time.
pub(crate) fn of_table(plan: &table::Plan) -> Detected {
    if plan.is_series() { CSV_SERIES } else { CSV }
}

/// What a JSON document is called.
pub(crate) fn of_json(root: &Json<'_>) -> Detected {
    if fhir::is_fhir(root) {
        FHIR
    } else if openmhealth::is_data(root) {
        JSON_SERIES
    } else {
        JSON
    }
}

/// Formats that begin with a sign of their own.
pub(crate) fn magic(bytes: &[u8]) -> Option<Detected> {
    let image = |content_type| Some(Detected { content_type, kind: Kind::Image });
    let file = |content_type| Some(Detected { content_type, kind: Kind::File });
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => image("image/png"),
        [0xff, 0xd8, 0xff, ..] => image("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => image("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => image("image/webp"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => image("image/avif"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i' | b'v', _, ..] => file("image/heic"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => file("video/mp4"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Detected { content_type: "application/pdf", kind: Kind::Pdf }),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => file("application/zip"),
        [0x1f, 0x8b, 8, ..] => file("application/gzip"),
        _ => None,
    }
}

fn extension(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_only_helps() {
        let cases: [(&str, &[u8], &str, Kind); 22] = [
            ("a.txt", b"\x89PNG\r\n\x1a\n....", "image/png", Kind::Image),
            ("a.png", b"\xff\xd8\xff\xe0..", "image/jpeg", Kind::Image),
            ("a", b"GIF89a..", "image/gif", Kind::Image),
            ("a", b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", Kind::Image),
            ("a", b"\0\0\0\x20ftypavif\0\0\0\0", "image/avif", Kind::Image),
            ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic", Kind::File),
            ("letter", b"%PDF-1.7\n", "application/pdf", Kind::Pdf),
            ("a.json", b"PK\x03\x04\x14\0", "application/zip", Kind::File),
            ("a.bin", b"\x00\x01\x02", "application/octet-stream", Kind::File),
            ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "text/plain", Kind::Text),
            ("page.html", b"<!doctype html><script>x()</script>", "text/plain", Kind::Text),
            ("note.md", b"# Note\n", "text/markdown", Kind::Text),
            ("note", b"Call the practice, ask for Dr Weber.", "text/plain", Kind::Text),
            ("note.txt", b"Milk, bread\nand, if there is any, cheese", "text/plain", Kind::Text),
            ("x", b"{\"resourceType\":\"Patient\"}", "application/fhir+json", Kind::Fhir),
            (
                "x.ndjson",
                b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n",
                "application/fhir+json",
                Kind::Fhir,
            ),
            ("x.json", b"{\"a\":1}", "application/json", Kind::Json),
            ("x.json", b"{\"a\":1", "text/plain", Kind::Text),
            (
                "x.csv",
                b"date;item;shop;amount\n2026-11-01;bread;baker;2,40\n2026-11-01;milk;market;1,20\n",
                "text/csv",
                Kind::Table,
            ),
            (
                "x.csv",
                b"time,bpm\n2026-11-01T10:00,61\n2026-11-01T10:05,64\n2026-11-01T10:10,66\n",
                "text/csv",
                Kind::Series,
            ),
            ("x.csv", b"one column\nonly\n", "text/csv", Kind::Table),
            ("empty", b"", "text/plain", Kind::Text),
        ];
        for (name, bytes, content_type, kind) in cases {
            assert_eq!(
                detect(name, bytes),
                Detected { content_type, kind },
                "{name} {:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn the_word_is_what_is_serialised() {
        for kind in [Kind::Text, Kind::Json, Kind::Table, Kind::Series, Kind::Fhir, Kind::Image, Kind::Pdf, Kind::File]
        {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_something(name in ".{0,20}", bytes: Vec<u8>) {
            let _ = detect(&name, &bytes);
        }
    }
}
