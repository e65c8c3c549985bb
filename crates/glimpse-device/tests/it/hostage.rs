//! A device in the wrong hands that begins an epoch, for which no rule asks a second device, and gives the others nothing of
//! it, or nothing of what came before; and a kit that makes a fork.

use core::cell::RefCell;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_core::chain::{DrawnEpoch, Wrap, act};
use glimpse_core::kem::KemPublic;
use glimpse_core::recovery::{Plan, combine};
use glimpse_device::inbox::{Noted, Notice};
use glimpse_device::native::Machine;
use glimpse_device::recovery::Restored;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::transport::{Body, Method, Request};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::account::{Act, Epoch, Head, Need, Policy, RequestProof, SignedLink};
use glimpse_wire::api::{Account, AppendLink, Appended, DeviceWrap};
use glimpse_wire::chain::OLDER_SEED_LEN;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::{ErrorCode, decode, encode, preimage};

use crate::family::linked;
use crate::meddling::body_of;
use crate::recovering::bring_back;
use crate::world::{PASSPHRASE, World, add, show};

/// Sends a link as the device that has these keys would.
async fn send(world: &World, thief: &Device, link: &SignedLink, wraps: Vec<DeviceWrap>) {
    let body = serde_json::to_vec(&AppendLink { link: Bytes(encode(link)), wraps }).unwrap();
    let (path, counter) = ("/v1/account/links", thief.now().0);
    let (account, keys) = (thief.account(), thief.keys());
    let transport = world.ground("thief").transport;
    let signature = keys.sign_request(transport.origin(), "POST", path, Some(&body), &account, counter);
    let proof = RequestProof { account, device: keys.id(), origin: transport.origin().to_owned(), counter, signature };
    let request = Request {
        method: Method::Post,
        path: path.to_owned(),
        credential: None,
        proof: Some(Base64UrlUnpadded::encode_string(&encode(&proof))),
        content_type: Some("application/json"),
        range: None,
        body: Body::Bytes(body),
    };
    assert_eq!(transport.request(request).await.unwrap().status, 200, "control: no rule is against it");
}

/// What the others get of a seed that the thief drew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    /// The seed, and not the one before.
    Seed,
}

/// The thief begins an epoch. It draws the seed itself, and puts what it likes where the older one belongs.
async fn begin_epoch(world: &World, thief: &Device, given: Given) {
    thief.sync().await.unwrap();
    let (chain, keys, machine) = (thief.chain(), thief.keys(), Machine::new());
    let mut rng = SystemRng(&machine);
    let drawn = DrawnEpoch::first(&keys.public(), None, &mut rng).unwrap();
    let account_key = drawn.epoch.account_key.clone();
    let info = preimage::seed_wrap_info(&keys.id(), 1, account_key.as_slice());
    let seed = keys.kem().open(&info, &[], &drawn.wraps[0].sealed).unwrap();
    let number = chain.epoch().unwrap().number + 1;
    let staying = chain.members().iter().filter(|member| member.until.is_none());
    let mut whom: Vec<_> = staying.map(|member| (member.id, member.device.kem.clone())).collect();
    whom.extend(chain.recovery().map(|kit| (kit.id(), kit.kem.clone())));
    whom.sort_by_key(|(id, _)| *id);
    let wraps: Vec<Wrap> = whom
        .iter()
        .map(|(device, kem)| {
            let info = preimage::seed_wrap_info(device, number, account_key.as_slice());
            let key = KemPublic::parse(kem.as_slice()).unwrap();
            let told = if given == Given::Nothing { &[7; 32][..] } else { &seed[..] };
            Wrap { device: *device, sealed: key.seal(&info, &[], told, &mut rng).unwrap() }
        })
        .collect();
    let committed = wraps.iter().map(Wrap::commitment).collect();
    let epoch = Epoch { number, account_key, wraps: committed, previous_seed: Bytes(vec![7; OLDER_SEED_LEN]) };
    let link = act(&chain, keys, Act::Rotate { epoch }, None);
    let wraps = wraps.into_iter().map(|wrap| DeviceWrap { device: wrap.device, wrap: Bytes(wrap.sealed) }).collect();
    send(world, thief, &link, wraps).await;
}

