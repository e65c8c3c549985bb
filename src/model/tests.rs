use super::*;
use glimpse_wire::UnixMillis;
use serde_json::{Value, json};

fn json(model: &Model, now: Millis) -> Value {
    serde_json::to_value(model.snapshot(now)).unwrap()
}

fn typed(text: &str, caret: u32) -> Value {
    let mut model = Model::default();
    model.intent(Intent::Typed { text: text.to_owned(), caret, edit: 7 }, 0);
    json(&model, 0)["entry"].clone()
}

/// A code with a right check digit, found by trying.
fn code(start: &str) -> String {
    let digits = (0..10).map(|check| format!("{start}{check}"));
    digits.into_iter().find(|digits| typed(digits, 0)["state"] == "ready").unwrap()
}

fn unit(number: u8, title: &str, kind: &str) -> Unit {
    Unit {
        id: UnitId([number; 16]),
        title: title.to_owned(),
        kind: kind.to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: String::new(),
        tags: vec!["Würze".to_owned()],
        length: 1000,
        author: None,
        approved: false,
        withheld: 0,
        created: UnixMillis(u64::from(number)),
    }
}

fn facts(until: Millis) -> Facts {
    Facts { owner: "Ada".to_owned(), may_save: true, until, idle: until, connected: true }
}

fn session(until: Millis) -> Model {
    let mut model = Model::default();
    model.status(Status::Session(facts(until)), 0);
    model.units(vec![
        unit(1, "Letter to the clinic", "text"),
        unit(2, "Heart rate", "series"),
        unit(3, "Photo", "image"),
    ]);
    model
}

#[test]
fn digits_are_grouped_as_they_are_typed_and_the_caret_stays_with_its_digit() {
    for (text, caret, grouped, at) in [
        ("4", 1, "4", 1),
        ("4172", 4, "417 2", 5),
        ("417203", 6, "417 203", 7),
        ("417 2031", 4, "417 203 1", 3),
        ("417-203-91", 10, "417 203 91", 10),
        ("8123456789", 10, "812 345 678 9", 13),
        ("", 0, "", 0),
    ] {
        let entry = typed(text, caret);
        assert_eq!((&entry["text"], &entry["caret"]), (&json!(grouped), &json!(at)), "{text}");
        assert_eq!((&entry["state"], &entry["edit"]), (&json!("partial"), &json!(7)), "{text}");
    }
}

#[test]
fn a_slip_is_told_before_anything_is_sent() {
    let code = code("417203918");
    let mut slipped = code.clone().into_bytes();
    slipped[4] = if slipped[4] == b'9' { b'8' } else { slipped[4] + 1 };
    let slipped = String::from_utf8(slipped).unwrap();
    assert_eq!(typed(&slipped, 0)["state"], "mistyped");
    let mut model = Model::default();
    assert_eq!(model.intent(Intent::Submit { text: slipped }, 0), []);
    assert_eq!(model.intent(Intent::Submit { text: "417".to_owned() }, 0), []);
    assert_eq!(json(&model, 0)["entry"]["state"], "mistyped");
    assert_eq!(model.intent(Intent::Submit { text: code.clone() }, 0), [Command::Submit(code)]);
}

#[test]
fn a_sentence_with_a_code_in_it_becomes_the_code() {
    let code = code("417203918");
    let entry = typed(&format!("Hello, the code is {code}, see you."), 3);
    assert_eq!(entry["state"], "ready");
    assert_eq!(entry["text"].as_str().unwrap().replace(' ', ""), code);
    assert_eq!(typed("Hello, the code is", 3)["text"], "Hello, the code is");
}

#[test]
fn debug_tells_no_code() {
    let mut model = Model::default();
    model.intent(Intent::Typed { text: "417203".to_owned(), caret: 0, edit: 1 }, 0);
    assert!(!format!("{model:?}").contains("203"));
}

