//! Keys at rest, and when they are put away.
#![expect(clippy::arithmetic_side_effects, reason = "times of a test")]

use core::cell::{Cell, RefCell};
use core::future::pending;
use std::rc::Rc;

use futures_channel::oneshot;
use glimpse_core::Monotonic;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Ground, Local};
use glimpse_phone::Keyed;
use glimpse_wire::UnixMillis;
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::world::{Hand, PASSPHRASE, World, on_one_thread, row};

const MINUTE: u64 = 60_000;
const SECRET: [u8; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32,
];

/// A clock that the test moves, and timers that go off when it has got there.
struct Still {
    real: Machine,
    now: Cell<u64>,
    timers: RefCell<Vec<(u64, oneshot::Sender<()>)>>,
    /// How often a timer went off.
    woken: Cell<u32>,
}

impl Still {
    fn new() -> Rc<Self> {
        let (now, woken) = (Cell::new(1_000), Cell::new(0));
        Rc::new(Self { real: Machine::new(), now, timers: RefCell::default(), woken })
    }

    /// Timers that somebody waits for.
    fn waiting(&self) -> usize {
        let mut timers = self.timers.borrow_mut();
        timers.retain(|(_, waiting)| !waiting.is_canceled());
        timers.len()
    }

    /// Moves the clock without a timer going off, as in a page that is frozen.
    fn freeze(&self, millis: u64) {
        self.now.set(self.now.get() + millis);
    }

    async fn pass(&self, millis: u64) {
        let end = self.now.get() + millis;
        loop {
            settle().await;
            self.waiting();
            let mut timers = self.timers.borrow_mut();
            let next = timers.iter().enumerate().filter(|(_, (due, _))| *due <= end).min_by_key(|(_, (due, _))| *due);
            let Some(at) = next.map(|(at, _)| at) else { break };
            let (due, timer) = timers.swap_remove(at);
            drop(timers);
            self.now.set(due.max(self.now.get()));
            self.woken.set(self.woken.get() + 1);
            let _ = timer.send(());
        }
        self.now.set(end);
    }
}

/// Lets whatever can go on go on.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

impl Surroundings for Still {
    fn now(&self) -> UnixMillis {
        self.real.now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.now.get())
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        let (timer, gone_off) = oneshot::channel();
        self.timers.borrow_mut().push((self.now.get() + millis, timer));
        Box::pin(async move {
            if gone_off.await.is_err() {
                pending::<()>().await;
            }
        })
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.real.fill_random(bytes);
    }
}

async fn founded(world: &World) -> (Hand, Rc<Still>) {
    world.founded("mara").await;
    let clock = Still::new();
    let machine: Rc<dyn Surroundings> = clock.clone();
    let hand = Hand::on(Ground { machine, ..world.ground("mara") });
    unlock(&hand).await;
    (hand, clock)
}

async fn unlock(hand: &Hand) {
    hand.unlocks().await;
    hand.until(|shown| shown["fresh"] == true && shown["busy"].is_null()).await;
}

fn screen(hand: &Hand) -> String {
    hand.now()["screen"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_does_nothing_for_five_minutes_is_locked_out_and_a_touch_counts() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock) = founded(&world).await;
        clock.pass(5 * MINUTE - 1).await;
        assert_eq!(screen(&hand), "records");
        hand.does(json!({ "type": "active" }));
        clock.pass(5 * MINUTE - 1).await;
        assert_eq!(screen(&hand), "records");
        clock.pass(1).await;
        settle().await;
        assert_eq!(screen(&hand), "locked");
        assert_eq!(clock.waiting(), 0, "nothing to lock, no timer");
        unlock(&hand).await;
        hand.does(json!({ "type": "set-lock", "minutes": 1 }));
        assert_eq!(clock.waiting(), 1, "one timer, whatever was chosen before");
        clock.pass(MINUTE).await;
        settle().await;
        assert_eq!(screen(&hand), "locked");
        // It is kept for the next time.
        assert_eq!(
            std::fs::read_to_string(world.home("mara").join("phone.json")).unwrap().matches("\"lock\":1").count(),
            1
        );
    })
    .await;
}

