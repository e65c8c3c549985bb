//! Who belongs to the account, and who does not any more.

use serde_json::{Value, json};

use crate::terminal::Terminal;
use crate::world::{World, said};

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().unwrap_or_else(|| panic!("{events:?}"))).collect()
}

#[test]
fn a_device_that_is_taken_out_reads_nothing_more_and_the_others_are_told() {
    let world = World::start();
    let (tablet, laptop) = (world.at("tablet"), world.at("laptop"));
    let lost = world.here().links(&tablet, "Tablet");
    let kept = world.here().links(&laptop, "Laptop");
    let letter = world.file("letter.txt", "Dear reader");
    for _ in 0..2 {
        assert!(world.glimpse(&["add", "--sensitive", letter.to_str().unwrap()]).status.success());
    }
    world.add(&world.file("note.txt", "Milk"));
    assert_eq!(tablet.events(&["ls"]).len(), 4, "control: it reads before");

    assert_eq!(world.glimpse(&["revoke", "Tablet"]).status.code(), Some(2), "there is nobody to ask");
    let (events, exit) = world.here().ends(&["revoke", "--yes", "Tablet", &lost]);
    assert_eq!((&events[0]["event"], &events[0]["devices"], exit), (&json!("revoked"), &json!([lost]), 0));
    let rekeyed: Vec<(&Value, &Value)> = events[1..].iter().map(|event| (&event["done"], &event["all"])).collect();
    assert_eq!(rekeyed, [(&json!(0), &json!(2)), (&json!(1), &json!(2)), (&json!(2), &json!(2))]);
    for arguments in [&["ls"][..], &["devices"], &["lend", "--everything"], &["link"], &["show", "A"], &["inbox"]] {
        assert_eq!(tablet.refusal(arguments), ("device-revoked".to_owned(), 3), "{arguments:?}");
    }
    let told = said(&tablet.glimpse(&["ls"]));
    assert!(told.contains("This device was taken out of the account."), "{told}");

    let listed = laptop.events(&["ls"]);
    assert_eq!(listed.len(), 4, "the others read on: {listed:?}");
    let sensitive = listed.iter().find(|record| record["title"] == "letter").unwrap();
    assert_eq!(sensitive["standing"], "own", "{sensitive}");
    let notices = laptop.events(&["inbox"]);
    assert_eq!(kinds(&notices), ["revoked"]);
    assert_eq!((&notices[0]["devices"], &notices[0]["seq"]), (&json!([lost]), &events[0]["seq"]));
    assert!(laptop.events(&["inbox"]).is_empty());
    assert_eq!(laptop.events(&["inbox", "--all"]).last().unwrap()["read"], true);

    let there = |arguments: &[&str]| -> Vec<Value> { world.events(arguments) };
    assert_eq!(there(&["devices"]).len(), 2);
    let all = there(&["devices", "--all"]);
    let gone = all.iter().find(|device| device["device"] == lost.as_str()).unwrap();
    assert_eq!(gone["revoked"], events[0]["seq"]);
    assert!(all.iter().any(|device| device["device"] == kept.as_str() && device["revoked"].is_null()), "{all:?}");
    // Out is out: the same keys do not come back, and a home with an account in it takes no other.
    assert_eq!(tablet.refusal(&["join", "--show"]), ("account-exists".to_owned(), 1));
}

#[test]
fn the_inbox_tells_whoever_was_not_there() {
    let world = World::start();
    let tablet = world.at("tablet");
    world.here().links(&tablet, "Tablet");
    assert!(world.events(&["inbox"]).is_empty(), "what this device did itself is no news to it");
    let laptop = world.at("laptop");
    let added = tablet.links(&laptop, "Lap\u{1b}[31mtop");
    let shown = said(&world.glimpse(&["devices"]));
    assert!(shown.contains("1 notice since the last look: `glimpse inbox` shows them."), "{shown}");
    let notice = &world.events(&["inbox", "--all"])[0];
    assert_eq!((&notice["kind"], &notice["devices"]), (&json!("linked"), &json!([added])));
    assert_eq!((&notice["alarm"], &notice["until"]), (&json!(false), &json!(null)));
    let shown = said(&world.glimpse(&["inbox", "--all"]));
    let short = &added[..8];
    assert!(shown.contains(&format!("Lap\u{FFFD}[31mtop ({short}) was linked by Tablet")), "{shown}");
    let named = if short.starts_with('-') { format!("id:{short}") } else { short.to_owned() };
    assert!(shown.contains(&format!("glimpse revoke {named}")), "{shown}");
    let pages = world.path("kit.txt");
    assert!(world.glimpse(&["recovery", "create", "--out", pages.to_str().unwrap()]).status.success());
    assert!(world.glimpse(&["chain", "rotate"]).status.success());
    assert!(world.glimpse(&["chain", "rules", "--hold-new-devices", "2"]).status.success());
    assert!(world.glimpse(&["recovery", "give-up", "--yes"]).status.success());
    assert_eq!(kinds(&laptop.events(&["inbox"])), ["kit-made", "rotated", "rules-changed", "kit-given-up"]);
    assert!(said(&laptop.glimpse(&["inbox"])).contains("Nothing new."));
    // The rule holds from now on.
    let held = world.at("held");
    let device = world.here().links(&held, "Held");
    let listed = world.events(&["devices"]);
    let until = &listed.iter().find(|entry| entry["device"] == device.as_str()).unwrap()["held_until"];
    assert!(until.is_u64(), "{listed:?}");
    assert_eq!(held.refusal(&["add", world.file("x.txt", "x").to_str().unwrap()]), ("device-held".to_owned(), 3));
}

