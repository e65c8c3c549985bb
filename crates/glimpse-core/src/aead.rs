//! ChaCha20-Poly1305 (RFC 8439). The one file that names the cipher.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};

use crate::error::OpenError;
use crate::secret::Secret;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 12;
/// Bytes of a tag.
pub(crate) const TAG: usize = 16;

/// Encrypts `buffer` in place and appends the tag.
pub(crate) fn seal(key: &Secret<32>, nonce: [u8; NONCE], aad: &[u8], buffer: &mut Vec<u8>) {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key.expose_secret()));
    match cipher.encrypt_inout_detached(&Nonce::from(nonce), aad, buffer.as_mut_slice().into()) {
        Ok(tag) => buffer.extend_from_slice(&tag),
        // Fails only above 256 GiB (RFC 8439 section 2.8); nothing sealed here is longer than one chunk or message.
        // An empty result opens nowhere.
        Err(_) => buffer.clear(),
    }
}

/// Checks the tag at the end of `buffer`, decrypts in place and cuts the tag off. On failure `buffer` is emptied, so
/// that nothing unauthenticated can be used.
///
/// # Errors
/// [`OpenError`] whatever the cause.
pub(crate) fn open(key: &Secret<32>, nonce: [u8; NONCE], aad: &[u8], buffer: &mut Vec<u8>) -> Result<(), OpenError> {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key.expose_secret()));
    let opened = buffer.split_last_chunk_mut::<TAG>().is_some_and(|(body, tag)| {
        cipher.decrypt_inout_detached(&Nonce::from(nonce), aad, body.into(), &Tag::from(*tag)).is_ok()
    });
    if opened {
        buffer.truncate(buffer.len().saturating_sub(TAG));
        Ok(())
    } else {
        buffer.clear();
        Err(OpenError)
    }
}
