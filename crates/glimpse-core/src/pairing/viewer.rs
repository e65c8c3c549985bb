//! The viewer's side of a pairing: side A.

use glimpse_wire::account::Signed;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::{APPROVAL_MILLIS, MAX_MESSAGE, MAX_TITLE};
use glimpse_wire::organisation::{Asked, Presented};
use glimpse_wire::pairing::{HelloCore, Identity, Introduction, Message, Offer, Purpose};
use glimpse_wire::preimage;
use glimpse_wire::session::Side;
use glimpse_wire::{ErrorCode, Hash, MailboxId, SUITE, SessionId, decode, encode};
use rand_core::CryptoRng;

use super::{asked, claim_fits, receive, side_ids, stretched};
use crate::Monotonic;
use crate::aead::{self, NONCE};
use crate::code::PairingCode;
use crate::derive::PairingKeys;
use crate::kem::{KemPublic, KemSecret};
use crate::keys::Signing;
use crate::linking::{CodeEnd, Paired};
use crate::pake;
use crate::secret::Secret;
use crate::session::viewer::ExpectGrant;
use crate::words::CheckWords;

/// What a viewer says about itself. The device shows it as claimed.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The origin of the page; at most 200 bytes.
    pub origin: String,
    /// The hash of the build; at most 200 bytes.
    pub build: String,
    /// Browser and system; at most 200 bytes.
    pub program: String,
}

/// Why a viewer asks.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// An agent's [`glimpse_wire::organisation::Credential`], as the organisation signed it; none for the user's own screen.
    pub credential: Option<Signed>,
    /// A case number; at most 200 bytes.
    pub case: String,
    /// A reason in words; at most 500 bytes.
    pub reason: String,
}

/// Holds the code and waits for the mailbox that its nameplate leads to.
#[derive(Debug)]
pub struct ExpectOffer {
    code: PairingCode,
    purpose: Purpose,
}

impl ExpectOffer {
    /// Begins with a code that was typed for `purpose`.
    #[must_use]
    pub const fn new(code: PairingCode, purpose: Purpose) -> Self {
        Self { code, purpose }
    }

    /// What the server may know of the code.
    #[must_use]
    pub const fn nameplate(&self) -> &crate::code::Nameplate {
        self.code.nameplate()
    }

    /// Takes the Offer; gives Hello to send. The secret is forgotten here, whatever happens next.
    ///
    /// # Errors
    /// [`ErrorCode::UnsupportedSuite`], or [`ErrorCode::Malformed`] for an Offer that differs from what the local
    /// screen knows; it is never adopted.
    pub fn receive(
        self,
        mailbox: MailboxId,
        offer: &[u8],
        claims: Claims,
        rng: &mut impl CryptoRng,
    ) -> Result<(ExpectAnswer, Vec<u8>), ErrorCode> {
        let parsed: Offer = decode(offer, MAX_MESSAGE).map_err(|_| ErrorCode::Malformed)?;
        if parsed.suite != SUITE {
            return Err(ErrorCode::UnsupportedSuite);
        }
        let claims_fit = claim_fits(&claims.origin) && claim_fits(&claims.build) && claim_fits(&claims.program);
        if parsed.purpose != self.purpose || parsed.mailbox != mailbox || !claims_fit {
            return Err(ErrorCode::Malformed);
        }
        let kem = KemSecret::generate(rng);
        let signing = Signing::generate(rng);
        let words = Hash(*Secret::generate(rng).expose_secret());
        let core = encode(&HelloCore {
            offer: preimage::offer_hash(offer),
            kem: kem.public().to_wire(),
            signing: signing.public(),
            origin: claims.origin,
            build: claims.build,
            program: claims.program,
            nonce: Hash(*Secret::generate(rng).expose_secret()),
            words: preimage::words_commitment(&words),
        });
        let nameplate = self.code.nameplate().clone();
        let password = stretched(&nameplate, &self.code.secret, offer)?;
        drop(self.code);
        let (id_a, id_b) = side_ids(self.purpose, &nameplate, offer, &core);
        let (run, element) = pake::ExpectElement::start(Side::Viewer, &password, &id_a, &id_b, rng);
        let hello = encode(&Message::Hello { core: Bytes(core), pake: Bytes(element.to_vec()) });
        let state = ExpectAnswer {
            purpose: self.purpose,
            nameplate: nameplate.as_str().to_owned(),
            run,
            offer: offer.to_vec(),
            identity: parsed.identity,
            hello: hello.clone(),
            kem,
            signing,
            words,
        };
        Ok((state, hello))
    }
}

