//! Linking as a person sees it: what is shown, and what keys mean.

use futures_channel::mpsc::UnboundedSender;
use glimpse_core::words::CheckWords;
use glimpse_device::linking::{Command, Event};
use glimpse_wire::DeviceId;
use zeroize::Zeroizing;

use crate::commands::chain::span;
use crate::commands::devices::short;
use crate::commands::lend::keys::Key;
use crate::commands::lend::large;
use crate::out::{Out, Style};
use crate::text::{clean_to, lasting};

/// Characters of what another device says of itself that are shown.
pub(super) const MAX_CLAIM: usize = 60;

/// How the linking goes, as far as the texts at its end depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// The two ends have confirmed each other.
    pub(super) words: bool,
    /// The person here left.
    pub(super) left: bool,
    /// The person here saw other words than were offered.
    pub(super) none_of_these: bool,
    /// The person at the other device said yes.
    pub(super) invited: bool,
}

/// What this end does here, as far as the other one has to be told.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// What to run on the other device.
    pub(super) there: String,
    /// How to have digits shown here that are fewer to type.
    pub(super) digits: &'static str,
}

/// What keys are for.
enum Phase {
    /// Nothing is asked.
    Waiting,
    Pick {
        words: [CheckWords; 4],
    },
    Sure {
        words: CheckWords,
    },
}

/// The person in front of this end.
pub(super) struct Person {
    out: Out,
    task: Task,
    todo: UnboundedSender<Command>,
    phase: Phase,
    course: Course,
    connected: bool,
}

impl Person {
    pub(super) fn new(task: Task, todo: UnboundedSender<Command>, out: Out) -> Self {
        Self { out, task, todo, phase: Phase::Waiting, course: Course::default(), connected: true }
    }

    pub(super) const fn course(&self) -> Course {
        self.course
    }

    /// Whether a key means something.
    pub(super) const fn is_asked(&self) -> bool {
        match self.phase {
            Phase::Waiting => false,
            Phase::Pick { .. } | Phase::Sure { .. } => true,
        }
    }

    pub(super) fn does(&mut self, command: Command) {
        if matches!(command, Command::Cancel) {
            self.course.left = true;
        }
        // Nobody takes it any more: then it is over already.
        drop(self.todo.unbounded_send(command));
    }

    pub(super) fn event(&mut self, event: Event) {
        let out = self.out;
        match event {
            Event::Code { code, qr, expires_in } => self.code(&code, qr.as_ref(), expires_in),
            Event::Connecting => out.note("The other device is there."),
            Event::Words { words, expires_in } => {
                self.course.words = true;
                out.note("On the other device, pick");
                out.note(&format!("   {}", out.styled(Style::Bold, &words.to_string())));
                out.note(&format!("No answer there in {} means no.", lasting(expires_in)));
            }
            Event::Asked { device, name, serial, same_machine, words, held, expires_in } => {
                self.course.words = true;
                self.asked(&device, &name, &serial, &same_machine, held);
                out.note(&out.styled(Style::Bold, "Which two words are on its screen?"));
                for (number, pair) in (1u8..).zip(&words) {
                    out.note(&format!("   {number}  {pair}"));
                }
                out.note("   0  none of these");
                out.note(&format!("No answer in {} means no.", lasting(expires_in)));
                self.phase = Phase::Pick { words };
            }
            Event::Invited { .. } => {
                self.course.invited = true;
                out.note("The other device said yes.");
            }
            Event::OtherServerKey => {
                out.note(
                    &out.styled(Style::Yellow, "The server shows another key than the one that your account knows."),
                );
                out.note("This device believes no deletion that is signed by the other. Ask whoever runs the server.");
            }
            Event::NeedsSecond(proposal) => {
                out.note("The account's rules want a second device to sign. Run this there:");
                out.whole(&format!("glimpse cosign {proposal}"));
            }
            Event::Accepted => out.note("It is in the account's log of devices."),
            Event::Crowded => {
                let again = out.styled(Style::Yellow, "Somebody tried this code again");
                out.note(&format!("{again} and was refused. If that was not you, press Ctrl-C."));
            }
            Event::Connection { up } => {
                if core::mem::replace(&mut self.connected, up) != up {
                    out.note(if up {
                        "The connection is back."
                    } else {
                        "The connection to the server broke; trying again…"
                    });
                }
            }
        }
    }

