//! Nothing that follows from the code is sent anywhere: row 13, over everything that left device and browser.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use e2e::proxy::{Honest, Seen};
use e2e::scan::occurrences;
use e2e::stage::Stage;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

/// A value in the ways in which it could be written, and its first half.
fn written(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let half = &bytes[..bytes.len() / 2];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    vec![
        (name.to_owned(), half.to_vec()),
        (format!("{name} in hex"), hex(half).into_bytes()),
        // A whole group of base64 is three bytes.
        (format!("{name} in base64"), Base64::encode_string(&bytes[..bytes.len() / 6 * 3]).into_bytes()),
        (format!("{name} in base64url"), Base64UrlUnpadded::encode_string(&bytes[..bytes.len() / 6 * 3]).into_bytes()),
    ]
}

fn mac(key: &[u8], of: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| anyhow::anyhow!("any key will do"))?;
    mac.update(of);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn stretched(of: &[u8], salt: &[u8]) -> Result<Vec<u8>> {
    let params = Params::new(7168, 5, 1, Some(32)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut out = vec![0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(of, salt, &mut out).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(out)
}

/// What somebody might make of the code and send: itself, hashes, and what follows from it and any visible salt.
fn functions(code: &str, salts: &[Vec<u8>]) -> Result<Vec<(String, Vec<u8>)>> {
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    let secret = digits.get(3..9).context("a secret")?;
    let mut all =
        vec![("code as shown".to_owned(), code.as_bytes().to_vec()), ("code".to_owned(), digits.clone().into_bytes())];
    for (name, input) in [("secret", secret), ("code", &digits), ("code as shown", code)] {
        let input = input.as_bytes();
        all.extend(written(&format!("SHA-256 of {name}"), &Sha256::digest(input)));
        all.extend(written(&format!("SHA-512 of {name}"), &Sha512::digest(input)));
        for (at, salt) in salts.iter().enumerate() {
            let of = |kind: &str| format!("{kind} of {name} and salt {at}");
            all.extend(written(&of("SHA-256"), &Sha256::digest([salt, input].concat())));
            all.extend(written(&of("SHA-256, salt last,"), &Sha256::digest([input, salt].concat())));
            all.extend(written(&of("HMAC"), &mac(salt, input)?));
            all.extend(written(&of("HMAC, code as key,"), &mac(input, salt)?));
        }
    }
    // Stretching takes its time; the salts that a server could mean are the first ones.
    for (at, salt) in salts.iter().take(STRETCHED).enumerate() {
        all.extend(written(&format!("Argon2id of secret and salt {at}"), &stretched(secret.as_bytes(), salt)?));
    }
    Ok(all)
}

/// Salts for which Argon2id is tried.
const STRETCHED: usize = 12;

/// Everything that left the two ends for the server.
fn left_the_ends(stage: &Stage) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for seen in stage.proxy.as_ref().context("no proxy")?.seen() {
        match seen {
            Seen::Http(asked, _) => {
                all.extend(format!("{} {} {:?}\n", asked.method, asked.path, asked.headers).into_bytes());
                all.extend(asked.body);
            }
            Seen::Opened(_, path) => all.extend(path.into_bytes()),
            Seen::ToServer(_, frame) => all.extend(frame),
            Seen::ToEnd(..) => {}
        }
        all.push(b'\n');
    }
    Ok(all)
}

/// Values of the pairing that a server sees or chooses, and that could serve as a salt.
fn visible(stage: &Stage) -> Result<Vec<Vec<u8>>> {
    let exchanges = stage.proxy.as_ref().context("no proxy")?.exchanges();
    let mut salts = Vec::new();
    for (asked, answer) in exchanges {
        if !matches!(asked.path.as_str(), "/v1/mailboxes" | "/v1/claims") {
            continue;
        }
        let body: Value = serde_json::from_slice(&answer.body)?;
        for name in ["offer", "server_nonce", "mailbox", "token", "nameplate"] {
            let Some(text) = body.get(name).and_then(Value::as_str) else { continue };
            let bytes = Base64UrlUnpadded::decode_vec(text).unwrap_or_else(|_| text.as_bytes().to_vec());
            if name == "offer" {
                // Its fields too: each string of 16 or 32 bytes.
                salts.push(Sha256::digest(&bytes).to_vec());
                for (head, length) in [([0x50].as_slice(), 16), ([0x58, 32].as_slice(), 32)] {
                    let at = memchr::memmem::find_iter(&bytes, head).map(|at| at + head.len());
                    salts.extend(at.filter_map(|at| Some(bytes.get(at..at + length)?.to_vec())));
                }
            }
            // Argon2 takes no shorter salt.
            if bytes.len() >= 8 {
                salts.push(bytes);
            }
        }
    }
    salts.sort();
    salts.dedup();
    Ok(salts)
}

#[tokio::test]
async fn t013_no_function_of_the_code_leaves_the_ends() -> Result<()> {
    let stage = Stage::behind(Arc::new(Honest)).await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open("first").await?;
    look.lending.end().await?;
    stage.browser.reason().await?;

    let salts = visible(&stage)?;
    anyhow::ensure!(salts.len() >= 6, "{} salts", salts.len());
    let functions = functions(&look.lending.code, &salts)?;
    let found = |all: &[u8]| -> Vec<String> {
        functions.iter().filter(|(_, bytes)| occurrences(all, bytes) > 0).map(|(name, _)| name.clone()).collect()
    };
    let nameplate: String = look.lending.code.chars().filter(char::is_ascii_digit).take(3).collect();
    let left = left_the_ends(&stage)?;
    assert_eq!(found(&left), Vec::<String>::new());
    assert!(occurrences(&left, format!("\"{nameplate}\"").as_bytes()) > 0, "control: the nameplate is sent, and found");

    // Control: requests that carry one, each in another way.
    let digits: String = look.lending.code.chars().filter(char::is_ascii_digit).collect();
    let secret = digits.get(3..9).context("a secret")?.as_bytes();
    let salt = salts.first().context("a salt")?;
    let planted = [
        digits.clone().into_bytes(),
        Sha256::digest(secret).to_vec(),
        Base64UrlUnpadded::encode_string(&mac(salt, secret)?).into_bytes(),
        stretched(secret, salt)?.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
    ];
    for (body, name) in planted.into_iter().zip([
        "code",
        "SHA-256 of secret",
        "HMAC of secret and salt 0 in base64url",
        "Argon2id of secret and salt 0 in hex",
    ]) {
        reqwest::Client::new().post(format!("{}/planted", stage.url())).body(body).send().await?;
        assert!(found(&left_the_ends(&stage)?).iter().any(|found| found == name), "control: {name}");
    }
    Ok(())
}
