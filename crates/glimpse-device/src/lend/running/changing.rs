//! New Terms in a running session, one after the other: made, sent, and in force once the server enforces them.

use glimpse_core::session::device::Change;
use glimpse_core::session::{LentUnit, SealedGrant};
use glimpse_wire::limits::MAX_SESSION_MILLIS;
use glimpse_wire::{ErrorCode, encode};

use super::{Done, Running};
use crate::api::with_cbor;
use crate::lend::Event;
use crate::lend::pairing::Planned;
use crate::transport::Method;

impl Running<'_> {
    /// Takes up the next change, once that before it is in force.
    pub(super) fn change(&mut self) {
        if self.terms_under_way {
            return;
        }
        let Some(change) = self.later.pop_front() else { return };
        self.terms_under_way = true;
        let device = self.device;
        // A server takes Terms under the account's newest head alone, and the account may have changed meanwhile.
        self.jobs.push(Box::pin(async move {
            let head = device.sync().await.ok().map(|_| device.head());
            Done::Headed(Change { head, ..change })
        }));
    }

    /// Makes new Terms of a change.
    pub(super) fn amend(&mut self, change: Change, events: &mut dyn FnMut(Event)) {
        let now = self.clock.at(self.now());
        match self.session.amend(change, now, self.device.keys(), &mut self.device.rng()) {
            Ok(grant) => self.submit(Box::new(grant), 0),
            Err(code) => {
                self.terms_under_way = false;
                events(Event::NotChanged(code.into()));
            }
        }
    }

    /// Sends Terms to the server, the same bytes each time.
    pub(super) fn submit(&mut self, grant: Box<SealedGrant>, wait: u64) {
        self.terms_under_way = true;
        let device = self.device;
        let body = encode(&grant.submission(self.mailbox.mailbox));
        let path = format!("/v1/sessions/{}/terms", self.session.session());
        self.jobs.push(Box::pin(async move {
            if wait > 0 {
                device.machine.sleep(wait).await;
            }
            let sent = device.authorised(|token| with_cbor(Method::Post, path.clone(), body.clone()).by(token)).await;
            Done::Terms(grant, sent.map(|_| ()))
        }));
    }

    /// The server enforces new Terms; the viewer hears of them.
    pub(super) async fn in_force(
        &mut self,
        grant: &SealedGrant,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), ErrorCode> {
        self.terms_under_way = false;
        self.link.send(grant.message.clone()).await;
        let added: Vec<Planned> =
            grant.terms.units.iter().filter_map(|unit| self.pending.remove(&unit.unit())).collect();
        let lent = added.iter().map(|planned| planned.lent.clone()).collect();
        self.admit(added);
        let left = grant.terms.expires.since(self.clock.at(self.now()));
        self.ends = self.now().plus(left.min(MAX_SESSION_MILLIS));
        events(Event::Changed {
            expires: grant.terms.expires,
            expires_in: left,
            budget: grant.terms.budget,
            added: lent,
        });
        self.questions.given();
        self.ask_next(events);
        Ok(())
    }

    pub(super) fn add(&mut self, units: Vec<LentUnit>, planned: Vec<Planned>) {
        self.pending.extend(planned.into_iter().map(|planned| (planned.lent.unit, planned)));
        for add in glimpse_core::session::device::split_for_grants(units) {
            self.later.push_back(Change { add, ..Change::default() });
        }
    }
}
