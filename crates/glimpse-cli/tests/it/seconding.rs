//! Rules that want a second device.

use serde_json::json;

use crate::world::{Place, World, said};

/// An account with three devices, of which two others sign.
fn three(world: &World) -> (Place<'_>, Place<'_>, String) {
    let (tablet, laptop) = (world.at("tablet"), world.at("laptop"));
    world.here().links(&tablet, "Tablet");
    let id = world.here().links(&laptop, "Laptop");
    (tablet, laptop, id)
}

fn proposed(place: &Place<'_>, arguments: &[&str]) -> String {
    let (events, exit) = place.ends(arguments);
    assert_eq!((&events[0]["event"], exit), (&json!("needs-second"), 6), "{events:?}");
    assert_eq!(events.last().unwrap()["code"], "needs-second");
    events[0]["proposal"].as_str().unwrap().to_owned()
}

#[test]
fn where_the_rules_say_so_a_second_device_signs_first() {
    let world = World::start();
    let (tablet, laptop, id) = three(&world);
    assert_eq!(world.events(&["chain", "rules", "--second-to-revoke", "true"])[0]["event"], "rules");
    let shown = said(&tablet.glimpse(&["chain"]));
    assert!(shown.contains("Taking out   with a second device") && shown.contains("Linking      at once"), "{shown}");

    let proposal = proposed(&world.here(), &["revoke", "--yes", "Laptop"]);
    assert_eq!(laptop.events(&["devices"]).len(), 3, "nothing is done yet");
    // As text, in a file, or as the command line that was shown.
    assert_eq!(tablet.glimpse(&["cosign", &proposal]).status.code(), Some(2), "there is nobody to ask");
    let file = world.file("proposal", format!("glimpse cosign {proposal}\n"));
    let shown = tablet.glimpse(&["cosign", "--yes", file.to_str().unwrap()]);
    let told = said(&shown);
    assert!(told.contains(&format!("proposes: to take out Laptop ({})", &id[..8])), "{told}");
    let signed = String::from_utf8(shown.stdout).unwrap().trim().to_owned();
    assert!(signed.starts_with("glimpse-signed-1:"), "{signed}");
    assert_eq!(tablet.events(&["cosign", "--yes", &proposal])[0]["signed"], signed.as_str());

    assert_eq!(world.here().refusal(&["cosign", "--yes", &proposal]), ("usage".to_owned(), 2), "its own");
    assert_eq!(tablet.refusal(&["cosign", "--yes", &proposal[..900]]), ("usage".to_owned(), 2), "not all of it");
    assert_eq!(tablet.refusal(&["cosign", "--yes", "/nowhere"]), ("usage".to_owned(), 2));
    let other = World::start();
    assert_eq!(other.here().refusal(&["cosign", "--yes", &proposal]), ("usage".to_owned(), 2), "another account");
    assert_eq!(tablet.refusal(&["chain", "complete", &signed]), ("not-found".to_owned(), 4), "nothing waits there");
    assert_eq!(world.here().refusal(&["chain", "complete", &proposal]), ("usage".to_owned(), 2));

    let done = world.events(&["chain", "complete", &signed]);
    assert_eq!(done[0]["event"], "completed");
    assert_eq!(laptop.refusal(&["ls"]), ("device-revoked".to_owned(), 3));
    assert_eq!(world.here().refusal(&["chain", "complete", &signed]), ("not-found".to_owned(), 4), "once");
    assert_eq!(tablet.refusal(&["cosign", "--yes", &proposal]), ("conflict".to_owned(), 4), "the log has gone on");
}

