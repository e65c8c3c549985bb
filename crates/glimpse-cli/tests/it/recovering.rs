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
    assert_eq!((&events[0]["shares"], &events[0]["needed"]), (&json!(3), &json!(2)));
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
    for nowhere in [&["recovery", "create"][..], &["recovery", "restore"]] {
        assert_eq!(new.refusal(nowhere), ("usage".to_owned(), 2), "no file, nobody to ask");
    }
    for odd in [&["--shares", "17"][..], &["--needed", "0"], &["--shares", "3", "--needed", "1"]] {
        let all: Vec<&str> = ["recovery", "restore", "--out", free].iter().chain(odd).copied().collect();
        assert_eq!(new.refusal(&all), ("usage".to_owned(), 2), "{odd:?}");
    }
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
    // The home says what is in it, and is not founded over; another passphrase than the first is refused.
    for other in [&["ls"][..], &["account", "create"]] {
        assert_eq!(new.refusal(other), ("recovery-waits".to_owned(), 1), "{other:?}");
    }
    let wrong = world.secret("wrong", "another passphrase\n");
    let mut with_wrong = restore(next.to_str().unwrap(), &given);
    with_wrong.extend(["--passphrase-file", wrong.to_str().unwrap()]);
    assert_eq!(new.refusal(&with_wrong), ("passphrase".to_owned(), 3));
    assert_eq!(world.events(&["recovery", "veto", "--yes"])[0]["event"], "vetoed");
    assert_eq!(new.refusal(&restore(next.to_str().unwrap(), &given)), ("recovery-vetoed".to_owned(), 6));
    // Control: with a rule that announces nothing and another kit it is done at once.
    world.events(&["chain", "rules", "--announce-recovery", "0"]);
    let second = world.path("second.txt");
    world.events(&["recovery", "create", "--yes", "--out", second.to_str().unwrap()]);
    let given = shares(&[world.path("second.txt")]);
    let (events, exit) = world.at("third").ends(&restore(next.to_str().unwrap(), &given));
    assert_eq!((&events[0]["event"], exit), (&json!("recovered"), 0), "{events:?}");
}

/// The letters of a page, in two lines as they are printed.
fn letters(page: &str) -> (&str, &str) {
    page[page.find("GLIMPSE-KIT").unwrap()..].trim_end().split_once('\n').unwrap()
}

#[test]
fn a_person_types_the_words_row_by_row_and_a_slip_costs_no_more_than_what_is_wrong() {
    let world = with_a_letter();
    let pages = kit(&world, "kit.txt");
    let next = world.path("next.txt");
    let new = world.at("new");
    let mut command = new.command(&["recovery", "restore"]);
    command.env_remove("GLIMPSE_PASSPHRASE_FILE").current_dir(world.folder.path());
    let mut person = Terminal::start_with(command);
    // The passphrase comes first, and again until it is one.
    person.confides("New passphrase", "short");
    person.then("A passphrase has at least 8 characters.");
    person.confides("New passphrase", "correct horse battery");
    person.confides("The same again", "correct horse batter");
    person.then("The two were not the same.");
    person.confides("New passphrase", "correct horse battery");
    person.confides("The same again", "correct horse battery");
    person.then("File for the pages");
    person.hides();
    person.presses(&format!("{}\r", next.display()));
    person.then("after 3 minutes without a key, what was typed is forgotten");
    person.then("First page");
    person.hides();
    person.presses("xxxx yyy\r");
    person.then("No page has a word such as number 1.");
    let page = rows(&pages[0]);
    for (place, row) in page.iter().take(7).enumerate() {
        let question = format!("{:>2}: ", place * 4 + 1);
        person.then(&question);
        person.hides();
        // An Enter too many forgets nothing.
        person.presses("\r");
        person.then(&question);
        person.hides();
        person.presses(&format!("{row}\r"));
    }
    let all = words(&pages[0]);
    person.then("29: ");
    person.hides();
    person.presses(&format!("{} {} {} zzzz\r", all[28], all[29], all[30]));
    person.then("No page has a word such as number 32.");
    person.then("32: ");
    person.hides();
    person.presses(if all[31] == "zoo" { "abandon\r" } else { "zoo\r" });
    person.then("This page is damaged");
    person.then(page.first().unwrap().split_whitespace().nth(1).unwrap());
    person.then("Number and word: ");
    person.hides();
    person.presses(&format!("32. {}\r", all[31].to_uppercase()));
    person.then("Taken: share 1 of the kit");
    person.then("1 more page to go.");
    person.then("Second page");
    person.hides();
    person.presses(&format!("{}\r", all.join(" ")));
    person.then("Share 1 was given twice.");
    let (first, second) = letters(&pages[1]);
    for line in [first, second] {
        person.then(" 1: ");
        person.hides();
        person.presses(&format!("{line}\r"));
    }
    person.then("The account is back.");
    person.then("next.txt: 3 shares, any 2 of them");
    person.then("sealed anew.");
    assert!(person.child.wait().unwrap().success());
    reads(&new);
}

