//! `lend` and `receive` as programs use them, and what else a home can do with sessions.

use std::fs;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::world::{Program, World, said};

fn code(lending: &mut Program) -> String {
    lending.event("code")["code"].as_str().unwrap().to_owned()
}

/// From the code to the session; gives the viewer.
fn pair(world: &World, lending: &mut Program, more: &[&str]) -> (Program, Value) {
    let code = code(lending);
    pair_with(world, lending, &code, more)
}

fn pair_with(world: &World, lending: &mut Program, code: &str, more: &[&str]) -> (Program, Value) {
    let arguments: Vec<&str> = ["receive", code].into_iter().chain(more.iter().copied()).collect();
    let mut viewer = world.program(&arguments);
    let words = viewer.event("words")["words"].clone();
    let peer = lending.event("peer");
    assert!(peer["words"].as_array().unwrap().contains(&words), "{words} in {peer}");
    assert!(peer["program"].as_str().unwrap().starts_with("glimpse receive"));
    assert_eq!(
        (&peer["case"], &peer["reason"], &peer["count"]),
        (&json!(""), &json!(""), &lending.last("code")["count"])
    );
    lending.does(&json!({ "do": "approve", "words": words }));
    let granted = viewer.event("granted");
    (viewer, granted)
}

fn started(world: &World, arguments: &[&str]) -> Program {
    let all: Vec<&str> = ["lend"].into_iter().chain(arguments.iter().copied()).collect();
    world.program(&all)
}

