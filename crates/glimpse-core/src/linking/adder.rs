//! The device that is in the account.

use glimpse_wire::account::{Act, DevicePublic, Head};
use glimpse_wire::chain::{Chain, Standing};
use glimpse_wire::ids::{Bytes, SigningKeyBytes};
use glimpse_wire::limits::{MAX_CLAIM, MAX_HELD_MILLIS, MAX_INVITED_AGAIN, MAX_TITLE};
use glimpse_wire::linking::{Linking, SealedSeed};
use glimpse_wire::signature;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Hash, UnixMillis, encode, preimage};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{CodeEnd, Ended, Line, Paired, Role, same_role, serial_hash, states};
use crate::Monotonic;
use crate::error::OpenError;
use crate::kem::KemPublic;
use crate::keys::{AccountSeed, DeviceKeys};
use crate::words::CheckWords;

/// Begins at the adder's end; `server` is the key by which this device knows the server.
///
/// # Errors
/// [`Ended`] with [`ErrorCode::Conflict`] if the other end is in an account too, with [`ErrorCode::Malformed`] if what it
/// said of itself is neither that nor what a joiner says, or if this end showed the code as a joiner.
pub fn begin(paired: Paired, server: SigningKeyBytes) -> Result<ExpectAsk, Ended> {
    let (line, end) = paired.into_line(Role::Adder);
    let (account, named) = match end {
        CodeEnd::Shows { account } if account == AccountId([0; 32]) => return Err(same_role(ErrorCode::Malformed)),
        CodeEnd::Shows { account } => (Some(account), None),
        CodeEnd::Types { identity } if identity.account != AccountId([0; 32]) => {
            return Err(same_role(ErrorCode::Conflict));
        }
        CodeEnd::Types { identity } if identity.head != NOWHERE || identity.epoch != 0 => {
            return Err(same_role(ErrorCode::Malformed));
        }
        CodeEnd::Types { identity } => (None, Some((identity.signing, identity.kem))),
    };
    Ok(ExpectAsk { line, server, account, named })
}

/// The head of whoever is in no chain.
pub(super) const NOWHERE: Head = Head { seq: 0, hash: Hash::ZERO };

/// Waits for Ask.
pub struct ExpectAsk {
    line: Line,
    /// By which key this device knows the server.
    server: SigningKeyBytes,
    /// The account that this end named, where it showed the code.
    account: Option<AccountId>,
    /// The keys that the joiner named, where it showed the code.
    named: Option<(SigningKeyBytes, Bytes)>,
}

impl ExpectAsk {
    /// The words that the joiner shows too.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.line.words
    }

    /// Takes Ask.
    ///
    /// # Errors
    /// [`Ended`].
    pub fn receive(mut self, message: &[u8], now: Monotonic) -> Result<Asked, Ended> {
        let Linking::Ask { signing, kem, name, serial } = self.line.receive(message, now)? else {
            return Err(self.line.end(ErrorCode::Malformed));
        };
        let same = self.named.as_ref().is_none_or(|named| *named == (signing, kem.clone()));
        let key = match KemPublic::parse(kem.as_slice()) {
            Ok(key) if same && name.len() <= MAX_TITLE && serial.len() <= MAX_CLAIM => key,
            Ok(_) | Err(OpenError) => return Err(self.line.end(ErrorCode::Malformed)),
        };
        let device = DevicePublic { signing, kem, serial: Bytes(Vec::new()) };
        Ok(Asked {
            line: self.line,
            server: self.server,
            account: self.account,
            joiner: Joiner { id: device.id(), device, key, name, serial },
        })
    }
}

/// Who wants to join. Name and serial number are claimed.
struct Joiner {
    id: DeviceId,
    device: DevicePublic,
    key: KemPublic,
    name: String,
    serial: String,
}

/// The joiner said who it is; waits for the person.
pub struct Asked {
    line: Line,
    server: SigningKeyBytes,
    account: Option<AccountId>,
    joiner: Joiner,
}

impl Asked {
    /// The words that the joiner shows, to be picked among decoys.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.line.words
    }

    /// The joiner's id.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.joiner.id
    }

    /// What the joiner says it is called; may be empty. From outside: clean it before it is shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.joiner.name
    }

    /// The joiner's serial number, as it claims; may be empty. From outside: clean it before it is shown.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.joiner.serial
    }

    /// The person picked words and said yes to this device.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::CodeWrong`] if the words picked are not the joiner's: somebody may be in between; with
    /// [`ErrorCode::ApprovalTimedOut`] after the deadline.
    ///
    /// # Security
    /// Call it for an act of the user on this device, never for a message.
    pub fn approve(mut self, picked: CheckWords, now: Monotonic) -> Result<LinkApproved, Ended> {
        self.line.in_time(now)?;
        if picked != self.line.words {
            return Err(self.line.end(ErrorCode::CodeWrong));
        }
        self.line.approved(now);
        let Self { line, server, account, joiner } = self;
        Ok(LinkApproved { line, server, account, joiner, invited: 0 })
    }
}

