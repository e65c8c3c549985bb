//! What writers bring, and what the devices of the account decide about it, against a server that makes its own of that.

use std::rc::Rc;

use glimpse_core::keys::WriterKeys;
use glimpse_core::session::viewer::Provenance;
use glimpse_core::viewer::State;
use glimpse_device::lend::Command;
use glimpse_device::listing::{Entry, Listing, LogAlarm, Standing, Taken};
use glimpse_device::native::Machine;
use glimpse_device::publish::NewContent;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::writer::Writer;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::account::Pin;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Decision, Envelope, Meta, Page};
use glimpse_wire::{AuthorId, ErrorCode, Hash, RecordId, SUITE, SigningKeyBytes, UnixMillis, encode};

use crate::family::linked;
use crate::lending::{lend, pair, plan, receiver, until_end};
use crate::listings::{edit, honest};
use crate::meddling::Meddling;
use crate::records::moved;
use crate::world::{World, add, meta, show};

/// A writer of the name that it gives itself, and its public key.
struct Hand {
    writer: Writer,
    key: SigningKeyBytes,
    name: &'static str,
}

impl Hand {
    fn new(world: &World, name: &'static str) -> Self {
        let Ground { transport, machine, .. } = world.ground("writer");
        let keys = WriterKeys::generate(&mut SystemRng(&Machine::new()));
        let key = keys.signing().public();
        Self { writer: Writer::new(transport, machine, keys), key, name }
    }

    async fn write(&self, device: &Device, title: &str, bytes: &[u8]) -> RecordId {
        let meta = Meta { from: self.name.to_owned(), ..meta(title) };
        let length = u64::try_from(bytes.len()).unwrap();
        let content = NewContent { meta, length, content: &mut &*bytes, progress: &mut |_| {} };
        self.writer.write(&device.card(), content).await.unwrap()
    }
}

fn entry(listing: &Listing, record: RecordId) -> Entry {
    listing.find(&record.to_string()).unwrap().clone()
}

/// From whom it is said to be, and what became of it.
fn said(listing: &Listing, record: RecordId) -> (String, Taken) {
    let entry = entry(listing, record);
    let written = entry.written().unwrap();
    (written.name.to_owned(), written.taken)
}

async fn approve(device: &Device, record: RecordId) -> Result<(), DeviceError> {
    let listing = device.listing().await?;
    let opened = device.open_entries(&[&entry(&listing, record)]).await?;
    device.approve(&opened[0]).await
}

/// A device, the network that meddles with a second one of the same account, and that one.
async fn family(world: &World) -> (Device, Rc<Meddling>, Device) {
    let phone = world.device("phone").await;
    linked(world, &phone, "tablet").await;
    let (tablet, meddling) = world.unlocked_meddled("tablet").await;
    (phone, meddling, tablet)
}

