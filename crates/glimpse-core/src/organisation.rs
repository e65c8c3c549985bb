//! An organisation's keys, and the link by which an agent enrols a browser (protocol section 6.7).

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::account::Signed;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::organisation::{
    AgentSignIn, Credential, Invitation, Note, OrganisationCard, OrganisationRequest, Revocations,
};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::{AgentId, Hash, SUITE, Salt, SessionId, SigningKeyBytes, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::derive;
use crate::error::OpenError;
use crate::kem::{KemPublic, KemSecret};
use crate::keys::Signing;
use crate::secret::Secret;
use crate::vault::{self, MAX_VAULT};

/// A note before it is sealed, in bytes at most.
const MAX_NOTE: usize = 8 * 1024;

#[derive(Encode, Decode)]
struct Secrets {
    #[n(0)]
    signing: Bytes,
    #[n(1)]
    audit: Bytes,
}

/// The private half of an organisation: made offline, and on no server.
pub struct OrganisationKeys {
    signing: Signing,
    audit: KemSecret,
    audit_seed: Secret<32>,
}

impl OrganisationKeys {
    /// Draws fresh keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let audit_seed = Secret::generate(rng);
        Self { signing: Signing::generate(rng), audit: KemSecret::from_seed(&audit_seed), audit_seed }
    }

    /// The key that devices pin.
    #[must_use]
    pub fn public(&self) -> SigningKeyBytes {
        self.signing.public()
    }

    /// The X-Wing key to which notes for the audit are sealed.
    #[must_use]
    pub fn audit_key(&self) -> Bytes {
        self.audit.public().to_wire()
    }

    /// Signs a contact card.
    #[must_use]
    pub fn card(&self, name: &str, server: &str, at: UnixMillis) -> Signed {
        let card = OrganisationCard {
            suite: SUITE,
            key: self.public(),
            name: name.to_owned(),
            server: server.to_owned(),
            audit: preimage::audit_key_hash(self.audit.public().as_bytes()),
            at,
        };
        self.signing.sign_statement(StatementKind::OrganisationCard, &card)
    }

    /// Vouches for an agent.
    #[must_use]
    pub fn vouch(&self, credential: &Credential) -> Signed {
        self.signing.sign_statement(StatementKind::Credential, credential)
    }

    /// Takes credentials back.
    #[must_use]
    pub fn revoke(&self, revocations: &Revocations) -> Signed {
        self.signing.sign_statement(StatementKind::Revocations, revocations)
    }

    /// Tells the server whom to let enrol.
    #[must_use]
    pub fn invite(&self, invitation: &Invitation) -> Signed {
        self.signing.sign_statement(StatementKind::AgentInvitation, invitation)
    }

    /// Asks the server something about the organisation's agents.
    #[must_use]
    pub fn ask(&self, request: &OrganisationRequest) -> Signed {
        self.signing.sign_statement(StatementKind::OrganisationRequest, request)
    }

    /// The link by which `agent` enrols a browser. It follows from the organisation's key and `salt`: nothing secret has to be
    /// kept until it is used.
    #[must_use]
    pub fn enrolment(&self, agent: AgentId, salt: &Salt) -> EnrolmentLink {
        let secret = derive::enrolment_secret(salt, &self.signing.to_seed(), &agent);
        EnrolmentLink { organisation: self.public(), agent, secret }
    }

    /// Opens a note of one of the organisation's sessions.
    ///
    /// # Errors
    /// [`OpenError`] for a note of another session or organisation, and for a changed one alike.
    pub fn open_note(&self, session: &SessionId, sealed: &[u8]) -> Result<Note, OpenError> {
        let opened = self.audit.open(&preimage::note_info(&self.public(), session), &[], sealed)?;
        Ok(decode(&opened, MAX_NOTE)?)
    }

    /// Seals the keys under a passphrase.
    ///
    /// # Errors
    /// As [`vault::seal`].
    pub fn seal(&self, passphrase: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, OpenError> {
        let mut secrets = Secrets {
            signing: Bytes(self.signing.to_seed().expose_secret().to_vec()),
            audit: Bytes(self.audit_seed.expose_secret().to_vec()),
        };
        let plaintext = Zeroizing::new(encode(&secrets));
        secrets.signing.0.zeroize();
        secrets.audit.0.zeroize();
        vault::seal(passphrase, &plaintext, rng)
    }

    /// Opens what [`OrganisationKeys::seal`] sealed.
    ///
    /// # Errors
    /// As [`vault::open`].
    pub fn open(passphrase: &[u8], bytes: &[u8]) -> Result<Self, OpenError> {
        let opened = vault::open(passphrase, bytes)?;
        let mut secrets: Secrets = decode(&opened, MAX_VAULT)?;
        let signing = Secret::from_slice(secrets.signing.as_slice());
        let audit_seed = Secret::from_slice(secrets.audit.as_slice());
        secrets.signing.0.zeroize();
        secrets.audit.0.zeroize();
        let (signing, audit_seed) = signing.zip(audit_seed).ok_or(OpenError)?;
        Ok(Self { signing: Signing::from_seed(&signing), audit: KemSecret::from_seed(&audit_seed), audit_seed })
    }
}

impl fmt::Debug for OrganisationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrganisationKeys({}, redacted)", self.public())
    }
}

