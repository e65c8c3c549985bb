//! `lend` as a person uses it, in a terminal.

use std::rc::Rc;

use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Input, State};
use glimpse_device::native::{Machine, Network};
use glimpse_device::receive::{Receiver, Shown};
use glimpse_wire::ErrorCode;
use glimpse_wire::pairing::Purpose;
use serde_json::json;

use crate::terminal::{Terminal, key_for};
use crate::world::World;

/// The digits of a code, between two blank lines.
pub(crate) fn code_in(screen: &str) -> String {
    let groups = |line: &&str| {
        let line = line.trim();
        line.len() >= 10 && line.chars().all(|character| character.is_ascii_digit() || character == ' ')
    };
    screen.lines().find(groups).unwrap_or_else(|| panic!("no code in {screen}")).trim().to_owned()
}

#[test]
fn a_person_sees_the_code_picks_the_words_says_yes_and_ends() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut person = Terminal::start(&world, &["lend", "--everything", "--view-only"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    assert!(screen.contains(&world.server.url()) && screen.contains('█'), "{screen}");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    let words = viewer.event("words")["words"].as_str().unwrap().to_owned();
    let screen = person.sees_until("Which two words are on its screen?", "none of these");
    person.presses(&key_for(&screen, &words));
    person.sees("Is the screen in front of you, and is nobody on the phone asking for this?");
    person.presses("y");
    let granted = viewer.event("granted");
    person.sees("Lent:");
    viewer.does(&json!({ "do": "open", "unit": granted["records"][0]["unit"] }));
    viewer.event("content");
    person.sees("opened");
    person.presses("e");
    viewer.event("changed");
    person.sees("The session ends in");
    person.presses("q");
    person.sees("The session was ended.");
    assert!(person.child.wait().unwrap().success());
    assert_eq!(viewer.ends().0.last().unwrap()["code"], "session-ended");
}

#[test]
fn none_of_these_words_shares_nothing_and_a_new_code_can_be_shown() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut person = Terminal::start(&world, &["lend", "--everything"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    viewer.event("words");
    person.sees_until("Which two words are on its screen?", "none of these");
    // Other keys, among them the arrows, do nothing.
    person.presses("x");
    person.presses("\x1b[A");
    person.presses("0");
    let report = person.sees_until("report it to whoever runs the server", "SECURITY.md");
    assert!(report.contains(&world.server.url()) && report.contains("session  "), "{report}");
    let (said, _) = viewer.ends();
    assert_eq!(said.last().unwrap()["code"], "declined");
    person.then("You saw none of these words. Nothing was shared.");
    person.then("n shows a new code");
    person.presses("n");
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    assert!(code_in(&screen).len() >= 10);
    person.presses("q");
    person.sees("You broke it off. Nothing was shared.");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    assert!(world.events(&["sessions"]).is_empty());
}

#[test]
fn who_leaves_before_anything_is_lent_leaves_at_once() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    for (at_the_words, key) in [(false, "q"), (false, "interrupt"), (true, "q"), (true, "interrupt"), (true, "sure")] {
        let mut person = Terminal::start(&world, &["lend", "--everything"]);
        let screen = person.sees_until("On the other screen open", "Nobody will call you");
        let viewer = at_the_words.then(|| {
            let mut viewer = world.program(&["receive", &code_in(&screen)]);
            viewer.event("words");
            person.sees_until("Which two words are on its screen?", "none of these");
            viewer
        });
        match key {
            "interrupt" => person.interrupts(),
            "sure" => {
                person.presses("1");
                person.sees("is nobody on the phone asking for this?");
                person.presses("n");
            }
            key => person.presses(key),
        }
        let end = match key {
            "sure" => person.sees_until("You said no. Nothing was shared.", "when you want to lend."),
            _ => person.sees_until("You broke it off. Nothing was shared.", "when you are ready."),
        };
        assert_eq!(person.child.wait().unwrap().code(), Some(6), "{key}");
        assert!(!end.contains("n shows a new code") && !end.contains("Ask them"), "{end}");
        if let Some(viewer) = viewer {
            assert_eq!(viewer.ends().0.last().unwrap()["code"], "declined");
        }
    }
    // Control: a no of the other side is told as one, and another code is offered.
    let mut person = Terminal::start(&world, &["lend", "--everything"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    viewer.event("words");
    person.sees_until("Which two words are on its screen?", "none of these");
    viewer.does(&json!({ "do": "end" }));
    person.sees("n shows a new code");
}

#[test]
fn lines_fit_a_narrow_terminal_and_what_cannot_is_left_out() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let arguments = ["lend", "--everything", "--view-only"];
    for (columns, large) in [(40, false), (80, true)] {
        let mut command = world.command(&arguments);
        command.env("NO_COLOR", "1");
        let mut person = Terminal::start_wide(command, columns);
        let screen = person.sees_until("To lend:", "press q.");
        assert_eq!(screen.contains('█'), large, "{screen}");
        assert!(code_in(&screen).len() >= 10);
        // The status line is drawn over, which is no line of its own here.
        let status = |line: &&str| line.contains('\x1b') || line.contains("The code is good for");
        for line in screen.lines().map(str::trim_end).filter(|line| !status(line)) {
            assert!(line.chars().count() <= usize::from(columns), "{line:?} in {screen}");
        }
        assert!(screen.contains("Nobody will call you and ask for this"), "{screen}");
        assert_eq!(screen.contains("this code. If somebody"), columns == 80, "{screen}");
    }
    // Control: elsewhere a line is a line.
    let mut person = Terminal::start(&world, &arguments);
    person.sees("Nobody will call you and ask for this code. If somebody does, press q.");
}

#[test]
fn questions_and_lists_fit_a_narrow_terminal() {
    let world = World::start();
    for name in ["letter.txt", "a title that is far longer than a narrow terminal is wide.txt"] {
        world.add(&world.file(name, "Dear reader"));
    }
    // What stands there when keys are read, without what moves the cursor and sets colours.
    let plain = |screen: &str| {
        let mut text = String::new();
        let mut characters = screen.chars();
        while let Some(character) = characters.next() {
            if character == '\x1b' {
                characters.by_ref().find(char::is_ascii_alphabetic);
            } else {
                text.push(character);
            }
        }
        text
    };
    let mut person = Terminal::start_wide(world.command(&["lend"]), 40);
    person.then("What do you want to lend? (arrows, then\r\nEnter)\r\n");
    person.sees_until("Arrows, Enter:", "Everything");
    person.presses("\x1b[B");
    person.then("> Records");
    person.presses("\r");
    let list = plain(&person.sees_until("Space, Enter:", "letter"));
    assert!(list.lines().all(|line| line.trim_end().chars().count() < 40), "{list}");
    assert!(list.contains("a title that"), "{list}");
    drop(person);
    let mut person = Terminal::start_wide(world.command(&["lend"]), 40);
    person.sees_until("Arrows, Enter:", "Everything");
    for place in ["> Records", "> All of one", "> All of a range"] {
        person.presses("\x1b[B");
        person.then(place);
    }
    person.presses("\r");
    person.then("Enter:\r\nfrom the first)\r\nFrom: ");
    drop(person);
    // A wide one shows all of it.
    let mut person = Terminal::start_wide(world.command(&["lend"]), 200);
    person.sees_until("What do you want to lend? (arrows, then Enter):", "Everything");
    person.presses("\x1b[B");
    person.then("> Records");
    person.presses("\r");
    person.sees_until("Which records?", "than a narrow terminal is wide");
    drop(person);
    for (columns, prompt) in
        [(40, "is used?\r\nGo on? [y/N]"), (80, "Is this the only place where this copy of the device is used? [y/N]")]
    {
        let mut person = Terminal::start_wide(world.command(&["chain", "use-copy"]), columns);
        person.then(prompt);
        person.hides();
        person.presses("n");
        person.then("Nothing was done.");
        assert_eq!(person.child.wait().unwrap().code(), Some(6));
    }
}

#[test]
fn who_has_the_code_and_leaves_ended_no_session() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut person = Terminal::start(&world, &["lend", "--everything"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = Terminal::start(&world, &["receive", &code_in(&screen)]);
    viewer.then("Yours are:");
    person.sees_until("Which two words are on its screen?", "none of these");
    viewer.interrupts();
    person.then("The other side left. Nothing was shared.");
    person.then("n shows a new code");
    person.presses("x");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
}

#[test]
fn who_chooses_nothing_beforehand_is_asked_and_nothing_is_chosen_by_default() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    world.add(&world.file("expenses.csv", "item;shop\nbread;baker\n"));
    let mut person = Terminal::start(&world, &["lend", "--for", "30s"]);
    person.sees_until("What do you want to lend?", "Everything: 2 records, 33 B");
    // One key after the other: a terminal that is being asked takes what comes in between for a line.
    person.presses("\x1b[B");
    person.sees("> Records");
    person.presses("\x1b[B");
    person.sees("> All of one kind");
    person.presses("\r");
    person.sees_until("Which kinds?", "table");
    person.presses("\x1b[B");
    person.sees("> [ ] table");
    person.presses(" ");
    person.sees("> [x] table");
    person.presses("\r");
    person.sees("May the other side save copies?");
    person.presses("n");
    let screen = person.sees_until("1 record, 22 B, for 30 seconds, to view only", "Nobody will call you");
    assert!(screen.contains("To lend: 1 record, for 30 seconds, to view only: expenses"), "{screen}");
    // Another code for the same, without a question.
    let first = code_in(&screen);
    person.shown.clear();
    person.presses("n");
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    assert_ne!(code_in(&screen), first);
    person.presses("q");
    person.sees("You broke it off.");

    let mut person = Terminal::start(&world, &["lend"]);
    person.sees_until("What do you want to lend?", "Everything");
    person.presses("\x1b[B");
    person.sees("> Records");
    person.presses("\r");
    person.sees_until("Which records?", "letter");
    // Enter without a choice.
    person.presses("\r");
    person.sees("Nothing was chosen to lend.");
    assert_eq!(person.child.wait().unwrap().code(), Some(2));
    assert!(world.events(&["sessions"]).is_empty());
}

#[test]
fn a_question_that_nobody_answers_is_taken_back_and_the_device_locked() {
    let world = World::start();
    let record = world.add(&world.file("letter.txt", "Dear reader"));
    for (arguments, question) in [
        (&["lend"][..], "What do you want to lend?"),
        (&["rm", &record], "Delete? This cannot be undone"),
        (&["account", "delete"], "every key? This cannot be undone"),
    ] {
        let mut person = Terminal::impatient(&world, arguments);
        person.sees(question);
        person.sees("Locked: no key was pressed for a while.");
        assert_eq!(person.child.wait().unwrap().code(), Some(3), "{arguments:?}");
    }
    let mut person = Terminal::impatient(&world, &["lend", "--everything"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    viewer.event("words");
    person.sees_until("Which two words are on its screen?", "none of these");
    person.presses("0");
    person.sees("Locked: no key was pressed for a while.");
    assert_eq!(world.listed().len(), 1, "nothing was deleted");
    // Control: who answers in time is not locked out.
    let mut person = Terminal::start(&world, &["rm", &record]);
    person.sees("Delete? This cannot be undone");
    person.presses("y");
    assert!(person.child.wait().unwrap().success());
    assert!(world.listed().is_empty());
}

#[test]
fn who_leaves_a_question_has_said_no() {
    let world = World::start();
    let record = world.add(&world.file("letter.txt", "Dear reader"));
    for (arguments, question, key, answer) in [
        (&["lend"][..], "What do you want to lend?", "\x03", "You broke it off. Nothing was lent."),
        (&["rm", &record], "Delete? This cannot be undone", "n", "Nothing was done."),
        (&["rm", &record], "Delete? This cannot be undone", "\x03", "Nothing was done."),
        (&["account", "delete"], "every key? This cannot be undone", "\x03", "Nothing was done."),
    ] {
        let mut person = Terminal::start(&world, arguments);
        person.sees(question);
        person.hides();
        person.presses(key);
        person.sees(answer);
        assert_eq!(person.child.wait().unwrap().code(), Some(6), "{arguments:?}");
    }
    let mut command = world.command(&["ls"]);
    command.env_remove("GLIMPSE_PASSPHRASE_FILE");
    let mut person = Terminal::start_with(command);
    person.then("Passphrase");
    person.hides();
    person.interrupts();
    person.then("The passphrase was not given. Nothing was done.");
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    assert_eq!(world.listed().len(), 1, "nothing was deleted");
}

#[test]
fn while_a_session_runs_a_person_lends_more_and_allows_more() {
    let world = World::start();
    let letter = world.add(&world.file("letter.txt", "Dear reader"));
    world.add(&world.file("blood count.txt", "fine"));
    let mut person = Terminal::start(&world, &["lend", &letter, "--view-only"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    let words = viewer.event("words")["words"].as_str().unwrap().to_owned();
    let screen = person.sees_until("Which two words are on its screen?", "none of these");
    person.presses(&key_for(&screen, &words));
    person.sees("is nobody on the phone asking for this?");
    person.presses("y");
    viewer.event("granted");
    viewer.does(&json!({ "do": "ask-record", "text": "the blood \u{1b}[31mcount" }));
    person.sees("a lends one more; r says no.");
    person.presses("a");
    let screen = person.sees_until("The other side asked for", "blood count");
    assert!(screen.contains("the blood \u{FFFD}[31mcount"), "{screen}");
    assert!(!screen.contains("letter"), "what is lent is not offered again: {screen}");
    // A letter that is a key of its own elsewhere is only typed here.
    person.presses("blood\r");
    person.sees("Lent as well: blood count");
    assert_eq!(viewer.event("changed")["records"].as_array().unwrap().len(), 2);
    person.presses("b");
    person.sees("The other side may open");
    person.presses("q");
    person.sees("The session was ended.");
    assert!(person.child.wait().unwrap().success());
}

#[test]
fn a_record_that_is_lent_on_top_may_lose_fields_first() {
    let world = World::start();
    let letter = world.add(&world.file("letter.txt", "Dear reader"));
    world.add(&world.file("card.json", r#"{"name":"Ada","city":"Ulm","born":1815}"#));
    let mut person = Terminal::start(&world, &["lend", &letter, "--view-only"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let mut viewer = world.program(&["receive", &code_in(&screen)]);
    let words = viewer.event("words")["words"].as_str().unwrap().to_owned();
    let screen = person.sees_until("Which two words are on its screen?", "none of these");
    person.presses(&key_for(&screen, &words));
    person.sees("is nobody on the phone asking for this?");
    person.presses("y");
    viewer.event("granted");
    person.presses("a");
    person.sees("Lend which as well?");
    person.presses("card\r");
    let screen = person.sees_until("1  /name", "Withhold which?");
    assert!(screen.contains("2  /city") && screen.contains("3  /born"), "{screen}");
    // A number that is not there lends nothing.
    person.presses("1 9\r");
    person.sees("There is no field 9. Nothing was lent.");
    person.presses("1, 3\r");
    person.sees("Lent as well: card (2 fields withheld)");
    let added = viewer.event("changed");
    let card = added["records"].as_array().unwrap().iter().find(|record| record["title"] == "card").unwrap();
    viewer.does(&json!({ "do": "open", "unit": card["unit"] }));
    assert_eq!(viewer.event("content")["text"], r#"{"city":"Ulm"}"#);
    person.presses("q");
    person.sees("The session was ended.");
    assert!(person.child.wait().unwrap().success());
}

/// A viewer that gives a case and a reason, on a thread of its own until the lender declines.
fn asking_viewer(server: String, code: String) -> std::thread::JoinHandle<ErrorCode> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let claims = Claims { origin: "https://look.example".into(), build: "b".into(), program: "p".into() };
            let asking = Asking { credential: None, case: "A-17".into(), reason: "to \u{1b}[2J\u{3164}pay".into() };
            let config = Config { claims, purpose: Purpose::View, asking, bearer: None };
            let mut viewer = Receiver::new(Rc::new(Network::new(&server).unwrap()), Rc::new(Machine::new()), config);
            viewer.input(Input::Code(code)).await;
            loop {
                if let Shown::Ended(code) = viewer.next().await {
                    return code;
                }
                if let State::EnterCode { problem: Some(code) } = viewer.state() {
                    return code;
                }
            }
        })
    })
}

#[test]
fn t063_a_screen_that_names_a_case_is_not_ones_own() {
    let world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let mut person = Terminal::start(&world, &["lend", "--everything"]);
    let screen = person.sees_until("On the other screen open", "Nobody will call you");
    let viewer = asking_viewer(world.server.url(), code_in(&screen));
    let screen = person.sees_until("It says of itself, and nobody can check that:", "none of these");
    assert!(screen.contains("One's own screen names none: press 0."), "{screen}");
    assert!(!screen.contains("A-17") && !screen.contains("[2J") && screen.contains("browser  p"), "{screen}");
    person.presses("q");
    assert_eq!(viewer.join().unwrap(), ErrorCode::Declined);
    assert_eq!(person.child.wait().unwrap().code(), Some(6));
    // Programs read the same, as it came.
    let mut lending = world.program(&["lend", "--everything"]);
    let code = lending.event("code")["code"].as_str().unwrap().to_owned();
    let viewer = asking_viewer(world.server.url(), code);
    let peer = lending.event("peer");
    assert_eq!((&peer["case"], &peer["reason"]), (&json!("A-17"), &json!("to \u{1b}[2J\u{3164}pay")));
    lending.does(&json!({ "do": "decline" }));
    assert_eq!(viewer.join().unwrap(), ErrorCode::Declined);
}
