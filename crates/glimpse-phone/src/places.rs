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
            state.organisations.put_away();
            // Only where something is chosen to be lent do the days stand on the screen.
            if at != Place::Lend {
                state.list.between(None, None);
            }
        });
        match at {
            Place::Inbox | Place::Kit => self.run(|phone| async move { phone.look_at_inbox().await }),
            Place::Settings => self.look_at_pushes(),
            Place::Sessions => self.look_at_sessions(),
            Place::Devices => self.look_at_devices(),
            Place::Organisations => self.look_at_organisations(),
            Place::Lend => self.note_organisations(),
            Place::Records | Place::Add | Place::More | Place::Link => {}
        }
    }
}
