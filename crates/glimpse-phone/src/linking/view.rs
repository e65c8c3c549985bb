//! The linking, as the page draws it.

use glimpse_core::Monotonic;
use serde::Serialize;

use super::{Claims, Done, Linking, Role, Stage};
use crate::square::Square;
use crate::trouble::Trouble;

/// All of it, at whatever stage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkingView<'a> {
    joins: bool,
    stage: &'static str,
    seconds_left: Option<u64>,
    code: Option<&'a str>,
    square: Option<&'a Square>,
    connecting: bool,
    words: &'a [String],
    device: Option<&'a Claims>,
    held: u64,
    accepted: bool,
    proposal: Option<&'a str>,
    connected: bool,
    crowded: bool,
    other_server: bool,
    trouble: Option<&'a Trouble>,
    done: Option<&'a Done>,
}

impl Linking {
    pub(crate) fn view(&self, now: Monotonic) -> LinkingView<'_> {
        let left = |until: &Monotonic| Some(now.until(*until).div_ceil(1_000));
        let mut view = LinkingView {
            joins: self.role == Role::Joiner,
            stage: "starting",
            seconds_left: None,
            code: None,
            square: None,
            connecting: false,
            words: &[],
            device: None,
            held: 0,
            accepted: false,
            proposal: None,
            connected: self.connected,
            crowded: self.crowded,
            other_server: self.other_server,
            trouble: None,
            done: None,
        };
        match &self.stage {
            Stage::Starting => {}
            Stage::Meeting => view.stage = "meeting",
            Stage::Code { code, square, until, connecting } => {
                (view.stage, view.seconds_left) = ("code", left(until));
                (view.code, view.square, view.connecting) = (Some(code.as_str()), square.as_ref(), *connecting);
            }
            Stage::Words { words, until } => {
                (view.stage, view.seconds_left) = ("words", left(until));
                view.words = core::slice::from_ref(words);
            }
            Stage::Invited { held } => (view.stage, view.held) = ("invited", *held),
            Stage::Asked(asked) => {
                (view.stage, view.seconds_left) = ("asked", left(&asked.until));
                (view.device, view.words) = (Some(&asked.device), &asked.words);
            }
            Stage::Adding { accepted } => (view.stage, view.accepted) = ("adding", *accepted),
            Stage::Second { proposal } => (view.stage, view.proposal) = ("second", Some(proposal.as_str())),
            Stage::Over { trouble, done } => {
                (view.stage, view.trouble, view.done) = ("over", trouble.as_ref(), done.as_ref());
            }
        }
        view
    }
}
