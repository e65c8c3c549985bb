//! What a passkey says (WebAuthn level 2, section 7.2), and nothing of how one is made.
//!
//! Signatures are checked by `rustls-webpki`, which checks those of certificates: ES256, RS256 and Ed25519.

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::Hash;
use glimpse_wire::api::{Assertion, Passkey};
use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use webpki::{Error, RawPublicKeyEntity};

/// The longest id of a passkey, in bytes (WebAuthn section 4, Credential ID).
const MAX_ID: usize = 1_023;
/// The longest key of a passkey, in bytes: RSA of 4,096 bits takes 550.
const MAX_KEY: usize = 1_024;
/// Parts of an assertion, in bytes, generously.
const MAX_PART: usize = 8 * 1024;
/// Bytes of authenticatorData before extensions: hash of the RP id, flags, counter.
const FRONT: usize = 37;
/// The user did something.
const UP: u8 = 0x01;
/// The authenticator knows that it was the user: PIN, finger, face.
const UV: u8 = 0x04;

static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 3] =
    [webpki::ring::ECDSA_P256_SHA256, webpki::ring::RSA_PKCS1_2048_8192_SHA256, webpki::ring::ED25519];

/// The assertion is not what was asked for. Says no more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadAssertion;

/// clientDataJSON, so far as it says something here.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// Whether a passkey can be enrolled: an id and a key of a sort that is checked here.
pub(crate) fn is_usable(passkey: &Passkey) -> bool {
    let (id, key) = (passkey.id.as_slice(), passkey.key.as_slice());
    if !(1..=MAX_ID).contains(&id.len()) || key.len() > MAX_KEY {
        return false;
    }
    // Nothing signed this: of a key of another sort it is not the signature that is complained about.
    ALGORITHMS
        .iter()
        .any(|algorithm| matches!(verify(key, *algorithm, &[], &[]), Err(Error::InvalidSignatureForPublicKey)))
}

/// Whether the passkey with this key answered this challenge on a page of `origin`, with its user present and known to it.
pub(crate) fn check(assertion: &Assertion, key: &[u8], challenge: &Hash, origin: &str) -> Result<(), BadAssertion> {
    let (data, client) = (assertion.authenticator_data.as_slice(), assertion.client_data.as_slice());
    let signature = assertion.signature.as_slice();
    if [data, client, signature].iter().any(|part| part.len() > MAX_PART) {
        return Err(BadAssertion);
    }
    let said: ClientData = serde_json::from_slice(client).map_err(|_| BadAssertion)?;
    let fits = said.kind == "webauthn.get"
        && said.challenge == Base64UrlUnpadded::encode_string(&challenge.0)
        && said.origin == origin
        && !said.cross_origin;
    let front = data.first_chunk::<FRONT>().ok_or(BadAssertion)?;
    let (rp, rest) = front.split_first_chunk::<32>().ok_or(BadAssertion)?;
    let flags = rest.first().copied().unwrap_or(0);
    let host = Url::parse(origin).ok().and_then(|origin| origin.host_str().map(str::to_owned)).ok_or(BadAssertion)?;
    let here = rp.as_slice() == Sha256::digest(host.as_bytes()).as_slice();
    if !fits || !here || flags & (UP | UV) != UP | UV {
        return Err(BadAssertion);
    }
    let signed = [data, Sha256::digest(client).as_slice()].concat();
    let verified = ALGORITHMS.iter().any(|algorithm| verify(key, *algorithm, &signed, signature).is_ok());
    if verified { Ok(()) } else { Err(BadAssertion) }
}

fn verify(
    key: &[u8],
    algorithm: &dyn SignatureVerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let key = SubjectPublicKeyInfoDer::from(key);
    RawPublicKeyEntity::try_from(&key)?.verify_signature(algorithm, message, signature)
}

#[cfg(test)]
mod tests;
