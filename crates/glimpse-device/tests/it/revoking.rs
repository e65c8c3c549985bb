//! Taking a device out: at once, for good, and with the keys changed behind it.

use glimpse_core::kem::KemPublic;
use glimpse_core::record::{Author, Draft, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_device::chain::Rekeying;
use glimpse_device::inbox::Notice;
use glimpse_device::listing::Standing;
use glimpse_device::native::Machine;
use glimpse_device::publish::NewContent;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::record::{Change, Page, Policy};
use glimpse_wire::{ErrorCode, Hash, UnixMillis, decode, encode};

use crate::family::linked;
use crate::lending::{User, lend, pair, plan, receiver};
use crate::world::{PASSPHRASE, World, add, meta, show};

pub(crate) async fn add_sensitive(device: &Device, title: &str, bytes: &[u8]) {
    let mut meta = meta(title);
    meta.policy = Policy::SENSITIVE;
    let content = NewContent { meta, length: bytes.len() as u64, content: &mut &*bytes, progress: &mut |_| {} };
    device.add(content).await.unwrap();
}

#[tokio::test]
async fn t028_a_device_that_was_taken_out_gets_no_share_and_opens_nothing_new() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let old = add(&phone, "Old", b"written before").await;
    assert_eq!(show(&tablet, &old.to_string()).await.unwrap(), b"written before", "control: it could");
    let head = phone.revoke(&[tablet.keys().id()]).await.unwrap();
    assert_eq!(phone.chain().epoch().unwrap().number, 2);
    let new = add(&phone, "New", b"written after").await;
    // With the token that it has, and after signing in anew.
    for device in [tablet, Device::unlock(&world.ground("tablet"), PASSPHRASE).await.unwrap()] {
        for id in [old, new] {
            let refused = show(&device, &id.to_string()).await.unwrap_err();
            assert_eq!(refused.code(), Some(ErrorCode::DeviceRevoked), "{refused:?}");
        }
        // It learns who took it out, from the chain that anyone may read.
        assert_eq!(device.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
        let inbox = device.inbox().await.unwrap();
        let told = inbox.iter().any(|noted| {
            matches!(&noted.notice, Notice::Revoked { seq, devices, by }
                if *seq == head.seq && *devices == [device.keys().id()] && *by == phone.keys().id())
        });
        assert!(told, "{inbox:?}");
    }
    assert_eq!(show(&phone, &new.to_string()).await.unwrap(), b"written after", "control");
    assert_eq!(show(&phone, &old.to_string()).await.unwrap(), b"written before", "and what is older");
}

#[tokio::test]
async fn sensitive_records_go_under_the_new_epoch_at_once_and_others_at_their_next_write() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    for title in ["Diagnosis", "Therapy"] {
        add_sensitive(&phone, title, &vec![7; 200_000]).await;
    }
    let plain = add(&phone, "Plain", b"plain").await;
    phone.revoke(&[tablet.keys().id()]).await.unwrap();
    let mut seen = Vec::new();
    let done = phone.rekey_sensitive(&mut |progress: Rekeying| seen.push(progress.done)).await.unwrap();
    assert_eq!((done.done, done.all, seen), (2, 2, vec![0, 1, 2]));
    let epochs = |listing: &glimpse_device::listing::Listing| -> Vec<(String, u32)> {
        let entries = listing.newest_first();
        let mut epochs: Vec<_> =
            entries.iter().map(|entry| (entry.meta.as_ref().unwrap().title.clone(), entry.epoch)).collect();
        epochs.sort();
        epochs
    };
    let listing = phone.listing().await.unwrap();
    let expected = [("Diagnosis", 2), ("Plain", 1), ("Therapy", 2)].map(|(title, epoch)| (title.to_owned(), epoch));
    assert_eq!(epochs(&listing), expected);
    // Done once; and the content is what it was.
    assert_eq!(phone.rekey_sensitive(&mut |_| {}).await.unwrap().all, 0);
    let diagnosis = listing.newest_first().into_iter().find(|entry| entry.meta.as_ref().unwrap().title == "Diagnosis");
    let id = diagnosis.unwrap().record.to_string();
    assert_eq!(show(&phone, &id).await.unwrap(), vec![7; 200_000]);
    let entry = listing.find(&plain.to_string()).unwrap().clone();
    phone.put(&entry, crate::world::content("Plain", &mut &b"again"[..], &mut |_| {})).await.unwrap();
    assert_eq!(epochs(&phone.listing().await.unwrap())[1], ("Plain".to_owned(), 2));
}