#[test]
fn search_takes_every_word_in_any_case_and_order() {
    let mut model = session(900_000);
    for (query, kind, expected) in
        [("", "", 3), ("CLINIC letter", "", 1), ("würze", "", 3), ("würze", "image", 1), ("nothing", "", 0)]
    {
        model.intent(Intent::Search { text: query.to_owned() }, 0);
        model.intent(Intent::Filter { kind: kind.to_owned() }, 0);
        let list = &json(&model, 0)["session"]["list"];
        assert_eq!((&list["matching"], &list["total"]), (&json!(expected), &json!(3)), "{query}/{kind}");
        assert_eq!(list["rows"].as_array().unwrap().len(), expected);
    }
}

#[test]
fn newest_first_and_only_what_is_in_sight() {
    let mut model = Model::default();
    model.status(Status::Session(facts(900_000)), 0);
    let mut units = Vec::new();
    for number in 0..10_000u32 {
        let mut each = unit(0, &format!("Record {number}"), "text");
        each.id.0[..4].copy_from_slice(&number.to_be_bytes());
        each.created = UnixMillis(u64::from(number));
        units.push(each);
    }
    // In the chunks in which grants bring them.
    model.units(units);
    model.intent(Intent::Window { first: 5_000, count: 50 }, 0);
    let list = json(&model, 0)["session"]["list"].clone();
    assert_eq!(
        (&list["total"], &list["first"], &list["rows"][0]["title"]),
        (&json!(10_000), &json!(5_000), &json!("Record 4999"))
    );
    assert_eq!(list["rows"].as_array().unwrap().len(), 50);
    model.intent(Intent::Window { first: u32::MAX, count: u32::MAX }, 0);
    assert!(json(&model, 0)["session"]["list"]["rows"].as_array().unwrap().len() <= 400);
}

#[test]
fn warnings_are_said_once_and_again_after_more_time() {
    let mut model = session(300_000);
    let said = |model: &mut Model, now| {
        model.tick(now);
        json(model, now)["announcement"]["key"].as_str().unwrap().to_owned()
    };
    assert_eq!(said(&mut model, 179_999), "say.session");
    assert_eq!(said(&mut model, 180_000), "say.two-minutes");
    let number = json(&model, 0)["announcement"]["number"].clone();
    assert_eq!(said(&mut model, 181_000), "say.two-minutes");
    assert_eq!(json(&model, 0)["announcement"]["number"], number, "not said twice");
    assert_eq!(said(&mut model, 270_000), "say.half-minute");
    model.status(Status::Session(facts(900_000)), 271_000);
    assert_eq!(said(&mut model, 271_000), "say.extended");
    assert_eq!(said(&mut model, 780_000), "say.two-minutes");
    assert_eq!(json(&model, 899_001)["session"]["secondsLeft"], 1);
    assert_eq!(json(&model, 900_000)["session"]["secondsLeft"], 0);
}

#[test]
fn more_time_may_be_asked_for_again_when_nobody_answered() {
    let mut model = session(900_000);
    let more = |model: &mut Model, now| {
        model.tick(now);
        json(model, now)["session"]["moreTime"].clone()
    };
    assert_eq!(more(&mut model, 10_000), Value::Null);
    assert_eq!(model.intent(Intent::MoreTime, 10_000), [Command::AskTime(15)]);
    assert_eq!(more(&mut model, 84_999), "sent");
    assert_eq!(more(&mut model, 85_000), Value::Null);
    assert_eq!(model.intent(Intent::MoreTime, 90_000), [Command::AskTime(15)]);
    model.refused();
    assert_eq!(more(&mut model, 300_000), "refused", "an answer stands");
}

#[test]
fn one_record_is_open_at_a_time() {
    let mut model = session(900_000);
    let open = |number: u8| Intent::Open { unit: UnitId([number; 16]).to_string() };
    assert_eq!(model.intent(open(1), 0), [Command::Open(UnitId([1; 16]))]);
    assert_eq!(model.intent(open(1), 0), [], "already on its way");
    assert_eq!(model.intent(open(2), 0), [Command::Close(UnitId([1; 16])), Command::Open(UnitId([2; 16]))]);
    model.opened(UnitId([1; 16]));
    assert_eq!(json(&model, 0)["session"]["record"]["phase"], "opening", "an answer to the one before changes nothing");
    assert_eq!(model.intent(Intent::Open { unit: "nonsense".to_owned() }, 0), []);
    assert_eq!(model.intent(open(9), 0), [], "never lent");
    model.progress(UnitId([2; 16]), 400, 1000);
    assert_eq!(json(&model, 0)["session"]["record"]["received"], 400);
    model.opened(UnitId([2; 16]));
    assert_eq!(json(&model, 0)["session"]["record"]["phase"], "shown");
    assert_eq!(model.intent(Intent::Close, 0), [Command::Close(UnitId([2; 16]))]);
    assert_eq!(json(&model, 0)["session"]["record"], Value::Null);
}

