//! A server that lies about the account's log of devices, and devices that were copied.

use core::cell::RefCell;
use std::rc::Rc;

use glimpse_core::account::NewAccount;
use glimpse_core::chain::{act, join};
use glimpse_core::keys::DeviceKeys;
use glimpse_device::inbox::Notice;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::{Device, DeviceError};
use glimpse_wire::account::{Act, SignedLink};
use glimpse_wire::api::Account;
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::{ErrorCode, Hash, UnixMillis, decode, encode};

use crate::family::linked;
use crate::world::{PASSPHRASE, World, add, copy_folder, show};

fn is_account(path: &str) -> bool {
    path.starts_with("/v1/account?")
}

fn changed(body: &[u8], change: impl FnOnce(&mut Account)) -> Vec<u8> {
    let mut account: Account = serde_json::from_slice(body).unwrap();
    change(&mut account);
    serde_json::to_vec(&account).unwrap()
}

/// A device with a network that meddles, and one that does not.
async fn pair_of(world: &World) -> (Device, Rc<crate::meddling::Meddling>, Device) {
    let phone = world.device("phone").await;
    let tablet = linked(world, &phone, "tablet").await;
    let (phone, meddling) = world.unlocked_meddled("phone").await;
    (phone, meddling, tablet)
}

fn ghost_links(phone: &Device, links: &[SignedLink]) -> Vec<(&'static str, SignedLink, ChainError)> {
    let machine = Machine::new();
    let mut rng = SystemRng(&machine);
    let chain = Chain::replay(links).unwrap();
    assert_eq!(chain.head(), phone.head());
    let ghost = DeviceKeys::generate(&mut rng);
    let other = NewAccount::generate(&mut rng).unwrap();
    let transcript = Hash([5; 32]);
    let adding = |keys: &DeviceKeys, adder: &DeviceKeys| {
        let device = keys.public();
        let reverse = join(&chain.account(), &chain.next_place(), keys, &device, &adder.id(), &transcript);
        Act::Add { device, transcript, reverse, at: UnixMillis(1), held: 0 }
    };
    let unsigned = {
        let mut link = act(&chain, &ghost, adding(&ghost, &ghost), None);
        link.signature.0 = [0; 64];
        link
    };
    // The genuine adder's name over a link that it never signed.
    let forged = {
        let genuine = act(&chain, phone.keys(), adding(&ghost, phone.keys()), None);
        let mut link = genuine.clone();
        link.signature = act(&chain, &ghost, adding(&ghost, phone.keys()), None).signature;
        link
    };
    vec![
        ("self-signed", act(&chain, &ghost, adding(&ghost, &ghost), None), ChainError::NotAMember),
        ("unsigned", unsigned, ChainError::NotAMember),
        (
            "another user's",
            act(&chain, &other.device, adding(&other.device, &other.device), None),
            ChainError::NotAMember,
        ),
        ("forged", forged, ChainError::Signature),
    ]
}

#[tokio::test]
async fn t022_a_ghost_device_is_refused_named_and_gets_nothing() {
    let world = World::start().await;
    let (phone, meddling, _) = pair_of(&world).await;
    phone.sync().await.unwrap();
    let links = stored_links(&world, "phone");
    for (what, link, error) in ghost_links(&phone, &links) {
        *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
            if !is_account(path) {
                return body;
            }
            let link = Bytes(encode(&link));
            changed(&body, |account| {
                account.chain.length += 1;
                account.chain.links.push(link);
            })
        }));
        match phone.sync().await {
            Err(DeviceError::BadLink { error: found, .. }) => assert_eq!(found, error, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(phone.chain().members().len(), 2, "{what}");
        // Nothing is written while the log cannot be trusted.
        let refused = phone.add(crate::world::content("x", &mut &b"x"[..], &mut |_| {})).await.unwrap_err();
        assert!(matches!(refused, DeviceError::BadLink { .. }), "{refused:?}");
    }
    // Control: without the lie it goes on, and a genuine link is taken.
    *meddling.rewrite.borrow_mut() = None;
    phone.sync().await.unwrap();
    linked(&world, &phone, "laptop").await;
    assert_eq!(phone.chain().members().len(), 3);
}