#[test]
fn a_session_in_events_and_commands() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    world.add(&world.file("photo.png", b"\x89PNG\r\n\x1a\n\xff\xfe"));
    let note = world.add(&world.file("note.txt", "Milk"));
    let mut lending = started(&world, &["--kind", "text", "--kind", "image", "--for", "5"]);
    let offered = lending.event("code");
    assert_eq!((&offered["count"], &offered["by_key"], &offered["save"]), (&json!(3), &json!(0), &json!(false)));
    assert_eq!((&offered["millis"], &offered["records"][0]["title"]), (&json!(300_000), &json!("note")));
    assert_eq!((&offered["records"][0]["bytes"], &offered["records"][2]["by_key"]), (&json!(4), &json!(false)));
    let (mut viewer, granted) = pair_with(&world, &mut lending, offered["code"].as_str().unwrap(), &[]);
    assert_eq!(granted["name"], "Mara");
    assert_eq!(granted["save"], false);
    let records = granted["records"].as_array().unwrap();
    let titles: Vec<&str> = records.iter().map(|record| record["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["note", "photo", "letter"]);
    assert_eq!(lending.event("granted")["records"].as_array().unwrap().len(), 3);

    viewer.does(&json!({ "do": "open", "unit": records[2]["unit"] }));
    assert_eq!(viewer.event("content")["text"], "Dear reader");
    assert_eq!(lending.event("opened")["title"], "letter");
    viewer.does(&json!({ "do": "open", "unit": records[1]["unit"] }));
    assert_eq!(viewer.event("content")["base64"], "iVBORw0KGgr//g==");

    viewer.does(&json!({ "do": "ask-time", "minutes": 7 }));
    let asked = lending.event("asked");
    assert_eq!((&asked["what"], &asked["minutes"]), (&json!("time"), &json!(7)));
    lending.does(&json!({ "do": "extend", "minutes": 7 }));
    let left = lending.event("changed")["expires_in"].as_u64().unwrap();
    assert!((700_000..=720_000).contains(&left), "{left}");
    viewer.event("changed");
    viewer.does(&json!({ "do": "ask-record", "text": "the \u{1b}[31mother letter" }));
    assert_eq!(lending.event("asked")["what"], "record");
    lending.does(&json!({ "do": "refuse" }));
    let budget = lending.last("granted")["budget"].as_u64().unwrap();
    lending.does(&json!({ "do": "allow", "openings": 10 }));
    assert_eq!(lending.event("changed")["budget"], budget + 10);
    // What makes no sense changes nothing.
    lending.does(&json!({ "do": "explode" }));
    assert_eq!(lending.event("error")["code"], "usage");
    lending.does(&json!({ "do": "add", "records": ["AAAAAAAAAAAAAAAAAAAAAA"] }));
    assert_eq!(lending.event("not-changed")["code"], "not-found");
    lending.does(&json!({ "do": "add", "records": [note] }));
    assert_eq!(lending.event("changed")["records"][0]["title"], "note");

    let session = world.events(&["sessions"]);
    assert_eq!((&session[0]["opened"], &session[0]["ended"]), (&json!(2), &Value::Null));
    lending.does(&json!({ "do": "end" }));
    let (said, status) = lending.ends();
    let ended = said.last().unwrap();
    assert_eq!((&ended["event"], &ended["code"]), (&json!("ended"), &json!("session-ended")));
    assert_eq!((&ended["openings"], &ended["verified"]), (&json!(2), &json!(true)));
    assert!(status.success());
    let (said, status) = viewer.ends();
    assert_eq!(said.last().unwrap()["code"], "session-ended");
    assert!(status.success());

    let trail = world.events(&["receipts"]);
    let summary = trail.last().unwrap();
    assert_eq!(
        (&summary["verified"], &summary["countersigned"], &summary["openings"]),
        (&json!(true), &json!(true), &json!(2))
    );
    let what: Vec<&str> = trail.iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(
        what,
        ["granted", "opened", "opened", "granted", "granted", "granted", "ended", "deleted", "countersigned"]
    );

    // Somebody else checks the log: without a home, a server or a passphrase.
    let file = world.path("log");
    let card = world.events(&["card"])[0]["card"].as_str().unwrap().to_owned();
    assert!(world.glimpse(&["receipts", "-o", file.to_str().unwrap()]).status.success());
    let elsewhere = |file: &str, card: &str| {
        let mut command = world.bare(&["--json", "receipts", "verify", file, "--card", card]);
        let output = command.env("GLIMPSE_HOME", "/nowhere").env_remove("GLIMPSE_PASSPHRASE_FILE").output().unwrap();
        let last = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
        (output.status.code(), last)
    };
    let (status, last) = elsewhere(file.to_str().unwrap(), &card);
    assert_eq!((status, &last["verified"], &last["openings"]), (Some(0), &json!(true), &json!(2)), "{last}");
    // A bit of a receipt, and the card of somebody else.
    let mut bytes = fs::read(&file).unwrap();
    let place = bytes.len() - 40;
    bytes[place] ^= 1;
    let changed = world.file("changed", &bytes);
    let (status, last) = elsewhere(changed.to_str().unwrap(), &card);
    assert_eq!((status, &last["code"]), (Some(8), &json!("record-tampered")), "{last}");
    assert!(last["message"].as_str().unwrap().starts_with("Receipt 8 does not hold"), "{last}");
    let other = World::start();
    let others = other.events(&["card"])[0]["card"].as_str().unwrap().to_owned();
    let (status, last) = elsewhere(file.to_str().unwrap(), &others);
    assert_eq!(status, Some(8));
    assert!(last["message"].as_str().unwrap().contains("account of this card"), "{last}");
    let (status, _) = elsewhere("/nowhere/log", &card);
    assert_eq!(status, Some(9));
}

#[test]
fn days_choose() {
    let world = World::start();
    for (name, day) in
        [("old", "2020-02-28 23:59:59"), ("middle", "2020-02-29 12:00:00"), ("late", "2020-03-01 00:00:00")]
    {
        let file = world.file(&format!("{name}.txt"), name);
        let touched = std::process::Command::new("touch").args(["-d", &format!("{day} UTC")]).arg(&file).status();
        assert!(touched.unwrap().success());
        world.add(&file);
    }
    // Newest first, by the date that is shown.
    let titles: Vec<String> =
        world.listed().iter().map(|record| record["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles, ["late", "middle", "old"]);
    for (arguments, wanted) in [
        (&["--since", "2020-02-29"][..], &["late", "middle"][..]),
        (&["--until", "2020-02-29"], &["middle", "old"]),
        (&["--since", "2020-02-29", "--until", "2020-02-29", "--kind", "text"], &["middle"]),
    ] {
        let mut lending = started(&world, arguments);
        let offered = lending.event("code");
        let titles: Vec<&str> =
            offered["records"].as_array().unwrap().iter().map(|record| record["title"].as_str().unwrap()).collect();
        assert_eq!(titles, wanted, "{arguments:?}");
        lending.does(&json!({ "do": "cancel" }));
        lending.ends();
    }
    for wrong in [
        &["--since", "2020-02-30"][..],
        &["--since", "soon"],
        &["--everything", "--since", "2020-01-01"],
        &["--kind", "x"],
    ] {
        let all: Vec<&str> = ["--json", "lend"].iter().chain(wrong).copied().collect();
        assert_eq!(world.glimpse(&all).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(world.glimpse(&["--json", "lend", "--since", "2021-01-01"]).status.code(), Some(4));
}

#[test]
fn words_that_are_not_on_the_other_screen_share_nothing() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut lending = started(&world, &["--everything"]);
    let mut viewer = world.program(&["receive", &code(&mut lending)]);
    let words = viewer.event("words")["words"].clone();
    let peer = lending.event("peer");
    let decoy = peer["words"].as_array().unwrap().iter().find(|pair| **pair != words).unwrap();
    lending.does(&json!({ "do": "approve", "words": decoy }));
    let (said, status) = lending.ends();
    assert_eq!((said.last().unwrap()["code"].as_str(), status.code()), (Some("code-wrong"), Some(7)));
    let (said, status) = viewer.ends();
    assert_eq!((said.last().unwrap()["code"].as_str(), status.code()), (Some("code-wrong"), Some(7)));
    assert!(world.events(&["sessions"]).is_empty());
}

#[test]
fn no_answer_and_a_closed_input_are_no_yes_and_a_signal_closes_everything() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut lending = started(&world, &["--everything"]);
    let mut viewer = world.program(&["receive", &code(&mut lending)]);
    viewer.event("words");
    lending.event("peer");
    lending.hangs_up();
    // Still nothing was granted when it is told to stop, and the viewer hears why.
    lending.signal(Signal::TERM);
    let (said, status) = lending.ends();
    assert!(said.iter().all(|event| event["event"] != "granted"), "{said:?}");
    assert_eq!((said.last().unwrap()["code"].as_str(), status.code()), (Some("declined"), Some(6)));
    let (said, status) = viewer.ends();
    assert_eq!((said.last().unwrap()["code"].as_str(), status.code()), (Some("declined"), Some(6)));

    // In the session a signal ends it for both, and leaves nothing on the server.
    let mut lending = started(&world, &["--everything"]);
    let (viewer, _) = pair(&world, &mut lending, &[]);
    lending.event("granted");
    lending.signal(Signal::INT);
    let (said, status) = lending.ends();
    assert_eq!((said.last().unwrap()["code"].as_str(), status.code()), (Some("session-ended"), Some(0)));
    assert_eq!(viewer.ends().0.last().unwrap()["code"], "session-ended");
    assert_eq!(world.events(&["sessions"])[0]["ended"], "session-ended");
}

#[test]
fn another_process_ends_a_session_and_a_killed_one_leaves_it_to_be_ended() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut lending = started(&world, &["--everything"]);
    let (viewer, _) = pair(&world, &mut lending, &[]);
    lending.event("granted");
    assert_eq!(world.events(&["end"]).len(), 1);
    assert_eq!(lending.ends().0.last().unwrap()["code"], "session-ended");
    assert_eq!(viewer.ends().0.last().unwrap()["code"], "session-ended");

    let mut lending = started(&world, &["--everything"]);
    let (viewer, _) = pair(&world, &mut lending, &[]);
    lending.event("granted");
    lending.signal(Signal::KILL);
    lending.ends();
    let running = world.events(&["sessions"]);
    assert_eq!(running.iter().filter(|session| session["ended"].is_null()).count(), 1, "{running:?}");
    assert_eq!(world.events(&["end"]).len(), 1);
    assert_eq!(viewer.ends().0.last().unwrap()["code"], "session-ended");
    assert!(world.events(&["end"]).is_empty());
}

#[test]
fn saving_needs_the_right_to_save() {
    let world = World::start();
    world.add(&world.file("../letter.txt".trim_start_matches("../"), "Dear reader"));
    let folder = world.path("saved");
    let to = ["--out", folder.to_str().unwrap()];
    let mut lending = started(&world, &["--everything", "--save"]);
    let (mut viewer, granted) = pair(&world, &mut lending, &to);
    viewer.does(&json!({ "do": "open", "unit": granted["records"][0]["unit"] }));
    let file = viewer.event("content")["file"].as_str().unwrap().to_owned();
    assert_eq!(fs::read(&file).unwrap(), b"Dear reader");
    viewer.does(&json!({ "do": "end" }));
    assert!(viewer.ends().1.success() && lending.ends().1.success());

    let mut lending = started(&world, &["--everything", "--view-only"]);
    let (mut viewer, _granted) = pair(&world, &mut lending, &to);
    assert_eq!(viewer.event("error")["code"], "save-not-granted");
    // Nothing was opened in vain, and the session does not run on.
    let (told, status) = lending.ends();
    assert!(status.success() && told.iter().all(|event| event["event"] != "opened"), "{told:?}");
    assert!(told.iter().any(|event| event["event"] == "ended"), "{told:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "control: the one that was allowed");
}

#[test]
fn what_may_not_be_lent_is_not() {
    let world = World::start();
    let secret = world.file("key.txt", "swordfish");
    let added = world.events(&["add", "--never-lend", secret.to_str().unwrap()]);
    let id = added[0]["record"].as_str().unwrap();
    let refused = world.glimpse(&["--json", "lend", id]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("never-lend"), "{}", said(&refused));
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut lending = started(&world, &["--everything"]);
    assert_eq!(lending.event("skipped")["record"], id);
    let (mut viewer, granted) = pair(&world, &mut lending, &[]);
    assert_eq!(granted["records"].as_array().unwrap().len(), 1);
    viewer.does(&json!({ "do": "end" }));
    // Nothing chosen, and nobody to ask.
    assert_eq!(world.glimpse(&["--json", "lend"]).status.code(), Some(2));
    assert_eq!(world.glimpse(&["lend", "--everything"]).status.code(), Some(2));
    assert_eq!(world.glimpse(&["--json", "lend", "--everything", "--for", "3h"]).status.code(), Some(2));
}

#[test]
fn codes_that_are_no_codes() {
    let world = World::start();
    for (typed, code, exit) in [("", "usage", 2), ("123", "code-mistyped", 7), ("0000000000", "code-unknown", 7)] {
        let arguments: Vec<&str> = ["receive"].into_iter().chain((!typed.is_empty()).then_some(typed)).collect();
        let events = world.events(&arguments);
        assert_eq!(events.last().unwrap()["code"], code);
        assert_eq!(world.glimpse(&arguments).status.code(), Some(exit));
    }
}

#[test]
fn a_writer_needs_no_account() {
    let world = World::start();
    let card = world.events(&["card"])[0]["card"].as_str().unwrap().to_owned();
    let result = world.file("result.txt", "fine");
    let there = world.path("writer");
    let written = world.glimpse(&[
        "--json",
        "write",
        "--to",
        &card,
        "--from",
        "Dr. \u{1b}[31mWeber",
        "--key",
        there.to_str().unwrap(),
        result.to_str().unwrap(),
    ]);
    assert!(written.status.success(), "{}", said(&written));
    let listed = world.listed();
    assert_eq!((&listed[0]["standing"], &listed[0]["title"]), (&json!("pending"), &json!("result")));
    let shown = said(&world.glimpse(&["ls"]));
    assert!(shown.contains("not approved") && !shown.contains('\x1b'), "{shown:?}");
    let wrong = world.glimpse(&["write", "--to", "no card", result.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// What the system lets a process write when it crashes, in bytes: what it asked for, and what it may ask for.
fn core_limits(process: &str) -> [String; 2] {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let mut columns = core.split_whitespace().skip(4).map(str::to_owned);
    [columns.next().unwrap(), columns.next().unwrap()]
}

#[test]
fn a_command_that_crashes_leaves_no_memory_behind() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    // Control: what is started here may leave a core, unless it gives that up itself.
    let all = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: all, maximum: all }).unwrap();
    assert_ne!(core_limits("self")[0], "0");
    let mut lending = started(&world, &["--everything"]);
    lending.event("code");
    assert_eq!(core_limits(&lending.child.id().to_string()), ["0", "0"]);
    lending.does(&json!({ "do": "cancel" }));
    lending.ends();
}
