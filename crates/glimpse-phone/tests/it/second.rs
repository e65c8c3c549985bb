//! Rules of the account that let nobody add a device alone, or not at once.

use glimpse_device::chain::Proposal;
use serde_json::{Value, json};

use crate::family::{beside, linked};
use crate::linking::meet;
use crate::world::{Hand, World, on_one_thread};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// How many devices the account has, as another device knows it.
async fn count(device: &glimpse_device::Device) -> usize {
    let all = device.devices(&device.sync().await.unwrap());
    all.iter().filter(|entry| entry.until.is_none()).count()
}

/// A device that the person of the phone has said yes to, under the rules as they are.
async fn approved(world: &World, phone: &Hand) -> Hand {
    phone.does(json!({ "type": "refresh" }));
    phone.idle().await;
    let tablet = world.phone("tablet");
    tablet.screen("start").await;
    let (words, _) = meet(phone, &tablet, true, "square").await;
    phone.does(json!({ "type": "link-approve", "words": words }));
    tablet
}

#[tokio::test]
async fn a_link_that_needs_a_second_device_waits_for_its_signature() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        let other = linked(&world, &beside(&world, "phone").await, "Other").await;
        other.set_policy(|policy| policy.adding.second = true).await.unwrap();
        let tablet = approved(&world, &phone).await;
        let shown = phone.until(|shown| shown["linking"]["stage"] == "second").await;
        let proposal: Proposal = shown["linking"]["proposal"].as_str().unwrap().parse().unwrap();
        // What is no signature is named, and the linking waits on.
        phone.does(json!({ "type": "link-second", "signed": "anything else" }));
        assert_eq!(phone.trouble().await, "no-signature");
        assert_eq!(phone.now()["linking"]["stage"], "second");
        assert!(tablet.now()["linking"]["done"].is_null(), "nobody is in before");
        let before = count(&other).await;

        let signed = other.cosign(&proposal).await.unwrap();
        phone.does(json!({ "type": "link-second", "signed": signed.to_string() }));
        phone.until(|shown| !shown["linking"]["done"].is_null()).await;
        tablet.until(|shown| !shown["linking"]["done"].is_null()).await;
        assert_eq!(count(&other).await, before + 1);
    })
    .await;
}

#[tokio::test]
async fn a_device_that_is_held_back_is_said_to_be_on_both_ends_and_sees_nothing_yet() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.adds("Letter", b"Dear reader").await;
        let other = beside(&world, "phone").await;
        other.set_policy(|policy| policy.adding.held = DAY).await.unwrap();
        let tablet = approved(&world, &phone).await;
        let done = phone.until(|shown| !shown["linking"]["done"].is_null()).await;
        assert!(done["linking"]["done"]["held"].as_u64().is_some_and(|held| held > DAY / 2), "{done}");
        let joined = tablet.until(|shown| !shown["linking"]["done"].is_null()).await;
        assert!(joined["linking"]["done"]["held"].as_u64().is_some_and(|held| held > DAY / 2), "{joined}");
        phone.does(json!({ "type": "close-linking" }));
        phone.goes("devices");
        let waits = |shown: &Value| shown["devices"]["rows"][1]["heldUntil"].is_u64();
        phone.until(waits).await;
        assert!(phone.now()["devices"]["rows"][0]["heldUntil"].is_null(), "control: this one is free");
        tablet.does(json!({ "type": "close-linking" }));
        tablet.does(json!({ "type": "refresh" }));
        assert_eq!(tablet.trouble().await, "device-held");
        assert!(!tablet.now().to_string().contains("Letter"));
    })
    .await;
}