    fn code(&self, code: &str, qr: Option<&Zeroizing<String>>, expires_in: u64) {
        let out = self.out;
        out.note("On the other device, run");
        out.note("");
        out.whole(&format!("   {}", self.task.there));
        out.note("");
        match qr {
            Some(text) => {
                out.note("and type, paste or scan this code there, and nowhere else:");
                // Drawn in colours of its own: without them nobody knows which side is dark.
                if out.is_coloured() {
                    large::qr(text).iter().for_each(|row| out.whole(&format!("   {row}")));
                } else {
                    out.note("");
                    out.note("(A QR code is not drawn without colours.)");
                }
                out.note("");
                out.whole(&format!("   {}", text.as_str()));
                out.note("");
                out.note(&format!("Fewer digits to type: `{}`.", self.task.digits));
            }
            None => {
                out.note("and type this code there, and nowhere else:");
                out.note("");
                out.whole(&format!("   {}", out.styled(Style::Bold, code)));
            }
        }
        out.note("");
        out.note(&format!("It brings a device into the account, for good, and ends in {}.", lasting(expires_in)));
        out.note("Nobody will call you and ask for this code. If somebody does, press Ctrl-C.");
    }

    fn asked(&self, device: &DeviceId, name: &str, serial: &str, same_machine: &[DeviceId], held: u64) {
        let out = self.out;
        out.note("");
        out.note(&out.styled(Style::Bold, "A device wants to be in the account. It says of itself:"));
        let name = if name.is_empty() { "(no name)".to_owned() } else { clean_to(name, MAX_CLAIM) };
        out.note(&format!("   {:<7}  {name}", "name"));
        if !serial.is_empty() {
            out.note(&format!("   {:<7}  {}", "serial", clean_to(serial, MAX_CLAIM)));
        }
        out.note(&format!("   {:<7}  {}", "id", short(&device.to_string())));
        if !same_machine.is_empty() {
            let before: Vec<String> = same_machine.iter().map(|id| short(&id.to_string()).to_owned()).collect();
            let warning = format!("This machine was linked before, as {}.", before.join(", "));
            out.note(&out.styled(Style::Yellow, &warning));
        }
        out.note("It will read every record, and write as you do.");
        if held > 0 {
            out.note(&format!("The account's rules hold it back for {}.", span(held)));
        }
        out.note("");
    }

    pub(super) fn key(&mut self, key: Key) {
        let Key::Char(key) = key else { return };
        let key = key.to_ascii_lowercase();
        self.phase = match (core::mem::replace(&mut self.phase, Phase::Waiting), key) {
            (Phase::Pick { words }, '1'..='4') => {
                let place = usize::try_from(key.to_digit(10).unwrap_or(1).saturating_sub(1)).unwrap_or(0);
                match words.get(place) {
                    Some(picked) => {
                        let out = self.out;
                        out.note(&format!("You picked {}", out.styled(Style::Bold, &picked.to_string())));
                        let sure = "Is the device in front of you, and is nobody on the phone asking for this?";
                        out.note(&out.styled(Style::Bold, sure));
                        out.note("   y  yes, link it      n  no");
                        Phase::Sure { words: *picked }
                    }
                    None => Phase::Pick { words },
                }
            }
            (Phase::Pick { .. }, '0') => {
                self.course.none_of_these = true;
                self.does(Command::Cancel);
                Phase::Waiting
            }
            (Phase::Sure { words }, 'y') => {
                self.does(Command::Approve { words: words.to_string() });
                Phase::Waiting
            }
            (Phase::Sure { .. }, 'n') | (Phase::Pick { .. } | Phase::Sure { .. }, 'q') => {
                self.does(Command::Cancel);
                Phase::Waiting
            }
            (phase, _) => phase,
        };
    }
}

/// A device by its name and the beginning of its id.
pub(super) fn told(name: &str, id: &str) -> String {
    if name.is_empty() { short(id).to_owned() } else { format!("{} ({})", clean_to(name, MAX_CLAIM), short(id)) }
}
