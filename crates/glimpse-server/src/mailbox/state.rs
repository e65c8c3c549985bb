//! One mailbox, and all of them: what is live, what is over, and how many of which.

use std::collections::{HashMap, VecDeque};

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::DEVICE_AWAY_MILLIS;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::session::Side;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, MailboxId, SessionId, UnixMillis};
use sha2::{Digest, Sha256};

use super::nameplates::Nameplates;
use super::pipe::End;
use crate::http::guard::Address;
use crate::problem::Answer;
use crate::store::{AgentOf, SignedIn};

/// How long a mailbox that is over still says so.
const TOMBSTONE_MILLIS: u64 = 10 * 60 * 1000;
/// Mailboxes that are over and still say so, at one time; beyond that the oldest is forgotten early.
const MOST_OVER: usize = 100_000;

/// Who opened a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A device of an account.
    Device {
        /// Whose account.
        account: AccountId,
        /// Which device.
        device: DeviceId,
    },
    /// A device without an account, which wants to be linked. It is known by its address alone.
    Address(Address),
}

/// By whom mailboxes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Account(AccountId),
    Address(Address),
}

impl Owner {
    pub(super) const fn payer(&self) -> Payer {
        match self {
            Self::Device { account, .. } => Payer::Account(*account),
            Self::Address(address) => Payer::Address(*address),
        }
    }
}

/// What [`super::Mailboxes`] guards.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) mailboxes: HashMap<MailboxId, Mailbox>,
    /// How many are not over.
    pub(super) live: usize,
    /// How many of those have no session yet, by whom they are counted.
    pub(super) pairing: HashMap<Payer, usize>,
    /// Those that are over, in the order in which they ended, and until when they say so.
    pub(super) over: VecDeque<(UnixMillis, MailboxId)>,
    pub(super) nameplates: Nameplates,
    /// Whose codes are longer because one of them was claimed twice, and until when.
    pub(super) crowded: HashMap<Payer, UnixMillis>,
}

/// One mailbox.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) owner: Owner,
    pub(super) purpose: Purpose,
    /// While the code can be claimed.
    pub(super) nameplate: Option<u32>,
    pub(super) server_nonce: Hash,
    pub(super) offer: Option<Bytes>,
    /// When it ends by itself; a session, once there is one, ends it instead.
    pub(super) expires: UnixMillis,
    pub(super) session: Option<SessionId>,
    /// Since when the device, which is to be there from its Offer on, is not connected.
    pub(super) device_away: Option<UnixMillis>,
    pub(super) over: Option<ErrorCode>,
    /// Which agent claimed it, for purpose agent.
    pub(super) agent: Option<AgentOf>,
    /// Somebody tried the code after it was claimed, and was refused.
    pub(super) crowded: bool,
    /// SHA-256 of the tokens; a viewer has one from its claim on.
    pub(super) device_token: Hash,
    pub(super) viewer_token: Option<Hash>,
    pub(super) device_end: End,
    pub(super) viewer_end: End,
}

/// Tokens are kept by their hash.
pub(super) fn digest(token: &Hash) -> Hash {
    Hash(Sha256::digest(token.0).into())
}

impl Mailbox {
    pub(super) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Viewer => &mut self.viewer_end,
            Side::Device => &mut self.device_end,
        }
    }

    /// Why a pairing is over by the clock, if it is: its time is up, or its device went and did not come back. A session ends
    /// by rules of its own.
    pub(super) fn lapsed(&self, now: UnixMillis) -> Option<ErrorCode> {
        if self.session.is_some() {
            None
        } else if self.expires.0 <= now.0 {
            Some(ErrorCode::CodeExpired)
        } else if self.device_away.is_some_and(|since| now.since(since) >= DEVICE_AWAY_MILLIS) {
            Some(ErrorCode::DeviceOffline)
        } else {
            None
        }
    }

    /// Tells the device, once, that its code was tried again.
    pub(super) fn crowd(&mut self) {
        if !self.crowded {
            self.crowded = true;
            self.device_end.tell(ToEnd::Crowded);
        }
    }

    /// Which end a token belongs to. Tokens are compared by their hashes, whose order tells nothing of the token.
    pub(super) fn side_of(&self, token: &Hash) -> Option<Side> {
        let hash = digest(token);
        if hash == self.device_token {
            Some(Side::Device)
        } else if Some(hash) == self.viewer_token {
            Some(Side::Viewer)
        } else {
            None
        }
    }
}

