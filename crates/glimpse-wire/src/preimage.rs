//! Every label, and every encoding that is signed or hashed (protocol section 3.3).
//!
//! `lp(a, b, …)` is each part as a 32-bit big-endian length followed by its bytes; the label is always the first part.
//! Numbers are parts of eight bytes, big-endian, unless a width is named. `H` is SHA-256.

use sha2::{Digest, Sha256};

use crate::account::{DevicePublic, Head};
use crate::ids::{
    AccountId, AgentId, AuthorId, DeviceId, Hash, RecordId, Salt, SessionId, SigningKeyBytes, UnitId, UnixMillis,
};
use crate::pairing::Purpose;
use crate::record::{Envelope, Header};
use crate::session::Side;

pub mod label;
mod statement;

pub use statement::{StatementKind, statement_signature};

/// Builds `lp(label, …)`.
#[derive(Clone, Debug)]
pub struct Preimage(Vec<u8>);

impl Preimage {
    /// Begins with the label.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self(Vec::new()).part(label.as_bytes())
    }

    /// `lp` without a label: only for the input of a derivation whose label stands in its own `info`.
    #[must_use]
    pub const fn unlabelled() -> Self {
        Self(Vec::new())
    }

    /// Adds one part. Parts above 4 GiB do not exist in this protocol.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// Adds a number as a part of eight bytes.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// H of the bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(Sha256::digest(&self.0).into())
    }
}

/// Device id: `H(lp(label, signing key, KEM key))`.
#[must_use]
pub fn device_id(signing: &SigningKeyBytes, kem: &[u8]) -> DeviceId {
    DeviceId(Preimage::new(label::DEVICE_ID).part(&signing.0).part(kem).hash().0)
}

/// Writer id: `H(lp(label, signing key))`.
#[must_use]
pub fn writer_id(signing: &SigningKeyBytes) -> AuthorId {
    AuthorId(Preimage::new(label::WRITER_ID).part(&signing.0).hash().0)
}

/// Account id: `H(lp(label, genesis link))`.
#[must_use]
pub fn account_id(genesis_link: &[u8]) -> AccountId {
    AccountId(Preimage::new(label::ACCOUNT_ID).part(genesis_link).hash().0)
}

/// Hash of a link: `H(lp(label, link))`.
#[must_use]
pub fn link_hash(link: &[u8]) -> Hash {
    Preimage::new(label::LINK).part(link).hash()
}

/// What signs a link: `lp(label, link)`.
#[must_use]
pub fn link_signature(link: &[u8]) -> Vec<u8> {
    Preimage::new(label::LINK_SIGNATURE).part(link).into_bytes()
}

/// Hash of a wrapped seed: `H(lp(label, wrap))`.
#[must_use]
pub fn wrap_hash(wrap: &[u8]) -> Hash {
    Preimage::new(label::WRAP).part(wrap).hash()
}

/// HPKE info of a wrapped seed: `lp(label, device, epoch, account key)`.
#[must_use]
pub fn seed_wrap_info(device: &DeviceId, epoch: u32, account_key: &[u8]) -> Vec<u8> {
    Preimage::new(label::SEED_WRAP).part(&device.0).number(epoch.into()).part(account_key).into_bytes()
}

/// HPKE info of an older seed under the key of the epoch that follows: `lp(label, account, epoch that follows, its account key)`.
#[must_use]
pub fn older_seed_info(account: &AccountId, epoch: u32, account_key: &[u8]) -> Vec<u8> {
    Preimage::new(label::OLDER_SEED).part(&account.0).number(epoch.into()).part(account_key).into_bytes()
}

/// What a device that joins signs: `lp(label, account, seq, previous, signing key, KEM key, serial, adder, transcript)`.
#[must_use]
pub fn reverse_signature(
    account: &AccountId,
    place: &Head,
    device: &DevicePublic,
    adder: &DeviceId,
    transcript: &Hash,
) -> Vec<u8> {
    Preimage::new(label::REVERSE)
        .part(&account.0)
        .number(place.seq)
        .part(&place.hash.0)
        .part(&device.signing.0)
        .part(device.kem.as_slice())
        .part(device.serial.as_slice())
        .part(&adder.0)
        .part(&transcript.0)
        .into_bytes()
}

/// What a second device signs: `lp(label, account, seq, previous, H(lp(label, act)))`.
#[must_use]
pub fn second_signature(account: &AccountId, place: &Head, act: &[u8]) -> Vec<u8> {
    let act = Preimage::new(label::ACT).part(act).hash();
    Preimage::new(label::SECOND).part(&account.0).number(place.seq).part(&place.hash.0).part(&act.0).into_bytes()
}

