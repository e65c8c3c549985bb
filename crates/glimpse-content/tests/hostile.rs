//! Whatever a record holds, there is an answer: a view within its bounds, and a polite word on what was left out.
#![expect(clippy::expect_used, reason = "functions of a test")]

use glimpse_content::limits::{
    BUCKETS, CELL_CHARS, COLUMNS_SHOWN, FIELDS_SHOWN, NODES_SHOWN, ROWS_SHOWN, TEXT_SHOWN, VIEW_CHARS,
};
use glimpse_content::view::{Block, ContentView, Words};
use glimpse_content::{Kind, Source, keys, view};
use proptest::prelude::*;

fn show(content_type: &str, bytes: &[u8]) -> ContentView {
    let view = view(&Source { content_type, title: "record", bytes });
    check(&view);
    view
}

/// What holds for every view.
fn check(view: &ContentView) {
    let known: Vec<&str> = keys::all().map(|(key, _)| key).collect();
    assert!(view.notices.iter().all(|notice| known.contains(&notice.key)), "{:?}", view.notices);
    for block in &view.blocks {
        match block {
            Block::Text(text) => assert!(text.text.chars().count() <= 8 * TEXT_SHOWN),
            Block::Tree(tree) => assert!(tree.nodes.len() <= NODES_SHOWN),
            Block::Table(table) => {
                assert!(table.rows.len() <= ROWS_SHOWN.min(table.total_rows));
                assert!(table.columns.len() <= COLUMNS_SHOWN);
                assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
            }
            Block::Chart(chart) => {
                assert!(
                    chart.from <= chart.to && chart.min <= chart.max && chart.min.is_finite() && chart.max.is_finite()
                );
                assert_eq!(chart.series.len(), chart.summary.len());
                for series in &chart.series {
                    assert!(series.points.len() <= 2 * BUCKETS);
                    assert!(series.points.windows(2).all(|pair| pair.first().map(|p| p.x) <= pair.last().map(|p| p.x)));
                    assert!(series.points.iter().all(|point| point.y.is_finite()));
                }
            }
            Block::Fields(fields) => assert!(fields.rows.len() <= FIELDS_SHOWN),
            Block::Image | Block::Pdf | Block::Download => {}
        }
    }
    // Control characters and marks that turn text around never reach the page.
    let screen = serde_json::to_string(view).expect("a view serialises");
    assert!(
        !screen
            .chars()
            .any(|char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{80}'..='\u{9f}'))
    );
    assert!(!screen.contains("\\u0000") && !screen.contains("\\u001b"));
}

fn has(view: &ContentView, key: &str) -> bool {
    view.notices.iter().any(|notice| notice.key == key)
}

fn block(view: &ContentView) -> &Block {
    view.blocks.first().expect("a block")
}

#[test]
fn a_type_that_lies_is_said() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (declared, bytes, kind, said) in [
        ("image/png", &png[..], Kind::Image, false),
        ("", png, Kind::Image, false),
        ("application/octet-stream", png, Kind::Image, false),
        ("text/plain", png, Kind::Image, true),
        ("image/jpeg", png, Kind::Image, true),
        ("image/jpg", b"\xff\xd8\xff\xe0", Kind::Image, false),
        ("application/pdf", b"%PDF-1.7", Kind::Pdf, false),
        ("image/png", b"%PDF-1.7", Kind::Pdf, true),
        ("application/pdf", b"hello there", Kind::Text, true),
        ("image/png", b"<svg onload=alert(1)>", Kind::Text, true),
        ("image/svg+xml", b"<svg onload=alert(1)>", Kind::Text, false),
        ("text/html", b"<script>alert(1)</script>", Kind::Text, false),
        ("application/json", b"{\"a\":1}", Kind::Json, false),
        ("text/plain", b"{\"a\":1}", Kind::Text, false),
        ("application/json", b"PK\x03\x04rest", Kind::File, true),
        ("application/pdf", b"PK\x03\x04rest", Kind::File, true),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            b"PK\x03\x04rest",
            Kind::File,
            false,
        ),
        ("image/webp", b"\0\x01\x02\x03", Kind::File, true),
        ("audio/ogg", b"\0\x01\x02\x03", Kind::File, false),
        ("TEXT/CSV; header=present", b"a,b\n1,2\n", Kind::Table, false),
    ] {
        let view = show(declared, bytes);
        assert_eq!((view.kind, has(&view, keys::NOTICE_TYPE_DISAGREES)), (kind, said), "{declared} {bytes:?}");
    }
}

