//! The recovery kit from the screen: made, put on paper, used, replaced.

use glimpse_core::recovery::{Plan, Share};
use glimpse_phone::Keyed;
use serde_json::{Value, json};

use crate::family::beside;
use crate::world::{Hand, World, on_one_thread, row};

const NEW: &str = "a new passphrase";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The words of each page on the screen.
fn pages(drawn: &Value) -> Vec<String> {
    let page = |page: &Value| {
        let words: Vec<&str> = page["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        words.join(" ")
    };
    drawn["pages"].as_array().unwrap().iter().map(page).collect()
}

/// Draws a kit and says that it is on paper.
async fn kit(hand: &Hand) -> Vec<String> {
    hand.goes("kit");
    hand.until(|shown| shown["kit"]["known"] == true && shown["busy"].is_null()).await;
    hand.does(json!({ "type": "kit", "act": "draw", "needed": 2, "shares": 3 }));
    let shown = hand.until(|shown| !shown["kit"]["drawn"].is_null() && shown["busy"].is_null()).await;
    let pages = pages(&shown["kit"]["drawn"]);
    hand.does(json!({ "type": "kit", "act": "kept" }));
    hand.until(|shown| shown["kit"]["made"] == true && shown["busy"].is_null()).await;
    pages
}

/// A phone without an account, at the first page.
async fn typing(world: &World, home: &str) -> Hand {
    let hand = world.phone(home);
    hand.screen("start").await;
    hand.does(json!({ "type": "restore", "act": "begin" }));
    hand.screen("restore").await;
    hand.does(json!({ "type": "restore", "act": "passphrase", "name": "New phone", "passphrase": NEW }));
    hand.until(|shown| shown["restore"]["stage"] == "typing" && shown["busy"].is_null()).await;
    hand
}

/// Types a page and hands it in; gives what became of it.
fn gives(hand: &Hand, words: &str) -> Value {
    hand.does(json!({ "type": "restore", "act": "type", "text": words }));
    hand.does(json!({ "type": "restore", "act": "take" }));
    hand.now()["restore"]["said"].clone()
}

#[tokio::test]
async fn a_kit_counts_once_its_pages_are_kept_and_leaves_nothing_on_the_screen() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        assert_eq!(hand.now()["kit"]["offer"], false, "nothing is worth one yet");
        hand.adds("Letter", b"Dear reader").await;
        hand.until(|shown| shown["kit"]["offer"] == true && shown["kit"]["alone"] == true).await;
        hand.goes("kit");
        // No such kit: one of several would be copies of one page.
        hand.does(json!({ "type": "kit", "act": "draw", "needed": 1, "shares": 3 }));
        assert_eq!(hand.trouble().await, "kit-plan");
        hand.does(json!({ "type": "kit", "act": "draw", "needed": 2, "shares": 3 }));
        let shown = hand.until(|shown| !shown["kit"]["drawn"].is_null() && shown["busy"].is_null()).await;
        let drawn = &shown["kit"]["drawn"];
        let words = pages(drawn);
        assert_eq!(words.len(), 3);
        for (words, page) in words.iter().zip(drawn["pages"].as_array().unwrap()) {
            let share = Share::parse(words).unwrap();
            assert_eq!(page["index"], share.index());
            assert_eq!(Share::parse(page["letters"].as_str().unwrap()).unwrap().index(), share.index());
            assert!(page["size"].as_u64() > Some(20) && page["path"].as_str().unwrap().starts_with('M'));
        }
        let device = beside(&world, "mara").await;
        device.sync().await.unwrap();
        assert!(device.chain().recovery().is_none(), "nobody has it on paper yet");
        // Whoever goes away has no kit, and no page of it is left.
        hand.goes("records");
        hand.goes("kit");
        assert!(hand.now()["kit"]["drawn"].is_null());
        hand.does(json!({ "type": "kit", "act": "kept" }));
        assert!(hand.now()["busy"].is_null(), "there is none to be kept");
        let kept = kit(&hand).await;
        assert_ne!(kept, words);
        device.sync().await.unwrap();
        assert!(device.chain().recovery().is_some());
        let shown = hand.until(|shown| shown["kit"]["there"] == true && shown["kit"]["offer"] == false).await;
        assert!(kept.iter().all(|page| !shown.to_string().contains(page.as_str())));
        assert!(shown["kit"]["drawn"].is_null());
        hand.idle().await;
        hand.does(json!({ "type": "kit", "act": "give-up" }));
        hand.until(|shown| shown["kit"]["there"] == false && shown["busy"].is_null()).await;
        device.sync().await.unwrap();
        assert!(device.chain().recovery().is_none());
        assert!(!format!("{:?}", hand.phone).contains(kept[0].split(' ').next().unwrap()));
    })
    .await;
}

