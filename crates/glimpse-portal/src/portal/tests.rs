//! The portal on a host, against a real server: sign-in, a refused credential, an end by the other side, the outcome, and what
//! a supervisor may ask.

use core::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use glimpse_core::organisation::{AgentKey, OrganisationKeys};
use glimpse_device::native::{Machine, Network};
use glimpse_device::surroundings::SystemRng;
use glimpse_device::transport::{Body, Request, Response, Socket, Unreachable};
use glimpse_server::SystemClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::{RegisterOrganisation, SignedJson};
use glimpse_wire::organisation::{Asked, Invitation, Note, Revocations, RevokedAgent, Settlement};
use glimpse_wire::{SUITE, Salt, UnixMillis};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use super::*;
use glimpse_device::api::with_json;

mod shared;

const AGENT: AgentId = AgentId([7; 16]);
const HOUR: u64 = 3_600_000;

/// What the page was told, and what went out.
#[derive(Default)]
struct Seen {
    shown: RefCell<Vec<Value>>,
    looks: RefCell<Vec<Look>>,
    ends: Cell<u32>,
    noted: Cell<u32>,
    asked: RefCell<Vec<(String, Vec<u8>)>>,
    /// Something was drawn, or noted.
    news: Notify,
}

struct Page(Rc<Seen>);

impl Face for Page {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        self.0.shown.borrow_mut().push(serde_json::to_value(snapshot).unwrap());
        self.0.news.notify_one();
    }

    fn begin(&self, look: Look) {
        self.0.looks.borrow_mut().push(look);
    }

    fn end(&self) {
        self.0.ends.update(|ends| ends.saturating_add(1));
    }

    fn noted(&self) {
        self.0.noted.update(|noted| noted.saturating_add(1));
        self.0.news.notify_one();
    }

    fn file(&self, _: &str, _: &str) {}
}

/// A browser's key store with one key.
struct Store {
    key: Rc<AgentKey>,
    kept: RefCell<Option<Kept>>,
    aside: RefCell<Option<String>>,
}

impl Keeper for Store {
    fn find(&self) -> Local<'_, Result<Option<Kept>, NoKey>> {
        Box::pin(async move { Ok(self.kept.borrow().clone()) })
    }

    fn make(&self) -> Local<'_, Result<SigningKeyBytes, NoKey>> {
        Box::pin(async move { Ok(self.key.public()) })
    }

    fn keep(&self, kept: Kept) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move {
            *self.kept.borrow_mut() = Some(kept);
            Ok(())
        })
    }

    fn name(&self, name: String) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move {
            if let Some(kept) = &mut *self.kept.borrow_mut() {
                kept.name = name;
            }
            Ok(())
        })
    }

    fn sign(&self, bytes: Vec<u8>) -> Local<'_, Result<SignatureBytes, NoKey>> {
        Box::pin(async move { Ok(self.key.present(&bytes)) })
    }

    fn set_aside(&self, text: String) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move {
            *self.aside.borrow_mut() = Some(text);
            Ok(())
        })
    }

    fn aside(&self) -> Local<'_, Result<Option<String>, NoKey>> {
        Box::pin(async move { Ok(self.aside.borrow().clone()) })
    }

    fn drop_aside(&self) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move {
            *self.aside.borrow_mut() = None;
            Ok(())
        })
    }

    fn forget(&self) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move {
            *self.kept.borrow_mut() = None;
            Ok(())
        })
    }
}

/// A network that writes down what goes out.
struct Noting(Network, Rc<Seen>);

impl Transport for Noting {
    fn origin(&self) -> &str {
        self.0.origin()
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        let body = if let Body::Bytes(bytes) = &request.body { bytes.clone() } else { Vec::new() };
        self.1.asked.borrow_mut().push((request.path.clone(), body));
        self.1.news.notify_one();
        self.0.request(request)
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        self.0.connect(path)
    }
}

struct World {
    server: TestServer,
    machine: Rc<shared::Moved>,
    organisation: OrganisationKeys,
    portal: Portal,
    seen: Rc<Seen>,
    link: String,
    key: SigningKeyBytes,
}

