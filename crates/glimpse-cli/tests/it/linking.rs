//! `link` and `join`, by programs and by people.

use rustix::process::Signal;
use serde_json::json;

use crate::terminal::{Terminal, key_for};
use crate::world::{Place, Program, World, said};

/// From two programs that have met to a device that reads.
fn approve(adder: &mut Program, joiner: &mut Program) {
    let words = joiner.event("words")["words"].clone();
    let asked = adder.event("asked");
    let offered = asked["words"].as_array().unwrap();
    assert_eq!((offered.len(), offered.iter().filter(|pair| **pair == words).count()), (4, 1), "{asked}");
    adder.does(&json!({ "do": "approve", "words": words }));
}

fn reads(place: &Place<'_>) {
    let listed = place.events(&["ls"]);
    assert_eq!(listed[0]["title"], "letter", "{listed:?}");
    let shown = place.glimpse(&["show", listed[0]["record"].as_str().unwrap()]);
    assert!(said(&shown).contains("Dear reader"), "{shown:?}");
}

fn with_a_letter() -> World {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    world
}

#[test]
fn whichever_device_shows_the_code_the_other_joins_and_reads() {
    let world = with_a_letter();
    let tablet = world.at("tablet");
    let mut adder = world.program(&["link"]);
    let shown = adder.event("code");
    assert!(shown["qr"].as_str().unwrap().starts_with("GLIMPSE:LINK:"), "{shown}");
    assert!((100_000..=120_000).contains(&shown["expires_in"].as_u64().unwrap()), "{shown}");
    let name = "Tab\u{1b}[31mlet";
    let mut joiner = tablet.program(&["join", "--name", name, "--serial", "S-1", shown["qr"].as_str().unwrap()]);
    approve(&mut adder, &mut joiner);
    let asked = adder.last("asked").clone();
    assert_eq!((&asked["name"], &asked["serial"]), (&json!(name), &json!("S-1")));
    assert_eq!((&asked["same_machine"], &asked["held_millis"]), (&json!([]), &json!(0)));
    adder.event("accepted");
    let linked = adder.event("linked");
    assert_eq!((&linked["device"], &linked["told"]), (&asked["device"], &json!(true)));
    assert_eq!(joiner.event("invited")["held_millis"], 0);
    let joined = joiner.event("joined");
    assert_eq!((&joined["device"], &joined["server"]), (&asked["device"], &json!(world.server.url())));
    assert!(adder.ends().1.success() && joiner.ends().1.success());
    reads(&tablet);

    // The new device shows digits, and the first one types them. It is the same machine again.
    let laptop = world.at("laptop");
    let mut joiner = laptop.program(&["join", "--show", "--digits", "--serial", "S-1"]);
    let shown = joiner.event("code");
    let digits = shown["code"].as_str().unwrap().to_owned();
    assert_eq!((&shown["qr"], digits.chars().filter(char::is_ascii_digit).count()), (&json!(null), 16), "{shown}");
    let typed: Vec<&str> = ["link"].into_iter().chain(digits.split(' ')).collect();
    let mut adder = world.program(&typed);
    approve(&mut adder, &mut joiner);
    assert_eq!(adder.last("asked")["same_machine"], json!([joined["device"]]));
    assert!(adder.ends().1.success() && joiner.ends().1.success());
    reads(&laptop);
    let listed = world.glimpse(&["devices"]);
    assert!(said(&listed).contains("Tab\u{FFFD}[31mlet") && !said(&listed).contains('\x1b'), "{listed:?}");
}

#[test]
fn over_a_socket_of_their_own_they_meet_in_both_directions() {
    let world = with_a_letter();
    let socket = world.path("meet");
    let at = ["--local", socket.to_str().unwrap()];
    for (name, digits) in [("tablet", false), ("laptop", true)] {
        let place = world.at(name);
        let (mut adder, mut joiner);
        if digits {
            joiner = place.program(&["join", "--show", "--digits", at[0], at[1]]);
            assert_eq!(joiner.event("waiting")["socket"], at[1]);
            let code = joiner.event("code")["code"].as_str().unwrap().to_owned();
            adder = world.program(&["link", at[0], at[1], &code]);
        } else {
            adder = world.program(&["link", at[0], at[1]]);
            assert_eq!(adder.event("waiting")["socket"], at[1]);
            let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
            joiner = place.program(&["join", at[0], at[1], &code]);
        }
        approve(&mut adder, &mut joiner);
        assert_eq!(adder.event("linked")["told"], true);
        assert!(adder.ends().1.success() && joiner.ends().1.success());
        assert!(!socket.exists(), "no second end is taken");
        reads(&place);
    }
    // A code of the server's mailboxes means nothing there, and one that waits takes its socket along.
    let mut elsewhere = world.program(&["link", "--digits"]);
    let foreign = elsewhere.event("code")["code"].as_str().unwrap().to_owned();
    elsewhere.does(&json!({ "do": "cancel" }));
    elsewhere.ends();
    let mut adder = world.program(&["link", at[0], at[1]]);
    adder.event("code");
    let other = world.at("other").refusal(&["join", at[0], at[1], &foreign]);
    assert_eq!(other.1, 7, "{other:?}");
    assert_eq!(adder.ends().1.code(), Some(7));
    let mut adder = world.program(&["link", at[0], at[1]]);
    adder.event("code");
    assert_eq!(world.here().refusal(&["link", at[0], at[1]]), ("output".to_owned(), 9), "somebody waits there");
    adder.signal(Signal::INT);
    let (events, status) = adder.ends();
    assert_eq!((events.last().unwrap()["code"].as_str(), status.code()), (Some("declined"), Some(6)));
    assert!(!socket.exists());
    let nobody = world.at("other").refusal(&["join", at[0], at[1], &foreign]);
    assert_eq!(nobody, ("input".to_owned(), 9));
    assert_eq!(world.events(&["devices"]).len(), 3);
}