/// What a device signs of a request that presents no token: `lp(label, origin, method, path, body, account, device, counter)`,
/// where *body* is the SHA-256 of the request's body, or empty for one that streams.
#[must_use]
pub fn request_signature(
    origin: &str,
    method: &str,
    path: &str,
    body: &[u8],
    account: &AccountId,
    device: &DeviceId,
    counter: u64,
) -> Vec<u8> {
    Preimage::new(label::REQUEST)
        .part(origin.as_bytes())
        .part(method.as_bytes())
        .part(path.as_bytes())
        .part(body)
        .part(&account.0)
        .part(&device.0)
        .number(counter)
        .into_bytes()
}

/// What the serial key authenticates to recognise a machine: `lp(label, serial number)`.
#[must_use]
pub fn serial(serial: &str) -> Vec<u8> {
    Preimage::new(label::SERIAL).part(serial.as_bytes()).into_bytes()
}

/// Associated data of a device's sealed name: `H(lp(label, account, device, epoch))`.
#[must_use]
pub fn name_aad(account: &AccountId, device: &DeviceId, epoch: u32) -> Hash {
    Preimage::new(label::NAME).part(&account.0).part(&device.0).number(epoch.into()).hash()
}

/// Associated data of a message of a linking: `lp(label, H(transcript), counter)`.
#[must_use]
pub fn linking_aad(transcript: &Hash, counter: u64) -> Vec<u8> {
    Preimage::new(label::LINKING_AAD).part(&transcript.0).number(counter).into_bytes()
}

/// What an adder signs when it invites: `lp(label, H(transcript), joiner, account, seq, previous, adder, serial, at, held,
/// server's signing key)`.
#[must_use]
#[expect(clippy::too_many_arguments, reason = "one part each, in the order of the message")]
pub fn invitation(
    transcript: &Hash,
    joiner: &DeviceId,
    account: &AccountId,
    place: &Head,
    adder: &DeviceId,
    serial: &[u8],
    at: UnixMillis,
    held: u64,
    server: &SigningKeyBytes,
) -> Vec<u8> {
    Preimage::new(label::INVITATION)
        .part(&transcript.0)
        .part(&joiner.0)
        .part(&account.0)
        .number(place.seq)
        .part(&place.hash.0)
        .part(&adder.0)
        .part(serial)
        .number(at.0)
        .number(held)
        .part(&server.0)
        .into_bytes()
}

/// A leaf of the log of changes: `lp(label, record, version, h1, kind (1 byte))`.
#[must_use]
pub fn log_leaf(record: &RecordId, version: u64, h1: &Hash, kind: u8) -> Vec<u8> {
    Preimage::new(label::LOG_LEAF).part(&record.0).number(version).part(&h1.0).part(&[kind]).into_bytes()
}

/// Hash of a checkpoint, over its canonical encoding: `H(lp(label, checkpoint))`.
#[must_use]
pub fn checkpoint_hash(checkpoint: &[u8]) -> Hash {
    Preimage::new(label::CHECKPOINT_HASH).part(checkpoint).hash()
}

/// `h0 = H(lp(label, suite (1 byte), account, record, version, previous h1, epoch, author, created, salt, size))`.
#[must_use]
pub fn h0(header: &Header) -> Hash {
    Preimage::new(label::H0)
        .part(&[header.suite])
        .part(&header.account.0)
        .part(&header.record.0)
        .number(header.version)
        .part(&header.previous.0)
        .number(header.epoch.into())
        .part(&header.author.0)
        .number(header.created.0)
        .part(&header.salt.0)
        .number(header.size)
        .hash()
}

/// `h1 = H(lp(label, h0, kid, wrapped, commit_meta, commit_content, H(lp(label, sealed meta)), content root))`.
#[must_use]
pub fn h1(envelope: &Envelope) -> Hash {
    let sealed_meta = Preimage::new(label::SEALED_META).part(envelope.sealed_meta.as_slice()).hash();
    Preimage::new(label::H1)
        .part(&h0(&envelope.header).0)
        .number(envelope.kid.into())
        .part(envelope.wrapped.as_slice())
        .part(&envelope.commit_meta.0)
        .part(&envelope.commit_content.0)
        .part(&sealed_meta.0)
        .part(&envelope.content_root.0)
        .hash()
}

/// What signs a record version: `lp(label, h1, head seq, head hash)`.
#[must_use]
pub fn record_signature(h1: &Hash, head: &Head) -> Vec<u8> {
    Preimage::new(label::RECORD_SIGNATURE).part(&h1.0).number(head.seq).part(&head.hash.0).into_bytes()
}

/// HPKE info of a client share: `lp(label, h0)`.
#[must_use]
pub fn share_wrap_info(h0: &Hash) -> Vec<u8> {
    Preimage::new(label::SHARE_WRAP).part(&h0.0).into_bytes()
}

