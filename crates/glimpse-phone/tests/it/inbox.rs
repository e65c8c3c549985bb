//! What happened to the account, and the ways out of what is wrong with it.

use glimpse_core::recovery::{Plan, combine};
use glimpse_device::recovery::{Restore, Restored, restore};
use glimpse_wire::Hash;
use glimpse_wire::account::Head;
use serde_json::{Value, json};

use crate::family::{beside, copy_folder, linked};
use crate::world::{Hand, World, on_one_thread};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// The alarms that stand, by kind.
fn alarms(shown: &Value) -> Vec<String> {
    let alarms = shown["inbox"]["shown"]["alarms"].as_array().cloned().unwrap_or_default();
    alarms.iter().map(|alarm| alarm["kind"].as_str().unwrap().to_owned()).collect()
}

/// Goes to the inbox, and waits for this alarm.
async fn alarm(hand: &Hand, kind: &str) -> Value {
    hand.does(json!({ "type": "refresh" }));
    hand.goes("inbox");
    hand.until(|shown| alarms(shown).iter().any(|alarm| alarm == kind)).await
}

/// Takes a way out, and waits until nothing is wrong.
async fn settled(hand: &Hand, act: &str) -> Value {
    hand.idle().await;
    hand.does(json!({ "type": "inbox", "act": act }));
    hand.until(|shown| shown["busy"].is_null() && shown["inbox"]["alarms"] == 0).await
}

#[tokio::test]
async fn what_another_device_did_is_told_once_and_then_read() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        assert_eq!(hand.now()["inbox"]["unread"], 0, "control");
        let tablet = linked(&world, &beside(&world, "mara").await, "Tablet").await;
        let kit = tablet.draw_kit(Plan::default()).unwrap();
        tablet.install_kit(&kit.keys).await.unwrap();
        hand.does(json!({ "type": "refresh" }));
        let shown = hand.until(|shown| shown["inbox"]["unread"].as_u64() > Some(0)).await;
        assert!(shown["inbox"]["shown"].is_null(), "what is in it is on its own screen");
        hand.goes("inbox");
        let shown = hand.until(|shown| shown["inbox"]["shown"]["read"] == true && shown["inbox"]["unread"] == 0).await;
        let notices = shown["inbox"]["shown"]["notices"].as_array().unwrap();
        let told = notices.iter().find(|notice| notice["kind"] == "kit-made").expect("it is told");
        assert_eq!(
            (&told["by"]["name"], &told["read"], &told["way"]),
            (&json!("Tablet"), &json!(false), &json!("kit"))
        );
        // It stays marked while the person is here, and is read when they come again.
        hand.does(json!({ "type": "refresh" }));
        hand.idle().await;
        hand.goes("records");
        hand.goes("inbox");
        let all_read = |shown: &Value| {
            let notices = shown["inbox"]["shown"]["notices"].as_array().cloned().unwrap_or_default();
            !notices.is_empty() && notices.iter().all(|notice| notice["read"] == true)
        };
        hand.until(all_read).await;
        hand.does(json!({ "type": "lock" }));
        let shown = hand.screen("locked").await;
        assert!(shown["inbox"]["shown"].is_null() && !shown.to_string().contains("Tablet"));
    })
    .await;
}

#[tokio::test]
async fn a_recovery_that_waits_is_an_alarm_and_can_be_stopped() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let device = beside(&world, "mara").await;
        let kit = device.draw_kit(Plan::default()).unwrap();
        device.install_kit(&kit.keys).await.unwrap();
        device.set_policy(|policy| policy.recovering = 2 * DAY).await.unwrap();
        let ground = world.ground("thief");
        let plan = Restore { name: String::new(), passphrase: b"another passphrase", plan: Plan::default() };
        let keys = combine(&kit.shares).unwrap();
        let waiting = restore(&ground, &keys, plan, &mut async |_, _| panic!("nothing is printed")).await.unwrap();
        assert!(matches!(waiting, Restored::Waiting { .. }));
        let shown = alarm(&hand, "recovery").await;
        assert!(shown["inbox"]["shown"]["alarms"][0]["until"].is_u64());
        assert_eq!(shown["inbox"]["shown"]["notices"][0]["kind"], "recovery-asked", "what is urgent is on top");
        settled(&hand, "veto").await;
        // None waits any more, and this is said.
        hand.does(json!({ "type": "inbox", "act": "veto" }));
        assert_eq!(hand.trouble().await, "not-found");
    })
    .await;
}

