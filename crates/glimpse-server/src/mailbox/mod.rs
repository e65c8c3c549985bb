//! Mailboxes: where the two ends of a pairing, and then of a session, leave messages for each other.
//!
//! All of it lives in memory. A restart burns every code, which is what the protocol asks for. The mailboxes of live sessions
//! are kept through a restart in order, so that neither end notices more than a short silence; a crash loses them, and
//! with them the sessions.

mod kept;
mod nameplates;
mod pipe;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{APPROVAL_MILLIS, MAX_OFFER, PAIRING_MILLIS};
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::{Offer, Purpose};
use glimpse_wire::session::Side;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, MailboxId, Malformed, SUITE, SessionId, UnixMillis, decode};
use tokio::sync::Notify;

use self::nameplates::Found;
use self::pipe::End;
pub(crate) use self::state::Owner;
use self::state::{Mailbox, Payer, State, digest};
use crate::problem::Answer;
use crate::settings::Limits;
use crate::store::{AgentOf, SignedIn, random};

/// How long an account's codes are longer after somebody claimed one twice.
const LONGER_MILLIS: u64 = 15 * 60 * 1000;

/// All mailboxes of this server.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    state: Mutex<State>,
    connections: AtomicU64,
}

/// A mailbox as its device gets it.
#[derive(Debug)]
pub(crate) struct NewMailbox {
    pub(crate) mailbox: MailboxId,
    pub(crate) nameplate: String,
    pub(crate) server_nonce: Hash,
    pub(crate) expires: UnixMillis,
    pub(crate) token: Hash,
}

/// A mailbox as its viewer gets it.
#[derive(Debug)]
pub(crate) struct ClaimedMailbox {
    pub(crate) mailbox: MailboxId,
    pub(crate) token: Hash,
    pub(crate) offer: Bytes,
}

/// One end's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) mailbox: MailboxId,
    pub(crate) side: Side,
    id: u64,
    /// Fires when [`Mailboxes::next`] has something to say.
    pub(crate) wake: Arc<Notify>,
}

/// What a connection does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this frame.
    Send(ToEnd),
    /// Wait for `wake`.
    Wait,
    /// Send `Over` and close.
    Over(ErrorCode),
    /// Close: another connection of this end took its place.
    Replaced,
}

impl Mailboxes {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; if it did, the next request goes on with what is there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are live.
    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    /// Opens a mailbox for a pairing.
    pub(crate) fn open(&self, owner: Owner, purpose: Purpose, limits: &Limits, now: UnixMillis) -> Answer<NewMailbox> {
        let (mailbox, token, server_nonce) = (MailboxId(random()?), Hash(random()?), Hash(random()?));
        let payer = owner.payer();
        let most = match payer {
            Payer::Account(_) => limits.mailboxes_per_account,
            Payer::Address(_) => limits.link_mailboxes_per_address,
        };
        let mut state = self.state();
        if state.pairing.get(&payer).copied().unwrap_or(0) >= most {
            return Err(ErrorCode::RateLimited.into());
        }
        if state.live >= limits.mailboxes {
            return Err(ErrorCode::Busy.into());
        }
        let longer = state.crowded.get(&payer).is_some_and(|until| until.0 > now.0);
        let draw = || getrandom::u32().ok();
        let nameplate = state.nameplates.assign(purpose, mailbox, longer, draw).ok_or(ErrorCode::Busy)?;
        let expires = now.plus(PAIRING_MILLIS);
        state.live += 1;
        *state.pairing.entry(payer).or_default() += 1;
        state.mailboxes.insert(
            mailbox,
            Mailbox {
                owner,
                purpose,
                nameplate: Some(nameplate),
                server_nonce,
                offer: None,
                expires,
                session: None,
                device_away: None,
                over: None,
                agent: None,
                crowded: false,
                device_token: digest(&token),
                viewer_token: None,
                device_end: End::default(),
                viewer_end: End::default(),
            },
        );
        Ok(NewMailbox { mailbox, nameplate: nameplates::digits(nameplate), server_nonce, expires, token })
    }

    /// Whether `token` is that of the device of this mailbox, and the code lives.
    pub(crate) fn check_device(&self, id: &MailboxId, token: &Hash, now: UnixMillis) -> Answer<()> {
        self.state().of_device(id, token, now).map(|_| ())
    }

