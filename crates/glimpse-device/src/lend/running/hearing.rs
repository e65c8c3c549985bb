//! What a running session hears: from the server about the mailbox and the trail, from the viewer over the live channel.

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_ASK, MAX_MESSAGE};
use glimpse_wire::live::Live;
use glimpse_wire::pairing::Message;
use glimpse_wire::{ErrorCode, UnitId, decode};

use super::asking::Heard;
use super::{Done, Running, Stage};
use crate::lend::Event;
use crate::lend::trail::Noted;
use crate::mailbox::News;

/// Where a receipt belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is next, or was taken before.
    InOrder,
    /// Others come before it.
    TooEarly,
}

impl Running<'_> {
    pub(super) async fn news(&mut self, news: News, events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        match news {
            News::Joined { peer } => {
                events(Event::Connection { up: true });
                events(Event::Viewer { present: peer });
                // Receipts are told to a device that is connected; what was missed is fetched.
                self.fetch();
            }
            News::Lost => events(Event::Connection { up: false }),
            News::Peer { present } => events(Event::Viewer { present }),
            News::Crowded => events(Event::Crowded),
            News::Receipt(receipt) => {
                if self.receipt(&receipt, events)? == Told::TooEarly {
                    self.fetch();
                }
            }
            // A server that was started again has forgotten its mailboxes: there is no live channel any more.
            News::Over(ErrorCode::NotFound) => return Err(ErrorCode::ServerUnreachable),
            News::Over(code) => return Err(code),
            News::Message(message) => self.message(&message, events).await?,
        }
        Ok(())
    }

    async fn message(&mut self, message: &[u8], events: &mut dyn FnMut(Event)) -> Result<(), ErrorCode> {
        let live = match decode::<Message>(message, MAX_MESSAGE) {
            Ok(Message::Live { counter, sealed }) => {
                self.session.live().ok_or(ErrorCode::ChannelBroken)?.open(counter, &sealed)?
            }
            Ok(
                Message::Hello { .. }
                | Message::Answer { .. }
                | Message::ConfirmA { .. }
                | Message::ConfirmB { .. }
                | Message::Grant(_)
                | Message::Abort { .. },
            )
            | Err(_) => return Err(ErrorCode::ChannelBroken),
        };
        if !fits(&live) {
            return Err(ErrorCode::ChannelBroken);
        }
        match live {
            Live::Opened { unit } => {
                if let Some(unit) = self.units.get(&unit) {
                    events(Event::Viewing(unit.planned.lent.clone()));
                }
            }
            Live::Want { unit } => self.wanted(unit).await,
            Live::AskTime { minutes } => self.asked(Event::AskedTime { minutes }, events).await,
            Live::AskRecord { text } => self.asked(Event::AskedRecord { text }, events).await,
            Live::End { code: _ } => return Err(ErrorCode::SessionEnded),
            Live::Receipts { seq, head } => match self.trail.agrees(seq, &head, self.session.terms()) {
                // The server tells the two ends different stories.
                Some(false) => return Err(ErrorCode::RecordTampered),
                Some(true) => {}
                None => self.fetch(),
            },
            // What only a device says.
            Live::Ready { .. } | Live::Unavailable { .. } | Live::Refused => return Err(ErrorCode::ChannelBroken),
        }
        Ok(())
    }

    /// The viewer asks for something.
    async fn asked(&mut self, question: Event, events: &mut dyn FnMut(Event)) {
        match self.questions.ask(question, self.now()) {
            Heard::Asked(question) => events(question),
            Heard::Waits => {}
            Heard::TooSoon => self.say(&Live::Refused).await,
        }
    }

    /// What was asked behind another question comes when that one is out of the way.
    pub(super) fn ask_next(&mut self, events: &mut dyn FnMut(Event)) {
        if let Some(question) = self.questions.due(self.now()) {
            events(question);
        }
    }

    /// The viewer waits for a unit: it is made before the others.
    async fn wanted(&mut self, id: UnitId) {
        let Some(unit) = self.units.get_mut(&id) else {
            return self.say(&Live::Unavailable { unit: id, code: ErrorCode::NotGranted }).await;
        };
        match unit.stage {
            Stage::Ready => self.say(&Live::Ready { units: vec![id] }).await,
            Stage::Making => {}
            Stage::Queued | Stage::Idle => {
                unit.stage = Stage::Queued;
                self.queue.retain(|queued| *queued != id);
                self.queue.push_front(id);
            }
        }
    }

    /// Takes a receipt, and tells what it tells.
    pub(super) fn receipt(&mut self, receipt: &Bytes, events: &mut dyn FnMut(Event)) -> Result<Told, ErrorCode> {
        match self.trail.take(receipt)? {
            Noted::Opened { request, seq, at } => {
                let unit = self.units.get(&request.unit).ok_or(ErrorCode::RecordTampered)?;
                events(Event::Opened { lent: unit.planned.lent.clone(), seq, at });
                let budget = self.session.terms().budget;
                if self.spending.opened(budget) {
                    events(Event::Spent { budget });
                }
            }
            Noted::Refused { request, code, seq } => events(Event::Refused { unit: request.unit, code, seq }),
            Noted::Gap => return Ok(Told::TooEarly),
            Noted::Other | Noted::Known => {}
        }
        Ok(Told::InOrder)
    }

    fn fetch(&mut self) {
        if !self.fetching {
            self.fetching = true;
            let (device, session, after) = (self.device, self.session.session(), self.trail.newest());
            self.jobs.push(Box::pin(async move { Done::Receipts(device.receipts_after(session, after).await) }));
        }
    }
}

/// Whether a text in it is as short as it must be.
fn fits(live: &Live) -> bool {
    match live {
        Live::AskRecord { text } => text.len() <= MAX_ASK,
        Live::Opened { .. }
        | Live::Want { .. }
        | Live::Ready { .. }
        | Live::Unavailable { .. }
        | Live::AskTime { .. }
        | Live::Refused
        | Live::End { .. }
        | Live::Receipts { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_over_its_limit_is_no_message_of_an_honest_viewer() {
        let asks = |text: String| fits(&Live::AskRecord { text });
        assert!(asks("x".repeat(MAX_ASK)), "control");
        assert!(!asks("x".repeat(MAX_ASK + 1)));
        assert!(!asks("é".repeat(MAX_ASK / 2 + 1)), "in bytes");
    }
}
