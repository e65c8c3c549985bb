//! The device's side of a pairing: side B.

use glimpse_wire::account::Head;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{APPROVAL_MILLIS, MAX_ASK, MAX_MESSAGE};
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::{HelloCore, Identity, Introduction, Message, Offer, Purpose};
use glimpse_wire::preimage;
use glimpse_wire::session::Side;
use glimpse_wire::{
    AccountId, ErrorCode, Hash, MailboxId, SUITE, SessionId, SigningKeyBytes, UnixMillis, decode, encode, signature,
};
use rand_core::CryptoRng;

use super::{asked, claim_fits, receive, side_ids, stretched};
use crate::Monotonic;
use crate::aead::{self, NONCE};
use crate::attempts::Counted;
use crate::code::{CodeSecret, Nameplate, PairingCode};
use crate::derive::PairingKeys;
use crate::kem::KemPublic;
use crate::linking::{CodeEnd, Paired};
use crate::pake;
use crate::secret::Secret;
use crate::session::Approved;
use crate::session::device::Decision;
use crate::words::CheckWords;

/// What the server assigned, and who the device is.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What for, as the local screen knows it.
    pub purpose: Purpose,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its nameplate.
    pub nameplate: Nameplate,
    /// 32 bytes by the server.
    pub server_nonce: Hash,
    /// When the code ends, for the other screen.
    pub expires: UnixMillis,
    /// When the code ends, by this device's own clock: the one that counts.
    pub deadline: Monotonic,
    /// The device's account.
    pub account: AccountId,
    /// The device's signing key.
    pub signing: SigningKeyBytes,
    /// The device's X-Wing key.
    pub kem: Bytes,
    /// The newest link that the device knows.
    pub head: Head,
    /// The current epoch.
    pub epoch: u32,
    /// The name that the viewer reads; may be empty.
    pub name: String,
}

/// A pairing that was opened: the Offer for the mailbox, the code for the screen.
#[derive(Debug)]
pub struct Opened {
    /// Waits for the viewer.
    pub state: ExpectHello,
    /// An [`Offer`], CBOR.
    pub offer: Vec<u8>,
    /// To show.
    pub code: PairingCode,
}

/// Waits for Hello.
pub struct ExpectHello {
    purpose: Purpose,
    nameplate: Nameplate,
    password: Secret<32>,
    offer: Vec<u8>,
    identity: Vec<u8>,
    account: AccountId,
    head: Head,
    deadline: Monotonic,
}

/// Draws the secret of a code and begins to wait. The stretching is done here, so that the answer is quick.
///
/// # Errors
/// [`ErrorCode::Internal`] if memory for the stretching cannot be had.
pub fn open(setup: Setup, rng: &mut impl CryptoRng) -> Result<Opened, ErrorCode> {
    let secret = CodeSecret::generate(setup.purpose, rng);
    open_with_secret(setup, secret, rng)
}

pub(crate) fn open_with_secret(
    setup: Setup,
    secret: CodeSecret,
    rng: &mut impl CryptoRng,
) -> Result<Opened, ErrorCode> {
    let identity = encode(&Identity {
        account: setup.account,
        signing: setup.signing,
        kem: setup.kem,
        head: setup.head,
        epoch: setup.epoch,
        name: setup.name,
        blind: Hash(*Secret::generate(rng).expose_secret()),
    });
    let offer = encode(&Offer {
        suite: SUITE,
        purpose: setup.purpose,
        mailbox: setup.mailbox,
        server_nonce: setup.server_nonce,
        device_nonce: Hash(*Secret::generate(rng).expose_secret()),
        identity: preimage::identity_commitment(&identity),
        expires: setup.expires,
    });
    let password = stretched(&setup.nameplate, &secret, &offer)?;
    let state = ExpectHello {
        purpose: setup.purpose,
        nameplate: setup.nameplate.clone(),
        password,
        offer: offer.clone(),
        identity,
        account: setup.account,
        head: setup.head,
        deadline: setup.deadline,
    };
    Ok(Opened { state, offer, code: PairingCode::new(setup.nameplate, secret) })
}

