//! An account on a real server, founded, used and unlocked again in the browser.

use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::{Either, join, select};
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input, State};
use glimpse_device::browser::{Database, Fetch, Machine};
use glimpse_device::home::Home;
use glimpse_device::lend::{Audience, Command, Event, Plan};
use glimpse_device::publish::NewContent;
use glimpse_device::receive::{Receiver, Shown};
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::record::Meta;
use glimpse_wire::{ErrorCode, UnixMillis};
use wasm_bindgen_test::wasm_bindgen_test;

use super::meddling::{field, part};

const PASSPHRASE: &[u8] = b"correct horse battery";

/// `cargo xtask test` starts a server for these tests, at the port after that of their page.
fn server() -> String {
    let place = part("location");
    let port: u16 = field(&place, "port").as_string().unwrap().parse().unwrap();
    format!("http://127.0.0.1:{}", port + 1)
}

/// A ground of its own objects, as each tab has.
async fn ground(name: &str) -> Ground {
    Ground {
        storage: Rc::new(Database::open(name).await.unwrap()),
        transport: Rc::new(Fetch::new(&server()).unwrap()),
        machine: Rc::new(Machine::new()),
    }
}

async fn add(device: &Device, title: &str, mut bytes: &[u8]) -> String {
    let meta = Meta {
        title: title.to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: format!("{title}.txt"),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: UnixMillis(1_790_000_000_000),
    };
    let length = bytes.len() as u64;
    let content = NewContent { meta, length, content: &mut bytes, progress: &mut |_| {} };
    device.add(content).await.unwrap().to_string()
}

async fn show(device: &Device, id: &str) -> Vec<u8> {
    let listing = device.listing().await.unwrap();
    let opened = device.open_entries(&[listing.find(id).unwrap()]).await.unwrap();
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    device.read(&opened[0], &mut sink).await.unwrap();
    bytes
}

async fn titles(device: &Device) -> Vec<String> {
    let listing = device.listing().await.unwrap();
    listing.newest_first().iter().map(|entry| entry.meta.as_ref().unwrap().title.clone()).collect()
}

#[wasm_bindgen_test]
async fn an_account_lives_in_a_browser_and_outlives_its_tab() {
    let device = Device::create(ground("mara").await, "Mara", PASSPHRASE).await.unwrap();
    let letter = add(&device, "Letter", b"Dear reader").await;
    // More than one part of a body, more than one chunk of content.
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let scan = add(&device, "Scan", &large).await;
    assert_eq!(titles(&device).await, ["Scan", "Letter"]);
    assert_eq!(show(&device, &letter).await, b"Dear reader");
    drop(device);

    let wrong = Device::unlock(&ground("mara").await, b"wrong").await;
    assert!(matches!(wrong, Err(DeviceError::Passphrase)));
    let nobody = Device::unlock(&ground("nobody").await, PASSPHRASE).await;
    assert!(matches!(nobody, Err(DeviceError::NoAccount)));
    let twice = Device::create(ground("mara").await, "Mara", PASSPHRASE).await;
    assert!(matches!(twice, Err(DeviceError::AccountExists)));

    let again = Device::unlock(&ground("mara").await, PASSPHRASE).await.unwrap();
    assert_eq!(titles(&again).await, ["Scan", "Letter"]);
    assert_eq!(show(&again, &letter).await, b"Dear reader");
    assert_eq!(show(&again, &scan).await, large);
    // What is kept is what a computer's files hold.
    let files = ground("mara").await.storage;
    for name in ["account.cbor", "chain.cbor", "keys.cbor", "listing.sealed", "counter.cbor"] {
        assert!(files.read(name).await.unwrap().is_some(), "{name}");
    }
    again.delete_account().await.unwrap();
    assert_eq!(files.read("keys.cbor").await, Ok(None));
}

