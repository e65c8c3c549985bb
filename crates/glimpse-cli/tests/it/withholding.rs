//! Fields that are withheld: named by `show --fields`, cut out by `lend --withhold`, and counted in what both ends keep.

use serde_json::{Value, json};

use crate::person::code_in;
use crate::terminal::{Terminal, key_for};
use crate::world::{Place, Program, World};

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

/// The same facts, the other way round, and one more: what was chosen before means something else in it.
const CARD_NEW: &str = "{\n  \"city\": \"Ulm\",\n  \"name\": \"countess\",\n  \"maiden name\": \"Ada Byron\"\n}\n";

/// Whoever publishes new versions from another device.
fn beside(world: &World) -> Place<'_> {
    let other = world.at("other");
    world.here().links(&other, "Other");
    other
}

fn replaces(other: &Place<'_>, id: &str, name: &str, content: &str) {
    let path = other.world.file(name, content);
    let events = other.events(&["put", id, path.to_str().unwrap()]);
    assert_eq!(events.last().unwrap()["event"], "replaced", "{events:?}");
}

#[test]
fn t061_fields_that_were_read_in_one_version_are_cut_out_of_no_other() {
    let world = World::start();
    let other = beside(&world);
    let id = world.add(&world.file("card.json", CARD));
    let letter = world.add(&world.file("letter.txt", "Dear reader"));
    let named = |id: &str| {
        let fields = world.events(&["show", id, "--fields"]);
        format!("{id}@{}", fields[0]["version"].as_str().unwrap())
    };
    let before = named(&id);
    // Control: in the version that was read, named whole or by its beginning.
    for version in [before.as_str(), &before[..before.find('@').unwrap() + 13]] {
        let mut lending = world.program(&["lend", &id, "--withhold", &format!("{version}:/name")]);
        assert_eq!(lending.event("code")["records"][0]["withheld"], 1);
        lending.does(&json!({ "do": "cancel" }));
        lending.ends();
    }
    replaces(&other, &id, "card-new.json", CARD_NEW);
    let (events, exit) = world.here().ends(&["lend", &id, "--withhold", &format!("{before}:/name")]);
    assert!(events.iter().all(|event| event["event"] != "code"), "no code was shown: {events:?}");
    assert_eq!((&events.last().unwrap()["code"], exit), (&json!("conflict"), 4));

    // The same for what is lent on top.
    let mut lending = world.program(&["lend", &letter]);
    let (mut viewer, _) = looks(&world, &mut lending);
    lending.does(&json!({ "do": "add", "records": [id], "withhold": [format!("{before}:/name")] }));
    assert_eq!(lending.event("error")["code"], "conflict");
    let after = named(&id);
    assert_ne!(before, after);
    lending.does(
        &json!({ "do": "add", "records": [id], "withhold": [format!("{after}:/name"), format!("{after}:/maiden name")] }),
    );
    assert_eq!(lending.event("changed")["records"].as_array().map(Vec::len), Some(1), "the one before was not lent");
    let seen = viewer.event("changed");
    let unit = seen["records"].as_array().unwrap().iter().find(|record| record["title"] == "card").unwrap();
    assert_eq!(content(&mut viewer, &unit["unit"]), "{\n  \"city\": \"Ulm\"\n}\n");
}

#[test]
fn t061_another_code_for_the_same_stops_where_a_record_is_not_what_it_was() {
    let world = World::start();
    let other = beside(&world);
    let id = world.add(&world.file("card.json", CARD));
    let mut person = Terminal::start(&world, &["lend", &id, "--withhold", &format!("{id}:/name")]);
    person.then("Nobody will call you");
    // Control: nothing has changed, and there is another code.
    person.presses("n");
    person.then("Nobody will call you");
    replaces(&other, &id, "card-new.json", CARD_NEW);
    person.presses("n");
    person.then("is not what it was when its fields were chosen: there is another version.");
    person.then("Nothing was lent.");
    assert_eq!(person.child.wait().unwrap().code(), Some(4));
    assert!(!person.shown.contains("Nobody will call you"), "no code was shown: {}", person.shown);
}

#[test]
fn t061_fields_on_the_screen_are_those_of_the_version_that_is_lent_or_it_is_not_lent() {
    let world = World::start();
    let other = beside(&world);
    let id = world.add(&world.file("card.json", CARD));
    let letter = world.add(&world.file("letter.txt", "Dear reader"));
    let mut person = Terminal::start(&world, &["lend", &letter]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    let words = viewer.event("words")["words"].as_str().unwrap().to_owned();
    let screen = person.sees_until("Which two words are on its screen?", "none of these");
    person.presses(&key_for(&screen, &words));
    person.then("Is the screen in front of you");
    person.presses("y");
    person.then("Lent:");
    viewer.event("granted");
    let chooses = |person: &mut Terminal| {
        person.presses("a");
        person.then("Lend which as well?");
        person.presses("1\r");
        person.then("Withhold which?");
    };
    chooses(&mut person);
    replaces(&other, &id, "card-new.json", CARD_NEW);
    person.presses("/name\r");
    person.then("is not what it was when its fields were chosen: there is another version.");
    // Control: looked at again, they are those of the version that is there.
    chooses(&mut person);
    person.presses("/name /maiden~1name\r");
    person.then("has no field");
    chooses(&mut person);
    person.presses("2, 3\r");
    person.then("Lent as well: card (2 fields withheld)");
    let seen = viewer.event("changed");
    let unit = seen["records"].as_array().unwrap().iter().find(|record| record["title"] == "card").unwrap();
    assert_eq!(content(&mut viewer, &unit["unit"]), "{\n  \"city\": \"Ulm\"\n}\n");
}
