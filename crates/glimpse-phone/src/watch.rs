//! The watch: the phone's device on a wrist, with keys of its own and no network. It joins an account, shows a short list,
//! and lends; all that it says to the server goes by a phone ([`glimpse_device::companion`]), and is signed.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedSender, unbounded};
use glimpse_core::Monotonic;
use glimpse_core::linking::CodeForm;
use glimpse_device::companion::Companion;
use glimpse_device::linking::{self, Command, Event, Join, Way, parse_code};
use glimpse_device::storage::Storage;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::Socket;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::{ErrorCode, RecordId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::face::{Face, Kinds};
use crate::intent::{Intent, Secret};
use crate::phone::{Phone, Spawn};
use crate::sessions::SessionsAct;
use crate::snapshot::Snapshot;
use crate::tagged;
use crate::trouble::Trouble;

/// The least that a PIN may have, in characters.
const MIN_PIN: usize = 6;
/// How often a countdown is drawn, in milliseconds.
const TICK: u64 = 1_000;
/// Stands in the profile for the way to the phone: with it, requests are signed.
const BY_PHONE: &str = "companion";

/// What only a watch can do.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Own {
    /// Wants into an account: by the code that it shows, or by one that a device of the account shows.
    Join {
        /// What the other devices call it.
        name: String,
        /// Keys lie under this.
        pin: Secret,
        /// Nothing, where this one is to show a code.
        code: Option<Secret>,
    },
    /// Wants no more of joining.
    JoinCancel,
}

/// Everything that the watch draws.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchSnapshot<'a> {
    /// Whether nobody carries.
    away: bool,
    joining: Option<JoiningView<'a>>,
    #[serde(flatten)]
    phone: &'a Snapshot<'a>,
}

/// Joining, as the watch draws it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JoiningView<'a> {
    stage: &'static str,
    code: Option<&'a str>,
    words: Option<&'a str>,
    seconds_left: Option<u64>,
}

#[derive(Debug)]
struct Joining {
    commands: UnboundedSender<Command>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Keys are drawn, the server is asked.
    Starting,
    Code {
        code: Zeroizing<String>,
        until: Monotonic,
        connecting: bool,
    },
    Words {
        words: String,
        until: Monotonic,
    },
    /// The person at the other device said yes.
    Invited,
}

impl Joining {
    fn view(&self, now: Monotonic) -> JoiningView<'_> {
        let left = |until: &Monotonic| Some(now.until(*until).div_ceil(1_000));
        let (stage, code, words, seconds_left) = match &self.stage {
            Stage::Starting => ("starting", None, None, None),
            Stage::Code { code, until, connecting: false } => ("code", Some(code.as_str()), None, left(until)),
            Stage::Code { code, until, connecting: true } => ("connecting", Some(code.as_str()), None, left(until)),
            Stage::Words { words, until } => ("words", None, Some(words.as_str()), left(until)),
            Stage::Invited => ("invited", None, None, None),
        };
        JoiningView { stage, code, words, seconds_left }
    }
}

