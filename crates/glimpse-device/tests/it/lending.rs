//! Lending to a viewer, over a real server.

use core::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::future::join3;
use futures_util::{SinkExt, StreamExt};
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input, State};
use glimpse_device::lend::{Command, Ending, Event, Plan};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::ErrorCode;
use glimpse_wire::pairing::Purpose;

use crate::world::{World, add};

pub(crate) fn receiver(world: &World) -> Receiver {
    let ground = world.ground("viewer");
    let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "a test".into() };
    let config = Config { claims, purpose: Purpose::View, asking: Asking::default() };
    Receiver::new(ground.transport, ground.machine, config)
}

async fn plan(device: &Device, millis: u64) -> Plan {
    let listing = device.listing().await.unwrap();
    let records = device.open_entries(&listing.newest_first()).await.unwrap();
    Plan { records, save: false, millis }
}

/// What the user sees, and what the user does.
pub(crate) struct User {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

impl User {
    /// The next event for which `pick` gives something.
    pub(crate) async fn sees<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.events.next().await.expect("the event comes");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    pub(crate) async fn does(&mut self, command: Command) {
        self.commands.send(command).await.unwrap();
    }

    pub(crate) async fn code(&mut self) -> String {
        self.sees(|event| match event {
            Event::Code { code, .. } => Some(code.to_string()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn peer(&mut self) -> Vec<String> {
        self.sees(|event| match event {
            Event::Peer { words, .. } => Some(words.iter().map(ToString::to_string).collect()),
            _ => None,
        })
        .await
    }
}

/// Runs a lending; `story` plays the user and the viewer.
pub(crate) async fn lend<T>(
    device: &Device,
    plan: Plan,
    story: impl AsyncFnOnce(User) -> T,
) -> (Result<Ending, DeviceError>, T) {
    let (commands, mut todo) = mpsc::unbounded();
    let (seen, events) = mpsc::unbounded();
    let lending = async {
        // The events end with the lending.
        let seen = seen;
        device.lend(plan, &mut todo, &mut |event| drop(seen.unbounded_send(event))).await
    };
    let user = User { events, commands };
    let (ending, told, ()) = join3(lending, story(user), async {}).await;
    (ending, told)
}

/// Pumps the viewer until it waits with words.
pub(crate) async fn until_words(viewer: &mut Receiver) -> String {
    loop {
        if let State::Waiting { words, .. } = viewer.state() {
            return words.to_string();
        }
        if let Shown::Ended(code) = viewer.next().await {
            panic!("ended with {code}");
        }
        if let State::EnterCode { problem: Some(code) } = viewer.state() {
            panic!("back to the code with {code}");
        }
    }
}

pub(crate) async fn until_session(viewer: &mut Receiver) -> Vec<(glimpse_wire::UnitId, String)> {
    loop {
        if let State::Session(running) = viewer.state() {
            return running.units().map(|(id, unit)| (id, unit.meta.title.clone())).collect();
        }
        viewer.next().await;
    }
}

/// Opens a unit and reads it to its end.
pub(crate) async fn read(viewer: &mut Receiver, unit: glimpse_wire::UnitId) -> Vec<u8> {
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

pub(crate) async fn until_end(viewer: &mut Receiver) -> ErrorCode {
    loop {
        if let Shown::Ended(code) = viewer.next().await {
            return code;
        }
    }
}

#[tokio::test]
async fn a_person_lends_a_look_and_ends_it() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let scan: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    add(&device, "Scan", &scan).await;
    let film: Vec<u8> = (0..17_000_000u32).map(|n| (n % 249) as u8).collect();
    add(&device, "Film", &film).await;
    let viewer = Rc::new(RefCell::new(receiver(&world)));
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = viewer.borrow_mut();
        let code = user.code().await;
        viewer.input(Input::Code(code)).await;
        let words = until_words(&mut viewer).await;
        let offered = user.peer().await;
        assert!(offered.contains(&words) && offered.len() == 4);
        user.does(Command::Approve { words: words.to_uppercase(), millis: None, save: None }).await;
        let units = until_session(&mut viewer).await;
        assert_eq!(units.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>(), ["Film", "Scan", "Letter"]);
        assert_eq!(read(&mut viewer, units[2].0).await, b"Dear reader");
        assert_eq!(read(&mut viewer, units[1].0).await, scan);
        assert_eq!(read(&mut viewer, units[0].0).await, film);
        for title in ["Letter", "Scan", "Film"] {
            let opened = user.sees(|event| match event {
                Event::Opened { lent, .. } => Some(lent.title),
                _ => None,
            });
            assert_eq!(opened.await, title);
        }
        user.does(Command::End).await;
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    let ending = ending.unwrap();
    assert_eq!(ending.code, ErrorCode::SessionEnded);
    assert!(ending.told);
    let audit = ending.audit.unwrap();
    assert_eq!((audit.openings, audit.ended), (3, true));
    let trail = device.trail(ending.session).await.unwrap();
    assert!(trail.audit.is_some() && trail.is_countersigned());
    assert_eq!(device.sessions().await.unwrap()[0].ended.as_deref(), Some("session-ended"));
}
