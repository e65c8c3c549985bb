//! Linking on the screen: a device is added from here, or this one is brought into an account.
//!
//! A code that was scanned or typed begins nothing: it comes with the intent of somebody who pressed on.

mod joining;
mod view;

use futures_channel::mpsc::{UnboundedSender, unbounded};
use glimpse_core::Monotonic;
use glimpse_core::code::PairingCode;
use glimpse_core::linking::CodeForm;
use glimpse_device::DeviceError;
use glimpse_device::linking::{Added, Command, Event, Way, parse_code};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::ErrorCode;
use glimpse_wire::pairing::Purpose;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(crate) use self::joining::Newcomer;
pub(crate) use self::view::LinkingView;
use crate::devices::{Devices, short};
use crate::intent::Secret;
use crate::organisations::is_card;
use crate::phone::Phone;
use crate::square::Square;
use crate::state::{Place, State};
use crate::trouble::Trouble;

/// Characters of what another device says of itself that are shown.
const MAX_CLAIM: usize = 60;

/// How the two ends come by a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// This one shows a square for a camera.
    Square,
    /// This one shows digits.
    Digits,
    /// The other one shows a code, which was typed or scanned here.
    Typed,
}

/// What the person does about a linking.
#[derive(Debug)]
pub(crate) enum Step {
    Approve(String),
    NoneOfThese,
    Cancel,
    /// What the second device gave.
    Second(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A device of the account.
    Adder,
    /// The new one.
    Joiner,
}

/// How it went, as far as the texts at its end depend on it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four things that may each have happened")]
struct Course {
    /// The two ends have confirmed each other.
    words: bool,
    /// The person here left.
    left: bool,
    /// The person here saw other words than were offered.
    none_of_these: bool,
    /// The person at the other device said yes.
    invited: bool,
}

/// One linking, from the wish to its end.
#[derive(Debug)]
pub(crate) struct Linking {
    role: Role,
    commands: UnboundedSender<Command>,
    stage: Stage,
    course: Course,
    /// Counts linkings: what an earlier one still says is dropped.
    turn: u32,
    connected: bool,
    /// Somebody tried the code again after it was used.
    crowded: bool,
    /// The server shows another key than the account knows it by.
    other_server: bool,
}

#[derive(Debug)]
enum Stage {
    Starting,
    Code {
        code: Zeroizing<String>,
        square: Option<Square>,
        until: Monotonic,
        connecting: bool,
    },
    /// A code was typed here, and the other end is being met.
    Meeting,
    /// At the joiner: these words are to be picked over there.
    Words {
        words: String,
        until: Monotonic,
    },
    /// At the joiner: the person over there said yes.
    Invited {
        held: u64,
    },
    /// At the adder: a device wants to be in the account.
    Asked(Box<Asked>),
    /// The person said yes.
    Adding {
        accepted: bool,
    },
    /// The account's rules want a second device to sign this.
    Second {
        proposal: String,
    },
    Over {
        trouble: Option<Trouble>,
        done: Option<Done>,
    },
}

#[derive(Debug)]
struct Asked {
    device: Claims,
    words: Vec<String>,
    until: Monotonic,
}

/// What a device says of itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    short: String,
    name: String,
    serial: String,
    same_machine: Vec<String>,
    /// Milliseconds for which the account's rules hold it back.
    held: u64,
}

/// A linking that came to a good end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    name: String,
    short: String,
    /// Milliseconds for which the new device is held back.
    held: u64,
    /// Whether the new device said that it has the account's key.
    told: bool,
}

impl Linking {
    pub(crate) const fn counts_down(&self) -> bool {
        matches!(self.stage, Stage::Code { .. } | Stage::Words { .. } | Stage::Asked(_))
    }

