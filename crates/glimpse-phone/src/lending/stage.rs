//! Where a lending is, and how the page draws it.

use std::collections::BTreeSet;

use glimpse_core::Monotonic;
use glimpse_device::lend::Event;
use glimpse_page::announce::Announcement;
use glimpse_page::list::List;
use glimpse_wire::RecordId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::agent::{self, AgentView, NobodyView, Whom};
use super::own::OwnView;
use super::running::{Asked, Ran, Row, Running};
use super::{Lending, Parting};
use crate::trouble::Trouble;

#[derive(Debug)]
pub(super) enum Stage {
    /// The records are being opened, the server asked for a mailbox.
    Starting,
    Code {
        code: Zeroizing<String>,
        site: String,
        until: Monotonic,
        connecting: bool,
    },
    Asking {
        words: Vec<String>,
        until: Monotonic,
    },
    /// An organisation vouches for whoever asks.
    AskingAgent {
        /// Minutes that the person may choose.
        offered: Vec<u32>,
        until: Monotonic,
    },
    /// Nobody vouches for whoever asks, and there is no way to say yes.
    NoAgent {
        nobody: NobodyView,
        /// Whether the other end was told.
        over: bool,
    },
    /// The person said yes, and the session is being made.
    Granting,
    Running(Box<Running>),
    Over {
        /// The reason, by key of the catalogue.
        key: &'static str,
        wait: Option<u64>,
        /// What ran, if anything did.
        ran: Option<Ran>,
        parting: Option<Parting>,
    },
}

/// The lending, as the page draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LendingView<'a> {
    stage: &'static str,
    to: Whom,
    minutes: u32,
    save: bool,
    records: usize,
    /// Fields that are not lent.
    withheld: u32,
    /// Ticked records that are not lent yet.
    more: usize,
    seconds_left: Option<u64>,
    code: Option<&'a str>,
    site: Option<&'a str>,
    connecting: bool,
    peer: Option<&'a OwnView>,
    agent: Option<&'a AgentView>,
    nobody: Option<&'a NobodyView>,
    /// Minutes that the person may choose.
    offered: &'a [u32],
    /// What the newest of the records are called, while an agent asks for them.
    titles: &'a [String],
    words: &'a [String],
    rows: &'a [Row],
    budget: u32,
    opened: u32,
    /// Whether nothing more can be opened.
    spent: bool,
    /// Somebody else tried the code, and was refused.
    crowded: bool,
    connected: bool,
    viewer: bool,
    asked: Option<&'a Asked>,
    session_trouble: Option<&'a Trouble>,
    reason: Option<&'static str>,
    wait: Option<u64>,
    /// The person here broke it off.
    left: bool,
    /// The page was not in sight.
    out_of_sight: bool,
    ran: Option<&'a Ran>,
}

impl Lending {
    pub(crate) const fn counts_down(&self) -> bool {
        matches!(self.stage, Stage::Code { .. } | Stage::Asking { .. } | Stage::AskingAgent { .. } | Stage::Running(_))
    }

    /// Records that are lent.
    pub(crate) fn lent(&self) -> BTreeSet<RecordId> {
        let Stage::Running(running) = &self.stage else { return BTreeSet::new() };
        running.rows.iter().map(|row| row.record).collect()
    }

