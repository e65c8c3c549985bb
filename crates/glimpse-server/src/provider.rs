//! Agents who sign in at the identity provider of their organisation (OpenID Connect Core 1.0, section 3.1), beside the key
//! that their browser was enrolled with.
//!
//! The provider says who sits there; it vouches for nobody towards a customer's device, which believes the organisation's
//! signature alone. Whom the server asks, and for what, its operator has written down:
//!
//! ```text
//! challenge ──► the agent's browser ──► provider: signs in, answers for that challenge ──► browser: a code, good once
//! code, with the signature over the challenge ──► here ──► provider: code ⇒ ID token ──► checked, and its subject compared
//! ```
//!
//! The challenge of the sign-in is *state* and *nonce*, and the verifier of PKCE (RFC 7636) is derived from it: a code of
//! another sign-in is worth nothing, and nothing is remembered while the agent types.

mod fetch;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::api::Returned;
use glimpse_wire::{ErrorCode, Hash, SigningKeyBytes, UnixMillis};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use self::fetch::Fetcher;
use self::token::Expected;
use crate::problem::Answer;
use crate::secret_file;
use crate::server::StartError;
use crate::settings::Settings;
use crate::tickets::AGENT_CHALLENGE_MILLIS;

/// Where a provider sends the agent's browser back to, on whichever origin it came from: the portal, or the window in which an agent
/// signs in for a console.
const BACK: [&str; 2] = ["/agent", "/agent/sign-in"];
/// How long what a provider says of itself is believed.
const KNOWN: Duration = Duration::from_secs(60 * 60);
/// How soon a provider is asked again that did not answer, or that signs with a key which it did not tell of.
const AGAIN: Duration = Duration::from_secs(10);
/// An authorization code, in bytes at most.
const MAX_CODE: usize = 4 * 1024;

/// The identity providers of the organisations that have one.
#[derive(Debug)]
pub(crate) struct Providers(BTreeMap<SigningKeyBytes, Provider>);

/// One of them.
pub(crate) struct Provider {
    issuer: String,
    client: String,
    secret: Option<Zeroizing<String>>,
    fetcher: Arc<Fetcher>,
    /// One request at a time finds out what all of them want to know.
    known: Mutex<Known>,
}

/// What a provider says of itself, and when it was asked last.
#[derive(Default)]
struct Known {
    says: Option<(Metadata, JwkSet)>,
    asked: Option<Instant>,
}

/// OpenID Connect Discovery 1.0, section 3, so far as it says something here.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

/// The answer of the token endpoint, so far as it says something here.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Providers {
    /// As the settings say.
    ///
    /// # Errors
    /// [`StartError`] names what an operator must mend.
    pub(crate) fn of(settings: &Settings) -> Result<Self, StartError> {
        if settings.providers.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        token::install();
        let fetcher = Arc::new(Fetcher::new(settings.provider_ca.as_deref())?);
        let provider = |(organisation, said): (&SigningKeyBytes, &crate::settings::Provider)| {
            let read = |file: &std::path::PathBuf| {
                let text =
                    secret_file::read(file, &settings.data).map_err(|_| StartError::ProviderSecret(file.clone()))?;
                Ok::<_, StartError>(Zeroizing::new(text.trim().to_owned()))
            };
            let provider = Provider {
                issuer: said.issuer.clone(),
                client: said.client_id.clone(),
                secret: said.client_secret_file.as_ref().map(read).transpose()?,
                fetcher: Arc::clone(&fetcher),
                known: Mutex::default(),
            };
            Ok((*organisation, provider))
        };
        settings.providers.iter().map(provider).collect::<Result<_, _>>().map(Self)
    }

    /// That of an organisation.
    pub(crate) fn find(&self, organisation: &SigningKeyBytes) -> Option<&Provider> {
        self.0.get(organisation)
    }
}

