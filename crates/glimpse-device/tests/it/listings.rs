//! A server that lists what it should not, or numbers it as it likes.

use std::rc::Rc;

use glimpse_device::Device;
use glimpse_device::listing::{Listing, LogAlarm, Standing};
use glimpse_wire::account::Signed;
use glimpse_wire::api::Published;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Deletion, Page};
use glimpse_wire::{ErrorCode, RecordId, SUITE, UnixMillis, decode, encode};

use crate::meddling::Meddling;
use crate::records::moved;
use crate::world::{World, add, content, show};

/// Changes each page of a listing from here on.
pub(crate) fn edit(meddling: &Meddling, mut edit: impl FnMut(&mut Page) + 'static) {
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
pub(crate) fn honest(meddling: &Meddling) {
    *meddling.rewrite.borrow_mut() = None;
}

pub(crate) fn titles(listing: &Listing) -> Vec<&str> {
    let mut titles: Vec<&str> = listing
        .newest_first()
        .iter()
        .filter(|entry| entry.usable().is_ok())
        .map(|entry| entry.meta.as_ref().unwrap().title.as_str())
        .collect();
    titles.sort_unstable();
    titles
}

#[tokio::test]
async fn a_number_that_is_left_out_or_that_no_change_will_reach_hides_nothing() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    for seq in [3, 1_000, u64::MAX] {
        edit(&meddling, move |page| {
            if let Some(last) = page.changes.pop() {
                page.changes.push(moved(last, seq));
            }
            (page.next, page.newest) = (seq, seq);
        });
        assert_eq!(device.listing().await.unwrap_err().code(), Some(ErrorCode::Malformed), "{seq}");
        assert!(device.stored_listing().await.unwrap().is_empty(), "nothing of it was taken");
    }
    // Numbers in order, and more of them than there will ever be: what came is kept, and the rest is asked for.
    edit(&meddling, |page| page.newest = u64::MAX);
    assert_eq!(device.listing().await.unwrap_err().code(), Some(ErrorCode::Malformed));
    assert_eq!(titles(&device.stored_listing().await.unwrap()), ["Letter", "Note"]);
    honest(&meddling);
    add(&device, "Scan", b"pixels").await;
    let listing = device.listing().await.unwrap();
    assert_eq!((titles(&listing), listing.alarms()), (vec!["Letter", "Note", "Scan"], [].as_slice()));
    assert_eq!(device.listing().await.unwrap(), listing, "nothing is read twice");
}

#[tokio::test]
async fn the_number_of_a_version_just_published_tells_that_changes_are_gone() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    device.listing().await.unwrap();
    // Control: the number that the server gives by itself.
    add(&device, "Scan", b"pixels").await;
    assert_eq!(device.stored_listing().await.unwrap().alarms(), []);
    device.listing().await.unwrap();
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| match path {
        "/v1/records" => serde_json::to_vec(&Published { seq: 3 }).unwrap(),
        _ => body,
    }));
    add(&device, "Film", b"frames").await;
    honest(&meddling);
    let named = [LogAlarm::RolledBack { seen: 3, newest: 3 }];
    assert_eq!(device.stored_listing().await.unwrap().alarms(), named);
    let refused = device.add(content("Song", &mut &b"la"[..], &mut |_| {})).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::LogBroken));
    assert_eq!(device.listing().await.unwrap().alarms(), named, "and stays named");
}

#[tokio::test]
async fn one_bad_item_is_named_and_the_others_are_listed() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
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
            page.changes.insert(0, Change::Deleted { seq: 4, deletion: deletion.clone() });
            page.changes.insert(0, Change::Version { seq: 3, envelope: Bytes(vec![0; 10]) });
            page.changes.insert(0, Change::Deleted { seq: 2, deletion: Bytes(vec![0xff]) });
            let last = page.changes.pop().unwrap();
            page.changes.push(moved(last, 5));
            (page.next, page.newest) = (5, 5);
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
        page.checkpoint.clear();
    });
    assert!(device.listing().await.unwrap().is_empty());
}

#[tokio::test]
async fn t042_an_envelope_that_nobody_signed_does_not_make_the_true_versions_old_ones() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"first").await.to_string();
    let listing = device.listing().await.unwrap();
    // The true envelope, with another number, under a signature that does not fit.
    let high = changes_of(&device, &meddling, |envelope| envelope.header.version = u64::MAX).await;
    edit(&meddling, move |page| {
        page.changes = vec![moved(high.clone(), 2)];
        (page.next, page.newest) = (2, 2);
    });
    let marked = device.listing().await.unwrap();
    let marked = marked.find(&letter).unwrap();
    assert_eq!((marked.usable().err(), marked.version), (Some(ErrorCode::RecordTampered), 1));
    honest(&meddling);
    device.put(listing.find(&letter).unwrap(), content("Letter", &mut &b"second"[..], &mut |_| {})).await.unwrap();
    // There it has the number of what the server had listed before: that it lied is named as well.
    let listing = device.listing().await.unwrap();
    assert_eq!(listing.alarms(), [LogAlarm::RolledBack { seen: 2, newest: 2 }]);
    device.accept_log().await.unwrap();
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
    let (device, meddling) = world.founded_meddled("mara").await;
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
    let lists: [Edit; 4] = [
        // A number that does not rise, one that is higher than the newest, one that is left out, and nothing where there
        // is more.
        |page| {
            page.changes = vec![moved(page.changes[0].clone(), 1)];
            page.more = true;
        },
        |page| page.newest = 1,
        |page| page.changes = vec![moved(page.changes[0].clone(), 3)],
        |page| page.changes.clear(),
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
