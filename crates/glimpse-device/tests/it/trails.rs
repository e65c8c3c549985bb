//! Audit trails that the server rewrites, cuts or never ends, after this device has kept its own.

use std::path::PathBuf;
use std::rc::Rc;

use glimpse_core::viewer::Input;
use glimpse_device::lend::{Command, Event as Seen};
use glimpse_device::sessions::Verdict;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::api::Receipts;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::MAX_RECEIPTS;
use glimpse_wire::session::{Event, Receipt};
use glimpse_wire::{ErrorCode, Hash, SUITE, SessionId, UnixMillis, encode, preimage};

use crate::lending::{User, lend, pair, plan, read, receiver, until_end};
use crate::meddling::{Hurried, Meddling};
use crate::world::{PASSPHRASE, World, add};

struct Lent {
    device: Device,
    meddling: Rc<Meddling>,
    session: SessionId,
    kept: PathBuf,
}

/// A session with one opening that has ended, its trail kept.
async fn lent(world: &World) -> Lent {
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(world);
        let units = pair(&mut user, &mut viewer).await;
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        user.opening().await;
        user.does(Command::End);
        until_end(&mut viewer).await;
    })
    .await;
    let ending = ending.unwrap();
    assert_eq!(ending.missing, None);
    let kept = world.home("mara").join(format!("receipts/{}.cbor", ending.session));
    Lent { device, meddling, session: ending.session, kept }
}

impl Lent {
    /// From here on the server gives these receipts.
    fn serve(&self, receipts: Vec<Bytes>) {
        *self.meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
            if !path.contains("/receipts") {
                return body;
            }
            serde_json::to_vec(&Receipts { receipts: receipts.clone(), more: false }).unwrap()
        }));
    }

    fn honest(&self) {
        *self.meddling.rewrite.borrow_mut() = None;
    }

    async fn verdict(&self) -> Verdict {
        let trail = self.device.trail(self.session).await.unwrap();
        assert_eq!(trail.audit.is_some(), matches!(trail.verdict, Verdict::Whole | Verdict::NoEnd));
        trail.verdict
    }
}

/// Links events anew, as a server can.
fn linked(session: SessionId, events: impl IntoIterator<Item = Event>) -> Vec<Bytes> {
    let mut previous = Hash::ZERO;
    let mut receipts = Vec::new();
    for (seq, event) in (0u64..).zip(events) {
        let receipt = encode(&Receipt { suite: SUITE, session, seq, previous, at: UnixMillis(seq + 1), event });
        previous = preimage::receipt_hash(&receipt);
        receipts.push(Bytes(receipt));
    }
    receipts
}

/// That something was destroyed, by nobody's word.
fn unsigned() -> Event {
    Event::Deleted { statement: Bytes(Vec::new()), signature: SignatureBytes([0; 64]) }
}

#[tokio::test]
async fn t065_a_server_that_rewrites_what_was_kept_is_named_and_destroys_nothing() {
    let world = World::start().await;
    let lent = lent(&world).await;
    assert_eq!(lent.verdict().await, Verdict::Whole, "control");
    let kept = std::fs::read(&lent.kept).unwrap();
    let whole = lent.device.trail(lent.session).await.unwrap();
    // The opening left out, the rest linked anew, the end in the server's own name; then as long as one likes.
    let granted = |receipt: Receipt| matches!(receipt.event, Event::Granted { .. }).then_some(receipt.event);
    let mut events: Vec<Event> = whole.decoded().unwrap().into_iter().filter_map(granted).collect();
    let (statement, signature) = (Bytes(Vec::new()), SignatureBytes([0; 64]));
    events.push(Event::Ended { code: ErrorCode::SessionExpired, statement, signature });
    let rewritten = linked(lent.session, events);
    let cut = |length: usize| whole.receipts[..length].to_vec();
    for other in [rewritten.clone(), cut(1), cut(whole.receipts.len() - 1)] {
        lent.serve(other);
        let trail = lent.device.trail(lent.session).await.unwrap();
        assert_eq!((trail.verdict, trail.audit.as_ref()), (Verdict::Contradicted, None));
        assert_eq!(trail.receipts, whole.receipts, "what was kept is shown");
        assert_eq!(std::fs::read(&lent.kept).unwrap(), kept);
    }
    // Longer, but what is longer does not hold.
    let mut longer = whole.receipts.clone();
    longer.extend(linked(lent.session, vec![unsigned(); longer.len() + 1]).pop());
    lent.serve(longer);
    let broken = Verdict::Broken { seq: u64::try_from(whole.receipts.len()).unwrap() };
    assert_eq!(lent.verdict().await, broken);
    assert_eq!(std::fs::read(&lent.kept).unwrap(), kept);
    // Control: a device that kept nothing takes the rewritten trail for the whole truth.
    std::fs::remove_file(&lent.kept).unwrap();
    lent.serve(rewritten);
    assert_eq!(lent.verdict().await, Verdict::Whole);
    assert_eq!(lent.device.trail(lent.session).await.unwrap().audit.unwrap().openings, 0);
}

