//! An organisation and its agents, who sign what their browsers would.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::SigningKey;
use glimpse_server::test_server::TestServer;
use glimpse_server::{Clock, ManualClock, Settings};
use glimpse_wire::account::{KEM_KEY_LEN, Signed};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::organisation::{
    AgentSignIn, Credential, Invitation, OrganisationCard, OrganisationRequest, Revocations, RevokedAgent, Role,
};
use glimpse_wire::pairing::{Purpose, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::*;
use p256::ecdsa::signature::Signer as _;
use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};
use std::sync::Arc;

use crate::actors::*;

pub(crate) const HOUR: u64 = 60 * 60 * 1000;
pub(crate) const UP_AND_UV: u8 = 5;

/// An organisation.
pub(crate) struct House {
    pub(crate) http: Http,
    pub(crate) key: SigningKey,
    audit: Vec<u8>,
}

/// An agent and the browser that is to be, or was, enrolled.
#[derive(Clone)]
pub(crate) struct Clerk {
    pub(crate) http: Http,
    pub(crate) house: SigningKeyBytes,
    pub(crate) id: AgentId,
    pub(crate) key: SigningKey,
    pub(crate) passkey: Option<p256::ecdsa::SigningKey>,
    /// What the link derives for the server.
    pub(crate) link: Hash,
}

/// A server with a clock that lets so many organisations in, each of them registered.
pub(crate) async fn houses(
    count: usize,
    change: impl FnOnce(&mut Settings),
) -> (TestServer, Arc<ManualClock>, Vec<House>) {
    let clock = Arc::new(ManualClock::at_wall());
    let keys: Vec<SigningKey> = (0..count).map(|_| SigningKey::from_bytes(&random())).collect();
    let listed = keys.iter().map(public).collect();
    let server = TestServer::start_with(clock.clone(), |settings| {
        settings.organisations = listed;
        change(settings);
    })
    .await;
    let houses: Vec<House> = keys.into_iter().map(|key| House::of(&server, key)).collect();
    for house in &houses {
        house.register(house.card(clock.now())).await.ok();
    }
    (server, clock, houses)
}

impl House {
    pub(crate) fn of(server: &TestServer, key: SigningKey) -> Self {
        Self { http: Http::to(server), key, audit: noise(KEM_KEY_LEN as u64) }
    }

    /// One that no server knows.
    pub(crate) fn unlisted(http: Http) -> Self {
        Self { http, key: SigningKey::from_bytes(&random()), audit: noise(KEM_KEY_LEN as u64) }
    }

