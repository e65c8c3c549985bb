//! The watch, from the code that links it to the end of a look, through a phone that vanishes at each step.

use core::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use futures_util::StreamExt;
use glimpse_core::viewer::Input;
use glimpse_device::companion::carry;
use glimpse_device::linking::{Command, Event, Way, parse_code};
use glimpse_device::native::{Files, Machine};
use glimpse_device::transport::{Socket, Unreachable};
use glimpse_device::{Device, Local};
use glimpse_phone::Watch;
use glimpse_wire::{ErrorCode, UnixMillis};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{sleep, timeout};

use crate::held::write_dated;
use crate::lending::{ended, read, session, viewer, words};
use crate::world::{PASSPHRASE, World, on_one_thread, row};

const PIN: &str = "135790";

/// One end of a port.
struct Port(UnboundedSender<Vec<u8>>, UnboundedReceiver<Vec<u8>>);

fn channel() -> (Port, Port) {
    let ((to_b, from_a), (to_a, from_b)) = (mpsc::unbounded(), mpsc::unbounded());
    (Port(to_b, from_b), Port(to_a, from_a))
}

impl Socket for Port {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        let sent = self.0.unbounded_send(frame).map_err(|_| Unreachable);
        Box::pin(async move { sent })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move { self.1.next().await })
    }
}

/// A watch, what it showed, and the account's first device.
struct Wrist<'w> {
    world: &'w World,
    phone: Rc<Device>,
    watch: Watch,
    shown: Rc<RefCell<Vec<Value>>>,
    carrying: RefCell<Option<JoinHandle<()>>>,
}

impl<'w> Wrist<'w> {
    async fn new(world: &'w World) -> Self {
        world.founded("phone").await.adds("Letter", b"Dear reader").await;
        let phone = Rc::new(Device::unlock(&world.ground("phone"), PASSPHRASE.as_bytes()).await.unwrap());
        Self::on(world, phone)
    }

    /// One that is in the account, with its phone there and the letter chosen.
    async fn linked(world: &'w World) -> Self {
        let wrist = Self::new(world).await;
        wrist.comes().await;
        wrist.links(nothing).await.unwrap();
        wrist.chosen().await;
        wrist
    }

    fn on(world: &'w World, phone: Rc<Device>) -> Self {
        let shown = Rc::<RefCell<Vec<Value>>>::default();
        let seen = Rc::clone(&shown);
        let draw = Box::new(move |snapshot: &glimpse_phone::WatchSnapshot<'_>| {
            seen.borrow_mut().push(serde_json::to_value(snapshot).unwrap());
        });
        let storage = Rc::new(Files::new(world.home("watch")));
        let spawn = Box::new(|task| drop(spawn_local(task)));
        let watch = Watch::start(world.server.url(), storage, Rc::new(Machine::new()), draw, spawn);
        Self { world, phone, watch, shown, carrying: RefCell::default() }
    }

    /// The phone is there.
    async fn comes(&self) {
        let (near, far) = channel();
        self.watch.companion(Box::new(near));
        let transport = self.world.ground("phone").transport;
        let carrying = spawn_local(carry(Box::new(far), transport, Rc::new(Machine::new())));
        self.carrying.replace(Some(carrying));
        self.until(|shown| shown["away"] == false).await;
    }

    /// The phone vanishes without a word; the watch says so.
    async fn vanishes(&self) {
        let carrying = self.carrying.take().unwrap();
        carrying.abort();
        assert!(carrying.await.unwrap_err().is_cancelled());
        self.until(|shown| shown["away"] == true).await;
    }

    async fn blinks(&self) {
        self.vanishes().await;
        self.comes().await;
    }

    fn does(&self, intent: Value) {
        self.watch.intent(&intent.to_string());
    }

    fn now(&self) -> Value {
        self.shown.borrow().last().cloned().unwrap_or_default()
    }

    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let now = self.now();
                if wanted(&now) {
                    return now;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let came = timeout(Duration::from_secs(60), waiting).await;
        came.unwrap_or_else(|_| panic!("the screen never came; it stands at {:#}", self.now()))
    }

    async fn stage(&self, stage: &str) -> Value {
        self.until(|shown| shown["lending"]["stage"] == stage).await
    }

    /// Links it by the code that it shows. `meanwhile` goes on at each step.
    async fn links(&self, meanwhile: impl AsyncFn(&str)) -> Result<(), ErrorCode> {
        self.until(|shown| shown["screen"] == "start" || shown["screen"] == "join").await;
        self.does(json!({ "type": "join", "name": "Wristlet", "pin": PIN, "code": null }));
        let shown = self.until(|shown| shown["linking"]["stage"] == "code").await;
        let code = parse_code(shown["linking"]["code"].as_str().unwrap()).unwrap();
        meanwhile("code").await;
        let (tell, mut commands) = mpsc::unbounded();
        let (asked, mut asking) = mpsc::unbounded();
        let phone = Rc::clone(&self.phone);
        let linking = spawn_local(async move {
            let mut show = |event| {
                if let Event::Asked { words, .. } = event {
                    asked.unbounded_send(words.map(|words| words.to_string())).unwrap();
                }
            };
            phone.link(Way::Type(code), &mut commands, &mut show).await
        });
        let shown = self.until(|shown| shown["linking"]["stage"] == "words").await;
        let words = shown["linking"]["words"][0].as_str().unwrap().to_owned();
        assert!(asking.next().await.unwrap().contains(&words), "the same words on both");
        meanwhile("words").await;
        tell.unbounded_send(Command::Approve { words }).unwrap();
        linking.await.unwrap().map_err(|error| error.code().unwrap())?;
        Ok(())
    }

    /// At its list, with the record ticked.
    async fn chosen(&self) {
        let shown = self.until(|shown| shown["fresh"] == true && row(shown, "Letter").is_some()).await;
        self.does(json!({ "type": "choose", "unit": row(&shown, "Letter").unwrap(), "chosen": true }));
    }
}

