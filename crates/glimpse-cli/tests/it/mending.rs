//! What goes wrong with the list of records or with a copied device, and the commands that lead out; and pins.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{World, said};

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl World {
    /// The server's data as they are, put aside.
    fn keep_server(&mut self) {
        let aside = self.path("server-as-it-was");
        self.stopped(|data| copied(data, &aside));
    }

    /// An old backup is restored there.
    fn put_server_back(&mut self) {
        let aside = self.path("server-as-it-was");
        self.stopped(|data| {
            fs::remove_dir_all(data).unwrap();
            copied(&aside, data);
        });
    }
}

fn of<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn records_that_the_server_lost_are_named_and_nothing_is_added_until_the_owner_has_compared() {
    let mut world = World::start();
    let first = world.file("first.txt", "kept");
    world.add(&first);
    world.keep_server();
    let second = world.file("second.txt", "lost");
    let lost = world.add(&second);
    assert_eq!(world.listed().len(), 2);
    let intact = said(&world.glimpse(&["chain", "accept-records", "--yes"]));
    assert!(intact.contains("Nothing is wrong"), "control: {intact}");
    world.put_server_back();

    let (events, exit) = world.here().ends(&["ls"]);
    let alarms: Vec<&Value> = of(&events, "alarm").into_iter().map(|alarm| &alarm["kind"]).collect();
    assert_eq!((alarms, exit), (vec![&json!("checkpoint-rolled-back"), &json!("rolled-back")], 8), "{events:?}");
    assert_eq!(events.last().unwrap()["code"], "log-broken");
    assert_eq!(of(&events, "record").len(), 2, "what can be read is listed");
    let shown = world.glimpse(&["ls"]);
    let text = said(&shown);
    assert!(text.contains("The list is not what was signed: the server has 1 changes, and had 2."), "{text}");
    assert!(text.contains("glimpse chain accept-records"), "the way out: {text}");
    assert_eq!(world.here().refusal(&["add", second.to_str().unwrap()]), ("log-broken".to_owned(), 8));
    let notices = world.events(&["inbox"]);
    let told: Vec<&Value> =
        of(&notices, "notice").into_iter().filter(|notice| notice["kind"] == "log-broken").collect();
    let told: Vec<&Value> = told.into_iter().map(|notice| &notice["alarm"]).collect();
    assert_eq!(told, [&json!(true), &json!(true)], "each once: {notices:?}");

    // Nobody to ask, and no `--yes`.
    assert_eq!(world.here().refusal(&["chain", "accept-records"]), ("usage".to_owned(), 2));
    assert_eq!(world.here().ends(&["ls"]).1, 8, "nothing was accepted");
    assert_eq!(world.events(&["chain", "accept-records", "--yes"])[0]["event"], "accepted-records");
    let (events, exit) = world.here().ends(&["ls"]);
    assert_eq!((of(&events, "alarm").len(), exit), (0, 0), "{events:?}");
    let gone = of(&events, "record").into_iter().find(|event| event["record"] == lost.as_str()).unwrap();
    assert_eq!(gone["standing"], "record-rolled-back", "what is missing is named");
    world.add(&second);
}

#[test]
fn a_device_that_was_put_back_from_a_copy_goes_on_when_its_owner_says_so() {
    let world = World::start();
    let letter = world.file("letter.txt", "text");
    world.add(&letter);
    copied(&world.home, &world.path("copy"));
    // The original was used since.
    assert_eq!(world.listed().len(), 1);
    let copy = world.at("copy");
    let refused = copy.glimpse(&["ls"]);
    assert_eq!(refused.status.code(), Some(8));
    assert!(said(&refused).contains("glimpse chain use-copy"), "{}", said(&refused));
    assert_eq!(copy.refusal(&["ls"]), ("device-doubled".to_owned(), 8), "asking again is no way around it");
    assert_eq!(copy.refusal(&["chain", "use-copy"]), ("usage".to_owned(), 2), "nobody to ask");
    assert_eq!(copy.refusal(&["devices"]), ("device-doubled".to_owned(), 8), "nothing was done");
    assert_eq!(world.listed().len(), 1, "control: the original goes on");
    assert_eq!(copy.events(&["chain", "use-copy", "--yes"])[0]["event"], "copy-used");
    assert_eq!(of(&copy.events(&["ls"]), "record").len(), 1);
    assert_eq!(world.here().refusal(&["ls"]), ("device-doubled".to_owned(), 8), "of the two, one is left");
}

