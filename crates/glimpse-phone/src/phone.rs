//! The phone: intents in, snapshots out, a device in between.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::{fmt, mem};
use std::rc::Rc;

use futures_channel::oneshot;
use glimpse_device::home::Home;
use glimpse_device::listing::Listing;
use glimpse_device::passkey;
use glimpse_device::recovery::was_begun;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Device, DeviceError, Ground, Local};
use glimpse_wire::UnixMillis;

use crate::face::Face;
use crate::intent::{Intent, Secret};
use crate::keeping::{NewPasskey, Proof};
use crate::lending::Act;
use crate::linking::Step;
use crate::locking::Watch;
use crate::prefs::Prefs;
use crate::restoring::Restoring;
use crate::snapshot::Snapshot;
use crate::state::{Busy, Gate, Place, State};
use crate::trouble::Trouble;

/// The least that a passphrase may have, in characters.
pub(crate) const MIN_PASSPHRASE: usize = 8;
/// How often a countdown is drawn, in milliseconds.
const TICK: u64 = 1_000;

/// Runs a task beside the others, on this thread.
pub type Spawn = Box<dyn Fn(Local<'static, ()>)>;

/// A linked device in somebody's hand. Clones are the same phone.
#[derive(Clone)]
pub struct Phone(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) ground: Ground,
    pub(crate) face: Box<dyn Face>,
    spawn: Spawn,
    state: RefCell<State>,
    device: RefCell<Option<Rc<Device>>>,
    /// As it was read last.
    pub(crate) listing: RefCell<Rc<Listing>>,
    ticking: Cell<bool>,
    refreshing: Cell<bool>,
    /// Dropped when the next look has ended.
    waiting: RefCell<Vec<oneshot::Sender<Infallible>>>,
    pub(crate) watch: Watch,
}

impl Phone {
    /// Looks whether there is an account in the ground's storage, and shows the screen for it.
    #[must_use]
    pub fn start(ground: Ground, face: Box<dyn Face>, spawn: Spawn) -> Self {
        let phone = Self(Rc::new(Inner {
            ground,
            face,
            spawn,
            state: RefCell::default(),
            device: RefCell::default(),
            listing: RefCell::default(),
            ticking: Cell::new(false),
            refreshing: Cell::new(false),
            waiting: RefCell::default(),
            watch: Watch::default(),
        }));
        phone.run(|phone| async move {
            let home = Home::new(Rc::clone(&phone.0.ground.storage));
            let profile = home.profile().await;
            let prefs = Prefs::read(&*phone.0.ground.storage).await;
            // One that cannot be read is as good as none: there is the passphrase.
            let passkey = passkey::passkey(&home).await.unwrap_or_default();
            let begun = was_begun(&phone.0.ground).await.unwrap_or(false);
            phone.change(|state| {
                state.prefs = prefs;
                state.passkey = passkey;
                match profile {
                    Ok(Some(profile)) if profile.confirmed => {
                        state.gate = Gate::Locked;
                        state.name = profile.name;
                    }
                    Ok(Some(profile)) if profile.joins() => {
                        state.gate = Gate::Empty;
                        state.joining = true;
                        state.resumable = true;
                    }
                    // What was begun and never confirmed is gone on with by doing the same again.
                    Ok(_) => {
                        state.gate = Gate::Empty;
                        state.restoring = begun.then(|| Restoring::new(true));
                    }
                    Err(error) => {
                        state.gate = Gate::Locked;
                        state.failed(&error);
                    }
                }
            });
        });
        phone
    }

