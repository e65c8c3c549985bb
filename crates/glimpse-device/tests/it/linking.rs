//! Linking a device: both directions, both forms of the code, through the server and past it; and what goes wrong.

use core::cell::Cell;
use std::rc::Rc;

use glimpse_core::linking::CodeForm;
use glimpse_device::linking::{Command, resume};
use glimpse_device::transport::{Socket, Unreachable};
use glimpse_device::{Device, DeviceError, Local};
use glimpse_wire::pairing::Message;
use glimpse_wire::{ErrorCode, encode};

use crate::family::{Play, Shows, Wire, linked, play, wires};
use crate::world::{PASSPHRASE, World, add, show};

async fn members(device: &Device) -> usize {
    device.sync().await.unwrap();
    device.chain().members().iter().filter(|member| member.until.is_none()).count()
}

#[tokio::test]
async fn a_linked_device_reads_and_writes_what_the_first_does_whichever_shows_the_code() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let before = add(&phone, "Letter", b"Dear reader").await;
    let mut known = 1;
    for shows in [Shows::Adder, Shows::Joiner] {
        for form in [CodeForm::Typed, CodeForm::Qr] {
            let name = format!("{shows:?}-{form:?}");
            let (added, joined) =
                play(&phone, &world.ground(&name), Play { shows, form, name: &name, ..Play::default() }).await;
            let (added, tablet) = (added.unwrap(), joined.unwrap());
            assert_eq!(added.device, tablet.keys().id());
            assert_eq!(added.name, name);
            assert!(added.told && added.held == 0);
            known += 1;
            assert_eq!(members(&phone).await, known);
            assert_eq!(show(&tablet, &before.to_string()).await.unwrap(), b"Dear reader");
            let after = add(&tablet, &name, b"from the tablet").await;
            assert_eq!(show(&phone, &after.to_string()).await.unwrap(), b"from the tablet");
            // It is there after a restart as well, and the others know its name.
            let again = Device::unlock(&world.ground(&name), PASSPHRASE).await.unwrap();
            assert_eq!(show(&again, &after.to_string()).await.unwrap(), b"from the tablet");
            let synced = phone.sync().await.unwrap();
            assert!(phone.devices(&synced).iter().any(|entry| entry.id == added.device && entry.name == name));
        }
    }
}

#[tokio::test]
async fn local_linking_gives_the_server_the_link_and_no_sealed_seed() {
    let world = World::start().await;
    let (phone, meddling) = world.founded_meddled("phone").await;
    phone.sync().await.unwrap();
    let (joiner_ground, joiner_meddling) = world.meddled("tablet");
    for requests in [&meddling, &joiner_meddling] {
        requests.requests.borrow_mut().clear();
        requests.bodies.borrow_mut().clear();
    }
    let (first, second) = wires();
    let (sent_a, sent_b) = (Rc::clone(&first.sent), Rc::clone(&second.sent));
    let local: Option<(Box<dyn Socket>, Box<dyn Socket>)> = Some((Box::new(first), Box::new(second)));
    let (added, joined) = play(&phone, &joiner_ground, Play { local, ..Play::default() }).await;
    assert!(added.unwrap().told);
    joined.unwrap();
    // The message that holds the sealed seed is the largest that the adder sends; it is in what went over the stream.
    let frames: Vec<Vec<u8>> = sent_a.borrow().iter().chain(sent_b.borrow().iter()).cloned().collect();
    let seed = frames.iter().filter(|frame| frame.len() > 1_100).collect::<Vec<_>>();
    assert!(!seed.is_empty(), "control: the seed went over the stream");
    let bodies: Vec<Vec<u8>> =
        meddling.bodies.borrow().iter().chain(joiner_meddling.bodies.borrow().iter()).cloned().collect();
    assert!(!bodies.is_empty(), "control: something went to the server");
    for frame in &frames {
        let middle = &frame[frame.len() / 2..frame.len() / 2 + 16.min(frame.len() / 2)];
        let leaked = bodies.iter().any(|body| middle.len() == 16 && body.windows(16).any(|window| window == middle));
        assert!(!leaked, "a message of the linking reached the server");
    }
    let requests: Vec<String> =
        meddling.requests.borrow().iter().chain(joiner_meddling.requests.borrow().iter()).cloned().collect();
    assert!(requests.iter().any(|request| request == "POST /v1/account/links"), "{requests:?}");
    assert!(
        !requests.iter().any(|request| request.contains("mailboxes") || request.contains("claims")),
        "{requests:?}"
    );
    assert!(meddling.sent.borrow().is_empty() && joiner_meddling.sent.borrow().is_empty());
}

#[tokio::test]
async fn a_decoy_or_a_no_links_nothing() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    type Answer = fn(&str, &[String]) -> Command;
    let cases: [(Answer, ErrorCode); 3] = [
        (
            |right, all| Command::Approve { words: all.iter().find(|words| *words != right).unwrap().clone() },
            ErrorCode::CodeWrong,
        ),
        (|_, _| Command::Approve { words: "zebra zebra".to_owned() }, ErrorCode::CodeWrong),
        (|_, _| Command::Cancel, ErrorCode::Declined),
    ];
    for (place, (answer, code)) in cases.into_iter().enumerate() {
        let ground = world.ground(&format!("tablet-{place}"));
        let (added, joined) = play(&phone, &ground, Play { answer, ..Play::default() }).await;
        assert_eq!(added.unwrap_err().code(), Some(code));
        assert_eq!(joined.unwrap_err().code(), Some(code));
        assert_eq!(members(&phone).await, 1);
        assert!(matches!(Device::unlock(&ground, PASSPHRASE).await, Err(DeviceError::NoAccount)));
        // Nor is there anything to go on with.
        assert!(matches!(resume(&ground, PASSPHRASE).await, Err(DeviceError::NoAccount)));
    }
    // Control: the right words.
    linked(&world, &phone, "tablet").await;
    assert_eq!(members(&phone).await, 2);
}

