//! An organisation, its agent, a customer with two devices and a server, as they write a line, and as one who forges does.

use ed25519_dalek::{Signer as _, SigningKey};
use glimpse_device::ledger::{Line, VERSION};
use glimpse_wire::account::{
    Act, DevicePublic, Epoch, Head, KEM_KEY_LEN, Link, LinkBody, Signed, SignedLink, WrapCommitment,
};
use glimpse_wire::chain::{Chain, OLDER_SEED_LEN};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::organisation::{Asked, Credential, Outcome, Presented, Role, Settlement};
use glimpse_wire::pairing::{Introduction, Terms, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Countersignature, Destroyed, End, Event, OpenRequest, Receipt, Side};
use glimpse_wire::{AgentId, DeviceId, ErrorCode, Hash, SUITE, SessionId, SigningKeyBytes, UnitId, UnixMillis, encode};

/// Anybody who signs.
pub(super) struct Someone(SigningKey);

impl Someone {
    pub(super) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(super) fn key(&self) -> SigningKeyBytes {
        SigningKeyBytes(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, preimage: &[u8]) -> SignatureBytes {
        SignatureBytes(self.0.sign(preimage).to_bytes())
    }

    pub(super) fn state<T: minicbor::Encode<()>>(&self, kind: StatementKind, statement: &T) -> Signed {
        Signed { statement: Bytes(encode(statement)), signature: self.sign(&Signed::preimage(kind, statement)) }
    }

    pub(super) fn device(&self) -> DevicePublic {
        DevicePublic { signing: self.key(), kem: Bytes(vec![self.key().0[0]; KEM_KEY_LEN]), serial: Bytes(Vec::new()) }
    }

    pub(super) fn id(&self) -> DeviceId {
        self.device().id()
    }

    pub(super) fn link(&self, place: Head, body: LinkBody) -> SignedLink {
        let link = encode(&Link { suite: SUITE, seq: place.seq, previous: place.hash, body, signer: self.id() });
        let signature = self.sign(&preimage::link_signature(&link));
        SignedLink { link: Bytes(link), signature }
    }
}

pub(super) fn epoch(number: u32, mut whom: Vec<DeviceId>) -> Epoch {
    whom.sort_unstable();
    Epoch {
        number,
        account_key: Bytes(vec![u8::try_from(number).unwrap(); KEM_KEY_LEN]),
        wraps: whom.into_iter().map(|device| WrapCommitment { device, hash: Hash([9; 32]) }).collect(),
        previous_seed: Bytes(vec![8; if number == 1 { 0 } else { OLDER_SEED_LEN }]),
    }
}

/// A phone that founded the account, a watch that lends, an organisation, its agent, the agent's browser, a server.
pub(super) struct World {
    pub(super) phone: Someone,
    pub(super) watch: Someone,
    pub(super) organisation: Someone,
    pub(super) agent: Someone,
    pub(super) browser: Someone,
    pub(super) server: Someone,
    pub(super) links: Vec<SignedLink>,
    pub(super) chain: Chain,
}

pub(super) const AGENT: AgentId = AgentId([6; 16]);
pub(super) const UNIT: UnitId = UnitId([7; 16]);
pub(super) const TRANSCRIPT: Hash = Hash([5; 32]);
pub(super) const BEGAN: u64 = 1_000_000;

impl World {
    pub(super) fn new() -> Self {
        let [phone, watch, organisation, agent, browser, server] = [1, 2, 3, 4, 5, 6].map(Someone::new);
        let body = LinkBody::Genesis {
            random: Hash([1; 32]),
            device: phone.device(),
            epoch: epoch(1, vec![phone.id()]),
            recovery: Vec::new(),
        };
        let links = vec![phone.link(Head { seq: 0, hash: Hash::ZERO }, body)];
        let chain = Chain::begin(&links[0]).unwrap();
        let mut world = Self { phone, watch, organisation, agent, browser, server, links, chain };
        let (place, transcript) = (world.chain.next_place(), Hash([77; 32]));
        let device = world.watch.device();
        let signed =
            preimage::reverse_signature(&world.chain.account(), &place, &device, &world.phone.id(), &transcript);
        let reverse = world.watch.sign(&signed);
        world.act(Act::Add { device, transcript, reverse, at: UnixMillis(1), held: 0 });
        world
    }

    pub(super) fn act(&mut self, act: Act) {
        let link = self.phone.link(self.chain.next_place(), LinkBody::Act { act, second: Vec::new() });
        self.chain.push(&link).unwrap();
        self.links.push(link);
    }

    /// The phone takes the watch out.
    pub(super) fn revoke(&mut self) {
        self.act(Act::Revoke { devices: vec![self.watch.id()], epoch: epoch(2, vec![self.phone.id()]) });
    }

    pub(super) fn session() -> SessionId {
        preimage::session_id(&TRANSCRIPT)
    }

    pub(super) fn asked(&self) -> Asked {
        self.asked_by(1, 3_600_000)
    }

