//! What crosses from the Worker to the page: everything on the screen, and no key.

use glimpse_page::announce::Announcement;
use glimpse_page::data;
use serde::Serialize;

use super::entry::Entry;
use super::session::SessionView;
use super::{Millis, Status};

/// Everything that the page draws.
#[derive(Debug, Serialize)]
pub struct Snapshot<'a> {
    screen: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<WaitView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over: Option<OverView>,
    announcement: Option<&'a Announcement>,
}

impl<'a> Snapshot<'a> {
    pub(super) const fn new(announcement: Option<&'a Announcement>) -> Self {
        Self { screen: "enter", entry: None, wait: None, session: None, over: None, announcement }
    }

    pub(super) const fn entry(&mut self, entry: &'a Entry) {
        self.entry = Some(entry);
    }

    pub(super) fn wait(&mut self, wait: WaitView<'a>) {
        self.screen = "wait";
        self.wait = Some(wait);
    }

    pub(super) fn session(&mut self, session: SessionView<'a>) {
        self.screen = "session";
        self.session = Some(session);
    }

    pub(super) const fn ending(&mut self) {
        self.screen = "ending";
    }

    pub(super) fn over(&mut self, over: OverView) {
        self.screen = "over";
        self.over = Some(over);
    }
}

/// Between the code and the records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WaitView<'a> {
    stage: &'static str,
    words: Option<&'a [String; 2]>,
    /// Who is asked; nothing before the ends know each other, or where the account has no name.
    owner: Option<String>,
    seconds_left: Option<u64>,
    present: bool,
}

impl<'a> WaitView<'a> {
    pub(super) fn new(status: &'a Status, now: Millis) -> Self {
        match status {
            Status::Approving { words, owner, until, present } => Self {
                stage: "approving",
                words: Some(words),
                owner: Some(data::line(owner)).filter(|owner| !owner.trim().is_empty()),
                seconds_left: Some(until.saturating_sub(now).div_ceil(1000)),
                present: *present,
            },
            Status::Proving => Self { stage: "proving", words: None, owner: None, seconds_left: None, present: true },
            Status::Finding | Status::Session(_) | Status::Over(_) => {
                Self { stage: "finding", words: None, owner: None, seconds_left: None, present: true }
            }
        }
    }
}

/// The end.
#[derive(Debug, Serialize)]
pub(super) struct OverView {
    pub(super) code: &'static str,
    /// Were records lent? Then the page replaces itself; otherwise the code field comes back with the reason.
    pub(super) session: bool,
}