/// What the server's key authenticates to make the share of a record version: `lp(label, record, version, h0, r)`.
#[must_use]
pub fn record_share(record: &RecordId, version: u64, h0: &Hash, r: &[u8; 32]) -> Vec<u8> {
    Preimage::new(label::SERVER_SHARE).part(&record.0).number(version).part(&h0.0).part(r).into_bytes()
}

/// What the server's key authenticates to make the share of a unit: `lp(label, session, unit, salt, r)`.
#[must_use]
pub fn unit_share(session: &SessionId, unit: &UnitId, salt: &Salt, r: &[u8; 32]) -> Vec<u8> {
    Preimage::new(label::UNIT_SHARE).part(&session.0).part(&unit.0).part(&salt.0).part(r).into_bytes()
}

/// Hash of an Offer: `H(lp(label, offer))`, over the bytes as received.
#[must_use]
pub fn offer_hash(offer: &[u8]) -> Hash {
    Preimage::new(label::OFFER).part(offer).hash()
}

/// Commitment to an identity: `H(lp(label, identity))`; the identity holds its own blinding.
#[must_use]
pub fn identity_commitment(identity: &[u8]) -> Hash {
    Preimage::new(label::IDENTITY).part(identity).hash()
}

/// Commitment to `n_V`: `H(lp(label, n_V))`.
#[must_use]
pub fn words_commitment(nonce: &Hash) -> Hash {
    Preimage::new(label::WORDS_NONCE).part(&nonce.0).hash()
}

/// Salt of the stretching: `H(lp(label, offer))`.
#[must_use]
pub fn stretch_salt(offer: &[u8]) -> Hash {
    Preimage::new(label::STRETCH).part(offer).hash()
}

/// `idA` or `idB`: `H(lp(label of the side, purpose (1 byte), nameplate digits, offer, hello core))`.
#[must_use]
pub fn side_id(side: Side, purpose: Purpose, nameplate: &str, offer: &[u8], hello_core: &[u8]) -> Hash {
    let label = match side {
        Side::Viewer => label::SIDE_A,
        Side::Device => label::SIDE_B,
    };
    Preimage::new(label).part(&[purpose.byte()]).part(nameplate.as_bytes()).part(offer).part(hello_core).hash()
}

/// The transcript's hash: `H(lp(label, purpose (1 byte), nameplate digits, offer, hello, answer))`, each message over
/// the bytes as received.
#[must_use]
pub fn transcript(purpose: Purpose, nameplate: &str, offer: &[u8], hello: &[u8], answer: &[u8]) -> Hash {
    Preimage::new(label::TRANSCRIPT)
        .part(&[purpose.byte()])
        .part(nameplate.as_bytes())
        .part(offer)
        .part(hello)
        .part(answer)
        .hash()
}

/// Session id: the first 16 bytes of `H(lp(label, H(transcript)))`.
#[must_use]
pub fn session_id(transcript: &Hash) -> SessionId {
    let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        Preimage::new(label::SESSION_ID).part(&transcript.0).hash().0;
    SessionId(bytes)
}

/// What `cA` authenticates: `lp(label, H(transcript), n_V, sealed introduction)`.
#[must_use]
pub fn confirm_a(transcript: &Hash, words: &Hash, sealed: &[u8]) -> Vec<u8> {
    Preimage::new(label::CONFIRM_A).part(&transcript.0).part(&words.0).part(sealed).into_bytes()
}

/// What `cB` authenticates: `lp(label, H(transcript), cA, sealed identity)`.
#[must_use]
pub fn confirm_b(transcript: &Hash, confirm_a: &Hash, sealed: &[u8]) -> Vec<u8> {
    Preimage::new(label::CONFIRM_B).part(&transcript.0).part(&confirm_a.0).part(sealed).into_bytes()
}

/// What signs an introduction: `lp(label, H(transcript), credential, case, reason)`.
#[must_use]
pub fn introduction(transcript: &Hash, credential: &[u8], case: &str, reason: &str) -> Vec<u8> {
    Preimage::new(label::INTRODUCTION)
        .part(&transcript.0)
        .part(credential)
        .part(case.as_bytes())
        .part(reason.as_bytes())
        .into_bytes()
}

/// What an agent signs to present a credential in one pairing: `lp(label, H(transcript), viewer's signing key, credential,
/// case, reason)`; the credential is the statement that the organisation signed.
#[must_use]
pub fn presentation(
    transcript: &Hash,
    viewer: &SigningKeyBytes,
    credential: &[u8],
    case: &str,
    reason: &str,
) -> Vec<u8> {
    Preimage::new(label::PRESENTATION)
        .part(&transcript.0)
        .part(&viewer.0)
        .part(credential)
        .part(case.as_bytes())
        .part(reason.as_bytes())
        .into_bytes()
}

