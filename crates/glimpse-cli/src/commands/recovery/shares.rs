//! Shares of a kit in files, and what may be wrong with shares.

use std::path::PathBuf;

use glimpse_core::recovery::{CombineError, KitKeys, Plan, SHARE_WORDS, Share, ShareError, combine};

use crate::failure::Failure;
use crate::files;
use crate::text::{clean, count};

/// A file with shares, in bytes at most: sixteen pages with a QR code each.
const MAX_SHARES: u64 = 2 * 1024 * 1024;
/// What the letters of a share begin with.
pub(super) const LETTERS: &str = "GLIMPSE-KIT-1:";

/// Reads shares from files; gives the kit's keys, and how it was cut.
pub(super) fn named(paths: &[PathBuf]) -> Result<(KitKeys, Plan), Failure> {
    let mut shares = Vec::with_capacity(paths.len());
    for path in paths {
        let text = files::read_text(path, MAX_SHARES).map_err(|error| Failure::input(path, &error.to_string()))?;
        for share in shares_of(&text) {
            let share = Share::parse(share);
            shares.push(share.map_err(|error| share_failure(&error, &path.display().to_string()))?);
        }
    }
    let keys = combine(&shares).map_err(|error| combine_failure(&error))?;
    let plan = shares.first().map_or_else(Plan::default, Share::plan);
    Ok((keys, plan))
}

/// The shares in a file: the letters on each page, where there are some, or else all of it as words.
fn shares_of(text: &str) -> Vec<&str> {
    let pages = text.match_indices(LETTERS).filter_map(|(place, _)| {
        let (head, rest) = text.get(place..)?.split_at_checked(LETTERS.len())?;
        let blank = rest.len().saturating_sub(rest.trim_start().len());
        let letters = rest.trim_start().bytes().take_while(u8::is_ascii_alphanumeric).count();
        let length = head.len().saturating_add(blank).saturating_add(letters);
        text.get(place..place.saturating_add(length))
    });
    let pages: Vec<&str> = pages.collect();
    if pages.is_empty() { vec![text] } else { pages }
}

pub(super) fn share_failure(error: &ShareError, name: &str) -> Failure {
    let name = clean(name);
    let (message, next) = match error {
        ShareError::WordCount { found } => (
            format!("{name}: a share has {SHARE_WORDS} words, and these are {found}."),
            "Give all words of one page, in their order; the numbers before them do not matter.",
        ),
        ShareError::UnknownWords { places } => {
            let places: Vec<String> = places.iter().map(ToString::to_string).collect();
            (
                format!("{name}: no share has words such as number {}.", places.join(", ")),
                "Compare those with the page.",
            )
        }
        ShareError::Damaged => (
            format!("{name} is damaged: a word or a letter is another than was printed, or two changed places."),
            "Compare it with the page.",
        ),
        ShareError::Version => (format!("{name} is of a later kind."), "Use a later version of this program."),
        ShareError::Impossible => (format!("{name} contradicts itself."), "It was not printed by Glimpse."),
    };
    Failure::share(message, next)
}

pub(super) fn combine_failure(error: &CombineError) -> Failure {
    let (message, next) = match error {
        CombineError::TooFew { missing } => (
            format!("{} of this kit {} missing.", count(*missing, "share"), if *missing == 1 { "is" } else { "are" }),
            "Give another page of the same kit as well.",
        ),
        CombineError::Twice { index } => (format!("Share {index} was given twice."), "Give another page of the kit."),
        CombineError::OtherKit { kit, index } => {
            (format!("Share {index} is of another kit, \"{kit}\"."), "Use pages with the same two words on top.")
        }
        CombineError::Stray { indices } => {
            let indices: Vec<String> = indices.iter().map(ToString::to_string).collect();
            (format!("Not as they were printed: share {}.", indices.join(", ")), "Leave them out, and use the others.")
        }
        CombineError::Wrong => (
            "These shares do not make the kit that they name.".to_owned(),
            "At least one was made up. Try with other pages of the kit.",
        ),
    };
    Failure::share(message, next)
}
