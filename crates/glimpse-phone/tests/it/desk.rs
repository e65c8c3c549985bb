//! An organisation with an agent, whose browser the test plays, and somebody who has pinned it.

use core::cell::Cell;
use std::rc::Rc;

use glimpse_core::organisation::{AgentKey, OrganisationKeys};
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input};
use glimpse_device::api::{collect, with_json};
use glimpse_device::native::Machine;
use glimpse_device::organisations::PinCard;
use glimpse_device::receive::Receiver;
use glimpse_device::surroundings::{Surroundings, SystemRng};
use glimpse_device::transport::Method;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{
    AgentChallenge, AgentChallengeRequest, AgentToken, Enrol, RegisterOrganisation, SignInAgent, SignedJson,
};
use glimpse_wire::organisation::{AgentSignIn, Credential, Invitation, Role};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{AgentId, Hash, SUITE, Salt, UnixMillis};
use serde::Serialize;
use serde_json::{Value, json};

use crate::lending::words;
use crate::world::{Hand, World, on_one_thread};

pub(crate) const HOUR: u64 = 3_600_000;
const AGENT: AgentId = AgentId([7; 16]);
pub(crate) const REVOKED: AgentId = AgentId([8; 16]);

/// An organisation with one agent, whose browser holds a key.
pub(crate) struct Desk {
    pub(crate) organisation: OrganisationKeys,
    pub(crate) key: Rc<AgentKey>,
    token: Cell<Option<Hash>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let machine = Machine::new();
        let rng = &mut SystemRng(&machine);
        let organisation = OrganisationKeys::generate(rng);
        Self { organisation, key: Rc::new(AgentKey::generate(rng)), token: Cell::new(None) }
    }

    pub(crate) fn card(&self) -> PinCard {
        PinCard::of(self.organisation.card("City Hospital", "https://desk.example", UnixMillis(7))).unwrap()
    }

    pub(crate) fn credential(&self) -> Credential {
        let now = Machine::new().now();
        Credential {
            suite: SUITE,
            organisation: self.organisation.public(),
            agent: AGENT,
            name: "Sam Okoro".to_owned(),
            key: self.key.public(),
            role: Role::Agent,
            not_before: UnixMillis(now.0.saturating_sub(HOUR)),
            not_after: now.plus(HOUR),
        }
    }

    pub(crate) fn vouched(&self) -> Signed {
        self.organisation.vouch(&self.credential())
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.organisation.public())
    }

    /// The agent enrols and signs in; once is enough.
    pub(crate) async fn signs_in(&self, world: &World) -> Hash {
        if let Some(token) = self.token.get() {
            return token;
        }
        let (organisation, now) = (self.organisation.public(), Machine::new().now());
        let card = SignedJson::from(self.card().signed().clone());
        let audit_key = self.organisation.audit_key();
        tell(world, Method::Put, self.path(""), &RegisterOrganisation { card, audit_key }).await;
        let link = self.organisation.enrolment(AGENT, &Salt([5; 32]));
        let expires = now.plus(HOUR);
        let invitation = Invitation { suite: SUITE, organisation, agent: AGENT, token: link.token_hash(), expires };
        let invitation = SignedJson::from(self.organisation.invite(&invitation));
        tell(world, Method::Post, self.path("/invitations"), &invitation).await;
        let (key, proof) = (self.key.public(), link.prove(&self.key.public(), &[]));
        let enrol = Enrol { agent: AGENT, token: link.token(), key, passkey: None, proof };
        tell(world, Method::Post, self.path("/enrolments"), &enrol).await;
        tell(world, Method::Put, self.path("/credentials"), &SignedJson::from(self.vouched())).await;
        let ask = AgentChallengeRequest { organisation, agent: AGENT };
        let answer = tell(world, Method::Post, "/v1/agents/challenge".to_owned(), &ask).await;
        let AgentChallenge { challenge, .. } = serde_json::from_slice(&answer).unwrap();
        let statement = AgentSignIn { suite: SUITE, organisation, agent: AGENT, origin: world.server.url(), challenge };
        let signed = SignedJson::from(self.key.sign_in(&statement));
        let answer = SignInAgent { signed, assertion: None, provider: None };
        let answer = tell(world, Method::Post, "/v1/agents/sign-in".to_owned(), &answer).await;
        let AgentToken { token, .. } = serde_json::from_slice(&answer).unwrap();
        self.token.set(Some(token));
        token
    }
}

