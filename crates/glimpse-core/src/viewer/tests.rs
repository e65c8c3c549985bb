//! The machine against a device of core and a server that is played here.

use glimpse_wire::account::Signed;
use glimpse_wire::api::{Claimed, Problem};
use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::{Message, Purpose};
use glimpse_wire::session::{Event, OpenRequest, Opened, Receipt};
use glimpse_wire::{ErrorCode, Hash, SUITE, UnitId, UnixMillis, decode, encode};

use super::{Config, Content, HttpRequest, Input, Output, Stage, State, Viewer};
use crate::Monotonic;
use crate::account::NewAccount;
use crate::pairing::device::{ExpectConfirmA, ExpectHello};
use crate::pairing::tests::{MAILBOX, claims, counted, ends};
use crate::pairing::viewer::Asking;
use crate::secret::ServerShare;
use crate::session::device::{Change, Decision, LentUnit};
use crate::session::tests::{meta, version};
use crate::session::{DeviceSession, fresh_salt};
use crate::testing::rng;

mod guessing;

const CLAIMED_AT: UnixMillis = UnixMillis(1_700_000_000_000);
const SHARE: Hash = Hash([8; 32]);

/// The viewer under test and everything around it.
struct World {
    viewer: Viewer,
    account: NewAccount,
    now: Monotonic,
    to_device: Vec<Vec<u8>>,
    sent_to_viewer: u64,
    http: Vec<HttpRequest>,
    content: Vec<Content>,
    ended: Option<ErrorCode>,
    socket_opens: u32,
    closed: u32,
}

