//! The recovery kit: made, used, replaced, stopped.

use std::sync::Arc;
use std::time::Duration;

use glimpse_core::recovery::{KitKeys, Plan, RecoveryKit, combine};
use glimpse_device::inbox::Notice;
use glimpse_device::recovery::{Restore, Restored, restore};
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_server::ManualClock;
use glimpse_wire::ErrorCode;

use crate::family::linked;
use crate::world::{PASSPHRASE, World, add, show};

const DAY: u64 = 24 * 60 * 60 * 1000;

async fn kit_of(device: &Device) -> RecoveryKit {
    let kit = device.draw_kit(Plan::default()).unwrap();
    device.install_kit(&kit.keys).await.unwrap();
    kit
}

fn keys_of(kit: &RecoveryKit) -> KitKeys {
    combine(&kit.shares).unwrap()
}

pub(crate) async fn bring_back(ground: &Ground, kit: &KitKeys) -> Result<(Restored, Option<KitKeys>), DeviceError> {
    let mut next = None;
    let plan = Restore { name: "New phone".to_owned(), passphrase: PASSPHRASE, plan: Plan::default() };
    let mut print = async |kit: &RecoveryKit, _: &glimpse_wire::chain::Chain| {
        next = Some(keys_of(kit));
        Ok(())
    };
    let restored = restore(ground, kit, plan, &mut print).await?;
    Ok((restored, next))
}

#[tokio::test]
async fn an_account_comes_back_on_a_device_that_has_nothing_but_the_kit() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    let before = add(&phone, "Old", b"from before").await;
    let kit = kit_of(&phone).await;
    phone.rotate().await.unwrap();
    let between = add(&tablet, "Between", b"of the second epoch").await;
    let (restored, next) = bring_back(&world.ground("new"), &keys_of(&kit)).await.unwrap();
    let Restored::Done(new) = restored else { panic!("{restored:?}") };
    assert_eq!(show(&new, &before.to_string()).await.unwrap(), b"from before");
    assert_eq!(show(&new, &between.to_string()).await.unwrap(), b"of the second epoch");
    let after = add(&new, "After", b"after").await;
    assert_eq!(show(&new, &after.to_string()).await.unwrap(), b"after");
    // Every other device is out, and is told why.
    for device in [&phone, &tablet] {
        assert_eq!(device.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
        let told = device.inbox().await.unwrap();
        assert!(told.iter().any(|noted| matches!(noted.notice, Notice::Recovered { .. })), "{told:?}");
    }
    // The kit that was used is void; the one that was printed is not.
    let used = bring_back(&world.ground("thief"), &keys_of(&kit)).await.unwrap_err();
    assert!(matches!(used, DeviceError::WrongKit) || used.code() == Some(ErrorCode::NotFound), "{used:?}");
    let (again, _) = bring_back(&world.ground("newer"), &next.unwrap()).await.unwrap();
    assert!(matches!(again, Restored::Done(_)), "control");
}

#[tokio::test]
async fn a_kit_that_was_replaced_or_given_up_opens_nothing() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let first = kit_of(&phone).await;
    let second = kit_of(&phone).await;
    let stale = bring_back(&world.ground("a"), &keys_of(&first)).await.unwrap_err();
    assert!(matches!(stale, DeviceError::WrongKit) || stale.code() == Some(ErrorCode::NotFound), "{stale:?}");
    phone.give_up_kit().await.unwrap();
    let given_up = bring_back(&world.ground("b"), &keys_of(&second)).await.unwrap_err();
    assert!(matches!(given_up, DeviceError::WrongKit) || given_up.code() == Some(ErrorCode::NotFound), "{given_up:?}");
    phone.sync().await.unwrap();
    let third = kit_of(&phone).await;
    let (restored, _) = bring_back(&world.ground("c"), &keys_of(&third)).await.unwrap();
    assert!(matches!(restored, Restored::Done(_)), "control");
}

#[tokio::test]
async fn a_recovery_is_announced_and_a_device_can_stop_it() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let kit = kit_of(&phone).await;
    phone.set_policy(|policy| policy.recovering = 2 * DAY).await.unwrap();
    let ground = world.ground("new");
    let (waiting, _) = bring_back(&ground, &keys_of(&kit)).await.unwrap();
    let Restored::Waiting { due, now } = waiting else { panic!("{waiting:?}") };
    assert_eq!(due.since(now), 2 * DAY);
    // The device is told, and says no.
    let synced = phone.sync().await.unwrap();
    let asked = phone.waiting_recovery(&synced).expect("it is announced");
    assert!(phone.inbox().await.unwrap().iter().any(|noted| {
        matches!(noted.notice, Notice::RecoveryAsked { device, .. } if device == asked) && noted.notice.is_alarm()
    }));
    phone.veto_recovery(asked).await.unwrap();
    let stopped = bring_back(&ground, &keys_of(&kit)).await.unwrap_err();
    assert_eq!(stopped.code(), Some(ErrorCode::RecoveryVetoed));
    assert_eq!(show(&phone, &add(&phone, "x", b"x").await.to_string()).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_recovery_that_nobody_stops_takes_place_when_it_is_due() {
    let clock = Arc::new(ManualClock::at_wall());
    let world = World::start_at(clock.clone()).await;
    let phone = world.device("phone").await;
    let kit = kit_of(&phone).await;
    phone.set_policy(|policy| policy.recovering = DAY).await.unwrap();
    let ground = world.ground("new");
    let (waiting, _) = bring_back(&ground, &keys_of(&kit)).await.unwrap();
    assert!(matches!(waiting, Restored::Waiting { .. }), "control: not yet");
    clock.advance(Duration::from_millis(DAY + 1_000));
    let (restored, _) = bring_back(&ground, &keys_of(&kit)).await.unwrap();
    assert!(matches!(restored, Restored::Done(_)));
}
