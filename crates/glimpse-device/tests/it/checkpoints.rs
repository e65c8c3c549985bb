//! What the devices of an account have signed of the log of changes, against a server that lists something else. Random
//! stories are in `src/listing/log/tests.rs`.

use std::path::Path;

use glimpse_device::lend::Plan;
use glimpse_device::listing::{Listing, LogAlarm};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::account::Signed;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Change, Checkpoint, Page};
use glimpse_wire::{ErrorCode, Hash, RecordId};

use crate::listings::{edit, honest, titles};
use crate::meddling::Meddling;
use crate::records::{changes, moved};
use crate::world::{PASSPHRASE, World, add, content, show};

async fn put(device: &Device, record: &RecordId, bytes: &[u8]) {
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&record.to_string()).unwrap();
    device.put(entry, content("Letter", &mut &*bytes, &mut |_| {})).await.unwrap();
}

/// A device of the account that has seen nothing so far.
fn forget(world: &World) {
    std::fs::remove_file(world.home("mara").join("listing.sealed")).unwrap();
}

fn numbered(changes: &[Change]) -> Vec<Change> {
    (1u64..).zip(changes).map(|(seq, change)| moved(change.clone(), seq)).collect()
}

/// The server lists `story` in place of what it has, to a device that has seen nothing.
fn tell(meddling: &Meddling, story: &[Change], checkpoint: bool) {
    let story = numbered(story);
    let newest = u64::try_from(story.len()).unwrap();
    edit(meddling, move |page| {
        // What is asked for beyond its end is not in it either.
        let first = if page.next < newest || !page.changes.is_empty() { 0 } else { story.len() };
        page.changes = story[first..].to_vec();
        (page.next, page.newest, page.more) = (newest, newest, false);
        if !checkpoint {
            page.checkpoint.clear();
        }
    });
}

fn replaced(page: &Page, place: usize) -> Change {
    let change = page.changes[place].clone();
    assert!(matches!(change, Change::Replaced { .. }));
    change
}

/// What the server lists from the beginning.
async fn page(device: &Device, meddling: &Meddling, world: &World) -> Page {
    forget(world);
    let seen = std::rc::Rc::new(core::cell::RefCell::new(None));
    let keep = std::rc::Rc::clone(&seen);
    edit(meddling, move |page| {
        keep.borrow_mut().get_or_insert_with(|| page.clone());
    });
    device.listing().await.unwrap();
    honest(meddling);
    seen.take().unwrap()
}

/// What a device that has seen nothing makes of a story, with the checkpoint of the server, and without.
async fn both(device: &Device, meddling: &Meddling, world: &World, story: &[Change]) -> (Listing, Listing) {
    let mut seen = Vec::new();
    for checkpoint in [true, false] {
        forget(world);
        tell(meddling, story, checkpoint);
        seen.push(device.listing().await.unwrap());
        honest(meddling);
    }
    let without = seen.pop().unwrap();
    (seen.pop().unwrap(), without)
}

#[tokio::test]
async fn t042_an_older_version_is_noticed_by_a_device_that_never_saw_the_newer_one() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"first").await;
    add(&device, "Note", b"Milk").await;
    let before = changes(&device, &meddling).await;
    put(&device, &letter, b"second").await;
    device.listing().await.unwrap();
    let after = page(&device, &meddling, &world).await.changes;
    assert_eq!(after.len(), 3);

    // As it was before the second version.
    let (seen, without) = both(&device, &meddling, &world, &before).await;
    assert_eq!(seen.alarms(), [LogAlarm::RolledBack { seen: 3, newest: 2 }]);
    let id = letter.to_string();
    // Control: nothing but the checkpoint tells.
    assert_eq!((without.alarms(), without.find(&id).unwrap().version), ([].as_slice(), 1));
    assert!(without.find(&id).unwrap().usable().is_ok());

    // As many changes as there are: something else stands in the place of the second version.
    add(&device, "Late", b"x").await;
    let newest = page(&device, &meddling, &world).await.changes;
    let story = [before[0].clone(), before[1].clone(), newest[3].clone()];
    let (seen, without) = both(&device, &meddling, &world, &story).await;
    assert_eq!(seen.alarms()[0], LogAlarm::RolledBack { seen: 4, newest: 3 });
    assert_eq!((without.alarms(), without.find(&id).unwrap().version), ([].as_slice(), 1), "control");
}

