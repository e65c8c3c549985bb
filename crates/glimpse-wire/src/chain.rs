//! The account's chain, replayed (protocol section 4): which devices belong to it, in which epoch it is, what its rules
//! are. Every end replays it for itself, the server included; none takes another's word for it.
//!
//! A chain is never replaced, only extended: [`Chain::push`] takes the one next link or leaves everything as it was.
//! What fits is said in `fitting`, who must sign beside the signer in `seconds`, what rules are in force in `rules`.

mod fitting;
mod rules;
mod seconds;

use fitting::Change;
use rules::{Loosened, Pinned};

use crate::account::{
    DevicePublic, Epoch, Head, KEM_ENC_LEN, Link, LinkBody, Pin, Policy, RecoveryKeys, SignedLink, WrapCommitment,
};
use crate::codec::{Malformed, decode};
use crate::ids::{AccountId, DeviceId, Hash, SigningKeyBytes, UnixMillis};
use crate::limits::MAX_LINK;
use crate::preimage;
use crate::signature::{BadSignature, verify};

/// Bytes of an older seed sealed to an account key: encapsulated key, 32 bytes, tag.
pub const OLDER_SEED_LEN: usize = KEM_ENC_LEN + 32 + 16;

/// Why a link is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not canonical, another suite, or parts that do not fit each other.
    #[error("malformed link")]
    Malformed,
    /// It does not follow the newest link.
    #[error("the link does not follow the newest")]
    NotNext,
    /// Its signer does not belong to the account, or no longer.
    #[error("the link's signer does not belong to the account")]
    NotAMember,
    /// The signature is not by its signer.
    #[error("the link is not signed by its signer")]
    Signature,
    /// The device that joins did not sign.
    #[error("the device that joins did not sign")]
    Reverse,
    /// The device that joins is in the chain already, or was.
    #[error("the device was in the chain before")]
    Known,
    /// The policy asks for a second device, or for more time.
    #[error("the policy asks for more")]
    Policy,
    /// The epoch is not the next, or is not wrapped to exactly those who belong.
    #[error("the epoch does not fit")]
    Epoch,
    /// The chain or the account is full.
    #[error("the chain is full")]
    Full,
}

impl From<Malformed> for ChainError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<BadSignature> for ChainError {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

/// A device in the chain, present or past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: DeviceId,
    /// Its public keys.
    pub device: DevicePublic,
    /// The link that brought it.
    pub since: u64,
    /// The link that took it out.
    pub until: Option<u64>,
    /// It gets nothing before this time, by the clock of whoever gives; zero when nothing was held back.
    pub free_at: UnixMillis,
}

impl Member {
    /// Whether it belongs to the account after the link numbered `seq`.
    #[must_use]
    pub fn belonged_at(&self, seq: u64) -> bool {
        self.since <= seq && self.until.is_none_or(|until| seq < until)
    }

    /// Whether nothing is held back from it at this time.
    #[must_use]
    pub fn is_free(&self, at: UnixMillis) -> bool {
        self.free_at <= at
    }
}

/// How another's head stands to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is this chain's head.
    Same,
    /// It is an earlier link of this chain.
    Behind,
    /// It is further than this chain; the links between are needed to say more.
    Ahead,
    /// This chain has another link at that place.
    Forked,
}

/// A chain that was checked from genesis to its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    account: AccountId,
    /// Hash of each link, by seq.
    hashes: Vec<Hash>,
    /// In the order in which they joined.
    members: Vec<Member>,
    /// By number, from 1.
    epochs: Vec<Epoch>,
    /// The link that began each epoch.
    begun: Vec<u64>,
    /// The newest, with the rules that are in force for what carries no time.
    policy: Policy,
    /// The newest as it was signed, where it is less strict and that has not come into force.
    loosened: Option<Loosened>,
    /// The latest time that a link carries.
    dated: UnixMillis,
    /// When each pinned key takes effect.
    pinned: Vec<(Pinned, SigningKeyBytes, UnixMillis)>,
    recovery: Option<RecoveryKeys>,
    /// The newest epoch's seed, wrapped to the kit.
    kit_wrap: Option<WrapCommitment>,
}

