//! `glimpse lend` in a terminal: what the person sees. Which key does what is in [`pressed`].

pub(super) mod agent;
mod pressed;
mod withholding;

use std::collections::BTreeSet;

use futures_channel::mpsc;
use glimpse_core::Monotonic;
use glimpse_core::pairing::device::Peer;
use glimpse_core::record::OpenedVersion;
use glimpse_core::words::CheckWords;
use glimpse_device::DeviceError;
use glimpse_device::lend::{Audience, Command, Ending, Event, Lent, Plan, Withheld};
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings as _;
use glimpse_wire::limits::MAX_ASK;
use glimpse_wire::{ErrorCode, RecordId, SessionId};
use indicatif::{ProgressBar, ProgressStyle};

use super::adding::Adding;
use super::after::report;
use super::choose::rights;
use super::fields::{Wishes, note};
use super::large;
use super::report::Report;
use crate::failure::{Failure, exit_code};
use crate::out::{Out, Style};
use crate::text::{clean, clean_to, count, date, lasting, size, span};
pub(super) use agent::Ended;
pub(super) use withholding::Errand;
use withholding::Withholding;

/// A minute, in milliseconds.
const MINUTE: u64 = 60 * 1000;
/// Columns below which large digits would be torn.
const LARGE: usize = 60;
/// Openings that the key for more of them allows.
const MORE_OPENINGS: u32 = 64;

enum Phase {
    Starting,
    Code,
    Pick {
        words: [CheckWords; 4],
    },
    Sure {
        words: CheckWords,
    },
    /// An agent asks.
    Agent,
    Decided,
    Session,
}

/// What is on the screen.
pub(super) struct Screen {
    out: Out,
    to: Audience,
    todo: mpsc::UnboundedSender<Command>,
    phase: Phase,
    status: ProgressBar,
    machine: Machine,
    until: Option<Monotonic>,
    lends: String,
    large: Vec<(String, u64)>,
    asked: Option<u64>,
    viewer_present: bool,
    connected: bool,
    warned: u64,
    /// The server, for whom to tell when something is wrong.
    server: String,
    /// The session of the browser that proved the code.
    session: Option<SessionId>,
    /// Whether somebody else may have been at work.
    suspicious: bool,
    left: Option<Left>,
    /// Records of the plan that further grants will lend.
    to_follow: BTreeSet<RecordId>,
    lent: BTreeSet<RecordId>,
    budget: u32,
    /// Whether the other side can open nothing more.
    spent: bool,
    adding: Listed,
    /// What the viewer asked for, in its words.
    wanted: Option<String>,
    /// About an agent, or whoever said to be one.
    about: Option<Report>,
    /// How the person here ended the session.
    ended: Option<Ended>,
    /// Fields that were withheld from what was lent on top.
    less: Wishes,
}

/// How the person here ended it, before anything was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// For another code.
    NewCode,
    /// For good.
    BrokeOff,
    /// By a no to whoever asked.
    SaidNo,
    /// The words on the other screen were none of these.
    NoneOfThese,
}

/// How far lending one more record has come.
enum Listed {
    No,
    Wanted(Errand),
    Fetching,
    Yes(Adding),
    /// Which of its fields are withheld.
    Fields(Withholding),
}

