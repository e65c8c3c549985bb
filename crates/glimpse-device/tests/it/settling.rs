//! Links whose fate is not known, two processes of one home, and lies that are meant to last.

use std::rc::Rc;

use glimpse_device::inbox::{Noted, Notice};
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::ErrorCode;
use glimpse_wire::account::{Head, HeadStatement, SignedLink};
use glimpse_wire::api::{Account, AppendLink, Appended, Doubled, SignedJson};
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::Page;
use glimpse_wire::{DeviceId, Hash, SUITE, UnixMillis, decode, encode};

use crate::family::linked;
use crate::meddling::{Hurried, Meddling, body_of};
use crate::world::{PASSPHRASE, World, add, show};

/// A phone whose network meddles and for which time is short, and a tablet.
async fn pair_of(world: &World) -> (Device, Rc<Meddling>, Device) {
    let phone = world.device("phone").await;
    let tablet = linked(world, &phone, "tablet").await;
    let (ground, meddling) = world.meddled("phone");
    let ground = Ground { machine: Rc::new(Hurried::new(200)), ..ground };
    (Device::unlock(&ground, PASSPHRASE).await.unwrap(), meddling, tablet)
}

/// A phone that was to take a tablet out of the account, when the network was gone.
async fn broken_off(world: &World) -> (Device, Device) {
    let (phone, meddling, tablet) = pair_of(world).await;
    phone.sync().await.unwrap();
    *meddling.refuse.borrow_mut() = Some("/v1/account/links".to_owned());
    let broken = phone.revoke(&[tablet.keys().id()]).await.unwrap_err();
    assert!(matches!(broken, DeviceError::Unsettled), "{broken:?}");
    *meddling.refuse.borrow_mut() = None;
    (phone, tablet)
}

/// Answers requests to add a link in the server's place, with what `answer` makes of the link's place; keeps the links.
fn swallow_links(meddling: &Meddling, answer: impl Fn(Head) -> Head + 'static) -> Rc<core::cell::RefCell<Vec<Bytes>>> {
    let links: Rc<core::cell::RefCell<Vec<Bytes>>> = Rc::default();
    let kept = Rc::clone(&links);
    *meddling.swallow.borrow_mut() = Some(Box::new(move |request| {
        if request.path != "/v1/account/links" {
            return None;
        }
        let asked: AppendLink = serde_json::from_slice(&body_of(request)).unwrap();
        let signed: SignedLink = decode(asked.link.as_slice(), 1 << 20).unwrap();
        let link: glimpse_wire::account::Link = decode(signed.link.as_slice(), 1 << 20).unwrap();
        kept.borrow_mut().push(signed.link.clone());
        let hash = glimpse_wire::preimage::link_hash(signed.link.as_slice());
        let head = answer(Head { seq: link.seq, hash });
        Some(serde_json::to_vec(&Appended { head }).unwrap())
    }));
    links
}

#[tokio::test]
async fn t096_a_revocation_that_broke_off_before_it_was_sent_is_done_by_the_next_command() {
    let world = World::start().await;
    let (phone, tablet) = broken_off(&world).await;
    let out = tablet.keys().id();
    assert!(phone.chain().active(&out).is_some(), "control: it is not done");
    drop(phone);
    // Another process of this home: it does not know what was asked, and whatever it does next sends it.
    let again = Device::unlock(&world.ground("phone"), PASSPHRASE).await.unwrap();
    again.sync().await.unwrap();
    assert!(again.chain().active(&out).is_none());
    assert_eq!(tablet.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
    assert_eq!(again.chain().epoch().unwrap().number, 2, "once, and not twice");
}

#[tokio::test]
async fn a_revocation_that_broke_off_and_was_overtaken_is_told_as_not_done() {
    let world = World::start().await;
    let (phone, tablet) = broken_off(&world).await;
    let out = tablet.keys().id();
    // Its place in the chain is another's.
    tablet.rotate().await.unwrap();
    phone.listing().await.unwrap();
    assert!(phone.chain().active(&out).is_some(), "control: it is not done");
    let told = |notices: &[Noted]| {
        let undone = |noted: &&Noted| matches!(&noted.notice, Notice::Undone { devices, .. } if *devices == [out]);
        notices.iter().filter(undone).count()
    };
    assert_eq!(told(&phone.inbox().await.unwrap()), 1);
    phone.sync().await.unwrap();
    phone.revoke(&[out]).await.unwrap();
    assert_eq!(told(&phone.inbox().await.unwrap()), 1, "control: once, and not of what was done");
    assert_eq!(tablet.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
}

#[tokio::test]
async fn t096_a_revocation_whose_answer_was_lost_is_done_once() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    *meddling.lose_every.borrow_mut() = Some("/v1/account/links".to_owned());
    let head = phone.revoke(&[tablet.keys().id()]).await.unwrap();
    assert_eq!(phone.head(), head);
    assert_eq!(phone.chain().epoch().unwrap().number, 2);
    *meddling.lose_every.borrow_mut() = None;
    phone.sync().await.unwrap();
    assert_eq!(phone.head(), head);
}

#[tokio::test]
async fn a_server_that_says_done_and_does_nothing_is_not_believed_and_gets_one_link_for_one_place() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    let (before, out) = (phone.head(), tablet.keys().id());
    let answers: [fn(Head, Head) -> Head; 3] = [
        // As if nothing had been asked; another link; one that is far ahead.
        |_, before| before,
        |asked, _| Head { hash: Hash([9; 32]), ..asked },
        |asked, _| Head { seq: asked.seq + 7, hash: Hash([9; 32]) },
    ];
    let mut links = std::collections::BTreeSet::new();
    for answer in answers {
        let seen = swallow_links(&meddling, move |asked| answer(asked, before));
        let refused = phone.revoke(&[out]).await.unwrap_err();
        assert!(matches!(refused, DeviceError::Unsettled), "{refused:?}");
        links.extend(seen.borrow().iter().map(|link| link.0.clone()));
        assert!(phone.chain().active(&out).is_some());
    }
    assert_eq!(links.len(), 1, "the same bytes each time");
    *meddling.swallow.borrow_mut() = None;
    phone.sync().await.unwrap();
    assert!(phone.chain().active(&out).is_none(), "control: an honest server has it in the end");
}

