//! Bytes to text, honestly: what is not UTF-8 is said, and what would hide or turn text around is made visible.

use std::borrow::Cow;
use std::fmt::Write;

use crate::keys;
use crate::limits::VIEW_CHARS;
use crate::view::{Message, Words};

/// Text with what must be said about its encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) honesty: Honesty,
}

/// How sure the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honesty {
    /// Valid, or declared and decoded as declared.
    Certain,
    /// UTF-8 with this many damaged places.
    Damaged(usize),
    /// Not UTF-8 at all and nothing declared: the charset is a guess.
    Guessed(&'static str),
}

impl Honesty {
    pub(crate) fn notice(self) -> Option<Message> {
        match self {
            Self::Certain => None,
            Self::Damaged(count) => Some(Message::new(keys::NOTICE_NOT_UTF8).with("count", count)),
            Self::Guessed(name) => {
                Some(Message::new(keys::NOTICE_CHARSET_GUESSED).with("charset", Words::Data(name.to_owned())))
            }
        }
    }
}

/// Decodes text. `charset` is what the media type declares, in any case of letters.
pub(crate) fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Decoded<'a> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, u16::from_be_bytes);
    }
    let is =
        |names: &[&str]| charset.is_some_and(|declared| names.iter().any(|name| declared.eq_ignore_ascii_case(name)));
    // The web reads Latin-1 and ASCII as Windows-1252 (WHATWG Encoding, section 4.2); ASCII that is UTF-8 stays UTF-8.
    if is(&["windows-1252", "cp1252", "iso-8859-1", "latin1"]) {
        return Decoded { text: Cow::Owned(windows_1252(bytes)), honesty: Honesty::Certain };
    }
    if is(&["utf-16le", "utf-16"]) {
        return utf16(bytes, u16::from_le_bytes);
    }
    if is(&["utf-16be"]) {
        return utf16(bytes, u16::from_be_bytes);
    }
    utf8(bytes)
}

/// True where the bytes could be text a person wrote: no NUL and few other control characters, or UTF-16 with its mark.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return bytes.len().is_multiple_of(2);
    }
    let sample = bytes.get(..8192).unwrap_or(bytes);
    let count = |is: fn(&u8) -> bool| sample.iter().filter(|byte| is(byte)).count();
    let odd = count(|byte| matches!(byte, 1..=8 | 14..=31 | 127));
    let high = count(|byte| !byte.is_ascii());
    let damaged = sample.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    // Text in a one-byte charset is mostly ASCII; damaged UTF-8 is mostly whole; compressed or encrypted bytes are neither.
    let readable = high.saturating_mul(3) <= sample.len() || damaged.saturating_mul(20) <= high.max(100);
    !sample.contains(&0) && odd.saturating_mul(50) <= sample.len() && readable
}

/// A beginning of text without the character that the cut may have split.
pub(crate) fn whole_characters(cut: &[u8]) -> &[u8] {
    let split = cut.iter().rev().take(4).take_while(|byte| !byte.is_ascii()).count();
    cut.get(..cut.len().saturating_sub(split)).unwrap_or_default()
}

fn utf8(bytes: &[u8]) -> Decoded<'_> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded { text: Cow::Borrowed(text), honesty: Honesty::Certain };
    }
    let multibyte = bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
    if !multibyte {
        return Decoded { text: Cow::Owned(windows_1252(bytes)), honesty: Honesty::Guessed("Windows-1252") };
    }
    let damaged = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    Decoded { text: String::from_utf8_lossy(bytes), honesty: Honesty::Damaged(damaged) }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded<'_> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut damaged = rest.len();
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(decoded.unwrap_or_else(|_| {
            damaged = damaged.saturating_add(1);
            char::REPLACEMENT_CHARACTER
        }));
    }
    Decoded { text: Cow::Owned(text), honesty: if damaged == 0 { Honesty::Certain } else { Honesty::Damaged(damaged) } }
}

fn windows_1252(bytes: &[u8]) -> String {
    // 0x80 to 0x9F as in the WHATWG index; the five free places stay the C1 controls of the same number.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    bytes
        .iter()
        .map(|byte| {
            byte.checked_sub(0x80).and_then(|high| HIGH.get(usize::from(high))).copied().unwrap_or(char::from(*byte))
        })
        .collect()
}

/// Brings strings of the record to the screen, and counts over a whole view what it had to do to them.
#[derive(Debug)]
pub(crate) struct Visible {
    /// Characters that were made visible.
    pub(crate) replaced: usize,
    /// Values that were cut.
    pub(crate) shortened: usize,
    /// How many characters the view still has room for.
    left: usize,
}