impl World {
    /// An organisation that the server lets in, and a browser that has its link.
    async fn new() -> Self {
        Self::with(false).await
    }

    /// The same, at a server that may demand passkeys.
    async fn with(passkeys: bool) -> Self {
        let machine = Machine::new();
        let rng = &mut SystemRng(&machine);
        let (organisation, key) = (OrganisationKeys::generate(rng), Rc::new(AgentKey::generate(rng)));
        let listed = vec![organisation.public()];
        let clock = Arc::new(SystemClock::new());
        let server = TestServer::start_with(clock, |settings| {
            settings.organisations = listed;
            settings.agent_passkeys = passkeys;
        })
        .await;
        let seen = Rc::new(Seen::default());
        let link = organisation.enrolment(AGENT, &Salt([5; 32]));
        let invitation = Invitation {
            suite: SUITE,
            organisation: organisation.public(),
            agent: AGENT,
            token: link.token_hash(),
            expires: machine.now().plus(HOUR),
        };
        let moved = Rc::new(shared::Moved::new());
        let world = Self {
            machine: Rc::clone(&moved),
            portal: Portal::start(
                Rc::new(Noting(Network::new(&server.url()).unwrap(), Rc::clone(&seen))),
                moved,
                Box::new(Store { key: Rc::clone(&key), kept: RefCell::default(), aside: RefCell::default() }),
                Box::new(Page(Rc::clone(&seen))),
                Box::new(|task| drop(spawn_local(task))),
            ),
            link: link.to_text().to_string(),
            key: key.public(),
            server,
            organisation,
            seen,
        };
        let card = SignedJson::from(world.organisation.card("City Hospital", "https://desk.example", UnixMillis(7)));
        let audit_key = world.organisation.audit_key();
        world.tell(Method::Put, "", &RegisterOrganisation { card, audit_key }).await;
        world.tell(Method::Post, "/invitations", &SignedJson::from(world.organisation.invite(&invitation))).await;
        world
    }

    async fn tell<T: serde::Serialize>(&self, method: Method, rest: &str, body: &T) {
        let path = format!("/v1/organisations/{}{rest}", self.organisation.public());
        let network = Network::new(&self.server.url()).unwrap();
        let answer = network.request(with_json(method, path, body)).await.unwrap();
        assert!((200..300).contains(&answer.status), "{rest}: {}", answer.status);
    }

    async fn vouch(&self, role: Role, key: SigningKeyBytes, by: &OrganisationKeys) -> Signed {
        let now = Machine::new().now();
        let credential = Credential {
            suite: SUITE,
            organisation: self.organisation.public(),
            agent: AGENT,
            name: "Sam Okoro".to_owned(),
            key,
            role,
            not_before: UnixMillis(now.0.saturating_sub(HOUR)),
            not_after: now.plus(HOUR),
        };
        by.vouch(&credential)
    }

    #[expect(clippy::needless_pass_by_value, reason = "what `json!` gives at each call")]
    fn does(&self, intent: Value) {
        self.portal.intent(Intent::from_json(&intent.to_string()).unwrap());
    }

    async fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let last = self.seen.shown.borrow().last().filter(|shown| fits(shown)).cloned();
                match last {
                    Some(shown) => break shown,
                    None => self.seen.news.notified().await,
                }
            }
        };
        let shown = tokio::time::timeout(Duration::from_secs(20), looking).await;
        shown.unwrap_or_else(|_| panic!("{what}: {:?}", self.seen.shown.borrow().last()))
    }

    async fn stage(&self, stage: &str) -> Value {
        self.until(stage, |shown| shown["agent"]["stage"] == stage).await
    }

    async fn enrols(&self) {
        self.does(json!({ "type": "link", "text": self.link }));
        assert_eq!(self.stage("invited").await["agent"]["organisation"], "City Hospital");
        self.does(json!({ "type": "enrol", "passkey": null }));
        self.stage("signed-out").await;
    }

    async fn hired(role: Role) -> Self {
        let world = Self::new().await;
        world.enrols().await;
        let credential = world.vouch(role, world.key, &world.organisation).await;
        world.tell(Method::Put, "/credentials", &SignedJson::from(credential)).await;
        world.does(json!({ "type": "sign-in" }));
        world.stage("ready").await;
        world
    }
}