    /// Takes what the person did. What does not fit the screen is dropped: the page is not trusted to be well formed.
    pub fn intent(&self, intent: Intent) {
        if self.is_overdue() && !matches!(intent, Intent::Visible { .. }) {
            return self.lock();
        }
        if !matches!(intent, Intent::Visible { .. } | Intent::Refresh) {
            self.touch();
        }
        match intent {
            Intent::Active => {}
            Intent::SetLock { minutes } => self.set_lock(minutes),
            Intent::Language { language } => self.set_language(&language),
            Intent::SetSite { site } => self.set_site(&site),
            Intent::ChangePassphrase { old, new } => self.change_passphrase(Proof::Passphrase(old), new),
            Intent::RemovePasskey => self.remove_passkey(),
            Intent::Forget => self.forget(),
            Intent::DeleteAccount { passphrase } => self.delete_account(Proof::Passphrase(passphrase)),
            Intent::Create { name, passphrase } => self.create(name, passphrase, None),
            Intent::Unlock { passphrase } => self.unlock(passphrase),
            Intent::Lock => self.lock(),
            Intent::Go { to } => self.go(to),
            Intent::Refresh => self.refresh(),
            Intent::Search { text } => self.change(|state| state.search(text)),
            Intent::Filter { kind } => self.change(|state| state.filter(kind)),
            Intent::Between { from, to } => {
                self.change(|state| state.between(from.map(UnixMillis), to.map(UnixMillis)));
            }
            Intent::Window { first, count } => self.change(|state| state.list.window(first, count)),
            Intent::Choose { unit, chosen } => self.change(|state| {
                if let Ok(record) = unit.parse() {
                    state.list.choose(record, chosen);
                }
            }),
            Intent::ChooseAll { chosen } => self.change(|state| state.list.choose_all(chosen)),
            Intent::Open { unit } => self.open(&unit),
            Intent::Close => self.close(),
            Intent::Save => self.save(),
            Intent::Zoom { block, from, to } => self.0.face.zoom(block, from, to),
            Intent::Delete => self.delete(),
            Intent::Replace => self.replace(),
            Intent::Measure { title, measured } => self.measure(title, &measured),
            Intent::Lend { to, save, minutes } => self.lend(to, save, minutes),
            Intent::LendAgain => self.lend_again(),
            Intent::Approve { words } => self.act(Act::Approve(words)),
            Intent::ApproveAgent { minutes } => self.act(Act::ApproveAgent(minutes)),
            Intent::Decline => self.act(Act::Decline),
            Intent::CancelCode => self.act(Act::Cancel),
            Intent::Extend { minutes } => self.act(Act::Extend(minutes)),
            Intent::Shorten { minutes } => self.act(Act::Shorten(minutes)),
            Intent::Allow { openings } => self.act(Act::Allow(openings)),
            Intent::LendMore => self.act(Act::More),
            Intent::Refuse => self.act(Act::Refuse),
            Intent::End => self.act(Act::End),
            Intent::HandOver => self.act(Act::HandOver),
            Intent::CloseLending => self.close_lending(),
            Intent::Report => self.report(),
            Intent::Link { form, code } => self.link(form, code.as_ref()),
            Intent::Joining { wanted } => self.joining(wanted),
            Intent::Join { form, code, name, passphrase } => self.join(form, code.as_ref(), name, passphrase, None),
            Intent::Resume { passphrase } => self.resume(passphrase),
            Intent::LinkApprove { words } => self.step(Step::Approve(words)),
            Intent::LinkNone => self.step(Step::NoneOfThese),
            Intent::LinkCancel => self.step(Step::Cancel),
            Intent::LinkSecond { signed } => self.step(Step::Second(signed)),
            Intent::CloseLinking => self.close_linking(),
            Intent::RenameDevice { device, name } => self.rename_device(&device, name),
            Intent::RevokeDevice { device } => self.revoke_device(&device),
            Intent::VetoRecovery => self.veto_recovery(),
            Intent::Push(act) => self.about_pushes(act),
            Intent::Visible { visible } => self.visible(visible),
            Intent::Dismiss => self.change(|state| state.trouble = None),
            Intent::Inbox(act) => self.settle(act),
            Intent::Held(act) => self.decide(act),
            Intent::Sessions(act) => self.about_sessions(act),
            Intent::Organisations(act) => self.about_organisations(act),
            Intent::Fields(act) => self.about_fields(act),
            Intent::Kit(act) => self.about_kit(act),
            Intent::Restore(act) => self.restore(act),
        }
    }

    /// Draws what is on the screen.
    pub fn draw(&self) {
        let state = self.0.state.borrow();
        self.0.face.draw(&Snapshot::of(&state, self.machine().monotonic()));
        let counts = state.counts_down() && state.visible;
        drop(state);
        self.mind_the_lock();
        if counts && !self.0.ticking.replace(true) {
            self.run(|phone| phone.tick());
        }
    }

    /// Draws a countdown, and nothing when there is none: a phone that is put away sleeps.
    async fn tick(self) {
        loop {
            self.machine().sleep(TICK).await;
            let goes_on = {
                let state = self.0.state.borrow();
                state.counts_down() && state.visible
            };
            if !goes_on {
                self.0.ticking.set(false);
                return;
            }
            self.draw();
        }
    }