/// Seals a note for the audit of an organisation: HPKE in base mode to its audit key, no associated data.
///
/// # Errors
/// [`OpenError`] for a key that cannot be sealed to.
pub fn seal_note(
    audit_key: &[u8],
    organisation: &SigningKeyBytes,
    session: &SessionId,
    note: &Note,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, OpenError> {
    KemPublic::parse(audit_key)?.seal(&preimage::note_info(organisation, session), &[], &encode(note), rng)
}

/// An agent's signing key outside a browser. A browser makes its own, and lets nobody have it.
#[derive(Debug)]
pub struct AgentKey(Signing);

impl AgentKey {
    /// Draws a fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Signing::generate(rng))
    }

    /// The key that a credential names.
    #[must_use]
    pub fn public(&self) -> SigningKeyBytes {
        self.0.public()
    }

    /// Presents a credential: signs what [`crate::viewer::Output::Sign`] asks for.
    #[must_use]
    pub fn present(&self, presentation: &[u8]) -> SignatureBytes {
        self.0.sign(presentation)
    }

    /// Signs in to the portal.
    #[must_use]
    pub fn sign_in(&self, statement: &AgentSignIn) -> Signed {
        self.0.sign_statement(StatementKind::AgentSignIn, statement)
    }
}

/// What an agent's link holds: whoever has it may have one key vouched for, once.
pub struct EnrolmentLink {
    /// Who invites.
    pub organisation: SigningKeyBytes,
    /// Whom.
    pub agent: AgentId,
    secret: Secret<32>,
}

/// Bytes of a link before they are text.
const LINK: usize = SigningKeyBytes::LEN + AgentId::LEN + 32;

impl EnrolmentLink {
    /// What stands in the link after `#`: base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LINK));
        bytes.extend_from_slice(&self.organisation.0);
        bytes.extend_from_slice(&self.agent.0);
        bytes.extend_from_slice(self.secret.expose_secret());
        Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes))
    }

    /// Reads what stands in the link after `#`; spaces around it are ignored.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        let mut bytes = Zeroizing::new([0; LINK]);
        let read = Base64UrlUnpadded::decode(text.trim(), &mut *bytes).map_err(|_| OpenError)?;
        let (organisation, rest) = read.split_first_chunk().ok_or(OpenError)?;
        let (agent, secret) = rest.split_first_chunk().ok_or(OpenError)?;
        Ok(Self {
            organisation: SigningKeyBytes(*organisation),
            agent: AgentId(*agent),
            secret: Secret::from_slice(secret).ok_or(OpenError)?,
        })
    }

    /// What the server is shown, so that it lets this link enrol. It says nothing of the secret.
    #[must_use]
    pub fn token(&self) -> Hash {
        Hash(*derive::enrolment_token(&self.secret).expose_secret())
    }

    /// SHA-256 of [`EnrolmentLink::token`]: what the server is told beforehand.
    #[must_use]
    pub fn token_hash(&self) -> Hash {
        Hash(Sha256::digest(self.token().0).into())
    }

    /// Vouches for the browser's key and passkey to the organisation. The server cannot: it never sees the secret.
    #[must_use]
    pub fn prove(&self, key: &SigningKeyBytes, passkey: &[u8]) -> Hash {
        Hash(*self.proof(key, passkey).expose_secret())
    }

    /// Whether the holder of this link vouched for that key and passkey; constant time.
    #[must_use]
    pub fn proves(&self, key: &SigningKeyBytes, passkey: &[u8], proof: &Hash) -> bool {
        self.proof(key, passkey).matches(&proof.0)
    }

    fn proof(&self, key: &SigningKeyBytes, passkey: &[u8]) -> Secret<32> {
        let message = preimage::enrolment(&self.organisation, &self.agent, key, passkey);
        derive::enrolment_proof(&self.secret, &message)
    }
}