#[tokio::test]
async fn what_one_device_approves_or_rejects_every_device_takes_so() {
    let world = World::start().await;
    let (phone, _, tablet) = family(&world).await;
    let clinic = Hand::new(&world, "Clinic");
    let (kept, refused) = (clinic.write(&phone, "Result", b"fine").await, clinic.write(&phone, "Advert", b"buy").await);
    let listing = tablet.listing().await.unwrap();
    assert_eq!(listing.waiting().len(), 2);
    assert_eq!(said(&listing, kept), ("Clinic".to_owned(), Taken::Waiting));
    approve(&phone, kept).await.unwrap();
    phone.delete(&entry(&phone.listing().await.unwrap(), refused)).await.unwrap();
    for device in [&tablet, &phone] {
        let listing = device.listing().await.unwrap();
        assert_eq!((listing.waiting().len(), listing.len(), listing.alarms()), (0, 1, [].as_slice()));
        assert_eq!(said(&listing, kept), ("Clinic".to_owned(), Taken::Approved));
        assert_eq!(entry(&listing, kept).standing, Standing::Approved);
        assert!(matches!(listing.find(&refused.to_string()), Err(DeviceError::NoRecord(_))));
        assert_eq!(show(device, &kept.to_string()).await.unwrap(), b"fine");
    }
    // Whoever is second finds it done, and a record of the owner needs no decision.
    approve(&tablet, kept).await.unwrap();
    let own = add(&phone, "Letter", b"Dear reader").await;
    assert_eq!(approve(&phone, own).await.unwrap_err().code(), Some(ErrorCode::NotGranted));
    // Both at once: the same.
    let both = clinic.write(&phone, "Both", b"x").await;
    let (listing, seen) = (phone.listing().await.unwrap(), tablet.listing().await.unwrap());
    let first = phone.open_entries(&[&entry(&listing, both)]).await.unwrap();
    let second = tablet.open_entries(&[&entry(&seen, both)]).await.unwrap();
    phone.approve(&first[0]).await.unwrap();
    tablet.approve(&second[0]).await.unwrap();
    // What was deleted meanwhile cannot be approved any more.
    let late = clinic.write(&phone, "Late", b"x").await;
    let listing = tablet.listing().await.unwrap();
    let opened = tablet.open_entries(&[&entry(&listing, late)]).await.unwrap();
    phone.delete(&entry(&phone.listing().await.unwrap(), late)).await.unwrap();
    assert_eq!(tablet.approve(&opened[0]).await.unwrap_err().code(), Some(ErrorCode::Conflict));
    assert_eq!(tablet.listing().await.unwrap().alarms(), []);
}

#[tokio::test]
async fn what_a_pinned_writer_brings_counts_under_the_name_of_the_pin_and_as_long_as_it_stands() {
    let world = World::start().await;
    let (phone, _, tablet) = family(&world).await;
    let (clinic, stranger) = (Hand::new(&world, "The Clinic Ltd"), Hand::new(&world, "Dr. Weber"));
    let early = clinic.write(&phone, "Early", b"x").await;
    let kept = clinic.write(&phone, "Kept", b"x").await;
    approve(&phone, kept).await.unwrap();
    let pin = Pin { name: "Dr. Weber".to_owned(), key: clinic.key };
    phone.set_policy(|policy| policy.writers.push(pin.clone())).await.unwrap();
    let late = clinic.write(&phone, "Late", b"x").await;
    // Who only says that name is not pinned.
    let other = stranger.write(&phone, "Other", b"x").await;
    for device in [&phone, &tablet] {
        let listing = device.listing().await.unwrap();
        for record in [early, kept, late] {
            assert_eq!(said(&listing, record), ("Dr. Weber".to_owned(), Taken::Pinned));
        }
        assert_eq!(said(&listing, other), ("Dr. Weber".to_owned(), Taken::Waiting));
        assert_eq!(listing.waiting().len(), 1);
    }
    phone.set_policy(|policy| policy.writers.clear()).await.unwrap();
    let listing = tablet.listing().await.unwrap();
    for (record, taken) in [(early, Taken::Waiting), (late, Taken::Waiting), (kept, Taken::Approved)] {
        assert_eq!(said(&listing, record), ("The Clinic Ltd".to_owned(), taken));
    }
}

#[tokio::test]
async fn a_viewer_is_told_what_the_owner_has_approved() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let (clinic, lab, stranger) =
        (Hand::new(&world, "Clinic"), Hand::new(&world, "Lab Ltd"), Hand::new(&world, "Stranger"));
    let approved = clinic.write(&device, "Approved", b"x").await;
    approve(&device, approved).await.unwrap();
    lab.write(&device, "Pinned", b"x").await;
    let pin = Pin { name: "My lab".to_owned(), key: lab.key };
    device.set_policy(|policy| policy.writers.push(pin.clone())).await.unwrap();
    stranger.write(&device, "Waiting", b"x").await;
    add(&device, "Own", b"x").await;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        let State::Session(running) = viewer.state() else { panic!("a session") };
        let mut seen: Vec<_> = running
            .units()
            .map(|(_, unit)| (unit.meta.title.clone(), unit.meta.from.clone(), unit.provenance))
            .collect();
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        let line = |title: &str, from: &str, provenance| (title.to_owned(), from.to_owned(), provenance);
        let expected = [
            line("Approved", "Clinic", Provenance::Approved),
            line("Own", "", Provenance::Owner),
            line("Pinned", "My lab", Provenance::Approved),
            line("Waiting", "Stranger", Provenance::Unapproved),
        ];
        assert_eq!(seen, expected);
        user.does(Command::End);
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    ending.unwrap();
}

