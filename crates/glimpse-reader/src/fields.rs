//! Fields of a record, for somebody who withholds some: named here, and found in the content here, as words that the module
//! with the keys takes for what they are, made where no key is. It cuts by itself, and no byte of a record comes from here.

use glimpse_content::Source;
use glimpse_content::reduce::{self, Fault};

/// `fields`, then `more` or `all`, then the pointer of each; or `refused` and why.
#[must_use]
pub fn fields(content_type: &str, title: &str, content: &[u8]) -> Vec<String> {
    match reduce::fields(&Source { content_type, title, bytes: content }) {
        Ok(found) => {
            let more = if found.more { "more" } else { "all" };
            let pointers = found.fields.into_iter().map(|field| field.pointer);
            ["fields".to_owned(), more.to_owned()].into_iter().chain(pointers).collect()
        }
        Err(fault) => refused(&fault),
    }
}

/// `cut`, then how many fields, then where each stretch to cut begins and ends, in bytes; or `refused` and why.
#[must_use]
pub fn cut(content_type: &str, title: &str, content: &[u8], pointers: &[String]) -> Vec<String> {
    match reduce::reduce(&Source { content_type, title, bytes: content }, pointers) {
        Ok(found) => {
            let places = found.cuts.iter().flat_map(|cut| [cut.start.to_string(), cut.end.to_string()]);
            ["cut".to_owned(), found.fields.to_string()].into_iter().chain(places).collect()
        }
        Err(fault) => refused(&fault),
    }
}

fn refused(fault: &Fault) -> Vec<String> {
    vec!["refused".to_owned(), fault.word().to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_was_found() {
        let json = br#"{"a":1,"b":{"c":2}}"#;
        assert_eq!(fields("application/json", "x", json), ["fields", "all", "/a", "/b", "/b/c"]);
        assert_eq!(cut("application/json", "x", json, &["/a".to_owned()]), ["cut", "1", "1", "7"]);
        assert_eq!(cut("application/json", "x", json, &["/z".to_owned()]), ["refused", "no-such-field"]);
        assert_eq!(fields("text/plain", "x", b"Dear Ada"), ["refused", "no-fields"]);
    }
}
