//! Linking on the page, both ends: who shows, who types, who says yes; and what goes wrong.

use futures_channel::mpsc::unbounded;
use glimpse_core::viewer::{Input, State};
use glimpse_device::linking::{Join, Way, join, parse_code};
use glimpse_server::{Settings, SystemClock, accept_signing_key};
use serde_json::{Value, json};

use crate::lending::{lend, viewer, words};
use crate::world::{Hand, PASSPHRASE, World, on_one_thread, row};

/// Two hands that link, up to the question: the one whose account it is, and the new one.
pub(crate) async fn meet(adder: &Hand, joiner: &Hand, adder_shows: bool, form: &str) -> (String, Value) {
    let joins = |form: &str, code: Option<&str>| {
        joiner.does(json!({ "type": "joining", "wanted": true }));
        joiner.does(json!({ "type": "join", "form": form, "code": code, "name": "Tablet", "passphrase": PASSPHRASE }));
    };
    let links = |form: &str, code: Option<&str>| {
        adder.goes("link");
        adder.does(json!({ "type": "link", "form": form, "code": code }));
    };
    let typist: &dyn Fn(&str, Option<&str>);
    let shower = if adder_shows {
        links(form, None);
        typist = &joins;
        adder
    } else {
        joins(form, None);
        typist = &links;
        joiner
    };
    let shown = shower.until(|shown| shown["linking"]["stage"] == "code").await;
    assert_eq!(shown["linking"]["square"].is_null(), form == "digits");
    typist("typed", shown["linking"]["code"].as_str());
    let words = joiner.until(|shown| shown["linking"]["stage"] == "words").await;
    let asked = adder.until(|shown| shown["linking"]["stage"] == "asked").await;
    (words["linking"]["words"][0].as_str().unwrap().to_owned(), asked)
}

pub(crate) async fn linked(adder: &Hand, joiner: &Hand) {
    joiner.screen("start").await;
    let (words, _) = meet(adder, joiner, true, "square").await;
    adder.does(json!({ "type": "link-approve", "words": words }));
    adder.until(|shown| !shown["linking"]["done"].is_null()).await;
    joiner.until(|shown| !shown["linking"]["done"].is_null()).await;
}

/// How both ends read what became of it.
async fn ends(adder: &Hand, joiner: &Hand) -> (String, String) {
    let over = |shown: &Value| shown["linking"]["stage"] == "over";
    let key = |shown: Value| shown["linking"]["trouble"]["key"].as_str().unwrap_or("none").to_owned();
    (key(adder.until(over).await), key(joiner.until(over).await))
}