async fn nothing(_: &str) {}

#[tokio::test]
async fn a_watch_is_linked_lends_and_ends_through_the_phone_alone() {
    let world = World::start().await;
    on_one_thread(async {
        let wrist = Wrist::new(&world).await;
        wrist.until(|shown| shown["screen"] == "start" && shown["away"] == true).await;
        // Nothing goes without the phone, and no account is founded by way of it.
        wrist.does(json!({ "type": "join", "name": "", "pin": PIN, "code": null }));
        wrist.until(|shown| shown["trouble"]["key"] == "server-unreachable").await;
        wrist.does(json!({ "type": "join", "name": "", "pin": "12345", "code": null }));
        wrist.until(|shown| shown["trouble"]["key"] == "watch-pin-short").await;
        wrist.comes().await;
        wrist.does(json!({ "type": "create", "name": "", "passphrase": "correct horse battery" }));
        wrist.does(json!({ "type": "join", "name": "", "pin": PIN, "code": "123" }));
        wrist.until(|shown| shown["trouble"]["key"] == "code-mistyped").await;
        assert!(wrist.shown.borrow().iter().all(|shown| shown["busy"].is_null()), "it founded none");

        wrist.links(nothing).await.unwrap();
        wrist.chosen().await;
        wrist.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
        let shown = wrist.stage("code").await;
        let mut viewer = viewer(&world);
        viewer.input(Input::Code(shown["lending"]["code"].as_str().unwrap().to_owned())).await;
        let words = words(&mut viewer).await.unwrap();
        wrist.stage("asking").await;
        wrist.does(json!({ "type": "approve", "words": words }));
        let units = session(&mut viewer).await.unwrap();
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        let shown = wrist.until(|shown| shown["lending"]["opened"] == 1).await;
        let left = shown["lending"]["secondsLeft"].as_u64().unwrap();
        assert!((1..=600).contains(&left), "{left} s are left of ten minutes");
        wrist.does(json!({ "type": "extend", "minutes": 15 }));
        wrist.until(|shown| shown["lending"]["secondsLeft"].as_u64() > Some(left)).await;
        wrist.does(json!({ "type": "end" }));
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
        let shown = wrist.stage("over").await;
        assert_eq!((&shown["lending"]["ran"]["holds"], &shown["lending"]["ran"]["told"]), (&json!(true), &json!(true)));

        // Locked, and unlocked by its PIN alone: its keys are its own.
        wrist.does(json!({ "type": "close-lending" }));
        wrist.does(json!({ "type": "lock" }));
        wrist.until(|shown| shown["screen"] == "locked").await;
        wrist.does(json!({ "type": "unlock", "passphrase": PASSPHRASE }));
        wrist.until(|shown| shown["trouble"]["key"] == "passphrase").await;
        wrist.does(json!({ "type": "unlock", "passphrase": PIN }));
        wrist.until(|shown| row(shown, "Letter").is_some()).await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_whose_phone_vanishes_at_each_step_goes_on_when_it_is_back() {
    let world = World::start().await;
    on_one_thread(async {
        let wrist = Wrist::new(&world).await;
        wrist.comes().await;
        wrist.links(async |_| wrist.blinks().await).await.unwrap();
        wrist.chosen().await;
        wrist.blinks().await;
        wrist.does(json!({ "type": "lend", "save": false, "minutes": 10 }));

        let shown = wrist.stage("code").await;
        wrist.blinks().await;
        let mut viewer = viewer(&world);
        viewer.input(Input::Code(shown["lending"]["code"].as_str().unwrap().to_owned())).await;
        let words = words(&mut viewer).await.unwrap();
        wrist.stage("asking").await;
        wrist.blinks().await;
        wrist.does(json!({ "type": "approve", "words": words }));
        let units = session(&mut viewer).await.unwrap();

        wrist.stage("running").await;
        wrist.vanishes().await;
        let left = |shown: &Value| shown["lending"]["secondsLeft"].as_u64().unwrap();
        let before = left(&wrist.now());
        wrist.until(|shown| left(shown) < before && shown["away"] == true).await;
        wrist.until(|shown| shown["lending"]["connected"] == false).await;
        wrist.comes().await;
        wrist.until(|shown| shown["lending"]["connected"] == true).await;
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        wrist.until(|shown| shown["lending"]["opened"] == 1).await;

        // The end is the watch's to say, whether or not anybody carries it.
        wrist.vanishes().await;
        wrist.does(json!({ "type": "end" }));
        wrist.comes().await;
        assert_eq!(ended(&mut viewer).await, ErrorCode::SessionEnded);
        let shown = wrist.stage("over").await;
        assert_eq!(shown["lending"]["ran"]["told"], true, "{shown:#}");
    })
    .await;
}

#[tokio::test]
async fn a_watch_shows_what_it_kept_while_nobody_carries() {
    let world = World::start().await;
    on_one_thread(async {
        let wrist = Wrist::linked(&world).await;
        let again = Wrist::on(&world, Rc::clone(&wrist.phone));
        again.until(|shown| shown["screen"] == "locked" && shown["away"] == true).await;
        again.does(json!({ "type": "unlock", "passphrase": PIN }));
        let shown = again.until(|shown| row(shown, "Letter").is_some()).await;
        assert_eq!((&shown["fresh"], &shown["away"]), (&json!(false), &json!(true)));
        again.comes().await;
        again.until(|shown| shown["fresh"] == true).await;
    })
    .await;
}

/// Row 35 of the catalogue, for writers: a list that has room for a few is not filled with what waits, whatever date it bears.
#[tokio::test]
async fn t035_what_waits_stands_behind_what_is_the_owners_on_the_watch() {
    let world = World::start().await;
    on_one_thread(async {
        let wrist = Wrist::linked(&world).await;
        // The year 2100.
        let date = UnixMillis(4_102_444_800_000);
        for number in 0..25 {
            write_dated(&world, &wrist.phone, "Shop", &format!("Advert {number}"), b"Buy!", date).await;
        }
        let all = |shown: &Value| shown["list"]["total"] == 26;
        wrist.does(json!({ "type": "window", "first": 0, "count": 20 }));
        wrist.does(json!({ "type": "refresh" }));
        let shown = wrist.until(all).await;
        let rows = shown["list"]["rows"].as_array().unwrap();
        assert_eq!((&rows[0]["title"], &rows[0]["chosen"]), (&json!("Letter"), &json!(true)));
        assert_eq!(rows.len(), 20);
        assert!(rows[1..].iter().all(|row| row["author"] == "Shop" && row["approved"] == false), "{rows:#?}");

        // Control: by date alone, as on the phone, it would not be among them.
        let hand = world.phone("phone");
        hand.unlocks().await;
        hand.does(json!({ "type": "window", "first": 0, "count": 20 }));
        assert_eq!(row(&hand.until(all).await, "Letter"), None);
    })
    .await;
}

#[tokio::test]
async fn a_watch_out_of_sight_hears_that_its_phone_hung_up_and_goes_by_it_again() {
    let world = World::start().await;
    on_one_thread(async {
        let wrist = Wrist::linked(&world).await;
        wrist.does(json!({ "type": "visible", "visible": false }));
        wrist.vanishes().await;
        wrist.comes().await;
        wrist.does(json!({ "type": "visible", "visible": true }));
        wrist.does(json!({ "type": "lend", "save": false, "minutes": 10 }));
        wrist.stage("code").await;
        // A code on a screen that nobody sees is burnt, by way of a phone that is asked nothing.
        wrist.does(json!({ "type": "visible", "visible": false }));
        let shown = wrist.stage("over").await;
        assert_eq!(shown["lending"]["outOfSight"], true);
    })
    .await;
}
