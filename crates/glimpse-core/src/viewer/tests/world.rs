//! The viewer under test, and everything around it.

use glimpse_wire::account::Signed;
use glimpse_wire::api::Claimed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::session::{Event, OpenRequest, Opened, Receipt};
use glimpse_wire::{ErrorCode, Hash, SUITE, UnitId, UnixMillis, decode, encode};

use crate::Monotonic;
use crate::account::NewAccount;
use crate::pairing::device::{ExpectConfirmA, ExpectHello};
use crate::pairing::tests::{MAILBOX, claims, counted, ends};
use crate::pairing::viewer::Asking;
use crate::secret::ServerShare;
use crate::session::device::{Decision, LentUnit};
use crate::session::tests::{meta, version};
use crate::session::{DeviceSession, fresh_salt};
use crate::testing::rng;
use crate::viewer::{Config, Content, HttpRequest, Input, Output, Stage, State, Viewer};

pub(super) const CLAIMED_AT: UnixMillis = UnixMillis(1_700_000_000_000);
const SHARE: Hash = Hash([8; 32]);

/// The viewer under test and everything around it.
pub(super) struct World {
    pub(super) viewer: Viewer,
    pub(super) account: NewAccount,
    pub(super) now: Monotonic,
    pub(super) to_device: Vec<Vec<u8>>,
    pub(super) sent_to_viewer: u64,
    pub(super) http: Vec<HttpRequest>,
    pub(super) content: Vec<Content>,
    pub(super) ended: Option<ErrorCode>,
    pub(super) socket_opens: u32,
    pub(super) closed: u32,
    /// What the agent's key is to sign.
    pub(super) to_sign: Vec<Vec<u8>>,
}

impl World {
    pub(super) fn new(account: NewAccount) -> Self {
        Self::asking(account, Purpose::View, Asking::default())
    }

    pub(super) fn asking(account: NewAccount, purpose: Purpose, asking: Asking) -> Self {
        let config = Config { claims: claims(), purpose, asking, bearer: None };
        Self {
            viewer: Viewer::new(config),
            account,
            now: Monotonic(5_000),
            to_device: Vec::new(),
            sent_to_viewer: 0,
            http: Vec::new(),
            content: Vec::new(),
            ended: None,
            socket_opens: 0,
            closed: 0,
            to_sign: Vec::new(),
        }
    }

    pub(super) fn input(&mut self, input: Input) {
        self.viewer.handle(input, self.now, &mut rng(90));
        while let Some(output) = self.viewer.poll() {
            match output {
                Output::Http(request) => self.http.push(request),
                Output::SocketOpen { .. } => self.socket_opens += 1,
                Output::SocketSend(frame) => match decode::<ToServer>(&frame, 1 << 20).unwrap() {
                    ToServer::Send { body, .. } => self.to_device.push(body.0),
                    ToServer::Join { .. } | ToServer::Taken { .. } | ToServer::Ping => {}
                },
                Output::SocketClose => self.closed += 1,
                Output::Sign(bytes) => self.to_sign.push(bytes),
                Output::Content(content) => self.content.push(content),
                Output::Changed => {}
                Output::Ended(code) => self.ended = Some(code),
            }
        }
    }

    pub(super) fn frame(&mut self, frame: &ToEnd) {
        self.input(Input::SocketBytes(encode(frame)));
    }

    pub(super) fn deliver(&mut self, message: Vec<u8>) {
        let seq = self.sent_to_viewer;
        self.sent_to_viewer += 1;
        self.frame(&ToEnd::Deliver { seq, body: Bytes(message) });
    }

    pub(super) fn answer(&mut self, status: u16, body: Vec<u8>) {
        let id = self.http.pop().unwrap().id;
        self.input(Input::HttpDone { id, status, body });
    }

    /// Types the code and is claimed; the socket is open and joined.
    pub(super) fn claimed(&mut self) -> ExpectHello {
        let (opened, _) = ends(&self.account, 60);
        self.claim(opened)
    }

