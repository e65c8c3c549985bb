//! Recovery: a kit on paper, and an account that comes back with it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::terminal::Terminal;
use crate::world::{World, said};

/// Makes a kit; gives its pages.
fn kit(world: &World, name: &str) -> Vec<String> {
    let path = world.path(name);
    let made = world.events(&["recovery", "create", "--out", path.to_str().unwrap()]);
    assert_eq!((&made[0]["event"], &made[0]["shares"], &made[0]["needed"]), (&json!("kit"), &json!(3), &json!(2)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "for its owner alone");
    std::fs::read_to_string(&path).unwrap().split('\u{C}').map(str::to_owned).collect()
}

/// The words of a page, row by row as they are printed.
fn rows(page: &str) -> Vec<String> {
    let is_row =
        |line: &&str| line.trim_start().split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
    page.lines().filter(is_row).map(|line| line.trim().to_owned()).collect()
}

fn words(page: &str) -> Vec<String> {
    let all = rows(page).join(" ");
    all.split_whitespace().filter(|word| !word.ends_with('.')).map(str::to_owned).collect()
}

fn shares(files: &[PathBuf]) -> Vec<String> {
    files.iter().flat_map(|file| ["--share".to_owned(), file.display().to_string()]).collect()
}

fn restore<'a>(next: &'a str, given: &'a [String]) -> Vec<&'a str> {
    let begun = ["recovery", "restore", "--name", "New", "--out", next];
    begun.into_iter().chain(given.iter().map(String::as_str)).collect()
}

fn reads(place: &crate::world::Place<'_>) {
    let listed = place.events(&["ls"]);
    assert_eq!(listed[0]["title"], "letter", "{listed:?}");
    let shown = place.glimpse(&["show", listed[0]["record"].as_str().unwrap()]);
    assert!(said(&shown).contains("Dear reader"), "{shown:?}");
}

fn with_a_letter() -> World {
    let world = World::start();
    let letter = world.file("letter.txt", "Dear reader");
    assert!(world.glimpse(&["add", "--sensitive", letter.to_str().unwrap()]).status.success());
    world
}

#[test]
fn the_account_comes_back_with_two_pages_and_every_other_device_is_out() {
    let world = with_a_letter();
    let tablet = world.at("tablet");
    world.here().links(&tablet, "Tablet");
    let pages = kit(&world, "kit.txt");
    assert_eq!(pages.len(), 3);
    // One in words, one as the page is.
    let given = [world.file("one", words(&pages[0]).join("\n")), world.file("three", &pages[2])];
    let next = world.path("next.html");
    let new = world.at("new");
    let (events, exit) = new.ends(&restore(next.to_str().unwrap(), &shares(&given)));
    assert_eq!((&events[0]["event"], &events[0]["file"], exit), (&json!("recovered"), &json!(next), 0), "{events:?}");
    assert_eq!(events.last().unwrap(), &json!({ "event": "rekeyed", "done": 1, "all": 1 }));
    reads(&new);
    let devices = new.events(&["devices"]);
    assert_eq!((devices.len(), &devices[0]["name"], &devices[0]["this"]), (1, &json!("New"), &json!(true)));
    for out in [&world.here(), &tablet] {
        assert_eq!(out.refusal(&["ls"]), ("device-revoked".to_owned(), 3));
    }
    // The kit that was used is void; the one that it printed brings the account back once more, from the file itself.
    let other = world.at("other");
    let again = world.path("again.html");
    let (used, exit) = other.ends(&restore(again.to_str().unwrap(), &shares(&given)));
    assert_eq!((&used[0]["code"], exit), (&json!("not-found"), 4), "{used:?}");
    assert!(used[0]["message"].as_str().unwrap().contains("has this kit"), "{used:?}");
    assert!(!again.exists());
    let html = std::fs::read_to_string(&next).unwrap();
    assert_eq!(html.matches("<section>").count(), 3);
    let (events, exit) = other.ends(&restore(again.to_str().unwrap(), &shares(&[next])));
    assert_eq!((&events[0]["event"], exit), (&json!("recovered"), 0), "{events:?}");
    reads(&other);
    assert_eq!(new.refusal(&["ls"]), ("device-revoked".to_owned(), 3));
}

#[test]
fn a_share_that_cannot_be_used_is_named_with_its_reason() {
    let world = with_a_letter();
    let pages = kit(&world, "kit.txt");
    let foreign = World::start();
    let theirs = kit(&foreign, "kit.txt");
    let place = world.at("new");
    let next = world.path("next.txt");
    let file = |name: &str, words: Vec<String>| world.file(name, words.join(" "));
    let good = file("good", words(&pages[0]));
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut words = words(&pages[1]);
        change(&mut words);
        words
    };
    let swapped = changed(&|words| {
        let place = (0..31).find(|place| words[*place] != words[*place + 1]).unwrap();
        words.swap(place, place + 1);
    });
    for (given, message) in [
        (vec![good.clone()], "1 share of this kit is missing.".to_owned()),
        (vec![good.clone(), good.clone()], "Share 1 was given twice.".to_owned()),
        (vec![good.clone(), file("foreign", words(&theirs[1]))], "Share 2 is of another kit,".to_owned()),
        (vec![good.clone(), file("swapped", swapped)], "swapped is damaged: a word or a letter is another".to_owned()),
        (
            vec![good.clone(), file("short", changed(&|words| words.truncate(31)))],
            "short: a share has 32 words, and these are 31.".to_owned(),
        ),
        (
            vec![good.clone(), file("unknown", changed(&|words| "zzzz".clone_into(&mut words[6])))],
            "unknown: no share has words such as number 7.".to_owned(),
        ),
    ] {
        let (events, exit) = place.ends(&restore(next.to_str().unwrap(), &shares(&given)));
        let last = events.last().unwrap();
        assert_eq!((&last["code"], exit), (&json!("share"), 7), "{events:?}");
        assert!(last["message"].as_str().unwrap().contains(&message), "{message} in {last}");
        assert_ne!(last["next"], "", "{last}");
    }
    // A foreign kit that is whole is of no account here.
    let given: Vec<PathBuf> = theirs.iter().enumerate().map(|(n, page)| world.file(&format!("t{n}"), page)).collect();
    let (events, exit) = place.ends(&restore(next.to_str().unwrap(), &shares(&given)));
    assert_eq!((&events[0]["code"], exit), (&json!("not-found"), 4), "{events:?}");
    assert!(!next.exists());
    reads(&world.here());
    // Control: the good one and another do it.
    let given = [good, file("second", words(&pages[1]))];
    assert_eq!(place.ends(&restore(next.to_str().unwrap(), &shares(&given))).1, 0);
}

