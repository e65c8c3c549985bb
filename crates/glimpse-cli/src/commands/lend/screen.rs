//! `glimpse lend` in a terminal: what the person sees and which key does what.

use core::time::Duration;
use std::time::Instant;

use futures_channel::mpsc;
use glimpse_core::pairing::device::Peer;
use glimpse_core::words::CheckWords;
use glimpse_device::DeviceError;
use glimpse_device::lend::{Command, Ending, Event, Lent, Plan};
use glimpse_wire::ErrorCode;
use indicatif::{ProgressBar, ProgressStyle};

use super::choose::rights;
use super::keys::Keys;
use super::large;
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, clean_to, date, size, span};

const MINUTE: u64 = 60 * 1000;
/// What the key for more time gives, in milliseconds.
const MORE: u64 = 15 * MINUTE;
/// How long an unlocked device waits for somebody to want another code.
const IDLE: Duration = Duration::from_secs(180);

enum Phase {
    Starting,
    Code,
    Pick { words: [CheckWords; 4] },
    Sure { words: CheckWords },
    Decided,
    Session,
}

/// What is on the screen.
pub(super) struct Screen {
    out: Out,
    todo: mpsc::UnboundedSender<Command>,
    phase: Phase,
    status: ProgressBar,
    until: Option<Instant>,
    lends: String,
    large: Vec<(String, u64)>,
    asked: Option<u64>,
    viewer_present: bool,
    warned: u64,
}

