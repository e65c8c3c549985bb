//! Keys of devices, writers and viewers, and the account seed.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use glimpse_wire::account::{DevicePublic, Signed};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::{AccountId, AuthorId, DeviceId, SigningKeyBytes, encode};
use minicbor::Encode;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::derive;
use crate::kem::KemSecret;
use crate::secret::Secret;

/// An Ed25519 signing key.
pub struct Signing(SigningKey);

impl Signing {
    /// Draws a fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(&Secret::generate(rng))
    }

    pub(crate) fn from_seed(seed: &Secret<32>) -> Self {
        Self(SigningKey::from_bytes(seed.expose_secret()))
    }

    pub(crate) fn to_seed(&self) -> Secret<32> {
        Secret::fill_with(|seed| seed.copy_from_slice(self.0.as_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SigningKeyBytes {
        SigningKeyBytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a preimage of [`glimpse_wire::preimage`].
    pub(crate) fn sign(&self, preimage: &[u8]) -> SignatureBytes {
        SignatureBytes(self.0.sign(preimage).to_bytes())
    }

    /// Signs a statement under the label of its kind.
    #[must_use]
    pub fn sign_statement<T: Encode<()>>(&self, kind: StatementKind, statement: &T) -> Signed {
        let statement = encode(statement);
        let signature = self.sign(&preimage::statement_signature(kind, &statement));
        Signed { statement: Bytes(statement), signature }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signing({}, redacted)", self.public())
    }
}

/// The private half of a linked device.
pub struct DeviceKeys {
    signing: Signing,
    kem: KemSecret,
    kem_seed: Secret<32>,
}

impl DeviceKeys {
    /// Draws fresh keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seeds(&Secret::generate(rng), Secret::generate(rng))
    }

    pub(crate) fn from_seeds(signing: &Secret<32>, kem_seed: Secret<32>) -> Self {
        Self { signing: Signing::from_seed(signing), kem: KemSecret::from_seed(&kem_seed), kem_seed }
    }

    pub(crate) fn seeds(&self) -> (Secret<32>, &Secret<32>) {
        (self.signing.to_seed(), &self.kem_seed)
    }

    /// What others know of the device.
    #[must_use]
    pub fn public(&self) -> DevicePublic {
        DevicePublic { signing: self.signing.public(), kem: self.kem.public().to_wire(), serial: Bytes(Vec::new()) }
    }

    /// The device's id.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        preimage::device_id(&self.signing.public(), self.kem.public().as_bytes())
    }

    /// The key that signs.
    #[must_use]
    pub const fn signing(&self) -> &Signing {
        &self.signing
    }

    /// Signs a request to the server that presents no token. `body` is hashed; nothing stands for one that streams.
    #[must_use]
    pub fn sign_request(
        &self,
        origin: &str,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        account: &AccountId,
        counter: u64,
    ) -> SignatureBytes {
        let hash = body.map(Sha256::digest);
        let body = hash.as_ref().map_or(&[][..], |hash| hash.as_slice());
        let signed = preimage::request_signature(origin, method, path, body, account, &self.id(), counter);
        self.signing.sign(&signed)
    }

    /// The key that seeds are wrapped to.
    #[must_use]
    pub const fn kem(&self) -> &KemSecret {
        &self.kem
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKeys({}, redacted)", self.id())
    }
}

/// A third party's signing key.
#[derive(Debug)]
pub struct WriterKeys(Signing);

impl WriterKeys {
    /// Draws a fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Signing::generate(rng))
    }

    /// Takes a key as [`WriterKeys::to_bytes`] gave it; nothing for another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Secret::from_slice(bytes).map(|seed| Self(Signing::from_seed(&seed)))
    }

    /// The private key, for the writer's own key file.
    ///
    /// # Security
    /// Keep the file readable by its owner only.
    #[must_use]
    pub fn to_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::new(self.0.to_seed().expose_secret().to_vec())
    }

    /// The key that signs.
    #[must_use]
    pub const fn signing(&self) -> &Signing {
        &self.0
    }

    /// The writer's id.
    #[must_use]
    pub fn id(&self) -> AuthorId {
        preimage::writer_id(&self.0.public())
    }
}

/// 32 random bytes for each epoch; the account's key pair follows from them.
#[derive(Debug)]
pub struct AccountSeed(pub(crate) Secret<32>);

impl AccountSeed {
    /// Draws a fresh seed.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    /// The account's X-Wing key pair in this seed's epoch.
    #[must_use]
    pub fn account_key(&self) -> KemSecret {
        KemSecret::from_seed(&derive::account_key(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn debug_tells_no_private_key() {
        let signing = Signing::generate(&mut rng(1));
        let seed = signing.to_seed();
        let printed = format!("{signing:?}");
        assert!(printed.contains("redacted"));
        assert!(!printed.contains(&hex::encode(seed.expose_secret())));
        assert!(!printed.contains(&glimpse_wire::Hash(*seed.expose_secret()).to_string()));
    }
}