/// Whoever copies its pages by hand touches nothing.
#[tokio::test]
async fn the_pages_of_a_kit_stay_for_a_quarter_of_an_hour_and_without_them_the_time_is_as_chosen() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock) = founded(&world).await;
        hand.does(json!({ "type": "set-lock", "minutes": 1 }));
        let draw = async || {
            hand.goes("kit");
            hand.does(json!({ "type": "kit", "act": "draw", "needed": 2, "shares": 3 }));
            hand.until(|shown| !shown["kit"]["drawn"].is_null() && shown["busy"].is_null()).await;
        };
        draw().await;
        clock.pass(15 * MINUTE - 1).await;
        assert_eq!(screen(&hand), "kit");
        clock.pass(1).await;
        settle().await;
        assert_eq!(screen(&hand), "locked");
        unlock(&hand).await;
        draw().await;
        hand.does(json!({ "type": "kit", "act": "discard" }));
        clock.pass(MINUTE).await;
        settle().await;
        assert_eq!(screen(&hand), "locked", "the timer of before does not wait on");
    })
    .await;
}

#[tokio::test]
async fn out_of_sight_the_time_counts_even_if_no_timer_went_off() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock) = founded(&world).await;
        hand.does(json!({ "type": "visible", "visible": false }));
        clock.freeze(4 * MINUTE);
        hand.does(json!({ "type": "visible", "visible": true }));
        assert_eq!(screen(&hand), "records", "control: not yet");
        hand.does(json!({ "type": "visible", "visible": false }));
        clock.freeze(5 * MINUTE);
        // Nor does an intent get through that comes before the page says that it is back.
        hand.does(json!({ "type": "go", "to": "settings" }));
        assert_eq!(screen(&hand), "locked");
        unlock(&hand).await;
        hand.does(json!({ "type": "set-lock", "minutes": 0 }));
        hand.does(json!({ "type": "visible", "visible": false }));
        assert_eq!(screen(&hand), "locked", "at once");
    })
    .await;
}

#[tokio::test]
async fn a_hidden_phone_wakes_once_to_lock_and_then_never() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock) = founded(&world).await;
        hand.does(json!({ "type": "visible", "visible": false }));
        hand.rests().await;
        let (woken, drawn) = (clock.woken.get(), hand.snapshots().len());
        clock.pass(5 * MINUTE - 1).await;
        assert_eq!((clock.woken.get(), hand.snapshots().len()), (woken, drawn), "nothing wakes it before");
        clock.pass(1).await;
        settle().await;
        assert_eq!(screen(&hand), "locked");
        let (after, drawn) = (clock.woken.get(), hand.snapshots().len());
        assert_eq!(after, woken + 1);
        clock.pass(24 * 60 * MINUTE).await;
        assert_eq!((clock.woken.get(), hand.snapshots().len(), clock.waiting()), (after, drawn, 0));
    })
    .await;
}

#[tokio::test]
async fn nothing_locks_while_a_code_is_shown() {
    let world = World::start().await;
    on_one_thread(async {
        let (hand, clock) = founded(&world).await;
        let record = hand.adds("Letter", b"Dear reader").await;
        hand.goes("lend");
        hand.does(json!({ "type": "choose", "unit": record, "chosen": true }));
        hand.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
        hand.until(|shown| shown["lending"]["stage"] == "code").await;
        clock.freeze(20 * MINUTE);
        hand.does(json!({ "type": "dismiss" }));
        assert_eq!(hand.now()["lending"]["stage"], "code");
        hand.does(json!({ "type": "forget" }));
        assert_eq!(hand.trouble().await, "engaged");
        hand.does(json!({ "type": "cancel-code" }));
        // Burning a code waits for the server, and not for ever.
        while hand.now()["lending"]["stage"] != "over" {
            clock.pass(500).await;
            settle().await;
        }
        // The time counts from the end of it.
        clock.pass(4 * MINUTE).await;
        assert_eq!(screen(&hand), "lend");
        clock.pass(MINUTE).await;
        settle().await;
        assert_eq!(screen(&hand), "locked");
    })
    .await;
}

fn add(passphrase: &str) -> Keyed {
    let told = json!({ "type": "add", "credential": [1, 2, 3], "salt": vec![7; 32], "passphrase": passphrase });
    Keyed::from_json(&told.to_string()).unwrap()
}

