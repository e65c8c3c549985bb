//! The device under attack: THREATS rows on its side, each with its control.

use core::cell::Cell;
use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_core::code::PairingCode;
use glimpse_core::viewer::Input;
use glimpse_device::lend::{Command, Event};
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Device, DeviceError, Ground, Local};
use glimpse_wire::pairing::{Message, Purpose};
use glimpse_wire::{ErrorCode, UnixMillis, decode};

use crate::lending::{User, lend, pair, plan, read, receiver, try_session, try_words};
use crate::meddling::Hurried;
use crate::world::{PASSPHRASE, World, add};

/// A code for the same mailbox with another secret: what a guess looks like.
fn guess(code: &str) -> String {
    let digits: Vec<u32> = code.chars().filter_map(|digit| digit.to_digit(10)).collect();
    for change in 1..100 {
        let mut other = digits.clone();
        let last = other.len() - 1;
        other[last - 1] = (other[last - 1] + change % 10) % 10;
        other[last] = change / 10;
        let text: String = other.iter().map(|digit| char::from_digit(*digit, 10).unwrap()).collect();
        if other != digits && PairingCode::parse(&text, Purpose::View).is_ok() {
            return text;
        }
    }
    panic!("a code has neighbours");
}

async fn wrong_guess(world: &World, device: &Device) -> Result<(), DeviceError> {
    let (ending, code) = lend(device, plan(device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(world);
        let code = user.code().await;
        viewer.input(Input::Code(guess(&code))).await;
        assert!(try_words(&mut viewer).await.is_err());
        code
    })
    .await;
    assert_eq!(ending.as_ref().unwrap_err().code(), Some(ErrorCode::CodeWrong));
    // The right code, after the wrong guess.
    let mut viewer = receiver(world);
    viewer.input(Input::Code(code)).await;
    assert!(matches!(try_words(&mut viewer).await, Err(ErrorCode::CodeUsed | ErrorCode::CodeUnknown)));
    Ok(())
}

#[tokio::test]
async fn t002_one_wrong_guess_burns_the_code() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    wrong_guess(&world, &device).await.unwrap();
    assert!(device.sessions().await.unwrap().is_empty());
    // Control: the right code first, and the words appear.
    let (_, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        viewer.input(Input::Code(user.code().await)).await;
        assert!(try_words(&mut viewer).await.is_ok());
        user.does(Command::Decline);
    })
    .await;
}

#[tokio::test]
async fn t003_a_second_browser_on_one_code_is_turned_away() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let code = user.code().await;
        let (mut first, mut second) = (receiver(&world), receiver(&world));
        first.input(Input::Code(code.clone())).await;
        // Control: the first gets through.
        let words = try_words(&mut first).await.unwrap();
        second.input(Input::Code(code)).await;
        assert_eq!(try_words(&mut second).await, Err(ErrorCode::Crowded));
        let mut offered = false;
        user.sees(|event| {
            offered |= matches!(event, Event::Peer { .. });
            matches!(event, Event::Crowded).then_some(())
        })
        .await;
        if !offered {
            user.peer().await;
        }
        user.approves(&words);
        assert_eq!(try_session(&mut first).await.unwrap().len(), 1);
        user.does(Command::End);
    })
    .await;
    assert!(ending.is_ok());
}

#[tokio::test]
async fn t005_failures_are_counted_here_and_a_restart_or_a_clock_does_not_forget_them() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    for _ in 0..3 {
        wrong_guess(&world, &device).await.unwrap();
    }
    // The server knows nothing of the count, and starting again or setting the clock back changes nothing.
    let hurried = Rc::new(Hurried::new(1));
    hurried.offset.set(-86_400_000);
    for ground in [world.ground("mara"), Ground { machine: hurried, ..world.ground("mara") }] {
        let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
        let (_commands, mut todo) = futures_channel::mpsc::unbounded();
        let refused = device.lend(plan(&device, 600_000).await, &mut todo, &mut |event| panic!("{event:?}")).await;
        assert!(matches!(refused, Err(DeviceError::Paused { .. })), "{refused:?}");
    }
    // Control: without the file that counts, lending goes on.
    std::fs::remove_file(world.home("mara").join("attempts.cbor")).unwrap();
    let (ending, _) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        user.code().await;
        user.does(Command::Cancel);
    })
    .await;
    assert_eq!(ending.unwrap_err().code(), Some(ErrorCode::Declined));
}