#[test]
fn t017_a_code_for_lending_links_nothing_and_one_for_linking_lends_nothing() {
    let world = with_a_letter();
    let tablet = world.at("tablet");
    let mut lending = world.program(&["lend", "--everything"]);
    let lent = lending.event("code")["code"].as_str().unwrap().to_owned();
    assert_eq!(tablet.refusal(&["join", &lent]), ("code-mistyped".to_owned(), 7));
    assert_eq!(world.here().refusal(&["link", &lent]), ("code-mistyped".to_owned(), 7));
    let told = said(&tablet.glimpse(&["join", &lent]));
    assert!(told.contains("This is a code for lending: it links no device."), "{told}");
    for form in [&["link"][..], &["link", "--digits"]] {
        let mut adder = world.program(form);
        let shown = adder.event("code");
        for code in [&shown["code"], &shown["qr"]].into_iter().filter_map(serde_json::Value::as_str) {
            assert_eq!(tablet.refusal(&["receive", code]), ("code-mistyped".to_owned(), 7), "{code}");
        }
        // Nothing was used up: with the right command the same code goes on.
        let code = shown["qr"].as_str().or(shown["code"].as_str()).unwrap();
        let mut joiner = tablet.program(&["join", code]);
        joiner.event("words");
        adder.event("asked");
        adder.does(&json!({ "do": "cancel" }));
        adder.ends();
        joiner.ends();
    }
    let mut viewer = world.program(&["receive", &lent]);
    viewer.event("words");
    lending.event("peer");
    lending.does(&json!({ "do": "decline" }));
    lending.ends();
    assert_eq!(world.events(&["devices"]).len(), 1);
}

#[test]
fn other_words_link_nothing_and_both_ends_say_why() {
    let world = with_a_letter();
    let tablet = world.at("tablet");
    let mut adder = world.program(&["link", "--digits"]);
    let code = adder.event("code")["code"].as_str().unwrap().to_owned();
    let mut joiner = tablet.program(&["join", &code]);
    let words = joiner.event("words")["words"].clone();
    let asked = adder.event("asked");
    // What makes no sense changes nothing.
    adder.does(&json!({ "do": "explode" }));
    assert_eq!(adder.event("error")["code"], "usage");
    let decoy = asked["words"].as_array().unwrap().iter().find(|pair| **pair != words).unwrap();
    adder.does(&json!({ "do": "approve", "words": decoy }));
    for (program, message) in [(adder, "The other device shows other words."), (joiner, "Other words were picked")] {
        let (events, status) = program.ends();
        let last = events.last().unwrap();
        assert_eq!((last["code"].as_str(), status.code()), (Some("code-wrong"), Some(7)));
        assert!(last["message"].as_str().unwrap().starts_with(message), "{last}");
    }
    assert_eq!(world.events(&["devices"]).len(), 1);
    assert_eq!(tablet.refusal(&["ls"]), ("no-account".to_owned(), 3));
    // The home is free for the next try.
    world.here().links(&tablet, "Tablet");
    reads(&tablet);
    assert_eq!(tablet.refusal(&["join", &code]), ("account-exists".to_owned(), 1));
}

