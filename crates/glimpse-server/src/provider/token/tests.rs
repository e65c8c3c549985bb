use super::*;
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

fn part(value: &Value) -> String {
    Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
}

fn ed25519(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn jwk(seed: u8, id: &str) -> Value {
    let x = Base64UrlUnpadded::encode_string(ed25519(seed).verifying_key().as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig", "alg": "EdDSA" })
}

fn keys(keys: &[Value]) -> JwkSet {
    install();
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn good() -> Value {
    json!({
        "iss": "https://id.example", "sub": "jo", "aud": "glimpse", "nonce": "question",
        "exp": NOW + 600, "iat": NOW, "auth_time": NOW - 5,
    })
}

fn with(change: &Value) -> Value {
    let mut claims = good();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name)
        } else {
            claims.as_object_mut().unwrap().insert(name.clone(), value.clone())
        };
    }
    claims
}

fn sign_as(header: &Value, claims: &Value, seed: u8) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = ed25519(seed).sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature))
}

fn sign(claims: &Value) -> String {
    sign_as(&json!({ "alg": "EdDSA", "kid": "one" }), claims, 1)
}

fn read(token: &str, keys: &JwkSet) -> Result<String, Bad> {
    let expected = Expected {
        issuer: "https://id.example",
        client: "glimpse",
        nonce: "question",
        since: UnixMillis((NOW - 60) * 1_000),
        now: UnixMillis(NOW * 1_000),
    };
    subject(token, keys, &expected)
}

#[test]
fn a_token_names_who_signed_in() {
    let keys = keys(&[jwk(1, "one"), jwk(2, "two")]);
    assert_eq!(read(&sign(&good()), &keys).as_deref(), Ok("jo"));
    for fine in [
        json!({ "aud": ["glimpse"] }),
        json!({ "aud": ["glimpse", "others"], "azp": "glimpse" }),
        json!({ "azp": "glimpse" }),
        json!({ "exp": NOW - SKEW_SECONDS + 1 }),
        json!({ "iat": NOW + SKEW_SECONDS }),
        json!({ "auth_time": NOW - 60 - SKEW_SECONDS }),
        json!({ "sub": "x".repeat(MAX_SUBJECT) }),
    ] {
        assert!(read(&sign(&with(&fine)), &keys).is_ok(), "{fine}");
    }
}

#[test]
fn a_token_that_says_anything_else_is_not_taken() {
    let keys = keys(&[jwk(1, "one")]);
    for (change, bad) in [
        (json!({ "iss": "https://id.example/" }), Bad::Signature),
        (json!({ "iss": null }), Bad::Form),
        (json!({ "iss": 7 }), Bad::Form),
        (json!({ "aud": "others" }), Bad::Signature),
        (json!({ "aud": [] }), Bad::Signature),
        (json!({ "aud": ["glimpse", "others"] }), Bad::Signature),
        (json!({ "aud": ["glimpse", "others"], "azp": "others" }), Bad::Signature),
        (json!({ "azp": "others" }), Bad::Signature),
        (json!({ "nonce": "another" }), Bad::Nonce),
        (json!({ "nonce": null }), Bad::Form),
        (json!({ "exp": NOW - SKEW_SECONDS }), Bad::Time),
        (json!({ "exp": null }), Bad::Form),
        (json!({ "exp": "tomorrow" }), Bad::Form),
        (json!({ "exp": -1 }), Bad::Form),
        (json!({ "iat": NOW + SKEW_SECONDS + 1 }), Bad::Time),
        (json!({ "iat": u64::MAX }), Bad::Time),
        (json!({ "auth_time": NOW - 61 - SKEW_SECONDS }), Bad::Stale),
        (json!({ "auth_time": null }), Bad::Form),
        (json!({ "sub": null }), Bad::Form),
        (json!({ "sub": "" }), Bad::Subject),
        (json!({ "sub": "x".repeat(MAX_SUBJECT + 1) }), Bad::Subject),
    ] {
        let said = read(&sign(&with(&change)), &keys);
        // What is missing or of another type is refused by one of two hands.
        let alike = |bad| if bad == Bad::Form { Bad::Signature } else { bad };
        assert_eq!(said.map_err(alike), Err(alike(bad)), "{change}");
    }
}

#[test]
fn a_token_counts_by_the_providers_own_key_in_its_own_way() {
    let one = keys(&[jwk(1, "one")]);
    let token = sign(&good());
    assert!(read(&token, &one).is_ok(), "control");
    assert_eq!(read(&token, &keys(&[jwk(2, "one")])), Err(Bad::Signature), "another key of that name");
    assert_eq!(read(&token, &keys(&[jwk(1, "two")])), Err(Bad::UnknownKey));
    assert_eq!(read(&token, &keys(&[])), Err(Bad::UnknownKey));

    // Without a name it is the only key that fits, and no guess among several.
    let unnamed = sign_as(&json!({ "alg": "EdDSA" }), &good(), 1);
    assert!(read(&unnamed, &one).is_ok());
    assert_eq!(read(&unnamed, &keys(&[jwk(1, "one"), jwk(2, "two")])), Err(Bad::UnknownKey));

    let mut sealing = jwk(1, "one");
    sealing["use"] = json!("enc");
    assert_eq!(read(&token, &keys(&[sealing])), Err(Bad::UnknownKey), "a key for something else");

    // No signature, one that whoever knows the public key could make, and algorithms of other keys.
    for alg in ["none", "None", "HS256", "RS256", "ES256", "ES384", "RS512", ""] {
        let said = read(&sign_as(&json!({ "alg": alg, "kid": "one" }), &good(), 1), &one);
        assert!(matches!(said, Err(Bad::Form | Bad::UnknownKey)), "{alg}: {said:?}");
    }
    let mut secret = json!({ "kty": "oct", "k": "AAAA", "kid": "one", "alg": "HS256" });
    assert!(read(&token, &keys(&[secret.clone()])).is_err());
    secret["alg"] = json!("EdDSA");
    assert!(read(&token, &keys(&[secret])).is_err());
    let key_inside = json!({ "alg": "EdDSA", "kid": "one", "jwk": jwk(3, "one") });
    assert_eq!(read(&sign_as(&key_inside, &good(), 3), &one), Err(Bad::Signature), "a token that brings its own key");
}

#[test]
fn bytes_of_whatever_kind_are_no_token() {
    let keys = keys(&[jwk(1, "one")]);
    let token = sign(&good());
    for cut in 0..token.len() {
        assert!(read(token.get(..cut).unwrap_or_default(), &keys).is_err(), "the first {cut}");
    }
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        assert!(read(&text, &keys).is_err(), "byte {at}");
    }
    for odd in
        ["", ".", "..", "...", "a.b.c", &"x".repeat(MAX_TOKEN + 1), &format!("{token}.x"), &token.replace('.', "")]
    {
        assert!(read(odd, &keys).is_err());
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let message = format!(
        "{}.{}",
        part(&json!({ "alg": "EdDSA", "kid": "one" })),
        Base64UrlUnpadded::encode_string(deep.as_bytes())
    );
    let signature = Base64UrlUnpadded::encode_string(&ed25519(1).sign(message.as_bytes()).to_bytes());
    assert!(read(&format!("{message}.{signature}"), &keys).is_err(), "signed all the same");
}