impl World {
    fn new(account: NewAccount) -> Self {
        let config = Config { claims: claims(), purpose: Purpose::View, asking: Asking::default() };
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
        }
    }

    fn input(&mut self, input: Input) {
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
                Output::Content(content) => self.content.push(content),
                Output::Changed => {}
                Output::Ended(code) => self.ended = Some(code),
            }
        }
    }

    fn frame(&mut self, frame: &ToEnd) {
        self.input(Input::SocketBytes(encode(frame)));
    }

    fn deliver(&mut self, message: Vec<u8>) {
        let seq = self.sent_to_viewer;
        self.sent_to_viewer += 1;
        self.frame(&ToEnd::Deliver { seq, body: Bytes(message) });
    }

    fn answer(&mut self, status: u16, body: Vec<u8>) {
        let id = self.http.pop().unwrap().id;
        self.input(Input::HttpDone { id, status, body });
    }

    /// Types the code and is claimed; the socket is open and joined.
    fn claimed(&mut self) -> ExpectHello {
        let (opened, _) = ends(&self.account, 60);
        self.input(Input::Code(opened.code.to_groups().to_string()));
        assert_eq!(self.http.last().unwrap().path, "/v1/claims");
        let claimed = Claimed { mailbox: MAILBOX, token: Hash([2; 32]), offer: Bytes(opened.offer), now: CLAIMED_AT };
        self.answer(200, serde_json::to_vec(&claimed).unwrap());
        self.input(Input::SocketOpened);
        self.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
        opened.state
    }

    fn answered(&mut self) -> ExpectConfirmA {
        let device = self.claimed();
        let hello = self.to_device.remove(0);
        let (device, answer) = device.receive(&hello, crate::pairing::tests::NOW, counted(), &mut rng(61)).unwrap();
        self.deliver(answer);
        device
    }

    /// Up to a session over one text record.
    fn session(&mut self, content: &[u8]) -> (DeviceSession, UnitId) {
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
    fn open(&mut self, device: &mut DeviceSession, id: UnitId, content: &[u8]) -> Vec<u8> {
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
    fn serve(&mut self, sealed: &[u8]) {
        while let Some(request) = self.http.pop() {
            let (first, last) = request.range.unwrap();
            let first = usize::try_from(first).unwrap();
            let last = usize::try_from(last).unwrap().min(sealed.len() - 1);
            self.input(Input::HttpDone { id: request.id, status: 206, body: sealed[first..=last].to_vec() });
        }
    }

    fn problem(&mut self) -> Option<ErrorCode> {
        match self.viewer.state() {
            State::EnterCode { problem } => problem,
            state => panic!("{state:?}"),
        }
    }

    fn stage(&self) -> Stage {
        let State::Session(running) = self.viewer.state() else { panic!("{:?}", self.viewer) };
        running.openings().next().unwrap().stage
    }
}

fn world() -> World {
    World::new(NewAccount::generate(&mut rng(1)).unwrap())
}

#[test]
fn from_code_to_content() {
    for length in [11usize, 3_000_000] {
        let content: Vec<u8> = (0..=250u8).cycle().take(length).collect();
        let mut world = world();
        let (mut device, id) = world.session(&content);
        let sealed = world.open(&mut device, id, &content);
        assert!(world.http.len() <= 3, "pieces ahead are bounded");
        world.serve(&sealed);
        let shown: Vec<u8> = world.content.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
        assert_eq!(shown, content);
        assert_eq!(world.stage(), Stage::Done);
        assert!(world.content.last().unwrap().last);
    }
}

#[test]
fn a_typing_slip_spends_nothing() {
    let mut world = world();
    world.input(Input::Code("417 203 9187".to_owned()));
    assert_eq!(world.problem(), Some(ErrorCode::CodeMistyped));
    assert!(world.http.is_empty());
}

#[test]
fn a_refused_claim_is_told_by_its_problem_document() {
    for (status, kind, expected) in [
        (404, "code-unknown", ErrorCode::CodeUnknown),
        (409, "crowded", ErrorCode::Crowded),
        (429, "rate-limited", ErrorCode::RateLimited),
        (503, "nonsense", ErrorCode::Internal),
    ] {
        let mut world = world();
        let (opened, _) = ends(&world.account, 60);
        world.input(Input::Code(opened.code.to_groups().to_string()));
        let problem =
            Problem { kind: kind.to_owned(), title: String::new(), status, detail: String::new(), retry_after: None };
        world.answer(status, serde_json::to_vec(&problem).unwrap());
        assert_eq!(world.problem(), Some(expected));
    }
}

#[test]
fn t103_after_hello_has_left_no_failure_runs_the_code_again() {
    type Fault = fn(&mut World);
    let faults: [(&str, ErrorCode, Fault); 5] = [
        ("garbage on the socket", ErrorCode::PairingBroken, |world| world.input(Input::SocketBytes(vec![0xFF; 40]))),
        ("garbage from the device", ErrorCode::PairingBroken, |world| world.deliver(vec![0xFF; 40])),
        ("silence", ErrorCode::CodeExpired, |world| {
            world.now = world.now.plus(121_000);
            world.input(Input::Tick);
        }),
        ("the socket closes and does not open again", ErrorCode::CodeExpired, |world| {
            for _ in 0..130 {
                world.input(Input::SocketClosed);
                world.now = world.now.plus(1_000);
                world.input(Input::Tick);
            }
        }),
        ("a second Hello of ours comes back", ErrorCode::PairingBroken, |world| {
            let hello = world.to_device.first().cloned().unwrap();
            world.deliver(hello);
        }),
    ];
    for (name, told, fault) in faults {
        let mut world = world();
        world.claimed();
        assert_eq!(world.to_device.len(), 1, "Hello has left");
        fault(&mut world);
        assert_eq!(world.problem(), Some(told), "{name}");
        for input in [Input::SocketClosed, Input::SocketOpened, Input::Tick, Input::HttpFailed { id: 1 }] {
            world.now = world.now.plus(10_000);
            world.input(input);
        }
        assert!(world.http.is_empty(), "{name}: no further claim");
        assert_eq!(world.to_device.len(), 1, "{name}: no second run");
    }
    // Control: a failure before Hello leaves the field as it was, and typing again claims again.
    let mut world = world();
    let (opened, _) = ends(&world.account, 60);
    world.input(Input::Code(opened.code.to_groups().to_string()));
    let id = world.http.pop().unwrap().id;
    world.input(Input::HttpFailed { id });
    assert_eq!(world.problem(), Some(ErrorCode::ServerUnreachable));
    world.input(Input::Code(opened.code.to_groups().to_string()));
    assert_eq!(world.http.len(), 1);
}

#[test]
fn t103_no_reason_that_anybody_can_send_after_hello_asks_for_the_same_code_again() {
    let passing = [
        ErrorCode::CodeWrong,
        ErrorCode::CodeUsed,
        ErrorCode::CodeExpired,
        ErrorCode::Crowded,
        ErrorCode::DeviceOffline,
        ErrorCode::Declined,
        ErrorCode::ApprovalTimedOut,
        ErrorCode::PausedAfterFailures,
    ];
    // All reasons there are, "a typing slip, nothing was used up" among them, from the server and in the device's name.
    for code in ErrorCode::ALL {
        let told = if passing.contains(code) { *code } else { ErrorCode::PairingBroken };
        for says in ["Over", "Abort"] {
            let mut world = world();
            world.claimed();
            if says == "Over" {
                world.frame(&ToEnd::Over { code: *code });
            } else {
                world.deliver(encode(&Message::Abort { code: *code }));
            }
            assert_eq!(world.problem(), Some(told), "{says} {code}");
            assert!(world.http.is_empty(), "{says} {code}: no further claim");
            assert_eq!(world.to_device.len(), 1, "{says} {code}: no second run");
        }
    }
    assert!(ErrorCode::ALL.contains(&ErrorCode::CodeMistyped), "control: it was among them");
}

#[test]
fn a_reconnect_resends_the_same_bytes_once() {
    let mut world = world();
    world.claimed();
    let hello = world.to_device[0].clone();
    world.input(Input::SocketClosed);
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.socket_opens, 2);
    world.input(Input::SocketOpened);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
    assert_eq!(world.to_device, [hello.clone(), hello]);
    world.input(Input::SocketClosed);
    world.now = world.now.plus(5_000);
    world.input(Input::Tick);
    world.input(Input::SocketOpened);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 1, peer: true });
    assert_eq!(world.to_device.len(), 2, "what the server has is not sent again");
}