#[tokio::test]
async fn t044_a_hidden_record_a_hidden_deletion_and_another_order_are_named() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    add(&device, "Scan", b"pixels").await;
    let before = changes(&device, &meddling).await;
    let listing = device.listing().await.unwrap();
    device.delete(listing.find(&letter.to_string()).unwrap()).await.unwrap();
    device.listing().await.unwrap();
    let after = page(&device, &meddling, &world).await;
    let [gone, note, scan, deleted] = [0, 1, 2, 3].map(|place| after.changes[place].clone());
    assert_eq!(replaced(&after, 0), gone);
    let device_id = device.keys().id();
    let differs = LogAlarm::Differs { agreed: 0, count: 4, number: 2, device: device_id };
    type Story = (&'static str, Vec<Change>, Vec<LogAlarm>, Vec<&'static str>);
    let stories: [Story; 5] = [
        (
            "hidden",
            vec![gone.clone(), note.clone(), deleted.clone()],
            vec![LogAlarm::RolledBack { seen: 4, newest: 3 }],
            vec!["Note"],
        ),
        (
            "hidden deletion",
            before.clone(),
            vec![LogAlarm::RolledBack { seen: 4, newest: 3 }],
            vec!["Letter", "Note", "Scan"],
        ),
        (
            "re-ordered",
            vec![note.clone(), gone.clone(), scan.clone(), deleted.clone()],
            vec![differs],
            vec!["Note", "Scan"],
        ),
        (
            "hidden behind another",
            vec![gone.clone(), note.clone(), gone.clone(), deleted.clone()],
            Vec::new(),
            vec!["Note"],
        ),
        ("doubled", vec![gone.clone(), note.clone(), note.clone(), deleted.clone()], Vec::new(), vec!["Note"]),
    ];
    for (name, story, named, listed) in stories {
        let (seen, without) = both(&device, &meddling, &world, &story).await;
        assert_eq!(titles(&seen), listed, "{name}: listed all the same");
        if named.is_empty() {
            // Where a record is listed twice the list contradicts itself: that needs no checkpoint.
            assert!(
                matches!(seen.alarms(), [LogAlarm::OutOfOrder { seq: 3, .. }, LogAlarm::Differs { count: 4, .. }]),
                "{name}: {seen:?}"
            );
        } else {
            assert_eq!(seen.alarms(), named, "{name}");
            assert_eq!((without.alarms(), titles(&without)), ([].as_slice(), listed), "{name}: control");
        }
    }
    // Control: the truth.
    forget(&world);
    let truth = device.listing().await.unwrap();
    assert_eq!((titles(&truth), truth.alarms()), (vec!["Note", "Scan"], [].as_slice()));
}

#[tokio::test]
async fn t044_what_was_kept_from_a_device_that_has_read_most_is_named_with_its_place() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    device.listing().await.unwrap();
    // What this device knows, while another one goes on.
    let path = world.home("mara").join("listing.sealed");
    let known = std::fs::read(&path).unwrap();
    add(&device, "Scan", b"pixels").await;
    add(&device, "Film", b"frames").await;
    device.listing().await.unwrap();
    std::fs::write(&path, &known).unwrap();
    edit(&meddling, |page| {
        page.changes.retain(|change| !matches!(change, Change::Version { seq: 3, .. }));
        page.changes.iter_mut().for_each(|change| *change = moved(change.clone(), 3));
        page.changes.extend(page.changes.clone().first().map(|change| moved(change.clone(), 4)));
    });
    let listing = device.listing().await.unwrap();
    honest(&meddling);
    let differs = LogAlarm::Differs { agreed: 2, count: 4, number: 2, device: device.keys().id() };
    assert!(listing.alarms().contains(&differs), "{:?}", listing.alarms());
    assert!(differs.to_string().starts_with("of the changes 3 to 4,"), "{differs}");
    // It stays named when the server says the truth again, in another process too.
    let again = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    assert!(again.listing().await.unwrap().alarms().contains(&differs));
    // The user takes what is there.
    again.accept_log().await.unwrap();
    let listing = again.listing().await.unwrap();
    assert_eq!((titles(&listing), listing.alarms()), (vec!["Film", "Letter", "Note", "Scan"], [].as_slice()));
    // Control: the truth, to a device that knows as much.
    std::fs::write(&path, &known).unwrap();
    assert_eq!(device.listing().await.unwrap().alarms(), []);
}

