//! Sessions that run and those that are past, from the screen.

use glimpse_device::receive::Receiver;
use glimpse_wire::ErrorCode;
use serde_json::{Value, json};

use crate::family::{beside, linked};
use crate::lending::{ended, lend, read, viewer};
use crate::world::{Hand, World, on_one_thread};

#[tokio::test]
async fn who_looked_at_what_is_told_and_can_be_kept_as_a_file() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        hand.goes("sessions");
        let shown = hand.until(|shown| shown["sessions"]["read"] == true).await;
        assert_eq!(shown["sessions"]["rows"], json!([]), "control: nobody looked yet");
        let mut viewer = viewer(&world);
        let units = lend(&hand, &mut viewer, &record).await;
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        hand.until(|shown| shown["lending"]["rows"][0]["opened"] == 1).await;
        hand.goes("sessions");
        let shown = hand.until(|shown| shown["sessions"]["rows"][0]["running"] == true).await;
        let row = &shown["sessions"]["rows"][0];
        assert_eq!((&row["units"], &row["lender"]["this"]), (&json!(1), &json!(true)));
        let session = row["session"].clone();
        hand.does(json!({ "type": "sessions", "act": "end", "session": session }));
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
        hand.until(|shown| shown["sessions"]["rows"][0]["running"] == false && shown["busy"].is_null()).await;
        hand.until(|shown| shown["lending"]["stage"] == "over").await;
        hand.does(json!({ "type": "sessions", "act": "look", "session": session }));
        let shown = hand.until(|shown| !shown["sessions"]["trail"].is_null()).await;
        let trail = &shown["sessions"]["trail"];
        assert_eq!((&trail["verdict"], &trail["lender"]["this"]), (&json!("whole"), &json!(true)));
        let what: Vec<&str> =
            trail["receipts"].as_array().unwrap().iter().map(|receipt| receipt["what"].as_str().unwrap()).collect();
        assert_eq!(what.get(..4), Some(&["granted", "opened", "ended", "deleted"][..]));
        assert_eq!(trail["receipts"][1]["title"], "Letter");
        assert_eq!(trail["receipts"][2]["by"], "device");
        // As a file: one object a line, and nothing that only a key could show.
        hand.does(json!({ "type": "sessions", "act": "export" }));
        let (name, text) = hand.files().pop().expect("a file");
        assert!(name.starts_with("glimpse-session-") && name.ends_with(".jsonl"));
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap()["event"], "trail");
        assert_eq!(lines.last().unwrap()["verified"], true);
        assert_eq!(lines[1]["what"], "opened");
        assert!(!text.contains("Letter") && !text.contains("Dear reader"));
        // Back, and nothing to be kept.
        hand.does(json!({ "type": "sessions", "act": "close" }));
        hand.does(json!({ "type": "sessions", "act": "export" }));
        assert_eq!(hand.files().len(), 1);
    })
    .await;
}

/// A session that runs, in which the one record that is lent was opened.
async fn looked_at(world: &World) -> (Hand, Receiver) {
    let hand = world.founded("mara").await;
    let record = hand.adds("Letter", b"Dear reader").await;
    let mut viewer = viewer(world);
    let units = lend(&hand, &mut viewer, &record).await;
    read(&mut viewer, units[0].0).await;
    hand.until(|shown| shown["lending"]["rows"][0]["opened"] == 1).await;
    (hand, viewer)
}

/// Another device of the account ends what this one lends, and everybody is told who did. That device joined after this one
/// had looked last.
#[tokio::test]
async fn another_device_ends_what_this_one_lends() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, mut viewer) = looked_at(&world).await;
        let tablet = linked(&world, &beside(&world, "mara").await, "Tablet").await;
        let running = tablet.sessions().await.unwrap();
        let session = running.iter().find(|session| session.ended.is_none()).expect("it is seen there").session;
        tablet.end_session(session).await.unwrap();
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        let ran = &shown["lending"]["ran"];
        assert_eq!((&ran["holds"], &ran["told"]), (&json!(true), &json!(true)));
        assert_eq!((&ran["stopper"]["this"], &ran["stopper"]["name"]), (&json!(false), &json!("Tablet")));
        hand.goes("sessions");
        hand.until(|shown| shown["sessions"]["rows"][0]["ended"] == "session-ended").await;
        hand.does(json!({ "type": "sessions", "act": "look", "session": session.to_string() }));
        let shown = hand.until(|shown| !shown["sessions"]["trail"].is_null()).await;
        let trail = &shown["sessions"]["trail"];
        assert_eq!((&trail["verdict"], &trail["stopper"]["name"]), (&json!("whole"), &json!("Tablet")));
        assert_eq!(trail["receipts"][2]["by"], "other");
        // There, the same trail holds, and says the same.
        let there = tablet.trail(session).await.unwrap();
        assert!(there.audit.is_some_and(|audit| audit.stopped_by.is_some()));
    })
    .await;
}

#[tokio::test]
async fn after_a_lock_the_title_of_what_was_opened_is_not_known_and_the_trail_holds_all_the_same() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, mut viewer) = looked_at(&world).await;
        hand.does(json!({ "type": "end" }));
        ended(&mut viewer).await;
        hand.until(|shown| shown["lending"]["stage"] == "over" && shown["busy"].is_null()).await;
        hand.does(json!({ "type": "lock" }));
        hand.unlocks().await;
        hand.goes("sessions");
        let shown = hand.until(|shown| shown["sessions"]["rows"][0]["ended"] == "session-ended").await;
        let session = shown["sessions"]["rows"][0]["session"].clone();
        hand.does(json!({ "type": "sessions", "act": "look", "session": session }));
        let shown = hand.until(|shown| !shown["sessions"]["trail"].is_null()).await;
        assert_eq!(shown["sessions"]["trail"]["verdict"], "whole");
        assert!(shown["sessions"]["trail"]["receipts"][1]["title"].is_null());
        // Neither is there a session of another name, nor one that could be ended.
        hand.idle().await;
        let none = "A".repeat(22);
        hand.does(json!({ "type": "sessions", "act": "end", "session": session }));
        hand.does(json!({ "type": "sessions", "act": "end", "session": "no id" }));
        assert!(hand.now()["busy"].is_null());
        hand.does(json!({ "type": "sessions", "act": "look", "session": none }));
        assert_eq!(hand.trouble().await, "not-found");
    })
    .await;
}
