//! Every derivation from a secret, on one screen. `HKDF[salt, info](input, length)` is HKDF-SHA-256 (RFC 5869);
//! every info is `lp(label, …)` with a label of its own (protocol section 3.4).

use glimpse_wire::preimage::{self, Preimage, label};
use glimpse_wire::{AgentId, Hash, Salt};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::{ClientShare, Secret, ServerShare};

/// A key that seals exactly one stream, and what commits to it.
pub(crate) struct CommittedKey {
    pub(crate) key: Secret<32>,
    pub(crate) commit: Secret<32>,
}

impl CommittedKey {
    /// Whether this is the key that `commit` was published for; constant time.
    pub(crate) fn fits(&self, commit: &Hash) -> bool {
        self.commit.matches(&commit.0)
    }

    /// The commitment, to publish.
    pub(crate) fn commitment(&self) -> Hash {
        Hash(*self.commit.expose_secret())
    }
}

fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[u8]) -> Secret<N> {
    Secret::fill_with(|out| {
        // Fails only above 255 × 32 bytes; no `N` here exceeds 64. Zeros would open nothing that anybody else sealed.
        if hkdf.expand(info, out).is_err() {
            out.fill(0);
        }
    })
}

fn committed(salt: &Salt, input: &[u8], label: &str) -> CommittedKey {
    let both: Secret<64> = expand(&Hkdf::new(Some(&salt.0), input), &Preimage::new(label).into_bytes());
    let (key, commit) = both.expose_secret().split_at(32);
    CommittedKey {
        key: Secret::fill_with(|own| own.copy_from_slice(key)),
        commit: Secret::fill_with(|own| own.copy_from_slice(commit)),
    }
}

fn both_shares(client: &ClientShare, server: &ServerShare) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(
        Preimage::unlabelled().part(client.0.expose_secret()).part(server.0.expose_secret()).into_bytes(),
    )
}

/// `key ‖ commit = HKDF[salt, lp(label-meta)](client share, 64)`
pub(crate) fn meta_key(salt: &Salt, client: &ClientShare) -> CommittedKey {
    committed(salt, client.0.expose_secret(), label::META_KEY)
}

/// `key ‖ commit = HKDF[salt, lp(label-content)](lp(client share, server share), 64)`
pub(crate) fn content_key(salt: &Salt, client: &ClientShare, server: &ServerShare) -> CommittedKey {
    committed(salt, &both_shares(client, server), label::CONTENT_KEY)
}

/// `key ‖ commit = HKDF[salt, lp(label-unit)](lp(client share, server share), 64)`
pub(crate) fn unit_key(salt: &Salt, client: &ClientShare, server: &ServerShare) -> CommittedKey {
    committed(salt, &both_shares(client, server), label::UNIT_KEY)
}

/// X-Wing private key of the account in an epoch: `HKDF[-, lp(label)](seed, 32)`
pub(crate) fn account_key(seed: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(None, seed.expose_secret()), &Preimage::new(label::ACCOUNT_KEY).into_bytes())
}

/// Ed25519 private key of a recovery kit: `HKDF[-, lp(label)](kit secret, 32)`
pub(crate) fn kit_signing(secret: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(None, secret.expose_secret()), &Preimage::new(label::KIT_SIGNING).into_bytes())
}

/// X-Wing private key of a recovery kit: `HKDF[-, lp(label)](kit secret, 32)`
pub(crate) fn kit_kem(secret: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(None, secret.expose_secret()), &Preimage::new(label::KIT_KEM).into_bytes())
}

/// Key of what a device keeps beside its keys: `HKDF[salt, lp(label)](KEM seed, 32)`
pub(crate) fn cache_key(salt: &Salt, kem_seed: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(Some(&salt.0), kem_seed.expose_secret()), &Preimage::new(label::VAULT_CACHE_KEY).into_bytes())
}

/// Key of the hashes of serial numbers: `HKDF[-, lp(label)](seed of epoch 1, 32)`
fn serial_key(seed: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(None, seed.expose_secret()), &Preimage::new(label::SERIAL_KEY).into_bytes())
}

/// Hash of a serial number: `HMAC(serial key, lp(label, serial number))`
pub(crate) fn serial_hash(seed: &Secret<32>, serial: &str) -> Secret<32> {
    mac(&serial_key(seed), &preimage::serial(serial))
}