/// Proof that the user approved this joiner in this pairing. Everything after it holds it.
pub struct LinkApproved {
    line: Line,
    server: SigningKeyBytes,
    account: Option<AccountId>,
    joiner: Joiner,
    invited: u8,
}

/// For which place in the chain, and how.
#[derive(Clone, Copy)]
struct Invitation {
    account: AccountId,
    place: Head,
    adder: DeviceId,
    at: UnixMillis,
    held: u64,
}

impl LinkApproved {
    /// Invites for the chain's next place; gives Invite to send. `first` is the seed of epoch 1; `at` is now; `held` is
    /// for how many milliseconds the device gets nothing yet, at least what the policy says.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::DeviceRevoked`] if this device is not in the chain, with [`ErrorCode::Malformed`] for a
    /// time outside what policy and protocol allow, with [`ErrorCode::Internal`] for another account's chain or seed.
    pub fn invite(
        mut self,
        chain: &Chain,
        keys: &DeviceKeys,
        first: &AccountSeed,
        at: UnixMillis,
        held: u64,
        now: Monotonic,
    ) -> Result<(ExpectJoin, Vec<u8>), Ended> {
        let account_key = first.account_key().public().to_wire();
        if chain.epochs().first().is_none_or(|epoch| epoch.account_key != account_key) {
            return Err(self.line.end(ErrorCode::Internal));
        }
        self.joiner.device.serial = serial_hash(first, &self.joiner.serial);
        self.invite_to(chain, keys, at, held, now)
    }

    fn invite_to(
        mut self,
        chain: &Chain,
        keys: &DeviceKeys,
        at: UnixMillis,
        held: u64,
        now: Monotonic,
    ) -> Result<(ExpectJoin, Vec<u8>), Ended> {
        self.line.in_time(now)?;
        let adder = keys.id();
        if self.account.is_some_and(|account| account != chain.account()) {
            return Err(self.line.end(ErrorCode::Internal));
        }
        if chain.active(&adder).is_none() {
            return Err(self.line.end(ErrorCode::DeviceRevoked));
        }
        if !(chain.policy_at(at).adding.held..=MAX_HELD_MILLIS).contains(&held) {
            return Err(self.line.end(ErrorCode::Malformed));
        }
        self.account = Some(chain.account());
        self.invited = self.invited.saturating_add(1);
        let invitation = Invitation { account: chain.account(), place: chain.next_place(), adder, at, held };
        let Invitation { account, place, .. } = invitation;
        let serial = self.joiner.device.serial.clone();
        let signed = preimage::invitation(
            &self.line.transcript,
            &self.joiner.id,
            &account,
            &place,
            &adder,
            serial.as_slice(),
            at,
            held,
            &self.server,
        );
        let (server, signature) = (self.server, keys.signing().sign(&signed));
        let invite = self.line.say(&Linking::Invite { account, place, adder, serial, at, held, server, signature });
        Ok((ExpectJoin { approved: self, invitation }, invite))
    }
}

/// Waits for Join.
pub struct ExpectJoin {
    approved: LinkApproved,
    invitation: Invitation,
}

impl ExpectJoin {
    /// Takes Join.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::Malformed`] for a signature that is not the joiner's for exactly this invitation; with
    /// the joiner's reason.
    pub fn receive(mut self, message: &[u8], now: Monotonic) -> Result<Joined, Ended> {
        let line = &mut self.approved.line;
        let Linking::Join { reverse } = line.receive(message, now)? else {
            return Err(line.end(ErrorCode::Malformed));
        };
        let Invitation { account, place, adder, at, held } = self.invitation;
        let device = self.approved.joiner.device.clone();
        let transcript = line.transcript;
        let signed = preimage::reverse_signature(&account, &place, &device, &adder, &transcript);
        if signature::verify(&device.signing, &signed, &reverse).is_err() {
            return Err(line.end(ErrorCode::Malformed));
        }
        let act = Act::Add { device, transcript, reverse, at, held };
        Ok(Joined { approved: self.approved, place, act })
    }
}

/// The joiner signed; waits for the link that says so to be in the chain.
pub struct Joined {
    approved: LinkApproved,
    place: Head,
    act: Act,
}

