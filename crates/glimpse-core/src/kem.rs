//! Sealing to a key: HPKE (RFC 9180) with X-Wing (ML-KEM-768 + X25519), HKDF-SHA-256 and ChaCha20-Poly1305.
//! Base mode at rest, PSK mode for grants and linking. The one file that names the HPKE crate.

use core::fmt;

use glimpse_wire::account::{KEM_ENC_LEN, KEM_KEY_LEN};
use glimpse_wire::ids::Bytes;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable, setup_receiver, setup_sender_with_rng};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::error::OpenError;
use crate::secret::{Plaintext, Secret};

type PrivateKey = <XWing as Kem>::PrivateKey;
type PublicKey = <XWing as Kem>::PublicKey;
type EncappedKey = <XWing as Kem>::EncappedKey;

/// Bytes of the X25519 part, which stands last in X-Wing keys and encapsulations.
const X25519_LEN: usize = 32;

/// An X-Wing private key: 32 bytes from which both parts follow.
pub struct KemSecret {
    private: PrivateKey,
    public: KemPublic,
}

impl KemSecret {
    /// Draws a fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(&Secret::generate(rng))
    }

    /// The key that follows from `seed`.
    pub(crate) fn from_seed(seed: &Secret<32>) -> Self {
        // Every 32 bytes are a key (draft-connolly-cfrg-xwing-kem section 5.2), so the fallback is never taken.
        let private = PrivateKey::from_bytes(seed.expose_secret()).unwrap_or_else(|_| fallback_key());
        let public = KemPublic { bytes: XWing::sk_to_pk(&private).to_bytes().to_vec(), key: XWing::sk_to_pk(&private) };
        Self { private, public }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &KemPublic {
        &self.public
    }

    /// Opens what [`KemPublic::seal`] sealed under the same `info` and `aad`.
    ///
    /// # Errors
    /// [`OpenError`] whatever the cause.
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let (enc, ciphertext) = sealed.split_first_chunk::<KEM_ENC_LEN>().ok_or(OpenError)?;
        let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.private,
            &checked_encapsulation(enc)?,
            info,
        )
        .map_err(|_| OpenError)?;
        context.open(ciphertext, aad).map(Zeroizing::new).map_err(|_| OpenError)
    }

    /// Opens what [`KemPublic::seal_with_psk`] sealed, and gives the exporter of the context.
    ///
    /// # Errors
    /// [`OpenError`] whatever the cause.
    pub(crate) fn open_with_psk(
        &self,
        psk: &Secret<32>,
        psk_id: &[u8],
        info: &[u8],
        aad: &[u8],
        enc: &[u8],
        ciphertext: &[u8],
    ) -> Result<(Plaintext, Exporter), OpenError> {
        let bundle = PskBundle::new(psk.expose_secret(), psk_id).map_err(|_| OpenError)?;
        let enc = enc.try_into().map_err(|_| OpenError)?;
        let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Psk(bundle),
            &self.private,
            &checked_encapsulation(enc)?,
            info,
        )
        .map_err(|_| OpenError)?;
        let opened = context.open(ciphertext, aad).map(Zeroizing::new).map_err(|_| OpenError)?;
        Ok((opened, Exporter(Box::new(move |label, out| context.export(label, out).is_ok()))))
    }
}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemSecret(redacted)")
    }
}

fn fallback_key() -> PrivateKey {
    XWing::derive_keypair(&[0; 32]).0
}

/// An X-Wing public key whose parts were checked.
#[derive(Clone)]
pub struct KemPublic {
    bytes: Vec<u8>,
    key: PublicKey,
}

impl KemPublic {
    /// Checks a key from outside: its length, the ML-KEM modulus check (FIPS 203 section 7.2), and that the X25519 part
    /// contributes (RFC 7748 section 6.1).
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenError> {
        let exact: &[u8; KEM_KEY_LEN] = bytes.try_into().map_err(|_| OpenError)?;
        require_contributory(exact)?;
        let key = PublicKey::from_bytes(exact).map_err(|_| OpenError)?;
        Ok(Self { bytes: bytes.to_vec(), key })
    }

    /// The key as it travels.
    #[must_use]
    pub fn to_wire(&self) -> Bytes {
        Bytes(self.bytes.clone())
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Seals `plaintext` to this key: encapsulated key ‖ ciphertext.
    ///
    /// # Errors
    /// [`OpenError`] if the key cannot be encapsulated to, which [`KemPublic::parse`] rules out.
    pub fn seal(
        &self,
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, OpenError> {
        let (enc, mut context) = setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.key,
            info,
            &mut &mut *rng,
        )
        .map_err(|_| OpenError)?;
        let mut sealed = enc.to_bytes().to_vec();
        sealed.extend(context.seal(plaintext, aad).map_err(|_| OpenError)?);
        Ok(sealed)
    }

    /// Seals `plaintext` to this key and to whoever holds `psk`: encapsulated key, ciphertext, exporter.
    ///
    /// # Errors
    /// As [`KemPublic::seal`].
    ///
    /// # Security
    /// The crate takes any PSK; only the output of the PAKE is one (the type says 32 bytes, the caller where from).
    pub(crate) fn seal_with_psk(
        &self,
        psk: &Secret<32>,
        psk_id: &[u8],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, Vec<u8>, Exporter), OpenError> {
        let bundle = PskBundle::new(psk.expose_secret(), psk_id).map_err(|_| OpenError)?;
        let (enc, mut context) = setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Psk(bundle),
            &self.key,
            info,
            &mut &mut *rng,
        )
        .map_err(|_| OpenError)?;
        let ciphertext = context.seal(plaintext, aad).map_err(|_| OpenError)?;
        let exporter = Exporter(Box::new(move |label, out| context.export(label, out).is_ok()));
        Ok((enc.to_bytes().to_vec(), ciphertext, exporter))
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublic")
    }
}

/// Exports further secrets of an HPKE context (RFC 9180 section 5.3).
pub(crate) struct Exporter(Box<Export>);

/// Fills the buffer for a label; says whether it could.
type Export = dyn Fn(&[u8], &mut [u8]) -> bool;

impl Exporter {
    /// `Context.Export(label, 32)`
    ///
    /// # Errors
    /// [`OpenError`] never happens for 32 bytes.
    pub(crate) fn export(&self, label: &str) -> Result<Secret<32>, OpenError> {
        let mut exported = true;
        let secret = Secret::fill_with(|out| exported = (self.0)(label.as_bytes(), out));
        exported.then_some(secret).ok_or(OpenError)
    }
}

fn checked_encapsulation(enc: &[u8; KEM_ENC_LEN]) -> Result<EncappedKey, OpenError> {
    require_contributory(enc)?;
    EncappedKey::from_bytes(enc).map_err(|_| OpenError)
}

/// Refuses X25519 points that send every private key to the same shared secret. Any scalar tells: a point of small
/// order gives zero for all of them, clamped.
fn require_contributory(ends_with_point: &[u8]) -> Result<(), OpenError> {
    let point: [u8; X25519_LEN] = *ends_with_point.last_chunk().ok_or(OpenError)?;
    let probe = x25519_dalek::StaticSecret::from([1; 32]);
    if probe.diffie_hellman(&x25519_dalek::PublicKey::from(point)).was_contributory() { Ok(()) } else { Err(OpenError) }
}

#[cfg(test)]
mod tests;