/// Seals one name of a device, once: `HKDF[salt, lp(label)](seed of an epoch, 32)`
pub(crate) fn name_key(salt: &Salt, seed: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(Some(&salt.0), seed.expose_secret()), &Preimage::new(label::NAME_KEY).into_bytes())
}

/// Secret of an enrolment link: `HKDF[salt, lp(label, agent)](the organisation's signing seed, 32)`
pub(crate) fn enrolment_secret(salt: &Salt, seed: &Secret<32>, agent: &AgentId) -> Secret<32> {
    let info = Preimage::new(label::ENROLMENT_SECRET).part(&agent.0).into_bytes();
    expand(&Hkdf::new(Some(&salt.0), seed.expose_secret()), &info)
}

/// What the secret of an enrolment link derives for the server: `HKDF[-, lp(label)](secret, 32)`
pub(crate) fn enrolment_token(secret: &Secret<32>) -> Secret<32> {
    expand(&Hkdf::new(None, secret.expose_secret()), &Preimage::new(label::ENROLMENT_TOKEN).into_bytes())
}

/// By which the link's holder vouches for the key of a browser:
/// `HMAC(HKDF[-, lp(label)](secret, 32), lp(label, organisation, agent, key, passkey))`
pub(crate) fn enrolment_proof(secret: &Secret<32>, message: &[u8]) -> Secret<32> {
    let key = expand(&Hkdf::new(None, secret.expose_secret()), &Preimage::new(label::ENROLMENT_KEY).into_bytes());
    mac(&key, message)
}

/// What a pairing derives from the PAKE: `prk = HKDF-Extract(salt = H(transcript), PAKE output)`.
pub(crate) struct PairingKeys {
    prk: Hkdf<Sha256>,
}

impl PairingKeys {
    pub(crate) fn new(transcript: &Hash, pake_output: &Secret<32>) -> Self {
        Self { prk: Hkdf::new(Some(&transcript.0), pake_output.expose_secret()) }
    }

    fn key(&self, label: &str) -> Secret<32> {
        expand(&self.prk, &Preimage::new(label).into_bytes())
    }

    /// `HMAC(Expand(prk, lp(label-confirm-a), 32), message)`
    pub(crate) fn confirm_a(&self, message: &[u8]) -> Secret<32> {
        mac(&self.key(label::CONFIRM_A), message)
    }

    /// `HMAC(Expand(prk, lp(label-confirm-b), 32), message)`
    pub(crate) fn confirm_b(&self, message: &[u8]) -> Secret<32> {
        mac(&self.key(label::CONFIRM_B), message)
    }

    /// Seals the Introduction, once: `Expand(prk, lp(label-seal-a), 32)`
    pub(crate) fn seal_a(&self) -> Secret<32> {
        self.key(label::SEAL_A)
    }

    /// Seals the Identity, once: `Expand(prk, lp(label-seal-b), 32)`
    pub(crate) fn seal_b(&self) -> Secret<32> {
        self.key(label::SEAL_B)
    }

    /// PSK of the grants: `Expand(prk, lp(label-psk), 32)`
    pub(crate) fn psk(&self) -> Secret<32> {
        self.key(label::PSK)
    }

    /// Seals what the adder says in a linking: `Expand(prk, lp(label-adder), 32)`
    pub(crate) fn linking_adder(&self) -> Secret<32> {
        self.key(label::LINKING_ADDER)
    }

    /// Seals what the joiner says in a linking: `Expand(prk, lp(label-joiner), 32)`
    pub(crate) fn linking_joiner(&self) -> Secret<32> {
        self.key(label::LINKING_JOINER)
    }

    /// The check words' 22 bits, as three bytes: `Expand(prk, lp(label-words, n_V), 3)`
    pub(crate) fn words(&self, nonce: &Hash) -> Secret<3> {
        expand(&self.prk, &Preimage::new(label::WORDS).part(&nonce.0).into_bytes())
    }
}

fn mac(key: &Secret<32>, message: &[u8]) -> Secret<32> {
    // HMAC pads a short key with zeros up to the block (RFC 2104 section 2); doing it here leaves nothing that can fail.
    let mut block = zeroize::Zeroizing::new([0u8; 64]);
    block.iter_mut().zip(key.expose_secret()).for_each(|(to, from)| *to = *from);
    let mut hmac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    hmac.update(message);
    Secret::fill_with(|out| out.copy_from_slice(&hmac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
