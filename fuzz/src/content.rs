//! What a record holds, to the reader: characters, CSV, JSON, FHIR, Open mHealth, and the guess at what it is.

use glimpse_content::view::Block;
use glimpse_content::{Kind, Source, detect, view};

/// A record: its declared type on the first line, its title on the second, then its bytes.
pub fn content(data: &[u8]) {
    let (content_type, rest) = line(data);
    let (title, bytes) = line(rest);
    let shown = view(&Source { content_type: &content_type, title: &title, bytes });
    assert!(!shown.blocks.is_empty(), "there is always something to show or to save");
    let offered = shown.blocks.contains(&Block::Download);
    let found = detect(&title, bytes);
    assert!(offered || shown.kind != Kind::File, "what is not shown can be saved: {:?}", shown.kind);
    // What is taken for what it is declares itself in words that are understood.
    let again = view(&Source { content_type: found.content_type, title: &title, bytes });
    assert!(!again.blocks.is_empty());
}

/// The first line, and what follows it.
fn line(data: &[u8]) -> (String, &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let first = parts.next().unwrap_or_default();
    (String::from_utf8_lossy(first).into_owned(), parts.next().unwrap_or_default())
}