#[test]
fn a_writer_has_the_name_that_it_was_pinned_by() {
    let world = World::start();
    let card = world.events(&["card"])[0]["card"].as_str().unwrap().to_owned();
    let back_end = world.at("back-end");
    let result = world.file("result.txt", "4.2 mmol/l");
    let write = ["write", "--to", &card, "--from", "Your bank", result.to_str().unwrap()];
    let written = &back_end.events(&write)[0];
    let (record, key) = (written["record"].as_str().unwrap(), written["key"].as_str().unwrap());
    let unknown = said(&world.glimpse(&["show", record]));
    assert!(unknown.contains("a writer whom you have not pinned, and who says \"Your bank\""), "{unknown}");

    for wrong in [
        &["chain", "pin", "Clinic"][..],
        &["chain", "pin", "Clinic", "--writer", "AAAA"],
        &["chain", "pin", " ", "--writer", key],
        &["chain", "pin", "Clinic", "--writer", key, "--organisation", key],
    ] {
        assert_eq!(world.glimpse(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let pinned = &world.events(&["chain", "pin", "Clinic", "--writer", key])[0];
    assert_eq!((&pinned["event"], &pinned["kind"], &pinned["key"]), (&json!("pinned"), &json!("writer"), &json!(key)));
    assert_eq!(world.here().refusal(&["chain", "pin", "Clinic", "--organisation", &"A".repeat(43)]).1, 2, "the name");
    assert_eq!(world.here().refusal(&["chain", "pin", "Other", "--writer", key]).1, 2, "the key");
    let shown = said(&world.glimpse(&["show", record]));
    assert!(shown.contains("This record is from Clinic, whom you pinned."), "{shown}");
    assert!(!shown.contains("bank"), "its own word is not shown beside yours: {shown}");
    assert!(said(&world.glimpse(&["chain"])).contains(&format!("Pinned       Clinic, writer  {key}")));
    // Another writer that calls itself by the pinned name is a stranger beside it.
    let impostor = world.at("impostor");
    impostor.events(&["write", "--to", &card, "--from", "Clinic", "--title", "forged", result.to_str().unwrap()]);
    let listed = said(&world.glimpse(&["ls"]));
    let line = |title: &str| listed.lines().find(|line| line.contains(title)).unwrap().to_owned();
    assert!(line("result").ends_with("from Clinic, whom you pinned"), "{listed}");
    let stranger = "from a writer whom you have not pinned, and who says \"Clinic\"; not approved";
    assert!(line("forged").ends_with(stranger), "{listed}");
    let pinned: Vec<Value> = world.listed().into_iter().map(|event| event["pinned"].clone()).collect();
    assert_eq!(pinned, [Value::Null, json!("Clinic")]);

    assert_eq!(world.here().refusal(&["chain", "unpin", "Nobody"]), ("not-found".to_owned(), 4));
    assert_eq!(world.events(&["chain", "unpin", "Clinic"])[0]["event"], "unpinned");
    assert!(said(&world.glimpse(&["show", record])).contains("a writer whom you have not pinned"));

    // A pin that is held back has no name yet.
    world.events(&["chain", "rules", "--hold-pins", "2"]);
    assert!(said(&world.glimpse(&["chain", "pin", "Clinic", "--writer", key])).contains("in force in 2 days"));
    assert!(said(&world.glimpse(&["show", record])).contains("a writer whom you have not pinned"));
    assert!(said(&world.glimpse(&["chain"])).contains("Clinic, writer, not yet in force"));
}
