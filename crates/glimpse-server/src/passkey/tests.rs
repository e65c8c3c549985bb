use ed25519_dalek::SigningKey as Ed25519;
use glimpse_wire::ids::Bytes;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};

use super::*;

const ORIGIN: &str = "https://glimpse.example";
const CHALLENGE: Hash = Hash([7; 32]);
/// By OpenSSL: a key of 2,048 bits, and what it says to [`CHALLENGE`] at [`ORIGIN`].
const RSA_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA-TYXxuAoLmBrnIMJfl-q1W3I-aF30ogiN6fyxxuAZQUapj_8x2DqHod9qpNAeCJGo9UqeqYjVzb19HcGZ34tvLnPV42lkbYkKaSKs05CPMC7GO_vHCcu8a78kQYycEijXgASqz2-1nz-S0Qc9qKAxs28Q5K0LpNGeMU3Xw7WzBVP77ClML85UErwIbp9ce0nMfzjbdFIIaBYa2LXByOjDSRDPO2u8GDirSF6KvBgvKELahWIO9xPt1cPY5CiNi2h6adOvJyOgtkYAm1mPCjngPS5X1N3MuxvIyFCsE5jqaBlgg6E3ExQG6U0GPzqloBCP7l4LHokzaa5O4xP-2ex6QIDAQAB";
const RSA_SIGNATURE: &str = "ho9J0fiW93mPyT4eM-p-Fl50NZ2xiQ4jh_3TTjkCCKTAHTGsH0t69OjRRNK1diRkWk4DL-351cN9d7pI_wkylMQhns6e19JRKDXfiRgQGa340pgLql2z2CFKrvxWwpunW0uJ7AU12MxU_LWp3G1ZTLd6noSBT68d3W6WzADmZ_i3RKjnUOxFDbDicV_hWTd9hlTf5YeCnkAp6GYoh46vGedFwsBlZPzmqodSP_yJiqRLmssKtQIbNgiXWqQdDj16Fxyo9T7QbSpsxqgMV8J4raQZcrs1E0jzZRu6M_idDyNjfagJ8TrIwA2uEjJeNki3i-_EOBCzqw__fLoRTzoxAg";

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn bytes(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

fn client_data(kind: &str, challenge: &str, origin: &str, cross: &str) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{cross}}}"#).into_bytes()
}