impl Screen {
    pub(super) fn new(plan: &Plan, todo: mpsc::UnboundedSender<Command>, out: Out) -> Self {
        let status = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            status.set_style(style);
        }
        let titles: Vec<String> = plan.records.iter().map(|record| clean_to(&record.meta().title, 40)).collect();
        let more = titles.len().saturating_sub(6);
        let mut lends = titles.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            lends.push_str(&format!(" and {more} more"));
        }
        let lends = format!("{lends}: for {}, {}", span(plan.millis), rights(plan.save));
        let large = plan.records.iter().filter(|record| record.meta().length > glimpse_wire::limits::BLOB_BORDER);
        let large = large.map(|record| (record.meta().title.clone(), record.meta().length)).collect();
        Self {
            out,
            todo,
            phase: Phase::Starting,
            status,
            until: None,
            lends,
            large,
            asked: None,
            viewer_present: true,
            warned: u64::MAX,
        }
    }

    fn line(&self, text: &str) {
        self.status.suspend(|| self.out.note(text));
    }

    fn does(&self, command: Command) {
        // Nobody takes it any more: then it is ending already.
        drop(self.todo.unbounded_send(command));
    }

    fn set_end(&mut self, millis: u64) {
        self.until = Instant::now().checked_add(Duration::from_millis(millis));
        self.warned = u64::MAX;
    }

    fn left(&self) -> u64 {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.and_then(|left| u64::try_from(left.as_millis()).ok()).unwrap_or(0)
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Code { code, site, expires_in } => self.code(&code, &site, expires_in),
            Event::Connecting => self.line("A browser has typed the code…"),
            Event::Peer { peer, words, expires_in, session: _ } => self.peer(&peer, words, expires_in),
            Event::Granted { expires_in, records, .. } => self.granted(expires_in, &records),
            Event::Changed { expires_in, added, .. } => self.changed(expires_in, &added),
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
            Event::AskedTime { minutes } => {
                self.asked = Some(u64::from(minutes).saturating_mul(MINUTE));
                self.line(&format!("The other side asks for {minutes} minutes more: e gives them, r says no."));
            }
            Event::AskedRecord { text } => {
                self.line(&format!("The other side asks for a record: “{}”", clean_to(&text, 200)));
                self.line("Lend it with a new code if you want to; r says no.");
            }
            Event::NotChanged(error) => {
                let failure = Failure::from(error);
                self.line(&format!("That was not possible: {} {}", failure.message, failure.next));
            }
            Event::Connection { up: true } => {}
            Event::Connection { up: false } => self.line("The connection to the server broke; trying again…"),
            Event::Viewer { present } => self.viewer(present),
            Event::Crowded => {
                let again = self.out.styled(Style::Yellow, "Somebody tried this code again");
                self.line(&format!("{again} and was refused. If that was not you, press q."));
            }
        }
        self.tick();
    }

    fn code(&mut self, code: &str, site: &str, expires_in: u64) {
        self.phase = Phase::Code;
        self.set_end(expires_in);
        self.line(&format!("Lending {}", self.lends));
        for (title, bytes) in &self.large {
            self.line(&format!(
                "{} has {}: it is lent by its key, so who has opened it could keep opening this version of it.",
                clean(title),
                size(*bytes)
            ));
        }
        self.line("");
        self.line(&format!("On the other screen open {} and type", self.out.styled(Style::Bold, site)));
        self.line("");
        for row in large::digits(code) {
            self.line(&format!("   {}", self.out.styled(Style::Bold, &row)));
        }
        self.line("");
        self.line(&format!("   {code}"));
        self.line("");
        // Drawn in colours of its own: without them nobody knows which side is dark.
        if self.out.styled(Style::Bold, "x") != "x" {
            for row in large::qr(site) {
                self.line(&format!("   {row}"));
            }
            self.line("");
        }
        self.line("Nobody will call you and ask for this code. If somebody does, press q.");
    }

    fn peer(&mut self, peer: &Peer, words: [CheckWords; 4], expires_in: u64) {
        self.set_end(expires_in);
        self.line("");
        self.line(
            &self.out.styled(Style::Bold, "A browser has the code. It says of itself, and nobody can check that:"),
        );
        for (what, claim) in [("browser", &peer.program), ("page", &peer.origin), ("build", &peer.build)] {
            let claim = if claim.is_empty() { "nothing".to_owned() } else { clean_to(claim, 100) };
            self.line(&format!("   {what:<8} {claim}"));
        }
        self.line(&format!("It would get {}", self.lends));
        self.line("");
        self.line(&self.out.styled(Style::Bold, "Which two words are on its screen?"));
        for (number, pair) in (1u8..).zip(&words) {
            self.line(&format!("   {number}  {pair}"));
        }
        self.line("   0  none of these");
        self.phase = Phase::Pick { words };
    }

    fn granted(&mut self, expires_in: u64, records: &[Lent]) {
        self.phase = Phase::Session;
        self.set_end(expires_in);
        self.line("");
        self.line(&format!("{} {} records", self.out.styled(Style::Green, "Lent:"), records.len()));
        self.line("e gives 15 minutes more, q ends the session. What is opened shows here:");
    }

    fn changed(&mut self, expires_in: u64, added: &[Lent]) {
        self.set_end(expires_in);
        self.asked = None;
        if added.is_empty() {
            self.line(&format!("The session ends in {}", span(expires_in)));
        } else {
            self.line(&format!("Lent as well: {} records", added.len()));
        }
    }

    fn viewer(&mut self, present: bool) {
        let changed = self.viewer_present != present;
        self.viewer_present = present;
        if changed && matches!(self.phase, Phase::Session) {
            self.line(if present { "The other side is back." } else { "The other side is not connected." });
        }
    }

    pub(super) fn key(&mut self, key: char) {
        self.phase = match (core::mem::replace(&mut self.phase, Phase::Decided), key) {
            (Phase::Code | Phase::Starting, 'q') => {
                self.does(Command::Cancel);
                Phase::Decided
            }
            (Phase::Pick { words }, '1'..='4') => {
                let place = usize::try_from(key.to_digit(10).unwrap_or(1).saturating_sub(1)).unwrap_or(0);
                match words.get(place) {
                    Some(words) => {
                        self.line(&format!("You picked {}", self.out.styled(Style::Bold, &words.to_string())));
                        self.line(&self.out.styled(
                            Style::Bold,
                            "Is the screen in front of you, and is nobody on the phone asking for this?",
                        ));
                        self.line("   y  yes, lend      n  no");
                        Phase::Sure { words: *words }
                    }
                    None => Phase::Pick { words },
                }
            }
            (Phase::Pick { .. }, '0') => {
                self.line("Then somebody may be in between. Nothing is shared.");
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Sure { words }, 'y') => {
                self.does(Command::Approve { words: words.to_string(), millis: None, save: None });
                Phase::Decided
            }
            (Phase::Sure { .. }, 'n') | (Phase::Pick { .. } | Phase::Sure { .. }, 'q') => {
                self.does(Command::Decline);
                Phase::Decided
            }
            (Phase::Session, 'e') => {
                let millis = self.asked.take().unwrap_or(MORE);
                self.does(Command::Extend { millis });
                Phase::Session
            }
            (Phase::Session, 'r') => {
                self.asked = None;
                self.does(Command::Refuse);
                Phase::Session
            }
            (Phase::Session, 'q') => {
                self.does(Command::End);
                Phase::Session
            }
            (phase, _) => phase,
        };
    }

    pub(super) fn tick(&mut self) {
        let left = self.left();
        let message = match &self.phase {
            Phase::Starting => "…".to_owned(),
            Phase::Code => format!("The code is good for {}   q: cancel", span(left)),
            Phase::Pick { .. } => format!("No answer in {} means no   1–4: pick, 0: none of these, q: no", span(left)),
            Phase::Sure { .. } => format!("No answer in {} means no   y: lend, n: no", span(left)),
            Phase::Decided => "One moment…".to_owned(),
            Phase::Session => {
                for (mark, text) in [(120_000, "two minutes"), (30_000, "30 seconds")] {
                    if left <= mark && self.warned > mark {
                        self.warned = mark;
                        self.line(&format!("The session ends in {text}."));
                    }
                }
                format!("Ends in {}   e: 15 minutes more, q: end", span(left))
            }
        };
        self.status.set_message(message);
        self.status.tick();
    }

    pub(super) fn over(&mut self, ended: &Result<Ending, DeviceError>) {
        self.status.finish_and_clear();
        let Ok(ending) = ended else { return };
        self.out.note(ending.code.happened());
        match &ending.audit {
            Some(audit) => self.out.note(&format!(
                "Opened {} times. The log is signed, verified and kept: glimpse receipts {}",
                audit.openings, ending.session
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

/// What to do after a code that led to nothing.
pub(super) enum Again {
    NewCode,
    Leave,
}

/// Asks whether to show another code. An unlocked device does not wait for long.
pub(super) async fn again(out: Out) -> Result<Again, Failure> {
    out.note("n shows a new code, any other key leaves.");
    let mut keys = Keys::start()?;
    match tokio::time::timeout(IDLE, keys.next()).await {
        Ok('n') => Ok(Again::NewCode),
        Ok(_) => Ok(Again::Leave),
        Err(_) => {
            out.note("Locked: nobody was here for a while. Start again to lend.");
            Ok(Again::Leave)
        }
    }
}