#[tokio::test]
async fn two_processes_of_one_home_sign_no_two_links_for_one_place() {
    let world = World::start().await;
    let (phone, _, tablet) = pair_of(&world).await;
    let other = Device::unlock(&world.ground("phone"), PASSPHRASE).await.unwrap();
    for device in [&phone, &other] {
        device.sync().await.unwrap();
    }
    let own = other.keys().id();
    let (a, b) = futures_util::join!(phone.rotate(), other.rename(&own, "Phone"));
    a.unwrap();
    b.unwrap();
    let (a, b) = futures_util::join!(phone.rotate(), other.rotate());
    let done = [a, b].into_iter().filter(|outcome| outcome.is_ok()).count();
    assert!(done >= 1);
    for device in [&phone, &other, &tablet] {
        device.sync().await.unwrap();
        assert_eq!(device.fork().await.unwrap(), None);
        assert_eq!(device.head(), phone.head());
    }
    assert!(!phone.inbox().await.unwrap().iter().any(|noted| matches!(noted.notice, Notice::RolledBack { .. })));
}

#[tokio::test]
async fn what_was_told_with_a_broken_link_is_in_the_inbox_all_the_same() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    let ghost = linked(&world, &tablet, "ghost").await;
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
        if !path.starts_with("/v1/account?") {
            return body;
        }
        let mut account: Account = serde_json::from_slice(&body).unwrap();
        account.chain.length += 1;
        account.chain.links.push(Bytes(vec![0x80]));
        serde_json::to_vec(&account).unwrap()
    }));
    assert!(matches!(phone.sync().await, Err(DeviceError::BadLink { .. })));
    *meddling.rewrite.borrow_mut() = None;
    phone.sync().await.unwrap();
    let inbox = phone.inbox().await.unwrap();
    let told = |noted: &glimpse_device::inbox::Noted| matches!(noted.notice, Notice::Linked { device, .. } if device == ghost.keys().id());
    assert_eq!(inbox.iter().filter(|noted| told(noted)).count(), 1, "{inbox:?}");
}

#[tokio::test]
async fn a_head_that_the_server_made_up_is_not_signed() {
    let world = World::start().await;
    let (phone, meddling, _) = pair_of(&world).await;
    add(&phone, "Letter", b"Dear reader").await;
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
        if !path.starts_with("/v1/records?") {
            return body;
        }
        let page: Page = decode(&body, 1 << 24).unwrap();
        encode(&Page { head: Head { seq: 1 << 60, hash: Hash([7; 32]) }, ..page })
    }));
    meddling.bodies.borrow_mut().clear();
    assert_eq!(phone.listing().await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    let puts = |meddling: &Meddling| {
        meddling.requests.borrow().iter().filter(|request| request.as_str() == "PUT /v1/account/checkpoint").count()
    };
    assert_eq!(puts(&meddling), 0);
    *meddling.rewrite.borrow_mut() = None;
    assert!(phone.listing().await.unwrap().alarms().is_empty());
    assert_eq!(puts(&meddling), 1, "control: the true one is");
}