#[test]
fn markup_is_text() {
    for declared in ["image/svg+xml", "text/html", "application/xhtml+xml", "text/plain", ""] {
        let view = show(declared, b"<svg><script>alert(1)</script></svg>");
        assert_eq!(view.content_type, "text/plain", "a blob of another type could run");
        assert!(has(&view, keys::NOTICE_MARKUP));
        assert!(matches!(block(&view), Block::Text(text) if text.text.contains("<script>")));
    }
}

#[test]
fn json_that_is_none_is_shown_as_text_with_the_place() {
    let view = show("application/json", b"{\n\"a\": 1,\n}");
    let notice = view.notices.first().expect("a notice");
    assert_eq!(notice.key, keys::NOTICE_UNREADABLE);
    assert!(notice.args.contains(&("line", 3_usize.into())));
    assert!(matches!(block(&view), Block::Text(_)));
}

#[test]
fn depth_repeated_names_and_numbers_beyond_range() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    assert!(has(&show("application/json", deep.as_bytes()), keys::NOTICE_TOO_DEEP));
    let deep_fhir = r#"{"resourceType":"Bundle","entry":[{"resource":"#.repeat(20_000);
    assert!(has(&show("application/fhir+json", deep_fhir.as_bytes()), keys::NOTICE_TOO_DEEP));
    let nested =
        "{\"resourceType\":\"X\",\"a\":".to_owned() + &"[".repeat(90) + "1,{\"b\":[[2]]}" + &"]".repeat(90) + "}";
    assert_eq!(show("application/fhir+json", nested.as_bytes()).kind, Kind::Fhir);
    assert!(has(&show("application/json", br#"{"a":1,"a":2}"#), keys::NOTICE_DUPLICATES));
    let view = show("application/json", br#"[1e999,-0,123456789012345678901234567890,0.10000000000000000000001]"#);
    let Block::Tree(tree) = block(&view) else { panic!("{view:?}") };
    let shown: Vec<&str> = tree.nodes.iter().skip(1).map(|node| node.text.as_str()).collect();
    assert_eq!(shown, ["1e999", "-0", "123456789012345678901234567890", "0.10000000000000000000001"]);
}

#[test]
fn what_hides_or_turns_text_is_shown() {
    let view = show("text/plain", "pay \u{202e}001\u{202c} €\0\u{1b}[31m".as_bytes());
    // A NUL makes it no text at all.
    assert_eq!(view.kind, Kind::File);
    let view = show("text/plain", "pay \u{202e}001\u{202c} €".as_bytes());
    assert!(has(&view, keys::NOTICE_CONTROLS));
    assert!(matches!(block(&view), Block::Text(text) if text.text == "pay ⟨U+202E⟩001⟨U+202C⟩ €"));
    let view = show(
        "application/fhir+json",
        br#"{"resourceType":"Patient\u202e","name":[{"family":"A\u0000\u001b"}],"\u202ex":"y"}"#,
    );
    assert!(has(&view, keys::NOTICE_CONTROLS));
}

#[test]
fn bytes_that_are_not_utf8_are_said() {
    assert!(has(&show("text/plain", b"Gr\xfc\xdfe"), keys::NOTICE_CHARSET_GUESSED));
    assert!(has(&show("text/plain; charset=utf-8", b"Gr\xc3\xbc\xdfe"), keys::NOTICE_NOT_UTF8));
    assert!(show("text/plain; charset=ISO-8859-1", b"Gr\xfc\xdfe").notices.is_empty());
    assert!(show("text/csv;charset=\"windows-1252\"", b"Gr\xfc\xdfe,b\n1,2\n").notices.is_empty());
}

#[test]
fn strange_dates_are_dates_or_text() {
    for date in [
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "2026-02-30",
        "2026-13-01",
        "not a date",
        "99999-01-01",
        "2026-11-09T25:00:00Z",
    ] {
        let patient = format!(r#"{{"resourceType":"Patient","birthDate":"{date}"}}"#);
        assert_eq!(show("", patient.as_bytes()).kind, Kind::Fhir);
        let table = format!("time,value\n{date},1\n2026-11-10,2\n{date},3\n2026-11-11,4\n2026-11-12,5\n");
        show("text/csv", table.as_bytes());
        let observation = |date: &str| {
            format!(
                r#"{{"resourceType":"Observation","code":{{"text":"x"}},"effectiveDateTime":"{date}","valueInteger":1}}"#
            )
        };
        show("application/fhir+json", format!("[{},{}]", observation(date), observation("2026-11-09")).as_bytes());
    }
}

#[test]
fn references_that_go_in_circles_are_only_names() {
    let view = show(
        "application/fhir+json",
        br##"{"resourceType":"Bundle","entry":[
        {"resource":{"resourceType":"Observation","id":"a","code":{"text":"x"},"hasMember":[{"reference":"Observation/b"}]}},
        {"resource":{"resourceType":"Observation","id":"b","code":{"text":"y"},"hasMember":[{"reference":"Observation/a"},{"reference":"#b"}]}}]}"##,
    );
    assert_eq!(view.blocks.len(), 3);
}

#[test]
fn nothing_and_next_to_nothing() {
    for declared in
        ["", "text/plain", "application/json", "text/csv", "application/fhir+json", "image/png", "application/pdf"]
    {
        for bytes in [&b""[..], b" ", b"\n", b"\xef\xbb\xbf", b"\0", b"\xff\xfe", b"{}", b"[]", b"null", b"\""] {
            assert!(!show(declared, bytes).blocks.is_empty(), "{declared} {bytes:?}");
        }
    }
    assert!(has(&show("text/plain", b""), keys::NOTICE_EMPTY));
}

#[test]
fn volume_is_bounded() {
    let five = 5 * 1024 * 1024;
    let mut csv = "time,Heart rate (bpm),Steps\n".to_owned();
    let mut second = 0_u32;
    while csv.len() < five {
        csv.push_str(&format!("{},{},{}\n", 1_794_200_000 + second, 60 + second % 40, second % 3));
        second += 1;
    }
    let view = show("text/csv", csv.as_bytes());
    assert_eq!(view.kind, Kind::Series);
    assert!(view.blocks.iter().any(
        |block| matches!(block, Block::Table(table) if table.total_rows == usize::try_from(second).expect("a count"))
    ));
    assert!(serde_json::to_vec(&view).expect("serialises").len() < 2 * 1024 * 1024);

    let mut bundle = r#"{"resourceType":"Bundle","entry":["#.to_owned();
    let mut day = 0_u32;
    while bundle.len() < five {
        bundle.push_str(&format!(
            r#"{}{{"resource":{{"resourceType":"Observation","id":"o{day}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{}","display":"Test {}"}}]}},
            "effectiveDateTime":"20{:02}-{:02}-{:02}T08:00:00Z","valueQuantity":{{"value":{}.50,"unit":"mmol/L"}}}}}}"#,
            if day == 0 { "" } else { "," },
            day % 20, day % 20, day % 100, day % 12 + 1, day % 28 + 1, day % 9
        ));
        day += 1;
    }
    bundle.push_str("]}");
    let view = show("application/fhir+json", bundle.as_bytes());
    assert_eq!(view.blocks.iter().filter(|block| matches!(block, Block::Chart(_))).count(), 20);
    assert!(serde_json::to_vec(&view).expect("serialises").len() < 4 * 1024 * 1024);
}