impl ExpectHello {
    /// Takes Hello; gives Answer to send. `counted` proves that the run was counted, and the count stored, as a failure.
    ///
    /// # Errors
    /// The code is burnt, with the reason.
    #[expect(clippy::needless_pass_by_value, reason = "a proof is used up by what it permits")]
    pub fn receive(
        self,
        message: &[u8],
        now: Monotonic,
        counted: Counted,
        rng: &mut impl CryptoRng,
    ) -> Result<(ExpectConfirmA, Vec<u8>), ErrorCode> {
        if now >= self.deadline {
            return Err(ErrorCode::CodeExpired);
        }
        let _used_up: &Counted = &counted;
        let Message::Hello { core: core_bytes, pake: element_a } = receive(message)? else {
            return Err(ErrorCode::Malformed);
        };
        let core: HelloCore = decode(core_bytes.as_slice(), MAX_MESSAGE).map_err(|_| ErrorCode::Malformed)?;
        let claims_fit = claim_fits(&core.origin) && claim_fits(&core.build) && claim_fits(&core.program);
        if core.offer != preimage::offer_hash(&self.offer) || !claims_fit {
            return Err(ErrorCode::Malformed);
        }
        let viewer_kem = KemPublic::parse(core.kem.as_slice()).map_err(|_| ErrorCode::Malformed)?;
        let (id_a, id_b) = side_ids(self.purpose, &self.nameplate, &self.offer, core_bytes.as_slice());
        let (run, element_b) = pake::ExpectElement::start(Side::Device, &self.password, &id_a, &id_b, rng);
        let output = run.finish(element_a.as_slice()).map_err(|_| ErrorCode::Malformed)?;
        let answer = encode(&Message::Answer { pake: Bytes(element_b.to_vec()) });
        let transcript = preimage::transcript(self.purpose, self.nameplate.as_str(), &self.offer, message, &answer);
        let state = ExpectConfirmA {
            purpose: self.purpose,
            keys: PairingKeys::new(&transcript, &output),
            transcript,
            core,
            viewer_kem,
            identity: self.identity,
            account: self.account,
            head: self.head,
            deadline: self.deadline,
        };
        Ok((state, answer))
    }

    /// When the code ends.
    #[must_use]
    pub const fn deadline(&self) -> Monotonic {
        self.deadline
    }
}

impl core::fmt::Debug for ExpectHello {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ExpectHello({})", self.nameplate.as_str())
    }
}

/// Waits for ConfirmA. Nothing but Answer has left the device.
pub struct ExpectConfirmA {
    purpose: Purpose,
    keys: PairingKeys,
    transcript: Hash,
    core: HelloCore,
    viewer_kem: KemPublic,
    identity: Vec<u8>,
    account: AccountId,
    head: Head,
    deadline: Monotonic,
}

impl ExpectConfirmA {
    /// Takes ConfirmA; gives ConfirmB to send.
    ///
    /// # Errors
    /// [`ErrorCode::CodeWrong`] for a wrong `cA`: a guess, to be settled as such. Anything else: the code is burnt, with
    /// the reason.
    pub fn receive(self, message: &[u8], now: Monotonic) -> Result<(KeyConfirmed, Vec<u8>), ErrorCode> {
        if now >= self.deadline {
            return Err(ErrorCode::CodeExpired);
        }
        let Message::ConfirmA { confirm, words: nonce, sealed } = receive(message)? else {
            return Err(ErrorCode::Malformed);
        };
        let expected = self.keys.confirm_a(&preimage::confirm_a(&self.transcript, &nonce, sealed.as_slice()));
        if !expected.matches(&confirm.0) {
            return Err(ErrorCode::CodeWrong);
        }
        if preimage::words_commitment(&nonce) != self.core.words {
            return Err(ErrorCode::CodeWrong);
        }
        let mut opened = sealed.0;
        aead::open(&self.keys.seal_a(), [0; NONCE], &self.transcript.0, &mut opened)
            .map_err(|_| ErrorCode::CodeWrong)?;
        let introduction: Introduction = decode(&opened, MAX_MESSAGE).map_err(|_| ErrorCode::Malformed)?;
        // Nobody asks for somebody else's data without a case and a reason.
        let unsaid = introduction.case.trim().is_empty() || introduction.reason.trim().is_empty();
        if !claim_fits(&introduction.case)
            || introduction.reason.len() > MAX_ASK
            || (self.purpose == Purpose::Agent && unsaid)
        {
            return Err(ErrorCode::Malformed);
        }
        let signed = preimage::introduction(
            &self.transcript,
            introduction.credential.as_slice(),
            &introduction.case,
            &introduction.reason,
        );
        signature::verify(&self.core.signing, &signed, &introduction.signature).map_err(|_| ErrorCode::Malformed)?;

        let mut sealed_identity = self.identity;
        aead::seal(&self.keys.seal_b(), [0; NONCE], &self.transcript.0, &mut sealed_identity);
        let tag = self.keys.confirm_b(&preimage::confirm_b(&self.transcript, &confirm, &sealed_identity));
        let answer = encode(&Message::ConfirmB { confirm: Hash(*tag.expose_secret()), sealed: Bytes(sealed_identity) });
        let words = CheckWords::from_secret(&self.keys.words(&nonce));
        let confirmed = KeyConfirmed {
            purpose: self.purpose,
            session: preimage::session_id(&self.transcript),
            words,
            asked: asked(self.purpose, self.transcript, &opened, words),
            keys: self.keys,
            transcript: self.transcript,
            viewer_kem: self.viewer_kem,
            peer: Peer {
                signing: self.core.signing,
                origin: self.core.origin,
                build: self.core.build,
                program: self.core.program,
                credential: introduction.credential,
                case: introduction.case,
                reason: introduction.reason,
            },
            account: self.account,
            head: self.head,
            deadline: now.plus(APPROVAL_MILLIS),
        };
        Ok((confirmed, answer))
    }
}

