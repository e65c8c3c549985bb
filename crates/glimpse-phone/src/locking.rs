//! Putting the keys away when nobody has touched the phone for a while, and when it is put away itself.
//!
//! There is one timer, and only while there is something to lock: none while the keys are away, and none while locking would
//! break something off. It is not trusted alone: a page in the background may be frozen, so what the monotonic clock says is
//! looked at again with whatever the person does next.

use core::cell::{Cell, RefCell};

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use glimpse_core::Monotonic;

use crate::phone::Phone;
use crate::state::{Gate, State};

const MINUTE: u64 = 60 * 1_000;
/// For as long at least the pages of a kit stay: whoever copies them by hand, or stands at a printer, touches nothing.
const COPYING: u64 = 15 * MINUTE;

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// When the person did something last.
    touched: Cell<Option<Monotonic>>,
    /// Held by the timer, where one runs; it ends when this is dropped.
    timer: RefCell<Option<oneshot::Sender<()>>>,
    engaged: Cell<bool>,
    /// What [`State::lock_after`] said last.
    after: Cell<u64>,
}

impl State {
    /// Whether there are keys to put away, and nothing under way that needs them.
    fn can_lock(&self) -> bool {
        self.gate == Gate::Open && !self.is_engaged()
    }

    /// After how many milliseconds without a touch the keys are put away.
    fn lock_after(&self) -> u64 {
        let chosen = match self.prefs.lock {
            // At once is when it is out of sight; lying open on a table, it has its minute.
            0 if self.visible => MINUTE,
            minutes => u64::from(minutes).saturating_mul(MINUTE),
        };
        if self.kit.is_drawn() { chosen.max(COPYING) } else { chosen }
    }
}

impl Phone {
    /// The person is there.
    pub(crate) fn touch(&self) {
        self.0.watch.touched.set(Some(self.machine().monotonic()));
    }

    /// Milliseconds until the keys are put away; nothing while they cannot be.
    fn until_lock(&self) -> Option<u64> {
        let after = self.look(|state| state.can_lock().then(|| state.lock_after()))?;
        let now = self.machine().monotonic();
        Some(now.until(self.0.watch.touched.get().unwrap_or(now).plus(after)))
    }

    /// Whether the keys should be away by now.
    pub(crate) fn is_overdue(&self) -> bool {
        self.until_lock() == Some(0)
    }

    /// Looks whether there is something to lock, at every change.
    pub(crate) fn mind_the_lock(&self) {
        let watch = &self.0.watch;
        let (engaged, can_lock, after) = self.look(|state| (state.is_engaged(), state.can_lock(), state.lock_after()));
        let sooner = after < watch.after.replace(after);
        if watch.engaged.replace(engaged) && !engaged {
            // Whoever had something under way was there until it ended.
            self.touch();
        }
        if !can_lock {
            watch.timer.replace(None);
        } else if sooner || watch.timer.borrow().is_none() {
            self.set_timer();
        }
    }

    /// Sets the timer anew.
    pub(crate) fn set_timer(&self) {
        let (held, gone) = oneshot::channel();
        self.0.watch.timer.replace(Some(held));
        self.run(|phone| phone.lock_when_due(gone));
    }

    async fn lock_when_due(self, mut gone: oneshot::Receiver<()>) {
        while let Some(left) = self.until_lock() {
            if left == 0 {
                return self.lock();
            }
            match select(self.machine().sleep(left), gone).await {
                Either::Left((_, receiver)) => gone = receiver,
                Either::Right(_) => return,
            }
        }
    }

    /// The page went out of sight, or came back.
    pub(crate) fn visible(&self, visible: bool) {
        if self.is_overdue() {
            self.lock();
        } else {
            self.touch();
        }
        self.change(|state| state.visible = visible);
        if visible {
            self.back_in_sight();
        } else {
            self.out_of_sight();
        }
        if self.is_overdue() {
            self.lock();
        } else if self.look(State::can_lock) {
            // It may be sooner now.
            self.set_timer();
        }
    }
}
