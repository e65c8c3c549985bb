//! An account and its records.

use core::cell::RefCell;
use std::io::Read;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_core::kem::KemPublic;
use glimpse_core::keys::WriterKeys;
use glimpse_core::record::{Author, Draft, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_device::card::ContactCard;
use glimpse_device::listing::Standing;
use glimpse_device::native::Machine;
use glimpse_device::publish::NewContent;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::writer::Writer;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::api::Share;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Envelope, Meta, Page};
use glimpse_wire::{ErrorCode, Hash, decode, encode};

use crate::meddling::{Hurried, Meddling};
use crate::world::{PASSPHRASE, World, add, content, meta, show};

#[tokio::test]
async fn what_is_added_can_be_listed_shown_replaced_and_deleted() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let letter = add(&device, "Letter", b"Dear reader").await.to_string();
    let large: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let scan = add(&device, "Scan", &large).await.to_string();
    add(&device, "Empty", b"").await;

    let listing = device.listing().await.unwrap();
    let titles: Vec<&str> =
        listing.newest_first().iter().map(|entry| entry.meta.as_ref().unwrap().title.as_str()).collect();
    assert_eq!(titles, ["Empty", "Scan", "Letter"]);
    assert_eq!(show(&device, &letter).await.unwrap(), b"Dear reader");
    assert_eq!(show(&device, &scan[..8]).await.unwrap(), large);

    let entry = listing.find(&letter).unwrap();
    let version = device.put(entry, content("Letter", &mut &b"Dear readers"[..], &mut |_| {})).await.unwrap();
    assert_eq!(version, 2);
    // The same device, unlocked again from its files.
    let again = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    assert_eq!(show(&again, &letter).await.unwrap(), b"Dear readers");
    let stale = again.put(entry, content("Letter", &mut &b"x"[..], &mut |_| {})).await.unwrap_err();
    assert_eq!(stale.code(), Some(ErrorCode::Conflict));

    let listing = again.listing().await.unwrap();
    again.delete(listing.find(&letter).unwrap()).await.unwrap();
    assert!(matches!(show(&again, &letter).await, Err(DeviceError::NoRecord(_))));
    assert_eq!(again.listing().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_passphrase_opens_nothing() {
    let world = World::start().await;
    let device = world.device("mara").await;
    assert!(matches!(Device::unlock(&world.ground("mara"), b"wrong").await, Err(DeviceError::Passphrase)));
    device.change_passphrase(b"another").await.unwrap();
    assert!(matches!(Device::unlock(&world.ground("mara"), PASSPHRASE).await, Err(DeviceError::Passphrase)));
    assert!(Device::unlock(&world.ground("mara"), b"another").await.is_ok());
    assert!(matches!(Device::unlock(&world.ground("nobody"), PASSPHRASE).await, Err(DeviceError::NoAccount)));
    let twice = Device::create(world.ground("mara"), "", PASSPHRASE).await;
    assert!(matches!(twice, Err(DeviceError::AccountExists)));
}

#[tokio::test]
async fn a_deleted_account_is_gone_here_and_there() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    device.delete_account().await.unwrap();
    assert!(matches!(Device::unlock(&world.ground("mara"), PASSPHRASE).await, Err(DeviceError::NoAccount)));
    assert!(!world.home("mara").join("keys.cbor").exists());
}

/// Every envelope that the server lists, newest last.
pub(crate) async fn changes(device: &Device, meddling: &Meddling) -> Vec<Change> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&seen);
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if path.starts_with("/v1/records?") {
            keep.borrow_mut().extend(decode::<Page>(&body, body.len()).unwrap().changes);
        }
        body
    }));
    // A listing that remembers nothing asks for everything.
    let _listing = device.listing().await.unwrap();
    *meddling.rewrite.borrow_mut() = None;
    seen.take()
}

/// From here on the server lists `change` as the one that comes next, whatever it has, and no checkpoint.
pub(crate) fn serve(meddling: &Meddling, change: Change) {
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        let Some(after) = path.strip_prefix("/v1/records?after=") else { return body };
        let seq = after.split('&').next().unwrap().parse::<u64>().unwrap() + 1;
        let page: Page = decode(&body, body.len()).unwrap();
        let changes = vec![moved(change.clone(), seq)];
        encode(&Page { changes, next: seq, more: false, newest: seq, checkpoint: Vec::new(), ..page })
    }));
}

