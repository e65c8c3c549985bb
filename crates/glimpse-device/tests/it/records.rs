//! An account and its records.

use glimpse_device::{Device, DeviceError};
use glimpse_wire::ErrorCode;

use crate::world::{PASSPHRASE, World, add, content, show};

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