#[tokio::test]
async fn t006_nothing_but_the_answer_leaves_before_the_code_is_proved_and_no_grant_before_the_yes() {
    let world = World::start().await;
    let (device, meddling) = world.founded_meddled("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let kinds = || -> Vec<&'static str> {
        let sent = meddling.sent.borrow();
        let kind = |message: &Vec<u8>| match decode::<Message>(message, 1 << 20).unwrap() {
            Message::Answer { .. } => "answer",
            Message::ConfirmB { .. } => "confirm",
            Message::Grant(_) => "grant",
            Message::Live { .. } => "live",
            Message::Abort { .. } => "abort",
            Message::Hello { .. } | Message::ConfirmA { .. } => "a viewer's",
        };
        sent.iter().map(kind).collect()
    };
    let registers = || meddling.requests.borrow().iter().filter(|path| path.as_str() == "POST /v1/sessions").count();
    // A wrong guess: the answer, and why it is over.
    wrong_guess(&world, &device).await.unwrap();
    assert_eq!(kinds(), ["answer", "abort"]);
    meddling.sent.borrow_mut().clear();
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        let code = user.code().await;
        meddling.requests.borrow_mut().clear();
        viewer.input(Input::Code(code)).await;
        assert!(kinds().is_empty());
        let words = try_words(&mut viewer).await.unwrap();
        user.peer().await;
        assert_eq!(kinds(), ["answer", "confirm"]);
        assert_eq!(
            *meddling.requests.borrow(),
            Vec::<String>::new(),
            "between code and yes nothing is asked of the server"
        );
        user.approves(&words);
        let units = try_session(&mut viewer).await.unwrap();
        assert_eq!(read(&mut viewer, units[0].0).await, b"Dear reader");
        // Control: the same eyes see the grant once the user said yes.
        assert_eq!((kinds()[2], registers()), ("grant", 1));
        user.does(Command::End);
    })
    .await;
    assert!(ending.is_ok());
}

/// A machine whose monotonic clock can be moved on, and whose wall clock anyone may set.
struct Stepped {
    machine: Machine,
    ahead: Cell<u64>,
    offset: Cell<i64>,
}

impl Surroundings for Stepped {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.machine.now().0.saturating_add_signed(self.offset.get()))
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

#[tokio::test]
async fn t015_an_old_code_is_refused_whatever_the_server_and_the_wall_clock_say() {
    let world = World::start().await;
    world.device("mara").await;
    // Two minutes by the device's own clock, less what the test itself takes. Control: a little before, it pairs.
    for (ahead, expected) in [(121_000, Some(ErrorCode::CodeExpired)), (100_000, None)] {
        let (ground, meddling) = world.meddled("mara");
        let machine = Rc::new(Stepped { machine: Machine::new(), ahead: Cell::new(0), offset: Cell::new(0) });
        let device = Device::unlock(&Ground { machine: machine.clone(), ..ground }, PASSPHRASE).await.unwrap();
        if expected.is_some() {
            add(&device, "Letter", b"Dear reader").await;
        }
        // The server says that this code is good for an hour more: its "now" is an hour before its "expires".
        *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
            if path != "/v1/mailboxes" {
                return body;
            }
            let mut mailbox: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let now = mailbox["now"].as_u64().unwrap();
            mailbox["now"] = (now - 3_600_000).into();
            serde_json::to_vec(&mailbox).unwrap()
        }));
        let (ending, outcome) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
            let code = user.code().await;
            machine.ahead.set(ahead);
            machine.offset.set(-86_400_000);
            let mut viewer = receiver(&world);
            viewer.input(Input::Code(code)).await;
            let outcome = try_words(&mut viewer).await.err();
            user.does(Command::Decline);
            outcome
        })
        .await;
        assert_eq!(outcome, expected, "{ahead}");
        assert_eq!(ending.unwrap_err().code(), Some(expected.unwrap_or(ErrorCode::Declined)), "{ahead}");
    }
}