pub(crate) fn moved(change: Change, to: u64) -> Change {
    match change {
        Change::Version { envelope, .. } => Change::Version { seq: to, envelope },
        Change::Pending { envelope, .. } => Change::Pending { seq: to, envelope },
        Change::Deleted { deletion, .. } => Change::Deleted { seq: to, deletion },
        Change::Replaced { record, version, h1, kind, .. } => Change::Replaced { seq: to, record, version, h1, kind },
        Change::Decided { envelope, decision, .. } => Change::Decided { seq: to, envelope, decision },
    }
}

#[tokio::test]
async fn t042_an_older_version_and_a_deleted_record_that_return_are_named_and_the_others_stay_usable() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"first").await.to_string();
    let note = add(&device, "Note", b"Milk").await.to_string();
    let first = changes(&device, &meddling).await.remove(0);
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&letter).unwrap();
    device.put(entry, content("Letter", &mut &b"second"[..], &mut |_| {})).await.unwrap();
    assert_eq!(show(&device, &letter).await.unwrap(), b"second");

    serve(&meddling, first.clone());
    let listing = device.listing().await.unwrap();
    *meddling.rewrite.borrow_mut() = None;
    let rolled_back = listing.find(&letter).unwrap();
    assert_eq!(rolled_back.usable(), Err(ErrorCode::RecordRolledBack));
    assert_eq!(rolled_back.version, 2, "what was seen before stays the measure");
    let refused = device.open_entries(&[rolled_back]).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::RecordRolledBack));
    // It is remembered, and the other record is as it was.
    let again = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    assert!(again.stored_listing().await.unwrap().find(&letter).unwrap().usable().is_err());
    assert!(again.stored_listing().await.unwrap().find(&note).unwrap().usable().is_ok());

    serve(&meddling, first);
    // Control: a device that remembers nothing takes the old version for the newest.
    std::fs::remove_file(world.home("mara").join("listing.sealed")).unwrap();
    assert!(device.listing().await.unwrap().find(&letter).unwrap().usable().is_ok());
}

#[tokio::test]
async fn a_deleted_record_does_not_come_back() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"Dear reader").await.to_string();
    let version = changes(&device, &meddling).await.remove(0);
    device.delete(device.listing().await.unwrap().find(&letter).unwrap()).await.unwrap();
    assert!(device.listing().await.unwrap().is_empty());
    serve(&meddling, version);
    let listing = device.listing().await.unwrap();
    assert_eq!(listing.find(&letter).unwrap().usable(), Err(ErrorCode::RecordRolledBack));
}

#[tokio::test]
async fn t043_what_nobody_signed_is_never_the_users_own_and_never_lent() {
    let world = World::start().await;
    let stranger = world.device("stranger").await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let own = add(&device, "Letter", b"Dear reader").await.to_string();
    let Change::Version { envelope, .. } = changes(&device, &meddling).await.remove(0) else { panic!() };
    let envelope = Envelope::parse(envelope.as_slice()).unwrap();

    // Sealed to the account's public key by a stranger, who claims to be a device of the account.
    let chain = device.chain();
    let recipient = Recipient {
        account: device.account(),
        epoch: 1,
        key: KemPublic::parse(chain.epoch().unwrap().account_key.as_slice()).unwrap(),
        head: chain.head(),
    };
    let machine = Machine::new();
    let rng = &mut SystemRng(&machine);
    let author = Author::Device(stranger.keys());
    let draft = Draft::new(&recipient, Place::new_record(rng), author, envelope.header.created, 3, rng).unwrap();
    let mut sealer = draft.seal(meta("Invoice"), 1, &ServerShare::from_wire(&Hash([1; 32])), &recipient, rng).unwrap();
    sealer.push(b"pay", &mut |_| {}).unwrap();
    let forged = sealer.finish(author, &mut |_| {}).unwrap();
    serve(&meddling, Change::Version { seq: 0, envelope: Bytes(forged.to_bytes()) });
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&forged.header.record.to_string()).unwrap();
    assert_eq!((entry.standing, entry.meta.as_ref().unwrap().title.as_str()), (Standing::Unsigned, "Invoice"));
    let opened = device.open_entries(&[entry]).await.unwrap();
    assert_eq!(opened[0].require_lendable(), Err(ErrorCode::RecordTampered));

    // The device's own envelope with one byte changed under its signature.
    let mut altered = envelope.clone();
    altered.header.created.0 += 1;
    serve(&meddling, Change::Version { seq: 0, envelope: Bytes(altered.to_bytes()) });
    assert!(device.listing().await.unwrap().find(&own).unwrap().usable().is_err());
    // Control: as it was signed, it is the user's own.
    std::fs::remove_file(world.home("mara").join("listing.sealed")).unwrap();
    serve(&meddling, Change::Version { seq: 0, envelope: Bytes(envelope.to_bytes()) });
    assert_eq!(device.listing().await.unwrap().find(&own).unwrap().standing, Standing::Own);
}

