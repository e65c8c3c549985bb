//! One function for each kind of bytes from outside. Each panics on a defect and returns on everything else.

use std::sync::LazyLock;

use chacha20::ChaCha20Rng;
use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::code::PairingCode;
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::receipts::{ReceiptChain, audit};
use glimpse_core::record::OpenedVersion;
use glimpse_core::recovery::{Share, combine};
use glimpse_core::viewer::{Config, Input, Output, Viewer};
use glimpse_wire::account::{Card, HeadStatement, Link, Signed, SignedLink};
use glimpse_wire::api::{AccountDeletion, SignIn, WriterMint};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::{
    BlobKey, Grant, GrantBody, HelloCore, Identity, Introduction, Message, Offer, Purpose, Terms,
};
use glimpse_wire::record::{Decision, Deletion, Envelope, Meta, Page};
use glimpse_wire::session::{
    Countersignature, Destroyed, End, GrantSubmission, OpenRequest, Opened, Receipt, Stop, UnitEnvelope,
};
use glimpse_wire::{SessionId, decode, encode};
use rand_core::SeedableRng;

/// One account for all: founding one takes longer than everything else here.
static ACCOUNT: LazyLock<NewAccount> =
    LazyLock::new(|| NewAccount::generate(&mut ChaCha20Rng::seed_from_u64(1)).expect("every key is made here"));

fn canonical<T>(data: &[u8])
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    if let Ok(value) = decode::<T>(data, usize::MAX) {
        assert_eq!(encode(&value), data, "there is one encoding");
    }
}

/// Every type that travels in CBOR.
pub fn messages(data: &[u8]) {
    canonical::<Message>(data);
    canonical::<Offer>(data);
    canonical::<HelloCore>(data);
    canonical::<Introduction>(data);
    canonical::<Identity>(data);
    canonical::<Terms>(data);
    canonical::<Grant>(data);
    canonical::<GrantBody>(data);
    canonical::<BlobKey>(data);
    canonical::<Live>(data);
    canonical::<UnitEnvelope>(data);
    canonical::<OpenRequest>(data);
    canonical::<Opened>(data);
    canonical::<Receipt>(data);
    canonical::<End>(data);
    canonical::<Countersignature>(data);
    canonical::<Destroyed>(data);
    canonical::<GrantSubmission>(data);
    canonical::<ToServer>(data);
    canonical::<ToEnd>(data);
    canonical::<Envelope>(data);
    canonical::<Meta>(data);
    canonical::<Deletion>(data);
    canonical::<Decision>(data);
    canonical::<Stop>(data);
    canonical::<Page>(data);
    canonical::<Link>(data);
    canonical::<SignedLink>(data);
    canonical::<HeadStatement>(data);
    canonical::<Card>(data);
    canonical::<Signed>(data);
    canonical::<SignIn>(data);
    canonical::<AccountDeletion>(data);
    canonical::<WriterMint>(data);
    if let Ok(link) = decode::<SignedLink>(data, usize::MAX) {
        let _refused_or_not = Chain::begin(&link);
    }
}

/// A record version, to its reader.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert_eq!(envelope.to_bytes(), data, "there is one encoding");
    let account = &*ACCOUNT;
    let devices = [account.device.public()];
    let opened = OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &devices);
    assert!(opened.is_err(), "nobody has sealed anything to this account");
}

/// What a person typed or pasted.
pub fn code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for purpose in [Purpose::View, Purpose::Agent, Purpose::Link] {
        if let Ok(code) = PairingCode::parse(&text, purpose) {
            let shown = code.to_groups();
            let again = PairingCode::parse(&shown, purpose).expect("a code that is shown can be typed");
            assert_eq!(*again.to_groups(), *shown);
        }
    }
}

/// A share of a recovery kit, as a person typed or scanned it: one that is taken is read again from both its forms.
pub fn share(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(share) = Share::parse(&text) else { return };
    let from_words = Share::parse(&share.to_words().join(" ")).expect("words that are shown can be typed");
    let from_letters = Share::parse(&share.to_letters()).expect("letters that are shown can be scanned");
    assert_eq!(*from_words.to_letters(), *from_letters.to_letters());
    assert!((1..=share.plan().count()).contains(&share.index()));
    assert!(combine(&[share, from_words]).is_err(), "one share, twice, is never a kit");
}

/// A trail, to whoever audits it; and one receipt, to whoever follows it.
pub fn receipts(data: &[u8]) {
    let session = SessionId([1; 16]);
    let _refused_or_not = ReceiptChain::new(session).push(data);
    if let Ok(receipts) = decode::<Vec<Bytes>>(data, usize::MAX) {
        let key = ACCOUNT.device.public().signing;
        if let Ok(audit) = audit(session, &key, &|_| None, None, &receipts) {
            assert_eq!(audit.openings, 0, "nobody has signed anything here");
        }
    }
}

/// A JSON body from the server, to a viewer that has asked for something: the first byte tells the status.
pub fn bodies(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = [200, 400, 404, 409, 410, 429, 503].get(usize::from(first % 7)).copied().unwrap_or(200);
    let config = Config { claims: Claims::default(), purpose: Purpose::View, asking: Asking::default(), bearer: None };
    let mut viewer = Viewer::new(config);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    viewer.handle(Input::Code("417 203 9186".to_owned()), Monotonic(0), &mut rng);
    let mut asked = None;
    while let Some(output) = viewer.poll() {
        if let Output::Http(request) = output {
            asked = Some(request.id);
        }
    }
    let id = asked.expect("a code is claimed");
    viewer.handle(Input::HttpDone { id, status, body: body.to_vec() }, Monotonic(1), &mut rng);
    let mut socket = false;
    while let Some(output) = viewer.poll() {
        socket |= matches!(output, Output::SocketOpen { .. });
    }
    assert!(status == 200 || !socket, "a refusal leads nowhere");
    let _drawn = viewer.state();
}

/// The viewer's machine, told a story of anything in any order: a byte for what happens, two for how much of the rest
/// belongs to it.
pub fn viewer(data: &[u8]) {
    let config = Config { claims: Claims::default(), purpose: Purpose::View, asking: Asking::default(), bearer: None };
    let mut viewer = Viewer::new(config);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut now = Monotonic(0);
    let mut ended = false;
    let mut requests = Vec::new();
    let mut rest = data;
    while let Some(([kind, high, low], after)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let id = requests.last().copied().unwrap_or_default();
        let input = match kind % 12 {
            0 => Input::Code(text()),
            1 => Input::HttpDone { id, status: 200, body: bytes.to_vec() },
            2 => Input::HttpDone { id, status: 410, body: bytes.to_vec() },
            3 => Input::HttpFailed { id },
            4 => Input::SocketOpened,
            5 => Input::SocketBytes(bytes.to_vec()),
            6 => Input::SocketClosed,
            7 => Input::Tick,
            8 => Input::Touched,
            9 => Input::AskTime(u32::from(*high)),
            10 => Input::AskRecord(text()),
            _ => Input::End,
        };
        now = now.plus(u64::from(*low));
        viewer.handle(input, now, &mut rng);
        while let Some(output) = viewer.poll() {
            assert!(!ended, "nothing comes after the end");
            match output {
                Output::Ended(_) => ended = true,
                Output::Http(request) => requests.push(request.id),
                Output::SocketOpen { .. }
                | Output::SocketSend(_)
                | Output::SocketClose
                | Output::Sign(_)
                | Output::Content(_)
                | Output::Changed => {}
            }
        }
        let _drawn = viewer.state();
    }
}
