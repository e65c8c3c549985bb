//! The story of the page: an account, a record, a look lent to another browser, its end.

use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input, Stage, State};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, UnitId};
use serde_json::json;

use crate::world::{Hand, World, on_one_thread};

pub(crate) fn viewer(world: &World) -> Receiver {
    let ground = world.ground("viewer");
    let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "a test".into() };
    let config = Config { claims, purpose: Purpose::View, asking: Asking::default(), bearer: None };
    Receiver::new(ground.transport, ground.machine, config)
}

/// Pumps the viewer until it shows words.
pub(crate) async fn words(viewer: &mut Receiver) -> Result<String, ErrorCode> {
    loop {
        match viewer.state() {
            State::Waiting { words, .. } => return Ok(words.to_string()),
            State::EnterCode { problem: Some(code) } => return Err(code),
            _ => {}
        }
        if let Shown::Ended(code) = viewer.next().await {
            return Err(code);
        }
    }
}

/// Pumps the viewer until the session runs.
pub(crate) async fn session(viewer: &mut Receiver) -> Result<Vec<(UnitId, String)>, ErrorCode> {
    loop {
        match viewer.state() {
            State::Session(running) => {
                return Ok(running.units().map(|(id, unit)| (id, unit.meta.title.clone())).collect());
            }
            State::EnterCode { problem: Some(code) } => return Err(code),
            _ => {}
        }
        if let Shown::Ended(code) = viewer.next().await {
            return Err(code);
        }
    }
}

/// Opens a unit and reads it to its end.
pub(crate) async fn read(viewer: &mut Receiver, unit: UnitId) -> Vec<u8> {
    viewer.input(Input::Open(unit)).await;
    let mut content = Vec::new();
    loop {
        match viewer.next().await {
            Shown::Content(piece) if piece.unit == unit => {
                content.extend_from_slice(&piece.bytes);
                if piece.last {
                    return content;
                }
            }
            Shown::Content(_) | Shown::Changed => {}
            Shown::Ended(code) => panic!("ended with {code}"),
        }
    }
}

/// Asks for a unit that the server refuses to open, and gives why.
pub(crate) async fn refused(viewer: &mut Receiver, unit: UnitId) -> ErrorCode {
    viewer.input(Input::Open(unit)).await;
    loop {
        let State::Session(running) = viewer.state() else { panic!("no session any more") };
        let opening = running.openings().find(|opening| opening.unit == unit);
        match opening.map(|opening| opening.stage) {
            Some(Stage::Failed(code)) => return code,
            Some(Stage::Done) => panic!("it was opened"),
            _ => {}
        }
        if let Shown::Ended(code) = viewer.next().await {
            panic!("ended with {code}");
        }
    }
}

pub(crate) async fn ended(viewer: &mut Receiver) -> ErrorCode {
    loop {
        if let Shown::Ended(code) = viewer.next().await {
            return code;
        }
    }
}

/// The person ticks a record and asks for a code; the viewer has it typed in; the words are picked.
pub(crate) async fn lend(hand: &Hand, viewer: &mut Receiver, record: &str) -> Vec<(UnitId, String)> {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
    let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
    viewer.input(Input::Code(shown["lending"]["code"].as_str().unwrap().to_owned())).await;
    let words = words(viewer).await.unwrap();
    let shown = hand.until(|shown| shown["lending"]["stage"] == "asking").await;
    assert!(shown["lending"]["words"].as_array().unwrap().iter().any(|offered| *offered == words));
    hand.does(json!({ "type": "approve", "words": words }));
    session(viewer).await.unwrap()
}

#[tokio::test]
async fn a_look_is_lent_and_ended() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        let mut viewer = viewer(&world);
        let units = lend(&hand, &mut viewer, &record).await;
        assert_eq!(units[0].1, "Letter");
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        let shown = hand.until(|shown| shown["lending"]["rows"][0]["opened"] == 1).await;
        assert_eq!(shown["lending"]["rows"][0]["title"], "Letter");
        hand.does(json!({ "type": "end" }));
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!(shown["lending"]["reason"], "session-ended");
        assert_eq!(shown["lending"]["ran"]["opened"], 1);
        assert_eq!(shown["lending"]["ran"]["holds"], true);
    })
    .await;
}

#[tokio::test]
async fn a_record_is_read_and_after_a_lock_nothing_of_it_is_shown() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let record = hand.adds("Letter", b"Dear reader").await;
        hand.does(json!({ "type": "open", "unit": record }));
        hand.until(|shown| shown["record"]["phase"] == "shown").await;
        assert_eq!(hand.content(), b"Dear reader");
        hand.does(json!({ "type": "save" }));
        assert_eq!(hand.saved(), ["Letter.txt"]);
        hand.idle().await;
        hand.does(json!({ "type": "lock" }));
        let shown = hand.screen("locked").await;
        assert!(shown["record"].is_null() && shown["list"].is_null());
        assert!(hand.content().is_empty());
        assert!(!shown.to_string().contains("Letter"));
        // Control: the passphrase shows it again, and another one does not.
        hand.does(json!({ "type": "unlock", "passphrase": "something else" }));
        assert_eq!(hand.trouble().await, "passphrase");
        hand.does(json!({ "type": "unlock", "passphrase": crate::world::PASSPHRASE }));
        hand.until(|shown| crate::world::row(shown, "Letter").is_some()).await;
        assert!(hand.snapshots().iter().all(|shown| !shown.to_string().contains("something else")));
        assert!(!hand.shown().readerless.get());
    })
    .await;
}