#[tokio::test]
async fn the_offer_of_a_kit_is_put_away_for_good() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.adds("Letter", b"Dear reader").await;
        hand.until(|shown| shown["kit"]["offer"] == true && shown["busy"].is_null()).await;
        hand.does(json!({ "type": "kit", "act": "put-away" }));
        hand.until(|shown| shown["kit"]["offer"] == false).await;
        hand.idle().await;
        hand.does(json!({ "type": "lock" }));
        hand.unlocks().await;
        let shown = hand.until(|shown| shown["kit"]["known"] == true && shown["fresh"] == true).await;
        assert_eq!(shown["kit"]["offer"], false);
    })
    .await;
}

#[tokio::test]
async fn an_account_comes_back_from_two_pages_and_each_slip_is_named() {
    let world = World::start().await;
    on_one_thread(async {
        let mara = world.founded("mara").await;
        mara.adds("Letter", b"Dear reader").await;
        let first = kit(&mara).await;
        // Made at the screen of a device that has nothing else: another kit, whose pages are of no use here.
        let stray = world.founded("other").await;
        let foreign = kit(&stray).await;

        let hand = world.phone("new");
        hand.screen("start").await;
        hand.does(json!({ "type": "restore", "act": "begin" }));
        hand.does(json!({ "type": "restore", "act": "passphrase", "name": "", "passphrase": "short" }));
        assert_eq!(hand.trouble().await, "passphrase-short");
        hand.does(json!({ "type": "restore", "act": "leave" }));
        hand.screen("start").await;
        let hand = typing(&world, "new").await;

        // While it is typed: a word that no page has, and where.
        hand.does(json!({ "type": "restore", "act": "type", "text": "apple river\nstone wurst lamp lion\n" }));
        let shown = hand.now();
        assert_eq!(shown["restore"]["wrong"], json!([{ "place": 4, "row": 2 }]));
        assert_eq!(shown["restore"]["rows"], json!([{ "row": 1, "has": 2 }]));
        assert_eq!(shown["restore"]["whole"], false);
        let some = first[0].split(' ').take(31).collect::<Vec<_>>().join(" ");
        assert_eq!(
            (&gives(&hand, &some)["kind"], &hand.now()["restore"]["said"]["count"]),
            (&json!("word-count"), &json!(31))
        );
        let mut swapped: Vec<&str> = first[0].split(' ').collect();
        let at = swapped.windows(2).position(|pair| pair[0] != pair[1]).unwrap();
        swapped.swap(at, at + 1);
        assert_eq!(gives(&hand, &swapped.join(" "))["kind"], "damaged");
        // The page itself, as a person types it.
        let numbered: Vec<String> =
            first[0].split(' ').zip(1..).map(|(word, number)| format!("{number}. {}", word.to_uppercase())).collect();
        let said = gives(&hand, &numbered.join("\n"));
        assert_eq!((&said["kind"], &said["count"], &said["index"]), (&json!("taken"), &json!(1), &json!(1)));
        assert_eq!(gives(&hand, &first[0])["kind"], "twice");
        assert_eq!(gives(&hand, &foreign[1])["kind"], "other-kit");
        assert_eq!(hand.now()["restore"]["taken"].as_array().unwrap().len(), 1, "what does not belong is dropped");
        hand.does(json!({ "type": "restore", "act": "go" }));
        assert!(hand.now()["busy"].is_null(), "one page is too few");
        assert_eq!(gives(&hand, &first[2])["kind"], "whole");

        // The next kit is on the screen before anything is changed; who does not keep it has the account as it was.
        hand.does(json!({ "type": "restore", "act": "go" }));
        hand.until(|shown| shown["restore"]["stage"] == "printing").await;
        hand.does(json!({ "type": "restore", "act": "discard" }));
        assert_eq!(hand.trouble().await, "kit-not-kept");
        let device = beside(&world, "mara").await;
        device.sync().await.unwrap();
        hand.until(|shown| shown["restore"]["stage"] == "ready" && shown["busy"].is_null()).await;
        hand.does(json!({ "type": "restore", "act": "go" }));
        let shown = hand.until(|shown| shown["restore"]["stage"] == "printing").await;
        let next = pages(&shown["restore"]["pages"]);
        device.sync().await.unwrap();
        hand.does(json!({ "type": "restore", "act": "kept" }));
        let shown = hand.until(|shown| row(shown, "Letter").is_some()).await;
        assert!(shown["restore"].is_null());
        assert!(device.sync().await.is_err(), "every other device is out");
        hand.idle().await;
        // No word that was typed was ever on its way back, and no page is left.
        assert!(hand.snapshots().iter().all(|shown| !shown.to_string().contains(NEW)));
        assert!(next.iter().all(|page| !hand.now().to_string().contains(page.as_str())));

        // The kit that was used is void. The one that was printed is good.
        let thief = typing(&world, "thief").await;
        gives(&thief, &first[0]);
        gives(&thief, &first[1]);
        thief.does(json!({ "type": "restore", "act": "go" }));
        assert!(["kit-unknown", "wrong-kit"].contains(&thief.trouble().await.as_str()));
        let newest = typing(&world, "newest").await;
        gives(&newest, &next[1]);
        gives(&newest, &next[0]);
        newest.does(json!({ "type": "restore", "act": "go" }));
        newest.until(|shown| shown["restore"]["stage"] == "printing").await;
        newest.does(json!({ "type": "restore", "act": "kept" }));
        newest.until(|shown| row(shown, "Letter").is_some()).await;
    })
    .await;
}

