//! New records and new versions, as the screen of a new record makes them.

use glimpse_device::Device;
use glimpse_device::publish::NewContent;
use glimpse_phone::NewFile;
use glimpse_wire::UnixMillis;
use serde_json::{Value, json};

use crate::family::beside;
use crate::world::{Hand, World, on_one_thread, row};

/// A file, as the page's picker gives it.
pub(crate) fn file(title: &str, replaces: Option<&str>, bytes: &'static [u8]) -> NewFile {
    NewFile {
        title: title.to_owned(),
        file_name: String::new(),
        modified: UnixMillis(1_790_000_000_000),
        tags: Vec::new(),
        never_lend: false,
        sensitive: true,
        replaces: replaces.map(|record| record.parse().unwrap()),
        length: u64::try_from(bytes.len()).unwrap(),
        open: Box::new(move || Box::new(bytes)),
    }
}

fn heart_rate(value: &str) -> Value {
    let measured =
        json!({ "measure": "heart-rate", "unit": "per-minute", "values": [value], "at": "2026-11-25T07:30:00+01:00" });
    json!({ "type": "measure", "title": "Pulse", "measured": measured })
}

/// Opens a record and begins a new version of it.
async fn replaces(hand: &Hand, unit: &str) -> Value {
    hand.does(json!({ "type": "open", "unit": unit }));
    hand.until(|shown| shown["record"]["phase"] == "shown").await;
    hand.does(json!({ "type": "replace" }));
    hand.until(|shown| shown["screen"] == "add" && shown["busy"].is_null()).await
}

async fn content(hand: &Hand, unit: &str) -> String {
    hand.does(json!({ "type": "open", "unit": unit }));
    hand.until(|shown| shown["record"]["phase"] == "shown").await;
    String::from_utf8(hand.content()).unwrap()
}

#[tokio::test]
async fn a_text_is_edited_and_the_next_version_takes_its_place() {
    on_one_thread(async {
        let world = World::start().await;
        let hand = world.founded("phone").await;
        let unit = hand.adds("Allergies", b"nuts").await;
        let shown = replaces(&hand, &unit).await;
        assert_eq!(shown["draft"]["replaces"], unit.as_str());
        assert_eq!(shown["draft"]["title"], "Allergies");
        assert_eq!(shown["draft"]["text"], "nuts");
        assert_eq!(shown["draft"]["measure"], Value::Null);
        hand.phone.add(file("Allergies and diet", Some(&unit), b"nuts, milk"));
        let shown = hand.until(|shown| row(shown, "Allergies and diet").is_some() && shown["busy"].is_null()).await;
        assert_eq!(shown["list"]["total"], 1, "it took the place of the other");
        assert_eq!(row(&shown, "Allergies and diet"), Some(unit.clone()));
        assert_eq!(content(&hand, &unit).await, "nuts, milk");
        // What was drafted is gone with the screen; what the new version says of itself is offered the next time.
        hand.goes("add");
        assert_eq!(hand.screen("add").await["draft"]["replaces"], Value::Null);
        hand.goes("records");
        assert_eq!(replaces(&hand, &unit).await["draft"]["sensitive"], true);
    })
    .await;
}

#[tokio::test]
async fn a_measurement_is_a_record_and_the_next_one_is_put_to_it() {
    on_one_thread(async {
        let world = World::start().await;
        let hand = world.founded("phone").await;
        hand.goes("add");
        let shown = hand.screen("add").await;
        assert_eq!(shown["draft"]["measures"][0]["name"], "blood-pressure");
        hand.does(heart_rate("700"));
        assert_eq!(hand.trouble().await, "measure-range");
        hand.does(heart_rate("64"));
        hand.until(|shown| row(shown, "Pulse").is_some() && shown["busy"].is_null()).await;
        let unit = row(&hand.now(), "Pulse").unwrap();
        assert_eq!(replaces(&hand, &unit).await["draft"]["measure"], "heart-rate");
        hand.does(heart_rate("71.5"));
        hand.until(|shown| shown["screen"] == "records" && shown["busy"].is_null() && shown["fresh"] == true).await;
        let points: Vec<Value> = serde_json::from_str(&content(&hand, &unit).await).unwrap();
        let values: Vec<f64> =
            points.iter().map(|point| point["body"]["heart_rate"]["value"].as_f64().unwrap()).collect();
        assert_eq!(values, [64.0, 71.5]);
        assert_eq!(hand.now()["list"]["total"], 1);
    })
    .await;
}

/// Another device was faster: the version of neither is lost, and trying again goes on from what stands there.
#[tokio::test]
async fn two_devices_that_measure_at_once_lose_nothing() {
    on_one_thread(async {
        let world = World::start().await;
        let hand = world.founded("phone").await;
        hand.goes("add");
        hand.does(heart_rate("64"));
        hand.until(|shown| row(shown, "Pulse").is_some() && shown["busy"].is_null()).await;
        let unit = row(&hand.now(), "Pulse").unwrap();
        replaces(&hand, &unit).await;
        let other = beside(&world, "phone").await;
        puts(&other, &unit, br#"[{"theirs":1}]"#).await;
        hand.does(heart_rate("71"));
        hand.until(|shown| shown["screen"] == "records" && shown["busy"].is_null()).await;
        let points: Vec<Value> = serde_json::from_str(&content(&hand, &unit).await).unwrap();
        assert_eq!(points[0], json!({ "theirs": 1 }));
        assert_eq!(points[1]["body"]["heart_rate"]["value"], 71);

        // A text that is typed anew goes on from nothing: it takes the place of another's only when the person knows.
        replaces(&hand, &unit).await;
        puts(&other, &unit, b"[2]").await;
        hand.phone.add(file("Pulse", Some(&unit), b"[]"));
        assert_eq!(hand.trouble().await, "draft-overtaken");
        assert_eq!(hand.now()["screen"], "add", "what was typed still stands there");
        hand.phone.add(file("Pulse", Some(&unit), b"[]"));
        hand.until(|shown| shown["screen"] == "records" && shown["busy"].is_null()).await;
        assert_eq!(content(&hand, &unit).await, "[]");
    })
    .await;
}

/// Another device makes the next version of a record.
async fn puts(device: &Device, unit: &str, mut bytes: &[u8]) {
    let listing = device.listing().await.unwrap();
    let entry = listing.find(unit).unwrap();
    let meta = entry.meta.clone().unwrap();
    let length = u64::try_from(bytes.len()).unwrap();
    let new = NewContent { meta, length, content: &mut bytes, progress: &mut |_| {} };
    device.put(entry, new).await.unwrap();
}