#[tokio::test]
async fn t042_a_checkpoint_that_is_older_another_or_nobodys_is_named() {
    let world = World::start().await;
    let stranger = world.device("stranger").await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    device.listing().await.unwrap();
    let first = page(&device, &meddling, &world).await.checkpoint;
    add(&device, "Note", b"Milk").await;
    device.listing().await.unwrap();
    let second = page(&device, &meddling, &world).await.checkpoint;
    let known = std::fs::read(world.home("mara").join("listing.sealed")).unwrap();
    let truth: Checkpoint = second[0].peek().unwrap();
    assert_eq!((truth.number, truth.count), (2, 2));
    let by = |device: &Device, checkpoint: &Checkpoint| {
        vec![device.keys().signing().sign_statement(StatementKind::Checkpoint, checkpoint)]
    };
    let forked = LogAlarm::CheckpointForked { number: 2 };
    let bad = LogAlarm::BadSignature { number: 3 };
    let next = Checkpoint { number: 3, count: 3, previous: Hash([9; 32]), ..truth };
    let cases: [(&str, Vec<Signed>, LogAlarm); 9] = [
        ("older", first, LogAlarm::CheckpointRolledBack { seen: 2, number: 1 }),
        ("none", Vec::new(), LogAlarm::CheckpointRolledBack { seen: 2, number: 0 }),
        ("another", by(&device, &Checkpoint { root: Hash([1; 32]), ..truth }), forked),
        ("on another", by(&device, &next), LogAlarm::CheckpointForked { number: 3 }),
        ("of a stranger", by(&stranger, &next), bad),
        ("in another's name", by(&stranger, &Checkpoint { device: stranger.keys().id(), ..next }), bad),
        ("of another account", by(&device, &Checkpoint { account: stranger.account(), ..next }), bad),
        (
            "unsigned",
            vec![Signed { signature: SignatureBytes([0; 64]), ..second[0].clone() }],
            LogAlarm::BadSignature { number: 2 },
        ),
        ("a deletion", vec![device.keys().signing().sign_statement(StatementKind::Deletion, &next)], bad),
    ];
    for (name, given, alarm) in cases {
        std::fs::write(world.home("mara").join("listing.sealed"), &known).unwrap();
        edit(&meddling, move |page| page.checkpoint = given.clone());
        assert_eq!(device.listing().await.unwrap().alarms(), [alarm], "{name}");
        honest(&meddling);
    }
    // Control: the one that is there.
    std::fs::write(world.home("mara").join("listing.sealed"), &known).unwrap();
    edit(&meddling, move |page| page.checkpoint = second.clone());
    assert_eq!(device.listing().await.unwrap().alarms(), []);
    edit(&meddling, |page| page.checkpoint.extend(page.checkpoint.clone()));
    assert_eq!(device.listing().await.unwrap_err().code(), Some(ErrorCode::Malformed));
}