#[test]
fn the_line_on_a_page_works_as_it_is_printed() {
    let world = with_a_letter();
    let pages = kit(&world, "kit.txt");
    let line = pages[0].lines().find(|line| line.trim_start().starts_with("glimpse recovery restore")).unwrap();
    assert!(line.ends_with(&world.server.url()), "{line}");
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let new = world.at("new");
    let mut command = world.bare(&arguments);
    command.env("GLIMPSE_HOME", &new.home).current_dir(world.folder.path());
    let mut person = Terminal::start_with(command);
    person.then("File for the pages");
    person.hides();
    person.presses("\r");
    for (question, page) in [("First page", &pages[2]), ("Second page", &pages[0])] {
        person.then(question);
        person.hides();
        person.presses(&format!("{}\r", words(page).join(" ")));
    }
    person.then("The account is back.");
    assert!(person.child.wait().unwrap().success());
    assert!(world.path("glimpse-kit.html").exists());
    reads(&new);
}

#[test]
fn the_kit_that_follows_is_cut_as_the_one_that_was_used() {
    let world = with_a_letter();
    let first = world.path("kit.txt");
    let made =
        world.events(&["recovery", "create", "--shares", "4", "--needed", "3", "--out", first.to_str().unwrap()]);
    assert_eq!((&made[0]["shares"], &made[0]["needed"]), (&json!(4), &json!(3)));
    let next = world.path("next.txt");
    let events = world.at("new").events(&restore(next.to_str().unwrap(), &shares(&[first])));
    assert_eq!((&events[0]["shares"], &events[0]["needed"]), (&json!(4), &json!(3)), "{events:?}");
    assert_eq!(std::fs::read_to_string(&next).unwrap().matches("share 4 of 4").count(), 1);
    // Said otherwise, it is otherwise; and people are told as at the first kit.
    let after = world.path("after.txt");
    let mut given = shares(&[next]);
    given.extend(["--shares".to_owned(), "5".to_owned()]);
    let told = said(&world.at("newer").glimpse(&restore(after.to_str().unwrap(), &given)));
    assert!(told.contains("after.txt: 5 shares, any 3 of them"), "{told}");
}

#[test]
fn a_restore_that_went_through_before_it_broke_off_needs_no_share_and_names_no_file_that_is_not_there() {
    let world = with_a_letter();
    kit(&world, "kit.txt");
    let next = world.path("next.txt");
    let new = world.at("new");
    assert_eq!(new.ends(&restore(next.to_str().unwrap(), &shares(&[world.path("kit.txt")]))).1, 0);
    // Killed before it noted that the account is there: the flag that says so, between the name and what it is.
    let profile = new.home.join("account.cbor");
    let mut bytes = std::fs::read(&profile).unwrap();
    let confirmed = bytes.windows(4).rposition(|flags| flags == [0xF5, 0xF6, 0xF5, 0xF5]).unwrap();
    bytes[confirmed] = 0xF4;
    std::fs::write(&profile, bytes).unwrap();
    assert_eq!(new.refusal(&["ls"]), ("recovery-waits".to_owned(), 1));
    let mut command = new.command(&["recovery", "restore"]);
    command.current_dir(world.folder.path());
    let mut person = Terminal::start_with(command);
    person.then("A recovery was begun in this home.");
    person.then("The account is back.");
    person.then("in the file that you named then.");
    assert!(person.child.wait().unwrap().success());
    reads(&new);
}