/// A stream on which every message after the first that comes is an Abort with this reason.
struct Aborting {
    wire: Wire,
    heard: u32,
    code: ErrorCode,
}

impl Socket for Aborting {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        self.wire.send(frame)
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let frame = self.wire.receive().await?;
            self.heard = self.heard.saturating_add(1);
            Some(if self.heard == 1 { frame } else { encode(&Message::Abort { code: self.code }) })
        })
    }
}

#[tokio::test]
async fn t103_no_reason_that_anybody_can_send_asks_who_typed_for_the_same_code_again() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let cases = [
        (ErrorCode::CodeMistyped, ErrorCode::PairingBroken),
        (ErrorCode::ServerUnreachable, ErrorCode::PairingBroken),
        (ErrorCode::RateLimited, ErrorCode::PairingBroken),
        (ErrorCode::Malformed, ErrorCode::PairingBroken),
        (ErrorCode::Declined, ErrorCode::Declined),
        (ErrorCode::CodeExpired, ErrorCode::CodeExpired),
    ];
    for (place, (code, shown)) in cases.into_iter().enumerate() {
        let (first, wire) = wires();
        let local: Option<(Box<dyn Socket>, Box<dyn Socket>)> =
            Some((Box::new(first), Box::new(Aborting { wire, heard: 0, code })));
        let ground = world.ground(&format!("tablet-{place}"));
        let (_, joined) = play(&phone, &ground, Play { local, ..Play::default() }).await;
        assert_eq!(joined.unwrap_err().code(), Some(shown), "{code}");
    }
}

#[tokio::test]
async fn one_machine_is_recognised_when_it_is_linked_twice_and_the_server_does_not_learn_its_number() {
    let world = World::start().await;
    let (phone, meddling) = world.founded_meddled("phone").await;
    for name in ["first", "second", "other"] {
        let serial = if name == "other" { "SN-2" } else { "SN-1-UNMISTAKABLE" };
        let (added, joined) = play(&phone, &world.ground(name), Play { serial, name, ..Play::default() }).await;
        added.unwrap();
        joined.unwrap();
    }
    let synced = phone.sync().await.unwrap();
    let devices = phone.devices(&synced);
    let same = |name: &str| devices.iter().find(|entry| entry.name == name).unwrap().same_machine.len();
    assert_eq!((same("first"), same("second"), same("other")), (1, 1, 0));
    let told =
        |needle: &[u8]| meddling.bodies.borrow().iter().any(|body| body.windows(needle.len()).any(|w| w == needle));
    assert!(told(b"\"link\""), "control: the links went by");
    assert!(!told(b"SN-1-UNMISTAKABLE"));
}

#[tokio::test]
async fn t096_wherever_a_linking_breaks_off_the_account_is_whole_and_the_device_is_in_or_out() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    add(&phone, "Letter", b"Dear reader").await;
    let mut outcomes = Vec::new();
    for frames in 0..=12 {
        let name = format!("tablet-{frames}");
        let ground = world.ground(&name);
        let (mut first, mut second) = wires();
        let left = Rc::new(Cell::new(frames));
        (first.left, second.left) = (Some(Rc::clone(&left)), Some(left));
        let local: Option<(Box<dyn glimpse_device::transport::Socket>, Box<dyn glimpse_device::transport::Socket>)> =
            Some((Box::new(first), Box::new(second)));
        let before = members(&phone).await;
        let (added, joined) = play(&phone, &ground, Play { local, name: &name, ..Play::default() }).await;
        // Whatever happened, the next listing mends what this device owes.
        phone.listing().await.unwrap();
        let after = members(&phone).await;
        let unlocked = match Device::unlock(&ground, PASSPHRASE).await {
            Ok(device) => Some(device),
            Err(DeviceError::NoAccount) => match resume(&ground, PASSPHRASE).await {
                Ok(device) => Some(device),
                Err(DeviceError::NoAccount) => None,
                Err(error) => panic!("after {frames} frames: {error:?}"),
            },
            Err(error) => panic!("after {frames} frames: {error:?}"),
        };
        assert_eq!(unlocked.is_some(), after == before + 1, "after {frames} frames");
        if let Some(device) = &unlocked {
            let listing = device.listing().await.unwrap();
            assert_eq!(listing.len(), 1, "after {frames} frames");
        }
        outcomes.push((added.is_ok(), joined.is_ok(), unlocked.is_some()));
    }
    assert_eq!(outcomes.first(), Some(&(false, false, false)), "control: it breaks");
    assert_eq!(outcomes.last(), Some(&(true, true, true)), "control: and it works");
    assert!(outcomes.iter().any(|(_, joined, in_account)| !joined && *in_account), "a device was mended: {outcomes:?}");
}

#[tokio::test]
async fn of_two_linkings_in_one_home_one_takes_it_and_the_other_spoils_nothing() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let ground = world.ground("tablet");
    let meanwhile = Box::pin(async {
        let (added, joined) = play(&phone, &ground, Play::default()).await;
        added.unwrap();
        joined.unwrap();
    });
    let (_, joined) = play(&phone, &ground, Play { shows: Shows::Joiner, meanwhile, ..Play::default() }).await;
    assert!(matches!(joined, Err(DeviceError::Overtaken)), "{joined:?}");
    let tablet = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    add(&tablet, "Letter", b"Dear reader").await;
    assert_eq!(phone.listing().await.unwrap().len(), 1, "control: the tablet works as the one that took the home");
}