impl State {
    /// The live mailbox that `token` opened.
    pub(super) fn of_device(&mut self, id: &MailboxId, token: &Hash, now: UnixMillis) -> Answer<&mut Mailbox> {
        let mailbox = self.mailboxes.get_mut(id).filter(|mailbox| mailbox.side_of(token) == Some(Side::Device));
        let mailbox = mailbox.ok_or(ErrorCode::NotFound)?;
        match mailbox.over.or_else(|| mailbox.lapsed(now)) {
            Some(code) => Err(code.into()),
            None => Ok(mailbox),
        }
    }

    pub(super) fn bindable(
        &mut self,
        id: &MailboxId,
        device: &SignedIn,
        session: &SessionId,
        now: UnixMillis,
    ) -> Answer<&mut Mailbox> {
        let owner = Owner::Device { account: device.account, device: device.device };
        // Where devices are linked, nothing is ever lent.
        let theirs = |mailbox: &&mut Mailbox| mailbox.owner == owner && mailbox.purpose != Purpose::Link;
        let mailbox = self.mailboxes.get_mut(id).filter(theirs);
        let mailbox = mailbox.ok_or(ErrorCode::NotFound)?;
        match (mailbox.over, mailbox.session) {
            (Some(code), _) => Err(code.into()),
            (None, Some(there)) if there == *session => Ok(mailbox),
            (None, Some(_)) => Err(ErrorCode::Conflict.into()),
            (None, None) if mailbox.viewer_token.is_none() => Err(ErrorCode::Conflict.into()),
            (None, None) => match mailbox.lapsed(now) {
                Some(code) => Err(code.into()),
                None => Ok(mailbox),
            },
        }
    }

    pub(super) fn finish(&mut self, id: &MailboxId, code: ErrorCode, now: UnixMillis) {
        let Some(mailbox) = self.mailboxes.get_mut(id) else { return };
        if mailbox.over.is_some() {
            return;
        }
        mailbox.over = Some(code);
        mailbox.offer = None;
        let pairing = mailbox.session.is_none().then_some(mailbox.owner.payer());
        for end in [&mut mailbox.device_end, &mut mailbox.viewer_end] {
            if !end.is_connected() {
                end.clear();
            }
            end.wake();
        }
        // Whoever comes with this code later is told about the code, not about what went on in the mailbox.
        let of_the_code = matches!(code, ErrorCode::CodeExpired | ErrorCode::DeviceOffline);
        let told = if of_the_code { code } else { ErrorCode::CodeUsed };
        if let Some(nameplate) = mailbox.nameplate.take() {
            self.nameplates.rest(mailbox.purpose, nameplate, told, now);
        }
        self.live = self.live.saturating_sub(1);
        if let Some(payer) = pairing {
            self.paired(&payer);
        }
        self.over.push_back((now.plus(TOMBSTONE_MILLIS), *id));
        if self.over.len() > MOST_OVER
            && let Some((_, oldest)) = self.over.pop_front()
        {
            self.mailboxes.remove(&oldest);
        }
    }

    /// Ends some mailboxes for both ends.
    pub(super) fn finish_all(&mut self, those: impl Fn(&Mailbox) -> bool, now: UnixMillis) {
        let ids = self.mailboxes.iter().filter(|(_, mailbox)| those(mailbox)).map(|(id, _)| *id);
        for id in ids.collect::<Vec<_>>() {
            self.finish(&id, ErrorCode::SessionRevoked, now);
        }
    }

    /// One pairing less of this account or address: it became a session, or ended.
    pub(super) fn paired(&mut self, payer: &Payer) {
        if let Some(count) = self.pairing.get_mut(payer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.pairing.remove(payer);
            }
        }
    }
}