    /// Whether something is under way that needs the keys.
    pub(crate) const fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Over { .. })
    }

    /// Takes what happened, and gives what a screen reader is to say.
    fn event(&mut self, event: Event, devices: &Devices, now: Monotonic) -> Option<Announcement> {
        match event {
            Event::Code { code, qr, expires_in } => {
                let square = qr.and_then(|text| Square::of(&text));
                self.stage = Stage::Code { code, square, until: now.plus(expires_in), connecting: false };
                Some(Announcement::polite("say.link-code"))
            }
            Event::Connecting => {
                match &mut self.stage {
                    Stage::Code { connecting, .. } => *connecting = true,
                    Stage::Starting => self.stage = Stage::Meeting,
                    Stage::Meeting
                    | Stage::Words { .. }
                    | Stage::Invited { .. }
                    | Stage::Asked(_)
                    | Stage::Adding { .. }
                    | Stage::Second { .. }
                    | Stage::Over { .. } => {}
                }
                None
            }
            Event::Words { words, expires_in } => {
                self.course.words = true;
                self.stage = Stage::Words { words: words.to_string(), until: now.plus(expires_in) };
                Some(Announcement::urgent("say.link-words"))
            }
            Event::Asked { device, name, serial, same_machine, words, held, expires_in } => {
                self.course.words = true;
                let device = Claims {
                    short: short(&device),
                    name: claim(&name),
                    serial: claim(&serial),
                    same_machine: same_machine.iter().map(|id| devices.called(id)).collect(),
                    held,
                };
                let words = words.iter().map(ToString::to_string).collect();
                self.stage = Stage::Asked(Box::new(Asked { device, words, until: now.plus(expires_in) }));
                Some(Announcement::urgent("say.link-asked"))
            }
            Event::Invited { held } => {
                self.course.invited = true;
                self.stage = Stage::Invited { held };
                Some(Announcement::polite("say.link-invited"))
            }
            Event::OtherServerKey => {
                self.other_server = true;
                Some(Announcement::urgent("link.other-server"))
            }
            Event::NeedsSecond(proposal) => {
                self.stage = Stage::Second { proposal: proposal.to_string() };
                Some(Announcement::polite("say.link-second"))
            }
            Event::Accepted => {
                self.stage = Stage::Adding { accepted: true };
                None
            }
            Event::Crowded => {
                self.crowded = true;
                Some(Announcement::urgent("say.link-crowded"))
            }
            Event::Connection { up } => {
                self.connected = up;
                None
            }
        }
    }

    /// Why nothing was linked, in the words of this end.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`ErrorCode` is non-exhaustive")]
    fn why(&self, error: &DeviceError) -> Trouble {
        let plain = Trouble::from(error);
        let Some(code) = error.code() else { return plain };
        let Course { words, left, none_of_these, invited } = self.course;
        let adder = self.role == Role::Adder;
        let key = match code {
            ErrorCode::Declined if none_of_these => "link-none-of-these",
            ErrorCode::Declined if left => "link-left",
            ErrorCode::Declined if adder => "link-they-left",
            ErrorCode::Declined => "link-declined",
            ErrorCode::CodeWrong if words => "link-other-words",
            ErrorCode::ApprovalTimedOut => "link-silent",
            ErrorCode::NotFound if invited => "link-lost-late",
            ErrorCode::NotFound => "link-lost",
            ErrorCode::Conflict if words => "link-overtaken",
            ErrorCode::Conflict if adder => "link-in-another",
            ErrorCode::CodeUnknown | ErrorCode::CodeUsed => "link-code-unknown",
            ErrorCode::CodeWrong => "link-code-wrong",
            ErrorCode::CodeExpired => "link-code-expired",
            ErrorCode::PairingBroken => "link-broken",
            _ => return plain,
        };
        Trouble { key, wait: plain.wait }
    }
}

/// What another device says of itself, as far as there is room.
fn claim(text: &str) -> String {
    data::line(text).chars().take(MAX_CLAIM).collect()
}

/// A code that links. One that lends is none, and is told apart for whoever mixed them up.
fn read_code(text: &str) -> Result<PairingCode, Trouble> {
    parse_code(text).map_err(|code| {
        let lends = PairingCode::parse(text, Purpose::View).is_ok();
        Trouble::new(if lends {
            "code-lends"
        } else if is_card(text) {
            "code-pins"
        } else {
            code.slug()
        })
    })
}

/// How the two ends of a linking shall meet.
pub(crate) fn way(form: Form, code: Option<&Secret>) -> Result<Way, Trouble> {
    Ok(match form {
        Form::Square => Way::Show(CodeForm::Qr),
        Form::Digits => Way::Show(CodeForm::Typed),
        Form::Typed => Way::Type(read_code(code.map(Secret::as_str).unwrap_or_default())?),
    })
}

impl State {
    fn linking(&mut self, turn: u32) -> Option<&mut Linking> {
        self.linking.as_mut().filter(|linking| linking.turn == turn)
    }

    fn begin_linking(&mut self, role: Role, commands: UnboundedSender<Command>) -> u32 {
        let turn = self.linked.wrapping_add(1);
        self.linked = turn;
        self.trouble = None;
        self.linking = Some(Linking {
            role,
            commands,
            stage: Stage::Starting,
            course: Course::default(),
            turn,
            connected: true,
            crowded: false,
            other_server: false,
        });
        turn
    }
}