#[tokio::test]
async fn t019_a_code_that_led_to_a_session_leads_nowhere_again() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let (mut viewer, mut second) = (receiver(&world), receiver(&world));
        let code = user.code().await;
        viewer.input(Input::Code(code.clone())).await;
        let words = try_words(&mut viewer).await.unwrap();
        user.peer().await;
        user.approves(&words);
        // Control: the first browser is in.
        assert!(try_session(&mut viewer).await.is_ok());
        second.input(Input::Code(code)).await;
        assert_eq!(try_words(&mut second).await, Err(ErrorCode::CodeUsed));
        // The person is told, and the session goes on until the person ends it.
        user.sees(|event| matches!(event, Event::Crowded).then_some(())).await;
        user.does(Command::End);
    })
    .await;
    assert!(ending.is_ok());
}

/// Where a lending is broken off.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Code,
    Peer,
    WrongWords,
    NoWords,
    Decline,
}

#[tokio::test]
async fn t020_wherever_it_is_broken_off_nothing_stays_open() {
    let world = World::start().await;
    let device = world.device("mara").await;
    add(&device, "Letter", b"Dear reader").await;
    for step in [Step::Code, Step::Peer, Step::WrongWords, Step::NoWords, Step::Decline] {
        let (ending, code) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
            let mut viewer = receiver(&world);
            let code = user.code().await;
            if step == Step::Code {
                user.does(Command::Cancel);
                return code;
            }
            viewer.input(Input::Code(code.clone())).await;
            let words = try_words(&mut viewer).await.unwrap();
            let offered = user.peer().await;
            let decoy = offered.into_iter().find(|pair| *pair != words).unwrap();
            let (command, expected) = match step {
                Step::Code | Step::Peer => (Command::Cancel, ErrorCode::Declined),
                Step::Decline => (Command::Decline, ErrorCode::Declined),
                Step::WrongWords => (Command::Approve { words: decoy, millis: None, save: None }, ErrorCode::CodeWrong),
                Step::NoWords => {
                    (Command::Approve { words: String::new(), millis: None, save: None }, ErrorCode::CodeWrong)
                }
            };
            user.does(command);
            assert_eq!(try_session(&mut viewer).await, Err(expected), "{step:?}: the other screen says why");
            code
        })
        .await;
        assert!(ending.is_err(), "{step:?}");
        assert!(device.sessions().await.unwrap().is_empty(), "{step:?}");
        let mut late = receiver(&world);
        late.input(Input::Code(code)).await;
        assert!(try_words(&mut late).await.is_err(), "{step:?}: the code is gone");
    }
    // Control: not broken off, it leads to a session.
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        pair(&mut user, &mut receiver(&world)).await;
        user.does(Command::End);
    })
    .await;
    assert!(ending.is_ok());
}

#[tokio::test]
async fn silence_means_no() {
    let world = World::start().await;
    world.device("mara").await;
    let ground = Ground { machine: Rc::new(Hurried::new(100)), ..world.ground("mara") };
    let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    add(&device, "Letter", b"Dear reader").await;
    // Nobody types the code.
    let (ending, _) = lend(&device, plan(&device, 600_000).await, async |mut user: User| user.code().await).await;
    assert_eq!(ending.unwrap_err().code(), Some(ErrorCode::CodeExpired));
    // Nobody answers the question.
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        viewer.input(Input::Code(user.code().await)).await;
        try_words(&mut viewer).await.unwrap();
        user.peer().await;
        assert_eq!(try_session(&mut viewer).await, Err(ErrorCode::ApprovalTimedOut));
    })
    .await;
    assert_eq!(ending.unwrap_err().code(), Some(ErrorCode::ApprovalTimedOut));
    assert!(device.sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_dies_ends_the_session_here() {
    let mut world = World::start().await;
    world.device("mara").await;
    let ground = Ground { machine: Rc::new(Hurried::new(20)), ..world.ground("mara") };
    let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    add(&device, "Letter", b"Dear reader").await;
    let plan = plan(&device, 60_000).await;
    let mut viewer = receiver(&world);
    let (ending, ()) = lend(&device, plan, async |mut user: User| {
        pair(&mut user, &mut viewer).await;
        world.server.kill();
        user.does(Command::End);
    })
    .await;
    let ending = ending.unwrap();
    assert!(!ending.told, "nobody was there to be told");
}
