//! Bringing an account back with its recovery kit: shares typed from paper, page by page, and whatever is wrong with them
//! named at once; the wait, where the account's rules ask for one; the next kit, on paper before the link is sent.

mod typed;

use std::io;

use futures_channel::oneshot;
use glimpse_core::recovery::{CombineError, KitKeys, SHARE_WORDS, Share, ShareError, combine};
use glimpse_device::DeviceError;
use glimpse_device::recovery::{Restore, Restored, restore, try_passphrase, went_through};
use glimpse_page::announce::Announcement;
use glimpse_wire::{ErrorCode, UnixMillis};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::typed::{BadRow, Typed, Wrong};
use crate::intent::Secret;
use crate::keeping::NewPasskey;
use crate::kit::Pages;
use crate::phone::{MIN_PASSPHRASE, Phone};
use crate::state::{Busy, Gate, State};
use crate::trouble::Trouble;

/// What the person does to bring an account back.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreAct {
    /// Has a kit.
    Begin,
    /// Would rather do something else. What was typed is forgotten.
    Leave,
    /// Says under what the keys on this device are to lie; or what they lie under, where a recovery was begun here.
    Passphrase {
        /// What the device is to be called; may be empty.
        name: String,
        /// Keys lie under this.
        passphrase: Secret,
    },
    /// Edited the field for a page.
    Type {
        /// All that stands in the field.
        text: Secret,
    },
    /// The page is whole.
    Take,
    /// Forgets the pages that were taken.
    Anew,
    /// Goes on with the pages that were taken.
    Go,
    /// The pages of the next kit are on paper.
    Kept,
    /// They are not: nothing is begun.
    Discard,
}

/// An account that is being brought back.
#[derive(Debug)]
pub(crate) struct Restoring {
    /// Whether it was begun here before: then its passphrase stands.
    begun: bool,
    stage: Stage,
    name: String,
    passphrase: Zeroizing<Vec<u8>>,
    passkey: Option<NewPasskey>,
    shares: Vec<Share>,
    typed: Typed,
    said: Option<Said>,
    /// Counts what was taken or forgotten: the field is emptied with it.
    turn: u32,
}

#[derive(Debug)]
enum Stage {
    Passphrase,
    Typing,
    /// The pages make a kit.
    Ready,
    /// The account's devices are told first.
    Waiting {
        due: UnixMillis,
        now: UnixMillis,
    },
    /// The next kit is on the screen, to be printed.
    Printing {
        pages: Pages,
        kept: Option<oneshot::Sender<bool>>,
    },
    /// The link is on its way.
    Sending,
}

/// What became of the page that was given. The catalogue has `restore.said.<kind>`.
#[derive(Debug, Default, Serialize)]
struct Said {
    kind: &'static str,
    bad: bool,
    index: Option<u8>,
    kit: Option<String>,
    count: Option<usize>,
    places: Vec<usize>,
}

/// How far it is, as the page draws it. No word that was typed goes back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestoreView<'a> {
    stage: &'static str,
    begun: bool,
    /// Pages that were taken.
    taken: Vec<TakenView>,
    /// How many it takes, once the first page said so.
    needed: Option<u8>,
    kit: Option<String>,
    words: usize,
    of: usize,
    wrong: &'a [Wrong],
    rows: &'a [BadRow],
    over: bool,
    /// Whether the field may hold a whole page.
    whole: bool,
    said: Option<&'a Said>,
    turn: u32,
    due: Option<UnixMillis>,
    /// Milliseconds until then, when the server was asked.
    wait: Option<u64>,
    pages: Option<&'a Pages>,
}

#[derive(Debug, Serialize)]
struct TakenView {
    index: u8,
    kit: String,
}

impl Restoring {
    pub(crate) fn new(begun: bool) -> Self {
        Self {
            begun,
            stage: Stage::Passphrase,
            name: String::new(),
            passphrase: Zeroizing::default(),
            passkey: None,
            shares: Vec::new(),
            typed: Typed::default(),
            said: None,
            turn: 0,
        }
    }