/// Waits for Answer.
pub struct ExpectAnswer {
    purpose: Purpose,
    nameplate: String,
    run: pake::ExpectElement,
    offer: Vec<u8>,
    identity: Hash,
    hello: Vec<u8>,
    kem: KemSecret,
    signing: Signing,
    words: Hash,
}

impl ExpectAnswer {
    /// Takes Answer; gives ConfirmA to send. For the user's own screen, which presents no credential: an agent's is presented by
    /// [`ExpectAnswer::agree`] and [`Agreed::introduce`].
    ///
    /// # Errors
    /// The device's reason, or [`ErrorCode::Malformed`]. The code is used up.
    pub fn receive(self, message: &[u8], asking: &Asking) -> Result<(ExpectConfirmB, Vec<u8>), ErrorCode> {
        Ok(self.agree(message)?.introduce(asking, None))
    }

    /// Takes Answer. Nothing is sent yet: an agent signs first.
    ///
    /// # Errors
    /// As [`ExpectAnswer::receive`].
    pub fn agree(self, message: &[u8]) -> Result<Agreed, ErrorCode> {
        let Message::Answer { pake: element } = receive(message)? else {
            return Err(ErrorCode::Malformed);
        };
        let output = self.run.finish(element.as_slice()).map_err(|_| ErrorCode::Malformed)?;
        let transcript = preimage::transcript(self.purpose, &self.nameplate, &self.offer, &self.hello, message);
        Ok(Agreed {
            purpose: self.purpose,
            keys: PairingKeys::new(&transcript, &output),
            transcript,
            identity: self.identity,
            kem: self.kem,
            signing: self.signing,
            words: self.words,
        })
    }
}

impl core::fmt::Debug for ExpectAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ExpectAnswer")
    }
}

/// Has a key in common with whoever answered, and is to say who asks.
pub struct Agreed {
    purpose: Purpose,
    keys: PairingKeys,
    transcript: Hash,
    identity: Hash,
    kem: KemSecret,
    signing: Signing,
    words: Hash,
}

impl Agreed {
    /// What the agent's key is to sign; nothing where there is no credential to present.
    #[must_use]
    pub fn presentation(&self, asking: &Asking) -> Option<Vec<u8>> {
        let credential = asking.credential.as_ref()?.statement.as_slice();
        Some(preimage::presentation(&self.transcript, &self.signing.public(), credential, &asking.case, &asking.reason))
    }

    /// Gives ConfirmA to send. `signature` is the agent's, over [`Agreed::presentation`]; a credential without one is not
    /// presented.
    #[must_use]
    pub fn introduce(self, asking: &Asking, signature: Option<SignatureBytes>) -> (ExpectConfirmB, Vec<u8>) {
        let presented = asking.credential.clone().zip(signature);
        let credential =
            presented.map(|(credential, signature)| encode(&Presented { credential, signature })).unwrap_or_default();
        let signed = preimage::introduction(&self.transcript, &credential, &asking.case, &asking.reason);
        let mut sealed = encode(&Introduction {
            credential: Bytes(credential),
            case: asking.case.clone(),
            reason: asking.reason.clone(),
            signature: self.signing.sign(&signed),
        });
        let check_words = CheckWords::from_secret(&self.keys.words(&self.words));
        let asked = asked(self.purpose, self.transcript, &sealed, check_words);
        aead::seal(&self.keys.seal_a(), [0; NONCE], &self.transcript.0, &mut sealed);
        let tag = self.keys.confirm_a(&preimage::confirm_a(&self.transcript, &self.words, &sealed));
        let confirm = Hash(*tag.expose_secret());
        let answer = encode(&Message::ConfirmA { confirm, words: self.words, sealed: Bytes(sealed) });
        let state = ExpectConfirmB {
            purpose: self.purpose,
            keys: self.keys,
            transcript: self.transcript,
            confirm_a: confirm,
            identity: self.identity,
            kem: self.kem,
            signing: self.signing,
            words: check_words,
            asked,
        };
        (state, answer)
    }
}

