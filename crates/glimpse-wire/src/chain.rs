//! The account's chain, replayed (protocol section 4): which devices belong to it, in which epoch it is, what its rules
//! are. Every end replays it for itself, the server included; none takes another's word for it.
//!
//! A chain is never replaced, only extended: [`Chain::push`] takes the one next link or leaves everything as it was.

use crate::account::{
    Act, DevicePublic, Epoch, Head, KEM_ENC_LEN, KEM_KEY_LEN, Link, LinkBody, Need, Pin, Policy, RecoveryKeys, Second,
    SignedLink, WrapCommitment,
};
use crate::codec::{Malformed, decode, encode};
use crate::ids::{AccountId, DeviceId, Hash, SignatureBytes, SigningKeyBytes, UnixMillis};
use crate::limits::{MAX_DEVICES, MAX_HELD_MILLIS, MAX_LINK, MAX_LINKS, MAX_PINS, MAX_TITLE};
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
    policy: Policy,
    /// When each pinned key takes effect.
    pinned: Vec<(SigningKeyBytes, UnixMillis)>,
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
        let recovery = kit(recovery)?;
        let fits = link.suite == crate::SUITE && link.seq == 0 && link.previous == Hash::ZERO && link.signer == id;
        if !fits || !is_device(&device) || !epoch.previous_seed.0.is_empty() {
            return Err(ChainError::Malformed);
        }
        is_next_epoch(&[], &epoch, &[id], recovery.as_ref())?;
        verify(&device.signing, &preimage::link_signature(signed.link.as_slice()), &signed.signature)?;
        let first = Member { id, device, since: 0, until: None, free_at: UnixMillis(0) };
        let kit_wrap = wrap_for(&epoch, recovery.as_ref());
        Ok(Self {
            account: preimage::account_id(signed.link.as_slice()),
            hashes: vec![preimage::link_hash(signed.link.as_slice())],
            members: vec![first],
            epochs: vec![epoch],
            begun: vec![0],
            policy: Policy::default(),
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
            chain = chain.with(link)?;
        }
        Ok(chain)
    }

    /// Takes the next link.
    ///
    /// # Errors
    /// [`ChainError`]; the chain stays as it was.
    pub fn push(&mut self, signed: &SignedLink) -> Result<(), ChainError> {
        *self = self.clone().with(signed)?;
        Ok(())
    }

    fn with(mut self, signed: &SignedLink) -> Result<Self, ChainError> {
        let link: Link = decode(signed.link.as_slice(), MAX_LINK)?;
        if link.suite != crate::SUITE {
            return Err(ChainError::Malformed);
        }
        let place = self.next_place();
        if link.seq != place.seq || link.previous != place.hash {
            return Err(ChainError::NotNext);
        }
        if self.hashes.len() >= MAX_LINKS {
            return Err(ChainError::Full);
        }
        let bytes = signed.link.as_slice();
        match link.body {
            LinkBody::Genesis { .. } => return Err(ChainError::Malformed),
            LinkBody::Act { act, second } => {
                let signer = self.active(&link.signer).ok_or(ChainError::NotAMember)?;
                verify(&signer.device.signing, &preimage::link_signature(bytes), &signed.signature)?;
                self.has_second(&link.signer, &place, &act, &second)?;
                self.take(&link.signer, &place, act)?;
            }
            LinkBody::Recover { device, reverse, epoch, recovery } => {
                let kit = self.recovery.as_ref().ok_or(ChainError::NotAMember)?;
                verify(&kit.signing, &preimage::link_signature(bytes), &signed.signature)?;
                if link.signer != device.id() {
                    return Err(ChainError::Malformed);
                }
                let kit = kit.id();
                self.recover(&place, kit, device, &reverse, epoch, recovery)?;
            }
        }
        self.hashes.push(preimage::link_hash(bytes));
        Ok(self)
    }

    fn take(&mut self, signer: &DeviceId, place: &Head, act: Act) -> Result<(), ChainError> {
        match act {
            Act::Add { device, transcript, reverse, at, held } => {
                if !(self.policy.adding.held..=MAX_HELD_MILLIS).contains(&held) {
                    return Err(ChainError::Policy);
                }
                if self.active_ids().len() >= MAX_DEVICES {
                    return Err(ChainError::Full);
                }
                let free_at = if held == 0 { UnixMillis(0) } else { at.plus(held) };
                self.join(place, signer, device, &transcript, &reverse, free_at)?;
            }
            Act::Revoke { devices, epoch } => {
                let rising = devices.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
                if devices.is_empty() || !rising || devices.contains(signer) {
                    return Err(ChainError::Malformed);
                }
                for device in &devices {
                    let member = self.members.iter_mut().find(|member| member.id == *device && member.until.is_none());
                    member.ok_or(ChainError::NotAMember)?.until = Some(place.seq);
                }
                self.start(epoch)?;
            }
            Act::Rotate { epoch } => self.start(epoch)?,
            Act::Policy { policy, at, held } => {
                if !(self.policy.pinning.held..=MAX_HELD_MILLIS).contains(&held) {
                    return Err(ChainError::Policy);
                }
                if !is_policy(&policy) {
                    return Err(ChainError::Malformed);
                }
                let from = at.plus(held);
                let keys = policy.organisations.iter().chain(&policy.writers).map(|pin| pin.key);
                self.pinned = keys.map(|key| (key, self.pinned_from(&key).unwrap_or(from))).collect();
                self.policy = policy;
            }
            Act::Recovery { keys, wraps } => {
                let keys = kit(keys)?;
                let wrapped: Vec<DeviceId> = wraps.iter().map(|wrap| wrap.device).collect();
                let expected: Vec<DeviceId> = keys.iter().map(RecoveryKeys::id).collect();
                if wrapped != expected {
                    return Err(ChainError::Epoch);
                }
                self.recovery = keys;
                self.kit_wrap = wraps.first().copied();
            }
        }
        Ok(())
    }

    fn recover(
        &mut self,
        place: &Head,
        kit_id: DeviceId,
        device: DevicePublic,
        reverse: &SignatureBytes,
        epoch: Epoch,
        recovery: Vec<RecoveryKeys>,
    ) -> Result<(), ChainError> {
        for member in self.members.iter_mut().filter(|member| member.until.is_none()) {
            member.until = Some(place.seq);
        }
        self.join(place, &kit_id, device, &Hash::ZERO, reverse, UnixMillis(0))?;
        let keys = kit(recovery)?;
        if keys.is_some() && keys == self.recovery {
            // The kit that spoke has been put together in one place.
            return Err(ChainError::Malformed);
        }
        self.recovery = keys;
        self.start(epoch)
    }

    fn join(
        &mut self,
        place: &Head,
        adder: &DeviceId,
        device: DevicePublic,
        transcript: &Hash,
        reverse: &SignatureBytes,
        free_at: UnixMillis,
    ) -> Result<(), ChainError> {
        if !is_device(&device) {
            return Err(ChainError::Malformed);
        }
        let id = device.id();
        let known = |member: &Member| member.id == id || member.device.signing == device.signing;
        if self.members.iter().any(known) {
            return Err(ChainError::Known);
        }
        let signed = preimage::reverse_signature(&self.account, place, &device, adder, transcript);
        verify(&device.signing, &signed, reverse).map_err(|BadSignature| ChainError::Reverse)?;
        self.members.push(Member { id, device, since: place.seq, until: None, free_at });
        Ok(())
    }

    fn start(&mut self, epoch: Epoch) -> Result<(), ChainError> {
        is_next_epoch(&self.epochs, &epoch, &self.active_ids(), self.recovery.as_ref())?;
        self.kit_wrap = wrap_for(&epoch, self.recovery.as_ref());
        self.epochs.push(epoch);
        self.begun.push(self.next_place().seq);
        Ok(())
    }

    /// Whether the policy asks for a second device's signature on an act, and there is a device that could give it.
    #[must_use]
    pub fn needs_second(&self, signer: &DeviceId, act: &Act) -> bool {
        let need = match act {
            Act::Add { .. } => self.policy.adding,
            Act::Revoke { .. } => self.policy.revoking,
            Act::Policy { .. } | Act::Recovery { .. } => self.policy.pinning,
            Act::Rotate { .. } => Need::default(),
        };
        need.second && self.seconds(signer, act).next().is_some()
    }

    /// Devices that could sign an act as the second: those that belong, are not its signer and do not leave by it.
    fn seconds<'m>(&'m self, signer: &'m DeviceId, act: &'m Act) -> impl Iterator<Item = &'m Member> {
        let leaving: &[DeviceId] = match act {
            Act::Revoke { devices, .. } => devices,
            Act::Add { .. } | Act::Rotate { .. } | Act::Policy { .. } | Act::Recovery { .. } => &[],
        };
        let may =
            move |member: &&Member| member.until.is_none() && member.id != *signer && !leaving.contains(&member.id);
        self.members.iter().filter(may)
    }

    /// Checks that a second device signed where the policy asks for one and there is one, and that none did elsewhere.
    fn has_second(&self, signer: &DeviceId, place: &Head, act: &Act, second: &[Second]) -> Result<(), ChainError> {
        match (self.needs_second(signer, act), second) {
            (false, []) => Ok(()),
            (true, [one]) => {
                let member = self.seconds(signer, act).find(|member| member.id == one.device);
                let signed = preimage::second_signature(&self.account, place, &encode(act));
                Ok(verify(&member.ok_or(ChainError::Policy)?.device.signing, &signed, &one.signature)?)
            }
            _ => Err(ChainError::Policy),
        }
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

    /// The rules.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A pinned writer, once its pin has taken effect.
    #[must_use]
    pub fn writer(&self, key: &SigningKeyBytes, now: UnixMillis) -> Option<&Pin> {
        self.pin(&self.policy.writers, key, now)
    }

    /// A pinned organisation, once its pin has taken effect.
    #[must_use]
    pub fn organisation(&self, key: &SigningKeyBytes, now: UnixMillis) -> Option<&Pin> {
        self.pin(&self.policy.organisations, key, now)
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

    fn pin<'p>(&self, pins: &'p [Pin], key: &SigningKeyBytes, now: UnixMillis) -> Option<&'p Pin> {
        let from = self.pinned_from(key)?;
        pins.iter().find(|pin| pin.key == *key && from <= now)
    }

    fn pinned_from(&self, key: &SigningKeyBytes) -> Option<UnixMillis> {
        self.pinned.iter().find(|(pinned, _)| pinned == key).map(|(_, from)| *from)
    }

    /// By rising id, as an epoch's wraps list them.
    fn active_ids(&self) -> Vec<DeviceId> {
        let active = self.members.iter().filter(|member| member.until.is_none());
        let mut ids: Vec<DeviceId> = active.map(|member| member.id).collect();
        ids.sort_unstable_by_key(|id| id.0);
        ids
    }
}