    /// Takes the device's Offer, once. From here on the nameplate can be claimed, and its device has
    /// [`DEVICE_AWAY_MILLIS`](glimpse_wire::limits::DEVICE_AWAY_MILLIS) to connect.
    pub(crate) fn put_offer(&self, id: &MailboxId, token: &Hash, offer: Bytes, now: UnixMillis) -> Answer<()> {
        let parsed: Offer = decode(offer.as_slice(), MAX_OFFER)?;
        let mut state = self.state();
        let mailbox = state.of_device(id, token, now)?;
        let fits = parsed.suite == SUITE
            && parsed.mailbox == *id
            && parsed.purpose == mailbox.purpose
            && parsed.server_nonce == mailbox.server_nonce
            && parsed.expires.0 <= mailbox.expires.0;
        if !fits {
            return Err(ErrorCode::Malformed.into());
        }
        match &mailbox.offer {
            Some(there) if *there != offer => Err(ErrorCode::Conflict.into()),
            Some(_) => Ok(()),
            None => {
                mailbox.offer = Some(offer);
                // A device that goes away before it ever connected is gone as one that was there.
                if !mailbox.device_end.is_connected() {
                    mailbox.device_away = Some(now);
                }
                Ok(())
            }
        }
    }

    /// Burns the code and ends the mailbox, by its device. One that a session has ends with the session: `Conflict`.
    pub(crate) fn cancel(&self, id: &MailboxId, token: &Hash, now: UnixMillis) -> Answer<()> {
        let mut state = self.state();
        if state.of_device(id, token, now)?.session.is_some() {
            return Err(ErrorCode::Conflict.into());
        }
        state.finish(id, ErrorCode::CodeUsed, now);
        Ok(())
    }

    /// Claims a nameplate, once. Whoever comes second is told so, and the account's next code is longer.
    /// `agent` is whoever claims it for purpose agent.
    pub(crate) fn claim(
        &self,
        nameplate: &str,
        purpose: Purpose,
        agent: Option<AgentOf>,
        now: UnixMillis,
    ) -> Answer<ClaimedMailbox> {
        let token = Hash(random()?);
        let number = nameplates::parse(nameplate).ok_or(ErrorCode::CodeMistyped)?;
        let mut state = self.state();
        let id = match state.nameplates.find(purpose, number) {
            Found::Live(id) => id,
            Found::Resting(code, id) => {
                // Of a code that led to a session the device hears as well.
                if let Some(mailbox) = state.mailboxes.get_mut(&id).filter(|mailbox| mailbox.over.is_none()) {
                    mailbox.crowd();
                }
                return Err(code.into());
            }
            Found::Nothing => return Err(ErrorCode::CodeUnknown.into()),
        };
        let mailbox = state.mailboxes.get_mut(&id).ok_or(ErrorCode::CodeUnknown)?;
        if let Some(code) = mailbox.lapsed(now) {
            state.finish(&id, code, now);
            return Err(code.into());
        }
        // Until the device has said what it offers, the code is not shown anywhere.
        let offer = mailbox.offer.clone().ok_or(ErrorCode::CodeUnknown)?;
        if mailbox.viewer_token.is_some() {
            mailbox.crowd();
            let payer = mailbox.owner.payer();
            state.crowded.insert(payer, now.plus(LONGER_MILLIS));
            return Err(ErrorCode::Crowded.into());
        }
        mailbox.viewer_token = Some(digest(&token));
        mailbox.agent = agent;
        // After the yes, a linking takes as long again as a pairing may: the link, the seed, perhaps a second device.
        let after = if purpose == Purpose::Link { PAIRING_MILLIS } else { 0 };
        mailbox.expires = mailbox.expires.plus(APPROVAL_MILLIS).plus(after);
        Ok(ClaimedMailbox { mailbox: id, token, offer })
    }