fn of_browser() -> Vec<u8> {
    client_data("webauthn.get", &base64(&CHALLENGE.0), ORIGIN, r#","crossOrigin":false"#)
}

fn of_authenticator(rp: &str, flags: u8) -> Vec<u8> {
    [Sha256::digest(rp).as_slice(), &[flags, 0, 0, 0, 0]].concat()
}

fn key() -> SigningKey {
    SigningKey::from_slice(&[9; 32]).expect("a key")
}

/// RFC 5480: id-ecPublicKey on prime256v1, and the point.
fn spki(key: &SigningKey) -> Vec<u8> {
    let front = bytes("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE");
    [front.as_slice(), &key.verifying_key().to_sec1_point(false).as_bytes()[1..]].concat()
}

fn signed(data: Vec<u8>, client: Vec<u8>) -> Assertion {
    let message = [data.as_slice(), Sha256::digest(&client).as_slice()].concat();
    let signature: Signature = key().sign(&message);
    Assertion {
        authenticator_data: Bytes(data),
        client_data: Bytes(client),
        signature: Bytes(signature.to_der().as_bytes().to_vec()),
    }
}

fn takes(assertion: &Assertion) -> bool {
    check(assertion, &spki(&key()), &CHALLENGE, ORIGIN).is_ok()
}

/// Takes what a browser at [`ORIGIN`] makes, and not what `data` and `client` make of it.
fn only_refuses(data: Vec<u8>, client: Vec<u8>) {
    assert!(takes(&signed(of_authenticator("glimpse.example", UP | UV), of_browser())), "control");
    assert!(!takes(&signed(data, client)));
}

fn good_data() -> Vec<u8> {
    of_authenticator("glimpse.example", UP | UV)
}

#[test]
fn t063_an_assertion_for_another_challenge_is_refused() {
    only_refuses(good_data(), client_data("webauthn.get", &base64(&[8; 32]), ORIGIN, ""));
}

#[test]
fn t063_an_assertion_of_another_origin_is_refused() {
    for origin in ["https://glimpse.example.evil", "http://glimpse.example", "https://glimpse.example:444", ""] {
        only_refuses(good_data(), client_data("webauthn.get", &base64(&CHALLENGE.0), origin, ""));
    }
}

#[test]
fn t063_an_assertion_of_another_party_is_refused() {
    for rp in ["example", "evil", "https://glimpse.example"] {
        only_refuses(of_authenticator(rp, UP | UV), of_browser());
    }
}

#[test]
fn t063_an_assertion_without_its_user_is_refused() {
    for flags in [0, UP, UV, !(UP | UV), !UV] {
        only_refuses(of_authenticator("glimpse.example", flags), of_browser());
    }
    assert!(takes(&signed(of_authenticator("glimpse.example", 0xff), of_browser())), "other flags say nothing here");
}

#[test]
fn what_makes_a_passkey_is_no_assertion() {
    only_refuses(good_data(), client_data("webauthn.create", &base64(&CHALLENGE.0), ORIGIN, ""));
}

#[test]
fn a_page_inside_a_strangers_page_is_refused() {
    let client = |cross| client_data("webauthn.get", &base64(&CHALLENGE.0), ORIGIN, cross);
    only_refuses(good_data(), client(r#","crossOrigin":true"#));
    assert!(takes(&signed(good_data(), client(""))), "older browsers do not say it");
    assert!(takes(&signed(good_data(), client(r#","other_keys_can_be_added_here":1"#))), "nor is more of it a fault");
}

#[test]
fn what_is_twice_cut_or_endless_is_refused() {
    let twice = format!(r#","origin":"{ORIGIN}""#);
    only_refuses(good_data(), client_data("webauthn.get", &base64(&CHALLENGE.0), ORIGIN, &twice));
    only_refuses(good_data()[..FRONT - 1].to_vec(), of_browser());
    only_refuses(Vec::new(), of_browser());
    only_refuses(good_data(), b"{}".to_vec());
    only_refuses(good_data(), Vec::new());
    only_refuses([good_data(), vec![0; MAX_PART]].concat(), of_browser());
    assert!(takes(&signed([good_data(), vec![0; 100]].concat(), of_browser())), "control: extensions");
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let good = signed(good_data(), of_browser());
    assert!(takes(&good), "control");
    let changed = |bytes: &Bytes, at: usize| {
        let mut bytes = bytes.clone();
        bytes.0[at] ^= 1;
        bytes
    };
    for at in 0..good.authenticator_data.as_slice().len() {
        let data = changed(&good.authenticator_data, at);
        assert!(!takes(&Assertion { authenticator_data: data, ..good.clone() }), "data {at}");
    }
    for at in 0..good.client_data.as_slice().len() {
        let client = changed(&good.client_data, at);
        assert!(!takes(&Assertion { client_data: client, ..good.clone() }), "client {at}");
    }
    for at in 0..good.signature.as_slice().len() {
        let signature = changed(&good.signature, at);
        assert!(!takes(&Assertion { signature, ..good.clone() }), "signature {at}");
    }
}

#[test]
fn another_key_is_refused() {
    let other = SigningKey::from_slice(&[10; 32]).expect("a key");
    let good = signed(good_data(), of_browser());
    assert!(check(&good, &spki(&other), &CHALLENGE, ORIGIN).is_err());
    assert!(check(&good, &[], &CHALLENGE, ORIGIN).is_err());
    assert!(takes(&good), "control");
}

#[test]
fn windows_hello_signs_by_rsa_and_others_by_ed25519() {
    let mut assertion = signed(good_data(), of_browser());
    assertion.signature = Bytes(bytes(RSA_SIGNATURE));
    assert!(check(&assertion, &bytes(RSA_KEY), &CHALLENGE, ORIGIN).is_ok());
    assertion.signature.0[9] ^= 1;
    assert!(check(&assertion, &bytes(RSA_KEY), &CHALLENGE, ORIGIN).is_err());

    let key = Ed25519::from_bytes(&[3; 32]);
    let front = bytes("MCowBQYDK2VwAyEA");
    let spki = [front.as_slice(), key.verifying_key().as_bytes()].concat();
    let message = [good_data().as_slice(), Sha256::digest(of_browser()).as_slice()].concat();
    assertion.signature = Bytes(ed25519_dalek::Signer::sign(&key, &message).to_bytes().to_vec());
    assert!(check(&assertion, &spki, &CHALLENGE, ORIGIN).is_ok());
    assertion.signature.0[9] ^= 1;
    assert!(check(&assertion, &spki, &CHALLENGE, ORIGIN).is_err());
}

#[test]
fn only_what_can_be_checked_is_enrolled() {
    let usable = |id: usize, key: Vec<u8>| is_usable(&Passkey { id: Bytes(vec![1; id]), key: Bytes(key) });
    assert!(usable(1, spki(&key())) && usable(MAX_ID, bytes(RSA_KEY)));
    assert!(!usable(0, spki(&key())) && !usable(MAX_ID + 1, spki(&key())));
    let mut of_another_curve = spki(&key());
    of_another_curve[22] ^= 1;
    for bad in [Vec::new(), vec![0; 91], of_another_curve, spki(&key())[..90].to_vec(), vec![0x30; MAX_KEY + 1]] {
        assert!(!usable(16, bad));
    }
}
