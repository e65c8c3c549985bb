//! Desks that many use: who goes away is signed out, who is enrolled is not replaced unasked, and what the desk signs.

use glimpse_core::Monotonic;
use glimpse_device::surroundings::Surroundings;
use glimpse_wire::api::Passkey;

use super::*;

const MINUTE: u64 = 60_000;

/// A machine whose clock a test sets on; whoever sleeps wakes when it is time by that.
pub(super) struct Moved {
    real: Machine,
    on: Cell<u64>,
    moved: Notify,
}

impl Moved {
    pub(super) fn new() -> Self {
        Self { real: Machine::new(), on: Cell::new(0), moved: Notify::new() }
    }

    fn on(&self, millis: u64) {
        self.on.update(|on| on.saturating_add(millis));
        self.moved.notify_waiters();
    }
}

impl Surroundings for Moved {
    fn now(&self) -> UnixMillis {
        self.real.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.real.monotonic().plus(self.on.get())
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        let until = self.monotonic().plus(millis);
        Box::pin(async move {
            while self.monotonic().until(until) > 0 {
                let left = Duration::from_millis(self.monotonic().until(until));
                let _either = tokio::time::timeout(left, self.moved.notified()).await;
            }
        })
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.real.fill_random(bytes);
    }
}

impl World {
    /// Lets what waits for the clock go on, and says where the agent is after it.
    async fn stage_after(&self, millis: u64) -> String {
        self.machine.on(millis);
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        self.seen.shown.borrow().last().map(|shown| shown["agent"]["stage"].as_str().unwrap().to_owned()).unwrap()
    }

    fn signed_out_at_the_server(&self) -> bool {
        self.seen.asked.borrow().iter().any(|(path, _)| path == "/v1/agent")
    }
}

#[tokio::test]
async fn t066_a_desk_that_nobody_touches_is_signed_out_after_a_quarter_of_an_hour() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        assert_eq!(world.stage_after(14 * MINUTE).await, "ready", "control: not before");
        world.does(json!({ "type": "present" }));
        assert_eq!(world.stage_after(14 * MINUTE).await, "ready", "control: whoever is there stays signed in");
        assert!(!world.signed_out_at_the_server());
        assert_eq!(world.stage_after(2 * MINUTE).await, "signed-out");
        let shown = world.until("it is said", |shown| shown["agent"]["problem"] == "agent.idle").await;
        assert_eq!((&shown["agent"]["name"], &shown["agent"]["case"]), (&json!(""), &json!("")));
        let told = async {
            while !world.signed_out_at_the_server() {
                world.seen.news.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("the token goes at the server, too");

        // Again, with the code field open: the viewer goes as well. And once more from the ledger's place, by the next act.
        world.does(json!({ "type": "sign-in" }));
        world.stage("ready").await;
        world.does(json!({ "type": "look", "case": "4711", "reason": "why" }));
        let ends = world.seen.ends.get();
        assert_eq!(world.stage_after(16 * MINUTE).await, "signed-out");
        assert!(world.seen.ends.get() > ends);
    })
    .await;
}

#[tokio::test]
async fn t066_a_timer_that_was_frozen_does_not_keep_anybody_signed_in_nor_does_a_session_count() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        // The clock goes on, and no timer fires.
        world.machine.on.update(|on| on + 16 * MINUTE);
        world.does(json!({ "type": "look", "case": "4711", "reason": "why" }));
        assert_eq!(world.stage("signed-out").await["agent"]["problem"], "agent.idle");
        assert!(world.seen.looks.borrow().is_empty());

        world.does(json!({ "type": "sign-in" }));
        world.stage("ready").await;
        world.does(json!({ "type": "look", "case": "4711", "reason": "why" }));
        let asked = Asked {
            transcript: Hash([4; 32]),
            introduction: Bytes(vec![1]),
            first: "apple".to_owned(),
            second: "river".to_owned(),
        };
        world.portal.begun(SessionId([3; 16]), asked);
        assert_eq!(world.stage_after(20 * MINUTE).await, "looking", "a session ends by its own rules");
        world.does(json!({ "type": "over" }));
        assert_eq!(world.stage_after(14 * MINUTE).await, "looking", "it counts from the end of the session");
        assert_eq!(world.stage_after(2 * MINUTE).await, "signed-out");
    })
    .await;
}