#[test]
fn t060_the_end_comes_by_our_own_clock() {
    let mut world = world();
    world.session(b"x");
    let State::Session(running) = world.viewer.state() else { panic!() };
    assert_eq!(running.ends_at(), world.now.plus(600_000));
    // Nobody can set this clock; the wall clock is not even an input.
    world.now = world.now.plus(599_000);
    world.input(Input::Touched);
    assert_eq!(world.ended, None);
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.ended, Some(ErrorCode::SessionExpired));
    assert!(matches!(world.viewer.state(), State::Ended { reason: ErrorCode::SessionExpired }));
}

#[test]
fn terms_with_a_later_end_move_it() {
    let mut world = world();
    let (mut device, _) = world.session(b"x");
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let change = Change { expires: Some(CLAIMED_AT.plus(1_200_000)), ..Change::default() };
    let grant = device.amend(change, CLAIMED_AT, &account.device, &mut rng(65)).unwrap();
    let before = world.now;
    world.now = world.now.plus(100_000);
    world.deliver(grant.message);
    let State::Session(running) = world.viewer.state() else { panic!() };
    assert_eq!(running.ends_at(), before.plus(1_200_000));
}

#[test]
fn a_changed_record_is_named_and_the_session_goes_on() {
    let mut world = world();
    let (mut device, id) = world.session(b"Dear reader");
    let mut sealed = world.open(&mut device, id, b"Dear reader");
    sealed[3] ^= 1;
    world.serve(&sealed);
    assert_eq!(world.stage(), Stage::Failed(ErrorCode::RecordTampered));
    assert!(world.content.is_empty(), "nothing of it was shown");
    assert_eq!(world.ended, None);
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    world.input(Input::Open(id));
    let first = world.http.pop().unwrap();
    world.input(Input::HttpFailed { id: first.id });
    world.now = world.now.plus(1_000);
    world.input(Input::Tick);
    assert_eq!(world.http.last().unwrap().body, first.body);
}

