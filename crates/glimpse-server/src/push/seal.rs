//! What a push says, sealed to the browser that subscribed (RFC 8291, in the coding of RFC 8188), so that the push provider
//! in between carries noise of one length.
//!
//! ```text
//! PRK_key = HKDF-Extract(auth, ECDH(ours, theirs))
//! IKM     = HKDF-Expand(PRK_key, "WebPush: info" ‖ 0 ‖ their public key ‖ our public key, 32)
//! PRK     = HKDF-Extract(salt, IKM)
//! CEK     = HKDF-Expand(PRK, "Content-Encoding: aes128gcm" ‖ 0, 16)
//! NONCE   = HKDF-Expand(PRK, "Content-Encoding: nonce" ‖ 0, 12)
//! body    = salt ‖ n4(record size) ‖ 65 ‖ our public key ‖ AES-128-GCM[CEK, NONCE](id ‖ 2)
//! ```
//!
//! Each body has 119 bytes. Our key and the salt are drawn for each message, so no nonce comes twice. Nothing here opens anything.

use glimpse_wire::api::PushSubscription;
use glimpse_wire::limits::PUSH_ID_LEN;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

const SALT_LEN: usize = 16;
const IKM_LEN: usize = 32;
const CEK_LEN: usize = 16;
/// The record size that RFC 8291 section 4 leaves to us: one record, and this is the usual value.
const RECORD_SIZE: u32 = 4096;
/// Ends the last record (RFC 8188 section 2).
const LAST: u8 = 2;

/// What a push says: an id that stands for nothing but itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PushId(pub(crate) [u8; PUSH_ID_LEN]);

impl PushId {
    /// # Errors
    /// The operating system gives no random numbers.
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut id = [0; PUSH_ID_LEN];
        getrandom::fill(&mut id)?;
        Ok(Self(id))
    }
}

/// The body of a push to this subscription, under a key and a salt of its own.
///
/// # Errors
/// [`Unspecified`] when the subscription's key is no point of the curve, or the operating system gives no random numbers.
pub(crate) fn seal(to: &PushSubscription, id: PushId) -> Result<Vec<u8>, Unspecified> {
    let random = SystemRandom::new();
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
    let our_public = ours.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, to.p256dh.as_slice());
    agree_ephemeral(ours, &theirs, |secret| seal_under(secret, our_public.as_ref(), &salt, to, &id.0))?
}

/// The same, once key and salt are drawn.
fn seal_under(
    secret: &[u8],
    our_public: &[u8],
    salt: &[u8; SALT_LEN],
    to: &PushSubscription,
    text: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let key = Salt::new(HKDF_SHA256, to.auth.as_slice()).extract(secret);
    let input: Zeroizing<[u8; IKM_LEN]> = expand(&key, &[b"WebPush: info\0", to.p256dh.as_slice(), our_public])?;
    let key = Salt::new(HKDF_SHA256, salt).extract(input.as_slice());
    let cek: Zeroizing<[u8; CEK_LEN]> = expand(&key, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: Zeroizing<[u8; NONCE_LEN]> = expand(&key, &[b"Content-Encoding: nonce\0"])?;

    let mut record = [text, &[LAST]].concat();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, cek.as_slice())?);
    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut record)?;
    let key_len = u8::try_from(our_public.len()).map_err(|_| Unspecified)?;
    Ok([salt.as_slice(), &RECORD_SIZE.to_be_bytes(), &[key_len], our_public, &record].concat())
}

/// How long what HKDF is asked for is to be.
struct Long(usize);

impl KeyType for Long {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>, Unspecified> {
    let mut out = Zeroizing::new([0; N]);
    key.expand(info, Long(N))?.fill(out.as_mut_slice())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use glimpse_wire::ids::Bytes;
    use glimpse_wire::limits::PUSH_KEY_LEN;
    use p256::elliptic_curve::sec1::ToSec1Point as _;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        Base64UrlUnpadded::decode_vec(text).unwrap()
    }

    /// RFC 8291 section 5 and appendix A.
    fn rfc_8291() -> PushSubscription {
        PushSubscription {
            endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV".to_owned(),
            p256dh: Bytes(bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            )),
            auth: Bytes(bytes("BTBZMqHH6r4Tts7J_aSIgg")),
        }
    }

    #[test]
    fn the_example_of_rfc_8291() {
        let secret = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let our_public =
            bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let sealed = seal_under(&secret, &our_public, &salt, &rfc_8291(), text).unwrap();
        let expected = bytes(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
        );
        assert_eq!(sealed, expected);
    }

    /// Our key agreement against another implementation; what a browser does with the whole is in the tests of the server.
    #[test]
    fn another_implementation_agrees_on_the_secret() {
        let theirs = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let their_public = theirs.public_key().to_sec1_point(false).as_bytes().to_vec();
        let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let our_public = p256::PublicKey::from_sec1_bytes(ours.compute_public_key().unwrap().as_ref()).unwrap();
        let theirs = p256::ecdh::diffie_hellman(theirs.to_nonzero_scalar(), our_public.as_affine());
        let peer = UnparsedPublicKey::new(&ECDH_P256, their_public);
        assert_eq!(agree_ephemeral(ours, &peer, <[u8]>::to_vec).unwrap(), theirs.raw_secret_bytes().to_vec());
    }

    #[test]
    fn two_messages_have_one_length_and_nothing_else_in_common() {
        let [one, other] = [seal(&rfc_8291(), PushId([1; 16])), seal(&rfc_8291(), PushId([1; 16]))].map(Result::unwrap);
        assert_eq!((one.len(), other.len()), (119, 119));
        assert_eq!(one[SALT_LEN..SALT_LEN + 5], [0, 0, 16, 0, 65]);
        let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        assert!(same < 20, "{same} bytes in common");
    }

    #[test]
    fn a_key_that_is_no_point_is_refused() {
        for p256dh in [vec![4; PUSH_KEY_LEN], vec![0; PUSH_KEY_LEN], Vec::new(), rfc_8291().p256dh.0[..64].to_vec()] {
            let to = PushSubscription { p256dh: Bytes(p256dh), ..rfc_8291() };
            assert!(seal(&to, PushId([0; 16])).is_err());
        }
        assert!(seal(&rfc_8291(), PushId([0; 16])).is_ok(), "control");
    }
}
