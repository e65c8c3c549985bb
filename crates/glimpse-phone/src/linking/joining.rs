//! This device is brought into an account: by a code that it shows, or by one that a device of the account shows.

use std::rc::Rc;

use futures_channel::mpsc::unbounded;
use glimpse_device::home::Home;
use glimpse_device::linking::{Join, Way, join, resume};
use glimpse_device::{Device, DeviceError};
use glimpse_page::data;

use super::{Done, Form, Role, Stage, way};
use crate::devices::short;
use crate::intent::Secret;
use crate::keeping::NewPasskey;
use crate::phone::{MIN_PASSPHRASE, Phone};
use crate::state::{Gate, Place};
use crate::trouble::Trouble;

/// What a new device brings into an account.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// What the other devices call it.
    pub(crate) name: String,
    /// Its keys lie under this.
    pub(crate) passphrase: Secret,
    /// What opens them as well.
    pub(crate) passkey: Option<NewPasskey>,
    /// The way to the server, for a device that has none of its own.
    pub(crate) by: Option<&'static str>,
}

impl Phone {
    /// Goes to, or comes back from, the screen on which this device is brought into an account.
    pub(crate) fn joining(&self, wanted: bool) {
        if self.look(|state| state.gate == Gate::Empty && state.busy.is_none()) && self.may_link() {
            self.change(|state| {
                state.joining = wanted;
                state.linking = None;
                state.trouble = None;
            });
        }
    }

    /// Brings this device into an account.
    pub(crate) fn join(
        &self,
        form: Form,
        code: Option<&Secret>,
        name: String,
        passphrase: Secret,
        passkey: Option<NewPasskey>,
    ) {
        if !self.may_join() {
            return;
        }
        if passphrase.as_str().chars().count() < MIN_PASSPHRASE {
            return self.change(|state| state.failed(Trouble::new("passphrase-short")));
        }
        match way(form, code) {
            Ok(way) => self.run(|phone| phone.bring_in(way, Newcomer { name, passphrase, passkey, by: None })),
            Err(trouble) => self.change(|state| state.failed(trouble)),
        }
    }

    /// Whether a linking can begin that brings this device into an account.
    fn may_join(&self) -> bool {
        self.look(|state| state.gate == Gate::Empty) && self.may_link()
    }

    /// Brings this device into an account, and shows how it goes; nothing where something is under way.
    pub(crate) async fn bring_in(self, way: Way, newcomer: Newcomer) {
        if !self.may_join() {
            return;
        }
        let (commands, mut heard) = unbounded();
        let turn = self.change(|state| {
            state.joining = true;
            state.begin_linking(Role::Joiner, commands)
        });
        let Newcomer { name, passphrase, passkey, by } = newcomer;
        // A browser has no serial number that it would tell.
        let (name, serial) = (name.trim().to_owned(), String::new());
        let plan = Join { name, serial, passphrase: passphrase.as_bytes(), phone: by.map(str::to_owned) };
        let shown = self.clone();
        let mut show = move |event| shown.linking_heard(turn, event);
        match join(&self.0.ground, plan, way, &mut heard, &mut show).await {
            Ok(device) => {
                let sealed = self.keep_passkey(&device, passkey).await;
                self.joined(turn, device);
                // It is in the account, whatever became of the passkey.
                if let Err(error) = sealed {
                    self.change(|state| state.failed(Trouble::from(&error)));
                }
            }
            Err(error) => {
                self.linking_over(turn, Err(error));
                self.look_for_begun().await;
            }
        }
    }

    /// Goes on with a linking that broke off here.
    pub(crate) fn resume(&self, passphrase: Secret) {
        if !self.look(|state| state.resumable) || !self.may_join() {
            return;
        }
        self.run_busy("resuming", |phone| async move {
            match resume(&phone.0.ground, passphrase.as_bytes()).await {
                Ok(device) => phone.unlocked(device),
                Err(DeviceError::NoAccount) => phone.change(|state| {
                    state.resumable = false;
                    state.failed(Trouble::new("link-never-added"));
                }),
                Err(error) => return Err(error),
            }
            Ok(())
        });
    }

    /// Whether there is a linking in this home that broke off after this device had signed.
    async fn look_for_begun(&self) {
        let profile = Home::new(Rc::clone(&self.0.ground.storage)).profile().await;
        let begun = profile.ok().flatten().is_some_and(|profile| profile.joins());
        self.change(|state| state.resumable = begun && state.gate == Gate::Empty);
    }

    fn joined(&self, turn: u32, device: Device) {
        let id = device.keys().id();
        let free = device.chain().active(&id).map_or(0, |member| member.free_at.0);
        let held = free.saturating_sub(device.now().0);
        let done = Done { name: data::line(device.name()), short: short(&id), held, told: true };
        self.unlocked(device);
        self.change(|state| state.place = Place::Link);
        self.linking_over(turn, Ok(done));
    }

    /// Leaves the end of a linking for the screen that follows, and says there why nothing was linked: where there is no
    /// screen for such an end.
    pub(crate) fn pass_over_linking(&self) {
        self.change(|state| {
            let Some(linking) = state.linking.take_if(|linking| !linking.is_live()) else { return };
            state.place = Place::Records;
            if let Stage::Over { trouble, .. } = linking.stage {
                state.trouble = trouble;
            }
        });
    }
}
