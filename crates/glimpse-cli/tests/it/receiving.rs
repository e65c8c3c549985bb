//! `receive` without `--json`: everything that was lent, or a word about what is missing.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::terminal::Terminal;
use crate::world::{Program, World};

/// A viewer for people, and the words that it shows.
fn viewer(world: &World, code: &str, more: &[&str]) -> (Child, String) {
    let arguments: Vec<&str> = ["receive", code].into_iter().chain(more.iter().copied()).collect();
    let mut child = world.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("Yours are:") {
        assert_ne!(errors.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    let mut words = String::new();
    errors.read_line(&mut words).unwrap();
    // A pipe that nobody reads would fill up.
    child.stderr = Some(errors.into_inner());
    (child, words.trim().to_owned())
}

fn started(world: &World) -> (Program, String) {
    let mut lending = world.program(&["lend", "--everything", "--save"]);
    let code = lending.event("code")["code"].as_str().unwrap().to_owned();
    (lending, code)
}

#[test]
fn everything_that_was_lent_comes_and_the_session_ends() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    world.add(&world.file("note.txt", "Milk"));
    let (mut lending, code) = started(&world);
    let (child, words) = viewer(&world, &code, &[]);
    lending.event("peer");
    lending.does(&json!({ "do": "approve", "words": words }));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"MilkDear reader");
    let (said, _) = lending.ends();
    assert_eq!(said.last().unwrap()["openings"], 2);
}

#[test]
fn a_session_that_the_lender_ends_in_the_middle_is_no_success() {
    let world = World::start();
    for number in 0..3 {
        world.add(&world.file(&format!("scan {number}.bin"), vec![number; 12_000_000]));
    }
    let folder = world.path("saved");
    let (mut lending, code) = started(&world);
    let (mut child, words) = viewer(&world, &code, &["--out", folder.to_str().unwrap()]);
    lending.event("peer");
    lending.does(&json!({ "do": "approve", "words": words }));
    // The viewer stands still while the lender ends what it has just begun to open.
    lending.event("opened");
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::STOP).unwrap();
    lending.does(&json!({ "do": "end" }));
    assert!(lending.ends().1.success());
    kill_process(pid, Signal::CONT).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(10), "{said}");
    assert!(said.contains("The session was ended.") && said.contains("of 3 records received."), "{said}");
    assert!(!said.contains("3 of 3"), "{said}");
    // Half a file is under no name.
    let whole: Vec<u64> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).collect();
    assert!(whole.len() < 3 && whole.iter().all(|length| *length == 12_000_000), "{whole:?}");
}

#[test]
fn two_records_with_the_same_long_name_do_not_end_in_one_file() {
    let world = World::start();
    let name = "n".repeat(180);
    let contents = [vec![b'a'; 9_000_000], vec![b'b'; 9_000_000]];
    for content in &contents {
        world.add(&world.file(&format!("{name}.txt"), content));
    }
    let folder = world.path("saved");
    let (mut lending, code) = started(&world);
    let mut viewer = world.program(&["receive", &code, "--out", folder.to_str().unwrap()]);
    let words = viewer.event("words")["words"].clone();
    lending.event("peer");
    lending.does(&json!({ "do": "approve", "words": words }));
    let granted = viewer.event("granted");
    // Side by side.
    for record in granted["records"].as_array().unwrap() {
        viewer.does(&json!({ "do": "open", "unit": record["unit"] }));
    }
    let mut saved: Vec<Vec<u8>> =
        (0..2).map(|_| fs::read(viewer.event("content")["file"].as_str().unwrap()).unwrap()).collect();
    saved.sort();
    assert!(saved == contents, "{:?}", saved.iter().map(Vec::len).collect::<Vec<_>>());
    viewer.does(&json!({ "do": "end" }));
    let (said, status) = viewer.ends();
    assert_eq!(said.last().unwrap()["received"], 2);
    assert!(status.success());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no scratch is left");
}

#[test]
fn who_leaves_before_anything_came_is_told_so_and_no_code_that_links_is_taken() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let (mut lending, code) = started(&world);
    let mut viewer = Terminal::start(&world, &["receive"]);
    let mut linking = world.program(&["link", "--digits"]);
    let link = linking.event("code")["code"].as_str().unwrap().to_owned();
    viewer.then("Type the code that the other screen shows.");
    viewer.then("Code: ");
    viewer.presses(&format!("{link}\r"));
    viewer.then("This is a code for linking: it lends nothing.");
    // A slip is asked for again.
    viewer.then("Code: ");
    viewer.presses("123\r");
    viewer.then("This code has a typing slip.");
    viewer.then("Code: ");
    viewer.presses(&format!("{code}\r"));
    viewer.then("Yours are:");
    viewer.interrupts();
    viewer.then("\r\n");
    viewer.then("You broke it off. Nothing was received.");
    assert_eq!(viewer.child.wait().unwrap().code(), Some(6));
    // Whoever lends hears of a refusal, and of no session: there was none.
    assert_eq!(lending.event("error")["code"], "declined");
    assert_eq!(lending.ends().1.code(), Some(6));

    let mut viewer = Terminal::start(&world, &["receive"]);
    viewer.then("Code: ");
    viewer.hides();
    viewer.presses("\x03");
    viewer.then("You broke it off.");
    assert_eq!(viewer.child.wait().unwrap().code(), Some(6));
}