/// The newest change that is an approval, with its envelope and its decision.
fn approval(page: &mut Page) -> Option<(&mut Bytes, &mut Bytes)> {
    page.changes.iter_mut().rev().find_map(|change| match change {
        Change::Decided { envelope, decision, .. } => Some((envelope, decision)),
        _ => None,
    })
}

/// What the second device makes of a page that the server has edited, and with a fresh listing.
async fn judged(
    tablet: &Device,
    world: &World,
    meddling: &Meddling,
    change: impl FnMut(&mut Page) + 'static,
) -> Listing {
    let stored = world.home("tablet").join("listing.sealed");
    let kept = std::fs::read(&stored).ok();
    edit(meddling, change);
    let listing = tablet.listing().await.unwrap();
    honest(meddling);
    match kept {
        Some(kept) => std::fs::write(&stored, kept).unwrap(),
        None => std::fs::remove_file(&stored).unwrap(),
    }
    listing
}

fn refused(listing: &Listing, record: RecordId) -> Option<ErrorCode> {
    entry(listing, record).usable().err()
}

/// What the server lists from the beginning. The second device forgets what it has seen by this.
async fn listed(tablet: &Device, world: &World, meddling: &Meddling) -> Vec<Change> {
    let stored = world.home("tablet").join("listing.sealed");
    let kept = std::fs::read(&stored).unwrap();
    std::fs::remove_file(&stored).unwrap();
    let seen = Rc::new(core::cell::RefCell::new(Vec::new()));
    let keep = Rc::clone(&seen);
    edit(meddling, move |page| keep.borrow_mut().extend(page.changes.clone()));
    tablet.listing().await.unwrap();
    honest(meddling);
    std::fs::write(&stored, kept).unwrap();
    seen.take()
}

/// The envelope of a record that waits.
fn envelope_of(changes: &[Change], record: RecordId) -> Bytes {
    let waiting = changes.iter().filter_map(|change| match change {
        Change::Pending { envelope, .. } => Some(envelope),
        _ => None,
    });
    let mut of = waiting.filter(|envelope| Envelope::parse(envelope.as_slice()).unwrap().header.record == record);
    of.next().unwrap().clone()
}

/// Row 55 of the catalogue: what was approved is one content, and no other takes its decision.
#[tokio::test]
async fn t055_another_content_in_the_place_of_the_approved_one_is_refused() {
    let world = World::start().await;
    let (phone, meddling, tablet) = family(&world).await;
    let clinic = Hand::new(&world, "Clinic");
    let shown = clinic.write(&phone, "Result", b"take one").await;
    let other = clinic.write(&phone, "Result", b"take ten").await;
    tablet.listing().await.unwrap();
    let swapped = envelope_of(&listed(&tablet, &world, &meddling).await, other);
    approve(&phone, shown).await.unwrap();
    // The second text with the decision about the first.
    let listing = judged(&tablet, &world, &meddling, move |page| {
        if let Some((envelope, _)) = approval(page) {
            *envelope = swapped.clone();
        }
    })
    .await;
    assert!(listing.newest_first().iter().all(|entry| entry.standing != Standing::Approved));
    assert_eq!(refused(&listing, other), Some(ErrorCode::RecordTampered));
    // Another content under the envelope that was approved.
    let listing = judged(&tablet, &world, &meddling, |page| {
        if let Some((envelope, _)) = approval(page) {
            let mut read = Envelope::parse(envelope.as_slice()).unwrap();
            read.content_root = Hash([7; 32]);
            envelope.0 = read.to_bytes();
        }
    })
    .await;
    assert_eq!(refused(&listing, shown), Some(ErrorCode::RecordTampered));
    // Opening asks for the decision again: a server that leaves it out by then shows nothing.
    let entry = entry(&tablet.listing().await.unwrap(), shown);
    edit(&meddling, |page| {
        for change in &mut page.changes {
            if let Change::Decided { seq, envelope, .. } = change {
                *change = Change::Pending { seq: *seq, envelope: envelope.clone() };
            }
        }
    });
    assert_eq!(tablet.open_entries(&[&entry]).await.unwrap_err().code(), Some(ErrorCode::RecordTampered));
    honest(&meddling);
    // Control.
    assert_eq!(said(&tablet.listing().await.unwrap(), shown).1, Taken::Approved);
    assert_eq!(show(&tablet, &shown.to_string()).await.unwrap(), b"take one");
}