#[test]
fn what_cannot_be_begun_is_said_before_anything_is_asked() {
    let world = with_a_letter();
    let taken = world.file("taken.txt", "mine");
    let taken = taken.to_str().unwrap();
    let here = world.here();
    assert_eq!(here.refusal(&["recovery", "create", "--out", taken]), ("output".to_owned(), 9));
    assert_eq!(std::fs::read(taken).unwrap(), b"mine");
    let free = world.path("free.txt");
    let free = free.to_str().unwrap();
    let odd = ["recovery", "create", "--out", free, "--shares", "2", "--needed", "3"];
    assert_eq!(here.refusal(&odd), ("usage".to_owned(), 2));
    let new = world.at("new");
    assert_eq!(new.refusal(&["recovery", "create", "--out", free]), ("no-account".to_owned(), 3));
    assert_eq!(new.refusal(&["recovery", "restore", "--out", taken]), ("output".to_owned(), 9));
    assert_eq!(
        new.refusal(&["recovery", "restore", "--out", free]),
        ("usage".to_owned(), 2),
        "no share, nobody to ask"
    );
    assert_eq!(here.refusal(&["recovery", "restore", "--out", free]), ("account-exists".to_owned(), 1));
    let missing = shares(&[world.path("nowhere")]);
    assert_eq!(new.refusal(&restore(free, &missing)), ("input".to_owned(), 9));
    assert!(said(&world.glimpse(&["recovery", "veto", "--yes"])).contains("No recovery waits."));
    assert!(!std::path::Path::new(free).exists());
}

