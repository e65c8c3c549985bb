//! The device that wants to be in the account.

use glimpse_wire::account::{DevicePublic, Head};
use glimpse_wire::chain::{Chain, Standing};
use glimpse_wire::ids::{Bytes, SignatureBytes, SigningKeyBytes};
use glimpse_wire::limits::{MAX_CLAIM, MAX_HELD_MILLIS, MAX_INVITED_AGAIN, MAX_LINK, MAX_TITLE};
use glimpse_wire::linking::{Linking, SealedSeed};
use glimpse_wire::pairing::{Identity, Purpose};
use glimpse_wire::signature;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, MailboxId, UnixMillis, decode, preimage};
use zeroize::Zeroizing;

use super::adder::NOWHERE;
use super::{CodeEnd, Ended, Line, Paired, Role, same_role, states};
use crate::Monotonic;
use crate::chain;
use crate::code::Nameplate;
use crate::error::OpenError;
use crate::keys::{AccountSeed, DeviceKeys};
use crate::pairing::device::Setup;
use crate::secret::Secret;
use crate::words::CheckWords;

/// The setup of a joiner that shows the code: what the server assigned, its own keys, and no account.
#[must_use]
pub fn setup(
    keys: &DeviceKeys,
    mailbox: MailboxId,
    nameplate: Nameplate,
    server_nonce: Hash,
    expires: UnixMillis,
    deadline: Monotonic,
) -> Setup {
    Setup {
        purpose: Purpose::Link,
        mailbox,
        nameplate,
        server_nonce,
        expires,
        deadline,
        account: AccountId([0; 32]),
        signing: keys.signing().public(),
        kem: keys.kem().public().to_wire(),
        head: NOWHERE,
        epoch: 0,
        name: String::new(),
    }
}

/// Begins at the joiner's end; gives Ask to send. `keys` are fresh, and stored before; `name` is what the owner calls the
/// device, `serial` its hardware serial number, each may be empty.
///
/// # Errors
/// [`Ended`] with [`ErrorCode::Malformed`] if the other end is in no account either, if this end showed the code for an
/// account, or for a name or number over the limits.
pub fn begin(
    paired: Paired,
    keys: &DeviceKeys,
    name: String,
    serial: String,
) -> Result<(ExpectInvite, Vec<u8>), Ended> {
    let (mut line, end) = paired.into_line(Role::Joiner);
    let adder = match end {
        CodeEnd::Shows { account } if account == AccountId([0; 32]) => None,
        CodeEnd::Types { identity } if identity.account != AccountId([0; 32]) => Some(identity),
        CodeEnd::Shows { .. } | CodeEnd::Types { .. } => return Err(same_role(ErrorCode::Malformed)),
    };
    if name.len() > MAX_TITLE || serial.len() > MAX_CLAIM {
        return Err(line.end(ErrorCode::Malformed));
    }
    let own = keys.public();
    let has_serial = !serial.is_empty();
    let ask = line.say(&Linking::Ask { signing: own.signing, kem: own.kem.clone(), name, serial });
    Ok((ExpectInvite { joining: Joining { line, own, has_serial, adder, seen: None, invited: 0 } }, ask))
}

/// What a joiner carries through its states.
struct Joining {
    line: Line,
    own: DevicePublic,
    has_serial: bool,
    /// Who the adder said it is, where it showed the code.
    adder: Option<Box<Identity>>,
    /// Whose chain it signed for, and that chain's head then.
    seen: Option<(AccountId, Head)>,
    invited: u8,
}

impl Joining {
    /// Whether `chain` goes on from what was seen of it.
    fn goes_on(&self, chain: &Chain) -> Result<(), ErrorCode> {
        match self.seen {
            Some((account, _)) if account != chain.account() => Err(ErrorCode::Malformed),
            Some((_, head)) => is_of(chain, &head),
            None => Ok(()),
        }
    }

    fn take(mut self, message: Linking) -> Result<Invited, Ended> {
        let Linking::Invite { account, place, adder, serial, at, held, server, signature } = message else {
            return Err(self.line.end(ErrorCode::Malformed));
        };
        self.invited = self.invited.saturating_add(1);
        let fits = serial.0.len() == if self.has_serial { Hash::LEN } else { 0 };
        if !fits || self.invited > MAX_INVITED_AGAIN.saturating_add(1) {
            return Err(self.line.end(ErrorCode::Malformed));
        }
        self.own.serial = serial;
        Ok(Invited { joining: self, account, place, adder, at, held, server, signature })
    }
}

/// Whether `head` is a link of `chain`: one that is further was kept back, one that differs is of another version.
fn is_of(chain: &Chain, head: &Head) -> Result<(), ErrorCode> {
    match chain.compare(head) {
        Standing::Same | Standing::Behind => Ok(()),
        Standing::Ahead => Err(ErrorCode::ChainRolledBack),
        Standing::Forked => Err(ErrorCode::ChainForked),
    }
}