#[test]
fn devices_are_named_and_no_name_passes_for_another_device() {
    let world = World::start();
    let tablet = world.at("tablet");
    let id = world.here().links(&tablet, "Tablet");
    assert_eq!(world.events(&["rename", "Phone"])[0]["name"], "Phone");
    let renamed = world.events(&["rename", "--device", "tablet", "Big \u{1b}[2Jtablet"]);
    assert_eq!((&renamed[0]["device"], &renamed[0]["name"]), (&json!(id), &json!("Big \u{1b}[2Jtablet")));
    let names = |events: Vec<Value>| -> Vec<String> {
        events.iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(tablet.events(&["devices"])), ["Phone", "Big \u{1b}[2Jtablet"]);
    let shown = tablet.glimpse(&["devices"]);
    assert!(said(&shown).contains("Big \u{FFFD}[2Jtablet") && !said(&shown).contains('\x1b'), "{shown:?}");
    let long = "x".repeat(5_000);
    assert_eq!(world.here().refusal(&["rename", &long]).1, 9);
    for nobody in ["Nobody", "", "AAAAAAAA"] {
        assert_eq!(
            world.here().refusal(&["rename", "--device", nobody, "X"]),
            ("not-found".to_owned(), 4),
            "{nobody:?}"
        );
        assert_eq!(world.here().refusal(&["revoke", "--yes", nobody]), ("not-found".to_owned(), 4), "{nobody:?}");
    }
    assert_eq!(world.here().refusal(&["revoke", "--yes", "Phone"]), ("usage".to_owned(), 2), "not itself");

    // One that calls another device by its own id's beginning is not obeyed in its place.
    let short = &id[..8];
    assert!(tablet.glimpse(&["rename", "--device", "Phone", "--", short]).status.success());
    let laptop = world.at("laptop");
    world.here().links(&laptop, "Laptop");
    let refused = laptop.ends(&["revoke", "--yes", "--", short]);
    assert_eq!((&refused.0[0]["code"], refused.1), (&json!("not-found"), 4), "{refused:?}");
    let message = refused.0[0]["message"].as_str().unwrap();
    assert!(message.contains("may be any of") && message.contains(short), "{message}");
    // Control: the whole id leads to it.
    assert_eq!(laptop.events(&["revoke", "--yes", &id])[0]["devices"], json!([id]));
}

#[test]
fn who_founds_an_account_is_told_what_comes_next_and_has_a_name() {
    let world = World::empty(|_| {});
    let none = said(&world.glimpse(&["ls"]));
    for way in ["glimpse account create", "glimpse join", "glimpse recovery restore"] {
        assert!(none.contains(way), "{way}: {none}");
    }
    let told = said(&world.glimpse(&["account", "create", "--name", "Alice"]));
    for next in ["glimpse recovery create", "glimpse link", "glimpse add", "Until there is a recovery kit"] {
        assert!(told.contains(next), "{next}: {told}");
    }
    assert_eq!(world.events(&["devices"])[0]["name"], "Alice");
    // Without a name there is none.
    let other = world.at("other");
    assert!(other.glimpse(&["account", "create"]).status.success());
    assert_eq!(other.events(&["devices"])[0]["name"], "");
}

#[test]
fn a_person_says_whether_a_device_goes() {
    let world = World::start();
    let tablet = world.at("tablet");
    world.here().links(&tablet, "Tablet");
    for (key, exit) in [("n", 6), ("\x03", 6), ("y", 0)] {
        let mut person = Terminal::start(&world, &["revoke", "Tablet"]);
        person.then("Tablet");
        person.then("Take them out?");
        assert_eq!(world.events(&["devices"]).len(), 2, "nothing before the yes");
        person.hides();
        person.presses(key);
        person.then(if exit == 0 { "They are out." } else { "Nothing was done." });
        assert_eq!(person.child.wait().unwrap().code(), Some(exit), "{key:?}");
    }
    assert_eq!(world.events(&["devices"]).len(), 1);
}