impl Joined {
    /// To sign with [`crate::chain::act`] at [`Joined::place`], with a second device where the policy asks for one.
    #[must_use]
    pub const fn act(&self) -> &Act {
        &self.act
    }

    /// Where the link goes, and nowhere else.
    #[must_use]
    pub const fn place(&self) -> Head {
        self.place
    }

    /// Another link took the place: invites for the next one.
    ///
    /// # Errors
    /// As [`LinkApproved::invite`]; [`Ended`] with [`ErrorCode::Conflict`] after [`MAX_INVITED_AGAIN`] times.
    pub fn again(
        mut self,
        chain: &Chain,
        keys: &DeviceKeys,
        at: UnixMillis,
        held: u64,
        now: Monotonic,
    ) -> Result<(ExpectJoin, Vec<u8>), Ended> {
        if self.approved.invited > MAX_INVITED_AGAIN {
            return Err(self.approved.line.end(ErrorCode::Conflict));
        }
        self.approved.invite_to(chain, keys, at, held, now)
    }

    /// The server took the link with this hash, and `chain` has it: gives Seed to send. `seed` is that of the chain's
    /// newest epoch. The time is not asked for: a device in the chain without a seed is what nobody wants.
    ///
    /// # Errors
    /// [`Ended`] with [`ErrorCode::Conflict`] if the chain has not got the joiner by this link, with
    /// [`ErrorCode::DeviceRevoked`] if another device took it out at once, with [`ErrorCode::Internal`] for another seed.
    pub fn accepted(
        mut self,
        link: Hash,
        chain: &Chain,
        seed: &AccountSeed,
        rng: &mut impl CryptoRng,
    ) -> Result<(ExpectDone, Vec<u8>), Ended> {
        match self.seal(link, chain, seed, rng) {
            Ok(message) => {
                let LinkApproved { mut line, joiner, .. } = self.approved;
                let seed = line.say(&message);
                Ok((ExpectDone { line, linked: Linked { device: joiner.id, name: joiner.name } }, seed))
            }
            Err(error) => Err(self.approved.line.end(error)),
        }
    }

    fn seal(
        &self,
        link: Hash,
        chain: &Chain,
        seed: &AccountSeed,
        rng: &mut impl CryptoRng,
    ) -> Result<Linking, ErrorCode> {
        let LinkApproved { line, account, joiner, .. } = &self.approved;
        let added = chain.members().iter().find(|member| member.id == joiner.id).ok_or(ErrorCode::Conflict)?;
        let brought = chain.compare(&Head { seq: self.place.seq, hash: link });
        let here = matches!(brought, Standing::Same | Standing::Behind) && added.since == self.place.seq;
        if !here || *account != Some(chain.account()) || added.device != joiner.device {
            return Err(ErrorCode::Conflict);
        }
        if added.until.is_some() {
            return Err(ErrorCode::DeviceRevoked);
        }
        let epoch = chain.epoch().ok_or(ErrorCode::Internal)?;
        if seed.account_key().public().to_wire() != epoch.account_key {
            return Err(ErrorCode::Internal);
        }
        let sealed = SealedSeed { epoch: epoch.number, seed: Bytes(seed.0.expose_secret().to_vec()) };
        let plaintext = Zeroizing::new(encode(&sealed));
        drop(Zeroizing::new(sealed.seed.0));
        let (info, id) = (&line.transcript.0, line.session().0);
        let (enc, ciphertext, _exporter) = joiner
            .key
            .seal_with_psk(&line.psk, &id, info, &link.0, &plaintext, rng)
            .map_err(|OpenError| ErrorCode::Internal)?;
        Ok(Linking::Seed { link, enc: Bytes(enc), ciphertext: Bytes(ciphertext) })
    }
}

/// Waits for Done.
pub struct ExpectDone {
    line: Line,
    linked: Linked,
}

impl ExpectDone {
    /// Takes Done. The device is in the chain whether it comes or not.
    ///
    /// # Errors
    /// [`Ended`] with the joiner's reason for not taking the seed.
    pub fn receive(mut self, message: &[u8], now: Monotonic) -> Result<Linked, Ended> {
        let Linking::Done = self.line.receive(message, now)? else {
            return Err(self.line.end(ErrorCode::Malformed));
        };
        Ok(self.linked)
    }
}

/// A device that was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Which.
    pub device: DeviceId,
    /// What it says it is called; may be empty.
    pub name: String,
}

states!(
    ExpectAsk => line,
    Asked => line,
    LinkApproved => line,
    ExpectJoin => approved.line,
    Joined => approved.line,
    ExpectDone => line,
);