#[test]
fn a_tampered_record_is_marked_and_not_tried_again() {
    let mut model = session(900_000);
    let unit = UnitId([1; 16]);
    model.intent(Intent::Open { unit: unit.to_string() }, 0);
    model.failed(unit, ErrorCode::RecordTampered);
    let shown = json(&model, 0)["session"].clone();
    assert_eq!((&shown["record"]["failure"], &shown["record"]["retry"]), (&json!("record-tampered"), &json!(false)));
    assert_eq!(shown["list"]["rows"][2]["mark"], "tampered");
    // Control: a network error may be tried again, and leaves no mark.
    model.intent(Intent::Open { unit: UnitId([2; 16]).to_string() }, 0);
    model.failed(UnitId([2; 16]), ErrorCode::ServerUnreachable);
    let shown = json(&model, 0)["session"].clone();
    assert_eq!((&shown["record"]["retry"], &shown["list"]["rows"][1]["mark"]), (&json!(true), &json!("none")));
    // What another try cannot change is not offered.
    for code in [ErrorCode::TooLarge, ErrorCode::BudgetSpent, ErrorCode::NotGranted, ErrorCode::NeverLend] {
        model.failed(UnitId([2; 16]), code);
        assert_eq!(json(&model, 0)["session"]["record"]["retry"], json!(false), "{code}");
    }
}

#[test]
fn a_failure_that_is_told_again_and_again_is_said_once() {
    let mut model = session(300_000);
    let unit = UnitId([1; 16]);
    model.intent(Intent::Open { unit: unit.to_string() }, 0);
    model.failed(unit, ErrorCode::RecordTampered);
    let first = json(&model, 0);
    let said = |shown: &Value| (shown["announcement"].clone(), shown["session"]["list"]["revision"].clone());
    for tick in 1..=10 {
        model.tick(tick * 250);
        model.failed(unit, ErrorCode::RecordTampered);
        assert_eq!(said(&json(&model, 0)), said(&first), "tick {tick}");
    }
    // What falls due while it stays open is heard.
    model.tick(180_000);
    model.failed(unit, ErrorCode::RecordTampered);
    assert_eq!(json(&model, 0)["announcement"]["key"], "say.two-minutes");
    // Control: another reason is another announcement, and a mark that changes draws the list.
    let mut model = session(300_000);
    model.intent(Intent::Open { unit: unit.to_string() }, 0);
    model.failed(unit, ErrorCode::ServerUnreachable);
    let before = said(&json(&model, 0));
    model.failed(unit, ErrorCode::RecordTampered);
    let after = said(&json(&model, 0));
    assert!(before.0 != after.0 && before.1 != after.1);
}

#[test]
fn a_try_again_goes_on_and_closes_nothing() {
    let mut model = session(900_000);
    let unit = UnitId([1; 16]);
    let open = Intent::Open { unit: unit.to_string() };
    model.intent(open.clone(), 0);
    model.progress(unit, 400, 1000);
    model.failed(unit, ErrorCode::ServerUnreachable);
    assert_eq!(model.intent(open, 0), [Command::Open(unit)]);
    assert_eq!(json(&model, 0)["session"]["record"]["phase"], "opening");
    // Control: another record closes the one before.
    let other = Intent::Open { unit: UnitId([2; 16]).to_string() };
    assert_eq!(model.intent(other, 0), [Command::Close(unit), Command::Open(UnitId([2; 16]))]);
}

