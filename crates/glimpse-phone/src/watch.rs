//! The watch: the phone's device on a wrist, with keys of its own and no network. It joins an account, shows a short list,
//! and lends; all that it says to the server goes by a phone ([`glimpse_device::companion`]), and is signed.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use glimpse_device::Ground;
use glimpse_device::companion::Companion;
use glimpse_device::storage::Storage;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::Socket;
use glimpse_wire::{ErrorCode, RecordId};
use serde::{Deserialize, Serialize};

use crate::face::{Face, Kinds};
use crate::intent::{Intent, Secret};
use crate::linking::{Form, Newcomer, Step, way};
use crate::phone::{Phone, Spawn};
use crate::sessions::SessionsAct;
use crate::snapshot::Snapshot;
use crate::tagged;
use crate::trouble::Trouble;

/// The least that a PIN may have, in characters.
const MIN_PIN: usize = 6;
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
    #[serde(flatten)]
    phone: &'a Snapshot<'a>,
}

/// Where the watch shows itself.
pub type Draw = Box<dyn Fn(&WatchSnapshot<'_>)>;

/// What the watch knows beside the phone that it is made of.
struct Wrist {
    companion: Rc<Companion>,
    draw: Draw,
    away: Cell<bool>,
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
        let wrist = Rc::new(Wrist { companion: Rc::clone(&companion), draw, away: Cell::new(true) });
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
            Some(Own::Join { name, pin, code }) => return self.join(name, pin, code.as_ref()),
            Some(Own::JoinCancel) => return self.phone.step(Step::Cancel),
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
            if let Intent::Visible { visible } = &intent {
                self.wrist.companion.rest(!visible);
            }
            self.phone.intent(intent);
        }
    }

    fn join(&self, name: String, pin: Secret, code: Option<&Secret>) {
        if pin.as_str().chars().count() < MIN_PIN {
            return self.phone.change(|state| state.failed(Trouble::new("watch-pin-short")));
        }
        let form = if code.is_some() { Form::Typed } else { Form::Digits };
        let way = match way(form, code) {
            Ok(way) => way,
            Err(trouble) => return self.phone.change(|state| state.failed(trouble)),
        };
        let newcomer = Newcomer { name, passphrase: pin, passkey: None, by: Some(BY_PHONE) };
        self.phone.run(|phone| async move {
            phone.clone().bring_in(way, newcomer).await;
            // There is no room for a screen that says how it went.
            phone.pass_over_linking();
        });
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
    fn is_small(&self) -> bool {
        true
    }

    fn draw(&self, snapshot: &Snapshot<'_>) {
        (self.0.draw)(&WatchSnapshot { away: self.0.away.get(), phone: snapshot });
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
