//! Agents who sign in at their organisation's identity provider as well, one that the test stands up.
#![expect(clippy::unwrap_used, reason = "a provider that does not stand has failed the test, and says where")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{Clock, ManualClock, Provider, Settings, SettingsError};
use glimpse_wire::ErrorCode;
use glimpse_wire::api::{AgentChallenge, AgentToken, Returned, SignInAgent};
use glimpse_wire::organisation::Role;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::actors::*;
use crate::desk::*;

/// What the provider is asked, and what it answers.
struct Desk {
    issuer: String,
    key: SigningKey,
    clock: Arc<ManualClock>,
    /// By code: whom it names, for which address of the provider.
    codes: HashMap<String, (String, HashMap<String, String>)>,
    /// What is changed in every ID token.
    change: Value,
    /// Requests of the token endpoint.
    asked: Vec<(HashMap<String, String>, Option<String>)>,
    /// How often it was asked what it is.
    found: usize,
    answers: bool,
    /// Where browsers are sent to.
    away: String,
}

type Shared = Arc<Mutex<Desk>>;

async fn provider(clock: Arc<ManualClock>) -> Shared {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let desk = Desk {
        key: SigningKey::from_bytes(&random()),
        clock,
        codes: HashMap::new(),
        change: json!({}),
        asked: Vec::new(),
        found: 0,
        answers: true,
        away: format!("{issuer}/auth?tenant=7"),
        issuer,
    };
    let shared: Shared = Arc::new(Mutex::new(desk));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/jwks", get(jwks))
        .route("/token", post(token))
        .with_state(shared.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    shared
}

async fn metadata(State(desk): State<Shared>) -> Result<Json<Value>, StatusCode> {
    let mut desk = desk.lock().unwrap();
    desk.found += 1;
    if !desk.answers {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let at = |path: &str| format!("{}{path}", desk.issuer);
    Ok(Json(json!({
        "issuer": desk.issuer, "authorization_endpoint": desk.away, "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "response_types_supported": ["code"],
    })))
}

async fn jwks(State(desk): State<Shared>) -> Json<Value> {
    let desk = desk.lock().unwrap();
    let x = Base64UrlUnpadded::encode_string(desk.key.verifying_key().as_bytes());
    let id = Base64UrlUnpadded::encode_string(&desk.key.verifying_key().as_bytes()[..8]);
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig" }] }))
}

async fn token(State(desk): State<Shared>, headers: HeaderMap, body: String) -> Result<Json<Value>, StatusCode> {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut desk = desk.lock().unwrap();
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    desk.asked.push((form.clone(), authorization));
    let (subject, asked) = desk.codes.remove(&form["code"]).ok_or(StatusCode::BAD_REQUEST)?;
    // RFC 7636 section 4.6, as a provider has it.
    let proof = Base64UrlUnpadded::encode_string(&Sha256::digest(&form["code_verifier"]));
    if form["grant_type"] != "authorization_code" || proof != asked["code_challenge"] {
        return Err(StatusCode::BAD_REQUEST);
    }
    let now = desk.clock.now().0 / 1_000;
    let mut claims = json!({
        "iss": desk.issuer, "sub": subject, "aud": asked["client_id"], "nonce": asked["nonce"],
        "exp": now + 300, "iat": now, "auth_time": now,
    });
    for (name, value) in desk.change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let id = Base64UrlUnpadded::encode_string(&desk.key.verifying_key().as_bytes()[..8]);
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": id })), part(&claims));
    let signature = Base64UrlUnpadded::encode_string(&desk.key.sign(message.as_bytes()).to_bytes());
    Ok(Json(json!({ "token_type": "Bearer", "access_token": "x", "id_token": format!("{message}.{signature}") })))
}

/// Somebody signs in there, in a browser that was sent to `address`: the code with which it returns.
fn signs_in(desk: &Shared, who: &str, address: &str) -> String {
    let query = url::Url::parse(address).unwrap();
    let asked: HashMap<String, String> = query.query_pairs().into_owned().collect();
    let code = Base64UrlUnpadded::encode_string(&random::<16>());
    desk.lock().unwrap().codes.insert(code.clone(), (who.to_owned(), asked));
    code
}

struct Bank {
    server: TestServer,
    clock: Arc<ManualClock>,
    desk: Shared,
    clerk: Clerk,
    _folder: ScratchFolder,
}

/// An organisation with a provider, and an agent who has enrolled without a passkey and is vouched for.
async fn bank() -> Bank {
    let clock = Arc::new(ManualClock::at_wall());
    let desk = provider(clock.clone()).await;
    let folder = ScratchFolder::new().unwrap();
    let secret = folder.path().join("secret");
    write_secret(&secret, "pa ss\n");
    let issuer = desk.lock().unwrap().issuer.clone();
    let key = SigningKey::from_bytes(&random());
    let listed = public(&key);
    let server = TestServer::start_with(clock.clone(), |settings| {
        settings.organisations = vec![listed];
        let provider = Provider { issuer, client_id: "gl:impse".to_owned(), client_secret_file: Some(secret) };
        settings.providers.insert(listed, provider);
    })
    .await;
    let house = House::of(&server, key);
    house.register(house.card(clock.now())).await.ok();
    let mut clerk = Clerk { passkey: None, ..house.clerk() };
    clerk.http.token = None;
    house.invite(&house.invitation(&clerk, clock.now().plus(HOUR))).await.ok();
    clerk.enrol(&clerk.enrolment()).await.ok();
    house.vouch(&house.credential(&clerk, Role::Agent, clock.now())).await.ok();
    Bank { server, clock, desk, clerk, _folder: folder }
}

fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A code that came back to the portal.
fn back(code: String) -> Returned {
    Returned { code, back: "/agent".to_owned() }
}

impl Bank {
    fn answer(&self, challenge: &AgentChallenge, code: Option<String>) -> SignInAgent {
        SignInAgent { provider: code.map(back), ..self.clerk.answer(&self.clerk.statement(challenge.challenge)) }
    }

    /// A whole sign-in, of whoever sits at the agent's browser.
    async fn sign_in(&self, who: &str) -> Said {
        let challenge = self.clerk.challenge().await;
        let code = signs_in(&self.desk, who, challenge.provider.as_deref().expect("a provider"));
        self.clerk.send(&self.answer(&challenge, Some(code))).await
    }
}

#[tokio::test]
async fn an_agent_signs_in_at_the_provider_with_the_key_of_the_browser() {
    let bank = bank().await;
    let challenge = bank.clerk.challenge().await;
    let address = challenge.provider.clone().expect("a provider");
    let asked: HashMap<String, String> = url::Url::parse(&address).unwrap().query_pairs().into_owned().collect();
    for (name, value) in [
        ("tenant", "7"),
        ("response_type", "code"),
        ("client_id", "gl:impse"),
        ("scope", "openid"),
        ("state", &challenge.challenge.to_string()),
        ("nonce", &challenge.challenge.to_string()),
        ("code_challenge_method", "S256"),
        ("prompt", "login"),
        ("max_age", "300"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!asked.contains_key("redirect_uri"), "the page's to say");

    let code = signs_in(&bank.desk, "jo", &address);
    let token: AgentToken = bank.clerk.send(&bank.answer(&challenge, Some(code.clone()))).await.json();
    assert!(token.credential.is_some());
    let (form, authorization) = bank.desk.lock().unwrap().asked.pop().unwrap();
    assert_eq!(form["redirect_uri"], format!("{}/agent", bank.server.url()));
    assert_eq!((form["client_id"].as_str(), form["code"].as_str()), ("gl:impse", code.as_str()));
    assert_eq!(authorization.unwrap(), format!("Basic {}", Base64::encode_string(b"gl%3Aimpse:pa+ss")));
    assert_eq!(bank.desk.lock().unwrap().found, 1, "what it says of itself is kept");
    bank.sign_in("jo").await.ok();
    assert_eq!(bank.desk.lock().unwrap().found, 1);
}

#[tokio::test]
async fn t063_nobody_signs_in_without_the_provider_or_as_somebody_else() {
    let bank = bank().await;
    bank.sign_in("jo").await.ok();
    bank.sign_in("mallory").await.is(ErrorCode::Unauthorised);
    bank.sign_in("jo").await.ok();

    // Without a code, with one that the provider does not know, and with one that was for another sign-in.
    for code in [None, Some(String::new()), Some("made-up".to_owned()), Some("x".repeat(5_000))] {
        let challenge = bank.clerk.challenge().await;
        bank.clerk.send(&bank.answer(&challenge, code)).await.is(ErrorCode::Unauthorised);
    }
    let (first, second) = (bank.clerk.challenge().await, bank.clerk.challenge().await);
    let of_first = signs_in(&bank.desk, "jo", first.provider.as_deref().unwrap());
    bank.clerk.send(&bank.answer(&second, Some(of_first))).await.is(ErrorCode::Unauthorised);

    // A code that was used, with a challenge that was used.
    let challenge = bank.clerk.challenge().await;
    let code = signs_in(&bank.desk, "jo", challenge.provider.as_deref().unwrap());
    let answer = bank.answer(&challenge, Some(code));
    bank.clerk.send(&answer).await.ok();
    let asked = bank.desk.lock().unwrap().asked.len();
    bank.clerk.send(&answer).await.is(ErrorCode::Unauthorised);
    assert_eq!(bank.desk.lock().unwrap().asked.len(), asked, "the provider is not asked twice");

    // A code that came to the window of a console, and to pages that take none.
    for page in ["/agent/sign-in", "/device", "https://evil.example/"] {
        let challenge = bank.clerk.challenge().await;
        let code = signs_in(&bank.desk, "jo", challenge.provider.as_deref().unwrap());
        let mut answer = bank.answer(&challenge, Some(code));
        page.clone_into(&mut answer.provider.as_mut().unwrap().back);
        let asked = bank.desk.lock().unwrap().asked.len();
        if page == "/agent/sign-in" {
            bank.clerk.send(&answer).await.ok();
            let (form, _) = bank.desk.lock().unwrap().asked.pop().unwrap();
            assert_eq!(form["redirect_uri"], format!("{}/agent/sign-in", bank.server.url()));
        } else {
            bank.clerk.send(&answer).await.is(ErrorCode::Unauthorised);
            assert_eq!(bank.desk.lock().unwrap().asked.len(), asked, "the provider is not asked");
        }
    }

    // Who has the code but not the browser's key.
    let challenge = bank.clerk.challenge().await;
    let code = signs_in(&bank.desk, "jo", challenge.provider.as_deref().unwrap());
    let thief = Clerk { key: SigningKey::from_bytes(&random()), passkey: None, ..bank.clerk.clone() };
    let stolen =
        SignInAgent { provider: Some(back(code.clone())), ..thief.answer(&thief.statement(challenge.challenge)) };
    thief.send(&stolen).await.is(ErrorCode::Unauthorised);
    bank.clerk.send(&bank.answer(&challenge, Some(code))).await.ok();
}

#[tokio::test]
async fn what_a_provider_says_counts_only_as_it_should() {
    let bank = bank().await;
    let now = bank.clock.now().0 / 1_000;
    for change in [
        json!({ "iss": "https://id.example" }),
        json!({ "aud": "others" }),
        json!({ "aud": ["gl:impse", "others"] }),
        json!({ "nonce": "another" }),
        json!({ "exp": now - 3_600 }),
        json!({ "auth_time": now - 3_600 }),
        json!({ "auth_time": null }),
        json!({ "sub": "" }),
    ] {
        bank.desk.lock().unwrap().change = change;
        bank.sign_in("jo").await.is(ErrorCode::Unauthorised);
    }
    bank.desk.lock().unwrap().change = json!({});
    bank.sign_in("jo").await.ok();
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be_and_is_not_asked_by_everyone() {
    let bank = bank().await;
    bank.desk.lock().unwrap().answers = false;
    let ask = || async {
        let ask = glimpse_wire::api::AgentChallengeRequest { organisation: bank.clerk.house, agent: bank.clerk.id };
        bank.clerk.http.post("/v1/agents/challenge", &ask).await
    };
    for _ in 0..5 {
        ask().await.is(ErrorCode::Busy);
    }
    assert_eq!(bank.desk.lock().unwrap().found, 1);
}

#[tokio::test]
async fn a_provider_sends_nobody_to_an_origin_that_is_not_its_own() {
    for away in ["https://evil.example/auth", "http://127.0.0.1:1/auth", "javascript:alert(1)", ""] {
        let bank = bank().await;
        away.clone_into(&mut bank.desk.lock().unwrap().away);
        let ask = glimpse_wire::api::AgentChallengeRequest { organisation: bank.clerk.house, agent: bank.clerk.id };
        bank.clerk.http.post("/v1/agents/challenge", &ask).await.is(ErrorCode::Busy);
        assert_eq!(bank.desk.lock().unwrap().found, 1, "control: it was asked");
    }
}

#[test]
fn providers_are_https_and_of_an_organisation_that_is_let_in() {
    let key = public(&SigningKey::from_bytes(&[7; 32]));
    let with = |listed: bool, issuer: &str, client: &str| {
        let mut settings = Settings::default();
        if listed {
            settings.organisations.push(key);
        }
        let provider = Provider { issuer: issuer.to_owned(), client_id: client.to_owned(), client_secret_file: None };
        settings.providers.insert(key, provider);
        settings.check()
    };
    for fine in ["https://id.example", "https://id.example/realms/bank", "http://127.0.0.1:8080", "http://localhost:1"]
    {
        assert!(with(true, fine, "glimpse").is_ok(), "{fine}");
    }
    assert!(matches!(with(false, "https://id.example", "glimpse"), Err(SettingsError::Contradiction(_))));
    for bad in ["http://id.example", "id.example", "", "ftp://id.example", "https://a:b@id.example", "https://x/#y"] {
        assert!(with(true, bad, "glimpse").is_err(), "{bad}");
    }
    assert!(with(true, "https://id.example", "").is_err());
}