    /// Whether this device may give the mailbox to this session: it is live, and a viewer has claimed it. Says which agent, if it
    /// is an agent's.
    pub(crate) fn check_bind(
        &self,
        id: &MailboxId,
        device: &SignedIn,
        session: &SessionId,
        now: UnixMillis,
    ) -> Answer<Option<AgentOf>> {
        let mut state = self.state();
        let mailbox = state.bindable(id, device, session, now)?;
        match (mailbox.purpose, mailbox.agent) {
            (Purpose::Agent, None) => Err(ErrorCode::Conflict.into()),
            (Purpose::Agent, agent) => Ok(agent),
            (Purpose::View | Purpose::Link, _) => Ok(None),
        }
    }

    /// Gives the mailbox to a session, which ends it from here on. The code is used. Repeating it changes nothing.
    pub(crate) fn bind(&self, id: &MailboxId, device: &SignedIn, session: &SessionId, now: UnixMillis) -> Answer<()> {
        let mut state = self.state();
        let mailbox = state.bindable(id, device, session, now)?;
        let paired = mailbox.session.replace(*session).is_none();
        let (purpose, nameplate) = (mailbox.purpose, mailbox.nameplate.take());
        if paired {
            state.paired(&Payer::Account(device.account));
        }
        if let Some(nameplate) = nameplate {
            state.nameplates.rest(purpose, nameplate, ErrorCode::CodeUsed, now);
        }
        Ok(())
    }

    /// The first frame of a connection.
    pub(crate) fn join(&self, id: &MailboxId, frame: &ToServer, now: UnixMillis) -> Result<Connection, ErrorCode> {
        let ToServer::Join { token, received } = *frame else { return Err(ErrorCode::Malformed) };
        let mut state = self.state();
        let mailbox = state.mailboxes.get_mut(id).ok_or(ErrorCode::NotFound)?;
        let side = mailbox.side_of(&token).ok_or(ErrorCode::NotFound)?;
        if let Some(code) = mailbox.over {
            return Err(code);
        }
        if let Some(code) = mailbox.lapsed(now) {
            state.finish(id, code, now);
            return Err(code);
        }
        let connection = Connection {
            mailbox: *id,
            side,
            id: self.connections.fetch_add(1, Ordering::Relaxed),
            wake: Arc::new(Notify::new()),
        };
        mailbox.end(side).connect(connection.id, received, Arc::clone(&connection.wake))?;
        if side == Side::Device {
            mailbox.device_away = None;
        }
        let sent = mailbox.end(side.other()).total();
        let peer = mailbox.end(side.other()).is_connected();
        mailbox.end(side).tell(ToEnd::Joined { now, sent, peer });
        if side == Side::Device && mailbox.crowded {
            mailbox.end(side).tell(ToEnd::Crowded);
        }
        mailbox.end(side.other()).tell(ToEnd::Peer { present: true });
        Ok(connection)
    }

    /// A later frame of a connection. An error ends a pairing for both: the end that sent it lost its state or lies. Of a
    /// session it ends the connection.
    ///
    /// Says which session the frame is a sign of life for: a viewer that is connected is not idle; the page ends a session
    /// whose user does nothing.
    pub(crate) fn frame(
        &self,
        connection: &Connection,
        frame: Result<ToServer, Malformed>,
        now: UnixMillis,
    ) -> Result<Option<SessionId>, ErrorCode> {
        let side = connection.side;
        let mut state = self.state();
        let mailbox = state.mailboxes.get_mut(&connection.mailbox).ok_or(ErrorCode::NotFound)?;
        if !mailbox.end(side).is_current(connection.id) {
            return Ok(None);
        }
        let outcome = match frame {
            Err(Malformed) | Ok(ToServer::Join { .. }) => Err(ErrorCode::Malformed),
            Ok(ToServer::Send { seq, body }) => mailbox.end(side.other()).store(seq, body).map(|()| {
                let sent = mailbox.end(side.other()).total();
                mailbox.end(side).tell(ToEnd::Stored { sent });
            }),
            Ok(ToServer::Taken { received }) => mailbox.end(side).take(received),
            Ok(ToServer::Ping) => {
                mailbox.end(side).tell(ToEnd::Pong);
                Ok(())
            }
        };
        let session = mailbox.session;
        if let (Err(code), None) = (outcome, session) {
            state.finish(&connection.mailbox, code, now);
        }
        outcome.map(|()| session.filter(|_| side == Side::Viewer))
    }