/// Where the watch shows itself.
pub type Draw = Box<dyn Fn(&WatchSnapshot<'_>)>;

/// What the watch knows beside the phone that it is made of.
struct Wrist {
    companion: Rc<Companion>,
    machine: Rc<dyn Surroundings>,
    draw: Draw,
    away: Cell<bool>,
    joining: RefCell<Option<Joining>>,
}

/// A watch on somebody's wrist. Clones are the same watch.
#[derive(Clone)]
pub struct Watch {
    phone: Phone,
    wrist: Rc<Wrist>,
}

impl Watch {
    /// Looks whether there is an account in `storage`, and shows the screen for it. `server` is an origin, which the watch
    /// knows by itself and not from whoever carries.
    #[must_use]
    pub fn start(
        server: String,
        storage: Rc<dyn Storage>,
        machine: Rc<dyn Surroundings>,
        draw: Draw,
        spawn: Spawn,
    ) -> Self {
        let companion = Rc::new(Companion::new(server, Rc::clone(&machine)));
        let wrist = Rc::new(Wrist {
            companion: Rc::clone(&companion),
            machine: Rc::clone(&machine),
            draw,
            away: Cell::new(true),
            joining: RefCell::default(),
        });
        let ground = Ground { storage, transport: companion, machine };
        let phone = Phone::start(ground, Box::new(Glass(Rc::clone(&wrist))), spawn);
        Self { phone, wrist }
    }

    /// Goes by the phone at the other end of `socket` from here on.
    pub fn companion(&self, socket: Box<dyn Socket>) {
        let (watch, companion) = (self.clone(), Rc::clone(&self.wrist.companion));
        let told = move |here: bool| {
            watch.wrist.away.set(!here);
            watch.phone.draw();
            if here {
                watch.phone.refresh();
            }
        };
        self.phone.run(|_| companion.through(socket, told));
    }

    /// Takes what the person did, as JSON. What is no intent of a watch is dropped: it founds no account, for instance, whose
    /// token whoever carries would see.
    pub fn intent(&self, json: &str) {
        match tagged::from_str(json) {
            Some(Own::Join { name, pin, code }) => return self.join(name, pin, code),
            Some(Own::JoinCancel) => return self.cancel(),
            None => {}
        }
        if let Some(
            intent @ (Intent::Unlock { .. }
            | Intent::Lock
            | Intent::Go { .. }
            | Intent::Refresh
            | Intent::Window { .. }
            | Intent::Choose { .. }
            | Intent::Lend { .. }
            | Intent::LendAgain
            | Intent::Approve { .. }
            | Intent::Decline
            | Intent::CancelCode
            | Intent::Extend { .. }
            | Intent::Shorten { .. }
            | Intent::Refuse
            | Intent::End
            | Intent::CloseLending
            | Intent::Sessions(SessionsAct::End { .. })
            | Intent::Visible { .. }
            | Intent::Dismiss),
        ) = Intent::from_json(json)
        {
            self.phone.intent(intent);
        }
    }

    fn join(&self, name: String, pin: Secret, code: Option<Secret>) {
        if pin.as_str().chars().count() < MIN_PIN {
            return self.phone.change(|state| state.failed(Trouble::new("watch-pin-short")));
        }
        let way = match code.map(|code| parse_code(code.as_str())) {
            None => Way::Show(CodeForm::Typed),
            Some(Ok(code)) => Way::Type(code),
            Some(Err(code)) => return self.phone.change(|state| state.failed(Trouble::new(code.slug()))),
        };
        // One at a time; and a device that is in an account joins none.
        if self.wrist.joining.borrow().is_some() || self.phone.device().is_some() {
            return;
        }
        let (commands, mut heard) = unbounded();
        self.wrist.joining.replace(Some(Joining { commands, stage: Stage::Starting }));
        self.phone.change(|state| state.trouble = None);
        let watch = self.clone();
        self.phone.run(|phone| async move {
            let shown = watch.clone();
            let mut show = move |event| shown.heard(event);
            let plan =
                Join { name, serial: String::new(), passphrase: pin.as_bytes(), phone: Some(BY_PHONE.to_owned()) };
            let joined = linking::join(&phone.0.ground, plan, way, &mut heard, &mut show).await;
            watch.wrist.joining.replace(None);
            watch.joined(joined);
        });
        let watch = self.clone();
        self.phone.run(|phone| async move {
            while watch.wrist.joining.borrow().is_some() {
                phone.machine().sleep(TICK).await;
                phone.draw();
            }
        });
    }

    fn joined(&self, joined: Result<Device, DeviceError>) {
        match joined {
            Ok(device) => self.phone.unlocked(device),
            // The person broke it off, here or there.
            Err(error) => self.phone.change(|state| state.failed(&error)),
        }
    }

    fn cancel(&self) {
        if let Some(joining) = self.wrist.joining.borrow().as_ref() {
            // One that is over takes none.
            let _taken = joining.commands.unbounded_send(Command::Cancel);
        }
    }

    fn heard(&self, event: Event) {
        let now = self.wrist.machine.monotonic();
        if let Some(Joining { stage, .. }) = self.wrist.joining.borrow_mut().as_mut() {
            match event {
                Event::Code { code, qr: _, expires_in } => {
                    *stage = Stage::Code { code, until: now.plus(expires_in), connecting: false };
                }
                Event::Connecting => {
                    if let Stage::Code { connecting, .. } = stage {
                        *connecting = true;
                    }
                }
                Event::Words { words, expires_in } => {
                    *stage = Stage::Words { words: words.to_string(), until: now.plus(expires_in) };
                }
                Event::Invited { held: _ } => *stage = Stage::Invited,
                Event::Asked { .. }
                | Event::NeedsSecond(_)
                | Event::Accepted
                | Event::Crowded
                | Event::Connection { .. } => {}
            }
        }
        self.phone.draw();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(redacted)")
    }
}

/// The face under the phone's: it adds what the phone does not know of. No record is opened on it.
struct Glass(Rc<Wrist>);

impl Face for Glass {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        let joining = self.0.joining.borrow();
        let joining = joining.as_ref().map(|joining| joining.view(self.0.machine.monotonic()));
        (self.0.draw)(&WatchSnapshot { away: self.0.away.get(), joining, phone: snapshot });
    }

    fn begin(&self, _record: RecordId, _content_type: &str, _name: &str) -> Result<bool, ErrorCode> {
        Err(ErrorCode::Internal)
    }

    fn take(&self, _offset: u64, _bytes: &[u8], _total: u64) -> Result<(), ErrorCode> {
        Err(ErrorCode::Internal)
    }

    fn forget(&self) {}

    fn save(&self, _name: &str) {}

    fn zoom(&self, _block: u32, _from: i64, _to: i64) {}

    fn look(&self, _name: &str, _beginning: &[u8]) -> Result<Option<Kinds>, ErrorCode> {
        Err(ErrorCode::Internal)
    }
}
