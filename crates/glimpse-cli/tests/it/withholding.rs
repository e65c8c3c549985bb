//! Fields that are withheld: named by `show --fields`, cut out by `lend --withhold`, and counted in what both ends keep.

use serde_json::{Value, json};

use crate::world::{Program, World};

const CARD: &str = "{\n  \"name\": \"Ada Lovelace\",\n  \"city\": \"Ulm\",\n  \"born\": 1815\n}\n";

/// From the code to the session; gives the viewer and its grant.
fn looks(world: &World, lending: &mut Program) -> (Program, Value) {
    let code = lending.event("code")["code"].as_str().unwrap().to_owned();
    let mut viewer = world.program(&["receive", &code]);
    let words = viewer.event("words")["words"].clone();
    lending.event("peer");
    lending.does(&json!({ "do": "approve", "words": words }));
    let granted = viewer.event("granted");
    (viewer, granted)
}

fn content(viewer: &mut Program, unit: &Value) -> String {
    viewer.does(&json!({ "do": "open", "unit": unit }));
    viewer.event("content")["text"].as_str().unwrap().to_owned()
}

#[test]
fn t061_a_withheld_field_reaches_nobody_and_both_ends_know_how_many() {
    let world = World::start();
    let id = world.add(&world.file("card.json", CARD));
    let table = world.add(&world.file("visits.csv", "day,who,why\n1,Ada,cough\n2,Ben,fall\n"));
    let named = world.events(&["show", &id, "--fields"]);
    let pointers: Vec<&str> = named.iter().filter_map(|event| event["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/name", "/city", "/born"]);
    assert_eq!(named.last().unwrap()["fields"], 3);

    let mut lending =
        world.program(&["lend", &id, "--withhold", &format!("{id}:/name"), "--withhold", &format!("{id}:/born")]);
    let (mut viewer, granted) = looks(&world, &mut lending);
    assert_eq!(lending.last("code")["records"][0]["withheld"], 2, "the person sees it before the yes");
    let record = &granted["records"][0];
    assert_eq!(content(&mut viewer, &record["unit"]), "{\n  \"city\": \"Ulm\"\n}\n");
    assert_eq!((&record["withheld"], &record["bytes"]), (&json!(2), &json!(20)), "its length is that of what is left");
    let mirrored = lending.event("granted");
    assert_eq!((&mirrored["records"][0]["withheld"], &mirrored["records"][0]["bytes"]), (&json!(2), &json!(20)));

    // One more, on request: without a column, and one that is not there changes nothing.
    lending.does(&json!({ "do": "add", "records": [table], "withhold": [format!("{table}:/nobody")] }));
    assert_eq!(lending.event("error")["code"], "withhold-no-such-field");
    lending.does(&json!({ "do": "add", "records": [table], "withhold": [format!("{table}:/who")] }));
    let added = lending.event("changed");
    assert_eq!(added["records"].as_array().map(Vec::len), Some(1), "the one before was not lent: {added}");
    let seen = viewer.event("changed");
    let unit = seen["records"].as_array().unwrap().iter().find(|record| record["title"] == "visits").unwrap();
    assert_eq!(unit["withheld"], 1);
    assert_eq!(content(&mut viewer, &unit["unit"]), "day,why\n1,cough\n2,fall\n");
    lending.does(&json!({ "do": "end" }));
    let session = lending.event("ended")["session"].as_str().unwrap().to_owned();
    let log = world.events(&["receipts", &session]);
    let terms: Vec<&Value> =
        log.iter().filter(|event| event["what"] == "granted").map(|event| &event["withheld"]).collect();
    assert_eq!(terms, [2, 1]);
    assert_eq!((&log.last().unwrap()["withheld"], &log.last().unwrap()["verified"]), (&json!(3), &json!(true)));

    // Positive control: whole, it is there.
    let mut lending = world.program(&["lend", &id]);
    let (mut viewer, granted) = looks(&world, &mut lending);
    assert_eq!(content(&mut viewer, &granted["records"][0]["unit"]), CARD);
    assert_eq!(granted["records"][0]["withheld"], 0);
}

#[test]
fn what_cannot_be_withheld_is_named_and_nothing_is_lent() {
    let world = World::start();
    let card = world.add(&world.file("card.json", CARD));
    let letter = world.add(&world.file("letter.txt", "Dear Ada"));
    let twice = world.add(&world.file("twice.json", "{\"a\":1,\"a\":2,\"b\":3}"));
    let ragged = world.add(&world.file("ragged.csv", "a,b\n1,2\n3,4,5\n6,7\n8,9\n0,1\n2,3\n"));
    let large = world.add(&world.file("large.json", format!("{{\"a\":1,\"b\":\"{}\"}}", "x".repeat(9 * 1024 * 1024))));
    let refusals = [
        (&card, format!("{card}:/nobody"), "withhold-no-such-field", 4),
        (&card, format!("{card}:name"), "withhold-no-pointer", 2),
        (&card, format!("{card}:/~x"), "withhold-no-pointer", 2),
        (&card, format!("{letter}:/a"), "withhold-not-lent", 2),
        (&letter, format!("{letter}:/a"), "withhold-no-fields", 2),
        (&twice, format!("{twice}:/b"), "withhold-named-twice", 2),
        (&ragged, format!("{ragged}:/a"), "withhold-ragged", 2),
        (&large, format!("{large}:/a"), "withhold-large", 9),
    ];
    for (record, wish, code, exit) in refusals {
        let (events, status) = world.here().ends(&["lend", record, "--withhold", &wish]);
        assert!(events.iter().all(|event| event["event"] != "code"), "no code was shown: {events:?}");
        assert_eq!((events.last().unwrap()["code"].as_str(), status), (Some(code), exit), "{wish}");
    }
    let all = ["/name", "/city", "/born"].map(|pointer| format!("{card}:{pointer}"));
    let arguments = ["lend", &card, "--withhold", &all[0], "--withhold", &all[1], "--withhold", &all[2]];
    assert_eq!(world.here().refusal(&arguments), ("withhold-nothing-left".to_owned(), 2));
    assert_eq!(world.here().refusal(&["show", &letter, "--fields"]), ("withhold-no-fields".to_owned(), 2));
    assert_eq!(world.here().refusal(&["show", &twice, "--fields"]), ("withhold-named-twice".to_owned(), 2));
}
