//! The check of a signature: Ed25519, strict, weak keys refused (protocol section 2).

use ed25519_dalek::{Signature, VerifyingKey};

use crate::ids::{SignatureBytes, SigningKeyBytes};

/// A signature does not verify, or its key is weak or no point at all. Says no more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// Verifies `signature` by `key` over `message`: RFC 8032 with the strict rules (canonical encodings, neither `R` nor
/// the key of small order), cofactorless.
///
/// # Errors
/// [`BadSignature`] whatever the cause.
pub fn verify(key: &SigningKeyBytes, message: &[u8], signature: &SignatureBytes) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(&key.0).map_err(|_| BadSignature)?;
    if key.is_weak() {
        return Err(BadSignature);
    }
    key.verify_strict(message, &Signature::from_bytes(&signature.0)).map_err(|_| BadSignature)
}