async fn on_one_thread<F: Future>(story: F) -> F::Output {
    LocalSet::new().run_until(story).await
}

#[tokio::test]
async fn an_agent_enrols_waits_to_be_vouched_for_signs_in_and_looks() {
    on_one_thread(async {
        let world = World::new().await;
        world.enrols().await;
        world.does(json!({ "type": "sign-in" }));
        let shown = world.stage("unvouched").await;
        assert_eq!((&shown["agent"]["name"], &shown["agent"]["supervisor"]), (&json!(""), &json!(false)));
        let credential = world.vouch(Role::Agent, world.key, &world.organisation).await;
        world.tell(Method::Put, "/credentials", &SignedJson::from(credential)).await;
        world.does(json!({ "type": "again" }));
        assert_eq!(world.stage("ready").await["agent"]["name"], "Sam Okoro");
        world.does(json!({ "type": "look", "case": "  ", "reason": "why" }));
        world.until("both are needed", |shown| shown["agent"]["problem"] == "agent.case.missing").await;
        assert!(world.seen.looks.borrow().is_empty());
        world.does(json!({ "type": "look", "case": " 4711 ", "reason": "why" }));
        let looks = world.seen.looks.borrow();
        assert_eq!((looks[0].case.as_str(), looks[0].reason.as_str()), ("4711", "why"));
    })
    .await;
}

#[tokio::test]
async fn t063_a_credential_that_was_taken_back_and_one_of_another_organisation_sign_nobody_in() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        let machine = Machine::new();
        // What the server gives out that another organisation signed counts for nothing, whatever it says.
        let other = OrganisationKeys::generate(&mut SystemRng(&machine));
        let kept =
            Kept { organisation: world.organisation.public(), agent: AGENT, key: world.key, name: String::new() };
        let token = |credential: Signed| glimpse_wire::api::AgentToken {
            token: Hash([1; 32]),
            expires: machine.now().plus(HOUR),
            credential: Some(credential.into()),
        };
        let forged = world.vouch(Role::Supervisor, world.key, &other).await;
        world.portal.signed_in(&kept, token(forged)).await;
        world.stage("unvouched").await;
        let other_key = world.vouch(Role::Supervisor, other.public(), &world.organisation).await;
        world.portal.signed_in(&kept, token(other_key)).await;
        assert_eq!(world.stage("unvouched").await["agent"]["supervisor"], false);
        let genuine = world.vouch(Role::Supervisor, world.key, &world.organisation).await;
        world.portal.signed_in(&kept, token(genuine)).await;
        assert_eq!(world.stage("ready").await["agent"]["supervisor"], true, "control");

        // Taken back: the server vouches for nobody, and signing in ends without a desk.
        world.does(json!({ "type": "sign-out" }));
        world.stage("signed-out").await;
        let agents = vec![RevokedAgent { agent: AGENT, at: machine.now().plus(1) }];
        let (organisation, at) = (world.organisation.public(), machine.now());
        let list = Revocations { suite: SUITE, organisation, seq: 1, at, agents };
        world.tell(Method::Put, "/revocations", &SignedJson::from(world.organisation.revoke(&list))).await;
        world.does(json!({ "type": "sign-in" }));
        let shown = world.until("refused", |shown| shown["agent"]["stage"] != "signing-in").await;
        assert!(shown["agent"]["stage"] != "ready" && shown["agent"]["name"] == "", "{shown}");
    })
    .await;
}