#[test]
fn one_huge_value_of_each_kind() {
    let huge = "y".repeat(40 * 1024 * 1024);
    assert!(has(&show("text/plain", huge.as_bytes()), keys::NOTICE_TEXT_CUT));
    assert!(has(&show("application/json", format!("\"{huge}\"").as_bytes()), keys::NOTICE_TOO_LARGE));
    assert!(has(&show("text/csv", format!("a,b\n1,{huge}").as_bytes()), keys::NOTICE_ROW_TOO_LONG));
    let large = "\u{202e}".repeat(3 * 1024 * 1024);
    let view = show("application/json", format!("[{}]", vec![format!("\"{large}\""); 3].join(",")).as_bytes());
    assert!(has(&view, keys::NOTICE_VALUES_CUT));
    assert!(serde_json::to_vec(&view).expect("serialises").len() < 100_000);
    // Many long values together stay within the budget of a view.
    let cell = "z".repeat(CELL_CHARS);
    let many = "a,b\n".to_owned() + &format!("{cell},{cell}\n").repeat(4_000);
    let view = show("text/csv", many.as_bytes());
    assert!(has(&view, keys::NOTICE_VALUES_CUT));
    let Some(Block::Table(table)) = view.blocks.last() else { panic!("no table") };
    let shown: usize =
        table.rows.iter().flatten().map(|cell| if let Words::Data(text) = cell { text.len() } else { 0 }).sum();
    assert!(shown <= VIEW_CHARS + 3 * 8_000, "{shown}");
    let list = format!(r#"{{"resourceType":"X","a":[{}0]}}"#, "0,".repeat(900_000));
    assert!(serde_json::to_vec(&show("", list.as_bytes())).expect("serialises").len() < 100_000);
    let binary = vec![0_u8; 100 * 1024 * 1024];
    assert!(matches!(block(&show("text/plain", &binary)), Block::Download));
}

/// JSON made of the words that the readers look for, in every wrong place.
fn near_health_data() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "resourceType",
        "Bundle",
        "Observation",
        "Patient",
        "entry",
        "resource",
        "component",
        "code",
        "coding",
        "text",
        "display",
        "value",
        "valueQuantity",
        "valueSampledData",
        "unit",
        "effectiveDateTime",
        "effectivePeriod",
        "start",
        "end",
        "2026-11-09",
        "2026-11-09T08:00:00Z",
        "origin",
        "period",
        "data",
        "1 2 E 3",
        "dimensions",
        "factor",
        "referenceRange",
        "low",
        "high",
        "interpretation",
        "extension",
        "url",
        "header",
        "schema_id",
        "name",
        "body",
        "effective_time_frame",
        "time_interval",
        "duration",
        "date_time",
        "heart_rate",
        "min",
        "div",
        "<b>&#1;",
        "contained",
        "identifier",
        "system",
        "repeat",
        "frequency",
        "dosageInstruction",
        "MedicationRequest",
        "family",
        "_birthDate",
        "\\u202e",
    ]);
    let string = word.prop_map(|word| format!("\"{word}\"")).boxed();
    let name = string.clone();
    let leaf = prop_oneof![
        4 => string,
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
        2 => prop::sample::select(vec!["0", "-1.50", "1e999", "99999999999999999999", "2"]).prop_map(str::to_owned),
    ];
    let tree = leaf.prop_recursive(8, 200, 10, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            3 => prop::collection::vec((name.clone(), inner), 0..10)
                .prop_map(|members| format!("{{{}}}", members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(","))),
        ]
    });
    let head = prop::sample::select(vec![
        r#"{"resourceType":"Observation","effectiveDateTime":"2026-11-09T08:00:00Z","#,
        r#"{"resourceType":"Patient","#,
        r#"{"resourceType":"Bundle","#,
        r#"{"header":{"schema_id":{"name":"x"}},"#,
    ]);
    (head, prop::collection::vec((tree, 0..4_usize), 1..6)).prop_map(|(head, parts)| {
        let names = ["\"component\"", "\"entry\"", "\"body\"", "\"valueSampledData\""];
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(tree, name)| format!("{}:{tree}", names.get(name).copied().unwrap_or("\"x\"")))
            .collect();
        format!("{head}{}}}", parts.join(","))
    })
}

