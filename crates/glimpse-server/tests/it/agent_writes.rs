//! What an agent can write: nothing that its customer has not approved.

use ed25519_dalek::SigningKey;
use glimpse_server::Clock;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::organisation::Role;
use glimpse_wire::pairing::Terms;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Deletion};
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};

use crate::actors::*;
use crate::decisions::{decision, written_by};
use crate::desk::*;

/// Who tries to write: what it presents and signs with.
struct Hand<'a> {
    http: Http,
    key: &'a SigningKey,
}

impl Hand<'_> {
    /// All ways of writing to the account of `phone`, and what the server says to each.
    async fn writes(&self, phone: &Phone, before: &Version, visit: &Visit, unit: UnitId) -> Vec<(&'static str, Said)> {
        let header = phone.header(before.envelope.header.record, Some(before), 10);
        let record = ShareScope::Record { record: header.record, version: header.version, h0: header.h0() };
        let content = noise(sealed(header.size));
        let minted = self.http.post("/v1/shares", &MintRequest { shares: vec![record], head: None }).await;
        let kid = serde_json::from_slice::<Minted>(&minted.body).map_or(0, |answer| answer.shares[0].kid);
        let next = envelope(header, kid, &content, phone.head, Bytes::default(), self.key);
        let put = self.http.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content).await;
        let published = self.http.bytes(Method::POST, "/v1/records", next.to_bytes()).await;
        let salt = Salt(random());
        let share = ShareScope::Session { session: visit.session, unit, salt };
        let shared = self.http.post("/v1/shares", &MintRequest { shares: vec![share], head: None }).await;
        let sealing = visit.sealing(unit, salt, 10);
        let body = unit_body(&sealing, &noise(sealed(sealing.size)));
        let uploaded = self.http.bytes(Method::PUT, &unit_path(visit, &unit), body).await;
        let more = Terms { seq: visit.terms.seq + 1, budget: 20_000, units: Vec::new(), ..visit.terms.clone() };
        let path = format!("/v1/sessions/{}/terms", visit.session);
        let amended = self.http.bytes(Method::POST, &path, submission_by(self.key, visit, &more)).await;
        let deletion = Deletion {
            suite: SUITE,
            account: phone.account,
            record: header.record,
            version: header.version,
            h1: next.h1(),
            at: UnixMillis(2),
            head: phone.head,
        };
        let signed: SignedJson = sign(self.key, StatementKind::Deletion, &deletion).into();
        let deleted = self.http.json(Method::DELETE, &format!("/v1/records/{}", header.record), &signed).await;
        vec![
            ("a share of a record", minted),
            ("its content", put),
            ("a version", published),
            ("a share of a unit", shared),
            ("a unit", uploaded),
            ("other terms", amended),
            ("a deletion", deleted),
        ]
    }
}

#[tokio::test]
async fn t064_an_agent_writes_nothing_that_nobody_approved() {
    let (server, clock, houses) = houses(1, |_| {}).await;
    let phone = Phone::new(&server).await;
    let clerk = houses[0].hire(Role::Supervisor, clock.now()).await;
    let version = phone.add(10).await;
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = clerk.claim(&mailbox).await.json();
    let ((unit, listed), (other, also)) = (unit(), unit());
    let visit = phone.visit_of(mailbox, claimed, vec![listed, also]).await;
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED);
    phone.seal_unit(&visit, unit, 10).await;
    opened(&visit.open(unit, 1).await);
    let before = phone.list(0).await;

    // With all that an agent in a session has: its own token and that of the pairing, its own key and that of the session.
    for token in [clerk.http.token.expect("signed in"), visit.viewer_token] {
        let http = phone.http.with(token);
        for key in [&clerk.key, &visit.key] {
            let thief = Hand { http: http.clone(), key };
            for (what, said) in thief.writes(&phone, &version, &visit, other).await {
                assert_eq!(said.code(), ErrorCode::Unauthorised, "{what}");
            }
        }
    }
    assert_eq!(phone.list(0).await, before, "nothing has changed");
    opened(&visit.open(unit, 2).await);

    // As a writer, which anybody may be, it waits as anybody's: it is told apart, and is no data before the customer says so.
    let waiting = written_by(&clerk.key, &phone).await;
    let changes = phone.list(before.newest).await.changes;
    assert!(matches!(changes.as_slice(), [Change::Pending { .. }]), "{changes:?}");
    let decision = decision(&phone, &waiting);
    let path = format!("/v1/records/{}/decision", decision.record);
    let by = |key| -> SignedJson { sign(key, StatementKind::Decision, &decision).into() };
    assert_eq!(clerk.http.json(Method::PUT, &path, &by(&clerk.key)).await.code(), ErrorCode::Unauthorised);
    assert_eq!(phone.http.json(Method::PUT, &path, &by(&clerk.key)).await.code(), ErrorCode::Unauthorised);
    // Control: by the customer's device the same is done.
    phone.http.json(Method::PUT, &path, &by(&phone.key)).await.ok();
    let owner = Hand { http: phone.http.clone(), key: &phone.key };
    for (what, said) in owner.writes(&phone, &version, &visit, other).await {
        assert!(said.status.is_success(), "control: {what}: {said:?}");
    }
}