#[tokio::test]
async fn links_that_the_server_lost_are_given_back() {
    let mut world = World::start().await;
    let hand = on_one_thread(async { world.founded("mara").await }).await;
    let copy = world.home("copy-of-the-server");
    world.server.stop().await;
    copy_folder(world.server.data(), &copy);
    world.server.resume().await.unwrap();
    on_one_thread(async { beside(&world, "mara").await.rotate().await.unwrap() }).await;
    world.server.stop().await;
    std::fs::remove_dir_all(world.server.data()).unwrap();
    copy_folder(&copy, world.server.data());
    world.server.resume().await.unwrap();
    drop(hand);
    on_one_thread(async {
        let hand = world.phone("mara");
        hand.unlocks().await;
        alarm(&hand, "rolled-back").await;
        settled(&hand, "give-back").await;
    })
    .await;
}

#[tokio::test]
async fn a_list_that_is_not_what_was_signed_stops_writing_until_its_owner_takes_it() {
    let mut world = World::start().await;
    on_one_thread(async { drop(world.founded("mara").await) }).await;
    let copy = world.home("copy-of-the-server");
    world.server.stop().await;
    copy_folder(world.server.data(), &copy);
    world.server.resume().await.unwrap();
    on_one_thread(async {
        let hand = world.phone("mara");
        hand.unlocks().await;
        hand.until(|shown| shown["fresh"] == true).await;
        hand.adds("Letter", b"Dear reader").await;
        hand.until(|shown| shown["fresh"] == true && shown["busy"].is_null()).await;
    })
    .await;
    world.server.stop().await;
    std::fs::remove_dir_all(world.server.data()).unwrap();
    copy_folder(&copy, world.server.data());
    world.server.resume().await.unwrap();
    on_one_thread(async {
        let hand = world.phone("mara");
        hand.unlocks().await;
        let shown = alarm(&hand, "log-broken").await;
        assert_eq!(shown["inbox"]["shown"]["alarms"][0]["log"][0]["word"], "checkpoint-rolled-back");
        settled(&hand, "accept-records").await;
        hand.goes("records");
        hand.adds("Another", b"that can be kept").await;
    })
    .await;
}

#[tokio::test]
async fn t025_of_two_logs_the_owner_says_which_one_counts() {
    let world = World::start().await;
    on_one_thread(async {
        drop(world.founded("mara").await);
        let phone = beside(&world, "mara").await;
        let tablet = linked(&world, &phone, "Tablet").await;
        let other = Head { seq: tablet.head().seq, hash: Hash([7; 32]) };
        tablet.meet_head(&other, phone.keys().id()).await.unwrap_err();
        drop(tablet);
        let hand = world.phone("Tablet");
        hand.unlocks().await;
        let shown = alarm(&hand, "forked").await;
        let forked = &shown["inbox"]["shown"]["alarms"][0];
        assert_eq!(forked["theirs"]["hash"], Hash([7; 32]).to_string());
        assert_eq!(forked["devices"].as_array().unwrap().len(), 1);
        settled(&hand, "keep").await;
        assert!(phone.sync().await.is_err(), "the device with the other log is out");
    })
    .await;
}

#[tokio::test]
async fn a_device_that_was_put_back_from_a_copy_goes_on_when_its_owner_says_so() {
    let world = World::start().await;
    on_one_thread(async {
        drop(world.founded("mara").await);
        copy_folder(&world.home("mara"), &world.home("copy"));
        // The original goes on, so that the numbers of the copy are spent.
        for _ in 0..2 {
            beside(&world, "mara").await.sync().await.unwrap();
        }
        let hand = world.phone("copy");
        hand.unlocks().await;
        alarm(&hand, "doubled").await;
        settled(&hand, "use-copy").await;
    })
    .await;
}
