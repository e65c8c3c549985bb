//! A JSON reader (RFC 8259) that keeps what a person must be able to see and others throw away: the digits of a number as
//! written (in FHIR `1.50` is not `1.5`), the order of members, and names that occur twice. Bounded in depth and in values.

pub(crate) mod spans;

use std::borrow::Cow;

use crate::limits::{JSON_DEPTH, JSON_VALUES};
use crate::number::decimal;

/// A JSON value, borrowed from its text where it can be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// With the digits as written.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Self>),
    /// In order, repeated names included.
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON, at this byte.
    Syntax(usize),
    /// Nested deeper than [`JSON_DEPTH`].
    TooDeep,
    /// More than [`JSON_VALUES`] values.
    TooMany,
}

impl<'a> Json<'a> {
    /// The member of this name; of several, the last, as `JSON.parse` has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The member of this name, where it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::as_str)
    }

    /// The members of an object; none for anything else.
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// The elements of an array; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number as a finite `f64`, for charts; what is shown keeps its digits.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        if let Self::Number(digits) = self { decimal(digits) } else { None }
    }
}

/// What was read, with how many names stand twice in one object.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) root: Json<'a>,
    pub(crate) duplicates: usize,
}

/// Reads one document.
///
/// # Errors
/// [`Fault`] where the text is not JSON or passes a limit.
pub(crate) fn read(text: &str) -> Result<Document<'_>, Fault> {
    let mut reader = Reader::new(text);
    let root = reader.value(0)?;
    reader.space();
    if reader.at < text.len() { Err(reader.fault()) } else { Ok(Document { root, duplicates: reader.duplicates }) }
}

/// Reads documents that follow one another on lines of their own (NDJSON), as one array.
///
/// # Errors
/// [`Fault`] where the text is not JSON or passes a limit.
pub(crate) fn read_lines(text: &str) -> Result<Document<'_>, Fault> {
    let mut reader = Reader::new(text);
    let mut documents = Vec::new();
    reader.space();
    while reader.at < text.len() {
        documents.push(reader.value(1)?);
        reader.space();
    }
    Ok(Document { root: Json::Array(documents), duplicates: reader.duplicates })
}

/// The line of a byte, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
    duplicates: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, values: 0, duplicates: 0 }
    }

    fn fault(&self) -> Fault {
        Fault::Syntax(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.skip();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.fault());
        }
        self.skip();
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Fault> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.fault());
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.values = self.values.saturating_add(1);
        if self.values > JSON_VALUES {
            return Err(Fault::TooMany);
        }
        if depth > JSON_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.fault()),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.skip();
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.skip();
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b']')?;
                return Ok(Json::Array(items));
            }
            self.skip();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.skip();
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.skip();
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            members.push((name, self.value(depth.saturating_add(1))?));
            self.space();
            if self.peek() != Some(b',') {
                self.expect(b'}')?;
                self.duplicates = self.duplicates.saturating_add(repeated(&members));
                return Ok(Json::Object(members));
            }
            self.skip();
        }
    }

    fn number(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.skip();
        }
        if self.peek() == Some(b'0') {
            self.skip();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.skip();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.skip();
            if let Some(b'+' | b'-') = self.peek() {
                self.skip();
            }
            self.digits()?;
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip();
        }
        if self.at == start { Err(self.fault()) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.expect(b'"')?;
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.skip();
            return Ok(Cow::Borrowed(plain));
        }
        let mut owned = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.skip();
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    self.skip();
                    owned.push(self.escape()?);
                }
                // The end of the text, or a control character, which must be escaped (RFC 8259 section 7).
                _ => return Err(self.fault()),
            }
            owned.push_str(self.plain());
        }
    }

    /// The characters up to the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
        let start = self.at;
        self.at = self.at.saturating_add(length);
        // Both ends are at ASCII characters, so the slice is whole.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let byte = self.peek().ok_or(self.fault())?;
        let char = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.skip();
                return self.unicode();
            }
            _ => return Err(self.fault()),
        };
        self.skip();
        Ok(char)
    }

    /// Behind `\u`. Half of a pair alone is valid JSON and no character: it is read as U+FFFD.
    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.hex()?;
        if !(0xd800..=0xdbff).contains(&first) || !self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"))
        {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at = self.at.saturating_add(2);
        let second = self.hex()?;
        let pair = [first, second].map(|unit| u16::try_from(unit).unwrap_or_default());
        if let Some(Ok(char)) = char::decode_utf16(pair).next() {
            return Ok(char);
        }
        self.at = before;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self
            .text
            .get(self.at..self.at.saturating_add(4))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(self.fault())?;
        self.at = self.at.saturating_add(4);
        Ok(number)
    }
}