#[test]
fn a_device_that_was_taken_out_keeps_its_last_name() {
    let world = World::start();
    let (tablet, laptop) = (world.at("tablet"), world.at("laptop"));
    let id = world.here().links(&tablet, "Tablet");
    let other = world.here().links(&laptop, "Laptop");
    assert!(tablet.glimpse(&["devices"]).status.success());
    world.events(&["rename", "--device", "Laptop", "Old \u{1b}[2Jlaptop"]);
    assert!(tablet.glimpse(&["devices"]).status.success(), "it hears of the name");
    assert!(world.glimpse(&["revoke", "--yes", &other]).status.success());
    for place in [world.here(), world.at("tablet")] {
        let all = place.events(&["devices", "--all"]);
        let gone = all.iter().find(|device| device["device"] == other.as_str()).unwrap();
        assert_eq!((&gone["name"], gone["revoked"].is_u64()), (&json!("Old \u{1b}[2Jlaptop"), true), "{all:?}");
    }
    let told = said(&tablet.glimpse(&["inbox", "--all"]));
    assert!(told.contains(&format!("took out Old \u{FFFD}[2Jlaptop ({}).", &other[..8])), "{told}");
    // Advice is given for what is there.
    assert!(told.contains(&format!("({}) was linked by", &other[..8])) && told.contains("It is out since."), "{told}");
    assert!(!told.contains(&format!("glimpse revoke {}", &other[..8])), "{told}");
    // A name that its owner took away is none that is kept.
    world.events(&["rename", "--device", "Tablet", ""]);
    let all = world.events(&["devices", "--all"]);
    assert_eq!(all.iter().find(|device| device["device"] == id.as_str()).unwrap()["name"], "", "{all:?}");
}

#[test]
fn who_linked_a_device_knows_its_name_also_where_another_takes_it_out_at_once() {
    let world = World::start();
    let (tablet, laptop) = (world.at("tablet"), world.at("laptop"));
    world.here().links(&tablet, "Tablet");
    let device = world.here().links(&laptop, "Laptop");
    // This device has not looked at the account between the two.
    assert!(tablet.glimpse(&["revoke", "--yes", "--", &device]).status.success());
    let told = said(&world.glimpse(&["inbox"]));
    assert!(told.contains(&format!("took out Laptop ({})", &device[..8])), "{told}");
}

#[test]
fn the_inbox_says_who_was_pinned_and_when_things_happened() {
    let world = World::start();
    let tablet = world.at("tablet");
    world.here().links(&tablet, "Tablet");
    let told = said(&world.glimpse(&["inbox", "--all"]));
    assert!(told.contains("What other devices do is told here; what this one does is not."), "{told}");
    let key = "A".repeat(43);
    world.events(&["rename", "Phone"]);
    let pinned = world.events(&["chain", "pin", "Clinic \u{1b}[2JNorth", "--organisation", &key]);
    assert_eq!(pinned[0]["event"], "pinned", "{pinned:?}");
    world.events(&["chain", "rules", "--announce-recovery", "3"]);
    world.events(&["chain", "unpin", "Clinic \u{1b}[2JNorth"]);
    let notices = tablet.events(&["inbox"]);
    assert_eq!(kinds(&notices), ["rules-changed"; 3]);
    let name = json!(["Clinic \u{1b}[2JNorth"]);
    assert_eq!((&notices[0]["pinned"], &notices[2]["unpinned"]), (&name, &name), "{notices:?}");
    assert!(notices[1]["pinned"].is_null() && notices[0]["unpinned"].is_null(), "{notices:?}");
    for notice in &notices {
        // This device heard of it later.
        assert!(notice["happened_at"].as_u64().unwrap() < notice["at"].as_u64().unwrap(), "{notice}");
    }
    let told = said(&tablet.glimpse(&["inbox", "--all"]));
    for sentence in [
        "pinned Clinic \u{FFFD}[2JNorth.",
        "changed the account's rules: `glimpse chain` shows them.",
        "took away the pin of Clinic",
    ] {
        assert!(told.contains(sentence), "{told}");
    }
}

#[test]
fn too_few_characters_of_an_id_are_told_as_such() {
    let world = World::start();
    let tablet = world.at("tablet");
    let id = world.here().links(&tablet, "Tablet");
    let refused = |named: &str| world.here().ends(&["revoke", "--yes", "--", named]);
    let (events, exit) = refused(&id[..3]);
    assert_eq!((&events[0]["code"], exit), (&json!("not-found"), 4));
    assert!(events[0]["next"].as_str().unwrap().contains("4 or more characters of the id"), "{events:?}");
    // Control: four lead to it, and what begins no id is told as such.
    assert!(refused("~~~").0[0]["message"].as_str().unwrap().contains("none has an id that begins so"));
    assert_eq!(refused(&id[..4]).1, 0);
}
