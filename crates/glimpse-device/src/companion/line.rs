//! The exchanges of one end, and where what arrives for each of them goes.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use futures_util::StreamExt;
use glimpse_wire::ids::Bytes;

use super::message::{EXCHANGES, Message, PIECE};
use crate::transport::Unreachable;

/// What arrived for one exchange.
#[derive(Debug)]
pub(super) enum News {
    Head { status: u16, retry_after: Option<u64> },
    Piece { bytes: Vec<u8>, whole: bool },
    End,
}

/// All exchanges of one end. Clones are the same line.
#[derive(Clone, Debug)]
pub(super) struct Line(Rc<RefCell<Ends>>);

#[derive(Debug)]
struct Ends {
    /// What goes out to the other end; nothing once it is gone.
    out: Option<UnboundedSender<Message>>,
    exchanges: BTreeMap<u32, End>,
}

#[derive(Debug)]
struct End {
    news: UnboundedSender<News>,
    took: UnboundedSender<()>,
    /// Whether a piece waits here: no second one comes before it is taken.
    waiting: bool,
}

impl Line {
    /// A line, and what is to be sent along it.
    pub(super) fn new() -> (Self, UnboundedReceiver<Message>) {
        let (out, sent) = mpsc::unbounded();
        (Self(Rc::new(RefCell::new(Ends { out: Some(out), exchanges: BTreeMap::new() }))), sent)
    }

    /// An exchange of this number; nothing where there is one already, or where there are too many.
    pub(super) fn begin(&self, id: u32) -> Option<Exchange> {
        let mut ends = self.0.borrow_mut();
        if ends.out.is_none() || ends.exchanges.contains_key(&id) || ends.exchanges.len() >= EXCHANGES {
            return None;
        }
        let ((news, heard), (took, taken)) = (mpsc::unbounded(), mpsc::unbounded());
        ends.exchanges.insert(id, End { news, took, waiting: false });
        let held = Rc::new(Held { id, line: self.clone() });
        Some(Exchange { hears: Hears { held: Rc::clone(&held), news: heard }, says: Says { held, taken } })
    }

    /// Sends a message.
    pub(super) fn tell(&self, message: Message) {
        if let Some(out) = &self.0.borrow().out {
            // Once the other end is gone nobody sends it.
            let _sent = out.unbounded_send(message);
        }
    }

    /// Hands on what arrived for an exchange that is there. What breaks the rules breaks its exchange off.
    pub(super) fn deliver(&self, message: Message) {
        let (id, news) = match message {
            Message::Took(id) => {
                if let Some(end) = self.0.borrow().exchanges.get(&id) {
                    // Whoever does not wait for it has ended.
                    let _heard = end.took.unbounded_send(());
                }
                return;
            }
            Message::Broken(id) => return drop(self.0.borrow_mut().exchanges.remove(&id)),
            Message::Head(id, status, retry_after) => (id, News::Head { status, retry_after }),
            Message::Piece(id, Bytes(bytes), whole) => (id, News::Piece { bytes, whole }),
            Message::End(id) => (id, News::End),
            Message::Ask(..) | Message::Connect(..) | Message::Ping | Message::Pong => return,
        };
        let mut ends = self.0.borrow_mut();
        let Some(end) = ends.exchanges.get_mut(&id) else { return };
        let too_many = matches!(news, News::Piece { .. }) && core::mem::replace(&mut end.waiting, true);
        if too_many || end.news.unbounded_send(news).is_err() {
            ends.exchanges.remove(&id);
        }
    }

    /// The other end is gone: all exchanges are over.
    pub(super) fn close(&self) {
        let mut ends = self.0.borrow_mut();
        ends.out = None;
        ends.exchanges.clear();
    }
}

/// Keeps an exchange there. With the last of its halves it is over, and the other end is told.
#[derive(Debug)]
struct Held {
    id: u32,
    line: Line,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.line.0.borrow_mut().exchanges.remove(&self.id);
        self.line.tell(Message::Broken(self.id));
    }
}

/// Both halves of an exchange.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) hears: Hears,
    pub(super) says: Says,
}

/// What comes from the other end.
#[derive(Debug)]
pub(super) struct Hears {
    held: Rc<Held>,
    news: UnboundedReceiver<News>,
}

impl Hears {
    /// The next thing. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<News, Unreachable> {
        let news = self.news.next().await.ok_or(Unreachable)?;
        if let News::Piece { .. } = news {
            if let Some(end) = self.held.line.0.borrow_mut().exchanges.get_mut(&self.held.id) {
                end.waiting = false;
            }
            self.held.line.tell(Message::Took(self.held.id));
        }
        Ok(news)
    }
}

/// What goes to the other end.
#[derive(Debug)]
pub(super) struct Says {
    held: Rc<Held>,
    taken: UnboundedReceiver<()>,
}

impl Says {
    pub(super) fn head(&self, status: u16, retry_after: Option<u64>) {
        self.held.line.tell(Message::Head(self.held.id, status, retry_after));
    }

    pub(super) fn end(&self) {
        self.held.line.tell(Message::End(self.held.id));
    }

    pub(super) fn piece(&self, piece: &[u8], whole: bool) {
        self.held.line.tell(Message::Piece(self.held.id, Bytes(piece.to_vec()), whole));
    }

    /// Done when the piece that was sent last is taken.
    pub(super) async fn taken(&mut self) -> Result<(), Unreachable> {
        self.taken.next().await.ok_or(Unreachable)
    }

    /// Sends all of it, and waits until it is taken. What is empty is one empty piece.
    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<(), Unreachable> {
        for (piece, whole) in pieces(bytes) {
            self.piece(&piece, whole);
            self.taken().await?;
        }
        Ok(())
    }
}

/// Cuts into pieces; the last one says that it is.
pub(super) fn pieces(bytes: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let mut cut: Vec<(Vec<u8>, bool)> = bytes.chunks(PIECE).map(|piece| (piece.to_vec(), false)).collect();
    match cut.last_mut() {
        Some((_, whole)) => *whole = true,
        None => cut.push((Vec::new(), true)),
    }
    cut
}