    /// Whether something is under way that needs the keys.
    pub(crate) const fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Over { .. } | Stage::NoAgent { over: true, .. })
    }

    pub(crate) fn view(&self, list: &List<RecordId>, now: Monotonic) -> LendingView<'_> {
        // Rounded up: the last second is shown as one.
        let left = |until: &Monotonic| Some(now.until(*until).div_ceil(1_000));
        let mut view = LendingView {
            stage: "starting",
            to: self.wish.to,
            minutes: self.wish.minutes,
            save: self.wish.save,
            records: self.wish.records.len(),
            withheld: self.withheld,
            more: 0,
            seconds_left: None,
            code: None,
            site: None,
            connecting: false,
            peer: None,
            agent: self.agent.as_ref(),
            nobody: None,
            offered: &[],
            titles: &[],
            words: &[],
            rows: &[],
            budget: 0,
            opened: 0,
            spent: false,
            crowded: self.crowded,
            connected: true,
            viewer: true,
            asked: None,
            session_trouble: None,
            reason: None,
            wait: None,
            left: false,
            out_of_sight: false,
            ran: None,
        };
        match &self.stage {
            Stage::Starting => {}
            Stage::Granting => view.stage = "granting",
            Stage::Code { code, site, until, connecting } => {
                (view.stage, view.seconds_left) = ("code", left(until));
                view.code = Some(code.as_str());
                // An agent has the portal open.
                view.site = (self.wish.to == Whom::OwnScreen).then_some(site.as_str());
                view.connecting = *connecting;
            }
            Stage::Asking { words, until } => {
                (view.stage, view.seconds_left) = ("asking", left(until));
                (view.peer, view.words) = (self.own.as_ref(), words);
            }
            Stage::AskingAgent { offered, until } => {
                (view.stage, view.seconds_left) = ("asking-agent", left(until));
                (view.offered, view.titles) = (offered, &self.titles);
            }
            Stage::NoAgent { nobody, .. } => (view.stage, view.nobody) = ("no-agent", Some(nobody)),
            Stage::Running(running) => {
                (view.stage, view.seconds_left) = ("running", left(&running.until));
                (view.rows, view.records) = (&running.rows, running.rows.len());
                let lent = self.lent();
                view.more = list.chosen().iter().filter(|record| !lent.contains(record)).count();
                (view.budget, view.opened, view.spent) = (running.budget, running.opened, running.spent);
                (view.connected, view.viewer) = (running.connected, running.viewer);
                (view.asked, view.session_trouble) = (running.asked.as_ref(), running.trouble.as_ref());
            }
            Stage::Over { key, wait, ran, parting } => {
                (view.stage, view.reason, view.wait) = ("over", Some(*key), *wait);
                (view.ran, view.left) = (ran.as_ref(), *parting == Some(Parting::Left));
                view.out_of_sight = *parting == Some(Parting::OutOfSight);
            }
        }
        view
    }

    /// Takes what happened, and gives what a screen reader is to say.
    pub(super) fn event(&mut self, event: Event, now: Monotonic) -> Option<Announcement> {
        match (event, &mut self.stage) {
            (Event::Code { code, site, expires_in }, _) => {
                self.stage = Stage::Code { code, site, until: now.plus(expires_in), connecting: false };
                Some(Announcement::polite("say.code"))
            }
            (Event::Crowded, Stage::Code { .. } | Stage::Asking { .. } | Stage::AskingAgent { .. }) => {
                let known = core::mem::replace(&mut self.crowded, true);
                (!known).then(|| Announcement::urgent("say.link-crowded"))
            }
            (Event::Connecting, Stage::Code { connecting, .. }) => {
                *connecting = true;
                None
            }
            (Event::Peer { session, peer, words, expires_in }, _) => {
                self.own = Some(OwnView::of(session, &peer));
                let words = words.iter().map(ToString::to_string).collect();
                self.stage = Stage::Asking { words, until: now.plus(expires_in) };
                Some(Announcement::urgent("say.asking"))
            }
            (Event::Agent { session, peer, agent, words, expires_in }, _) => {
                let offered = agent::minutes(self.wish.minutes);
                let agent = AgentView::of(session, &peer, &agent, words);
                let heard = Announcement::urgent("say.asking-agent").titled(agent.name());
                self.agent = Some(agent);
                self.stage = Stage::AskingAgent { offered, until: now.plus(expires_in) };
                Some(heard)
            }
            (Event::NoAgent { peer, fault }, _) => {
                self.stage = Stage::NoAgent { nobody: NobodyView::of(&peer, fault), over: false };
                // The screen itself is an alert, and is read at once.
                None
            }
            (Event::Granted { expires_in, budget, records, .. }, _) => {
                let rows = records.iter().map(Row::of).collect();
                self.stage = Stage::Running(Box::new(Running {
                    until: now.plus(expires_in),
                    budget,
                    rows,
                    opened: 0,
                    spent: false,
                    connected: true,
                    viewer: true,
                    asked: None,
                    trouble: None,
                }));
                Some(Announcement::polite("say.granted"))
            }
            (event, Stage::Running(running)) => running.event(event, now),
            _ => None,
        }
    }
}
