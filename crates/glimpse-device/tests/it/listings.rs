//! A server that lists what it should not, or numbers it as it likes.

use std::rc::Rc;

use glimpse_core::keys::WriterKeys;
use glimpse_device::Device;
use glimpse_device::listing::{Listing, Standing};
use glimpse_device::surroundings::SystemRng;
use glimpse_device::writer::Writer;
use glimpse_wire::account::Signed;
use glimpse_wire::api::Published;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Deletion, Page};
use glimpse_wire::{ErrorCode, RecordId, SUITE, UnixMillis, decode, encode};

use crate::meddling::Meddling;
use crate::records::{changes, moved};
use crate::world::{PASSPHRASE, World, add, content, show};

/// Changes each page of a listing from here on.
fn edit(meddling: &Meddling, mut edit: impl FnMut(&mut Page) + 'static) {
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !path.starts_with("/v1/records?") {
            return body;
        }
        let mut page: Page = decode(&body, body.len()).unwrap();
        edit(&mut page);
        encode(&page)
    }));
}

/// From here on the server says what it has.
fn honest(meddling: &Meddling) {
    *meddling.rewrite.borrow_mut() = None;
}

fn titles(listing: &Listing) -> Vec<&str> {
    let mut titles: Vec<&str> = listing
        .newest_first()
        .iter()
        .filter(|entry| entry.usable().is_ok())
        .map(|entry| entry.meta.as_ref().unwrap().title.as_str())
        .collect();
    titles.sort_unstable();
    titles
}

async fn meddled(world: &World) -> (Device, Rc<Meddling>) {
    world.device("mara").await;
    let (ground, meddling) = world.meddled("mara");
    (Device::unlock(&ground, PASSPHRASE).await.unwrap(), meddling)
}

/// A device that was told that the newest of its two changes has the number `seq`.
async fn told_a_high_number(world: &World, seq: u64) -> (Device, Rc<Meddling>) {
    let (device, meddling) = meddled(world).await;
    add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    edit(&meddling, move |page| {
        if let Some(last) = page.changes.pop() {
            page.changes.push(moved(last, seq));
        }
        (page.next, page.newest) = (seq, seq);
    });
    assert_eq!(titles(&device.listing().await.unwrap()), ["Letter", "Note"]);
    honest(&meddling);
    (device, meddling)
}

#[tokio::test]
async fn a_number_that_no_change_will_ever_exceed_hides_nothing_that_comes_after() {
    let world = World::start().await;
    for (name, seq) in [("greatest", u64::MAX), ("high", 1_000)] {
        let world = if name == "high" { &World::start().await } else { &world };
        let (device, meddling) = told_a_high_number(world, seq).await;
        let ground = world.ground("writer");
        let keys = WriterKeys::generate(&mut SystemRng(&*world.ground("writer").machine));
        let writer = Writer::new(ground.transport, ground.machine, keys);
        let card = device.card();
        let id = writer.write(&card, content("Scan", &mut &b"pixels"[..], &mut |_| {})).await.unwrap().to_string();
        // Control: as long as the server keeps to its story, it is as if the record were not there.
        edit(&meddling, move |page| {
            page.changes.clear();
            page.newest = seq;
        });
        assert_eq!(titles(&device.listing().await.unwrap()), ["Letter", "Note"], "{name}");
        honest(&meddling);
        let listing = device.listing().await.unwrap();
        assert_eq!(titles(&listing), ["Letter", "Note", "Scan"], "{name}");
        assert_eq!(show(&device, &id).await.unwrap(), b"pixels");
        assert_eq!(device.listing().await.unwrap(), listing, "nothing is read twice");
    }
}

#[tokio::test]
async fn the_number_of_a_version_just_published_tells_that_the_numbers_went_back() {
    let world = World::start().await;
    let (device, meddling) = told_a_high_number(&world, 1_000).await;
    // Control: a server that goes on lying about it is believed.
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| match path {
        "/v1/records" => serde_json::to_vec(&Published { seq: 1_001 }).unwrap(),
        _ => body,
    }));
    add(&device, "Scan", b"pixels").await;
    let hide = |page: &mut Page| page.newest = 1_000;
    edit(&meddling, hide);
    assert_eq!(titles(&device.listing().await.unwrap()), ["Letter", "Note"]);
    honest(&meddling);
    add(&device, "Film", b"frames").await;
    edit(&meddling, hide);
    assert_eq!(titles(&device.listing().await.unwrap()), ["Film", "Letter", "Note", "Scan"]);
}