    pub(crate) fn view(&self) -> RestoreView<'_> {
        let first = self.shares.first();
        let Typed { words, wrong, rows, letters, .. } = &self.typed;
        let mut view = RestoreView {
            stage: "passphrase",
            begun: self.begun,
            taken: self.shares.iter().map(TakenView::of).collect(),
            needed: first.map(|share| share.plan().threshold()),
            kit: first.map(|share| share.kit().to_string()),
            words: *words,
            of: SHARE_WORDS,
            wrong,
            rows,
            over: *words > SHARE_WORDS,
            whole: *letters || (*words == SHARE_WORDS && wrong.is_empty()),
            said: self.said.as_ref(),
            turn: self.turn,
            due: None,
            wait: None,
            pages: None,
        };
        match &self.stage {
            Stage::Passphrase => {}
            Stage::Typing => view.stage = "typing",
            Stage::Ready => view.stage = "ready",
            Stage::Waiting { due, now } => {
                (view.stage, view.due, view.wait) = ("waiting", Some(*due), Some(due.since(*now)));
            }
            Stage::Printing { pages, .. } => (view.stage, view.pages) = ("printing", Some(pages)),
            Stage::Sending => view.stage = "sending",
        }
        view
    }

    /// Takes the page that stands in the field, if it is one and belongs to the others.
    fn take(&mut self) {
        let said = match Share::parse(&self.typed.text) {
            Err(error) => Said::of(&error),
            Ok(share) => {
                self.typed = Typed::default();
                self.turn = self.turn.wrapping_add(1);
                self.shares.push(share);
                self.together()
            }
        };
        self.said = Some(said);
    }

    /// What the pages make so far. A page that does not belong to the others is dropped.
    fn together(&mut self) -> Said {
        let taken = self.shares.last().map(|share| (share.index(), share.kit().to_string()));
        let (index, kit) = taken.map_or((None, None), |(index, kit)| (Some(index), Some(kit)));
        let made = combine(&self.shares).map(drop);
        match made {
            Ok(()) => {
                self.stage = Stage::Ready;
                Said { kind: "whole", index, kit, ..Said::default() }
            }
            Err(CombineError::TooFew { missing }) => {
                Said { kind: "taken", index, kit, count: Some(missing), ..Said::default() }
            }
            Err(CombineError::Twice { index }) => {
                self.shares.pop();
                Said { index: Some(index), ..Said::bad("twice") }
            }
            Err(CombineError::OtherKit { kit, index }) => {
                self.shares.pop();
                Said { index: Some(index), kit: Some(kit.to_string()), ..Said::bad("other-kit") }
            }
            Err(CombineError::Stray { indices }) => {
                self.shares.retain(|share| !indices.contains(&share.index()));
                if combine(&self.shares).is_ok() {
                    self.stage = Stage::Ready;
                }
                Said { places: indices.iter().map(|index| usize::from(*index)).collect(), ..Said::bad("stray") }
            }
            // Another page may show which of these was made up.
            Err(CombineError::Wrong) => Said::bad("wrong"),
        }
    }

    fn forget_pages(&mut self) {
        self.shares.clear();
        self.typed = Typed::default();
        self.said = None;
        self.turn = self.turn.wrapping_add(1);
        self.stage = Stage::Typing;
    }
}

impl TakenView {
    fn of(share: &Share) -> Self {
        Self { index: share.index(), kit: share.kit().to_string() }
    }
}

impl Said {
    fn bad(kind: &'static str) -> Self {
        Self { kind, bad: true, ..Self::default() }
    }

    fn of(error: &ShareError) -> Self {
        match error {
            ShareError::WordCount { found } => Self { count: Some(*found), ..Self::bad("word-count") },
            ShareError::UnknownWords { places } => Self { places: places.clone(), ..Self::bad("unknown") },
            ShareError::Damaged => Self::bad("damaged"),
            ShareError::Version => Self::bad("version"),
            ShareError::Impossible => Self::bad("impossible"),
        }
    }
}

impl State {
    /// The recovery that goes on here. There is none once an account is open.
    fn restoring(&mut self) -> Option<&mut Restoring> {
        let here = self.gate == Gate::Empty;
        self.restoring.as_mut().filter(|_| here)
    }
}

impl Phone {
    pub(crate) fn restore(&self, act: RestoreAct) {
        match act {
            RestoreAct::Begin => self.change(|state| {
                if state.gate == Gate::Empty && state.restoring.is_none() && state.busy.is_none() {
                    state.restoring = Some(Restoring::new(false));
                    state.trouble = None;
                }
            }),
            RestoreAct::Leave => self.change(|state| {
                if state.busy.is_none() {
                    state.restoring = None;
                    state.trouble = None;
                }
            }),
            RestoreAct::Passphrase { name, passphrase } => self.take_passphrase(&name, &passphrase, None),
            RestoreAct::Type { text } => self.at_typing(|restoring| restoring.typed = Typed::of(&text)),
            RestoreAct::Take => self.at_typing(|restoring| {
                if !restoring.typed.text.is_empty() {
                    restoring.take();
                }
            }),
            RestoreAct::Anew => self.change(|state| {
                let free = state.busy.is_none();
                if let Some(restoring) = state.restoring().filter(|restoring| {
                    free && matches!(restoring.stage, Stage::Typing | Stage::Ready | Stage::Waiting { .. })
                }) {
                    restoring.forget_pages();
                }
            }),
            RestoreAct::Go => self.bring_back(),
            RestoreAct::Kept => self.printed(true),
            RestoreAct::Discard => self.printed(false),
        }
    }

    fn at_typing(&self, change: impl FnOnce(&mut Restoring)) {
        self.change(|state| {
            if let Some(restoring) = state.restoring().filter(|restoring| matches!(restoring.stage, Stage::Typing)) {
                change(restoring);
            }
        });
    }

