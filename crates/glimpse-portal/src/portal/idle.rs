//! Signing out when nobody has touched the desk for a while: whoever left it stays signed in nowhere.
//!
//! There is one timer, and only while somebody is signed in and no session runs, which has ends of its own. It looks at the clock now
//! and then: a machine that slept stops timers and not the time. Nor is it trusted alone: a page in the background may be frozen, so
//! what the clock says is looked at again with whatever the person does next.

use core::cell::Cell;

use glimpse_core::Monotonic;

use super::Portal;

/// After how long without a touch, in milliseconds.
const IDLE: u64 = 15 * 60 * 1_000;

/// How long the clock is not looked at, in milliseconds at most.
const LOOK: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Watch {
    /// When the person did something last.
    touched: Cell<Option<Monotonic>>,
    /// Whether the timer runs.
    timer: Cell<bool>,
}

impl Portal {
    /// The person is there.
    pub(super) fn touch(&self) {
        self.0.idle.touched.set(Some(self.0.machine.monotonic()));
    }

    /// Milliseconds until the agent is signed out; nothing while nobody is to be.
    fn until_idle(&self) -> Option<u64> {
        let counts = {
            let state = self.0.state.borrow();
            state.token.is_some() && !state.live
        };
        let now = self.0.machine.monotonic();
        counts.then(|| now.until(self.0.idle.touched.get().unwrap_or(now).plus(IDLE)))
    }

    /// Whether the agent should be signed out by now.
    pub(super) fn is_overdue(&self) -> bool {
        self.until_idle() == Some(0)
    }

    /// Somebody signed in, or a session is over: whoever had it was there until then.
    pub(super) fn mind_idle(&self) {
        self.touch();
        if !self.0.idle.timer.replace(true) {
            self.run(|portal| async move { portal.sign_out_when_due().await });
        }
    }

    async fn sign_out_when_due(&self) {
        while let Some(left) = self.until_idle() {
            if left == 0 {
                self.sign_out_idle();
                break;
            }
            self.0.machine.sleep(left.min(LOOK)).await;
        }
        self.0.idle.timer.set(false);
    }

    /// Nobody was there: the token goes, and whatever was typed.
    pub(super) fn sign_out_idle(&self) {
        self.sign_out();
        self.0.state.borrow_mut().problem = Some("agent.idle");
        self.draw();
    }
}
