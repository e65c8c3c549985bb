//! A phone whose wall clock somebody sets, at each step of a look: what counts down goes by the clock that never goes back.

use core::cell::Cell;
use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_core::viewer::Input;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Ground, Local};
use glimpse_wire::{ErrorCode, UnixMillis};
use serde_json::json;

use crate::lending::{ended, read, session, viewer, words};
use crate::world::{Hand, World, on_one_thread, row};

const DAY: i64 = 86_400_000;

/// A machine whose clocks can be moved.
pub(crate) struct Moved {
    machine: Machine,
    wall: Cell<i64>,
    ahead: Cell<u64>,
}

impl Moved {
    /// The clock that never goes back is so many milliseconds ahead.
    pub(crate) fn ahead(&self, millis: u64) {
        self.ahead.set(millis);
    }
}

impl Surroundings for Moved {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.machine.now().0.saturating_add_signed(self.wall.get()))
    }

    fn monotonic(&self) -> Monotonic {
        self.machine.monotonic().plus(self.ahead.get())
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        self.machine.sleep(millis)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.machine.fill_random(bytes);
    }
}

pub(crate) async fn unlocked(world: &World, name: &str) -> (Hand, Rc<Moved>, String) {
    let hand = world.founded(name).await;
    let record = hand.adds("Letter", b"Dear reader").await;
    drop(hand);
    let clock = Rc::new(Moved { machine: Machine::new(), wall: Cell::new(0), ahead: Cell::new(0) });
    let machine: Rc<dyn Surroundings> = clock.clone();
    let hand = Hand::on(Ground { machine, ..world.ground(name) });
    hand.unlocks().await;
    hand.until(|shown| shown["fresh"] == true && shown["busy"].is_null() && row(shown, "Letter").is_some()).await;
    (hand, clock, record)
}

async fn code(hand: &Hand, record: &str) -> (String, u64) {
    hand.goes("lend");
    hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
    hand.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
    let shown = hand.until(|shown| shown["lending"]["stage"] == "code").await;
    (shown["lending"]["code"].as_str().unwrap().to_owned(), shown["lending"]["secondsLeft"].as_u64().unwrap())
}

#[tokio::test]
async fn a_wall_clock_that_jumps_gives_no_time_and_takes_none() {
    let world = World::start().await;
    on_one_thread(async {
        for (name, jump) in [("ahead", DAY), ("behind", -DAY)] {
            let (hand, clock, record) = unlocked(&world, name).await;
            let (shown, before) = code(&hand, &record).await;
            clock.wall.set(jump);
            hand.phone.draw();
            let after = hand.now()["lending"]["secondsLeft"].as_u64().unwrap();
            assert!(before.abs_diff(after) < 30, "{before} seconds and {after}");
            let mut viewer = viewer(&world);
            viewer.input(Input::Code(shown.clone())).await;
            let words = words(&mut viewer).await.unwrap();
            hand.until(|shown| shown["lending"]["stage"] == "asking").await;
            clock.wall.set(-jump);
            hand.does(json!({ "type": "approve", "words": words }));
            let units = session(&mut viewer).await.unwrap();
            assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
            let running = hand.until(|shown| shown["lending"]["rows"][0]["opened"] == 1).await;
            clock.wall.set(jump);
            hand.phone.draw();
            let left = |shown: &serde_json::Value| shown["lending"]["secondsLeft"].as_u64().unwrap();
            assert!(left(&running).abs_diff(left(&hand.now())) < 30);
            hand.does(json!({ "type": "extend", "minutes": 15 }));
            hand.until(|shown| left(shown) > 15 * 60).await;
            // What was used up stays used up.
            let mut second = crate::lending::viewer(&world);
            second.input(Input::Code(shown)).await;
            assert!(crate::lending::words(&mut second).await.is_err());
            hand.does(json!({ "type": "end" }));
            assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
            let over = hand.until(|shown| shown["lending"]["stage"] == "over").await;
            assert_eq!(over["lending"]["ran"]["holds"], true);
        }
    })
    .await;
}

/// Control: the clock that never goes back ends a code, whatever the one on the wall says.
#[tokio::test]
async fn a_code_ends_by_the_clock_that_never_goes_back() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock, record) = unlocked(&world, "mara").await;
        code(&hand, &record).await;
        clock.wall.set(-DAY);
        clock.ahead.set(125_000);
        hand.phone.draw();
        let shown = hand.until(|shown| shown["lending"]["stage"] == "over").await;
        assert_eq!(shown["lending"]["reason"], "code-expired");
    })
    .await;
}