#[test]
fn what_was_proposed_falls_with_the_log_that_went_on() {
    let world = World::start();
    let (tablet, ..) = three(&world);
    world.events(&["chain", "rules", "--second-to-pin", "true"]);
    let pages = world.path("kit.txt");
    let proposal = proposed(&world.here(), &["recovery", "create", "--out", pages.to_str().unwrap()]);
    assert!(pages.exists(), "the pages count once the second has signed");
    let told = tablet.events(&["cosign", "--yes", &proposal]);
    let signed = told[0]["signed"].as_str().unwrap().to_owned();
    tablet.events(&["chain", "rotate"]);
    assert_eq!(world.here().refusal(&["chain", "complete", &signed]), ("conflict".to_owned(), 4));
    assert_eq!(world.events(&["chain"])[0]["recovery_kit"], false);
    // Again, on the log as it is.
    let again = world.path("again.txt");
    let proposal = proposed(&world.here(), &["recovery", "create", "--out", again.to_str().unwrap()]);
    let signed = tablet.events(&["cosign", "--yes", &proposal])[0]["signed"].as_str().unwrap().to_owned();
    assert_eq!(world.events(&["chain", "complete", &signed])[0]["event"], "completed");
    let chain = &world.events(&["chain"])[0];
    assert_eq!((&chain["recovery_kit"], &chain["devices"], &chain["forked"]), (&json!(true), &json!(3), &json!(false)));
}

#[test]
fn the_second_device_reads_what_would_be_otherwise() {
    let world = World::start();
    let (tablet, ..) = three(&world);
    world.events(&["chain", "rules", "--second-to-pin", "true", "--announce-recovery", "3"]);
    let same = world.glimpse(&["chain", "rules", "--announce-recovery", "3"]);
    assert!(same.status.success() && said(&same).contains("Nothing was changed"), "{}", said(&same));
    let proposal = proposed(&world.here(), &["chain", "rules", "--announce-recovery", "0"]);
    let shown = said(&tablet.glimpse(&["cosign", "--yes", &proposal]));
    assert!(shown.contains("recovering: not announced, and so far announced for 3 days"), "{shown}");
    assert!(!shown.contains("linking:"), "and nothing else: {shown}");
    let key = "A".repeat(43);
    let proposal = proposed(&world.here(), &["chain", "pin", "Clinic", "--organisation", &key]);
    let shown = said(&tablet.glimpse(&["cosign", "--yes", &proposal]));
    assert!(shown.contains(&format!("pinned: Clinic as organisation ({key})")), "{shown}");
    assert!(!shown.contains("recovering:"), "{shown}");
}

#[test]
fn linking_waits_for_the_second_device_and_goes_on() {
    let world = World::start();
    let (tablet, ..) = three(&world);
    world.events(&["chain", "rules", "--second-to-link", "true"]);
    let phone = world.at("phone");
    let mut adder = world.program(&["link"]);
    let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
    let mut joiner = phone.program(&["join", &code]);
    let words = joiner.event("words")["words"].clone();
    adder.event("asked");
    adder.does(&json!({ "do": "approve", "words": words }));
    let proposal = adder.event("needs-second")["proposal"].as_str().unwrap().to_owned();
    adder.does(&json!({ "do": "second", "signed": "glimpse-signed-1:AAAA" }));
    assert_eq!(adder.event("error")["code"], "usage", "what is no signature changes nothing");
    let signed = tablet.events(&["cosign", "--yes", &proposal])[0]["signed"].clone();
    adder.does(&json!({ "do": "second", "signed": signed }));
    assert_eq!(adder.event("linked")["told"], true);
    joiner.event("joined");
    assert!(adder.ends().1.success() && joiner.ends().1.success());
    assert_eq!(phone.events(&["devices"]).len(), 4);
}

#[test]
fn rules_are_days_and_yes_or_no() {
    let world = World::start();
    for wrong in [
        &["chain", "rules"][..],
        &["chain", "rules", "--hold-new-devices", "31"],
        &["chain", "rules", "--second-to-link", "perhaps"],
    ] {
        assert_eq!(world.glimpse(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let set = ["chain", "rules", "--hold-new-devices", "1", "--hold-pins", "2", "--announce-recovery", "3"];
    assert_eq!(world.events(&set)[0]["event"], "rules");
    let shown = said(&world.glimpse(&["chain"]));
    for line in ["held back for 1 day\n", "held back for 2 days\n", "is announced for 3 days\n"] {
        assert!(shown.contains(line), "{shown}");
    }
    assert_eq!(world.events(&["chain", "give-back"])[0], json!({ "event": "given-back", "links": 0 }));
    assert!(said(&world.glimpse(&["chain", "keep", "--yes"])).contains("There is nothing to choose."));
}