/// How many members have a name that an earlier one has.
fn repeated(members: &[(Cow<'_, str>, Json<'_>)]) -> usize {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).filter(|pair| pair.first() == pair.last()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// As `serde_json` would have it, an independent reader.
    fn value(json: &Json<'_>) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(digits) => serde_json::from_str(digits).unwrap(),
            Json::String(text) => Value::String(text.to_string()),
            Json::Array(items) => Value::Array(items.iter().map(value).collect()),
            Json::Object(members) => {
                Value::Object(members.iter().map(|(name, item)| (name.to_string(), value(item))).collect())
            }
        }
    }

    #[test]
    fn digits_order_and_repeated_names_are_kept() {
        let document = read(r#" {"b":1.50,"a":[true,null,"x\u00fc\ud83d\ude00\ud800"],"b":{}} "#).unwrap();
        assert_eq!(document.duplicates, 1);
        let names: Vec<&str> = document.root.members().iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a", "b"]);
        assert_eq!(document.root.members()[0].1, Json::Number("1.50"));
        assert_eq!(document.root.get("b"), Some(&Json::Object(vec![])));
        assert_eq!(document.root.get("a").unwrap().items()[2].as_str(), Some("xü😀\u{fffd}"));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("01", 1),
            ("1.", 2),
            ("-", 1),
            ("\"a\nb\"", 2),
            ("tru", 0),
            ("{\"a\" 1}", 5),
            ("1 2", 2),
        ] {
            assert_eq!(read(text).unwrap_err(), Fault::Syntax(at), "{text}");
        }
        assert_eq!(line("a\nb\nc", 4), 3);
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(JSON_DEPTH + 1)).is_ok());
        assert_eq!(read(&nested(JSON_DEPTH + 2)).unwrap_err(), Fault::TooDeep);
        assert_eq!(read(&nested(5_000_000)).unwrap_err(), Fault::TooDeep);
        let many = "[".to_owned() + &"0,".repeat(JSON_VALUES) + "0]";
        assert_eq!(read(&many).unwrap_err(), Fault::TooMany);
    }

    #[test]
    fn lines_are_one_array() {
        assert_eq!(read_lines("{\"a\":1}\n{\"a\":2}\n").unwrap().root.items().len(), 2);
        assert!(read_lines("{\"a\":1}\n{").is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| Value::from(n))),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_another_writes(original in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&original) } else { serde_json::to_string(&original) }.unwrap();
            // Numbers are compared as the other reader reads them: its own round trip is not exact without a feature.
            let expected: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(value(&read(&text).unwrap().root), expected);
        }

        #[test]
        fn accepts_what_another_accepts(text in r#"[\[\]{}:,"\\0-9eE+\-.truefalsn u]{0,24}"#) {
            let ours = read(&text);
            let theirs = serde_json::from_str::<Value>(&text);
            // The other reader also refuses lone surrogates and numbers beyond f64, which are JSON all the same.
            if let Err(error) = &theirs && (error.to_string().contains("surrogate") || error.to_string().contains("out of range") || error.to_string().contains("hex escape")) {
                return Ok(());
            }
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
        }

        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = read(&text);
            let _ = read_lines(&text);
        }
    }
}