/// What the authenticator gives.
const OPENS: [u8; 32] = *b"the secret of one authenticator.";

#[tokio::test]
async fn an_account_that_comes_back_with_a_passkey_is_opened_by_it() {
    let world = World::start().await;
    on_one_thread(async {
        let mara = world.founded("mara").await;
        let first = kit(&mara).await;
        let hand = world.phone("new");
        hand.screen("start").await;
        hand.does(json!({ "type": "restore", "act": "begin" }));
        hand.screen("restore").await;
        let told = json!({
            "type": "restore", "name": "New phone", "credential": [1, 2, 3], "salt": vec![7; 32], "passphrase": NEW,
        });
        hand.phone.keyed(Keyed::from_json(&told.to_string()).unwrap(), OPENS.into());
        hand.until(|shown| shown["restore"]["stage"] == "typing" && shown["busy"].is_null()).await;
        assert!(hand.now()["passkey"].is_null(), "there are no keys yet");
        gives(&hand, &first[0]);
        gives(&hand, &first[1]);
        hand.does(json!({ "type": "restore", "act": "go" }));
        hand.until(|shown| shown["restore"]["stage"] == "printing").await;
        hand.does(json!({ "type": "restore", "act": "kept" }));
        let shown = hand.until(|shown| shown["screen"] == "records" && shown["busy"].is_null()).await;
        assert_eq!(shown["passkey"]["credential"], json!([1, 2, 3]));
        for (secret, opens) in [(*b"another authenticator's 32 bytes", false), (OPENS, true)] {
            let again = world.phone("new");
            again.screen("locked").await;
            again.phone.keyed(Keyed::Unlock, secret.into());
            let shown = again.until(|shown| shown["busy"].is_null()).await;
            assert_eq!(shown["screen"] == "records", opens, "control: another secret opens nothing");
        }
    })
    .await;
}

#[tokio::test]
async fn a_recovery_that_has_to_wait_is_gone_on_with_later_under_the_passphrase_from_then() {
    let world = World::start().await;
    on_one_thread(async {
        let mara = world.founded("mara").await;
        let first = kit(&mara).await;
        beside(&world, "mara").await.set_policy(|policy| policy.recovering = 2 * DAY).await.unwrap();
        let hand = typing(&world, "new").await;
        gives(&hand, &first[0]);
        gives(&hand, &first[1]);
        hand.does(json!({ "type": "restore", "act": "go" }));
        let shown = hand.until(|shown| shown["restore"]["stage"] == "waiting").await;
        let wait = shown["restore"]["wait"].as_u64().unwrap();
        assert!(wait <= 2 * DAY && wait > 2 * DAY - 60_000, "{wait}");
        drop(hand);
        // Another day: the page finds what was begun.
        let hand = world.phone("new");
        let shown = hand.screen("restore").await;
        assert_eq!((&shown["restore"]["begun"], &shown["restore"]["stage"]), (&json!(true), &json!("passphrase")));
        hand.does(json!({ "type": "restore", "act": "passphrase", "name": "", "passphrase": "another one" }));
        assert_eq!(hand.trouble().await, "passphrase");
        hand.does(json!({ "type": "restore", "act": "passphrase", "name": "", "passphrase": NEW }));
        hand.until(|shown| shown["restore"]["stage"] == "typing" && shown["busy"].is_null()).await;
        // The account's device says no.
        let device = beside(&world, "mara").await;
        let synced = device.sync().await.unwrap();
        device.veto_recovery(device.waiting_recovery(&synced).unwrap()).await.unwrap();
        gives(&hand, &first[0]);
        gives(&hand, &first[1]);
        hand.does(json!({ "type": "restore", "act": "go" }));
        assert_eq!(hand.trouble().await, "recovery-vetoed");
    })
    .await;
}

#[tokio::test]
async fn without_the_server_pages_stay_and_can_be_tried_again() {
    let mut world = World::start().await;
    let (hand, first) = on_one_thread(async {
        let hand = world.founded("mara").await;
        let first = kit(&hand).await;
        (hand, first)
    })
    .await;
    world.server.stop().await;
    on_one_thread(async {
        let away = typing(&world, "new").await;
        gives(&away, &first[0]);
        gives(&away, &first[1]);
        away.does(json!({ "type": "restore", "act": "go" }));
        assert_eq!(away.trouble().await, "server-unreachable");
        let shown = away.until(|shown| shown["restore"]["stage"] == "ready").await;
        assert_eq!(shown["restore"]["taken"].as_array().unwrap().len(), 2);
        hand.goes("kit");
        hand.does(json!({ "type": "kit", "act": "draw", "needed": 2, "shares": 3 }));
        assert_eq!(hand.trouble().await, "server-unreachable");
        assert!(hand.now()["kit"]["drawn"].is_null());
        assert_eq!(Plan::default(), Plan::new(2, 3).unwrap());
    })
    .await;
}
