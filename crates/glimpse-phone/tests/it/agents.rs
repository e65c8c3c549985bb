//! Lending to an agent: who asks is verified before anybody is asked, and where nobody vouches there is no way to say yes.

use std::collections::BTreeSet;

use glimpse_core::viewer::{Input, State};
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::Method;
use glimpse_wire::api::SignedJson;
use glimpse_wire::organisation::{Credential, Revocations, RevokedAgent};
use glimpse_wire::{ErrorCode, SUITE, UnixMillis};
use serde_json::{Value, json};

use crate::clocks::unlocked;
use crate::desk::{Customer, Desk, HOUR, REVOKED, claims, code, pinned, pins, says, tell, world_of};
use crate::lending::{ended, read, refused, session, words};
use crate::world::{Hand, World, on_one_thread};

/// How often a screen reader said this: an announcement has its number.
fn said(hand: &Hand, key: &str) -> usize {
    let snapshots = hand.snapshots();
    let said = snapshots.iter().map(|shown| &shown["announcement"]).filter(|said| said["key"] == key);
    said.filter_map(|said| said["number"].as_u64()).collect::<BTreeSet<u64>>().len()
}

#[tokio::test]
async fn an_agent_whom_an_organisation_vouches_for_gets_what_was_approved() {
    pinned(&[], async |customer| {
        let hand = &customer.hand;
        // Who asks is shown wherever the person is.
        let code = customer.code().await;
        hand.goes("records");
        let (mut browser, shown) = customer.asked_by(&code).await;
        assert_eq!(shown["screen"], "lend");
        let lending = &shown["lending"];
        assert_eq!(
            (&lending["agent"]["name"], &lending["agent"]["organisation"]),
            (&json!("Sam Okoro"), &json!("City Hospital"))
        );
        assert_eq!(
            (&lending["agent"]["case"], &lending["agent"]["reason"]),
            (&json!("4711"), &json!("the bill of\u{FFFD} March"))
        );
        assert_eq!((&lending["titles"], &lending["save"]), (&json!(["Letter"]), &json!(false)));
        assert_eq!((&lending["offered"], &lending["minutes"]), (&json!([5, 10, 15, 30, 60]), &json!(10)));
        assert!(lending["secondsLeft"].as_u64().is_some_and(|left| left > 0));
        assert_eq!(
            (&shown["announcement"]["key"], &shown["announcement"]["urgent"]),
            (&json!("say.asking-agent"), &json!(true))
        );

        // Minutes that were not offered are no yes, and neither is a pick of words.
        hand.does(json!({ "type": "approve-agent", "minutes": 61 }));
        hand.does(json!({ "type": "approve", "words": lending["agent"]["words"] }));
        assert_eq!(hand.now()["lending"]["stage"], "asking-agent");
        hand.does(json!({ "type": "approve-agent", "minutes": 30 }));
        let units = session(&mut browser).await.unwrap();
        assert_eq!(read(&mut browser, units[0].0).await, b"Dear reader");
        let shown = hand.until(|shown| shown["lending"]["rows"][0]["opened"] == 1).await;
        let left = shown["lending"]["secondsLeft"].as_u64().unwrap();
        assert!((29 * 60..=30 * 60).contains(&left), "thirty minutes, not ten: {left}");
        assert_eq!(shown["lending"]["agent"]["name"], "Sam Okoro", "while it runs it says to whom");
        hand.does(json!({ "type": "report" }));
        let (name, report) = hand.files().pop().unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((name.as_str(), &report["agent"]["name"]), ("glimpse-report.json", &json!("Sam Okoro")));
        assert!(report["organisation_key"].is_string() && report["session"].is_string());
        assert!(!report.to_string().contains("Letter"), "a report holds nothing of a record");
        hand.does(json!({ "type": "end" }));
        assert_eq!(ended(&mut browser).await, ErrorCode::SessionEnded);
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!((&shown["lending"]["ran"]["opened"], &shown["lending"]["to"]), (&json!(1), &json!("agent")));
        assert!(
            hand.snapshots().iter().all(|shown| !shown.to_string().contains('\u{202E}')),
            "no word turns the others"
        );
    })
    .await;
}