#[tokio::test]
async fn a_trail_that_grew_is_kept_and_one_without_an_end_says_so() {
    let world = World::start().await;
    let lent = lent(&world).await;
    let whole = lent.device.trail(lent.session).await.unwrap();
    std::fs::remove_file(&lent.kept).unwrap();
    lent.serve(whole.receipts[..2].to_vec());
    assert_eq!(lent.verdict().await, Verdict::NoEnd);
    assert_eq!(lent.device.kept_sessions().await.unwrap()[0].ended, None);
    lent.honest();
    assert_eq!(lent.verdict().await, Verdict::Whole, "it begins with what was kept");
    let kept = lent.device.kept_sessions().await.unwrap();
    assert_eq!((kept[0].opened, kept[0].units, kept[0].ended), (1, 1, Some(ErrorCode::SessionEnded)));
    // Without the server, it is as it was kept.
    lent.serve(Vec::new());
    assert_eq!(lent.verdict().await, Verdict::Whole);
    // A kept file that somebody edited is no measure.
    let mut edited = std::fs::read(&lent.kept).unwrap();
    let middle = edited.len() / 2;
    edited[middle] ^= 1;
    std::fs::write(&lent.kept, &edited).unwrap();
    lent.honest();
    assert_eq!(lent.verdict().await, Verdict::Whole);
    assert_ne!(std::fs::read(&lent.kept).unwrap(), edited, "and the true one is kept again");
}

#[tokio::test]
async fn receipts_without_end_end() {
    let world = World::start().await;
    let lent = lent(&world).await;
    let session = lent.session;
    // The same page for ever.
    let page = linked(session, [unsigned(), unsigned()]);
    let same = move || page.clone();
    // Ever new ones.
    let mut next = 0u64;
    let ever_new = move || {
        let receipt =
            |seq| Receipt { suite: SUITE, session, seq, previous: Hash::ZERO, at: UnixMillis(1), event: unsigned() };
        let from = next;
        next += MAX_RECEIPTS as u64;
        (from..next).map(|seq| Bytes(encode(&receipt(seq)))).collect()
    };
    type Pages = Box<dyn FnMut() -> Vec<Bytes>>;
    let cases: [(Pages, ErrorCode); 2] =
        [(Box::new(same), ErrorCode::Malformed), (Box::new(ever_new), ErrorCode::TooLarge)];
    for (mut pages, code) in cases {
        let kept = std::fs::read(&lent.kept).unwrap();
        std::fs::remove_file(&lent.kept).unwrap();
        *lent.meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
            if !path.contains("/receipts") {
                return body;
            }
            serde_json::to_vec(&Receipts { receipts: pages(), more: true }).unwrap()
        }));
        assert_eq!(lent.device.trail(session).await.unwrap_err().code(), Some(code));
        std::fs::write(&lent.kept, kept).unwrap();
    }
    // Of a session whose trail was kept, that is another trail.
    let page = linked(session, [unsigned()]);
    *lent.meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !path.contains("/receipts") {
            return body;
        }
        serde_json::to_vec(&Receipts { receipts: page.clone(), more: true }).unwrap()
    }));
    assert_eq!(lent.verdict().await, Verdict::Contradicted);
    lent.honest();
    assert_eq!(lent.verdict().await, Verdict::Whole, "control");
}

