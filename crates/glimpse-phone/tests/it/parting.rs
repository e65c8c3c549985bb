//! What breaks a lending off before it is one, and what changes one that runs.

use glimpse_core::viewer::{Input, State};
use glimpse_device::receive::Receiver;
use glimpse_wire::ErrorCode;
use serde_json::{Value, json};

use crate::lending::{ended, lend, read, session, viewer, words};
use crate::world::{Hand, World, on_one_thread};

/// The person ticks a record, asks for a code, and sees it.
async fn code(hand: &Hand, record: &str) -> String {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
    shown_code(hand).await
}

async fn shown_code(hand: &Hand) -> String {
    let shown = hand.until(|shown| stage(shown) == "code").await;
    shown["lending"]["code"].as_str().unwrap().to_owned()
}

fn stage(shown: &Value) -> &str {
    shown["lending"]["stage"].as_str().unwrap_or_default()
}

/// Types a code, and gives why it leads nowhere.
async fn refused(viewer: &mut Receiver, code: String) -> ErrorCode {
    viewer.input(Input::Code(code)).await;
    words(viewer).await.unwrap_err()
}

#[tokio::test]
async fn t020_a_code_that_was_cancelled_or_left_the_screen_opens_nothing() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        for away in [json!({ "type": "cancel-code" }), json!({ "type": "visible", "visible": false })] {
            let code = code(&hand, &record).await;
            hand.does(away.clone());
            hand.until(|shown| stage(shown) == "over").await;
            assert_eq!(refused(&mut viewer(&world), code).await, ErrorCode::CodeUsed, "{away}");
            // A yes that comes late is none.
            hand.does(json!({ "type": "approve", "words": "apple river" }));
            assert_eq!(stage(&hand.now()), "over");
            hand.does(json!({ "type": "close-lending" }));
        }
        // Control: a code that stayed on the screen leads to a session.
        hand.does(json!({ "type": "visible", "visible": true }));
        let units = lend(&hand, &mut viewer(&world), &record).await;
        assert_eq!(units.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn t020_a_question_that_nobody_sees_is_a_no() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let mut viewer = viewer(&world);
        let code = code(&hand, &record).await;
        viewer.input(Input::Code(code)).await;
        let words = words(&mut viewer).await.unwrap();
        hand.until(|shown| stage(shown) == "asking").await;
        hand.does(json!({ "type": "visible", "visible": false }));
        hand.does(json!({ "type": "approve", "words": words }));
        assert_eq!(session(&mut viewer).await.unwrap_err(), ErrorCode::Declined);
        hand.until(|shown| stage(shown) == "over").await;
        assert!(hand.snapshots().iter().all(|shown| stage(shown) != "running"));
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_finds_another_code_and_one_tap_gives_another() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let first = code(&hand, &record).await;
        hand.does(json!({ "type": "visible", "visible": false }));
        hand.until(|shown| stage(shown) == "over" && shown["lending"]["outOfSight"] == true).await;
        hand.does(json!({ "type": "visible", "visible": true }));
        let second = shown_code(&hand).await;
        assert_ne!(first, second);
        hand.does(json!({ "type": "lend-again" }));
        let shown = hand.until(|shown| stage(shown) == "code" && shown["lending"]["code"] != second).await;
        assert_eq!(refused(&mut viewer(&world), second).await, ErrorCode::CodeUsed);
        // Control: the last one works.
        let mut viewer = viewer(&world);
        viewer.input(Input::Code(shown["lending"]["code"].as_str().unwrap().to_owned())).await;
        words(&mut viewer).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_session_that_runs_goes_on_out_of_sight_and_is_changed_as_the_person_says() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let second = hand.adds("Second", b"more of it").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let mut viewer = viewer(&world);
        let units = lend(&hand, &mut viewer, &record).await;
        hand.does(json!({ "type": "visible", "visible": false }));
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        hand.until(|shown| shown["lending"]["opened"] == 1).await;
        hand.does(json!({ "type": "visible", "visible": true }));

        viewer.input(Input::AskRecord("the second".to_owned())).await;
        hand.until(|shown| shown["lending"]["asked"]["text"] == "the second").await;
        // What is lent already is not lent again.
        hand.does(json!({ "type": "choose", "unit": second, "chosen": true }));
        hand.does(json!({ "type": "lend-more" }));
        let added = async {
            loop {
                if let State::Session(running) = viewer.state()
                    && let Some((unit, _)) = running.units().find(|(_, unit)| unit.meta.title == "Second")
                {
                    return unit;
                }
                viewer.next().await;
            }
        };
        let unit = added.await;
        assert_eq!(read(&mut viewer, unit).await, b"more of it");
        let shown = hand.until(|shown| shown["lending"]["opened"] == 2).await;
        assert_eq!(shown["lending"]["rows"].as_array().unwrap().len(), 2);
        assert!(shown["lending"]["asked"].is_null());

        let before = shown["lending"]["secondsLeft"].as_u64().unwrap();
        hand.does(json!({ "type": "extend", "minutes": 15 }));
        hand.until(|shown| shown["lending"]["secondsLeft"].as_u64().unwrap_or(0) > before + 600).await;
        hand.does(json!({ "type": "shorten", "minutes": 1 }));
        hand.until(|shown| shown["lending"]["secondsLeft"].as_u64().is_some_and(|left| left <= 60)).await;
        hand.does(json!({ "type": "end" }));
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_fit_the_screen_is_dropped() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.phone("mara");
        hand.screen("start").await;
        let everything = [
            json!({ "type": "lock" }),
            json!({ "type": "go", "to": "lend" }),
            json!({ "type": "open", "unit": "nonsense" }),
            json!({ "type": "lend", "save": true, "minutes": 10 }),
            json!({ "type": "lend-again" }),
            json!({ "type": "approve", "words": "apple river" }),
            json!({ "type": "end" }),
            json!({ "type": "delete" }),
            json!({ "type": "close-lending" }),
            json!({ "type": "choose", "unit": "nonsense", "chosen": true }),
            json!({ "type": "window", "first": u32::MAX, "count": u32::MAX }),
            json!({ "type": "refresh" }),
        ];
        for intent in everything {
            hand.does(intent.clone());
            let shown = hand.now();
            assert_eq!((&shown["screen"], &shown["lending"]), (&json!("start"), &Value::Null), "{intent}");
        }
        for none in ["", "{}", "7", "{\"type\":\"reveal\"}", "{\"type\":\"lend\",\"minutes\":-1,\"save\":true}"] {
            assert!(glimpse_phone::Intent::from_json(none).is_none(), "{none}");
        }
        // Control: what fits is done.
        hand.does(json!({ "type": "create", "name": "", "passphrase": "short" }));
        assert_eq!(hand.trouble().await, "passphrase-short");
    })
    .await;
}
