//! Words from records and from the other end, before the page sees them: they can say anything, and must not be able to
//! change what stands around them.

/// The kinds that the protocol names (section 5.4); any other is shown as `file`.
const KINDS: [&str; 8] = ["text", "json", "table", "series", "fhir", "image", "pdf", "file"];

/// The names that Windows keeps for devices, with or without an extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One line of text without what reaches beyond it: embeddings, overrides, isolates and their ends, which could close the
/// isolate that the page puts around it, and control characters.
#[must_use]
pub fn line(text: &str) -> String {
    text.chars().filter(|c| !is_direction(*c)).map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// One line of what somebody says who wants to be let in: what is not seen, turns the direction or breaks the line is marked by
/// U+FFFD, so that no two such lines look the same and say different things.
#[must_use]
pub fn marked(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) || breaks(c) { '\u{FFFD}' } else { c }).collect()
}

/// A kind as the page knows it.
#[must_use]
pub fn kind(named: &str) -> String {
    (if KINDS.contains(&named) { named } else { "file" }).to_owned()
}

/// A name that can do nothing on the disk of whoever saves it, and looks like what it is: no folder, no device, no character
/// that cannot be seen or turns the direction, no leading or trailing dot.
#[must_use]
pub fn file_name(file_name: &str, title: &str) -> String {
    let wish = if file_name.trim().is_empty() { title } else { file_name };
    let hostile =
        |c: char| is_unseen(c) || breaks(c) || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let clean: String = wish.chars().map(|c| if hostile(c) { '_' } else { c }).take(120).collect();
    let clean = clean.trim().trim_matches('.').trim();
    let stem = clean.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let port = numbered.is_some_and(|number| {
        let mut rest = number.chars();
        // Windows takes the superscripts for digits here.
        matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
    });
    if clean.is_empty() {
        "record".to_owned()
    } else if port || DEVICES.contains(&stem.as_str()) {
        format!("_{clean}")
    } else {
        clean.to_owned()
    }
}

/// Embeddings, overrides and isolates: what can reach beyond its own text.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Ends a line, or controls a terminal.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Takes no room on the screen, or turns the direction: two names that look the same could differ by it.
const fn is_unseen(c: char) -> bool {
    is_direction(c)
        || matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}')
        || matches!(c, '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}' | '\u{3164}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}')
        || matches!(c, '\u{E0000}'..='\u{E0FFF}')
}