#[test]
fn a_recovery_that_is_announced_can_be_stopped() {
    let world = with_a_letter();
    kit(&world, "kit.txt");
    world.events(&["chain", "rules", "--announce-recovery", "3"]);
    let new = world.at("new");
    let next = world.path("next.txt");
    let given = shares(&[world.path("kit.txt")]);
    let (events, exit) = new.ends(&restore(next.to_str().unwrap(), &given));
    let (due, now) = (events[0]["due"].as_u64().unwrap(), events[0]["now"].as_u64().unwrap());
    assert_eq!((&events[0]["event"], exit, due - now), (&json!("recovery-waiting"), 0, 3 * 24 * 60 * 60 * 1000));
    assert!(!next.exists(), "no kit follows before its time");
    reads(&world.here());
    let notices: Vec<Value> = world.events(&["inbox"]);
    let asked = notices.iter().find(|notice| notice["kind"] == "recovery-asked").unwrap();
    assert_eq!((&asked["alarm"], &asked["until"]), (&json!(true), &json!(due)));
    assert_eq!(world.events(&["recovery", "veto", "--yes"])[0]["event"], "vetoed");
    assert_eq!(new.refusal(&restore(next.to_str().unwrap(), &given)), ("recovery-vetoed".to_owned(), 6));
    // Control: with a rule that announces nothing and another kit it is done at once.
    world.events(&["chain", "rules", "--announce-recovery", "0"]);
    kit(&world, "second.txt");
    let given = shares(&[world.path("second.txt")]);
    let (events, exit) = world.at("third").ends(&restore(next.to_str().unwrap(), &given));
    assert_eq!((&events[0]["event"], exit), (&json!("recovered"), 0), "{events:?}");
}

#[test]
fn a_person_types_the_words_row_by_row() {
    let world = with_a_letter();
    let pages = kit(&world, "kit.txt");
    let next = world.path("next.txt");
    let new = world.at("new");
    let arguments = ["recovery", "restore", "--out", next.to_str().unwrap()];
    let mut command = new.command(&arguments);
    command.env_remove("GLIMPSE_PASSPHRASE_FILE");
    let mut person = Terminal::start_with(command);
    person.then("Share 1");
    // A start that is thought better of.
    person.presses("hello world\r");
    person.then("Share 1, from word 3 on");
    person.presses("\r");
    person.then("What was typed of this share is forgotten.");
    let mut from = 1;
    for row in rows(&pages[0]) {
        let question = if from == 1 { "Share 1".to_owned() } else { format!("Share 1, from word {from} on") };
        person.then(&question);
        person.presses(&format!("{row}\r"));
        from += 4;
    }
    person.then("1 more to go.");
    person.then("Share 2");
    // The same page once more; then one with a slip; then a good one.
    person.presses(&format!("{}\r", words(&pages[0]).join(" ")));
    person.then("Share 1 was given twice.");
    person.then("Share 2");
    let mut slip = words(&pages[1]);
    slip.reverse();
    person.presses(&format!("{}\r", slip.join(" ")));
    person.then("This share is damaged");
    person.then("Share 2");
    person.presses(&format!("{}\r", words(&pages[1]).join(" ").to_uppercase()));
    for question in ["New passphrase", "The same again"] {
        person.confides(question, "correct horse battery");
    }
    person.then("The account is back.");
    person.then("sealed anew.");
    assert!(person.child.wait().unwrap().success());
    reads(&new);
}

#[test]
fn a_person_who_leaves_a_restore_has_begun_nothing() {
    let world = with_a_letter();
    let next = world.path("next.txt");
    let new = world.at("new");
    let mut person = Terminal::start_with(new.command(&["recovery", "restore", "--out", next.to_str().unwrap()]));
    person.then("Share 1");
    person.presses("\x03");
    person.then("You broke it off. Nothing was begun.");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    assert!(person.echoes() && !next.exists() && !new.home.exists());
}
