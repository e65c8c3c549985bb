//! Just enough HTML to rewrite the tags of our own pages: text, comments and start tags with quoted attributes.

use std::fmt;

use anyhow::{Context as _, Result, ensure};

/// A stretch of a page.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Anything that is not a start tag, copied as it is.
    Text(&'a str),
    /// A start tag.
    Tag(Tag<'a>),
}

impl<'a> Piece<'a> {
    pub(super) fn tag(&self) -> Option<&Tag<'a>> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Text(_) => None,
        }
    }
}

/// A start tag with its attributes in order.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    attributes: Vec<(String, Option<String>)>,
}

impl<'a> Tag<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        Self { name, attributes: Vec::new() }
    }

    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|(name, _)| name == attribute)
    }

    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).and_then(|(_, value)| value.as_deref())
    }

    pub(super) fn set(&mut self, attribute: &str, value: &str) {
        match self.attributes.iter_mut().find(|(name, _)| name == attribute) {
            Some((_, old)) => *old = Some(value.to_owned()),
            None => self.attributes.push((attribute.to_owned(), Some(value.to_owned()))),
        }
    }
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            match value {
                Some(value) => write!(f, " {name}=\"{}\"", value.replace('&', "&amp;").replace('"', "&quot;"))?,
                None => write!(f, " {name}")?,
            }
        }
        f.write_str(">")
    }
}

/// # Errors
///
/// Fails on a tag or comment without an end, and on an attribute whose value is not in double quotes.
pub(super) fn parse(page: &str) -> Result<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = page;
    while let Some((before, from)) = split_before(rest, "<") {
        pieces.push(Piece::Text(before));
        if from.starts_with("<!--") {
            // Comments are for readers of the source; a page that is served carries none.
            let (_, after) = from.split_once("-->").context("a comment without an end")?;
            rest = after;
            continue;
        }
        let (tag, after) = from.split_once('>').context("a tag without an end")?;
        let inner = tag.trim_start_matches('<');
        ensure!(inner.matches('"').count() % 2 == 0, "`>` inside an attribute: {inner}");
        if inner.starts_with(|first: char| first.is_ascii_alphabetic()) {
            pieces.push(Piece::Tag(parse_tag(inner.trim_end_matches('/'))?));
        } else {
            pieces.push(Piece::Text(split_after(from, ">").map_or(from, |(whole, _)| whole)));
        }
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn parse_tag(inner: &str) -> Result<Tag<'_>> {
    let (name, mut rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let mut tag = Tag::new(name);
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let Some((attribute, after)) = rest.split_at_checked(end).filter(|(attribute, _)| !attribute.is_empty()) else {
            break;
        };
        let Some(value) = after.strip_prefix('=') else {
            tag.attributes.push((attribute.to_owned(), None));
            rest = after;
            continue;
        };
        let quoted =
            value.strip_prefix('"').with_context(|| format!("{attribute} of <{name}> is not in double quotes"))?;
        let (value, after) = quoted.split_once('"').context("an attribute without an end")?;
        tag.attributes.push((attribute.to_owned(), Some(value.replace("&quot;", "\"").replace("&amp;", "&"))));
        rest = after;
    }
    Ok(tag)
}

/// Splits before the first `mark`, which stays in the second half.
fn split_before<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    text.split_at_checked(text.find(mark)?)
}

/// Splits after the first `mark`, which stays in the first half.
fn split_after<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    text.split_at_checked(text.find(mark)?.checked_add(mark.len())?)
}