#[tokio::test]
async fn t042_what_a_restored_server_has_lost_is_named() {
    let world = World::start().await;
    let (device, meddling) = meddled(&world).await;
    let letter = add(&device, "Letter", b"first").await.to_string();
    let note = add(&device, "Note", b"Milk").await.to_string();
    let backup = changes(&device, &meddling).await;
    device
        .put(
            device.listing().await.unwrap().find(&letter).unwrap(),
            content("Letter", &mut &b"second"[..], &mut |_| {}),
        )
        .await
        .unwrap();
    let late = add(&device, "Late", b"x").await.to_string();
    device.listing().await.unwrap();
    // As it was before the second version and the last record.
    edit(&meddling, move |page| {
        page.changes = if page.changes.is_empty() { Vec::new() } else { backup.clone() };
        (page.next, page.more, page.newest) = (2, false, 2);
    });
    let listing = device.listing().await.unwrap();
    honest(&meddling);
    for lost in [&letter, &late] {
        assert_eq!(listing.find(lost).unwrap().usable().err(), Some(ErrorCode::RecordRolledBack));
    }
    assert_eq!(listing.find(&letter).unwrap().version, 2, "what was seen before stays the measure");
    assert!(listing.find(&note).unwrap().usable().is_ok(), "what is still there stays usable");
    // Control: what was lost and comes back is usable again.
    std::fs::remove_file(world.home("mara").join("listing.sealed")).unwrap();
    assert_eq!(titles(&device.listing().await.unwrap()), ["Late", "Letter", "Note"]);
}

#[tokio::test]
async fn one_bad_item_is_named_and_the_others_are_listed() {
    let world = World::start().await;
    let (device, meddling) = meddled(&world).await;
    let letter = add(&device, "Letter", b"Dear reader").await;
    device.listing().await.unwrap();
    let note = add(&device, "Note", b"Milk").await.to_string();
    let true_deletion = Deletion {
        suite: SUITE,
        account: device.account(),
        record: letter,
        version: 1,
        h1: device.stored_listing().await.unwrap().find(&letter.to_string()).unwrap().h1,
        at: UnixMillis(1),
        head: device.head(),
    };
    let signed = device.keys().signing().sign_statement(StatementKind::Deletion, &true_deletion);
    let unsigned = Bytes(encode(&Signed { signature: SignatureBytes([0; 64]), ..signed.clone() }));
    let bad = move |deletion: Bytes| {
        move |page: &mut Page| {
            page.changes.insert(0, Change::Deleted { seq: 12, deletion: deletion.clone() });
            page.changes.insert(0, Change::Version { seq: 11, envelope: Bytes(vec![0; 10]) });
            page.changes.insert(0, Change::Deleted { seq: 10, deletion: Bytes(vec![0xff]) });
            let last = page.changes.pop().unwrap();
            page.changes.push(moved(last, 13));
            (page.next, page.newest) = (13, 13);
        }
    };
    edit(&meddling, bad(unsigned));
    let listing = device.listing().await.unwrap();
    assert!(listing.find(&note).unwrap().usable().is_ok(), "what came after them is listed");
    assert_eq!(listing.unreadable(), 2);
    assert_eq!(listing.find(&letter.to_string()).unwrap().usable().err(), Some(ErrorCode::RecordTampered));
    assert_eq!(device.stored_listing().await.unwrap().unreadable(), 2, "and stays named");
    // Control: signed, it is a deletion.
    std::fs::remove_file(world.home("mara").join("listing.sealed")).unwrap();
    edit(&meddling, move |page| {
        page.changes = vec![Change::Deleted { seq: 1, deletion: Bytes(encode(&signed)) }];
        (page.next, page.newest) = (1, 1);
    });
    assert!(device.listing().await.unwrap().is_empty());
}