#[tokio::test]
async fn t035_a_flood_of_agents_asks_the_customer_once() {
    let elsewhere = &Desk::new();
    pinned(&[elsewhere], async |customer| {
        let Customer { world, desk, hand, .. } = customer;
        let code = customer.code().await;
        let (mut browser, shown) = customer.asked_by(&code).await;
        let first = shown["lending"]["agent"]["words"].clone();
        for n in 0..100 {
            let flooding = if n % 2 == 0 { desk } else { elsewhere };
            let mut other = claims(world, flooding, Some(flooding.vouched()), &code).await;
            let refused = words(&mut other).await.unwrap_err();
            assert!(matches!(refused, ErrorCode::Crowded | ErrorCode::RateLimited), "{refused:?}");
        }
        // The person is told that somebody else is there, and still sees the one question, about the first.
        let shown = hand.until(|shown| shown["lending"]["crowded"] == true).await;
        assert_eq!((&shown["lending"]["stage"], &shown["lending"]["agent"]["words"]), (&json!("asking-agent"), &first));
        assert_eq!((said(hand, "say.asking-agent"), said(hand, "say.link-crowded")), (1, 1), "each of the two once");
        // Control: a yes is for the first one.
        hand.does(json!({ "type": "approve-agent", "minutes": 10 }));
        let units = session(&mut browser).await.unwrap();
        assert_eq!(read(&mut browser, units[0].0).await, b"Dear reader");
        hand.does(json!({ "type": "end" }));
        ended(&mut browser).await;
    })
    .await;
}

#[tokio::test]
async fn t057_what_an_agent_says_can_neither_hide_nor_turn_nor_end_a_line() {
    pinned(&[], async |customer| {
        let Customer { world, desk, hand, .. } = customer;
        // What turns the direction, is not seen, breaks the line or is drawn as nothing: each is marked, none is left out, so that no two
        // texts look the same. Markup is text, which the page never reads as anything else.
        for unseen in ['\u{200B}', '\u{200E}', '\u{61C}', '\u{2067}', '\u{AD}', '\u{E0041}', '\u{2028}', '\n', '\u{1B}']
        {
            let code = customer.code().await;
            let long = format!("<b>b{unseen}ill</b> {}", "x".repeat(470));
            let said = (&*format!("47{unseen}11"), &*long);
            let mut browser = says(world, desk, Some(desk.vouched()), said, &code).await;
            words(&mut browser).await.unwrap();
            let shown = hand.until(|shown| shown["lending"]["stage"] == "asking-agent").await;
            assert_eq!(shown["lending"]["agent"]["case"], "47\u{FFFD}11", "{unseen:?}");
            let reason = shown["lending"]["agent"]["reason"].as_str().unwrap();
            assert!(reason.starts_with("<b>b\u{FFFD}ill</b> xxx") && reason.ends_with('x'), "{unseen:?}: {reason}");
            hand.does(json!({ "type": "decline" }));
            hand.until(|shown| shown["lending"]["stage"] == "over").await;
            hand.does(json!({ "type": "close" }));
        }
    })
    .await;
}

#[tokio::test]
async fn a_colleague_gets_the_same_by_a_code_and_a_yes_of_their_own() {
    pinned(&[], async |customer| {
        let hand = &customer.hand;
        let (mut first, _) = customer.asked().await;
        // Before there is a session there is nothing to hand over.
        hand.does(json!({ "type": "hand-over" }));
        assert_eq!(hand.now()["lending"]["stage"], "asking-agent");
        hand.does(json!({ "type": "approve-agent", "minutes": 30 }));
        let units = session(&mut first).await.unwrap();
        hand.until(|shown| shown["lending"]["stage"] == "running").await;

        hand.does(json!({ "type": "hand-over" }));
        assert_eq!(ended(&mut first).await, ErrorCode::SessionEnded, "the one before gets nothing more");
        let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
        let code = shown["lending"]["code"].as_str().unwrap().to_owned();
        let (mut second, shown) = customer.asked_by(&code).await;
        assert_eq!(
            (&shown["lending"]["titles"], &shown["lending"]["agent"]["name"]),
            (&json!(["Letter"]), &json!("Sam Okoro"))
        );
        hand.does(json!({ "type": "approve-agent", "minutes": 10 }));
        let others = session(&mut second).await.unwrap();
        assert!(units.len() == 1 && others.len() == 1 && units[0].0 != others[0].0, "units of its own");
        assert_eq!(read(&mut second, others[0].0).await, b"Dear reader");
        hand.does(json!({ "type": "end" }));
        ended(&mut second).await;
    })
    .await;
}

