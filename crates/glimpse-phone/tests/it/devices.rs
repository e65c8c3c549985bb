//! The devices of the account on the page.

use serde_json::{Value, json};

use crate::linking::linked;
use crate::world::{Hand, World, on_one_thread, row};

async fn devices(hand: &Hand) -> Vec<Value> {
    hand.goes("devices");
    let shown = hand.until(|shown| shown["devices"]["looked"] == true && shown["busy"].is_null()).await;
    shown["devices"]["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_device_is_renamed_and_taken_out_and_what_is_sensitive_is_sealed_anew() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.adds("Letter", b"Dear reader").await;
        let tablet = world.phone("tablet");
        linked(&phone, &tablet).await;
        tablet.until(|shown| row(shown, "Letter").is_some()).await;
        phone.does(json!({ "type": "close-linking" }));
        phone.until(|shown| shown["devices"]["rows"].as_array().unwrap().len() == 2).await;
        let rows = devices(&phone).await;
        let (own, other) = (&rows[0], &rows[1]);
        assert_eq!((&own["this"], &other["this"]), (&json!(true), &json!(false)));
        assert_eq!(other["name"], "Tablet");
        let id = other["device"].clone();
        phone.does(json!({ "type": "rename-device", "device": id, "name": "Kitchen" }));
        phone.until(|shown| shown["devices"]["rows"][1]["name"] == "Kitchen").await;
        tablet.does(json!({ "type": "close-linking" }));
        assert_eq!(devices(&tablet).await.len(), 2);
        tablet.until(|shown| shown["devices"]["rows"][1]["name"] == "Kitchen").await;
        // A device does not take itself out, and one that is none is none.
        phone.idle().await;
        for nobody in [own["device"].clone(), json!("nobody")] {
            phone.does(json!({ "type": "revoke-device", "device": nobody }));
            assert!(phone.now()["busy"].is_null());
        }
        phone.does(json!({ "type": "revoke-device", "device": id }));
        phone.until(|shown| shown["busy"].is_null() && shown["devices"]["rows"][1]["gone"] == true).await;
        assert!(phone.snapshots().iter().any(|shown| shown["busy"]["what"] == "rekeying"));
        // The one that is out reads nothing new, and is told.
        phone.adds("Later", b"not for the tablet").await;
        tablet.goes("records");
        tablet.does(json!({ "type": "refresh" }));
        assert_eq!(tablet.trouble().await, "device-revoked");
        assert!(row(&tablet.now(), "Later").is_none());
    })
    .await;
}

#[tokio::test]
async fn of_the_devices_nothing_is_shown_while_the_keys_are_away() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        assert_eq!(devices(&phone).await.len(), 1);
        phone.does(json!({ "type": "lock" }));
        let shown = phone.screen("locked").await;
        assert!(shown["devices"].is_null());
        phone.goes("devices");
        phone.does(json!({ "type": "veto-recovery" }));
        assert_eq!(phone.now()["screen"], "locked");
    })
    .await;
}