/// Says something to the server, which takes it.
pub(crate) async fn tell<T: Serialize>(world: &World, method: Method, path: String, body: &T) -> Vec<u8> {
    let request = with_json(method, path.clone(), body);
    let response = world.ground("agent").transport.request(request).await.unwrap();
    let status = response.status;
    let body = collect(response.body, 64 * 1024).await.unwrap();
    assert!((200..300).contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&body));
    body
}

/// A server that lets these organisations in.
pub(crate) async fn world_of(desks: &[&Desk]) -> World {
    let organisations = desks.iter().map(|desk| desk.organisation.public()).collect();
    World::start_with(|settings| settings.organisations = organisations).await
}

/// The agent's browser, with a code typed.
pub(crate) async fn claims(world: &World, desk: &Desk, credential: Option<Signed>, code: &str) -> Receiver {
    says(world, desk, credential, ("4711", "the bill of\u{202E} March"), code).await
}

/// The same for another case and reason. The one place where these tests claim a mailbox: the agent is signed in at the server,
/// whatever it presents to the device.
pub(crate) async fn says(
    world: &World,
    desk: &Desk,
    credential: Option<Signed>,
    (case, reason): (&str, &str),
    code: &str,
) -> Receiver {
    let bearer = Some(desk.signs_in(world).await);
    let ground = world.ground("agent");
    let claims =
        Claims { origin: "https://desk.example\u{202E}".into(), build: "b".into(), program: "a portal".into() };
    let asking = Asking { credential, case: case.into(), reason: reason.into() };
    let config = Config { claims, purpose: Purpose::Agent, asking, bearer };
    let mut browser = Receiver::new(ground.transport, ground.machine, config).with_agent(Rc::clone(&desk.key));
    browser.input(Input::Code(code.to_owned())).await;
    browser
}

/// The person pins the organisation by its card, as the screen for it does.
pub(crate) async fn pins(hand: &Hand, desk: &Desk) {
    hand.goes("organisations");
    hand.does(json!({ "type": "organisations", "act": "read", "text": desk.card().to_string() }));
    hand.until(|shown| !shown["organisations"]["card"].is_null()).await;
    hand.does(json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }));
    hand.until(|shown| shown["agents"] == "some" && shown["busy"].is_null()).await;
}

/// Somebody with one record who has pinned an organisation, at a server that lets its agents in.
pub(crate) struct Customer {
    pub(crate) world: World,
    pub(crate) desk: Desk,
    pub(crate) hand: Hand,
    /// A letter.
    pub(crate) record: String,
}

/// Tells a story that begins there. These organisations are let in as well.
pub(crate) async fn pinned(others: &[&Desk], story: impl AsyncFnOnce(&Customer)) {
    let desk = Desk::new();
    let let_in: Vec<&Desk> = [&desk].into_iter().chain(others.iter().copied()).collect();
    let world = world_of(&let_in).await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        story(&Customer::of(world, desk, hand).await).await;
    })
    .await;
}

impl Customer {
    pub(crate) async fn of(world: World, desk: Desk, hand: Hand) -> Self {
        let record = hand.adds("Letter", b"Dear reader").await;
        pins(&hand, &desk).await;
        Self { world, desk, hand, record }
    }

    /// Wants a code for an agent, and gets it.
    pub(crate) async fn code(&self) -> String {
        code(&self.hand, &self.record).await
    }

    /// Shows a code, which an agent types, and is asked.
    pub(crate) async fn asked(&self) -> (Receiver, Value) {
        let code = self.code().await;
        self.asked_by(&code).await
    }

    /// An agent for whom the organisation vouches types this code.
    pub(crate) async fn asked_by(&self, code: &str) -> (Receiver, Value) {
        let mut browser = claims(&self.world, &self.desk, Some(self.desk.vouched()), code).await;
        let theirs = words(&mut browser).await.unwrap();
        let shown = self.hand.until(|shown| shown["lending"]["stage"] == "asking-agent").await;
        assert_eq!(shown["lending"]["agent"]["words"], theirs, "both screens show them");
        (browser, shown)
    }
}

/// The person wants a code for an agent, and gets it.
pub(crate) async fn code(hand: &Hand, record: &str) -> String {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "lend", "to": "agent", "save": false, "minutes": 10 }));
    let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
    assert!(shown["lending"]["site"].is_null(), "an agent has the portal open, and needs no address");
    shown["lending"]["code"].as_str().unwrap().to_owned()
}
