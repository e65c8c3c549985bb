//! What others brought waits in the inbox, as one entry, until the person decides about it.

use glimpse_core::keys::WriterKeys;
use glimpse_device::Device;
use glimpse_device::native::Machine;
use glimpse_device::publish::NewContent;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::writer::Writer;
use glimpse_wire::record::Meta;
use glimpse_wire::{RecordId, UnixMillis};
use serde_json::{Value, json};

use crate::family::{beside, linked};
use crate::world::{Hand, World, on_one_thread, row};

/// A writer of a new key writes to the account.
async fn write(world: &World, device: &Device, from: &str, title: &str, bytes: &[u8]) -> RecordId {
    write_dated(world, device, from, title, bytes, UnixMillis(1_790_000_000_000)).await
}

/// The same with the date that the writer would have on it.
pub(crate) async fn write_dated(
    world: &World,
    device: &Device,
    from: &str,
    title: &str,
    bytes: &[u8],
    created: UnixMillis,
) -> RecordId {
    let ground = world.ground("writer");
    let keys = WriterKeys::generate(&mut SystemRng(&Machine::new()));
    let meta = Meta {
        title: title.to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: from.to_owned(),
        created,
    };
    let length = u64::try_from(bytes.len()).unwrap();
    let content = NewContent { meta, length, content: &mut &*bytes, progress: &mut |_| {} };
    Writer::new(ground.transport, ground.machine, keys).write(&device.card(), content).await.unwrap()
}

fn held(shown: &Value) -> &Value {
    &shown["inbox"]["shown"]["held"]
}

/// Looks until so many wait.
async fn waits(hand: &Hand, count: usize) -> Value {
    hand.does(json!({ "type": "refresh" }));
    hand.until(|shown| shown["inbox"]["waiting"] == count && shown["busy"].is_null()).await
}

fn of(shown: &Value, title: &str) -> Value {
    let rows = shown["list"]["rows"].as_array().unwrap();
    rows.iter().find(|row| row["title"] == title).cloned().unwrap_or(Value::Null)
}

#[tokio::test]
async fn one_that_is_approved_stays_one_that_is_rejected_goes_and_another_device_sees_both() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let device = beside(&world, "mara").await;
        drop(linked(&world, &device, "Tablet").await);
        write(&world, &device, "Clinic\u{202E}", "Result", b"4.2 mmol/l").await;
        write(&world, &device, "Shop", "Advert", b"Buy!").await;
        hand.goes("inbox");
        let shown = waits(&hand, 2).await;
        let shown =
            if held(&shown)["waiting"] == 2 { shown } else { hand.until(|shown| held(shown)["waiting"] == 2).await };
        assert_eq!(held(&shown)["rows"].as_array().unwrap().len(), 2);
        assert!(!shown.to_string().contains('\u{202E}'), "a name draws nothing but itself");

        // Nothing is decided about what is not open, and nothing is approved that is not shown.
        hand.does(json!({ "type": "held", "act": "approve" }));
        hand.does(json!({ "type": "held", "act": "reject" }));
        let result = row(&shown, "Result").unwrap();
        hand.goes("records");
        hand.does(json!({ "type": "open", "unit": result }));
        hand.does(json!({ "type": "held", "act": "approve" }));
        let shown = hand.until(|shown| shown["record"]["phase"] == "shown").await;
        let began = |what: &str| hand.snapshots().iter().any(|shown| shown["busy"]["what"] == what);
        assert!(!began("approving") && !began("rejecting"));
        assert_eq!((&shown["record"]["waits"], &shown["record"]["approved"]), (&json!(true), &json!(false)));
        assert_eq!(hand.content(), b"4.2 mmol/l");
        assert_eq!(waits(&hand, 2).await["inbox"]["waiting"], 2);
        hand.does(json!({ "type": "held", "act": "approve" }));
        let shown = hand.until(|shown| shown["record"]["approved"] == true && shown["busy"].is_null()).await;
        assert_eq!((&shown["record"]["waits"], &of(&shown, "Result")["approved"]), (&json!(false), &json!(true)));
        assert!(shown["record"]["author"].as_str().unwrap().starts_with("Clinic"));
        assert!(began("approving"), "control");
        // Once more says nothing, and does no harm.
        hand.does(json!({ "type": "held", "act": "approve" }));
        assert_eq!(hand.trouble().await, "conflict");
        hand.does(json!({ "type": "dismiss" }));

        let advert = row(&hand.now(), "Advert").unwrap();
        hand.does(json!({ "type": "close" }));
        hand.does(json!({ "type": "open", "unit": advert }));
        hand.until(|shown| shown["record"]["phase"] == "shown").await;
        hand.does(json!({ "type": "held", "act": "reject" }));
        let shown = hand.until(|shown| shown["busy"].is_null() && row(shown, "Advert").is_none()).await;
        assert!(shown["record"].is_null());
        assert_eq!(waits(&hand, 0).await["list"]["total"], 1);

        let tablet = world.phone("Tablet");
        tablet.unlocks().await;
        let seen = tablet.until(|shown| shown["fresh"] == true && shown["list"]["total"] == 1).await;
        assert_eq!(of(&seen, "Result")["approved"], true);
        // What the owner's own is, is nobody's to decide about.
        hand.adds("Letter", b"Dear reader").await;
        assert_eq!(of(&hand.now(), "Letter")["author"], Value::Null, "control");
    })
    .await;
}

/// Row 35 of the catalogue, for writers: a hundred records that wait are one entry, and one act rejects them all.
#[tokio::test]
async fn t035_a_hundred_that_wait_are_one_entry_and_ask_nothing() {
    let world = World::start_with(|settings| {
        settings.limits.submissions_per_writer = 100_000;
        settings.limits.submissions_per_address = 100_000;
    })
    .await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        let device = beside(&world, "mara").await;
        for number in 0..105 {
            write(&world, &device, "Shop", &format!("Advert {number}"), b"Buy!").await;
        }
        let before = hand.snapshots().len();
        waits(&hand, 105).await;
        hand.goes("inbox");
        let shown = hand.until(|shown| held(shown)["waiting"] == 105).await;
        assert_eq!(held(&shown)["rows"].as_array().unwrap().len(), 100, "a list with an end");
        assert_eq!(shown["inbox"]["shown"]["notices"].as_array().unwrap().len(), 0, "none of them is a notice");
        let asked = hand.snapshots()[before..].iter().filter(|shown| !shown["record"].is_null()).count();
        assert_eq!(asked, 0, "nothing opens by itself");
        hand.does(json!({ "type": "held", "act": "reject-all" }));
        hand.until(|shown| shown["busy"].is_null() && shown["inbox"]["waiting"] == 0).await;
        assert_eq!(hand.until(|shown| shown["list"]["total"] == 0).await["trouble"], Value::Null);
    })
    .await;
}