impl Screen {
    pub(super) fn new(plan: &Plan, server: &str, todo: mpsc::UnboundedSender<Command>, out: Out) -> Self {
        let status = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            status.set_style(style);
        }
        let titled = |record: &OpenedVersion| {
            let id = record.envelope().header.record;
            let of_it = plan.withheld.iter().find(|withheld| withheld.record() == id);
            format!("{}{}", clean_to(&record.meta().title, 40), note(of_it.map_or(0, Withheld::fields)))
        };
        let titles: Vec<String> = plan.records.iter().map(titled).collect();
        let more = titles.len().saturating_sub(6);
        let mut lends = titles.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            lends.push_str(&format!(" and {more} more"));
        }
        let number = count(plan.records.len(), "record");
        let lends = format!("{number}, for {}, {}: {lends}", lasting(plan.millis), rights(plan.save));
        let large = plan.records.iter().filter(|record| record.meta().length > glimpse_wire::limits::BLOB_BORDER);
        let large = large.map(|record| (record.meta().title.clone(), record.meta().length)).collect();
        Self {
            out,
            to: plan.to,
            todo,
            phase: Phase::Starting,
            status,
            machine: Machine::new(),
            until: None,
            lends,
            large,
            asked: None,
            viewer_present: true,
            connected: true,
            warned: u64::MAX,
            server: clean(server),
            session: None,
            suspicious: false,
            left: None,
            to_follow: plan.records.iter().map(|record| record.envelope().header.record).collect(),
            lent: BTreeSet::new(),
            budget: 0,
            spent: false,
            adding: Listed::No,
            wanted: None,
            about: None,
            ended: None,
            less: Wishes::new(),
        }
    }

    fn line(&self, text: &str) {
        self.status.suspend(|| self.out.note(text));
    }

    /// What is drawn.
    fn whole(&self, text: &str) {
        self.status.suspend(|| self.out.whole(text));
    }

    fn does(&self, command: Command) {
        // Nobody takes it any more: then it is ending already.
        drop(self.todo.unbounded_send(command));
    }

    fn set_end(&mut self, millis: u64) {
        self.until = Some(self.machine.monotonic().plus(millis));
        self.warned = u64::MAX;
    }

    fn remaining(&self) -> u64 {
        self.until.map_or(0, |until| self.machine.monotonic().until(until))
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Code { code, site, expires_in } => self.code(&code, &site, expires_in),
            Event::Connecting => self.line("A browser has typed the code…"),
            Event::Peer { peer, words, expires_in, session } => {
                self.session = Some(session);
                self.peer(&peer, words, expires_in);
            }
            Event::Agent { peer, agent, words, expires_in, session } => {
                self.session = Some(session);
                self.about = Some(Report::of_agent(&self.server, session, &peer, &agent, words));
                self.agent(&peer, &agent, words, expires_in);
            }
            Event::NoAgent { peer, fault } => {
                self.about = Some(Report::of_nobody(&self.server, &peer, fault));
                self.no_agent(&peer, fault);
            }
            Event::Granted { expires_in, records, budget, .. } => self.granted(expires_in, budget, &records),
            Event::Changed { expires_in, added, budget, .. } => self.changed(expires_in, budget, &added),
            Event::Ready(_) => {}
            Event::Unavailable { lent, code } => {
                self.line(&format!("{} cannot be opened: {}", clean(&lent.title), code.happened()));
            }
            Event::Opened { lent, at, .. } => {
                let opened = self.out.styled(Style::Green, "opened");
                self.line(&format!("{} UTC  {opened}  {}", date(at.0), clean(&lent.title)));
            }
            Event::Viewing(_) => {}
            Event::Refused { code, .. } => {
                let refused = self.out.styled(Style::Yellow, "refused");
                self.line(&format!("The server {refused} a request: {}", code.happened()));
            }
            Event::Spent { budget } => {
                self.spent = true;
                let spent = self.out.styled(Style::Yellow, "used up");
                self.line(&format!(
                    "All {} that you allowed are {spent}: nothing more can be opened.",
                    count(budget, "opening")
                ));
                self.line(&format!("b allows {MORE_OPENINGS} openings more."));
            }
            Event::AskedTime { minutes } => {
                self.asked = Some(u64::from(minutes).saturating_mul(MINUTE));
                self.line(&format!(
                    "The other side asks for {} more: e gives them, r says no.",
                    count(minutes, "minute")
                ));
            }
            Event::AskedRecord { text } => {
                let text = clean_to(&text, 200);
                self.line(&format!("The other side asks for a record: “{text}”"));
                self.line("a lends one more; r says no.");
                self.wanted = Some(text);
            }
            Event::NotChanged(error) => {
                let failure = Failure::from(error);
                self.line(&format!("That was not possible: {} {}", failure.message, failure.next));
            }
            Event::Connection { up } => {
                if self.connected != up {
                    self.line(if up {
                        "The connection is back."
                    } else {
                        "The connection to the server broke; trying again…"
                    });
                }
                self.connected = up;
            }
            Event::Viewer { present } => self.viewer(present),
            Event::Crowded => {
                self.suspicious = true;
                let again = self.out.styled(Style::Yellow, "Somebody tried this code again");
                self.line(&format!("{again} and was refused. If that was not you, press q."));
            }
        }
        self.tick();
    }

    fn code(&mut self, code: &str, site: &str, expires_in: u64) {
        self.phase = Phase::Code;
        self.set_end(expires_in);
        self.line(&format!("To lend: {}", self.lends));
        for (title, bytes) in &self.large {
            self.line(&format!(
                "{} has {}: it is lent by its key, so who has opened it could keep opening this version of it.",
                clean(title),
                size(*bytes)
            ));
        }
        self.line("");
        match self.to {
            Audience::OwnScreen => {
                self.line(&format!("On the other screen open {} and type", self.out.styled(Style::Bold, site)));
            }
            Audience::Agent => agent::before_code(self),
        }
        self.line("");
        if self.out.columns().is_none_or(|columns| columns >= LARGE) {
            for row in large::digits(code) {
                self.whole(&format!("   {}", self.out.styled(Style::Bold, &row)));
            }
            self.line("");
        }
        self.whole(&format!("   {code}"));
        self.line("");
        // Drawn in colours of its own: without them nobody knows which side is dark.
        if self.out.is_coloured() && self.to == Audience::OwnScreen {
            for row in large::qr(site) {
                self.whole(&format!("   {row}"));
            }
            self.line("");
        }
        self.line(match self.to {
            Audience::OwnScreen => "Nobody will call you and ask for this code. If somebody does, press q.",
            Audience::Agent => {
                "Nobody calls you and asks for this code. Whoever calls you and does is a fraud: press q."
            }
        });
    }

    fn peer(&mut self, peer: &Peer, words: [CheckWords; 4], expires_in: u64) {
        self.set_end(expires_in);
        self.line("");
        self.line(
            &self.out.styled(Style::Bold, "A browser has the code. It says of itself, and nobody can check that:"),
        );
        let claims = [("browser", &peer.program), ("page", &peer.origin), ("build", &peer.build)];
        for (what, claim) in claims {
            let claim = if claim.is_empty() { "(not said)".to_owned() } else { clean_to(claim, MAX_ASK) };
            self.line(&format!("   {what:<7}  {claim}"));
        }
        if !peer.case.is_empty() || !peer.reason.is_empty() {
            // Nobody vouches for what stands there, so it is not shown: it would be read as if somebody did.
            let odd =
                "It names a case or a reason, as somebody who calls you would. One's own screen names none: press 0.";
            self.line(&self.out.styled(Style::Red, odd));
        }
        self.line(&format!("It would get {}", self.lends));
        self.line("");
        self.line(&self.out.styled(Style::Bold, "Which two words are on its screen?"));
        for (number, pair) in (1u8..).zip(&words) {
            self.line(&format!("   {number}  {pair}"));
        }
        self.line("   0  none of these");
        self.line("Is somebody on the phone telling you what to pick? Press 0, and hang up.");
        self.phase = Phase::Pick { words };
    }

    fn granted(&mut self, expires_in: u64, budget: u32, records: &[Lent]) {
        self.phase = Phase::Session;
        self.set_end(expires_in);
        self.budget = budget;
        let all = self.to_follow.len();
        self.note_lent(records);
        self.line("");
        self.line(&format!("{} {}", self.out.styled(Style::Green, "Lent:"), count(all, "record")));
        if !self.to_follow.is_empty() {
            self.line(&format!("The last {} of them follow in a moment.", self.to_follow.len()));
        }
        self.line(
            "e gives 15 minutes more, a lends one more record, b allows more openings, q ends the session. What is opened \
             shows here:",
        );
        if self.to == Audience::Agent {
            self.line(
                "h ends it and lends the same to a colleague, by a code of its own; w writes a report about who looks.",
            );
        }
    }

    fn note_lent(&mut self, records: &[Lent]) {
        for lent in records {
            self.lent.insert(lent.record);
            self.to_follow.remove(&lent.record);
        }
    }

    fn changed(&mut self, expires_in: u64, budget: u32, added: &[Lent]) {
        self.set_end(expires_in);
        self.asked = None;
        if !added.is_empty() {
            let of_plan = added.iter().all(|lent| self.to_follow.contains(&lent.record));
            self.note_lent(added);
            if !of_plan {
                self.wanted = None;
                let titles: Vec<String> =
                    added.iter().map(|lent| format!("{}{}", clean_to(&lent.title, 40), note(lent.withheld))).collect();
                self.line(&format!("Lent as well: {}", titles.join(", ")));
            } else if self.to_follow.is_empty() {
                self.line(&format!("All {} are lent.", count(self.lent.len(), "record")));
            }
        } else if budget != self.budget {
            self.line(&format!("The other side may open {} in all.", count(budget, "time")));
        } else {
            self.line(&format!("The session ends in {}", span(expires_in)));
        }
        self.spent &= budget <= self.budget;
        self.budget = budget;
    }

    fn viewer(&mut self, present: bool) {
        let changed = self.viewer_present != present;
        self.viewer_present = present;
        if changed && matches!(self.phase, Phase::Session) {
            self.line(if present { "The other side is back." } else { "The other side is not connected." });
        }
    }

    /// How the person here ended it, if they did.
    pub(super) const fn left(&self) -> Option<Left> {
        self.left
    }

    /// Whether a code stands there, or the words that follow it.
    pub(super) const fn has_code(&self) -> bool {
        matches!(self.phase, Phase::Code | Phase::Pick { .. } | Phase::Sure { .. } | Phase::Agent)
    }

    /// Whether a session runs, or ran.
    pub(super) const fn has_lent(&self) -> bool {
        matches!(self.phase, Phase::Session)
    }

    /// The person was asked to end it by the system, or by Ctrl-C.
    pub(super) fn interrupted(&mut self) {
        // The terminal has shown what was pressed.
        self.line("");
        self.left = self.left.or(Some(Left::BrokeOff));
        self.does(Command::End);
    }

    pub(super) fn tick(&mut self) {
        let left = self.remaining();
        let message = match &self.phase {
            Phase::Starting => "…".to_owned(),
            Phase::Code => format!("The code is good for {}   n: new code, q: cancel", span(left)),
            Phase::Pick { .. } => format!("No answer in {} means no   1–4: pick, 0: none of these, q: no", span(left)),
            Phase::Sure { .. } | Phase::Agent => format!("No answer in {} means no   y: lend, n: no", span(left)),
            Phase::Decided => "One moment…".to_owned(),
            Phase::Session => {
                for (mark, text) in [(120_000, "two minutes"), (30_000, "30 seconds")] {
                    if left <= mark && self.warned > mark {
                        self.warned = mark;
                        self.line(&format!("The session ends in {text}."));
                    }
                }
                match &self.adding {
                    Listed::Yes(adding) => adding.prompt(),
                    Listed::Fields(withholding) => withholding.prompt(),
                    Listed::Wanted(_) | Listed::Fetching => "One moment…".to_owned(),
                    Listed::No if self.spent => {
                        format!("Ends in {}   b: {MORE_OPENINGS} openings more, e: 15 minutes more, q: end", span(left))
                    }
                    Listed::No => format!("Ends in {}   e: 15 minutes more, a: lend more, q: end", span(left)),
                }
            }
        };
        self.status.set_message(self.out.fit(&message));
        self.status.tick();
    }

    pub(super) fn over(&mut self, ended: &Result<Ending, DeviceError>) {
        self.status.finish_and_clear();
        let ending = match ended {
            Ok(ending) => ending,
            Err(error) => {
                let code = error.code();
                let attack = [ErrorCode::CodeWrong, ErrorCode::PairingBroken, ErrorCode::ChannelBroken];
                if self.suspicious || code.is_some_and(|code| attack.contains(&code)) {
                    report(&self.server, self.session, self.out);
                }
                return;
            }
        };
        if self.suspicious || exit_code(ending.code) == exit_code(ErrorCode::ChannelBroken) {
            report(&self.server, self.session, self.out);
        }
        match ending.audit.as_ref().and_then(|audit| audit.stopped_by) {
            Some(device) => self.out.note(&format!("Another device of yours ended it: {device}.")),
            None => self.out.note(ending.code.happened()),
        }
        match &ending.audit {
            Some(audit) => self.out.note(&format!(
                "Opened {}. The log is verified and kept: glimpse receipts {}",
                count(audit.openings, "time"),
                ending.session
            )),
            None if ending.told => self.out.note(
                &self.out.styled(Style::Red, "The server's log of this session does not hold. Tell whoever runs it."),
            ),
            None => self.out.note("The server cannot be reached: the log of this session is not verified yet."),
        }
        if ending.missing.is_some() {
            let text = "The other side says that it holds a receipt that the server did not give. One of the two is not honest.";
            self.out.note(&self.out.styled(Style::Yellow, text));
        }
        if !ending.told {
            self.out.note("The server could not be told; there the session ends by itself, at its time.");
        }
        if ending.code == ErrorCode::RecordTampered {
            self.out.note(&self.out.styled(Style::Red, "What the server told you and the other side did not agree."));
        }
    }
}
