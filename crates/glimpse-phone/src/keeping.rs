//! How the keys are kept here: passphrase and passkey, what was chosen, and the ways out of the account.

use core::fmt;
use std::rc::Rc;

use glimpse_device::passkey::{Passkey, PasskeySecret};
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_wire::Salt;
use serde::{Deserialize, Serialize};

use crate::intent::Secret;
use crate::linking::Form;
use crate::phone::{MIN_PASSPHRASE, Phone};
use crate::prefs::{self, Prefs};
use crate::pushing::PushView;
use crate::state::{Gate, State};
use crate::tagged;
use crate::trouble::Trouble;

/// What the person did with a passkey. What the passkey gave comes beside it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Keyed {
    /// Wants in.
    Unlock,
    /// Wants to found an account whose keys it opens beside the passphrase.
    Create {
        /// The name that a viewer reads; may be empty.
        name: String,
        /// What the authenticator calls it.
        credential: Vec<u8>,
        /// What it was given.
        salt: [u8; 32],
        /// Keys lie under this as well.
        passphrase: Secret,
    },
    /// Wants into an account, with keys that it opens beside the passphrase.
    Join {
        /// How the two come by a code.
        form: Form,
        /// What the other device shows, where it was typed or scanned here.
        #[serde(default)]
        code: Option<Secret>,
        /// The name of this device; may be empty.
        name: String,
        /// What the authenticator calls it.
        credential: Vec<u8>,
        /// What it was given.
        salt: [u8; 32],
        /// Keys lie under this as well.
        passphrase: Secret,
    },
    /// Wants an account back, on a device whose keys it opens beside the passphrase.
    Restore {
        /// What the device is to be called; may be empty.
        name: String,
        /// What the authenticator calls it.
        credential: Vec<u8>,
        /// What it was given.
        salt: [u8; 32],
        /// Keys lie under this as well.
        passphrase: Secret,
    },
    /// Wants it to open the keys from now on.
    Add {
        /// What the authenticator calls it.
        credential: Vec<u8>,
        /// What it was given.
        salt: [u8; 32],
        /// The one that holds.
        passphrase: Secret,
    },
    /// Wants another passphrase, and does not know the old one.
    ChangePassphrase {
        /// The one that is to hold.
        new: Secret,
    },
    /// Has read what it means, and wants the account gone everywhere.
    DeleteAccount,
}

impl Keyed {
    /// Reads what the page writes; nothing for what is none.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        tagged::from_str(json)
    }
}

/// A passkey that was made, and what it gave.
pub(crate) struct NewPasskey {
    passkey: Passkey,
    secret: PasskeySecret,
}

impl fmt::Debug for NewPasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPasskey(redacted)")
    }
}

/// That it is the owner who asks for what cannot be taken back.
pub(crate) enum Proof {
    Passphrase(Secret),
    Passkey(PasskeySecret),
}

impl Proof {
    async fn check(&self, phone: &Phone, device: &Device) -> Result<(), DeviceError> {
        match self {
            Self::Passphrase(passphrase) => device.check_passphrase(passphrase.as_bytes()).await,
            Self::Passkey(secret) => Device::unlock_by_passkey(&phone.0.ground, secret).await.map(drop),
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(redacted)")
    }
}

/// Which passkey is to be asked, as the page needs it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasskeyView<'a> {
    credential: &'a [u8],
    salt: &'a [u8],
}

impl<'a> PasskeyView<'a> {
    pub(crate) fn of(passkey: &'a Passkey) -> Self {
        Self { credential: &passkey.credential, salt: &passkey.salt.0 }
    }
}

/// The settings, as the page draws them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView<'a> {
    lock: u32,
    language: &'a str,
    /// The page that the screen with a code names; empty for the server's own.
    site: &'a str,
    /// What the server says of pushes; nothing while it was not asked.
    push: Option<&'a PushView>,
    /// What was done last.
    done: Option<&'static str>,
}

impl<'a> SettingsView<'a> {
    pub(crate) fn of(state: &'a State) -> Self {
        let Prefs { lock, language, site } = &state.prefs;
        Self { lock: *lock, language, site, push: state.push.as_ref(), done: state.done }
    }
}

impl State {
    pub(crate) fn did(&mut self, key: &'static str) {
        self.done = Some(key);
        self.announce(Announcement::polite(key));
    }
}

impl Phone {
    /// Takes what the person did with a passkey, and what that gave.
    pub fn keyed(&self, keyed: Keyed, secret: PasskeySecret) {
        if self.is_overdue() {
            return self.lock();
        }
        self.touch();
        match keyed {
            Keyed::Unlock => self.unlock_by_passkey(secret),
            Keyed::Create { name, credential, salt, passphrase } => {
                let passkey = NewPasskey { passkey: Passkey { credential, salt: Salt(salt) }, secret };
                self.create(name, passphrase, Some(passkey));
            }
            Keyed::Join { form, code, name, credential, salt, passphrase } => {
                let passkey = NewPasskey { passkey: Passkey { credential, salt: Salt(salt) }, secret };
                self.join(form, code.as_ref(), name, passphrase, Some(passkey));
            }
            Keyed::Restore { name, credential, salt, passphrase } => {
                let passkey = NewPasskey { passkey: Passkey { credential, salt: Salt(salt) }, secret };
                self.take_passphrase(&name, &passphrase, Some(passkey));
            }
            Keyed::Add { credential, salt, passphrase } => {
                self.add_passkey(Passkey { credential, salt: Salt(salt) }, secret, passphrase);
            }
            Keyed::ChangePassphrase { new } => self.change_passphrase(Proof::Passkey(secret), new),
            Keyed::DeleteAccount => self.delete_account(Proof::Passkey(secret)),
        }
    }