async fn unlocks(hand: &Hand, secret: [u8; 32]) -> Result<(), String> {
    hand.phone.keyed(Keyed::Unlock, secret.into());
    let shown = hand.until(|shown| shown["busy"].is_null()).await;
    match shown["trouble"]["key"].as_str() {
        None => Ok(()),
        Some(key) => Err(key.to_owned()),
    }
}

/// One that is made with the account opens it at once, and one that gives nothing takes nothing away from founding.
#[tokio::test]
async fn an_account_is_founded_with_a_passkey() {
    let world = World::start().await;
    on_one_thread(async {
        for (name, secret, opens) in [("mara", SECRET, true), ("jonas", [0; 32], false)] {
            let hand = world.phone(name);
            hand.screen("start").await;
            let told = json!({
                "type": "create", "name": "Mara", "credential": [1, 2, 3], "salt": vec![7; 32], "passphrase": PASSPHRASE,
            });
            hand.phone.keyed(Keyed::from_json(&told.to_string()).unwrap(), secret.into());
            let shown = hand.until(|shown| shown["screen"] == "records" && shown["busy"].is_null()).await;
            assert_eq!(shown["passkey"].is_null(), !opens);
            assert_eq!(shown["trouble"]["key"].as_str(), (!opens).then_some("passkey"));
            let again = world.phone(name);
            again.screen("locked").await;
            assert_eq!(unlocks(&again, SECRET).await.is_ok(), opens);
            if !opens {
                again.unlocks().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_that_joins_with_a_passkey_is_opened_by_it() {
    let world = World::start().await;
    on_one_thread(async {
        let mara = world.founded("mara").await;
        for (name, secret, opens) in [("tablet", SECRET, true), ("laptop", [0; 32], false)] {
            mara.goes("link");
            mara.does(json!({ "type": "link", "form": "digits", "code": null }));
            let shown = mara.until(|shown| shown["linking"]["stage"] == "code").await;
            let hand = world.phone(name);
            hand.screen("start").await;
            hand.does(json!({ "type": "joining", "wanted": true }));
            let told = json!({
                "type": "join", "form": "typed", "code": shown["linking"]["code"], "name": name,
                "credential": [1, 2, 3], "salt": vec![7; 32], "passphrase": PASSPHRASE,
            });
            hand.phone.keyed(Keyed::from_json(&told.to_string()).unwrap(), secret.into());
            let words = hand.until(|shown| shown["linking"]["stage"] == "words").await;
            mara.until(|shown| shown["linking"]["stage"] == "asked").await;
            mara.does(json!({ "type": "link-approve", "words": words["linking"]["words"][0] }));
            mara.until(|shown| !shown["linking"]["done"].is_null()).await;
            let shown = hand.until(|shown| !shown["linking"]["done"].is_null()).await;
            assert_eq!(shown["passkey"].is_null(), !opens);
            let again = world.phone(name);
            again.screen("locked").await;
            assert_eq!(unlocks(&again, SECRET).await.is_ok(), opens);
            if !opens {
                assert_eq!(hand.trouble().await, "passkey", "it is in the account, and the person hears of it");
                again.unlocks().await;
            }
            mara.does(json!({ "type": "close-linking" }));
        }
    })
    .await;
}

#[tokio::test]
async fn a_passkey_opens_beside_the_passphrase_and_a_copy_opens_with_neither() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.adds("Letter", b"Dear reader").await;
        // Who finds the phone unlocked adds none.
        hand.phone.keyed(add("something else"), SECRET.into());
        assert_eq!(hand.trouble().await, "passphrase");
        // Nor is one added that gives what everybody knows.
        hand.phone.keyed(add(PASSPHRASE), [0; 32].into());
        hand.until(|shown| shown["trouble"]["key"] == "passkey").await;
        assert!(hand.now()["passkey"].is_null());
        hand.phone.keyed(add(PASSPHRASE), SECRET.into());
        let shown = hand.until(|shown| !shown["passkey"].is_null() && shown["busy"].is_null()).await;
        assert_eq!(shown["passkey"]["credential"], json!([1, 2, 3]));

        // A copy of all that lies here: the secret and the passphrase open it, nothing else does.
        let copy = world.phone("mara");
        copy.screen("locked").await;
        let mut other = SECRET;
        other[31] ^= 1;
        assert_eq!(unlocks(&copy, other).await, Err("passkey".to_owned()));
        copy.does(json!({ "type": "unlock", "passphrase": "something else" }));
        copy.until(|shown| shown["trouble"]["key"] == "passphrase").await;
        assert_eq!(unlocks(&copy, SECRET).await, Ok(()), "control");
        copy.until(|shown| row(shown, "Letter").is_some()).await;
        for file in ["keys.cbor", "passkey.cbor", "account.cbor", "chain.cbor", "phone.json"] {
            let Ok(bytes) = std::fs::read(world.home("mara").join(file)) else { continue };
            assert!(!bytes.windows(32).any(|window| window == SECRET), "{file}");
        }
        assert!(hand.snapshots().iter().all(|shown| !shown.to_string().contains("17,18,19")), "no secret is drawn");

        // The passkey proves who asks for another passphrase; it goes on opening.
        let new =
            Keyed::from_json(&json!({ "type": "change-passphrase", "new": "another horse" }).to_string()).unwrap();
        copy.phone.keyed(new, SECRET.into());
        copy.until(|shown| {
            shown["settings"]["done"].is_null()
                && shown["busy"].is_null()
                && shown["announcement"]["key"] == "set.did.passphrase"
        })
        .await;
        copy.does(json!({ "type": "lock" }));
        copy.screen("locked").await;
        copy.does(json!({ "type": "unlock", "passphrase": PASSPHRASE }));
        copy.until(|shown| shown["trouble"]["key"] == "passphrase").await;
        assert_eq!(unlocks(&copy, SECRET).await, Ok(()));

        // Taken away it opens nothing, and the passphrase does.
        copy.until(|shown| shown["fresh"] == true).await;
        copy.does(json!({ "type": "remove-passkey" }));
        copy.until(|shown| shown["passkey"].is_null() && shown["busy"].is_null()).await;
        copy.does(json!({ "type": "lock" }));
        copy.screen("locked").await;
        assert_eq!(unlocks(&copy, SECRET).await, Err("passkey".to_owned()));
        copy.does(json!({ "type": "unlock", "passphrase": "another horse" }));
        copy.screen("records").await;
    })
    .await;
}

fn left(world: &World) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![world.home("mara")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true if entry.file_name() == "locks" => {}
                true => folders.push(entry.path()),
                false => files.push(entry.file_name().into_string().unwrap()),
            }
        }
    }
    files
}