#[tokio::test]
async fn the_sessions_of_a_device_that_is_taken_out_end_at_once() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    add(&tablet, "Letter", b"Dear reader").await;
    let (ending, ()) = lend(&tablet, plan(&tablet, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        let sessions = phone.sessions().await.unwrap();
        assert!(sessions.iter().any(|session| session.ended.is_none()), "control: it runs");
        phone.revoke(&[tablet.keys().id()]).await.unwrap();
        let sessions = phone.sessions().await.unwrap();
        assert!(sessions.iter().all(|session| session.ended.as_deref() == Some("session-revoked")), "{sessions:?}");
    })
    .await;
    assert_eq!(ending.unwrap().code, ErrorCode::SessionRevoked);
}

#[tokio::test]
async fn two_devices_that_act_at_once_both_get_their_way_and_nothing_looks_like_a_fork() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let laptop = linked(&world, &phone, "laptop").await;
    for device in [&phone, &tablet, &laptop] {
        device.sync().await.unwrap();
    }
    let (a, b, c) = futures_util::join!(phone.rotate(), tablet.rotate(), laptop.rotate());
    let mut places: Vec<u64> = [a, b, c].into_iter().map(|head| head.unwrap().seq).collect();
    places.sort_unstable();
    let first = places[0];
    assert_eq!(places, [first, first + 1, first + 2]);
    for device in [&phone, &tablet, &laptop] {
        device.sync().await.unwrap();
        assert_eq!(device.head(), phone.head());
        assert_eq!(device.fork().await.unwrap(), None);
    }
    // A version that is sealed while another device adds a link is published under the newest head.
    let id = add(&laptop, "After", b"after").await;
    assert_eq!(show(&phone, &id.to_string()).await.unwrap(), b"after");
}

#[tokio::test]
async fn nobody_takes_itself_out_and_nobody_who_is_out_is_taken_out_again() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let own = phone.keys().id();
    assert_eq!(phone.revoke(&[own]).await.unwrap_err().code(), Some(ErrorCode::Malformed));
    let tablet = linked(&world, &phone, "tablet").await;
    phone.revoke(&[tablet.keys().id()]).await.unwrap();
    assert_eq!(phone.revoke(&[tablet.keys().id()]).await.unwrap_err().code(), Some(ErrorCode::NotFound));
    assert!(matches!(tablet.rotate().await, Err(DeviceError::Refused { code: ErrorCode::DeviceRevoked, .. })));
}

/// What a device and a server make together after the device was taken out: a version that it signs as if it still
/// belonged, put in behind everything else. Gives what the phone takes it for.
async fn dated_back(taken_out: bool) -> Standing {
    let world = World::start().await;
    let (phone, meddling) = world.founded_meddled("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let then = tablet.chain();
    if taken_out {
        phone.revoke(&[tablet.keys().id()]).await.unwrap();
    }
    add(&phone, "Letter", b"Dear reader").await;
    phone.listing().await.unwrap();
    let recipient = Recipient {
        account: phone.account(),
        epoch: 1,
        key: KemPublic::parse(then.epoch().unwrap().account_key.as_slice()).unwrap(),
        head: then.head(),
    };
    let machine = Machine::new();
    let rng = &mut SystemRng(&machine);
    let (author, place) = (Author::Device(tablet.keys()), Place::new_record(rng));
    let draft = Draft::new(&recipient, place, author, UnixMillis(1), 3, rng).unwrap();
    let mut sealer = draft.seal(meta("Invoice"), 1, &ServerShare::from_wire(&Hash([1; 32])), &recipient, rng).unwrap();
    sealer.push(b"pay", &mut |_| {}).unwrap();
    let envelope = Bytes(sealer.finish(author, &mut |_| {}).unwrap().to_bytes());
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !path.starts_with("/v1/records?") {
            return body;
        }
        let mut page: Page = decode(&body, 1 << 24).unwrap();
        page.newest += 1;
        page.next = page.newest;
        page.changes.push(Change::Version { seq: page.newest, envelope: envelope.clone() });
        encode(&page)
    }));
    let listing = phone.listing().await.unwrap();
    listing.find(&place.record.to_string()).unwrap().standing
}

#[tokio::test]
async fn t027_what_a_revoked_device_dates_back_is_not_the_owners() {
    assert_eq!(dated_back(true).await, Standing::Trouble { code: ErrorCode::RecordTampered });
    assert_eq!(dated_back(false).await, Standing::Own, "control: the same, while it belongs");
}