/// Commitment to what an agent asked, in Terms: `H(lp(label, H(transcript), introduction, first check word, second))`. The
/// introduction is the bytes that ConfirmA sealed; its signatures keep the commitment from being guessed.
#[must_use]
pub fn asked(transcript: &Hash, introduction: &[u8], words: [&str; 2]) -> Hash {
    let [first, second] = words;
    Preimage::new(label::ASKED)
        .part(&transcript.0)
        .part(introduction)
        .part(first.as_bytes())
        .part(second.as_bytes())
        .hash()
}

/// Hash of an organisation's audit key: `H(lp(label, X-Wing key))`.
#[must_use]
pub fn audit_key_hash(kem: &[u8]) -> Hash {
    Preimage::new(label::AUDIT_KEY).part(kem).hash()
}

/// HPKE info of a note for an organisation's audit: `lp(label, organisation, session)`.
#[must_use]
pub fn note_info(organisation: &SigningKeyBytes, session: &SessionId) -> Vec<u8> {
    Preimage::new(label::NOTE).part(&organisation.0).part(&session.0).into_bytes()
}

/// What the holder of an enrolment link authenticates: `lp(label, organisation, agent, key of the browser, passkey)`, the
/// passkey as the server is given it; empty where there is none.
#[must_use]
pub fn enrolment(organisation: &SigningKeyBytes, agent: &AgentId, key: &SigningKeyBytes, passkey: &[u8]) -> Vec<u8> {
    Preimage::new(label::ENROLMENT).part(&organisation.0).part(&agent.0).part(&key.0).part(passkey).into_bytes()
}

/// Hash of the viewer's X-Wing key: `H(lp(label, key))`.
#[must_use]
pub fn viewer_kem_hash(kem: &[u8]) -> Hash {
    Preimage::new(label::VIEWER_KEM).part(kem).hash()
}

/// Hash of the sealed part of a grant: `H(lp(label, enc, ciphertext))`.
#[must_use]
pub fn grant_sealed_hash(enc: &[u8], sealed: &[u8]) -> Hash {
    Preimage::new(label::GRANT_SEALED).part(enc).part(sealed).hash()
}

/// What signs a grant: `lp(label, H(transcript), H(viewer KEM key), terms, H(sealed part))`.
///
/// Hashes stand for the two long parts, so that a receipt can carry all that the signature covers.
#[must_use]
pub fn grant_signature(transcript: &Hash, kem: &Hash, terms: &[u8], sealed: &Hash) -> Vec<u8> {
    Preimage::new(label::GRANT).part(&transcript.0).part(&kem.0).part(terms).part(&sealed.0).into_bytes()
}

/// Hash of Terms: `H(lp(label, terms))`.
#[must_use]
pub fn terms_hash(terms: &[u8]) -> Hash {
    Preimage::new(label::TERMS).part(terms).hash()
}

/// Associated data of every chunk of a unit: `H(lp(label, session, unit, salt, H(terms)))`.
#[must_use]
pub fn unit_aad(session: &SessionId, unit: &UnitId, salt: &Salt, terms: &Hash) -> Hash {
    Preimage::new(label::UNIT_AAD).part(&session.0).part(&unit.0).part(&salt.0).part(&terms.0).hash()
}

/// Hash of a receipt: `H(lp(label, receipt))`.
#[must_use]
pub fn receipt_hash(receipt: &[u8]) -> Hash {
    Preimage::new(label::RECEIPT).part(receipt).hash()
}

/// Associated data of a live message: `lp(label, session, sending side (1 byte), counter)`.
#[must_use]
pub fn live_aad(session: &SessionId, sender: Side, counter: u64) -> Vec<u8> {
    Preimage::new(label::LIVE_AAD).part(&session.0).part(&[sender.byte()]).number(counter).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_distinct() {
        let source = include_str!("preimage/label.rs");
        let labels: Vec<&str> =
            source.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split('"').nth(1)).collect();
        let distinct: BTreeSet<&str> = labels.iter().copied().collect();
        assert!(labels.len() > 40, "the scan finds the labels");
        assert_eq!(labels.len(), distinct.len());
        assert!(labels.iter().all(|label| label.starts_with("glimpse/v1/")));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let together = Preimage::new("l").part(b"ab").part(b"c").into_bytes();
        let apart = Preimage::new("l").part(b"a").part(b"bc").into_bytes();
        assert_ne!(together, apart);
        assert_eq!(together, b"\0\0\0\x01l\0\0\0\x02ab\0\0\0\x01c");
    }
}