    /// Takes under what the keys on this device are to lie, and what is to open them as well.
    pub(crate) fn take_passphrase(&self, name: &str, passphrase: &Secret, passkey: Option<NewPasskey>) {
        let Some(begun) = self.look(|state| state.restoring.as_ref().map(|restoring| restoring.begun)) else { return };
        if !begun && passphrase.as_str().chars().count() < MIN_PASSPHRASE {
            return self.change(|state| state.failed(Trouble::new("passphrase-short")));
        }
        let (name, passphrase) = (name.trim().to_owned(), Zeroizing::new(passphrase.as_bytes().to_vec()));
        self.run_busy("restoring", |phone| async move {
            if begun {
                // Before anybody types shares for it.
                try_passphrase(&phone.0.ground, &passphrase).await?;
                if let Some(device) = went_through(&phone.0.ground, &passphrase).await? {
                    return phone.came_back(device, passkey).await;
                }
            }
            phone.change(|state| {
                if let Some(restoring) = state.restoring() {
                    (restoring.name, restoring.passphrase, restoring.passkey) = (name, passphrase, passkey);
                    restoring.stage = Stage::Typing;
                }
            });
            Ok(())
        });
    }

    /// What was taken, once it makes a kit.
    fn bring_back(&self) {
        let taken = self.change(|state| {
            if state.busy.is_some() {
                return None;
            }
            let restoring = state.restoring()?;
            if !matches!(restoring.stage, Stage::Ready | Stage::Waiting { .. }) {
                return None;
            }
            let keys = combine(&restoring.shares).ok()?;
            let plan = restoring.shares.first()?.plan();
            let taken = (keys, plan, restoring.name.clone(), restoring.passphrase.clone());
            state.trouble = None;
            state.busy = Some(Busy::new("restoring"));
            Some(taken)
        });
        let Some((keys, plan, name, passphrase)) = taken else { return };
        self.run(|phone| async move {
            let wish = Restore { name, passphrase: &passphrase, plan };
            let restored = phone.restored(&keys, wish).await;
            match restored {
                Ok(Restored::Done(device)) => {
                    let passkey = phone.change(|state| state.restoring()?.passkey.take());
                    let sealed = phone.came_back(*device, passkey).await;
                    phone.change(|state| {
                        state.busy = None;
                        if let Err(error) = &sealed {
                            state.failed(Trouble::from(error));
                        }
                    });
                }
                Ok(Restored::Waiting { due, now }) => phone.change(|state| {
                    state.busy = None;
                    if let Some(restoring) = state.restoring() {
                        (restoring.begun, restoring.stage) = (true, Stage::Waiting { due, now });
                    }
                    state.announce(Announcement::polite("say.recovery-waits"));
                }),
                Err(error) => phone.change(|state| {
                    // The pages that were typed stay: most of what may be wrong passes.
                    if let Some(restoring) = state.restoring() {
                        restoring.stage = Stage::Ready;
                    }
                    state.failed(if matches!(error, DeviceError::Output(_)) {
                        Trouble::new("kit-not-kept")
                    } else if error.code() == Some(ErrorCode::NotFound) {
                        Trouble::new("kit-unknown")
                    } else {
                        Trouble::from(&error)
                    });
                }),
            }
        });
    }

    async fn restored(&self, keys: &KitKeys, wish: Restore<'_>) -> Result<Restored, DeviceError> {
        let ground = &self.0.ground;
        let server = ground.transport.origin();
        let mut print = async |kit: &glimpse_core::recovery::RecoveryKit, chain: &glimpse_wire::chain::Chain| {
            let pages = Pages::of(kit, chain.account(), server, ground.machine.now());
            let (tell, told) = oneshot::channel();
            self.change(|state| {
                state.busy = None;
                if let Some(restoring) = state.restoring() {
                    restoring.stage = Stage::Printing { pages, kept: Some(tell) };
                }
                state.announce(Announcement::polite("say.kit-drawn"));
            });
            match told.await {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(DeviceError::Output(io::Error::other("the pages were not kept"))),
            }
        };
        restore(ground, keys, wish, &mut print).await
    }

    /// Whether the pages of the next kit were kept.
    fn printed(&self, kept: bool) {
        self.change(|state| {
            let Some(restoring) = state.restoring() else { return };
            let Stage::Printing { kept: tell, .. } = &mut restoring.stage else { return };
            let tell = tell.take();
            restoring.stage = Stage::Sending;
            state.busy = Some(Busy::new("restoring"));
            if let Some(tell) = tell {
                // Nobody listens any more where the recovery broke off.
                let _heard = tell.send(kept);
            }
        });
    }

    /// The account is here, and nowhere else.
    async fn came_back(&self, device: glimpse_device::Device, passkey: Option<NewPasskey>) -> Result<(), DeviceError> {
        let sealed = self.keep_passkey(&device, passkey).await;
        self.change(|state| {
            state.restoring = None;
            state.announce(Announcement::polite("say.account-back"));
        });
        // What is sensitive is sealed anew with the first look at the list.
        self.unlocked(device);
        // It is back, whatever became of the passkey.
        sealed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_in_no_log() {
        let mut restoring = Restoring::new(false);
        restoring.typed = Typed::of(&Secret::from("apple river".to_owned()));
        restoring.passphrase = Zeroizing::new(b"correct horse".to_vec());
        let shown = format!("{:?} {:?}", restoring.view(), serde_json::to_string(&restoring.view()).unwrap());
        assert!(!shown.contains("river") && !shown.contains("horse"), "{shown}");
    }
}
