//! `glimpse org`: the key, the card and the list of agents, and how each refuses. With agents who have enrolled in a browser it is tested
//! with the whole system.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::terminal::Terminal;
use crate::world::{World, said};

#[test]
fn an_organisation_is_made_without_a_network_once_and_gives_its_card_away() {
    let world = World::empty(|_| {});
    // The address stands in the card, and nobody is asked whether a server is there.
    let (made, exit) = world.here().ends(&["--server", "http://127.0.0.1:9", "org", "init", "City Hospital"]);
    assert_eq!(
        (exit, &made[0]["event"], &made[0]["server"]),
        (0, &"organisation".into(), &"http://127.0.0.1:9".into())
    );
    let key = made[0]["key"].as_str().unwrap();

    // The keys lie in a folder of their owner's alone, sealed.
    let folder = world.path("glimpse-org");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(files.len() >= 2 && files.iter().all(|file| mode(file) == 0o600), "{files:?}");

    // A second key would make every card that was given away worthless.
    assert_eq!(world.here().refusal(&["org", "init", "City Hospital"]), ("usage".to_owned(), 2));
    let events = world.events(&["org", "card"]);
    assert_eq!((events[0]["name"].as_str(), events[0]["key"].as_str()), (Some("City Hospital"), Some(key)));
    let card = events[0]["card"].as_str().unwrap();

    let written = world.path("card.txt");
    assert!(world.glimpse(&["org", "card", "-o", written.to_str().unwrap()]).status.success());
    assert_eq!(fs::read_to_string(&written).unwrap(), format!("{card}\n"));
    let again = world.glimpse(&["org", "card", "-o", written.to_str().unwrap()]);
    assert!(
        !again.status.success() && said(&again).contains("card.txt"),
        "what is there is not written over: {again:?}"
    );
    assert_eq!(fs::read_to_string(&written).unwrap(), format!("{card}\n"));
    // To a pipe goes the card and no drawing.
    let piped = world.glimpse(&["org", "card", "--qr"]);
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), format!("{card}\n"));
}

/// A program named the card on purpose; a person compares before the pin stands.
#[test]
fn a_person_is_asked_whether_the_key_of_a_card_is_the_right_one() {
    let world = World::start();
    world.events(&["org", "init", "City Hospital"]);
    let card = world.events(&["org", "card"])[0].clone();
    let (key, card) = (card["key"].as_str().unwrap(), card["card"].as_str().unwrap());
    let pinned = || world.events(&["chain"])[0]["seq"].as_u64().unwrap();
    let before = pinned();
    let mut person = Terminal::start(&world, &["chain", "pin", "Hospital", "--card", card]);
    let asked = person.sees_until("It calls itself", "Is this its key?");
    assert!(asked.contains("City Hospital") && asked.contains(key), "{asked}");
    person.presses("n");
    person.then("Nothing was done.");
    assert_eq!((person.child.wait().unwrap().code(), pinned()), (Some(6), before));

    let mut person = Terminal::start(&world, &["chain", "pin", "Hospital", "--card", card]);
    person.sees("Is this its key?");
    person.presses("y");
    person.sees("Hospital is pinned as organisation");
    assert_eq!((person.child.wait().unwrap().code(), pinned()), (Some(0), before + 1), "control");

    // A name of no file is no card.
    let (code, exit) = world.here().refusal(&["chain", "pin", "Other", "--card", "card.txt"]);
    assert_eq!((code.as_str(), exit), ("usage", 2));
}

#[test]
fn whoever_has_not_the_passphrase_or_no_organisation_signs_nothing() {
    let world = World::empty(|_| {});
    for command in [
        &["org", "card"][..],
        &["org", "agent", "list"],
        &["org", "agent", "invite", "Sam"],
        &["org", "agent", "issue"],
    ] {
        let (code, exit) = world.here().refusal(command);
        assert!(code == "not-found" && exit != 0, "{command:?}: {code} {exit}");
    }
    for name in ["", "  ", &"x".repeat(600)] {
        assert_eq!(world.here().refusal(&["org", "init", name]).1, 2, "{name:?}");
    }
    assert_eq!(world.here().ends(&["org", "init", "City Hospital"]).1, 0, "control");

    let wrong = world.secret("wrong", "another passphrase\n");
    let with_it = ["--passphrase-file", wrong.to_str().unwrap(), "org", "agent", "invite", "Sam"];
    assert_eq!(world.here().refusal(&with_it).0, "passphrase");
    // With the right one the server is asked, which does not list this organisation.
    assert_eq!(world.here().refusal(&["org", "agent", "invite", "Sam"]).0, "not-found", "control");
    let listed = world.events(&["org", "agent", "list"]);
    assert!(
        listed.iter().all(|event| event["event"] != "agent"),
        "nobody is listed whose link works nowhere: {listed:?}"
    );
    for command in [&["org", "agent", "revoke", "Sam", "--yes"][..], &["org", "agent", "issue", "Sam"]] {
        let (code, exit) = world.here().refusal(command);
        assert!(code == "not-found" && exit != 0, "{command:?}: {code} {exit}");
    }
}