    /// Changes what is on the screen, and draws it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.0.state.borrow_mut());
        self.draw();
        changed
    }

    /// Looks at what is on the screen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.borrow())
    }

    /// Runs a task beside the others.
    pub(crate) fn run<F: Future<Output = ()> + 'static>(&self, task: impl FnOnce(Self) -> F) {
        (self.0.spawn)(Box::pin(task(self.clone())));
    }

    /// Runs a task that the person waits for; nothing else of its kind can be begun before it is done.
    pub(crate) fn run_busy<F>(&self, what: &'static str, task: impl FnOnce(Self) -> F)
    where
        F: Future<Output = Result<(), DeviceError>> + 'static,
    {
        let begun = self.change(|state| {
            let free = state.busy.is_none();
            if free {
                state.trouble = None;
                state.busy = Some(Busy::new(what));
            }
            free
        });
        if begun {
            let task = task(self.clone());
            self.run(|phone| async move {
                let done = task.await;
                phone.change(|state| match done {
                    Ok(()) => state.busy = None,
                    Err(error) => state.failed(&error),
                });
            });
        }
    }

    /// The device, while its keys are there.
    pub(crate) fn device(&self) -> Option<Rc<Device>> {
        self.0.device.borrow().clone()
    }

    pub(crate) fn machine(&self) -> &dyn Surroundings {
        &*self.0.ground.machine
    }

    pub(crate) fn create(&self, name: String, passphrase: Secret, passkey: Option<NewPasskey>) {
        if passphrase.as_str().chars().count() < MIN_PASSPHRASE {
            return self.change(|state| state.failed(Trouble::new("passphrase-short")));
        }
        self.run_busy("creating", |phone| async move {
            let device = Device::create(phone.0.ground.clone(), name.trim(), passphrase.as_bytes()).await?;
            let sealed = phone.keep_passkey(&device, passkey).await;
            // There is an account, whatever became of the passkey.
            phone.unlocked(device);
            sealed
        });
    }

    fn unlock(&self, passphrase: Secret) {
        self.run_busy("unlocking", |phone| async move {
            let unlocked = Device::unlock(&phone.0.ground, passphrase.as_bytes()).await;
            let device = phone.there(unlocked)?;
            // Typed a moment ago, which is what ten failures in a day ask for.
            device.forgive_failures().await?;
            phone.unlocked(device);
            Ok(())
        });
    }

    /// The keys are there: first what was kept here, then what the server says.
    pub(crate) fn unlocked(&self, device: Device) {
        let name = device.name().to_owned();
        self.0.device.replace(Some(Rc::new(device)));
        self.change(|state| {
            state.gate = Gate::Open;
            state.place = Place::Records;
            state.name = name;
        });
        self.note_organisations();
        self.refresh();
    }

    /// Asks what is new, once at a time.
    pub(crate) fn refresh(&self) {
        let Some(device) = self.device() else { return self.0.waiting.borrow_mut().clear() };
        if self.0.refreshing.replace(true) {
            return;
        }
        self.run(|phone| async move {
            loop {
                let waiting = mem::take(&mut *phone.0.waiting.borrow_mut());
                phone.look_once(&device).await;
                phone.note_organisations();
                drop(waiting);
                // Somebody waits for what came to be while this look was under way.
                if phone.0.waiting.borrow().is_empty() {
                    break;
                }
            }
            phone.0.refreshing.set(false);
            phone.look_at_inbox().await;
        });
    }

    /// Done when a look that begins after this moment has ended, well or not.
    pub(crate) async fn look_again(&self) {
        let (waiting, ended) = oneshot::channel::<Infallible>();
        self.0.waiting.borrow_mut().push(waiting);
        self.refresh();
        // The look ends by letting go of its end.
        let _ = ended.await;
    }

    async fn look_once(&self, device: &Device) {
        if !self.look(|state| state.fresh)
            && let Ok(kept) = device.stored_listing().await
        {
            self.list(kept, false);
        }
        match device.listing().await {
            Ok(listing) => self.list(listing, true),
            Err(error) => self.change(|state| {
                let trouble = Trouble::from(&error);
                state.online = trouble.key != "server-unreachable";
                // Offline there is a banner for; what is kept here can still be looked at.
                if state.online {
                    state.failed(trouble);
                }
            }),
        }
    }

    pub(crate) fn go(&self, to: Place) {
        let open = self.look(|state| state.gate == Gate::Open);
        if !open {
            return;
        }
        self.close();
        self.change(|state| {
            state.place = to;
            state.trouble = None;
            state.done = None;
            state.draft = None;
            if to != Place::Lend {
                state.resumed = None;
            }
        });
        self.arrived(to);
    }

    /// Puts the keys away, unless something would break off by it.
    pub(crate) fn lock(&self) {
        if self.look(State::is_engaged) || self.device().is_none() {
            return;
        }
        self.close();
        self.drop_keys();
        self.change(State::lock);
    }

    /// Lets go of the keys, and of what they opened.
    pub(crate) fn drop_keys(&self) {
        self.0.device.replace(None);
        self.0.listing.replace(Rc::default());
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(redacted)")
    }
}