/// Shows the words, and waits for Invite: the yes of the person at the other device.
pub struct ExpectInvite {
    joining: Joining,
}

impl ExpectInvite {
    /// The words to show.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.joining.line.words
    }

    /// Takes Invite.
    ///
    /// # Errors
    /// [`Ended`] with the adder's reason ([`ErrorCode::Declined`], …), or with [`ErrorCode::Malformed`].
    pub fn receive(mut self, message: &[u8], now: Monotonic) -> Result<Invited, Ended> {
        let message = self.joining.line.receive(message, now)?;
        self.joining.line.approved(now);
        self.joining.take(message)
    }
}

/// Was invited; waits for the chain of [`Invited::account`].
pub struct Invited {
    joining: Joining,
    account: AccountId,
    place: Head,
    adder: DeviceId,
    at: UnixMillis,
    held: u64,
    server: SigningKeyBytes,
    signature: SignatureBytes,
}

impl Invited {
    /// Whose chain to replay.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// For how many milliseconds this device will get nothing yet.
    #[must_use]
    pub const fn held(&self) -> u64 {
        self.held
    }

    /// The key by which the adder knows the server: it is this device's too, whatever the server says of itself.
    /// [`Invited::join`] checks that the adder signed it.
    #[must_use]
    pub const fn server(&self) -> SigningKeyBytes {
        self.server
    }

    /// Joins, if the invitation is by a device of the chain that was replayed and for its next place; gives Join to send.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::ChainForked`] or [`ErrorCode::ChainRolledBack`] where the adder knows another chain or a
    /// longer one; with [`ErrorCode::Conflict`] where the chain has gone on, or has these keys already; with
    /// [`ErrorCode::DeviceRevoked`] for an adder that was taken out; with [`ErrorCode::Malformed`] for anything else that
    /// is not so, with [`ErrorCode::Internal`] for other keys.
    pub fn join(mut self, chain: &Chain, keys: &DeviceKeys) -> Result<(ExpectSeed, Vec<u8>), Ended> {
        if let Err(error) = self.check(chain, keys) {
            return Err(self.joining.line.end(error));
        }
        let Self { mut joining, account, place, adder, .. } = self;
        joining.seen = Some((account, chain.head()));
        let reverse = chain::join(&account, &place, keys, &joining.own, &adder, &joining.line.transcript);
        let join = joining.line.say(&Linking::Join { reverse });
        Ok((ExpectSeed { joining }, join))
    }

    fn check(&self, chain: &Chain, keys: &DeviceKeys) -> Result<(), ErrorCode> {
        let own = self.joining.own.id();
        if keys.id() != own {
            return Err(ErrorCode::Internal);
        }
        let named = self.joining.adder.as_deref();
        if self.account != chain.account() || named.is_some_and(|named| named.account != self.account) {
            return Err(ErrorCode::Malformed);
        }
        self.joining.goes_on(chain)?;
        named.map_or(Ok(()), |named| is_of(chain, &named.head))?;
        let before = Head { seq: self.place.seq.checked_sub(1).ok_or(ErrorCode::Malformed)?, hash: self.place.hash };
        is_of(chain, &before)?;
        if chain.next_place() != self.place || self.joining.seen.is_some_and(|(_, seen)| seen == before) {
            return Err(ErrorCode::Conflict);
        }
        let Some(adder) = chain.active(&self.adder) else {
            let past = chain.members().iter().any(|member| member.id == self.adder);
            return Err(if past { ErrorCode::DeviceRevoked } else { ErrorCode::Malformed });
        };
        let device = &adder.device;
        if named.is_some_and(|named| named.signing != device.signing || named.kem != device.kem) {
            return Err(ErrorCode::Malformed);
        }
        let signed = preimage::invitation(
            &self.joining.line.transcript,
            &own,
            &self.account,
            &self.place,
            &self.adder,
            self.joining.own.serial.as_slice(),
            self.at,
            self.held,
            &self.server,
        );
        signature::verify(&device.signing, &signed, &self.signature).map_err(|_| ErrorCode::Malformed)?;
        if !(chain.policy_at(self.at).adding.held..=MAX_HELD_MILLIS).contains(&self.held) {
            return Err(ErrorCode::Malformed);
        }
        if chain.members().iter().any(|member| member.id == own) {
            return Err(ErrorCode::Conflict);
        }
        Ok(())
    }
}

/// Waits for Seed, or for another Invite where another link took the place.
pub struct ExpectSeed {
    joining: Joining,
}