impl core::fmt::Debug for Agreed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Agreed")
    }
}

/// Waits for ConfirmB.
pub struct ExpectConfirmB {
    purpose: Purpose,
    keys: PairingKeys,
    transcript: Hash,
    confirm_a: Hash,
    identity: Hash,
    kem: KemSecret,
    signing: Signing,
    words: CheckWords,
    asked: Option<Asked>,
}

impl ExpectConfirmB {
    /// Takes ConfirmB: from here the viewer knows that the device had the code, and which account it speaks for.
    ///
    /// # Errors
    /// The device's reason (usually [`ErrorCode::CodeWrong`]), [`ErrorCode::CodeWrong`] for a wrong `cB` or an identity
    /// other than the one that Offer committed to, [`ErrorCode::Malformed`], also for a pairing that is to link a device.
    pub fn receive(self, message: &[u8]) -> Result<ExpectGrant, ErrorCode> {
        match self.purpose {
            Purpose::View | Purpose::Agent => {}
            Purpose::Link => return Err(ErrorCode::Malformed),
        }
        let identity = self.confirm(message)?;
        let session: SessionId = preimage::session_id(&self.transcript);
        let psk = self.keys.psk();
        Ok(ExpectGrant::new(session, self.transcript, self.words, identity, self.kem, self.signing, psk, self.asked))
    }

    /// Takes ConfirmB of a pairing that is to link a device, and goes on with [`crate::linking`]. The keys that were made
    /// for this pairing are forgotten: a linking is between devices.
    ///
    /// # Errors
    /// As [`ExpectConfirmB::receive`]; [`ErrorCode::Malformed`] for a pairing with another purpose.
    pub fn receive_for_linking(self, message: &[u8], now: Monotonic) -> Result<Paired, ErrorCode> {
        match self.purpose {
            Purpose::Link => {}
            Purpose::View | Purpose::Agent => return Err(ErrorCode::Malformed),
        }
        let identity = self.confirm(message)?;
        let end = CodeEnd::Types { identity: Box::new(identity) };
        Ok(Paired::new(&self.keys, self.transcript, self.words, now.plus(APPROVAL_MILLIS), end))
    }

    fn confirm(&self, message: &[u8]) -> Result<Identity, ErrorCode> {
        let Message::ConfirmB { confirm, sealed } = receive(message)? else {
            return Err(ErrorCode::Malformed);
        };
        let expected = self.keys.confirm_b(&preimage::confirm_b(&self.transcript, &self.confirm_a, sealed.as_slice()));
        if !expected.matches(&confirm.0) {
            return Err(ErrorCode::CodeWrong);
        }
        let mut opened = sealed.0;
        aead::open(&self.keys.seal_b(), [0; NONCE], &self.transcript.0, &mut opened)
            .map_err(|_| ErrorCode::CodeWrong)?;
        if preimage::identity_commitment(&opened) != self.identity {
            return Err(ErrorCode::CodeWrong);
        }
        let identity: Identity = decode(&opened, MAX_MESSAGE).map_err(|_| ErrorCode::Malformed)?;
        let _checked = KemPublic::parse(identity.kem.as_slice()).map_err(|_| ErrorCode::Malformed)?;
        if identity.name.len() > MAX_TITLE {
            return Err(ErrorCode::Malformed);
        }
        Ok(identity)
    }
}

impl core::fmt::Debug for ExpectConfirmB {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ExpectConfirmB")
    }
}

#[cfg(test)]
mod tests;