    pub(crate) fn public(&self) -> SigningKeyBytes {
        public(&self.key)
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.public())
    }

    pub(crate) fn card(&self, at: UnixMillis) -> OrganisationCard {
        OrganisationCard {
            suite: SUITE,
            key: self.public(),
            name: "Northern Bank".to_owned(),
            server: self.http.url.clone(),
            audit: preimage::audit_key_hash(&self.audit),
            at,
        }
    }

    pub(crate) async fn register(&self, card: OrganisationCard) -> Said {
        self.put(sign(&self.key, StatementKind::OrganisationCard, &card)).await
    }

    pub(crate) async fn put(&self, card: Signed) -> Said {
        let body = RegisterOrganisation { card: card.into(), audit_key: Bytes(self.audit.clone()) };
        self.http.json(Method::PUT, &self.path(""), &body).await
    }

    pub(crate) fn clerk(&self) -> Clerk {
        let passkey = Some(p256::ecdsa::SigningKey::from_slice(&random::<32>()).expect("a key"));
        let http = Http { token: None, ..self.http.clone() };
        let (id, key) = (AgentId(random()), SigningKey::from_bytes(&random()));
        Clerk { http, house: self.public(), id, key, passkey, link: Hash(random()) }
    }

    pub(crate) fn invitation(&self, clerk: &Clerk, expires: UnixMillis) -> Invitation {
        let token = Hash(Sha256::digest(clerk.link.0).into());
        Invitation { suite: SUITE, organisation: self.public(), agent: clerk.id, token, expires }
    }

    pub(crate) async fn invite(&self, invitation: &Invitation) -> Said {
        let body: SignedJson = sign(&self.key, StatementKind::AgentInvitation, invitation).into();
        self.http.post(&self.path("/invitations"), &body).await
    }

    pub(crate) fn credential(&self, clerk: &Clerk, role: Role, from: UnixMillis) -> Credential {
        Credential {
            suite: SUITE,
            organisation: self.public(),
            agent: clerk.id,
            name: "Jo".to_owned(),
            key: public(&clerk.key),
            role,
            not_before: from,
            not_after: from.plus(12 * HOUR),
        }
    }

    pub(crate) async fn vouch(&self, credential: &Credential) -> Said {
        let body: SignedJson = sign(&self.key, StatementKind::Credential, credential).into();
        self.http.json(Method::PUT, &self.path("/credentials"), &body).await
    }

    pub(crate) async fn revoke(&self, seq: u64, agents: &[(AgentId, UnixMillis)]) -> Said {
        let body: SignedJson = sign(&self.key, StatementKind::Revocations, &self.revocations(seq, agents)).into();
        self.http.json(Method::PUT, &self.path("/revocations"), &body).await
    }

    pub(crate) fn revocations(&self, seq: u64, agents: &[(AgentId, UnixMillis)]) -> Revocations {
        let mut agents: Vec<_> = agents.iter().map(|(agent, at)| RevokedAgent { agent: *agent, at: *at }).collect();
        agents.sort_by_key(|revoked| revoked.agent);
        Revocations { suite: SUITE, organisation: self.public(), seq, at: UnixMillis(1), agents }
    }

    /// A question, as this organisation signs it; `edit` may spoil what is signed.
    pub(crate) async fn ask(&self, path: &str, at: UnixMillis, edit: impl FnOnce(&mut OrganisationRequest)) -> Said {
        let path = self.path(path);
        let (organisation, origin) = (self.public(), self.http.url.clone());
        let mut request = OrganisationRequest { suite: SUITE, organisation, origin, path: path.clone(), at };
        edit(&mut request);
        let body: SignedJson = sign(&self.key, StatementKind::OrganisationRequest, &request).into();
        self.http.post(&path, &body).await
    }

    /// An agent who is enrolled, vouched for and signed in.
    pub(crate) async fn hire(&self, role: Role, now: UnixMillis) -> Clerk {
        let mut clerk = self.recruit(now).await;
        self.vouch(&self.credential(&clerk, role, now)).await.ok();
        clerk.sign_in().await;
        clerk
    }

    /// An agent who is enrolled, and waits.
    pub(crate) async fn recruit(&self, now: UnixMillis) -> Clerk {
        let clerk = self.clerk();
        self.invite(&self.invitation(&clerk, now.plus(HOUR))).await.ok();
        clerk.enrol(&clerk.enrolment()).await.ok();
        clerk
    }
}

impl Clerk {
    pub(crate) fn enrolment(&self) -> Enrol {
        let passkey = self.passkey.as_ref().map(|key| Passkey { id: Bytes(vec![1; 16]), key: Bytes(spki(key)) });
        Enrol { agent: self.id, token: self.link, key: public(&self.key), passkey, proof: Hash([3; 32]) }
    }

    pub(crate) async fn enrol(&self, body: &Enrol) -> Said {
        self.http.post(&format!("/v1/organisations/{}/enrolments", self.house), body).await
    }

    pub(crate) async fn challenge(&self) -> AgentChallenge {
        let ask = AgentChallengeRequest { organisation: self.house, agent: self.id };
        self.http.post("/v1/agents/challenge", &ask).await.json()
    }