#[tokio::test]
async fn a_server_that_skips_a_receipt_when_it_is_asked_ends_the_session() {
    let world = World::start().await;
    world.device("mara").await;
    let (ground, meddling) = world.meddled("mara");
    // Fetched at every join, and the socket breaks all the time.
    let ground = Ground { machine: Rc::new(Hurried::new(20)), ..ground };
    let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    add(&device, "Letter", b"Dear reader").await;
    meddling.cut_after.set(Some(3));
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
        if !path.contains("/receipts") {
            return body;
        }
        let mut page: Receipts = serde_json::from_slice(&body).unwrap();
        if !page.receipts.is_empty() {
            page.receipts.remove(0);
        }
        page.receipts.extend(linked(SessionId([1; 16]), vec![unsigned(); 9]).split_off(8));
        serde_json::to_vec(&page).unwrap()
    }));
    let plan = plan(&device, 600_000).await;
    let (ending, ()) = lend(&device, plan, async |mut user: User| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        viewer.input(Input::Open(units[0].0)).await;
        until_end(&mut viewer).await;
    })
    .await;
    assert_eq!(ending.unwrap().code, ErrorCode::RecordTampered);
}

#[tokio::test]
async fn kept_sessions_come_newest_first_whatever_their_ids() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let folder = world.home("mara").join("receipts");
    std::fs::create_dir_all(&folder).unwrap();
    for (first, at) in [(7u8, 20), (1, 30), (9, 10)] {
        let session = SessionId([first; 16]);
        let receipt =
            Receipt { suite: SUITE, session, seq: 0, previous: Hash::ZERO, at: UnixMillis(at), event: unsigned() };
        std::fs::write(folder.join(format!("{session}.cbor")), encode(&vec![Bytes(encode(&receipt))])).unwrap();
    }
    std::fs::write(folder.join(format!("{}.cbor", SessionId([8; 16]))), b"half").unwrap();
    let order: Vec<u8> = device.kept_trails().await.unwrap().iter().map(|session| session.0[0]).collect();
    assert_eq!(order, [1, 7, 9, 8], "and what cannot be read comes last");
    let begun: Vec<u64> = device.kept_sessions().await.unwrap().iter().map(|kept| kept.begun.0).collect();
    assert_eq!(begun, [30, 20, 10, 0]);
}

#[tokio::test]
async fn a_session_is_shortened_to_the_least_and_goes_on() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        user.does(Command::Shorten { millis: 1 });
        let left = user.sees(|event| match event {
            Seen::Changed { expires_in, .. } => Some(expires_in),
            _ => None,
        });
        let left = left.await;
        assert!((1..=10_000).contains(&left), "{left}");
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader", "it goes on under the shorter Terms");
        user.does(Command::End);
    })
    .await;
    let ending = ending.unwrap();
    assert_eq!((ending.code, ending.audit.map(|audit| audit.openings)), (ErrorCode::SessionEnded, Some(1)));
}

/// A passphrase that is typed ends no pause: whoever starts the command again waits all the same.
#[tokio::test]
async fn t005_the_passphrase_does_not_end_a_pause() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let home = glimpse_device::home::Home::new(world.ground("mara").storage);
    let now = world.ground("mara").machine.now();
    for _ in 0..3 {
        let _counted = home.with_attempts(|attempts| attempts.begin(now)).await.unwrap();
    }
    device.forgive_failures().await.unwrap();
    let (_commands, mut todo) = futures_channel::mpsc::unbounded();
    let refused = device.lend(plan(&device, 600_000).await, &mut todo, &mut |event| panic!("{event:?}")).await;
    assert!(matches!(refused, Err(DeviceError::Paused { .. })), "{refused:?}");
    // Control: two failures pause nothing.
    std::fs::remove_file(world.home("mara").join("attempts.cbor")).unwrap();
    for _ in 0..2 {
        let _counted = home.with_attempts(|attempts| attempts.begin(now)).await.unwrap();
    }
    let (ending, _) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        user.code().await;
        user.does(Command::Cancel);
    })
    .await;
    assert_eq!(ending.unwrap_err().code(), Some(ErrorCode::Declined));
}