    /// By a credential of this life.
    pub(super) fn asked_by(&self, not_before: u64, not_after: u64) -> Asked {
        let credential = self.organisation.state(
            StatementKind::Credential,
            &Credential {
                suite: SUITE,
                organisation: self.organisation.key(),
                agent: AGENT,
                name: "Ada".to_owned(),
                key: self.agent.key(),
                role: Role::Agent,
                not_before: UnixMillis(not_before),
                not_after: UnixMillis(not_after),
            },
        );
        let (case, reason, viewer) = ("4711", "to check a letter", self.browser.key());
        let presented = preimage::presentation(&TRANSCRIPT, &viewer, credential.statement.as_slice(), case, reason);
        let presented = encode(&Presented { credential, signature: self.agent.sign(&presented) });
        let said = preimage::introduction(&TRANSCRIPT, &presented, case, reason);
        let introduction = Introduction {
            credential: Bytes(presented),
            case: case.to_owned(),
            reason: reason.to_owned(),
            signature: self.browser.sign(&said),
        };
        let (first, second) = ("apple".to_owned(), "river".to_owned());
        Asked { transcript: TRANSCRIPT, introduction: Bytes(encode(&introduction)), first, second }
    }

    /// From the grant, under this head of the chain, to the countersignature.
    pub(super) fn events(&self, head: Head) -> Vec<Event> {
        self.events_of(head, self.asked().commitment())
    }

    /// The same, where this was asked.
    pub(super) fn events_of(&self, head: Head, asked: Hash) -> Vec<Event> {
        let terms = Terms {
            suite: SUITE,
            session: Self::session(),
            account: self.chain.account(),
            viewer: self.browser.key(),
            units: vec![TermsUnit::Sealed { unit: UNIT }],
            rights: 1,
            budget: 4,
            rate: 30,
            issued: UnixMillis(BEGAN),
            expires: UnixMillis(BEGAN + 600_000),
            head,
            seq: 1,
            asked,
            withheld: 0,
        };
        let terms = encode(&terms);
        let signed = preimage::grant_signature(&TRANSCRIPT, &Hash([2; 32]), &terms, &Hash([3; 32]));
        let mut events = vec![Event::Granted {
            terms: Bytes(terms),
            transcript: TRANSCRIPT,
            kem: Hash([2; 32]),
            sealed: Hash([3; 32]),
            signature: self.watch.sign(&signed),
        }];
        let (session, suite) = (Self::session(), SUITE);
        let request =
            OpenRequest { suite, session, unit: UNIT, from: 0, to: 1, counter: 1, last_receipt: head_of(&events) };
        let Signed { statement, signature } = self.browser.state(StatementKind::Open, &request);
        events.push(Event::Opened { request: statement, signature });
        let end = End { suite, session, side: Side::Viewer, last_receipt: head_of(&events), at: UnixMillis(BEGAN) };
        let Signed { statement, signature } = self.browser.state(StatementKind::End, &end);
        events.push(Event::Ended { code: ErrorCode::SessionEnded, statement, signature });
        events.push(self.destroyed(&self.server, &events));
        let word = Countersignature { suite, session, head: head_of(&events), seq: 3 };
        let signature = self.watch.state(StatementKind::Countersign, &word).signature;
        events.push(Event::Countersigned { head: word.head, signature });
        events
    }

    pub(super) fn destroyed(&self, server: &Someone, events: &[Event]) -> Event {
        let at = UnixMillis(BEGAN + u64::try_from(events.len()).unwrap());
        let (session, head) = (Self::session(), head_of(events));
        let word = Destroyed { suite: SUITE, server: server.key(), session, head, at, units: 1 };
        let Signed { statement, signature } = server.state(StatementKind::Destroyed, &word);
        Event::Deleted { statement, signature }
    }

    pub(super) fn outcome(&self, by: &Someone) -> Signed {
        let outcome = Outcome {
            suite: SUITE,
            session: Self::session(),
            organisation: self.organisation.key(),
            agent: AGENT,
            result: Settlement::Settled,
            text: "settled at once".to_owned(),
            at: UnixMillis(BEGAN),
        };
        by.state(StatementKind::Outcome, &outcome)
    }

    pub(super) fn line(&self, events: &[Event]) -> Line {
        Line {
            version: VERSION,
            organisation: self.organisation.key(),
            session: Self::session(),
            agent: AGENT,
            issued: UnixMillis(BEGAN),
            expires: UnixMillis(BEGAN + 600_000),
            ended: Some("session-ended".to_owned()),
            account: Some(self.chain.account()),
            server: Some(self.server.key()),
            chain: self.links.iter().map(|link| Bytes(encode(link))).collect(),
            receipts: linked(events),
            asked: Some(Bytes(encode(&self.asked()))),
            outcome: Some(Bytes(encode(&self.outcome(&self.agent)))),
            name: None,
            case: None,
            reason: None,
            words: None,
        }
    }

    pub(super) fn whole(&self) -> Line {
        self.line(&self.events(self.chain.head()))
    }
}

/// Links events as a server does, and as one who forges does.
pub(super) fn linked(events: &[Event]) -> Vec<Bytes> {
    let mut previous = Hash::ZERO;
    let mut receipts = Vec::new();
    for (seq, event) in (0u64..).zip(events) {
        let (session, at) = (World::session(), UnixMillis(BEGAN + seq));
        let receipt = encode(&Receipt { suite: SUITE, session, seq, previous, at, event: event.clone() });
        previous = preimage::receipt_hash(&receipt);
        receipts.push(Bytes(receipt));
    }
    receipts
}

pub(super) fn head_of(events: &[Event]) -> Hash {
    linked(events).last().map_or(Hash::ZERO, |last| preimage::receipt_hash(last.as_slice()))
}