/// Row 56 of the catalogue: a decision is for one version of one record, by a device that may decide.
#[tokio::test]
async fn t056_a_decision_about_anything_else_or_by_anybody_else_is_refused() {
    let world = World::start().await;
    let (phone, meddling, tablet) = family(&world).await;
    let foreign = world.device("foreign").await;
    let lost = linked(&world, &phone, "lost").await;
    let clinic = Hand::new(&world, "Clinic");
    let other = clinic.write(&phone, "Other", b"x").await;
    let record = clinic.write(&phone, "Result", b"fine").await;
    tablet.listing().await.unwrap();
    let there = Envelope::parse(envelope_of(&listed(&tablet, &world, &meddling).await, record).as_slice()).unwrap();
    let honest_word = Decision {
        suite: SUITE,
        account: phone.account(),
        record,
        version: 1,
        h1: there.h1(),
        writer: there.header.author,
        at: UnixMillis(5),
        head: phone.head(),
        device: phone.keys().id(),
    };
    let before = honest_word.head;
    phone.revoke(&[lost.keys().id()]).await.unwrap();
    let honest_word = Decision { head: phone.head(), ..honest_word };
    tablet.listing().await.unwrap();
    approve(&phone, record).await.unwrap();

    let by =
        |device: &Device, kind, decision: &Decision| encode(&device.keys().signing().sign_statement(kind, decision));
    let word = |decision: Decision| by(&phone, StatementKind::Decision, &decision);
    let as_lost = |head| Decision { head, device: lost.keys().id(), ..honest_word };
    let as_foreign = Decision { device: foreign.keys().id(), ..honest_word };
    for (what, bytes) in [
        ("another record", word(Decision { record: other, ..honest_word })),
        ("a later version", word(Decision { version: 2, ..honest_word })),
        ("another content", word(Decision { h1: Hash([1; 32]), ..honest_word })),
        ("another account", word(Decision { account: foreign.account(), ..honest_word })),
        ("another writer", word(Decision { writer: AuthorId([1; 32]), ..honest_word })),
        ("another suite", word(Decision { suite: 2, ..honest_word })),
        ("as a deletion", by(&phone, StatementKind::Deletion, &honest_word)),
        ("a foreign device", by(&foreign, StatementKind::Decision, &as_foreign)),
        ("a foreign device in a member's name", by(&foreign, StatementKind::Decision, &honest_word)),
        ("a device that was taken out", by(&lost, StatementKind::Decision, &as_lost(phone.head()))),
        ("nothing", Vec::new()),
        ("no statement", vec![0xFF; 100]),
    ] {
        let listing = judged(&tablet, &world, &meddling, move |page| {
            if let Some((_, decision)) = approval(page) {
                decision.0.clone_from(&bytes);
            }
        })
        .await;
        assert_eq!(refused(&listing, record), Some(ErrorCode::RecordTampered), "{what}");
        assert_eq!(said(&listing, other).1, Taken::Waiting, "{what}: the others stay as they are");
    }
    // Dated back: a device that was taken out says it under the link at which it belonged, after a device has named a
    // later one.
    add(&phone, "Letter", b"x").await;
    tablet.listing().await.unwrap();
    let late = clinic.write(&phone, "Late", b"x").await;
    let envelope = {
        tablet.listing().await.unwrap();
        envelope_of(&listed(&tablet, &world, &meddling).await, late)
    };
    let read = Envelope::parse(envelope.as_slice()).unwrap();
    let dated = Decision { record: late, h1: read.h1(), ..as_lost(before) };
    let dated = Bytes(by(&lost, StatementKind::Decision, &dated));
    let page = move |page: &mut Page| {
        let seq = page.newest + 1;
        page.changes.push(Change::Decided { seq, envelope: envelope.clone(), decision: dated.clone() });
        (page.next, page.newest) = (seq, seq);
    };
    let listing = judged(&tablet, &world, &meddling, page).await;
    assert_eq!(refused(&listing, late), Some(ErrorCode::RecordTampered));
    // Control: what the server has is fine.
    let listing = tablet.listing().await.unwrap();
    assert_eq!((said(&listing, record).1, listing.alarms()), (Taken::Approved, [].as_slice()));
}