/// A phone, a tablet and a thief, in an account whose rules ask for a second device; with a record of the second epoch.
async fn household(world: &World) -> (Device, Device, Device, String) {
    let phone = world.device("phone").await;
    let tablet = linked(world, &phone, "tablet").await;
    let thief = linked(world, &phone, "thief").await;
    let second = Need { second: true, held: 0 };
    let strict = |policy: &mut Policy| (policy.adding, policy.revoking, policy.pinning) = (second, second, second);
    phone.set_policy(strict).await.unwrap();
    phone.rotate().await.unwrap();
    tablet.sync().await.unwrap();
    let id = add(&tablet, "Letter", b"of the second epoch").await;
    (phone, tablet, thief, id.to_string())
}

async fn again(world: &World, name: &str) -> Device {
    Device::unlock(&world.ground(name), PASSPHRASE).await.unwrap()
}

#[tokio::test]
async fn t050_a_device_that_keeps_an_epoch_to_itself_is_taken_out_all_the_same_and_nothing_is_lost() {
    let world = World::start().await;
    let (phone, tablet, thief, letter) = household(&world).await;
    begin_epoch(&world, &thief, Given::Nothing).await;
    for name in ["phone", "tablet", "tablet"] {
        let device = again(&world, name).await;
        let named = device.sync().await.unwrap_err();
        assert!(matches!(named, DeviceError::SeedRefused), "{named:?}");
        assert!(matches!(device.rotate().await, Err(DeviceError::SeedRefused)), "control: it has no part of the epoch");
        let told = device.inbox().await.unwrap();
        let by = |noted: &Noted| matches!(noted.notice, Notice::Rotated { by, .. } if by == thief.keys().id());
        assert!(told.iter().any(by), "{told:?}");
    }
    drop((phone, tablet));
    let (phone, tablet) = (again(&world, "phone").await, again(&world, "tablet").await);
    phone.sync_to_revoke().await.unwrap();
    let revoked = phone.revoke(&[thief.keys().id()]).await;
    assert!(matches!(revoked, Err(DeviceError::NeedsSecond)), "{revoked:?}");
    let signed = tablet.cosign(&phone.proposal().await.unwrap().unwrap()).await.unwrap();
    phone.complete(&signed).await.unwrap();
    assert_eq!(thief.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
    for device in [&phone, &tablet, &again(&world, "tablet").await] {
        device.sync().await.unwrap();
        assert_eq!(show(device, &letter).await.unwrap(), b"of the second epoch");
    }
    let after = add(&tablet, "After", b"after").await;
    assert_eq!(show(&phone, &after.to_string()).await.unwrap(), b"after");
}

#[tokio::test]
async fn t050_an_epoch_that_does_not_give_the_seed_before_takes_none_from_the_devices_that_have_it() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let thief = linked(&world, &phone, "thief").await;
    phone.rotate().await.unwrap();
    tablet.sync().await.unwrap();
    let letter = add(&tablet, "Letter", b"of the second epoch").await.to_string();
    phone.sync().await.unwrap();
    begin_epoch(&world, &thief, Given::Seed).await;
    for name in ["phone", "tablet"] {
        let device = again(&world, name).await;
        device.sync().await.unwrap();
        assert_eq!(show(&device, &letter).await.unwrap(), b"of the second epoch");
    }
    again(&world, "phone").await.revoke(&[thief.keys().id()]).await.unwrap();
    for name in ["phone", "tablet", "phone"] {
        let device = again(&world, name).await;
        device.sync().await.unwrap();
        assert_eq!(show(&device, &letter).await.unwrap(), b"of the second epoch");
    }
    let newcomer = linked(&world, &again(&world, "phone").await, "newcomer").await;
    assert!(show(&newcomer, &letter).await.is_err(), "control: the links alone do not lead there");
}