/// The links that a home keeps.
fn stored_links(world: &World, name: &str) -> Vec<SignedLink> {
    #[derive(minicbor::Decode)]
    struct Stored {
        #[n(1)]
        links: Vec<SignedLink>,
    }
    let bytes = std::fs::read(world.home(name).join("chain.cbor")).unwrap();
    minicbor::decode::<Stored>(&bytes).unwrap().links
}

#[tokio::test]
async fn t024_an_older_log_stops_the_device_and_is_named() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    // What the server said at this moment, it says for ever.
    let old: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
    let keep = Rc::clone(&old);
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if is_account(path) {
            return keep.borrow_mut().get_or_insert(body).clone();
        }
        body
    }));
    phone.sync().await.unwrap();
    // The device itself sees it go on; then the server comes with the old log.
    *meddling.rewrite.borrow_mut() = None;
    tablet.rotate().await.unwrap();
    phone.sync().await.unwrap();
    let seen = phone.head();
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !is_account(path) {
            return body;
        }
        let frozen: Account = serde_json::from_slice(old.borrow().as_ref().unwrap()).unwrap();
        changed(&body, |account| {
            account.chain.length = frozen.chain.length;
            account.chain.links.clear();
            account.chain.statements = frozen.chain.statements;
        })
    }));
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    let again = Device::unlock(&world.ground("phone"), PASSPHRASE).await.unwrap();
    assert_eq!(again.head(), seen, "it never goes back, not after a restart either");
    let told = phone.inbox().await.unwrap();
    assert!(told.iter().any(|noted| matches!(noted.notice, Notice::RolledBack { ours, .. } if ours == seen)));
    // Control: the honest answer is taken.
    *meddling.rewrite.borrow_mut() = None;
    phone.sync().await.unwrap();
}

#[tokio::test]
async fn t024_links_that_another_device_has_seen_and_the_server_keeps_back_are_missed() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    let have = phone.head().seq;
    tablet.rotate().await.unwrap();
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !is_account(path) {
            return body;
        }
        // The link is hidden; what the tablet says of its head is not.
        changed(&body, |account| {
            account.chain.length = have + 1;
            account.chain.links.truncate(1);
            account.wraps.clear();
        })
    }));
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    *meddling.rewrite.borrow_mut() = None;
    phone.sync().await.unwrap();
    assert_eq!(phone.head(), tablet.head(), "control");
}

/// Two devices of one account that were told different things: each has a link of its own at the same place.
async fn forked(world: &World) -> (Device, Rc<crate::meddling::Meddling>, Device) {
    let (phone, meddling, tablet) = pair_of(world).await;
    phone.sync().await.unwrap();
    // The server tells the phone that its link is in, and never puts it there.
    let given: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
    let seen = Rc::clone(&given);
    let place = phone.chain().next_place();
    *meddling.swallow.borrow_mut() = Some(Box::new(move |request| {
        if request.path != "/v1/account/links" {
            return None;
        }
        let body = crate::meddling::body_of(request);
        let link: glimpse_wire::api::AppendLink = serde_json::from_slice(&body).unwrap();
        let signed: SignedLink = decode(link.link.as_slice(), 1 << 20).unwrap();
        *seen.borrow_mut() = Some(signed.link.0.clone());
        let hash = glimpse_wire::preimage::link_hash(signed.link.as_slice());
        let head = glimpse_wire::account::Head { seq: place.seq, hash };
        Some(serde_json::to_vec(&glimpse_wire::api::Appended { head }).unwrap())
    }));
    phone.rotate().await.unwrap();
    *meddling.swallow.borrow_mut() = None;
    assert!(given.borrow().is_some());
    tablet.rotate().await.unwrap();
    assert_eq!(phone.head().seq, tablet.head().seq);
    assert_ne!(phone.head(), tablet.head());
    (phone, meddling, tablet)
}

