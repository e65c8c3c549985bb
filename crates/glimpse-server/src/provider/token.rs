//! ID tokens (OpenID Connect Core 1.0, sections 2 and 3.1.3.7), read by `jsonwebtoken`; their signatures are checked by `ring`.

use glimpse_wire::UnixMillis;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation, decode, decode_header};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use signature::{Error as NotSigned, Verifier};

/// What is taken, each with a public key: none of these can be made with what the server holds.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// An ID token, in bytes at most.
const MAX_TOKEN: usize = 16 * 1024;
/// The provider's name for somebody, in bytes at most (section 2, `sub`).
const MAX_SUBJECT: usize = 255;
/// How far the provider's clock may be from this server's.
const SKEW_SECONDS: u64 = 120;

/// What an ID token has to say.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    /// When the agent was asked to sign in; they have done so since.
    pub(super) since: UnixMillis,
    pub(super) now: UnixMillis,
}

/// Why an ID token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    #[error("it cannot be read, or is signed in a way that is not taken here")]
    Form,
    #[error("it is signed with a key that the provider does not tell of")]
    UnknownKey,
    #[error("its signature, its issuer or its audience is wrong")]
    Signature,
    #[error("it answers another sign-in")]
    Nonce,
    #[error("it is over, or from another time")]
    Time,
    #[error("whoever it is for signed in before they were asked to")]
    Stale,
    #[error("it names nobody")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    iat: u64,
    nonce: String,
    auth_time: u64,
    /// Of which the library has looked that the client is among it.
    aud: serde_json::Value,
    #[serde(default)]
    azp: Option<String>,
}

/// Whom an ID token is about.
pub(super) fn subject(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<String, Bad> {
    if token.len() > MAX_TOKEN {
        return Err(Bad::Form);
    }
    let header = decode_header(token).map_err(|_| Bad::Form)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Bad::Form);
    }
    let key = key(keys, header.kid.as_deref(), header.alg).ok_or(Bad::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Bad::UnknownKey)?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By the clock of this server instead, below.
    validation.validate_exp = false;
    let claims = decode::<Claims>(token, &key, &validation).map_err(|error| {
        let unread = matches!(error.kind(), ErrorKind::Json(_) | ErrorKind::Utf8(_) | ErrorKind::Base64(_));
        if unread { Bad::Form } else { Bad::Signature }
    })?;
    let Claims { sub, exp, iat, nonce, auth_time, aud, azp } = claims.claims;
    // A token that is for others as well says who asked for it.
    let alone = aud.as_array().is_none_or(|audience| audience.len() == 1);
    if azp.as_deref().map_or(!alone, |azp| azp != expected.client) {
        return Err(Bad::Signature);
    }
    if nonce != expected.nonce {
        return Err(Bad::Nonce);
    }
    let (now, since) = (expected.now.0 / 1_000, expected.since.0 / 1_000);
    if exp.saturating_add(SKEW_SECONDS) <= now || iat > now.saturating_add(SKEW_SECONDS) {
        return Err(Bad::Time);
    }
    if auth_time.saturating_add(SKEW_SECONDS) < since {
        return Err(Bad::Stale);
    }
    if sub.is_empty() || sub.len() > MAX_SUBJECT {
        return Err(Bad::Subject);
    }
    Ok(sub)
}

/// The key of that name, or the only one that fits; none that is for something else.
fn key<'a>(keys: &'a JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let fits = |key: &&Jwk| {
        let common = &key.common;
        let signs = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        let so = common.key_algorithm.is_none_or(|named| named == algorithm.into());
        let known = DecodingKey::from_jwk(key).is_ok_and(|key| key.family().algorithms().contains(&algorithm));
        signs && so && known && id.is_none_or(|id| common.key_id.as_deref() == Some(id))
    };
    let mut fitting = keys.keys.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// Has `jsonwebtoken` check signatures by `ring`, and make none.
pub(super) fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        verifier_factory: verifier,
        key_utils: KeyUtils {
            rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
            rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
            ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
            ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
            compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        },
    };
    // The second server of one process finds the first one's there, which is the same.
    let _ = PROVIDER.install_default();
}

/// How the signature of one token is checked.
struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[expect(clippy::unnecessary_wraps, reason = "the library's signature")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone() }))
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), NotSigned> {
        let plain = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature)
        };
        let rsa = |algorithm: &'static RsaParameters, n: &[u8], e: &[u8]| {
            RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature)
        };
        let checked = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(&RSA_PKCS1_2048_8192_SHA256, n, e),
            (Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(&RSA_PSS_2048_8192_SHA256, n, e),
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(key)) => plain(&ECDSA_P256_SHA256_FIXED, key),
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => plain(&ED25519, key),
            _ => return Err(NotSigned::new()),
        };
        checked.map_err(|_| NotSigned::new())
    }
}

#[cfg(test)]
mod tests;