impl Chain {
    /// Begins with a genesis link.
    ///
    /// # Errors
    /// [`ChainError::Malformed`], [`ChainError::Signature`], [`ChainError::Epoch`].
    pub fn begin(signed: &SignedLink) -> Result<Self, ChainError> {
        let link: Link = decode(signed.link.as_slice(), MAX_LINK)?;
        let LinkBody::Genesis { device, epoch, recovery, random: _ } = link.body else {
            return Err(ChainError::Malformed);
        };
        let id = device.id();
        let recovery = fitting::kit(recovery)?;
        let fits = link.suite == crate::SUITE && link.seq == 0 && link.previous == Hash::ZERO && link.signer == id;
        if !fits || !fitting::is_device(&device) || !epoch.previous_seed.0.is_empty() {
            return Err(ChainError::Malformed);
        }
        fitting::is_next_epoch(&[], &epoch, vec![id], recovery.as_ref())?;
        verify(&device.signing, &preimage::link_signature(signed.link.as_slice()), &signed.signature)?;
        let first = Member { id, device, since: 0, until: None, free_at: UnixMillis(0) };
        let kit_wrap = fitting::wrap_for(&epoch, recovery.as_ref());
        Ok(Self {
            account: preimage::account_id(signed.link.as_slice()),
            hashes: vec![preimage::link_hash(signed.link.as_slice())],
            members: vec![first],
            epochs: vec![epoch],
            begun: vec![0],
            policy: Policy::default(),
            loosened: None,
            dated: UnixMillis(0),
            pinned: Vec::new(),
            recovery,
            kit_wrap,
        })
    }