proptest! {
    #[test]
    fn any_bytes_under_any_type(
        declared in prop::sample::select(vec!["", "text/plain", "text/csv", "application/json", "application/fhir+json", "application/ndjson", "image/png", "text/plain;charset=utf-16", "x"]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        show(declared, &bytes);
    }

    #[test]
    fn any_text_under_any_type(
        declared in prop::sample::select(vec!["", "text/plain", "text/csv", "application/json", "text/plain;charset=latin1"]),
        text in "[\\PC\n\r\t\u{202e}\u{1b}]{0,300}",
    ) {
        show(declared, text.as_bytes());
    }

    #[test]
    fn anything_like_health_data(json in near_health_data()) {
        let view = show("application/json", json.as_bytes());
        prop_assert!(!has(&view, keys::NOTICE_UNREADABLE), "the generator writes JSON: {json}");
    }

    #[test]
    fn any_table_of_times(rows in prop::collection::vec(("(20[0-9]{2}-[01][0-9]-[0-3][0-9]|1794[0-9]{6}|[0-9.:+TZ-]{0,20})", "[0-9eE.,+-]{0,8}", "[a-z]{0,2}"), 0..40)) {
        let text = rows.iter().fold("time,value,word\n".to_owned(), |text, (time, value, word)| format!("{text}{time},{value},{word}\n"));
        show("text/csv", text.as_bytes());
    }
}