async fn gone(hand: &Hand) -> Value {
    hand.until(|shown| shown["screen"] == "start" && shown["busy"].is_null()).await
}

#[tokio::test]
async fn a_phone_that_forgets_keeps_nothing_and_the_account_goes_on() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.phone.keyed(add(PASSPHRASE), SECRET.into());
        hand.until(|shown| !shown["passkey"].is_null() && shown["busy"].is_null()).await;
        hand.does(json!({ "type": "set-lock", "minutes": 1 }));
        settle().await;
        hand.idle().await;
        assert!(left(&world).contains(&"passkey.cbor".to_owned()), "control");
        // Another tab stands at the lock meanwhile.
        let tab = world.phone("mara");
        tab.screen("locked").await;
        hand.does(json!({ "type": "forget" }));
        let shown = gone(&hand).await;
        assert!(shown["passkey"].is_null() && shown["list"].is_null() && shown["name"] == "");
        assert_eq!(left(&world), Vec::<String>::new());
        tab.does(json!({ "type": "unlock", "passphrase": PASSPHRASE }));
        assert_eq!(tab.trouble().await, "no-account");
        assert_eq!(screen(&tab), "start", "what can be done next is on the screen");
    })
    .await;
}

#[tokio::test]
async fn the_account_is_deleted_by_whoever_knows_the_passphrase() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.does(json!({ "type": "delete-account", "passphrase": "something else" }));
        assert_eq!(hand.trouble().await, "passphrase");
        assert_eq!(screen(&hand), "records");
        hand.does(json!({ "type": "delete-account", "passphrase": PASSPHRASE }));
        gone(&hand).await;
        assert_eq!(left(&world), Vec::<String>::new());
    })
    .await;
}