impl Provider {
    /// Where the agent's browser goes to answer this challenge: all of the address but `redirect_uri`, which the page adds.
    ///
    /// `verifier` is that of [`crate::tickets::Tickets::verifier`].
    ///
    /// # Errors
    /// `Busy` where the provider cannot be asked; the log says why.
    pub(crate) async fn address(&self, challenge: &Hash, verifier: &str) -> Answer<String> {
        let (metadata, _) = self.says(None).await?;
        let mut url = Url::parse(&metadata.authorization_endpoint).map_err(|_| ErrorCode::Busy)?;
        let (answered, proof) = (challenge.to_string(), Sha256::digest(verifier));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client)
            .append_pair("scope", "openid")
            .append_pair("state", &answered)
            .append_pair("nonce", &answered)
            .append_pair("code_challenge", &Base64UrlUnpadded::encode_string(&proof))
            .append_pair("code_challenge_method", "S256")
            // Desks are shared: whoever signed in at the provider before is not who sits there at present.
            .append_pair("prompt", "login")
            .append_pair("max_age", "300");
        Ok(url.into())
    }

    /// Who answered the challenge: the hash of the provider's name for them. `expires` is the challenge's end.
    ///
    /// # Errors
    /// `Unauthorised` where the provider does not say so, `Busy` where it cannot be asked; the log says why.
    pub(crate) async fn who(
        &self,
        returned: &Returned,
        challenge: &Hash,
        verifier: &str,
        origin: &str,
        expires: UnixMillis,
        now: UnixMillis,
    ) -> Answer<Hash> {
        let Returned { code, back } = returned;
        if code.is_empty() || code.len() > MAX_CODE || !BACK.contains(&back.as_str()) {
            return Err(ErrorCode::Unauthorised.into());
        }
        let (metadata, keys) = self.says(None).await?;
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &format!("{origin}{back}"))
            .append_pair("client_id", &self.client)
            .append_pair("code_verifier", verifier)
            .finish();
        let answer = self.fetcher.post(&metadata.token_endpoint, form, self.authorization()).await;
        let tokens: Tokens = answer.map_err(|fault| {
            self.warn("who brings a code", &fault);
            if matches!(fault, fetch::Fault::Refused(_)) { ErrorCode::Unauthorised } else { ErrorCode::Busy }
        })?;
        let expected = Expected {
            issuer: &self.issuer,
            client: &self.client,
            nonce: &challenge.to_string(),
            since: UnixMillis(expires.0.saturating_sub(AGENT_CHALLENGE_MILLIS)),
            now,
        };
        let subject = match token::subject(&tokens.id_token, &keys, &expected) {
            // The provider may have begun to sign with another key.
            Err(token::Bad::UnknownKey) => {
                let (_, keys) = self.says(Some(AGAIN)).await?;
                token::subject(&tokens.id_token, &keys, &expected)
            }
            checked => checked,
        };
        let subject = subject.map_err(|bad| {
            tracing::warn!(%bad, "an identity provider's ID token is not taken");
            ErrorCode::Unauthorised
        })?;
        // The issuer's own hash has one length: no two pairs are the same bytes.
        let hashed = Sha256::new().chain_update(Sha256::digest(&self.issuer)).chain_update(subject);
        Ok(Hash(hashed.finalize().into()))
    }

    /// What the provider says of itself, asked anew where that is older than `age`.
    async fn says(&self, age: Option<Duration>) -> Answer<(Metadata, JwkSet)> {
        let mut known = self.known.lock().await;
        let since = known.asked.map(|asked| asked.elapsed());
        let lasting = if known.says.is_some() { age.unwrap_or(KNOWN) } else { AGAIN };
        if since.is_none_or(|since| since >= lasting) {
            known.asked = Some(Instant::now());
            match self.discover().await {
                Ok(says) => known.says = Some(says),
                // What it said before may still be true, and a sign-in fails by itself where it is not.
                Err(fault) => self.warn("what it says of itself", &fault),
            }
            // Whoever waited for this asks no more: also where the provider took its time not to answer.
            known.asked = Some(Instant::now());
        }
        known.says.clone().ok_or_else(|| ErrorCode::Busy.into())
    }

    async fn discover(&self) -> Result<(Metadata, JwkSet), fetch::Fault> {
        let path = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata: Metadata = self.fetcher.get(&path).await?;
        if metadata.issuer != self.issuer {
            return Err(fetch::Fault::Unreadable);
        }
        let origin = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization()).ok();
        if origin(&metadata.authorization_endpoint) != origin(&self.issuer) {
            return Err(fetch::Fault::Elsewhere);
        }
        let keys = self.fetcher.get(&metadata.jwks_uri).await?;
        Ok((metadata, keys))
    }

    /// RFC 6749 section 2.3.1.
    fn authorization(&self) -> Option<Zeroizing<String>> {
        let secret = self.secret.as_ref()?;
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.client), encoded(secret)));
        Some(Zeroizing::new(format!("Basic {}", base64ct::Base64::encode_string(pair.as_bytes()))))
    }

    fn warn(&self, what: &'static str, fault: &fetch::Fault) {
        tracing::warn!(issuer = self.issuer, %fault, "an identity provider was asked for {what}");
    }
}