#[test]
fn a_refused_opening_leaves_its_number_free() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    for _ in 0..2 {
        world.input(Input::Open(id));
        let request: Signed = decode(&world.http.last().unwrap().body, 1 << 16).unwrap();
        assert_eq!(request.peek::<OpenRequest>().unwrap().counter, 1);
        world.answer(403, br#"{"type":"budget-spent","title":"","status":403,"detail":""}"#.to_vec());
        assert_eq!(world.stage(), Stage::Failed(ErrorCode::BudgetSpent));
    }
}

#[test]
fn a_unit_that_is_not_ready_is_asked_of_the_device() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    world.input(Input::Open(id));
    assert!(world.http.is_empty());
    let Message::Live { counter, sealed } = decode(world.to_device.last().unwrap(), 1 << 20).unwrap() else { panic!() };
    assert_eq!(device.live().unwrap().open(counter, &sealed), Ok(Live::Want { unit: id }));
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    assert!(world.http.last().unwrap().path.ends_with("/open"));
}

#[test]
fn ending_tells_device_and_server_and_then_forgets() {
    let mut world = world();
    world.session(b"x");
    world.input(Input::End);
    assert!(world.http.last().unwrap().path.ends_with("/end"));
    assert_eq!(world.ended, None, "the server is told first");
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::SessionEnded));
    assert_eq!(world.closed, 1);
}

#[test]
fn t107_a_live_message_twice_breaks_the_channel() {
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready.clone());
    world.deliver(ready);
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::ChannelBroken));
}

#[test]
fn t107_an_abort_or_garbage_in_a_session_breaks_the_channel() {
    for message in [encode(&Message::Abort { code: ErrorCode::Declined }), vec![0xFF; 40], Vec::new()] {
        let mut world = world();
        world.session(b"x");
        world.deliver(message);
        world.answer(204, Vec::new());
        assert_eq!(world.ended, Some(ErrorCode::ChannelBroken));
    }
    // Control: a message that belongs here goes on.
    let mut world = world();
    let (mut device, id) = world.session(b"x");
    let ready = device.live().unwrap().seal(&Live::Ready { units: vec![id] });
    world.deliver(ready);
    assert_eq!((world.ended, world.http.len()), (None, 0));
}

#[test]
fn a_request_in_words_is_cut_to_what_the_channel_takes() {
    // A character of four bytes lies across the border.
    for (text, length) in [("x".repeat(600), 500), (format!("{}\u{1F441}{}", "x".repeat(498), "y".repeat(9)), 498)] {
        let mut world = world();
        let (mut device, _) = world.session(b"x");
        world.input(Input::AskRecord(text));
        let Message::Live { counter, sealed } = decode(world.to_device.last().unwrap(), 1 << 20).unwrap() else {
            panic!()
        };
        let Live::AskRecord { text } = device.live().unwrap().open(counter, &sealed).unwrap() else { panic!() };
        assert_eq!(text.len(), length);
    }
}

#[test]
fn a_piece_that_is_not_exactly_as_long_as_it_must_be_is_refused() {
    let content = vec![7; 3_000_000];
    type Alter = fn(&mut Vec<u8>, &[u8]);
    let alter: [Alter; 5] = [
        |body, _| body.clear(),
        |body, _| body.truncate(body.len() - 1),
        // As many whole chunks as fit before the piece's end.
        |body, _| body.truncate(65_552),
        |body, _| body.push(0),
        // The next piece with it: all of it would open, and the next would be taken for a stale one.
        |body, sealed| *body = sealed[..32 * 65_552].to_vec(),
    ];
    for (index, alter) in alter.into_iter().enumerate() {
        let mut world = world();
        let (mut device, id) = world.session(&content);
        let sealed = world.open(&mut device, id, &content);
        let place = world.http.iter().position(|request| request.range.is_some_and(|(first, _)| first == 0)).unwrap();
        let first = world.http.remove(place);
        let mut body = sealed[..16 * 65_552].to_vec();
        alter(&mut body, &sealed);
        world.input(Input::HttpDone { id: first.id, status: 200, body });
        assert_eq!(world.stage(), Stage::Failed(ErrorCode::RecordTampered), "{index}");
        assert!(world.content.is_empty(), "{index}");
        assert_eq!(world.ended, None, "{index}");
    }
}

