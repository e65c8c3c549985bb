//! Organisations that are pinned by their cards, and what the account's rules ask for that.

use glimpse_device::chain::Proposal;
use serde_json::json;

use crate::desk::{Desk, pins};
use crate::family::{beside, linked};
use crate::world::{World, on_one_thread};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Row 34 of the catalogue, for cards: wherever one is scanned or pasted, nothing is pinned before somebody saw it and pressed on.
#[tokio::test]
async fn t034_a_card_pins_nothing_by_itself() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let device = beside(&world, "mara").await;
        let desk = Desk::new();
        let card = desk.card().to_string();
        let head = device.head();
        let cut: String = card.chars().take(card.len() - 2).collect();
        // A scanned code comes with the intent of the screen that scanned it.
        hand.goes("link");
        hand.does(json!({ "type": "link", "form": "typed", "code": card }));
        assert_eq!(hand.trouble().await, "code-pins");
        assert!(hand.now()["linking"].is_null());
        // On another screen there is nothing to read, and nothing to pin.
        for act in [
            json!({ "type": "organisations", "act": "read", "text": card }),
            json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }),
        ] {
            hand.does(act);
        }
        hand.goes("organisations");
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }));
        for (text, key) in
            [("anything", "no-card"), ("GLIMPSE:ORGANISATION:AAAA", "no-card"), (cut.as_str(), "no-card")]
        {
            hand.does(json!({ "type": "organisations", "act": "read", "text": text }));
            assert_eq!(hand.trouble().await, key, "{text}");
        }
        hand.does(json!({ "type": "organisations", "act": "read", "text": card }));
        let shown = hand.until(|shown| !shown["organisations"]["card"].is_null()).await;
        let said = &shown["organisations"]["card"];
        assert_eq!((&said["name"], &said["server"]), (&json!("City Hospital"), &json!("https://desk.example")));
        let key = desk.organisation.public().to_string();
        let groups: Vec<&str> =
            said["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap()).collect();
        assert_eq!((said["key"].as_str().unwrap(), groups.concat()), (key.as_str(), key.clone()));
        // Gone with the screen.
        hand.goes("records");
        hand.goes("organisations");
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }));
        hand.rests().await;
        device.sync().await.unwrap();
        assert_eq!(device.head(), head, "nothing was added to the chain");
        assert_eq!(hand.now()["agents"], "none");

        pins(&hand, &desk).await;
        device.sync().await.unwrap();
        let pinned = device.chain().signed_policy().organisations.clone();
        assert_eq!((pinned.len(), pinned[0].key), (1, desk.organisation.public()), "control");
    })
    .await;
}

#[tokio::test]
async fn one_is_pinned_once_named_and_taken_away() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let (desk, other) = (Desk::new(), Desk::new());
        pins(&hand, &desk).await;
        let shown = hand.now();
        assert_eq!((&shown["organisations"]["pinned"], &shown["organisations"]["card"]), (&json!(0), &json!(null)));
        // The same once more is said to be there; another key of the same name is told apart, and cannot take the name.
        hand.does(json!({ "type": "organisations", "act": "read", "text": desk.card().to_string() }));
        let shown = hand.until(|shown| !shown["organisations"]["card"].is_null()).await;
        assert_eq!(shown["organisations"]["card"]["known"], "City Hospital");
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "Again" }));
        assert_eq!(hand.trouble().await, "pin-there");
        hand.does(json!({ "type": "organisations", "act": "read", "text": other.card().to_string() }));
        let shown = hand.until(|shown| shown["organisations"]["card"]["known"].is_null()).await;
        assert_eq!(shown["organisations"]["card"]["other"], true);
        for (name, key) in [("City Hospital", "pin-there"), (" \u{202E} ", "pin-name")] {
            hand.does(json!({ "type": "dismiss" }));
            hand.does(json!({ "type": "organisations", "act": "pin", "name": name }));
            assert_eq!(hand.trouble().await, key);
            hand.idle().await;
        }
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "The other one" }));
        let shown = hand
            .until(|shown| {
                shown["organisations"]["rows"].as_array().is_some_and(|rows| rows.len() == 2) && shown["busy"].is_null()
            })
            .await;
        let key = shown["organisations"]["rows"][0]["key"].clone();
        hand.does(json!({ "type": "organisations", "act": "unpin", "key": key }));
        let shown = hand
            .until(|shown| {
                shown["organisations"]["rows"].as_array().is_some_and(|rows| rows.len() == 1) && shown["busy"].is_null()
            })
            .await;
        assert_eq!(shown["organisations"]["rows"][0]["name"], "The other one");
        // It was in the same chain for every device.
        let device = beside(&world, "mara").await;
        device.sync().await.unwrap();
        assert_eq!(device.chain().signed_policy().organisations.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_pin_that_needs_a_second_device_waits_for_its_signature() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let other = linked(&world, &beside(&world, "mara").await, "Other").await;
        other.set_policy(|policy| policy.pinning.second = true).await.unwrap();
        let desk = Desk::new();
        hand.goes("organisations");
        hand.does(json!({ "type": "organisations", "act": "read", "text": desk.card().to_string() }));
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }));
        let shown = hand.until(|shown| !shown["organisations"]["waiting"].is_null() && shown["busy"].is_null()).await;
        assert_eq!(
            (&shown["organisations"]["waiting"]["pinned"], &shown["agents"]),
            (&json!(["City Hospital"]), &json!("none"))
        );
        // It is found again, and what is no signature is named.
        hand.goes("records");
        hand.goes("organisations");
        let shown = hand.until(|shown| !shown["organisations"]["waiting"].is_null()).await;
        hand.does(json!({ "type": "organisations", "act": "complete", "signed": "anything else" }));
        assert_eq!(hand.trouble().await, "no-signature");
        let proposal: Proposal = shown["organisations"]["waiting"]["proposal"].as_str().unwrap().parse().unwrap();
        let signed = other.cosign(&proposal).await.unwrap();
        hand.does(json!({ "type": "organisations", "act": "complete", "signed": signed.to_string() }));
        let shown = hand.until(|shown| shown["agents"] == "some" && shown["busy"].is_null()).await;
        assert!(shown["organisations"]["waiting"].is_null());
    })
    .await;
}

#[tokio::test]
async fn a_pin_that_is_held_back_lets_no_agent_ask_yet() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let device = beside(&world, "mara").await;
        device.set_policy(|policy| policy.pinning.held = DAY).await.unwrap();
        let desk = Desk::new();
        hand.goes("organisations");
        hand.does(json!({ "type": "organisations", "act": "read", "text": desk.card().to_string() }));
        hand.does(json!({ "type": "organisations", "act": "pin", "name": "City Hospital" }));
        let shown = hand.until(|shown| shown["agents"] == "held" && shown["busy"].is_null()).await;
        assert_eq!(
            (&shown["organisations"]["pinned"], &shown["organisations"]["rows"][0]["counts"]),
            (&json!(DAY), &json!(false))
        );
        hand.goes("lend");
        hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
        hand.does(json!({ "type": "lend", "to": "agent", "save": false, "minutes": 10 }));
        assert_eq!(hand.trouble().await, "no-organisation");
    })
    .await;
}
