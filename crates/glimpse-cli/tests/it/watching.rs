//! A watch that reaches the server through the phone, and not otherwise.

use rustix::process::Signal;
use serde_json::json;

use crate::world::{World, said};

#[test]
fn a_watch_lives_through_the_relay_and_without_it_not_at_all() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let socket = world.path("phone.sock");
    let path = socket.to_str().unwrap();
    let mut relay = world.program(&["relay", "--socket", path]);
    let told = relay.event("relay");
    assert_eq!((&told["socket"], &told["server"]), (&json!(path), &json!(world.server.url())));
    assert_eq!(world.here().refusal(&["relay", "--socket", path]), ("output".to_owned(), 9), "one carries there");

    let watch = world.at("watch");
    let mut adder = world.program(&["link"]);
    let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
    let mut joiner = watch.program(&["join", "--name", "Watch", "--phone", path, &code]);
    let words = joiner.event("words")["words"].clone();
    adder.event("asked");
    adder.does(&json!({ "do": "approve", "words": words }));
    joiner.event("joined");
    assert!(adder.ends().1.success() && joiner.ends().1.success());

    let listed = watch.events(&["ls"]);
    assert_eq!(listed[0]["title"], "letter");
    let record = listed[0]["record"].as_str().unwrap();
    assert!(said(&watch.glimpse(&["show", record])).contains("Dear reader"));
    // It lends, too.
    let mut lending = watch.program(&["lend", "--everything"]);
    let code = lending.event("code")["code"].as_str().unwrap().to_owned();
    let mut viewer = world.program(&["receive", &code]);
    viewer.event("words");
    lending.event("peer");
    lending.does(&json!({ "do": "decline" }));
    assert_eq!((lending.ends().1.code(), viewer.ends().1.code()), (Some(6), Some(6)));

    relay.signal(Signal::INT);
    assert!(relay.ends().1.success());
    assert!(!socket.exists());
    for arguments in [&["ls"][..], &["show", record], &["devices"], &["lend", "--everything"]] {
        assert_eq!(watch.refusal(arguments), ("server-unreachable".to_owned(), 5), "{arguments:?}");
    }
    let told = said(&watch.glimpse(&["ls"]));
    assert!(told.contains(&format!("through the phone's socket {path}")), "{told}");
    assert!(told.contains(&format!("glimpse relay --socket {path}")), "{told}");
    let other = world.at("other");
    let told = said(&other.glimpse(&["join", "--phone", path, "0000000000000000"]));
    assert!(told.contains(&format!("glimpse relay --socket {path}")), "{told}");
    // Control: it is the relay that is missing, not the server.
    assert_eq!(world.listed().len(), 1);
    let mut relay = world.program(&["relay", "--socket", path]);
    relay.event("relay");
    assert_eq!(watch.events(&["ls"])[0]["title"], "letter");
    // One that was killed leaves a socket, which the next takes over.
    relay.signal(Signal::KILL);
    relay.ends();
    assert!(socket.exists());
    let mut relay = world.program(&["relay", "--socket", path]);
    relay.event("relay");
    assert_eq!(watch.events(&["ls"])[0]["title"], "letter");
    assert!(world.glimpse(&["revoke", "--yes", "Watch"]).status.success());
    assert_eq!(watch.refusal(&["ls"]), ("device-revoked".to_owned(), 3));
}

#[test]
fn a_relay_leaves_files_alone_and_leads_to_a_server() {
    let world = World::start();
    let letter = world.file("letter.txt", "Dear reader");
    assert_eq!(world.here().refusal(&["relay", "--socket", letter.to_str().unwrap()]), ("output".to_owned(), 9));
    assert_eq!(std::fs::read(&letter).unwrap(), b"Dear reader");
    let socket = world.path("phone.sock");
    let to = |server: &str| world.here().refusal(&["relay", "--server", server, "--socket", socket.to_str().unwrap()]);
    for server in ["nonsense", "http://server.example", "https://glimpse.example/path"] {
        assert_eq!(to(server), ("usage".to_owned(), 2), "{server}");
    }
    let nobody = world.at("nobody");
    let mut command = nobody.command(&["--json", "relay", "--socket", socket.to_str().unwrap()]);
    let output = command.env_remove("GLIMPSE_SERVER").output().unwrap();
    assert_eq!((output.status.code(), said(&output).contains("no-account")), (Some(3), true), "{output:?}");
}