#[tokio::test]
async fn a_device_that_is_taken_out_cannot_stop_that_by_what_it_says() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    // The tablet's keys, in bad hands, state a head that nobody has; the server shows it to the phone.
    for head in [Head { seq: 1 << 60, hash: Hash([7; 32]) }, Head { seq: 1, hash: Hash([7; 32]) }] {
        let stated = HeadStatement {
            suite: SUITE,
            account: phone.account(),
            head,
            at: UnixMillis(1),
            device: tablet.keys().id(),
        };
        let signed: SignedJson = tablet.keys().signing().sign_statement(StatementKind::Head, &stated).into();
        *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
            if !path.starts_with("/v1/account?") {
                return body;
            }
            let mut account: Account = serde_json::from_slice(&body).unwrap();
            account.chain.statements.push(signed.clone());
            serde_json::to_vec(&account).unwrap()
        }));
        let stopped = phone.sync().await.unwrap_err().code();
        assert!(matches!(stopped, Some(ErrorCode::ChainRolledBack | ErrorCode::ChainForked)), "control: {stopped:?}");
    }
    // A fork is remembered by now; the owner knows which device is theirs.
    phone.keep_this_chain().await.unwrap();
    assert!(phone.chain().active(&tablet.keys().id()).is_none());
    phone.sync().await.unwrap();
    assert_eq!(phone.fork().await.unwrap(), None);
    assert_eq!(show(&phone, &add(&phone, "After", b"after").await.to_string()).await.unwrap(), b"after");
}

#[tokio::test]
async fn a_server_cannot_flush_the_inbox() {
    let world = World::start().await;
    let (phone, meddling, tablet) = pair_of(&world).await;
    phone.sync().await.unwrap();
    let before = phone.inbox().await.unwrap().len();
    let member = tablet.keys().id();
    for round in 0..5u64 {
        *meddling.rewrite.borrow_mut() = Some(Box::new(move |path, body| {
            if !path.starts_with("/v1/account?") {
                return body;
            }
            let mut account: Account = serde_json::from_slice(&body).unwrap();
            let made_up = (0..2_000u64).map(|place| {
                let mut id = [0; 32];
                id[..8].copy_from_slice(&place.to_be_bytes());
                Doubled { device: DeviceId(id), at: UnixMillis(place) }
            });
            account.doubled = made_up.chain([Doubled { device: member, at: UnixMillis(round) }]).collect();
            serde_json::to_vec(&account).unwrap()
        }));
        phone.sync().await.unwrap();
    }
    assert_eq!(phone.inbox().await.unwrap().len(), before + 1, "one for the device that is there, however often");
}

#[tokio::test]
async fn a_new_device_is_held_back_and_another_takes_it_out_before_it_gets_anything() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    add(&phone, "Letter", b"Dear reader").await;
    phone.set_policy(|policy| policy.adding.held = 3 * 24 * 3_600_000).await.unwrap();
    let laptop = linked(&world, &phone, "laptop").await;
    let held = laptop.keys().id();
    assert_eq!(laptop.listing().await.unwrap_err().code(), Some(ErrorCode::DeviceHeld));
    let synced = phone.sync().await.unwrap();
    let entry = phone.devices(&synced).into_iter().find(|entry| entry.id == held).unwrap();
    assert!(entry.held_until.is_some_and(|until| until > phone.now()));
    phone.revoke(&[held]).await.unwrap();
    assert_eq!(laptop.listing().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
    // Control: without the rule a device is free at once.
    phone.set_policy(|policy| policy.adding.held = 0).await.unwrap();
    let free = linked(&world, &phone, "free").await;
    assert_eq!(free.listing().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_two_devices_must_sign_is_proposed_signed_and_completed() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let old = linked(&world, &phone, "old").await;
    phone.set_policy(|policy| policy.revoking.second = true).await.unwrap();
    assert!(matches!(phone.revoke(&[old.keys().id()]).await, Err(DeviceError::NeedsSecond)));
    let proposal = phone.proposal().await.unwrap().expect("it waits");
    let carried: glimpse_device::chain::Proposal = proposal.to_string().parse().unwrap();
    assert_eq!(phone.cosign(&carried).await.unwrap_err().code(), Some(ErrorCode::Malformed), "not by itself");
    let signed = tablet.cosign(&carried).await.unwrap();
    phone.complete(&signed.to_string().parse().unwrap()).await.unwrap();
    assert!(phone.chain().active(&old.keys().id()).is_none());
    assert_eq!(phone.complete(&signed).await.unwrap_err().code(), Some(ErrorCode::NotFound), "once");
    // One that the chain has overtaken is made anew.
    assert!(matches!(phone.revoke(&[tablet.keys().id()]).await, Err(DeviceError::NeedsSecond) | Ok(_)));
}