#[tokio::test]
async fn a_device_is_linked_whichever_end_shows_the_code_and_in_either_form() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.adds("Letter", b"Dear reader").await;
        for (adder_shows, form) in [(true, "square"), (true, "digits"), (false, "square"), (false, "digits")] {
            let tablet = world.phone(&format!("tablet-{adder_shows}-{form}"));
            tablet.screen("start").await;
            let (words, asked) = meet(&phone, &tablet, adder_shows, form).await;
            assert_eq!(asked["linking"]["device"]["name"], "Tablet");
            assert_eq!(asked["linking"]["words"].as_array().unwrap().len(), 4);
            assert!(asked["linking"]["words"].as_array().unwrap().iter().any(|offered| *offered == words));
            phone.does(json!({ "type": "link-approve", "words": words }));
            let done = phone.until(|shown| !shown["linking"]["done"].is_null()).await;
            assert_eq!(
                (&done["linking"]["done"]["name"], &done["linking"]["done"]["told"]),
                (&json!("Tablet"), &json!(true))
            );
            let joined = tablet.until(|shown| !shown["linking"]["done"].is_null()).await;
            assert_eq!(joined["screen"], "link");
            tablet.does(json!({ "type": "close-linking" }));
            tablet.until(|shown| shown["screen"] == "records" && row(shown, "Letter").is_some()).await;
            phone.does(json!({ "type": "close-linking" }));
            let devices = phone.until(|shown| shown["screen"] == "devices").await;
            assert!(devices["linking"].is_null());
        }
        // What was typed to get in stands in no snapshot.
        assert!(phone.snapshots().iter().all(|shown| !shown.to_string().contains(PASSPHRASE)));
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_or_picked_wrong_links_nothing_and_both_ends_read_why() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        let tablet = world.phone("tablet");
        tablet.screen("start").await;
        let decoy = |asked: &Value, right: &str| {
            let all = asked["linking"]["words"].as_array().unwrap();
            all.iter().find(|words| *words != right).unwrap().clone()
        };
        for (answer, why) in [
            ("decoy", ("link-other-words", "link-other-words")),
            ("none", ("link-none-of-these", "link-declined")),
            ("no", ("link-left", "link-declined")),
            ("leaves", ("link-they-left", "link-left")),
        ] {
            let (words, asked) = meet(&phone, &tablet, true, "square").await;
            match answer {
                "decoy" => phone.does(json!({ "type": "link-approve", "words": decoy(&asked, &words) })),
                "none" => phone.does(json!({ "type": "link-none" })),
                "no" => phone.does(json!({ "type": "link-cancel" })),
                _ => tablet.does(json!({ "type": "link-cancel" })),
            }
            let (at_phone, at_tablet) = ends(&phone, &tablet).await;
            assert_eq!((at_phone.as_str(), at_tablet.as_str()), why, "{answer}");
            phone.does(json!({ "type": "close-linking" }));
            tablet.does(json!({ "type": "close-linking" }));
            assert!(phone.now()["linking"].is_null() && tablet.now()["screen"] == "join");
        }
        phone.goes("devices");
        let shown = phone.until(|shown| shown["devices"]["looked"] == true).await;
        assert_eq!(shown["devices"]["rows"].as_array().unwrap().len(), 1);
        // Control: the right words.
        linked_again(&phone, &tablet).await;
    })
    .await;
}

async fn linked_again(phone: &Hand, tablet: &Hand) {
    let (words, _) = meet(phone, tablet, false, "square").await;
    phone.does(json!({ "type": "link-approve", "words": words }));
    tablet.until(|shown| !shown["linking"]["done"].is_null()).await;
}

#[tokio::test]
async fn a_code_that_nobody_needs_any_more_is_broken_off_without_a_word() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.goes("link");
        phone.does(json!({ "type": "link", "form": "square" }));
        phone.until(|shown| shown["linking"]["stage"] == "code").await;
        // Locking would break it off, and is not done behind the person's back.
        phone.does(json!({ "type": "lock" }));
        assert_eq!(phone.now()["screen"], "link");
        phone.does(json!({ "type": "link-cancel" }));
        phone.until(|shown| shown["linking"].is_null()).await;
        phone.does(json!({ "type": "lock" }));
        phone.screen("locked").await;
    })
    .await;
}

#[tokio::test]
async fn t017_a_code_for_lending_links_nothing_and_one_for_linking_lends_nothing() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        let record = phone.adds("Letter", b"Dear reader").await;
        phone.goes("lend");
        phone.does(json!({ "type": "choose", "unit": record, "chosen": true }));
        phone.does(json!({ "type": "lend", "save": false, "minutes": 5 }));
        let shown = phone.until(|shown| shown["lending"]["stage"] == "code").await;
        let lends = shown["lending"]["code"].as_str().unwrap().to_owned();
        let tablet = world.phone("tablet");
        tablet.screen("start").await;
        tablet.does(json!({ "type": "joining", "wanted": true }));
        let typed = json!({ "type": "join", "form": "typed", "code": lends, "name": "", "passphrase": PASSPHRASE });
        tablet.does(typed);
        assert_eq!(tablet.trouble().await, "code-lends");
        assert!(tablet.now()["linking"].is_null());
        phone.does(json!({ "type": "link", "form": "typed", "code": lends }));
        assert_eq!(phone.trouble().await, "code-lends");
        // A slip is a slip.
        phone.does(json!({ "type": "link", "form": "typed", "code": "123" }));
        phone.until(|shown| shown["trouble"]["key"] == "code-mistyped").await;
        // The code was not used up by it.
        let mut viewer = viewer(&world);
        viewer.input(Input::Code(lends)).await;
        words(&mut viewer).await.unwrap();
        phone.does(json!({ "type": "decline" }));
        phone.until(|shown| shown["lending"]["stage"] == "over").await;
        // And the other way round: a viewer takes no code of linking, and sends nothing.
        for form in ["square", "digits"] {
            phone.goes("link");
            phone.does(json!({ "type": "link", "form": form }));
            let shown = phone.until(|shown| shown["linking"]["stage"] == "code").await;
            let links = shown["linking"]["code"].as_str().unwrap().to_owned();
            let mut viewer = crate::lending::viewer(&world);
            viewer.input(Input::Code(links)).await;
            let State::EnterCode { problem } = viewer.state() else { panic!("it went on") };
            assert_eq!(problem, Some(glimpse_wire::ErrorCode::CodeMistyped));
            phone.does(json!({ "type": "link-cancel" }));
            phone.until(|shown| shown["linking"].is_null()).await;
        }
        phone.does(json!({ "type": "close-lending" }));
        let mut viewer = crate::lending::viewer(&world);
        let units = lend(&phone, &mut viewer, &record).await;
        assert_eq!(units[0].1, "Letter", "control");
    })
    .await;
}

