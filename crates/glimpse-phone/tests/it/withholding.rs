//! Fields that are not lent, where another version of the record comes before it is.

use serde_json::{Value, json};

use crate::adding::file;
use crate::desk::{Desk, pins};
use crate::world::{Hand, World, on_one_thread, row};

/// The person leaves one field out of the record, and has a code.
async fn code_without(hand: &Hand, record: &str, wish: Value) {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "fields", "act": "show", "unit": record }));
    hand.until(|shown| shown["withholding"]["open"]["fields"][0]["pointer"] == "/secret").await;
    hand.does(json!({ "type": "fields", "act": "withhold", "unit": record, "pointer": "/secret", "withheld": true }));
    hand.does(wish);
    let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
    assert_eq!((&shown["lending"]["withheld"], &shown["resumed"]), (&json!(1), &Value::Null));
    hand.does(json!({ "type": "cancel-code" }));
    hand.until(|shown| shown["lending"]["stage"] == "over").await;
}

/// The fields are looked at again because of another version: nothing else of what was wished is chosen anew.
#[tokio::test]
async fn who_looks_at_the_fields_again_still_lends_to_whom_and_for_how_long_was_chosen() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Card", b"as it was").await;
        pins(&hand, &Desk::new()).await;
        *hand.shown().fields.borrow_mut() = vec!["/secret".to_owned(), "/shown".to_owned()];
        for (to, save, minutes) in [("agent", true, 30), ("own-screen", false, 60)] {
            code_without(&hand, &record, json!({ "type": "lend", "to": to, "save": save, "minutes": minutes })).await;
            let title = format!("Card before {to}");
            hand.phone.add(file(&title, Some(&record), b"as it is"));
            hand.until(|shown| row(shown, &title).is_some() && shown["busy"].is_null()).await;
            hand.goes("lend");
            hand.does(json!({ "type": "lend-again" }));
            let shown = hand.until(|shown| shown["lending"]["reason"] == "withhold-changed").await;
            assert!(shown["resumed"].is_null(), "control: nothing is chosen again yet");
            hand.does(json!({ "type": "lend-again" }));
            let shown = hand.until(|shown| shown["withholding"]["open"]["changed"] == true).await;
            let wished = json!({ "to": to, "save": save, "minutes": minutes });
            assert_eq!((&shown["screen"], &shown["lending"]), (&json!("lend"), &Value::Null));
            assert_eq!((&shown["list"]["chosen"], &shown["resumed"]), (&json!(1), &wished));
            // As the page sends it then.
            hand.does(json!({ "type": "lend", "to": to, "save": save, "minutes": minutes }));
            let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
            assert_eq!((&shown["lending"]["to"], &shown["lending"]["minutes"]), (&json!(to), &json!(minutes)));
            assert!(shown["resumed"].is_null(), "what comes after it begins anew");
            hand.does(json!({ "type": "cancel-code" }));
            hand.until(|shown| shown["lending"]["stage"] == "over").await;
            hand.does(json!({ "type": "close-lending" }));
        }
    })
    .await;
}

#[tokio::test]
async fn who_leaves_while_the_fields_are_looked_at_again_begins_anew() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Card", b"as it was").await;
        pins(&hand, &Desk::new()).await;
        *hand.shown().fields.borrow_mut() = vec!["/secret".to_owned()];
        code_without(&hand, &record, json!({ "type": "lend", "to": "agent", "save": false, "minutes": 5 })).await;
        hand.phone.add(file("Card anew", Some(&record), b"as it is"));
        hand.until(|shown| row(shown, "Card anew").is_some() && shown["busy"].is_null()).await;
        hand.does(json!({ "type": "lend-again" }));
        hand.until(|shown| shown["lending"]["reason"] == "withhold-changed").await;
        hand.does(json!({ "type": "lend-again" }));
        hand.until(|shown| shown["resumed"]["to"] == "agent").await;
        hand.goes("lend");
        assert_eq!(hand.now()["resumed"]["to"], "agent", "control: it is the screen where the person is");
        hand.goes("records");
        hand.goes("lend");
        assert!(hand.now()["resumed"].is_null());
    })
    .await;
}