#[tokio::test]
async fn t050_whoever_comes_later_reads_back_past_an_epoch_that_nobody_was_given() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let thief = linked(&world, &phone, "thief").await;
    let kit = phone.draw_kit(Plan::default()).unwrap();
    phone.install_kit(&kit.keys).await.unwrap();
    phone.rotate().await.unwrap();
    let letter = add(&phone, "Letter", b"of the second epoch").await.to_string();
    begin_epoch(&world, &thief, Given::Nothing).await;
    assert!(matches!(phone.sync().await, Err(DeviceError::SeedRefused)));
    let keys = combine(&kit.shares).unwrap();
    let restored = bring_back(&world.ground("too early"), &keys).await;
    assert!(matches!(restored, Err(DeviceError::SeedRefused)), "control: {restored:?}");
    phone.revoke(&[thief.keys().id()]).await.unwrap();
    let newcomer = linked(&world, &phone, "newcomer").await;
    assert_eq!(show(&newcomer, &letter).await.unwrap(), b"of the second epoch");
    let (restored, _) = bring_back(&world.ground("new"), &keys).await.unwrap();
    let Restored::Done(new) = restored else { panic!("{restored:?}") };
    assert_eq!(show(&new, &letter).await.unwrap(), b"of the second epoch");
}

#[tokio::test]
async fn t025_a_fork_that_the_kit_makes_is_not_forgotten_because_its_device_is_in_no_chain_here() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let kit = phone.draw_kit(Plan::default()).unwrap();
    phone.install_kit(&kit.keys).await.unwrap();
    let (phone, meddling) = world.unlocked_meddled("phone").await;
    phone.sync().await.unwrap();
    // The server says that the phone's link is in, and gives its place to the kit.
    let own: Rc<RefCell<Option<Bytes>>> = Rc::default();
    let seen = Rc::clone(&own);
    let place = phone.chain().next_place();
    *meddling.swallow.borrow_mut() = Some(Box::new(move |request| {
        if request.path != "/v1/account/links" {
            return None;
        }
        let asked: AppendLink = serde_json::from_slice(&body_of(request)).unwrap();
        let signed: SignedLink = decode(asked.link.as_slice(), 1 << 20).unwrap();
        *seen.borrow_mut() = Some(asked.link);
        let head = Head { seq: place.seq, hash: preimage::link_hash(signed.link.as_slice()) };
        Some(serde_json::to_vec(&Appended { head }).unwrap())
    }));
    phone.rotate().await.unwrap();
    bring_back(&world.ground("new"), &combine(&kit.shares).unwrap()).await.unwrap();
    *meddling.swallow.borrow_mut() = None;
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::ChainForked));
    assert!(phone.fork().await.unwrap().is_some(), "control: it is remembered");
    // From then on the server shows the phone its own link alone.
    let (account, own) = (phone.account(), own.borrow().clone().unwrap());
    *meddling.swallow.borrow_mut() = Some(Box::new(move |request| {
        request.path.starts_with("/v1/account?").then(|| {
            let (length, links) = (place.seq + 1, vec![own.clone()]);
            let chain = glimpse_wire::api::Chain { account, length, links, statements: Vec::new() };
            let (wraps, names, doubled) = (Vec::new(), Vec::new(), Vec::new());
            serde_json::to_vec(&Account { chain, wraps, names, recovery: None, doubled }).unwrap()
        })
    }));
    phone.sync().await.unwrap();
    assert!(phone.fork().await.unwrap().is_some());
    let refused = phone.rotate().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::ChainForked));
}

#[tokio::test]
async fn pages_of_links_that_are_larger_than_any_link_are_not_gathered() {
    let world = World::start().await;
    let (phone, meddling) = world.founded_meddled("phone").await;
    phone.sync().await.unwrap();
    let (account, pages) = (phone.account(), Rc::new(core::cell::Cell::new(0)));
    let asked = Rc::clone(&pages);
    *meddling.swallow.borrow_mut() = Some(Box::new(move |request| {
        request.path.starts_with("/v1/account?").then(|| {
            asked.set(asked.get() + 1);
            // Control: without a bound on each link, it asks on for as long as it is given one.
            let links = if asked.get() < 20 { vec![Bytes(vec![0; 2 * MAX_LINK])] } else { Vec::new() };
            let chain = glimpse_wire::api::Chain { account, length: 4_096, links, statements: Vec::new() };
            let (wraps, names, doubled) = (Vec::new(), Vec::new(), Vec::new());
            serde_json::to_vec(&Account { chain, wraps, names, recovery: None, doubled }).unwrap()
        })
    }));
    assert_eq!(phone.sync().await.unwrap_err().code(), Some(ErrorCode::TooLarge));
    assert_eq!(pages.get(), 1);
}