#[tokio::test]
async fn where_the_other_side_ends_the_viewer_goes_at_once_and_the_outcome_is_sealed_into_the_log() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        world.does(json!({ "type": "look", "case": "4711", "reason": "why" }));
        let session = SessionId([3; 16]);
        let asked = Asked {
            transcript: Hash([4; 32]),
            introduction: Bytes(vec![1]),
            first: "apple".to_owned(),
            second: "river".to_owned(),
        };
        world.portal.begun(session, asked.clone());
        assert_eq!(world.seen.ends.get(), 0, "control: the viewer runs");
        world.does(json!({ "type": "over" }));
        assert_eq!(world.seen.ends.get(), 1, "nothing of the look is left in the Worker");
        world.does(json!({ "type": "outcome", "result": "broken-off", "text": "hung up" }));
        let noted = async {
            while world.seen.noted.get() == 0 {
                world.seen.news.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), noted).await.unwrap();
        // The server has no such session and takes no note of it: what matters here is what was sent.
        let sent = |n: u8| {
            let path = format!("/v1/agent/sessions/{session}/notes/{n}");
            let asked = world.seen.asked.borrow();
            asked.iter().find(|(there, _)| *there == path).map(|(_, body)| body.clone()).unwrap()
        };
        assert_eq!(world.organisation.open_note(&session, &sent(0)).unwrap(), Note::Asked(asked));
        let Note::Outcome(signed) = world.organisation.open_note(&session, &sent(1)).unwrap() else { panic!() };
        let kind = glimpse_wire::preimage::StatementKind::Outcome;
        let outcome: glimpse_wire::organisation::Outcome = signed.open(kind, &world.key).unwrap();
        assert_eq!((outcome.result, outcome.text.as_str()), (Settlement::BrokenOff, "hung up"));
        assert!(!sent(1).windows(7).any(|part| part == b"hung up"), "the server reads none of it");
    })
    .await;
}

#[tokio::test]
async fn t061_the_ledger_is_asked_for_by_a_supervisor_alone() {
    on_one_thread(async {
        let asked = |world: &World| {
            let asked = world.seen.asked.borrow();
            asked.iter().filter(|(path, _)| path.starts_with("/v1/agent/sessions")).count()
        };
        let agent = World::hired(Role::Agent).await;
        for act in ["read", "more", "close", "export"] {
            agent.does(json!({ "type": "ledger", "act": act }));
        }
        agent.does(json!({ "type": "ledger", "act": "open", "session": SessionId([3; 16]).to_string() }));
        let shown = agent.stage("ready").await;
        assert!(shown["ledger"].is_null() && asked(&agent) == 0, "{shown}");

        let supervisor = World::hired(Role::Supervisor).await;
        supervisor.does(json!({ "type": "ledger", "act": "read" }));
        let shown = supervisor.until("control", |shown| shown["ledger"]["busy"] == false).await;
        assert_eq!((&shown["screen"], &shown["ledger"]["rows"], asked(&supervisor)), (&json!("ledger"), &json!([]), 1));
        supervisor.does(json!({ "type": "ledger", "act": "filter", "agent": "", "state": "running" }));
        supervisor.until("filtered", |shown| shown["ledger"]["state"] == "running").await;
        supervisor.does(json!({ "type": "desk" }));
        assert!(supervisor.stage("ready").await["ledger"].is_null());
    })
    .await;
}

#[tokio::test]
async fn t063_nobody_returns_from_a_provider_without_having_left_for_it() {
    on_one_thread(async {
        let world = World::new().await;
        let returned = json!({ "type": "returned", "state": "made-up", "code": "made-up", "back": "/agent" });
        world.does(returned.clone());
        let told = |shown: &Value| shown["agent"]["problem"] == "agent.provider.other";
        assert_eq!(world.until("a stranger", told).await["agent"]["stage"], "stranger");
        world.enrols().await;
        world.does(returned);
        assert_eq!(world.until("an agent", told).await["agent"]["stage"], "signed-out");
        assert!(!world.seen.asked.borrow().iter().any(|(path, _)| path == "/v1/agents/sign-in"), "nothing was signed");
        world.does(json!({ "type": "sign-in" }));
        world.stage("unvouched").await;
        assert!(world.seen.asked.borrow().iter().any(|(path, _)| path == "/v1/agents/sign-in"), "control");
    })
    .await;
}