impl Phone {
    /// Nothing else may ask for a yes at the same time.
    fn may_link(&self) -> bool {
        self.look(|state| state.busy.is_none() && !state.linking.as_ref().is_some_and(Linking::is_live))
    }

    /// Brings another device into the account.
    pub(crate) fn link(&self, form: Form, code: Option<&Secret>) {
        let Some(device) = self.device().filter(|_| self.may_link()) else { return };
        let way = match way(form, code) {
            Ok(way) => way,
            Err(trouble) => return self.change(|state| state.failed(trouble)),
        };
        let (commands, mut heard) = unbounded();
        let turn = self.change(|state| state.begin_linking(Role::Adder, commands));
        self.run(|phone| async move {
            // Which machine was linked before is told by name.
            let shown = phone.clone();
            let mut show = move |event| shown.linking_heard(turn, event);
            let added = device.link(way, &mut heard, &mut show).await;
            phone.linking_over(turn, added.map(|added| done(&added)));
            phone.look_at_devices();
        });
        self.look_at_devices();
    }

    fn linking_heard(&self, turn: u32, event: Event) {
        let now = self.machine().monotonic();
        let asks = matches!(event, Event::Asked { .. });
        self.change(|state| {
            let State { linking, devices, .. } = state;
            let Some(linking) = linking.as_mut().filter(|linking| linking.turn == turn) else { return };
            let heard = linking.event(event, devices, now);
            if asks {
                // Somebody waits for a yes or a no, and silence is a no.
                state.place = Place::Link;
            }
            if let Some(heard) = heard {
                state.announce(heard);
            }
        });
        if asks {
            self.close();
        }
    }

    fn linking_over(&self, turn: u32, ended: Result<Done, DeviceError>) {
        self.change(|state| {
            let Some(linking) = state.linking(turn) else { return };
            linking.stage = match ended {
                Ok(done) => Stage::Over { trouble: None, done: Some(done) },
                Err(error) => Stage::Over { trouble: Some(linking.why(&error)), done: None },
            };
            let ended_well = matches!(linking.stage, Stage::Over { done: Some(_), .. });
            // The person who broke it off before anything was shown to them need not be told.
            if linking.course.left && !linking.course.words && !ended_well {
                state.linking = None;
                return;
            }
            state.announce(Announcement::polite(if ended_well { "say.linked" } else { "say.not-linked" }));
        });
    }

    /// What the person does about a linking. What does not fit the stage is dropped.
    pub(crate) fn step(&self, step: Step) {
        let second = match &step {
            Step::Second(signed) => match signed.trim().parse() {
                Ok(signed) => Some(signed),
                Err(glimpse_wire::Malformed) => {
                    return self.change(|state| state.failed(Trouble::new("no-signature")));
                }
            },
            Step::Approve(_) | Step::NoneOfThese | Step::Cancel => None,
        };
        self.change(|state| {
            let Some(linking) = state.linking.as_mut() else { return };
            let command = match (step, &linking.stage, second) {
                (Step::Approve(words), Stage::Asked(_), _) => {
                    linking.stage = Stage::Adding { accepted: false };
                    Command::Approve { words }
                }
                (Step::NoneOfThese, Stage::Asked(_), _) => {
                    linking.course.none_of_these = true;
                    linking.course.left = true;
                    Command::Cancel
                }
                (Step::Second(_), Stage::Second { .. }, Some(signed)) => {
                    linking.stage = Stage::Adding { accepted: false };
                    Command::Second(signed)
                }
                (Step::Cancel, stage, _) if !matches!(stage, Stage::Over { .. }) => {
                    linking.course.left = true;
                    Command::Cancel
                }
                _ => return,
            };
            state.trouble = None;
            // A linking that is over takes none.
            let _taken = linking.commands.unbounded_send(command);
        });
    }

    pub(crate) fn close_linking(&self) {
        self.change(|state| {
            let Some(linking) = state.linking.take_if(|linking| !linking.is_live()) else { return };
            if matches!(linking.stage, Stage::Over { done: Some(_), .. }) {
                state.place = if linking.role == Role::Adder { Place::Devices } else { Place::Records };
            }
        });
    }
}

fn done(added: &Added) -> Done {
    Done { name: claim(&added.name), short: short(&added.device), held: added.held, told: added.told }
}