#[tokio::test]
async fn t034_a_code_that_was_scanned_begins_nothing_by_itself() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        let attacker = world.phone("attacker");
        attacker.screen("start").await;
        attacker.does(json!({ "type": "joining", "wanted": true }));
        attacker.does(json!({ "type": "join", "form": "square", "name": "x", "passphrase": PASSPHRASE }));
        let shown = attacker.until(|shown| shown["linking"]["stage"] == "code").await;
        let scanned = shown["linking"]["code"].as_str().unwrap().to_owned();
        // Whatever else takes text takes it as text: nothing links, wherever it is put.
        for intent in [
            json!({ "type": "search", "text": scanned }),
            json!({ "type": "open", "unit": scanned }),
            json!({ "type": "approve", "words": scanned }),
            json!({ "type": "link-approve", "words": scanned }),
            json!({ "type": "join", "form": "typed", "code": scanned, "name": "", "passphrase": PASSPHRASE }),
            json!({ "type": "rename-device", "device": scanned, "name": scanned }),
        ] {
            phone.does(intent);
        }
        // There is no intent that brings a code and does not say that the person wants to link.
        for shape in [json!({ "type": "scanned", "text": scanned }), json!({ "type": "code", "code": scanned })] {
            assert!(glimpse_phone::Intent::from_json(&shape.to_string()).is_none());
        }
        phone.does(json!({ "type": "search", "text": "" }));
        phone.goes("devices");
        let shown = phone.until(|shown| shown["devices"]["looked"] == true).await;
        assert!(shown["linking"].is_null());
        assert_eq!(attacker.now()["linking"]["connecting"], false, "nothing was sent");
        // The person presses on: it asks, and adds nothing before they picked the words.
        phone.does(json!({ "type": "link", "form": "typed", "code": scanned }));
        phone.until(|shown| shown["linking"]["stage"] == "asked").await;
        assert_eq!(phone.now()["devices"]["rows"].as_array().unwrap().len(), 1);
        phone.does(json!({ "type": "link-cancel" }));
        assert_eq!(ends(&phone, &attacker).await.0, "link-left");
    })
    .await;
}

#[tokio::test]
async fn t035_a_flood_of_devices_that_ask_makes_one_question_at_most() {
    const FLOOD: usize = 40;
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.goes("link");
        phone.does(json!({ "type": "link", "form": "digits" }));
        let shown = phone.until(|shown| shown["linking"]["stage"] == "code").await;
        let code = shown["linking"]["code"].as_str().unwrap().to_owned();
        let mut flood = Vec::new();
        for number in 0..FLOOD {
            let (ground, code) = (world.ground(&format!("joiner-{number}")), code.clone());
            flood.push(tokio::task::spawn_local(async move {
                let (_kept, mut commands) = unbounded();
                let name = format!("Joiner {number}");
                let plan = Join { name, serial: String::new(), passphrase: PASSPHRASE.as_bytes(), phone: None };
                join(&ground, plan, Way::Type(parse_code(&code).unwrap()), &mut commands, &mut |_| {}).await.map(drop)
            }));
        }
        phone.until(|shown| shown["linking"]["stage"] == "asked").await;
        // The person presses the button again, and again: that makes no second code and no second question.
        for _ in 0..100 {
            phone.does(json!({ "type": "link", "form": "digits" }));
        }
        phone.does(json!({ "type": "link-cancel" }));
        phone.until(|shown| shown["linking"]["stage"] == "over").await;
        for joiner in flood {
            assert!(joiner.await.unwrap().is_err());
        }
        let mut asked: Vec<String> = phone
            .snapshots()
            .iter()
            .filter(|shown| shown["linking"]["stage"] == "asked")
            .map(|shown| shown["linking"]["device"]["short"].to_string())
            .collect();
        asked.dedup();
        assert_eq!(asked.len(), 1, "{asked:?}");
        phone.goes("devices");
        let shown = phone.until(|shown| shown["devices"]["looked"] == true).await;
        assert_eq!(shown["devices"]["rows"].as_array().unwrap().len(), 1, "silence, and a flood, mean no");
    })
    .await;
}