#[wasm_bindgen_test]
async fn two_tabs_of_one_account_wait_for_one_another() {
    let first = Device::create(ground("ben").await, "Ben", PASSPHRASE).await.unwrap();
    let second = Device::unlock(&ground("ben").await, PASSPHRASE).await.unwrap();
    add(&first, "Letter", b"Dear reader").await;
    // While somebody else has the listing, a look at it waits.
    let tab = ground("ben").await;
    let held = Home::new(Rc::clone(&tab.storage)).lock_listing().await.unwrap();
    let machine = Machine::new();
    let looking = Box::pin(titles(&second));
    let Either::Right(((), looking)) = select(looking, machine.sleep(500)).await else {
        panic!("the listing was read while it was locked")
    };
    drop(held);
    assert_eq!(looking.await, ["Letter"]);
    // Control: without the lock it does not take so long.
    let Either::Left((free, _)) = select(Box::pin(titles(&second)), machine.sleep(20_000)).await else {
        panic!("a look that nobody keeps from it did not end")
    };
    assert_eq!(free, ["Letter"]);
    // Both at once: neither is lost, and no number is used twice.
    let (one, other) = join(add(&first, "Note", b"Milk"), add(&second, "List", b"Bread")).await;
    for device in [&first, &second] {
        assert_eq!(show(device, &one).await, b"Milk");
        assert_eq!(show(device, &other).await, b"Bread");
    }
}

#[wasm_bindgen_test]
async fn a_browser_lends_to_a_browser() {
    let lender = ground("ada").await;
    let device = Device::create(lender, "Ada", PASSPHRASE).await.unwrap();
    add(&device, "Letter", b"Dear reader").await;
    let listing = device.listing().await.unwrap();
    let records = device.open_entries(&listing.newest_first()).await.unwrap();
    let plan =
        Plan { to: Audience::OwnScreen, records, save: false, millis: 600_000, site: None, withheld: Vec::new() };
    let (commands, mut todo) = mpsc::unbounded();
    let (seen, mut events) = mpsc::unbounded();
    let lending = async {
        let seen = seen;
        device.lend(plan, &mut todo, &mut |event| drop(seen.unbounded_send(event))).await
    };
    let looking = async {
        let ground = ground("viewer").await;
        let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "a test".into() };
        let config = Config { claims, purpose: Purpose::View, asking: Asking::default(), bearer: None };
        let mut viewer = Receiver::new(ground.transport, ground.machine, config);
        let code = loop {
            if let Event::Code { code, .. } = events.next().await.unwrap() {
                break code.to_string();
            }
        };
        viewer.input(Input::Code(code)).await;
        let words = loop {
            if let State::Waiting { words, .. } = viewer.state() {
                break words.to_string();
            }
            assert!(!matches!(viewer.next().await, Shown::Ended(_)));
        };
        while !matches!(events.next().await.unwrap(), Event::Peer { .. }) {}
        commands.unbounded_send(Command::Approve { words, millis: None, save: None }).unwrap();
        let unit = loop {
            if let State::Session(running) = viewer.state() {
                break running.units().map(|(id, _)| id).next().unwrap();
            }
            assert!(!matches!(viewer.next().await, Shown::Ended(_)));
        };
        viewer.input(Input::Open(unit)).await;
        let mut content = Vec::new();
        loop {
            match viewer.next().await {
                Shown::Content(piece) => {
                    content.extend_from_slice(&piece.bytes);
                    if piece.last {
                        break;
                    }
                }
                Shown::Changed => {}
                Shown::Ended(code) => panic!("ended with {code}"),
            }
        }
        assert_eq!(content, b"Dear reader");
        while !matches!(events.next().await.unwrap(), Event::Opened { .. }) {}
        commands.unbounded_send(Command::End).unwrap();
        loop {
            if let Shown::Ended(code) = viewer.next().await {
                break code;
            }
        }
    };
    let (ending, code) = join(lending, looking).await;
    let ending = ending.unwrap();
    assert_eq!((code, ending.code), (ErrorCode::SessionEnded, ErrorCode::SessionEnded));
    let audit = ending.audit.unwrap();
    assert_eq!((audit.openings, audit.ended), (1, true));
    assert!(device.trail(ending.session).await.unwrap().is_countersigned());
}

#[wasm_bindgen_test]
async fn no_keys_are_made_for_a_server_that_is_not_there() {
    let ground = Ground { transport: Rc::new(Fetch::new("http://127.0.0.1:1").unwrap()), ..ground("far").await };
    let created = Device::create(ground.clone(), "Far", PASSPHRASE).await;
    assert_eq!(created.err().and_then(|error| error.code()), Some(ErrorCode::ServerUnreachable));
    assert_eq!(ground.storage.read("keys.cbor").await, Ok(None));
}