#[test]
fn either_end_that_is_told_to_stop_tells_the_other() {
    let world = World::start();
    let tablet = world.at("tablet");
    for joiner_leaves in [true, false] {
        let mut adder = world.program(&["link"]);
        let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
        let mut joiner = tablet.program(&["join", &code]);
        joiner.event("words");
        adder.event("asked");
        let (leaver, other, heard) = if joiner_leaves {
            (joiner, adder, "The other device broke it off.")
        } else {
            (adder, joiner, "The person at the other device said no.")
        };
        leaver.signal(Signal::INT);
        let (events, status) = leaver.ends();
        assert_eq!((events.last().unwrap()["code"].as_str(), status.code()), (Some("declined"), Some(6)));
        let (events, status) = other.ends();
        let last = events.last().unwrap();
        assert_eq!((last["code"].as_str(), status.code()), (Some("declined"), Some(6)));
        assert!(last["message"].as_str().unwrap().starts_with(heard), "{last}");
    }
    assert_eq!(world.events(&["devices"]).len(), 1);
}

#[test]
fn what_cannot_be_begun_is_said_before_a_code_is_used_up() {
    let world = World::start();
    let tablet = world.at("tablet");
    assert_eq!(world.glimpse(&["link"]).status.code(), Some(2), "nobody says yes");
    assert_eq!(tablet.refusal(&["join"]), ("usage".to_owned(), 2));
    assert_eq!(tablet.refusal(&["join", "--resume"]), ("no-account".to_owned(), 3));
    assert_eq!(world.here().refusal(&["join", "--show"]), ("account-exists".to_owned(), 1));
    assert_eq!(tablet.refusal(&["join", "123"]), ("code-mistyped".to_owned(), 7));
    assert_eq!(tablet.refusal(&["join", "0000000000000000"]), ("code-unknown".to_owned(), 7));
    assert_eq!(tablet.refusal(&["link"]), ("no-account".to_owned(), 3));
    for wrong in [&["join", "--digits"][..], &["join", "--show", "123"], &["link", "--digits", "123"]] {
        assert_eq!(tablet.glimpse(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// The code on a line of its own.
fn code_in(screen: &str) -> String {
    let line = screen.lines().map(str::trim).find(|line| line.starts_with("GLIMPSE:LINK:"));
    line.unwrap_or_else(|| panic!("no code in {screen}")).to_owned()
}

#[test]
fn a_person_links_by_picking_the_words() {
    let world = with_a_letter();
    let tablet = world.at("tablet");
    let mut adder = Terminal::start(&world, &["link"]);
    let screen = adder.sees_until("On the other device, run", "If somebody does, press Ctrl-C.");
    assert!(screen.contains('█'), "{screen}");
    assert!(screen.contains(&format!("   glimpse join --server {}\r\n", world.server.url())), "{screen}");
    assert!(screen.contains("`glimpse link --digits`"), "{screen}");
    let mut joining = tablet.command(&["join", "--name", "Tablet"]);
    joining.env_remove("GLIMPSE_PASSPHRASE_FILE");
    let mut joiner = Terminal::start_with(joining);
    // The passphrase comes first: a code does not live long.
    for question in ["New passphrase", "The same again"] {
        joiner.confides(question, "correct horse battery");
    }
    joiner.then("Type or paste the code that the other device shows.");
    joiner.then("Code: ");
    joiner.presses("417 203 9186\r");
    joiner.then("This is a code for lending: it links no device.");
    joiner.then("Take the code that `glimpse link` shows on a device of the account.");
    joiner.presses(&format!("{}\r", code_in(&screen)));
    let shown = joiner.sees_until("pick", "means no.");
    let words = shown.replace("\x1b[1m", "").replace("\x1b[0m", "");
    let words = words.lines().nth(1).unwrap().trim().to_owned();
    let screen = adder.sees_until("It says of itself:", "No answer in");
    assert!(screen.contains("name     Tablet"), "{screen}");
    // Other keys do nothing.
    adder.presses("x\x1b[A");
    adder.presses(&key_for(&screen, &words));
    adder.then("is nobody on the phone asking for this?");
    adder.presses("y");
    adder.then("Linked:");
    adder.then("glimpse revoke");
    joiner.then("This device is in the account");
    assert!(adder.child.wait().unwrap().success() && joiner.child.wait().unwrap().success());
    reads(&tablet);
}

#[test]
fn a_person_who_sees_none_of_the_words_or_leaves_links_nothing() {
    let world = World::start();
    let tablet = world.at("tablet");
    for (key, answer) in [
        ("0", "You saw none of these words. Nothing was linked."),
        ("q", "You broke it off. Nothing was linked."),
        ("interrupt", "You broke it off. Nothing was linked."),
    ] {
        let mut adder = Terminal::start(&world, &["link"]);
        let screen = adder.sees_until("On the other device, run", "If somebody does, press Ctrl-C.");
        let mut joiner = tablet.program(&["join", &code_in(&screen)]);
        joiner.event("words");
        let claims = adder.sees_until("It says of itself:", "No answer in");
        assert!(claims.contains("name     (no name)"), "{claims}");
        if key == "interrupt" {
            adder.interrupts();
        } else {
            adder.presses(key);
        }
        adder.then(answer);
        assert_eq!(adder.child.wait().unwrap().code(), Some(6));
        let (events, status) = joiner.ends();
        assert_eq!((events.last().unwrap()["code"].as_str(), status.code()), (Some("declined"), Some(6)));
    }
    // At a question of its own.
    let mut joining = tablet.command(&["join"]);
    joining.env_remove("GLIMPSE_PASSPHRASE_FILE");
    let mut joiner = Terminal::start_with(joining);
    joiner.then("New passphrase");
    joiner.hides();
    joiner.interrupts();
    joiner.then("The passphrase was not given.");
    assert_eq!(joiner.child.wait().unwrap().code(), Some(6));
    assert!(joiner.echoes(), "what is typed next is seen again");
    let mut joiner = Terminal::start_with(tablet.command(&["join"]));
    joiner.then("Code: ");
    // Keys are read one by one from then on; before, this one would be a signal of the terminal.
    joiner.hides();
    joiner.presses("\x03");
    joiner.then("You broke it off.");
    assert_eq!(joiner.child.wait().unwrap().code(), Some(6));
    assert_eq!(world.events(&["devices"]).len(), 1);
}

#[test]
fn two_linkings_in_one_home_at_the_same_time_both_come_to_their_end() {
    let world = with_a_letter();
    let (tablet, laptop) = (world.at("tablet"), world.at("laptop"));
    let mut pairs: Vec<(Program, Program)> = [&tablet, &laptop]
        .into_iter()
        .map(|place| {
            let mut adder = world.program(&["link"]);
            let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
            (adder, place.program(&["join", &code]))
        })
        .collect();
    for (adder, joiner) in &mut pairs {
        joiner.event("words");
        adder.event("asked");
    }
    // Both were looked at with the log as it was before either.
    for (mut adder, mut joiner) in pairs {
        let words = joiner.last("words")["words"].clone();
        adder.does(&json!({ "do": "approve", "words": words }));
        adder.event("linked");
        joiner.event("joined");
        assert!(adder.ends().1.success() && joiner.ends().1.success());
    }
    reads(&tablet);
    reads(&laptop);
    assert_eq!(world.events(&["devices"]).len(), 3);
}

#[test]
fn a_server_that_goes_away_is_told_at_once_and_what_it_lost_in_words_of_linking() {
    let mut world = with_a_letter();
    let mut adder = Terminal::start(&world, &["link"]);
    let screen = adder.sees_until("On the other device, run", "If somebody does, press Ctrl-C.");
    let mut joiner = Terminal::start_with(world.at("tablet").command(&["join", &code_in(&screen)]));
    joiner.then("On the other device, pick");
    adder.then("No answer in");
    world.stopped(|_| {});
    for end in [&mut adder, &mut joiner] {
        end.then("The connection to the server broke; trying again…");
        end.then("The server lost this linking. Nothing was linked.");
        end.then("Start again on both devices.");
        assert_eq!(end.child.wait().unwrap().code(), Some(4));
    }
}

#[test]
fn a_code_that_the_server_lost_is_told_as_such() {
    let mut world = with_a_letter();
    let mut person = Terminal::start(&world, &["lend", "--everything"]);
    person.then("Nobody will call you");
    world.stopped(|_| {});
    person.then("The server lost this code. Nothing was shared.");
    person.then("n shows a new code");
    person.presses("n");
    person.then("Nobody will call you");
    person.presses("q");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
}

#[test]
fn a_device_that_is_held_back_is_told_until_when_and_has_its_name_everywhere() {
    let world = with_a_letter();
    assert_eq!(world.events(&["chain", "rules", "--hold-new-devices", "2"])[0]["event"], "rules");
    let tablet = world.at("tablet");
    let mut adder = world.program(&["link"]);
    let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
    let mut joiner = Terminal::start_with(tablet.command(&["join", "--name", "Tablet", &code]));
    let shown = joiner.sees_until("On the other device, pick", "means no.");
    let words = shown.replace("\x1b[1m", "").replace("\x1b[0m", "");
    adder.event("asked");
    adder.does(&json!({ "do": "approve", "words": words.lines().nth(1).unwrap().trim() }));
    let device = adder.event("linked")["device"].clone();
    assert!(adder.ends().1.success());
    let end = joiner.sees_until("It is held back until ", "They are told that it joined.");
    assert!(joiner.child.wait().unwrap().success());
    assert!(!end.contains("shows the records"), "{end}");
    let listed = world.events(&["devices"]);
    let held = listed.iter().find(|entry| entry["device"] == device).unwrap();
    assert_eq!(held["name"], "Tablet", "{listed:?}");
    assert!(said(&tablet.glimpse(&["ls"])).contains("`glimpse devices` says until when"));
}