#[tokio::test]
async fn t038_content_that_was_changed_or_cut_on_the_way_is_named() {
    let world = World::start().await;
    world.device("mara").await;
    let (ground, meddling) = world.meddled("mara");
    let ground = Ground { machine: Rc::new(Hurried::new(50)), ..ground };
    let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    let content: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let id = add(&device, "Scan", &content).await.to_string();
    type Change = fn(&mut Vec<u8>);
    let cases: [(Change, ErrorCode); 4] = [
        (|body| body[70_000] ^= 1, ErrorCode::RecordTampered),
        (|body| body[0] ^= 0x80, ErrorCode::RecordTampered),
        (|body| body.push(0), ErrorCode::RecordTampered),
        // Cut off before a chunk is whole: asked for again, and in the end named.
        (|body| body.truncate(50_000), ErrorCode::ServerUnreachable),
    ];
    for (change, code) in cases {
        *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, mut body| {
            if path.starts_with("/v1/contents/") {
                change(&mut body);
            }
            body
        }));
        let shown = show(&device, &id).await.map(|bytes| bytes.len());
        assert_eq!(shown.unwrap_err().code(), Some(code));
    }
    *meddling.rewrite.borrow_mut() = None;
    assert_eq!(show(&device, &id).await.unwrap(), content, "control");
}

#[tokio::test]
async fn t074_a_wrong_server_share_is_a_clean_error() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let id = add(&device, "Letter", b"Dear reader").await.to_string();
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
        if !path.ends_with("/share") {
            return body;
        }
        serde_json::to_vec(&Share { kid: 1, share: Hash([7; 32]) }).unwrap()
    }));
    assert_eq!(show(&device, &id).await.unwrap_err().code(), Some(ErrorCode::RecordTampered));
    *meddling.rewrite.borrow_mut() = None;
    assert_eq!(show(&device, &id).await.unwrap(), b"Dear reader", "control");
}

#[tokio::test]
async fn lost_answers_do_nothing_twice() {
    let world = World::start().await;
    let (ground, meddling) = world.meddled("mara");
    *meddling.lose.borrow_mut() = Some("/v1/accounts".to_owned());
    let device = Device::create(ground, "", PASSPHRASE).await.unwrap();
    *meddling.lose.borrow_mut() = Some("/v1/records".to_owned());
    add(&device, "Letter", b"Dear reader").await;
    assert!(meddling.lose.borrow().is_none(), "the answer was lost");
    assert_eq!(device.listing().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_that_was_founded_half_is_founded_by_the_next_attempt() {
    let world = World::start().await;
    let (ground, meddling) = world.meddled("mara");
    // The server founded it; then this device died.
    *meddling.lose.borrow_mut() = Some("/v1/sign-in".to_owned());
    assert!(Device::create(ground.clone(), "", PASSPHRASE).await.is_err());
    assert!(matches!(Device::unlock(&ground, PASSPHRASE).await, Err(DeviceError::NoAccount)));
    let first = std::fs::read(world.home("mara").join("keys.cbor")).unwrap();
    assert!(matches!(Device::create(ground.clone(), "", b"another one").await, Err(DeviceError::Passphrase)));
    let device = Device::create(ground, "", PASSPHRASE).await.unwrap();
    assert_eq!(std::fs::read(world.home("mara").join("keys.cbor")).unwrap(), first, "the same keys");
    assert!(device.listing().await.unwrap().is_empty());
}

/// A file that breaks, ends early or never ends.
struct Broken {
    left: usize,
    then: fn() -> std::io::Result<usize>,
}

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return (self.then)();
        }
        let read = self.left.min(buffer.len());
        buffer[..read].fill(b'x');
        self.left -= read;
        Ok(read)
    }
}

