//! A record on its way to the screen. Text in all its forms is gathered here and turned into a view; anything else goes to
//! the page piece by piece, so that a large file never lies in memory as a whole.

use glimpse_content::limits::SHOWN;
use glimpse_content::view::{Block, Message};
use glimpse_content::{ContentView, Kind, Source, detect, keys, view};
use zeroize::Zeroizing;

/// A record that is being opened, or is open.
pub struct Opening {
    content_type: String,
    title: String,
    total: u64,
    received: u64,
    route: Route,
}

enum Route {
    /// Nothing has come yet.
    Unknown,
    /// Text, gathered to be read as a whole.
    Gather(Zeroizing<Vec<u8>>),
    /// Anything else, with its beginning, which tells what it is.
    Pass { head: Zeroizing<Vec<u8>> },
}

/// What a piece of content leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It is kept here.
    Kept,
    /// The page is to have it.
    Pass,
    /// It does not continue what came before; the opening must be given up.
    OutOfOrder,
}

impl core::fmt::Debug for Opening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Opening({} of {})", self.received, self.total)
    }
}

impl Opening {
    /// Starts for a record with this declared type and this name.
    #[must_use]
    pub fn new(content_type: &str, title: &str) -> Self {
        Self {
            content_type: content_type.to_owned(),
            title: title.to_owned(),
            total: 0,
            received: 0,
            route: Route::Unknown,
        }
    }

    /// Takes the next opened bytes of `total`, from `offset` on.
    pub fn take(&mut self, offset: u64, bytes: &[u8], total: u64) -> Piece {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let fits = self.received.checked_add(length).is_some_and(|end| end <= total);
        if offset != self.received || !fits || (offset > 0 && total != self.total) {
            return Piece::OutOfOrder;
        }
        self.total = total;
        self.received = self.received.saturating_add(length);
        match &mut self.route {
            Route::Unknown if self.total <= SHOWN && is_text(&self.title, bytes) => {
                let mut gathered = Zeroizing::new(Vec::with_capacity(usize::try_from(self.total).unwrap_or_default()));
                gathered.extend_from_slice(bytes);
                self.route = Route::Gather(gathered);
                Piece::Kept
            }
            Route::Unknown => {
                self.route = Route::Pass { head: Zeroizing::new(bytes.to_vec()) };
                Piece::Pass
            }
            Route::Gather(gathered) => {
                gathered.extend_from_slice(bytes);
                Piece::Kept
            }
            Route::Pass { .. } => Piece::Pass,
        }
    }

    /// Has everything come?
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.received == self.total
    }

    /// What the page draws, once everything has come.
    #[must_use]
    pub fn view(&self) -> ContentView {
        let bytes: &[u8] = match &self.route {
            Route::Unknown => &[],
            Route::Gather(gathered) => gathered,
            Route::Pass { head } if self.total > SHOWN => {
                let found = detect(&self.title, head);
                let notices = vec![Message::new(keys::NOTICE_TOO_LARGE)];
                let blocks = vec![Block::Download];
                return ContentView { kind: Kind::File, content_type: found.content_type, notices, blocks };
            }
            Route::Pass { head } => head,
        };
        view(&Source { content_type: &self.content_type, title: &self.title, bytes })
    }

    /// The content, where it is kept here; otherwise the page has it.
    #[must_use]
    pub fn kept(&self) -> Option<&[u8]> {
        match &self.route {
            Route::Unknown => Some(&[]),
            Route::Gather(gathered) => Some(gathered),
            Route::Pass { .. } => None,
        }
    }
}

/// Is this the beginning of a text? The last character may be cut.
fn is_text(title: &str, head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => head.get(..error.valid_up_to()).unwrap_or(head),
        Ok(_) | Err(_) => head,
    };
    match detect(title, whole).kind {
        Kind::Text | Kind::Json | Kind::Table | Kind::Series | Kind::Fhir => true,
        Kind::Image | Kind::Pdf | Kind::File => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds content in chunks of the protocol and tells how much of it went on to the page.
    fn feed(opening: &mut Opening, content: &[u8]) -> usize {
        let total = u64::try_from(content.len()).unwrap();
        let mut passed: usize = 0;
        for chunk in content.chunks(64 * 1024 - 8) {
            match opening.take(opening.received, chunk, total) {
                Piece::Kept => {}
                Piece::Pass => passed = passed.saturating_add(chunk.len()),
                Piece::OutOfOrder => panic!("out of order"),
            }
        }
        assert!(opening.is_complete());
        passed
    }

    #[test]
    fn text_is_gathered_and_shown_whole() {
        // A character of three bytes lies across the border of the chunks.
        let text = format!("{}€{}", "x".repeat(64 * 1024 - 9), "y".repeat(100_000));
        let mut opening = Opening::new("text/plain", "letter");
        assert_eq!(feed(&mut opening, text.as_bytes()), 0);
        assert!(matches!(&opening.view().blocks[..], [Block::Text(shown)] if shown.text == text));
        assert_eq!(opening.kept(), Some(text.as_bytes()));
    }

    #[test]
    fn an_image_goes_to_the_page_and_only_its_beginning_stays() {
        let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        image.resize(1_000_000, 7);
        let mut opening = Opening::new("image/png", "photo");
        assert_eq!(feed(&mut opening, &image), image.len());
        assert_eq!(opening.view().blocks, [Block::Image]);
        assert_eq!(opening.kept(), None);
        assert!(matches!(&opening.route, Route::Pass { head } if head.len() < 70_000));
    }

    #[test]
    fn nothing_is_at_once_complete() {
        let mut opening = Opening::new("text/plain", "");
        assert_eq!(opening.take(0, &[], 0), Piece::Kept);
        assert!(opening.is_complete());
        assert_eq!(opening.view().notices[0].key, keys::NOTICE_EMPTY);
    }

    #[test]
    fn pieces_out_of_order_are_refused() {
        for (offset, bytes, total) in [(6, 1, 10), (0, 1, 10), (5, 6, 10), (5, 1, 11), (u64::MAX, 1, 10)] {
            let mut opening = Opening::new("text/plain", "letter");
            assert_eq!(opening.take(0, b"hello", 10), Piece::Kept);
            assert_eq!(opening.take(offset, &vec![b'x'; bytes], total), Piece::OutOfOrder);
        }
    }

    #[test]
    fn what_is_too_large_is_offered_and_not_shown() {
        let mut opening = Opening::new("text/plain", "log");
        let total = SHOWN + 1;
        assert_eq!(opening.take(0, b"hello", total), Piece::Pass);
        assert_eq!(opening.view().blocks, [Block::Download]);
    }
}