#[test]
fn a_chart_is_zoomed_while_its_record_is_shown() {
    let mut model = session(900_000);
    let unit = UnitId([1; 16]);
    let zoom = Intent::Zoom { block: 2, from: -5, to: 70_000 };
    model.intent(Intent::Open { unit: unit.to_string() }, 0);
    assert_eq!(model.intent(zoom.clone(), 0), [], "not before it is shown");
    model.opened(unit);
    assert_eq!(model.intent(zoom.clone(), 0), [Command::Zoom { unit, block: 2, from: -5, to: 70_000 }]);
    assert_eq!(model.intent(Intent::Zoom { block: 2, from: 5, to: 5 }, 0), []);
    model.intent(Intent::Close, 0);
    assert_eq!(model.intent(zoom, 0), []);
}

#[test]
fn words_of_others_cannot_reach_beyond_themselves() {
    let mut model = Model::default();
    let hostile = "Ada\u{2069}\u{202E}\n\u{2028}x\u{7}";
    model.status(Status::Session(Facts { owner: hostile.to_owned(), ..facts(900_000) }), 0);
    let author = Some(format!("Dr X\u{2069}, approved by the owner. {hostile}"));
    model.units(vec![Unit {
        title: hostile.to_owned(),
        kind: "approved\u{202E}".to_owned(),
        author,
        ..unit(1, "", "")
    }]);
    model.intent(Intent::Open { unit: UnitId([1; 16]).to_string() }, 0);
    model.opened(UnitId([1; 16]));
    let shown = json(&model, 0);
    let text = shown.to_string();
    for reaching in ["\u{2069}", "\u{202E}", "\u{2028}", "\\n", "\\u0007"] {
        assert!(!text.contains(reaching), "{reaching:?} in {text}");
    }
    let row = &shown["session"]["list"]["rows"][0];
    assert_eq!((&row["kind"], &row["title"]), (&json!("file"), &json!("Ada  x ")));
    assert_eq!(shown["session"]["list"]["kinds"], json!([{ "kind": "file", "count": 1 }]));
    // Control: names in other scripts stay as they are.
    model.units(vec![unit(2, "رسالة \u{200F}123 – «Größe» 👩\u{200D}⚕\u{FE0F}", "text")]);
    assert!(json(&model, 0).to_string().contains("رسالة \u{200F}123 – «Größe» 👩\u{200D}⚕\u{FE0F}"));
}

#[test]
fn nothing_is_saved_unless_granted() {
    let unit = UnitId([1; 16]);
    for may_save in [true, false] {
        let mut model = session(900_000);
        model.status(Status::Session(Facts { may_save, ..facts(900_000) }), 0);
        model.intent(Intent::Open { unit: unit.to_string() }, 0);
        assert_eq!(model.intent(Intent::Save, 0), [], "not before it is open");
        model.opened(unit);
        let commands = model.intent(Intent::Save, 0);
        assert_eq!(commands.len(), usize::from(may_save));
    }
}

