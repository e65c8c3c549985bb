//! What a screen needs when the person comes to it, and what goes when they leave it.

use crate::phone::Phone;
use crate::state::Place;

impl Phone {
    pub(crate) fn arrived(&self, at: Place) {
        self.change(|state| {
            // Shares stand on the screen of the kit and nowhere else; pages that were not kept open nothing.
            state.kit.discard();
            state.sessions.close();
            state.inbox.forget_new();
        });
        if matches!(at, Place::Inbox | Place::Kit) {
            self.run(|phone| async move { phone.look_at_inbox().await });
        }
        if at == Place::Settings {
            self.look_at_pushes();
        }
        if at == Place::Sessions {
            self.look_at_sessions();
        }
    }
}
