//! The two directions of one mailbox: messages by number, kept until the other end has taken them, so that a connection
//! may break at any moment and nothing is lost, doubled or reordered.

use std::collections::VecDeque;
use std::sync::Arc;

use glimpse_wire::ErrorCode;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_MAILBOX_BYTES, MAX_MAILBOX_MESSAGES, MAX_MESSAGE};
use glimpse_wire::mailbox::ToEnd;
use minicbor::{Decode, Encode};
use tokio::sync::Notify;

/// One end: what waits for it, what it sent, and its connection, if it has one.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Messages for this end that it has not taken.
    inbox: VecDeque<Bytes>,
    inbox_bytes: usize,
    /// How many messages this end has taken and the server has forgotten.
    taken: u64,
    link: Option<Link>,
}

/// A connection of an end.
#[derive(Debug)]
struct Link {
    id: u64,
    /// The next message to deliver on this connection.
    next: u64,
    /// Other frames for this connection, in order.
    news: VecDeque<ToEnd>,
    wake: Arc<Notify>,
}

/// What of an end outlives a restart: its messages, and how many came before them.
#[derive(Debug, Encode, Decode)]
pub(super) struct KeptEnd {
    #[n(0)]
    taken: u64,
    #[n(1)]
    inbox: Vec<Bytes>,
}

impl End {
    /// Everything but the connection.
    pub(super) fn keep(&self) -> KeptEnd {
        KeptEnd { taken: self.taken, inbox: self.inbox.iter().cloned().collect() }
    }

    /// An end that nobody is connected to yet.
    pub(super) fn restore(kept: KeptEnd) -> Self {
        let inbox_bytes = kept.inbox.iter().map(|message| message.0.len()).sum();
        Self { inbox: kept.inbox.into(), inbox_bytes, taken: kept.taken, link: None }
    }

    /// Number of messages that this end was ever sent.
    pub(super) fn total(&self) -> u64 {
        self.taken.saturating_add(u64::try_from(self.inbox.len()).unwrap_or(u64::MAX))
    }

    pub(super) const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// A new connection takes the place of an older one, which learns so by [`End::is_current`].
    pub(super) fn connect(&mut self, id: u64, received: u64, wake: Arc<Notify>) -> Result<(), ErrorCode> {
        self.take(received)?;
        if let Some(old) = self.link.replace(Link { id, next: received, news: VecDeque::new(), wake }) {
            old.wake.notify_one();
        }
        Ok(())
    }

    pub(super) fn is_current(&self, id: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.id == id)
    }

    /// Forgets the connection, unless another took its place.
    pub(super) fn disconnect(&mut self, id: u64) -> bool {
        let current = self.is_current(id);
        if current {
            self.link = None;
        }
        current
    }

    /// This end has taken the first `received` messages ever sent to it.
    pub(super) fn take(&mut self, received: u64) -> Result<(), ErrorCode> {
        if received > self.total() {
            return Err(ErrorCode::Malformed);
        }
        if received < self.taken {
            // It asks for messages that it said it had: its state went back, and a counter would be used twice.
            return Err(ErrorCode::ChannelBroken);
        }
        while self.taken < received {
            if let Some(message) = self.inbox.pop_front() {
                self.inbox_bytes = self.inbox_bytes.saturating_sub(message.0.len());
            }
            self.taken = self.taken.saturating_add(1);
        }
        Ok(())
    }

    /// Stores message number `seq` of the other end. One that is there is ignored; one that skips is an error.
    pub(super) fn store(&mut self, seq: u64, body: Bytes) -> Result<(), ErrorCode> {
        if body.0.len() > MAX_MESSAGE {
            return Err(ErrorCode::TooLarge);
        }
        if seq < self.total() {
            return Ok(());
        }
        if seq > self.total() {
            return Err(ErrorCode::Malformed);
        }
        let bytes = self.inbox_bytes.saturating_add(body.0.len());
        if self.inbox.len() >= MAX_MAILBOX_MESSAGES || bytes > MAX_MAILBOX_BYTES {
            return Err(ErrorCode::Busy);
        }
        self.inbox_bytes = bytes;
        self.inbox.push_back(body);
        self.wake();
        Ok(())
    }

    /// Queues a frame that is not a message, if this end is connected.
    pub(super) fn tell(&mut self, frame: ToEnd) {
        if let Some(link) = &mut self.link {
            // One that never reads is dropped by its socket; until then its queue is bounded.
            if link.news.len() < MAX_MAILBOX_MESSAGES {
                link.news.push_back(frame);
            }
            link.wake.notify_one();
        }
    }

    /// The next frame for connection `id`.
    pub(super) fn next_frame(&mut self, id: u64) -> Option<ToEnd> {
        let link = self.link.as_mut().filter(|link| link.id == id)?;
        if let Some(news) = link.news.pop_front() {
            return Some(news);
        }
        let seq = link.next.max(self.taken);
        let index = usize::try_from(seq.saturating_sub(self.taken)).ok()?;
        let body = self.inbox.get(index)?.clone();
        link.next = seq.saturating_add(1);
        Some(ToEnd::Deliver { seq, body })
    }

    pub(super) fn wake(&self) {
        if let Some(link) = &self.link {
            link.wake.notify_one();
        }
    }

    /// Forgets all messages: the mailbox is over.
    pub(super) fn clear(&mut self) {
        self.inbox = VecDeque::new();
        self.inbox_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u8) -> Bytes {
        Bytes(vec![n; 3])
    }

    fn connected(end: &mut End, id: u64, received: u64) {
        end.connect(id, received, Arc::new(Notify::new())).expect("connects");
    }

    #[test]
    fn what_was_not_taken_is_resent_in_order() {
        let mut end = End::default();
        for n in 0..3u8 {
            end.store(n.into(), message(n)).expect("stored");
        }
        end.store(1, message(9)).expect("a repeated number is ignored");
        assert_eq!(end.store(5, message(5)), Err(ErrorCode::Malformed), "a skipped number is not");
        connected(&mut end, 1, 0);
        for n in 0..3u8 {
            assert_eq!(end.next_frame(1), Some(ToEnd::Deliver { seq: n.into(), body: message(n) }));
        }
        assert_eq!(end.next_frame(1), None);
        connected(&mut end, 2, 1);
        assert_eq!(end.next_frame(1), None, "the older connection gets nothing more");
        assert_eq!(end.next_frame(2), Some(ToEnd::Deliver { seq: 1, body: message(1) }));
        assert!(!end.disconnect(1) && end.disconnect(2));
        assert_eq!(end.take(0), Err(ErrorCode::ChannelBroken), "what was taken is gone");
        assert_eq!(end.take(4), Err(ErrorCode::Malformed), "nothing is taken that was not sent");
    }

    #[test]
    fn an_end_that_is_away_holds_a_bounded_amount() {
        let mut end = End::default();
        for seq in 0..MAX_MAILBOX_MESSAGES {
            end.store(u64::try_from(seq).expect("small"), message(0)).expect("stored");
        }
        assert_eq!(end.store(end.total(), message(0)), Err(ErrorCode::Busy));
        end.take(1).expect("taken");
        assert_eq!(end.store(end.total(), message(0)), Ok(()));
        let mut heavy = End::default();
        for seq in 0..4 {
            heavy.store(seq, Bytes(vec![0; MAX_MESSAGE])).expect("stored");
        }
        assert_eq!(heavy.store(4, message(0)), Err(ErrorCode::Busy));
        assert_eq!(heavy.store(4, Bytes(vec![0; MAX_MESSAGE + 1])), Err(ErrorCode::TooLarge));
    }
}