#[tokio::test]
async fn openings_that_are_used_up_are_told_and_more_can_be_allowed() {
    pinned(&[], async |customer| {
        let hand = &customer.hand;
        let (mut browser, _) = customer.asked().await;
        // Before there is a session there is nothing to allow.
        hand.does(json!({ "type": "allow", "openings": 64 }));
        hand.does(json!({ "type": "approve-agent", "minutes": 30 }));
        let unit = session(&mut browser).await.unwrap()[0].0;
        let shown = hand.until(|shown| shown["lending"]["stage"] == "running").await;
        let budget = shown["lending"]["budget"].as_u64().unwrap();
        assert_eq!((budget, &shown["lending"]["spent"]), (4, &json!(false)));
        for _ in 0..budget {
            read(&mut browser, unit).await;
        }
        let shown = hand.until(|shown| shown["lending"]["opened"] == budget && shown["lending"]["spent"] == true).await;
        assert_eq!(shown["announcement"]["key"], "say.budget-spent");
        // What is asked for all the same is refused, and disturbs nobody.
        for _ in 0..3 {
            assert_eq!(refused(&mut browser, unit).await, ErrorCode::BudgetSpent);
        }

        hand.does(json!({ "type": "allow", "openings": 64 }));
        let shown = hand.until(|shown| shown["lending"]["spent"] == false).await;
        assert_eq!(shown["lending"]["budget"], budget + 64);
        // The viewer hears of it as it is pumped.
        assert_eq!(read(&mut browser, unit).await, b"Dear reader");
        hand.until(|shown| shown["lending"]["opened"] == budget + 1).await;
        hand.does(json!({ "type": "end" }));
        assert_eq!(ended(&mut browser).await, ErrorCode::SessionEnded);
        hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!(said(hand, "say.budget-spent"), 1, "once, and not for each request");
    })
    .await;
}

/// Row 63 of the catalogue, on the phone page: the red screen for each way in which nobody vouches, and no way past it.
#[tokio::test]
async fn t063_where_nobody_vouches_the_screen_is_red_and_nothing_can_be_approved() {
    let other = &Desk::new();
    pinned(&[other], async |customer| {
        let Customer { world, desk, hand, .. } = customer;
        let past = Credential {
            not_before: UnixMillis(Machine::new().now().0 - 2 * HOUR),
            not_after: UnixMillis(Machine::new().now().0 - HOUR),
            ..desk.credential()
        };
        let early = Credential {
            not_before: Machine::new().now().plus(HOUR),
            not_after: Machine::new().now().plus(2 * HOUR),
            ..desk.credential()
        };
        let forged = other.organisation.vouch(&desk.credential());
        let other_key = desk.organisation.vouch(&Credential { key: other.key.public(), ..desk.credential() });
        // The organisation takes one of its agents back: whoever holds that credential shows it all the same.
        desk.signs_in(world).await;
        let agents = vec![RevokedAgent { agent: REVOKED, at: Machine::new().now() }];
        let list =
            Revocations { suite: SUITE, organisation: desk.organisation.public(), seq: 1, at: UnixMillis(1), agents };
        let list = SignedJson::from(desk.organisation.revoke(&list));
        tell(world, Method::Put, desk.path("/revocations"), &list).await;
        let revoked = Credential { agent: REVOKED, ..desk.credential() };
        for (fault, theirs, credential) in [
            ("revoked", desk, Some(desk.organisation.vouch(&revoked))),
            ("unknown-organisation", other, Some(other.vouched())),
            ("forged", desk, Some(forged)),
            ("forged", desk, Some(other_key)),
            ("missing", desk, None),
            ("early", desk, Some(desk.organisation.vouch(&early))),
            ("expired", desk, Some(desk.organisation.vouch(&past))),
        ] {
            let code = customer.code().await;
            let before = hand.snapshots().len();
            hand.goes("records");
            let mut browser = claims(world, theirs, credential, &code).await;
            assert!(session(&mut browser).await.is_err(), "{fault}");
            let shown = hand.until(|shown| shown["lending"]["stage"] == "no-agent").await;
            let lending = &shown["lending"];
            assert_eq!((&shown["screen"], &lending["nobody"]["fault"]), (&json!("lend"), &json!(fault)));
            assert_eq!(lending["nobody"]["case"], "4711", "what they say of themselves");
            assert!(lending["agent"].is_null() && lending["offered"].as_array().unwrap().is_empty());
            // Nothing that the page could send is a yes.
            for yes in [
                json!({ "type": "approve-agent", "minutes": 10 }),
                json!({ "type": "approve", "words": "apple river" }),
                json!({ "type": "extend", "minutes": 15 }),
                json!({ "type": "lend-more" }),
            ] {
                hand.does(yes);
            }
            hand.rests().await;
            assert_eq!(hand.now()["lending"]["stage"], "no-agent", "it stays until it was read");
            let stages =
                |wanted: &str| hand.snapshots()[before..].iter().any(|shown| shown["lending"]["stage"] == wanted);
            assert!(!stages("asking-agent") && !stages("granting") && !stages("running"), "{fault}");
            hand.does(json!({ "type": "report" }));
            assert!(hand.files().pop().unwrap().1.contains(fault));
            hand.does(json!({ "type": "close-lending" }));
            hand.until(|shown| shown["lending"].is_null()).await;
        }
        // Control: the same agent, with what the organisation did sign.
        let (mut browser, _) = customer.asked().await;
        hand.does(json!({ "type": "approve-agent", "minutes": 10 }));
        assert_eq!(session(&mut browser).await.unwrap()[0].1, "Letter");
    })
    .await;
}