#[test]
fn a_kit_that_would_make_another_void_is_asked_for() {
    let world = with_a_letter();
    kit(&world, "kit.txt");
    let next = world.path("next.txt");
    let create = ["recovery", "create", "--out", next.to_str().unwrap()];
    assert_eq!(world.here().refusal(&create), ("usage".to_owned(), 2), "nobody to ask");
    let mut person = Terminal::start(&world, &create);
    person.then("Its pages open nothing once there is another.");
    person.then("Make another kit?");
    person.hides();
    person.presses("n");
    person.then("Nothing was done.");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    assert!(!next.exists());
    // Control: the first kit counts; after a yes the second does, and the first no more.
    world.events(&["chain", "rules", "--announce-recovery", "3"]);
    let after = world.path("after.txt");
    let with = |kit: &str| restore(after.to_str().unwrap(), &shares(&[world.path(kit)])).join(" ");
    let try_with = |name: &str, kit: &str| {
        let line = with(kit);
        world.at(name).ends(&line.split(' ').collect::<Vec<_>>())
    };
    assert_eq!(try_with("one", "kit.txt").0[0]["event"], "recovery-waiting");
    let mut person = Terminal::start(&world, &create);
    person.then("Make another kit?");
    person.hides();
    person.presses("y");
    person.then("next.txt: 3 shares, any 2 of them");
    person.then("The kit from before is void");
    assert!(person.child.wait().unwrap().success());
    assert_eq!(try_with("two", "kit.txt").1, 4);
    assert_eq!(try_with("three", "next.txt").0[0]["event"], "recovery-waiting");
}

#[test]
fn what_would_be_typed_in_vain_is_not_asked_for() {
    let world = World::start();
    let asks = |place: &crate::world::Place<'_>, arguments: &[&str], server: &str| {
        let mut command = place.command(arguments);
        command.env_remove("GLIMPSE_PASSPHRASE_FILE").env("GLIMPSE_SERVER", server);
        Terminal::start_with(command)
    };
    // Nobody listens at port 1.
    let (gone, own) = ("http://127.0.0.1:1", world.server.url());
    let (new, here) = (world.at("new"), world.here());
    for (place, arguments, server, said, exit) in [
        (&new, &["recovery", "restore"][..], gone, "The server cannot be reached", 5),
        (&new, &["account", "create"], gone, "The server cannot be reached", 5),
        (&here, &["account", "create"], gone, "There is an account in this home already.", 1),
        (&new, &["join"], gone, "http://127.0.0.1:1 is its address", 5),
        (&new, &["recovery", "restore", "--out", "nowhere/kit.txt"], &own, "Make its folder first", 9),
        (&here, &["recovery", "create", "--out", "nowhere/kit.txt"], &own, "Make its folder first", 9),
    ] {
        let mut person = asks(place, arguments, server);
        let told = person.sees_until("error:", said);
        assert!(!person.shown.contains("assphrase") && !told.contains("page"), "{told}");
        assert_eq!(person.child.wait().unwrap().code(), Some(exit), "{arguments:?}");
    }
    // Control: with a server it is asked.
    asks(&new, &["account", "create"], &world.server.url()).sees("New passphrase");
}

#[test]
fn a_person_who_leaves_a_restore_has_begun_nothing() {
    let world = with_a_letter();
    let next = world.path("next.txt");
    let new = world.at("new");
    let mut person = Terminal::start_with(new.command(&["recovery", "restore", "--out", next.to_str().unwrap()]));
    person.then("First page");
    // Keys are read one by one from then on; before, this one would be a signal of the terminal.
    person.hides();
    person.presses("\x03");
    person.then("You broke it off. Nothing was begun.");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    assert!(person.echoes() && !next.exists() && !new.home.exists());
}
