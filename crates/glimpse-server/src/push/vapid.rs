//! Who pushes: the server's own key, by which push providers know it (RFC 8292).
//!
//! The key opens nothing. Whoever holds it, and a subscription, can wake that device; so the file is kept as the server key
//! file is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use glimpse_wire::UnixMillis;
use glimpse_wire::ids::Bytes;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::secret_file::{self, Fault};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;
/// How long a token is good, in seconds: half of what RFC 8292 section 2 allows.
const TOKEN_SECONDS: u64 = 12 * 60 * 60;
/// `{"typ":"JWT","alg":"ES256"}` in base64url.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9";

/// The private key of Web Push, P-256.
pub struct PushKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl fmt::Debug for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKey")
    }
}

/// Why the push key was refused.
#[derive(Debug, thiserror::Error)]
pub enum PushKeyError {
    /// Not there, or not readable.
    #[error("cannot read the push key {path}: {source} (make one with `glimpse-server push-key {path}`)")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It would be copied together with the subscriptions.
    #[error("the push key {0} lies inside the data folder; move it elsewhere, so that no copy of the data holds it")]
    InsideData(PathBuf),
    /// Others may read it.
    #[error("the push key {0} may be read by others; run: chmod 600 {0}")]
    Exposed(PathBuf),
    /// Not such a key.
    #[error("{0} holds no P-256 private key in PEM (PKCS #8)")]
    Malformed(PathBuf),
}

impl PushKey {
    /// Reads the key, unless it is where or how it must not be.
    ///
    /// # Errors
    /// [`PushKeyError`] names the fault.
    pub fn read(path: &Path, data: &Path) -> Result<Self, PushKeyError> {
        let text = secret_file::read(path, data).map_err(|fault| match fault {
            Fault::Unreadable(source) => PushKeyError::Unreadable { path: path.to_owned(), source },
            Fault::InsideData => PushKeyError::InsideData(path.to_owned()),
            Fault::Exposed => PushKeyError::Exposed(path.to_owned()),
        })?;
        Self::parse(&text).ok_or_else(|| PushKeyError::Malformed(path.to_owned()))
    }

    fn parse(pem: &str) -> Option<Self> {
        let (_, rest) = pem.split_once(BEGIN)?;
        let (body, _) = rest.split_once(END)?;
        let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
        Self::of_pkcs8(&Zeroizing::new(Base64::decode_vec(&body).ok()?)).ok()
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random).map_err(|_| Unspecified)?;
        Ok(Self { pair, random })
    }

    /// Writes a fresh key, readable by its owner alone. Never overwrites.
    ///
    /// # Errors
    /// The operating system's, among them "already exists".
    pub fn generate(path: &Path) -> io::Result<()> {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| io::Error::other("the operating system gives no random numbers"))?;
        let body = Zeroizing::new(Base64::encode_string(der.as_ref()));
        let mut text = Zeroizing::new(String::with_capacity(body.len() * 2 + 64));
        text.push_str(BEGIN);
        for (index, character) in body.chars().enumerate() {
            if index.is_multiple_of(PEM_LINE) {
                text.push('\n');
            }
            text.push(character);
        }
        text.push('\n');
        text.push_str(END);
        text.push('\n');
        secret_file::write_new(path, &text)
    }

    /// The public key: an uncompressed point of [`glimpse_wire::limits::PUSH_KEY_LEN`] bytes.
    #[must_use]
    pub fn public(&self) -> Bytes {
        Bytes(self.pair.public_key().as_ref().to_vec())
    }

    /// The value of `Authorization` for a request to `origin`, by whom `contact` says (RFC 8292 section 3).
    ///
    /// # Errors
    /// [`Unspecified`] when the operating system gives no random numbers.
    pub(crate) fn authorization(&self, origin: &str, contact: &str, now: UnixMillis) -> Result<String, Unspecified> {
        let claims = Claims { aud: origin, exp: now.0 / 1_000 + TOKEN_SECONDS, sub: contact };
        let claims = serde_json::to_vec(&claims).map_err(|_| Unspecified)?;
        let signed = format!("{HEADER}.{}", Base64UrlUnpadded::encode_string(&claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes())?;
        let signature = Base64UrlUnpadded::encode_string(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature}, k={}", Base64UrlUnpadded::encode_string(&self.public().0)))
    }
}

/// What the token says (RFC 8292 section 2).
#[derive(Serialize)]
struct Claims<'c> {
    /// The origin of the push provider.
    aud: &'c str,
    /// When it ends, in seconds since 1970.
    exp: u64,
    /// Whom the provider may write to.
    sub: &'c str,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use glimpse_wire::limits::PUSH_KEY_LEN;
    use p256::ecdsa::signature::Verifier as _;
    use p256::ecdsa::{Signature, VerifyingKey};

    use super::*;
    use crate::test_server::ScratchFolder;

    #[test]
    fn a_key_is_made_once_kept_apart_and_shows_nothing() {
        let folder = ScratchFolder::new().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let path = folder.path().join("push.pem");
        PushKey::generate(&path).unwrap();
        assert!(PushKey::generate(&path).is_err(), "never overwritten");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = PushKey::read(&path, &data).unwrap();
        assert_eq!(key.public().0.len(), PUSH_KEY_LEN);
        assert_eq!(key.public(), PushKey::read(&path, &data).unwrap().public(), "the same key each time");
        assert_eq!(format!("{key:?}"), "PushKey");

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().all(|line| line.len() <= PEM_LINE), "{text}");
        let inside = data.join("push.pem");
        std::fs::copy(&path, &inside).unwrap();
        assert!(matches!(PushKey::read(&inside, &data), Err(PushKeyError::InsideData(_))));
        for bad in
            ["", BEGIN, text.split_at(100).0, &text.replace("MIGH", "AAAA"), &text.replace("PRIVATE KEY", "EC KEY")]
        {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(PushKey::read(&path, &data), Err(PushKeyError::Malformed(_))), "{bad}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(PushKey::read(&path, &data), Err(PushKeyError::Exposed(_))));
        assert!(matches!(PushKey::read(&data.join("none"), &data), Err(PushKeyError::Unreadable { .. })));
    }

    #[test]
    fn the_token_is_a_jwt_that_another_implementation_verifies() {
        let folder = ScratchFolder::new().unwrap();
        let path = folder.path().join("push.pem");
        PushKey::generate(&path).unwrap();
        let key = PushKey::read(&path, &folder.path().join("data")).unwrap();
        let now = UnixMillis(1_790_000_000_999);
        let value = key.authorization("https://push.example", "mailto:a@b.example", now).unwrap();
        let (token, public) = value.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(Base64UrlUnpadded::decode_vec(public).unwrap(), key.public().0);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        assert_eq!(Base64UrlUnpadded::decode_vec(header).unwrap(), br#"{"typ":"JWT","alg":"ES256"}"#);
        let expected = r#"{"aud":"https://push.example","exp":1790043200,"sub":"mailto:a@b.example"}"#;
        assert_eq!(Base64UrlUnpadded::decode_vec(claims).unwrap(), expected.as_bytes());
        let signature = Signature::from_slice(&Base64UrlUnpadded::decode_vec(signature).unwrap()).unwrap();
        let verifier = VerifyingKey::from_sec1_bytes(&key.public().0).unwrap();
        verifier.verify(signed.as_bytes(), &signature).unwrap();
        assert!(verifier.verify(&signed.as_bytes()[1..], &signature).is_err(), "control");
    }
}