/// Read faster than the other end is told, or not.
#[tokio::test]
async fn who_leaves_the_red_screen_begins_with_nothing_ticked() {
    pinned(&[], async |customer| {
        let Customer { world, desk, hand, .. } = customer;
        let code = customer.code().await;
        assert_eq!(hand.now()["list"]["chosen"], 1, "control");
        let mut browser = claims(world, desk, None, &code).await;
        let reads = async {
            hand.until(|shown| shown["lending"]["stage"] == "no-agent").await;
            hand.does(json!({ "type": "close-lending" }));
            hand.until(|shown| shown["lending"].is_null()).await
        };
        let (refused, shown) = tokio::join!(session(&mut browser), reads);
        assert_eq!((refused.is_err(), &shown["list"]["chosen"]), (true, &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn a_no_and_silence_share_nothing() {
    pinned(&[], async |customer| {
        let hand = &customer.hand;
        let (mut browser, _) = customer.asked().await;
        hand.does(json!({ "type": "decline" }));
        assert_eq!(session(&mut browser).await, Err(ErrorCode::Declined));
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert!(shown["lending"]["left"] == true && shown["lending"]["ran"].is_null());
        // Too late.
        hand.does(json!({ "type": "approve-agent", "minutes": 10 }));
        assert_eq!(hand.now()["lending"]["stage"], "over");
        hand.does(json!({ "type": "close-lending" }));
        // From request to decline it stays on record, here.
        hand.goes("sessions");
        let shown = hand.until(|shown| shown["sessions"]["declined"][0]["code"] == "declined").await;
        let asked_for = &shown["sessions"]["declined"][0]["asked"];
        assert_eq!((&asked_for["case"], &asked_for["organisation"]), (&json!("4711"), &json!("City Hospital")));
        assert!(
            asked_for["words"].as_str().unwrap().contains(' ') && !shown["sessions"].to_string().contains("Letter")
        );
        assert_eq!(shown["sessions"]["rows"], json!([]), "no session began");
        hand.goes("records");

        // A question that nobody sees is a no, and the agent is told.
        let (mut browser, _) = customer.asked().await;
        hand.does(json!({ "type": "visible", "visible": false }));
        assert_eq!(session(&mut browser).await, Err(ErrorCode::Declined));
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!(shown["lending"]["outOfSight"], true);
    })
    .await;
}

#[tokio::test]
async fn silence_is_a_no_when_the_countdown_ends() {
    let desk = Desk::new();
    let world = world_of(&[&desk]).await;
    on_one_thread(async {
        let (hand, clock, _) = unlocked(&world, "mara").await;
        let customer = Customer::of(world, desk, hand).await;
        let hand = &customer.hand;
        let (mut browser, shown) = customer.asked().await;
        let left = shown["lending"]["secondsLeft"].as_u64().unwrap();
        clock.ahead(left.saturating_sub(20) * 1000);
        hand.phone.draw();
        assert_eq!(hand.now()["lending"]["stage"], "asking-agent", "control: not before");
        clock.ahead(left * 1000 + 1);
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!(
            (&shown["lending"]["reason"], &shown["lending"]["ran"]),
            (&json!("approval-timed-out"), &Value::Null)
        );
        hand.does(json!({ "type": "approve-agent", "minutes": 10 }));
        assert_eq!(session(&mut browser).await, Err(ErrorCode::ApprovalTimedOut));
        assert_eq!(hand.now()["lending"]["stage"], "over");
    })
    .await;
}

#[tokio::test]
async fn without_an_organisation_there_is_no_code_for_an_agent() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        hand.goes("lend");
        assert_eq!(hand.now()["agents"], "none");
        hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
        hand.does(json!({ "type": "lend", "to": "agent", "save": false, "minutes": 10 }));
        assert_eq!(hand.trouble().await, "no-organisation");
        assert!(hand.now()["lending"].is_null());
        // Control.
        pins(&hand, &Desk::new()).await;
        code(&hand, &record).await;
        let state = hand.now();
        assert_eq!(state["lending"]["to"], "agent");
        // A browser that is no agent's is none to whom this code is for.
        let mut browser = crate::lending::viewer(&world);
        browser.input(Input::Code(state["lending"]["code"].as_str().unwrap().to_owned())).await;
        assert!(words(&mut browser).await.is_err());
        assert!(!matches!(browser.state(), State::Waiting { .. }));
        assert!(hand.now()["lending"]["agent"].is_null());
    })
    .await;
}