#[tokio::test]
async fn a_link_replaces_nobody_who_is_enrolled_unless_that_is_said() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        world.does(json!({ "type": "sign-out" }));
        world.stage("signed-out").await;
        let link = world.organisation.enrolment(AgentId([8; 16]), &Salt([6; 32]));
        let invitation = Invitation {
            suite: SUITE,
            organisation: world.organisation.public(),
            agent: AgentId([8; 16]),
            token: link.token_hash(),
            expires: Machine::new().now().plus(HOUR),
        };
        world.tell(Method::Post, "/invitations", &SignedJson::from(world.organisation.invite(&invitation))).await;
        let enrolments =
            |world: &World| world.seen.asked.borrow().iter().filter(|(path, _)| path.ends_with("/enrolments")).count();
        let text = link.to_text().to_string();
        world.does(json!({ "type": "link", "text": text }));
        let shown = world.stage("invited").await;
        assert_eq!(shown["agent"]["enrolled"], json!({ "name": "Sam Okoro", "agent": AGENT.to_string() }));
        world.does(json!({ "type": "enrol", "passkey": null }));
        world.until("it is asked first", |shown| shown["agent"]["problem"] == "agent.replace.first").await;
        assert_eq!(enrolments(&world), 1, "the first one's alone");
        world.does(json!({ "type": "desk" }));
        assert_eq!(world.stage("signed-out").await["agent"]["enrolled"], Value::Null);
        world.does(json!({ "type": "link", "text": text }));
        world.stage("invited").await;
        world.does(json!({ "type": "enrol", "passkey": null, "replace": true }));
        world.stage("signed-out").await;
        assert_eq!(enrolments(&world), 2, "control: whoever says so takes the place");
    })
    .await;
}

#[tokio::test]
async fn t063_where_passkeys_are_demanded_nobody_enrols_without_one() {
    on_one_thread(async {
        for demanded in [true, false] {
            let world = World::with(demanded).await;
            world.does(json!({ "type": "link", "text": world.link }));
            assert_eq!(world.stage("invited").await["agent"]["passkeyOnly"], demanded);
            world.does(json!({ "type": "enrol", "passkey": null }));
            if demanded {
                world.until("refused", |shown| shown["agent"]["problem"] == "agent.passkey.demanded").await;
                // The server refuses it as well, whatever the page says.
                let link = world.organisation.enrolment(AGENT, &Salt([5; 32]));
                let enrol = |passkey: Option<Passkey>| {
                    let of = passkey.as_ref().map(|passkey| passkey.key.0.clone()).unwrap_or_default();
                    let (token, proof) = (link.token(), link.prove(&world.key, &of));
                    glimpse_wire::api::Enrol { agent: AGENT, token, key: world.key, passkey, proof }
                };
                let path = format!("/v1/organisations/{}/enrolments", world.organisation.public());
                let network = Network::new(&world.server.url()).unwrap();
                let request = with_json(Method::Post, path, &enrol(None));
                assert_eq!(network.request(request).await.unwrap().status, 401);
            } else {
                world.stage("signed-out").await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn t062_the_desk_signs_for_a_viewer_what_it_presents_and_nothing_else() {
    on_one_thread(async {
        let world = World::hired(Role::Agent).await;
        let (transcript, viewer) = (Hash([4; 32]), SigningKeyBytes([6; 32]));
        let presents = |case: &str| {
            let state = world.portal.0.state.borrow();
            let credential = state.credential.as_ref().unwrap().0.statement.0.clone();
            presentation(&transcript, &viewer, &credential, case, "why")
        };
        assert!(world.portal.sign(presents("4711")).await.is_none(), "nothing is looked at");
        world.does(json!({ "type": "look", "case": "4711", "reason": "why" }));
        assert!(world.portal.sign(presents("4711")).await.is_some(), "control");
        assert!(world.portal.sign(presents("4712")).await.is_none(), "another case");
        let mut other = presents("4711");
        other[8] ^= 1;
        for bytes in [other, presents("4711")[1..].to_vec(), Vec::new(), b"glimpse/v1/agent/sign-in".to_vec()] {
            assert!(world.portal.sign(bytes).await.is_none());
        }
    })
    .await;
}