impl fmt::Debug for EnrolmentLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentLink({}, {}, redacted)", self.organisation, self.agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    const AGENT: AgentId = AgentId([4; 16]);

    #[test]
    fn keys_open_with_their_passphrase_only() {
        let mut rng = rng(1);
        let keys = OrganisationKeys::generate(&mut rng);
        let sealed = keys.seal(b"correct horse", &mut rng).unwrap();
        let opened = OrganisationKeys::open(b"correct horse", &sealed).unwrap();
        assert_eq!((opened.public(), opened.audit_key()), (keys.public(), keys.audit_key()));
        assert!(OrganisationKeys::open(b"correct horsf", &sealed).is_err());
        assert!(!sealed.windows(32).any(|window| window == keys.signing.to_seed().expose_secret()));
    }

    #[test]
    fn a_link_comes_back_from_its_text_and_from_the_key_that_made_it() {
        let keys = OrganisationKeys::generate(&mut rng(2));
        let link = keys.enrolment(AGENT, &Salt([7; 32]));
        let text = link.to_text();
        let read = EnrolmentLink::parse(&format!(" {}\n", *text)).unwrap();
        assert_eq!((read.organisation, read.agent, read.token()), (keys.public(), AGENT, link.token()));
        assert_eq!(keys.enrolment(AGENT, &Salt([7; 32])).token(), link.token());
        assert_ne!(keys.enrolment(AGENT, &Salt([8; 32])).token(), link.token(), "another invitation");
        assert_ne!(keys.enrolment(AgentId([5; 16]), &Salt([7; 32])).token(), link.token(), "another agent");
        for wrong in ["", "x", &text[1..], &format!("{}A", *text), &format!("{}!", &text[1..])] {
            assert!(EnrolmentLink::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_note_opens_for_its_organisation_and_its_session_only() {
        let (keys, other) = (OrganisationKeys::generate(&mut rng(4)), OrganisationKeys::generate(&mut rng(5)));
        let (session, elsewhere) = (SessionId([1; 16]), SessionId([2; 16]));
        let note = Note::Asked(glimpse_wire::organisation::Asked {
            transcript: Hash([3; 32]),
            introduction: Bytes(vec![4; 300]),
            first: "apple".to_owned(),
            second: "river".to_owned(),
        });
        let seal = |to: &OrganisationKeys| {
            seal_note(to.audit_key().as_slice(), &to.public(), &session, &note, &mut rng(6)).unwrap()
        };
        let sealed = seal(&keys);
        assert_eq!(keys.open_note(&session, &sealed), Ok(note.clone()));
        assert!(keys.open_note(&elsewhere, &sealed).is_err());
        assert!(other.open_note(&session, &sealed).is_err());
        assert!(keys.open_note(&session, &seal(&other)).is_err());
        for place in [0, 40, sealed.len() - 1] {
            let mut flipped = sealed.clone();
            flipped[place] ^= 1;
            assert!(keys.open_note(&session, &flipped).is_err(), "byte {place}");
        }
        assert!(seal_note(&[0; 3], &keys.public(), &session, &note, &mut rng(6)).is_err());
    }

    #[test]
    fn t063_a_server_cannot_put_a_key_of_its_own_in_an_agents_place() {
        let keys = OrganisationKeys::generate(&mut rng(3));
        let link = keys.enrolment(AGENT, &Salt([7; 32]));
        let (theirs, other) = (SigningKeyBytes([1; 32]), SigningKeyBytes([2; 32]));
        let proof = EnrolmentLink::parse(&link.to_text()).unwrap().prove(&theirs, b"passkey");
        assert!(link.proves(&theirs, b"passkey", &proof), "control");
        assert!(!link.proves(&other, b"passkey", &proof), "another key");
        assert!(!link.proves(&theirs, b"another", &proof), "another passkey");
        // All that the server holds: the token, and its hash.
        for known in [link.token(), link.token_hash()] {
            let secret = Secret::from_slice(&known.0).unwrap();
            let made = EnrolmentLink { organisation: keys.public(), agent: AGENT, secret }.prove(&other, b"");
            assert!(!link.proves(&other, b"", &made));
        }
    }
}