#[tokio::test]
async fn content_that_breaks_while_it_is_read_adds_nothing() {
    let world = World::start().await;
    let device = world.device("mara").await;
    type Then = fn() -> std::io::Result<usize>;
    let cases: [(usize, Then); 3] =
        [(150_000, || Err(std::io::Error::other("the disk is gone"))), (150_000, || Ok(0)), (400_000, || Ok(0))];
    for (left, then) in cases {
        let mut source = Broken { left, then };
        let content = NewContent { meta: meta("Scan"), length: 300_000, content: &mut source, progress: &mut |_| {} };
        let failed = device.add(content).await.unwrap_err();
        assert!(matches!(failed, DeviceError::Content(_)), "{failed:?}");
    }
    assert!(device.listing().await.unwrap().is_empty());
    let mut source = Broken { left: 300_000, then: || Ok(0) };
    let content = NewContent { meta: meta("Scan"), length: 300_000, content: &mut source, progress: &mut |_| {} };
    device.add(content).await.unwrap();
    assert_eq!(device.listing().await.unwrap().len(), 1, "control");
}

#[tokio::test]
async fn what_one_device_lists_grows_with_each_look() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    for number in 0..20 {
        add(&device, &format!("Note {number}"), b"x").await;
    }
    assert_eq!(device.listing().await.unwrap().len(), 20);
    add(&device, "Note 20", b"x").await;
    let asked = changes(&device, &meddling).await;
    assert_eq!(asked.len(), 1, "only what is new is asked for");
    // Two unlocked devices in one home at the same time.
    let other = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    let (ours, theirs) = futures_util::future::join(device.listing(), other.listing()).await;
    assert_eq!(ours.unwrap(), theirs.unwrap());
    assert!(matches!(device.listing().await.unwrap().find(""), Err(DeviceError::NoRecord(_))));
    // The sealed copy tells nothing, and a changed one is not used.
    let path = world.home("mara").join("listing.sealed");
    let mut sealed = std::fs::read(&path).unwrap();
    assert!(!sealed.windows(4).any(|window| window == b"Note"));
    sealed[100] ^= 1;
    std::fs::write(&path, sealed).unwrap();
    assert!(matches!(device.listing().await, Err(DeviceError::Damaged(_))));
}

#[tokio::test]
async fn a_writer_with_a_card_adds_what_is_shown_as_its_own() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let card: ContactCard = device.card().to_string().parse().unwrap();
    let ground = world.ground("writer");
    let writer = Writer::new(ground.transport, ground.machine, WriterKeys::generate(&mut SystemRng(&Machine::new())));
    let content = NewContent {
        meta: Meta { from: "Dr. Weber".to_owned(), ..meta("Result") },
        length: 4,
        content: &mut &b"fine"[..],
        progress: &mut |_| {},
    };
    let id = writer.write(&card, content).await.unwrap().to_string();
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&id).unwrap();
    assert_eq!(entry.standing, Standing::Pending);
    assert_eq!(entry.usable().unwrap().from, "Dr. Weber");
    assert_eq!(show(&device, &id).await.unwrap(), b"fine");

    // Another account's device signed this card, or nobody did.
    let other = world.device("other").await;
    let mut forged = device.card().card().clone();
    forged.statement.device = other.keys().id();
    let signed = other.keys().signing().sign_statement(StatementKind::Card, &forged);
    let text = format!("glimpse-card-1:{}", Base64UrlUnpadded::encode_string(&encode(&signed)));
    let refused = writer.write(&text.parse().unwrap(), content_of(&mut &b"x"[..], &mut |_| {})).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::ChainForked));
    for nonsense in ["", "glimpse-card-1:", "glimpse-card-1:AAAA", "glimpse-card-2:AAAA", &"x".repeat(10_000)] {
        assert!(nonsense.parse::<ContactCard>().is_err());
    }
}

#[tokio::test]
async fn a_writer_waits_for_a_device_that_was_seen_within_a_day() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let card = device.card();
    let hurried = Rc::new(Hurried::new(1));
    let writer = Writer::new(
        world.ground("writer").transport,
        hurried.clone(),
        WriterKeys::generate(&mut SystemRng(&Machine::new())),
    );
    hurried.offset.set(25 * 3_600_000);
    let stale = writer.write(&card, content_of(&mut &b"fine"[..], &mut |_| {})).await;
    assert!(matches!(stale, Err(DeviceError::StaleHead)), "{stale:?}");
    hurried.offset.set(0);
    assert!(writer.write(&card, content_of(&mut &b"fine"[..], &mut |_| {})).await.is_ok(), "control");
}

fn content_of<'c>(bytes: &'c mut &[u8], progress: &'c mut dyn FnMut(u64)) -> NewContent<'c> {
    content("Result", bytes, progress)
}
