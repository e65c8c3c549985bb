//! Lending to a screen of one's own: somebody who says to be that and is not, the report, what is chosen by kind and by days,
//! and the page that stands beside the code.

use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input};
use glimpse_device::receive::Receiver;
use glimpse_wire::pairing::Purpose;
use serde_json::{Value, json};

use crate::lending::{ended, session, viewer, words};
use crate::world::{Hand, World, on_one_thread};

/// A browser that is given a code for a screen of one's own, and names a case and a reason.
fn caller(world: &World) -> Receiver {
    let ground = world.ground("caller");
    let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "a test".into() };
    let asking = Asking { credential: None, case: "A-17".into(), reason: "to pay you back".into() };
    Receiver::new(ground.transport, ground.machine, Config { claims, purpose: Purpose::View, asking, bearer: None })
}

async fn code(hand: &Hand, record: &str) -> Value {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
    hand.until(|shown| shown["lending"]["stage"] == "code").await
}

async fn types(viewer: &mut Receiver, shown: &Value) -> String {
    viewer.input(Input::Code(shown["lending"]["code"].as_str().unwrap().to_owned())).await;
    words(viewer).await.unwrap()
}

fn report(hand: &Hand) -> Value {
    hand.does(json!({ "type": "report" }));
    serde_json::from_str(&hand.files().pop().unwrap().1).unwrap()
}

/// Row 63 of the catalogue: who talks a person round to "choose my own screen" is told apart, and their words are not shown.
#[tokio::test]
async fn t063_a_screen_that_names_a_case_is_not_ones_own() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let mut browser = caller(&world);
        types(&mut browser, &code(&hand, &record).await).await;
        let shown = hand.until(|shown| shown["lending"]["stage"] == "asking").await;
        assert_eq!(shown["lending"]["peer"]["namesCase"], true);
        assert_eq!(shown["lending"]["peer"]["program"], "a test");
        let report = report(&hand);
        assert_eq!(
            (&report["screen"]["case"], &report["screen"]["reason"]),
            (&json!("A-17"), &json!("to pay you back"))
        );
        hand.does(json!({ "type": "decline" }));
        hand.until(|shown| shown["lending"]["stage"] == "over").await;
        let said = |text: &str| hand.snapshots().iter().any(|shown| shown.to_string().contains(text));
        assert!(!said("A-17") && !said("pay you back") && said("look.example"));

        // Control: one's own screen names none.
        hand.does(json!({ "type": "lend-again" }));
        let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
        types(&mut viewer(&world), &shown).await;
        let shown = hand.until(|shown| shown["lending"]["stage"] == "asking").await;
        assert_eq!(shown["lending"]["peer"]["namesCase"], false);
    })
    .await;
}

#[tokio::test]
async fn a_report_about_a_screen_of_ones_own_holds_no_code_no_words_and_nothing_of_a_record() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        hand.does(json!({ "type": "report" }));
        assert!(hand.files().is_empty(), "there is nothing to report");
        let shown = code(&hand, &record).await;
        let before = report(&hand);
        assert!(before["written"].is_u64() && before["screen"].is_null() && before["session"].is_null(), "{before}");
        assert_eq!(before["server"], world.server.url());
        let mut viewer = viewer(&world);
        let words = types(&mut viewer, &shown).await;
        hand.until(|shown| shown["lending"]["stage"] == "asking").await;
        let asked = report(&hand);
        assert_eq!(asked["screen"], json!({ "program": "a test", "origin": "https://look.example", "build": "b" }));
        hand.does(json!({ "type": "approve", "words": words }));
        session(&mut viewer).await.unwrap();
        hand.until(|shown| shown["lending"]["stage"] == "running").await;
        hand.does(json!({ "type": "end" }));
        ended(&mut viewer).await;
        hand.until(|shown| shown["lending"]["stage"] == "over").await;
        let over = report(&hand);
        assert_eq!((&over["session"], &over["screen"]), (&asked["session"], &asked["screen"]));
        assert!(over["session"].is_string(), "{over}");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let code = digits(shown["lending"]["code"].as_str().unwrap());
        for (_, text) in hand.files() {
            assert!(!digits(&text).contains(&code) && !text.contains(&words) && !text.contains("Letter"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_lent_is_chosen_by_kind_and_by_days_and_days_stay_where_they_are_seen() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.adds("Letter", b"Dear reader").await;
        hand.adds("Note", b"Milk").await;
        let created = hand.now()["list"]["rows"][0]["created"].as_u64().unwrap();
        hand.goes("lend");
        hand.does(json!({ "type": "between", "from": created + 1 }));
        assert_eq!(hand.now()["list"]["matching"], 0);
        hand.does(json!({ "type": "choose-all", "chosen": true }));
        assert_eq!(hand.now()["list"]["chosen"], 0, "what is not shown is not ticked");
        hand.does(json!({ "type": "between", "to": created - 1 }));
        assert_eq!(hand.now()["list"]["matching"], 0);
        hand.does(json!({ "type": "between", "from": created, "to": created }));
        let list = hand.now()["list"].clone();
        assert_eq!((&list["matching"], &list["from"], &list["allChosen"]), (&json!(2), &json!(created), &json!(false)));
        hand.does(json!({ "type": "filter", "kind": "image" }));
        assert_eq!(hand.now()["list"]["matching"], 0);
        hand.does(json!({ "type": "filter", "kind": "text" }));
        hand.does(json!({ "type": "choose-all", "chosen": true }));
        let list = hand.now()["list"].clone();
        assert_eq!((&list["chosen"], &list["allChosen"]), (&json!(2), &json!(true)));
        // On the list of records no days can be chosen: none may hide anything there.
        hand.does(json!({ "type": "between", "from": created + 1 }));
        assert_eq!(hand.now()["list"]["matching"], 0);
        hand.goes("records");
        let list = hand.now()["list"].clone();
        assert_eq!((&list["matching"], &list["from"]), (&json!(2), &json!(null)));
    })
    .await;
}

#[tokio::test]
async fn the_page_beside_the_code_is_the_servers_until_another_is_set_and_never_what_is_none() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let site = async |hand: &Hand| {
            let shown = code(hand, &record).await;
            hand.does(json!({ "type": "cancel-code" }));
            hand.until(|shown| shown["lending"]["stage"] == "over").await;
            hand.does(json!({ "type": "close-lending" }));
            shown["lending"]["site"].clone()
        };
        assert_eq!(site(&hand).await, world.server.url());
        hand.goes("settings");
        hand.does(json!({ "type": "set-site", "site": "https://mara@look.example" }));
        assert_eq!(hand.trouble().await, "site");
        assert_eq!(hand.now()["settings"]["site"], "");
        hand.does(json!({ "type": "set-site", "site": " https://Look.example/ " }));
        let shown = hand.until(|shown| shown["settings"]["site"] == "https://look.example").await;
        assert_eq!((&shown["settings"]["done"], &shown["trouble"]), (&json!("set.did.site"), &json!(null)));
        hand.rests().await;

        // It stays, and goes with an empty word.
        let again = world.phone("mara");
        again.unlocks().await;
        again.until(|shown| crate::world::row(shown, "Letter").is_some()).await;
        assert_eq!(site(&again).await, "https://look.example");
        again.goes("settings");
        again.does(json!({ "type": "set-site", "site": "" }));
        again.until(|shown| shown["settings"]["site"] == "").await;
        assert_eq!(site(&again).await, world.server.url());
    })
    .await;
}