#[tokio::test]
async fn t025_a_fork_stops_both_devices_at_their_next_contact_and_has_a_way_out() {
    let world = World::start().await;
    let (phone, meddling, tablet) = forked(&world).await;
    // By the server, which has the tablet's link where the phone has its own.
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::ChainForked));
    // By a head that the other names, in a record, a pairing or by hand.
    let met = tablet.meet_head(&phone.head(), phone.keys().id()).await;
    assert_eq!(met.unwrap_err().code(), Some(ErrorCode::ChainForked));
    for (device, other) in [(&phone, &tablet), (&tablet, &phone)] {
        let fork = device.fork().await.unwrap().expect("it is remembered");
        assert_eq!((fork.ours, fork.by()), (device.head(), Some(other.keys().id())));
        let refused = device.add(crate::world::content("x", &mut &b"x"[..], &mut |_| {})).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::ChainForked));
        let told = device.inbox().await.unwrap();
        assert!(told.iter().any(|noted| matches!(noted.notice, Notice::Forked { .. })));
    }
    // The owner compares, and keeps the tablet's, which the server has: the phone is out, and is linked again.
    tablet.keep_this_chain().await.unwrap();
    assert_eq!(tablet.fork().await.unwrap(), None);
    let id = add(&tablet, "After", b"after the fork").await;
    assert_eq!(show(&tablet, &id.to_string()).await.unwrap(), b"after the fork");
    drop((phone, meddling));
    let again = linked(&world, &tablet, "phone-again").await;
    assert_eq!(show(&again, &id.to_string()).await.unwrap(), b"after the fork");
    // Control: two honest devices that act at once are no fork; see `revoking.rs`.
}

#[tokio::test]
async fn t050_a_wrap_of_the_servers_own_is_refused_and_named() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    tablet.rotate().await.unwrap();
    let own = phone.keys().id();
    *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
        if !is_account(path) {
            return body;
        }
        changed(&body, |account| {
            let other = account.wraps.iter().find(|wrap| wrap.device != own).unwrap().wrap.clone();
            account.wraps.iter_mut().find(|wrap| wrap.device == own).unwrap().wrap = other;
        })
    }));
    assert!(matches!(phone.sync().await, Err(DeviceError::SeedRefused)));
    *meddling.rewrite.borrow_mut() = None;
    phone.sync().await.unwrap();
    let id = add(&phone, "Control", b"under the second epoch").await;
    assert_eq!(show(&tablet, &id.to_string()).await.unwrap(), b"under the second epoch");
}

#[tokio::test]
async fn t036_a_copy_of_a_device_is_noticed_when_it_is_used() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let copy = world.home("copy");
    copy_folder(&world.home("tablet"), &copy);
    // The original is used; then the copy is, with a counter that was used before.
    let original = Device::unlock(&world.ground("tablet"), PASSPHRASE).await.unwrap();
    original.listing().await.unwrap();
    let copied = Device::unlock(&world.ground("copy"), PASSPHRASE).await.unwrap();
    assert_eq!(copied.listing().await.unwrap_err().code(), Some(ErrorCode::DeviceDoubled));
    // Every other device is told.
    phone.sync().await.unwrap();
    let told = phone.inbox().await.unwrap();
    let doubled = tablet.keys().id();
    assert!(told.iter().any(|noted| matches!(noted.notice, Notice::Doubled { device, .. } if device == doubled)));
    // Control: the original goes on.
    Device::unlock(&world.ground("tablet"), PASSPHRASE).await.unwrap().listing().await.unwrap();
}

#[tokio::test]
async fn a_server_that_lost_links_gets_them_back_byte_for_byte() {
    let mut world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    world.keep_copy().await;
    phone.rotate().await.unwrap();
    phone.rotate().await.unwrap();
    tablet.sync().await.unwrap();
    world.put_back().await;
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    assert_eq!(phone.give_back_links().await.unwrap(), 2);
    phone.sync().await.unwrap();
    tablet.sync().await.unwrap();
    assert_eq!(phone.head(), tablet.head());
    let id = add(&tablet, "After", b"after").await;
    assert_eq!(show(&phone, &id.to_string()).await.unwrap(), b"after");
}