impl core::fmt::Debug for ExpectConfirmA {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ExpectConfirmA")
    }
}

/// Who is at the other end. Everything here but the signing key is claimed, and is shown as claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The session key of the viewer.
    pub signing: SigningKeyBytes,
    /// The origin that the page says it has.
    pub origin: String,
    /// The build that the page says it is.
    pub build: String,
    /// The browser and system that the page says it runs in.
    pub program: String,
    /// An agent's [`glimpse_wire::organisation::Presented`], unchecked; empty for the user's own screen.
    pub credential: Bytes,
    /// A case number; may be empty.
    pub case: String,
    /// A reason; may be empty.
    pub reason: String,
}

/// Both ends hold the same key. Permits showing the peer and asking the user; nothing is released by it.
pub struct KeyConfirmed {
    purpose: Purpose,
    session: SessionId,
    words: CheckWords,
    keys: PairingKeys,
    transcript: Hash,
    viewer_kem: KemPublic,
    peer: Peer,
    asked: Option<Asked>,
    account: AccountId,
    head: Head,
    deadline: Monotonic,
}

impl KeyConfirmed {
    /// Who is at the other end, as claimed.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The words that the viewer shows too.
    #[must_use]
    pub const fn words(&self) -> CheckWords {
        self.words
    }

    /// The session that an approval would begin.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// When silence becomes a no.
    #[must_use]
    pub const fn deadline(&self) -> Monotonic {
        self.deadline
    }

    /// The user picked words and said yes to `decision`.
    ///
    /// # Errors
    /// [`ErrorCode::CodeWrong`] if the words picked are not the viewer's: somebody may be in between.
    /// [`ErrorCode::ApprovalTimedOut`] after the deadline; [`ErrorCode::Malformed`] for a decision outside the limits;
    /// [`ErrorCode::CredentialInvalid`] for an agent, for whom [`KeyConfirmed::approve_agent`] is.
    ///
    /// # Security
    /// Call it for an act of the user on this device, never for a message.
    pub fn approve(self, picked: CheckWords, decision: Decision, now: Monotonic) -> Result<Approved, ErrorCode> {
        if now >= self.deadline {
            return Err(ErrorCode::ApprovalTimedOut);
        }
        match self.purpose {
            Purpose::View => {}
            Purpose::Agent => return Err(ErrorCode::CredentialInvalid),
            Purpose::Link => return Err(ErrorCode::Malformed),
        }
        if picked != self.words {
            return Err(ErrorCode::CodeWrong);
        }
        self.approved(decision)
    }

    fn approved(self, decision: Decision) -> Result<Approved, ErrorCode> {
        Approved::new(
            decision,
            self.session,
            self.transcript,
            self.account,
            self.head,
            self.viewer_kem,
            self.peer.signing,
            self.keys.psk(),
            self.asked.as_ref().map_or(Hash::ZERO, Asked::commitment),
        )
    }

    /// Goes on to link a device ([`crate::linking`]): nothing is approved by it.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for a pairing with another purpose.
    pub fn for_linking(self) -> Result<Paired, ErrorCode> {
        match self.purpose {
            Purpose::Link => {}
            Purpose::View | Purpose::Agent => return Err(ErrorCode::Malformed),
        }
        let end = CodeEnd::Shows { account: self.account };
        Ok(Paired::new(&self.keys, self.transcript, self.words, self.deadline, end))
    }
}

impl core::fmt::Debug for KeyConfirmed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyConfirmed({}, {:?})", self.session, self.peer)
    }
}

mod agents;

pub use agents::Vouched;

#[cfg(test)]
mod tests;