#[tokio::test]
async fn a_linking_that_broke_off_is_gone_on_with_after_a_reload() {
    let world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        phone.adds("Letter", b"Dear reader").await;
        let tablet = world.phone("tablet");
        tablet.screen("start").await;
        let (words, _) = meet(&phone, &tablet, true, "square").await;
        let profile = world.home("tablet").join("account.cbor");
        let before = std::fs::read(&profile).unwrap();
        phone.does(json!({ "type": "link-approve", "words": words }));
        tablet.until(|shown| !shown["linking"]["done"].is_null() && shown["fresh"] == true).await;
        // As if the page had gone before it knew that it is in.
        std::fs::write(&profile, before).unwrap();
        let again = world.phone("tablet");
        let shown = again.screen("join").await;
        assert_eq!(shown["resumable"], true);
        again.does(json!({ "type": "resume", "passphrase": "something else" }));
        assert_eq!(again.trouble().await, "passphrase");
        again.does(json!({ "type": "resume", "passphrase": PASSPHRASE }));
        again.until(|shown| shown["screen"] == "records" && row(shown, "Letter").is_some()).await;
    })
    .await;
}

#[tokio::test]
async fn where_nothing_was_signed_there_is_nothing_to_go_on_with() {
    let world = World::start().await;
    on_one_thread(async {
        let tablet = world.phone("tablet");
        tablet.screen("start").await;
        tablet.does(json!({ "type": "joining", "wanted": true }));
        tablet.does(json!({ "type": "join", "form": "square", "name": "", "passphrase": PASSPHRASE }));
        tablet.until(|shown| shown["linking"]["stage"] == "code").await;
        let again = world.phone("tablet");
        again.screen("join").await;
        again.does(json!({ "type": "resume", "passphrase": PASSPHRASE }));
        assert_eq!(again.trouble().await, "link-never-added");
        assert_eq!(again.now()["resumable"], false);
        again.does(json!({ "type": "joining", "wanted": false }));
        assert_eq!(again.now()["screen"], "start");
    })
    .await;
}

#[tokio::test]
async fn t065_a_new_device_says_that_the_server_shows_another_key_than_the_account_knows() {
    let mut world = World::start().await;
    on_one_thread(async {
        let phone = world.founded("phone").await;
        let before = world.phone("before");
        linked(&phone, &before).await;
        assert_eq!(before.now()["linking"]["otherServer"], false, "control");
        phone.does(json!({ "type": "close-linking" }));
        // Its operator lost the key, and accepted another.
        world.server.stop().await;
        std::fs::remove_file(world.server.data().join("signing-key")).unwrap();
        let settings = Settings {
            data: world.server.data().to_owned(),
            key_file: world.server.folder().join("glimpse.key"),
            ..Settings::default()
        };
        accept_signing_key(&settings, &SystemClock::new()).await.unwrap();
        world.server.resume().await.unwrap();

        let after = world.phone("after");
        linked(&phone, &after).await;
        assert_eq!(after.now()["linking"]["otherServer"], true);
        let known = |name: &str| std::fs::read(world.home(name).join("server.cbor")).unwrap();
        assert_eq!(known("after"), known("phone"), "it goes by the account's key");
    })
    .await;
}