/// The wrap of an epoch that is for the kit.
fn wrap_for(epoch: &Epoch, kit: Option<&RecoveryKeys>) -> Option<WrapCommitment> {
    let id = kit?.id();
    epoch.wraps.iter().find(|wrap| wrap.device == id).copied()
}

/// The one set of recovery keys, or none.
fn kit(keys: Vec<RecoveryKeys>) -> Result<Option<RecoveryKeys>, ChainError> {
    let mut keys = keys.into_iter();
    let first = keys.next();
    let fits = first.as_ref().is_none_or(|keys| keys.kem.0.len() == KEM_KEY_LEN) && keys.next().is_none();
    if fits { Ok(first) } else { Err(ChainError::Malformed) }
}

fn is_device(device: &DevicePublic) -> bool {
    device.kem.0.len() == KEM_KEY_LEN && matches!(device.serial.0.len(), 0 | Hash::LEN)
}

fn is_policy(policy: &Policy) -> bool {
    let pins = |pins: &[Pin]| {
        let named = pins.iter().all(|pin| (1..=MAX_TITLE).contains(&pin.name.len()));
        let once = pins
            .iter()
            .enumerate()
            .all(|(place, pin)| pins.iter().skip(place.saturating_add(1)).all(|other| other.key != pin.key));
        pins.len() <= MAX_PINS && named && once
    };
    let Policy { organisations, writers, adding, revoking, pinning, recovering } = policy;
    pins(organisations)
        && pins(writers)
        && revoking.held == 0
        && [adding.held, pinning.held, *recovering].iter().all(|held| *held <= MAX_HELD_MILLIS)
}

/// Checks an epoch against those before it and those who belong: devices by rising id, and the recovery kit.
fn is_next_epoch(
    before: &[Epoch],
    epoch: &Epoch,
    devices: &[DeviceId],
    recovery: Option<&RecoveryKeys>,
) -> Result<(), ChainError> {
    let number = u32::try_from(before.len()).ok().and_then(|count| count.checked_add(1));
    let older = if before.is_empty() { 0 } else { OLDER_SEED_LEN };
    let mut wrapped = devices.to_vec();
    wrapped.extend(recovery.map(RecoveryKeys::id));
    wrapped.sort_unstable_by_key(|id| id.0);
    let fits = Some(epoch.number) == number
        && epoch.account_key.0.len() == KEM_KEY_LEN
        && before.iter().all(|earlier| earlier.account_key != epoch.account_key)
        && epoch.previous_seed.0.len() == older
        && epoch.wraps.iter().map(|wrap| wrap.device).eq(wrapped.iter().copied());
    if fits { Ok(()) } else { Err(ChainError::Epoch) }
}

#[cfg(test)]
mod tests;