    /// Types the code of a mailbox that a device opened, and is claimed.
    pub(super) fn claim(&mut self, opened: crate::pairing::device::Opened) -> ExpectHello {
        self.input(Input::Code(opened.code.to_groups().to_string()));
        assert_eq!(self.http.last().unwrap().path, "/v1/claims");
        let claimed = Claimed { mailbox: MAILBOX, token: Hash([2; 32]), offer: Bytes(opened.offer), now: CLAIMED_AT };
        self.answer(200, serde_json::to_vec(&claimed).unwrap());
        self.input(Input::SocketOpened);
        self.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
        opened.state
    }

    pub(super) fn answered(&mut self) -> ExpectConfirmA {
        let device = self.claimed();
        let hello = self.to_device.remove(0);
        let (device, answer) = device.receive(&hello, crate::pairing::tests::NOW, counted(), &mut rng(61)).unwrap();
        self.deliver(answer);
        device
    }

    /// Up to a session over one text record.
    pub(super) fn session(&mut self, content: &[u8]) -> (DeviceSession, UnitId) {
        let device = self.answered();
        let confirm_a = self.to_device.remove(0);
        let (device, confirm_b) = device.receive(&confirm_a, crate::pairing::tests::NOW).unwrap();
        self.deliver(confirm_b);
        let State::Waiting { words, name, .. } = self.viewer.state() else { panic!("{:?}", self.viewer) };
        assert_eq!((words, name), (device.words(), "Ada"));
        let (record, _) = version(&self.account, meta("Letter"), content, &Hash([3; 32]));
        let unit = LentUnit::of(&record, &mut rng(62)).unwrap();
        let id = unit.id();
        let decision = Decision::view(vec![unit], CLAIMED_AT, 600_000);
        let approved = device.approve(words, decision, crate::pairing::tests::NOW).unwrap();
        let (device, grant) = approved.seal(&self.account.device, &mut rng(63)).unwrap();
        self.deliver(grant.message);
        assert!(matches!(self.viewer.state(), State::Session(_)));
        (device, id)
    }

    /// Plays the server for an opening; gives the sealed content as one run of bytes.
    pub(super) fn open(&mut self, device: &mut DeviceSession, id: UnitId, content: &[u8]) -> Vec<u8> {
        let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
        self.deliver(ready);
        self.input(Input::Open(id));
        let salt = fresh_salt(&mut rng(64));
        let mut sealer = device.seal_unit(&id, salt, &ServerShare::from_wire(&SHARE)).unwrap();
        let envelope = encode(sealer.envelope());
        let mut sealed = Vec::new();
        let mut emit = |chunk: Vec<u8>| sealed.extend(chunk);
        sealer.push(content, &mut emit).unwrap();
        sealer.finish(&mut emit).unwrap();
        let request: Signed = decode(&self.http.last().unwrap().body, 1 << 16).unwrap();
        let asked: OpenRequest = request.peek().unwrap();
        assert_eq!((asked.counter, asked.last_receipt), (1, Hash::ZERO));
        let receipt = Receipt {
            suite: SUITE,
            session: device.session(),
            seq: 0,
            previous: Hash::ZERO,
            at: CLAIMED_AT,
            event: Event::Opened { request: request.statement, signature: request.signature },
        };
        let answer = Opened { envelope: Bytes(envelope), share: SHARE, receipts: vec![Bytes(encode(&receipt))] };
        self.answer(200, encode(&answer));
        sealed
    }

    /// Answers every range that was asked for.
    pub(super) fn serve(&mut self, sealed: &[u8]) {
        while let Some(request) = self.http.pop() {
            let (first, last) = request.range.unwrap();
            let first = usize::try_from(first).unwrap();
            let last = usize::try_from(last).unwrap().min(sealed.len() - 1);
            self.input(Input::HttpDone { id: request.id, status: 206, body: sealed[first..=last].to_vec() });
        }
    }

    pub(super) fn problem(&mut self) -> Option<ErrorCode> {
        match self.viewer.state() {
            State::EnterCode { problem } => problem,
            state => panic!("{state:?}"),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        let State::Session(running) = self.viewer.state() else { panic!("{:?}", self.viewer) };
        running.openings().next().unwrap().stage
    }
}

pub(super) fn world() -> World {
    World::new(NewAccount::generate(&mut rng(1)).unwrap())
}