    pub(crate) fn statement(&self, challenge: Hash) -> AgentSignIn {
        let (organisation, agent, origin) = (self.house, self.id, self.http.url.clone());
        AgentSignIn { suite: SUITE, organisation, agent, origin, challenge }
    }

    /// What the browser signs, and what the passkey says to it at the origin where the server is.
    pub(crate) fn answer(&self, statement: &AgentSignIn) -> SignInAgent {
        let client = client_data(&statement.challenge, &self.http.url);
        let assertion = self.passkey.as_ref().map(|key| assertion(key, "127.0.0.1", UP_AND_UV, client));
        SignInAgent { signed: sign(&self.key, StatementKind::AgentSignIn, statement).into(), assertion, provider: None }
    }

    pub(crate) async fn send(&self, answer: &SignInAgent) -> Said {
        self.http.post("/v1/agents/sign-in", answer).await
    }

    pub(crate) async fn try_sign_in(&self) -> Said {
        let challenge = self.challenge().await.challenge;
        self.send(&self.answer(&self.statement(challenge))).await
    }

    pub(crate) async fn sign_in(&mut self) -> AgentToken {
        let token: AgentToken = self.try_sign_in().await.json();
        self.http.token = Some(token.token);
        token
    }

    pub(crate) async fn claim(&self, mailbox: &Mailbox) -> Said {
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::Agent };
        self.http.post("/v1/claims", &claim).await
    }
}

pub(crate) fn client_data(challenge: &Hash, origin: &str) -> Vec<u8> {
    format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#).into()
}

pub(crate) fn assertion(key: &p256::ecdsa::SigningKey, rp: &str, flags: u8, client: Vec<u8>) -> Assertion {
    let data = [Sha256::digest(rp).as_slice(), &[flags, 0, 0, 0, 0]].concat();
    let signature: p256::ecdsa::Signature = key.sign(&[data.as_slice(), Sha256::digest(&client).as_slice()].concat());
    Assertion {
        authenticator_data: Bytes(data),
        client_data: Bytes(client),
        signature: Bytes(signature.to_der().as_bytes().to_vec()),
    }
}

/// RFC 5480: id-ecPublicKey on prime256v1, and the point.
fn spki(key: &p256::ecdsa::SigningKey) -> Vec<u8> {
    let front = Base64UrlUnpadded::decode_vec("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").expect("base64url");
    [front.as_slice(), &key.verifying_key().to_sec1_point(false).as_bytes()[1..]].concat()
}

impl Phone {
    /// A code for an agent.
    pub(crate) async fn show_code_to_agents(&self) -> Mailbox {
        let mailbox: Mailbox =
            self.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::Agent }).await.json();
        self.put_offer_for(Purpose::Agent, &mailbox).await.ok();
        mailbox
    }

    /// A session that `mailbox` was claimed for, not yet registered.
    pub(crate) async fn visit_of(&self, mailbox: Mailbox, claimed: Claimed, units: Vec<TermsUnit>) -> Visit {
        self.visit_in(mailbox, &claimed, units, |terms| {
            (terms.budget, terms.rate, terms.asked) = (10_000, 10_000, Hash([7; 32]));
        })
        .await
    }

    pub(crate) async fn register(&self, visit: &Visit) -> Said {
        self.http.bytes(Method::POST, "/v1/sessions", self.submission(visit, &visit.terms)).await
    }

    /// A session with an agent, with one unit that is ready.
    pub(crate) async fn lend_to(&self, clerk: &Clerk) -> (Visit, UnitId) {
        let mailbox = self.show_code_to_agents().await;
        let claimed: Claimed = clerk.claim(&mailbox).await.json();
        let (id, listed) = unit();
        let visit = self.visit_of(mailbox, claimed, vec![listed]).await;
        assert_eq!(self.register(&visit).await.status, StatusCode::CREATED);
        self.seal_unit(&visit, id, 10).await;
        (visit, id)
    }
}
