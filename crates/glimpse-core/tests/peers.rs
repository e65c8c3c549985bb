//! Independent peers: a viewer and a device in Python, written from `docs/protocol.md` on python-spake2 and
//! pyca/cryptography, pair with this crate's ends; and every vector is computed again there.
//!
//! `GLIMPSE_PYTHON` names an interpreter with the packages of `tests/peers/requirements.txt`; without it the one that
//! `cargo xtask test` keeps in `.venv` is taken. `cargo xtask test` leaves these tests out, loudly, where there is no Python.
#![expect(clippy::disallowed_methods, reason = "a test that starts programs reads their names from the environment")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a peer that says something else has failed the test"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::attempts::Attempts;
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::kem::KemPublic;
use glimpse_core::pairing::device::{self, Setup};
use glimpse_core::pairing::viewer::{Asking, Claims, ExpectOffer};
use glimpse_core::record::{Author, Draft, OpenedVersion, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_core::session::{Decision, LentUnit};
use glimpse_wire::live::Live;
use glimpse_wire::pairing::{Message, Purpose};
use glimpse_wire::record::Meta;
use glimpse_wire::{Hash, MailboxId, Salt, UnixMillis, decode, encode};
use rand_core::SeedableRng;

type Random = chacha20::ChaCha20Rng;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The interpreter, in the folder of the peers.
fn python() -> Command {
    let own_environment = || format!("{HERE}/../../.venv/bin/python").into();
    let mut command = Command::new(std::env::var_os("GLIMPSE_PYTHON").unwrap_or_else(own_environment));
    command.current_dir(format!("{HERE}/tests/peers")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn word_list() -> String {
    format!("{HERE}/src/words.txt")
}

/// A peer at the other end of two pipes.
struct Peer {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Peer {
    fn start(mut python: Command, script: &str) -> Self {
        python.args([script, &word_list()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().unwrap_or_else(|error| panic!("{error}: `cargo xtask test` installs the peers"));
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn tell(&mut self, message: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", hex::encode(message)).unwrap();
        stdin.flush().unwrap();
    }

    fn text(&mut self, expected: &str) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let (name, value) = line.trim_end().split_once(' ').unwrap_or(("nothing", ""));
        assert_eq!(name, expected, "the peer's next line");
        value.to_owned()
    }

    fn bytes(&mut self, expected: &str) -> Vec<u8> {
        hex::decode(self.text(expected)).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

const NOW: Monotonic = Monotonic(0);
const TIME: UnixMillis = UnixMillis(1_700_000_000_000);
const MAILBOX: MailboxId = MailboxId([5; 16]);

/// A version of a text record, at rest, opened by its owner.
fn record(account: &NewAccount, content: &[u8], rng: &mut Random) -> OpenedVersion {
    let recipient = Recipient {
        account: account.chain.account(),
        epoch: 1,
        key: KemPublic::parse(account.epoch.account_key.as_slice()).unwrap(),
        head: account.chain.head(),
    };
    let meta = Meta {
        title: "Letter".to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: TIME,
    };
    let author = Author::Device(&account.device);
    let length = u64::try_from(content.len()).unwrap();
    let draft = Draft::new(&recipient, Place::new_record(rng), author, TIME, length, rng).unwrap();
    let mut sealer = draft.seal(meta, 1, &ServerShare::from_wire(&Hash([3; 32])), &recipient, rng).unwrap();
    sealer.push(content, &mut |_chunk| {}).unwrap();
    let envelope = sealer.finish(author, &mut |_chunk| {}).unwrap();
    let devices = [account.device.public()];
    OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &devices).unwrap()
}

/// A device of ours lends a letter to the viewer in Python; `code` is what the person there types.
fn lends_to_the_viewer_in_python(code: impl FnOnce(&str) -> String, agrees: bool) {
    let python = python();
    let rng = &mut Random::seed_from_u64(1);
    let account = NewAccount::generate(rng).unwrap();
    let setup = Setup {
        purpose: Purpose::View,
        mailbox: MAILBOX,
        nameplate: Nameplate::parse("81234").unwrap(),
        server_nonce: Hash([9; 32]),
        expires: TIME.plus(120_000),
        deadline: NOW.plus(120_000),
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: "Ada".to_owned(),
    };
    let opened = device::open(setup, rng).unwrap();
    let mut peer = Peer::start(python, "viewer.py");
    peer.tell(code(&opened.code.to_groups().replace(' ', "")).as_bytes());
    peer.tell(&opened.offer);
    let hello = peer.bytes("hello");
    let counted = Attempts::default().begin(TIME);
    let (device, answer) = opened.state.receive(&hello, NOW, counted, rng).unwrap();
    peer.tell(&answer);
    let confirmed = device.receive(&peer.bytes("confirm-a"), NOW);
    assert_eq!(confirmed.is_ok(), agrees, "{confirmed:?}");
    let Ok((device, confirm_b)) = confirmed else { return };
    peer.tell(&confirm_b);
    assert_eq!(peer.text("name"), "Ada");
    assert_eq!(peer.text("words"), device.words().to_string());
    assert_eq!(device.peer().origin, "https://peer.example");

    let unit = LentUnit::of(&record(&account, b"Dear reader", rng), rng).unwrap();
    let id = unit.id();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], TIME, 600_000), NOW).unwrap();
    let (mut session, grant) = approved.seal(&account.device, rng).unwrap();
    peer.tell(&grant.message);
    assert_eq!(peer.text("title"), "Letter");
    let share = Hash([8; 32]);
    let mut sealer = session.seal_unit(&id, Salt([7; 32]), &ServerShare::from_wire(&share)).unwrap();
    let mut chunk = Vec::new();
    peer.tell(&encode(sealer.envelope()));
    peer.tell(&share.0);
    sealer.push(b"Dear reader", &mut |sealed| chunk.extend(sealed)).unwrap();
    sealer.finish(&mut |sealed| chunk.extend(sealed)).unwrap();
    peer.tell(&chunk);
    assert_eq!(peer.bytes("content"), b"Dear reader");
    let Ok(Message::Live { counter, sealed }) = decode(&peer.bytes("live"), 1 << 16) else { panic!() };
    let live = session.live().unwrap();
    assert_eq!(live.open(counter, &sealed), Ok(Live::AskTime { minutes: 7 }));
    peer.tell(&live.seal(&Live::Refused));
    assert_eq!(peer.text("done"), "yes");
}

#[test]
fn a_viewer_in_python_pairs_with_our_device_and_opens_what_it_lends() {
    lends_to_the_viewer_in_python(str::to_owned, true);
}

#[test]
fn control_a_viewer_in_python_with_another_code_does_not_get_in() {
    lends_to_the_viewer_in_python(
        |shown| {
            // Another secret under the same nameplate, with its own check digit.
            let (nameplate, rest) = shown.split_at(5);
            let first = if rest.starts_with('0') { '1' } else { '0' };
            let other = (0..10).map(|check| format!("{nameplate}{first}{}{check}", &rest[1..6]));
            other.into_iter().find(|code| PairingCode::parse(code, Purpose::View).is_ok()).unwrap()
        },
        false,
    );
}

#[test]
fn a_device_in_python_lends_to_our_viewer() {
    let python = python();
    let rng = &mut Random::seed_from_u64(2);
    let mut peer = Peer::start(python, "device.py");
    peer.tell(&MAILBOX.0);
    let code = PairingCode::parse(&peer.text("code"), Purpose::View).unwrap();
    let offer = peer.bytes("offer");
    let viewer = ExpectOffer::new(code, Purpose::View);
    let (viewer, hello) = viewer.receive(MAILBOX, &offer, Claims::default(), rng).unwrap();
    peer.tell(&hello);
    let (viewer, confirm_a) = viewer.receive(&peer.bytes("answer"), &Asking::default()).unwrap();
    peer.tell(&confirm_a);
    let viewer = viewer.receive(&peer.bytes("confirm-b")).unwrap();
    assert_eq!(viewer.words().to_string(), peer.text("words"));
    assert_eq!(viewer.identity().name, "Peer");
    let mut viewer = viewer.receive(&peer.bytes("grant")).unwrap();
    let (id, title) = viewer.units().map(|(id, unit)| (id, unit.meta.title.clone())).next().unwrap();
    assert_eq!(title, "From a peer");
    let request = viewer.request(&id).unwrap();
    peer.tell(&encode(&request));
    let mut opener = viewer.opened(&request, &peer.bytes("opened")).unwrap().into_content();
    let content = opener.open(peer.bytes("chunk")).unwrap();
    assert_eq!(content.as_slice(), b"Dear reader, this was sealed by somebody else.");
    assert!(opener.is_done());
}

#[test]
fn every_vector_is_computed_again_in_python() {
    let mut python = python();
    let vectors = format!("{HERE}/../../vectors");
    let output = python.args(["check_vectors.py", &vectors, &word_list()]).output();
    let output = output.expect("cargo xtask test installs the peers");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let count: u32 = said.split(' ').next().and_then(|count| count.parse().ok()).unwrap();
    assert!(count > 200, "{said}");
}