impl Default for Visible {
    fn default() -> Self {
        Self { replaced: 0, shortened: 0, left: VIEW_CHARS }
    }
}

impl Visible {
    /// The text with every control and bidirectional formatting character made visible; line ends and tabs stay.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.write(text.chars(), &mut out);
        out
    }

    /// As [`Visible::text`], at most `chars` characters long.
    pub(crate) fn value(&mut self, text: &str, chars: usize) -> String {
        // `nth` walks at most `chars` characters, so a huge value costs no more than a long one.
        let chars = chars.min(self.left);
        match text.char_indices().nth(chars) {
            None => {
                self.left = self.left.saturating_sub(text.chars().count());
                self.text(text)
            }
            Some((end, _)) => {
                self.shortened = self.shortened.saturating_add(1);
                self.left = self.left.saturating_sub(chars);
                let mut out = self.text(text.get(..end).unwrap_or_default());
                out.push('…');
                out
            }
        }
    }

    fn write(&mut self, text: impl Iterator<Item = char>, out: &mut String) {
        let mut chars = text.peekable();
        while let Some(char) = chars.next() {
            match char {
                '\n' | '\t' => out.push(char),
                '\r' => {
                    if chars.peek() != Some(&'\n') {
                        out.push('\n');
                    }
                }
                // The control pictures stand at the same offset from U+2400.
                '\0'..='\u{1f}' => {
                    self.replaced = self.replaced.saturating_add(1);
                    out.push(
                        char::from_u32(u32::from(char).saturating_add(0x2400)).unwrap_or(char::REPLACEMENT_CHARACTER),
                    );
                }
                _ if is_hidden(char) => {
                    self.replaced = self.replaced.saturating_add(1);
                    // Writing to a String cannot fail.
                    let _ = write!(out, "⟨U+{:04X}⟩", u32::from(char));
                }
                _ => out.push(char),
            }
        }
    }
}

/// Characters that turn text around or hide it. Left alone are the marks that ordinary text in Arabic, Hebrew, Persian or
/// Indian scripts, and emoji, need (U+200C to U+200F, U+061C): they cannot reorder what stands beyond their neighbours.
fn is_hidden(char: char) -> bool {
    matches!(char,
        '\u{7f}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{206f}'
        | '\u{2028}' | '\u{2029}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], charset: Option<&str>) -> (String, Honesty) {
        let decoded = decode(bytes, charset);
        (decoded.text.into_owned(), decoded.honesty)
    }

    #[test]
    fn text_is_read_as_what_it_is() {
        assert_eq!(text("Grüße".as_bytes(), None), ("Grüße".into(), Honesty::Certain));
        assert_eq!(text(b"\xEF\xBB\xBFa", None), ("a".into(), Honesty::Certain));
        assert_eq!(text(b"\xFF\xFEa\0\xFC\0", None), ("aü".into(), Honesty::Certain));
        assert_eq!(text(b"\xFE\xFF\0a\xD8\0", None), ("a\u{fffd}".into(), Honesty::Damaged(1)));
        assert_eq!(text(b"Gr\xFC\xDFe \x80", None), ("Grüße €".into(), Honesty::Guessed("Windows-1252")));
        assert_eq!(text(b"Gr\xFC\xDFe", Some("ISO-8859-1")), ("Grüße".into(), Honesty::Certain));
        assert_eq!(text(b"\xC3\xBC \xFF", None), ("ü \u{fffd}".into(), Honesty::Damaged(1)));
    }

    #[test]
    fn what_hides_is_made_visible() {
        let mut visible = Visible::default();
        assert_eq!(visible.text("a\u{202e}b\0\tc\r\nd\re\u{85}"), "a⟨U+202E⟩b␀\tc\nd\ne⟨U+0085⟩");
        assert_eq!(visible.replaced, 3);
        assert_eq!(visible.text("نص\u{200f} 👩\u{200d}⚕️"), "نص\u{200f} 👩\u{200d}⚕️");
        assert_eq!(visible.replaced, 3);
        assert_eq!(visible.value("abcd", 3), "abc…");
        assert_eq!(visible.value("abc", 3), "abc");
        assert_eq!(visible.shortened, 1);
    }

    #[test]
    fn binary_is_not_text() {
        assert!(is_text(b"plain"));
        assert!(is_text("日本語".as_bytes()));
        assert!(is_text(b"Gr\xFC\xDFe aus M\xFCnchen"));
        assert!(!is_text(b"PK\x03\x04\x14\0\0"));
        let noise: Vec<u8> = (0_u32..4000).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0] | 1).collect();
        assert!(!is_text(&noise));
    }
}