#[tokio::test]
async fn t042_an_envelope_that_nobody_signed_does_not_make_the_true_versions_old_ones() {
    let world = World::start().await;
    let (device, meddling) = meddled(&world).await;
    let letter = add(&device, "Letter", b"first").await.to_string();
    let listing = device.listing().await.unwrap();
    // The true envelope, with another number, under a signature that does not fit.
    let high = changes_of(&device, &meddling, |envelope| envelope.header.version = u64::MAX).await;
    edit(&meddling, move |page| {
        page.changes = vec![moved(high.clone(), 100)];
        (page.next, page.newest) = (100, 100);
    });
    let marked = device.listing().await.unwrap();
    let marked = marked.find(&letter).unwrap();
    assert_eq!((marked.usable().err(), marked.version), (Some(ErrorCode::RecordTampered), 1));
    honest(&meddling);
    device.put(listing.find(&letter).unwrap(), content("Letter", &mut &b"second"[..], &mut |_| {})).await.unwrap();
    assert_eq!(show(&device, &letter).await.unwrap(), b"second");
    assert_eq!(device.listing().await.unwrap().find(&letter).unwrap().standing, Standing::Own);
}

/// The first envelope that the server lists, edited.
async fn changes_of(
    device: &Device,
    meddling: &Meddling,
    edit: impl FnOnce(&mut glimpse_wire::record::Envelope),
) -> Change {
    let home = device.stored_listing().await.unwrap();
    let fresh = Rc::new(core::cell::RefCell::new(None));
    let keep = Rc::clone(&fresh);
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if path.starts_with("/v1/records?") {
            keep.borrow_mut().replace(decode::<Page>(&body, body.len()).unwrap());
        }
        body
    }));
    device.open_entries(&home.newest_first()).await.unwrap();
    honest(meddling);
    let page = fresh.take().unwrap();
    let Change::Version { seq, envelope } = page.changes[0].clone() else { panic!() };
    let mut envelope = glimpse_wire::record::Envelope::parse(envelope.as_slice()).unwrap();
    edit(&mut envelope);
    if envelope.header.version > 1 {
        envelope.header.previous = glimpse_wire::Hash([7; 32]);
    }
    Change::Version { seq, envelope: Bytes(envelope.to_bytes()) }
}

#[tokio::test]
async fn a_server_that_gets_nowhere_is_not_asked_for_ever() {
    let world = World::start().await;
    let (device, meddling) = meddled(&world).await;
    let letter = add(&device, "Letter", b"Dear reader").await.to_string();
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&letter).unwrap();
    type Edit = fn(&mut Page);
    let opens: [(Edit, ErrorCode); 4] = [
        (|page| page.next = 0, ErrorCode::Malformed),
        (|page| (page.changes, page.next) = (vec![other()], 0), ErrorCode::Malformed),
        (|page| (page.changes, page.next) = (Vec::new(), 0), ErrorCode::Conflict),
        (|page| (page.changes, page.next) = (vec![other()], u64::MAX), ErrorCode::Conflict),
    ];
    for (index, (change, code)) in opens.into_iter().enumerate() {
        edit(&meddling, change);
        assert_eq!(device.open_entries(&[entry]).await.unwrap_err().code(), Some(code), "{index}");
    }
    honest(&meddling);
    assert_eq!(device.open_entries(&[entry]).await.unwrap().len(), 1, "control");
    add(&device, "Note", b"Milk").await;
    let lists: [Edit; 3] = [
        // A number that does not rise, one that is higher than the newest, and numbers that go back twice.
        |page| {
            page.changes = vec![moved(page.changes[0].clone(), 1)];
            page.more = true;
        },
        |page| page.newest = 1,
        |page| {
            page.newest = if page.changes.len() == 1 { 0 } else { 1 };
            page.changes.truncate(1);
            page.more = true;
        },
    ];
    for (index, change) in lists.into_iter().enumerate() {
        edit(&meddling, change);
        assert_eq!(device.listing().await.unwrap_err().code(), Some(ErrorCode::Malformed), "{index}");
    }
    honest(&meddling);
    assert_eq!(device.listing().await.unwrap().len(), 2, "control");
}

/// A change that nobody asked for.
fn other() -> Change {
    Change::Deleted { seq: 7, deletion: Bytes(encode(&RecordId([1; 16]))) }
}
