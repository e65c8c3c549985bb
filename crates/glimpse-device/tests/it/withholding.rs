//! Fields that are withheld: chosen in one version of a record, and cut out of no other.

use glimpse_core::record::OpenedVersion;
use glimpse_core::viewer::{Input, State};
use glimpse_device::Device;
use glimpse_device::lend::{Audience, Command, Event, FieldChoice, Plan, Withheld};
use glimpse_device::receive::Receiver;
use glimpse_wire::{ErrorCode, RecordId};

use crate::lending::{lend, pair, read, receiver, until_end};
use crate::world::{World, add, content};

/// In the second version, what lies where the secret lay is something else.
const FIRST: &[u8] = b"{\"secret\":\"delphinium\",\"shown\":\"rose\"}";
const SECOND: &[u8] = b"{\"shown\":\"rose and aster\",\"secret\":\"delphinium\"}";

async fn newest(device: &Device, record: RecordId) -> OpenedVersion {
    let listing = device.listing().await.unwrap();
    let opened = device.open_entries(&[listing.find(&record.to_string()).unwrap()]).await.unwrap();
    opened.into_iter().next().unwrap()
}

async fn replace(device: &Device, record: RecordId, bytes: &[u8]) {
    let listing = device.listing().await.unwrap();
    let entry = listing.find(&record.to_string()).unwrap();
    device.put(entry, content("Card", &mut &*bytes, &mut |_| {})).await.unwrap();
}

/// One stretch that is cut out.
fn stretch(of: std::ops::Range<u64>) -> Vec<std::ops::Range<u64>> {
    std::iter::once(of).collect()
}

fn chosen(version: &OpenedVersion) -> FieldChoice {
    let mut choice = FieldChoice::of(version);
    choice.add("/secret".to_owned());
    choice
}

/// Out of the first version: the secret, with the comma behind it.
fn out_of_first(version: &OpenedVersion) -> Withheld {
    chosen(version).cut(version, stretch(1..23), 1).unwrap()
}

fn plan(records: Vec<OpenedVersion>, withheld: Vec<Withheld>) -> Plan {
    Plan { to: Audience::OwnScreen, records, save: false, millis: 600_000, site: None, withheld }
}

/// What the viewer gets of the only record of this title.
async fn reads(viewer: &mut Receiver, title: &str) -> String {
    let unit = loop {
        if let State::Session(running) = viewer.state()
            && let Some((unit, _)) = running.units().find(|(_, unit)| unit.meta.title == title)
        {
            break unit;
        }
        viewer.next().await;
    };
    String::from_utf8(read(viewer, unit).await).unwrap()
}

#[tokio::test]
async fn t061_what_was_chosen_in_one_version_is_cut_out_of_no_other() {
    let world = World::start().await;
    let device = world.device("mara").await;
    let record = add(&device, "Card", FIRST).await;
    let first = newest(&device, record).await;
    let choice = chosen(&first);
    // Control: out of the version in which it was chosen it is cut.
    let before = out_of_first(&first);
    assert!(choice.is_of(&first) && before.fields() == 1);
    assert_eq!(plan(vec![first], vec![before.clone()]).check(), Ok(()));

    replace(&device, record, SECOND).await;
    let second = newest(&device, record).await;
    assert!(!choice.is_of(&second));
    assert_eq!(choice.cut(&second, stretch(1..23), 1), Err(ErrorCode::Conflict));
    // Stretches of the first version do not get at the second one either.
    let (ended, shown) = lend(&device, plan(vec![second], vec![before.clone()]), async |mut user| {
        let mut shown = 0;
        while user.sees_any().await.is_some() {
            shown += 1;
        }
        shown
    })
    .await;
    assert_eq!((ended.unwrap_err().code(), shown), (Some(ErrorCode::Conflict), 0), "no code was shown");

    // Another record is lent, and this one is to follow.
    let other = add(&device, "Letter", b"Dear reader").await;
    let letter = newest(&device, other).await;
    let (ending, ()) = lend(&device, plan(vec![letter], Vec::new()), async |mut user| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        user.does(Command::Add { records: vec![record], withheld: vec![before] });
        let refused = user.sees(|event| match event {
            Event::NotChanged(error) => Some(error.code()),
            Event::Changed { .. } => panic!("it was lent"),
            _ => None,
        });
        assert_eq!(refused.await, Some(ErrorCode::Conflict));
        // Control: chosen in the version that is there.
        let second = newest(&device, record).await;
        let withheld = vec![chosen(&second).cut(&second, stretch(25..47), 1).unwrap()];
        user.does(Command::Add { records: vec![record], withheld });
        user.sees(|event| matches!(event, Event::Changed { .. }).then_some(())).await;
        assert_eq!(reads(&mut viewer, "Card").await, "{\"shown\":\"rose and aster\"}");
        viewer.input(Input::End).await;
        assert_eq!(until_end(&mut viewer).await, ErrorCode::SessionEnded);
    })
    .await;
    assert!(ending.unwrap().audit.is_some());
}
