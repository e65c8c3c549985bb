//! Lending to a viewer, over a real server.

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::join;
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input, State};
use glimpse_device::lend::{Audience, Command, Ending, Event, Lent, Plan};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, UnitId};

use crate::family::linked;
use crate::world::{PASSPHRASE, World, add};

pub(crate) fn receiver(world: &World) -> Receiver {
    let ground = world.ground("viewer");
    let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "a test".into() };
    let config = Config { claims, purpose: Purpose::View, asking: Asking::default(), bearer: None };
    Receiver::new(ground.transport, ground.machine, config)
}

/// Everything that the device has.
pub(crate) async fn plan(device: &Device, millis: u64) -> Plan {
    let listing = device.listing().await.unwrap();
    let records = device.open_entries(&listing.newest_first()).await.unwrap();
    Plan { to: Audience::OwnScreen, records, save: false, millis, site: None, withheld: Vec::new() }
}

/// What the user sees, and what the user does.
pub(crate) struct User {
    events: mpsc::UnboundedReceiver<Event>,
    commands: mpsc::UnboundedSender<Command>,
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

    /// The next event; nothing once it is over.
    pub(crate) async fn sees_any(&mut self) -> Option<Event> {
        self.events.next().await
    }

    pub(crate) fn does(&self, command: Command) {
        self.commands.unbounded_send(command).unwrap();
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

    pub(crate) fn approves(&self, words: &str) {
        self.does(Command::Approve { words: words.to_owned(), millis: None, save: None });
    }

    pub(crate) async fn opening(&mut self) -> String {
        self.sees(|event| match event {
            Event::Opened { lent, .. } => Some(lent.title),
            _ => None,
        })
        .await
    }
}

/// Runs a lending while `story` plays the user and the viewer.
pub(crate) async fn lend<T>(
    device: &Device,
    plan: Plan,
    story: impl AsyncFnOnce(User) -> T,
) -> (Result<Ending, DeviceError>, T) {
    let (commands, mut todo) = mpsc::unbounded();
    let (seen, events) = mpsc::unbounded();
    let lending = async {
        // Owned here, so that the events end with the lending.
        let seen = seen;
        device.lend(plan, &mut todo, &mut |event| drop(seen.unbounded_send(event))).await
    };
    join(lending, story(User { events, commands })).await
}

/// Pumps the viewer until it shows words, or fails.
pub(crate) async fn try_words(viewer: &mut Receiver) -> Result<String, ErrorCode> {
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

/// Pumps the viewer until the session runs, or the pairing fails.
pub(crate) async fn try_session(viewer: &mut Receiver) -> Result<Vec<(UnitId, String)>, ErrorCode> {
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

/// From the code to the session.
pub(crate) async fn pair(user: &mut User, viewer: &mut Receiver) -> Vec<(UnitId, String)> {
    viewer.input(Input::Code(user.code().await)).await;
    let words = try_words(viewer).await.unwrap();
    let offered = user.peer().await;
    assert!(offered.contains(&words) && offered.len() == 4, "{words} in {offered:?}");
    user.approves(&words);
    try_session(viewer).await.unwrap()
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
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        assert_eq!(units.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>(), ["Film", "Scan", "Letter"]);
        // Small enough to be made ahead; made when it is asked for; lent by its key.
        assert_eq!(read(&mut viewer, units[2].0).await, b"Dear reader");
        assert_eq!(read(&mut viewer, units[1].0).await, scan);
        assert_eq!(read(&mut viewer, units[0].0).await, film);
        for title in ["Letter", "Scan", "Film"] {
            assert_eq!(user.opening().await, title);
        }
        user.does(Command::End);
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

#[tokio::test]
async fn time_and_records_can_be_added_while_it_runs() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let letter = add(&device, "Letter", b"Dear reader").await;
    let listing = device.listing().await.unwrap();
    let records = device.open_entries(&[listing.find(&letter.to_string()).unwrap()]).await.unwrap();
    let plan = Plan { to: Audience::OwnScreen, records, save: true, millis: 60_000, site: None, withheld: Vec::new() };
    let note = add(&device, "Note", b"Milk").await;
    let (ending, ()) = lend(&device, plan, async |mut user| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        viewer.input(Input::AskTime(10)).await;
        let minutes = user.sees(|event| match event {
            Event::AskedTime { minutes } => Some(minutes),
            _ => None,
        });
        assert_eq!(minutes.await, 10);
        user.does(Command::Extend { millis: 600_000 });
        let (left, added) = user.sees(changed).await;
        assert!((640_000..=660_000).contains(&left) && added.is_empty(), "{left}");
        // Beyond the hard cap there is the hard cap.
        user.does(Command::Extend { millis: 100 * 3_600_000 });
        let (left, _) = user.sees(changed).await;
        assert!((7_190_000..=7_200_000).contains(&left), "{left}");
        user.does(Command::Shorten { millis: 30_000 });
        let (left, _) = user.sees(changed).await;
        assert!((28_000..=30_000).contains(&left), "{left}");
        user.does(Command::Add { records: vec![note], withheld: Vec::new() });
        let (_, added) = user.sees(changed).await;
        assert_eq!(added[0].title, "Note");
        assert_eq!(read_second(&mut viewer).await, b"Milk");
        // A record that is not there changes nothing.
        user.does(Command::Add { records: vec![glimpse_wire::RecordId([9; 16])], withheld: Vec::new() });
        user.sees(|event| matches!(event, Event::NotChanged(_)).then_some(())).await;
        viewer.input(Input::End).await;
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    let audit = ending.unwrap().audit.expect("the whole trail holds, with all five Terms");
    assert_eq!(audit.openings, 1);
}

/// When a session ends by new Terms, and what they lend on top.
fn changed(event: Event) -> Option<(u64, Vec<Lent>)> {
    match event {
        Event::Changed { expires_in, added, .. } => Some((expires_in, added)),
        _ => None,
    }
}

/// Waits for a second record in a viewer's session, and reads it.
async fn read_second(viewer: &mut Receiver) -> Vec<u8> {
    loop {
        if let Some((unit, ..)) = try_session(viewer).await.unwrap().get(1) {
            return read(viewer, *unit).await;
        }
        viewer.next().await;
    }
}

#[tokio::test]
async fn a_session_can_be_changed_after_the_account_has() {
    let world = World::unthrottled().await;
    let device = world.device("phone").await;
    let other = linked(&world, &device, "tablet").await;
    add(&device, "Letter", b"Dear reader").await;
    let note = add(&device, "Note", b"Milk").await;
    let mut plan = plan(&device, 60_000).await;
    plan.records.retain(|record| record.meta().title == "Letter");
    let (ending, ()) = lend(&device, plan, async |mut user| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        // Another process of this device, as another tab of its page is one; and another device of the account.
        let again = Device::unlock(&world.ground("phone"), PASSPHRASE).await.unwrap();
        again.rename(&again.keys().id(), "Old phone").await.unwrap();
        other.rename(&other.keys().id(), "Old tablet").await.unwrap();
        again.revoke(&[other.keys().id()]).await.unwrap();
        user.does(Command::Extend { millis: 600_000 });
        let (left, _) = user.sees(changed).await;
        assert!((600_000..=660_000).contains(&left), "{left}");
        user.does(Command::Add { records: vec![note], withheld: Vec::new() });
        let (_, added) = user.sees(changed).await;
        assert_eq!(added[0].title, "Note");
        assert_eq!(read_second(&mut viewer).await, b"Milk");
        viewer.input(Input::End).await;
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    assert_eq!(ending.unwrap().audit.expect("the trail holds under both heads").openings, 1);
}

#[tokio::test]
async fn t035_whoever_asks_without_end_is_heard_once() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let asks = |event: Event| matches!(event, Event::AskedTime { .. } | Event::AskedRecord { .. }).then_some(event);
    let (ending, questions) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        viewer.input(Input::AskRecord("the letter".to_owned())).await;
        for minutes in 1..=50 {
            viewer.input(Input::AskTime(minutes)).await;
        }
        let first = user.sees(asks).await;
        assert!(matches!(&first, Event::AskedRecord { text } if text == "the letter"), "{first:?}");
        // Until the person says no, which answers all of them; and what follows at once is the same question.
        read(&mut viewer, units[0].0).await;
        user.does(Command::Refuse);
        refused(&mut viewer).await;
        for minutes in 51..=100 {
            viewer.input(Input::AskTime(minutes)).await;
        }
        tokio::select! {
            () = refused(&mut viewer) => {}
            heard = user.sees(asks) => panic!("{heard:?} was heard right after a no"),
        }
        user.does(Command::End);
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
        let mut more = 0;
        while let Some(event) = user.events.next().await {
            more += usize::from(asks(event).is_some());
        }
        more
    })
    .await;
    assert_eq!(questions, 0, "of a hundred questions after the first one");
    assert_eq!(ending.unwrap().code, ErrorCode::SessionEnded);
}

/// Pumps the viewer until it hears a no.
async fn refused(viewer: &mut Receiver) {
    while !matches!(viewer.state(), State::Session(running) if running.was_refused()) {
        viewer.next().await;
    }
}

#[tokio::test]
async fn t067_another_process_of_the_device_ends_the_session() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let other = Device::unlock(&world.ground("mara"), crate::world::PASSPHRASE).await.unwrap();
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        // Control: it opens before.
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        let running = other.sessions().await.unwrap();
        assert!(running[0].ended.is_none());
        other.end_session(running[0].session).await.unwrap();
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    assert_eq!(ending.unwrap().code, ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_session_survives_a_network_that_breaks_all_the_time() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    add(&device, "Note", b"Milk").await;
    // Joined and two more: then the socket is gone.
    meddling.cut_after.set(Some(3));
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        assert_eq!(read(&mut viewer, units[0].0).await, b"Milk");
        assert_eq!(read(&mut viewer, units[1].0).await, b"Dear reader");
        // Told by receipts, each once, whether they came by socket or were fetched.
        assert_eq!(user.opening().await, "Note");
        assert_eq!(user.opening().await, "Letter");
        user.does(Command::End);
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    assert_eq!(ending.unwrap().audit.unwrap().openings, 2);
}

/// Whether the user is told that the connection is there, or gone.
async fn connection(user: &mut User) -> bool {
    user.sees(|event| match event {
        Event::Connection { up } => Some(up),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_connection_that_is_found_gone_while_something_is_sent_is_told() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    meddling.deaf.set(true);
    let (_, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        let units = pair(&mut user, &mut viewer).await;
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        assert_eq!(user.opening().await, "Letter");
        meddling.set_down(true);
        user.does(Command::Refuse);
        assert!(!connection(&mut user).await, "nobody listened in vain: what was sent did not go");
        meddling.set_down(false);
        assert!(connection(&mut user).await);
        refused(&mut viewer).await;
        user.does(Command::End);
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
}

#[tokio::test]
async fn what_is_being_made_when_the_network_goes_is_made_when_it_is_back() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let (_, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        *meddling.fall.borrow_mut() = Some("/units/".to_owned());
        let units = pair(&mut user, &mut viewer).await;
        assert!(!connection(&mut user).await);
        assert!(meddling.fall.borrow().is_none(), "control: it went while the record was being made");
        meddling.set_down(false);
        let failed = user.sees(|event| match event {
            Event::Unavailable { code, .. } => Some(Some(code)),
            Event::Ready(_) => Some(None),
            _ => None,
        });
        assert_eq!(failed.await, None, "a person is told of no failure");
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        user.does(Command::End);
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
}

#[tokio::test]
async fn many_records_go_out_in_several_grants() {
    let world = World::start().await;
    let device = world.device("mara").await;
    for number in 0..300 {
        add(&device, &format!("Note {number}"), b"x").await;
    }
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        loop {
            let units = try_session(&mut viewer).await.unwrap();
            if units.len() == 300 {
                // The oldest comes with the last grant and is not made ahead.
                assert_eq!(units[299].1, "Note 0");
                assert_eq!(read(&mut viewer, units[299].0).await, b"x");
                break;
            }
            viewer.next().await;
        }
        user.does(Command::End);
        until_end(&mut viewer).await;
    })
    .await;
    assert!(ending.unwrap().audit.is_some());
}
