//! What others write to the account, and the owner's decision about it.

use serde_json::{Value, json};

use crate::terminal::Terminal;
use crate::world::{World, said};

/// Writes a file to the account, and gives the record.
fn write(world: &World, from: &str, title: &str, content: &[u8]) -> String {
    let card = world.events(&["card"])[0]["card"].as_str().unwrap().to_owned();
    let file = world.file(&format!("{title}.txt"), content);
    let written =
        world.at("writer").events(&["write", "--to", &card, "--from", from, "--title", title, file.to_str().unwrap()]);
    written[0]["record"].as_str().unwrap().to_owned()
}

fn of<'e>(events: &'e [Value], event: &str) -> Vec<&'e Value> {
    events.iter().filter(|there| there["event"] == event).collect()
}

fn standing(world: &World, record: &str) -> Option<Value> {
    world.listed().into_iter().find(|event| event["record"] == record).map(|event| event["standing"].clone())
}

#[test]
fn what_waits_is_in_the_inbox_and_is_approved_or_rejected() {
    let world = World::start();
    let kept = write(&world, "Clinic", "result", b"4.2 mmol/l");
    let advert = write(&world, "Shop", "advert", b"Buy!");
    let inbox = world.events(&["inbox"]);
    let waiting = of(&inbox, "waiting");
    assert_eq!(waiting.len(), 2, "{inbox:?}");
    assert_eq!((&waiting[1]["record"], &waiting[1]["from"]), (&json!(kept), &json!("Clinic")));
    let text = said(&world.glimpse(&["inbox"]));
    assert!(text.contains("2 records that others wrote to you wait") && text.contains("glimpse approve ID"), "{text}");
    assert!(!text.contains("Nothing"), "{text}");

    // Nobody can be asked here, so nothing is decided.
    assert_eq!(world.here().refusal(&["approve", &kept]), ("usage".to_owned(), 2));
    assert_eq!(world.here().refusal(&["reject", &advert]), ("usage".to_owned(), 2));
    assert_eq!(standing(&world, &kept), Some(json!("pending")));

    let approved = world.events(&["approve", "--yes", &kept]);
    assert_eq!(approved, [json!({ "event": "approved", "record": kept, "from": "Clinic" })]);
    let rejected = world.events(&["reject", "--yes", &advert]);
    assert_eq!(rejected, [json!({ "event": "rejected", "record": advert, "from": "Shop" })]);
    assert_eq!(standing(&world, &kept), Some(json!("approved")));
    assert_eq!(standing(&world, &advert), None);
    let listed = said(&world.glimpse(&["ls"]));
    assert!(listed.contains("who says \"Clinic\"; approved"), "{listed}");
    assert!(said(&world.glimpse(&["show", &kept])).contains("you approved it."));
    assert!(of(&world.events(&["inbox"]), "waiting").is_empty());

    // Nothing waits any more, under any of its names.
    for wrong in [&["approve", "--yes", &kept][..], &["reject", "--yes", &kept]] {
        assert_eq!(world.here().refusal(wrong), ("usage".to_owned(), 2), "{wrong:?}");
    }
    assert_eq!(world.here().refusal(&["approve", "--yes", &advert]), ("not-found".to_owned(), 4));
    assert_eq!(world.here().refusal(&["reject", "--all", "--yes"]), ("not-found".to_owned(), 4));
    let own = world.add(&world.file("letter.txt", "Dear reader"));
    assert_eq!(world.here().refusal(&["approve", "--yes", &own]), ("usage".to_owned(), 2));
}

/// Row 35 of the catalogue, for writers: what waits is one entry of the inbox that ends, and one act that rejects it all.
#[test]
fn t035_many_that_wait_are_one_list_with_an_end() {
    let world = World::start();
    for number in 0..25 {
        write(&world, "Shop", &format!("advert-{number}"), b"Buy!");
    }
    let text = said(&world.glimpse(&["inbox"]));
    assert_eq!(text.matches("who says \"Shop\"").count(), 20, "{text}");
    assert!(text.contains("25 records") && text.contains("and 5 more"), "{text}");
    assert_eq!(of(&world.events(&["reject", "--all", "--yes"]), "rejected").len(), 25);
    assert!(world.listed().is_empty());
}

/// Row 57 of the catalogue: what is decided about is what the opened bytes say, and nothing that they draw.
#[test]
fn t057_what_is_shown_before_the_question_is_what_the_record_says() {
    let world = World::start();
    let hostile = "Pay 10\u{202E}0001 EUR\u{200B}\r\u{1b}[2KApproved by your bank. <b>Yes</b>\n";
    let record =
        write(&world, "Bank\u{202E}\u{1b}[31m", "bill", format!("{hostile}{}", "more\n".repeat(500)).as_bytes());
    let mut terminal = Terminal::start(&world, &["approve", &record]);
    let screen = terminal.sees_until("bill", "Approve?");
    for drawn in ['\u{202E}', '\u{200B}'] {
        assert!(!screen.contains(drawn), "{screen:?}");
    }
    assert!(!screen.contains("\u{1b}[2KApproved") && !screen.contains("\u{1b}[31m"), "{screen:?}");
    assert!(
        screen.contains("Pay 10\u{FFFD}0001 EUR\u{FFFD}\u{FFFD}\u{FFFD}[2KApproved by your bank. <b>Yes</b>"),
        "{screen:?}"
    );
    assert!(screen.contains("would not show as it is") && screen.contains("This is the beginning of"), "{screen:?}");
    terminal.presses("n");
    terminal.sees("Nothing was done.");
    assert_eq!(standing(&world, &record), Some(json!("pending")));
    // Control: the bytes are as they were, and a file gets them all.
    let file = world.path("kept.txt");
    assert!(world.glimpse(&["show", &record, "-o", file.to_str().unwrap()]).status.success());
    assert!(std::fs::read_to_string(&file).unwrap().starts_with(hostile));
    let mut terminal = Terminal::start(&world, &["approve", &record]);
    terminal.sees("Approve?");
    terminal.presses("y");
    terminal.sees("approved");
    assert_eq!(standing(&world, &record), Some(json!("approved")));
}