#[tokio::test]
async fn t044_what_this_device_published_and_does_not_find_is_named() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let note = add(&device, "Note", b"Milk").await;
    add(&device, "Scan", b"pixels").await;
    let hide = |page: &mut Page| {
        page.changes.retain(|change| !matches!(change, Change::Version { seq: 2, .. }));
        page.changes = numbered(&page.changes);
        (page.next, page.newest) = (2, 2);
    };
    edit(&meddling, hide);
    // Control: a process that published nothing takes the story of an account that never had it.
    let (stranger, other) = world.unlocked_meddled("mara").await;
    edit(&other, move |page| {
        hide(page);
        page.checkpoint.clear();
    });
    let without = stranger.listing().await.unwrap();
    assert_eq!((without.alarms(), titles(&without)), ([].as_slice(), vec!["Letter", "Scan"]));
    forget(&world);
    let listing = device.listing().await.unwrap();
    let named = [LogAlarm::RolledBack { seen: 3, newest: 2 }, LogAlarm::NotAsPublished { seq: 2, record: note }];
    assert_eq!(listing.alarms(), named);
    honest(&meddling);
    device.accept_log().await.unwrap();
    let listing = device.listing().await.unwrap();
    assert_eq!((listing.alarms(), titles(&listing)), ([].as_slice(), vec!["Letter", "Note", "Scan"]));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn t098_a_server_that_was_restored_from_an_old_backup_is_noticed() {
    let mut world = World::start().await;
    let (device, _meddling) = world.founded_meddled("mara").await;
    let letter = add(&device, "Letter", b"first").await;
    let note = add(&device, "Note", b"Milk").await.to_string();
    device.listing().await.unwrap();
    let path = world.home("mara").join("listing.sealed");
    let old = std::fs::read(&path).unwrap();
    let backup = world.server.folder().join("backup");
    world.server.stop().await;
    copy(world.server.data(), &backup);
    world.server.resume().await.unwrap();
    put(&device, &letter, b"second").await;
    let late = add(&device, "Late", b"x").await.to_string();
    let seen = device.listing().await.unwrap();
    assert_eq!((seen.len(), seen.alarms()), (3, [].as_slice()));

    world.server.stop().await;
    std::fs::remove_dir_all(world.server.data()).unwrap();
    copy(&backup, world.server.data());
    world.server.resume().await.unwrap();
    let device = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    let listing = device.listing().await.unwrap();
    let named = [LogAlarm::CheckpointRolledBack { seen: 2, number: 1 }, LogAlarm::RolledBack { seen: 4, newest: 2 }];
    assert_eq!(listing.alarms(), named);
    assert_eq!(titles(&listing), titles(&seen), "what was known is listed all the same");
    assert_eq!(show(&device, &note).await.unwrap(), b"Milk", "and what is there is shown");
    // Nothing is published, deleted or vouched for, in a new process either.
    let device = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    let broken = |error: DeviceError| assert_eq!(error.code(), Some(ErrorCode::LogBroken));
    broken(device.add(content("Song", &mut &b"la"[..], &mut |_| {})).await.unwrap_err());
    broken(device.delete(listing.find(&note).unwrap()).await.unwrap_err());
    let (_commands, mut todo) = futures_channel::mpsc::unbounded();
    let records = device.open_entries(&[listing.find(&note).unwrap()]).await.unwrap();
    let plan = Plan {
        to: glimpse_device::lend::Audience::OwnScreen,
        records,
        save: false,
        millis: 600_000,
        site: None,
        withheld: Vec::new(),
    };
    broken(device.lend(plan, &mut todo, &mut |event| panic!("{event:?}")).await.unwrap_err());
    assert_eq!(device.listing().await.unwrap().alarms(), named);

    // The user takes what is left: what is missing is named, and the rest goes on.
    device.accept_log().await.unwrap();
    let listing = device.listing().await.unwrap();
    assert_eq!((listing.alarms(), titles(&listing)), ([].as_slice(), vec!["Note"]));
    for lost in [&letter.to_string(), &late] {
        assert_eq!(listing.find(lost).unwrap().usable().err(), Some(ErrorCode::RecordRolledBack));
    }
    assert_eq!(listing.find(&letter.to_string()).unwrap().version, 2, "what was seen before stays the measure");
    add(&device, "Song", b"la").await;
    let listing = device.listing().await.unwrap();
    assert_eq!((listing.alarms(), titles(&listing)), ([].as_slice(), vec!["Note", "Song"]));
    // Control: a device that has seen no more than the backup has takes the checkpoint that the other one signed.
    std::fs::write(&path, old).unwrap();
    let other = Device::unlock(&world.ground("mara"), PASSPHRASE).await.unwrap();
    let listing = other.listing().await.unwrap();
    assert_eq!((listing.alarms(), titles(&listing)), ([].as_slice(), vec!["Letter", "Note", "Song"]));
}

#[tokio::test]
async fn what_a_broken_off_look_has_taken_is_kept() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    for number in 0..3 {
        add(&device, &format!("Note {number}"), b"x").await;
    }
    // One change a page, and the third page is lost.
    edit(&meddling, |page| {
        page.changes.truncate(1);
        if matches!(page.changes.as_slice(), [Change::Version { seq: 3, .. }]) {
            page.changes.clear();
        }
    });
    assert_eq!(device.listing().await.unwrap_err().code(), Some(ErrorCode::Malformed));
    honest(&meddling);
    assert_eq!(device.stored_listing().await.unwrap().len(), 2);
    let rest = changes(&device, &meddling).await;
    assert!(matches!(rest.as_slice(), [Change::Version { seq: 3, .. }]), "{rest:?}");
    let listing = device.listing().await.unwrap();
    assert_eq!((listing.len(), listing.alarms()), (3, [].as_slice()));
}