    /// Replays links from genesis on.
    ///
    /// # Errors
    /// The first link's that does not fit; [`ChainError::Malformed`] for none at all.
    pub fn replay<'l>(links: impl IntoIterator<Item = &'l SignedLink>) -> Result<Self, ChainError> {
        let mut links = links.into_iter();
        let mut chain = Self::begin(links.next().ok_or(ChainError::Malformed)?)?;
        for link in links {
            chain.push(link)?;
        }
        Ok(chain)
    }

    /// Takes the next link. Costs what the link costs, however long the chain is.
    ///
    /// # Errors
    /// [`ChainError`]; the chain stays as it was.
    pub fn push(&mut self, signed: &SignedLink) -> Result<(), ChainError> {
        let change = self.fit(signed)?;
        self.apply(change, preimage::link_hash(signed.link.as_slice()));
        Ok(())
    }

    /// Takes the next links, all or none.
    ///
    /// # Errors
    /// The first link's that does not fit; the chain stays as it was.
    pub fn extend<'l>(&mut self, links: impl IntoIterator<Item = &'l SignedLink>) -> Result<(), ChainError> {
        let mut longer = self.clone();
        for link in links {
            longer.push(link)?;
        }
        *self = longer;
        Ok(())
    }

    /// Makes the change that a link brings. Nothing in it can fail: [`Chain::fit`] has judged it.
    fn apply(&mut self, change: Change, hash: Hash) {
        let seq = self.next_place().seq;
        if let Some(at) = change.at {
            self.settle(at);
        }
        for member in self.members.iter_mut().filter(|member| change.leaving.contains(&member.id)) {
            member.until = member.until.or(Some(seq));
        }
        self.members.extend(change.joining);
        if let Some(kit) = change.kit {
            self.recovery = kit.keys;
            self.kit_wrap = kit.wrap;
        }
        if let Some(epoch) = change.epoch {
            self.kit_wrap = fitting::wrap_for(&epoch, self.recovery.as_ref());
            self.epochs.push(epoch);
            self.begun.push(seq);
        }
        if let Some(rules) = change.rules {
            self.policy = rules.policy;
            self.loosened = rules.loosened;
            self.pinned = rules.pinned;
        }
        self.hashes.push(hash);
    }

    /// Where the next link goes: its seq, and the hash of the newest.
    #[must_use]
    pub fn next_place(&self) -> Head {
        let head = self.head();
        Head { seq: head.seq.saturating_add(1), hash: head.hash }
    }

    /// Whose chain.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The newest link.
    #[must_use]
    pub fn head(&self) -> Head {
        let seq = u64::try_from(self.hashes.len().saturating_sub(1)).unwrap_or(u64::MAX);
        // A chain has its genesis link at least.
        Head { seq, hash: self.hashes.last().copied().unwrap_or(Hash::ZERO) }
    }

    /// How another's head stands to this chain.
    #[must_use]
    pub fn compare(&self, head: &Head) -> Standing {
        let own = self.head();
        let ours = usize::try_from(head.seq).ok().and_then(|seq| self.hashes.get(seq));
        match ours {
            None => Standing::Ahead,
            Some(hash) if *hash != head.hash => Standing::Forked,
            Some(_) if head.seq == own.seq => Standing::Same,
            Some(_) => Standing::Behind,
        }
    }

    /// Every device, present and past, in the order in which they joined.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A device that belongs to the account.
    #[must_use]
    pub fn active(&self, device: &DeviceId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *device && member.until.is_none())
    }

    /// A device that belonged to the account when `head` was newest; nothing where `head` is not of this chain.
    #[must_use]
    pub fn active_at(&self, device: &DeviceId, head: &Head) -> Option<&Member> {
        if !matches!(self.compare(head), Standing::Same | Standing::Behind) {
            return None;
        }
        self.members.iter().find(|member| member.id == *device && member.belonged_at(head.seq))
    }

    /// Devices that carry this hash of a serial number, present and past.
    pub fn with_serial<'s>(&'s self, serial: &'s [u8]) -> impl Iterator<Item = &'s Member> {
        self.members.iter().filter(move |member| !serial.is_empty() && member.device.serial.as_slice() == serial)
    }

    /// The epoch that records are sealed for.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// All epochs, by number.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// The number of the epoch after the link numbered `seq`.
    #[must_use]
    pub fn epoch_at(&self, seq: u64) -> Option<u32> {
        let begun = self.begun.iter().take_while(|begun| **begun <= seq).count();
        u32::try_from(begun).ok().filter(|_| seq <= self.head().seq)
    }

    /// A pinned writer, once its pin has taken effect.
    #[must_use]
    pub fn writer(&self, key: &SigningKeyBytes, now: UnixMillis) -> Option<&Pin> {
        self.pin(Pinned::Writer, &self.policy.writers, key, now)
    }

    /// A pinned organisation, once its pin has taken effect.
    #[must_use]
    pub fn organisation(&self, key: &SigningKeyBytes, now: UnixMillis) -> Option<&Pin> {
        self.pin(Pinned::Organisation, &self.policy.organisations, key, now)
    }

    /// The recovery kit's public keys.
    #[must_use]
    pub const fn recovery(&self) -> Option<&RecoveryKeys> {
        self.recovery.as_ref()
    }

    /// What the chain says of the newest epoch's seed as it is wrapped to the kit.
    #[must_use]
    pub const fn kit_wrap(&self) -> Option<&WrapCommitment> {
        self.kit_wrap.as_ref()
    }

    fn pin<'p>(&self, list: Pinned, pins: &'p [Pin], key: &SigningKeyBytes, now: UnixMillis) -> Option<&'p Pin> {
        let from = self.pinned_from(list, key)?;
        pins.iter().find(|pin| pin.key == *key && from <= now)
    }

    fn pinned_from(&self, list: Pinned, key: &SigningKeyBytes) -> Option<UnixMillis> {
        self.pinned.iter().find(|(there, pinned, _)| *there == list && pinned == key).map(|(_, _, from)| *from)
    }
}

#[cfg(test)]
mod tests;
