//! What is printed of a share: a page each. Whoever draws it, as text or in a browser, draws these words.

use core::fmt;

use glimpse_wire::AccountId;
use zeroize::Zeroizing;

use super::{KitId, Plan, SHARE_WORDS, Share};

/// Words in a row of the grid.
pub const COLUMNS: usize = 4;

/// One printed page.
pub struct Page {
    /// Of which kit, for people to compare.
    pub kit: KitId,
    /// Which share this is, from 1.
    pub index: u8,
    /// How many there are, and how many it takes.
    pub plan: Plan,
    /// Whose account: printed, so that a server cannot put another in its place.
    pub account: AccountId,
    /// Where the account lives: an origin such as `https://glimpse.example`.
    pub server: String,
    /// When it was printed, as people write it.
    pub date: String,
    /// The share in words, in the order of the grid, row by row.
    pub words: Vec<&'static str>,
    /// What the QR code holds.
    pub letters: Zeroizing<String>,
}

impl Page {
    /// What is printed of `share`.
    #[must_use]
    pub fn new(share: &Share, account: AccountId, server: &str, date: &str) -> Self {
        Self {
            kit: share.kit(),
            index: share.index(),
            plan: share.plan(),
            account,
            server: server.to_owned(),
            date: date.to_owned(),
            words: share.to_words(),
            letters: share.to_letters(),
        }
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> String {
        format!("Glimpse recovery kit: share {} of {}", self.index, self.plan.count())
    }

    /// What the page is for and how it is kept, a paragraph each: for somebody who never heard of Glimpse.
    #[must_use]
    pub fn paragraphs(&self) -> [String; 3] {
        let needed = self.plan.threshold();
        let held = if needed == 1 {
            "This page alone is enough, and whoever has it can read everything. Keep it where you keep what is worth most, \
             on paper only: no photograph, no file, no mail."
                .to_owned()
        } else {
            let all = self.plan.count();
            let those = if needed == all { format!("All {all}") } else { format!("Any {needed} of the {all}") };
            format!(
                "{those} pages are enough, and whoever has them can read everything. Fewer tell nothing. Keep each in \
                 another place, on paper only: no photograph, no file, no mail."
            )
        };
        [
            "Glimpse is a program that keeps personal records, such as letters and results of tests, so that only your \
             own devices can read them. This page is for the day on which those devices are all lost or broken: it brings \
             the records back."
                .to_owned(),
            held,
            "Pages that are printed later, with a newer date below, take the place of these: then throw these away.".to_owned(),
        ]
    }

    /// How it is used: what to do, the line to type, and what happens then.
    #[must_use]
    pub fn steps(&self) -> [String; 3] {
        let needed = self.plan.threshold();
        let pages = if needed == 1 { "this page".to_owned() } else { format!("{needed} of the pages") };
        [
            "When that day comes: install Glimpse on a computer (whoever runs the server below can say where it is to be \
             had), open a terminal, and type this line:"
                .to_owned(),
            format!("glimpse recovery restore --server {}", self.server),
            format!(
                "It asks for the words of {pages}, row by row; the numbers need not be typed. Then your records are on that \
                 computer, the devices that you had before can read nothing new, and new pages are made in place of these."
            ),
        ]
    }

    /// What a person compares and looks up: name and value.
    #[must_use]
    pub fn facts(&self) -> [(&'static str, String); 5] {
        [
            ("Kit", format!("{} (the same two words on each of its shares)", self.kit)),
            ("Share", format!("{} of {}; {} needed", self.index, self.plan.count(), self.plan.threshold())),
            ("Server", self.server.clone()),
            ("Account", self.account.to_string()),
            ("Date", self.date.clone()),
        ]
    }

    /// The page as plain text, 80 columns wide at most.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(4_096));
        let title = self.title();
        let rule = "=".repeat(title.len());
        for line in [&title, &rule] {
            text.push_str(line);
            text.push('\n');
        }
        for paragraph in self.paragraphs() {
            text.push('\n');
            wrap(&paragraph, &mut text);
        }
        let [before, line, after] = self.steps();
        text.push('\n');
        wrap(&before, &mut text);
        for part in ["\n    ", &line, "\n\n"] {
            text.push_str(part);
        }
        wrap(&after, &mut text);
        text.push('\n');
        for (name, value) in self.facts() {
            text.push_str(&Zeroizing::new(format!("{name:<9}{value}\n")));
        }
        for (place, word) in (1usize..).zip(self.words.iter().take(SHARE_WORDS)) {
            let row_ends = place % COLUMNS == 0;
            text.push_str(if place % COLUMNS == 1 { "\n" } else { "" });
            let width = if row_ends { 0 } else { 10 };
            text.push_str(&Zeroizing::new(format!("{place:>4}. {word:<width$}")));
        }
        text.push_str("\n\nThe same in letters, which can be pasted in place of the words:\n");
        // The version's colon ends the first line, so that neither is longer than a page is wide.
        let (start, rest) = self.letters.split_once(':').unwrap_or(("", &self.letters));
        for part in [start, ":\n", rest, "\n"] {
            text.push_str(part);
        }
        text
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} of {}, {}, redacted)", self.index, self.plan.count(), self.kit)
    }
}

/// Writes a paragraph in lines of 78 characters at most.
fn wrap(paragraph: &str, into: &mut String) {
    let mut column = 0usize;
    for word in paragraph.split(' ') {
        let length = word.chars().count();
        let longer = column.saturating_add(1).saturating_add(length);
        if column > 0 && longer > 78 {
            into.push('\n');
            column = length;
        } else if column > 0 {
            into.push(' ');
            column = longer;
        } else {
            column = length;
        }
        into.push_str(word);
    }
    into.push('\n');
}