/// What came of a Join.
#[derive(Debug)]
pub enum AfterJoin {
    /// Another link took the place; there is another one.
    Again(Invited),
    /// The link is in the chain, says the adder.
    Seeded(Seeded),
}

impl ExpectSeed {
    /// Takes Seed, or Invite.
    ///
    /// # Errors
    /// [`Ended`].
    pub fn receive(mut self, message: &[u8], now: Monotonic) -> Result<AfterJoin, Ended> {
        match self.joining.line.receive(message, now)? {
            Linking::Seed { link, enc, ciphertext } => {
                Ok(AfterJoin::Seeded(Seeded { joining: self.joining, link, enc, ciphertext }))
            }
            invite @ Linking::Invite { .. } => self.joining.take(invite).map(AfterJoin::Again),
            Linking::Ask { .. } | Linking::Join { .. } | Linking::Done | Linking::Over { .. } => {
                Err(self.joining.line.end(ErrorCode::Malformed))
            }
        }
    }
}

/// Has a sealed seed; waits for the chain with the link that brought this device.
pub struct Seeded {
    joining: Joining,
    link: Hash,
    enc: Bytes,
    ciphertext: Bytes,
}

impl Seeded {
    /// Opens the seed and adopts it, if this device is in the chain by the link that the adder named, and the account key
    /// of the chain's newest epoch follows from the seed.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::ChainForked`] or [`ErrorCode::ChainRolledBack`] for a chain that does not go on from the
    /// one that was signed for, or in which this device is not, or by another link; with [`ErrorCode::DeviceRevoked`] where
    /// it was taken out at once; with [`ErrorCode::Conflict`] for the right seed of an epoch that another one followed
    /// meanwhile: the newest is wrapped to this device as to all; with [`ErrorCode::RecordTampered`] for any other seed,
    /// and one that does not open; with [`ErrorCode::Internal`] for other keys.
    pub fn adopt(mut self, chain: &Chain, keys: &DeviceKeys) -> Result<Adopted, Ended> {
        match self.open(chain, keys) {
            Ok((epoch, seed)) => Ok(Adopted { epoch, seed, stored: ExpectStored { line: self.joining.line } }),
            Err(error) => Err(self.joining.line.end(error)),
        }
    }

    fn open(&self, chain: &Chain, keys: &DeviceKeys) -> Result<(u32, AccountSeed), ErrorCode> {
        let own = self.joining.own.id();
        if keys.id() != own {
            return Err(ErrorCode::Internal);
        }
        self.joining.goes_on(chain)?;
        let member = chain.members().iter().find(|member| member.id == own).ok_or(ErrorCode::ChainRolledBack)?;
        is_of(chain, &Head { seq: member.since, hash: self.link })?;
        if member.until.is_some() {
            return Err(ErrorCode::DeviceRevoked);
        }
        let line = &self.joining.line;
        let (info, id) = (&line.transcript.0, line.session().0);
        let (enc, ciphertext) = (self.enc.as_slice(), self.ciphertext.as_slice());
        let opened = keys.kem().open_with_psk(&line.psk, &id, info, &self.link.0, enc, ciphertext);
        let (opened, _exporter) = opened.map_err(|OpenError| ErrorCode::RecordTampered)?;
        let sealed: SealedSeed = decode(&opened, MAX_LINK).map_err(|_| ErrorCode::RecordTampered)?;
        let bytes = Zeroizing::new(sealed.seed.0);
        let seed = AccountSeed(Secret::from_slice(&bytes).ok_or(ErrorCode::RecordTampered)?);
        let account_key = seed.account_key().public().to_wire();
        let its = chain.epochs().iter().find(|epoch| epoch.number == sealed.epoch);
        if its.is_none_or(|epoch| epoch.account_key != account_key) {
            return Err(ErrorCode::RecordTampered);
        }
        if chain.epoch().is_none_or(|newest| newest.number != sealed.epoch) {
            return Err(ErrorCode::Conflict);
        }
        Ok((sealed.epoch, seed))
    }
}

/// A seed that was adopted.
#[derive(Debug)]
pub struct Adopted {
    /// Of which epoch: the chain's newest.
    pub epoch: u32,
    /// The seed; those of earlier epochs open from there ([`chain::older_seed`]).
    pub seed: AccountSeed,
    /// What is left to do.
    pub stored: ExpectStored,
}

/// Waits for the seed to be on disk.
pub struct ExpectStored {
    line: Line,
}

impl ExpectStored {
    /// It is; gives Done to send.
    #[must_use]
    pub fn done(mut self) -> Vec<u8> {
        self.line.say(&Linking::Done)
    }
}

states!(
    ExpectInvite => joining.line,
    Invited => joining.line,
    ExpectSeed => joining.line,
    Seeded => joining.line,
    ExpectStored => line,
);