#[test]
fn a_hostile_file_name_becomes_a_harmless_one() {
    for (name, safe) in [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        (".bashrc", "bashrc"),
        ("photo\u{202E}gpj.exe", "photo_gpj.exe"),
        ("photo\u{61C}.jpg", "photo_.jpg"),
        ("two\u{2028}lines\u{2029}.txt", "two_lines_.txt"),
        ("a\u{34F}\u{115F}\u{1160}\u{17B4}\u{17B5}\u{3164}\u{FFA0}b", "a_______b"),
        ("a\u{FE0F}\u{E0100}\u{180B}\u{AD}b", "a____b"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("lpt².pdf", "_lpt².pdf"),
        ("aux .txt", "_aux .txt"),
        ("contract.pdf", "contract.pdf"),
        ("com10.txt", "com10.txt"),
        ("a\0b\n", "a_b_"),
        ("", "Letter to the clinic"),
        ("...", "record"),
        ("report.pdf", "report.pdf"),
    ] {
        let mut model = Model::default();
        model.status(Status::Session(facts(900_000)), 0);
        model.units(vec![Unit { file_name: name.to_owned(), ..unit(1, "Letter to the clinic", "text") }]);
        model.intent(Intent::Open { unit: UnitId([1; 16]).to_string() }, 0);
        model.opened(UnitId([1; 16]));
        assert_eq!(model.intent(Intent::Save, 0), [Command::Save(UnitId([1; 16]), safe.to_owned())]);
    }
}

#[test]
fn a_question_is_cut_to_what_the_channel_takes() {
    let mut model = session(900_000);
    let commands = model.intent(Intent::Ask { text: format!(" {}\u{0007} ", "é".repeat(400)) }, 0);
    assert_eq!(commands, [Command::Ask("é".repeat(250))]);
    assert_eq!(json(&model, 0)["session"]["asked"], "sent");
    model.refused();
    assert_eq!(json(&model, 0)["session"]["asked"], "refused");
}

#[test]
fn the_end_tells_whether_anything_was_lent() {
    for lent in [true, false] {
        let mut model = if lent { session(900_000) } else { Model::default() };
        model.status(Status::Over(ErrorCode::SessionExpired), 0);
        assert_eq!(json(&model, 0)["over"], json!({ "code": "session-expired", "session": lent }));
        assert_eq!(json(&model, 0).get("session"), None, "nothing of the session is drawn any more");
        assert_eq!(model.intent(Intent::End, 0), []);
    }
}

#[test]
fn whoever_does_nothing_is_asked_before_the_end() {
    let mut model = session(7_200_000);
    let idle = |idle| Status::Session(Facts { idle, ..facts(7_200_000) });
    model.status(idle(900_000), 0);
    model.tick(839_000);
    assert_eq!(json(&model, 839_000)["session"]["idleSeconds"], Value::Null);
    model.tick(840_000);
    let shown = json(&model, 840_000);
    assert_eq!((&shown["session"]["idleSeconds"], &shown["announcement"]["key"]), (&json!(60), &json!("say.idle")));
    model.status(idle(1_740_000), 840_000);
    assert_eq!(json(&model, 841_000)["session"]["idleSeconds"], Value::Null);
}

#[test]
fn words_are_said_once_and_the_device_may_come_and_go() {
    let mut model = Model::default();
    let approving = |present| Status::Approving {
        words: ["sun".to_owned(), "dash".to_owned()],
        owner: "Ada\u{2069}".to_owned(),
        until: 120_000,
        present,
    };
    model.status(Status::Finding, 0);
    model.status(approving(true), 0);
    let shown = json(&model, 1_500);
    assert_eq!((&shown["wait"]["words"], &shown["wait"]["secondsLeft"]), (&json!(["sun", "dash"]), &json!(119)));
    assert_eq!(shown["wait"]["owner"], "Ada");
    model.status(approving(false), 0);
    let later = json(&model, 0);
    assert_eq!((&later["wait"]["present"], &later["announcement"]), (&json!(false), &shown["announcement"]));
    assert_eq!(model.intent(Intent::End, 0), [Command::End]);
}

#[test]
fn nothing_is_drawn_from_the_moment_of_the_end() {
    let mut model = session(900_000);
    assert_eq!(model.intent(Intent::End, 0), [Command::End]);
    assert_eq!(json(&model, 0)["screen"], "ending");
    assert_eq!(json(&model, 0).get("session"), None);
    model.status(Status::Session(facts(900_000)), 0);
    assert_eq!(json(&model, 0)["screen"], "ending", "what still arrives brings nothing back");
    model.status(Status::Over(ErrorCode::SessionEnded), 0);
    assert_eq!(json(&model, 0)["over"]["session"], true);
}

#[test]
fn intents_are_read_as_the_page_writes_them() {
    for (written, read) in [
        (json!({"type": "more-time"}), Intent::MoreTime),
        (json!({"type": "window", "first": 3, "count": 40}), Intent::Window { first: 3, count: 40 }),
        (json!({"type": "network", "online": false}), Intent::Network { online: false }),
        (json!({"type": "zoom", "block": 1, "from": -3, "to": 40}), Intent::Zoom { block: 1, from: -3, to: 40 }),
        (json!({"type": "search", "text": "\"Größe\"\n\\"}), Intent::Search { text: "\"Größe\"\n\\".to_owned() }),
    ] {
        assert_eq!(Intent::from_json(&written.to_string()), Some(read));
    }
    for nonsense in
        [json!({}), json!({"type": "reveal"}), json!({"type": "typed", "caret": -1}), json!("end"), Value::Null]
    {
        assert!(Intent::from_json(&nonsense.to_string()).is_none(), "{nonsense}");
    }
}