/// Row 56 of the catalogue: a decision that is shown again where what it was about is gone.
#[tokio::test]
async fn t056_a_decision_that_returns_after_the_deletion_brings_nothing_back() {
    let world = World::start().await;
    let (phone, meddling, tablet) = family(&world).await;
    let clinic = Hand::new(&world, "Clinic");
    let record = clinic.write(&phone, "Result", b"fine").await;
    approve(&phone, record).await.unwrap();
    tablet.listing().await.unwrap();
    let replayed = listed(&tablet, &world, &meddling).await.pop().unwrap();
    assert!(matches!(replayed, Change::Decided { .. }));
    phone.delete(&entry(&phone.listing().await.unwrap(), record)).await.unwrap();
    assert!(tablet.listing().await.unwrap().is_empty(), "control");
    let listing = judged(&tablet, &world, &meddling, move |page| {
        let seq = page.newest + 1;
        page.changes.push(moved(replayed.clone(), seq));
        (page.next, page.newest) = (seq, seq);
    })
    .await;
    assert_eq!(refused(&listing, record), Some(ErrorCode::RecordRolledBack));
}

/// Rows 42 and 43 of the catalogue, for approvals: one that the server hides, takes back or makes up is named.
#[tokio::test]
async fn t043_an_approval_that_is_hidden_or_taken_back_is_noticed_like_any_change() {
    let mut world = World::start().await;
    let (phone, meddling, tablet) = family(&world).await;
    let clinic = Hand::new(&world, "Clinic");
    let record = clinic.write(&phone, "Result", b"fine").await;
    tablet.listing().await.unwrap();
    world.keep_copy().await;
    approve(&phone, record).await.unwrap();
    // Signs a checkpoint over both changes.
    assert_eq!(said(&phone.listing().await.unwrap(), record).1, Taken::Approved);
    let hidden = judged(&tablet, &world, &meddling, |page| {
        page.changes.clear();
        (page.next, page.newest) = (1, 1);
    })
    .await;
    assert!(matches!(hidden.alarms(), [LogAlarm::RolledBack { seen: 2, newest: 1 }]), "{:?}", hidden.alarms());
    // As if it still waited, under the number of the decision.
    let unsaid = judged(&tablet, &world, &meddling, |page| {
        for change in &mut page.changes {
            if let Change::Decided { seq, envelope, .. } = change {
                *change = Change::Pending { seq: *seq, envelope: envelope.clone() };
            }
        }
    })
    .await;
    assert!(!unsaid.alarms().is_empty());
    // Control, and an old backup in the place of the server's data.
    assert_eq!(tablet.listing().await.unwrap().alarms(), []);
    world.put_back().await;
    let after = tablet.listing().await.unwrap();
    let rolled_back = |alarm: &LogAlarm| matches!(alarm, LogAlarm::RolledBack { seen: 2, newest: 1 });
    assert!(after.alarms().iter().any(rolled_back), "{:?}", after.alarms());
    tablet.accept_log().await.unwrap();
    let listing = tablet.listing().await.unwrap();
    assert_eq!(refused(&listing, record), Some(ErrorCode::RecordRolledBack), "it is not what it was");
}