    /// Where the account went meanwhile, the screen is that of an empty device.
    pub(crate) fn there<T>(&self, unlocked: Result<T, DeviceError>) -> Result<T, DeviceError> {
        if matches!(unlocked, Err(DeviceError::NoAccount)) {
            self.change(State::empty);
        }
        unlocked
    }

    /// Lets a passkey open the keys of a device that has just come to be, where one was made for it.
    pub(crate) async fn keep_passkey(&self, device: &Device, made: Option<NewPasskey>) -> Result<(), DeviceError> {
        let Some(NewPasskey { passkey, secret }) = made else { return Ok(()) };
        device.add_passkey(&passkey, &secret).await?;
        self.change(|state| state.passkey = Some(passkey));
        Ok(())
    }

    fn unlock_by_passkey(&self, secret: PasskeySecret) {
        if self.look(|state| state.gate != Gate::Locked) {
            return;
        }
        self.run_busy("unlocking", |phone| async move {
            let unlocked = Device::unlock_by_passkey(&phone.0.ground, &secret).await;
            let device = phone.there(unlocked)?;
            phone.unlocked(device);
            Ok(())
        });
    }

    /// Something about the keys themselves, while they are there.
    fn keep<F>(&self, what: &'static str, task: impl FnOnce(Self, Rc<Device>) -> F)
    where
        F: Future<Output = Result<(), DeviceError>> + 'static,
    {
        let Some(device) = self.device() else { return };
        self.change(|state| state.done = None);
        self.run_busy(what, |phone| task(phone, device));
    }

    fn add_passkey(&self, passkey: Passkey, secret: PasskeySecret, passphrase: Secret) {
        self.keep("sealing", |phone, device| async move {
            // Who finds the phone unlocked must not get a key to it of their own.
            device.check_passphrase(passphrase.as_bytes()).await?;
            device.add_passkey(&passkey, &secret).await?;
            phone.change(|state| {
                state.passkey = Some(passkey);
                state.did("set.did.passkey-added");
            });
            Ok(())
        });
    }

    pub(crate) fn remove_passkey(&self) {
        self.keep("sealing", |phone, device| async move {
            device.remove_passkey().await?;
            phone.change(|state| {
                state.passkey = None;
                state.did("set.did.passkey-removed");
            });
            Ok(())
        });
    }

    pub(crate) fn change_passphrase(&self, proof: Proof, new: Secret) {
        if new.as_str().chars().count() < MIN_PASSPHRASE {
            return self.change(|state| state.failed(Trouble::new("passphrase-short")));
        }
        self.keep("sealing", |phone, device| async move {
            proof.check(&phone, &device).await?;
            device.change_passphrase(new.as_bytes()).await?;
            phone.change(|state| state.did("set.did.passphrase"));
            Ok(())
        });
    }

    pub(crate) fn set_lock(&self, minutes: u32) {
        self.prefer(|prefs| prefs.lock = prefs::lock(minutes));
        if self.device().is_some() {
            self.set_timer();
        }
    }

    pub(crate) fn set_language(&self, language: &str) {
        self.prefer(|prefs| prefs.language = prefs::language(language));
    }

    pub(crate) fn prefer(&self, choose: impl FnOnce(&mut Prefs)) {
        let prefs = self.change(|state| {
            choose(&mut state.prefs);
            state.prefs.clone()
        });
        self.run(|phone| async move {
            if let Err(error) = prefs.store(&*phone.0.ground.storage).await {
                phone.change(|state| state.failed(&DeviceError::from(error)));
            }
        });
    }

    pub(crate) fn forget(&self) {
        if self.look(State::is_engaged) {
            return self.change(|state| state.failed(Trouble::new("engaged")));
        }
        self.keep("forgetting", |phone, device| async move {
            device.forget_here().await?;
            phone.gone().await
        });
    }

    pub(crate) fn delete_account(&self, proof: Proof) {
        if self.look(State::is_engaged) {
            return self.change(|state| state.failed(Trouble::new("engaged")));
        }
        self.keep("forgetting", |phone, device| async move {
            proof.check(&phone, &device).await?;
            device.delete_account().await?;
            device.forget_here().await?;
            phone.gone().await
        });
    }

    /// There is no account here any more.
    async fn gone(&self) -> Result<(), DeviceError> {
        let forgotten = Prefs::forget(&*self.0.ground.storage).await;
        self.close();
        self.drop_keys();
        self.change(|state| {
            state.empty();
            state.announce(Announcement::polite("set.did.gone"));
        });
        Ok(forgotten?)
    }
}