    /// What the connection does next.
    pub(crate) fn next(&self, connection: &Connection) -> Next {
        let mut state = self.state();
        let Some(mailbox) = state.mailboxes.get_mut(&connection.mailbox) else {
            return Next::Over(ErrorCode::NotFound);
        };
        let over = mailbox.over;
        let end = mailbox.end(connection.side);
        match (end.next_frame(connection.id), over) {
            // What was said before the end is delivered before the end.
            (Some(frame), _) => Next::Send(frame),
            (None, Some(code)) => Next::Over(code),
            (None, None) if end.is_current(connection.id) => Next::Wait,
            (None, None) => Next::Replaced,
        }
    }

    /// The connection is gone. A device has [`DEVICE_AWAY_MILLIS`](glimpse_wire::limits::DEVICE_AWAY_MILLIS) to come back to
    /// a code that it shows.
    pub(crate) fn leave(&self, connection: &Connection, now: UnixMillis) {
        let mut state = self.state();
        if let Some(mailbox) = state.mailboxes.get_mut(&connection.mailbox)
            && mailbox.end(connection.side).disconnect(connection.id)
        {
            if connection.side == Side::Device {
                mailbox.device_away = Some(now);
            }
            mailbox.end(connection.side.other()).tell(ToEnd::Peer { present: false });
        }
    }

    /// Hands a receipt to the device, if it is connected; it can fetch what it missed.
    pub(crate) fn tell_receipt(&self, id: &MailboxId, receipt: Bytes) {
        if let Some(mailbox) = self.state().mailboxes.get_mut(id) {
            mailbox.end(Side::Device).tell(ToEnd::Receipt { receipt });
        }
    }

    /// Whether this mailbox is there and not over.
    pub(crate) fn is_live(&self, id: &MailboxId) -> bool {
        self.state().mailboxes.get(id).is_some_and(|mailbox| mailbox.over.is_none())
    }

    /// Ends a mailbox for both ends.
    pub(crate) fn finish(&self, id: &MailboxId, code: ErrorCode, now: UnixMillis) {
        self.state().finish(id, code, now);
    }

    /// The same for the mailbox of a session that ended, unless another session has it.
    pub(crate) fn finish_session(&self, id: &MailboxId, session: &SessionId, code: ErrorCode, now: UnixMillis) {
        let mut state = self.state();
        if state.mailboxes.get(id).is_some_and(|mailbox| mailbox.session.is_none_or(|it| it == *session)) {
            state.finish(id, code, now);
        }
    }

    /// Ends all mailboxes of a deleted account.
    pub(crate) fn finish_account(&self, account: &AccountId, now: UnixMillis) {
        let mut state = self.state();
        let payer = Payer::Account(*account);
        state.finish_all(|mailbox| mailbox.owner.payer() == payer, now);
        state.crowded.remove(&payer);
    }

    /// Ends all mailboxes of a device that was taken out of its account.
    pub(crate) fn finish_device(&self, account: &AccountId, device: &DeviceId, now: UnixMillis) {
        let theirs = Owner::Device { account: *account, device: *device };
        self.state().finish_all(|mailbox| mailbox.owner == theirs, now);
    }

    /// Ends all pairings with agents whose organisation took its word back; their sessions end by themselves.
    pub(crate) fn finish_agents(&self, agents: &[AgentOf], now: UnixMillis) {
        let theirs =
            |mailbox: &Mailbox| mailbox.session.is_none() && mailbox.agent.is_some_and(|it| agents.contains(&it));
        self.state().finish_all(theirs, now);
    }

    /// Ends what has expired and forgets what has been over for a while.
    pub(crate) fn sweep(&self, now: UnixMillis) {
        let mut state = self.state();
        let lapsed = state.mailboxes.iter().filter(|(_, mailbox)| mailbox.over.is_none());
        let lapsed = lapsed.filter_map(|(id, mailbox)| Some((*id, mailbox.lapsed(now)?)));
        for (id, code) in lapsed.collect::<Vec<_>>() {
            state.finish(&id, code, now);
        }
        while let Some((_, id)) = state.over.pop_front_if(|(until, _)| until.0 <= now.0) {
            state.mailboxes.remove(&id);
        }
        state.crowded.retain(|_, until| until.0 > now.0);
        state.nameplates.sweep(now);
    }
}

#[cfg(test)]
mod tests;