#[test]
fn a_long_transfer_is_not_idleness() {
    let content = vec![7; 3_000_000];
    let mut world = world();
    let (mut device, id) = world.session(&content);
    // A session of more than two stretches of idle time.
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let change = Change { expires: Some(CLAIMED_AT.plus(3_600_000)), ..Change::default() };
    let grant = device.amend(change, CLAIMED_AT, &account.device, &mut rng(65)).unwrap();
    world.deliver(grant.message);
    let sealed = world.open(&mut device, id, &content);
    for _ in 0..3 {
        world.now = world.now.plus(600_000);
        let request = world.http.remove(0);
        let (first, last) = request.range.unwrap();
        let last = usize::try_from(last).unwrap().min(sealed.len() - 1);
        let body = sealed[usize::try_from(first).unwrap()..=last].to_vec();
        world.input(Input::HttpDone { id: request.id, status: 206, body });
        world.input(Input::Tick);
        let State::Session(running) = world.viewer.state() else { panic!("{:?}", world.viewer) };
        assert_eq!(running.idle_at(), world.now.plus(900_000));
    }
    // Control: when nothing comes any more, it is.
    world.now = world.now.plus(900_000);
    world.input(Input::Tick);
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::SessionIdle));
}

#[test]
fn what_stopped_for_the_network_goes_on_where_it_stopped() {
    let content: Vec<u8> = (0..=250u8).cycle().take(3_000_000).collect();
    let mut world = world();
    let (mut device, id) = world.session(&content);
    let sealed = world.open(&mut device, id, &content);
    let first = world.http.remove(0);
    world.input(Input::HttpDone { id: first.id, status: 206, body: sealed[..16 * 65_552].to_vec() });
    let shown: usize = world.content.iter().map(|piece| piece.bytes.len()).sum();
    while world.stage() != Stage::Failed(ErrorCode::ServerUnreachable) {
        for request in std::mem::take(&mut world.http) {
            world.input(Input::HttpFailed { id: request.id });
        }
        world.now = world.now.plus(20_000);
        world.input(Input::Tick);
    }
    world.http.clear();
    world.input(Input::Open(id));
    assert_eq!(world.stage(), Stage::Loading);
    assert!(world.http.iter().all(|request| request.path.ends_with("/content")), "no second opening is asked for");
    assert!(world.http.iter().all(|request| request.range.is_some_and(|(first, _)| first >= 16 * 65_552)));
    world.serve(&sealed);
    let all: Vec<u8> = world.content.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
    assert_eq!((all.len(), all == content, shown), (content.len(), true, 16 * 65_536 - 8));
}

#[test]
fn the_code_is_not_in_what_leaves() {
    let mut world = world();
    let (opened, _) = ends(&world.account, 60);
    let digits: String = opened.code.to_groups().split(' ').collect();
    world.input(Input::Code(digits.clone()));
    let body = String::from_utf8(world.http[0].body.clone()).unwrap();
    assert!(body.contains(&digits[..3]), "the nameplate is");
    assert!(!body.contains(&digits[3..9]), "the secret is not");
}

#[test]
fn a_mailbox_that_a_crashed_server_forgot_is_the_end_of_the_session() {
    for (told, shown) in
        [(ErrorCode::NotFound, ErrorCode::SessionEnded), (ErrorCode::SessionExpired, ErrorCode::SessionExpired)]
    {
        let mut world = world();
        world.session(b"x");
        world.frame(&ToEnd::Over { code: told });
        assert_eq!(world.ended, Some(shown));
    }
}
